//! What every request meets before anything begins (RFC 3261 section 8.2, RFC 4475).

use strowger_sip::HeaderName;
use strowger_sip::endpoint::{Event, Limits, Reply, Settings};

use crate::link::SECOND;
use crate::raw::{Raw, methods, request, statuses};
use crate::torture::{self, Treatment};

/// What an endpoint adds to the treatment of the RFC 4475 messages that can be read.
fn accepted(name: &str) -> &'static str {
    match name {
        // Its To has a tag, of a dialog that we do not have.
        "wsinv" => "481",
        "esc01" | "longreq" | "invut" | "inv2543" => "call",
        "intmeth" | "esc02" => "405",
        "bext01" => "420",
        // 3.3.15: the sender reads nothing that could answer it.
        "sdp01" => "406",
        // Responses to nothing that was asked.
        "unreason" | "noreason" | "bcast" => "silence",
        "baddate" => "call",
        _ => "request",
    }
}

#[test]
fn every_torture_message_is_treated_as_the_rfc_says() {
    for (name, bytes, treatment) in torture::all() {
        let mut raw = Raw::new();
        let sent = statuses(&raw.send(&bytes));
        let event = raw.event();
        let got = match (&event, sent.as_slice()) {
            (Some(Event::Invite { .. }), [100]) => "call".to_owned(),
            (Some(Event::Request { .. }), []) => "request".to_owned(),
            (None, []) => "silence".to_owned(),
            (None, [status]) => status.to_string(),
            other => panic!("{name}: {other:?}"),
        };
        let wanted = match treatment {
            Treatment::Answer(status) => status.to_string(),
            Treatment::Drop => "silence".to_owned(),
            Treatment::Accept => accepted(name).to_owned(),
        };
        assert_eq!(got, wanted, "{name}");
        // Two requests in one datagram are one request (3.1.1.8).
        assert!(raw.event().is_none(), "{name}");
    }
}

#[test]
fn unknown_methods_get_405_with_allow() {
    let mut raw = Raw::new();
    let sent = raw.send(request("NEWMETHOD", "1", "").as_bytes());
    assert_eq!(statuses(&sent), [405]);
    let allow = sent[0].header(HeaderName::Allow).unwrap();
    assert!(allow.contains("INVITE") && allow.contains("UPDATE"), "{allow}");
    assert!(raw.end.counts().is_empty());
    // Each copy gets the same answer, tag included (8.2.7).
    let again = raw.send(request("NEWMETHOD", "1", "").as_bytes());
    assert_eq!(again[0].to_bytes(), sent[0].to_bytes());
}

#[test]
fn unsupported_extensions_get_420_with_their_names() {
    let mut raw = Raw::new();
    let more = "Require: 100rel, x-one\r\nRequire: x-two\r\n";
    let sent = raw.send(request("INVITE", "1", more).as_bytes());
    assert_eq!(statuses(&sent), [420]);
    assert_eq!(sent[0].header(HeaderName::Unsupported), Some("x-one, x-two"));
    let sent = raw.send(request("INVITE", "2", "Require: 100rel, timer\r\n").as_bytes());
    assert_eq!(statuses(&sent), [100]);
}

#[test]
fn hops_run_out_for_what_would_be_passed_on() {
    let mut raw = Raw::new();
    for (method, wanted) in
        [("INVITE", Some(483)), ("MESSAGE", Some(483)), ("OPTIONS", None), ("REGISTER", None)]
    {
        let sent = raw.send(request(method, method, "Max-Forwards: 0\r\n").as_bytes());
        assert_eq!(statuses(&sent).first().copied(), wanted, "{method}");
    }
    let sent = raw.send(request("INVITE", "more", "Max-Forwards: 1\r\n").as_bytes());
    assert_eq!(statuses(&sent), [100]);
}

#[test]
fn copies_of_one_request_by_two_ways_are_merged() {
    let mut raw = Raw::new();
    for method in ["INVITE", "MESSAGE"] {
        let first = request(method, method, "");
        raw.send(first.as_bytes());
        // The same request, forked on its way: another branch.
        let other = first.replace(&format!("branch=z9hG4bK{method}"), "branch=z9hG4bKother");
        assert_eq!(statuses(&raw.send(other.as_bytes())), [482], "{method}");
        // A true retransmission is absorbed, and an INVITE's gets its 100 again.
        let again = statuses(&raw.send(first.as_bytes()));
        assert_eq!(again, if method == "INVITE" { vec![100] } else { vec![] });
        assert_eq!(raw.events().len(), 1);
    }
}

#[test]
fn a_request_of_ours_that_comes_back_unchanged_is_a_loop() {
    use strowger_sip::endpoint::OutInvite;
    let mut raw = Raw::new();
    let out = OutInvite::new("sip:bob@192.0.2.1", "sip:a@a", "sip:bob@b", None);
    raw.end.invite(raw.now, raw.flow, out);
    let ours = raw.outputs().remove(0);
    let via = ours.header(HeaderName::Via).unwrap();
    let looped = format!("Via: {via}\r\n");
    let sent = raw.send(request("INVITE", "proxy", &looped).as_bytes());
    assert_eq!((statuses(&sent), sent[0].reason()), (vec![482], "Loop Detected"));
    // Sent on to somebody else it is a spiral, and welcome.
    let spiral = request("INVITE", "proxy", &looped).replace("INVITE sip:bob@", "INVITE sip:eve@");
    assert_eq!(statuses(&raw.send(spiral.as_bytes())), [100]);
}

#[test]
fn requests_of_unknown_dialogs_get_481() {
    let mut raw = Raw::new();
    for method in ["INVITE", "BYE", "UPDATE", "PRACK", "INFO", "REFER"] {
        let text = request(method, method, "").replace("<sip:bob@b>", "<sip:bob@b>;tag=gone");
        assert_eq!(statuses(&raw.send(text.as_bytes())), [481], "{method}");
    }
    let cancel = request("CANCEL", "nothing", "");
    assert_eq!(statuses(&raw.send(cancel.as_bytes())), [481]);
    // An ACK is never answered.
    for text in [
        request("ACK", "a", ""),
        request("ACK", "b", "").replace("<sip:bob@b>", "<sip:bob@b>;tag=gone"),
        request("ACK", "c", "Require: unknown\r\nMax-Forwards: 0\r\n"),
        request("ACK", "d", "").replace("CSeq: 1 ACK", "CSeq: 1 INVITE"),
    ] {
        assert!(raw.send(text.as_bytes()).is_empty());
    }
    // What may belong to a subscription of the owner's goes up.
    let notify = request("NOTIFY", "n", "").replace("<sip:bob@b>", "<sip:bob@b>;tag=sub");
    assert!(raw.send(notify.as_bytes()).is_empty());
    assert!(matches!(raw.event(), Some(Event::Request { .. })));
    assert_eq!(raw.end.counts().legs, 0);
}

#[test]
fn garbage_is_silence_or_400() {
    let mut raw = Raw::new();
    for bytes in [&b"\r\n\r\n"[..], b"", b"hello", b"\x00\x01\x02", b"SIP/2.0 999\r\n\r\n"] {
        assert!(raw.send(bytes).is_empty());
    }
    let short = request("OPTIONS", "1", "").replace("Content-Length: 0", "Content-Length: 99");
    assert_eq!(statuses(&raw.send(short.as_bytes())), [400]);
    let ack = request("ACK", "1", "").replace("Content-Length: 0", "Content-Length: 99");
    assert!(raw.send(ack.as_bytes()).is_empty());
    assert!(raw.event().is_none() && raw.end.counts().is_empty());
}

/// RFC 3261 section 18.2.2 and RFC 3581 section 4.
#[test]
fn responses_go_where_the_via_says() {
    let via = |params: &str, port: &str| {
        request("OPTIONS", "1", "").replace(
            "192.0.2.7:5062;branch=z9hG4bK1",
            &format!("10.1.1.1{port};branch=z9hG4bK{}{params}", params.len() + port.len()),
        )
    };
    for (params, port, remote, wanted) in [
        ("", ":5070", "192.0.2.7:5070", "received=192.0.2.7"),
        ("", "", "192.0.2.7:5060", "received=192.0.2.7"),
        (";rport", ":5071", "192.0.2.7:5062", "received=192.0.2.7;rport=5062"),
        (";maddr=192.0.2.99", ":507", "192.0.2.7:507", "received=192.0.2.7"),
    ] {
        let mut raw = Raw::new();
        raw.send(via(params, port).as_bytes());
        let Some(Event::Request { tx, .. }) = raw.event() else { panic!("a request") };
        raw.end.respond(raw.now, tx, Reply::new(200));
        let sent = raw.outputs();
        assert_eq!(raw.flows[0].remote, remote.parse().unwrap());
        assert!(sent[0].header(HeaderName::Via).unwrap().ends_with(wanted), "{sent:?}");
    }
    let mut forced = Raw::with(Settings { force_rport: true, ..Settings::default() });
    forced.send(request("FOO", "1", "").replace(":5062;branch", ":9;branch").as_bytes());
    assert_eq!(forced.flows[0], forced.flow);
    // On a stream the response goes back on it.
    let mut tcp = Raw::new();
    tcp.flow.transport = strowger_sip::Transport::Tcp;
    tcp.send(request("FOO", "1", "").replace(":5062;branch", ":9;branch").as_bytes());
    assert_eq!(tcp.flows[0], tcp.flow);
}

#[test]
fn a_response_repeats_what_it_must() {
    let mut raw = Raw::new();
    let more = "Via: SIP/2.0/TCP far.example;branch=z9hG4bKfar\r\nTimestamp: 54\r\n\
                Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nRecord-Route: <sip:p3;lr>\r\n";
    let sent = raw.send(request("INVITE", "1", more).as_bytes());
    assert_eq!(sent[0].vias().count(), 2);
    assert_eq!(sent[0].header(HeaderName::Timestamp), Some("54"));
    assert_eq!(sent[0].to().unwrap().tag(), None);
    assert_eq!(sent[0].record_routes().count(), 0);
    let Some(Event::Invite { leg, .. }) = raw.event() else { panic!("a call") };
    raw.end.provisional(raw.now, leg, Reply::new(180));
    let sent = raw.outputs();
    let routes: Vec<_> = sent[0].values(HeaderName::RecordRoute).collect();
    assert_eq!(routes, ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"]);
    let tag = sent[0].to().unwrap().tag().unwrap().to_owned();
    assert_eq!(sent[0].header(HeaderName::Timestamp), None);
    raw.end.reject(raw.now, leg, Reply::new(486));
    let sent = raw.outputs();
    assert_eq!(sent[0].to().unwrap().tag(), Some(tag.as_str()));
    assert_eq!(sent[0].record_routes().count(), 0);
}

#[test]
fn full_tables_answer_503_and_calls_go_on() {
    let limits = Limits { transactions: 3, legs: 1, ..Limits::default() };
    let mut raw = Raw::with(Settings { limits, retry_after: 7, ..Settings::default() });
    raw.send(request("INVITE", "1", "").as_bytes());
    let Some(Event::Invite { leg, .. }) = raw.event() else { panic!("a call") };
    let sent = raw.send(request("INVITE", "2", "").as_bytes());
    assert_eq!(statuses(&sent), [503]);
    assert_eq!(sent[0].header(HeaderName::RetryAfter), Some("7"));
    raw.send(request("OPTIONS", "3", "").as_bytes());
    raw.send(request("OPTIONS", "4", "").as_bytes());
    assert_eq!(raw.end.counts().server_transactions, 3);
    let sent = raw.send(request("OPTIONS", "5", "").as_bytes());
    assert_eq!(statuses(&sent), [503]);
    // The call is still answered and ended.
    raw.end.accept(raw.now, leg, Reply::new(200));
    let ok = raw.outputs().remove(0);
    let tag = ok.to().unwrap().tag().unwrap().to_owned();
    let bye = request("BYE", "6", "")
        .replace("<sip:bob@b>", &format!("<sip:bob@b>;tag={tag}"))
        .replace("call-6", "call-1")
        .replace("CSeq: 1", "CSeq: 2");
    assert_eq!(statuses(&raw.send(bye.as_bytes())), [200]);
    assert_eq!(raw.end.counts().legs, 0);
    // A call of ours finds no room either.
    raw.send(request("INVITE", "7", "").as_bytes());
    raw.pass(40 * SECOND);
    raw.events();
    raw.send(request("INVITE", "8", "").as_bytes());
    let out = strowger_sip::endpoint::OutInvite::new("sip:x@y", "sip:a@a", "sip:b@b", None);
    let refused = raw.end.invite(raw.now, raw.flow, out);
    let failed = raw
        .events()
        .into_iter()
        .any(|event| matches!(event, Event::Failed { leg, status: 503, .. } if leg == refused));
    assert!(failed && methods(&raw.outputs()).is_empty());
}

#[test]
fn a_request_that_its_owner_forgets_does_not_stay() {
    let mut raw = Raw::new();
    raw.send(request("MESSAGE", "1", "").as_bytes());
    let Some(Event::Request { tx, .. }) = raw.event() else { panic!("a request") };
    assert!(raw.pass(33 * SECOND).is_empty());
    assert!(raw.end.counts().is_empty());
    raw.end.respond(raw.now, tx, Reply::new(200));
    assert!(raw.outputs().is_empty());
}
