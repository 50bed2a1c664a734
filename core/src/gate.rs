//! Silences who fails to authenticate too often.
//!
//! Failures are counted for each address, IPv6 by its /64, since one customer holds at least that much. Behind one
//! address there may be an office full of phones, and one of them with a mistyped password must not silence the others.
//! So a flow that has authenticated (a live registration came by it) is exempt from its address's silence and is counted
//! by itself, address and port. Who guesses passwords over a registered flow silences only that flow.
//!
//! Ask the gate before a request is challenged or its credentials are checked, not for every packet: dialogs that exist
//! and trunks do not depend on it. Report a failure only for an answer to a nonce of ours that arrived: a nonce reaches
//! only who really has the address, so that nobody can silence somebody else with forged datagrams.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

const SECOND: u64 = 1_000_000_000;
/// Failures are counted over this time, in nanoseconds.
const WINDOW: u64 = 60 * SECOND;
/// The most sources remembered; beyond, whoever would be forgotten soonest is forgotten now.
const CAPACITY: usize = 16_384;

/// Whom failures are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Source {
    ip: IpAddr,
    /// The port of a flow that has authenticated, 0 for everybody else at the address.
    port: u16,
}

impl Source {
    fn new(remote: SocketAddr, registered: bool) -> Self {
        let port = if registered { remote.port() } else { 0 };
        match remote.ip().to_canonical() {
            IpAddr::V4(ip) => Self { ip: ip.into(), port },
            IpAddr::V6(ip) if registered => Self { ip: ip.into(), port },
            IpAddr::V6(ip) => Self { ip: network(ip).into(), port },
        }
    }
}

/// The /64 that an address lies in.
fn network(ip: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))
}

/// Where a source stands. Each state ends by itself at `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Has failed so many times in the window that ends at `until`.
    Counting { failures: u32, until: u64 },
    /// Is not listened to before `until`.
    Silenced { until: u64 },
}

impl State {
    fn until(self) -> u64 {
        match self {
            Self::Counting { until, .. } | Self::Silenced { until } => until,
        }
    }
}

/// Counts failed authentications and says who is silenced.
#[derive(Debug)]
pub struct Gate {
    max_failures: u32,
    silence: u64,
    capacity: usize,
    sources: BTreeMap<Source, State>,
    /// The same sources by the end of their state: who is forgotten next.
    ends: BTreeSet<(u64, Source)>,
}

impl Gate {
    /// Silences for `silence_secs` seconds after `max_failures` failures within a minute; 0 failures turns it off.
    pub fn new(max_failures: u32, silence_secs: u32) -> Self {
        Self {
            max_failures,
            silence: u64::from(silence_secs) * SECOND,
            capacity: CAPACITY,
            sources: BTreeMap::new(),
            ends: BTreeSet::new(),
        }
    }

    /// Takes new limits; who is silenced stays so.
    pub fn configure(&mut self, max_failures: u32, silence_secs: u32) {
        self.max_failures = max_failures;
        self.silence = u64::from(silence_secs) * SECOND;
    }

    /// Whether requests from there are listened to. `registered` says whether a live registration came by exactly this
    /// flow ([`crate::registrar::Registrar::knows`]); it is asked only when the answer depends on it.
    pub fn admits(&self, now: u64, remote: SocketAddr, registered: impl FnOnce() -> bool) -> bool {
        if self.sources.is_empty() {
            return true;
        }
        let silenced = |registered| {
            let state = self.sources.get(&Source::new(remote, registered));
            matches!(state, Some(State::Silenced { until }) if now < *until)
        };
        match (silenced(false), silenced(true)) {
            (false, false) => true,
            (true, true) => false,
            (true, false) => registered(),
            (false, true) => !registered(),
        }
    }

    /// Counts a failure. When it was one too many, says until when the address is silenced (monotonic nanoseconds),
    /// once.
    pub fn failed(&mut self, now: u64, remote: SocketAddr, registered: bool) -> Option<u64> {
        self.forget_ended(now);
        if self.max_failures == 0 {
            return None;
        }
        let source = Source::new(remote, registered);
        let state = match self.sources.get(&source) {
            Some(State::Silenced { .. }) => return None,
            Some(State::Counting { failures, until }) => {
                State::Counting { failures: failures + 1, until: *until }
            }
            None => State::Counting { failures: 1, until: now.saturating_add(WINDOW) },
        };
        let State::Counting { failures, .. } = state else { return None };
        if failures < self.max_failures {
            self.set(source, state);
            return None;
        }
        let until = now.saturating_add(self.silence);
        self.set(source, State::Silenced { until });
        Some(until)
    }

    /// An authentication succeeded: earlier failures of the same source were slips.
    ///
    /// They are forgiven only to a registered flow. An attacker with one account of its own could otherwise clear the
    /// count of its address between guesses at others. `registered` as in [`Gate::admits`].
    pub fn succeeded(&mut self, remote: SocketAddr, registered: impl FnOnce() -> bool) {
        let source = Source::new(remote, true);
        if let Some(State::Counting { until, .. }) = self.sources.get(&source).copied()
            && registered()
        {
            self.ends.remove(&(until, source));
            self.sources.remove(&source);
        }
    }

    /// How many sources are silenced now.
    pub fn silenced(&self, now: u64) -> usize {
        self.sources
            .values()
            .filter(|state| matches!(state, State::Silenced { until } if *until > now))
            .count()
    }

    fn set(&mut self, source: Source, state: State) {
        if let Some(old) = self.sources.insert(source, state) {
            self.ends.remove(&(old.until(), source));
        }
        self.ends.insert((state.until(), source));
        if self.sources.len() > self.capacity
            && let Some((_, first)) = self.ends.pop_first()
        {
            self.sources.remove(&first);
        }
    }

    fn forget_ended(&mut self, now: u64) {
        while let Some((until, source)) = self.ends.first().copied()
            && until <= now
        {
            self.ends.pop_first();
            self.sources.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_tenth_failure_within_a_minute_silences_for_ten_minutes() {
        let mut gate = Gate::new(10, 600);
        let bad = at("192.0.2.1:5060");
        for n in 0..9 {
            assert_eq!(gate.failed(n * SECOND, bad, false), None);
        }
        assert!(gate.admits(9 * SECOND, bad, || false));
        assert_eq!(gate.failed(9 * SECOND, bad, false), Some(609 * SECOND));
        assert_eq!(gate.failed(10 * SECOND, bad, false), None, "reported once");
        assert!(!gate.admits(10 * SECOND, at("192.0.2.1:9999"), || false), "every port of it");
        assert!(gate.admits(10 * SECOND, at("192.0.2.2:5060"), || false));
        assert!(!gate.admits(609 * SECOND - 1, bad, || false));
        assert!(gate.admits(609 * SECOND, bad, || false));
        assert_eq!(gate.failed(609 * SECOND, bad, false), None, "counts from one again");
    }

    #[test]
    fn slow_failures_are_slips() {
        let mut gate = Gate::new(10, 600);
        for n in 0..100 {
            assert_eq!(gate.failed(n * 7 * SECOND, at("192.0.2.1:5060"), false), None);
        }
    }

    #[test]
    fn ipv6_counts_by_network_and_mapped_addresses_as_ipv4() {
        let mut gate = Gate::new(2, 600);
        gate.failed(0, at("[2001:db8::1]:1"), false);
        assert!(gate.failed(0, at("[2001:db8::2]:1"), false).is_some());
        assert!(!gate.admits(1, at("[2001:db8::ffff]:7"), || false));
        assert!(gate.admits(1, at("[2001:db8:0:1::1]:1"), || false));
        gate.failed(0, at("[::ffff:192.0.2.9]:1"), false);
        assert!(gate.failed(0, at("192.0.2.9:1"), false).is_some());
    }

    #[test]
    fn a_registered_phone_is_heard_behind_a_silenced_address() {
        let mut gate = Gate::new(10, 600);
        for _ in 0..10 {
            gate.failed(0, at("192.0.2.1:1111"), false);
        }
        assert!(!gate.admits(1, at("192.0.2.1:2222"), || false));
        assert!(gate.admits(1, at("192.0.2.1:2222"), || true));
        for _ in 0..10 {
            gate.failed(1, at("192.0.2.1:2222"), true);
        }
        assert!(!gate.admits(2, at("192.0.2.1:2222"), || true), "but it may not guess either");
        assert!(gate.admits(2, at("192.0.2.1:3333"), || true));
    }

    #[test]
    fn a_success_forgives_only_a_registered_flow() {
        let mut gate = Gate::new(2, 600);
        let remote = at("192.0.2.1:1111");
        gate.failed(0, remote, false);
        gate.succeeded(remote, || false);
        assert!(gate.failed(0, remote, false).is_some());
        gate.failed(0, remote, true);
        gate.succeeded(remote, || true);
        assert!(gate.failed(0, remote, true).is_none());
    }

    #[test]
    fn strangers_cannot_fill_memory() {
        let mut gate = Gate::new(10, 600);
        for n in 0..40_000_u32 {
            let ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n);
            gate.failed(0, SocketAddr::new(ip.into(), 1), false);
        }
        assert_eq!(gate.sources.len(), CAPACITY);
        assert_eq!(gate.ends.len(), CAPACITY);
    }

    proptest! {
        /// Against a model that keeps every failure of every address for ever.
        #[test]
        fn agrees_with_a_list_of_failures(
            steps in prop::collection::vec((0_u64..20, 0_u8..4), 1..200)
        ) {
            let mut gate = Gate::new(3, 100);
            let mut model: BTreeMap<u8, (Vec<u64>, u64)> = BTreeMap::new();
            let mut now = 0;
            for (pause, host) in steps {
                now += pause * SECOND;
                let remote = SocketAddr::from(([192, 0, 2, host], 5060));
                let (window, silenced) = model.entry(host).or_default();
                prop_assert_eq!(gate.admits(now, remote, || false), now >= *silenced);
                if now < *silenced {
                    prop_assert_eq!(gate.failed(now, remote, false), None);
                    continue;
                }
                if window.first().is_some_and(|first| now >= first + WINDOW) {
                    window.clear();
                }
                window.push(now);
                let expected = (window.len() == 3).then_some(now + 100 * SECOND);
                if let Some(until) = expected {
                    *silenced = until;
                    window.clear();
                }
                prop_assert_eq!(gate.failed(now, remote, false), expected);
            }
        }
    }
}
