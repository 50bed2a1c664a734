//! An event package: what one kind of state has of its own (RFC 6665 section 5.4).

use crate::message::{HeaderName, Message};

/// RFC 6665 section 4.2.1.1 has no notifier refuse an hour or more as too short.
const HOUR: u32 = 3600;

/// What may be subscribed to, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// As it stands in Event: `message-summary`, `dialog`, `presence`.
    pub name: &'static str,
    /// The types that a NOTIFY's body may have; the first where the subscriber names none.
    pub content_types: &'static [&'static str],
    /// Granted where the subscriber asks for nothing, in seconds.
    pub default_expires: u32,
    /// Refused below it with 423, in seconds; it counts as an hour at most.
    pub min_expires: u32,
    /// Granted at most, in seconds.
    pub max_expires: u32,
    /// The least time from one NOTIFY of a subscription to the next, in nanoseconds. What a
    /// SUBSCRIBE asks for and the last NOTIFY do not wait.
    pub pace: u64,
    /// The owner is asked for the state when a NOTIFY may be sent
    /// ([`Event::StateWanted`](crate::endpoint::Event::StateWanted)), instead of telling it with
    /// each change: nothing is written that nobody reads.
    pub asks: bool,
}

impl Package {
    /// The seconds that a subscriber gets who asks for `wanted`; 0 ends or fetches. `Err` is the
    /// Min-Expires of the 423.
    pub(crate) fn grant(&self, wanted: Option<u32>) -> Result<u32, u32> {
        let least = self.min_expires.min(HOUR);
        match wanted {
            None => Ok(self.default_expires.min(self.max_expires)),
            Some(0) => Ok(0),
            Some(wanted) if wanted < least => Err(least),
            Some(wanted) => Ok(wanted.min(self.max_expires)),
        }
    }

    /// The first of our types that the subscriber reads. Without Accept it reads the package's
    /// own (RFC 6665 section 3.1.3).
    pub(crate) fn content_type(&self, subscribe: &Message) -> Option<&'static str> {
        if !subscribe.has(HeaderName::Accept) {
            return Some(self.content_types.first().copied().unwrap_or(""));
        }
        let reads = |offered: &&'static str| {
            subscribe.values(HeaderName::Accept).any(|range| covers(range, offered))
        };
        self.content_types.iter().find(|offered| reads(offered)).copied()
    }
}

/// Whether a media range of Accept covers a type (RFC 3261 section 20.1).
fn covers(range: &str, kind: &str) -> bool {
    let range = range.split(';').next().unwrap_or("").trim();
    let Some((main, sub)) = range.split_once('/') else { return false };
    let Some((our_main, our_sub)) = kind.split_once('/') else { return false };
    let fits = |theirs: &str, ours: &str| theirs == "*" || theirs.eq_ignore_ascii_case(ours);
    fits(main, our_main) && fits(sub, our_sub)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: Package = Package {
        name: "message-summary",
        content_types: &["application/simple-message-summary", "text/plain"],
        default_expires: 3600,
        min_expires: 60,
        max_expires: 7200,
        pace: 0,
        asks: false,
    };

    #[test]
    fn durations_are_bounded() {
        assert_eq!(PACKAGE.grant(None), Ok(3600));
        assert_eq!(PACKAGE.grant(Some(0)), Ok(0));
        assert_eq!(PACKAGE.grant(Some(59)), Err(60));
        assert_eq!(PACKAGE.grant(Some(60)), Ok(60));
        assert_eq!(PACKAGE.grant(Some(u32::MAX)), Ok(7200));
        let eager = Package { min_expires: 9000, max_expires: 9000, ..PACKAGE };
        assert_eq!(eager.grant(Some(3599)), Err(3600));
        assert_eq!(eager.grant(Some(3600)), Ok(3600));
    }

    #[test]
    fn the_subscriber_chooses_the_type() {
        let subscribe = |accept: &str| {
            let text = format!("SUBSCRIBE sip:a@b SIP/2.0\r\n{accept}\r\n");
            Message::parse(text.into_bytes().into()).ok()
        };
        let chosen = |accept: &str| PACKAGE.content_type(&subscribe(accept)?);
        assert_eq!(chosen(""), Some("application/simple-message-summary"));
        assert_eq!(chosen("Accept: text/plain;q=0.5\r\n"), Some("text/plain"));
        assert_eq!(chosen("Accept: TEXT/*\r\n"), Some("text/plain"));
        assert_eq!(chosen("Accept: a/b, */*\r\n"), Some("application/simple-message-summary"));
        assert_eq!(chosen("Accept: application/pidf+xml\r\n"), None);
        assert_eq!(chosen("Accept:\r\n"), None);
    }
}
