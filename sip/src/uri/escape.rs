//! Percent escapes (RFC 3261 section 19.1.2).

use std::borrow::Cow;
use std::fmt;

fn hex(byte: Option<&u8>) -> Option<u8> {
    byte.and_then(|b| char::from(*b).to_digit(16)).and_then(|digit| u8::try_from(digit).ok())
}

/// The byte of an escape whose percent sign stands at `at`.
fn escaped_byte(bytes: &[u8], at: usize) -> Option<u8> {
    Some(hex(bytes.get(at + 1))? << 4 | hex(bytes.get(at + 2))?)
}

/// Decodes `%HH`; a percent sign that starts no escape stays. Bytes that are not UTF-8 become
/// U+FFFD.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, escaped_byte(bytes, at)) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Iterates bytes with those escapes decoded whose character may also stand unescaped: `%61` is
/// the same as `a`, but `%40` is not the same as `@` (section 19.1.4).
pub(super) fn comparable(text: &str) -> impl Iterator<Item = (u8, bool)> + '_ {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let byte = *bytes.get(at)?;
        if byte == b'%'
            && let Some(decoded) = escaped_byte(bytes, at)
        {
            at += 3;
            return Some((decoded, is_reserved(decoded)));
        }
        at += 1;
        Some((byte, false))
    })
}

/// The reserved set of RFC 2396 section 2.2.
const fn is_reserved(byte: u8) -> bool {
    matches!(byte, b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',')
}

const fn is_user_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
        || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/')
}

/// Displays a text as the user part of a URI, escaping what may not stand there.
#[derive(Clone, Copy, Debug)]
pub struct EscapeUser<'a>(pub &'a str);

impl fmt::Display for EscapeUser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if is_user_byte(byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}
