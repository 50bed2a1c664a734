//! What the switch orders from a media worker, and what the worker tells it.
//!
//! A *stream* is one end of one media line: a port pair, the peer it talks to and the codecs agreed with that peer.
//! A call of two phones with audio only has two streams, bridged. All orders name the stream, are applied in the order
//! given, and never fail silently: what cannot be done comes back as an event.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What a prompt's name begins with when it lies below the recordings directory instead of the sounds directory.
pub const RECORDED: &str = "recorded:";
/// ... and below this folder there are prompts that came over HTTP, each under a name of its own.
pub const UPLOADED: &str = "sounds/";

/// One end of one media line. Chosen by the switch, never used again within a process's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId(pub u64);

/// A bound RTP and RTCP socket pair in a worker's stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortId(pub u32);

/// A recording in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordingId(pub u64);

/// One playing of a list of prompts on a stream; an end that comes back for an older one is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlayId(pub u64);

/// A mix: streams of one worker that hear each other's sum. Chosen by the switch, never used again within a process's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MixId(pub u64);

/// Samples a second of what is exchanged with a program on a mix's line.
pub const LINE_RATE: u32 = 8_000;

/// A set of voices in a mix, as bits. A member hears all others whose voices are among those that it hears.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Voices(pub u16);

impl Voices {
    /// Nobody: who speaks so is muted, who hears so is deaf.
    pub const NONE: Self = Self(0);
    /// Heard by nobody: where some members speak this besides, only their telephone events are passed on.
    pub const KEYS: Self = Self(1 << 15);
    /// The voice that everybody in a conference has and hears.
    pub const ROOM: Self = Self(1);
    /// Everything.
    pub const ALL: Self = Self(u16::MAX);

    /// Whether the sets have a voice in common.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// This set but for what is in the other one.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl std::ops::BitOr for Voices {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A pair as the worker offers it: the addresses that go into SDP unless an external address is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Names the pair within its worker.
    pub id: PortId,
    /// Where RTP arrives; the port is even.
    pub rtp: SocketAddr,
    /// Where RTCP arrives: the port above.
    pub rtcp: SocketAddr,
}

/// What flows on a media line, as far as the relay cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamKind {
    /// RTP audio: telephone events are read, G.711 is converted, prompts and recordings are possible.
    Audio,
    /// RTP video: relayed as it is.
    Video,
    /// Anything else over UDP (T.38, application): datagrams are relayed untouched.
    Other,
}

/// The codecs that the switch itself can encode and decode; all others are relayed by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CodecKind {
    /// G.711 mu-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
    /// G.722 at 64 kbit/s; RTP clock 8000 (RFC 3551 section 4.5.2), audio 16 kHz.
    G722,
    /// Opus, RTP clock 48000 (RFC 7587).
    Opus,
    /// RFC 4733 telephone events at the clock rate given.
    TelephoneEvent,
    /// RFC 3389 comfort noise.
    ComfortNoise,
    /// A codec that the switch only passes between ends that share it.
    Other,
}

/// One codec in force on a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCodec {
    /// What the switch can do with it.
    pub kind: CodecKind,
    /// Encoding name as in `a=rtpmap`; compared without regard to case.
    pub name: String,
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Audio channels, 1 unless said otherwise.
    pub channels: u8,
    /// `a=fmtp` parameters, empty if none.
    pub fmtp: String,
    /// Payload type that the peer sends (announced in our description), 0 to 127.
    pub receive_pt: u8,
    /// Payload type that the peer wants to receive (announced in its description), 0 to 127.
    pub send_pt: u8,
}

/// Everything that an offer and its answer settled for one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamConfig {
    /// Where the peer says that it receives RTP; `None` while unknown (no answer yet).
    pub remote_rtp: Option<SocketAddr>,
    /// Where the peer says that it receives RTCP; ignored with `rtcp_mux`.
    pub remote_rtcp: Option<SocketAddr>,
    /// RTP and RTCP share a port (RFC 5761), agreed by both.
    pub rtcp_mux: bool,
    /// We may send to the peer.
    pub send: bool,
    /// We expect packets from the peer.
    pub receive: bool,
    /// In order of preference; the first that is neither event nor noise is what prompts are encoded in.
    pub codecs: Vec<StreamCodec>,
    /// Packet length that prompts use, in ms (10 to 60; usually 20).
    pub ptime_ms: u16,
    /// After so long without a packet from the peer the worker reports `Silent`; `None` never (held, or not answered). Nanoseconds.
    pub silence_limit: Option<u64>,
}

/// An order from the switch to a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Takes a port from the stock for a stream. It drops what arrives until configured, but learns the source.
    Open {
        /// The new stream.
        stream: StreamId,
        /// A port that the worker reported and that is not in use.
        port: PortId,
        /// What will flow.
        kind: StreamKind,
    },
    /// (Re-)configures a stream; a changed remote address allows the latch to move again.
    Configure {
        /// Which.
        stream: StreamId,
        /// All of its new settings.
        config: StreamConfig,
    },
    /// Relays between two streams, both ways, as far as their directions allow. Ends earlier bridges of either.
    Bridge {
        /// One end.
        a: StreamId,
        /// The other.
        b: StreamId,
    },
    /// Ends the bridge that the stream is in, if any.
    Unbridge {
        /// Either end.
        stream: StreamId,
    },
    /// Sends back to the peer what it sends.
    Echo {
        /// Which.
        stream: StreamId,
    },
    /// Puts a stream into a mix, or changes its place there; ends its bridge, or its place in another mix. The mix begins with its
    /// first member. `Bridge`, `Unbridge`, `Echo` and `Close` take the stream out again.
    Mix {
        /// Which; an audio stream.
        stream: StreamId,
        /// Where.
        mix: MixId,
        /// What its peer's words count as; none: it is muted.
        speaks: Voices,
        /// Whom its peer hears: all other members that speak one of these.
        hears: Voices,
    },
    /// Takes a stream out of its mix, if it is in one; a mix without members is gone.
    Unmix {
        /// Which.
        stream: StreamId,
    },
    /// Connects a program to a mix, as if it were a member, until the mix ends: what others say is handed out every 20 ms, and
    /// what it says is heard. One for each mix.
    ConnectLine {
        /// Which.
        mix: MixId,
        /// What its words count as.
        speaks: Voices,
        /// What it is told: all that is said in one of these.
        hears: Voices,
    },
    /// Plays prompts into a mix beside the voices. Several may play at once; they end with the mix.
    PlayInMix {
        /// Where.
        mix: MixId,
        /// Comes back in `MixPlayEnded`.
        play: PlayId,
        /// Names as for [`Order::Play`].
        prompts: Vec<String>,
        /// Members that hear one of these hear the prompts.
        heard_by: Voices,
    },
    /// Writes what is said in a mix into a mono WAV; `StopRecord` ends it, and so does the end of the mix.
    RecordMix {
        /// Comes back in the recording's events.
        recording: RecordingId,
        /// Which.
        mix: MixId,
        /// File, relative to the recordings directory; its folders are made.
        path: String,
        /// Whose words, and prompts heard by whom.
        voices: Voices,
    },
    /// Listens for keys that the peer sends as tones in its audio, and reports them as [`MediaEvent::Dtmf`]; or no more.
    ReadTones {
        /// Which.
        stream: StreamId,
        /// Whether to listen.
        on: bool,
    },
    /// Plays prompts to the stream's peer, instead of what the bridge would send, until ended or stopped.
    Play {
        /// Which.
        stream: StreamId,
        /// Comes back in `PlayEnded`.
        play: PlayId,
        /// Names of prompts below the sounds directory, without `.wav`, e.g. `en/busy`; or absolute paths; or
        /// `recorded:` and a path below the recordings directory.
        prompts: Vec<String>,
        /// Starts again at the end, for ever.
        repeat: bool,
    },
    /// Stops what plays, without `PlayEnded`.
    StopPlay {
        /// Which.
        stream: StreamId,
    },
    /// Sends telephone events (RFC 4733) to the peer, one after the other.
    SendDtmf {
        /// Which.
        stream: StreamId,
        /// `0-9`, `*`, `#`, `A-D`; at most 32, the rest is dropped.
        digits: String,
        /// Length of each, 40 to 5,000 ms.
        duration_ms: u16,
    },
    /// Writes both streams into one stereo WAV. May start before the streams are bridged.
    Record {
        /// Comes back in the recording's events.
        recording: RecordingId,
        /// Whose received audio goes left: the caller.
        left: StreamId,
        /// Whose received audio goes right: the callee.
        right: StreamId,
        /// File, relative to the recordings directory; its folders are made.
        path: String,
    },
    /// Writes what one stream receives into a mono WAV: a message. It ends by itself at its limits.
    RecordVoice {
        /// Comes back in the recording's end.
        recording: RecordingId,
        /// Whose received audio.
        stream: StreamId,
        /// File, relative to the recordings directory; its folders are made.
        path: String,
        /// Longest recording, in ms.
        max_ms: u32,
        /// It ends when nothing was heard for so long, in ms; 0 never.
        silence_ms: u32,
    },
    /// Removes the file of a recording that is closed. Nothing happens where there is none.
    RemoveRecording {
        /// File, relative to the recordings directory.
        path: String,
    },
    /// Leaves out what is said from now on: the file goes on with silence, so that its time stays the call's.
    PauseRecord {
        /// Which.
        recording: RecordingId,
    },
    /// Ends the pause.
    ResumeRecord {
        /// Which.
        recording: RecordingId,
    },
    /// Ends a recording and closes its file.
    StopRecord {
        /// Which.
        recording: RecordingId,
    },
    /// Ends the stream: its bridge, prompt and latch; its port rests and returns to the stock. Never dropped.
    Close {
        /// Which.
        stream: StreamId,
    },
}

/// What a worker tells the switch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MediaEvent {
    /// The peer pressed a key (RFC 4733). One event per key press.
    Dtmf {
        /// Whose peer.
        stream: StreamId,
        /// `0-9`, `*`, `#`, `A-D`.
        digit: char,
        /// How long it was held, in ms.
        duration_ms: u16,
    },
    /// A prompt list that does not repeat came to its end, or one could not be played.
    PlayEnded {
        /// Where.
        stream: StreamId,
        /// The order that it belongs to.
        play: PlayId,
        /// Why nothing (more) could be heard, if so.
        error: Option<PlayFault>,
    },
    /// Prompts in a mix came to their end, or could not be played, or the mix ended first.
    MixPlayEnded {
        /// Where.
        mix: MixId,
        /// The order that it belongs to.
        play: PlayId,
        /// Why nothing (more) could be heard, if so.
        error: Option<PlayFault>,
    },
    /// Nothing arrived for the stream's silence limit. Reported once per silence.
    Silent {
        /// Which.
        stream: StreamId,
    },
    /// The first packet of the peer arrived, or its address changed in a permitted way.
    Latched {
        /// Which.
        stream: StreamId,
        /// Where the peer's packets come from.
        from: SocketAddr,
    },
    /// The stream is closed; last event of a stream.
    Closed {
        /// Which.
        stream: StreamId,
        /// What it did in its life.
        report: StreamReport,
    },
    /// The recording is closed, or can go no further (then `error` says why; the call is unharmed). Last event of a recording.
    RecordingEnded {
        /// Which.
        recording: RecordingId,
        /// Length of audio in the file, in ms.
        length_ms: u64,
        /// File size in bytes.
        bytes: u64,
        /// Why it ended early, e.g. disk full.
        error: Option<String>,
        /// What was heard, for a [`Order::RecordVoice`] that did not fail.
        voice: Option<VoiceEnd>,
    },
}

/// Why prompts could not be heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayFault {
    /// Which of those that were ordered: the first one where it is no single one's fault, empty where none was named.
    pub prompt: String,
    /// What is wrong, in words.
    pub why: String,
}

impl PlayFault {
    /// Something is wrong with playing these prompts at all.
    pub(crate) fn of_all(prompts: &[String], why: &str) -> Self {
        Self { prompt: prompts.first().cloned().unwrap_or_default(), why: why.to_owned() }
    }
}

/// How a message's recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoiceEnd {
    /// Why.
    pub reason: VoiceEndReason,
    /// Sound in it, in ms: its length without silence.
    pub sound_ms: u64,
}

/// Why a message's recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum VoiceEndReason {
    /// Nothing was heard for its silence limit.
    Silence,
    /// It reached its longest length.
    Length,
    /// It was ordered to stop, or its stream was closed.
    Stopped,
}

/// Figures of a stream's life, for the call record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamReport {
    /// Packets that the peer sent and we accepted.
    pub packets_received: u64,
    /// Packets sent to the peer.
    pub packets_sent: u64,
    /// Packets that never arrived, by sequence numbers (RFC 3550 A.3).
    pub packets_lost: u64,
    /// Packets from strangers, dropped.
    pub packets_refused: u64,
    /// Interarrival jitter at the end, in microseconds (RFC 3550 A.8).
    pub jitter_us: u32,
    /// Loss that the peer reported of what we sent, in 1/256 (RTCP).
    pub peer_fraction_lost: Option<u8>,
    /// Round trip by RTCP, in microseconds.
    pub round_trip_us: Option<u32>,
    /// Encoding name of what the peer sent last.
    pub codec: Option<String>,
}
