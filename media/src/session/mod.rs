//! The media engine of one worker: all streams of its ports, without I/O.
//!
//! The worker's loop is the contract:
//!
//! 1. orders of the switch go to [`Engine::apply`], datagrams to [`Engine::receive`], which answers at once with
//!    what is to be sent where;
//! 2. when [`Engine::next_deadline`] has come, [`Engine::tick`];
//! 3. after each turn everything that came up is drained: [`Engine::drain`] (packets of our own making),
//!    [`Engine::poll_request`] (what the worker is to do) and [`Engine::poll_event`] (what the switch is to learn).
//!
//! Time is `now`, monotonic nanoseconds. Nothing is allocated for a relayed packet.

mod control;
mod ear;
mod keys;
mod latch;
mod line;
mod mix_extras;
mod mix_tick;
mod mixes;
mod orders;
mod outgoing;
mod payload;
mod prompts;
mod receive;
mod reception;
mod record;
mod speech;
mod stream;
mod tick;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::order::{MediaEvent, MixId, PortId, RecordingId, StreamId, StreamReport, VoiceEnd};
use mixes::Mixes;
use prompts::Prompts;
use record::Recordings;
use speech::Schedule;
use stream::Stream;

pub use latch::{PROBATION, RELATCH_AFTER};
pub use line::MOST as LINE_MOST;
pub use prompts::PromptKey;
pub use receive::{Dropped, Verdict};

/// Which socket of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// The even port; RTCP too when multiplexed.
    Rtp,
    /// The odd port above.
    Rtcp,
}

/// A socket, as the engine names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Socket {
    /// The pair.
    pub port: PortId,
    /// Which of the two.
    pub channel: Channel,
}

impl Socket {
    /// The RTP socket of a pair.
    pub fn rtp(port: PortId) -> Self {
        Self { port, channel: Channel::Rtp }
    }

    /// The RTCP socket of a pair.
    pub fn rtcp(port: PortId) -> Self {
        Self { port, channel: Channel::Rtcp }
    }
}

/// A datagram to send.
#[derive(Debug, PartialEq, Eq)]
pub struct Transmit<'a> {
    /// From this socket.
    pub socket: Socket,
    /// To this address.
    pub to: SocketAddr,
    /// With this content.
    pub bytes: &'a [u8],
}

/// What the worker is to do for the engine.
#[derive(Debug, PartialEq)]
pub enum Request {
    /// Only this source may be heard on the socket from now on, and packets go there: `connect` it.
    Connect {
        /// Which.
        socket: Socket,
        /// To whom.
        to: SocketAddr,
    },
    /// Any source may be heard again.
    Disconnect {
        /// Which.
        socket: Socket,
    },
    /// Load a prompt and hand it back by [`Engine::prompt_loaded`].
    LoadPrompt(PromptKey),
    /// Begin a recording's file. Its end, however it comes, is the writer's to report.
    OpenRecording {
        /// Which.
        recording: RecordingId,
        /// Relative to the recordings directory.
        path: String,
        /// 1 or 2; blocks and rest hold as many samples a frame.
        channels: u8,
    },
    /// Append a block to a recording.
    WriteBlock {
        /// Which.
        recording: RecordingId,
        /// Frames as [`crate::wav::WavSink`] takes them.
        block: Vec<u8>,
    },
    /// Append the rest, close the file, and report.
    CloseRecording {
        /// Which.
        recording: RecordingId,
        /// The last frames, possibly none.
        rest: Vec<u8>,
        /// To be reported with its end.
        voice: Option<VoiceEnd>,
    },
    /// Remove a closed recording's file.
    RemoveRecording {
        /// Relative to the recordings directory.
        path: String,
    },
    /// Hand 20 ms of what is said in a mix to the program on its line.
    LineFrame {
        /// Whose.
        mix: MixId,
        /// 16-bit PCM at [`crate::order::LINE_RATE`], least significant byte first.
        frame: Vec<u8>,
    },
    /// The pair is free: it rests, then goes back to the stock.
    Release {
        /// Which.
        port: PortId,
    },
}

/// What an engine is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For SSRCs, first sequence numbers and report intervals.
    pub seed: [u8; 32],
    /// Canonical name in RTCP (RFC 3550 section 6.5.1), e.g. `strowger@192.0.2.1`.
    pub cname: String,
}

/// How a stream's packets may be relayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// By a rule that needs nobody to look at payloads; it holds until the next order or latch.
    Forward(Forwarding),
    /// Each packet has to be looked at.
    Process,
}

/// All that plain relaying of a stream's packets takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarding {
    /// The only source that passes.
    pub from: SocketAddr,
    /// The socket that sends.
    pub socket: Socket,
    /// Where to.
    pub to: SocketAddr,
    /// SSRC that packets get.
    pub ssrc: u32,
    /// Added to sequence numbers, modulo 2^16.
    pub sequence_offset: u16,
    /// Added to timestamps, modulo 2^32.
    pub timestamp_offset: u32,
    /// Payload types that pass, with the numbers they get; all others come to the engine.
    pub payload_types: Vec<(u8, u8)>,
}

/// A packet of our own that waits to be drained: its bytes lie in the engine's arena.
#[derive(Debug)]
struct Waiting {
    socket: Socket,
    to: SocketAddr,
    start: usize,
    end: usize,
}

/// Packets of our own making, in one buffer that is reused.
#[derive(Debug, Default)]
struct Outbox {
    arena: Vec<u8>,
    waiting: Vec<Waiting>,
}

impl Outbox {
    /// Queues what `write` appends to the buffer.
    fn push(&mut self, socket: Socket, to: SocketAddr, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.arena.len();
        write(&mut self.arena);
        let end = self.arena.len();
        self.waiting.push(Waiting { socket, to, start, end });
    }
}

/// The streams of one worker.
pub struct Engine {
    cname: String,
    random: ChaCha8Rng,
    /// By port: each port carries one stream at most.
    streams: Vec<Option<Box<Stream>>>,
    ports: BTreeMap<StreamId, PortId>,
    outbox: Outbox,
    events: VecDeque<MediaEvent>,
    requests: VecDeque<Request>,
    prompts: Prompts,
    schedule: Schedule,
    recordings: Recordings,
    mixes: Mixes,
    /// For payloads and frames that are being made.
    scratch: Vec<u8>,
    frame: Vec<i16>,
    next_sweep: u64,
    drops: DropCounts,
}

/// Datagrams that went no further, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DropCounts {
    /// From strangers.
    pub refused: u64,
    /// For all other reasons.
    pub other: u64,
}

impl Engine {
    /// An engine without streams.
    pub fn new(settings: Settings) -> Self {
        Self {
            cname: settings.cname,
            random: ChaCha8Rng::from_seed(settings.seed),
            streams: Vec::new(),
            ports: BTreeMap::new(),
            outbox: Outbox::default(),
            events: VecDeque::new(),
            requests: VecDeque::new(),
            prompts: Prompts::default(),
            schedule: Schedule::default(),
            recordings: Recordings::default(),
            mixes: Mixes::default(),
            scratch: Vec::new(),
            frame: Vec::new(),
            next_sweep: 0,
            drops: DropCounts::default(),
        }
    }

    /// Hands the packets of our own making to `send`.
    pub fn drain(&mut self, mut send: impl FnMut(Transmit<'_>)) {
        for waiting in self.outbox.waiting.drain(..) {
            let bytes = self.outbox.arena.get(waiting.start..waiting.end).unwrap_or_default();
            send(Transmit { socket: waiting.socket, to: waiting.to, bytes });
        }
        self.outbox.arena.clear();
    }

    /// The next thing that the worker is to do.
    pub fn poll_request(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    /// The next thing that the switch is to learn.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// Datagrams that went no further.
    pub fn drops(&self) -> DropCounts {
        self.drops
    }

    /// Streams that are open.
    pub fn open_streams(&self) -> usize {
        self.ports.len()
    }

    /// The figures of an open stream so far.
    pub fn report(&self, stream: StreamId) -> Option<StreamReport> {
        let (_, stream) = self.find(stream)?;
        Some(stream.report())
    }

    /// Whether what the stream receives may be relayed by a rule.
    pub fn path(&self, now: u64, stream: StreamId) -> Path {
        self.forwarding(now, stream).map_or(Path::Process, Path::Forward)
    }

    fn find(&self, id: StreamId) -> Option<(PortId, &Stream)> {
        let port = *self.ports.get(&id)?;
        Some((port, self.streams.get(port.0 as usize)?.as_deref()?))
    }

    fn find_mut(&mut self, id: StreamId) -> Option<(PortId, &mut Stream)> {
        let port = *self.ports.get(&id)?;
        Some((port, self.at(port)?))
    }

    fn at(&mut self, port: PortId) -> Option<&mut Stream> {
        self.streams.get_mut(port.0 as usize)?.as_deref_mut()
    }

    fn random_u32(&mut self) -> u32 {
        self.random.next_u32()
    }
}
