//! Secrets in the database: closed with the key file (XChaCha20-Poly1305), useless without it.

use std::io;
use std::path::Path;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};

use super::StoreError;

/// Bytes of a nonce; drawn at random for each secret, which this length allows.
const NONCE: usize = 24;

/// Closes and opens secrets.
#[derive(Clone)]
pub struct Sealer(XChaCha20Poly1305);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    /// With a key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&Key::from(key)))
    }

    /// With the key of a file: 64 hexadecimal digits.
    ///
    /// # Errors
    /// The file cannot be read or holds something else.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let key = key(text.trim());
        key.map(Self::new).ok_or_else(|| io::Error::other("holds no key of 64 hexadecimal digits"))
    }

    /// Closes a secret as text: hexadecimal digits. It opens only under the same `place`.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn seal_text(&self, place: &str, secret: &str) -> Result<String, StoreError> {
        Ok(hex::encode(self.seal(place, secret)?))
    }

    /// Opens what [`seal_text`](Self::seal_text) made; `None` where it was closed with another key or for another place.
    pub fn open_text(&self, place: &str, sealed: &str) -> Option<String> {
        self.open(place, &hex::decode(sealed).ok()?)
    }

    /// Closes a secret. It opens only under the same `place`, so that it cannot be put elsewhere.
    pub(super) fn seal(&self, place: &str, secret: &str) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| StoreError::Sealing)?;
        let payload = Payload { msg: secret.as_bytes(), aad: place.as_bytes() };
        let closed = self.0.encrypt(&XNonce::from(nonce), payload);
        let mut sealed = nonce.to_vec();
        sealed.extend(closed.map_err(|_| StoreError::Sealing)?);
        Ok(sealed)
    }

    /// Opens a secret; `None` where it was closed with another key or for another place.
    pub(super) fn open(&self, place: &str, sealed: &[u8]) -> Option<String> {
        let (nonce, closed) = sealed.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let payload = Payload { msg: closed, aad: place.as_bytes() };
        let secret = self.0.decrypt(&XNonce::from(nonce), payload).ok()?;
        String::from_utf8(secret).ok()
    }
}

fn key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    hex::decode_to_slice(text, &mut key).ok().map(|()| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_at_its_place_only() {
        let sealer = Sealer::new([7; 32]);
        let sealed = sealer.seal("agent/t/1", "135790").unwrap();
        assert_eq!(sealer.open("agent/t/1", &sealed).as_deref(), Some("135790"));
        assert_ne!(sealed, sealer.seal("agent/t/1", "135790").unwrap(), "each has its own nonce");
        assert!(!sealed.windows(6).any(|bytes| bytes == b"135790"));
        assert_eq!(sealer.open("agent/t/2", &sealed), None);
        assert_eq!(Sealer::new([8; 32]).open("agent/t/1", &sealed), None);
        for end in 0..sealed.len() {
            assert_eq!(sealer.open("agent/t/1", &sealed[..end]), None, "{end}");
        }
    }

    #[test]
    fn sealed_text_opens_at_its_place_only_and_other_text_not_at_all() {
        let sealer = Sealer::new([7; 32]);
        let sealed = sealer.seal_text("a/b", "s3cret").unwrap();
        assert!(sealed.bytes().all(|byte| byte.is_ascii_hexdigit()), "{sealed}");
        assert_eq!(sealer.open_text("a/b", &sealed).as_deref(), Some("s3cret"));
        assert_eq!(sealer.open_text("a/c", &sealed), None);
        for wrong in ["", "0", "zz", "éé", &sealed[1..], &sealed[2..]] {
            assert_eq!(sealer.open_text("a/b", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_file_holds_64_hexadecimal_digits() {
        let text = "00".repeat(31) + "fF";
        let mut expected = [0; 32];
        expected[31] = 255;
        assert_eq!(key(&text), Some(expected));
        for wrong in ["", "00", &"0g".repeat(32), &"00".repeat(33), &"é".repeat(32)] {
            assert_eq!(key(wrong), None, "{wrong}");
        }
    }
}
