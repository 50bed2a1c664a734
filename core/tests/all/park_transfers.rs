//! Parking by transfer: the place is told to who parked, whatever way it did.

use strowger_core::vocab::EventKind;
use strowger_core::vocab::config::Config;

use crate::exchange::*;
use crate::park_calls::{CUSTOMER, park_order, parked};
use crate::transfer_attended::refer_to;
use crate::transfer_blind::{ALICE, BOB, CARRIER, customer, ended, notified, office, refer};

fn slots(host: &mut Exchange) -> Vec<u32> {
    parked(host).into_iter().map(|(slot, ..)| slot).collect()
}

#[test]
fn after_a_blind_transfer_the_parker_is_called_back_with_the_place() {
    let mut host = office(|_| {});
    let (mut customer, mut alice) = customer(&mut host);
    refer(&mut host, &mut alice, "sip:700@pbx.example");
    host.expect(ALICE, "SIP/2.0 202");
    notified(&mut host, ALICE, "100");
    notified(&mut host, ALICE, "200");
    ended(&mut host, ALICE);
    assert_eq!(slots(&mut host), [701]);
    assert_eq!(host.hears(CARRIER), ["music/hold"]);
    let back = host.expect(ALICE, "INVITE ");
    assert!(back.contains("\"Parked\" <sip:701@"), "{back}");
    host.respond(ALICE, &back, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    let told: Vec<String> = host.hears(ALICE);
    for word in ["en/park/parked-at", "en/digits/7", "en/digits/0", "en/digits/1"] {
        assert!(told.contains(&word.to_owned()), "{told:?}");
    }
    assert_eq!(host.hears(CARRIER), ["music/hold"]);
    let stream = |own: &(_, Vec<String>, bool)| !own.2;
    assert_eq!(host.playing.values().filter(|own| stream(own)).count(), 1);
    host.hear_out();
    ended(&mut host, ALICE);
    assert_eq!(slots(&mut host), [701], "the customer is still there");
    let mut bob = host.call_from("4568", BOB, "701");
    host.confirm(&mut bob);
    host.hang_up(&mut customer);
    ended(&mut host, BOB);
    host.drains();
    assert_eq!(
        host.closed().iter().filter(|own| own.interaction != host.closed()[0].interaction).count(),
        0
    );
}

#[test]
fn a_parker_who_does_not_take_the_call_back_has_parked_all_the_same() {
    let mut host = office(|_| {});
    let (mut customer, mut alice) = customer(&mut host);
    refer(&mut host, &mut alice, "sip:700@pbx.example");
    notified(&mut host, ALICE, "100");
    notified(&mut host, ALICE, "200");
    ended(&mut host, ALICE);
    let back = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &back, 486, "");
    assert_eq!(slots(&mut host), [701]);
    host.hang_up(&mut customer);
    host.drains();
}

#[test]
fn a_parker_is_rung_no_more_once_the_caller_was_taken_back() {
    let mut host = office(|_| {});
    let (mut customer, mut alice) = customer(&mut host);
    refer(&mut host, &mut alice, "sip:700@pbx.example");
    notified(&mut host, ALICE, "100");
    notified(&mut host, ALICE, "200");
    ended(&mut host, ALICE);
    let back = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &back, 180, "");
    let mut bob = host.call_from("4568", BOB, "701");
    host.confirm(&mut bob);
    let cancel = host.expect(ALICE, "CANCEL ");
    host.respond(ALICE, &cancel, 200, "");
    host.respond(ALICE, &back, 487, "");
    host.hang_up(&mut customer);
    ended(&mut host, BOB);
    host.drains();
}

#[test]
fn after_an_attended_transfer_the_customer_is_at_the_place_that_was_said() {
    let mut host = office(|_| {});
    let (mut customer, mut alice) = customer(&mut host);
    let mut asks = host.call_from("4567", ALICE, "700");
    host.confirm(&mut asks);
    host.hear_out();
    assert_eq!(slots(&mut host), [701]);
    host.sent.clear();
    refer(&mut host, &mut alice, &refer_to("700", &asks));
    notified(&mut host, ALICE, "100");
    notified(&mut host, ALICE, "200");
    for _ in 0..2 {
        ended(&mut host, ALICE);
    }
    let who: Vec<(u32, String)> =
        parked(&mut host).into_iter().map(|(slot, who, _)| (slot, who)).collect();
    assert_eq!(who, [(701, CUSTOMER.to_owned())]);
    assert_eq!(host.hears(CARRIER), ["music/hold"]);
    let mut bob = host.call_from("4568", BOB, "701");
    host.confirm(&mut bob);
    host.hang_up(&mut customer);
    ended(&mut host, BOB);
    host.drains();
}

#[test]
fn where_no_place_is_free_a_transfer_gives_the_call_back() {
    let mut host = office(|config: &mut Config| config.park.last = 701);
    let (mut first, _) = customer(&mut host);
    let call = host.live()[0];
    host.command(park_order(call));
    ended(&mut host, ALICE);
    let (mut second, mut alice) = customer(&mut host);
    refer(&mut host, &mut alice, "sip:700@pbx.example");
    notified(&mut host, ALICE, "100");
    host.hear_out();
    notified(&mut host, ALICE, "503");
    assert_eq!(slots(&mut host), [701]);
    host.hang_up(&mut second);
    ended(&mut host, ALICE);
    host.hang_up(&mut first);
    host.drains();
    let parked = |event: &&EventKind| matches!(event, EventKind::CallParked { .. });
    assert_eq!(host.events.iter().filter(parked).count(), 1);
}
