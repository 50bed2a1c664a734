//! RTP, RTCP, SDP and audio without I/O: everything that happens to a packet between two sockets.
//!
//! The crate knows no SIP and opens no socket. A worker thread of the shell feeds packets and the time in, and sends what
//! comes out.
#![forbid(unsafe_code)]

pub mod codec;
pub mod dtmf;
pub mod mix;
pub mod order;
pub mod player;
pub mod playout;
pub mod recorder;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod session;
pub mod tones;
pub mod wav;
