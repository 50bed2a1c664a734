//! How many calls a prediction has in the air: as many as agents will be there for, with a margin that learns.
//!
//! Of `L` calls that ring, `L * p` are answered; meanwhile some of the busy agents become free. Both are uncertain, so the
//! expected answers stay below the expected agents by a number of standard deviations, the *caution*. Each abandoned call
//! raises it a lot and each served one lowers it a little, which balances where one call in fifty is abandoned, whatever
//! the estimates are worth. Beyond that, no more calls are risked than the bound leaves room for: if every risked call were
//! abandoned, it would still hold.

use std::collections::VecDeque;

/// Answers over which abandoned calls are bounded.
pub const WINDOW: usize = 1_000;
/// Of those, how many may be abandoned.
pub const BOUND: u32 = 30;
/// What is left of the bound for agents who leave while their calls ring.
const RESERVE: u32 = 2;
/// Fewer agents than this are dialled for one by one.
pub const FEWEST_AGENTS: u32 = 10;

/// Caution at the beginning, in hundredths of a standard deviation.
const CAUTION_START: i32 = 200;
const CAUTION_MOST: i32 = 400;
const CAUTION_LEAST: i32 = -50;
/// Balances at one abandoned call in fifty answers.
const CAUTION_UP: i32 = 49;
const CAUTION_DOWN: i32 = 1;
/// Samples before a time is believed.
const ENOUGH: u64 = 20;

/// A mean that forgets: the last hundred samples or so count.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mean {
    sum: u64,
    count: u64,
}

impl Mean {
    /// One more sample.
    pub fn add(&mut self, sample: u64) {
        self.sum = self.sum.saturating_add(sample);
        self.count += 1;
        if self.count >= 120 {
            self.sum /= 2;
            self.count /= 2;
        }
    }

    /// The mean; `None` while there are too few samples.
    pub fn value(self) -> Option<u64> {
        (self.count >= ENOUGH).then(|| self.sum / self.count)
    }
}

/// The last thousand answers: which were abandoned.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    last: VecDeque<bool>,
    abandoned: u32,
}

impl Answers {
    fn add(&mut self, abandoned: bool) {
        if self.last.len() == WINDOW && self.last.pop_front() == Some(true) {
            self.abandoned -= 1;
        }
        self.last.push_back(abandoned);
        self.abandoned += u32::from(abandoned);
    }

    /// How many of them were abandoned.
    pub fn abandoned(&self) -> u32 {
        self.abandoned
    }

    /// How many there are, at most a thousand.
    pub fn len(&self) -> u32 {
        u32::try_from(self.last.len()).unwrap_or(u32::MAX)
    }

    /// How many more may be abandoned. At the beginning less than in the long run, so that a short task keeps the share.
    fn budget(&self) -> u32 {
        let share = (self.len() * BOUND / WINDOW as u32).max(BOUND / 3);
        share.saturating_sub(RESERVE).saturating_sub(self.abandoned)
    }
}

/// What a task has learned of its calls.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Answers among a thousand calls.
    answers: Mean,
    /// From dialling to the answer or the failure, in ms.
    ringing: Mean,
    /// Of conversations, in ms.
    talking: Mean,
    caution: i32,
    lately: Answers,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            answers: Mean::default(),
            ringing: Mean::default(),
            talking: Mean::default(),
            caution: CAUTION_START,
            lately: Answers::default(),
        }
    }
}

/// Agents as a prediction sees them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Crew {
    /// Free, and nobody waits for them.
    pub free: u32,
    /// At work, free or not.
    pub working: u32,
    /// Callers who wait without an agent.
    pub waiting: u32,
    /// After a conversation, in ms.
    pub wrap_up_ms: u64,
    /// Answered calls of which it is not known yet whether they are abandoned.
    pub open: u32,
}

impl Pace {
    /// A call was answered, or was not, so long after it was dialled.
    pub fn resolved(&mut self, answered: bool, after_ms: u64) {
        self.answers.add(if answered { 1_000 } else { 0 });
        self.ringing.add(after_ms);
    }

    /// An answered call was abandoned or found its agent.
    pub fn judged(&mut self, abandoned: bool) {
        self.lately.add(abandoned);
        let step = if abandoned { CAUTION_UP } else { -CAUTION_DOWN };
        self.caution = (self.caution + step).clamp(CAUTION_LEAST, CAUTION_MOST);
    }

    /// An agent talked for so long.
    pub fn talked(&mut self, ms: u64) {
        self.talking.add(ms);
    }

    /// Answers among a thousand calls; all of them while too little is known.
    pub fn answer_permille(&self) -> u32 {
        let known = self.answers.value().unwrap_or(1_000);
        u32::try_from(known).unwrap_or(1_000).clamp(10, 1_000)
    }

    /// The last answers.
    pub fn lately(&self) -> &Answers {
        &self.lately
    }

    /// Agents who will become free while a call rings, in thousandths.
    fn freed(&self, crew: Crew) -> u64 {
        let (Some(ringing), Some(talking)) = (self.ringing.value(), self.talking.value()) else {
            return 0;
        };
        let busy = u64::from(crew.working.saturating_sub(crew.free));
        let handling = (talking + crew.wrap_up_ms).max(1);
        // Each busy agent is through within the ringing with this chance at most.
        busy * (ringing.min(handling) * 1_000 / handling)
    }

    /// How many calls may ring at a time. `ratio` bounds them, in hundredths of a call for each agent who is idle or is
    /// expected to be by the time of the answer.
    pub fn lines(&self, crew: Crew, ratio: u32) -> u32 {
        if crew.working < FEWEST_AGENTS {
            return crew.free;
        }
        let freed = self.freed(crew);
        let there = u64::from(crew.free) * 1_000 + freed;
        let cap = there * u64::from(ratio) / 100_000;
        let supply = there.saturating_sub(u64::from(crew.waiting) * 1_000);
        let permille = u64::from(self.answer_permille());
        let fits = |lines: u64| {
            let answers = lines * permille;
            let variance = lines * permille * (1_000 - permille) + freed * 1_000;
            let margin = i64::from(self.caution) * i64::try_from(variance.isqrt()).unwrap_or(0);
            let wanted = i64::try_from(answers).unwrap_or(i64::MAX).saturating_add(margin / 100);
            wanted <= i64::try_from(supply).unwrap_or(i64::MAX)
        };
        let most = cap.max(u64::from(crew.free));
        let mut lines = u64::from(crew.free);
        // However bold the margin: where nobody will be free there is nothing to be bold about.
        while supply > 0 && lines < most && fits(lines + 1) {
            lines += 1;
        }
        let risked = self.lately.budget().saturating_sub(crew.open);
        let bound = u64::from(crew.free) + u64::from(risked);
        u32::try_from(lines.min(bound)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(answered: u64, of: u64, ring_ms: u64, talk_ms: u64) -> Pace {
        let mut pace = Pace::default();
        for call in 0..of * 40 {
            pace.resolved(call % of < answered, ring_ms);
            pace.talked(talk_ms);
        }
        for _ in 0..500 {
            pace.judged(false);
        }
        pace
    }

    fn crew(free: u32, working: u32) -> Crew {
        Crew { free, working, ..Crew::default() }
    }

    #[test]
    fn who_knows_nothing_dials_one_call_for_each_free_agent() {
        assert_eq!(Pace::default().lines(crew(12, 20), 500), 12);
        assert_eq!(Pace::default().lines(crew(0, 20), 500), 0);
    }

    #[test]
    fn few_agents_are_dialled_for_one_by_one() {
        let pace = learned(1, 4, 8_000, 60_000);
        assert_eq!(pace.lines(crew(5, 9), 500), 5);
        assert!(pace.lines(crew(5, 10), 500) > 5);
    }

    #[test]
    fn rare_answers_make_more_calls_and_the_ratio_bounds_them() {
        let (rare, frequent) = (learned(1, 4, 8_000, 60_000), learned(3, 4, 8_000, 60_000));
        assert!(rare.lines(crew(10, 20), 500) > frequent.lines(crew(10, 20), 500));
        assert_eq!(rare.lines(crew(10, 10), 120), 12);
    }

    #[test]
    fn agents_who_will_be_free_are_dialled_for_and_callers_who_wait_take_their_place() {
        let pace = learned(1, 4, 10_000, 40_000);
        assert!(pace.lines(crew(0, 40), 500) > 0);
        let waiting = Crew { waiting: 10, ..crew(0, 40) };
        assert_eq!(pace.lines(waiting, 500), 0);
    }

    #[test]
    fn no_more_is_risked_than_the_bound_leaves() {
        let mut pace = learned(1, 4, 8_000, 60_000);
        for _ in 0..500 {
            pace.judged(false);
        }
        assert_eq!(pace.lately().len(), 1_000);
        for _ in 0..BOUND - RESERVE {
            pace.judged(true);
        }
        for _ in 0..600 {
            pace.judged(false);
        }
        assert_eq!(pace.lines(crew(12, 20), 500), 12, "one for each, since nothing may be risked");
        let open = Crew { open: 30, ..crew(12, 20) };
        assert_eq!(learned(1, 4, 8_000, 60_000).lines(open, 500), 12);
    }

    #[test]
    fn abandoned_calls_make_it_careful() {
        let mut pace = learned(1, 4, 8_000, 60_000);
        let bold = pace.lines(crew(20, 40), 500);
        for _ in 0..6 {
            pace.judged(true);
        }
        assert!(pace.lines(crew(20, 40), 500) < bold);
    }
}
