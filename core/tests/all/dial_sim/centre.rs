//! The call centre around the dialler.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use strowger_core::dialer::{Act, AttemptId, Conditions, Dialer, Floor, NotPlaced, Outside};
use strowger_core::vocab::dial::{
    DialAction, DialChange, DialMode, DialNumber, DialOutcome, DialState, DialTask, DialTaskKey,
};
use strowger_core::vocab::{CallId, Now, QueueKey, Record};

use super::disk::{Row, Store, key, name_of, number};
use super::rng::Chance;

pub const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Scene {
    pub seed: u64,
    pub mode: DialMode,
    pub ratio: u32,
    pub limit: u32,
    pub agents: u32,
    pub numbers: usize,
    pub tasks: usize,
}

impl Scene {
    pub fn usual(seed: u64) -> Self {
        Self {
            seed,
            mode: DialMode::Ratio,
            ratio: 300,
            limit: 100,
            agents: 15,
            numbers: 50_000,
            tasks: 1,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Written(AttemptId, bool, u32),
    PickedUp(AttemptId),
    Failed(AttemptId, DialOutcome),
    AgentAnswers(AttemptId),
    CallerGivesUp(AttemptId),
    HungUp(AttemptId),
    AgentReady,
    Numbers(usize, usize),
    Tick,
}

/// A call as the centre sees it.
#[derive(Debug)]
struct Line {
    answered: Option<u64>,
    agent: bool,
    served: bool,
}

#[derive(Debug)]
pub struct Centre {
    scene: Scene,
    dialer: Dialer,
    floor: Hall,
    chance_seed: Chance_,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Happens)>>,
    count: u64,
    /// Forgets what was on its way before a crash.
    life: u32,
    lines: BTreeMap<AttemptId, Line>,
    waiting: VecDeque<AttemptId>,
    given: Vec<usize>,
    store: Store,
    /// Numbers that were dialled, by task and index; none twice.
    pub dialled: BTreeSet<(u32, u32)>,
    dialled_of: BTreeMap<DialTaskKey, u64>,
    /// Answers in the order in which it was settled whether they were abandoned.
    pub judged: Vec<bool>,
    /// Answered calls whose robot was not there.
    pub alone: u64,
    pub most_calls: usize,
    pub most_lines_each_hundredths: u64,
    talked: u64,
    ticking: BTreeSet<u64>,
}

/// Chance, hidden from Debug.
struct Chance_(Chance);

impl std::fmt::Debug for Chance_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chance")
    }
}

/// Agents, and what the dialler asks of them.
#[derive(Debug, Clone, Default)]
struct Hall {
    idle: u32,
    working: u32,
    waiting: u32,
    open: bool,
}

impl Outside for Hall {
    fn conditions(&self, task: &DialTask) -> Conditions {
        let floor = task.queue.as_ref().map(|_| Floor {
            idle: self.idle,
            working: self.working,
            waiting: self.waiting,
            wrap_up_ms: 8_000,
        });
        Conditions { floor, open: self.open, takes_calls: true }
    }

    fn canonical(&self, _: &str, number: &str) -> String {
        number.to_owned()
    }
}

impl Centre {
    pub fn open(scene: Scene) -> Self {
        let mut dialer = Dialer::default();
        let queue = QueueKey { tenant: "t".into(), number: "9001".into() };
        for task in 0..scene.tasks {
            let config = DialTask {
                key: key(task),
                mode: scene.mode,
                ratio: scene.ratio,
                queue: scene.mode.wants_agents().then(|| queue.clone()),
                menu: None,
                robot: None,
                caller_number: "0571".into(),
                classes: Vec::new(),
                max_calls: scene.limit,
                ring_secs: 30,
                hours: None,
                feed: None,
            };
            dialer.put(config).unwrap();
        }
        dialer.block(&"t".to_owned(), vec!["1000007".into(), "1000011".into()], true).unwrap();
        let floor = Hall { idle: scene.agents, working: scene.agents, waiting: 0, open: true };
        let mut centre = Self {
            dialer,
            floor,
            chance_seed: Chance_(Chance::new(scene.seed)),
            now: SECOND,
            events: BinaryHeap::new(),
            count: 0,
            life: 0,
            lines: BTreeMap::new(),
            waiting: VecDeque::new(),
            given: vec![0; scene.tasks],
            store: Store::default(),
            dialled: BTreeSet::new(),
            dialled_of: BTreeMap::new(),
            judged: Vec::new(),
            alone: 0,
            most_calls: 0,
            most_lines_each_hundredths: 0,
            talked: 0,
            ticking: BTreeSet::new(),
            scene,
        };
        centre.settle();
        centre
    }

    pub fn now(&self) -> u64 {
        self.now
    }

    fn moment(&self) -> Now {
        Now { mono: self.now, wall: self.now / MS }
    }

    fn chance(&mut self) -> &mut Chance {
        &mut self.chance_seed.0
    }

    pub fn state(&self) -> DialState {
        let states = self.dialer.views().into_iter().map(|view| view.record.state);
        let states: Vec<DialState> = states.collect();
        assert!(states.iter().all(|state| *state == states[0]), "{states:?}");
        states[0]
    }

    pub fn order(&mut self, action: DialAction) {
        for task in 0..self.scene.tasks {
            self.dialer.order(self.moment(), &key(task), action.clone()).unwrap();
        }
        self.settle();
    }

    fn after(&mut self, delay: u64, happens: Happens) {
        self.count += 1;
        self.events.push(Reverse((self.now + delay, self.count, happens)));
    }

    /// The share of all answers, and how long people talk: it changes twice in a run.
    fn people(&self) -> (u64, u64) {
        let done = self.dialled.len() * 3 / self.scene.numbers.max(1);
        match done {
            0 => (250, 60),
            1 => (550, 40),
            _ => (120, 90),
        }
    }

    fn dial(&mut self, attempt: AttemptId, task: &DialTask, number: &DialNumber) {
        assert!(self.floor.open);
        assert!(self.dialled.insert(name_of(&task.key, number)), "{number:?} twice");
        assert!(!self.store.blocked.contains(&number.number), "{number:?} is not to be called");
        *self.dialled_of.entry(task.key.clone()).or_default() += 1;
        if self.chance().permille(5) {
            let outcome = NotPlaced::Never(DialOutcome::NotAllowed);
            return self.dialer.not_placed(self.moment(), attempt, outcome);
        }
        self.dialer.placed(attempt, CallId(u128::from(attempt.0)));
        let line = Line { answered: None, agent: false, served: false };
        self.lines.insert(attempt, line);
        let (answers, _) = self.people();
        let roll = self.chance().below(1_000);
        let (delay, happens) = if roll < answers {
            (self.chance().exponential(7_000).clamp(800, 29_000), Happens::PickedUp(attempt))
        } else if roll < answers + 100 {
            (self.chance().between(200, 3_000), Happens::Failed(attempt, DialOutcome::Busy))
        } else {
            (30_000, Happens::Failed(attempt, DialOutcome::NoAnswer))
        };
        self.after(delay * MS, happens);
    }

    fn happen(&mut self, happens: Happens) {
        let now = self.moment();
        match happens {
            Happens::Written(attempt, ok, life) if life == self.life => {
                self.dialer.written(now, attempt, ok);
            }
            Happens::Written(..) => {}
            Happens::PickedUp(attempt) => self.picked_up(attempt),
            Happens::Failed(attempt, outcome) => {
                if self.lines.remove(&attempt).is_some() {
                    self.dialer.ended(now, attempt, outcome);
                }
            }
            Happens::AgentAnswers(attempt) => self.agent_answers(attempt),
            Happens::CallerGivesUp(attempt) => {
                if self.lines.get(&attempt).is_some_and(|line| !line.agent) {
                    self.waiting.retain(|other| *other != attempt);
                    self.end(attempt, DialOutcome::Failed);
                }
            }
            Happens::HungUp(attempt) => self.end(attempt, DialOutcome::Failed),
            Happens::AgentReady => {
                self.floor.idle += 1;
                self.match_up();
            }
            Happens::Numbers(task, count) => self.give(task, count),
            Happens::Tick => {}
        }
    }

    fn picked_up(&mut self, attempt: AttemptId) {
        let Some(line) = self.lines.get_mut(&attempt) else { return };
        line.answered = Some(self.now);
        let now = self.moment();
        self.dialer.answered(now, attempt);
        if self.scene.mode == DialMode::Robot && self.chance().permille(2) {
            self.alone += 1;
            self.dialer.robot_lost(now, attempt);
            return self.after(SECOND, Happens::HungUp(attempt));
        }
        if !self.scene.mode.wants_agents() {
            let talk = self.chance().exponential(20_000) * MS;
            return self.after(talk, Happens::HungUp(attempt));
        }
        self.waiting.push_back(attempt);
        let patience = (1_000 + self.chance().exponential(9_000)) * MS;
        self.after(patience, Happens::CallerGivesUp(attempt));
        self.match_up();
    }

    /// Callers get agents: an agent holds one call at most.
    fn match_up(&mut self) {
        while self.floor.idle > 0
            && let Some(attempt) = self.waiting.pop_front()
        {
            self.floor.idle -= 1;
            self.lines.get_mut(&attempt).unwrap().agent = true;
            let phone = self.chance().between(20, 400) * MS;
            self.after(phone, Happens::AgentAnswers(attempt));
        }
        self.floor.waiting = u32::try_from(self.waiting.len()).unwrap();
        self.dialer.touch();
    }

    fn agent_answers(&mut self, attempt: AttemptId) {
        let Some(line) = self.lines.get_mut(&attempt) else { return };
        line.served = true;
        let in_time = self.now - line.answered.unwrap() < 2 * SECOND;
        self.judged.push(!in_time);
        let now = self.moment();
        self.dialer.served(now, attempt, Some("101".into()));
        let (_, talk) = self.people();
        let talk = self.chance().exponential(talk * 1_000) * MS;
        self.talked += talk;
        self.after(talk, Happens::HungUp(attempt));
    }

    fn end(&mut self, attempt: AttemptId, outcome: DialOutcome) {
        let Some(line) = self.lines.remove(&attempt) else { return };
        if line.agent {
            let wrap_up = if line.served { 8 * SECOND } else { 0 };
            self.after(wrap_up, Happens::AgentReady);
        }
        if line.answered.is_some() && !line.served && self.scene.mode.wants_agents() {
            self.judged.push(true);
        }
        self.floor.waiting = u32::try_from(self.waiting.len()).unwrap();
        let now = self.moment();
        self.dialer.ended(now, attempt, outcome);
        self.dialer.touch();
    }

    /// The feed gives numbers: sometimes some that it has given before, sometimes none.
    fn give(&mut self, task: usize, count: usize) {
        if self.chance().permille(50) {
            let _ = self.dialer.order(self.moment(), &key(task), DialAction::FeedFailed);
            return;
        }
        let share = self.scene.numbers / self.scene.tasks;
        let from = self.given[task];
        let to = (from + count).min(share);
        let again = from.saturating_sub(3);
        self.given[task] = to;
        let numbers: Vec<DialNumber> = (again..to).map(|index| number(index as u32)).collect();
        let action = DialAction::Add { numbers, exhausted: to == share };
        let added = self.dialer.order(self.moment(), &key(task), action).unwrap();
        assert_eq!((added.added, added.refused), (to - from, 0));
    }

    /// Does what the dialler wants, and looks whether everything holds.
    fn settle(&mut self) {
        loop {
            if let Some(act) = self.dialer.poll() {
                self.act(act);
            } else if !self.dialer.tick(self.moment(), &self.floor) {
                break;
            }
        }
        if let Some(at) = self.dialer.next_deadline()
            && self.ticking.insert(at)
        {
            self.after(at.saturating_sub(self.now), Happens::Tick);
        }
        self.look();
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Claim { attempt, record } => {
                let ok = !self.chance().permille(2);
                if ok {
                    self.store.write(Record::DialNumber(record));
                }
                let delay = self.chance().between(1, 150) * MS;
                self.after(delay, Happens::Written(attempt, ok, self.life));
            }
            Act::Dial { attempt, task, number } => self.dial(attempt, &task, &number),
            Act::HangUp(attempt) => {
                self.waiting.retain(|other| *other != attempt);
                self.after(20 * MS, Happens::HungUp(attempt));
            }
            Act::Remember(record) => self.store.write(*record),
            Act::Publish { task, change } => {
                if let DialChange::NumbersWanted { count, .. } = *change {
                    let index = (0..self.scene.tasks).find(|own| key(*own) == task).unwrap();
                    let delay = self.chance().between(50, 900) * MS;
                    self.after(delay, Happens::Numbers(index, count));
                }
            }
        }
    }

    fn look(&mut self) {
        if !self.count.is_multiple_of(8) {
            return;
        }
        for view in self.dialer.views() {
            let calls = view.ringing + view.answered;
            assert!(calls <= self.scene.limit as usize, "{calls} calls");
            self.most_calls = self.most_calls.max(calls);
        }
        let ringing = self.lines.values().filter(|line| line.answered.is_none()).count() as u64;
        if self.scene.mode == DialMode::Ratio && self.floor.idle >= 5 {
            let each = ringing * 100 / u64::from(self.floor.idle);
            // Calls begun while more agents were idle go on ringing; what counts is what a look begins.
            if ringing > 0 && self.lines.len() as u64 == ringing {
                self.most_lines_each_hundredths = self.most_lines_each_hundredths.max(each);
            }
        }
        let held = self.lines.values().filter(|line| line.agent).count();
        assert!(held <= self.scene.agents as usize, "an agent holds two calls");
        if self.count.is_multiple_of(16) {
            let mut wrong = Vec::new();
            self.dialer.audit(&mut wrong);
            assert_eq!(wrong, Vec::<String>::new());
        }
    }

    fn step(&mut self) -> bool {
        let Some(Reverse((at, _, happens))) = self.events.pop() else { return false };
        self.now = at.max(self.now);
        if happens == Happens::Tick {
            self.ticking.retain(|tick| *tick > at);
        }
        self.happen(happens);
        self.settle();
        true
    }

    pub fn run_for(&mut self, time: u64) {
        let until = self.now + time;
        while self.events.peek().is_some_and(|Reverse((at, ..))| *at <= until) {
            self.step();
        }
        self.now = until;
    }

    pub fn run_until_over(&mut self) {
        let over = |centre: &Self| {
            if !centre.lines.is_empty() {
                return false;
            }
            let mut views = centre.dialer.views().into_iter();
            views.all(|view| matches!(view.record.state, DialState::Ended(_)))
        };
        while !over(self) {
            assert!(self.step(), "nothing happens any more, and the task is not over");
        }
        assert!(self.dialer.is_idle() && self.lines.is_empty(), "everything drains");
        assert_eq!(self.dialer.next_deadline(), None);
    }

    /// The process dies and starts again with what is on disk; all calls are gone.
    pub fn crash(&mut self) {
        self.life += 1;
        self.lines.clear();
        self.waiting.clear();
        self.events.retain(|Reverse((_, _, happens))| matches!(happens, Happens::Numbers(..)));
        self.ticking.clear();
        self.floor =
            Hall { idle: self.scene.agents, working: self.scene.agents, waiting: 0, open: true };
        self.dialer = Dialer::default();
        let stored = self.store.read();
        self.dialer.restore(self.moment(), stored);
        self.settle();
    }

    pub fn outcomes(&self) -> BTreeMap<DialOutcome, u64> {
        let mut all = BTreeMap::new();
        for (_, row) in self.store.numbers.values() {
            if let Row::Done { outcome, .. } = row {
                *all.entry(*outcome).or_default() += 1;
            }
        }
        all
    }

    /// Each number that was given waits or has one outcome; those that were dialled have one; the counters agree.
    pub fn accounts_for_every_number(&self) {
        assert_eq!(self.store.numbers.len(), self.given.iter().sum::<usize>());
        for ((task, _), (index, row)) in &self.store.numbers {
            let name = (*task, *index);
            match row {
                Row::Done { outcome, was_dialled: false } => {
                    assert_eq!(*outcome, DialOutcome::DoNotCall);
                }
                // Taken to be dialled when the process died: nobody knows whether it was.
                Row::Done { outcome: DialOutcome::Interrupted, .. } => {}
                Row::Done { .. } => assert!(self.dialled.contains(&name)),
                Row::Waiting => assert!(!self.dialled.contains(&name), "{name:?}"),
                Row::Dialling { .. } => panic!("{name:?} is still being dialled"),
            }
        }
        let counted: u64 = self.outcomes().values().sum();
        let mut shown = 0;
        for view in self.dialer.views() {
            shown += view.figures.outcomes.values().sum::<u64>();
        }
        assert_eq!(shown, counted);
    }

    /// How much of their time agents talk.
    pub fn busy_permille(&self) -> u64 {
        let whole = (self.now - SECOND) / MS * u64::from(self.scene.agents);
        self.talked / MS * 1_000 / whole.max(1)
    }

    /// The smallest share of a task in what was dialled up to when the first had no numbers.
    pub fn shares_permille(&self) -> u64 {
        let total: u64 = self.dialled_of.values().sum();
        let least = self.dialled_of.values().min().copied().unwrap_or(0);
        least * 1_000 / total.max(1)
    }
}
