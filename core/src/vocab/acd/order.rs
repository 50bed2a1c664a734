//! What people order from the distributor, and what is remembered of it.

use serde::{Deserialize, Serialize};

use super::super::CallId;
use super::{AgentConfig, AgentKey, QueueConfig, QueueKey, Tier};

/// What an agent wants to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Intent {
    /// Takes calls.
    Available,
    /// Takes none, and does not count as logged in.
    #[default]
    LoggedOut,
    /// Logged in, and takes none for a while.
    OnBreak {
        /// Why, e.g. `lunch`, `busy` or `no_answer`; at most 64 bytes.
        reason: String,
        /// A finer distinction of the tenant's own; at most 64 bytes, may be empty.
        #[serde(default)]
        sub_state: String,
    },
}

/// Who changed an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentSource {
    /// A command over HTTP.
    Api,
    /// A code dialled on a phone.
    Phone,
    /// The switch: missed too many offers, or its definition is gone.
    Switch,
}

/// An agent's intent as remembered over restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentRecord {
    /// Whose.
    pub agent: AgentKey,
    /// What it wants.
    pub intent: Intent,
    /// Since when, milliseconds since the Unix epoch.
    pub since: u64,
    /// The phone it sits at, where it logged in elsewhere than at its own (hot desk).
    pub extension: Option<String>,
}

/// An order about one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentOrder {
    /// Available, on break or logged out. Twice the same changes nothing and makes no event.
    Intent(Intent),
    /// Ends wrap-up now.
    EndWrapUp,
    /// Wrap-up ends so many seconds from now, at most 3,600.
    ExtendWrapUp(u32),
    /// Says what the last conversation was about; ends a wrap-up that waits for it.
    Disposition {
        /// The conversation.
        call: CallId,
        /// At most 64 bytes.
        code: String,
    },
    /// Rings at this one of its places from now on (0 or 1).
    ActivePlace(u8),
    /// Sits at this extension until logged out (hot desk); `None` is its own place again.
    Desk(Option<String>),
}

/// An order about one queue or caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueOrder {
    /// Takes a waiting caller out of the queue and ends the call.
    Remove(CallId),
    /// Takes a waiting caller out of the queue and sends it elsewhere: a number that the tenant can dial, or what queues
    /// may lead to, as in the configuration.
    Send(CallId, String),
    /// Sets a waiting caller's base priority.
    Prioritise(CallId, u32),
}

/// Definitions over HTTP; those of the file are refused with a conflict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefinitionOrder {
    /// A new queue, or all of an existing one.
    PutQueue(Box<QueueConfig>),
    /// Waiting callers overflow; agents' tiers in it go.
    DeleteQueue(QueueKey),
    /// A new agent, or all of an existing one.
    PutAgent(Box<AgentConfig>),
    /// An offer is withdrawn, a conversation goes on.
    DeleteAgent(AgentKey),
    /// Adds the agent to the queue, or moves it within.
    PutTier(AgentKey, Tier),
    /// Takes the agent out of the queue.
    DeleteTier(AgentKey, QueueKey),
}
