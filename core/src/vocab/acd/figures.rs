//! What is counted per queue and per agent. Durations are milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AgentKey, OverflowReason, QueueKey};

/// Sums over one span of time for a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueFigures {
    /// Callers who came.
    pub entered: u64,
    /// Offers made.
    pub offered: u64,
    /// Callers whom an agent answered and who were bridged.
    pub answered: u64,
    /// ... within the service level.
    pub answered_in_time: u64,
    /// Callers who hung up waiting.
    pub abandoned: u64,
    /// ... after the service level's time.
    pub abandoned_late: u64,
    /// Callers who left otherwise.
    pub overflowed: BTreeMap<OverflowReason, u64>,
    /// Callers whom somebody took out.
    pub removed: u64,
    /// Callers whom somebody picked up who is no agent of the queue.
    pub picked_up: u64,
    /// Waits of answered callers, summed.
    pub wait_answered_ms: u64,
    /// Waits of callers who hung up, summed.
    pub wait_abandoned_ms: u64,
    /// The longest wait of anybody.
    pub wait_longest_ms: u64,
    /// Conversations, summed.
    pub talk_ms: u64,
    /// Wrap-up after them, summed.
    pub wrap_up_ms: u64,
    /// Callbacks taken.
    pub callbacks: u64,
    /// ... of which so many were given up: nobody was reached, or nobody was free within a day.
    pub callbacks_given_up: u64,
}

/// Sums over one span of time for an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentFigures {
    /// Offers made.
    pub offered: u64,
    /// Offers answered and bridged.
    pub answered: u64,
    /// Offers that rang out.
    pub missed: u64,
    /// Offers refused.
    pub rejected: u64,
    /// Offers that found a busy or unreachable phone.
    pub failed: u64,
    /// Time offered.
    pub ringing_ms: u64,
    /// Conversations, summed.
    pub talk_ms: u64,
    /// Wrap-up, summed.
    pub wrap_up_ms: u64,
    /// Time logged in.
    pub logged_in_ms: u64,
    /// Time on break.
    pub break_ms: u64,
}

/// What a span of figures is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FigureSubject {
    /// A queue.
    Queue(QueueKey),
    /// An agent.
    Agent(AgentKey),
}

/// A quarter of an hour of one subject; writing it again replaces it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureRecord {
    /// About whom.
    pub subject: FigureSubject,
    /// Its beginning: milliseconds since the Unix epoch, a multiple of 900,000.
    pub from: u64,
    /// For a queue.
    pub queue: Option<QueueFigures>,
    /// For an agent.
    pub agent: Option<AgentFigures>,
}
