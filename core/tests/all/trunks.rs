//! Carriers: found, watched, left alone and found again.

use sip::endpoint::RequestFailure;
use sip::resolve::{Answer, Record, RecordKind, Srv};
use sip::{Method, Transport};
use strowger_core::trunk::Report;
use strowger_core::vocab::Hop;
use strowger_core::vocab::config::Trunk;

use crate::carrier::*;
use crate::common::*;

#[test]
fn a_written_address_needs_no_dns_and_is_up_at_once() {
    let mut bench = Bench::new(&[trunk("demo", "line", "192.0.2.10")]);
    assert_eq!(bench.take_changes(), ["line up"]);
    assert_eq!(bench.targets("line"), ["udp:192.0.2.10:5060"]);
    assert!(bench.asked.is_empty() && bench.sent.is_empty());
    assert_eq!(bench.trunks.next_deadline(), None);
    let v6 = Bench::new(&[Trunk {
        transport: Some(Transport::Tls),
        ..trunk("demo", "line", "[2001:db8::1]:5071")
    }]);
    assert_eq!(v6.targets("line"), ["tls:[2001:db8::1]:5071"]);
}

#[test]
fn a_name_is_located_and_asked_again_after_its_ttl() {
    let mut bench = Bench::new(&[trunk("demo", "line", "c.example")]);
    assert!(!bench.up("line") && bench.take_changes().is_empty(), "not known yet");
    bench.resolve("c.example", RecordKind::Naptr, found(Vec::new(), 60));
    let server = |port, priority, target: &str| {
        Record::Srv(Srv { priority, weight: 0, port, target: target.into() })
    };
    let servers = vec![server(5070, 20, "b.c.example"), server(5060, 10, "a.c.example")];
    bench.resolve("_sip._udp.c.example", RecordKind::Srv, found(servers, 60));
    bench.resolve("_sip._tcp.c.example", RecordKind::Srv, Answer::Failed);
    bench.resolve("_sips._tcp.c.example", RecordKind::Srv, Answer::Failed);
    bench.resolve("a.c.example", RecordKind::A, found(vec![a("192.0.2.10")], 30));
    bench.resolve("b.c.example", RecordKind::A, found(vec![a("192.0.2.11")], 300));
    assert_eq!(bench.targets("line"), ["udp:192.0.2.10:5060", "udp:192.0.2.11:5070"]);
    assert_eq!(bench.take_changes(), ["line up"]);
    bench.run_to(30 * SECOND - 1);
    assert!(bench.asked.is_empty(), "held for the least TTL");
    bench.run_to(30 * SECOND);
    bench.resolve("c.example", RecordKind::Naptr, Answer::Failed);
    for service in ["_sip._udp", "_sip._tcp", "_sips._tcp"] {
        bench.resolve(&format!("{service}.c.example"), RecordKind::Srv, Answer::Failed);
    }
    bench.resolve("c.example", RecordKind::A, Answer::Failed);
    assert_eq!(bench.targets("line").len(), 2, "what was known is better than nothing");
    assert!(bench.up("line") && bench.take_changes().is_empty());
    bench.run(5);
    assert_eq!(bench.asked.len(), 1, "asked again soon");
}

#[test]
fn a_name_that_leads_nowhere_is_asked_for_ever_more_slowly() {
    let mut bench = Bench::new(&[trunk("demo", "line", "c.example:5060")]);
    let mut asked = Vec::new();
    for _ in 0..6 {
        asked.push(bench.now / SECOND);
        bench.resolve("c.example", RecordKind::A, Answer::Failed);
        bench.now = bench.trunks.next_deadline().unwrap();
        bench.drain();
    }
    assert_eq!(asked, [0, 5, 15, 35, 75, 135]);
    assert_eq!(bench.take_changes(), ["line down: c.example:5060 cannot be resolved"]);
    assert_eq!(bench.targets("line"), Vec::<String>::new());
    bench.resolve("c.example", RecordKind::A, found(vec![a("192.0.2.10")], 60));
    assert_eq!(bench.take_changes(), ["line up"]);
}

#[test]
fn a_silent_dns_is_a_failed_one() {
    let mut bench = Bench::new(&[trunk("demo", "line", "c.example:5060")]);
    bench.run(9);
    assert!(bench.take_changes().is_empty());
    bench.run(1);
    assert_eq!(bench.take_changes(), ["line down: c.example:5060 cannot be resolved"]);
    let (trunk, question) = bench.asked[0].clone();
    bench.trunks.resolved(moment(bench.now), &trunk, &question, found(vec![a("192.0.2.9")], 9));
    bench.drain();
    assert!(bench.targets("line").is_empty(), "too late");
}

#[test]
fn three_missed_options_take_an_address_down_and_one_answer_brings_it_back() {
    let mut bench = Bench::new(&[watched("192.0.2.10")]);
    let first = bench.next();
    assert!(first.is(&Method::Options) && first.at == 0, "asked at once");
    assert_eq!(first.request.uri, "sip:192.0.2.10");
    bench.answer(&first, "404 Not Found", &[]);
    assert_eq!(bench.take_changes(), ["line up"], "any answer will do");
    let second = bench.next();
    assert!((54 * SECOND..=60 * SECOND).contains(&second.at), "{}", second.at);
    bench.run(5);
    let third = bench.next();
    assert_eq!(third.at, second.at + 10 * SECOND, "asked again soon");
    bench.run_to(second.at + 24 * SECOND);
    assert!(bench.up("line"), "two may get lost");
    bench.run(1);
    assert_eq!(bench.take_changes(), ["line down: no answer to OPTIONS"]);
    assert_eq!(bench.targets("line"), ["udp:192.0.2.10:5060"], "the last resort");
    bench.sent.clear();
    bench.run(3600);
    let pauses: Vec<u64> =
        bench.sent.windows(2).map(|pair| (pair[1].at - pair[0].at) / SECOND).collect();
    assert!(pauses.iter().all(|pause| *pause == 10), "its return is noticed within 10 s");
    let last = bench.sent.pop().unwrap();
    bench.answer(&last, "200 OK", &[]);
    assert_eq!(bench.take_changes(), ["line up"]);
}

#[test]
fn a_late_answer_to_options_counts() {
    let mut bench = Bench::new(&[watched("192.0.2.10")]);
    for _ in 0..3 {
        let probe = bench.next();
        bench.run_to(probe.at + 6 * SECOND);
        bench.answer(&probe, "200 OK", &[]);
    }
    assert_eq!(bench.take_changes(), ["line up"]);
    let probe = bench.next();
    bench.outcome(&probe, Err(RequestFailure::Transport));
    let soon = bench.next();
    assert_eq!(soon.at, probe.at + 5 * SECOND);
    bench.outcome(&probe, Err(RequestFailure::Timeout));
    bench.outcome(&probe, Err(RequestFailure::Timeout));
    assert!(bench.up("line"), "one failure counts once");
}

#[test]
fn a_carrier_that_asks_for_rest_gets_it() {
    let mut bench = Bench::new(&[watched("192.0.2.10")]);
    let probe = bench.next();
    bench.answer(&probe, "503 Service Unavailable", &["Retry-After: 90"]);
    assert_eq!(bench.take_changes(), ["line up", "line down: 503 Service Unavailable"]);
    let probe = bench.next();
    bench.answer(&probe, "200 OK", &[]);
    assert!(!bench.up("line"), "it said when");
    bench.run_to(90 * SECOND - 1);
    assert!(!bench.up("line"));
    bench.run_to(90 * SECOND);
    assert_eq!(bench.take_changes(), ["line up"]);
    bench.report("line", "192.0.2.10:5060", Report::Overloaded(None));
    assert!(bench.up("line"), "503 without Retry-After is about that call (RFC 3261 21.5.4)");
    let mut bench = Bench::new(&[trunk("demo", "line", "192.0.2.10")]);
    bench.report("line", "192.0.2.10:5060", Report::Overloaded(Some(1_000_000)));
    assert!(!bench.up("line"));
    bench.run(600);
    assert!(bench.up("line"), "within reason");
}

#[test]
fn an_address_that_failed_a_call_rests_and_the_next_is_tried() {
    let mut bench = two_addresses(watched(""));
    for probe in std::mem::take(&mut bench.sent) {
        bench.answer(&probe, "200 OK", &[]);
    }
    let both = ["udp:192.0.2.10:5060", "udp:192.0.2.11:5060"];
    assert_eq!(bench.targets("line"), both);
    bench.report("line", "192.0.2.10:5060", Report::Silent);
    assert_eq!(bench.targets("line"), ["udp:192.0.2.11:5060", "udp:192.0.2.10:5060"]);
    assert!(bench.up("line"));
    let probe = bench.next();
    assert_eq!((probe.at, probe.target.address), (0, address("192.0.2.10:5060")), "asked at once");
    bench.answer(&probe, "200 OK", &[]);
    assert_eq!(bench.targets("line"), both, "it is back");
    bench.report("line", "192.0.2.10:5060", Report::Silent);
    bench.report("line", "192.0.2.10:5060", Report::Alive);
    assert_eq!(bench.targets("line"), both, "another call reached it");
    bench.report("line", "203.0.113.1:5060", Report::Silent);
}

#[test]
fn without_options_a_failed_address_rests_for_half_a_minute() {
    let mut bench = Bench::new(&[trunk("demo", "line", "192.0.2.10")]);
    bench.report("line", "192.0.2.10:5060", Report::Silent);
    assert_eq!(bench.take_changes(), ["line up", "line down: no answer"]);
    bench.run_to(30 * SECOND - 1);
    assert!(!bench.up("line"));
    bench.run_to(30 * SECOND);
    assert_eq!(bench.take_changes(), ["line up"]);
    assert!(bench.sent.is_empty());
}

#[test]
fn calls_are_known_by_their_source() {
    let mut tcp = Trunk { transport: Some(Transport::Tcp), ..trunk("demo", "tcp", "192.0.2.11") };
    tcp.addresses.push(address("198.51.100.1:1").ip());
    let bench = Bench::new(&[trunk("demo", "udp", "192.0.2.10:5070"), tcp]);
    let who = |remote: &str| {
        let keys = bench.trunks.identify(address(remote));
        keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(who("192.0.2.10:5070"), "udp");
    assert_eq!(who("[::ffff:192.0.2.10]:5070"), "udp");
    assert_eq!(who("192.0.2.10:5060"), "", "a phone on the carrier's host");
    assert_eq!(who("192.0.2.11:40000"), "tcp", "connections come from anywhere");
    assert_eq!(who("198.51.100.1:9999"), "tcp", "listed");
    assert_eq!(who("198.51.100.2:5060"), "");
    let twins = [trunk("demo", "a", "192.0.2.10"), trunk("demo", "b", "192.0.2.10")];
    let bench = Bench::new(&twins);
    assert_eq!(bench.trunks.identify(address("192.0.2.10:5060")).len(), 2);
}

#[test]
fn places_behind_dead_trunks_come_last() {
    let mut bench =
        Bench::new(&[trunk("demo", "a", "192.0.2.10"), trunk("demo", "b", "192.0.2.11")]);
    let hop = |name| Hop::Trunk { trunk: trunk_key("demo", name), number: "1".into() };
    bench.report("a", "192.0.2.10:5060", Report::Silent);
    let mut hops = vec![hop("a"), hop("unknown"), hop("b"), Hop::Echo];
    bench.trunks.living_first(&mut hops);
    assert_eq!(hops, [hop("b"), Hop::Echo, hop("a"), hop("unknown")]);
}

/// Everything that one trunk does in an hour in which its carrier answers everything.
fn trace(with: &[Trunk]) -> Vec<(u64, Method, Option<u32>)> {
    let mut bench = Bench::new(with);
    let mut trace = Vec::new();
    loop {
        let sent = bench.next();
        if sent.at > 3600 * SECOND {
            return trace;
        }
        if sent.target.address == address("192.0.2.10:5060") {
            trace.push((sent.at, sent.request.method.clone(), sent.request.cseq));
            bench.answer(&sent, "200 OK", &["Expires: 300"]);
        }
    }
}

#[test]
fn a_dead_carrier_changes_nothing_for_another() {
    let good = Trunk { qualify_secs: 60, ..registering("192.0.2.10") };
    let dead = |name: &str, host: &str| Trunk {
        key: trunk_key("demo", name),
        qualify_secs: 10,
        ..registering(host)
    };
    let alone = trace(std::slice::from_ref(&good));
    assert!(alone.len() > 70);
    let among = trace(&[
        dead("dead1", "192.0.2.66"),
        good,
        dead("dead2", "nowhere.example"),
        dead("dead3", "192.0.2.67"),
    ]);
    assert_eq!(alone, among);
}
