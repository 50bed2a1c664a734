//! Recordings: what both streams receive goes into one recorder, whose blocks the worker hands to a writer.

use smallvec::SmallVec;

use super::receive::is_audio;
use super::speech::Schedule;
use super::{Engine, Request};
use crate::order::{
    CodecKind, MediaEvent, PortId, RecordingId, StreamId, VoiceEnd, VoiceEndReason,
};
use crate::recorder::{Hearing, Recorder, Side, left_of};

/// Blocks of all recordings are cut on this grid, so that one wake-up serves many of them, ns. The recorder
/// allows for that much and more.
const GRID: u64 = 50_000_000;
/// Most recordings that one stream can be in.
const MAX_TAPS: usize = 4;

/// A stream's part in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tap {
    slot: u32,
    side: Side,
}

/// When a message ends by itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub max_ms: u32,
    pub silence_ms: u32,
}

/// What makes a recording a message.
#[derive(Debug)]
struct Voice {
    limits: Limits,
    hearing: Hearing,
}

impl Voice {
    fn over(&self) -> Option<VoiceEndReason> {
        let Limits { max_ms, silence_ms } = self.limits;
        if self.hearing.length_ms() >= u64::from(max_ms) {
            return Some(VoiceEndReason::Length);
        }
        let silent = silence_ms > 0 && self.hearing.silent_ms() >= u64::from(silence_ms);
        silent.then_some(VoiceEndReason::Silence)
    }
}

#[derive(Debug)]
struct Recording {
    id: RecordingId,
    recorder: Recorder,
    /// Left and right; a message has its stream twice and its left side only.
    streams: [StreamId; 2],
    voice: Option<Voice>,
    /// What is said is left out.
    paused: bool,
    /// When its next block is cut; other entries of the schedule are stale.
    due: u64,
}

/// The recordings of one engine.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    slots: Vec<Option<Box<Recording>>>,
    schedule: Schedule,
}

impl Recordings {
    fn get(&mut self, slot: u32) -> Option<&mut Recording> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    fn slot_of(&self, id: RecordingId) -> Option<u32> {
        let found = |entry: &Option<Box<Recording>>| {
            entry.as_ref().is_some_and(|recording| recording.id == id)
        };
        self.slots.iter().position(found).map(|slot| slot as u32)
    }

    /// Whether a recording of this name is in progress.
    pub fn is_known(&self, id: RecordingId) -> bool {
        self.slot_of(id).is_some()
    }

    fn insert(&mut self, recording: Recording) -> u32 {
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if free == self.slots.len() {
            self.slots.push(None);
        }
        let due = recording.due;
        if let Some(entry) = self.slots.get_mut(free) {
            *entry = Some(Box::new(recording));
        }
        self.schedule.add(due, PortId(free as u32));
        free as u32
    }

    fn remove(&mut self, slot: u32) -> Option<Box<Recording>> {
        self.slots.get_mut(slot as usize)?.take()
    }

    /// When the next block is to be cut, maybe.
    pub fn next(&self) -> Option<u64> {
        self.schedule.next()
    }

    /// Leaves out what is said, or no longer.
    pub fn pause(&mut self, id: RecordingId, paused: bool) {
        let slot = self.slot_of(id);
        if let Some(recording) = slot.and_then(|slot| self.get(slot)) {
            recording.paused = paused;
        }
    }

    /// Puts a payload on the timeline, unless the recording pauses.
    pub fn receive(&mut self, now: u64, tap: Tap, kind: CodecKind, timestamp: u32, payload: &[u8]) {
        if let Some(recording) = self.get(tap.slot).filter(|recording| !recording.paused) {
            recording.recorder.receive(now, tap.side, kind, timestamp, payload);
        }
    }
}

impl Engine {
    /// Begins a recording of two streams.
    pub(super) fn record(
        &mut self,
        now: u64,
        id: RecordingId,
        streams: [StreamId; 2],
        path: String,
    ) {
        if let Some(error) = self.refusal(id, streams) {
            return self.record_refused(id, error);
        }
        let recorder = Recorder::new(now);
        let due = on_grid(recorder.deadline());
        let (voice, paused) = (None, false);
        let recording = Recording { id, recorder, streams, voice, paused, due };
        let slot = self.recordings.insert(recording);
        for (stream, side) in streams.into_iter().zip([Side::Left, Side::Right]) {
            if let Some((_, stream)) = self.find_mut(stream) {
                stream.taps.push(Tap { slot, side });
            }
        }
        self.requests.push_back(Request::OpenRecording { recording: id, path, channels: 2 });
    }

    /// Begins to record what one stream receives.
    pub(super) fn record_voice(
        &mut self,
        now: u64,
        (id, stream, path): (RecordingId, StreamId, String),
        limits: Limits,
    ) {
        if let Some(error) = self.refusal(id, [stream, stream]) {
            return self.record_refused(id, error);
        }
        let recorder = Recorder::new(now);
        let due = on_grid(recorder.deadline());
        let voice = Some(Voice { limits, hearing: Hearing::default() });
        let (streams, paused) = ([stream, stream], false);
        let recording = Recording { id, recorder, streams, voice, paused, due };
        let slot = self.recordings.insert(recording);
        if let Some((_, stream)) = self.find_mut(stream) {
            stream.taps.push(Tap { slot, side: Side::Left });
        }
        self.requests.push_back(Request::OpenRecording { recording: id, path, channels: 1 });
    }

    pub(super) fn record_refused(&mut self, recording: RecordingId, error: &str) {
        let error = Some(error.to_owned());
        let (length_ms, bytes, voice) = (0, 0, None);
        let ended = MediaEvent::RecordingEnded { recording, length_ms, bytes, error, voice };
        self.events.push_back(ended);
    }

    fn refusal(&self, id: RecordingId, streams: [StreamId; 2]) -> Option<&'static str> {
        if self.recordings.is_known(id) || self.has_tape(id) {
            return Some("this recording is in progress");
        }
        let mut open = streams.iter().filter_map(|stream| self.find(*stream)).peekable();
        if open.peek().is_none() {
            return Some("the streams are closed");
        }
        let full = |(_, stream): (_, &super::stream::Stream)| stream.taps.len() >= MAX_TAPS;
        open.any(full).then_some("the stream is in too many recordings")
    }

    /// Ends a recording; the writer reports its end.
    pub(super) fn stop_record(&mut self, now: u64, id: RecordingId) {
        self.end_recording(now, id, VoiceEndReason::Stopped);
    }

    fn end_recording(&mut self, now: u64, id: RecordingId, reason: VoiceEndReason) {
        if let Some(tape) = self.take_tape(id) {
            return self.close_tape(tape);
        }
        let Some(recording) = self.take_recording(id) else { return };
        let mut rest = recording.recorder.finish(now);
        let voice = recording.voice.map(|mut voice| {
            rest = left_of(&rest);
            voice.hearing.hear(&rest);
            VoiceEnd { reason, sound_ms: voice.hearing.sound_ms() }
        });
        self.requests.push_back(Request::CloseRecording { recording: id, rest, voice });
    }

    /// The writer can go no further with a recording, and has reported it.
    pub fn recording_failed(&mut self, id: RecordingId) {
        self.take_tape(id);
        self.take_recording(id);
    }

    /// Ends all recordings.
    pub fn finish(&mut self, now: u64) {
        let mut ids = self.tapes();
        ids.extend(self.recordings.slots.iter().flatten().map(|recording| recording.id));
        for id in ids {
            self.stop_record(now, id);
        }
    }

    fn take_recording(&mut self, id: RecordingId) -> Option<Box<Recording>> {
        let slot = self.recordings.slot_of(id)?;
        let recording = self.recordings.remove(slot)?;
        for stream in recording.streams {
            if let Some((_, stream)) = self.find_mut(stream) {
                stream.taps.retain(|tap| tap.slot != slot);
            }
        }
        Some(recording)
    }

    /// A stream opens: recordings that were ordered before name it.
    pub(super) fn join_recordings(&mut self, id: StreamId) {
        let mut taps = SmallVec::new();
        for (slot, recording) in (0..).zip(&self.recordings.slots) {
            let Some(recording) = recording else { continue };
            let count = if recording.voice.is_some() { 1 } else { 2 };
            let sides = recording.streams.into_iter().zip([Side::Left, Side::Right]).take(count);
            taps.extend(
                sides.filter(|(stream, _)| *stream == id).map(|(_, side)| Tap { slot, side }),
            );
        }
        if let Some((_, stream)) = self.find_mut(id) {
            stream.taps = taps;
        }
    }

    /// A stream closes: a recording with nobody left ends.
    pub(super) fn leave_recordings(&mut self, now: u64, stream: StreamId) {
        let alone = |recording: &Recording| {
            let mut others = recording.streams.iter().filter(|other| **other != stream);
            recording.streams.contains(&stream) && !others.any(|other| self.find(*other).is_some())
        };
        let left = self.recordings.slots.iter().flatten();
        let left = left.filter(|recording| alone(recording)).map(|recording| recording.id);
        for id in left.collect::<SmallVec<[RecordingId; 2]>>() {
            self.stop_record(now, id);
        }
    }

    /// Hands a packet's payload to the recordings that the stream is in.
    pub(super) fn tap(
        &mut self,
        now: u64,
        port: PortId,
        (kind, timestamp): (CodecKind, u32),
        payload: &[u8],
    ) {
        let stream = self.streams.get(port.0 as usize).and_then(|entry| entry.as_deref());
        let Some(stream) = stream.filter(|_| is_audio(kind)) else { return };
        for tap in &stream.taps {
            self.recordings.receive(now, *tap, kind, timestamp, payload);
        }
    }

    /// Cuts the blocks that are due.
    pub(super) fn cut_blocks(&mut self, now: u64) {
        while let Some((due, PortId(slot))) = self.recordings.schedule.pop_due(now) {
            let Some(recording) = self.recordings.get(slot) else { continue };
            if recording.due != due {
                continue;
            }
            let id = recording.id;
            while let Some(mut block) = recording.recorder.poll(now) {
                if let Some(voice) = &mut recording.voice {
                    block = left_of(&block);
                    voice.hearing.hear(&block);
                }
                self.requests.push_back(Request::WriteBlock { recording: id, block });
            }
            if let Some(reason) = recording.voice.as_ref().and_then(Voice::over) {
                self.end_recording(now, id, reason);
                continue;
            }
            recording.due = on_grid(recording.recorder.deadline());
            let due = recording.due;
            self.recordings.schedule.add(due, PortId(slot));
        }
    }
}

fn on_grid(time: u64) -> u64 {
    time.next_multiple_of(GRID)
}
