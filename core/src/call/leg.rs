//! One end of a call.

use crate::vocab::LegId;
use crate::vocab::record::Party;

use super::{LegMedia, Line};

/// One end of a call: who it is, its SIP side and its media side.
#[derive(Debug)]
pub struct Leg {
    /// Names it for as long as the call lives.
    pub id: LegId,
    /// Who it is.
    pub party: Party,
    /// The INVITE usage; `None` before it exists and after it ended.
    pub sip: Option<sip::LegId>,
    /// It has answered, or was answered.
    pub confirmed: bool,
    /// It has our answer already, in a provisional response: that stays the answer (RFC 3261 section 13.2.1).
    pub described: bool,
    /// It put the other end on hold.
    pub holds: bool,
    /// Its INVITE carried no description: it answers ours in its ACK.
    pub late_offer: bool,
    /// Takes reliable provisional responses (RFC 3262).
    pub reliable: bool,
    /// Its policy wants its conversations on record.
    pub record: bool,
    /// It holds the other end by order, whatever its phone says.
    pub(crate) told_to_hold: bool,
    /// Its streams moved to another worker, and its peer has not taken the new description yet.
    pub(crate) moving: bool,
    /// Descriptions and streams.
    pub media: LegMedia,
}

impl Leg {
    pub(crate) fn new(id: LegId, party: Party, media: LegMedia) -> Self {
        Self {
            id,
            party,
            sip: None,
            confirmed: false,
            described: false,
            holds: false,
            late_offer: false,
            reliable: false,
            record: false,
            told_to_hold: false,
            moving: false,
            media,
        }
    }

    /// What the leg occupies.
    pub(crate) fn line(&self) -> Option<Line> {
        match &self.party {
            Party::Extension { extension, .. } => Some(Line::Extension(extension.clone())),
            Party::Trunk { trunk, .. } => Some(Line::Trunk(trunk.clone())),
            Party::Service { .. } | Party::Nobody => None,
        }
    }
}
