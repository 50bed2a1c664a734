//! Writing a message straight into a caller's buffer.

use std::fmt::{self, Display, Write};

use bytes::BytesMut;
use memchr::{memchr2, memchr3};

use super::lex::is_token_byte;
use super::{HeaderName, Message, reason_phrase};
use crate::Method;

/// A growable byte buffer that can be used again: `Vec<u8>` or `BytesMut`.
pub trait Sink {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for BytesMut {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Writes one message, appending to a buffer; allocates only when the buffer must grow.
///
/// Whatever a value holds, it stays on its line: CR, LF and NUL are written as spaces, and a
/// header whose name is not a token is left out. End with [`Writer::finish`]; without it the
/// message has no end.
pub struct Writer<'b, B: Sink> {
    sink: &'b mut B,
}

/// Passes text on with CR, LF and NUL replaced.
struct Clean<'b, B: Sink> {
    sink: &'b mut B,
    /// White space ends a Request-URI, so it is replaced as well.
    in_uri: bool,
}

impl<B: Sink> Write for Clean<'_, B> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let find = |text| match self.in_uri {
            true => [memchr3(b'\r', b'\n', 0, text), memchr2(b' ', b'\t', text)]
                .into_iter()
                .flatten()
                .min(),
            false => memchr3(b'\r', b'\n', 0, text),
        };
        let mut rest = text.as_bytes();
        while let Some(at) = find(rest) {
            let (clean, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            self.sink.put(clean);
            self.sink.put(if self.in_uri { b"%20" } else { b" " });
            rest = tail.get(1..).unwrap_or(&[]);
        }
        self.sink.put(rest);
        Ok(())
    }
}

impl<'b, B: Sink> Writer<'b, B> {
    /// Starts a request. White space in the URI is written as `%20`.
    pub fn request(sink: &'b mut B, method: &Method, uri: impl Display) -> Self {
        let mut writer = Self { sink };
        writer.token(method.as_str());
        writer.sink.put(b" ");
        let mut clean = Clean { sink: writer.sink, in_uri: true };
        // Writing to a sink cannot fail; an error could only come from the value's own Display.
        let _ = write!(clean, "{uri}");
        writer.sink.put(b" SIP/2.0\r\n");
        writer
    }

    /// Starts a response; an empty reason is replaced by the registered phrase.
    pub fn response(sink: &'b mut B, status: u16, reason: &str) -> Self {
        let mut writer = Self { sink };
        let reason = if reason.is_empty() { reason_phrase(status) } else { reason };
        writer.sink.put(b"SIP/2.0 ");
        let digit = |of: u16| b'0' + (of % 10) as u8;
        writer.sink.put(&[digit(status / 100), digit(status / 10), digit(status), b' ']);
        writer.text(reason);
        writer.sink.put(b"\r\n");
        writer
    }

    /// Adds a header; `HeaderName::Other` has no name and writes nothing.
    pub fn header(&mut self, name: HeaderName, value: impl Display) -> &mut Self {
        if name != HeaderName::Other {
            self.sink.put(name.as_str().as_bytes());
            self.sink.put(b": ");
            self.value(value);
            self.sink.put(b"\r\n");
        }
        self
    }

    /// Adds a header whose value is a plain text; the same as [`Writer::header`], without the formatter.
    pub fn header_text(&mut self, name: HeaderName, value: &str) -> &mut Self {
        if name != HeaderName::Other {
            self.sink.put(name.as_str().as_bytes());
            self.sink.put(b": ");
            self.text(value);
            self.sink.put(b"\r\n");
        }
        self
    }

    /// Adds a header if there is a value.
    pub fn header_opt(&mut self, name: HeaderName, value: Option<impl Display>) -> &mut Self {
        if let Some(value) = value {
            self.header(name, value);
        }
        self
    }

    /// Adds a header of any name; left out when the name is not a token.
    pub fn header_named(&mut self, name: &str, value: impl Display) -> &mut Self {
        if super::lex::is_token(name) {
            self.sink.put(name.as_bytes());
            self.sink.put(b": ");
            self.value(value);
            self.sink.put(b"\r\n");
        }
        self
    }

    /// Copies all headers of this name in order, one line for each, as they were.
    pub fn copy(&mut self, from: &Message, name: HeaderName) -> &mut Self {
        if !from.has(name) {
            return self;
        }
        for entry in from.headers.iter().filter(|entry| entry.id == name) {
            let full = match name {
                HeaderName::Other => from.text(entry.name),
                name => name.as_str(),
            };
            self.line(full, from.text(entry.value));
        }
        self
    }

    /// Copies, in order and with the names as written, every header that `pick` accepts.
    pub fn copy_untouched(
        &mut self,
        from: &Message,
        mut pick: impl FnMut(HeaderName, &str) -> bool,
    ) -> &mut Self {
        for entry in &from.headers {
            if pick(entry.id, from.text(entry.name)) {
                self.line(from.text(entry.name), from.text(entry.value));
            }
        }
        self
    }

    /// Writes Content-Length, and Content-Type unless the body is empty, then the body.
    pub fn finish(&mut self, content_type: &str, body: &[u8]) {
        if !body.is_empty() && !content_type.is_empty() {
            self.header(HeaderName::ContentType, content_type);
        }
        self.header(HeaderName::ContentLength, body.len());
        self.sink.put(b"\r\n");
        self.sink.put(body);
    }

    /// Ends a message without a body.
    pub fn finish_empty(&mut self) {
        self.sink.put(b"Content-Length: 0\r\n\r\n");
    }

    /// A name and value that a parser has already confined to one line.
    fn line(&mut self, name: &str, value: &str) {
        self.sink.put(name.as_bytes());
        self.sink.put(b": ");
        self.sink.put(value.as_bytes());
        self.sink.put(b"\r\n");
    }

    fn value(&mut self, value: impl Display) {
        let mut clean = Clean { sink: self.sink, in_uri: false };
        // As in `request`: sinks do not fail.
        let _ = write!(clean, "{value}");
    }

    fn text(&mut self, text: &str) {
        // As in `request`: sinks do not fail.
        let _ = Clean { sink: self.sink, in_uri: false }.write_str(text);
    }

    fn token(&mut self, text: &str) {
        for piece in text.as_bytes().split(|byte| !is_token_byte(*byte)) {
            self.sink.put(piece);
        }
    }
}

/// Displays a text as a quoted string, with backslashes where they are needed
/// (RFC 3261 section 25.1).
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut rest = self.0;
        while let Some(at) = rest.find(['"', '\\']) {
            let (plain, special) = rest.split_at(at);
            f.write_str(plain)?;
            f.write_char('\\')?;
            // Both are one byte long.
            f.write_str(special.get(..1).unwrap_or_default())?;
            rest = special.get(1..).unwrap_or_default();
        }
        f.write_str(rest)?;
        f.write_char('"')
    }
}
