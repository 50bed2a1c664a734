//! Whether one address of a carrier takes requests.

use sip::resolve::Target;

use super::{SECOND, Tools};

/// An OPTIONS without an answer after so long is missed; a later answer counts all the same.
const PATIENCE: u64 = 5 * SECOND;
/// So many missed in a row take an address down.
const MISSES: u8 = 3;
/// Pause between OPTIONS to an address that missed some.
const HURRY: u64 = 5 * SECOND;
/// An address that failed a call rests so long, unless it answers OPTIONS before.
const REST: u64 = 30 * SECOND;
/// The longest rest that a Retry-After gets.
const MAX_REST: u64 = 600 * SECOND;

/// Where the OPTIONS cycle stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Probe {
    /// Not wanted.
    Off,
    /// The next is due then.
    Waiting { at: u64 },
    /// Counts as missed from then on.
    Sent { deadline: u64 },
}

/// A pause after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Rest {
    until: u64,
    /// The carrier asked for it, so that an answer to OPTIONS does not end it.
    asked: bool,
}

/// One address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Monitor {
    pub target: Target,
    probe: Probe,
    /// Task of the last OPTIONS.
    task: u64,
    misses: u8,
    down: bool,
    rest: Option<Rest>,
}

impl Monitor {
    /// Believed to live; the first OPTIONS goes out at once where there are any.
    pub fn new(target: Target, now: u64, interval: u64) -> Self {
        let probe = if interval > 0 { Probe::Waiting { at: now } } else { Probe::Off };
        Self { target, probe, task: 0, misses: 0, down: false, rest: None }
    }

    /// Whether it is worth a call.
    pub fn is_usable(&self) -> bool {
        !self.down && self.rest.is_none()
    }

    /// Why not.
    pub fn reason(&self) -> Option<&'static str> {
        match (self.down, self.rest) {
            (true, _) => Some("no answer to OPTIONS"),
            (false, Some(Rest { asked: true, .. })) => Some("503 Service Unavailable"),
            (false, Some(_)) => Some("no answer"),
            (false, None) => None,
        }
    }

    pub fn wake(&self) -> u64 {
        let probe = match self.probe {
            Probe::Off => u64::MAX,
            Probe::Waiting { at } => at,
            Probe::Sent { deadline } => deadline,
        };
        probe.min(self.rest.map_or(u64::MAX, |rest| rest.until))
    }

    /// Ends what is over. True when an OPTIONS is to be sent; [`Monitor::sent`] follows.
    pub fn advance(&mut self, now: u64) -> bool {
        if self.rest.is_some_and(|rest| rest.until <= now) {
            self.rest = None;
        }
        if matches!(self.probe, Probe::Sent { deadline } if deadline <= now) {
            self.miss(now);
        }
        matches!(self.probe, Probe::Waiting { at } if at <= now)
    }

    pub fn sent(&mut self, now: u64, task: u64) {
        self.task = task;
        self.probe = Probe::Sent { deadline: now.saturating_add(PATIENCE) };
    }

    /// Whether this is the outcome of the last OPTIONS.
    pub fn waits_for(&self, task: u64) -> bool {
        self.task == task
    }

    /// It answered an OPTIONS: any response but 503 shows that it takes requests.
    pub fn answered(&mut self, tools: &mut Tools<'_>, interval: u64) {
        self.alive();
        self.wait(tools, interval);
    }

    /// The OPTIONS could not be sent or timed out; nothing new when it was counted before.
    pub fn unanswered(&mut self, now: u64) {
        if matches!(self.probe, Probe::Sent { .. }) {
            self.miss(now);
        }
    }

    /// It answered an OPTIONS by 503.
    pub fn refused(&mut self, tools: &mut Tools<'_>, retry_after: Option<u32>, interval: u64) {
        match retry_after {
            Some(seconds) => {
                self.rest_for(tools.now, seconds);
                self.misses = 0;
                self.wait(tools, interval);
            }
            None => self.unanswered(tools.now),
        }
    }

    /// It answered something else.
    pub fn alive(&mut self) {
        self.misses = 0;
        self.down = false;
        self.rest = self.rest.filter(|rest| rest.asked);
    }

    /// It failed a call by silence: it rests, and is asked at once whether it is there.
    pub fn silent(&mut self, now: u64) {
        let until = now.saturating_add(REST);
        if self.rest.is_none_or(|rest| rest.until < until) {
            self.rest = Some(Rest { until, asked: false });
        }
        if let Probe::Waiting { at } = &mut self.probe {
            *at = (*at).min(now);
        }
    }

    /// It sent 503 with Retry-After.
    pub fn rest_for(&mut self, now: u64, seconds: u32) {
        let pause = (u64::from(seconds) * SECOND).clamp(SECOND, MAX_REST);
        self.rest = Some(Rest { until: now.saturating_add(pause), asked: true });
    }

    fn wait(&mut self, tools: &mut Tools<'_>, interval: u64) {
        if self.probe == Probe::Off || interval == 0 {
            return;
        }
        // A tenth of scatter keeps trunks apart.
        let pause = tools.between(interval - interval / 10, interval);
        self.probe = Probe::Waiting { at: tools.now.saturating_add(pause) };
    }

    fn miss(&mut self, now: u64) {
        self.misses = self.misses.saturating_add(1);
        self.down |= self.misses >= MISSES;
        self.probe = Probe::Waiting { at: now.saturating_add(HURRY) };
    }
}
