//! The INVITE client transaction (RFC 3261 section 17.1.1, RFC 6026 section 7.2).

use super::timers::Repeat;
use super::{Action, Actions, Class, Timer, Timers, actions, send_if};

/// Where an INVITE client transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The INVITE was sent and nothing came back.
    Calling {
        /// Timer A.
        resend: Repeat,
        /// Timer B.
        give_up: u64,
    },
    /// A provisional response came.
    Proceeding,
    /// A failure came and was acknowledged.
    Completed {
        /// Timer D.
        until: u64,
    },
    /// A 2xx came; further ones, of other forks too, go to the user.
    Accepted {
        /// Timer M.
        until: u64,
    },
    /// Nothing came in time, and the user was told. RFC 3261 17.1.1.2 ends here; but a 2xx that comes later goes up all the
    /// same, so that its sender does not talk to nobody (13.2.2.4).
    GivenUp {
        /// When a 2xx is no longer expected either, after as long as timer M.
        until: u64,
    },
    /// Nothing more happens.
    Terminated,
}

/// An INVITE client transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InviteClient {
    state: State,
    timers: Timers,
}

impl InviteClient {
    /// Enters Calling (17.1.1.2): the owner sends the request, which `Action::Send` asks for.
    #[must_use]
    pub fn start(timers: Timers, now: u64) -> (Self, Actions) {
        let state = State::Calling {
            resend: Repeat::start(&timers, Timer::A, now),
            give_up: timers.start(Timer::B, now),
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
            (State::Calling { .. } | State::Proceeding, Class::Provisional) => {
                self.state = State::Proceeding;
                actions([Action::Deliver])
            }
            // RFC 6026 7.2: a 2xx leads to Accepted, where timer M runs.
            (State::Calling { .. } | State::Proceeding | State::GivenUp { .. }, Class::Success) => {
                self.state = State::Accepted { until: self.timers.start(Timer::M, now) };
                actions([Action::Deliver])
            }
            (State::Calling { .. } | State::Proceeding, Class::Failure) => self.failed(now),
            (State::Accepted { .. }, Class::Success) => actions([Action::Deliver]),
            (State::Completed { .. }, Class::Failure) => actions([Action::AckAgain]),
            _ => Actions::new(),
        }
    }

    fn failed(&mut self, now: u64) -> Actions {
        let until = self.timers.start(Timer::D, now);
        // 17.1.1.2: timer D is zero over a reliable transport.
        if until <= now {
            self.state = State::Terminated;
            return actions([Action::Ack, Action::Deliver, Action::Terminate]);
        }
        self.state = State::Completed { until };
        actions([Action::Ack, Action::Deliver])
    }

    /// Whether the deadline does nothing but end it.
    #[must_use]
    pub const fn is_ending(&self) -> bool {
        matches!(
            self.state,
            State::Completed { .. } | State::Accepted { .. } | State::GivenUp { .. }
        )
    }

    /// When [`timeout`](Self::timeout) wants to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        match self.state {
            State::Calling { resend, give_up } => Some(resend.due.min(give_up)),
            State::Completed { until } | State::Accepted { until } | State::GivenUp { until } => {
                Some(until)
            }
            State::Proceeding | State::Terminated => None,
        }
    }

    /// Time passed: whatever is due at `now` happens; called too early it does nothing.
    pub fn timeout(&mut self, now: u64) -> Actions {
        match &mut self.state {
            State::Calling { give_up, .. } if *give_up <= now => {
                self.state = State::GivenUp { until: self.timers.start(Timer::M, now) };
                actions([Action::Timeout])
            }
            State::Calling { resend, .. } => send_if(resend.fire(&self.timers, Timer::A, now)),
            State::Completed { until } | State::Accepted { until } | State::GivenUp { until }
                if *until <= now =>
            {
                self.state = State::Terminated;
                actions([Action::Terminate])
            }
            _ => Actions::new(),
        }
    }

    /// The transport could not deliver (17.1.4). After a final response nothing is lost that
    /// the user would have to hear of; in Accepted the other 2xx may still come (RFC 6026).
    pub fn transport_failed(&mut self) -> Actions {
        match self.state {
            State::Calling { .. } | State::Proceeding => {
                self.state = State::Terminated;
                actions([Action::TransportFailed, Action::Terminate])
            }
            State::Completed { .. } | State::GivenUp { .. } => {
                self.state = State::Terminated;
                actions([Action::Terminate])
            }
            State::Accepted { .. } | State::Terminated => Actions::new(),
        }
    }
}
