//! Single values of the configuration: text in, value or what would be right out.

use std::net::{IpAddr, SocketAddr};

use sip::Transport;
pub use strowger_core::vocab::values::{
    codec, dialable, digits, extension_number, host, host_port, name, outside_number, pin, prompt,
    socket_url,
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

/// An IP address.
pub fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| {
        format!("\"{text}\" is no IP address; write e.g. \"192.0.2.10\" or \"2001:db8::1\"")
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

/// A pattern for dialled numbers, as the dial plan compiles it.
pub fn pattern(text: &str) -> Result<(), String> {
    strowger_core::route::compile(text).map(|_| ()).map_err(|error| {
        let reason = last_line(&error);
        format!("\"{text}\" is no pattern: {reason}; write e.g. \"^0[1-9]\\\\d{{6,11}}$\"")
    })
}

fn last_line(text: &str) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or(text);
    line.trim().trim_start_matches("error: ").to_owned()
}

/// An IANA time zone.
pub fn timezone(text: &str) -> Result<(), String> {
    let known = jiff::tz::TimeZone::get(text).map(|_| ());
    known
        .map_err(|_| format!("\"{text}\" is no time zone; write e.g. \"UTC\" or \"Asia/Shanghai\""))
}
