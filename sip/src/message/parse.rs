//! From bytes to ranges.

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use smallvec::SmallVec;

use super::error::{ParseError, ParseErrorKind as Kind};
use super::lex::{is_token_byte, number};
use super::{Entry, HeaderName, MAX_HEADERS, MAX_LINE, MAX_MESSAGE, Message, Span, Start};
use crate::Method;
use crate::uri::is_uri_byte;

/// Parses one message; see [`Message::parse`].
pub(super) fn parse(mut bytes: Bytes) -> Result<Message, ParseError> {
    let too_long = bytes.len() > MAX_MESSAGE;
    // The head of a message that is too long is still read: a request is answered.
    bytes.truncate(MAX_MESSAGE);
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if blank == bytes.len() {
        return Err(ParseError { kind: Kind::Empty, partial: None });
    }
    let mut scan = Scan::new(&bytes, blank);
    if too_long {
        scan.fail(Kind::TooLong);
    }
    let start = scan.head();
    let head = bytes.get(..scan.at).unwrap_or(&[]);
    if !head.is_ascii() && std::str::from_utf8(head).is_err() {
        return parse(latin1_head(&bytes, scan.at));
    }
    let body_end = scan.body_end();
    let Scan { headers, present, at, error, folded, .. } = scan;
    if folded {
        bytes = unfold(&bytes, at);
    }
    let mut body = if at < body_end { bytes.split_off(at) } else { Bytes::new() };
    body.truncate(body_end - at);
    bytes.truncate(at);
    // It was found to be text above.
    let head = ByteString::try_from(bytes).unwrap_or_default();
    match (start, error) {
        (Some(start), None) => Ok(Message { head, start, headers, present, body }),
        (Some(start), Some(kind)) => {
            Err(refuse(kind, Message { head, start, headers, present, body }))
        }
        (None, error) => Err(ParseError { kind: error.unwrap_or(Kind::StartLine), partial: None }),
    }
}

/// Keeps the readable part only when a response can be built from it (RFC 3261 section 8.2.6).
#[cold]
fn refuse(kind: Kind, message: Message) -> ParseError {
    let mandatory = [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq];
    let answerable = message.method().is_some_and(|method| *method != Method::Ack)
        && message.top_via().is_ok()
        && mandatory.into_iter().all(|name| message.has(name));
    ParseError { kind, partial: answerable.then(|| Box::new(message)) }
}

/// Lengths are bounded by [`MAX_MESSAGE`], so they fit.
fn span(start: usize, end: usize) -> Span {
    Span {
        start: u16::try_from(start).unwrap_or(u16::MAX),
        end: u16::try_from(end).unwrap_or(u16::MAX),
    }
}

/// Old devices write Latin-1 display names: each byte that is not UTF-8 becomes the character
/// of that number, so that everything after this deals with text.
fn latin1_head(bytes: &[u8], head_len: usize) -> Bytes {
    let (head, body) = bytes.split_at_checked(head_len).unwrap_or((bytes, &[]));
    let mut out = BytesMut::with_capacity(bytes.len() + bytes.len() / 8);
    let mut buffer = [0; 4];
    for chunk in head.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        for byte in chunk.invalid() {
            out.extend_from_slice(char::from(*byte).encode_utf8(&mut buffer).as_bytes());
        }
    }
    out.extend_from_slice(body);
    out.freeze()
}

/// Replaces the line end of every fold by spaces (RFC 3261 section 7.3.1); no length changes.
/// A lone CR or LF before a blank is treated alike: the readable part of a message that is
/// refused for it must not carry it into the answer.
fn unfold(bytes: &[u8], head_len: usize) -> Bytes {
    let mut out = bytes.to_vec();
    for at in 1..head_len.min(out.len()) {
        match out.get_mut(at - 1..=at) {
            Some(fold @ [b'\r' | b'\n', b' ' | b'\t']) => fold.fill(b' '),
            _ => continue,
        }
        if let Some(cr @ b'\r') = at.checked_sub(2).and_then(|at| out.get_mut(at)) {
            *cr = b' ';
        }
    }
    Bytes::from(out)
}

/// The state of one pass over the head.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    headers: SmallVec<[Entry; 20]>,
    /// The names seen, as bits by variant.
    present: u128,
    /// Content-Length.
    length: Option<u32>,
    error: Option<Kind>,
    folded: bool,
}

/// One line: where it starts and where its text ends, before CRLF.
struct Line {
    start: usize,
    end: usize,
}

impl<'a> Scan<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            headers: SmallVec::new(),
            present: 0,
            length: None,
            error: None,
            folded: false,
        }
    }

    /// Where the body ends: by Content-Length, or with the bytes.
    fn body_end(&mut self) -> usize {
        let available = self.bytes.len() - self.at;
        match self.length.map(|length| length as usize) {
            Some(length) if length <= available => self.at + length,
            Some(_) => {
                self.fail(Kind::ShortBody);
                self.bytes.len()
            }
            None => self.bytes.len(),
        }
    }

    fn fail(&mut self, kind: Kind) {
        self.error.get_or_insert(kind);
    }

    fn get(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or(&[])
    }

    /// Takes the next line; `None` when no line end follows. A lone CR or LF is an error and
    /// ends the line as well.
    fn line(&mut self) -> Option<Line> {
        let start = self.at;
        let rest = self.bytes.get(start..)?;
        let Some(found) = memchr::memchr2(b'\r', b'\n', rest) else {
            self.fail(Kind::NoEndOfHeaders);
            return None;
        };
        let end = start + found;
        self.at = match self.bytes.get(end..end + 2) {
            Some(b"\r\n") => end + 2,
            _ => {
                self.fail(Kind::LineEnd);
                end + 1
            }
        };
        Some(Line { start, end })
    }

    /// The start line and all header lines.
    fn head(&mut self) -> Option<Start> {
        let start = self.start_line();
        self.header_lines();
        start
    }

    fn start_line(&mut self) -> Option<Start> {
        let line = self.line()?;
        if line.end - line.start > MAX_LINE {
            self.fail(Kind::LineTooLong);
            return None;
        }
        let text = self.get(line.start, line.end);
        match text.first_chunk::<4>() {
            Some(prefix) if prefix.eq_ignore_ascii_case(b"SIP/") => self.status_line(&line, text),
            _ => self.request_line(&line, text),
        }
    }

    /// `Method SP Request-URI SP SIP-Version`, with exactly these spaces (section 7.1).
    fn request_line(&mut self, line: &Line, text: &[u8]) -> Option<Start> {
        let first = memchr::memchr(b' ', text);
        let last = memchr::memrchr(b' ', text);
        let (Some(first), Some(last)) = (first, last) else {
            self.fail(Kind::StartLine);
            return None;
        };
        let name = std::str::from_utf8(text.get(..first)?).ok()?;
        if !super::lex::is_token(name) {
            self.fail(Kind::Method);
            return None;
        }
        let uri = span(line.start + first + 1, line.start + last.max(first + 1));
        let version = text.get(last + 1..).unwrap_or(&[]);
        if first == last
            || !version.first_chunk::<4>().is_some_and(|v| v.eq_ignore_ascii_case(b"SIP/"))
        {
            self.fail(Kind::StartLine);
        }
        let uri_text = self.get(usize::from(uri.start), usize::from(uri.end));
        if uri_text.is_empty() || !uri_text.iter().all(|byte| is_uri_byte(*byte)) {
            self.fail(Kind::RequestUri);
        }
        let version = span(line.start + last + 1, line.end);
        Some(Start::Request { method: Method::parse(name), uri, version })
    }

    /// `SIP-Version SP Status-Code SP Reason-Phrase` (section 7.2).
    fn status_line(&mut self, line: &Line, text: &[u8]) -> Option<Start> {
        let parts = text.split_at_checked(8).filter(|(v, _)| v.eq_ignore_ascii_case(b"SIP/2.0 "));
        let Some((_, rest)) = parts else {
            self.fail(Kind::StartLine);
            return None;
        };
        let code_end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
        let code = rest.get(..code_end).and_then(|code| std::str::from_utf8(code).ok());
        let status = code.filter(|code| code.len() == 3).and_then(number);
        let Some(status @ 100..=699) = status else {
            self.fail(Kind::StatusCode);
            return None;
        };
        let reason = span((line.start + 8 + code_end + 1).min(line.end), line.end);
        Some(Start::Response { status: status as u16, reason })
    }

    /// Takes header lines up to and including the empty line.
    fn header_lines(&mut self) {
        while let Some(mut line) = self.line() {
            if line.start == line.end {
                return;
            }
            while matches!(self.bytes.get(self.at), Some(b' ' | b'\t')) {
                let Some(next) = self.line() else { return };
                line.end = next.end;
                self.folded = true;
            }
            if self.headers.len() == MAX_HEADERS {
                self.fail(Kind::TooManyHeaders);
                return;
            }
            self.header_line(&line);
        }
    }

    /// `name *(SP / HTAB) ":" value` (section 7.3.1).
    fn header_line(&mut self, line: &Line) {
        let text = self.get(line.start, line.end);
        if text.len() > MAX_LINE {
            return self.fail(Kind::LineTooLong);
        }
        let name_len = text.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(text.len());
        let (name, after) = text.split_at_checked(name_len).unwrap_or((text, &[]));
        let Some(value) = trim_start(after).strip_prefix(b":").filter(|_| name_len > 0) else {
            return self.fail(Kind::HeaderLine);
        };
        let value = trim_start(value);
        let start = line.end - value.len();
        let value = trim_end(value);
        let id = HeaderName::from_bytes(name);
        if id == HeaderName::ContentLength {
            self.content_length(value);
        }
        self.present |= id.bit();
        self.headers.push(Entry {
            id,
            name: span(line.start, line.start + name_len),
            value: span(start, start + value.len()),
        });
    }

    /// Several lengths must agree (RFC 4475 section 3.3.9).
    fn content_length(&mut self, value: &[u8]) {
        let length = std::str::from_utf8(value).ok().and_then(number);
        if length.is_none() || self.length.is_some_and(|known| Some(known) != length) {
            self.fail(Kind::ContentLength);
        }
        self.length = self.length.or(length);
    }
}

/// Blanks and the line ends of folds.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    text
}

fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}
