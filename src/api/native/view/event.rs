//! Events.

use serde::Serialize;
use strowger_core::vocab::{CallId, Event, EventKind, InteractionId};
use utoipa::ToSchema;

use super::{PartyItem, RecordItem};
use crate::api::gateway::EventId;

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct EventView {
    /// Its place: `boot.seq`.
    id: String,
    /// When, ms since the Unix epoch.
    at: u64,
    /// What.
    #[serde(flatten)]
    what: What,
}

/// The call that an event is about.
#[derive(Debug, Serialize, ToSchema)]
struct About {
    /// The call's id.
    call: String,
    /// What the call belongs to.
    interaction: String,
}

/// The kinds of events.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
enum What {
    /// An extension gained its first contact.
    ExtensionOnline { number: String },
    /// An extension lost its last contact.
    ExtensionOffline { number: String },
    /// A trunk takes calls again.
    TrunkUp { trunk: String },
    /// A trunk takes no calls.
    TrunkDown { trunk: String, reason: String },
    /// A call was admitted.
    CallStarted {
        #[serde(flatten)]
        about: About,
        caller: PartyItem,
        dialled: String,
    },
    /// Somebody rings.
    CallRinging {
        #[serde(flatten)]
        about: About,
        callee: PartyItem,
    },
    /// Both ends talk.
    CallAnswered {
        #[serde(flatten)]
        about: About,
        callee: PartyItem,
    },
    /// One party put the other on hold.
    CallHeld {
        #[serde(flatten)]
        about: About,
        by: PartyItem,
    },
    /// ... and resumed.
    CallResumed {
        #[serde(flatten)]
        about: About,
        by: PartyItem,
    },
    /// A key was pressed in a call.
    CallDtmf {
        #[serde(flatten)]
        about: About,
        by: PartyItem,
        digit: String,
    },
    /// A call is over.
    CallEnded { record: Box<RecordItem> },
    /// A recording runs.
    RecordingStarted {
        #[serde(flatten)]
        about: About,
    },
    /// A recording is closed.
    RecordingEnded {
        #[serde(flatten)]
        about: About,
        length_ms: u64,
        error: Option<String>,
    },
    /// Somebody called an emergency number.
    EmergencyCall {
        #[serde(flatten)]
        about: About,
        caller: PartyItem,
        number: String,
    },
    /// An address failed to authenticate too often and is not listened to.
    AddressSilenced { address: String, until: u64 },
    /// A new configuration is in force.
    Reloaded,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        let id = EventId::of(event).to_string();
        Self { id, at: event.at, what: event.kind.clone().into() }
    }
}

fn about(call: CallId, interaction: InteractionId) -> About {
    About { call: call.to_string(), interaction: interaction.to_string() }
}

impl From<EventKind> for What {
    fn from(kind: EventKind) -> Self {
        use EventKind as Kind;
        match kind {
            Kind::ExtensionOnline { extension } => {
                Self::ExtensionOnline { number: extension.number }
            }
            Kind::ExtensionOffline { extension } => {
                Self::ExtensionOffline { number: extension.number }
            }
            Kind::TrunkUp { trunk } => Self::TrunkUp { trunk: trunk.name },
            Kind::TrunkDown { trunk, reason } => Self::TrunkDown { trunk: trunk.name, reason },
            Kind::CallStarted { call, interaction, caller, dialled } => Self::CallStarted {
                about: about(call, interaction),
                caller: caller.into(),
                dialled,
            },
            Kind::CallRinging { call, interaction, callee } => {
                Self::CallRinging { about: about(call, interaction), callee: callee.into() }
            }
            Kind::CallAnswered { call, interaction, callee } => {
                Self::CallAnswered { about: about(call, interaction), callee: callee.into() }
            }
            Kind::CallHeld { call, interaction, by } => {
                Self::CallHeld { about: about(call, interaction), by: by.into() }
            }
            Kind::CallResumed { call, interaction, by } => {
                Self::CallResumed { about: about(call, interaction), by: by.into() }
            }
            Kind::CallDtmf { call, interaction, by, digit } => {
                let digit = digit.to_string();
                Self::CallDtmf { about: about(call, interaction), by: by.into(), digit }
            }
            Kind::CallEnded { record } => Self::CallEnded { record: Box::new((*record).into()) },
            Kind::RecordingStarted { call, interaction, .. } => {
                Self::RecordingStarted { about: about(call, interaction) }
            }
            Kind::RecordingEnded { call, interaction, length_ms, error, .. } => {
                Self::RecordingEnded { about: about(call, interaction), length_ms, error }
            }
            Kind::EmergencyCall { call, interaction, caller, number } => Self::EmergencyCall {
                about: about(call, interaction),
                caller: caller.into(),
                number,
            },
            Kind::AddressSilenced { address, until } => {
                Self::AddressSilenced { address: address.to_string(), until }
            }
            Kind::Reloaded => Self::Reloaded,
        }
    }
}
