//! The state of one stream: one end of one media line.

use std::net::SocketAddr;

use smallvec::SmallVec;

use crate::order::{PortId, StreamCodec, StreamConfig, StreamId, StreamKind, StreamReport};
use crate::session::control::Control;
use crate::session::ear::{Ear, Mouth};
use crate::session::keys::{Keys, Tones};
use crate::session::latch::Latch;
use crate::session::outgoing::{Outgoing, SourceKey};
use crate::session::payload::{self, Codecs, Rules};
use crate::session::reception::{Arrival, Reception};
use crate::session::record::Tap;
use crate::session::speech::Speech;

/// How packets on the wire are protected. Others than clear ones will stand beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Protection {
    /// RTP and RTCP as they are.
    #[default]
    Clear,
}

/// Where what a stream receives goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Nowhere.
    Idle,
    /// To the stream on that port.
    Bridged(PortId),
    /// Into the mix that the stream is in.
    Mixed,
    /// Back to its sender.
    Echo,
}

/// What an offer and its answer settled, ready for use per packet.
#[derive(Debug)]
pub(super) struct Agreed {
    pub remote_rtp: Option<SocketAddr>,
    pub remote_rtcp: Option<SocketAddr>,
    pub rtcp_mux: bool,
    pub send: bool,
    pub receive: bool,
    pub ptime_ms: u16,
    pub silence_limit: Option<u64>,
    pub codecs: Codecs,
}

impl Agreed {
    pub fn new(config: StreamConfig) -> Self {
        let send = payload::may_send(&config);
        Self {
            remote_rtp: config.remote_rtp,
            remote_rtcp: config.remote_rtcp,
            rtcp_mux: config.rtcp_mux,
            send,
            receive: config.receive,
            ptime_ms: config.ptime_ms.clamp(10, 60),
            silence_limit: config.silence_limit,
            codecs: Codecs::new(config.codecs),
        }
    }
}

impl Agreed {
    /// Packets of the peer are expected, and their absence is to be reported.
    pub fn expects(&self) -> bool {
        self.receive && self.silence_limit.is_some()
    }
}

/// One end of one media line.
#[derive(Debug)]
pub(super) struct Stream {
    pub id: StreamId,
    pub kind: StreamKind,
    pub protection: Protection,
    pub agreed: Option<Agreed>,
    pub role: Role,
    /// By position in our codec list: what becomes of it at the bridge's other end.
    pub rules: Rules,
    pub latch: Latch,
    pub reception: Reception,
    /// Counts restarts of the peer's numbering, for the outgoing side of the bridge.
    pub epoch: u32,
    pub outgoing: Outgoing,
    pub control: Control,
    /// What we say ourselves, in place of what the bridge would send.
    pub speech: Option<Box<Speech>>,
    /// Makes key presses of telephone events.
    pub keys: Option<Box<Keys>>,
    /// Listens for keys in the audio.
    pub tones: Option<Box<Tones>>,
    /// Recordings that what the peer says goes into.
    pub taps: SmallVec<[Tap; 1]>,
    /// The mix that it is in, or the bridge that is decoded.
    pub mix: Option<u32>,
    /// What decodes what the peer says, once that was needed, and what encodes what it hears.
    pub ear: Option<Box<Ear>>,
    pub mouth: Mouth,
    /// When the last packet of the peer came, or when it was first expected, ns.
    pub heard: u64,
    pub silent: bool,
    /// Position in the codec list of what came last.
    pub last_codec: Option<usize>,
    pub refused: u64,
    /// Packets of a stream that is not RTP.
    pub datagrams: u64,
    /// The source that the kernel has been told to be the only one.
    pub exclusive: Option<SocketAddr>,
}

impl Stream {
    pub fn new(id: StreamId, kind: StreamKind, outgoing: Outgoing, control: Control) -> Self {
        Self {
            id,
            kind,
            protection: Protection::default(),
            agreed: None,
            role: Role::Idle,
            rules: Rules::new(),
            latch: Latch::default(),
            reception: Reception::default(),
            epoch: 0,
            outgoing,
            control,
            speech: None,
            keys: None,
            tones: None,
            taps: SmallVec::new(),
            mix: None,
            ear: None,
            mouth: Mouth::default(),
            heard: 0,
            silent: false,
            last_codec: None,
            refused: 0,
            datagrams: 0,
            exclusive: None,
        }
    }

    /// Where RTP for the peer goes, if we may and can send.
    pub fn target(&self) -> Option<SocketAddr> {
        let agreed = self.agreed.as_ref()?;
        if agreed.send { self.latch.target() } else { None }
    }

    /// The numbering that relayed packets of this stream belong to.
    pub fn source_key(&self) -> SourceKey {
        SourceKey { stream: self.id.0, epoch: self.epoch }
    }

    /// Somebody listens to or writes what the peer sends.
    pub fn is_read(&self) -> bool {
        !self.taps.is_empty() || self.tones.is_some()
    }

    /// Counts a packet; `None` when it is to be dropped as a stray.
    pub fn count(&mut self, header: &crate::rtp::Header) -> Option<()> {
        match self.reception.arrived(header) {
            Arrival::Stray => None,
            Arrival::First => {
                self.epoch = self.epoch.wrapping_add(1);
                Some(())
            }
            Arrival::Next | Arrival::Late => Some(()),
        }
    }

    /// The codec of what came last.
    pub fn heard_codec(&self) -> Option<&StreamCodec> {
        self.agreed.as_ref()?.codecs.get(self.last_codec?)
    }

    /// The figures of the stream's life so far.
    pub fn report(&self) -> StreamReport {
        StreamReport {
            packets_received: self.reception.received() + self.datagrams,
            packets_sent: self.outgoing.packets(),
            packets_lost: self.reception.lost(),
            packets_refused: self.refused,
            jitter_us: self.reception.jitter_us(),
            peer_fraction_lost: self.control.peer_fraction_lost(),
            round_trip_us: self.control.round_trip_us(),
            codec: self.heard_codec().map(|codec| codec.name.clone()),
        }
    }
}
