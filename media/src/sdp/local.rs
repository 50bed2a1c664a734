//! Descriptions where the switch itself is the other end: announcements, echo, hold, originate.

use sdp_types::{Media, Session};
use serde::{Deserialize, Serialize};

use super::answer::events_beside;
use super::build::{self, Line};
use super::describe::{Codec, CodecKind, Direction, MediaKind, StreamDescription};
use super::plan::{AnswerPlan, OfferPlan};
use super::{NegotiationError, Sdp};

/// What the switch can play and hear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Codecs, preferred first; only PCMU, PCMA, G.722 and Opus have a meaning here.
    pub codecs: Vec<CodecKind>,
    /// Take telephone events.
    pub telephone_event: bool,
    /// Choose by our order instead of the offerer's.
    pub own_order: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            codecs: vec![CodecKind::Pcma, CodecKind::Pcmu, CodecKind::G722, CodecKind::Opus],
            telephone_event: true,
            own_order: false,
        }
    }
}

/// Answers an offer that the switch itself takes: one codec and telephone events on each audio
/// line that has a port in the plan, everything else refused.
///
/// `direction` is what we want, for instance `SendOnly` for hold music; the offer limits it.
pub fn local_answer(
    offer: &Sdp,
    capabilities: &Capabilities,
    plan: &AnswerPlan,
    direction: Direction,
) -> Result<Sdp, NegotiationError> {
    let mut session = build::session(&plan.origin);
    let mut failure = NegotiationError::NoUsableStream;
    let mut accepted = false;
    for (index, media) in offer.session.medias.iter().enumerate() {
        let stream = StreamDescription::read(&offer.session, media);
        let ports = plan.ports.get(index).copied().flatten();
        let ports = ports.filter(|_| stream.kind == MediaKind::Audio && stream.is_rtp());
        let Some(ports) = ports.filter(|_| stream.is_carried()) else {
            session.medias.push(build::refused(media));
            continue;
        };
        let codecs = chosen(&stream, capabilities);
        if codecs.is_empty() {
            failure = NegotiationError::NoCommonCodec;
            session.medias.push(build::refused(media));
            continue;
        }
        accepted = true;
        let line = Line {
            like: media,
            from: &build::refused(media),
            codecs: Some(&codecs),
            numbers: &[],
            ports,
            direction: direction.and(stream.direction.reversed()),
            rtcp_mux: plan.rtcp_mux && stream.rtcp_mux,
        };
        session.medias.push(with_ptime(line.build(plan.origin.address)));
    }
    if accepted { Ok(Sdp { session }) } else { Err(failure) }
}

fn chosen(stream: &StreamDescription, capabilities: &Capabilities) -> Vec<Codec> {
    let able = |codec: &&Codec| {
        codec.kind != CodecKind::Other && capabilities.codecs.contains(&codec.kind)
    };
    let rank = |codec: &&Codec| capabilities.codecs.iter().position(|kind| *kind == codec.kind);
    let mut candidates = stream.audio_codecs().filter(able);
    let best = if capabilities.own_order { candidates.min_by_key(rank) } else { candidates.next() };
    let Some(best) = best else { return Vec::new() };
    let mut codec = best.clone();
    // The parameters are the offerer's wishes for what it hears; ours are the defaults.
    codec.fmtp = None;
    let mut codecs = vec![codec];
    if capabilities.telephone_event {
        codecs.extend(events_beside(stream, &[best.clock_rate]).into_iter().take(1));
    }
    codecs
}

/// An offer of ours with one audio line, on the first port of the plan: when we are asked to
/// offer (an INVITE without a body), and for calls that the switch itself begins.
pub fn local_offer(capabilities: &Capabilities, plan: &OfferPlan, direction: Direction) -> Sdp {
    let mut session = build::session(&plan.origin);
    let blank = blank_audio();
    let ports = plan.ports.first().copied().flatten();
    let codecs = offered(capabilities);
    session.medias.push(match ports {
        Some(ports) => {
            let line = Line {
                like: &blank,
                from: &blank,
                codecs: Some(&codecs),
                numbers: &[],
                ports,
                direction,
                rtcp_mux: plan.rtcp_mux,
            };
            with_ptime(line.build(plan.origin.address))
        }
        None => blank,
    });
    Sdp { session }
}

fn offered(capabilities: &Capabilities) -> Vec<Codec> {
    let known = |kind: &CodecKind| match kind {
        CodecKind::Pcmu => Some(Codec::named(0, "PCMU", 8000, 1)),
        CodecKind::Pcma => Some(Codec::named(8, "PCMA", 8000, 1)),
        CodecKind::G722 => Some(Codec::named(9, "G722", 8000, 1)),
        CodecKind::Opus => Some(Codec::named(96, "opus", 48_000, 2)),
        _ => None,
    };
    let mut codecs: Vec<Codec> = capabilities.codecs.iter().filter_map(known).collect();
    if capabilities.telephone_event {
        if codecs.iter().any(|codec| codec.kind != CodecKind::Opus) {
            codecs.push(build::telephone_event(101, 8000));
        }
        if codecs.iter().any(|codec| codec.kind == CodecKind::Opus) {
            codecs.push(build::telephone_event(100, 48_000));
        }
    }
    codecs
}

fn blank_audio() -> Media {
    Media {
        media: "audio".to_owned(),
        port: 0,
        num_ports: None,
        proto: "RTP/AVP".to_owned(),
        fmt: "0".to_owned(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

fn with_ptime(mut media: Media) -> Media {
    media.attributes.push(build::attribute("ptime", "20"));
    media
}

/// The same description with another direction on every active media line, and another `o=`
/// version: hold and resume of a leg by the switch itself.
pub fn with_direction(description: &Sdp, direction: Direction, version: u64) -> Sdp {
    let mut session: Session = description.session.clone();
    session.origin.sess_version = version;
    session.attributes.retain(|a| Direction::from_name(&a.attribute).is_none());
    for media in session.medias.iter_mut().filter(|media| media.port != 0) {
        media.attributes.retain(|a| Direction::from_name(&a.attribute).is_none());
        if StreamDescription::is_rtp_proto(&media.proto) {
            media.attributes.push(sdp_types::Attribute {
                attribute: direction.as_str().to_owned(),
                value: None,
            });
        }
    }
    Sdp { session }
}
