//! Attended transfer: by REFER to a dialog that the transferor has itself, and by an INVITE that replaces a dialog.

use sip::endpoint::ServerTx;
use sip::message::{HeaderName, Message};

use crate::call::{After, Call, Found, Loose, Outcome, Rest, Rights, other};
use crate::transfer::{Asked, Replaced, Told, Transfer};
use crate::vocab::record::{EndCause, Party};
use crate::vocab::{CallId, EventKind, Feature, Hop, InteractionId, Now, Plan};

use super::Running;
use super::transfer::{Referrer, attendance};

/// The transferor's other call.
struct Consulted {
    call: CallId,
    side: usize,
}

impl Running {
    /// The other party is to talk to the other party of another call of whoever refers.
    pub(super) fn refer_to_dialog(
        &mut self,
        now: Now,
        tx: ServerTx,
        by: &Referrer,
        asked: &Asked,
        dialog: &Replaced,
    ) -> Result<(), u16> {
        let leg = self.desk.sip.leg_with(&dialog.call_id, &dialog.to_tag, &dialog.from_tag);
        // 481 would end the dialog of the REFER itself (RFC 5057 section 5.1).
        let leg = leg.ok_or(404_u16)?;
        let id = self.calls.of_leg(leg).ok_or(404_u16)?;
        let call = self.calls.get(id).ok_or(404_u16)?;
        let side = call.side_with(leg).ok_or(404_u16)?;
        if !same_owner(call.at(side), &by.party) {
            return Err(403);
        }
        if id == by.call {
            return Err(482);
        }
        if self.transfers.has(id) {
            return Err(491);
        }
        let (talks, hunts) = (call.is_settled_talk(), call.may_change_caller());
        if !(talks || hunts && side == crate::call::CALLER) {
            return Err(491);
        }
        self.accept_refer(now, tx, by, asked);
        let told = asked.subscribes.then_some(Told { leg: by.leg, id: asked.id });
        let consulted = Consulted { call: id, side };
        match talks {
            true => self.join_talks(now, by, &consulted, told),
            false => self.hand_ringing(now, by, &consulted, told),
        }
        Ok(())
    }

    /// Both talk already: their other parties are united, and both calls of the transferor end.
    fn join_talks(&mut self, now: Now, by: &Referrer, consulted: &Consulted, told: Option<Told>) {
        let transfer = Transfer {
            home: Some(by.call),
            told,
            by: by.party.clone(),
            keep: false,
            returning: false,
        };
        let joined = self.join(now, (by.call, by.side), (consulted.call, consulted.side));
        match joined {
            Some(into) => {
                self.publish_transfer(now, by.call, into, &by.party);
                self.release_home(now, &transfer, 200);
            }
            None => {
                if let Some(told) = &transfer.told {
                    self.notify_referrer(now, told, 488);
                }
            }
        }
    }

    pub(super) fn publish_transfer(&mut self, now: Now, from: CallId, into: CallId, by: &Party) {
        let Some(call) = self.calls.get(into) else { return };
        let (tenant, interaction) = (call.tenant.clone(), call.interaction);
        let kind = EventKind::CallTransferred { call: from, interaction, into, by: by.clone() };
        self.desk.out.publish(now, Some(&tenant), kind);
    }

    /// Unites the parties that are opposite to the transferor in its two calls. The second of these ends; in the first the
    /// transferor waits to be told. `None` if they cannot: all stay as they were.
    pub(super) fn join(
        &mut self,
        now: Now,
        (first, own): (CallId, usize),
        (second, own_there): (CallId, usize),
    ) -> Option<CallId> {
        let after = |own: &Self, id| own.calls.get(id).map_or(After::End, Call::after);
        let (after_first, after_second) = (after(self, first), after(self, second));
        let mut transferee = self.take_out(now, first, other(own), Rest::Keep)?;
        let Some(target) = self.take_out(now, second, other(own_there), Rest::Keep) else {
            self.put_back(now, first, transferee, after_first);
            return None;
        };
        let story = transferee.interaction;
        transferee.dialled.clone_from(&target.dialled);
        let into = self.hold_alone(now, transferee, attendance());
        if let Err(target) = self.unite(now, into, target, After::End) {
            self.put_back(now, second, *target, after_second);
            let back = Rest::End(Outcome::of(EndCause::Incompatible));
            if let Some(transferee) = self.take_out(now, into, crate::call::CALLER, back) {
                self.put_back(now, first, transferee, after_first);
            }
            return None;
        }
        self.end_transferred(now, second, story);
        self.step(now, first, |call, _| call.parts_by(Some(EndCause::Transferred)));
        Some(into)
    }

    fn put_back(&mut self, now: Now, call: CallId, loose: Loose, after: After) {
        if let Err(loose) = self.unite(now, call, loose, after) {
            self.let_fall(now, *loose, EndCause::Incompatible);
        }
    }

    /// A call whose other party has been given away is over, and belongs to the story of where that one is.
    pub(super) fn end_transferred(&mut self, now: Now, id: CallId, story: InteractionId) {
        self.step(now, id, |call, ctx| {
            call.join_story(story);
            call.parts_by(Some(EndCause::Transferred));
            call.end(
                ctx,
                Outcome::of(EndCause::Transferred),
                crate::vocab::record::EndedBy::Switch,
            );
        });
    }

    /// The target rings yet, or a feature has the transferor: the other party takes its place there.
    fn hand_ringing(&mut self, now: Now, by: &Referrer, consulted: &Consulted, told: Option<Told>) {
        let keep = self.calls.get(by.call).is_some_and(|call| call.after() == After::Keep);
        let after = if keep { After::Keep } else { After::End };
        let Some(loose) = self.take_out(now, by.call, other(by.side), Rest::Keep) else { return };
        self.step(now, by.call, |call, _| call.parts_by(Some(EndCause::Transferred)));
        let transfer =
            Transfer { home: Some(by.call), told, by: by.party.clone(), keep, returning: false };
        if let Err(loose) = self.take_place(now, consulted.call, loose, transfer.clone()) {
            self.step(now, by.call, |call, _| call.parts_by(None));
            self.put_back(now, by.call, *loose, after);
            if let Some(told) = &transfer.told {
                self.notify_referrer(now, told, 488);
            }
        }
    }

    /// A loose leg takes the caller's place in a call that rings or is attended.
    pub(super) fn take_place(
        &mut self,
        now: Now,
        id: CallId,
        loose: Loose,
        transfer: Transfer,
    ) -> Result<(), Box<Loose>> {
        let outcome = Outcome::of(EndCause::Transferred);
        self.transfers.begin(id, transfer);
        let mut rest = Some(loose);
        let mut result = Ok(());
        self.step(now, id, |call, ctx| {
            if let Some(loose) = rest.take() {
                result = call.replace_caller(ctx, loose, outcome);
            }
        });
        let result = match rest {
            Some(loose) => Err(Box::new(loose)),
            None => result,
        };
        if result.is_err() {
            self.transfers.end(id);
        }
        result
    }

    /// Where an INVITE with Replaces leads (RFC 3891 section 3): to the conversation of which it is to be a party, which only
    /// the owner of the replaced leg may do; or, for an early dialog, to the call that rings there, which is picked up. `None`
    /// without that header.
    ///
    /// # Errors
    /// The status that refuses it.
    pub(super) fn replacing(
        &self,
        rights: &Rights,
        message: &Message,
    ) -> Result<Option<Plan>, u16> {
        if message.header(HeaderName::Replaces).is_none() {
            return Ok(None);
        }
        let wanted = message.replaces().ok_or(400_u16)?;
        let sip = &self.desk.sip;
        // Who knows the dialog from a watched phone's dialog-info names it as that phone has it: the other way round.
        let leg = sip
            .leg_with(wanted.call_id, wanted.to_tag, wanted.from_tag)
            .or_else(|| sip.leg_with(wanted.call_id, wanted.from_tag, wanted.to_tag));
        let leg = leg.ok_or(481_u16)?;
        let id = self.calls.of_leg(leg).ok_or(481_u16)?;
        let call = self.calls.get(id).ok_or(481_u16)?;
        let Some(side) = call.side_with(leg) else {
            return Ok(Some(taking(call, Feature::PickUpCall(id))));
        };
        if !self.may_replace(rights, call, side) {
            return Err(403);
        }
        if !call.is_settled_talk() {
            return Err(481);
        }
        if wanted.early_only {
            return Err(486);
        }
        let side = u8::from(side == crate::call::CALLEE);
        Ok(Some(taking(call, Feature::Replace(id, side))))
    }

    /// The caller of one call takes the place of a party of a conversation, whose leg ends.
    pub(super) fn replace_leg(&mut self, now: Now, own: CallId, id: CallId, side: usize) -> Found {
        let gone = Found::Nothing(Outcome::from_status(481));
        let Some(after) = self.calls.get(id).filter(|call| call.is_settled_talk()).map(Call::after)
        else {
            return gone;
        };
        let taken = Rest::End(Outcome::of(EndCause::PickedUp));
        let Some(fresh) = self.take_out(now, own, crate::call::CALLER, taken) else { return gone };
        let Some(party) = self.take_out(now, id, other(side), Rest::Keep) else {
            self.let_fall(now, fresh, EndCause::Failed);
            return gone;
        };
        let story = party.interaction;
        let into = self.hold_alone(now, party, attendance());
        match self.unite(now, into, fresh, After::End) {
            Ok(()) => self.end_transferred(now, id, story),
            Err(fresh) => {
                let back = Rest::End(Outcome::of(EndCause::Incompatible));
                if let Some(party) = self.take_out(now, into, crate::call::CALLER, back) {
                    self.put_back(now, id, party, after);
                }
                self.let_fall(now, *fresh, EndCause::Incompatible);
            }
        }
        gone
    }

    /// An answered leg is to be replaced by the one of an INVITE (RFC 3891): whether its sender may.
    fn may_replace(&self, rights: &Rights, call: &Call, side: usize) -> bool {
        match (rights, call.at(side)) {
            (Rights::Extension(own), Party::Extension { extension, .. }) => own == extension,
            _ => false,
        }
    }
}

/// A plan that leads into a call which is there already.
fn taking(call: &Call, feature: Feature) -> Plan {
    Plan {
        tenant: call.tenant.clone(),
        dialled: call.record.dialled.clone(),
        hops: vec![Hop::Feature(feature)],
        hide_number: false,
        emergency: false,
    }
}

fn same_owner(one: &Party, other: &Party) -> bool {
    match (one, other) {
        (Party::Extension { extension: one, .. }, Party::Extension { extension: other, .. }) => {
            one == other
        }
        (Party::Trunk { trunk: one, .. }, Party::Trunk { trunk: other, .. }) => one == other,
        _ => false,
    }
}
