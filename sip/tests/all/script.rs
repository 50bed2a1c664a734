//! An endpoint driven by a script of bytes: messages with blanks that are filled in from what
//! the endpoint said, orders, and time. Whatever the script is, nothing panics or spins, what is
//! sent can be read, and in the end nothing is alive. Fuzzing runs the same function.

use bytes::Bytes;
use strowger_sip::auth::Credentials;
use strowger_sip::endpoint::{
    Body, Endpoint, Event, LegId, Limits, OutInvite, OutRequest, Reply, ServerTx, Settings,
};
use strowger_sip::subscription::{Grant, Package, State, SubscriptionId};
use strowger_sip::{Flow, HeaderName, Message, Method, StreamWish, Transport};

const SECOND: u64 = 1_000_000_000;
/// Between two steps of a script.
const END: u8 = 0xff;

struct Play {
    end: Endpoint,
    now: u64,
    flow: Flow,
    legs: Vec<LegId>,
    subscriptions: Vec<SubscriptionId>,
    waiting: Vec<ServerTx>,
    /// Large requests that wait for a stream.
    wishes: Vec<StreamWish>,
    /// Our latest request, and our latest message of any kind.
    request: Option<Message>,
    latest: Option<Message>,
    branches: u32,
}

/// Plays a script.
pub fn play(script: &[u8]) {
    let limits = Limits { transactions: 60, legs: 12, ..Limits::default() };
    let flow = Flow {
        transport: if script.len().is_multiple_of(5) { Transport::Tcp } else { Transport::Udp },
        local: "192.0.2.1:5060".parse().expect("an address"),
        remote: "192.0.2.7:5062".parse().expect("an address"),
        generation: 0,
    };
    let mut play = Play {
        end: Endpoint::new(settings(limits, script.len() % 3 == 1), [3; 32]),
        now: SECOND,
        flow,
        legs: Vec::new(),
        subscriptions: Vec::new(),
        waiting: Vec::new(),
        wishes: Vec::new(),
        request: None,
        latest: None,
        branches: 0,
    };
    for step in script.split(|byte| *byte == END).take(64) {
        if let Some((order, rest)) = step.split_first() {
            play.step(*order, rest);
            play.collect();
        }
    }
    play.finish();
}

fn settings(limits: Limits, large: bool) -> Settings {
    let package = Package {
        name: "message-summary",
        content_types: &["application/simple-message-summary"],
        default_expires: 60,
        min_expires: 10,
        max_expires: 60,
        pace: SECOND,
        asks: false,
    };
    let datagram_limit = if large { 250 } else { 1300 };
    Settings { limits, packages: vec![package], datagram_limit, ..Settings::default() }
}

fn body() -> Body {
    Body::sdp(Bytes::from_static(b"v=0"))
}

impl Play {
    fn step(&mut self, order: u8, rest: &[u8]) {
        let choice = rest.first().copied().unwrap_or(0);
        let leg = match self.legs.len() {
            0 => LegId(u64::from(choice)),
            count => self.legs[usize::from(choice >> 4) % count],
        };
        let (now, end) = (self.now, &mut self.end);
        match order % 16 {
            8 => self.pass(1 << (choice % 40)),
            9 => {
                let body = (choice % 2 == 0).then(body);
                let out = OutInvite {
                    credentials: (choice % 3 == 0).then(credentials),
                    ..OutInvite::new("sip:bob@b", "sip:a@a", "sip:bob@b", body)
                };
                let leg = end.invite(now, self.flow, out);
                self.legs.push(leg);
            }
            10 => match choice % 4 {
                0 => end.provisional(now, leg, Reply::new(180)),
                1 => {
                    let reply = Reply { reliable: true, ..Reply::new(183) };
                    end.provisional(now, leg, reply.with_body(body()));
                }
                2 => end.accept(now, leg, Reply::new(200).with_body(body())),
                _ => end.reject(now, leg, Reply::new(486)),
            },
            11 if choice % 2 == 0 => end.cancel(now, leg, None),
            11 => end.bye(now, leg, None),
            12 => match choice % 5 {
                0 => end.reoffer(now, leg, Some(body())),
                1 => end.reoffer(now, leg, None),
                2 => end.answer_offer(now, leg, Some(body())),
                3 => end.refuse_offer(now, leg, 488),
                _ => end.ack(now, leg, Some(body())),
            },
            13 => {
                end.leg_request(now, leg, Method::Info, Vec::new(), None);
                if let Some(id) = self.subscriptions.last() {
                    end.notify(now, *id, State::Active, Some(body()));
                }
                if let Some(tx) = self.waiting.pop() {
                    end.respond(now, tx, Reply::new(200));
                }
            }
            14 => {
                let stream = Flow { transport: Transport::Tcp, generation: 5, ..self.flow };
                match (choice % 4, self.wishes.pop()) {
                    (1, Some(wish)) => end.stream_found(now, wish, Some(stream)),
                    (2, Some(wish)) => end.stream_found(now, wish, None),
                    (3, _) => end.flow_closed(now, stream),
                    _ => end.flow_closed(now, self.flow),
                }
            }
            15 => {
                let out = OutRequest {
                    credentials: Some(credentials()),
                    ..OutRequest::new(Method::Register, "sip:b", "sip:a@b", "sip:a@b")
                };
                end.request(now, self.flow, out);
            }
            _ => {
                let packet = self.fill_in(rest);
                self.end.receive(now, self.flow, Bytes::from(packet));
            }
        }
    }

    /// Control characters stand for what only the endpoint knows.
    fn fill_in(&mut self, text: &[u8]) -> Vec<u8> {
        let mut packet = Vec::with_capacity(2 * text.len());
        for byte in text {
            let filled = match byte {
                1 => self.repeated(),
                2 => self.dialog(),
                3 => {
                    self.branches += 1;
                    format!("z9hG4bK{}", self.branches)
                }
                4 => self.rack(),
                5 => "\r\n".to_owned(),
                6 => "Contact: <sip:peer@192.0.2.7:5062>\r\n".to_owned(),
                _ => {
                    packet.push(*byte);
                    continue;
                }
            };
            packet.extend_from_slice(filled.as_bytes());
        }
        packet
    }

    /// What a response repeats of our latest request.
    fn repeated(&self) -> String {
        let Some(request) = &self.request else { return String::new() };
        let names = [
            HeaderName::Via,
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
        ];
        let line = |name: HeaderName| {
            let value = request.header(name).unwrap_or("");
            let tag =
                if name == HeaderName::To && !value.contains("tag=") { ";tag=peer" } else { "" };
            format!("{}: {value}{tag}\r\n", name.as_str())
        };
        names.into_iter().map(line).collect()
    }

    /// From, To and Call-ID of a request of the peer's in the latest dialog.
    fn dialog(&self) -> String {
        let Some(latest) = &self.latest else { return String::new() };
        let header = |name| latest.header(name).unwrap_or("");
        let (mut from, mut to) = (header(HeaderName::From), header(HeaderName::To));
        if latest.is_request() {
            std::mem::swap(&mut from, &mut to);
        }
        let tag = if from.contains("tag=") { "" } else { ";tag=peer" };
        let call_id = header(HeaderName::CallId);
        format!("From: {from}{tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n")
    }

    fn rack(&self) -> String {
        let rseq = self.latest.as_ref().and_then(Message::rseq).unwrap_or(0);
        let cseq = self.latest.as_ref().and_then(|m| m.cseq().ok()).map_or(0, |(n, _)| n);
        format!("RAck: {rseq} {cseq} INVITE\r\n")
    }

    fn collect(&mut self) {
        while let Some(output) = self.end.poll_output() {
            let message = Message::parse(output.bytes).expect("we write what we can read");
            if message.is_request() && message.method() != Some(&Method::Ack) {
                self.request = Some(message.clone());
            }
            self.latest = Some(message);
        }
        while let Some(event) = self.end.poll_event() {
            match event {
                Event::Invite { leg, .. } => self.legs.push(leg),
                Event::StreamWanted { wish, .. } => self.wishes.push(wish),
                Event::Subscribe { tx, flow, message, ask } => {
                    let (expires, state, body) = (ask.expires, State::Active, Some(body()));
                    let grant =
                        Grant { expires, peer: "peer".to_owned(), state, body, list: false };
                    let now = self.now;
                    let id = self.end.accept_subscription(now, tx, flow, &message, grant);
                    self.subscriptions.extend(id);
                }
                Event::Request { tx, .. } | Event::LegRequest { tx, .. } => self.waiting.push(tx),
                _ => {}
            }
        }
    }

    /// Time passes deadline by deadline, and there is an end to them.
    fn pass(&mut self, nanoseconds: u64) {
        let until = self.now + nanoseconds;
        let mut steps = 0;
        while let Some(due) = self.end.next_deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.end.handle_timeout(self.now);
            self.collect();
            steps += 1;
            assert!(steps < 100_000, "time stands still");
        }
        self.now = until;
    }

    fn finish(&mut self) {
        for leg in std::mem::take(&mut self.legs) {
            let now = self.now;
            self.end.bye(now, leg, None);
        }
        self.pass(200 * SECOND);
        let counts = self.end.counts();
        assert!(counts.is_empty(), "{counts:?} are left");
    }
}

fn credentials() -> Credentials {
    Credentials { username: "a".into(), password: "b".into(), realm: None }
}

/// Steps from which scripts are made.
#[cfg(test)]
const STEPS: [&[u8]; 32] = [
    b"\x00INVITE sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05From: <sip:p@p>;tag=peer\x05To: <sip:us@x>\x05Call-ID: one\x05CSeq: 1 INVITE\x05\x06Supported: 100rel, timer\x05Allow: INVITE, UPDATE, PRACK\x05Content-Length: 1\x05\x05x",
    b"\x00INVITE sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05From: <sip:p@p>;tag=peer\x05To: <sip:us@x>\x05Call-ID: two\x05CSeq: 7 INVITE\x05\x06Session-Expires: 90\x05\x05",
    b"\x00ACK sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05\x02CSeq: 1 ACK\x05\x05answer",
    b"\x00BYE sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05\x02CSeq: 90 BYE\x05\x05",
    b"\x00PRACK sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05\x02\x04CSeq: 2 PRACK\x05\x05",
    b"\x00PRACK sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05\x02\x04CSeq: 3 PRACK\x05\x05offer",
    b"\x00UPDATE sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05\x02\x06CSeq: 20 UPDATE\x05\x05offer",
    b"\x00INVITE sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05\x02\x06CSeq: 30 INVITE\x05\x05offer",
    b"\x00INVITE sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05\x02\x06CSeq: 31 INVITE\x05\x05",
    b"\x00INFO sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05\x02CSeq: 40 INFO\x05\x05",
    b"\x00SIP/2.0 100 T\x05\x01\x05",
    b"\x00SIP/2.0 183 P\x05\x01\x06Require: 100rel\x05RSeq: 5\x05Allow: UPDATE\x05\x05sdp",
    b"\x00SIP/2.0 180 R\x05\x01\x06\x05",
    b"\x00SIP/2.0 200 OK\x05\x01\x06Session-Expires: 90;refresher=uac\x05Allow: UPDATE\x05\x05sdp",
    b"\x00SIP/2.0 407 A\x05\x01Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\x05\x05",
    b"\x00SIP/2.0 422 S\x05\x01Min-SE: 4000000000\x05\x05",
    b"\x00SIP/2.0 491 P\x05\x01\x05",
    b"\x00SIP/2.0 481 G\x05\x01\x05",
    b"\x00SUBSCRIBE sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05From: <sip:p@p>;tag=peer\x05To: <sip:us@x>\x05Call-ID: sub\x05CSeq: 1 SUBSCRIBE\x05\x06Event: message-summary\x05\x05",
    b"\x00SUBSCRIBE sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05\x02\x06CSeq: 2 SUBSCRIBE\x05Event: message-summary\x05\x05",
    b"\x00SUBSCRIBE sip:us@x SIP/2.0\x05Via: SIP/2.0/UDP 192.0.2.7:5062;branch=\x03\x05\x02\x06CSeq: 3 SUBSCRIBE\x05Event: message-summary\x05Expires: 0\x05\x05",
    b"\x08\x1c",
    b"\x08\x23",
    b"\x09\x00",
    b"\x09\x01",
    b"\x0a\x01",
    b"\x0a\x02",
    b"\x0c\x00",
    b"\x0c\x02",
    b"\x0e\x01",
    b"\x0e\x02",
    b"\x0e\x03",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{END, STEPS, play};

    /// One step: mostly one that makes sense, else an order with any choice, else noise.
    fn step() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            6 => (0..STEPS.len()).prop_map(|at| STEPS[at].to_vec()),
            3 => (8_u8..16, any::<u8>()).prop_map(|(order, choice)| vec![order, choice & 0xfe]),
            1 => proptest::collection::vec(0_u8..END, 0..80),
        ]
    }

    #[test]
    fn the_scripts_that_fuzzing_starts_from_play() {
        for script in [
            include_bytes!("../../../fuzz/seeds/endpoint/incoming").as_slice(),
            include_bytes!("../../../fuzz/seeds/endpoint/outgoing"),
            include_bytes!("../../../fuzz/seeds/endpoint/late"),
        ] {
            assert!(script.split(|byte| *byte == END).count() > 8);
            play(script);
        }
    }

    fn cases() -> u32 {
        u32::try_from(crate::link::seeds(1500)).unwrap_or(u32::MAX)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases()))]
        #[test]
        fn no_script_leaves_anything_behind(
            steps in proptest::collection::vec(step(), 0..40)
        ) {
            play(&steps.join(&END));
        }
    }
}
