//! Which payload types pass from one stream to another, and as what. Built when streams are configured or
//! bridged, so that a packet costs one look-up.

use smallvec::SmallVec;

use crate::order::{CodecKind, StreamCodec, StreamConfig, StreamKind};

/// What happens to a packet of one codec on its way to the other stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The other end does not know it.
    Drop,
    /// The other end does not know it, but something else that we can make of it.
    Transcode,
    /// Passes with another number.
    Pass,
    /// G.711 of one law becomes the other, byte by byte.
    ToPcmu,
    /// The other way round.
    ToPcma,
    /// A telephone event; its duration counts in another clock.
    Event {
        /// Clock of the event as it comes, Hz.
        from: u32,
        /// Clock as the target wants it, Hz.
        to: u32,
    },
}

/// The rule for one codec of the receiving stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// What to do.
    pub action: Action,
    /// The payload type at the target.
    pub payload_type: u8,
    /// The clock of the target's timestamps, Hz.
    pub clock_rate: u32,
}

/// Not in the table.
const NONE: u8 = u8::MAX;

/// The codecs of one stream, found by the payload type that the peer sends.
#[derive(Debug, Clone)]
pub struct Codecs {
    list: Vec<StreamCodec>,
    /// How many of the list were agreed; the rest is understood, but never sent.
    agreed: usize,
    index: [u8; 128],
}

/// The law of G.711 that was not agreed while the other was, under its number of RFC 3551. Either end converts it
/// at no cost, and a phone that offered both may send both until it is told otherwise.
fn other_law(list: &[StreamCodec]) -> Option<StreamCodec> {
    let has = |kind| list.iter().any(|codec| codec.kind == kind);
    let (kind, name, number) = match (has(CodecKind::Pcmu), has(CodecKind::Pcma)) {
        (true, false) => (CodecKind::Pcma, "PCMA", 8),
        (false, true) => (CodecKind::Pcmu, "PCMU", 0),
        _ => return None,
    };
    let (name, fmtp) = (name.to_owned(), String::new());
    let (clock_rate, channels) = (8_000, 1);
    let (receive_pt, send_pt) = (number, number);
    Some(StreamCodec { kind, name, clock_rate, channels, fmtp, receive_pt, send_pt })
}

impl Codecs {
    /// A table of `list`; of two codecs with one payload type the first counts, and no more than 127
    /// can be told apart. A peer should send the numbers of our description (RFC 3264 section 5.1), but many
    /// phones send those of their own: these are understood where they mean nothing else.
    pub fn new(mut list: Vec<StreamCodec>) -> Self {
        list.truncate(127);
        let agreed = list.len();
        list.extend(other_law(&list));
        let mut index = [NONE; 128];
        let ours = list.iter().map(|codec| codec.receive_pt).enumerate();
        let theirs = list.iter().map(|codec| codec.send_pt).enumerate();
        let (ours, unagreed) = (ours.clone().take(agreed), ours.skip(agreed));
        for (position, number) in ours.chain(theirs.take(agreed)).chain(unagreed) {
            if let Some(entry) = index.get_mut(usize::from(number))
                && *entry == NONE
            {
                *entry = position as u8;
            }
        }
        Self { list, agreed, index }
    }

    /// Position in the list of what arrives as `payload_type`.
    pub fn position(&self, payload_type: u8) -> Option<usize> {
        let position = *self.index.get(usize::from(payload_type))?;
        (position != NONE).then_some(usize::from(position))
    }

    /// The codec at a position.
    pub fn get(&self, position: usize) -> Option<&StreamCodec> {
        self.list.get(position)
    }

    /// All that were agreed, in order of preference.
    pub fn iter(&self) -> impl Iterator<Item = &StreamCodec> + Clone {
        self.list.iter().take(self.agreed)
    }

    /// The first that is neither event nor noise: what prompts are encoded in.
    pub fn audio(&self) -> Option<&StreamCodec> {
        self.iter().find(|codec| {
            !matches!(codec.kind, CodecKind::TelephoneEvent | CodecKind::ComfortNoise)
        })
    }

    /// The telephone event that fits the audio's clock, or else any.
    pub fn event(&self) -> Option<&StreamCodec> {
        let clock = self.audio().map(|codec| codec.clock_rate);
        let mut events = self.iter().filter(|codec| codec.kind == CodecKind::TelephoneEvent);
        let any = events.clone().next();
        events.find(|codec| Some(codec.clock_rate) == clock).or(any)
    }
}

/// Rules by position in the receiving stream's list.
pub type Rules = SmallVec<[Rule; 6]>;

/// The rules for what flows from one stream to another.
pub fn rules(from: &Codecs, to: &Codecs) -> Rules {
    from.list.iter().map(|codec| rule(codec, to)).collect()
}

fn rule(codec: &StreamCodec, to: &Codecs) -> Rule {
    if codec.kind == CodecKind::TelephoneEvent {
        return event_rule(codec, to);
    }
    if let Some(same) = counterpart(codec, to) {
        return Rule {
            action: Action::Pass,
            payload_type: same.send_pt,
            clock_rate: codec.clock_rate,
        };
    }
    let other_law = match codec.kind {
        CodecKind::Pcma => Some((CodecKind::Pcmu, Action::ToPcmu)),
        CodecKind::Pcmu => Some((CodecKind::Pcma, Action::ToPcma)),
        _ => None,
    };
    let converted = other_law.and_then(|(kind, action)| {
        let target = to.iter().find(|target| target.kind == kind)?;
        Some(Rule { action, payload_type: target.send_pt, clock_rate: target.clock_rate })
    });
    let decoded = |kind| crate::codec::audio_rate(kind).is_some();
    let both = decoded(codec.kind) && to.iter().any(|target| decoded(target.kind));
    converted.unwrap_or(Rule {
        action: if both { Action::Transcode } else { Action::Drop },
        payload_type: 0,
        clock_rate: codec.clock_rate,
    })
}

fn event_rule(codec: &StreamCodec, to: &Codecs) -> Rule {
    let audio_clock = to.audio().map_or(codec.clock_rate, |audio| audio.clock_rate);
    let Some(target) = to.event() else {
        return Rule { action: Action::Drop, payload_type: 0, clock_rate: audio_clock };
    };
    let same = target.clock_rate == codec.clock_rate && audio_clock == codec.clock_rate;
    let action = if same {
        Action::Pass
    } else {
        Action::Event { from: codec.clock_rate, to: target.clock_rate }
    };
    Rule { action, payload_type: target.send_pt, clock_rate: audio_clock }
}

/// The same codec in the other list. Several may share a name (H.264 in two modes): equal parameters
/// decide, then an equal number.
fn counterpart<'a>(codec: &StreamCodec, to: &'a Codecs) -> Option<&'a StreamCodec> {
    let alike = |other: &&StreamCodec| {
        other.clock_rate == codec.clock_rate
            && other.channels == codec.channels
            && other.name.eq_ignore_ascii_case(&codec.name)
    };
    let score = |other: &&StreamCodec| {
        let parameters = other.fmtp.eq_ignore_ascii_case(&codec.fmtp);
        let number = other.send_pt == codec.receive_pt;
        u8::from(parameters) * 2 + u8::from(number)
    };
    first_best(to.iter().filter(alike), score)
}

fn first_best<'a>(
    codecs: impl Iterator<Item = &'a StreamCodec>,
    score: impl Fn(&&'a StreamCodec) -> u8,
) -> Option<&'a StreamCodec> {
    codecs.reduce(|best, codec| if score(&codec) > score(&best) { codec } else { best })
}

/// Whether packets of payload types that nobody named pass unchanged.
pub fn passes_unnamed(kind: StreamKind) -> bool {
    kind == StreamKind::Video
}

/// Whether we may send to a peer, by its description.
pub fn may_send(config: &StreamConfig) -> bool {
    config.send && config.remote_rtp.is_none_or(|remote| remote.port() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(kind: CodecKind, name: &str, clock_rate: u32, pt: u8) -> StreamCodec {
        StreamCodec {
            kind,
            name: name.into(),
            clock_rate,
            channels: 1,
            fmtp: String::new(),
            receive_pt: pt,
            send_pt: pt,
        }
    }

    fn events(clock_rate: u32, pt: u8) -> StreamCodec {
        codec(CodecKind::TelephoneEvent, "telephone-event", clock_rate, pt)
    }

    #[test]
    fn shared_codecs_pass_with_the_targets_numbers_and_others_drop() {
        let from = Codecs::new(vec![
            codec(CodecKind::Pcma, "PCMA", 8_000, 8),
            codec(CodecKind::Other, "AMR", 8_000, 97),
            codec(CodecKind::Other, "G729", 8_000, 18),
            codec(CodecKind::ComfortNoise, "CN", 8_000, 13),
        ]);
        let to = Codecs::new(vec![
            codec(CodecKind::Pcmu, "PCMU", 8_000, 0),
            codec(CodecKind::Other, "amr", 8_000, 104),
            codec(CodecKind::ComfortNoise, "CN", 8_000, 13),
        ]);
        let actions: Vec<_> =
            rules(&from, &to).iter().map(|rule| (rule.action, rule.payload_type)).collect();
        let wanted = [
            (Action::ToPcmu, 0),
            (Action::Pass, 104),
            (Action::Drop, 0),
            (Action::Pass, 13),
            // PCMU, which the first end did not agree to.
            (Action::Pass, 0),
        ];
        assert_eq!(actions, wanted);
    }

    #[test]
    fn events_choose_the_audio_clock_and_are_rescaled_otherwise() {
        let opus = codec(CodecKind::Opus, "opus", 48_000, 111);
        let wide = Codecs::new(vec![opus.clone(), events(48_000, 110), events(8_000, 101)]);
        let narrow = Codecs::new(vec![opus, events(8_000, 101)]);
        assert_eq!(rules(&wide, &wide)[1].action, Action::Pass);
        assert_eq!(rules(&wide, &wide)[2].payload_type, 110);
        let rule = rules(&wide, &narrow)[1];
        assert_eq!(rule.action, Action::Event { from: 48_000, to: 8_000 });
        assert_eq!((rule.payload_type, rule.clock_rate), (101, 48_000));
    }

    #[test]
    fn a_phone_that_sends_its_own_numbers_is_understood_where_they_are_free() {
        let both = |receive_pt, send_pt| StreamCodec { receive_pt, ..events(8_000, send_pt) };
        let codecs = Codecs::new(vec![
            StreamCodec { send_pt: 97, ..codec(CodecKind::Opus, "opus", 48_000, 96) },
            both(97, 101),
        ]);
        let found = [96, 97, 101, 98].map(|pt| codecs.position(pt));
        assert_eq!(found, [Some(0), Some(1), Some(1), None]);
    }

    #[test]
    fn the_law_that_was_not_agreed_is_understood_but_never_sent() {
        let mu = Codecs::new(vec![codec(CodecKind::Pcmu, "PCMU", 8_000, 0)]);
        let position = mu.position(8).unwrap();
        assert_eq!(mu.get(position).unwrap().kind, CodecKind::Pcma);
        assert_eq!(rules(&mu, &mu)[position].action, Action::ToPcmu);
        assert_eq!(mu.iter().count(), 1);
        let taken = Codecs::new(vec![
            codec(CodecKind::Pcmu, "PCMU", 8_000, 0),
            codec(CodecKind::Other, "AMR", 8_000, 8),
        ]);
        assert_eq!(taken.position(8), Some(1));
    }

    #[test]
    fn equal_parameters_decide_between_namesakes() {
        let mode = |fmtp: &str, pt| StreamCodec {
            fmtp: fmtp.into(),
            ..codec(CodecKind::Other, "H264", 90_000, pt)
        };
        let from = Codecs::new(vec![mode("packetization-mode=1", 99)]);
        let to = Codecs::new(vec![mode("", 97), mode("packetization-mode=1", 98)]);
        assert_eq!(rules(&from, &to)[0].payload_type, 98);
        let to = Codecs::new(vec![mode("", 97), mode("x=1", 99)]);
        assert_eq!(rules(&from, &to)[0].payload_type, 99);
    }
}
