//! Recordings: of a conversation, both ends in one file, and of what an attended caller says.

use media::order::{Order, RecordingId, VoiceEnd};

use crate::vocab::record::RecordingRecord;
use crate::vocab::recording::{BegunBy, Gap};
use crate::vocab::{EventKind, Now, Record};

use super::attend::Note;
use super::{CALLER, Call, Ctx, Stage, other};

/// A recording that is being written or closed.
#[derive(Debug)]
pub(crate) struct Recording {
    pub id: RecordingId,
    pub path: String,
    /// Milliseconds since the Unix epoch.
    pub started_at: u64,
    /// The same moment; monotonic nanoseconds.
    pub began: u64,
    pub begun_by: BegunBy,
    /// Where it pauses, or paused.
    pub gaps: Vec<Gap>,
    /// Not yet told to stop.
    running: bool,
    what: What,
}

impl Recording {
    fn new(id: RecordingId, path: String, now: Now, what: What) -> Self {
        let (started_at, began) = (now.wall, now.mono);
        let (begun_by, gaps) = (BegunBy::Policy, Vec::new());
        Self { id, path, started_at, began, begun_by, gaps, running: true, what }
    }

    /// The conversation is being recorded, or pauses.
    pub fn is_conversation(&self) -> bool {
        self.running && self.what == What::Conversation
    }

    /// Nothing is being recorded for now.
    pub fn pauses(&self) -> bool {
        self.gaps.last().is_some_and(|gap| gap.until_ms.is_none())
    }
}

/// What is being recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Both ends, for the call's record.
    Conversation,
    /// The caller alone, for the feature that ordered it.
    Voice,
}

/// How a recording ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingEnd {
    /// Which.
    pub recording: RecordingId,
    /// Length of audio in the file, in ms.
    pub length_ms: u64,
    /// File size in bytes.
    pub bytes: u64,
    /// What was heard; `None` where it failed.
    pub voice: Option<VoiceEnd>,
    /// Why it ended early, if so.
    pub error: Option<String>,
}

impl Call {
    /// Records the conversation. False where an end has no sound.
    pub(crate) fn start_recording(&mut self, ctx: &mut Ctx<'_>, by: BegunBy) -> bool {
        let [caller, callee] = &self.legs;
        let (Some(left), Some(right)) = (caller.media.audio(), callee.media.audio()) else {
            return false;
        };
        let (left, right) = if self.turned { (right, left) } else { (left, right) };
        let recording = ctx.ids.recording();
        self.recorded += 1;
        let path = recording_path(&self.tenant, self.id, self.recorded, ctx.now);
        let order = Order::Record { recording, left, right, path: path.clone() };
        ctx.out.media(self.worker, order);
        let own = Recording::new(recording, path.clone(), ctx.now, What::Conversation);
        let own = Recording { begun_by: by, ..own };
        ctx.out.persist(Record::RecordingOpened(self.recording_record(&own)));
        self.recordings.push(own);
        self.record.recording = Some(path.clone());
        let (call, interaction) = (self.id, self.interaction);
        let kind = EventKind::RecordingStarted { call, interaction, path };
        ctx.out.publish(ctx.now, Some(&self.tenant), kind);
        self.play_recording_tone(ctx);
        true
    }

    /// Both parties are told that they are recorded; who is on hold goes on hearing music.
    pub(crate) fn play_recording_tone(&self, ctx: &mut Ctx<'_>) {
        if ctx.policy.media.recording_tone.is_empty() {
            return;
        }
        for side in 0..self.legs.len() {
            let Some(stream) = self.legs[side].media.audio() else { continue };
            if !self.legs[other(side)].holds {
                let prompts = vec![ctx.policy.media.recording_tone.clone()];
                let play = ctx.ids.play();
                ctx.out.media(self.worker, Order::Play { stream, play, prompts, repeat: false });
            }
        }
    }

    /// A recording as it is remembered while it is open.
    pub(crate) fn recording_record(&self, own: &Recording) -> RecordingRecord {
        RecordingRecord {
            call: self.id,
            interaction: self.interaction,
            tenant: self.tenant.clone(),
            path: own.path.clone(),
            started_at: own.started_at,
            length_ms: None,
            bytes: None,
            error: None,
            begun_by: own.begun_by,
            gaps: own.gaps.clone(),
            removed_at: None,
        }
    }

    /// Records what the caller says into a mono WAV below the recordings directory, until it has been silent for
    /// `silence_ms` (0: however long) or `max_ms` are full. [`Note::Recorded`] tells the end. `None` where the caller
    /// cannot be heard.
    pub fn record_caller(
        &mut self,
        ctx: &mut Ctx<'_>,
        path: String,
        max_ms: u32,
        silence_ms: u32,
    ) -> Option<RecordingId> {
        if !self.hears_caller() {
            return None;
        }
        let stream = self.legs[CALLER].media.audio()?;
        let recording = ctx.ids.recording();
        let order =
            Order::RecordVoice { recording, stream, path: path.clone(), max_ms, silence_ms };
        ctx.out.media(self.worker, order);
        self.recordings.push(Recording::new(recording, path, ctx.now, What::Voice));
        Some(recording)
    }

    /// Ends the recording of what the caller says; its end is told as ever.
    pub fn stop_recording_caller(&mut self, ctx: &mut Ctx<'_>) {
        if matches!(self.stage, Stage::Attending(_)) {
            self.stop_recordings(ctx);
        }
    }

    /// Stops what is being recorded.
    pub(crate) fn stop_recordings(&mut self, ctx: &mut Ctx<'_>) {
        for own in self.recordings.iter_mut().filter(|own| own.running) {
            own.running = false;
            ctx.out.media(self.worker, Order::StopRecord { recording: own.id });
        }
    }

    /// A recording's file is closed.
    pub(crate) fn recording_ended(
        &mut self,
        ctx: &mut Ctx<'_>,
        recording: RecordingId,
        end: RecordingEnd,
    ) {
        let Some(index) = self.recordings.iter().position(|own| own.id == recording) else {
            return;
        };
        let own = self.recordings.remove(index);
        match own.what {
            What::Conversation => self.conversation_recorded(ctx, own, end),
            What::Voice => self.notes.push(Note::Recorded(end)),
        }
        self.conclude_if_reported(ctx);
    }

    fn conversation_recorded(&mut self, ctx: &mut Ctx<'_>, own: Recording, end: RecordingEnd) {
        let RecordingEnd { length_ms, bytes, error, .. } = end;
        ctx.out.persist(Record::RecordingClosed(RecordingRecord {
            length_ms: Some(length_ms),
            bytes: Some(bytes),
            error: error.clone(),
            ..self.recording_record(&own)
        }));
        let (call, interaction, path) = (self.id, self.interaction, own.path);
        let kind = EventKind::RecordingEnded { call, interaction, path, length_ms, error };
        ctx.out.publish(ctx.now, Some(&self.tenant), kind);
    }

    /// Recordings whose end nobody will report any more.
    pub(crate) fn give_recordings_up(&mut self) {
        for own in self.recordings.drain(..).filter(|own| own.what == What::Voice) {
            self.notes.push(Note::Recorded(RecordingEnd {
                recording: own.id,
                length_ms: 0,
                bytes: 0,
                voice: None,
                error: Some("the worker did not report its end".to_owned()),
            }));
        }
    }
}

/// `tenant/2026-11-21/<call>.wav`, by UTC; a call's second recording is `<call>-2.wav`.
fn recording_path(tenant: &str, call: crate::vocab::CallId, number: u32, now: Now) -> String {
    let (year, month, day) = civil_date(now.wall / 86_400_000);
    let which = if number > 1 { format!("-{number}") } else { String::new() };
    format!("{tenant}/{year:04}-{month:02}-{day:02}/{call}{which}.wav")
}

/// Year, month and day of a number of days since 1970-01-01 in the Gregorian calendar, counted in eras of 400 years.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil_date(0), (1970, 1, 1));
        assert_eq!(civil_date(11_016), (2000, 2, 29));
        assert_eq!(civil_date(11_017), (2000, 3, 1));
        assert_eq!(civil_date(20_778), (2026, 11, 21));
    }
}
