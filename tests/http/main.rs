//! The HTTP surface over real connections, with a simple gateway in place of the switch.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod audio;
mod bounds;
mod client;
mod events;
mod fake;
mod keys;
mod metrics;
mod openapi;
mod problems;
mod resources;
mod site;
