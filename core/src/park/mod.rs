//! Parking: callers who wait in numbered places until somebody dials the number.
//!
//! A place belongs to one call, a call has at most one place, and each has a deadline: then the parker is rung, and when
//! that one does not answer either, the caller is sent on or waits for another round.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::vocab::{CallId, ExtensionKey, OfferId, TenantId};

/// A caller in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Whose place.
    pub tenant: TenantId,
    /// Its number.
    pub slot: u32,
    /// The caller's call.
    pub call: CallId,
    /// Who parked it.
    pub parker: ExtensionKey,
    /// Since when, milliseconds since the Unix epoch.
    pub since: u64,
    /// What is awaited.
    pub stage: Stage,
}

/// What a place waits for. Times are monotonic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// That somebody dials its number.
    Waiting {
        /// Then the parker is rung.
        until: u64,
    },
    /// That the parker answers, or somebody dials the number.
    RingingBack {
        /// Names the attempt.
        offer: OfferId,
        /// Then it is over.
        until: u64,
    },
}

impl Parked {
    fn deadline(&self) -> u64 {
        match self.stage {
            Stage::Waiting { until } | Stage::RingingBack { until, .. } => until,
        }
    }
}

/// All places of all tenants.
#[derive(Debug, Default)]
pub struct Lot {
    places: BTreeMap<(TenantId, u32), Parked>,
    by_call: BTreeMap<CallId, (TenantId, u32)>,
    due: BTreeSet<(u64, CallId)>,
    attempts: u64,
    /// Places that somebody came to or left since the last time.
    changed: BTreeSet<(TenantId, u32)>,
}

impl Lot {
    /// The first free place of the range; `reserved` numbers are no places.
    pub fn free(
        &self,
        tenant: &str,
        mut slots: RangeInclusive<u32>,
        reserved: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        slots.find(|slot| self.at(tenant, *slot).is_none() && !reserved(*slot))
    }

    /// Gives a call a place. False, and nothing has changed, where it is taken or the call has one.
    pub fn park(
        &mut self,
        call: CallId,
        parker: &ExtensionKey,
        slot: u32,
        (since, until): (u64, u64),
    ) -> bool {
        let tenant = parker.tenant.clone();
        if self.by_call.contains_key(&call) || self.at(&tenant, slot).is_some() {
            return false;
        }
        let (stage, parker) = (Stage::Waiting { until }, parker.clone());
        self.put_back(Parked { tenant, slot, call, parker, since, stage });
        true
    }

    /// Takes a call out of its place.
    pub fn leave(&mut self, call: CallId) -> Option<Parked> {
        let place = self.by_call.remove(&call)?;
        let parked = self.places.remove(&place)?;
        self.changed.insert(place);
        self.due.remove(&(parked.deadline(), call));
        Some(parked)
    }

    /// Puts back who was taken out in the same step and is still there.
    pub fn put_back(&mut self, parked: Parked) {
        let place = (parked.tenant.clone(), parked.slot);
        self.changed.insert(place.clone());
        self.by_call.insert(parked.call, place.clone());
        self.due.insert((parked.deadline(), parked.call));
        self.places.insert(place, parked);
    }

    /// Who is in a place.
    pub fn at(&self, tenant: &str, slot: u32) -> Option<&Parked> {
        self.places.get(&(tenant.to_owned(), slot))
    }

    /// The place of a call.
    pub fn of(&self, call: CallId) -> Option<&Parked> {
        self.places.get(self.by_call.get(&call)?)
    }

    /// The places of a tenant that are taken, by number.
    pub fn of_tenant<'a>(&'a self, tenant: &'a str) -> impl Iterator<Item = &'a Parked> {
        let from = (tenant.to_owned(), 0);
        self.places.range(from..).map(|(_, parked)| parked).take_while(move |p| p.tenant == tenant)
    }

    /// A place that somebody came to or left, once.
    pub fn pop_changed(&mut self) -> Option<(TenantId, u32)> {
        self.changed.pop_first()
    }

    /// True while nobody is parked.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many are parked.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    fn set(&mut self, call: CallId, stage: Stage) {
        if let Some(mut parked) = self.leave(call) {
            parked.stage = stage;
            self.put_back(parked);
        }
    }

    /// The parker is being rung until then: the attempt's name.
    pub fn ring_back(&mut self, call: CallId, until: u64) -> OfferId {
        self.attempts += 1;
        let offer = OfferId(self.attempts);
        self.set(call, Stage::RingingBack { offer, until });
        offer
    }

    /// Waits for another round.
    pub fn wait_again(&mut self, call: CallId, until: u64) {
        self.set(call, Stage::Waiting { until });
    }

    /// Who rings back under this name, if that has not ended.
    pub fn rings_back(&self, call: CallId, attempt: OfferId) -> bool {
        let stage = self.of(call).map(|parked| parked.stage);
        matches!(stage, Some(Stage::RingingBack { offer, .. }) if offer == attempt)
    }

    /// A place whose time has come.
    pub fn due(&self, now: u64) -> Option<&Parked> {
        let (_, call) = self.due.first().filter(|(at, _)| *at <= now)?;
        self.of(*call)
    }

    /// When something is due; monotonic.
    pub fn next_deadline(&self) -> Option<u64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Adds what contradicts itself. `waits` tells whether a call is attended.
    pub fn audit(&self, waits: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        for (place, parked) in &self.places {
            let (call, slot) = (parked.call, parked.slot);
            if self.by_call.get(&call) != Some(place)
                || !self.due.contains(&(parked.deadline(), call))
            {
                wrong.push(format!("place {slot}: the indexes are out of date"));
            }
            if !waits(call) {
                wrong.push(format!("place {slot} is taken by call {call}, which does not wait"));
            }
        }
        if self.by_call.len() != self.places.len() || self.due.len() != self.places.len() {
            wrong.push("an index of parking places holds what no place has".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parker(tenant: &str) -> ExtensionKey {
        ExtensionKey { tenant: tenant.into(), number: "4567".into() }
    }

    fn park(lot: &mut Lot, tenant: &str, call: u128) -> Option<u32> {
        let slot = lot.free(tenant, 701..=703, |slot| slot == 702)?;
        lot.park(CallId(call), &parker(tenant), slot, (5, 120)).then_some(slot)
    }

    fn sound(lot: &Lot) {
        let mut wrong = Vec::new();
        lot.audit(|_| true, &mut wrong);
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn places_are_given_from_the_first_and_come_back() {
        let mut lot = Lot::default();
        assert_eq!(park(&mut lot, "a", 1), Some(701));
        assert_eq!(park(&mut lot, "a", 1), None, "it has one");
        assert_eq!(park(&mut lot, "a", 2), Some(703), "702 is somebody's number");
        assert_eq!(park(&mut lot, "a", 3), None, "full");
        assert_eq!(park(&mut lot, "b", 3), Some(701), "another company has its own");
        sound(&lot);
        assert_eq!(lot.leave(CallId(1)).map(|parked| parked.slot), Some(701));
        assert_eq!(lot.leave(CallId(1)), None);
        assert_eq!(park(&mut lot, "a", 4), Some(701));
        assert_eq!(lot.at("a", 701).map(|parked| parked.call), Some(CallId(4)));
        let of_a: Vec<u32> = lot.of_tenant("a").map(|parked| parked.slot).collect();
        assert_eq!(of_a, [701, 703]);
        sound(&lot);
    }

    #[test]
    fn the_parker_is_rung_and_the_caller_waits_again() {
        let mut lot = Lot::default();
        park(&mut lot, "a", 1);
        assert_eq!(lot.due(119), None);
        assert_eq!(lot.due(120).map(|parked| parked.call), Some(CallId(1)));
        let first = lot.ring_back(CallId(1), 150);
        assert!(lot.rings_back(CallId(1), first));
        assert_eq!(lot.next_deadline(), Some(150));
        lot.wait_again(CallId(1), 270);
        assert!(!lot.rings_back(CallId(1), first));
        let second = lot.ring_back(CallId(1), 300);
        assert_ne!(first, second);
        sound(&lot);
        lot.leave(CallId(1));
        assert_eq!((lot.next_deadline(), lot.is_empty()), (None, true));
        lot.wait_again(CallId(1), 9);
        assert!(lot.is_empty(), "who has left does not come back");
        sound(&lot);
    }
}
