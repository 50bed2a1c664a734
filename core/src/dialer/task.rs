//! One task: its numbers, its calls and what was counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::vocab::QueueKey;
use crate::vocab::dial::{
    DialEnd, DialFigures, DialNumber, DialOutcome, DialRest, DialState, DialTask, DialTaskRecord,
    DialTaskView, MAX_NUMBERS, MAX_WAITING,
};

use super::pace::Pace;
use super::{AttemptId, MS, SECOND};

/// Numbers are asked for again if none have come by then.
const ASK_AGAIN: u64 = 30 * SECOND;
/// The longest pause before whoever has no numbers is asked again.
const LONGEST_PAUSE: u64 = 60 * SECOND;

/// A number that waits to be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub seq: u64,
    pub number: DialNumber,
}

/// A task and everything that belongs to it.
#[derive(Debug)]
pub(super) struct Task {
    pub config: DialTask,
    pub state: DialState,
    pub exhausted: bool,
    pub waiting: VecDeque<Waiting>,
    /// Names that have been given, done with or not.
    known: BTreeSet<String>,
    next_seq: u64,
    /// Numbers that are being dialled or talked with.
    pub calls: BTreeSet<AttemptId>,
    pub figures: DialFigures,
    pub pace: Pace,
    pub rests: Option<DialRest>,
    asking: Asking,
    /// Looked at again then; monotonic.
    pub due: Option<u64>,
    /// It was ended by force, and its calls are on their way out.
    pub forced: bool,
    /// Nothing is dialled before; monotonic.
    pub held_until: u64,
    /// False while it has more calls than it may since its limit was lowered.
    pub was_limit_kept: bool,
    /// When it dialled last, among all tasks: whoever waits longest is looked at first.
    pub turn: u64,
    /// The queue under which it is found; only [`super::Dialer::index`] changes it.
    pub filed: Option<QueueKey>,
}

/// Whether numbers are on their way.
#[derive(Debug, Clone, Copy, Default)]
struct Asking {
    /// Not before; monotonic.
    not_before: u64,
    /// Times in a row that none came.
    in_vain: u32,
}

/// What became of numbers that were given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// New ones.
    pub added: usize,
    /// Given before, and ignored.
    pub repeated: usize,
    /// No room for them now.
    pub refused: usize,
}

impl Task {
    pub fn new(config: DialTask) -> Self {
        Self {
            config,
            state: DialState::Ready,
            exhausted: false,
            waiting: VecDeque::new(),
            known: BTreeSet::new(),
            next_seq: 1,
            calls: BTreeSet::new(),
            figures: DialFigures::default(),
            pace: Pace::default(),
            rests: None,
            asking: Asking::default(),
            due: None,
            forced: false,
            held_until: 0,
            was_limit_kept: true,
            turn: 0,
            filed: None,
        }
    }

    /// The queue whose agents it dials for.
    pub fn queue(&self) -> Option<&QueueKey> {
        self.config.queue.as_ref().filter(|_| self.config.mode.wants_agents())
    }

    /// Nothing more is to come: whoever gives numbers said so, or it has had as many as a task may have.
    pub fn has_all(&self) -> bool {
        self.exhausted || self.known.len() >= MAX_NUMBERS
    }

    /// A name that was given is never taken again.
    pub fn remember_name(&mut self, seq: u64, id: &str) {
        self.known.insert(id.to_owned());
        self.next_seq = self.next_seq.max(seq.saturating_add(1));
    }

    /// Takes a number in again that the store has.
    pub fn restore(&mut self, seq: u64, number: DialNumber, outcome: Option<DialOutcome>) {
        self.remember_name(seq, &number.id);
        match outcome {
            Some(outcome) => *self.figures.outcomes.entry(outcome).or_default() += 1,
            None => self.waiting.push_back(Waiting { seq, number }),
        }
    }

    /// Takes new numbers in; those that are new are returned.
    pub fn add(&mut self, now: u64, numbers: Vec<DialNumber>) -> (Vec<Waiting>, Added) {
        let (mut fresh, mut added) = (Vec::new(), Added::default());
        for number in numbers {
            if self.known.contains(&number.id) {
                added.repeated += 1;
            } else if self.waiting.len() >= MAX_WAITING || self.known.len() >= MAX_NUMBERS {
                added.refused += 1;
            } else {
                self.known.insert(number.id.clone());
                let waiting = Waiting { seq: self.next_seq, number };
                self.next_seq += 1;
                self.waiting.push_back(waiting.clone());
                fresh.push(waiting);
                added.added += 1;
            }
        }
        self.figures.repeated += added.repeated as u64;
        match added.added {
            0 => self.pause_asking(now),
            _ => self.asking = Asking::default(),
        }
        (fresh, added)
    }

    /// Nothing came: the next question waits longer.
    pub fn pause_asking(&mut self, now: u64) {
        let pause = SECOND << self.asking.in_vain.min(6);
        self.asking.in_vain = self.asking.in_vain.saturating_add(1);
        self.asking.not_before = now + pause.min(LONGEST_PAUSE);
    }

    /// Asks anew at once.
    pub fn ask_anew(&mut self) {
        self.asking = Asking::default();
    }

    /// How many numbers it wants now, if it is time to ask.
    pub fn wants(&mut self, now: u64) -> Option<usize> {
        let limit = self.config.max_calls as usize;
        let low = (limit * 2).max(20);
        let is_short =
            self.state == DialState::Running && !self.has_all() && self.waiting.len() < low;
        if !is_short || now < self.asking.not_before {
            return None;
        }
        self.asking.not_before = now + ASK_AGAIN;
        Some((limit * 4).clamp(50, 500))
    }

    /// When it may ask, if it is short of numbers.
    pub fn asks_at(&self) -> Option<u64> {
        let running = self.state == DialState::Running && !self.has_all();
        (running && self.asking.not_before > 0).then_some(self.asking.not_before)
    }

    /// The end that it has come to, if it has.
    pub fn ends(&self) -> Option<DialEnd> {
        if !self.calls.is_empty() {
            return None;
        }
        match self.state {
            DialState::Running if self.has_all() && self.waiting.is_empty() => {
                Some(DialEnd::Exhausted)
            }
            DialState::Stopping if self.forced => Some(DialEnd::ForceStopped),
            DialState::Stopping => Some(DialEnd::Stopped),
            _ => None,
        }
    }

    pub fn record(&self) -> DialTaskRecord {
        let (task, state) = (self.config.clone(), self.state);
        DialTaskRecord { task, state, exhausted: self.exhausted }
    }

    pub fn view(&self, ringing: usize) -> DialTaskView {
        let lately = self.pace.lately();
        DialTaskView {
            record: self.record(),
            rests: self.rests.filter(|_| self.state == DialState::Running),
            waiting: self.waiting.len(),
            ringing,
            answered: self.calls.len() - ringing.min(self.calls.len()),
            figures: self.figures.clone(),
            answer_permille: self.pace.answer_permille(),
            abandoned_lately: lately.abandoned(),
            answers_lately: lately.len(),
        }
    }

    /// What a call's end counts as.
    pub fn count(&mut self, outcome: DialOutcome) {
        *self.figures.outcomes.entry(outcome).or_default() += 1;
    }

    /// How many names it remembers.
    pub fn known(&self) -> usize {
        self.known.len()
    }
}

/// Calls of tasks that ring, by queue.
#[derive(Debug, Default)]
pub(super) struct Ringing(BTreeMap<QueueKey, u32>);

impl Ringing {
    pub fn at(&self, queue: &QueueKey) -> u32 {
        self.0.get(queue).copied().unwrap_or(0)
    }

    pub fn add(&mut self, queue: Option<&QueueKey>) {
        if let Some(queue) = queue {
            *self.0.entry(queue.clone()).or_default() += 1;
        }
    }

    pub fn remove(&mut self, queue: Option<&QueueKey>) {
        let Some(queue) = queue else { return };
        if let Some(count) = self.0.get_mut(queue) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(queue);
            }
        }
    }

    pub fn total(&self) -> u32 {
        self.0.values().sum()
    }
}

/// Nanoseconds as milliseconds.
pub(super) fn ms(nanoseconds: u64) -> u64 {
    nanoseconds / MS
}
