//! The counter behind the `o=` line.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Sdp, SessionOrigin};

/// Gives each description of a dialog its version: unchanged descriptions keep theirs, changed
/// ones get the next (RFC 3264, section 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionedOrigin {
    session_id: u64,
    address: IpAddr,
    last: Option<Sdp>,
}

impl VersionedOrigin {
    /// For a new dialog.
    pub fn new(session_id: u64, address: IpAddr) -> Self {
        Self { session_id, address, last: None }
    }

    /// The `o=` line to hand to a plan; the version is settled by [`Self::stamp`].
    pub fn origin(&self) -> SessionOrigin {
        let version = self.last.as_ref().map_or(1, Sdp::version);
        SessionOrigin { session_id: self.session_id, version, address: self.address }
    }

    /// The description as it may be sent, remembered as the last one. Media lines of earlier
    /// descriptions that it lacks are appended as refused: a dialog never loses a media line.
    pub fn stamp(&mut self, sdp: Sdp) -> &Sdp {
        let sdp = match &self.last {
            Some(last) => sdp.padded_like(last),
            None => sdp,
        };
        let version = match &self.last {
            None => 1,
            Some(last) if last.same_but_version(&sdp) => last.version(),
            Some(last) => last.version().saturating_add(1),
        };
        self.last.insert(sdp.with_version(version))
    }

    /// What was sent last.
    pub fn last(&self) -> Option<&Sdp> {
        self.last.as_ref()
    }
}
