//! When a task dials, and how much at once.

use crate::vocab::dial::{DialChange, DialMode, DialOutcome, DialRest, DialState, DialTaskKey};
use crate::vocab::{Now, Record};

use super::attempt::Stage;
use super::pace::Crew;
use super::task::Task;
use super::{Conditions, Dialer, Due, Floor, MS, Outside, SECOND};

/// Calls that one task begins at once; more follow after the pause.
const BURST: u32 = 20;
const BURST_PAUSE: u64 = 100 * MS;
/// Numbers that must not be called of which one task gets rid at once; more follow after the pause.
const SKIPS: u32 = 200;
/// A running task is looked at so often though nothing happens.
const LOOK: u64 = SECOND / 2;
/// ... and one outside its hours.
const LOOK_AT_HOURS: u64 = 10 * SECOND;

impl Dialer {
    /// Does what is due, and dials where something has changed. True if it looked at anything.
    pub fn tick(&mut self, now: Now, outside: &impl Outside) -> bool {
        while let Some((at, _)) = self.due.first()
            && *at <= now.mono
        {
            let Some((_, due)) = self.due.pop_first() else { break };
            match due {
                Due::Grace(attempt) => self.grace_over(attempt),
                Due::Task(key) => {
                    if let Some(task) = self.tasks.get_mut(&key) {
                        task.due = None;
                    }
                    self.touched.insert(key);
                }
            }
        }
        if self.touched.is_empty() {
            return false;
        }
        let touched = std::mem::take(&mut self.touched);
        let turn = |key: DialTaskKey| Some((self.tasks.get(&key)?.turn, key));
        let mut looks: Vec<(u64, DialTaskKey)> = touched.into_iter().filter_map(turn).collect();
        // Tasks that share a queue take turns.
        looks.sort_unstable();
        for (_, key) in looks {
            self.look_at(now, &key, outside);
        }
        true
    }

    fn look_at(&mut self, now: Now, key: &DialTaskKey, outside: &impl Outside) {
        let Some(task) = self.tasks.get_mut(key).filter(|t| t.state == DialState::Running) else {
            return self.set_due(key, None);
        };
        if let Some(count) = task.wants(now.mono) {
            let feed = task.config.feed.clone();
            self.publish(key, DialChange::NumbersWanted { count, feed });
        }
        let (rests, more) = self.launch(now, key, outside);
        self.end_if_over(key);
        let Some(task) = self.tasks.get_mut(key).filter(|t| t.state == DialState::Running) else {
            return self.set_due(key, None);
        };
        task.rests = rests;
        let look = match rests {
            _ if more => now.mono + BURST_PAUSE,
            Some(DialRest::Hours) => now.mono + LOOK_AT_HOURS,
            _ => now.mono + LOOK,
        };
        let asks = task.asks_at().filter(|at| *at > now.mono);
        let due = match rests {
            Some(DialRest::Numbers) => asks.unwrap_or(look),
            _ => asks.map_or(look, |at| at.min(look)),
        };
        self.set_due(key, Some(due));
    }

    /// Begins what may be begun now: why no more, and whether there is more to begin after a pause.
    fn launch(
        &mut self,
        now: Now,
        key: &DialTaskKey,
        outside: &impl Outside,
    ) -> (Option<DialRest>, bool) {
        let Some(task) = self.tasks.get(key) else { return (None, false) };
        let conditions = outside.conditions(&task.config);
        if !conditions.open {
            return (Some(DialRest::Hours), false);
        }
        if !conditions.takes_calls || task.held_until > now.mono {
            return (Some(DialRest::Switch), false);
        }
        let used = u32::try_from(task.calls.len()).unwrap_or(u32::MAX);
        let room = task.config.max_calls.saturating_sub(used);
        let wanted = self.wanted(task, conditions).min(room);
        let mut left = wanted.min(BURST);
        let mut skips = SKIPS;
        let canonical = |number: &str| outside.canonical(&key.tenant, number);
        while left > 0 {
            let next = self.tasks.get_mut(key).and_then(|task| task.waiting.pop_front());
            let Some(waiting) = next else { return (Some(DialRest::Numbers), false) };
            if self.is_blocked(&key.tenant, &canonical(&waiting.number.number)) {
                self.skip(now, key, waiting, DialOutcome::DoNotCall);
                skips -= 1;
                if skips == 0 {
                    return (None, true);
                }
                continue;
            }
            self.claim(now, key, waiting);
            left -= 1;
        }
        let none_waits = self.tasks.get(key).is_some_and(|task| task.waiting.is_empty());
        match (none_waits, room.saturating_sub(wanted)) {
            (true, _) => (Some(DialRest::Numbers), false),
            (false, _) if wanted > BURST => (None, true),
            (false, 0) => (Some(DialRest::Calls), false),
            (false, _) => (Some(DialRest::Agents), false),
        }
    }

    /// How many more calls the mode wants now.
    fn wanted(&self, task: &Task, conditions: Conditions) -> u32 {
        if !task.config.mode.wants_agents() {
            return task.config.max_calls;
        }
        let (Some(queue), Some(floor)) = (task.queue(), conditions.floor) else { return 0 };
        let Floor { idle, working, waiting, wrap_up_ms } = floor;
        let free = idle.saturating_sub(waiting);
        let lines = match task.config.mode {
            DialMode::Ratio => {
                let lines = u64::from(free) * u64::from(task.config.ratio) / 100;
                u32::try_from(lines).unwrap_or(u32::MAX)
            }
            DialMode::Predictive => {
                let waiting = waiting.saturating_sub(idle);
                let open = self.open_calls(task);
                let crew = Crew { free, working, waiting, wrap_up_ms, open };
                task.pace.lines(crew, task.config.ratio)
            }
            _ => free,
        };
        lines.saturating_sub(self.ringing.at(queue))
    }

    /// Answered calls of a task of which it is not known yet whether they are abandoned.
    fn open_calls(&self, task: &Task) -> u32 {
        let stages = task.calls.iter().filter_map(|id| self.attempts.get(id));
        let open = stages.filter(|attempt| matches!(attempt.stage, Stage::Open { .. }));
        u32::try_from(open.count()).unwrap_or(u32::MAX)
    }

    /// A task that has come to its end is over.
    pub(super) fn end_if_over(&mut self, key: &DialTaskKey) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        let Some(end) = task.ends() else { return };
        task.state = DialState::Ended(end);
        task.forced = false;
        task.rests = None;
        let record = Record::DialTask(Box::new(task.record()));
        self.set_due(key, None);
        self.index(key);
        self.remember(record);
        self.publish(key, DialChange::State(DialState::Ended(end)));
    }
}
