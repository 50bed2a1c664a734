//! Lists, live calls, trunks and figures as they are shown.

use serde::{Deserialize, Serialize};

use super::TrunkKey;
use super::acd::{AgentFigures, FigureSubject, QueueFigures};
use super::record::CallRecord;
use super::supervise::SupervisorView;

/// Some rows of a longer list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: usize,
    /// When this was true, milliseconds since the Unix epoch.
    pub as_of: u64,
}

/// Where a live call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStage {
    /// Nobody rings yet.
    Connecting,
    /// Somebody rings.
    Ringing,
    /// Both ends talk, or one is on hold.
    Talking,
    /// The switch plays something.
    Announcement,
    /// In a queue, a menu or a mailbox.
    Attended,
    /// On its way out.
    Ending,
}

/// A live call as shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallView {
    /// Its record as it would be stored now.
    #[serde(flatten)]
    pub record: CallRecord,
    /// Where it stands.
    pub stage: CallStage,
    /// Somebody is on hold.
    pub held: bool,
    /// Who supervises it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supervisors: Vec<SupervisorView>,
}

/// What was counted for one subject, over several spans of time up to now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// About whom.
    pub subject: FigureSubject,
    /// When this was true, milliseconds since the Unix epoch.
    pub as_of: u64,
    /// Seconds that the span covers; `None` is since the tenant's midnight.
    pub spans: Vec<Span>,
}

/// One span of figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// How far it reaches back from now in seconds; `None` to the tenant's midnight.
    pub secs: Option<u32>,
    /// For a queue.
    pub queue: Option<QueueFigures>,
    /// For an agent.
    pub agent: Option<AgentFigures>,
}

/// A trunk as shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrunkView {
    /// Which.
    pub trunk: TrunkKey,
    /// Takes calls.
    pub up: bool,
    /// Registered with the carrier, where it registers.
    pub registered: Option<bool>,
    /// Why it is down.
    pub reason: Option<String>,
    /// Channels in use.
    pub calls: usize,
}

/// Counters since the start, and gauges of now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Registered contacts.
    pub registrations: u64,
    /// Live calls.
    pub calls: u64,
    /// Calls admitted since the start.
    pub calls_started: u64,
    /// Calls answered since the start.
    pub calls_answered: u64,
    /// Ended calls by cause, in the order of the causes' names.
    pub calls_ended: Vec<(String, u64)>,
    /// SIP messages received, by method or status class.
    pub sip_received: Vec<(String, u64)>,
    /// SIP messages sent.
    pub sip_sent: u64,
    /// Messages that were dropped or refused before they reached a call, by reason.
    pub sip_dropped: Vec<(String, u64)>,
    /// Failed authentications.
    pub auth_failures: u64,
    /// Trunks by tenant and name, with 1 for up.
    pub trunks: Vec<(TrunkKey, u64)>,
    /// Free ports in all workers' stocks.
    pub media_ports_free: u64,
    /// Streams open.
    pub media_streams: u64,
    /// Recordings being written.
    pub recordings: u64,
    /// Prompts and music that could not be played.
    pub prompts_failed: u64,
    /// Subscriptions of phones, by package.
    pub subscriptions: Vec<(String, u64)>,
    /// Groups of records not yet on disk.
    pub commits_pending: u64,
    /// Groups of records that could not be written.
    pub commits_failed: u64,
    /// Events published.
    pub events: u64,
    /// Open SIP stream connections.
    pub sip_connections: u64,
    /// Queues as they stand, with what was counted since midnight.
    pub queues: Vec<QueueGauge>,
    /// Agents by tenant, intent or activity, and number.
    pub agents: Vec<(String, String, u64)>,
    /// Calls of dial tasks, by tenant.
    pub dial_calls: Vec<(String, u64)>,
    /// Numbers of dial tasks done with, by tenant and outcome.
    pub dial_numbers: Vec<(String, String, u64)>,
}

/// A queue's figures for the metrics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueGauge {
    /// Its tenant.
    pub tenant: String,
    /// Its number.
    pub number: String,
    /// Callers that wait.
    pub waiting: u64,
    /// The longest present wait in ms.
    pub longest_wait_ms: u64,
    /// Callers that talk with an agent.
    pub talking: u64,
    /// Agents that could be offered a caller now.
    pub agents_ready: u64,
    /// Since the start of the process.
    pub since_start: QueueFigures,
}
