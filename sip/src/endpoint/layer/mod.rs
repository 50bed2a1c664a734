//! The transaction layer: transactions by key, their timers, and the queues to the owner.

mod client;
mod large;
mod retry;
mod server;
mod shelf;
mod write;

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;

use super::api::Output;
use super::event::Event;
use super::ids::{Ids, KeyMap};
use super::settings::Settings;
use super::slab::{Handle, Slab};
use crate::transaction::{TimerQueue, Timers};
use crate::{Flow, Transport};

use client::ClientRecord;
pub(crate) use client::{Happened, Owner, Purpose, Sent, Up};
pub(crate) use retry::Retry;
pub(crate) use server::Keys;
use server::ServerRecord;
use shelf::Shelf;
pub(crate) use write::{Answer, Joined, Line, Outgoing};

/// Whose timer a queue entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    Server(Handle),
    Client(Handle),
    Leg(Handle),
    Subscription(Handle),
}

/// Transactions that only wait for their end are ended together, at multiples of this: 134 ms.
const TOGETHER: u64 = 1 << 27;

/// The time at which a transaction is forgotten that could be so from `due` on.
fn together(due: u64) -> u64 {
    due.checked_next_multiple_of(TOGETHER).unwrap_or(due)
}

/// The handles of a flow, in order.
fn on_flow(set: &BTreeSet<(Flow, Handle)>, flow: Flow) -> Vec<Handle> {
    let (first, last) = (Handle::from_raw(0), Handle::from_raw(u64::MAX));
    set.range((flow, first)..=(flow, last)).map(|(_, handle)| *handle).collect()
}

/// Transactions and everything that legs share.
pub(crate) struct Layer {
    pub settings: Settings,
    pub ids: Ids,
    pub queue: TimerQueue<Wake>,
    outputs: VecDeque<Output>,
    events: VecDeque<Event>,
    servers: Slab<ServerRecord>,
    by_server_key: KeyMap,
    by_merge_key: KeyMap,
    /// The server transactions that a stream takes with it when it closes.
    servers_by_stream: BTreeSet<(Flow, Handle)>,
    clients: Slab<ClientRecord>,
    by_client_key: KeyMap,
    clients_by_flow: BTreeSet<(Flow, Handle)>,
    tickets: u64,
    /// Where messages are written before they are copied to their exact size.
    scratch: Vec<u8>,
    shelf: Shelf,
}

impl Layer {
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        Self {
            settings,
            ids: Ids::new(seed),
            queue: TimerQueue::default(),
            outputs: VecDeque::new(),
            events: VecDeque::new(),
            servers: Slab::new(),
            by_server_key: KeyMap::default(),
            by_merge_key: KeyMap::default(),
            servers_by_stream: BTreeSet::new(),
            clients: Slab::new(),
            by_client_key: KeyMap::default(),
            clients_by_flow: BTreeSet::new(),
            tickets: 0,
            scratch: Vec::with_capacity(4096),
            shelf: Shelf::default(),
        }
    }

    pub fn timers(&self, transport: Transport) -> Timers {
        Timers { base: self.settings.timers, reliable: transport.is_reliable() }
    }

    /// The pace of what dialogs retransmit end to end, on any transport: a 2xx until its ACK
    /// (RFC 3261 section 13.3.1.4), a reliable 1xx until its PRACK (RFC 3262 section 3).
    pub fn end_to_end_timers(&self) -> Timers {
        Timers { base: self.settings.timers, reliable: false }
    }

    pub fn send(&mut self, flow: Flow, bytes: Bytes) {
        self.outputs.push_back(Output { flow, bytes });
    }

    pub fn emit(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub fn server_count(&self) -> usize {
        self.servers.len()
    }

    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// Whether another client transaction may be begun by what strangers cause.
    pub fn has_room(&self) -> bool {
        self.clients.len() < self.settings.limits.transactions
    }

    /// A name for a request that outlives its transaction.
    pub fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }
}
