//! What can be wrong with a message and how it is answered.

use std::fmt;

use super::{HeaderName, Message};

/// Why bytes are not a SIP message that can be processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParseErrorKind {
    /// Nothing but line ends.
    Empty,
    /// More than [`super::MAX_MESSAGE`] bytes.
    TooLong,
    /// A line of more than [`super::MAX_LINE`] bytes.
    LineTooLong,
    /// More than [`super::MAX_HEADERS`] header lines.
    TooManyHeaders,
    /// The first line is neither a request line nor a status line (RFC 3261 section 7).
    StartLine,
    /// The method is not a token.
    Method,
    /// White space, angle brackets or control characters in the Request-URI, or none at all.
    RequestUri,
    /// A status line whose code is not three digits from 100 to 699.
    StatusCode,
    /// A header line without a colon or with a bad name.
    HeaderLine,
    /// A CR or LF that is not part of a CRLF.
    LineEnd,
    /// The empty line that ends the headers is missing.
    NoEndOfHeaders,
    /// Content-Length is not a number, or two of them differ (RFC 3261 section 20.14).
    ContentLength,
    /// The datagram ends before the body does (RFC 3261 section 18.3).
    ShortBody,
}

impl ParseErrorKind {
    /// A reason phrase for the response that says what was wrong.
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Empty => "Empty Message",
            Self::TooLong => "Message Too Large",
            Self::LineTooLong => "Header Line Too Long",
            Self::TooManyHeaders => "Too Many Headers",
            Self::StartLine => "Bad Request Line",
            Self::Method => "Bad Method",
            Self::RequestUri => "Bad Request-URI",
            Self::StatusCode => "Bad Status Code",
            Self::HeaderLine => "Bad Header Line",
            Self::LineEnd => "Bad Line End",
            Self::NoEndOfHeaders => "Missing End of Headers",
            Self::ContentLength => "Bad Content-Length",
            Self::ShortBody => "Body Shorter Than Content-Length",
        }
    }

    /// The status that answers it: 513 for size (RFC 3261 section 21.5.7), else 400.
    pub const fn status(self) -> u16 {
        match self {
            Self::TooLong => 513,
            _ => 400,
        }
    }
}

impl fmt::Display for ParseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.phrase())
    }
}

/// A message that could not be parsed, and what of it can be used for an answer.
#[derive(Clone, Debug)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// The readable part, when it is a request other than ACK whose top Via can be read and whose
    /// From, To, Call-ID and CSeq are there, so that a response can be built from it; otherwise
    /// the message is dropped.
    pub partial: Option<Box<Message>>,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for ParseError {}

/// What is wrong with one header's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// The header is not there.
    Missing,
    /// The value does not follow its grammar.
    Malformed,
    /// A number is outside its range.
    OutOfRange,
    /// The header may stand once only and stands several times.
    Repeated,
    /// The value contradicts another part of the message.
    Mismatch,
}

/// A typed header value that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeaderError {
    /// Which header.
    pub header: HeaderName,
    /// What is wrong with it.
    pub problem: Problem,
}

impl HeaderError {
    pub(crate) const fn missing(header: HeaderName) -> Self {
        Self { header, problem: Problem::Missing }
    }

    pub(crate) const fn out_of_range(header: HeaderName) -> Self {
        Self { header, problem: Problem::OutOfRange }
    }

    pub(crate) const fn malformed(header: HeaderName) -> Self {
        Self { header, problem: Problem::Malformed }
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.problem {
            Problem::Missing => "Missing",
            Problem::Malformed => "Malformed",
            Problem::OutOfRange => "Out of Range",
            Problem::Repeated => "Repeated",
            Problem::Mismatch => "Mismatched",
        };
        write!(f, "{what} {}", self.header)
    }
}

impl std::error::Error for HeaderError {}
