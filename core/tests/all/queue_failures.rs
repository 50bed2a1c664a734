//! What people report of other queues, year after year: each failure has a test of its name.

use strowger_core::vocab::acd::{
    Activity, Choice, Intent, MemberView, QueueConfig, Strategy, Tier, Times,
};
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::{Query, QueueKey, Reply};

use crate::common::*;
use crate::exchange::*;
use crate::queue_call::*;

fn members(host: &mut Exchange) -> Vec<MemberView> {
    match host.query(Query::Members { queue: "9001".into(), offset: 0, limit: 50 }) {
        Reply::Members(page) => page.items,
        other => panic!("{other:?}"),
    }
}

fn is_offered(host: &mut Exchange, id: &str) -> bool {
    matches!(agent_view(host, id).activity, Activity::Offered { .. })
}

fn choice(strategy: Strategy) -> Choice {
    Choice { strategy, ..Choice::default() }
}

/// A second hotline, whose queue 9002 is served by the same agents.
fn two_queues() -> strowger_core::vocab::Config {
    let mut config = hotline(|_| ());
    let mut second: QueueConfig = config.acd.queues[0].clone();
    second.key = QueueKey { tenant: "demo".into(), number: "9002".into() };
    let to = Destination::Queue(second.key.clone());
    config.numbers.push(number(trunk_key("demo", "carrier"), "057126200676", to));
    config.acd.agents.truncate(1);
    let tier = Tier { queue: second.key.clone(), level: 1, position: 1 };
    config.acd.agents[0].tiers.push(tier);
    config.acd.queues.push(second);
    config
}

#[test]
fn agent_stuck_in_receiving() {
    let mut host = open(hotline(|_| ()));
    customer(&mut host);
    host.expect(ALICE, "INVITE ");
    // Her phone has lost power: nothing comes back, ever.
    host.run(21);
    assert!(!is_offered(&mut host, "101"));
    let mut bob = host.pick_up(BOB);
    assert!(matches!(agent_view(&mut host, "102").activity, Activity::Talking { .. }));
    host.hang_up(&mut bob);
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
    host.run(60);
    let mut second = customer(&mut host);
    let rings = host.take(ALICE, "INVITE ").is_some() || host.take(BOB, "INVITE ").is_some();
    assert!(rings, "the next caller finds an agent");
    host.hang_up(&mut second);
    host.drains();
}

#[test]
fn caller_listed_after_hanging_up() {
    let mut host = open(hotline(|_| ()));
    let mut waiting = customer(&mut host);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    assert_eq!(members(&mut host).len(), 1);
    host.hang_up(&mut waiting);
    assert_eq!(members(&mut host), [], "left while an agent rang");
    let mut talking = customer(&mut host);
    host.run(3);
    let _bob = host.pick_up(BOB);
    assert_eq!(members(&mut host).len(), 1);
    host.hang_up(&mut talking);
    assert_eq!(members(&mut host), [], "left while talking");
    let visits: Vec<_> = host.closed().into_iter().flat_map(|record| record.queued).collect();
    assert!(visits.iter().all(|visit| visit.left_at.is_some()), "{visits:?}");
}

#[test]
fn zombie_call_to_an_agent_after_the_caller_left() {
    let mut host = open(hotline(|_| ()));
    let mut caller = customer(&mut host);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    host.hang_up(&mut caller);
    let cancel = host.expect(ALICE, "CANCEL ");
    assert!(!is_offered(&mut host, "101"));
    // Her answer crosses the CANCEL.
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.respond(ALICE, &cancel, 200, "");
    host.expect(ALICE, "ACK ");
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    assert_eq!(host.bridges, []);
    host.drains();
}

#[test]
fn ring_all_winner_who_hangs_up_takes_the_ringing_phones_with_him() {
    let mut host = open(hotline(|queue| {
        queue.choice = choice(Strategy::RingAll);
        queue.service.agent_announce_sound = Some("acme/for-support".into());
    }));
    let mut caller = customer(&mut host);
    let bobs = host.expect(BOB, "INVITE ");
    host.respond(BOB, &bobs, 180, "");
    let mut alice = host.pick_up(ALICE);
    assert!(host.heard().contains(&"acme/for-support".to_owned()));
    let cancel = host.expect(BOB, "CANCEL ");
    host.respond(BOB, &cancel, 200, "");
    host.respond(BOB, &bobs, 487, "");
    // She hangs up before she is connected.
    host.hang_up(&mut alice);
    assert_eq!(members(&mut host).len(), 1, "the caller keeps its place");
    host.run(2);
    let _bob = host.pick_up(BOB);
    host.hear_out();
    assert!(matches!(agent_view(&mut host, "102").activity, Activity::Talking { .. }));
    host.hang_up(&mut caller);
    let bye = host.expect(BOB, "BYE ");
    host.respond(BOB, &bye, 200, "");
    host.drains();
}

#[test]
fn top_down_stops_when_the_last_agent_is_away() {
    let mut config = hotline(|queue| queue.choice = choice(Strategy::TopDown));
    config.acd.agents.push(agent("103", seat("4569"), 3));
    // The last of the list has no phone registered.
    let mut host = open(config);
    let mut callers: Vec<Dialog> = (0..3).map(|_| customer(&mut host)).collect();
    let mut alice = host.pick_up(ALICE);
    host.pick_up(BOB);
    host.run(5);
    assert_eq!(members(&mut host).len(), 3);
    host.hang_up(&mut alice);
    host.run(2);
    host.pick_up(ALICE);
    callers.drain(1..).for_each(|mut caller| host.hang_up(&mut caller));
}

#[test]
fn one_dispatcher_that_sleeps() {
    let mut host = open(hotline(|_| ()));
    let mut caller = customer(&mut host);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    // The machine stands still for an hour: nobody is called late or twice, and the queue goes on.
    host.oversleep(3000);
    let cancel = host.expect(ALICE, "CANCEL ");
    host.respond(ALICE, &cancel, 200, "");
    host.respond(ALICE, &invite, 487, "");
    host.run(2);
    assert!(is_offered(&mut host, "102") || is_offered(&mut host, "101"));
    host.hang_up(&mut caller);
}

#[test]
fn deadlock_of_callers_and_agents_who_come_at_once() {
    let mut host = open(hotline(|queue| queue.choice = choice(Strategy::RingAll)));
    let mut first = customer(&mut host);
    let mut second = customer(&mut host);
    let (to_alice, to_bob) = (host.expect(ALICE, "INVITE "), host.expect(BOB, "INVITE "));
    host.respond(ALICE, &to_alice, 180, "");
    host.respond(BOB, &to_bob, 180, "");
    // Both answer the first caller at the same moment.
    host.respond(ALICE, &to_alice, 200, &sdp(ALICE));
    host.expect(BOB, "CANCEL ");
    host.respond(BOB, &to_bob, 200, &sdp(BOB));
    let bye = host.expect(BOB, "BYE ");
    host.respond(BOB, &bye, 200, "");
    assert_eq!(host.bridges.len(), 1, "one caller talks with one agent");
    host.run(2);
    host.sent.retain(|(_, text)| !text.starts_with("ACK "));
    host.pick_up(BOB);
    assert_eq!(host.bridges.len(), 2, "the second caller gets the other");
    host.hang_up(&mut first);
    host.hang_up(&mut second);
}

#[test]
fn wrap_up_ignored_by_another_queue() {
    let mut config = two_queues();
    config.acd.agents[0].times = Times { wrap_up_time: Some(30), ..Times::default() };
    let mut host = open(config);
    let mut first = customer(&mut host);
    host.pick_up(ALICE);
    host.hang_up(&mut first);
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    assert!(matches!(agent_view(&mut host, "101").activity, Activity::WrappingUp { .. }));
    let mut second = host.call_in(CARRIER, CUSTOMER, "057126200676");
    host.confirm(&mut second);
    host.run(29);
    assert_eq!(host.take(ALICE, "INVITE "), None, "the other queue waits as well");
    host.run(2);
    host.expect(ALICE, "INVITE ");
    host.hang_up(&mut second);
}

#[test]
fn agent_rung_by_two_queues_at_once() {
    let mut host = open(two_queues());
    let mut first = customer(&mut host);
    let mut second = host.call_in(CARRIER, CUSTOMER, "057126200676");
    host.confirm(&mut second);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    host.run(5);
    assert_eq!(host.take(ALICE, "INVITE "), None, "one offer at a time");
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.run(30);
    assert_eq!(host.take(ALICE, "INVITE "), None, "nor while she talks");
    host.hang_up(&mut first);
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    host.run(2);
    host.expect(ALICE, "INVITE ");
    host.hang_up(&mut second);
}

#[test]
fn bridged_without_sound_or_without_hang_up_of_the_other_side() {
    let mut host = open(hotline(|_| ()));
    customer(&mut host);
    let mut alice = host.pick_up(ALICE);
    assert_eq!(host.bridges.len(), 1, "sound both ways");
    host.hang_up(&mut alice);
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
    assert_eq!(agent_view(&mut host, "101").intent, Intent::Available);
    host.drains();
}
