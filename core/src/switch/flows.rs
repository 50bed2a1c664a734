//! The ways to the network: listeners, open connections, and connections being opened.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use sip::{Flow, StreamWish, Transport};

use crate::call::Reach;
use crate::vocab::input::Listener;
use crate::vocab::{ConnectId, Effect, Now};

use super::Running;
use super::boot::is_stream;

/// Connections that the switch may be opening at a time.
const MAX_CONNECTING: usize = 1024;

/// What is known of the network.
#[derive(Debug)]
pub(super) struct Flows {
    listeners: Vec<Listener>,
    open: BTreeMap<(Transport, SocketAddr), Flow>,
    connecting: BTreeMap<(Transport, SocketAddr), ConnectId>,
    connects: u64,
    /// Requests that wait for a connection because of their size.
    pub(super) wishes: BTreeMap<ConnectId, Vec<StreamWish>>,
    /// Addresses that accepted none, until when they are not asked again.
    pub(super) refused: BTreeMap<SocketAddr, u64>,
}

impl Flows {
    pub(super) fn new(listeners: Vec<Listener>) -> Self {
        Self {
            listeners,
            open: BTreeMap::new(),
            connecting: BTreeMap::new(),
            connects: 0,
            wishes: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }

    pub(super) fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// The datagram flow to an address, from our listener of the same family.
    fn datagram(&self, remote: SocketAddr) -> Option<Flow> {
        let fits = |listener: &&Listener| {
            listener.transport == Transport::Udp && listener.address.is_ipv4() == remote.is_ipv4()
        };
        let local = self.listeners.iter().find(fits)?.address;
        Some(Flow { transport: Transport::Udp, local, remote, generation: 0 })
    }

    /// Whether this very connection is open.
    pub(super) fn is_open(&self, flow: Flow) -> bool {
        self.open.get(&(flow.transport, flow.remote)) == Some(&flow)
    }

    /// Open connections.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }
}

impl Running {
    /// The way to an address: at once by datagram or over an open connection (RFC 3261 section 18.1.1 wants connections
    /// used again), else a connection is opened. `None` where no listener fits or too many are being opened.
    pub(super) fn reach(
        &mut self,
        transport: Transport,
        remote: SocketAddr,
        server_name: &str,
    ) -> Option<Reach> {
        if !is_stream(transport) {
            return self.flows.datagram(remote).map(Reach::Flow);
        }
        if let Some(flow) = self.flows.open.get(&(transport, remote)) {
            return Some(Reach::Flow(*flow));
        }
        if let Some(id) = self.flows.connecting.get(&(transport, remote)) {
            return Some(Reach::Connecting(*id));
        }
        if self.flows.connecting.len() >= MAX_CONNECTING {
            return None;
        }
        self.flows.connects += 1;
        let id = ConnectId(self.flows.connects);
        self.flows.connecting.insert((transport, remote), id);
        let server_name = server_name.to_owned();
        self.desk.out.push(Effect::Connect { id, transport, remote, server_name });
        Some(Reach::Connecting(id))
    }

    pub(super) fn on_packet(&mut self, now: Now, flow: Flow, bytes: Bytes) {
        self.counters.packet(&bytes);
        let is_message = bytes.iter().any(|byte| !matches!(byte, b'\r' | b'\n' | 0 | b' '));
        if !is_message {
            return;
        }
        let registered = || self.books.registrar.knows(flow);
        // A carrier's address may be forged in datagrams; nobody can silence it that way.
        let heard = self.books.gate.admits(now.mono, flow.remote, registered)
            || !self.books.trunks.identify(flow.remote).is_empty();
        if !heard {
            return self.counters.dropped("silenced");
        }
        self.desk.sip.receive(now.mono, flow, bytes);
    }

    pub(super) fn on_flow_opened(&mut self, now: Now, flow: Flow, connect: Option<ConnectId>) {
        let key = (flow.transport, flow.remote);
        self.flows.open.insert(key, flow);
        self.flows.connecting.remove(&key);
        if let Some(id) = connect {
            self.connect_ended(now, id, flow.remote, Some(flow));
        }
    }

    pub(super) fn on_flow_closed(&mut self, now: Now, flow: Flow, connect: Option<ConnectId>) {
        let key = (flow.transport, flow.remote);
        if self.flows.open.get(&key).is_some_and(|open| open.generation == flow.generation) {
            self.flows.open.remove(&key);
        }
        if let Some(id) = connect {
            self.flows.connecting.retain(|_, waiting| *waiting != id);
            self.connect_ended(now, id, flow.remote, None);
            return;
        }
        self.desk.sip.flow_closed(now.mono, flow);
        self.registrar_flow_closed(now, flow);
        self.books.trunks.flow_closed(now, flow);
        self.tick_trunks(now);
    }

    fn connect_ended(&mut self, now: Now, id: ConnectId, remote: SocketAddr, flow: Option<Flow>) {
        self.streams_found(now, id, remote, flow);
        for call in self.calls.waiting_for(id) {
            self.step(now, call, |call, ctx| call.connected(ctx, id, flow));
        }
        self.trunk_connected(now, id, flow);
    }
}
