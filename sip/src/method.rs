//! Request methods.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! methods {
    ($($variant:ident $text:literal $doc:literal,)*) => {
        /// A request method. Names are case-sensitive (RFC 3261 section 7.1).
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Method {
            $(#[doc = $doc] $variant,)*
            /// Any other token, as written.
            Other(Box<str>),
        }

        impl Method {
            /// The name as it stands in a message.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(name) => name,
                }
            }

            /// Reads a method. Anything that is not one of the known names, compared with
            /// letter case, becomes `Other`; the text is not checked to be a token.
            pub fn parse(name: &str) -> Self {
                match name {
                    $($text => Self::$variant,)*
                    other => Self::Other(other.into()),
                }
            }
        }
    };
}

methods! {
    Invite "INVITE" "RFC 3261 section 13.",
    Ack "ACK" "RFC 3261 section 17.",
    Bye "BYE" "RFC 3261 section 15.",
    Cancel "CANCEL" "RFC 3261 section 9.",
    Register "REGISTER" "RFC 3261 section 10.",
    Options "OPTIONS" "RFC 3261 section 11.",
    Prack "PRACK" "RFC 3262.",
    Update "UPDATE" "RFC 3311.",
    Info "INFO" "RFC 6086.",
    Refer "REFER" "RFC 3515.",
    Message "MESSAGE" "RFC 3428.",
    Subscribe "SUBSCRIBE" "RFC 6665.",
    Notify "NOTIFY" "RFC 6665.",
    Publish "PUBLISH" "RFC 3903.",
}

impl Method {
    /// Whether this is one of the methods known by name.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&str> for Method {
    fn from(name: &str) -> Self {
        Self::parse(name)
    }
}

impl PartialEq<str> for Method {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(deserializer)?))
    }
}
