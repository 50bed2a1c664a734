//! What phones report of offers: answered, bridged, failed. Late and repeated reports change nothing.

use crate::vocab::acd::{OfferEnd, OfferId};
use crate::vocab::{CallId, Now};

use super::agent::State;
use super::caller::Stage;
use super::offer::Ringing;
use super::timers::Timer;
use super::{Acd, numbers::AgentNo};

impl Acd {
    /// An agent's phone answered (and a remote one pressed its key): this offer wins, the caller's other agents stop
    /// ringing. False if the offer is over: the phone is to be released.
    pub fn answered(&mut self, now: Now, offer: OfferId) -> bool {
        let won = self.win(now, offer);
        self.settle(now);
        won
    }

    fn win(&mut self, now: Now, offer: OfferId) -> bool {
        let Some(ring) = self.offers.get_mut(&offer) else { return false };
        let Ringing::Rings { since, until: before } = ring.stage else { return false };
        let until = Self::held_until(now);
        ring.stage = Ringing::Held { since, answered: now.mono, until };
        let call = ring.call;
        self.arm(Some(before), Timer::Offer(offer), Some(until));
        let Some(caller) = self.callers.get_mut(&call) else { return false };
        let others = caller.offers();
        let leaving = matches!(caller.stage, Stage::Waiting { leaving: true, .. });
        caller.stage = Stage::Taken { offer, leaving };
        for other in others.into_iter().filter(|other| *other != offer) {
            self.end_offer(now, other, OfferEnd::WonByAnother, true);
        }
        self.refresh_caller(now, call);
        true
    }

    /// Caller and agent are connected: the conversation begins and the caller has left the queue. False if the offer is
    /// over, or was not answered.
    pub fn bridged(&mut self, now: Now, offer: OfferId) -> bool {
        let Some(ring) = self.offers.get(&offer) else { return false };
        if !matches!(ring.stage, Ringing::Held { .. }) {
            return false;
        }
        let (call, no) = (ring.call, ring.agent);
        if let Some(caller) = self.callers.get_mut(&call) {
            caller.stage = Stage::Talking { agent: no };
        }
        self.end_offer(now, offer, OfferEnd::Answered, false);
        self.count_bridged(now, call, no);
        self.settle(now);
        true
    }

    /// A phone did not take the offer: `NoAnswer`, `Busy`, `Rejected` or `Unreachable` (which stands for anything else).
    /// A winner that drops before it is bridged is `Unreachable`; the caller keeps its place, and the others are rung
    /// again. False if the offer is over.
    pub fn failed(&mut self, now: Now, offer: OfferId, end: OfferEnd) -> bool {
        let Some(ring) = self.offers.get(&offer) else { return false };
        let call = ring.call;
        let end = match ring.stage {
            Ringing::Reserved { .. } => return false,
            Ringing::Held { .. } => OfferEnd::Unreachable,
            Ringing::Rings { .. } => match end {
                OfferEnd::NoAnswer | OfferEnd::Busy | OfferEnd::Rejected => end,
                _ => OfferEnd::Unreachable,
            },
        };
        self.end_offer(now, offer, end, false);
        self.after_offer(now, call);
        self.settle(now);
        true
    }

    /// Ends all offers of a caller; their phones stop.
    pub(super) fn end_offers_of(&mut self, now: Now, call: CallId, end: OfferEnd) {
        let offers = self.callers.get(&call).map(|caller| caller.offers()).unwrap_or_default();
        for offer in offers {
            self.end_offer(now, offer, end, true);
        }
    }

    /// The agent takes no more: an offer that rings is withdrawn. One that was answered goes on.
    pub(super) fn withdraw(&mut self, now: Now, no: AgentNo, even_held: bool) {
        let Some(State::Offered { offer }) = self.agents.get(no).map(|agent| agent.state.clone())
        else {
            return;
        };
        let Some(ring) = self.offers.get(&offer) else { return };
        if matches!(ring.stage, Ringing::Held { .. }) && !even_held {
            return;
        }
        let call = ring.call;
        self.end_offer(now, offer, OfferEnd::Withdrawn, true);
        self.after_offer(now, call);
    }
}
