//! Supervision over HTTP: joins, changes, leaves, forced release.

use crate::call::{
    After, CALLEE, CALLER, Call, Common, Found, Originate, Outcome, Place, Rest, Rights, SECOND,
};
use crate::route::{Caller, Refusal};
use crate::supervise::{Meant, Refused, Side};
use crate::vocab::record::{EndCause, Party};
use crate::vocab::supervise::{Mode, Released, SuperviseOrder, Supervisor};
use crate::vocab::{
    CallId, CommandError, Done, ExtensionKey, Hop, Identity, Now, Plan, Principal, Role,
};

use super::Running;
use super::incoming::NotAdmitted;
use super::orders::busy;
use super::supervise::{attendance, extension_of, side_index, side_of};

impl Running {
    pub(super) fn order_supervision(
        &mut self,
        now: Now,
        principal: &Principal,
        call: CallId,
        order: SuperviseOrder,
    ) -> Result<Done, CommandError> {
        self.supervisable(principal, call)?;
        match order {
            SuperviseOrder::Join { who, mode, agent } => {
                let who = self.supervisor_named(&principal.tenant, call, who);
                self.join_by_order(now, principal, call, (who, mode, agent))
            }
            SuperviseOrder::Change { who, mode } => {
                let supervisor = self.meant(principal, call, who)?;
                self.change_mode(now, supervisor, mode);
                Ok(Done::Ordered)
            }
            SuperviseOrder::Leave { who } => {
                let supervisor = self.meant(principal, call, who)?;
                self.end_session(now, supervisor);
                self.step(now, supervisor, |call, ctx| {
                    call.hang_up(ctx, EndCause::Administrative);
                });
                Ok(Done::Ordered)
            }
            SuperviseOrder::TakeOver { who } => {
                let supervisor = self.meant(principal, call, who)?;
                self.take_over(now, supervisor)
            }
            SuperviseOrder::Release(released) => self.force_release(now, call, released),
        }
    }

    /// Only keys of supervisors and admins supervise; others learn no more of a call than they may see.
    fn supervisable(&self, principal: &Principal, id: CallId) -> Result<(), CommandError> {
        let call = self.calls.get(id).filter(|call| call.is_live() && principal.sees(call));
        if call.is_none() {
            return Err(CommandError::NotFound(format!("no live call {id}")));
        }
        match principal.role {
            Role::Supervisor | Role::Admin => Ok(()),
            Role::ReadOnly | Role::User | Role::Agent => Err(CommandError::Forbidden(
                "only keys of supervisors and admins may supervise calls".into(),
            )),
        }
    }

    /// A supervisor of a call as it was named first, however its number is written now.
    fn supervisor_named(&self, tenant: &str, call: CallId, who: Supervisor) -> Supervisor {
        let Supervisor::Number(number) = &who else { return who };
        let wanted = self.books.canonical(tenant, number);
        let is_same = |own: &Supervisor| match own {
            Supervisor::Number(own) => self.books.canonical(tenant, own) == wanted,
            Supervisor::Extension(_) => false,
        };
        let known = self.supervision.of(call).find(|(_, session)| is_same(&session.who));
        known.map_or(who, |(_, session)| session.who.clone())
    }

    fn meant(
        &self,
        principal: &Principal,
        call: CallId,
        who: Option<Supervisor>,
    ) -> Result<CallId, CommandError> {
        let who = who.map(|who| self.supervisor_named(&principal.tenant, call, who));
        match self.supervision.meant(call, who.as_ref()) {
            Meant::One(supervisor) => Ok(supervisor),
            Meant::Nobody => {
                let text = match &who {
                    Some(who) => format!("{} does not supervise call {call}", who.number()),
                    None => format!("nobody supervises call {call}"),
                };
                Err(CommandError::Conflict(text))
            }
            Meant::Several => {
                let text = "there are several supervisors: name one by its extension or number";
                Err(CommandError::Conflict(text.into()))
            }
        }
    }

    /// Rings the supervisor's phone; what follows is as if it had dialled the code.
    fn join_by_order(
        &mut self,
        now: Now,
        principal: &Principal,
        target: CallId,
        (who, mode, agent): (Supervisor, Mode, Option<String>),
    ) -> Result<Done, CommandError> {
        let (call, side) = self.supervised_by_order(&principal.tenant, target, &who, agent)?;
        let near = Some(call.worker());
        let (interaction, number) = (call.interaction, shown_number(call, side));
        let agent = extension_of(&call.party(side_index(side))).cloned();
        self.supervision.admits(target, &who).map_err(|refused| match refused {
            Refused::Full => CommandError::Conflict(format!(
                "call {target} has {} supervisors already",
                crate::supervise::MAX_SUPERVISORS
            )),
            Refused::Twice => {
                CommandError::Conflict(format!("{} supervises it already", who.number()))
            }
        })?;
        let (rights, first) = match &who {
            Supervisor::Extension(own) => {
                let key = ExtensionKey { tenant: principal.tenant.clone(), number: own.clone() };
                self.supervisor_at_phone(key, mode, &number)?
            }
            Supervisor::Number(own) => self.supervisor_outside(principal, own, agent.as_ref())?,
        };
        let plan = Plan {
            tenant: principal.tenant.clone(),
            dialled: number.clone(),
            hops: Vec::new(),
            hide_number: false,
            emergency: false,
        };
        let mut common: Common = self.common(&rights, plan, None);
        common.caller = first.party.clone();
        common.interaction = Some(interaction);
        common.near = near;
        let attend = Some(attendance(mode, &number));
        self.counters.call_started();
        let call = Call::originate(&mut self.desk.ctx(now), Originate { first, attend, common });
        let done = Done::Originated { call: call.id, interaction: call.interaction };
        // Nobody else can have come in between.
        let _ = self.enter_supervision(call.id, (target, side), mode, who);
        self.take_in(now, call);
        Ok(done)
    }

    /// The conversation, and whose side a supervisor takes there.
    fn supervised_by_order(
        &self,
        tenant: &str,
        target: CallId,
        who: &Supervisor,
        agent: Option<String>,
    ) -> Result<(&Call, Side), CommandError> {
        let key = |number: &str| ExtensionKey { tenant: tenant.to_owned(), number: number.into() };
        let inside = self.books.directory.extension(&key(who.number())).is_some();
        match who {
            Supervisor::Extension(number) if !inside => {
                return Err(CommandError::NotFound(format!("no extension {number}")));
            }
            Supervisor::Number(number) if inside => {
                let text = format!("{number} is an extension: name it as one");
                return Err(CommandError::Invalid(text));
            }
            _ => {}
        }
        let Some(call) = self.calls.get(target).filter(|call| call.is_talking()) else {
            let text =
                format!("in call {target} nobody talks; supervision begins after the answer");
            return Err(CommandError::Conflict(text));
        };
        let is_party = |side: usize| match (who, &call.party(side)) {
            (Supervisor::Number(own), Party::Trunk { number, .. }) => {
                self.books.canonical(tenant, number) == self.books.canonical(tenant, own)
            }
            _ => false,
        };
        let takes_part = match who {
            Supervisor::Extension(number) => call.involves(&key(number)),
            Supervisor::Number(_) => is_party(CALLER) || is_party(CALLEE),
        };
        if takes_part {
            let text = format!("{} is a party of the call", who.number());
            return Err(CommandError::Conflict(text));
        }
        let side = match agent {
            Some(number) => side_of(call, &key(&number)).ok_or_else(|| {
                CommandError::Invalid(format!("{number} is no party of the call"))
            })?,
            None => usual_agent(call),
        };
        Ok((call, side))
    }

    /// The phones of a supervisor's extension.
    fn supervisor_at_phone(
        &self,
        key: ExtensionKey,
        mode: Mode,
        number: &str,
    ) -> Result<(Rights, Box<Place>), CommandError> {
        let rights = Rights::Extension(key.clone());
        self.admit(&rights, false).map_err(|why| busy(&why))?;
        let host = self.books.directory.host(&key.tenant);
        let from = format!("\"{} {number}\" <sip:{number}@{host}>", mode.as_str());
        match self.locate_extension(&key, Identity { from, asserted: None, privacy: None }) {
            Found::Ring(place) => Ok((rights, place)),
            Found::Nothing(Outcome { cause: EndCause::Busy, .. }) => {
                Err(busy(&NotAdmitted::TooMany))
            }
            _ => {
                let text = format!("extension {} has no registered phone", key.number);
                Err(CommandError::Conflict(text))
            }
        }
    }

    /// A supervisor's number outside. A key that stands for an extension reaches what that one may dial, others what the
    /// tenant has routes for; nobody reaches an emergency number. What comes of the call has a carrier's rights only. It is
    /// shown as a call of the agent's, and rings as long as a phone would.
    fn supervisor_outside(
        &mut self,
        principal: &Principal,
        number: &str,
        agent: Option<&ExtensionKey>,
    ) -> Result<(Rights, Box<Place>), CommandError> {
        let tenant = &principal.tenant;
        let own = principal.extension.as_ref();
        let classes = own.map(|number| {
            let key = ExtensionKey { tenant: tenant.clone(), number: number.clone() };
            let own = self.books.directory.extension(&key);
            own.map(|own| own.classes.clone()).unwrap_or_default()
        });
        let hops = self.books.directory.way_outside(tenant, number, classes.as_deref());
        let mut hops = hops.map_err(|why| match why {
            Refusal::NotAllowed => {
                CommandError::Forbidden(format!("the key may have nobody called at {number}"))
            }
            why => CommandError::Invalid(format!("{number}: {why}")),
        })?;
        self.books.trunks.living_first(&mut hops);
        let longest = u64::from(self.desk.policy.calls.ring_secs.max(1)) * SECOND;
        let mut full = None;
        for hop in hops {
            let Hop::Trunk { trunk, number: out } = &hop else { continue };
            let rights = Rights::Trunk(trunk.clone());
            if let Err(why) = self.admit(&rights, false) {
                full = Some(why);
                continue;
            }
            let caller = agent.map_or(Caller::Trunk(trunk), Caller::Extension);
            let identity = self.books.directory.identity(caller, &hop, false, None);
            if let Found::Ring(mut first) = self.locate_trunk(trunk, out, identity, false) {
                first.ring = first.ring.min(longest);
                let (trunk, number) = (trunk.clone(), number.to_owned());
                first.party = Party::Trunk { trunk, number, name: String::new() };
                return Ok((rights, first));
            }
        }
        match full {
            Some(NotAdmitted::Full) => Err(busy(&NotAdmitted::Full)),
            _ => {
                let text = format!("no carrier takes a call to {number} now");
                Err(CommandError::Conflict(text))
            }
        }
    }

    /// The supervisor's call becomes the conversation: the party that stays comes into it, and the agent's call ends.
    fn take_over(&mut self, now: Now, supervisor: CallId) -> Result<Done, CommandError> {
        let rings = || CommandError::Conflict("the supervisor does not take part yet".into());
        let session = self.supervision.session(supervisor).filter(|own| own.joined);
        let session = session.cloned().ok_or_else(rings)?;
        let stays = match session.agent {
            Side::Caller => CALLEE,
            Side::Callee => CALLER,
        };
        let ready = self.calls.get(session.target).is_some_and(Call::is_settled_talk);
        let has = self.calls.get(supervisor).is_some_and(Call::is_attended);
        if !ready || !has {
            return Err(CommandError::Conflict(
                "somebody's media is being changed; try again".into(),
            ));
        }
        self.end_session(now, supervisor);
        self.step(now, supervisor, Call::leave_mix);
        let rest = Rest::End(Outcome::of(EndCause::Administrative));
        let Some(party) = self.take_out(now, session.target, stays, rest) else {
            self.let_go(now, supervisor);
            return Err(CommandError::Conflict("the party cannot be moved now".into()));
        };
        match self.unite(now, supervisor, party, After::End) {
            Ok(()) => Ok(Done::Ordered),
            Err(party) => {
                self.let_fall(now, *party, EndCause::Failed);
                self.let_go(now, supervisor);
                Err(CommandError::Conflict("the party cannot be reached from there".into()))
            }
        }
    }

    /// Ends the agent's leg, or the call.
    fn force_release(
        &mut self,
        now: Now,
        target: CallId,
        released: Released,
    ) -> Result<Done, CommandError> {
        let Some(call) = self.calls.get(target).filter(|call| call.is_talking()) else {
            return Err(CommandError::Conflict(format!("in call {target} nobody talks")));
        };
        let supervised = self.supervision.of(target).next().map(|(_, session)| session.agent);
        let side = side_index(supervised.unwrap_or_else(|| usual_agent(call)));
        self.step(now, target, |call, ctx| match released {
            Released::Agent if side == CALLEE => call.release_callee(ctx, EndCause::Administrative),
            Released::Agent | Released::Call => call.hang_up(ctx, EndCause::Administrative),
        });
        Ok(Done::Ordered)
    }
}

/// Whom a whisper is for where nobody is named: the callee if it is an extension, else the caller.
fn usual_agent(call: &Call) -> Side {
    let is_extension = |side| extension_of(&call.party(side)).is_some();
    if !is_extension(CALLEE) && is_extension(CALLER) { Side::Caller } else { Side::Callee }
}

fn shown_number(call: &Call, side: Side) -> String {
    match call.party(side_index(side)) {
        Party::Extension { extension, .. } => extension.number,
        Party::Trunk { number, .. } => number,
        Party::Service { .. } | Party::Nobody => "anonymous".to_owned(),
    }
}
