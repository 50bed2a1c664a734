//! What the switch says itself: prompts and digits; and the keys that it hears.

use std::sync::Arc;

use strowger_media::dtmf::{Receiver, Sender};
use strowger_media::order::{
    CodecKind, MediaEvent, Order, PlayFault, PlayId, StreamId, StreamKind,
};
use strowger_media::player::EncodedPrompt;
use strowger_media::session::{Dropped, PromptKey, Request};
use strowger_media::wav::Prompt;

use crate::lab::{Heard, Lab, MS, S, codec, config, events, header, pcma, pcmu, phone};

/// A prompt of `ms` of one level.
fn prompt(kind: CodecKind, ms: usize) -> Arc<EncodedPrompt> {
    let prompt = Arc::new(Prompt::from_samples(8_000, vec![1_000; ms * 8]).unwrap());
    Arc::new(EncodedPrompt::encode(&prompt, kind).unwrap())
}

fn play(lab: &mut Lab, stream: u64, id: u64, names: &[&str], repeat: bool) {
    let prompts = names.iter().map(|name| (*name).to_owned()).collect();
    lab.order(Order::Play { stream: StreamId(stream), play: PlayId(id), prompts, repeat });
}

/// Answers all requests for prompts, each with 100 ms.
fn supply(lab: &mut Lab) -> Vec<PromptKey> {
    let mut keys = Vec::new();
    for request in std::mem::take(&mut lab.requests) {
        if let Request::LoadPrompt(key) = request {
            lab.engine.prompt_loaded(lab.now, &key, Ok(prompt(key.codec, 100)));
            keys.push(key);
        }
    }
    keys
}

fn ended(lab: &Lab) -> Vec<(u64, Option<String>)> {
    let end = |event: &MediaEvent| match event {
        MediaEvent::PlayEnded { play, error, .. } => {
            let told = |fault: &PlayFault| format!("{}: {}", fault.prompt, fault.why);
            Some((play.0, error.as_ref().map(told)))
        }
        _ => None,
    };
    lab.events.iter().filter_map(end).collect()
}

fn assert_paced(heard: &[&Heard]) {
    for pair in heard.windows(2) {
        assert_eq!(pair[1].at - pair[0].at, 20 * MS);
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.wrapping_add(1));
        assert_eq!(pair[1].header.timestamp, pair[0].header.timestamp.wrapping_add(160));
        assert!(!pair[1].header.marker);
    }
    assert!(heard[0].header.marker);
}

#[test]
fn a_list_is_loaded_once_paced_and_ends() {
    let mut lab = Lab::call(pcmu(), pcmu());
    for stream in [1, 2] {
        play(&mut lab, stream, stream, &["en/a", "en/b"], false);
    }
    assert_eq!(supply(&mut lab).len(), 2);
    lab.pass(S);
    for stream in [1, 2] {
        let heard = lab.heard_at(stream);
        assert_eq!(heard.len(), 10);
        assert_paced(&heard);
        assert_eq!(heard[0].to, phone(stream));
    }
    assert_eq!(ended(&lab), [(1, None), (2, None)]);
    play(&mut lab, 1, 3, &["en/a"], false);
    assert_eq!(supply(&mut lab), [], "it is in memory");
    lab.pass(S);
    assert_eq!(lab.heard_at(1).len(), 15);
}

#[test]
fn a_prompt_takes_precedence_over_the_bridge_and_numbers_continue_through_it() {
    let mut lab = Lab::call(pcmu(), pcmu());
    let mut sequence = 0;
    let mut say = |lab: &mut Lab, wanted: Result<(), Dropped>| {
        sequence += 1;
        let timestamp = u32::from(sequence) * 160;
        let said = lab.say(1, header(0, sequence, timestamp, 7), &[0; 160]).map(|_| ());
        assert_eq!(said, wanted);
        lab.pass(20 * MS);
    };
    for _ in 0..5 {
        say(&mut lab, Ok(()));
    }
    play(&mut lab, 2, 1, &["music"], false);
    say(&mut lab, Err(Dropped::Occupied));
    supply(&mut lab);
    for _ in 0..5 {
        say(&mut lab, Err(Dropped::Occupied));
    }
    assert!(lab.say(2, header(0, 1, 0, 9), &[0; 160]).is_ok(), "the other way goes on");
    lab.pass(S);
    for _ in 0..5 {
        say(&mut lab, Ok(()));
    }
    let heard = lab.heard_at(2);
    assert_eq!(heard.len(), 15);
    for pair in heard.windows(2) {
        let step = pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp);
        let passed = ((pair[1].at - pair[0].at) / 125_000) as u32;
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.wrapping_add(1));
        assert_eq!(pair[1].header.ssrc, pair[0].header.ssrc);
        assert!(step.abs_diff(passed) <= 160, "{step} {passed}");
    }
    let marked: Vec<usize> = (0..15).filter(|n| heard[*n].header.marker).collect();
    assert_eq!(marked, [0, 5, 10]);
}

#[test]
fn music_repeats_until_stopped_without_a_word() {
    let mut lab = Lab::call(pcmu(), pcmu());
    play(&mut lab, 2, 1, &["music"], true);
    supply(&mut lab);
    lab.pass(10 * S);
    lab.order(Order::StopPlay { stream: StreamId(2) });
    lab.pass(S);
    let heard = lab.heard_at(2);
    assert_eq!(heard.len(), 500);
    assert_paced(&heard);
    assert_eq!(ended(&lab), []);
    assert!(lab.say(1, header(0, 1, 0, 7), &[0; 160]).is_ok());
}

#[test]
fn what_cannot_be_played_is_reported_and_leaves_the_bridge_alone() {
    let mut lab = Lab::call(pcmu(), pcmu());
    lab.open(3, StreamKind::Audio, vec![codec(CodecKind::Other, "G729", 8_000, 18)]);
    play(&mut lab, 3, 1, &["a"], false);
    play(&mut lab, 9, 2, &["a"], false);
    play(&mut lab, 1, 3, &[], false);
    play(&mut lab, 1, 4, &["gone"], false);
    let key = PromptKey { name: "gone".into(), codec: CodecKind::Pcmu };
    assert!(lab.requests.contains(&Request::LoadPrompt(key.clone())));
    lab.engine.prompt_loaded(lab.now, &key, Err("no such file".into()));
    lab.pass(MS);
    assert!(lab.say(2, header(0, 1, 0, 7), &[0; 160]).is_ok());
    let mut plays = Vec::new();
    while let Some(event) = lab.engine.poll_event() {
        lab.events.push(event);
    }
    for (play, error) in ended(&lab) {
        assert!(error.is_some_and(|error| !error.is_empty()));
        plays.push(play);
    }
    assert_eq!(plays, [1, 2, 3, 4]);
    assert_eq!(ended(&lab)[3].1.as_deref(), Some("gone: no such file"), "it says which");
}

#[test]
fn a_play_before_the_answer_waits_for_the_codec() {
    let mut lab = Lab::new();
    let stream = StreamId(1);
    let port = strowger_media::order::PortId(1);
    lab.order(Order::Open { stream, port, kind: StreamKind::Audio });
    play(&mut lab, 1, 1, &["a"], false);
    assert_eq!(supply(&mut lab), []);
    lab.configure(1, config(1, pcma()));
    assert_eq!(supply(&mut lab)[0].codec, CodecKind::Pcma);
    lab.pass(S);
    assert_eq!(lab.heard_at(1).len(), 5);
    assert!(lab.heard_at(1).iter().all(|heard| heard.header.payload_type == 8));
}

#[test]
fn music_follows_a_change_of_codec() {
    let mut lab = Lab::call(pcmu(), pcmu());
    play(&mut lab, 2, 1, &["music"], true);
    supply(&mut lab);
    lab.pass(200 * MS);
    lab.configure(2, config(2, pcma()));
    supply(&mut lab);
    lab.pass(200 * MS);
    let heard = lab.heard_at(2);
    let types: Vec<u8> = heard.iter().map(|heard| heard.header.payload_type).collect();
    assert!(types.iter().take(9).all(|pt| *pt == 0) && types.iter().skip(11).all(|pt| *pt == 8));
    assert!(types.len() >= 19, "{types:?}");
}

/// Digits of one call of `send_dtmf`, as an independent receiver reads them off the wire.
fn read_digits(heard: &[&Heard], pt: u8, clock_rate: u32) -> String {
    let mut receiver = Receiver::new(clock_rate);
    let mut digits = String::new();
    for heard in heard.iter().filter(|heard| heard.header.payload_type == pt) {
        let press = receiver.receive(heard.at, heard.header.timestamp, &heard.payload);
        digits.extend(press.map(|press| press.digit));
    }
    digits.extend(receiver.poll(u64::MAX).map(|press| press.digit));
    digits
}

fn dial(lab: &mut Lab, stream: u64, digits: &str) {
    let (digits, duration_ms) = (digits.to_owned(), 100);
    lab.order(Order::SendDtmf { stream: StreamId(stream), digits, duration_ms });
}

#[test]
fn digits_are_sent_between_the_bridges_words() {
    let mut lab = Lab::call(pcmu(), pcmu());
    lab.say(1, header(0, 1, 0, 7), &[0; 160]).unwrap();
    lab.pass(20 * MS);
    dial(&mut lab, 2, "15#");
    dial(&mut lab, 2, "*");
    assert_eq!(lab.say(1, header(0, 2, 160, 7), &[0]), Err(Dropped::Occupied));
    lab.pass(2 * S);
    lab.say(1, header(0, 103, 103 * 160, 7), &[0; 160]).unwrap();
    let heard = lab.heard_at(2);
    assert_eq!(read_digits(&heard, 101, 8_000), "15#*");
    for pair in heard.windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.wrapping_add(1));
        let step = pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp);
        assert!(step < 20_000, "timestamps never go back: {step}");
    }
    let events = heard.iter().filter(|heard| heard.header.payload_type == 101);
    assert_eq!(events.filter(|heard| heard.header.marker).count(), 4);
    let (first, last) = (heard[0], heard[heard.len() - 1]);
    let passed = ((last.at - first.at) / 125_000) as u32;
    let step = last.header.timestamp.wrapping_sub(first.header.timestamp);
    assert!(step.abs_diff(passed) <= 160, "{step} {passed}");
}

#[test]
fn digits_interrupt_a_prompt_which_then_goes_on() {
    let mut lab = Lab::call(pcmu(), pcmu());
    play(&mut lab, 1, 1, &["a"], false);
    supply(&mut lab);
    lab.pass(50 * MS);
    dial(&mut lab, 1, "7");
    lab.pass(2 * S);
    let heard = lab.heard_at(1);
    assert_eq!(read_digits(&heard, 101, 8_000), "7");
    assert_eq!(heard.iter().filter(|heard| heard.header.payload_type == 0).count(), 5);
    assert_eq!(ended(&lab), [(1, None)]);
}

#[test]
fn digits_keep_to_the_audio_clock() {
    let opus = codec(CodecKind::Opus, "opus", 48_000, 111);
    let mut lab = Lab::new();
    lab.open(1, StreamKind::Audio, vec![opus, events(8_000, 101)]);
    dial(&mut lab, 1, "12");
    lab.pass(S);
    let heard = lab.heard_at(1);
    assert_eq!(read_digits(&heard, 101, 8_000), "12");
    let starts: Vec<_> = heard.iter().filter(|heard| heard.header.marker).collect();
    assert_eq!(starts.len(), 2);
    let step = starts[1].header.timestamp.wrapping_sub(starts[0].header.timestamp);
    assert_eq!(u64::from(step), (starts[1].at - starts[0].at) / 1_000 * 48 / 1_000);
}

/// Presses keys on phone 1 through the independent sender, losing packets as `lost` says.
fn press(lab: &mut Lab, digits: &str, pt: u8, clock_rate: u32, lost: impl Fn(u32) -> bool) {
    let mut sender = Sender::new(clock_rate, 100);
    sender.push(digits);
    let mut sequence = 0;
    let mut clock = 0;
    while !sender.is_idle() {
        if let Some(packet) = sender.tick(clock) {
            sequence += 1;
            if !lost(sequence) {
                let header = header(pt, sequence as u16, packet.timestamp, 7);
                // Nobody needs to be there.
                let _ = lab.say(1, header, &packet.payload);
            }
        }
        clock += clock_rate / 50;
        lab.pass(20 * MS);
    }
    lab.pass(S);
}

fn pressed(lab: &Lab) -> String {
    let digit = |event: &MediaEvent| match event {
        MediaEvent::Dtmf { stream: StreamId(1), digit, duration_ms: 100 } => Some(*digit),
        _ => None,
    };
    lab.events.iter().filter_map(digit).collect()
}

#[test]
fn keys_are_reported_once_each_and_pass_to_the_other_end() {
    let mut lab = Lab::call(pcmu(), pcmu());
    press(&mut lab, "0123456789*#ABCD", 101, 8_000, |_| false);
    assert_eq!(pressed(&lab), "0123456789*#ABCD");
    assert_eq!(read_digits(&lab.heard_at(2), 101, 8_000), "0123456789*#ABCD");
}

#[test]
fn keys_cross_between_clocks() {
    let opus = codec(CodecKind::Opus, "opus", 48_000, 111);
    let mut lab =
        Lab::call(vec![opus.clone(), events(48_000, 110)], vec![opus, events(8_000, 101)]);
    press(&mut lab, "159", 110, 48_000, |_| false);
    assert_eq!(pressed(&lab), "159");
    assert_eq!(read_digits(&lab.heard_at(2), 101, 8_000), "159");
}

#[test]
fn keys_survive_loss_and_are_reported_where_nobody_takes_them() {
    let mut lab = Lab::call(pcmu(), vec![codec(CodecKind::Pcmu, "PCMU", 8_000, 0)]);
    press(&mut lab, "42", 101, 8_000, |sequence| sequence % 3 == 1);
    assert_eq!(pressed(&lab), "42");
    assert!(lab.heard_at(2).is_empty());
    lab.order(Order::Unbridge { stream: StreamId(1) });
    lab.events.clear();
    let mut lab = Lab::call(pcmu(), pcmu());
    lab.order(Order::Unbridge { stream: StreamId(1) });
    press(&mut lab, "9", 101, 8_000, |_| false);
    assert_eq!(pressed(&lab), "9");
}

#[test]
fn a_key_whose_end_is_lost_is_reported_when_it_falls_silent() {
    let mut lab = Lab::call(pcmu(), pcmu());
    lab.say(1, header(101, 1, 0, 7), &[5, 10, 3, 32]).unwrap();
    assert_eq!(pressed(&lab), "");
    lab.pass(S);
    assert_eq!(pressed(&lab), "5");
}
