//! Callbacks: the caller hung up and its place stays; when its turn comes an agent is reserved and the caller rung back.

use crate::vocab::acd::OfferEnd;
use crate::vocab::{CallId, EventKind, InteractionId, Now};

use super::act::Act;
use super::announce::Schedule;
use super::caller::Stage;
use super::numbers::{AgentNo, SECOND};
use super::{Acd, Work};

/// A callback is tried so often ...
const ATTEMPTS: u8 = 2;
/// ... with this pause between.
const PAUSE: u64 = 60 * SECOND;

impl Acd {
    /// The caller accepted a callback: whoever rings stops, the place stays.
    pub(super) fn park(&mut self, now: Now, call: CallId) {
        if !self.callers.get(&call).is_some_and(|c| {
            matches!(c.stage, Stage::Waiting { .. } | Stage::Taken { .. }) && !c.number.is_empty()
        }) {
            return;
        }
        self.end_offers_of(now, call, OfferEnd::CallerGone);
        let Some(caller) = self.callers.get_mut(&call) else { return };
        caller.stage = Stage::Parked { attempts: 0, not_before: now.mono };
        caller.limits_from = now.mono;
        caller.same_tried = true;
        self.count_callback(now, call);
        self.refresh_caller(now, call);
        // Levels that were closed by those who rang are open now.
        self.work.push_back(Work::Caller(call));
    }

    /// An agent is reserved: the caller is to be rung back.
    pub(super) fn call_back(&mut self, call: CallId, no: AgentNo, attempt: u8) {
        let Some(caller) = self.callers.get(&call) else { return };
        let Some(queue) = self.queues.get(caller.queue) else { return };
        let Some(agent) = self.agents.get(no) else { return };
        self.acts.push_back(Act::CallBack {
            call,
            queue: queue.config.key.clone(),
            agent: agent.config.key.clone(),
            number: caller.number.clone(),
            attempt,
        });
    }

    /// The called-back caller answered: from now on it is `as_call`, in its old place, and its reserved agent is offered.
    /// False if it is not being called back (any more), or there is such a call already.
    pub fn callback_ready(&mut self, now: Now, call: CallId, as_call: CallId) -> bool {
        let ready = self.resume(now, call, as_call);
        self.settle(now);
        ready
    }

    fn resume(&mut self, now: Now, call: CallId, as_call: CallId) -> bool {
        let Some(stage) = self.callers.get(&call).map(|caller| caller.stage.clone()) else {
            return false;
        };
        let Stage::CallingBack { offer, .. } = stage else { return false };
        if as_call != call && self.callers.contains_key(&as_call) {
            return false;
        }
        let Some(mut caller) = self.take_caller(call) else { return false };
        let queue = caller.queue;
        let Some(config) = self.queues.get(queue).map(|queue| &queue.config) else { return false };
        caller.call = as_call;
        caller.limits_from = now.mono;
        caller.called_back = true;
        caller.said = Schedule::new(now.mono, config);
        let mut waiting = Stage::waiting();
        if let Stage::Waiting { offers, exclusive, .. } = &mut waiting {
            offers.extend(offer);
            *exclusive = offer.is_some();
        }
        caller.stage = waiting;
        let event = EventKind::CallerQueued {
            call: as_call,
            interaction: InteractionId::default(),
            queue: config.key.clone(),
            number: caller.number.clone(),
            priority: caller.base,
        };
        let tenant = config.key.tenant.clone();
        self.callers.insert(as_call, caller);
        self.publish(&tenant, event);
        if let Some(offer) = offer {
            if let Some(ring) = self.offers.get_mut(&offer) {
                ring.call = as_call;
            }
            self.ring(now, offer);
        }
        self.refresh_caller(now, as_call);
        true
    }

    /// One attempt to reach the caller failed: the second follows 60 s later, then the place is given up.
    pub fn callback_failed(&mut self, now: Now, call: CallId) {
        self.callback_over(now, call);
        self.settle(now);
    }

    /// There was no room to ring the caller back: it is tried again after the usual pause, as often as it takes.
    pub fn callback_postponed(&mut self, now: Now, call: CallId) {
        let stage = self.callers.get_mut(&call).map(|caller| &mut caller.stage);
        if let Some(Stage::CallingBack { attempt, .. }) = stage {
            *attempt = attempt.saturating_sub(1);
        }
        self.callback_over(now, call);
        self.settle(now);
    }

    pub(super) fn callback_over(&mut self, now: Now, call: CallId) {
        let Some(caller) = self.callers.get(&call) else { return };
        let Stage::CallingBack { attempt, offer, .. } = caller.stage else { return };
        if let Some(offer) = offer {
            self.end_offer(now, offer, OfferEnd::CallerGone, false);
        }
        if attempt >= ATTEMPTS {
            return self.give_up(now, call);
        }
        if let Some(caller) = self.callers.get_mut(&call) {
            caller.stage =
                Stage::Parked { attempts: attempt, not_before: now.mono.saturating_add(PAUSE) };
        }
        self.refresh_caller(now, call);
    }

    /// Nobody was reached, or nobody was free in time: the place is gone.
    pub(super) fn give_up(&mut self, now: Now, call: CallId) {
        self.end_offers_of(now, call, OfferEnd::CallerGone);
        self.count_given_up(now, call);
        self.drop_caller(call);
    }
}

#[cfg(test)]
mod tests {
    use crate::vocab::acd::{Activity, Intent, MemberState};

    use super::super::act::{Leaving, OrderError};
    use super::super::testing::{Bench, bench, on_break, queue_key};
    use super::*;

    const ONE: [(&str, u16, u16); 1] = [("a", 1, 1)];

    /// Call 1 wants to be called back, call 2 waits behind it, and the agent is free.
    fn parked() -> Bench {
        let mut bench = bench(&ONE, |_| ());
        bench.intent("a", on_break());
        bench.join(1, "9001");
        bench.join(2, "9001");
        bench.leave(1, Leaving::Callback);
        bench.leave(1, Leaving::HungUp);
        bench.pass(5);
        bench.acts();
        bench.intent("a", Intent::Available);
        bench
    }

    fn called_back(bench: &mut Bench) -> Vec<(u128, u8)> {
        let acts = bench.acts().into_iter().filter_map(|act| match act {
            Act::CallBack { call, attempt, .. } => Some((call.0, attempt)),
            Act::Offer(_) => panic!("nobody is to ring yet"),
            _ => None,
        });
        acts.collect()
    }

    #[test]
    fn the_place_stays_and_its_agent_is_reserved_until_both_are_there() {
        let mut bench = parked();
        assert_eq!(called_back(&mut bench), [(1, 1)]);
        assert!(matches!(bench.activity("a"), Activity::Offered { .. }));
        bench.pass(20);
        assert!(bench.acd.callback_ready(bench.now, CallId(1), CallId(77)));
        bench.check();
        assert_eq!(bench.offers(), [("a".into(), 77)]);
        assert!(!bench.acd.callback_ready(bench.now, CallId(1), CallId(78)));
        bench.talk("a");
        let members = bench.acd.members(bench.now, &queue_key("9001"), 0, 9).expect("a queue");
        let states: Vec<_> = members.items.iter().map(|m| (m.call.0, m.state)).collect();
        assert_eq!(states, [(2, MemberState::Waiting), (77, MemberState::Answered)]);
        assert_eq!(bench.counted("9001").callbacks, 1);
    }

    #[test]
    fn a_callback_finds_the_levels_open_that_were_closed_by_those_who_rang() {
        let mut bench = bench(&[("a", 1, 1), ("b", 2, 1)], |queue| {
            queue.choice.strategy = crate::vocab::acd::Strategy::RingAll;
            queue.choice.tier_rules_apply = false;
        });
        bench.join(1, "9001");
        assert_eq!(bench.offered(), "a");
        bench.leave(1, Leaving::Callback);
        assert_eq!(called_back(&mut bench), [(1, 1)]);
        assert!(matches!(bench.activity("b"), Activity::Offered { .. }));
    }

    #[test]
    fn a_called_back_caller_keeps_its_place_when_the_agent_does_not_answer() {
        let mut bench = parked();
        bench.acd.callback_ready(bench.now, CallId(1), CallId(77));
        bench.check();
        bench.offers();
        let offer = bench.held("a");
        bench.failed(offer, OfferEnd::Rejected);
        bench.pass(1);
        assert_eq!(bench.offers(), [("a".into(), 77)], "before call 2");
    }

    #[test]
    fn two_attempts_then_the_place_is_given_up() {
        let mut bench = parked();
        called_back(&mut bench);
        bench.acd.callback_failed(bench.now, CallId(1));
        bench.check();
        assert_eq!(bench.offers(), [("a".into(), 2)], "free at once for the next");
        bench.talk("a");
        bench.pass(59);
        bench.finished(2);
        assert_eq!(called_back(&mut bench), []);
        bench.pass(1);
        assert_eq!(called_back(&mut bench), [(1, 2)]);
        bench.pass(29);
        assert!(matches!(bench.activity("a"), Activity::Offered { .. }));
        bench.pass(1);
        assert_eq!(bench.activity("a"), Activity::Idle, "no report is a failure");
        assert_eq!(bench.counted("9001").callbacks_given_up, 1);
        assert_eq!(bench.queue("9001").waiting, 0);
    }

    #[test]
    fn a_reserved_agent_who_logs_out_leaves_the_caller_in_line() {
        let mut bench = parked();
        bench.intent("a", Intent::LoggedOut);
        assert!(bench.acd.callback_ready(bench.now, CallId(1), CallId(77)));
        bench.check();
        bench.intent("a", Intent::Available);
        let offers: Vec<_> = bench
            .acts()
            .into_iter()
            .filter_map(|act| match act {
                Act::Offer(offer) => Some(offer.call.0),
                _ => None,
            })
            .collect();
        assert_eq!(offers, [77]);
    }

    #[test]
    fn a_place_that_nobody_can_serve_is_given_up_after_a_day() {
        let mut bench = parked();
        bench.intent("a", Intent::LoggedOut);
        bench.acd.callback_failed(bench.now, CallId(1));
        bench.check();
        bench.pass(86_394);
        assert_eq!(bench.queue("9001").waiting, 2);
        bench.pass(1);
        assert_eq!(bench.queue("9001").waiting, 1);
        let error = bench.acd.end_wrap_up(bench.now, &super::super::testing::agent_key("a"));
        assert_eq!(error, Err(OrderError::NotWrappingUp));
    }
}
