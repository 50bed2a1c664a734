//! Encoding and decoding of the codecs that the switch itself speaks.
//!
//! Frames are 20 ms of mono 16-bit PCM at the codec's audio rate. [`resample`] brings prompts and
//! recordings to that rate.

pub mod g711;
pub mod g722;
#[cfg(feature = "opus")]
mod opus;
pub mod resample;

use std::fmt;

use crate::order::CodecKind;

/// Length of a frame in milliseconds.
pub const FRAME_MS: u32 = 20;

/// Why a payload could not be encoded or decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// The PCM frame has not the length of 20 ms at the codec's rate; holds what it has.
    FrameLength(usize),
    /// The payload breaks the codec's rules, or is longer than 120 ms.
    Payload,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FrameLength(length) => write!(f, "a frame of {length} samples, not 20 ms"),
            Self::Payload => f.write_str("not a payload of this codec"),
        }
    }
}

impl std::error::Error for CodecError {}

/// Audio rate in Hz at which a codec's PCM is handled here; `None`: it is only relayed.
///
/// Opus is handled at 16 kHz: prompts have no more, and it costs a third of 48 kHz.
pub fn audio_rate(kind: CodecKind) -> Option<u32> {
    match kind {
        CodecKind::Pcmu | CodecKind::Pcma => Some(8000),
        CodecKind::G722 => Some(16_000),
        #[cfg(feature = "opus")]
        CodecKind::Opus => Some(16_000),
        _ => None,
    }
}

/// RTP clock rate in Hz of a codec that [`audio_rate`] knows.
pub fn clock_rate(kind: CodecKind) -> u32 {
    if kind == CodecKind::Opus { 48_000 } else { 8000 }
}

/// Samples of PCM in a frame of 20 ms.
pub fn frame_samples(kind: CodecKind) -> Option<usize> {
    audio_rate(kind).map(|rate| (rate * FRAME_MS / 1000) as usize)
}

/// An encoder with its state.
#[derive(Debug)]
pub enum Encoder {
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722(Box<g722::G722Encoder>),
    /// Opus.
    #[cfg(feature = "opus")]
    Opus(opus::Encoder),
}

impl Encoder {
    /// For a codec that we can encode.
    pub fn new(kind: CodecKind) -> Option<Self> {
        match kind {
            CodecKind::Pcmu => Some(Self::Pcmu),
            CodecKind::Pcma => Some(Self::Pcma),
            CodecKind::G722 => Some(Self::G722(Box::default())),
            #[cfg(feature = "opus")]
            CodecKind::Opus => opus::Encoder::new().map(Self::Opus),
            _ => None,
        }
    }

    /// Another one in the same state; `None` where the state cannot be copied.
    pub fn fork(&self) -> Option<Self> {
        match self {
            Self::Pcmu => Some(Self::Pcmu),
            Self::Pcma => Some(Self::Pcma),
            Self::G722(encoder) => Some(Self::G722(encoder.clone())),
            #[cfg(feature = "opus")]
            Self::Opus(_) => None,
        }
    }

    /// Appends the payload of one 20 ms frame at the codec's audio rate.
    pub fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let wanted = match self {
            Self::Pcmu | Self::Pcma => 160,
            _ => 320,
        };
        if pcm.len() != wanted {
            return Err(CodecError::FrameLength(pcm.len()));
        }
        match self {
            Self::Pcmu => out.extend(pcm.iter().map(|sample| g711::linear_to_mu(*sample))),
            Self::Pcma => out.extend(pcm.iter().map(|sample| g711::linear_to_a(*sample))),
            Self::G722(encoder) => encoder.encode(pcm, out),
            #[cfg(feature = "opus")]
            Self::Opus(encoder) => encoder.encode(pcm, out)?,
        }
        Ok(())
    }
}

/// A decoder with its state.
#[derive(Debug)]
pub enum Decoder {
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722(Box<g722::G722Decoder>),
    /// Opus.
    #[cfg(feature = "opus")]
    Opus(opus::Decoder),
}

impl Decoder {
    /// For a codec that we can decode.
    pub fn new(kind: CodecKind) -> Option<Self> {
        match kind {
            CodecKind::Pcmu => Some(Self::Pcmu),
            CodecKind::Pcma => Some(Self::Pcma),
            CodecKind::G722 => Some(Self::G722(Box::default())),
            #[cfg(feature = "opus")]
            CodecKind::Opus => opus::Decoder::new().map(Self::Opus),
            _ => None,
        }
    }

    /// Appends the samples of one payload, of whatever length up to 120 ms, at the codec's audio
    /// rate.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), CodecError> {
        // 120 ms of any codec here; Opus packets have bounds of their own.
        if payload.len() > 1500 {
            return Err(CodecError::Payload);
        }
        match self {
            Self::Pcmu => out.extend(payload.iter().map(|o| g711::MU_TO_LINEAR[usize::from(*o)])),
            Self::Pcma => out.extend(payload.iter().map(|o| g711::A_TO_LINEAR[usize::from(*o)])),
            Self::G722(decoder) => decoder.decode(payload, out),
            #[cfg(feature = "opus")]
            Self::Opus(decoder) => decoder.decode(payload, out)?,
        }
        Ok(())
    }

    /// Appends so many samples in place of a lost packet, if the codec has means of its own for that. `next` is the
    /// payload after it, which may say something about it.
    pub fn conceal(&mut self, next: Option<&[u8]>, samples: usize, out: &mut Vec<i16>) -> bool {
        match self {
            #[cfg(feature = "opus")]
            Self::Opus(decoder) => decoder.conceal(next, samples, out),
            // The playout repeats what these said last.
            _ => false,
        }
    }
}
