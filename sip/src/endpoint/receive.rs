//! From a packet to whoever it concerns.

use bytes::Bytes;

use super::ids::Key;
use super::layer::{Answer, Happened, Keys, Line, Owner, Purpose, Up};
use super::slab::Handle;
use super::{ClientTx, EndCause, Endpoint, Event, RequestFailure, ServerTx};
use crate::invite::{Agreement, Leg, stray};
use crate::message::{HeaderName, Message, ParseError, Rejection, Via};
use crate::subscription::Arrival;
use crate::{Flow, Method};

impl Endpoint {
    pub(super) fn received(&mut self, now: u64, flow: Flow, packet: Bytes) {
        match Message::parse(packet) {
            Ok(message) if message.is_request() => self.request_came(now, flow, &message),
            Ok(message) => self.response_came(now, &message),
            Err(error) => self.garbage_came(flow, &error),
        }
    }

    /// What can be answered is answered; the rest is silence.
    fn garbage_came(&mut self, flow: Flow, error: &ParseError) {
        let Some(message) = error.partial.as_deref() else { return };
        let Ok(via) = message.top_via() else { return };
        let answer = Answer { reason: error.kind.phrase(), ..Answer::status(error.kind.status()) };
        self.layer.reply_statelessly(flow, message, &via, &answer);
    }

    fn response_came(&mut self, now: u64, message: &Message) {
        // 8.1.3.3: a response with more than one Via was misrouted.
        if message.validate().is_err() || message.vias().nth(1).is_some() {
            return;
        }
        let Some(handle) = self.layer.find_client(message) else { return };
        if let Some(up) = self.layer.client_response(now, handle, message) {
            self.outcome(now, up, Some(message));
        }
    }

    fn request_came(&mut self, now: u64, flow: Flow, message: &Message) {
        let Some(method) = message.method() else { return };
        if let Err(rejection) = message.validate() {
            if *method != Method::Ack {
                self.refuse_invalid(flow, message, &rejection);
            }
            return;
        }
        let Ok(via) = message.top_via() else { return };
        match method {
            Method::Ack => self.ack_came(now, flow, message, &via),
            Method::Cancel => self.cancel_came(now, flow, message, &via),
            _ => {
                let key = self.layer.ids.server_key(message, &via, method.as_str());
                if let Some(handle) = self.layer.find_server(key) {
                    return self.layer.server_again(handle);
                }
                self.new_request(now, flow, message, &via, key);
            }
        }
    }

    fn refuse_invalid(&mut self, flow: Flow, message: &Message, rejection: &Rejection) {
        let warning = rejection.warning.map(|warning| warning.to_string());
        let reason = warning.as_deref().unwrap_or(rejection.reason);
        let answer = Answer { reason, ..Answer::status(rejection.status) };
        match message.top_via() {
            Ok(via) => self.layer.reply_statelessly(flow, message, &via, &answer),
            Err(_) => self.layer.reply_to_unreadable(flow, message, &answer),
        }
    }

    fn ack_came(&mut self, now: u64, flow: Flow, message: &Message, via: &Via<'_>) {
        let key = self.layer.ids.server_key(message, via, "INVITE");
        let leg = match self.layer.find_server(key) {
            Some(handle) => self.layer.server_ack(now, handle),
            None => self.leg_of(message).map(|(leg, _)| leg),
        };
        if let Some(leg) = leg {
            self.with_leg(now, leg, |leg, cx| {
                leg.flow = flow;
                leg.acked(cx, message);
            });
        }
    }

    /// RFC 3261 section 9.2.
    fn cancel_came(&mut self, now: u64, flow: Flow, message: &Message, via: &Via<'_>) {
        let key = self.layer.ids.server_key(message, via, "CANCEL");
        if let Some(handle) = self.layer.find_server(key) {
            return self.layer.server_again(handle);
        }
        let invite_key = self.layer.ids.server_key(message, via, "INVITE");
        let invite = self.layer.find_server(invite_key);
        let Some(waiting) = invite.and_then(|invite| self.layer.waiting(invite)) else {
            return self.layer.reply_statelessly(flow, message, via, &Answer::status(481));
        };
        if self.is_full(2) {
            return self.layer.overloaded(flow, message, via);
        }
        let tag = waiting.leg.and_then(|leg| self.legs.get(leg)).map(|leg| leg.local_tag.clone());
        let keys = Keys { key, merge: None };
        let handle = self.layer.open_server(now, flow, message, via, keys, false);
        let answer = Answer { tag: tag.as_deref().unwrap_or(""), ..Answer::status(200) };
        self.layer.reply(now, handle, &answer);
        if let Some(leg) = waiting.leg.filter(|_| waiting.proceeding) {
            self.with_leg(now, leg, |leg, cx| leg.cancelled(cx, message));
        }
    }

    /// A request that no transaction knows.
    fn new_request(&mut self, now: u64, flow: Flow, message: &Message, via: &Via<'_>, key: Key) {
        let Some(method) = message.method() else { return };
        let in_dialog = message.to().is_ok_and(|to| to.tag().is_some());
        let found = if in_dialog { self.leg_of(message) } else { None };
        let own = if in_dialog && found.is_none() { self.subscription_of(message) } else { None };
        let room =
            if found.is_some() || own.is_some() { !self.is_full(2) } else { !self.is_full(1) };
        if !room {
            return self.layer.overloaded(flow, message, via);
        }
        let merge = if in_dialog { None } else { self.layer.ids.merge_key(message) };
        if let Err(refusal) = self.layer.check(message, in_dialog, merge) {
            return self.layer.refuse(flow, message, via, refusal);
        }
        let keys = Keys { key, merge };
        if let Some((leg, fork)) = found {
            let invite = *method == Method::Invite;
            let tx = self.layer.open_server(now, flow, message, via, keys, invite);
            self.with_leg(now, leg, |leg, cx| {
                leg.flow = flow;
                leg.requested(cx, fork, tx, message);
            });
            return;
        }
        if in_dialog && needs_leg(method) {
            return self.layer.reply_statelessly(flow, message, via, &Answer::status(481));
        }
        if *method == Method::Invite {
            return self.new_call(now, flow, message, via, keys);
        }
        if *method == Method::Subscribe {
            return self.subscribe_came(now, Arrival { flow, message, via }, keys, own);
        }
        let tx = self.layer.open_server(now, flow, message, via, keys, false);
        let tx = ServerTx(tx.raw());
        self.layer.emit(Event::Request { tx, flow, message: message.clone() });
    }

    fn new_call(&mut self, now: u64, flow: Flow, message: &Message, via: &Via<'_>, keys: Keys) {
        if self.legs.len() >= self.layer.settings.limits.legs {
            return self.layer.overloaded(flow, message, via);
        }
        if Agreement::about(message, &self.layer) == Agreement::TooSmall {
            let least = self.layer.settings.min_se.max(90);
            let lines: [Line<'_>; 1] = [(HeaderName::MinSe, &least)];
            let answer = Answer { lines: &lines, ..Answer::status(422) };
            return self.layer.reply_statelessly(flow, message, via, &answer);
        }
        let tx = self.layer.open_server(now, flow, message, via, keys, true);
        self.layer.reply(now, tx, &Answer::status(100));
        let leg = self.add_leg(now, |handle, cx| {
            cx.layer.assign_server(tx, handle);
            Leg::incoming(handle, cx, flow, message, via, tx)
        });
        self.layer.emit(Event::Invite { leg, flow, message: message.clone() });
    }

    /// The leg that a message from the peer belongs to, and the fork.
    fn leg_of(&self, message: &Message) -> Option<(Handle, usize)> {
        let to = message.to().ok()?;
        let key = self.layer.ids.leg_key(message.call_id().ok()?, to.tag()?);
        let handle = *self.by_leg_key.get(&key)?;
        let from = message.from().ok()?;
        let fork = self.legs.get(handle)?.fork_of(from.tag().unwrap_or(""))?;
        Some((handle, fork))
    }

    /// Whether there is no room for server transactions, at so many times the limit.
    fn is_full(&self, times: usize) -> bool {
        self.layer.server_count() >= self.layer.settings.limits.transactions.saturating_mul(times)
    }

    /// Hands the outcome of a request of ours to whoever sent it.
    pub(super) fn outcome(&mut self, now: u64, up: Up, response: Option<&Message>) {
        match &up.owner {
            Owner::Nobody(credentials) => {
                let credentials = credentials.clone();
                if let (Some(credentials), Some(response)) = (credentials, response) {
                    let owner = Owner::Nobody(Some(credentials.clone()));
                    self.answer_challenge(now, &up, response, &credentials, owner);
                } else {
                    self.unowned_2xx(now, &up, response);
                }
            }
            Owner::User(credentials) => {
                let credentials = credentials.clone();
                self.request_outcome(now, &up, response, credentials);
            }
            Owner::Subscription(handle) => self.notify_outcome(now, *handle, &up, response),
            Owner::Leg(handle, purpose) => {
                let (handle, purpose) = (*handle, *purpose);
                self.leg_outcome(now, handle, purpose, &up, response);
            }
        }
    }

    fn leg_outcome(
        &mut self,
        now: u64,
        handle: Handle,
        purpose: Purpose,
        up: &Up,
        response: Option<&Message>,
    ) {
        if let Some(response) = response
            && is_invite_2xx(purpose, response)
            && self.layer.acknowledge_again(up.sent.handle, to_tag(response))
        {
            return;
        }
        if self.legs.get(handle).is_none_or(|leg| !leg.is_live()) {
            match purpose {
                Purpose::Invite | Purpose::Reinvite => return self.unowned_2xx(now, up, response),
                Purpose::Update | Purpose::Prack => return,
                Purpose::Bye | Purpose::Request => {}
            }
        }
        let (sent, happened) = (&up.sent, up.happened);
        let tell = self.with_leg(now, handle, |leg, cx| {
            match purpose {
                Purpose::Invite => leg.invite_outcome(cx, sent, happened, response),
                Purpose::Reinvite => leg.reinvite_outcome(cx, sent, happened, response),
                Purpose::Update => leg.update_outcome(cx, sent, happened, response),
                Purpose::Prack => leg.prack_outcome(cx, sent, response),
                Purpose::Bye => leg.bye_outcome(cx, sent, response),
                Purpose::Request => return leg.request_outcome(cx, sent, happened, response),
            }
            false
        });
        if purpose == Purpose::Request && tell != Some(false) {
            self.tell_response(up, response);
            // RFC 5057 section 5.1: the peer has no such dialog, whatever the request was.
            if response.and_then(Message::status) == Some(481) {
                self.with_leg(now, handle, |leg, cx| {
                    leg.hang_up(cx, None, Some(EndCause::Gone(481)));
                });
            }
        }
    }

    /// A 2xx to an INVITE whose leg is gone must be acknowledged and ended all the same.
    fn unowned_2xx(&mut self, now: u64, up: &Up, response: Option<&Message>) {
        let Some(response) = response else { return };
        if !is_invite_2xx(Purpose::Invite, response)
            || self.layer.acknowledge_again(up.sent.handle, to_tag(response))
        {
            return;
        }
        stray::end(&mut self.layer, now, &up.sent, response, None);
    }

    pub(super) fn tell_response(&mut self, up: &Up, response: Option<&Message>) {
        let outcome = match (up.happened, response) {
            (Happened::Response, Some(response)) => {
                if response.status().is_some_and(|status| status < 200) {
                    return;
                }
                Ok(response.clone())
            }
            (Happened::TransportFailed, _) => Err(RequestFailure::Transport),
            _ => Err(RequestFailure::Timeout),
        };
        self.layer.emit(Event::Response { tx: ClientTx(up.sent.ticket), outcome });
    }
}

fn to_tag(message: &Message) -> &str {
    message.to().ok().and_then(|to| to.tag()).unwrap_or("")
}

fn is_invite_2xx(purpose: Purpose, response: &Message) -> bool {
    matches!(purpose, Purpose::Invite | Purpose::Reinvite)
        && response.status().is_some_and(|status| (200..300).contains(&status))
        && response.cseq_method() == Some(Method::Invite)
}

/// Whether a request with a To tag makes sense only within a call. The others may belong to
/// subscriptions, or to what the owner keeps: registrations.
fn needs_leg(method: &Method) -> bool {
    matches!(
        method,
        Method::Invite
            | Method::Bye
            | Method::Update
            | Method::Prack
            | Method::Info
            | Method::Refer
    )
}
