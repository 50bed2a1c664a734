//! What the switch wants remembered.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::acd::{AgentConfig, FigureRecord, FigureSubject, IntentRecord, QueueConfig, QueueKey};
use super::define::{Entry, EntryKey};
use super::dial::{DialNumberRecord, DialTaskKey, DialTaskRecord};
use super::mailbox::{GreetingRecord, MailRecord, MessageRecord};
use super::menu::Menu;
use super::provision::PhoneRecord;
use super::recording::{BegunBy, Gap};
use super::settings::{SettingsRecord, TenantSettingsRecord};
use super::watch::SubscriptionRecord;
use super::{
    AgentKey, CallId, ExtensionKey, InteractionId, MenuKey, MessageId, TenantId, TrunkKey,
};

/// One thing to write. Writing the same record twice does no harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// A binding is new or refreshed.
    Registered(RegistrationRecord),
    /// A binding is gone.
    Unregistered {
        /// Whose.
        extension: ExtensionKey,
        /// Contact URI as registered.
        contact: String,
    },
    /// A subscription is new, or what is stored of it is out of date.
    Subscribed(Box<SubscriptionRecord>),
    /// A subscription is over.
    Unsubscribed {
        /// Its dialog's Call-ID.
        call_id: String,
        /// Our tag in it.
        tag: String,
    },
    /// A phone was defined over HTTP, or its secrets changed; replaces what was written of it before.
    Phone(Box<PhoneRecord>),
    /// A phone defined over HTTP is gone.
    PhoneGone(String),
    /// A call was admitted.
    CallOpened(Box<CallRecord>),
    /// A call is over; replaces the open record.
    CallClosed(Box<CallRecord>),
    /// A recording began.
    RecordingOpened(RecordingRecord),
    /// A recording is closed.
    RecordingClosed(RecordingRecord),
    /// An agent's intent changed.
    AgentIntent(IntentRecord),
    /// A quarter of an hour of figures; replaces what was written of it before.
    Counted(Box<FigureRecord>),
    /// A queue or an agent was defined over HTTP; replaces an earlier definition.
    Defined(Definition),
    /// A queue or an agent defined over HTTP is gone.
    Undefined(FigureSubject),
    /// A message is in its mailbox; replaces what was written of it before.
    Message(Box<MessageRecord>),
    /// A message is gone.
    MessageDeleted(MessageId),
    /// A mailbox's greeting changed.
    Greeting(GreetingRecord),
    /// Mail is to be sent; again and again until it is done.
    MailQueued(Box<MailRecord>),
    /// An attempt to send mail failed.
    MailTried {
        /// Which.
        id: MessageId,
        /// Attempts so far.
        attempts: u32,
        /// When the next one is due, milliseconds since the Unix epoch.
        next_at: u64,
    },
    /// Mail was handed over, or given up.
    MailDone(MessageId),
    /// A menu was defined over HTTP; replaces an earlier definition.
    MenuDefined(Box<Menu>),
    /// A menu defined over HTTP is gone.
    MenuUndefined(MenuKey),
    /// An extension's settings changed.
    Settings(Box<SettingsRecord>),
    /// What a tenant has set changed.
    TenantSettings(Box<TenantSettingsRecord>),
    /// Something was defined over HTTP; replaces an earlier definition.
    Entry(Box<Entry>),
    /// ... and is gone.
    EntryGone(EntryKey),
    /// A dial task is new or stands otherwise; replaces what was written of it before.
    DialTask(Box<DialTaskRecord>),
    /// A dial task is gone, with its numbers.
    DialTaskGone(DialTaskKey),
    /// A number of a dial task; replaces what was written of it before.
    DialNumber(Box<DialNumberRecord>),
    /// A number is never dialled for a tenant, or may be again.
    DoNotCall {
        /// Whose.
        tenant: TenantId,
        /// In its canonical form.
        number: String,
        /// False to allow it again.
        listed: bool,
    },
    /// A tenant is gone: nothing of it is kept.
    TenantGone(TenantId),
}

/// What was defined over HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Definition {
    /// A queue.
    Queue(Box<QueueConfig>),
    /// An agent with its tiers.
    Agent(Box<AgentConfig>),
}

/// Messages of a mailbox, as a phone's lamp shows them (RFC 3842).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxCounts {
    /// Not listened to yet.
    pub new: u32,
    /// Listened to and kept.
    pub old: u32,
    /// Of the new ones, urgent.
    pub urgent_new: u32,
    /// Of the old ones, urgent.
    pub urgent_old: u32,
}

/// A contact that an extension registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistrationRecord {
    /// Whose.
    pub extension: ExtensionKey,
    /// Contact URI as registered.
    pub contact: String,
    /// RFC 3261 q-value in thousandths.
    pub q: u16,
    /// Call-ID of the REGISTER.
    pub call_id: String,
    /// CSeq of the REGISTER.
    pub cseq: u32,
    /// The flow it came by; a stream's flow does not survive a restart.
    pub flow: sip::Flow,
    /// Paths to take (RFC 3327), outermost first.
    pub path: Vec<String>,
    /// User-Agent, at most 128 bytes.
    pub user_agent: String,
    /// When it ends, milliseconds since the Unix epoch.
    pub expires_at: u64,
}

/// One end of a call, as shown and stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Party {
    /// A phone of ours.
    Extension {
        /// Which.
        extension: ExtensionKey,
        /// Its name.
        name: String,
    },
    /// A number outside.
    Trunk {
        /// By which trunk.
        trunk: TrunkKey,
        /// The number there.
        number: String,
        /// Its display name, if known.
        name: String,
    },
    /// The switch itself: echo test, announcement.
    Service {
        /// Which, e.g. `echo`.
        name: String,
    },
    /// Nobody, yet or ever.
    Nobody,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// One of the parties hung up after the answer.
    Normal,
    /// The caller gave up before the answer.
    Cancelled,
    /// The called party was busy.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// The called party refused.
    Rejected,
    /// The number leads nowhere.
    NotFound,
    /// The extension has no registered contact.
    NotRegistered,
    /// Nothing at the other end answers.
    Unreachable,
    /// The caller may not call there.
    Forbidden,
    /// A limit of the extension, the trunk or the switch was reached.
    Congestion,
    /// The ends have no codec in common.
    Incompatible,
    /// A party was silent for too long.
    MediaTimeout,
    /// The session timer ran out (RFC 4028).
    SessionExpired,
    /// The longest duration was reached.
    TooLong,
    /// A party was given to somebody else.
    Transferred,
    /// The caller took a call that rang elsewhere, or was parked.
    PickedUp,
    /// A party was parked.
    Parked,
    /// A party went into a conference.
    Conferenced,
    /// The robot that was to talk could not be reached, or the connection to it broke.
    RobotLost,
    /// Ended over HTTP.
    Administrative,
    /// The process was told to stop.
    Shutdown,
    /// The process died.
    Restart,
    /// Anything else that went wrong.
    Failed,
}

impl EndCause {
    /// The name under which it is stored, shown and counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Cancelled => "cancelled",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Rejected => "rejected",
            Self::NotFound => "not_found",
            Self::NotRegistered => "not_registered",
            Self::Unreachable => "unreachable",
            Self::Forbidden => "forbidden",
            Self::Congestion => "congestion",
            Self::Incompatible => "incompatible",
            Self::MediaTimeout => "media_timeout",
            Self::SessionExpired => "session_expired",
            Self::TooLong => "too_long",
            Self::Transferred => "transferred",
            Self::PickedUp => "picked_up",
            Self::Parked => "parked",
            Self::Conferenced => "conferenced",
            Self::RobotLost => "robot_lost",
            Self::Administrative => "administrative",
            Self::Shutdown => "shutdown",
            Self::Restart => "restart",
            Self::Failed => "failed",
        }
    }
}

/// Who ended the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// Who called.
    Caller,
    /// Who was called.
    Callee,
    /// The switch.
    Switch,
}

/// A call's life, open (no `ended_at`) or closed. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Names it.
    pub call: CallId,
    /// What it belongs to.
    pub interaction: InteractionId,
    /// Whose.
    pub tenant: TenantId,
    /// Who called.
    pub caller: Party,
    /// Who answered, or was tried last.
    pub callee: Party,
    /// What was dialled.
    pub dialled: String,
    /// Admitted.
    pub started_at: u64,
    /// Somebody rang.
    pub ringing_at: Option<u64>,
    /// Somebody answered.
    pub answered_at: Option<u64>,
    /// Over.
    pub ended_at: Option<u64>,
    /// How it ended; `None` while open.
    pub end: Option<CallEnd>,
    /// Quality by end: caller first.
    pub quality: Vec<Quality>,
    /// Recording below the recordings directory, if any.
    pub recording: Option<String>,
    /// Who took the call while it rang elsewhere; `callee` is then who was called, for callers of queues who answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picked_up_by: Option<Party>,
    /// The number of a dial task for which the switch made the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialled_for: Option<DialledFor>,
    /// The tenant's number that whoever was called outside saw, where the order for the call or its dial task said which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// What happened in queues, in order; empty for most calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queued: Vec<QueueVisit>,
}

/// For what the switch dialled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialledFor {
    /// The dial task's id.
    pub task: String,
    /// The number's id within it.
    pub number: String,
    /// What a robot noted in the call.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<String, String>,
}

/// A call's stay in one queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueVisit {
    /// Which.
    pub queue: QueueKey,
    /// Joined, milliseconds since the Unix epoch.
    pub joined_at: u64,
    /// Left for an agent, or otherwise.
    pub left_at: Option<u64>,
    /// How it ended: `answered`, `abandoned`, `removed`, `picked_up`, `callback`, `restart` or
    /// why it overflowed (`timeout`, `no_agent` ...).
    pub outcome: Option<String>,
    /// The agent who was bridged.
    pub agent: Option<AgentKey>,
    /// The caller's rating, where one was asked for and given.
    pub rating: Option<u8>,
}

/// The end of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallEnd {
    /// In our own words.
    pub cause: EndCause,
    /// Who did it.
    pub by: EndedBy,
    /// SIP status behind it, 0 where none.
    pub sip_status: u16,
    /// Q.850 cause.
    pub q850: u16,
}

/// How well one end was heard: what its stream reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// True for the caller's end.
    pub caller: bool,
    /// Figures.
    pub report: media::order::StreamReport,
}

/// A recording, open (no length) or closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordingRecord {
    /// Of which call.
    pub call: CallId,
    /// What it belongs to.
    pub interaction: InteractionId,
    /// Whose.
    pub tenant: TenantId,
    /// File below the recordings directory; names it.
    pub path: String,
    /// Began, milliseconds since the Unix epoch.
    pub started_at: u64,
    /// Length in ms, once closed.
    pub length_ms: Option<u64>,
    /// Size in bytes, once closed.
    pub bytes: Option<u64>,
    /// Why it ended early, if so.
    pub error: Option<String>,
    /// Who had it begun.
    #[serde(default)]
    pub begun_by: BegunBy,
    /// Where it paused, in order; the file holds silence there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// When its file was removed for its age or for want of room, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<u64>,
}

/// A registration as the HTTP surface shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistrationView {
    /// As remembered.
    #[serde(flatten)]
    pub record: RegistrationRecord,
    /// Where its packets really come from.
    pub source: SocketAddr,
    /// Answers OPTIONS: `None` before the first answer.
    pub reachable: Option<bool>,
    /// Round trip of the last OPTIONS, in microseconds.
    pub round_trip_us: Option<u32>,
}
