//! What the call centre has on disk.

use std::collections::{BTreeMap, BTreeSet};

use strowger_core::dialer::Stored;
use strowger_core::vocab::Record;
use strowger_core::vocab::dial::{
    DialNumber, DialNumberRecord, DialOutcome, DialTaskKey, DialTaskRecord, NumberStage,
};

/// A number on disk: a million of them are to fit into memory, so what can be told from its index is left out.
#[derive(Debug, Clone, Copy)]
pub enum Row {
    Waiting,
    Dialling { at: u64 },
    Done { outcome: DialOutcome, was_dialled: bool },
}

/// What is on disk.
#[derive(Debug, Default)]
pub struct Store {
    tasks: BTreeMap<DialTaskKey, DialTaskRecord>,
    /// By task and place in its order, with the number's index.
    pub numbers: BTreeMap<(u32, u64), (u32, Row)>,
    pub blocked: BTreeSet<String>,
}

impl Store {
    pub fn write(&mut self, record: Record) {
        match record {
            Record::DialTask(record) => {
                self.tasks.insert(record.task.key.clone(), *record);
            }
            Record::DialNumber(record) => {
                let row = match &record.stage {
                    NumberStage::Waiting => Row::Waiting,
                    NumberStage::Dialling { at } => Row::Dialling { at: *at },
                    NumberStage::Done(result) => Row::Done {
                        outcome: result.outcome,
                        was_dialled: result.dialled_at.is_some(),
                    },
                };
                let (task, index) = name_of(&record.task, &record.number);
                assert_eq!(record.number, number(index));
                self.numbers.insert((task, record.seq), (index, row));
            }
            Record::DoNotCall { number, listed, .. } => {
                assert!(listed);
                self.blocked.insert(number);
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn read(&self) -> Stored {
        let (mut done, mut open) = (Vec::new(), Vec::new());
        for ((task, seq), (index, row)) in &self.numbers {
            let (task, number) = (key(*task as usize), number(*index));
            let stage = match row {
                Row::Waiting => NumberStage::Waiting,
                Row::Dialling { at } => NumberStage::Dialling { at: *at },
                Row::Done { outcome, .. } => {
                    done.push((task, number.id, *seq, *outcome));
                    continue;
                }
            };
            open.push(DialNumberRecord { task, number, seq: *seq, stage });
        }
        Stored {
            tasks: self.tasks.values().cloned().collect(),
            done,
            numbers: open,
            blocked: self.blocked.iter().map(|number| ("t".to_owned(), number.clone())).collect(),
        }
    }
}

pub fn key(task: usize) -> DialTaskKey {
    DialTaskKey { tenant: "t".into(), id: format!("task-{task}") }
}

pub fn number(index: u32) -> DialNumber {
    DialNumber { id: format!("n{index}"), number: (1_000_000 + index).to_string() }
}

/// The indexes of a task and of a number of it.
pub fn name_of(task: &DialTaskKey, number: &DialNumber) -> (u32, u32) {
    let task = task.id.strip_prefix("task-").and_then(|at| at.parse().ok());
    let number = number.id.strip_prefix('n').and_then(|at| at.parse().ok());
    (task.expect("a task of ours"), number.expect("a number of ours"))
}
