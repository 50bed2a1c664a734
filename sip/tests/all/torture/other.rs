//! RFC 4475 sections 3.2 to 3.4: what the message layer hands to those who know the meaning.

use strowger_sip::message::{HeaderName, Problem};
use strowger_sip::uri::{Host, Scheme};

use super::other_messages::*;
use super::parse;

fn status(bytes: &[u8]) -> u16 {
    parse(bytes).validate().unwrap_err().status
}

#[test]
fn badbranch_the_cookie_alone_is_read_as_it_is() {
    assert_eq!(parse(BADBRANCH).top_via().unwrap().branch(), Some("z9hG4bK"));
}

#[test]
fn insuf_mandatory_headers_are_missed() {
    let rejection = parse(INSUF).validate().unwrap_err();
    assert_eq!((rejection.status, rejection.warning.unwrap().problem), (400, Problem::Missing));
}

#[test]
fn unknown_and_unusual_schemes_of_the_request_uri() {
    assert_eq!(status(UNKSCM), 416);
    assert_eq!(parse(UNKSCM).uri().unwrap().scheme(), Scheme::Other("nobodyKnowsThisScheme"));
    assert_eq!(status(NOVELSC), 416);
    assert_eq!(parse(NOVELSC).uri().unwrap().scheme(), Scheme::Other("soap.beep"));
}

#[test]
fn unksm2_an_address_of_record_must_be_sip() {
    let msg = parse(UNKSM2);
    assert_eq!(msg.to().unwrap().uri().unwrap().scheme(), Scheme::Other("isbn"));
    assert_eq!(msg.from().unwrap().uri_str(), "http://www.example.com");
    assert_eq!(msg.contact().unwrap().uri_str(), "name:John_Smith");
    let rejection = msg.validate().unwrap_err();
    assert_eq!((rejection.status, rejection.warning.unwrap().header), (400, HeaderName::To));
}

#[test]
fn bext01_option_tags_are_listed() {
    let msg = parse(BEXT01);
    let required: Vec<_> = msg.require().collect();
    assert_eq!(required, ["nothingSupportsThis", "nothingSupportsThisEither"]);
    let of_proxies: Vec<_> = msg.proxy_require().collect();
    assert_eq!(of_proxies, ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]);
}

#[test]
fn invut_the_content_type_is_told() {
    let msg = parse(INVUT);
    assert!(msg.content_type().unwrap().is("application", "unknownformat"));
    assert_eq!(msg.sdp(), None);
    assert_eq!(msg.body().len(), 40);
}

#[test]
fn regaut01_credentials_of_an_unknown_scheme() {
    let msg = parse(REGAUT01);
    let auth = msg.authorization().next().unwrap();
    assert_eq!((auth.scheme(), auth.is_digest()), ("NoOneKnowsThisScheme", false));
    assert_eq!(auth.get("opaque-data").unwrap(), "here");
}

#[test]
fn multi01_single_headers_twice() {
    let rejection = parse(MULTI01).validate().unwrap_err();
    assert_eq!((rejection.status, rejection.warning.unwrap().problem), (400, Problem::Repeated));
}

#[test]
fn bcast_both_vias_are_read() {
    let msg = parse(BCAST);
    let hosts: Vec<_> = msg.vias().map(|via| via.unwrap().host).collect();
    assert_eq!(hosts[1], Host::V4("255.255.255.255".parse().unwrap()));
    assert_eq!(hosts.len(), 2);
}

#[test]
fn zeromf_zero_is_a_number() {
    assert_eq!(parse(ZEROMF).max_forwards(), Some(0));
}

#[test]
fn contact_parameters_belong_to_the_header_or_to_the_uri() {
    let (outside, inside) = (parse(CPARAM01), parse(CPARAM02));
    let outside = outside.contact().unwrap();
    assert_eq!(outside.param("unknownparam"), Some(""));
    assert_eq!(outside.uri().unwrap().param("unknownparam"), None);
    let inside = inside.contact().unwrap();
    assert_eq!(inside.param("unknownparam"), None);
    assert_eq!(inside.uri().unwrap().param("unknownparam"), Some(""));
    assert_eq!(inside.uri().unwrap().user(), Some("+19725552222"));
}

#[test]
fn regescrt_headers_of_a_contact_uri() {
    let msg = parse(REGESCRT);
    let uri = msg.contact().unwrap().uri().unwrap();
    assert_eq!(uri.header_fields().next(), Some(("Route", "%3Csip:sip.example.com%3E")));
    assert_eq!(msg.routes().count(), 0);
}

#[test]
fn sdp01_the_accept_is_told() {
    let msg = parse(SDP01);
    assert_eq!(msg.values(HeaderName::Accept).collect::<Vec<_>>(), ["text/nobodyKnowsThis"]);
    assert_eq!(msg.sdp().map(<[u8]>::len), Some(150));
}

#[test]
fn inv2543_an_old_invite() {
    let msg = parse(INV2543);
    assert_eq!(msg.top_via().unwrap().branch(), None);
    let from = msg.from().unwrap();
    assert_eq!((from.tag(), from.param("user")), (None, None));
    assert_eq!(from.uri().unwrap().param("user"), Some("phone"));
    assert_eq!(msg.to().unwrap().param("user"), Some("phone"));
    assert_eq!(msg.header(HeaderName::ContentLength), None);
    assert_eq!(msg.max_forwards(), None);
    let route = msg.record_routes().next().unwrap().unwrap();
    assert_eq!(route.uri().unwrap().param("maddr"), Some("ss1.example.com"));
    assert!(msg.body().starts_with(b"v=0\r\n") && msg.body().ends_with(b"RTP/AVP 0\r\n"));
}
