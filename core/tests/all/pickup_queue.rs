//! Callers of queues who are picked up: what the distributor makes of it.

use strowger_core::vocab::EventKind;
use strowger_core::vocab::acd::Activity;
use strowger_core::vocab::record::EndCause;

use crate::exchange::*;
use crate::pickup_calls::number_of;
use crate::queue_call::*;

/// Alice's phone rings for a customer of the hotline; Bob is an agent too, Carol is none and may pick up all.
fn offered(wrap_up: u32) -> (Exchange, Dialog, String) {
    let mut config = hotline(|queue| queue.times.wrap_up_time = Some(wrap_up));
    config.extensions[2].pickup_any = true;
    let mut host = open(config);
    host.register("4569", CAROL);
    let caller = customer(&mut host);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    host.run(4);
    (host, caller, invite)
}

fn left(host: &Exchange) -> (String, Option<String>) {
    let left = host.events.iter().find_map(|event| match event {
        EventKind::CallerLeft { outcome, agent, .. } => {
            Some((outcome.clone(), agent.as_ref().map(|agent| agent.id.clone())))
        }
        _ => None,
    });
    left.expect("the caller has left the queue")
}

#[test]
fn an_agent_of_the_queue_has_the_caller_as_its_own() {
    let (mut host, mut caller, invite) = offered(10);
    let mut bob = host.call_from("4568", BOB, "**4567");
    host.stops_ringing(ALICE, &invite);
    host.confirm(&mut bob);
    assert_eq!(left(&host), ("answered".to_owned(), Some("102".to_owned())));
    assert!(matches!(agent_view(&mut host, "102").activity, Activity::Talking { .. }));
    assert_eq!(host.heard(), Vec::<String>::new(), "the music stops");
    assert_eq!(host.bridges.len(), 1);
    host.run(2);
    assert!(matches!(agent_view(&mut host, "101").activity, Activity::Idle));
    host.hang_up(&mut caller);
    let bye = host.expect(BOB, "BYE ");
    host.respond(BOB, &bye, 200, "");
    assert!(matches!(agent_view(&mut host, "102").activity, Activity::WrappingUp { .. }));
    host.run(15);
    host.drains();
    let closed = host.closed();
    let talk = closed.iter().find(|record| !record.queued.is_empty()).expect("a queue's call");
    assert_eq!(number_of(&talk.callee), "4568");
    assert_eq!(talk.queued[0].agent.as_ref().map(|agent| agent.id.as_str()), Some("102"));
    let pickup = closed.iter().find(|record| record.queued.is_empty()).expect("the pickup's");
    assert_eq!(pickup.end.as_ref().map(|end| end.cause), Some(EndCause::PickedUp));
    assert_eq!(pickup.interaction, talk.interaction);
}

#[test]
fn the_queues_number_is_as_good_as_the_agents() {
    let (mut host, _caller, invite) = offered(0);
    let mut bob = host.call_from("4568", BOB, "**9001");
    host.stops_ringing(ALICE, &invite);
    host.confirm(&mut bob);
    assert_eq!(left(&host).1.as_deref(), Some("102"));
}

#[test]
fn anybody_else_takes_the_caller_out_of_the_queue() {
    let (mut host, mut caller, invite) = offered(10);
    let mut carol = host.call_from("4569", CAROL, "**4567");
    host.stops_ringing(ALICE, &invite);
    host.confirm(&mut carol);
    assert_eq!(left(&host), ("picked_up".to_owned(), None));
    host.run(2);
    for agent in ["101", "102"] {
        assert!(matches!(agent_view(&mut host, agent).activity, Activity::Idle), "{agent}");
    }
    host.hang_up(&mut caller);
    let bye = host.expect(CAROL, "BYE ");
    host.respond(CAROL, &bye, 200, "");
    host.drains();
    let closed = host.closed();
    let talk = closed.iter().find(|record| !record.queued.is_empty()).expect("a queue's call");
    assert_eq!(talk.queued[0].outcome.as_deref(), Some("picked_up"));
    assert_eq!(talk.picked_up_by.as_ref().map(number_of), Some("4569"));
}

#[test]
fn the_offered_agents_answer_crosses_the_pickup() {
    let (mut host, mut caller, invite) = offered(0);
    let mut bob = host.call_from("4568", BOB, "**4567");
    host.expect(ALICE, "CANCEL ");
    host.answer_crosses(ALICE, &invite);
    host.confirm(&mut bob);
    assert!(matches!(agent_view(&mut host, "102").activity, Activity::Talking { .. }));
    host.hang_up(&mut caller);
    let bye = host.expect(BOB, "BYE ");
    host.respond(BOB, &bye, 200, "");
    host.drains();
}

#[test]
fn a_caller_whom_an_agent_answered_is_not_picked_up() {
    let (mut host, _caller, invite) = offered(0);
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    let bob = host.call_from("4568", BOB, "**4567");
    crate::pickup_calls::is_refused(&mut host, &bob, "en/pickup/nothing-rings", 404);
}
