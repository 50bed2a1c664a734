//! Everything that touches the network.

pub mod dns;
pub mod letters;
pub mod media;
pub mod outbound;
pub mod outbound_socket;
pub mod reach;
pub mod stream;
pub mod udp;
