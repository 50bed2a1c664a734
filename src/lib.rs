//! The shell around the switch: everything that reads files, opens sockets, starts threads or knows the time.

pub mod config;
pub mod net;
pub mod store;
