//! Offers: how they begin and how they end. An agent holds at most one, and each ends in exactly one way.

use smallvec::SmallVec;

use crate::vocab::acd::{AgentPlace, Intent, IntentSource, OfferEnd, OfferId};
use crate::vocab::{CallId, EventKind, InteractionId, Now};

use super::act::{Act, Offer};
use super::agent::{Agent, State, pause, ring_time};
use super::caller::Stage;
use super::numbers::{AgentNo, MS, QueueNo, SECOND};
use super::timers::Timer;
use super::{Acd, Work};

/// An agent who answered is bridged within this time: announcements to both sides included.
const HELD: u64 = 120 * SECOND;
/// A caller is rung back for 25 s; the report has this long.
const CALLS_BACK: u64 = 30 * SECOND;

/// What an offer does. Times are monotonic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ringing {
    /// The agent is kept while the caller is being called back.
    Reserved { until: u64 },
    /// The agent's phone rings.
    Rings { since: u64, until: u64 },
    /// The agent answered, and is to be bridged.
    Held { since: u64, answered: u64, until: u64 },
}

/// An offer in progress.
#[derive(Debug, Clone)]
pub(super) struct Ring {
    pub agent: AgentNo,
    pub call: CallId,
    pub queue: QueueNo,
    pub level: u16,
    pub stage: Ringing,
}

impl Ring {
    pub fn deadline(&self) -> u64 {
        match self.stage {
            Ringing::Reserved { until }
            | Ringing::Rings { until, .. }
            | Ringing::Held { until, .. } => until,
        }
    }

    /// How long the phone rang, in ms.
    pub fn rang_ms(&self, now: u64) -> u64 {
        match self.stage {
            Ringing::Reserved { .. } => 0,
            Ringing::Rings { since, .. } => now.saturating_sub(since) / MS,
            Ringing::Held { since, answered, .. } => answered.saturating_sub(since) / MS,
        }
    }
}

impl Acd {
    /// Gives a caller to an agent: both are free for each other.
    pub(super) fn make_offer(&mut self, now: Now, call: CallId, no: AgentNo, exclusive: bool) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(agent) = self.agents.get_mut(no) else { return };
        let Some(queue) = self.queues.get_mut(caller.queue) else { return };
        let Some(served) = agent.served_in(caller.queue) else { return };
        let (level, walked) = (served.level, (served.position, agent.config.key.clone()));
        self.last_offer += 1;
        let offer = OfferId(self.last_offer);
        let back = match &mut caller.stage {
            Stage::Waiting { offers, exclusive: only, added, .. } => {
                offers.push(offer);
                (*only, *added) = (exclusive, now.mono);
                None
            }
            Stage::Parked { attempts, .. } => {
                let (attempt, until) = (*attempts + 1, now.mono + CALLS_BACK);
                caller.stage = Stage::CallingBack { attempt, offer: Some(offer), until };
                Some(attempt)
            }
            Stage::Taken { .. } | Stage::CallingBack { .. } | Stage::Talking { .. } => return,
        };
        caller.same_tried |= exclusive;
        queue.last = Some(walked.clone());
        caller.walked = Some(walked);
        agent.state = State::Offered { offer };
        let until = now.mono + CALLS_BACK;
        let stage = Ringing::Reserved { until };
        let ring = Ring { agent: no, call, queue: caller.queue, level, stage };
        self.offers.insert(offer, ring);
        self.arm(None, Timer::Offer(offer), Some(until));
        match back {
            None => self.ring(now, offer),
            Some(attempt) => {
                self.refresh_agent(now, no);
                self.call_back(call, no, attempt);
            }
        }
        self.refresh_caller(now, call);
    }

    /// The agent's phone is to ring for an offer that was made.
    pub(super) fn ring(&mut self, now: Now, offer: OfferId) {
        let Some(ring) = self.offers.get(&offer) else { return };
        let (no, call) = (ring.agent, ring.call);
        let Some(agent) = self.agents.get(no) else { return };
        let Some(queue) = self.queues.get(ring.queue) else { return };
        let key = queue.config.key.clone();
        let tenant = self.tenants.get(&key.tenant).map(|tenant| &tenant.times);
        let rings = ring_time([Some(&agent.config.times), Some(&queue.config.times), tenant]);
        let place = agent.place().unwrap_or(AgentPlace::Number(String::new()));
        let remote = matches!(place, AgentPlace::Number(_));
        let confirm = remote.then_some(agent.config.confirm_key);
        let agent_key = agent.config.key.clone();
        let until = now.mono.saturating_add(rings);
        let before = ring.deadline();
        if let Some(ring) = self.offers.get_mut(&offer) {
            ring.stage = Ringing::Rings { since: now.mono, until };
        }
        self.arm(Some(before), Timer::Offer(offer), Some(until));
        self.count_offered(now, no, &key);
        self.refresh_agent(now, no);
        let event = EventKind::AgentOffered {
            agent: agent_key.clone(),
            offer,
            queue: key.clone(),
            call,
            interaction: InteractionId::default(),
        };
        self.publish(&key.tenant, event);
        let ring_ms = rings / MS;
        let agent = agent_key;
        let queue = key;
        let offer = Offer { offer, agent, call, queue, place, ring_ms, confirm };
        self.acts.push_back(Act::Offer(offer));
    }

    /// Ends an offer and frees both sides of it; the caller's further way is the business of [`Acd::after_offer`]. With
    /// `cancel` the phone is to stop.
    pub(super) fn end_offer(&mut self, now: Now, offer: OfferId, end: OfferEnd, cancel: bool) {
        let Some(ring) = self.offers.remove(&offer) else { return };
        self.arm(Some(ring.deadline()), Timer::Offer(offer), None);
        let rang = !matches!(ring.stage, Ringing::Reserved { .. });
        self.detach(now, ring.call, offer);
        if rang {
            self.publish_end(now, offer, &ring, end);
            self.count_ended(now, &ring, end);
            if cancel {
                self.acts.push_back(Act::Cancel { offer, call: ring.call, end });
            }
        }
        let on_break = self.release(now, &ring, end, rang);
        self.refresh_agent(now, ring.agent);
        if on_break {
            let reason = "no_answer".to_owned();
            let intent = Intent::OnBreak { reason, sub_state: String::new() };
            self.change_intent(now, ring.agent, intent, IntentSource::Switch);
        }
    }

    fn publish_end(&mut self, now: Now, offer: OfferId, ring: &Ring, end: OfferEnd) {
        let Some(agent) = self.agents.get(ring.agent).map(|agent| agent.config.key.clone()) else {
            return;
        };
        let Some(queue) = self.queues.get(ring.queue).map(|queue| queue.config.key.clone()) else {
            return;
        };
        let tenant = queue.tenant.clone();
        let (call, rang_ms) = (ring.call, ring.rang_ms(now.mono));
        let event = EventKind::OfferEnded { agent, offer, queue, call, end, rang_ms };
        self.publish(&tenant, event);
    }

    /// What an ended offer means for its agent. True if it has missed too many and goes on break.
    fn release(&mut self, now: Now, ring: &Ring, end: OfferEnd, rang: bool) -> bool {
        let Some(agent) = self.agents.get_mut(ring.agent) else { return false };
        let queue = self.queues.get(ring.queue).map(|queue| &queue.config);
        let tenant = self.tenants.get(&agent.config.key.tenant).map(|tenant| &tenant.times);
        let layers = [Some(&agent.config.times), queue.map(|queue| &queue.times), tenant];
        if !rang {
            agent.state = agent.at_rest(now.mono);
            return false;
        }
        agent.past.rest_until = now.mono + SECOND;
        if end == OfferEnd::Answered {
            let (call, queue) = (ring.call, ring.queue);
            agent.state = State::Talking { call, queue, since: now.mono, disposed: false };
            return agent_learns(agent, now.mono, end);
        }
        let wait = match end {
            OfferEnd::NoAnswer => pause(layers, |times| times.no_answer_delay_time),
            OfferEnd::Busy => pause(layers, |times| times.busy_delay_time),
            OfferEnd::Rejected => pause(layers, |times| times.reject_delay_time),
            OfferEnd::Unreachable => back_off(agent),
            OfferEnd::Answered
            | OfferEnd::CallerGone
            | OfferEnd::WonByAnother
            | OfferEnd::Withdrawn => SECOND,
        };
        agent.past.rest_until = now.mono.saturating_add(wait);
        agent.state = State::CoolingDown { until: agent.past.rest_until };
        agent_learns(agent, now.mono, end)
    }

    /// A caller no longer holds an offer.
    fn detach(&mut self, now: Now, call: CallId, offer: OfferId) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        match &mut caller.stage {
            Stage::Waiting { offers, exclusive, .. } => {
                offers.retain(|held| *held != offer);
                *exclusive &= !offers.is_empty();
            }
            Stage::Taken { offer: held, leaving } if *held == offer => {
                let leaving = *leaving;
                let offers = SmallVec::new();
                caller.stage = Stage::Waiting { offers, exclusive: false, added: 0, leaving };
            }
            Stage::CallingBack { offer: held, .. } if *held == Some(offer) => *held = None,
            _ => {}
        }
        self.refresh_caller(now, call);
    }

    /// Whoever waited for an offer that ended goes on: leaves if its time is over, or wants the next agent.
    pub(super) fn after_offer(&mut self, now: Now, call: CallId) {
        if !self.leave_if_due(now, call) {
            self.refresh_caller(now, call);
            self.work.push_back(Work::Caller(call));
        }
    }

    /// The ring time, or the time to bridge, is over; or a callback was never reported.
    pub(super) fn offer_due(&mut self, now: Now, offer: OfferId) {
        let Some(ring) = self.offers.get(&offer) else { return };
        let call = ring.call;
        match ring.stage {
            // Its call's own deadline comes at the same time.
            Ringing::Reserved { .. } => {
                self.end_offer(now, offer, OfferEnd::CallerGone, false);
                self.callback_over(now, call);
            }
            Ringing::Rings { .. } => {
                self.end_offer(now, offer, OfferEnd::NoAnswer, true);
                self.after_offer(now, call);
            }
            Ringing::Held { .. } => {
                self.end_offer(now, offer, OfferEnd::Unreachable, true);
                self.after_offer(now, call);
            }
        }
    }

    /// When an offer that was answered must be bridged.
    pub(super) fn held_until(now: Now) -> u64 {
        now.mono.saturating_add(HELD)
    }
}

fn back_off(agent: &mut Agent) -> u64 {
    agent.back_off()
}

/// An agent's past after an offer. True if it has missed too many in a row.
fn agent_learns(agent: &mut Agent, now: u64, end: OfferEnd) -> bool {
    match end {
        OfferEnd::NoAnswer | OfferEnd::Busy | OfferEnd::Rejected | OfferEnd::Unreachable => {
            agent.past.idle_since = now;
        }
        OfferEnd::Answered
        | OfferEnd::CallerGone
        | OfferEnd::WonByAnother
        | OfferEnd::Withdrawn => {}
    }
    match end {
        OfferEnd::NoAnswer | OfferEnd::Busy | OfferEnd::Rejected | OfferEnd::Answered => {
            agent.past.unreachable = 0;
        }
        _ => {}
    }
    match end {
        OfferEnd::Answered => agent.past.missed = 0,
        OfferEnd::NoAnswer => agent.past.missed = agent.past.missed.saturating_add(1),
        _ => {}
    }
    let most = agent.config.max_no_answer;
    let enough = end == OfferEnd::NoAnswer && most > 0 && agent.past.missed >= most;
    if enough {
        agent.past.missed = 0;
    }
    enough
}

#[cfg(test)]
mod tests {
    use crate::vocab::acd::Activity;

    use super::super::act::Leaving;
    use super::super::testing::{Bench, agent_config, agent_key, bench, on_break, queue_config};
    use super::*;

    const ONE: [(&str, u16, u16); 1] = [("a", 1, 1)];
    const TWO: [(&str, u16, u16); 2] = [("a", 1, 1), ("b", 1, 2)];

    fn ring_all(queue: &mut crate::vocab::acd::QueueConfig) {
        queue.choice.strategy = crate::vocab::acd::Strategy::RingAll;
    }

    #[test]
    fn an_offer_that_nobody_reports_on_ends_by_itself() {
        let mut bench = bench(&ONE, |_| ());
        bench.join(1, "9001");
        let offer = bench.held("a");
        bench.pass_ms(19_999);
        assert_eq!(bench.cancels(), []);
        bench.pass_ms(1);
        assert_eq!(bench.cancels(), [(1, OfferEnd::NoAnswer)]);
        assert!(!bench.answered(offer), "it is over");
        assert!(!bench.failed(offer, OfferEnd::Busy));
        assert!(matches!(bench.activity("a"), Activity::CoolingDown { .. }));
        bench.pass(1);
        assert_ne!(bench.held("a"), offer, "the same agent again, a second later");
    }

    #[test]
    fn an_answered_offer_that_is_never_bridged_ends_too() {
        let mut bench = bench(&ONE, |_| ());
        bench.join(1, "9001");
        let offer = bench.held("a");
        assert!(bench.answered(offer));
        assert!(!bench.answered(offer), "once");
        assert!(matches!(bench.activity("a"), Activity::Offered { .. }));
        bench.pass(119);
        assert_eq!(bench.cancels(), []);
        bench.pass(1);
        assert_eq!(bench.cancels(), [(1, OfferEnd::Unreachable)]);
        assert!(!bench.bridged(offer));
        assert_eq!(bench.queue("9001").waiting, 1, "the caller keeps its place");
    }

    #[test]
    fn an_offer_is_not_bridged_before_it_is_answered() {
        let mut bench = bench(&ONE, |_| ());
        bench.join(1, "9001");
        let offer = bench.held("a");
        assert!(!bench.bridged(offer));
        assert!(bench.answered(offer) && bench.bridged(offer));
        assert!(!bench.bridged(offer));
        assert!(matches!(bench.activity("a"), Activity::Talking { .. }));
    }

    #[test]
    fn the_first_to_answer_wins_and_the_others_lose_nothing() {
        let mut bench = bench(&TWO, ring_all);
        bench.join(1, "9001");
        let (first, second) = (bench.held("a"), bench.held("b"));
        assert!(bench.answered(second));
        assert!(!bench.answered(first), "a crossing answer is too late");
        assert_eq!(bench.cancels(), [(1, OfferEnd::WonByAnother)]);
        bench.pass(1);
        assert_eq!(bench.activity("a"), Activity::Idle);
        assert_eq!(bench.agent_counted("a").missed, 0);
        assert_eq!(bench.view("a").missed, 0);
    }

    #[test]
    fn when_the_winner_drops_the_others_ring_again_and_the_caller_keeps_its_place() {
        let mut bench = bench(&TWO, ring_all);
        bench.join(1, "9001");
        let winner = bench.held("a");
        bench.answered(winner);
        bench.pass(1);
        bench.offered();
        assert!(bench.failed(winner, OfferEnd::Busy));
        assert_eq!(bench.offered(), "b", "at once");
        bench.pass(1);
        assert_eq!(bench.offered(), "a", "after its pause of a second");
        assert_eq!(bench.queue("9001").waiting, 1);
    }

    #[test]
    fn each_end_has_its_own_pause() {
        let mut bench = bench(&ONE, |queue| {
            queue.times.no_answer_delay_time = Some(5);
            queue.times.busy_delay_time = Some(7);
            queue.times.reject_delay_time = Some(0);
        });
        let pause = |bench: &mut Bench, end| {
            let offer = bench.held("a");
            bench.failed(offer, end);
            let mut seconds = 0;
            while !matches!(bench.activity("a"), Activity::Offered { .. }) {
                bench.pass(1);
                seconds += 1;
            }
            seconds
        };
        bench.join(1, "9001");
        assert_eq!(pause(&mut bench, OfferEnd::NoAnswer), 5);
        assert_eq!(pause(&mut bench, OfferEnd::Busy), 7);
        assert_eq!(pause(&mut bench, OfferEnd::Rejected), 1, "never less than a second");
        assert_eq!(pause(&mut bench, OfferEnd::Unreachable), 1);
        assert_eq!(pause(&mut bench, OfferEnd::Unreachable), 2);
        assert_eq!(pause(&mut bench, OfferEnd::Unreachable), 4);
        assert_eq!(pause(&mut bench, OfferEnd::Busy), 7);
        assert_eq!(pause(&mut bench, OfferEnd::Unreachable), 1, "another end in between");
    }

    #[test]
    fn a_caller_who_leaves_stops_the_ringing() {
        let mut bench = bench(&TWO, ring_all);
        bench.join(1, "9001");
        let offer = bench.held("a");
        bench.leave(1, Leaving::HungUp);
        assert_eq!(bench.cancels(), [(1, OfferEnd::CallerGone), (1, OfferEnd::CallerGone)]);
        assert!(!bench.answered(offer));
        bench.join(2, "9001");
        assert_eq!(bench.offered(), "", "a second lies between two offers");
        bench.pass(1);
        assert_eq!(bench.offered(), "a b");
    }

    #[test]
    fn too_many_misses_in_a_row_are_a_break() {
        let mut agent = agent_config("a", &[("9001", 1, 1)]);
        agent.max_no_answer = 2;
        let mut bench = Bench::new(vec![queue_config("9001")], vec![agent]);
        bench.join(1, "9001");
        bench.pass(21);
        let offer = bench.held("a");
        bench.failed(offer, OfferEnd::Busy);
        bench.pass(22);
        let view = bench.view("a");
        let reason = "no_answer".to_owned();
        assert_eq!(view.intent, Intent::OnBreak { reason, sub_state: String::new() });
        assert_eq!(view.missed, 0);
        bench.intent("a", Intent::Available);
        bench.pass(21);
        assert_eq!(bench.view("a").missed, 1);
        bench.talk("a");
        assert_eq!(bench.view("a").missed, 0, "an answer ends the row");
    }

    #[test]
    fn a_break_withdraws_an_offer_that_rings_but_not_one_that_was_answered() {
        let mut bench = bench(&ONE, |_| ());
        bench.join(1, "9001");
        bench.intent("a", on_break());
        assert_eq!(bench.cancels(), [(1, OfferEnd::Withdrawn)]);
        bench.intent("a", Intent::Available);
        bench.pass(1);
        let offer = bench.held("a");
        bench.answered(offer);
        bench.intent("a", Intent::LoggedOut);
        assert_eq!(bench.cancels(), []);
        assert!(bench.bridged(offer));
    }

    #[test]
    fn a_remote_agent_confirms_by_a_key() {
        let mut agent = agent_config("a", &[("9001", 1, 1)]);
        agent.places = vec![AgentPlace::Number("0571".into())];
        agent.times.call_timeout = Some(33);
        let mut bench = Bench::new(vec![queue_config("9001")], vec![agent]);
        bench.join(1, "9001");
        let offers = bench.acts().into_iter().filter_map(|act| match act {
            Act::Offer(offer) => Some(offer),
            _ => None,
        });
        let offer = offers.collect::<Vec<_>>().pop().expect("an offer");
        assert_eq!((offer.confirm, offer.ring_ms), (Some('1'), 33_000));
        assert_eq!(offer.agent, agent_key("a"));
    }
}
