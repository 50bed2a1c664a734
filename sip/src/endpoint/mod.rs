//! A SIP endpoint without I/O: transactions, dialogs and calls behind one surface.
//!
//! The owner hands in messages ([`Endpoint::receive`]), orders and the time
//! ([`Endpoint::handle_timeout`] no later than [`Endpoint::next_deadline`]), and after each call
//! drains [`Endpoint::poll_output`] and [`Endpoint::poll_event`].

mod api;
mod checks;
mod event;
mod head;
pub(crate) mod ids;
pub(crate) mod layer;
mod orders;
mod receive;
mod respond;
mod settings;
pub(crate) mod slab;
mod subscriptions;

use std::fmt;

use bytes::Bytes;

pub use api::{
    Body, ClientTx, Counts, DialogIds, ExtraHeaders, LegId, LegState, LegView, OutInvite,
    OutRequest, Output, Reason, ReasonProtocol, Reply, ServerTx, StreamWish,
};
pub use event::{EndCause, Event, OfferBy, RequestFailure};
pub use settings::{Advertised, Limits, SentBy, Settings};
pub use subscriptions::SubscriptionView;

use crate::Flow;
use crate::invite::{Cx, Leg};
use crate::subscription::Subscriptions;
use ids::KeyMap;
use layer::{Layer, Wake};
use slab::{Handle, Slab};

/// Transactions, dialogs and calls; see the module's description.
pub struct Endpoint {
    layer: Layer,
    legs: Slab<Box<Leg>>,
    by_leg_key: KeyMap,
    subscriptions: Subscriptions,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// An endpoint whose tags, branches and waits come from `seed`.
    #[must_use]
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        Self {
            layer: Layer::new(settings, seed),
            legs: Slab::new(),
            by_leg_key: KeyMap::default(),
            subscriptions: Subscriptions::new(),
        }
    }

    /// Takes one whole message that arrived on `flow`: a datagram, or what
    /// [`crate::framing`] cut out of a stream. Garbage is dropped, or answered 400 where
    /// RFC 3261 has it answered.
    pub fn receive(&mut self, now: u64, flow: Flow, packet: Bytes) {
        self.received(now, flow, packet);
    }

    /// A stream closed, or a datagram could not be delivered: requests under way on the flow
    /// fail, and calls that came over a stream and were not answered end.
    pub fn flow_closed(&mut self, now: u64, flow: Flow) {
        for handle in self.layer.clients_on(flow) {
            if let Some(up) = self.layer.client_lost(now, handle) {
                self.outcome(now, up, None);
            }
        }
        if flow.transport.is_reliable() {
            for leg in self.layer.servers_lost(flow) {
                self.with_leg(now, leg, |leg, cx| leg.caller_lost(cx));
            }
        }
    }

    /// Answers `Event::StreamWanted`: over this stream, or by datagrams where there is none. A wish
    /// that is over changes nothing.
    pub fn stream_found(&mut self, now: u64, wish: StreamWish, stream: Option<Flow>) {
        self.layer.stream_found(now, Handle::from_raw(wish.0), stream);
    }

    /// Does whatever is due at `now`, in order of deadline.
    pub fn handle_timeout(&mut self, now: u64) {
        while let Some((due, wake)) = self.layer.queue.pop_due(now) {
            match wake {
                Wake::Server(handle) => self.layer.server_timeout(now, handle, due),
                Wake::Client(handle) => {
                    if let Some(up) = self.layer.client_timeout(now, handle, due) {
                        self.outcome(now, up, None);
                    }
                }
                Wake::Subscription(handle) => self.subscription_timeout(now, handle, due),
                Wake::Leg(handle) => {
                    let Some(leg) = self.legs.get_mut(handle) else { continue };
                    if leg.scheduled == due {
                        leg.scheduled = u64::MAX;
                        self.with_leg(now, handle, |leg, cx| leg.timeout(cx));
                    }
                }
            }
        }
    }

    /// When [`Endpoint::handle_timeout`] wants to be called, in the same nanoseconds as `now`
    /// elsewhere. It may come early, and then does nothing.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.layer.queue.next_deadline()
    }

    /// Takes the next message to be sent.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.layer.poll_output()
    }

    /// Takes the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.layer.poll_event()
    }

    /// The settings, to be changed on reload. What has begun goes on as it began.
    pub fn settings(&mut self) -> &mut Settings {
        &mut self.layer.settings
    }

    /// How much is alive.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            server_transactions: self.layer.server_count(),
            client_transactions: self.layer.client_count(),
            legs: self.legs.len(),
            subscriptions: self.subscriptions.len(),
        }
    }

    /// What is known of a leg; `None` once it is gone.
    #[must_use]
    pub fn leg_view(&self, leg: LegId) -> Option<LegView> {
        let leg = self.legs.get(Handle::from_raw(leg.0))?;
        leg.is_live().then(|| leg.view())
    }

    /// The dialogs of a leg: several while forks of an INVITE of ours ring, one without the peer's
    /// tag while nobody has answered it. None once the leg is gone.
    #[must_use]
    pub fn dialogs_of(&self, leg: LegId) -> Vec<DialogIds> {
        let leg = self.legs.get(Handle::from_raw(leg.0)).filter(|leg| leg.is_live());
        leg.map(|leg| leg.dialogs()).unwrap_or_default()
    }

    /// The leg of a dialog, by its Call-ID, our tag and the peer's (RFC 3891 section 3).
    #[must_use]
    pub fn leg_with(&self, call_id: &str, local_tag: &str, remote_tag: &str) -> Option<LegId> {
        let key = self.layer.ids.leg_key(call_id, local_tag);
        let handle = *self.by_leg_key.get(&key)?;
        let leg = self.legs.get(handle).filter(|leg| leg.is_live())?;
        leg.fork_of(remote_tag).map(|_| LegId(handle.raw()))
    }

    /// Lets a leg act, and then puts its timer in order or removes it.
    fn with_leg<R>(
        &mut self,
        now: u64,
        handle: Handle,
        act: impl FnOnce(&mut Leg, &mut Cx<'_>) -> R,
    ) -> Option<R> {
        let leg = self.legs.get_mut(handle)?;
        let result = act(leg, &mut Cx { layer: &mut self.layer, now });
        if leg.is_gone() {
            let key = self.layer.ids.leg_key(&leg.call_id, &leg.local_tag);
            self.by_leg_key.remove(&key);
            self.legs.remove(handle);
            return Some(result);
        }
        let due = leg.deadline();
        if due < leg.scheduled {
            leg.scheduled = due;
            self.layer.queue.push(due, Wake::Leg(handle));
        }
        Some(result)
    }
}
