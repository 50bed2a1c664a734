//! From frames of a mix to payloads, each made once for all who hear the same in the same codec.

use crate::codec::{self, Encoder, resample::Resampler};
use crate::order::{CodecKind, Voices};

/// Encodes frames of 20 ms for one codec, whatever their rate.
#[derive(Debug)]
pub struct Voice {
    kind: CodecKind,
    rate: u32,
    resampler: Option<Resampler>,
    encoder: Encoder,
    fitting: Vec<i16>,
}

impl Voice {
    /// For frames of `rate` Hz; `None` if we cannot encode this codec.
    pub fn new(kind: CodecKind, rate: u32) -> Option<Self> {
        let wanted = codec::audio_rate(kind)?;
        let resampler = if wanted == rate { None } else { Some(Resampler::new(rate, wanted)?) };
        let encoder = Encoder::new(kind)?;
        Some(Self { kind, rate, resampler, encoder, fitting: Vec::new() })
    }

    /// Whether it is made for this.
    pub fn fits(&self, kind: CodecKind, rate: u32) -> bool {
        self.kind == kind && self.rate == rate
    }

    /// One that goes on from here, where the codec's state can be copied.
    pub fn fork(&self) -> Option<Self> {
        let encoder = self.encoder.fork()?;
        let (kind, rate, resampler) = (self.kind, self.rate, self.resampler.clone());
        Some(Self { kind, rate, resampler, encoder, fitting: Vec::new() })
    }

    /// Writes the payload of a frame over `out`; false if there is none.
    pub fn encode(&mut self, frame: &[i16], out: &mut Vec<u8>) -> bool {
        out.clear();
        let Some(resampler) = &mut self.resampler else {
            return self.encoder.encode(frame, out).is_ok();
        };
        self.fitting.clear();
        resampler.process(frame, &mut self.fitting);
        self.encoder.encode(&self.fitting, out).is_ok()
    }
}

/// What is encoded for all who hear one set of voices, say nothing that is in it, and have one codec.
#[derive(Debug)]
pub struct Group {
    hears: Voices,
    /// The encoder with its state.
    pub voice: Voice,
    payload: Vec<u8>,
    made: bool,
    /// Frames since somebody was in it.
    idle: u16,
}

/// Frames that a group is kept without anybody in it: between two sentences its encoder is not made anew, which would be
/// heard, and costs.
const KEPT: u16 = 250;
/// Most groups that are kept.
const MOST: usize = 16;

/// The groups of a mix.
#[derive(Debug, Default)]
pub struct Groups {
    list: Vec<Group>,
}

impl Groups {
    /// Begins another 20 ms. Groups that nobody was in for a while are given up.
    pub fn begin(&mut self) {
        let most = if self.list.len() > MOST { 1 } else { KEPT };
        self.list.retain(|group| group.idle < most);
        for group in &mut self.list {
            group.made = false;
            group.idle += 1;
        }
    }

    /// The payload for a group; `mixed` is asked for its audio once in 20 ms, and writes it over `scratch`.
    pub fn payload(
        &mut self,
        hears: Voices,
        (kind, rate): (CodecKind, u32),
        mixed: impl FnOnce(&mut Vec<i16>),
        scratch: &mut Vec<i16>,
    ) -> Option<&[u8]> {
        let place = self.place(hears, kind, rate)?;
        let group = self.list.get_mut(place)?;
        group.idle = 0;
        if !group.made {
            mixed(scratch);
            if !group.voice.encode(scratch, &mut group.payload) {
                return None;
            }
            group.made = true;
        }
        Some(&group.payload)
    }

    /// The group for a set of voices and a codec, if somebody is in it.
    pub fn get(&self, hears: Voices, kind: CodecKind, rate: u32) -> Option<&Group> {
        self.list.iter().find(|group| group.hears == hears && group.voice.fits(kind, rate))
    }

    fn place(&mut self, hears: Voices, kind: CodecKind, rate: u32) -> Option<usize> {
        let is = |group: &Group| group.hears == hears && group.voice.fits(kind, rate);
        if let Some(place) = self.list.iter().position(is) {
            return Some(place);
        }
        let voice = Voice::new(kind, rate)?;
        let payload = Vec::with_capacity(320);
        self.list.push(Group { hears, voice, payload, made: false, idle: 0 });
        Some(self.list.len() - 1)
    }
}
