//! Tests of the SIP crate from outside, one file a subject.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod auth;
mod calls;
mod challenges;
mod dialogs;
mod exercise;
mod forks;
mod framing;
mod generated;
mod large;
mod link;
mod machines;
mod message;
mod noise;
mod offers;
mod oracle;
mod raw;
mod resolve;
mod script;
mod storm;
mod subscription_model;
mod subscriptions;
mod timers;
mod torture;
mod treatment;
mod uri;
