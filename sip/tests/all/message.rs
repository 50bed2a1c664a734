//! Reading and writing messages.

use bytes::Bytes;
use strowger_sip::message::{Contact, ParseErrorKind, Quoted};
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
    assert_eq!(own.as_bytes(), msg.as_bytes());
    assert_eq!(own.call_id(), msg.call_id());
    assert_ne!(own.as_bytes().as_ptr(), msg.as_bytes().as_ptr());
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
