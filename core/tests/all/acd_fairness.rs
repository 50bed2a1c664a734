//! Work is shared out evenly among equal agents, and callers leave in the order in which they came.

use strowger_core::vocab::acd::*;

use crate::acd_scene::*;

/// Numbers from 0 to below 1, the same in every run (a linear congruential generator; the upper half counts).
struct Chance(u64);

impl Chance {
    fn uniform(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1_u64 << 31) as f64
    }

    /// Exponential: the time to the next of Poisson's arrivals.
    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.uniform()).ln()
    }
}

const AGENTS: usize = 10;

struct Day {
    scene: Scene,
    chance: Chance,
    /// Conversations and when they end.
    talks: Vec<(f64, u128)>,
    served: [u32; AGENTS],
    answered: Vec<u128>,
}

impl Day {
    fn new(strategy: Strategy, seed: u64) -> Self {
        let mut queue = queue(QUEUE);
        queue.choice.strategy = strategy;
        queue.limits.max_length = 512;
        let agents = (0..AGENTS).map(|n| agent(&format!("1{n:02}"), n as u16 + 1)).collect();
        let scene = Scene::of(queue, agents);
        let (talks, answered) = (Vec::new(), Vec::new());
        Self { scene, chance: Chance(seed), talks, served: [0; AGENTS], answered }
    }

    /// Agents answer after a second, talk for a minute or so, and are free again.
    fn run(mut self, calls: u128, mean_between: f64) -> Self {
        let mut next = 0.0;
        let mut call = 0;
        while call < calls {
            let first = self.talks.iter().map(|(ends, _)| *ends).fold(f64::INFINITY, f64::min);
            let at = first.min(next);
            self.scene.wait((at - self.scene.secs()).max(0.0));
            if first <= next {
                let over = self.talks.iter().position(|(ends, _)| *ends == first).unwrap();
                self.scene.finish(self.talks.remove(over).1);
            } else {
                call += 1;
                self.scene.join(call);
                next += self.chance.exponential(mean_between);
            }
            self.answer();
        }
        self
    }

    fn answer(&mut self) {
        while let Some(offer) = self.scene.offers.first() {
            let id = offer.agent.id.clone();
            let call = self.scene.answer(&id);
            self.served[id[1..].parse::<usize>().unwrap()] += 1;
            self.answered.push(call);
            let ends = self.scene.secs() + self.chance.exponential(60.0);
            self.talks.push((ends, call));
        }
    }

    /// Pearson's statistic against equal shares.
    fn chi_square(&self) -> f64 {
        let mean = f64::from(self.served.iter().sum::<u32>()) / AGENTS as f64;
        self.served.iter().map(|n| (f64::from(*n) - mean).powi(2) / mean).sum()
    }
}

/// Of nine degrees of freedom, exceeded by chance once in a thousand.
const BOUND: f64 = 27.88;

#[test]
fn longest_idle_and_round_robin_share_calls_evenly() {
    for strategy in [Strategy::LongestIdleAgent, Strategy::RoundRobin] {
        // Half of the agents are busy on average, and nearly all of them.
        for mean_between in [12.0, 6.5] {
            let day = Day::new(strategy, 11).run(3000, mean_between);
            assert!(day.chi_square() < BOUND, "{strategy:?} {mean_between} {:?}", day.served);
        }
    }
}

#[test]
fn top_down_is_not_even_so_the_bound_tells_them_apart() {
    let day = Day::new(Strategy::TopDown, 11).run(3000, 12.0);
    assert!(day.chi_square() > 10.0 * BOUND, "{:?}", day.served);
}

#[test]
fn callers_of_equal_priority_leave_in_order() {
    for strategy in [Strategy::LongestIdleAgent, Strategy::RoundRobin, Strategy::Random] {
        // More come than can be served: there is always a line.
        let day = Day::new(strategy, 5).run(500, 5.0);
        assert!(day.answered.len() > 300);
        assert!(day.answered.is_sorted(), "{strategy:?} {:?}", day.answered);
    }
}
