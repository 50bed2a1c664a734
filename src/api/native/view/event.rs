//! Events.

mod dial;
mod rooms;

use serde::Serialize;
use strowger_core::vocab::acd::{FigureSubject, IntentSource, OfferEnd};
use strowger_core::vocab::{CallId, Event, EventKind, InteractionId};
use utoipa::ToSchema;

use super::super::settings::SettingsItem;
use super::super::tenant_settings::TenantSettingsItem;
use super::DialNumberItem;
use super::agent::{ActivityItem, IntentItem};
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
    /// The phone of whoever a call was begun for rings.
    CallerRinging {
        #[serde(flatten)]
        about: About,
        caller: PartyItem,
    },
    /// ... and has answered.
    CallerAnswered {
        #[serde(flatten)]
        about: About,
        caller: PartyItem,
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
    /// A party was given to somebody else by the other one.
    CallTransferred {
        #[serde(flatten)]
        about: About,
        /// The call in which it is now.
        into: String,
        by: PartyItem,
    },
    /// Somebody took a call that rang elsewhere.
    CallPickedUp {
        #[serde(flatten)]
        about: About,
        by: PartyItem,
        from: PartyItem,
    },
    /// Somebody was parked.
    CallParked {
        #[serde(flatten)]
        about: About,
        slot: u32,
        parked: PartyItem,
        by: PartyItem,
    },
    /// Somebody took a parked call.
    CallRetrieved {
        #[serde(flatten)]
        about: About,
        slot: u32,
        by: PartyItem,
    },
    /// A parking place is free without anybody having dialled it: `why` is `hung_up`, `timeout` or `taken`.
    ParkingEnded {
        #[serde(flatten)]
        about: About,
        slot: u32,
        why: String,
    },
    /// Something that was tried with a call did not come about: `attempt` is `transfer`, `choice` (in a menu), `message`,
    /// `supervision`, `conference` or `pickup`.
    AttemptFailed {
        #[serde(flatten)]
        about: About,
        attempt: String,
    },
    /// A prompt or music could not be played.
    PromptFailed {
        #[serde(flatten)]
        about: About,
        /// Which, as it was ordered.
        prompt: String,
        /// What is wrong with it.
        why: String,
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
    /// A recording leaves out what is said from here on.
    RecordingPaused {
        #[serde(flatten)]
        about: About,
        /// Where in the file, in ms.
        at_ms: u64,
    },
    /// ... and no longer.
    RecordingResumed {
        #[serde(flatten)]
        about: About,
        /// Where in the file, in ms.
        at_ms: u64,
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
    /// A caller waits in a queue.
    CallerQueued {
        #[serde(flatten)]
        about: About,
        queue: String,
        number: String,
        priority: u32,
    },
    /// A caller left a queue.
    CallerLeft {
        #[serde(flatten)]
        about: About,
        queue: String,
        outcome: String,
        waited_ms: u64,
        agent: Option<String>,
    },
    /// An agent's phone is about to ring for a caller.
    AgentOffered {
        #[serde(flatten)]
        about: About,
        agent: String,
        offer: u64,
        queue: String,
    },
    /// An offer ended.
    OfferEnded {
        call: String,
        agent: String,
        offer: u64,
        queue: String,
        #[schema(value_type = String)]
        end: OfferEnd,
        rang_ms: u64,
    },
    /// What an agent wants has changed.
    AgentIntentChanged {
        agent: String,
        #[serde(flatten)]
        intent: IntentItem,
        #[schema(value_type = String)]
        source: IntentSource,
    },
    /// What happens to an agent has changed.
    AgentActivityChanged {
        agent: String,
        #[serde(flatten)]
        activity: ActivityItem,
    },
    /// A caller rated the conversation.
    CallRated {
        #[serde(flatten)]
        about: About,
        queue: String,
        agent: String,
        rating: u8,
    },
    /// A queue, an agent or an extension was defined, changed or removed over HTTP.
    DefinitionChanged { kind: String, id: String, exists: bool },
    /// A definition over HTTP has no effect: the configuration file has taken its id or number.
    DefinitionShadowed { kind: String, id: String },
    /// Somebody left a message.
    VoicemailLeft {
        #[serde(flatten)]
        about: About,
        mailbox: String,
        message: String,
        number: String,
        name: String,
        length_ms: u64,
        urgent: bool,
    },
    /// What lies in a mailbox has changed.
    MailboxChanged { mailbox: String, new: u32, old: u32, urgent_new: u32, urgent_old: u32 },
    /// A menu was defined, changed or removed over HTTP.
    MenuChanged { menu: String, exists: bool },
    /// The owner of an extension has set something, or somebody has for it.
    SettingsChanged { extension: String, settings: SettingsItem },
    /// The tenant has set something for all of its calls.
    TenantSettingsChanged { settings: TenantSettingsItem },
    /// Somebody came into a conference.
    ConferenceJoined { conference: String, call: String, interaction: String, party: PartyItem },
    /// Somebody left a conference.
    ConferenceLeft { conference: String, call: String, interaction: String },
    /// A member of a conference is not heard any more, or again.
    ConferenceMuted { conference: String, call: String, interaction: String, muted: bool },
    /// Nobody more may come into a conference, or again somebody.
    ConferenceLocked { conference: String, interaction: String, locked: bool },
    /// A conference is recorded from now on, or no longer.
    ConferenceRecording { conference: String, interaction: String, running: bool },
    /// Nobody is in a conference any more.
    ConferenceEnded { conference: String, interaction: String },
    /// A supervisor hears a call from now on.
    SupervisionStarted(Box<SupervisionItem>),
    /// A supervisor takes part in another way.
    SupervisionChanged(Box<SupervisionItem>),
    /// A supervisor takes no part any more.
    SupervisionEnded(Box<SupervisionItem>),
    /// A dial task was made or changed over HTTP.
    DialTaskDefined { task: String },
    /// A dial task is gone.
    DialTaskRemoved { task: String },
    /// A dial task stands otherwise: `running`, `paused`, `stopping` or `ended`, and why it has ended.
    DialTaskState { task: String, state: &'static str, ended: Option<&'static str> },
    /// A dial task wants numbers.
    DialNumbersWanted { task: String, count: usize },
    /// A number of a dial task is being dialled.
    DialNumberDialled { task: String, id: String, number: String, call: String },
    /// A number of a dial task is done with.
    DialNumberDone {
        task: String,
        #[serde(flatten)]
        number: DialNumberItem,
    },
    /// A new configuration is in force.
    Reloaded,
}

/// A supervisor in a call.
#[derive(Debug, Serialize, ToSchema)]
struct SupervisionItem {
    #[serde(flatten)]
    about: About,
    /// The supervisor's extension.
    supervisor: String,
    /// The supervisor's own call.
    supervisor_call: String,
    /// `monitor`, `whisper` or `barge`.
    mode: &'static str,
}

impl EventView {
    /// The description of what may happen, in JSON.
    pub(in crate::api::native) fn described() -> serde_json::Value {
        serde_json::to_value(<What as utoipa::PartialSchema>::schema()).unwrap_or_default()
    }
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
            Kind::CallerRinging { call, interaction, caller } => {
                Self::CallerRinging { about: about(call, interaction), caller: caller.into() }
            }
            Kind::CallerAnswered { call, interaction, caller } => {
                Self::CallerAnswered { about: about(call, interaction), caller: caller.into() }
            }
            Kind::CallRinging { call, interaction, callee } => {
                Self::CallRinging { about: about(call, interaction), callee: callee.into() }
            }
            Kind::CallAnswered { call, interaction, callee } => {
                Self::CallAnswered { about: about(call, interaction), callee: callee.into() }
            }
            Kind::CallTransferred { call, interaction, into, by } => Self::CallTransferred {
                about: about(call, interaction),
                into: into.to_string(),
                by: by.into(),
            },
            kind @ (Kind::CallPickedUp { .. }
            | Kind::CallParked { .. }
            | Kind::CallRetrieved { .. }
            | Kind::ParkingEnded { .. }
            | Kind::AttemptFailed { .. }
            | Kind::PromptFailed { .. }) => Self::of_taken(kind),
            Kind::CallEnded { record } => Self::CallEnded { record: Box::new((*record).into()) },
            kind @ (Kind::CallHeld { .. } | Kind::CallResumed { .. } | Kind::CallDtmf { .. }) => {
                Self::of_talk(kind)
            }
            kind @ (Kind::RecordingStarted { .. }
            | Kind::RecordingPaused { .. }
            | Kind::RecordingResumed { .. }
            | Kind::RecordingEnded { .. }) => Self::of_recording(kind),
            Kind::EmergencyCall { call, interaction, caller, number } => Self::EmergencyCall {
                about: about(call, interaction),
                caller: caller.into(),
                number,
            },
            Kind::AddressSilenced { address, until } => {
                Self::AddressSilenced { address: address.to_string(), until }
            }
            kind @ (Kind::CallerQueued { .. }
            | Kind::CallerLeft { .. }
            | Kind::AgentOffered { .. }
            | Kind::OfferEnded { .. }
            | Kind::AgentIntentChanged { .. }
            | Kind::AgentActivityChanged { .. }
            | Kind::CallRated { .. }
            | Kind::DefinitionChanged { .. }
            | Kind::DefinitionShadowed { .. }
            | Kind::EntryChanged { .. }
            | Kind::EntryShadowed { .. }
            | Kind::VoicemailLeft { .. }
            | Kind::MailboxChanged { .. }) => Self::of_queue(kind),
            kind @ (Kind::SettingsChanged(_) | Kind::TenantSettingsChanged(_)) => {
                Self::of_settings(kind)
            }
            Kind::MenuChanged { menu, exists } => Self::MenuChanged { menu: menu.name, exists },
            Kind::Conference { conference, interaction, what } => {
                Self::of_conference(conference.name, interaction.to_string(), what)
            }
            Kind::Dial { task, what } => Self::of_dial_task(task, *what),
            kind @ Kind::Supervision { .. } => Self::of_supervision(kind),
            Kind::Reloaded => Self::Reloaded,
        }
    }
}

/// The kind and the id of what is defined.
fn named(subject: FigureSubject) -> (String, String) {
    match subject {
        FigureSubject::Queue(queue) => ("queue".to_owned(), queue.number),
        FigureSubject::Agent(agent) => ("agent".to_owned(), agent.id),
    }
}

impl What {
    /// Those of a conversation; no other kind is given here.
    fn of_talk(kind: EventKind) -> Self {
        use EventKind as Kind;
        match kind {
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
            _ => Self::Reloaded,
        }
    }

    /// Those of recordings; no other kind is given here.
    fn of_recording(kind: EventKind) -> Self {
        use EventKind as Kind;
        match kind {
            Kind::RecordingStarted { call, interaction, .. } => {
                Self::RecordingStarted { about: about(call, interaction) }
            }
            Kind::RecordingPaused { call, interaction, at_ms, .. } => {
                Self::RecordingPaused { about: about(call, interaction), at_ms }
            }
            Kind::RecordingResumed { call, interaction, at_ms, .. } => {
                Self::RecordingResumed { about: about(call, interaction), at_ms }
            }
            Kind::RecordingEnded { call, interaction, length_ms, error, .. } => {
                Self::RecordingEnded { about: about(call, interaction), length_ms, error }
            }
            _ => Self::Reloaded,
        }
    }

    /// Those of pickup and parking; no other kind is given here.
    fn of_taken(kind: EventKind) -> Self {
        use EventKind as Kind;
        match kind {
            Kind::CallPickedUp { call, interaction, by, from } => Self::CallPickedUp {
                about: about(call, interaction),
                by: by.into(),
                from: from.into(),
            },
            Kind::CallParked { call, interaction, slot, parked, by } => Self::CallParked {
                about: about(call, interaction),
                slot,
                parked: parked.into(),
                by: by.into(),
            },
            Kind::CallRetrieved { call, interaction, slot, by } => {
                Self::CallRetrieved { about: about(call, interaction), slot, by: by.into() }
            }
            Kind::ParkingEnded { call, interaction, slot, why } => {
                Self::ParkingEnded { about: about(call, interaction), slot, why }
            }
            Kind::AttemptFailed { call, interaction, attempt } => Self::AttemptFailed {
                about: about(call, interaction),
                attempt: attempt.as_str().to_owned(),
            },
            Kind::PromptFailed { call, interaction, prompt, why } => {
                Self::PromptFailed { about: about(call, interaction), prompt, why }
            }
            other => Self::of_queue(other),
        }
    }

    /// Those of queues, agents and mailboxes; no other kind is given here.
    fn of_queue(kind: EventKind) -> Self {
        use EventKind as Kind;
        match kind {
            Kind::CallerQueued { call, interaction, queue, number, priority } => {
                let queue = queue.number;
                Self::CallerQueued { about: about(call, interaction), queue, number, priority }
            }
            Kind::CallerLeft { call, interaction, queue, outcome, waited_ms, agent } => {
                Self::CallerLeft {
                    about: about(call, interaction),
                    queue: queue.number,
                    outcome,
                    waited_ms,
                    agent: agent.map(|agent| agent.id),
                }
            }
            Kind::AgentOffered { agent, offer, queue, call, interaction } => Self::AgentOffered {
                about: about(call, interaction),
                agent: agent.id,
                offer: offer.0,
                queue: queue.number,
            },
            Kind::OfferEnded { agent, offer, queue, call, end, rang_ms } => Self::OfferEnded {
                call: call.to_string(),
                agent: agent.id,
                offer: offer.0,
                queue: queue.number,
                end,
                rang_ms,
            },
            Kind::AgentIntentChanged { agent, intent, source } => {
                Self::AgentIntentChanged { agent: agent.id, intent: intent.into(), source }
            }
            Kind::AgentActivityChanged { agent, activity } => {
                Self::AgentActivityChanged { agent: agent.id, activity: activity.into() }
            }
            Kind::CallRated { call, interaction, queue, agent, rating } => Self::CallRated {
                about: about(call, interaction),
                queue: queue.number,
                agent: agent.id,
                rating,
            },
            Kind::DefinitionChanged { subject, exists } => {
                let (kind, id) = named(subject);
                Self::DefinitionChanged { kind, id, exists }
            }
            Kind::DefinitionShadowed { subject } => {
                let (kind, id) = named(subject);
                Self::DefinitionShadowed { kind, id }
            }
            Kind::EntryChanged { entry, exists } => {
                let (kind, id) = (entry.kind().as_str().to_owned(), entry.id().to_owned());
                Self::DefinitionChanged { kind, id, exists }
            }
            Kind::EntryShadowed { entry } => {
                let (kind, id) = (entry.kind().as_str().to_owned(), entry.id().to_owned());
                Self::DefinitionShadowed { kind, id }
            }
            Kind::VoicemailLeft { message } => Self::VoicemailLeft {
                about: about(message.call, message.interaction),
                mailbox: message.mailbox.number,
                message: message.id.to_string(),
                number: message.number,
                name: message.name,
                length_ms: message.length_ms,
                urgent: message.urgent,
            },
            Kind::MailboxChanged { mailbox, counts } => Self::MailboxChanged {
                mailbox: mailbox.number,
                new: counts.new,
                old: counts.old,
                urgent_new: counts.urgent_new,
                urgent_old: counts.urgent_old,
            },
            _ => Self::Reloaded,
        }
    }
}
