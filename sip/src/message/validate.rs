//! Checks of a whole request before anything acts on it (RFC 3261 sections 8.1.1 and 8.2).

use std::fmt;

use super::lex::number;
use super::name_addr::display_is_valid;
use super::{Contact, HeaderError, HeaderName, Message, NameAddr, Problem, Via};
use crate::Method;
use crate::uri::{Scheme, Uri};

/// How a request that fails a check is answered. A response that fails one is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The status of the answer: 400, 416 or 505.
    pub status: u16,
    /// The reason phrase to send.
    pub reason: &'static str,
    /// The header at fault, for a Warning or the log.
    pub warning: Option<HeaderError>,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.reason)?;
        self.warning.map_or(Ok(()), |warning| write!(f, " ({warning})"))
    }
}

impl std::error::Error for Rejection {}

const BAD_REQUEST_URI: Rejection =
    Rejection { status: 400, reason: "Bad Request-URI", warning: None };

const fn bad(header: HeaderName, problem: Problem) -> Rejection {
    Rejection { status: 400, reason: "Bad Request", warning: Some(HeaderError { header, problem }) }
}

impl From<HeaderError> for Rejection {
    fn from(error: HeaderError) -> Self {
        bad(error.header, error.problem)
    }
}

/// Headers that stand once at most (RFC 3261 section 7.3.1 and table 2),
/// as a set of bits by variant.
const SINGLE: u128 = bits(&[
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::MaxForwards,
    HeaderName::ContentType,
    HeaderName::Expires,
    HeaderName::Event,
    HeaderName::ReferTo,
    HeaderName::Replaces,
    HeaderName::SessionExpires,
]);

const fn bits(mut names: &[HeaderName]) -> u128 {
    let mut set = 0;
    while let [first, rest @ ..] = names {
        set |= first.bit();
        names = rest;
    }
    set
}

impl Message {
    /// Checks what every request needs whatever its method: the version, the Request-URI's
    /// scheme, the headers without which nothing can be done, their grammar and ranges. Of a
    /// response only what finding its transaction and dialog needs: dropping more would leave a
    /// caller waiting.
    ///
    /// # Errors
    /// The status that answers the request. For a response any error means: drop it.
    pub fn validate(&self) -> Result<(), Rejection> {
        if !self.version().eq_ignore_ascii_case("SIP/2.0") {
            return Err(Rejection { status: 505, reason: "Version Not Supported", warning: None });
        }
        self.check_single()?;
        self.top_via()?;
        self.call_id()?;
        self.cseq()?;
        let (from, to) = (self.from()?, self.to()?);
        if !self.is_request() {
            return Ok(());
        }
        self.check_request_uri()?;
        check_party(HeaderName::From, &from)?;
        self.check_to(&to)?;
        self.check_numbers()?;
        self.check_lists()
    }

    fn check_single(&self) -> Result<(), Rejection> {
        let mut seen = 0u128;
        for name in self.headers.iter().map(|entry| entry.id) {
            let bit = name.bit();
            if seen & bit & SINGLE != 0 {
                return Err(bad(name, Problem::Repeated));
            }
            seen |= bit;
        }
        Ok(())
    }

    /// The address of record of a REGISTER is a SIP or SIPS URI (section 10.2).
    fn check_to(&self, to: &NameAddr<'_>) -> Result<(), Rejection> {
        let uri = check_party(HeaderName::To, to)?;
        if self.method() == Some(&Method::Register) && !uri.is_sip() {
            return Err(bad(HeaderName::To, Problem::Malformed));
        }
        Ok(())
    }

    fn check_request_uri(&self) -> Result<(), Rejection> {
        let uri = self.uri().map_err(|_| BAD_REQUEST_URI)?;
        match uri.scheme() {
            Scheme::Other(_) => {
                Err(Rejection { status: 416, reason: "Unsupported URI Scheme", warning: None })
            }
            // Headers may not stand in a Request-URI (section 19.1.1, table 1).
            _ if uri.headers().is_some() => Err(BAD_REQUEST_URI),
            Scheme::Sip | Scheme::Sips | Scheme::Tel => Ok(()),
        }
    }

    /// CSeq names the request's method; Max-Forwards is at most 255 (section 20.22). A bad Expires is left to its reader, which
    /// takes the default (section 20.19).
    fn check_numbers(&self) -> Result<(), Rejection> {
        if !self.cseq_matches() {
            return Err(bad(HeaderName::CSeq, Problem::Mismatch));
        }
        match self.header(HeaderName::MaxForwards).map(number) {
            None | Some(Some(0..=255)) => Ok(()),
            Some(Some(_)) => Err(bad(HeaderName::MaxForwards, Problem::OutOfRange)),
            Some(None) => Err(bad(HeaderName::MaxForwards, Problem::Malformed)),
        }
    }

    fn check_lists(&self) -> Result<(), Rejection> {
        // The top one has been read.
        for via in self.values(HeaderName::Via).skip(1) {
            Via::parse(via).ok_or(HeaderError::malformed(HeaderName::Via))?;
        }
        for contact in self.contacts() {
            if let Contact::Addr(addr) = contact? {
                check_uri(HeaderName::Contact, &addr)?;
            }
        }
        for name in [HeaderName::Route, HeaderName::RecordRoute] {
            for addr in self.addresses(name) {
                check_uri(name, &addr?)?;
            }
        }
        Ok(())
    }
}

fn check_party<'a>(name: HeaderName, addr: &NameAddr<'a>) -> Result<Uri<'a>, Rejection> {
    if display_is_valid(addr.display_raw()) {
        check_uri(name, addr)
    } else {
        Err(bad(name, Problem::Malformed))
    }
}

fn check_uri<'a>(name: HeaderName, addr: &NameAddr<'a>) -> Result<Uri<'a>, Rejection> {
    addr.uri().map_err(|_| bad(name, Problem::Malformed))
}
