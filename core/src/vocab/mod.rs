//! The vocabulary of the switch: inputs, effects, commands, queries, events and records as plain data.
//!
//! Nothing in here holds a sender, a socket, an `Arc` or an `Instant`: every value can be written to a journal and read back.

pub mod acd;
pub mod command;
pub mod conference;
pub mod config;
pub mod define;
pub mod destination;
pub mod dial;
pub mod effect;
pub mod event;
pub mod group;
pub mod ids;
pub mod input;
pub mod mailbox;
pub mod menu;
pub mod originate;
pub mod outside;
pub mod page;
pub mod park;
pub mod plan;
pub mod provision;
pub mod record;
pub mod recording;
pub mod robot;
pub mod secret;
pub mod settings;
pub mod shown;
pub mod supervise;
pub mod transfer;
pub mod values;
pub mod watch;

pub use acd::{AgentKey, OfferId, QueueKey};
pub use command::{Command, CommandError, Done, Principal, Query, Reply, Role};
pub use conference::ConferenceKey;
pub use config::Config;
pub use effect::Effect;
pub use event::{Event, EventKind};
pub use ids::*;
pub use input::{Boot, Input, Restored};
pub use originate::CallTerms;
pub use page::PageKey;
pub use plan::{Feature, Hop, Identity, Plan};
pub use record::{MailboxCounts, Record};
pub use recording::{RecordingAction, RecordingOrder};
pub use secret::Secret;
pub use settings::ExtensionSettings;

use serde::{Deserialize, Serialize};

/// The moment of an input. Deadlines use `mono` only; `wall` is for people and for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Now {
    /// Nanoseconds since the process started; never goes back.
    pub mono: u64,
    /// Milliseconds since the Unix epoch; may jump.
    pub wall: u64,
}
