//! What lamps and buddy lists show: documents (RFC 4235, RFC 3863, RFC 4480, RFC 4662) and who watches what.
//!
//! Pure: the switch says what has changed ([`Watches::touch`]), derives the [`Condition`] of what somebody watches, and
//! asks for documents when a NOTIFY may leave. Subscriptions themselves live in the SIP endpoint.

mod condition;
mod dialog_info;
mod list;
mod pidf;
mod watches;
mod xml;

use sip::subscription::Package;

pub use condition::{Condition, Entity, Lamp, Phone};
pub use list::Member;
pub use watches::{Kind, Watcher, Watches};

use sip::endpoint::Body;

/// Changes of one subscription are told this long apart at least, in nanoseconds; only the latest state is told.
pub const PACE: u64 = 200_000_000;

/// Dialogs of one phone that a document lists at most.
const MAX_DIALOGS: usize = 8;

/// Calls of a phone (RFC 4235).
pub const DIALOG: Package = Package {
    name: "dialog",
    content_types: &[dialog_info::CONTENT_TYPE],
    default_expires: 3600,
    min_expires: 60,
    max_expires: 3600,
    pace: PACE,
    asks: true,
};

/// Whether somebody can be reached (RFC 3856).
pub const PRESENCE: Package = Package {
    name: "presence",
    content_types: &[pidf::CONTENT_TYPE],
    default_expires: 3600,
    min_expires: 60,
    max_expires: 3600,
    pace: PACE,
    asks: true,
};

/// The document of one thing.
pub fn document(kind: Kind, version: u32, entity: &Entity, condition: &Condition) -> Body {
    match kind {
        Kind::Dialog => dialog_info::body(version, entity, condition),
        Kind::Presence | Kind::Summary => pidf::body(entity, condition),
    }
}

/// The document of a list: all members where it is `whole`, else those that have changed (RFC 4662 section 5).
pub fn list_document(
    kind: Kind,
    version: u32,
    whole: bool,
    list: &str,
    members: &[Member<'_>],
) -> Body {
    list::body(kind, version, whole, list, members)
}
