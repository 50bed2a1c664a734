//! Offers: an agent's phone rings, is told who waits, and is connected.

use media::order::PlayId;

use crate::acd::Offer;
use crate::call::{After, Call, Found, Place};
use crate::route::anonymous;
use crate::vocab::acd::{AgentPlace, OfferEnd};
use crate::vocab::record::{EndCause, Party};
use crate::vocab::{CallId, ExtensionKey, Hop, Identity, Now, OfferId};
use crate::voice;

use super::super::Running;
use super::Stage;

/// Milliseconds to nanoseconds.
const MS: u64 = 1_000_000;

impl Running {
    /// Rings an agent.
    pub(super) fn make_offer(&mut self, now: Now, offer: &Offer) {
        let mut place = match self.locate_agent(offer) {
            Ok(place) => place,
            Err(end) => {
                self.queues.acd.failed(now, offer.offer, end);
                return;
            }
        };
        // Somebody who was called does not wait until an agent has picked up.
        place.auto_answer |= self.dialing.has(offer.call);
        // The distributor watches the time and cancels; the call's own limit comes after that.
        place.ring = (offer.ring_ms + 10_000).saturating_mul(MS);
        let extension = match &offer.place {
            AgentPlace::Extension(number) => {
                Some(ExtensionKey { tenant: offer.agent.tenant.clone(), number: number.clone() })
            }
            AgentPlace::Number(_) => None,
        };
        self.staff.engage(offer.offer, offer.agent.clone(), extension);
        let mut taken = false;
        self.step(now, offer.call, |call, ctx| {
            taken = call.offer_agent(ctx, offer.offer, place, offer.confirm);
        });
        if !taken {
            self.staff.disengage(offer.offer);
            self.queues.acd.failed(now, offer.offer, OfferEnd::Unreachable);
        }
    }

    /// Where the agent's phone is now, and how the caller is shown there.
    fn locate_agent(&mut self, offer: &Offer) -> Result<Box<Place>, OfferEnd> {
        let tenant = &offer.agent.tenant;
        let found = match &offer.place {
            AgentPlace::Extension(number) => {
                let key = ExtensionKey { tenant: tenant.clone(), number: number.clone() };
                if self.settings.is_quiet(&key) {
                    return Err(OfferEnd::Rejected);
                }
                let identity = self.identity_for_agent(offer);
                self.locate_extension(&key, identity)
            }
            AgentPlace::Number(number) => {
                let hops = self.books.directory.outside(tenant, number);
                let mut hops = hops.map_err(|_| OfferEnd::Unreachable)?;
                self.books.trunks.living_first(&mut hops);
                match hops.first() {
                    Some(Hop::Trunk { .. }) => {
                        self.locate_outside(&hops, |own, hop| own.identity_for(offer.call, hop))
                    }
                    Some(Hop::Extension(key)) => {
                        let identity = self.identity_for_agent(offer);
                        self.locate_extension(key, identity)
                    }
                    _ => return Err(OfferEnd::Unreachable),
                }
            }
        };
        match found {
            Found::Ring(place) => Ok(place),
            Found::Nothing(outcome) if outcome.cause == EndCause::Busy => Err(OfferEnd::Busy),
            _ => Err(OfferEnd::Unreachable),
        }
    }

    /// The caller as an agent sees it: itself, or what the queue shows instead.
    fn identity_for_agent(&self, offer: &Offer) -> Identity {
        let hop = Hop::Queue(offer.queue.clone());
        let usual = self.identity_for(offer.call, &hop);
        let Some(service) = self.queues.acd.queue_config(&offer.queue).map(|c| &c.service) else {
            return usual;
        };
        let (name, number) = (&service.hide_in_caller_id_name, &service.hide_in_caller_id_number);
        if name.is_none() && number.is_none() {
            return usual;
        }
        let withheld = usual == anonymous(None);
        let caller = self.calls.get(offer.call).map(shown_as);
        let (own_name, own_number) = caller.filter(|_| !withheld).unwrap_or_default();
        let number = number.clone().unwrap_or(own_number);
        let name = name.clone().unwrap_or(own_name);
        match number.as_str() {
            "" => anonymous(None),
            number => self.books.directory.shown(&offer.queue.tenant, &name, number),
        }
    }

    /// An agent is to be rung no longer.
    pub(super) fn cancel_offer(&mut self, now: Now, offer: OfferId, id: CallId, end: OfferEnd) {
        self.staff.disengage(offer);
        self.step(now, id, |call, ctx| call.cancel_agent(ctx, offer, end));
        self.wait_again(now, id, offer);
    }

    /// The agent who was about to be connected is gone: the caller waits on.
    fn wait_again(&mut self, now: Now, id: CallId, offer: OfferId) {
        let Some(visit) = self.queues.visits.get_mut(&id) else { return };
        if matches!(visit.stage, Stage::Introducing { offer: own, .. } if own == offer) {
            visit.stage = Stage::Waiting;
            self.say_next(now, id);
        }
    }

    pub(super) fn agent_failed(&mut self, now: Now, id: CallId, offer: OfferId, end: OfferEnd) {
        self.staff.disengage(offer);
        self.queues.acd.failed(now, offer, end);
        self.wait_again(now, id, offer);
    }

    /// An agent's phone answered: it has the caller if the offer still stands.
    pub(super) fn agent_answered(&mut self, now: Now, id: CallId, offer: OfferId) {
        let agent = self.staff.agent_of(offer).cloned();
        let Some(agent) = agent.filter(|_| self.queues.acd.answered(now, offer)) else {
            self.staff.disengage(offer);
            let end = OfferEnd::Withdrawn;
            return self.step(now, id, |call, ctx| call.cancel_agent(ctx, offer, end));
        };
        self.cut_announcements(now, id);
        let prompts = self.introduction(now, id);
        if let Some(visit) = self.queues.visits.get_mut(&id) {
            visit.stage = Stage::Introducing { offer, agent, play: None, both: false };
        }
        if !self.tell_agent(now, id, offer, prompts) {
            self.introduce_both(now, id, offer);
        }
    }

    /// What the agent hears first.
    fn introduction(&self, now: Now, id: CallId) -> Vec<String> {
        let Some(visit) = self.queues.visits.get(&id) else { return Vec::new() };
        let Some(config) = self.queues.config_of(id) else { return Vec::new() };
        let mut prompts: Vec<String> =
            config.service.agent_announce_sound.iter().cloned().collect();
        if config.service.agent_report_wait_time {
            let secs = now.mono.saturating_sub(visit.joined) / (1000 * MS);
            let secs = u32::try_from(secs).unwrap_or(u32::MAX);
            prompts.extend(voice::waited(&visit.language, secs));
        }
        prompts
    }

    /// Says something to the agent and waits for its end. False if there is nothing to say, or no way.
    fn tell_agent(&mut self, now: Now, id: CallId, offer: OfferId, prompts: Vec<String>) -> bool {
        if prompts.is_empty() {
            return false;
        }
        let mut told = None;
        self.step(now, id, |call, ctx| told = call.say_to_agent(ctx, offer, prompts));
        if let Some(visit) = self.queues.visits.get_mut(&id)
            && let Stage::Introducing { play, .. } = &mut visit.stage
        {
            *play = told;
        }
        told.is_some()
    }

    pub(super) fn agent_heard(&mut self, now: Now, id: CallId, offer: OfferId, heard: PlayId) {
        let Some(visit) = self.queues.visits.get(&id) else { return };
        match visit.stage {
            Stage::Introducing { offer: own, play, both, .. }
                if own == offer && play == Some(heard) =>
            {
                if both {
                    self.connect(now, id, offer);
                } else {
                    self.introduce_both(now, id, offer);
                }
            }
            _ => {}
        }
    }

    /// Both sides hear the agent's own sound, then they are connected.
    fn introduce_both(&mut self, now: Now, id: CallId, offer: OfferId) {
        let Some(visit) = self.queues.visits.get_mut(&id) else { return };
        let Stage::Introducing { agent, both, .. } = &mut visit.stage else { return };
        *both = true;
        let sound = self.queues.acd.agent_config(agent).and_then(|own| own.agent_sound.clone());
        let prompts: Vec<String> = sound.into_iter().collect();
        if !self.tell_agent(now, id, offer, prompts.clone()) {
            return self.connect(now, id, offer);
        }
        self.step(now, id, |call, ctx| {
            call.say(ctx, prompts, false);
        });
    }

    /// What the end of the agent's leg means in this caller's queue, and whether it records.
    pub(super) fn after_answer(&self, id: CallId) -> (After, bool) {
        let service = self.queues.config_of(id).map(|config| &config.service);
        let record = service.is_some_and(|service| service.record_enabled);
        let keep = service.is_some_and(|service| service.agent_hangup_action.is_some());
        (if keep { After::Keep } else { After::End }, record)
    }

    fn connect(&mut self, now: Now, id: CallId, offer: OfferId) {
        let (after, record) = self.after_answer(id);
        let mut connected = false;
        self.step(now, id, |call, ctx| connected = call.connect(ctx, offer, after, record));
        if !connected {
            self.agent_failed(now, id, offer, OfferEnd::Unreachable);
        }
    }

    /// Caller and agent talk.
    pub(super) fn agent_connected(&mut self, now: Now, id: CallId, offer: OfferId) {
        if !self.queues.acd.bridged(now, offer) {
            return self.step(now, id, |call, ctx| call.hang_up(ctx, EndCause::Failed));
        }
        let Some(visit) = self.queues.visits.get_mut(&id) else { return };
        if let Stage::Introducing { agent, .. } = &visit.stage {
            visit.stage = Stage::Talking { offer, agent: agent.clone() };
        }
    }
}

/// Name and number of a caller.
fn shown_as(call: &Call) -> (String, String) {
    let number = super::join::number_of(&call.record.caller);
    match &call.record.caller {
        Party::Extension { name, .. } | Party::Trunk { name, .. } => (name.clone(), number),
        Party::Service { .. } | Party::Nobody => (String::new(), number),
    }
}
