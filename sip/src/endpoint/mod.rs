//! A SIP endpoint without I/O: transactions, dialogs and calls behind one surface.
//!
//! The owner hands in messages ([`Endpoint::receive`]), orders and the time
//! ([`Endpoint::handle_timeout`] no later than [`Endpoint::next_deadline`]), and after each call
//! drains [`Endpoint::poll_output`] and [`Endpoint::poll_event`].

mod api;
mod event;
mod settings;

use bytes::Bytes;

pub use api::{
    Body, ClientTx, Counts, ExtraHeaders, LegId, OutInvite, OutRequest, Output, Reason,
    ReasonProtocol, Reply, ServerTx,
};
pub use event::{EndCause, Event, OfferBy, RequestFailure};
pub use settings::{Advertised, Limits, SentBy, Settings};

use crate::{Flow, Method};

/// See the module's description.
pub struct Endpoint {
    settings: Settings,
    outputs: std::collections::VecDeque<Output>,
    events: std::collections::VecDeque<Event>,
}

#[allow(unused_variables, missing_docs)]
impl Endpoint {
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        Self { settings, outputs: Default::default(), events: Default::default() }
    }
    pub fn receive(&mut self, now: u64, flow: Flow, packet: Bytes) {}
    pub fn flow_closed(&mut self, now: u64, flow: Flow) {}
    pub fn handle_timeout(&mut self, now: u64) {}
    pub fn next_deadline(&self) -> Option<u64> {
        None
    }
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
    pub fn settings(&mut self) -> &mut Settings {
        &mut self.settings
    }
    pub fn counts(&self) -> Counts {
        Counts::default()
    }
    pub fn respond(&mut self, now: u64, tx: ServerTx, reply: Reply) {}
    pub fn request(&mut self, now: u64, flow: Flow, request: OutRequest) -> ClientTx {
        ClientTx(0)
    }
    pub fn invite(&mut self, now: u64, flow: Flow, invite: OutInvite) -> LegId {
        LegId(0)
    }
    pub fn provisional(&mut self, now: u64, leg: LegId, reply: Reply) {}
    pub fn accept(&mut self, now: u64, leg: LegId, reply: Reply) {}
    pub fn reject(&mut self, now: u64, leg: LegId, reply: Reply) {}
    pub fn cancel(&mut self, now: u64, leg: LegId, reason: Option<Reason>) {}
    pub fn ack(&mut self, now: u64, leg: LegId, body: Option<Body>) {}
    pub fn bye(&mut self, now: u64, leg: LegId, reason: Option<Reason>) {}
    pub fn reoffer(&mut self, now: u64, leg: LegId, body: Option<Body>) {}
    pub fn answer_offer(&mut self, now: u64, leg: LegId, body: Option<Body>) {}
    pub fn refuse_offer(&mut self, now: u64, leg: LegId, status: u16) {}
    pub fn leg_request(
        &mut self,
        now: u64,
        leg: LegId,
        method: Method,
        headers: ExtraHeaders,
        body: Option<Body>,
    ) -> ClientTx {
        ClientTx(0)
    }
    /// The next request and response of a leg go over this flow.
    pub fn redirect_leg(&mut self, leg: LegId, flow: Flow) {}
    pub fn leg_view(&self, leg: LegId) -> Option<LegView> {
        None
    }
}

/// What the owner may want to know of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegView {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty until it has one.
    pub remote_tag: String,
    /// The URI that requests to the peer carry; empty until it is known.
    pub remote_target: String,
    /// Where messages go and come from.
    pub flow: Flow,
    /// Whether the call came to us.
    pub incoming: bool,
    /// Where the call stands.
    pub state: LegState,
    /// Whether the peer takes UPDATE.
    pub allows_update: bool,
    /// Whether the peer supports reliable provisional responses.
    pub supports_100rel: bool,
    /// Whether the peer supports Replaces.
    pub supports_replaces: bool,
}

/// Where a leg stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LegState {
    /// No final response yet.
    Early,
    /// Answered.
    Confirmed,
    /// A BYE or CANCEL is under way.
    Ending,
}
