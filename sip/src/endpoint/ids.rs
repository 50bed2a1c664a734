//! Identifiers that we invent, and keyed hashes of those that others invent.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::slab::Handle;
use crate::message::{HeaderName, Message, Via};
use crate::uri::Host;

/// The hash of an identifier under a secret key: long enough to stand for it.
pub(crate) type Key = u128;

/// Handles by key. It is never iterated, so that its order cannot show.
pub(crate) type KeyMap = HashMap<Key, Handle, BuildHasherDefault<AlreadyHashed>>;

/// Keys are hashes already; the table takes them as they are.
#[derive(Debug, Default)]
pub(crate) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = (key >> 64) as u64 ^ key as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Every branch of RFC 3261 begins with this (section 8.1.1.7).
const MAGIC: &str = "z9hG4bK";
/// Every branch of ours begins with this.
const OURS: &str = "z9hG4bKsw";
const BRANCH: usize = OURS.len() + 8 + 16;

/// A branch of ours: the cookie, a hash of the Request-URI, 64 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Branch([u8; BRANCH]);

impl Branch {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

/// One ChaCha stream for each purpose, and the key of the hashes.
pub(crate) struct Ids {
    tags: ChaCha8Rng,
    branches: ChaCha8Rng,
    call_ids: ChaCha8Rng,
    nonces: ChaCha8Rng,
    waits: ChaCha8Rng,
    key: (u64, u64),
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn put_hex(out: &mut [u8], value: u64) {
    let mut value = value;
    for digit in out.iter_mut().rev() {
        *digit = HEX[(value & 15) as usize];
        value >>= 4;
    }
}

fn hex_text(value: u64) -> Box<str> {
    let mut digits = [0; 16];
    put_hex(&mut digits, value);
    std::str::from_utf8(&digits).unwrap_or("").into()
}

impl Ids {
    pub fn new(seed: [u8; 32]) -> Self {
        let stream = |number| {
            let mut rng = ChaCha8Rng::from_seed(seed);
            rng.set_stream(number);
            rng
        };
        let mut keys = stream(5);
        Self {
            tags: stream(0),
            branches: stream(1),
            call_ids: stream(2),
            nonces: stream(3),
            waits: stream(4),
            key: (keys.next_u64(), keys.next_u64()),
        }
    }

    pub fn tag(&mut self) -> Box<str> {
        hex_text(self.tags.next_u64())
    }

    pub fn call_id(&mut self) -> String {
        let (high, low) = (self.call_ids.next_u64(), self.call_ids.next_u64());
        format!("{high:016x}{low:016x}")
    }

    pub fn cnonce(&mut self) -> Box<str> {
        hex_text(self.nonces.next_u64())
    }

    /// A number below `bound`, for waits that must not be guessed or alike.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.waits.next_u64() % bound.max(1)
    }

    pub fn branch(&mut self, request_uri: &str) -> Branch {
        let mut text = [0; BRANCH];
        let (cookie, rest) = text.split_at_mut(OURS.len());
        cookie.copy_from_slice(OURS.as_bytes());
        let (uri, random) = rest.split_at_mut(8);
        put_hex(uri, self.uri_hash(request_uri));
        put_hex(random, self.branches.next_u64());
        Branch(text)
    }

    /// Whether a request carries a Via of ours from when it had the same Request-URI: a loop.
    /// With another Request-URI it is a spiral, which is legal (RFC 3261 section 16.3, item 4).
    pub fn is_loop(&self, message: &Message) -> bool {
        if !message.headers(HeaderName::Via).any(|line| line.contains(OURS)) {
            return false;
        }
        let mut hash = [0; 8];
        let mut hashed = false;
        for via in message.vias().filter_map(Result::ok) {
            let Some(rest) = via.branch().and_then(|branch| branch.strip_prefix(OURS)) else {
                continue;
            };
            if !hashed {
                put_hex(&mut hash, self.uri_hash(message.request_uri()));
                hashed = true;
            }
            if rest.len() == BRANCH - OURS.len() && rest.as_bytes().starts_with(&hash) {
                return true;
            }
        }
        false
    }

    fn uri_hash(&self, uri: &str) -> u64 {
        self.hash(&[b"uri", uri.as_bytes()]) as u64 & 0xffff_ffff
    }

    fn hash(&self, parts: &[&[u8]]) -> Key {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        for part in parts {
            // 0xff occurs in no UTF-8 text: parts cannot run into each other.
            hasher.write(part);
            hasher.write(&[0xff]);
        }
        hasher.finish128().as_u128()
    }

    /// The key of a client transaction (RFC 3261 section 17.1.3).
    pub fn client_key(&self, branch: &str, method: &str) -> Key {
        self.hash(&[b"c", branch.as_bytes(), method.as_bytes()])
    }

    /// The key of a server transaction (RFC 3261 section 17.2.3). `method` is INVITE for an ACK,
    /// and for a CANCEL when what it cancels is looked for.
    pub fn server_key(&self, message: &Message, via: &Via<'_>, method: &str) -> Key {
        match via.branch() {
            // A branch that is nothing but the cookie identifies nothing.
            Some(branch) if branch.len() > MAGIC.len() && branch.starts_with(MAGIC) => {
                let port = via.port.unwrap_or(0).to_be_bytes();
                let (branch, method) = (branch.as_bytes(), method.as_bytes());
                match via.host {
                    Host::Name(name) => self.hash(&[b"s", branch, name.as_bytes(), &port, method]),
                    Host::V4(ip) => self.hash(&[b"s", branch, &ip.octets(), &port, method]),
                    Host::V6(ip) => self.hash(&[b"s", branch, &ip.octets(), &port, method]),
                }
            }
            _ => self.old_server_key(message, method),
        }
    }

    /// As RFC 2543 has it: everything but the To tag, which an ACK has and its INVITE has not.
    fn old_server_key(&self, message: &Message, method: &str) -> Key {
        let from_tag = message.from().ok().and_then(|from| from.tag()).unwrap_or("");
        let number = message.cseq().map_or(0, |(number, _)| number).to_be_bytes();
        let via = message.values(crate::HeaderName::Via).next().unwrap_or("");
        self.hash(&[
            b"o",
            message.request_uri().as_bytes(),
            from_tag.as_bytes(),
            message.call_id().unwrap_or("").as_bytes(),
            &number,
            via.as_bytes(),
            method.as_bytes(),
        ])
    }

    /// What is the same in all copies of one request that reach us by several ways
    /// (RFC 3261 section 8.2.2.2).
    pub fn merge_key(&self, message: &Message) -> Option<Key> {
        let from = message.from().ok()?;
        let (number, method) = message.cseq().ok()?;
        Some(self.hash(&[
            b"m",
            from.tag()?.as_bytes(),
            message.call_id().ok()?.as_bytes(),
            &number.to_be_bytes(),
            method.as_str().as_bytes(),
        ]))
    }

    /// The key of the leg that all dialogs with our tag belong to.
    pub fn leg_key(&self, call_id: &str, local_tag: &str) -> Key {
        self.hash(&[b"l", call_id.as_bytes(), local_tag.as_bytes()])
    }

    /// The tag of a response without state: the same for each copy of a request.
    pub fn stateless_tag(&self, key: Key) -> Box<str> {
        hex_text(self.hash(&[b"t", &key.to_be_bytes()]) as u64)
    }
}
