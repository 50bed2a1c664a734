//! Recordings: what both phones say, in blocks.

use strowger_media::codec::g711;
use strowger_media::order::{MediaEvent, Order, RecordingId, StreamId};
use strowger_media::recorder::BLOCK_BYTES;
use strowger_media::session::Request;

use crate::lab::{Lab, MS, S, header, pcma, pcmu};

fn record(lab: &mut Lab, id: u64) {
    let (left, right) = (StreamId(1), StreamId(2));
    let path = format!("{id}.wav");
    lab.order(Order::Record { recording: RecordingId(id), left, right, path });
}

/// The samples of a recording, by side, and whether it was closed.
fn samples(lab: &Lab, id: u64) -> (Vec<i16>, Vec<i16>, bool) {
    let mut bytes = Vec::new();
    let mut closed = false;
    for request in &lab.requests {
        match request {
            Request::WriteBlock { recording, block } if recording.0 == id => {
                assert_eq!(block.len(), BLOCK_BYTES);
                bytes.extend(block);
            }
            Request::CloseRecording { recording, rest, .. } if recording.0 == id => {
                assert!(!closed);
                closed = true;
                bytes.extend(rest);
            }
            _ => {}
        }
    }
    let frames = bytes.as_chunks::<4>().0;
    let side = |at: usize| {
        frames.iter().map(|frame| i16::from_le_bytes([frame[at], frame[at + 1]])).collect()
    };
    (side(0), side(2), closed)
}

/// Both talk for a second, each on one level.
fn talk(lab: &mut Lab, from: u16) {
    for n in from..from + 50 {
        let timestamp = u32::from(n) * 160;
        // One of them may be gone.
        let _ = lab.say(1, header(0, n, timestamp, 7), &[g711::linear_to_mu(8_000); 160]);
        let _ = lab.say(2, header(8, n, timestamp, 8), &[g711::linear_to_a(-4_000); 160]);
        lab.pass(20 * MS);
    }
}

fn near(sample: i16, level: i16) -> bool {
    sample.abs_diff(level) < 400
}

#[test]
fn each_side_is_on_its_own_channel() {
    let mut lab = Lab::call(pcmu(), pcma());
    record(&mut lab, 1);
    assert!(lab.requests.iter().any(|request| matches!(request, Request::OpenRecording { .. })));
    talk(&mut lab, 1);
    lab.order(Order::StopRecord { recording: RecordingId(1) });
    let (left, right, closed) = samples(&lab, 1);
    assert!(closed);
    assert_eq!((left.len(), right.len()), (8_000, 8_000));
    assert!(left.iter().all(|sample| near(*sample, 8_000)));
    assert!(right.iter().all(|sample| near(*sample, -4_000)));
}

#[test]
fn a_pause_is_silence_in_the_file_and_nothing_shifts() {
    let mut lab = Lab::call(pcmu(), pcma());
    record(&mut lab, 1);
    talk(&mut lab, 1);
    lab.order(Order::PauseRecord { recording: RecordingId(1) });
    talk(&mut lab, 51);
    lab.order(Order::ResumeRecord { recording: RecordingId(1) });
    talk(&mut lab, 101);
    lab.order(Order::PauseRecord { recording: RecordingId(7) });
    lab.order(Order::StopRecord { recording: RecordingId(1) });
    let (left, right, _) = samples(&lab, 1);
    assert_eq!((left.len(), right.len()), (24_000, 24_000));
    for (side, level) in [(&left, 8_000), (&right, -4_000)] {
        assert!(side[..8_000].iter().all(|sample| near(*sample, level)));
        assert!(side[8_000..16_000].iter().all(|sample| *sample == 0));
        assert!(side[16_000..].iter().all(|sample| near(*sample, level)));
    }
    assert_eq!(lab.heard_at(1).len(), 150, "the parties hear each other all the time");
}

#[test]
fn blocks_leave_while_it_goes_on_and_the_relay_is_untouched() {
    let mut lab = Lab::call(pcmu(), pcma());
    record(&mut lab, 1);
    record(&mut lab, 2);
    talk(&mut lab, 1);
    let blocks = |id: u64| samples(&lab, id).0.len();
    assert!(blocks(1) >= 8_000 - 3_200 && blocks(2) == blocks(1), "{}", blocks(1));
    assert_eq!((lab.heard_at(1).len(), lab.heard_at(2).len()), (50, 50));
}

#[test]
fn it_may_begin_before_the_bridge_and_ends_with_the_last_stream() {
    let mut lab = Lab::call(pcmu(), pcma());
    lab.order(Order::Unbridge { stream: StreamId(1) });
    record(&mut lab, 1);
    talk(&mut lab, 1);
    lab.order(Order::Close { stream: StreamId(2) });
    assert!(!samples(&lab, 1).2);
    talk(&mut lab, 51);
    lab.order(Order::Close { stream: StreamId(1) });
    let (left, right, closed) = samples(&lab, 1);
    assert!(closed);
    assert_eq!(left.len(), 16_000);
    assert!(near(left[15_000], 8_000) && near(right[7_000], -4_000) && near(right[9_000], 0));
    assert_eq!(lab.engine.next_deadline().map(|at| at < lab.now + S), Some(true));
    lab.pass(S);
    assert_eq!(lab.engine.next_deadline(), None, "nothing is left to do");
}

#[test]
fn a_stream_that_opens_later_is_recorded_too() {
    let mut lab = Lab::new();
    lab.open(1, strowger_media::order::StreamKind::Audio, pcmu());
    record(&mut lab, 1);
    lab.open(2, strowger_media::order::StreamKind::Audio, pcma());
    talk(&mut lab, 1);
    lab.order(Order::Close { stream: StreamId(1) });
    lab.order(Order::Close { stream: StreamId(2) });
    let (_, right, closed) = samples(&lab, 1);
    assert!(closed && right.iter().all(|sample| near(*sample, -4_000)));
}

#[test]
fn what_cannot_be_recorded_is_reported() {
    let mut lab = Lab::new();
    record(&mut lab, 1);
    let refused = |event: &MediaEvent| {
        matches!(event, MediaEvent::RecordingEnded { error: Some(_), bytes: 0, .. })
    };
    assert!(lab.events.iter().any(refused));
    assert!(lab.requests.is_empty());
    let mut lab = Lab::call(pcmu(), pcmu());
    record(&mut lab, 1);
    record(&mut lab, 1);
    assert_eq!(lab.events.iter().filter(|event| refused(event)).count(), 1);
}

#[test]
fn a_failed_recording_is_forgotten_and_the_call_goes_on() {
    let mut lab = Lab::call(pcmu(), pcma());
    record(&mut lab, 1);
    lab.engine.recording_failed(RecordingId(1));
    lab.requests.clear();
    talk(&mut lab, 1);
    assert_eq!(samples(&lab, 1).0.len(), 0);
    assert_eq!(lab.heard_at(2).len(), 50);
    lab.order(Order::StopRecord { recording: RecordingId(1) });
    assert!(!samples(&lab, 1).2);
}
