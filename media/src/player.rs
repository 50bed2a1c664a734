//! Prompts to a leg, at the price of a copy.
//!
//! A prompt is encoded once for each codec that somebody hears it in; what is kept is the list of
//! payloads. A thousand legs that hear the same music share it, each with a position of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::codec::{Encoder, audio_rate, frame_samples, resample::Resampler};
use crate::order::CodecKind;
use crate::wav::Prompt;

/// Codecs that prompts are kept in.
pub const PLAYABLE: [CodecKind; 4] =
    [CodecKind::Pcmu, CodecKind::Pcma, CodecKind::G722, CodecKind::Opus];

/// Octets of a millisecond in the codecs whose octets can be cut anywhere: both laws of G.711 at
/// 64 kbit/s, and G.722 too.
const OCTETS_PER_MS: usize = 8;
/// Length of a payload of the other codecs, and the unit in which prompts are encoded.
const FRAME_MS: u32 = 20;

/// A prompt in one codec, whole and immutable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedPrompt {
    kind: CodecKind,
    octets: Vec<u8>,
    /// Where each 20 ms frame ends; empty for codecs that can be cut anywhere.
    ends: Vec<u32>,
}

impl EncodedPrompt {
    /// Encodes a prompt; `None` if we cannot encode this codec. Ten seconds of prompt cost under
    /// a millisecond in G.711 but some 200 ms in Opus: a thread that has packets to relay takes
    /// [`PromptEncoder`].
    pub fn encode(prompt: &Arc<Prompt>, kind: CodecKind) -> Option<Self> {
        let mut encoder = PromptEncoder::new(Arc::clone(prompt), kind)?;
        while encoder.advance(usize::MAX) {}
        Some(encoder.finish())
    }

    /// The codec.
    pub fn kind(&self) -> CodecKind {
        self.kind
    }

    /// Length in milliseconds, a multiple of 20.
    pub fn length_ms(&self) -> u64 {
        match self.ends.len() {
            0 => (self.octets.len() / OCTETS_PER_MS) as u64,
            frames => frames as u64 * u64::from(FRAME_MS),
        }
    }

    /// Memory that it takes, in bytes.
    pub fn size(&self) -> usize {
        self.octets.len() + self.ends.len() * size_of::<u32>()
    }

    fn frame(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            Some(previous) => *self.ends.get(previous)? as usize,
            None => 0,
        };
        self.octets.get(start..end)
    }
}

/// Encodes a prompt piece by piece.
#[derive(Debug)]
pub struct PromptEncoder {
    prompt: Arc<Prompt>,
    encoder: Encoder,
    resampler: Resampler,
    /// Samples of the prompt that have been used.
    position: usize,
    /// Resampled samples that wait for a whole frame.
    pending: Vec<i16>,
    frame: usize,
    cuttable: bool,
    out: EncodedPrompt,
}

impl PromptEncoder {
    /// Begins; `None` if we cannot encode this codec.
    pub fn new(prompt: Arc<Prompt>, kind: CodecKind) -> Option<Self> {
        let resampler = Resampler::new(prompt.rate(), audio_rate(kind)?)?;
        Some(Self {
            encoder: Encoder::new(kind)?,
            resampler,
            position: 0,
            pending: Vec::new(),
            frame: frame_samples(kind)?,
            cuttable: kind != CodecKind::Opus,
            out: EncodedPrompt { kind, octets: Vec::new(), ends: Vec::new() },
            prompt,
        })
    }

    /// Encodes up to so many frames of 20 ms; says whether any are left.
    pub fn advance(&mut self, frames: usize) -> bool {
        let input = (self.prompt.rate() * FRAME_MS / 1000) as usize;
        for _ in 0..frames {
            let rest = self.prompt.samples().get(self.position..).unwrap_or_default();
            if rest.is_empty() {
                return false;
            }
            let piece = rest.get(..input.min(rest.len())).unwrap_or_default();
            self.position += piece.len();
            self.resampler.process(piece, &mut self.pending);
            if piece.len() < input {
                self.pending.resize(self.frame, 0);
            }
            self.encode_pending();
        }
        self.position < self.prompt.samples().len()
    }

    fn encode_pending(&mut self) {
        // A frame in gives a frame out, whatever the rates.
        self.pending.resize(self.frame, 0);
        if self.encoder.encode(&self.pending, &mut self.out.octets).is_ok() && !self.cuttable {
            self.out.ends.push(u32::try_from(self.out.octets.len()).unwrap_or(u32::MAX));
        }
        self.pending.clear();
    }

    /// What has been encoded.
    pub fn finish(self) -> EncodedPrompt {
        self.out
    }
}

/// Plays a list of prompts to one leg.
#[derive(Clone, Debug)]
pub struct Player {
    list: Vec<Arc<EncodedPrompt>>,
    repeat: bool,
    packet_ms: u16,
    /// Which prompt, and which octet or frame of it.
    item: usize,
    offset: usize,
}

impl Player {
    /// All prompts must be in the same codec; others are left out. `packet_ms` is the length of a
    /// payload; Opus always comes in 20 ms.
    pub fn new(mut list: Vec<Arc<EncodedPrompt>>, repeat: bool, packet_ms: u16) -> Self {
        let kind = list.first().map(|prompt| prompt.kind);
        list.retain(|prompt| Some(prompt.kind) == kind && !prompt.octets.is_empty());
        let packet_ms = if kind == Some(CodecKind::Opus) { 20 } else { packet_ms.clamp(10, 60) };
        Self { list, repeat, packet_ms, item: 0, offset: 0 }
    }

    /// Length of a payload in milliseconds.
    pub fn packet_ms(&self) -> u16 {
        self.packet_ms
    }

    /// Writes the next payload over `out`; `false` at the end of the list. The last payload is
    /// filled up with silence.
    pub fn next(&mut self, out: &mut Vec<u8>) -> bool {
        out.clear();
        match self.list.first().map(|prompt| prompt.kind) {
            None => false,
            Some(CodecKind::Opus) => self.next_frame(out),
            Some(kind) => self.next_octets(kind, out),
        }
    }

    fn next_frame(&mut self, out: &mut Vec<u8>) -> bool {
        while let Some(prompt) = self.list.get(self.item) {
            if let Some(frame) = prompt.frame(self.offset) {
                out.extend_from_slice(frame);
                self.offset += 1;
                return true;
            }
            self.next_item();
        }
        false
    }

    fn next_octets(&mut self, kind: CodecKind, out: &mut Vec<u8>) -> bool {
        let wanted = usize::from(self.packet_ms) * OCTETS_PER_MS;
        while out.len() < wanted {
            let Some(prompt) = self.list.get(self.item) else { break };
            let rest = prompt.octets.get(self.offset..).unwrap_or_default();
            let piece = rest.get(..rest.len().min(wanted - out.len())).unwrap_or_default();
            if piece.is_empty() {
                self.next_item();
                continue;
            }
            out.extend_from_slice(piece);
            self.offset += piece.len();
        }
        let any = !out.is_empty();
        if any {
            out.resize(wanted, silence(kind));
        }
        any
    }

    fn next_item(&mut self) {
        self.offset = 0;
        self.item += 1;
        if self.repeat && self.item >= self.list.len() {
            self.item = 0;
        }
    }
}

/// An octet of silence. G.722 has none that holds in every state; this one moves its predictors
/// least.
fn silence(kind: CodecKind) -> u8 {
    match kind {
        CodecKind::Pcma => crate::codec::g711::A_SILENCE,
        CodecKind::Pcmu => crate::codec::g711::MU_SILENCE,
        _ => 0xfa,
    }
}

/// Why a prompt was not taken into the cache: its memory is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheFull;

impl fmt::Display for CacheFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memory for prompts is used up")
    }
}

impl std::error::Error for CacheFull {}

/// Encoded prompts by name, within a bound of memory.
#[derive(Debug)]
pub struct PromptCache {
    entries: BTreeMap<String, [Option<Arc<EncodedPrompt>>; PLAYABLE.len()]>,
    used: usize,
    limit: usize,
}

impl PromptCache {
    /// With a bound in bytes on what it holds.
    pub fn new(limit: usize) -> Self {
        Self { entries: BTreeMap::new(), used: 0, limit }
    }

    /// The prompt of this name in this codec, if it is there.
    pub fn get(&self, name: &str, kind: CodecKind) -> Option<Arc<EncodedPrompt>> {
        self.entries.get(name)?.get(place(kind)?)?.clone()
    }

    /// Puts a prompt there, in place of what had its name and codec.
    pub fn insert(&mut self, name: &str, prompt: Arc<EncodedPrompt>) -> Result<(), CacheFull> {
        let place = place(prompt.kind).ok_or(CacheFull)?;
        let before = self.get(name, prompt.kind).map_or(0, |old| old.size());
        if self.used - before + prompt.size() > self.limit {
            return Err(CacheFull);
        }
        self.used = self.used - before + prompt.size();
        let slots = self.entries.entry(name.to_owned()).or_default();
        if let Some(slot) = slots.get_mut(place) {
            *slot = Some(prompt);
        }
        Ok(())
    }

    /// Forgets all prompts, for instance when the files may have changed. Who plays one goes on.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.used = 0;
    }

    /// Memory in use, in bytes.
    pub fn used(&self) -> usize {
        self.used
    }
}

fn place(kind: CodecKind) -> Option<usize> {
    PLAYABLE.iter().position(|playable| *playable == kind)
}
