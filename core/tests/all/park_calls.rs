//! Parked callers: how they come to a place, who takes them, and what happens when nobody does.

use strowger_core::vocab::command::CallStage;
use strowger_core::vocab::conference::Conference;
use strowger_core::vocab::config::Config;
use strowger_core::vocab::group::Group;
use strowger_core::vocab::page::Page;
use strowger_core::vocab::park::TakeOrder;
use strowger_core::vocab::record::EndCause;
use strowger_core::vocab::{
    CallId, Command, CommandError, ConferenceKey, Done, EventKind, GroupKey, PageKey, Principal,
    Query, Reply, Role,
};

use crate::exchange::*;
use crate::pickup_calls::{ALICE, BOB, CAROL, CARRIER, is_refused, number_of, office};

pub const CUSTOMER: &str = "057188881111";
const NUMBER: &str = "057126200670";

/// Alice talks with a customer.
pub fn talk(host: &mut Exchange) -> (Dialog, Dialog, CallId) {
    let mut caller = host.call_in(CARRIER, CUSTOMER, NUMBER);
    host.expect(CARRIER, "SIP/2.0 100");
    let alice = host.pick_up(ALICE);
    host.confirm(&mut caller);
    let call = match host.query(Query::Calls { offset: 0, limit: 200 }) {
        Reply::Calls(page) => {
            let mut all = page.items.into_iter();
            all.find(|view| view.stage == CallStage::Talking).expect("they talk").record.call
        }
        other => panic!("{other:?}"),
    };
    (caller, alice, call)
}

pub fn park_order(call: CallId) -> Command {
    Command::Take(TakeOrder::Park { call, extension: None })
}

/// Alice parks her customer over HTTP: the place.
#[track_caller]
pub fn park(host: &mut Exchange, call: CallId) -> u32 {
    let slot = match host.command(park_order(call)) {
        Reply::Command(Ok(Done::Parked { slot, .. })) => slot,
        other => panic!("{other:?}"),
    };
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    slot
}

fn user(number: &str) -> Principal {
    Principal { extension: Some(number.into()), ..Exchange::principal(Role::User) }
}

pub fn parked(host: &mut Exchange) -> Vec<(u32, String, bool)> {
    match host.query(Query::Parking) {
        Reply::Parking(page) => page
            .items
            .into_iter()
            .map(|view| (view.slot, number_of(&view.caller).to_owned(), view.ringing_back))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn names(host: &Exchange) -> Vec<String> {
    let name = |event: &EventKind| match event {
        EventKind::CallParked { slot, .. } => Some(format!("parked {slot}")),
        EventKind::CallRetrieved { slot, by, .. } => {
            Some(format!("retrieved {slot} by {}", number_of(by)))
        }
        EventKind::ParkingEnded { slot, why, .. } => Some(format!("ended {slot} {why}")),
        _ => None,
    };
    host.events.iter().filter_map(name).collect()
}

fn ends(host: &mut Exchange, by: &mut Dialog, other: &'static str) {
    host.hang_up(by);
    let bye = host.expect(other, "BYE ");
    host.respond(other, &bye, 200, "");
    host.drains();
}

#[test]
fn a_customer_is_parked_and_taken_by_whoever_dials_the_place() {
    let mut host = office(|_| ());
    let (mut caller, _, call) = talk(&mut host);
    assert_eq!(park(&mut host, call), 701);
    assert_eq!(host.heard(), ["music/hold"]);
    assert_eq!(parked(&mut host), [(701, CUSTOMER.to_owned(), false)]);
    host.run(30);
    let mut carol = host.call_from("4569", CAROL, "701");
    host.confirm(&mut carol);
    assert_eq!(host.heard(), Vec::<String>::new(), "the music stops");
    assert_eq!(host.bridges.len(), 2);
    assert!(parked(&mut host).is_empty());
    assert_eq!(names(&host), ["parked 701", "retrieved 701 by 4569"]);
    host.run(10);
    ends(&mut host, &mut caller, CAROL);
    let closed = host.closed();
    let cause = |cause| closed.iter().find(|r| r.end.as_ref().is_some_and(|e| e.cause == cause));
    let first = cause(EndCause::Parked).expect("the conversation with Alice");
    let dial = cause(EndCause::PickedUp).expect("Carol's own call");
    let last = cause(EndCause::Normal).expect("the conversation with Carol");
    assert_eq!(number_of(&last.caller), CUSTOMER);
    assert_eq!(number_of(&last.callee), "4569");
    assert_eq!((first.interaction, dial.interaction), (last.interaction, last.interaction));
    assert_eq!(closed.len(), 3);
}

#[test]
fn of_two_who_dial_one_has_the_caller() {
    let mut host = office(|_| ());
    let (mut caller, _, call) = talk(&mut host);
    park(&mut host, call);
    let mut bob = host.call_from("4568", BOB, "701");
    let carol = host.call_from("4569", CAROL, "701");
    host.confirm(&mut bob);
    is_refused(&mut host, &carol, "en/park/empty", 404);
    ends(&mut host, &mut caller, BOB);
}

#[test]
fn a_place_belongs_to_its_company_and_an_empty_one_says_so() {
    let mut host = office(|_| ());
    let (caller, _, call) = talk(&mut host);
    park(&mut host, call);
    let carol = host.call_from("4569", CAROL, "702");
    is_refused(&mut host, &carol, "en/park/empty", 404);
    let other = Principal { tenant: "other".into(), ..Exchange::principal(Role::Admin) };
    let take = |slot| Command::Take(TakeOrder::Retrieve { slot, extension: Some("4567".into()) });
    let reply = host.command_by(other.clone(), take(701));
    assert!(matches!(reply, Reply::Command(Err(CommandError::NotFound(_)))), "{reply:?}");
    let reply = host.command_by(other, park_order(call));
    assert!(matches!(reply, Reply::Command(Err(CommandError::NotFound(_)))), "{reply:?}");
    let mut caller = caller;
    host.hang_up(&mut caller);
    assert_eq!(names(&host), ["parked 701", "ended 701 hung_up"]);
    host.drains();
}

#[test]
fn keys_park_and_take_for_their_own_phones() {
    let mut host = office(|_| ());
    let (mut caller, _, call) = talk(&mut host);
    // A call that is none of its own a user does not even see.
    let reply = host.command_by(user("4569"), park_order(call));
    assert!(matches!(reply, Reply::Command(Err(CommandError::NotFound(_)))), "{reply:?}");
    let reply = host.command_by(Exchange::principal(Role::ReadOnly), park_order(call));
    assert!(matches!(reply, Reply::Command(Err(CommandError::Forbidden(_)))), "{reply:?}");
    let reply = host.command_by(user("4567"), park_order(call));
    assert!(matches!(reply, Reply::Command(Ok(Done::Parked { slot: 701, .. }))), "{reply:?}");
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    let take = |extension: Option<&str>| {
        Command::Take(TakeOrder::Retrieve { slot: 701, extension: extension.map(str::to_owned) })
    };
    let reply = host.command_by(user("4568"), take(Some("4569")));
    assert!(matches!(reply, Reply::Command(Err(CommandError::Forbidden(_)))), "{reply:?}");
    let reply = host.command_by(user("4568"), take(None));
    assert!(matches!(reply, Reply::Command(Ok(Done::Originated { .. }))), "{reply:?}");
    let rung = host.expect(BOB, "INVITE ");
    assert!(rung.contains(CUSTOMER), "{rung}");
    host.respond(BOB, &rung, 200, &sdp(BOB));
    host.expect(BOB, "ACK ");
    assert!(parked(&mut host).is_empty());
    assert_eq!(host.bridges.len(), 2);
    ends(&mut host, &mut caller, BOB);
}

#[test]
fn a_phone_that_is_rung_for_a_place_stops_when_the_caller_is_gone() {
    let mut host = office(|_| ());
    let (mut caller, _, call) = talk(&mut host);
    park(&mut host, call);
    host.command_by(
        user("4568"),
        Command::Take(TakeOrder::Retrieve { slot: 701, extension: None }),
    );
    let rung = host.expect(BOB, "INVITE ");
    host.respond(BOB, &rung, 180, "");
    host.hang_up(&mut caller);
    host.stops_ringing(BOB, &rung);
    host.drains();
}

#[test]
fn when_nobody_comes_the_parker_rings_and_has_the_caller_back() {
    let mut host = office(|_| ());
    let (mut caller, _, call) = talk(&mut host);
    park(&mut host, call);
    host.run(119);
    assert_eq!(host.take(ALICE, "INVITE "), None);
    host.run(1);
    let invite = host.expect(ALICE, "INVITE ");
    assert!(invite.contains(CUSTOMER), "{invite}");
    host.respond(ALICE, &invite, 180, "");
    assert_eq!(parked(&mut host), [(701, CUSTOMER.to_owned(), true)]);
    assert_eq!(host.heard(), ["music/hold"], "the caller hears music on");
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    assert_eq!(host.heard(), Vec::<String>::new());
    assert_eq!(names(&host), ["parked 701", "retrieved 701 by 4567"]);
    ends(&mut host, &mut caller, ALICE);
}

#[test]
fn a_place_may_be_dialled_while_the_parker_rings() {
    let mut host = office(|_| ());
    let (mut caller, _, call) = talk(&mut host);
    park(&mut host, call);
    host.run(120);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    let mut carol = host.call_from("4569", CAROL, "701");
    host.stops_ringing(ALICE, &invite);
    host.confirm(&mut carol);
    ends(&mut host, &mut caller, CAROL);
}

#[test]
fn the_parkers_answer_may_cross_a_retrieval() {
    let mut host = office(|_| ());
    let (mut caller, _, call) = talk(&mut host);
    park(&mut host, call);
    host.run(120);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    let mut carol = host.call_from("4569", CAROL, "701");
    host.expect(ALICE, "CANCEL ");
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    host.confirm(&mut carol);
    ends(&mut host, &mut caller, CAROL);
}

#[test]
fn a_retrieval_in_the_moment_of_the_timeout_takes_the_caller() {
    let mut host = office(|_| ());
    let (mut caller, _, call) = talk(&mut host);
    park(&mut host, call);
    host.run_ms(119_999);
    let mut carol = host.call_from("4569", CAROL, "701");
    host.run_ms(1);
    assert_eq!(host.take(ALICE, "INVITE "), None, "nobody waits any more");
    host.confirm(&mut carol);
    ends(&mut host, &mut caller, CAROL);
}

#[test]
fn a_parker_who_does_not_answer_is_rung_again() {
    let mut host = office(|_| ());
    let (mut caller, _, call) = talk(&mut host);
    park(&mut host, call);
    for _ in 0..2 {
        host.run(120);
        let invite = host.expect(ALICE, "INVITE ");
        host.respond(ALICE, &invite, 180, "");
        host.run(30);
        let cancel = host.expect(ALICE, "CANCEL ");
        host.respond(ALICE, &cancel, 200, "");
        host.respond(ALICE, &invite, 487, "");
        assert_eq!(parked(&mut host), [(701, CUSTOMER.to_owned(), false)]);
        assert_eq!(host.heard(), ["music/hold"]);
    }
    host.hang_up(&mut caller);
    host.drains();
}

#[test]
fn whom_nobody_takes_is_sent_on() {
    let mut host = office(|config: &mut Config| {
        let to = crate::common::key("demo", "4569");
        config.tenants[0].park_to = Some(strowger_core::vocab::config::Destination::Number(to));
    });
    let (mut caller, _, call) = talk(&mut host);
    park(&mut host, call);
    host.run(120);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 486, "");
    let _carol = host.pick_up(CAROL);
    assert_eq!(names(&host), ["parked 701", "ended 701 timeout"]);
    ends(&mut host, &mut caller, CAROL);
}

#[test]
fn a_parker_whose_phone_is_gone_costs_nothing_but_another_round() {
    let mut host = office(|_| ());
    let (mut caller, _, call) = talk(&mut host);
    park(&mut host, call);
    host.register_for("4567", ALICE, 0);
    host.sent.clear();
    host.run(125);
    assert_eq!(parked(&mut host), [(701, CUSTOMER.to_owned(), false)]);
    host.register_for("4567", ALICE, 3_600);
    host.run(120);
    let invite = host.expect(ALICE, "INVITE ");
    assert!(invite.contains(CUSTOMER), "{invite}");
    host.respond(ALICE, &invite, 486, "");
    assert_eq!(parked(&mut host), [(701, CUSTOMER.to_owned(), false)]);
    host.hang_up(&mut caller);
    host.drains();
}

#[test]
fn full_is_full_and_the_call_stays() {
    let mut host = office(|config| config.park.last = 701);
    let (mut first, _, call) = talk(&mut host);
    park(&mut host, call);
    let (mut second, mut alice, call) = talk(&mut host);
    let reply = host.command(park_order(call));
    assert!(matches!(reply, Reply::Command(Err(CommandError::Busy { .. }))), "{reply:?}");
    assert_eq!(host.take(ALICE, "BYE "), None, "they talk on");
    let dials = host.call_from("4567", ALICE, "700");
    is_refused(&mut host, &dials, "en/park/full", 503);
    host.hang_up(&mut first);
    host.hang_up(&mut alice);
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
    let _ = &mut second;
    host.drains();
}

#[test]
fn who_dials_the_parking_number_hears_the_place() {
    let mut host = office(|_| ());
    let mut alice = host.call_from("4567", ALICE, "700");
    host.confirm(&mut alice);
    let said = ["en/park/parked-at", "en/digits/7", "en/digits/0", "en/digits/1"];
    assert_eq!(host.heard(), said);
    host.hear_out();
    assert_eq!(host.heard(), ["music/hold"]);
    host.hang_up(&mut alice);
    assert!(parked(&mut host).is_empty());
    host.drains();
}

/// 701 is a phone's, 702 a group's, 703 a room's, 704 a page's, 705 a queue's.
fn taken_numbers(config: &mut Config) {
    let tenant = || "demo".to_owned();
    config.extensions.push(crate::common::extension("demo", "701", &[]));
    config.groups.push(Group::named(GroupKey { tenant: tenant(), name: "g".into() }, "702"));
    let mut room = Conference::named(ConferenceKey { tenant: tenant(), name: "c".into() });
    room.number = Some("703".into());
    config.conferences.push(room);
    config.pages.push(Page::named(PageKey { tenant: tenant(), name: "p".into() }, "704"));
    config.acd.queues.push(crate::common::queue("demo", "705"));
}

#[test]
fn a_number_of_a_phone_is_no_place() {
    let mut host = office(taken_numbers);
    let (mut caller, _, call) = talk(&mut host);
    assert_eq!(park(&mut host, call), 706, "whoever dials the others gets something else");
    let mut carol = host.call_from("4569", CAROL, "706");
    host.confirm(&mut carol);
    ends(&mut host, &mut caller, CAROL);
    let mut host = office(|config| {
        taken_numbers(config);
        config.park.last = 705;
    });
    let (mut caller, _, call) = talk(&mut host);
    let reply = host.command(park_order(call));
    assert!(matches!(reply, Reply::Command(Err(CommandError::Busy { .. }))), "{reply:?}");
    assert_eq!(host.take(ALICE, "BYE "), None, "they talk on");
    ends(&mut host, &mut caller, ALICE);
}

#[test]
fn nobody_is_parked_who_does_not_talk() {
    let mut host = office(|_| ());
    let caller = host.call_in(CARRIER, CUSTOMER, NUMBER);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    let call = host.live()[0];
    let reply = host.command(park_order(call));
    assert!(matches!(reply, Reply::Command(Err(CommandError::Conflict(_)))), "{reply:?}");
    host.give_up(&caller);
}
