//! Supervision over HTTP: joins, changes, leaves, forced release.

use crate::call::{After, CALLEE, CALLER, Call, Common, Found, Originate, Outcome, Rest, Rights};
use crate::supervise::{Meant, Refused, Side};
use crate::vocab::record::EndCause;
use crate::vocab::supervise::{Mode, Released, SuperviseOrder};
use crate::vocab::{
    CallId, CommandError, Done, ExtensionKey, Identity, Now, Plan, Principal, Role,
};

use super::Running;
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
            SuperviseOrder::Join { extension, mode, agent } => {
                let extension =
                    ExtensionKey { tenant: principal.tenant.clone(), number: extension };
                self.join_by_order(now, call, extension, mode, agent)
            }
            SuperviseOrder::Change { extension, mode } => {
                let supervisor = self.meant(call, extension.as_deref())?;
                self.change_mode(now, supervisor, mode);
                Ok(Done::Ordered)
            }
            SuperviseOrder::Leave { extension } => {
                let supervisor = self.meant(call, extension.as_deref())?;
                self.end_session(now, supervisor);
                self.step(now, supervisor, |call, ctx| {
                    call.hang_up(ctx, EndCause::Administrative);
                });
                Ok(Done::Ordered)
            }
            SuperviseOrder::TakeOver { extension } => {
                let supervisor = self.meant(call, extension.as_deref())?;
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

    fn meant(&self, call: CallId, extension: Option<&str>) -> Result<CallId, CommandError> {
        match self.supervision.meant(call, extension) {
            Meant::One(supervisor) => Ok(supervisor),
            Meant::Nobody => {
                let who =
                    extension.map_or_else(|| "nobody".into(), |own| format!("{own} does not"));
                let text = match extension {
                    Some(_) => format!("{who} supervise call {call}"),
                    None => format!("{who} supervises call {call}"),
                };
                Err(CommandError::Conflict(text))
            }
            Meant::Several => {
                let text = "there are several supervisors: name one by its extension";
                Err(CommandError::Conflict(text.into()))
            }
        }
    }

    /// Rings the supervisor's phone; what follows is as if it had dialled the code.
    fn join_by_order(
        &mut self,
        now: Now,
        target: CallId,
        key: ExtensionKey,
        mode: Mode,
        agent: Option<String>,
    ) -> Result<Done, CommandError> {
        if self.books.directory.extension(&key).is_none() {
            return Err(CommandError::NotFound(format!("no extension {}", key.number)));
        }
        let Some(call) = self.calls.get(target).filter(|call| call.is_talking()) else {
            let text =
                format!("in call {target} nobody talks; supervision begins after the answer");
            return Err(CommandError::Conflict(text));
        };
        if call.involves(&key) {
            return Err(CommandError::Conflict(format!("{} is a party of the call", key.number)));
        }
        let side = match agent {
            Some(number) => {
                let named = ExtensionKey { tenant: key.tenant.clone(), number };
                side_of(call, &named).ok_or_else(|| {
                    let text = format!("{} is no party of the call", named.number);
                    CommandError::Invalid(text)
                })?
            }
            None => usual_agent(call),
        };
        let near = Some(call.worker());
        let (interaction, number) = (call.interaction, shown_number(call, side));
        self.supervision.admits(target, &key).map_err(|refused| match refused {
            Refused::Full => CommandError::Conflict(format!(
                "call {target} has {} supervisors already",
                crate::supervise::MAX_SUPERVISORS
            )),
            Refused::Twice => {
                CommandError::Conflict(format!("{} supervises it already", key.number))
            }
        })?;
        let rights = Rights::Extension(key.clone());
        self.admit(&rights, false).map_err(|why| busy(&why))?;
        let host = self.books.directory.host(&key.tenant);
        let from = format!("\"{} {number}\" <sip:{number}@{host}>", mode.as_str());
        let first =
            match self.locate_extension(&key, Identity { from, asserted: None, privacy: None }) {
                Found::Ring(place) => place,
                Found::Nothing(Outcome { cause: EndCause::Busy, .. }) => {
                    return Err(busy(&super::incoming::NotAdmitted::TooMany));
                }
                _ => {
                    let text = format!("extension {} has no registered phone", key.number);
                    return Err(CommandError::Conflict(text));
                }
            };
        let plan = Plan {
            tenant: key.tenant.clone(),
            dialled: number.clone(),
            hops: Vec::new(),
            hide_number: false,
            emergency: false,
        };
        let mut common: Common = self.common(&rights, plan, None);
        common.interaction = Some(interaction);
        common.near = near;
        let attend = Some(attendance(mode, &number));
        self.counters.call_started();
        let call = Call::originate(&mut self.desk.ctx(now), Originate { first, attend, common });
        let done = Done::Originated { call: call.id, interaction: call.interaction };
        // Nobody else can have come in between.
        let _ = self.enter_supervision(call.id, target, side, mode, key);
        self.take_in(now, call);
        Ok(done)
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
    use crate::vocab::record::Party;
    match call.party(side_index(side)) {
        Party::Extension { extension, .. } => extension.number,
        Party::Trunk { number, .. } => number,
        Party::Service { .. } | Party::Nobody => "anonymous".to_owned(),
    }
}
