//! Which phones are called over a connection when the INVITE is too large for a datagram (RFC 3261 section 18.1.1).

use std::net::SocketAddr;

use strowger_core::vocab::input::Input;
use strowger_core::vocab::{Config, ConnectId};

use crate::common::*;
use crate::exchange::Exchange;

const ALICE: &str = "192.0.2.31:5060";
const BOB: &str = "192.0.2.32:5060";

/// Every INVITE is too large here.
fn exchange() -> Exchange {
    let mut config: Config = two_companies();
    config.sip.datagram_limit = 200;
    config.sip.qualify_secs = 0;
    let mut exchange = Exchange::new(config);
    exchange.connects = Some(Vec::new());
    exchange.register("4567", ALICE);
    exchange.register("4568", BOB);
    exchange
}

/// Who was to be connected since the last look.
fn asked(exchange: &Exchange) -> Vec<SocketAddr> {
    exchange.connects.iter().flatten().map(|(_, remote)| *remote).collect()
}

/// The connection that the switch wants now.
#[track_caller]
fn wanted(exchange: &mut Exchange) -> ConnectId {
    let wanted = exchange.connects.replace(Vec::new()).unwrap_or_default();
    let [(id, remote)] = wanted[..] else { panic!("{wanted:?}") };
    assert_eq!(remote, address(BOB));
    id
}

#[test]
fn a_phone_that_accepts_a_connection_gets_the_invite_there_and_the_next_one_at_once() {
    let mut exchange = exchange();
    exchange.call_from("4567", ALICE, "4568");
    assert!(exchange.take(BOB, "INVITE").is_none());
    let id = wanted(&mut exchange);
    exchange.input(Input::FlowOpened { flow: tcp(BOB, 1), connect: Some(id) });
    let invite = exchange.expect(BOB, "INVITE");
    assert!(invite.contains("\r\nVia: SIP/2.0/TCP "), "{invite}");
    exchange.respond(BOB, &invite, 486, "");
    exchange.call_from("4567", ALICE, "4568");
    assert!(exchange.expect(BOB, "INVITE").contains("\r\nVia: SIP/2.0/TCP "));
    assert!(asked(&exchange).is_empty(), "the connection is used again");
}

#[test]
fn a_phone_that_refuses_gets_a_datagram_and_is_not_asked_again_for_an_hour() {
    let mut exchange = exchange();
    let dialog = exchange.call_from("4567", ALICE, "4568");
    let id = wanted(&mut exchange);
    exchange.input(Input::FlowClosed { flow: tcp(BOB, 0), connect: Some(id) });
    let invite = exchange.expect(BOB, "INVITE");
    assert!(invite.contains("\r\nVia: SIP/2.0/UDP "), "{invite}");
    exchange.respond(BOB, &invite, 486, "");
    exchange.respond_ack(&dialog);
    exchange.run(1_800);
    exchange.call_from("4567", ALICE, "4568");
    let invite = exchange.expect(BOB, "INVITE");
    assert!(invite.contains("\r\nVia: SIP/2.0/UDP ") && asked(&exchange).is_empty());
    exchange.respond(BOB, &invite, 486, "");
    exchange.run(1_790);
    exchange.sent.clear();
    exchange.register("4568", BOB);
    exchange.run(20);
    exchange.sent.clear();
    exchange.register("4567", ALICE);
    exchange.call_from("4567", ALICE, "4568");
    wanted(&mut exchange);
}

#[test]
fn a_phone_that_says_nothing_costs_a_second_and_one_behind_a_nat_nothing() {
    let mut exchange = exchange();
    exchange.call_from("4567", ALICE, "4568");
    wanted(&mut exchange);
    exchange.run_ms(990);
    assert!(exchange.take(BOB, "INVITE").is_none());
    exchange.run_ms(20);
    exchange.expect(BOB, "INVITE");

    let mut exchange = self::exchange();
    let nat = "198.51.100.9:40123";
    exchange.register_from("4568", "10.0.0.8:5060", nat);
    exchange.call_from("4567", ALICE, "4568");
    assert!(exchange.expect(nat, "INVITE").contains("\r\nVia: SIP/2.0/UDP "));
    assert_eq!(
        asked(&exchange),
        [address(BOB)],
        "only the phone that can be reached directly is asked"
    );
}

#[test]
fn a_phone_that_reads_nothing_from_its_connection_costs_one_call_three_seconds() {
    let mut exchange = exchange();
    exchange.call_from("4567", ALICE, "4568");
    let id = wanted(&mut exchange);
    exchange.input(Input::FlowOpened { flow: tcp(BOB, 1), connect: Some(id) });
    assert!(exchange.expect(BOB, "INVITE").contains("\r\nVia: SIP/2.0/TCP "));
    exchange.run_ms(2_990);
    assert!(exchange.take(BOB, "INVITE").is_none());
    exchange.run_ms(20);
    let invite = exchange.expect(BOB, "INVITE");
    assert!(invite.contains("\r\nVia: SIP/2.0/UDP "), "{invite}");
    exchange.respond(BOB, &invite, 486, "");
    exchange.call_from("4567", ALICE, "4568");
    let invite = exchange.expect(BOB, "INVITE");
    assert!(
        invite.contains("\r\nVia: SIP/2.0/UDP "),
        "the open connection is left alone: {invite}"
    );
}
