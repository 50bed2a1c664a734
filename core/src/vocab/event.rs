//! What the switch tells the world.

use serde::{Deserialize, Serialize};

use super::record::{CallRecord, Party};
use super::{CallId, ExtensionKey, InteractionId, TenantId, TrunkKey};

/// Something happened. The gateway numbers, keeps and hands events on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Which start of the process.
    pub boot: u64,
    /// Counts events of this start, from 1, without gaps.
    pub seq: u64,
    /// Milliseconds since the Unix epoch.
    pub at: u64,
    /// Whose event; `None` concerns the whole switch.
    pub tenant: Option<TenantId>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The kinds of events, with what belongs to each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// An extension gained its first contact.
    ExtensionOnline {
        /// Which.
        extension: ExtensionKey,
    },
    /// An extension lost its last contact.
    ExtensionOffline {
        /// Which.
        extension: ExtensionKey,
    },
    /// A trunk takes calls again.
    TrunkUp {
        /// Which.
        trunk: TrunkKey,
    },
    /// A trunk takes no calls.
    TrunkDown {
        /// Which.
        trunk: TrunkKey,
        /// Why, e.g. `no answer to OPTIONS`.
        reason: String,
    },
    /// A call was admitted.
    CallStarted {
        /// Which.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Who calls.
        caller: Party,
        /// What was dialled.
        dialled: String,
    },
    /// Somebody rings.
    CallRinging {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Who rings.
        callee: Party,
    },
    /// Both ends talk.
    CallAnswered {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Who answered.
        callee: Party,
    },
    /// One party put the other on hold.
    CallHeld {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Who holds.
        by: Party,
    },
    /// ... and resumed.
    CallResumed {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Who resumed.
        by: Party,
    },
    /// A key was pressed in a call.
    CallDtmf {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Who pressed.
        by: Party,
        /// The key.
        digit: char,
    },
    /// A call is over; its record as stored.
    CallEnded {
        /// The record.
        record: Box<CallRecord>,
    },
    /// A recording runs.
    RecordingStarted {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// File below the recordings directory.
        path: String,
    },
    /// A recording is closed.
    RecordingEnded {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// File below the recordings directory.
        path: String,
        /// Length in ms.
        length_ms: u64,
        /// Why it ended early, if so.
        error: Option<String>,
    },
    /// Somebody called an emergency number.
    EmergencyCall {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Who.
        caller: Party,
        /// The number.
        number: String,
    },
    /// An address failed to authenticate too often and is silenced.
    AddressSilenced {
        /// Which.
        address: std::net::IpAddr,
        /// Until when, milliseconds since the Unix epoch.
        until: u64,
    },
    /// A new configuration is in force.
    Reloaded,
}
