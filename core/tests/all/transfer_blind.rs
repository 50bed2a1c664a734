//! Blind transfer by REFER: what each of the three hears of it, whose rights count, and what happens when it fails.

use strowger_core::vocab::config::{Config, Destination};
use strowger_core::vocab::record::{CallRecord, EndCause};
use strowger_core::vocab::transfer::{TalkAct, TalkOrder};
use strowger_core::vocab::{Command, CommandError, EventKind, Principal, Reply, Role};

use crate::common::*;
use crate::exchange::*;
use crate::queue_call;

pub const CARRIER: &str = "192.0.2.10:5060";
pub const ALICE: &str = "198.51.100.7:5060";
pub const BOB: &str = "198.51.100.8:5060";
pub const CAROL: &str = "198.51.100.9:5060";
const CUSTOMER: &str = "057188881111";
const OFFICE: &str = "057126200670";

pub fn office(change: impl FnOnce(&mut Config)) -> Exchange {
    let mut config = two_companies();
    config.sip.qualify_secs = 0;
    config.sip.session_expires = 0;
    change(&mut config);
    let mut host = Exchange::new(config);
    for (number, at) in [("4567", ALICE), ("4568", BOB), ("4569", CAROL)] {
        host.register(number, at);
    }
    host
}

/// A customer talks to Alice.
pub fn customer(host: &mut Exchange) -> (Dialog, Dialog) {
    let mut customer = host.call_in(CARRIER, CUSTOMER, OFFICE);
    let alice = host.pick_up(ALICE);
    host.confirm(&mut customer);
    host.sent.clear();
    (customer, alice)
}

pub fn refer(host: &mut Exchange, dialog: &mut Dialog, to: &str) {
    // What begins within one millisecond has no order.
    host.run_ms(2);
    host.request(dialog, "REFER", &format!("Refer-To: <{to}>\r\n"), "");
}

/// The NOTIFY with this status line, answered.
#[track_caller]
pub fn notified(host: &mut Exchange, at: &'static str, status: &str) {
    let notify = host.expect(at, "NOTIFY ");
    assert!(notify.contains(&format!("\r\n\r\nSIP/2.0 {status}")), "{notify}");
    assert!(notify.contains("\r\nEvent: refer;id="), "{notify}");
    let ended = !status.starts_with('1');
    assert_eq!(notify.contains("Subscription-State: terminated"), ended, "{notify}");
    host.respond(at, &notify, 200, "");
}

#[track_caller]
pub fn ended(host: &mut Exchange, at: &'static str) {
    let bye = host.expect(at, "BYE ");
    host.respond(at, &bye, 200, "");
}

/// Causes of all records in order, and that they are one story.
#[track_caller]
pub fn story(host: &Exchange) -> Vec<EndCause> {
    let mut records: Vec<CallRecord> = host.closed();
    records.sort_by_key(|record| record.call);
    assert!(records.windows(2).all(|two| two[0].interaction == two[1].interaction), "{records:#?}");
    records.into_iter().filter_map(|record| record.end).map(|end| end.cause).collect()
}

/// The two streams that were bridged last.
fn bridge(host: &Exchange) -> (media::order::StreamId, media::order::StreamId) {
    *host.bridges.last().expect("a bridge")
}

#[test]
fn the_customer_reaches_whom_it_was_sent_to_and_the_transferor_is_told() {
    let mut host = office(|_| {});
    let (mut customer, mut alice) = customer(&mut host);
    let before = bridge(&host);
    refer(&mut host, &mut alice, "sip:4568@pbx.example");
    host.expect(ALICE, "SIP/2.0 202");
    notified(&mut host, ALICE, "100");
    let invite = host.expect(BOB, "INVITE ");
    assert!(invite.contains(CUSTOMER), "the customer is shown: {invite}");
    assert!(invite.contains("Referred-By: <sip:4567@pbx.example>"), "{invite}");
    assert!(host.take(ALICE, "BYE").is_none(), "it waits for the outcome");
    host.respond(BOB, &invite, 180, "");
    assert!(host.heard().contains(&"tones/ringback".to_owned()));
    host.respond(BOB, &invite, 200, &sdp(BOB));
    host.expect(BOB, "ACK ");
    assert!(host.take(ALICE, "BYE").is_none(), "BYE does not overtake NOTIFY");
    notified(&mut host, ALICE, "200");
    ended(&mut host, ALICE);
    assert_eq!(bridge(&host).0, before.0, "the customer's stream is the same");
    assert_ne!(bridge(&host).1, before.1);
    host.hang_up(&mut customer);
    ended(&mut host, BOB);
    host.drains();
    assert_eq!(story(&host), [EndCause::Transferred, EndCause::Normal]);
    let told = host.events.iter().any(|event| matches!(event, EventKind::CallTransferred { .. }));
    assert!(told);
}

#[test]
fn a_transfer_that_fails_gives_the_call_back() {
    for (status, told) in [(486, "486"), (603, "603"), (404, "404")] {
        let mut host = office(|_| {});
        let (mut customer, mut alice) = customer(&mut host);
        let before = bridge(&host);
        refer(&mut host, &mut alice, "sip:4568@pbx.example");
        notified(&mut host, ALICE, "100");
        let invite = host.expect(BOB, "INVITE ");
        host.respond(BOB, &invite, status, "");
        notified(&mut host, ALICE, told);
        assert_eq!(bridge(&host), (before.1, before.0), "both talk again");
        assert!(host.playing.is_empty(), "no ringing is left: {:?}", host.heard());
        host.hang_up(&mut customer);
        ended(&mut host, ALICE);
        host.drains();
        let causes = story(&host);
        assert_eq!(causes[0], EndCause::Normal);
        assert_eq!(causes.len(), 2);
    }
}

#[test]
fn nobody_answers_and_the_call_comes_back() {
    let mut host = office(|config| config.calls.ring_secs = 10);
    let (_, mut alice) = customer(&mut host);
    refer(&mut host, &mut alice, "sip:4568@pbx.example");
    notified(&mut host, ALICE, "100");
    let invite = host.expect(BOB, "INVITE ");
    host.respond(BOB, &invite, 180, "");
    host.run(11);
    let cancel = host.expect(BOB, "CANCEL ");
    host.respond(BOB, &cancel, 200, "");
    host.respond(BOB, &invite, 487, "");
    notified(&mut host, ALICE, "480");
    host.hang_up(&mut alice);
    ended(&mut host, CARRIER);

    host.drains();
    assert_eq!(story(&host), [EndCause::Normal, EndCause::NoAnswer]);
}

#[test]
fn a_transferor_that_hangs_up_at_once_is_out_of_it() {
    let mut host = office(|_| {});
    let (mut customer, mut alice) = customer(&mut host);
    refer(&mut host, &mut alice, "sip:4568@pbx.example");
    notified(&mut host, ALICE, "100");
    host.expect(ALICE, "SIP/2.0 202");
    host.hang_up(&mut alice);
    host.pick_up(BOB);
    assert!(host.take(ALICE, "NOTIFY").is_none(), "its dialog is gone");
    host.hang_up(&mut customer);
    ended(&mut host, BOB);
    host.drains();
    assert_eq!(story(&host), [EndCause::Transferred, EndCause::Normal]);
}

#[test]
fn a_transferor_that_hung_up_is_rung_back_when_nobody_is_reached() {
    for answers in [true, false] {
        let mut host = office(|config| config.calls.ring_secs = 10);
        let (mut customer, mut alice) = customer(&mut host);
        refer(&mut host, &mut alice, "sip:4568@pbx.example");
        notified(&mut host, ALICE, "100");
        host.expect(ALICE, "SIP/2.0 202");
        host.hang_up(&mut alice);
        let invite = host.expect(BOB, "INVITE ");
        host.run_ms(2);
        host.respond(BOB, &invite, 486, "");
        if answers {
            host.pick_up(ALICE);
            host.hang_up(&mut customer);
            ended(&mut host, ALICE);
            host.drains();
            assert_eq!(story(&host), [EndCause::Transferred, EndCause::Busy, EndCause::Normal]);
        } else {
            let back = host.expect(ALICE, "INVITE ");
            host.respond(ALICE, &back, 603, "");
            ended(&mut host, CARRIER);
            host.drains();
            assert_eq!(story(&host)[..2], [EndCause::Transferred, EndCause::Busy]);
        }
    }
}

#[test]
fn a_customer_who_hangs_up_on_the_way_ends_everything() {
    let mut host = office(|_| {});
    let (mut customer, mut alice) = customer(&mut host);
    refer(&mut host, &mut alice, "sip:4568@pbx.example");
    notified(&mut host, ALICE, "100");
    let invite = host.expect(BOB, "INVITE ");
    host.respond(BOB, &invite, 180, "");
    host.hang_up(&mut customer);
    let cancel = host.expect(BOB, "CANCEL ");
    host.respond(BOB, &cancel, 200, "");
    host.respond(BOB, &invite, 487, "");
    notified(&mut host, ALICE, "487");
    ended(&mut host, ALICE);
    host.drains();
    assert_eq!(story(&host)[0], EndCause::Normal);
}

#[test]
fn one_transfer_at_a_time() {
    let mut host = office(|_| {});
    let mut bob = host.call_from("4568", BOB, "4567");
    let mut alice = host.pick_up(ALICE);
    host.confirm(&mut bob);
    refer(&mut host, &mut alice, "sip:4569@pbx.example");
    host.expect(ALICE, "SIP/2.0 202");
    notified(&mut host, ALICE, "100");
    refer(&mut host, &mut alice, "sip:4569@pbx.example");
    host.expect(ALICE, "SIP/2.0 491");
    refer(&mut host, &mut bob, "sip:4569@pbx.example");
    host.expect(BOB, "SIP/2.0 491");
    host.pick_up(CAROL);
    notified(&mut host, ALICE, "200");
    ended(&mut host, ALICE);
    refer(&mut host, &mut bob, "sip:4567@pbx.example");
    notified(&mut host, BOB, "100");
    host.pick_up(ALICE);
    notified(&mut host, BOB, "200");
    ended(&mut host, BOB);
    host.run(1);
    let last = host.events.iter().rev().find_map(|event| match event {
        EventKind::CallAnswered { call, .. } => Some(*call),
        _ => None,
    });
    host.command(strowger_core::vocab::Command::HangUp { call: last.expect("a call") });
    ended(&mut host, CAROL);
    ended(&mut host, ALICE);
    host.drains();
    let causes = story(&host);
    assert_eq!(causes, [EndCause::Transferred, EndCause::Transferred, EndCause::Administrative]);
}

#[test]
fn what_the_transferor_may_not_dial_it_may_not_transfer_to() {
    let mut host = office(|_| {});
    let mut alice = host.call_from("4567", ALICE, "4569");
    let mut carol = host.pick_up(CAROL);
    host.confirm(&mut alice);
    for (dialog, to, status) in [
        (1, "sip:057188880000@pbx.example", 403),
        (0, "sip:00861088886666@pbx.example", 403),
        (0, "sip:5555@pbx.example", 404),
        (0, "sip:4567@other.example", 404),
        (0, "sip:4569@pbx.example", 482),
        (1, "sip:4567@pbx.example", 482),
        (1, "sip:4569@pbx.example", 482),
        (0, "sip:4568@pbx.example;method=BYE", 501),
    ] {
        let (at, own) = if dialog == 0 { (ALICE, &mut alice) } else { (CAROL, &mut carol) };
        refer(&mut host, own, to);
        host.expect(at, &format!("SIP/2.0 {status}"));
        assert!(host.take(at, "NOTIFY").is_none());
    }
    refer(&mut host, &mut alice, "sip:057188880000@pbx.example");
    host.expect(ALICE, "SIP/2.0 202");
    let invite = host.expect(CARRIER, "INVITE sip:057188880000");
    host.respond(CARRIER, &invite, 200, &sdp(CARRIER));
    notified(&mut host, ALICE, "100");
    notified(&mut host, ALICE, "200");
    ended(&mut host, ALICE);
    host.hang_up(&mut carol);
    ended(&mut host, CARRIER);
    host.drains();
}

#[test]
fn a_carrier_transfers_only_where_it_is_allowed_to() {
    for allowed in [false, true] {
        let mut host = office(|config| config.trunks[0].transfers = allowed);
        let (mut customer, mut alice) = customer(&mut host);
        refer(&mut host, &mut customer, "sip:057188880000@carrier.example");
        // What it cannot call itself it cannot transfer to either.
        host.expect(CARRIER, if allowed { "SIP/2.0 404" } else { "SIP/2.0 403" });
        refer(&mut host, &mut customer, "sip:4568@pbx.example");
        host.expect(CARRIER, if allowed { "SIP/2.0 404" } else { "SIP/2.0 403" });
        host.hang_up(&mut alice);
        ended(&mut host, CARRIER);
        host.drains();
    }
    // Its own numbers and routes are what it reaches.
    let mut host = office(|config| {
        config.trunks[0].transfers = true;
        let to = Destination::Extension(key("demo", "4568"));
        config.numbers.push(number(trunk_key("demo", "carrier"), "057126200677", to));
    });
    let (mut customer, mut alice) = customer(&mut host);
    refer(&mut host, &mut customer, "sip:057126200677@pbx.example");
    host.expect(CARRIER, "SIP/2.0 202");
    notified(&mut host, CARRIER, "100");
    let invite = host.expect(BOB, "INVITE ");
    assert!(invite.contains("4567"), "Alice is who calls now: {invite}");
    host.respond(BOB, &invite, 200, &sdp(BOB));
    host.expect(BOB, "ACK ");
    notified(&mut host, CARRIER, "200");
    ended(&mut host, CARRIER);
    host.hang_up(&mut alice);
    ended(&mut host, BOB);
    host.drains();
    assert_eq!(story(&host), [EndCause::Transferred, EndCause::Normal]);
}

#[test]
fn a_target_whose_phone_is_gone_gives_the_call_back() {
    let mut host = office(|_| {});
    let (mut customer, mut alice) = customer(&mut host);
    host.register_for("4568", BOB, 0);
    host.sent.clear();
    refer(&mut host, &mut alice, "sip:4568@pbx.example");
    notified(&mut host, ALICE, "100");
    notified(&mut host, ALICE, "480");
    assert!(host.take(BOB, "INVITE").is_none());
    assert!(host.playing.is_empty(), "both talk again: {:?}", host.heard());
    host.hang_up(&mut customer);
    ended(&mut host, ALICE);
    host.drains();
}

#[test]
fn of_two_ends_that_transfer_at_once_one_does() {
    let mut host = office(|_| {});
    let mut bob = host.call_from("4568", BOB, "4567");
    let mut alice = host.pick_up(ALICE);
    host.confirm(&mut bob);
    let call = host.live()[0];
    host.run_ms(2);
    // In the same moment: a REFER of one end, an order over HTTP of the other, a REFER of the other.
    host.request(&mut alice, "REFER", "Refer-To: <sip:4569@pbx.example>\r\n", "");
    let act = TalkAct::Transfer { to: "057188880000".into() };
    let by = Principal { extension: Some("4568".into()), ..Exchange::principal(Role::User) };
    let order = Command::Talk { call, order: TalkOrder { extension: None, act } };
    let reply = host.command_by(by, order);
    assert!(matches!(reply, Reply::Command(Err(CommandError::Conflict(_)))), "{reply:?}");
    host.request(&mut bob, "REFER", "Refer-To: <sip:057188880000@pbx.example>\r\n", "");
    host.expect(ALICE, "SIP/2.0 202");
    host.expect(BOB, "SIP/2.0 491");
    notified(&mut host, ALICE, "100");
    host.pick_up(CAROL);
    assert!(host.take(CARRIER, "INVITE").is_none());
    notified(&mut host, ALICE, "200");
    ended(&mut host, ALICE);
    host.hang_up(&mut bob);
    ended(&mut host, CAROL);
    host.drains();
    assert_eq!(story(&host), [EndCause::Transferred, EndCause::Normal]);
}

#[test]
fn who_wants_no_notifications_gets_none() {
    let mut host = office(|_| {});
    let (mut customer, mut alice) = customer(&mut host);
    let more = "Refer-To: <sip:4568@pbx.example>\r\nRefer-Sub: false\r\nRequire: norefersub\r\n";
    host.request(&mut alice, "REFER", more, "");
    let accepted = host.expect(ALICE, "SIP/2.0 202");
    assert!(accepted.contains("Refer-Sub: false"), "{accepted}");
    host.pick_up(BOB);
    ended(&mut host, ALICE);
    assert!(host.take(ALICE, "NOTIFY").is_none());
    host.hang_up(&mut customer);
    ended(&mut host, BOB);
    host.drains();
}

#[test]
fn a_queue_takes_whoever_is_sent_to_it() {
    let mut host = queue_call::open(queue_call::hotline(|_| {}));
    let (mut customer, mut alice) = customer(&mut host);
    refer(&mut host, &mut alice, "sip:9001@pbx.example");
    notified(&mut host, ALICE, "100");
    notified(&mut host, ALICE, "200");
    ended(&mut host, ALICE);
    host.hang_up(&mut customer);
    host.drains();
    let record = host.closed().into_iter().find(|record| !record.queued.is_empty());
    assert_eq!(record.expect("a visit").queued[0].queue.number, "9001");
}

#[test]
fn a_phone_that_holds_first_is_not_the_one_that_hears_music() {
    let mut host = office(|_| {});
    let (mut customer, mut alice) = customer(&mut host);
    let held = sdp(ALICE) + "a=sendonly\r\n";
    host.request(&mut alice, "INVITE", "", &held);
    host.expect(ALICE, "SIP/2.0 200");
    host.request(&mut alice, "ACK", "", "");
    refer(&mut host, &mut alice, "sip:4568@pbx.example");
    notified(&mut host, ALICE, "100");
    host.pick_up(BOB);
    assert!(host.playing.is_empty(), "{:?}", host.heard());
    notified(&mut host, ALICE, "200");
    ended(&mut host, ALICE);
    host.hang_up(&mut customer);
    ended(&mut host, BOB);
    host.drains();
}
