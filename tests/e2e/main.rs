//! The switch as its users meet it: real phones, a carrier, a stranger, a restart.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

mod pairs;
