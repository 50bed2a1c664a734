//! Orders about a live conversation: transfer, consultation, hold.

use serde::{Deserialize, Serialize};

/// What is ordered of a conversation, in the name of one of its extensions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TalkOrder {
    /// The number of the extension that acts; needed where both ends are extensions and the key stands for neither.
    pub extension: Option<String>,
    /// What it does.
    pub act: TalkAct,
}

/// What an extension does with its conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TalkAct {
    /// The other party goes to a number or destination, and comes back if nobody is reached.
    Transfer {
        /// Whatever the extension could dial, or `extension:`, `queue:`, `ivr:`, `voicemail:` and a name.
        to: String,
    },
    /// The other party hears music while the extension talks to somebody else.
    Consult {
        /// Likewise.
        to: String,
    },
    /// The other party and whom the extension has consulted are connected; the extension is out of it.
    CompleteConsult,
    /// Back to the other party.
    EndConsult,
    /// The other party hears music.
    Hold,
    /// ... no longer.
    Resume,
}
