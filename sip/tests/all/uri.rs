//! URIs: reading, comparing, escaping.

use strowger_sip::Transport;
use strowger_sip::uri::{EscapeUser, Host, OwnedUri, Scheme, Uri, UriError};

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text).unwrap()
}

#[test]
fn all_parts_are_found() {
    let uri = uri("sips:al%69ce;x=1:pa:ss@[2001:db8::1]:5061;transport=TLS;lr?Subject=a%20b&X=");
    assert_eq!(uri.scheme(), Scheme::Sips);
    assert_eq!((uri.user(), uri.password()), (Some("al%69ce;x=1"), Some("pa:ss")));
    assert_eq!(uri.user_decoded().unwrap(), "alice;x=1");
    assert_eq!(uri.host(), Some(Host::V6("2001:db8::1".parse().unwrap())));
    assert_eq!(uri.port(), Some(5061));
    assert_eq!(uri.transport(), Some(Transport::Tls));
    assert!(uri.is_loose_router());
    let headers: Vec<_> = uri.header_fields().collect();
    assert_eq!(headers, [("Subject", "a%20b"), ("X", "")]);
}

#[test]
fn tel_and_other_schemes() {
    let tel = uri("tel:+1-201-555-0123;phone-context=example.com");
    assert_eq!((tel.scheme(), tel.user()), (Scheme::Tel, Some("+1-201-555-0123")));
    assert_eq!(tel.param("phone-context"), Some("example.com"));
    assert_eq!(tel.host(), None);
    let other = uri("urn:service:sos");
    assert_eq!((other.scheme(), other.as_str()), (Scheme::Other("urn"), "urn:service:sos"));
}

#[test]
fn what_is_not_a_uri_is_refused() {
    for (text, error) in [
        ("", UriError::Scheme),
        ("alice", UriError::Scheme),
        ("1ip:a", UriError::Scheme),
        ("sip:", UriError::Host),
        ("sip:a@", UriError::Host),
        ("sip:@a", UriError::EmptyUser),
        ("sip:a@b:", UriError::Port),
        ("sip:a@b:65536", UriError::Port),
        ("sip:a@b:5x", UriError::Port),
        ("sip:a@[::1", UriError::Port),
        ("sip:a@[::g]", UriError::Host),
        ("sip:a@b@c", UriError::Host),
        ("sip:a@ä.example", UriError::Host),
        ("sip:a b@c", UriError::Character),
        ("sip:a@b\r\n", UriError::Character),
        ("sip:<a@b>", UriError::Character),
        ("tel:", UriError::EmptyUser),
    ] {
        assert_eq!(Uri::parse(text).map(|uri| uri.to_string()), Err(error), "{text:?}");
    }
}

/// The pairs of RFC 3261 section 19.1.4.
#[test]
fn equivalence_follows_the_examples_of_the_rfc() {
    for (a, b) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("tel:+1-201-555-0123", "tel:+1(201)5550123"),
    ] {
        assert!(uri(a).equivalent(&uri(b)) && uri(b).equivalent(&uri(a)), "{a} {b}");
    }
    for (a, b) in [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a%40b@c", "sip:a@c"),
        ("sip:a@b", "sips:a@b"),
        ("sip:a:x@b", "sip:a@b"),
        ("sip:a@b;maddr=1.2.3.4", "sip:a@b"),
    ] {
        assert!(!uri(a).equivalent(&uri(b)) && !uri(b).equivalent(&uri(a)), "{a} {b}");
    }
}

#[test]
fn escapes_go_both_ways() {
    let text = EscapeUser("a b@c:é\r%").to_string();
    assert_eq!(text, "a%20b%40c%3A%C3%A9%0D%25");
    let full = format!("sip:{text}@h");
    assert_eq!(uri(&full).user_decoded().unwrap(), "a b@c:é\r%");
    assert_eq!(uri("sip:100%@h").user_decoded().unwrap(), "100%");
}

#[test]
fn owned_uris_are_checked() {
    let owned = OwnedUri::parse("sip:alice@pbx.example;transport=tcp").unwrap();
    assert_eq!(owned.as_uri().unwrap().transport(), Some(Transport::Tcp));
    assert_eq!(owned.to_string(), "sip:alice@pbx.example;transport=tcp");
    assert!(OwnedUri::parse("sip:a b").is_err());
}
