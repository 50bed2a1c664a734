//! Transfer, consultation and hold by order over HTTP.

use strowger_core::vocab::record::EndCause;
use strowger_core::vocab::transfer::{TalkAct, TalkOrder};
use strowger_core::vocab::{CallId, Command, CommandError, Done, EventKind, Reply, Role};

use crate::exchange::*;
use crate::transfer_blind::*;

/// The call of which something was told last.
fn last_call(host: &Exchange) -> CallId {
    let call = host.events.iter().rev().find_map(|event| match event {
        EventKind::CallStarted { call, .. } => Some(*call),
        _ => None,
    });
    call.expect("a call")
}

fn order(host: &mut Exchange, call: CallId, act: TalkAct) -> Reply {
    host.run_ms(2);
    host.command(Command::Talk { call, order: TalkOrder { extension: None, act } })
}

#[track_caller]
fn ordered(host: &mut Exchange, call: CallId, act: TalkAct) {
    assert_eq!(order(host, call, act), Reply::Command(Ok(Done::Ordered)));
}

fn to(number: &str) -> String {
    number.to_owned()
}

#[test]
fn a_party_is_transferred_by_order_and_comes_back_if_nobody_answers() {
    for answers in [true, false] {
        let mut host = office(|_| {});
        let (mut customer, _) = customer(&mut host);
        let call = last_call(&host);
        ordered(&mut host, call, TalkAct::Transfer { to: to("4568") });
        if answers {
            host.pick_up(BOB);
            ended(&mut host, ALICE);
            host.hang_up(&mut customer);
            ended(&mut host, BOB);
        } else {
            let invite = host.expect(BOB, "INVITE ");
            assert_eq!(host.hears(ALICE), ["tones/ringback"], "she waits for what comes of it");
            host.respond(BOB, &invite, 486, "");
            assert!(host.playing.is_empty(), "{:?}", host.heard());
            host.hang_up(&mut customer);
            ended(&mut host, ALICE);
        }
        host.drains();
        assert_eq!(story(&host).len(), 2);
    }
}

#[test]
fn a_destination_may_be_named() {
    let mut host = office(|_| {});
    let (mut customer, _) = customer(&mut host);
    let call = last_call(&host);
    for wrong in ["ivr:nowhere", "trunk:carrier", "extension:9999", "057", "00861088886666", ""] {
        let reply = order(&mut host, call, TalkAct::Transfer { to: to(wrong) });
        assert!(
            matches!(reply, Reply::Command(Err(CommandError::Invalid(_)))),
            "{wrong}: {reply:?}"
        );
    }
    ordered(&mut host, call, TalkAct::Transfer { to: to("extension:4569") });
    host.pick_up(CAROL);
    ended(&mut host, ALICE);
    host.hang_up(&mut customer);
    ended(&mut host, CAROL);
    host.drains();
}

#[test]
fn a_third_party_is_asked_and_the_first_hears_music_meanwhile() {
    let mut host = office(|_| {});
    let (mut customer, _) = customer(&mut host);
    let call = last_call(&host);
    ordered(&mut host, call, TalkAct::Consult { to: to("4568") });
    let asking = last_call(&host);
    assert!(host.heard().contains(&"music/hold".to_owned()), "{:?}", host.heard());
    host.pick_up(BOB);
    assert!(host.take(ALICE, "INVITE").is_none(), "Alice's own leg talks to Bob");
    ordered(&mut host, asking, TalkAct::EndConsult);
    ended(&mut host, BOB);
    assert!(host.playing.is_empty(), "{:?}", host.heard());
    host.hang_up(&mut customer);
    ended(&mut host, ALICE);
    host.drains();
    assert_eq!(story(&host), [EndCause::Normal, EndCause::Normal]);
    let told = |event: &EventKind| match event {
        EventKind::CallHeld { call, .. } => Some((*call, "held")),
        EventKind::CallResumed { call, .. } => Some((*call, "resumed")),
        _ => None,
    };
    let told: Vec<_> = host.events.iter().filter_map(told).collect();
    assert_eq!(told, [(call, "held"), (call, "resumed")]);
}

/// A queue that is consulted attends the asker as it does a caller.
#[test]
fn a_queue_may_be_asked_and_its_agent_is_given_the_customer() {
    let mut host = office(|config| {
        config.acd = crate::queue_call::hotline(|_| ()).acd;
        config.acd.agents.remove(0);
    });
    let (mut customer, mut alice) = customer(&mut host);
    let call = last_call(&host);
    ordered(&mut host, call, TalkAct::Consult { to: to("queue:9001") });
    host.pick_up(BOB);
    assert_eq!(host.hears(ALICE), ["198.51.100.8"], "Alice talks to the agent");
    ordered(&mut host, call, TalkAct::EndConsult);
    ended(&mut host, BOB);
    assert_eq!(host.hears(ALICE), ["192.0.2.10"], "and to the customer again");
    host.hang_up(&mut alice);
    ended(&mut host, CARRIER);
    let _ = &mut customer;
    host.drains();
}

#[test]
fn a_consultation_is_completed_before_or_after_the_answer() {
    for answered in [true, false] {
        let mut host = office(|_| {});
        let (mut customer, _) = customer(&mut host);
        let call = last_call(&host);
        ordered(&mut host, call, TalkAct::Consult { to: to("4568") });
        let invite = host.expect(BOB, "INVITE ");
        host.respond(BOB, &invite, 180, "");
        if answered {
            host.respond(BOB, &invite, 200, &sdp(BOB));
            host.expect(BOB, "ACK ");
        }
        ordered(&mut host, call, TalkAct::CompleteConsult);
        ended(&mut host, ALICE);
        if !answered {
            host.respond(BOB, &invite, 200, &sdp(BOB));
            host.expect(BOB, "ACK ");
        }
        host.hang_up(&mut customer);
        ended(&mut host, BOB);
        host.drains();
        let causes = story(&host);
        assert!(causes.contains(&EndCause::Transferred) && causes.contains(&EndCause::Normal));
    }
}

#[test]
fn whoever_hangs_up_in_a_consultation_leaves_nobody_hanging() {
    for who in ["third", "customer", "asker", "busy"] {
        let mut host = office(|_| {});
        let (mut customer, mut alice) = customer(&mut host);
        let call = last_call(&host);
        ordered(&mut host, call, TalkAct::Consult { to: to("4568") });
        if who == "busy" {
            let invite = host.expect(BOB, "INVITE ");
            host.respond(BOB, &invite, 486, "");
            host.hang_up(&mut customer);
            ended(&mut host, ALICE);
            host.drains();
            continue;
        }
        let mut bob = host.pick_up(BOB);
        match who {
            "third" => {
                host.hang_up(&mut bob);
                host.hang_up(&mut customer);
                ended(&mut host, ALICE);
            }
            "customer" => {
                host.hang_up(&mut customer);
                host.hang_up(&mut bob);
                ended(&mut host, ALICE);
            }
            _ => {
                host.hang_up(&mut alice);
                ended(&mut host, BOB);
                host.pick_up(ALICE);
                host.hang_up(&mut customer);
                ended(&mut host, ALICE);
            }
        }
        host.drains();
    }
}

#[test]
fn hold_by_order_is_music_until_resumed() {
    let mut host = office(|_| {});
    let (mut customer, _) = customer(&mut host);
    let call = last_call(&host);
    let before = host.bridges.len();
    ordered(&mut host, call, TalkAct::Hold);
    ordered(&mut host, call, TalkAct::Hold);
    assert_eq!(host.heard(), ["music/hold"]);
    assert_eq!(host.bridges.len(), before, "nobody overhears the other");
    ordered(&mut host, call, TalkAct::Resume);
    assert!(host.playing.is_empty());
    assert_eq!(host.bridges.len(), before + 1);
    host.hang_up(&mut customer);
    ended(&mut host, ALICE);
    host.drains();
    let held = |event: &&EventKind| matches!(event, EventKind::CallHeld { .. });
    assert_eq!(host.events.iter().filter(held).count(), 1);
}

#[test]
fn who_may_order_and_what_makes_no_sense_now() {
    let mut host = office(|_| {});
    let mut bob = host.call_from("4568", BOB, "4567");
    let mut alice = host.pick_up(ALICE);
    host.confirm(&mut bob);
    let call = last_call(&host);
    let hold = || TalkOrder { extension: None, act: TalkAct::Hold };
    let reply = host.command(Command::Talk { call, order: hold() });
    assert!(matches!(reply, Reply::Command(Err(CommandError::Invalid(_)))), "both are extensions");
    for (role, own, done) in [
        (Role::ReadOnly, None, "forbidden"),
        (Role::User, Some("4569"), "unseen"),
        (Role::User, Some("4567"), "done"),
    ] {
        let mut key = Exchange::principal(role);
        key.extension = own.map(str::to_owned);
        let reply = host.command_by(key, Command::Talk { call, order: hold() });
        let right = match done {
            "forbidden" => matches!(reply, Reply::Command(Err(CommandError::Forbidden(_)))),
            "unseen" => matches!(reply, Reply::Command(Err(CommandError::NotFound(_)))),
            _ => reply == Reply::Command(Ok(Done::Ordered)),
        };
        assert!(right, "{role:?}: {reply:?}");
    }
    let reply = order(&mut host, call, TalkAct::EndConsult);
    assert!(matches!(reply, Reply::Command(Err(CommandError::Conflict(_)))), "{reply:?}");
    host.hang_up(&mut alice);
    ended(&mut host, BOB);
    host.drains();
}
