//! Messages: what one phone says, with an end of their own.

use strowger_media::codec::g711;
use strowger_media::order::{MediaEvent, Order, RecordingId, StreamId, VoiceEnd, VoiceEndReason};
use strowger_media::recorder::{Hearing, left_of};
use strowger_media::session::Request;

use crate::lab::{Lab, MS, header, pcma, pcmu};

fn record(lab: &mut Lab, max_ms: u32, silence_ms: u32) {
    let (recording, stream, path) = (RecordingId(1), StreamId(1), "voicemail/1.wav".into());
    lab.order(Order::RecordVoice { recording, stream, path, max_ms, silence_ms });
}

/// A caller speaks at this level for so many packets of 20 ms.
fn speak(lab: &mut Lab, from: u16, packets: u16, level: i16) {
    for n in from..from + packets {
        let tone: Vec<u8> = (0..160)
            .map(|at| if (at / 4) % 2 == 0 { level } else { -level })
            .map(g711::linear_to_mu)
            .collect();
        let _ = lab.say(1, header(0, n, u32::from(n) * 160, 7), &tone);
        lab.pass(20 * MS);
    }
}

/// The samples of the recording, and how it ended.
fn heard(lab: &Lab) -> (Vec<i16>, Option<VoiceEnd>) {
    let (mut bytes, mut end) = (Vec::new(), None);
    for request in &lab.requests {
        match request {
            Request::WriteBlock { block, .. } => bytes.extend(block),
            Request::CloseRecording { rest, voice, .. } => {
                assert!(end.is_none(), "it ends once");
                bytes.extend(rest);
                end = Some(voice.unwrap());
            }
            _ => {}
        }
    }
    let samples = bytes.as_chunks::<2>().0;
    (samples.iter().map(|sample| i16::from_le_bytes(*sample)).collect(), end)
}

#[test]
fn one_side_is_recorded_and_the_other_is_not() {
    let mut lab = Lab::call(pcmu(), pcma());
    record(&mut lab, 60_000, 0);
    let opened = |request: &Request| matches!(request, Request::OpenRecording { channels: 1, .. });
    assert!(lab.requests.iter().any(opened));
    for n in 0..50 {
        let _ = lab.say(2, header(8, n, u32::from(n) * 160, 8), &[g711::linear_to_a(9_000); 160]);
        speak(&mut lab, n, 1, 4_000);
    }
    lab.order(Order::StopRecord { recording: RecordingId(1) });
    let (samples, end) = heard(&lab);
    assert_eq!(samples.len(), 8_000);
    assert!(samples.iter().all(|sample| sample.unsigned_abs().abs_diff(4_000) < 300));
    let sound_ms = end.unwrap().sound_ms;
    assert_eq!(end.unwrap().reason, VoiceEndReason::Stopped);
    assert!((960..=1_000).contains(&sound_ms), "{sound_ms}");
}

#[test]
fn silence_ends_it_and_sound_starts_the_wait_again() {
    let mut lab = Lab::call(pcmu(), pcma());
    record(&mut lab, 60_000, 2_000);
    speak(&mut lab, 0, 50, 3_000);
    speak(&mut lab, 50, 75, 20);
    assert!(heard(&lab).1.is_none(), "1.5 s of a quiet line are a pause");
    speak(&mut lab, 125, 10, 3_000);
    speak(&mut lab, 135, 90, 20);
    assert!(heard(&lab).1.is_none(), "the wait began again");
    speak(&mut lab, 225, 30, 20);
    let end = heard(&lab).1.unwrap();
    assert_eq!(end.reason, VoiceEndReason::Silence);
    assert!((1_100..=1_300).contains(&end.sound_ms), "{end:?}");
}

#[test]
fn a_caller_who_sends_nothing_at_all_is_silent() {
    let mut lab = Lab::call(pcmu(), pcma());
    record(&mut lab, 60_000, 3_000);
    lab.pass(2_900 * MS);
    assert!(heard(&lab).1.is_none());
    lab.pass(600 * MS);
    let (samples, end) = heard(&lab);
    assert_eq!(end, Some(VoiceEnd { reason: VoiceEndReason::Silence, sound_ms: 0 }));
    assert!(samples.len() >= 24_000 && samples.iter().all(|sample| *sample == 0));
}

#[test]
fn the_longest_length_ends_it() {
    let mut lab = Lab::call(pcmu(), pcma());
    record(&mut lab, 2_000, 1_000);
    speak(&mut lab, 0, 130, 3_000);
    let (samples, end) = heard(&lab);
    assert_eq!(end.unwrap().reason, VoiceEndReason::Length);
    assert!((16_000..=20_000).contains(&samples.len()), "{}", samples.len());
}

#[test]
fn a_caller_who_hangs_up_ends_it() {
    let mut lab = Lab::call(pcmu(), pcma());
    record(&mut lab, 60_000, 5_000);
    speak(&mut lab, 0, 100, 3_000);
    lab.order(Order::Close { stream: StreamId(1) });
    let (samples, end) = heard(&lab);
    assert_eq!((samples.len(), end.unwrap().reason), (16_000, VoiceEndReason::Stopped));
}

#[test]
fn a_stream_that_is_not_there_cannot_be_recorded() {
    let mut lab = Lab::new();
    record(&mut lab, 60_000, 5_000);
    let refused = |event: &MediaEvent| {
        matches!(event, MediaEvent::RecordingEnded { error: Some(_), voice: None, .. })
    };
    assert!(lab.events.iter().any(refused));
}

#[test]
fn a_soft_voice_is_heard_and_the_noise_of_a_line_is_not() {
    let level = |level: i16| {
        let mut hearing = Hearing::default();
        let wave = (0..8_000).map(|at| if at % 2 == 0 { level } else { -level });
        hearing.hear(&wave.flat_map(i16::to_le_bytes).collect::<Vec<u8>>());
        (hearing.sound_ms(), hearing.silent_ms(), hearing.length_ms())
    };
    assert_eq!(level(400), (1_000, 0, 1_000));
    assert_eq!(level(100), (0, 1_000, 1_000));
    assert_eq!(left_of(&[1, 2, 3, 4, 5, 6, 7, 8]), [1, 2, 5, 6]);
}

#[test]
fn keys_in_the_audio_are_reported_where_that_is_ordered_and_once_with_events() {
    let mut lab = Lab::call(pcmu(), pcmu());
    let key = |n: u32| {
        let wave = |hz: f64| (f64::from(n) * std::f64::consts::TAU * hz / 8_000.0).sin();
        strowger_media::codec::g711::linear_to_mu(((wave(770.0) + wave(1_477.0)) * 5_000.0) as i16)
    };
    let press = |lab: &mut Lab, from: u16| {
        for n in 0..15u16 {
            let samples = u32::from(n) * 160..u32::from(n + 1) * 160;
            let payload: Vec<u8> = if n < 5 { samples.map(key).collect() } else { vec![0xff; 160] };
            let header = header(0, from + n, u32::from(from + n) * 160, 1);
            lab.say(1, header, &payload).unwrap();
            lab.pass(20 * MS);
        }
        let digit = |event: &MediaEvent| match event {
            MediaEvent::Dtmf { digit, .. } => Some(*digit),
            _ => None,
        };
        std::mem::take(&mut lab.events).iter().filter_map(digit).collect::<String>()
    };
    assert_eq!(press(&mut lab, 0), "");
    lab.order(Order::ReadTones { stream: StreamId(1), on: true });
    assert_eq!(press(&mut lab, 15), "6");
    let event = |end: u8| [6, end | 10, 3, 32];
    lab.say(1, header(101, 30, 9_000, 1), &event(0)).unwrap();
    lab.say(1, header(101, 31, 9_000, 1), &event(0x80)).unwrap();
    assert_eq!(press(&mut lab, 32), "6", "the tones beside an event do not count again");
    lab.pass(3_000 * MS);
    lab.order(Order::ReadTones { stream: StreamId(1), on: false });
    assert_eq!(press(&mut lab, 50), "");
}
