//! Parking as configured, ordered and shown.

use serde::{Deserialize, Serialize};

use super::record::Party;
use super::{CallId, ExtensionKey, InteractionId};

/// `[park]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Park {
    /// The first place.
    pub first: u32,
    /// The last one.
    pub last: u32,
    /// The parker is rung after so long, in seconds.
    pub timeout_secs: u32,
    /// ... for so long, in seconds.
    pub ring_secs: u32,
}

impl Default for Park {
    fn default() -> Self {
        Self { first: 701, last: 799, timeout_secs: 120, ring_secs: 30 }
    }
}

/// A caller in a parking place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParkedView {
    /// The number that is dialled to take it.
    pub slot: u32,
    /// The caller's call.
    pub call: CallId,
    /// What it belongs to.
    pub interaction: InteractionId,
    /// Who waits.
    pub caller: Party,
    /// Who parked it.
    pub parker: ExtensionKey,
    /// Since when, milliseconds since the Unix epoch.
    pub since: u64,
    /// The parker's phone rings, since nobody came.
    pub ringing_back: bool,
}

/// What is to become of a call that rings or is parked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TakeOrder {
    /// Rings an extension, and on its answer it answers the call in place of whoever rings for it.
    PickUp {
        /// Which.
        call: CallId,
        /// The bare number of the extension that shall answer; the key's own if not said.
        extension: Option<String>,
    },
    /// Rings an extension, and on its answer it answers what rings somewhere, in place of whoever rings. The phone rings on where
    /// that has become pointless meanwhile, and whoever answers it then hears so.
    PickUpAt {
        /// The bare number of an extension or a queue; `None`: what has rung longest in the own pickup groups.
        at: Option<String>,
        /// The bare number of the extension that shall answer; the key's own if not said.
        extension: Option<String>,
        /// Rings only this one of its contacts, as registered.
        contact: Option<String>,
    },
    /// Parks the other party of an extension's call.
    Park {
        /// Which.
        call: CallId,
        /// The bare number of the extension that parks; the key's own, or the only one in the call, if not said.
        extension: Option<String>,
    },
    /// Rings an extension, and on its answer it talks with who is parked.
    Retrieve {
        /// The place.
        slot: u32,
        /// The bare number of the extension that shall answer; the key's own if not said.
        extension: Option<String>,
    },
}
