//! Calls that somebody else answers: by code, by number and over HTTP, and everything that may happen at the same time.

use strowger_core::vocab::park::TakeOrder;
use strowger_core::vocab::record::{CallRecord, EndCause, Party};
use strowger_core::vocab::{
    CallId, Command, CommandError, Config, Done, EventKind, Principal, Reply, Role,
};

use crate::blf_phone::header;
use crate::common::*;
use crate::exchange::*;

pub const CARRIER: &str = "192.0.2.10:5060";
pub const ALICE: &str = "198.51.100.7:5060";
pub const BOB: &str = "198.51.100.8:5060";
pub const CAROL: &str = "198.51.100.9:5060";
const CUSTOMER: &str = "057188881111";
const NUMBER: &str = "057126200670";

/// Alice (4567) and Bob (4568) are in sales, Carol (4569) is in no group.
pub fn office(change: impl FnOnce(&mut Config)) -> Exchange {
    let mut config = two_companies();
    config.sip.qualify_secs = 0;
    config.sip.session_expires = 0;
    for extension in config.extensions.iter_mut().filter(|own| own.key.tenant == "demo") {
        if extension.key.number != "4569" {
            extension.pickup_groups = vec!["sales".into()];
        }
    }
    change(&mut config);
    let mut host = Exchange::new(config);
    for (number, at) in [("4567", ALICE), ("4568", BOB), ("4569", CAROL)] {
        host.register(number, at);
    }
    host.sent.clear();
    host
}

/// A customer calls Alice, whose phone rings.
pub fn rings(host: &mut Exchange) -> (Dialog, String) {
    let caller = host.call_in(CARRIER, CUSTOMER, NUMBER);
    host.expect(CARRIER, "SIP/2.0 100");
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    host.expect(CARRIER, "SIP/2.0 180");
    (caller, invite)
}

pub fn number_of(party: &Party) -> &str {
    match party {
        Party::Extension { extension, .. } => &extension.number,
        Party::Trunk { number, .. } => number,
        Party::Service { name } => name,
        Party::Nobody => "",
    }
}

/// Whoever dialled hears this prompt before the call ends with this status.
#[track_caller]
pub fn is_refused(host: &mut Exchange, dialog: &Dialog, prompt: &str, status: u16) {
    host.expect(dialog.at, "SIP/2.0 183");
    assert!(host.heard().contains(&prompt.to_owned()), "{:?}", host.heard());
    host.hear_out();
    host.expect(dialog.at, &format!("SIP/2.0 {status}"));
    host.respond_ack(dialog);
}

fn user(number: &str) -> Principal {
    Principal { extension: Some(number.into()), ..Exchange::principal(Role::User) }
}

fn pick_up(call: CallId, extension: Option<&str>) -> Command {
    Command::Take(TakeOrder::PickUp { call, extension: extension.map(str::to_owned) })
}

#[track_caller]
fn ok(reply: Reply) -> Done {
    match reply {
        Reply::Command(Ok(done)) => done,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(reply: Reply) -> CommandError {
    match reply {
        Reply::Command(Err(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The record of the call that was taken, and that of the pickup.
fn records(host: &Exchange) -> (CallRecord, CallRecord) {
    let closed = host.closed();
    let taken = |record: &&CallRecord| record.picked_up_by.is_some();
    let pickup = |record: &&CallRecord| {
        record.end.as_ref().is_some_and(|end| end.cause == EndCause::PickedUp)
    };
    let found = (closed.iter().find(taken).cloned(), closed.iter().find(pickup).cloned());
    (found.0.expect("a call that was taken"), found.1.expect("a pickup"))
}

#[test]
fn a_colleague_answers_by_code() {
    let mut host = office(|_| ());
    let (mut caller, invite) = rings(&mut host);
    host.run(3);
    let mut bob = host.call_from("4568", BOB, "*8");
    host.stops_ringing(ALICE, &invite);
    host.confirm(&mut bob);
    host.confirm(&mut caller);
    assert_eq!(host.bridges.len(), 1);
    let picked = host.events.iter().find_map(|event| match event {
        EventKind::CallPickedUp { by, from, .. } => Some((by.clone(), from.clone())),
        _ => None,
    });
    let (by, from) = picked.expect("an event tells of it");
    assert_eq!((number_of(&by), number_of(&from)), ("4568", "4567"));
    assert_eq!(host.live().len(), 1, "the picker's own call is over");
    host.run(20);
    host.hang_up(&mut bob);
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
    host.drains();
    let (taken, pickup) = records(&host);
    assert_eq!(taken.interaction, pickup.interaction);
    assert_eq!(taken.dialled, NUMBER);
    assert_eq!(number_of(&taken.callee), "4567", "who was called");
    assert_eq!(taken.picked_up_by.as_ref().map(number_of), Some("4568"), "who answered");
    assert_eq!(taken.answered_at, Some(taken.started_at + 3_000));
    assert_eq!(taken.end.map(|end| end.cause), Some(EndCause::Normal));
    assert_eq!(pickup.dialled, "*8");
    assert_eq!(number_of(&pickup.caller), "4568");
    assert_eq!(number_of(&pickup.callee), CUSTOMER);
    assert_eq!(host.closed().len(), 2);
}

#[test]
fn a_lamps_key_takes_the_ringing_dialog_over() {
    let mut host = office(|_| ());
    let (mut caller, invite) = rings(&mut host);
    let ours = header(&invite, "From").split("tag=").nth(1).unwrap().to_owned();
    let call_id = header(&invite, "Call-ID").to_owned();
    let hers = format!("u{call_id}");
    let replaces =
        |to: &str, from: &str| format!("Replaces: {call_id};to-tag={to};from-tag={from}\r\n");
    host.call_with("4568", BOB, "4567", &replaces(&hers, "nobody"));
    host.expect(BOB, "SIP/2.0 481");
    let carol = host.call_with("4569", CAROL, "4567", &replaces(&hers, &ours));
    is_refused(&mut host, &carol, "en/pickup/not-allowed", 403);
    let mut bob = host.call_with("4568", BOB, "4567", &replaces(&hers, &ours));
    host.stops_ringing(ALICE, &invite);
    host.confirm(&mut bob);
    host.confirm(&mut caller);
    assert_eq!(host.bridges.len(), 1);
    host.hang_up(&mut bob);
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
    host.drains();
    let (taken, pickup) = records(&host);
    assert_eq!(taken.interaction, pickup.interaction);
    assert_eq!(taken.picked_up_by.as_ref().map(number_of), Some("4568"));
}

#[test]
fn the_call_that_rang_longest_is_answered() {
    let mut host = office(|_| ());
    let (_, first) = rings(&mut host);
    host.run(2);
    let (_, second) = rings(&mut host);
    let mut bob = host.call_from("4568", BOB, "*8");
    host.stops_ringing(ALICE, &first);
    host.confirm(&mut bob);
    assert_eq!(host.take(ALICE, "CANCEL "), None);
    let mut carol = host.call_from("4568", BOB, "**4567");
    host.stops_ringing(ALICE, &second);
    host.confirm(&mut carol);
}

#[test]
fn of_two_pickers_one_has_the_call_and_the_other_hears_why_not() {
    let mut host = office(|config| config.extensions[2].pickup_any = true);
    let (mut caller, invite) = rings(&mut host);
    let mut bob = host.call_from("4568", BOB, "*8");
    let carol = host.call_from("4569", CAROL, "**4567");
    host.stops_ringing(ALICE, &invite);
    is_refused(&mut host, &carol, "en/pickup/nothing-rings", 404);
    host.confirm(&mut bob);
    host.confirm(&mut caller);
    assert_eq!(host.live().len(), 1);
    host.hang_up(&mut caller);
    let bye = host.expect(BOB, "BYE ");
    host.respond(BOB, &bye, 200, "");
    host.drains();
}

#[test]
fn who_may_not_hears_so() {
    let mut host = office(|_| ());
    let (caller, _invite) = rings(&mut host);
    let carol = host.call_from("4569", CAROL, "*8");
    is_refused(&mut host, &carol, "en/pickup/nothing-rings", 404);
    let carol = host.call_from("4569", CAROL, "**4567");
    is_refused(&mut host, &carol, "en/pickup/not-allowed", 403);
    let bob = host.call_from("4568", BOB, "**4569");
    is_refused(&mut host, &bob, "en/pickup/nothing-rings", 404);
    assert_eq!(host.take(ALICE, "CANCEL "), None, "it rings on");
    host.give_up(&caller);
    host.expect(CARRIER, "SIP/2.0 487");
}

#[test]
fn a_pickup_that_comes_after_the_cancel_finds_nothing() {
    let mut host = office(|_| ());
    let (caller, _) = rings(&mut host);
    host.give_up(&caller);
    host.expect(CARRIER, "SIP/2.0 487");
    let bob = host.call_from("4568", BOB, "*8");
    is_refused(&mut host, &bob, "en/pickup/nothing-rings", 404);
}

#[test]
fn a_cancel_that_comes_after_the_pickup_is_too_late_and_the_caller_hangs_up() {
    let mut host = office(|_| ());
    let (mut caller, invite) = rings(&mut host);
    let mut bob = host.call_from("4568", BOB, "*8");
    host.give_up(&caller);
    host.stops_ringing(ALICE, &invite);
    host.confirm(&mut bob);
    host.confirm(&mut caller);
    host.hang_up(&mut caller);
    let bye = host.expect(BOB, "BYE ");
    host.respond(BOB, &bye, 200, "");
    host.drains();
    assert_eq!(records(&host).0.end.map(|end| end.cause), Some(EndCause::Normal));
}

#[test]
fn the_called_phones_answer_may_come_first() {
    let mut host = office(|_| ());
    let (mut caller, invite) = rings(&mut host);
    let mut alice = host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    let bob = host.call_from("4568", BOB, "*8");
    is_refused(&mut host, &bob, "en/pickup/nothing-rings", 404);
    host.confirm(&mut caller);
    host.hang_up(&mut alice);
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
    host.drains();
}

#[test]
fn the_called_phones_answer_may_cross_the_pickup() {
    let mut host = office(|_| ());
    let (mut caller, invite) = rings(&mut host);
    let mut bob = host.call_from("4568", BOB, "*8");
    host.expect(ALICE, "CANCEL ");
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    host.confirm(&mut bob);
    host.confirm(&mut caller);
    assert_eq!(host.bridges.len(), 1, "the picker has it");
    host.hang_up(&mut bob);
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
    host.drains();
}

#[test]
fn a_picker_who_dies_ends_the_call() {
    let mut host = office(|_| ());
    let (mut caller, invite) = rings(&mut host);
    host.call_from("4568", BOB, "*8");
    host.stops_ringing(ALICE, &invite);
    host.confirm(&mut caller);
    // The 200 is repeated, and no ACK comes.
    host.run(40);
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
    host.drains();
    assert_eq!(records(&host).0.end.map(|end| end.cause), Some(EndCause::Unreachable));
}

#[test]
fn a_key_has_its_own_phone_answer() {
    let mut host = office(|_| ());
    let (mut caller, invite) = rings(&mut host);
    let call = host.live()[0];
    let interaction = host.command_by(user("4568"), pick_up(call, None));
    let Done::Originated { interaction, .. } = ok(interaction) else { panic!("it is rung") };
    let rung = host.expect(BOB, "INVITE ");
    assert!(rung.contains(CUSTOMER), "it sees who calls: {rung}");
    assert!(rung.to_ascii_lowercase().contains("answer-after=0"), "it answers by itself: {rung}");
    assert_eq!(host.take(ALICE, "CANCEL "), None, "until then the other rings on");
    let mut bob = host.respond(BOB, &rung, 200, &sdp(BOB));
    host.expect(BOB, "ACK ");
    host.stops_ringing(ALICE, &invite);
    host.confirm(&mut caller);
    assert_eq!(host.live(), [call]);
    host.hang_up(&mut bob);
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
    host.drains();
    let (taken, pickup) = records(&host);
    assert_eq!((taken.interaction, pickup.interaction), (interaction, interaction));
    assert_eq!(taken.picked_up_by.as_ref().map(number_of), Some("4568"));
}

#[test]
fn a_phone_that_is_rung_to_pick_up_stops_when_somebody_was_faster() {
    let mut host = office(|_| ());
    let (_, invite) = rings(&mut host);
    let call = host.live()[0];
    ok(host.command_by(user("4568"), pick_up(call, None)));
    let rung = host.expect(BOB, "INVITE ");
    host.respond(BOB, &rung, 180, "");
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.stops_ringing(BOB, &rung);
    assert_eq!(host.live(), [call]);
}

#[test]
fn an_answer_that_crosses_that_is_ended_too() {
    let mut host = office(|_| ());
    let (caller, _) = rings(&mut host);
    let call = host.live()[0];
    ok(host.command_by(user("4568"), pick_up(call, None)));
    let rung = host.expect(BOB, "INVITE ");
    host.respond(BOB, &rung, 180, "");
    host.give_up(&caller);
    host.expect(BOB, "CANCEL ");
    host.answer_crosses(BOB, &rung);
    assert!(host.live().is_empty());
}

#[test]
fn keys_may_what_their_phones_may() {
    let mut host = office(|_| ());
    let _ringing = rings(&mut host);
    let call = host.live()[0];
    let why = |host: &mut Exchange, by: Principal, extension| {
        refused(host.command_by(by, pick_up(call, extension)))
    };
    let forbidden = |error: &CommandError| matches!(error, CommandError::Forbidden(_));
    assert!(forbidden(&why(&mut host, user("4569"), None)), "no group in common");
    assert!(forbidden(&why(&mut host, user("4568"), Some("4569"))), "not its own phone");
    assert!(forbidden(&why(&mut host, Exchange::principal(Role::ReadOnly), Some("4568"))));
    let elsewhere = Principal { tenant: "other".into(), ..Exchange::principal(Role::Admin) };
    assert!(matches!(why(&mut host, elsewhere, Some("4567")), CommandError::NotFound(_)));
    let nobody = Exchange::principal(Role::Supervisor);
    assert!(matches!(why(&mut host, nobody.clone(), None), CommandError::Invalid(_)));
    assert!(matches!(why(&mut host, nobody.clone(), Some("4999")), CommandError::NotFound(_)));
    let gone = refused(host.command_by(nobody.clone(), pick_up(CallId(7), Some("4568"))));
    assert!(matches!(gone, CommandError::NotFound(_)));
    // A supervisor decides for any phone.
    ok(host.command_by(nobody, pick_up(call, Some("4569"))));
    host.expect(CAROL, "INVITE ");
}

#[test]
fn a_call_that_is_answered_is_not_picked_up() {
    let mut host = office(|_| ());
    let (_, invite) = rings(&mut host);
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    let call = host.live()[0];
    let error = refused(host.command(pick_up(call, Some("4568"))));
    assert!(matches!(error, CommandError::Conflict(_)), "{error:?}");
}
