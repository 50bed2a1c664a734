//! The measurements. Peers take short turns (A B A B) because machines are noisy.

use crate::Result;
use crate::load::{self, Outcome};
use crate::peer::{Kind, Mode, Peer, callees, callers, free_port, workspace};
use crate::proc::{Spent, Usage};
use crate::relay::Relay;
use crate::report::Results;
use crate::sipp::{self, Callee, Counted, Pace};
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
            "register" => self.register(),
            "call" => self.call(),
            "rate" => self.rate(),
            "relay" => self.relay(),
            "record" => self.record(),
            "memory" => self.memory(),
            _ => self.micro(),
        }
    }

    fn rounds(&self) -> usize {
        self.pick(5, 1)
    }

    fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Readies every peer with `ready`, then lets them take turns with `turn`.
    fn turns<T>(
        &mut self,
        ready: fn(Kind, Mode) -> Result<T>,
        turn: fn(&mut Plan, Kind, &T) -> Result<()>,
    ) {
        let mut stages = Vec::new();
        for (place, kind) in self.kinds.clone().into_iter().enumerate() {
            match ready(kind, Mode::beside(place, false)) {
                Ok(stage) => stages.push((kind, stage)),
                Err(error) => self.results.fail(kind.name(), &error.to_string()),
            }
        }
        for _ in 0..self.rounds() {
            for (kind, stage) in &stages {
                if let Err(error) = turn(self, *kind, stage) {
                    self.results.fail(kind.name(), &error.to_string());
                }
            }
        }
    }

    fn register(&mut self) {
        let ready = |kind, mode| {
            let peer = Peer::start(kind, mode)?;
            sipp::register(&peer, &callers(1000), Pace { rate: 500, total: 1000 })?;
            Ok(peer)
        };
        self.turns(ready, |plan, kind, peer| {
            let before = peer.usage();
            let counted = sipp::register(peer, &callers(1000), Pace { rate: 500, total: 1500 })?;
            let spent = peer.usage().since(&before);
            none_failed(counted)?;
            plan.results.add("register_us", kind.name(), per(spent, counted.good) / 1e3);
            Ok(())
        });
    }

    fn call(&mut self) {
        let ready = |kind, mode| {
            let peer = Peer::start(kind, mode)?;
            let phones = Phones::register(&peer, 500)?;
            phones.call(&peer, Pace { rate: 100, total: 100 })?;
            Ok((peer, phones))
        };
        self.turns(ready, |plan, kind, (peer, phones)| {
            let before = peer.usage();
            let counted = phones.call(peer, Pace { rate: 100, total: 300 })?;
            let spent = peer.usage().since(&before);
            none_failed(counted)?;
            plan.results.add("call_ms", kind.name(), per(spent, counted.good) / 1e6);
            let switches = spent.switches as f64 / f64::from(counted.good);
            plan.results.add("call_switches", kind.name(), switches);
            Ok(())
        });
        self.turns(ready, |plan, kind, (peer, phones)| {
            if plan.results.has("call_syscalls", kind.name()) {
                return Ok(());
            }
            let pace = Pace { rate: 100, total: 200 };
            let (calls, counted) = trace::system_calls(&peer.pids(), || phones.call(peer, pace))?;
            let each = calls as f64 / f64::from(counted.good.max(1));
            plan.results.add("call_syscalls", kind.name(), each);
            Ok(())
        });
    }

    fn rate(&mut self) {
        for kind in self.kinds.clone() {
            if let Err(error) = self.rate_of(kind) {
                self.results.fail(kind.name(), &error.to_string());
            }
        }
    }

    /// Climbs until a rate fails twice: 1 % of its calls, or it is not kept.
    fn rate_of(&mut self, kind: Kind) -> Result<()> {
        let peer = Peer::start(kind, Mode::ALONE)?;
        let phones = Phones::register(&peer, 1000)?;
        let seconds = self.pick(5, 3);
        let mut rate = self.pick(200, 450);
        let (mut best, mut failed) = (0, 0);
        while rate <= 6000 && failed < 2 {
            let counted = phones.call(&peer, Pace { rate, total: rate * seconds })?;
            let due = Duration::from_secs(u64::from(seconds) + 2) + HOLD;
            eprintln!("rig: {} at {rate} calls/s: {counted:?}", kind.name());
            if counted.failed_percent() >= 1.0 || counted.took > due {
                failed += 1;
                continue;
            }
            (best, failed) = (rate, 0);
            rate += rate / self.pick(3, 2);
        }
        self.results.add("call_rate", kind.name(), f64::from(best));
        Ok(())
    }

    fn relay(&mut self) {
        let mut relays = Vec::new();
        for (place, kind) in self.kinds.clone().into_iter().enumerate() {
            let relay = Relay::of(kind, RELAYED, Mode::beside(place, false));
            self.ready(&mut relays, "relay", kind.name(), relay);
        }
        self.ready(&mut relays, "relay", "floor", Relay::floor(RELAYED, 1));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.ready(&mut relays, "relay_cores", "floor", Relay::floor(RELAYED, cores));
        self.ready(&mut relays, "relay", "direct", Relay::direct(RELAYED));
        self.load(&relays);
    }

    /// Plain and recorded calls, as many of each, so that the one can be held against the other.
    fn record(&mut self) {
        let mut relays = Vec::new();
        for (place, kind) in self.kinds.clone().into_iter().enumerate() {
            let plain = Relay::of(kind, RECORDED, Mode::beside(place, false));
            self.ready(&mut relays, "relay50", kind.name(), plain);
            let recorded = Relay::of(kind, RECORDED, Mode::beside(place + 2, true));
            self.ready(&mut relays, "record", kind.name(), recorded);
        }
        self.ready(&mut relays, "relay50", "floor", Relay::floor(RECORDED, 1));
        self.load(&relays);
    }

    fn ready(
        &mut self,
        relays: &mut Vec<(&'static str, &'static str, Relay)>,
        figure: &'static str,
        who: &'static str,
        relay: Result<Relay>,
    ) {
        match relay {
            Ok(relay) => relays.push((figure, who, relay)),
            Err(error) => self.results.fail(who, &format!("{figure}: {error}")),
        }
    }

    /// The relays take turns under load.
    fn load(&mut self, relays: &[(&'static str, &'static str, Relay)]) {
        // rtpengine goes on learning addresses for three seconds.
        let mut warm = Duration::from_secs(4);
        let window = Duration::from_millis(self.pick(2500, 3000));
        for _ in 0..self.rounds() {
            for (figure, who, relay) in relays {
                match relay.run(warm, window) {
                    Ok((outcome, readings)) => {
                        self.relay_figures(figure, who, &outcome, &readings);
                    }
                    Err(error) => self.results.fail(who, &format!("{figure}: {error}")),
                }
            }
            warm = Duration::from_millis(700);
        }
        for (figure, who, relay) in relays {
            if let Err(error) = relay.hang_up() {
                self.results.fail(who, &format!("{figure}: {error}"));
            }
        }
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
        if outcome.loss_percent() > 1.0 {
            let lost = format!("{figure}: {:.1} % of the RTP lost", outcome.loss_percent());
            self.results.fail(who, &lost);
        }
    }

    /// All peers at once: nothing here depends on the CPU, and the waits are long.
    fn memory(&mut self) {
        let wait = self.pick(DRAINED, Duration::from_secs(3));
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let runs: Vec<_> = (self.kinds.iter().enumerate())
                .map(|(place, &kind)| {
                    let mode = Mode::beside(place, false);
                    (kind, scope.spawn(move || memory_of(kind, mode, wait)))
                })
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
            .args(["bench", "-q", "-p", "strowger-sip", "-p", "strowger-core"])
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

fn none_failed(counted: Counted) -> Result<()> {
    if counted.failed_percent() > 0.0 {
        return Err(format!("some failed: {counted:?}").into());
    }
    Ok(())
}

/// Bytes.
struct Memory {
    idle: f64,
    registration: f64,
    call: f64,
}

fn memory_of(kind: Kind, mode: Mode, wait: Duration) -> Result<Memory> {
    let peer = Peer::start(kind, mode)?;
    std::thread::sleep(wait.min(Duration::from_secs(10)));
    let idle = peer.memory().all as f64;
    let data = || peer.memory().data as f64;
    let bank = Bank::open(peer.sip, 0)?;
    let (from, to) = (callers(1000), callees(BRIDGED));

    // The first registration and call pay for what all others use.
    bank.register_all(&to)?;
    Calls::set_up(&bank, &from[..1], &to[..1])?.hang_up(&bank)?;
    std::thread::sleep(wait);
    let before = data();
    bank.register_all(&from)?;
    std::thread::sleep(wait);
    let registration = (data() - before) / from.len() as f64;

    let before = data();
    let calls = Calls::set_up(&bank, &from, &to)?;
    load::run(&calls.streams, Duration::ZERO, wait, || {})?;
    let call = (data() - before) / BRIDGED as f64;
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
        let bank = Bank::open(peer.sip, port)?;
        bank.register_all(&to)?;
        // A few calls by phones that look whether the media is anchored; SIPp does not.
        Calls::set_up(&bank, &from[..8], &to[..8])?.hang_up(&bank)?;
        drop(bank);
        Ok(Phones { from, to, _callee: Callee::start(peer, port)? })
    }

    fn call(&self, peer: &Peer, pace: Pace) -> Result<Counted> {
        sipp::calls(peer, &self.from, &self.to, pace, HOLD)
    }
}
