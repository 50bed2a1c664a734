//! Conferences over HTTP: rooms, members, and calls of two that become one of several.

use crate::call::{CALLEE, CALLER, Call, Found, Originate, Outcome, Rest, Rights};
use crate::conference::Act;
use crate::route::Caller;
use crate::vocab::command::Page;
use crate::vocab::conference::{
    Conference, ConferenceChange, ConferenceOrder, ConferenceView, MemberView, Parties,
};
use crate::vocab::record::EndCause;
use crate::vocab::{
    CallId, CommandError, ConferenceKey, Done, ExtensionKey, Hop, Identity, Now, Principal, Reply,
    Role,
};

use super::Running;
use super::conference::{attendance, expected};
use super::orders::busy;
use super::queries::MAX_ROWS;

impl Running {
    pub(super) fn order_conference(
        &mut self,
        now: Now,
        principal: &Principal,
        order: ConferenceOrder,
    ) -> Result<Done, CommandError> {
        self.may_order(principal, &order)?;
        let key = |name: String| ConferenceKey { tenant: principal.tenant.clone(), name };
        match order {
            ConferenceOrder::Create(config) => self.create_room(now, *config),
            ConferenceOrder::Invite { room, to, rights, muted } => {
                let room = self.known_room(now, key(room))?;
                self.invite(now, room, &to, rights, muted)
            }
            ConferenceOrder::Move { room, call, who } => {
                let room = self.known_room(now, key(room))?;
                self.movable(principal, call)?;
                self.move_parties(now, &room, call, who)
            }
            ConferenceOrder::Add { call, to, rights } => {
                self.movable(principal, call)?;
                self.add_party(now, principal, call, &to, rights)
            }
            ConferenceOrder::Change { room, locked, recording, muted } => {
                let room = self.open_already(key(room))?;
                self.change_room(now, &room, locked, recording, muted)
            }
            ConferenceOrder::Mute { room, call, muted } => {
                let room = self.open_already(key(room))?;
                let live = self.conferences.live.get_mut(&room);
                let acts = live.and_then(|live| live.room.mute(call, muted));
                let acts = acts.ok_or_else(|| no_member(call))?;
                if !acts.is_empty() {
                    self.muted(now, call, &room, muted, acts);
                }
                Ok(Done::Ordered)
            }
            ConferenceOrder::Kick { room, call } => {
                let room = self.open_already(key(room))?;
                let there = self.conferences.guests.get(&call).is_some_and(|own| own.room == room);
                if !there {
                    return Err(no_member(call));
                }
                self.put_out(now, call, EndCause::Administrative);
                Ok(Done::Ordered)
            }
            ConferenceOrder::Announce { room, prompts } => {
                let room = self.open_already(key(room))?;
                self.announce(&room, prompts)
            }
            ConferenceOrder::End { room } => {
                let room = self.open_already(key(room))?;
                let guests = self.conferences.guests.iter();
                let all: Vec<CallId> =
                    guests.filter(|(_, own)| own.room == room).map(|(call, _)| *call).collect();
                if all.is_empty() {
                    self.conferences.close(&room);
                }
                for call in all {
                    self.put_out(now, call, EndCause::Administrative);
                }
                Ok(Done::Ordered)
            }
        }
    }

    /// Keys of supervisors and admins order everything; users and agents make a call of their own one of three, and mute
    /// and take out themselves.
    fn may_order(
        &self,
        principal: &Principal,
        order: &ConferenceOrder,
    ) -> Result<(), CommandError> {
        let Some(own) = principal.limited_to() else {
            return match principal.role {
                Role::ReadOnly => Err(CommandError::Forbidden("the key may only read".into())),
                _ => Ok(()),
            };
        };
        let is_own = |call: &CallId| self.calls.get(*call).is_some_and(|call| call.involves(&own));
        let may = match order {
            ConferenceOrder::Add { rights, .. } => *rights == own.number,
            ConferenceOrder::Mute { call, .. } | ConferenceOrder::Kick { call, .. } => {
                if !is_own(call) {
                    return Err(no_member(*call));
                }
                true
            }
            _ => false,
        };
        let text = "the key may only order about calls of its own extension";
        may.then_some(()).ok_or_else(|| CommandError::Forbidden(text.into()))
    }

    /// A conversation that the key sees.
    fn movable(&self, principal: &Principal, id: CallId) -> Result<(), CommandError> {
        let call = self.calls.get(id).filter(|call| call.is_live() && principal.sees(call));
        let Some(call) = call else {
            return Err(CommandError::NotFound(format!("no live call {id}")));
        };
        if !call.is_settled_talk() {
            return Err(CommandError::Conflict(format!("in call {id} nobody talks (yet)")));
        }
        Ok(())
    }

    fn open_already(&self, key: ConferenceKey) -> Result<ConferenceKey, CommandError> {
        match self.conferences.live.contains_key(&key) {
            true => Ok(key),
            false if self.books.directory.conference(&key).is_some() => {
                Err(CommandError::Conflict(format!("nobody is in conference {}", key.name)))
            }
            false => Err(CommandError::NotFound(format!("no conference {}", key.name))),
        }
    }

    fn known_room(&mut self, now: Now, key: ConferenceKey) -> Result<ConferenceKey, CommandError> {
        if let Some(config) = self.books.directory.conference(&key).cloned()
            && !self.open_room(now, config, true)
        {
            return Err(too_many_rooms());
        }
        self.open_already(key)
    }

    fn create_room(&mut self, now: Now, config: Conference) -> Result<Done, CommandError> {
        let key = &config.key;
        if self.conferences.live.contains_key(key) || self.books.directory.conference(key).is_some()
        {
            return Err(CommandError::Conflict(format!("there is a conference {}", key.name)));
        }
        match self.open_room(now, config, false) {
            true => Ok(Done::Defined),
            false => Err(too_many_rooms()),
        }
    }

    /// Rings a number under an extension's rights, and takes it into the room.
    fn invite(
        &mut self,
        now: Now,
        room: ConferenceKey,
        to: &str,
        rights: String,
        muted: bool,
    ) -> Result<Done, CommandError> {
        let own = ExtensionKey { tenant: room.tenant.clone(), number: rights };
        let mut plan =
            self.books.directory.plan(Caller::Extension(&own), to, None).map_err(|why| {
                let text = format!("{to}: {why}; it must be what {} could dial", own.number);
                CommandError::Invalid(text)
            })?;
        self.books.trunks.living_first(&mut plan.hops);
        let host = self.books.directory.host(&room.tenant);
        let from = format!("\"Conference {}\" <sip:{}@{host}>", room.name, own.number);
        let shown = Identity { from, asserted: None, privacy: None };
        let identity = |hop: &Hop| match hop {
            Hop::Trunk { .. } => {
                self.books.directory.identity(Caller::Extension(&own), hop, plan.hide_number, None)
            }
            _ => shown.clone(),
        };
        let places: Vec<(Hop, Identity)> =
            plan.hops.iter().map(|hop| (hop.clone(), identity(hop))).collect();
        let found = places.into_iter().find_map(|(hop, identity)| match hop {
            Hop::Extension(key) => match self.locate_extension(&key, identity) {
                Found::Ring(place) => Some((Rights::Extension(key), place)),
                _ => None,
            },
            Hop::Trunk { trunk, number } => {
                match self.locate_trunk(&trunk, &number, identity, false) {
                    Found::Ring(place) => Some((Rights::Extension(own.clone()), place)),
                    _ => None,
                }
            }
            _ => None,
        });
        let Some((carried, first)) = found else {
            return Err(CommandError::Conflict(format!("{to} cannot be rung now")));
        };
        self.admit(&carried, false).map_err(|why| busy(&why))?;
        plan.hops.clear();
        let mut common = self.common(&carried, plan, None);
        common.caller = first.party.clone();
        if let Some(live) = self.conferences.live.get(&room) {
            common.interaction = live.interaction;
            common.near = live.worker.or(common.near);
        }
        let attend = Some(attendance(&room));
        self.counters.call_started();
        let call = Call::originate(&mut self.desk.ctx(now), Originate { first, attend, common });
        let done = Done::Originated { call: call.id, interaction: call.interaction };
        self.conferences.welcome(call.id, room, expected(now, muted));
        self.take_in(now, call);
        Ok(done)
    }

    /// Takes parties of a conversation into a room, without a PIN: whoever orders it vouches for them.
    fn move_parties(
        &mut self,
        now: Now,
        room: &ConferenceKey,
        call: CallId,
        who: Parties,
    ) -> Result<Done, CommandError> {
        let cannot = || CommandError::Conflict("the parties cannot be moved now".into());
        let outcome = Outcome::of(EndCause::Conferenced);
        let first = match who {
            Parties::Caller => CALLER,
            Parties::Callee | Parties::Both => CALLEE,
        };
        let rest = if who == Parties::Both { Rest::Keep } else { Rest::End(outcome) };
        let mut moved = vec![self.take_out(now, call, first, rest).ok_or_else(cannot)?];
        if who == Parties::Both {
            moved.extend(self.take_out(now, call, CALLER, Rest::End(outcome)));
        }
        for loose in moved {
            let id = self.hold_alone(now, loose, attendance(room));
            self.conferences.welcome(id, room.clone(), expected(now, false));
        }
        Ok(Done::Ordered)
    }

    /// A call of two becomes a conference of three.
    fn add_party(
        &mut self,
        now: Now,
        principal: &Principal,
        call: CallId,
        to: &str,
        rights: String,
    ) -> Result<Done, CommandError> {
        let key = ConferenceKey { tenant: principal.tenant.clone(), name: format!("call-{call}") };
        let mut config = Conference::named(key.clone());
        config.announce = false;
        self.create_room(now, config)?;
        // Rung first: where that cannot be, the call stays as it is.
        let done = match self.invite(now, key.clone(), to, rights, false) {
            Ok(done) => done,
            Err(error) => {
                self.conferences.close(&key);
                return Err(error);
            }
        };
        self.move_parties(now, &key, call, Parties::Both)?;
        Ok(done)
    }

    fn change_room(
        &mut self,
        now: Now,
        key: &ConferenceKey,
        locked: Option<bool>,
        recording: Option<bool>,
        muted: Option<bool>,
    ) -> Result<Done, CommandError> {
        let mut acts: Vec<Act> = Vec::new();
        let Some(live) = self.conferences.live.get_mut(key) else { return Ok(Done::Ordered) };
        if let Some(on) = recording {
            let act = live.room.record(on).map_err(|_| {
                CommandError::Conflict("a conference is recorded from two members on".into())
            })?;
            acts.extend(act);
        }
        acts.extend(muted.map(|muted| live.room.mute_all(muted)).unwrap_or_default());
        let changed = locked.filter(|locked| *locked != live.room.locked);
        live.room.locked = locked.unwrap_or(live.room.locked);
        for act in &acts {
            if let (Act::Place { call, .. }, Some(muted)) = (act, muted) {
                self.publish_room(now, key, ConferenceChange::Muted { call: *call, muted });
            }
        }
        if let Some(locked) = changed {
            self.publish_room(now, key, ConferenceChange::Locked { locked });
        }
        self.act_for_room(now, key, acts);
        Ok(Done::Ordered)
    }

    fn announce(
        &mut self,
        key: &ConferenceKey,
        prompts: Vec<String>,
    ) -> Result<Done, CommandError> {
        let Some(live) = self.conferences.live.get(key).filter(|own| own.worker.is_some()) else {
            return Err(CommandError::Conflict(format!("nobody is in conference {}", key.name)));
        };
        if live.room.members().is_empty() {
            return Err(CommandError::Conflict(format!("nobody is in conference {}", key.name)));
        }
        let (mix, worker) = (live.mix, live.worker.unwrap_or_default());
        let play = self.desk.ids.play();
        let heard_by = media::order::Voices(1);
        let order = media::order::Order::PlayInMix { mix, play, prompts, heard_by };
        self.desk.out.media(worker, order);
        Ok(Done::Ordered)
    }

    pub(super) fn conferences_page(
        &self,
        now: Now,
        principal: &Principal,
        offset: usize,
        limit: usize,
    ) -> Reply {
        let configured = self.books.directory.config().conferences.iter().map(|room| &room.key);
        let mut keys: Vec<&ConferenceKey> =
            configured.chain(self.conferences.live.keys()).collect();
        keys.retain(|key| key.tenant == principal.tenant);
        keys.sort();
        keys.dedup();
        let all: Vec<ConferenceView> = keys
            .into_iter()
            .filter_map(|key| self.conference_view(key))
            .filter(|view| self.sees_room(principal, view))
            .collect();
        let total = all.len();
        let items = all.into_iter().skip(offset).take(limit.min(MAX_ROWS)).collect();
        Reply::Conferences(Page { items, total, as_of: now.wall })
    }

    pub(super) fn one_conference(&self, principal: &Principal, name: String) -> Reply {
        let key = ConferenceKey { tenant: principal.tenant.clone(), name };
        match self.conference_view(&key).filter(|view| self.sees_room(principal, view)) {
            Some(view) => Reply::Conference(Box::new(view)),
            None => {
                let text = format!("no conference {}", key.name);
                Reply::Refused(CommandError::NotFound(text))
            }
        }
    }

    fn sees_room(&self, principal: &Principal, view: &ConferenceView) -> bool {
        let Some(own) = principal.limited_to() else { return true };
        let is_own = |call: CallId| self.calls.get(call).is_some_and(|call| call.involves(&own));
        view.members.iter().any(|member| is_own(member.call))
    }

    fn conference_view(&self, key: &ConferenceKey) -> Option<ConferenceView> {
        let live = self.conferences.live.get(key);
        let configured = self.books.directory.conference(key);
        let config = live.map(|live| live.room.config()).or(configured)?;
        let members = live.map_or(&[][..], |live| live.room.members());
        let member = |own: &crate::conference::Member| {
            let call = self.calls.get(own.call)?;
            let (party, joined_at) = (call.party(CALLER), own.joined_at);
            let (call, admin, muted, held) = (own.call, own.admin, own.muted, own.held);
            Some(MemberView { call, party, admin, muted, held, joined_at })
        };
        let tape = live.and_then(|live| self.conferences.tapes.get(&live.recording?));
        Some(ConferenceView {
            key: key.clone(),
            number: config.number.clone(),
            from_file: configured.is_some(),
            pin: config.pin.is_some() || config.admin_pin.is_some(),
            max_members: config.max_members,
            interaction: live.and_then(|live| live.interaction),
            locked: live.is_some_and(|live| live.room.locked),
            recording: tape.map(|tape| tape.path.clone()),
            members: members.iter().filter_map(member).collect(),
        })
    }
}

fn no_member(call: CallId) -> CommandError {
    CommandError::NotFound(format!("call {call} is in no such conference"))
}

fn too_many_rooms() -> CommandError {
    let what = "the switch has as many conferences as it may".to_owned();
    CommandError::Busy { retry_after: 60, what }
}
