//! What the switch tells the world.

use serde::{Deserialize, Serialize};

use super::acd::{Activity, FigureSubject, Intent, IntentSource, OfferEnd, QueueKey};
use super::conference::{ConferenceChange, ConferenceKey};
use super::define::EntryKey;
use super::dial::{DialChange, DialTaskKey};
use super::mailbox::MessageRecord;
use super::record::{CallRecord, MailboxCounts, Party};
use super::settings::{SettingsRecord, TenantSettingsRecord};
use super::supervise::{Mode, SupervisionChange, Supervisor};
use super::{
    AgentKey, CallId, ExtensionKey, InteractionId, MailboxKey, MenuKey, OfferId, TenantId, TrunkKey,
};

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
    /// The phone of whoever a call was begun for by an order rings: the caller's own.
    CallerRinging {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Who rings.
        caller: Party,
    },
    /// ... and has answered: now the other end is called.
    CallerAnswered {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Who answered.
        caller: Party,
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
    /// A party of a call was given to somebody else by the other one.
    CallTransferred {
        /// The call that it leaves.
        call: CallId,
        /// What both belong to.
        interaction: InteractionId,
        /// The call in which it is now.
        into: CallId,
        /// By whom.
        by: Party,
    },
    /// Somebody took a call that rang elsewhere.
    CallPickedUp {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Who took it.
        by: Party,
        /// Whom it was for: who rang, or the queue.
        from: Party,
    },
    /// Somebody was parked.
    CallParked {
        /// The call of who is parked.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// The number to dial.
        slot: u32,
        /// Who waits there.
        parked: Party,
        /// Who parked.
        by: Party,
    },
    /// Somebody took a parked call; the place is free.
    CallRetrieved {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// From where.
        slot: u32,
        /// Who took it.
        by: Party,
    },
    /// A parking place is free without anybody having dialled it.
    ParkingEnded {
        /// The call that was there.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Which place.
        slot: u32,
        /// `hung_up`, `timeout` (sent on, since nobody came), or `taken` (by other means).
        why: String,
    },
    /// Something that was tried with a call did not come about.
    AttemptFailed {
        /// Which call: whoever tried it is in it.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// What.
        attempt: Attempt,
    },
    /// A prompt or music could not be played: whoever was to hear it hears nothing.
    PromptFailed {
        /// In which call; in a conference or page, one of its calls.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Which, as it was ordered.
        prompt: String,
        /// What is wrong with it.
        why: String,
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
    /// A recording leaves out what is said from now on.
    RecordingPaused {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// File below the recordings directory.
        path: String,
        /// Where in the file, in ms.
        at_ms: u64,
    },
    /// ... and no longer.
    RecordingResumed {
        /// Which call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// File below the recordings directory.
        path: String,
        /// Where in the file, in ms.
        at_ms: u64,
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
    /// A caller waits in a queue.
    CallerQueued {
        /// The caller's call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Where.
        queue: QueueKey,
        /// The caller's number.
        number: String,
        /// Priority at the beginning.
        priority: u32,
    },
    /// A caller left a queue; `outcome` as in the call record.
    CallerLeft {
        /// The caller's call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Where from.
        queue: QueueKey,
        /// `answered`, `abandoned`, `removed`, `picked_up`, `callback`, or why it overflowed.
        outcome: String,
        /// Waited, in ms.
        waited_ms: u64,
        /// The agent who was bridged.
        agent: Option<AgentKey>,
    },
    /// An agent is being offered a caller: its phone is about to ring.
    AgentOffered {
        /// Who.
        agent: AgentKey,
        /// The offer.
        offer: OfferId,
        /// Of this queue.
        queue: QueueKey,
        /// The caller's call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
    },
    /// An offer ended.
    OfferEnded {
        /// Who.
        agent: AgentKey,
        /// The offer.
        offer: OfferId,
        /// Of this queue.
        queue: QueueKey,
        /// The caller's call.
        call: CallId,
        /// How.
        end: OfferEnd,
        /// It rang for so long, in ms.
        rang_ms: u64,
    },
    /// An extension's owner has set something.
    SettingsChanged(Box<SettingsRecord>),
    /// A tenant has set something for all of its calls.
    TenantSettingsChanged(Box<TenantSettingsRecord>),
    /// What an agent wants has changed.
    AgentIntentChanged {
        /// Who.
        agent: AgentKey,
        /// What it wants now.
        intent: Intent,
        /// Who changed it.
        source: IntentSource,
    },
    /// What happens to an agent has changed.
    AgentActivityChanged {
        /// Who.
        agent: AgentKey,
        /// What happens now.
        #[serde(flatten)]
        activity: Activity,
    },
    /// A caller rated the conversation.
    CallRated {
        /// The caller's call.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Of this queue.
        queue: QueueKey,
        /// The agent who talked.
        agent: AgentKey,
        /// The digit.
        rating: u8,
    },
    /// A queue or an agent was defined, changed or removed over HTTP.
    DefinitionChanged {
        /// Which.
        subject: FigureSubject,
        /// False when it is gone.
        exists: bool,
    },
    /// Somebody left a message.
    VoicemailLeft {
        /// The message.
        message: Box<MessageRecord>,
    },
    /// What lies in a mailbox has changed.
    MailboxChanged {
        /// Which.
        mailbox: MailboxKey,
        /// What lies in it now.
        counts: MailboxCounts,
    },
    /// A menu was defined, changed or removed over HTTP.
    MenuChanged {
        /// Which.
        menu: MenuKey,
        /// False when it is gone.
        exists: bool,
    },
    /// Something happened to a dial task.
    Dial {
        /// Which.
        task: DialTaskKey,
        /// What.
        #[serde(flatten)]
        what: Box<DialChange>,
    },
    /// Something happened in a conference.
    Conference {
        /// Which.
        conference: ConferenceKey,
        /// What its members' calls belong to.
        interaction: InteractionId,
        /// What.
        what: ConferenceChange,
    },
    /// Somebody begins to supervise a call, does it otherwise, or leaves.
    Supervision {
        /// The call that is supervised.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// Who supervises.
        supervisor: Supervisor,
        /// The supervisor's own call.
        supervisor_call: CallId,
        /// How it takes part, or did last.
        mode: Mode,
        /// What happened.
        change: SupervisionChange,
    },
    /// What was defined over HTTP has no effect: the configuration file defines the same id, or an extension has its number.
    DefinitionShadowed {
        /// Which.
        subject: FigureSubject,
    },
    /// Something was defined, changed or removed over HTTP.
    EntryChanged {
        /// Which.
        entry: EntryKey,
        /// False when it is gone.
        exists: bool,
    },
    /// What was defined over HTTP has no effect: the configuration file has taken its id or number.
    EntryShadowed {
        /// Which.
        entry: EntryKey,
    },
    /// A new configuration is in force.
    Reloaded,
}

/// What was tried with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempt {
    /// To send the other party to somebody: nobody was reached, and it is back.
    Transfer,
    /// To choose something in a menu: no key came, or one that leads nowhere.
    Choice,
    /// To leave a message.
    Message,
    /// To hear another call: nothing was heard of it.
    Supervision,
    /// To come into a conference.
    Conference,
    /// To take a call that rings elsewhere.
    Pickup,
}

impl Attempt {
    /// As it is written in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Choice => "choice",
            Self::Message => "message",
            Self::Supervision => "supervision",
            Self::Conference => "conference",
            Self::Pickup => "pickup",
        }
    }
}
