//! Relaying: what passes, under which numbers, and who is heard.

use std::net::SocketAddr;

use proptest::prelude::*;
use strowger_media::codec::g711;
use strowger_media::order::{CodecKind, MediaEvent, Order, StreamId, StreamKind};
use strowger_media::session::{Dropped, Path, RELATCH_AFTER, Request};

use crate::lab::{Heard, Lab, MS, S, codec, config, events, header, pcma, pcmu, phone};

/// Says `count` packets of 20 ms from `sequence` on, and lets their time pass.
fn talk(lab: &mut Lab, n: u64, sequence: u16, count: u16) -> Vec<Heard> {
    let mut heard = Vec::new();
    for k in 0..count {
        let sequence = sequence.wrapping_add(k);
        let timestamp = u32::from(sequence).wrapping_mul(160);
        heard.extend(lab.say(n, header(0, sequence, timestamp, 77), &[k as u8; 160]));
        lab.pass(20 * MS);
    }
    heard
}

/// Numbers grow by one, timestamps by what has passed, under one SSRC.
fn assert_continuous(heard: &[&Heard]) {
    for pair in heard.windows(2) {
        let (one, two) = (&pair[0], &pair[1]);
        assert_eq!(two.header.ssrc, one.header.ssrc);
        assert_eq!(two.header.sequence, one.header.sequence.wrapping_add(1));
        let step = two.header.timestamp.wrapping_sub(one.header.timestamp);
        let passed = (two.at - one.at) / 125_000;
        assert!(step.abs_diff(passed as u32) <= 160, "{one:?} {two:?}");
        assert!(step > 0, "{one:?} {two:?}");
    }
}

#[test]
fn payloads_pass_under_our_own_numbers() {
    let mut lab = Lab::call(pcmu(), pcmu());
    let first = lab.say(1, header(0, 500, 8_000, 77), b"hello").unwrap();
    let second = lab.say(1, header(0, 501, 8_160, 77), b"there").unwrap();
    assert_eq!((first.to, &first.payload[..]), (phone(2), &b"hello"[..]));
    assert_eq!(second.header.sequence, first.header.sequence.wrapping_add(1));
    assert_eq!(second.header.timestamp, first.header.timestamp.wrapping_add(160));
    assert_eq!(first.header.ssrc, second.header.ssrc);
    assert_ne!(first.header.ssrc, 77);
    assert!(first.header.marker && !second.header.marker);
}

#[test]
fn g711_laws_are_converted_both_ways() {
    let mut lab = Lab::call(pcmu(), pcma());
    let all: Vec<u8> = (0..=255).collect();
    let to_a = lab.say(1, header(0, 1, 0, 7), &all).unwrap();
    assert_eq!(to_a.header.payload_type, 8);
    assert!(to_a.payload.iter().zip(&all).all(|(a, mu)| *a == g711::MU_TO_A[usize::from(*mu)]));
    let to_mu = lab.say(2, header(8, 1, 0, 7), &all).unwrap();
    assert_eq!(to_mu.header.payload_type, 0);
    assert!(to_mu.payload.iter().zip(&all).all(|(mu, a)| *mu == g711::A_TO_MU[usize::from(*a)]));
}

#[test]
fn a_codec_that_the_other_end_lacks_is_dropped_without_a_gap() {
    let mut wide = pcmu();
    wide.push(codec(CodecKind::ComfortNoise, "CN", 8_000, 13));
    let mut lab = Lab::call(wide, pcmu());
    let before = lab.say(1, header(0, 10, 0, 7), &[0; 160]).unwrap();
    assert_eq!(lab.say(1, header(13, 11, 160, 7), &[0]), Err(Dropped::Codec));
    assert_eq!(lab.say(1, header(99, 12, 320, 7), &[0]), Err(Dropped::Codec));
    let after = lab.say(1, header(0, 13, 480, 7), &[0; 160]).unwrap();
    assert_eq!(after.header.sequence.wrapping_sub(before.header.sequence), 1);
    assert_eq!(after.header.timestamp.wrapping_sub(before.header.timestamp), 480);
}

#[test]
fn loss_and_reordering_stay_visible_to_the_receiver() {
    let mut lab = Lab::call(pcmu(), pcmu());
    let numbers: Vec<u16> = [65_534_u16, 65_535, 1, 0, 4]
        .into_iter()
        .map(|sequence| lab.say(1, header(0, sequence, 0, 7), &[0; 160]).unwrap().header.sequence)
        .collect();
    let steps: Vec<u16> = numbers.iter().map(|number| number.wrapping_sub(numbers[0])).collect();
    assert_eq!(steps, [0, 1, 3, 2, 6]);
}

#[test]
fn a_change_of_source_continues_the_numbers() {
    let mut lab = Lab::call(pcmu(), pcmu());
    lab.open(3, StreamKind::Audio, pcmu());
    talk(&mut lab, 1, 100, 10);
    lab.order(Order::Bridge { a: StreamId(3), b: StreamId(2) });
    assert_eq!(lab.say(1, header(0, 110, 0, 7), &[0]), Err(Dropped::Nowhere));
    talk(&mut lab, 3, 40_000, 10);
    lab.pass(3 * S);
    lab.order(Order::Bridge { a: StreamId(1), b: StreamId(2) });
    talk(&mut lab, 1, 111, 10);
    let heard = lab.heard_at(2);
    assert_eq!(heard.len(), 30);
    assert_continuous(&heard);
    let marked: Vec<usize> = (0..30).filter(|n| heard[*n].header.marker).collect();
    assert_eq!(marked, [0, 10, 20]);
}

#[test]
fn a_peer_that_starts_anew_does_not_break_the_other_ends_numbers() {
    let mut lab = Lab::call(pcmu(), pcmu());
    talk(&mut lab, 1, 100, 5);
    for (sequence, ssrc) in [(9_000, 8), (9_001, 8)] {
        lab.say(1, header(0, sequence, 0, ssrc), &[0; 160]).unwrap();
        lab.pass(20 * MS);
    }
    assert_eq!(lab.say(1, header(0, 30_000, 160, 8), &[0]), Err(Dropped::Stray));
    lab.say(1, header(0, 30_001, 320, 8), &[0; 160]).unwrap();
    let heard = lab.heard_at(2);
    let last = heard.len() - 1;
    assert_eq!(last, 7);
    assert_eq!(heard[last].header.sequence.wrapping_sub(heard[0].header.sequence), 7);
}

#[test]
fn directions_are_obeyed() {
    let mut lab = Lab::call(pcmu(), pcmu());
    let mut held = config(2, pcmu());
    held.send = false;
    held.receive = false;
    lab.configure(2, held);
    assert_eq!(lab.say(1, header(0, 1, 0, 7), &[0]), Err(Dropped::Nowhere));
    assert_eq!(lab.say(2, header(0, 1, 0, 7), &[0]), Err(Dropped::Held));
    lab.configure(2, config(2, pcmu()));
    assert!(lab.say(1, header(0, 2, 160, 7), &[0]).is_ok());
    assert!(lab.say(2, header(0, 2, 160, 7), &[0]).is_ok());
}

#[test]
fn the_record_names_what_was_heard_last_even_after_a_new_description() {
    let mut lab = Lab::call(pcmu(), pcmu());
    talk(&mut lab, 1, 1, 1);
    let mut more = pcma();
    more.extend(pcmu());
    lab.configure(1, config(1, more));
    lab.order(Order::Close { stream: StreamId(1) });
    let Some(MediaEvent::Closed { report, .. }) = lab.events.last() else {
        panic!("{:?}", lab.events)
    };
    assert_eq!(report.codec.as_deref(), Some("PCMU"));
}

#[test]
fn an_echo_comes_back_under_our_numbers() {
    let mut lab = Lab::new();
    lab.open(1, StreamKind::Audio, pcmu());
    lab.order(Order::Echo { stream: StreamId(1) });
    for n in 0..3 {
        let heard = lab.say(1, header(0, n, u32::from(n) * 160, 7), &[n as u8; 160]).unwrap();
        assert_eq!((heard.to, heard.payload), (phone(1), vec![n as u8; 160]));
        assert_ne!(heard.header.ssrc, 7);
    }
    lab.order(Order::Unbridge { stream: StreamId(1) });
    assert_eq!(lab.say(1, header(0, 3, 480, 7), &[0]), Err(Dropped::Nowhere));
}

#[test]
fn strangers_are_counted_and_never_heard() {
    let mut lab = Lab::call(pcmu(), pcmu());
    let stranger = SocketAddr::from(([127, 0, 0, 1], 666));
    talk(&mut lab, 1, 1, 1);
    let connect =
        |request: &Request| matches!(request, Request::Connect { to, .. } if *to == phone(1));
    assert!(lab.requests.iter().any(connect));
    for n in 0..200 {
        let refused = lab.say_from(1, stranger, header(0, n, 0, 7), &[0]);
        assert_eq!(refused, Err(Dropped::Refused));
        assert_eq!(talk(&mut lab, 1, n + 2, 1).len(), 1);
    }
    assert_eq!(lab.say(2, header(0, 1, 0, 7), &[0]).unwrap().to, phone(1));
    lab.order(Order::Close { stream: StreamId(1) });
    let Some(MediaEvent::Closed { report, .. }) = lab.events.last() else {
        panic!("{:?}", lab.events)
    };
    assert_eq!((report.packets_refused, report.packets_received), (200, 201));
}

#[test]
fn after_silence_the_kernel_may_hear_others_again_and_a_moved_phone_is_followed() {
    let mut lab = Lab::call(pcmu(), pcmu());
    talk(&mut lab, 1, 1, 5);
    lab.requests.clear();
    lab.pass(RELATCH_AFTER + S);
    assert!(matches!(lab.requests[..], [Request::Disconnect { .. }]));
    let moved = SocketAddr::from(([127, 0, 0, 1], 9_999));
    assert!(lab.say_from(1, moved, header(0, 6, 960, 77), &[0; 160]).is_ok());
    assert!(lab.events.contains(&MediaEvent::Latched { stream: StreamId(1), from: moved }));
    assert_eq!(lab.say(2, header(0, 1, 0, 7), &[0]).unwrap().to, moved);
}

#[test]
fn silence_is_reported_once_and_again_after_speech() {
    let mut lab = Lab::call(pcmu(), pcmu());
    let mut limited = config(1, pcmu());
    limited.silence_limit = Some(10 * S);
    lab.configure(1, limited);
    lab.pass(60 * S);
    talk(&mut lab, 1, 1, 1);
    lab.pass(9 * S);
    let silent = MediaEvent::Silent { stream: StreamId(1) };
    assert_eq!(lab.events.iter().filter(|event| **event == silent).count(), 1);
    lab.pass(2 * S);
    assert_eq!(lab.events.iter().filter(|event| **event == silent).count(), 2);
}

#[test]
fn other_datagrams_pass_untouched() {
    let mut lab = Lab::new();
    for n in [1, 2] {
        lab.open(n, StreamKind::Other, Vec::new());
    }
    lab.order(Order::Bridge { a: StreamId(1), b: StreamId(2) });
    let fax = header(44, 3, 2, 1);
    let heard = lab.say(1, fax, b"t38").unwrap();
    assert_eq!((heard.header, &heard.payload[..]), (fax, &b"t38"[..]));
}

#[test]
fn a_stream_on_a_taken_port_and_orders_for_streams_that_are_gone_end_cleanly() {
    let mut lab = Lab::new();
    lab.open(1, StreamKind::Audio, pcmu());
    let port = strowger_media::order::PortId(1);
    lab.order(Order::Open { stream: StreamId(9), port, kind: StreamKind::Audio });
    assert!(matches!(lab.events[..], [MediaEvent::Closed { stream: StreamId(9), .. }]));
    assert!(!lab.requests.contains(&Request::Release { port }));
    lab.order(Order::Close { stream: StreamId(1) });
    assert!(lab.requests.contains(&Request::Release { port }));
    lab.order(Order::Bridge { a: StreamId(1), b: StreamId(9) });
    lab.order(Order::Echo { stream: StreamId(1) });
    assert_eq!(lab.say(1, header(0, 1, 0, 7), &[0]), Err(Dropped::NoStream));
    assert_eq!(lab.engine.next_deadline(), None);
}

#[test]
fn plain_relaying_is_a_rule_and_anything_else_is_not() {
    let mut lab = Lab::call(pcmu(), pcmu());
    assert_eq!(lab.engine.path(lab.now, StreamId(1)), Path::Process);
    let sent = lab.say(1, header(0, 10, 1_000, 7), &[0; 160]).unwrap();
    let Path::Forward(rule) = lab.engine.path(lab.now, StreamId(1)) else { panic!("no rule") };
    assert_eq!((rule.from, rule.to, rule.ssrc), (phone(1), phone(2), sent.header.ssrc));
    assert_eq!(rule.payload_types, [(0, 0)]);
    let next = lab.say(1, header(0, 11, 1_160, 7), &[0; 160]).unwrap();
    assert_eq!(next.header.sequence, 11_u16.wrapping_add(rule.sequence_offset));
    assert_eq!(next.header.timestamp, 1_160_u32.wrapping_add(rule.timestamp_offset));
    lab.order(Order::Unbridge { stream: StreamId(1) });
    assert_eq!(lab.engine.path(lab.now, StreamId(1)), Path::Process);
}

#[test]
fn events_are_rescaled_and_keep_to_the_targets_clock() {
    let opus = codec(CodecKind::Opus, "opus", 48_000, 111);
    let mut lab =
        Lab::call(vec![opus.clone(), events(48_000, 110)], vec![opus, events(8_000, 101)]);
    lab.say(1, header(111, 1, 0, 7), &[0; 80]).unwrap();
    lab.pass(20 * MS);
    let event = |duration: u16| {
        let [high, low] = duration.to_be_bytes();
        [5, 10, high, low]
    };
    let one = lab.say(1, header(110, 2, 960, 7), &event(4_800)).unwrap();
    lab.pass(20 * MS);
    let two = lab.say(1, header(110, 3, 960, 7), &event(9_600)).unwrap();
    assert_eq!((one.header.payload_type, &one.payload[..]), (101, &event(800)[..]));
    assert_eq!(&two.payload[..], &event(1_600)[..]);
    assert_eq!(one.header.timestamp, two.header.timestamp);
    assert_eq!(two.header.sequence, one.header.sequence.wrapping_add(1));
    let first = lab.heard_at(2)[0];
    assert_eq!(one.header.timestamp.wrapping_sub(first.header.timestamp), 960);
}

#[derive(Debug, Clone)]
enum Act {
    Say { stream: u64, jump: u16, known: bool },
    Bridge { a: u64, b: u64 },
    Unbridge { stream: u64 },
    Wait { ms: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    let stream = 1..=4_u64;
    prop_oneof![
        8 => (stream.clone(), 0..4_u16, any::<bool>())
            .prop_map(|(stream, jump, known)| Act::Say { stream, jump, known }),
        1 => (stream.clone(), 1..=4_u64).prop_map(|(a, b)| Act::Bridge { a, b }),
        1 => stream.prop_map(|stream| Act::Unbridge { stream }),
        4 => (0..100_u64).prop_map(|ms| Act::Wait { ms }),
    ]
}

proptest! {
    /// Whatever is bridged when: each phone hears one SSRC, whose numbers only go forward.
    #[test]
    fn numbers_never_go_back(acts in proptest::collection::vec(act(), 1..200)) {
        let mut lab = Lab::new();
        for n in 1..=4 {
            lab.open(n, StreamKind::Audio, pcmu());
        }
        let mut sequences = [60_000_u16; 5];
        for act in acts {
            match act {
                Act::Say { stream, jump, known } => {
                    let sequence = &mut sequences[stream as usize];
                    *sequence = sequence.wrapping_add(jump + 1);
                    let timestamp = (lab.now / 125_000) as u32;
                    let pt = if known { 0 } else { 50 };
                    let header = header(pt, *sequence, timestamp, stream as u32);
                    // It may go nowhere.
                    let _ = lab.say(stream, header, &[0; 160]);
                }
                Act::Bridge { a, b } => lab.order(Order::Bridge { a: StreamId(a), b: StreamId(b) }),
                Act::Unbridge { stream } => lab.order(Order::Unbridge { stream: StreamId(stream) }),
                Act::Wait { ms } => lab.pass(ms * MS),
            }
        }
        for n in 1..=4 {
            let heard = lab.heard_at(n);
            for pair in heard.windows(2) {
                prop_assert_eq!(pair[0].header.ssrc, pair[1].header.ssrc);
                let step = pair[1].header.sequence.wrapping_sub(pair[0].header.sequence);
                prop_assert!((1..1_000).contains(&step), "{}", step);
            }
        }
    }
}
