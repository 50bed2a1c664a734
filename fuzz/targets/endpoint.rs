//! An endpoint in the middle of calls: messages, orders and time in any order leave nothing behind.
#![no_main]

#[path = "../../sip/tests/all/script.rs"]
mod script;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| script::play(bytes));
