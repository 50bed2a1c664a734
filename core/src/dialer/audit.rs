//! What never happens.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use crate::vocab::dial::DialState;

use super::attempt::Stage;
use super::{AttemptId, Dialer, Due};

impl Dialer {
    /// Adds what contradicts itself.
    pub fn audit(&self, wrong: &mut Vec<String>) {
        let mut calls = 0;
        for (key, task) in &self.tasks {
            calls += task.calls.len();
            let started = task.calls.len() as u64;
            if started > u64::from(task.config.max_calls) && task.was_limit_kept {
                let limit = task.config.max_calls;
                wrong.push(format!("dial task {key} has {started} calls, {limit} at most"));
            }
            if task.calls.iter().any(|id| !self.attempts.contains_key(id)) {
                wrong.push(format!("dial task {key} has a call that is over"));
            }
            let queue = task.queue().filter(|_| task.state == DialState::Running);
            let found = queue.and_then(|queue| self.by_queue.get(queue));
            if task.filed.as_ref() != queue
                || queue.is_some() && !found.is_some_and(|t| t.contains(key))
            {
                wrong.push(format!("dial task {key} is {:?} and filed wrong", task.state));
            }
            let over = matches!(task.state, DialState::Ready | DialState::Ended(_));
            if over && !task.calls.is_empty() {
                wrong.push(format!("dial task {key} is over and has calls"));
            }
            if task.due.is_some_and(|at| !self.due.contains(&(at, Due::Task(key.clone())))) {
                wrong.push(format!("dial task {key} has a deadline that nobody watches"));
            }
        }
        let filed: usize = self.by_queue.values().map(BTreeSet::len).sum();
        if filed != self.tasks.values().filter(|task| task.filed.is_some()).count() {
            wrong.push("dial tasks are filed that do not run".to_owned());
        }
        if calls != self.attempts.len() {
            let known = self.attempts.len();
            wrong.push(format!("dial tasks have {calls} calls, {known} are known"));
        }
        let ringing = self.attempts.values().filter(|attempt| {
            let task = self.tasks.get(&attempt.task);
            attempt.stage.rings() && task.is_some_and(|task| task.queue().is_some())
        });
        if ringing.count() != self.ringing.total() as usize {
            wrong.push("calls that ring for queues are counted wrong".to_owned());
        }
        let watched: BTreeSet<AttemptId> = self
            .due
            .iter()
            .filter_map(|(_, due)| match due {
                Due::Grace(id) => Some(*id),
                Due::Task(_) => None,
            })
            .collect();
        for (id, attempt) in &self.attempts {
            if matches!(attempt.stage, Stage::Open { .. }) != watched.contains(id) {
                wrong.push(format!("a dialled call that is {:?} is watched wrong", attempt.stage));
            }
        }
    }

    /// Adds the state to a hash.
    pub fn digest(&self, hasher: &mut impl Hasher) {
        for (key, task) in &self.tasks {
            key.hash(hasher);
            format!("{:?}{:?}", task.record(), task.figures).hash(hasher);
            (task.waiting.len(), task.due, task.known()).hash(hasher);
        }
        format!("{:?}", self.attempts).hash(hasher);
    }
}
