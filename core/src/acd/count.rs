//! Counting: what happened to callers and agents goes into the figures, and into the store a little later.

use crate::vocab::acd::{
    AgentFigures, FigureRecord, FigureSubject, Intent, OfferEnd, OverflowReason, QueueFigures,
    QueueKey,
};
use crate::vocab::{CallId, EventKind, InteractionId, Now, Record};

use super::Acd;
use super::act::Act;
use super::agent::State;
use super::book::{QUARTER, quarter_of};
use super::numbers::{AgentNo, MS, QueueNo, SECOND};
use super::offer::Ring;
use super::timers::Timer;

/// A running quarter is kept at most so often.
const SAVES: u64 = 10 * SECOND;

impl Acd {
    fn count_queue(&mut self, now: Now, no: QueueNo, change: impl Fn(&mut QueueFigures)) {
        let Some(queue) = self.queues.get_mut(no) else { return };
        queue.tally.book.count(now.wall, change);
        if queue.tally.save_at.is_none() {
            let at = now.mono + SAVES;
            queue.tally.save_at = Some(at);
            let subject = FigureSubject::Queue(queue.config.key.clone());
            self.deadlines.insert((at, Timer::Save(subject)));
        }
    }

    fn count_agent(&mut self, now: Now, no: AgentNo, change: impl Fn(&mut AgentFigures)) {
        let Some(agent) = self.agents.get_mut(no) else { return };
        agent.account.book.count(now.wall, change);
        self.schedule_save(now, no);
    }

    /// An agent's figures are kept soon after a change, and at the end of each quarter in which it is logged in.
    pub(super) fn schedule_save(&mut self, now: Now, no: AgentNo) {
        let Some(agent) = self.agents.get_mut(no).filter(|agent| agent.defined) else { return };
        let at = if agent.account.book.is_unsaved() {
            now.mono + SAVES
        } else if agent.is_logged_in() {
            // Not all in the same moment.
            let spread = u64::from(no % 5_000) * MS;
            now.mono + (quarter_of(now.wall) + QUARTER - now.wall) * MS + spread
        } else {
            return;
        };
        let before = agent.account.save_at;
        if before.is_some_and(|before| before <= at) {
            return;
        }
        agent.account.save_at = Some(at);
        let subject = FigureSubject::Agent(agent.config.key.clone());
        self.arm(before, Timer::Save(subject), Some(at));
    }

    pub(super) fn count_entered(&mut self, now: Now, no: QueueNo) {
        self.count_queue(now, no, |figures| figures.entered += 1);
    }

    pub(super) fn count_refused(&mut self, now: Now, no: QueueNo, reason: OverflowReason) {
        self.count_queue(now, no, |figures| {
            *figures.overflowed.entry(reason).or_default() += 1;
        });
    }

    pub(super) fn count_offered(&mut self, now: Now, no: AgentNo, queue: &QueueKey) {
        self.count_agent(now, no, |figures| figures.offered += 1);
        if let Some(queue) = self.queue_nos.get(queue).copied() {
            self.count_queue(now, queue, |figures| figures.offered += 1);
        }
    }

    pub(super) fn count_ended(&mut self, now: Now, ring: &Ring, end: OfferEnd) {
        let rang = ring.rang_ms(now.mono);
        self.count_agent(now, ring.agent, |figures| {
            figures.ringing_ms += rang;
            match end {
                OfferEnd::Answered => figures.answered += 1,
                OfferEnd::NoAnswer => figures.missed += 1,
                OfferEnd::Rejected => figures.rejected += 1,
                OfferEnd::Busy | OfferEnd::Unreachable => figures.failed += 1,
                OfferEnd::CallerGone | OfferEnd::WonByAnother | OfferEnd::Withdrawn => {}
            }
        });
    }

    /// A caller has left for an agent.
    pub(super) fn count_bridged(&mut self, now: Now, call: CallId, no: AgentNo) {
        let Some((queue, waited)) = self.stay(now, call) else { return };
        let in_time = self.queues.get(queue).is_some_and(|queue| {
            waited <= u64::from(queue.config.service.service_level_secs) * 1_000
        });
        self.count_queue(now, queue, |figures| {
            figures.answered += 1;
            figures.answered_in_time += u64::from(in_time);
            figures.wait_answered_ms += waited;
            figures.wait_longest_ms = figures.wait_longest_ms.max(waited);
        });
        self.roll_agent(now, no);
        if let Some(agent) = self.agents.get_mut(no) {
            agent.account.today.calls += 1;
        }
        let number = self.callers.get(&call).map(|caller| caller.number.clone());
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.tally.handling.begins(no);
            if queue.config.choice.try_same_agent_time > 0 {
                queue.same.note(now.mono, &number.unwrap_or_default(), no);
            }
        }
        self.refresh_agent(now, no);
        self.count_left(now, call, "answered", Some(no));
    }

    pub(super) fn count_abandoned(&mut self, now: Now, call: CallId) {
        let Some((queue, waited)) = self.stay(now, call) else { return };
        let late = self.queues.get(queue).is_some_and(|queue| {
            waited > u64::from(queue.config.service.service_level_secs) * 1_000
        });
        self.count_queue(now, queue, |figures| {
            figures.abandoned += 1;
            figures.abandoned_late += u64::from(late);
            figures.wait_abandoned_ms += waited;
            figures.wait_longest_ms = figures.wait_longest_ms.max(waited);
        });
        self.count_left(now, call, "abandoned", None);
    }

    pub(super) fn count_overflowed(&mut self, now: Now, call: CallId, reason: OverflowReason) {
        let Some((queue, waited)) = self.stay(now, call) else { return };
        self.count_queue(now, queue, |figures| {
            *figures.overflowed.entry(reason).or_default() += 1;
            figures.wait_longest_ms = figures.wait_longest_ms.max(waited);
        });
        self.count_left(now, call, reason.as_str(), None);
    }

    pub(super) fn count_removed(&mut self, now: Now, call: CallId) {
        let Some((queue, waited)) = self.stay(now, call) else { return };
        self.count_queue(now, queue, |figures| {
            figures.removed += 1;
            figures.wait_longest_ms = figures.wait_longest_ms.max(waited);
        });
        self.count_left(now, call, "removed", None);
    }

    pub(super) fn count_picked_up(&mut self, now: Now, call: CallId) {
        let Some((queue, waited)) = self.stay(now, call) else { return };
        self.count_queue(now, queue, |figures| {
            figures.picked_up += 1;
            figures.wait_longest_ms = figures.wait_longest_ms.max(waited);
        });
        self.count_left(now, call, "picked_up", None);
    }

    pub(super) fn count_callback(&mut self, now: Now, call: CallId) {
        let Some((queue, _)) = self.stay(now, call) else { return };
        self.count_queue(now, queue, |figures| figures.callbacks += 1);
        self.count_left(now, call, "callback", None);
    }

    pub(super) fn count_given_up(&mut self, now: Now, call: CallId) {
        let Some((queue, _)) = self.stay(now, call) else { return };
        self.count_queue(now, queue, |figures| figures.callbacks_given_up += 1);
        self.count_left(now, call, "callback_failed", None);
    }

    /// The queue of a caller, and how long it has waited in ms.
    fn stay(&self, now: Now, call: CallId) -> Option<(QueueNo, u64)> {
        let caller = self.callers.get(&call)?;
        Some((caller.queue, caller.waited(now.mono) / MS))
    }

    fn count_left(&mut self, now: Now, call: CallId, outcome: &str, agent: Option<AgentNo>) {
        let Some((queue, waited_ms)) = self.stay(now, call) else { return };
        let Some(queue) = self.queues.get(queue).map(|queue| queue.config.key.clone()) else {
            return;
        };
        let agent = agent.and_then(|no| self.agents.get(no)).map(|agent| agent.config.key.clone());
        let tenant = queue.tenant.clone();
        let outcome = outcome.to_owned();
        let interaction = InteractionId::default();
        let event = EventKind::CallerLeft { call, interaction, queue, outcome, waited_ms, agent };
        self.publish(&tenant, event);
    }

    /// A conversation of so many ms is over.
    pub(super) fn count_talk(&mut self, now: Now, no: AgentNo, queue: QueueNo, ms: u64) {
        self.count_agent(now, no, |figures| figures.talk_ms += ms);
        self.count_queue(now, queue, |figures| figures.talk_ms += ms);
        self.roll_agent(now, no);
        if let Some(agent) = self.agents.get_mut(no) {
            agent.account.today.talk_ms += ms;
        }
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.tally.handling.ends(now.mono, no, ms);
        }
    }

    /// A wrap-up is about to end.
    pub(super) fn count_wrap_up(&mut self, now: Now, no: AgentNo) {
        let Some(agent) = self.agents.get(no) else { return };
        let State::WrappingUp { queue, since, .. } = agent.state else { return };
        let ms = now.mono.saturating_sub(since) / MS;
        self.count_agent(now, no, |figures| figures.wrap_up_ms += ms);
        let Some(queue) = queue else { return };
        self.count_queue(now, queue, |figures| figures.wrap_up_ms += ms);
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.tally.handling.wrapped_up(now.mono, no, ms);
        }
    }

    /// Counts the time that an agent was logged in or on break up to now.
    pub(super) fn count_time(&mut self, now: Now, no: AgentNo) {
        if let Some(agent) = self.agents.get_mut(no) {
            agent.count_time(now);
        }
    }

    /// Figures of one subject are to be kept.
    pub(super) fn save_due(&mut self, now: Now, subject: &FigureSubject) {
        let FigureSubject::Agent(key) = subject else {
            let FigureSubject::Queue(key) = subject else { return };
            let no = self.queue_nos.get(key).copied();
            if let Some(queue) = no.and_then(|no| self.queues.get_mut(no)) {
                queue.tally.save_at = None;
            }
            return self.keep_last(subject);
        };
        let Some(no) = self.agent_nos.get(key).copied() else { return };
        self.count_time(now, no);
        if let Some(agent) = self.agents.get_mut(no) {
            agent.account.save_at = None;
        }
        self.keep_last(subject);
        self.schedule_save(now, no);
    }

    /// Hands over what the store does not have yet.
    pub(super) fn keep_last(&mut self, subject: &FigureSubject) {
        let record =
            |from| FigureRecord { subject: subject.clone(), from, queue: None, agent: None };
        let mut records = Vec::new();
        match subject {
            FigureSubject::Queue(key) => {
                let no = self.queue_nos.get(key).copied();
                let Some(queue) = no.and_then(|no| self.queues.get_mut(no)) else { return };
                for (from, figures) in queue.tally.book.take_unsaved() {
                    records.push(FigureRecord { queue: Some(figures), ..record(from) });
                }
            }
            FigureSubject::Agent(key) => {
                let no = self.agent_nos.get(key).copied();
                let Some(agent) = no.and_then(|no| self.agents.get_mut(no)) else { return };
                for (from, figures) in agent.account.book.take_unsaved() {
                    records.push(FigureRecord { agent: Some(figures), ..record(from) });
                }
            }
        }
        let remember = |record| Act::Remember(Box::new(Record::Counted(Box::new(record))));
        self.acts.extend(records.into_iter().map(remember));
    }
}

impl super::agent::Agent {
    /// Counts the time since it was last counted, by what was wanted meanwhile.
    pub(super) fn count_time(&mut self, now: Now) {
        let ms = now.mono.saturating_sub(self.want.counted_to) / MS;
        self.want.counted_to += ms * MS;
        if ms == 0 || !self.is_logged_in() {
            return;
        }
        let on_break = matches!(self.want.intent, Intent::OnBreak { .. });
        self.account.book.spread(now.wall, ms, |figures, ms| {
            figures.logged_in_ms += ms;
            figures.break_ms += if on_break { ms } else { 0 };
        });
    }
}
