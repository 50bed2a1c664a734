//! What an offer and its answer settled, for the media session.

use super::Sdp;
use super::describe::{Codec, MediaKind, StreamDescription};
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

/// What offer and answer settled for the streams of a leg, by media line; `None`: not in use.
/// These are the settings that a media worker is ordered to apply.
pub fn terminate(leg: LegDescriptions<'_>) -> Vec<Option<(MediaKind, StreamConfig)>> {
    let local = leg.local.streams();
    let remote = leg.remote.streams();
    let both = local.iter().zip(&remote);
    both.map(|(l, r)| Some((r.kind, config(l, r, leg.remote_answered)?))).collect()
}

/// Whether two streams that are bridged understand each other without work: a codec in common, or
/// one law of G.711 on each side, which the relay converts. Streams that are passed unread always
/// do. Legs that were negotiated apart (a transfer, an originated call) may not: then one of them
/// has to be offered the other's codecs.
pub fn understand(first: &StreamConfig, second: &StreamConfig) -> bool {
    if first.codecs.is_empty() || second.codecs.is_empty() {
        return first.codecs.is_empty() && second.codecs.is_empty();
    }
    let common = |codec: &StreamCodec| codec.kind.is_audio() && is_taken(codec, &second.codecs);
    first.codecs.iter().any(common)
}

fn is_taken(codec: &StreamCodec, among: &[StreamCodec]) -> bool {
    among.iter().any(|other| {
        codec.kind.is_g711() && other.kind.is_g711()
            || other.name.eq_ignore_ascii_case(&codec.name)
                && other.clock_rate == codec.clock_rate
                && other.channels == codec.channels
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
