//! The digest computation (RFC 7616 section 3.4).

use std::fmt;

use md5::{Digest, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The hash function of an algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    /// 128 bits; what old phones know.
    Md5,
    /// 256 bits (RFC 8760).
    Sha256,
}

/// The `algorithm` of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Algorithm {
    /// `MD5`, and what is meant where none is named.
    #[default]
    Md5,
    /// `MD5-sess`
    Md5Sess,
    /// `SHA-256`
    Sha256,
    /// `SHA-256-sess`
    Sha256Sess,
}

impl Algorithm {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Md5, "MD5"),
        (Self::Md5Sess, "MD5-sess"),
        (Self::Sha256, "SHA-256"),
        (Self::Sha256Sess, "SHA-256-sess"),
    ];

    /// The name as it stands in a header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize].1
    }

    /// Reads a name without regard to letter case; `None` for an algorithm that we do not know.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(a, _)| *a)
    }

    /// The hash function.
    #[must_use]
    pub const fn hash(self) -> Hash {
        match self {
            Self::Md5 | Self::Md5Sess => Hash::Md5,
            Self::Sha256 | Self::Sha256Sess => Hash::Sha256,
        }
    }

    /// Whether A1 covers the nonces too (RFC 7616 section 3.4.2).
    #[must_use]
    pub const fn is_session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess)
    }
}

/// The `qop` of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Qop {
    /// Method and URI are covered.
    Auth,
    /// The body too.
    AuthInt,
}

impl Qop {
    /// The name as it stands in a header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }

    /// Reads a name without regard to letter case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Auth, Self::AuthInt].into_iter().find(|q| q.as_str().eq_ignore_ascii_case(name))
    }
}

/// A digest in lower-case hexadecimal, as every step of the computation uses it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hex {
    text: [u8; 64],
    len: u8,
}

impl Hex {
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.len)]
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    fn from_raw(raw: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(raw) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self { text, len: (raw.len() * 2).min(64) as u8 }
    }
}

/// The hash of `parts` joined by colons.
pub(super) fn hash(kind: Hash, parts: &[&[u8]]) -> Hex {
    match kind {
        Hash::Md5 => joined(Md5::new(), parts),
        Hash::Sha256 => joined(Sha256::new(), parts),
    }
}

fn joined<D: Digest>(mut digest: D, parts: &[&[u8]]) -> Hex {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            digest.update(b":");
        }
        digest.update(part);
    }
    Hex::from_raw(&digest.finalize())
}

/// The hash of user, realm and password: enough to verify, and no password kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ha1 {
    hash: Hash,
    hex: Hex,
}

impl Ha1 {
    /// Computes it with the hash of `algorithm`.
    #[must_use]
    pub fn from_password(user: &str, realm: &str, password: &str, algorithm: Algorithm) -> Self {
        let parts = [user.as_bytes(), realm.as_bytes(), password.as_bytes()];
        let kind = algorithm.hash();
        Self { hash: kind, hex: hash(kind, &parts) }
    }

    /// The hash function it was made with.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    pub(super) const fn hex(&self) -> &Hex {
        &self.hex
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ha1({:?})", self.hash)
    }
}

/// Everything that a digest response covers besides the password.
#[derive(Debug, Clone, Copy)]
pub(super) struct Covered<'a> {
    pub algorithm: Algorithm,
    pub nonce: &'a str,
    pub cnonce: &'a str,
    /// Eight hexadecimal digits.
    pub nc: &'a str,
    /// `None` for the RFC 2069 form.
    pub qop: Option<Qop>,
    pub method: &'a str,
    pub uri: &'a str,
    pub body: &'a [u8],
}

/// The response value (RFC 7616 section 3.4.1).
pub(super) fn response(covered: &Covered<'_>, ha1: &Ha1) -> Hex {
    let kind = covered.algorithm.hash();
    let (nonce, cnonce) = (covered.nonce.as_bytes(), covered.cnonce.as_bytes());
    let mut a1 = *ha1.hex();
    if covered.algorithm.is_session() {
        a1 = hash(kind, &[a1.as_bytes(), nonce, cnonce]);
    }
    let (method, uri) = (covered.method.as_bytes(), covered.uri.as_bytes());
    let a2 = match covered.qop {
        Some(Qop::AuthInt) => {
            let body = hash(kind, &[covered.body]);
            hash(kind, &[method, uri, body.as_bytes()])
        }
        _ => hash(kind, &[method, uri]),
    };
    match covered.qop {
        Some(qop) => {
            let (nc, qop) = (covered.nc.as_bytes(), qop.as_str().as_bytes());
            hash(kind, &[a1.as_bytes(), nonce, nc, cnonce, qop, a2.as_bytes()])
        }
        None => hash(kind, &[a1.as_bytes(), nonce, a2.as_bytes()]),
    }
}

/// Compares a response from the network with ours, in constant time and without regard to the
/// letter case of its digits.
pub(super) fn matches(ours: &Hex, theirs: &str) -> bool {
    let mut lower = [0_u8; 64];
    let Some(lower) = lower.get_mut(..theirs.len()) else { return false };
    lower.copy_from_slice(theirs.as_bytes());
    lower.make_ascii_lowercase();
    ours.as_bytes().ct_eq(lower).into()
}
