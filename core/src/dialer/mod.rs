//! Outbound dialling: tasks that call their numbers at the pace of the agents who are there for the answers.
//!
//! A machine without calls of its own. It is told what happens and how many agents are free ([`Outside`]), and says what is
//! to be done ([`Act`]). A number is written down as being dialled before it is dialled ([`Act::Claim`], then
//! [`Dialer::written`], then [`Act::Dial`]), so that after a crash it is known which may have been: those are never dialled
//! again. Every attempt occupies one of its task's calls from the claim to the end of the call.

mod attempt;
mod audit;
mod launch;
mod orders;
mod pace;
mod restore;
mod task;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::vocab::dial::{
    DialChange, DialNumber, DialNumberRecord, DialOutcome, DialState, DialTask, DialTaskKey,
};
use crate::vocab::{CallId, QueueKey, Record, TenantId};

pub use attempt::NotPlaced;
pub use orders::OrderError;
pub use pace::{BOUND, WINDOW};
pub use restore::Stored;
pub use task::Added;

use attempt::Attempt;
use task::{Ringing, Task};

/// One millisecond in nanoseconds.
const MS: u64 = 1_000_000;
/// One second in nanoseconds.
const SECOND: u64 = 1_000 * MS;
/// Who has answered and has no agent by then is abandoned; nanoseconds.
const GRACE: u64 = 2 * SECOND;

/// One number's being dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AttemptId(pub u64);

/// What the dialler wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Write down that a number is about to be dialled, then tell [`Dialer::written`].
    Claim {
        /// For which attempt.
        attempt: AttemptId,
        /// What to write.
        record: Box<DialNumberRecord>,
    },
    /// Dial, then tell [`Dialer::placed`] or [`Dialer::not_placed`].
    Dial {
        /// For which attempt.
        attempt: AttemptId,
        /// Under what terms.
        task: Box<DialTask>,
        /// What.
        number: DialNumber,
    },
    /// End an attempt's call; [`Dialer::ended`] is told as ever.
    HangUp(AttemptId),
    /// Write down.
    Remember(Box<Record>),
    /// Tell the world.
    Publish {
        /// About which task.
        task: DialTaskKey,
        /// What.
        change: Box<DialChange>,
    },
}

/// What a queue has for answered calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Floor {
    /// Agents who could be given a caller now.
    pub idle: u32,
    /// Agents who are at work, idle or not.
    pub working: u32,
    /// Callers who wait and for whom no agent rings.
    pub waiting: u32,
    /// How long an agent finishes up after a conversation, in ms.
    pub wrap_up_ms: u64,
}

/// How things stand around a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Its queue; `None` where it has none.
    pub floor: Option<Floor>,
    /// It is within its hours.
    pub open: bool,
    /// The switch takes calls.
    pub takes_calls: bool,
}

/// What the dialler asks of the rest of the switch.
pub trait Outside {
    /// How things stand around a task.
    fn conditions(&self, task: &DialTask) -> Conditions;
    /// A form in which two ways to write a number are equal.
    fn canonical(&self, tenant: &str, number: &str) -> String;
}

/// What is to be looked at by itself at some moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Task(DialTaskKey),
    Grace(AttemptId),
}

/// All tasks of all tenants.
#[derive(Debug, Default)]
pub struct Dialer {
    tasks: BTreeMap<DialTaskKey, Task>,
    attempts: BTreeMap<AttemptId, Attempt>,
    ringing: Ringing,
    blocked: BTreeMap<TenantId, BTreeSet<String>>,
    acts: VecDeque<Act>,
    due: BTreeSet<(u64, Due)>,
    /// Tasks to look at.
    touched: BTreeSet<DialTaskKey>,
    /// Tasks that run and dial for agents, by their queue.
    by_queue: BTreeMap<QueueKey, BTreeSet<DialTaskKey>>,
    last_turn: u64,
    last_attempt: u64,
    /// Numbers done with since the start.
    done: BTreeMap<(TenantId, DialOutcome), u64>,
}

impl Dialer {
    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// When [`Dialer::tick`] is due; monotonic nanoseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The configuration is not as it was: all running tasks are to be looked at.
    pub fn touch(&mut self) {
        let running = self.tasks.iter().filter(|(_, task)| task.state == DialState::Running);
        self.touched.extend(running.map(|(key, _)| key.clone()));
    }

    /// Agents or callers of a queue are not as they were: the running tasks that dial for it are to be looked at.
    pub fn touch_queue(&mut self, queue: &QueueKey) {
        if let Some(tasks) = self.by_queue.get(queue) {
            self.touched.extend(tasks.iter().cloned());
        }
    }

    /// After any change of a task's state, mode or queue.
    fn index(&mut self, key: &DialTaskKey) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        let running = task.state == DialState::Running;
        let queue = task.queue().filter(|_| running).cloned();
        if task.filed == queue {
            return;
        }
        if let Some(before) = std::mem::replace(&mut task.filed, queue.clone())
            && let Some(tasks) = self.by_queue.get_mut(&before)
        {
            tasks.remove(key);
            if tasks.is_empty() {
                self.by_queue.remove(&before);
            }
        }
        if let Some(queue) = queue {
            self.by_queue.entry(queue).or_default().insert(key.clone());
        }
    }

    /// No call of any task is left.
    pub fn is_idle(&self) -> bool {
        self.attempts.is_empty()
    }

    /// The call of an attempt, while there is one.
    pub fn call_of(&self, attempt: AttemptId) -> Option<CallId> {
        self.attempts.get(&attempt)?.call
    }

    /// A task's definition.
    pub fn task(&self, key: &DialTaskKey) -> Option<&DialTask> {
        self.tasks.get(key).map(|task| &task.config)
    }

    fn publish(&mut self, task: &DialTaskKey, change: DialChange) {
        self.acts.push_back(Act::Publish { task: task.clone(), change: Box::new(change) });
    }

    fn remember(&mut self, record: Record) {
        self.acts.push_back(Act::Remember(Box::new(record)));
    }

    /// Looks at a task again then.
    fn set_due(&mut self, key: &DialTaskKey, at: Option<u64>) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        if task.due == at {
            return;
        }
        if let Some(before) = std::mem::replace(&mut task.due, at) {
            self.due.remove(&(before, Due::Task(key.clone())));
        }
        self.due.extend(at.map(|at| (at, Due::Task(key.clone()))));
    }
}
