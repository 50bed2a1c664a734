//! The switch among simulated phones, carriers, workers and a store, under a virtual clock and a network with faults.

mod effects;
mod network;
mod people;
mod rules;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use media::order::MixId;
use sip::{Flow, Transport};
use strowger_core::Switch;
use strowger_core::vocab::acd::AcdConfig;
use strowger_core::vocab::config::Config;
use strowger_core::vocab::input::Listener;
use strowger_core::vocab::robot::RobotWord;
use strowger_core::vocab::{
    Boot, CommitId, ConnectId, Input, Now, Principal, Reply, RequestId, Restored, Role, WorkerId,
};

use crate::campaigns::Campaigns;
use crate::media::{Later, Workers};
use crate::phone::{MS, Manner, Out, Phone, SECOND, Timer};
use crate::plan;
use crate::queues::Wallboard;
use crate::rng::Rng;
use crate::robots::Robots;
use crate::rung::Rung;
use crate::store::Store;

const WALL: u64 = 1_790_000_000_000;
const SWITCH: u16 = 5060;

/// What happens next.
#[derive(Debug)]
enum Next {
    Tick(u64),
    ToSwitch(SocketAddr, Vec<u8>),
    ToPhone(usize, Vec<u8>),
    Phone(usize, Timer),
    Media(Later),
    Stored(CommitId, bool),
    Connected(ConnectId, SocketAddr, bool),
    Resolved(Input),
    Power(usize, bool),
    Sever(usize),
    Order,
    Silence,
    Key,
    Kill,
    /// Somebody whose phone rings does something to it.
    Mishap,
    /// Somebody looks at the lists of agents and callers.
    Look,
    /// Somebody orders something about dial tasks.
    Campaign,
    /// A robot says something.
    Robot(MixId, RobotWord),
}

/// What an effect is falsified into, to see that an oracle notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// The first BYE is never sent, nor repeated.
    SwallowBye,
    /// A closing record is lost.
    SwallowRecord,
    /// A port is never given back.
    SwallowClose,
    /// A reply comes twice.
    DoubleReply,
    /// A bridge order is lost for one of its ends.
    HalfBridge,
    /// The second process is fed one input less.
    Diverge,
    /// The event that ends an agent's conversation is lost.
    StuckAgent,
    /// A caller's leaving is lost.
    StuckCaller,
    /// The end of an offer is lost.
    StuckOffer,
    /// No CANCEL is ever sent.
    SwallowCancel,
    /// The end of an offer that rang out is lost.
    EndlessOffer,
    /// A list shows for ever who was answered once.
    StaleList,
    /// Each phone gets its first INVITE only.
    FirstInviteOnly,
    /// The process hangs once two agents are rung.
    Freeze,
    /// Wrap-up is said to last longer than it does.
    LongerWrapUp,
    /// Each INVITE rings a second time, under another name.
    TwoInvites,
    /// A number of a dial task is rung by a second call.
    DialTwice,
    /// What came of a number is not written.
    LostResult,
    /// A robot is not told that its call is over.
    RobotUntold,
}

/// Faults of the network, in percent.
#[derive(Debug, Clone, Copy)]
struct Faults {
    loss: u64,
    repeat: u64,
    delay_ms: u64,
}

pub struct World {
    pub seed: u64,
    pub now: u64,
    offset: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    waiting: BTreeMap<u64, Next>,
    sequence: u64,
    next_tick: Option<(u64, u64)>,
    ticks: u64,
    switch: Switch,
    twin: Option<Switch>,
    pub phones: Vec<Phone>,
    pub workers: Workers,
    store: Store,
    rng: Rng,
    config: Config,
    rung: Rung,
    /// The process gets nothing before.
    sleeps_until: u64,
    frozen: bool,
    invites: BTreeMap<usize, String>,
    stale: Option<Reply>,
    faults: Faults,
    boots: u64,
    generation: u32,
    streams: BTreeMap<SocketAddr, (Flow, u64)>,
    asked: BTreeMap<RequestId, u32>,
    commands: u64,
    pub board: Wallboard,
    campaigns: Campaigns,
    robots: Robots,
    replies: Vec<Reply>,
    plant: Option<Plant>,
    planted: bool,
    trace: bool,
    pub seen: BTreeSet<String>,
}

/// An event in one line, for `STROWGER_SIM_TRACE`.
fn told(next: &Next) -> String {
    let lines = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let wanted = ["call-id", "cseq", "to:"];
        let kept = text
            .lines()
            .skip(1)
            .filter(|line| wanted.iter().any(|name| line.to_ascii_lowercase().starts_with(name)));
        text.lines().take(1).chain(kept).collect::<Vec<_>>().join(" | ")
    };
    match next {
        Next::ToSwitch(from, bytes) => format!("{from} -> {}", lines(bytes)),
        Next::ToPhone(index, bytes) => format!("phone {index} <- {}", lines(bytes)),
        other => format!("{other:?}"),
    }
}

fn operator() -> Principal {
    Principal {
        tenant: "demo".into(),
        role: Role::Admin,
        name: "sim".into(),
        extension: None,
        agent: None,
    }
}

fn switch_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, SWITCH).into()
}

impl World {
    pub fn new(seed: u64, plant: Option<Plant>) -> Self {
        let mut rng = Rng::new(seed);
        let faults = Faults {
            loss: [0, 2, 10, 25][rng.below(4) as usize],
            repeat: [0, 5, 15][rng.below(3) as usize],
            delay_ms: [2, 50, 400][rng.below(3) as usize],
        };
        let mut world = Self {
            seed,
            now: 0,
            offset: 0,
            queue: BinaryHeap::new(),
            waiting: BTreeMap::new(),
            sequence: 0,
            next_tick: None,
            ticks: 0,
            switch: Switch::new(),
            // Encoding every input costs time: one run in eight has a twin.
            twin: (seed.is_multiple_of(8) || plant == Some(Plant::Diverge)).then(Switch::new),
            phones: Vec::new(),
            workers: Workers::new(24),
            store: Store::default(),
            config: plan::config(seed),
            rung: Rung::new(&plan::config(seed).acd),
            sleeps_until: 0,
            frozen: false,
            invites: BTreeMap::new(),
            stale: None,
            faults,
            boots: 0,
            generation: 0,
            streams: BTreeMap::new(),
            asked: BTreeMap::new(),
            commands: 0,
            board: Wallboard::default(),
            campaigns: Campaigns::new(seed.is_multiple_of(3)),
            robots: Robots::new(seed),
            replies: Vec::new(),
            plant,
            planted: false,
            trace: std::env::var_os("STROWGER_SIM_TRACE").is_some(),
            seen: BTreeSet::new(),
            rng,
        };
        world.add_phones();
        world
    }

    fn at(&mut self, when: u64, next: Next) {
        self.sequence += 1;
        self.queue.push(Reverse((when.max(self.now), self.sequence)));
        self.waiting.insert(self.sequence, next);
    }

    /// Milliseconds since the Unix epoch.
    pub fn wall(&self) -> u64 {
        self.moment().wall
    }

    fn moment(&self) -> Now {
        Now { mono: self.now - self.offset, wall: WALL + self.now / MS }
    }

    fn boot(&mut self, restored: Restored) {
        self.boots += 1;
        self.offset = self.now;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&self.boots.to_le_bytes());
        let listener = |transport| Listener { transport, address: switch_address() };
        let boot = Boot {
            seed,
            boot: self.boots,
            config: self.config.clone(),
            listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
            restored,
        };
        self.give(Input::Boot(Box::new(boot)));
        let ports = self.workers.stock();
        self.give(Input::MediaPorts { worker: WorkerId(0), ports });
    }

    /// Runs until faults stop, then until everything must have drained. Panics with the seed where a rule is broken.
    pub fn run(&mut self, seconds: u64) {
        self.boot(Restored::default());
        self.schedule(seconds);
        self.go_on_until(seconds * SECOND);
        self.calm_down();
        self.end_campaigns();
        self.go_on_until(self.now + 370 * SECOND);
        self.clear_callbacks();
        self.go_on_until(self.now + 30 * SECOND);
        self.check_campaigns();
        self.check_drained();
        for phone in &self.phones {
            self.seen.extend(phone.seen.iter().cloned());
        }
        self.seen.extend(self.board.seen.iter().cloned());
        self.seen.extend(self.campaigns.seen.iter().cloned());
        self.seen.extend(self.robots.seen.iter().cloned());
        self.seen.extend(self.workers.seen.iter().map(|kind| format!("order {kind}")));
    }

    /// A world in which nobody does anything but what a scene says, over a network that loses a tenth at most.
    pub fn staged(seed: u64, plant: Option<Plant>, acd: AcdConfig) -> Self {
        let mut world = Self::new(seed, plant);
        world.faults.loss = world.faults.loss.min(10);
        world.rung = Rung::new(&acd);
        world.config.acd = acd;
        world.boot(Restored::default());
        for index in 0..world.phones.len() {
            world.phones[index].manner = Some(Manner::Ring);
            if world.phones[index].tcp {
                world.open_stream(index);
            }
            let soon = world.now + world.rng.between(10, 500) * MS;
            world.at(soon, Next::Phone(index, Timer::Register));
        }
        world
    }

    /// Somebody does something at a phone.
    pub fn at_phone<R>(
        &mut self,
        index: usize,
        does: impl FnOnce(&mut Phone, u64) -> (R, Vec<Out>),
    ) -> R {
        let (result, out) = does(&mut self.phones[index], self.now);
        self.phone_out(index, out);
        result
    }

    /// The process gets nothing, not even a tick, for so long.
    pub fn sleep(&mut self, seconds: u64) {
        self.sleeps_until = self.now + seconds * SECOND;
    }

    /// Whether the process would have to take this in.
    fn is_missed(&self, next: &Next) -> bool {
        let input = matches!(
            next,
            Next::Tick(_)
                | Next::ToSwitch(..)
                | Next::Media(_)
                | Next::Stored(..)
                | Next::Connected(..)
                | Next::Resolved(_)
                | Next::Robot(..)
        );
        input && self.now < self.sleeps_until
    }

    /// Faults stop, nobody does anything new.
    pub fn calm_down(&mut self) {
        self.faults = Faults { loss: 0, repeat: 0, delay_ms: 5 };
        self.robots.hurried = true;
        for index in 0..self.phones.len() {
            self.phones[index].quiet = true;
            let out = self.phones[index].watch(self.now, None);
            self.phone_out(index, out);
        }
    }

    pub fn go_on_until(&mut self, end: u64) {
        while let Some(Reverse((at, id))) = self.queue.peek().copied() {
            if at > end {
                break;
            }
            self.queue.pop();
            let Some(next) = self.waiting.remove(&id) else { continue };
            self.now = at;
            if self.is_missed(&next) {
                self.at(self.sleeps_until, next);
                continue;
            }
            self.happen(next);
            self.audit();
        }
        self.now = end;
    }

    fn happen(&mut self, next: Next) {
        if self.trace {
            eprintln!("{:>9} {}", self.now / MS, told(&next));
        }
        match next {
            Next::Tick(number) => {
                // One that was overtaken by an earlier deadline is void.
                if self.next_tick.is_some_and(|(_, planned)| planned == number) {
                    self.next_tick = None;
                    self.give(Input::Tick);
                }
            }
            Next::ToSwitch(from, bytes) => {
                if let Some(flow) = self.flow_from(from) {
                    self.rung.heard(&bytes);
                    self.give(Input::Packet { flow, bytes: Bytes::from(bytes) });
                }
            }
            Next::ToPhone(index, bytes) => {
                let out = self.phones[index].on_bytes(self.now, &bytes);
                self.phone_out(index, out);
            }
            Next::Phone(index, timer) => {
                let out = self.phones[index].on_timer(self.now, timer);
                self.phone_out(index, out);
            }
            Next::Media(Later::Event(event)) => {
                self.give(Input::MediaEvent { worker: WorkerId(0), event });
            }
            Next::Media(Later::Port(port)) => {
                self.give(Input::MediaPorts { worker: WorkerId(0), ports: vec![port] });
            }
            Next::Stored(commit, ok) => {
                if ok {
                    self.store.commit(commit);
                }
                self.give(Input::Stored { commits: vec![commit], ok });
            }
            Next::Connected(id, remote, ok) => self.connected(id, remote, ok),
            Next::Resolved(input) => self.give(input),
            Next::Power(index, on) => self.power(index, on),
            Next::Sever(index) => self.sever(index),
            Next::Order => self.order(),
            Next::Silence => self.notice_silence(),
            Next::Key => {
                if let Some(stream) = self.workers.any_stream(&mut self.rng) {
                    let event =
                        media::order::MediaEvent::Dtmf { stream, digit: '7', duration_ms: 120 };
                    self.give(Input::MediaEvent { worker: WorkerId(0), event });
                }
            }
            Next::Kill => self.kill(),
            Next::Mishap => self.mishap(),
            Next::Look => self.look(),
            Next::Campaign => self.campaign(),
            Next::Robot(line, word) => {
                self.robots.says(line, &word);
                self.give(Input::Robot { line, word });
            }
        }
    }

    fn kill(&mut self) {
        self.seen.insert("kill".into());
        self.board.forget();
        self.campaigns.forget();
        self.robots.forget();
        self.rung.forget();
        let restored = self.store.crash();
        self.switch = Switch::new();
        if let Some(twin) = &mut self.twin {
            *twin = Switch::new();
        }
        self.workers = Workers::new(24);
        self.next_tick = None;
        self.asked.clear();
        // What was under way inside the process is gone with it; the network and the phones go on.
        self.waiting.retain(|_, next| {
            !matches!(
                next,
                Next::Tick(_)
                    | Next::Media(_)
                    | Next::Stored(..)
                    | Next::Connected(..)
                    | Next::Resolved(_)
                    | Next::Robot(..)
            )
        });
        self.streams.clear();
        self.boot(restored);
        for index in 0..self.phones.len() {
            if self.phones[index].tcp {
                self.open_stream(index);
                self.at(self.now + SECOND, Next::Phone(index, Timer::Register));
            }
        }
    }
}
