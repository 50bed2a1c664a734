//! Mixes: who hears whom, measured by tones.

use std::sync::Arc;

use strowger_media::dtmf::Sender;
use strowger_media::order::{
    CodecKind, MediaEvent, MixId, Order, PlayFault, PlayId, RecordingId, StreamCodec, StreamId,
    StreamKind, Voices,
};
use strowger_media::player::EncodedPrompt;
use strowger_media::session::Request;
use strowger_media::wav::Prompt;

use crate::lab::{Lab, MS, S, header, pcma, pcmu};
use crate::tones::{Singer, assert_continuous, assert_hears, g722, opus, samples, sing};

const MIX: MixId = MixId(7);
const TONES: [f64; 3] = [440.0, 1_000.0, 1_900.0];
const CALLER: Voices = Voices(1);
const AGENT: Voices = Voices(2);
const WHISPER: Voices = Voices(4);
const BARGE: Voices = Voices(8);

fn join(lab: &mut Lab, stream: u64, speaks: Voices, hears: Voices) {
    lab.order(Order::Mix { stream: StreamId(stream), mix: MIX, speaks, hears });
}

/// Members 1 to 3 with these codecs, and their singers.
fn three(codecs: [Vec<StreamCodec>; 3]) -> (Lab, Vec<Singer>) {
    let mut lab = Lab::new();
    let mut singers = Vec::new();
    for (n, (codecs, hz)) in (1..).zip(codecs.into_iter().zip(TONES)) {
        singers.push(Singer::new(n, hz, &codecs));
        lab.open(n, StreamKind::Audio, codecs);
    }
    (lab, singers)
}

fn room(codecs: [Vec<StreamCodec>; 3]) -> (Lab, Vec<Singer>) {
    let (mut lab, singers) = three(codecs);
    for n in 1..=3 {
        join(&mut lab, n, Voices::ROOM, Voices::ROOM);
    }
    (lab, singers)
}

#[test]
fn each_of_three_hears_exactly_the_two_others() {
    for codecs in [[pcmu(), pcma(), pcmu()], [g722(), pcma(), pcmu()], [g722(), opus(), pcmu()]] {
        let kinds = codecs.clone().map(|codecs| codecs[0].kind);
        let (mut lab, mut singers) = room(codecs);
        sing(&mut lab, &mut singers, 100);
        for (n, kind) in (0..3).zip(kinds) {
            let own = TONES[n];
            let others: Vec<f64> = TONES.into_iter().filter(|hz| *hz != own).collect();
            // Opus is no waveform codec: a few dB of the tones are its own.
            assert_hears(&lab, n as u64 + 1, kind, &others, &[own]);
            let step = if kind == CodecKind::Opus { 960 } else { 160 };
            assert_continuous(&lab.heard_at(n as u64 + 1), step);
        }
    }
}

#[test]
fn who_is_muted_is_not_heard_and_who_is_deaf_hears_silence() {
    let (mut lab, mut singers) = room([pcmu(), pcmu(), pcmu()]);
    join(&mut lab, 2, Voices::NONE, Voices::ROOM);
    join(&mut lab, 3, Voices::ROOM, Voices::NONE);
    sing(&mut lab, &mut singers, 100);
    assert_hears(&lab, 1, CodecKind::Pcmu, &[TONES[2]], &[TONES[0], TONES[1]]);
    assert_hears(&lab, 2, CodecKind::Pcmu, &[TONES[0], TONES[2]], &[TONES[1]]);
    let (pcm, _) = samples(CodecKind::Pcmu, &lab.heard_at(3));
    assert!(pcm.len() > 8_000 && pcm.iter().all(|sample| sample.abs() < 16));
    join(&mut lab, 2, Voices::ROOM, Voices::ROOM);
    sing(&mut lab, &mut singers, 100);
    assert_hears(&lab, 1, CodecKind::Pcmu, &[TONES[1], TONES[2]], &[TONES[0]]);
}

#[test]
fn a_supervisor_monitors_whispers_and_barges_audible_only_to_whom_it_means() {
    for codecs in [[pcmu(), pcma(), pcmu()], [pcma(), g722(), opus()]] {
        let kinds = codecs.clone().map(|codecs| codecs[0].kind);
        let (mut lab, mut singers) = three(codecs);
        let [caller, agent, supervisor] = TONES;
        join(&mut lab, 1, CALLER, AGENT | BARGE);
        join(&mut lab, 2, AGENT, CALLER | WHISPER | BARGE);
        let modes = [
            (Voices::NONE, vec![agent], vec![caller]),
            (WHISPER, vec![agent], vec![caller, supervisor]),
            (BARGE, vec![agent, supervisor], vec![caller, supervisor]),
            (Voices::NONE, vec![agent], vec![caller]),
        ];
        for (speaks, caller_hears, agent_hears) in modes {
            join(&mut lab, 3, speaks, CALLER | AGENT);
            sing(&mut lab, &mut singers, 100);
            let heard = [caller_hears, agent_hears, vec![caller, agent]];
            for (n, (there, kind)) in heard.iter().zip(kinds).enumerate() {
                let absent: Vec<f64> = TONES.into_iter().filter(|hz| !there.contains(hz)).collect();
                assert_hears(&lab, n as u64 + 1, kind, there, &absent);
            }
        }
        lab.order(Order::Unmix { stream: StreamId(3) });
        let silent = lab.heard_at(3).len();
        sing(&mut lab, &mut singers[..2], 100);
        assert_eq!(lab.heard_at(3).len(), silent);
        assert_hears(&lab, 1, kinds[0], &[agent], &[caller, supervisor]);
    }
}

#[test]
fn a_leg_keeps_its_numbers_from_bridge_to_mix_to_prompt_and_back() {
    let mut lab = Lab::call(pcmu(), pcmu());
    lab.open(3, StreamKind::Audio, pcmu());
    let talk = |lab: &mut Lab, mixed: bool, from: u16| {
        for n in from..from + 25 {
            let header = header(0, n, u32::from(n) * 160, 9);
            if mixed {
                lab.speak(2, header, &[n as u8; 160]);
            } else {
                lab.say(2, header, &[n as u8; 160]).unwrap();
            }
            lab.pass(20 * MS);
        }
    };
    talk(&mut lab, false, 0);
    for n in [1, 2, 3] {
        join(&mut lab, n, Voices::ROOM, Voices::ROOM);
    }
    talk(&mut lab, true, 25);
    let prompts = vec!["en/wait".to_owned()];
    lab.order(Order::Play { stream: StreamId(1), play: PlayId(1), prompts, repeat: false });
    supply(&mut lab, 300);
    talk(&mut lab, true, 50);
    lab.order(Order::Bridge { a: StreamId(1), b: StreamId(2) });
    talk(&mut lab, false, 75);
    let heard = lab.heard_at(1);
    assert_continuous(&heard, 160);
    assert!(heard.len() > 90, "{}", heard.len());
    let elapsed = (heard[heard.len() - 1].at - heard[0].at) / 125_000;
    let grown = heard[heard.len() - 1].header.timestamp.wrapping_sub(heard[0].header.timestamp);
    assert!(u64::from(grown).abs_diff(elapsed) < 800, "{grown} for {elapsed}");
}

/// Answers requests for prompts with so much of a tone of 700 Hz.
fn supply(lab: &mut Lab, ms: usize) {
    for request in std::mem::take(&mut lab.requests) {
        if let Request::LoadPrompt(key) = request {
            let tone = (0..ms * 8).map(|n| ((n as f64 * 0.549_778).sin() * 6_000.0) as i16);
            let prompt = Arc::new(Prompt::from_samples(8_000, tone.collect()).unwrap());
            let prompt = EncodedPrompt::encode(&prompt, key.codec).unwrap();
            lab.engine.prompt_loaded(lab.now, &key, Ok(Arc::new(prompt)));
        }
    }
}

fn announce(lab: &mut Lab, play: u64, heard_by: Voices) {
    let (play, prompts) = (PlayId(play), vec!["en/beep".to_owned()]);
    lab.order(Order::PlayInMix { mix: MIX, play, prompts, heard_by });
}

fn ends(lab: &Lab) -> Vec<(u64, Option<String>)> {
    let end = |event: &MediaEvent| match event {
        MediaEvent::MixPlayEnded { mix: MIX, play, error } => {
            let told = |fault: &PlayFault| format!("{}: {}", fault.prompt, fault.why);
            Some((play.0, error.as_ref().map(told)))
        }
        _ => None,
    };
    lab.events.iter().filter_map(end).collect()
}

#[test]
fn prompts_are_heard_beside_the_voices_by_whom_they_are_for() {
    for codecs in [[pcmu(), pcmu(), pcmu()], [g722(), pcmu(), pcmu()]] {
        let kind = codecs[0][0].kind;
        let (mut lab, mut singers) = three(codecs);
        join(&mut lab, 1, CALLER, CALLER | AGENT);
        join(&mut lab, 2, AGENT, CALLER);
        join(&mut lab, 3, AGENT, CALLER);
        announce(&mut lab, 1, AGENT);
        supply(&mut lab, 2_000);
        sing(&mut lab, &mut singers, 80);
        assert_hears(&lab, 1, kind, &[TONES[1], 700.0], &[TONES[0]]);
        assert_hears(&lab, 2, CodecKind::Pcmu, &[TONES[0]], &[700.0, TONES[1]]);
        assert_eq!(ends(&lab), []);
        sing(&mut lab, &mut singers, 80);
        assert_eq!(ends(&lab), [(1, None)]);
        assert_hears(&lab, 1, kind, &[TONES[1], TONES[2]], &[700.0]);
    }
}

#[test]
fn what_cannot_be_played_or_recorded_is_told_and_ends_with_the_mix() {
    let (mut lab, _) = room([pcmu(), pcmu(), pcmu()]);
    announce(&mut lab, 1, Voices::ROOM);
    for request in std::mem::take(&mut lab.requests) {
        let Request::LoadPrompt(key) = request else { continue };
        lab.engine.prompt_loaded(lab.now, &key, Err("no such file".into()));
    }
    announce(&mut lab, 2, Voices::ROOM);
    supply(&mut lab, 5_000);
    record(&mut lab, 5);
    for n in 1..=3 {
        lab.order(Order::Close { stream: StreamId(n) });
    }
    announce(&mut lab, 3, Voices::ROOM);
    record(&mut lab, 6);
    let ends = ends(&lab);
    let told =
        ["en/beep: no such file", "en/beep: the mix has ended", "en/beep: there is no such mix"];
    let told: Vec<_> = (1..).zip(told.map(|what| Some(what.to_owned()))).collect();
    assert_eq!(ends, told);
    let closed = |request: &Request| {
        matches!(request, Request::CloseRecording { recording: RecordingId(5), .. })
    };
    assert!(lab.requests.iter().any(closed));
    let refused = |event: &MediaEvent| {
        matches!(
            event,
            MediaEvent::RecordingEnded { recording: RecordingId(6), error: Some(_), .. }
        )
    };
    assert!(lab.events.iter().any(refused));
}

fn record(lab: &mut Lab, id: u64) {
    let (recording, path) = (RecordingId(id), "room.wav".to_owned());
    lab.order(Order::RecordMix { recording, mix: MIX, path, voices: Voices::ROOM });
}

#[test]
fn a_mix_is_recorded_with_all_its_voices() {
    let (mut lab, mut singers) = room([pcmu(), g722(), pcmu()]);
    record(&mut lab, 1);
    sing(&mut lab, &mut singers, 100);
    lab.order(Order::StopRecord { recording: RecordingId(1) });
    let mut pcm = Vec::new();
    for request in &lab.requests {
        let bytes = match request {
            Request::OpenRecording { channels, .. } => {
                assert_eq!(*channels, 1);
                continue;
            }
            Request::WriteBlock { block, .. } => block,
            Request::CloseRecording { rest, .. } => rest,
            _ => continue,
        };
        pcm.extend(bytes.chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
    }
    assert!((15_500..=16_160).contains(&pcm.len()), "{}", pcm.len());
    for hz in TONES {
        let level = crate::tones::power(&pcm[4_000..12_000], hz, 8_000.0);
        assert!(level > -20.0, "{hz}: {level}");
    }
}

/// Member 1 presses a key; how many event packets each member got, and with how many timestamps.
fn press(lab: &mut Lab, singers: &mut [Singer]) -> [(usize, usize); 3] {
    sing(lab, singers, 20);
    let mut sender = Sender::new(8_000, 100);
    sender.push("5");
    let start = lab.now;
    lab.heard.clear();
    for n in 0..8 {
        let elapsed = ((lab.now - start) / 125_000) as u32;
        if let Some(event) = sender.tick(50_000 + elapsed) {
            let mut header = header(101, 100 + n, event.timestamp, singers[0].stream as u32);
            (header.sequence, _) = singers[0].number();
            header.marker = event.marker;
            lab.speak(1, header, &event.payload);
        }
        sing(lab, &mut singers[1..], 1);
    }
    let digits = lab.events.iter().filter(|event| matches!(event, MediaEvent::Dtmf { .. }));
    assert_eq!(digits.count(), 1);
    [1, 2, 3].map(|n| {
        let heard = lab.heard_at(n);
        assert_continuous_numbers(&heard);
        let events = heard.into_iter().filter(|heard| heard.header.payload_type == 101);
        let mut stamps: Vec<u32> = events.map(|heard| heard.header.timestamp).collect();
        let count = stamps.len();
        stamps.dedup();
        (count, stamps.len())
    })
}

fn assert_continuous_numbers(heard: &[&crate::lab::Heard]) {
    for pair in heard.windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.wrapping_add(1));
    }
}

#[test]
fn keys_reach_those_who_hear_their_presser_in_a_supervised_call_but_not_in_a_room() {
    let (mut lab, mut singers) = three([pcmu(), pcmu(), pcmu()]);
    join(&mut lab, 1, CALLER, AGENT | BARGE);
    join(&mut lab, 2, AGENT, CALLER | WHISPER | BARGE);
    join(&mut lab, 3, BARGE, AGENT);
    let [own, agent, supervisor] = press(&mut lab, &mut singers);
    assert_eq!((own, supervisor), ((0, 0), (0, 0)));
    assert!(agent.0 >= 5 && agent.1 == 1, "{agent:?}");
    let (mut lab, mut singers) = room([pcmu(), pcmu(), pcmu()]);
    assert_eq!(press(&mut lab, &mut singers), [(0, 0); 3]);
}

#[test]
fn a_worker_that_was_late_goes_on_from_now() {
    let (mut lab, mut singers) = room([pcmu(), pcmu(), pcmu()]);
    sing(&mut lab, &mut singers, 10);
    lab.heard.clear();
    lab.now += 5 * S;
    lab.engine.tick(lab.now);
    lab.pass(40 * MS);
    assert!(lab.heard_at(1).len() <= 4, "{}", lab.heard_at(1).len());
}
