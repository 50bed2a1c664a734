//! Conferences: brings attended calls and rooms together.
//!
//! A guest is an attended call: at the door of a room, on its way in by order, or a member. All members of a room lie on the
//! worker of the first one; who comes from another is brought there.

use std::collections::{BTreeMap, BTreeSet};

use media::order::{MixId, Order, PlayId, RecordingId, Voices};

use crate::call::{AnswerMode, Attendance, Call, Found, Note, Outcome, Voicing};
use crate::conference::{Act, EMPTY_LIMIT, Entry, EntryAct, Heard, MAX_ROOMS, Refused, Room};
use crate::vocab::conference::{Conference, ConferenceChange};
use crate::vocab::event::Attempt;
use crate::vocab::record::EndCause;
use crate::vocab::{CallId, ConferenceKey, EventKind, InteractionId, Now, WorkerId};

use super::Running;

/// The one voice of a room.
const VOICE: Voices = Voices(1);
const NO_VOICE: Voices = Voices(0);
/// Somebody on its way in is heard after so long at most.
const JOIN_LIMIT: u64 = 120 * 1_000_000_000;

/// Everything about conferences.
#[derive(Debug, Default)]
pub(super) struct Conferences {
    pub(super) live: BTreeMap<ConferenceKey, Live>,
    pub(super) guests: BTreeMap<CallId, Guest>,
    due: BTreeSet<(u64, CallId)>,
    /// When it is looked whether anybody is in a room.
    looks: BTreeSet<(u64, ConferenceKey)>,
    pub(super) tapes: BTreeMap<RecordingId, super::conference_tape::Tape>,
}

/// A room that has somebody, or was made by order.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) room: Room,
    pub(super) from_file: bool,
    pub(super) mix: MixId,
    pub(super) worker: Option<WorkerId>,
    pub(super) interaction: Option<InteractionId>,
    /// Gone then if nobody is there or on its way.
    empty_at: u64,
    pub(super) recording: Option<RecordingId>,
}

/// Somebody in a room or before it.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) room: ConferenceKey,
    pub(super) stage: Stage,
    saying: Option<PlayId>,
    due: Option<u64>,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// At the door.
    Entering(Box<Entry>),
    /// Rung or moved by order: comes in as soon as it can be heard.
    Expected { muted: bool, until: u64 },
    /// In the room.
    Member,
}

impl Conferences {
    /// When something is due; monotonic nanoseconds.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let look = self.looks.first().map(|(at, _)| *at);
        self.due.first().map(|(at, _)| *at).into_iter().chain(look).min()
    }

    /// A room is there no longer.
    pub(super) fn close(&mut self, key: &ConferenceKey) {
        if let Some(live) = self.live.remove(key) {
            self.looks.remove(&(live.empty_at, key.clone()));
        }
    }

    /// Rooms that have been made and have nobody close; the others are looked at again.
    fn look_at_rooms(&mut self, now: Now) {
        while let Some((at, _)) = self.looks.first()
            && *at <= now.mono
        {
            let Some((_, key)) = self.looks.pop_first() else { return };
            let Some(live) = self.live.get_mut(&key) else { continue };
            let expected = || self.guests.values().any(|guest| guest.room == key);
            if live.room.members().is_empty() && !expected() {
                self.live.remove(&key);
                continue;
            }
            live.empty_at = now.mono.saturating_add(EMPTY_LIMIT);
            self.looks.insert((live.empty_at, key));
        }
    }

    /// Nobody is there; rooms made by order wait for somebody all the same.
    pub(super) fn is_idle(&self) -> bool {
        self.guests.is_empty() && self.tapes.is_empty()
    }

    pub(super) fn welcome(&mut self, call: CallId, room: ConferenceKey, stage: Stage) {
        self.forget(call);
        self.guests.insert(call, Guest { room, stage, saying: None, due: None });
        self.set_due(call);
    }

    pub(super) fn forget(&mut self, call: CallId) -> Option<Guest> {
        let guest = self.guests.remove(&call)?;
        if let Some(at) = guest.due {
            self.due.remove(&(at, call));
        }
        Some(guest)
    }

    fn set_due(&mut self, call: CallId) {
        let Some(guest) = self.guests.get_mut(&call) else { return };
        let fresh = match &guest.stage {
            Stage::Entering(entry) => Some(entry.deadline()),
            Stage::Expected { until, .. } => Some(*until),
            Stage::Member => None,
        };
        if let Some(before) = std::mem::replace(&mut guest.due, fresh) {
            self.due.remove(&(before, call));
        }
        self.due.extend(fresh.map(|at| (at, call)));
    }

    fn members(&self, key: &ConferenceKey) -> &[crate::conference::Member] {
        self.live.get(key).map_or(&[], |own| own.room.members())
    }
}

impl Running {
    /// A call comes to a room by its number or a destination.
    pub(super) fn enter_conference(&mut self, now: Now, id: CallId, key: &ConferenceKey) -> Found {
        let config = self.books.directory.conference(key).cloned();
        let known = config.map(|config| self.open_room(now, config, true));
        if known == Some(false) {
            return Found::Nothing(Outcome::of(EndCause::Congestion));
        }
        let language = self.calls.get(id).map_or("en", |call| call.language.as_str());
        let Some(live) = self.conferences.live.get(key) else {
            return Found::Nothing(Outcome::of(EndCause::NotFound));
        };
        let entry = Entry::new(now, live.room.config(), language);
        self.conferences.welcome(id, key.clone(), Stage::Entering(Box::new(entry)));
        Found::Attend(attendance(key))
    }

    /// A room is there from now on, if it was not. False where there are too many.
    pub(super) fn open_room(&mut self, now: Now, config: Conference, from_file: bool) -> bool {
        let conferences = &mut self.conferences;
        if conferences.live.contains_key(&config.key) {
            return true;
        }
        if conferences.live.len() >= MAX_ROOMS {
            return false;
        }
        let live = Live {
            mix: self.desk.ids.mix(),
            worker: None,
            interaction: None,
            empty_at: now.mono.saturating_add(EMPTY_LIMIT),
            recording: None,
            from_file,
            room: Room::new(config.clone()),
        };
        conferences.looks.insert((live.empty_at, config.key.clone()));
        conferences.live.insert(config.key, live);
        true
    }

    /// The call that somebody who comes into a room joins: they are one story.
    pub(super) fn companion_in(&self, key: &ConferenceKey) -> Option<CallId> {
        self.conferences.members(key).first().map(|member| member.call)
    }

    /// Something happened to a guest.
    pub(super) fn conference_heeds(&mut self, now: Now, id: CallId, note: &Note) -> bool {
        let Some(guest) = self.conferences.guests.get_mut(&id) else { return false };
        if matches!(note, Note::Reached | Note::NotReached(_)) {
            // Whoever sent the call here hears of it.
            return false;
        }
        let key = guest.room.clone();
        match (&mut guest.stage, note) {
            (_, Note::CallerGone) => self.gone(now, id),
            (Stage::Expected { muted, .. }, Note::Attended) => {
                let muted = *muted;
                self.admit_guest(now, id, &key, false, muted);
            }
            (Stage::Entering(entry), note) => {
                let heard = match *note {
                    Note::Attended => Heard::Attended,
                    Note::Said { play, .. } if guest.saying == Some(play) => Heard::Said,
                    Note::Key(key) => Heard::Key(key),
                    _ => return true,
                };
                let acts = entry.on(now, heard);
                self.act_at_door(now, id, &key, acts);
            }
            (Stage::Member, Note::Key(digit)) => {
                let live = self.conferences.live.get_mut(&key);
                if let Some((muted, acts)) = live.and_then(|live| live.room.key(id, *digit)) {
                    self.muted(now, id, &key, muted, acts);
                }
            }
            (Stage::Member, Note::Held(held)) => {
                let live = self.conferences.live.get_mut(&key);
                let acts = live.and_then(|live| live.room.hold(id, *held)).unwrap_or_default();
                self.act_for_room(now, &key, acts);
            }
            (Stage::Member, Note::Said { play, .. }) if guest.saying == Some(*play) => {
                guest.saying = None;
                self.music_if_alone(now, id, &key);
            }
            _ => {}
        }
        true
    }

    fn act_at_door(&mut self, now: Now, id: CallId, key: &ConferenceKey, acts: Vec<EntryAct>) {
        self.conferences.set_due(id);
        for act in acts {
            match act {
                EntryAct::Say(prompts) => self.say_to_member(now, id, prompts, false),
                EntryAct::Hush => self.step(now, id, Call::hush),
                EntryAct::Enter { admin } => self.admit_guest(now, id, key, admin, false),
                EntryAct::HangUp => self.put_out(now, id, EndCause::Normal),
            }
        }
    }

    fn say_to_member(&mut self, now: Now, id: CallId, prompts: Vec<String>, repeat: bool) {
        let mut play = None;
        self.step(now, id, |call, ctx| play = call.say(ctx, prompts, repeat));
        if let Some(guest) = self.conferences.guests.get_mut(&id) {
            guest.saying = play;
        }
    }

    /// Somebody may come in, if there is room.
    fn admit_guest(&mut self, now: Now, id: CallId, key: &ConferenceKey, admin: bool, muted: bool) {
        let Some(live) = self.conferences.live.get_mut(key) else {
            return self.put_out(now, id, EndCause::Failed);
        };
        if let Err(refused) = live.room.admits(admin) {
            return self.turn_away(now, id, refused);
        }
        let Some(call) = self.calls.get(id) else { return };
        let worker = *live.worker.get_or_insert(call.worker());
        let story = *live.interaction.get_or_insert(call.interaction);
        let party = call.party(crate::call::CALLER);
        let mut brought = false;
        self.step(now, id, |call, ctx| {
            call.join_story(story);
            call.arrived(ctx);
            call.hush(ctx);
            brought = call.bring_to(ctx, worker);
        });
        if !brought {
            return self.put_out(now, id, EndCause::Congestion);
        }
        if let Some(guest) = self.conferences.guests.get_mut(&id) {
            guest.stage = Stage::Member;
            guest.saying = None;
        }
        self.conferences.set_due(id);
        let Some(live) = self.conferences.live.get_mut(key) else { return };
        let acts = live.room.join(id, admin, muted, now.wall);
        self.publish_room(now, key, ConferenceChange::Joined { call: id, party });
        self.act_for_room(now, key, acts);
    }

    fn turn_away(&mut self, now: Now, id: CallId, refused: Refused) {
        let words = match refused {
            Refused::Full => "conference/full",
            Refused::Locked => "conference/locked",
        };
        let language = self.calls.get(id).map_or("en", |call| call.language.as_str()).to_owned();
        let Some(guest) = self.conferences.guests.get_mut(&id) else { return };
        let key = guest.room.clone();
        let nobody = Conference::named(key.clone());
        let mut entry = Box::new(Entry::new(now, &nobody, &language));
        let acts = entry.refuse(now, words);
        guest.stage = Stage::Entering(entry);
        self.act_at_door(now, id, &key, acts);
    }

    /// Does what a room wants.
    pub(super) fn act_for_room(&mut self, now: Now, key: &ConferenceKey, acts: Vec<Act>) {
        for act in acts {
            let Some(live) = self.conferences.live.get(key) else { return };
            let (mix, worker) = (live.mix, live.worker.unwrap_or_default());
            match act {
                Act::Place { call, heard } => {
                    let speaks = if heard { VOICE } else { NO_VOICE };
                    let place = Voicing { speaks, hears: VOICE };
                    self.step(now, call, |call, ctx| {
                        call.join_mix(ctx, mix, place);
                    });
                }
                Act::Music { call, on: true } => {
                    let config = live.room.config().music.clone();
                    let music = config.unwrap_or_else(|| self.desk.policy.hold_music(&key.tenant));
                    self.say_to_member(now, call, vec![music], true);
                }
                Act::Music { call, on: false } => self.step(now, call, Call::hush),
                Act::Tone(name) => {
                    let (play, prompts) = (self.desk.ids.play(), vec![name.to_owned()]);
                    let order = Order::PlayInMix { mix, play, prompts, heard_by: VOICE };
                    self.desk.out.media(worker, order);
                }
                Act::Record => self.begin_tape(now, key),
                Act::StopRecording => self.end_tape(key),
            }
        }
    }

    fn music_if_alone(&mut self, now: Now, id: CallId, key: &ConferenceKey) {
        if self.conferences.members(key).len() == 1 {
            self.act_for_room(now, key, vec![Act::Music { call: id, on: true }]);
        }
    }

    /// Says to a member whether it is heard, and does what follows.
    pub(super) fn muted(
        &mut self,
        now: Now,
        id: CallId,
        key: &ConferenceKey,
        muted: bool,
        acts: Vec<Act>,
    ) {
        self.act_for_room(now, key, acts);
        self.publish_room(now, key, ConferenceChange::Muted { call: id, muted });
        let word = if muted { "conference/muted" } else { "conference/unmuted" };
        let said = self.calls.get(id).map(|call| crate::voice::prompt(&call.language, word));
        if let Some(said) = said {
            self.say_to_member(now, id, said, false);
        }
    }

    /// A guest's call is over.
    fn gone(&mut self, now: Now, id: CallId) {
        let Some(guest) = self.conferences.forget(id) else { return };
        if !matches!(guest.stage, Stage::Member) {
            self.publish_failure(now, id, Attempt::Conference);
            return self.close_if_empty(now, &guest.room);
        }
        let live = self.conferences.live.get_mut(&guest.room);
        let acts = live.map(|live| live.room.leave(id)).unwrap_or_default();
        self.publish_room(now, &guest.room, ConferenceChange::Left { call: id });
        self.act_for_room(now, &guest.room, acts);
        self.close_if_empty(now, &guest.room);
    }

    /// A room without anybody ends; one that was made by order and had nobody yet waits.
    fn close_if_empty(&mut self, now: Now, key: &ConferenceKey) {
        let Some(live) = self.conferences.live.get(key) else { return };
        let expected = self.conferences.guests.values().any(|guest| guest.room == *key);
        let had_somebody = live.interaction.is_some();
        if live.room.members().is_empty() && !expected && (had_somebody || live.from_file) {
            if had_somebody {
                self.publish_room(now, key, ConferenceChange::Ended);
            }
            self.conferences.close(key);
        }
    }

    /// Ends a guest's call.
    pub(super) fn put_out(&mut self, now: Now, id: CallId, cause: EndCause) {
        self.step(now, id, |call, ctx| call.hang_up(ctx, cause));
    }

    /// What is due for guests, and for rooms that nobody came to.
    pub(super) fn tick_conferences(&mut self, now: Now) {
        while let Some((at, id)) = self.conferences.due.first().copied() {
            if at > now.mono {
                break;
            }
            let Some(guest) = self.conferences.guests.get_mut(&id) else { break };
            let key = guest.room.clone();
            let acts = match &mut guest.stage {
                Stage::Entering(entry) => entry.on_deadline(now),
                Stage::Expected { .. } | Stage::Member => vec![EntryAct::HangUp],
            };
            self.act_at_door(now, id, &key, acts);
            if self.conferences.due.remove(&(at, id)) {
                // It changed nothing: the guest is not to be kept for ever.
                if let Some(guest) = self.conferences.guests.get_mut(&id) {
                    guest.due = None;
                }
                self.put_out(now, id, EndCause::Normal);
            }
        }
        self.conferences.look_at_rooms(now);
    }

    pub(super) fn publish_room(&mut self, now: Now, key: &ConferenceKey, what: ConferenceChange) {
        let interaction = self.conferences.live.get(key).and_then(|live| live.interaction);
        let Some(interaction) = interaction else { return };
        let kind = EventKind::Conference { conference: key.clone(), interaction, what };
        self.desk.out.publish(now, Some(&key.tenant), kind);
    }

    /// Guests have calls, members are in their rooms, and nobody is in two.
    pub(super) fn audit_conferences(&self, wrong: &mut Vec<String>) {
        let conferences = &self.conferences;
        for (call, guest) in &conferences.guests {
            if !self.calls.get(*call).is_some_and(Call::is_live) {
                wrong.push(format!("call {call}: in a conference and over"));
            }
            if !conferences.live.contains_key(&guest.room) {
                wrong.push(format!("call {call}: in a conference that is over"));
            }
        }
        if conferences.looks.len() != conferences.live.len() {
            wrong.push("rooms that nobody looks at".to_owned());
        }
        for live in conferences.live.values() {
            for member in live.room.members() {
                let guest = conferences.guests.get(&member.call);
                if !guest.is_some_and(|guest| matches!(guest.stage, Stage::Member)) {
                    wrong.push(format!("call {}: a member and no guest", member.call));
                }
                if self.calls.get(member.call).map(Call::worker) != live.worker {
                    wrong.push(format!("call {}: a member on another worker", member.call));
                }
            }
        }
    }
}

/// Who attends a guest, as the record of its call shows it.
pub(super) fn attendance(key: &ConferenceKey) -> Attendance {
    Attendance { answer: AnswerMode::Now, name: format!("conference:{}", key.name) }
}

/// On its way in by order.
pub(super) fn expected(now: Now, muted: bool) -> Stage {
    Stage::Expected { muted, until: now.mono.saturating_add(JOIN_LIMIT) }
}
