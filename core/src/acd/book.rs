//! Sums over spans of time for one subject: minutes for the rolling windows, quarters for the day and the store.

use std::collections::VecDeque;

use crate::vocab::acd::{AgentFigures, QueueFigures};

/// A minute in milliseconds.
const MINUTE: u64 = 60_000;
/// A quarter of an hour in milliseconds.
pub(super) const QUARTER: u64 = 900_000;
/// A day in milliseconds.
const DAY: i64 = 86_400_000;
/// Minutes kept: the longest window, and the running one.
const MINUTES: u64 = 61;
/// Quarters kept: a day, and an hour for the change of the clocks.
const QUARTERS: u64 = 101;

/// Figures that can be added up.
pub(super) trait Sum: Default + Clone {
    fn add(&mut self, other: &Self);
}

impl Sum for QueueFigures {
    fn add(&mut self, other: &Self) {
        self.entered += other.entered;
        self.offered += other.offered;
        self.answered += other.answered;
        self.answered_in_time += other.answered_in_time;
        self.abandoned += other.abandoned;
        self.abandoned_late += other.abandoned_late;
        for (reason, count) in &other.overflowed {
            *self.overflowed.entry(*reason).or_default() += count;
        }
        self.removed += other.removed;
        self.picked_up += other.picked_up;
        self.wait_answered_ms += other.wait_answered_ms;
        self.wait_abandoned_ms += other.wait_abandoned_ms;
        self.wait_longest_ms = self.wait_longest_ms.max(other.wait_longest_ms);
        self.talk_ms += other.talk_ms;
        self.wrap_up_ms += other.wrap_up_ms;
        self.callbacks += other.callbacks;
        self.callbacks_given_up += other.callbacks_given_up;
    }
}

impl Sum for AgentFigures {
    fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.answered += other.answered;
        self.missed += other.missed;
        self.rejected += other.rejected;
        self.failed += other.failed;
        self.ringing_ms += other.ringing_ms;
        self.talk_ms += other.talk_ms;
        self.wrap_up_ms += other.wrap_up_ms;
        self.logged_in_ms += other.logged_in_ms;
        self.break_ms += other.break_ms;
    }
}

/// The tenant's last midnight, in milliseconds since the Unix epoch.
pub(super) fn midnight(wall: u64, utc_offset_secs: i32) -> u64 {
    let offset = i64::from(utc_offset_secs) * 1_000;
    let local = i64::try_from(wall).unwrap_or(i64::MAX / 2).saturating_add(offset);
    u64::try_from(local - local.rem_euclid(DAY) - offset).unwrap_or(0)
}

/// The tenant's calendar day, as a number. It stays the same when the clock is put forward or back.
pub(super) fn day_of(wall: u64, utc_offset_secs: i32) -> u64 {
    let offset = i64::from(utc_offset_secs) * 1_000;
    let local = i64::try_from(wall).unwrap_or(i64::MAX / 2).saturating_add(offset);
    u64::try_from(local.div_euclid(DAY)).unwrap_or(0)
}

/// The beginning of the quarter of this moment.
pub(super) fn quarter_of(wall: u64) -> u64 {
    wall - wall % QUARTER
}

/// Figures of one subject.
#[derive(Debug, Clone, Default)]
pub(super) struct Book<F> {
    /// Since the start of the process.
    pub total: F,
    minutes: VecDeque<(u64, F)>,
    quarters: VecDeque<(u64, F)>,
    /// Quarters that the store does not have as they are.
    unsaved: Vec<u64>,
}

impl<F: Sum> Book<F> {
    /// Counts something that happened at `wall`. A clock that was put back counts into the latest span.
    pub fn count(&mut self, wall: u64, change: impl Fn(&mut F)) {
        change(&mut self.total);
        let minute = wall - wall % MINUTE;
        change(span(&mut self.minutes, minute));
        prune(&mut self.minutes, MINUTES * MINUTE);
        change(span(&mut self.quarters, quarter_of(wall)));
        prune(&mut self.quarters, QUARTERS * QUARTER);
        if let Some((quarter, _)) = self.quarters.back()
            && !self.unsaved.contains(quarter)
        {
            self.unsaved.push(*quarter);
        }
    }

    /// Counts a duration that ended at `wall`, in the minutes and quarters in which it passed.
    pub fn spread(&mut self, wall: u64, ms: u64, change: impl Fn(&mut F, u64)) {
        let mut from = wall.saturating_sub(ms);
        let earliest = wall.saturating_sub(MINUTES * MINUTE);
        if from < earliest {
            let early = earliest - from;
            self.count(earliest, |figures| change(figures, early));
            from = earliest;
        }
        while from < wall {
            let to = wall.min(from - from % MINUTE + MINUTE);
            self.count(from, |figures| change(figures, to - from));
            from = to;
        }
    }

    /// The last so many seconds, to the minute and rather more than less.
    pub fn window(&self, wall: u64, secs: u32) -> F {
        let reach = wall.saturating_sub(u64::from(secs) * 1_000);
        sum(self.minutes.iter().filter(|(minute, _)| minute + MINUTE > reach))
    }

    /// From this moment on, to the quarter.
    pub fn since(&self, wall: u64) -> F {
        sum(self.quarters.iter().filter(|(quarter, _)| quarter + QUARTER > wall))
    }

    /// What the store does not have yet; it is told only once.
    pub fn take_unsaved(&mut self) -> Vec<(u64, F)> {
        let unsaved = std::mem::take(&mut self.unsaved);
        let find = |quarter: u64| self.quarters.iter().find(|(from, _)| *from == quarter).cloned();
        unsaved.into_iter().filter_map(find).collect()
    }

    pub fn is_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Brings a quarter of an earlier process back.
    pub fn restore(&mut self, wall: u64, from: u64, figures: &F) {
        if from + QUARTERS * QUARTER <= wall || from > wall {
            return;
        }
        insert(&mut self.quarters, from, figures);
        let minute = (from + QUARTER - MINUTE).min(wall - wall % MINUTE);
        if minute + MINUTES * MINUTE > wall {
            insert(&mut self.minutes, minute, figures);
        }
    }
}

fn sum<'a, F: Sum + 'a>(spans: impl Iterator<Item = &'a (u64, F)>) -> F {
    let mut sum = F::default();
    for (_, figures) in spans {
        sum.add(figures);
    }
    sum
}

/// The span that begins at `from`, or the latest if that begins later.
fn span<F: Sum>(spans: &mut VecDeque<(u64, F)>, from: u64) -> &mut F {
    if spans.back().is_none_or(|(latest, _)| *latest < from) {
        spans.push_back((from, F::default()));
    }
    let at = spans.partition_point(|(begin, _)| *begin < from).min(spans.len() - 1);
    &mut spans[at].1
}

fn insert<F: Sum>(spans: &mut VecDeque<(u64, F)>, from: u64, figures: &F) {
    let at = spans.partition_point(|(begin, _)| *begin < from);
    match spans.get_mut(at) {
        Some((begin, held)) if *begin == from => held.add(figures),
        _ => spans.insert(at, (from, figures.clone())),
    }
}

fn prune<F>(spans: &mut VecDeque<(u64, F)>, reach: u64) {
    let latest = spans.back().map_or(0, |(from, _)| *from);
    while spans.front().is_some_and(|(from, _)| from + reach <= latest) {
        spans.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_795_262_400_000 - 1_795_262_400_000 % 86_400_000 + 43_200_000;

    fn offered(book: &mut Book<AgentFigures>, wall: u64) {
        book.count(wall, |figures| figures.offered += 1);
    }

    #[test]
    fn windows_forget_and_the_day_remembers() {
        let mut book = Book::default();
        for minute in 0..120 {
            offered(&mut book, NOON + minute * MINUTE);
        }
        let now = NOON + 119 * MINUTE;
        assert_eq!(book.window(now, 300).offered, 6);
        assert_eq!(book.window(now, 3_600).offered, 61);
        assert_eq!(book.since(midnight(now, 0)).offered, 120);
        assert_eq!(book.since(midnight(now, 43_200)).offered, 120, "midnight was at noon");
        assert_eq!(book.since(midnight(now, 39_600)).offered, 60, "midnight was at one");
        assert_eq!(book.total.offered, 120);
    }

    #[test]
    fn each_quarter_is_told_once_after_each_change() {
        let mut book = Book::default();
        offered(&mut book, NOON);
        offered(&mut book, NOON + QUARTER);
        offered(&mut book, NOON + QUARTER + 1);
        let told = book.take_unsaved();
        assert_eq!(
            told.iter().map(|(from, figures)| (*from, figures.offered)).collect::<Vec<_>>(),
            [(NOON, 1), (NOON + QUARTER, 2)]
        );
        assert!(!book.is_unsaved());
        offered(&mut book, NOON + QUARTER + 2);
        assert_eq!(book.take_unsaved().len(), 1);
    }

    #[test]
    fn figures_survive_a_restart() {
        let mut book = Book::default();
        for minute in 0..40 {
            offered(&mut book, NOON + minute * MINUTE);
        }
        let mut after = Book::default();
        let now = NOON + 41 * MINUTE;
        for (from, figures) in book.take_unsaved() {
            after.restore(now, from, &figures);
        }
        assert_eq!(after.since(midnight(now, 0)).offered, 40);
        assert_eq!(after.window(now, 3_600).offered, 40);
        offered(&mut after, now);
        let last = after.take_unsaved();
        assert_eq!(last[0].1.offered, 11, "the running quarter goes on");
        after.restore(
            now,
            NOON - 40 * 86_400_000,
            &AgentFigures { offered: 9, ..Default::default() },
        );
        assert_eq!(after.since(0).offered, 41);
    }

    #[test]
    fn a_long_time_is_spread_over_the_minutes_in_which_it_passed() {
        let mut book: Book<AgentFigures> = Book::default();
        book.spread(NOON + 20 * MINUTE, 10 * MINUTE, |figures, ms| figures.talk_ms += ms);
        assert_eq!(book.total.talk_ms, 10 * MINUTE);
        let quarters = book.take_unsaved();
        assert_eq!(
            quarters.iter().map(|(_, figures)| figures.talk_ms).collect::<Vec<_>>(),
            [5 * MINUTE, 5 * MINUTE]
        );
        book.spread(NOON + 30 * MINUTE, 1_000 * 86_400_000, |figures, ms| figures.break_ms += ms);
        assert_eq!(book.total.break_ms, 1_000 * 86_400_000, "nothing is lost of a very long time");
    }

    #[test]
    fn a_clock_that_is_put_back_loses_nothing() {
        let mut book = Book::default();
        offered(&mut book, NOON);
        offered(&mut book, NOON - 3 * 86_400_000);
        assert_eq!(book.since(midnight(NOON, 0)).offered, 2);
    }
}
