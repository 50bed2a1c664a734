//! Both sides of a call on one timeline: stereo, 16 bits, 8 kHz, in blocks for a writer thread.
//!
//! Time begins with the recording. A side is put on the timeline by the arrival of a packet and
//! continues by its RTP timestamps, so that jitter is not heard; what never arrives is silence.
//! A block is closed a tenth of a second after its end, until when late and reordered packets
//! still find their place in it.

use crate::codec::{self, Decoder, g711, resample::Resampler};
use crate::order::CodecKind;
use crate::wav::{RECORDING_FRAME, RECORDING_RATE};

/// Frames (left and right sample) of a block: 200 ms.
pub const BLOCK_FRAMES: usize = 1600;
/// Bytes of a block.
pub const BLOCK_BYTES: usize = BLOCK_FRAMES * RECORDING_FRAME;

/// Nanoseconds of one frame.
const FRAME_NS: u64 = 1_000_000_000 / RECORDING_RATE as u64;
/// How long after its end a block stays open, in ns.
const GRACE: u64 = 100_000_000;
/// Blocks that are open at once: one that is due, one that is being filled, and room for a poll
/// that comes late.
const OPEN_BLOCKS: usize = 3;
/// A packet that is earlier by more frames than this shows that the side was placed by a late one.
const MAX_LEAD: i64 = 480;
/// A side that lags by more frames than this, for longer than [`LAG_PATIENCE`] ns, has another
/// clock than we thought, and is placed anew.
const MAX_LAG: i64 = 640;
const LAG_PATIENCE: u64 = 100_000_000;

/// Whose audio it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The caller.
    Left,
    /// The callee.
    Right,
}

/// A recording in progress.
#[derive(Debug)]
pub struct Recorder {
    started: u64,
    /// Frame of the timeline at which the window begins.
    base: u64,
    /// Open blocks as they will be written.
    window: Vec<u8>,
    left: Track,
    right: Track,
}

impl Recorder {
    /// Begins now, in ns.
    pub fn new(now: u64) -> Self {
        Self {
            started: now,
            base: 0,
            window: vec![0; OPEN_BLOCKS * BLOCK_BYTES],
            left: Track::default(),
            right: Track::default(),
        }
    }

    /// Takes the payload of a packet that arrived at `now`. What is not one of the codecs that we
    /// decode is silence; telephone events and comfort noise should not come here.
    ///
    /// [`Self::poll`] comes first when it is due: what lies behind the open blocks is lost.
    pub fn receive(
        &mut self,
        now: u64,
        side: Side,
        kind: CodecKind,
        timestamp: u32,
        payload: &[u8],
    ) {
        let arrival = frames(now.saturating_sub(self.started));
        let (track, channel) = match side {
            Side::Left => (&mut self.left, 0),
            Side::Right => (&mut self.right, 2),
        };
        let position = track.place(now, arrival, kind, timestamp) - self.base.cast_signed();
        let mut put = Put { window: &mut self.window, channel, position };
        match kind {
            CodecKind::Pcmu => put.g711(payload, &g711::MU_TO_LINEAR),
            CodecKind::Pcma => put.g711(payload, &g711::A_TO_LINEAR),
            _ => put.samples(track.decode(kind, payload)),
        }
    }

    /// The next block, when it is complete: [`BLOCK_BYTES`] for [`crate::wav::WavSink`]. To be
    /// called until it yields none.
    pub fn poll(&mut self, now: u64) -> Option<Vec<u8>> {
        if now < self.deadline() {
            return None;
        }
        let block = self.window.get(..BLOCK_BYTES)?.to_vec();
        self.window.copy_within(BLOCK_BYTES.., 0);
        let rest = self.window.len() - BLOCK_BYTES;
        self.window.get_mut(rest..)?.fill(0);
        self.base += BLOCK_FRAMES as u64;
        Some(block)
    }

    /// When the next block is complete, in ns.
    pub fn deadline(&self) -> u64 {
        self.started + (self.base + BLOCK_FRAMES as u64) * FRAME_NS + GRACE
    }

    /// Ends the recording: the frames up to `now` that no block has yielded yet.
    pub fn finish(mut self, now: u64) -> Vec<u8> {
        let arrival = frames(now.saturating_sub(self.started));
        let left = usize::try_from(arrival.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.window.truncate(left.saturating_mul(RECORDING_FRAME));
        self.window
    }
}

/// The left side alone of interleaved frames.
pub fn left_of(frames: &[u8]) -> Vec<u8> {
    frames.chunks_exact(RECORDING_FRAME).flat_map(|frame| frame.iter().take(2).copied()).collect()
}

/// Tells sound from silence, 20 ms at a time.
#[derive(Debug, Default)]
pub struct Hearing {
    /// Samples so far, and those since the last sound.
    samples: u64,
    silent: u64,
    /// Samples of pieces with sound.
    sound: u64,
    /// Sum of squares and samples of the piece that is not complete.
    piece: (u64, u64),
}

/// Samples of a piece.
const PIECE: u64 = RECORDING_RATE as u64 / 50;
/// Root mean square from which a piece is sound: -44 dBFS, above the noise of a quiet line and below a soft voice.
const SOUND_LEVEL: u64 = 200;

impl Hearing {
    /// Takes more samples: mono, 16 bits little-endian.
    pub fn hear(&mut self, mono: &[u8]) {
        for sample in mono.as_chunks::<2>().0 {
            let sample = i64::from(i16::from_le_bytes(*sample));
            self.piece.0 += (sample * sample).unsigned_abs();
            self.piece.1 += 1;
            if self.piece.1 == PIECE {
                self.weigh();
            }
        }
    }

    fn weigh(&mut self) {
        let (energy, samples) = std::mem::take(&mut self.piece);
        self.samples += samples;
        if energy >= SOUND_LEVEL * SOUND_LEVEL * samples {
            self.sound += samples;
            self.silent = 0;
        } else {
            self.silent += samples;
        }
    }

    /// What was heard so far, in ms.
    pub fn length_ms(&self) -> u64 {
        millis(self.samples)
    }

    /// How long nothing was heard at the end, in ms.
    pub fn silent_ms(&self) -> u64 {
        millis(self.silent)
    }

    /// Sound in all, in ms.
    pub fn sound_ms(&self) -> u64 {
        millis(self.sound)
    }
}

fn millis(samples: u64) -> u64 {
    samples * 1000 / u64::from(RECORDING_RATE)
}

fn frames(ns: u64) -> u64 {
    ns / FRAME_NS
}

/// Where samples go: every second sample of the window, from a frame that may lie before it.
struct Put<'a> {
    window: &'a mut [u8],
    /// Byte of the side's sample within a frame.
    channel: usize,
    position: i64,
}

impl Put<'_> {
    /// The frames from the position on, and how many samples to skip because they are too late.
    fn open(&mut self) -> (usize, impl Iterator<Item = &mut [u8]>) {
        let skipped = usize::try_from(self.position.min(0).unsigned_abs()).unwrap_or(usize::MAX);
        let first = usize::try_from(self.position.max(0)).unwrap_or(usize::MAX);
        let start = first.saturating_mul(RECORDING_FRAME).min(self.window.len());
        let open = self.window.get_mut(start..).unwrap_or_default();
        let channel = self.channel;
        let place = move |frame| -> &mut [u8] {
            let frame: &mut [u8] = frame;
            frame.get_mut(channel..channel + 2).unwrap_or_default()
        };
        (skipped, open.chunks_exact_mut(RECORDING_FRAME).map(place))
    }

    fn g711(&mut self, payload: &[u8], table: &[i16; 256]) {
        let (skipped, open) = self.open();
        for (place, octet) in open.zip(payload.iter().skip(skipped)) {
            place.copy_from_slice(&table[usize::from(*octet)].to_le_bytes());
        }
    }

    fn samples(&mut self, samples: &[i16]) {
        let (skipped, open) = self.open();
        for (place, sample) in open.zip(samples.iter().skip(skipped)) {
            place.copy_from_slice(&sample.to_le_bytes());
        }
    }
}

/// Where a side stands on the timeline.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    timestamp: u32,
    clock_rate: u32,
    frame: i64,
}

#[derive(Debug, Default)]
struct Track {
    anchor: Option<Anchor>,
    /// Since when packets have lagged behind.
    lagging_since: Option<u64>,
    decoding: Option<Decoding>,
}

/// The decoder of a codec other than G.711.
#[derive(Debug)]
struct Decoding {
    kind: CodecKind,
    decoder: Decoder,
    resampler: Resampler,
    wide: Vec<i16>,
    narrow: Vec<i16>,
}

impl Track {
    /// The frame of the timeline at which a packet's audio begins.
    fn place(&mut self, now: u64, arrival: u64, kind: CodecKind, timestamp: u32) -> i64 {
        let clock_rate = codec::clock_rate(kind);
        let arrival = arrival.cast_signed();
        if let Some(anchor) = self.anchor.filter(|anchor| anchor.clock_rate == clock_rate) {
            let elapsed = i64::from(timestamp.wrapping_sub(anchor.timestamp).cast_signed());
            let frame = anchor.frame + elapsed * i64::from(RECORDING_RATE) / i64::from(clock_rate);
            match arrival - frame {
                lag if lag < -MAX_LEAD => {}
                lag if lag > MAX_LAG => {
                    let since = *self.lagging_since.get_or_insert(now);
                    if now.saturating_sub(since) < LAG_PATIENCE {
                        return frame;
                    }
                }
                _ => {
                    self.lagging_since = None;
                    // The anchor follows, so that the difference never outgrows 31 bits.
                    self.anchor = Some(Anchor { timestamp, clock_rate, frame });
                    return frame;
                }
            }
        }
        self.lagging_since = None;
        self.anchor = Some(Anchor { timestamp, clock_rate, frame: arrival });
        arrival
    }

    /// The samples of a payload at 8 kHz; none if it cannot be decoded.
    fn decode(&mut self, kind: CodecKind, payload: &[u8]) -> &[i16] {
        if self.decoding.as_ref().is_none_or(|decoding| decoding.kind != kind) {
            self.decoding = Decoding::new(kind);
        }
        match &mut self.decoding {
            Some(decoding) => decoding.decode(payload),
            None => &[],
        }
    }
}

impl Decoding {
    fn new(kind: CodecKind) -> Option<Self> {
        Some(Self {
            kind,
            decoder: Decoder::new(kind)?,
            resampler: Resampler::new(codec::audio_rate(kind)?, RECORDING_RATE)?,
            wide: Vec::new(),
            narrow: Vec::new(),
        })
    }

    fn decode(&mut self, payload: &[u8]) -> &[i16] {
        self.wide.clear();
        self.narrow.clear();
        if self.decoder.decode(payload, &mut self.wide).is_ok() {
            self.resampler.process(&self.wide, &mut self.narrow);
        }
        &self.narrow
    }
}
