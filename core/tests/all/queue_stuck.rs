//! Nobody is stuck: agents whose phones do everything wrong, and callers who are there when time jumps.

use media::order::StreamId;
use strowger_core::vocab::acd::{Activity, Choice, MemberState, Strategy, Tier};
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::{Config, Query, QueueKey, Reply};

use crate::common::*;
use crate::exchange::*;
use crate::queue_call::*;
use crate::transfer_blind::ended;

/// The number that leads to the second queue.
const SECOND: &str = "057126200676";

fn activity(host: &mut Exchange, id: &str) -> Activity {
    agent_view(host, id).activity
}

fn is_offered(host: &mut Exchange, id: &str) -> bool {
    matches!(activity(host, id), Activity::Offered { .. })
}

fn talks(host: &mut Exchange, id: &str) -> bool {
    matches!(activity(host, id), Activity::Talking { .. })
}

fn states(host: &mut Exchange) -> Vec<MemberState> {
    match host.query(Query::Members { queue: "9001".into(), offset: 0, limit: 50 }) {
        Reply::Members(page) => page.items.into_iter().map(|member| member.state).collect(),
        other => panic!("{other:?}"),
    }
}

/// Two queues with the same two agents, in opposite order.
fn crossed() -> Config {
    let mut config = hotline(|queue| queue.choice.strategy = Strategy::TopDown);
    let mut second = config.acd.queues[0].clone();
    second.key = QueueKey { tenant: "demo".into(), number: "9002".into() };
    let to = Destination::Queue(second.key.clone());
    config.numbers.push(number(trunk_key("demo", "carrier"), SECOND, to));
    for (agent, position) in config.acd.agents.iter_mut().zip([2, 1]) {
        agent.tiers.push(Tier { queue: second.key.clone(), level: 1, position });
    }
    config.acd.queues.push(second);
    config
}

fn call_second(host: &mut Exchange) -> Dialog {
    let mut caller = host.call_in(CARRIER, CUSTOMER, SECOND);
    host.expect(CARRIER, "SIP/2.0 100");
    host.confirm(&mut caller);
    caller
}

/// A 200 that comes after the offer has rung out is acknowledged, ended with BYE, and changes nothing for the agent.
#[test]
fn agent_stuck_in_receiving_by_a_late_200() {
    let mut host = open(hotline(|_| ()));
    let mut caller = customer(&mut host);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    host.run(21);
    let cancel = host.expect(ALICE, "CANCEL ");
    host.respond(ALICE, &cancel, 200, "");
    host.answer_crosses(ALICE, &invite);
    assert!(!is_offered(&mut host, "101") && !talks(&mut host, "101"));
    assert_eq!(host.bridges, [], "the late answer takes no caller");
    host.run(2);
    host.pick_up(BOB);
    assert!(talks(&mut host, "102"), "the caller goes to the next agent");
    host.hang_up(&mut caller);
    ended(&mut host, BOB);
    host.drains();
}

/// The same 200 again is acknowledged again and makes no second conversation, neither before nor after the hang-up.
#[test]
fn agent_stuck_in_receiving_by_a_repeated_200() {
    let mut host = open(hotline(|_| ()));
    let mut caller = customer(&mut host);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    assert_eq!(host.bridges.len(), 1);
    assert!(talks(&mut host, "101"));
    host.hang_up(&mut caller);
    ended(&mut host, ALICE);
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.run(2);
    assert!(matches!(activity(&mut host, "101"), Activity::Idle));
    assert_eq!(host.bridges.len(), 1);
    host.drains();
}

/// A phone that says nothing at all: its agent goes to break after three misses and is never shown as being offered
/// beside a caller who has gone.
#[test]
fn agent_stuck_in_reserved_by_a_phone_without_power() {
    let mut config = hotline(|_| ());
    config.acd.agents.truncate(1);
    let mut host = open(config);
    let mut caller = customer(&mut host);
    host.expect(ALICE, "INVITE ");
    host.run(300);
    assert!(!is_offered(&mut host, "101"), "not rung for ever");
    assert_eq!(states(&mut host), [MemberState::Waiting]);
    host.hang_up(&mut caller);
    assert_eq!(states(&mut host), []);
    assert!(matches!(activity(&mut host, "101"), Activity::Idle | Activity::CoolingDown { .. }));
    host.drains();
}

/// A caller who hung up while talking is on no list, a minute and a day later.
#[test]
fn caller_answered_hours_after_hanging_up() {
    let mut host = open(hotline(|_| ()));
    let mut caller = customer(&mut host);
    host.pick_up(ALICE);
    assert_eq!(states(&mut host), [MemberState::Answered]);
    host.hang_up(&mut caller);
    // Her phone does not even answer the BYE.
    host.expect(ALICE, "BYE ");
    assert_eq!(states(&mut host), []);
    host.run(60);
    host.oversleep(20 * 3600);
    assert_eq!(states(&mut host), []);
    assert!(matches!(activity(&mut host, "101"), Activity::Idle));
}

/// Late ticks, a jump of time, and many inputs at one instant: after each, nobody waits beside a free agent.
#[test]
fn caller_waits_beside_a_free_agent_when_the_dispatcher_sleeps() {
    let mut host = open(hotline(|queue| queue.times.call_timeout = Some(10)));
    // A burst: six callers at one instant, and two agents to take them.
    let mut callers: Vec<Dialog> = (0..6).map(|_| customer(&mut host)).collect();
    assert!(is_offered(&mut host, "101") && is_offered(&mut host, "102"));
    host.sent.retain(|(_, text)| !text.starts_with("INVITE "));
    // Nothing runs for ten minutes; then everything that was due is done at once.
    host.oversleep(600);
    host.run(3);
    let busy = ["101", "102"].map(|id| is_offered(&mut host, id));
    assert_eq!(busy, [true, true], "both are offered callers again");
    let mut alice = host.pick_up(ALICE);
    let mut bob = host.pick_up(BOB);
    // Both hang up at one instant, and no tick comes for five seconds.
    host.hang_up(&mut alice);
    host.hang_up(&mut bob);
    let gone = std::iter::from_fn(|| host.take(CARRIER, "BYE ")).count();
    assert_eq!(gone, 2, "their callers are told");
    host.oversleep(5);
    assert!(is_offered(&mut host, "101") && is_offered(&mut host, "102"));
    callers.iter_mut().for_each(|caller| host.request(caller, "BYE", "", ""));
    assert_eq!(states(&mut host), []);
}

/// Two queues that want the same two agents in opposite order: each round both callers get one.
#[test]
fn deadlock_of_two_queues_with_the_same_agents_in_opposite_order() {
    let mut host = open(crossed());
    for _ in 0..5 {
        let mut first = customer(&mut host);
        let mut second = call_second(&mut host);
        host.pick_up(ALICE);
        host.pick_up(BOB);
        assert!(talks(&mut host, "101") && talks(&mut host, "102"));
        host.hang_up(&mut first);
        host.hang_up(&mut second);
        ended(&mut host, ALICE);
        ended(&mut host, BOB);
        host.run(5);
        // Now the other way round.
        let mut second = call_second(&mut host);
        let mut first = customer(&mut host);
        host.pick_up(BOB);
        host.pick_up(ALICE);
        host.hang_up(&mut second);
        host.hang_up(&mut first);
        ended(&mut host, ALICE);
        ended(&mut host, BOB);
        host.run(5);
    }
    host.drains();
}

/// A ring-all winner whose phone vanishes after its 200, without BYE and without power, leaves the others ringing.
#[test]
fn ring_all_winner_who_vanishes_before_the_bridge() {
    let mut host = open(hotline(|queue| {
        queue.choice = Choice { strategy: Strategy::RingAll, ..Choice::default() };
        queue.service.agent_announce_sound = Some("acme/for-support".into());
    }));
    let mut caller = customer(&mut host);
    let bobs = host.expect(BOB, "INVITE ");
    host.respond(BOB, &bobs, 180, "");
    let mut alice = host.pick_up(ALICE);
    let cancel = host.expect(BOB, "CANCEL ");
    host.respond(BOB, &cancel, 200, "");
    host.respond(BOB, &bobs, 487, "");
    host.hang_up(&mut alice);
    host.run(2);
    let again = host.expect(BOB, "INVITE ");
    host.respond(BOB, &again, 180, "");
    assert_eq!(host.take(CARRIER, "BYE "), None, "the caller stays");
    host.respond(BOB, &again, 200, &sdp(BOB));
    host.hear_out();
    assert!(talks(&mut host, "102"));
    assert_eq!(host.bridges.len(), 1);
    host.hang_up(&mut caller);
    ended(&mut host, BOB);
    host.drains();
}

/// One bridge, of the caller's stream and the agent's, each told where its peer is and to send and receive; when either
/// side hangs up the other is told, and the ports come back.
#[test]
fn bridged_without_sound_in_one_direction() {
    for agent_first in [false, true] {
        let mut host = open(hotline(|_| ()));
        let mut caller = customer(&mut host);
        let mut alice = host.pick_up(ALICE);
        let [(a, b)] = host.bridges[..] else { panic!("{:?}", host.bridges) };
        let heard = |host: &Exchange, stream: StreamId| {
            let config = host.configured.get(&stream).expect("a stream that was configured");
            assert!(config.send && config.receive, "{config:?}");
            config.remote_rtp.map(|address| address.ip()).expect("a peer")
        };
        let mut peers = [heard(&host, a), heard(&host, b)];
        peers.sort();
        let mut wanted = [address(CARRIER).ip(), address(ALICE).ip()];
        wanted.sort();
        assert_eq!(peers, wanted, "the two that talk");
        if agent_first {
            host.hang_up(&mut alice);
            ended(&mut host, CARRIER);
        } else {
            host.hang_up(&mut caller);
            ended(&mut host, ALICE);
        }
        assert_eq!(states(&mut host), []);
        host.drains();
    }
}
