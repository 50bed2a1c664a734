//! Pickup: finds what rings, and hands it to whoever dialled the code or was rung to take it.

use std::collections::BTreeSet;

use crate::call::{After, CALLER, Call, Line, Loose, Outcome, Rest};
use crate::pickup::{self, Picker, Refusal, Ringing, Wanted};
use crate::vocab::event::Attempt;
use crate::vocab::record::{EndCause, Party};
use crate::vocab::{
    CallId, CommandError, Done, EventKind, ExtensionKey, Feature, Hop, Now, Principal, TenantId,
};

use super::Running;
use super::feature::Denied;
use super::queue::Arrival;
use super::summons::{Errand, Summon};

impl Running {
    /// Somebody dialled `*8` or `**N`, or sent an INVITE in place of a phone that rings.
    pub(super) fn pick_up_by_code(
        &mut self,
        now: Now,
        id: CallId,
        extension: &ExtensionKey,
        feature: &Feature,
    ) -> Result<Arrival, Denied> {
        let wanted = match feature {
            Feature::PickUpAt(number) => Wanted::At(number),
            Feature::PickUpCall(call) => Wanted::Call(*call),
            _ => Wanted::Group,
        };
        let denied = match self.choose_ringing(extension, wanted, false) {
            Ok(target) if self.hand_over(now, id, target, extension) => return Ok(Arrival::Away),
            Ok(_) => Denied(EndCause::NotFound, "pickup/taken"),
            Err(Refusal::NothingRings) => Denied(EndCause::NotFound, "pickup/nothing-rings"),
            Err(Refusal::NotAllowed) => Denied(EndCause::Forbidden, "pickup/not-allowed"),
        };
        self.publish_failure(now, id, Attempt::Pickup);
        Err(denied)
    }

    /// Of what rings now, the call that is meant. `any`: whoever asks may take all of them.
    pub(super) fn choose_ringing(
        &self,
        extension: &ExtensionKey,
        wanted: Wanted<'_>,
        any: bool,
    ) -> Result<CallId, Refusal> {
        let directory = &self.books.directory;
        let own = directory.extension(extension);
        let groups = own.map_or(&[][..], |own| own.pickup_groups.as_slice());
        let any = any || own.is_some_and(|own| own.pickup_any);
        let ringing: Vec<Ringing> = match wanted {
            Wanted::Call(id) => {
                let call = self.calls.get(id).filter(|call| call.tenant == extension.tenant);
                call.and_then(|call| self.ringing(call, extension)).into_iter().collect()
            }
            Wanted::Group | Wanted::At(_) => {
                let calls = self.calls.ringing(&extension.tenant);
                calls.filter_map(|call| self.ringing(call, extension)).collect()
            }
        };
        let picker = Picker { extension, groups, any };
        pickup::choose(&ringing, picker, wanted, |key| {
            directory.extension(key).map_or(&[][..], |own| own.pickup_groups.as_slice())
        })
    }

    /// A call that somebody could take, as this extension sees it.
    fn ringing(&self, call: &Call, extension: &ExtensionKey) -> Option<Ringing> {
        let lines = call.rings_at();
        if lines.is_empty() {
            return None;
        }
        let queue = self.rings_in_queue(call.id).cloned();
        if queue.is_none() && self.waits_in_queue(call.id) {
            return None;
        }
        let extensions = |line: Line| match line {
            Line::Extension(key) => Some(key),
            Line::Trunk(_) => None,
        };
        let at: BTreeSet<ExtensionKey> = lines.into_iter().filter_map(extensions).collect();
        if at.is_empty() && queue.is_none() {
            return None;
        }
        Some(Ringing {
            call: call.id,
            since: call.record.ringing_at.unwrap_or(call.record.started_at),
            at: at.into_iter().collect(),
            served: queue.is_some() && self.may_serve(extension, call.id),
            queue,
            caller: match &call.record.caller {
                Party::Extension { extension, .. } => Some(extension.clone()),
                _ => None,
            },
        })
    }

    /// The caller of one call answers another one in place of whoever rings for it; its own call ends with the cause
    /// `picked_up`, as part of the same story. False, and nothing has changed, where nothing rings any more.
    pub(super) fn hand_over(
        &mut self,
        now: Now,
        picker: CallId,
        target: CallId,
        extension: &ExtensionKey,
    ) -> bool {
        let rings = self.calls.get(target).filter(|call| self.ringing(call, extension).is_some());
        let Some((interaction, caller, called)) = rings
            .map(|call| (call.interaction, call.record.caller.clone(), call.record.callee.clone()))
        else {
            return false;
        };
        self.calls.with(picker, |call| {
            call.join_story(interaction);
            call.record.callee = caller;
        });
        let rest = Rest::End(Outcome::of(EndCause::PickedUp));
        let Some(loose) = self.take_out(now, picker, CALLER, rest) else { return false };
        let by = loose.party().clone();
        let taken = match self.rings_in_queue(target).is_some() {
            true => self.take_from_queue(now, target, loose, extension),
            false => self.answer_with(now, target, loose, After::End, false),
        };
        if taken {
            // Members of a group ring no longer.
            self.rounds.taken(target);
            let kind = EventKind::CallPickedUp { call: target, interaction, by, from: called };
            self.desk.out.publish(now, Some(&extension.tenant), kind);
        }
        true
    }

    /// A leg answers in place of whoever rings. False if it cannot: it is over then, and the call rings on.
    pub(super) fn answer_with(
        &mut self,
        now: Now,
        target: CallId,
        mut loose: Loose,
        after: After,
        record: bool,
    ) -> bool {
        loose.leg.record |= record;
        let mut rest = Some(loose);
        let mut result = Ok(());
        self.step(now, target, |call, ctx| {
            if let Some(loose) = rest.take() {
                result = call.answered_by(ctx, loose, after);
            }
        });
        match rest.or_else(|| result.err().map(|loose| *loose)) {
            Some(loose) => {
                self.let_fall(now, loose, EndCause::Incompatible);
                false
            }
            None => true,
        }
    }

    /// A call is to be taken by an extension whose phone is rung for it.
    pub(super) fn order_pickup(
        &mut self,
        now: Now,
        principal: &Principal,
        target: CallId,
        extension: Option<String>,
    ) -> Result<Done, CommandError> {
        let extension = self.picker_of(principal, extension)?;
        let any = principal.limited_to().is_none();
        let chosen = self.choose_ringing(&extension, Wanted::Call(target), any);
        let tenant: &TenantId = &principal.tenant;
        chosen.map_err(|why| {
            let known =
                self.calls.get(target).filter(|call| call.is_live() && call.tenant == *tenant);
            match (why, known) {
                (_, None) => CommandError::NotFound(format!("no live call {target}")),
                (Refusal::NothingRings, _) => {
                    CommandError::Conflict(format!("nobody else's phone rings for call {target}"))
                }
                (Refusal::NotAllowed, _) => not_allowed(&extension),
            }
        })?;
        self.ring_picker(now, Errand::PickUp { target, rings_on: false }, extension, None)
    }

    /// An extension's phone is rung to take whatever rings at a number, or in its groups.
    pub(super) fn order_pickup_at(
        &mut self,
        now: Now,
        principal: &Principal,
        at: Option<&str>,
        extension: Option<String>,
        contact: Option<String>,
    ) -> Result<Done, CommandError> {
        let extension = self.picker_of(principal, extension)?;
        let any = principal.limited_to().is_none();
        let wanted = at.map_or(Wanted::Group, Wanted::At);
        let target = self.choose_ringing(&extension, wanted, any).map_err(|why| match why {
            Refusal::NothingRings => {
                let place =
                    at.map_or_else(|| "in its pickup groups".into(), |at| format!("at {at}"));
                CommandError::Conflict(format!("nothing rings {place}"))
            }
            Refusal::NotAllowed => not_allowed(&extension),
        })?;
        self.ring_picker(now, Errand::PickUp { target, rings_on: true }, extension, contact)
    }

    fn ring_picker(
        &mut self,
        now: Now,
        errand: Errand,
        extension: ExtensionKey,
        contact: Option<String>,
    ) -> Result<Done, CommandError> {
        let target = errand.target().unwrap_or_default();
        let shown = self.identity_for(target, &Hop::Extension(extension.clone()));
        let Some(call) = self.calls.get(target) else {
            return Err(CommandError::NotFound(format!("no live call {target}")));
        };
        let (dialled, interaction) = (call.record.dialled.clone(), call.interaction);
        let contact = contact.as_deref();
        let summon = Summon { extension: &extension, contact, shown, errand, dialled, interaction };
        self.summon(now, summon)
    }

    /// The extension that shall answer: a user's or agent's own, or whichever is named.
    ///
    /// # Errors
    /// The key may not, or there is no such extension.
    pub(super) fn picker_of(
        &self,
        principal: &Principal,
        named: Option<String>,
    ) -> Result<ExtensionKey, CommandError> {
        use crate::vocab::Role;
        if principal.role == Role::ReadOnly {
            return Err(CommandError::Forbidden("the key may only read".into()));
        }
        let own = principal.extension.clone();
        let number = match (principal.limited_to(), named, own) {
            (Some(_), _, None) => {
                return Err(CommandError::Forbidden("the key stands for no extension".into()));
            }
            (Some(own), Some(named), _) if named != own.number => {
                let text = format!("the key may answer only at {}", own.number);
                return Err(CommandError::Forbidden(text));
            }
            (Some(own), ..) => own.number,
            (None, Some(named), _) => named,
            (None, None, Some(own)) => own,
            (None, None, None) => {
                let text = "extension: name the one that shall answer".to_owned();
                return Err(CommandError::Invalid(text));
            }
        };
        let key = ExtensionKey { tenant: principal.tenant.clone(), number };
        match self.books.directory.extension(&key) {
            Some(_) => Ok(key),
            None => Err(CommandError::NotFound(format!("no extension {}", key.number))),
        }
    }
}

fn not_allowed(extension: &ExtensionKey) -> CommandError {
    CommandError::Forbidden(format!(
        "extension {} shares no pickup group with the phones that ring, serves no queue of the caller, \
         and has no pickup_any",
        extension.number
    ))
}
