//! Calls by the thousand on a bad link: whatever is lost, repeated and reordered, every leg
//! ends once, every request is answered once, and nothing stays behind.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::Rng;
use strowger_sip::endpoint::{Event, LegId, LegState, OfferBy, OutInvite, Reply, ServerTx};
use strowger_sip::{Method, Transport};

use crate::link::{Faults, Link, MS, PERFECT, SECOND, Side, sdp, seeds};

/// Something a user does at some time.
#[derive(Debug, Clone)]
enum Act {
    Call { late: bool },
    Ring { reliable: bool, body: bool },
    Accept,
    Reject,
    Cancel,
    Bye,
    Reoffer { late: bool },
    Info,
    Answer,
    Refuse,
    Ack,
    Respond(ServerTx),
}

/// What the users know of one leg.
#[derive(Debug, Default)]
struct Known {
    over: bool,
    late: bool,
    answered_early: bool,
    /// Our offers without an outcome.
    offers: usize,
    /// Bodyless ones among them, which the owner answers in the ACK.
    asking: usize,
}

struct Storm {
    link: Link,
    acts: BTreeMap<(u64, u64), (Side, Option<LegId>, Act)>,
    serial: u64,
    legs: BTreeMap<(Side, LegId), Known>,
    requests: BTreeSet<(Side, u64)>,
    seen: BTreeSet<&'static str>,
}

impl Storm {
    fn new(seed: u64, faults: Faults, transport: Transport) -> Self {
        let settings = strowger_sip::endpoint::Settings {
            session_expires: 90,
            ..strowger_sip::endpoint::Settings::default()
        };
        Self {
            link: Link::with(seed, faults, transport, settings.clone(), settings),
            acts: BTreeMap::new(),
            serial: 0,
            legs: BTreeMap::new(),
            requests: BTreeSet::new(),
            seen: BTreeSet::new(),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.link.rng.next_u64() % bound
    }

    fn plan(&mut self, within_ms: u64, side: Side, leg: Option<LegId>, act: Act) {
        self.serial += 1;
        let at = self.link.now + self.below(within_ms + 1) * MS;
        self.acts.insert((at, self.serial), (side, leg, act));
    }

    /// What a caller or a callee may want to do with a leg some time.
    fn plan_life(&mut self, side: Side, leg: LegId) {
        for _ in 0..self.below(4) {
            let act = match self.below(4) {
                0 => Act::Reoffer { late: false },
                1 => Act::Reoffer { late: true },
                2 => Act::Info,
                _ => Act::Reoffer { late: false },
            };
            self.plan(20_000, side, Some(leg), act);
        }
        if self.below(3) == 0 {
            self.plan(30_000, side, Some(leg), Act::Bye);
        }
    }

    fn act(&mut self, side: Side, leg: Option<LegId>, act: Act) {
        let (now, flow) = (self.link.now, self.link.flow(side));
        if let Act::Call { late } = act {
            let body = (!late).then(|| sdp("offer"));
            let out = OutInvite::new("sip:bob@10.0.0.2", "sip:a@a", "sip:b@b", body);
            let leg = self.link.end(side).invite(now, flow, out);
            self.legs.insert((side, leg), Known { late, ..Known::default() });
            self.plan_life(side, leg);
            if self.below(4) == 0 {
                self.plan(6_000, side, Some(leg), Act::Cancel);
            }
            return;
        }
        if let Act::Respond(tx) = act {
            return self.link.end(side).respond(now, tx, Reply::new(200));
        }
        let leg = leg.expect("the other acts are about legs");
        let known = self.legs.get_mut(&(side, leg)).expect("we made it");
        if known.over {
            return;
        }
        let end = match side {
            Side::A => &mut self.link.a,
            Side::B => &mut self.link.b,
        };
        match act {
            Act::Ring { reliable, body } => {
                let mut reply = Reply::new(183);
                reply.reliable = reliable;
                if body {
                    reply = reply.with_body(sdp("ringing"));
                }
                end.provisional(now, leg, reply);
            }
            Act::Accept => end.accept(now, leg, Reply::new(200).with_body(sdp("accepted"))),
            Act::Reject => {
                let early = end.leg_view(leg).is_some_and(|view| view.state == LegState::Early);
                end.reject(now, leg, Reply::new(486));
                known.over |= early;
            }
            Act::Cancel => end.cancel(now, leg, None),
            Act::Bye => {
                let view = end.leg_view(leg).expect("it is live");
                let early_caller = view.state == LegState::Early && !view.incoming;
                end.bye(now, leg, None);
                // The end of a call of ours that was not answered is still to come.
                known.over |= !early_caller;
            }
            Act::Reoffer { late } => {
                known.offers += 1;
                known.asking += usize::from(late);
                end.reoffer(now, leg, (!late).then(|| sdp("reoffer")));
            }
            Act::Info => {
                let tx = end.leg_request(now, leg, Method::Info, Vec::new(), None);
                self.requests.insert((side, tx.0));
            }
            Act::Answer => end.answer_offer(now, leg, Some(sdp("answer"))),
            Act::Refuse => end.refuse_offer(now, leg, 488),
            Act::Ack => end.ack(now, leg, Some(sdp("late answer"))),
            Act::Call { .. } | Act::Respond(_) => {}
        }
    }

    fn heard(&mut self, side: Side, event: Event) {
        match event {
            Event::Invite { leg, message, .. } => {
                let late = message.body().is_empty();
                self.seen.insert(if late { "late call" } else { "call" });
                self.legs.insert((side, leg), Known { late, ..Known::default() });
                for _ in 0..self.below(3) {
                    let (reliable, body) = (self.below(2) == 0, self.below(2) == 0);
                    self.plan(3_000, side, Some(leg), Act::Ring { reliable, body });
                }
                let act = if self.below(5) == 0 { Act::Reject } else { Act::Accept };
                self.plan(6_000, side, Some(leg), act);
                self.plan_life(side, leg);
            }
            Event::Response { tx, .. } => {
                assert!(self.requests.remove(&(side, tx.0)), "answered twice");
                self.seen.insert("response");
            }
            Event::Request { tx, .. } => self.plan(100, side, None, Act::Respond(tx)),
            Event::StreamWanted { .. }
            | Event::StreamSilent { .. }
            | Event::Subscribe { .. }
            | Event::StateWanted { .. }
            | Event::SubscriptionChanged { .. }
            | Event::SubscriptionEnded { .. } => panic!("nobody here wants streams or states"),
            Event::LegRequest { tx, leg, .. } => {
                self.live(side, leg);
                self.plan(100, side, None, Act::Respond(tx));
            }
            Event::Provisional { leg, .. } => {
                self.live(side, leg);
                self.seen.insert("provisional");
            }
            Event::Answered { leg, .. } => {
                let known = self.live(side, leg);
                if known.late && !known.answered_early {
                    self.plan(500, side, Some(leg), Act::Ack);
                }
                self.seen.insert("answered");
            }
            Event::Acked { leg, .. } => {
                self.live(side, leg);
                self.seen.insert("acked");
            }
            Event::Offer { leg, by, .. } => self.offered(side, leg, by),
            Event::OfferWithdrawn { leg } => {
                self.live(side, leg);
            }
            Event::OfferAnswered { leg, message } => {
                let prack = message.method() == Some(&Method::Prack);
                let known = self.live(side, leg);
                if !prack {
                    known.offers -= 1;
                }
                if known.asking > 0 {
                    self.plan(200, side, Some(leg), Act::Ack);
                }
                self.seen.insert("offer answered");
            }
            Event::OfferRefused { leg, status } => {
                let known = self.live(side, leg);
                known.offers -= 1;
                self.seen.insert(if status == 491 { "gave up" } else { "offer refused" });
            }
            Event::Failed { leg, .. } => self.ended(side, leg, "failed"),
            Event::Cancelled { leg, .. } => self.ended(side, leg, "cancelled"),
            Event::Ended { leg, cause } => {
                use strowger_sip::endpoint::EndCause;
                let how = match cause {
                    EndCause::Bye(_) => "bye",
                    EndCause::SessionExpired => "expired",
                    EndCause::NoAck => "no ack",
                    EndCause::NoPrack => "no prack",
                    EndCause::Crossed => "crossed",
                    EndCause::TransportLost => "lost",
                    EndCause::Gone(_) => "gone",
                };
                self.ended(side, leg, how);
            }
        }
    }

    fn offered(&mut self, side: Side, leg: LegId, by: OfferBy) {
        let known = self.live(side, leg);
        known.answered_early |= by == OfferBy::Early;
        self.seen.insert(match by {
            OfferBy::Reinvite => "re-INVITE",
            OfferBy::Update => "UPDATE",
            OfferBy::Prack => "PRACK offer",
            OfferBy::Early => "early offer",
        });
        let refuse = self.below(8) == 0 && by != OfferBy::Early;
        let act = if refuse { Act::Refuse } else { Act::Answer };
        self.plan(300, side, Some(leg), act);
    }

    fn live(&mut self, side: Side, leg: LegId) -> &mut Known {
        let known = self.legs.get_mut(&(side, leg)).expect("events are about legs we know");
        assert!(!known.over, "an event of a leg that is gone");
        known
    }

    fn ended(&mut self, side: Side, leg: LegId, how: &'static str) {
        self.live(side, leg).over = true;
        self.seen.insert(how);
    }

    fn run(&mut self, nanoseconds: u64) {
        let end = self.link.now + nanoseconds;
        loop {
            for side in [Side::A, Side::B] {
                while let Some(event) = self.link.end(side).poll_event() {
                    self.heard(side, event);
                }
            }
            let next = self.acts.first_key_value().map(|((at, _), _)| *at);
            let until = next.map_or(end, |at| at.min(end));
            if self.link.step(until) {
                continue;
            }
            match self.acts.first_key_value() {
                Some(((at, _), _)) if *at <= self.link.now => {
                    let Some((_, (side, leg, act))) = self.acts.pop_first() else { break };
                    self.act(side, leg, act);
                }
                _ if self.link.now >= end => break,
                _ => {}
            }
        }
    }

    /// After the storm: whoever still talks hangs up, and nothing stays.
    fn calm(&mut self) {
        self.link.faults = PERFECT;
        self.run(150 * SECOND);
        for ((side, leg), known) in &self.legs {
            let end = if *side == Side::A { &self.link.a } else { &self.link.b };
            // A call whose answer was lost for good rings until its owner has enough.
            let rings = end.leg_view(*leg).is_some_and(|view| view.state == LegState::Early);
            let settled = known.over || known.offers == 0 || rings;
            assert!(settled, "{side:?} {leg:?} offers without outcome: {known:?}");
        }
        let talking: Vec<_> = self
            .legs
            .iter()
            .filter(|(_, known)| !known.over)
            .map(|((side, leg), _)| (*side, *leg))
            .collect();
        for (side, leg) in talking {
            self.plan(1_000, side, Some(leg), Act::Bye);
        }
        self.run(250 * SECOND);
        for (key, known) in &self.legs {
            assert!(known.over, "{key:?} never ended: {known:?}");
        }
        assert!(self.requests.is_empty(), "requests without an answer");
        for side in [Side::A, Side::B] {
            let counts = self.link.end(side).counts();
            assert!(counts.is_empty(), "{side:?} still has {counts:?}");
        }
    }
}

fn storm(seed: u64, faults: Faults, transport: Transport) -> BTreeSet<&'static str> {
    let mut storm = Storm::new(seed, faults, transport);
    for _ in 0..3 {
        for side in [Side::A, Side::B] {
            let late = storm.below(3) == 0;
            storm.plan(20_000, side, None, Act::Call { late });
        }
    }
    storm.run(60 * SECOND);
    storm.calm();
    storm.seen
}

#[test]
fn every_leg_ends_once_on_any_link() {
    let mut seen = BTreeSet::new();
    for seed in 0..seeds(240) {
        let faults = match seed % 4 {
            0 => PERFECT,
            1 => Faults { lost: 100, repeated: 50, jitter_ms: 50 },
            2 => Faults { lost: 300, repeated: 100, jitter_ms: 800 },
            _ => Faults { lost: 500, repeated: 300, jitter_ms: 200 },
        };
        let run = std::panic::AssertUnwindSafe(|| storm(seed, faults, Transport::Udp));
        match std::panic::catch_unwind(run) {
            Ok(more) => seen.extend(more),
            Err(cause) => {
                eprintln!("seed {seed} with {faults:?}");
                std::panic::resume_unwind(cause);
            }
        }
    }
    for wanted in [
        "call",
        "late call",
        "provisional",
        "answered",
        "acked",
        "offer answered",
        "offer refused",
        "re-INVITE",
        "UPDATE",
        "early offer",
        "response",
        "failed",
        "cancelled",
        "bye",
        "crossed",
        "gone",
        "no ack",
        "no prack",
    ] {
        assert!(seen.contains(wanted), "never seen: {wanted}");
    }
}

#[test]
fn every_leg_ends_once_on_a_stream() {
    for seed in 0..seeds(30) {
        storm(seed, PERFECT, Transport::Tcp);
    }
}
