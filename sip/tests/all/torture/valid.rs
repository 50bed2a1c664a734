//! RFC 4475 section 3.1.1: valid messages and what must be read in them.

use strowger_sip::message::Contact;
use strowger_sip::uri::Host;
use strowger_sip::{HeaderName, Message, Method, Transport};

use super::parse;
use super::valid_messages::*;

fn contact_uris(msg: &Message) -> Vec<&str> {
    msg.contacts().map(|contact| contact.unwrap().addr().unwrap().uri_str()).collect()
}

#[test]
fn wsinv_white_space_folds_and_compact_forms() {
    let msg = parse(WSINV);
    assert_eq!(msg.uri().unwrap().param("unknownparam"), Some(""));
    assert_eq!(msg.to().unwrap().tag(), Some("1918181833n"));
    let from = msg.from().unwrap();
    assert_eq!((from.display_name().as_ref(), from.tag()), ("J Rosenberg \\\"", Some("98asjd8")));
    assert_eq!(msg.max_forwards(), Some(68));
    assert_eq!(msg.cseq(), Ok((9, Method::Invite)));
    assert_eq!(msg.header(HeaderName::Subject), Some(""));
    let vias: Vec<_> = msg.vias().map(Result::unwrap).collect();
    assert_eq!(vias.len(), 3);
    assert_eq!((vias[0].transport, vias[0].branch()), ("UDP", Some("390skdjuw")));
    assert_eq!(vias[1].host, Host::Name("spindle.example.com"));
    assert_eq!((vias[1].transport, vias[1].branch()), ("TCP", Some("z9hG4bK9ikj8")));
    assert_eq!(vias[2].host, Host::V4("192.168.255.111".parse().unwrap()));
    assert_eq!(vias[2].branch(), Some("z9hG4bK30239"));
    let folded = msg.header_named("NewFangledHeader").unwrap();
    let words: Vec<_> = folded.split_whitespace().collect();
    assert_eq!(words.join(" "), "newfangled value continued newfangled value");
    assert_eq!(msg.header_named("unknownheaderwithunusualvalue"), Some(";;,,;;,;"));
    let route = msg.routes().next().unwrap().unwrap();
    assert!(route.uri().unwrap().is_loose_router());
    assert_eq!(route.uri().unwrap().param("unknown-no-value"), Some(""));
    let contact = msg.contact().unwrap();
    assert_eq!(contact.display_name(), "Quoted string \"\"");
    assert_eq!(
        (contact.param("newparam"), contact.param("secondparam")),
        (Some("newvalue"), Some(""))
    );
    assert_eq!(contact.q(), Some(330));
    assert_eq!(msg.body().len(), 150);
}

#[test]
fn intmeth_characters_that_are_legal_and_rare() {
    let msg = parse(INTMETH);
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    assert_eq!(msg.method(), Some(&Method::Other(method.into())));
    assert_eq!(msg.cseq(), Ok((139_122_385, Method::Other(method.into()))));
    let uri = msg.uri().unwrap();
    assert_eq!(uri.user(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(uri.password(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(uri.host(), Some(Host::Name("example.com")));
    assert_eq!(msg.top_via().unwrap().branch(), Some("z9hG4bK-.!%66*_+`'~"));
    assert_eq!(msg.to().unwrap().display_name(), "BEL:\x07 NUL:\0 DEL:\x7f");
    let from = msg.from().unwrap();
    assert_eq!(from.display_name(), "token1~` token2'+_ token3*%!.-");
    assert_eq!(from.param("fromParam''~+*_!.-%"), Some("работающий"));
    assert_eq!(from.tag(), Some("_token~1'+`*%!-."));
    assert_eq!(msg.call_id(), Ok("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"));
    assert_eq!(msg.header_named("extensionHeader-!.%*+_`'~"), Some("\u{feff}大停電"));
}

#[test]
fn esc01_escapes_are_decoded_where_they_are_escapes() {
    let msg = parse(ESC01);
    let uri = msg.uri().unwrap();
    assert_eq!(uri.user_decoded().unwrap(), "sips:user@example.com");
    assert_eq!(uri.host(), Some(Host::Name("example.net")));
    let decoded = |name| {
        let addr = if name == HeaderName::To { msg.to() } else { msg.from() };
        addr.unwrap().uri().unwrap().user_decoded().unwrap().into_owned()
    };
    assert_eq!(decoded(HeaderName::To), "user");
    assert_eq!(decoded(HeaderName::From), "I have spaces");
    let contact = msg.contact().unwrap().uri().unwrap();
    assert_eq!(contact.user_decoded().unwrap(), "caller");
    assert!(contact.is_loose_router());
    assert_eq!(strowger_sip::uri::decode(contact.param("name").unwrap()), "value%41");
}

#[test]
fn escnull_escaped_nulls_do_not_end_a_text() {
    let msg = parse(ESCNULL);
    assert_eq!(msg.to().unwrap().uri().unwrap().user_decoded().unwrap(), "null-\0-null");
    assert_eq!(msg.from().unwrap().uri().unwrap().user_decoded().unwrap(), "null-\0-null");
    assert_eq!(contact_uris(&msg), ["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"]);
    let first = msg.contact().unwrap().uri().unwrap();
    assert_eq!(first.user_decoded().unwrap(), "\0");
}

#[test]
fn esc02_percent_in_method_display_name_and_header_name_is_itself() {
    let msg = parse(ESC02);
    assert_eq!(msg.method(), Some(&Method::Other("RE%47IST%45R".into())));
    assert_eq!(msg.to().unwrap().display_name(), "%Z%45");
    assert_eq!(msg.top_via().unwrap().branch(), Some("z9hG4bK209%fzsnel234"));
    assert_eq!(
        contact_uris(&msg),
        ["sip:alias1@host1.example.com", "sip:alias3@host3.example.com"]
    );
    assert_eq!(msg.header_named("C%6Fntact"), Some("<sip:alias2@host2.example.com>"));
}

#[test]
fn lwsdisp_no_space_before_the_bracket() {
    let msg = parse(LWSDISP);
    let from = msg.from().unwrap();
    assert_eq!((from.display_name().as_ref(), from.tag()), ("caller", Some("323")));
    assert_eq!(from.uri_str(), "sip:caller@example.com");
}

#[test]
fn dblreq_octets_after_the_message_are_ignored() {
    let msg = parse(DBLREQ);
    assert_eq!(msg.method(), Some(&Method::Register));
    assert_eq!(msg.call_id(), Ok("dblreq.0ha0isndaksdj99sdfafnl3lk233412"));
    assert!(msg.body().is_empty());
    assert!(!msg.to_bytes().windows(6).any(|window| window == b"INVITE"));
}

#[test]
fn semiuri_semicolons_belong_to_the_user() {
    let msg = parse(SEMIURI);
    let uri = msg.uri().unwrap();
    assert_eq!(uri.user_decoded().unwrap(), "user;par=u@example.net");
    assert_eq!(uri.host(), Some(Host::Name("example.com")));
    assert!(uri.params().is_empty());
    assert_eq!(msg.values(HeaderName::Accept).count(), 6);
}

#[test]
fn transports_known_and_unknown_are_read() {
    let msg = parse(TRANSPORTS);
    let vias: Vec<_> = msg.vias().map(Result::unwrap).collect();
    let names: Vec<_> = vias.iter().map(|via| via.transport).collect();
    assert_eq!(names, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    let known: Vec<_> = vias.iter().map(|via| via.known_transport()).collect();
    let ours = |transport| Some(transport);
    assert_eq!(
        known,
        [ours(Transport::Udp), None, ours(Transport::Tls), None, ours(Transport::Tcp)]
    );
}

#[test]
fn mpart01_a_binary_part_survives() {
    let msg = parse(MPART01);
    assert_eq!(msg.body().len(), 553);
    let parts: Vec<_> = msg.body_parts().collect();
    assert_eq!(parts.len(), 2);
    assert_eq!((parts[0].content_type, parts[0].content), ("text/plain", &b"Hello"[..]));
    assert_eq!(parts[1].content_type, "application/octet-stream");
    assert_eq!(parts[1].content.first_chunk(), Some(&[0x30, 0x82, 0x01, 0x52]));
    // DER: two bytes of length follow the first two of the header.
    assert_eq!(parts[1].content.len(), 4 + 0x152);
    assert_eq!(msg.body_of_type("application", "octet-stream"), Some(parts[1].content));
    assert_eq!(msg.sdp(), None);
    assert_eq!(msg.top_via().unwrap().rport(), Some(None));
}

#[test]
fn unreason_any_utf8_may_be_a_reason() {
    let msg = parse(UNREASON);
    assert_eq!(msg.status(), Some(200));
    assert_eq!(msg.reason(), "= 2**3 * 5**2 но сто девяносто девять - простое");
    assert_eq!(msg.cseq_method(), Some(Method::Invite));
}

#[test]
fn noreason_the_reason_may_be_empty() {
    let msg = parse(NOREASON);
    assert_eq!((msg.status(), msg.reason()), (Some(100), ""));
    assert_eq!(msg.contacts().filter(|c| matches!(c, Ok(Contact::Addr(_)))).count(), 1);
}
