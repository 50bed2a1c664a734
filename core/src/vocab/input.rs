//! What goes into the switch.

use bytes::Bytes;
use media::order::{MediaEvent, MixId, Port};
use serde::{Deserialize, Serialize};
use sip::{Flow, Transport};

use super::acd::{FigureRecord, IntentRecord};
use super::define::Entry;
use super::dial::{DialNumberRecord, DialOutcome, DialTaskKey, DialTaskRecord};
use super::mailbox::{Delivery, GreetingRecord, MessageRecord, WaitingMail};
use super::menu::Menu;
use super::provision::PhoneRecord;
use super::record::{CallRecord, Definition, MailboxCounts, RecordingRecord, RegistrationRecord};
use super::robot::RobotWord;
use super::settings::{SettingsRecord, TenantSettingsRecord};
use super::watch::SubscriptionRecord;
use super::{
    Command, CommitId, Config, ConnectId, MailboxKey, MessageId, Principal, Query, RequestId,
    ResolveId, TenantId, WorkerId,
};

/// Everything that can happen to the switch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Input {
    /// The first input, once.
    Boot(Box<Boot>),
    /// Time has come to the deadline that the switch named, or passed it. Timers fire on nothing else.
    Tick,
    /// One whole SIP message, or a stream's keep-alive.
    Packet {
        /// Where from.
        flow: Flow,
        /// The message; may lie in a receive buffer that is used again after `handle`.
        bytes: Bytes,
    },
    /// A stream connection is open, asked for (`connect`) or accepted.
    FlowOpened {
        /// The new flow.
        flow: Flow,
        /// The `Connect` effect that it answers.
        connect: Option<ConnectId>,
    },
    /// A stream connection ended, a connection attempt failed, or a datagram could not be sent.
    FlowClosed {
        /// The flow; its generation is 0 where a connection attempt failed.
        flow: Flow,
        /// The `Connect` effect that failed, if any.
        connect: Option<ConnectId>,
    },
    /// An answer to `Resolve`.
    Resolved {
        /// The question.
        id: ResolveId,
        /// Records, or why there are none.
        answer: sip::resolve::Answer,
    },
    /// Groups of records are on disk, or could not be written.
    Stored {
        /// The groups.
        commits: Vec<CommitId>,
        /// False if they are lost; the shell has logged why and counts it.
        ok: bool,
    },
    /// A worker's stock grew by these ports.
    MediaPorts {
        /// Whose.
        worker: WorkerId,
        /// New in stock.
        ports: Vec<Port>,
    },
    /// A worker reports.
    MediaEvent {
        /// Which worker.
        worker: WorkerId,
        /// What.
        event: MediaEvent,
    },
    /// A robot says something, or something became of the connection to it.
    Robot {
        /// Whose robot.
        line: MixId,
        /// What.
        word: RobotWord,
    },
    /// Somebody orders something; exactly one `Reply` follows.
    Command {
        /// Comes back in the reply.
        id: RequestId,
        /// Who orders.
        principal: Principal,
        /// What.
        command: Command,
    },
    /// Somebody asks something; exactly one `Reply` follows.
    Query {
        /// Comes back in the reply.
        id: RequestId,
        /// Who asks.
        principal: Principal,
        /// What.
        query: Query,
    },
    /// An answer to `SendMail`.
    Mailed {
        /// Which mail.
        id: MessageId,
        /// How the attempt ended.
        delivery: Delivery,
    },
    /// The files of these recordings are gone, since they were too old or too many.
    RecordingsRemoved(Vec<RecordingRecord>),
    /// A new configuration, checked and prepared.
    Reload(Box<Config>),
    /// No new calls from now on; existing ones end by themselves, or at the deadline.
    Drain {
        /// Milliseconds that calls may go on; 0 ends them now.
        grace_ms: u64,
    },
}

/// How the switch begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Boot {
    /// Seed of all randomness.
    pub seed: [u8; 32],
    /// Counts the starts of this installation; part of event sequences.
    pub boot: u64,
    /// What to be.
    pub config: Config,
    /// The addresses that are really listened on, as flows with no remote.
    pub listeners: Vec<Listener>,
    /// What the store remembers.
    pub restored: Restored,
}

/// A bound SIP listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// What it speaks.
    pub transport: Transport,
    /// Its real address.
    pub address: std::net::SocketAddr,
}

/// What survived the last run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Restored {
    /// Registrations, also expired ones.
    pub registrations: Vec<RegistrationRecord>,
    /// Calls that were live when the process died; they are closed with cause `restart`.
    pub open_calls: Vec<CallRecord>,
    /// Recordings that were being written.
    pub open_recordings: Vec<RecordingRecord>,
    /// Agents' intents.
    pub intents: Vec<IntentRecord>,
    /// Figures of the last 48 hours.
    pub figures: Vec<FigureRecord>,
    /// Queues and agents defined over HTTP.
    pub definitions: Vec<Definition>,
    /// Messages per mailbox.
    pub mailboxes: Vec<(MailboxKey, MailboxCounts)>,
    /// The messages, oldest first.
    pub messages: Vec<MessageRecord>,
    /// Mailboxes' own greetings.
    pub greetings: Vec<GreetingRecord>,
    /// Mail on its way.
    pub mails: Vec<WaitingMail>,
    /// Menus defined over HTTP.
    pub menus: Vec<Menu>,
    /// What owners of extensions have set.
    pub settings: Vec<SettingsRecord>,
    /// What tenants have set.
    pub tenant_settings: Vec<TenantSettingsRecord>,
    /// Desk phones: definitions made over HTTP, and secrets.
    pub phones: Vec<PhoneRecord>,
    /// What else was defined over HTTP.
    pub entries: Vec<Entry>,
    /// Dial tasks.
    pub dial_tasks: Vec<DialTaskRecord>,
    /// Numbers of dial tasks that are not done with, in order.
    pub dial_numbers: Vec<DialNumberRecord>,
    /// Those that are: task, id, place in the order, what came of it.
    pub dial_done: Vec<(DialTaskKey, String, u64, DialOutcome)>,
    /// Numbers that are never dialled, by tenant.
    pub do_not_call: Vec<(TenantId, String)>,
    /// Subscriptions, also expired ones.
    pub subscriptions: Vec<SubscriptionRecord>,
}
