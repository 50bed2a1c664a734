//! RTCP: compounds read, and runs of them, mixed with RTP, through the relay of a call.
#![no_main]

mod engine;

use strowger_media::rtcp::{Compound, Packet};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut call = engine::Call::new();
    engine::datagrams(bytes, |flags, datagram| {
        single(datagram);
        call.datagram(flags & 1 == 0, flags & 2 == 0, datagram);
    });
});

fn single(datagram: &[u8]) {
    let mut seen = 0;
    for packet in Compound::new(datagram) {
        seen += 1;
        match packet {
            Ok(Packet::Sender { blocks, .. } | Packet::Receiver { blocks, .. }) => {
                for block in blocks {
                    assert!((-0x80_0000..0x80_0000).contains(&block.cumulative_lost));
                }
            }
            Ok(Packet::Feedback { fci, .. }) => assert!(fci.len() <= datagram.len()),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    assert!(seen <= datagram.len() / 4 + 1, "every packet takes four bytes or more");
}
