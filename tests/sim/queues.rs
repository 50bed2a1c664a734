//! Queues and agents of the simulated plan, what people order about them, and what every wallboard must show.

use std::collections::{BTreeMap, BTreeSet};

use strowger_core::vocab::acd::{
    AcdConfig, Activity, AgentConfig, AgentOrder, AgentPlace, DefinitionOrder, FigureSubject,
    HangupAction, Intent, MemberState, QueueConfig, QueueOrder, Strategy, Tier, Times,
};
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::record::Party;
use strowger_core::vocab::{AgentKey, CallId, Command, EventKind, OfferId, Query, QueueKey, Reply};

use crate::plan::extension;
use crate::rng::Rng;

/// Queues of the file with their strategies, and one that comes and goes over HTTP.
pub const QUEUES: [(&str, Strategy); 6] = [
    ("9001", Strategy::RingAll),
    ("9002", Strategy::LongestIdleAgent),
    ("9003", Strategy::TopDown),
    ("9004", Strategy::RoundRobin),
    ("9005", Strategy::RingProgressively),
    ("9009", Strategy::Random),
];
/// Agents of the file, and one that comes and goes.
pub const AGENTS: [&str; 6] = ["101", "102", "103", "104", "201", "109"];
/// The outside number at which a remote agent is rung through a trunk.
const REMOTE: &str = "02055556666";

pub fn queue_key(number: &str) -> QueueKey {
    QueueKey { tenant: "demo".into(), number: number.into() }
}

fn agent_key(id: &str) -> AgentKey {
    AgentKey { tenant: "demo".into(), id: id.into() }
}

pub fn queue(number: &str, strategy: Strategy) -> QueueConfig {
    let mut config = QueueConfig {
        name: format!("Queue {number}"),
        times: Times { call_timeout: Some(8), wrap_up_time: Some(3), ..Times::default() },
        ..QueueConfig::new(queue_key(number))
    };
    config.choice.strategy = strategy;
    config.choice.progressive_delay = 3;
    config.limits.max_wait_time = 45;
    config.limits.exit_with_no_av_agents = false;
    config.limits.max_wait_time_with_no_agent = 20;
    config.voice.position_announce_frequency = 7;
    config.service.agent_report_wait_time = false;
    match number {
        "9001" => {
            config.limits.exit_key = Some('5');
            config.limits.exit_transfer_dst = Some(Destination::Extension(extension("4003")));
            config.service.agent_report_wait_time = true;
        }
        "9002" => {
            config.limits.callback_key = Some('5');
            config.service.agent_hangup_action = Some(HangupAction::QualityRate);
            config.choice.skip_busy_agents = false;
        }
        "9003" => {
            config.voice.disable_answer = true;
            config.limits.timeout_transfer_dst = Some(Destination::Queue(queue_key("9001")));
            config.service.agent_hangup_action = Some(HangupAction::Transfer);
            config.service.agent_hangup_transfer_dst =
                Some(Destination::Extension(extension("4006")));
        }
        "9004" => {
            config.limits.max_length = 1;
            config.limits.exit_with_no_av_agents = true;
            config.voice.start_sound = Some("en/goodbye".into());
            config.choice.tier_rules_apply = false;
        }
        "9005" => config.choice.try_same_agent_time = 600,
        _ => {}
    }
    config
}

pub fn agent(id: &str, place: AgentPlace, queues: &[&str]) -> AgentConfig {
    let tier = |(position, number): (usize, &&str)| {
        let position = position as u16 + 1;
        Tier { queue: queue_key(number), level: 1 + u16::from(id == "104"), position }
    };
    AgentConfig {
        key: agent_key(id),
        name: format!("Agent {id}"),
        places: vec![place],
        pin: None,
        status: Intent::Available,
        tiers: queues.iter().enumerate().map(tier).collect(),
        skills: BTreeMap::new(),
        times: Times {
            no_answer_delay_time: Some(2),
            busy_delay_time: Some(2),
            reject_delay_time: Some(2),
            ..Times::default()
        },
        wrap_up_after_outbound: id == "101",
        agent_sound: (id == "102").then(|| "en/goodbye".into()),
        // What a simulated phone presses.
        confirm_key: '5',
        max_no_answer: 4,
        group_pickup: true,
    }
}

pub fn at(number: &str) -> AgentPlace {
    AgentPlace::Extension(number.into())
}

/// What the file says. Agents serve their queues in different orders, and the phones of 104 are two.
/// Every seed gives one of the queues another strategy.
pub fn acd(seed: u64) -> AcdConfig {
    let any = Strategy::ALL[seed as usize % Strategy::ALL.len()];
    let of_file = |(number, strategy): &(&str, Strategy)| match *number {
        "9004" => queue(number, any),
        _ => queue(number, *strategy),
    };
    AcdConfig {
        queues: QUEUES[..5].iter().map(of_file).collect(),
        agents: vec![
            agent("101", at("4001"), &["9001", "9002", "9003", "9004"]),
            agent("102", at("4002"), &["9004", "9003", "9002", "9001"]),
            agent("103", at("4004"), &["9005", "9001", "9004"]),
            agent("104", at("4006"), &["9002", "9005", "9003", "9001"]),
            agent("201", AgentPlace::Number(REMOTE.into()), &["9003", "9005"]),
        ],
        tenants: BTreeMap::new(),
    }
}

/// Somebody at the HTTP surface orders something about queues. `waiting` are callers known to be in one.
pub fn order(rng: &mut Rng, waiting: &BTreeMap<CallId, QueueKey>) -> Command {
    let pick = rng.below(AGENTS.len() as u64) as usize;
    let id = AGENTS[pick].to_owned();
    let about = |order| Command::Agent { agent: id.clone(), order };
    let somebody = waiting.iter().nth(rng.below(waiting.len() as u64) as usize);
    match rng.below(14) {
        0 => about(AgentOrder::Intent(Intent::LoggedOut)),
        1 => {
            let (reason, sub_state) = ("lunch".into(), String::new());
            about(AgentOrder::Intent(Intent::OnBreak { reason, sub_state }))
        }
        2 => about(AgentOrder::EndWrapUp),
        3 => about(AgentOrder::ExtendWrapUp(5)),
        4 | 5 if somebody.is_some() => {
            let Some((call, queue)) = somebody else { return about(AgentOrder::EndWrapUp) };
            let order = match rng.chance(40) {
                true => QueueOrder::Remove(*call),
                false => QueueOrder::Prioritise(*call, 3),
            };
            Command::Queue { queue: queue.number.clone(), order }
        }
        6 | 7 => {
            let config = queue("9009", Strategy::Random);
            Command::Define(DefinitionOrder::PutQueue(Box::new(config)))
        }
        8 | 9 => {
            let config = agent("109", at("4005"), &["9009", "9001"]);
            Command::Define(DefinitionOrder::PutAgent(Box::new(config)))
        }
        10 => Command::Define(DefinitionOrder::DeleteQueue(queue_key("9009"))),
        11 => Command::Define(DefinitionOrder::DeleteAgent(agent_key("109"))),
        _ => about(AgentOrder::Intent(Intent::Available)),
    }
}

/// The wallboard: built of nothing but events and replies, it must never show what cannot be.
#[derive(Debug, Default)]
pub struct Wallboard {
    live: BTreeSet<CallId>,
    /// Callers that wait, by the queue.
    pub waiting: BTreeMap<CallId, QueueKey>,
    /// Callers that hung up for a callback; their place is rung for them.
    parked: BTreeSet<CallId>,
    /// Of those, the ones that were on the lists when somebody looked last, with the queue.
    kept: Vec<(CallId, String)>,
    pub activity: BTreeMap<AgentKey, Activity>,
    pub offers: BTreeMap<OfferId, (AgentKey, CallId)>,
    /// When each of them began; as `wall`.
    pub since: BTreeMap<OfferId, u64>,
    /// Milliseconds since the Unix epoch.
    pub wall: u64,
    /// Until when each agent said to wrap up; orders may end that before.
    wraps: BTreeMap<AgentKey, u64>,
    /// An agent who was rung before that.
    pub early: Option<String>,
    /// Who talked with whom, in order.
    pub served: Vec<(CallId, AgentKey)>,
    removed: BTreeSet<AgentKey>,
    /// Callers that left as answered in this step, with the agent.
    answered: Vec<(CallId, AgentKey)>,
    complaints: Vec<String>,
    /// What a run has reached.
    pub seen: BTreeSet<String>,
}

impl Wallboard {
    /// An event.
    pub fn note(&mut self, kind: &EventKind) {
        match kind {
            EventKind::CallStarted { call, .. } => {
                self.live.insert(*call);
            }
            EventKind::CallEnded { record } => {
                self.live.remove(&record.call);
            }
            EventKind::CallerQueued { call, queue, .. } => {
                let twice = self.waiting.insert(*call, queue.clone()).is_some();
                if twice {
                    self.complaints.push(format!("call {call} is queued twice"));
                }
            }
            EventKind::CallerLeft { call, outcome, agent, .. } => self.left(*call, outcome, agent),
            EventKind::AgentOffered { agent, offer, call, .. } => {
                self.offers.insert(*offer, (agent.clone(), *call));
                self.since.insert(*offer, self.wall);
                if self.wraps.get(agent).is_some_and(|until| *until > self.wall) {
                    let what = format!("agent {agent} is rung while it wraps up, for call {call}");
                    self.early.get_or_insert(what);
                }
            }
            EventKind::OfferEnded { offer, end, .. } => {
                self.seen.insert(format!("offer {end:?}"));
                if self.offers.remove(offer).is_none() {
                    self.complaints.push(format!("offer {offer} ended twice"));
                }
            }
            EventKind::AgentActivityChanged { agent, activity }
                if !self.removed.contains(agent) =>
            {
                let text = format!("{activity:?}");
                let word = text.split([' ', '{']).next().unwrap_or_default();
                self.seen.insert(format!("agent {word}"));
                if let Activity::WrappingUp { until, .. } = activity {
                    self.wraps.insert(agent.clone(), *until);
                }
                self.activity.insert(agent.clone(), activity.clone());
            }
            EventKind::AgentIntentChanged { source, .. } => {
                self.seen.insert(format!("intent by {source:?}"));
            }
            EventKind::DefinitionChanged { exists, subject } => {
                self.seen.insert(format!("defined {exists}"));
                if let FigureSubject::Agent(agent) = subject {
                    self.redefined(agent, *exists);
                }
            }
            _ => {}
        }
    }

    /// An agent that is removed finishes its conversation, and nobody is told of it any more.
    fn redefined(&mut self, agent: &AgentKey, exists: bool) {
        self.activity.remove(agent);
        if exists {
            self.removed.remove(agent);
        } else {
            self.removed.insert(agent.clone());
        }
    }

    fn left(&mut self, call: CallId, outcome: &str, agent: &Option<AgentKey>) {
        self.seen.insert(format!("left {outcome}"));
        match outcome {
            "callback" => drop(self.parked.insert(call)),
            "answered" => match agent {
                Some(agent) => {
                    self.answered.push((call, agent.clone()));
                    self.served.push((call, agent.clone()));
                }
                None => self.complaints.push(format!("call {call} was answered by nobody")),
            },
            _ => {}
        }
        if self.waiting.remove(&call).is_none() && !self.parked.contains(&call) {
            self.complaints.push(format!("call {call} left a queue ({outcome}) and was in none"));
        }
    }

    /// What cannot be, after a step.
    pub fn audit(&mut self) -> Option<String> {
        for (agent, activity) in &self.activity {
            let (Activity::Offered { call, .. } | Activity::Talking { call, .. }) = activity else {
                continue;
            };
            if !self.live.contains(call) && !self.parked.contains(call) {
                let what = format!("agent {agent} is shown as {activity:?}, and the call is over");
                return Some(what);
            }
        }
        if let Some(call) = self.waiting.keys().find(|call| !self.live.contains(call)) {
            return Some(format!("call {call} is over and still shown as waiting"));
        }
        let mut rung = BTreeSet::new();
        for (offer, (agent, call)) in &self.offers {
            if !rung.insert(agent) {
                return Some(format!("agent {agent} is rung by two queues at once ({offer})"));
            }
            if !self.live.contains(call) {
                return Some(format!("agent {agent} is rung for call {call}, which is over"));
            }
        }
        // Both may change in one step: a caller who is bridged and hangs up at once was answered all the same.
        for (call, agent) in self.answered.drain(..) {
            let talks = match self.activity.get(&agent) {
                Some(Activity::Talking { call: own, .. }) => *own == call,
                _ => false,
            };
            if !talks && self.live.contains(&call) && !self.removed.contains(&agent) {
                return Some(format!("call {call} is answered, and agent {agent} does not talk"));
            }
        }
        self.complaints.first().cloned()
    }

    /// Whom it shows at work, or waiting, when nothing goes on any more.
    pub fn stuck(&self) -> Option<String> {
        let busy = |activity: &Activity| {
            matches!(
                activity,
                Activity::Offered { .. } | Activity::Talking { .. } | Activity::WrappingUp { .. }
            )
        };
        let agent = self.activity.iter().find(|(_, activity)| busy(activity));
        let waits = self.waiting.iter().next();
        agent
            .map(|stuck| format!("an agent is stuck: {stuck:?}"))
            .or_else(|| waits.map(|stuck| format!("a caller is stuck: {stuck:?}")))
            .or_else(|| self.offers.iter().next().map(|left| format!("an offer is left: {left:?}")))
    }

    /// Callers who were to be called back when somebody looked last.
    pub fn kept_places(&self) -> Vec<(CallId, String)> {
        self.kept.clone()
    }

    /// The process dies; a new one starts with nobody in any call.
    pub fn forget(&mut self) {
        let seen = std::mem::take(&mut self.seen);
        *self = Self { seen, ..Self::default() };
    }

    /// What is asked to compare the replies with the events: of every agent, every queue's callers and all calls.
    pub fn questions(acd: &AcdConfig) -> Vec<Query> {
        let (offset, limit) = (0, 200);
        let members = |queue| Query::Members { queue, offset, limit };
        let of_file = acd.queues.iter().map(|queue| queue.key.number.clone());
        let mut questions: Vec<_> = of_file.chain(["9009".to_owned()]).map(members).collect();
        questions.push(Query::Agents { queue: None, offset, limit });
        questions.push(Query::Calls { offset, limit });
        questions
    }

    /// Whether an event and a list tell the same; they may differ in when it ends. Of a caller who is called back the event
    /// knows the first call.
    fn agrees(&self, event: &Activity, list: &Activity) -> bool {
        match (event, list) {
            (
                Activity::Offered { offer, queue, call, .. },
                Activity::Offered { offer: own, queue: of, call: now, .. },
            ) => offer == own && queue == of && (call == now || self.parked.contains(call)),
            (Activity::Talking { .. }, Activity::Talking { .. }) => event == list,
            _ => std::mem::discriminant(event) == std::mem::discriminant(list),
        }
    }

    /// The replies, all of one moment: whoever is listed as answered has an agent's leg, and that agent talks.
    pub fn compare(&mut self, replies: &[Reply]) -> Option<String> {
        let mut callees = BTreeMap::new();
        let mut talking = BTreeMap::new();
        for reply in replies {
            match reply {
                Reply::Calls(page) => {
                    let rows = page.items.iter();
                    callees.extend(rows.map(|row| (row.record.call, row.record.callee.clone())));
                }
                Reply::Agents(page) => {
                    for row in &page.items {
                        if let Activity::Talking { call, .. } = row.activity {
                            talking.insert(row.config.key.clone(), call);
                        }
                        let shown = self.activity.get(&row.config.key);
                        if shown.is_some_and(|shown| !self.agrees(shown, &row.activity)) {
                            let own = &row.activity;
                            return Some(format!("events show {shown:?}, the list {own:?}"));
                        }
                    }
                }
                _ => {}
            }
        }
        self.kept.clear();
        let pages = replies.iter().filter_map(|reply| match reply {
            Reply::Members(page) => Some(page),
            _ => None,
        });
        for member in pages.flat_map(|page| &page.items) {
            let call = member.call;
            let live = self.live.contains(&call);
            match member.state {
                MemberState::Callback if self.parked.contains(&call) => {
                    self.kept.push((call, member.queue.number.clone()));
                }
                _ if !live => return Some(format!("call {call} is over and listed: {member:?}")),
                MemberState::Answered => {
                    self.seen.insert("listed as answered".into());
                    let callee = callees.get(&call);
                    let leg = matches!(callee, Some(Party::Extension { .. } | Party::Trunk { .. }));
                    let agent = member.agents.first();
                    let talks = agent.is_some_and(|agent| {
                        self.removed.contains(agent) || talking.get(agent) == Some(&call)
                    });
                    if !leg || member.agents.len() != 1 || !talks {
                        return Some(format!(
                            "{member:?} is answered without an agent's leg: {callee:?}"
                        ));
                    }
                }
                MemberState::Waiting | MemberState::Trying => {
                    if self.waiting.get(&call) != Some(&member.queue) {
                        return Some(format!("{member:?} is listed and was never queued"));
                    }
                }
                MemberState::Callback => {}
            }
        }
        None
    }
}
