//! RTP, SDP and audio without I/O.
