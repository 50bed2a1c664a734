//! Looking things up in the reference's lists, and taking them out.

use strowger_core::vocab::CallId;
use strowger_core::vocab::acd::*;

use super::reference::*;

impl Agent {
    pub fn place(&self) -> AgentPlace {
        let own = self.config.places.get(usize::from(self.place)).or(self.config.places.first());
        match &self.desk {
            Some(desk) => AgentPlace::Extension(desk.clone()),
            None => own.cloned().unwrap_or(AgentPlace::Extension(String::new())),
        }
    }
}

impl Model {
    pub fn queue(&self, key: &QueueKey) -> Option<&QueueConfig> {
        self.config.queues.iter().find(|queue| queue.key == *key)
    }

    /// A queue that is there, or was.
    pub fn once(&self, key: &QueueKey) -> Option<&QueueConfig> {
        let former = self.former.iter().rev().find(|queue| queue.key == *key);
        self.queue(key).or(former)
    }

    pub fn agent(&self, key: &AgentKey) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.config.key == *key)
    }

    pub fn agent_mut(&mut self, key: &AgentKey) -> Option<&mut Agent> {
        self.agents.iter_mut().find(|agent| agent.config.key == *key)
    }

    pub fn caller(&self, call: CallId) -> Option<&Caller> {
        self.callers.iter().find(|caller| caller.call == call)
    }

    pub fn ring_mut(&mut self, agent: &AgentKey, call: CallId) -> Option<&mut Ring> {
        self.rings.iter_mut().find(|ring| ring.agent == *agent && ring.call == call)
    }

    pub fn tier(&self, agent: &AgentKey, queue: &QueueKey) -> Option<&Tier> {
        self.agent(agent)?.config.tiers.iter().find(|tier| tier.queue == *queue)
    }

    pub fn serving(&self, queue: &QueueKey) -> impl Iterator<Item = &Agent> {
        let serves = |agent: &&Agent| agent.config.tiers.iter().any(|tier| tier.queue == *queue);
        self.agents.iter().filter(serves)
    }

    pub fn anybody_logged_in(&self, queue: &QueueKey) -> bool {
        self.serving(queue).any(|agent| agent.intent != Intent::LoggedOut)
    }

    /// The first of agent, queue and tenant that sets a time.
    pub fn time(
        &self,
        agent: &AgentKey,
        queue: Option<&QueueKey>,
        pick: fn(&Times) -> Option<u32>,
    ) -> Option<u32> {
        let own = self.agent(agent).and_then(|agent| pick(&agent.config.times));
        let queue = queue.and_then(|key| self.once(key));
        let tenant = self.config.tenants.get(&agent.tenant);
        own.or_else(|| pick(&queue?.times)).or_else(|| pick(&tenant?.times))
    }

    /// The distributor ends this offer.
    pub fn cancel(&mut self, agent: &AgentKey, call: CallId, end: OfferEnd) {
        self.rings.retain(|ring| !(ring.agent == *agent && ring.call == call));
        self.seen.push(Seen::Cancel { agent: agent.clone(), call, end });
        let pause = self.now + LEAST_PAUSE;
        if let Some(agent) = self.agent_mut(agent) {
            agent.pause = pause;
        }
    }

    pub fn cancel_all(&mut self, call: CallId, end: OfferEnd) {
        let rings: Vec<Ring> = self.rings.iter().filter(|r| r.call == call).cloned().collect();
        rings.iter().for_each(|ring| self.cancel(&ring.agent, call, end));
    }

    pub fn overflow(&mut self, call: CallId, reason: OverflowReason) {
        self.cancel_all(call, OfferEnd::CallerGone);
        let Some(at) = self.callers.iter().position(|c| c.call == call) else { return };
        let caller = self.callers.remove(at);
        if caller.callback.is_none() {
            self.seen.push(Seen::Overflow { call, queue: caller.queue, reason });
        }
    }

    /// An offer ended by itself, and what that costs the agent.
    pub fn end_ring(&mut self, key: &AgentKey, call: CallId, end: OfferEnd) {
        let now = self.now;
        let queue = self.caller(call).map(|caller| caller.queue.clone());
        self.rings.retain(|ring| !(ring.agent == *key && ring.call == call));
        let delay = |pick| self.time(key, queue.as_ref(), pick).unwrap_or(0);
        let mut secs = match end {
            OfferEnd::NoAnswer => delay(|times| times.no_answer_delay_time),
            OfferEnd::Busy => delay(|times| times.busy_delay_time),
            OfferEnd::Rejected => delay(|times| times.reject_delay_time),
            _ => 0,
        };
        let Some(agent) = self.agent_mut(key) else { return };
        agent.idle_since = now;
        if end == OfferEnd::Unreachable {
            secs = 1_u32.checked_shl(agent.unreached).unwrap_or(30).min(30);
            agent.unreached = (agent.unreached + 1).min(10);
        } else {
            agent.unreached = 0;
        }
        agent.pause = now + (u64::from(secs) * SECOND).max(LEAST_PAUSE);
        if end != OfferEnd::NoAnswer {
            return;
        }
        agent.missed += 1;
        let limit = agent.config.max_no_answer;
        if limit > 0 && agent.missed >= limit {
            agent.missed = 0;
            let reason = "no_answer".to_owned();
            self.intend(key, Intent::OnBreak { reason, sub_state: String::new() });
        }
    }
}
