//! Decoding, mixing and encoding take no memory once a conversation has lasted a second.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;

use strowger_media::codec::Encoder;
use strowger_media::order::{
    CodecKind, MixId, Order, PortId, StreamCodec, StreamConfig, StreamId, StreamKind, Voices,
};
use strowger_media::rtp::Header;
use strowger_media::session::{Engine, Settings, Socket};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has no counter any more.
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FRAME: u64 = 20_000_000;

fn address(stream: u32) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5_000 + stream as u16))
}

fn open(engine: &mut Engine, n: u32, kind: CodecKind) -> StreamId {
    let stream = StreamId(n.into());
    engine.apply(1, Order::Open { stream, port: PortId(n), kind: StreamKind::Audio });
    let (name, number) = if kind == CodecKind::G722 { ("G722", 9) } else { ("PCMU", 0) };
    let codec = StreamCodec {
        kind,
        name: name.into(),
        clock_rate: 8_000,
        channels: 1,
        fmtp: String::new(),
        receive_pt: number,
        send_pt: number,
    };
    let config = StreamConfig {
        remote_rtp: Some(address(n)),
        remote_rtcp: None,
        rtcp_mux: false,
        send: true,
        receive: true,
        codecs: vec![codec],
        ptime_ms: 20,
        silence_limit: None,
    };
    engine.apply(1, Order::Configure { stream, config });
    stream
}

#[test]
fn nothing_is_allocated_for_a_packet_of_a_mix_or_a_converted_call() {
    let mut engine = Engine::new(Settings { seed: [5; 32], cname: "x".into() });
    let kinds =
        [CodecKind::Pcmu, CodecKind::G722, CodecKind::Pcmu, CodecKind::G722, CodecKind::Pcmu];
    let streams: Vec<StreamId> =
        (0..).zip(kinds).map(|(n, kind)| open(&mut engine, n, kind)).collect();
    for stream in &streams[..3] {
        let (speaks, hears) = (Voices::ROOM, Voices::ROOM);
        engine.apply(1, Order::Mix { stream: *stream, mix: MixId(1), speaks, hears });
    }
    engine.apply(1, Order::Bridge { a: streams[3], b: streams[4] });
    let payload = |kind| {
        let mut encoder = Encoder::new(kind).unwrap();
        let samples = if kind == CodecKind::G722 { 320 } else { 160 };
        let tone: Vec<i16> = (0..samples).map(|n| ((n % 32) * 300 - 4_800) as i16).collect();
        let mut payload = Vec::new();
        encoder.encode(&tone, &mut payload).unwrap();
        payload
    };
    let payloads = kinds.map(payload);
    let mut packet = Vec::with_capacity(500);
    let (mut now, mut sent) = (FRAME, 0);
    let mut frames = |engine: &mut Engine, range: std::ops::Range<u32>| {
        for n in range {
            for (stream, payload) in (0..).zip(&payloads) {
                let payload_type = if kinds[stream as usize] == CodecKind::G722 { 9 } else { 0 };
                let (sequence, timestamp) = (n as u16, n * 160);
                let header =
                    Header { marker: false, payload_type, sequence, timestamp, ssrc: stream };
                packet.clear();
                packet.extend(header.bytes());
                packet.extend_from_slice(payload);
                engine.receive(now, Socket::rtp(PortId(stream)), &mut packet, address(stream));
            }
            now += FRAME;
            while engine.next_deadline().is_some_and(|due| due <= now) {
                engine.tick(now);
                engine.drain(|_| sent += 1);
            }
        }
    };
    frames(&mut engine, 0..600);
    while engine.poll_event().is_some() || engine.poll_request().is_some() {}
    let before = COUNT.get();
    frames(&mut engine, 600..800);
    let taken = COUNT.get() - before;
    assert!(sent > 5 * 750, "{sent}");
    assert_eq!(taken, 0, "allocations in four seconds");
}
