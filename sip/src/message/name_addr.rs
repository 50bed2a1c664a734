//! An address with a display name and parameters: From, To, Contact, Route and their kin.

use std::borrow::Cow;
use std::fmt;

use super::Quoted;
use super::lex::{
    Params, find_outside, is_token_byte, number, quoted_end, split_byte, strip_quotes, trim,
    trim_end, unquote,
};
use crate::uri::{Uri, UriError};

/// `"Display" <uri>;params` or `uri;params` (RFC 3261 section 20.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    display: &'a str,
    uri: &'a str,
    params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one address; the URI itself is not checked until [`NameAddr::uri`].
    ///
    /// `None` for an unbalanced quote or bracket, an empty URI, or a URI outside brackets with a
    /// comma, a question mark or white space in it (section 20).
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = trim(text);
        if text.starts_with('"') {
            let end = quoted_end(text).ok()?;
            let (display, rest) = text.split_at_checked(end)?;
            return Self::bracketed(display, trim(rest));
        }
        match memchr::memchr2(b'<', b'"', text.as_bytes()) {
            Some(at) if text.as_bytes().get(at) == Some(&b'<') => {
                let (display, rest) = text.split_at_checked(at)?;
                Self::bracketed(trim_end(display), rest)
            }
            _ => Self::bare(text),
        }
    }

    fn bracketed(display: &'a str, text: &'a str) -> Option<Self> {
        let (uri, rest) = split_byte(text.strip_prefix('<')?, b'>')?;
        let (uri, rest) = (trim(uri), trim(rest));
        let ended = rest.is_empty() || rest.starts_with(';');
        if uri.is_empty() || !ended || find_outside(rest, b'\n', false).is_err() {
            return None;
        }
        Some(Self { display, uri, params: Params::new(rest) })
    }

    /// Without brackets everything after the first semicolon belongs to the header.
    fn bare(text: &'a str) -> Option<Self> {
        let (uri, params) = split_byte(text, b';').unwrap_or((text, ""));
        let uri = trim_end(uri);
        let forbidden = |byte| matches!(byte, b',' | b'?' | b' ' | b'\t' | b'"' | b'>');
        if uri.is_empty() || uri.bytes().any(forbidden) {
            return None;
        }
        find_outside(params, b'\n', false).ok()?;
        Some(Self { display: "", uri, params: Params::new(params) })
    }

    /// The display name without quotes and backslashes; empty when there is none.
    pub fn display_name(&self) -> Cow<'a, str> {
        unquote(self.display)
    }

    /// The display name as written, quotes included.
    pub fn display_raw(&self) -> &'a str {
        self.display
    }

    /// The URI as written.
    pub fn uri_str(&self) -> &'a str {
        self.uri
    }

    /// The URI.
    ///
    /// # Errors
    /// When the text does not follow the grammar of its scheme.
    pub fn uri(&self) -> Result<Uri<'a>, UriError> {
        Uri::parse(self.uri)
    }

    /// The header parameters, after the brackets.
    pub fn params(&self) -> Params<'a> {
        self.params
    }

    /// One header parameter, without quotes; empty when it has no value.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.get(name)
    }

    /// The `tag` parameter, when it has a value.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The `expires` parameter in seconds.
    pub fn expires(&self) -> Option<u32> {
        self.params.get("expires").and_then(number)
    }

    /// The `q` parameter in thousandths, 0 to 1000.
    pub fn q(&self) -> Option<u16> {
        let text = self.params.get("q")?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let thousandths = fraction
            .bytes()
            .chain(std::iter::repeat(b'0'))
            .take(3)
            .fold(0, |total, digit| total * 10 + u16::from(digit - b'0'));
        match whole {
            "0" | "" => Some(thousandths),
            "1" if thousandths == 0 => Some(1000),
            _ => None,
        }
    }
}

/// Writes the address in brackets, with quotes around a display name that needs them.
impl fmt::Display for NameAddr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if strip_quotes(self.display).is_some() || is_tokens(self.display) {
            f.write_str(self.display)?;
        } else {
            Quoted(self.display).fmt(f)?;
        }
        let space = if self.display.is_empty() { "" } else { " " };
        write!(f, "{space}<{}>", self.uri)?;
        let params = self.params.as_str();
        if !params.is_empty() && !params.starts_with(';') {
            f.write_str(";")?;
        }
        f.write_str(params)
    }
}

/// Whether a display name as written is a quoted string, or stands unquoted without characters
/// that separate or escape (RFC 3261 section 25.1). Others that need quotes are let through:
/// devices write them, nothing is ambiguous, and we add the quotes when we write.
pub(crate) fn display_is_valid(display: &str) -> bool {
    let bad = |byte| matches!(byte, 0..0x20 | 0x7f | b',' | b';' | b'\\' | b'"' | b'>');
    strip_quotes(display).is_some() || !display.bytes().any(bad)
}

/// Whether a display name may stand without quotes.
fn is_tokens(display: &str) -> bool {
    display.bytes().all(|byte| is_token_byte(byte) || matches!(byte, b' ' | b'\t'))
}
