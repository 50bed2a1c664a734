//! The codecs with a state, and the resampler, by what a listener would measure.

use std::f64::consts::TAU;

use strowger_media::codec::{
    CodecError, Decoder, Encoder, audio_rate, frame_samples, g722, resample::Resampler,
};
use strowger_media::order::CodecKind;

pub fn tone(hz: f64, rate: u32, amplitude: f64, samples: usize) -> Vec<i16> {
    let sample = |n: usize| amplitude * (TAU * hz * n as f64 / f64::from(rate)).sin();
    (0..samples).map(|n| sample(n).round() as i16).collect()
}

/// Power of a tone and of everything else, by the best-fitting sine of that frequency, which is
/// a multiple of 4 Hz: the last whole quarters of a second are measured.
pub fn fit(signal: &[i16], hz: f64, rate: u32) -> (f64, f64) {
    let quarter = rate as usize / 4;
    let signal = &signal[signal.len() % quarter..];
    assert!(!signal.is_empty());
    let (mut sine, mut cosine, mut power) = (0.0, 0.0, 0.0);
    for (n, sample) in signal.iter().enumerate() {
        let (s, c) = (TAU * hz * n as f64 / f64::from(rate)).sin_cos();
        sine += f64::from(*sample) * s;
        cosine += f64::from(*sample) * c;
        power += f64::from(*sample) * f64::from(*sample);
    }
    let length = signal.len() as f64;
    let (sine, cosine) = (sine * 2.0 / length, cosine * 2.0 / length);
    let of_tone = (sine * sine + cosine * cosine) / 2.0;
    (of_tone, (power / length - of_tone).max(1e-9))
}

pub fn snr_db(signal: &[i16], hz: f64, rate: u32) -> f64 {
    let (of_tone, rest) = fit(signal, hz, rate);
    10.0 * (of_tone / rest).log10()
}

fn through(kind: CodecKind, pcm: &[i16]) -> Vec<i16> {
    let mut encoder = Encoder::new(kind).unwrap();
    let mut decoder = Decoder::new(kind).unwrap();
    let mut out = Vec::new();
    for frame in pcm.chunks_exact(frame_samples(kind).unwrap()) {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload).unwrap();
        decoder.decode(&payload, &mut out).unwrap();
    }
    out
}

#[test]
fn tones_come_through_each_codec() {
    for (kind, hz, least_db) in [
        (CodecKind::Pcmu, 1004.0, 36.0),
        (CodecKind::Pcma, 1004.0, 36.0),
        (CodecKind::G722, 1004.0, 35.0),
        (CodecKind::G722, 6100.0, 15.0),
        (CodecKind::Opus, 440.0, 10.0),
    ] {
        let rate = audio_rate(kind).unwrap();
        let pcm = tone(hz, rate, 8000.0, rate as usize);
        let heard = through(kind, &pcm);
        assert_eq!(heard.len(), pcm.len(), "{kind:?}");
        let settled = &heard[heard.len() / 2..];
        let snr = snr_db(settled, hz, rate);
        assert!(snr > least_db, "{kind:?} at {hz} Hz: {snr:.1} dB");
        let (power, _) = fit(settled, hz, rate);
        let gain = 10.0 * (power / 3.2e7).log10();
        assert!(gain.abs() < 1.5, "{kind:?} at {hz} Hz: {gain:.2} dB louder");
    }
}

fn fnv(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, step)
}

fn bytes(pcm: &[i16]) -> impl Iterator<Item = u8> {
    pcm.iter().flat_map(|sample| sample.to_le_bytes())
}

struct Congruential(u32);

impl Congruential {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0
    }
}

/// Noise from full scale down to one bit, half of it under a square wave that clips.
fn hard_signal() -> Vec<i16> {
    let mut random = Congruential(0x2545_f491);
    let sample = |n: usize| {
        let shift = [0, 15, 13, 10, 4][n / 2000 % 5];
        let noise = ((random.next() >> 16) as i32 - 32_768) >> shift;
        let square = if (n / 10).is_multiple_of(2) { 6000 } else { -6000 };
        let sum = if (n / 4000).is_multiple_of(2) { noise } else { noise + square };
        sum.clamp(-32_768, 32_767) as i16
    };
    (0..16_000).map(sample).collect()
}

/// The hashes are of what an independent implementation (libspandsp 0.0.6) makes of the same
/// input: every bit of the encoder's and the decoder's output is pinned. (The decoder hears the
/// quieter signal only: where it clips, that implementation wraps around instead.)
#[test]
fn g722_agrees_with_another_implementation_bit_by_bit() {
    let signal = hard_signal();
    assert_eq!(fnv(bytes(&signal)), 0xd6b1_99a9_1784_af4b);
    let encode = |signal: &[i16]| {
        let mut payload = Vec::new();
        g722::G722Encoder::default().encode(signal, &mut payload);
        payload
    };
    assert_eq!(fnv(encode(&signal)), 0x60c2_1781_2d1f_498a);
    let quiet: Vec<i16> = signal.iter().map(|sample| sample >> 2).collect();
    let payload = encode(&quiet);
    assert_eq!(fnv(payload.iter().copied()), 0xc83a_6650_fef5_781c);
    let mut heard = Vec::new();
    g722::G722Decoder::default().decode(&payload, &mut heard);
    assert_eq!(fnv(bytes(&heard)), 0xd9e0_95c6_0ae2_48b9);
}

#[test]
fn wrong_frames_and_payloads_are_errors() {
    for kind in [CodecKind::Pcmu, CodecKind::G722, CodecKind::Opus] {
        let mut encoder = Encoder::new(kind).unwrap();
        assert_eq!(encoder.encode(&[0; 159], &mut Vec::new()), Err(CodecError::FrameLength(159)));
        let mut decoder = Decoder::new(kind).unwrap();
        assert_eq!(decoder.decode(&[0; 1501], &mut Vec::new()), Err(CodecError::Payload));
    }
    assert!(Encoder::new(CodecKind::Other).is_none());
    let mut opus = Decoder::new(CodecKind::Opus).unwrap();
    assert_eq!(opus.decode(&[], &mut Vec::new()), Err(CodecError::Payload));
    // 63 frames of 60 ms in one packet.
    assert_eq!(opus.decode(&[0x1b, 0x3f, 0, 0], &mut Vec::new()), Err(CodecError::Payload));
}

#[test]
fn damaged_opus_packets_are_survived() {
    let mut encoder = Encoder::new(CodecKind::Opus).unwrap();
    let mut decoder = Decoder::new(CodecKind::Opus).unwrap();
    let mut random = Congruential(7);
    let mut decoded = 0;
    for frame in tone(300.0, 16_000, 9000.0, 320 * 300).chunks_exact(320) {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload).unwrap();
        for _ in 0..3 {
            let place = random.next() as usize % payload.len();
            payload[place] = (random.next() >> 13) as u8;
        }
        payload.truncate(1 + random.next() as usize % payload.len());
        let mut out = Vec::new();
        if decoder.decode(&payload, &mut out).is_ok() {
            decoded += 1;
            assert!(out.len() <= 1920);
        }
    }
    assert!(decoded > 100, "{decoded}");
}

#[test]
fn tones_keep_their_pitch_and_level_through_the_resampler() {
    for (from, to) in [
        (8000, 16_000),
        (8000, 48_000),
        (16_000, 48_000),
        (16_000, 8000),
        (48_000, 8000),
        (48_000, 16_000),
    ] {
        for hz in [300.0, 1000.0, 3300.0] {
            let mut resampler = Resampler::new(from, to).unwrap();
            let input = tone(hz, from, 10_000.0, from as usize);
            let mut output = Vec::new();
            for chunk in input.chunks(from as usize / 50 + 1) {
                resampler.process(chunk, &mut output);
            }
            assert!(output.len().abs_diff(to as usize) <= 1, "{} for {to}", output.len());
            let settled = &output[resampler.delay() * 2 + 10..];
            let snr = snr_db(settled, hz, to);
            assert!(snr > 60.0, "{from} to {to} at {hz} Hz: {snr:.1} dB");
            let gain = 10.0 * (fit(settled, hz, to).0 / 5e7).log10();
            assert!(gain.abs() < 0.3, "{from} to {to} at {hz} Hz: {gain:.3} dB");
        }
    }
}

#[test]
fn what_the_lower_rate_cannot_hold_is_removed() {
    for (from, to) in [(16_000, 8000), (48_000, 8000)] {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut output = Vec::new();
        resampler.process(&tone(4700.0, from, 10_000.0, from as usize), &mut output);
        let peak = output[100..].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!(peak < 20, "{from}: {peak}");
    }
    assert!(Resampler::new(8000, 44_100).is_none());
    assert!(Resampler::new(0, 8000).is_none());
}
