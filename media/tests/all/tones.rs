//! Phones that send tones, and ears that measure them.

use strowger_media::codec::{self, Decoder, Encoder};
use strowger_media::order::{CodecKind, StreamCodec};

use crate::lab::{Heard, Lab, MS, codec, events, header};

/// Opus with events in its clock.
pub fn opus() -> Vec<StreamCodec> {
    let opus = StreamCodec { channels: 2, ..codec(CodecKind::Opus, "opus", 48_000, 111) };
    vec![opus, events(48_000, 110)]
}

/// G.722 with events.
pub fn g722() -> Vec<StreamCodec> {
    vec![codec(CodecKind::G722, "G722", 8_000, 9), events(8_000, 101)]
}

/// A phone that says one tone.
pub struct Singer {
    pub stream: u64,
    pub hz: f64,
    kind: CodecKind,
    payload_type: u8,
    encoder: Encoder,
    sequence: u16,
    phase: usize,
}

impl Singer {
    pub fn new(stream: u64, hz: f64, codecs: &[StreamCodec]) -> Self {
        let (kind, payload_type) = (codecs[0].kind, codecs[0].send_pt);
        let encoder = Encoder::new(kind).unwrap();
        Self { stream, hz, kind, payload_type, encoder, sequence: 65_500, phase: 0 }
    }

    /// The next 20 ms.
    pub fn payload(&mut self) -> Vec<u8> {
        let rate = f64::from(codec::audio_rate(self.kind).unwrap());
        let samples = codec::frame_samples(self.kind).unwrap();
        let step = std::f64::consts::TAU * self.hz / rate;
        let level = if self.hz > 0.0 { 6_000.0 } else { 0.0 };
        let tone = self.phase..self.phase + samples;
        let tone: Vec<i16> = tone.map(|n| ((n as f64 * step).sin() * level) as i16).collect();
        self.phase += samples;
        let mut payload = Vec::new();
        self.encoder.encode(&tone, &mut payload).unwrap();
        payload
    }

    /// The next packet's number and timestamp.
    pub fn number(&mut self) -> (u16, u32) {
        self.sequence = self.sequence.wrapping_add(1);
        let step = codec::clock_rate(self.kind) / 50;
        (self.sequence, u32::from(self.sequence.wrapping_sub(65_500)).wrapping_mul(step))
    }

    pub fn sing(&mut self, lab: &mut Lab) {
        let payload = self.payload();
        let (sequence, timestamp) = self.number();
        let header = header(self.payload_type, sequence, timestamp, self.stream as u32);
        lab.speak(self.stream, header, &payload);
    }
}

/// All sing for so many times 20 ms.
pub fn sing(lab: &mut Lab, singers: &mut [Singer], frames: usize) {
    for _ in 0..frames {
        for singer in &mut *singers {
            singer.sing(lab);
        }
        lab.pass(20 * MS);
    }
}

/// What a peer heard as samples, and their rate.
pub fn samples(kind: CodecKind, heard: &[&Heard]) -> (Vec<i16>, f64) {
    let mut decoder = Decoder::new(kind).unwrap();
    let mut pcm = Vec::new();
    for packet in heard {
        decoder.decode(&packet.payload, &mut pcm).unwrap();
    }
    (pcm, f64::from(codec::audio_rate(kind).unwrap()))
}

/// The power of a tone in dB of full scale (Goertzel).
pub fn power(pcm: &[i16], hz: f64, rate: f64) -> f64 {
    let coefficient = 2.0 * (std::f64::consts::TAU * hz / rate).cos();
    let (mut s1, mut s2) = (0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        // A window, so that other tones do not leak in.
        let window = 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / pcm.len() as f64).cos();
        let s0 = f64::from(*sample) / 32_768.0 * window + coefficient * s1 - s2;
        (s2, s1) = (s1, s0);
    }
    let power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
    10.0 * (power / (pcm.len() as f64 / 4.0).powi(2)).max(1e-12).log10()
}

/// Asserts which tones the last second at a peer holds, and that others are 30 dB weaker.
#[track_caller]
pub fn assert_hears(lab: &Lab, stream: u64, kind: CodecKind, there: &[f64], absent: &[f64]) {
    let heard = lab.heard_at(stream);
    let last = &heard[heard.len().saturating_sub(50)..];
    let (pcm, rate) = samples(kind, last);
    let pcm = &pcm[pcm.len() / 5..];
    let weakest = there.iter().map(|hz| power(pcm, *hz, rate)).fold(0.0, f64::min);
    assert!(weakest > -25.0, "{stream} misses one of {there:?}: {weakest} dB");
    for hz in absent {
        let level = power(pcm, *hz, rate);
        assert!(level < weakest - 30.0, "{stream} hears {hz} Hz at {level} dB, others {weakest}");
    }
}

/// Asserts that a peer got one stream without gaps: one SSRC, numbers and timestamps in step.
#[track_caller]
pub fn assert_continuous(heard: &[&Heard], step: u32) {
    for pair in heard.windows(2) {
        let (a, b) = (&pair[0].header, &pair[1].header);
        assert_eq!(a.ssrc, b.ssrc);
        assert_eq!(b.sequence, a.sequence.wrapping_add(1));
        let grown = b.timestamp.wrapping_sub(a.timestamp);
        assert!(grown >= step && grown < 1 << 20, "the timestamp grew by {grown}");
    }
}
