//! Why an agent is, or is not, being offered a caller now.

use serde::{Deserialize, Serialize};

use super::super::CallId;
use super::{AgentKey, OfferId, QueueKey};

/// What stands between an agent and a caller. Of several the first in this order is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "condition", rename_all = "snake_case")]
pub enum Condition {
    /// Nothing: it is being offered this caller, or waits for one.
    Ready,
    /// Rings for this caller now.
    Ringing {
        /// The offer.
        offer: OfferId,
    },
    /// Does not take calls.
    LoggedOut,
    /// Takes none for a while.
    OnBreak {
        /// Why.
        reason: String,
    },
    /// Its phone is not registered, or its number leads nowhere.
    NotReachable,
    /// Rings for another caller.
    OfferedElsewhere {
        /// Of this queue.
        queue: QueueKey,
        /// The caller.
        call: CallId,
    },
    /// Talks with another caller.
    Talking {
        /// Of this queue.
        queue: QueueKey,
        /// The caller.
        call: CallId,
    },
    /// In a call outside the queues, and the queue skips busy agents.
    OnOtherCall,
    /// Finishes the last conversation; `until` in milliseconds since the Unix epoch, 0 without limit.
    WrappingUp {
        /// Ends by itself then.
        until: u64,
    },
    /// Pauses after an offer that failed; `until` in milliseconds since the Unix epoch.
    CoolingDown {
        /// Until then.
        until: u64,
    },
    /// Lacks a skill.
    LacksSkill {
        /// Which.
        skill: String,
        /// Needed now.
        needed: u8,
        /// What it has.
        has: u8,
    },
    /// Its level is not open for this caller yet.
    LevelClosed {
        /// Its level.
        level: u16,
        /// When it opens, milliseconds since the Unix epoch; `None` when that depends on the lower levels' agents.
        opens_at: Option<u64>,
    },
    /// Others come first: as many ring for this caller as the strategy allows.
    EnoughRing {
        /// How many ring.
        ringing: usize,
    },
    /// Another caller has the first claim to this agent.
    CallerAhead {
        /// Of this queue.
        queue: QueueKey,
        /// The caller.
        call: CallId,
    },
    /// The caller's maximum wait is over: nobody is added to those that ring.
    CallerLeaving,
}

/// One agent, seen by one caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentVerdict {
    /// Who.
    pub agent: AgentKey,
    /// Its level in the queue.
    pub level: u16,
    /// Its position in the queue.
    pub position: u16,
    /// What stands between.
    #[serde(flatten)]
    pub condition: Condition,
}

/// One waiting caller with all agents of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerVerdict {
    /// Who; `None` is a caller who would join now.
    pub call: Option<CallId>,
    /// From 1.
    pub position: usize,
    /// Waited so far, in ms.
    pub waited_ms: u64,
    /// Agents by level, position and id.
    pub agents: Vec<AgentVerdict>,
}

/// Why each agent of a queue is or is not being offered, for each of its first callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which.
    pub queue: QueueKey,
    /// When this was true, milliseconds since the Unix epoch.
    pub as_of: u64,
    /// Waiting callers, first to last; at most as many as were asked for. Without any, one that would join now.
    pub callers: Vec<CallerVerdict>,
}
