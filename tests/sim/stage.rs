//! Written scenes in the simulated world: the scene says who calls and what phones do, the network does as it likes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use strowger_core::vocab::acd::{AcdConfig, Activity, AgentConfig, QueueConfig, Strategy, Tier};

use crate::dialog::{Dialog, Stage as At};
use crate::phone::{MS, Manner, Phone, SECOND};
use crate::queues::{agent, at, queue, queue_key};
use crate::world::{Plant, World};

/// Seeds of each scene.
const SEEDS: u64 = 40;
/// Seeds within which a planted fault must be noticed.
const PLANTED: u64 = 10;
/// How often a scene looks.
const PAUSE: u64 = 50 * MS;

/// A queue without peculiarities.
pub fn plain(number: &str, strategy: Strategy) -> QueueConfig {
    let mut config = queue(number, strategy);
    config.limits.max_wait_time = 0;
    config.limits.max_wait_time_with_no_agent = 0;
    config.voice.position_announce_frequency = 0;
    config
}

/// An agent at a phone, with its place in each queue.
pub fn staff(id: &str, phone: &str, places: &[(&str, u16)]) -> AgentConfig {
    let mut config = agent(id, at(phone), &[]);
    let tier =
        |&(number, position): &(&str, u16)| Tier { queue: queue_key(number), level: 1, position };
    config.tiers = places.iter().map(tier).collect();
    (config.agent_sound, config.max_no_answer) = (None, 0);
    config
}

/// A scene: whom there is, and what happens.
pub struct Scene {
    pub acd: fn() -> AcdConfig,
    pub play: fn(&mut Stage),
}

/// Somebody's own call.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    pub phone: usize,
    pub call: u64,
}

pub struct Stage {
    pub world: World,
    callers: Vec<Caller>,
    /// Nobody is to be rung for longer; milliseconds.
    pub longest_offer: Option<u64>,
}

impl Stage {
    fn new(seed: u64, plant: Option<Plant>, scene: &Scene) -> Self {
        let world = World::staged(seed, plant, (scene.acd)());
        let mut stage = Self { world, callers: Vec::new(), longest_offer: None };
        let all = |stage: &Stage| {
            ["4001", "4002", "4003", "4004", "4005"]
                .iter()
                .all(|number| stage.phone(number).registered)
        };
        stage.until("everybody is registered", 60, all);
        stage
    }

    pub fn seed(&self) -> u64 {
        self.world.seed
    }

    pub fn index(&self, number: &str) -> usize {
        let found = self.world.phones.iter().position(|phone| phone.number == number);
        found.expect("a phone of this number")
    }

    pub fn phone(&self, number: &str) -> &Phone {
        &self.world.phones[self.index(number)]
    }

    pub fn manner(&mut self, number: &str, manner: Manner) {
        let index = self.index(number);
        self.world.phones[index].manner = Some(manner);
    }

    /// Somebody calls, and stays until the scene ends.
    pub fn call(&mut self, from: &str, to: &str) -> Caller {
        let phone = self.index(from);
        let call = self.world.at_phone(phone, |phone, now| phone.call(now, to));
        let caller = Caller { phone, call };
        self.callers.push(caller);
        caller
    }

    pub fn dialog(&self, caller: Caller) -> &Dialog {
        &self.world.phones[caller.phone].dialogs[&caller.call]
    }

    pub fn is_up(&self, caller: Caller) -> bool {
        self.dialog(caller).stage == At::Up
    }

    /// Hangs up.
    pub fn end(&mut self, caller: Caller) {
        let hang_up = |phone: &mut Phone, now| ((), phone.end(now, caller.call));
        self.world.at_phone(caller.phone, hang_up);
    }

    /// Conversations that began so far.
    pub fn served(&self) -> usize {
        self.world.board.served.len()
    }

    pub fn served_by(&self, agent: &str) -> usize {
        self.world.board.served.iter().filter(|(_, by)| by.id == agent).count()
    }

    pub fn activity(&self, id: &str) -> Option<&Activity> {
        let all = self.world.board.activity.iter();
        all.filter(|(agent, _)| agent.id == id).map(|(_, activity)| activity).next()
    }

    pub fn nobody_waits(&self) -> bool {
        self.world.board.waiting.is_empty() && self.world.board.offers.is_empty()
    }

    fn look(&mut self) {
        if let Some(limit) = self.longest_offer {
            let board = &self.world.board;
            let began = |offer| board.since.get(offer).copied().unwrap_or(board.wall);
            let shown = self.world.wall();
            if let Some((offer, (agent, _))) =
                board.offers.iter().find(|(offer, _)| shown > began(offer) + limit)
            {
                let since = shown - began(offer);
                self.world.broken(&format!("agent {agent} is shown as receiving for {since} ms"));
            }
        }
        // Nobody ends a wrap-up by an order here.
        if let Some(early) = &self.world.board.early {
            self.world.broken(early);
        }
        for phone in &self.world.phones {
            let ringing = phone.dialogs.values().filter(|dialog| dialog.stage == At::Ringing);
            if ringing.count() > 1 {
                self.world.broken(&format!("{} rings for two callers at once", phone.number));
            }
        }
    }

    pub fn pass(&mut self, seconds: u64) {
        let end = self.world.now + seconds * SECOND;
        while self.world.now < end {
            self.world.go_on_until(self.world.now + PAUSE);
            self.look();
        }
    }

    /// Goes on until this holds; broken when it takes too long.
    pub fn until(&mut self, what: &str, seconds: u64, holds: impl Fn(&Stage) -> bool) {
        let end = self.world.now + seconds * SECOND;
        while !holds(self) {
            if self.world.now >= end {
                let board = &self.world.board;
                let (waiting, offers) = (&board.waiting, &board.offers);
                let calls: Vec<_> =
                    self.callers.iter().map(|one| self.dialog(*one).stage).collect();
                let served = self.served();
                let how = format!(
                    "not within {seconds} s: {what} (waiting {waiting:?}, {offers:?}, served {served}, {calls:?})"
                );
                self.world.broken(&how);
            }
            self.world.go_on_until(self.world.now + PAUSE);
            self.look();
        }
    }

    fn over(mut self) {
        for caller in self.callers.clone() {
            self.end(caller);
        }
        self.world.calm_down();
        self.world.go_on_until(self.world.now + 200 * SECOND);
        self.world.check_drained();
    }
}

fn run(scene: &Scene, seed: u64, plant: Option<Plant>) {
    let mut stage = Stage::new(seed, plant, scene);
    (scene.play)(&mut stage);
    stage.over();
}

/// Plays a scene with many seeds; then with a planted fault, which must be noticed as this.
pub fn play(scene: &Scene, plant: Plant, noticed: &str) {
    (0..SEEDS).for_each(|seed| run(scene, seed, None));
    let message = (0..PLANTED).find_map(|seed| {
        let result = catch_unwind(AssertUnwindSafe(|| run(scene, seed, Some(plant))));
        result.err().and_then(|panic| panic.downcast_ref::<String>().cloned())
    });
    let message = message.unwrap_or_else(|| panic!("nothing noticed {plant:?}"));
    assert!(message.contains(noticed), "{plant:?} was noticed as something else: {message}");
}
