//! Supervision: who may not, and what nobody hears of it.

use strowger_core::vocab::supervise::{Mode, SuperviseOrder, Supervised};
use strowger_core::vocab::{Command, CommandError, Done, Principal, Reply, Role};

use crate::conference_rooms::with_room;
use crate::exchange::*;
use crate::queue_call::{ALICE, BOB, CAROL, CARRIER, CUSTOMER, customer};
use crate::supervise_calls::*;

fn join(extension: &str) -> SuperviseOrder {
    SuperviseOrder::Join { who: inside(extension), mode: Mode::Monitor, agent: None }
}

/// Dials and is refused with this status.
#[track_caller]
fn refused(host: &mut Exchange, number: &str, at: &'static str, dialled: &str, status: u16) {
    let before = host.mixer.mixes();
    host.call_from(number, at, dialled);
    host.expect(at, "SIP/2.0 100");
    host.expect(at, &format!("SIP/2.0 {status}"));
    assert_eq!(host.mixer.mixes(), before);
}

#[test]
fn a_phone_without_the_right_is_refused_and_nobody_hears_of_it() {
    let mut host = open(office());
    conversation(&mut host);
    for code in ["*31", "*32", "*33"] {
        refused(&mut host, "4569", CAROL, &format!("{code}4567"), 403);
    }
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP]);
    assert_eq!(host.hears(CARRIER), [ALICE_IP]);
}

#[test]
fn a_group_and_a_queue_are_as_far_as_a_right_reaches() {
    let mut config = office();
    config.extensions[1].supervises = vec![Supervised::Group("sales".into())];
    let mut host = open(config);
    conversation(&mut host);
    dials(&mut host, "4568", BOB, "*314567");
    let mut host = open(office());
    customer(&mut host);
    host.pick_up(ALICE);
    dials(&mut host, "4569", CAROL, "*314567");
    let mut config = office();
    config.extensions[1].supervises = vec![Supervised::Group("support".into())];
    let mut host = open(config);
    conversation(&mut host);
    refused(&mut host, "4568", BOB, "*314567", 403);
}

#[test]
fn who_is_not_talking_cannot_be_heard() {
    let mut host = open(office());
    refused(&mut host, "4568", BOB, "*314567", 480);
    refused(&mut host, "4569", CAROL, "*314567", 403);
    refused(&mut host, "4568", BOB, "*319999", 404);
    let mut caller = host.call_in(CARRIER, CUSTOMER, ALICES_NUMBER);
    host.expect(CARRIER, "SIP/2.0 100");
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    refused(&mut host, "4568", BOB, "*314567", 480);
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.confirm(&mut caller);
    dials(&mut host, "4568", BOB, "*314567");
}

#[test]
fn nobody_supervises_himself_or_a_call_that_he_is_in() {
    let mut host = open(office());
    let mut bob = host.call_from("4568", BOB, "4567");
    host.pick_up(ALICE);
    host.expect(BOB, "SIP/2.0 100");
    host.confirm(&mut bob);
    refused(&mut host, "4568", BOB, "*314567", 403);
    refused(&mut host, "4568", BOB, "*314568", 403);
    let call = talking(&mut host);
    for number in ["4567", "4568"] {
        let reply = supervise(&mut host, call, join(number));
        assert!(matches!(reply, Reply::Command(Err(CommandError::Conflict(_)))), "{reply:?}");
    }
}

#[test]
fn keys_of_others_are_refused_and_other_tenants_know_of_nothing() {
    let mut host = open(office());
    conversation(&mut host);
    let call = talking(&mut host);
    let by = |role, tenant: &str, own: Option<&str>| Principal {
        tenant: tenant.into(),
        extension: own.map(str::to_owned),
        ..Exchange::principal(role)
    };
    let order = |order| Command::Supervise { call, order };
    for principal in [
        by(Role::User, "demo", Some("4567")),
        by(Role::Agent, "demo", Some("4567")),
        by(Role::ReadOnly, "demo", None),
    ] {
        let reply = host.command_by(principal, order(join("4568")));
        assert!(matches!(reply, Reply::Command(Err(CommandError::Forbidden(_)))), "{reply:?}");
    }
    for principal in [by(Role::User, "demo", Some("4568")), by(Role::Admin, "other", None)] {
        let reply = host.command_by(principal, order(join("4567")));
        assert!(matches!(reply, Reply::Command(Err(CommandError::NotFound(_)))), "{reply:?}");
    }
    assert_eq!(host.take(BOB, "INVITE "), None);
}

#[test]
fn orders_that_make_no_sense_say_why() {
    let mut host = open(office());
    conversation(&mut host);
    let call = talking(&mut host);
    let leave = SuperviseOrder::Leave { who: None };
    let refusals = [
        (join("9999"), "NotFound"),
        (leave, "Conflict"),
        (SuperviseOrder::Change { who: Some(inside("4568")), mode: Mode::Barge }, "Conflict"),
        (
            SuperviseOrder::Join {
                who: inside("4568"),
                mode: Mode::Whisper,
                agent: Some("4569".into()),
            },
            "Invalid",
        ),
    ];
    for (order, kind) in refusals {
        let Reply::Command(Err(error)) = supervise(&mut host, call, order) else { panic!() };
        assert!(format!("{error:?}").starts_with(kind), "{error:?}");
    }
    assert!(matches!(
        supervise(&mut host, call, join("4568")),
        Reply::Command(Ok(Done::Originated { .. }))
    ));
    let twice = supervise(&mut host, call, join("4568"));
    assert!(matches!(twice, Reply::Command(Err(CommandError::Conflict(_)))), "{twice:?}");
}

#[test]
fn who_is_in_a_conference_is_not_supervised() {
    let mut host = open(with_room(|_| ()));
    dials(&mut host, "4567", ALICE, "8000");
    dials(&mut host, "4569", CAROL, "8000");
    refused(&mut host, "4568", BOB, "*314567", 480);
    let call = host.live()[0];
    let reply = supervise(&mut host, call, join("4568"));
    assert!(matches!(reply, Reply::Command(Err(CommandError::Conflict(_)))), "{reply:?}");
    assert_eq!(host.hears(ALICE), [CAROL_IP], "nothing has changed");
    assert_eq!(host.take(BOB, "INVITE "), None);
}
