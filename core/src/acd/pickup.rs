//! Somebody takes a waiting caller off the phones that ring for it.
//!
//! An agent of the queue who picks up has it as if the offer had been its own: an offer is made to it that is answered in
//! the same moment. Anybody else takes the caller out of the queue: it counts as `picked_up`, neither as answered nor as
//! abandoned. Those whose phones rang have missed nothing in either case.

use crate::vocab::acd::{AgentKey, OfferEnd, OfferId};
use crate::vocab::{CallId, EventKind, InteractionId, Now};

use super::agent::State;
use super::caller::Stage;
use super::numbers::AgentNo;
use super::offer::{Ring, Ringing};
use super::timers::Timer;
use super::{Acd, QueueNo};

impl Acd {
    /// Whether a phone rings for this caller, so that somebody else may take it.
    pub fn rings(&self, call: CallId) -> bool {
        let Some(caller) = self.callers.get(&call) else { return false };
        let Stage::Waiting { offers, .. } = &caller.stage else { return false };
        let rings = |offer| self.offers.get(offer).map(|ring| ring.stage);
        offers.iter().any(|offer| matches!(rings(offer), Some(Ringing::Rings { .. })))
    }

    /// Whether an agent serves the queue in which this caller waits.
    pub fn serves(&self, agent: &AgentKey, call: CallId) -> bool {
        let (no, caller) = (self.defined_agent(agent), self.callers.get(&call));
        let agent = no.and_then(|no| self.agents.get(no)).filter(|agent| agent.is_logged_in());
        agent.zip(caller).is_some_and(|(agent, caller)| agent.served_in(caller.queue).is_some())
    }

    /// An agent takes a caller for whom others ring: its offer is answered already, and [`Acd::bridged`] or
    /// [`Acd::failed`] follows. `None`, and nothing has changed, where nobody rings, the agent does not serve the queue,
    /// is logged out, or has a caller of a queue already.
    pub fn pick_up(&mut self, now: Now, call: CallId, agent: &AgentKey) -> Option<OfferId> {
        if !self.rings(call) || !self.serves(agent, call) {
            return None;
        }
        let no = self.defined_agent(agent)?;
        let queue = self.callers.get(&call)?.queue;
        let offer = match self.agents.get(no)?.state {
            State::Talking { .. } => return None,
            State::Offered { offer } => self.given_up_for(now, call, offer)?,
            State::WrappingUp { .. } => {
                self.wrapped_up(now, no);
                None
            }
            State::Idle | State::CoolingDown { .. } => None,
        };
        let offer = match offer {
            Some(own) => own,
            None => self.offer_unasked(now, call, no, queue)?,
        };
        let won = self.answered(now, offer);
        won.then_some(offer)
    }

    /// What becomes of the offer that a picker holds: its own of this caller stays, one of another caller is withdrawn.
    /// Outer `None`: it has answered that one.
    fn given_up_for(&mut self, now: Now, call: CallId, held: OfferId) -> Option<Option<OfferId>> {
        let ring = self.offers.get(&held)?;
        if !matches!(ring.stage, Ringing::Rings { .. }) {
            return None;
        }
        if ring.call == call {
            return Some(Some(held));
        }
        let other = ring.call;
        self.end_offer(now, held, OfferEnd::Withdrawn, true);
        self.after_offer(now, other);
        Some(None)
    }

    /// An offer to an agent who asked for the caller itself: no phone is to ring for it.
    fn offer_unasked(
        &mut self,
        now: Now,
        call: CallId,
        no: AgentNo,
        queue: QueueNo,
    ) -> Option<OfferId> {
        let key = self.queues.get(queue)?.config.key.clone();
        let agent = self.agents.get_mut(no)?;
        let level = agent.served_in(queue)?.level;
        let agent_key = agent.config.key.clone();
        let caller = self.callers.get_mut(&call)?;
        let Stage::Waiting { offers, .. } = &mut caller.stage else { return None };
        self.last_offer += 1;
        let offer = OfferId(self.last_offer);
        offers.push(offer);
        agent.state = State::Offered { offer };
        let until = now.mono;
        let stage = Ringing::Rings { since: now.mono, until };
        self.offers.insert(offer, Ring { agent: no, call, queue, level, stage });
        self.arm(None, Timer::Offer(offer), Some(until));
        self.count_offered(now, no, &key);
        self.refresh_agent(now, no);
        let interaction = InteractionId::default();
        let tenant = key.tenant.clone();
        let event =
            EventKind::AgentOffered { agent: agent_key, offer, queue: key, call, interaction };
        self.publish(&tenant, event);
        Some(offer)
    }

    /// Somebody who is no agent of the queue took the caller: it has left, and whoever rang lost nothing. False, and
    /// nothing has changed, where nobody rings.
    pub fn picked_up_outside(&mut self, now: Now, call: CallId) -> bool {
        if !self.rings(call) {
            return false;
        }
        self.end_offers_of(now, call, OfferEnd::WonByAnother);
        self.count_picked_up(now, call);
        self.drop_caller(call);
        self.settle(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::vocab::acd::{Activity, Intent};

    use super::super::testing::{Bench, agent_key, bench, on_break};
    use super::*;

    const TWO: [(&str, u16, u16); 2] = [("a", 1, 1), ("b", 1, 2)];

    fn pick_up(bench: &mut Bench, call: u128, agent: &str) -> Option<OfferId> {
        let taken = bench.acd.pick_up(bench.now, CallId(call), &agent_key(agent));
        bench.check();
        taken
    }

    #[test]
    fn an_agent_who_picks_up_talks_and_wraps_up_and_the_other_has_missed_nothing() {
        let mut bench = bench(&TWO, |queue| queue.times.wrap_up_time = Some(10));
        bench.join(1, "9001");
        let rang = bench.held("a");
        bench.pass(3);
        let taken = pick_up(&mut bench, 1, "b").expect("it rings");
        assert_ne!(taken, rang);
        assert_eq!(bench.cancels(), [(1, OfferEnd::WonByAnother)]);
        assert!(!bench.answered(rang), "a crossing answer is too late");
        assert!(bench.bridged(taken));
        assert!(matches!(bench.activity("b"), Activity::Talking { .. }));
        bench.pass(1);
        assert_eq!(bench.activity("a"), Activity::Idle);
        assert_eq!(bench.agent_counted("a").missed, 0);
        let (b, queue) = (bench.agent_counted("b"), bench.counted("9001"));
        assert_eq!((b.offered, b.answered), (1, 1));
        assert_eq!((queue.answered, queue.picked_up, queue.offered), (1, 0, 2));
        bench.finished(1);
        assert!(matches!(bench.activity("b"), Activity::WrappingUp { .. }));
    }

    #[test]
    fn the_offered_agent_itself_may_pick_up() {
        let mut bench = bench(&TWO, |_| ());
        bench.join(1, "9001");
        let rang = bench.held("a");
        assert_eq!(pick_up(&mut bench, 1, "a"), Some(rang));
        assert!(bench.bridged(rang));
        assert_eq!(bench.counted("9001").offered, 1);
    }

    #[test]
    fn an_offer_that_the_picker_had_goes_to_another() {
        let mut bench = bench(&[("a", 1, 1), ("b", 1, 2), ("c", 1, 3)], |_| ());
        bench.join(1, "9001");
        bench.join(2, "9001");
        assert_eq!(bench.offered(), "a b");
        let taken = pick_up(&mut bench, 1, "b").expect("it rings");
        assert!(bench.bridged(taken));
        assert_eq!(bench.offers(), [("c".into(), 2)], "its own caller is offered to somebody else");
    }

    #[test]
    fn a_second_caller_of_an_agent_and_whoever_is_logged_out_are_not_the_queues() {
        let mut bench = bench(&TWO, |_| ());
        bench.join(1, "9001");
        bench.talk("a");
        bench.join(2, "9001");
        assert_eq!(pick_up(&mut bench, 2, "a"), None, "it talks");
        assert_eq!(pick_up(&mut bench, 1, "b"), None, "nobody rings for who is answered");
        bench.intent("a", Intent::LoggedOut);
        assert_eq!(pick_up(&mut bench, 2, "a"), None);
        assert_eq!(pick_up(&mut bench, 2, "z"), None);
        assert_eq!(bench.counted("9001").picked_up, 0);
    }

    #[test]
    fn an_agent_on_break_may_help_out() {
        let mut bench = bench(&TWO, |_| ());
        bench.intent("b", on_break());
        bench.join(1, "9001");
        let taken = pick_up(&mut bench, 1, "b").expect("it rings");
        assert!(bench.bridged(taken));
        bench.finished(1);
        assert!(!matches!(bench.activity("b"), Activity::Talking { .. }));
    }

    #[test]
    fn a_pickup_that_comes_to_nothing_leaves_the_caller_its_place() {
        let mut bench = bench(&TWO, |_| ());
        bench.join(1, "9001");
        let taken = pick_up(&mut bench, 1, "b").expect("it rings");
        assert!(bench.failed(taken, OfferEnd::Unreachable));
        assert_eq!(bench.queue("9001").waiting, 1);
        bench.pass(1);
        assert_eq!(bench.offered(), "a a");
    }

    #[test]
    fn whoever_is_no_agent_takes_the_caller_out_of_the_queue() {
        let mut bench = bench(&TWO, |_| ());
        bench.join(1, "9001");
        bench.pass(4);
        assert!(bench.acd.picked_up_outside(bench.now, CallId(1)));
        bench.check();
        assert!(!bench.acd.picked_up_outside(bench.now, CallId(1)), "once");
        let queue = bench.counted("9001");
        assert_eq!((queue.entered, queue.picked_up), (1, 1));
        assert_eq!((queue.answered, queue.abandoned, queue.wait_longest_ms), (0, 0, 4_000));
        assert_eq!(bench.agent_counted("a").missed, 0);
        assert_eq!(bench.queue("9001").waiting, 0);
    }
}
