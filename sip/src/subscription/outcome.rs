//! What the answer to a NOTIFY means for its subscription (RFC 6665 section 4.2.2, RFC 5057).

use crate::endpoint::RequestFailure;
use crate::message::Message;

/// Why a subscription ended without the owner's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionEnd {
    /// The subscriber ended it.
    Unsubscribed,
    /// It was not refreshed.
    Expired,
    /// A NOTIFY was refused with this status.
    Refused(u16),
    /// A NOTIFY was not answered, or could not be sent.
    Lost(RequestFailure),
    /// The same peer has subscribed to more than it may; its oldest subscription makes room.
    Displaced,
}

/// What follows from a response to NOTIFY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing yet.
    Provisional,
    /// The subscriber knows.
    Delivered,
    /// Try again after so many seconds.
    Later(u32),
    /// This NOTIFY failed, which says nothing about the next.
    Failed,
    /// There is no subscription any more.
    Over(u16),
}

/// The longest Retry-After that is waited for, in seconds.
const MAX_WAIT: u32 = 300;

pub(super) fn judge(response: &Message) -> Verdict {
    let status = response.status().unwrap_or(500);
    match status {
        ..200 => Verdict::Provisional,
        200..300 => Verdict::Delivered,
        // Section 4.2.2 has the list. 408 is what a timeout is (RFC 5057 section 5.1); a
        // challenge cannot be answered, as we have no account with a phone.
        404 | 405 | 408 | 410 | 416 | 480..=485 | 489 | 501 | 604 | 401 | 407 => {
            Verdict::Over(status)
        }
        _ => match response.retry_after() {
            Some(seconds) => Verdict::Later(seconds.clamp(1, MAX_WAIT)),
            None => Verdict::Failed,
        },
    }
}
