//! A program on a mix's line: it hears what members say, and members hear it, in every codec.

use strowger_media::order::{CodecKind, MixId, Order, StreamCodec, StreamId, StreamKind, Voices};
use strowger_media::session::{LINE_MOST, Request};

use crate::lab::{Lab, MS, pcma, pcmu};
use crate::tones::{Singer, assert_continuous, assert_hears, g722, opus, power, sing};

const MIX: MixId = MixId(3);
const PHONE: Voices = Voices(1);
const PROGRAM: Voices = Voices(2);
const OWN: f64 = 440.0;
const OTHER: f64 = 1_250.0;

/// A phone whose voice goes to a program and that hears the program only.
fn connected(codecs: Vec<StreamCodec>) -> (Lab, Vec<Singer>) {
    let mut lab = Lab::new();
    let singers = vec![Singer::new(1, OWN, &codecs)];
    lab.open(1, StreamKind::Audio, codecs);
    lab.order(Order::Mix { stream: StreamId(1), mix: MIX, speaks: PHONE, hears: PROGRAM });
    lab.order(Order::ConnectLine { mix: MIX, speaks: PROGRAM, hears: PHONE });
    (lab, singers)
}

/// What the program was told since the last time.
fn told(lab: &mut Lab) -> Vec<Vec<u8>> {
    let frame = |request| match request {
        Request::LineFrame { mix: MIX, frame } => Some(frame),
        _ => None,
    };
    std::mem::take(&mut lab.requests).into_iter().filter_map(frame).collect()
}

fn pcm(frames: &[Vec<u8>]) -> Vec<i16> {
    let samples = frames.iter().flat_map(|frame| frame.chunks_exact(2));
    samples.map(|two| i16::from_le_bytes([two[0], two[1]])).collect()
}

fn tone(samples: std::ops::Range<usize>, hz: f64) -> Vec<u8> {
    let step = std::f64::consts::TAU * hz / 8_000.0;
    samples.flat_map(|n| (((n as f64 * step).sin() * 6_000.0) as i16).to_le_bytes()).collect()
}

#[test]
fn a_phone_hears_its_own_tone_from_a_program_that_says_what_it_is_told() {
    for codecs in [pcmu(), pcma(), g722(), opus()] {
        let kind = codecs[0].kind;
        let (mut lab, mut singers) = connected(codecs);
        for _ in 0..150 {
            sing(&mut lab, &mut singers, 1);
            for frame in told(&mut lab) {
                assert_eq!(frame.len(), 320, "20 ms at 8 kHz");
                lab.engine.line_says(MIX, &frame);
            }
        }
        assert_hears(&lab, 1, kind, &[OWN], &[OTHER, 900.0, 2_000.0]);
        let step = if kind == CodecKind::Opus { 960 } else { 160 };
        assert_continuous(&lab.heard_at(1), step);
    }
}

#[test]
fn program_and_phone_hear_each_other_and_not_themselves() {
    for codecs in [pcmu(), g722()] {
        let kind = codecs[0].kind;
        let (mut lab, mut singers) = connected(codecs);
        let mut frames = Vec::new();
        for n in 0..120 {
            lab.engine.line_says(MIX, &tone(n * 160..(n + 1) * 160, OTHER));
            sing(&mut lab, &mut singers, 1);
            frames.extend(told(&mut lab));
        }
        assert_hears(&lab, 1, kind, &[OTHER], &[OWN]);
        assert!((118..=120).contains(&frames.len()), "one each 20 ms: {}", frames.len());
        let heard = pcm(&frames[70..]);
        let (own, other) = (power(&heard, OWN, 8_000.0), power(&heard, OTHER, 8_000.0));
        assert!(own > -25.0 && other < own - 30.0, "{own} {other}");
    }
}

#[test]
fn speech_that_comes_at_once_is_heard_in_its_time_until_it_is_hushed() {
    let (mut lab, mut singers) = connected(pcmu());
    lab.engine.line_says(MIX, &tone(0..5 * 8_000, OTHER));
    sing(&mut lab, &mut singers, 100);
    assert_hears(&lab, 1, CodecKind::Pcmu, &[OTHER], &[OWN]);
    lab.engine.line_hushes(MIX);
    sing(&mut lab, &mut singers, 60);
    let (pcm, _) = crate::tones::samples(CodecKind::Pcmu, &lab.heard_at(1)[110..]);
    assert!(pcm.iter().all(|sample| sample.abs() < 16), "silence, and it goes on");
}

#[test]
fn more_than_half_a_minute_does_not_wait() {
    let (mut lab, mut singers) = connected(pcmu());
    for second in 0..60 {
        lab.engine.line_says(MIX, &tone(second * 8_000..(second + 1) * 8_000, OTHER));
    }
    sing(&mut lab, &mut singers, LINE_MOST / 160 - 20);
    assert_hears(&lab, 1, CodecKind::Pcmu, &[OTHER], &[OWN]);
    lab.heard.clear();
    sing(&mut lab, &mut singers, 80);
    let (pcm, _) = crate::tones::samples(CodecKind::Pcmu, &lab.heard_at(1)[25..]);
    assert!(pcm.iter().all(|sample| sample.abs() < 16), "the rest was dropped");
}

#[test]
fn the_line_ends_with_its_mix() {
    let (mut lab, mut singers) = connected(pcmu());
    sing(&mut lab, &mut singers, 10);
    assert!(!told(&mut lab).is_empty());
    lab.order(Order::Unmix { stream: StreamId(1) });
    lab.engine.line_says(MIX, &tone(0..8_000, OTHER));
    let heard = lab.heard_at(1).len();
    lab.pass(500 * MS);
    assert!(told(&mut lab).is_empty());
    assert_eq!(lab.heard_at(1).len(), heard);
}
