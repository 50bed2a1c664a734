//! Parking: gives callers places, hands them to whoever dials the number, and rings the parker when nobody comes.

use crate::call::{
    After, AnswerMode, Attendance, CALLER, Call, Found, Loose, Note, Outcome, Rest, SECOND,
};
use crate::park::{Parked, Stage};
use crate::vocab::acd::OfferEnd;
use crate::vocab::record::{EndCause, Party};
use crate::vocab::{CallId, EventKind, ExtensionKey, Hop, Now, OfferId};
use crate::voice;

use super::Running;
use super::feature::Denied;
use super::queue::Arrival;
use super::summons::{Errand, Summon};

impl Running {
    /// Somebody dialled the parking number, or was transferred to it: its call is parked. Who dials it hears the place and
    /// completes the transfer afterwards; after a blind transfer the parker is rung and told.
    pub(super) fn park_by_code(
        &mut self,
        now: Now,
        id: CallId,
        parker: &ExtensionKey,
    ) -> Result<Arrival, Denied> {
        let full = Denied(EndCause::Congestion, "park/full");
        let slot =
            self.free_place(&parker.tenant).filter(|slot| self.give_place(now, id, parker, *slot));
        let slot = slot.ok_or(full)?;
        let caller = self.calls.get(id).map(|call| call.record.caller.clone());
        let own = caller.is_some_and(|caller| is_at(&caller, parker));
        if !own {
            self.tell_parker(now, id, parker, slot);
        }
        let name = format!("park:{slot}");
        Ok(Arrival::Here(Found::Attend(Attendance { answer: AnswerMode::Now, name })))
    }

    /// The first free place of a tenant.
    pub(super) fn free_place(&self, tenant: &str) -> Option<u32> {
        let directory = &self.books.directory;
        let park = &directory.config().park;
        // A number that somebody has is dialled for that one.
        let reserved = |slot: u32| directory.is_taken(tenant, &slot.to_string());
        self.lot.free(tenant, park.first..=park.last, reserved)
    }

    /// A call gets a free place. False if it has one.
    fn give_place(&mut self, now: Now, id: CallId, parker: &ExtensionKey, slot: u32) -> bool {
        let timeout = u64::from(self.books.directory.config().park.timeout_secs.max(1));
        let parked = self.lot.park(id, parker, slot, (now.wall, now.mono + timeout * SECOND));
        if parked {
            self.publish_parked(now, id, parker, slot);
        }
        parked
    }

    fn publish_parked(&mut self, now: Now, id: CallId, parker: &ExtensionKey, slot: u32) {
        let Some(call) = self.calls.get(id) else { return };
        let (interaction, parked) = (call.interaction, call.record.caller.clone());
        let by = self.party_of(parker);
        let kind = EventKind::CallParked { call: id, interaction, slot, parked, by };
        self.desk.out.publish(now, Some(&parker.tenant), kind);
    }

    /// The parker has hung up already: its phone is rung, and it hears the place.
    fn tell_parker(&mut self, now: Now, id: CallId, parker: &ExtensionKey, slot: u32) {
        let Some(interaction) = self.calls.get(id).map(|call| call.interaction) else { return };
        let number = slot.to_string();
        let shown = self.books.directory.shown(&parker.tenant, "Parked", &number);
        let errand = Errand::TellSlot(slot, id);
        let summon = Summon {
            extension: parker,
            contact: None,
            shown,
            errand,
            dialled: number,
            interaction,
        };
        // A phone that is gone or busy shows the place by its lamp, or not at all: the caller is parked all the same.
        let _ = self.summon(now, summon);
    }

    /// A leg that was taken out of its call gets a free place.
    pub(super) fn park_leg(
        &mut self,
        now: Now,
        loose: Loose,
        parker: &ExtensionKey,
        slot: u32,
    ) -> Option<CallId> {
        let attendance = Attendance { answer: AnswerMode::Now, name: "park".into() };
        let id = self.hold_alone(now, loose, attendance);
        let parked = self.give_place(now, id, parker, slot);
        if !parked {
            self.step(now, id, |call, ctx| {
                call.release(ctx, Outcome::of(EndCause::Congestion), false);
            });
        }
        parked.then_some(id)
    }

    /// Somebody dialled a place's number.
    pub(super) fn retrieve_by_code(
        &mut self,
        now: Now,
        id: CallId,
        extension: &ExtensionKey,
        slot: u32,
    ) -> Result<Arrival, Denied> {
        let there = self.lot.at(&extension.tenant, slot).map(|parked| parked.call);
        let taken = there.is_some_and(|parked| parked != id && self.retrieve_into(now, id, parked));
        match taken {
            true => Ok(Arrival::Away),
            false => Err(Denied(EndCause::NotFound, "park/empty")),
        }
    }

    /// The caller of one call takes who is parked in another. False, and nothing has changed, where it cannot.
    pub(super) fn retrieve_into(&mut self, now: Now, taker: CallId, parked: CallId) -> bool {
        let Some(call) = self.calls.get(parked).filter(|call| call.waits_attended()) else {
            return false;
        };
        let (interaction, caller) = (call.interaction, call.record.caller.clone());
        self.calls.with(taker, |call| {
            call.join_story(interaction);
            call.record.callee = caller;
        });
        let rest = Rest::End(Outcome::of(EndCause::PickedUp));
        let Some(loose) = self.take_out(now, taker, CALLER, rest) else { return false };
        let Some(place) = self.lot.leave(parked) else {
            self.let_fall(now, loose, EndCause::NotFound);
            return true;
        };
        let by = loose.party().clone();
        match self.unite(now, parked, loose, After::End) {
            Ok(()) => self.publish_retrieved(now, &place, interaction, by),
            Err(loose) => {
                self.let_fall(now, *loose, EndCause::Incompatible);
                self.lot.put_back(place);
            }
        }
        true
    }

    fn publish_retrieved(
        &mut self,
        now: Now,
        place: &Parked,
        interaction: crate::vocab::InteractionId,
        by: Party,
    ) {
        let (call, slot) = (place.call, place.slot);
        let kind = EventKind::CallRetrieved { call, interaction, slot, by };
        self.desk.out.publish(now, Some(&place.tenant), kind);
    }

    /// Whether a call's notes are the parking's business, and heeds them if so.
    pub(super) fn park_heeds(&mut self, now: Now, id: CallId, note: &Note) -> bool {
        let Some(place) = self.lot.of(id) else { return false };
        match *note {
            Note::Attended => self.welcome_parked(now, id),
            Note::Said { .. } => self.play_hold_music(now, id),
            Note::AgentAnswered(offer) => self.parker_answered(now, id, offer),
            Note::AgentFailed(offer, _) if self.lot.rings_back(id, offer) => {
                self.parked_on(now, id)
            }
            Note::CallerGone => {
                let place = place.clone();
                self.lot.leave(id);
                self.publish_left(now, &place, "hung_up");
            }
            _ => {}
        }
        true
    }

    /// Who dialled the number hears its place; everybody hears music.
    fn welcome_parked(&mut self, now: Now, id: CallId) {
        let (Some(call), Some(place)) = (self.calls.get(id), self.lot.of(id)) else { return };
        if !is_at(&call.record.caller, &place.parker) {
            return self.play_hold_music(now, id);
        }
        let prompts = voice::parked_at(&call.language, place.slot);
        self.step(now, id, |call, ctx| {
            call.say(ctx, prompts, false);
        });
    }

    fn play_hold_music(&mut self, now: Now, id: CallId) {
        self.step(now, id, |call, ctx| {
            let music = ctx.policy.hold_music(&call.tenant);
            call.say(ctx, vec![music], true);
        });
    }

    /// A place's time has come.
    pub(super) fn tick_parking(&mut self, now: Now) {
        while let Some(place) = self.lot.due(now.mono).cloned() {
            match place.stage {
                Stage::Waiting { .. } => self.ring_parker(now, &place),
                Stage::RingingBack { offer, .. } => {
                    self.step(now, place.call, |call, ctx| {
                        call.cancel_agent(ctx, offer, OfferEnd::NoAnswer);
                    });
                    self.parked_on(now, place.call);
                }
            }
            if self.lot.due(now.mono).is_some_and(|same| same.call == place.call) {
                // It changed nothing: whoever is there is not to be forgotten.
                self.lot.wait_again(place.call, now.mono + self.park_timeout());
            }
        }
    }

    fn park_timeout(&self) -> u64 {
        u64::from(self.books.directory.config().park.timeout_secs.max(1)) * SECOND
    }

    /// Nobody came: the parker's phone rings, and the caller hears music on.
    fn ring_parker(&mut self, now: Now, place: &Parked) {
        let hop = Hop::Extension(place.parker.clone());
        let identity = self.identity_for(place.call, &hop);
        let Found::Ring(phone) = self.locate_extension(&place.parker, identity) else {
            return self.parked_on(now, place.call);
        };
        let rings = u64::from(self.books.directory.config().park.ring_secs.max(1)) * SECOND;
        let offer = self.lot.ring_back(place.call, now.mono + rings);
        let mut rung = false;
        self.step(now, place.call, |call, ctx| {
            rung = call.offer_agent(ctx, offer, phone, None);
        });
        if !rung {
            self.parked_on(now, place.call);
        }
    }

    /// The parker did not take its caller back: to where the tenant sends such callers, or another round.
    fn parked_on(&mut self, now: Now, id: CallId) {
        let Some(place) = self.lot.of(id).cloned() else { return };
        let directory = &self.books.directory;
        let to = directory.tenant(&place.tenant).and_then(|tenant| tenant.park_to.clone());
        let hops = to.and_then(|to| directory.destination(&place.tenant, &to).ok());
        let Some(mut hops) = hops else {
            return self.lot.wait_again(id, now.mono + self.park_timeout());
        };
        self.books.trunks.living_first(&mut hops);
        self.lot.leave(id);
        self.publish_left(now, &place, "timeout");
        self.step(now, id, |call, ctx| call.go_to(ctx, hops));
    }

    /// The parker took its caller back.
    fn parker_answered(&mut self, now: Now, id: CallId, offer: OfferId) {
        if !self.lot.rings_back(id, offer) {
            let end = OfferEnd::Withdrawn;
            return self.step(now, id, |call, ctx| call.cancel_agent(ctx, offer, end));
        }
        let Some(place) = self.lot.leave(id) else { return };
        let mut connected = false;
        self.step(now, id, |call, ctx| {
            connected = call.connect(ctx, offer, After::End, false);
        });
        let attended = self.calls.get(id).filter(|call| call.waits_attended());
        match (connected, attended.map(|call| call.interaction)) {
            (true, _) => {
                let interaction = self.calls.get(id).map(|call| call.interaction);
                let by = self.party_of(&place.parker);
                self.publish_retrieved(now, &place, interaction.unwrap_or_default(), by);
            }
            (false, Some(_)) => {
                self.lot.put_back(place);
                self.parked_on(now, id);
            }
            (false, None) => {}
        }
    }

    fn publish_left(&mut self, now: Now, place: &Parked, why: &str) {
        let interaction = self.calls.get(place.call).map(|call| call.interaction);
        let kind = EventKind::ParkingEnded {
            call: place.call,
            interaction: interaction.unwrap_or_default(),
            slot: place.slot,
            why: why.to_owned(),
        };
        self.desk.out.publish(now, Some(&place.tenant), kind);
    }

    /// A parked call that somebody took elsewhere by other means has no place any more.
    pub(super) fn leave_if_unparked(&mut self, now: Now, id: CallId) {
        let is_parked = |call: &Call| call.waits_attended() || !call.is_live();
        if self.lot.of(id).is_none() || self.calls.get(id).is_some_and(is_parked) {
            return;
        }
        if let Some(place) = self.lot.leave(id) {
            self.publish_left(now, &place, "taken");
        }
    }
}

/// Whether a party is this extension.
pub(super) fn is_at(party: &Party, key: &ExtensionKey) -> bool {
    matches!(party, Party::Extension { extension, .. } if extension == key)
}
