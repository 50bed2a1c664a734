//! A SIP message: a head and a body in one buffer, ranges into the head, and typed values that are read when asked for.
//!
//! [`Message::parse`] finds the start line, the header lines and the body, and nothing more: a
//! value is only looked at by the accessor that returns it. Unknown headers stay where they were.
//! [`Writer`] writes a message straight into a caller's buffer.

mod error;
mod lex;
mod lists;
mod media_type;
mod name;
mod name_addr;
mod parse;
mod status;
mod typed;
mod validate;
mod values;
mod via;
mod writer;

use std::fmt;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use smallvec::SmallVec;

pub use error::{HeaderError, ParseError, ParseErrorKind, Problem};
pub use lex::{ListIter, ParamIter, Params, unquote};
pub(crate) use lex::{number, port, split_byte};
pub use lists::{Contact, Values};
pub use media_type::{BodyPart, MediaType};
pub use name::HeaderName;
pub use name_addr::NameAddr;
pub use status::reason_phrase;
pub use validate::Rejection;
pub use values::{AuthParams, Event, RAck, ReasonValue, Refresher, Replaces, SessionExpires};
pub use via::Via;
pub use writer::{Quoted, Sink, Writer};

use crate::Method;

/// The longest message, in bytes, datagram or stream.
pub const MAX_MESSAGE: usize = 65_535;
/// The most header lines in one message.
pub const MAX_HEADERS: usize = 128;
/// The longest start line or header line, folds included, in bytes.
pub const MAX_LINE: usize = 8_192;

/// A byte range in a message's head.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u16,
    end: u16,
}

/// One header line: its name, name as written, and value.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: HeaderName,
    name: Span,
    value: Span,
}

#[derive(Clone, Debug)]
enum Start {
    Request { method: Method, uri: Span, version: Span },
    Response { status: u16, reason: Span },
}

/// The first line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// `METHOD uri SIP/2.0`
    Request {
        /// The method.
        method: &'a Method,
        /// The Request-URI as written.
        uri: &'a str,
    },
    /// `SIP/2.0 status reason`
    Response {
        /// The status code, 100 to 699.
        status: u16,
        /// The reason phrase, possibly empty.
        reason: &'a str,
    },
}

/// A parsed SIP message.
///
/// Cloning is cheap as long as the headers fit in place, and shares the buffer: use
/// [`Message::detach`] for what must outlive the receive buffer.
#[derive(Clone)]
pub struct Message {
    /// The start line and the header lines, with the empty line. Folds are spaces.
    head: ByteString,
    start: Start,
    headers: SmallVec<[Entry; 20]>,
    /// The header names that stand in it, as bits by variant.
    present: u128,
    body: Bytes,
}

impl Message {
    /// Parses one datagram or one framed stream message.
    ///
    /// Line ends before the start line are skipped; bytes after Content-Length are dropped
    /// (RFC 3261 section 18.3). Without Content-Length the body is the rest.
    ///
    /// # Errors
    /// Whatever the sections cited at [`ParseErrorKind`] forbid; the error carries the readable
    /// part if it can be answered.
    pub fn parse(bytes: Bytes) -> Result<Self, ParseError> {
        parse::parse(bytes)
    }

    /// The first line.
    pub fn start_line(&self) -> StartLine<'_> {
        match &self.start {
            Start::Request { method, uri, .. } => {
                StartLine::Request { method, uri: self.text(*uri) }
            }
            Start::Response { status, reason } => {
                StartLine::Response { status: *status, reason: self.text(*reason) }
            }
        }
    }

    /// Whether this is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// The method of a request; a response has it in [`Message::cseq_method`].
    pub fn method(&self) -> Option<&Method> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The Request-URI as written; empty for a response.
    pub fn request_uri(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => self.text(*uri),
            Start::Response { .. } => "",
        }
    }

    /// The version at the end of a request line as written.
    pub(crate) fn version(&self) -> &str {
        match &self.start {
            Start::Request { version, .. } => self.text(*version),
            Start::Response { .. } => "SIP/2.0",
        }
    }

    /// The status code of a response.
    pub fn status(&self) -> Option<u16> {
        match &self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(*status),
        }
    }

    /// The reason phrase of a response as written; empty for a request.
    pub fn reason(&self) -> &str {
        match &self.start {
            Start::Request { .. } => "",
            Start::Response { reason, .. } => self.text(*reason),
        }
    }

    /// Whether there is a header of this name.
    #[inline]
    pub fn has(&self, name: HeaderName) -> bool {
        self.present & name.bit() != 0
    }

    /// The value of the first header of this name, trimmed, folds turned into spaces. For a list
    /// header this is the first line, which may hold several values.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        if !self.has(name) {
            return None;
        }
        self.headers.iter().find(|entry| entry.id == name).map(|entry| self.text(entry.value))
    }

    /// The values of all headers of this name, one for each line, in order.
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &str> + Clone {
        self.headers
            .iter()
            .filter(move |entry| entry.id == name)
            .map(|entry| self.text(entry.value))
    }

    /// The first header with this full name, known or unknown; letter case does not matter.
    pub fn header_named(&self, name: &str) -> Option<&str> {
        self.headers_named(name).next()
    }

    /// All headers with this full name, known or unknown; letter case does not matter.
    pub fn headers_named<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a str> + Clone + use<'a, 'n> {
        let id = HeaderName::parse(name);
        self.headers
            .iter()
            .filter(move |entry| {
                entry.id == id
                    && (id != HeaderName::Other || self.text(entry.name).eq_ignore_ascii_case(name))
            })
            .map(|entry| self.text(entry.value))
    }

    /// Every header in order: the name as written, the known name, the value.
    pub fn all_headers(&self) -> impl Iterator<Item = (&str, HeaderName, &str)> + Clone {
        self.headers.iter().map(|entry| (self.text(entry.name), entry.id, self.text(entry.value)))
    }

    /// The number of header lines.
    pub fn header_count(&self) -> usize {
        self.headers.len()
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, sharing this message's buffer.
    pub fn body_bytes(&self) -> Bytes {
        self.body.clone()
    }

    /// A copy of the whole message as it was received, without what followed the body. Folds are spaces.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.head.len() + self.body.len());
        bytes.extend_from_slice(self.head.as_bytes());
        bytes.extend_from_slice(&self.body);
        bytes.freeze()
    }

    /// A copy in an allocation of its own, as large as the message.
    #[must_use]
    pub fn detach(&self) -> Self {
        let mut body = self.to_bytes();
        let head = body.split_to(self.head.len());
        // What was text is text.
        let head = ByteString::try_from(head).unwrap_or_default();
        Self { head, body, ..self.clone() }
    }

    /// Spans end at ASCII bytes.
    fn text(&self, span: Span) -> &str {
        self.head.get(usize::from(span.start)..usize::from(span.end)).unwrap_or("")
    }
}

impl fmt::Debug for Message {
    /// Start line, Call-ID and CSeq: enough for a log, without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("start", &self.start_line())
            .field("call_id", &self.header(HeaderName::CallId))
            .field("cseq", &self.header(HeaderName::CSeq))
            .field("body", &self.body().len())
            .finish()
    }
}
