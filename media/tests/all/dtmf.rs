//! Telephone events: sent, lost, repeated, reordered, heard.

use proptest::prelude::*;
use strowger_media::dtmf::{
    EventPacket, KeyPress, MAX_QUEUE, Receiver, Sender, digit_of, event_of, rescale,
};

const MS: u64 = 1_000_000;

/// Everything that a sender says, with the time of each packet in ms.
fn send(clock_rate: u32, digits: &str, duration_ms: u16) -> Vec<(u64, EventPacket)> {
    let mut sender = Sender::new(clock_rate, duration_ms);
    assert_eq!(sender.push(digits), 0);
    let mut packets = Vec::new();
    let mut at = 0;
    // The clock wraps on the way.
    let start = u32::MAX - clock_rate / 3;
    while !sender.is_idle() {
        let timestamp = start.wrapping_add((at as u32) * (clock_rate / 1000));
        packets.extend(sender.tick(timestamp).map(|packet| (at, packet)));
        at += 20;
        assert!(at < 600_000, "the sender never ends");
    }
    packets
}

fn hear(clock_rate: u32, packets: &[(u64, EventPacket)]) -> Vec<KeyPress> {
    let mut receiver = Receiver::new(clock_rate);
    let mut heard = Vec::new();
    for (at, packet) in packets {
        let now = at * MS;
        heard.extend(receiver.poll(now));
        heard.extend(receiver.receive(now, packet.timestamp, &packet.payload));
    }
    while let Some(deadline) = receiver.deadline() {
        heard.extend(receiver.poll(deadline));
    }
    heard
}

fn digits(heard: &[KeyPress]) -> String {
    heard.iter().map(|press| press.digit).collect()
}

#[test]
fn codes_and_characters_belong_together() {
    for (event, digit) in "0123456789*#ABCD".chars().enumerate() {
        assert_eq!(digit_of(event as u8), Some(digit));
        assert_eq!(event_of(digit), Some(event as u8));
    }
    assert_eq!(event_of('d'), Some(15));
    assert_eq!((digit_of(16), event_of('x')), (None, None));
}

#[test]
fn an_event_has_a_mark_updates_and_three_ends() {
    let packets = send(8000, "5", 100);
    let seen: Vec<_> = packets
        .iter()
        .map(|(at, p)| {
            (
                *at,
                p.marker,
                p.payload[1] & 0x80 != 0,
                u16::from_be_bytes([p.payload[2], p.payload[3]]),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (0, true, false, 160),
            (20, false, false, 320),
            (40, false, false, 480),
            (60, false, false, 640),
            (80, false, true, 800),
            (100, false, true, 800),
            (120, false, true, 800),
        ]
    );
    assert!(
        packets.iter().all(|(_, p)| p.timestamp == packets[0].1.timestamp && p.payload[0] == 5)
    );
}

#[test]
fn digits_follow_each_other_with_a_pause() {
    let packets = send(8000, "11", 100);
    let starts: Vec<u64> = packets.iter().filter(|(_, p)| p.marker).map(|(at, _)| *at).collect();
    // 100 ms of tone, two repetitions of its end that overlap the silence, and 40 ms more.
    assert_eq!(starts, [0, 180]);
    let heard = hear(8000, &packets);
    assert_eq!(heard, [KeyPress { digit: '1', duration_ms: 100 }; 2]);
}

#[test]
fn a_key_is_heard_once_whatever_is_lost() {
    let packets = send(8000, "7", 120);
    // Every way to lose some of the packets, but not all.
    for kept in 1u32..1 << packets.len() {
        let some: Vec<_> = packets
            .iter()
            .enumerate()
            .filter(|(place, _)| kept & 1 << place != 0)
            .map(|(_, packet)| *packet)
            .collect();
        let heard = hear(8000, &some);
        assert_eq!(digits(&heard), "7", "{kept:b}");
        assert!((20..=120).contains(&heard[0].duration_ms));
    }
}

#[test]
fn a_long_key_goes_on_in_segments() {
    for (clock_rate, expected) in [(8000, 1), (48_000, 4)] {
        let packets = send(clock_rate, "9", 5000);
        let mut segments: Vec<u32> = packets.iter().map(|(_, p)| p.timestamp).collect();
        segments.dedup();
        assert_eq!(segments.len(), expected, "{clock_rate}");
        assert_eq!(packets.iter().filter(|(_, p)| p.marker).count(), 1);
        assert_eq!(hear(clock_rate, &packets), [KeyPress { digit: '9', duration_ms: 5000 }]);
        // The last packet of a segment and the first of the next get lost.
        let holes: Vec<_> =
            packets.iter().enumerate().filter(|(n, _)| n % 5 != 0).map(|(_, p)| *p).collect();
        let heard = hear(clock_rate, &holes);
        assert_eq!((digits(&heard).as_str(), heard[0].duration_ms), ("9", 5000));
    }
}

#[test]
fn stragglers_and_repetitions_say_nothing() {
    let packets = send(8000, "42", 100);
    let mut shuffled: Vec<_> = packets.clone();
    shuffled.extend_from_slice(&packets);
    shuffled.extend(packets.iter().rev());
    assert_eq!(digits(&hear(8000, &shuffled)), "42");
}

#[test]
fn a_new_source_with_another_clock_is_heard() {
    let mut receiver = Receiver::new(8000);
    assert!(receiver.receive(0, 4_000_000_000, &[3, 0x8a, 3, 0x20]).is_some());
    assert!(receiver.receive(MS, 4_000_000_000, &[3, 0x8a, 3, 0x20]).is_none());
    let press = receiver.receive(2 * MS, 1_000_000, &[4, 0x8a, 3, 0x20]);
    assert_eq!(press, Some(KeyPress { digit: '4', duration_ms: 100 }));
}

#[test]
fn what_is_no_key_is_followed_in_silence() {
    let mut receiver = Receiver::new(8000);
    // Flash, and a payload that is too short.
    assert_eq!(receiver.receive(0, 100, &[16, 0x8a, 3, 0x20]), None);
    assert_eq!(receiver.receive(0, 9000, &[1, 0x8a, 3]), None);
    assert_eq!(receiver.deadline(), None);
}

#[test]
fn the_queue_is_bounded() {
    let mut sender = Sender::new(8000, 100);
    assert_eq!(sender.push(&"1".repeat(MAX_QUEUE + 5)), 5);
    assert_eq!(sender.push("x?"), 0);
}

#[test]
fn durations_are_rescaled_and_capped() {
    let mut payload = [5, 0x8a, 0x03, 0x20];
    rescale(&mut payload, 8000, 48_000);
    assert_eq!(payload, [5, 0x8a, 0x12, 0xc0]);
    rescale(&mut payload, 48_000, 8000);
    assert_eq!(payload, [5, 0x8a, 0x03, 0x20]);
    let mut long = [5, 0x0a, 0xff, 0xff];
    rescale(&mut long, 8000, 48_000);
    assert_eq!(long, [5, 0x0a, 0xff, 0xff]);
    rescale(&mut [1, 2], 8000, 48_000);
}

#[derive(Clone, Debug)]
struct Fate {
    lost: bool,
    copies: usize,
    delay: u64,
}

fn fates(loss: u32) -> impl Strategy<Value = Vec<Fate>> {
    let fate = (0u32..100, 1usize..3, 0u64..60).prop_map(move |(dice, copies, delay)| Fate {
        lost: dice < loss,
        copies,
        delay,
    });
    prop::collection::vec(fate, 400)
}

proptest! {
    #[test]
    fn one_press_a_digit_under_loss_repetition_and_reordering(
        text in "[0-9*#A-D]{1,12}",
        duration in 60u16..400,
        clock in prop::sample::select(vec![8000u32, 48_000]),
        fates in fates(25),
    ) {
        let sent = send(clock, &text, duration);
        let mut arriving = Vec::new();
        let mut arrived = std::collections::BTreeMap::new();
        for (place, (at, packet)) in sent.iter().enumerate() {
            let fate = &fates[place % fates.len()];
            if !fate.lost {
                *arrived.entry(packet.timestamp).or_insert(0) += 1;
                for copy in 0..fate.copies {
                    arriving.push((at + fate.delay + copy as u64, *packet));
                }
            }
        }
        arriving.sort_by_key(|(at, _)| *at);
        let heard = hear(clock, &arriving);
        // An event of which nothing arrived at all cannot be heard; no other may be missing.
        let mut starts: Vec<u32> = sent.iter().map(|(_, p)| p.timestamp).collect();
        starts.dedup();
        let expected: String = text
            .chars()
            .zip(&starts)
            .filter(|(_, start)| arrived.contains_key(*start))
            .map(|(digit, _)| digit)
            .collect();
        prop_assert_eq!(digits(&heard), expected);
        for press in heard {
            prop_assert!(press.duration_ms <= duration && press.duration_ms >= 20);
        }
    }
}
