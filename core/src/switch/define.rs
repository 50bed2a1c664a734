//! What is defined over HTTP: orders of administrators, and what there is.

use crate::define::{check, shared};
use crate::vocab::command::Page;
use crate::vocab::define::{
    AccountView, Entry, EntryKey, EntryKind, EntryOrder, EntryView, ExtensionEntry,
};
use crate::vocab::settings::{ExtensionSettings, SettingsRecord};
use crate::vocab::{
    CommandError, Done, EventKind, ExtensionKey, MailboxKey, Now, Principal, Record, Reply,
    RequestId, Role, Secret,
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
        let exists = match key {
            EntryKey::Extension(key) => self.books.directory.extension(key).is_some(),
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
        };
        let before = self.defined.get(&key);
        let done = Done::Entered { created: before.is_none(), spare };
        if before == Some(&entry) && self.defined.holds(&key) {
            return Ok(done);
        }
        self.desk.out.persist(Record::Entry(Box::new(entry.clone())));
        let created = self.defined.put(entry.clone()).is_none();
        match entry {
            Entry::Extension(entry) => self.extension_defined(now, *entry, created),
        }
        self.entry_changed(now, key, true);
        Ok(done)
    }

    fn delete_entry(&mut self, now: Now, key: &EntryKey) -> Result<Done, CommandError> {
        let in_force = self.defined.holds(key);
        if self.defined.remove(key).is_none() {
            return Err(missing(key));
        }
        self.desk.out.persist(Record::EntryGone(key.clone()));
        if in_force {
            match key {
                EntryKey::Extension(key) => self.extension_gone(now, key),
            }
        }
        self.entry_changed(now, key.clone(), false);
        Ok(Done::Defined)
    }

    fn entry_changed(&mut self, now: Now, entry: EntryKey, exists: bool) {
        let tenant = entry.tenant().clone();
        self.desk.out.publish(now, Some(&tenant), EventKind::EntryChanged { entry, exists });
    }

    /// What an extension refers to exists, and its number is free.
    fn check_extension(&self, entry: &ExtensionEntry) -> Result<(), CommandError> {
        let directory = &self.books.directory;
        let own = &entry.extension;
        let key = &own.key;
        let new = directory.extension(key).is_none();
        if let Some(holder) = directory.holder_of(&key.tenant, &key.number).filter(|_| new) {
            return Err(CommandError::Conflict(format!(
                "{} is {holder}; extensions, queues, groups and conferences share one number space",
                key.number
            )));
        }
        if directory.twin_of(key).is_some() {
            return Err(CommandError::Conflict(format!(
                "prefix and number of {} make the SIP user of another tenant's extension; choose another number",
                key.number
            )));
        }
        let shown = own.caller_number.as_ref();
        if let Some(number) = shown.filter(|number| !directory.is_own_number(&key.tenant, number)) {
            return Err(CommandError::Invalid(format!(
                "caller_number: the tenant has no number {number}; only its own numbers may be shown"
            )));
        }
        for number in &entry.watch_mailboxes {
            let mailbox = MailboxKey { tenant: key.tenant.clone(), number: number.clone() };
            if self.mailbox_of(&mailbox).is_none() && self.queue_of(&mailbox).is_none() {
                return Err(CommandError::Invalid(format!(
                    "watch_mailboxes: no extension or queue {number} has a mailbox"
                )));
            }
        }
        Ok(())
    }

    /// Secrets that are not given stay as they are. True where the spare password is taken.
    fn keep_secrets(&self, entry: &mut ExtensionEntry, spare: &Secret) -> bool {
        let key = EntryKey::Extension(entry.extension.key.clone());
        let before = self.defined.get(&key).map(|Entry::Extension(before)| before);
        if let Some(mailbox) = &mut entry.mailbox {
            let kept = before.and_then(|before| before.mailbox.as_ref()?.pin.clone());
            let pin = mailbox.pin.take().or(kept);
            mailbox.pin = pin.filter(|pin| !pin.expose().is_empty());
        }
        let password = &mut entry.extension.password;
        if !password.expose().is_empty() {
            return false;
        }
        let kept = before.map(|before| before.extension.password.clone());
        let fresh = kept.is_none();
        *password = kept.unwrap_or_else(|| spare.clone());
        fresh
    }

    fn extension_defined(&mut self, now: Now, entry: ExtensionEntry, created: bool) {
        let key = entry.extension.key.clone();
        let watched = shared(&entry).collect::<Vec<_>>().into_iter();
        self.books.directory.put_extension(entry.extension, entry.mailbox, watched);
        if created {
            self.revise_watchers(now);
        }
        self.look_at_phone(&key, false);
    }

    /// Nobody registers any more, and what the owner has set is forgotten; calls go on.
    fn extension_gone(&mut self, now: Now, key: &ExtensionKey) {
        self.books.directory.remove_extension(key);
        let gone = self.books.registrar.forget(key);
        if !gone.is_empty() {
            let (tenant, extension) = (key.tenant.clone(), key.clone());
            self.desk.out.publish(now, Some(&tenant), EventKind::ExtensionOffline { extension });
        }
        gone.into_iter().for_each(|record| self.desk.out.persist(record));
        if self.settings.forget(key) {
            let settings = ExtensionSettings::default();
            let record = SettingsRecord { extension: key.clone(), settings };
            self.desk.out.persist(Record::Settings(Box::new(record)));
        }
        self.revise_watchers(now);
        self.look_at_phone(key, false);
    }

    /// Entries of a kind, by name.
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
        let limit = limit.min(MAX_ROWS);
        let tenant = &principal.tenant;
        let (items, total) = match kind {
            EntryKind::Extension => {
                let all = self.books.directory.extensions_of(tenant);
                let total = all.clone().count();
                let rows = all.skip(offset).take(limit);
                (rows.filter_map(|own| self.extension_view(&own.key)).collect(), total)
            }
        };
        Reply::Entries(Page { items, total, as_of: now.wall })
    }

    /// One entry; a user's or agent's key sees its own extension.
    pub(super) fn one_entry(&self, principal: &Principal, key: &EntryKey) -> Reply {
        let own = principal.limited_to().map(EntryKey::Extension);
        let visible = *key.tenant() == principal.tenant && own.is_none_or(|own| own == *key);
        let found = match key {
            EntryKey::Extension(key) => self.extension_view(key),
        };
        match found.filter(|_| visible) {
            Some(view) => Reply::Entry(Box::new(view)),
            None => Reply::Refused(missing(key)),
        }
    }

    fn extension_view(&self, key: &ExtensionKey) -> Option<EntryView> {
        let directory = &self.books.directory;
        let mut extension = directory.extension(key)?.clone();
        extension.password = Secret::default();
        let ExtensionKey { tenant, number } = key.clone();
        let mut mailbox = directory.mailbox(&MailboxKey { tenant, number }).cloned();
        if let Some(pin) = mailbox.as_mut().and_then(|own| own.pin.as_mut()) {
            *pin = Secret::default();
        }
        let watched = directory.config().mwi.shared.iter().filter(|own| own.extension == *key);
        let watch_mailboxes = watched.map(|own| own.mailbox.number.clone()).collect();
        let prefix = directory.tenant(&key.tenant).map_or("", |own| &own.prefix);
        let account = AccountView {
            user: format!("{prefix}{}", key.number),
            domain: directory.host(&key.tenant),
            contacts: self.books.registrar.contacts(key).len(),
        };
        let from_file = !self.defined.holds(&EntryKey::Extension(key.clone()));
        let entry = ExtensionEntry { extension, mailbox, watch_mailboxes };
        let entry = Entry::Extension(Box::new(entry));
        Some(EntryView { entry, from_file, account: Some(account) })
    }
}

fn missing(key: &EntryKey) -> CommandError {
    CommandError::NotFound(format!("no {key}"))
}
