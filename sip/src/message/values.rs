//! Small typed values of headers.

use std::borrow::Cow;

use super::lex::{
    ListIter, Params, number, split_blank, split_byte, split_outside, trim, trim_end, trim_start,
    unquote,
};
use crate::Method;

/// Credentials or a challenge: a scheme and its parameters (RFC 3261 section 20.7, RFC 7616).
#[derive(Clone, Copy)]
pub struct AuthParams<'a> {
    scheme: &'a str,
    params: &'a str,
}

impl<'a> AuthParams<'a> {
    /// Reads one header value; `None` without a scheme.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = trim(text);
        let (scheme, params) = split_blank(text).unwrap_or((text, ""));
        super::lex::is_token(scheme).then_some(Self { scheme, params })
    }

    /// The scheme as written.
    pub fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// Whether the scheme is Digest.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }

    /// The parameters in order, values as written.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        ListIter::new(self.params).filter_map(|pair| {
            let (name, value) = split_byte(pair, b'=')?;
            Some((trim_end(name), trim_start(value)))
        })
    }

    /// A parameter's value without quotes and backslashes; letter case of the name is ignored.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get_raw(name).map(unquote)
    }

    /// A parameter's value as written.
    pub fn get_raw(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether a parameter stands more than once, which no honest client sends.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).count() > 1
    }
}

/// Only scheme and names: values may be secrets.
impl std::fmt::Debug for AuthParams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.scheme)?;
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Who refreshes a session (RFC 4028 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Refresher {
    /// The one who sent the request.
    Uac,
    /// The one who answers it.
    Uas,
}

/// Session-Expires (RFC 4028 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub seconds: u32,
    /// The `refresher` parameter.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads the header's value.
    pub fn parse(text: &str) -> Option<Self> {
        let (seconds, params) = split_outside(text, b';', false);
        let refresher = match Params::new(params.unwrap_or("")).get("refresher") {
            Some(role) if role.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(role) if role.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Some(Self { seconds: number(trim(seconds))?, refresher })
    }
}

/// RAck (RFC 3262 section 7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq of the response that is acknowledged.
    pub rseq: u32,
    /// The number of its CSeq.
    pub cseq: u32,
    /// The method of its CSeq.
    pub method: Method,
}

impl RAck {
    /// Reads the header's value.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let rack = Self {
            rseq: number(words.next()?)?,
            cseq: number(words.next()?)?,
            method: Method::parse(words.next()?),
        };
        words.next().is_none().then_some(rack)
    }
}

/// One value of Reason (RFC 3326).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonValue<'a> {
    /// `SIP`, `Q.850` or another.
    pub protocol: &'a str,
    /// The `cause`: a status code or a Q.850 cause.
    pub cause: Option<u16>,
    params: Params<'a>,
}

impl<'a> ReasonValue<'a> {
    /// Reads one value.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (protocol, params) = split_outside(trim(text), b';', false);
        let (protocol, params) = (trim(protocol), Params::new(params.unwrap_or("")));
        let cause = params.get("cause").and_then(super::lex::port);
        super::lex::is_token(protocol).then_some(Self { protocol, cause, params })
    }

    /// Whether the cause is one of Q.850.
    pub fn is_q850(&self) -> bool {
        self.protocol.eq_ignore_ascii_case("Q.850")
    }

    /// Whether the cause is a SIP status code.
    pub fn is_sip(&self) -> bool {
        self.protocol.eq_ignore_ascii_case("SIP")
    }

    /// The `text` parameter without quotes.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        let mut found = self.params.iter().filter(|(name, _)| name.eq_ignore_ascii_case("text"));
        found.next().map(|(_, value)| unquote(value.unwrap_or("")))
    }
}

/// Replaces (RFC 3891 section 6.1), also as found in a Refer-To's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// The Call-ID of the dialog to replace.
    pub call_id: &'a str,
    /// The tag of the receiver of this request.
    pub to_tag: &'a str,
    /// The tag of the other end.
    pub from_tag: &'a str,
    /// Whether only an early dialog may be replaced.
    pub early_only: bool,
}

impl<'a> Replaces<'a> {
    /// Reads the header's value.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (call_id, params) = split_outside(trim(text), b';', false);
        let params = Params::new(params?);
        let call_id = trim(call_id);
        (!call_id.is_empty()).then_some(())?;
        Some(Self {
            call_id,
            to_tag: params.get("to-tag")?,
            from_tag: params.get("from-tag")?,
            early_only: params.has("early-only"),
        })
    }
}

/// Event (RFC 6665 section 8.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The package, as written.
    pub package: &'a str,
    /// The parameters, of which `id` is one.
    pub params: Params<'a>,
}

impl<'a> Event<'a> {
    /// Reads the header's value.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (package, params) = split_outside(trim(text), b';', false);
        let package = trim(package);
        let valid = super::lex::is_token(package);
        valid.then(|| Self { package, params: Params::new(params.unwrap_or("")) })
    }

    /// The `id` parameter.
    pub fn id(&self) -> Option<&'a str> {
        self.params.get("id")
    }
}
