//! Mixing: everybody hears the sum of those whom they may hear, without themselves.
//!
//! A frame is 20 ms of samples at the rate of the mix. What is summed for one set of voices serves all who hear that set
//! and say nothing themselves; who speaks gets the same sum without the own part.

use smallvec::SmallVec;

use crate::order::{CodecKind, Voices};

pub mod voice;

/// The rate of a mix: that of wideband codecs if one member has one.
pub fn rate_for(codecs: impl Iterator<Item = CodecKind>) -> u32 {
    codecs.filter_map(crate::codec::audio_rate).max().unwrap_or(8_000)
}

/// The sum for one set of voices.
#[derive(Debug)]
struct Sum {
    hears: Voices,
    total: Vec<i32>,
    /// Frames in it.
    parts: usize,
}

/// Adds up what is said in 20 ms. Memory is kept for the next 20 ms.
#[derive(Debug, Default)]
pub struct Mixer {
    sums: SmallVec<[Sum; 4]>,
    samples: usize,
}

impl Mixer {
    /// Says which sets of voices are wanted, as often as that changes.
    pub fn wanted(&mut self, sets: impl Iterator<Item = Voices>) {
        self.sums.clear();
        for hears in sets {
            if !self.sums.iter().any(|sum| sum.hears == hears) {
                self.sums.push(Sum { hears, total: Vec::new(), parts: 0 });
            }
        }
    }

    /// Begins 20 ms of so many samples.
    pub fn begin(&mut self, samples: usize) {
        self.samples = samples;
        for sum in &mut self.sums {
            sum.parts = 0;
            sum.total.clear();
            sum.total.resize(samples, 0);
        }
    }

    /// Adds what somebody says who counts as `speaks`; samples that are missing are silence.
    pub fn add(&mut self, speaks: Voices, frame: &[i16]) {
        for sum in self.sums.iter_mut().filter(|sum| sum.hears.intersects(speaks)) {
            sum.parts += 1;
            for (total, sample) in sum.total.iter_mut().zip(frame) {
                // 65,000 members at full scale fit.
                *total += i32::from(*sample);
            }
        }
    }

    /// Whether somebody is heard in a set of voices.
    pub fn is_heard(&self, hears: Voices) -> bool {
        self.sums.iter().any(|sum| sum.hears == hears && sum.parts > 0)
    }

    /// Writes the sum for a set of voices over `out`, without `own`.
    pub fn write(&self, hears: Voices, own: Option<&[i16]>, out: &mut Vec<i16>) {
        out.clear();
        let Some(sum) = self.sums.iter().find(|sum| sum.hears == hears) else {
            return out.resize(self.samples, 0);
        };
        let narrow = |total: i32| total.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        match own {
            Some(own) => {
                let rest = sum.total.iter().zip(own).map(|(t, o)| narrow(*t - i32::from(*o)));
                out.extend(rest);
            }
            None => out.extend(sum.total.iter().map(|total| narrow(*total))),
        }
        out.resize(self.samples, 0);
    }
}

/// Root mean square below which a frame is the noise of a line and not mixed: -56 dBFS.
const QUIET: u64 = 50;
/// Frames that are still mixed after the last that was loud: 400 ms, so that no word loses its end.
const HANGOVER: u8 = 20;

/// Tells speaking from silence, so that rooms do not add up the noise of all their members.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gate {
    left: u8,
}

impl Gate {
    /// Whether this frame is to be mixed.
    pub fn passes(&mut self, frame: &[i16]) -> bool {
        let square = |sample: &i16| (i64::from(*sample) * i64::from(*sample)).unsigned_abs();
        let energy: u64 = frame.iter().map(square).sum();
        if energy >= QUIET * QUIET * frame.len() as u64 && !frame.is_empty() {
            self.left = HANGOVER;
            return true;
        }
        let passes = self.left > 0;
        self.left = self.left.saturating_sub(1);
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CALLER: Voices = Voices(1);
    const AGENT: Voices = Voices(2);

    #[test]
    fn everybody_hears_the_others_and_not_themselves() {
        let mut mixer = Mixer::default();
        mixer.wanted([Voices::ROOM, Voices::ROOM].into_iter());
        mixer.begin(4);
        assert!(!mixer.is_heard(Voices::ROOM));
        let frames = [[100i16; 4], [20; 4], [3; 4]];
        frames.iter().for_each(|frame| mixer.add(Voices::ROOM, frame));
        let mut out = Vec::new();
        for (frame, wanted) in frames.iter().zip([23, 103, 120]) {
            mixer.write(Voices::ROOM, Some(frame), &mut out);
            assert_eq!(out, [wanted; 4]);
        }
        mixer.write(Voices::ROOM, None, &mut out);
        assert_eq!(out, [123; 4]);
        mixer.write(Voices::NONE, None, &mut out);
        assert_eq!(out, [0; 4]);
    }

    #[test]
    fn sets_of_voices_are_summed_apart_and_too_loud_is_clipped() {
        let mut mixer = Mixer::default();
        mixer.wanted([CALLER, AGENT, CALLER | AGENT].into_iter());
        mixer.begin(1);
        mixer.add(CALLER, &[30_000]);
        mixer.add(AGENT, &[30_000]);
        mixer.add(Voices(4), &[1]);
        let mut out = Vec::new();
        for (hears, wanted) in [(CALLER, 30_000), (AGENT, 30_000), (CALLER | AGENT, i16::MAX)] {
            mixer.write(hears, None, &mut out);
            assert_eq!(out, [wanted]);
        }
    }

    #[test]
    fn the_gate_opens_at_once_and_closes_late() {
        let mut gate = Gate::default();
        assert!(!gate.passes(&[20; 160]));
        assert!(gate.passes(&[1_000; 160]));
        let open = (0..100).take_while(|_| gate.passes(&[0; 160])).count();
        assert_eq!(open, usize::from(HANGOVER));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_below_full_scale(
            frames in proptest::collection::vec(proptest::collection::vec(-1_000i16..1_000, 8), 1..20)
        ) {
            let mut mixer = Mixer::default();
            mixer.wanted(std::iter::once(Voices::ROOM));
            mixer.begin(8);
            frames.iter().for_each(|frame| mixer.add(Voices::ROOM, frame));
            let mut out = Vec::new();
            for (own, frame) in frames.iter().enumerate() {
                mixer.write(Voices::ROOM, Some(frame), &mut out);
                for (place, heard) in out.iter().enumerate() {
                    let others = frames.iter().enumerate().filter(|(other, _)| *other != own);
                    let wanted: i32 = others.map(|(_, frame)| i32::from(frame[place])).sum();
                    prop_assert_eq!(i32::from(*heard), wanted);
                }
            }
        }
    }
}
