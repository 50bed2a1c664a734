//! Limits of waiting: the longest wait, the longest time without an agent, early media, callbacks that nobody takes.

use crate::vocab::acd::OverflowReason;
use crate::vocab::{CallId, Now};

use super::Acd;
use super::act::{Act, Saying};
use super::announce::Due;
use super::caller::{Caller, Stage};
use super::numbers::{QueueNo, SECOND, secs};
use super::queue::Queue;
use super::skills;

/// Early media lasts at most so long.
const EARLY_MEDIA: u64 = 300 * SECOND;
/// A callback for which nobody is free within a day is given up.
const CALLBACK_KEPT: u64 = 86_400 * SECOND;

impl Queue {
    /// The longest wait of a caller.
    fn longest_wait(&self, caller: &Caller) -> Option<u64> {
        let limit = secs(self.config.limits.max_wait_time);
        let early = self.config.voice.disable_answer && !caller.called_back;
        [(limit > 0).then_some(limit), early.then_some(EARLY_MEDIA)].into_iter().flatten().min()
    }

    /// When the first of those for whom nobody rings has been without an available agent for too long.
    pub(super) fn deadline(&self) -> Option<u64> {
        let limit = secs(self.config.limits.max_wait_time_with_no_agent);
        let since = self.staff.none_since.filter(|_| limit > 0)?;
        let (from, _) = self.line.alone.first()?;
        Some(since.max(from).saturating_add(limit))
    }
}

impl Caller {
    fn limit(&self, queue: &Queue) -> Option<u64> {
        queue.longest_wait(self).map(|wait| self.limits_from.saturating_add(wait))
    }

    /// When another level or a lower need may find an agent.
    fn next_opening(&self, queue: &Queue, now: u64) -> Option<u64> {
        let waited = self.waited(now);
        let needs = queue.classes.get(self.class).map_or(&[][..], |class| &class.needs);
        let next = [queue.next_level(waited), skills::next_step(needs, waited)];
        next.into_iter().flatten().min().map(|wait| self.joined.saturating_add(wait))
    }

    /// The next moment at which anything changes for it by time alone.
    pub(super) fn deadline(&self, queue: &Queue, now: u64) -> Option<u64> {
        let opening = || self.filed.open.and_then(|_| self.next_opening(queue, now));
        match &self.stage {
            Stage::Waiting { leaving, .. } => {
                let limit = self.limit(queue).filter(|_| !leaving);
                let hold = self.held(queue).filter(|at| *at > now);
                let said = self.said.next().filter(|_| !leaving);
                [limit, hold, said, opening()].into_iter().flatten().min()
            }
            Stage::Taken { leaving, .. } => self.limit(queue).filter(|_| !leaving),
            Stage::Parked { not_before, .. } => {
                let given_up = Some(self.limits_from.saturating_add(CALLBACK_KEPT));
                let ready = Some(*not_before).filter(|at| *at > now);
                [given_up, ready, opening()].into_iter().flatten().min()
            }
            Stage::CallingBack { until, .. } => Some(*until),
            Stage::Talking { .. } => None,
        }
    }
}

impl Acd {
    /// Something may have changed for a caller by time alone.
    pub(super) fn caller_due(&mut self, now: Now, call: CallId) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(queue) = self.queues.get(caller.queue) else { return };
        let over = caller.limit(queue).is_some_and(|at| at <= now.mono);
        let kept = caller.limits_from.saturating_add(CALLBACK_KEPT);
        match &mut caller.stage {
            Stage::Waiting { offers, leaving, .. } => {
                *leaving |= over;
                if over && offers.is_empty() {
                    return self.overflow(now, call, OverflowReason::Timeout);
                }
            }
            Stage::Taken { leaving, .. } => *leaving |= over,
            Stage::Parked { .. } if kept <= now.mono => return self.give_up(now, call),
            Stage::CallingBack { until, .. } if *until <= now.mono => {
                return self.callback_over(now, call);
            }
            Stage::Parked { .. } | Stage::CallingBack { .. } | Stage::Talking { .. } => {}
        }
        self.heralds.push(call);
    }

    /// A caller who waits leaves as if its longest wait were over: now, or when nobody rings for it any more.
    pub fn time_is_up(&mut self, now: Now, call: CallId) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        match &mut caller.stage {
            Stage::Waiting { offers, .. } if offers.is_empty() => {
                self.overflow(now, call, OverflowReason::Timeout);
            }
            Stage::Waiting { leaving, .. } | Stage::Taken { leaving, .. } => {
                *leaving = true;
                self.refresh_caller(now, call);
            }
            Stage::Parked { .. } | Stage::CallingBack { .. } | Stage::Talking { .. } => {}
        }
        self.settle(now);
    }

    /// Limits and pauses may be others now: what holds for a caller is decided anew.
    pub(super) fn reconsider(&mut self, now: Now, call: CallId) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(queue) = self.queues.get(caller.queue) else { return };
        let over = caller.limit(queue).is_some_and(|at| at <= now.mono);
        match &mut caller.stage {
            Stage::Waiting { offers, leaving, .. } => {
                *leaving = over;
                if over && offers.is_empty() {
                    return self.overflow(now, call, OverflowReason::Timeout);
                }
            }
            Stage::Taken { leaving, .. } => *leaving = over,
            Stage::Parked { .. } | Stage::CallingBack { .. } | Stage::Talking { .. } => {}
        }
        self.refresh_caller(now, call);
    }

    /// What is said comes after everything else that was due, so that a position is true.
    pub(super) fn announce_due(&mut self, now: Now) {
        for call in std::mem::take(&mut self.heralds) {
            self.announce(now, call);
            self.refresh_caller(now, call);
            if self.callers.get(&call).is_some_and(|caller| caller.filed.open.is_some()) {
                self.work.push_back(super::Work::Caller(call));
            }
        }
    }

    fn announce(&mut self, now: Now, call: CallId) {
        let Some(no) = self.callers.get(&call).map(|caller| caller.queue) else { return };
        while let Some(due) = self.next_due(now, no, call) {
            match due {
                Due::Announce => self.say(call, Saying::Announce),
                Due::CallbackOffer => self.say(call, Saying::CallbackOffer),
                Due::Position => self.announce_position(now, no, call),
            }
        }
    }

    fn next_due(&mut self, now: Now, no: QueueNo, call: CallId) -> Option<Due> {
        let queue = self.queues.get(no)?;
        let caller = self.callers.get_mut(&call)?;
        if !matches!(caller.stage, Stage::Waiting { leaving: false, .. }) {
            return None;
        }
        caller.said.take(now.mono, &queue.config)
    }

    fn announce_position(&mut self, now: Now, no: QueueNo, call: CallId) {
        let Some(queue) = self.queues.get(no) else { return };
        let Some(key) = self.callers.get(&call).and_then(|caller| caller.filed.line) else {
            return;
        };
        let position = queue.before(&key, now.mono) + 1;
        let wait = queue.tally.handling.estimate(now.mono, position);
        let wait = wait.filter(|_| queue.config.voice.announce_wait);
        self.say(call, Saying::Position(u32::try_from(position).unwrap_or(u32::MAX)));
        if let Some(secs) = wait {
            self.say(call, Saying::Wait { secs });
        }
    }

    pub(super) fn say(&mut self, call: CallId, what: Saying) {
        self.acts.push_back(Act::Say { call, what });
    }

    /// Nobody has been available for too long: everybody leaves whose time that was.
    pub(super) fn queue_due(&mut self, now: Now, no: QueueNo) {
        while let Some(queue) = self.queues.get(no)
            && queue.deadline().is_some_and(|at| at <= now.mono)
            && let Some((_, call)) = queue.line.alone.first()
        {
            self.overflow(now, call, OverflowReason::NoAgent);
        }
        self.refresh_queue(no);
    }

    /// After an offer: a caller whose longest wait, or longest time without agents, is over leaves now. True if it did.
    pub(super) fn leave_if_due(&mut self, now: Now, call: CallId) -> bool {
        let Some(caller) = self.callers.get(&call) else { return true };
        let no = caller.queue;
        let due = matches!(
            &caller.stage, Stage::Waiting { offers, leaving: true, .. } if offers.is_empty()
        );
        if due {
            self.overflow(now, call, OverflowReason::Timeout);
            return true;
        }
        self.queue_due(now, no);
        !self.callers.contains_key(&call)
    }
}

#[cfg(test)]
mod tests {
    use crate::vocab::acd::{Intent, OfferEnd};

    use super::super::testing::{Bench, bench, on_break};
    use super::*;

    const ONE: [(&str, u16, u16); 1] = [("a", 1, 1)];
    const TWO: [(&str, u16, u16); 2] = [("a", 1, 1), ("b", 1, 2)];

    #[test]
    fn the_longest_wait_ends_a_wait() {
        let mut bench = bench(&ONE, |queue| queue.limits.max_wait_time = 30);
        bench.intent("a", on_break());
        bench.join(1, "9001");
        bench.pass_ms(29_999);
        assert_eq!(bench.overflows(), []);
        bench.pass_ms(1);
        assert_eq!(bench.overflows(), [(1, OverflowReason::Timeout)]);
        assert_eq!(bench.acd.next_deadline().map(|at| at > bench.now.mono), Some(true));
    }

    #[test]
    fn whoever_rings_at_the_end_of_the_wait_rings_on_and_nobody_is_added() {
        let mut bench = bench(&TWO, |queue| {
            queue.limits.max_wait_time = 30;
            queue.choice.strategy = crate::vocab::acd::Strategy::RingAll;
        });
        bench.intent("b", on_break());
        bench.join(1, "9001");
        bench.pass(22);
        bench.offered();
        bench.pass(10);
        bench.intent("b", Intent::Available);
        assert_eq!(bench.offered(), "", "nobody is added");
        assert_eq!(bench.queue("9001").waiting, 1);
        bench.pass(9);
        assert_eq!(bench.overflows(), [(1, OverflowReason::Timeout)]);
    }

    #[test]
    fn an_answer_after_the_longest_wait_still_counts() {
        let mut bench = bench(&ONE, |queue| queue.limits.max_wait_time = 10);
        bench.join(1, "9001");
        bench.pass(15);
        bench.talk("a");
        bench.pass(100);
        assert_eq!(bench.overflows(), []);
        assert_eq!(bench.queue("9001").answered, 1);
    }

    #[test]
    fn a_winner_who_drops_after_the_longest_wait_was_the_last() {
        let mut bench = bench(&TWO, |queue| queue.limits.max_wait_time = 10);
        bench.join(1, "9001");
        let offer = bench.held("a");
        bench.answered(offer);
        bench.pass(15);
        bench.failed(offer, OfferEnd::Unreachable);
        assert_eq!(bench.overflows(), [(1, OverflowReason::Timeout)]);
    }

    fn without_agents() -> Bench {
        bench(&ONE, |queue| {
            queue.limits.max_wait_time_with_no_agent = 20;
            queue.limits.exit_with_no_av_agents = false;
        })
    }

    #[test]
    fn the_time_without_agents_must_be_unbroken() {
        let mut bench = without_agents();
        bench.intent("a", on_break());
        bench.join(1, "9001");
        bench.pass(15);
        bench.join(2, "9001");
        bench.acd.set_reachable(bench.now, &super::super::testing::agent_key("a"), false);
        bench.intent("a", Intent::Available);
        bench.intent("a", on_break());
        bench.pass(19);
        assert_eq!(bench.overflows(), []);
        bench.join(3, "9001");
        bench.pass(1);
        let both = [(1, OverflowReason::NoAgent), (2, OverflowReason::NoAgent)];
        assert_eq!(bench.overflows(), both);
        bench.pass(19);
        assert_eq!(bench.overflows(), [(3, OverflowReason::NoAgent)]);
    }

    #[test]
    fn an_answered_offer_outlasts_the_time_without_agents() {
        let mut bench = without_agents();
        bench.join(1, "9001");
        let offer = bench.held("a");
        bench.answered(offer);
        bench.intent("a", Intent::LoggedOut);
        bench.pass(30);
        assert_eq!(bench.overflows(), []);
        bench.failed(offer, OfferEnd::Unreachable);
        assert_eq!(bench.overflows(), [(1, OverflowReason::NoAgent)], "at once");
    }

    #[test]
    fn early_media_lasts_five_minutes() {
        let mut bench = bench(&ONE, |queue| queue.voice.disable_answer = true);
        bench.intent("a", on_break());
        bench.join(1, "9001");
        bench.pass(299);
        assert_eq!(bench.overflows(), []);
        bench.pass(1);
        assert_eq!(bench.overflows(), [(1, OverflowReason::Timeout)]);
    }

    fn said(bench: &mut Bench, call: u128) -> Vec<Saying> {
        let said = bench.acts().into_iter().filter_map(|act| match act {
            Act::Say { call: to, what } if to.0 == call => Some(what),
            _ => None,
        });
        said.collect()
    }

    #[test]
    fn callers_hear_their_place_and_never_wait_for_it() {
        let mut bench = bench(&ONE, |queue| {
            queue.voice.start_sound = Some("hello".into());
            queue.voice.announce_sound = Some("patience".into());
            queue.voice.announce_frequency = 20;
            queue.voice.position_announce_frequency = 30;
            queue.voice.announce_wait = true;
        });
        bench.join(9, "9001");
        bench.talk("a");
        bench.pass(40);
        bench.finished(9);
        bench.pass(2);
        bench.intent("a", on_break());
        bench.join(1, "9001");
        bench.join(2, "9001");
        assert_eq!(said(&mut bench, 2), [Saying::Start]);
        bench.pass(30);
        let wait = Saying::Wait { secs: 80 };
        assert_eq!(said(&mut bench, 2), [Saying::Announce, Saying::Position(2), wait]);
        bench.intent("a", Intent::Available);
        bench.pass(10);
        assert_eq!(said(&mut bench, 1), [Saying::Announce], "also while an agent rings");
        let offer = bench.held("a");
        bench.answered(offer);
        bench.pass(100);
        assert_eq!(said(&mut bench, 1), [], "not once it was answered");
    }
}
