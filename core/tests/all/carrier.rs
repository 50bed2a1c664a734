//! A bench for trunks: lets time pass, and gives them what carriers and the DNS would.

use sip::endpoint::{OutRequest, RequestFailure};
use sip::resolve::{Answer, Question, Record, RecordKind, Target};
use sip::{Message, Method, Transport};
use strowger_core::trunk::{Report, TrunkTask, Trunks, Work};
use strowger_core::vocab::config::Trunk;
use strowger_core::vocab::input::Listener;
use strowger_core::vocab::{Secret, TrunkKey};

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
    pub fn is(&self, method: &Method) -> bool {
        self.request.method == *method
    }

    pub fn header(&self, name: &str) -> Option<&str> {
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
    pub fn next(&mut self) -> Sent {
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

    pub fn resolve(&mut self, name: &str, kind: RecordKind, answer: Answer) {
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

    pub fn up(&self, name: &str) -> bool {
        self.trunks.is_up(&trunk_key("demo", name))
    }

    pub fn targets(&self, name: &str) -> Vec<String> {
        let targets = self.trunks.targets(&trunk_key("demo", name));
        targets.iter().map(|target| format!("{}:{}", target.transport, target.address)).collect()
    }

    pub fn take_changes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.changes)
    }

    pub fn report(&mut self, name: &str, remote: &str, report: Report) {
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
pub fn watched(host: &str) -> Trunk {
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

pub fn found(records: Vec<Record>, ttl_secs: u32) -> Answer {
    Answer::Found { records, ttl_secs }
}

pub fn a(text: &str) -> Record {
    Record::A(text.parse().unwrap())
}

/// A host with two addresses, resolved.
pub fn two_addresses(trunk: Trunk) -> Bench {
    let mut bench = Bench::new(&[Trunk { host: "c.example:5060".into(), ..trunk }]);
    bench.resolve(
        "c.example",
        RecordKind::A,
        found(vec![a("192.0.2.10"), a("192.0.2.11")], 86_400),
    );
    bench
}
