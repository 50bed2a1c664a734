//! The non-INVITE server transaction (RFC 3261 section 17.2.2).

use super::{Action, Actions, Class, Timer, Timers, actions};

/// Where a non-INVITE server transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The user has not answered.
    Trying {
        /// When the client has given up by its timer F: an answer would come too late
        /// (RFC 4320 section 4.2), so the transaction ends unanswered.
        give_up: u64,
    },
    /// A provisional response was sent.
    Proceeding {
        /// As in Trying.
        give_up: u64,
    },
    /// A final response was sent.
    Completed {
        /// Timer J.
        until: u64,
    },
    /// Nothing more happens.
    Terminated,
}

/// A non-INVITE server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonInviteServer {
    state: State,
    timers: Timers,
}

impl NonInviteServer {
    /// Enters Trying; the first request goes to the user.
    #[must_use]
    pub fn start(timers: Timers, now: u64) -> (Self, Actions) {
        let give_up = timers.start(Timer::F, now);
        (Self { state: State::Trying { give_up }, timers }, actions([Action::Deliver]))
    }

    /// Where the transaction stands.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The request arrived again.
    pub fn request_again(&mut self) -> Actions {
        match self.state {
            State::Proceeding { .. } | State::Completed { .. } => actions([Action::Send]),
            State::Trying { .. } | State::Terminated => Actions::new(),
        }
    }

    /// The user sends a response. An empty list means that the state does not allow it.
    pub fn respond(&mut self, now: u64, class: Class) -> Actions {
        match (self.state, class) {
            (State::Trying { give_up } | State::Proceeding { give_up }, Class::Provisional) => {
                self.state = State::Proceeding { give_up };
                actions([Action::Send])
            }
            (State::Trying { .. } | State::Proceeding { .. }, _) => {
                let until = self.timers.start(Timer::J, now);
                // 17.2.2: timer J is zero over a reliable transport.
                if until <= now {
                    self.state = State::Terminated;
                    return actions([Action::Send, Action::Terminate]);
                }
                self.state = State::Completed { until };
                actions([Action::Send])
            }
            _ => Actions::new(),
        }
    }

    /// When [`timeout`](Self::timeout) wants to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        match self.state {
            State::Trying { give_up } | State::Proceeding { give_up } => Some(give_up),
            State::Completed { until } => Some(until),
            State::Terminated => None,
        }
    }

    /// Time passed: whatever is due at `now` happens; called too early it does nothing.
    pub fn timeout(&mut self, now: u64) -> Actions {
        match self.deadline() {
            Some(due) if due <= now => {
                self.state = State::Terminated;
                actions([Action::Terminate])
            }
            _ => Actions::new(),
        }
    }

    /// The transport could not deliver a response (17.2.4).
    pub fn transport_failed(&mut self) -> Actions {
        if self.state == State::Terminated {
            return Actions::new();
        }
        self.state = State::Terminated;
        actions([Action::Terminate])
    }
}
