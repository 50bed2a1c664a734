//! A call of theirs, from INVITE to our answer (RFC 3261 section 13.3).

use std::collections::VecDeque;

use smallvec::{SmallVec, smallvec};

use super::leg::{Cx, Fork, Leg, Peer, Phase};
use super::offer::{OurInvite, TheirInvite, Unacked};
use super::prack::Reliable;
use super::session::{Agreement, Wish};
use crate::Flow;
use crate::dialog::{Dialog, is_behind_nat};
use crate::endpoint::layer::{Answer, Line};
use crate::endpoint::slab::Handle;
use crate::endpoint::{EndCause, Event, Reason, Reply};
use crate::message::{HeaderName, Message, Via};
use crate::transaction::Timer;
use crate::transaction::timers::Repeat;

impl Leg {
    /// Takes a new INVITE; the transaction `tx` has been opened for it.
    pub fn incoming(
        handle: Handle,
        cx: &mut Cx<'_>,
        flow: Flow,
        invite: &Message,
        via: &Via<'_>,
        tx: Handle,
    ) -> Self {
        let local_tag = cx.layer.ids.tag();
        let to = invite.header(HeaderName::To).unwrap_or("");
        let mut peer = Peer::default();
        peer.learn(invite);
        let required = invite.require().any(|tag| tag.eq_ignore_ascii_case("100rel"));
        peer.reliable |= required;
        let fork = Fork::new(Dialog::from_request(invite), 0);
        let cseq = invite.cseq().map_or(0, |(number, _)| number);
        // RFC 3262 section 3: the first RSeq is chosen at random. The session timer is agreed on
        // while the INVITE is at hand, and starts with our 2xx.
        let first = 1 + cx.layer.ids.below(1 << 16) as u32;
        let reliable = Reliable::new(required, first, Agreement::about(invite, cx.layer));
        Self {
            handle,
            incoming: true,
            phase: Phase::Ringing,
            flow,
            symmetric: is_behind_nat(via, &flow),
            call_id: invite.call_id().unwrap_or("").into(),
            local: format!("{to};tag={local_tag}").into_boxed_str(),
            local_tag,
            contact: cx.layer.contact(&flow),
            peer,
            forks: smallvec![fork],
            forks_seen: 1,
            ours: OurInvite::Idle,
            theirs: TheirInvite::Pending { tx, cseq, late: invite.body().is_empty() },
            our_update: None,
            their_offer: None,
            early_offer: None,
            negotiated: false,
            queue: VecDeque::new(),
            reliable: Some(Box::new(reliable)),
            session: None,
            wish: Wish::default(),
            last_sent: None,
            their_refresh: None,
            credentials: None,
            scheduled: u64::MAX,
        }
    }

    /// Answers 101 to 199.
    pub fn ring(&mut self, cx: &mut Cx<'_>, reply: Reply) {
        let (Phase::Ringing, TheirInvite::Pending { tx, .. }) = (&self.phase, &self.theirs) else {
            return;
        };
        let tx = *tx;
        let answered = self.reliable.as_ref().is_some_and(|reliable| reliable.accept.is_some());
        if reply.status <= 100 || reply.status >= 200 || answered {
            return;
        }
        if let Some(contact) = &reply.contact {
            self.contact = contact.as_str().into();
        }
        let wanted = self.reliable.as_ref().is_some_and(|reliable| reliable.required);
        if wanted || (reply.reliable && self.peer.reliable) {
            return self.ring_reliably(cx, tx, reply);
        }
        let answer = Answer {
            status: reply.status,
            reason: reply.reason.as_deref().unwrap_or(""),
            tag: &self.local_tag,
            contact: Some(&self.contact),
            lines: &[],
            headers: &reply.headers,
            body: reply.body.as_ref(),
            forget: false,
        };
        cx.layer.reply(cx.now, tx, &answer);
    }

    /// Answers 200, as soon as no provisional response with a description waits for its PRACK
    /// (RFC 3262 section 3).
    pub fn accept(&mut self, cx: &mut Cx<'_>, reply: Reply) {
        let (Phase::Ringing, TheirInvite::Pending { tx, cseq, late }) = (&self.phase, &self.theirs)
        else {
            return;
        };
        let (tx, cseq, late) = (*tx, *cseq, *late);
        if let Some(reliable) = &mut self.reliable
            && reliable.must_wait()
        {
            reliable.accept = Some(reply);
            return;
        }
        if let Some(contact) = &reply.contact {
            self.contact = contact.as_str().into();
        }
        let mut agreement = Agreement::None;
        if let Some(reliable) = &mut self.reliable {
            agreement = reliable.agreement;
            if !reliable.stop() {
                self.reliable = None;
            }
        }
        let late = late && !self.negotiated;
        self.session = agreement.session(cx.now);
        self.send_2xx(cx, tx, Accepting { cseq, initial: true, late, agreement }, &reply);
        self.phase = Phase::Confirmed;
        self.negotiated = true;
    }

    /// Sends a 2xx to an INVITE and repeats it until its ACK comes.
    pub fn send_2xx(&mut self, cx: &mut Cx<'_>, tx: Handle, how: Accepting, reply: &Reply) {
        let lines = AcceptLines::of(cx, how.agreement);
        let answer = Answer {
            status: if (200..300).contains(&reply.status) { reply.status } else { 200 },
            reason: reply.reason.as_deref().unwrap_or(""),
            tag: &self.local_tag,
            contact: Some(&self.contact),
            lines: &lines.lines(),
            headers: &reply.headers,
            body: reply.body.as_ref(),
            forget: false,
        };
        self.theirs = TheirInvite::Idle;
        let Some(flow) = cx.layer.server_flow(tx) else { return };
        let Some(bytes) = cx.layer.reply(cx.now, tx, &answer) else { return };
        let timers = cx.layer.end_to_end_timers();
        if reply.body.is_some() {
            self.last_sent = reply.body.clone();
        }
        self.theirs = TheirInvite::Unacked(Unacked {
            cseq: how.cseq,
            initial: how.initial,
            late: how.late,
            flow,
            bytes,
            resend: Repeat::start(&timers, Timer::G, cx.now),
            give_up: timers.start(Timer::H, cx.now),
        });
    }

    /// Answers 300 or above.
    pub fn reject(&mut self, cx: &mut Cx<'_>, reply: &Reply) {
        let (Phase::Ringing, TheirInvite::Pending { tx, .. }) = (&self.phase, &self.theirs) else {
            return;
        };
        let tx = *tx;
        let answer = Answer {
            status: reply.status.clamp(300, 699),
            reason: reply.reason.as_deref().unwrap_or(""),
            tag: &self.local_tag,
            contact: reply.contact.as_deref(),
            lines: &[],
            headers: &reply.headers,
            body: reply.body.as_ref(),
            forget: false,
        };
        cx.layer.reply(cx.now, tx, &answer);
        self.drop_their_offer(cx);
        self.theirs = TheirInvite::Idle;
        self.phase = Phase::Gone;
    }

    /// The caller cancelled its INVITE or re-INVITE (RFC 3261 section 9.2). The CANCEL itself
    /// has been answered.
    pub fn cancelled(&mut self, cx: &mut Cx<'_>, cancel: &Message) {
        let leg = self.id();
        if matches!(self.phase, Phase::Ringing) {
            self.reject(cx, &Reply::new(487));
            cx.layer.emit(Event::Cancelled { leg, reason: Reason::of(cancel) });
            return;
        }
        if let TheirInvite::Pending { tx, .. } = self.theirs {
            self.reply_plainly(cx, tx, 487);
            self.theirs = TheirInvite::Idle;
            if self.is_live() {
                cx.layer.emit(Event::OfferWithdrawn { leg });
                self.next_offer(cx);
            }
        }
    }

    /// The connection to the caller was lost before we answered.
    pub fn caller_lost(&mut self, cx: &mut Cx<'_>) {
        if matches!(self.phase, Phase::Ringing) {
            self.theirs = TheirInvite::Idle;
            return self.over(cx, EndCause::TransportLost);
        }
        self.theirs = TheirInvite::Idle;
    }

    /// An ACK in our dialog.
    pub fn acked(&mut self, cx: &mut Cx<'_>, ack: &Message) {
        let number = ack.cseq().map_or(0, |(number, _)| number);
        match &self.theirs {
            TheirInvite::Unacked(unacked) if unacked.cseq == number => {}
            _ => return,
        }
        let body = Some(ack.body_bytes()).filter(|body| !body.is_empty());
        self.acknowledged(cx, body);
    }

    /// Our 2xx has arrived, whether by its ACK or by what can only follow it.
    pub fn acknowledged(&mut self, cx: &mut Cx<'_>, body: Option<bytes::Bytes>) {
        let before = std::mem::replace(&mut self.theirs, TheirInvite::Idle);
        let TheirInvite::Unacked(unacked) = before else { return };
        if let Phase::Ending { bye: bye @ Some(_) } = &mut self.phase {
            let reason = bye.take().flatten();
            return self.send_bye(cx, reason);
        }
        if unacked.initial || unacked.late {
            let leg = self.id();
            cx.layer.emit(Event::Acked { leg, body });
        }
        self.next_offer(cx);
    }

    /// Sends a 2xx again, or gives up waiting for its ACK.
    pub fn unacked_timeout(&mut self, cx: &mut Cx<'_>) {
        let timers = cx.layer.end_to_end_timers();
        let TheirInvite::Unacked(unacked) = &mut self.theirs else { return };
        if unacked.give_up > cx.now {
            if unacked.resend.fire(&timers, Timer::G, cx.now) {
                let (flow, bytes) = (unacked.flow, unacked.bytes.clone());
                cx.layer.send(flow, bytes);
            }
            return;
        }
        self.theirs = TheirInvite::Idle;
        match &mut self.phase {
            Phase::Ending { bye: bye @ Some(_) } => {
                let reason = bye.take().flatten();
                self.send_bye(cx, reason);
            }
            Phase::Confirmed => self.hang_up(cx, None, Some(EndCause::NoAck)),
            _ => {}
        }
    }
}

/// What a 2xx to an INVITE is about.
pub(crate) struct Accepting {
    pub cseq: u32,
    pub initial: bool,
    pub late: bool,
    pub agreement: Agreement,
}

/// What every 2xx to INVITE or UPDATE says about us.
pub(super) struct AcceptLines {
    allow: String,
    supported: String,
    session: Option<String>,
    require: bool,
}

impl AcceptLines {
    pub fn of(cx: &Cx<'_>, agreement: Agreement) -> Self {
        Self {
            allow: cx.layer.allow(),
            supported: cx.layer.supported(),
            session: agreement.value(),
            require: agreement.requires_timer(),
        }
    }

    pub fn lines(&self) -> SmallVec<[Line<'_>; 4]> {
        let mut lines: SmallVec<[Line<'_>; 4]> = SmallVec::new();
        lines.push((HeaderName::Allow, &self.allow));
        lines.push((HeaderName::Supported, &self.supported));
        if let Some(session) = &self.session {
            lines.push((HeaderName::SessionExpires, session));
        }
        if self.require {
            lines.push((HeaderName::Require, &"timer"));
        }
        lines
    }
}
