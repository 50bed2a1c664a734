//! What never happens, and the state as a hash.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use crate::vocab::Now;

use super::Acd;
use super::agent::{Agent, State};
use super::caller::{Caller, Stage};
use super::numbers::{AgentNo, QueueNo};
use super::queue::Queue;
use super::timers::Timer;

impl Acd {
    /// Adds every rule that is broken to `wrong`: an agent holds at most one offer, an offer belongs to exactly one live
    /// caller, whoever is in a transient state has a live deadline, no caller is lost, indexes say what the states say, and
    /// nobody waits beside a free agent who may take the call.
    pub fn audit(&self, now: Now, wrong: &mut Vec<String>) {
        self.audit_offers(wrong);
        for (no, agent) in self.agents.iter() {
            self.audit_agent(no, agent, wrong);
        }
        for caller in self.callers.values() {
            self.audit_caller(now, caller, wrong);
        }
        for (no, queue) in self.queues.iter() {
            self.audit_queue(no, queue, wrong);
        }
        self.audit_deadlines(wrong);
        if !self.work.is_empty() {
            wrong.push("acd: somebody is left to be matched".to_owned());
        }
    }

    fn audit_offers(&self, wrong: &mut Vec<String>) {
        let mut held: BTreeMap<AgentNo, usize> = BTreeMap::new();
        for (offer, ring) in &self.offers {
            *held.entry(ring.agent).or_default() += 1;
            let agent = self.agents.get(ring.agent).map(|agent| &agent.state);
            if agent != Some(&State::Offered { offer: *offer }) {
                wrong.push(format!("acd: offer {offer} is not held by its agent"));
            }
            let caller = self.callers.get(&ring.call);
            if !caller.is_some_and(|caller| caller.offers().contains(offer)) {
                wrong.push(format!("acd: offer {offer} belongs to no live caller"));
            }
            if !self.deadlines.contains(&(ring.deadline(), Timer::Offer(*offer))) {
                wrong.push(format!("acd: offer {offer} has no live deadline"));
            }
        }
        for (agent, _) in held.iter().filter(|(_, offers)| **offers > 1) {
            wrong.push(format!("acd: agent {agent} holds several offers"));
        }
    }

    fn audit_agent(&self, no: AgentNo, agent: &Agent, wrong: &mut Vec<String>) {
        let key = &agent.config.key;
        if let State::Offered { offer } = agent.state
            && !self.offers.contains_key(&offer)
        {
            wrong.push(format!("acd: agent {key} holds an offer that is over"));
        }
        if let State::Talking { call, .. } = agent.state {
            let talks = self.callers.get(&call).map(|caller| &caller.stage);
            if talks != Some(&(Stage::Talking { agent: no })) {
                wrong.push(format!("acd: agent {key} talks with a caller who is gone"));
            }
        }
        if agent.timer != agent.deadline() {
            wrong.push(format!("acd: agent {key} has another deadline than its state"));
        }
        if let Some(at) = agent.deadline()
            && !self.deadlines.contains(&(at, Timer::Agent(no)))
        {
            wrong.push(format!("acd: agent {key} has no live deadline"));
        }
        for served in &agent.served {
            let Some(queue) = self.queues.get(served.queue) else { continue };
            let free = agent.is_free(queue.config.choice.skip_busy_agents) && queue.defined;
            if free != served.filed.is_some() || free != queue.ready.contains(&no) {
                wrong.push(format!("acd: agent {key} is filed wrongly in {}", queue.config.key));
            }
        }
    }

    fn audit_caller(&self, now: Now, caller: &Caller, wrong: &mut Vec<String>) {
        let call = caller.call;
        for offer in caller.offers() {
            if self.offers.get(&offer).is_none_or(|ring| ring.call != call) {
                wrong.push(format!("acd: caller {call} holds an offer that is over"));
            }
        }
        let Some(queue) = self.queues.get(caller.queue) else {
            return wrong.push(format!("acd: caller {call} stands in no queue"));
        };
        if let Some(at) = caller.timer
            && !self.deadlines.contains(&(at, Timer::Caller(call)))
        {
            wrong.push(format!("acd: caller {call} has no live deadline"));
        }
        let transient = matches!(caller.stage, Stage::Parked { .. } | Stage::CallingBack { .. });
        if transient && caller.timer.is_none() {
            wrong.push(format!("acd: caller {call} waits for ever for its callback"));
        }
        if let Stage::Talking { agent } = caller.stage {
            let state = self.agents.get(agent).map(|agent| &agent.state);
            if !matches!(state, Some(State::Talking { call: held, .. }) if *held == call) {
                wrong.push(format!("acd: caller {call} talks with nobody"));
            }
        }
        let Some(key) = caller.filed.line else { return };
        if !queue.line.all.contains(&key) {
            wrong.push(format!("acd: caller {call} is not in its line"));
        }
        let overdue = caller.timer.is_some_and(|at| at <= now.mono);
        if !overdue && caller.filed.open.is_some() && self.could_be_served(now, caller, queue) {
            wrong.push(format!("acd: caller {call} waits beside a free agent"));
        }
    }

    /// Whether some free agent may take the caller now.
    fn could_be_served(&self, now: Now, caller: &Caller, queue: &Queue) -> bool {
        let waited = caller.waited(now.mono);
        let ringing = self.highest_open(queue, caller);
        queue.ready.iter().filter_map(|no| self.agents.get(*no)).any(|agent| {
            let Some(served) = agent.served_in(caller.queue) else { return false };
            let wait = queue.required_wait(caller.class, served.level, &agent.config.skills);
            wait.is_some_and(|wait| wait <= waited)
                && ringing.is_none_or(|lowest| served.level <= lowest)
        })
    }

    fn audit_queue(&self, no: QueueNo, queue: &Queue, wrong: &mut Vec<String>) {
        let key = &queue.config.key;
        let total = &queue.tally.book.total;
        let overflowed: u64 = total.overflowed.values().sum();
        let left = total.answered
            + total.abandoned
            + total.removed
            + total.callbacks_given_up
            + total.picked_up;
        let waiting = queue.line.all.len();
        if total.entered != waiting as u64 + left + overflowed {
            wrong.push(format!("acd: of queue {key} callers are lost: {total:?}, {waiting} wait"));
        }
        let callers = || self.callers.values().filter(|caller| caller.queue == no);
        let waits = callers().filter(|caller| caller.is_waiting()).count();
        let open = callers().filter(|caller| caller.filed.open.is_some()).count();
        let filed: usize = queue.classes.iter().map(|class| class.open.len()).sum();
        let trying = callers().filter(|caller| !caller.offers().is_empty()).count();
        let talking = callers().count() - waits;
        let lines = [waiting, queue.line.by_joined.len(), filed, queue.line.trying];
        if lines != [waits, waits, open, trying] || talking != queue.line.talking.len() {
            wrong.push(format!("acd: the line of {key} is not that of its callers"));
        }
        let crew = || queue.crew.iter().filter_map(|member| self.agents.get(member.agent));
        let logged = crew().filter(|agent| agent.is_logged_in()).count();
        let available = crew().filter(|agent| agent.is_available()).count();
        if logged != queue.staff.logged_in() || available != queue.staff.available {
            wrong.push(format!("acd: the staff of {key} is counted wrongly"));
        }
        if (available == 0) != queue.staff.none_since.is_some() {
            wrong.push(format!("acd: the time of {key} without agents is wrong"));
        }
    }

    fn audit_deadlines(&self, wrong: &mut Vec<String>) {
        for (at, timer) in &self.deadlines {
            let held = match timer {
                Timer::Offer(offer) => self.offers.get(offer).map(super::offer::Ring::deadline),
                Timer::Agent(no) => self.agents.get(*no).and_then(|agent| agent.timer),
                Timer::Caller(call) => self.callers.get(call).and_then(|caller| caller.timer),
                Timer::Queue(no) => self.queues.get(*no).and_then(|queue| queue.timer),
                Timer::Save(_) => continue,
            };
            if held != Some(*at) {
                wrong.push(format!("acd: the deadline of {timer:?} belongs to nobody"));
            }
        }
    }

    /// Hashes the state.
    pub fn digest(&self, hasher: &mut impl Hasher) {
        for (no, agent) in self.agents.iter() {
            (no, &agent.config.key).hash(hasher);
            format!("{:?} {:?} {:?} {:?}", agent.want, agent.state, agent.phone, agent.past)
                .hash(hasher);
        }
        for caller in self.callers.values() {
            (caller.call, caller.queue, caller.base, caller.joined, caller.timer).hash(hasher);
            format!("{:?} {:?}", caller.stage, caller.said).hash(hasher);
        }
        for (no, queue) in self.queues.iter() {
            (no, &queue.config.key, &queue.last, queue.timer).hash(hasher);
            format!("{:?}", queue.tally.book.total).hash(hasher);
        }
        for (offer, ring) in &self.offers {
            (offer, ring.call, ring.agent, ring.deadline()).hash(hasher);
        }
        self.deadlines.hash(hasher);
        (self.acts.len(), self.last_offer).hash(hasher);
    }
}
