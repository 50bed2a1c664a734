//! What waiting callers are told, and when.

use crate::vocab::acd::QueueConfig;

use super::numbers::{SECOND, secs};

/// A callback is offered for the first time after so long, and again.
const OFFERS_CALLBACK: u64 = 30 * SECOND;
const OFFERS_CALLBACK_AGAIN: u64 = 120 * SECOND;

/// When something is said next; monotonic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Schedule {
    announce: Option<u64>,
    position: Option<u64>,
    callback: Option<u64>,
}

/// Something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Announce,
    Position,
    CallbackOffer,
}

/// Pauses between announcements as configured.
#[derive(Debug, Clone, Copy)]
struct Pauses {
    announce: Option<u64>,
    position: Option<u64>,
    callback: bool,
}

impl Pauses {
    fn of(config: &QueueConfig) -> Self {
        let voice = &config.voice;
        let every = |seconds: u32| (seconds > 0).then(|| secs(seconds));
        Self {
            announce: every(voice.announce_frequency).filter(|_| voice.announce_sound.is_some()),
            position: every(voice.position_announce_frequency),
            callback: config.limits.callback_key.is_some(),
        }
    }
}

impl Schedule {
    /// For a caller who waits from now on.
    pub fn new(now: u64, config: &QueueConfig) -> Self {
        let pauses = Pauses::of(config);
        Self {
            announce: pauses.announce.map(|every| now + every),
            position: pauses.position.map(|every| now + every),
            callback: pauses.callback.then_some(now + OFFERS_CALLBACK),
        }
    }

    /// The configuration has changed: what is due keeps its time, unless that is now too far away.
    pub fn reconfigure(&mut self, now: u64, config: &QueueConfig) {
        let fresh = Self::new(now, config);
        let keep =
            |old: Option<u64>, new: Option<u64>| new.map(|new| old.map_or(new, |old| old.min(new)));
        *self = Self {
            announce: keep(self.announce, fresh.announce),
            position: keep(self.position, fresh.position),
            callback: keep(self.callback, fresh.callback),
        };
    }

    pub fn next(&self) -> Option<u64> {
        [self.announce, self.position, self.callback].into_iter().flatten().min()
    }

    /// Takes what is due; one at a time.
    pub fn take(&mut self, now: u64, config: &QueueConfig) -> Option<Due> {
        let pauses = Pauses::of(config);
        let again = |at: u64, every: Option<u64>| {
            every.map(|every| if at + every > now { at + every } else { now + every })
        };
        if let Some(at) = self.position.filter(|at| *at <= now) {
            self.position = again(at, pauses.position);
            return Some(Due::Position);
        }
        if let Some(at) = self.announce.filter(|at| *at <= now) {
            self.announce = again(at, pauses.announce);
            return Some(Due::Announce);
        }
        if let Some(at) = self.callback.filter(|at| *at <= now) {
            self.callback = again(at, pauses.callback.then_some(OFFERS_CALLBACK_AGAIN));
            return Some(Due::CallbackOffer);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::queue_config;
    use super::*;

    fn config() -> QueueConfig {
        let mut config = queue_config("9001");
        config.voice.announce_sound = Some("patience".into());
        config.voice.announce_frequency = 20;
        config.voice.position_announce_frequency = 30;
        config
    }

    #[test]
    fn each_announcement_keeps_its_own_pace() {
        let config = config();
        let mut schedule = Schedule::new(5 * SECOND, &config);
        let mut said = Vec::new();
        while let Some(at) = schedule.next().filter(|at| *at <= 70 * SECOND) {
            let due = schedule.take(at, &config).expect("due");
            said.push((at / SECOND, due));
        }
        use Due::{Announce, Position};
        assert_eq!(
            said,
            [(25, Announce), (35, Position), (45, Announce), (65, Position), (65, Announce)]
        );
    }

    #[test]
    fn nothing_is_said_twice_after_a_pause_of_the_process() {
        let config = config();
        let mut schedule = Schedule::new(0, &config);
        let late = 1_000 * SECOND;
        assert!(schedule.take(late, &config).is_some());
        assert!(schedule.take(late, &config).is_some());
        assert_eq!(schedule.take(late, &config), None);
        assert!(schedule.next().is_some_and(|at| at > late));
    }

    #[test]
    fn without_a_sound_or_a_pause_nothing_is_announced() {
        let mut config = config();
        config.voice.announce_sound = None;
        config.voice.position_announce_frequency = 0;
        assert_eq!(Schedule::new(0, &config).next(), None);
        config.limits.callback_key = Some('2');
        assert_eq!(Schedule::new(0, &config).next(), Some(OFFERS_CALLBACK));
    }
}
