//! What of a subscription outlives the process.

use serde::{Deserialize, Serialize};

use crate::Flow;

/// A subscription as it is stored, so that a notifier that was started anew goes on in the same
/// dialog: its subscriber notices nothing but a NOTIFY with the whole state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Event package.
    pub package: String,
    /// What NOTIFYs say in Event.
    pub event: Box<str>,
    /// Whose it is, as it was granted.
    pub peer: Box<str>,
    /// The dialog's Call-ID.
    pub call_id: Box<str>,
    /// Our From value, tag included.
    pub local: Box<str>,
    /// Our tag.
    pub local_tag: Box<str>,
    /// The subscriber's To value, tag included.
    pub remote: Box<str>,
    /// Its tag.
    pub remote_tag: Box<str>,
    /// Its Contact.
    pub target: Box<str>,
    /// The route set, our next hop first.
    pub routes: Vec<Box<str>>,
    /// No NOTIFY has had a number above this one (RFC 3261 section 12.2.1.1 wants rising ones).
    pub local_cseq: u32,
    /// Of its latest SUBSCRIBE.
    pub remote_cseq: Option<u32>,
    /// Our Contact.
    pub contact: Box<str>,
    /// The way to it.
    pub flow: Flow,
    /// It is behind a NAT.
    pub symmetric: bool,
    /// It is a list of resources.
    pub list: bool,
    /// The seconds that it lasts from now on.
    pub left: u64,
}
