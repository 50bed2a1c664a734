//! How a call that is begun by an order differs from one that its extension dials.

use serde::{Deserialize, Serialize};

/// What an order may say beside from where and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CallTerms {
    /// The number of the tenant's that carriers show to who is called; `None`: as if the extension had dialled.
    pub shown: Option<String>,
    /// Rings this outside number, by any route of the tenant, in place of the extension's phones. Only for keys that act
    /// for the whole tenant.
    pub at: Option<String>,
    /// How long who is called may ring at each place, in seconds; `None`: as usual.
    pub ring_secs: Option<u32>,
}
