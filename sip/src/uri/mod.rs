//! SIP, SIPS and tel URIs; URIs of other schemes are kept whole.

mod equality;
mod escape;
mod host;
mod owned;

use std::borrow::Cow;
use std::fmt;

pub use escape::{EscapeUser, decode};
pub use host::Host;
pub use owned::OwnedUri;

use crate::Transport;
use crate::message::{Params, split_byte};

/// A URI that owns its text; the same as [`OwnedUri`].
pub type UriBuf = OwnedUri;

/// What a URI's scheme is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme<'a> {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966)
    Tel,
    /// Any other, as written.
    Other(&'a str),
}

impl<'a> Scheme<'a> {
    fn parse(text: &'a str) -> Self {
        if text.eq_ignore_ascii_case("sip") {
            Self::Sip
        } else if text.eq_ignore_ascii_case("sips") {
            Self::Sips
        } else if text.eq_ignore_ascii_case("tel") {
            Self::Tel
        } else {
            Self::Other(text)
        }
    }

    /// The scheme without its colon.
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Sip => "sip",
            Self::Sips => "sips",
            Self::Tel => "tel",
            Self::Other(text) => text,
        }
    }
}

/// Why a text is not a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UriError {
    /// No scheme, or one with characters that schemes do not have.
    Scheme,
    /// White space, control characters, quotes or angle brackets.
    Character,
    /// Nothing before the `@`.
    EmptyUser,
    /// The host is missing or is neither a name nor an address.
    Host,
    /// The port is not a number up to 65535.
    Port,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "bad URI scheme",
            Self::Character => "bad character in URI",
            Self::EmptyUser => "empty user in URI",
            Self::Host => "bad host in URI",
            Self::Port => "bad port in URI",
        })
    }
}

impl std::error::Error for UriError {}

const URI_BYTE: [bool; 256] = {
    let mut table = [true; 256];
    let mut byte = 0;
    while byte < 256 {
        let control = byte <= b' ' as usize || byte == 0x7f;
        table[byte] = !(control || matches!(byte as u8, b'<' | b'>' | b'"'));
        byte += 1;
    }
    table
};

/// Whether a byte may stand in a URI. Bytes that break the line or the brackets around a URI may
/// not; others that the grammar leaves out are let through, since devices write them.
pub(crate) const fn is_uri_byte(byte: u8) -> bool {
    URI_BYTE[byte as usize]
}

/// A URI read in place (RFC 3261 section 19.1, RFC 3966).
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    raw: &'a str,
    scheme: Scheme<'a>,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: Option<Host<'a>>,
    port: Option<u16>,
    params: Params<'a>,
    headers: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Reads a URI. Of a scheme other than sip, sips and tel only the scheme is read.
    ///
    /// # Errors
    /// See [`UriError`].
    pub fn parse(raw: &'a str) -> Result<Self, UriError> {
        if !raw.bytes().all(is_uri_byte) {
            return Err(UriError::Character);
        }
        let (scheme, rest) = split_byte(raw, b':').ok_or(UriError::Scheme)?;
        let in_scheme = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(in_scheme)
        {
            return Err(UriError::Scheme);
        }
        let opaque = Self {
            raw,
            scheme: Scheme::parse(scheme),
            user: None,
            password: None,
            host: None,
            port: None,
            params: Params::default(),
            headers: None,
        };
        match opaque.scheme {
            Scheme::Sip | Scheme::Sips => opaque.with_sip(rest),
            Scheme::Tel => opaque.with_tel(rest),
            Scheme::Other(_) => Ok(opaque),
        }
    }

    /// `[user[:password]@]host[:port][;params][?headers]`. The user may hold semicolons and
    /// question marks; after it no `@` is legal, so the first one ends it.
    fn with_sip(mut self, rest: &'a str) -> Result<Self, UriError> {
        let rest = match split_byte(rest, b'@') {
            None => rest,
            Some((user_info, rest)) => {
                let (user, password) = match split_byte(user_info, b':') {
                    Some((user, password)) => (user, Some(password)),
                    None => (user_info, None),
                };
                if user.is_empty() {
                    return Err(UriError::EmptyUser);
                }
                (self.user, self.password) = (Some(user), password);
                rest
            }
        };
        let host_end = memchr::memchr2(b';', b'?', rest.as_bytes()).unwrap_or(rest.len());
        let (host_port, rest) = rest.split_at_checked(host_end).unwrap_or((rest, ""));
        let (host, port) = host::split_port(host_port).ok_or(UriError::Port)?;
        self.host = Some(Host::parse(host).ok_or(UriError::Host)?);
        self.port = port;
        let (params, headers) = match split_byte(rest, b'?') {
            Some((params, headers)) => (params, Some(headers)),
            None => (rest, None),
        };
        self.params = Params::new(params);
        self.headers = headers;
        Ok(self)
    }

    /// `number[;params]` (RFC 3966 section 3); the number is given as the user.
    fn with_tel(mut self, rest: &'a str) -> Result<Self, UriError> {
        let (number, params) = match rest.find(';') {
            Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
            None => (rest, ""),
        };
        if number.is_empty() {
            return Err(UriError::EmptyUser);
        }
        self.user = Some(number);
        self.params = Params::new(params);
        Ok(self)
    }

    /// The text as written.
    pub fn as_str(&self) -> &'a str {
        self.raw
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme<'a> {
        self.scheme
    }

    /// Whether the scheme is sip or sips.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The user as written, escapes included; of a tel URI the number.
    pub fn user(&self) -> Option<&'a str> {
        self.user
    }

    /// The user with its escapes decoded; bytes that are not UTF-8 become U+FFFD.
    pub fn user_decoded(&self) -> Option<Cow<'a, str>> {
        self.user.map(decode)
    }

    /// The password as written.
    pub fn password(&self) -> Option<&'a str> {
        self.password
    }

    /// The host; `None` for tel and unknown schemes.
    pub fn host(&self) -> Option<Host<'a>> {
        self.host
    }

    /// The port as written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The URI parameters.
    pub fn params(&self) -> Params<'a> {
        self.params
    }

    /// The value of a URI parameter as written, empty when it has none. The name may be written
    /// with escapes and in any letter case.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params
            .iter()
            .find(|(key, _)| decode(key).eq_ignore_ascii_case(name))
            .map(|(_, value)| value.unwrap_or(""))
    }

    /// Whether the `lr` parameter marks a loose router (section 19.1.1).
    pub fn is_loose_router(&self) -> bool {
        self.param("lr").is_some()
    }

    /// The `transport` parameter, when it names one of ours.
    pub fn transport(&self) -> Option<Transport> {
        self.param("transport").and_then(Transport::parse)
    }

    /// The text after the question mark.
    pub fn headers(&self) -> Option<&'a str> {
        self.headers
    }

    /// The headers after the question mark, name and value as written.
    pub fn header_fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.headers
            .into_iter()
            .flat_map(|text| text.split('&'))
            .filter(|field| !field.is_empty())
            .map(|field| field.split_once('=').unwrap_or((field, "")))
    }

    /// A copy that owns its text.
    pub fn to_owned_uri(&self) -> OwnedUri {
        OwnedUri::from_checked(self.raw)
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.raw)
    }
}
