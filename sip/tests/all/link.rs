//! Two endpoints on a link that loses, repeats and reorders, under a virtual clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use strowger_sip::endpoint::{
    Body, EndCause, Endpoint, Event, LegId, OutInvite, Output, Reply, Settings,
};
use strowger_sip::{Flow, Message, Transport};

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MS;

/// What the link does to messages, in thousandths.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    pub lost: u64,
    pub repeated: u64,
    /// Extra delay up to this many milliseconds: later messages overtake.
    pub jitter_ms: u64,
}

pub const PERFECT: Faults = Faults { lost: 0, repeated: 0, jitter_ms: 0 };

/// Says of a message whether it is lost.
pub type Dropping = dyn FnMut(Side, &Message) -> bool;

/// Which endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    A,
    B,
}

impl Side {
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Both endpoints, what is on the way between them, and the clock.
pub struct Link {
    pub now: u64,
    pub a: Endpoint,
    pub b: Endpoint,
    pub faults: Faults,
    pub transport: Transport,
    pub rng: ChaCha8Rng,
    on_way: BTreeMap<(u64, u64), (Side, Bytes)>,
    serial: u64,
    /// Every message that was sent, by whom and when.
    pub sent: Vec<(u64, Side, Message)>,
    /// Whether everything that is sent must be valid; what repeats damage is not.
    pub strict: bool,
    /// Messages for which this says true are lost, whatever the faults.
    pub drop: Option<Box<Dropping>>,
}

pub fn address(side: Side) -> SocketAddr {
    match side {
        Side::A => "10.0.0.1:5060".parse().unwrap(),
        Side::B => "10.0.0.2:5060".parse().unwrap(),
    }
}

impl Link {
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self::with(seed, faults, Transport::Udp, Settings::default(), Settings::default())
    }

    pub fn with(seed: u64, faults: Faults, transport: Transport, a: Settings, b: Settings) -> Self {
        let key = |side: u8| {
            let mut bytes = [side; 32];
            bytes[..8].copy_from_slice(&seed.to_be_bytes());
            bytes
        };
        Self {
            now: SECOND,
            a: Endpoint::new(a, key(1)),
            b: Endpoint::new(b, key(2)),
            faults,
            transport,
            rng: ChaCha8Rng::from_seed(key(3)),
            on_way: BTreeMap::new(),
            serial: 0,
            sent: Vec::new(),
            strict: true,
            drop: None,
        }
    }

    pub fn end(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    /// The flow from `side` to the other.
    pub fn flow(&self, side: Side) -> Flow {
        let (local, remote) = (address(side), address(side.other()));
        Flow { transport: self.transport, local, remote, generation: 0 }
    }

    pub fn chance(&mut self, thousandths: u64) -> bool {
        self.rng.next_u64() % 1000 < thousandths
    }

    /// Puts what the endpoints want sent on its way.
    pub fn collect(&mut self) {
        for side in [Side::A, Side::B] {
            while let Some(Output { bytes, .. }) = self.end(side).poll_output() {
                let message = Message::parse(bytes.clone()).expect("we write what we can read");
                assert!(!self.strict || message.validate().is_ok(), "we write valid messages");
                let dropped = self.drop.as_mut().is_some_and(|drop| drop(side, &message));
                self.sent.push((self.now, side, message));
                let faults = self.faults;
                if dropped || self.chance(faults.lost) {
                    continue;
                }
                let copies = 1 + u64::from(self.chance(faults.repeated));
                for _ in 0..copies {
                    let jitter = self.rng.next_u64() % (faults.jitter_ms * MS + 1);
                    self.serial += 1;
                    let at = (self.now + 10 * MS + jitter, self.serial);
                    self.on_way.insert(at, (side.other(), bytes.clone()));
                }
            }
        }
    }

    /// Moves to the next instant at which something happens, not after `until`. False when
    /// nothing does.
    pub fn step(&mut self, until: u64) -> bool {
        self.collect();
        let arrival = self.on_way.first_key_value().map(|((at, _), _)| *at);
        let deadlines = [self.a.next_deadline(), self.b.next_deadline(), arrival];
        let Some(next) = deadlines.into_iter().flatten().min().filter(|next| *next <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        self.now = self.now.max(next);
        if arrival == Some(next)
            && let Some((_, (side, bytes))) = self.on_way.pop_first()
        {
            let (now, flow) = (self.now, self.flow(side));
            self.end(side).receive(now, flow, bytes);
        }
        let now = self.now;
        self.a.handle_timeout(now);
        self.b.handle_timeout(now);
        self.collect();
        true
    }

    /// All events of one side.
    #[allow(dead_code)]
    pub fn events(&mut self, side: Side) -> Vec<Event> {
        std::iter::from_fn(|| self.end(side).poll_event()).collect()
    }

    /// Runs for a while, events unread.
    pub fn run(&mut self, nanoseconds: u64) {
        let until = self.now + nanoseconds;
        while self.step(until) {}
    }

    /// Runs until `side` has an event that `pick` wants, for at most 100 s; others are dropped.
    pub fn wait<T>(&mut self, side: Side, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let until = self.now + 100 * SECOND;
        loop {
            while let Some(event) = self.end(side).poll_event() {
                if let Some(found) = pick(&event) {
                    return found;
                }
            }
            assert!(self.step(until), "the event never came");
        }
    }

    /// What this side sent: methods of requests, statuses of responses.
    pub fn summary(&self, side: Side) -> Vec<String> {
        self.sent
            .iter()
            .filter(|(_, from, _)| *from == side)
            .map(|(_, _, message)| match message.status() {
                Some(status) => {
                    format!("{status} {}", message.cseq_method().expect("valid").as_str())
                }
                None => message.method().expect("a request").as_str().to_owned(),
            })
            .collect()
    }

    /// Runs until nothing is left to happen, and checks that nothing is left alive.
    pub fn drain(&mut self) {
        self.faults = PERFECT;
        self.drop = None;
        self.run(200 * SECOND);
        for side in [Side::A, Side::B] {
            let counts = self.end(side).counts();
            assert!(counts.is_empty(), "{side:?} still has {counts:?}");
        }
    }
}

pub fn sdp(text: &str) -> Body {
    Body::sdp(Bytes::copy_from_slice(text.as_bytes()))
}

pub fn incoming(event: &Event) -> Option<LegId> {
    match event {
        Event::Invite { leg, .. } => Some(*leg),
        _ => None,
    }
}

pub fn call_with(link: &mut Link, late: bool) -> (LegId, LegId) {
    let body = (!late).then(|| sdp("offer"));
    let out = OutInvite::new("sip:bob@10.0.0.2", "sip:alice@a", "sip:bob@b", body);
    let (now, flow) = (link.now, link.flow(Side::A));
    let caller = link.a.invite(now, flow, out);
    (caller, link.wait(Side::B, incoming))
}

pub fn call(link: &mut Link) -> (LegId, LegId) {
    call_with(link, false)
}

/// A call that is up, with the ACK received.
pub fn talk(link: &mut Link) -> (LegId, LegId) {
    let (caller, callee) = call(link);
    let now = link.now;
    link.b.accept(now, callee, Reply::new(200).with_body(sdp("answer")));
    link.wait(Side::A, |event| matches!(event, Event::Answered { .. }).then_some(()));
    link.wait(Side::B, |event| matches!(event, Event::Acked { .. }).then_some(()));
    (caller, callee)
}

pub fn ended(leg: LegId, how: fn(&EndCause) -> bool) -> impl FnMut(&Event) -> Option<()> {
    move |event| match event {
        Event::Ended { leg: which, cause } if *which == leg && how(cause) => Some(()),
        _ => None,
    }
}

pub fn is_bye(cause: &EndCause) -> bool {
    matches!(cause, EndCause::Bye(_))
}

/// How many runs: `STROWGER_SIP_SEEDS` for a long search.
pub fn seeds(usual: u64) -> u64 {
    let wanted = std::env::var("STROWGER_SIP_SEEDS").ok().and_then(|text| text.parse().ok());
    wanted.unwrap_or(usual)
}
