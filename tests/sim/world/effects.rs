//! Inputs go in, and the effects are carried out: late, and falsified where a fault is planted.

use sip::resolve::Answer;
use strowger_core::vocab::acd::{Activity, MemberState, OfferEnd};
use strowger_core::vocab::dial::NumberStage;
use strowger_core::vocab::mailbox::Delivery;
use strowger_core::vocab::robot::RobotOrder;
use strowger_core::vocab::{Effect, EventKind, Input, Record, Reply, RequestId};

use crate::phone::{MS, SECOND};

use super::{Next, Plant, World};

impl World {
    /// Hands an input to the switch, and to its twin in encoded form, and carries the effects out.
    pub(super) fn give(&mut self, input: Input) {
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

    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { flow, bytes } => self.send(flow, bytes),
            Effect::Connect { id, remote, .. } => {
                // Who registers by datagrams accepts no connection.
                let there = self.phones.iter().find(|phone| phone.address == remote);
                let ok = there.is_some_and(|phone| phone.powered && phone.tcp);
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
                    records.retain(|record| !matches!(record, Record::CallClosed(_)));
                    self.planted = records.len() < before;
                }
                if self.plant == Some(Plant::LostResult) {
                    records.retain(|record| !is_result(record));
                }
                for record in &records {
                    if let Record::CallClosed(call) = record {
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
            Effect::Robot(order) => self.order_robot(order),
            Effect::Drained => {}
        }
    }

    /// An order to the connection with a robot.
    fn order_robot(&mut self, order: RobotOrder) {
        if self.plant == Some(Plant::RobotUntold) && matches!(order, RobotOrder::Close { .. }) {
            return;
        }
        for (after, line, word) in self.robots.take(order) {
            self.at(self.now + after, Next::Robot(line, word));
        }
    }

    pub(super) fn order_worker(&mut self, order: media::order::Order) {
        use media::order::Order;
        if let Order::ConnectLine { mix, .. } = &order {
            self.robots.connected(*mix);
        }
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

    pub(super) fn replied(&mut self, id: RequestId, reply: &Reply) {
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

    pub(super) fn note(&mut self, kind: &EventKind) {
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
        self.campaigns.note(&kind);
    }

    /// Whether the wallboard is not to hear of this, to see that it notices.
    pub(super) fn is_lost(&self, kind: &EventKind) -> bool {
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
}

/// Whether a record says what came of a number of a dial task.
fn is_result(record: &Record) -> bool {
    matches!(record, Record::DialNumber(row) if matches!(row.stage, NumberStage::Done(_)))
}
