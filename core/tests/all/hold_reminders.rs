//! Calls on hold that are forgotten: when the holder's phone rings, when not, and what its answer does.

use strowger_core::vocab::record::EndCause;
use strowger_core::vocab::transfer::{TalkAct, TalkOrder};
use strowger_core::vocab::{Command, Done, Input, Reply};

use crate::common::two_companies;
use crate::exchange::*;
use crate::transfer_blind::{ALICE, BOB, CARRIER, customer, ended, office, story};

const CUSTOMER_IP: &str = "192.0.2.10";
const ALICE_IP: &str = "198.51.100.7";

fn reminding() -> Exchange {
    office(|config| config.calls.hold_reminder_secs = 30)
}

fn hold(host: &mut Exchange, dialog: &mut Dialog, holds: bool) {
    let direction = if holds { "a=sendonly\r\n" } else { "a=sendrecv\r\n" };
    host.request(dialog, "INVITE", "", &(sdp(dialog.at) + direction));
    host.expect(dialog.at, "SIP/2.0 200");
    // An ACK has the number of its INVITE.
    dialog.cseq -= 1;
    host.request(dialog, "ACK", "", "");
}

/// A customer whom Alice holds.
fn held(host: &mut Exchange) -> (Dialog, Dialog) {
    let (customer, mut alice) = customer(host);
    hold(host, &mut alice, true);
    (customer, alice)
}

#[test]
fn the_holder_is_rung_and_talks_on() {
    let mut host = reminding();
    let (mut customer, _) = held(&mut host);
    host.run(29);
    assert_eq!(host.take(ALICE, "INVITE "), None);
    host.run(1);
    let invite = host.expect(ALICE, "INVITE ");
    assert!(invite.contains("\"On hold: Caller 057188881111\""), "{invite}");
    assert!(!invite.contains("answer-after"), "a conversation does not begin by itself: {invite}");
    host.respond(ALICE, &invite, 180, "");
    assert_eq!(host.hears(CARRIER), ["music/hold"]);
    let mut again = host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    ended(&mut host, ALICE);
    assert_eq!(host.hears(CARRIER), [ALICE_IP]);
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP]);
    host.run(90);
    assert_eq!(host.take(ALICE, "INVITE "), None, "nothing is on hold any more");
    host.hang_up(&mut again);
    ended(&mut host, CARRIER);
    drop(std::mem::replace(&mut customer, again));
    host.drains();
    assert!(story(&host).contains(&EndCause::Normal));
}

#[test]
fn who_does_not_answer_is_reminded_again() {
    let mut host = reminding();
    let (mut customer, _) = held(&mut host);
    for _ in 0..3 {
        host.run(30);
        let invite = host.expect(ALICE, "INVITE ");
        host.respond(ALICE, &invite, 486, "");
    }
    host.run(30);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    host.run(15);
    let cancel = host.expect(ALICE, "CANCEL ");
    host.respond(ALICE, &cancel, 200, "");
    host.respond(ALICE, &invite, 487, "");
    host.hang_up(&mut customer);
    ended(&mut host, ALICE);
    host.drains();
}

#[test]
fn a_phone_that_rings_stops_when_the_hold_or_the_call_is_over() {
    for resumes in [true, false] {
        let mut host = reminding();
        let (mut customer, mut alice) = held(&mut host);
        host.run(30);
        let invite = host.expect(ALICE, "INVITE ");
        host.respond(ALICE, &invite, 180, "");
        match resumes {
            true => hold(&mut host, &mut alice, false),
            false => host.hang_up(&mut customer),
        }
        host.stops_ringing(ALICE, &invite);
        if resumes {
            assert_eq!(host.hears(CARRIER), [ALICE_IP]);
            host.hang_up(&mut customer);
        }
        ended(&mut host, ALICE);
        host.drains();
    }
}

#[test]
fn an_answer_that_crosses_the_end_of_the_hold_is_told_so() {
    let mut host = reminding();
    let (mut customer, mut alice) = held(&mut host);
    host.run(30);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    hold(&mut host, &mut alice, false);
    let cancel = host.expect(ALICE, "CANCEL ");
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    host.respond(ALICE, &cancel, 200, "");
    ended(&mut host, ALICE);
    assert_eq!(host.hears(CARRIER), [ALICE_IP], "the call that was on hold goes on");
    host.hang_up(&mut customer);
    ended(&mut host, ALICE);
    host.drains();
}

#[test]
fn who_consults_somebody_while_it_holds_has_not_forgotten() {
    let mut host = reminding();
    let (mut customer, _) = held(&mut host);
    let mut asks = host.call_from("4567", ALICE, "4568");
    host.pick_up(BOB);
    host.confirm(&mut asks);
    host.run(65);
    assert_eq!(host.take(ALICE, "INVITE "), None);
    host.hang_up(&mut asks);
    ended(&mut host, BOB);
    host.run(30);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 486, "");
    host.hang_up(&mut customer);
    ended(&mut host, ALICE);
    host.drains();
}

#[track_caller]
fn ordered(host: &mut Exchange, act: TalkAct) {
    let call = host.live()[0];
    let order = TalkOrder { extension: None, act };
    let done = host.command(Command::Talk { call, order });
    assert_eq!(done, Reply::Command(Ok(Done::Ordered)));
}

#[test]
fn who_holds_by_order_is_reminded_as_well() {
    let mut host = reminding();
    let (mut customer, _) = crate::transfer_blind::customer(&mut host);
    ordered(&mut host, TalkAct::Hold);
    host.run(30);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    ordered(&mut host, TalkAct::Resume);
    host.stops_ringing(ALICE, &invite);
    assert_eq!(host.hears(CARRIER), [ALICE_IP]);
    ordered(&mut host, TalkAct::Hold);
    host.run(30);
    let invite = host.expect(ALICE, "INVITE ");
    let mut again = host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    ended(&mut host, ALICE);
    assert_eq!(host.hears(CARRIER), [ALICE_IP], "they talk");
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP]);
    host.run(60);
    assert_eq!(host.take(ALICE, "INVITE "), None, "nothing is on hold any more");
    host.hang_up(&mut again);
    ended(&mut host, CARRIER);
    drop(std::mem::replace(&mut customer, again));
    host.drains();
}

fn reload(host: &mut Exchange, hold_reminder_secs: u32) {
    let mut config = two_companies();
    config.sip.qualify_secs = 0;
    config.sip.session_expires = 0;
    config.calls.hold_reminder_secs = hold_reminder_secs;
    host.input(Input::Reload(Box::new(config)));
}

#[test]
fn a_new_configuration_counts_for_those_who_are_on_hold() {
    let mut host = reminding();
    let (mut customer, _) = held(&mut host);
    host.run(30);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    reload(&mut host, 0);
    host.stops_ringing(ALICE, &invite);
    host.run(600);
    assert_eq!(host.take(ALICE, "INVITE "), None, "nobody wants that any more");
    reload(&mut host, 40);
    host.run(39);
    assert_eq!(host.take(ALICE, "INVITE "), None);
    host.run(1);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 486, "");
    host.hang_up(&mut customer);
    ended(&mut host, ALICE);
    host.drains();
}

#[test]
fn nobody_is_reminded_unless_that_is_configured() {
    let mut host = office(|_| ());
    held(&mut host);
    host.run(3_600);
    assert_eq!(host.take(ALICE, "INVITE "), None);
}
