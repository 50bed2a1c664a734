//! What a program asks for: whom it means by a number, and what it picks up.

use strowger_core::vocab::command::Meant;
use strowger_core::vocab::park::TakeOrder;
use strowger_core::vocab::{Command, CommandError, Done, Principal, Query, Reply, Role};

use crate::exchange::*;
use crate::pickup_calls::{ALICE, BOB, CAROL, CARRIER, office, rings};

/// The number that the tenant owns, and that leads to Alice.
const OWNED: &str = "057126200670";

fn by(number: &str) -> Principal {
    Principal { extension: Some(number.into()), ..Exchange::principal(Role::User) }
}

fn at(at: Option<&str>, contact: Option<&str>) -> Command {
    let (at, contact) = (at.map(str::to_owned), contact.map(str::to_owned));
    Command::Take(TakeOrder::PickUpAt { at, extension: None, contact })
}

#[track_caller]
fn begun(reply: Reply) {
    assert!(matches!(reply, Reply::Command(Ok(Done::Originated { .. }))), "{reply:?}");
}

#[track_caller]
fn refused(reply: Reply) -> CommandError {
    match reply {
        Reply::Command(Err(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_number_is_understood_however_it_is_written() {
    let mut host = office(|_| ());
    let mut meant = |text: &str| match host.query(Query::Meant(text.into())) {
        Reply::Meant(Meant::Extension(number)) => format!("extension {number}"),
        Reply::Meant(Meant::Queue(number)) => format!("queue {number}"),
        Reply::Refused(CommandError::NotFound(_)) => "nobody".to_owned(),
        other => panic!("{other:?}"),
    };
    for text in [
        "4568",
        " 4568 ",
        "sip:4568@pbx.example",
        "SIPS:4568@pbx.example",
        "4568@pbx.example",
        "tel:4568",
    ] {
        assert_eq!(meant(text), "extension 4568", "{text}");
    }
    for text in [OWNED, "tel:+86-571-2620-0670", "+8657126200670"] {
        assert_eq!(meant(text), "extension 4567", "{text}");
    }
    for text in
        ["", "4", "4568@elsewhere.example", "sip:", "tel:", "@", "a b", "\u{fffd}", "sip:4568@"]
    {
        assert_eq!(meant(text), "nobody", "{text}");
    }
}

#[test]
fn what_rings_at_a_number_or_in_the_own_groups_is_picked_up() {
    for place in [Some("4567"), None] {
        let mut host = office(|_| ());
        let (mut caller, invite) = rings(&mut host);
        begun(host.command_by(by("4568"), at(place, None)));
        let mut bob = host.pick_up(BOB);
        host.stops_ringing(ALICE, &invite);
        host.confirm(&mut caller);
        assert_eq!(host.live().len(), 1);
        host.hang_up(&mut bob);
        let bye = host.expect(CARRIER, "BYE ");
        host.respond(CARRIER, &bye, 200, "");
        host.drains();
    }
}

#[test]
fn what_cannot_be_picked_up_is_refused() {
    let mut host = office(|_| ());
    let nothing = refused(host.command_by(by("4568"), at(None, None)));
    assert!(matches!(nothing, CommandError::Conflict(_)), "{nothing:?}");
    rings(&mut host);
    let nothing = refused(host.command_by(by("4568"), at(Some("4569"), None)));
    assert!(matches!(nothing, CommandError::Conflict(_)), "{nothing:?}");
    let foreign = refused(host.command_by(by("4569"), at(Some("4567"), None)));
    assert!(matches!(foreign, CommandError::Forbidden(_)), "{foreign:?}");
    let contact = refused(host.command_by(by("4568"), at(None, Some("sip:other@1.2.3.4"))));
    assert!(matches!(contact, CommandError::NotFound(_)), "{contact:?}");
    assert_eq!(host.live().len(), 1, "nothing was begun");
}

#[test]
fn only_the_phone_that_was_named_rings() {
    let mut host = office(|_| ());
    host.register("4568", CAROL);
    let own = match host.query(Query::Registrations { offset: 0, limit: 200 }) {
        Reply::Registrations(page) => page.items,
        other => panic!("{other:?}"),
    };
    let at_carol = own.iter().find(|row| {
        row.record.extension.number == "4568" && row.record.contact.contains("198.51.100.9")
    });
    let contact = at_carol.map(|row| row.record.contact.clone()).unwrap();
    rings(&mut host);
    begun(host.command_by(by("4568"), at(None, Some(&contact))));
    host.expect(CAROL, "INVITE ");
    assert_eq!(host.take(BOB, "INVITE "), None);
}

#[test]
fn who_comes_second_hears_so() {
    let mut host = office(|config| config.extensions[2].pickup_groups = vec!["sales".into()]);
    let (mut caller, invite) = rings(&mut host);
    begun(host.command_by(by("4568"), at(None, None)));
    begun(host.command_by(by("4569"), at(None, None)));
    let late = host.expect(CAROL, "INVITE ");
    host.respond(CAROL, &late, 180, "");
    host.pick_up(BOB);
    host.stops_ringing(ALICE, &invite);
    host.confirm(&mut caller);
    assert_eq!(host.take(CAROL, "CANCEL "), None, "it rings on");
    host.respond(CAROL, &late, 200, &sdp(CAROL));
    host.expect(CAROL, "ACK ");
    assert_eq!(host.hears(CAROL), ["en/pickup/taken"]);
    host.hear_out();
    let bye = host.expect(CAROL, "BYE ");
    host.respond(CAROL, &bye, 200, "");
    assert_eq!(host.live().len(), 1);
}
