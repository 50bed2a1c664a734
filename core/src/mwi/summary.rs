//! The body that tells of messages, and its event package (RFC 3842).

use bytes::Bytes;
use sip::endpoint::Body;
use sip::subscription::Package;

use crate::vocab::MailboxCounts;

/// The package's name in Event.
pub const PACKAGE_NAME: &str = "message-summary";
const CONTENT_TYPE: &str = "application/simple-message-summary";

/// RFC 3842 section 3.4 lets subscriptions last for hours; an hour bounds how long a lost phone is remembered.
pub const PACKAGE: Package = Package {
    name: PACKAGE_NAME,
    content_types: &[CONTENT_TYPE],
    default_expires: 3600,
    min_expires: 60,
    max_expires: 3600,
    pace: super::PACE,
    asks: true,
};

/// A summary. `account` is the URI that a phone calls to hear the messages (RFC 3842 section 5.2).
pub fn body(account: &str, counts: MailboxCounts) -> Body {
    let MailboxCounts { new, old, urgent_new, urgent_old } = counts;
    let waiting = if new > 0 { "yes" } else { "no" };
    let text = format!(
        "Messages-Waiting: {waiting}\r\nMessage-Account: {account}\r\n\
         Voice-Message: {new}/{old} ({urgent_new}/{urgent_old})\r\n"
    );
    Body { content_type: CONTENT_TYPE.into(), bytes: Bytes::from(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_new_old_and_urgent() {
        let text = |counts| String::from_utf8(body("sip:*97@pbx.example", counts).bytes.to_vec());
        let counts = MailboxCounts { new: 2, old: 8, urgent_new: 1, urgent_old: 3 };
        let wanted = "Messages-Waiting: yes\r\nMessage-Account: sip:*97@pbx.example\r\n\
                      Voice-Message: 2/8 (1/3)\r\n";
        assert_eq!(text(counts).as_deref(), Ok(wanted));
        let heard = MailboxCounts { new: 0, old: 8, ..MailboxCounts::default() };
        let text = text(heard).unwrap_or_default();
        assert!(text.starts_with("Messages-Waiting: no\r\n"), "{text}");
        assert!(text.ends_with("Voice-Message: 0/8 (0/0)\r\n"), "{text}");
    }
}
