//! What a registration costs in the whole switch, without sockets and disk: nanoseconds and allocations per registration
//! (401 and 200), while a thousand phones refresh theirs and transactions end as they do in service.
//! `cargo bench -p strowger-core`; `valgrind --tool=callgrind` on the built program counts the instructions.
#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::expect_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use bytes::Bytes;
use sip::auth::Credentials;
use sip::message::AuthParams;
use sip::{Flow, HeaderName, Message, Transport};
use strowger_core::Switch;
use strowger_core::vocab::config::{Config, Extension, Sip, Tenant};
use strowger_core::vocab::input::{Boot, Listener, Restored};
use strowger_core::vocab::{Effect, ExtensionKey, Input, Now, Secret};

struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const REALM: &str = "pbx.example";
const PHONES: u32 = 1_000;
/// Registrations a second, by the virtual clock.
const RATE: u64 = 500;

fn flow() -> Flow {
    let (local, remote) = (address(5060), address(5070));
    Flow { transport: Transport::Udp, local, remote, generation: 0 }
}

fn address(port: u16) -> std::net::SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn boot() -> Boot {
    let extension = |n: u32| {
        let key = ExtensionKey { tenant: "bench".into(), number: (10_000 + n).to_string() };
        Extension::new(key, Secret::new("secret"))
    };
    let config = Config {
        sip: Sip { domain: REALM.into(), qualify_secs: 0, ..Sip::default() },
        tenants: vec![Tenant { id: "bench".into(), prefix: "9031046".into(), ..Tenant::default() }],
        extensions: (0..PHONES).map(extension).collect(),
        ..Config::default()
    };
    let listeners = vec![Listener { transport: Transport::Udp, address: address(5060) }];
    Boot { seed: [7; 32], boot: 1, config, listeners, restored: Restored::default() }
}

fn register(user: u32, round: u32, cseq: u32, authorization: &str) -> Bytes {
    Bytes::from(format!(
        "REGISTER sip:{REALM} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-{user}-{round}-{cseq}\r\n\
         From: <sip:9031046{user}@{REALM}>;tag=a{user}r{round}\r\nTo: <sip:9031046{user}@{REALM}>\r\n\
         Call-ID: {user}-{round}@127.0.0.1\r\nCSeq: {cseq} REGISTER\r\n\
         Contact: <sip:9031046{user}@127.0.0.1:5070>\r\n{authorization}Max-Forwards: 70\r\n\
         Expires: 3600\r\nUser-Agent: bench\r\nContent-Length: 0\r\n\r\n"
    ))
}

/// The answer to a challenge; computed outside the measured time.
fn authorization(user: u32, challenge: &str) -> String {
    let params = AuthParams::parse(challenge).unwrap();
    let credentials =
        Credentials { username: format!("9031046{user}"), password: "secret".into(), realm: None };
    let uri = format!("sip:{REALM}");
    let answer = sip::auth::answer([params], "REGISTER", &uri, b"", &credentials, "cnonce");
    format!("Authorization: {}\r\n", answer.unwrap().value)
}

struct Bench {
    switch: Switch,
    now: Now,
    spent: u128,
    allocations: u64,
}

impl Bench {
    /// Hands one message over and returns the answer to it. The phones answer no OPTIONS, so none are sent.
    fn answer(&mut self, bytes: Bytes) -> Message {
        let (start, before) = (Instant::now(), COUNT.load(Relaxed));
        if self.switch.next_deadline().is_some_and(|deadline| deadline <= self.now.mono) {
            self.switch.handle(self.now, Input::Tick);
        }
        self.switch.handle(self.now, Input::Packet { flow: flow(), bytes });
        let mut sent = None;
        let mut commits = Vec::new();
        while let Some(effect) = self.switch.poll_effect() {
            match effect {
                Effect::Send { bytes, .. } => sent = Some(bytes),
                Effect::Persist { commit, .. } => commits.push(commit),
                _ => {}
            }
        }
        if !commits.is_empty() {
            self.switch.handle(self.now, Input::Stored { commits, ok: true });
        }
        self.spent += start.elapsed().as_nanos();
        self.allocations += COUNT.load(Relaxed) - before;
        Message::parse(sent.expect("an answer")).expect("valid")
    }
}

fn main() {
    let rounds: u32 = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(40);
    let now = Now { mono: 1_000_000_000, wall: 1_795_219_200_000 };
    let mut bench = Bench { switch: Switch::new(), now, spent: 0, allocations: 0 };
    bench.switch.handle(now, Input::Boot(Box::new(boot())));
    let mut times = Vec::new();
    for round in 0..rounds {
        // The first round registers; from then on it is refreshed.
        (bench.spent, bench.allocations) = (0, 0);
        for user in 10_000..10_000 + PHONES {
            bench.now.mono += 1_000_000_000 / RATE;
            bench.now.wall += 1_000 / RATE;
            let challenge = bench.answer(register(user, round, 1, ""));
            assert_eq!(challenge.status(), Some(401));
            let challenge = challenge.header(HeaderName::WwwAuthenticate).unwrap();
            let credentials = authorization(user, challenge);
            let answer = bench.answer(register(user, round, 2, &credentials));
            assert_eq!(answer.status(), Some(200));
        }
        times.push(bench.spent / u128::from(PHONES));
    }
    times.sort_unstable();
    println!(
        "registration in the whole switch: {} ns, {} allocations",
        times.get(times.len() / 2).copied().unwrap_or(0),
        bench.allocations / u64::from(PHONES)
    );
}
