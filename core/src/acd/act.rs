//! What the distributor wants done, and the words in which it is told things.

use crate::vocab::acd::{AgentKey, AgentPlace, OfferEnd, OfferId, OverflowReason, QueueKey};
use crate::vocab::{CallId, EventKind, Record, TenantId};

/// A caller that is to be offered to an agent: its phone is to ring.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Names it in whatever is reported.
    pub offer: OfferId,
    /// Who.
    pub agent: AgentKey,
    /// The caller's call.
    pub call: CallId,
    /// Of this queue.
    pub queue: QueueKey,
    /// Where to ring.
    pub place: AgentPlace,
    /// Rings at most so long; the distributor cancels by itself.
    pub ring_ms: u64,
    /// A remote place must press this key before it counts as answered.
    pub confirm: Option<char>,
}

/// What a waiting caller is to hear. It never delays an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saying {
    /// `start_sound`.
    Start,
    /// `announce_sound`.
    Announce,
    /// The place in the line, from 1.
    Position(u32),
    /// The estimated wait.
    Wait {
        /// In seconds, at least 1.
        secs: u32,
    },
    /// That a callback can be had, and by which key.
    CallbackOffer,
}

/// Why a caller leaves, as the switch tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// The call is over.
    HungUp,
    /// `exit_key` was pressed.
    ExitKey,
    /// Somebody took the caller out.
    Removed,
    /// The caller accepted a callback: the call ends, the place stays.
    Callback,
}

/// To be done by the switch, in the order in which they are polled.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Ring an agent.
    Offer(Offer),
    /// Ring no longer; repeatable.
    Cancel {
        /// Which.
        offer: OfferId,
        /// Whose caller.
        call: CallId,
        /// How the offer ended.
        end: OfferEnd,
    },
    /// Say something to a waiting caller.
    Say {
        /// To whom.
        call: CallId,
        /// What.
        what: Saying,
    },
    /// The caller has left the distributor and goes where the queue's configuration says.
    Overflow {
        /// Who.
        call: CallId,
        /// From where.
        queue: QueueKey,
        /// Why.
        reason: OverflowReason,
    },
    /// Ring a caller back for at most 25 s, then report `callback_ready` or `callback_failed`.
    CallBack {
        /// The call whose place it is.
        call: CallId,
        /// The queue.
        queue: QueueKey,
        /// The agent that is reserved meanwhile.
        agent: AgentKey,
        /// The caller's number.
        number: String,
        /// 1 or 2.
        attempt: u8,
    },
    /// Tell the world. The interaction is filled in by the switch.
    Publish {
        /// Whose event.
        tenant: TenantId,
        /// What happened.
        kind: Box<EventKind>,
    },
    /// Keep over restarts.
    Remember(Box<Record>),
}

/// There is no such agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchAgent;

/// Why an order about an agent was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderError {
    /// There is no such agent.
    NoSuchAgent,
    /// The agent is not wrapping up.
    NotWrappingUp,
    /// The queue wants a disposition first.
    DispositionRequired,
    /// The agent had no such conversation, or it is over and wrapped up.
    NoSuchConversation,
    /// The agent has no such place.
    NoSuchPlace,
    /// At most an hour.
    TooLong,
}
