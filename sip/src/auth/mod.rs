//! Digest authentication, both sides (RFC 7616, RFC 8760).

mod client;
mod digest;
mod nonce;
mod secret;
mod verifier;

pub use client::{Answered, answer};
pub use digest::{Algorithm, Ha1, Hash, Qop};
pub use secret::{Credentials, Secret};
pub use verifier::{Verdict, Verifier};
