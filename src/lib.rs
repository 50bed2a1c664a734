//! The shell around the switch: everything that reads files, opens sockets, starts threads or knows the time.

pub mod api;
pub mod cli;
pub mod config;
pub mod log;
pub mod mail;
pub mod net;
pub mod node;
pub mod store;
