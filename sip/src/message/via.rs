//! Via values (RFC 3261 section 20.42).

use std::fmt;
use std::net::IpAddr;

use super::lex::{
    Params, is_token, port, split_blank, split_byte, split_outside, trim, trim_end, trim_start,
};
use crate::Transport;
use crate::uri::Host;

/// One Via value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// The transport as written: `UDP`, or one that we do not know.
    pub transport: &'a str,
    /// The host of sent-by.
    pub host: Host<'a>,
    /// The same as written.
    pub host_text: &'a str,
    /// The port of sent-by.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one value; `None` when it does not follow the grammar. Any version is accepted,
    /// so that a 505 finds its way.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (main, params) = split_outside(trim(text), b';', false);
        let (transport, sent_by) = match main.strip_prefix("SIP/2.0/") {
            Some(rest) => split_blank(rest)?,
            None => split_protocol(main)?,
        };
        let transport = trim(transport);
        let (host_text, port) = split_sent_by(trim(sent_by))?;
        let host = Host::parse(host_text)?;
        if !is_token(transport) {
            return None;
        }
        let params = Params::new(params.unwrap_or(""));
        Some(Self { transport, host, host_text, port, params })
    }

    /// The transport, when it is one of ours.
    pub fn known_transport(&self) -> Option<Transport> {
        Transport::parse(self.transport)
    }

    /// The `branch` parameter, when it has a value.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// The `received` parameter; brackets around an IPv6 address are accepted.
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.get("received")?;
        text.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// `Some(None)` when `rport` asks for symmetric response routing, `Some(Some(port))` when it
    /// has been filled in (RFC 3581).
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(port)
    }

    /// The `maddr` parameter.
    pub fn maddr(&self) -> Option<&'a str> {
        self.params.get("maddr").filter(|maddr| !maddr.is_empty())
    }

    /// The `ttl` parameter, 0 to 255.
    pub fn ttl(&self) -> Option<u8> {
        self.params.get("ttl").and_then(port).and_then(|ttl| u8::try_from(ttl).ok())
    }
}

impl fmt::Display for Via<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        let params = self.params.as_str();
        if params.is_empty() { Ok(()) } else { write!(f, ";{params}") }
    }
}

/// `SIP / 2.0 / UDP host` with white space anywhere around the slashes.
fn split_protocol(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = split_byte(text, b'/')?;
    let (version, rest) = split_byte(rest, b'/')?;
    if !trim(name).eq_ignore_ascii_case("SIP") || !is_token(trim(version)) {
        return None;
    }
    split_blank(trim_start(rest))
}

fn split_sent_by(text: &str) -> Option<(&str, Option<u16>)> {
    let host_end = if text.starts_with('[') { text.find(']')? } else { 0 };
    let Some(colon) = memchr::memchr(b':', text.get(host_end..)?.as_bytes()) else {
        return Some((text, None));
    };
    let (host, after) = text.split_at_checked(host_end + colon)?;
    let port = port(trim_start(after.strip_prefix(':')?))?;
    Some((trim_end(host), Some(port)))
}
