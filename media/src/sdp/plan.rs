//! What the call engine decides and hands to the negotiation.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::order::{CodecKind, Port};

/// The `o=` line of a description that we write. The id stays for the whole dialog; the version
/// grows by one with every description that differs from the one before (RFC 3264, section 8);
/// [`super::VersionedOrigin`] keeps count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionOrigin {
    /// Session id; any number that no other session of ours has.
    pub session_id: u64,
    /// Version of this description.
    pub version: u64,
    /// Our address towards this leg.
    pub address: IpAddr,
}

/// Where we receive one stream of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamPorts {
    /// RTP, or the datagrams of an opaque stream.
    pub rtp: SocketAddr,
    /// RTCP, where it is not the next port at the same address.
    pub rtcp: Option<SocketAddr>,
}

impl StreamPorts {
    /// RTP here and RTCP on the next port.
    pub fn pair(rtp: SocketAddr) -> Self {
        Self { rtp, rtcp: None }
    }

    /// Where RTCP arrives without mux.
    pub fn rtcp(&self) -> SocketAddr {
        let next = self.rtp.port().checked_add(1).unwrap_or(self.rtp.port());
        self.rtcp.unwrap_or(SocketAddr::new(self.rtp.ip(), next))
    }
}

impl From<Port> for StreamPorts {
    fn from(port: Port) -> Self {
        Self { rtp: port.rtp, rtcp: Some(port.rtcp) }
    }
}

/// Which audio codecs a side gets, and in which order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodecPolicy {
    /// Preferred first. Codecs that are not named follow in the order in which they came.
    pub prefer: Vec<CodecKind>,
    /// Drop codecs that we know and that `prefer` does not name.
    pub only_preferred: bool,
    /// Pass codecs that we do not know (G.729, AMR); both ends may share them.
    pub pass_unknown: bool,
}

impl Default for CodecPolicy {
    /// Everything passes in the order in which it came.
    fn default() -> Self {
        Self { prefer: Vec::new(), only_preferred: false, pass_unknown: true }
    }
}

impl CodecPolicy {
    /// Whether a codec may be shown to this side.
    pub fn allows(&self, kind: CodecKind) -> bool {
        match kind {
            CodecKind::Other => self.pass_unknown,
            CodecKind::TelephoneEvent | CodecKind::ComfortNoise => true,
            known => !self.only_preferred || self.prefer.contains(&known),
        }
    }

    /// Sort key: telephone events and comfort noise go last.
    pub(super) fn rank(&self, kind: CodecKind) -> usize {
        match kind {
            CodecKind::ComfortNoise => usize::MAX - 1,
            CodecKind::TelephoneEvent => usize::MAX,
            kind => {
                let place = self.prefer.iter().position(|preferred| *preferred == kind);
                place.unwrap_or(self.prefer.len())
            }
        }
    }
}

/// When telephone events are agreed with a side whose peer has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DtmfPolicy {
    /// Always: digits reach the switch, which passes them on by SIP INFO or uses them itself.
    #[default]
    Always,
    /// Only if the peer takes telephone events too; otherwise the phone sends tones in band.
    WithPeer,
}

/// How to offer the first leg's streams to the second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferPlan {
    /// Our `o=` line.
    pub origin: SessionOrigin,
    /// Our ports by media line; `None` or missing: the line goes out unused (port 0).
    pub ports: Vec<Option<StreamPorts>>,
    /// Codecs for the target side.
    pub codecs: CodecPolicy,
    /// Offer `a=rtcp-mux` where the first leg did.
    pub rtcp_mux: bool,
    /// Offer, behind the first leg's codecs, those that we can make of one of them.
    pub transcode: bool,
}

/// How to answer the first leg with what the second agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerPlan {
    /// Our `o=` line.
    pub origin: SessionOrigin,
    /// Our ports by media line of the offer; `None` or missing: the line is refused.
    pub ports: Vec<Option<StreamPorts>>,
    /// Take `a=rtcp-mux` where it is offered.
    pub rtcp_mux: bool,
    /// Telephone events where the second leg has none.
    pub dtmf: DtmfPolicy,
    /// Where both legs share no codec, take one of the first leg's that we can make of the second's.
    pub transcode: bool,
}
