//! Requests that are too large for a datagram (RFC 3261 section 18.1.1).
//!
//! Such a request waits until the owner of the endpoint says which stream leads to the same peer, then goes that way
//! with a Via that says so. Where there is none it goes by datagrams after all: when the owner says so, when it says
//! nothing for [`PATIENCE`], and when the stream ends before anything came back, or nothing comes back at all: some
//! peers accept connections that nobody reads. The dialog stays on datagrams.

use bytes::Bytes;

use super::Layer;
use super::client::{ClientRecord, Machine};
use crate::endpoint::slab::Handle;
use crate::endpoint::{Event, StreamWish};
use crate::message::Message;
use crate::transaction::timers::SECOND;
use crate::{Flow, Method, Transport};

/// How long a request waits for a stream: a peer that silently drops attempts to connect costs a call no more.
const PATIENCE: u64 = SECOND;
/// How long a stream may bring nothing back for an INVITE, which is answered by 100 within 200 ms (RFC 3261 section 17.2.1).
const SILENCE: u64 = 3 * SECOND;
/// ... for any other request, whose answer takes as long as its work.
const LONG_SILENCE: u64 = 8 * SECOND;

/// What a request knows that is to take a stream instead of datagrams.
#[derive(Debug)]
pub(super) struct Detour {
    /// Its way without streams.
    pub datagrams: Flow,
    /// Until then it waits for a stream or, once it is on its way, for anything to come back.
    until: u64,
    /// It is on its way.
    sent: bool,
}

impl Layer {
    /// The detour of a new request, where it needs one. A CANCEL goes wherever its INVITE went.
    pub(super) fn detour(
        &self,
        now: u64,
        flow: Flow,
        request: &Bytes,
        method: &Method,
    ) -> Option<Box<Detour>> {
        let limit = self.settings.datagram_limit;
        let large = flow.transport == Transport::Udp && limit > 0 && request.len() > limit;
        let until = now.saturating_add(PATIENCE);
        let detour = || Box::new(Detour { datagrams: flow, until, sent: false });
        (large && *method != Method::Cancel).then(detour)
    }

    /// Whether a request still waits for its stream: nobody else has heard of it.
    pub fn is_unsent(&self, handle: Handle) -> bool {
        self.clients.get(handle).is_some_and(ClientRecord::is_waiting)
    }

    /// Asks the owner for a stream.
    pub(super) fn wish_for_stream(&mut self, handle: Handle, flow: Flow) {
        self.emit(Event::StreamWanted { wish: StreamWish(handle.raw()), flow });
    }

    /// The owner's answer. One that comes too late changes nothing.
    pub fn stream_found(&mut self, now: u64, handle: Handle, stream: Option<Flow>) {
        let Some(record) = self.clients.get(handle) else { return };
        if !record.is_waiting() {
            return;
        }
        match stream.and_then(|stream| Some((stream, self.readdressed(handle, &stream)?))) {
            Some((stream, request)) => {
                if let Some(record) = self.clients.get_mut(handle)
                    && let Some(detour) = &mut record.detour
                {
                    let silence = if record.machine.is_invite() { SILENCE } else { LONG_SILENCE };
                    (detour.until, detour.sent) = (now.saturating_add(silence), true);
                }
                self.send_by(handle, stream, request);
                self.schedule_client(handle);
            }
            None => self.use_datagrams(now, handle),
        }
    }

    /// A timer or the end of a stream found this request: true when it goes on by datagrams, and nobody needs to hear.
    pub(super) fn falls_back(&mut self, now: u64, handle: Handle, stream_lost: bool) -> bool {
        let Some(record) = self.clients.get(handle) else { return false };
        let (stream, waits) = (record.flow, record.is_waiting());
        let due = record.patience() <= now;
        let lost = stream_lost && !waits && record.is_without_answer();
        if due && !waits {
            self.emit(Event::StreamSilent { flow: stream });
        }
        if due || lost {
            self.use_datagrams(now, handle);
        }
        due || lost
    }

    /// The request takes the way that it would have had if it were small, with the timers of that way.
    fn use_datagrams(&mut self, now: u64, handle: Handle) {
        let Some(record) = self.clients.get_mut(handle) else { return };
        let Some(detour) = record.detour.take() else { return };
        let flow = detour.datagrams;
        let timers = self.timers(flow.transport);
        let request = self.readdressed(handle, &flow);
        if let Some(record) = self.clients.get_mut(handle) {
            record.machine = Machine::start(record.machine.is_invite(), timers, now);
            record.scheduled = u64::MAX;
        }
        if let Some(request) = request {
            self.send_by(handle, flow, request);
        }
        self.schedule_client(handle);
    }

    fn send_by(&mut self, handle: Handle, flow: Flow, request: Bytes) {
        let Some(record) = self.clients.get_mut(handle) else { return };
        let before = std::mem::replace(&mut record.flow, flow);
        record.request = request.clone();
        self.clients_by_flow.remove(&(before, handle));
        self.clients_by_flow.insert((flow, handle));
        self.send(flow, request);
    }

    /// A request with the Via of another flow and nothing else changed; the branch stays, since both ways are one
    /// transaction to the peer.
    fn readdressed(&mut self, handle: Handle, flow: &Flow) -> Option<Bytes> {
        let record = self.clients.get(handle)?;
        if record.flow == *flow {
            return Some(record.request.clone());
        }
        let request = Message::parse(record.request.clone()).ok()?;
        let branch = request.top_via().ok()?.branch()?.to_owned();
        let (cseq, _) = request.cseq().ok()?;
        self.rewrite(flow, &request, &branch, &[], cseq)
    }
}

impl ClientRecord {
    /// It waits for a stream and was not sent yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.detour.as_ref().is_some_and(|detour| !detour.sent)
    }

    /// It took a stream, and nothing came back yet.
    fn is_without_answer(&self) -> bool {
        self.detour.as_ref().is_some_and(|detour| detour.sent) && self.machine.is_unanswered()
    }

    /// When it goes by datagrams instead.
    pub(super) fn patience(&self) -> u64 {
        let waits = self.is_waiting() || self.is_without_answer();
        self.detour.as_ref().filter(|_| waits).map_or(u64::MAX, |detour| detour.until)
    }
}
