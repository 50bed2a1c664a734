//! Single values of the configuration: text in, value or what would be right out.

use std::net::SocketAddr;

use sip::Transport;
pub use strowger_core::route::pattern;
pub use strowger_core::vocab::values::{
    address, codec, dialable, digits, extension_number, host, host_port, name, outside_number, pin,
    prepended, prompt, socket_url, trunk_transport,
};

/// `udp:127.0.0.1:5060`, `tcp:[::1]:5060` ...
pub fn listen(text: &str) -> Result<(Transport, SocketAddr), String> {
    const RIGHT: &str = "write transport:address:port such as \"udp:127.0.0.1:5060\"";
    let (transport, address) =
        text.split_once(':').ok_or_else(|| format!("\"{text}\" is no listen address; {RIGHT}"))?;
    let transport = Transport::parse(transport).ok_or_else(|| {
        format!("\"{transport}\" is no transport; write udp or tcp, e.g. \"udp:{address}\"")
    })?;
    if !matches!(transport, Transport::Udp | Transport::Tcp) {
        return Err(format!("{transport} is not available in this version; listen on udp and tcp"));
    }
    let address = address
        .parse()
        .map_err(|_| format!("\"{address}\" is no IP address with a port; {RIGHT}"))?;
    Ok((transport, address))
}

/// An address and port to listen on.
pub fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("\"{text}\" is no IP address with a port; write e.g. \"127.0.0.1:8088\"")
    })
}

/// `16384-32767`: where RTP ports come from. Pairs begin at even ports.
pub fn ports(text: &str) -> Result<(u16, u16), String> {
    const RIGHT: &str = "write first-last such as \"16384-32767\"";
    let bounds = text.split_once('-').and_then(|(first, last)| {
        Some((first.trim().parse::<u16>().ok()?, last.trim().parse::<u16>().ok()?))
    });
    let (first, last) = bounds.ok_or_else(|| format!("\"{text}\" is no port range; {RIGHT}"))?;
    if first < 1024 {
        return Err(format!("ports below 1024 belong to the system; {RIGHT}"));
    }
    let even = first.saturating_add(first % 2);
    if last <= even {
        return Err(format!("\"{text}\" holds no pair of an even port and the next; {RIGHT}"));
    }
    Ok((first, last))
}

/// An IANA time zone.
pub fn timezone(text: &str) -> Result<(), String> {
    let known = jiff::tz::TimeZone::get(text).map(|_| ());
    known
        .map_err(|_| format!("\"{text}\" is no time zone; write e.g. \"UTC\" or \"Asia/Shanghai\""))
}
