//! Whom the reference chooses: eligibility, open levels, and the ten orders.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use strowger_core::vocab::acd::*;

use super::reference::*;

/// The middle, or what lies between the two in the middle.
fn median(of: impl Iterator<Item = u64>) -> u64 {
    let mut all: Vec<u64> = of.collect();
    all.sort_unstable();
    match all.len() {
        0 => 0,
        n => all[(n - 1) / 2].midpoint(all[n / 2]),
    }
}

impl Model {
    /// Whoever serves a queue, with its place in it.
    fn tiered(&self, queue: &QueueKey) -> Vec<(Tier, &Agent)> {
        let tier = |agent: &Agent| agent.config.tiers.iter().find(|t| t.queue == *queue).cloned();
        self.agents.iter().filter_map(|agent| Some((tier(agent)?, agent))).collect()
    }

    /// Nothing happens to this agent that keeps it from being offered; calls outside the queues aside.
    pub fn is_idle(&self, key: &AgentKey) -> bool {
        let held = |caller: &Caller| {
            let callback = caller.callback.as_ref();
            callback.and_then(|c| c.reserved.as_ref()) == Some(key)
        };
        self.agent(key).is_some_and(|agent| agent.pause <= self.now && agent.wrap.is_none())
            && !self.rings.iter().any(|ring| ring.agent == *key)
            && !self.talks.iter().any(|talk| talk.agent == *key)
            && !self.callers.iter().any(held)
    }

    /// The skills that a caller needs by now.
    fn needs(&self, queue: &QueueConfig, caller: &Caller) -> Vec<(String, u8)> {
        let waited = (self.now - caller.joined) / SECOND;
        let mut needs: Vec<(String, u8)> = Vec::new();
        for need in queue.choice.skills.iter().chain(&caller.needs) {
            let steps = match need.relax_secs {
                0 => 0,
                secs => waited / u64::from(secs),
            };
            let relaxed = steps.saturating_mul(u64::from(need.relax_by)).min(255) as u8;
            let level = need.level.saturating_sub(relaxed);
            match needs.iter_mut().find(|(name, _)| *name == need.name) {
                Some((_, known)) => *known = level.max(*known),
                None => needs.push((need.name.clone(), level)),
            }
        }
        needs.retain(|(_, level)| *level > 0);
        needs
    }

    /// Could be offered this caller if its level is open.
    fn is_able(&self, queue: &QueueConfig, caller: &Caller, agent: &Agent) -> bool {
        let skilled = |(name, level): &(String, u8)| {
            agent.config.skills.get(name).is_some_and(|has| has >= level)
        };
        agent.intent == Intent::Available
            && agent.reachable
            && self.is_idle(&agent.config.key)
            && (agent.other_calls == 0 || !queue.choice.skip_busy_agents)
            && self.needs(queue, caller).iter().all(skilled)
    }

    /// When a level opens for a caller, where that is a matter of time.
    pub fn opens(&self, queue: &QueueConfig, caller: &Caller, level: u16) -> u64 {
        let times = if queue.choice.tier_rule_wait_multiply_level { u64::from(level) } else { 1 };
        caller.joined + u64::from(queue.choice.tier_rule_wait_second) * times * SECOND
    }

    fn is_open(&self, queue: &QueueConfig, caller: &Caller, level: u16) -> bool {
        let tiered = self.tiered(&queue.key);
        let mut present: Vec<u16> = tiered
            .iter()
            .filter(|(_, agent)| agent.intent != Intent::LoggedOut)
            .map(|(tier, _)| tier.level)
            .collect();
        present.sort_unstable();
        if present.first().is_none_or(|lowest| level <= *lowest) {
            return true;
        }
        if queue.choice.tier_rules_apply {
            return self.now >= self.opens(queue, caller, level);
        }
        let many = queue.choice.strategy == Strategy::RingAll;
        let rings = |ring: &Ring| ring.call == caller.call && ring.level < level;
        let able = |(tier, agent): &(Tier, &Agent)| {
            tier.level < level && self.is_able(queue, caller, agent)
        };
        let covered = many && self.rings.iter().any(rings);
        !covered && !tiered.iter().any(able)
    }

    /// The agent who answered this caller's number last, if that was not long ago.
    pub fn knows(&self, caller: &Caller) -> Option<AgentKey> {
        let queue = self.queue(&caller.queue)?;
        let (agent, when) = self.known.get(&(caller.queue.clone(), caller.number.clone()))?;
        let limit = u64::from(queue.choice.try_same_agent_time) * SECOND;
        let recent = limit > 0 && self.now - when <= limit;
        (recent && !caller.tried).then(|| agent.clone())
    }

    /// Whether one more may be rung for this caller now.
    fn wants(&self, queue: &QueueConfig, caller: &Caller) -> bool {
        let rings: Vec<&Ring> = self.rings.iter().filter(|r| r.call == caller.call).collect();
        if self.is_leaving(caller).is_some() || rings.iter().any(|ring| ring.answered) {
            return false;
        }
        if let Some(callback) = &caller.callback {
            return callback.trying.is_none() && callback.not_before <= self.now;
        }
        if rings.is_empty() {
            return true;
        }
        match queue.choice.strategy {
            _ if caller.alone => false,
            Strategy::RingAll => rings.len() < usize::from(queue.choice.ring_all_max),
            Strategy::RingProgressively => {
                let room = rings.len() < usize::from(queue.choice.ring_all_max);
                room && self.now >= self.adds(queue, caller)
            }
            _ => false,
        }
    }

    /// When ring-progressively adds the next one.
    pub fn adds(&self, queue: &QueueConfig, caller: &Caller) -> u64 {
        caller.added + u64::from(queue.choice.progressive_delay.max(1)) * SECOND
    }

    /// The next agent for this caller, if it wants one and there is one.
    pub fn choose(&self, caller: &Caller) -> Option<AgentKey> {
        let queue = self.queue(&caller.queue)?;
        if !self.wants(queue, caller) {
            return None;
        }
        let mut able = self.tiered(&queue.key);
        able.retain(|(tier, agent)| {
            self.is_able(queue, caller, agent) && self.is_open(queue, caller, tier.level)
        });
        let rung = self.rings.iter().any(|ring| ring.call == caller.call);
        if let Some(known) = self.knows(caller)
            && !rung
            && able.iter().any(|(_, agent)| agent.config.key == known)
        {
            return Some(known);
        }
        let lowest = able.iter().map(|(tier, _)| tier.level).min()?;
        able.retain(|(tier, _)| tier.level == lowest);
        let position = |tier: &Tier, agent: &Agent| (tier.position, agent.config.key.clone());
        let clock = |agent: &Agent| (agent.idle_since, agent.config.key.clone());
        let after = |last: Option<&(u16, AgentKey)>, (tier, agent): &(Tier, &Agent)| {
            let place = position(tier, agent);
            (last.is_some_and(|last| place <= *last), place)
        };
        let hinted = |(_, agent): &(Tier, &Agent)| {
            !self.hints.contains(&(agent.config.key.clone(), caller.call))
        };
        let chosen = match queue.choice.strategy {
            Strategy::RingAll | Strategy::SequentiallyByAgentOrder => {
                able.into_iter().min_by_key(|(tier, agent)| position(tier, agent))
            }
            Strategy::RoundRobin => {
                let last = self.turns.get(&queue.key);
                able.into_iter().min_by_key(|one| after(last, one))
            }
            Strategy::TopDown | Strategy::RingProgressively => {
                able.into_iter().min_by_key(|one| after(caller.last.as_ref(), one))
            }
            Strategy::LongestIdleAgent => able.into_iter().min_by_key(|(_, agent)| clock(agent)),
            Strategy::AgentWithLeastTalkTime => able
                .into_iter()
                .min_by_key(|(_, agent)| (self.load(agent, &queue.key).0, clock(agent))),
            Strategy::AgentWithFewestCalls => able
                .into_iter()
                .min_by_key(|(_, agent)| (self.load(agent, &queue.key).1, clock(agent))),
            Strategy::Skill => {
                let needed = queue.choice.skills.iter().chain(&caller.needs);
                let needs: BTreeSet<&str> = needed.map(|need| need.name.as_str()).collect();
                let total = |agent: &Agent| -> u32 {
                    let has = |name: &&str| agent.config.skills.get(*name).copied().unwrap_or(0);
                    needs.iter().map(|name| u32::from(has(name))).sum()
                };
                able.into_iter().min_by_key(|(_, agent)| (Reverse(total(agent)), clock(agent)))
            }
            Strategy::Random => able.into_iter().min_by_key(hinted),
        };
        chosen.map(|(_, agent)| agent.config.key.clone())
    }

    /// Talk time and calls since the tenant's midnight, with what it started from in this queue.
    pub fn load(&self, agent: &Agent, queue: &QueueKey) -> (u64, u64) {
        if agent.day != self.day(&agent.config.key) {
            return (0, 0);
        }
        let (talk_ms, calls) = agent.starts.get(queue).copied().unwrap_or_default();
        (agent.talk_ms + talk_ms, agent.calls + calls)
    }

    /// Who has done nothing today starts at the median of the others that are logged in, in queues that look at that.
    pub fn start_at_median(&mut self, key: &AgentKey, others: &[AgentKey]) {
        self.roll_day(key);
        for queue in self.config.queues.clone() {
            if self.tier(key, &queue.key).is_none() {
                continue;
            }
            let counted = |agent: &&Agent| {
                agent.intent != Intent::LoggedOut && others.contains(&agent.config.key)
            };
            let serving = self.serving(&queue.key).filter(counted);
            let loads: Vec<(u64, u64)> =
                serving.map(|agent| self.load(agent, &queue.key)).collect();
            let start = match queue.choice.strategy {
                Strategy::AgentWithLeastTalkTime => (median(loads.iter().map(|load| load.0)), 0),
                Strategy::AgentWithFewestCalls => (0, median(loads.iter().map(|load| load.1))),
                _ => continue,
            };
            if let Some(agent) = self.agent_mut(key)
                && (agent.talk_ms, agent.calls) == (0, 0)
            {
                agent.starts.insert(queue.key.clone(), start);
            }
        }
    }

    pub fn day(&self, key: &AgentKey) -> i64 {
        let offset =
            self.config.tenants.get(&key.tenant).map_or(0, |tenant| tenant.utc_offset_secs);
        ((self.wall / 1000) as i64 + i64::from(offset)).div_euclid(86_400)
    }

    pub fn roll_day(&mut self, key: &AgentKey) {
        let day = self.day(key);
        if let Some(agent) = self.agent_mut(key)
            && agent.day != day
        {
            (agent.day, agent.talk_ms, agent.calls) = (day, 0, 0);
            agent.starts.clear();
        }
    }

    /// Everything that may change something by itself, the earliest.
    pub fn next_deadline(&self) -> Option<u64> {
        let mut moments: Vec<u64> = self.rings.iter().map(|ring| ring.ends).collect();
        for agent in &self.agents {
            moments.push(agent.pause);
            moments
                .extend(agent.wrap.iter().flat_map(|wrap| [Some(wrap.ends), wrap.held]).flatten());
        }
        for caller in &self.callers {
            moments.extend(self.limits(caller).iter().map(|(ends, _)| *ends));
            if let Some(callback) = &caller.callback {
                moments.push(callback.not_before);
                moments.extend(callback.trying);
            }
            if let Some(queue) = self.queue(&caller.queue) {
                self.caller_moments(queue, caller, &mut moments);
            }
        }
        moments.into_iter().filter(|moment| *moment > self.now).min()
    }

    fn caller_moments(&self, queue: &QueueConfig, caller: &Caller, moments: &mut Vec<u64>) {
        let choice = &queue.choice;
        moments.extend([caller.announce_at, caller.position_at].into_iter().flatten());
        if choice.tier_rules_apply {
            let levels = self.tiered(&queue.key);
            moments.extend(levels.iter().map(|(tier, _)| self.opens(queue, caller, tier.level)));
        }
        if choice.strategy == Strategy::RingProgressively {
            moments.push(self.adds(queue, caller));
        }
        let mut repeat = |since: u64, secs: u32| {
            if secs > 0 {
                let step = u64::from(secs) * SECOND;
                moments.push(since + ((self.now - since) / step + 1) * step);
            }
        };
        repeat(caller.joined, choice.aging_secs);
        for need in choice.skills.iter().chain(&caller.needs) {
            repeat(caller.joined, need.relax_secs);
        }
    }
}
