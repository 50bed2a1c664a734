//! Recordings of rooms.

use media::order::{Order, RecordingId, Voices};

use crate::vocab::conference::ConferenceChange;
use crate::vocab::record::RecordingRecord;
use crate::vocab::{CallId, ConferenceKey, InteractionId, Now, Record};

use super::Running;

/// A recording of a room that runs or is being closed.
#[derive(Debug)]
pub(super) struct Tape {
    room: ConferenceKey,
    call: CallId,
    interaction: InteractionId,
    pub(super) path: String,
    started_at: u64,
}

impl Tape {
    /// Whose room it is of.
    pub(super) fn is_of(&self, tenant: &str) -> bool {
        self.room.tenant == tenant
    }

    fn record(&self) -> RecordingRecord {
        RecordingRecord {
            call: self.call,
            interaction: self.interaction,
            tenant: self.room.tenant.clone(),
            path: self.path.clone(),
            started_at: self.started_at,
            length_ms: None,
            bytes: None,
            error: None,
            begun_by: Default::default(),
            gaps: Vec::new(),
            removed_at: None,
        }
    }
}

impl Running {
    /// Records a room; the recording is listed under the call of whoever is there longest.
    pub(super) fn begin_tape(&mut self, now: Now, key: &ConferenceKey) {
        let Some(live) = self.conferences.live.get_mut(key) else { return };
        let (Some(first), Some(interaction)) = (live.room.members().first(), live.interaction)
        else {
            return;
        };
        let recording = self.desk.ids.recording();
        let path = format!("{}/conferences/{}-{}.wav", key.tenant, first.call, recording.0);
        let (call, started_at) = (first.call, now.wall);
        let tape = Tape { room: key.clone(), call, interaction, path: path.clone(), started_at };
        live.recording = Some(recording);
        let (mix, worker) = (live.mix, live.worker.unwrap_or_default());
        let order = Order::RecordMix { recording, mix, path: path.clone(), voices: Voices(1) };
        self.desk.out.media(worker, order);
        self.desk.out.persist(Record::RecordingOpened(tape.record()));
        self.conferences.tapes.insert(recording, tape);
        self.publish_room(now, key, ConferenceChange::RecordingStarted);
    }

    pub(super) fn end_tape(&mut self, key: &ConferenceKey) {
        let Some(live) = self.conferences.live.get_mut(key) else { return };
        if let Some(recording) = live.recording.take() {
            let worker = live.worker.unwrap_or_default();
            self.desk.out.media(worker, Order::StopRecord { recording });
        }
    }

    /// A recording's file is closed. False if it is no room's.
    pub(super) fn tape_ended(
        &mut self,
        now: Now,
        recording: RecordingId,
        (length_ms, bytes, error): (u64, u64, Option<String>),
    ) -> bool {
        let Some(tape) = self.conferences.tapes.remove(&recording) else { return false };
        let (length_ms, bytes) = (Some(length_ms), Some(bytes));
        let record = RecordingRecord { length_ms, bytes, error, ..tape.record() };
        self.desk.out.persist(Record::RecordingClosed(record));
        self.publish_room(now, &tape.room, ConferenceChange::RecordingEnded);
        if let Some(live) = self.conferences.live.get_mut(&tape.room)
            && live.recording == Some(recording)
        {
            // It ended by itself: the disk is full, say.
            live.recording = None;
            live.room.recording_ended();
        }
        true
    }
}
