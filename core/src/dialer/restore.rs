//! What the last run left behind.

use crate::vocab::dial::{
    DialNumber, DialNumberRecord, DialOutcome, DialResult, DialTaskKey, DialTaskRecord, NumberStage,
};
use crate::vocab::{Now, TenantId};

use super::Dialer;
use super::attempt::Attempt;
use super::task::{Task, Waiting};

/// What a store holds of dialling.
#[derive(Debug, Default)]
pub struct Stored {
    /// Tasks.
    pub tasks: Vec<DialTaskRecord>,
    /// Numbers that are not done with, in order of their tasks and of their coming.
    pub numbers: Vec<DialNumberRecord>,
    /// Those that are: task, id, place in the order, outcome.
    pub done: Vec<(DialTaskKey, String, u64, DialOutcome)>,
    /// Numbers that are never dialled, in canonical form.
    pub blocked: Vec<(TenantId, String)>,
}

impl Dialer {
    /// Takes over what the last run left. What was being dialled then is reported and not dialled again.
    pub fn restore(&mut self, now: Now, stored: Stored) {
        for record in stored.tasks {
            let key = record.task.key.clone();
            let mut task = Task::new(record.task);
            task.state = record.state;
            task.exhausted = record.exhausted;
            self.tasks.insert(key.clone(), task);
            self.index(&key);
        }
        for (key, id, seq, outcome) in stored.done {
            if let Some(task) = self.tasks.get_mut(&key) {
                let number = DialNumber { id, number: String::new() };
                task.restore(seq, number, Some(outcome));
            }
        }
        let mut interrupted = Vec::new();
        for record in stored.numbers {
            let Some(task) = self.tasks.get_mut(&record.task) else { continue };
            match record.stage {
                NumberStage::Waiting => task.restore(record.seq, record.number, None),
                NumberStage::Dialling { at } => {
                    task.remember_name(record.seq, &record.number.id);
                    interrupted.push((record.task, record.seq, record.number, at));
                }
                NumberStage::Done(result) => {
                    task.restore(record.seq, record.number, Some(result.outcome));
                }
            }
        }
        for (key, seq, number, at) in interrupted {
            let attempt = Attempt::new(key, Waiting { seq, number });
            let result = DialResult {
                outcome: DialOutcome::Interrupted,
                call: None,
                dialled_at: Some(at),
                answered_at: None,
                ended_at: now.wall.max(at),
                agent: None,
                vars: Default::default(),
            };
            self.finish_number(&attempt, result);
        }
        for (tenant, number) in stored.blocked {
            self.blocked.entry(tenant).or_default().insert(number);
        }
        let keys: Vec<DialTaskKey> = self.tasks.keys().cloned().collect();
        for key in keys {
            self.end_if_over(&key);
        }
        self.touch();
    }
}
