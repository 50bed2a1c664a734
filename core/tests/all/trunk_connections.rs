//! Calls by a carrier that has two addresses and is reached over connections.

use sip::Transport;
use sip::resolve::{Answer, RecordKind};
use strowger_core::vocab::input::Input;
use strowger_core::vocab::{ConnectId, EventKind};

use crate::carrier::{a, found};
use crate::common::*;
use crate::exchange::Exchange;

const ALICE: &str = "198.51.100.7:5060";
const ADDRESSES: [&str; 2] = ["192.0.2.10:5060", "192.0.2.20:5060"];
const OUTSIDE: &str = "057188880000";

/// The carrier's addresses with the connections that are being opened to them, in the order in which they are tried.
type Tried = [(ConnectId, &'static str); 2];

/// Alice calls somebody outside; no connection to the carrier is open yet.
fn call() -> (Exchange, Tried) {
    let mut config = two_companies();
    config.sip.qualify_secs = 0;
    config.trunks[0].host = "carrier.example:5060".into();
    config.trunks[0].transport = Some(Transport::Tcp);
    config.routes[1].to.truncate(1);
    let mut exchange = Exchange::new(config);
    exchange.connects = Some(Vec::new());
    for (id, question) in std::mem::take(&mut exchange.asked) {
        let answer = match question.kind {
            RecordKind::A => found(vec![a("192.0.2.10"), a("192.0.2.20")], 300),
            _ => Answer::Failed,
        };
        exchange.input(Input::Resolved { id, answer });
    }
    exchange.register("4567", ALICE);
    exchange.call_from("4567", ALICE, OUTSIDE);
    let connects = exchange.connects.replace(Vec::new()).unwrap();
    let tried = connects.into_iter().map(|(id, remote)| {
        (id, ADDRESSES.into_iter().find(|own| address(own) == remote).unwrap())
    });
    let tried: Vec<_> = tried.collect();
    (exchange, tried.try_into().unwrap())
}

fn opens(exchange: &mut Exchange, (id, at): (ConnectId, &str)) {
    exchange.input(Input::FlowOpened { flow: tcp(at, 1), connect: Some(id) });
}

fn is_refused(exchange: &mut Exchange, (id, at): (ConnectId, &str)) {
    exchange.input(Input::FlowClosed { flow: tcp(at, 0), connect: Some(id) });
}

#[test]
fn the_second_address_is_tried_by_the_connection_that_opened_meanwhile() {
    let (mut exchange, [first, second]) = call();
    opens(&mut exchange, first);
    opens(&mut exchange, second);
    exchange.expect(first.1, "INVITE ");
    exchange.run_ms(5_990);
    assert!(exchange.take(second.1, "INVITE ").is_none());
    exchange.run_ms(20);
    exchange.expect(second.1, "INVITE ");
    assert!(exchange.events.iter().all(|event| !matches!(event, EventKind::TrunkDown { .. })));
}

#[test]
fn an_address_that_drops_attempts_to_connect_is_passed_over_and_remembered() {
    let (mut exchange, [first, second]) = call();
    opens(&mut exchange, second);
    exchange.run(6);
    exchange.expect(second.1, "INVITE ");
    exchange.call_from("4567", ALICE, OUTSIDE);
    exchange.expect(second.1, "INVITE ");
    assert!(exchange.take(first.1, "INVITE ").is_none());
}

#[test]
fn nobody_waits_for_an_address_that_has_refused_already() {
    let (mut exchange, [first, second]) = call();
    opens(&mut exchange, first);
    is_refused(&mut exchange, second);
    exchange.expect(first.1, "INVITE ");
    exchange.run(6);
    assert!(exchange.take(second.1, "INVITE ").is_none());
    let down = |event: &EventKind| matches!(event, EventKind::TrunkDown { .. });
    assert!(exchange.events.iter().any(down), "both addresses rest");
    assert!(exchange.connects.iter().flatten().next().is_none(), "nobody asked again");
}
