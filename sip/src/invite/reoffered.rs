//! Offers of the peer's in an established dialog (RFC 3261 section 14.2, RFC 3311 section 5.2).

use super::leg::{Cx, Leg};
use super::offer::{OurInvite, Refresh, TheirInvite, TheirOffer};
use super::session::Agreement;
use super::uas::{AcceptLines, Accepting};
use crate::endpoint::layer::Answer;
use crate::endpoint::slab::Handle;
use crate::endpoint::{Body, Event, OfferBy, Reply};
use crate::message::{HeaderName, Message};

impl Leg {
    /// A re-INVITE arrived, with its transaction open.
    pub fn reinvited(&mut self, cx: &mut Cx<'_>, fork: u32, tx: Handle, invite: &Message) {
        // A caller can send this only after our 2xx reached it: the ACK was lost.
        if matches!(&self.theirs, TheirInvite::Unacked(unacked) if !unacked.late) {
            self.acknowledged(cx, None);
        }
        if !self.is_live() {
            return self.reply_plainly(cx, tx, 481);
        }
        if self.is_early()
            || !matches!(self.theirs, TheirInvite::Idle)
            || self.their_offer.is_some()
        {
            return self.try_later(cx, tx);
        }
        let collides = matches!(
            self.ours,
            OurInvite::Initial(_) | OurInvite::Pending { .. } | OurInvite::AwaitingAnswer { .. }
        ) || self.our_update.as_ref().is_some_and(|offer| offer.body.is_some());
        if collides {
            return self.reply_plainly(cx, tx, 491);
        }
        let agreement = Agreement::about(invite, cx.layer);
        if agreement == Agreement::TooSmall {
            return self.too_small(cx, tx);
        }
        cx.layer.assign_server(tx, self.handle);
        cx.layer.reply(cx.now, tx, &Answer::status(100));
        let cseq = invite.cseq().map_or(0, |(number, _)| number);
        let late = invite.body().is_empty();
        self.theirs = TheirInvite::Pending { tx, cseq, late };
        self.their_refresh = Some(Refresh { agreement, target: contact_of(invite), fork });
        let (leg, message) = (self.id(), invite.clone());
        cx.layer.emit(Event::Offer { leg, message, by: OfferBy::Reinvite });
    }

    /// An UPDATE arrived, with its transaction open.
    pub fn updated(&mut self, cx: &mut Cx<'_>, fork: u32, tx: Handle, update: &Message) {
        let agreement = Agreement::about(update, cx.layer);
        if agreement == Agreement::TooSmall {
            return self.too_small(cx, tx);
        }
        let refresh = Some(Refresh { agreement, target: contact_of(update), fork });
        if update.body().is_empty() {
            return self.accept_update(cx, tx, refresh, None);
        }
        // RFC 3311 section 5.2.
        if self.has_offered() {
            return self.reply_plainly(cx, tx, 491);
        }
        if self.was_offered() {
            return self.try_later(cx, tx);
        }
        self.their_offer = Some(TheirOffer { tx, by: OfferBy::Update, refresh });
        let (leg, message) = (self.id(), update.clone());
        cx.layer.emit(Event::Offer { leg, message, by: OfferBy::Update });
    }

    /// The owner answers an offer.
    pub fn answer_offer(&mut self, cx: &mut Cx<'_>, body: Option<Body>) {
        if let Some(early) = self.early_offer.take() {
            return self.answer_early(cx, early.fork, early.rseq, body.as_ref());
        }
        if let Some(offer) = self.their_offer.take() {
            match offer.by {
                OfferBy::Prack => {
                    let answer = Answer { body: body.as_ref(), ..Answer::status(200) };
                    cx.layer.reply(cx.now, offer.tx, &answer);
                    self.prack_offer_answered(cx);
                }
                _ => self.accept_update(cx, offer.tx, offer.refresh, body.as_ref()),
            }
            if body.is_some() {
                self.last_sent = body;
            }
            return self.next_offer(cx);
        }
        let TheirInvite::Pending { tx, cseq, late } = self.theirs else { return };
        if self.is_early() {
            return;
        }
        let refresh = self.their_refresh.take();
        let agreement = self.adopt_refresh(cx, refresh);
        let reply = Reply { body, ..Reply::new(200) };
        self.send_2xx(cx, tx, Accepting { cseq, initial: false, late, agreement }, &reply);
    }

    /// The owner refuses an offer; the session goes on as it was.
    pub fn refuse_offer(&mut self, cx: &mut Cx<'_>, status: u16) {
        let status = status.clamp(400, 699);
        if let Some(early) = self.early_offer.take() {
            // There is no refusing an offer in a response but to end the call.
            self.answer_early(cx, early.fork, early.rseq, None);
            return self.cancel(cx, None);
        }
        if let Some(offer) = self.their_offer.take() {
            self.reply_plainly(cx, offer.tx, status);
            if offer.by == OfferBy::Prack {
                self.prack_offer_answered(cx);
            }
            return self.next_offer(cx);
        }
        let TheirInvite::Pending { tx, .. } = self.theirs else { return };
        if self.is_early() {
            return;
        }
        self.theirs = TheirInvite::Idle;
        self.reply_plainly(cx, tx, status);
        self.next_offer(cx);
    }

    fn answer_early(&mut self, cx: &mut Cx<'_>, fork: u32, rseq: u32, body: Option<&Body>) {
        let OurInvite::Initial(initial) = &self.ours else { return };
        let cseq = initial.cseq;
        let Some(index) = self.forks.iter().position(|known| known.number == fork) else { return };
        if let Some(fork) = self.forks.get_mut(index) {
            fork.answered_late = body.is_some();
        }
        self.negotiated |= body.is_some();
        self.send_prack(cx, index, rseq, cseq, body);
        if body.is_some() {
            self.last_sent = body.cloned();
        }
    }

    fn accept_update(
        &mut self,
        cx: &mut Cx<'_>,
        tx: Handle,
        refresh: Option<Refresh>,
        body: Option<&Body>,
    ) {
        let agreement = self.adopt_refresh(cx, refresh);
        let lines = AcceptLines::of(cx, agreement);
        let answer = Answer {
            contact: Some(&self.contact),
            lines: &lines.lines(),
            body,
            ..Answer::status(200)
        };
        cx.layer.reply(cx.now, tx, &answer);
    }

    /// What a request said about target and session holds once it is accepted (12.2.2).
    fn adopt_refresh(&mut self, cx: &Cx<'_>, refresh: Option<Refresh>) -> Agreement {
        let Some(Refresh { agreement, target, fork }) = refresh else { return Agreement::None };
        let fork = self.forks.iter_mut().find(|known| known.number == fork);
        if let (Some(target), Some(fork)) = (target, fork) {
            fork.dialog.target = target;
        }
        // Before the answer there is no session yet: the INVITE's own agreement will hold.
        if self.is_early() {
            return Agreement::None;
        }
        self.session = agreement.session(cx.now);
        agreement
    }

    fn too_small(&mut self, cx: &mut Cx<'_>, tx: Handle) {
        let least = cx.layer.settings.min_se.max(90);
        let answer = Answer { lines: &[(HeaderName::MinSe, &least)], ..Answer::status(422) };
        cx.layer.reply(cx.now, tx, &answer);
    }

    /// 14.2: while one is under way the next is put off by 0 to 10 s.
    fn try_later(&mut self, cx: &mut Cx<'_>, tx: Handle) {
        let wait = cx.layer.ids.below(11);
        let answer = Answer { lines: &[(HeaderName::RetryAfter, &wait)], ..Answer::status(500) };
        cx.layer.reply(cx.now, tx, &answer);
    }

    /// A response with nothing but a status.
    pub fn reply_plainly(&self, cx: &mut Cx<'_>, tx: Handle, status: u16) {
        cx.layer.reply(cx.now, tx, &Answer::status(status));
    }

    /// The leg ends: an offer that waits for the owner is answered 487.
    pub fn drop_their_offer(&mut self, cx: &mut Cx<'_>) {
        if let Some(offer) = self.their_offer.take() {
            self.reply_plainly(cx, offer.tx, 487);
        }
    }
}

fn contact_of(message: &Message) -> Option<Box<str>> {
    crate::dialog::contact_of(message).map(Box::from)
}
