//! The switch among simulated phones, carriers, workers and a store, under a virtual clock and a network with faults.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use sip::resolve::Answer;
use sip::{Flow, Transport};
use strowger_core::Switch;
use strowger_core::vocab::acd::{AcdConfig, Activity, MemberState, OfferEnd, QueueOrder};
use strowger_core::vocab::config::Config;
use strowger_core::vocab::input::Listener;
use strowger_core::vocab::mailbox::Delivery;
use strowger_core::vocab::{
    Boot, Command, CommitId, ConnectId, Effect, EventKind, Input, Now, Principal, Query, Reply,
    RequestId, Restored, Role, WorkerId,
};

use crate::lamp::Lamp;
use crate::media::{Later, Workers};
use crate::phone::{Kind, MS, Manner, Out, Phone, SECOND, Timer};
use crate::plan;
use crate::queues::{self, Wallboard};
use crate::rng::Rng;
use crate::rung::Rung;
use crate::store::Store;
use crate::wire::Msg;

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

    fn add_phones(&mut self) {
        let numbers = plan::EXTENSIONS.iter().copied();
        // The last extension has two phones, which ring together; the first has a spare for who moves to it.
        for (index, number) in numbers.chain(["4006", "4001"]).enumerate() {
            let address = SocketAddr::from((Ipv4Addr::new(127, 0, 1, index as u8 + 1), 5060));
            let rng = Rng::new(self.rng.next());
            let mut phone = Phone::new(index, Kind::Extension, number, address, rng);
            phone.tcp = index % 3 == 2;
            phone.away = index == plan::EXTENSIONS.len() + 1;
            let wishes = [
                "4001",
                "4002",
                "4006",
                "90310468564003",
                "*43",
                "02012345678",
                "9999",
                "4005",
                "0012345678",
                "9001",
                "9001",
                "9002",
                "9002",
                "9003",
                "9004",
                "9004",
                "9005",
                "9009",
                "*45",
                "4003",
                crate::owners::GROUP,
                "*70",
                "*73",
                "*8",
                "**4002",
                "**9001",
                "700",
                "701",
                "702",
                crate::rooms::ROOM,
                crate::rooms::PAGE,
                "*314002",
                "*334001",
            ];
            phone.targets = wishes
                .iter()
                .filter(|wish| **wish != number)
                .map(|wish| (*wish).to_owned())
                .collect();
            self.phones.push(phone);
        }
        for (name, host) in plan::CARRIERS {
            let address = SocketAddr::new(host.parse().expect("an address"), 5060);
            let rng = Rng::new(self.rng.next());
            let mut phone = Phone::new(self.phones.len(), Kind::Carrier, name, address, rng);
            // What a carrier may not reach is refused: an extension, and the world outside through us.
            let wishes =
                ["057126200670", "02098765432", "4001", "057126200671", "057126200673", "9001"];
            phone.targets = wishes.map(String::from).to_vec();
            self.phones.push(phone);
        }
        let address = SocketAddr::from((Ipv4Addr::new(127, 0, 3, 1), 5060));
        let rng = Rng::new(self.rng.next());
        let mut stranger = Phone::new(self.phones.len(), Kind::Stranger, "4001", address, rng);
        stranger.targets = ["02011112222", "4002"].map(String::from).to_vec();
        self.phones.push(stranger);
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
        self.go_on_until(self.now + 370 * SECOND);
        self.clear_callbacks();
        self.go_on_until(self.now + 30 * SECOND);
        self.check_drained();
        for phone in &self.phones {
            self.seen.extend(phone.seen.iter().cloned());
        }
        self.seen.extend(self.board.seen.iter().cloned());
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
        );
        input && self.now < self.sleeps_until
    }

    fn schedule(&mut self, seconds: u64) {
        for index in 0..self.phones.len() {
            if self.phones[index].tcp {
                self.open_stream(index);
            }
            let soon = self.rng.between(10, 2_000) * MS;
            self.at(soon, Next::Phone(index, Timer::Register));
            let later = self.rng.between(2, 8) * SECOND;
            self.at(later, Next::Phone(index, Timer::Dial));
        }
        let end = seconds * SECOND;
        let moments = |world: &mut Self, pause: u64| -> Vec<u64> {
            let mut at = 0;
            let mut all = Vec::new();
            while at < end {
                at += world.rng.between(pause / 2, pause * 2) * SECOND;
                all.push(at.min(end - 1));
            }
            all
        };
        for at in moments(self, 5) {
            self.at(at, Next::Order);
        }
        self.at(60 * SECOND, Next::Silence);
        for at in moments(self, 15) {
            self.at(at, Next::Key);
        }
        for at in moments(self, 4) {
            self.at(at, Next::Mishap);
        }
        for at in moments(self, 6) {
            self.at(at, Next::Look);
        }
        for at in moments(self, 50) {
            let phones = self.phones.len() as u64;
            let index = self.rng.below(phones) as usize;
            self.at(at, Next::Power(index, false));
            self.at(at + 30 * SECOND, Next::Power(index, true));
        }
        for at in moments(self, 50) {
            self.at(at, Next::Sever([2, 5][self.sequence as usize % 2]));
        }
        if self.rng.chance(30) {
            let at = self.rng.between(end / 4, end);
            self.at(at, Next::Kill);
        }
    }

    /// Faults stop, nobody does anything new.
    pub fn calm_down(&mut self) {
        self.faults = Faults { loss: 0, repeat: 0, delay_ms: 5 };
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
                self.give(Input::Stored { commit, ok });
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
        }
    }

    /// Workers report streams whose phone is off or knows nothing of the call any more.
    fn notice_silence(&mut self) {
        self.at(self.now + 20 * SECOND, Next::Silence);
        let phones = self.phones.iter().filter(|phone| phone.powered);
        let calls = phones.flat_map(|phone| phone.dialogs.values());
        let heard: BTreeSet<_> =
            calls.filter(|call| !call.is_over()).map(|call| call.media_address()).collect();
        for stream in self.workers.silent(&heard) {
            self.seen.insert("silence".into());
            let event = media::order::MediaEvent::Silent { stream };
            self.give(Input::MediaEvent { worker: WorkerId(0), event });
        }
    }

    /// Where somebody is being rung: the phone loses power, or its user moves to another phone meanwhile.
    fn mishap(&mut self) {
        let ringing = |phone: &Phone| phone.powered && phone.rings();
        let rung: Vec<_> =
            self.phones.iter().filter(|phone| ringing(phone)).map(|phone| phone.index).collect();
        let Some(&index) = rung.get(self.rng.below(rung.len() as u64) as usize) else { return };
        if self.rng.chance(40) {
            self.seen.insert(format!("{:?} lost power while ringing", self.phones[index].kind));
            self.power(index, false);
            return self.at(self.now + 20 * SECOND, Next::Power(index, true));
        }
        if self.phones[index].kind != Kind::Extension || self.phones[index].away {
            return;
        }
        self.seen.insert("moved while ringing".into());
        let out = self.phones[index].leave(self.now);
        self.phone_out(index, out);
        let number = self.phones[index].number.clone();
        let elsewhere =
            |phone: &&Phone| phone.number == number && phone.away && phone.index != index;
        if let Some(other) = self.phones.iter().find(elsewhere).map(|phone| phone.index) {
            self.phones[other].away = false;
            self.at(self.now + 100 * MS, Next::Phone(other, Timer::Register));
        } else {
            self.at(self.now + 15 * SECOND, Next::Phone(index, Timer::Return));
        }
    }

    /// Compares what the lists say with what the events said.
    pub fn look(&mut self) {
        self.replies.clear();
        for query in Wallboard::questions(&self.config.acd) {
            self.commands += 1;
            let id = RequestId(self.commands);
            self.asked.insert(id, 0);
            self.give(Input::Query { id, principal: operator(), query });
        }
        let replies = std::mem::take(&mut self.replies);
        if let Some(problem) = self.board.compare(&replies) {
            self.broken(&problem);
        }
    }

    /// Places kept for a callback wait for agents, and the phones of those are off now: somebody takes them off the list.
    fn clear_callbacks(&mut self) {
        self.look();
        for (call, queue) in self.board.kept_places() {
            self.seen.insert("callback taken off".into());
            self.command(Command::Queue { queue, order: QueueOrder::Remove(call) });
        }
    }

    fn command(&mut self, command: Command) {
        self.commands += 1;
        let id = RequestId(self.commands);
        self.asked.insert(id, 0);
        self.give(Input::Command { id, principal: operator(), command });
    }

    fn kill(&mut self) {
        self.seen.insert("kill".into());
        self.board.forget();
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

    pub fn power(&mut self, index: usize, on: bool) {
        if on == self.phones[index].powered {
            return;
        }
        if on {
            self.phones[index].powered = true;
            if self.phones[index].tcp {
                self.open_stream(index);
            }
            self.at(self.now + SECOND, Next::Phone(index, Timer::Register));
            self.at(self.now + 5 * SECOND, Next::Phone(index, Timer::Dial));
        } else {
            self.phones[index].power_off();
        }
    }

    /// The connection of a phone breaks; it comes back by a new one.
    fn sever(&mut self, index: usize) {
        let Some((flow, _)) = self.streams.remove(&self.phones[index].address) else { return };
        self.seen.insert("connection lost".into());
        self.phones[index].cut_off = true;
        self.give(Input::FlowClosed { flow, connect: None });
        self.open_stream(index);
        self.at(self.now + SECOND, Next::Phone(index, Timer::Register));
    }

    fn open_stream(&mut self, index: usize) {
        self.generation += 1;
        let remote = self.phones[index].address;
        let flow = Flow {
            transport: Transport::Tcp,
            local: switch_address(),
            remote,
            generation: self.generation,
        };
        if let Some((old, _)) = self.streams.insert(remote, (flow, 0)) {
            self.give(Input::FlowClosed { flow: old, connect: None });
        }
        self.give(Input::FlowOpened { flow, connect: None });
    }

    fn connected(&mut self, id: ConnectId, remote: SocketAddr, ok: bool) {
        self.generation += u32::from(ok);
        let generation = if ok { self.generation } else { 0 };
        let flow = Flow { transport: Transport::Tcp, local: switch_address(), remote, generation };
        if ok {
            self.streams.insert(remote, (flow, 0));
            self.give(Input::FlowOpened { flow, connect: Some(id) });
        } else {
            self.give(Input::FlowClosed { flow, connect: Some(id) });
        }
    }

    fn flow_from(&self, from: SocketAddr) -> Option<Flow> {
        let phone = self.phones.iter().find(|phone| phone.address == from)?;
        if phone.tcp {
            return self.streams.get(&from).map(|(flow, _)| *flow);
        }
        Some(Flow {
            transport: Transport::Udp,
            local: switch_address(),
            remote: from,
            generation: 0,
        })
    }

    /// Somebody at the HTTP surface does something.
    fn order(&mut self) {
        self.commands += 1;
        let id = RequestId(self.commands);
        self.asked.insert(id, 0);
        let principal = operator();
        let live = self.store.calls.values().rfind(|call| call.end.is_none()).map(|call| call.call);
        let query = |query| Input::Query { id, principal: principal.clone(), query };
        let command = |command| Input::Command { id, principal: principal.clone(), command };
        let input = match self.rng.below(12) {
            11 => match live {
                Some(call) => command(crate::rooms::order(&mut self.rng, call)),
                None => query(Query::Conferences { offset: 0, limit: 10 }),
            },
            10 => command(crate::owners::order(&mut self.rng)),
            4.. => command(queues::order(&mut self.rng, &self.board.waiting)),
            0 => query(Query::Calls { offset: 0, limit: 500 }),
            1 => match live {
                Some(call) => command(Command::HangUp { call }),
                None => query(Query::Figures),
            },
            2 => query(Query::Registrations { offset: 1, limit: 2 }),
            _ => {
                let (from, to) = ("4003".into(), "4004".into());
                command(Command::Originate {
                    from,
                    to,
                    auto_answer: self.rng.chance(50),
                    terms: Default::default(),
                })
            }
        };
        self.give(input);
    }

    /// Hands an input to the switch, and to its twin in encoded form, and carries the effects out.
    fn give(&mut self, input: Input) {
        let now = self.moment();
        self.frozen |= self.plant == Some(Plant::Freeze) && self.board.offers.len() > 1;
        if self.frozen {
            return;
        }
        if let Some(twin) = &mut self.twin {
            let skip =
                self.plant == Some(Plant::Diverge) && self.now > 30 * SECOND && !self.planted;
            if skip && matches!(input, Input::Packet { .. }) {
                self.planted = true;
            } else {
                let text = serde_json::to_vec(&input).expect("an input can be written");
                let copy: Input = serde_json::from_slice(&text).expect("... and read back");
                twin.handle(now, copy);
                while twin.poll_effect().is_some() {}
            }
        }
        self.switch.handle(now, input);
        while let Some(effect) = self.switch.poll_effect() {
            self.carry_out(effect);
        }
        self.rung.match_up(&self.phones);
        if let Some(at) = self.switch.next_deadline() {
            let at = at.saturating_add(self.offset).max(self.now);
            if self.next_tick.is_none_or(|(planned, _)| at < planned) {
                self.ticks += 1;
                self.next_tick = Some((at, self.ticks));
                self.at(at, Next::Tick(self.ticks));
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { flow, bytes } => self.send(flow, bytes),
            Effect::Connect { id, remote, .. } => {
                let ok = self.phones.iter().any(|phone| phone.address == remote && phone.powered);
                let at = self.now + self.rng.between(1, 300) * MS;
                self.at(at, Next::Connected(id, remote, ok));
            }
            Effect::Close { flow } => {
                self.streams.retain(|_, (open, _)| *open != flow);
            }
            Effect::Resolve { id, .. } => {
                let at = self.now + self.rng.between(1, 3_000) * MS;
                self.at(at, Next::Resolved(Input::Resolved { id, answer: Answer::Failed }));
            }
            Effect::Persist { commit, mut records } => {
                if self.plant == Some(Plant::SwallowRecord) && !self.planted {
                    let before = records.len();
                    records.retain(|record| {
                        !matches!(record, strowger_core::vocab::Record::CallClosed(_))
                    });
                    self.planted = records.len() < before;
                }
                for record in &records {
                    if let strowger_core::vocab::Record::CallClosed(call) = record {
                        let cause = call.end.as_ref().map_or("none", |end| end.cause.as_str());
                        self.seen.insert(format!("cause {cause}"));
                    }
                }
                self.store.take(commit, records);
                let at = self.now + self.rng.between(1, 200) * MS;
                self.at(at, Next::Stored(commit, true));
            }
            Effect::Media { order, .. } => self.order_worker(order),
            Effect::Publish(event) => self.note(&event.kind),
            Effect::Reply { id, reply } => self.replied(id, &reply),
            Effect::SendMail(mail) => {
                let why = || "the server is away".to_owned();
                let taken = self.rng.chance(70);
                let delivery = if taken { Delivery::Taken } else { Delivery::Later(why()) };
                let at = self.now + self.rng.between(1, 5_000) * MS;
                self.at(at, Next::Resolved(Input::Mailed { id: mail.id, delivery }));
            }
            // Its tasks have no robots.
            Effect::Robot(_) | Effect::Drained => {}
        }
    }

    fn order_worker(&mut self, order: media::order::Order) {
        use media::order::Order;
        if !self.planted {
            let swallow =
                self.plant == Some(Plant::SwallowClose) && matches!(order, Order::Close { .. });
            let half =
                self.plant == Some(Plant::HalfBridge) && matches!(order, Order::Bridge { .. });
            if swallow {
                self.planted = true;
                return;
            }
            if let (true, Order::Bridge { a, b }) = (half, &order) {
                self.planted = true;
                return self.workers.bridge_one_way(*a, *b);
            }
        }
        for (after, later) in self.workers.take(order, &mut self.rng) {
            self.at(self.now + after, Next::Media(later));
        }
    }

    fn replied(&mut self, id: RequestId, reply: &Reply) {
        let times = if self.plant == Some(Plant::DoubleReply) { 2 } else { 1 };
        *self.asked.entry(id).or_default() += times;
        if let Reply::Calls(page) = reply {
            assert!(page.items.len() <= 200, "a page has at most 200 rows");
        }
        let answered = |reply: &Reply| match reply {
            Reply::Members(page) => {
                page.items.iter().any(|member| member.state == MemberState::Answered)
            }
            _ => false,
        };
        if self.plant == Some(Plant::StaleList) && self.stale.is_none() && answered(reply) {
            self.stale = Some(reply.clone());
        }
        let reply =
            self.stale.as_ref().filter(|_| matches!(reply, Reply::Members(_))).unwrap_or(reply);
        self.replies.push(reply.clone());
    }

    fn note(&mut self, kind: &EventKind) {
        let text = format!("{kind:?}");
        let name = text.split([' ', '{', '(']).next().unwrap_or_default().to_owned();
        self.seen.insert(format!("event {name}"));
        if self.is_lost(kind) {
            self.planted = true;
            return;
        }
        let mut kind = kind.clone();
        if self.plant == Some(Plant::LongerWrapUp)
            && let EventKind::AgentActivityChanged {
                activity: Activity::WrappingUp { until, .. },
                ..
            } = &mut kind
        {
            *until += 5_000;
        }
        self.rung.note(self.now, &kind);
        self.board.wall = self.moment().wall;
        self.board.note(&kind);
    }

    /// Whether the wallboard is not to hear of this, to see that it notices.
    fn is_lost(&self, kind: &EventKind) -> bool {
        let wanted = match (self.plant, kind) {
            (Some(Plant::StuckAgent), EventKind::AgentActivityChanged { activity, .. }) => {
                matches!(activity, Activity::WrappingUp { .. })
            }
            (Some(Plant::StuckCaller), EventKind::CallerLeft { outcome, .. }) => {
                outcome == "abandoned"
            }
            (Some(Plant::StuckOffer), EventKind::OfferEnded { end, .. }) => {
                *end == OfferEnd::CallerGone
            }
            (Some(Plant::EndlessOffer), EventKind::OfferEnded { end, .. }) => {
                *end == OfferEnd::NoAnswer
            }
            _ => false,
        };
        wanted && !self.planted
    }

    fn send(&mut self, flow: Flow, bytes: Bytes) {
        let Some(index) = self.phones.iter().position(|phone| phone.address == flow.remote) else {
            return;
        };
        self.rung.sent(index, &bytes);
        if self.is_swallowed(index, &bytes) {
            return;
        }
        if self.plant == Some(Plant::TwoInvites) && bytes.starts_with(b"INVITE") {
            let text = String::from_utf8_lossy(&bytes);
            let other = text
                .replace("Call-ID: ", "Call-ID: twin-")
                .replace("branch=z9hG4bK", "branch=z9hG4bKtwin");
            self.at(self.now + MS, Next::ToPhone(index, other.into_bytes()));
        }
        if flow.transport == Transport::Tcp {
            let Some((open, last)) = self.streams.get_mut(&flow.remote) else { return };
            if *open != flow {
                return;
            }
            *last = (*last + 1).max(self.now + MS);
            let at = *last;
            return self.at(at, Next::ToPhone(index, bytes.to_vec()));
        }
        for at in self.deliveries() {
            self.at(at, Next::ToPhone(index, bytes.to_vec()));
        }
    }

    /// Whether a planted fault keeps this from a phone.
    fn is_swallowed(&mut self, index: usize, bytes: &[u8]) -> bool {
        match self.plant {
            Some(Plant::SwallowBye) => bytes.starts_with(b"BYE"),
            Some(Plant::SwallowCancel) => bytes.starts_with(b"CANCEL"),
            Some(Plant::FirstInviteOnly) if bytes.starts_with(b"INVITE") => {
                let call_id = Msg::read(bytes).map(|msg| msg.get("call-id").to_owned());
                let first =
                    self.invites.entry(index).or_insert(call_id.clone().unwrap_or_default());
                call_id.is_some_and(|call_id| *first != call_id)
            }
            _ => false,
        }
    }

    /// When a datagram arrives: never, once or twice.
    fn deliveries(&mut self) -> Vec<u64> {
        if self.rng.chance(self.faults.loss) {
            self.seen.insert("loss".into());
            return Vec::new();
        }
        let copies = if self.rng.chance(self.faults.repeat) { 2 } else { 1 };
        if copies == 2 {
            self.seen.insert("repeat".into());
        }
        let delay = self.faults.delay_ms;
        (0..copies).map(|_| self.now + self.rng.between(1, delay.max(1)) * MS).collect()
    }

    fn phone_out(&mut self, index: usize, out: Vec<Out>) {
        let address = self.phones[index].address;
        let tcp = self.phones[index].tcp;
        for part in out {
            match part {
                Out::At(at, timer) => self.at(at, Next::Phone(index, timer)),
                Out::Send(bytes) if tcp => {
                    let at = match self.streams.get_mut(&address) {
                        Some((_, last)) => {
                            *last = (*last + 1).max(self.now + MS);
                            *last
                        }
                        None => continue,
                    };
                    self.at(at, Next::ToSwitch(address, bytes));
                }
                Out::Send(bytes) => {
                    for at in self.deliveries() {
                        self.at(at, Next::ToSwitch(address, bytes.clone()));
                    }
                }
            }
        }
    }

    pub fn broken(&self, rule: &str) -> ! {
        panic!(
            "seed {} after {} ms: {rule}\nreplay: STROWGER_SIM_SEED={} cargo test -p strowger-core --test sim seeds",
            self.seed,
            self.now / MS,
            self.seed
        );
    }

    /// The rules that hold after every step.
    fn audit(&mut self) {
        if let Some(problem) = self.switch.audit().first() {
            self.broken(problem);
        }
        if let Some(problem) = self.board.audit() {
            self.broken(&problem);
        }
        if let Some(problem) = self.rung.audit(self.now, &self.phones) {
            self.broken(&problem);
        }
        if let Some(problem) = self.workers.audit() {
            self.broken(&problem);
        }
        if self.asked.values().any(|replies| *replies > 1) {
            self.broken("a request got two replies");
        }
        if self.store.closed.values().any(|times| *times > 1) {
            self.broken("a call has two records");
        }
        let strangers = self.phones.iter().filter(|phone| phone.kind == Kind::Stranger);
        if strangers.clone().any(|phone| phone.invited > 0) {
            self.broken("an INVITE went to a stranger");
        }
        if self.twin.as_ref().is_some_and(|twin| twin.digest() != self.switch.digest()) {
            self.broken("two processes with the same inputs differ");
        }
    }

    /// The rules that hold once faults have stopped for long enough.
    pub fn check_drained(&self) {
        if let Some(call) =
            self.store.opened.keys().find(|call| !self.store.closed.contains_key(call))
        {
            let record = self.store.calls.get(call);
            self.broken(&format!("call {call} has no closing record: {record:?}, {:?}", self.seen));
        }
        if let Some((id, _)) = self.asked.iter().find(|(_, replies)| **replies != 1) {
            self.broken(&format!("request {id} got no reply"));
        }
        if self.workers.open() > 0 {
            self.broken(&format!("{} ports never came back", self.workers.open()));
        }
        for phone in &self.phones {
            let forgotten = phone.dialogs.values().find(|dialog| dialog.was_forgotten());
            if let Some(dialog) =
                forgotten.filter(|_| !self.seen.contains("kill") && !phone.cut_off)
            {
                self.broken(&format!(
                    "{} was never told that {} ended",
                    phone.number, dialog.call_id
                ));
            }
            if let Some(wrong) = phone.lamp.as_ref().and_then(Lamp::wrong) {
                self.broken(&format!("on a key of {}: {wrong}", phone.number));
            }
            if !phone.is_idle() {
                self.broken(&format!(
                    "{} {} is stuck: {}",
                    phone.number,
                    phone.address,
                    phone.left()
                ));
            }
        }
        if let Some(problem) = self.board.stuck() {
            self.broken(&problem);
        }
        if !self.switch.is_idle() {
            self.broken(&format!("the switch is not idle: {}", self.switch.remains()));
        }
    }
}
