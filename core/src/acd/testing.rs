//! What the tests of this module share.

use std::collections::BTreeMap;

use crate::vocab::acd::{
    AcdConfig, Activity, AgentConfig, AgentFigures, AgentKey, AgentPlace, AgentView, FigureSubject,
    Intent, IntentSource, Join, OfferEnd, OfferId, OverflowReason, QueueConfig, QueueFigures,
    QueueKey, QueueView, Tier,
};
use crate::vocab::{CallId, Now};

use super::numbers::{MS, SECOND};
use super::{Acd, Act, Leaving};

pub(super) fn queue_key(number: &str) -> QueueKey {
    QueueKey { tenant: "demo".to_owned(), number: number.to_owned() }
}

pub(super) fn agent_key(id: &str) -> AgentKey {
    AgentKey { tenant: "demo".to_owned(), id: id.to_owned() }
}

pub(super) fn queue_config(number: &str) -> QueueConfig {
    QueueConfig { name: number.to_owned(), ..QueueConfig::new(queue_key(number)) }
}

/// An agent who is available at the extension `4` and its id; tiers are queue, level and position.
pub(super) fn agent_config(id: &str, tiers: &[(&str, u16, u16)]) -> AgentConfig {
    let tier = |(queue, level, position): &(&str, u16, u16)| Tier {
        queue: queue_key(queue),
        level: *level,
        position: *position,
    };
    AgentConfig {
        name: id.to_owned(),
        places: vec![AgentPlace::Extension(format!("4{id}"))],
        status: Intent::Available,
        tiers: tiers.iter().map(tier).collect(),
        ..AgentConfig::new(agent_key(id))
    }
}

/// A distributor with a clock. The audit runs after every step.
pub(super) struct Bench {
    pub acd: Acd,
    pub now: Now,
    /// Acts that no test has looked at.
    acts: Vec<Act>,
    /// What dialling was told of the queues.
    floors: BTreeMap<QueueKey, (u32, u32, u32, u64)>,
}

/// A tenant's noon, in milliseconds since the Unix epoch.
pub(super) const NOON: u64 = 20_000 * 86_400_000 + 43_200_000;

impl Bench {
    /// Agents are reachable.
    pub fn new(queues: Vec<QueueConfig>, agents: Vec<AgentConfig>) -> Self {
        let now = Now { mono: SECOND, wall: NOON };
        let mut bench =
            Self { acd: Acd::new([7; 32]), now, acts: Vec::new(), floors: BTreeMap::new() };
        bench.configure(queues, agents);
        bench
    }

    pub fn configure(&mut self, queues: Vec<QueueConfig>, agents: Vec<AgentConfig>) {
        let keys: Vec<_> = agents.iter().map(|agent| agent.key.clone()).collect();
        let config = AcdConfig { queues, agents, tenants: BTreeMap::new() };
        self.acd.configure(self.now, config);
        for key in keys {
            self.acd.set_reachable(self.now, &key, true);
        }
        self.check();
    }

    /// After each step: takes what is to be done, and looks for broken rules.
    pub fn check(&mut self) {
        while let Some(at) = self.acd.next_deadline().filter(|at| *at <= self.now.mono) {
            self.acd.tick(self.now);
            assert_ne!(self.acd.next_deadline(), Some(at), "a deadline makes no progress");
        }
        while let Some(act) = self.acd.poll() {
            self.acts.push(act);
        }
        let mut wrong = Vec::new();
        self.acd.audit(self.now, &mut wrong);
        assert_eq!(wrong, Vec::<String>::new());
        self.check_floors();
    }

    /// Whoever dials for a queue is told when its agents or callers have changed.
    fn check_floors(&mut self) {
        let mut moved = Vec::new();
        self.acd.take_moved(|queue| moved.push(queue.clone()));
        for queue in self.acd.queue_configs().map(|config| config.key.clone()).collect::<Vec<_>>() {
            let Some(floor) = self.acd.floor(&queue) else { continue };
            let before = self.floors.insert(queue.clone(), floor);
            assert!(before == Some(floor) || moved.contains(&queue), "{before:?} is {floor:?}");
        }
    }

    /// So many milliseconds pass; every deadline fires in its moment.
    pub fn pass_ms(&mut self, ms: u64) {
        let end = self.now.mono + ms * MS;
        while let Some(at) = self.acd.next_deadline().filter(|at| *at <= end) {
            self.step_to(at);
        }
        self.step_to(end);
    }

    fn step_to(&mut self, mono: u64) {
        let passed = mono.saturating_sub(self.now.mono);
        let wall = NOON + (self.now.mono + passed - SECOND) / MS;
        self.now = Now { mono: self.now.mono + passed, wall };
        self.check();
    }

    pub fn pass(&mut self, seconds: u64) {
        self.pass_ms(seconds * 1_000);
    }

    pub fn try_join(&mut self, call: u128, queue: &str) -> Result<(), OverflowReason> {
        self.join_with(call, queue, |_| ())
    }

    pub fn join_with(
        &mut self,
        call: u128,
        queue: &str,
        change: impl FnOnce(&mut Join),
    ) -> Result<(), OverflowReason> {
        let mut join = Join {
            call: CallId(call),
            queue: queue_key(queue),
            number: format!("555{call}"),
            priority: 0,
            skills: Vec::new(),
        };
        change(&mut join);
        let result = self.acd.join(self.now, join);
        self.check();
        result
    }

    pub fn join(&mut self, call: u128, queue: &str) {
        assert_eq!(self.try_join(call, queue), Ok(()));
    }

    pub fn leave(&mut self, call: u128, why: Leaving) {
        self.acd.leave(self.now, CallId(call), why);
        self.check();
    }

    pub fn answered(&mut self, offer: OfferId) -> bool {
        let won = self.acd.answered(self.now, offer);
        self.check();
        won
    }

    pub fn bridged(&mut self, offer: OfferId) -> bool {
        let bridged = self.acd.bridged(self.now, offer);
        self.check();
        bridged
    }

    pub fn failed(&mut self, offer: OfferId, end: OfferEnd) -> bool {
        let failed = self.acd.failed(self.now, offer, end);
        self.check();
        failed
    }

    pub fn finished(&mut self, call: u128) {
        self.acd.finished(self.now, CallId(call));
        self.check();
    }

    pub fn intent(&mut self, agent: &str, intent: Intent) -> bool {
        let source = IntentSource::Api;
        let changed = self.acd.set_intent(self.now, &agent_key(agent), intent, source);
        self.check();
        changed.expect("the agent is there")
    }

    /// Acts since a test looked last.
    pub fn acts(&mut self) -> Vec<Act> {
        std::mem::take(&mut self.acts)
    }

    /// Offers since a test looked last: agent and call. Other acts are forgotten.
    pub fn offers(&mut self) -> Vec<(String, u128)> {
        let offer = |act| match act {
            Act::Offer(offer) => Some((offer.agent.id, offer.call.0)),
            _ => None,
        };
        self.acts().into_iter().filter_map(offer).collect()
    }

    /// Agents offered since a test looked last, in one word.
    pub fn offered(&mut self) -> String {
        self.offers().into_iter().map(|(agent, _)| agent).collect::<Vec<_>>().join(" ")
    }

    /// The offer that an agent holds.
    pub fn held(&self, agent: &str) -> OfferId {
        match self.activity(agent) {
            Activity::Offered { offer, .. } => offer,
            other => panic!("{agent} is {other:?}"),
        }
    }

    pub fn activity(&self, agent: &str) -> Activity {
        self.view(agent).activity
    }

    pub fn view(&self, agent: &str) -> AgentView {
        self.acd.agent(self.now, &agent_key(agent)).expect("the agent is there")
    }

    pub fn queue(&self, queue: &str) -> QueueView {
        self.acd.queue(self.now, &queue_key(queue)).expect("the queue is there")
    }

    /// The agent answers and is bridged.
    pub fn talk(&mut self, agent: &str) {
        let offer = self.held(agent);
        assert!(self.answered(offer) && self.bridged(offer));
    }

    /// Overflows since a test looked last. Other acts are forgotten.
    pub fn overflows(&mut self) -> Vec<(u128, OverflowReason)> {
        let overflow = |act| match act {
            Act::Overflow { call, reason, .. } => Some((call.0, reason)),
            _ => None,
        };
        self.acts().into_iter().filter_map(overflow).collect()
    }

    /// Cancels since a test looked last, by call. Other acts are forgotten.
    pub fn cancels(&mut self) -> Vec<(u128, OfferEnd)> {
        let cancel = |act| match act {
            Act::Cancel { call, end, .. } => Some((call.0, end)),
            _ => None,
        };
        self.acts().into_iter().filter_map(cancel).collect()
    }

    /// What was counted for a queue since midnight.
    pub fn counted(&self, queue: &str) -> QueueFigures {
        let subject = FigureSubject::Queue(queue_key(queue));
        let counted = self.acd.counted(self.now, &subject).expect("the queue is there");
        counted.spans[0].queue.clone().expect("it is a queue")
    }

    /// What was counted for an agent since midnight.
    pub fn agent_counted(&self, agent: &str) -> AgentFigures {
        let subject = FigureSubject::Agent(agent_key(agent));
        let counted = self.acd.counted(self.now, &subject).expect("the agent is there");
        counted.spans[0].agent.clone().expect("it is an agent")
    }
}

/// A bench with the queue 9001 and these agents in it: id, level, position.
pub(super) fn bench(agents: &[(&str, u16, u16)], change: impl FnOnce(&mut QueueConfig)) -> Bench {
    let mut queue = queue_config("9001");
    change(&mut queue);
    let agent =
        |(id, level, position): &(&str, u16, u16)| agent_config(id, &[("9001", *level, *position)]);
    Bench::new(vec![queue], agents.iter().map(agent).collect())
}

pub(super) fn on_break() -> Intent {
    Intent::OnBreak { reason: "lunch".to_owned(), sub_state: String::new() }
}
