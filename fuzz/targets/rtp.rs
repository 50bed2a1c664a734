//! RTP: single packets read and rewritten, and runs of packets through the relay of a call.
#![no_main]

mod engine;

use strowger_media::rtp::{HEADER_LEN, Kind, View};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut call = engine::Call::new();
    engine::datagrams(bytes, |flags, datagram| {
        single(datagram);
        call.datagram(flags & 1 == 0, false, datagram);
    });
});

fn single(datagram: &[u8]) {
    let _ = Kind::of(datagram);
    let Ok(view) = View::parse(datagram) else { return };
    assert!(HEADER_LEN <= view.payload_start && view.payload_start <= view.payload_end);
    assert!(view.payload_end <= datagram.len());
    let mut copy = datagram.to_vec();
    view.header.rewrite(&mut copy);
    assert_eq!(copy, datagram, "a header written back is the same");
}
