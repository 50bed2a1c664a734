//! Places that a configuration or an order names.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::acd::QueueKey;
use super::conference::ConferenceKey;
use super::{ExtensionKey, GroupKey, MailboxKey, MenuKey, TrunkKey, values};

/// Where a number or a route leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// `trunk:NAME`, with the number as rewritten.
    Trunk(TrunkKey),
    /// `extension:NUMBER`.
    Extension(ExtensionKey),
    /// `echo`.
    Echo,
    /// `sound:NAME`, played once, then the call ends.
    Sound(String),
    /// A bare number: what anybody of the tenant could dial, whatever the class of its route.
    Number(ExtensionKey),
    /// `queue:NUMBER`.
    Queue(QueueKey),
    /// `ivr:NAME`.
    Ivr(MenuKey),
    /// `group:NAME`.
    Group(GroupKey),
    /// `voicemail:NUMBER`, an extension's or a queue's.
    Voicemail(MailboxKey),
    /// `conference:NAME`.
    Conference(ConferenceKey),
}

impl Destination {
    /// Where a number leads that says nothing else: a menu that may be made later.
    pub fn welcome(tenant: &str) -> Self {
        Self::Ivr(MenuKey { tenant: tenant.to_owned(), name: "welcome".into() })
    }

    /// Reads `kind:name`, `echo`, or a bare number of the tenant; whether what it names exists is another question.
    pub fn parse(text: &str, tenant: &str) -> Option<Self> {
        let tenant = tenant.to_owned();
        let number = |text: &str, longest: usize, more: &[u8]| {
            let ok = |byte: u8| byte.is_ascii_digit() || more.contains(&byte);
            let sound = (1..=longest).contains(&text.len()) && text.bytes().all(ok);
            sound.then(|| text.to_owned())
        };
        let Some((kind, name)) = text.split_once(':') else {
            if text == "echo" {
                return Some(Self::Echo);
            }
            let number = number(text, 32, b"+*#")?;
            return Some(Self::Number(ExtensionKey { tenant, number }));
        };
        let sound = !name.is_empty() && name.len() <= 200 && !name.contains(char::is_control);
        let name = sound.then(|| name.to_owned())?;
        Some(match kind {
            "trunk" => Self::Trunk(TrunkKey { tenant, name }),
            "sound" => {
                values::own_prompt(&name, &tenant).ok()?;
                Self::Sound(name)
            }
            "ivr" => Self::Ivr(MenuKey { tenant, name }),
            "conference" => Self::Conference(ConferenceKey { tenant, name }),
            "group" => Self::Group(GroupKey { tenant, name }),
            "extension" => {
                Self::Extension(ExtensionKey { tenant, number: number(&name, 32, b"")? })
            }
            "queue" => Self::Queue(QueueKey { tenant, number: number(&name, 32, b"")? }),
            "voicemail" => Self::Voicemail(MailboxKey { tenant, number: number(&name, 32, b"")? }),
            _ => return None,
        })
    }
}

/// As [`Destination::parse`] reads it.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trunk(key) => write!(f, "trunk:{}", key.name),
            Self::Extension(key) => write!(f, "extension:{}", key.number),
            Self::Echo => f.write_str("echo"),
            Self::Sound(name) => write!(f, "sound:{name}"),
            Self::Number(key) => f.write_str(&key.number),
            Self::Queue(key) => write!(f, "queue:{}", key.number),
            Self::Ivr(key) => write!(f, "ivr:{}", key.name),
            Self::Group(key) => write!(f, "group:{}", key.name),
            Self::Voicemail(key) => write!(f, "voicemail:{}", key.number),
            Self::Conference(key) => write!(f, "conference:{}", key.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Destination;

    #[test]
    fn a_destination_is_read_as_it_is_written() {
        for text in [
            "trunk:carrier",
            "extension:4567",
            "echo",
            "sound:en/thank-you",
            "+4930123",
            "*97",
            "queue:9001",
            "ivr:main",
            "voicemail:9001",
            "conference:board",
            "group:sales",
        ] {
            let read = Destination::parse(text, "t").map(|destination| destination.to_string());
            assert_eq!(read.as_deref(), Some(text));
        }
        let nowhere = ["", "nowhere", "queue:", "queue:x", "extension:45 67", "group:", "12 3"];
        let others = ["sound:../x", "sound:/var/x", "sound:recorded:u/call", "sound:recorded:/x"];
        for text in nowhere.into_iter().chain(others) {
            assert_eq!(Destination::parse(text, "t"), None, "{text:?}");
        }
    }
}
