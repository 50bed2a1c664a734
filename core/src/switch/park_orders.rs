//! Parking over HTTP: park a party of a call, take one back, and what is parked.

use crate::call::{CALLEE, CALLER, Outcome, Rest};
use crate::vocab::command::Page;
use crate::vocab::park::{ParkedView, TakeOrder};
use crate::vocab::record::{EndCause, Party};
use crate::vocab::{
    CallId, CommandError, Done, ExtensionKey, Hop, Now, Principal, Reply, Role, TenantId,
};

use super::Running;
use super::park::is_at;
use super::summons::{Errand, Summon};

impl Running {
    /// What is ordered of a call that rings or is parked.
    pub(super) fn order_taking(
        &mut self,
        now: Now,
        principal: &Principal,
        order: TakeOrder,
    ) -> Result<Done, CommandError> {
        match order {
            TakeOrder::PickUp { call, extension } => {
                self.order_pickup(now, principal, call, extension)
            }
            TakeOrder::PickUpAt { at, extension, contact } => {
                self.order_pickup_at(now, principal, at.as_deref(), extension, contact)
            }
            TakeOrder::Park { call, extension } => self.order_park(now, principal, call, extension),
            TakeOrder::Retrieve { slot, extension } => {
                self.order_retrieval(now, principal, slot, extension)
            }
        }
    }

    /// Parks the other party of an extension's call.
    pub(super) fn order_park(
        &mut self,
        now: Now,
        principal: &Principal,
        id: CallId,
        extension: Option<String>,
    ) -> Result<Done, CommandError> {
        if principal.role == Role::ReadOnly {
            return Err(CommandError::Forbidden("the key may only read".into()));
        }
        let call = self.calls.get(id).filter(|call| call.is_live() && principal.sees(call));
        let call = call.ok_or_else(|| CommandError::NotFound(format!("no live call {id}")))?;
        let parties = [CALLER, CALLEE].map(|side| call.at(side).clone());
        if !call.is_settled_talk() {
            let text = format!("in call {id} nobody talks with anybody who could be parked");
            return Err(CommandError::Conflict(text));
        }
        let (parker, parked) = parker_in(principal, &parties, extension)?;
        let full = || {
            let what = "all parking places are taken".to_owned();
            CommandError::Busy { retry_after: 30, what }
        };
        let slot = self.free_place(&principal.tenant).ok_or_else(full)?;
        let rest = Rest::End(Outcome::of(EndCause::Parked));
        let Some(loose) = self.take_out(now, id, parked, rest) else {
            let text = format!("call {id} is being changed by its parties; try again");
            return Err(CommandError::Conflict(text));
        };
        let call = self.park_leg(now, loose, &parker, slot).ok_or_else(full)?;
        let interaction = self.calls.get(call).map(|call| call.interaction).unwrap_or_default();
        Ok(Done::Parked { call, interaction, slot })
    }

    /// Rings an extension that then takes who is parked.
    pub(super) fn order_retrieval(
        &mut self,
        now: Now,
        principal: &Principal,
        slot: u32,
        extension: Option<String>,
    ) -> Result<Done, CommandError> {
        let extension = self.picker_of(principal, extension)?;
        let parked = self.lot.at(&principal.tenant, slot).map(|parked| parked.call);
        let call = parked.and_then(|parked| self.calls.get(parked));
        let Some(call) = call else {
            return Err(CommandError::NotFound(format!("nobody is parked at {slot}")));
        };
        let (id, interaction) = (call.id, call.interaction);
        let shown = self.identity_for(id, &Hop::Extension(extension.clone()));
        let (errand, dialled) = (Errand::Retrieve(slot, id), slot.to_string());
        let summon =
            Summon { extension: &extension, contact: None, shown, errand, dialled, interaction };
        self.summon(now, summon)
    }

    /// Who is parked.
    pub(super) fn parking(&self, now: Now, tenant: &TenantId) -> Reply {
        let view = |parked: &crate::park::Parked| {
            let call = self.calls.get(parked.call)?;
            Some(ParkedView {
                slot: parked.slot,
                call: parked.call,
                interaction: call.interaction,
                caller: call.record.caller.clone(),
                parker: parked.parker.clone(),
                since: parked.since,
                ringing_back: matches!(parked.stage, crate::park::Stage::RingingBack { .. }),
            })
        };
        let items: Vec<ParkedView> = self.lot.of_tenant(tenant).filter_map(view).collect();
        let total = items.len();
        Reply::Parking(Page { items, total, as_of: now.wall })
    }
}

/// Whose call it is, and the side of the other party.
fn parker_in(
    principal: &Principal,
    parties: &[Party; 2],
    named: Option<String>,
) -> Result<(ExtensionKey, usize), CommandError> {
    let tenant = principal.tenant.clone();
    let own = principal.extension.clone();
    if let (Some(_), Some(named)) = (principal.limited_to(), &named)
        && own.as_ref() != Some(named)
    {
        let text = format!("the key parks only for {}", own.unwrap_or_default());
        return Err(CommandError::Forbidden(text));
    }
    let named = named.or(own).map(|number| ExtensionKey { tenant, number });
    let extensions = parties.iter().map(|party| match party {
        Party::Extension { extension, .. } => Some(extension),
        _ => None,
    });
    let extensions: Vec<Option<&ExtensionKey>> = extensions.collect();
    let side = match (&named, extensions.as_slice()) {
        (Some(key), _) => parties.iter().position(|party| is_at(party, key)),
        (None, [Some(_), None]) => Some(CALLER),
        (None, [None, Some(_)]) => Some(CALLEE),
        (None, _) => {
            let text = "extension: name the one that parks the other".to_owned();
            return Err(CommandError::Invalid(text));
        }
    };
    let parker = side.and_then(|side| Some((extensions.get(side).copied().flatten()?, side)));
    match (parker, named) {
        (Some((key, side)), _) => Ok((key.clone(), 1 - side)),
        (None, named) => {
            let number = named.map(|key| key.number).unwrap_or_default();
            Err(CommandError::Conflict(format!("extension {number} is not in the call")))
        }
    }
}
