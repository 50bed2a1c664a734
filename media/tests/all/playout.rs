//! The playout under loss, jitter, reordering and clocks that differ.

use proptest::prelude::*;
use strowger_media::codec::Encoder;
use strowger_media::order::CodecKind;
use strowger_media::playout::{Playout, Taken};

use crate::lab::{MS, header};
use crate::tones::power;

const HZ: f64 = 440.0;

/// Packets of a tone in one codec.
struct Source {
    kind: CodecKind,
    encoder: Encoder,
    sent: u32,
}

impl Source {
    fn new(kind: CodecKind) -> Self {
        Self { kind, encoder: Encoder::new(kind).unwrap(), sent: 0 }
    }

    fn payload(&mut self) -> Vec<u8> {
        let rate = strowger_media::codec::audio_rate(self.kind).unwrap();
        let samples = rate / 50;
        let first = self.sent * samples;
        let step = std::f64::consts::TAU * HZ / f64::from(rate);
        let tone = first..first + samples;
        let tone: Vec<i16> = tone.map(|n| ((f64::from(n) * step).sin() * 8_000.0) as i16).collect();
        self.sent += 1;
        let mut payload = Vec::new();
        self.encoder.encode(&tone, &mut payload).unwrap();
        payload
    }
}

/// A packet's fate.
#[derive(Debug, Clone, Copy)]
struct Fate {
    lost: bool,
    delay_ms: u64,
}

struct Outcome {
    pcm: Vec<i16>,
    waited: Vec<u32>,
    playout: Playout,
}

/// Sends packets every `interval` ns with their fates and takes 20 ms every 20 ms.
fn run(kind: CodecKind, interval: u64, fates: &[Fate]) -> Outcome {
    let clock = strowger_media::codec::clock_rate(kind);
    let mut source = Source::new(kind);
    let mut arrivals: Vec<(u64, u32, Vec<u8>)> = Vec::new();
    for (n, fate) in (0..).zip(fates) {
        let payload = source.payload();
        if !fate.lost {
            let sent = 1_000 * MS + u64::from(n) * interval;
            arrivals.push((sent + fate.delay_ms * MS, n, payload));
        }
    }
    arrivals.sort_by_key(|arrival| arrival.0);
    let mut arrivals = arrivals.into_iter().peekable();
    let mut playout = Playout::default();
    let (mut pcm, mut waited, mut frame) = (Vec::new(), Vec::new(), Vec::new());
    let mut now = 1_005 * MS;
    let end = now + fates.len() as u64 * interval;
    while now < end {
        while let Some((at, n, payload)) = arrivals.next_if(|arrival| arrival.0 <= now) {
            let header = header(0, n as u16, n.wrapping_mul(clock / 50), 1);
            playout.put(at, (kind, clock), &header, &payload);
        }
        if playout.take(now, &mut frame) == Taken::Sound {
            pcm.extend_from_slice(&frame);
        }
        waited.push(playout.waiting_ms());
        now += 20 * MS;
    }
    Outcome { pcm, waited, playout }
}

fn steady(count: usize) -> Vec<Fate> {
    vec![Fate { lost: false, delay_ms: 5 }; count]
}

#[test]
fn an_even_stream_is_played_whole_and_little_waits() {
    for kind in [CodecKind::Pcmu, CodecKind::Pcma, CodecKind::G722, CodecKind::Opus] {
        let outcome = run(kind, 20 * MS, &steady(500));
        assert_eq!(outcome.playout.counts().concealed, 0);
        assert_eq!(outcome.playout.counts().left_out, 0);
        assert!(outcome.waited.iter().all(|ms| *ms <= 40), "{:?}", outcome.waited.iter().max());
    }
}

#[test]
fn a_peer_that_numbers_anew_begins_with_nothing_of_what_was_before() {
    let mut playout = Playout::default();
    let mut frame = Vec::new();
    playout.put(0, (CodecKind::ComfortNoise, 8_000), &header(13, 1, 160, 1), &[40]);
    assert!(matches!(playout.take(200 * MS, &mut frame), Taken::Noise(40)));
    assert!(matches!(playout.take(220 * MS, &mut frame), Taken::Noise(40)));
    playout.restart();
    assert_eq!(playout.take(240 * MS, &mut frame), Taken::Nothing);

    // A packet of 30 ms leaves 10 behind.
    playout.put(300 * MS, (CodecKind::Pcmu, 8_000), &header(0, 2, 320, 1), &[0x10; 240]);
    assert_eq!(playout.take(400 * MS, &mut frame), Taken::Sound);
    playout.restart();
    playout.put(500 * MS, (CodecKind::Pcmu, 8_000), &header(0, 90, 320, 2), &[0xff; 160]);
    assert_eq!(playout.take(600 * MS, &mut frame), Taken::Sound);
    assert!(frame.iter().all(|sample| sample.abs() < 16), "{frame:?}");
}

#[test]
fn a_clock_that_differs_by_200_ppm_neither_fills_nor_starves_the_buffer() {
    // Four minutes: 48 ms of difference.
    for interval in [20 * MS - 4_000, 20 * MS + 4_000] {
        let outcome = run(CodecKind::Pcmu, interval, &steady(12_000));
        let late = &outcome.waited[11_000..];
        assert!(late.iter().all(|ms| *ms <= 60), "{:?}", late.iter().max());
        let counts = outcome.playout.counts();
        assert!(counts.concealed <= 160 * 8 && counts.left_out <= 160 * 8, "{counts:?}");
        assert_eq!(counts.late, 0);
    }
}

#[test]
fn a_tone_with_five_percent_loss_is_still_a_tone() {
    for kind in [CodecKind::Pcmu, CodecKind::G722, CodecKind::Opus] {
        let mut fates = steady(500);
        for n in (7..500).step_by(20) {
            fates[n].lost = true;
        }
        let outcome = run(kind, 20 * MS, &fates);
        let rate = f64::from(strowger_media::codec::audio_rate(kind).unwrap());
        let pcm = &outcome.pcm[outcome.pcm.len() / 4..];
        let square: f64 = pcm.iter().map(|s| (f64::from(*s) / 32_768.0).powi(2)).sum();
        let all = 10.0 * (2.0 * square / pcm.len() as f64).log10();
        // Most of the power is the tone's, and none of the second is silent.
        assert!(power(pcm, HZ, rate) > all - 3.0, "{kind:?}: {} {all}", power(pcm, HZ, rate));
        for piece in pcm.chunks_exact(rate as usize / 50) {
            let square: f64 = piece.iter().map(|s| f64::from(*s).powi(2)).sum();
            let level = (square / piece.len() as f64).sqrt();
            // The decoder of Opus lets what it conceals fade earlier.
            let least = if kind == CodecKind::Opus { 600.0 } else { 2_000.0 };
            assert!(level > least, "{kind:?} falls to {level}");
        }
    }
}

#[test]
fn a_burst_after_a_pause_leaves_no_delay_behind() {
    let mut fates = steady(1_000);
    for (n, fate) in fates.iter_mut().enumerate().skip(100).take(20) {
        fate.delay_ms = 5 + (120 - n as u64) * 20;
    }
    let outcome = run(CodecKind::Pcmu, 20 * MS, &fates);
    assert!(outcome.waited.iter().all(|ms| *ms <= 240), "{:?}", outcome.waited.iter().max());
    let last = outcome.waited.last().unwrap();
    assert!(*last <= 60, "{last} ms still wait");
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate =
        (0..100u32, 0..150u64).prop_map(|(chance, delay_ms)| Fate { lost: chance < 15, delay_ms });
    proptest::collection::vec(fate, 50..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_the_buffer_keeps_its_bounds(fates in fates(), opus in any::<bool>()) {
        let kind = if opus { CodecKind::G722 } else { CodecKind::Pcma };
        let outcome = run(kind, 20 * MS, &fates);
        prop_assert!(outcome.waited.iter().all(|ms| *ms <= 660), "{:?}", outcome.waited.iter().max());
        prop_assert!(!outcome.pcm.is_empty());
        // It never plays more than time has passed.
        let rate = strowger_media::codec::audio_rate(kind).unwrap() as usize;
        prop_assert!(outcome.pcm.len() <= (fates.len() + 1) * rate / 50);
    }

    #[test]
    fn jitter_below_the_delay_costs_nothing_once_it_is_known(seed in any::<u64>()) {
        let delay = |n: u64| (seed.wrapping_mul(6_364_136_223_846_793_005).rotate_left(n as u32 % 64) ^ n) % 30;
        let fates: Vec<Fate> =
            (0..600).map(|n| Fate { lost: false, delay_ms: delay(n) }).collect();
        let outcome = run(CodecKind::Pcmu, 20 * MS, &fates);
        prop_assert!(outcome.playout.counts().late <= 3, "{:?}", outcome.playout.counts());
        prop_assert!(outcome.playout.counts().concealed <= 160 * 8, "{:?}", outcome.playout.counts());
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(
        packets in proptest::collection::vec((any::<u16>(), any::<u32>(), 0..5u8, proptest::collection::vec(any::<u8>(), 0..200)), 1..100)
    ) {
        let kinds = [CodecKind::Pcmu, CodecKind::G722, CodecKind::Opus, CodecKind::ComfortNoise, CodecKind::Other];
        let mut playout = Playout::default();
        let mut frame = Vec::new();
        let mut now = MS;
        for (sequence, timestamp, kind, payload) in packets {
            let header = header(0, sequence % 64, timestamp, 1);
            playout.put(now, (kinds[usize::from(kind)], 8_000), &header, &payload);
            playout.take(now, &mut frame);
            prop_assert!(frame.len() <= 320);
            now += 20 * MS;
        }
    }
}
