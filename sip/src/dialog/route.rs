//! Which way a request in a dialog goes.

use std::net::{IpAddr, SocketAddr};

use crate::message::{NameAddr, Via};
use crate::uri::Uri;
use crate::{Flow, Transport};

/// The Request-URI and Route values of a request.
#[derive(Debug)]
pub(crate) enum NextHop<'a> {
    /// The next hop is a loose router, or there is none: the target stands in the Request-URI.
    Loose { target: &'a str, routes: &'a [Box<str>] },
    /// The next hop wants to find itself in the Request-URI (RFC 3261 section 12.2.1.1).
    Strict { first: &'a str, routes: Box<[Box<str>]> },
}

impl<'a> NextHop<'a> {
    pub fn of(target: &'a str, routes: &'a [Box<str>]) -> Self {
        let Some((first, rest)) = routes.split_first() else {
            return Self::Loose { target, routes };
        };
        let uri = uri_in(first);
        if Uri::parse(uri).is_ok_and(|uri| !uri.is_loose_router()) {
            let target = format!("<{target}>").into_boxed_str();
            let routes = rest.iter().cloned().chain([target]).collect();
            return Self::Strict { first: without_headers(uri), routes };
        }
        Self::Loose { target, routes }
    }

    pub fn uri(&self) -> &str {
        match self {
            Self::Loose { target, .. } => target,
            Self::Strict { first, .. } => first,
        }
    }

    pub fn routes(&self) -> &[Box<str>] {
        match self {
            Self::Loose { routes, .. } => routes,
            Self::Strict { routes, .. } => routes,
        }
    }
}

/// The URI of a Route value.
pub(crate) fn uri_in(route: &str) -> &str {
    NameAddr::parse(route).map_or(route, |addr| addr.uri_str())
}

/// Headers may not stand in a Request-URI (RFC 3261 section 19.1.1, table 1).
fn without_headers(uri: &str) -> &str {
    uri.split_once('?').map_or(uri, |(uri, _)| uri)
}

/// The address that a URI names literally, for UDP.
fn literal(uri: &str) -> Option<SocketAddr> {
    let uri = Uri::parse(uri).ok()?;
    if uri.transport().is_some_and(|transport| transport != Transport::Udp) {
        return None;
    }
    let ip = uri.host()?.ip()?;
    Some(SocketAddr::new(ip, uri.port().unwrap_or_else(|| Transport::Udp.default_port())))
}

/// Whether a URI names another address than the flow's: the peer is behind a NAT, and only the
/// way by which its packets come leads back.
pub(crate) fn leads_to(uri: &str, flow: &Flow) -> bool {
    literal(uri).is_none_or(|address| address == flow.remote)
}

/// The topmost Via names another address than the packet came from.
pub(crate) fn is_behind_nat(via: &Via<'_>, flow: &Flow) -> bool {
    let port = via.port.unwrap_or_else(|| flow.transport.default_port());
    let moved = via.host.ip().is_some_and(|ip| ip != flow.remote.ip());
    moved || (via.rport().is_some() && port != flow.remote.port())
}

/// The flow to a URI, given the one where the peer was last heard. A stream stays. Over UDP a
/// literal address is followed where it is the same host, or where both are public.
pub(crate) fn towards(known: Flow, uri: &str) -> Flow {
    if known.transport != Transport::Udp {
        return known;
    }
    let Some(address) = literal(uri) else { return known };
    let (ip, here) = (address.ip(), known.remote.ip());
    if ip == here || (is_public(ip) && is_public(here) && ip.is_ipv4() == here.is_ipv4()) {
        return Flow { remote: address, ..known };
    }
    known
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let shared = first == 100 && second & 0xc0 == 64;
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_broadcast()
                || shared)
        }
        IpAddr::V6(ip) => {
            let [first, ..] = ip.segments();
            let local = first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80;
            !(ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || local)
        }
    }
}
