//! How long conversations take and how many agents work, over the last half hour: the estimated wait.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::numbers::{AgentNo, SECOND};

/// How far the estimate looks back.
const REACH: u64 = 1_800 * SECOND;
const MINUTE: u64 = 60 * SECOND;

/// Conversations of one queue that ended lately, and who led them.
#[derive(Debug, Clone, Default)]
pub(super) struct Handling {
    /// By minute: milliseconds of talk and wrap-up, and conversations that ended.
    minutes: VecDeque<(u64, u64, u64)>,
    /// When each agent last worked; the end of time while it talks.
    worked: BTreeMap<AgentNo, u64>,
    by_time: BTreeSet<(u64, AgentNo)>,
}

impl Handling {
    fn touch(&mut self, agent: AgentNo, at: u64) {
        if let Some(before) = self.worked.insert(agent, at) {
            self.by_time.remove(&(before, agent));
        }
        self.by_time.insert((at, agent));
    }

    /// A conversation begins.
    pub fn begins(&mut self, agent: AgentNo) {
        self.touch(agent, u64::MAX);
    }

    /// A conversation is over after so long.
    pub fn ends(&mut self, now: u64, agent: AgentNo, talk_ms: u64) {
        self.touch(agent, now);
        self.add(now, talk_ms, 1);
    }

    /// ... and what it left to do took so long.
    pub fn wrapped_up(&mut self, now: u64, agent: AgentNo, ms: u64) {
        if self.worked.get(&agent) != Some(&u64::MAX) {
            self.touch(agent, now);
        }
        self.add(now, ms, 0);
    }

    fn add(&mut self, now: u64, ms: u64, ended: u64) {
        let minute = now - now % MINUTE;
        match self.minutes.back_mut() {
            Some((latest, sum, count)) if *latest >= minute => {
                *sum += ms;
                *count += ended;
            }
            _ => self.minutes.push_back((minute, ms, ended)),
        }
        while self.minutes.front().is_some_and(|(from, ..)| from + REACH <= minute) {
            self.minutes.pop_front();
        }
        while let Some((at, agent)) = self.by_time.first().copied()
            && at.saturating_add(REACH) <= now
        {
            self.by_time.pop_first();
            self.worked.remove(&agent);
        }
    }

    /// How long the caller at this position (from 1) will wait, in seconds: position times the mean time of handling a
    /// call, over the agents who work. `None` when nothing was handled lately.
    pub fn estimate(&self, now: u64, position: usize) -> Option<u32> {
        let recent = self.minutes.iter().filter(|(from, ..)| from + REACH > now);
        let (ms, ended) = recent.fold((0_u64, 0_u64), |(ms, ended), (_, more, also)| {
            (ms.saturating_add(*more), ended + also)
        });
        // Those who are long gone were dropped at the last conversation: few are left.
        let gone = self.by_time.range(..(now.saturating_sub(REACH), 0)).count();
        let agents = (self.by_time.len() - gone) as u64;
        if ended == 0 || agents == 0 {
            return None;
        }
        let wait_ms = u128::from(ms) * position as u128 / u128::from(ended * agents);
        Some(u32::try_from(wait_ms.div_ceil(1_000)).unwrap_or(u32::MAX).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_position_times_handling_over_agents() {
        let mut handling = Handling::default();
        assert_eq!(handling.estimate(0, 1), None);
        let mut now = MINUTE;
        for agent in [1, 2] {
            handling.begins(agent);
            handling.ends(now, agent, 100_000);
            handling.wrapped_up(now + 20 * SECOND, agent, 20_000);
            now += MINUTE;
        }
        assert_eq!(handling.estimate(now, 1), Some(60));
        assert_eq!(handling.estimate(now, 3), Some(180));
        handling.begins(3);
        assert_eq!(handling.estimate(now, 3), Some(120), "one who talks works");
        assert_eq!(handling.estimate(now + REACH, 3), None, "nothing was handled lately");
    }

    #[test]
    fn what_is_long_past_is_forgotten() {
        let mut handling = Handling::default();
        for minute in 0..1_000 {
            let agent = AgentNo::try_from(minute).expect("small");
            handling.begins(agent);
            handling.ends(minute * MINUTE, agent, 1);
        }
        assert!(handling.minutes.len() <= 31 && handling.worked.len() <= 31);
        assert_eq!(handling.worked.len(), handling.by_time.len());
    }
}
