//! Orders and questions from outside, with their answers.

use serde::{Deserialize, Serialize};

use super::acd::{
    AgentOrder, AgentView, DefinitionOrder, Explanation, FigureSubject, MemberView, QueueOrder,
    QueueView,
};
use super::conference::{ConferenceOrder, ConferenceView};
use super::config::Config;
use super::define::{EntryKey, EntryKind, EntryOrder, EntryView};
use super::dial::{DialOrder, DialTaskView};
use super::mailbox::{MailboxOrder, MailboxView, MessageRecord};
use super::menu::{MenuOrder, MenuView};
use super::page::PageView;
use super::park::{ParkedView, TakeOrder};
use super::provision::{Fetch, PhoneOrder, PhoneSheet, PhoneView};
use super::record::RegistrationView;
use super::recording::RecordingOrder;
use super::settings::{ExtensionSettings, SettingsRecord, TenantSettings};
pub use super::shown::{CallStage, CallView, Counted, Figures, Page, QueueGauge, Span, TrunkView};
use super::supervise::SuperviseOrder;
use super::transfer::TalkOrder;
use super::{CallId, CallTerms, InteractionId, MessageId, TenantId};

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sees.
    ReadOnly,
    /// One extension's owner.
    User,
    /// One agent.
    Agent,
    /// Acts on every call of the tenant.
    Supervisor,
    /// Everything within the tenant.
    Admin,
}

/// Who orders or asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Bound to this tenant.
    pub tenant: TenantId,
    /// With these rights.
    pub role: Role,
    /// The key's name, for the audit log.
    pub name: String,
    /// The extension that a user or agent key stands for.
    pub extension: Option<String>,
    /// The agent that an agent key stands for.
    pub agent: Option<String>,
}

/// Whom a number or address means within a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meant {
    /// An extension: its bare number, with the tenant's prefix, or an outside number that leads to it.
    Extension(String),
    /// A queue, likewise.
    Queue(String),
}

/// An order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Rings `from`, and when it answers calls `to` for it, under its rights.
    Originate {
        /// The extension's bare number.
        from: String,
        /// Whatever that extension could dial.
        to: String,
        /// Asks the phone to answer by itself (Call-Info and Alert-Info headers).
        auto_answer: bool,
        /// How it differs from a call that the extension dials.
        terms: CallTerms,
    },
    /// Something about a conversation: transfer, consultation, hold.
    Talk {
        /// Which.
        call: CallId,
        /// What.
        order: TalkOrder,
    },
    /// Ends a call.
    HangUp {
        /// Which.
        call: CallId,
    },
    /// Begins, pauses, resumes or ends the recording of a live call.
    Record(RecordingOrder),
    /// A call that rings elsewhere, or is parked, or is to be.
    Take(TakeOrder),
    /// Something about an agent of the tenant; an agent's key may only order about its own.
    Agent {
        /// The agent's id.
        agent: String,
        /// What.
        order: AgentOrder,
    },
    /// Something about a queue's callers.
    Queue {
        /// The queue's number.
        queue: String,
        /// What.
        order: QueueOrder,
    },
    /// A definition over HTTP; answered when it is on disk.
    Define(DefinitionOrder),
    /// Something about a mailbox of the tenant; a user's key may only order about its own.
    Mailbox {
        /// The number of its extension or queue.
        mailbox: String,
        /// What.
        order: MailboxOrder,
    },
    /// A menu over HTTP; answered when it is on disk.
    Menu(MenuOrder),
    /// Something about dial tasks; answered when it is on disk.
    Dial(DialOrder),
    /// A desk phone over HTTP; answered when it is on disk.
    Phone(PhoneOrder),
    /// A desk phone asks for its settings. Its secret counts, not the principal.
    Fetch(Box<Fetch>),
    /// Sets everything that an extension's owner may set; answered when it is on disk. A user's or agent's key may only
    /// set its own.
    Settings {
        /// The extension's bare number.
        extension: String,
        /// What holds from now on.
        settings: Box<ExtensionSettings>,
    },
    /// Sets everything that a tenant may set for all of its calls; for keys of admins, answered when it is on disk.
    TenantSettings(Box<TenantSettings>),
    /// An extension over HTTP; answered when it is on disk.
    Entry(Box<EntryOrder>),
    /// Something about conferences.
    Conference(ConferenceOrder),
    /// A tenant that has no calls is gone with everything that it has; the installation's own order, answered when nothing of
    /// it is on disk any more.
    RemoveTenant {
        /// Which.
        tenant: TenantId,
        /// The configuration without it.
        config: Box<Config>,
    },
    /// Something about the supervision of a call; for keys of supervisors and admins.
    Supervise {
        /// The call that is supervised.
        call: CallId,
        /// What.
        order: SuperviseOrder,
    },
}

/// A question about the live state. Pages start at 0 and hold at most 200 rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Query {
    /// Registered contacts of the tenant, in order of extension and contact.
    Registrations {
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// Live calls of the tenant, oldest first.
    Calls {
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// One live call.
    Call {
        /// Which.
        call: CallId,
    },
    /// Whom a number or address means, in whichever form: `4567`, `+861234`, `tel:`, `sip:user@host`.
    Meant(String),
    /// Parking places of the tenant that are taken, by number.
    Parking,
    /// Trunks of the tenant.
    Trunks,
    /// Desk phones of the tenant, by MAC address.
    Phones {
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// One desk phone, by its MAC address.
    Phone(String),
    /// Queues of the tenant, by number.
    Queues {
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// One queue, by its number.
    Queue(String),
    /// Agents of the tenant, by id; of one queue where it is given.
    Agents {
        /// The queue's number.
        queue: Option<String>,
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// One agent, by its id.
    Agent(String),
    /// Callers of a queue, in order; those that talk with an agent come last.
    Members {
        /// The queue's number.
        queue: String,
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// Why each agent of a queue is or is not being offered.
    Explain {
        /// The queue's number.
        queue: String,
        /// Only for this caller.
        call: Option<CallId>,
        /// Callers wanted, at most 20.
        limit: usize,
    },
    /// What was counted in a queue or for an agent: since midnight, and over the last five, fifteen, thirty and sixty minutes.
    Counted(FigureSubject),
    /// Mailboxes of the tenant that exist or hold messages, by number.
    Mailboxes {
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// Messages of a mailbox, newest first.
    Messages {
        /// The number of its extension or queue.
        mailbox: String,
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// One message.
    Message {
        /// The number of the mailbox.
        mailbox: String,
        /// Which.
        id: MessageId,
    },
    /// Menus of the tenant, by name.
    Menus {
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// One menu, by its name.
    Menu(String),
    /// Pages of the tenant, by name.
    Pages {
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// One page, by its name.
    Page(String),
    /// Conferences of the tenant, by name; for a user's or agent's key those that its extension is in.
    Conferences {
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// One conference, by its name.
    Conference(String),
    /// What the owner of an extension, by its number, has set.
    Settings(String),
    /// What the tenant has set for all of its calls.
    TenantSettings,
    /// Definitions of one kind, by name; those of the file as well.
    Entries {
        /// Of what.
        kind: EntryKind,
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// One definition.
    Entry(EntryKey),
    /// The numbers that the tenant has from its carriers, in the order of their definition.
    OwnNumbers,
    /// Dial tasks of the tenant, by id.
    DialTasks {
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// One dial task, by its id.
    DialTask(String),
    /// Numbers of the tenant that are never dialled, in order.
    DoNotCall {
        /// Rows to skip.
        offset: usize,
        /// Rows wanted, at most 200.
        limit: usize,
    },
    /// Counters and gauges of the whole switch (asked by the metrics endpoint, not bound to a tenant).
    Figures,
}

/// Why an order or question was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandError {
    /// No such call, extension or trunk in the tenant.
    NotFound(String),
    /// The key may not.
    Forbidden(String),
    /// It contradicts the present state, e.g. the extension is not registered.
    Conflict(String),
    /// The order makes no sense; says what would be right.
    Invalid(String),
    /// Too much at once, or draining; try again after so many seconds.
    Busy {
        /// Seconds.
        retry_after: u32,
        /// What was full.
        what: String,
    },
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    /// A call was started.
    Originated {
        /// Its id.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
    },
    /// A call is being ended.
    HungUp,
    /// A call was parked.
    Parked {
        /// The call of who waits.
        call: CallId,
        /// What it belongs to.
        interaction: InteractionId,
        /// The number to dial.
        slot: u32,
    },
    /// The order was carried out, or what it wants held already.
    Ordered,
    /// A definition is in force and on disk.
    Defined,
    /// A definition is in force and on disk.
    Entered {
        /// It is new.
        created: bool,
        /// The spare password was taken.
        spare: bool,
    },
    /// Numbers of a dial task were taken.
    NumbersAdded {
        /// New ones.
        added: usize,
        /// Given before, and ignored.
        repeated: usize,
        /// No room for them now.
        refused: usize,
    },
    /// A phone may have these settings.
    Provisioned(Box<PhoneSheet>),
}

/// The one answer to a command or query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// A command's result.
    Command(Result<Done, CommandError>),
    /// Rows.
    Registrations(Page<RegistrationView>),
    /// Rows.
    Calls(Page<CallView>),
    /// One call.
    Call(Box<CallView>),
    /// Whom a number means.
    Meant(Meant),
    /// Rows.
    Parking(Page<ParkedView>),
    /// All trunks.
    Trunks(Page<TrunkView>),
    /// Rows.
    Phones(Page<PhoneView>),
    /// One phone.
    Phone(Box<PhoneView>),
    /// Rows.
    Queues(Page<QueueView>),
    /// One queue.
    Queue(Box<QueueView>),
    /// Rows.
    Agents(Page<AgentView>),
    /// One agent.
    Agent(Box<AgentView>),
    /// Rows.
    Members(Page<MemberView>),
    /// Why.
    Explanation(Box<Explanation>),
    /// What was counted.
    Counted(Box<Counted>),
    /// Rows.
    Mailboxes(Page<MailboxView>),
    /// Rows.
    Messages(Page<MessageRecord>),
    /// One message.
    Message(Box<MessageRecord>),
    /// Rows.
    Menus(Page<MenuView>),
    /// One menu.
    Menu(Box<MenuView>),
    /// Rows.
    Pages(Page<PageView>),
    /// One page.
    Page(Box<PageView>),
    /// Rows.
    Conferences(Page<ConferenceView>),
    /// One conference.
    Conference(Box<ConferenceView>),
    /// What is set for an extension.
    Settings(Box<SettingsRecord>),
    /// What a tenant has set.
    TenantSettings(Box<TenantSettings>),
    /// Rows.
    Entries(Page<EntryView>),
    /// One definition.
    Entry(Box<EntryView>),
    /// Numbers.
    OwnNumbers(Vec<String>),
    /// Rows.
    DialTasks(Page<DialTaskView>),
    /// One dial task.
    DialTask(Box<DialTaskView>),
    /// Rows.
    DoNotCall(Page<String>),
    /// Figures.
    Figures(Box<Figures>),
    /// A query that found nothing or was refused.
    Refused(CommandError),
}
