//! `host:port` as people write it in a configuration.

/// Splits a configured `host`, `host:port`, `[v6]:port` or bare IPv6 address. The host comes without brackets.
pub(crate) fn split(text: &str) -> (&str, Option<u16>) {
    if let Some((inner, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (inner, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (text, None),
        },
        _ => (text, None),
    }
}

/// A host as it stands in a URI: IPv6 addresses in brackets.
pub(crate) fn in_uri(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_and_without_ports() {
        assert_eq!(split("sip.carrier.example"), ("sip.carrier.example", None));
        assert_eq!(split("sip.carrier.example:5070"), ("sip.carrier.example", Some(5070)));
        assert_eq!(split("192.0.2.1:5070"), ("192.0.2.1", Some(5070)));
        assert_eq!(split("2001:db8::1"), ("2001:db8::1", None));
        assert_eq!(split("[2001:db8::1]"), ("2001:db8::1", None));
        assert_eq!(split("[2001:db8::1]:5070"), ("2001:db8::1", Some(5070)));
        assert_eq!(in_uri("2001:db8::1"), "[2001:db8::1]");
        assert_eq!(in_uri("carrier.example"), "carrier.example");
    }
}
