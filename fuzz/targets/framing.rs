//! A byte stream cut into reads at will: the cuts change nothing.
#![no_main]

#[allow(dead_code)]
#[path = "../../sip/tests/all/exercise.rs"]
mod exercise;

use strowger_sip::framing::{Frame, StreamFramer};

// The first byte tells how long the pieces are.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&seed, stream)) = bytes.split_first() else { return };
    let sizes = [usize::from(seed & 0x0f) + 1, usize::from(seed >> 4) * 31 + 1];
    exercise::stream(stream, &sizes);
    assert_eq!(messages(stream, stream.len().max(1)), messages(stream, sizes[0]));
});

/// The messages in a stream read in pieces of `size`, and whether it lost its framing.
fn messages(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, bool) {
    let mut framer = StreamFramer::new();
    let mut found = Vec::new();
    for piece in stream.chunks(size) {
        framer.feed(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Message(message))) => found.push(message.to_vec()),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}
