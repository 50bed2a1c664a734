//! The four transaction machines of RFC 3261 section 17, with RFC 6026's Accepted state.
//!
//! A machine knows no message, socket or clock. Its owner feeds it an input and the time,
//! carries the returned [`Actions`] out in order, and calls `timeout` no earlier than
//! `deadline`. The deadlines live in the states, so that leaving a state ends its timers.

pub mod invite_client;
pub mod invite_server;
pub mod non_invite_client;
pub mod non_invite_server;
pub mod queue;
pub mod timers;

use smallvec::SmallVec;

pub use invite_client::InviteClient;
pub use invite_server::InviteServer;
pub use non_invite_client::NonInviteClient;
pub use non_invite_server::NonInviteServer;
pub use queue::TimerQueue;
pub use timers::{Base, Timer, Timers};

/// What a transaction machine wants done, in order.
pub type Actions = SmallVec<[Action; 3]>;

/// One thing that a transaction machine wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send the request of a client transaction (again), or the last response of a server one.
    Send,
    /// Build the ACK for the final response at hand, keep it, and send it.
    Ack,
    /// Send the ACK again.
    AckAgain,
    /// Hand the message at hand to the transaction user.
    Deliver,
    /// Tell the transaction user that nobody answered (no response, or no ACK).
    Timeout,
    /// Tell the transaction user that the transport failed.
    TransportFailed,
    /// Forget the transaction.
    Terminate,
}

/// A response as the machines tell responses apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 100 to 199.
    Provisional,
    /// 200 to 299.
    Success,
    /// 300 to 699.
    Failure,
}

impl Class {
    /// The class of a status code between 100 and 699; anything above counts as a failure.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        match status {
            0..=199 => Self::Provisional,
            200..=299 => Self::Success,
            _ => Self::Failure,
        }
    }
}

pub(crate) fn actions<const N: usize>(list: [Action; N]) -> Actions {
    list.into_iter().collect()
}

/// A retransmission, where one is due.
pub(crate) fn send_if(due: bool) -> Actions {
    if due { actions([Action::Send]) } else { Actions::new() }
}
