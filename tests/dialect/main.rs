//! The interfaces of other systems, spoken to the real switch.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, missing_docs)]

#[path = "../support/mod.rs"]
mod support;
