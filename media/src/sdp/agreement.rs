//! What an offer and its answer settled, for the media session.

use serde::{Deserialize, Serialize};

use super::describe::{Codec, CodecKind, MediaKind, StreamDescription};
use super::{NegotiationError, Sdp};
use crate::order::{StreamCodec, StreamConfig};

/// Both descriptions of one leg, after the answer.
#[derive(Clone, Copy, Debug)]
pub struct LegDescriptions<'a> {
    local: &'a Sdp,
    remote: &'a Sdp,
    remote_answered: bool,
}

impl<'a> LegDescriptions<'a> {
    /// We offered `local` and the peer answered `remote`.
    pub fn we_offered(local: &'a Sdp, remote: &'a Sdp) -> Self {
        Self { local, remote, remote_answered: true }
    }

    /// The peer offered `remote` and we answered `local`.
    pub fn we_answered(local: &'a Sdp, remote: &'a Sdp) -> Self {
        Self { local, remote, remote_answered: false }
    }
}

/// All streams of two bridged legs, by media line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// One entry for each media line of the first leg; `None`: not in use.
    pub streams: Vec<Option<StreamAgreement>>,
}

/// One media line of two bridged legs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamAgreement {
    /// What it carries.
    pub kind: MediaKind,
    /// Settings of the first leg's stream.
    pub first: StreamConfig,
    /// Settings of the second leg's stream.
    pub second: StreamConfig,
    /// What happens to packets on the way.
    pub relay: StreamRelay,
}

/// What happens to the packets of a stream on their way to the other leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamRelay {
    /// Datagrams are passed unread.
    Opaque,
    /// By payload type; what no route names is dropped.
    Routes {
        /// From the first leg to the second.
        to_second: Vec<PayloadRoute>,
        /// From the second leg to the first.
        to_first: Vec<PayloadRoute>,
    },
}

/// What happens to one payload type in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadRoute {
    /// Payload type as it arrives.
    pub from: u8,
    /// Payload type as it leaves.
    pub to: u8,
    /// What is done to the payload.
    pub transform: Transform,
}

/// What is done to a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transform {
    /// Nothing.
    Pass,
    /// G.711 mu-law to A-law, octet by octet.
    MuToA,
    /// G.711 A-law to mu-law, octet by octet.
    AToMu,
    /// Telephone event whose clock changes (durations and timestamps).
    RescaleEvent {
        /// Clock that it arrives with, Hz.
        from: u32,
        /// Clock that it leaves with, Hz.
        to: u32,
    },
}

/// Settings of a leg whose other end is the switch itself, by media line.
pub fn terminate(leg: LegDescriptions<'_>) -> Vec<Option<(MediaKind, StreamConfig)>> {
    let local = leg.local.streams();
    let remote = leg.remote.streams();
    let both = local.iter().zip(&remote);
    both.map(|(l, r)| Some((r.kind, config(l, r, leg.remote_answered)?))).collect()
}

/// Settings and routes of two legs that talk to each other.
///
/// Works the same for a call that was negotiated end to end and for legs that were negotiated
/// apart (a transfer, an originated call); there it may find nothing in common, and one of the
/// legs has to be offered the other's codecs anew.
pub fn bridge(
    first: LegDescriptions<'_>,
    second: LegDescriptions<'_>,
) -> Result<Agreement, NegotiationError> {
    let (first, second) = (terminate(first), terminate(second));
    let mut failure = NegotiationError::NoUsableStream;
    let mut streams = Vec::with_capacity(first.len());
    for (index, a) in first.into_iter().enumerate() {
        let b = second.get(index).cloned().flatten();
        let agreement = match (a, b) {
            (Some((kind, a)), Some((other, b))) if kind == other => {
                let joined = join(kind, a, b);
                if joined.is_none() {
                    failure = NegotiationError::NoCommonCodec;
                }
                joined
            }
            _ => None,
        };
        streams.push(agreement);
    }
    if streams.iter().any(Option::is_some) { Ok(Agreement { streams }) } else { Err(failure) }
}

fn join(kind: MediaKind, first: StreamConfig, second: StreamConfig) -> Option<StreamAgreement> {
    if first.codecs.is_empty() && second.codecs.is_empty() {
        return Some(StreamAgreement { kind, first, second, relay: StreamRelay::Opaque });
    }
    let to_second = routes(&first.codecs, &second.codecs);
    let to_first = routes(&second.codecs, &first.codecs);
    let sounds = |list: &[PayloadRoute], from: &StreamConfig| {
        list.iter().any(|route| {
            let codec = from.codecs.iter().find(|codec| codec.receive_pt == route.from);
            codec.is_some_and(|codec| codec.kind.is_audio())
        })
    };
    if !sounds(&to_second, &first) || !sounds(&to_first, &second) {
        return None;
    }
    Some(StreamAgreement {
        kind,
        first,
        second,
        relay: StreamRelay::Routes { to_second, to_first },
    })
}

/// The settings of one stream, or nothing if it is refused or has no codec in common.
fn config(
    local: &StreamDescription,
    remote: &StreamDescription,
    remote_answered: bool,
) -> Option<StreamConfig> {
    if local.is_refused() || remote.is_refused() || local.is_rtp() != remote.is_rtp() {
        return None;
    }
    let codecs = if remote_answered {
        remote.codecs.iter().filter_map(|r| in_force(r.counterpart(&local.codecs)?, r)).collect()
    } else {
        local.codecs.iter().filter_map(|l| in_force(l, l.counterpart(&remote.codecs)?)).collect()
    };
    let codecs: Vec<StreamCodec> = codecs;
    if local.is_rtp() && !codecs.iter().any(|codec| codec.kind.is_audio()) {
        return None;
    }
    let reachable = |address: std::net::SocketAddr| {
        (!address.ip().is_unspecified() && address.port() != 0).then_some(address)
    };
    Some(StreamConfig {
        remote_rtp: reachable(remote.address),
        remote_rtcp: reachable(remote.rtcp),
        rtcp_mux: local.rtcp_mux && remote.rtcp_mux,
        send: local.direction.sends() && remote.direction.receives(),
        receive: local.direction.receives() && remote.direction.sends(),
        codecs,
        ptime_ms: remote.ptime.filter(|ms| (10..=60).contains(ms)).unwrap_or(20),
        silence_limit: None,
    })
}

fn in_force(local: &Codec, remote: &Codec) -> Option<StreamCodec> {
    let named = if local.name.is_empty() { remote } else { local };
    Some(StreamCodec {
        kind: named.kind,
        name: named.name.clone(),
        clock_rate: named.clock_rate,
        channels: named.channels,
        fmtp: remote.fmtp.clone().unwrap_or_default(),
        receive_pt: local.payload_type,
        send_pt: remote.payload_type,
    })
}

/// Routes for what arrives by `from`'s codecs and leaves by `to`'s.
fn routes(from: &[StreamCodec], to: &[StreamCodec]) -> Vec<PayloadRoute> {
    let route = |codec: &StreamCodec| {
        let (target, transform) = target_of(codec, to)?;
        Some(PayloadRoute { from: codec.receive_pt, to: target.send_pt, transform })
    };
    from.iter().filter_map(route).collect()
}

fn target_of<'a>(
    codec: &StreamCodec,
    among: &'a [StreamCodec],
) -> Option<(&'a StreamCodec, Transform)> {
    let same = |other: &&StreamCodec| {
        other.name.eq_ignore_ascii_case(&codec.name)
            && other.clock_rate == codec.clock_rate
            && other.channels == codec.channels
    };
    let mut alike = among.iter().filter(same);
    let exact = alike.clone().find(|other| other.fmtp == codec.fmtp);
    if let Some(found) = exact.or_else(|| alike.next()) {
        return Some((found, Transform::Pass));
    }
    let of = |kind: CodecKind| among.iter().find(|other| other.kind == kind);
    match codec.kind {
        CodecKind::Pcmu => Some((of(CodecKind::Pcma)?, Transform::MuToA)),
        CodecKind::Pcma => Some((of(CodecKind::Pcmu)?, Transform::AToMu)),
        CodecKind::TelephoneEvent => {
            let found = of(CodecKind::TelephoneEvent)?;
            let transform =
                Transform::RescaleEvent { from: codec.clock_rate, to: found.clock_rate };
            Some((found, transform))
        }
        _ => None,
    }
}
