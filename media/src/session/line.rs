//! A program's line into a mix: what members say goes out in frames, and frames that come back are heard by them.
//!
//! The program is somewhere behind a connection that stalls and bursts. What it says waits here and is spoken at the pace
//! of the mix; what it is told is handed out at that pace, and whoever carries it drops what cannot be carried.

use std::collections::VecDeque;

use super::mixes::Mix;
use super::{Engine, Request};
use crate::codec::resample::Fitting;
use crate::order::{LINE_RATE, MixId, Voices};

/// Samples of a frame: 20 ms.
const FRAME: usize = LINE_RATE as usize / 50;
/// Samples that are gathered before the program is heard, so that a connection may stall a little: 60 ms.
const START: usize = 3 * FRAME;
/// Frames for which a few samples wait for more before they are heard as they are.
const PATIENCE: u8 = 3;
/// Samples of speech that wait at most: 30 s. What comes beyond is dropped.
pub const MOST: usize = 30 * LINE_RATE as usize;

/// A program's place in a mix.
#[derive(Debug)]
pub(super) struct Line {
    speaks: Voices,
    pub hears: Voices,
    speech: Speech,
    fitting_in: Fitting,
    frame: Vec<i16>,
    fitting_out: Fitting,
    /// What members said and no frame was full of.
    told: Vec<i16>,
}

/// What the program said and nobody has heard yet.
#[derive(Debug, Default)]
struct Speech {
    samples: VecDeque<i16>,
    /// It is being heard.
    flows: bool,
    waited: u8,
}

impl Speech {
    /// Takes 16-bit samples, least significant byte first; half a sample is left out.
    fn put(&mut self, pcm: &[u8]) {
        let room = MOST.saturating_sub(self.samples.len());
        let (samples, _) = pcm.as_chunks();
        self.samples.extend(samples.iter().take(room).map(|sample| i16::from_le_bytes(*sample)));
    }

    /// Writes the next 20 ms over `out`; false while there is nothing to be heard.
    fn take(&mut self, out: &mut Vec<i16>) -> bool {
        out.clear();
        if self.samples.is_empty() {
            (self.flows, self.waited) = (false, 0);
            return false;
        }
        if !self.flows && self.samples.len() < START && self.waited < PATIENCE {
            self.waited += 1;
            return false;
        }
        (self.flows, self.waited) = (true, 0);
        let count = self.samples.len().min(FRAME);
        out.extend(self.samples.drain(..count));
        // Words that stop within a frame end in silence.
        out.resize(FRAME, 0);
        true
    }
}

impl Engine {
    /// Connects a program to a mix, in place of one that was connected.
    pub(super) fn connect_line(&mut self, mix: MixId, (speaks, hears): (Voices, Voices)) {
        let Some(mix) = self.mixes.slot_of(mix).and_then(|slot| self.mixes.get(slot)) else {
            return;
        };
        mix.changed = true;
        mix.line = Some(Box::new(Line {
            speaks,
            hears,
            speech: Speech::default(),
            fitting_in: Fitting::default(),
            frame: Vec::with_capacity(FRAME * 2),
            fitting_out: Fitting::default(),
            told: Vec::with_capacity(FRAME * 2),
        }));
    }

    /// The program of a mix says something: 16-bit PCM at [`LINE_RATE`], least significant byte first. It is heard in
    /// its turn; more than half a minute does not wait.
    pub fn line_says(&mut self, mix: MixId, pcm: &[u8]) {
        if let Some(line) = self.line(mix) {
            line.speech.put(pcm);
        }
    }

    /// What the program of a mix has said and nobody has heard yet stays unheard.
    pub fn line_hushes(&mut self, mix: MixId) {
        if let Some(line) = self.line(mix) {
            line.speech = Speech::default();
        }
    }

    fn line(&mut self, mix: MixId) -> Option<&mut Line> {
        let slot = self.mixes.slot_of(mix)?;
        self.mixes.get(slot)?.line.as_deref_mut()
    }

    /// Adds 20 ms of what the program says.
    pub(super) fn hear_line(&mut self, mix: &mut Mix) {
        let Mix { line, mixer, rate, .. } = mix;
        let Some(line) = line else { return };
        if !line.speech.take(&mut self.frame) {
            return;
        }
        line.frame.clear();
        line.fitting_in.fit(&self.frame, (LINE_RATE, *rate), &mut line.frame);
        mixer.add(line.speaks, &line.frame);
    }

    /// Hands 20 ms of what members say to the program.
    pub(super) fn tell_line(&mut self, mix: &mut Mix) {
        let Mix { line, mixer, rate, id, .. } = mix;
        let (Some(line), Some(mix)) = (line, *id) else { return };
        mixer.write(line.hears, None, &mut self.frame);
        line.fitting_out.fit(&self.frame, (*rate, LINE_RATE), &mut line.told);
        while line.told.len() >= FRAME {
            let frame = line.told.drain(..FRAME).flat_map(i16::to_le_bytes).collect();
            self.requests.push_back(Request::LineFrame { mix, frame });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pcm(samples: usize, value: i16) -> Vec<u8> {
        std::iter::repeat_n(value.to_le_bytes(), samples).flatten().collect()
    }

    /// Frames until nothing is heard, with their first samples.
    fn heard(speech: &mut Speech, ticks: usize) -> Vec<Option<i16>> {
        let mut out = Vec::new();
        (0..ticks).map(|_| speech.take(&mut out).then(|| out[0])).collect()
    }

    #[test]
    fn words_wait_until_some_are_there_and_then_flow() {
        let mut speech = Speech::default();
        speech.put(&pcm(FRAME, 1));
        assert_eq!(heard(&mut speech, 1), [None]);
        speech.put(&pcm(2 * FRAME, 2));
        assert_eq!(heard(&mut speech, 4), [Some(1), Some(2), Some(2), None]);
        speech.put(&pcm(FRAME, 3));
        assert_eq!(
            heard(&mut speech, 5),
            [None, None, None, Some(3), None],
            "a lone word is heard"
        );
    }

    #[test]
    fn a_word_that_ends_within_a_frame_ends_in_silence() {
        let mut speech = Speech::default();
        speech.put(&pcm(START + 10, 7));
        assert_eq!(heard(&mut speech, 3), [Some(7); 3]);
        let mut out = Vec::new();
        assert!(speech.take(&mut out));
        assert_eq!((out.len(), out[9], out[10]), (FRAME, 7, 0));
        speech.put(&[1]);
        assert!(!speech.take(&mut out), "half a sample is none");
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut speech = Speech::default();
        for _ in 0..100 {
            speech.put(&pcm(LINE_RATE as usize, 1));
        }
        assert_eq!(speech.samples.len(), MOST);
    }
}
