//! Requests of the peer's in a dialog.

use super::leg::{Cx, Leg, Phase};
use super::offer::TheirInvite;
use crate::Method;
use crate::endpoint::layer::{Answer, Line};
use crate::endpoint::slab::Handle;
use crate::endpoint::{EndCause, Event, ServerTx};
use crate::message::{HeaderName, Message};

impl Leg {
    /// A request other than ACK and CANCEL, with its transaction open. It has passed the checks
    /// that are the same for every request, and comes from the peer of the fork `fork`.
    pub fn requested(&mut self, cx: &mut Cx<'_>, fork: usize, tx: Handle, request: &Message) {
        let number = request.cseq().map_or(0, |(number, _)| number);
        let in_order =
            self.forks.get_mut(fork).is_some_and(|fork| fork.dialog.note_remote_cseq(number));
        if !in_order {
            // 12.2.2
            let answer = Answer { reason: "CSeq Out of Order", ..Answer::status(500) };
            cx.layer.reply(cx.now, tx, &answer);
            return;
        }
        self.peer.learn(request);
        let fork = self.forks.get(fork).map_or(0, |fork| fork.number);
        let Some(method) = request.method() else { return };
        match method {
            Method::Bye => self.ended_by_peer(cx, tx, request),
            _ if !self.is_live() => self.reply_plainly(cx, tx, 481),
            Method::Invite => self.reinvited(cx, fork, tx, request),
            Method::Update => self.updated(cx, fork, tx, request),
            Method::Prack => {
                if !self.pracked(cx, tx, request) {
                    self.reply_plainly(cx, tx, 481);
                }
            }
            Method::Options => self.describe(cx, tx),
            _ => {
                let (leg, message) = (self.id(), request.clone());
                let tx = ServerTx(tx.raw());
                cx.layer.emit(Event::LegRequest { leg, tx, message });
            }
        }
    }

    /// RFC 3261 section 15.1.2.
    fn ended_by_peer(&mut self, cx: &mut Cx<'_>, tx: Handle, bye: &Message) {
        if matches!(self.phase, Phase::Calling) {
            // Section 15: a callee may not end an early dialog so.
            return self.reply_plainly(cx, tx, 481);
        }
        self.reply_plainly(cx, tx, 200);
        let live = self.is_live();
        self.drop_pending(cx);
        if live {
            let (leg, cause) = (self.id(), EndCause::Bye(bye.clone()));
            cx.layer.emit(Event::Ended { leg, cause });
            self.phase = Phase::Gone;
        } else if matches!(self.phase, Phase::Ending { bye: Some(_) }) {
            // Ours was never sent and is not needed any more.
            self.phase = Phase::Gone;
        }
    }

    /// Their requests that wait for an answer get 487 (15.1.2).
    pub fn drop_pending(&mut self, cx: &mut Cx<'_>) {
        if let TheirInvite::Pending { tx, .. } = self.theirs {
            let answer = Answer { tag: &self.local_tag, ..Answer::status(487) };
            cx.layer.reply(cx.now, tx, &answer);
        }
        self.theirs = TheirInvite::Idle;
        self.drop_their_offer(cx);
        self.abandon_reinvite(cx);
    }

    /// OPTIONS in a dialog (RFC 3261 section 11).
    fn describe(&self, cx: &mut Cx<'_>, tx: Handle) {
        let (allow, supported) = (cx.layer.allow(), cx.layer.supported());
        let lines: [Line<'_>; 3] = [
            (HeaderName::Allow, &allow),
            (HeaderName::Supported, &supported),
            (HeaderName::Accept, &"application/sdp"),
        ];
        let answer = Answer { contact: Some(&self.contact), lines: &lines, ..Answer::status(200) };
        cx.layer.reply(cx.now, tx, &answer);
    }
}
