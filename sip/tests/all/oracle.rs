//! Two other parsers as oracles: what they read, we read alike; where verdicts differ the reason
//! is written down.

use bytes::Bytes;
use proptest::prelude::*;
use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::HeadersExt;
use sipx_sip as sipx;
use strowger_sip::message::{HeaderName, Message};

use crate::generated::request;
use crate::torture::{self, Treatment};

/// Torture messages that sipx-sip judges otherwise, and why we keep our verdict.
const OTHERWISE: &[(&str, &str)] = &[
    ("regbadct", "its validation does not read Contact"),
    ("badaspec", "the RFC lets a liberal element ignore spaces within the brackets"),
    ("unkscm", "schemes are not part of its validation; the RFC wants 416"),
    ("novelsc", "as unkscm"),
    ("unksm2", "as unkscm; the RFC wants 400 from a registrar"),
    ("inv2543", "it needs Max-Forwards; the RFC wants old requests accepted"),
];

fn sipx_accepts(message: &sipx::Message) -> bool {
    sipx::validate(message).is_empty()
}

fn collapsed(text: &[u8]) -> String {
    String::from_utf8_lossy(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Both read the same start line, headers, typed keys and body.
fn assert_same(name: &str, ours: &Message, theirs: &sipx::Message) {
    match theirs {
        sipx::Message::Request(request) => {
            let method = ours.method().unwrap_or_else(|| panic!("{name}: a request"));
            assert_eq!(method.as_str().as_bytes(), request.method.as_bytes(), "{name}");
        }
        sipx::Message::Response(response) => {
            assert_eq!(ours.status(), Some(response.status.code()), "{name}");
            assert_eq!(ours.reason().as_bytes(), &response.reason[..], "{name}");
        }
    }
    let read: Vec<_> =
        ours.all_headers().map(|(_, _, value)| collapsed(value.as_bytes())).collect();
    let expected: Vec<_> = theirs.headers().iter().map(|h| collapsed(&h.value())).collect();
    assert_eq!(read, expected, "{name}");
    assert_eq!(ours.body(), &theirs.body()[..], "{name}");
    assert_same_keys(name, ours, theirs.headers());
}

fn assert_same_keys(name: &str, ours: &Message, theirs: &sipx::Headers) {
    if let Some(Ok(from)) = theirs.typed::<sipx::headers::From>() {
        let tag = ours.from().unwrap().tag().map(str::as_bytes);
        assert_eq!(tag, from.0.tag(), "{name}: From");
    }
    if let Some(Ok(to)) = theirs.typed::<sipx::headers::To>() {
        let tag = ours.to().unwrap().tag().map(str::as_bytes);
        assert_eq!(tag, to.0.tag(), "{name}: To");
    }
    if let Some(Ok(cseq)) = theirs.typed::<sipx::CSeq>() {
        let (number, method) = ours.cseq().unwrap();
        assert_eq!(number, cseq.sequence, "{name}");
        assert_eq!(method.as_str().as_bytes(), cseq.method.as_bytes(), "{name}");
    }
    let vias: Vec<_> = theirs.typed_all::<sipx::Via>().filter_map(Result::ok).collect();
    let branches: Vec<_> = vias.iter().map(|via| via.branch().map(collapsed)).collect();
    let ours: Vec<_> = ours.vias().flatten().map(|via| via.branch().map(str::to_owned)).collect();
    assert_eq!(ours, branches, "{name}: Via");
}

#[test]
fn sipx_judges_the_torture_set_alike() {
    let mut differing = Vec::new();
    for (name, bytes, treatment) in torture::all() {
        let bytes = Bytes::from(bytes);
        let limits = sipx::Limits::datagram();
        let theirs = sipx::parse_datagram(bytes.clone(), &limits);
        let accepted = theirs.as_ref().is_ok_and(sipx_accepts);
        if accepted != (treatment == Treatment::Accept) {
            differing.push(name);
        }
        if let (Ok(ours), Ok(theirs)) = (Message::parse(bytes), theirs)
            && accepted
        {
            assert_same(name, &ours, &theirs);
        }
    }
    let known: Vec<_> = OTHERWISE.iter().map(|(name, _)| *name).collect();
    assert_eq!(differing, known);
}

proptest! {
    #[test]
    fn sipx_reads_what_we_write(request in request()) {
        let bytes = request.bytes();
        let theirs = sipx::parse_datagram(bytes.clone(), &sipx::Limits::datagram()).unwrap();
        prop_assert!(sipx_accepts(&theirs), "{:?}", sipx::validate(&theirs));
        assert_same("generated", &Message::parse(bytes).unwrap(), &theirs);
    }

    /// rsip knows neither IPv6 literals nor other methods than its own; what it does accept, it
    /// reads as we do.
    #[test]
    fn rsip_reads_what_we_write(request in request()) {
        let bytes = request.bytes();
        let Ok(theirs) = rsip::Request::try_from(bytes.clone()) else { return Ok(()) };
        let ours = Message::parse(bytes).unwrap();
        prop_assert_eq!(ours.method().unwrap().as_str(), theirs.method().to_string());
        let call_id = theirs.call_id_header().unwrap().value().to_owned();
        prop_assert_eq!(ours.call_id(), Ok(call_id.as_str()));
        if let Ok(cseq) = theirs.cseq_header().unwrap().typed() {
            prop_assert_eq!(ours.cseq().unwrap().0, cseq.seq);
        }
        if let Ok(from) = theirs.from_header().unwrap().typed() {
            let tag = from.tag().map(|tag| tag.value().to_owned());
            prop_assert_eq!(ours.from().unwrap().tag(), tag.as_deref());
        }
        if let Ok(via) = theirs.via_header().unwrap().typed() {
            let branch = via.branch().map(|branch| branch.value().to_owned());
            prop_assert_eq!(ours.top_via().unwrap().branch(), branch.as_deref());
        }
    }
}

/// A plain message that rsip accepts, so that the comparison above cannot be empty.
#[test]
fn rsip_agrees_on_a_plain_invite() {
    let text = "INVITE sip:bob@biloxi.example SIP/2.0\r\n\
        Via: SIP/2.0/UDP pc33.atlanta.example:5060;branch=z9hG4bK776asdhds\r\n\
        Max-Forwards: 70\r\n\
        To: Bob <sip:bob@biloxi.example>\r\n\
        From: Alice <sip:alice@atlanta.example>;tag=1928301774\r\n\
        Call-ID: a84b4c76e66710@pc33.atlanta.example\r\n\
        CSeq: 314159 INVITE\r\n\
        Contact: <sip:alice@pc33.atlanta.example>\r\n\
        Content-Length: 0\r\n\r\n";
    let ours = Message::parse(Bytes::from(text)).unwrap();
    let theirs = rsip::Request::try_from(text).unwrap();
    let from = theirs.from_header().unwrap().typed().unwrap();
    assert_eq!(ours.from().unwrap().display_name(), from.display_name.clone().unwrap());
    assert_eq!(ours.from().unwrap().tag(), from.tag().map(|tag| tag.value()));
    let (uri, theirs_uri) = (ours.uri().unwrap(), theirs.uri());
    assert_eq!(uri.user(), theirs_uri.user());
    assert_eq!(uri.host().unwrap().to_string(), theirs_uri.host().to_string());
    let via = theirs.via_header().unwrap().typed().unwrap();
    assert_eq!(ours.top_via().unwrap().branch(), via.branch().map(|branch| branch.value()));
    assert_eq!(ours.header(HeaderName::MaxForwards), Some("70"));
    assert_eq!(theirs.max_forwards_header().unwrap().num().unwrap(), 70);
}
