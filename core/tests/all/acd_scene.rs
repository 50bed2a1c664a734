//! A call centre in virtual time: a configuration, agents whose phones do as told, and a log of what the distributor did.

use strowger_core::acd::{Acd, Act, Offer};
use strowger_core::vocab::acd::*;
use strowger_core::vocab::{CallId, Now};

use crate::common::{EPOCH_MS, SECOND};

pub const QUEUE: &str = "9001";

pub fn queue_key(number: &str) -> QueueKey {
    QueueKey { tenant: "demo".to_owned(), number: number.to_owned() }
}

pub fn agent_key(id: &str) -> AgentKey {
    AgentKey { tenant: "demo".to_owned(), id: id.to_owned() }
}

pub fn queue(number: &str) -> QueueConfig {
    QueueConfig { name: "Sales".to_owned(), ..QueueConfig::new(queue_key(number)) }
}

/// An available agent of level 1 of the queue, with its own extension.
pub fn agent(id: &str, position: u16) -> AgentConfig {
    AgentConfig {
        name: format!("Agent {id}"),
        places: vec![AgentPlace::Extension(format!("2{id}"))],
        status: Intent::Available,
        tiers: vec![Tier { queue: queue_key(QUEUE), level: 1, position }],
        skills: [("french".to_owned(), 50)].into(),
        ..AgentConfig::new(agent_key(id))
    }
}

pub fn on_break() -> Intent {
    Intent::OnBreak { reason: "lunch".to_owned(), sub_state: String::new() }
}

pub struct Scene {
    pub acd: Acd,
    pub now: Now,
    pub config: AcdConfig,
    pub offers: Vec<Offer>,
    /// What was done, with the second at which it was.
    pub log: Vec<String>,
}

impl Scene {
    /// All agents can be reached; callers are numbered by whoever joins them.
    pub fn new(config: AcdConfig, seed: u8) -> Self {
        let now = Now { mono: SECOND, wall: EPOCH_MS };
        let mut acd = Acd::new([seed; 32]);
        acd.configure(now, config.clone());
        let (offers, log) = (Vec::new(), Vec::new());
        let mut scene = Self { acd, now, config, offers, log };
        let agents: Vec<AgentKey> = scene.config.agents.iter().map(|a| a.key.clone()).collect();
        for agent in agents {
            scene.acd.set_reachable(now, &agent, true);
        }
        scene.drain();
        scene
    }

    /// One queue and these agents.
    pub fn of(queue: QueueConfig, agents: Vec<AgentConfig>) -> Self {
        Self::new(AcdConfig { queues: vec![queue], agents, tenants: Default::default() }, 7)
    }

    fn drain(&mut self) {
        let mut wrong = Vec::new();
        while let Some(act) = self.acd.poll() {
            self.note(act);
        }
        self.acd.audit(self.now, &mut wrong);
        assert_eq!(wrong, Vec::<String>::new());
    }

    fn note(&mut self, act: Act) {
        let line = match act {
            Act::Offer(offer) => {
                let (agent, call, ring) = (&offer.agent, offer.call.0, offer.ring_ms);
                let (place, confirm) = (&offer.place, offer.confirm);
                let line = format!("offer {agent} {call} {ring} {place:?} {confirm:?}");
                self.offers.push(offer);
                line
            }
            Act::Cancel { offer, call, end } => {
                let at = self.offers.iter().position(|one| one.offer == offer).unwrap();
                format!("cancel {} {} {end:?}", self.offers.remove(at).agent.id, call.0)
            }
            Act::Say { call, what } => format!("say {} {what:?}", call.0),
            Act::Overflow { call, reason, .. } => format!("overflow {} {reason:?}", call.0),
            Act::CallBack { call, agent, attempt, .. } => {
                format!("call back {} for {} attempt {attempt}", call.0, agent.id)
            }
            Act::Publish { .. } | Act::Remember(_) => return,
        };
        self.log.push(format!("{} {line}", self.secs()));
    }

    pub fn secs(&self) -> f64 {
        (self.now.mono - SECOND) as f64 / 1e9
    }

    pub fn wait(&mut self, secs: f64) {
        let target = self.now.mono + (secs * 1e9) as u64;
        loop {
            let next = self.acd.next_deadline().unwrap_or(target).clamp(self.now.mono, target);
            self.now.mono = next;
            self.now.wall = EPOCH_MS + (next - SECOND) / 1_000_000;
            self.acd.tick(self.now);
            self.drain();
            if next == target {
                return;
            }
        }
    }

    pub fn join_as(&mut self, join: Join) {
        let call = join.call.0;
        if let Err(reason) = self.acd.join(self.now, join) {
            self.log.push(format!("{} refused {call} {reason:?}", self.secs()));
        }
        self.drain();
    }

    pub fn join_queue(&mut self, call: u128, number: &str) {
        self.join_as(caller(call, number));
    }

    pub fn join(&mut self, call: u128) {
        self.join_queue(call, QUEUE);
    }

    /// The offer that rings at an agent, which is over now.
    fn take(&mut self, agent: &str) -> Option<Offer> {
        let at = self.offers.iter().position(|offer| offer.agent.id == agent)?;
        Some(self.offers.remove(at))
    }

    /// An agent takes the call that it is offered and is bridged; the call.
    pub fn answer(&mut self, agent: &str) -> u128 {
        let offer =
            self.take(agent).unwrap_or_else(|| panic!("{agent} is not offered: {:#?}", self.log));
        assert!(self.acd.answered(self.now, offer.offer));
        self.drain();
        assert!(self.acd.bridged(self.now, offer.offer));
        self.drain();
        offer.call.0
    }

    pub fn fail(&mut self, agent: &str, end: OfferEnd) {
        let offer =
            self.take(agent).unwrap_or_else(|| panic!("{agent} is not offered: {:#?}", self.log));
        assert!(self.acd.failed(self.now, offer.offer, end));
        self.drain();
    }

    pub fn finish(&mut self, call: u128) {
        self.acd.finished(self.now, CallId(call));
        self.drain();
    }

    pub fn intent(&mut self, agent: &str, intent: Intent) {
        self.acd.set_intent(self.now, &agent_key(agent), intent, IntentSource::Api).unwrap();
        self.drain();
    }

    pub fn reachable(&mut self, agent: &str, reachable: bool) {
        self.acd.set_reachable(self.now, &agent_key(agent), reachable);
        self.drain();
    }

    pub fn other_calls(&mut self, agent: &str, calls: usize, outbound_ended: bool) {
        self.acd.set_other_calls(self.now, &agent_key(agent), calls, outbound_ended);
        self.drain();
    }

    /// Agents that were offered a caller, in order, with the second.
    pub fn offered(&self) -> Vec<String> {
        let offers = self.log.iter().filter(|line| line.contains(" offer "));
        let short = |line: &String| {
            let words: Vec<&str> = line.split(' ').collect();
            format!("{} {}", words[0], words[2].trim_start_matches("demo/"))
        };
        offers.map(short).collect()
    }
}

/// A caller without number, priority or skills.
pub fn caller(call: u128, queue: &str) -> Join {
    let (call, queue, number) = (CallId(call), queue_key(queue), String::new());
    Join { call, queue, number, priority: 0, skills: Vec::new() }
}
