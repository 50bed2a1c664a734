//! What phones watch (RFC 6665): subjects, what is seen of them, and how a subscription is stored.

use serde::{Deserialize, Serialize};

use super::{AgentKey, ExtensionKey, MailboxKey, QueueKey, TenantId};

/// One thing whose state can be watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A mailbox's messages.
    Mailbox(MailboxKey),
    /// A phone: its calls, and whether it is registered.
    Extension(ExtensionKey),
    /// A queue: whether callers wait.
    Queue(QueueKey),
    /// An agent, as a supervisor sees it.
    Agent(AgentKey),
    /// Whether somebody is logged in at a phone, as its own key shows it.
    Login(ExtensionKey),
    /// A parking place, by its number.
    Place(ExtensionKey),
}

/// What a subscription is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// One thing.
    One(Subject),
    /// All members of a configured list (RFC 4662).
    List {
        /// Whose.
        tenant: TenantId,
        /// Its name.
        name: String,
    },
}

/// A subscription that outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRecord {
    /// Whose phone watches.
    pub extension: ExtensionKey,
    /// What.
    pub resource: Resource,
    /// The user part of the URI that it asked for.
    pub user: String,
    /// Its dialog.
    pub saved: sip::subscription::Saved,
    /// When it ends unless it is refreshed, milliseconds since the Unix epoch.
    pub expires_at: u64,
}

/// How far a dialog is (RFC 4235 section 3.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DialogStage {
    /// An INVITE was sent and nothing was heard of it.
    Trying,
    /// It was heard of, and there is no dialog yet.
    Proceeding,
    /// It rings.
    Early,
    /// It was answered.
    Confirmed,
}

impl DialogStage {
    /// As it stands in `state`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Proceeding => "proceeding",
            Self::Early => "early",
            Self::Confirmed => "confirmed",
        }
    }
}

/// One dialog of a phone with the switch, from the phone's side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DialogView {
    /// Tells it from the phone's others.
    pub id: String,
    /// The dialog's Call-ID.
    pub call_id: String,
    /// The phone's tag; empty while it has none.
    pub local_tag: String,
    /// Our tag.
    pub remote_tag: String,
    /// The phone calls, instead of being called.
    pub initiator: bool,
    /// How far it is.
    pub stage: DialogStage,
    /// The phone holds the other end.
    pub holds: bool,
    /// The other end's number; empty where it is not shown.
    pub number: String,
    /// The other end's name; may be empty.
    pub name: String,
}
