//! A datagram that claims to be a SIP message: read whole, checked, written again.
#![no_main]

#[allow(dead_code)]
#[path = "../../sip/tests/all/exercise.rs"]
mod exercise;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| exercise::datagram(bytes));
