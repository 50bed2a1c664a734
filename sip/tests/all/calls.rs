//! Calls between two endpoints.

use strowger_sip::endpoint::{
    EndCause, Event, LegState, OfferBy, OutInvite, Reason, ReasonProtocol, Reply, Settings,
};
use strowger_sip::{HeaderName, Method, Transport};

use crate::link::{
    Link, MS, PERFECT, SECOND, Side, call, call_with, ended, incoming, is_bye, sdp, talk,
};

#[test]
fn a_call_is_set_up_and_ended() {
    let mut link = Link::new(1, PERFECT);
    let (caller, callee) = call(&mut link);
    let now = link.now;
    link.b.provisional(now, callee, Reply::new(180));
    link.wait(Side::A, |event| match event {
        Event::Provisional { fork: 0, body: false, message, .. } => {
            (message.status() == Some(180)).then_some(())
        }
        _ => None,
    });
    let now = link.now;
    link.b.accept(now, callee, Reply::new(200).with_body(sdp("answer")));
    link.wait(Side::A, |event| matches!(event, Event::Answered { .. }).then_some(()));
    link.wait(Side::B, |event| matches!(event, Event::Acked { body: None, .. }).then_some(()));
    let (ours, theirs) = (link.a.leg_view(caller).unwrap(), link.b.leg_view(callee).unwrap());
    assert_eq!((ours.state, theirs.state), (LegState::Confirmed, LegState::Confirmed));
    assert_eq!((&ours.local_tag, &ours.remote_tag), (&theirs.remote_tag, &theirs.local_tag));
    assert_eq!(ours.call_id, theirs.call_id);
    assert!(theirs.incoming && !ours.incoming && ours.allows_update && theirs.supports_100rel);
    let now = link.now;
    let reason = Reason { protocol: ReasonProtocol::Q850, cause: 16, text: Some("done".into()) };
    link.a.bye(now, caller, Some(reason.clone()));
    assert!(link.a.leg_view(caller).is_none());
    link.wait(Side::B, |event| match event {
        Event::Ended { leg, cause: EndCause::Bye(bye) } if *leg == callee => {
            assert_eq!(Reason::of(bye).as_ref(), Some(&reason));
            Some(())
        }
        _ => None,
    });
    link.drain();
    assert_eq!(link.summary(Side::A), ["INVITE", "ACK", "BYE"]);
    assert_eq!(link.summary(Side::B), ["100 INVITE", "180 INVITE", "200 INVITE", "200 BYE"]);
}

#[test]
fn a_refusal_is_heard_and_acknowledged() {
    let mut link = Link::new(2, PERFECT);
    let (caller, callee) = call(&mut link);
    let now = link.now;
    link.b.reject(now, callee, Reply::new(486).with_header("Warning", "399 b \"busy\""));
    link.wait(Side::A, |event| match event {
        Event::Failed { leg, status: 486, message: Some(message) } if *leg == caller => {
            message.header(HeaderName::Warning).map(|_| ())
        }
        _ => None,
    });
    link.drain();
    assert_eq!(link.summary(Side::A), ["INVITE", "ACK"]);
}

#[test]
fn nobody_there_is_408_after_64_t1() {
    let mut link = Link::new(3, PERFECT);
    link.drop = Some(Box::new(|_, _| true));
    let out = OutInvite::new("sip:bob@10.0.0.2", "sip:alice@a", "sip:bob@b", None);
    let (start, flow) = (link.now, link.flow(Side::A));
    link.a.invite(start, flow, out);
    link.wait(Side::A, |event| {
        matches!(event, Event::Failed { status: 408, message: None, .. }).then_some(())
    });
    assert_eq!(link.now - start, 32 * SECOND);
    link.drain();
}

/// Everything that the callee says is lost until its caller has given up; then its answer is heard.
fn answered_too_late(cancelled: bool) {
    let mut link = Link::new(3, PERFECT);
    let (caller, callee) = call(&mut link);
    if !cancelled {
        // The caller has not heard of anybody yet.
        link = Link::new(4, PERFECT);
        link.drop = Some(Box::new(|side, _| side == Side::B));
        let out = OutInvite::new("sip:bob@10.0.0.2", "sip:alice@a", "sip:bob@b", None);
        let (now, flow) = (link.now, link.flow(Side::A));
        link.a.invite(now, flow, out);
    }
    let callee = if cancelled { callee } else { link.wait(Side::B, incoming) };
    link.drop = Some(Box::new(|side, message| side == Side::B || message.is_request()));
    if cancelled {
        let now = link.now;
        link.a.cancel(now, caller, None);
    }
    link.run(20 * SECOND);
    let now = link.now;
    link.b.accept(now, callee, Reply::new(200).with_body(sdp("too late")));
    link.wait(Side::A, |event| matches!(event, Event::Failed { message: None, .. }).then_some(()));
    link.drop = None;
    link.wait(Side::B, ended(callee, is_bye));
    link.drain();
}

#[test]
fn who_answers_after_the_caller_has_given_up_is_told_that_it_is_over() {
    answered_too_late(false);
    answered_too_late(true);
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let mut link = Link::new(4, PERFECT);
    let (caller, callee) = call_with(&mut link, true);
    let now = link.now;
    link.b.accept(now, callee, Reply::new(200).with_body(sdp("their offer")));
    link.wait(Side::A, |event| match event {
        Event::Answered { message, .. } => (message.body() == b"their offer").then_some(()),
        _ => None,
    });
    // The 2xx comes again while the owner thinks; nothing is acknowledged behind its back.
    link.run(3 * SECOND);
    assert!(!link.summary(Side::A).contains(&"ACK".to_owned()));
    let now = link.now;
    link.a.ack(now, caller, Some(sdp("our answer")));
    link.wait(Side::B, |event| match event {
        Event::Acked { body: Some(body), .. } => (body == "our answer").then_some(()),
        _ => None,
    });
    let now = link.now;
    link.b.bye(now, callee, None);
    link.wait(Side::A, ended(caller, is_bye));
    link.drain();
}

#[test]
fn reliable_responses_are_acknowledged_in_order() {
    let mut link = Link::new(5, PERFECT);
    let (caller, callee) = call(&mut link);
    let now = link.now;
    let reliable = |status| Reply { reliable: true, ..Reply::new(status) };
    link.b.provisional(now, callee, reliable(183).with_body(sdp("early answer")));
    link.b.provisional(now, callee, reliable(180));
    // The answer waits for the PRACKs (RFC 3262 section 3).
    link.b.accept(now, callee, Reply::new(200));
    for status in [183, 180] {
        link.wait(Side::A, |event| match event {
            Event::Provisional { message, .. } => (message.status() == Some(status)).then_some(()),
            _ => None,
        });
    }
    link.wait(Side::A, |event| matches!(event, Event::Answered { .. }).then_some(()));
    let now = link.now;
    link.a.bye(now, caller, None);
    link.drain();
    assert_eq!(link.summary(Side::A), ["INVITE", "PRACK", "PRACK", "ACK", "BYE"]);
    assert_eq!(
        link.summary(Side::B),
        [
            "100 INVITE",
            "183 INVITE",
            "200 PRACK",
            "180 INVITE",
            "200 PRACK",
            "200 INVITE",
            "200 BYE"
        ]
    );
    let rseqs: Vec<_> = link.sent.iter().filter_map(|(_, _, m)| m.rseq()).collect();
    let racks: Vec<_> = link.sent.iter().filter_map(|(_, _, m)| m.rack()).collect();
    assert_eq!(rseqs[1], rseqs[0] + 1);
    assert_eq!(racks.iter().map(|rack| rack.rseq).collect::<Vec<_>>(), rseqs);
}

#[test]
fn a_reliable_response_without_prack_ends_the_call() {
    let mut link = Link::new(6, PERFECT);
    let (_, callee) = call(&mut link);
    link.drop = Some(Box::new(|_, m| m.method() == Some(&Method::Prack)));
    let (start, first) = (link.now, link.sent.len());
    let reply = Reply { reliable: true, ..Reply::new(183) };
    link.b.provisional(start, callee, reply.with_body(sdp("early")));
    link.wait(Side::B, ended(callee, |cause| matches!(cause, EndCause::NoPrack)));
    assert_eq!(link.now - start, 32 * SECOND);
    let times: Vec<_> = link.sent[first..]
        .iter()
        .filter(|(_, side, m)| *side == Side::B && m.status() == Some(183))
        .map(|(at, ..)| (at - start) / MS)
        .collect();
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    link.wait(Side::A, |event| matches!(event, Event::Failed { status: 504, .. }).then_some(()));
    link.drain();
}

#[test]
fn a_late_offer_in_a_provisional_response_is_answered_by_prack() {
    let mut link = Link::new(7, PERFECT);
    let (caller, callee) = call_with(&mut link, true);
    let now = link.now;
    let reply = Reply { reliable: true, ..Reply::new(183) };
    link.b.provisional(now, callee, reply.with_body(sdp("their offer")));
    link.wait(Side::A, |event| {
        matches!(event, Event::Offer { by: OfferBy::Early, .. }).then_some(())
    });
    let now = link.now;
    link.a.answer_offer(now, caller, Some(sdp("our answer")));
    link.wait(Side::B, |event| match event {
        Event::OfferAnswered { message, .. } => (message.body() == b"our answer").then_some(()),
        _ => None,
    });
    // Now that both agree, UPDATE may change it before the call is answered (RFC 3311).
    let now = link.now;
    link.a.reoffer(now, caller, Some(sdp("changed")));
    link.wait(Side::B, |event| {
        matches!(event, Event::Offer { by: OfferBy::Update, .. }).then_some(())
    });
    let now = link.now;
    link.b.answer_offer(now, callee, Some(sdp("agreed")));
    link.wait(Side::A, |event| matches!(event, Event::OfferAnswered { .. }).then_some(()));
    let now = link.now;
    link.b.accept(now, callee, Reply::new(200));
    link.wait(Side::A, |event| matches!(event, Event::Answered { .. }).then_some(()));
    // The offer was answered already: the ACK goes at once.
    link.wait(Side::B, |event| matches!(event, Event::Acked { body: None, .. }).then_some(()));
    let now = link.now;
    link.a.bye(now, caller, None);
    link.drain();
}

#[test]
fn cancel_waits_for_a_provisional_response() {
    let mut link = Link::new(8, PERFECT);
    let out = OutInvite::new("sip:bob@10.0.0.2", "sip:alice@a", "sip:bob@b", None);
    let (now, flow) = (link.now, link.flow(Side::A));
    let caller = link.a.invite(now, flow, out);
    let reason = Reason {
        protocol: ReasonProtocol::Sip,
        cause: 200,
        text: Some("Call completed elsewhere".into()),
    };
    link.a.cancel(now, caller, Some(reason.clone()));
    link.collect();
    assert_eq!(link.summary(Side::A), ["INVITE"]);
    let callee = link.wait(Side::B, incoming);
    link.wait(Side::B, |event| match event {
        Event::Cancelled { leg, reason: Some(given) } if *leg == callee => {
            (*given == reason).then_some(())
        }
        _ => None,
    });
    link.wait(Side::A, |event| match event {
        Event::Failed { leg, status: 487, message: Some(_) } => (*leg == caller).then_some(()),
        _ => None,
    });
    link.drain();
    assert_eq!(link.summary(Side::A), ["INVITE", "CANCEL", "ACK"]);
    assert_eq!(link.summary(Side::B), ["100 INVITE", "200 CANCEL", "487 INVITE"]);
    // The CANCEL has the INVITE's branch, and its own 200 the tag of the 487 (9.2).
    let via = |n: usize| link.sent[n].2.top_via().unwrap().branch().unwrap().to_owned();
    assert_eq!(via(0), via(2));
}

#[test]
fn a_2xx_that_crosses_a_cancel_is_acknowledged_and_ended() {
    let mut link = Link::new(9, PERFECT);
    let (caller, callee) = call(&mut link);
    link.run(50 * MS);
    let now = link.now;
    link.b.accept(now, callee, Reply::new(200).with_body(sdp("answer")));
    link.a.cancel(now, caller, None);
    link.wait(Side::A, ended(caller, |cause| matches!(cause, EndCause::Crossed)));
    link.wait(Side::B, |event| matches!(event, Event::Acked { .. }).then_some(()));
    link.wait(Side::B, ended(callee, is_bye));
    link.drain();
    assert_eq!(link.summary(Side::A), ["INVITE", "CANCEL", "ACK", "BYE"]);
}

#[test]
fn a_cancel_that_nobody_answers_ends_after_64_t1() {
    let mut link = Link::new(10, PERFECT);
    let (caller, _) = call(&mut link);
    link.run(50 * MS);
    link.drop = Some(Box::new(|_, _| true));
    let start = link.now;
    link.a.cancel(start, caller, None);
    link.wait(Side::A, |event| {
        matches!(event, Event::Failed { status: 487, message: None, .. }).then_some(())
    });
    assert_eq!(link.now - start, 32 * SECOND);
    assert_eq!(link.a.counts().legs, 0);
}

#[test]
fn a_2xx_is_repeated_until_its_ack() {
    let mut link = Link::new(11, PERFECT);
    let (_, callee) = call(&mut link);
    link.drop = Some(Box::new(|_, m| m.method() == Some(&Method::Ack)));
    let start = link.now;
    link.b.accept(start, callee, Reply::new(200).with_body(sdp("answer")));
    link.wait(Side::B, ended(callee, |cause| matches!(cause, EndCause::NoAck)));
    assert_eq!(link.now - start, 32 * SECOND);
    let times: Vec<_> = link
        .sent
        .iter()
        .filter(|(_, _, m)| m.status() == Some(200) && m.cseq_method() == Some(Method::Invite))
        .map(|(at, ..)| (at - start) / MS)
        .collect();
    // RFC 3261 section 13.3.1.4: T1, doubling to T2.
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    // Each copy got its own ACK.
    let acks = link.summary(Side::A).iter().filter(|what| *what == "ACK").count();
    assert_eq!(acks, times.len());
    link.drain();
    assert!(link.summary(Side::B).contains(&"BYE".to_owned()));
}

#[test]
fn a_callee_does_not_say_bye_before_the_ack() {
    let mut link = Link::new(12, PERFECT);
    let (caller, callee) = call(&mut link);
    let now = link.now;
    link.b.accept(now, callee, Reply::new(200).with_body(sdp("answer")));
    link.b.bye(now, callee, None);
    link.wait(Side::A, ended(caller, is_bye));
    link.drain();
    assert_eq!(link.summary(Side::A), ["INVITE", "ACK", "200 BYE"]);
    assert_eq!(link.summary(Side::B), ["100 INVITE", "200 INVITE", "BYE"]);
}

#[test]
fn a_bye_that_nobody_answers_ends_with_timer_f() {
    let mut link = Link::new(13, PERFECT);
    let (caller, _) = talk(&mut link);
    link.drop = Some(Box::new(|side, _| side == Side::A));
    let start = link.now;
    link.a.bye(start, caller, None);
    assert_eq!(link.a.counts().legs, 1);
    link.run(32 * SECOND);
    assert_eq!(link.a.counts().legs, 0);
    assert!(link.events(Side::A).is_empty(), "the owner ended it and hears no more");
}

#[test]
fn bye_crosses_bye() {
    let mut link = Link::new(14, PERFECT);
    let (caller, callee) = talk(&mut link);
    let now = link.now;
    link.a.bye(now, caller, None);
    link.b.bye(now, callee, None);
    link.drain();
    assert_eq!(link.summary(Side::A)[2..], ["BYE", "200 BYE"]);
    assert_eq!(link.summary(Side::B)[2..], ["BYE", "200 BYE"]);
}

#[test]
fn requests_in_the_dialog_reach_its_owner_and_come_back() {
    let mut link = Link::new(21, PERFECT);
    let (caller, callee) = talk(&mut link);
    let now = link.now;
    let headers = vec![("Info-Package".into(), "dtmf".to_owned())];
    let tx = link.a.leg_request(now, caller, Method::Info, headers, Some(sdp("x")));
    let server = link.wait(Side::B, |event| match event {
        Event::LegRequest { leg, tx, message } => {
            assert_eq!((*leg, message.body()), (callee, &b"x"[..]));
            Some(*tx)
        }
        _ => None,
    });
    let now = link.now;
    link.b.respond(now, server, Reply::new(200));
    link.wait(Side::A, |event| match event {
        Event::Response { tx: which, outcome: Ok(message) } => {
            (*which == tx && message.status() == Some(200)).then_some(())
        }
        _ => None,
    });
    // OPTIONS in a dialog is answered without its owner.
    let now = link.now;
    link.b.leg_request(now, callee, Method::Options, Vec::new(), None);
    link.wait(Side::B, |event| match event {
        Event::Response { outcome: Ok(message), .. } => {
            message.header(HeaderName::Allow).map(|_| ())
        }
        _ => None,
    });
    assert!(link.events(Side::A).is_empty());
    // A peer that has forgotten the dialog ends it.
    let now = link.now;
    link.b.bye(now, callee, None);
    link.drop = Some(Box::new(|side, m| side == Side::B && m.method().is_some()));
    link.run(33 * SECOND);
    let now = link.now;
    link.a.leg_request(now, caller, Method::Info, Vec::new(), None);
    link.wait(Side::A, ended(caller, |cause| matches!(cause, EndCause::Gone(481))));
    link.drain();
}

#[test]
fn a_connection_lost_while_it_rings_ends_the_call_on_both_sides() {
    let mut link =
        Link::with(22, PERFECT, Transport::Tcp, Settings::default(), Settings::default());
    let (caller, callee) = call(&mut link);
    link.run(50 * MS);
    let (now, a, b) = (link.now, link.flow(Side::A), link.flow(Side::B));
    link.a.flow_closed(now, a);
    link.b.flow_closed(now, b);
    link.wait(Side::A, |event| match event {
        Event::Failed { leg, status: 503, message: None } => (*leg == caller).then_some(()),
        _ => None,
    });
    link.wait(Side::B, ended(callee, |cause| matches!(cause, EndCause::TransportLost)));
    assert!(link.a.counts().is_empty() && link.b.counts().is_empty());
}

#[test]
fn a_call_survives_a_new_connection() {
    let mut link =
        Link::with(23, PERFECT, Transport::Tcp, Settings::default(), Settings::default());
    let (caller, callee) = talk(&mut link);
    let (now, a, b) = (link.now, link.flow(Side::A), link.flow(Side::B));
    link.a.flow_closed(now, a);
    link.b.flow_closed(now, b);
    assert!(link.events(Side::A).is_empty() && link.events(Side::B).is_empty());
    let newer = strowger_sip::Flow { generation: 1, ..a };
    link.a.redirect_leg(caller, newer);
    link.a.bye(now, caller, None);
    let output = link.a.poll_output().unwrap();
    assert_eq!(output.flow, newer);
    link.b.receive(now, strowger_sip::Flow { generation: 1, ..b }, output.bytes);
    assert_eq!(link.b.poll_output().unwrap().flow.generation, 1);
    link.wait(Side::B, ended(callee, is_bye));
}
