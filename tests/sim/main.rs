//! The whole switch under seeded simulation: virtual time, a faulty network, phones that do everything wrong.
//!
//! `STROWGER_SIM_SEEDS=n` runs that many seeds (200 by default), `STROWGER_SIM_SEED=n` replays one, with
//! `STROWGER_SIM_TRACE=1` event by event.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod campaigns;
mod dialog;
mod failures;
mod lamp;
mod media;
mod owners;
mod phone;
mod plan;
mod queues;
mod refer;
mod rng;
mod robots;
mod rooms;
mod rung;
mod stage;
mod store;
mod wire;
mod world;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use world::{Plant, World};

/// Virtual seconds with faults in each run.
const SECONDS: u64 = 180;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run(seed: u64, plant: Option<Plant>) -> BTreeSet<String> {
    let mut world = World::new(seed, plant);
    world.run(SECONDS);
    world.seen
}

#[test]
fn seeds() {
    if let Some(seed) = number("STROWGER_SIM_SEED") {
        run(seed, None);
        return;
    }
    let seeds = number("STROWGER_SIM_SEEDS").unwrap_or(200);
    let seen: BTreeSet<String> = std::thread::scope(|scope| {
        let halves = [0, 1].map(|half| {
            scope.spawn(move || {
                let mine = (0..seeds).filter(|seed| seed % 2 == half);
                mine.flat_map(|seed| run(seed, None)).collect::<BTreeSet<String>>()
            })
        });
        halves.into_iter().flat_map(|half| half.join().expect("every seed passes")).collect()
    });
    let missing: Vec<_> = REACHED.iter().filter(|wanted| !seen.contains(**wanted)).collect();
    assert!(missing.is_empty(), "no run reached {missing:?}; reached were {seen:?}");
}

/// Kinds of faults, events and ends that the runs together must reach, or they prove too little.
const REACHED: &[&str] = &[
    "loss",
    "repeat",
    "kill",
    "power lost",
    "connection lost",
    "silence",
    "glare",
    "prack",
    "late offer answered",
    "answered after cancel",
    "200 crossed cancel",
    "cancelled",
    "hung up",
    "ignored",
    "refused 486",
    "refused 603",
    "refused 503",
    "refused 302",
    "video",
    "change sendonly",
    "change sendrecv",
    "order open",
    "order bridge",
    "order loop",
    "order play",
    "order record",
    "order echo",
    "order dtmf",
    "order mix",
    "refer blind",
    "refer attended",
    "refer told 100",
    "refer told 200",
    "REFER 202",
    "REFER 403",
    "REFER 491",
    "lamp early",
    "lamp confirmed",
    "lamp checked",
    "event CallStarted",
    "event CallRinging",
    "event CallAnswered",
    "event CallHeld",
    "event CallResumed",
    "event CallEnded",
    "event RecordingStarted",
    "event RecordingEnded",
    "event ExtensionOnline",
    "event ExtensionOffline",
    "event TrunkUp",
    "event TrunkDown",
    "event CallerQueued",
    "event AgentOffered",
    "event AgentIntentChanged",
    "event SettingsChanged",
    "event AgentActivityChanged",
    "event CallRated",
    "event CallPickedUp",
    "event CallTransferred",
    "event CallParked",
    "event CallRetrieved",
    "event ParkingEnded",
    "event Conference",
    "event Supervision",
    "agent Idle",
    "agent Offered",
    "agent Talking",
    "agent OnOtherCall",
    "agent WrappingUp",
    "agent CoolingDown",
    "offer Answered",
    "offer NoAnswer",
    "offer Busy",
    "offer Rejected",
    "offer Unreachable",
    "offer CallerGone",
    "offer WonByAnother",
    "offer Withdrawn",
    "left answered",
    "left abandoned",
    "left removed",
    "left callback",
    "left timeout",
    "left no_agent",
    "left exit_key",
    "left queue_removed",
    "intent by Api",
    "intent by Phone",
    "intent by Switch",
    "defined true",
    "defined false",
    "listed as answered",
    "200 twice",
    "confirmed",
    "moved while ringing",
    "Extension lost power while ringing",
    "Carrier lost power while ringing",
    "Carrier lost power while talking",
    "cause normal",
    "cause cancelled",
    "cause busy",
    "cause no_answer",
    "cause rejected",
    "cause not_found",
    "cause not_registered",
    "cause forbidden",
    "cause transferred",
    "cause picked_up",
    "cause conferenced",
    "cause congestion",
    "cause media_timeout",
    "cause restart",
    "cause administrative",
    "numbers wanted",
    "dialled answered",
    "dialled abandoned",
    "dialled busy",
    "dialled no_answer",
    "dialled rejected",
    "dialled do_not_call",
    "dialled failed",
    "cause robot_lost",
    "robot refused",
    "robot silent",
    "robot late",
    "robot connected",
    "robot noted",
    "robot hung up",
    "robot transferred",
    "robot died",
    "robot told no",
    "robot told the end",
    "robot told the transfer",
    "robot said something too late",
];

/// Runs seeds with a falsified effect until the rule that belongs to it breaks; another rule may notice it first.
fn fires(plant: Plant, rule: &str) {
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut others = Vec::new();
    let noticed = (0..200).any(|seed| {
        let result = catch_unwind(AssertUnwindSafe(|| run(seed, Some(plant))));
        let message = result.err().and_then(|panic| panic.downcast_ref::<String>().cloned());
        let right = message.as_ref().is_some_and(|message| message.contains(rule));
        others.extend(message.filter(|_| !right));
        right
    });
    std::panic::set_hook(quiet);
    assert!(noticed, "{plant:?} did not break {rule:?}, only {others:?}");
}

#[test]
fn a_swallowed_bye_is_noticed() {
    fires(Plant::SwallowBye, "was never told");
}

#[test]
fn a_swallowed_record_is_noticed() {
    fires(Plant::SwallowRecord, "has no closing record");
}

#[test]
fn a_port_that_never_comes_back_is_noticed() {
    fires(Plant::SwallowClose, "ports");
}

#[test]
fn a_double_reply_is_noticed() {
    fires(Plant::DoubleReply, "two replies");
}

#[test]
fn a_lopsided_bridge_is_noticed() {
    fires(Plant::HalfBridge, "is bridged to");
}

#[test]
fn an_agent_who_talks_to_nobody_is_noticed() {
    fires(Plant::StuckAgent, "and the call is over");
}

#[test]
fn a_caller_who_hung_up_and_waits_is_noticed() {
    fires(Plant::StuckCaller, "still shown as waiting");
}

#[test]
fn an_offer_without_a_caller_is_noticed() {
    fires(Plant::StuckOffer, "is rung");
}

#[test]
fn a_phone_that_rings_on_is_noticed() {
    fires(Plant::SwallowCancel, "after its offer was over");
}

#[test]
fn a_number_that_is_dialled_twice_is_noticed() {
    fires(Plant::DialTwice, "is called twice");
}

#[test]
fn a_number_whose_result_is_lost_is_noticed() {
    fires(Plant::LostResult, "has no result");
}

#[test]
fn a_robot_that_is_not_told_the_end_is_noticed() {
    fires(Plant::RobotUntold, "its robot was not told");
}

#[test]
fn a_diverging_twin_is_noticed() {
    fires(Plant::Diverge, "differ");
}
