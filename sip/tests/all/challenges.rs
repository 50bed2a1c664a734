//! Challenges to our requests, and requests of ours outside calls.

use strowger_sip::auth::Credentials;
use strowger_sip::endpoint::{Event, OutRequest, RequestFailure};
use strowger_sip::{HeaderName, Method};

use crate::link::SECOND;
use crate::raw::{Raw, answer, invite, methods, response};

const CHALLENGE: &str = "Digest realm=\"b\", nonce=\"n1\", qop=\"auth\"";

fn credentials() -> Credentials {
    Credentials { username: "alice".into(), password: "secret".into(), realm: None }
}

#[test]
fn challenges_to_calls_are_answered() {
    let mut raw = Raw::new();
    let (leg, first) = invite(&mut raw, |out| out.credentials = Some(credentials()));
    let more = format!("Proxy-Authenticate: {CHALLENGE}\r\n");
    let sent = raw.send(response(&first, 407, "p", &more, "").as_bytes());
    assert_eq!(methods(&sent), ["ACK", "INVITE"]);
    assert_eq!(sent[0].to().unwrap().tag(), Some("p"));
    let second = &sent[1];
    assert_eq!(second.cseq().unwrap().0, 2);
    assert_eq!((second.call_id(), second.body()), (first.call_id(), first.body()));
    assert_eq!(second.header(HeaderName::From), first.header(HeaderName::From));
    assert_eq!(second.to().unwrap().tag(), None);
    assert_ne!(second.top_via().unwrap().branch(), first.top_via().unwrap().branch());
    let params = second.proxy_authorization().next().unwrap();
    assert_eq!(params.get("uri").as_deref(), Some("sip:bob@b"));
    // Then the callee itself asks: both answers stand in the third attempt.
    let more = format!("WWW-Authenticate: {CHALLENGE}\r\n");
    let sent = raw.send(response(second, 401, "u", &more, "").as_bytes());
    let third = &sent[1];
    assert_eq!((third.authorization().count(), third.proxy_authorization().count()), (1, 1));
    let ack = answer(&mut raw, third, "bob", "").remove(0);
    // 13.2.2.4: the ACK carries the same credentials.
    assert_eq!((ack.cseq().unwrap().0, ack.authorization().count()), (3, 1));
    raw.events();
    raw.end.bye(raw.now, leg, None);
    let bye = raw.outputs().remove(0);
    let sent = raw.send(
        response(&bye, 407, "", &format!("Proxy-Authenticate: {CHALLENGE}\r\n"), "").as_bytes(),
    );
    assert_eq!(methods(&sent), ["BYE"]);
    assert_eq!(sent[0].cseq().unwrap().0, bye.cseq().unwrap().0 + 1);
    raw.send(response(&sent[0], 200, "", "", "").as_bytes());
    assert_eq!(raw.end.counts().legs, 0);
}

#[test]
fn a_wrong_password_is_tried_once_and_a_stale_nonce_twice() {
    for (stale, attempts) in [(false, 2), (true, 3)] {
        let mut raw = Raw::new();
        let (_, mut last) = invite(&mut raw, |out| out.credentials = Some(credentials()));
        let mut count = 1;
        loop {
            let stale = if stale && count > 1 { ", stale=true" } else { "" };
            let more = format!("WWW-Authenticate: {CHALLENGE}{stale}\r\n");
            let sent = raw.send(response(&last, 401, "u", &more, "").as_bytes());
            match sent.into_iter().find(|m| m.method() == Some(&Method::Invite)) {
                Some(next) => last = next,
                None => break,
            }
            count += 1;
        }
        assert_eq!(count, attempts);
        assert!(matches!(raw.event(), Some(Event::Failed { status: 401, .. })));
    }
}

#[test]
fn a_registration_is_challenged_answered_and_reported_once() {
    let mut raw = Raw::new();
    let out = OutRequest {
        call_id: Some("reg-1".into()),
        cseq: Some(41),
        contact: Some("<sip:us@192.0.2.1>".into()),
        credentials: Some(credentials()),
        ..OutRequest::new(Method::Register, "sip:b", "sip:alice@b", "sip:alice@b")
    };
    let tx = raw.end.request(raw.now, raw.flow, out);
    let first = raw.outputs().remove(0);
    assert_eq!((first.cseq().unwrap().0, first.call_id().unwrap()), (41, "reg-1"));
    assert!(raw.send(response(&first, 100, "", "", "").as_bytes()).is_empty());
    let more = format!("WWW-Authenticate: {CHALLENGE}\r\n");
    let second = raw.send(response(&first, 401, "x", &more, "").as_bytes()).remove(0);
    assert_eq!((second.cseq().unwrap().0, second.call_id().unwrap()), (42, "reg-1"));
    assert!(raw.event().is_none());
    raw.send(response(&second, 200, "x", "", "").as_bytes());
    match raw.event() {
        Some(Event::Response { tx: which, outcome: Ok(message) }) => {
            assert_eq!((which, message.cseq().unwrap().0), (tx, 42));
        }
        other => panic!("{other:?}"),
    }
    raw.pass(33 * SECOND);
    assert!(raw.event().is_none() && raw.end.counts().is_empty());
}

#[test]
fn a_request_fails_by_time_or_by_transport() {
    let mut raw = Raw::new();
    let options = || OutRequest::new(Method::Options, "sip:b", "sip:a", "sip:b");
    raw.end.request(raw.now, raw.flow, options());
    let first = raw.outputs().remove(0);
    let again = raw.pass(32 * SECOND);
    assert_eq!(again.len(), 10);
    assert!(again.iter().all(|m| m.to_bytes() == first.to_bytes()));
    assert!(matches!(
        raw.event(),
        Some(Event::Response { outcome: Err(RequestFailure::Timeout), .. })
    ));
    raw.end.request(raw.now, raw.flow, options());
    raw.end.flow_closed(raw.now, raw.flow);
    assert!(matches!(
        raw.event(),
        Some(Event::Response { outcome: Err(RequestFailure::Transport), .. })
    ));
    for method in [Method::Invite, Method::Ack, Method::Cancel] {
        raw.outputs();
        raw.end.request(raw.now, raw.flow, OutRequest { method, ..options() });
        assert!(raw.outputs().is_empty());
        assert!(matches!(raw.event(), Some(Event::Response { outcome: Err(_), .. })));
    }
    assert!(raw.end.counts().is_empty());
}
