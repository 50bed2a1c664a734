//! Requests that are too large for a datagram (RFC 3261 section 18.1.1).

use strowger_sip::auth::Credentials;
use strowger_sip::endpoint::{Event, OutInvite, OutRequest, RequestFailure, Settings};
use strowger_sip::{Flow, LegId, Message, Method, StreamWish, Transport};

use crate::link::{MS, SECOND, sdp};
use crate::raw::{Raw, methods, response};

/// A call whose INVITE is larger than the limit.
fn large_call(raw: &mut Raw) -> LegId {
    let body = sdp(&"a=fmtp:111 x\r\n".repeat(100));
    let mut out = OutInvite::new("sip:bob@b", "sip:alice@a", "sip:bob@b", Some(body));
    out.credentials =
        Some(Credentials { username: "alice".into(), password: "secret".into(), realm: None });
    raw.end.invite(raw.now, raw.flow, out)
}

/// The wish of a request that waits; nothing else has happened.
fn wish(raw: &mut Raw) -> StreamWish {
    match raw.events().as_slice() {
        [Event::StreamWanted { wish, flow }] if *flow == raw.flow => *wish,
        other => panic!("{other:?}"),
    }
}

fn stream(raw: &Raw) -> Flow {
    let local = "192.0.2.1:40000".parse().unwrap();
    Flow { transport: Transport::Tcp, local, remote: raw.flow.remote, generation: 3 }
}

fn find(raw: &mut Raw, wish: StreamWish, stream: Option<Flow>) -> Vec<Message> {
    raw.end.stream_found(raw.now, wish, stream);
    raw.outputs()
}

fn via(message: &Message) -> String {
    message.header_named("Via").unwrap().to_owned()
}

fn branch(message: &Message) -> String {
    message.top_via().unwrap().branch().unwrap().to_owned()
}

#[test]
fn a_large_request_takes_the_stream_and_says_so_in_its_via() {
    let mut raw = Raw::new();
    large_call(&mut raw);
    assert!(raw.outputs().is_empty(), "it waits");
    let wish = wish(&mut raw);
    let stream = stream(&raw);
    let invite = find(&mut raw, wish, Some(stream)).remove(0);
    assert_eq!(raw.flows, [stream]);
    assert!(via(&invite).starts_with("SIP/2.0/TCP 192.0.2.1:40000;branch=z9hG4bK"), "{invite:?}");
    assert!(invite.validate().is_ok());
    assert_eq!(invite.body().len(), 1400);
    // A stream delivers: nothing is repeated, and whoever says that it tries has all the time.
    assert!(raw.pass(2 * SECOND).is_empty());
    raw.end.receive(raw.now, stream, response(&invite, 100, "", "", "").into());
    assert!(raw.pass(60 * SECOND).is_empty());
    assert!(matches!(raw.events().as_slice(), [Event::Provisional { .. }]));
}

#[test]
fn a_stream_that_nobody_reads_costs_a_call_three_seconds_and_other_requests_eight() {
    let mut raw = Raw::new();
    large_call(&mut raw);
    let (wish, stream) = (wish(&mut raw), stream(&raw));
    let first = find(&mut raw, wish, Some(stream)).remove(0);
    assert!(raw.pass(3 * SECOND - MS).is_empty());
    let again = raw.pass(MS).remove(0);
    assert_eq!((raw.flows.clone(), branch(&again)), (vec![raw.flow], branch(&first)));
    assert!(via(&again).starts_with("SIP/2.0/UDP 192.0.2.1:5060;"));
    let silent = |event: &Event| matches!(event, Event::StreamSilent { flow } if *flow == stream);
    assert!(matches!(raw.events().as_slice(), [event] if silent(event)), "it is told once");
    assert_eq!(raw.pass(600 * MS).len(), 1, "timer A");
    // What comes late by the stream belongs to the request all the same.
    raw.end.receive(raw.now, stream, response(&first, 180, "bob", "", "").into());
    assert!(matches!(raw.events().as_slice(), [Event::Provisional { .. }]));

    let mut raw = Raw::new();
    let mut out = OutRequest::new(Method::Message, "sip:bob@b", "sip:alice@a", "sip:bob@b");
    out.body = Some(sdp(&"x".repeat(1300)));
    raw.end.request(raw.now, raw.flow, out);
    let wish = self::wish(&mut raw);
    find(&mut raw, wish, Some(stream));
    assert!(raw.pass(8 * SECOND - MS).is_empty());
    assert_eq!(methods(&raw.pass(MS)), ["MESSAGE"]);
    assert_eq!(raw.flows, [raw.flow]);
}

#[test]
fn without_a_stream_it_goes_as_a_datagram_and_is_repeated() {
    let mut raw = Raw::new();
    large_call(&mut raw);
    let wish = wish(&mut raw);
    let invite = find(&mut raw, wish, None).remove(0);
    assert_eq!(raw.flows, [raw.flow]);
    assert!(via(&invite).starts_with("SIP/2.0/UDP 192.0.2.1:5060;"));
    assert_eq!(raw.pass(600 * MS).len(), 1, "timer A");
    assert!(find(&mut raw, wish, None).is_empty(), "a second answer changes nothing");
}

#[test]
fn nobody_waits_longer_than_a_second_for_a_stream() {
    let mut raw = Raw::new();
    large_call(&mut raw);
    let wish = wish(&mut raw);
    assert!(raw.pass(SECOND - MS).is_empty());
    assert_eq!(methods(&raw.pass(MS)), ["INVITE"]);
    let late = stream(&raw);
    assert!(find(&mut raw, wish, Some(late)).is_empty());
    assert_eq!(raw.flow.transport, Transport::Udp);
}

#[test]
fn a_stream_that_ends_before_anything_came_back_is_no_loss() {
    let mut raw = Raw::new();
    large_call(&mut raw);
    let (wish, stream) = (wish(&mut raw), stream(&raw));
    let first = find(&mut raw, wish, Some(stream)).remove(0);
    raw.end.flow_closed(raw.now, stream);
    let again = raw.outputs().remove(0);
    assert_eq!((raw.flows.clone(), branch(&again)), (vec![raw.flow], branch(&first)));
    assert!(via(&again).starts_with("SIP/2.0/UDP 192.0.2.1:5060;"));
    assert!(raw.events().is_empty());
    raw.send(response(&again, 180, "bob", "", "").as_bytes());
    assert!(matches!(raw.events().as_slice(), [Event::Provisional { .. }]));
}

#[test]
fn a_stream_that_ends_later_ends_the_request() {
    let mut raw = Raw::new();
    large_call(&mut raw);
    let (wish, stream) = (wish(&mut raw), stream(&raw));
    let invite = find(&mut raw, wish, Some(stream)).remove(0);
    raw.end.receive(raw.now, stream, response(&invite, 100, "", "", "").into());
    raw.events();
    raw.end.flow_closed(raw.now, stream);
    assert!(matches!(raw.events().as_slice(), [Event::Failed { status: 503, .. }]));
}

#[test]
fn the_ack_and_the_cancel_go_where_the_invite_went() {
    let mut raw = Raw::new();
    let leg = large_call(&mut raw);
    let (wish, stream) = (wish(&mut raw), stream(&raw));
    let invite = find(&mut raw, wish, Some(stream)).remove(0);
    raw.end.receive(raw.now, stream, response(&invite, 180, "bob", "", "").into());
    raw.end.cancel(raw.now, leg, None);
    assert_eq!(methods(&raw.outputs()), ["CANCEL"]);
    assert_eq!(raw.flows, [stream]);
    raw.end.receive(raw.now, stream, response(&invite, 487, "bob", "", "").into());
    assert_eq!(methods(&raw.outputs()), ["ACK"]);
    assert_eq!(raw.flows, [stream]);
}

#[test]
fn a_call_that_is_cancelled_while_it_waits_was_never_made() {
    let mut raw = Raw::new();
    let leg = large_call(&mut raw);
    let wish = wish(&mut raw);
    raw.end.cancel(raw.now, leg, None);
    assert!(matches!(raw.events().as_slice(), [Event::Failed { status: 487, .. }]));
    let stream = stream(&raw);
    assert!(find(&mut raw, wish, Some(stream)).is_empty());
    assert!(raw.pass(100 * SECOND).is_empty());
    assert!(raw.end.counts().is_empty());
}

#[test]
fn a_challenge_is_answered_over_the_same_stream() {
    let mut raw = Raw::new();
    large_call(&mut raw);
    let (first, stream) = (wish(&mut raw), stream(&raw));
    let invite = find(&mut raw, first, Some(stream)).remove(0);
    let challenge = "WWW-Authenticate: Digest realm=\"b\", nonce=\"n\", qop=\"auth\"\r\n";
    raw.end.receive(raw.now, stream, response(&invite, 401, "bob", challenge, "").into());
    assert_eq!(methods(&raw.outputs()), ["ACK"]);
    let again = wish(&mut raw);
    let answered = find(&mut raw, again, Some(stream)).remove(0);
    assert_eq!(raw.flows, [stream]);
    assert!(answered.header_named("Authorization").is_some() && via(&answered).contains("/TCP "));
}

#[test]
fn the_dialog_stays_on_datagrams() {
    let mut raw = Raw::new();
    let leg = large_call(&mut raw);
    let (wish, stream) = (wish(&mut raw), stream(&raw));
    let invite = find(&mut raw, wish, Some(stream)).remove(0);
    let contact = "Contact: <sip:bob@192.0.2.7:5062>\r\n";
    raw.end.receive(raw.now, stream, response(&invite, 200, "bob", contact, "answer").into());
    assert_eq!(methods(&raw.outputs()), ["ACK"]);
    assert_eq!(raw.flows, [raw.flow]);
    raw.end.bye(raw.now, leg, None);
    assert_eq!(methods(&raw.outputs()), ["BYE"]);
    assert_eq!(raw.flows, [raw.flow]);
}

#[test]
fn requests_outside_calls_wait_too_and_small_ones_never() {
    let mut raw = Raw::new();
    let message = |length: usize| {
        let mut out = OutRequest::new(Method::Message, "sip:bob@b", "sip:alice@a", "sip:bob@b");
        out.body = Some(sdp(&"x".repeat(length)));
        out
    };
    raw.end.request(raw.now, raw.flow, message(900));
    assert_eq!(methods(&raw.outputs()), ["MESSAGE"]);
    raw.end.request(raw.now, raw.flow, message(1300));
    let (wish, stream) = (wish(&mut raw), stream(&raw));
    find(&mut raw, wish, Some(stream));
    raw.end.flow_closed(raw.now, stream);
    assert_eq!(methods(&raw.outputs()), ["MESSAGE"]);
    // The datagram cannot be sent either: now its owner hears of it.
    let flow = raw.flow;
    raw.end.flow_closed(raw.now, flow);
    let failed = |event: &Event| {
        matches!(event, Event::Response { outcome: Err(RequestFailure::Transport), .. })
    };
    assert_eq!(raw.events().iter().filter(|event| failed(event)).count(), 2);
}

#[test]
fn streams_and_a_limit_of_0_are_left_alone() {
    let mut raw = Raw::with(Settings { datagram_limit: 0, ..Settings::default() });
    large_call(&mut raw);
    assert_eq!(methods(&raw.outputs()), ["INVITE"]);
    let mut raw = Raw::new();
    raw.flow.transport = Transport::Tcp;
    large_call(&mut raw);
    assert_eq!(methods(&raw.outputs()), ["INVITE"]);
}
