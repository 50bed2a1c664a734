//! Callers come into a queue, and leave it without an agent.

use crate::acd::Leaving;
use crate::call::{AnswerMode, Attendance, Diversion, Found, Outcome};
use crate::vocab::acd::{Join, OverflowReason, QueueConfig, QueueKey};
use crate::vocab::config::Destination;
use crate::vocab::record::{EndCause, Party, QueueVisit};
use crate::vocab::{AgentKey, CallId, Hop, MailboxKey, Now, Record};
use crate::voice;

use super::super::Running;
use super::{Hears, Stage, Visit};

/// Queues that one call may come to, one after the other: what leads in a circle ends.
const MAX_VISITS: usize = 64;

/// Where a hop leads that may send the call on at once.
pub(in super::super) enum Arrival {
    /// There.
    Here(Found),
    /// To these instead.
    Elsewhere(Vec<Hop>),
    /// To these, because somebody sends it on.
    SentOn(Diversion, Vec<Hop>),
    /// Into another call: this one is over.
    Away,
}

impl Running {
    /// A call comes to a queue.
    pub(in super::super) fn join_queue(&mut self, now: Now, id: CallId, key: &QueueKey) -> Arrival {
        let nowhere = Arrival::Here(Found::Nothing(Outcome::of(EndCause::NotFound)));
        let Some(call) = self.calls.get(id) else { return nowhere };
        if call.record.queued.len() >= MAX_VISITS {
            return Arrival::Here(Found::Nothing(Outcome::from_status(482)));
        }
        let Some(answer) = self.queues.acd.queue_config(key).map(answer_mode) else {
            return nowhere;
        };
        let visit = Visit {
            queue: key.clone(),
            interaction: call.interaction,
            number: number_of(&call.record.caller),
            language: call.language.clone(),
            joined: now.mono,
            hears: Hears::default(),
            stage: Stage::Waiting,
            deadline: None,
        };
        let join = Join {
            call: id,
            queue: key.clone(),
            number: visit.number.clone(),
            priority: 0,
            skills: Vec::new(),
        };
        self.open_visit(now, id, key);
        match self.queues.acd.join(now, join) {
            Ok(()) => {
                self.queues.visits.insert(id, visit);
                let name = format!("queue:{}", key.number);
                Arrival::Here(Found::Attend(Attendance { answer, name }))
            }
            Err(reason) => {
                self.close_visit(now, id, key, reason.as_str(), None);
                match self.ways_out(key, reason) {
                    hops if hops.is_empty() => Arrival::Here(Found::Nothing(outcome_of(reason))),
                    hops => Arrival::Elsewhere(hops),
                }
            }
        }
    }

    /// Notes in the call's record that it came to a queue; remembered at once, for those whom a restart ends.
    pub(super) fn open_visit(&mut self, now: Now, id: CallId, key: &QueueKey) {
        let visit = QueueVisit {
            queue: key.clone(),
            joined_at: now.wall,
            left_at: None,
            outcome: None,
            agent: None,
            rating: None,
        };
        let record = self.calls.with(id, |call| {
            call.record.queued.push(visit);
            call.is_live().then(|| call.record.clone())
        });
        if let Some(record) = record.flatten() {
            self.desk.out.persist(Record::CallOpened(Box::new(record)));
        }
    }

    /// Notes how the call left the queue.
    pub(super) fn close_visit(
        &mut self,
        now: Now,
        id: CallId,
        key: &QueueKey,
        outcome: &str,
        agent: Option<&AgentKey>,
    ) {
        self.calls.with(id, |call| {
            let open = |visit: &&mut QueueVisit| visit.queue == *key && visit.left_at.is_none();
            if let Some(visit) = call.record.queued.iter_mut().rev().find(open) {
                visit.left_at = Some(now.wall.max(visit.joined_at));
                visit.outcome = Some(outcome.to_owned());
                visit.agent = agent.cloned();
            }
        });
    }

    /// Where a caller goes who leaves without an agent: the destination for the reason, else the queue's mailbox.
    fn ways_out(&self, key: &QueueKey, reason: OverflowReason) -> Vec<Hop> {
        let Some(config) = self.queues.acd.queue_config(key) else { return Vec::new() };
        let directory = &self.books.directory;
        let set = destination_for(config, reason)
            .and_then(|to| directory.destination(&key.tenant, to).ok())
            .filter(|hops| !hops.is_empty());
        let mailbox = || {
            let mailbox = MailboxKey { tenant: key.tenant.clone(), number: key.number.clone() };
            config.voicemail.enabled.then(|| vec![Hop::Voicemail(mailbox)])
        };
        let mut hops = set.or_else(mailbox).unwrap_or_default();
        self.books.trunks.living_first(&mut hops);
        hops
    }

    /// Callers who wait in queues, in order of their calls; only those for whom there is another place, where it is asked.
    pub(in super::super) fn waiting_callers(&self, elsewhere: bool) -> Vec<CallId> {
        let waiting = self.queues.visits.iter().filter(|(_, visit)| {
            matches!(visit.stage, Stage::Waiting)
                && !(elsewhere && self.ways_out(&visit.queue, OverflowReason::Timeout).is_empty())
        });
        waiting.map(|(call, _)| *call).collect()
    }

    /// The distributor has let a caller go.
    pub(super) fn overflow(
        &mut self,
        now: Now,
        id: CallId,
        key: &QueueKey,
        reason: OverflowReason,
    ) {
        let Some(visit) = self.queues.forget(id) else { return };
        let hops = self.ways_out(key, reason);
        if !hops.is_empty() {
            return self.step(now, id, |call, ctx| call.go_to(ctx, hops));
        }
        let language = &visit.language;
        let mut prompts = match reason {
            OverflowReason::ExitKey => Vec::new(),
            _ => voice::prompt(language, "all-agents-busy"),
        };
        prompts.extend(voice::prompt(language, "goodbye"));
        self.step(now, id, |call, ctx| {
            call.say(ctx, prompts, false);
            call.release(ctx, outcome_of(reason), true);
        });
    }

    /// A key of a caller who waits or rates.
    pub(super) fn queue_key(&mut self, now: Now, id: CallId, key: char) {
        let Some(visit) = self.queues.visits.get(&id) else { return };
        if let Stage::Rating { .. } = visit.stage {
            return self.rated(now, id, key);
        }
        let Some(limits) = self.queues.config_of(id).map(|config| &config.limits) else { return };
        if !matches!(visit.stage, Stage::Waiting) {
            return;
        }
        if limits.exit_key == Some(key) {
            self.queues.acd.leave(now, id, Leaving::ExitKey);
        } else if limits.callback_key == Some(key) {
            self.accept_callback(now, id);
        }
    }
}

/// The number under which a caller is known; empty where it is withheld.
pub(super) fn number_of(caller: &Party) -> String {
    match caller {
        Party::Extension { extension, .. } => extension.number.clone(),
        Party::Trunk { number, .. } if number != "anonymous" => number.clone(),
        Party::Trunk { .. } | Party::Service { .. } | Party::Nobody => String::new(),
    }
}

fn answer_mode(config: &QueueConfig) -> AnswerMode {
    if config.voice.disable_answer { AnswerMode::Early } else { AnswerMode::Now }
}

fn destination_for(config: &QueueConfig, reason: OverflowReason) -> Option<&Destination> {
    let limits = &config.limits;
    match reason {
        OverflowReason::Timeout => limits.timeout_transfer_dst.as_ref(),
        OverflowReason::NoAgent => limits.no_agent_timeout_transfer_dst.as_ref(),
        OverflowReason::Full => limits.full_transfer_dst.as_ref(),
        OverflowReason::ExitKey => limits.exit_transfer_dst.as_ref(),
        OverflowReason::QueueRemoved => None,
    }
}

/// What a caller is told who goes nowhere.
fn outcome_of(reason: OverflowReason) -> Outcome {
    Outcome::of(match reason {
        OverflowReason::Timeout | OverflowReason::NoAgent => EndCause::NoAnswer,
        OverflowReason::Full => EndCause::Busy,
        OverflowReason::ExitKey => EndCause::Normal,
        OverflowReason::QueueRemoved => EndCause::NotFound,
    })
}
