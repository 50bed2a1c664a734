//! How a leg ends, and its timers.

use super::leg::{Cx, InDialog, Leg, Phase};
use super::offer::{Cancel, Initial, OurInvite, TheirInvite};
use crate::Method;
use crate::endpoint::layer::{Happened, Line, Purpose, Sent};
use crate::endpoint::{EndCause, Event, Reason, Reply};
use crate::message::{HeaderName, Message};

impl Leg {
    /// The owner ends the call, whatever its state.
    pub fn bye(&mut self, cx: &mut Cx<'_>, reason: Option<Reason>) {
        match self.phase {
            Phase::Calling => self.cancel(cx, reason),
            Phase::Ringing => {
                let mut reply = Reply::new(480);
                if let Some(reason) = reason {
                    reply = reply.with_header("Reason", reason.to_string());
                }
                self.reject(cx, &reply);
            }
            Phase::Confirmed => self.hang_up(cx, reason, None),
            Phase::Ending { .. } | Phase::Gone => {}
        }
    }

    /// Ends an answered call. `cause` is told to an owner who did not order it.
    pub fn hang_up(&mut self, cx: &mut Cx<'_>, reason: Option<Reason>, cause: Option<EndCause>) {
        if !matches!(self.phase, Phase::Confirmed) {
            return;
        }
        if let Some(cause) = cause {
            let leg = self.id();
            cx.layer.emit(Event::Ended { leg, cause });
        }
        self.session = None;
        self.queue.clear();
        if let OurInvite::AwaitingAnswer { tx, cseq } = self.ours {
            // The 2xx must be acknowledged before the BYE, though nobody answered its offer.
            self.acknowledge(cx, tx, cseq, &[], None);
        }
        self.abandon_reinvite(cx);
        // RFC 3261 section 15: no BYE before the ACK of the 2xx that made the call.
        if matches!(&self.theirs, TheirInvite::Unacked(unacked) if unacked.initial) {
            self.drop_their_offer(cx);
            self.phase = Phase::Ending { bye: Some(reason) };
            return;
        }
        self.drop_pending(cx);
        self.send_bye(cx, reason);
    }

    /// A re-INVITE of ours no longer matters; should it be accepted all the same, its 2xx is
    /// acknowledged and the dialog ended once more.
    pub fn abandon_reinvite(&mut self, cx: &mut Cx<'_>) {
        let before = std::mem::replace(&mut self.ours, OurInvite::Idle);
        if let OurInvite::Pending { tx, .. } = before {
            cx.layer.abandon(cx.now, tx);
        }
    }

    /// Sends the BYE; the leg stays until it is answered or timer F ends it.
    pub fn send_bye(&mut self, cx: &mut Cx<'_>, reason: Option<Reason>) {
        let mut lines: Vec<Line<'_>> = Vec::new();
        if let Some(reason) = &reason {
            lines.push((HeaderName::Reason, reason));
        }
        let request = InDialog { lines: &lines, ..InDialog::new(Method::Bye, Purpose::Bye) };
        self.phase = match self.send(cx, 0, &request) {
            Some(_) => Phase::Ending { bye: None },
            None => Phase::Gone,
        };
    }

    /// Our BYE was answered, or was not: the leg is gone either way.
    pub fn bye_outcome(&mut self, cx: &mut Cx<'_>, sent: &Sent, response: Option<&Message>) {
        let status = response.and_then(Message::status).unwrap_or(408);
        if status < 200 {
            return;
        }
        if let (Some(response), Some(credentials)) = (response, self.credentials.as_deref())
            && let Some(retry) = cx.layer.answer_challenge(sent, response, credentials)
            && self.send_again(cx, sent, retry, Purpose::Bye).is_some()
        {
            return;
        }
        self.phase = Phase::Gone;
    }

    /// Our PRACK was answered, or was not. Only a challenge needs anything done.
    pub fn prack_outcome(&mut self, cx: &mut Cx<'_>, sent: &Sent, response: Option<&Message>) {
        if let (Some(response), Some(credentials)) = (response, self.credentials.as_deref())
            && let Some(retry) = cx.layer.answer_challenge(sent, response, credentials)
        {
            self.send_again(cx, sent, retry, Purpose::Prack);
        }
    }

    /// A request of the owner's was answered, or was not. True when the owner is to hear of it.
    pub fn request_outcome(
        &mut self,
        cx: &mut Cx<'_>,
        sent: &Sent,
        happened: Happened,
        response: Option<&Message>,
    ) -> bool {
        if happened == Happened::Response
            && let (Some(response), Some(credentials)) = (response, self.credentials.as_deref())
            && let Some(retry) = cx.layer.answer_challenge(sent, response, credentials)
            && self.send_again(cx, sent, retry, Purpose::Request).is_some()
        {
            return false;
        }
        true
    }

    /// The leg ends at once, with nothing left to send.
    pub fn over(&mut self, cx: &mut Cx<'_>, cause: EndCause) {
        let leg = self.id();
        self.drop_their_offer(cx);
        cx.layer.emit(Event::Ended { leg, cause });
        self.phase = Phase::Gone;
    }

    /// The earliest deadline of this leg; `u64::MAX` when there is none.
    pub fn deadline(&self) -> u64 {
        let ours = match &self.ours {
            OurInvite::Initial(Initial { cancel: Cancel::Sent { give_up }, .. })
            | OurInvite::Pending { give_up, .. } => *give_up,
            OurInvite::Waiting { until, .. } => *until,
            _ => u64::MAX,
        };
        let theirs = match &self.theirs {
            TheirInvite::Unacked(unacked) => unacked.resend.due.min(unacked.give_up),
            _ => u64::MAX,
        };
        let reliable = self.reliable.as_ref().map_or(u64::MAX, |reliable| reliable.deadline());
        let session = match (&self.phase, &self.session) {
            (Phase::Confirmed, Some(session)) => session.refresh_at.min(session.expires_at),
            _ => u64::MAX,
        };
        ours.min(theirs).min(reliable).min(session)
    }

    /// Time passed: whatever is due happens.
    pub fn timeout(&mut self, cx: &mut Cx<'_>) {
        self.cancel_timeout(cx);
        self.reinvite_timeout(cx);
        self.collision_timeout(cx);
        self.unacked_timeout(cx);
        self.prack_timeout(cx);
        self.session_timeout(cx);
    }
}
