//! Between calls and messages: what our INVITE says, and what bodies say.

use bytes::Bytes;
use media::sdp::Sdp;
use sip::endpoint::{Body, OutInvite};
use sip::message::Message;

use super::search::Common;
use super::{Place, Target};

/// A key's length is limited to what RFC 4733 can carry at 8 kHz, in ms.
const MAX_DIGIT_MS: u16 = 8_000;

/// A body that should describe media and does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// Not a description at all: 415.
    NotSdp,
    /// A description that cannot be read: 488.
    BadSdp,
}

/// The session description of a message: alone, or a part of several. `None` without a body.
///
/// # Errors
/// The body is of another kind, or unreadable.
pub fn sdp_of(message: &Message) -> Result<Option<Sdp>, BodyError> {
    if message.body().is_empty() {
        return Ok(None);
    }
    let body = message.sdp().ok_or(BodyError::NotSdp)?;
    Sdp::parse(body).map(Some).map_err(|_| BodyError::BadSdp)
}

/// The description in an ACK, whose message is gone.
pub(crate) fn sdp_in(body: &Bytes) -> Option<Sdp> {
    Sdp::parse(body).ok()
}

/// Our INVITE to a target.
pub(crate) fn out_invite(
    common: Common<'_>,
    place: &Place,
    target: &Target,
    offer: Option<Bytes>,
) -> OutInvite {
    let late = offer.is_none();
    let identity = &place.identity;
    let mut invite = OutInvite::new(&target.uri, &identity.from, &target.to, offer.map(Body::sdp));
    invite.route = target.route.clone();
    invite.credentials = target.credentials.clone();
    invite.max_forwards = common.max_forwards.saturating_sub(1);
    // A reliable 1xx to an INVITE without offer would carry one (RFC 3262 section 5), before the caller can answer it.
    invite.reliable_provisionals = !late;
    let mut header = |name: &'static str, value: String| invite.headers.push((name.into(), value));
    if let Some(asserted) = &identity.asserted {
        header("P-Asserted-Identity", asserted.clone());
    }
    if let Some(privacy) = &identity.privacy {
        header("Privacy", privacy.clone());
    }
    for (name, value) in common.diversions.headers(place, &target.to) {
        header(name, value);
    }
    if place.auto_answer {
        header("Call-Info", "<sip:localhost>;answer-after=0".to_owned());
        header("Alert-Info", "<http://localhost>;info=alert-autoanswer".to_owned());
    }
    invite
}

/// The key in an INFO body, with its length in ms where given: `application/dtmf-relay` or `application/dtmf`.
pub(crate) fn digit_in(message: &Message) -> Option<(char, Option<u16>)> {
    if message.method() != Some(&sip::Method::Info) {
        return None;
    }
    let kind = message.content_type()?;
    let text = std::str::from_utf8(message.body()).ok()?;
    if kind.is("application", "dtmf") {
        return Some((key(text.trim())?, None));
    }
    if !kind.is("application", "dtmf-relay") {
        return None;
    }
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (left, right) = line.split_once('=')?;
            left.trim().eq_ignore_ascii_case(name).then(|| right.trim())
        })
    };
    let ms = field("Duration").and_then(|text| text.parse().ok());
    Some((key(field("Signal")?)?, ms.map(|ms: u16| ms.min(MAX_DIGIT_MS))))
}

/// A key by its sign, or by its RFC 4733 number, as some phones write it.
fn key(text: &str) -> Option<char> {
    let mut chars = text.chars();
    match (chars.next()?.to_ascii_uppercase(), chars.next()) {
        (sign @ ('0'..='9' | '*' | '#' | 'A'..='D'), None) => Some(sign),
        _ => match text {
            "10" => Some('*'),
            "11" => Some('#'),
            "12" => Some('A'),
            "13" => Some('B'),
            "14" => Some('C'),
            "15" => Some('D'),
            _ => None,
        },
    }
}

/// The body of an INFO that carries a key.
pub(crate) fn info_body(digit: char, ms: u16) -> Body {
    Body {
        content_type: "application/dtmf-relay".into(),
        bytes: format!("Signal={digit}\r\nDuration={ms}\r\n").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(kind: &str, body: &str) -> Message {
        let text = format!(
            "INFO sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:b@h>;tag=1\r\n\
             To: <sip:a@h>;tag=2\r\nCall-ID: c\r\nCSeq: 2 INFO\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Message::parse(text.into()).unwrap()
    }

    #[test]
    fn keys_are_read_in_every_usual_spelling() {
        let relay = "application/dtmf-relay";
        assert_eq!(digit_in(&info(relay, "Signal=5\r\nDuration=160\r\n")), Some(('5', Some(160))));
        assert_eq!(digit_in(&info(relay, "Signal= 11\nDuration= 250\n")), Some(('#', Some(250))));
        assert_eq!(digit_in(&info(relay, "Signal=b")), Some(('B', None)));
        assert_eq!(digit_in(&info("application/dtmf", "*\r\n")), Some(('*', None)));
    }

    #[test]
    fn what_is_no_key_is_none() {
        assert_eq!(digit_in(&info("application/dtmf-relay", "Signal=99\r\n")), None);
        assert_eq!(digit_in(&info("application/dtmf-relay", "Duration=99\r\n")), None);
        assert_eq!(digit_in(&info("application/media_control+xml", "5")), None);
    }

    #[test]
    fn our_own_body_is_read_back() {
        let body = info_body('#', 120);
        let text = String::from_utf8(body.bytes.to_vec()).unwrap();
        assert_eq!(digit_in(&info(&body.content_type, &text)), Some(('#', Some(120))));
    }
}
