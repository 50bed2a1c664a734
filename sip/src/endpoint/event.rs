//! What an [`Endpoint`](super::Endpoint) tells its owner.

use bytes::Bytes;

use super::api::{ClientTx, LegId, Reason, ServerTx, StreamWish};
use crate::Flow;
use crate::message::Message;
use crate::subscription::{Ask, SubscriptionEnd, SubscriptionId};

/// Why a request got no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestFailure {
    /// Nobody answered in time (as if it were 408, RFC 3261 section 8.1.3.1).
    Timeout,
    /// It could not be sent (as if it were 503).
    Transport,
}

/// What carried an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OfferBy {
    /// A re-INVITE. Without a body, we are asked to make the offer.
    Reinvite,
    /// An UPDATE.
    Update,
    /// A PRACK.
    Prack,
    /// A reliable provisional response to our INVITE, which had no offer.
    Early,
}

/// Why a leg ended.
// Passed once, by value, when a leg ends: a box would cost more than the copy.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone)]
pub enum EndCause {
    /// The peer sent this BYE.
    Bye(Message),
    /// The session was not refreshed (RFC 4028 section 10).
    SessionExpired,
    /// Our 2xx was never acknowledged (RFC 3261 section 13.3.1.4).
    NoAck,
    /// Our reliable provisional response was never acknowledged (RFC 3262 section 3).
    NoPrack,
    /// Their 2xx crossed our CANCEL; it was acknowledged and ended.
    Crossed,
    /// The connection to the caller was lost before the call was answered.
    TransportLost,
    /// The peer no longer knows the dialog or no longer answers; the status is 481 or 408.
    Gone(u16),
}

/// Something happened.
///
/// After `Failed`, `Cancelled` and `Ended` the leg is gone: nothing more is heard of it, and
/// orders for it do nothing. The same holds after `bye` and `reject` by the owner, except that
/// `bye` on an early leg of ours is a `cancel`, whose end comes as `Failed` or `Ended`.
#[derive(Debug)]
pub enum Event {
    /// A request outside calls; answer with `respond`.
    Request {
        /// The transaction to answer.
        tx: ServerTx,
        /// Where it came from.
        flow: Flow,
        /// The request.
        message: Message,
    },
    /// Somebody subscribes to a package of the settings; answer with `accept_subscription`, or
    /// refuse with `respond`.
    Subscribe {
        /// The transaction to answer.
        tx: ServerTx,
        /// Where it came from.
        flow: Flow,
        /// The SUBSCRIBE.
        message: Message,
        /// What it asks for.
        ask: Ask,
    },
    /// A subscription ended without the owner's order; its subscriber is told if it can be.
    SubscriptionEnded {
        /// Which, now gone.
        subscription: SubscriptionId,
        /// Why.
        cause: SubscriptionEnd,
    },
    /// A NOTIFY may be sent and its package asks for the state: answer with `supply_state`, or end
    /// the subscription, before the next input.
    StateWanted {
        /// Which.
        subscription: SubscriptionId,
        /// How many NOTIFYs it has had.
        version: u32,
        /// The subscriber may have missed something: all must be told, not only what has changed.
        whole: bool,
    },
    /// A subscription that is stored is to be stored again; ask `save_subscription`.
    SubscriptionChanged {
        /// Which.
        subscription: SubscriptionId,
    },
    /// The final response to a `request` or `leg_request` of ours.
    Response {
        /// Which request.
        tx: ClientTx,
        /// The response, or why there is none.
        outcome: Result<Message, RequestFailure>,
    },
    /// A request of ours is too large for a datagram (RFC 3261 section 18.1.1): `stream_found`
    /// says whether there is a stream to the same peer. It may take its time; without an answer
    /// the request goes as a datagram a second later.
    StreamWanted {
        /// Which request waits.
        wish: StreamWish,
        /// Its way otherwise.
        flow: Flow,
    },
    /// A stream that `stream_found` named brought nothing back, and the request went as a datagram:
    /// its peer is better not asked for streams for a while.
    StreamSilent {
        /// The stream.
        flow: Flow,
    },
    /// A new incoming call; 100 has been sent.
    Invite {
        /// The new leg.
        leg: LegId,
        /// Where it came from.
        flow: Flow,
        /// The INVITE.
        message: Message,
    },
    /// A provisional response to our INVITE. A 100 is reported if it is the first that is heard
    /// from there, and only once.
    Provisional {
        /// The leg.
        leg: LegId,
        /// The response.
        message: Message,
        /// Which early dialog, from 0 in order of appearance.
        fork: u32,
        /// Whether it has a body.
        body: bool,
    },
    /// The first 2xx to our INVITE. Where the INVITE had an offer, the ACK has been sent; else
    /// the message holds the offer, and `ack` sends our answer.
    Answered {
        /// The leg.
        leg: LegId,
        /// The response.
        message: Message,
        /// Which early dialog it came from.
        fork: u32,
    },
    /// Our INVITE was refused, or nobody answered it.
    Failed {
        /// The leg, now gone.
        leg: LegId,
        /// The status: 408 where nobody answered, 503 where it could not be sent, 487 where
        /// our CANCEL stayed without effect.
        status: u16,
        /// The response, if there was one.
        message: Option<Message>,
    },
    /// The ACK of our 2xx.
    Acked {
        /// The leg.
        leg: LegId,
        /// The answer, where our 2xx made the offer.
        body: Option<Bytes>,
    },
    /// The caller gave up before we answered.
    Cancelled {
        /// The leg, now gone.
        leg: LegId,
        /// Why, if the caller said so.
        reason: Option<Reason>,
    },
    /// The peer offers; `answer_offer` or `refuse_offer`.
    Offer {
        /// The leg.
        leg: LegId,
        /// What carried the offer.
        message: Message,
        /// Which kind of message that is.
        by: OfferBy,
    },
    /// The peer withdrew its re-INVITE before we answered it.
    OfferWithdrawn {
        /// The leg.
        leg: LegId,
    },
    /// Our offer was answered. Where `reoffer` had no body the message holds the peer's offer,
    /// and `ack` sends our answer.
    OfferAnswered {
        /// The leg.
        leg: LegId,
        /// What carried the answer: a 2xx, or a PRACK for an offer in our provisional response.
        message: Message,
    },
    /// Our offer was refused; the session goes on as it was.
    OfferRefused {
        /// The leg.
        leg: LegId,
        /// The status.
        status: u16,
    },
    /// INFO, MESSAGE, REFER, NOTIFY or the like in a dialog; answer with `respond`.
    LegRequest {
        /// The leg.
        leg: LegId,
        /// The transaction to answer.
        tx: ServerTx,
        /// The request.
        message: Message,
    },
    /// The leg ended without the owner's order; whatever had to be sent was sent.
    Ended {
        /// The leg, now gone.
        leg: LegId,
        /// Why.
        cause: EndCause,
    },
}
