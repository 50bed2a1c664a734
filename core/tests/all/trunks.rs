//! Carriers: found, watched, registered with, left alone and found again.

use sip::endpoint::{OutRequest, RequestFailure};
use sip::resolve::{Answer, Question, Record, RecordKind, Srv, Target};
use sip::{Message, Method, Transport};
use strowger_core::trunk::{Report, TrunkTask, Trunks, Work};
use strowger_core::vocab::config::Trunk;
use strowger_core::vocab::input::Listener;
use strowger_core::vocab::{Hop, Secret, TrunkKey};

use crate::common::*;

/// A request that a trunk wanted sent.
#[derive(Debug, Clone)]
pub struct Sent {
    pub at: u64,
    pub task: TrunkTask,
    pub target: Target,
    pub request: OutRequest,
    pub contact_user: Option<String>,
}

impl Sent {
    fn is(&self, method: &Method) -> bool {
        self.request.method == *method
    }

    fn header(&self, name: &str) -> Option<&str> {
        let own = self.request.headers.iter().find(|(own, _)| own == name);
        own.map(|(_, value)| value.as_str())
    }
}

/// Trunks with what they did so far.
pub struct Bench {
    pub trunks: Trunks,
    pub now: u64,
    pub sent: Vec<Sent>,
    pub asked: Vec<(TrunkKey, Question)>,
    pub changes: Vec<String>,
}

pub fn listeners() -> [Listener; 1] {
    [Listener { transport: Transport::Udp, address: address("192.0.2.1:5060") }]
}

impl Bench {
    pub fn new(trunks: &[Trunk]) -> Self {
        let trunks = Trunks::new(trunks, &listeners(), [7; 32], at(0));
        let mut bench =
            Self { trunks, now: 0, sent: Vec::new(), asked: Vec::new(), changes: Vec::new() };
        bench.drain();
        bench
    }

    pub fn drain(&mut self) {
        while let Some(work) = self.trunks.pop_due(moment(self.now)) {
            match work {
                Work::Resolve { trunk, question } => self.asked.push((trunk, question)),
                Work::Request { task, target, request, contact_user, .. } => {
                    let (at, request) = (self.now, *request);
                    self.sent.push(Sent { at, task, target, request, contact_user });
                }
            }
        }
        while let Some(change) = self.trunks.pop_change() {
            let what = change.up.map_or_else(|why| format!("down: {why}"), |()| "up".into());
            self.changes.push(format!("{} {what}", change.trunk.name));
        }
        let mut errors = Vec::new();
        self.trunks.audit(&mut errors);
        assert_eq!(errors, Vec::<String>::new());
    }

    /// Lets time pass, stopping at every deadline on the way.
    pub fn run_to(&mut self, end: u64) {
        while let Some(deadline) = self.trunks.next_deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.drain();
        }
        self.now = end;
    }

    pub fn run(&mut self, seconds: u64) {
        self.run_to(self.now + seconds * SECOND);
    }

    /// Runs until a request goes out and takes it off.
    fn next(&mut self) -> Sent {
        for _ in 0..100 {
            if !self.sent.is_empty() {
                return self.sent.remove(0);
            }
            self.now = self.trunks.next_deadline().expect("something is to come").max(self.now);
            self.drain();
        }
        panic!("nothing is sent");
    }

    pub fn outcome(&mut self, sent: &Sent, outcome: Result<&Message, RequestFailure>) {
        self.trunks.answered(moment(self.now), &sent.task, outcome);
        self.drain();
    }

    pub fn answer(&mut self, sent: &Sent, status: &str, headers: &[&str]) {
        let message = response(&sent.request, status, headers);
        self.outcome(sent, Ok(&message));
    }

    fn resolve(&mut self, name: &str, kind: RecordKind, answer: Answer) {
        let found =
            |(_, question): &(TrunkKey, Question)| question.name == name && question.kind == kind;
        let at = self
            .asked
            .iter()
            .position(found)
            .unwrap_or_else(|| panic!("{kind:?} of {name} was not asked: {:?}", self.asked));
        let (trunk, question) = self.asked.remove(at);
        self.trunks.resolved(moment(self.now), &trunk, &question, answer);
        self.drain();
    }

    fn up(&self, name: &str) -> bool {
        self.trunks.is_up(&trunk_key("demo", name))
    }

    fn targets(&self, name: &str) -> Vec<String> {
        let targets = self.trunks.targets(&trunk_key("demo", name));
        targets.iter().map(|target| format!("{}:{}", target.transport, target.address)).collect()
    }

    fn take_changes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.changes)
    }

    fn report(&mut self, name: &str, remote: &str, report: Report) {
        let target = Target { transport: Transport::Udp, address: address(remote) };
        self.trunks.reported(moment(self.now), &trunk_key("demo", name), target, report);
        self.drain();
    }
}

pub fn response(request: &OutRequest, status: &str, headers: &[&str]) -> Message {
    let first = format!("SIP/2.0 {status}");
    let cseq = format!("CSeq: {} {}", request.cseq.unwrap_or(1), request.method);
    let mut lines = vec![
        first.as_str(),
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        "From: <sip:a@b>;tag=1",
        "To: <sip:a@b>;tag=2",
        "Call-ID: x",
        cseq.as_str(),
    ];
    lines.extend(headers);
    message(&lines)
}

/// A trunk that is asked by OPTIONS every minute.
fn watched(host: &str) -> Trunk {
    Trunk { qualify_secs: 60, ..trunk("demo", "line", host) }
}

pub fn registering(host: &str) -> Trunk {
    Trunk {
        register: true,
        username: Some("acct".into()),
        password: Some(Secret::new("pw")),
        ..trunk("demo", "line", host)
    }
}

fn found(records: Vec<Record>, ttl_secs: u32) -> Answer {
    Answer::Found { records, ttl_secs }
}

fn a(text: &str) -> Record {
    Record::A(text.parse().unwrap())
}

/// A host with two addresses, resolved.
fn two_addresses(trunk: Trunk) -> Bench {
    let mut bench = Bench::new(&[Trunk { host: "c.example:5060".into(), ..trunk }]);
    bench.resolve(
        "c.example",
        RecordKind::A,
        found(vec![a("192.0.2.10"), a("192.0.2.11")], 86_400),
    );
    bench
}

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
fn a_registration_is_made_and_refreshed_in_good_time() {
    let mut bench = Bench::new(&[registering("192.0.2.10:5070")]);
    assert!(!bench.up("line") && bench.take_changes().is_empty());
    let first = bench.next();
    assert!(first.is(&Method::Register));
    assert_eq!(first.request.uri, "sip:192.0.2.10:5070");
    assert_eq!(first.request.from, "<sip:acct@192.0.2.10>");
    assert_eq!(first.request.from, first.request.to);
    assert_eq!(first.contact_user.as_deref(), Some("acct"));
    assert_eq!(first.header("Expires"), Some("600"));
    let credentials = first.request.credentials.clone().unwrap();
    assert_eq!((credentials.username.as_str(), credentials.password.expose()), ("acct", "pw"));
    let contacts = [
        "Contact: <sip:other@192.0.2.1>;expires=9999",
        "Contact: <sip:acct@192.0.2.1:5060>;expires=300",
        "Expires: 7",
    ];
    bench.answer(&first, "200 OK", &contacts);
    assert_eq!(bench.take_changes(), ["line up"]);
    let second = bench.next();
    assert!((180 * SECOND..=240 * SECOND).contains(&second.at), "{}", second.at);
    assert_eq!(second.request.call_id, first.request.call_id);
    assert!(second.request.cseq > first.request.cseq);
    bench.answer(&second, "200 OK", &["Expires: 100"]);
    let third = bench.next();
    let pause = third.at - second.at;
    assert!((60 * SECOND..=80 * SECOND).contains(&pause), "the header, without a Contact: {pause}");
    let view = &bench.trunks.views("demo")[0];
    assert_eq!((view.up, view.registered, view.reason.as_deref()), (true, Some(true), None));
}

#[test]
fn the_number_of_a_challenged_register_is_not_used_again() {
    let mut bench = Bench::new(&[registering("192.0.2.10")]);
    let first = bench.next();
    // The endpoint answered two challenges on the way.
    let mut answered = first.request.clone();
    answered.cseq = first.request.cseq.map(|cseq| cseq + 20);
    let message = response(&answered, "200 OK", &["Expires: 100"]);
    bench.outcome(&first, Ok(&message));
    assert!(bench.next().request.cseq > answered.cseq);
}

#[test]
fn a_registration_that_is_too_brief_is_asked_for_longer() {
    let mut bench = Bench::new(&[Trunk { expires: 60, ..registering("192.0.2.10") }]);
    let first = bench.next();
    bench.answer(&first, "423 Interval Too Brief", &["Min-Expires: 1800"]);
    let second = bench.next();
    assert_eq!((second.at, second.header("Expires")), (0, Some("1800")));
    bench.answer(&second, "423 Interval Too Brief", &["Min-Expires: 1800"]);
    assert_eq!(
        bench.take_changes(),
        ["line down: registration refused: 423 Interval Too Brief"],
        "no endless loop"
    );
}

#[test]
fn a_refused_registration_is_repeated_slowly() {
    let mut bench = Bench::new(&[registering("192.0.2.10")]);
    let mut last = 0;
    for round in 0..8 {
        let sent = bench.next();
        let pause = sent.at - last;
        let full = ((60 * SECOND) << round >> 1).min(900 * SECOND);
        assert!(round == 0 || (full / 2..=full).contains(&pause), "{round}: {pause}");
        last = sent.at;
        bench.answer(&sent, "403 Forbidden", &[]);
    }
    assert_eq!(bench.take_changes(), ["line down: registration refused: 403 Forbidden"]);
    let view = &bench.trunks.views("demo")[0];
    assert_eq!(view.registered, Some(false));
    assert_eq!(view.reason.as_deref(), Some("registration refused: 403 Forbidden"));
    let sent = bench.next();
    bench.answer(&sent, "200 OK", &[]);
    assert_eq!(bench.take_changes(), ["line up"]);
}

#[test]
fn a_silent_registrar_is_tried_at_its_other_address_then_later() {
    let mut bench = two_addresses(registering(""));
    let first = bench.next();
    let second = bench.next();
    assert_eq!(second.at - first.at, 8 * SECOND);
    assert_ne!(second.target, first.target);
    bench.outcome(&second, Err(RequestFailure::Transport));
    assert_eq!(bench.take_changes(), ["line down: not registered: no answer to REGISTER"]);
    let third = bench.next();
    let pause = third.at - second.at;
    assert!((2 * SECOND..=4 * SECOND).contains(&pause), "a pause after a round: {pause}");
    bench.answer(&first, "200 OK", &[]);
    assert!(!bench.up("line"), "that one was given up");
    bench.answer(&third, "200 OK", &[]);
    assert!(bench.up("line"));
}

#[test]
fn a_registration_lapses_when_its_carrier_stays_silent() {
    let mut bench = Bench::new(&[Trunk { qualify_secs: 60, ..registering("192.0.2.10") }]);
    let (probe, first) = (bench.next(), bench.next());
    bench.answer(&probe, "200 OK", &[]);
    bench.answer(&first, "200 OK", &["Expires: 120"]);
    assert_eq!(bench.take_changes(), ["line up"]);
    bench.run_to(120 * SECOND - 1);
    assert_eq!(bench.trunks.views("demo")[0].registered, Some(true));
    bench.run_to(300 * SECOND);
    assert_eq!(bench.trunks.views("demo")[0].registered, Some(false));
    assert!(!bench.up("line"));
    bench.sent.retain(|sent| sent.at + 10 * SECOND >= bench.now);
    let probe = bench.sent.iter().rposition(|sent| sent.is(&Method::Options)).unwrap();
    let probe = bench.sent.remove(probe);
    bench.sent.clear();
    bench.run(1);
    bench.take_changes();
    bench.answer(&probe, "200 OK", &[]);
    let heard = bench.now;
    let again = loop {
        let sent = bench.next();
        if sent.is(&Method::Register) {
            break sent;
        }
        bench.answer(&sent, "200 OK", &[]);
    };
    assert!(again.at <= heard + 40 * SECOND, "a REGISTER under way is waited for, no backoff");
    bench.answer(&again, "200 OK", &["Expires: 120"]);
    assert_eq!(bench.take_changes().last().map(String::as_str), Some("line up"));
}

#[test]
fn a_reload_disturbs_only_what_changed() {
    let line = registering("192.0.2.10");
    let mut bench = Bench::new(std::slice::from_ref(&line));
    let first = bench.next();
    bench.answer(&first, "200 OK", &["Expires: 600"]);
    let deadline = bench.trunks.next_deadline();
    let cosmetic = Trunk { max_calls: 5, trusted: true, ..line.clone() };
    bench.trunks.reconfigure(std::slice::from_ref(&cosmetic), moment(bench.now));
    bench.drain();
    assert!(bench.sent.is_empty() && bench.up("line"));
    assert_eq!(bench.trunks.next_deadline(), deadline);
    let changed = Trunk { password: Some(Secret::new("new")), ..cosmetic };
    bench.trunks.reconfigure(std::slice::from_ref(&changed), moment(bench.now));
    bench.drain();
    let again = bench.next();
    assert_ne!(again.request.call_id, first.request.call_id);
    assert_eq!(again.header("Expires"), Some("600"));
    assert!(bench.sent.is_empty(), "the account is the same: nothing is taken back");
    bench.answer(&again, "200 OK", &[]);
    bench.trunks.reconfigure(&[], moment(bench.now));
    bench.drain();
    let gone = bench.next();
    assert_eq!(
        (gone.header("Expires"), gone.request.call_id.as_deref()),
        (Some("0"), again.request.call_id.as_deref())
    );
    assert!(gone.request.cseq > again.request.cseq);
    bench.answer(&gone, "200 OK", &[]);
    assert_eq!((bench.trunks.next_deadline(), bench.trunks.all_up()), (None, Vec::new()));
}

#[test]
fn on_the_way_out_registrations_are_taken_back() {
    let unregistered = Trunk { key: trunk_key("demo", "plain"), ..trunk("demo", "", "192.0.2.11") };
    let mut bench = Bench::new(&[registering("192.0.2.10"), unregistered]);
    let first = bench.next();
    bench.answer(&first, "200 OK", &[]);
    bench.trunks.withdraw(moment(bench.now));
    bench.drain();
    let [sent] = &bench.sent[..] else { panic!("{:?}", bench.sent) };
    assert_eq!(sent.header("Expires"), Some("0"));
    bench.sent.clear();
    bench.run(10_000);
    assert!(bench.sent.is_empty(), "and not made again");
}

#[test]
fn a_registration_whose_connection_ended_is_made_again() {
    let mut bench =
        Bench::new(&[Trunk { transport: Some(Transport::Tcp), ..registering("192.0.2.10") }]);
    let first = bench.next();
    assert_eq!(first.request.uri, "sip:192.0.2.10;transport=tcp");
    bench.answer(&first, "200 OK", &["Expires: 600"]);
    let closed = |bench: &mut Bench, flow| {
        bench.trunks.flow_closed(moment(bench.now), flow);
        bench.drain();
    };
    bench.run(10);
    closed(&mut bench, tcp("192.0.2.11:5060", 1));
    closed(&mut bench, udp("192.0.2.10:5060"));
    bench.run(10);
    assert!(bench.sent.is_empty(), "not its connection");
    closed(&mut bench, tcp("192.0.2.10:5060", 1));
    let again = bench.next();
    assert!((21 * SECOND..=23 * SECOND).contains(&again.at), "{}", again.at);
    assert!(bench.up("line"), "it holds meanwhile");
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
