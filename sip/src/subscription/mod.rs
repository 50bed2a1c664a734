//! Subscriptions of others to state of ours (RFC 6665): the notifier's side.
//!
//! The endpoint's owner names the packages that it serves in
//! [`Settings::packages`](crate::endpoint::Settings::packages), hears of a new subscriber by
//! `Event::Subscribe`, and says what is to be told; refreshes, expiry, the order and the pace of
//! NOTIFYs, and what becomes of those that fail, are dealt with in here.

mod ask;
mod notifier;
mod outcome;
mod package;
mod saved;
mod state;
mod table;

use serde::{Deserialize, Serialize};

pub(crate) use ask::Refused;
pub use ask::{Ask, Grant};
pub(crate) use notifier::{Arrival, Subscription};
pub use outcome::SubscriptionEnd;
pub use package::Package;
pub use saved::Saved;
pub use state::{State, Terminated};
pub(crate) use table::Subscriptions;

/// A subscription of a peer's to state of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubscriptionId(pub u64);
