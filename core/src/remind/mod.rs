//! Held calls that their holders may have forgotten: when to remind them.

use std::collections::{BTreeMap, BTreeSet};

use crate::vocab::CallId;

/// A call on hold, and the side that holds it.
pub type Held = (CallId, usize);

/// All held calls with the moments of their next reminders; monotonic nanoseconds.
#[derive(Debug, Default)]
pub struct Reminders {
    held: BTreeMap<Held, u64>,
    due: BTreeSet<(u64, Held)>,
}

impl Reminders {
    /// A side of a call holds the other one, or does not; the first reminder of a hold comes at `at`.
    pub fn set(&mut self, held: Held, holds: bool, at: u64) {
        if holds == self.held.contains_key(&held) {
            return;
        }
        if holds {
            self.held.insert(held, at);
            self.due.insert((at, held));
        } else if let Some(at) = self.held.remove(&held) {
            self.due.remove(&(at, held));
        }
    }

    /// Nobody is to be reminded of anything any more.
    pub fn clear(&mut self) {
        self.held.clear();
        self.due.clear();
    }

    /// Whether it is on hold still.
    pub fn is_held(&self, held: Held) -> bool {
        self.held.contains_key(&held)
    }

    /// Who is to be reminded now; the next time is `again`.
    pub fn pop_due(&mut self, now: u64, again: u64) -> Option<Held> {
        let (at, held) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, held));
        let again = again.max(now + 1);
        self.due.insert((again, held));
        self.held.insert(held, again);
        Some(held)
    }

    /// When somebody is to be reminded; monotonic.
    pub fn next_deadline(&self) -> Option<u64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Nothing is on hold.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Adds what contradicts itself.
    pub fn audit(&self, lives: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        for (call, _) in self.held.keys().filter(|(call, _)| !lives(*call)) {
            wrong.push(format!("call {call} is over and its holder would be reminded"));
        }
        if self.held.len() != self.due.len() {
            wrong.push("reminders of nothing".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_reminded_of_until_it_ends() {
        let mut reminders = Reminders::default();
        let held = (CallId(1), 0);
        reminders.set(held, true, 30);
        reminders.set(held, true, 99);
        assert_eq!((reminders.pop_due(29, 0), reminders.next_deadline()), (None, Some(30)));
        assert_eq!(reminders.pop_due(30, 60), Some(held));
        assert_eq!((reminders.pop_due(59, 90), reminders.pop_due(60, 90)), (None, Some(held)));
        reminders.set(held, false, 0);
        assert!(reminders.is_empty() && !reminders.is_held(held));
        assert_eq!(reminders.next_deadline(), None);
    }
}
