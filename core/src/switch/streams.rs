//! Requests that are too large for a datagram take a connection where the peer accepts one (RFC 3261 section 18.1.1).

use std::net::SocketAddr;

use sip::{Flow, StreamWish, Transport};

use crate::call::Reach;
use crate::vocab::{ConnectId, Now};

use super::Running;
use super::flows::Flows;

/// An address that accepted no connection, or did not read what came by one, is not asked again for so long, in
/// nanoseconds: most phones that register by datagrams never listen for anything else.
const REMEMBERED: u64 = 3_600 * 1_000_000_000;
/// Such addresses that are remembered at most; beyond, an attempt is made each time.
const MAX_REMEMBERED: usize = 8_192;

impl Flows {
    /// An address takes no streams for the time being.
    pub(super) fn refuse(&mut self, now: Now, remote: SocketAddr) {
        let refused = &mut self.refused;
        if refused.len() >= MAX_REMEMBERED {
            refused.retain(|_, until| now.mono < *until);
        }
        if refused.len() < MAX_REMEMBERED {
            refused.insert(remote, now.mono.saturating_add(REMEMBERED));
        }
    }
}

impl Running {
    /// A phone behind a NAT can only be reached the way that it came (RFC 5626); everybody else is asked.
    pub(super) fn on_stream_wanted(&mut self, now: Now, wish: StreamWish, flow: Flow) {
        let remote = flow.remote;
        let refused = self.flows.refused.get(&remote).is_some_and(|until| now.mono < *until);
        if refused || self.books.registrar.is_behind_nat(flow) {
            return self.desk.sip.stream_found(now.mono, wish, None);
        }
        match self.reach(Transport::Tcp, remote, "") {
            Some(Reach::Connecting(id)) => self.flows.wishes.entry(id).or_default().push(wish),
            Some(Reach::Flow(stream)) => {
                self.desk.sip.stream_found(now.mono, wish, Some(stream));
            }
            None => self.desk.sip.stream_found(now.mono, wish, None),
        }
    }

    /// A connection opened, or did not.
    pub(super) fn streams_found(
        &mut self,
        now: Now,
        id: ConnectId,
        remote: SocketAddr,
        stream: Option<Flow>,
    ) {
        let Some(wishes) = self.flows.wishes.remove(&id) else { return };
        if stream.is_none() {
            self.flows.refuse(now, remote);
        }
        for wish in wishes {
            self.desk.sip.stream_found(now.mono, wish, stream);
        }
    }
}
