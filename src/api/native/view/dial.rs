//! Dial tasks and their numbers.

use std::collections::BTreeMap;

use serde::Serialize;
use strowger_core::vocab::dial::{DialNumberRecord, DialState, DialTaskView, NumberStage};
use utoipa::ToSchema;

/// A dial task.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct DialTaskItem {
    /// Its id.
    id: String,
    /// `progressive`, `ratio`, `predictive`, `broadcast` or `robot`.
    mode: &'static str,
    /// Calls for each idle agent.
    ratio: f64,
    /// The number of the queue whose agents take answered calls.
    queue: Option<String>,
    /// The menu that a broadcast plays.
    menu: Option<String>,
    /// The WebSocket address of a robot; its token is never shown.
    robot_url: Option<String>,
    /// As which number of the tenant it calls.
    caller_number: String,
    /// Classes of routes that it may use.
    classes: Vec<String>,
    /// Calls at a time.
    max_calls: u32,
    /// How long a number rings, in seconds.
    ring_secs: u32,
    /// `[[hours]]` within which it dials.
    hours: Option<String>,
    /// `ready`, `running`, `paused`, `stopping` or `ended`.
    state: &'static str,
    /// Why it has ended: `exhausted`, `stopped` or `force_stopped`.
    ended: Option<&'static str>,
    /// Why it does not dial though it runs: `numbers`, `hours`, `agents`, `calls` or `switch`.
    rests: Option<&'static str>,
    /// There are no more numbers than those that it has.
    exhausted: bool,
    /// Numbers that wait.
    waiting: usize,
    /// Calls that ring.
    ringing: usize,
    /// Calls that were answered and go on.
    answered: usize,
    /// Numbers done with, by what came of them.
    outcomes: BTreeMap<&'static str, u64>,
    /// Numbers that were given again and ignored.
    repeated: u64,
    /// Expected answers among a thousand calls.
    answer_permille: u32,
    /// Calls without an agent within two seconds of the answer, among the last `answers_lately`.
    abandoned_lately: u32,
    /// At most 1,000.
    answers_lately: u32,
}

impl From<DialTaskView> for DialTaskItem {
    fn from(view: DialTaskView) -> Self {
        let (task, state) = (view.record.task, view.record.state);
        let outcomes = view.figures.outcomes.iter();
        Self {
            id: task.key.id,
            mode: task.mode.as_str(),
            ratio: f64::from(task.ratio) / 100.0,
            queue: task.queue.map(|queue| queue.number),
            menu: task.menu.map(|menu| menu.name),
            robot_url: task.robot.and_then(|robot| robot.url),
            caller_number: task.caller_number,
            classes: task.classes,
            max_calls: task.max_calls,
            ring_secs: task.ring_secs,
            hours: task.hours,
            state: state.as_str(),
            ended: match state {
                DialState::Ended(end) => Some(end.as_str()),
                _ => None,
            },
            rests: view.rests.map(|rests| rests.as_str()),
            exhausted: view.record.exhausted,
            waiting: view.waiting,
            ringing: view.ringing,
            answered: view.answered,
            outcomes: outcomes.map(|(outcome, count)| (outcome.as_str(), *count)).collect(),
            repeated: view.figures.repeated,
            answer_permille: view.answer_permille,
            abandoned_lately: view.abandoned_lately,
            answers_lately: view.answers_lately,
        }
    }
}

/// A number of a dial task. Times are ms since the Unix epoch.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(in crate::api::native) struct DialNumberItem {
    /// Its name within the task.
    pub(super) id: String,
    /// What is dialled.
    pub(super) number: String,
    /// `waiting`, `dialling`, or what came of it.
    pub(super) outcome: &'static str,
    /// The call, if there was one.
    call: Option<String>,
    /// When it was dialled.
    dialled_at: Option<u64>,
    /// When somebody picked up.
    answered_at: Option<u64>,
    /// When it was over.
    ended_at: Option<u64>,
    /// The agent who talked.
    agent: Option<String>,
    /// What the robot noted.
    vars: BTreeMap<String, String>,
}

impl From<DialNumberRecord> for DialNumberItem {
    fn from(record: DialNumberRecord) -> Self {
        let (id, number) = (record.number.id, record.number.number);
        let base = Self { id, number, ..Self::default() };
        match record.stage {
            NumberStage::Waiting => Self { outcome: "waiting", ..base },
            NumberStage::Dialling { at } => {
                Self { outcome: "dialling", dialled_at: Some(at), ..base }
            }
            NumberStage::Done(result) => Self {
                outcome: result.outcome.as_str(),
                call: result.call.map(|call| call.to_string()),
                dialled_at: result.dialled_at,
                answered_at: result.answered_at,
                ended_at: Some(result.ended_at),
                agent: result.agent,
                vars: result.vars,
                ..base
            },
        }
    }
}
