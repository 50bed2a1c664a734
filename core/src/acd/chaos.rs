//! Anything happens in any order: no rule is ever broken, everybody goes in the end, and the same again gives the same.

use std::hash::Hasher;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::vocab::CallId;
use crate::vocab::acd::{AgentConfig, Intent, OfferEnd, OfferId, QueueConfig, SkillNeed, Strategy};

use super::testing::{Bench, agent_config, agent_key, on_break, queue_config};
use super::{Act, Leaving};

/// FNV-1a, the same on every machine.
struct Sum(u64);

impl Hasher for Sum {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

const QUEUES: [&str; 3] = ["9001", "9002", "9003"];
const AGENTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const STEPS: usize = 400;

struct Chaos {
    rng: ChaCha8Rng,
    bench: Bench,
    offers: Vec<OfferId>,
    calls: Vec<u128>,
    back: Vec<u128>,
    next: u128,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let bench = Bench::new(queues(&mut rng), agents(&mut rng));
        Self { rng, bench, offers: Vec::new(), calls: Vec::new(), back: Vec::new(), next: 0 }
    }

    fn below(&mut self, end: usize) -> usize {
        below(&mut self.rng, end)
    }

    fn any<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let at = self.below(of.len().max(1));
        of.get(at).copied()
    }

    /// What was ordered becomes something to report on later.
    fn look(&mut self) {
        for act in self.bench.acts() {
            match act {
                Act::Offer(offer) => self.offers.push(offer.offer),
                Act::CallBack { call, .. } => self.back.push(call.0),
                _ => {}
            }
        }
        let surplus = self.offers.len().saturating_sub(12);
        self.offers.drain(..surplus);
        let surplus = self.calls.len().saturating_sub(20);
        self.calls.drain(..surplus);
    }

    fn step(&mut self) {
        match self.below(16) {
            0..=3 => self.come(),
            4 => self.go(),
            5..=8 => self.report(),
            9 => {
                let call = self.any(&self.calls.clone()).unwrap_or(0);
                self.bench.finished(call);
            }
            10 => self.agent_wants(),
            11 => self.agent_does(),
            12 => self.call_back(),
            13 => self.redefine(),
            _ => {
                let ms = [1, 300, 1_000, 7_000, 21_000, 70_000][self.below(6)];
                self.bench.pass_ms(ms);
            }
        }
        self.look();
    }

    fn come(&mut self) {
        let queue = self.any(&QUEUES).unwrap_or("9001");
        self.next += 1;
        let (call, priority) = (self.next, self.below(3));
        let skilled = self.below(4) == 0;
        let _ = self.bench.join_with(call, queue, |join| {
            join.number = format!("{}", call % 5);
            join.priority = u32::try_from(priority).unwrap_or(0);
            if skilled {
                let name = "latin".to_owned();
                join.skills.push(SkillNeed { name, level: 60, relax_secs: 9, relax_by: 25 });
            }
        });
        self.calls.push(call);
    }

    fn go(&mut self) {
        let call = self.any(&self.calls.clone()).unwrap_or(0);
        let why = [Leaving::HungUp, Leaving::ExitKey, Leaving::Removed, Leaving::Callback];
        let why = self.any(&why).unwrap_or(Leaving::HungUp);
        self.bench.leave(call, why);
    }

    fn report(&mut self) {
        let Some(offer) = self.any(&self.offers.clone()) else { return };
        let ends = [OfferEnd::Busy, OfferEnd::Rejected, OfferEnd::NoAnswer, OfferEnd::Unreachable];
        match self.below(4) {
            0 => {
                let end = self.any(&ends).unwrap_or(OfferEnd::Busy);
                self.bench.failed(offer, end);
            }
            1 => {
                self.bench.bridged(offer);
            }
            _ => {
                self.bench.answered(offer);
            }
        }
    }

    fn agent_wants(&mut self) {
        let agent = self.any(&AGENTS).unwrap_or("a");
        let wants = [Intent::Available, Intent::Available, Intent::LoggedOut, on_break()];
        let at = self.below(wants.len());
        if self.bench.acd.agent(self.bench.now, &agent_key(agent)).is_some() {
            self.bench.intent(agent, wants[at].clone());
        }
    }

    fn agent_does(&mut self) {
        let agent = agent_key(self.any(&AGENTS).unwrap_or("a"));
        let call = CallId(self.any(&self.calls.clone()).unwrap_or(0));
        let now = self.bench.now;
        let acd = &mut self.bench.acd;
        match below(&mut self.rng, 6) {
            0 => acd.set_reachable(now, &agent, false),
            1 | 2 => acd.set_reachable(now, &agent, true),
            3 => acd.set_other_calls(now, &agent, below(&mut self.rng, 2), true),
            4 => drop(acd.disposition(now, &agent, call)),
            _ => drop(acd.end_wrap_up(now, &agent)),
        }
        self.bench.check();
    }

    fn call_back(&mut self) {
        let Some(call) = self.back.pop() else { return };
        if self.below(3) == 0 {
            self.bench.acd.callback_failed(self.bench.now, CallId(call));
        } else {
            self.next += 1;
            let as_call = self.next;
            self.bench.acd.callback_ready(self.bench.now, CallId(call), CallId(as_call));
            self.calls.push(as_call);
        }
        self.bench.check();
    }

    fn redefine(&mut self) {
        if self.below(4) == 0 {
            let (queues, agents) = (queues(&mut self.rng), agents(&mut self.rng));
            self.bench.configure(queues, agents);
        }
    }

    fn digest(&self) -> u64 {
        let mut hasher = Sum(0xcbf2_9ce4_8422_2325);
        self.bench.acd.digest(&mut hasher);
        hasher.finish()
    }

    /// Everybody hangs up; whoever is to be called back is reached by nobody.
    fn drain(&mut self) {
        for call in 0..=self.next {
            self.bench.leave(call, Leaving::HungUp);
        }
        self.bench.pass(90_000);
        assert!(self.bench.acd.callers.is_empty() && self.bench.acd.offers.is_empty());
        for agent in AGENTS {
            if let Some(view) = self.bench.acd.agent(self.bench.now, &agent_key(agent)) {
                let at_rest = matches!(
                    view.activity,
                    crate::vocab::acd::Activity::Idle | crate::vocab::acd::Activity::OnOtherCall
                );
                assert!(at_rest, "{agent} is stuck: {:?}", view.activity);
            }
        }
    }
}

fn below(rng: &mut ChaCha8Rng, end: usize) -> usize {
    usize::try_from(rng.next_u64() % end as u64).unwrap_or(0)
}

fn queues(rng: &mut ChaCha8Rng) -> Vec<QueueConfig> {
    let mut queues = Vec::new();
    for number in QUEUES {
        if below(rng, 8) == 0 {
            continue;
        }
        let mut queue = queue_config(number);
        let small = |rng: &mut ChaCha8Rng, end: usize| u32::try_from(below(rng, end)).unwrap_or(0);
        queue.choice.strategy = Strategy::ALL[below(rng, 10)];
        queue.choice.weight = small(rng, 2);
        queue.choice.aging_secs = small(rng, 2) * 10;
        queue.choice.ring_all_max = 1 + u16::try_from(below(rng, 3)).unwrap_or(0);
        queue.choice.progressive_delay = 1 + small(rng, 8);
        queue.choice.tier_rules_apply = below(rng, 2) == 0;
        queue.choice.tier_rule_wait_second = small(rng, 12);
        queue.choice.tier_rule_wait_multiply_level = below(rng, 2) == 0;
        queue.choice.skip_busy_agents = below(rng, 2) == 0;
        queue.choice.try_same_agent_time = small(rng, 2) * 100;
        queue.limits.max_length = 6;
        queue.limits.max_wait_time = small(rng, 3) * 40;
        queue.limits.max_wait_time_with_no_agent = small(rng, 3) * 15;
        queue.limits.exit_with_no_av_agents = below(rng, 2) == 0;
        queue.voice.disable_answer = below(rng, 4) == 0;
        queue.voice.position_announce_frequency = small(rng, 2) * 13;
        queue.service.disposition_required = below(rng, 3) == 0;
        queue.times.wrap_up_time = Some(small(rng, 20));
        queue.times.no_answer_delay_time = Some(small(rng, 5));
        queues.push(queue);
    }
    queues
}

fn agents(rng: &mut ChaCha8Rng) -> Vec<AgentConfig> {
    let mut agents = Vec::new();
    for (position, id) in (1..).zip(AGENTS) {
        if below(rng, 8) == 0 {
            continue;
        }
        let mut tiers = Vec::new();
        for queue in QUEUES {
            if below(rng, 3) > 0 {
                tiers.push((queue, 1 + u16::try_from(below(rng, 3)).unwrap_or(0), position));
            }
        }
        let mut agent = agent_config(id, &tiers);
        agent.skills.insert("latin".into(), u8::try_from(below(rng, 90)).unwrap_or(0));
        agent.wrap_up_after_outbound = below(rng, 2) == 0;
        agents.push(agent);
    }
    agents
}

#[test]
fn no_rule_is_ever_broken_and_everybody_goes() {
    for seed in 0..60 {
        let mut chaos = Chaos::new(seed);
        for _ in 0..STEPS {
            chaos.step();
        }
        chaos.drain();
    }
}

#[test]
fn the_same_inputs_give_the_same_state() {
    let run = || {
        let mut chaos = Chaos::new(99);
        let mut digests = Vec::new();
        for _ in 0..STEPS {
            chaos.step();
            digests.push(chaos.digest());
        }
        digests
    };
    assert_eq!(run(), run());
}
