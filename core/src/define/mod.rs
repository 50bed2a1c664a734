//! What was defined over HTTP, and how it comes together with the file: they never stand for each other.
//!
//! The file wins. A definition whose id or number the file has taken waits without effect until the file lets go of it.

pub mod check;

use std::collections::{BTreeMap, BTreeSet};

use crate::vocab::config::{Config, SharedMailbox};
use crate::vocab::define::{Entry, EntryKey, EntryKind, ExtensionEntry};
use crate::vocab::{ExtensionKey, MailboxKey, TenantId};

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

    /// Adds or replaces one. Gives back what was there.
    pub fn put(&mut self, entry: Entry) -> Option<Entry> {
        let key = entry.key();
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

    /// For the digest of the switch's state.
    pub fn digest(&self, hasher: &mut impl std::hash::Hasher) {
        use std::hash::Hash;
        format!("{self:?}").hash(hasher);
    }

    /// Adds to a file's configuration what it leaves room for, and notes what it does not.
    pub fn merge(&mut self, config: &mut Config) -> Vec<EntryKey> {
        self.shadowed.clear();
        if self.entries.is_empty() {
            return Vec::new();
        }
        let mut taken = Taken::of(config);
        for (key, entry) in &self.entries {
            match entry {
                Entry::Extension(entry) if taken.take(config, &entry.extension.key) => {
                    add_extension(config, entry);
                }
                Entry::Extension(_) => {
                    self.shadowed.insert(key.clone());
                }
            }
        }
        self.shadowed.iter().cloned().collect()
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

/// The numbers and SIP users that a file has given away.
struct Taken {
    numbers: BTreeSet<ExtensionKey>,
    /// With the tenant's domain, or none.
    users: BTreeSet<(Option<String>, String)>,
}

impl Taken {
    fn of(config: &Config) -> Self {
        let key = |tenant: &TenantId, number: &String| ExtensionKey {
            tenant: tenant.clone(),
            number: number.clone(),
        };
        let queues = config.acd.queues.iter().map(|own| key(&own.key.tenant, &own.key.number));
        let groups = config.groups.iter().map(|own| key(&own.key.tenant, &own.number));
        let rooms = config.conferences.iter();
        let rooms = rooms.filter_map(|own| Some(key(&own.key.tenant, own.number.as_ref()?)));
        let mut taken =
            Self { numbers: queues.chain(groups).chain(rooms).collect(), users: BTreeSet::new() };
        for extension in &config.extensions {
            taken.take(config, &extension.key);
        }
        taken
    }

    /// Takes a number and its SIP user, where its tenant exists and both are free.
    fn take(&mut self, config: &Config, key: &ExtensionKey) -> bool {
        let Some(tenant) = config.tenants.iter().find(|own| own.id == key.tenant) else {
            return false;
        };
        let user = (tenant.domain.clone(), format!("{}{}", tenant.prefix, key.number));
        let free = !self.numbers.contains(key) && !self.users.contains(&user);
        if free {
            self.numbers.insert(key.clone());
            self.users.insert(user);
        }
        free
    }
}
