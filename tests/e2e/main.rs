//! The switch as its users meet it: real phones, a carrier, a stranger, a restart.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod calls;
mod conference;
mod define;
mod define_lines;
mod dtmf;
mod forward;
mod hold;
mod isolation;
mod lamps;
mod large;
mod lifecycle;
mod metrics;
mod mwi;
mod page;
mod paging;
mod pairs;
mod parking;
mod pickup;
mod queue_docs;
mod queue_exits;
mod queue_explain;
mod queue_voice;
mod queue_voicemail;
mod queues;
mod recording;
mod register;
mod restart;
mod robot;
mod schemathesis;
mod story;
mod supervision;
mod tenants;
mod things;
mod transcode;
mod transfer;
mod trunk;
mod voicemail;
mod webhooks;
mod webhooks_tls;
