//! Reliable provisional responses of ours (RFC 3262 section 3).

use std::collections::VecDeque;

use bytes::Bytes;

use super::leg::{Cx, Leg, Phase};
use super::offer::{TheirInvite, TheirOffer};
use super::session::Agreement;
use crate::Flow;
use crate::endpoint::layer::{Answer, Line};
use crate::endpoint::slab::Handle;
use crate::endpoint::{EndCause, Event, OfferBy, Reply};
use crate::message::{HeaderName, Message};
use crate::transaction::Timer;
use crate::transaction::timers::Repeat;

/// What an unanswered call of theirs needs that an answered one does not.
#[derive(Debug)]
pub(crate) struct Reliable {
    /// Whether the caller insists (Require: 100rel).
    pub required: bool,
    /// The RSeq of the next response.
    next: u32,
    outstanding: Option<Outstanding>,
    /// Responses that wait for the PRACK of the one before.
    queue: VecDeque<Reply>,
    /// A 2xx that waits for it.
    pub accept: Option<Reply>,
    /// What our 2xx will say about the session timer.
    pub agreement: Agreement,
}

/// A response that is sent until its PRACK comes.
#[derive(Debug)]
struct Outstanding {
    rseq: u32,
    cseq: u32,
    /// Whether it made an offer, as a response to an INVITE without one does.
    offer: bool,
    body: bool,
    flow: Flow,
    bytes: Bytes,
    resend: Repeat,
    give_up: u64,
}

impl Reliable {
    pub fn new(required: bool, first: u32, agreement: Agreement) -> Self {
        Self {
            required,
            next: first,
            outstanding: None,
            queue: VecDeque::new(),
            accept: None,
            agreement,
        }
    }

    /// Whether an offer of ours waits for its PRACK.
    pub fn has_offered(&self) -> bool {
        self.outstanding.as_ref().is_some_and(|out| out.offer)
    }

    /// Whether a 2xx has to wait.
    pub fn must_wait(&self) -> bool {
        self.outstanding.as_ref().is_some_and(|out| out.body) || !self.queue.is_empty()
    }

    /// The call is answered: nothing is repeated any more, but a PRACK that is on its way is
    /// still expected (section 3). False when none is.
    pub fn stop(&mut self) -> bool {
        self.queue.clear();
        if let Some(out) = &mut self.outstanding {
            (out.resend.due, out.give_up) = (u64::MAX, u64::MAX);
        }
        self.outstanding.is_some()
    }

    pub fn deadline(&self) -> u64 {
        self.outstanding.as_ref().map_or(u64::MAX, |out| out.resend.due.min(out.give_up))
    }
}

impl Leg {
    /// Sends a provisional response reliably, after the one before is acknowledged.
    pub fn ring_reliably(&mut self, cx: &mut Cx<'_>, tx: Handle, reply: Reply) {
        let limit = cx.layer.settings.limits.queued_provisionals;
        let Some(reliable) = &mut self.reliable else { return };
        if reliable.outstanding.is_some() {
            // When full, the oldest goes: what rings now matters more than what rang before.
            if reliable.queue.len() >= limit {
                reliable.queue.pop_front();
            }
            reliable.queue.push_back(reply);
            return;
        }
        let TheirInvite::Pending { cseq, late, .. } = &self.theirs else { return };
        let (cseq, late) = (*cseq, *late);
        let rseq = reliable.next;
        reliable.next = reliable.next.wrapping_add(1);
        // RFC 3311 section 5.1: the caller must know whether it may send UPDATE.
        let allow = cx.layer.allow();
        let lines: [Line<'_>; 3] = [
            (HeaderName::Require, &"100rel"),
            (HeaderName::RSeq, &rseq),
            (HeaderName::Allow, &allow),
        ];
        let answer = Answer {
            status: reply.status,
            reason: reply.reason.as_deref().unwrap_or(""),
            tag: &self.local_tag,
            contact: Some(&self.contact),
            lines: &lines,
            headers: &reply.headers,
            body: reply.body.as_ref(),
            forget: false,
        };
        let Some(flow) = cx.layer.server_flow(tx) else { return };
        let Some(bytes) = cx.layer.reply(cx.now, tx, &answer) else { return };
        let timers = cx.layer.end_to_end_timers();
        reliable.outstanding = Some(Outstanding {
            rseq,
            cseq,
            offer: late && reply.body.is_some() && !self.negotiated,
            body: reply.body.is_some(),
            flow,
            bytes,
            // Doubling without bound, as timer A does, for 64 times T1.
            resend: Repeat::start(&timers, Timer::A, cx.now),
            give_up: timers.start(Timer::B, cx.now),
        });
        if reply.body.is_some() {
            self.last_sent = reply.body;
        }
    }

    /// A PRACK arrived, with its transaction open. False when it acknowledges nothing: 481.
    pub fn pracked(&mut self, cx: &mut Cx<'_>, tx: Handle, prack: &Message) -> bool {
        let (Some(rack), Some(reliable)) = (prack.rack(), &mut self.reliable) else { return false };
        let matches = |out: &Outstanding| {
            out.rseq == rack.rseq && out.cseq == rack.cseq && rack.method == crate::Method::Invite
        };
        if !reliable.outstanding.as_ref().is_some_and(matches) {
            return false;
        }
        let Some(outstanding) = reliable.outstanding.take() else { return false };
        let (leg, body) = (self.id(), !prack.body().is_empty());
        if outstanding.body {
            self.negotiated = true;
        }
        if body && !outstanding.offer {
            // Section 5: a PRACK may make a further offer, which its 2xx answers.
            self.their_offer = Some(TheirOffer { tx, by: OfferBy::Prack, refresh: None });
            cx.layer.emit(Event::Offer { leg, message: prack.clone(), by: OfferBy::Prack });
        } else {
            self.reply_plainly(cx, tx, 200);
            if outstanding.offer {
                cx.layer.emit(Event::OfferAnswered { leg, message: prack.clone() });
            }
        }
        self.after_prack(cx);
        true
    }

    /// Sends what waited for a PRACK.
    fn after_prack(&mut self, cx: &mut Cx<'_>) {
        if !self.is_early() {
            self.reliable = None;
            return;
        }
        let TheirInvite::Pending { tx, .. } = self.theirs else { return };
        let Some(reliable) = &mut self.reliable else { return };
        if let Some(reply) = reliable.queue.pop_front() {
            return self.ring_reliably(cx, tx, reply);
        }
        if self.their_offer.is_some() {
            return;
        }
        match self.reliable.as_mut().and_then(|reliable| reliable.accept.take()) {
            Some(reply) => self.accept(cx, reply),
            None => self.next_offer(cx),
        }
    }

    /// The owner answered an offer that a PRACK had made.
    pub fn prack_offer_answered(&mut self, cx: &mut Cx<'_>) {
        self.after_prack(cx);
    }

    /// Sends a reliable response again, or gives up on the caller (section 3: a 5xx ends it).
    pub fn prack_timeout(&mut self, cx: &mut Cx<'_>) {
        let timers = cx.layer.end_to_end_timers();
        let Some(out) = self.reliable.as_mut().and_then(|reliable| reliable.outstanding.as_mut())
        else {
            return;
        };
        if out.give_up > cx.now {
            if out.resend.fire(&timers, Timer::A, cx.now) {
                let (flow, bytes) = (out.flow, out.bytes.clone());
                cx.layer.send(flow, bytes);
            }
            return;
        }
        if matches!(self.phase, Phase::Ringing) {
            self.reject(cx, &Reply::new(504));
            let leg = self.id();
            cx.layer.emit(Event::Ended { leg, cause: EndCause::NoPrack });
        }
    }
}
