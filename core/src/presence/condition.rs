//! The state of what is watched, before anybody writes it down.

use crate::vocab::MailboxCounts;
use crate::vocab::watch::{DialogStage, DialogView};

/// A key's lamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lamp {
    /// Dark: no dialog.
    Off,
    /// Blinks: an early dialog.
    Blinking,
    /// Lit: a confirmed dialog.
    Lit,
}

/// A phone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Phone {
    /// It can be reached.
    pub registered: bool,
    /// It wants no calls.
    pub do_not_disturb: bool,
    /// Its dialogs with the switch.
    pub dialogs: Vec<DialogView>,
}

/// What is known of something that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Condition {
    /// A phone.
    Phone(Phone),
    /// A thing that only has a lamp: a queue, an agent.
    Lamp {
        /// The lamp.
        lamp: Lamp,
        /// Whether it takes calls, for presence.
        open: bool,
        /// In words.
        note: String,
    },
    /// A mailbox, as `message-summary` counts it.
    Messages {
        /// Not listened to; listened to; urgent ones of both.
        counts: [u32; 4],
    },
    /// There is no such thing any more.
    Gone,
}

impl Condition {
    /// A mailbox with these messages.
    pub fn messages(counts: MailboxCounts) -> Self {
        let MailboxCounts { new, old, urgent_new, urgent_old } = counts;
        Self::Messages { counts: [new, old, urgent_new, urgent_old] }
    }
}

impl Phone {
    /// Whether it is in a conversation.
    pub(super) fn talks(&self) -> bool {
        self.dialogs.iter().any(|dialog| dialog.stage == DialogStage::Confirmed)
    }

    /// Whether a call rings there.
    pub(super) fn rings(&self) -> bool {
        self.dialogs.iter().any(|own| own.stage == DialogStage::Early && !own.initiator)
    }
}

/// Whom a document is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its URI, as it was subscribed to.
    pub uri: String,
    /// Its name; may be empty.
    pub name: String,
    /// The host of numbers in the document.
    pub host: String,
    /// The reader may know with whom there are calls, and pick them up.
    pub in_detail: bool,
}
