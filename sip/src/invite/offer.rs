//! Who has offered what to whom (RFC 3264, RFC 6337): the states that decide about glare.

use bytes::Bytes;

use super::leg::{Leg, Phase};
use super::session::Agreement;
use crate::Flow;
use crate::endpoint::slab::Handle;
use crate::endpoint::{Body, OfferBy, Reason};
use crate::transaction::timers::Repeat;

/// An INVITE of ours.
#[derive(Debug)]
pub(crate) enum OurInvite {
    Idle,
    /// The INVITE that makes the call.
    Initial(Initial),
    /// A re-INVITE without a final response. `give_up` ends the call: a peer that answers
    /// neither yes nor no would block it for ever.
    Pending {
        tx: Handle,
        cseq: u32,
        offer: Reoffer,
        give_up: u64,
    },
    /// Its 2xx made the offer; the owner's answer will go into the ACK.
    AwaitingAnswer {
        tx: Handle,
        cseq: u32,
    },
    /// Refused with 491; sent again at `until` (RFC 3261 section 14.1).
    Waiting {
        until: u64,
        offer: Reoffer,
    },
}

/// The INVITE that makes the call, while it has no final response.
#[derive(Debug)]
pub(crate) struct Initial {
    pub tx: Handle,
    pub cseq: u32,
    /// Its Request-URI.
    pub uri: Box<str>,
    /// Whether it asked for an offer.
    pub late: bool,
    /// Whether a provisional response came: CANCEL may be sent (RFC 3261 section 9.1).
    pub heard: bool,
    pub cancel: Cancel,
    /// How often the session interval was too small (RFC 4028 section 7.3).
    pub too_small: u8,
}

/// Whether an INVITE of ours is cancelled.
#[derive(Debug)]
pub(crate) enum Cancel {
    No,
    /// As soon as there is a provisional response.
    Wanted(Option<Reason>),
    /// CANCEL was sent; without a final response by `give_up` the INVITE is over
    /// (RFC 3261 section 9.1).
    Sent {
        give_up: u64,
    },
}

/// An offer of ours in an established dialog.
#[derive(Debug, Clone)]
pub(crate) struct Reoffer {
    /// `None` asks the peer for an offer, or refreshes by UPDATE.
    pub body: Option<Body>,
    /// Whether it is the session timer's, and no concern of the owner's.
    pub refresh: bool,
    /// How often it was refused with 491.
    pub collisions: u8,
}

/// An INVITE of the peer's.
#[derive(Debug)]
pub(crate) enum TheirInvite {
    Idle,
    /// Without a final response. `late` when it asks for an offer.
    Pending {
        tx: Handle,
        cseq: u32,
        late: bool,
    },
    /// Our 2xx is sent until its ACK comes.
    Unacked(Unacked),
}

/// A 2xx of ours that waits for its ACK (RFC 3261 section 13.3.1.4).
#[derive(Debug)]
pub(crate) struct Unacked {
    pub cseq: u32,
    /// Whether it answers the INVITE that made the call.
    pub initial: bool,
    /// Whether the ACK brings the answer.
    pub late: bool,
    pub flow: Flow,
    pub bytes: Bytes,
    pub resend: Repeat,
    pub give_up: u64,
}

/// An UPDATE or PRACK with an offer that the owner has not answered.
#[derive(Debug)]
pub(crate) struct TheirOffer {
    pub tx: Handle,
    pub by: OfferBy,
    pub refresh: Option<Refresh>,
}

/// What a re-INVITE or UPDATE says about session timer and target; it holds once the request
/// is accepted.
#[derive(Debug)]
pub(crate) struct Refresh {
    pub agreement: Agreement,
    pub target: Option<Box<str>>,
    /// The number of the fork that it came from.
    pub fork: u32,
}

/// An offer in a reliable provisional response: the PRACK brings our answer.
#[derive(Debug)]
pub(crate) struct EarlyOffer {
    pub fork: u32,
    pub rseq: u32,
}

impl Leg {
    /// Whether an offer of ours has no answer yet.
    pub fn has_offered(&self) -> bool {
        let by_invite = match &self.ours {
            OurInvite::Initial(initial) => !initial.late && !self.negotiated,
            OurInvite::Pending { .. } => true,
            _ => false,
        };
        let in_answer = match &self.theirs {
            TheirInvite::Unacked(unacked) => unacked.late,
            _ => self.reliable.as_ref().is_some_and(|reliable| reliable.has_offered()),
        };
        by_invite || in_answer || self.our_update.as_ref().is_some_and(|o| o.body.is_some())
    }

    /// Whether an offer of the peer's has no answer yet.
    pub fn was_offered(&self) -> bool {
        let by_invite = match &self.theirs {
            TheirInvite::Pending { .. } => !(self.is_early() && self.negotiated),
            _ => false,
        };
        by_invite
            || self.their_offer.is_some()
            || self.early_offer.is_some()
            || matches!(self.ours, OurInvite::AwaitingAnswer { .. })
    }

    /// Whether an offer of ours can be sent by re-INVITE (RFC 3261 section 14.1).
    pub fn may_reinvite(&self) -> bool {
        matches!(self.phase, Phase::Confirmed)
            && matches!(self.ours, OurInvite::Idle)
            && matches!(self.theirs, TheirInvite::Idle)
            && self.our_update.is_none()
            && self.their_offer.is_none()
    }

    /// Whether an offer of ours can be sent by UPDATE before the call is answered
    /// (RFC 3311 section 5.1).
    pub fn may_update_early(&self) -> bool {
        self.is_early()
            && self.negotiated
            && self.peer.update
            && !self.forks.is_empty()
            && self.our_update.is_none()
            && !self.has_offered()
            && !self.was_offered()
    }
}
