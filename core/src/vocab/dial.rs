//! The words of outbound dialling: tasks, their numbers, and what came of each.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CallId, MenuKey, QueueKey, Secret, TenantId};

/// Calls that one task may have at a time, at most.
pub const MAX_CALLS: u32 = 1_000;
/// Calls for each idle agent in hundredths: the least and the most.
pub const RATIOS: std::ops::RangeInclusive<u32> = 100..=500;
/// Numbers that one order may bring.
pub const MAX_BATCH: usize = 1_000;
/// Numbers of one task that may wait to be dialled.
pub const MAX_WAITING: usize = 10_000;
/// Numbers that one task may have had in all.
pub const MAX_NUMBERS: usize = 200_000;
/// Tasks of one tenant.
pub const MAX_TASKS: usize = 1_000;
/// Numbers of one tenant that are never dialled.
pub const MAX_BLOCKED: usize = 500_000;

/// A dial task within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DialTaskKey {
    /// Whose.
    pub tenant: TenantId,
    /// The task's id.
    pub id: String,
}

impl fmt::Display for DialTaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.id)
    }
}

/// How a task decides when to dial, and what answered calls come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialMode {
    /// One call for each idle agent of the queue.
    Progressive,
    /// So many calls for each idle agent.
    Ratio,
    /// Paced by the rate of answers and by the handling time, within a bound of abandoned calls.
    Predictive,
    /// No agent: who answers hears a menu.
    Broadcast,
    /// No agent: the audio goes both ways to a program elsewhere.
    Robot,
}

impl DialMode {
    /// The name under which it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Progressive => "progressive",
            Self::Ratio => "ratio",
            Self::Predictive => "predictive",
            Self::Broadcast => "broadcast",
            Self::Robot => "robot",
        }
    }

    /// Whether answered calls want an agent.
    pub fn wants_agents(self) -> bool {
        matches!(self, Self::Progressive | Self::Ratio | Self::Predictive)
    }
}

/// The program that talks in the calls of a robot's task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotLink {
    /// Its WebSocket address, `ws://` or `wss://`; `None`: that of the tenant's `[[dialer]]`.
    pub url: Option<String>,
    /// What it knows us by.
    pub token: Secret,
}

/// What a task is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialTask {
    /// Whose, and its id.
    pub key: DialTaskKey,
    /// How it dials.
    pub mode: DialMode,
    /// Calls for each idle agent in hundredths ([`RATIOS`]): exactly for a ratio, at most for a prediction.
    pub ratio: u32,
    /// Where answered calls wait for agents.
    pub queue: Option<QueueKey>,
    /// What answered calls of a broadcast hear.
    pub menu: Option<MenuKey>,
    /// Who talks in the calls of a robot; `None`: whoever is at the address of the tenant's `[[dialer]]`.
    pub robot: Option<RobotLink>,
    /// As which number of the tenant it calls.
    pub caller_number: String,
    /// Its numbers may be dialled by routes without a class and by routes of these.
    pub classes: Vec<String>,
    /// Calls at a time.
    pub max_calls: u32,
    /// How long a number rings, in seconds.
    pub ring_secs: u32,
    /// Opening hours within which it dials, by name.
    pub hours: Option<String>,
    /// The interface that is asked for numbers; `None` where they are pushed.
    pub feed: Option<String>,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialState {
    /// Never started.
    Ready,
    /// Dials.
    Running,
    /// Dials nothing more until it is started again.
    Paused,
    /// Dials nothing more and ends with its last call.
    Stopping,
    /// Over.
    Ended(DialEnd),
}

impl DialState {
    /// The name under which it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Ended(_) => "ended",
        }
    }
}

/// Why a task is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialEnd {
    /// It has no more numbers.
    Exhausted,
    /// By order; its calls were left to finish.
    Stopped,
    /// By order; its calls were ended.
    ForceStopped,
}

impl DialEnd {
    /// The name under which it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Stopped => "stopped",
            Self::ForceStopped => "force_stopped",
        }
    }
}

/// A number to dial, as it was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DialNumber {
    /// Its name within the task; one that has been given before is not dialled again.
    pub id: String,
    /// What to dial.
    pub number: String,
}

/// What came of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialOutcome {
    /// Answered, and an agent was there within two seconds; or a menu or a robot, at once.
    Answered,
    /// Answered, and an agent came later.
    Late,
    /// Answered, and no agent came.
    Abandoned,
    /// Busy.
    Busy,
    /// Rang out.
    NoAnswer,
    /// Refused.
    Rejected,
    /// Nothing at the number, or at the carrier, answers.
    Unreachable,
    /// No route, or none that the task may use.
    NotAllowed,
    /// The tenant never dials it.
    DoNotCall,
    /// The switch was ended while it was being dialled; it is not dialled again.
    Interrupted,
    /// The task was ended by force before an answer.
    Cancelled,
    /// Anything else that went wrong.
    Failed,
}

impl DialOutcome {
    /// The name under which it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Late => "late",
            Self::Abandoned => "abandoned",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Rejected => "rejected",
            Self::Unreachable => "unreachable",
            Self::NotAllowed => "not_allowed",
            Self::DoNotCall => "do_not_call",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether somebody picked up.
    pub fn was_answered(self) -> bool {
        matches!(self, Self::Answered | Self::Late | Self::Abandoned)
    }
}

/// How far a number is. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum NumberStage {
    /// To be dialled.
    Waiting,
    /// Taken to be dialled: after a crash nobody knows whether it was.
    Dialling {
        /// Since when.
        at: u64,
    },
    /// Done with.
    Done(DialResult),
}

/// What came of a number, in full. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialResult {
    /// What came of it.
    pub outcome: DialOutcome,
    /// The call, if there was one.
    pub call: Option<CallId>,
    /// When it was dialled.
    pub dialled_at: Option<u64>,
    /// When somebody picked up.
    pub answered_at: Option<u64>,
    /// When it was over.
    pub ended_at: u64,
    /// The agent who talked.
    pub agent: Option<String>,
    /// What the robot noted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<String, String>,
}

/// A number as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialNumberRecord {
    /// Of which task.
    pub task: DialTaskKey,
    /// As given.
    #[serde(flatten)]
    pub number: DialNumber,
    /// In the order in which they came.
    pub seq: u64,
    /// How far it is.
    #[serde(flatten)]
    pub stage: NumberStage,
}

/// A task as stored; what came of its numbers is stored with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialTaskRecord {
    /// What it is.
    pub task: DialTask,
    /// Where it stands.
    pub state: DialState,
    /// Whoever feeds it has said that there are no more numbers.
    pub exhausted: bool,
}

/// What was counted in a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialFigures {
    /// Numbers done with, by what came of them.
    pub outcomes: BTreeMap<DialOutcome, u64>,
    /// Numbers that were given again and ignored.
    pub repeated: u64,
}

impl DialFigures {
    /// Those with this outcome.
    pub fn of(&self, outcome: DialOutcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }

    /// How many were answered.
    pub fn answered(&self) -> u64 {
        self.outcomes.iter().filter(|(own, _)| own.was_answered()).map(|(_, count)| count).sum()
    }
}

/// Why a running task does not dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialRest {
    /// It waits for numbers.
    Numbers,
    /// It is outside its hours.
    Hours,
    /// No agent is free, nor will be soon.
    Agents,
    /// It has as many calls as it may.
    Calls,
    /// The switch takes no more calls now, or no carrier does.
    Switch,
}

impl DialRest {
    /// The name under which it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Hours => "hours",
            Self::Agents => "agents",
            Self::Calls => "calls",
            Self::Switch => "switch",
        }
    }
}

/// A task as shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DialTaskView {
    /// What it is and where it stands.
    #[serde(flatten)]
    pub record: DialTaskRecord,
    /// Why it does not dial, while it runs.
    pub rests: Option<DialRest>,
    /// Numbers that wait.
    pub waiting: usize,
    /// Calls that ring.
    pub ringing: usize,
    /// Calls that were answered.
    pub answered: usize,
    /// What was counted.
    pub figures: DialFigures,
    /// Expected answers among a thousand calls.
    pub answer_permille: u32,
    /// Abandoned calls among the last thousand answers.
    pub abandoned_lately: u32,
    /// Answers among which those are counted, at most a thousand.
    pub answers_lately: u32,
}

/// An order about dialling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DialOrder {
    /// Makes a task, or changes one; calls in progress stay.
    Put(Box<DialTask>),
    /// Removes a task without calls, with its numbers.
    Delete(String),
    /// Something about a task.
    Task {
        /// Its id.
        task: String,
        /// What.
        action: DialAction,
    },
    /// These numbers are never dialled, or may be again.
    Block {
        /// Which.
        numbers: Vec<String>,
        /// False to allow them again.
        blocked: bool,
    },
}

/// What a task is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DialAction {
    /// Dial, or go on.
    Start,
    /// Dial nothing more for now.
    Pause,
    /// Dial nothing more; calls finish.
    Stop,
    /// Dial nothing more; calls end now.
    ForceStop,
    /// So many calls for each idle agent from now on, in hundredths.
    SetRatio(u32),
    /// More numbers.
    Add {
        /// Which, at most [`MAX_BATCH`].
        numbers: Vec<DialNumber>,
        /// There are no more after these.
        exhausted: bool,
    },
    /// Whoever was asked for numbers could not be reached.
    FeedFailed,
}

/// What happened to a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum DialChange {
    /// It was made or changed over HTTP.
    Defined,
    /// It is gone.
    Removed,
    /// It stands otherwise.
    State(DialState),
    /// It wants numbers.
    NumbersWanted {
        /// How many.
        count: usize,
        /// Who is asked.
        feed: Option<String>,
    },
    /// A number is being dialled.
    Dialled {
        /// Which.
        number: DialNumber,
        /// The call.
        call: CallId,
    },
    /// A number is done with.
    Done {
        /// Which.
        number: DialNumber,
        /// What came of it.
        result: DialResult,
    },
}
