//! Paging: one speaks, and the phones of several answer by themselves and play it.

use serde::{Deserialize, Serialize};

use super::{CallId, TenantId};

/// The most phones of one page.
pub const MOST_PHONES: usize = 200;

/// A page: tenant and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PageKey {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
}

/// `[[page]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Tenant and name.
    pub key: PageKey,
    /// What is dialled for it.
    pub number: String,
    /// Extensions whose phones play it, at most [`MOST_PHONES`].
    pub members: Vec<String>,
    /// The class that an extension must have to speak.
    pub class: String,
    /// A page is over after so many seconds.
    pub max_secs: u32,
}

impl Page {
    /// With the usual settings.
    pub fn named(key: PageKey, number: &str) -> Self {
        let (members, class) = (Vec::new(), "intercom".to_owned());
        Self { key, number: number.to_owned(), members, class, max_secs: 60 }
    }
}

/// A page and whether somebody speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageView {
    /// Its definition.
    pub page: Page,
    /// While it is under way.
    pub spoken: Option<Spoken>,
}

/// A page under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    /// The call of the phone that speaks; the page ends with it.
    pub call: CallId,
    /// The number of its extension, if it is one's.
    pub speaker: Option<String>,
    /// Phones that play it.
    pub playing: usize,
    /// Phones that have not answered yet.
    pub ringing: usize,
}
