//! The transaction timers of RFC 3261 as data.
//!
//! [`TABLE`] is RFC 3261 table 4 (without timer C, which belongs to proxies) and the two
//! timers that RFC 6026 section 7 adds. Every machine takes its delays from here.

/// One millisecond in nanoseconds.
pub const MS: u64 = 1_000_000;
/// One second in nanoseconds.
pub const SECOND: u64 = 1_000 * MS;

/// The base values from which every timer is derived (RFC 3261 table 4), in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Estimate of the round trip; 500 ms by default.
    pub t1: u64,
    /// Longest interval between retransmissions of non-INVITE requests and INVITE
    /// responses; 4 s by default.
    pub t2: u64,
    /// Longest time a message stays in the network; 5 s by default.
    pub t4: u64,
}

impl Default for Base {
    fn default() -> Self {
        Self { t1: 500 * MS, t2: 4 * SECOND, t4: 5 * SECOND }
    }
}

/// A transaction timer, by the letter that the RFCs give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Retransmits an INVITE request.
    A,
    /// Gives an INVITE client transaction up.
    B,
    /// Absorbs retransmitted final responses to INVITE.
    D,
    /// Retransmits a non-INVITE request.
    E,
    /// Gives a non-INVITE client transaction up.
    F,
    /// Retransmits a final response to INVITE.
    G,
    /// Gives up waiting for ACK.
    H,
    /// Absorbs retransmitted ACKs.
    I,
    /// Absorbs retransmitted non-INVITE requests.
    J,
    /// Absorbs retransmitted responses to non-INVITE requests.
    K,
    /// Absorbs retransmitted INVITEs after a 2xx (RFC 6026).
    L,
    /// Keeps matching 2xx responses after the first (RFC 6026).
    M,
}

/// The first delay of a timer, in terms of [`Base`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// T1.
    T1,
    /// 64 times T1.
    T1Times64,
    /// T4.
    T4,
    /// 64 times T1, and 32 s at least.
    AtLeast32s,
}

/// What follows when a timer that retransmits has fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// The timer fires once.
    Once,
    /// Each interval is twice the one before.
    Doubles,
    /// Each interval is twice the one before, T2 at most.
    DoublesToT2,
}

/// What a timer does over a reliable transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reliable {
    /// The same as over UDP.
    Same,
    /// It has no delay: the state it ends is left at once.
    Zero,
    /// It never runs.
    Never,
}

/// One line of [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The timer described.
    pub timer: Timer,
    /// Its first delay over UDP.
    pub delay: Delay,
    /// How its delay grows.
    pub growth: Growth,
    /// What it does over TCP, TLS and WebSocket.
    pub reliable: Reliable,
    /// Where the RFC defines it.
    pub section: &'static str,
}

const fn rule(
    timer: Timer,
    delay: Delay,
    growth: Growth,
    reliable: Reliable,
    section: &'static str,
) -> Rule {
    Rule { timer, delay, growth, reliable, section }
}

/// RFC 3261 table 4 and RFC 6026 section 7, in the order of [`Timer`].
pub const TABLE: [Rule; 12] = [
    rule(Timer::A, Delay::T1, Growth::Doubles, Reliable::Never, "RFC 3261 17.1.1.2"),
    rule(Timer::B, Delay::T1Times64, Growth::Once, Reliable::Same, "RFC 3261 17.1.1.2"),
    rule(Timer::D, Delay::AtLeast32s, Growth::Once, Reliable::Zero, "RFC 3261 17.1.1.2"),
    rule(Timer::E, Delay::T1, Growth::DoublesToT2, Reliable::Never, "RFC 3261 17.1.2.2"),
    rule(Timer::F, Delay::T1Times64, Growth::Once, Reliable::Same, "RFC 3261 17.1.2.2"),
    rule(Timer::G, Delay::T1, Growth::DoublesToT2, Reliable::Never, "RFC 3261 17.2.1"),
    rule(Timer::H, Delay::T1Times64, Growth::Once, Reliable::Same, "RFC 3261 17.2.1"),
    rule(Timer::I, Delay::T4, Growth::Once, Reliable::Zero, "RFC 3261 17.2.1"),
    rule(Timer::J, Delay::T1Times64, Growth::Once, Reliable::Zero, "RFC 3261 17.2.2"),
    rule(Timer::K, Delay::T4, Growth::Once, Reliable::Zero, "RFC 3261 17.1.2.2"),
    rule(Timer::L, Delay::T1Times64, Growth::Once, Reliable::Same, "RFC 6026 7.1"),
    rule(Timer::M, Delay::T1Times64, Growth::Once, Reliable::Same, "RFC 6026 7.2"),
];

impl Timer {
    /// The table's line for this timer.
    #[must_use]
    pub const fn rule(self) -> &'static Rule {
        // The order of TABLE is the order of the variants; a test holds them together.
        &TABLE[self as usize]
    }
}

/// Timer delays for one transport: the table applied to the base values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// The base values.
    pub base: Base,
    /// Whether the transport retransmits by itself (TCP, TLS, WebSocket).
    pub reliable: bool,
}

impl Timers {
    /// The first delay of `timer` in nanoseconds; `None` when it never runs on this transport.
    #[must_use]
    pub fn first(&self, timer: Timer) -> Option<u64> {
        let rule = timer.rule();
        match (self.reliable, rule.reliable) {
            (true, Reliable::Never) => return None,
            (true, Reliable::Zero) => return Some(0),
            _ => {}
        }
        Some(match rule.delay {
            Delay::T1 => self.base.t1,
            Delay::T1Times64 => self.base.t1.saturating_mul(64),
            Delay::T4 => self.base.t4,
            Delay::AtLeast32s => self.base.t1.saturating_mul(64).max(32 * SECOND),
        })
    }

    /// The deadline of `timer` when it is started at `now`; `u64::MAX` when it never runs.
    #[must_use]
    pub fn start(&self, timer: Timer, now: u64) -> u64 {
        self.first(timer).map_or(u64::MAX, |delay| now.saturating_add(delay))
    }

    /// The interval that follows `interval` of a timer that retransmits, in nanoseconds;
    /// `None` when the timer fires once.
    #[must_use]
    pub fn next(&self, timer: Timer, interval: u64) -> Option<u64> {
        let doubled = interval.saturating_mul(2);
        match timer.rule().growth {
            Growth::Once => None,
            Growth::Doubles => Some(doubled),
            Growth::DoublesToT2 => Some(doubled.min(self.base.t2)),
        }
    }
}

/// A retransmission in progress: when it fires next, and the interval that led there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// When to retransmit next; `u64::MAX` never.
    pub due: u64,
    /// The interval that ends at `due`, in nanoseconds.
    pub interval: u64,
}

impl Repeat {
    /// Starts `timer` at `now`; on a transport where it never runs, nothing is ever due.
    #[must_use]
    pub fn start(timers: &Timers, timer: Timer, now: u64) -> Self {
        match timers.first(timer) {
            Some(interval) => Self { due: now.saturating_add(interval), interval },
            None => Self { due: u64::MAX, interval: 0 },
        }
    }

    /// Whether a retransmission is due at `now`; if so the next one is scheduled from `now`,
    /// so that a late caller sends one message, not a burst.
    pub fn fire(&mut self, timers: &Timers, timer: Timer, now: u64) -> bool {
        if now < self.due {
            return false;
        }
        match timers.next(timer, self.interval) {
            Some(interval) => {
                self.interval = interval;
                // Base values of zero must not make a timer that is always due.
                self.due = now.saturating_add(interval.max(MS));
            }
            None => self.due = u64::MAX,
        }
        true
    }
}
