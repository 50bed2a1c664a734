//! Bridges whose ends share no codec.

use strowger_media::order::{CodecKind, Order, StreamCodec, StreamId};

use crate::lab::{Lab, MS, codec, config, events, header, pcma, pcmu};
use crate::tones::{Singer, assert_continuous, assert_hears, g722, opus, sing};

fn bridge(a: Vec<StreamCodec>, b: Vec<StreamCodec>) -> (Lab, [Singer; 2]) {
    let singers = [Singer::new(1, 440.0, &a), Singer::new(2, 1_000.0, &b)];
    (Lab::call(a, b), singers)
}

#[test]
fn tones_cross_between_all_codecs_that_share_nothing() {
    let pairs =
        [(g722(), pcmu()), (opus(), pcma()), (opus(), g722()), (pcma(), g722()), (pcmu(), opus())];
    for (a, b) in pairs {
        let (kind_a, kind_b) = (a[0].kind, b[0].kind);
        let steps = [a[0].clock_rate / 50, b[0].clock_rate / 50];
        let (mut lab, mut singers) = bridge(a, b);
        sing(&mut lab, &mut singers, 100);
        assert_hears(&lab, 1, kind_a, &[1_000.0], &[440.0, 2_000.0]);
        assert_hears(&lab, 2, kind_b, &[440.0], &[1_000.0, 880.0]);
        for (stream, step) in (1..).zip(steps) {
            let heard = lab.heard_at(stream);
            assert_continuous(&heard, step);
            assert!(heard.len() >= 95, "{}", heard.len());
        }
    }
}

#[test]
fn a_codec_that_both_ends_have_is_relayed_and_another_one_decoded() {
    let both = [g722(), pcma()].concat();
    let mut lab = Lab::call(both, pcma());
    let relayed = lab.say(1, header(8, 1, 160, 1), &[0x55; 160]).unwrap();
    assert_eq!(relayed.payload, [0x55; 160]);
    let mut singer = Singer::new(1, 440.0, &g722());
    sing(&mut lab, std::slice::from_mut(&mut singer), 100);
    assert_hears(&lab, 2, CodecKind::Pcma, &[440.0], &[1_000.0]);
    // What comes back is relayed all the time.
    let relayed = lab.say(2, header(8, 1, 160, 1), &[0x2a; 160]).unwrap();
    assert_eq!(relayed.payload, [0x2a; 160]);
}

#[test]
fn nothing_is_sent_while_the_other_end_says_nothing() {
    let (mut lab, mut singers) = bridge(g722(), pcmu());
    sing(&mut lab, &mut singers[..1], 50);
    assert_eq!(lab.heard_at(1).len(), 0);
    let heard = lab.heard_at(2).len();
    lab.pass(500 * MS);
    // What waited, and 60 ms that fade.
    assert!(lab.heard_at(2).len() <= heard + 6);
    let silent = lab.heard_at(2).len();
    lab.pass(500 * MS);
    assert_eq!(lab.heard_at(2).len(), silent);
    sing(&mut lab, &mut singers[..1], 50);
    assert_continuous(&lab.heard_at(2), 160);
}

fn noise() -> StreamCodec {
    codec(CodecKind::ComfortNoise, "CN", 8_000, 13)
}

#[test]
fn silence_is_described_to_who_understands_that_and_made_for_others() {
    for described in [true, false] {
        let mut b = pcmu();
        b.extend(described.then(noise));
        let mut lab = Lab::call([g722(), vec![noise()]].concat(), b);
        let mut singer = Singer::new(1, 440.0, &g722());
        sing(&mut lab, std::slice::from_mut(&mut singer), 50);
        let (sequence, timestamp) = singer.number();
        lab.speak(1, header(13, sequence, timestamp, 1), &[50]);
        lab.pass(1_000 * MS);
        let heard = lab.heard_at(2);
        assert_continuous(&heard, 1);
        let last: Vec<_> = heard.iter().rev().take(3).collect();
        if described {
            assert!(last.iter().all(|heard| heard.payload == [50]), "{last:?}");
            let described = heard.iter().filter(|heard| heard.header.payload_type == 13).count();
            assert!((3..=7).contains(&described), "{described}");
        } else {
            assert!(heard.len() >= 95, "{}", heard.len());
            let (pcm, _) = crate::tones::samples(CodecKind::Pcmu, &heard[80..]);
            let square: f64 = pcm.iter().map(|s| f64::from(*s).powi(2)).sum();
            let level = 20.0 * ((square / pcm.len() as f64).sqrt() / 32_767.0).log10();
            // Half of the noise of a wideband codec lies above the band of this one.
            assert!((level + 53.0).abs() < 2.0, "{level}");
        }
    }
}

#[test]
fn keys_cross_with_their_length_in_the_other_clock() {
    let (mut lab, mut singers) = bridge(opus(), pcma());
    sing(&mut lab, &mut singers, 20);
    lab.heard.clear();
    for n in 1..=5u16 {
        let (sequence, _) = singers[0].number();
        let [high, low] = (n * 960).to_be_bytes();
        let end = if n == 5 { 0x80 } else { 0 };
        lab.speak(1, header(110, sequence, 77_000, 1), &[3, 10 | end, high, low]);
        lab.pass(20 * MS);
    }
    let heard = lab.heard_at(2);
    let events: Vec<_> = heard.iter().filter(|heard| heard.header.payload_type == 101).collect();
    assert_eq!(events.len(), 5);
    assert!(events.windows(2).all(|e| e[0].header.timestamp == e[1].header.timestamp));
    assert!(events[0].header.marker && !events[1].header.marker);
    assert_eq!(events[4].payload, [3, 0x8a, 3, 0x20]);
    lab.heard.clear();
    sing(&mut lab, &mut singers, 50);
    assert_hears(&lab, 2, CodecKind::Pcma, &[440.0], &[1_000.0]);
}

#[test]
fn other_codecs_after_an_answer_end_the_decoding() {
    let (mut lab, mut singers) = bridge(g722(), pcmu());
    sing(&mut lab, &mut singers, 50);
    lab.configure(1, config(1, pcmu()));
    lab.order(Order::Bridge { a: StreamId(1), b: StreamId(2) });
    let relayed = lab.say(1, header(0, 9_000, 160, 5), &[1; 160]).unwrap();
    assert_eq!(relayed.payload, [1; 160]);
    lab.pass(500 * MS);
    assert_continuous(&lab.heard_at(2), 160);
}

#[test]
fn a_codec_in_common_after_an_answer_ends_the_decoding_of_a_bridge_that_stays() {
    let (mut lab, mut singers) = bridge(g722(), [pcmu(), vec![noise()]].concat());
    sing(&mut lab, &mut singers, 50);
    lab.configure(1, config(1, [pcmu(), vec![noise()]].concat()));
    // While audio was decoded the description of a silence was taken for what it says; now it is one packet of many.
    let relayed = lab.say(1, header(13, 9_000, 160, 5), &[70]).unwrap();
    assert_eq!(relayed.payload, [70]);
    let relayed = lab.say(1, header(0, 9_001, 320, 5), &[1; 160]).unwrap();
    assert_eq!(relayed.payload, [1; 160]);
    let heard = lab.heard_at(2).len();
    lab.pass(500 * MS);
    assert_eq!(lab.heard_at(2).len(), heard);
}

#[test]
fn what_nobody_can_decode_is_dropped_as_before() {
    let other = vec![codec(CodecKind::Other, "G729", 8_000, 18), events(8_000, 101)];
    let mut lab = Lab::call(other, pcmu());
    lab.say(1, header(18, 1, 160, 1), &[0; 20]).unwrap_err();
}
