//! One subscription: its dialog, how long it lives, and which NOTIFY is on its way.

use super::ask::wanted;
use super::outcome::{SubscriptionEnd, Verdict, judge};
use super::state::{Shown, State, Terminated};
use super::{Ask, Grant, Package, Saved, SubscriptionId};
use crate::Flow;
use crate::Method;
use crate::dialog::{Dialog, is_behind_nat, towards};
use crate::endpoint::layer::{Answer, Happened, Layer, Line, Outgoing, Owner};
use crate::endpoint::slab::Handle;
use crate::endpoint::{Body, Event, RequestFailure};
use crate::message::{HeaderName, Message, Via};

const SECOND: u64 = 1_000_000_000;
/// So many NOTIFYs may fail one after the other, each in a way that says nothing about the next.
const MAX_FAILURES: u8 = 3;

/// After a NOTIFY that failed so, the state is told again after this time, in nanoseconds.
const AGAIN_AFTER: u64 = 5 * SECOND;
/// Numbers that a stored subscription may use before it is stored again.
const RESERVE: u32 = 256;
/// What all messages of a list's subscription carry.
const REQUIRE: Line<'static> = (HeaderName::Require, &"eventlist");

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Served until then, unless it is refreshed.
    Served { state: State, expires_at: u64 },
    /// Over for the owner; the last NOTIFY waits for the one before it.
    Ending { state: State },
    /// The last NOTIFY waits for its answer.
    Told,
    /// To be removed.
    Gone,
}

/// A subscription. Its dialog is its own: calls and other subscriptions have theirs.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub handle: Handle,
    /// Whose it is.
    pub peer: Box<str>,
    pub call_id: Box<str>,
    pub local_tag: Box<str>,
    pub scheduled: u64,
    pub flow: Flow,
    /// Our From value, tag included.
    local: Box<str>,
    contact: Box<str>,
    /// The subscriber is behind a NAT: it is reached where its packets come from.
    symmetric: bool,
    dialog: Dialog,
    package: Package,
    /// What every NOTIFY says in Event.
    event: Box<str>,
    life: Life,
    /// The latest state; with a package that asks, only what the next NOTIFY is to tell.
    body: Option<Body>,
    /// Whether the latest state has not been sent.
    news: bool,
    /// A SUBSCRIBE asks for it: it does not wait for the pace.
    urgent: bool,
    /// The owner was asked for the state.
    asked: bool,
    /// The next NOTIFY must tell all, not only what has changed.
    whole: bool,
    /// It is a list of resources.
    list: bool,
    /// CSeq numbers below this one may be used without storing the subscription again; 0 while
    /// the owner does not store it.
    reserved: u32,
    /// A NOTIFY waits for its answer; there is never a second one.
    on_way: bool,
    /// The subscriber has refreshed since that NOTIFY left: it lives, perhaps elsewhere.
    heard: bool,
    /// When the pace allows the next NOTIFY.
    paced_until: u64,
    /// When a Retry-After allows the next NOTIFY.
    deferred_until: u64,
    failures: u8,
}

/// A SUBSCRIBE, and the way it came.
#[derive(Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub flow: Flow,
    pub message: &'a Message,
    pub via: &'a Via<'a>,
}

impl Subscription {
    /// Begins with a SUBSCRIBE that is granted; the first NOTIFY is due at once
    /// (RFC 6665 section 4.2.1.2).
    pub fn new(
        handle: Handle,
        layer: &mut Layer,
        now: u64,
        came: Arrival<'_>,
        ask: &Ask,
        grant: Grant,
    ) -> Self {
        let Arrival { flow, message, via } = came;
        let local_tag = layer.ids.tag();
        let to = message.header(HeaderName::To).unwrap_or("");
        let event = match &ask.id {
            Some(id) => format!("{};id={id}", ask.package.name),
            None => ask.package.name.to_owned(),
        };
        let expires_at = now.saturating_add(u64::from(grant.expires) * SECOND);
        let life = match grant.expires {
            0 => Life::Ending { state: State::terminated(Terminated::Timeout) },
            _ => Life::Served { state: served(grant.state), expires_at },
        };
        Self {
            handle,
            peer: grant.peer.into_boxed_str(),
            call_id: message.call_id().unwrap_or("").into(),
            local: format!("{to};tag={local_tag}").into_boxed_str(),
            local_tag,
            scheduled: u64::MAX,
            flow,
            contact: layer.contact(&flow),
            symmetric: is_behind_nat(via, &flow),
            dialog: Dialog::from_request(message),
            package: ask.package,
            event: event.into_boxed_str(),
            life,
            body: grant.body,
            news: true,
            urgent: true,
            asked: false,
            whole: true,
            list: grant.list,
            reserved: 0,
            on_way: false,
            heard: false,
            paced_until: 0,
            deferred_until: 0,
            failures: 0,
        }
    }

    pub fn id(&self) -> SubscriptionId {
        SubscriptionId(self.handle.raw())
    }

    /// Whether the owner still knows it.
    pub fn is_served(&self) -> bool {
        matches!(self.life, Life::Served { .. })
    }

    pub fn is_gone(&self) -> bool {
        self.life == Life::Gone
    }

    /// The URI that NOTIFYs carry.
    pub fn target(&self) -> &str {
        &self.dialog.target
    }

    /// Whether a request with this From tag comes from the subscriber.
    pub fn is_from(&self, tag: &str) -> bool {
        *self.dialog.remote_tag == *tag
    }

    /// Answers the SUBSCRIBE that began it.
    pub fn welcome(&self, layer: &mut Layer, now: u64, tx: Handle) {
        self.reply(layer, now, tx, self.left(now));
    }

    fn reply(&self, layer: &mut Layer, now: u64, tx: Handle, expires: u64) {
        let lines: [Line<'_>; 2] = [(HeaderName::Expires, &expires), REQUIRE];
        let answer = Answer {
            tag: &self.local_tag,
            contact: Some(&self.contact),
            lines: if self.list { &lines } else { &lines[..1] },
            ..Answer::status(200)
        };
        layer.reply(now, tx, &answer);
    }

    /// The seconds left, the last one counted whole.
    fn left(&self, now: u64) -> u64 {
        match self.life {
            Life::Served { expires_at, .. } => expires_at.saturating_sub(now).div_ceil(SECOND),
            _ => 0,
        }
    }

    /// A SUBSCRIBE in the dialog: a refresh, or the end (RFC 6665 section 4.2.1).
    pub fn subscribed_again(&mut self, layer: &mut Layer, now: u64, tx: Handle, came: Arrival<'_>) {
        let message = came.message;
        let number = message.cseq().map_or(0, |(number, _)| number);
        if !self.dialog.note_remote_cseq(number) {
            // RFC 3261 section 12.2.2
            let answer = Answer { reason: "CSeq Out of Order", ..Answer::status(500) };
            layer.reply(now, tx, &answer);
            return;
        }
        if !self.is_served() {
            layer.reply(now, tx, &Answer::status(481));
            return;
        }
        if !self.is_about(message) {
            // Another subscription wants a dialog of its own (RFC 6665 section 4.5.2).
            let answer = Answer { reason: "One Subscription Per Dialog", ..Answer::status(403) };
            layer.reply(now, tx, &answer);
            return;
        }
        let granted = match self.package.grant(wanted(message)) {
            Ok(granted) => granted,
            Err(least) => {
                let lines: [Line<'_>; 1] = [(HeaderName::MinExpires, &least)];
                layer.reply(now, tx, &Answer { lines: &lines, ..Answer::status(423) });
                return;
            }
        };
        self.redirect(came.flow);
        self.symmetric = is_behind_nat(came.via, &came.flow);
        self.dialog.refresh_target(message);
        self.reply(layer, now, tx, granted.into());
        self.news = true;
        self.urgent = true;
        self.whole = true;
        self.changed(layer);
        match (granted, &mut self.life) {
            (0, _) => {
                let state = State::terminated(Terminated::Timeout);
                self.end(layer, state, Some(SubscriptionEnd::Unsubscribed));
            }
            (granted, Life::Served { expires_at, .. }) => {
                *expires_at = now.saturating_add(u64::from(granted) * SECOND);
            }
            _ => {}
        }
    }

    /// Whether a SUBSCRIBE names this subscription in Event.
    fn is_about(&self, message: &Message) -> bool {
        let Some(event) = message.event() else { return false };
        let own = self.event.split_once(";id=").map(|(_, id)| id);
        event.package.eq_ignore_ascii_case(self.package.name) && event.id() == own
    }

    /// The owner has something to tell. Without a body, the one of last time is told again.
    pub fn tell(&mut self, layer: &mut Layer, state: State, body: Option<Body>) {
        let Life::Served { state: before, .. } = &mut self.life else { return };
        self.body = body.or_else(|| self.body.take());
        self.news = true;
        if state.is_terminated() {
            self.end(layer, state, None);
        } else {
            *before = state;
        }
    }

    /// Over for the owner, who hears of it unless it was its order.
    fn end(&mut self, layer: &mut Layer, state: State, cause: Option<SubscriptionEnd>) {
        if !self.is_served() {
            return;
        }
        self.life = Life::Ending { state };
        self.news = true;
        self.asked = false;
        if let Some(cause) = cause {
            layer.emit(Event::SubscriptionEnded { subscription: self.id(), cause });
        }
    }

    /// It makes room for another one of the same peer: one last NOTIFY, whose answer nobody
    /// waits for.
    pub fn displace(&mut self, layer: &mut Layer, now: u64) {
        let state = State::terminated(Terminated::Rejected);
        self.end(layer, state, Some(SubscriptionEnd::Displaced));
        if matches!(self.life, Life::Ending { .. }) && !self.on_way && layer.has_room() {
            self.send(layer, now, Owner::Nobody(None));
        }
        self.life = Life::Gone;
    }

    /// A NOTIFY was answered, or was not.
    pub fn outcome(
        &mut self,
        layer: &mut Layer,
        now: u64,
        happened: Happened,
        response: Option<&Message>,
    ) {
        let failure = match (happened, response) {
            (Happened::Response, Some(response)) => match judge(response) {
                Verdict::Provisional => return,
                Verdict::Delivered => {
                    self.failures = 0;
                    None
                }
                Verdict::Over(status) => Some(SubscriptionEnd::Refused(status)),
                Verdict::Later(seconds) => {
                    self.deferred_until = now.saturating_add(u64::from(seconds) * SECOND);
                    self.news = true;
                    self.whole = true;
                    None
                }
                Verdict::Failed => {
                    self.failures = self.failures.saturating_add(1);
                    self.whole = true;
                    if self.package.asks {
                        self.deferred_until = now.saturating_add(AGAIN_AFTER);
                        self.news = true;
                    }
                    let status = response.status().unwrap_or(500);
                    (self.failures >= MAX_FAILURES).then_some(SubscriptionEnd::Refused(status))
                }
            },
            // It was sent to where the subscriber has left since; what it missed follows.
            _ if self.heard && self.is_served() => {
                self.news = true;
                self.whole = true;
                None
            }
            (Happened::TransportFailed, _) => {
                Some(SubscriptionEnd::Lost(RequestFailure::Transport))
            }
            _ => Some(SubscriptionEnd::Lost(RequestFailure::Timeout)),
        };
        self.on_way = false;
        if let Some(cause) = failure {
            self.end(layer, State::terminated(Terminated::Noresource), Some(cause));
            self.life = Life::Gone;
        } else if self.life == Life::Told {
            self.life = Life::Gone;
        }
    }

    /// When the latest state may be sent; `u64::MAX` while there is nothing to send.
    fn due(&self) -> u64 {
        match self.life {
            _ if self.on_way || self.asked || !self.news => u64::MAX,
            Life::Ending { .. } => self.deferred_until,
            Life::Served { .. } if self.urgent => self.deferred_until,
            Life::Served { .. } => self.deferred_until.max(self.paced_until),
            Life::Told | Life::Gone => u64::MAX,
        }
    }

    /// When something happens next; `u64::MAX` when nothing does.
    pub fn deadline(&self) -> u64 {
        match self.life {
            Life::Served { expires_at, .. } => expires_at.min(self.due()),
            _ => self.due(),
        }
    }

    /// Does what is due.
    pub fn advance(&mut self, layer: &mut Layer, now: u64) {
        if let Life::Served { expires_at, .. } = self.life
            && expires_at <= now
        {
            let state = State::terminated(Terminated::Timeout);
            self.end(layer, state, Some(SubscriptionEnd::Expired));
        }
        if self.due() <= now {
            if self.package.asks && self.body.is_none() && self.is_served() {
                self.asked = true;
                let (subscription, version) = (self.id(), self.dialog.local_cseq);
                return layer.emit(Event::StateWanted { subscription, version, whole: self.whole });
            }
            self.send(layer, now, Owner::Subscription(self.handle));
        }
    }

    /// The owner answers what it was asked for.
    pub fn supply(&mut self, body: Body) {
        if std::mem::take(&mut self.asked) {
            self.body = Some(body);
        }
    }

    /// What is stored of it is out of date.
    fn changed(&self, layer: &mut Layer) {
        if self.reserved > 0 && self.is_served() {
            layer.emit(Event::SubscriptionChanged { subscription: self.id() });
        }
    }

    /// What outlives the process. From now on the owner is told when that changes.
    pub fn save(&mut self, now: u64) -> Saved {
        self.reserved = self.dialog.local_cseq.saturating_add(RESERVE);
        let (routes, remote_cseq) = (self.dialog.routes.to_vec(), self.dialog.remote_cseq());
        Saved {
            package: self.package.name.to_owned(),
            event: self.event.clone(),
            peer: self.peer.clone(),
            call_id: self.call_id.clone(),
            local: self.local.clone(),
            local_tag: self.local_tag.clone(),
            remote: self.dialog.remote.clone(),
            remote_tag: self.dialog.remote_tag.clone(),
            target: self.dialog.target.clone(),
            routes,
            local_cseq: self.reserved,
            remote_cseq,
            contact: self.contact.clone(),
            flow: self.flow,
            symmetric: self.symmetric,
            list: self.list,
            left: self.left(now),
        }
    }

    /// Goes on where an earlier process ended: all is told anew, not before `first_at`, and over a
    /// stream not before the subscriber has connected anew.
    pub fn resume(handle: Handle, now: u64, package: Package, saved: Saved, first_at: u64) -> Self {
        let expires_at = now.saturating_add(saved.left.saturating_mul(SECOND));
        let cut_off = saved.flow.transport.is_reliable();
        Self {
            handle,
            peer: saved.peer,
            call_id: saved.call_id,
            local: saved.local,
            local_tag: saved.local_tag,
            scheduled: u64::MAX,
            flow: saved.flow,
            contact: saved.contact,
            symmetric: saved.symmetric,
            dialog: Dialog::resumed(
                (saved.remote, saved.remote_tag),
                saved.target,
                saved.routes,
                (saved.local_cseq, saved.remote_cseq),
            ),
            package,
            event: saved.event,
            life: Life::Served { state: State::Active, expires_at },
            body: None,
            news: true,
            urgent: false,
            asked: false,
            whole: true,
            list: saved.list,
            reserved: saved.local_cseq,
            on_way: false,
            heard: false,
            paced_until: first_at,
            deferred_until: if cut_off { u64::MAX } else { 0 },
            failures: 0,
        }
    }

    /// The subscriber was heard over this flow: what waited for it to come back waits no longer.
    pub fn redirect(&mut self, flow: Flow) {
        self.flow = flow;
        self.heard = true;
        if self.deferred_until == u64::MAX {
            self.deferred_until = 0;
        }
    }

    /// Sends the latest state.
    fn send(&mut self, layer: &mut Layer, now: u64, owner: Owner) {
        let state = match self.life {
            Life::Served { state, .. } | Life::Ending { state } => state,
            Life::Told | Life::Gone => return,
        };
        let shown = Shown { state, left: self.left(now) };
        let lines: [Line<'_>; 3] =
            [(HeaderName::Event, &self.event), (HeaderName::SubscriptionState, &shown), REQUIRE];
        let cseq = self.dialog.next_cseq();
        let flow = match self.symmetric {
            true => self.flow,
            false => towards(self.flow, self.dialog.next_hop_uri()),
        };
        let hop = self.dialog.next_hop();
        let out = Outgoing {
            method: &Method::Notify,
            uri: hop.uri(),
            routes: hop.routes(),
            from: &self.local,
            to: &self.dialog.remote,
            call_id: &self.call_id,
            cseq,
            max_forwards: 70,
            contact: Some(&self.contact),
            lines: if self.list { &lines } else { &lines[..2] },
            headers: &[],
            body: self.body.as_ref(),
        };
        layer.start_request(now, flow, &out, owner, 0);
        if self.package.asks {
            self.body = None;
        }
        self.news = false;
        self.urgent = false;
        self.whole = false;
        self.heard = false;
        self.on_way = true;
        self.paced_until = now.saturating_add(self.package.pace);
        if state.is_terminated() {
            self.life = Life::Told;
        }
        if cseq >= self.reserved {
            self.changed(layer);
        }
    }
}

/// A subscription does not begin terminated.
fn served(state: State) -> State {
    if state.is_terminated() { State::Active } else { state }
}
