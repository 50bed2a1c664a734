//! People whom a dial task has called and who come to somebody else than the agent who was rung for them.

use strowger_core::vocab::acd::QueueOrder;
use strowger_core::vocab::config::Config;
use strowger_core::vocab::dial::{DialMode, DialOutcome, DialResult};
use strowger_core::vocab::{Command, Done, Reply};

use crate::dial_calls::*;
use crate::exchange::*;
use crate::queue_call::{ALICE, BOB, CAROL, CARRIER, hotline, open};

/// A number that was dialled has answered, and Alice's phone rings for it.
#[track_caller]
fn answered(config: Config) -> (Exchange, Dialog, String) {
    let mut host = open(config);
    host.register("4569", CAROL);
    started(&mut host, task(DialMode::Progressive), &[FIRST]);
    let invite = host.expect(CARRIER, "INVITE ");
    let customer = host.respond(CARRIER, &invite, 200, &sdp(CARRIER));
    host.expect(CARRIER, "ACK ");
    let rung = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &rung, 180, "");
    (host, customer, rung)
}

/// The customer hangs up on whoever is there.
#[track_caller]
fn ends(mut host: Exchange, mut customer: Dialog, at: &'static str) -> DialResult {
    host.run(5);
    host.hang_up(&mut customer);
    let bye = host.expect(at, "BYE ");
    host.respond(at, &bye, 200, "");
    host.run(40);
    host.drains();
    result(&host, FIRST)
}

#[test]
fn a_colleague_who_picks_up_is_the_agent() {
    let (mut host, customer, rung) = answered(hotline(|_| ()));
    let mut bob = host.call_from("4568", BOB, "**4567");
    host.stops_ringing(ALICE, &rung);
    host.confirm(&mut bob);
    let view = shown(&mut host);
    assert_eq!((view.answers_lately, view.abandoned_lately), (1, 0));
    let result = ends(host, customer, BOB);
    assert_eq!((result.outcome, result.agent.as_deref()), (DialOutcome::Answered, Some("102")));
}

#[test]
fn whoever_else_picks_up_has_served_the_customer() {
    let mut config = hotline(|_| ());
    config.extensions[2].pickup_any = true;
    let (mut host, customer, rung) = answered(config);
    host.run(4);
    let mut carol = host.call_from("4569", CAROL, "**4567");
    host.stops_ringing(ALICE, &rung);
    host.confirm(&mut carol);
    let result = ends(host, customer, CAROL);
    assert_eq!((result.outcome, result.agent), (DialOutcome::Late, None), "after four seconds");
}

/// By order, to an extension outside of the queue.
#[track_caller]
fn sent_to_carol(host: &mut Exchange, rung: &str) {
    let call = host.live()[0];
    let order = QueueOrder::Send(call, "4569".into());
    let reply = host.command(Command::Queue { queue: "9001".into(), order });
    assert_eq!(reply, Reply::Command(Ok(Done::Ordered)));
    is_cancelled(host, ALICE, rung);
}

/// A phone rings no longer.
#[track_caller]
fn is_cancelled(host: &mut Exchange, at: &'static str, invite: &str) {
    let cancel = host.expect(at, "CANCEL ");
    host.respond(at, &cancel, 200, "");
    host.respond(at, invite, 487, "");
}

#[test]
fn who_is_sent_elsewhere_and_answered_there_was_not_abandoned() {
    let (mut host, customer, rung) = answered(hotline(|_| ()));
    sent_to_carol(&mut host, &rung);
    host.pick_up(CAROL);
    let result = ends(host, customer, CAROL);
    assert_eq!((result.outcome, result.agent), (DialOutcome::Answered, None));
}

#[test]
fn who_is_sent_elsewhere_and_hangs_up_before_an_answer_was() {
    let (mut host, mut customer, rung) = answered(hotline(|_| ()));
    sent_to_carol(&mut host, &rung);
    let invite = host.expect(CAROL, "INVITE ");
    host.respond(CAROL, &invite, 180, "");
    host.hang_up(&mut customer);
    is_cancelled(&mut host, CAROL, &invite);
    host.run(40);
    assert_eq!(result(&host, FIRST).outcome, DialOutcome::Abandoned);
    host.drains();
}

#[test]
fn a_customer_who_asks_to_be_called_back_is_not_abandoned() {
    let (mut host, mut customer, rung) =
        answered(hotline(|queue| queue.limits.callback_key = Some('2')));
    host.press(&mut customer, "2");
    is_cancelled(&mut host, ALICE, &rung);
    host.hear_out();
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
    let result = result(&host, FIRST);
    assert_eq!((result.outcome, result.agent), (DialOutcome::Answered, None));
    // It is rung back as others are: twice, in vain here.
    for _ in 0..2 {
        let back = host.expect(CARRIER, "INVITE ");
        host.respond(CARRIER, &back, 486, "");
        host.run(61);
    }
    host.drains();
}
