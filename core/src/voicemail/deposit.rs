//! Leaving a message: greeting, tone, recording, thanks.

use crate::vocab::mailbox::{MessageRecord, VoicemailLimits};
use crate::vocab::{CallId, InteractionId, MailboxKey, MessageId, Now};

use super::spoken::phrases;
use super::{Act, BEEP, Heard, REPORT_LIMIT, Recorded, SECOND, SPEECH_LIMIT};

/// Who leaves a message where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// The mailbox.
    pub mailbox: MailboxKey,
    /// The greeting, already complete, without the tone.
    pub greeting: Vec<String>,
    /// Folder of prompts.
    pub language: String,
    /// The mailbox holds no more.
    pub full: bool,
    /// Limits of a message.
    pub limits: VoicemailLimits,
    /// The caller's number, empty when hidden.
    pub number: String,
    /// The caller's name.
    pub name: String,
    /// The call.
    pub call: CallId,
    /// What it belongs to.
    pub interaction: InteractionId,
}

/// A caller who leaves a message.
#[derive(Debug)]
pub struct Deposit {
    about: Leaving,
    state: State,
    deadline: u64,
    kept: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The caller hears nothing yet.
    Waiting,
    /// The greeting, with the tone at its end.
    Greeting,
    /// Only the tone: the caller was in a hurry.
    Beep,
    Recording,
    /// The recording's end is awaited; the caller is still there or not.
    Stopping {
        there: bool,
    },
    /// Last words; a stored message may still be marked.
    Closing {
        stored: Option<MessageId>,
    },
    Done,
}

impl Deposit {
    /// Waits for the caller's media.
    pub fn new(now: Now, about: Leaving) -> Self {
        let deadline = now.mono.saturating_add(60 * SECOND);
        Self { about, state: State::Waiting, deadline, kept: false }
    }

    /// Where the message goes.
    pub fn mailbox(&self) -> &MailboxKey {
        &self.about.mailbox
    }

    /// When [`Self::on_deadline`] is due; monotonic nanoseconds.
    pub fn deadline(&self) -> Option<u64> {
        (self.state != State::Done).then_some(self.deadline)
    }

    /// Nothing more will come of it.
    pub fn is_over(&self) -> bool {
        self.state == State::Done
    }

    /// There is a message of this caller's.
    pub fn has_left_something(&self) -> bool {
        self.kept
    }

    /// Something happened.
    pub fn on(&mut self, now: Now, heard: Heard) -> Vec<Act> {
        match (self.state, heard) {
            (State::Done, _) => Vec::new(),
            (_, Heard::Gone) => self.gone(now),
            (State::Waiting, Heard::Attended) => self.greet(now),
            (State::Greeting | State::Beep, Heard::Said) => self.record(now),
            (State::Greeting, Heard::Key('#')) => {
                self.enter(now, State::Beep, SPEECH_LIMIT);
                vec![Act::Say(vec![BEEP.to_owned()])]
            }
            (State::Recording, Heard::Key('#')) => {
                self.enter(now, State::Stopping { there: true }, REPORT_LIMIT);
                vec![Act::StopRecording]
            }
            (State::Recording, Heard::Recorded(end)) => self.recorded(now, &end, true),
            (State::Stopping { there }, Heard::Recorded(end)) => self.recorded(now, &end, there),
            (State::Closing { stored: Some(id) }, Heard::Key('1')) => {
                let said = phrases(&self.about.language, &["marked-urgent", "goodbye"]);
                self.enter(now, State::Closing { stored: None }, SPEECH_LIMIT);
                vec![Act::Urgent(id), Act::Say(said)]
            }
            (State::Closing { .. }, Heard::Said) => self.end(),
            _ => Vec::new(),
        }
    }

    /// Something that should have happened did not.
    pub fn on_deadline(&mut self, now: Now) -> Vec<Act> {
        if self.state == State::Done || now.mono < self.deadline {
            return Vec::new();
        }
        let recording = matches!(self.state, State::Recording | State::Stopping { .. });
        let mut acts = if recording { vec![Act::StopRecording] } else { Vec::new() };
        acts.extend(self.end());
        acts
    }

    fn enter(&mut self, now: Now, state: State, limit: u64) {
        self.state = state;
        self.deadline = now.mono.saturating_add(limit);
    }

    fn end(&mut self) -> Vec<Act> {
        self.state = State::Done;
        vec![Act::HangUp]
    }

    fn greet(&mut self, now: Now) -> Vec<Act> {
        if self.about.full {
            self.enter(now, State::Closing { stored: None }, SPEECH_LIMIT);
            return vec![Act::Say(phrases(&self.about.language, &["mailbox-full", "goodbye"]))];
        }
        self.enter(now, State::Greeting, SPEECH_LIMIT);
        let mut said = self.about.greeting.clone();
        said.push(BEEP.to_owned());
        vec![Act::Say(said)]
    }

    fn record(&mut self, now: Now) -> Vec<Act> {
        let VoicemailLimits { max_secs, silence_secs, .. } = self.about.limits;
        let limit = u64::from(max_secs).saturating_add(30).saturating_mul(SECOND);
        self.enter(now, State::Recording, limit);
        let (max_ms, silence_ms) =
            (max_secs.saturating_mul(1_000), silence_secs.saturating_mul(1_000));
        vec![Act::Record { max_ms, silence_ms }]
    }

    fn recorded(&mut self, now: Now, end: &Recorded, there: bool) -> Vec<Act> {
        let mut acts = Vec::new();
        let stored = end.is_worth_keeping().then_some(end.id);
        self.kept |= stored.is_some();
        acts.push(match stored {
            Some(_) => Act::Keep(Box::new(self.message(now, end))),
            None => Act::Discard(end.path.clone()),
        });
        if !there {
            self.state = State::Done;
            return acts;
        }
        let words: &[&str] = match stored {
            Some(_) => &["message-saved", "to-mark-urgent", "goodbye"],
            None => &["nothing-recorded", "goodbye"],
        };
        self.enter(now, State::Closing { stored }, SPEECH_LIMIT);
        acts.push(Act::Say(phrases(&self.about.language, words)));
        acts
    }

    /// The caller hung up: the media worker ends the recording by itself.
    fn gone(&mut self, now: Now) -> Vec<Act> {
        match self.state {
            State::Recording | State::Stopping { .. } => {
                self.enter(now, State::Stopping { there: false }, REPORT_LIMIT);
            }
            _ => self.state = State::Done,
        }
        Vec::new()
    }

    fn message(&self, now: Now, end: &Recorded) -> MessageRecord {
        let about = &self.about;
        MessageRecord {
            id: end.id,
            mailbox: about.mailbox.clone(),
            number: about.number.clone(),
            name: about.name.clone(),
            at: now.wall,
            length_ms: end.length_ms,
            bytes: end.bytes,
            path: end.path.clone(),
            heard: false,
            urgent: false,
            call: about.call,
            interaction: about.interaction,
        }
    }
}
