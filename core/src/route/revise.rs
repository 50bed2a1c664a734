//! Changes of single definitions while the switch runs.

use crate::vocab::config::{Extension, SharedMailbox};
use crate::vocab::mailbox::Mailbox;
use crate::vocab::{ExtensionKey, MailboxKey};

use super::{Directory, Users};

impl Directory {
    /// Adds an extension, or replaces it whole, with its mailbox and those that it may watch besides.
    pub fn put_extension(
        &mut self,
        extension: Extension,
        mailbox: Option<Mailbox>,
        shared: impl Iterator<Item = SharedMailbox>,
    ) {
        let key = extension.key.clone();
        match self.users.position(&self.config, &key) {
            Some(at) => {
                if let Some(own) = self.config.extensions.get_mut(at) {
                    *own = extension;
                }
            }
            None => self.add_extension(extension),
        }
        self.set_mailbox(&key, mailbox);
        self.config.mwi.shared.retain(|own| own.extension != key);
        self.config.mwi.shared.extend(shared);
    }

    fn add_extension(&mut self, extension: Extension) {
        let Ok(at) = u32::try_from(self.config.extensions.len()) else { return };
        let before = |other: &u32| {
            let other = self.config.extensions.get(*other as usize);
            other.is_some_and(|other| other.key < extension.key)
        };
        let place = self.in_order.partition_point(before);
        self.in_order.insert(place, at);
        self.config.extensions.push(extension);
        if !self.users.add(&self.config, at) {
            self.index_extensions();
        }
    }

    /// Removes an extension with its mailbox. False where there is none.
    pub fn remove_extension(&mut self, key: &ExtensionKey) -> bool {
        let Some(at) = self.users.position(&self.config, key) else { return false };
        self.config.extensions.swap_remove(at);
        self.index_extensions();
        self.set_mailbox(key, None);
        self.config.mwi.shared.retain(|own| own.extension != *key);
        true
    }

    /// Positions have changed.
    fn index_extensions(&mut self) {
        // A key that stands there once cannot stand there twice for being moved.
        if let Ok(users) = Users::new(&self.config) {
            self.users = users;
        }
        self.in_order = in_order(&self.config.extensions);
    }

    fn set_mailbox(&mut self, key: &ExtensionKey, mailbox: Option<Mailbox>) {
        let ExtensionKey { tenant, number } = key.clone();
        let key = MailboxKey { tenant, number };
        let all = &mut self.config.mailboxes;
        match (self.mailboxes.get(&key).copied(), mailbox) {
            (None, None) => {}
            (None, Some(mailbox)) => {
                self.mailboxes.insert(key, all.len());
                all.push(mailbox);
            }
            (Some(at), Some(mailbox)) => {
                if let Some(own) = all.get_mut(at) {
                    *own = mailbox;
                }
            }
            (Some(at), None) => {
                self.mailboxes.remove(&key);
                if at < all.len() {
                    all.swap_remove(at);
                }
                if let Some(moved) = all.get(at) {
                    self.mailboxes.insert(moved.key.clone(), at);
                }
            }
        }
    }

    /// What has a number of the tenant's number space.
    pub fn holder_of(&self, tenant: &str, number: &str) -> Option<&'static str> {
        let key = ExtensionKey { tenant: tenant.to_owned(), number: number.to_owned() };
        if self.extension(&key).is_some() {
            return Some("an extension");
        }
        if self.is_group_number(tenant, number) {
            return Some("a ring group");
        }
        if self.rooms.contains_key(&key) {
            return Some("a conference");
        }
        if self.page_numbers.contains_key(&key) {
            return Some("a page");
        }
        let ExtensionKey { tenant, number } = key;
        self.queues.contains(&crate::vocab::QueueKey { tenant, number }).then_some("a queue")
    }

    /// An extension of another tenant whose phones would register with the same SIP user in the same domain.
    pub fn twin_of(&self, key: &ExtensionKey) -> Option<&ExtensionKey> {
        let own = self.tenant(&key.tenant)?;
        let user = format!("{}{}", own.prefix, key.number);
        let others = self.config.tenants.iter();
        let mut others = others.filter(|other| other.id != own.id && other.domain == own.domain);
        others.find_map(|other| {
            let number = user.strip_prefix(other.prefix.as_str())?;
            self.users.get(&self.config, &other.id, number).map(|found| &found.key)
        })
    }

    /// Whether a number is one of the tenant's own outside numbers, which may be shown.
    pub fn is_own_number(&self, tenant: &str, number: &str) -> bool {
        let bare = |text: &str| text.trim_start_matches('+').to_owned();
        let wanted = bare(number);
        let mut numbers = self.config.numbers.iter();
        numbers.any(|own| own.trunk.tenant == tenant && bare(&own.number) == wanted)
    }
}

/// Positions of extensions by tenant and number.
pub(super) fn in_order(extensions: &[Extension]) -> Vec<u32> {
    let mut positions: Vec<u32> = (0..).take(extensions.len()).collect();
    positions.sort_by_key(|at| extensions.get(*at as usize).map(|own| &own.key));
    positions
}
