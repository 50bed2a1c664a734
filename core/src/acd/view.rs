//! Queues, agents and callers as shown to people.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::vocab::acd::{
    Activity, AgentFigures, AgentKey, AgentPlace, AgentView, FigureSubject, Intent, MemberState,
    MemberView, QueueFigures, QueueKey, QueueView,
};
use crate::vocab::command::{Counted, Page, QueueGauge, Span};
use crate::vocab::{CallId, Now};

use super::Acd;
use super::agent::Agent;
use super::book::{Book, Sum, midnight};
use super::caller::{Caller, Stage};
use super::numbers::{AgentNo, MS, secs};
use super::queue::Queue;

/// Rolling windows in seconds.
const WINDOWS: [u32; 4] = [300, 900, 1_800, 3_600];

/// What the metrics show.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gauges {
    /// By tenant and number.
    pub queues: Vec<QueueGauge>,
    /// Agents by tenant, intent or activity, and how many.
    pub agents: Vec<(String, String, u64)>,
}

fn page<T>(now: Now, rows: impl Iterator<Item = T>, offset: usize, limit: usize) -> Page<T> {
    let mut total = 0;
    let mut items = Vec::new();
    for row in rows {
        if total >= offset && items.len() < limit {
            items.push(row);
        }
        total += 1;
    }
    Page { items, total, as_of: now.wall }
}

fn spans<F: Sum>(
    book: &Book<F>,
    now: Now,
    midnight: u64,
    show: impl Fn(F) -> (Option<QueueFigures>, Option<AgentFigures>),
) -> Vec<Span> {
    let span = |secs, figures| {
        let (queue, agent) = show(figures);
        Span { secs, queue, agent }
    };
    let windows = WINDOWS.map(|secs| span(Some(secs), book.window(now.wall, secs)));
    std::iter::once(span(None, book.since(midnight))).chain(windows).collect()
}

impl Acd {
    /// One queue. `from_file` is not known here and false.
    pub fn queue(&self, now: Now, key: &QueueKey) -> Option<QueueView> {
        let queue = self.queues.get(*self.queue_nos.get(key)?)?;
        queue.defined.then(|| queue.view(now))
    }

    /// Queues of a tenant, by number.
    pub fn queues(&self, now: Now, tenant: &str, offset: usize, limit: usize) -> Page<QueueView> {
        let from = QueueKey { tenant: tenant.to_owned(), number: String::new() };
        let queues = self
            .queue_nos
            .range((Bound::Included(from), Bound::Unbounded))
            .take_while(|(key, _)| key.tenant == tenant)
            .filter_map(|(_, no)| self.queues.get(*no))
            .filter(|queue| queue.defined);
        let rows = page(now, queues, offset, limit);
        let items = rows.items.into_iter().map(|queue| queue.view(now)).collect();
        Page { items, total: rows.total, as_of: rows.as_of }
    }

    /// One agent. `from_file` is not known here and false.
    pub fn agent(&self, now: Now, key: &AgentKey) -> Option<AgentView> {
        Some(self.agent_view(now, self.agents.get(self.defined_agent(key)?)?))
    }

    /// Agents of a tenant, by id; of one queue where that is given, then by level, position and id.
    pub fn agents(
        &self,
        now: Now,
        tenant: &str,
        queue: Option<&QueueKey>,
        offset: usize,
        limit: usize,
    ) -> Page<AgentView> {
        let rows = match queue {
            Some(key) => {
                let queue = self.queue_nos.get(key).and_then(|no| self.queues.get(*no));
                let crew = queue.into_iter().flat_map(|queue| &queue.crew);
                let crew = crew.filter_map(|member| self.agents.get(member.agent));
                page(now, crew.filter(|agent| agent.defined), offset, limit)
            }
            None => {
                let from = AgentKey { tenant: tenant.to_owned(), id: String::new() };
                let agents = self
                    .agent_nos
                    .range((Bound::Included(from), Bound::Unbounded))
                    .take_while(|(key, _)| key.tenant == tenant)
                    .filter_map(|(_, no)| self.agents.get(*no))
                    .filter(|agent| agent.defined);
                page(now, agents, offset, limit)
            }
        };
        let items = rows.items.into_iter().map(|agent| self.agent_view(now, agent)).collect();
        Page { items, total: rows.total, as_of: rows.as_of }
    }

    fn agent_view(&self, now: Now, agent: &Agent) -> AgentView {
        let place = match agent.place() {
            Some(AgentPlace::Extension(number)) => format!("extension:{number}"),
            Some(AgentPlace::Number(number)) => format!("number:{number}"),
            None => String::new(),
        };
        AgentView {
            config: agent.config.clone(),
            from_file: false,
            intent: agent.want.intent.clone(),
            intent_since: agent.want.since,
            activity: self.activity(now, agent),
            activity_since: agent.shown_since,
            place,
            reachable: agent.phone.reachable,
            missed: agent.past.missed,
        }
    }

    /// What a queue has for more callers: agents free, agents of intent available, callers for whom nobody rings, and how
    /// long agents finish up after a conversation, in ms.
    pub fn floor(&self, key: &QueueKey) -> Option<(u32, u32, u32, u64)> {
        let queue = self.queues.get(*self.queue_nos.get(key)?)?;
        if !queue.defined {
            return None;
        }
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let waiting = queue.line.all.len().saturating_sub(queue.line.trying);
        let wrap_up_ms = u64::from(queue.config.times.wrap_up_time.unwrap_or(0)) * 1_000;
        let (free, working) = (queue.ready.len(), queue.staff.available);
        Some((count(free), count(working), count(waiting), wrap_up_ms))
    }

    /// How many wait in a queue.
    pub fn waiting(&self, key: &QueueKey) -> Option<usize> {
        let queue = self.queues.get(*self.queue_nos.get(key)?)?;
        queue.defined.then(|| queue.line.all.len())
    }

    /// What an agent wants, and what happens to it.
    pub fn doing(&self, now: Now, key: &AgentKey) -> Option<(&Intent, Activity)> {
        let agent = self.agents.get(self.defined_agent(key)?)?;
        Some((&agent.want.intent, self.activity(now, agent)))
    }

    /// Callers of a queue, in order; those that talk with an agent come last.
    pub fn members(
        &self,
        now: Now,
        key: &QueueKey,
        offset: usize,
        limit: usize,
    ) -> Option<Page<MemberView>> {
        let queue = self.queues.get(*self.queue_nos.get(key)?)?;
        let waiting = self.in_order(now, queue);
        let talking = queue.line.talking.iter().filter_map(|call| self.callers.get(call));
        let positions = (1..).zip(waiting);
        let rows = page(now, positions.chain(talking.map(|caller| (0, caller))), offset, limit);
        let view = |(position, caller)| self.member_view(now, queue, position, caller);
        let items = rows.items.into_iter().map(view).collect();
        Some(Page { items, total: rows.total, as_of: rows.as_of })
    }

    /// Those who wait, with priorities as of now.
    pub(super) fn in_order<'a>(&'a self, now: Now, queue: &'a Queue) -> Vec<&'a Caller> {
        let callers = queue.line.all.iter().filter_map(|key| self.callers.get(&key.call));
        let mut callers: Vec<&Caller> = callers.collect();
        let aging = secs(queue.config.choice.aging_secs);
        if aging > 0 {
            callers.sort_by_key(|caller| {
                (std::cmp::Reverse(caller.priority(now.mono, aging)), caller.joined, caller.seat)
            });
        }
        callers
    }

    fn member_view(&self, now: Now, queue: &Queue, position: usize, caller: &Caller) -> MemberView {
        let state = match &caller.stage {
            Stage::Waiting { offers, .. } if offers.is_empty() => MemberState::Waiting,
            Stage::Waiting { .. } | Stage::Taken { .. } => MemberState::Trying,
            Stage::Parked { .. } | Stage::CallingBack { .. } => MemberState::Callback,
            Stage::Talking { .. } => MemberState::Answered,
        };
        let ringing = caller.offers().into_iter().filter_map(|offer| self.offers.get(&offer));
        let mut agents: Vec<AgentNo> = ringing.map(|ring| ring.agent).collect();
        if let Stage::Talking { agent } = caller.stage {
            agents.push(agent);
        }
        let key = |no: AgentNo| self.agents.get(no).map(|agent| agent.config.key.clone());
        MemberView {
            call: caller.call,
            queue: queue.config.key.clone(),
            state,
            number: caller.number.clone(),
            position,
            priority: caller.priority(now.mono, secs(queue.config.choice.aging_secs)),
            joined_at: caller.joined_wall,
            agents: agents.into_iter().filter_map(key).collect(),
        }
    }

    /// The queue in which a call is: waiting, called back or talking.
    pub fn queue_of(&self, call: CallId) -> Option<&QueueKey> {
        let caller = self.callers.get(&call)?;
        Some(&self.queues.get(caller.queue)?.config.key)
    }

    /// What was counted: since the tenant's midnight, and over the last five, fifteen, thirty and sixty minutes.
    pub fn counted(&self, now: Now, subject: &FigureSubject) -> Option<Counted> {
        let day = |tenant: &str| {
            let offset = self.tenants.get(tenant).map_or(0, |tenant| tenant.utc_offset_secs);
            midnight(now.wall, offset)
        };
        let spans = match subject {
            FigureSubject::Queue(key) => {
                let queue = self.queues.get(*self.queue_nos.get(key)?)?;
                spans(&queue.tally.book, now, day(&key.tenant), |figures| (Some(figures), None))
            }
            FigureSubject::Agent(key) => {
                let mut agent = self.agents.get(self.defined_agent(key)?)?.clone();
                agent.count_time(now);
                spans(&agent.account.book, now, day(&key.tenant), |figures| (None, Some(figures)))
            }
        };
        Some(Counted { subject: subject.clone(), as_of: now.wall, spans })
    }

    /// For the metrics.
    pub fn gauges(&self, now: Now) -> Gauges {
        let queues = self.queue_nos.values().filter_map(|no| self.queues.get(*no));
        let queues = queues.filter(|queue| queue.defined).map(|queue| queue.gauge(now)).collect();
        let mut agents: BTreeMap<(String, &'static str), u64> = BTreeMap::new();
        for (_, agent) in self.agents.iter().filter(|(_, agent)| agent.defined) {
            let key = (agent.config.key.tenant.clone(), self.in_a_word(now, agent));
            *agents.entry(key).or_default() += 1;
        }
        let count =
            |((tenant, word), count): ((String, &str), u64)| (tenant, word.to_owned(), count);
        Gauges { queues, agents: agents.into_iter().map(count).collect() }
    }

    fn in_a_word(&self, now: Now, agent: &Agent) -> &'static str {
        match self.activity(now, agent) {
            Activity::Offered { .. } => "offered",
            Activity::Talking { .. } => "talking",
            Activity::WrappingUp { .. } => "wrapping_up",
            activity => match (&agent.want.intent, activity) {
                (Intent::LoggedOut, _) => "logged_out",
                (Intent::OnBreak { .. }, _) => "on_break",
                (Intent::Available, Activity::OnOtherCall) => "on_other_call",
                (Intent::Available, Activity::CoolingDown { .. }) => "cooling_down",
                (Intent::Available, _) => "idle",
            },
        }
    }
}

impl Queue {
    fn longest_wait_ms(&self, now: Now) -> u64 {
        let first = self.line.by_joined.first();
        first.map_or(0, |(joined, _)| now.mono.saturating_sub(joined) / MS)
    }

    fn view(&self, now: Now) -> QueueView {
        let waiting = self.line.all.len();
        QueueView {
            config: self.config.clone(),
            from_file: false,
            waiting,
            trying: self.line.trying,
            answered: self.line.talking.len(),
            longest_wait_ms: self.longest_wait_ms(now),
            agents_logged_in: self.staff.logged_in(),
            agents_ready: self.ready.len(),
            estimated_wait_secs: self.tally.handling.estimate(now.mono, waiting + 1),
        }
    }

    fn gauge(&self, now: Now) -> QueueGauge {
        QueueGauge {
            tenant: self.config.key.tenant.clone(),
            number: self.config.key.number.clone(),
            waiting: self.line.all.len() as u64,
            longest_wait_ms: self.longest_wait_ms(now),
            talking: self.line.talking.len() as u64,
            agents_ready: self.ready.len() as u64,
            since_start: self.tally.book.total.clone(),
        }
    }
}
