//! Whoever changes a definition has it alone meanwhile: what is read, compared and ordered under one hold is one step.
//!
//! How often each was changed is counted too, because not every change shows: passwords and PINs do not. Counts are of
//! this run of the process; they only ever part what looks alike.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strowger_core::vocab::acd::DefinitionOrder;
use strowger_core::vocab::define::EntryOrder;
use strowger_core::vocab::dial::DialOrder;
use strowger_core::vocab::menu::MenuOrder;
use strowger_core::vocab::provision::PhoneOrder;
use strowger_core::vocab::{Command, CommandError, Done, Principal};
use tokio::sync::OwnedMutexGuard;

use super::app::App;

/// Locks that may lie about unused.
const IDLE_LOCKS: usize = 256;
/// Definitions whose changes are counted one by one. Beyond, all are forgotten and count as changed once.
const COUNTED: usize = 10_000;

/// A definition: whose, and its place below `/api/v1/`, such as `queues/9001`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    tenant: String,
    place: String,
}

impl Name {
    /// Of something with this id in a collection. A MAC address has several spellings, which are one name.
    pub(super) fn new(tenant: &str, collection: &str, id: &str) -> Self {
        let id = match collection {
            "phones" => id.replace([':', '-', '.'], "").to_ascii_lowercase(),
            _ => id.to_owned(),
        };
        Self { tenant: tenant.to_owned(), place: format!("{collection}/{id}") }
    }

    /// What an order would change, where it is about a definition.
    fn of(tenant: &str, command: &Command) -> Option<Self> {
        let (collection, id) = match command {
            Command::Define(order) => match order {
                DefinitionOrder::PutQueue(queue) => ("queues", &queue.key.number),
                DefinitionOrder::DeleteQueue(key) => ("queues", &key.number),
                DefinitionOrder::PutAgent(agent) => ("agents", &agent.key.id),
                DefinitionOrder::DeleteAgent(key)
                | DefinitionOrder::PutTier(key, _)
                | DefinitionOrder::DeleteTier(key, _) => ("agents", &key.id),
            },
            Command::Entry(order) => {
                let key = match &**order {
                    EntryOrder::Put { entry, .. } => entry.key(),
                    EntryOrder::Delete(key) => key.clone(),
                };
                let collection = format!("{}s", key.kind().as_str());
                return Some(Self::new(tenant, &collection, key.id()));
            }
            Command::Menu(MenuOrder::Put(menu)) => ("menus", &menu.key.name),
            Command::Menu(MenuOrder::Delete(name)) => ("menus", name),
            Command::Dial(DialOrder::Put(task)) => ("dial-tasks", &task.key.id),
            Command::Dial(DialOrder::Delete(task)) => ("dial-tasks", task),
            Command::Phone(PhoneOrder::Define(phone)) => ("phones", &phone.mac),
            Command::Phone(PhoneOrder::Remove(mac)) => ("phones", mac),
            Command::Settings { extension, .. } => ("extensions", extension),
            Command::TenantSettings(_) => return Some(Self::new(tenant, "settings", "")),
            _ => return None,
        };
        Some(Self::new(tenant, collection, id))
    }
}

#[derive(Default)]
struct Table {
    locks: BTreeMap<Name, Arc<tokio::sync::Mutex<()>>>,
    counts: BTreeMap<Name, u64>,
    /// Times that all counts were forgotten.
    forgotten: u64,
}

/// Who changes what now, and how often each was changed.
#[derive(Default)]
pub(super) struct Changes(Mutex<Table>);

/// A definition that nobody else changes while this lives. It counts as changed unless said otherwise: also for whoever
/// went away before the end was known.
pub(super) struct Change<'a> {
    changes: &'a Changes,
    name: Name,
    nothing: bool,
    _held: OwnedMutexGuard<()>,
}

impl Changes {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody changes the definition.
    pub(super) async fn hold(&self, name: Name) -> Change<'_> {
        let lock = {
            let mut table = self.table();
            if table.locks.len() >= IDLE_LOCKS {
                table.locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            }
            Arc::clone(table.locks.entry(name.clone()).or_default())
        };
        let held = lock.lock_owned().await;
        Change { changes: self, name, nothing: false, _held: held }
    }

    /// Differs from what it was before each change.
    pub(super) fn count(&self, name: &Name) -> (u64, u64) {
        let table = self.table();
        (table.forgotten, table.counts.get(name).copied().unwrap_or(0))
    }
}

impl Change<'_> {
    /// Everything stayed as it was.
    pub(super) fn nothing(mut self) {
        self.nothing = true;
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if self.nothing {
            return;
        }
        let mut table = self.changes.table();
        if table.counts.len() >= COUNTED && !table.counts.contains_key(&self.name) {
            table.counts.clear();
            table.forgotten += 1;
        }
        *table.counts.entry(self.name.clone()).or_default() += 1;
    }
}

impl App {
    /// An order of an interface that knows no conditions: nobody compares and changes the same definition meanwhile.
    pub(super) async fn order(
        &self,
        principal: Principal,
        command: Command,
    ) -> Result<Done, CommandError> {
        let Some(name) = Name::of(&principal.tenant, &command) else {
            return self.gateway.command(principal, command).await;
        };
        let change = self.changes.hold(name).await;
        let done = self.gateway.command(principal, command).await;
        match done {
            Ok(_) => drop(change),
            Err(_) => change.nothing(),
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: &str) -> Name {
        Name::new("t", "queues", id)
    }

    #[tokio::test]
    async fn a_change_counts_and_a_refused_one_does_not() {
        let changes = Changes::default();
        let before = changes.count(&name("1"));
        changes.hold(name("1")).await.nothing();
        assert_eq!(changes.count(&name("1")), before);
        drop(changes.hold(name("1")).await);
        assert_ne!(changes.count(&name("1")), before);
        assert_eq!(changes.count(&name("2")), before, "another one");
        assert_eq!(changes.count(&Name::new("u", "queues", "1")), before, "another tenant's");
    }

    #[tokio::test]
    async fn one_holds_a_definition_and_others_wait_for_that_one_only() {
        let changes = Changes::default();
        let phone = |mac| Name::new("t", "phones", mac);
        let held = changes.hold(phone("80:5E")).await;
        let mut second = Box::pin(changes.hold(phone("805e")));
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        assert!(second.as_mut().poll(&mut context).is_pending());
        changes.hold(name("other")).await.nothing();
        held.nothing();
        assert!(second.as_mut().poll(&mut context).is_ready());
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded_and_what_is_forgotten_counts_as_changed() {
        let changes = Changes::default();
        let untouched = changes.count(&name("untouched"));
        for n in 0..=COUNTED {
            drop(changes.hold(name(&n.to_string())).await);
        }
        let table = changes.table();
        assert!(table.counts.len() <= COUNTED && table.locks.len() <= IDLE_LOCKS);
        drop(table);
        assert_ne!(changes.count(&name("untouched")), untouched);
    }
}
