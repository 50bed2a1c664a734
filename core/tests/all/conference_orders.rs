//! Conferences by order: rooms, invitations, calls that move into them, and who may.

use strowger_core::vocab::conference::{Conference, ConferenceOrder, Parties};
use strowger_core::vocab::event::Attempt;
use strowger_core::vocab::{
    Command, CommandError, Done, EventKind, Principal, Query, Reply, Role, Secret,
};

use crate::conference_rooms::*;
use crate::exchange::*;
use crate::queue_call::{ALICE, BOB, CAROL, CARRIER, customer};
use crate::supervise_calls::*;

fn invite(room: &str, to: &str) -> ConferenceOrder {
    let (room, to, rights) = (room.into(), to.into(), "4567".into());
    ConferenceOrder::Invite { room, to, rights, muted: false }
}

#[track_caller]
fn answers(host: &mut Exchange, at: &'static str) {
    let invite = host.expect(at, "INVITE ");
    host.respond(at, &invite, 200, &sdp(at));
    host.expect(at, "ACK ");
}

#[test]
fn a_room_is_made_filled_and_ended_by_order() {
    let mut host = open(office());
    let room = Conference::named(key_of("monday"));
    let create = ConferenceOrder::Create(Box::new(room));
    assert_eq!(order(&mut host, create.clone()), Reply::Command(Ok(Done::Defined)));
    let twice = order(&mut host, create);
    assert!(matches!(twice, Reply::Command(Err(CommandError::Conflict(_)))), "{twice:?}");
    for (number, at) in [("4567", ALICE), ("4568", BOB)] {
        let by = |to: &str| ConferenceOrder::Invite {
            room: "monday".into(),
            to: to.into(),
            rights: "4569".into(),
            muted: false,
        };
        let done = order(&mut host, by(number));
        assert!(matches!(done, Reply::Command(Ok(Done::Originated { .. }))), "{done:?}");
        answers(&mut host, at);
    }
    assert_eq!((host.hears(ALICE), host.hears(BOB)), (vec![BOB_IP.into()], vec![ALICE_IP.into()]));
    let announce =
        ConferenceOrder::Announce { room: "monday".into(), prompts: vec!["en/thank-you".into()] };
    assert_eq!(order(&mut host, announce), Reply::Command(Ok(Done::Ordered)));
    assert_eq!(host.mixer.announced.last().unwrap().1, ["en/thank-you"]);
    let end = ConferenceOrder::End { room: "monday".into() };
    assert_eq!(order(&mut host, end), Reply::Command(Ok(Done::Ordered)));
    answer_bye(&mut host, ALICE);
    answer_bye(&mut host, BOB);
    let gone = host.query(Query::Conference("monday".into()));
    assert!(matches!(gone, Reply::Refused(CommandError::NotFound(_))), "{gone:?}");
    host.drains();
    assert!(host.mixer.is_empty());
}

#[test]
fn a_room_that_nobody_comes_to_is_gone_after_a_while() {
    let mut host = open(office());
    let room = Conference::named(key_of("monday"));
    order(&mut host, ConferenceOrder::Create(Box::new(room)));
    host.run(299);
    assert!(matches!(host.query(Query::Conference("monday".into())), Reply::Conference(_)));
    host.run(2);
    assert!(matches!(host.query(Query::Conference("monday".into())), Reply::Refused(_)));
}

#[test]
fn who_rings_for_two_minutes_has_not_come_and_it_is_told() {
    let mut config = office();
    config.extensions[1].ring_secs = Some(300);
    let mut host = open(config);
    let room = Conference::named(key_of("monday"));
    order(&mut host, ConferenceOrder::Create(Box::new(room)));
    order(&mut host, invite("monday", "4568"));
    let ring = host.expect(BOB, "INVITE ");
    host.respond(BOB, &ring, 180, "");
    host.run(119);
    assert!(host.take(BOB, "CANCEL ").is_none());
    host.run(2);
    host.expect(BOB, "CANCEL ");
    let failed = |event: &EventKind| {
        matches!(event, EventKind::AttemptFailed { attempt: Attempt::Conference, .. })
    };
    assert!(host.events.iter().any(failed));
}

#[test]
fn a_call_of_two_becomes_one_of_three() {
    let mut host = open(office());
    let (mut caller, mut alice) = conversation(&mut host);
    let call = talking(&mut host);
    let (to, rights) = ("4568".to_owned(), "4567".to_owned());
    let done = order(&mut host, ConferenceOrder::Add { call, to, rights });
    assert!(matches!(done, Reply::Command(Ok(Done::Originated { .. }))), "{done:?}");
    assert_eq!(
        (host.hears(ALICE), host.hears(CARRIER)),
        (vec![CUSTOMER_IP.into()], vec![ALICE_IP.into()])
    );
    answers(&mut host, BOB);
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP, BOB_IP]);
    assert_eq!(host.hears(CARRIER), [ALICE_IP, BOB_IP]);
    assert_eq!(host.hears(BOB), [CUSTOMER_IP, ALICE_IP]);
    host.hang_up(&mut alice);
    assert_eq!(host.hears(CARRIER), [BOB_IP]);
    host.hang_up(&mut caller);
    answer_bye_later(&mut host);
    let records = host.closed();
    let first = records[0].interaction;
    assert!(records.iter().all(|record| record.interaction == first), "one story: {records:#?}");
}

fn answer_bye_later(host: &mut Exchange) {
    let end = host.query(Query::Conferences { offset: 0, limit: 10 });
    let Reply::Conferences(page) = end else { panic!() };
    for view in page.items {
        order(host, ConferenceOrder::End { room: view.key.name });
    }
    answer_bye(host, BOB);
    host.drains();
    assert!(host.mixer.is_empty());
}

#[test]
fn a_third_who_is_not_there_leaves_the_call_as_it_is() {
    let mut host = open(office());
    conversation(&mut host);
    let call = talking(&mut host);
    for to in ["9999", "0571123"] {
        let (to, rights) = (to.to_owned(), "4567".to_owned());
        let done = order(&mut host, ConferenceOrder::Add { call, to, rights });
        assert!(matches!(done, Reply::Command(Err(_))), "{done:?}");
        assert_eq!(host.hears(ALICE), [CUSTOMER_IP]);
    }
}

#[test]
fn a_third_who_refuses_leaves_the_two_together() {
    let mut host = open(office());
    let (mut caller, _) = conversation(&mut host);
    let call = talking(&mut host);
    let (to, rights) = ("4568".to_owned(), "4567".to_owned());
    let done = order(&mut host, ConferenceOrder::Add { call, to, rights });
    assert!(matches!(done, Reply::Command(Ok(Done::Originated { .. }))), "{done:?}");
    let ring = host.expect(BOB, "INVITE ");
    host.respond(BOB, &ring, 180, "");
    host.respond(BOB, &ring, 603, "");
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP]);
    assert_eq!(host.hears(CARRIER), [ALICE_IP]);
    host.hang_up(&mut caller);
    assert_eq!(host.hears(ALICE), ["music/hold"], "nobody but Alice is there");
}

#[test]
fn parties_of_a_call_move_into_a_room_without_a_pin_and_the_rest_ends() {
    let mut host = open(with_room(|room| room.pin = Some(Secret::new("12"))));
    conversation(&mut host);
    let call = talking(&mut host);
    let both = ConferenceOrder::Move { room: "board".into(), call, who: Parties::Both };
    assert_eq!(order(&mut host, both), Reply::Command(Ok(Done::Ordered)));
    assert_eq!(
        (host.hears(ALICE), host.hears(CARRIER)),
        (vec![CUSTOMER_IP.into()], vec![ALICE_IP.into()])
    );
    assert_eq!(view(&mut host, "board").members.len(), 2);
    let mut host = open(with_room(|_| ()));
    customer(&mut host);
    host.pick_up(ALICE);
    let call = talking(&mut host);
    let caller = ConferenceOrder::Move { room: "board".into(), call, who: Parties::Caller };
    assert_eq!(order(&mut host, caller), Reply::Command(Ok(Done::Ordered)));
    answer_bye(&mut host, ALICE);
    assert_eq!(host.hears(CARRIER), ["music/hold"]);
}

#[test]
fn somebody_is_put_out_while_dialling_the_pin_and_from_the_room() {
    let mut host = open(with_room(|room| room.pin = Some(Secret::new("12"))));
    let mut alice = dials(&mut host, "4567", ALICE, "8000");
    host.press(&mut alice, "12#");
    let mut bob = dials(&mut host, "4568", BOB, "8000");
    host.press(&mut bob, "1");
    let Reply::Calls(page) = host.query(Query::Calls { offset: 0, limit: 10 }) else { panic!() };
    let bobs = page.items.last().unwrap().record.call;
    for call in [bobs, member(&mut host, 0)] {
        let kick = ConferenceOrder::Kick { room: "board".into(), call };
        assert_eq!(order(&mut host, kick), Reply::Command(Ok(Done::Ordered)));
    }
    answer_bye(&mut host, BOB);
    answer_bye(&mut host, ALICE);
    host.request(&mut alice, "BYE", "", "");
    host.drains();
    assert!(host.mixer.is_empty());
}

#[test]
fn a_member_who_does_not_answer_or_hangs_up_at_once_leaves_nothing() {
    let mut host = open(with_room(|_| ()));
    order(&mut host, invite("board", "4568"));
    let ring = host.expect(BOB, "INVITE ");
    host.respond(BOB, &ring, 486, "");
    order(&mut host, invite("board", "4568"));
    let ring = host.expect(BOB, "INVITE ");
    let mut bob = host.respond(BOB, &ring, 200, &sdp(BOB));
    host.expect(BOB, "ACK ");
    host.hang_up(&mut bob);
    host.drains();
    assert!(host.mixer.is_empty());
}

#[test]
fn keys_of_others_order_nothing_and_see_only_their_own() {
    let mut host = open(with_room(|_| ()));
    dials(&mut host, "4567", ALICE, "8000");
    dials(&mut host, "4569", CAROL, "8000");
    let (alices, carols) = (member(&mut host, 0), member(&mut host, 1));
    let user =
        |own: &str| Principal { extension: Some(own.into()), ..Exchange::principal(Role::User) };
    let other = Principal { tenant: "other".into(), ..Exchange::principal(Role::Admin) };
    let by = |host: &mut Exchange, who: &Principal, order| {
        host.command_by(who.clone(), Command::Conference(order))
    };
    let mute = |call| ConferenceOrder::Mute { room: "board".into(), call, muted: true };
    assert_eq!(by(&mut host, &user("4567"), mute(alices)), Reply::Command(Ok(Done::Ordered)));
    let theirs = by(&mut host, &user("4567"), mute(carols));
    assert!(matches!(theirs, Reply::Command(Err(CommandError::NotFound(_)))), "{theirs:?}");
    for order in [
        invite("board", "4568"),
        ConferenceOrder::End { room: "board".into() },
        ConferenceOrder::Create(Box::new(Conference::named(key_of("x")))),
    ] {
        let reply = by(&mut host, &user("4567"), order);
        assert!(matches!(reply, Reply::Command(Err(CommandError::Forbidden(_)))), "{reply:?}");
    }
    for order in [ConferenceOrder::End { room: "board".into() }, mute(alices)] {
        let reply = by(&mut host, &other, order);
        assert!(matches!(reply, Reply::Command(Err(CommandError::NotFound(_)))), "{reply:?}");
    }
    let read_only = Exchange::principal(Role::ReadOnly);
    let reply = by(&mut host, &read_only, mute(alices));
    assert!(matches!(reply, Reply::Command(Err(CommandError::Forbidden(_)))), "{reply:?}");
    let seen = |host: &mut Exchange, who: &Principal| {
        let all = host.query_by(who.clone(), Query::Conferences { offset: 0, limit: 10 });
        let Reply::Conferences(page) = all else { panic!("{all:?}") };
        let one = host.query_by(who.clone(), Query::Conference("board".into()));
        let one = match one {
            Reply::Conference(_) => true,
            Reply::Refused(CommandError::NotFound(_)) => false,
            other => panic!("{other:?}"),
        };
        assert_eq!(page.items.len(), usize::from(one), "list and single thing agree");
        one
    };
    for (who, sees) in [
        (user("4567"), true),
        (user("4569"), true),
        (user("4568"), false),
        (Exchange::principal(Role::ReadOnly), true),
        (other, false),
    ] {
        assert_eq!(seen(&mut host, &who), sees, "{who:?}");
    }
}
