//! Content types and the parts of a multipart body (RFC 3261 section 7.4, RFC 2046).

use memchr::memmem;

use super::lex::{Params, is_token, split_byte, split_outside, trim};
use super::{HeaderName, Message};

/// A media type: `application/sdp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    /// The type before the slash, as written.
    pub kind: &'a str,
    /// The subtype after it, as written.
    pub subtype: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// Reads a Content-Type value.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (main, params) = split_outside(trim(text), b';', false);
        let (kind, subtype) = split_byte(main, b'/')?;
        let (kind, subtype) = (trim(kind), trim(subtype));
        let valid = is_token(kind) && is_token(subtype);
        valid.then(|| Self { kind, subtype, params: Params::new(params.unwrap_or("")) })
    }

    /// Whether it is this type; letter case and parameters are ignored.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }
}

/// One part of a body: the whole body, or a part of a multipart one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyPart<'a> {
    /// The part's header lines, each ended by CRLF; empty for a whole body.
    pub head: &'a str,
    /// The part's content type; `text/plain` when it does not say (RFC 2046 section 5.1).
    pub content_type: &'a str,
    /// The content.
    pub content: &'a [u8],
}

/// The longest boundary (RFC 2046 section 5.1.1); a body with another one counts as a whole.
const MAX_BOUNDARY: usize = 70;
/// The most parts that are looked at.
const MAX_PARTS: usize = 16;

impl Message {
    /// The Content-Type, when there is a well-formed one.
    pub fn content_type(&self) -> Option<MediaType<'_>> {
        self.header(HeaderName::ContentType).and_then(MediaType::parse)
    }

    /// The body's parts: those of a multipart body, else the body itself if it is not empty.
    pub fn body_parts(&self) -> impl Iterator<Item = BodyPart<'_>> {
        let content_type = self.header(HeaderName::ContentType).unwrap_or("");
        let boundary = MediaType::parse(content_type)
            .filter(|media| media.kind.eq_ignore_ascii_case("multipart"))
            .and_then(|media| media.params.get("boundary"))
            .filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()));
        let whole = (boundary.is_none() && !self.body().is_empty()).then_some(BodyPart {
            head: "",
            content_type,
            content: self.body(),
        });
        whole.into_iter().chain(boundary.into_iter().flat_map(|mark| parts(self.body(), mark)))
    }

    /// The content of the first part of this type, in a multipart body or as the body itself.
    /// A body without Content-Type counts as `application/sdp`, as old phones send it.
    pub fn body_of_type(&self, kind: &str, subtype: &str) -> Option<&[u8]> {
        self.body_parts()
            .find(|part| match MediaType::parse(part.content_type) {
                Some(media) => media.is(kind, subtype),
                None => part.content_type.is_empty() && kind == "application" && subtype == "sdp",
            })
            .map(|part| part.content)
    }

    /// The session description, wherever it is in the body.
    pub fn sdp(&self) -> Option<&[u8]> {
        self.body_of_type("application", "sdp")
    }
}

/// Splits at lines that start with `--boundary`; what precedes the first and follows the last is
/// ignored.
fn parts<'a>(body: &'a [u8], boundary: &'a str) -> impl Iterator<Item = BodyPart<'a>> {
    let mut rest = next_delimiter(body, boundary).map(|(_, after)| after);
    std::iter::from_fn(move || {
        let text = rest?;
        // A delimiter with two more hyphens closes the body.
        if text.starts_with(b"--") {
            return None;
        }
        let start = memmem::find(text, b"\r\n")? + 2;
        let text = text.get(start - 2..)?;
        let (content, after) = next_delimiter(text, boundary)?;
        rest = Some(after);
        Some(part(content.get(2..).unwrap_or(&[])))
    })
    .take(MAX_PARTS)
}

/// The text before a delimiter and its CRLF, and the text after the delimiter.
fn next_delimiter<'a>(text: &'a [u8], boundary: &str) -> Option<(&'a [u8], &'a [u8])> {
    let mut from = 0;
    loop {
        let at = from + memmem::find(text.get(from..)?, b"--")?;
        let after = text.get(at + 2..)?.strip_prefix(boundary.as_bytes());
        let before = text.get(..at)?;
        match (after, before.strip_suffix(b"\r\n")) {
            (Some(after), Some(before)) => return Some((before, after)),
            (Some(after), None) if before.is_empty() => return Some((before, after)),
            _ => from = at + 1,
        }
    }
}

/// Splits a part into its headers and its content. Without headers it starts with an empty line.
fn part(text: &[u8]) -> BodyPart<'_> {
    let (head, content) = if let Some(content) = text.strip_prefix(b"\r\n") {
        (&[][..], content)
    } else {
        match memmem::find(text, b"\r\n\r\n") {
            Some(at) => (text.get(..at + 2).unwrap_or(&[]), text.get(at + 4..).unwrap_or(&[])),
            None => (text, &[][..]),
        }
    };
    let head = std::str::from_utf8(head).unwrap_or("");
    let content_type = head
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| trim(name).eq_ignore_ascii_case("Content-Type"))
        .map_or("text/plain", |(_, value)| trim(value));
    BodyPart { head, content_type, content }
}
