//! Reading and writing messages.

use bytes::Bytes;
use strowger_sip::message::{Contact, ParseErrorKind, Quoted, Refresher};
use strowger_sip::uri::Host;
use strowger_sip::{HeaderName, Message, Method, Transport, Writer};

const INVITE: &str = "INVITE sip:bob@biloxi.example;transport=tcp SIP/2.0\r\n\
    Via: SIP/2.0/UDP pc33.atlanta.example:5066;branch=z9hG4bK776;rport, \
    SIP/2.0/TCP [2001:db8::9]:5070;received=[2001:db8::1];branch=z9hG4bK1\r\n\
    v: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK2\r\n\
    Max-Forwards: 70\r\n\
    t: Bob <sip:bob@biloxi.example>\r\n\
    From: \"Alice \\\"A\\\" <x>\" <sip:alice@atlanta.example>;tag=19283\r\n\
    i: a84b4c76e66710\r\n\
    CSeq: 314159 INVITE\r\n\
    m: <sip:alice@pc33;ob>;expires=60;q=0.7, \"B, C\" <sip:b,c@d>\r\n\
    X-Custom: one\r\n\
    Subject: folded\r\n\
    \t here\r\n\
    x-custom: two\r\n\
    Supported: 100rel, timer\r\n\
    k: replaces\r\n\
    Session-Expires: 1800;refresher=uas\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 4\r\n\r\nv=0\n";

fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

#[test]
fn an_invite_gives_its_keys() {
    let msg = parse(INVITE);
    assert_eq!(msg.method(), Some(&Method::Invite));
    assert_eq!(msg.request_uri(), "sip:bob@biloxi.example;transport=tcp");
    assert_eq!(msg.uri().unwrap().transport(), Some(Transport::Tcp));
    let via = msg.top_via().unwrap();
    assert_eq!(via.known_transport(), Some(Transport::Udp));
    assert_eq!((via.host, via.port), (Host::Name("PC33.atlanta.example"), Some(5066)));
    assert_eq!((via.branch(), via.rport()), (Some("z9hG4bK776"), Some(None)));
    let vias: Vec<_> = msg.vias().map(Result::unwrap).collect();
    assert_eq!(vias.len(), 3);
    assert_eq!(vias[1].host.to_string(), "[2001:db8::9]");
    assert_eq!(vias[1].received(), Some("2001:db8::1".parse().unwrap()));
    assert_eq!(msg.from().unwrap().tag(), Some("19283"));
    assert_eq!(msg.from().unwrap().display_name(), "Alice \"A\" <x>");
    assert_eq!(msg.to().unwrap().tag(), None);
    assert_eq!(msg.to().unwrap().display_name(), "Bob");
    assert_eq!(msg.call_id(), Ok("a84b4c76e66710"));
    assert_eq!(msg.cseq(), Ok((314_159, Method::Invite)));
    assert_eq!(msg.max_forwards(), Some(70));
    assert_eq!(msg.session_expires().unwrap().seconds, 1800);
    assert!(msg.supports("replaces") && msg.supports("TIMER") && !msg.supports("path"));
    assert_eq!(msg.sdp(), Some(&b"v=0\n"[..]));
    assert_eq!(msg.validate(), Ok(()));
}

#[test]
fn contacts_split_outside_quotes_and_brackets() {
    let msg = parse(INVITE);
    let contacts: Vec<_> = msg.contacts().map(|c| c.unwrap().addr().unwrap()).collect();
    assert_eq!(contacts.len(), 2);
    assert_eq!((contacts[0].expires(), contacts[0].q()), (Some(60), Some(700)));
    assert_eq!(contacts[0].uri_str(), "sip:alice@pc33;ob");
    assert_eq!(contacts[1].display_name(), "B, C");
    assert_eq!(contacts[1].uri_str(), "sip:b,c@d");
    let star = parse("REGISTER sip:a SIP/2.0\r\nContact: *\r\n\r\n");
    assert_eq!(star.contacts().collect::<Vec<_>>(), vec![Ok(Contact::Star)]);
}

#[test]
fn unknown_headers_stay_in_order_and_folds_become_spaces() {
    let msg = parse(INVITE);
    assert_eq!(msg.headers_named("X-CUSTOM").collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(msg.header_named("s"), Some("folded    here"));
    let names: Vec<_> = msg.all_headers().map(|(name, _, _)| name.to_owned()).collect();
    assert_eq!(names[8..11], ["X-Custom", "Subject", "x-custom"]);
}

#[test]
fn content_length_cuts_or_refuses() {
    let cut = parse(&format!("{INVITE}rest"));
    assert_eq!(cut.body(), b"v=0\n");
    let short = INVITE.replace("Length: 4", "Length: 5");
    let error = Message::parse(Bytes::from(short)).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::ShortBody);
    assert_eq!(error.partial.unwrap().call_id(), Ok("a84b4c76e66710"));
}

#[test]
fn a_response_is_read() {
    let msg = parse("SIP/2.0 180 Ringing now\r\nCSeq: 1 INVITE\r\n\r\n");
    assert_eq!((msg.status(), msg.reason()), (Some(180), "Ringing now"));
    assert_eq!(msg.cseq_method(), Some(Method::Invite));
    let bare = parse("SIP/2.0 200\r\nCSeq: 1 INVITE\r\n\r\n");
    assert_eq!((bare.status(), bare.reason()), (Some(200), ""));
}

#[test]
fn latin1_display_names_are_accepted() {
    let mut bytes = b"OPTIONS sip:a SIP/2.0\r\nFrom: Jos\xe9 <sip:j@h>\r\n\r\n".to_vec();
    bytes.extend_from_slice(b"\xff\xfe");
    let msg = Message::parse(Bytes::from(bytes)).unwrap();
    assert_eq!(msg.from().unwrap().display_name(), "Jos\u{e9}");
    assert_eq!(msg.body(), b"\xff\xfe");
}

#[test]
fn detaching_keeps_everything() {
    let msg = parse(INVITE);
    let own = msg.detach();
    assert_eq!(own.to_bytes(), msg.to_bytes());
    assert_eq!(own.call_id(), msg.call_id());
    assert_ne!(own.request_uri().as_ptr(), msg.request_uri().as_ptr());
}

#[test]
fn a_response_is_written_from_its_request() {
    let request = parse(INVITE);
    let mut buffer = Vec::new();
    let mut writer = Writer::response(&mut buffer, 486, "");
    writer.copy(&request, HeaderName::Via).copy(&request, HeaderName::From);
    writer.header(HeaderName::To, format_args!("{};tag=x", request.to().unwrap()));
    writer.copy(&request, HeaderName::CallId).copy(&request, HeaderName::CSeq);
    writer.header_named("X-Note", Quoted("say \"hi\"")).finish("", b"");
    let answer = Message::parse(Bytes::from(buffer)).unwrap();
    assert_eq!((answer.status(), answer.reason()), (Some(486), "Busy Here"));
    assert_eq!(answer.vias().count(), 3);
    assert_eq!(answer.to().unwrap().tag(), Some("x"));
    assert_eq!(answer.header_named("x-note"), Some("\"say \\\"hi\\\"\""));
    assert_eq!(answer.header(HeaderName::ContentLength), Some("0"));
}

#[test]
fn nothing_escapes_from_its_line() {
    let mut buffer = Vec::new();
    Writer::request(&mut buffer, &Method::Other("BAD X\r\n".into()), "sip:a@b\r\nEvil: 1 ")
        .header(HeaderName::Subject, "a\r\nEvil: 1\0")
        .header_named("Bad Name", "x")
        .header_named("Evil\r\n", "x")
        .finish("text/plain\r\nEvil: 1", b"\r\n");
    let msg = Message::parse(Bytes::from(buffer)).unwrap();
    assert_eq!(msg.header_named("Evil"), None);
    assert_eq!(msg.header_count(), 3);
    assert_eq!(msg.body(), b"\r\n");
}

#[test]
fn a_lone_cr_before_a_blank_does_not_reach_the_answer() {
    let text = INVITE.replace("X-Custom: one\r\n", "X-Custom: one\r Evil: 1\r\n");
    let error = Message::parse(Bytes::from(text)).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::LineEnd);
    assert_eq!(error.partial.unwrap().header_named("x-custom"), Some("one  Evil: 1"));
}

#[test]
fn limits_hold_for_datagrams() {
    use strowger_sip::message::{MAX_HEADERS, MAX_LINE, MAX_MESSAGE};
    let kind = |text: String| Message::parse(Bytes::from(text)).map(|_| ()).unwrap_err().kind;
    let start = "OPTIONS sip:a SIP/2.0\r\n";
    let headers = |count: usize| format!("{start}{}\r\n", "a: b\r\n".repeat(count));
    assert!(Message::parse(Bytes::from(headers(MAX_HEADERS))).is_ok());
    assert_eq!(kind(headers(MAX_HEADERS + 1)), ParseErrorKind::TooManyHeaders);
    let line = |length: usize| format!("{start}a: {}\r\n\r\n", "x".repeat(length - 3));
    assert!(Message::parse(Bytes::from(line(MAX_LINE))).is_ok());
    assert_eq!(kind(line(MAX_LINE + 1)), ParseErrorKind::LineTooLong);
    let body = |total: usize| {
        let head = INVITE.split("Content-Length").next().unwrap();
        format!("{head}\r\n{}", "x".repeat(total - head.len() - 2))
    };
    let largest = parse(&body(MAX_MESSAGE));
    assert!(largest.body().iter().all(|byte| *byte == b'x'));
    assert_eq!(largest.to_bytes().len(), MAX_MESSAGE);
    let error = Message::parse(Bytes::from(body(MAX_MESSAGE + 1))).unwrap_err();
    assert_eq!((error.kind, error.kind.status()), (ParseErrorKind::TooLong, 513));
    assert_eq!(error.partial.unwrap().call_id(), Ok("a84b4c76e66710"));
}

#[test]
fn an_ack_and_a_response_are_never_answered() {
    for text in ["ACK sip:a  SIP/2.0", "SIP/2.0 99 Low"] {
        let bytes = Bytes::from(INVITE.replacen(INVITE.lines().next().unwrap(), text, 1));
        assert!(Message::parse(bytes).unwrap_err().partial.is_none(), "{text}");
    }
}

#[test]
fn a_response_needs_only_what_routes_it() {
    let text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
        To: Smith, Bob <sip:b@c>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContact: ?\r\n\r\n";
    assert_eq!(parse(text).validate(), Ok(()));
    assert!(parse(&text.replace("CSeq: 1", "CSeq: x")).validate().is_err());
}

#[test]
fn lists_and_credentials_are_split_where_they_may_be() {
    let msg = parse(
        "OPTIONS sip:a SIP/2.0\r\nAllow: INVITE, ACK,,BYE\r\nAllow: UPDATE\r\n\
        Authorization: Digest username=\"a,\\\"b\", realm = \"x y\" , nc=00000001,qop=auth\r\n\
        WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256\r\n\
        WWW-Authenticate: Digest realm=\"r\", nonce=\"m\", algorithm=MD5\r\n\
        Reason: SIP ;cause=200 ;text=\"Call completed elsewhere\", Q.850;cause=26\r\n\
        Privacy: id; header\r\nSession-Expires: 90 ; refresher = UAC\r\nRAck: 7 9 INVITE\r\n\
        Replaces: 98732@x;from-tag=r33;to-tag=xyz;early-only\r\nEvent: dialog;id=4\r\n\
        Refer-To: <sip:b@c?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3>\r\nRetry-After: 18 (later)\r\n\
        Diversion: <sip:d@e>;reason=no-answer\r\n\r\n",
    );
    assert_eq!(msg.allow().collect::<Vec<_>>(), ["INVITE", "ACK", "BYE", "UPDATE"]);
    assert_eq!(
        (msg.allows(&Method::Update), msg.allows(&Method::Refer)),
        (Some(true), Some(false))
    );
    let auth = msg.authorization().next().unwrap();
    assert_eq!(auth.get("username").unwrap(), "a,\"b");
    assert_eq!(auth.get("realm").unwrap(), "x y");
    assert_eq!((auth.get_raw("NC"), auth.get_raw("qop")), (Some("00000001"), Some("auth")));
    assert!(!format!("{auth:?}").contains("x y"), "values may be secrets");
    assert_eq!(msg.www_authenticate().count(), 2);
    let reasons: Vec<_> = msg.reason_header().collect();
    assert_eq!((reasons[0].is_sip(), reasons[0].cause), (true, Some(200)));
    assert_eq!(reasons[0].text().unwrap(), "Call completed elsewhere");
    assert_eq!((reasons[1].is_q850(), reasons[1].cause), (true, Some(26)));
    assert_eq!(msg.privacy().collect::<Vec<_>>(), ["id", "header"]);
    let session = msg.session_expires().unwrap();
    assert_eq!((session.seconds, session.refresher), (90, Some(Refresher::Uac)));
    let rack = msg.rack().unwrap();
    assert_eq!((rack.rseq, rack.cseq, rack.method), (7, 9, Method::Invite));
    let replaces = msg.replaces().unwrap();
    assert_eq!((replaces.call_id, replaces.to_tag), ("98732@x", "xyz"));
    assert_eq!((replaces.from_tag, replaces.early_only), ("r33", true));
    assert_eq!((msg.event().unwrap().package, msg.event().unwrap().id()), ("dialog", Some("4")));
    let (_, value) = msg.refer_to().unwrap().uri().unwrap().header_fields().next().unwrap();
    let decoded = strowger_sip::uri::decode(value);
    assert_eq!(strowger_sip::message::Replaces::parse(&decoded).unwrap().from_tag, "3");
    assert_eq!(msg.retry_after(), Some(18));
    assert_eq!(msg.diversion().next().unwrap().unwrap().param("reason"), Some("no-answer"));
}

#[test]
fn parts_of_a_multipart_body() {
    let body = "preamble\r\n--b1\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b1\r\n\
        content-type : application/sdp;x=1\r\n\r\nv=0\r\n\r\n--b1--\r\nepilogue";
    let text = format!(
        "INVITE sip:a SIP/2.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n{body}"
    );
    let msg = parse(&text);
    assert_eq!(msg.body_parts().count(), 2);
    assert_eq!(msg.sdp(), Some(&b"v=0\r\n"[..]));
    let open = parse(text.trim_end_matches("--b1--\r\nepilogue"));
    assert_eq!(open.body_parts().count(), 1, "a part that never ends is none");
    let bare = parse("INVITE sip:a SIP/2.0\r\n\r\nv=0\r\n");
    assert_eq!(bare.sdp(), Some(&b"v=0\r\n"[..]), "old phones leave the type out");
}

#[test]
fn display_names_without_their_quotes_get_them_when_written() {
    for (written, display, out) in [
        ("Smith & Co <sip:a@b>;tag=1", "Smith & Co", "\"Smith & Co\" <sip:a@b>;tag=1"),
        ("Jörg M <sip:a@b>", "Jörg M", "\"Jörg M\" <sip:a@b>"),
        ("Plain Name<sip:a@b>", "Plain Name", "Plain Name <sip:a@b>"),
        ("\"Q, \\\"x\\\"\" <sip:a@b>", "Q, \"x\"", "\"Q, \\\"x\\\"\" <sip:a@b>"),
        ("sip:a@b;tag=2", "", "<sip:a@b>;tag=2"),
    ] {
        let msg = parse(&INVITE.replace("Bob <sip:bob@biloxi.example>", written));
        let to = msg.to().unwrap();
        assert_eq!(to.display_name(), display);
        assert_eq!(to.to_string(), out);
        assert_eq!(msg.validate(), Ok(()), "{written}");
    }
}
