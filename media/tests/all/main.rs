//! The crate's tests by topic, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod codec_audio;
mod codec_g711;
mod dtmf;
mod lab;
mod player;
mod playout;
mod recorder;
mod sdp_negotiation;
mod sdp_properties;
mod sdp_samples;
mod session_control;
mod session_line;
mod session_mix;
mod session_properties;
mod session_record;
mod session_relay;
mod session_speech;
mod session_transcode;
mod session_voice;
mod tones;
mod wav_sink;
