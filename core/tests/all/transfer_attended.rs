//! Attended transfer: by REFER to the transferor's own dialog, by INVITE with Replaces, and of queue callers.

use strowger_core::vocab::acd::Activity;
use strowger_core::vocab::record::EndCause;

use crate::exchange::*;
use crate::queue_call::{self, agent_view, hotline};
use crate::transfer_blind::*;

/// A Refer-To that names a dialog of whoever refers.
pub fn refer_to(number: &str, dialog: &Dialog) -> String {
    let tag = |side: &str| side.split_once("tag=").map_or("", |(_, tag)| tag).to_owned();
    let (theirs, own) = (tag(&dialog.remote), tag(&dialog.local));
    let call_id = &dialog.call_id;
    format!("sip:{number}@pbx.example?Replaces={call_id}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{own}")
}

/// The distributor thinks that Alice talks.
fn talks(host: &mut Exchange) -> bool {
    matches!(agent_view(host, "101").activity, Activity::Talking { .. })
}

/// Alice, who talks to a customer, asks Bob.
fn consultation(host: &mut Exchange) -> (Dialog, Dialog, Dialog, Dialog) {
    let (customer, alice) = customer(host);
    let mut asks = host.call_from("4567", ALICE, "4568");
    let bob = host.pick_up(BOB);
    host.confirm(&mut asks);
    host.sent.clear();
    (customer, alice, asks, bob)
}

#[test]
fn both_others_talk_and_both_calls_of_the_transferor_end() {
    let mut host = office(|_| {});
    let (mut customer, mut alice, asks, _) = consultation(&mut host);
    refer(&mut host, &mut alice, &refer_to("4568", &asks));
    host.expect(ALICE, "SIP/2.0 202");
    ended(&mut host, ALICE);
    notified(&mut host, ALICE, "100");
    notified(&mut host, ALICE, "200");
    ended(&mut host, ALICE);
    assert!(host.take(BOB, "INVITE").is_none(), "it talks already");
    host.hang_up(&mut customer);
    ended(&mut host, BOB);
    host.drains();
    assert_eq!(story(&host), [EndCause::Transferred, EndCause::Transferred, EndCause::Normal]);
}

#[test]
fn either_call_of_the_transferor_may_carry_the_refer() {
    let mut host = office(|_| {});
    let (mut customer, alice, mut asks, mut bob) = consultation(&mut host);
    refer(&mut host, &mut asks, &refer_to("4567", &alice));
    notified(&mut host, ALICE, "100");
    notified(&mut host, ALICE, "200");
    host.hang_up(&mut bob);
    ended(&mut host, CARRIER);
    drop(std::mem::replace(&mut customer, alice));
    host.run(60);
    host.drains();
    assert_eq!(story(&host).len(), 3);
}

#[test]
fn a_phone_that_still_rings_gets_the_customer() {
    for answers in [true, false] {
        let mut host = office(|_| {});
        let (mut customer, mut alice) = customer(&mut host);
        let mut asks = host.call_from("4567", ALICE, "4568");
        let invite = host.expect(BOB, "INVITE ");
        host.respond(BOB, &invite, 180, "");
        let ringing = host.expect(ALICE, "SIP/2.0 180");
        let to = ringing.lines().find_map(|line| line.strip_prefix("To: ")).unwrap_or("");
        asks.remote = to.to_owned();
        host.sent.clear();
        refer(&mut host, &mut alice, &refer_to("4568", &asks));
        host.expect(ALICE, "SIP/2.0 202");
        notified(&mut host, ALICE, "100");
        host.expect(ALICE, "SIP/2.0 487");
        if answers {
            host.respond(BOB, &invite, 200, &sdp(BOB));
            host.expect(BOB, "ACK ");
            notified(&mut host, ALICE, "200");
            ended(&mut host, ALICE);
            host.hang_up(&mut customer);
            ended(&mut host, BOB);
        } else {
            host.respond(BOB, &invite, 486, "");
            notified(&mut host, ALICE, "486");
            host.hang_up(&mut customer);
            ended(&mut host, ALICE);
        }
        host.drains();
        assert_eq!(story(&host).len(), 2);
    }
}

#[test]
fn a_target_that_has_gone_leaves_the_first_call_as_it_was() {
    let mut host = office(|_| {});
    let (mut customer, mut alice, asks, mut bob) = consultation(&mut host);
    host.hang_up(&mut bob);
    ended(&mut host, ALICE);
    refer(&mut host, &mut alice, &refer_to("4568", &asks));
    host.expect(ALICE, "SIP/2.0 404");
    host.hang_up(&mut customer);
    ended(&mut host, ALICE);
    host.drains();
}

#[test]
fn nobody_transfers_into_the_call_of_somebody_else() {
    let mut host = office(|_| {});
    let (mut customer, mut alice) = customer(&mut host);
    let mut asks = host.call_from("4569", CAROL, "4568");
    let mut bob = host.pick_up(BOB);
    host.confirm(&mut asks);
    host.sent.clear();
    refer(&mut host, &mut alice, &refer_to("4568", &asks));
    host.expect(ALICE, "SIP/2.0 403");
    let own = alice.clone();
    refer(&mut host, &mut alice, &refer_to("4568", &own));
    host.expect(ALICE, "SIP/2.0 482");
    host.hang_up(&mut customer);
    ended(&mut host, ALICE);
    host.hang_up(&mut bob);
    ended(&mut host, CAROL);
    host.drains();
}

#[test]
fn a_conversation_moves_to_another_phone_of_its_party() {
    let mut host = office(|_| {});
    let (mut customer, alice) = customer(&mut host);
    let tag = |side: &str| side.split_once("tag=").map_or("", |(_, tag)| tag).to_owned();
    let replaces = |to: &str, from: &str| {
        format!("Replaces: {};to-tag={to};from-tag={from}\r\n", alice.call_id)
    };
    let (ours, own) = (tag(&alice.remote), tag(&alice.local));
    host.call_with("4567", ALICE, "4567", &replaces(&ours, "nobody"));
    host.expect(ALICE, "SIP/2.0 481");
    host.call_with("4568", BOB, "4567", &replaces(&ours, &own));
    host.expect(BOB, "SIP/2.0 403");
    let early = format!("{};early-only\r\n", replaces(&ours, &own).trim_end());
    host.call_with("4567", ALICE, "4567", &early);
    host.expect(ALICE, "SIP/2.0 486");
    let mut second = host.call_with("4567", ALICE, "4567", &replaces(&ours, &own));
    ended(&mut host, ALICE);
    host.confirm(&mut second);
    host.hang_up(&mut customer);
    ended(&mut host, ALICE);
    host.drains();
}

#[test]
fn a_queues_agent_gives_its_caller_to_a_colleague_and_its_conversation_is_over() {
    let mut host = queue_call::open(hotline(|_| {}));
    host.register("4569", CAROL);
    let mut customer = queue_call::customer(&mut host);
    let mut alice = host.pick_up(ALICE);
    assert!(talks(&mut host));
    refer(&mut host, &mut alice, "sip:4569@pbx.example");
    notified(&mut host, ALICE, "100");
    assert!(talks(&mut host), "until it is decided");
    host.pick_up(CAROL);
    notified(&mut host, ALICE, "200");
    ended(&mut host, ALICE);
    assert!(!talks(&mut host));
    host.hang_up(&mut customer);
    ended(&mut host, CAROL);
    host.drains();
    let records = host.closed();
    let visit = records.iter().find_map(|record| record.queued.first()).expect("a visit");
    assert_eq!(visit.outcome.as_deref(), Some("answered"));
    assert_eq!(story(&host), [EndCause::Transferred, EndCause::Normal]);
}
