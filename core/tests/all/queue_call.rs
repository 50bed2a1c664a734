//! Calls of queues with real messages: who rings, what is heard, and how it ends.

use strowger_core::vocab::acd::{
    Activity, AgentConfig, AgentPlace, AgentView, Intent, QueueConfig, Tier,
};
use strowger_core::vocab::config::{Config, Destination};
use strowger_core::vocab::record::{EndCause, Party};
use strowger_core::vocab::{AgentKey, EventKind, Query, QueueKey, Reply, Secret};

use crate::common::*;
use crate::exchange::*;

pub const CARRIER: &str = "192.0.2.10:5060";
pub const ALICE: &str = "198.51.100.7:5060";
pub const BOB: &str = "198.51.100.8:5060";
pub const CAROL: &str = "198.51.100.9:5060";
/// The number that leads to the queue.
pub const HOTLINE: &str = "057126200675";
pub const CUSTOMER: &str = "057188881111";

pub fn agent(id: &str, place: AgentPlace, position: u16) -> AgentConfig {
    let queue = QueueKey { tenant: "demo".into(), number: "9001".into() };
    let key = AgentKey { tenant: "demo".into(), id: id.into() };
    AgentConfig {
        name: format!("Agent {id}"),
        places: vec![place],
        pin: Some(Secret::new("2580")),
        status: Intent::Available,
        tiers: vec![Tier { queue, level: 1, position }],
        ..AgentConfig::new(key)
    }
}

pub fn seat(number: &str) -> AgentPlace {
    AgentPlace::Extension(number.into())
}

/// Two companies with a hotline: agents 101 at 4567 and 102 at 4568.
pub fn hotline(change: impl FnOnce(&mut QueueConfig)) -> Config {
    let mut config = two_companies();
    config.sip.qualify_secs = 0;
    config.sip.session_expires = 0;
    config.acd.agents = vec![agent("101", seat("4567"), 1), agent("102", seat("4568"), 2)];
    let queue = &mut config.acd.queues[0];
    queue.service.agent_report_wait_time = false;
    queue.service.record_enabled = false;
    change(queue);
    let to = Destination::Queue(queue.key.clone());
    config.numbers.push(number(trunk_key("demo", "carrier"), HOTLINE, to));
    config
}

pub fn agent_view(host: &mut Exchange, id: &str) -> AgentView {
    match host.query(Query::Agent(id.into())) {
        Reply::Agent(view) => *view,
        other => panic!("{other:?}"),
    }
}

/// The switch with Alice and Bob at their phones.
pub fn open(config: Config) -> Exchange {
    let mut host = Exchange::new(config);
    host.register("4567", ALICE);
    host.register("4568", BOB);
    host
}

/// A customer calls the hotline and is answered by the queue.
#[track_caller]
pub fn customer(host: &mut Exchange) -> Dialog {
    let mut caller = host.call_in(CARRIER, CUSTOMER, HOTLINE);
    host.expect(CARRIER, "SIP/2.0 100");
    host.confirm(&mut caller);
    caller
}

#[test]
fn a_caller_is_answered_rung_through_to_an_agent_and_both_hang_up() {
    let mut host = open(hotline(|_| ()));
    let mut caller = customer(&mut host);
    assert_eq!(host.heard(), ["music/hold"]);
    let invite = host.expect(ALICE, "INVITE ");
    assert!(invite.contains(CUSTOMER), "the agent sees who calls: {invite}");
    assert!(matches!(agent_view(&mut host, "101").activity, Activity::Offered { .. }));
    host.respond(ALICE, &invite, 180, "");
    host.run(5);
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    assert!(matches!(agent_view(&mut host, "101").activity, Activity::Talking { .. }));
    assert_eq!(host.heard(), Vec::<String>::new(), "the music stops");
    assert_eq!(host.bridges.len(), 1, "one bridge");
    assert_eq!(host.take(BOB, "INVITE "), None, "nobody else rings");
    host.run(30);
    host.hang_up(&mut caller);
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    assert!(matches!(agent_view(&mut host, "101").activity, Activity::Idle));
    let record = host.closed().remove(0);
    assert!(
        matches!(&record.callee, Party::Extension { extension, .. } if extension.number == "4567")
    );
    assert_eq!(record.end.unwrap().cause, EndCause::Normal);
    let visit = &record.queued[0];
    assert_eq!(visit.outcome.as_deref(), Some("answered"));
    assert_eq!(visit.agent.as_ref().unwrap().id, "101");
    assert_eq!(visit.left_at, Some(visit.joined_at + 5_000));
    let left = host.events.iter().find_map(|event| match event {
        EventKind::CallerLeft { interaction, outcome, .. } => Some((*interaction, outcome.clone())),
        _ => None,
    });
    assert_eq!(left, Some((record.interaction, "answered".into())));
    host.drains();
}
