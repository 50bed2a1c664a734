//! What people do at phones and at the HTTP surface, and what happens to phones.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use strowger_core::vocab::acd::QueueOrder;
use strowger_core::vocab::{Command, Input, Query, Reply, RequestId, WorkerId};

use crate::campaigns::Campaigns;
use crate::phone::{Kind, MS, Phone, SECOND, Timer};
use crate::plan;
use crate::queues::{self, Wallboard};
use crate::rng::Rng;

use super::{Next, World, operator};

impl World {
    pub(super) fn add_phones(&mut self) {
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

    pub(super) fn schedule(&mut self, seconds: u64) {
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
        if self.campaigns.on {
            for at in moments(self, 5) {
                self.at(at, Next::Campaign);
            }
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

    /// Workers report streams whose phone is off or knows nothing of the call any more.
    pub(super) fn notice_silence(&mut self) {
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
    pub(super) fn mishap(&mut self) {
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
        self.campaigns.compare(&replies);
        if let Some(problem) = self.board.compare(&replies) {
            self.broken(&problem);
        }
    }

    /// Places kept for a callback wait for agents, and the phones of those are off now: somebody takes them off the list.
    pub(super) fn clear_callbacks(&mut self) {
        self.look();
        for (call, queue) in self.board.kept_places() {
            self.seen.insert("callback taken off".into());
            self.command(Command::Queue { queue, order: QueueOrder::Remove(call) });
        }
    }

    /// Somebody orders something about dial tasks.
    pub(super) fn campaign(&mut self) {
        for order in self.campaigns.orders(&mut self.rng) {
            self.command(order);
        }
    }

    /// No more is dialled than what needs no agents.
    pub(super) fn end_campaigns(&mut self) {
        if self.campaigns.on {
            for order in self.campaigns.last_orders() {
                self.command(order);
            }
        }
    }

    /// Compares what dial tasks show with what is on disk.
    pub(super) fn check_campaigns(&mut self) {
        if !self.campaigns.on {
            return;
        }
        self.replies.clear();
        for task in Campaigns::names() {
            self.commands += 1;
            let id = RequestId(self.commands);
            self.asked.insert(id, 0);
            let query = Query::DialTask(task);
            self.give(Input::Query { id, principal: operator(), query });
        }
        for reply in std::mem::take(&mut self.replies) {
            let Reply::DialTask(view) = reply else { self.broken(&format!("{reply:?}")) };
            if let Some(wrong) = self.campaigns.wrong(&view, &self.store) {
                self.broken(&wrong);
            }
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        self.commands += 1;
        let id = RequestId(self.commands);
        self.asked.insert(id, 0);
        self.give(Input::Command { id, principal: operator(), command });
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

    /// Somebody at the HTTP surface does something.
    pub(super) fn order(&mut self) {
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
}
