//! Subscription-State (RFC 6665 section 8.2.3).

use std::fmt;

/// Why a subscription is terminated (RFC 6665 section 4.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Terminated {
    /// Subscribe anew at once: the subscription moves to another notifier.
    Deactivated,
    /// Subscribe anew later.
    Probation,
    /// Not allowed any more; do not subscribe anew.
    Rejected,
    /// It was not refreshed, or the subscriber ended it.
    Timeout,
    /// Whether it is allowed was not decided in time.
    Giveup,
    /// What was subscribed to is no more; do not subscribe anew.
    Noresource,
    /// What was subscribed to will not change any more (section 4.2.2).
    Invariant,
}

impl Terminated {
    /// As it stands in `reason`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Probation => "probation",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::Giveup => "giveup",
            Self::Noresource => "noresource",
            Self::Invariant => "invariant",
        }
    }
}

/// Where a subscription stands, as its subscriber is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It is not decided whether the subscriber may know.
    Pending,
    /// It is served.
    Active,
    /// It ends.
    Terminated {
        /// Why.
        reason: Terminated,
        /// Seconds after which to subscribe anew, with `Probation` and `Giveup`.
        retry_after: Option<u32>,
    },
}

impl State {
    /// The end, for this reason.
    #[must_use]
    pub const fn terminated(reason: Terminated) -> Self {
        Self::Terminated { reason, retry_after: None }
    }

    /// Whether it is the end.
    #[must_use]
    pub const fn is_terminated(self) -> bool {
        matches!(self, Self::Terminated { .. })
    }
}

/// The header's value.
pub(crate) struct Shown {
    pub state: State,
    /// Seconds left; means nothing once terminated.
    pub left: u64,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            State::Pending => write!(f, "pending;expires={}", self.left),
            State::Active => write!(f, "active;expires={}", self.left),
            State::Terminated { reason, retry_after } => {
                write!(f, "terminated;reason={}", reason.as_str())?;
                match retry_after {
                    Some(seconds) => write!(f, ";retry-after={seconds}"),
                    None => Ok(()),
                }
            }
        }
    }
}
