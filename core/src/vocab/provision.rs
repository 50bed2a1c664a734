//! Desk phones that fetch their settings: what they are, and what they are told.

use serde::{Deserialize, Serialize};

use super::{Secret, TenantId};

/// Accounts that one phone may have.
pub const MAX_ACCOUNTS: usize = 4;
/// Keys that one phone may have.
pub const MAX_KEYS: usize = 48;

/// SHA-256 of a secret of 128 random bits; the secret itself is kept nowhere.
pub type SecretDigest = [u8; 32];

/// Who made the phone, and thereby which files it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// `MAC.cfg`.
    Yealink,
    /// `cfgMAC.xml`.
    Grandstream,
    /// `snomMODEL-MAC.htm`.
    Snom,
}

impl Vendor {
    /// By its name in the configuration.
    pub fn named(text: &str) -> Option<Self> {
        let all = [Self::Yealink, Self::Grandstream, Self::Snom];
        all.into_iter().find(|vendor| vendor.as_str() == text)
    }

    /// As it stands in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yealink => "yealink",
            Self::Grandstream => "grandstream",
            Self::Snom => "snom",
        }
    }
}

/// What a key of a phone does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Another call of the phone's account.
    Line,
    /// Shows what its value does, calls it, and takes its calls.
    Blf,
    /// Calls its value.
    SpeedDial,
}

impl KeyKind {
    /// By its name in the configuration.
    pub fn named(text: &str) -> Option<Self> {
        match text {
            "line" => Some(Self::Line),
            "blf" => Some(Self::Blf),
            "speed_dial" => Some(Self::SpeedDial),
            _ => None,
        }
    }
}

/// A key of a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneKey {
    /// What it does.
    pub kind: KeyKind,
    /// A number, an agent as `agent-ID`, or a code; nothing for a line.
    pub value: String,
    /// What stands beside it.
    pub label: String,
}

/// `[[phone]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneConfig {
    /// Whose.
    pub tenant: TenantId,
    /// 12 hexadecimal digits in lower case.
    pub mac: String,
    /// Who made it.
    pub vendor: Vendor,
    /// Its accounts, by number of the extension.
    pub extensions: Vec<String>,
    /// Its keys, in order.
    pub keys: Vec<PhoneKey>,
}

impl PhoneConfig {
    /// Reads a MAC address as people write it: `80:5E:C0:12:34:56`, with `-`, or bare.
    pub fn mac(text: &str) -> Option<String> {
        let plain: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
        let sound = plain.len() == 12 && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
        sound.then(|| plain.to_ascii_lowercase())
    }

    /// What is wrong with it by itself, in words that say what would be right.
    pub fn problem(&self) -> Option<String> {
        if !(1..=MAX_ACCOUNTS).contains(&self.extensions.len()) {
            return Some(format!("extensions: 1 to {MAX_ACCOUNTS} numbers of extensions"));
        }
        if self.keys.len() > MAX_KEYS {
            return Some(format!("keys: at most {MAX_KEYS}"));
        }
        let wrong = self.keys.iter().find_map(|key| {
            let sound = |text: &str| text.len() <= 64 && !text.chars().any(char::is_control);
            let named = |c: char| c.is_ascii_alphanumeric() || "+*#-_.".contains(c);
            if !sound(&key.label) {
                return Some("label: at most 64 characters of one line".to_owned());
            }
            if key.kind == KeyKind::Line {
                return (!key.value.is_empty()).then(|| "value: a line has none".to_owned());
            }
            let fits = !key.value.is_empty() && sound(&key.value) && key.value.chars().all(named);
            (!fits).then(|| {
                format!("value: \"{}\" is no number, code or agent-ID", key.value.escape_debug())
            })
        });
        wrong.map(|text| format!("keys: {text}"))
    }
}

/// A phone as the store remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneRecord {
    /// Its MAC address.
    pub mac: String,
    /// Whose.
    pub tenant: TenantId,
    /// Its definition, where that came over HTTP.
    pub phone: Option<PhoneConfig>,
    /// Of the secret that opens once.
    pub ticket: Option<SecretDigest>,
    /// Of the secret that only the phone has.
    pub own: Option<SecretDigest>,
}

/// An order about a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PhoneOrder {
    /// Defines one, or replaces its definition.
    Define(PhoneConfig),
    /// Removes one that was defined over HTTP.
    Remove(String),
    /// From now on this secret opens once; earlier ones, and the one that the phone has, open no more.
    Ticket {
        /// Which phone.
        mac: String,
        /// Of the new secret.
        digest: SecretDigest,
    },
}

/// A phone asks for its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// Its MAC address.
    pub mac: String,
    /// Whose file it asks for.
    pub vendor: Vendor,
    /// Of the secret that it shows.
    pub digest: SecretDigest,
    /// Of the secret that it gets where the one that it shows opens once.
    pub fresh: SecretDigest,
}

/// One account of a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneAccount {
    /// SIP user, and user name of the digest.
    pub user: String,
    /// What others dial.
    pub number: String,
    /// Its name.
    pub name: String,
    /// Its SIP password.
    pub password: Secret,
}

/// What a phone is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneSheet {
    /// The phone.
    pub phone: PhoneConfig,
    /// Its accounts, in order.
    pub accounts: Vec<PhoneAccount>,
    /// Our SIP domain.
    pub domain: String,
    /// The port that we listen on.
    pub port: u16,
    /// What is dialled for the own mailbox.
    pub voicemail: String,
    /// What stands before a number whose call is picked up.
    pub pickup: String,
    /// What picks up a call of the own groups.
    pub group_pickup: String,
    /// The secret that it showed opens no more; it gets a new one.
    pub renewed: bool,
}

/// A phone as shown to administrators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneView {
    /// Its definition.
    pub phone: PhoneConfig,
    /// It stands in the file.
    pub from_file: bool,
    /// A secret waits to be used.
    pub ticket: bool,
    /// It has fetched its settings, and has a secret of its own.
    pub bound: bool,
}
