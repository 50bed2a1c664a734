//! When two URIs are the same (RFC 3261 section 19.1.4).

use super::escape::comparable;
use super::{Scheme, Uri, decode};

/// Parameters that must be in both URIs or in neither. `transport` is here because of the
/// section's examples: a URI with `transport=udp` differs from one without.
const STRICT: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

impl Uri<'_> {
    /// Whether both name the same resource by the rules of section 19.1.4: user and password
    /// with letter case, host without, an absent port differs from the default one. Not
    /// transitive, therefore not `Eq`. tel URIs compare by digits (RFC 3966 section 4); other
    /// schemes, and URIs with more than 32 parameters or headers, byte by byte.
    pub fn equivalent(&self, other: &Uri<'_>) -> bool {
        // Also what makes a URI that repeats a parameter, which is illegal, equal to itself.
        if self.raw == other.raw {
            return true;
        }
        if too_many(self) || too_many(other) {
            return false;
        }
        match (self.scheme, other.scheme) {
            (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => {
                same_text(self.user, other.user)
                    && same_text(self.password, other.password)
                    && self.host == other.host
                    && self.port == other.port
                    && same_params(self, other)
                    && same_headers(self, other)
            }
            (Scheme::Tel, Scheme::Tel) => {
                same_number(self.user, other.user)
                    && includes_all(self, other)
                    && includes_all(other, self)
            }
            _ => false,
        }
    }
}

/// Each parameter is looked for among the others', so their number is bounded.
const MAX_COMPARED: usize = 32;

fn too_many(uri: &Uri<'_>) -> bool {
    uri.params.iter().nth(MAX_COMPARED).is_some() || uri.header_fields().nth(MAX_COMPARED).is_some()
}

fn same_text(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => comparable(a).eq(comparable(b)),
        (None, None) => true,
        _ => false,
    }
}

fn same_value(a: &str, b: &str) -> bool {
    let lower = |text| comparable(text).map(|(b, escaped)| (b.to_ascii_lowercase(), escaped));
    lower(a).eq(lower(b))
}

/// A parameter in both must match; a strict one must be in both; others are ignored.
fn same_params(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    let agrees = |from: &Uri<'_>, to: &Uri<'_>| {
        from.params.iter().all(|(name, value)| {
            let name = decode(name);
            match to.param(&name) {
                Some(other) => same_value(value.unwrap_or(""), other),
                None => !STRICT.iter().any(|strict| strict.eq_ignore_ascii_case(&name)),
            }
        })
    };
    agrees(a, b) && agrees(b, a)
}

/// Headers are never ignored: the same set in any order.
fn same_headers(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    let covers = |from: &Uri<'_>, to: &Uri<'_>| {
        from.header_fields().all(|(name, value)| {
            to.header_fields().any(|(other_name, other_value)| {
                same_value(name, other_name) && same_text(Some(value), Some(other_value))
            })
        })
    };
    a.header_fields().count() == b.header_fields().count() && covers(a, b) && covers(b, a)
}

/// Visual separators do not count (RFC 3966 section 5.1.1).
fn same_number(a: Option<&str>, b: Option<&str>) -> bool {
    let digits = |text: Option<&str>| {
        text.unwrap_or("")
            .bytes()
            .filter(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')'))
            .map(|byte| byte.to_ascii_lowercase())
            .collect::<Vec<_>>()
    };
    digits(a) == digits(b)
}

fn includes_all(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    a.params.iter().all(|(name, value)| {
        b.param(name).is_some_and(|other| same_value(value.unwrap_or(""), other))
    })
}
