//! Tests of the SIP crate from outside, one file a subject.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod calls;
mod exercise;
mod framing;
mod generated;
mod link;
mod message;
mod oracle;
mod storm;
mod torture;
mod uri;
