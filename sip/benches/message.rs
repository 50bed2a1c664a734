//! Time and allocations of reading and writing messages: `cargo bench -p strowger-sip`.
//!
//! Prints the fastest and the median of many short batches: what the machine can do, and what it
//! did beside whatever else was running.
#![allow(unsafe_code, missing_docs, clippy::expect_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use bytes::Bytes;
use strowger_sip::framing::StreamFramer;
use strowger_sip::{HeaderName, Message, Writer};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// 882 bytes, 14 headers: what a desk phone sends.
const INVITE: &str = "INVITE sip:90310468564567@pbx.example;transport=udp SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK-524287-1---8f3a2b1c9d0e;rport\r\n\
Max-Forwards: 70\r\n\
Contact: <sip:90310468564568@192.0.2.17:5062;transport=udp;ob>\r\n\
To: \"Alice\" <sip:90310468564567@pbx.example>\r\n\
From: \"Bob B\" <sip:90310468564568@pbx.example>;tag=4b2f9a71\r\n\
Call-ID: 84213NzQ0ZjE2ZDk3MmY0YmVjYzE2OTk5ODM1YTk3\r\n\
CSeq: 2 INVITE\r\n\
Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, UPDATE, PRACK\r\n\
Supported: replaces, 100rel, timer, norefersub\r\n\
User-Agent: Deskphone/5.12.3 rev 1a2\r\n\
Session-Expires: 1800\r\n\
Allow-Events: presence, kpml, talk, hold\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 193\r\n\
\r\n\
v=0\r\n\
o=- 13312 1 IN IP4 192.0.2.17\r\n\
s=call\r\n\
c=IN IP4 192.0.2.17\r\n\
t=0 0\r\n\
m=audio 40000 RTP/AVP 9 8 0 101\r\n\
a=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-16\r\n\
a=sendrecv\r\n\
a=rtcp-mux\r\n\
a=ptime:20\r\n";

const BATCHES: usize = 4_001;
const PER_BATCH: u32 = 100;

/// Fails when a run allocates more often than `most` times.
fn measure(name: &str, most: f64, mut run: impl FnMut()) {
    if std::env::args().nth(1).is_some_and(|only| only != "--bench" && only != name) {
        return;
    }
    for _ in 0..PER_BATCH {
        run();
    }
    let mut times = Vec::with_capacity(BATCHES);
    let before = ALLOCATIONS.load(Relaxed);
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..PER_BATCH {
            run();
        }
        times.push(start.elapsed().as_nanos() as u64);
    }
    let rounds = BATCHES as f64 * f64::from(PER_BATCH);
    let allocations = (ALLOCATIONS.load(Relaxed) - before) as f64 / rounds;
    times.sort_unstable();
    let per_run = |time: u64| time as f64 / f64::from(PER_BATCH);
    let (best, median) = (per_run(times[0]), per_run(times[BATCHES / 2]));
    assert!(allocations <= most, "{name}: {allocations} allocations, at most {most} allowed");
    println!("{name:<34} {best:>8.1} ns best {median:>8.1} median {allocations:>6.2} allocations");
}

/// What routing looks at.
fn keys(message: &Message) {
    let via = message.top_via().expect("a Via");
    black_box((via.branch(), via.host, via.port, via.rport()));
    black_box(message.from().expect("From").tag());
    black_box(message.to().expect("To").tag());
    black_box(message.call_id().expect("Call-ID"));
    black_box(message.cseq().expect("CSeq"));
    black_box(message.contact().expect("Contact").uri_str());
    black_box(message.max_forwards());
    black_box(message.header(HeaderName::ContentLength));
    black_box(message.uri().expect("a URI").user());
}

fn write(buffer: &mut Vec<u8>, request: &Message) {
    buffer.clear();
    let to = request.to().expect("To");
    let method = request.method().expect("a request");
    let mut writer = Writer::request(buffer, method, request.request_uri());
    writer
        .header(
            HeaderName::Via,
            format_args!("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{:016x}", black_box(77u64)),
        )
        .copy(request, HeaderName::MaxForwards)
        .header(HeaderName::Contact, "<sip:192.0.2.1:5060>")
        .header(HeaderName::To, to)
        .copy(request, HeaderName::From)
        .copy(request, HeaderName::CallId)
        .header(HeaderName::CSeq, format_args!("{} INVITE", black_box(1u32)))
        .copy(request, HeaderName::Allow)
        .copy(request, HeaderName::Supported)
        .copy(request, HeaderName::UserAgent)
        .copy(request, HeaderName::SessionExpires)
        .copy(request, HeaderName::AllowEvents)
        .finish("application/sdp", request.body());
}

fn main() {
    let bytes = Bytes::from_static(INVITE.as_bytes());
    let message = Message::parse(bytes.clone()).expect("valid");
    assert_eq!((bytes.len(), message.header_count()), (882, 14), "the measured message");
    measure("parse", 0.0, || {
        let _ = black_box(Message::parse(black_box(bytes.clone())));
    });
    measure("parse and keys", 0.0, || {
        let message = Message::parse(black_box(bytes.clone())).expect("valid");
        keys(black_box(&message));
    });
    measure("copy in, parse, keys, validate", 1.0, || {
        let copied = Bytes::copy_from_slice(black_box(&bytes));
        let message = Message::parse(copied).expect("valid");
        keys(black_box(&message));
        message.validate().expect("valid");
    });
    measure("keys", 0.0, || keys(black_box(&message)));
    measure("validate", 0.0, || {
        let _ = black_box(black_box(&message).validate());
    });
    measure("detach", 1.0, || drop(black_box(message.detach())));
    let mut buffer = Vec::with_capacity(2048);
    measure("write an INVITE", 0.0, || write(black_box(&mut buffer), &message));
    measure("write a 200", 0.0, || {
        buffer.clear();
        let mut writer = Writer::response(black_box(&mut buffer), 200, "");
        for name in [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId] {
            writer.copy(&message, name);
        }
        writer.copy(&message, HeaderName::CSeq).finish_empty();
    });
    let mut framer = StreamFramer::new();
    measure("frame", 1.0, || {
        framer.feed(black_box(&bytes));
        let frame = framer.next_frame().expect("well framed");
        black_box(frame);
    });
}
