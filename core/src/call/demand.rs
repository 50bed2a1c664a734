//! Recording on demand: begun, paused, resumed and stopped while both ends talk, by a code that a party presses or by
//! order from outside.
//!
//! A party acts only on what a party began: what the configuration or a supervisor wants on record stays on record. The
//! file goes on with silence during a pause, so that a place in it is a moment of the call.

use std::fmt;

use media::order::Order;

use crate::vocab::record::Party;
use crate::vocab::recording::{BegunBy, Gap, RecordingAction};
use crate::vocab::{EventKind, ExtensionKey, Record};

use super::record::Recording;
use super::{Call, Ctx, SECOND, Stage, Wish};

/// Keys of a code that are further apart do not belong together.
const CODE_PATIENCE: u64 = 3 * SECOND;
/// Pauses of one recording.
const MAX_GAPS: usize = 100;

/// Why an order about a recording was not carried out; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRecorded {
    /// There is no conversation, or no sound in it.
    NoConversation,
    /// It is being recorded already.
    Running,
    /// It is not being recorded.
    NotRunning,
    /// It pauses already.
    Paused,
    /// It does not pause.
    NotPaused,
    /// It has been paused too often.
    TooManyGaps,
    /// It is for somebody else to say.
    NotTheirs,
}

impl fmt::Display for NotRecorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoConversation => "only a conversation can be recorded: both ends must talk",
            Self::Running => "the call is being recorded already",
            Self::NotRunning => "the call is not being recorded",
            Self::Paused => "the recording pauses already",
            Self::NotPaused => "the recording does not pause",
            Self::TooManyGaps => {
                "the recording has been paused 100 times; stop it and start another"
            }
            Self::NotTheirs => {
                "the recording was begun by policy or by a supervisor; a supervisor may change it"
            }
        })
    }
}

/// The keys that a party pressed last, as far as they can be the beginning of a code.
#[derive(Debug, Default)]
pub(crate) struct Pressed {
    keys: String,
    at: u64,
}

impl Pressed {
    /// Takes a key; true when it completes the code.
    fn completes(&mut self, now: u64, key: char, code: &str) -> bool {
        if now.saturating_sub(self.at) > CODE_PATIENCE {
            self.keys.clear();
        }
        self.at = now;
        self.keys.push(key);
        while !code.starts_with(&self.keys) {
            self.keys.remove(0);
        }
        let complete = self.keys == code;
        if complete {
            self.keys.clear();
        }
        complete && !code.is_empty()
    }
}

impl Call {
    /// A key of a party's. When it completes the code, the switch is asked whether that party may record.
    pub(crate) fn watch_for_code(&mut self, ctx: &Ctx<'_>, side: usize, key: char) {
        let Stage::Talking(talk) = &mut self.stage else { return };
        let Some(pressed) = talk.pressed.get_mut(side) else { return };
        if !pressed.completes(ctx.now.mono, key, &ctx.policy.record_code) {
            return;
        }
        if let Party::Extension { extension, .. } = self.party(side) {
            self.wish.get_or_insert(Wish::Record(extension));
        }
    }

    /// The switch answers [`Wish::Record`]: the party may. What a party began is stopped, otherwise a recording begins.
    pub fn toggle_recording(&mut self, ctx: &mut Ctx<'_>) {
        let action = match self.conversation_recording() {
            Some(_) => RecordingAction::Stop,
            None => RecordingAction::Start,
        };
        // A phone has no way to be told why not.
        let _ = self.order_recording(ctx, action, BegunBy::Party);
    }

    /// Carries out an order of somebody who has the right to record this call.
    ///
    /// # Errors
    /// It contradicts what is.
    pub fn order_recording(
        &mut self,
        ctx: &mut Ctx<'_>,
        action: RecordingAction,
        by: BegunBy,
    ) -> Result<(), NotRecorded> {
        let running = self.conversation_recording();
        let foreign = running.is_some_and(|own| by == BegunBy::Party && own.begun_by != by);
        match (action, running) {
            (RecordingAction::Start, Some(_)) => Err(NotRecorded::Running),
            (RecordingAction::Start, None) => self.begin_recording(ctx, by),
            (_, None) => Err(NotRecorded::NotRunning),
            (_, Some(_)) if foreign => Err(NotRecorded::NotTheirs),
            (RecordingAction::Pause, Some(own)) if own.pauses() => Err(NotRecorded::Paused),
            (RecordingAction::Pause, Some(own)) if own.gaps.len() >= MAX_GAPS => {
                Err(NotRecorded::TooManyGaps)
            }
            (RecordingAction::Resume, Some(own)) if !own.pauses() => Err(NotRecorded::NotPaused),
            (RecordingAction::Pause, Some(_)) => {
                self.set_paused(ctx, true);
                Ok(())
            }
            (RecordingAction::Resume, Some(_)) => {
                self.set_paused(ctx, false);
                Ok(())
            }
            (RecordingAction::Stop, Some(_)) => {
                self.stop_recordings(ctx);
                Ok(())
            }
        }
    }

    fn begin_recording(&mut self, ctx: &mut Ctx<'_>, by: BegunBy) -> Result<(), NotRecorded> {
        let talking = matches!(self.stage, Stage::Talking(_));
        if talking && self.start_recording(ctx, by) {
            return Ok(());
        }
        Err(NotRecorded::NoConversation)
    }

    /// What is being recorded of the conversation, paused or not.
    fn conversation_recording(&self) -> Option<&Recording> {
        self.recordings.iter().find(|own| own.is_conversation())
    }

    fn set_paused(&mut self, ctx: &mut Ctx<'_>, paused: bool) {
        let Some(own) = self.recordings.iter_mut().find(|own| own.is_conversation()) else {
            return;
        };
        let (recording, path) = (own.id, own.path.clone());
        let at_ms = ctx.now.mono.saturating_sub(own.began) / 1_000_000;
        if paused {
            own.gaps.push(Gap { from_ms: at_ms, until_ms: None });
        } else if let Some(gap) = own.gaps.last_mut() {
            gap.until_ms = Some(at_ms);
        }
        let (call, interaction) = (self.id, self.interaction);
        let (order, kind) = if paused {
            let kind = EventKind::RecordingPaused { call, interaction, path, at_ms };
            (Order::PauseRecord { recording }, kind)
        } else {
            let kind = EventKind::RecordingResumed { call, interaction, path, at_ms };
            (Order::ResumeRecord { recording }, kind)
        };
        ctx.out.media(self.worker, order);
        if !paused {
            self.play_recording_tone(ctx);
        }
        ctx.out.publish(ctx.now, Some(&self.tenant), kind);
        // A killed process leaves an open record; what was left out must be known then too.
        let open = self.recordings.iter().find(|own| own.is_conversation());
        if let Some(record) = open.map(|own| self.recording_record(own)) {
            ctx.out.persist(Record::RecordingOpened(record));
        }
    }

    /// A queue or an extension wants it recorded, or a part of it is.
    pub fn is_on_record(&self) -> bool {
        self.legs.iter().any(|leg| leg.record) || self.recorded > 0
    }

    /// The extensions that talk here.
    pub fn extensions(&self) -> impl Iterator<Item = &ExtensionKey> {
        self.legs.iter().filter_map(|leg| match &leg.party {
            Party::Extension { extension, .. } => Some(extension),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether each key completes the code, a second apart unless a pause is named.
    fn typed(code: &str, keys: &str) -> Vec<bool> {
        let mut pressed = Pressed::default();
        let mut now = 0;
        let mut take = |key: char| {
            now += SECOND;
            match key {
                ' ' => {
                    now += CODE_PATIENCE;
                    None
                }
                key => Some(pressed.completes(now, key, code)),
            }
        };
        keys.chars().filter_map(&mut take).collect()
    }

    #[test]
    fn a_code_is_its_keys_one_after_the_other() {
        assert_eq!(typed("*1", "*1"), [false, true]);
        assert_eq!(typed("*1", "**1"), [false, false, true]);
        assert_eq!(typed("*1", "*21"), [false, false, false]);
        assert_eq!(typed("*1", "*1*1"), [false, true, false, true]);
        assert_eq!(typed("*1", "*11"), [false, true, false]);
        assert_eq!(typed("*1", "* 1"), [false, false], "too slowly");
        assert_eq!(typed("**1", "***1"), [false, false, false, true]);
        assert_eq!(typed("", "*1"), [false, false], "no code, no recording");
    }
}
