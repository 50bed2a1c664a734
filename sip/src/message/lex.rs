//! Scanning helpers shared by the typed values: tokens, quotes, lists and parameters.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3};

/// ASCII lower case, usable in constants.
pub(crate) const fn lower(byte: u8) -> u8 {
    byte.to_ascii_lowercase()
}

const TOKEN: [bool; 256] = token_table();

const fn token_table() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let extra = b"-.!%*_+`'~";
    let mut at = 0;
    while at < extra.len() {
        table[extra[at] as usize] = true;
        at += 1;
    }
    table
}

/// Whether a byte may stand in a token (RFC 3261 section 25.1).
#[inline]
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// Whether the text is a token: one or more token characters.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Removes linear white space on the left; folds are spaces by the time this runs.
#[inline]
pub(crate) fn trim_start(mut text: &str) -> &str {
    while let Some(rest) = text.strip_prefix([' ', '\t']) {
        text = rest;
    }
    text
}

/// Removes linear white space on the right.
#[inline]
pub(crate) fn trim_end(mut text: &str) -> &str {
    while let Some(rest) = text.strip_suffix([' ', '\t']) {
        text = rest;
    }
    text
}

/// Removes linear white space on both sides.
#[inline]
pub(crate) fn trim(text: &str) -> &str {
    trim_end(trim_start(text))
}

/// A quoted string or an angle bracket that never ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unbalanced;

/// The index after the closing quote of a quoted string that starts at index 0.
pub(crate) fn quoted_end(text: &str) -> Result<usize, Unbalanced> {
    closing_quote(text.as_bytes(), 1)
}

/// The index after the next quote at or after `from` that no backslash escapes.
fn closing_quote(text: &[u8], mut from: usize) -> Result<usize, Unbalanced> {
    loop {
        let rest = text.get(from..).ok_or(Unbalanced)?;
        let at = from + memchr2(b'"', b'\\', rest).ok_or(Unbalanced)?;
        if text.get(at) == Some(&b'"') {
            return Ok(at + 1);
        }
        from = at + 2;
    }
}

/// Finds `stop` outside quoted strings and, with `angles`, outside angle brackets.
pub(crate) fn find_outside(
    text: &str,
    stop: u8,
    angles: bool,
) -> Result<Option<usize>, Unbalanced> {
    let text = text.as_bytes();
    let open = if angles { b'<' } else { b'"' };
    let mut from = 0;
    while let Some(rest) = text.get(from..) {
        let Some(found) = memchr3(stop, b'"', open, rest) else { break };
        let at = from + found;
        from = match text.get(at) {
            Some(byte) if *byte == stop => return Ok(Some(at)),
            Some(b'"') => closing_quote(text, at + 1)?,
            _ => at + 1 + memchr(b'>', rest.get(found..).unwrap_or(&[])).ok_or(Unbalanced)?,
        };
    }
    Ok(None)
}

/// Splits off the text before the first `stop` outside quotes; unbalanced text counts as one piece.
pub(crate) fn split_outside(text: &str, stop: u8, angles: bool) -> (&str, Option<&str>) {
    match find_outside(text, stop, angles) {
        Ok(Some(at)) => split_around(text, at),
        Ok(None) | Err(Unbalanced) => (text, None),
    }
}

/// Splits at the first `byte`, which is left out.
#[inline]
pub(crate) fn split_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr(byte, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Splits at the first space or tab, which is left out.
#[inline]
pub(crate) fn split_blank(text: &str) -> Option<(&str, &str)> {
    let at = memchr2(b' ', b'\t', text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The text before and after the byte at `at`.
pub(crate) fn split_around(text: &str, at: usize) -> (&str, Option<&str>) {
    (text.get(..at).unwrap_or(""), text.get(at + 1..))
}

/// The comma-separated elements of one header line, trimmed, empty ones left out.
#[derive(Clone, Debug)]
pub struct ListIter<'a> {
    rest: Option<&'a str>,
    split: bool,
}

impl<'a> ListIter<'a> {
    /// Splits at commas outside quotes and angle brackets.
    pub fn new(text: &'a str) -> Self {
        Self { rest: Some(text), split: true }
    }

    /// Yields the text whole.
    pub(crate) fn whole(text: &'a str) -> Self {
        Self { rest: Some(text), split: false }
    }
}

impl<'a> Iterator for ListIter<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if !self.split {
            return self.rest.take();
        }
        loop {
            let (head, rest) = split_outside(self.rest?, b',', true);
            self.rest = rest;
            let head = trim(head);
            if !head.is_empty() {
                return Some(head);
            }
        }
    }
}

/// Removes the quotes of a quoted string and its backslashes; other text comes back as it is.
pub fn unquote(text: &str) -> Cow<'_, str> {
    let Some(inner) = strip_quotes(text) else { return Cow::Borrowed(text) };
    if memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            out.push(c);
            escaped = false;
        }
    }
    Cow::Owned(out)
}

/// The text between the outer quotes, backslashes untouched.
pub(crate) fn strip_quotes(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

/// Parameters of a header value: `;name=value;flag` (RFC 3261 section 25.1, generic-param).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a> {
    text: &'a str,
}

impl<'a> Params<'a> {
    /// Takes the text from the first semicolon on, or the text after it.
    pub fn new(text: &'a str) -> Self {
        Self { text: trim(text) }
    }

    /// The parameters as written, from the first semicolon on; may be empty.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// All parameters in order: the name and, after an equals sign, the value as written.
    pub fn iter(&self) -> ParamIter<'a> {
        ParamIter { rest: Some(self.text) }
    }

    /// The value of the first parameter of this name (letter case does not matter), without
    /// outer quotes; empty for a parameter without a value.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| {
            let value = value.unwrap_or("");
            strip_quotes(value).unwrap_or(value)
        })
    }

    /// Whether a parameter of this name is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// The parameters of a [`Params`] in order.
#[derive(Clone, Debug)]
pub struct ParamIter<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for ParamIter<'a> {
    type Item = (&'a str, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (head, rest) = split_outside(self.rest?, b';', false);
            self.rest = rest;
            let head = trim(head);
            if head.is_empty() {
                continue;
            }
            return Some(match split_byte(head, b'=') {
                None => (head, None),
                Some((name, value)) => (trim_end(name), Some(trim_start(value))),
            });
        }
    }
}

/// Reads decimal digits only, no sign; `None` when empty, not digits or out of range.
pub(crate) fn number(text: &str) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0u32, |total, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        total.checked_mul(10)?.checked_add(digit)
    })
}

/// Reads a port, 0 to 65535.
pub(crate) fn port(text: &str) -> Option<u16> {
    number(text).and_then(|value| u16::try_from(value).ok())
}
