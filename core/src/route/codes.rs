//! The codes of supervision, and the numbers of conferences, pages and parking places.

use std::collections::BTreeMap;

use crate::vocab::config::Tenant;
use crate::vocab::page::Page;
use crate::vocab::supervise::Mode;
use crate::vocab::{ConferenceKey, ExtensionKey, Feature, PageKey};

use super::{Directory, Refusal};

/// Positions of pages by key, and their keys by what is dialled for them.
pub(super) fn indexed_pages(
    pages: &[Page],
) -> (BTreeMap<PageKey, usize>, BTreeMap<ExtensionKey, PageKey>) {
    let number = |page: &Page| {
        let (tenant, number) = (page.key.tenant.clone(), page.number.clone());
        (ExtensionKey { tenant, number }, page.key.clone())
    };
    // Of two with one number the first has it.
    let numbers = pages.iter().rev().map(number).collect();
    let positions = pages.iter().enumerate().rev().map(|(at, page)| (page.key.clone(), at));
    (positions.collect(), numbers)
}

impl Directory {
    /// Whose call a code before an extension's number means, and how; `None` where it is no such code.
    pub(super) fn supervision(
        &self,
        tenant: &Tenant,
        dialled: &str,
    ) -> Option<Result<Feature, Refusal>> {
        let codes = &self.config.codes;
        let modes = [
            (&codes.monitor, Mode::Monitor),
            (&codes.whisper, Mode::Whisper),
            (&codes.barge, Mode::Barge),
        ];
        modes.into_iter().find_map(|(code, mode)| {
            let number = dialled.strip_prefix(code.as_str()).filter(|_| !code.is_empty())?;
            let called = self.in_tenant(tenant, number).ok_or(Refusal::NotFound);
            Some(called.map(|called| Feature::Supervise(mode, called.key.clone())))
        })
    }

    /// The page with this number (bare, or after the tenant's prefix).
    pub(super) fn page_numbered(&self, tenant: &Tenant, dialled: &str) -> Option<PageKey> {
        let known = |number: &str| {
            let key = ExtensionKey { tenant: tenant.id.clone(), number: number.to_owned() };
            self.page_numbers.get(&key).cloned()
        };
        known(dialled).or_else(|| known(dialled.strip_prefix(tenant.prefix.as_str())?))
    }

    /// A page of the configuration.
    pub fn page(&self, key: &PageKey) -> Option<&Page> {
        self.config.pages.get(*self.pages.get(key)?)
    }

    /// The pages of a tenant, by name.
    pub fn pages(&self, tenant: &str) -> impl Iterator<Item = &Page> {
        self.config.pages.iter().filter(move |page| page.key.tenant == tenant)
    }

    /// Whether an extension who dials this number reaches a phone, a queue, a room, a group or a page, and no parking place.
    pub fn is_taken(&self, tenant: &str, number: &str) -> bool {
        self.tenant(tenant).is_some_and(|tenant| {
            self.queue_numbered(tenant, number).is_some()
                || self.room_numbered(tenant, number).is_some()
                || self.page_numbered(tenant, number).is_some()
                || self.group_numbered(tenant, number).is_some()
                || self.in_tenant(tenant, number).is_some()
                || tenant.emergency.iter().any(|own| own == number)
        })
    }

    /// Whether this number is that of a parking place of a tenant.
    pub fn is_parking_place(&self, tenant: &str, number: &str) -> bool {
        matches!(self.parking(number), Some(Feature::Retrieve(_))) && !self.is_taken(tenant, number)
    }

    /// The room with this number (bare, or after the tenant's prefix).
    pub(super) fn room_numbered(&self, tenant: &Tenant, dialled: &str) -> Option<ConferenceKey> {
        let known = |number: &str| {
            let key = ExtensionKey { tenant: tenant.id.clone(), number: number.to_owned() };
            self.rooms.get(&key).cloned()
        };
        known(dialled).or_else(|| known(dialled.strip_prefix(tenant.prefix.as_str())?))
    }
}
