//! A number's way from the claim to its outcome.

use std::collections::BTreeMap;

use crate::vocab::dial::{
    DialChange, DialNumber, DialNumberRecord, DialOutcome, DialResult, DialState, DialTaskKey,
    NumberStage,
};
use crate::vocab::robot::{MAX_VAR, MAX_VARS};
use crate::vocab::{CallId, Now, Record};

use super::task::{Waiting, ms};
use super::{Act, AttemptId, Dialer, Due, GRACE, SECOND};

/// A task whose call could not be placed for want of room waits so long.
const ROOM_PAUSE: u64 = SECOND;
/// A task whose robot was not there dials nobody for so long: who answers would hear nothing.
const ROBOT_PAUSE: u64 = 5 * SECOND;

/// A number that occupies one of its task's calls.
#[derive(Debug)]
pub(super) struct Attempt {
    pub task: DialTaskKey,
    pub waiting: Waiting,
    pub stage: Stage,
    pub call: Option<CallId>,
    /// Milliseconds since the Unix epoch.
    dialled_at: Option<u64>,
    answered_at: Option<u64>,
    agent: Option<String>,
    vars: BTreeMap<String, String>,
    /// Its call was ended by order.
    pub cancelled: bool,
    /// Somebody answered, and the robot was not there.
    alone: bool,
}

/// How far it is. Times are monotonic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Being written down.
    Claiming,
    /// Rings.
    Ringing { since: u64 },
    /// Answered; an agent is to be there by then.
    Open { until: u64 },
    /// Answered, and no agent was there in time.
    Unserved,
    /// With an agent, a menu or a robot.
    Served { since: u64, late: bool },
}

impl Stage {
    /// Whether nobody has answered yet.
    pub fn rings(self) -> bool {
        matches!(self, Self::Claiming | Self::Ringing { .. })
    }
}

/// Why a call could not be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPlaced {
    /// There is no room now: the number waits.
    Later,
    /// It can never be.
    Never(DialOutcome),
}

impl Attempt {
    pub fn new(task: DialTaskKey, waiting: Waiting) -> Self {
        Self {
            task,
            waiting,
            stage: Stage::Claiming,
            call: None,
            dialled_at: None,
            answered_at: None,
            agent: None,
            vars: BTreeMap::new(),
            cancelled: false,
            alone: false,
        }
    }

    fn record(&self, stage: NumberStage) -> DialNumberRecord {
        DialNumberRecord {
            task: self.task.clone(),
            number: self.waiting.number.clone(),
            seq: self.waiting.seq,
            stage,
        }
    }

    /// What is written when it is over.
    fn result(&self, now: Now, outcome: DialOutcome) -> DialResult {
        DialResult {
            outcome,
            call: self.call,
            dialled_at: self.dialled_at,
            answered_at: self.answered_at,
            ended_at: now.wall,
            agent: self.agent.clone(),
            vars: self.vars.clone(),
        }
    }
}

impl Dialer {
    /// Takes a number of a task: it is written down first.
    pub(super) fn claim(&mut self, now: Now, key: &DialTaskKey, waiting: Waiting) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        self.last_attempt += 1;
        let id = AttemptId(self.last_attempt);
        let attempt = Attempt::new(key.clone(), waiting);
        task.calls.insert(id);
        self.last_turn += 1;
        task.turn = self.last_turn;
        self.ringing.add(task.queue());
        let record = Box::new(attempt.record(NumberStage::Dialling { at: now.wall }));
        self.attempts.insert(id, attempt);
        self.acts.push_back(Act::Claim { attempt: id, record });
    }

    /// A claim is on disk, or could not be written.
    pub fn written(&mut self, now: Now, id: AttemptId, ok: bool) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if attempt.stage != Stage::Claiming || attempt.dialled_at.is_some() {
            return;
        }
        let Some(task) = self.tasks.get(&attempt.task) else { return };
        if !ok || task.state != DialState::Running || attempt.cancelled {
            return self.put_back(now, id, if ok { 0 } else { ROOM_PAUSE });
        }
        attempt.dialled_at = Some(now.wall);
        attempt.stage = Stage::Ringing { since: now.mono };
        let number = attempt.waiting.number.clone();
        let task = Box::new(task.config.clone());
        self.acts.push_back(Act::Dial { attempt: id, task, number });
    }

    /// Nothing was dialled: the number waits again.
    fn put_back(&mut self, now: Now, id: AttemptId, pause: u64) {
        let Some(attempt) = self.forget(id) else { return };
        let key = attempt.task.clone();
        let record = attempt.record(NumberStage::Waiting);
        self.remember(Record::DialNumber(Box::new(record)));
        if let Some(task) = self.tasks.get_mut(&key) {
            task.waiting.push_front(attempt.waiting);
            task.held_until = task.held_until.max(now.mono + pause);
        }
        self.end_if_over(&key);
        self.touched.insert(key);
    }

    /// The call is under way.
    pub fn placed(&mut self, id: AttemptId, call: CallId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.call = Some(call);
        let (key, number) = (attempt.task.clone(), attempt.waiting.number.clone());
        self.publish(&key, DialChange::Dialled { number, call });
    }

    /// There is no call.
    pub fn not_placed(&mut self, now: Now, id: AttemptId, why: NotPlaced) {
        match why {
            NotPlaced::Later => self.put_back(now, id, ROOM_PAUSE),
            NotPlaced::Never(outcome) => self.close(now, id, outcome),
        }
    }

    /// Somebody picked up.
    pub fn answered(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        let Stage::Ringing { since } = attempt.stage else { return };
        let Some(task) = self.tasks.get_mut(&attempt.task) else { return };
        attempt.answered_at = Some(now.wall);
        task.pace.resolved(true, ms(now.mono.saturating_sub(since)));
        let queue = task.queue().cloned();
        self.ringing.remove(queue.as_ref());
        self.touched.insert(attempt.task.clone());
        if task.config.mode.wants_agents() {
            let until = now.mono + GRACE;
            attempt.stage = Stage::Open { until };
            self.due.insert((until, Due::Grace(id)));
        } else {
            attempt.stage = Stage::Served { since: now.mono, late: false };
        }
        // Whoever shares the queue may dial in its place.
        if let Some(queue) = queue {
            self.touch_queue(&queue);
        }
    }

    /// Somebody is there for who has answered: an agent, if it is known which, or whoever took the call or was sent it.
    pub fn served(&mut self, now: Now, id: AttemptId, agent: Option<String>) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        let late = match attempt.stage {
            Stage::Open { until } => {
                self.due.remove(&(until, Due::Grace(id)));
                if let Some(task) = self.tasks.get_mut(&attempt.task) {
                    task.pace.judged(false);
                }
                false
            }
            Stage::Unserved => true,
            Stage::Served { .. } => {
                attempt.agent = attempt.agent.take().or(agent);
                return;
            }
            Stage::Claiming | Stage::Ringing { .. } => return,
        };
        attempt.agent = agent;
        attempt.stage = Stage::Served { since: now.mono, late };
        self.touched.insert(attempt.task.clone());
    }

    /// No agent came in time.
    pub(super) fn grace_over(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        if let Stage::Open { .. } = attempt.stage {
            attempt.stage = Stage::Unserved;
            if let Some(task) = self.tasks.get_mut(&attempt.task) {
                task.pace.judged(true);
            }
            self.touched.insert(attempt.task.clone());
        }
    }

    /// The robot of a call has noted something. False where there is no room, or no such call.
    pub fn noted(&mut self, id: AttemptId, name: String, value: String) -> bool {
        let Some(attempt) = self.attempts.get_mut(&id) else { return false };
        let room = attempt.vars.contains_key(&name) || attempt.vars.len() < MAX_VARS;
        let fits = name.len() <= MAX_VAR && value.len() <= MAX_VAR;
        if room && fits {
            attempt.vars.insert(name, value);
        }
        room && fits
    }

    /// Who has answered is alone: the robot cannot be reached.
    pub fn robot_lost(&mut self, now: Now, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.alone = true;
        if let Some(task) = self.tasks.get_mut(&attempt.task) {
            task.held_until = task.held_until.max(now.mono + ROBOT_PAUSE);
        }
    }

    /// A call is over. `failure` is what it means where nobody had answered.
    pub fn ended(&mut self, now: Now, id: AttemptId, failure: DialOutcome) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let Some(task) = self.tasks.get_mut(&attempt.task) else { return };
        let outcome = match attempt.stage {
            Stage::Claiming => failure,
            Stage::Ringing { .. } if attempt.cancelled => DialOutcome::Cancelled,
            Stage::Ringing { since } => {
                task.pace.resolved(false, ms(now.mono.saturating_sub(since)));
                failure
            }
            Stage::Open { .. } => {
                task.pace.judged(true);
                DialOutcome::Abandoned
            }
            Stage::Unserved => DialOutcome::Abandoned,
            Stage::Served { .. } if attempt.alone => DialOutcome::Failed,
            Stage::Served { since, late } => {
                task.pace.talked(ms(now.mono.saturating_sub(since)));
                if late { DialOutcome::Late } else { DialOutcome::Answered }
            }
        };
        self.close(now, id, outcome);
    }

    /// A number is done with.
    fn close(&mut self, now: Now, id: AttemptId, outcome: DialOutcome) {
        let Some(attempt) = self.forget(id) else { return };
        let result = attempt.result(now, outcome);
        self.finish_number(&attempt, result);
        self.end_if_over(&attempt.task);
        self.touched.insert(attempt.task);
    }

    /// Writes and tells what came of a number.
    pub(super) fn finish_number(&mut self, attempt: &Attempt, result: DialResult) {
        if let Some(task) = self.tasks.get_mut(&attempt.task) {
            task.count(result.outcome);
        }
        let counted = (attempt.task.tenant.clone(), result.outcome);
        *self.done.entry(counted).or_default() += 1;
        let record = attempt.record(NumberStage::Done(result.clone()));
        self.remember(Record::DialNumber(Box::new(record)));
        let number: DialNumber = attempt.waiting.number.clone();
        self.publish(&attempt.task, DialChange::Done { number, result });
    }

    /// A number that is done with before it was dialled.
    pub(super) fn skip(
        &mut self,
        now: Now,
        key: &DialTaskKey,
        waiting: Waiting,
        outcome: DialOutcome,
    ) {
        let attempt = Attempt::new(key.clone(), waiting);
        let result = attempt.result(now, outcome);
        self.finish_number(&attempt, result);
    }

    /// Takes an attempt out of all tables.
    fn forget(&mut self, id: AttemptId) -> Option<Attempt> {
        let attempt = self.attempts.remove(&id)?;
        if let Stage::Open { until } = attempt.stage {
            self.due.remove(&(until, Due::Grace(id)));
        }
        let task = self.tasks.get_mut(&attempt.task)?;
        task.calls.remove(&id);
        task.was_limit_kept |= task.calls.len() <= task.config.max_calls as usize;
        if attempt.stage.rings()
            && let Some(queue) = task.queue().cloned()
        {
            self.ringing.remove(Some(&queue));
            self.touch_queue(&queue);
        }
        Some(attempt)
    }
}
