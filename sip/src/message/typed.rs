//! Typed single values of a message.

use super::lex::{number, split_blank, split_outside, trim};
use super::{
    AuthParams, Event, HeaderError, HeaderName, Message, NameAddr, RAck, ReasonValue, Replaces,
    SessionExpires, Via,
};
use crate::Method;
use crate::uri::{Uri, UriError};

impl Message {
    fn required(&self, name: HeaderName) -> Result<&str, HeaderError> {
        self.header(name).ok_or(HeaderError::missing(name))
    }

    fn address(&self, name: HeaderName) -> Result<NameAddr<'_>, HeaderError> {
        NameAddr::parse(self.required(name)?).ok_or(HeaderError::malformed(name))
    }

    /// The topmost Via value.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn top_via(&self) -> Result<Via<'_>, HeaderError> {
        let line = self.required(HeaderName::Via)?;
        let (top, _) = split_outside(line, b',', true);
        Via::parse(top).ok_or(HeaderError::malformed(HeaderName::Via))
    }

    /// From.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn from(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.address(HeaderName::From)
    }

    /// To.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn to(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.address(HeaderName::To)
    }

    /// Call-ID.
    ///
    /// # Errors
    /// When it is missing, empty or holds white space.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        let text = self.required(HeaderName::CallId)?;
        let bad = text.is_empty() || text.bytes().any(|byte| byte <= b' ');
        if bad { Err(HeaderError::malformed(HeaderName::CallId)) } else { Ok(text) }
    }

    fn cseq_parts(&self) -> Result<(u32, &str), HeaderError> {
        let malformed = HeaderError::malformed(HeaderName::CSeq);
        let text = self.required(HeaderName::CSeq)?;
        let (value, method) = split_blank(text).ok_or(malformed)?;
        let method = trim(method);
        if !super::lex::is_token(method) {
            return Err(malformed);
        }
        // Below 2^31 (RFC 3261 section 8.1.1.5).
        match number(value) {
            Some(value) if value < 1 << 31 => Ok((value, method)),
            None if !value.bytes().all(|byte| byte.is_ascii_digit()) => Err(malformed),
            _ => Err(HeaderError::out_of_range(HeaderName::CSeq)),
        }
    }

    /// CSeq: the number, below 2^31, and the method.
    ///
    /// # Errors
    /// When it is missing, malformed or out of range.
    pub fn cseq(&self) -> Result<(u32, Method), HeaderError> {
        self.cseq_parts().map(|(value, method)| (value, Method::parse(method)))
    }

    /// The method of CSeq, when it can be read.
    pub fn cseq_method(&self) -> Option<Method> {
        self.cseq().ok().map(|(_, method)| method)
    }

    /// Whether CSeq carries the request's own method; true for a response.
    pub(crate) fn cseq_matches(&self) -> bool {
        match (self.method(), self.cseq_parts()) {
            (Some(method), Ok((_, name))) => method.as_str() == name,
            _ => true,
        }
    }

    /// The Request-URI, parsed.
    ///
    /// # Errors
    /// When it does not follow the grammar of its scheme.
    pub fn uri(&self) -> Result<Uri<'_>, UriError> {
        Uri::parse(self.request_uri())
    }

    fn single<'a, T>(&'a self, name: HeaderName, read: impl Fn(&'a str) -> Option<T>) -> Option<T> {
        self.header(name).and_then(read)
    }

    /// Max-Forwards; `None` when missing or no number.
    pub fn max_forwards(&self) -> Option<u32> {
        self.single(HeaderName::MaxForwards, number)
    }

    /// Expires in seconds; `None` when missing, no number or above 2^32-1.
    pub fn expires(&self) -> Option<u32> {
        self.single(HeaderName::Expires, number)
    }

    /// Min-Expires in seconds.
    pub fn min_expires(&self) -> Option<u32> {
        self.single(HeaderName::MinExpires, number)
    }

    /// Session-Expires (RFC 4028).
    pub fn session_expires(&self) -> Option<SessionExpires> {
        self.single(HeaderName::SessionExpires, SessionExpires::parse)
    }

    /// Min-SE in seconds (RFC 4028).
    pub fn min_se(&self) -> Option<u32> {
        self.single(HeaderName::MinSe, |text| SessionExpires::parse(text).map(|v| v.seconds))
    }

    /// RSeq (RFC 3262).
    pub fn rseq(&self) -> Option<u32> {
        self.single(HeaderName::RSeq, number)
    }

    /// RAck (RFC 3262).
    pub fn rack(&self) -> Option<RAck> {
        self.single(HeaderName::RAck, RAck::parse)
    }

    /// Retry-After in seconds, without its comment and parameters.
    pub fn retry_after(&self) -> Option<u32> {
        self.single(HeaderName::RetryAfter, |text| {
            number(trim(text.split([';', '(']).next().unwrap_or("")))
        })
    }

    /// The credentials or challenges of a header, one for each line (section 20.7).
    pub fn auth(&self, name: HeaderName) -> impl Iterator<Item = AuthParams<'_>> + Clone {
        self.headers(name).filter_map(AuthParams::parse)
    }

    /// The credentials in Authorization, of every line.
    pub fn authorization(&self) -> impl Iterator<Item = AuthParams<'_>> + Clone {
        self.auth(HeaderName::Authorization)
    }

    /// The credentials in Proxy-Authorization, of every line.
    pub fn proxy_authorization(&self) -> impl Iterator<Item = AuthParams<'_>> + Clone {
        self.auth(HeaderName::ProxyAuthorization)
    }

    /// The challenges in WWW-Authenticate, of every line.
    pub fn www_authenticate(&self) -> impl Iterator<Item = AuthParams<'_>> + Clone {
        self.auth(HeaderName::WwwAuthenticate)
    }

    /// The challenges in Proxy-Authenticate, of every line.
    pub fn proxy_authenticate(&self) -> impl Iterator<Item = AuthParams<'_>> + Clone {
        self.auth(HeaderName::ProxyAuthenticate)
    }

    /// The values of Reason (RFC 3326).
    pub fn reason_header(&self) -> impl Iterator<Item = ReasonValue<'_>> + Clone {
        self.values(HeaderName::Reason).filter_map(ReasonValue::parse)
    }

    /// Refer-To (RFC 3515).
    pub fn refer_to(&self) -> Option<NameAddr<'_>> {
        self.single(HeaderName::ReferTo, NameAddr::parse)
    }

    /// Referred-By (RFC 3892).
    pub fn referred_by(&self) -> Option<NameAddr<'_>> {
        self.single(HeaderName::ReferredBy, NameAddr::parse)
    }

    /// Replaces (RFC 3891).
    pub fn replaces(&self) -> Option<Replaces<'_>> {
        self.single(HeaderName::Replaces, Replaces::parse)
    }

    /// Event (RFC 6665).
    pub fn event(&self) -> Option<Event<'_>> {
        self.single(HeaderName::Event, Event::parse)
    }
}
