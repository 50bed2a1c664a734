//! Message waiting indication: how many messages each mailbox has, and of which something is to be told (RFC 3842).
//!
//! Pure bookkeeping: counts come in by [`Mwi::set_counts`], mailboxes about which something is to be told come out of
//! [`Mwi::pop_due`]. Who watches a mailbox is known where all watchers are; the switch brings both together.

mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

pub use summary::{PACKAGE, PACKAGE_NAME, body};

use crate::vocab::{MailboxCounts, MailboxKey, Now};

/// Changes of one mailbox are told this long apart at least, in nanoseconds: the last one wins.
pub const PACE: u64 = 1_000_000_000;

/// One mailbox.
#[derive(Debug, Clone, Copy, Default)]
struct Mailbox {
    counts: MailboxCounts,
    /// When its counts may be told again, monotonic.
    quiet_until: u64,
    /// When a change is to be told; `None` while everybody knows.
    due: Option<u64>,
}

/// All mailboxes.
#[derive(Debug, Default)]
pub struct Mwi {
    mailboxes: BTreeMap<MailboxKey, Mailbox>,
    due: BTreeSet<(u64, MailboxKey)>,
}

impl Mwi {
    /// What the store remembers of the last run; nobody is told.
    pub fn restore(&mut self, mailboxes: Vec<(MailboxKey, MailboxCounts)>) {
        for (key, counts) in mailboxes {
            self.mailboxes.insert(key, Mailbox { counts, ..Mailbox::default() });
        }
    }

    /// A mailbox has so many messages from now on. Who watches it is told at once, or as soon as [`PACE`] allows.
    pub fn set_counts(&mut self, now: Now, mailbox: MailboxKey, counts: MailboxCounts) {
        let own = self.mailboxes.entry(mailbox.clone()).or_default();
        if own.counts == counts {
            return;
        }
        own.counts = counts;
        if own.due.is_none() {
            let due = own.quiet_until.max(now.mono);
            own.due = Some(due);
            self.due.insert((due, mailbox));
        }
    }

    /// Forgets the mailboxes of a tenant.
    pub fn forget_tenant(&mut self, tenant: &str) {
        self.mailboxes.retain(|key, _| key.tenant != tenant);
        self.due.retain(|(_, key)| key.tenant != tenant);
    }

    /// The messages of a mailbox; none where nothing is known of it.
    pub fn counts(&self, mailbox: &MailboxKey) -> MailboxCounts {
        self.mailboxes.get(mailbox).map(|own| own.counts).unwrap_or_default()
    }

    /// A mailbox whose counts are to be told now.
    pub fn pop_due(&mut self, now: Now) -> Option<MailboxKey> {
        if self.next_deadline()? > now.mono {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        if let Some(own) = self.mailboxes.get_mut(&key) {
            own.due = None;
            own.quiet_until = now.mono.saturating_add(PACE);
        }
        Some(key)
    }

    /// When [`Mwi::pop_due`] has something, monotonic nanoseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Whether the indexes agree.
    pub fn audit(&self, errors: &mut Vec<String>) {
        let due = self.mailboxes.values().filter(|own| own.due.is_some()).count();
        if due != self.due.len() {
            errors.push(format!("{} mailboxes are due, {due} say so", self.due.len()));
        }
    }

    /// Hashes what matters to the future.
    pub fn digest(&self, hasher: &mut impl Hasher) {
        for (key, own) in &self.mailboxes {
            (key, own.due, own.quiet_until).hash(hasher);
            let MailboxCounts { new, old, urgent_new, urgent_old } = own.counts;
            [new, old, urgent_new, urgent_old].hash(hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(number: &str) -> MailboxKey {
        MailboxKey { tenant: "demo".into(), number: number.into() }
    }

    fn new(new: u32) -> MailboxCounts {
        MailboxCounts { new, ..MailboxCounts::default() }
    }

    fn at(mono: u64) -> Now {
        Now { mono, wall: 0 }
    }

    #[test]
    fn a_change_is_told_at_once_and_the_next_a_second_later() {
        let mut mwi = Mwi::default();
        mwi.set_counts(at(5), mailbox("1"), new(1));
        mwi.set_counts(at(5), mailbox("2"), new(7));
        assert_eq!(mwi.pop_due(at(5)), Some(mailbox("1")));
        assert_eq!(mwi.pop_due(at(5)), Some(mailbox("2")));
        assert_eq!(mwi.pop_due(at(5)), None);
        mwi.set_counts(at(6), mailbox("1"), new(2));
        mwi.set_counts(at(7), mailbox("1"), new(3));
        assert_eq!((mwi.pop_due(at(7)), mwi.next_deadline()), (None, Some(5 + PACE)));
        assert_eq!(mwi.pop_due(at(5 + PACE)), Some(mailbox("1")));
        assert_eq!(mwi.counts(&mailbox("1")), new(3));
        mwi.set_counts(at(9 * PACE), mailbox("1"), new(3));
        assert_eq!(mwi.next_deadline(), None, "nothing has changed");
    }

    #[test]
    fn restored_counts_are_known_and_told_to_nobody() {
        let mut mwi = Mwi::default();
        mwi.restore(vec![(mailbox("1"), new(4))]);
        assert_eq!((mwi.counts(&mailbox("1")), mwi.next_deadline()), (new(4), None));
        assert_eq!(mwi.counts(&mailbox("2")), new(0));
    }
}
