//! What was defined over HTTP, and how it comes together with the file: they never stand for each other.
//!
//! The file wins. A definition whose id or number the file has taken waits without effect until the file lets go of it.

pub mod check;
mod taken;

use std::collections::{BTreeMap, BTreeSet};

use crate::vocab::config::{Config, RouteFrom, SharedMailbox};
use crate::vocab::define::{Entry, EntryKey, EntryKind, ExtensionEntry};
use crate::vocab::{MailboxKey, TenantId, TrunkKey};

use taken::Taken;

/// Entries of one kind that one tenant may have over HTTP.
pub const MAX_OF_KIND: usize = 10_000;
/// Entries of all tenants.
const MAX_ENTRIES: usize = 200_000;

/// All entries, in force or not.
#[derive(Debug, Default)]
pub struct Defined {
    entries: BTreeMap<EntryKey, Entry>,
    /// Those that wait for the file.
    shadowed: BTreeSet<EntryKey>,
    counts: BTreeMap<(TenantId, EntryKind), usize>,
}

impl Defined {
    /// As the store remembers.
    pub fn restored(entries: Vec<Entry>) -> Self {
        let mut defined = Self::default();
        entries.into_iter().for_each(|entry| drop(defined.put(entry)));
        defined
    }

    /// An entry, in force or not.
    pub fn get(&self, key: &EntryKey) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Whether it is in force.
    pub fn holds(&self, key: &EntryKey) -> bool {
        self.entries.contains_key(key) && !self.shadowed.contains(key)
    }

    /// Whether one more fits.
    pub fn has_room(&self, key: &EntryKey) -> bool {
        let own = self.counts.get(&(key.tenant().clone(), key.kind())).copied().unwrap_or(0);
        self.entries.contains_key(key) || (own < MAX_OF_KIND && self.entries.len() < MAX_ENTRIES)
    }

    /// Adds or replaces one, which is in force from now on. Gives back what was there.
    pub fn put(&mut self, entry: Entry) -> Option<Entry> {
        let key = entry.key();
        self.shadowed.remove(&key);
        let count = (key.tenant().clone(), key.kind());
        let before = self.entries.insert(key, entry);
        if before.is_none() {
            *self.counts.entry(count).or_default() += 1;
        }
        before
    }

    /// Removes one.
    pub fn remove(&mut self, key: &EntryKey) -> Option<Entry> {
        let removed = self.entries.remove(key)?;
        self.shadowed.remove(key);
        let count = (key.tenant().clone(), key.kind());
        if let Some(own) = self.counts.get_mut(&count) {
            *own -= 1;
            if *own == 0 {
                self.counts.remove(&count);
            }
        }
        Some(removed)
    }

    /// Forgets all of a tenant's.
    pub fn forget_tenant(&mut self, tenant: &str) {
        self.entries.retain(|key, _| key.tenant() != tenant);
        self.shadowed.retain(|key| key.tenant() != tenant);
        self.counts.retain(|(own, _), _| own != tenant);
    }

    /// For the digest of the switch's state.
    pub fn digest(&self, hasher: &mut impl std::hash::Hasher) {
        use std::hash::Hash;
        format!("{self:?}").hash(hasher);
    }

    /// Adds extensions to a file's configuration where it leaves room for them, and notes what has no effect beside it.
    /// The rest that is in force is in [`Defined::lines`].
    pub fn merge(&mut self, config: &mut Config) -> Vec<EntryKey> {
        self.shadowed.clear();
        if self.entries.is_empty() {
            return Vec::new();
        }
        let mut taken = Taken::of(config);
        // Trunks first: numbers and routes refer to them.
        let (trunks, others): (Vec<_>, Vec<_>) =
            self.entries.iter().partition(|(key, _)| key.kind() == EntryKind::Trunk);
        for (key, entry) in trunks.into_iter().chain(others) {
            if !taken.take(entry) {
                self.shadowed.insert(key.clone());
            } else if let Entry::Extension(entry) = entry {
                add_extension(config, entry);
            }
        }
        self.shadowed.iter().cloned().collect()
    }

    /// What has no effect and needs this trunk.
    pub fn waiting_for(&self, trunk: &TrunkKey) -> Vec<Entry> {
        let needs = |entry: &&Entry| match entry {
            Entry::Number(number) => number.trunk == *trunk,
            Entry::Route(own) => own.route.from == RouteFrom::Trunk(trunk.clone()),
            Entry::Extension(_) | Entry::Trunk(_) => false,
        };
        let waiting = self.shadowed.iter().filter_map(|key| self.entries.get(key));
        waiting.filter(needs).cloned().collect()
    }

    /// Trunks, numbers and routes that are in force.
    pub fn lines(&self) -> impl Iterator<Item = &Entry> {
        let own =
            |key: &EntryKey| key.kind() != EntryKind::Extension && !self.shadowed.contains(key);
        self.entries.iter().filter(move |(key, _)| own(key)).map(|(_, entry)| entry)
    }
}

/// Adds an extension that is new.
fn add_extension(config: &mut Config, entry: &ExtensionEntry) {
    config.extensions.push(entry.extension.clone());
    config.mailboxes.extend(entry.mailbox.clone());
    config.mwi.shared.extend(shared(entry));
}

/// The mailboxes that an extension watches besides its own.
pub fn shared(entry: &ExtensionEntry) -> impl Iterator<Item = SharedMailbox> {
    let key = &entry.extension.key;
    entry.watch_mailboxes.iter().map(|number| SharedMailbox {
        extension: key.clone(),
        mailbox: MailboxKey { tenant: key.tenant.clone(), number: number.clone() },
    })
}
