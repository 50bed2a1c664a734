//! Legs that leave a call and come into another: what is heard, what is recorded, what the records say.

use media::order::Order;
use strowger_core::call::{self, After, AnswerMode, Attendance};
use strowger_core::call::{Found, Note, Outcome, Rest, Rights};
use strowger_core::vocab::record::{EndCause, Party};
use strowger_core::vocab::{CallId, Hop, Plan, WorkerId};

use crate::attended_host::Host;
use crate::attended_phone::*;
use crate::common::*;

fn alone() -> Attendance {
    Attendance { answer: AnswerMode::Now, name: "transfer".into() }
}

fn plain() -> String {
    sdp("198.51.100.100", &[8, 0, 101])
}

fn plan(n: u8) -> Plan {
    let number = n.to_string();
    Plan {
        tenant: "demo".into(),
        hops: vec![Hop::Extension(key("demo", &number))],
        dialled: number,
        hide_number: false,
        emergency: false,
    }
}

fn transferred() -> Rest {
    Rest::End(Outcome::of(EndCause::Transferred))
}

/// The caller talks to the phone of agent 1: the call, the answer to the caller, and what was asked of the phone.
fn talk(host: &mut Host) -> (CallId, Sent, Sent) {
    host.found = vec![Found::Ring(place(1))];
    let call = host.call("", &plain());
    let invite = host.request(&agent(1), "INVITE");
    host.reply(&invite, 200, "", &sdp("198.51.100.1", &[8, 0, 101]));
    let answer = host.response(CALLER, 200);
    host.caller_sends(&answer, "ACK", "", "");
    (call, answer, invite)
}

/// The call around a leg rings agent 2.
fn ring_second(host: &mut Host, call: CallId) -> Sent {
    host.found = vec![Found::Ring(place(2))];
    host.sent.clear();
    let rights = Rights::Extension(key("demo", "1"));
    host.act(call, |call, ctx| call.try_to(ctx, plan(2), rights, After::End));
    host.request(&agent(2), "INVITE")
}

fn ends(host: &mut Host, answer: &Sent, others: &[u8]) {
    host.caller_sends(answer, "BYE", "", "");
    for n in others {
        let bye = host.sent.iter().find(|sent| sent.to == address(&agent(*n))).cloned();
        let bye = bye.unwrap_or_else(|| panic!("no BYE to {n}"));
        let sent = host.sent.clone();
        host.reply(&bye, 200, "", "");
        host.sent = sent;
    }
    host.drained();
}

#[test]
fn a_caller_comes_to_somebody_else_and_both_conversations_are_on_record() {
    let mut host = Host::new(16);
    let (first, answer, _) = talk(&mut host);
    let stream = host.stream(answer.body());
    let loose = host.take_out(first, call::CALLER, transferred()).expect("the caller's leg");
    let bye = host.request(&agent(1), "BYE");
    host.reply(&bye, 200, "", "");
    let second = host.around(loose, alone());
    assert_eq!(host.noted().last(), Some(&Note::Attended));
    let invite = ring_second(&mut host, second);
    host.reply(&invite, 180, "", "");
    assert_eq!(host.plays(stream), Some("tones/ringback"));
    host.reply(&invite, 200, "", &sdp("198.51.100.2", &[8, 0, 101]));
    assert_eq!(host.noted(), [Note::Reached]);
    assert_eq!(host.plays(stream), None);
    assert_eq!(host.bridged(stream), Some(host.stream(invite.body())));
    assert!(host.requests(CALLER, "INVITE").is_empty(), "the caller need not change anything");
    ends(&mut host, &answer, &[2]);
    let [one, two] = host.records_of([first, second]);
    assert_eq!(one.interaction, two.interaction);
    assert_eq!(one.end.map(|end| end.cause), Some(EndCause::Transferred));
    assert_eq!(two.end.map(|end| end.cause), Some(EndCause::Normal));
    assert_eq!(two.dialled, "2");
    assert!(matches!(two.caller, Party::Extension { extension, .. } if extension.number == "100"));
    assert!(matches!(two.callee, Party::Extension { extension, .. } if extension.number == "2"));
}

#[test]
fn who_reaches_nobody_comes_back_to_whom_it_left() {
    let mut host = Host::new(16);
    let (first, answer, invite) = talk(&mut host);
    let (caller, callee) = (host.stream(answer.body()), host.stream(invite.body()));
    let loose = host.take_out(first, call::CALLER, Rest::Keep).expect("the caller's leg");
    assert!(host.requests(&agent(1), "BYE").is_empty(), "the callee stays");
    let second = host.around(loose, alone());
    let ringing = ring_second(&mut host, second);
    host.noted();
    host.reply(&ringing, 486, "", "");
    let busy = Outcome::from_status(486);
    assert_eq!(host.noted(), [Note::NotReached(busy)]);
    let loose = host.take_out(second, call::CALLER, Rest::End(busy)).expect("the caller's leg");
    host.unite(first, loose, After::End).expect("both talk again");
    assert_eq!(host.bridged(caller), Some(callee));
    ends(&mut host, &answer, &[1]);
    let [one, two] = host.records_of([first, second]);
    assert_eq!(two.end.map(|end| end.cause), Some(EndCause::Busy));
    assert_eq!(one.end.map(|end| end.cause), Some(EndCause::Normal));
    assert!(matches!(one.caller, Party::Extension { extension, .. } if extension.number == "100"));
    assert!(matches!(one.callee, Party::Extension { extension, .. } if extension.number == "1"));
}

#[test]
fn each_conversation_of_a_recorded_party_has_a_recording_of_its_own() {
    let mut host = Host::new(16);
    let mut recorded = place(1);
    recorded.record = true;
    host.found = vec![Found::Ring(recorded)];
    let first = host.call("", &plain());
    let invite = host.request(&agent(1), "INVITE");
    host.reply(&invite, 200, "", &sdp("198.51.100.1", &[8, 101]));
    let answer = host.response(CALLER, 200);
    host.caller_sends(&answer, "ACK", "", "");
    let loose = host.take_out(first, call::CALLEE, transferred()).expect("the recorded leg");
    assert!(!host.requests(CALLER, "BYE").is_empty());
    let second = host.around(loose, alone());
    let other = ring_second(&mut host, second);
    host.reply(&other, 200, "", &sdp("198.51.100.2", &[8, 101]));
    let lefts = host.orders.iter().filter_map(|order| match order {
        Order::Record { left, .. } => Some(*left),
        _ => None,
    });
    let lefts: Vec<_> = lefts.collect();
    assert_eq!(lefts.len(), 2, "one for each conversation");
    assert_eq!(lefts[1], host.stream(invite.body()), "who was moved is the caller there");
    let loose = host.take_out(second, call::CALLER, transferred()).expect("the recorded leg");
    let third = host.around(loose, alone());
    host.act(third, |call, ctx| call.release(ctx, Outcome::of(EndCause::Normal), false));
    host.drained();
    let [one, two, three] = host.records_of([first, second, third]);
    assert!(one.recording.is_some() && two.recording.is_some() && three.recording.is_none());
}

#[test]
fn a_leg_from_another_worker_gets_new_ports_and_is_told_of_them() {
    for refused in [false, true] {
        let mut host = Host::new(16);
        host.second_worker(16);
        let (first, answer, _) = talk(&mut host);
        host.near = Some(WorkerId(1));
        let second = host.originate(2, Some(alone()));
        let rung = host.request(&agent(2), "INVITE");
        host.reply(&rung, 200, "", &sdp("198.51.100.2", &[8, 0, 101]));
        let loose = host.take_out(first, call::CALLER, transferred()).expect("the caller's leg");
        host.unite(second, loose, After::End).expect("room on the other worker");
        let reinvite = host.request(CALLER, "INVITE");
        let moved = host.stream(reinvite.body());
        assert_eq!(host.bridged(moved), Some(host.stream(rung.body())));
        let version = |sent: &Sent| sent.body().lines().nth(1).unwrap_or("").to_owned();
        let (old, new) = (version(&answer), version(&reinvite));
        assert_ne!(old, new, "RFC 3264 section 5: each offer has a version of its own");
        assert_eq!(old.split(' ').nth(1), new.split(' ').nth(1), "of the same session");
        if refused {
            host.reply(&reinvite, 488, "", "");
            host.drained();
            let [two] = host.records_of([second]);
            assert_eq!(two.end.map(|end| end.cause), Some(EndCause::Incompatible));
            continue;
        }
        host.reply(&reinvite, 200, "", &plain());
        ends(&mut host, &answer, &[2]);
    }
}

#[test]
fn a_leg_stays_where_no_port_of_the_other_worker_is_free() {
    let mut host = Host::new(16);
    host.second_worker(2);
    let (first, answer, _) = talk(&mut host);
    host.near = Some(WorkerId(1));
    let second = host.originate(2, Some(alone()));
    let rung = host.request(&agent(2), "INVITE");
    host.reply(&rung, 200, "", &sdp("198.51.100.2", &[8]));
    let loose = host.take_out(first, call::CALLER, Rest::Keep).expect("the caller's leg");
    let loose = host.unite(second, loose, After::End).expect_err("no port is free");
    host.unite(first, *loose, After::End).expect("back again");
    host.act(second, |call, ctx| call.release(ctx, Outcome::of(EndCause::Normal), false));
    ends(&mut host, &answer, &[1]);
}

#[test]
fn a_phone_that_rings_gets_another_caller() {
    for answers in [true, false] {
        let mut host = Host::new(16);
        let (first, answer, invite) = talk(&mut host);
        let consult = host.originate(3, None);
        let rung = host.request(&agent(3), "INVITE");
        host.found = vec![Found::Ring(place(2))];
        host.reply(&rung, 200, "", &sdp("198.51.100.3", &[8, 101]));
        let ringing = host.request(&agent(2), "INVITE");
        host.reply(&ringing, 180, "", "");
        let loose = host.take_out(first, call::CALLER, Rest::Keep).expect("the caller's leg");
        let outcome = Outcome::of(EndCause::Transferred);
        host.act(consult, |call, ctx| call.replace_caller(ctx, loose, outcome))
            .expect("in its place");
        let bye = host.request(&agent(3), "BYE");
        host.reply(&bye, 200, "", "");
        host.noted();
        let caller = host.stream(answer.body());
        assert_eq!(host.plays(caller), Some("tones/ringback"));
        if answers {
            host.reply(&ringing, 200, "", &sdp("198.51.100.2", &[8, 101]));
            assert_eq!(host.noted(), [Note::Reached]);
            assert_eq!(host.bridged(caller), Some(host.stream(ringing.body())));
            host.act(first, |call, ctx| call.release(ctx, outcome, false));
            ends(&mut host, &answer, &[2]);
            let [one, two] = host.records_of([first, consult]);
            assert_eq!(one.interaction, two.interaction, "one story from now on");
        } else {
            host.reply(&ringing, 603, "", "");
            let no = Outcome::from_status(603);
            assert_eq!(host.noted(), [Note::NotReached(no)]);
            let loose =
                host.take_out(consult, call::CALLER, Rest::End(no)).expect("the caller's leg");
            host.unite(first, loose, After::End).expect("both talk again");
            assert_eq!(host.bridged(caller), Some(host.stream(invite.body())));
            ends(&mut host, &answer, &[1]);
        }
    }
}

#[test]
fn who_is_not_there_cannot_be_taken_out() {
    let mut host = Host::new(16);
    host.found = vec![Found::Ring(place(1))];
    let call = host.call("", &plain());
    assert!(host.take_out(call, call::CALLEE, transferred()).is_none(), "it rings yet");
    assert!(host.take_out(call, call::CALLER, Rest::Keep).is_none(), "nobody would be left");
    let invite = host.request(&agent(1), "INVITE");
    host.reply(&invite, 603, "", "");
    let over = host.calls.get(call).is_none();
    assert!(over);
    host.drained();
}
