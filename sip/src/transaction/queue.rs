//! Timers in order of (deadline, insertion).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A queue that runs empty gives back what it has room for beyond so many entries.
const KEEP: usize = 1024;

/// A queue of deadlines. An entry is a hint: its owner compares it with the state of
/// whatever `key` names before anything happens, so that entries are never searched or removed.
#[derive(Debug)]
pub struct TimerQueue<K> {
    heap: BinaryHeap<Reverse<Entry<K>>>,
    serial: u64,
}

#[derive(Debug)]
struct Entry<K> {
    due: u64,
    serial: u64,
    key: K,
}

impl<K> PartialEq for Entry<K> {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.serial) == (other.due, other.serial)
    }
}

impl<K> Eq for Entry<K> {}

impl<K> PartialOrd for Entry<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Entry<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.serial).cmp(&(other.due, other.serial))
    }
}

impl<K> Default for TimerQueue<K> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), serial: 0 }
    }
}

impl<K> TimerQueue<K> {
    /// Adds `key` at `due` nanoseconds; `u64::MAX` means never and adds nothing.
    pub fn push(&mut self, due: u64, key: K) {
        if due == u64::MAX {
            return;
        }
        self.serial += 1;
        self.heap.push(Reverse(Entry { due, serial: self.serial, key }));
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(entry)| entry.due)
    }

    /// Takes the earliest entry that is due at `now`.
    pub fn pop_due(&mut self, now: u64) -> Option<(u64, K)> {
        if self.next_deadline()? > now {
            return None;
        }
        if self.heap.len() == 1 {
            self.heap.shrink_to(KEEP);
        }
        self.heap.pop().map(|Reverse(entry)| (entry.due, entry.key))
    }

    /// How many entries wait, stale ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}
