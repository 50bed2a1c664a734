//! What the endpoint costs: nanoseconds and allocations per registration (two requests), and
//! per bridged call: the median, which whatever else runs on the machine disturbs least.
//! `cargo bench -p strowger-sip --bench endpoint`
#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::expect_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use bytes::Bytes;
use strowger_sip::auth::{Algorithm, Ha1, Verdict, Verifier};
use strowger_sip::endpoint::{Body, Endpoint, Event, LegId, OutInvite, Reply, Settings};
use strowger_sip::{Flow, HeaderName, Message, Transport};

struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        LIVE.fetch_add(layout.size() as u64, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as u64, Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SECOND: u64 = 1_000_000_000;
const REALM: &str = "pbx.example";

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "127.0.0.1:5060".parse().unwrap(),
        remote: "127.0.0.1:5070".parse().unwrap(),
        generation: 0,
    }
}

fn register(user: u32, cseq: u32, authorization: &str) -> Bytes {
    Bytes::from(format!(
        "REGISTER sip:{REALM} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:5070;rport;branch=z9hG4bK{user}-{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{user}@{REALM}>;tag=a{user}\r\n\
         To: <sip:{user}@{REALM}>\r\nCall-ID: {user}@127.0.0.1\r\nCSeq: {cseq} REGISTER\r\n\
         Contact: <sip:{user}@127.0.0.1:5070>\r\nExpires: 3600\r\nUser-Agent: bench\r\n\
         Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n{authorization}Content-Length: 0\r\n\r\n"
    ))
}

/// The digest of the second request is computed outside the measured time.
fn credentials(user: u32, challenge: &str) -> String {
    let params = strowger_sip::message::AuthParams::parse(challenge).unwrap();
    let credentials = strowger_sip::auth::Credentials {
        username: user.to_string(),
        password: "secret".into(),
        realm: None,
    };
    let uri = format!("sip:{REALM}");
    let answer =
        strowger_sip::auth::answer([params], "REGISTER", &uri, b"", &credentials, "cnonce")
            .unwrap();
    format!("Authorization: {}\r\n", answer.value)
}

fn serve(end: &mut Endpoint, verifier: &mut Verifier, now: u64) {
    while let Some(event) = end.poll_event() {
        let Event::Request { tx, message, .. } = event else { continue };
        let verdict = message.authorization().next().map(|header| {
            verifier.verify(now, "REGISTER", message.body(), &header, REALM, |user| {
                Some(Ha1::from_password(user, REALM, "secret", Algorithm::Md5))
            })
        });
        let reply = match verdict {
            Some(Verdict::Ok { .. }) => {
                let contact = message.header(HeaderName::Contact).unwrap_or("");
                Reply::new(200).with_header("Contact", format!("{contact};expires=3600"))
            }
            _ => {
                let challenge = verifier.challenge(now, REALM, Algorithm::Md5, false);
                Reply::new(401).with_header("WWW-Authenticate", challenge)
            }
        };
        end.respond(now, tx, reply);
    }
}

fn registrations(count: u32) {
    let mut end = Endpoint::new(Settings::default(), [1; 32]);
    let mut verifier = Verifier::new([2; 32], 300 * SECOND, 100_000);
    let (mut times, mut allocations) = (Vec::new(), 0);
    for user in 0..count {
        let mut spent = 0;
        let now = SECOND + u64::from(user) * 1_000_000;
        let mut challenge = String::new();
        for cseq in 1..=2 {
            let authorization =
                if cseq == 1 { String::new() } else { credentials(user, &challenge) };
            let packet = register(user, cseq, &authorization);
            let (start, before) = (Instant::now(), COUNT.load(Relaxed));
            end.handle_timeout(now);
            end.receive(now, flow(), packet);
            serve(&mut end, &mut verifier, now);
            let output = end.poll_output().expect("an answer");
            spent += start.elapsed().as_nanos();
            allocations += COUNT.load(Relaxed) - before;
            let message = Message::parse(output.bytes).expect("valid");
            assert_eq!(message.status(), Some(if cseq == 1 { 401 } else { 200 }));
            challenge = message.header(HeaderName::WwwAuthenticate).unwrap_or("").to_owned();
            black_box(&message);
        }
        times.push(spent);
    }
    println!(
        "registration (401 and 200): {} ns, {} allocations",
        median(times),
        allocations / u64::from(count)
    );
}

fn median(mut times: Vec<u128>) -> u128 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(0)
}

fn sdp() -> Body {
    Body::sdp(Bytes::from_static(
        b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
          m=audio 30000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n",
    ))
}

/// The switch, a caller and a callee; only the switch's time counts.
struct Bench {
    ends: [Endpoint; 3],
    spent: u128,
    allocations: u64,
    messages: u64,
}

const CALLER: usize = 0;
const SWITCH: usize = 1;
const CALLEE: usize = 2;

fn between(from: usize, to: usize) -> Flow {
    let address = |end: usize| format!("10.0.0.{}:5060", end + 1).parse().unwrap();
    let (local, remote) = (address(from), address(to));
    Flow { transport: Transport::Udp, local, remote, generation: 0 }
}

impl Bench {
    fn timed<R>(&mut self, end: usize, act: impl FnOnce(&mut Endpoint) -> R) -> R {
        let (start, before) = (Instant::now(), COUNT.load(Relaxed));
        let result = act(&mut self.ends[end]);
        if end == SWITCH {
            self.spent += start.elapsed().as_nanos();
            self.allocations += COUNT.load(Relaxed) - before;
        }
        result
    }

    /// Delivers everything that wants to be sent.
    fn settle(&mut self, now: u64) {
        loop {
            let mut quiet = true;
            for end in 0..3 {
                while let Some(output) = self.timed(end, Endpoint::poll_output) {
                    quiet = false;
                    let to = (0..3).find(|to| between(*to, end).local == output.flow.remote);
                    let to = to.expect("one of ours");
                    self.messages += u64::from(to == SWITCH || end == SWITCH);
                    self.timed(to, |e| e.receive(now, between(to, end), output.bytes));
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn leg(&mut self, end: usize) -> LegId {
        loop {
            match self.timed(end, Endpoint::poll_event).expect("an event") {
                Event::Invite { leg, .. } => return leg,
                _ => continue,
            }
        }
    }
}

fn calls(count: u32) {
    let settings = || Settings { session_expires: 0, ..Settings::default() };
    let mut bench = Bench {
        ends: [1, 2, 3].map(|seed| Endpoint::new(settings(), [seed; 32])),
        spent: 0,
        allocations: 0,
        messages: 0,
    };
    let drained = |bench: &mut Bench, now: u64| {
        for end in 0..3 {
            bench.timed(end, |e| e.handle_timeout(now));
            while bench.ends[end].poll_event().is_some() {}
        }
    };
    let before = LIVE.load(Relaxed);
    let (mut held, mut times) = (Vec::new(), Vec::new());
    for call in 0..count {
        bench.spent = 0;
        let now = SECOND + u64::from(call) * 10_000_000;
        drained(&mut bench, now);
        let out = OutInvite::new("sip:2@10.0.0.2", "sip:1@a", "sip:2@a", Some(sdp()));
        let caller = bench.ends[CALLER].invite(now, between(CALLER, SWITCH), out);
        bench.settle(now);
        let incoming = bench.leg(SWITCH);
        let out = OutInvite::new("sip:2@10.0.0.3", "sip:1@a", "sip:2@a", Some(sdp()));
        let outgoing = bench.timed(SWITCH, |e| e.invite(now, between(SWITCH, CALLEE), out));
        bench.settle(now);
        let callee = bench.leg(CALLEE);
        bench.ends[CALLEE].provisional(now, callee, Reply::new(180));
        bench.settle(now);
        bench.timed(SWITCH, |e| e.provisional(now, incoming, Reply::new(180)));
        bench.settle(now);
        bench.ends[CALLEE].accept(now, callee, Reply::new(200).with_body(sdp()));
        bench.settle(now);
        let answer = Reply::new(200).with_body(sdp());
        bench.timed(SWITCH, |e| e.accept(now, incoming, answer));
        bench.settle(now);
        if call % 2 == 0 {
            held.push(caller);
            continue;
        }
        bench.ends[CALLER].bye(now, caller, None);
        bench.settle(now);
        bench.timed(SWITCH, |e| e.bye(now, outgoing, None));
        bench.settle(now);
        times.push(bench.spent);
    }
    let now = SECOND * 1000 + u64::from(count) * 10_000_000;
    drained(&mut bench, now);
    bench.settle(now);
    let count = u64::from(count);
    // The caller's and callee's legs of the calls still up are in there too.
    let live = LIVE.load(Relaxed).saturating_sub(before) / (count / 2);
    println!(
        "bridged call with its end: {} ns; set up, and every other one ended: {} allocations, \
         {} messages; {live} bytes for all four legs of a call that is up",
        median(times),
        bench.allocations / count,
        bench.messages / count,
    );
    drop(held);
}

/// `registrations N` or `calls N` runs one of them only, as a profiler wants it.
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let count = |default| arguments.get(1).and_then(|n| n.parse().ok()).unwrap_or(default);
    match arguments.first().map(String::as_str) {
        Some("registrations") => registrations(count(10_000)),
        Some("calls") => calls(count(10_000)),
        _ => {
            registrations(2_000);
            registrations(50_000);
            calls(10_000);
        }
    }
}
