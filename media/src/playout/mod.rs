//! From packets to continuous audio, where audio is decoded: a small buffer that puts packets in order and evens out
//! their delays, concealment of those that never come, and comfort noise in silences.
//!
//! The listener takes 20 ms at a time by its own clock. The buffer holds as much as late packets need: it begins with
//! 40 ms and adapts between 20 and 200. A sender whose clock is slower or faster than ours makes it run dry or fill up
//! slowly; then a piece is concealed, or left out where it is heard least.

mod conceal;
mod delay;
mod packets;

use crate::codec::{self, Decoder};
use crate::order::CodecKind;
use crate::rtp::Header;
use conceal::{Concealer, shorten};
use delay::{BOUND_MS, Delay};
use packets::{Kept, Packets};

/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;
/// What a listener takes at a time, in ms.
const FRAME_MS: u32 = 20;
/// When packets fail to come this much is concealed before it counts as the peer's silence, in ms.
const STARVED_MS: u32 = 60;
/// Frames over which the least that waited is observed, before some of it is left out.
const WINDOW: u32 = 25;

/// What a listener got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The peer says nothing.
    Nothing,
    /// The peer says nothing, and described the noise around it: its level in -dBov (RFC 3389, section 3.1).
    Noise(u8),
    /// Audio.
    Sound,
}

/// Counts of a playout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlayoutCounts {
    /// Packets whose turn was over when they came.
    pub late: u64,
    /// Samples that were made in place of missing ones.
    pub concealed: u64,
    /// Samples that were left out.
    pub left_out: u64,
}

/// Whether something is being played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has come since the last silence.
    Idle,
    /// The first packet came then; more are awaited.
    Filling(u64),
    Playing,
}

#[derive(Debug)]
struct Decoding {
    kind: CodecKind,
    decoder: Decoder,
    rate: u32,
    concealer: Concealer,
    /// Samples of the last packet.
    packet: usize,
}

/// One peer's audio on its way to listeners.
#[derive(Debug)]
pub struct Playout {
    packets: Packets,
    delay: Delay,
    decoding: Option<Decoding>,
    phase: Phase,
    /// Some packets have been played since the numbers began.
    started: bool,
    /// Decoded, and not taken yet.
    pcm: Vec<i16>,
    scratch: Vec<i16>,
    /// Samples concealed since packets stopped coming.
    starved: usize,
    /// The peer's silence has this noise.
    noise: Option<u8>,
    random: u32,
    /// The peer sends something else in place of audio: there is nothing to conceal.
    interrupted: bool,
    /// Least that waited within the window, in ms, and frames of the window.
    least: (u32, u32),
    /// More waits than needed: leave something out.
    excess: bool,
    counts: PlayoutCounts,
}

impl Default for Playout {
    fn default() -> Self {
        Self {
            packets: Packets::new(),
            delay: Delay::default(),
            decoding: None,
            phase: Phase::Idle,
            started: false,
            pcm: Vec::with_capacity(2_048),
            scratch: Vec::with_capacity(256),
            starved: 0,
            noise: None,
            random: 0x1234_5678,
            interrupted: false,
            least: (u32::MAX, 0),
            excess: false,
            counts: PlayoutCounts::default(),
        }
    }
}

impl Playout {
    /// A packet of audio or comfort noise came at `now` ns. What cannot be decoded is left out.
    pub fn put(
        &mut self,
        now: u64,
        (kind, clock_rate): (CodecKind, u32),
        header: &Header,
        payload: &[u8],
    ) {
        if kind != CodecKind::ComfortNoise && codec::audio_rate(kind).is_none() {
            return;
        }
        self.delay.arrived(now, header.timestamp, clock_rate);
        match self.packets.put(header.sequence, kind, payload, self.started) {
            Kept::Late => self.counts.late += 1,
            Kept::Yes | Kept::Anew => {
                self.interrupted = false;
                if self.phase == Phase::Idle {
                    self.phase = Phase::Filling(now);
                }
            }
        }
    }

    /// The peer's numbers begin anew.
    pub fn restart(&mut self) {
        self.packets.clear();
        self.delay = Delay::default();
        self.phase = Phase::Idle;
        self.started = false;
        self.pcm.clear();
        self.starved = 0;
        self.noise = None;
        self.interrupted = false;
        self.excess = false;
        if let Some(decoding) = &mut self.decoding {
            decoding.concealer.give_up();
        }
    }

    /// The peer presses a key in place of speaking: silence until its audio goes on.
    pub fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// Samples a second of what is taken; `None` before anything could be decoded.
    pub fn rate(&self) -> Option<u32> {
        self.decoding.as_ref().map(|decoding| decoding.rate)
    }

    /// Counts so far.
    pub fn counts(&self) -> PlayoutCounts {
        self.counts
    }

    /// How much waits, in ms.
    pub fn waiting_ms(&self) -> u32 {
        let Some(decoding) = &self.decoding else {
            return self.packets.count() as u32 * FRAME_MS;
        };
        let samples = self.pcm.len() + self.packets.count() * decoding.packet;
        (samples as u64 * 1_000 / u64::from(decoding.rate)) as u32
    }

    /// Writes the next 20 ms over `out`, at [`Self::rate`]; nothing is written for silence without noise.
    pub fn take(&mut self, now: u64, out: &mut Vec<i16>) -> Taken {
        out.clear();
        if let Phase::Filling(since) = self.phase {
            let target = self.delay.target_ms();
            let patient = now.saturating_sub(since) < u64::from(target) * MS;
            if patient && self.waiting_ms() < target {
                return self.silence(out);
            }
            self.packets.seek();
            self.phase = Phase::Playing;
            self.least = (u32::MAX, 0);
        }
        if self.phase == Phase::Idle {
            return self.silence(out);
        }
        self.bound();
        while self.pcm.len() < self.wanted() {
            if !self.more() {
                break;
            }
        }
        self.trim();
        let length = self.frame().min(self.pcm.len());
        if length == 0 {
            return self.silence(out);
        }
        out.extend(self.pcm.drain(..length));
        out.resize(self.frame(), 0);
        self.watch();
        Taken::Sound
    }

    /// Samples of 20 ms.
    fn frame(&self) -> usize {
        (self.rate().unwrap_or(8_000) / 1_000 * FRAME_MS) as usize
    }

    /// Samples that a take needs: one packet more where something is to be left out, so that there is a choice.
    fn wanted(&self) -> usize {
        let more = self.excess && self.packets.count() > 0;
        if more { self.frame() * 2 } else { self.frame() }
    }

    /// Decodes or conceals a piece; false when there is none.
    fn more(&mut self) -> bool {
        if let Some(waiting) = self.packets.take() {
            self.started = true;
            self.starved = 0;
            let kind = waiting.kind;
            if kind == CodecKind::ComfortNoise {
                let level = waiting.payload.first().map_or(u8::MAX, |level| level & 0x7f);
                return self.hush(level);
            }
            self.noise = None;
            if self.decoding.as_ref().is_none_or(|decoding| decoding.kind != kind) {
                self.decoding = Decoding::new(kind);
                self.pcm.clear();
            }
            let Some(decoding) = &mut self.decoding else { return false };
            decoding.decode(&waiting.payload, &mut self.pcm);
            return true;
        }
        if self.packets.count() > 0 { self.conceal_lost() } else { self.starve() }
    }

    /// The packet whose turn it is got lost, for later ones are here.
    fn conceal_lost(&mut self) -> bool {
        let Some(decoding) = &mut self.decoding else {
            self.packets.seek();
            return true;
        };
        let packet = decoding.packet;
        if self.starved >= packet {
            // It was concealed while nobody knew that it would not come.
            self.starved -= packet;
        } else {
            let next = self.packets.after_next().filter(|next| next.kind == decoding.kind);
            decoding.conceal(next.map(|next| next.payload.as_slice()), packet, &mut self.pcm);
            self.counts.concealed += packet as u64;
        }
        self.packets.skip();
        true
    }

    /// Nothing waits although the peer was speaking: it may still come.
    fn starve(&mut self) -> bool {
        let frame = self.frame();
        let Some(decoding) = &mut self.decoding else {
            self.phase = Phase::Idle;
            return false;
        };
        let most = (decoding.rate / 1_000 * STARVED_MS) as usize;
        if self.noise.is_some() || self.interrupted || self.starved >= most {
            decoding.concealer.give_up();
            self.starved = 0;
            self.phase = Phase::Idle;
            return false;
        }
        let missing = frame.saturating_sub(self.pcm.len());
        decoding.conceal(None, missing, &mut self.pcm);
        self.starved += missing;
        self.counts.concealed += missing as u64;
        true
    }

    /// The peer falls silent, with a noise of that level.
    fn hush(&mut self, level: u8) -> bool {
        self.noise = Some(level);
        if self.packets.count() > 0 {
            return true;
        }
        self.phase = Phase::Idle;
        false
    }

    /// Throws away what would make the delay unbearable.
    fn bound(&mut self) {
        while self.waiting_ms() > BOUND_MS && self.packets.count() > 0 {
            self.packets.skip();
            self.counts.left_out +=
                self.decoding.as_ref().map_or(0, |decoding| decoding.packet) as u64;
        }
    }

    /// Leaves something out if more waits than is needed.
    fn trim(&mut self) {
        if !self.excess || self.pcm.len() < self.frame() * 2 {
            return;
        }
        self.excess = false;
        let rate = self.rate().unwrap_or(8_000);
        self.counts.left_out += shorten(rate, &mut self.pcm, &mut self.scratch) as u64;
    }

    /// Watches how much waits after each take. The least of half a second should be what late packets need.
    fn watch(&mut self) {
        let (least, frames) = self.least;
        self.least = (least.min(self.waiting_ms()), frames + 1);
        if self.least.1 < WINDOW {
            return;
        }
        self.excess = self.least.0 > self.delay.target_ms();
        self.least = (u32::MAX, 0);
    }

    fn silence(&mut self, out: &mut Vec<i16>) -> Taken {
        let Some(level) = self.noise else { return Taken::Nothing };
        let frame = self.frame();
        noise(level, frame, &mut self.random, out);
        Taken::Noise(level)
    }
}

impl Decoding {
    fn new(kind: CodecKind) -> Option<Self> {
        let rate = codec::audio_rate(kind)?;
        let packet = codec::frame_samples(kind)?;
        Some(Self {
            kind,
            decoder: Decoder::new(kind)?,
            rate,
            concealer: Concealer::new(rate),
            packet,
        })
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut Vec<i16>) {
        let start = pcm.len();
        if self.decoder.decode(payload, pcm).is_err() {
            pcm.truncate(start);
            return self.conceal(None, self.packet, pcm);
        }
        let Some(new) = pcm.get_mut(start..).filter(|new| !new.is_empty()) else { return };
        self.packet = new.len();
        self.concealer.heard(new);
    }

    fn conceal(&mut self, next: Option<&[u8]>, samples: usize, pcm: &mut Vec<i16>) {
        let start = pcm.len();
        // The codec's own means work in whole packets.
        if samples == self.packet && self.decoder.conceal(next, samples, pcm) {
            if let Some(made) = pcm.get_mut(start..) {
                self.concealer.heard(made);
            }
            return;
        }
        pcm.truncate(start);
        self.concealer.conceal(samples, pcm);
    }
}

/// Appends white noise of a level in -dBov (RFC 3389, section 3.1: 0 is a full-scale square wave).
fn noise(level: u8, samples: usize, random: &mut u32, out: &mut Vec<i16>) {
    // A uniform distribution of this amplitude has a root mean square of 1 / sqrt(3) of it.
    let power = 32_767.0 * 10f64.powf(-f64::from(level.min(127)) / 20.0);
    let amplitude = (power * 1.732).min(32_767.0) as i64;
    for _ in 0..samples {
        *random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let value = i64::from(random.cast_signed()) * amplitude / i64::from(i32::MAX);
        out.push(value as i16);
    }
}
