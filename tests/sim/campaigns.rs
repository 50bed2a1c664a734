//! Dial tasks of the simulated exchange: what people order about them, and what must hold of their numbers.

use std::collections::{BTreeMap, BTreeSet};

use strowger_core::vocab::command::CallStage;
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::dial::{
    DialAction, DialChange, DialEnd, DialMode, DialNumber, DialOrder, DialState, DialTask,
    DialTaskKey, DialTaskView, NumberStage,
};
use strowger_core::vocab::menu::Menu;
use strowger_core::vocab::{CallId, Command, EventKind, MenuKey, Reply};

use crate::plan::extension;
use crate::queues::queue_key;
use crate::rng::Rng;
use crate::store::Store;
use crate::wire::Msg;

/// Tasks: two share a queue, and two need no agents. Their queues call nobody back, but agents may transfer to one that does.
const TASKS: [(&str, DialMode, &str); 5] = [
    ("plain", DialMode::Progressive, "9001"),
    ("double", DialMode::Ratio, "9001"),
    ("bold", DialMode::Predictive, "9005"),
    ("news", DialMode::Broadcast, ""),
    ("talk", DialMode::Robot, ""),
];
/// Numbers of each.
const EACH: usize = 8;
/// Calls of each at a time.
const LIMIT: u32 = 2;
/// Nobody else calls numbers that begin so.
const OWN: &str = "0208880";

fn key(task: usize) -> DialTaskKey {
    DialTaskKey { tenant: "demo".into(), id: TASKS[task].0.into() }
}

fn menu_key() -> MenuKey {
    MenuKey { tenant: "demo".into(), name: "news".into() }
}

/// What a broadcast plays; who presses what simulated people press comes to an extension.
pub fn menu() -> Menu {
    let mut menu = Menu::named(menu_key());
    menu.greeting = Some("en/goodbye".into());
    menu.keys.insert('5', Destination::Extension(extension("4002")));
    menu
}

fn task(at: usize) -> DialTask {
    let (_, mode, queue) = TASKS[at];
    DialTask {
        key: key(at),
        mode,
        ratio: 200,
        queue: mode.wants_agents().then(|| queue_key(queue)),
        menu: (mode == DialMode::Broadcast).then(menu_key),
        robot: (mode == DialMode::Robot).then(crate::robots::link),
        caller_number: "057126200670".into(),
        classes: vec!["national".into()],
        max_calls: LIMIT,
        ring_secs: 8,
        hours: None,
        feed: None,
    }
}

fn number(task: usize, n: usize) -> DialNumber {
    DialNumber { id: format!("n{n}"), number: format!("{OWN}{task}{n:03}") }
}

fn tell(task: usize, action: DialAction) -> Command {
    Command::Dial(DialOrder::Task { task: TASKS[task].0.into(), action })
}

fn given(task: usize, from: usize, to: usize, exhausted: bool) -> Command {
    let numbers = (from..to).map(|n| number(task, n)).collect();
    tell(task, DialAction::Add { numbers, exhausted })
}

/// What a message calls, if it is the first INVITE to a number of a task.
pub fn dials(bytes: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let called = text.strip_prefix("INVITE sip:")?.split('@').next()?;
    let msg = Msg::read(bytes).filter(|msg| msg.callee_tag().is_none())?;
    called.starts_with(OWN).then(|| (called.to_owned(), msg.get("call-id").to_owned()))
}

/// What is seen of dial tasks from outside.
#[derive(Debug, Default)]
pub struct Campaigns {
    /// Not every run has them.
    pub on: bool,
    /// Numbers that were rung, by the call.
    rung: BTreeMap<String, String>,
    /// The numbers of those who wait in queues, and of those who left one to be called back.
    queued: BTreeMap<CallId, String>,
    called_back: BTreeSet<String>,
    under_way: BTreeMap<String, BTreeSet<String>>,
    complaints: Vec<String>,
    pub seen: BTreeSet<String>,
}

impl Campaigns {
    pub fn new(on: bool) -> Self {
        Self { on, ..Self::default() }
    }

    /// The process is another one.
    pub fn forget(&mut self) {
        self.under_way.clear();
    }

    /// What somebody orders now.
    pub fn orders(&self, rng: &mut Rng) -> Vec<Command> {
        let at = rng.below(TASKS.len() as u64) as usize;
        match rng.below(12) {
            0 => vec![tell(at, DialAction::Pause)],
            1 => vec![tell(at, DialAction::SetRatio(100 + 100 * rng.below(4) as u32))],
            2 => {
                let barred = number(at, rng.below(EACH as u64) as usize).number;
                let blocked = rng.chance(70);
                vec![Command::Dial(DialOrder::Block { numbers: vec![barred], blocked })]
            }
            3 if rng.chance(50) => vec![tell(at, DialAction::ForceStop)],
            3 => vec![tell(at, DialAction::Stop)],
            _ => {
                let from = rng.below(EACH as u64) as usize;
                let to = (from + 3).min(EACH);
                vec![
                    Command::Dial(DialOrder::Put(Box::new(task(at)))),
                    given(at, from, to, false),
                    tell(at, DialAction::Start),
                ]
            }
        }
    }

    /// Agents go home: their tasks stop. Those that need none get the rest of their numbers.
    pub fn last_orders(&self) -> Vec<Command> {
        let mut all = Vec::new();
        for (at, (_, mode, _)) in TASKS.iter().enumerate() {
            all.push(Command::Dial(DialOrder::Put(Box::new(task(at)))));
            if mode.wants_agents() {
                all.push(tell(at, DialAction::Stop));
            } else {
                all.push(tell(at, DialAction::Start));
                all.push(given(at, 0, EACH, true));
            }
        }
        all
    }

    pub fn names() -> impl Iterator<Item = String> {
        TASKS.iter().map(|(id, ..)| (*id).to_owned())
    }

    /// An event.
    pub fn note(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Dial { task, what } => self.dial(task, what),
            EventKind::CallerQueued { call, number, .. } => {
                self.queued.insert(*call, number.clone());
            }
            EventKind::CallerLeft { call, outcome, .. } => {
                let number = self.queued.remove(call).filter(|_| outcome == "callback");
                self.called_back.extend(number);
            }
            _ => {}
        }
    }

    fn dial(&mut self, task: &DialTaskKey, what: &DialChange) {
        match what {
            DialChange::Dialled { number, .. } => {
                let calls = self.under_way.entry(task.id.clone()).or_default();
                calls.insert(number.id.clone());
                if calls.len() > LIMIT as usize {
                    self.complaints.push(format!("task {task} calls {calls:?} at a time"));
                }
            }
            DialChange::Done { number, result } => {
                self.seen.insert(format!("dialled {}", result.outcome.as_str()));
                if let Some(calls) = self.under_way.get_mut(&task.id) {
                    calls.remove(&number.id);
                }
            }
            DialChange::NumbersWanted { .. } => drop(self.seen.insert("numbers wanted".into())),
            DialChange::Defined | DialChange::Removed | DialChange::State(_) => {}
        }
    }

    /// The switch sends something.
    pub fn sent(&mut self, (called, call_id): (String, String)) {
        let first = self.rung.entry(called.clone()).or_insert_with(|| call_id.clone());
        if *first != call_id && !self.called_back.contains(&called) {
            self.complaints.push(format!("{called} is called twice"));
        }
    }

    /// The list of all calls.
    pub fn compare(&mut self, replies: &[Reply]) {
        let mut live: BTreeMap<&str, u32> = BTreeMap::new();
        for reply in replies {
            let Reply::Calls(page) = reply else { continue };
            let rows = page.items.iter().filter(|row| row.stage != CallStage::Ending);
            for task in rows.filter_map(|row| row.record.dialled_for.as_ref()) {
                *live.entry(&task.task).or_default() += 1;
            }
        }
        let beyond = live.iter().find(|(_, calls)| **calls > LIMIT);
        self.complaints.extend(beyond.map(|(task, calls)| format!("{task} has {calls} calls")));
    }

    /// What cannot be, after a step.
    pub fn audit(&self) -> Option<&str> {
        self.complaints.first().map(String::as_str)
    }

    /// What is wrong with a task when nothing goes on any more: each of its numbers has one result, or was never dialled.
    pub fn wrong(&self, view: &DialTaskView, store: &Store) -> Option<String> {
        let key = &view.record.task.key;
        let rows = || store.dial_numbers.values().filter(|row| row.task == *key);
        if let Some(row) = rows().find(|row| matches!(row.stage, NumberStage::Dialling { .. })) {
            return Some(format!("{} of task {key} has no result", row.number.number));
        }
        let mut counted = BTreeMap::new();
        for row in rows() {
            if let NumberStage::Done(result) = &row.stage {
                *counted.entry(result.outcome).or_default() += 1;
            }
        }
        if counted != view.figures.outcomes {
            let shown = &view.figures.outcomes;
            return Some(format!("task {key} shows {shown:?}, on disk are {counted:?}"));
        }
        let waiting = rows().filter(|row| row.stage == NumberStage::Waiting).count();
        if (waiting, 0, 0) != (view.waiting, view.ringing, view.answered) {
            return Some(format!("{waiting} numbers of task {key} wait on disk: {view:?}"));
        }
        let done: u64 = counted.values().sum();
        let exhausted = DialState::Ended(DialEnd::Exhausted);
        if !view.record.task.mode.wants_agents()
            && (view.record.state, done) != (exhausted, EACH as u64)
        {
            return Some(format!("task {key} has not come to its end: {view:?}"));
        }
        let over = matches!(view.record.state, DialState::Ready | DialState::Ended(_));
        (!over).then(|| format!("task {key} goes on: {view:?}"))
    }
}
