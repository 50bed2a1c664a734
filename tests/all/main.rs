//! Tests of the shell that need real sockets, threads or files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod media_mix;
mod media_pool;
mod shell;
