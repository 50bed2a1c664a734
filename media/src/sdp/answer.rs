//! The answer for the first leg, made of the second leg's.

use sdp_types::Media;

use super::build::{self, Line};
use super::describe::{Codec, CodecKind, StreamDescription};
use super::offer::is_transcodable;
use super::plan::{AnswerPlan, DtmfPolicy};
use super::{NegotiationError, Sdp};

/// Answers the offer of leg A with what leg B answered to our offer.
///
/// The answer has A's media lines in A's order and only payload types of A's offer. Lines that B
/// refused or left out, that have no port in the plan, or whose codecs have nothing in common are
/// refused. An error means that nothing is left although B accepted something.
pub fn answer_towards(
    original: &Sdp,
    answer: &Sdp,
    plan: &AnswerPlan,
) -> Result<Sdp, NegotiationError> {
    let mut session = build::session_like(&plan.origin, &answer.session);
    let mut failure = None;
    let mut accepted = false;
    for (index, media) in original.session.medias.iter().enumerate() {
        let line = match answer.session.medias.get(index) {
            Some(theirs) => {
                let offered = StreamDescription::read(&original.session, media);
                let agreed = StreamDescription::read(&answer.session, theirs);
                answer_line((media, &offered), (theirs, &agreed), index, plan)
            }
            None => Ok(None),
        };
        accepted |= matches!(line, Ok(Some(_)));
        session.medias.push(match line {
            Ok(Some(line)) => line,
            Ok(None) => build::refused(media),
            Err(error) => {
                failure = Some(error);
                build::refused(media)
            }
        });
    }
    match failure {
        Some(error) if !accepted => Err(error),
        _ => Ok(Sdp { session }),
    }
}

fn answer_line(
    (media, offered): (&Media, &StreamDescription),
    (theirs, agreed): (&Media, &StreamDescription),
    index: usize,
    plan: &AnswerPlan,
) -> Result<Option<Media>, NegotiationError> {
    let Some(ports) = plan.ports.get(index).copied().flatten() else { return Ok(None) };
    if !offered.is_carried() || agreed.is_refused() {
        return Ok(None);
    }
    if offered.is_rtp() != agreed.is_rtp() {
        return Err(NegotiationError::NoUsableStream);
    }
    let mut numbers = Vec::new();
    let mut codecs = matching(offered, agreed, plan.dtmf, &mut numbers);
    if plan.transcode && offered.is_rtp() && !codecs.iter().any(|codec| codec.kind.is_audio()) {
        codecs = made_of(offered, agreed, plan.dtmf);
    }
    if offered.is_rtp() && !codecs.iter().any(|codec| codec.kind.is_audio()) {
        return Err(NegotiationError::NoCommonCodec);
    }
    let line = Line {
        like: media,
        from: theirs,
        codecs: offered.is_rtp().then_some(codecs.as_slice()),
        numbers: &numbers,
        ports,
        direction: agreed.direction.and(offered.direction.reversed()),
        rtcp_mux: plan.rtcp_mux && offered.rtcp_mux,
    };
    Ok(Some(line.build(plan.origin.address)))
}

/// The codecs of the answer: A's numbers and names, B's order and parameters. Notes in `numbers`
/// what each of B's payload types is called on A's side.
fn matching(
    offered: &StreamDescription,
    agreed: &StreamDescription,
    dtmf: DtmfPolicy,
    numbers: &mut Vec<(u8, u8)>,
) -> Vec<Codec> {
    let mut out: Vec<Codec> = Vec::new();
    for theirs in agreed.codecs.iter().filter(|c| c.kind != CodecKind::TelephoneEvent) {
        let Some(found) = counterpart_or_other_law(theirs, &offered.codecs) else { continue };
        numbers.push((theirs.payload_type, found.payload_type));
        if out.iter().all(|codec| codec.payload_type != found.payload_type) {
            let fmtp = if found.same_encoding(theirs) { theirs.fmtp.clone() } else { None };
            out.push(Codec { fmtp, ..found.clone() });
        }
    }
    renumber_references(&mut out, numbers);
    if dtmf == DtmfPolicy::Always || agreed.telephone_events().next().is_some() {
        let clocks: Vec<u32> = out.iter().map(|codec| codec.clock_rate).collect();
        out.extend(events_beside(offered, &clocks));
    }
    out
}

/// The first of A's codecs that we can make of what B speaks, if there is one.
fn made_of(
    offered: &StreamDescription,
    agreed: &StreamDescription,
    dtmf: DtmfPolicy,
) -> Vec<Codec> {
    let decoded = agreed.audio_codecs().any(is_transcodable);
    let Some(found) = offered.audio_codecs().find(|codec| decoded && is_transcodable(codec)) else {
        return Vec::new();
    };
    // The parameters are A's wishes for what it hears; ours are the defaults.
    let mut out = vec![Codec { fmtp: None, ..found.clone() }];
    let noise = |codec: &&Codec| codec.kind == CodecKind::ComfortNoise;
    if agreed.codecs.iter().any(|codec| noise(&codec)) {
        out.extend(offered.codecs.iter().find(noise).cloned());
    }
    if dtmf == DtmfPolicy::Always || agreed.telephone_events().next().is_some() {
        out.extend(events_beside(offered, &[found.clock_rate]));
    }
    out
}

/// `apt=` of a retransmission format names another format of the line (RFC 4588, section 8.1).
fn renumber_references(codecs: &mut [Codec], numbers: &[(u8, u8)]) {
    for codec in codecs {
        let Some(fmtp) = &codec.fmtp else { continue };
        let Some(number) = fmtp.strip_prefix("apt=").and_then(|n| n.parse::<u8>().ok()) else {
            continue;
        };
        if let Some((_, ours)) = numbers.iter().find(|(theirs, _)| *theirs == number) {
            codec.fmtp = Some(format!("apt={ours}"));
        }
    }
}

/// The offered telephone events whose clock is that of a chosen codec, or else the first.
pub(super) fn events_beside(offered: &StreamDescription, clocks: &[u32]) -> Vec<Codec> {
    let fitting: Vec<Codec> =
        offered.telephone_events().filter(|e| clocks.contains(&e.clock_rate)).cloned().collect();
    if fitting.is_empty() { offered.telephone_events().take(1).cloned().collect() } else { fitting }
}

fn counterpart_or_other_law<'a>(codec: &Codec, among: &'a [Codec]) -> Option<&'a Codec> {
    let converted = || among.iter().find(|other| codec.kind.is_g711() && other.kind.is_g711());
    codec.counterpart(among).or_else(converted)
}
