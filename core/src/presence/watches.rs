//! Who watches what: every subscription of every package, and what was last seen of each thing that is watched.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use sip::subscription::SubscriptionId;

use super::Condition;
use crate::vocab::watch::{Resource, Subject};
use crate::vocab::{ExtensionKey, TenantId};

/// The package of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `message-summary`.
    Summary,
    /// `dialog`.
    Dialog,
    /// `presence`.
    Presence,
}

impl Kind {
    /// By the name in Event.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Summary, Self::Dialog, Self::Presence].into_iter().find(|kind| kind.name() == name)
    }

    /// As it stands in Event.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Summary => "message-summary",
            Self::Dialog => super::DIALOG.name,
            Self::Presence => super::PRESENCE.name,
        }
    }
}

/// One subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watcher {
    /// Whose phone it is.
    pub extension: ExtensionKey,
    /// The package.
    pub kind: Kind,
    /// What it was asked for.
    pub resource: Resource,
    /// The user part of the URI that named it.
    pub user: String,
    /// What it watches: one thing, or a list's members in order.
    pub subjects: Vec<Subject>,
    /// Its dialog's Call-ID and our tag in it.
    pub dialog: (String, String),
}

/// Something that is watched.
#[derive(Debug)]
struct Watched {
    by: BTreeSet<SubscriptionId>,
    shown: Condition,
}

/// A subscription, and what of its subjects has changed since it was told.
#[derive(Debug)]
struct Own {
    watcher: Watcher,
    news: BTreeSet<Subject>,
}

/// All subscriptions.
#[derive(Debug, Default)]
pub struct Watches {
    watchers: BTreeMap<SubscriptionId, Own>,
    watched: BTreeMap<Subject, Watched>,
    touched: BTreeSet<Subject>,
    by_extension: BTreeMap<ExtensionKey, BTreeSet<SubscriptionId>>,
    by_list: BTreeMap<(TenantId, String), BTreeSet<SubscriptionId>>,
    by_tenant: BTreeMap<TenantId, usize>,
    by_kind: BTreeMap<Kind, usize>,
}

impl Watches {
    /// Whether nobody watches anything, so that nothing need be looked at.
    pub fn is_empty(&self) -> bool {
        self.watchers.is_empty()
    }

    /// Subscriptions of a tenant's phones.
    pub fn of_tenant(&self, tenant: &str) -> usize {
        self.by_tenant.get(tenant).copied().unwrap_or(0)
    }

    /// Subscriptions by package.
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        [Kind::Dialog, Kind::Summary, Kind::Presence]
            .map(|kind| (kind.name(), self.by_kind.get(&kind).map_or(0, |count| *count as u64)))
    }

    /// A subscription begins; its subjects stand as `look` says.
    pub fn add(
        &mut self,
        id: SubscriptionId,
        watcher: Watcher,
        mut look: impl FnMut(&Subject) -> Condition,
    ) {
        for subject in &watcher.subjects {
            match self.watched.get_mut(subject) {
                Some(watched) => {
                    watched.by.insert(id);
                }
                None => {
                    let (by, shown) = (BTreeSet::from([id]), look(subject));
                    self.watched.insert(subject.clone(), Watched { by, shown });
                }
            }
        }
        self.by_extension.entry(watcher.extension.clone()).or_default().insert(id);
        if let Resource::List { tenant, name } = &watcher.resource {
            self.by_list.entry((tenant.clone(), name.clone())).or_default().insert(id);
        }
        *self.by_tenant.entry(watcher.extension.tenant.clone()).or_default() += 1;
        *self.by_kind.entry(watcher.kind).or_default() += 1;
        self.watchers.insert(id, Own { watcher, news: BTreeSet::new() });
    }

    /// A subscription is over. `None` where it was known to be.
    pub fn remove(&mut self, id: SubscriptionId) -> Option<Watcher> {
        let Own { watcher, .. } = self.watchers.remove(&id)?;
        for subject in &watcher.subjects {
            let Some(watched) = self.watched.get_mut(subject) else { continue };
            watched.by.remove(&id);
            if watched.by.is_empty() {
                self.watched.remove(subject);
                self.touched.remove(subject);
            }
        }
        take_out(&mut self.by_extension, &watcher.extension, id);
        if let Resource::List { tenant, name } = &watcher.resource {
            take_out(&mut self.by_list, &(tenant.clone(), name.clone()), id);
        }
        take_one(&mut self.by_tenant, &watcher.extension.tenant);
        take_one(&mut self.by_kind, &watcher.kind);
        Some(watcher)
    }

    /// Something may have changed there. Costs next to nothing while nobody watches it.
    pub fn touch(&mut self, subject: Subject) {
        if self.watched.contains_key(&subject) {
            self.touched.insert(subject);
        }
    }

    /// Everything that is watched may have changed: the configuration is new.
    pub fn touch_all(&mut self) {
        self.touched = self.watched.keys().cloned().collect();
    }

    /// Something that may have changed, to be looked at.
    pub fn pop_touched(&mut self) -> Option<Subject> {
        self.touched.pop_first()
    }

    /// How a subject stands now. The subscriptions that are to be told: none where it stands as before.
    pub fn look(&mut self, subject: &Subject, condition: Condition) -> Vec<SubscriptionId> {
        let Some(watched) = self.watched.get_mut(subject) else { return Vec::new() };
        if watched.shown == condition {
            return Vec::new();
        }
        watched.shown = condition;
        for id in &watched.by {
            if let Some(own) = self.watchers.get_mut(id) {
                own.news.insert(subject.clone());
            }
        }
        watched.by.iter().copied().collect()
    }

    /// How a subject stood when it was looked at last; `Gone` while nobody watches it.
    pub fn shown(&self, subject: &Subject) -> &Condition {
        self.watched.get(subject).map_or(&Condition::Gone, |watched| &watched.shown)
    }

    /// What a subscription is to be told of: everything where it is `whole`, else what has changed since the last time.
    pub fn take_news(
        &mut self,
        id: SubscriptionId,
        whole: bool,
    ) -> Option<(Watcher, Vec<Subject>)> {
        let own = self.watchers.get_mut(&id)?;
        let news = std::mem::take(&mut own.news);
        let wanted = |subject: &&Subject| whole || news.contains(*subject);
        let subjects = own.watcher.subjects.iter().filter(wanted).cloned().collect();
        Some((own.watcher.clone(), subjects))
    }

    /// The subscriptions to a subject.
    pub fn watchers_of(&self, subject: &Subject) -> impl Iterator<Item = SubscriptionId> {
        self.watched.get(subject).into_iter().flat_map(|watched| &watched.by).copied()
    }

    /// The subjects of a tenant that are watched and of which `wanted` is true.
    pub fn touch_those(&mut self, wanted: impl Fn(&Subject) -> bool) {
        let found = self.watched.keys().filter(|subject| wanted(subject)).cloned();
        self.touched.extend(found);
    }

    /// The subscriptions of a phone.
    pub fn of_extension(&self, extension: &ExtensionKey) -> Vec<SubscriptionId> {
        self.by_extension.get(extension).into_iter().flatten().copied().collect()
    }

    /// The subscriptions to a list.
    pub fn of_list(&self, tenant: &str, name: &str) -> Vec<SubscriptionId> {
        let list = (tenant.to_owned(), name.to_owned());
        self.by_list.get(&list).into_iter().flatten().copied().collect()
    }

    /// Every subscription.
    pub fn iter(&self) -> impl Iterator<Item = (SubscriptionId, &Watcher)> {
        self.watchers.iter().map(|(id, own)| (*id, &own.watcher))
    }

    /// One subscription.
    pub fn get(&self, id: SubscriptionId) -> Option<&Watcher> {
        self.watchers.get(&id).map(|own| &own.watcher)
    }

    /// Everything that is watched, as it was seen last.
    pub fn seen(&self) -> impl Iterator<Item = (&Subject, &Condition)> {
        self.watched.iter().map(|(subject, watched)| (subject, &watched.shown))
    }

    /// Whether the indexes agree.
    pub fn audit(&self, errors: &mut Vec<String>) {
        let listed: usize = self.watched.values().map(|watched| watched.by.len()).sum();
        let unique = |own: &Own| own.watcher.subjects.iter().collect::<BTreeSet<_>>().len();
        let wanted: usize = self.watchers.values().map(unique).sum();
        let tenants: usize = self.by_tenant.values().sum();
        let owned: usize = self.by_extension.values().map(BTreeSet::len).sum();
        let is_list = |own: &&Own| matches!(own.watcher.resource, Resource::List { .. });
        let lists = self.watchers.values().filter(is_list).count();
        if lists != self.by_list.values().map(BTreeSet::len).sum::<usize>() {
            errors.push(format!("{lists} lists are watched"));
        }
        if listed != wanted || tenants != self.watchers.len() || owned != tenants {
            errors.push(format!("{listed} things are watched by {wanted}, {tenants} by tenant"));
        }
        if !self.touched.is_empty() {
            errors.push(format!("{} changes were not looked at", self.touched.len()));
        }
    }

    /// Hashes what matters to the future.
    pub fn digest(&self, hasher: &mut impl Hasher) {
        for (id, own) in &self.watchers {
            (id, own.watcher.kind, &own.watcher.extension, &own.watcher.subjects).hash(hasher);
            own.news.hash(hasher);
        }
        for (subject, watched) in &self.watched {
            (subject, &watched.shown).hash(hasher);
        }
    }
}

fn take_out<K: Ord>(
    index: &mut BTreeMap<K, BTreeSet<SubscriptionId>>,
    key: &K,
    id: SubscriptionId,
) {
    if let Some(own) = index.get_mut(key) {
        own.remove(&id);
        if own.is_empty() {
            index.remove(key);
        }
    }
}

fn take_one<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
