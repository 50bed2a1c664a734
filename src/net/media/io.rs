//! How a worker's packets get in and out.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use ::media::order::PortId;
use ::media::session::{Channel, Socket, Transmit};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};
use rustix::time::Timespec;

/// Sockets looked at in one turn; where so many have something, more may.
pub const FULL: usize = 256;
/// Packets that are received, then handled, then sent together: the same code runs several times while the processor's
/// caches hold it.
const BURST: usize = 16;
/// Longer datagrams than any link carries are cut.
const LONGEST: usize = 9_216;
/// Marks the wake-up descriptor among the sockets.
const WAKE: u64 = u64::MAX;

/// A packet loop: sockets in, datagrams out to a handler, and what the handler returns is sent.
pub trait PacketIo: Sized {
    /// A loop that also wakes up when `wake` becomes readable.
    ///
    /// # Errors
    /// When the system refuses a descriptor.
    fn new(wake: impl AsFd) -> io::Result<Self>;

    /// Takes a bound socket.
    ///
    /// # Errors
    /// When the system refuses to watch it.
    fn add(&mut self, socket: Socket, descriptor: OwnedFd) -> io::Result<()>;

    /// From now on hears and (without an address) reaches only `to`; `None`: anybody again.
    ///
    /// # Errors
    /// When there is no route; the socket stays as it was.
    fn connect(&mut self, socket: Socket, to: Option<SocketAddr>) -> io::Result<()>;

    /// Sends; a lost packet is counted, for UDP promises nothing.
    fn send(&mut self, transmit: &Transmit<'_>);

    /// Waits until something arrives or wakes the loop, at most `timeout` (`None`: for ever).
    ///
    /// # Errors
    /// Only by a fault of the program.
    fn wait(&mut self, timeout: Option<Timespec>) -> io::Result<Turn>;

    /// Handles what [`PacketIo::wait`] found, one datagram per socket. What the handler returns is sent.
    fn relay<H>(&mut self, handler: H)
    where
        H: for<'p> FnMut(Socket, &'p mut [u8], SocketAddr) -> Option<Transmit<'p>>;

    /// What was counted since the start.
    fn counts(&self) -> IoCounts;
}

/// What a turn saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turn {
    /// Sockets that had something.
    pub ready: usize,
    /// The wake-up descriptor was readable.
    pub woken: bool,
}

/// Counts of a worker's packet loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IoCounts {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that the system refused to send.
    pub unsent: u64,
}

/// Level-triggered epoll, one `recvfrom` and one `sendto` or `send` a packet.
pub struct Epoll {
    epoll: OwnedFd,
    events: Vec<Event>,
    sockets: Sockets,
    buffer: Box<[u8]>,
}

struct Sockets {
    /// Two entries a pair: RTP, RTCP.
    entries: Vec<Option<Entry>>,
    counts: IoCounts,
}

struct Entry {
    descriptor: OwnedFd,
    connected: Option<SocketAddr>,
}

fn slot(socket: Socket) -> usize {
    socket.port.0 as usize * 2 + usize::from(socket.channel == Channel::Rtcp)
}

fn socket_at(slot: u64) -> Socket {
    let port = PortId((slot / 2) as u32);
    if slot.is_multiple_of(2) { Socket::rtp(port) } else { Socket::rtcp(port) }
}

impl Sockets {
    fn get(&mut self, socket: Socket) -> Option<&mut Entry> {
        self.entries.get_mut(slot(socket))?.as_mut()
    }

    fn send(&mut self, transmit: &Transmit<'_>) {
        let Some(entry) = self.get(transmit.socket) else { return };
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let sent = if entry.connected == Some(transmit.to) {
            net::send(&entry.descriptor, transmit.bytes, flags)
        } else {
            net::sendto(&entry.descriptor, transmit.bytes, flags, &transmit.to)
        };
        // On a connected socket an ICMP error about an earlier packet comes back here, and clears by it.
        match sent {
            Ok(_) => self.counts.sent += 1,
            Err(_) => self.counts.unsent += 1,
        }
    }

    fn receive(&mut self, socket: Socket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let entry = self.get(socket)?;
        let (length, _, from) =
            net::recvfrom(&entry.descriptor, buffer, RecvFlags::DONTWAIT).ok()?;
        let from = SocketAddr::try_from(from?).ok()?;
        self.counts.received += 1;
        Some((length, from))
    }
}

impl PacketIo for Epoll {
    fn new(wake: impl AsFd) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        Ok(Self {
            epoll,
            events: Vec::with_capacity(FULL),
            sockets: Sockets { entries: Vec::new(), counts: IoCounts::default() },
            buffer: vec![0; LONGEST * BURST].into(),
        })
    }

    fn add(&mut self, socket: Socket, descriptor: OwnedFd) -> io::Result<()> {
        let slot = slot(socket);
        epoll::add(&self.epoll, &descriptor, EventData::new_u64(slot as u64), EventFlags::IN)?;
        let entries = &mut self.sockets.entries;
        if entries.len() <= slot {
            entries.resize_with(slot + 1, || None);
        }
        if let Some(entry) = entries.get_mut(slot) {
            *entry = Some(Entry { descriptor, connected: None });
        }
        Ok(())
    }

    fn connect(&mut self, socket: Socket, to: Option<SocketAddr>) -> io::Result<()> {
        let Some(entry) = self.sockets.get(socket) else { return Ok(()) };
        match to {
            Some(to) => net::connect(&entry.descriptor, &to)?,
            None => net::connect_unspec(&entry.descriptor)?,
        }
        entry.connected = to;
        Ok(())
    }

    fn send(&mut self, transmit: &Transmit<'_>) {
        self.sockets.send(transmit);
    }

    fn wait(&mut self, timeout: Option<Timespec>) -> io::Result<Turn> {
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut turn = Turn { ready: self.events.len(), woken: false };
        if self.events.iter().any(|event| event.data.u64() == WAKE) {
            turn = Turn { ready: turn.ready - 1, woken: true };
        }
        Ok(turn)
    }

    fn relay<H>(&mut self, mut handler: H)
    where
        H: for<'p> FnMut(Socket, &'p mut [u8], SocketAddr) -> Option<Transmit<'p>>,
    {
        let Self { events, sockets, buffer, .. } = self;
        let data = events.iter().map(|event| event.data.u64());
        let mut waiting = data.filter(|data| *data != WAKE).peekable();
        while waiting.peek().is_some() {
            let mut rest = &mut buffer[..];
            let mut packets = [const { None }; BURST];
            for (packet, data) in packets.iter_mut().zip(&mut waiting) {
                let socket = socket_at(data);
                let room = rest.get_mut(..LONGEST).unwrap_or_default();
                let Some((length, from)) = sockets.receive(socket, room) else { continue };
                let (bytes, after) = std::mem::take(&mut rest).split_at_mut(length);
                rest = after;
                *packet = Some((socket, bytes, from));
            }
            let mut answers = [const { None }; BURST];
            for (answer, packet) in answers.iter_mut().zip(packets) {
                *answer = packet.and_then(|(socket, bytes, from)| handler(socket, bytes, from));
            }
            answers.iter().flatten().for_each(|transmit| sockets.send(transmit));
        }
        self.events.clear();
    }

    fn counts(&self) -> IoCounts {
        self.sockets.counts
    }
}
