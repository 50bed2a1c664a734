//! Nonces that need no memory until they are used, and the counts of those that were.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// When a nonce was made, and which one of that instant it is. The order is that of making.
pub(super) type NonceId = (u64, u32);

const STAMP: usize = 16;
const SERIAL: usize = 8;
const SEAL: usize = 32;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Makes and checks nonces: time, serial and a keyed hash over both and over the address that
/// the nonce is for.
pub(super) struct NonceMint {
    secret: [u8; 32],
    serial: u32,
}

impl NonceMint {
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret, serial: 0 }
    }

    pub fn make(&mut self, now: u64, source: IpAddr) -> String {
        self.serial = self.serial.wrapping_add(1);
        let seal = self.seal((now, self.serial), source);
        let mut nonce = String::with_capacity(STAMP + SERIAL + SEAL);
        let (now, serial, seal) =
            (now.to_be_bytes(), self.serial.to_be_bytes(), seal.to_be_bytes());
        for byte in now.into_iter().chain(serial).chain(seal) {
            for digit in [byte >> 4, byte & 15] {
                nonce.push(char::from(DIGITS[usize::from(digit)]));
            }
        }
        nonce
    }

    /// The identity of a nonce of ours that was made for this address; `None` for anything else.
    pub fn check(&self, nonce: &str, source: IpAddr) -> Option<NonceId> {
        if nonce.len() != STAMP + SERIAL + SEAL || !nonce.is_ascii() {
            return None;
        }
        let stamp = u64::from_str_radix(nonce.get(..STAMP)?, 16).ok()?;
        let serial = u32::from_str_radix(nonce.get(STAMP..STAMP + SERIAL)?, 16).ok()?;
        let seal = u128::from_str_radix(nonce.get(STAMP + SERIAL..)?, 16).ok()?;
        let ours = self.seal((stamp, serial), source);
        bool::from(ours.to_be_bytes().ct_eq(&seal.to_be_bytes())).then_some((stamp, serial))
    }

    /// Inputs of one fixed length between two copies of the key: nothing can be appended.
    fn seal(&self, (stamp, serial): NonceId, source: IpAddr) -> u128 {
        let source = match source {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let mut hash = Sha256::new();
        hash.update(self.secret);
        hash.update(stamp.to_be_bytes());
        hash.update(serial.to_be_bytes());
        hash.update(source.octets());
        hash.update(self.secret);
        let digest = hash.finalize();
        digest.iter().take(16).fold(0, |seal, byte| (seal << 8) | u128::from(*byte))
    }
}

/// The nonce counts seen so far of one nonce: the highest, and which of the 64 below it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    highest: u32,
    below: u64,
}

/// Counts of nonces that authenticated. When full, the oldest nonce is dropped and everything
/// made before it counts as stale from then on, so that dropping never allows a replay.
pub(super) struct NonceCounts {
    seen: BTreeMap<NonceId, Seen>,
    floor: NonceId,
    capacity: usize,
}

impl NonceCounts {
    pub fn new(capacity: usize) -> Self {
        Self { seen: BTreeMap::new(), floor: (0, 0), capacity: capacity.max(1) }
    }

    /// Whether the nonce was forgotten for want of room.
    pub fn is_forgotten(&self, id: NonceId) -> bool {
        id <= self.floor
    }

    /// Notes `count` for a nonce that authenticated; false when it was noted before, or is so
    /// far below the highest that nobody can tell.
    pub fn note(&mut self, id: NonceId, count: u32) -> bool {
        if let Some(seen) = self.seen.get_mut(&id) {
            return seen.note(count);
        }
        self.seen.insert(id, Seen { highest: count, below: 0 });
        if self.seen.len() > self.capacity {
            self.forget_first();
        }
        true
    }

    /// Drops what is older than `oldest`.
    pub fn expire(&mut self, oldest: u64) {
        while self.seen.first_key_value().is_some_and(|(id, _)| id.0 < oldest) {
            self.forget_first();
        }
    }

    pub fn len(&self) -> usize {
        self.seen.len()
    }

    fn forget_first(&mut self) {
        if let Some((id, _)) = self.seen.pop_first() {
            self.floor = self.floor.max(id);
        }
    }
}

impl Seen {
    fn note(&mut self, count: u32) -> bool {
        if count > self.highest {
            let step = count - self.highest;
            let shifted = if step < 64 { self.below << step } else { 0 };
            self.below = if step <= 64 { shifted | (1 << (step - 1)) } else { 0 };
            self.highest = count;
            return true;
        }
        let distance = self.highest - count;
        if distance == 0 || distance > 64 {
            return false;
        }
        let bit = 1 << (distance - 1);
        let fresh = self.below & bit == 0;
        self.below |= bit;
        fresh
    }
}
