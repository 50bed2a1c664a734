//! The offer for the second leg, made of the first leg's.

use sdp_types::Media;

use super::build::{self, Line};
use super::describe::{Codec, CodecKind, MediaKind, StreamDescription};
use super::plan::{CodecPolicy, OfferPlan};
use super::{MAX_FORMATS, Sdp};

/// Builds the offer for the other leg: the same media lines in the same order, our addresses, and
/// the codecs that the target side may have.
///
/// Lines that the plan gives no port, that are unused, or that need keys we do not have go out
/// with port 0. Ask [`Sdp::wanted_ports`] which lines need a port.
pub fn offer_towards(original: &Sdp, plan: &OfferPlan) -> Sdp {
    let mut session = build::session_like(&plan.origin, &original.session);
    for (index, media) in original.session.medias.iter().enumerate() {
        let stream = StreamDescription::read(&original.session, media);
        session.medias.push(line_towards(media, &stream, index, plan));
    }
    Sdp { session }
}

fn line_towards(
    media: &Media,
    stream: &StreamDescription,
    index: usize,
    plan: &OfferPlan,
) -> Media {
    let ports = plan.ports.get(index).copied().flatten().filter(|_| stream.is_carried());
    let Some(ports) = ports else { return build::refused(media) };
    let codecs = match stream.kind {
        MediaKind::Audio => audio_codecs(&stream.codecs, &plan.codecs, plan.transcode),
        _ => stream.codecs.clone(),
    };
    if stream.is_rtp() && !codecs.iter().any(|codec| codec.kind.is_audio()) {
        return build::refused(media);
    }
    let numbers: Vec<(u8, u8)> = codecs.iter().map(|c| (c.payload_type, c.payload_type)).collect();
    let line = Line {
        like: media,
        from: media,
        codecs: stream.is_rtp().then_some(codecs.as_slice()),
        numbers: &numbers,
        ports,
        direction: stream.direction,
        rtcp_mux: plan.rtcp_mux && stream.rtcp_mux,
    };
    line.build(plan.origin.address)
}

/// The caller's codecs as the target side gets them.
fn audio_codecs(given: &[Codec], policy: &CodecPolicy, transcode: bool) -> Vec<Codec> {
    let mut codecs = given.to_vec();
    add_other_law(&mut codecs);
    codecs.retain(|codec| policy.allows(codec.kind));
    codecs.sort_by_key(|codec| policy.rank(codec.kind));
    if transcode && given.iter().any(is_transcodable) {
        add_transcodable(&mut codecs, policy);
    }
    add_telephone_events(&mut codecs);
    codecs
}

/// Where one law of G.711 is offered the other can be too: we convert.
fn add_other_law(codecs: &mut Vec<Codec>) {
    let Some(place) = codecs.iter().rposition(|codec| codec.kind.is_g711()) else { return };
    for (number, name, kind) in [(0, "PCMU", CodecKind::Pcmu), (8, "PCMA", CodecKind::Pcma)] {
        let taken = |codec: &Codec| codec.kind == kind || codec.payload_type == number;
        if codecs.len() < MAX_FORMATS && !codecs.iter().any(taken) {
            codecs.insert(place + 1, Codec::named(number, name, 8000, 1));
            return;
        }
    }
}

/// Whether we can decode and encode it.
pub(super) fn is_transcodable(codec: &Codec) -> bool {
    crate::codec::audio_rate(codec.kind).is_some()
}

/// What we can make of the caller's codecs, behind them, so that the target takes one of the caller's if it can.
fn add_transcodable(codecs: &mut Vec<Codec>, policy: &CodecPolicy) {
    let mut makeable = [
        Codec::named(96, "opus", 48_000, 2),
        Codec::named(9, "G722", 8_000, 1),
        Codec::named(8, "PCMA", 8_000, 1),
        Codec::named(0, "PCMU", 8_000, 1),
    ];
    makeable.sort_by_key(|codec| policy.rank(codec.kind));
    // Comfort noise and events keep their place at the end.
    let extra =
        |codec: &Codec| matches!(codec.kind, CodecKind::ComfortNoise | CodecKind::TelephoneEvent);
    let mut place = codecs.iter().position(extra).unwrap_or(codecs.len());
    for mut codec in makeable {
        let there = codecs.iter().any(|other| other.kind == codec.kind);
        let wanted = is_transcodable(&codec) && policy.allows(codec.kind) && !there;
        // Numbers below 96 have one meaning only (RFC 3551, section 6).
        let number = build::free_number(codecs, codec.payload_type);
        let number =
            number.filter(|number| codec.payload_type >= 96 || *number == codec.payload_type);
        if let Some(number) = number.filter(|_| wanted && codecs.len() < MAX_FORMATS) {
            codec.payload_type = number;
            codecs.insert(place, codec);
            place += 1;
        }
    }
}

/// Telephone events at 8 kHz beside every codec that we know, and at 48 kHz beside Opus
/// (RFC 4733, section 2.1: the clock is that of the audio).
fn add_telephone_events(codecs: &mut Vec<Codec>) {
    let known = |codec: &Codec| codec.kind.is_audio() && codec.kind != CodecKind::Other;
    let opus = codecs.iter().any(|codec| codec.kind == CodecKind::Opus);
    for (needed, wanted, clock_rate) in [(codecs.iter().any(known), 101, 8000), (opus, 100, 48_000)]
    {
        let there = codecs
            .iter()
            .any(|codec| codec.kind == CodecKind::TelephoneEvent && codec.clock_rate == clock_rate);
        if needed
            && !there
            && codecs.len() < MAX_FORMATS
            && let Some(number) = build::free_number(codecs, wanted)
        {
            codecs.push(build::telephone_event(number, clock_rate));
        }
    }
}
