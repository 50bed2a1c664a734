//! How fast a key may ask: a bucket of tokens for each.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use strowger_core::vocab::Principal;

/// Seconds of its pace that a key may use at once.
const BURST_SECS: u64 = 2;
/// Keys that are remembered at a time. Beyond, those that have not asked for a while are forgotten: their buckets are
/// full anyway.
const KEYS: usize = 10_000;
/// A token in the units of a bucket: at `n` tokens a second a millisecond brings `n` of them.
const TOKEN: u64 = 1_000;

/// The buckets.
#[derive(Debug)]
pub(super) struct Paces {
    /// Requests a second; 0 is no limit.
    per_second: u64,
    buckets: Mutex<BTreeMap<(String, String), Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: u64,
    at_ms: u64,
}

impl Paces {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second: per_second.into(), buckets: Mutex::default() }
    }

    /// Takes a token of the key's; otherwise says after how many seconds there is one.
    pub(super) fn take(&self, key: &Principal, now_ms: u64) -> Result<(), u32> {
        if self.per_second == 0 {
            return Ok(());
        }
        let full = self.per_second * BURST_SECS * TOKEN;
        let level = |bucket: &Bucket| {
            let since = now_ms.saturating_sub(bucket.at_ms).min(BURST_SECS * 1_000);
            (bucket.level + since * self.per_second).min(full)
        };
        // A holder only counts: the table is whole whatever panicked.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= KEYS {
            buckets.retain(|_, bucket| level(bucket) < full);
        }
        let name = (key.tenant.clone(), key.name.clone());
        let bucket = buckets.entry(name).or_insert(Bucket { level: full, at_ms: now_ms });
        *bucket = Bucket { level: level(bucket), at_ms: now_ms };
        match bucket.level.checked_sub(TOKEN) {
            Some(left) => {
                bucket.level = left;
                Ok(())
            }
            None => {
                let missing_ms = (TOKEN - bucket.level).div_ceil(self.per_second);
                Err(u32::try_from(missing_ms.div_ceil(1_000)).unwrap_or(1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::Role;

    use super::*;

    fn key(name: &str) -> Principal {
        let (tenant, name) = ("t".to_owned(), name.to_owned());
        Principal { tenant, role: Role::Admin, name, extension: None, agent: None }
    }

    #[test]
    fn a_key_has_its_pace_and_a_burst_and_harms_no_other() {
        let paces = Paces::new(10);
        let spent = (0..100).filter(|_| paces.take(&key("a"), 0).is_ok()).count();
        assert_eq!(spent, 20);
        assert_eq!(paces.take(&key("a"), 0), Err(1));
        assert_eq!(paces.take(&key("b"), 0), Ok(()));
        assert_eq!(paces.take(&key("a"), 99), Err(1));
        assert_eq!(paces.take(&key("a"), 100), Ok(()));
        let later = (0..100).filter(|_| paces.take(&key("a"), 1_000_000).is_ok()).count();
        assert_eq!(later, 20, "a long pause brings no more than a burst");
        let even = (1..=1_000).filter(|n| paces.take(&key("c"), n * 100).is_ok()).count();
        assert_eq!(even, 1_000);
    }

    #[test]
    fn no_pace_is_no_limit_and_the_table_is_bounded() {
        let free = Paces::new(0);
        assert!((0..100_000).all(|_| free.take(&key("a"), 0).is_ok()));
        assert!(free.buckets.lock().unwrap().is_empty());
        let paces = Paces::new(10);
        for n in 0..3 * KEYS as u64 {
            paces.take(&key(&n.to_string()), n * 1_000).unwrap();
        }
        assert!(paces.buckets.lock().unwrap().len() <= KEYS);
    }
}
