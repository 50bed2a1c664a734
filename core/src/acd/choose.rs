//! Who is offered to whom.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use rand_chacha::rand_core::Rng;

use crate::vocab::acd::{AgentKey, Strategy};
use crate::vocab::{CallId, Now};

use super::caller::Caller;
use super::numbers::{AgentNo, CallerKey, FreeKey, secs};
use super::ordered::Ordered;
use super::queue::{Queue, Walked};
use super::{Acd, Work};

/// A caller who may find an agent, in the order in which callers are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    weight: Reverse<u32>,
    key: CallerKey,
    /// Became free for it; asks again afterwards.
    agent: Option<AgentNo>,
}

/// An agent for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pick {
    agent: AgentNo,
    /// The agent of the caller's last call: nobody else rings beside it.
    exclusive: bool,
}

impl Acd {
    /// Finds partners for all who may have become free or open. Of several callers the first in order is served first:
    /// heaviest queue, then highest priority, then longest waiting; its queue's strategy chooses among all free agents.
    pub(super) fn settle(&mut self, now: Now) {
        let mut claims = BTreeSet::new();
        loop {
            while let Some(work) = self.work.pop_front() {
                self.claims_of(now, work, &mut claims);
            }
            let Some(claim) = claims.pop_first() else { return };
            self.match_caller(now, claim.key.call);
            // Whoever is still free asks again: another caller, or none.
            let again = claim.agent.and_then(|agent| self.claim(now, agent));
            claims.extend(again.filter(|again| *again != claim));
        }
    }

    /// Callers who may find an agent by this.
    fn claims_of(&mut self, now: Now, work: Work, claims: &mut BTreeSet<Claim>) {
        match work {
            Work::Agent(no) => claims.extend(self.claim(now, no)),
            Work::Caller(call) => {
                let Some(queue) = self.callers.get(&call).map(|caller| caller.queue) else {
                    return;
                };
                let Some(caller) = self.callers.get(&call) else { return };
                let Some((_, key)) = caller.filed.open else { return };
                let Some(queue) = self.queues.get(queue) else { return };
                let weight = Reverse(queue.config.choice.weight);
                let key = queue.aged(key, now.mono);
                claims.insert(Claim { weight, key, agent: None });
            }
            Work::Queue(no) => {
                let ready = self.queues.get(no).map(|queue| queue.ready.clone());
                for agent in ready.unwrap_or_default() {
                    claims.extend(self.claim(now, agent));
                }
            }
        }
    }

    /// Offers a caller to an agent, or to as many as its queue rings at once, if there are any.
    fn match_caller(&mut self, now: Now, call: CallId) {
        while self.callers.get(&call).is_some_and(|caller| caller.filed.open.is_some())
            && let Some(pick) = self.pick(now, call)
        {
            self.make_offer(now, call, pick.agent, pick.exclusive);
        }
    }

    /// The caller that an agent is to take. Its queues are in order of weight.
    fn claim(&mut self, now: Now, no: AgentNo) -> Option<Claim> {
        let mut best: Option<(u32, CallerKey)> = None;
        let mut at = 0;
        while let Some(served) = self.agents.get(no).and_then(|agent| agent.served.get(at)) {
            at += 1;
            if best.is_some_and(|(weight, _)| weight > served.weight) {
                break;
            }
            if served.filed.is_none() {
                continue;
            }
            let (weight, queue, level) = (served.weight, served.queue, served.level);
            let Some(found) = self.first_caller(now, no, queue, level) else { continue };
            if best.is_none_or(|(_, key)| found < key) {
                best = Some((weight, found));
            }
        }
        best.map(|(weight, key)| Claim { weight: Reverse(weight), key, agent: Some(no) })
    }

    /// The first caller of a queue that an agent of this level may take.
    pub(super) fn first_caller(
        &self,
        now: Now,
        agent: AgentNo,
        queue: u32,
        level: u16,
    ) -> Option<CallerKey> {
        let queue = self.queues.get(queue)?;
        let agent = self.agents.get(agent)?;
        let mut best = None;
        for (at, class) in queue.classes.iter().enumerate() {
            if class.open.is_empty() {
                continue;
            }
            let Some(wait) = queue.required_wait(at, level, &agent.config.skills) else { continue };
            let Some(latest) = now.mono.checked_sub(wait) else { continue };
            let fits = |call| self.level_is_open(queue, call, level);
            let found = class.first_open(latest, fits, |key| queue.aged(key, now.mono));
            best = best.into_iter().chain(found).min();
        }
        best
    }

    /// Whether those who ring for a caller leave this level open. (Free agents of lower levels there are none, or they
    /// would ring.)
    fn level_is_open(&self, queue: &Queue, call: CallId, level: u16) -> bool {
        let caller = self.callers.get(&call);
        let lowest = caller.and_then(|caller| self.highest_open(queue, caller));
        lowest.is_none_or(|lowest| level <= lowest)
    }

    /// In ring-all, where the rules of tiers do not apply, agents of higher levels than those who ring for the caller
    /// are not added: a level opens when nobody of the lower ones is eligible, or rings already.
    pub(super) fn highest_open(&self, queue: &Queue, caller: &Caller) -> Option<u16> {
        if queue.config.choice.tier_rules_apply || queue.strategy() != Strategy::RingAll {
            return None;
        }
        let level = |offer| self.offers.get(&offer).map(|ring| ring.level);
        let ringing = caller.offers().into_iter().filter_map(level).min()?;
        // The lowest level that has somebody is open whoever rings: agents may have moved up meanwhile.
        Some(queue.staff.lowest().map_or(ringing, |lowest| lowest.max(ringing)))
    }

    /// The next agent for a caller.
    fn pick(&mut self, now: Now, call: CallId) -> Option<Pick> {
        let caller = self.callers.get(&call)?;
        self.roll_day(now, caller.queue);
        let caller = self.callers.get(&call)?;
        let queue = self.queues.get(caller.queue)?;
        let waited = caller.waited(now.mono);
        if let Some(agent) = self.same_agent(now, caller, queue) {
            return Some(Pick { agent, exclusive: true });
        }
        let class = queue.classes.get(caller.class)?;
        let ringing = self.highest_open(queue, caller);
        let mut levels = class.free.keys().map(|(level, _)| *level).collect::<Vec<_>>();
        levels.dedup();
        for level in levels {
            if ringing.is_some_and(|lowest| level > lowest) || queue.level_wait(level) > waited {
                break;
            }
            let good: Vec<&Ordered<FreeKey>> =
                class.free.range((level, 0)..=(level, waited)).map(|(_, free)| free).collect();
            if good.iter().all(|free| free.is_empty()) {
                continue;
            }
            let after = match queue.strategy() {
                Strategy::RoundRobin => self.place_of(queue.last.as_ref()),
                Strategy::TopDown | Strategy::RingProgressively => {
                    self.place_of(caller.walked.as_ref())
                }
                _ => None,
            };
            let random = queue.strategy() == Strategy::Random;
            let agent = if random { uniform(&mut self.rng, &good) } else { next(&good, after) };
            return agent.map(|agent| Pick { agent, exclusive: false });
        }
        None
    }

    /// The agent who answered this number last, if it was not tried yet and is eligible.
    fn same_agent(&self, now: Now, caller: &Caller, queue: &Queue) -> Option<AgentNo> {
        let within = queue.config.choice.try_same_agent_time;
        if within == 0 || caller.same_tried || !caller.offers().is_empty() {
            return None;
        }
        let earliest = now.mono.saturating_sub(secs(within));
        let no = queue.same.last(&caller.number, earliest)?;
        let agent = self.agents.get(no)?;
        let served = agent.served.iter().find(|served| served.queue == caller.queue)?;
        served.filed?;
        let wait = queue.required_wait(caller.class, served.level, &agent.config.skills)?;
        let waited = caller.waited(now.mono);
        let below = || {
            let class = queue.classes.get(caller.class);
            let lower = class.into_iter().flat_map(|class| class.free.range(..(served.level, 0)));
            lower.into_iter().any(|((_, skill), _)| *skill <= waited)
        };
        let open = queue.config.choice.tier_rules_apply || !below();
        (wait <= waited && open).then_some(no)
    }

    /// Where a walk along the positions goes on, whether or not that agent is still there.
    fn place_of(&self, walked: Option<&Walked>) -> Option<FreeKey> {
        let (position, key) = walked?;
        let exact = self.agent_nos.get(key).and_then(|no| self.agents.get(*no));
        let rank = match exact {
            Some(agent) => agent.rank + 1,
            None => self.rank_after(key),
        };
        Some(FreeKey { first: u64::from(*position), idle_since: 0, rank, agent: 0 })
    }

    /// The rank of the first agent whose key is greater.
    fn rank_after(&self, key: &AgentKey) -> u32 {
        let mut greater = self.agent_nos.range::<AgentKey, _>(key..);
        greater.find_map(|(_, no)| self.agents.get(*no)).map_or(u32::MAX, |agent| agent.rank)
    }
}

/// The first in order, from `after` on if there is one, else from the beginning.
fn next(free: &[&Ordered<FreeKey>], after: Option<FreeKey>) -> Option<AgentNo> {
    let further = after.and_then(|at| free.iter().filter_map(|set| set.at_or_after(&at)).min());
    further.or_else(|| free.iter().filter_map(|set| set.first()).min()).map(|key| key.agent)
}

/// Any, all alike.
fn uniform(rng: &mut impl Rng, free: &[&Ordered<FreeKey>]) -> Option<AgentNo> {
    let count: usize = free.iter().map(|set| set.len()).sum();
    let count = u64::try_from(count).ok().filter(|count| *count > 0)?;
    // Numbers beyond the last whole multiple would favour the first ones.
    let limit = u64::MAX - u64::MAX % count;
    let drawn = std::iter::repeat_with(|| rng.next_u64()).find(|drawn| *drawn < limit)?;
    let mut left = usize::try_from(drawn % count).ok()?;
    for set in free {
        if left < set.len() {
            return set.nth(left).map(|key| key.agent);
        }
        left -= set.len();
    }
    None
}

#[cfg(test)]
mod tests;
