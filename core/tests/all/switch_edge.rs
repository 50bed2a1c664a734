//! The switch as a whole where strangers, phones and carriers meet it: what raw messages make it send.

use std::collections::BTreeMap;

use media::order::{Port, PortId};
use sip::auth::{Credentials, answer};
use sip::{Flow, Message};
use strowger_core::Switch;
use strowger_core::vocab::input::{Input, Listener};
use strowger_core::vocab::{Boot, Config, Effect, EventKind, Restored, Secret, WorkerId};

use crate::common::*;

const PHONE: &str = "198.51.100.7:5060";
const CARRIER: &str = "192.0.2.10:5060";
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
                   m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

/// A switch with what came out of it.
struct Host {
    switch: Switch,
    now: u64,
    sent: Vec<(Flow, String)>,
    events: Vec<EventKind>,
}

impl Host {
    fn new(config: Config) -> Self {
        let listener =
            Listener { transport: sip::Transport::Udp, address: address("192.0.2.1:5060") };
        let boot = Boot {
            seed: [1; 32],
            boot: 1,
            config,
            listeners: vec![listener],
            restored: Restored::default(),
        };
        let mut host = Self { switch: Switch::new(), now: 0, sent: Vec::new(), events: Vec::new() };
        host.input(Input::Boot(Box::new(boot)));
        let port = |n: u16| Port {
            id: PortId(n.into()),
            rtp: format!("192.0.2.1:{}", 16384 + 2 * n).parse().unwrap(),
            rtcp: format!("192.0.2.1:{}", 16385 + 2 * n).parse().unwrap(),
        };
        let ports = (0..64).map(port).collect();
        host.input(Input::MediaPorts { worker: WorkerId(0), ports });
        host
    }

    fn input(&mut self, input: Input) {
        self.switch.handle(moment(self.now), input);
        while let Some(effect) = self.switch.poll_effect() {
            match effect {
                Effect::Send { flow, bytes } => {
                    self.sent.push((flow, String::from_utf8(bytes.to_vec()).unwrap()));
                }
                Effect::Publish(event) => self.events.push(event.kind),
                _ => {}
            }
        }
        assert_eq!(self.switch.audit(), Vec::<String>::new());
    }

    fn run(&mut self, seconds: u64) {
        let end = self.now + seconds * SECOND;
        while let Some(deadline) = self.switch.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.input(Input::Tick);
        }
        self.now = end;
    }

    /// Receives a message and returns what is sent because of it.
    fn receive(&mut self, from: &str, text: &str) -> Vec<(Flow, String)> {
        self.sent.clear();
        self.input(Input::Packet { flow: udp(from), bytes: text.to_owned().into_bytes().into() });
        std::mem::take(&mut self.sent)
    }

    /// The status of the one final response to a request.
    fn status(&mut self, from: &str, text: &str) -> u16 {
        let finals: Vec<u16> = self
            .receive(from, text)
            .iter()
            .filter_map(|(_, text)| parsed(text).status())
            .filter(|status| *status >= 200)
            .collect();
        assert_eq!(finals.len(), 1, "{finals:?}");
        finals[0]
    }
}

fn parsed(text: &str) -> Message {
    Message::parse(text.as_bytes().to_vec().into()).unwrap()
}

fn is_invite(text: &str) -> bool {
    text.starts_with("INVITE ")
}

/// A request as a phone writes it; every one is a new transaction.
fn request(method: &str, uri: &str, from: &str, cseq: u32, more: &str, body: &str) -> String {
    let to = if method == "REGISTER" { from } else { uri };
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bK{method}{cseq};rport\r\n\
         Max-Forwards: 70\r\nFrom: <{from}>;tag=f{cseq}\r\nTo: <{to}>\r\nCall-ID: c{cseq}\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:me@{PHONE}>\r\n{more}{content}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The header that answers a challenge.
fn credentials(challenge: &Message, method: &str, uri: &str, user: &str, password: &str) -> String {
    let own = Credentials { username: user.into(), password: password.into(), realm: None };
    let proxy = challenge.status() == Some(407);
    let answered = if proxy {
        answer(challenge.proxy_authenticate(), method, uri, b"", &own, "cnonce")
    } else {
        answer(challenge.www_authenticate(), method, uri, b"", &own, "cnonce")
    };
    let name = if proxy { "Proxy-Authorization" } else { "Authorization" };
    format!("{name}: {}\r\n", answered.expect("a challenge that can be answered").value)
}

/// Sends a request and answers its challenge; returns what the second one led to.
fn with_digest(
    host: &mut Host,
    (method, uri, from): (&str, &str, &str),
    cseq: u32,
    (user, password): (&str, &str),
    body: &str,
) -> Vec<(Flow, String)> {
    with_digest_at(host, PHONE, (method, uri, from), cseq, (user, password), body)
}

/// The same from another address.
fn with_digest_at(
    host: &mut Host,
    phone: &str,
    (method, uri, from): (&str, &str, &str),
    cseq: u32,
    (user, password): (&str, &str),
    body: &str,
) -> Vec<(Flow, String)> {
    let text =
        |cseq, more: &str| request(method, uri, from, cseq, more, body).replace(PHONE, phone);
    let first = host.receive(phone, &text(cseq, ""));
    let challenge = first.iter().map(|(_, text)| parsed(text)).find(|m| m.status() >= Some(400));
    let more = credentials(&challenge.unwrap(), method, uri, user, password);
    host.receive(phone, &text(cseq + 1, &more))
}

fn fresh() -> Host {
    let mut config = two_companies();
    config.sip.qualify_secs = 0;
    Host::new(config)
}

const OUTSIDE: [&str; 8] = [
    "057188880000",
    "+8657188880000",
    "0044123456789",
    "+44123456789",
    "9008881234",
    "110",
    "*67057188880000",
    "4567;phone-context=x",
];

#[test]
fn a_strangers_call_goes_nowhere() {
    let mut host = fresh();
    let mut cseq = 1;
    for number in OUTSIDE.iter().chain(&["4567", "90310468564567", "*43", "9", "057126200670"]) {
        for from in
            ["sip:4568@pbx.example", "sip:bob@elsewhere.example", "sip:anonymous@anonymous.invalid"]
        {
            let uri = format!("sip:{number}@pbx.example");
            let sent = host.receive(PHONE, &request("INVITE", &uri, from, cseq, "", SDP));
            assert!(!sent.iter().any(|(_, text)| is_invite(text)), "{from} reached {number}");
            assert!(
                sent.iter().any(|(_, text)| matches!(parsed(text).status(), Some(401 | 407 | 403))),
                "{from} to {number}: {sent:?}"
            );
            cseq += 1;
        }
    }
    host.run(60);
    assert!(!host.sent.iter().any(|(_, text)| is_invite(text)));
}

#[test]
fn wrong_passwords_reach_nobody_and_silence_their_address() {
    let mut host = fresh();
    let call = ("INVITE", "sip:0044123456789@pbx.example", "sip:4568@pbx.example");
    for attempt in 0..10 {
        let sent = with_digest(&mut host, call, 10 * attempt + 1, ("4568", "guess"), SDP);
        assert!(!sent.iter().any(|(_, text)| is_invite(text)));
    }
    let silenced = host.events.iter().filter(|e| matches!(e, EventKind::AddressSilenced { .. }));
    assert_eq!(silenced.count(), 1);
    let knock = request("INVITE", call.1, call.2, 500, "", SDP);
    assert!(host.receive(PHONE, &knock).is_empty(), "not even a challenge");
    assert!(!host.receive("198.51.100.8:5060", &knock).is_empty(), "its neighbour is heard");
    host.run(601);
    let knock = request("INVITE", call.1, call.2, 501, "", SDP);
    assert!(!host.receive(PHONE, &knock).is_empty(), "ten minutes later");
}

#[test]
fn nobody_is_silenced_by_forged_datagrams() {
    let mut host = fresh();
    let victim = "203.0.113.5:5060";
    let call = ("REGISTER", "sip:pbx.example", "sip:4567@pbx.example");
    for attempt in 0..20 {
        let first = host.receive(PHONE, &request(call.0, call.1, call.2, 10 * attempt + 1, "", ""));
        let challenge = parsed(&first[0].1);
        let more = credentials(&challenge, call.0, call.1, "4567", "guess");
        // The answer to a challenge that another address received.
        for forged in [CARRIER, victim] {
            let sent =
                host.receive(forged, &request(call.0, call.1, call.2, 10 * attempt + 2, &more, ""));
            assert!(sent[0].1.contains("stale=true"), "{}", sent[0].1);
        }
    }
    let silenced = host.events.iter().filter(|e| matches!(e, EventKind::AddressSilenced { .. }));
    assert_eq!(silenced.count(), 0);
    assert_eq!(host.status(victim, &request(call.0, call.1, call.2, 800, "", "")), 401);
    let ping = request("INVITE", "sip:057126200679@192.0.2.1", "sip:1@carrier", 900, "", SDP);
    assert_eq!(host.status(CARRIER, &ping), 404);
}

#[test]
fn a_carrier_reaches_only_what_it_delivers() {
    let mut host = fresh();
    let mut cseq = 1;
    for number in
        OUTSIDE.iter().chain(&["4567", "90310468564567", "7000", "*43", "9", "05715550000"])
    {
        let uri = format!("sip:{number}@192.0.2.1");
        for from in ["sip:4568@pbx.example", "sip:13800138000@carrier.example"] {
            let invite = request("INVITE", &uri, from, cseq, "", SDP);
            cseq += 1;
            let sent = host.receive(CARRIER, &invite);
            assert!(!sent.iter().any(|(_, text)| is_invite(text)), "reached {number}");
            let mut refused = sent.iter().filter_map(|(_, text)| parsed(text).status());
            assert_eq!(refused.next_back(), Some(404), "{number}");
        }
    }
    host.run(60);
    assert!(!host.sent.iter().any(|(_, text)| is_invite(text)));
}

/// Registers extension 4567 of `demo` and expects success.
fn register(host: &mut Host) {
    let call = ("REGISTER", "sip:pbx.example", "sip:90310468564567@pbx.example");
    let sent = with_digest(host, call, 1, ("90310468564567", "secret"), "");
    assert_eq!(parsed(&sent[0].1).status(), Some(200), "{sent:?}");
}

#[test]
fn a_carrier_reaches_the_phone_that_its_number_leads_to() {
    let mut host = fresh();
    register(&mut host);
    let uri = "sip:+8657126200670@192.0.2.1";
    let more = "P-Asserted-Identity: <sip:95588@carrier>\r\n";
    let invite = request("INVITE", uri, "sip:13800138000@carrier.example", 50, more, SDP);
    let sent = host.receive(CARRIER, &invite);
    let invites: Vec<_> = sent.iter().filter(|(_, text)| is_invite(text)).collect();
    let [(flow, text)] = &invites[..] else { panic!("{sent:?}") };
    assert_eq!(*flow, udp(PHONE));
    let ringing = parsed(text);
    assert_eq!(ringing.request_uri(), format!("sip:me@{PHONE}"));
    assert_eq!(ringing.from().unwrap().uri_str(), "sip:13800138000@pbx.example");
    assert_eq!(ringing.header_named("P-Asserted-Identity"), None);
}

#[test]
fn a_phones_rights_are_its_classes() {
    let mut host = fresh();
    let mut cseq = 100;
    let mut dial = |number: &str, user: &str| {
        let (uri, from) = (format!("sip:{number}@pbx.example"), format!("sip:{user}@pbx.example"));
        cseq += 10;
        let sent = with_digest(&mut host, ("INVITE", &uri, &from), cseq, (user, "secret"), SDP);
        let invite = sent.iter().find(|(_, text)| is_invite(text));
        let status = sent.iter().filter_map(|(_, text)| parsed(text).status()).max();
        (invite.map(|(flow, text)| (flow.remote.to_string(), parsed(text))), status)
    };
    let (abroad, status) = dial("0044123456789", "90310468564567");
    assert_eq!((abroad.is_some(), status), (false, Some(403)));
    let (abroad, _) = dial("0044123456789", "4568");
    let (remote, invite) = abroad.expect("its class allows it");
    assert_eq!(remote, CARRIER);
    assert_eq!(invite.request_uri(), "sip:0044123456789@192.0.2.10:5060");
    assert_eq!(invite.from().unwrap().uri_str(), "sip:057126200670@192.0.2.10");
    let (emergency, _) = dial("110", "90310468564569");
    assert_eq!(emergency.expect("help for everybody").0, CARRIER);
    let (poor, status) = dial("057188880000", "90310468564569");
    assert_eq!((poor.is_some(), status), (false, Some(403)));
}

#[test]
fn a_trunk_registers_with_digest_and_is_watched() {
    let mut config = two_companies();
    config.sip.qualify_secs = 0;
    config.trunks[0].register = true;
    config.trunks[0].username = Some("acct".into());
    config.trunks[0].password = Some(Secret::new("pw"));
    config.trunks[0].qualify_secs = 30;
    let mut host = Host::new(config);
    let sent: BTreeMap<String, (Flow, Message)> = host
        .sent
        .iter()
        .map(|(flow, text)| (*flow, parsed(text)))
        .map(|(flow, message)| (message.method().unwrap().to_string(), (flow, message)))
        .collect();
    let (flow, register) = &sent["REGISTER"];
    assert_eq!(flow.remote, address(CARRIER));
    assert_eq!(register.contact().unwrap().uri_str(), "sip:acct@192.0.2.1:5060");
    assert!(sent.contains_key("OPTIONS"));
    let reply = |request: &Message, status: &str, more: &str| {
        let via = request.header_named("Via").unwrap();
        let from = request.header_named("From").unwrap();
        let to = request.header_named("To").unwrap();
        let (call_id, cseq) = (request.call_id().unwrap(), request.header_named("CSeq").unwrap());
        format!(
            "SIP/2.0 {status}\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to};tag=c\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq}\r\n{more}Content-Length: 0\r\n\r\n"
        )
    };
    let challenge = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"\r\n";
    let again = host.receive(CARRIER, &reply(register, "401 Unauthorized", challenge));
    let second = parsed(&again[0].1);
    let given = second.header_named("Authorization").unwrap();
    assert!(given.contains("username=\"acct\"") && given.contains("realm=\"carrier\""), "{given}");
    assert!(!given.contains("pw"));
    host.receive(CARRIER, &reply(&second, "200 OK", "Expires: 300\r\n"));
    let up = |host: &Host| {
        let last = host.events.iter().rfind(|event| {
            matches!(event, EventKind::TrunkUp { trunk } | EventKind::TrunkDown { trunk, .. }
                if trunk.name == "carrier" && trunk.tenant == "demo")
        });
        matches!(last, Some(EventKind::TrunkUp { .. }))
    };
    assert!(up(&host), "{:?}", host.events);
    // Its OPTIONS stay unanswered.
    host.run(60);
    assert!(!up(&host), "{:?}", host.events);
    let probe = host.sent.iter().rfind(|(_, text)| text.starts_with("OPTIONS ")).unwrap();
    let answer = reply(&parsed(&probe.1.clone()), "200 OK", "");
    host.receive(CARRIER, &answer);
    assert!(up(&host), "its return is noticed");
}

/// A phone behind a router that asks for no `rport` (RFC 3581) hears us where its packets come from, unless that is switched off.
#[test]
fn a_phone_behind_a_router_is_answered_at_its_router() {
    for (forced, expected) in [(true, "198.51.100.9:41000"), (false, "198.51.100.9:5060")] {
        let mut config = two_companies();
        config.sip.qualify_secs = 0;
        config.sip.force_rport = forced;
        let mut host = Host::new(config);
        let text = request("OPTIONS", "sip:pbx.example", "sip:4567@pbx.example", 1, "", "");
        let text = text.replace(PHONE, "192.168.1.20:5060").replace(";rport", "");
        let sent = host.receive("198.51.100.9:41000", &text);
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!(sent[0].0.remote, expected.parse().unwrap());
    }
}

/// Each end of a call is told an address of its own family, where the switch has media in both.
#[test]
fn phones_of_both_address_families_call_each_other() {
    const V6: &str = "[2001:db8::7]:5060";
    const SDP6: &str = "v=0\r\no=- 1 1 IN IP6 2001:db8::7\r\ns=-\r\nc=IN IP6 2001:db8::7\r\nt=0 0\r\n\
                        m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";
    for (caller, callee, offer, family) in
        [(V6, PHONE, SDP6, "c=IN IP4 "), (PHONE, V6, SDP, "c=IN IP6 ")]
    {
        let mut host = fresh();
        let port = |n: u16| Port {
            id: PortId((n + 64).into()),
            rtp: format!("[2001:db8::1]:{}", 16384 + 2 * n).parse().unwrap(),
            rtcp: format!("[2001:db8::1]:{}", 16385 + 2 * n).parse().unwrap(),
        };
        let ports = (0..8).map(port).collect();
        host.input(Input::MediaPorts { worker: WorkerId(0), ports });
        let (domain, owner) = ("sip:pbx.example", "sip:90310468564567@pbx.example");
        let alice = ("90310468564567", "secret");
        with_digest_at(&mut host, callee, ("REGISTER", domain, owner), 1, alice, "");
        let dial = ("INVITE", "sip:4567@pbx.example", "sip:4568@pbx.example");
        let sent = with_digest_at(&mut host, caller, dial, 10, ("4568", "secret"), offer);
        let invites: Vec<_> = sent.iter().filter(|(_, text)| is_invite(text)).collect();
        let [(flow, text)] = &invites[..] else { panic!("{sent:?}") };
        assert_eq!(flow.remote, callee.parse().unwrap());
        assert!(text.contains(family), "{text}");
        assert_eq!(text.matches("c=IN ").count(), 1, "{text}");
    }
}
