//! The words of the call distributor: queues, agents, offers, and what is told and remembered of them.

pub mod config;
pub mod explain;
pub mod figures;
pub mod order;
pub mod ranges;
pub mod view;

pub use config::{
    AcdConfig, AgentConfig, AgentPlace, Choice, HangupAction, Limits, QueueConfig, Service,
    SkillNeed, Strategy, TenantAcd, Tier, Times, Voice, Voicemail, WaitSound,
};
pub use explain::{AgentVerdict, CallerVerdict, Condition, Explanation};
pub use figures::{AgentFigures, FigureRecord, FigureSubject, QueueFigures};
pub use order::{AgentOrder, DefinitionOrder, Intent, IntentRecord, IntentSource, QueueOrder};
pub use view::{Activity, AgentView, MemberState, MemberView, QueueView};

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CallId, TenantId};

/// A queue within its tenant; its number shares the space of extensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueueKey {
    /// The tenant that owns the number space.
    pub tenant: TenantId,
    /// The bare number, e.g. `9001`.
    pub number: String,
}

impl fmt::Display for QueueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.number)
    }
}

/// An agent within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AgentKey {
    /// Whose.
    pub tenant: TenantId,
    /// The agent's id, e.g. `101`.
    pub id: String,
}

impl fmt::Display for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.id)
    }
}

/// One offer of one caller to one agent: a number of its own, never used again. Whatever comes back for an older one
/// changes nothing.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct OfferId(pub u64);

impl fmt::Display for OfferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How an offer ended: exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEnd {
    /// The agent took the call.
    Answered,
    /// It rang out.
    NoAnswer,
    /// The phone said busy.
    Busy,
    /// The agent refused.
    Rejected,
    /// The phone could not be reached, or answered and was gone before the bridge.
    Unreachable,
    /// The caller left first.
    CallerGone,
    /// Another agent of the same caller was faster.
    WonByAnother,
    /// The agent, the queue or the place in it was taken away meanwhile.
    Withdrawn,
}

/// Why a caller left a queue without an agent, as counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverflowReason {
    /// `max_wait_time` is over (or five minutes of early media).
    Timeout,
    /// `max_wait_time_with_no_agent` is over, or nobody is logged in and `exit_with_no_av_agents` is set.
    NoAgent,
    /// `max_length` callers wait already.
    Full,
    /// The caller pressed `exit_key`.
    ExitKey,
    /// The queue was removed while it had callers.
    QueueRemoved,
}

impl OverflowReason {
    /// The name under which it is counted and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::NoAgent => "no_agent",
            Self::Full => "full",
            Self::ExitKey => "exit_key",
            Self::QueueRemoved => "queue_removed",
        }
    }
}

/// A caller who wants to be queued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The caller's call; it names the caller in the distributor.
    pub call: CallId,
    /// Where.
    pub queue: QueueKey,
    /// The caller's number, for `try_same_agent_time`; empty when unknown.
    pub number: String,
    /// At the beginning; `aging_secs` adds to it.
    pub priority: u32,
    /// Skills that this caller needs besides the queue's own, by name with the least level.
    pub skills: Vec<SkillNeed>,
}
