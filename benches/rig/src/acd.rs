//! The call distributor alone: how long one event takes with many callers, agents and queues.

use std::time::Instant;

use strowger_core::acd::{Acd, Act, Leaving};
use strowger_core::vocab::acd::{
    AcdConfig, AgentConfig, AgentKey, AgentPlace, Choice, Intent, Join, Limits, OfferEnd, OfferId,
    QueueConfig, QueueKey, Strategy, Tier, Voice,
};
use strowger_core::vocab::{CallId, Now};

use crate::Result;

const MS: u64 = 1_000_000;
/// An agent takes a call about so often: a second at least lies between two offers.
const CYCLE: u64 = 1_200 * MS;
/// Tiers of one agent.
const SERVES: usize = 5;
/// Of the target: agent or caller events a second on one core at the largest size.
const TARGET: f64 = 50_000.0;

/// How much there is of everything.
#[derive(Clone, Copy)]
struct Size {
    callers: usize,
    agents: usize,
    queues: usize,
}

const SIZES: [Size; 8] = [
    Size { callers: 10, agents: 10, queues: 1 },
    Size { callers: 1_000, agents: 10, queues: 50 },
    Size { callers: 10_000, agents: 10, queues: 50 },
    Size { callers: 10, agents: 1_000, queues: 50 },
    Size { callers: 1_000, agents: 1_000, queues: 50 },
    Size { callers: 10_000, agents: 1_000, queues: 50 },
    Size { callers: 1_000, agents: 5_000, queues: 500 },
    Size { callers: 10_000, agents: 5_000, queues: 500 },
];

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }
}

fn queue_key(n: usize) -> QueueKey {
    QueueKey { tenant: format!("t{}", n / 100), number: format!("9{:03}", n % 100) }
}

fn queue(n: usize, strategy: Option<Strategy>) -> QueueConfig {
    let strategy = strategy.unwrap_or(Strategy::ALL[n % Strategy::ALL.len()]);
    QueueConfig {
        name: format!("Queue {n}"),
        choice: Choice { strategy, aging_secs: 30, weight: n as u32 % 3, ..Choice::default() },
        limits: Limits { max_length: 512, max_wait_time: 3600, ..Limits::default() },
        voice: Voice { position_announce_frequency: 60, ..Voice::default() },
        ..QueueConfig::new(queue_key(n))
    }
}

/// Serves five queues of one tenant (or as many as there are).
fn agent(n: usize, queues: usize) -> AgentConfig {
    let tenant = n % queues.div_ceil(100);
    let own = (queues - tenant * 100).min(100);
    let tiers = (0..SERVES.min(own)).map(|k| Tier {
        queue: queue_key(tenant * 100 + (n / queues.div_ceil(100) + k * 7) % own),
        level: 1,
        position: (n % 50) as u16 + 1,
    });
    let key = AgentKey { tenant: format!("t{tenant}"), id: format!("{n}") };
    AgentConfig {
        name: key.id.clone(),
        places: vec![AgentPlace::Extension(format!("{n}"))],
        status: Intent::Available,
        tiers: tiers.collect(),
        skills: [("french".to_owned(), (n % 100) as u8 + 1)].into(),
        max_no_answer: 0,
        ..AgentConfig::new(key)
    }
}

/// A call centre that works to capacity: all agents talk or ring, and the lines stay as long as they are.
struct Centre {
    acd: Acd,
    size: Size,
    now: Now,
    rng: Rng,
    calls: u128,
    waiting: Vec<CallId>,
    ringing: Vec<(OfferId, CallId)>,
    talking: Vec<CallId>,
    offers: usize,
    /// Nanoseconds of every event, and of those that made an offer.
    events: Vec<u32>,
    decisions: Vec<u32>,
}

impl Centre {
    fn new(size: Size, strategy: Option<Strategy>) -> Self {
        let now = Now { mono: 1, wall: 1_795_219_200_000 };
        let mut acd = Acd::new([7; 32]);
        let queues = (0..size.queues).map(|n| queue(n, strategy)).collect();
        let agents: Vec<_> = (0..size.agents).map(|n| agent(n, size.queues)).collect();
        let keys: Vec<AgentKey> = agents.iter().map(|agent| agent.key.clone()).collect();
        acd.configure(now, AcdConfig { queues, agents, tenants: Default::default() });
        let (rng, events, decisions) = (Rng(1), Vec::new(), Vec::new());
        let (waiting, ringing, talking) = (Vec::new(), Vec::new(), Vec::new());
        let (calls, offers) = (0, 0);
        let mut centre = Self {
            acd,
            size,
            now,
            rng,
            calls,
            waiting,
            ringing,
            talking,
            offers,
            events,
            decisions,
        };
        for key in keys {
            centre.event(|acd, now| acd.set_reachable(now, &key, true));
        }
        centre
    }

    /// One event, with the taking of everything that it brings about.
    fn event<R>(&mut self, event: impl FnOnce(&mut Acd, Now) -> R) -> R {
        let offers = self.offers;
        let start = Instant::now();
        let answer = event(&mut self.acd, self.now);
        let mut acts = Vec::new();
        while let Some(act) = self.acd.poll() {
            acts.push(act);
        }
        let took = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
        for act in acts {
            self.note(act);
        }
        self.events.push(took);
        if self.offers > offers {
            self.decisions.push(took);
        }
        answer
    }

    fn note(&mut self, act: Act) {
        match act {
            Act::Offer(offer) => {
                self.offers += 1;
                self.ringing.push((offer.offer, offer.call));
            }
            Act::Cancel { offer, .. } => self.ringing.retain(|(id, _)| *id != offer),
            Act::Overflow { call, .. } => self.waiting.retain(|one| *one != call),
            _ => {}
        }
    }

    fn join(&mut self) {
        self.calls += 1;
        let (call, queue) = (CallId(self.calls), queue_key(self.rng.below(self.size.queues)));
        let number = format!("0301{:06}", self.rng.below(100_000));
        let priority = self.rng.below(3) as u32;
        let join = Join { call, queue, number, priority, skills: Vec::new() };
        if self.event(|acd, now| acd.join(now, join)).is_ok() {
            self.waiting.push(call);
        }
    }

    /// Time passes from deadline to deadline, as the switch's tick sees it: an event is what falls due at one moment.
    fn pass(&mut self, ns: u64) {
        let end = self.now.mono + ns;
        while let Some(at) = self.acd.next_deadline().filter(|at| *at <= end) {
            self.reach(at.max(self.now.mono));
            self.event(|acd, now| acd.tick(now));
        }
        self.reach(end);
    }

    fn reach(&mut self, mono: u64) {
        self.now = Now { mono, wall: 1_795_219_200_000 + mono / MS };
    }

    /// A phone rings; it is answered, or now and then it is not.
    fn answer(&mut self) {
        if self.ringing.is_empty() {
            return;
        }
        let nth = self.rng.below(self.ringing.len());
        let (offer, call) = self.ringing.swap_remove(nth);
        if self.rng.below(8) == 0 {
            self.event(|acd, now| acd.failed(now, offer, OfferEnd::Rejected));
            return;
        }
        self.event(|acd, now| acd.answered(now, offer));
        self.event(|acd, now| acd.bridged(now, offer));
        self.waiting.retain(|one| *one != call);
        self.talking.push(call);
    }

    fn finish(&mut self) {
        if self.talking.is_empty() {
            return;
        }
        let nth = self.rng.below(self.talking.len());
        let call = self.talking.swap_remove(nth);
        self.event(|acd, now| acd.finished(now, call));
    }

    fn hang_up(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let nth = self.rng.below(self.waiting.len());
        let call = self.waiting.swap_remove(nth);
        self.event(|acd, now| acd.leave(now, call, Leaving::HungUp));
    }

    /// Until the lines are as long as they shall be and everybody has something to do.
    fn fill(&mut self) {
        for _ in 0..20 * (self.size.callers + self.size.agents) {
            if self.waiting.len() >= self.size.callers + self.ringing.len() {
                break;
            }
            self.join();
            self.answer();
            self.pass(CYCLE / self.size.agents as u64);
        }
        self.events.clear();
        self.decisions.clear();
    }

    fn work(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.finish();
            self.answer();
            if self.rng.below(10) == 0 {
                self.hang_up();
            }
            while self.waiting.len() < self.size.callers + self.ringing.len() {
                self.join();
            }
            self.pass(CYCLE / self.size.agents as u64);
        }
    }
}

/// What one size came to.
struct Figures {
    rate: f64,
    median: f64,
    tail: f64,
    decisions: usize,
}

fn percentile(sorted: &[u32], of_thousand: usize) -> f64 {
    let at = (sorted.len() * of_thousand / 1000).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |ns| f64::from(*ns) / 1000.0)
}

fn measure(size: Size, strategy: Option<Strategy>, rounds: usize) -> Figures {
    let mut centre = Centre::new(size, strategy);
    centre.fill();
    centre.work(rounds);
    centre.decisions.sort_unstable();
    let spent: u64 = centre.events.iter().map(|ns| u64::from(*ns)).sum();
    Figures {
        rate: centre.events.len() as f64 * 1e9 / spent.max(1) as f64,
        median: percentile(&centre.decisions, 500),
        tail: percentile(&centre.decisions, 999),
        decisions: centre.decisions.len(),
    }
}

fn line(strategy: &str, size: Size, figures: &Figures) {
    let Size { callers, agents, queues } = size;
    let Figures { rate, median, tail, decisions } = figures;
    println!(
        "| {strategy} | {callers} | {agents} | {queues} | {rate:.0} | {median:.1} | {tail:.1} | {decisions} |"
    );
}

/// All sizes with every strategy mixed, then the largest with each strategy of its own.
pub fn run(quick: bool) -> Result<()> {
    let rounds = if quick { 20_000 } else { 100_000 };
    println!(
        "| strategy | waiting | agents | queues | events/s | median µs | 99.9 % µs | decisions |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut largest = 0.0;
    let mut medians = Vec::new();
    for size in SIZES {
        let figures = measure(size, None, rounds);
        line("all, mixed", size, &figures);
        largest = figures.rate;
        medians.push((size, figures.median));
    }
    for strategy in Strategy::ALL {
        let size = SIZES[SIZES.len() - 1];
        line(strategy.as_str(), size, &measure(size, Some(strategy), rounds / 4));
    }
    println!();
    for agents in [10, 1_000] {
        growth(agents, &medians);
    }
    let verdict = if largest >= TARGET { "✓" } else { "✗" };
    println!("At the largest size {largest:.0} events a second; target {TARGET:.0} {verdict}");
    Ok(())
}

/// How a decision grows with the callers, beside their logarithm.
fn growth(agents: usize, medians: &[(Size, f64)]) {
    let mut own = medians.iter().filter(|(size, _)| size.agents == agents);
    let (Some((fewest, short)), Some((most, long))) = (own.next(), own.next_back()) else { return };
    let (few, many) = (fewest.callers as f64, most.callers as f64);
    let (grown, allowed) = (long / short, many.ln() / few.ln());
    let verdict = if grown <= allowed { "✓" } else { "✗" };
    println!(
        "{agents} agents: from {few} to {many} callers a decision grows {grown:.2}-fold; the logarithm {allowed:.2}-fold {verdict}"
    );
}
