//! Offers of ours in an established dialog: re-INVITE and UPDATE
//! (RFC 3261 section 14.1, RFC 3311 section 5.1).

use super::leg::{Cx, InDialog, Leg};
use super::offer::{OurInvite, Reoffer};
use super::session::Wish;
use super::uac::InviteLines;
use crate::Method;
use crate::endpoint::layer::{Happened, Owner, Purpose, Retry, Sent};
use crate::endpoint::{Body, EndCause, Event};
use crate::message::{HeaderName, Message};
use crate::transaction::Class;
use crate::transaction::timers::{MS, SECOND};

/// How often an offer is sent again after 491 before its owner is told.
const MAX_COLLISIONS: u8 = 6;
/// How long a re-INVITE may go without a final response; people are not asked, so it is short.
const REINVITE_PATIENCE: u64 = 60 * SECOND;

impl Leg {
    /// The owner offers; what cannot be sent now waits.
    pub fn reoffer(&mut self, cx: &mut Cx<'_>, body: Option<Body>) {
        if self.queue.len() >= cx.layer.settings.limits.queued_offers {
            let leg = self.id();
            return cx.layer.emit(Event::OfferRefused { leg, status: 491 });
        }
        self.queue.push_back(body);
        self.next_offer(cx);
    }

    /// Sends the next offer that waits, if nothing is in its way.
    pub fn next_offer(&mut self, cx: &mut Cx<'_>) {
        let early = self.may_update_early() && self.queue.front().is_some_and(Option::is_some);
        if !early && !self.may_reinvite() {
            return;
        }
        let Some(body) = self.queue.pop_front() else { return };
        let offer = Reoffer { body, refresh: false, collisions: 0 };
        if early {
            let latest = self.forks.len().saturating_sub(1);
            self.send_update(cx, latest, offer);
        } else {
            self.send_reinvite(cx, offer);
        }
    }

    /// What a re-INVITE or UPDATE says about us and the session timer.
    fn offer_lines(&self, cx: &Cx<'_>) -> InviteLines {
        let session = self.session_value();
        let min_se = Some(self.wish.min_se).filter(|least| *least > 0 && session.is_some());
        InviteLines { session, min_se, ..InviteLines::of(cx, Wish::default(), false) }
    }

    pub fn send_reinvite(&mut self, cx: &mut Cx<'_>, offer: Reoffer) {
        let lines = self.offer_lines(cx);
        let request = InDialog {
            lines: &lines.lines(),
            body: offer.body.as_ref(),
            ..InDialog::new(Method::Invite, Purpose::Reinvite)
        };
        let Some(tx) = self.send(cx, 0, &request) else { return };
        if offer.body.is_some() {
            self.last_sent = offer.body.clone();
        }
        let cseq = self.forks.first().map_or(0, |fork| fork.dialog.local_cseq);
        let give_up = cx.now + REINVITE_PATIENCE;
        self.ours = OurInvite::Pending { tx, cseq, offer, give_up };
    }

    pub fn send_update(&mut self, cx: &mut Cx<'_>, fork: usize, offer: Reoffer) {
        let lines = self.offer_lines(cx);
        let request = InDialog {
            lines: &lines.lines(),
            body: offer.body.as_ref(),
            ..InDialog::new(Method::Update, Purpose::Update)
        };
        if self.send(cx, fork, &request).is_some() {
            if offer.body.is_some() {
                self.last_sent = offer.body.clone();
            }
            self.our_update = Some(offer);
        }
    }

    /// Our re-INVITE was answered, or was not.
    pub fn reinvite_outcome(
        &mut self,
        cx: &mut Cx<'_>,
        sent: &Sent,
        happened: Happened,
        response: Option<&Message>,
    ) {
        let (tx, cseq) = match &self.ours {
            OurInvite::Pending { tx, cseq, .. } if *tx == sent.handle => (*tx, *cseq),
            _ => return,
        };
        let status = status_of(happened, response);
        match (Class::of(status), response) {
            (Class::Provisional, _) => {}
            (Class::Success, Some(response)) => {
                let before = std::mem::replace(&mut self.ours, OurInvite::Idle);
                let OurInvite::Pending { offer, .. } = before else { return };
                self.adopt(cx, response);
                if offer.body.is_none() {
                    self.ours = OurInvite::AwaitingAnswer { tx, cseq };
                } else {
                    self.acknowledge(cx, tx, cseq, &[], None);
                }
                self.answered(cx, &offer, response);
            }
            _ => {
                let before = std::mem::replace(&mut self.ours, OurInvite::Idle);
                let OurInvite::Pending { offer, .. } = before else { return };
                if let Some(retry) = self.offer_retry(cx, sent, status, response)
                    && let Some((tx, cseq)) = self.send_again(cx, sent, retry, Purpose::Reinvite)
                {
                    let give_up = cx.now + REINVITE_PATIENCE;
                    self.ours = OurInvite::Pending { tx, cseq, offer, give_up };
                    return;
                }
                self.refused(cx, status, offer);
            }
        }
    }

    /// Our UPDATE was answered, or was not.
    pub fn update_outcome(
        &mut self,
        cx: &mut Cx<'_>,
        sent: &Sent,
        happened: Happened,
        response: Option<&Message>,
    ) {
        let status = status_of(happened, response);
        if Class::of(status) == Class::Provisional {
            return;
        }
        let Some(offer) = self.our_update.take() else { return };
        match (Class::of(status), response) {
            (Class::Success, Some(response)) => {
                self.adopt(cx, response);
                self.answered(cx, &offer, response);
            }
            _ => {
                if let Some(retry) = self.offer_retry(cx, sent, status, response)
                    && self.send_again(cx, sent, retry, Purpose::Update).is_some()
                {
                    self.our_update = Some(offer);
                    return;
                }
                if matches!(status, 405 | 501) {
                    self.peer.update = false;
                }
                self.refused(cx, status, offer);
            }
        }
    }

    /// A 2xx to a target refresh request (12.2.1.2).
    fn adopt(&mut self, cx: &mut Cx<'_>, response: &Message) {
        let tag = response.to().ok().and_then(|to| to.tag()).unwrap_or("");
        if let Some(index) = self.fork_of(tag)
            && let Some(fork) = self.forks.get_mut(index)
        {
            fork.dialog.refresh_target(response);
        }
        self.peer.learn(response);
        if self.session.is_some() || response.session_expires().is_some() {
            self.session_answered(cx, response);
        }
    }

    fn answered(&mut self, cx: &mut Cx<'_>, offer: &Reoffer, response: &Message) {
        if !offer.refresh {
            let (leg, message) = (self.id(), response.clone());
            cx.layer.emit(Event::OfferAnswered { leg, message });
        }
        self.next_offer(cx);
    }

    /// A challenge, or a session interval that was too small.
    fn offer_retry(
        &mut self,
        cx: &mut Cx<'_>,
        sent: &Sent,
        status: u16,
        response: Option<&Message>,
    ) -> Option<Retry> {
        let response = response?;
        match status {
            401 | 407 => cx.layer.answer_challenge(sent, response, self.credentials.as_deref()?),
            422 => {
                let least = response.min_se().filter(|least| *least > self.wish.min_se)?;
                self.wish.min_se = least;
                let value = self.session_value()?;
                let changes = vec![
                    (HeaderName::SessionExpires, value),
                    (HeaderName::MinSe, least.to_string()),
                ];
                Some(Retry::with(changes, sent))
            }
            _ => None,
        }
    }

    /// Sends a request of a dialog again, with the next CSeq number.
    pub fn send_again(
        &mut self,
        cx: &mut Cx<'_>,
        sent: &Sent,
        retry: Retry,
        purpose: Purpose,
    ) -> Option<(crate::endpoint::slab::Handle, u32)> {
        // Forks share one count here: a number may be skipped, never used twice.
        let latest = self.forks.iter().map(|fork| fork.dialog.local_cseq).max()?;
        let cseq = latest.saturating_add(1);
        for fork in &mut self.forks {
            fork.dialog.local_cseq = cseq;
        }
        let owner = Owner::Leg(self.handle, purpose);
        let tx = cx.layer.send_again(cx.now, sent, retry, cseq, owner)?;
        Some((tx, cseq))
    }

    fn refused(&mut self, cx: &mut Cx<'_>, status: u16, offer: Reoffer) {
        match status {
            // 12.2.1.2: the dialog is over. Before the answer the INVITE's own outcome decides.
            408 | 481 if !self.is_early() => {
                self.hang_up(cx, None, Some(EndCause::Gone(status)));
            }
            491 if offer.collisions < MAX_COLLISIONS && matches!(self.ours, OurInvite::Idle) => {
                let until = cx.now + self.collision_wait(cx);
                let offer = Reoffer { collisions: offer.collisions + 1, ..offer };
                self.ours = OurInvite::Waiting { until, offer };
            }
            _ => {
                if !offer.refresh {
                    let leg = self.id();
                    cx.layer.emit(Event::OfferRefused { leg, status });
                }
                self.next_offer(cx);
            }
        }
    }

    /// 14.1: 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other, in steps of 10 ms.
    fn collision_wait(&self, cx: &mut Cx<'_>) -> u64 {
        let steps =
            if self.incoming { cx.layer.ids.below(201) } else { 210 + cx.layer.ids.below(191) };
        steps * 10 * MS
    }

    /// The wait after a collision is over.
    pub fn collision_timeout(&mut self, cx: &mut Cx<'_>) {
        match &self.ours {
            OurInvite::Waiting { until, .. } if *until <= cx.now => {}
            _ => return,
        }
        let before = std::mem::replace(&mut self.ours, OurInvite::Idle);
        let OurInvite::Waiting { offer, .. } = before else { return };
        if self.may_reinvite() {
            return self.send_reinvite(cx, offer);
        }
        if self.may_update_early() {
            let latest = self.forks.len().saturating_sub(1);
            return self.send_update(cx, latest, offer);
        }
        // The peer's own offer is under way: ours follows it.
        let until = cx.now + self.collision_wait(cx).max(100 * MS);
        self.ours = OurInvite::Waiting { until, offer };
    }

    /// A re-INVITE without a final response for too long: the peer is not well.
    pub fn reinvite_timeout(&mut self, cx: &mut Cx<'_>) {
        let OurInvite::Pending { give_up, tx, .. } = &self.ours else { return };
        if *give_up <= cx.now {
            cx.layer.send_cancel(cx.now, *tx, None);
            self.hang_up(cx, None, Some(EndCause::Gone(408)));
        }
    }
}

fn status_of(happened: Happened, response: Option<&Message>) -> u16 {
    match happened {
        Happened::Response => response.and_then(Message::status).unwrap_or(500),
        Happened::Timeout => 408,
        Happened::TransportFailed => 503,
    }
}
