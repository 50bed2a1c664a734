//! What the switch wants remembered.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{CallId, ExtensionKey, InteractionId, TenantId, TrunkKey};

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
    /// A call was admitted.
    CallOpened(Box<CallRecord>),
    /// A call is over; replaces the open record.
    CallClosed(Box<CallRecord>),
    /// A recording began.
    RecordingOpened(RecordingRecord),
    /// A recording is closed.
    RecordingClosed(RecordingRecord),
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
