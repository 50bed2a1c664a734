//! Why each agent is, or is not, being offered each caller now.

use crate::vocab::acd::{
    AgentVerdict, CallerVerdict, Condition, Explanation, Intent, QueueKey, Strategy,
};
use crate::vocab::{CallId, Now};

use super::agent::{Agent, State};
use super::caller::{Caller, Stage};
use super::numbers::{AgentNo, CallerKey, MS, QueueNo};
use super::queue::{Member, Queue};
use super::skills;
use super::{Acd, wall_at};

/// Callers explained at once.
const CALLERS: usize = 20;

/// One caller as it looks at agents.
struct Glance<'a> {
    now: Now,
    queue: &'a Queue,
    /// Without one, somebody who would join now.
    caller: Option<&'a Caller>,
    waited: u64,
    ringing: usize,
    /// The lowest level with somebody who rings or could ring, where the rules of tiers do not apply.
    lowest: Option<u16>,
}

impl Acd {
    /// Why each agent of a queue is or is not being offered: for one caller, or for at most `limit` (20) of the first.
    /// Where nobody waits, for one who would join now. `None` without such a queue, or without that caller in it.
    pub fn explain(
        &self,
        now: Now,
        key: &QueueKey,
        call: Option<CallId>,
        limit: usize,
    ) -> Option<Explanation> {
        let no = *self.queue_nos.get(key)?;
        let queue = self.queues.get(no)?;
        let line = self.in_order(now, queue);
        let mut rows = (1..).zip(line).collect::<Vec<(usize, &Caller)>>();
        match call {
            Some(call) => {
                rows.retain(|(_, caller)| caller.call == call);
                rows.first()?;
            }
            None => rows.truncate(limit.min(CALLERS)),
        }
        let row =
            |(position, caller): (usize, &Caller)| self.verdict(now, queue, position, Some(caller));
        let mut callers: Vec<CallerVerdict> = rows.into_iter().map(row).collect();
        if callers.is_empty() && queue.line.all.is_empty() {
            callers.push(self.verdict(now, queue, 1, None));
        }
        Some(Explanation { queue: key.clone(), as_of: now.wall, callers })
    }

    fn verdict(
        &self,
        now: Now,
        queue: &Queue,
        position: usize,
        caller: Option<&Caller>,
    ) -> CallerVerdict {
        let waited = caller.map_or(0, |caller| caller.waited(now.mono));
        let ringing = caller.map_or(0, |caller| caller.offers().len());
        let mut glance = Glance { now, queue, caller, waited, ringing, lowest: None };
        if !queue.config.choice.tier_rules_apply {
            glance.lowest = self.lowest_useful(&glance);
        }
        let verdict = |member: &Member| {
            let agent = self.agents.get(member.agent)?;
            Some(AgentVerdict {
                agent: agent.config.key.clone(),
                level: member.level,
                position: member.position,
                condition: self.condition(&glance, member, agent),
            })
        };
        CallerVerdict {
            call: caller.map(|caller| caller.call),
            position,
            waited_ms: waited / MS,
            agents: queue.crew.iter().filter_map(verdict).collect(),
        }
    }

    /// The first thing that stands between a caller and an agent, in the order of [`Condition`].
    fn condition(&self, glance: &Glance<'_>, member: &Member, agent: &Agent) -> Condition {
        if let State::Offered { offer } = agent.state
            && let Some(ring) = self.offers.get(&offer)
            && Some(ring.call) == glance.caller.map(|caller| caller.call)
        {
            return Condition::Ringing { offer };
        }
        self.unwilling(agent)
            .or_else(|| self.occupied(glance, agent))
            .or_else(|| unsuitable(glance, member, agent))
            .or_else(|| self.unwanted(glance, member))
            .unwrap_or(Condition::Ready)
    }

    /// It does not want to, or cannot be reached.
    fn unwilling(&self, agent: &Agent) -> Option<Condition> {
        match &agent.want.intent {
            Intent::LoggedOut => Some(Condition::LoggedOut),
            Intent::OnBreak { reason, .. } => Some(Condition::OnBreak { reason: reason.clone() }),
            Intent::Available if !agent.phone.reachable => Some(Condition::NotReachable),
            Intent::Available => None,
        }
    }

    /// It does something else.
    fn occupied(&self, glance: &Glance<'_>, agent: &Agent) -> Option<Condition> {
        let key = |no: QueueNo| self.queues.get(no).map(|queue| queue.config.key.clone());
        match agent.state {
            State::Offered { offer } => {
                let ring = self.offers.get(&offer)?;
                Some(Condition::OfferedElsewhere { queue: key(ring.queue)?, call: ring.call })
            }
            State::Talking { queue, call, .. } => {
                Some(Condition::Talking { queue: key(queue)?, call })
            }
            _ if agent.phone.other_calls > 0 && glance.queue.config.choice.skip_busy_agents => {
                Some(Condition::OnOtherCall)
            }
            State::WrappingUp { until, .. } => {
                Some(Condition::WrappingUp { until: wall_at(glance.now, until) })
            }
            State::CoolingDown { until } => {
                Some(Condition::CoolingDown { until: wall_at(glance.now, until) })
            }
            State::Idle => None,
        }
    }

    /// The caller wants no more, or somebody else has the first claim.
    fn unwanted(&self, glance: &Glance<'_>, member: &Member) -> Option<Condition> {
        let caller = glance.caller?;
        if matches!(caller.stage, Stage::Waiting { leaving: true, .. }) {
            return Some(Condition::CallerLeaving);
        }
        if !caller.is_open(glance.now.mono, glance.queue) {
            return Some(Condition::EnoughRing { ringing: glance.ringing });
        }
        let (queue, first) = self.first_claim(glance.now, member.agent)?;
        (first.call != caller.call)
            .then(|| Condition::CallerAhead { queue: queue.config.key.clone(), call: first.call })
    }

    /// Who has the first claim to an agent.
    fn first_claim(&self, now: Now, agent: AgentNo) -> Option<(&Queue, CallerKey)> {
        let served = &self.agents.get(agent)?.served;
        let claims = served.iter().filter_map(|served| {
            let key = self.first_caller(now, agent, served.queue, served.level)?;
            Some((std::cmp::Reverse(served.weight), key, self.queues.get(served.queue)?))
        });
        let first = claims.min_by_key(|(weight, key, _)| (*weight, *key));
        first.map(|(_, key, queue)| (queue, key))
    }

    /// The lowest level that has somebody who rings for this caller, or could.
    fn lowest_useful(&self, glance: &Glance<'_>) -> Option<u16> {
        let useful = |member: &&Member| {
            let Some(agent) = self.agents.get(member.agent) else { return false };
            let rings = glance.queue.strategy() == Strategy::RingAll
                && matches!(agent.state, State::Offered { offer }
                if glance.caller.is_some_and(|caller| caller.offers().contains(&offer)));
            let lacks = skills::lacks(glance.needs(), &agent.config.skills, glance.waited);
            rings || (glance.queue.ready.contains(&member.agent) && lacks.is_none())
        };
        glance.queue.crew.iter().find(useful).map(|member| member.level)
    }
}

impl Glance<'_> {
    fn needs(&self) -> &[crate::vocab::acd::SkillNeed] {
        let class = self.caller.map_or(0, |caller| caller.class);
        self.queue.classes.get(class).map_or(&[], |class| &class.needs)
    }
}

/// It lacks a skill, or its level is closed.
fn unsuitable(glance: &Glance<'_>, member: &Member, agent: &Agent) -> Option<Condition> {
    if let Some((skill, needed, has)) =
        skills::lacks(glance.needs(), &agent.config.skills, glance.waited)
    {
        return Some(Condition::LacksSkill { skill, needed, has });
    }
    let level = member.level;
    let choice = &glance.queue.config.choice;
    if !choice.tier_rules_apply {
        let closed = glance.lowest.is_some_and(|lowest| level > lowest);
        return closed.then_some(Condition::LevelClosed { level, opens_at: None });
    }
    let wait = glance.queue.level_wait(level);
    let joined = glance.caller.map_or(glance.now.mono, |caller| caller.joined);
    let opens_at = Some(wall_at(glance.now, joined.saturating_add(wait)));
    (wait > glance.waited).then_some(Condition::LevelClosed { level, opens_at })
}

#[cfg(test)]
mod tests {
    use crate::vocab::acd::{OfferEnd, SkillNeed};

    use super::super::testing::{Bench, NOON, agent_key, bench, on_break, queue_key};
    use super::*;

    const FOUR: [(&str, u16, u16); 4] = [("a", 1, 1), ("b", 1, 2), ("c", 1, 3), ("d", 2, 1)];

    /// Conditions of all agents for one caller.
    fn why(bench: &Bench, call: Option<u128>) -> Vec<Condition> {
        let key = queue_key("9001");
        let said = bench.acd.explain(bench.now, &key, call.map(CallId), 20).expect("a queue");
        said.callers[0].agents.iter().map(|verdict| verdict.condition.clone()).collect()
    }

    #[test]
    fn each_agent_has_its_true_reason() {
        let mut bench = bench(&FOUR, |queue| queue.choice.tier_rule_wait_second = 10);
        bench.intent("a", Intent::LoggedOut);
        bench.intent("b", on_break());
        bench.acd.set_reachable(bench.now, &agent_key("c"), false);
        bench.join(1, "9001");
        let opens_at = Some(NOON + 20_000);
        let expected = [
            Condition::LoggedOut,
            Condition::OnBreak { reason: "lunch".into() },
            Condition::NotReachable,
            Condition::LevelClosed { level: 2, opens_at },
        ];
        assert_eq!(why(&bench, Some(1)), expected);
        bench.pass(20);
        assert!(matches!(why(&bench, Some(1))[3], Condition::Ringing { .. }));
        bench.join(2, "9001");
        let queue = queue_key("9001");
        let elsewhere = Condition::OfferedElsewhere { queue: queue.clone(), call: CallId(1) };
        assert_eq!(why(&bench, Some(2))[3], elsewhere);
        bench.talk("d");
        assert_eq!(why(&bench, Some(2))[3], Condition::Talking { queue, call: CallId(1) });
        bench.finished(1);
        bench.pass(1);
        assert!(matches!(why(&bench, Some(2))[3], Condition::LevelClosed { .. }));
    }

    #[test]
    fn pauses_calls_and_skills_are_told() {
        let mut bench = bench(&FOUR, |queue| queue.times.busy_delay_time = Some(30));
        for agent in ["b", "c", "d"] {
            bench.intent(agent, Intent::LoggedOut);
        }
        let need = SkillNeed { name: "latin".into(), level: 5, relax_secs: 0, relax_by: 0 };
        assert_eq!(bench.join_with(1, "9001", |join| join.skills.push(need)), Ok(()));
        let lacks = Condition::LacksSkill { skill: "latin".into(), needed: 5, has: 0 };
        assert_eq!(why(&bench, Some(1))[0], lacks);
        bench.join(2, "9001");
        let offer = bench.held("a");
        bench.failed(offer, OfferEnd::Busy);
        assert_eq!(why(&bench, Some(2))[0], Condition::CoolingDown { until: NOON + 30_000 });
        bench.acd.set_other_calls(bench.now, &agent_key("a"), 1, false);
        assert_eq!(why(&bench, Some(2))[0], Condition::OnOtherCall);
    }

    #[test]
    fn a_full_ring_and_a_leaving_caller_are_told() {
        let mut bench = bench(&FOUR[..3], |queue| {
            queue.choice.strategy = Strategy::RingAll;
            queue.choice.ring_all_max = 2;
            queue.limits.max_wait_time = 10;
        });
        bench.join(1, "9001");
        assert_eq!(why(&bench, Some(1))[2], Condition::EnoughRing { ringing: 2 });
        bench.pass(11);
        assert_eq!(why(&bench, Some(1))[2], Condition::CallerLeaving);
    }

    #[test]
    fn without_rules_a_level_is_closed_while_a_lower_one_is_of_use() {
        let mut bench = bench(&FOUR, |queue| {
            queue.choice.strategy = Strategy::RingAll;
            queue.choice.tier_rules_apply = false;
        });
        bench.join(1, "9001");
        let closed = Condition::LevelClosed { level: 2, opens_at: None };
        assert_eq!(why(&bench, Some(1))[3], closed);
    }

    #[test]
    fn an_empty_queue_explains_itself_to_one_who_would_join_now() {
        let mut bench = bench(&FOUR, |queue| queue.choice.tier_rule_wait_second = 10);
        let key = queue_key("9001");
        let said = bench.acd.explain(bench.now, &key, None, 5).expect("a queue");
        assert_eq!(said.callers[0].call, None);
        assert_eq!(why(&bench, None)[0], Condition::Ready);
        assert!(bench.acd.explain(bench.now, &key, Some(CallId(9)), 5).is_none());
        assert!(bench.acd.explain(bench.now, &queue_key("1"), None, 5).is_none());
        for call in 1..30 {
            bench.join(call, "9001");
        }
        let said = bench.acd.explain(bench.now, &key, None, 99).expect("a queue");
        assert_eq!(said.callers.len(), CALLERS);
        assert_eq!(said.callers[19].position, 20);
    }
}
