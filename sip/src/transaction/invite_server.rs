//! The INVITE server transaction (RFC 3261 section 17.2.1, RFC 6026 section 7.1).

use super::timers::Repeat;
use super::{Action, Actions, Class, Timer, Timers, actions, send_if};

/// Where an INVITE server transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No final response yet.
    Proceeding,
    /// A failure was sent; its ACK is awaited.
    Completed {
        /// Timer G.
        resend: Repeat,
        /// Timer H.
        give_up: u64,
    },
    /// The failure was acknowledged.
    Confirmed {
        /// Timer I.
        until: u64,
    },
    /// A 2xx was sent; the user retransmits it until its ACK comes.
    Accepted {
        /// Timer L.
        until: u64,
    },
    /// Nothing more happens.
    Terminated,
}

/// An INVITE server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InviteServer {
    state: State,
    timers: Timers,
}

impl InviteServer {
    /// Enters Proceeding; the first INVITE goes to the user. The owner sends 100 at once
    /// (17.2.1 asks for it where the user takes longer than 200 ms).
    #[must_use]
    pub fn start(timers: Timers) -> (Self, Actions) {
        (Self { state: State::Proceeding, timers }, actions([Action::Deliver]))
    }

    /// Where the transaction stands.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The INVITE arrived again.
    pub fn request_again(&mut self) -> Actions {
        match self.state {
            State::Proceeding | State::Completed { .. } => actions([Action::Send]),
            // RFC 6026 7.1: absorbed without a response.
            State::Confirmed { .. } | State::Accepted { .. } | State::Terminated => Actions::new(),
        }
    }

    /// The user sends a response. An empty list means that the state does not allow it.
    pub fn respond(&mut self, now: u64, class: Class) -> Actions {
        match (self.state, class) {
            (State::Proceeding, Class::Provisional) => actions([Action::Send]),
            (State::Proceeding, Class::Success) => {
                self.state = State::Accepted { until: self.timers.start(Timer::L, now) };
                actions([Action::Send])
            }
            (State::Proceeding, Class::Failure) => {
                self.state = State::Completed {
                    resend: Repeat::start(&self.timers, Timer::G, now),
                    give_up: self.timers.start(Timer::H, now),
                };
                actions([Action::Send])
            }
            (State::Accepted { .. }, Class::Success) => actions([Action::Send]),
            _ => Actions::new(),
        }
    }

    /// An ACK of this transaction arrived.
    pub fn ack(&mut self, now: u64) -> Actions {
        match self.state {
            State::Completed { .. } => {
                let until = self.timers.start(Timer::I, now);
                // 17.2.1: timer I is zero over a reliable transport.
                if until <= now {
                    self.state = State::Terminated;
                    return actions([Action::Terminate]);
                }
                self.state = State::Confirmed { until };
                Actions::new()
            }
            // RFC 6026 7.1: the ACK of a 2xx goes to the user.
            State::Accepted { .. } => actions([Action::Deliver]),
            _ => Actions::new(),
        }
    }

    /// Whether the deadline does nothing but end it.
    #[must_use]
    pub const fn is_ending(&self) -> bool {
        matches!(self.state, State::Confirmed { .. } | State::Accepted { .. })
    }

    /// When [`timeout`](Self::timeout) wants to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        match self.state {
            State::Completed { resend, give_up } => Some(resend.due.min(give_up)),
            State::Confirmed { until } | State::Accepted { until } => Some(until),
            State::Proceeding | State::Terminated => None,
        }
    }

    /// Time passed: whatever is due at `now` happens; called too early it does nothing.
    pub fn timeout(&mut self, now: u64) -> Actions {
        match &mut self.state {
            State::Completed { give_up, .. } if *give_up <= now => {
                self.state = State::Terminated;
                actions([Action::Timeout, Action::Terminate])
            }
            State::Completed { resend, .. } => send_if(resend.fire(&self.timers, Timer::G, now)),
            State::Confirmed { until } | State::Accepted { until } if *until <= now => {
                self.state = State::Terminated;
                actions([Action::Terminate])
            }
            _ => Actions::new(),
        }
    }

    /// The transport could not deliver a response (17.2.4). A lost connection ends the
    /// transaction, whose responses have nowhere to go.
    pub fn transport_failed(&mut self) -> Actions {
        match self.state {
            State::Proceeding => {
                self.state = State::Terminated;
                actions([Action::TransportFailed, Action::Terminate])
            }
            State::Completed { .. } | State::Confirmed { .. } => {
                self.state = State::Terminated;
                actions([Action::Terminate])
            }
            State::Accepted { .. } | State::Terminated => Actions::new(),
        }
    }
}
