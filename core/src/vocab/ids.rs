//! Typed identifiers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares a number that names one thing and cannot be taken for another.
macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id!(
    /// One end of a call: a phone, a trunk channel, or the switch's own player.
    LegId(u64)
);
number_id!(
    /// A request of the HTTP surface; the shell maps it to whoever waits.
    RequestId(u64)
);
number_id!(
    /// A connection that the switch asked for.
    ConnectId(u64)
);
number_id!(
    /// A DNS question that the switch asked.
    ResolveId(u64)
);
number_id!(
    /// A group of records handed to the store; `Stored` names it when it is on disk.
    CommitId(u64)
);
number_id!(
    /// A media worker, counted from 0.
    WorkerId(u16)
);

/// A call: unique over restarts. 32 hexadecimal digits when shown.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub struct CallId(pub u128);

/// What belongs together for the people concerned: all calls that grew out of one. Shown like a call id.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub struct InteractionId(pub u128);

/// A message in a mailbox. Shown like a call id.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub struct MessageId(pub u128);

/// Gives a 128-bit id its text form, both ways.
macro_rules! hex_id {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = std::num::ParseIntError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                u128::from_str_radix(&text, 16).map($name)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                u128::from_str_radix(text, 16).map($name)
            }
        }
    };
}

hex_id!(CallId);
hex_id!(InteractionId);
hex_id!(MessageId);

/// A tenant's id as in the configuration.
pub type TenantId = String;

/// An extension within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExtensionKey {
    /// The tenant that owns the number space.
    pub tenant: TenantId,
    /// The bare number, e.g. `4567`.
    pub number: String,
}

impl fmt::Display for ExtensionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.number)
    }
}

/// A menu (IVR) within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MenuKey {
    /// The tenant that owns the menu.
    pub tenant: TenantId,
    /// The menu's name in the configuration.
    pub name: String,
}

impl fmt::Display for MenuKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.name)
    }
}

/// A ring group within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKey {
    /// The tenant that owns the group.
    pub tenant: TenantId,
    /// The group's name in the configuration.
    pub name: String,
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.name)
    }
}

/// A mailbox: an extension's or a queue's, by its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MailboxKey {
    /// The tenant that owns the number space.
    pub tenant: TenantId,
    /// The number of the extension or queue.
    pub number: String,
}

impl fmt::Display for MailboxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.number)
    }
}

/// A number that a tenant has from a carrier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NumberKey {
    /// Whose.
    pub tenant: TenantId,
    /// As it is defined.
    pub number: String,
}

/// A route within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteKey {
    /// Whose dial plan.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
}

/// A trunk within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrunkKey {
    /// The tenant that owns the trunk.
    pub tenant: TenantId,
    /// The trunk's name in the configuration.
    pub name: String,
}

impl fmt::Display for TrunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.name)
    }
}
