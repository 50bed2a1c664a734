//! Extensions that are defined over HTTP.

use crate::define::shared;
use crate::vocab::define::{AccountView, Entry, EntryKey, EntryView, ExtensionEntry};
use crate::vocab::settings::{ExtensionSettings, SettingsRecord};
use crate::vocab::{CommandError, EventKind, ExtensionKey, MailboxKey, Now, Record, Secret};

use super::Running;

impl Running {
    /// What an extension refers to exists, and its number is free.
    pub(super) fn check_extension(&self, entry: &ExtensionEntry) -> Result<(), CommandError> {
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
        if let Some(number) =
            shown.filter(|number| directory.own_number(&key.tenant, number).is_none())
        {
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
    pub(super) fn keep_secrets(&self, entry: &mut ExtensionEntry, spare: &Secret) -> bool {
        let key = EntryKey::Extension(entry.extension.key.clone());
        let before = match self.defined.get(&key) {
            Some(Entry::Extension(before)) => Some(before),
            _ => None,
        };
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

    pub(super) fn extension_defined(&mut self, now: Now, entry: ExtensionEntry) {
        let key = entry.extension.key.clone();
        let watched = shared(&entry).map(|own| own.mailbox).collect();
        self.books.directory.put_extension(entry.extension, entry.mailbox, watched);
        self.revise_watchers_of(now, &key);
        self.look_at_phone(&key, false);
    }

    /// Nobody registers any more, and what the owner has set is forgotten; calls go on.
    pub(super) fn extension_gone(&mut self, now: Now, key: &ExtensionKey) {
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
        self.revise_watchers_of(now, key);
        self.look_at_phone(key, false);
    }

    pub(super) fn extension_view(&self, key: &ExtensionKey) -> Option<EntryView> {
        let directory = &self.books.directory;
        let mut extension = directory.extension(key)?.clone();
        extension.password = Secret::default();
        let ExtensionKey { tenant, number } = key.clone();
        let mut mailbox = directory.mailbox(&MailboxKey { tenant, number }).cloned();
        if let Some(pin) = mailbox.as_mut().and_then(|own| own.pin.as_mut()) {
            *pin = Secret::default();
        }
        let watched = directory.shared_with(key).iter();
        let watch_mailboxes = watched.map(|mailbox| mailbox.number.clone()).collect();
        let prefix = directory.tenant(&key.tenant).map_or("", |own| &own.prefix);
        let account = AccountView {
            user: format!("{prefix}{}", key.number),
            domain: directory.host(&key.tenant),
            contacts: self.books.registrar.contacts(key).len(),
        };
        let from_file = !self.defined.holds(&EntryKey::Extension(key.clone()));
        let entry = ExtensionEntry { extension, mailbox, watch_mailboxes };
        let entry = Entry::Extension(Box::new(entry));
        Some(EntryView { entry, from_file, account: Some(account), line: None })
    }
}
