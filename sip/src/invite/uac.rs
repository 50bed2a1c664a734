//! A call of ours, from INVITE to its answer (RFC 3261 section 13.2).

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::leg::{Cx, Fork, Leg, NO_HEADERS, Peer, Phase};
use super::offer::{Cancel, EarlyOffer, Initial, OurInvite, TheirInvite};
use super::session::Wish;
use super::stray;
use crate::Flow;
use crate::dialog::{Dialog, NextHop, leads_to, uri_in};
use crate::endpoint::layer::{Happened, Line, Outgoing, Owner, Purpose, Retry, Sent};
use crate::endpoint::slab::Handle;
use crate::endpoint::{Body, EndCause, Event, OfferBy, OutInvite, Reason};
use crate::message::{HeaderName, Message};
use crate::transaction::{Class, Timer};

/// How often a call asks again with a longer session interval.
const MAX_TOO_SMALL: u8 = 2;

impl Leg {
    /// Sends the INVITE.
    pub fn call(handle: Handle, cx: &mut Cx<'_>, flow: Flow, invite: OutInvite) -> Self {
        let local_tag = cx.layer.ids.tag();
        let local = with_tag(&invite.from, &local_tag);
        let call_id = cx.layer.ids.call_id();
        let contact = match invite.contact {
            Some(contact) => contact.into_boxed_str(),
            None => cx.layer.contact(&flow),
        };
        let routes: Box<[Box<str>]> =
            invite.route.iter().map(|route| route.as_str().into()).collect();
        let first = routes.first().map_or(&*invite.uri, |route| uri_in(route));
        let symmetric = !leads_to(first, &flow);
        let wish = Wish {
            interval: invite.session_expires.unwrap_or(cx.layer.settings.session_expires),
            min_se: 0,
        };
        let lines = InviteLines::of(cx, wish, invite.reliable_provisionals);
        let hop = NextHop::of(&invite.uri, &routes);
        let to = bracketed(&invite.to);
        let out = Outgoing {
            method: &crate::Method::Invite,
            uri: hop.uri(),
            routes: hop.routes(),
            from: &local,
            to: &to,
            call_id: &call_id,
            cseq: 1,
            max_forwards: invite.max_forwards,
            contact: Some(&contact),
            lines: &lines.lines(),
            headers: &invite.headers,
            body: invite.body.as_ref(),
        };
        let owner = Owner::Leg(handle, Purpose::Invite);
        let tx = cx.layer.start_request(cx.now, flow, &out, owner, 0);
        let initial = Initial {
            tx,
            cseq: 1,
            uri: hop.uri().into(),
            late: invite.body.is_none(),
            heard: false,
            cancel: Cancel::No,
            too_small: 0,
        };
        Self {
            handle,
            incoming: false,
            phase: Phase::Calling,
            flow,
            symmetric,
            call_id: call_id.into_boxed_str(),
            local: local.into_boxed_str(),
            local_tag,
            contact,
            peer: Peer::default(),
            forks: SmallVec::new(),
            forks_seen: 0,
            ours: OurInvite::Initial(initial),
            theirs: TheirInvite::Idle,
            our_update: None,
            their_offer: None,
            early_offer: None,
            negotiated: false,
            queue: VecDeque::new(),
            reliable: None,
            session: None,
            wish,
            last_sent: invite.body,
            their_refresh: None,
            credentials: invite.credentials.map(Box::new),
            scheduled: u64::MAX,
        }
    }

    /// Our INVITE was answered, or was not.
    pub fn invite_outcome(
        &mut self,
        cx: &mut Cx<'_>,
        sent: &Sent,
        happened: Happened,
        response: Option<&Message>,
    ) {
        match (happened, response, response.and_then(Message::status)) {
            (Happened::Response, Some(response), Some(status)) => match Class::of(status) {
                Class::Provisional => self.invite_progress(cx, status, response),
                Class::Success => self.invite_accepted(cx, sent, response),
                Class::Failure => self.invite_refused(cx, sent, status, response),
            },
            (Happened::TransportFailed, ..) => self.call_failed(cx, 503, None),
            _ => self.call_failed(cx, 408, None),
        }
    }

    fn invite_progress(&mut self, cx: &mut Cx<'_>, status: u16, response: &Message) {
        let OurInvite::Initial(initial) = &mut self.ours else { return };
        let first = !std::mem::replace(&mut initial.heard, true);
        if let Cancel::Wanted(reason) = &mut initial.cancel {
            let reason = reason.take();
            return self.send_cancel(cx, reason);
        }
        if !matches!(initial.cancel, Cancel::No) {
            return;
        }
        if status == 100 {
            // It says nothing but that somebody is there, and that once.
            if first {
                let (leg, message) = (self.id(), response.clone());
                cx.layer.emit(Event::Provisional { leg, message, fork: 0, body: false });
            }
            return;
        }
        self.peer.learn(response);
        let tag = response.to().ok().and_then(|to| to.tag());
        let mut fork = 0;
        if let Some(tag) = tag {
            let Some(index) = self.find_or_make_fork(cx, tag, response) else { return };
            fork = self.forks.get(index).map_or(0, |fork| fork.number);
            match self.reliable_progress(cx, index, response) {
                Progress::Unreliable | Progress::Acknowledged => {}
                Progress::Repeated => return,
                Progress::Offer => return self.early_offer_came(cx, fork, response),
            }
        }
        let body = !response.body().is_empty();
        let (leg, message) = (self.id(), response.clone());
        cx.layer.emit(Event::Provisional { leg, message, fork, body });
    }

    fn early_offer_came(&mut self, cx: &mut Cx<'_>, fork: u32, response: &Message) {
        let (leg, message) = (self.id(), response.clone());
        let provisional = Event::Provisional { leg, message: message.clone(), fork, body: false };
        cx.layer.emit(provisional);
        cx.layer.emit(Event::Offer { leg, message, by: OfferBy::Early });
    }

    fn find_or_make_fork(&mut self, cx: &Cx<'_>, tag: &str, response: &Message) -> Option<usize> {
        if let Some(index) = self.fork_of(tag) {
            if let Some(fork) = self.forks.get_mut(index) {
                fork.dialog.refresh_target(response);
            }
            return Some(index);
        }
        let OurInvite::Initial(initial) = &self.ours else { return None };
        if self.forks.len() >= cx.layer.settings.limits.forks {
            return None;
        }
        let dialog = Dialog::from_response(response, initial.cseq, &initial.uri);
        self.forks.push(Fork::new(dialog, self.forks_seen));
        self.forks_seen += 1;
        Some(self.forks.len() - 1)
    }

    /// RFC 3262 section 4: in order, each once, acknowledged by PRACK.
    fn reliable_progress(&mut self, cx: &mut Cx<'_>, index: usize, response: &Message) -> Progress {
        let required = response.require().any(|tag| tag.eq_ignore_ascii_case("100rel"));
        let (true, Some(rseq)) = (required, response.rseq()) else { return Progress::Unreliable };
        let OurInvite::Initial(initial) = &self.ours else { return Progress::Repeated };
        let (cseq, late) = (initial.cseq, initial.late);
        let Some(fork) = self.forks.get_mut(index) else { return Progress::Repeated };
        if fork.rseq.is_some_and(|latest| rseq != latest.wrapping_add(1)) {
            return Progress::Repeated;
        }
        if late && !response.body().is_empty() && !fork.answered_late {
            // One offer at a time: another fork's comes again until it has its PRACK.
            if self.early_offer.is_some() {
                return Progress::Repeated;
            }
            fork.rseq = Some(rseq);
            self.early_offer = Some(EarlyOffer { fork: fork.number, rseq });
            return Progress::Offer;
        }
        fork.rseq = Some(rseq);
        self.negotiated |= !late && !response.body().is_empty();
        self.send_prack(cx, index, rseq, cseq, None);
        Progress::Acknowledged
    }

    fn invite_accepted(&mut self, cx: &mut Cx<'_>, sent: &Sent, response: &Message) {
        let tag = response.to().ok().and_then(|to| to.tag()).unwrap_or("");
        let OurInvite::Initial(initial) = &self.ours else {
            // Another fork answered too, and has nobody to talk to (13.2.2.4). A repeated 2xx
            // that the owner has not answered yet waits for its ACK.
            let known = self.forks.first().is_some_and(|fork| *fork.dialog.remote_tag == *tag);
            if !known {
                stray::end(cx.layer, cx.now, sent, response, self.credentials.as_deref());
            }
            return;
        };
        if !matches!(initial.cancel, Cancel::No) {
            stray::end(cx.layer, cx.now, sent, response, self.credentials.as_deref());
            return self.over(cx, EndCause::Crossed);
        }
        let (tx, cseq, late) = (initial.tx, initial.cseq, initial.late);
        let dialog = Dialog::from_response(response, cseq, &initial.uri);
        let mut fork = match self.fork_of(tag) {
            Some(index) => self.forks.swap_remove(index),
            None => Fork::new(dialog, self.forks_seen),
        };
        fork.dialog.confirm(response);
        let (number, answered_late) = (fork.number, fork.answered_late);
        self.forks.clear();
        self.forks.push(fork);
        self.peer.learn(response);
        self.phase = Phase::Confirmed;
        self.early_offer = None;
        self.session_answered(cx, response);
        let (leg, message) = (self.id(), response.clone());
        cx.layer.emit(Event::Answered { leg, message, fork: number });
        if late && !answered_late {
            self.ours = OurInvite::AwaitingAnswer { tx, cseq };
            return;
        }
        self.negotiated = true;
        self.ours = OurInvite::Idle;
        self.acknowledge_plainly(cx, tx, cseq, sent, None);
        self.next_offer(cx);
    }

    /// The ACK of a 2xx carries the INVITE's credentials (13.2.2.4).
    fn acknowledge_plainly(
        &mut self,
        cx: &mut Cx<'_>,
        tx: Handle,
        cseq: u32,
        sent: &Sent,
        body: Option<&Body>,
    ) {
        let request = Message::parse(sent.request.clone()).ok();
        let header = |name| request.as_ref().and_then(|request| request.header(name));
        let names = [HeaderName::Authorization, HeaderName::ProxyAuthorization];
        let values = names.map(|name| (name, header(name)));
        let mut lines: Vec<Line<'_>> = Vec::new();
        for (name, value) in &values {
            if let Some(value) = value {
                lines.push((*name, value));
            }
        }
        self.acknowledge(cx, tx, cseq, &lines, body);
    }

    fn invite_refused(&mut self, cx: &mut Cx<'_>, sent: &Sent, status: u16, response: &Message) {
        let cancelled = match &self.ours {
            OurInvite::Initial(initial) => !matches!(initial.cancel, Cancel::No),
            _ => return,
        };
        if !cancelled && let Some(retry) = self.invite_retry(cx, sent, status, response) {
            return self.invite_again(cx, sent, retry);
        }
        self.call_failed(cx, status, Some(response.clone()));
    }

    fn invite_retry(
        &mut self,
        cx: &mut Cx<'_>,
        sent: &Sent,
        status: u16,
        response: &Message,
    ) -> Option<Retry> {
        match status {
            401 | 407 => {
                let credentials = self.credentials.as_deref()?;
                cx.layer.answer_challenge(sent, response, credentials)
            }
            // RFC 4028 section 7.3.
            422 => {
                let OurInvite::Initial(initial) = &mut self.ours else { return None };
                initial.too_small += 1;
                let least = response.min_se()?;
                if initial.too_small > MAX_TOO_SMALL || least <= self.wish.min_se {
                    return None;
                }
                self.wish = Wish { interval: self.wish.interval.max(least), min_se: least };
                let changes = vec![
                    (HeaderName::SessionExpires, self.wish.interval.to_string()),
                    (HeaderName::MinSe, least.to_string()),
                ];
                Some(Retry::with(changes, sent))
            }
            _ => None,
        }
    }

    fn invite_again(&mut self, cx: &mut Cx<'_>, sent: &Sent, retry: Retry) {
        let OurInvite::Initial(initial) = &mut self.ours else { return };
        let cseq = initial.cseq + 1;
        let owner = Owner::Leg(self.handle, Purpose::Invite);
        let Some(tx) = cx.layer.send_again(cx.now, sent, retry, cseq, owner) else {
            return self.call_failed(cx, 503, None);
        };
        (initial.tx, initial.cseq, initial.heard) = (tx, cseq, false);
        self.forks.clear();
        self.early_offer = None;
        self.negotiated = false;
    }

    fn call_failed(&mut self, cx: &mut Cx<'_>, status: u16, message: Option<Message>) {
        let OurInvite::Initial(_) = &self.ours else { return };
        let leg = self.id();
        cx.layer.emit(Event::Failed { leg, status, message });
        self.ours = OurInvite::Idle;
        self.phase = Phase::Gone;
    }

    /// The owner no longer wants the call.
    pub fn cancel(&mut self, cx: &mut Cx<'_>, reason: Option<Reason>) {
        match (&mut self.ours, &self.phase) {
            (OurInvite::Initial(initial), _) => {
                if !matches!(initial.cancel, Cancel::No) {
                    return;
                }
                let tx = initial.tx;
                if initial.heard {
                    self.send_cancel(cx, reason);
                } else if cx.layer.is_unsent(tx) {
                    cx.layer.drop_client(tx);
                    self.call_failed(cx, 487, None);
                } else {
                    initial.cancel = Cancel::Wanted(reason);
                }
            }
            // The answer is on its way to the owner: it crossed this order.
            (_, Phase::Confirmed) => self.hang_up(cx, reason, Some(EndCause::Crossed)),
            _ => {}
        }
    }

    fn send_cancel(&mut self, cx: &mut Cx<'_>, reason: Option<Reason>) {
        let OurInvite::Initial(initial) = &mut self.ours else { return };
        let reason = reason.as_ref().map(|reason| reason as &dyn std::fmt::Display);
        cx.layer.send_cancel(cx.now, initial.tx, reason);
        let give_up = cx.layer.end_to_end_timers().start(Timer::B, cx.now);
        initial.cancel = Cancel::Sent { give_up };
    }

    /// Nothing answered our CANCEL, nor the INVITE.
    pub fn cancel_timeout(&mut self, cx: &mut Cx<'_>) {
        let OurInvite::Initial(Initial { cancel: Cancel::Sent { give_up }, tx, .. }) = &self.ours
        else {
            return;
        };
        if *give_up <= cx.now {
            // Its 2xx may come yet.
            cx.layer.abandon(cx.now, *tx);
            self.call_failed(cx, 487, None);
        }
    }

    /// The owner's answer to an offer that came in a 2xx.
    pub fn answer_in_ack(&mut self, cx: &mut Cx<'_>, body: Option<Body>) {
        let OurInvite::AwaitingAnswer { tx, cseq } = self.ours else { return };
        self.ours = OurInvite::Idle;
        self.negotiated = true;
        self.acknowledge(cx, tx, cseq, &[], body.as_ref());
        if body.is_some() {
            self.last_sent = body;
        }
        self.next_offer(cx);
    }

    /// Sends the PRACK of a reliable provisional response, with our answer if it made an offer.
    pub fn send_prack(
        &mut self,
        cx: &mut Cx<'_>,
        fork: usize,
        rseq: u32,
        cseq: u32,
        body: Option<&Body>,
    ) {
        let rack = format!("{rseq} {cseq} INVITE");
        let lines: [Line<'_>; 1] = [(HeaderName::RAck, &rack)];
        let request = super::leg::InDialog {
            lines: &lines,
            headers: NO_HEADERS,
            body,
            ..super::leg::InDialog::new(crate::Method::Prack, Purpose::Prack)
        };
        self.send(cx, fork, &request);
    }
}

/// What a provisional response is to RFC 3262.
enum Progress {
    Unreliable,
    Acknowledged,
    Repeated,
    /// It made an offer; the PRACK waits for the owner's answer.
    Offer,
}

/// What every INVITE of ours says about us.
pub(super) struct InviteLines {
    pub allow: String,
    pub supported: String,
    pub session: Option<String>,
    pub min_se: Option<u32>,
}

impl InviteLines {
    pub fn of(cx: &Cx<'_>, wish: Wish, reliable: bool) -> Self {
        let settings = &cx.layer.settings;
        let least = settings.min_se.max(wish.min_se);
        let session = (wish.interval > 0).then(|| wish.interval.max(least).to_string());
        let options = settings.supported.iter().filter(|option| reliable || *option != "100rel");
        Self {
            allow: cx.layer.allow(),
            supported: options.map(String::as_str).collect::<Vec<_>>().join(", "),
            // RFC 4028 section 5: 90 is the default and need not be said.
            min_se: (session.is_some() && least > 90).then_some(least),
            session,
        }
    }

    pub fn lines(&self) -> SmallVec<[Line<'_>; 4]> {
        let mut lines: SmallVec<[Line<'_>; 4]> = SmallVec::new();
        lines.push((HeaderName::Allow, &self.allow));
        if !self.supported.is_empty() {
            lines.push((HeaderName::Supported, &self.supported));
        }
        if let Some(session) = &self.session {
            lines.push((HeaderName::SessionExpires, session));
        }
        if let Some(min_se) = &self.min_se {
            lines.push((HeaderName::MinSe, min_se));
        }
        lines
    }
}

/// An address with brackets, so that header parameters cannot be taken for the URI's.
pub(crate) fn bracketed(address: &str) -> String {
    if address.contains('<') { address.to_owned() } else { format!("<{address}>") }
}

/// A From value: the address and our tag.
pub(crate) fn with_tag(address: &str, tag: &str) -> String {
    let mut text = bracketed(address);
    text.push_str(";tag=");
    text.push_str(tag);
    text
}
