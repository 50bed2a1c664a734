//! The shell as a whole: a real process or a node in this one, real sockets on loopback, files in temporary places.

mod bursts;
mod command_line;
mod dns;
mod fixture;
mod restart;
mod streams;
