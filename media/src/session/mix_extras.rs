//! What is in a mix beside its members: prompts that are played to them, and recordings of what they say.

use std::sync::Arc;

use super::mixes::Mix;
use super::prompts::Supply;
use super::{Engine, Request};
use crate::codec::{self, Decoder, resample::Fitting};
use crate::order::{CodecKind, MediaEvent, MixId, PlayFault, PlayId, RecordingId, Voices};
use crate::player::{EncodedPrompt, Player};
use crate::wav::RECORDING_RATE;

/// Most prompt lists that play in a mix at once, and most recordings of it.
const MOST: usize = 8;
/// Bytes of a block of a mono recording: 200 ms.
const BLOCK: usize = RECORDING_RATE as usize / 5 * 2;

/// Prompts that play in a mix.
#[derive(Debug)]
pub(super) struct MixPlay {
    id: PlayId,
    names: Vec<String>,
    heard_by: Voices,
    /// What they are loaded in, to be decoded here.
    kind: CodecKind,
    /// `None` while they are loading.
    playing: Option<Playing>,
}

#[derive(Debug)]
struct Playing {
    player: Player,
    decoder: Decoder,
    fitting: Fitting,
    payload: Vec<u8>,
    raw: Vec<i16>,
    frame: Vec<i16>,
}

impl Playing {
    fn new(prompts: Vec<Arc<EncodedPrompt>>, kind: CodecKind) -> Option<Self> {
        Some(Self {
            player: Player::new(prompts, false, 20),
            decoder: Decoder::new(kind)?,
            fitting: Fitting::default(),
            payload: Vec::new(),
            raw: Vec::new(),
            frame: Vec::new(),
        })
    }

    /// Makes the next 20 ms at `rate`; false at the end.
    fn next(&mut self, from: u32, rate: u32) -> bool {
        if !self.player.next(&mut self.payload) {
            return false;
        }
        self.raw.clear();
        self.frame.clear();
        if self.decoder.decode(&self.payload, &mut self.raw).is_err() {
            return true;
        }
        self.fitting.fit(&self.raw, (from, rate), &mut self.frame);
        true
    }
}

/// A recording of a mix.
#[derive(Debug)]
pub(super) struct Tape {
    id: RecordingId,
    pub voices: Voices,
    fitting: Fitting,
    narrow: Vec<i16>,
    block: Vec<u8>,
}

impl Tape {
    fn take(&mut self, frame: &[i16], rate: u32) -> Option<Vec<u8>> {
        self.narrow.clear();
        self.fitting.fit(frame, (rate, RECORDING_RATE), &mut self.narrow);
        self.block.extend(self.narrow.iter().flat_map(|sample| sample.to_le_bytes()));
        (self.block.len() >= BLOCK)
            .then(|| std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK + 320)))
    }
}

impl Engine {
    /// Plays prompts to members of a mix.
    pub(super) fn play_in_mix(
        &mut self,
        id: MixId,
        (play, names): (PlayId, Vec<String>),
        heard_by: Voices,
    ) {
        let slot = self.mixes.slot_of(id);
        let Some((slot, mix)) = slot.and_then(|slot| Some((slot, self.mixes.get(slot)?))) else {
            return self.end_mix_play(id, play, &names, "there is no such mix");
        };
        if names.is_empty() {
            return self.end_mix_play(id, play, &names, "no prompts are named");
        }
        if mix.plays.len() >= MOST {
            return self.end_mix_play(id, play, &names, "too much plays in this mix");
        }
        let kind = if mix.rate > 8_000 { CodecKind::G722 } else { CodecKind::Pcmu };
        mix.plays.push(MixPlay { id: play, names, heard_by, kind, playing: None });
        self.supply_mix(slot);
    }

    /// Begins to play what is loaded.
    fn supply_mix(&mut self, slot: u32) {
        let Some(mix) = self.mixes.get(slot) else { return };
        for play in mix.plays.iter_mut().filter(|play| play.playing.is_none()) {
            match self.prompts.supply(&play.names, play.kind) {
                Supply::Loading(missing) => {
                    self.requests.extend(missing.into_iter().map(Request::LoadPrompt));
                }
                Supply::Ready(prompts) => play.playing = Playing::new(prompts, play.kind),
            }
        }
    }

    /// A prompt has been loaded, or cannot be.
    pub(super) fn mix_prompt_loaded(&mut self, name: &str, error: Option<&str>) {
        for slot in self.mixes.slots() {
            let Some(mix) = self.mixes.get(slot) else { continue };
            let waits = |play: &MixPlay| {
                play.playing.is_none() && play.names.iter().any(|named| named == name)
            };
            if !mix.plays.iter().any(waits) {
                continue;
            }
            let Some(error) = error else {
                self.supply_mix(slot);
                continue;
            };
            if let Some(id) = mix.id {
                for play in mix.plays.extract_if(.., |play| waits(play)) {
                    let error = PlayFault { prompt: name.to_owned(), why: error.to_owned() };
                    self.events.push_back(MediaEvent::MixPlayEnded {
                        mix: id,
                        play: play.id,
                        error: Some(error),
                    });
                }
            }
        }
    }

    /// Adds 20 ms of what plays.
    pub(super) fn play_into(&mut self, mix: &mut Mix) {
        let Mix { plays, mixer, rate, id, .. } = mix;
        plays.retain_mut(|play| {
            let Some(playing) = &mut play.playing else { return true };
            let from = codec::audio_rate(play.kind).unwrap_or(8_000);
            if playing.next(from, *rate) {
                mixer.add(play.heard_by, &playing.frame);
                return true;
            }
            if let Some(mix) = *id {
                let ended = MediaEvent::MixPlayEnded { mix, play: play.id, error: None };
                self.events.push_back(ended);
            }
            false
        });
    }

    fn end_mix_play(&mut self, mix: MixId, play: PlayId, names: &[String], why: &str) {
        let error = Some(PlayFault::of_all(names, why));
        self.events.push_back(MediaEvent::MixPlayEnded { mix, play, error });
    }

    /// Begins to record a mix.
    pub(super) fn record_mix(
        &mut self,
        recording: RecordingId,
        id: MixId,
        (path, voices): (String, Voices),
    ) {
        if self.recordings.is_known(recording) || self.has_tape(recording) {
            return self.record_refused(recording, "this recording is in progress");
        }
        let slot = self.mixes.slot_of(id);
        let Some(mix) = slot.and_then(|slot| self.mixes.get(slot)) else {
            return self.record_refused(recording, "there is no such mix");
        };
        if mix.tapes.len() >= MOST {
            return self.record_refused(recording, "the mix is in too many recordings");
        }
        let (narrow, block) = (Vec::new(), Vec::with_capacity(BLOCK + 320));
        mix.tapes.push(Tape { id: recording, voices, fitting: Fitting::default(), narrow, block });
        mix.changed = true;
        self.requests.push_back(Request::OpenRecording { recording, path, channels: 1 });
    }

    /// Records 20 ms.
    pub(super) fn tape(&mut self, mix: &mut Mix) {
        let Mix { tapes, mixer, rate, .. } = mix;
        for tape in tapes {
            mixer.write(tape.voices, None, &mut self.frame);
            if let Some(block) = tape.take(&self.frame, *rate) {
                let recording = tape.id;
                self.requests.push_back(Request::WriteBlock { recording, block });
            }
        }
    }

    fn slot_of_tape(&self, recording: RecordingId) -> Option<u32> {
        let has = |mix: &Mix| mix.tapes.iter().any(|tape| tape.id == recording);
        self.mixes.slots().find(|slot| self.mixes.look(*slot).is_some_and(has))
    }

    /// Whether a recording is one of a mix.
    pub(super) fn has_tape(&self, recording: RecordingId) -> bool {
        self.slot_of_tape(recording).is_some()
    }

    /// Takes a recording out of its mix; `None` if it is no mix's.
    pub(super) fn take_tape(&mut self, recording: RecordingId) -> Option<Tape> {
        let slot = self.slot_of_tape(recording)?;
        let mix = self.mixes.get(slot)?;
        mix.changed = true;
        let place = mix.tapes.iter().position(|tape| tape.id == recording)?;
        Some(mix.tapes.remove(place))
    }

    /// Closes a recording of a mix.
    pub(super) fn close_tape(&mut self, tape: Tape) {
        let (recording, rest, voice) = (tape.id, tape.block, None);
        self.requests.push_back(Request::CloseRecording { recording, rest, voice });
    }

    /// Recordings of all mixes.
    pub(super) fn tapes(&mut self) -> Vec<RecordingId> {
        let mut ids = Vec::new();
        for slot in self.mixes.slots() {
            let tapes = self.mixes.get(slot).map(|mix| mix.tapes.as_slice()).unwrap_or_default();
            ids.extend(tapes.iter().map(|tape| tape.id));
        }
        ids
    }

    /// A mix is over: so is what plays in it and what records it.
    pub(super) fn end_extras(&mut self, mix: Mix) {
        for play in mix.plays {
            if let Some(id) = mix.id {
                self.end_mix_play(id, play.id, &play.names, "the mix has ended");
            }
        }
        for tape in mix.tapes {
            self.close_tape(tape);
        }
    }
}
