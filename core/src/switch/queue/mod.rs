//! Queues: brings the distributor and attended calls together, so that neither knows the other.
//!
//! A call that reaches a queue joins the distributor and is taken into attendance; here it is a [`Visit`]. What the call
//! notes is told to the distributor, and what the distributor wants is done with the call: rung, said, connected, sent on.

mod after;
mod callback;
mod define;
mod join;
mod offer;
mod orders;
mod pickup;
mod queries;
mod say;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use media::order::PlayId;

use crate::acd::{Acd, Act};
use crate::call::{Note, Outcome};
use crate::vocab::acd::{QueueConfig, QueueKey};
use crate::vocab::record::EndCause;
use crate::vocab::{AgentKey, CallId, EventKind, InteractionId, Now, OfferId, TenantId};

use super::Running;
use callback::{Callback, Parked};
pub(super) use define::Definitions;
pub(super) use join::Arrival;

/// Everything about queues that outlives one step.
pub(super) struct Queues {
    pub(super) acd: Acd,
    pub(super) defined: Definitions,
    visits: BTreeMap<CallId, Visit>,
    /// Callers who hung up and keep their place.
    parked: BTreeMap<CallId, Parked>,
    /// Calls that ring such a caller back.
    callbacks: BTreeMap<CallId, Callback>,
    /// What is appended to the caller's name once an agent has passed the call on.
    suffixes: BTreeMap<CallId, String>,
    deadlines: BTreeSet<(u64, CallId)>,
}

impl Queues {
    /// Forgets what a tenant has defined over HTTP.
    pub(super) fn forget_tenant(&mut self, tenant: &str) {
        self.defined.forget_tenant(tenant);
    }
}

/// A caller in a queue, or talking with its agent, or rating the agent.
#[derive(Debug)]
struct Visit {
    queue: QueueKey,
    interaction: InteractionId,
    number: String,
    language: String,
    /// Monotonic.
    joined: u64,
    hears: Hears,
    stage: Stage,
    deadline: Option<u64>,
}

/// What a waiting caller hears.
#[derive(Debug, Default)]
struct Hears {
    /// Something can be said.
    ready: bool,
    /// What is being said; music counts as nothing.
    playing: Option<PlayId>,
    /// What is said after that.
    next: VecDeque<Vec<String>>,
}

/// Where a visit stands.
#[derive(Debug)]
enum Stage {
    Waiting,
    /// An agent answered and is told who it is.
    Introducing {
        offer: OfferId,
        agent: AgentKey,
        play: Option<PlayId>,
        both: bool,
    },
    Talking {
        offer: OfferId,
        agent: AgentKey,
    },
    /// The agent has left; the caller is asked how it was.
    Rating {
        agent: AgentKey,
    },
}

impl Queues {
    pub(super) fn new(acd: Acd, defined: Definitions) -> Self {
        Self {
            acd,
            defined,
            visits: BTreeMap::new(),
            parked: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            suffixes: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    /// Whether a call is in a queue, or calls somebody back for one.
    pub(super) fn attends(&self, call: CallId) -> bool {
        self.visits.contains_key(&call) || self.callbacks.contains_key(&call)
    }

    /// A call is over, wherever it was last.
    pub(super) fn gone(&mut self, call: CallId) {
        self.suffixes.remove(&call);
    }

    /// What was appended to a caller's name.
    pub(super) fn suffix(&self, call: CallId) -> Option<&str> {
        self.suffixes.get(&call).map(String::as_str)
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        let own = self.deadlines.first().map(|(at, _)| *at);
        [own, self.acd.next_deadline()].into_iter().flatten().min()
    }

    /// Nobody is in any queue, and nobody waits for a callback.
    pub(super) fn is_idle(&self) -> bool {
        self.visits.is_empty() && self.parked.is_empty() && self.callbacks.is_empty()
    }

    /// Who is left, in words.
    pub(super) fn remains(&self) -> String {
        let (visits, parked) = (self.visits.len(), self.parked.len());
        format!(
            "{visits} callers in queues, {parked} kept places, {} callbacks",
            self.callbacks.len()
        )
    }

    /// What the rest of the switch should agree with.
    pub(super) fn audit(&self, is_live: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        for call in self.visits.keys().chain(self.callbacks.keys()).chain(self.suffixes.keys()) {
            if !is_live(*call) {
                wrong.push(format!("call {call} is over and still in a queue"));
            }
        }
        for place in self.parked.keys().filter(|place| self.acd.queue_of(**place).is_none()) {
            wrong.push(format!("call {place}: its place is lost and still kept"));
        }
        for (call, visit) in &self.visits {
            let known = self.acd.queue_of(*call).is_some();
            let expected = !matches!(visit.stage, Stage::Rating { .. });
            if known != expected {
                let stage = &visit.stage;
                wrong.push(format!("call {call} is {stage:?}, known to the distributor: {known}"));
            }
            if visit.deadline.is_some_and(|at| !self.deadlines.contains(&(at, *call))) {
                wrong.push(format!("call {call} has a deadline that nobody watches"));
            }
        }
    }

    pub(super) fn digest(&self, hasher: &mut impl std::hash::Hasher) {
        use std::hash::Hash;
        self.acd.digest(hasher);
        format!("{:?}{:?}{:?}", self.visits, self.parked, self.callbacks).hash(hasher);
    }

    fn set_deadline(&mut self, call: CallId, at: Option<u64>) {
        let Some(visit) = self.visits.get_mut(&call) else { return };
        if let Some(before) = std::mem::replace(&mut visit.deadline, at) {
            self.deadlines.remove(&(before, call));
        }
        self.deadlines.extend(at.map(|at| (at, call)));
    }

    fn forget(&mut self, call: CallId) -> Option<Visit> {
        self.set_deadline(call, None);
        self.visits.remove(&call)
    }

    fn config_of(&self, call: CallId) -> Option<&QueueConfig> {
        self.acd.queue_config(&self.visits.get(&call)?.queue)
    }
}

impl Running {
    /// Whether a call's notes are the queues' business, and heeds them if so.
    pub(super) fn queue_heeds(&mut self, now: Now, id: CallId, note: &Note) -> bool {
        if self.queues.callbacks.contains_key(&id) {
            self.on_callback_note(now, id, note);
            return true;
        }
        if !self.queues.visits.contains_key(&id) {
            return false;
        }
        match *note {
            Note::Attended => self.caller_hears(now, id),
            Note::Said { play, .. } => self.caller_heard(now, id, play),
            Note::Key(key) => self.queue_key(now, id, key),
            Note::AgentRinging(_) => {}
            Note::AgentAnswered(offer) => self.agent_answered(now, id, offer),
            Note::AgentFailed(offer, end) => self.agent_failed(now, id, offer, end),
            Note::AgentSaid { offer, play } => self.agent_heard(now, id, offer, play),
            Note::Connected(offer) => self.agent_connected(now, id, offer),
            Note::CalleeGone => self.agent_left(now, id),
            Note::CallerGone => self.caller_gone(now, id),
            _ => {}
        }
        true
    }

    /// Does what the distributor wants.
    pub(super) fn on_act(&mut self, now: Now, act: Act) {
        match act {
            Act::Offer(offer) => self.make_offer(now, &offer),
            Act::Cancel { offer, call, end } => self.cancel_offer(now, offer, call, end),
            Act::Say { call, what } => self.say_to_caller(now, call, what),
            Act::Overflow { call, queue, reason } => self.overflow(now, call, &queue, reason),
            Act::CallBack { call, queue, number, .. } => self.call_back(now, call, &queue, number),
            Act::Publish { tenant, kind } => self.publish_for_acd(now, &tenant, *kind),
            Act::Remember(record) => self.desk.out.persist(*record),
        }
    }

    /// What an event belongs to is known here; what it means for the call's record is noted.
    fn publish_for_acd(&mut self, now: Now, tenant: &TenantId, mut kind: EventKind) {
        match &mut kind {
            EventKind::CallerQueued { call, interaction, .. }
            | EventKind::AgentOffered { call, interaction, .. } => {
                *interaction = self.interaction_of(*call);
            }
            EventKind::CallerLeft { call, interaction, queue, outcome, agent, .. } => {
                *interaction = self.interaction_of(*call);
                self.close_visit(now, *call, queue, outcome, agent.as_ref());
                if self.queues.acd.queue_of(*call).is_none() {
                    self.queues.parked.remove(call);
                }
            }
            EventKind::AgentIntentChanged { agent, .. } => self.staff.look_at(agent.clone()),
            _ => {}
        }
        self.touch_acd(&kind);
        self.desk.out.publish(now, Some(tenant), kind);
    }

    fn interaction_of(&self, call: CallId) -> InteractionId {
        let of_call = self.calls.get(call).map(|call| call.interaction);
        of_call
            .or_else(|| self.queues.visits.get(&call).map(|visit| visit.interaction))
            .or_else(|| self.queues.parked.get(&call).map(|parked| parked.interaction))
            .unwrap_or_default()
    }

    /// The caller's call is over.
    fn caller_gone(&mut self, now: Now, id: CallId) {
        if let Some(Visit { stage: Stage::Talking { offer, .. }, .. }) = self.queues.forget(id) {
            self.staff.disengage(offer);
        }
        self.queues.acd.leave(now, id, crate::acd::Leaving::HungUp);
    }

    /// What is due in visits.
    pub(super) fn tick_queues(&mut self, now: Now) {
        if self.queues.acd.next_deadline().is_some_and(|at| at <= now.mono) {
            self.queues.acd.tick(now);
        }
        while let Some((at, call)) = self.queues.deadlines.first().copied()
            && at <= now.mono
        {
            self.queues.deadlines.remove(&(at, call));
            self.queues.set_deadline(call, None);
            self.visit_due(now, call);
        }
    }

    fn visit_due(&mut self, now: Now, call: CallId) {
        if self.queues.visits.get(&call).is_some_and(|v| matches!(v.stage, Stage::Rating { .. })) {
            self.queues.forget(call);
            let outcome = Outcome::of(EndCause::Normal);
            self.step(now, call, |call, ctx| call.release(ctx, outcome, false));
        }
    }
}
