//! The words of voicemail: mailboxes, messages, and the mail that tells of them.

use serde::{Deserialize, Serialize};

use super::record::MailboxCounts;
use super::{CallId, InteractionId, MailboxKey, MessageId, Secret};

/// Limits of all mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoicemailLimits {
    /// Longest message, in seconds, at most 590. Default 180.
    pub max_secs: u32,
    /// A message ends when nothing was heard for so long, in seconds. Default 5.
    pub silence_secs: u32,
    /// Messages that one mailbox holds; then it is full. Default 100.
    pub max_messages: u16,
}

impl Default for VoicemailLimits {
    fn default() -> Self {
        Self { max_secs: 180, silence_secs: 5, max_messages: 100 }
    }
}

/// The mailbox of an extension. Those of queues follow from their definitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// The extension's tenant and number.
    pub key: MailboxKey,
    /// Digits that open it from a phone; without, it opens from the own extension only.
    pub pin: Option<Secret>,
    /// Who is told of messages by mail; empty tells nobody.
    pub mailto: String,
    /// The WAV goes with the mail.
    pub attach: bool,
}

/// A message in a mailbox. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// Names it; sorts by time.
    pub id: MessageId,
    /// Where it lies.
    pub mailbox: MailboxKey,
    /// The caller's number; empty when it was not shown.
    pub number: String,
    /// The caller's name; may be empty.
    pub name: String,
    /// When it was left.
    pub at: u64,
    /// Length in ms.
    pub length_ms: u64,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// File below the recordings directory.
    pub path: String,
    /// Somebody has listened to it.
    pub heard: bool,
    /// The caller says that it is urgent.
    pub urgent: bool,
    /// The call that left it.
    pub call: CallId,
    /// What that call belongs to.
    pub interaction: InteractionId,
}

/// A mailbox's own greeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GreetingRecord {
    /// Whose.
    pub mailbox: MailboxKey,
    /// File below the recordings directory; `None` is the usual greeting again.
    pub path: Option<String>,
}

/// Mail about a message, on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailRecord {
    /// The message's id names the mail too.
    pub id: MessageId,
    /// To whom; several addresses are separated by commas.
    pub to: String,
    /// The WAV goes with it.
    pub attach: bool,
    /// About what.
    pub message: MessageRecord,
    /// IANA time zone in which the time is written.
    pub timezone: String,
}

/// Mail that had not been handed over when the process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingMail {
    /// The mail.
    pub mail: MailRecord,
    /// Attempts so far.
    pub attempts: u32,
    /// When the next one is due, milliseconds since the Unix epoch.
    pub next_at: u64,
}

/// How an attempt to send mail ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// The server has taken it.
    Taken,
    /// It may take it later; why it did not.
    Later(String),
    /// It will never take it; why.
    Never(String),
}

/// A mailbox as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxView {
    /// Which.
    pub mailbox: MailboxKey,
    /// What lies in it.
    #[serde(flatten)]
    pub counts: MailboxCounts,
    /// It holds as many messages as it may.
    pub full: bool,
    /// It has a greeting of its own.
    pub own_greeting: bool,
}

/// An order about a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailboxOrder {
    /// A message counts as listened to, or not.
    Heard(MessageId, bool),
    /// A message and its file go.
    Delete(MessageId),
}
