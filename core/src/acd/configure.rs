//! Definitions: at first and while everything runs. Nobody who waits is lost.

use std::collections::{BTreeMap, BTreeSet};

use crate::vocab::acd::{
    AcdConfig, AgentConfig, AgentKey, FigureSubject, OverflowReason, QueueConfig, QueueKey,
};
use crate::vocab::{CallId, Now};

use super::agent::{Agent, Served, State};
use super::numbers::{AgentNo, QueueNo};
use super::queue::{Member, Queue};
use super::staff::Standing;
use super::timers::Timer;
use super::{Acd, Work};

impl Acd {
    /// All queues and agents as they shall be from now on. Differences are applied: callers of a queue that is gone
    /// overflow, an agent that is gone loses its offer and keeps its conversation, everybody else stays where they are.
    /// Of two definitions with the same key the later one counts; tiers in unknown queues are left out.
    pub fn configure(&mut self, now: Now, config: AcdConfig) {
        let queues: BTreeMap<_, _> =
            config.queues.into_iter().map(|q| (q.key.clone(), q)).collect();
        let agents: BTreeMap<_, _> =
            config.agents.into_iter().map(|a| (a.key.clone(), a)).collect();
        self.remove_queues(now, &queues);
        self.remove_agents(now, &agents);
        self.tenants = config.tenants;
        for (key, config) in queues {
            self.put_queue(now, key, config);
        }
        let mut new = BTreeSet::new();
        for (key, config) in agents {
            new.extend(self.put_agent(now, key, config));
        }
        self.rebuild(now, &new);
        self.withdraw_misplaced(now);
        let calls: Vec<CallId> = self.callers.keys().copied().collect();
        for call in calls {
            self.reconsider(now, call);
        }
        for call in self.callers_in_order(now) {
            self.work.push_back(Work::Caller(call));
        }
        self.settle(now);
    }

    fn remove_queues(&mut self, now: Now, kept: &BTreeMap<QueueKey, QueueConfig>) {
        let gone: Vec<QueueNo> = self
            .queue_nos
            .iter()
            .filter(|(key, _)| !kept.contains_key(key))
            .map(|(_, no)| *no)
            .collect();
        for no in gone {
            if let Some(queue) = self.queues.get_mut(no) {
                queue.defined = false;
            }
            while let Some(first) = self.queues.get(no).and_then(|queue| queue.line.all.first()) {
                self.overflow(now, first.call, OverflowReason::QueueRemoved);
            }
            self.bury_queue(no);
        }
    }

    fn remove_agents(&mut self, now: Now, kept: &BTreeMap<AgentKey, AgentConfig>) {
        let gone: Vec<AgentNo> = self
            .agent_nos
            .iter()
            .filter(|(key, _)| !kept.contains_key(key))
            .map(|(_, no)| *no)
            .collect();
        for no in gone {
            self.withdraw(now, no, true);
            self.count_time(now, no);
            if let Some(agent) = self.agents.get_mut(no) {
                let before = Standing::of(agent);
                agent.defined = false;
                self.recount(now, no, before);
            }
            self.refresh_agent(now, no);
            self.bury_agent(now, no);
        }
    }

    fn put_queue(&mut self, now: Now, key: QueueKey, config: QueueConfig) {
        let existing = self.queue_nos.get(&key).and_then(|no| self.queues.get_mut(*no));
        let Some(queue) = existing else {
            let mut queue = Queue::new(config);
            queue.staff.none_since = Some(now.mono);
            let no = self.queues.insert(queue);
            self.queue_nos.insert(key, no);
            return;
        };
        queue.defined = true;
        if queue.config != config {
            for class in &mut queue.classes {
                class.needs = config.choice.skills.iter().chain(&class.extra).cloned().collect();
            }
            queue.config = config;
        }
    }

    /// Returns a number if the agent is new.
    fn put_agent(&mut self, now: Now, key: AgentKey, config: AgentConfig) -> Option<AgentNo> {
        let known = self.agent_nos.get(&key).copied();
        let Some(agent) = known.and_then(|no| self.agents.get_mut(no)) else {
            let no = self.agents.insert(Agent::new(config, now.mono, now.wall));
            self.agent_nos.insert(key, no);
            return Some(no);
        };
        if !agent.defined {
            agent.defined = true;
            agent.want.counted_to = now.mono;
        }
        if usize::from(agent.phone.active) >= config.places.len() {
            agent.phone.active = 0;
        }
        agent.config = config;
        None
    }

    /// Everything that is derived is derived anew; the `new` agents log in beside the others.
    fn rebuild(&mut self, now: Now, new: &BTreeSet<AgentNo>) {
        let queues: Vec<QueueNo> = self.queue_nos.values().copied().collect();
        for no in &queues {
            if let Some(queue) = self.queues.get_mut(*no) {
                queue.clear_agents();
            }
        }
        self.places.clear();
        let agents: Vec<AgentNo> = self.agent_nos.values().copied().collect();
        for (rank, no) in (0..).zip(&agents) {
            self.place_agent(*no, rank);
        }
        for no in &queues {
            self.settle_staff(now, *no);
        }
        let (fresh, known): (Vec<_>, Vec<_>) = agents.into_iter().partition(|no| new.contains(no));
        for no in known {
            self.refresh_agent(now, no);
            self.schedule_save(now, no);
        }
        for no in fresh {
            self.log_in_new(now, no);
        }
        let calls: Vec<CallId> = self.callers.keys().copied().collect();
        for call in calls {
            if let Some(caller) = self.callers.get_mut(&call)
                && let Some(queue) = self.queues.get(caller.queue)
            {
                caller.said.reconfigure(now.mono, &queue.config);
            }
            self.refresh_caller(now, call);
        }
        self.work.clear();
    }

    /// Gives an agent its rank and its places in queues, and counts it there.
    fn place_agent(&mut self, no: AgentNo, rank: u32) {
        let Some(agent) = self.agents.get_mut(no) else { return };
        agent.rank = rank;
        let before = std::mem::take(&mut agent.served);
        if !agent.defined {
            return;
        }
        for tier in &agent.config.tiers {
            // Nobody serves another tenant's queue.
            let own = tier.queue.tenant == agent.config.key.tenant;
            let known = self.queue_nos.get(&tier.queue).copied().filter(|_| own);
            let Some(queue_no) = known else { continue };
            let Some(queue) = self.queues.get_mut(queue_no).filter(|queue| queue.defined) else {
                continue;
            };
            if agent.served.iter().any(|served| served.queue == queue_no) {
                continue;
            }
            let start = before.iter().find(|served| served.queue == queue_no);
            agent.served.push(Served {
                queue: queue_no,
                weight: queue.config.choice.weight,
                level: tier.level,
                position: tier.position,
                start: start.map(|served| served.start).unwrap_or_default(),
                filed: None,
                ranked: None,
            });
            let (level, position) = (tier.level, tier.position);
            queue.crew.push(Member { level, position, rank, agent: no });
            if agent.is_logged_in() {
                *queue.staff.logged.entry(level).or_default() += 1;
            }
            queue.staff.available += usize::from(agent.is_available());
        }
        agent.served.sort_by_key(|served| std::cmp::Reverse(served.weight));
        self.places.add(no, agent);
    }

    fn settle_staff(&mut self, now: Now, no: QueueNo) {
        let Some(queue) = self.queues.get_mut(no) else { return };
        self.moved.insert(no);
        queue.crew.sort_unstable();
        if queue.staff.available > 0 {
            queue.staff.none_since = None;
        } else if queue.staff.none_since.is_none() {
            queue.staff.none_since = Some(now.mono);
        }
        self.refresh_queue(no);
    }

    fn log_in_new(&mut self, now: Now, no: AgentNo) {
        let Some(agent) = self.agents.get(no) else { return };
        let queues: Vec<QueueNo> = agent.served.iter().map(|served| served.queue).collect();
        if agent.is_logged_in() {
            self.roll_agent(now, no);
            for queue in queues {
                self.start_at_median(now, no, queue);
            }
        }
        self.refresh_agent(now, no);
        self.schedule_save(now, no);
    }

    /// Offers to agents who no longer serve the queue are withdrawn, unless they were answered.
    fn withdraw_misplaced(&mut self, now: Now) {
        let misplaced = self.offers.values().filter(|ring| {
            let agent = self.agents.get(ring.agent);
            agent.is_none_or(|agent| agent.served_in(ring.queue).is_none())
        });
        let agents: Vec<AgentNo> = misplaced.map(|ring| ring.agent).collect();
        for no in agents {
            self.withdraw(now, no, false);
        }
    }

    /// Callers who want an agent: heaviest queue first, then highest priority, then longest waiting.
    fn callers_in_order(&mut self, now: Now) -> Vec<CallId> {
        let queues: Vec<QueueNo> = self.queue_nos.values().copied().collect();
        let mut calls = Vec::new();
        for no in queues {
            let Some(queue) = self.queues.get(no) else { continue };
            let weight = std::cmp::Reverse(queue.config.choice.weight);
            calls.extend(queue.line.all.iter().map(|key| (weight, queue.aged(key, now.mono))));
        }
        calls.sort_unstable();
        calls.into_iter().map(|(_, key)| key.call).collect()
    }

    /// A removed queue goes when nobody of it talks any more.
    pub(super) fn bury_queue(&mut self, no: QueueNo) {
        let Some(queue) = self.queues.get(no) else { return };
        if queue.defined || !queue.line.all.is_empty() || !queue.line.talking.is_empty() {
            return;
        }
        let save = queue.tally.save_at;
        let key = queue.config.key.clone();
        let subject = FigureSubject::Queue(key.clone());
        let timer = queue.timer;
        self.arm(save, Timer::Save(subject.clone()), None);
        self.keep_last(&subject);
        self.arm(timer, Timer::Queue(no), None);
        self.queues.remove(no);
        self.queue_nos.remove(&key);
    }

    /// A removed agent goes when its conversation is over.
    pub(super) fn bury_agent(&mut self, now: Now, no: AgentNo) {
        let Some(agent) = self.agents.get(no) else { return };
        let busy = matches!(agent.state, State::Talking { .. } | State::Offered { .. });
        if agent.defined || busy {
            return;
        }
        if matches!(agent.state, State::WrappingUp { .. }) {
            self.count_wrap_up(now, no);
        }
        let Some(agent) = self.agents.get(no) else { return };
        let key = agent.config.key.clone();
        let subject = FigureSubject::Agent(key.clone());
        let (save, timer) = (agent.account.save_at, agent.timer);
        self.arm(save, Timer::Save(subject.clone()), None);
        self.keep_last(&subject);
        self.arm(timer, Timer::Agent(no), None);
        self.agents.remove(no);
        self.agent_nos.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use crate::vocab::acd::{Activity, Intent, OfferEnd, SkillNeed, Strategy};

    use super::super::Act;
    use super::super::testing::{
        Bench, agent_config, agent_key, bench, on_break, queue_config, queue_key,
    };
    use super::*;

    fn agents(ids: &[&str]) -> Vec<AgentConfig> {
        ids.iter().map(|id| agent_config(id, &[("9001", 1, 1)])).collect()
    }

    #[test]
    fn a_removed_queue_sends_its_callers_on_and_its_conversations_end_as_usual() {
        let mut bench = bench(&[("a", 1, 1), ("b", 1, 2)], |_| ());
        bench.join(1, "9001");
        bench.talk("a");
        bench.join(2, "9001");
        bench.join(3, "9001");
        bench.configure(vec![], agents(&["a", "b"]));
        let gone = OverflowReason::QueueRemoved;
        assert_eq!(bench.overflows(), [(2, gone), (3, gone)]);
        assert!(matches!(bench.activity("a"), Activity::Talking { .. }));
        assert_eq!(bench.try_join(4, "9001"), Err(gone));
        bench.pass(2);
        bench.finished(1);
        assert_eq!(bench.activity("a"), Activity::Idle);
        assert!(bench.acd.queue_config(&queue_key("9001")).is_none());
        assert!(bench.acd.callers.is_empty() && bench.acd.queue_nos.is_empty());
    }

    #[test]
    fn a_removed_agent_loses_its_offer_and_keeps_its_conversation() {
        let mut bench = bench(&[("a", 1, 1), ("b", 1, 2)], |_| ());
        bench.join(1, "9001");
        bench.talk("a");
        bench.join(2, "9001");
        bench.acts();
        bench.configure(vec![queue_config("9001")], agents(&["c"]));
        let acts = bench.acts();
        let cancelled = |act: &Act| matches!(act, Act::Cancel { end: OfferEnd::Withdrawn, .. });
        assert!(acts.iter().any(cancelled));
        assert!(matches!(bench.activity("c"), Activity::Offered { .. }), "the next one rings");
        assert_eq!(bench.queue("9001").answered, 1);
        assert!(bench.acd.agent(bench.now, &agent_key("a")).is_none());
        bench.finished(1);
        assert_eq!(bench.acd.agent_nos.len(), 1);
        assert_eq!(bench.queue("9001").answered, 0);
    }

    #[test]
    fn an_agent_who_is_defined_again_while_talking_is_the_same() {
        let mut bench = bench(&[("a", 1, 1)], |_| ());
        bench.join(1, "9001");
        bench.talk("a");
        bench.configure(vec![queue_config("9001")], vec![]);
        bench.configure(vec![queue_config("9001")], agents(&["a"]));
        assert!(matches!(bench.activity("a"), Activity::Talking { .. }));
        bench.finished(1);
        bench.pass(2);
        assert_eq!(bench.activity("a"), Activity::Idle);
    }

    #[test]
    fn nobody_who_waits_is_lost_when_everything_changes() {
        let mut bench = bench(&[("a", 1, 1)], |_| ());
        bench.intent("a", on_break());
        for call in 1..20 {
            bench.join(call, "9001");
            bench.pass_ms(10);
        }
        let mut queue = queue_config("9001");
        queue.choice.strategy = Strategy::RingAll;
        queue.choice.aging_secs = 1;
        queue.choice.tier_rule_wait_second = 5;
        let latin = SkillNeed { name: "latin".into(), level: 1, relax_secs: 0, relax_by: 0 };
        queue.choice.skills = vec![latin];
        bench.configure(vec![queue], agents(&["a", "b"]));
        assert_eq!(bench.queue("9001").waiting, 19);
        bench.intent("a", Intent::Available);
        assert_eq!(bench.offered(), "", "nobody knows Latin");
        let mut scholar = agents(&["a"]);
        scholar[0].skills.insert("latin".into(), 1);
        bench.configure(vec![bench.queue("9001").config], scholar);
        assert_eq!(bench.offers(), [("a".into(), 1)]);
    }

    #[test]
    fn an_offer_to_an_agent_who_no_longer_serves_the_queue_is_withdrawn() {
        let mut bench = bench(&[("a", 1, 1)], |_| ());
        bench.join(1, "9001");
        bench.configure(vec![queue_config("9001")], vec![agent_config("a", &[])]);
        assert_eq!(bench.cancels(), [(1, OfferEnd::Withdrawn)]);
        assert_eq!(bench.queue("9001").waiting, 1);
    }

    #[test]
    fn the_same_definitions_again_change_nothing() {
        let mut bench = bench(&[("a", 1, 1)], |_| ());
        bench.join(1, "9001");
        let offer = bench.held("a");
        bench.acts();
        bench.configure(vec![queue_config("9001")], agents(&["a"]));
        assert_eq!(bench.acts(), []);
        assert_eq!(bench.held("a"), offer);
    }

    #[test]
    fn other_limits_hold_at_once() {
        let mut bench = bench(&[("a", 1, 1)], |queue| queue.limits.max_wait_time = 10);
        bench.join(1, "9001");
        bench.pass(15);
        bench.configure(vec![queue_config("9001")], agents(&["a"]));
        bench.pass(30);
        assert_eq!(bench.overflows(), [], "the limit was lifted while the agent rang");
        bench.intent("a", on_break());
        let mut short = queue_config("9001");
        short.limits.max_wait_time = 20;
        bench.configure(vec![short], agents(&["a"]));
        assert_eq!(bench.overflows(), [(1, OverflowReason::Timeout)]);
    }

    #[test]
    fn nobody_serves_another_tenants_queue() {
        let mut stranger = agent_config("a", &[("9001", 1, 1)]);
        stranger.key.tenant = "other".into();
        let mut queue = queue_config("9001");
        queue.limits.exit_with_no_av_agents = false;
        let mut bench = Bench::new(vec![queue], vec![stranger]);
        bench.join(1, "9001");
        assert_eq!(bench.offered(), "");
        assert_eq!(bench.queue("9001").agents_logged_in, 0);
    }
}
