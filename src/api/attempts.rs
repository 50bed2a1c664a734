//! Wrong tokens, counted by address: guessing is slow, and those who guess take no memory.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Wrong tokens that an address may send in a row.
pub const BURST: u32 = 10;
/// Seconds after which one of them is forgiven: ten a minute in the long run.
pub const FORGIVEN_SECS: u64 = 6;
/// Addresses remembered; when full, whoever is nearest to being forgiven is forgotten.
const ADDRESSES: usize = 4_096;

const FORGIVEN_MS: u64 = FORGIVEN_SECS * 1_000;

/// Who sent wrong tokens, as the moment (in ms of the caller's clock) at which all of them are forgiven.
#[derive(Debug, Default)]
pub struct Attempts {
    forgiven_at: Mutex<BTreeMap<IpAddr, u64>>,
}

/// A whole IPv6 network is in one hand: its first 64 bits count.
pub(super) fn who(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            IpAddr::from(octets)
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Attempts {
    /// Whether a token of this address is looked at.
    ///
    /// # Errors
    /// Too many wrong ones came: the seconds after which the next is looked at.
    pub fn check(&self, address: IpAddr, now_ms: u64) -> Result<(), u32> {
        let forgiven_at = self.lock().get(&who(address)).copied().unwrap_or(0);
        let debt = forgiven_at.saturating_sub(now_ms);
        let allowed = u64::from(BURST - 1) * FORGIVEN_MS;
        match debt.saturating_sub(allowed) {
            0 => Ok(()),
            wait_ms => Err(u32::try_from(wait_ms.div_ceil(1_000)).unwrap_or(u32::MAX)),
        }
    }

    /// Counts a wrong token.
    pub fn failed(&self, address: IpAddr, now_ms: u64) {
        let mut table = self.lock();
        let who = who(address);
        if table.len() >= ADDRESSES && !table.contains_key(&who) {
            table.retain(|_, forgiven_at| *forgiven_at > now_ms);
            if table.len() >= ADDRESSES
                && let Some(first) = table.iter().min_by_key(|(_, at)| **at).map(|(who, _)| *who)
            {
                table.remove(&first);
            }
        }
        let forgiven_at = table.entry(who).or_insert(now_ms);
        *forgiven_at = (*forgiven_at).max(now_ms) + FORGIVEN_MS;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, u64>> {
        self.forgiven_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_wrong_tokens_silence_an_address_until_one_is_forgiven() {
        let attempts = Attempts::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..BURST {
            assert_eq!(attempts.check(address, 1_000), Ok(()));
            attempts.failed(address, 1_000);
        }
        assert_eq!(attempts.check(address, 1_000), Err(6));
        assert_eq!(attempts.check(address, 6_001), Err(1));
        assert_eq!(attempts.check(address, 7_000), Ok(()));
        attempts.failed(address, 7_000);
        assert_eq!(attempts.check(address, 7_000), Err(6));
        assert_eq!(attempts.check("192.0.2.2".parse().unwrap(), 1_000), Ok(()));
    }

    #[test]
    fn a_network_is_one_address_and_the_table_is_bounded() {
        let attempts = Attempts::default();
        for host in 0..u32::from(BURST as u16) {
            attempts.failed(format!("2001:db8::{host:x}").parse().unwrap(), 0);
        }
        assert!(attempts.check("2001:db8::ffff".parse().unwrap(), 0).is_err());
        for address in 0..3 * ADDRESSES as u32 {
            attempts.failed(IpAddr::from(address.to_be_bytes()), 0);
        }
        assert!(attempts.lock().len() <= ADDRESSES);
        assert!(attempts.check("2001:db8::ffff".parse().unwrap(), 0).is_err(), "the worst stays");
    }
}
