//! The decisions of RFC 3263 section 4 that need no state.

use std::net::{IpAddr, SocketAddr};

use super::{Record, Request, Target};
use crate::Transport;

/// A host whose addresses are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub transport: Transport,
    pub host: String,
    pub port: u16,
}

/// An address written as such, with or without brackets.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    inner.parse().ok()
}

/// 4.1: the transport where DNS does not choose: the one named, else TLS for sips, else UDP.
/// A secure request turns TCP into TLS and WebSocket into its secure kind.
pub(super) fn transport_without_dns(request: &Request) -> Transport {
    match (request.transport, request.secure) {
        (Some(Transport::Ws | Transport::Wss), true) => Transport::Wss,
        (_, true) => Transport::Tls,
        (Some(named), false) => named,
        (None, false) => Transport::Udp,
    }
}

/// The SRV owner name of a service (RFC 3263 section 4.1, RFC 7118 section 5.2.4).
pub(super) fn service_name(transport: Transport, host: &str) -> String {
    let prefix = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws => "_sip._ws",
        Transport::Wss => "_sips._ws",
    };
    format!("{prefix}.{}", host.trim_end_matches('.'))
}

/// What is asked for where NAPTR says nothing: every transport that servers use, most secure
/// last, since TLS that nobody asked for would fail on certificates more often than it helps.
pub(super) fn default_services(request: &Request) -> Vec<(Transport, String)> {
    let order: &[Transport] = if request.secure {
        &[Transport::Tls]
    } else {
        &[Transport::Udp, Transport::Tcp, Transport::Tls]
    };
    order.iter().map(|transport| (*transport, service_name(*transport, &request.host))).collect()
}

/// 4.1: the services that NAPTR records offer and we can use, in order.
pub(super) fn services(request: &Request, records: &[Record]) -> Vec<(Transport, String)> {
    let mut offered: Vec<_> = records
        .iter()
        .filter_map(Record::as_naptr)
        .filter(|naptr| naptr.flags.eq_ignore_ascii_case("s"))
        .filter_map(|naptr| Some((naptr, transport_of(&naptr.service)?)))
        .filter(|(_, transport)| !request.secure || transport.is_secure())
        .collect();
    offered.sort_by_key(|(naptr, _)| (naptr.order, naptr.preference));
    offered
        .into_iter()
        .map(|(naptr, transport)| (transport, naptr.replacement.trim_end_matches('.').to_owned()))
        .collect()
}

fn transport_of(service: &str) -> Option<Transport> {
    let known = [
        ("SIP+D2U", Transport::Udp),
        ("SIP+D2T", Transport::Tcp),
        ("SIPS+D2T", Transport::Tls),
        ("SIP+D2W", Transport::Ws),
        ("SIPS+D2W", Transport::Wss),
    ];
    known.iter().find(|(name, _)| name.eq_ignore_ascii_case(service)).map(|(_, t)| *t)
}

/// 4.2: the host itself, on the default port.
pub(super) fn host_itself(request: &Request) -> Place {
    let transport = transport_without_dns(request);
    Place { transport, host: request.host.clone(), port: transport.default_port() }
}

/// Every address of every place in order, each once.
pub(super) fn targets(places: &[Place], found: &[Vec<IpAddr>]) -> Vec<Target> {
    let mut targets = Vec::new();
    for (place, addresses) in places.iter().zip(found) {
        for ip in addresses {
            let address = SocketAddr::new(*ip, place.port);
            let target = Target { transport: place.transport, address };
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
    }
    targets
}
