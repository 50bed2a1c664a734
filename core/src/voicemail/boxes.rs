//! What lies in the mailboxes.

use std::collections::BTreeMap;

use crate::vocab::mailbox::{GreetingRecord, MessageRecord};
use crate::vocab::record::MailboxCounts;
use crate::vocab::{MailboxKey, MessageId, TenantId};

/// Wrong PINs in a row after which a mailbox opens to nobody for a while.
const MAX_FAILURES: u32 = 9;
/// How long it stays closed then, in ns.
const LOCKED: u64 = 600_000_000_000;

/// All messages, by mailbox. How many a mailbox may hold is for the switch to know.
#[derive(Debug, Default)]
pub struct Mailboxes {
    boxes: BTreeMap<MailboxKey, Held>,
}

#[derive(Debug, Default)]
struct Held {
    messages: BTreeMap<MessageId, MessageRecord>,
    greeting: Option<String>,
    failures: u32,
    locked_until: u64,
}

/// Whether a PIN may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinCheck {
    /// Yes.
    Open,
    /// Too many were wrong.
    Locked,
}

impl Mailboxes {
    /// What the last run left.
    pub fn restore(&mut self, messages: Vec<MessageRecord>, greetings: Vec<GreetingRecord>) {
        for message in messages {
            self.put(message);
        }
        for greeting in greetings {
            self.set_greeting(&greeting.mailbox, greeting.path);
        }
    }

    /// Adds a message, or replaces it.
    pub fn put(&mut self, message: MessageRecord) {
        let held = self.boxes.entry(message.mailbox.clone()).or_default();
        held.messages.insert(message.id, message);
    }

    /// One message.
    pub fn get(&self, mailbox: &MailboxKey, id: MessageId) -> Option<&MessageRecord> {
        self.boxes.get(mailbox)?.messages.get(&id)
    }

    /// Changes a message. `None` when there is no such message, or nothing changed.
    pub fn change(
        &mut self,
        mailbox: &MailboxKey,
        id: MessageId,
        change: impl FnOnce(&mut MessageRecord),
    ) -> Option<&MessageRecord> {
        let message = self.boxes.get_mut(mailbox)?.messages.get_mut(&id)?;
        let before = (message.heard, message.urgent);
        change(message);
        (before != (message.heard, message.urgent)).then_some(message)
    }

    /// Takes a message out.
    pub fn remove(&mut self, mailbox: &MailboxKey, id: MessageId) -> Option<MessageRecord> {
        let held = self.boxes.get_mut(mailbox)?;
        let message = held.messages.remove(&id);
        let empty = held.messages.is_empty() && held.greeting.is_none() && held.failures == 0;
        if empty {
            self.boxes.remove(mailbox);
        }
        message
    }

    /// Forgets the mailboxes of a tenant.
    pub fn forget_tenant(&mut self, tenant: &str) {
        self.boxes.retain(|key, _| key.tenant != tenant);
    }

    /// Messages in a mailbox.
    pub fn len(&self, mailbox: &MailboxKey) -> usize {
        self.boxes.get(mailbox).map_or(0, |held| held.messages.len())
    }

    /// What a lamp shows.
    pub fn counts(&self, mailbox: &MailboxKey) -> MailboxCounts {
        let mut counts = MailboxCounts::default();
        for message in self.messages(mailbox) {
            let (all, urgent) = if message.heard {
                (&mut counts.old, &mut counts.urgent_old)
            } else {
                (&mut counts.new, &mut counts.urgent_new)
            };
            *all += 1;
            *urgent += u32::from(message.urgent);
        }
        counts
    }

    /// What lies in all of them.
    pub fn all_counts(&self) -> Vec<(MailboxKey, MailboxCounts)> {
        self.boxes.keys().map(|key| (key.clone(), self.counts(key))).collect()
    }

    /// The order in which they are listened to: new before old, urgent before others, then by time.
    pub fn in_order(&self, mailbox: &MailboxKey) -> Vec<MessageId> {
        let mut list: Vec<&MessageRecord> = self.messages(mailbox).collect();
        list.sort_by_key(|message| (message.heard, !message.urgent, message.at, message.id));
        list.into_iter().map(|message| message.id).collect()
    }

    /// Messages of a mailbox, oldest first.
    pub fn messages(
        &self,
        mailbox: &MailboxKey,
    ) -> impl DoubleEndedIterator<Item = &MessageRecord> {
        self.boxes.get(mailbox).into_iter().flat_map(|held| held.messages.values())
    }

    /// Mailboxes of a tenant in which something lies.
    pub fn of_tenant(&self, tenant: &TenantId) -> impl Iterator<Item = &MailboxKey> {
        let first = MailboxKey { tenant: tenant.clone(), number: String::new() };
        let tenant = tenant.clone();
        self.boxes.range(first..).map(|(key, _)| key).take_while(move |key| key.tenant == tenant)
    }

    /// The mailbox's own greeting.
    pub fn greeting(&self, mailbox: &MailboxKey) -> Option<&str> {
        self.boxes.get(mailbox)?.greeting.as_deref()
    }

    /// Sets or removes the own greeting; gives back the file of the one before.
    pub fn set_greeting(&mut self, mailbox: &MailboxKey, path: Option<String>) -> Option<String> {
        let held = self.boxes.entry(mailbox.clone()).or_default();
        std::mem::replace(&mut held.greeting, path)
    }

    /// Whether a PIN may be tried now.
    pub fn pin_check(&self, now: u64, mailbox: &MailboxKey) -> PinCheck {
        let locked = self.boxes.get(mailbox).is_some_and(|held| held.locked_until > now);
        if locked { PinCheck::Locked } else { PinCheck::Open }
    }

    /// Counts a PIN that was tried at `now`, monotonic nanoseconds.
    pub fn pin_tried(&mut self, now: u64, mailbox: &MailboxKey, good: bool) {
        let held = self.boxes.entry(mailbox.clone()).or_default();
        held.failures = if good { 0 } else { held.failures + 1 };
        if held.failures >= MAX_FAILURES {
            held.failures = 0;
            held.locked_until = now.saturating_add(LOCKED);
        }
    }
}
