//! Cutting a byte stream into messages (RFC 3261 section 18.3).

use bytes::{Buf, Bytes, BytesMut};

use crate::message::{HeaderName, MAX_HEADERS, MAX_LINE, MAX_MESSAGE};

/// What a stream holds next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// One whole message, for [`crate::Message::parse`].
    Message(Bytes),
    /// CRLF CRLF between messages: answer it with one CRLF (RFC 5626 section 3.5.1).
    KeepAlivePing,
    /// One CRLF between messages: the answer to our ping.
    Pong,
}

/// Why a stream cannot be read further; the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameError {
    /// A message of more than [`MAX_MESSAGE`] bytes.
    TooLong,
    /// A line of more than [`MAX_LINE`] bytes.
    LineTooLong,
    /// More than [`MAX_HEADERS`] header lines.
    TooManyHeaders,
    /// No Content-Length, which a stream needs (section 20.14).
    NoContentLength,
    /// Content-Length is not a number, or two differ.
    BadContentLength,
    /// A line that does not end with CRLF.
    BadLineEnd,
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "message too long",
            Self::LineTooLong => "line too long",
            Self::TooManyHeaders => "too many header lines",
            Self::NoContentLength => "no Content-Length on a stream",
            Self::BadContentLength => "bad Content-Length",
            Self::BadLineEnd => "line does not end with CRLF",
        })
    }
}

impl std::error::Error for FrameError {}

/// Where the framer is in the message at the front of its buffer. Offsets count from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between messages.
    Between,
    /// Reading lines.
    Head(Head),
    /// The head is whole; the message ends here.
    Body { end: usize },
    /// An error was reported; nothing more is read.
    Failed(FrameError),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    /// Where the current header starts, of which folds are a part.
    header: usize,
    /// Where the current line starts.
    line: usize,
    /// Up to where the current line was searched for its end.
    searched: usize,
    /// Lines seen, the start line included.
    lines: usize,
    length: Option<usize>,
}

/// Collects the bytes of one connection and yields frames. Each byte is looked at once, however
/// the stream is cut into reads, and never more than one message is waited for.
#[derive(Debug)]
pub struct StreamFramer {
    buffer: BytesMut,
    state: State,
}

impl Default for StreamFramer {
    fn default() -> Self {
        Self::new()
    }
}

impl StreamFramer {
    /// An empty framer.
    pub fn new() -> Self {
        Self { buffer: BytesMut::new(), state: State::Between }
    }

    /// Appends bytes that were read. Call [`StreamFramer::next_frame`] until it has nothing
    /// more before reading on, so that at most one message and one read are held.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Failed(_)) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The buffer to read into directly, instead of [`StreamFramer::feed`]; only append to it.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The number of bytes held.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// The next frame, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// The stream has lost its framing: the same error is returned ever after.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let result = self.advance();
        if let Err(error) = result {
            self.state = State::Failed(error);
            self.buffer = BytesMut::new();
        }
        result
    }

    fn advance(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.state == State::Between {
            if let Some(frame) = self.between() {
                return Ok(Some(frame));
            }
            match self.buffer.first() {
                None | Some(b'\r') => return Ok(None),
                Some(_) => self.state = State::Head(Head::default()),
            }
        }
        if let State::Head(head) = self.state {
            self.state = self.read_head(head)?;
        }
        match self.state {
            State::Body { end } if self.buffer.len() >= end => {
                self.state = State::Between;
                Ok(Some(Frame::Message(self.buffer.split_to(end).freeze())))
            }
            State::Failed(error) => Err(error),
            State::Between | State::Head(_) | State::Body { .. } => Ok(None),
        }
    }

    /// Takes keep-alives; a CR at the end of the buffer waits for its LF.
    fn between(&mut self) -> Option<Frame> {
        let (frame, length) = match *self.buffer {
            [b'\r', b'\n', b'\r', b'\n', ..] => (Frame::KeepAlivePing, 4),
            // The second CR may be on its way: only then it is a ping.
            [b'\r', b'\n', b'\r'] => return None,
            [b'\r', b'\n', ..] => (Frame::Pong, 2),
            _ => return None,
        };
        self.buffer.advance(length);
        Some(frame)
    }

    /// Goes through complete lines until the empty one.
    fn read_head(&self, mut head: Head) -> Result<State, FrameError> {
        loop {
            let unseen = self.buffer.get(head.searched..).unwrap_or(&[]);
            let Some(found) = memchr::memchr(b'\n', unseen) else {
                head.searched = self.buffer.len();
                let start =
                    if is_fold(self.buffer.get(head.line)) { head.header } else { head.line };
                // The last byte may be the CR of the line's end.
                return head.checked(start, head.searched.saturating_sub(1)).map(State::Head);
            };
            let end = head.searched + found + 1;
            let line = self.buffer.get(head.line..end).unwrap_or(&[]);
            let line = line.strip_suffix(b"\r\n").ok_or(FrameError::BadLineEnd)?;
            if !is_fold(line.first()) {
                let header = self.buffer.get(head.header..head.line).unwrap_or(&[]);
                head = head.with_header(header)?;
            }
            if line.is_empty() {
                let length = head.length.ok_or(FrameError::NoContentLength)?;
                let end = end.checked_add(length).filter(|end| *end <= MAX_MESSAGE);
                return end.map(|end| State::Body { end }).ok_or(FrameError::TooLong);
            }
            head = head.with_line(end)?;
        }
    }
}

impl Head {
    /// Takes a whole header; the next one starts where it ends.
    fn with_header(mut self, header: &[u8]) -> Result<Self, FrameError> {
        self.header = self.line;
        // The first is the start line.
        if self.lines > 1
            && let Some(value) = content_length(header)
        {
            let length = parse_length(value).ok_or(FrameError::BadContentLength)?;
            if self.length.is_some_and(|known| known != length) {
                return Err(FrameError::BadContentLength);
            }
            self.length = Some(length);
        }
        Ok(self)
    }

    /// Goes on behind a line and its CRLF, which end at `end`. A fold counts as a line: it costs
    /// as much.
    fn with_line(self, end: usize) -> Result<Self, FrameError> {
        let head = self.checked(self.header, end.saturating_sub(2))?;
        if head.lines > MAX_HEADERS {
            return Err(FrameError::TooManyHeaders);
        }
        Ok(Self { lines: head.lines + 1, line: end, searched: end, ..head })
    }

    /// Checks the limits for a head that reaches to `end` and a header in it from `start` on.
    fn checked(self, start: usize, end: usize) -> Result<Self, FrameError> {
        if end > MAX_MESSAGE {
            Err(FrameError::TooLong)
        } else if end.saturating_sub(start) > MAX_LINE {
            Err(FrameError::LineTooLong)
        } else {
            Ok(self)
        }
    }
}

/// Whether a line with this first byte goes on with the header before it.
fn is_fold(first: Option<&u8>) -> bool {
    matches!(first, Some(b' ' | b'\t'))
}

/// The value, if the line is a Content-Length or its compact form.
fn content_length(line: &[u8]) -> Option<&[u8]> {
    let (b'c' | b'C' | b'l' | b'L') = line.first()? else { return None };
    let colon = memchr::memchr(b':', line)?;
    let name = std::str::from_utf8(line.get(..colon)?.trim_ascii_end()).ok()?;
    (HeaderName::parse(name) == HeaderName::ContentLength).then(|| line.get(colon + 1..))?
}

fn parse_length(value: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(value.trim_ascii()).ok()?;
    crate::message::number(text).and_then(|length| usize::try_from(length).ok())
}
