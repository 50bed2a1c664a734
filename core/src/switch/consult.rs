//! Orders about conversations over HTTP: transfer, consultation, hold.

use crate::call::{After, CALLEE, CALLER, Note, Outcome, Rest, Rights};
use crate::transfer::{Consult, Transfer};
use crate::vocab::config::Destination;
use crate::vocab::record::{EndCause, Party};
use crate::vocab::transfer::{TalkAct, TalkOrder};
use crate::vocab::{CallId, CommandError, Done, EventKind, Hop, Now, Plan, Principal, Role};

use super::Running;
use super::transfer::{Referrer, attendance};

impl Running {
    /// An order about a conversation.
    pub(super) fn order_talk(
        &mut self,
        now: Now,
        principal: &Principal,
        call: CallId,
        order: TalkOrder,
    ) -> Result<Done, CommandError> {
        if principal.role == Role::ReadOnly {
            return Err(CommandError::Forbidden("the key may only read".into()));
        }
        let seen = self.calls.get(call).filter(|call| call.is_live() && principal.sees(call));
        if seen.is_none() {
            return Err(CommandError::NotFound(format!("no live call {call}")));
        }
        match &order.act {
            TalkAct::CompleteConsult => self.complete_consult(now, principal, call)?,
            TalkAct::EndConsult => {
                let own = self.consult_of(principal, call)?;
                if self.calls.get(own).is_some_and(|call| call.is_talk() && !call.is_settled_talk())
                {
                    let text = "the answer of a phone is on its way: order it again in a second";
                    return Err(CommandError::Conflict(text.into()));
                }
                self.end_consult(now, own, Outcome::of(EndCause::Normal));
            }
            TalkAct::Transfer { to } => {
                let (by, plan) = self.errand(principal, call, &order, to)?;
                self.send_away(now, &by, plan, None);
            }
            TalkAct::Consult { to } => {
                let (by, plan) = self.errand(principal, call, &order, to)?;
                self.consult(now, &by, plan);
            }
            TalkAct::Hold | TalkAct::Resume => {
                let by = self.acting(principal, call, order.extension.as_deref())?;
                let holds = order.act == TalkAct::Hold;
                self.step(now, call, |call, ctx| call.hold(ctx, by.side, holds));
            }
        }
        Ok(Done::Ordered)
    }

    fn errand(
        &self,
        principal: &Principal,
        call: CallId,
        order: &TalkOrder,
        to: &str,
    ) -> Result<(Referrer, Plan), CommandError> {
        let by = self.acting(principal, call, order.extension.as_deref())?;
        let plan = self.plan_to(&by.rights, to)?;
        if !self.desk.out.has_room() {
            return Err(CommandError::Busy { retry_after: 5, what: "the store".into() });
        }
        Ok((by, plan))
    }

    /// The end of a conversation for which a key acts.
    fn acting(
        &self,
        principal: &Principal,
        id: CallId,
        extension: Option<&str>,
    ) -> Result<Referrer, CommandError> {
        let own = principal.limited_to().map(|own| own.number);
        let wanted = own.as_deref().or(extension);
        let call = self.calls.get(id).filter(|call| call.is_settled_talk());
        let Some(call) = call.filter(|_| !self.transfers.has(id)) else {
            return Err(CommandError::Conflict("the call is no conversation now".into()));
        };
        let fits = |side: &usize| match (call.at(*side), wanted) {
            (Party::Extension { extension, .. }, Some(number)) => extension.number == number,
            (Party::Extension { .. }, None) => true,
            _ => false,
        };
        let sides: Vec<usize> = [CALLER, CALLEE].into_iter().filter(fits).collect();
        let side = match (sides.as_slice(), wanted) {
            ([side], _) => *side,
            ([], Some(number)) => {
                return Err(CommandError::Invalid(format!(
                    "extension {number} is not in this call"
                )));
            }
            ([], None) => {
                return Err(CommandError::Invalid("no extension of ours is in this call".into()));
            }
            _ => {
                let text = "both ends are extensions: `extension` says which of them acts";
                return Err(CommandError::Invalid(text.into()));
            }
        };
        let party = call.at(side).clone();
        let rights = self.rights_of(&party);
        match (call.leg_at(side), rights) {
            (Some(leg), Some(rights)) => Ok(Referrer { leg, call: id, side, party, rights }),
            _ => Err(CommandError::Conflict("the call is no conversation now".into())),
        }
    }

    /// Where a number or a destination by name leads.
    fn plan_to(&self, rights: &Rights, to: &str) -> Result<Plan, CommandError> {
        let Rights::Extension(key) = rights else {
            return Err(CommandError::Invalid("only extensions transfer by order".into()));
        };
        if !to.contains(':') {
            return self.plan_under(rights, to, None).map_err(|outcome| {
                let cause = outcome.cause.as_str();
                let text = format!("{to}: {cause}; it must be what {} could dial", key.number);
                CommandError::Invalid(text)
            });
        }
        let invalid = || {
            let kinds = "extension:, queue:, ivr: or voicemail: and its name";
            CommandError::Invalid(format!("{to} is no destination of the tenant: {kinds}"))
        };
        let named = Destination::parse(to, &key.tenant);
        let named = named.filter(|to| !matches!(to, Destination::Trunk(_))).ok_or_else(invalid)?;
        let hops = self.books.directory.destination(&key.tenant, &named).map_err(|_| invalid())?;
        if !hops.iter().all(|hop| self.exists(hop)) {
            return Err(invalid());
        }
        let (_, dialled) = to.split_once(':').unwrap_or(("", to));
        Ok(Plan {
            tenant: key.tenant.clone(),
            dialled: dialled.to_owned(),
            hops,
            hide_number: false,
            emergency: false,
        })
    }

    /// Whether what a destination names is there.
    pub(super) fn exists(&self, hop: &Hop) -> bool {
        match hop {
            Hop::Menu(key) => self.lobby.menus.contains_key(key),
            Hop::Queue(key) => self.queues.acd.queue_config(key).is_some(),
            Hop::Voicemail(key) => self.mailbox_of(key).is_some() || self.queue_of(key).is_some(),
            _ => true,
        }
    }

    /// The other party hears music; the extension's own leg goes to somebody else.
    fn consult(&mut self, now: Now, by: &Referrer, plan: Plan) {
        let keep = self.calls.get(by.call).is_some_and(|call| call.after() == After::Keep);
        let Some(loose) = self.take_out(now, by.call, by.side, Rest::Keep) else { return };
        self.step(now, by.call, |call, ctx| {
            let music = ctx.policy.consult_music(&call.tenant);
            call.say(ctx, vec![music], true);
        });
        self.publish_hold(now, by.call, &by.party, true);
        let own = self.hold_alone(now, loose, attendance());
        let consult = Consult { held: Some(by.call), by: by.party.clone(), keep };
        self.consults.begin(own, consult);
        let rights = by.rights.clone();
        self.step(now, own, |call, ctx| call.try_to(ctx, plan, rights, After::Keep));
    }

    fn consult_of(&self, principal: &Principal, call: CallId) -> Result<CallId, CommandError> {
        let none = || CommandError::Conflict("nobody is consulted in this call".into());
        let own = self.consults.own(call).ok_or_else(none)?;
        let consult = self.consults.get(own).ok_or_else(none)?;
        let may = principal.limited_to().is_none_or(
            |key| matches!(&consult.by, Party::Extension { extension, .. } if *extension == key),
        );
        may.then_some(own).ok_or_else(none)
    }

    /// Back to whoever was held.
    fn end_consult(&mut self, now: Now, own: CallId, outcome: Outcome) {
        let Some(consult) = self.consults.end(own) else { return };
        let Some(held) = consult.held else {
            return self.step(now, own, |call, ctx| call.hang_up(ctx, outcome.cause));
        };
        let after = if consult.keep { After::Keep } else { After::End };
        let back = match self.take_out(now, own, CALLER, Rest::End(outcome)) {
            Some(loose) => self.unite(now, held, loose, after).map_err(Some),
            None => Err(None),
        };
        match back {
            Ok(()) => self.publish_hold(now, held, &consult.by, false),
            Err(loose) => {
                if let Some(loose) = loose {
                    self.let_fall(now, *loose, EndCause::Incompatible);
                }
                self.ring_asker(now, held, &consult.by);
            }
        }
    }

    /// Whoever waits while a third party is asked is held like anybody else.
    fn publish_hold(&mut self, now: Now, call: CallId, by: &Party, held: bool) {
        let Some(own) = self.calls.get(call).filter(|call| call.is_live()) else { return };
        let (tenant, interaction, by) = (own.tenant.clone(), own.interaction, by.clone());
        let kind = match held {
            true => EventKind::CallHeld { call, interaction, by },
            false => EventKind::CallResumed { call, interaction, by },
        };
        self.desk.out.publish(now, Some(&tenant), kind);
    }

    /// Who was held and who was asked talk, now or when that one answers.
    fn complete_consult(
        &mut self,
        now: Now,
        principal: &Principal,
        call: CallId,
    ) -> Result<(), CommandError> {
        let conflict = |text: &str| CommandError::Conflict(text.to_owned());
        let own = self.consult_of(principal, call)?;
        let Some(asked) = self.calls.get(own) else { return Err(conflict("the call is over")) };
        let talks = asked.is_settled_talk();
        if !talks && !asked.may_change_caller() {
            return Err(conflict("nobody rings or answers there yet"));
        }
        let held = self.consults.get(own).and_then(|consult| consult.held);
        let held = held.ok_or_else(|| conflict("who was held has hung up"))?;
        let away = Rest::End(Outcome::of(EndCause::Transferred));
        let Some(mut party) = self.take_out(now, held, CALLER, away) else {
            return Err(conflict("who was held is about to hang up"));
        };
        let Some(consult) = self.consults.end(own) else {
            self.let_fall(now, party, EndCause::Failed);
            return Ok(());
        };
        if !talks {
            let transfer =
                Transfer { home: None, told: None, by: consult.by, keep: false, returning: false };
            if let Err(party) = self.take_place(now, own, party, transfer) {
                // Whoever asked is in nobody's hands any more.
                self.let_fall(now, *party, EndCause::Incompatible);
                self.step(now, own, |call, ctx| call.hang_up(ctx, EndCause::Incompatible));
            }
            return Ok(());
        }
        let story = party.interaction;
        let Some(target) = self.take_out(now, own, CALLEE, Rest::Keep) else {
            self.let_fall(now, party, EndCause::Failed);
            return Ok(());
        };
        party.dialled.clone_from(&target.dialled);
        let into = self.hold_alone(now, party, attendance());
        if let Err(target) = self.unite(now, into, target, After::End) {
            self.let_fall(now, *target, EndCause::Incompatible);
            self.step(now, into, |call, ctx| call.hang_up(ctx, EndCause::Incompatible));
        }
        self.publish_transfer(now, held, into, &consult.by);
        self.end_transferred(now, own, story);
        Ok(())
    }

    /// Whether a note concerns a consultation, and heeds it if so.
    pub(super) fn consult_heeds(&mut self, now: Now, id: CallId, note: &Note) -> bool {
        if self.consults.get(id).is_none() {
            let held = self.consults.own(id).is_some();
            if held && *note == Note::CallerGone {
                self.consults.held_gone(id);
            }
            return held;
        }
        match note {
            Note::NotReached(outcome) => self.end_consult(now, id, *outcome),
            Note::CalleeGone => self.end_consult(now, id, Outcome::of(EndCause::Normal)),
            Note::CallerGone => self.asker_gone(now, id),
            // A queue or a menu that is consulted attends the asker as it does everybody.
            _ => return false,
        }
        true
    }

    /// Whoever asked has hung up: who is held rings it back.
    fn asker_gone(&mut self, now: Now, own: CallId) {
        let Some(Consult { held: Some(held), by, .. }) = self.consults.end(own) else { return };
        self.ring_asker(now, held, &by);
    }

    /// Who is held and is nobody's any more rings back whoever asked.
    fn ring_asker(&mut self, now: Now, held: CallId, by: &Party) {
        let away = Rest::End(Outcome::of(EndCause::Normal));
        let Some(party) = self.take_out(now, held, CALLER, away) else { return };
        match by {
            Party::Extension { extension, .. } => {
                self.ring_transferor(now, party, extension, by);
            }
            _ => self.let_fall(now, party, EndCause::Normal),
        }
    }
}
