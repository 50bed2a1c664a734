//! What is defined over HTTP beside the configuration file.
//!
//! An [`Entry`] is one such definition, an [`EntryKey`] names it. What the file defines belongs to the file: an order
//! about it is refused with a conflict.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::command::TrunkView;
use super::config::{Extension, Number, Route, Trunk};
use super::mailbox::Mailbox;
use super::{ExtensionKey, NumberKey, RouteKey, Secret, TenantId, TrunkKey};

/// Kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A phone's account.
    Extension,
    /// A number that a trunk delivers.
    Number,
    /// A rule of the dial plan.
    Route,
    /// A line to a carrier.
    Trunk,
}

impl EntryKind {
    /// As it is written in events and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Extension => "extension",
            Self::Number => "number",
            Self::Route => "route",
            Self::Trunk => "trunk",
        }
    }
}

/// Names an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKey {
    /// By tenant and number.
    Extension(ExtensionKey),
    /// By tenant and number.
    Number(NumberKey),
    /// By tenant and name.
    Route(RouteKey),
    /// By tenant and name.
    Trunk(TrunkKey),
}

impl EntryKey {
    /// What it names.
    pub fn kind(&self) -> EntryKind {
        match self {
            Self::Extension(_) => EntryKind::Extension,
            Self::Number(_) => EntryKind::Number,
            Self::Route(_) => EntryKind::Route,
            Self::Trunk(_) => EntryKind::Trunk,
        }
    }

    /// Whose it is.
    pub fn tenant(&self) -> &TenantId {
        match self {
            Self::Extension(key) => &key.tenant,
            Self::Number(key) => &key.tenant,
            Self::Route(key) => &key.tenant,
            Self::Trunk(key) => &key.tenant,
        }
    }

    /// What it is called within its tenant and kind.
    pub fn id(&self) -> &str {
        match self {
            Self::Extension(key) => &key.number,
            Self::Number(key) => &key.number,
            Self::Route(key) => &key.name,
            Self::Trunk(key) => &key.name,
        }
    }
}

impl fmt::Display for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind().as_str(), self.id())
    }
}

/// A definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A phone's account.
    Extension(Box<ExtensionEntry>),
    /// A number that a trunk delivers.
    Number(Box<Number>),
    /// A rule of the dial plan.
    Route(Box<RouteEntry>),
    /// A line to a carrier.
    Trunk(Box<Trunk>),
}

/// Everything that an `[[extension]]` defines; what its owner sets is set otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtensionEntry {
    /// The account.
    pub extension: Extension,
    /// Its mailbox, where it has one.
    pub mailbox: Option<Mailbox>,
    /// Mailboxes that it may watch besides, by number.
    pub watch_mailboxes: Vec<String>,
}

/// Everything that a `[[route]]` defines, and where it stands among those that are defined over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteEntry {
    /// The route.
    pub route: Route,
    /// Routes with a lower one are tried before; those with the same by name. All of the file's come first.
    pub position: u32,
}

impl Entry {
    /// Its name.
    pub fn key(&self) -> EntryKey {
        match self {
            Self::Extension(entry) => EntryKey::Extension(entry.extension.key.clone()),
            Self::Number(number) => EntryKey::Number(number.key()),
            Self::Route(entry) => EntryKey::Route(entry.route.key()),
            Self::Trunk(trunk) => EntryKey::Trunk(trunk.key.clone()),
        }
    }

    /// An extension with nothing besides.
    pub fn of(extension: Extension) -> Self {
        let (mailbox, watch_mailboxes) = (None, Vec::new());
        Self::Extension(Box::new(ExtensionEntry { extension, mailbox, watch_mailboxes }))
    }

    /// The extension that it defines, if it is one.
    pub fn into_extension(self) -> Option<ExtensionEntry> {
        match self {
            Self::Extension(entry) => Some(*entry),
            Self::Number(_) | Self::Route(_) | Self::Trunk(_) => None,
        }
    }

    /// Its secrets, in an order that its kind fixes: to be stored apart from the rest.
    pub fn secrets(&mut self) -> Vec<&mut Secret> {
        match self {
            Self::Extension(entry) => {
                let pin = entry.mailbox.as_mut().and_then(|mailbox| mailbox.pin.as_mut());
                std::iter::once(&mut entry.extension.password).chain(pin).collect()
            }
            Self::Trunk(trunk) => trunk.password.as_mut().into_iter().collect(),
            Self::Number(_) | Self::Route(_) => Vec::new(),
        }
    }
}

/// An order about an entry of the tenant; for keys of admins. Answered when it is on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryOrder {
    /// A new one, or all of an existing one. An extension's empty password and a trunk's missing one stay as they are, and
    /// a mailbox without a PIN keeps its own (an empty PIN takes it away).
    Put {
        /// What holds from now on.
        entry: Entry,
        /// The password of a new extension that comes without one.
        spare: Secret,
    },
    /// It is gone. Calls in progress stay.
    Delete(EntryKey),
}

/// An entry as shown: without its secrets, of which only presence can be seen (an empty PIN is one that is not shown).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryView {
    /// As defined.
    pub entry: Entry,
    /// Defined in the file, so that it cannot be changed over HTTP.
    pub from_file: bool,
    /// For an extension: how its phones are set up, and whether they are.
    pub account: Option<AccountView>,
    /// For a trunk: whether it takes calls.
    pub line: Option<TrunkView>,
}

/// What a phone needs to know of its account, but the password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// The SIP user: the tenant's prefix and the number.
    pub user: String,
    /// The SIP domain.
    pub domain: String,
    /// Contacts that are registered now.
    pub contacts: usize,
}
