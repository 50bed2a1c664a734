//! The store as the switch knows it: commits late, fails at times, and remembers over a restart.

use std::collections::BTreeMap;

use strowger_core::vocab::acd::{AgentKey, FigureRecord, FigureSubject, IntentRecord};
use strowger_core::vocab::dial::{DialNumberRecord, DialTaskKey, DialTaskRecord, NumberStage};
use strowger_core::vocab::input::Restored;
use strowger_core::vocab::record::{CallRecord, RecordingRecord, RegistrationRecord};
use strowger_core::vocab::settings::SettingsRecord;
use strowger_core::vocab::watch::SubscriptionRecord;
use strowger_core::vocab::{CallId, CommitId, ExtensionKey, Record, TenantId};

/// What is on disk, and what is on its way there.
#[derive(Debug, Default)]
pub struct Store {
    registrations: BTreeMap<(ExtensionKey, String), RegistrationRecord>,
    pub calls: BTreeMap<CallId, CallRecord>,
    recordings: BTreeMap<String, RecordingRecord>,
    settings: BTreeMap<ExtensionKey, SettingsRecord>,
    intents: BTreeMap<AgentKey, IntentRecord>,
    figures: BTreeMap<(FigureSubject, u64), FigureRecord>,
    subscriptions: BTreeMap<(String, String), SubscriptionRecord>,
    dial_tasks: BTreeMap<DialTaskKey, DialTaskRecord>,
    /// Numbers of tasks, in order.
    pub dial_numbers: BTreeMap<(DialTaskKey, u64), DialNumberRecord>,
    do_not_call: BTreeMap<(TenantId, String), bool>,
    /// What was written that cannot be.
    pub wrong: Option<String>,
    pending: BTreeMap<CommitId, Vec<Record>>,
    /// How often each call's record was closed, counted when it was handed over.
    pub closed: BTreeMap<CallId, u32>,
    pub opened: BTreeMap<CallId, u32>,
}

impl Store {
    /// Takes a group; it is on disk when `commit` is called.
    pub fn take(&mut self, commit: CommitId, records: Vec<Record>) {
        for record in &records {
            match record {
                Record::CallOpened(call) => *self.opened.entry(call.call).or_default() += 1,
                Record::CallClosed(call) => *self.closed.entry(call.call).or_default() += 1,
                _ => {}
            }
        }
        self.pending.insert(commit, records);
    }

    /// A group reaches the disk, after all that were handed over before it.
    pub fn commit(&mut self, commit: CommitId) {
        while let Some(entry) = self.pending.first_entry() {
            if *entry.key() > commit {
                return;
            }
            for record in entry.remove() {
                self.write(record);
            }
        }
    }

    fn write(&mut self, record: Record) {
        match record {
            Record::Registered(row) => {
                self.registrations.insert((row.extension.clone(), row.contact.clone()), row);
            }
            Record::Unregistered { extension, contact } => {
                self.registrations.remove(&(extension, contact));
            }
            Record::Subscribed(row) => {
                let key = (row.saved.call_id.to_string(), row.saved.local_tag.to_string());
                self.subscriptions.insert(key, *row);
            }
            Record::Unsubscribed { call_id, tag } => {
                self.subscriptions.remove(&(call_id, tag));
            }
            Record::CallOpened(call) | Record::CallClosed(call) => {
                self.calls.insert(call.call, *call);
            }
            Record::RecordingOpened(row) | Record::RecordingClosed(row) => {
                self.recordings.insert(row.path.clone(), row);
            }
            Record::Settings(row) => {
                self.settings.insert(row.extension.clone(), *row);
            }
            Record::AgentIntent(row) => {
                self.intents.insert(row.agent.clone(), row);
            }
            Record::Counted(row) => {
                self.figures.insert((row.subject.clone(), row.from), *row);
            }
            Record::DialTask(row) => {
                self.dial_tasks.insert(row.task.key.clone(), *row);
            }
            Record::DialNumber(row) => self.write_number(*row),
            Record::DoNotCall { tenant, number, listed } => {
                self.do_not_call.insert((tenant, number), listed);
            }
            _ => {}
        }
    }

    /// A number is done with once, and not dialled after that.
    fn write_number(&mut self, row: DialNumberRecord) {
        let before = self.dial_numbers.insert((row.task.clone(), row.seq), row.clone());
        if before.is_some_and(|before| matches!(before.stage, NumberStage::Done(_))) {
            self.wrong = Some(format!("a number that was done with is {row:?}"));
        }
    }

    /// The process dies: what was not on disk is lost. Calls whose opening was lost never were.
    pub fn crash(&mut self) -> Restored {
        self.pending.clear();
        self.opened.retain(|call, _| self.calls.contains_key(call));
        let calls = &self.calls;
        self.closed.retain(|call, _| calls.get(call).is_some_and(|record| record.end.is_some()));
        let numbers = || self.dial_numbers.values();
        let done = |row: &DialNumberRecord| match &row.stage {
            NumberStage::Done(result) => {
                Some((row.task.clone(), row.number.id.clone(), row.seq, result.outcome))
            }
            NumberStage::Waiting | NumberStage::Dialling { .. } => None,
        };
        let barred = self.do_not_call.iter().filter(|(_, listed)| **listed);
        Restored {
            dial_tasks: self.dial_tasks.values().cloned().collect(),
            dial_done: numbers().filter_map(done).collect(),
            dial_numbers: numbers().filter(|row| done(row).is_none()).cloned().collect(),
            do_not_call: barred.map(|(barred, _)| barred.clone()).collect(),
            settings: self.settings.values().cloned().collect(),
            registrations: self.registrations.values().cloned().collect(),
            open_calls: self.calls.values().filter(|call| call.end.is_none()).cloned().collect(),
            open_recordings: self
                .recordings
                .values()
                .filter(|row| row.length_ms.is_none())
                .cloned()
                .collect(),
            intents: self.intents.values().cloned().collect(),
            figures: self.figures.values().cloned().collect(),
            subscriptions: self.subscriptions.values().cloned().collect(),
            ..Restored::default()
        }
    }
}
