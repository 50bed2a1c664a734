//! Recordings: alignment, gaps, late packets, codecs.

use strowger_media::codec::{Encoder, clock_rate, frame_samples, g711::linear_to_mu};
use strowger_media::order::CodecKind;
use strowger_media::recorder::{BLOCK_BYTES, Recorder, Side};

use crate::codec_audio::{fit, tone};

const MS: u64 = 1_000_000;
const START: u64 = 5_000 * MS;

/// The recording split into its sides.
struct Sides {
    left: Vec<i16>,
    right: Vec<i16>,
}

struct Rig {
    recorder: Recorder,
    bytes: Vec<u8>,
}

impl Rig {
    fn new() -> Self {
        Self { recorder: Recorder::new(START), bytes: Vec::new() }
    }

    fn receive(&mut self, at_ms: u64, side: Side, kind: CodecKind, timestamp: u32, payload: &[u8]) {
        let now = START + at_ms * MS;
        self.poll(at_ms);
        self.recorder.receive(now, side, kind, timestamp, payload);
    }

    fn poll(&mut self, at_ms: u64) {
        while let Some(block) = self.recorder.poll(START + at_ms * MS) {
            assert_eq!(block.len(), BLOCK_BYTES);
            self.bytes.extend(block);
        }
    }

    fn finish(mut self, at_ms: u64) -> Sides {
        self.poll(at_ms);
        self.bytes.extend(self.recorder.finish(START + at_ms * MS));
        let sample = |bytes: &[u8]| i16::from_le_bytes([bytes[0], bytes[1]]);
        let frames = || self.bytes.chunks_exact(4);
        Sides {
            left: frames().map(|frame| sample(&frame[..2])).collect(),
            right: frames().map(|frame| sample(&frame[2..])).collect(),
        }
    }
}

/// 20 ms of one level, as the decoder will give it back.
fn level(value: i16) -> Vec<u8> {
    vec![linear_to_mu(value); 160]
}

/// Where a side is not silent, in runs of (first frame, length, level).
fn runs(side: &[i16]) -> Vec<(usize, usize, i16)> {
    let mut runs: Vec<(usize, usize, i16)> = Vec::new();
    for (place, sample) in side.iter().enumerate().filter(|(_, sample)| **sample != 0) {
        match runs.last_mut() {
            Some((first, length, level)) if *first + *length == place && level == sample => {
                *length += 1;
            }
            _ => runs.push((place, 1, *sample)),
        }
    }
    runs
}

#[test]
fn each_side_has_its_channel_from_its_first_packet_on() {
    let mut rig = Rig::new();
    // In steps of 10 ms; the callee's timestamps wrap on the way.
    for at in (100..1250).step_by(10) {
        let since = |start: u64| u32::try_from((at - start) * 8).unwrap();
        if at % 20 == 0 && at < 1100 {
            rig.receive(at, Side::Left, CodecKind::Pcmu, 7000 + since(100), &level(1052));
        }
        if at % 20 == 10 && at >= 250 {
            let timestamp = (u32::MAX - 400).wrapping_add(since(250));
            rig.receive(at, Side::Right, CodecKind::Pcma, timestamp, &[0xd5 ^ 0x40; 160]);
        }
    }
    let sides = rig.finish(1500);
    assert_eq!(sides.left.len(), 12_000);
    assert_eq!(runs(&sides.left), [(800, 8000, 1052)]);
    let right = runs(&sides.right);
    assert_eq!((right[0].0, right[0].1, right.len()), (2000, 8000, 1));
}

#[test]
fn jitter_and_reordering_are_not_heard_and_losses_are_silence() {
    let mut rig = Rig::new();
    let jitter = [0u64, 35, 4, 27, 50, 0, 11, 40, 2, 19];
    let mut arriving: Vec<(u64, u32)> = (0..100u32)
        .filter(|n| !(40..45).contains(n))
        .map(|n| (u64::from(n) * 20 + jitter[n as usize % 10], n))
        .collect();
    arriving.sort_unstable();
    for (at, n) in arriving {
        rig.receive(at, Side::Left, CodecKind::Pcmu, n * 160, &level(844));
    }
    let sides = rig.finish(2000);
    assert_eq!(runs(&sides.left), [(0, 6400, 844), (7200, 8800, 844)]);
    assert!(sides.right.iter().all(|sample| *sample == 0));
}

#[test]
fn a_block_waits_for_the_late_and_then_is_closed() {
    let mut recorder = Recorder::new(START);
    let at = |ms: u64| START + ms * MS;
    recorder.receive(at(0), Side::Left, CodecKind::Pcmu, 0, &level(1052));
    assert_eq!(recorder.deadline(), at(300));
    assert!(recorder.poll(at(299)).is_none());
    // Said at 180 ms, arrives at 260 ms.
    recorder.receive(at(260), Side::Left, CodecKind::Pcmu, 1440, &level(844));
    let block = recorder.poll(at(300)).unwrap();
    assert_eq!(block[1440 * 4..1440 * 4 + 2], 844i16.to_le_bytes());
    // Too late: half of it lies in the closed block.
    recorder.receive(at(301), Side::Left, CodecKind::Pcmu, 1520, &level(1052));
    let rest = recorder.finish(at(400));
    assert_eq!(rest.len(), 1600 * 4);
    assert_eq!(rest[79 * 4..79 * 4 + 2], 1052i16.to_le_bytes());
    assert_eq!(rest[80 * 4..80 * 4 + 2], [0, 0]);
}

#[test]
fn a_new_timestamp_base_is_followed() {
    let mut rig = Rig::new();
    for n in 0..20u32 {
        rig.receive(u64::from(n) * 20, Side::Left, CodecKind::Pcmu, n * 160, &level(844));
    }
    // A transfer: another source, whose clock stands elsewhere.
    for n in 0..20u32 {
        rig.receive(
            400 + u64::from(n) * 20,
            Side::Left,
            CodecKind::Pcmu,
            9_000_000 + n * 160,
            &level(1052),
        );
    }
    // The clock stood still for a second of hold.
    for n in 20..60u32 {
        rig.receive(
            1400 + u64::from(n) * 20,
            Side::Left,
            CodecKind::Pcmu,
            9_000_000 + n * 160,
            &level(844),
        );
    }
    let sides = rig.finish(2700);
    let runs = runs(&sides.left);
    assert_eq!(runs[0], (0, 3200, 844));
    assert_eq!(runs[1], (3200, 3200, 1052));
    // Up to a tenth of a second until the stopped clock is understood.
    let (first, length, _) = runs[2];
    assert!((14_400..=15_300).contains(&first), "{runs:?}");
    assert_eq!(first + length, 20_800 + 160 - 160);
}

#[test]
fn a_stall_of_the_network_does_not_shift_what_follows() {
    let mut rig = Rig::new();
    for n in 0..100u32 {
        let at = u64::from(n) * 20;
        // Everything sent between 400 and 900 ms arrives at 900 ms.
        let at = if (400..900).contains(&at) { 900 } else { at };
        rig.receive(at, Side::Left, CodecKind::Pcmu, n * 160, &level(844));
    }
    let runs = runs(&rig.finish(2000).left);
    let last = runs.last().unwrap();
    assert_eq!(last.0 + last.1, 16_000);
    // What was said in the last 100 ms of the stall at least is there.
    assert!(last.0 <= 6400 + 800, "{runs:?}");
}

#[test]
fn a_slow_clock_is_placed_anew_now_and_then() {
    let mut rig = Rig::new();
    // 1 % slow: 600 ms behind after a minute.
    for n in 0..3000u32 {
        rig.receive(u64::from(n) * 202 / 10, Side::Right, CodecKind::Pcmu, n * 160, &level(844));
    }
    let right = rig.finish(60_600).right;
    let heard = right.iter().filter(|sample| **sample != 0).count();
    assert!(heard > 3000 * 160 - 9000, "{heard}");
    assert!(right[right.len() - 1600..].iter().any(|sample| *sample != 0));
}

#[test]
fn every_codec_is_recorded_at_8_khz() {
    for kind in [CodecKind::Pcma, CodecKind::G722, CodecKind::Opus] {
        let rate = strowger_media::codec::audio_rate(kind).unwrap();
        let pcm = tone(1000.0, rate, 8000.0, rate as usize * 2);
        let mut encoder = Encoder::new(kind).unwrap();
        let mut rig = Rig::new();
        for (n, frame) in pcm.chunks_exact(frame_samples(kind).unwrap()).enumerate() {
            let mut payload = Vec::new();
            encoder.encode(frame, &mut payload).unwrap();
            let timestamp = n as u32 * clock_rate(kind) / 50;
            rig.receive(n as u64 * 20, Side::Right, kind, timestamp, &payload);
        }
        let sides = rig.finish(2000);
        assert_eq!(sides.right.len(), 16_000);
        let (of_tone, rest) = fit(&sides.right[8000..], 1000.0, 8000);
        let snr = 10.0 * (of_tone / rest).log10();
        assert!(snr > if kind == CodecKind::Opus { 9.0 } else { 30.0 }, "{kind:?}: {snr:.1} dB");
        assert!(sides.left.iter().all(|sample| *sample == 0));
    }
}

#[test]
fn unknown_codecs_and_strange_packets_do_no_harm() {
    let mut rig = Rig::new();
    rig.receive(0, Side::Left, CodecKind::Other, 0, &[1; 20]);
    rig.receive(20, Side::Left, CodecKind::Pcmu, 160, &[]);
    rig.receive(40, Side::Left, CodecKind::Opus, 160, &[0xff; 1400]);
    rig.receive(60, Side::Left, CodecKind::Pcmu, 0x8000_0000, &[0; 1400]);
    // Nobody polls for an hour, then packets come again.
    rig.recorder.receive(START + 3_600_000 * MS, Side::Left, CodecKind::Pcmu, 5, &level(844));
    rig.recorder.receive(START - MS, Side::Right, CodecKind::Pcmu, 5, &level(844));
    assert_eq!(rig.finish(400).left.len(), 3200);
}
