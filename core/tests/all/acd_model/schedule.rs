//! Random schedules: what callers, phones, agents, administrators and time do. A step names whom it concerns by number, and
//! the number is resolved when it runs, so that any part of a schedule is a schedule.

use std::collections::BTreeMap;

use strowger_core::vocab::TenantId;
use strowger_core::vocab::acd::*;

/// SplitMix64: the same schedule for the same seed, everywhere.
#[derive(Debug, Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }
}

/// What happens to an offer that is live, or to one that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    Answered,
    Bridged,
    Failed(OfferEnd),
}

/// A change of the configuration.
#[derive(Debug, Clone)]
pub enum Change {
    Queue(Box<QueueConfig>),
    /// Something about a queue, the rest staying as it is.
    Tune(QueueKey, Box<Tune>),
    NoQueue(QueueKey),
    Agent(Box<AgentConfig>),
    NoAgent(AgentKey),
    Tier(AgentKey, Tier),
    NoTier(AgentKey, QueueKey),
    Tenant(TenantId, TenantAcd),
}

/// What somebody changes while callers wait.
#[derive(Debug, Clone)]
pub enum Tune {
    Strategy(Strategy),
    ProgressiveDelay(u32),
    Limits(Limits),
    Voice(Voice),
}

#[derive(Debug, Clone)]
pub enum Step {
    Join {
        queue: QueueKey,
        number: u8,
        priority: u32,
        skills: Vec<SkillNeed>,
    },
    Leave {
        nth: u8,
        why: Why,
    },
    /// Again, for somebody who has left.
    LeaveAgain {
        nth: u8,
        why: Why,
    },
    Prioritise {
        nth: u8,
        priority: u32,
    },
    Report {
        nth: u8,
        what: Report,
    },
    Late {
        nth: u8,
        what: Report,
    },
    Finish {
        nth: u8,
    },
    FinishAgain {
        nth: u8,
    },
    CallbackReady {
        nth: u8,
    },
    CallbackFailed {
        nth: u8,
    },
    Intent {
        agent: AgentKey,
        intent: Intent,
    },
    EndWrapUp {
        agent: AgentKey,
    },
    ExtendWrapUp {
        agent: AgentKey,
        secs: u32,
    },
    /// About its last conversation, or about another.
    Disposition {
        agent: AgentKey,
        last: bool,
    },
    Place {
        agent: AgentKey,
        place: u8,
    },
    Desk {
        agent: AgentKey,
        extension: Option<String>,
    },
    Reachable {
        agent: AgentKey,
        reachable: bool,
    },
    OtherCalls {
        agent: AgentKey,
        calls: usize,
        outbound_ended: bool,
    },
    Configure(Change),
    Wait {
        ms: u64,
    },
}

/// Why a caller leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    HungUp,
    ExitKey,
    Removed,
    Callback,
}

#[derive(Debug, Clone)]
pub struct Schedule {
    pub seed: u64,
    pub config: AcdConfig,
    /// Who is reachable from the first moment on.
    pub reachable: Vec<AgentKey>,
    /// Milliseconds into the day, UTC, at which it begins.
    pub starts_ms: u64,
    pub steps: Vec<Step>,
}

pub const QUEUES: u64 = 4;
pub const AGENTS: u64 = 6;
const SKILLS: [&str; 2] = ["french", "billing"];

fn tenant(name: &str) -> TenantId {
    name.to_owned()
}

/// The last one belongs to another tenant.
pub fn queue_key(n: u64) -> QueueKey {
    let owner = if n == QUEUES - 1 { "b" } else { "a" };
    QueueKey { tenant: tenant(owner), number: format!("900{n}") }
}

pub fn agent_key(n: u64) -> AgentKey {
    let owner = if n == AGENTS - 1 { "b" } else { "a" };
    AgentKey { tenant: tenant(owner), id: format!("10{n}") }
}

fn maybe(rng: &mut Rng, values: &[u32]) -> Option<u32> {
    (!rng.one_in(3)).then(|| rng.pick(values))
}

fn times(rng: &mut Rng) -> Times {
    if rng.one_in(2) {
        return Times::default();
    }
    Times {
        call_timeout: maybe(rng, &[0, 2, 4, 7]),
        no_answer_delay_time: maybe(rng, &[0, 1, 3]),
        busy_delay_time: maybe(rng, &[0, 2, 5]),
        reject_delay_time: maybe(rng, &[0, 1, 4]),
        wrap_up_time: maybe(rng, &[0, 2, 6]),
    }
}

fn needs(rng: &mut Rng) -> Vec<SkillNeed> {
    if !rng.one_in(4) {
        return Vec::new();
    }
    let name = rng.pick(&SKILLS).to_owned();
    let (level, relax_secs) = (rng.pick(&[1, 30, 60, 90]), rng.pick(&[0, 2, 5]));
    vec![SkillNeed { name, level, relax_secs, relax_by: rng.pick(&[0, 10, 40]) }]
}

fn choice(rng: &mut Rng, strategies: &[Strategy]) -> Choice {
    Choice {
        strategy: rng.pick(strategies),
        weight: rng.pick(&[0, 0, 1, 5]),
        aging_secs: rng.pick(&[0, 0, 3]),
        ring_all_max: rng.pick(&[50, 50, 2, 1]),
        progressive_delay: rng.pick(&[1, 3, 10]),
        tier_rules_apply: rng.one_in(2),
        tier_rule_wait_second: rng.pick(&[0, 2, 5]),
        tier_rule_wait_multiply_level: rng.one_in(2),
        skip_busy_agents: !rng.one_in(3),
        try_same_agent_time: rng.pick(&[0, 0, 20, 1000]),
        skills: needs(rng),
    }
}

fn limits(rng: &mut Rng) -> Limits {
    Limits {
        max_length: rng.pick(&[128, 128, 3, 1]),
        max_wait_time: rng.pick(&[0, 0, 8, 20]),
        max_wait_time_with_no_agent: rng.pick(&[0, 0, 4]),
        exit_with_no_av_agents: rng.one_in(2),
        ..Limits::default()
    }
}

fn voice(rng: &mut Rng) -> Voice {
    Voice {
        disable_answer: rng.one_in(8),
        start_sound: rng.one_in(2).then(|| "en/welcome".to_owned()),
        announce_sound: rng.one_in(2).then(|| "en/thank-you".to_owned()),
        announce_frequency: rng.pick(&[0, 0, 4]),
        position_announce_frequency: rng.pick(&[0, 0, 6]),
        ..Voice::default()
    }
}

/// Of two changes of the strategy one is to ring-progressively, where there is more than one strategy.
fn tune(rng: &mut Rng, strategies: &[Strategy]) -> Tune {
    match rng.below(5) {
        0 if strategies.len() > 1 => Tune::Strategy(Strategy::RingProgressively),
        1 => Tune::Strategy(rng.pick(strategies)),
        2 => Tune::ProgressiveDelay(rng.pick(&[1, 2, 5, 10])),
        3 => Tune::Limits(limits(rng)),
        _ => Tune::Voice(voice(rng)),
    }
}

fn queue(rng: &mut Rng, key: QueueKey, strategies: &[Strategy]) -> QueueConfig {
    let (limits, voice) = (limits(rng), voice(rng));
    let service = Service {
        disposition_required: rng.one_in(5),
        disposition_timeout_secs: rng.pick(&[0, 3, 10]),
        service_level_secs: rng.pick(&[1, 5, 20]),
        ..Service::default()
    };
    let (choice, times) = (choice(rng, strategies), times(rng));
    let (name, voicemail) = (key.number.clone(), Voicemail::default());
    QueueConfig { key, name, choice, limits, voice, service, voicemail, times }
}

fn tier(rng: &mut Rng, queue: QueueKey) -> Tier {
    Tier { queue, level: rng.pick(&[1, 1, 1, 2, 3]), position: rng.pick(&[1, 1, 2, 3, 4]) }
}

fn intent(rng: &mut Rng) -> Intent {
    let on_break = Intent::OnBreak { reason: "lunch".to_owned(), sub_state: String::new() };
    rng.pick(&[Intent::Available, Intent::Available, Intent::LoggedOut, on_break])
}

fn agent(rng: &mut Rng, n: u64) -> AgentConfig {
    let key = agent_key(n);
    let own = (0..QUEUES).map(queue_key).filter(|queue| queue.tenant == key.tenant);
    let own: Vec<QueueKey> = own.collect();
    let mut tiers = Vec::new();
    for queue in own {
        if !rng.one_in(4) {
            tiers.push(tier(rng, queue));
        }
    }
    let mut skills = BTreeMap::new();
    for skill in SKILLS {
        if rng.one_in(2) {
            skills.insert(skill.to_owned(), rng.pick(&[10, 50, 100]));
        }
    }
    let mut places = vec![AgentPlace::Extension(format!("20{n}"))];
    if rng.one_in(3) {
        places.insert(rng.below(2) as usize, AgentPlace::Number(format!("+4930000{n}")));
    }
    AgentConfig {
        name: key.id.clone(),
        places,
        status: if rng.one_in(4) { intent(rng) } else { Intent::Available },
        tiers,
        skills,
        times: times(rng),
        wrap_up_after_outbound: rng.one_in(3),
        confirm_key: rng.pick(&['1', '5']),
        max_no_answer: rng.pick(&[0, 3, 1, 2]),
        ..AgentConfig::new(key)
    }
}

fn tenant_acd(rng: &mut Rng) -> TenantAcd {
    TenantAcd { times: times(rng), utc_offset_secs: rng.pick(&[0, 3600, -18_000]) }
}

fn change(rng: &mut Rng, strategies: &[Strategy]) -> Change {
    let (n, k) = (rng.below(AGENTS), rng.below(QUEUES));
    match rng.below(16) {
        0..=3 => Change::Queue(Box::new(queue(rng, queue_key(k), strategies))),
        12.. => Change::Tune(queue_key(k), Box::new(tune(rng, strategies))),
        4 => Change::NoQueue(queue_key(k)),
        5..=6 => Change::Agent(Box::new(agent(rng, n))),
        7 => Change::NoAgent(agent_key(n)),
        8..=9 => Change::Tier(agent_key(n), tier(rng, queue_key(k))),
        10 => Change::NoTier(agent_key(n), queue_key(k)),
        _ => Change::Tenant(tenant("a"), tenant_acd(rng)),
    }
}

fn report(rng: &mut Rng) -> Report {
    match rng.below(12) {
        0..=3 => Report::Answered,
        4..=7 => Report::Bridged,
        8 => Report::Failed(OfferEnd::NoAnswer),
        9 => Report::Failed(OfferEnd::Busy),
        10 => Report::Failed(OfferEnd::Rejected),
        _ => Report::Failed(OfferEnd::Unreachable),
    }
}

fn why(rng: &mut Rng) -> Why {
    rng.pick(&[Why::HungUp, Why::HungUp, Why::HungUp, Why::ExitKey, Why::Removed, Why::Callback])
}

fn agent_step(rng: &mut Rng) -> Step {
    let agent = agent_key(rng.below(AGENTS));
    match rng.below(16) {
        0..=3 => Step::Intent { agent, intent: intent(rng) },
        4..=5 => Step::EndWrapUp { agent },
        6 => Step::ExtendWrapUp { agent, secs: rng.pick(&[0, 2, 9]) },
        7..=8 => Step::Disposition { agent, last: !rng.one_in(4) },
        9 => Step::Place { agent, place: rng.below(3) as u8 },
        10 => Step::Desk { agent, extension: rng.pick(&[None, Some("777".to_owned())]) },
        11..=13 => Step::Reachable { agent, reachable: !rng.one_in(3) },
        _ => {
            let (calls, outbound_ended) = (rng.pick(&[0, 0, 1, 2]), rng.one_in(2));
            Step::OtherCalls { agent, calls, outbound_ended }
        }
    }
}

fn step(rng: &mut Rng, strategies: &[Strategy]) -> Step {
    let nth = rng.below(8) as u8;
    match rng.below(100) {
        0..=19 => Step::Join {
            queue: queue_key(rng.below(QUEUES)),
            number: rng.below(4) as u8,
            priority: rng.pick(&[0, 0, 0, 1, 3]),
            skills: needs(rng),
        },
        20..=24 => Step::Leave { nth, why: why(rng) },
        25..=26 => Step::LeaveAgain { nth, why: why(rng) },
        27 => Step::Prioritise { nth, priority: rng.pick(&[0, 2, 4]) },
        28..=49 => Step::Report { nth, what: report(rng) },
        50..=53 => Step::Late { nth, what: report(rng) },
        54..=60 => Step::Finish { nth },
        61 => Step::FinishAgain { nth },
        62..=64 => Step::CallbackReady { nth },
        65 => Step::CallbackFailed { nth },
        66..=77 => agent_step(rng),
        78..=82 => Step::Configure(change(rng, strategies)),
        _ => Step::Wait { ms: rng.pick(&[0, 1, 300, 1000, 1000, 2500, 6000, 20_000, 70_000]) },
    }
}

impl Schedule {
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let rng = &mut rng;
        // Every other schedule has one strategy only, so that each of them has many schedules of its own.
        let one = [Strategy::ALL[(seed / 2 % 10) as usize]];
        let strategies: &[Strategy] = if seed.is_multiple_of(2) { &one } else { &Strategy::ALL };
        let queues = (0..QUEUES).map(|n| queue(rng, queue_key(n), strategies)).collect();
        let agents: Vec<AgentConfig> = (0..AGENTS).map(|n| agent(rng, n)).collect();
        let tenants = [(tenant("a"), tenant_acd(rng))].into();
        let reachable = (0..AGENTS).map(agent_key).filter(|_| !rng.one_in(8)).collect();
        let config = AcdConfig { queues, agents, tenants };
        let starts_ms = rng.pick(&[0, 86_390_000, 82_790_000, 43_190_000]);
        let length = 10 + rng.below(50);
        let steps = (0..length).map(|_| step(rng, strategies)).collect();
        Self { seed, config, reachable, starts_ms, steps }
    }
}
