//! What is defined over HTTP: orders of administrators, and what there is.

use crate::define::check;
use crate::vocab::command::Page;
use crate::vocab::define::{Entry, EntryKey, EntryKind, EntryOrder, EntryView};
use crate::vocab::{
    CommandError, Done, EventKind, Now, Principal, Record, Reply, RequestId, Role, Secret,
};

use super::Running;
use super::queries::MAX_ROWS;

impl Running {
    /// Says which definitions have no effect since the file has taken their names.
    pub(super) fn tell_shadowed(&mut self, now: Now, shadowed: Vec<EntryKey>) {
        for entry in shadowed {
            let tenant = entry.tenant().clone();
            self.desk.out.publish(now, Some(&tenant), EventKind::EntryShadowed { entry });
        }
    }

    /// An order about an entry; answered when it is on disk.
    pub(super) fn order_entry(
        &mut self,
        now: Now,
        id: RequestId,
        principal: &Principal,
        order: EntryOrder,
    ) {
        let done = self.ordered_entry(now, principal, order);
        self.desk.out.reply_when_stored(id, Reply::Command(done));
    }

    fn ordered_entry(
        &mut self,
        now: Now,
        principal: &Principal,
        order: EntryOrder,
    ) -> Result<Done, CommandError> {
        if principal.role != Role::Admin {
            return Err(CommandError::Forbidden("this needs a key with role admin".into()));
        }
        let key = match &order {
            EntryOrder::Put { entry, .. } => entry.key(),
            EntryOrder::Delete(key) => key.clone(),
        };
        if *key.tenant() != principal.tenant {
            return Err(missing(&key));
        }
        if self.is_of_the_file(&key) {
            return Err(CommandError::Conflict(format!(
                "{key} is defined in the configuration file; change it there"
            )));
        }
        match order {
            EntryOrder::Put { entry, spare } => self.put_entry(now, entry, &spare),
            EntryOrder::Delete(key) => self.delete_entry(now, &key),
        }
    }

    fn is_of_the_file(&self, key: &EntryKey) -> bool {
        let directory = &self.books.directory;
        let exists = match key {
            EntryKey::Extension(key) => directory.extension(key).is_some(),
            EntryKey::Number(key) => directory.number(key).is_some(),
            EntryKey::Route(key) => directory.route(key).is_some(),
            EntryKey::Trunk(key) => directory.trunk(key).is_some(),
        };
        exists && !self.defined.holds(key)
    }

    fn put_entry(
        &mut self,
        now: Now,
        mut entry: Entry,
        spare: &Secret,
    ) -> Result<Done, CommandError> {
        let key = entry.key();
        if !self.defined.has_room(&key) {
            let text = format!("there are as many of its kind as there may be ({key})");
            return Err(CommandError::Conflict(text));
        }
        if let Some(problem) = check::problem(&entry) {
            return Err(CommandError::Invalid(problem));
        }
        let spare = match &mut entry {
            Entry::Extension(entry) => {
                self.check_extension(entry)?;
                self.keep_secrets(entry, spare)
            }
            Entry::Number(number) => {
                self.check_number(number)?;
                false
            }
            Entry::Route(entry) => {
                self.check_route(&entry.route)?;
                false
            }
            Entry::Trunk(trunk) => {
                self.check_trunk(&trunk.key)?;
                self.keep_password(trunk)?;
                false
            }
        };
        let before = self.defined.get(&key);
        let done = Done::Entered { created: before.is_none(), spare };
        if before == Some(&entry) && self.defined.holds(&key) {
            return Ok(done);
        }
        self.desk.out.persist(Record::Entry(Box::new(entry.clone())));
        self.defined.put(entry.clone());
        match entry {
            Entry::Extension(entry) => self.extension_defined(now, *entry),
            Entry::Number(number) => self.books.directory.put_number(*number),
            Entry::Route(entry) => self.put_route(*entry),
            Entry::Trunk(trunk) => self.trunk_defined(now, *trunk),
        }
        self.entry_changed(now, key, true);
        Ok(done)
    }

    fn delete_entry(&mut self, now: Now, key: &EntryKey) -> Result<Done, CommandError> {
        let in_force = self.defined.holds(key);
        if in_force && let EntryKey::Trunk(trunk) = key {
            self.trunk_is_unused(trunk)?;
        }
        if self.defined.remove(key).is_none() {
            return Err(missing(key));
        }
        self.desk.out.persist(Record::EntryGone(key.clone()));
        if in_force {
            match key {
                EntryKey::Extension(key) => self.extension_gone(now, key),
                EntryKey::Number(key) => {
                    self.books.directory.remove_number(key);
                }
                EntryKey::Route(key) => {
                    self.books.directory.remove_route(key);
                }
                EntryKey::Trunk(key) => self.trunk_gone(now, key),
            }
        }
        self.entry_changed(now, key.clone(), false);
        Ok(Done::Defined)
    }

    pub(super) fn entry_changed(&mut self, now: Now, entry: EntryKey, exists: bool) {
        let tenant = entry.tenant().clone();
        self.desk.out.publish(now, Some(&tenant), EventKind::EntryChanged { entry, exists });
    }

    /// Entries of a kind: extensions and trunks by name, numbers and routes in the order in which they count.
    pub(super) fn entries_page(
        &self,
        now: Now,
        principal: &Principal,
        kind: EntryKind,
        (offset, limit): (usize, usize),
    ) -> Reply {
        if principal.limited_to().is_some() {
            let text = "keys of users and agents see their own extension only".to_owned();
            return Reply::Refused(CommandError::Forbidden(text));
        }
        let rows = (offset, limit.min(MAX_ROWS));
        let (tenant, directory) = (&principal.tenant, &self.books.directory);
        let (items, total) = match kind {
            EntryKind::Extension => {
                let all = directory.extensions_of(tenant);
                some(all, rows, |own| self.extension_view(&own.key))
            }
            EntryKind::Number => {
                some(directory.numbers_of(tenant), rows, |own| Some(self.number_view(own)))
            }
            EntryKind::Route => {
                let view = |(route, position)| Some(self.route_view(route, position));
                some(directory.routes_of(tenant), rows, view)
            }
            EntryKind::Trunk => {
                let mut all = directory.trunks_of(tenant);
                all.sort_by(|a, b| a.key.cmp(&b.key));
                some(all.into_iter(), rows, |own| Some(self.trunk_view(own)))
            }
        };
        Reply::Entries(Page { items, total, as_of: now.wall })
    }

    /// One entry; a user's or agent's key sees its own extension.
    pub(super) fn one_entry(&self, principal: &Principal, key: &EntryKey) -> Reply {
        let own = principal.limited_to().map(EntryKey::Extension);
        let visible = *key.tenant() == principal.tenant && own.is_none_or(|own| own == *key);
        let directory = &self.books.directory;
        let found = match key {
            EntryKey::Extension(key) => self.extension_view(key),
            EntryKey::Number(key) => directory.number(key).map(|own| self.number_view(own)),
            EntryKey::Route(key) => {
                directory.route(key).map(|(route, position)| self.route_view(route, position))
            }
            EntryKey::Trunk(key) => directory.trunk(key).map(|own| self.trunk_view(own)),
        };
        match found.filter(|_| visible) {
            Some(view) => Reply::Entry(Box::new(view)),
            None => Reply::Refused(missing(key)),
        }
    }
}

fn missing(key: &EntryKey) -> CommandError {
    CommandError::NotFound(format!("no {key}"))
}

/// The rows that are asked for, and how many there are.
fn some<T>(
    all: impl Iterator<Item = T> + Clone,
    (offset, limit): (usize, usize),
    view: impl Fn(T) -> Option<EntryView>,
) -> (Vec<EntryView>, usize) {
    let total = all.clone().count();
    (all.skip(offset).take(limit).filter_map(view).collect(), total)
}
