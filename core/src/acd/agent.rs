//! One agent: what it wants, what happens to it, and where it is rung.

use crate::vocab::CallId;
use crate::vocab::acd::{Activity, AgentConfig, AgentFigures, AgentPlace, Intent, OfferId, Times};

use super::book::Book;
use super::numbers::{FreeKey, QueueNo, SECOND, secs};

/// The longest pause after an unreachable phone, in seconds.
const LONGEST_BACK_OFF: u32 = 30;
/// An offer rings for so many seconds when nothing else is set.
const RINGS: u32 = 20;

/// What happens to an agent, with what is valid only then. Times are monotonic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Idle,
    /// Holds the one offer.
    Offered {
        offer: OfferId,
    },
    /// In a conversation.
    Talking {
        call: CallId,
        queue: QueueNo,
        since: u64,
        /// A disposition was set already.
        disposed: bool,
    },
    /// Finishes what the conversation left to do.
    WrappingUp {
        queue: Option<QueueNo>,
        call: Option<CallId>,
        since: u64,
        until: u64,
        /// Where a disposition is awaited until then: when it ends once there is one.
        own_end: Option<u64>,
    },
    /// Pauses after an offer.
    CoolingDown {
        until: u64,
    },
}

/// An agent's place in one queue, and how it is filed there now.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub queue: QueueNo,
    pub weight: u32,
    pub level: u16,
    pub position: u16,
    /// Talk time and calls that a newcomer starts with: the median of the others on that day.
    pub start: Score,
    /// As filed among the free ones; `None` while not free for this queue.
    pub filed: Option<FreeKey>,
    /// As counted among the logged-in ones for the median.
    pub ranked: Option<(u64, u32)>,
}

/// What the strategies by load look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Score {
    pub talk_ms: u64,
    pub calls: u64,
}

/// What a person wants.
#[derive(Debug, Clone)]
pub(super) struct Want {
    pub intent: Intent,
    /// Since when, milliseconds since the Unix epoch.
    pub since: u64,
    /// Until when its time was counted, monotonic.
    pub counted_to: u64,
}

/// The phone at which an agent sits.
#[derive(Debug, Clone, Default)]
pub(super) struct Phone {
    pub reachable: bool,
    /// Calls outside the queues.
    pub other_calls: usize,
    pub active: u8,
    /// Another extension until it logs out.
    pub desk: Option<String>,
}

/// What offers did so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// Not answered in a row.
    pub missed: u16,
    /// Unreachable in a row.
    pub unreachable: u32,
    /// The clock of longest-idle, monotonic.
    pub idle_since: u64,
    /// No offer before: the pause after the last one. Monotonic.
    pub rest_until: u64,
}

/// What was counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub book: Book<AgentFigures>,
    /// The tenant's day that `today` is.
    pub day: u64,
    pub today: Score,
    pub save_at: Option<u64>,
}

/// An agent.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub config: AgentConfig,
    /// False once it was removed and only its conversation goes on.
    pub defined: bool,
    /// By key among all agents.
    pub rank: u32,
    pub want: Want,
    pub state: State,
    pub phone: Phone,
    pub past: Past,
    /// Highest weight first.
    pub served: Vec<Served>,
    pub account: Account,
    /// What was published last, and since when (wall).
    pub shown: (State, bool),
    pub shown_since: u64,
    /// As in the index of deadlines.
    pub timer: Option<u64>,
}

impl Agent {
    pub fn new(config: AgentConfig, mono: u64, wall: u64) -> Self {
        let intent = config.status.clone();
        Self {
            config,
            defined: true,
            rank: 0,
            want: Want { intent, since: wall, counted_to: mono },
            state: State::Idle,
            phone: Phone::default(),
            past: Past { idle_since: mono, ..Past::default() },
            served: Vec::new(),
            account: Account::default(),
            shown: (State::Idle, false),
            shown_since: wall,
            timer: None,
        }
    }

    pub fn is_logged_in(&self) -> bool {
        self.defined && self.want.intent != Intent::LoggedOut
    }

    pub fn is_available(&self) -> bool {
        self.defined && self.want.intent == Intent::Available
    }

    /// Could be offered a caller of a queue that does, or does not, skip busy agents.
    pub fn is_free(&self, skips_busy: bool) -> bool {
        self.is_available()
            && self.state == State::Idle
            && self.phone.reachable
            && !(skips_busy && self.phone.other_calls > 0)
    }

    /// Where it is rung.
    pub fn place(&self) -> Option<AgentPlace> {
        if let Some(desk) = &self.phone.desk {
            return Some(AgentPlace::Extension(desk.clone()));
        }
        let active = self.config.places.get(usize::from(self.phone.active));
        active.or(self.config.places.first()).cloned()
    }

    /// The deadline of its state; that of an offer is the offer's.
    pub fn deadline(&self) -> Option<u64> {
        match self.state {
            State::WrappingUp { until, .. } | State::CoolingDown { until } => Some(until),
            State::Idle | State::Offered { .. } | State::Talking { .. } => None,
        }
    }

    /// The state in which nothing but the pause after the last offer is left.
    pub fn at_rest(&self, mono: u64) -> State {
        if self.past.rest_until > mono {
            State::CoolingDown { until: self.past.rest_until }
        } else {
            State::Idle
        }
    }

    /// The pause after one more unreachable phone: 1, 2, 4 ... 30 s.
    pub fn back_off(&mut self) -> u64 {
        let seconds = 1_u32.checked_shl(self.past.unreachable).unwrap_or(LONGEST_BACK_OFF);
        self.past.unreachable = (self.past.unreachable + 1).min(8);
        secs(seconds.clamp(1, LONGEST_BACK_OFF))
    }

    /// What is shown: the state, unless an outside call is all that happens; dispositions are nobody else's business.
    pub fn showing(&self) -> (State, bool) {
        let other = self.phone.other_calls > 0
            && matches!(self.state, State::Idle | State::CoolingDown { .. });
        let mut shown = if other { State::Idle } else { self.state.clone() };
        match &mut shown {
            State::Talking { disposed, .. } => *disposed = false,
            State::WrappingUp { own_end, .. } => *own_end = None,
            _ => {}
        }
        (shown, other)
    }

    pub fn served_in(&self, queue: QueueNo) -> Option<&Served> {
        self.served.iter().find(|served| served.queue == queue)
    }
}

/// The first of agent, queue and tenant that sets a time, in seconds.
pub(super) fn time(layers: [Option<&Times>; 3], which: fn(&Times) -> Option<u32>) -> Option<u32> {
    layers.into_iter().flatten().find_map(which)
}

/// How long an offer rings, in nanoseconds.
pub(super) fn ring_time(layers: [Option<&Times>; 3]) -> u64 {
    match time(layers, |times| times.call_timeout) {
        None | Some(0) => secs(RINGS),
        Some(seconds) => secs(seconds),
    }
}

/// A pause, in nanoseconds; at least a second lies between two offers.
pub(super) fn pause(layers: [Option<&Times>; 3], which: fn(&Times) -> Option<u32>) -> u64 {
    secs(time(layers, which).unwrap_or(0)).max(SECOND)
}

/// An idle activity as people see it.
pub(super) fn resting(other_call: bool) -> Activity {
    if other_call { Activity::OnOtherCall } else { Activity::Idle }
}

#[cfg(test)]
mod tests {
    use super::super::testing::agent_config;
    use super::*;

    fn agent() -> Agent {
        Agent::new(agent_config("101", &[]), 0, 0)
    }

    #[test]
    fn an_unreachable_phone_is_tried_ever_more_rarely() {
        let mut agent = agent();
        let pauses: Vec<_> = (0..8).map(|_| agent.back_off() / SECOND).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn the_agents_time_wins_over_the_queues_and_that_over_the_tenants() {
        let set = |seconds| Times { call_timeout: seconds, ..Times::default() };
        let (agent, queue, tenant) = (set(Some(5)), set(Some(7)), set(Some(9)));
        let none = Times::default();
        assert_eq!(ring_time([Some(&agent), Some(&queue), Some(&tenant)]), secs(5));
        assert_eq!(ring_time([Some(&none), Some(&queue), Some(&tenant)]), secs(7));
        assert_eq!(ring_time([Some(&none), None, Some(&tenant)]), secs(9));
        assert_eq!(ring_time([Some(&none), Some(&none), None]), secs(20));
        assert_eq!(ring_time([Some(&set(Some(0))), Some(&queue), None]), secs(20), "0 means 20");
    }

    #[test]
    fn a_second_lies_between_two_offers_whatever_is_set() {
        let zero = Times { reject_delay_time: Some(0), ..Times::default() };
        assert_eq!(pause([Some(&zero), None, None], |times| times.reject_delay_time), SECOND);
    }

    #[test]
    fn an_agent_is_rung_at_its_desk_then_at_its_active_place() {
        let mut agent = agent();
        agent.config.places =
            vec![AgentPlace::Extension("4567".into()), AgentPlace::Number("0571".into())];
        assert_eq!(agent.place(), Some(AgentPlace::Extension("4567".into())));
        agent.phone.active = 1;
        assert_eq!(agent.place(), Some(AgentPlace::Number("0571".into())));
        agent.phone.desk = Some("4999".into());
        assert_eq!(agent.place(), Some(AgentPlace::Extension("4999".into())));
    }

    #[test]
    fn a_call_outside_the_queues_frees_only_for_queues_that_do_not_mind() {
        let mut agent = agent();
        agent.want.intent = Intent::Available;
        assert!(!agent.is_free(true), "not reachable yet");
        agent.phone.reachable = true;
        assert!(agent.is_free(true));
        agent.phone.other_calls = 1;
        assert!(!agent.is_free(true) && agent.is_free(false));
    }
}
