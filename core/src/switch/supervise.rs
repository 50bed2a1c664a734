//! Supervisors: brings the calls of supervisors and those that they take part in together.
//!
//! A supervisor's call is attended. When it can be heard, the conversation becomes a mix and the supervisor a member of it
//! ([`crate::call::Call::mix`]); when the last one leaves, the conversation is bridged again. Supervision ends with the
//! conversation: with the call, and when one of its parties is replaced.

use crate::call::{
    AnswerMode, Attendance, CALLEE, CALLER, Call, Found, Line, Note, Outcome, Rights,
};
use crate::supervise::{self, Concerned, Place, Press, Session, Side};
use crate::vocab::event::Attempt;
use crate::vocab::record::{EndCause, Party};
use crate::vocab::supervise::{Mode, SupervisionChange, Supervisor, SupervisorView};
use crate::vocab::{CallId, EventKind, ExtensionKey, InteractionId, Now, TenantId};

use super::Running;

/// The leg of a party.
pub(super) fn side_index(side: Side) -> usize {
    match side {
        Side::Caller => CALLER,
        Side::Callee => CALLEE,
    }
}

fn voicing(place: Place) -> crate::call::Voicing {
    crate::call::Voicing { speaks: place.speaks, hears: place.hears }
}

/// Who attends a supervisor, as the record of its call shows it.
pub(super) fn attendance(mode: Mode, number: &str) -> Attendance {
    let name = format!("{}:{number}", mode.as_str());
    Attendance { answer: AnswerMode::Now, name }
}

impl Running {
    /// A phone dialled the code of a mode and an extension's number.
    pub(super) fn begin_supervision(
        &mut self,
        id: CallId,
        mode: Mode,
        watched: &ExtensionKey,
    ) -> Found {
        let refused = |cause| Found::Nothing(Outcome::of(cause));
        let Some(call) = self.calls.get(id) else { return refused(EndCause::NotFound) };
        let Rights::Extension(supervisor) = call.rights.clone() else {
            return refused(EndCause::Forbidden);
        };
        let found = self.conversation_of(watched);
        if !self.may_supervise(&supervisor, watched, found.map(|(call, _)| call)) {
            return refused(EndCause::Forbidden);
        }
        // Nothing can be heard before somebody has answered: it is refused, and may be tried again.
        let Some((target, agent)) = found else {
            return Found::Nothing(Outcome::from_status(480));
        };
        let who = Supervisor::Extension(supervisor.number);
        match self.enter_supervision(id, (target, agent), mode, who) {
            Ok(()) => Found::Attend(attendance(mode, &watched.number)),
            Err(_) => refused(EndCause::Busy),
        }
    }

    /// Enters a supervisor's call that is not in the conversation yet.
    pub(super) fn enter_supervision(
        &mut self,
        supervisor: CallId,
        (target, agent): (CallId, Side),
        mode: Mode,
        who: Supervisor,
    ) -> Result<(), supervise::Refused> {
        let leg = self.calls.get(target).map(|call| call.leg_id(side_index(agent)));
        let leg = leg.unwrap_or_default();
        let session = Session { target, agent, leg, who, mode, joined: false };
        self.supervision.begin(supervisor, session)
    }

    /// The conversation of an extension: one that is not on hold before one that is, then the latest.
    pub(super) fn conversation_of(&self, extension: &ExtensionKey) -> Option<(CallId, Side)> {
        let line = Line::Extension(extension.clone());
        let talks = self.calls.on_line(&line).filter(|call| call.is_talking());
        let call = talks.max_by_key(|call| (!call.is_held(), call.record.answered_at, call.id))?;
        Some((call.id, side_of(call, extension)?))
    }

    /// Whether an extension may supervise the calls of another.
    fn may_supervise(
        &self,
        supervisor: &ExtensionKey,
        watched: &ExtensionKey,
        call: Option<CallId>,
    ) -> bool {
        let directory = &self.books.directory;
        let Some(own) = directory.extension(supervisor) else { return false };
        if supervisor == watched {
            return false;
        }
        let mut concerned = Concerned::default();
        let mut parties = vec![watched.clone()];
        if let Some(call) = call.and_then(|id| self.calls.get(id)) {
            if call.involves(supervisor) {
                return false;
            }
            parties.extend(extension_of(&call.record.caller).cloned());
            parties.extend(extension_of(&call.record.callee).cloned());
            concerned.queues =
                call.record.queued.iter().map(|visit| visit.queue.number.as_str()).collect();
        }
        for party in parties.iter().filter_map(|key| directory.extension(key)) {
            concerned.groups.extend(party.pickup_groups.iter().map(String::as_str));
        }
        supervise::may(&own.supervises, &concerned)
    }

    /// Something happened to a supervisor, or to a conversation that is supervised.
    pub(super) fn supervision_heeds(&mut self, now: Now, id: CallId, note: &Note) -> bool {
        if *note == Note::Parted {
            self.conversation_over(now, id);
            return true;
        }
        let sent_here = matches!(note, Note::Reached | Note::NotReached(_));
        if sent_here || self.supervision.session(id).is_none() {
            return false;
        }
        match *note {
            Note::Attended => self.join_conversation(now, id),
            Note::Key(key) => match supervise::press(key) {
                Some(Press::Mode(mode)) => self.change_mode(now, id, mode),
                Some(Press::Leave) => self.leave_conversation(now, id),
                None => {}
            },
            Note::CallerGone => self.end_session(now, id),
            _ => {}
        }
        true
    }

    fn join_conversation(&mut self, now: Now, id: CallId) {
        let Some(session) = self.supervision.session(id).cloned() else { return };
        let Session { target, agent, mode, .. } = session;
        let places = supervise::parties().map(voicing);
        let mut mix = None;
        let (mut worker, mut same) = (None, false);
        self.step(now, target, |call, ctx| {
            worker = Some(call.worker());
            same = call.leg_id(side_index(agent)) == session.leg;
            mix = call.mix(ctx, places).filter(|_| same);
        });
        let place = voicing(supervise::place(mode, agent));
        let mut joined = false;
        self.step(now, id, |call, ctx| {
            let here = worker.is_some_and(|worker| call.bring_to(ctx, worker));
            joined = here && mix.is_some_and(|mix| call.join_mix(ctx, mix, place));
        });
        if !joined {
            return self.leave_conversation(now, id);
        }
        self.supervision.join(id);
        self.publish_supervision(now, id, &session, SupervisionChange::Started);
        if let Some(tone) = self.desk.policy.calls.supervise_tone.clone() {
            self.step(now, target, |call, ctx| {
                call.say_in_mix(ctx, vec![tone], supervise::PARTIES);
            });
        }
    }

    /// A supervisor takes part in another way from now on.
    pub(super) fn change_mode(&mut self, now: Now, id: CallId, mode: Mode) {
        if !self.supervision.change(id, mode) {
            return;
        }
        let Some(session) = self.supervision.session(id).cloned() else { return };
        if !session.joined {
            return;
        }
        let mix = self.calls.get(session.target).and_then(Call::mixed);
        let place = voicing(supervise::place(mode, session.agent));
        self.step(now, id, |call, ctx| {
            mix.map(|mix| call.join_mix(ctx, mix, place));
        });
        self.publish_supervision(now, id, &session, SupervisionChange::Changed);
    }

    /// A supervisor leaves, and its call ends; the conversation goes on.
    pub(super) fn leave_conversation(&mut self, now: Now, id: CallId) {
        self.end_session(now, id);
        self.step(now, id, |call, ctx| {
            call.leave_mix(ctx);
            call.hang_up(ctx, EndCause::Normal);
        });
    }

    /// A supervisor takes no part any more; without any the conversation is bridged again.
    pub(super) fn end_session(&mut self, now: Now, id: CallId) {
        let Some(session) = self.supervision.end(id) else { return };
        if session.joined {
            self.publish_supervision(now, id, &session, SupervisionChange::Ended);
        } else {
            self.publish_failure(now, session.target, Attempt::Supervision);
        }
        if !self.supervision.is_supervised(session.target) {
            self.step(now, session.target, Call::unmix);
        }
    }

    /// There is nothing to hear any more: its supervisors leave.
    fn conversation_over(&mut self, now: Now, target: CallId) {
        let all: Vec<CallId> = self.supervision.of(target).map(|(call, _)| call).collect();
        for supervisor in all {
            self.leave_conversation(now, supervisor);
        }
    }

    fn publish_supervision(
        &mut self,
        now: Now,
        id: CallId,
        session: &Session,
        change: SupervisionChange,
    ) {
        let call = session.target;
        let about = |own: &Call| (own.tenant.clone(), own.interaction);
        let target = self.calls.get(call).or_else(|| self.calls.get(id)).map(about);
        let Some((tenant, interaction)): Option<(TenantId, InteractionId)> = target else { return };
        let kind = EventKind::Supervision {
            call,
            interaction,
            supervisor: session.who.clone(),
            supervisor_call: id,
            mode: session.mode,
            change,
        };
        self.desk.out.publish(now, Some(&tenant), kind);
    }

    /// Who supervises a call, as shown.
    pub(super) fn supervisors_of(&self, target: CallId) -> Vec<SupervisorView> {
        let Some(call) = self.calls.get(target) else { return Vec::new() };
        let view = |(supervisor, session): (CallId, &Session)| SupervisorView {
            call: supervisor,
            who: session.who.clone(),
            mode: session.mode,
            agent: call.party(side_index(session.agent)),
            joined: session.joined,
        };
        self.supervision.of(target).map(view).collect()
    }

    /// Supervisors have calls, and so have those whom they supervise; whoever takes part is heard in a mix.
    pub(super) fn audit_supervision(&self, wrong: &mut Vec<String>) {
        let lives = |call| self.calls.get(call).is_some_and(Call::is_live);
        self.supervision.audit(lives, wrong);
        for (supervisor, session) in self.supervision.sessions().filter(|(_, own)| own.joined) {
            if self.calls.get(session.target).is_none_or(|call| call.mixed().is_none()) {
                wrong.push(format!("call {supervisor}: supervises what is not mixed"));
            }
        }
        for call in self.calls.iter().filter(|call| call.mixed().is_some()) {
            if !self.supervision.is_supervised(call.id) {
                wrong.push(format!("call {}: mixed for nobody", call.id));
            }
        }
    }
}

/// The side of an extension in a call.
pub(super) fn side_of(call: &Call, extension: &ExtensionKey) -> Option<Side> {
    let is = |side: &Side| extension_of(&call.party(side_index(*side))) == Some(extension);
    [Side::Callee, Side::Caller].into_iter().find(is)
}

pub(super) fn extension_of(party: &Party) -> Option<&ExtensionKey> {
    match party {
        Party::Extension { extension, .. } => Some(extension),
        _ => None,
    }
}
