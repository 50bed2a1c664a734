//! The measurements. Peers take turns (A B A B), each turn on a fresh start, because machines are noisy.

use crate::Result;
use crate::floor::Floor;
use crate::load::{self, Outcome};
use crate::peer::{Kind, Mode, Peer, callees, callers, free_port, workspace};
use crate::proc::{Spent, Usage};
use crate::report::Results;
use crate::sipp::{self, Callee, Pace};
use crate::trace;
use crate::ua::{Bank, Calls};
use std::process::Command;
use std::time::Duration;

/// Transactions are gone 32 s after their last message (RFC 3261 timers B, H and J).
const DRAINED: Duration = Duration::from_secs(34);
const HOLD: Duration = Duration::from_secs(1);
/// Calls of the relay measurement, of the recorded one, and of the memory one.
const RELAYED: usize = 200;
const RECORDED: usize = 50;
const BRIDGED: usize = 100;

/// What is measured, how long, and what came out.
pub struct Plan {
    kinds: Vec<Kind>,
    quick: bool,
    /// Every figure so far.
    pub results: Results,
}

/// The steps of a command, or None if there is no such command.
pub fn steps(command: &str) -> Option<&'static [&'static str]> {
    const ALL: &[&str] = &["register", "call", "rate", "relay", "record", "memory", "micro"];
    if command == "all" {
        return Some(ALL);
    }
    let index = ALL.iter().position(|step| *step == command)?;
    ALL.get(index..=index)
}

impl Plan {
    /// A plan for these peers; a quick one takes each figure once and briefly.
    pub fn new(kinds: Vec<Kind>, quick: bool) -> Plan {
        Plan { results: Results::new(&kinds, quick), kinds, quick }
    }

    /// Runs one step. A peer that fails loses that figure, is named, and fails the run at its end.
    pub fn step(&mut self, step: &str) {
        eprintln!("rig: {step}");
        match step {
            "register" => self.turns(Plan::register),
            "call" => self.turns(Plan::call),
            "rate" => self.once_each(Plan::rate),
            "relay" => self.relay(),
            "record" => self.turns(Plan::record),
            "memory" => self.memory(),
            _ => self.micro(),
        }
    }

    fn repeats(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    fn turns(&mut self, one: fn(&mut Plan, Kind) -> Result<()>) {
        for _ in 0..self.repeats() {
            self.once_each(one);
        }
    }

    fn once_each(&mut self, one: fn(&mut Plan, Kind) -> Result<()>) {
        for kind in self.kinds.clone() {
            if let Err(error) = one(self, kind) {
                self.results.fail(kind.name(), &error.to_string());
            }
        }
    }

    fn register(&mut self, kind: Kind) -> Result<()> {
        let peer = Peer::start(kind, Mode::default())?;
        let users = callers(1000);
        sipp::register(&peer, &users, Pace { rate: 500, total: 200 })?;
        let pace = Pace { rate: 500, total: self.pick(4000, 1500) };
        let before = peer.usage();
        let counted = sipp::register(&peer, &users, pace)?;
        let spent = peer.usage().since(&before);
        if counted.failed_percent() > 0.0 {
            return Err(format!("registrations failed: {counted:?}").into());
        }
        self.results.add("register_us", kind.name(), per(spent, counted.good) / 1e3);
        Ok(())
    }

    fn call(&mut self, kind: Kind) -> Result<()> {
        let peer = Peer::start(kind, Mode::default())?;
        let phones = Phones::register(&peer, 500)?;
        phones.call(&peer, Pace { rate: 100, total: 50 })?;
        let pace = Pace { rate: 100, total: self.pick(600, 300) };
        let before = peer.usage();
        let counted = phones.call(&peer, pace)?;
        let spent = peer.usage().since(&before);
        if counted.failed_percent() > 0.0 {
            return Err(format!("calls failed: {counted:?}").into());
        }
        self.results.add("call_ms", kind.name(), per(spent, counted.good) / 1e6);
        let switches = spent.switches as f64 / f64::from(counted.good);
        self.results.add("call_switches", kind.name(), switches);

        let pace = Pace { rate: 100, total: 200 };
        let (calls, counted) = trace::system_calls(&peer.pids(), || phones.call(&peer, pace))?;
        let each = calls as f64 / f64::from(counted.good.max(1));
        self.results.add("call_syscalls", kind.name(), each);
        Ok(())
    }

    /// Climbs until 1 % fails or the rate is no longer kept.
    fn rate(&mut self, kind: Kind) -> Result<()> {
        let peer = Peer::start(kind, Mode::default())?;
        let phones = Phones::register(&peer, 1000)?;
        let seconds = self.pick(5, 3);
        let mut rate = self.pick(150, 300);
        let mut best = 0;
        while rate <= 6000 {
            let counted = phones.call(&peer, Pace { rate, total: rate * seconds })?;
            let due = Duration::from_secs(u64::from(seconds) + 2) + HOLD;
            eprintln!("rig: {} at {rate} calls/s: {counted:?}", kind.name());
            if counted.failed_percent() >= 1.0 || counted.took > due {
                break;
            }
            best = rate;
            rate += rate / self.pick(4, 2);
        }
        self.results.add("call_rate", kind.name(), f64::from(best));
        Ok(())
    }

    fn relay(&mut self) {
        for _ in 0..self.repeats() {
            self.once_each(|plan, kind| plan.relayed(kind, RELAYED, false, "relay"));
            if let Err(error) = self.floor(RELAYED, "relay") {
                self.results.fail("floor", &error.to_string());
            }
        }
    }

    /// Plain and recorded calls at the same number of calls, so that the one can be held against the other.
    fn record(&mut self, kind: Kind) -> Result<()> {
        self.relayed(kind, RECORDED, false, "relay50")?;
        self.relayed(kind, RECORDED, true, "record")
    }

    fn relayed(&mut self, kind: Kind, calls: usize, record: bool, figure: &str) -> Result<()> {
        let peer = Peer::start(kind, Mode { record, ..Mode::default() })?;
        let bank = Bank::open(peer.sip, 0)?;
        let (from, to) = (callers(calls), callees(calls));
        bank.register_all(&to)?;
        let calls = Calls::set_up(&bank, &from, &to)?;
        let mut readings = Vec::new();
        let outcome =
            load::run(&calls.streams, self.warm(), self.window(), || readings.push(peer.usage()))?;
        calls.hang_up(&bank)?;
        self.relay_figures(figure, kind.name(), &outcome, &readings);
        if outcome.loss_percent() > 1.0 {
            return Err(format!("{figure}: {:.1} % of the RTP lost", outcome.loss_percent()).into());
        }
        Ok(())
    }

    fn floor(&mut self, calls: usize, figure: &str) -> Result<()> {
        let floor = Floor::start(calls)?;
        let mut streams = load::direct(calls)?;
        for (pair, (a, b)) in streams.chunks_exact_mut(2).zip(&floor.calls) {
            pair[0].target = *a;
            pair[1].target = *b;
        }
        let mut readings = Vec::new();
        let pids = [floor.pid()];
        let outcome =
            load::run(&streams, self.warm(), self.window(), || readings.push(Usage::read(&pids)))?;
        self.relay_figures(figure, "floor", &outcome, &readings);
        // Without any relay: what the rig and the kernel alone add to the delay.
        let direct =
            load::run(&load::direct(calls)?, Duration::from_secs(1), self.window(), || {})?;
        self.relay_figures(figure, "direct", &direct, &[]);
        Ok(())
    }

    fn warm(&self) -> Duration {
        // rtpengine goes on learning addresses for three seconds.
        Duration::from_secs(self.pick(4, 4))
    }

    fn window(&self) -> Duration {
        Duration::from_secs(self.pick(6, 3))
    }

    fn relay_figures(&mut self, figure: &str, who: &str, outcome: &Outcome, readings: &[Usage]) {
        let mut add = |part: &str, value: f64| {
            self.results.add(&format!("{figure}_{part}"), who, value);
        };
        if let [before, after] = readings {
            add("us", after.since(before).cpu_ns as f64 / outcome.sent.max(1) as f64 / 1e3);
        }
        add("loss", outcome.loss_percent());
        add("p50_us", outcome.p50_ns as f64 / 1e3);
        add("p99_us", outcome.p99_ns as f64 / 1e3);
    }

    /// All peers at once: nothing here depends on the CPU, and the waits are long.
    fn memory(&mut self) {
        let wait = self.pick(DRAINED, Duration::from_secs(3));
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let runs: Vec<_> = (self.kinds.iter().enumerate())
                .map(|(index, &kind)| (kind, scope.spawn(move || memory_of(kind, index > 0, wait))))
                .collect();
            runs.into_iter().map(|(kind, run)| (kind, run.join())).collect()
        });
        for (kind, outcome) in outcomes {
            match outcome {
                Ok(Ok(memory)) => {
                    self.results.add("idle_mb", kind.name(), memory.idle / 1e6);
                    self.results.add("registration_kb", kind.name(), memory.registration / 1e3);
                    self.results.add("bridged_kb", kind.name(), memory.call / 1e3);
                }
                Ok(Err(error)) => self.results.fail(kind.name(), &error.to_string()),
                Err(_) => self.results.fail(kind.name(), "the memory measurement panicked"),
            }
        }
    }

    fn micro(&mut self) {
        if !self.kinds.contains(&Kind::Strowger) || !workspace().join("sip/benches").exists() {
            return;
        }
        let output = Command::new("cargo")
            .args(["bench", "-q", "-p", "strowger-sip"])
            .current_dir(workspace())
            .output();
        match output {
            Ok(output) if output.status.success() => {
                let text = String::from_utf8_lossy(&output.stdout);
                self.results.micro = text.lines().map(str::to_owned).collect();
            }
            Ok(output) => {
                self.results.fail("micro", &String::from_utf8_lossy(&output.stderr));
            }
            Err(error) => self.results.fail("micro", &error.to_string()),
        }
    }
}

/// Nanoseconds each.
fn per(spent: Spent, count: u32) -> f64 {
    spent.cpu_ns as f64 / f64::from(count.max(1))
}

/// Bytes.
struct Memory {
    idle: f64,
    registration: f64,
    call: f64,
}

fn memory_of(kind: Kind, upper_ports: bool, wait: Duration) -> Result<Memory> {
    let peer = Peer::start(kind, Mode { record: false, upper_ports })?;
    std::thread::sleep(Duration::from_secs(2));
    let idle = peer.memory() as f64;
    let bank = Bank::open(peer.sip, 0)?;
    let (from, to) = (callers(1000), callees(BRIDGED));
    bank.register_all(&from)?;
    std::thread::sleep(wait);
    let registration = (peer.memory() as f64 - idle) / from.len() as f64;

    bank.register_all(&to)?;
    // The first call pays for what all others use.
    Calls::set_up(&bank, &from[..1], &to[..1])?.hang_up(&bank)?;
    std::thread::sleep(wait);
    let before = peer.memory() as f64;
    let calls = Calls::set_up(&bank, &from, &to)?;
    load::run(&calls.streams, Duration::ZERO, wait, || {})?;
    let call = (peer.memory() as f64 - before) / BRIDGED as f64;
    calls.hang_up(&bank)?;
    Ok(Memory { idle, registration, call })
}

/// Callees registered at the address where SIPp will answer for them.
struct Phones {
    from: Vec<String>,
    to: Vec<String>,
    _callee: Callee,
}

impl Phones {
    fn register(peer: &Peer, pairs: usize) -> Result<Phones> {
        let (from, to) = (callers(pairs), callees(pairs));
        let port = free_port()?;
        Bank::open(peer.sip, port)?.register_all(&to)?;
        Ok(Phones { from, to, _callee: Callee::start(peer, port)? })
    }

    fn call(&self, peer: &Peer, pace: Pace) -> Result<sipp::Counted> {
        sipp::calls(peer, &self.from, &self.to, pace, HOLD)
    }
}
