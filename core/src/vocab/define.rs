//! What is defined over HTTP beside the configuration file.
//!
//! An [`Entry`] is one such definition, an [`EntryKey`] names it. What the file defines belongs to the file: an order
//! about it is refused with a conflict.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::config::Extension;
use super::mailbox::Mailbox;
use super::{ExtensionKey, Secret, TenantId};

/// Kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A phone's account.
    Extension,
}

impl EntryKind {
    /// As it is written in events and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Extension => "extension",
        }
    }
}

/// Names an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKey {
    /// By tenant and number.
    Extension(ExtensionKey),
}

impl EntryKey {
    /// What it names.
    pub fn kind(&self) -> EntryKind {
        match self {
            Self::Extension(_) => EntryKind::Extension,
        }
    }

    /// Whose it is.
    pub fn tenant(&self) -> &TenantId {
        match self {
            Self::Extension(key) => &key.tenant,
        }
    }

    /// What it is called within its tenant and kind.
    pub fn id(&self) -> &str {
        match self {
            Self::Extension(key) => &key.number,
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

impl Entry {
    /// Its name.
    pub fn key(&self) -> EntryKey {
        match self {
            Self::Extension(entry) => EntryKey::Extension(entry.extension.key.clone()),
        }
    }

    /// An extension with nothing besides.
    pub fn of(extension: Extension) -> Self {
        let (mailbox, watch_mailboxes) = (None, Vec::new());
        Self::Extension(Box::new(ExtensionEntry { extension, mailbox, watch_mailboxes }))
    }

    /// Its secrets, in an order that its kind fixes: to be stored apart from the rest.
    pub fn secrets(&mut self) -> Vec<&mut Secret> {
        match self {
            Self::Extension(entry) => {
                let pin = entry.mailbox.as_mut().and_then(|mailbox| mailbox.pin.as_mut());
                std::iter::once(&mut entry.extension.password).chain(pin).collect()
            }
        }
    }
}

/// An order about an entry of the tenant; for keys of admins. Answered when it is on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryOrder {
    /// A new one, or all of an existing one. An empty password stays as it is, and a mailbox without a PIN keeps its own
    /// (an empty PIN takes it away).
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
