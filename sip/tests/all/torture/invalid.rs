//! RFC 4475 section 3.1.2: invalid messages and what is wrong with them.

use bytes::Bytes;
use strowger_sip::message::{
    HeaderError, HeaderName, Message, ParseError, ParseErrorKind, Problem,
};
use strowger_sip::{Method, Writer};

use super::invalid_messages::*;
use super::parse;

fn error(bytes: &[u8]) -> ParseError {
    Message::parse(Bytes::copy_from_slice(bytes)).unwrap_err()
}

/// The header that validation blames.
fn blamed(bytes: &[u8]) -> (HeaderName, Problem) {
    let rejection = parse(bytes).validate().unwrap_err();
    assert_eq!(rejection.status, 400);
    let HeaderError { header, problem } = rejection.warning.unwrap();
    (header, problem)
}

/// The answer that the readable part allows, as it would go out.
fn answer(error: &ParseError) -> Message {
    let partial = error.partial.as_deref().unwrap();
    let mut buffer = Vec::new();
    let mut writer = Writer::response(&mut buffer, error.kind.status(), error.kind.phrase());
    for name in
        [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq]
    {
        writer.copy(partial, name);
    }
    writer.finish_empty();
    Message::parse(Bytes::from(buffer)).unwrap()
}

#[test]
fn badinv01_extra_separators() {
    assert_eq!(blamed(BADINV01), (HeaderName::Via, Problem::Malformed));
    assert!(parse(BADINV01).top_via().is_ok(), "the answer's way must be known");
}

#[test]
fn clerr_the_body_is_shorter_than_announced() {
    let error = error(CLERR);
    assert_eq!(error.kind, ParseErrorKind::ShortBody);
    let answer = answer(&error);
    assert_eq!(answer.status(), Some(400));
    assert_eq!(answer.call_id(), Ok("clerr.0ha0isndaksdjweiafasdk3"));
    assert_eq!(answer.cseq(), Ok((8, Method::Invite)));
    assert_eq!(answer.top_via().unwrap().branch(), Some("z9hG4bK-39234-23523"));
}

#[test]
fn ncl_a_negative_length() {
    let error = error(NCL);
    assert_eq!(error.kind, ParseErrorKind::ContentLength);
    assert_eq!(answer(&error).from().unwrap().tag(), Some("32394234"));
}

#[test]
fn scalar02_numbers_beyond_their_range() {
    assert_eq!(blamed(SCALAR02), (HeaderName::CSeq, Problem::OutOfRange));
    let msg = parse(SCALAR02);
    assert_eq!(msg.expires(), None);
    assert_eq!(msg.contact().unwrap().expires(), None);
    assert_eq!(msg.max_forwards(), Some(300));
}

#[test]
fn scalarlg_a_response_beyond_range_is_no_response() {
    let msg = parse(SCALARLG);
    assert!(msg.validate().is_err());
    assert_eq!(msg.retry_after(), None);
}

#[test]
fn quotbal_an_open_quote() {
    assert_eq!(blamed(QUOTBAL), (HeaderName::To, Problem::Malformed));
}

#[test]
fn ltgtruri_brackets_around_the_request_uri() {
    let error = error(LTGTRURI);
    assert_eq!(error.kind, ParseErrorKind::RequestUri);
    assert_eq!(answer(&error).call_id(), Ok("ltgtruri.1@192.0.2.5"));
}

#[test]
fn lwsruri_white_space_in_the_request_uri() {
    let error = error(LWSRURI);
    assert_eq!(error.kind, ParseErrorKind::RequestUri);
    assert_eq!(answer(&error).cseq(), Ok((2_130_706_432, Method::Invite)));
}

#[test]
fn lwsstart_two_spaces_in_the_request_line() {
    let error = error(LWSSTART);
    assert_eq!(error.kind, ParseErrorKind::RequestUri);
    assert_eq!(answer(&error).status(), Some(400));
}

#[test]
fn trws_spaces_after_the_version() {
    let error = error(TRWS);
    assert_eq!(error.kind, ParseErrorKind::StartLine);
    assert_eq!(answer(&error).cseq(), Ok((238_923, Method::Options)));
}

#[test]
fn escruri_headers_in_the_request_uri() {
    let msg = parse(ESCRURI);
    assert_eq!(msg.validate().unwrap_err().reason, "Bad Request-URI");
    let uri = msg.uri().unwrap();
    assert_eq!(uri.header_fields().next(), Some(("Route", "%3Csip:example.com%3E")));
    assert_eq!(msg.routes().count(), 0, "the escaped Route is not one");
}

#[test]
fn baddate_is_only_wrong_for_who_reads_dates() {
    let msg = parse(BADDATE);
    assert_eq!(msg.header(HeaderName::Date), Some("Fri, 01 Jan 2010 16:00:00 EST"));
    assert_eq!(msg.validate(), Ok(()));
}

#[test]
fn regbadct_a_question_mark_outside_brackets() {
    assert_eq!(blamed(REGBADCT), (HeaderName::Contact, Problem::Malformed));
}

#[test]
fn badaspec_spaces_in_brackets_are_ignored() {
    let msg = parse(BADASPEC);
    assert_eq!(msg.to().unwrap().uri_str(), "sip:t.watson@example.org");
    assert_eq!(msg.to().unwrap().to_string(), "\"Watson, Thomas\" <sip:t.watson@example.org>");
}

#[test]
fn baddn_display_names_that_need_quotes() {
    assert_eq!(blamed(BADDN), (HeaderName::From, Problem::Malformed));
}

#[test]
fn badvers_another_version() {
    let msg = parse(BADVERS);
    let rejection = msg.validate().unwrap_err();
    assert_eq!((rejection.status, rejection.reason), (505, "Version Not Supported"));
    assert_eq!(msg.top_via().unwrap().host.to_string(), "c.example.com");
}

#[test]
fn mismatch_of_cseq_and_request_line() {
    assert_eq!(blamed(MISMATCH01), (HeaderName::CSeq, Problem::Mismatch));
    assert_eq!(blamed(MISMATCH02), (HeaderName::CSeq, Problem::Mismatch));
}

#[test]
fn bigcode_is_no_response() {
    let error = error(BIGCODE);
    assert_eq!(error.kind, ParseErrorKind::StatusCode);
    assert!(error.partial.is_none());
}
