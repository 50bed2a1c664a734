//! Calls that are begun by an order which says more than from where and to whom.

use strowger_core::vocab::{
    CallTerms, Command, CommandError, Done, EventKind, Principal, Reply, Role,
};

use crate::exchange::*;
use crate::transfer_blind::*;

const CUSTOMER: &str = "057188881111";
const MOBILE: &str = "057188882222";
/// The number by which the carrier that is dialled knows the company, and another of the same company.
const USUAL: &str = "057126200670";
const OTHER: &str = "057126200671";

fn originate(terms: CallTerms) -> Command {
    let (from, to) = ("4567".to_owned(), CUSTOMER.to_owned());
    Command::Originate { from, to, auto_answer: false, terms }
}

#[track_caller]
fn begun(reply: &Reply) {
    assert!(matches!(reply, Reply::Command(Ok(Done::Originated { .. }))), "{reply:?}");
}

#[track_caller]
fn invalid(reply: &Reply) {
    assert!(matches!(reply, Reply::Command(Err(CommandError::Invalid(_)))), "{reply:?}");
}

#[test]
fn the_carrier_shows_the_number_that_was_ordered() {
    for (shown, seen) in [(None, USUAL), (Some(OTHER), OTHER), (Some("+8657126200671"), OTHER)] {
        let mut host = office(|_| {});
        let shown = shown.map(str::to_owned);
        let reply = host.command(originate(CallTerms { shown, ..CallTerms::default() }));
        begun(&reply);
        let mut alice = host.pick_up(ALICE);
        let invite = host.expect(CARRIER, "INVITE ");
        assert!(invite.starts_with(&format!("INVITE sip:{CUSTOMER}@")), "{invite}");
        let from = invite.lines().find(|line| line.starts_with("From:")).unwrap();
        assert!(from.contains(&format!("<sip:{seen}@")), "{from}");
        host.respond(CARRIER, &invite, 200, &sdp(CARRIER));
        host.hang_up(&mut alice);
        ended(&mut host, CARRIER);
        host.drains();
    }
}

#[test]
fn it_is_told_when_the_caller_s_own_phone_rings_and_answers() {
    let mut host = office(|_| {});
    begun(&host.command(originate(CallTerms::default())));
    let invite = host.expect(ALICE, "INVITE ");
    for status in [100, 180, 180, 183] {
        host.respond(ALICE, &invite, status, "");
    }
    let mut alice = host.respond(ALICE, &invite, 200, &sdp(ALICE));
    let customer = host.expect(CARRIER, "INVITE ");
    host.respond(CARRIER, &customer, 180, "");
    host.respond(CARRIER, &customer, 200, &sdp(CARRIER));
    let story = |event: &EventKind| match event {
        EventKind::CallStarted { .. } => Some("started"),
        EventKind::CallerRinging { .. } => Some("caller rings"),
        EventKind::CallerAnswered { .. } => Some("caller answered"),
        EventKind::CallRinging { .. } => Some("rings"),
        EventKind::CallAnswered { .. } => Some("answered"),
        _ => None,
    };
    let told: Vec<&str> = host.events.iter().filter_map(story).collect();
    assert_eq!(told, ["started", "caller rings", "caller answered", "rings", "answered"]);
    host.hang_up(&mut alice);
    ended(&mut host, CARRIER);
    host.drains();
}

#[test]
fn a_number_of_somebody_else_is_not_shown_and_nothing_rings() {
    let mut host = office(|_| {});
    for number in ["057126200680", CUSTOMER, "4567", "x"] {
        let shown = Some(number.to_owned());
        invalid(&host.command(originate(CallTerms { shown, ..CallTerms::default() })));
    }
    assert!(host.take(ALICE, "INVITE ").is_none());
    host.drains();
}

#[test]
fn whoever_has_the_extension_is_rung_at_a_number_outside() {
    let mut host = office(|_| {});
    let terms = CallTerms { at: Some(MOBILE.to_owned()), ..CallTerms::default() };
    begun(&host.command(originate(terms)));
    assert!(host.take(ALICE, "INVITE ").is_none(), "the phone stays silent");
    let mobile = host.expect(CARRIER, "INVITE ");
    assert!(mobile.starts_with(&format!("INVITE sip:{MOBILE}@")), "{mobile}");
    host.respond(CARRIER, &mobile, 200, &sdp(CARRIER));
    let customer = host.expect(CARRIER, "INVITE ");
    assert!(customer.starts_with(&format!("INVITE sip:{CUSTOMER}@")), "{customer}");
    let mut customer = host.respond(CARRIER, &customer, 200, &sdp(CARRIER));
    host.hang_up(&mut customer);
    ended(&mut host, CARRIER);
    host.drains();
    assert_eq!(host.closed().len(), 1);
}

#[test]
fn only_who_acts_for_the_whole_company_rings_numbers_outside() {
    let mut host = office(|_| {});
    let terms = CallTerms { at: Some(MOBILE.to_owned()), ..CallTerms::default() };
    let own = Principal { extension: Some("4567".into()), ..Exchange::principal(Role::User) };
    let reply = host.command_by(own, originate(terms));
    assert!(matches!(reply, Reply::Command(Err(CommandError::Forbidden(_)))), "{reply:?}");
    let nowhere = CallTerms { at: Some("9008881234".to_owned()), ..CallTerms::default() };
    invalid(&host.command(originate(nowhere)));
    host.drains();
}

#[test]
fn the_callee_rings_as_long_as_was_ordered() {
    let mut host = office(|_| {});
    let terms = CallTerms { ring_secs: Some(5), ..CallTerms::default() };
    begun(&host.command(originate(terms)));
    host.pick_up(ALICE);
    let invite = host.expect(CARRIER, "INVITE ");
    host.respond(CARRIER, &invite, 180, "");
    host.run(4);
    assert!(host.take(CARRIER, "CANCEL ").is_none(), "not yet");
    host.run(2);
    let cancel = host.expect(CARRIER, "CANCEL ");
    host.respond(CARRIER, &cancel, 200, "");
    host.respond(CARRIER, &invite, 487, "");
    host.expect(CARRIER, "ACK ");
    // The next carrier of the route is tried as ever.
    let invite = host.expect("192.0.2.11:5060", "INVITE ");
    host.respond("192.0.2.11:5060", &invite, 486, "");
    host.hear_out();
    ended(&mut host, ALICE);
    host.drains();
}
