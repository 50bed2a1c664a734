//! Queues, agents and members as shown to people.

use serde::{Deserialize, Serialize};

use super::super::CallId;
use super::{AgentConfig, AgentKey, Intent, OfferId, QueueConfig, QueueKey};

/// What happens to an agent now. `since` and `until` are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "activity", rename_all = "snake_case")]
pub enum Activity {
    /// Nothing.
    Idle,
    /// Is being offered a caller.
    Offered {
        /// The offer.
        offer: OfferId,
        /// Whose.
        queue: QueueKey,
        /// The caller.
        call: CallId,
        /// It ends by then.
        until: u64,
    },
    /// Talks with a caller of a queue.
    Talking {
        /// Whose.
        queue: QueueKey,
        /// The caller.
        call: CallId,
    },
    /// In a call outside the queues.
    OnOtherCall,
    /// Finishes what the conversation left to do.
    WrappingUp {
        /// Of which queue.
        queue: Option<QueueKey>,
        /// Ends by itself then; 0 while a disposition is awaited without limit.
        until: u64,
    },
    /// Gets no offer for a while after one that failed.
    CoolingDown {
        /// Until then.
        until: u64,
    },
}

/// An agent as shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentView {
    /// Its definition.
    pub config: AgentConfig,
    /// True for those of the file, which HTTP may not redefine.
    pub from_file: bool,
    /// What it wants.
    pub intent: Intent,
    /// Since when.
    pub intent_since: u64,
    /// What happens to it.
    #[serde(flatten)]
    pub activity: Activity,
    /// Since when.
    pub activity_since: u64,
    /// Where it is rung now, e.g. `extension:4567`.
    pub place: String,
    /// It can be reached there.
    pub reachable: bool,
    /// Offers missed in a row.
    pub missed: u16,
}

/// A queue as shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueView {
    /// Its definition.
    pub config: QueueConfig,
    /// True for those of the file, which HTTP may not redefine.
    pub from_file: bool,
    /// Callers that wait, those that are being offered and awaited callbacks included.
    pub waiting: usize,
    /// Of those, how many are being offered now.
    pub trying: usize,
    /// Callers that talk with an agent.
    pub answered: usize,
    /// The longest present wait in ms.
    pub longest_wait_ms: u64,
    /// Agents logged in.
    pub agents_logged_in: usize,
    /// Agents that could be offered a caller now.
    pub agents_ready: usize,
    /// Estimated wait of a caller who joins now, in seconds, if it can be told.
    pub estimated_wait_secs: Option<u32>,
}

/// Where a caller stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// Waits.
    Waiting,
    /// An agent rings.
    Trying,
    /// Talks with an agent.
    Answered,
    /// Hung up and is to be called back.
    Callback,
}

/// A caller of a queue as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// The caller's call.
    pub call: CallId,
    /// The queue.
    pub queue: QueueKey,
    /// Where it stands.
    pub state: MemberState,
    /// The caller's number.
    pub number: String,
    /// From 1; 0 once answered.
    pub position: usize,
    /// Priority now.
    pub priority: u32,
    /// Joined, milliseconds since the Unix epoch.
    pub joined_at: u64,
    /// The agents that ring, or the one that talks.
    pub agents: Vec<AgentKey>,
}
