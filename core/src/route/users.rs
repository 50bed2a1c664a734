//! Finds extensions by key and by SIP user without a copy of their names: tables of positions in the configuration.
//!
//! A phone's request looks several names up, and a switch has many extensions: each lookup touches one slot and the
//! extension itself. The names come from the configuration, so that nobody can choose them to collide.

use std::collections::BTreeMap;

use crate::vocab::config::{Config, Extension};
use crate::vocab::{ExtensionKey, TenantId};

/// Marks a free slot.
const FREE: u32 = u32::MAX;
/// Marks a slot that was in use: whoever searches goes on behind it.
const GONE: u32 = u32::MAX - 1;

/// FNV-1a over pieces of text, as if they were one.
#[derive(Debug, Clone, Copy)]
struct Digest(u64);

impl Digest {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn and(self, text: &str) -> Self {
        let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(text.bytes().fold(self.0, mix))
    }
}

/// Positions by digest, with open addressing; at most half full, those that are gone included.
#[derive(Debug)]
struct Index {
    /// Digest's upper half and position.
    slots: Box<[(u32, u32)]>,
    /// Slots that are not free.
    used: usize,
}

impl Index {
    fn with_room_for(count: usize) -> Self {
        let slots = vec![(0, FREE); (count * 2).next_power_of_two()].into_boxed_slice();
        Self { slots, used: 0 }
    }

    fn slot(&self, digest: Digest, step: usize) -> usize {
        (digest.0 as usize).wrapping_add(step) & (self.slots.len() - 1)
    }

    /// Whether one more leaves it at most half full.
    fn has_room(&self) -> bool {
        (self.used + 1) * 2 <= self.slots.len()
    }

    fn find(&self, digest: Digest, wanted: impl Fn(u32, u32) -> bool) -> Option<usize> {
        (0..self.slots.len())
            .map(|step| self.slot(digest, step))
            .find(|slot| self.slots.get(*slot).is_some_and(|(tag, held)| wanted(*tag, *held)))
    }

    fn insert(&mut self, digest: Digest, position: u32) {
        let open = self.find(digest, |_, held| held == FREE || held == GONE);
        let Some(slot) = open.and_then(|slot| self.slots.get_mut(slot)) else { return };
        self.used += usize::from(slot.1 == FREE);
        *slot = ((digest.0 >> 32) as u32, position);
    }

    /// Has what stood at `from` stand at `to`.
    fn change(&mut self, digest: Digest, from: u32, to: u32) {
        let tag = (digest.0 >> 32) as u32;
        let slot = self.find(digest, |own, held| held == FREE || (own, held) == (tag, from));
        if let Some(slot) = slot.and_then(|slot| self.slots.get_mut(slot))
            && slot.1 == from
        {
            slot.1 = to;
        }
    }

    /// Positions that may be meant.
    fn candidates(&self, digest: Digest) -> impl Iterator<Item = usize> {
        let tag = (digest.0 >> 32) as u32;
        (0..self.slots.len())
            .filter_map(move |step| self.slots.get(self.slot(digest, step)))
            .take_while(|(_, position)| *position != FREE)
            .filter(move |(held, position)| *held == tag && *position != GONE)
            .map(|(_, position)| *position as usize)
    }
}

/// Positions of extensions in `config.extensions`.
#[derive(Debug)]
pub struct Users {
    /// By tenant and number.
    by_key: Index,
    /// By number alone.
    by_number: Index,
    /// By prefix and number, as one text.
    by_user: Index,
}

fn key_digest(tenant: &str, number: &str) -> Digest {
    Digest::new().and(tenant).and("\0").and(number)
}

impl Users {
    /// Indexes all extensions. The first key that stands twice is the error.
    pub fn new(config: &Config) -> Result<Self, ExtensionKey> {
        Self::with_room_for(config, config.extensions.len())
    }

    /// Indexes all anew, with room for those who come and go.
    pub fn anew(config: &Config) -> Result<Self, ExtensionKey> {
        let count = config.extensions.len();
        Self::with_room_for(config, count + count / 8 + 8)
    }

    fn with_room_for(config: &Config, count: usize) -> Result<Self, ExtensionKey> {
        let all = &config.extensions;
        let prefixes: BTreeMap<&str, &str> =
            config.tenants.iter().map(|t| (t.id.as_str(), t.prefix.as_str())).collect();
        let index = || Index::with_room_for(count);
        let mut users = Self { by_key: index(), by_number: index(), by_user: index() };
        for (position, extension) in (0..GONE).zip(all) {
            let ExtensionKey { tenant, number } = &extension.key;
            if users.get(config, tenant, number).is_some() {
                return Err(extension.key.clone());
            }
            let prefix = prefixes.get(tenant.as_str()).copied().unwrap_or("");
            users.by_key.insert(key_digest(tenant, number), position);
            users.by_number.insert(Digest::new().and(number), position);
            users.by_user.insert(Digest::new().and(prefix).and(number), position);
        }
        Ok(users)
    }

    /// Indexes the extension at a position behind all others. False where there is no room: then all are to be indexed
    /// anew.
    pub fn add(&mut self, own: &ExtensionKey, prefix: &str, position: u32) -> bool {
        if !self.by_key.has_room() {
            return false;
        }
        self.by_key.insert(key_digest(&own.tenant, &own.number), position);
        self.by_number.insert(Digest::new().and(&own.number), position);
        self.by_user.insert(Digest::new().and(prefix).and(&own.number), position);
        true
    }

    /// An extension stands elsewhere from now on.
    pub fn moved(&mut self, own: &ExtensionKey, prefix: &str, from: u32, to: u32) {
        self.by_key.change(key_digest(&own.tenant, &own.number), from, to);
        self.by_number.change(Digest::new().and(&own.number), from, to);
        self.by_user.change(Digest::new().and(prefix).and(&own.number), from, to);
    }

    /// An extension is no more.
    pub fn remove(&mut self, own: &ExtensionKey, prefix: &str, position: u32) {
        self.moved(own, prefix, position, GONE);
    }

    /// All extensions whose prefix and number may read so.
    pub fn with_user<'a>(
        &'a self,
        config: &'a Config,
        user: &str,
    ) -> impl Iterator<Item = &'a Extension> {
        let all = self.by_user.candidates(Digest::new().and(user));
        all.filter_map(|position| config.extensions.get(position))
    }

    /// Where the extension stands in the configuration.
    pub fn position(&self, config: &Config, key: &ExtensionKey) -> Option<usize> {
        let mut all = self.by_key.candidates(key_digest(&key.tenant, &key.number));
        all.find(|at| config.extensions.get(*at).is_some_and(|own| own.key == *key))
    }

    /// The extension with this tenant and number.
    pub fn get<'a>(&self, config: &'a Config, tenant: &str, number: &str) -> Option<&'a Extension> {
        self.by_key
            .candidates(key_digest(tenant, number))
            .filter_map(|position| config.extensions.get(position))
            .find(|extension| extension.key.number == number && extension.key.tenant == tenant)
    }

    /// The only extension with this bare number in the whole switch.
    pub fn unique_number<'a>(&self, config: &'a Config, number: &str) -> Option<&'a Extension> {
        only(config, self.by_number.candidates(Digest::new().and(number)), |extension| {
            extension.key.number == number
        })
    }

    /// The only extension whose prefix and number read so.
    pub fn full_user<'a>(
        &self,
        config: &'a Config,
        tenants: &BTreeMap<TenantId, usize>,
        user: &str,
    ) -> Option<&'a Extension> {
        only(config, self.by_user.candidates(Digest::new().and(user)), |extension| {
            let tenant = tenants.get(&extension.key.tenant);
            let tenant = tenant.and_then(|at| config.tenants.get(*at));
            let prefix = tenant.map_or("", |tenant| tenant.prefix.as_str());
            user.strip_prefix(prefix) == Some(extension.key.number.as_str())
        })
    }
}

/// The one extension that fits; `None` when there are several.
fn only(
    config: &Config,
    candidates: impl Iterator<Item = usize>,
    fits: impl Fn(&Extension) -> bool,
) -> Option<&Extension> {
    let mut fitting = candidates
        .filter_map(|position| config.extensions.get(position))
        .filter(|extension| fits(extension));
    let first = fitting.next()?;
    if fitting.next().is_some() { None } else { Some(first) }
}
