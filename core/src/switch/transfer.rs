//! Transfer: a party of a conversation tries to reach somebody else while the other one waits for the outcome, and comes
//! back to it if nobody is reached. By REFER here; attended ones in `transfer_attended`, orders over HTTP in `consult`.

use sip::Method;
use sip::endpoint::{Body, Reply, ServerTx};
use sip::message::Message;

use crate::call::{After, AnswerMode, Attendance, Call, Note, Outcome, Rest, Rights, other};
use crate::route::{Caller, host_text};
use crate::transfer::{Asked, Told, Transfer, fragment, subscription_state};
use crate::vocab::event::Attempt;
use crate::vocab::record::{EndCause, EndedBy, Party};
use crate::vocab::{CallId, EventKind, ExtensionKey, Hop, Now, Plan};

use super::Running;
use super::incoming::refused;
use super::responses::Awaiting;

/// What whoever transferred by order hears until it is known whether somebody is reached.
const RINGBACK: &str = "tones/ringback";
/// A transferor hears of its transfer for at most so long, in seconds; longer than anybody rings.
const PATIENCE: u64 = 600;

/// Who sent a REFER, and in which call.
pub(super) struct Referrer {
    pub(super) leg: sip::LegId,
    pub(super) call: CallId,
    pub(super) side: usize,
    pub(super) party: Party,
    pub(super) rights: Rights,
}

impl Running {
    /// A leg's peer sent REFER: it wants the other party to talk to somebody else.
    pub(super) fn on_refer(&mut self, now: Now, leg: sip::LegId, tx: ServerTx, message: &Message) {
        let done = self.refer(now, leg, tx, message);
        if let Err(status) = done {
            self.desk.sip.respond(now.mono, tx, Reply::new(status));
        }
    }

    fn refer(
        &mut self,
        now: Now,
        leg: sip::LegId,
        tx: ServerTx,
        message: &Message,
    ) -> Result<(), u16> {
        let asked = Asked::read(message)?;
        let by = self.referrer(leg)?;
        if !self.desk.out.has_room() {
            return Err(503);
        }
        if let Some(dialog) = asked.to.replaces.clone() {
            return self.refer_to_dialog(now, tx, &by, &asked, &dialog);
        }
        let plan = self.plan_of_refer(&by, &asked, message)?;
        self.accept_refer(now, tx, &by, &asked);
        let told = asked.subscribes.then_some(Told { leg, id: asked.id });
        self.send_away(now, &by, plan, told);
        Ok(())
    }

    /// Who refers: somebody in a conversation, with the right to do so.
    fn referrer(&self, leg: sip::LegId) -> Result<Referrer, u16> {
        let id = self.calls.of_leg(leg).ok_or(481_u16)?;
        let call = self.calls.get(id).ok_or(481_u16)?;
        let side = call.side_with(leg).ok_or(403_u16)?;
        let party = call.at(side).clone();
        let rights = self.rights_of(&party).ok_or(403_u16)?;
        if self.transfers.has(id) || !call.is_settled_talk() {
            // RFC 3261 section 21.4.27: something of the kind is under way.
            return Err(if call.is_talk() || self.transfers.has(id) { 491 } else { 403 });
        }
        Ok(Referrer { leg, call: id, side, party, rights })
    }

    /// Under whose rights a party transfers; `None` where it may not.
    pub(super) fn rights_of(&self, party: &Party) -> Option<Rights> {
        match party {
            Party::Extension { extension, .. } => Some(Rights::Extension(extension.clone())),
            Party::Trunk { trunk, .. } => {
                let allowed = self.books.directory.trunk(trunk).is_some_and(|own| own.transfers);
                allowed.then(|| Rights::Trunk(trunk.clone()))
            }
            Party::Service { .. } | Party::Nobody => None,
        }
    }

    /// Where the number leads for whoever refers, as if it had dialled it.
    fn plan_of_refer(&self, by: &Referrer, asked: &Asked, message: &Message) -> Result<Plan, u16> {
        let uri = message.refer_to().and_then(|to| to.uri().ok().map(|uri| host_text(&uri)));
        // The name under which a phone knows us may be one that we do not know.
        let own = message.to().ok().and_then(|to| to.uri().ok().map(|uri| host_text(&uri)));
        let host =
            uri.filter(|host| self.books.directory.is_ours(host) || own.as_ref() != Some(host));
        let plan = self.plan_under(&by.rights, &asked.to.user, host.as_deref());
        let plan = plan.map_err(|outcome| outcome.status)?;
        let other = self.calls.get(by.call).map(|call| call.at(other(by.side)));
        match (other, plan.hops.first()) {
            // Who is transferred to itself would ring its own phone.
            (Some(Party::Extension { extension, .. }), Some(Hop::Extension(to)))
                if to == extension =>
            {
                Err(482)
            }
            _ => Ok(plan),
        }
    }

    /// What somebody with these rights reaches under a number.
    pub(super) fn plan_under(
        &self,
        rights: &Rights,
        number: &str,
        host: Option<&str>,
    ) -> Result<Plan, Outcome> {
        let caller = match rights {
            Rights::Extension(key) => Caller::Extension(key),
            Rights::Trunk(key) => Caller::Trunk(key),
        };
        let mut plan = self.books.directory.plan(caller, number, host).map_err(refused)?;
        self.books.trunks.living_first(&mut plan.hops);
        Ok(plan)
    }

    /// 202, and the first notification (RFC 3515 section 2.4.4), unless none is wanted (RFC 4488).
    pub(super) fn accept_refer(&mut self, now: Now, tx: ServerTx, by: &Referrer, asked: &Asked) {
        let mut reply = Reply::new(202);
        if !asked.subscribes {
            reply = reply.with_header("Refer-Sub", "false");
        }
        self.desk.sip.respond(now.mono, tx, reply);
        if asked.subscribes {
            self.notify_referrer(now, &Told { leg: by.leg, id: asked.id }, 100);
        }
    }

    pub(super) fn notify_referrer(&mut self, now: Now, told: &Told, status: u16) -> sip::ClientTx {
        let headers = vec![
            ("Event".into(), format!("refer;id={}", told.id)),
            ("Subscription-State".into(), subscription_state(status, PATIENCE)),
        ];
        let body = Body {
            content_type: "message/sipfrag;version=2.0".into(),
            bytes: fragment(status).into(),
        };
        let sip = &mut self.desk.sip;
        sip.leg_request(now.mono, told.leg, Method::Notify, headers, Some(body))
    }

    /// The other party tries its way; whoever sends it away waits.
    pub(super) fn send_away(
        &mut self,
        now: Now,
        by: &Referrer,
        plan: Plan,
        told: Option<Told>,
    ) -> Option<CallId> {
        let keep = self.calls.get(by.call).is_some_and(|call| call.after() == After::Keep);
        let loose = self.take_out(now, by.call, other(by.side), Rest::Keep)?;
        let by_order = told.is_none();
        self.step(now, by.call, |call, ctx| {
            call.parts_by(Some(EndCause::Transferred));
            // A phone that refers has its own way to show it.
            if by_order {
                call.say(ctx, vec![RINGBACK.to_owned()], true);
            }
        });
        let attempt = self.hold_alone(now, loose, attendance());
        let (party, home) = (by.party.clone(), Some(by.call));
        let transfer = Transfer { home, told, by: party, keep, returning: false };
        self.transfers.begin(attempt, transfer);
        self.try_way(now, attempt, plan, by.rights.clone(), &by.party);
        Some(attempt)
    }

    fn try_way(&mut self, now: Now, attempt: CallId, plan: Plan, rights: Rights, by: &Party) {
        let referred_by = match by {
            Party::Extension { extension, .. } => {
                let host = self.books.directory.host(&extension.tenant);
                Some(format!("<sip:{}@{host}>", extension.number))
            }
            _ => None,
        };
        self.step(now, attempt, |call, ctx| {
            call.referred_by(referred_by);
            call.try_to(ctx, plan, rights, After::End);
        });
    }

    /// Whether a note concerns a transfer, and heeds it if so. The end of a call concerns others as well.
    pub(super) fn transfer_heeds(&mut self, now: Now, id: CallId, note: &Note) -> bool {
        if *note == Note::CallerGone && self.transfers.leave_home(id) {
            return true;
        }
        if self.transfers.of_attempt(id).is_none() {
            return self.transfers.has(id);
        }
        match note {
            Note::Reached => self.transfer_reached(now, id),
            Note::NotReached(outcome) => self.transfer_failed(now, id, *outcome),
            Note::CallerGone => self.transferee_gone(now, id),
            _ => {}
        }
        true
    }

    /// Somebody answered: the transferor is told, and its call is over.
    fn transfer_reached(&mut self, now: Now, attempt: CallId) {
        let Some(transfer) = self.transfers.end(attempt) else { return };
        let Some(call) = self.calls.get(attempt) else { return };
        let (tenant, interaction) = (call.tenant.clone(), call.interaction);
        if !transfer.returning {
            let (from, by) = (transfer.home.unwrap_or(attempt), transfer.by.clone());
            let kind = EventKind::CallTransferred { call: from, interaction, into: attempt, by };
            self.desk.out.publish(now, Some(&tenant), kind);
        }
        self.release_home(now, &transfer, 200);
    }

    /// Tells the transferor how it ended, and ends its call when that has arrived, so that BYE does not overtake NOTIFY.
    pub(super) fn release_home(&mut self, now: Now, transfer: &Transfer, status: u16) {
        let Some(home) = transfer.home else { return };
        match &transfer.told {
            Some(told) => {
                let sent = self.notify_referrer(now, told, status);
                self.awaiting.insert(sent, Awaiting::Referrer(home));
            }
            None => self.referrer_told(now, home),
        }
    }

    /// The transferor knows: nothing keeps it any longer.
    pub(super) fn referrer_told(&mut self, now: Now, home: CallId) {
        let cause = self.calls.get(home).and_then(Call::parting).unwrap_or(EndCause::Transferred);
        self.step(now, home, |call, ctx| {
            // Who waits here ended it, unless the other party hung up.
            let own =
                if cause == EndCause::Normal { crate::call::CALLEE } else { crate::call::CALLER };
            let by = call.first_at(own);
            call.end(ctx, Outcome::of(cause), by);
        });
    }

    /// Nobody was reached: back to the transferor, who is rung if it has gone.
    fn transfer_failed(&mut self, now: Now, attempt: CallId, outcome: Outcome) {
        let Some(transfer) = self.transfers.end(attempt) else { return };
        if !transfer.returning {
            self.publish_failure(now, transfer.home.unwrap_or(attempt), Attempt::Transfer);
        }
        let Some(loose) = self.take_out(now, attempt, crate::call::CALLER, Rest::End(outcome))
        else {
            return self.release_home(now, &transfer, 487);
        };
        let Some(home) = transfer.home else {
            let extension = transfer.extension().filter(|_| !transfer.returning).cloned();
            return match extension {
                Some(extension) => self.ring_transferor(now, loose, &extension, &transfer.by),
                None => self.let_fall(now, loose, outcome.cause),
            };
        };
        let after = if transfer.keep { After::Keep } else { After::End };
        self.step(now, home, |call, _| call.parts_by(None));
        match self.unite(now, home, loose, after) {
            Ok(()) => {
                if let Some(told) = &transfer.told {
                    self.notify_referrer(now, told, outcome.status);
                }
            }
            Err(loose) => {
                self.let_fall(now, *loose, EndCause::Incompatible);
                self.release_home(now, &transfer, outcome.status);
            }
        }
    }

    /// Says that something that was tried with a call did not come about.
    pub(super) fn publish_failure(&mut self, now: Now, call: CallId, attempt: Attempt) {
        let Some(about) = self.calls.get(call) else { return };
        let (tenant, interaction) = (about.tenant.clone(), about.interaction);
        let kind = EventKind::AttemptFailed { call, interaction, attempt };
        self.desk.out.publish(now, Some(&tenant), kind);
    }

    /// The transferor hung up before it was known that nobody is reached: it gets the call back.
    pub(super) fn ring_transferor(
        &mut self,
        now: Now,
        loose: crate::call::Loose,
        extension: &ExtensionKey,
        by: &Party,
    ) {
        let attempt = self.hold_alone(now, loose, attendance());
        let transfer =
            Transfer { home: None, told: None, by: by.clone(), keep: false, returning: true };
        self.transfers.begin(attempt, transfer);
        let plan = Plan {
            tenant: extension.tenant.clone(),
            dialled: extension.number.clone(),
            hops: vec![Hop::Extension(extension.clone())],
            hide_number: false,
            emergency: false,
        };
        self.try_way(now, attempt, plan, Rights::Extension(extension.clone()), by);
    }

    /// Whoever was transferred has hung up.
    fn transferee_gone(&mut self, now: Now, attempt: CallId) {
        let Some(transfer) = self.transfers.end(attempt) else { return };
        if let Some(home) = transfer.home {
            self.step(now, home, |call, _| call.parts_by(Some(EndCause::Normal)));
        }
        self.release_home(now, &transfer, 487);
    }
}

/// How a party is held that is on its way.
pub(super) fn attendance() -> Attendance {
    Attendance { answer: AnswerMode::Ringing, name: "transfer".into() }
}

impl Call {
    /// Who the record says is at a side, as who ends the call.
    fn first_at(&self, side: usize) -> EndedBy {
        if self.is_caller_on_record(side) { EndedBy::Caller } else { EndedBy::Callee }
    }
}
