//! The call distributor: which caller is offered to which agent, and when.
//!
//! A deterministic state machine like the rest of the core. The switch tells what happened (a caller joined, a phone
//! answered, an agent went on break), then polls what is to be done ([`Act`]) and asks when to come back with
//! [`Acd::tick`]. Nothing here knows SIP or media.
//!
//! After every step one thing holds: there is no caller who wants an agent beside a free agent who may take it. Each event
//! can break that only for one caller or one agent, so that settling it looks at the queues of that one only
//! (`choose.rs`). All deadlines of offers are kept here: when a phone never reports anything, the offer still ends.

mod act;
mod agent;
mod agents;
mod announce;
mod answer;
mod audit;
mod book;
mod callback;
mod caller;
mod choose;
mod configure;
mod count;
mod explain;
mod handling;
mod line;
mod numbers;
mod offer;
mod ordered;
mod orders;
mod overflow;
mod pickup;
mod places;
mod queue;
mod refresh;
mod restore;
mod same;
mod skills;
mod slab;
mod staff;
mod timers;
mod view;

#[cfg(test)]
mod chaos;
#[cfg(test)]
mod testing;

pub use act::{Act, Leaving, NoSuchAgent, Offer, OrderError, Saying};
pub use view::Gauges;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::vocab::acd::{AgentConfig, AgentKey, OfferId, QueueConfig, QueueKey, TenantAcd};
use crate::vocab::{CallId, EventKind, Now, TenantId};

use agent::Agent;
use caller::Caller;
use numbers::{AgentNo, QueueNo};
use offer::Ring;
use places::Places;
use queue::Queue;
use slab::Slab;
use timers::Timer;

/// Somebody for whom a partner may be found now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// The agent may have become free.
    Agent(AgentNo),
    /// The caller may want an agent, or another level may be open for it.
    Caller(CallId),
    /// Another level of the queue may be open.
    Queue(QueueNo),
}

/// All queues, agents and callers.
#[derive(Debug)]
pub struct Acd {
    queues: Slab<Queue>,
    agents: Slab<Agent>,
    callers: BTreeMap<CallId, Caller>,
    offers: BTreeMap<OfferId, Ring>,
    queue_nos: BTreeMap<QueueKey, QueueNo>,
    agent_nos: BTreeMap<AgentKey, AgentNo>,
    places: Places,
    tenants: BTreeMap<TenantId, TenantAcd>,
    deadlines: BTreeSet<(u64, Timer)>,
    work: VecDeque<Work>,
    acts: VecDeque<Act>,
    /// Callers to whom something may be said in this step.
    heralds: Vec<CallId>,
    /// Queues whose free agents or waiting callers are others than when somebody asked last.
    moved: BTreeSet<QueueNo>,
    rng: ChaCha8Rng,
    last_offer: u64,
}

impl Acd {
    /// Without queues and agents; the seed feeds the strategy `random`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            queues: Slab::default(),
            agents: Slab::default(),
            callers: BTreeMap::new(),
            offers: BTreeMap::new(),
            queue_nos: BTreeMap::new(),
            agent_nos: BTreeMap::new(),
            places: Places::default(),
            tenants: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            work: VecDeque::new(),
            acts: VecDeque::new(),
            heralds: Vec::new(),
            moved: BTreeSet::new(),
            rng: ChaCha8Rng::from_seed(seed),
            last_offer: 0,
        }
    }

    /// What is to be done next, in order. To be called after each step until there is nothing.
    pub fn poll(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// When [`Acd::tick`] wants to be called, at the latest; monotonic.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// A queue's definition.
    pub fn queue_config(&self, key: &QueueKey) -> Option<&QueueConfig> {
        let queue = self.queues.get(*self.queue_nos.get(key)?)?;
        Some(&queue.config)
    }

    /// All queues' definitions, by tenant and number.
    pub fn queue_configs(&self) -> impl Iterator<Item = &QueueConfig> {
        let known = self.queue_nos.values().filter_map(|no| self.queues.get(*no));
        known.filter(|queue| queue.defined).map(|queue| &queue.config)
    }

    /// An agent's definition.
    pub fn agent_config(&self, key: &AgentKey) -> Option<&AgentConfig> {
        let agent = self.agents.get(*self.agent_nos.get(key)?)?;
        Some(&agent.config)
    }

    /// Tells the queues in which agents have become free or busy, or callers have come or gone, since the last time.
    pub fn take_moved(&mut self, mut told: impl FnMut(&QueueKey)) {
        while let Some(no) = self.moved.pop_first() {
            if let Some(queue) = self.queues.get(no) {
                told(&queue.config.key);
            }
        }
    }

    fn publish(&mut self, tenant: &TenantId, kind: EventKind) {
        self.acts.push_back(Act::Publish { tenant: tenant.clone(), kind: Box::new(kind) });
    }
}

/// A monotonic time as milliseconds since the Unix epoch, for people.
fn wall_at(now: Now, mono: u64) -> u64 {
    if mono >= now.mono {
        now.wall.saturating_add((mono - now.mono) / numbers::MS)
    } else {
        now.wall.saturating_sub((now.mono - mono) / numbers::MS)
    }
}
