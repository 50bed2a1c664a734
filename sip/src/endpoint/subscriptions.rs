//! Subscriptions: SUBSCRIBEs that come, and the owner's orders.

use super::layer::{Answer, Joined, Keys, Line, Up, Wake};
use super::slab::Handle;
use super::{Body, Endpoint, Event, ServerTx};
use crate::Flow;
use crate::message::{HeaderName, Message, Via};
use crate::subscription::{
    Arrival, Ask, Grant, Refused, Saved, State, Subscription, SubscriptionId,
};

/// What the owner may want to know of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionView {
    /// The URI that NOTIFYs carry.
    pub target: String,
    /// Where NOTIFYs go.
    pub flow: Flow,
    /// Whose it is, as it was granted.
    pub peer: String,
}

impl Endpoint {
    /// Grants what `Event::Subscribe` asks for: answers 200 and tells the state at once
    /// (RFC 6665 section 4.2.1.2). `None` where nothing more will be told: the state was fetched
    /// once, the request has been answered before, or there is no room, which 503 says. A peer
    /// that has as many subscriptions as it may loses its oldest.
    pub fn accept_subscription(
        &mut self,
        now: u64,
        tx: ServerTx,
        flow: Flow,
        subscribe: &Message,
        grant: Grant,
    ) -> Option<SubscriptionId> {
        let handle = Handle::from_raw(tx.0);
        let via = subscribe.top_via().ok()?;
        let ask = Ask::read(&self.layer.settings.packages, subscribe).ok()?;
        if !self.layer.is_unanswered(handle) {
            return None;
        }
        let limits = self.layer.settings.limits;
        if let Some(oldest) =
            self.subscriptions.oldest_beyond(&grant.peer, limits.subscriptions_each.max(1))
        {
            self.with_subscription(now, oldest, |own, layer| own.displace(layer, now));
        }
        if self.subscriptions.len() >= limits.subscriptions || !self.layer.has_room() {
            let wait = self.layer.settings.retry_after;
            let lines: [Line<'_>; 1] = [(HeaderName::RetryAfter, &wait)];
            self.layer.reply(now, handle, &Answer { lines: &lines, ..Answer::status(503) });
            return None;
        }
        let own = self.subscriptions.reserve();
        let came = Arrival { flow, message: subscribe, via: &via };
        let subscription = Subscription::new(own, &mut self.layer, now, came, &ask, grant);
        let key = self.layer.ids.leg_key(&subscription.call_id, &subscription.local_tag);
        subscription.welcome(&mut self.layer, now, handle);
        self.subscriptions.add(key, subscription);
        self.with_subscription(now, own, |_, _| ());
        let id = SubscriptionId(own.raw());
        self.subscriptions.get(own).is_some_and(Subscription::is_served).then_some(id)
    }

    /// Tells a subscriber the state: at once, or as soon as the NOTIFY before it is answered and
    /// the package's pace allows; only the latest state is told then. Without a body, the one of
    /// last time is told again. Once terminated the subscription is gone.
    pub fn notify(&mut self, now: u64, id: SubscriptionId, state: State, body: Option<Body>) {
        let handle = Handle::from_raw(id.0);
        self.with_subscription(now, handle, |own, layer| own.tell(layer, state, body));
    }

    /// Answers [`Event::StateWanted`]: the NOTIFY leaves at once.
    pub fn supply_state(&mut self, now: u64, id: SubscriptionId, body: Body) {
        self.with_subscription(now, Handle::from_raw(id.0), |own, _| own.supply(body));
    }

    /// The subscriber is reached over another flow from now on: it has connected anew.
    pub fn redirect_subscription(&mut self, now: u64, id: SubscriptionId, flow: Flow) {
        self.with_subscription(now, Handle::from_raw(id.0), |own, _| own.redirect(flow));
    }

    /// What is to be stored of a subscription, so that it outlives the process; `None` once it is
    /// over. From now on [`Event::SubscriptionChanged`] says when to store it again.
    pub fn save_subscription(&mut self, now: u64, id: SubscriptionId) -> Option<Saved> {
        let own = self.subscriptions.get_mut(Handle::from_raw(id.0))?;
        own.is_served().then(|| own.save(now))
    }

    /// Takes back what an earlier process stored. The whole state is told, not before `first_at`;
    /// over a stream not before `redirect_subscription`. `None` where its package is gone, its
    /// dialog is taken or there is no room.
    pub fn resume_subscription(
        &mut self,
        now: u64,
        saved: Saved,
        first_at: u64,
    ) -> Option<SubscriptionId> {
        let packages = &self.layer.settings.packages;
        let package = *packages.iter().find(|package| package.name == saved.package)?;
        let key = self.layer.ids.leg_key(&saved.call_id, &saved.local_tag);
        let limits = self.layer.settings.limits;
        let full = self.subscriptions.len() >= limits.subscriptions
            || self.subscriptions.oldest_beyond(&saved.peer, limits.subscriptions_each).is_some();
        if full || saved.left == 0 || self.subscriptions.by_dialog(key).is_some() {
            return None;
        }
        let handle = self.subscriptions.reserve();
        let own = Subscription::resume(handle, now, package, saved, first_at);
        self.subscriptions.add(key, own);
        self.with_subscription(now, handle, |_, _| ());
        Some(SubscriptionId(handle.raw()))
    }

    /// What is known of a subscription; `None` once it is over.
    #[must_use]
    pub fn subscription_view(&self, id: SubscriptionId) -> Option<SubscriptionView> {
        let own = self.subscriptions.get(Handle::from_raw(id.0)).filter(|own| own.is_served())?;
        let (target, peer) = (own.target().to_owned(), own.peer.to_string());
        Some(SubscriptionView { target, flow: own.flow, peer })
    }

    /// The subscription in whose dialog a request of the subscriber's is.
    pub(super) fn subscription_of(&self, message: &Message) -> Option<Handle> {
        let to = message.to().ok()?;
        let key = self.layer.ids.leg_key(message.call_id().ok()?, to.tag()?);
        let handle = self.subscriptions.by_dialog(key)?;
        let from = message.from().ok()?;
        self.subscriptions.get(handle)?.is_from(from.tag().unwrap_or("")).then_some(handle)
    }

    /// A SUBSCRIBE outside calls; `known` is the subscription whose dialog it is in.
    pub(super) fn subscribe_came(
        &mut self,
        now: u64,
        came: Arrival<'_>,
        keys: Keys,
        known: Option<Handle>,
    ) {
        let Arrival { flow, message, via } = came;
        if let Some(known) = known {
            let tx = self.layer.open_server(now, flow, message, via, keys, false);
            self.with_subscription(now, known, |own, layer| {
                own.subscribed_again(layer, now, tx, came);
            });
            return;
        }
        if message.to().is_ok_and(|to| to.tag().is_some()) {
            return self.layer.reply_statelessly(flow, message, via, &Answer::status(481));
        }
        match Ask::read(&self.layer.settings.packages, message) {
            Ok(ask) => {
                let tx = self.layer.open_server(now, flow, message, via, keys, false);
                let (tx, message) = (ServerTx(tx.raw()), message.clone());
                self.layer.emit(Event::Subscribe { tx, flow, message, ask });
            }
            Err(refused) => self.refuse_subscribe(flow, message, via, refused),
        }
    }

    fn refuse_subscribe(&mut self, flow: Flow, message: &Message, via: &Via<'_>, why: Refused) {
        let value;
        let (status, name) = match why {
            Refused::BadEvent => {
                value = Joined(self.layer.settings.packages.iter().map(|own| own.name)).to_string();
                (489, HeaderName::AllowEvents)
            }
            Refused::TooBrief(least) => {
                value = least.to_string();
                (423, HeaderName::MinExpires)
            }
            Refused::NotAcceptable(package) => {
                value = Joined(package.content_types.iter()).to_string();
                (406, HeaderName::Accept)
            }
            Refused::NoContact => {
                let answer = Answer { reason: "Missing Contact", ..Answer::status(400) };
                return self.layer.reply_statelessly(flow, message, via, &answer);
            }
        };
        let lines: [Line<'_>; 1] = [(name, &value)];
        let answer = Answer { lines: &lines, ..Answer::status(status) };
        self.layer.reply_statelessly(flow, message, via, &answer);
    }

    /// A NOTIFY of ours was answered, or was not.
    pub(super) fn notify_outcome(
        &mut self,
        now: u64,
        handle: Handle,
        up: &Up,
        response: Option<&Message>,
    ) {
        let happened = up.happened;
        self.with_subscription(now, handle, |own, layer| {
            own.outcome(layer, now, happened, response);
        });
    }

    /// A subscription's timer, set for `due`, has come.
    pub(super) fn subscription_timeout(&mut self, now: u64, handle: Handle, due: u64) {
        let Some(own) = self.subscriptions.get_mut(handle) else { return };
        if own.scheduled == due {
            own.scheduled = u64::MAX;
            self.with_subscription(now, handle, |_, _| ());
        }
    }

    /// Lets a subscription act, sends what is due, and puts its timer in order or removes it.
    fn with_subscription(
        &mut self,
        now: u64,
        handle: Handle,
        act: impl FnOnce(&mut Subscription, &mut super::layer::Layer),
    ) {
        let Some(own) = self.subscriptions.get_mut(handle) else { return };
        act(own, &mut self.layer);
        own.advance(&mut self.layer, now);
        if own.is_gone() {
            let key = self.layer.ids.leg_key(&own.call_id, &own.local_tag);
            return self.subscriptions.remove(key, handle);
        }
        let due = own.deadline();
        if due < own.scheduled {
            own.scheduled = due;
            self.layer.queue.push(due, Wake::Subscription(handle));
        }
    }
}
