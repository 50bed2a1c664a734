//! Tests of the SIP crate from outside, one file a subject.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod framing;
mod message;
mod torture;
