//! Locating servers (RFC 3263, RFC 2782).

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use strowger_sip::Transport;
use strowger_sip::resolve::{
    Answer, Naptr, Question, Record, RecordKind, Request, Resolved, Resolver, Srv,
};

/// Records by name, each with a TTL.
#[derive(Default)]
struct Zone(BTreeMap<Question, (Vec<Record>, u32)>);

impl Zone {
    fn add(mut self, name: &str, record: Record, ttl: u32) -> Self {
        let kind = match record {
            Record::Naptr(_) => RecordKind::Naptr,
            Record::Srv(_) => RecordKind::Srv,
            Record::A(_) => RecordKind::A,
            Record::Aaaa(_) => RecordKind::Aaaa,
        };
        let entry = self.0.entry(Question { name: name.into(), kind }).or_insert((vec![], ttl));
        entry.0.push(record);
        entry.1 = entry.1.min(ttl);
        self
    }

    fn a(self, name: &str, ip: &str) -> Self {
        self.add(name, Record::A(ip.parse().unwrap()), 300)
    }

    fn srv(self, name: &str, priority: u16, weight: u16, port: u16, target: &str) -> Self {
        let target = target.into();
        self.add(name, Record::Srv(Srv { priority, weight, port, target }), 200)
    }

    fn naptr(self, name: &str, order: u16, service: &str, replacement: &str) -> Self {
        let naptr = Naptr {
            order,
            preference: 0,
            flags: "s".into(),
            service: service.into(),
            replacement: replacement.into(),
        };
        self.add(name, Record::Naptr(naptr), 100)
    }

    fn resolve(&self, request: Request, seed: u8) -> (Resolved, Vec<Question>) {
        let mut resolver = Resolver::start(request);
        let mut rng = ChaCha8Rng::from_seed([seed; 32]);
        let mut asked = Vec::new();
        while resolver.finished().is_none() {
            let batch: Vec<_> = std::iter::from_fn(|| resolver.poll_question()).collect();
            assert!(!batch.is_empty(), "unfinished, and asks nothing");
            for question in batch {
                let answer = match self.0.get(&question) {
                    Some((records, ttl)) => {
                        Answer::Found { records: records.clone(), ttl_secs: *ttl }
                    }
                    None => Answer::Failed,
                };
                resolver.answer(&question, answer, &mut rng);
                asked.push(question);
            }
        }
        (resolver.finished().unwrap(), asked)
    }
}

fn request(host: &str) -> Request {
    Request {
        host: host.into(),
        port: None,
        transport: None,
        secure: false,
        ipv4: true,
        ipv6: false,
    }
}

fn shown(resolved: &Resolved) -> Vec<String> {
    resolved.targets.iter().map(|t| format!("{} {}", t.transport, t.address)).collect()
}

#[test]
fn an_address_needs_no_dns() {
    for (host, port, transport, secure, wanted) in [
        ("192.0.2.1", None, None, false, "udp 192.0.2.1:5060"),
        ("192.0.2.1", Some(5070), Some(Transport::Tcp), false, "tcp 192.0.2.1:5070"),
        ("[2001:db8::1]", None, None, true, "tls [2001:db8::1]:5061"),
        ("2001:db8::1", None, Some(Transport::Ws), true, "wss [2001:db8::1]:443"),
    ] {
        let (got, asked) =
            Zone::default().resolve(Request { port, transport, secure, ..request(host) }, 0);
        assert_eq!((shown(&got), asked.len()), (vec![wanted.to_owned()], 0));
    }
}

#[test]
fn a_port_means_addresses_only() {
    let zone = Zone::default().a("sip.example", "192.0.2.1").a("sip.example", "192.0.2.2");
    let (got, asked) = zone.resolve(Request { port: Some(5080), ..request("sip.example") }, 0);
    assert_eq!(shown(&got), ["udp 192.0.2.1:5080", "udp 192.0.2.2:5080"]);
    assert_eq!((asked.len(), got.ttl_secs), (1, 300));
    let both = Request { port: Some(5080), ipv6: true, ..request("sip.example") };
    assert_eq!(zone.resolve(both, 0).1.len(), 2);
}

#[test]
fn naptr_leads_to_srv_and_addresses() {
    let zone = Zone::default()
        .naptr("example", 20, "SIP+D2U", "_sip._udp.example")
        .naptr("example", 10, "SIP+D2T", "_sip._tcp.example.")
        .naptr("example", 5, "SIP+D2S", "_sip._sctp.example")
        .srv("_sip._tcp.example", 1, 0, 5070, "a.example.")
        .srv("_sip._udp.example", 1, 0, 5080, "b.example")
        .a("a.example", "192.0.2.1")
        .a("b.example", "192.0.2.2");
    let (got, asked) = zone.resolve(request("example"), 0);
    assert_eq!(shown(&got), ["tcp 192.0.2.1:5070", "udp 192.0.2.2:5080"]);
    assert_eq!((asked.len(), got.ttl_secs), (5, 100));
}

#[test]
fn without_naptr_srv_is_asked_for_each_transport() {
    let zone = Zone::default()
        .srv("_sip._udp.example", 1, 0, 5080, "b.example")
        .a("b.example", "192.0.2.2");
    let (got, asked) = zone.resolve(request("example"), 0);
    assert_eq!(shown(&got), ["udp 192.0.2.2:5080"]);
    let names: Vec<_> = asked.iter().map(|question| question.name.as_str()).collect();
    assert_eq!(
        names,
        ["example", "_sip._udp.example", "_sip._tcp.example", "_sips._tcp.example", "b.example"]
    );
    // A named transport asks for its own service only.
    let tcp = Request { transport: Some(Transport::Tcp), ..request("example") };
    assert_eq!(zone.resolve(tcp, 0).1[0].name, "_sip._tcp.example");
}

#[test]
fn without_srv_the_host_itself_is_used() {
    let zone = Zone::default().a("example", "192.0.2.9");
    assert_eq!(shown(&zone.resolve(request("example"), 0).0), ["udp 192.0.2.9:5060"]);
    let secure = Request { secure: true, ..request("example") };
    assert_eq!(shown(&zone.resolve(secure, 0).0), ["tls 192.0.2.9:5061"]);
}

#[test]
fn a_secure_request_takes_secure_services_only() {
    let zone = Zone::default()
        .naptr("example", 1, "SIP+D2U", "_sip._udp.example")
        .naptr("example", 2, "SIPS+D2T", "_sips._tcp.example")
        .srv("_sips._tcp.example", 1, 0, 5061, "a.example")
        .a("a.example", "192.0.2.1");
    let secure = Request { secure: true, ..request("example") };
    assert_eq!(shown(&zone.resolve(secure, 0).0), ["tls 192.0.2.1:5061"]);
}

#[test]
fn servers_come_by_priority_and_share_by_weight() {
    let zone = Zone::default()
        .srv("_sip._tcp.example", 20, 0, 5060, "backup.example")
        .srv("_sip._tcp.example", 10, 75, 5060, "big.example")
        .srv("_sip._tcp.example", 10, 25, 5060, "small.example")
        .srv("_sip._tcp.example", 1, 0, 5060, ".")
        .a("backup.example", "192.0.2.3")
        .a("big.example", "192.0.2.1")
        .a("small.example", "192.0.2.2");
    let tcp = Request { transport: Some(Transport::Tcp), ..request("example") };
    let mut first_big = 0;
    for seed in 0..200 {
        let got = shown(&zone.resolve(tcp.clone(), seed).0);
        assert_eq!((got.len(), got[2].as_str()), (3, "tcp 192.0.2.3:5060"));
        first_big += usize::from(got[0] == "tcp 192.0.2.1:5060");
    }
    assert!((120..180).contains(&first_big), "{first_big} of 200 for a weight of 75 %");
}

#[test]
fn a_name_that_leads_nowhere_is_asked_again_soon() {
    let (got, _) = Zone::default().resolve(request("nowhere.example"), 0);
    assert_eq!((got.targets.len(), got.ttl_secs), (0, 30));
}

#[test]
fn a_huge_answer_is_cut() {
    let mut zone = Zone::default();
    for number in 0..100_u8 {
        let host = format!("h{number}.example");
        zone = zone.srv("_sip._udp.example", 1, 1, 5060, &host);
        for last in 0..100 {
            zone = zone.a(&host, &format!("192.0.{number}.{last}"));
        }
    }
    let (got, asked) = zone.resolve(request("example"), 0);
    assert!(got.targets.len() <= strowger_sip::resolve::MAX_TARGETS && asked.len() < 20);
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let mut rng = ChaCha8Rng::from_seed([0; 32]);
    let mut resolver = Resolver::start(Request { port: Some(1), ..request("example") });
    let question = resolver.poll_question().unwrap();
    let found =
        |ip: &str| Answer::Found { records: vec![Record::A(ip.parse().unwrap())], ttl_secs: 9 };
    let other = Question { name: "other".into(), kind: RecordKind::A };
    resolver.answer(&other, found("192.0.2.66"), &mut rng);
    assert_eq!(resolver.finished(), None);
    resolver.answer(&question, found("192.0.2.1"), &mut rng);
    resolver.answer(&question, found("192.0.2.66"), &mut rng);
    assert_eq!(shown(&resolver.finished().unwrap()), ["udp 192.0.2.1:1"]);
}
