//! The crate's tests by topic, in one binary.

mod sdp_negotiation;
mod sdp_properties;
mod sdp_samples;
