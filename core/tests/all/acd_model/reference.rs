//! The distributor once more, as plainly as possible: lists that are searched from end to end, and everything worked out
//! anew at every step. Offers have no number here: an agent holds at most one, so agent and call name it.

use std::collections::BTreeMap;
use std::fmt;

use strowger_core::vocab::CallId;
use strowger_core::vocab::acd::*;

pub const SECOND: u64 = 1_000_000_000;
/// Shortest pause after an offer that failed.
pub const LEAST_PAUSE: u64 = SECOND;
/// An answered offer that is never bridged is given up.
pub const BRIDGE_LIMIT: u64 = 120 * SECOND;
/// Early media lasts no longer.
pub const EARLY_LIMIT: u64 = 300 * SECOND;
/// A caller who is called back answers within this, or the attempt has failed.
pub const CALLBACK_LIMIT: u64 = 30 * SECOND;
/// Pause between two attempts of a callback.
pub const CALLBACK_PAUSE: u64 = 60 * SECOND;

/// What can be seen of one step.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    Offer {
        agent: AgentKey,
        call: CallId,
        queue: QueueKey,
        place: String,
        ring_ms: u64,
        confirm: Option<char>,
    },
    Cancel {
        agent: AgentKey,
        call: CallId,
        end: OfferEnd,
    },
    Overflow {
        call: CallId,
        queue: QueueKey,
        reason: OverflowReason,
    },
    CallBack {
        call: CallId,
        queue: QueueKey,
        agent: AgentKey,
        number: String,
        attempt: u8,
    },
    Say {
        call: CallId,
        what: String,
    },
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offer { agent, call, queue, place, ring_ms, confirm } => {
                write!(f, "offer {agent} {} of {queue} at {place} {ring_ms} ms {confirm:?}", call.0)
            }
            Self::Cancel { agent, call, end } => write!(f, "cancel {agent} {} {end:?}", call.0),
            Self::Overflow { call, queue, reason } => {
                write!(f, "overflow {} of {queue} {reason:?}", call.0)
            }
            Self::CallBack { call, queue, agent, number, attempt } => {
                write!(f, "call back {} {number} of {queue} for {agent}, attempt {attempt}", call.0)
            }
            Self::Say { call, what } => write!(f, "say {} {what}", call.0),
        }
    }
}

/// A place that is kept for somebody who hung up.
#[derive(Debug, Clone, PartialEq)]
pub struct Callback {
    pub attempts: u8,
    pub not_before: u64,
    /// The agent who waits for the caller.
    pub reserved: Option<AgentKey>,
    /// While it is being tried: until when.
    pub trying: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct Caller {
    pub call: CallId,
    pub queue: QueueKey,
    pub joined: u64,
    /// The call that joined; one that was called back has another.
    pub first: CallId,
    pub base: u32,
    pub number: String,
    pub needs: Vec<SkillNeed>,
    /// Last one rung for this caller, by top-down and ring-progressively.
    pub last: Option<(u16, AgentKey)>,
    /// When ring-progressively added somebody.
    pub added: u64,
    /// The agent who knows this number rings alone.
    pub alone: bool,
    /// ... and was tried before.
    pub tried: bool,
    /// From here its limits count: when it joined, or was called back.
    pub since: u64,
    pub called_back: bool,
    pub callback: Option<Callback>,
    pub announce_at: Option<u64>,
    pub position_at: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct Ring {
    pub agent: AgentKey,
    pub call: CallId,
    pub ends: u64,
    /// The agent's level when it was rung.
    pub level: u16,
    pub answered: bool,
}

#[derive(Debug, Clone)]
pub struct Talk {
    pub agent: AgentKey,
    pub call: CallId,
    pub queue: QueueKey,
    pub since: u64,
    /// Its disposition was said already.
    pub disposed: bool,
}

#[derive(Debug, Clone)]
pub struct Wrap {
    pub call: Option<CallId>,
    pub ends: u64,
    /// While a disposition is awaited: until then at the latest.
    pub held: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct Agent {
    pub config: AgentConfig,
    pub intent: Intent,
    pub idle_since: u64,
    pub reachable: bool,
    pub other_calls: usize,
    pub missed: u16,
    pub unreached: u32,
    pub pause: u64,
    pub wrap: Option<Wrap>,
    pub place: u8,
    pub desk: Option<String>,
    /// Talk time and calls, of this day.
    pub day: i64,
    pub talk_ms: u64,
    pub calls: u64,
    /// What newcomers start with, in queues that look at the day's load.
    pub starts: BTreeMap<QueueKey, (u64, u64)>,
}

#[derive(Debug, Default)]
pub struct Model {
    pub now: u64,
    pub wall: u64,
    pub config: AcdConfig,
    pub callers: Vec<Caller>,
    pub rings: Vec<Ring>,
    pub talks: Vec<Talk>,
    pub agents: Vec<Agent>,
    /// Queues whose definition is gone; conversations of theirs end by their rules.
    pub former: Vec<QueueConfig>,
    /// Agents whose definition is gone while they talk.
    pub removed: Vec<Agent>,
    /// Who was offered last in a queue.
    pub turns: BTreeMap<QueueKey, (u16, AgentKey)>,
    /// Since when nobody is available in a queue.
    pub deserted: BTreeMap<QueueKey, u64>,
    /// Who answered a number last, and when.
    pub known: BTreeMap<(QueueKey, String), (AgentKey, u64)>,
    /// Agents that a configuration has just brought.
    pub newcomers: Vec<AgentKey>,
    /// What the distributor itself chose; only chance takes it into account.
    pub hints: Vec<(AgentKey, CallId)>,
    pub seen: Vec<Seen>,
}
