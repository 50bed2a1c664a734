//! The non-INVITE client transaction (RFC 3261 section 17.1.2).

use super::timers::Repeat;
use super::{Action, Actions, Class, Timer, Timers, actions, send_if};

/// Where a non-INVITE client transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The request was sent and nothing came back.
    Trying {
        /// Timer E.
        resend: Repeat,
        /// Timer F.
        give_up: u64,
    },
    /// A provisional response came.
    Proceeding {
        /// Timer E, which now fires every T2.
        resend: Repeat,
        /// Timer F.
        give_up: u64,
    },
    /// A final response came.
    Completed {
        /// Timer K.
        until: u64,
    },
    /// Nothing more happens.
    Terminated,
}

/// A non-INVITE client transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonInviteClient {
    state: State,
    timers: Timers,
}

impl NonInviteClient {
    /// Enters Trying (17.1.2.2): the owner sends the request, which `Action::Send` asks for.
    #[must_use]
    pub fn start(timers: Timers, now: u64) -> (Self, Actions) {
        let state = State::Trying {
            resend: Repeat::start(&timers, Timer::E, now),
            give_up: timers.start(Timer::F, now),
        };
        (Self { state, timers }, actions([Action::Send]))
    }

    /// Where the transaction stands.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// A response of this transaction arrived.
    pub fn response(&mut self, now: u64, class: Class) -> Actions {
        match (self.state, class) {
            (
                State::Trying { mut resend, give_up } | State::Proceeding { mut resend, give_up },
                Class::Provisional,
            ) => {
                // 17.1.2.2: once proceeding, the request is sent again every T2.
                resend.interval = self.timers.base.t2;
                self.state = State::Proceeding { resend, give_up };
                actions([Action::Deliver])
            }
            (State::Trying { .. } | State::Proceeding { .. }, _) => {
                let until = self.timers.start(Timer::K, now);
                // 17.1.2.2: timer K is zero over a reliable transport.
                if until <= now {
                    self.state = State::Terminated;
                    return actions([Action::Deliver, Action::Terminate]);
                }
                self.state = State::Completed { until };
                actions([Action::Deliver])
            }
            _ => Actions::new(),
        }
    }

    /// Whether the deadline does nothing but end it.
    #[must_use]
    pub const fn is_ending(&self) -> bool {
        matches!(self.state, State::Completed { .. })
    }

    /// When [`timeout`](Self::timeout) wants to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        match self.state {
            State::Trying { resend, give_up } | State::Proceeding { resend, give_up } => {
                Some(resend.due.min(give_up))
            }
            State::Completed { until } => Some(until),
            State::Terminated => None,
        }
    }

    /// Time passed: whatever is due at `now` happens; called too early it does nothing.
    pub fn timeout(&mut self, now: u64) -> Actions {
        match &mut self.state {
            State::Trying { give_up, .. } | State::Proceeding { give_up, .. }
                if *give_up <= now =>
            {
                self.state = State::Terminated;
                actions([Action::Timeout, Action::Terminate])
            }
            State::Trying { resend, .. } | State::Proceeding { resend, .. } => {
                send_if(resend.fire(&self.timers, Timer::E, now))
            }
            State::Completed { until } if *until <= now => {
                self.state = State::Terminated;
                actions([Action::Terminate])
            }
            _ => Actions::new(),
        }
    }

    /// The transport could not deliver (17.1.4).
    pub fn transport_failed(&mut self) -> Actions {
        match self.state {
            State::Trying { .. } | State::Proceeding { .. } => {
                self.state = State::Terminated;
                actions([Action::TransportFailed, Action::Terminate])
            }
            State::Completed { .. } => {
                self.state = State::Terminated;
                actions([Action::Terminate])
            }
            State::Terminated => Actions::new(),
        }
    }
}
