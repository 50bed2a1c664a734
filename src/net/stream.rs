//! SIP over streams: listeners, and one task for each connection.
//!
//! A connection's task cuts the stream into messages and posts them; what is to be sent lies in a bounded queue.
//! When the mailbox is full the stream is read no further; when the queue is full the connection is closed.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sip::framing::{Frame, StreamFramer};
use sip::{Flow, Transport};
use strowger_core::vocab::{ConnectId, Input};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use crate::node::mailbox::{Full, Mailbox};

/// Messages that may wait to be sent on one connection.
const QUEUE: usize = 256;
/// A peer that has begun a message, or has never sent a whole one, is given this long to send it.
const PATIENCE: Duration = Duration::from_secs(30);
/// A connection that we open must be open by then.
const CONNECT: Duration = Duration::from_secs(5);
/// One message must be written by then.
const WRITE: Duration = Duration::from_secs(10);
/// Pause before a full mailbox is tried again.
const FULL: Duration = Duration::from_millis(5);
/// One read.
const READ: usize = 4_096;

/// How much strangers may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address.
    pub per_address: usize,
    /// Without a message or keep-alive for so long, a connection is closed.
    pub idle: Duration,
}

/// Counts for the metrics.
#[derive(Debug, Default)]
pub struct StreamFigures {
    /// Connections accepted or opened.
    pub opened: AtomicU64,
    /// Connections refused because a limit was reached.
    pub refused: AtomicU64,
    /// Connections closed because the peer read too slowly.
    pub overflowed: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    queue: Sender<Bytes>,
    cut: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<Flow, Entry>,
    per_address: BTreeMap<IpAddr, usize>,
    /// All of these together. The switch's own thread waits for whoever holds the table: nothing is summed up there.
    all: usize,
}

/// All stream connections.
#[derive(Debug)]
pub struct Streams {
    table: Mutex<Table>,
    generation: AtomicU32,
    limits: Limits,
    mailbox: Arc<Mailbox>,
    figures: StreamFigures,
}

impl Streams {
    /// None yet.
    pub fn new(limits: Limits, mailbox: Arc<Mailbox>) -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::default(),
            generation: AtomicU32::new(0),
            limits,
            mailbox,
            figures: StreamFigures::default(),
        })
    }

    /// Counts since the start.
    pub fn figures(&self) -> &StreamFigures {
        &self.figures
    }

    /// Connections open now.
    pub fn count(&self) -> usize {
        self.lock().open.len()
    }

    /// Queues a message. Returns false where there is no such connection (any more); a connection whose queue is full
    /// is cut and reports itself closed.
    pub fn send(&self, flow: Flow, bytes: Bytes) -> bool {
        let mut table = self.lock();
        let Some(entry) = table.open.get(&flow) else { return false };
        if entry.queue.try_send(bytes).is_err() {
            self.figures.overflowed.fetch_add(1, Ordering::Relaxed);
            entry.cut.notify_one();
            table.open.remove(&flow);
        }
        true
    }

    /// Closes a connection after what is queued on it.
    pub fn close(&self, flow: Flow) {
        self.lock().open.remove(&flow);
    }

    /// Accepts connections until the task is dropped.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, remote)) => self.accepted(stream, remote),
                Err(error) => {
                    // Out of descriptors, most likely: give the others time to return some.
                    tracing::warn!("accepting a SIP connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn accepted(self: &Arc<Self>, stream: TcpStream, remote: SocketAddr) {
        match self.admit(&stream, remote) {
            Ok(connection) => {
                let flow = connection.flow;
                self.mailbox.post_always(Input::FlowOpened { flow, connect: None });
                tokio::spawn(connection.run(stream));
            }
            Err(error) => tracing::debug!("a SIP connection from {remote} is refused: {error}"),
        }
    }

    /// Opens a connection for the switch, which hears of it either way.
    pub async fn connect(self: Arc<Self>, id: ConnectId, transport: Transport, remote: SocketAddr) {
        let opened = match timeout(CONNECT, TcpStream::connect(remote)).await {
            Ok(Ok(stream)) => self.admit(&stream, remote).map(|connection| (connection, stream)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        match opened {
            Ok((connection, stream)) => {
                let flow = connection.flow;
                self.mailbox.post_always(Input::FlowOpened { flow, connect: Some(id) });
                connection.run(stream).await;
            }
            Err(error) => {
                tracing::debug!("no SIP connection to {remote}: {error}");
                let local = SocketAddr::new(unspecified(remote), 0);
                let flow = Flow { transport, local, remote, generation: 0 };
                self.mailbox.post_always(Input::FlowClosed { flow, connect: Some(id) });
            }
        }
    }

    /// Enters a connection into the table, within the limits.
    fn admit(self: &Arc<Self>, stream: &TcpStream, remote: SocketAddr) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let mut table = self.lock();
        let from_there = table.per_address.get(&remote.ip()).copied().unwrap_or(0);
        if table.all >= self.limits.connections || from_there >= self.limits.per_address {
            self.figures.refused.fetch_add(1, Ordering::Relaxed);
            return Err(io::Error::other("too many connections"));
        }
        self.figures.opened.fetch_add(1, Ordering::Relaxed);
        // Never 0, which means a datagram or no connection.
        let generation = self.generation.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1);
        let flow = Flow { transport: Transport::Tcp, local, remote, generation };
        let (queue, waiting) = channel(QUEUE);
        let cut = Arc::new(Notify::new());
        table.open.insert(flow, Entry { queue: queue.clone(), cut: Arc::clone(&cut) });
        table.per_address.insert(remote.ip(), from_there + 1);
        table.all += 1;
        drop(table);
        let pongs = queue.downgrade();
        Ok(Connection { streams: Arc::clone(self), flow, waiting: Some(waiting), pongs, cut })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // A holder only inserts and removes: the table is whole whatever panicked.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unspecified(remote: SocketAddr) -> IpAddr {
    match remote {
        SocketAddr::V4(_) => IpAddr::from([0; 4]),
        SocketAddr::V6(_) => IpAddr::from([0; 16]),
    }
}

/// One connection; when it is dropped, the switch hears that it is closed.
struct Connection {
    streams: Arc<Streams>,
    flow: Flow,
    waiting: Option<Receiver<Bytes>>,
    pongs: tokio::sync::mpsc::WeakSender<Bytes>,
    cut: Arc<Notify>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut table = self.streams.lock();
        table.open.remove(&self.flow);
        table.all = table.all.saturating_sub(1);
        let address = self.flow.remote.ip();
        if let Some(count) = table.per_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                table.per_address.remove(&address);
            }
        }
        drop(table);
        let closed = Input::FlowClosed { flow: self.flow, connect: None };
        self.streams.mailbox.post_always(closed);
    }
}

impl Connection {
    /// Reads and writes until either side ends.
    async fn run<S: AsyncRead + AsyncWrite>(mut self, stream: S) {
        let Some(waiting) = self.waiting.take() else { return };
        let (input, output) = tokio::io::split(stream);
        let outcome = tokio::select! {
            outcome = self.read(input) => outcome,
            outcome = write(output, waiting) => outcome,
            () = self.cut.notified() => Err(io::Error::other("the peer reads too slowly")),
        };
        if let Err(error) = outcome {
            tracing::debug!("the SIP connection with {} ends: {error}", self.flow.remote);
        }
    }

    async fn read(&self, mut input: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut framer = StreamFramer::new();
        let mut proven = false;
        loop {
            while let Some(frame) = framer.next_frame().map_err(io::Error::other)? {
                proven = true;
                self.take(frame).await;
            }
            let idle = self.streams.limits.idle;
            let patience = if framer.buffered() > 0 || !proven { PATIENCE.min(idle) } else { idle };
            let buffer: &mut BytesMut = framer.buffer_mut();
            buffer.reserve(READ);
            match timeout(patience, input.read_buf(buffer)).await {
                Ok(Ok(0)) => return Ok(()),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    async fn take(&self, frame: Frame) {
        match frame {
            Frame::Message(bytes) => {
                let mut letter = Input::Packet { flow: self.flow, bytes };
                while let Err(Full(back)) = self.streams.mailbox.post(letter) {
                    letter = *back;
                    tokio::time::sleep(FULL).await;
                }
            }
            Frame::KeepAlivePing => {
                // A full queue means that the peer does not read; then it needs no pong.
                let _ =
                    self.pongs.upgrade().map(|queue| queue.try_send(Bytes::from_static(b"\r\n")));
            }
            Frame::Pong => {}
        }
    }
}

/// Writes what is queued; ends well when the queue is closed and empty.
async fn write(
    mut output: impl AsyncWrite + Unpin,
    mut waiting: Receiver<Bytes>,
) -> io::Result<()> {
    while let Some(bytes) = waiting.recv().await {
        match timeout(WRITE, output.write_all(&bytes)).await {
            Ok(written) => written?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
    output.shutdown().await
}
