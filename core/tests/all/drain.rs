//! The end of a run: what becomes of those who wait in queues.

use strowger_core::vocab::Input;
use strowger_core::vocab::config::Destination;

use crate::common::key;
use crate::exchange::*;
use crate::queue_call::{ALICE, CAROL, CARRIER, customer, hotline, open};

/// A minute is left.
fn drain(host: &mut Exchange) {
    host.input(Input::Drain { grace_ms: 60_000 });
}

#[track_caller]
fn carrier_is_left(host: &mut Exchange) {
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
}

#[test]
fn whoever_waits_goes_where_the_queue_sends_those_who_waited_too_long() {
    let mut host = Exchange::new(hotline(|queue| {
        queue.limits.timeout_transfer_dst = Some(Destination::Extension(key("demo", "4569")));
    }));
    host.register("4569", CAROL);
    let mut caller = customer(&mut host);
    drain(&mut host);
    host.pick_up(CAROL);
    host.hang_up(&mut caller);
    let bye = host.expect(CAROL, "BYE ");
    host.respond(CAROL, &bye, 200, "");
    assert_eq!(host.closed()[0].queued[0].outcome.as_deref(), Some("timeout"));
    host.drains();
}

#[test]
fn where_there_is_no_other_place_callers_wait_on_and_are_told_before_the_end() {
    let mut host = Exchange::new(hotline(|_| ()));
    customer(&mut host);
    drain(&mut host);
    host.run(44);
    assert_eq!(host.heard(), ["music/hold"], "somebody may still answer");
    host.run(2);
    assert_eq!(host.heard(), ["en/all-agents-busy", "en/goodbye"]);
    host.hear_out();
    carrier_is_left(&mut host);
    host.drains();
}

#[test]
fn whoever_is_being_rung_for_may_be_answered() {
    let mut host = open(hotline(|queue| {
        queue.limits.timeout_transfer_dst = Some(Destination::Extension(key("demo", "4569")));
    }));
    host.register("4569", CAROL);
    customer(&mut host);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    drain(&mut host);
    assert!(host.take(CAROL, "INVITE ").is_none());
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    assert_eq!(host.bridges.len(), 1);
    host.run(59);
    assert!(host.take(CARRIER, "BYE ").is_none(), "they talk to the end");
    host.run(2);
    carrier_is_left(&mut host);
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    host.drains();
}
