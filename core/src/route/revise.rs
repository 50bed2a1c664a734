//! Changes of single definitions while the switch runs.

use crate::vocab::config::Extension;
use crate::vocab::mailbox::Mailbox;
use crate::vocab::{ExtensionKey, MailboxKey};

use super::{Directory, Users};

impl Directory {
    /// Adds an extension, or replaces it whole, with its mailbox and those that it may watch besides.
    pub fn put_extension(
        &mut self,
        extension: Extension,
        mailbox: Option<Mailbox>,
        shared: Vec<MailboxKey>,
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
        match shared.is_empty() {
            true => self.shared.remove(&key),
            false => self.shared.insert(key, shared),
        };
    }

    fn add_extension(&mut self, extension: Extension) {
        let Ok(at) = u32::try_from(self.config.extensions.len()) else { return };
        let place = self.place_in_order(&extension.key);
        self.in_order.insert(place, at);
        let prefix = self.tenant(&extension.key.tenant).map_or(String::new(), |t| t.prefix.clone());
        let indexed = self.users.add(&extension.key, &prefix, at);
        self.config.extensions.push(extension);
        if !indexed {
            // A key that stands there once cannot stand there twice for being indexed anew.
            if let Ok(users) = Users::anew(&self.config) {
                self.users = users;
            }
        }
    }

    /// Where an extension stands among the others by tenant and number, or would.
    fn place_in_order(&self, key: &ExtensionKey) -> usize {
        self.in_order.partition_point(|other| {
            let other = self.config.extensions.get(*other as usize);
            other.is_some_and(|other| other.key < *key)
        })
    }

    /// Removes an extension with its mailbox. False where there is none.
    pub fn remove_extension(&mut self, key: &ExtensionKey) -> bool {
        let Some(at) = self.users.position(&self.config, key) else { return false };
        let Ok(hole) = u32::try_from(at) else { return false };
        let place = self.place_in_order(key);
        let last = self.config.extensions.last().map(|own| own.key.clone());
        let last_place = last.as_ref().map(|last| self.place_in_order(last));
        let prefix_of = |tenant: &str| self.tenant(tenant).map_or("", |own| own.prefix.as_str());
        let prefix = prefix_of(&key.tenant).to_owned();
        let last_prefix = last.as_ref().map_or("", |last| prefix_of(&last.tenant)).to_owned();
        self.users.remove(key, &prefix, hole);
        // The last one takes the place that is free now.
        let end = u32::try_from(self.config.extensions.len().saturating_sub(1)).unwrap_or(hole);
        if let (Some(last), Some(place)) = (last.filter(|_| end != hole), last_place) {
            self.users.moved(&last, &last_prefix, end, hole);
            if let Some(own) = self.in_order.get_mut(place) {
                *own = hole;
            }
        }
        self.in_order.remove(place);
        self.config.extensions.swap_remove(at);
        self.set_mailbox(key, None);
        self.shared.remove(key);
        true
    }

    /// The mailboxes that an extension may watch besides its own.
    pub fn shared_with(&self, key: &ExtensionKey) -> &[MailboxKey] {
        self.shared.get(key).map_or(&[], Vec::as_slice)
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
        let mut others = self.users.with_user(&self.config, &user).map(|other| &other.key);
        others.find(|other| {
            let tenant = self.tenant(&other.tenant).filter(|_| other.tenant != own.id);
            tenant.is_some_and(|tenant| {
                tenant.domain == own.domain
                    && user.strip_prefix(tenant.prefix.as_str()) == Some(other.number.as_str())
            })
        })
    }
}

/// Positions of extensions by tenant and number.
pub(super) fn in_order(extensions: &[Extension]) -> Vec<u32> {
    let mut positions: Vec<u32> = (0..).take(extensions.len()).collect();
    positions.sort_by_key(|at| extensions.get(*at as usize).map(|own| &own.key));
    positions
}
