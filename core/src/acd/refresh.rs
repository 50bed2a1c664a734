//! Brings what is derived in line with the states: who is filed where, deadlines, and what was published.

use std::cmp::Reverse;

use crate::vocab::acd::{Activity, Strategy};
use crate::vocab::{CallId, EventKind, Now};

use super::agent::{Agent, Score, Served, State, resting};
use super::caller::{Caller, Filed, Stage};
use super::numbers::{AgentNo, CallerKey, QueueNo};
use super::queue::Queue;
use super::timers::Timer;
use super::{Acd, Work, wall_at};

/// An agent's load as a queue counts it that has looked at this day; what was done on another one does not count.
fn score(agent: &Agent, served: &Served, day: u64) -> Score {
    if agent.account.day != day {
        return Score::default();
    }
    Score {
        talk_ms: agent.account.today.talk_ms + served.start.talk_ms,
        calls: agent.account.today.calls + served.start.calls,
    }
}

/// What a strategy by load looks at; `None` for the others.
pub(super) fn load(strategy: Strategy, score: Score) -> Option<u64> {
    match strategy {
        Strategy::AgentWithLeastTalkTime => Some(score.talk_ms),
        Strategy::AgentWithFewestCalls => Some(score.calls),
        _ => None,
    }
}

/// How a caller is to be filed now.
fn filing(caller: &Caller, queue: &Queue, now: u64) -> Filed {
    if !caller.is_waiting() {
        return Filed { talking: true, ..Filed::default() };
    }
    let priority = Reverse(caller.base);
    let (joined, seat, call) = (caller.joined, caller.seat, caller.call);
    let key = CallerKey { priority, joined, seat, call };
    let lonely = matches!(&caller.stage, Stage::Waiting { offers, .. } if offers.is_empty());
    let rings = match &caller.stage {
        Stage::Waiting { offers, .. } => !offers.is_empty(),
        Stage::Taken { .. } => true,
        Stage::CallingBack { offer, .. } => offer.is_some(),
        Stage::Parked { .. } | Stage::Talking { .. } => false,
    };
    Filed {
        line: Some(key),
        open: caller.is_open(now, queue).then_some((caller.class, key)),
        alone: lonely.then_some(caller.limits_from),
        trying: rings,
        talking: false,
    }
}

impl Queue {
    /// Files a caller otherwise than before.
    fn refile(&mut self, caller: &Caller, before: Filed, after: Filed) {
        let call = caller.call;
        if before.line != after.line {
            if let Some(key) = before.line {
                self.line.all.remove(&key);
                self.line.by_joined.remove(&(key.joined, call));
            }
            if let Some(key) = after.line {
                self.line.all.insert(key);
                self.line.by_joined.insert((key.joined, call));
            }
        }
        if before.open != after.open {
            if let Some((class, key)) = before.open
                && let Some(class) = self.classes.get_mut(class)
            {
                class.open.remove(&key);
            }
            if let Some((class, key)) = after.open
                && let Some(class) = self.classes.get_mut(class)
            {
                class.open.insert(key);
            }
        }
        if before.alone != after.alone {
            before.alone.map(|from| self.line.alone.remove(&(from, call)));
            after.alone.map(|from| self.line.alone.insert((from, call)));
        }
        if before.talking && !after.talking {
            self.line.talking.remove(&call);
        } else if after.talking {
            self.line.talking.insert(call);
        }
        self.line.trying += usize::from(after.trying);
        self.line.trying -= usize::from(before.trying);
    }
}

impl Acd {
    /// After any change of a caller.
    pub(super) fn refresh_caller(&mut self, now: Now, call: CallId) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(queue) = self.queues.get_mut(caller.queue) else { return };
        let after = filing(caller, queue, now.mono);
        let before = std::mem::replace(&mut caller.filed, after);
        if before != after {
            queue.refile(caller, before, after);
            self.moved.insert(caller.queue);
        }
        if after.open.is_some() && before.open.is_none() {
            self.work.push_back(Work::Caller(call));
        }
        let at = caller.deadline(queue, now.mono);
        let slot = std::mem::replace(&mut caller.timer, at);
        // Looked at by somebody else in the moment in which another level opens: that must not be forgotten.
        if slot.is_some_and(|due| due <= now.mono) {
            self.work.push_back(Work::Caller(call));
        }
        let (no, alone) = (caller.queue, before.alone != after.alone);
        self.arm(slot, Timer::Caller(call), at);
        if alone {
            self.refresh_queue(no);
        }
    }

    /// A caller is gone from the distributor.
    pub(super) fn drop_caller(&mut self, call: CallId) -> Option<Caller> {
        let caller = self.take_caller(call)?;
        if let Some(queue) = self.queues.get_mut(caller.queue)
            && let Some(class) = queue.classes.get_mut(caller.class)
        {
            class.users = class.users.saturating_sub(1);
        }
        self.bury_queue(caller.queue);
        Some(caller)
    }

    /// Takes a caller out of all indexes, so that it can be dropped or come back under another name.
    pub(super) fn take_caller(&mut self, call: CallId) -> Option<Caller> {
        let mut caller = self.callers.remove(&call)?;
        self.arm(caller.timer.take(), Timer::Caller(call), None);
        if let Some(queue) = self.queues.get_mut(caller.queue) {
            let before = std::mem::take(&mut caller.filed);
            queue.refile(&caller, before, Filed::default());
            self.moved.insert(caller.queue);
        }
        self.refresh_queue(caller.queue);
        Some(caller)
    }

    /// After any change of the callers for whom nobody rings, or of whether anybody is available.
    pub(super) fn refresh_queue(&mut self, no: QueueNo) {
        let Some(queue) = self.queues.get_mut(no) else { return };
        let at = queue.deadline();
        let slot = std::mem::replace(&mut queue.timer, at);
        self.arm(slot, Timer::Queue(no), at);
    }

    /// After any change of an agent.
    pub(super) fn refresh_agent(&mut self, now: Now, no: AgentNo) {
        let Some(agent) = self.agents.get_mut(no) else { return };
        let mut served = std::mem::take(&mut agent.served);
        let mut freed = false;
        for place in &mut served {
            if let Some(queue) = self.queues.get_mut(place.queue) {
                let before = place.filed;
                refile_agent(queue, agent, no, place);
                if before != place.filed {
                    freed |= place.filed.is_some();
                    self.moved.insert(place.queue);
                }
            }
        }
        agent.served = served;
        if freed {
            self.work.push_back(Work::Agent(no));
        }
        let at = agent.deadline();
        let slot = std::mem::replace(&mut agent.timer, at);
        let showing = agent.showing();
        let changed = showing != agent.shown;
        if changed {
            agent.shown = showing;
            agent.shown_since = now.wall;
        }
        self.arm(slot, Timer::Agent(no), at);
        if changed {
            self.publish_activity(now, no);
        }
    }

    fn publish_activity(&mut self, now: Now, no: AgentNo) {
        let Some(agent) = self.agents.get(no).filter(|agent| agent.defined) else { return };
        let key = agent.config.key.clone();
        let activity = self.activity(now, agent);
        let tenant = key.tenant.clone();
        self.publish(&tenant, EventKind::AgentActivityChanged { agent: key, activity });
    }

    /// What happens to an agent, as people see it.
    pub(super) fn activity(&self, now: Now, agent: &Agent) -> Activity {
        let (state, other_call) = agent.showing();
        let queue_key = |no: QueueNo| self.queues.get(no).map(|queue| queue.config.key.clone());
        let shown = match state {
            State::Idle => None,
            State::Offered { offer } => self.offers.get(&offer).and_then(|ring| {
                let until = wall_at(now, ring.deadline());
                let queue = queue_key(ring.queue)?;
                Some(Activity::Offered { offer, queue, call: ring.call, until })
            }),
            State::Talking { call, queue, .. } => {
                queue_key(queue).map(|queue| Activity::Talking { queue, call })
            }
            State::WrappingUp { queue, until, .. } => Some(Activity::WrappingUp {
                queue: queue.and_then(queue_key),
                until: wall_at(now, until),
            }),
            State::CoolingDown { until } => {
                Some(Activity::CoolingDown { until: wall_at(now, until) })
            }
        };
        shown.unwrap_or(resting(other_call))
    }
}

/// Files an agent in one of its queues as it is now.
fn refile_agent(queue: &mut Queue, agent: &Agent, no: AgentNo, place: &mut Served) {
    let score = score(agent, place, queue.tally.day);
    let free = agent.is_free(queue.config.choice.skip_busy_agents) && queue.defined;
    let key = free.then(|| queue.free_key(agent, no, place.position, score));
    if key != place.filed {
        if let Some(before) = place.filed {
            queue.unfile(before, place.level, &agent.config.skills);
        }
        if let Some(key) = key {
            queue.file(key, place.level, &agent.config.skills);
        }
        place.filed = key;
    }
    let load = load(queue.strategy(), score).filter(|_| agent.is_logged_in());
    let ranked = load.map(|load| (load, agent.rank));
    if ranked != place.ranked {
        place.ranked.map(|before| queue.staff.scores.remove(&before));
        ranked.map(|after| queue.staff.scores.insert(after));
        place.ranked = ranked;
    }
}
