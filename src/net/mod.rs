//! Everything that touches the network.

pub mod media;
