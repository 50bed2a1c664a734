//! Voicemail: leaving a message, listening to one's own, and what lies in the mailboxes.
//!
//! Everything here is pure: [`Deposit`] and [`Visit`] are told what the caller does ([`Heard`]) and say what is to be done
//! ([`Act`]); the switch lends them a call. [`Mailboxes`] holds the messages.

mod boxes;
mod deposit;
mod outbox;
mod spoken;
mod visit;

#[cfg(test)]
mod tests;

pub use boxes::{Mailboxes, PinCheck};
pub use deposit::{Deposit, Leaving};
pub use outbox::Outbox;
pub use visit::{Visit, Visitor};

use crate::vocab::MessageId;
use crate::vocab::mailbox::MessageRecord;

/// One second in nanoseconds.
const SECOND: u64 = 1_000_000_000;
/// A message with less sound than this is none, in ms.
const SHORTEST_MS: u64 = 1_000;
/// How long a recording that was told to stop may take to report, in ns.
const REPORT_LIMIT: u64 = 10 * SECOND;
/// The longest that anything is said without a word from the media worker, in ns.
const SPEECH_LIMIT: u64 = 900 * SECOND;
/// The tone after which one speaks; it is the same in all languages.
const BEEP: &str = "tones/beep";

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The caller can hear and be heard.
    Attended,
    /// What was to be said last has been said.
    Said,
    /// A key: `0-9`, `*`, `#`.
    Key(char),
    /// A recording ended.
    Recorded(Recorded),
    /// The caller is gone.
    Gone,
}

/// A recording's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Names it.
    pub id: MessageId,
    /// Its file below the recordings directory.
    pub path: String,
    /// Length in ms.
    pub length_ms: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Sound in it, in ms; `None` when it failed.
    pub sound_ms: Option<u64>,
}

impl Recorded {
    /// Somebody said something.
    fn is_worth_keeping(&self) -> bool {
        self.sound_ms.is_some_and(|ms| ms >= SHORTEST_MS)
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Say this, instead of what is being said.
    Say(Vec<String>),
    /// Say nothing more.
    Hush,
    /// Record the caller.
    Record {
        /// Longest recording, in ms.
        max_ms: u32,
        /// It ends when nothing was heard for so long, in ms.
        silence_ms: u32,
    },
    /// End the recording; [`Heard::Recorded`] follows.
    StopRecording,
    /// Put a message into its mailbox.
    Keep(Box<MessageRecord>),
    /// The message that was left is urgent.
    Urgent(MessageId),
    /// A message was listened to.
    MarkHeard(MessageId),
    /// Delete a message and its file.
    Delete(MessageId),
    /// The mailbox has this greeting from now on; `None` is the usual one.
    SetGreeting(Option<String>),
    /// Remove a recording's file.
    Discard(String),
    /// A PIN was tried: count it.
    PinTried(bool),
    /// End the call.
    HangUp,
}
