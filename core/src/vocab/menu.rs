//! The words of menus (IVR) and of business hours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::Destination;
use super::{MenuKey, TenantId};

/// A menu. Prompts are names below the sounds directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Menu {
    /// Tenant and name.
    pub key: MenuKey,
    /// Played first, and again after each failed try; keys work while it plays.
    pub greeting: Option<String>,
    /// Where each key leads: `0-9`, `*`, `#`.
    pub keys: BTreeMap<char, Destination>,
    /// Extensions of the tenant may be dialled.
    pub direct_dial: bool,
    /// How long a key is awaited after the greeting, in seconds, 1 to 60. Default 5.
    pub timeout_secs: u32,
    /// How long the next digit of an extension is awaited, in seconds, 1 to 10. Default 3.
    pub digit_secs: u32,
    /// How often the greeting is played in all, 1 to 10. Default 3.
    pub tries: u8,
    /// Played after a wrong key; `None` is the usual one.
    pub invalid: Option<String>,
    /// Where callers go who press nothing; `None` says goodbye.
    pub timeout_to: Option<Destination>,
    /// Where callers go whose last try was a wrong key; `None` is where those go who press nothing.
    pub invalid_to: Option<Destination>,
    /// Opening hours by name; `None` is always open.
    pub hours: Option<String>,
    /// Played outside the hours.
    pub closed_greeting: Option<String>,
    /// Where callers go outside the hours; `None` says goodbye.
    pub closed_to: Option<Destination>,
}

impl Menu {
    /// With nothing but its name.
    pub fn named(key: MenuKey) -> Self {
        Self {
            key,
            greeting: None,
            keys: BTreeMap::new(),
            direct_dial: false,
            timeout_secs: 5,
            digit_secs: 3,
            tries: 3,
            invalid: None,
            timeout_to: None,
            invalid_to: None,
            hours: None,
            closed_greeting: None,
            closed_to: None,
        }
    }

    /// All places to which it leads.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        let others = [&self.timeout_to, &self.invalid_to, &self.closed_to];
        self.keys.values().chain(others.into_iter().flatten())
    }
}

/// A menu as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuView {
    /// As defined.
    pub menu: Menu,
    /// Defined in the file, so that it cannot be changed over HTTP.
    pub from_file: bool,
    /// Open now.
    pub open: bool,
}

/// A definition over HTTP; menus of the file are refused with a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MenuOrder {
    /// A new menu, or all of an existing one.
    Put(Box<Menu>),
    /// It is gone; callers in it stay.
    Delete(String),
}

/// `[[hours]]`: when somebody is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Whose.
    pub tenant: TenantId,
    /// Their name within the tenant.
    pub name: String,
    /// Open at these times of the week.
    pub open: Vec<OpenSpan>,
    /// Closed on these days, whatever the week says.
    pub holidays: Vec<Holiday>,
    /// IANA time zone, to be found in [`super::config::Config::zones`].
    pub timezone: String,
}

/// A time of day on some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSpan {
    /// Bit 0 is Monday, bit 6 Sunday.
    pub days: u8,
    /// Minutes after midnight, 0 to 1439.
    pub from: u16,
    /// Minutes after midnight, to 1440; not included. At or before `from` it ends on the next day.
    pub to: u16,
}

/// Days on which nobody is there, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holiday {
    /// `None`: every year.
    pub year: Option<u16>,
    /// Month from 1 and day from 1.
    pub first: (u8, u8),
    /// Likewise; may lie before `first` where the days reach over New Year.
    pub last: (u8, u8),
}

/// A time zone as offsets from UTC, made by the shell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// From when on, milliseconds since the Unix epoch, and the offset in seconds; by time, the first from 0.
    pub offsets: Vec<(u64, i32)>,
}

impl Zone {
    /// The offset from UTC in seconds at a moment, milliseconds since the Unix epoch.
    pub fn offset_at(&self, wall: u64) -> i32 {
        let after = self.offsets.partition_point(|(from, _)| *from <= wall);
        let current = after.checked_sub(1).and_then(|at| self.offsets.get(at));
        current.map_or(0, |(_, offset)| *offset)
    }

    /// Milliseconds of local time since 1970-01-01 00:00 on the spot.
    pub fn local(&self, wall: u64) -> i64 {
        let wall = i64::try_from(wall).unwrap_or(i64::MAX);
        wall.saturating_add(i64::from(self.offset_at(wall.cast_unsigned())) * 1_000)
    }
}
