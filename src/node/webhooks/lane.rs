//! What one webhook has to be told: in order within each key, a few at a time, and no more of it in memory than a window.
//!
//! The outbox on disk has everything. While more waits than the window holds, the lane is spilled: new items stay on
//! disk, and the window is filled from there. What may not be on disk yet by then is in the tail meanwhile.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::api::outgoing::Hook;

/// Items in memory, beside those that were sent again by hand.
pub(super) const WINDOW: usize = 1_000;
/// Deliveries of one webhook under way at a time.
const AT_A_TIME: usize = 4;
/// Seconds from each failed attempt to the next.
const PAUSES: [u64; 9] = [1, 2, 5, 10, 20, 30, 60, 120, 300];

/// The pause after so many failures.
fn pause(failures: u32) -> Duration {
    let at = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    Duration::from_secs(PAUSES.get(at).or(PAUSES.last()).copied().unwrap_or(300))
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) id: u64,
    pub(super) order_key: String,
    /// Milliseconds since the Unix epoch.
    pub(super) since: u64,
    pub(super) attempts: u32,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

/// What became of an item whose attempt failed, or that waited behind one for too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) id: u64,
    pub(super) attempts: u32,
    /// It is given up.
    pub(super) parked: bool,
}

/// How an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// This one was not taken: what has another key is not affected.
    Refused,
    /// Nobody is there: one at a time finds out whether somebody is again.
    Absent,
}

/// The lane of one webhook.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) hook: Arc<Hook>,
    /// Tells this lane from an earlier one with the same name.
    pub(super) generation: u64,
    /// Rows on disk, parked ones included.
    pub(super) kept: u64,
    /// ... of which are parked.
    parked: u64,
    keys: BTreeMap<String, VecDeque<Item>>,
    /// The first item of each key that is not under way: when it is due, and which.
    heads: BTreeSet<(Instant, u64, String)>,
    held: usize,
    under_way: usize,
    /// Times in a row that nobody was there, and until when nothing is tried.
    absent: u32,
    paused: Option<Instant>,
    spilled: bool,
    /// The window is being filled; not again before that moment where it could not be.
    loading: bool,
    load_at: Option<Instant>,
    /// Items up to this one are or were in the window.
    loaded: u64,
    tail: VecDeque<Item>,
}

impl Lane {
    /// A lane with so many rows on disk, so many of them parked.
    pub(super) fn new(hook: Arc<Hook>, generation: u64, (kept, parked): (u64, u64)) -> Self {
        Self {
            hook,
            generation,
            kept,
            parked,
            keys: BTreeMap::new(),
            heads: BTreeSet::new(),
            held: 0,
            under_way: 0,
            absent: 0,
            paused: None,
            spilled: kept > parked,
            loading: false,
            load_at: None,
            loaded: 0,
            tail: VecDeque::new(),
        }
    }

    /// The webhook is another one now, somewhere else perhaps.
    pub(super) fn change(&mut self, hook: Arc<Hook>) {
        self.hook = hook;
        self.absent = 0;
        self.paused = None;
    }

    /// A new item, with an id above all before.
    pub(super) fn add(&mut self, item: Item, now: Instant) {
        self.kept += 1;
        if !self.spilled && self.held >= WINDOW {
            self.spilled = true;
            self.loaded = item.id.saturating_sub(1);
        }
        if self.spilled {
            self.tail.push_back(item);
        } else {
            self.hold(item, now);
        }
    }

    /// An item that was parked begins anew; one that has begun already goes on.
    pub(super) fn again(&mut self, item: Item, now: Instant) {
        let own = self.keys.get(&item.order_key);
        if own.is_some_and(|waiting| waiting.iter().any(|known| known.id == item.id)) {
            return;
        }
        self.parked = self.parked.saturating_sub(1);
        self.hold(item, now);
    }

    /// The oldest parked rows make room, `most` at a time; says how many.
    pub(super) fn forget(&mut self, most: u64) -> u64 {
        let count = self.parked.min(most);
        self.parked -= count;
        self.kept = self.kept.saturating_sub(count);
        count
    }

    /// An item and all before it are on disk.
    pub(super) fn stored(&mut self, id: u64) {
        while !self.loading && self.tail.front().is_some_and(|first| first.id <= id) {
            self.tail.pop_front();
        }
    }

    /// Behind which item the window is to be filled, if it is; then it is being filled.
    pub(super) fn load(&mut self, now: Instant) -> Option<u64> {
        let wanted = self.spilled && !self.loading && self.held <= WINDOW / 2;
        if !wanted || self.load_at.is_some_and(|at| at > now) {
            return None;
        }
        self.loading = true;
        Some(self.loaded)
    }

    /// The window is filled, up to the end of the outbox where `all`.
    pub(super) fn filled(&mut self, items: Vec<Item>, all: bool, now: Instant) {
        self.loading = false;
        let tail = if all { std::mem::take(&mut self.tail) } else { VecDeque::new() };
        for item in items.into_iter().chain(tail) {
            if item.id > self.loaded {
                self.loaded = item.id;
                self.hold(item, now);
            }
        }
        self.spilled = !all;
    }

    /// The window could not be filled.
    pub(super) fn not_filled(&mut self, now: Instant) {
        self.loading = false;
        self.load_at = Some(now + Duration::from_secs(1));
    }

    /// The next item to try now; it is under way then.
    pub(super) fn next(&mut self, now: Instant) -> Option<Item> {
        if self.due()? > now {
            return None;
        }
        let (_, _, key) = self.heads.pop_first()?;
        self.under_way += 1;
        self.keys.get(&key)?.front().cloned()
    }

    /// When the next item may be tried, or the window filled.
    pub(super) fn due(&self) -> Option<Instant> {
        let at_a_time = if self.absent > 0 { 1 } else { AT_A_TIME };
        if !self.hook.enabled || self.under_way >= at_a_time {
            return None;
        }
        let (due, ..) = self.heads.first()?;
        Some(self.paused.map_or(*due, |paused| paused.max(*due)))
    }

    /// When to look again for the window.
    pub(super) fn load_due(&self) -> Option<Instant> {
        (self.spilled && !self.loading).then_some(self.load_at).flatten()
    }

    /// Nothing waits, in memory or on disk behind it.
    pub(super) fn is_idle(&self) -> bool {
        self.held == 0 && !self.spilled
    }

    /// The receiver has the first item of a key.
    pub(super) fn taken(&mut self, key: &str, id: u64, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        (self.absent, self.paused) = (0, None);
        self.kept = self.kept.saturating_sub(1);
        self.pop(key, id);
        self.lead(key, now);
    }

    /// The attempt with the first item of a key has failed. Items that have waited for `give_up` ms are parked; where
    /// nobody is there that goes for all of them.
    pub(super) fn failed(
        &mut self,
        (key, id): (&str, u64),
        failure: Failure,
        (now, wall): (Instant, u64),
        give_up: u64,
    ) -> Vec<Verdict> {
        self.under_way = self.under_way.saturating_sub(1);
        let too_old = |item: &Item| wall.saturating_sub(item.since) >= give_up;
        let Some(first) = self.keys.get_mut(key).and_then(VecDeque::front_mut) else {
            return Vec::new();
        };
        if first.id != id {
            return Vec::new();
        }
        first.attempts = first.attempts.saturating_add(1);
        let (attempts, parked) = (first.attempts, too_old(first));
        let mut verdicts = vec![Verdict { id, attempts, parked }];
        if parked {
            self.pop(key, id);
            self.lead(key, now);
        } else {
            self.lead(key, now + pause(attempts));
        }
        match failure {
            Failure::Refused => (self.absent, self.paused) = (0, None),
            Failure::Absent => {
                self.absent = self.absent.saturating_add(1);
                self.paused = Some(now + pause(self.absent));
                let heads: Vec<_> = self.heads.iter().cloned().collect();
                for (due, first, key) in heads {
                    let before = verdicts.len();
                    self.park_old(&key, too_old, &mut verdicts);
                    if verdicts.len() > before {
                        self.heads.remove(&(due, first, key.clone()));
                        self.lead(&key, due);
                    }
                }
            }
        }
        let parked = verdicts.iter().filter(|verdict| verdict.parked).count();
        self.parked += parked as u64;
        verdicts
    }

    fn park_old(
        &mut self,
        key: &str,
        too_old: impl Fn(&Item) -> bool,
        verdicts: &mut Vec<Verdict>,
    ) {
        while let Some(first) = self.keys.get(key).and_then(VecDeque::front) {
            if !too_old(first) {
                return;
            }
            let (id, attempts) = (first.id, first.attempts);
            verdicts.push(Verdict { id, attempts, parked: true });
            self.pop(key, id);
        }
    }

    fn hold(&mut self, item: Item, now: Instant) {
        self.held += 1;
        let waiting = self.keys.entry(item.order_key.clone()).or_default();
        if waiting.is_empty() {
            self.heads.insert((now, item.id, item.order_key.clone()));
        }
        waiting.push_back(item);
    }

    fn pop(&mut self, key: &str, id: u64) {
        let Some(waiting) = self.keys.get_mut(key) else { return };
        if waiting.front().is_some_and(|first| first.id == id) {
            waiting.pop_front();
            self.held = self.held.saturating_sub(1);
        }
        if waiting.is_empty() {
            self.keys.remove(key);
        }
    }

    /// The first item of a key is due at that moment.
    fn lead(&mut self, key: &str, due: Instant) {
        if let Some(first) = self.keys.get(key).and_then(VecDeque::front) {
            self.heads.insert((due, first.id, key.to_owned()));
        }
    }
}
