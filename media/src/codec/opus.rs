//! Opus (RFC 6716) at 16 kHz mono, behind the crate that does the work.

use std::fmt;

use opus_rs::{Application, OpusDecoder, OpusEncoder};

use super::CodecError;

const RATE: i32 = 16_000;
/// 120 ms, the longest packet (RFC 6716, section 3.1).
const MAX_SAMPLES: usize = 1920;
/// A 20 ms frame of speech or music from narrow sources; plenty at this rate.
const BITRATE: i32 = 24_000;
/// Longest frame that may come out (RFC 6716, section 3.2.1).
const MAX_FRAME: usize = 1275;

/// Encodes 20 ms frames.
pub struct Encoder {
    inner: Box<OpusEncoder>,
    buffer: Box<[u8; MAX_FRAME]>,
}

impl Encoder {
    pub fn new() -> Option<Self> {
        let mut inner = Box::new(OpusEncoder::new(RATE, 1, Application::Voip).ok()?);
        inner.bitrate_bps = BITRATE;
        Some(Self { inner, buffer: Box::new([0; MAX_FRAME]) })
    }

    pub fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let length = self.inner.encode_i16(pcm, pcm.len(), self.buffer.as_mut_slice());
        let length = length.map_err(|_| CodecError::FrameLength(pcm.len()))?;
        out.extend_from_slice(self.buffer.get(..length).unwrap_or_default());
        Ok(())
    }
}

/// Decodes packets of up to 120 ms.
pub struct Decoder {
    inner: Box<OpusDecoder>,
    buffer: Box<[f32; MAX_SAMPLES]>,
}

impl Decoder {
    pub fn new() -> Option<Self> {
        let inner = Box::new(OpusDecoder::new(RATE, 1).ok()?);
        Some(Self { inner, buffer: Box::new([0.0; MAX_SAMPLES]) })
    }

    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), CodecError> {
        let samples = packet_samples(payload).ok_or(CodecError::Payload)?;
        let decoded = self.inner.decode(payload, samples, self.buffer.as_mut_slice());
        let decoded = decoded.map_err(|_| CodecError::Payload)?;
        let samples = self.buffer.get(..decoded).unwrap_or_default();
        // The cast saturates.
        out.extend(samples.iter().map(|sample| (sample * 32_768.0).round() as i16));
        Ok(())
    }
}

impl Decoder {
    /// Appends so many samples in place of a lost packet; with the packet after it, by what that one tells of it
    /// (RFC 6716, section 2.1.7), otherwise by what came before.
    pub fn conceal(&mut self, next: Option<&[u8]>, samples: usize, out: &mut Vec<i16>) -> bool {
        let samples = samples.min(MAX_SAMPLES);
        let decoded = match next {
            Some(next) => self.inner.decode_fec(next, samples, self.buffer.as_mut_slice()),
            None => self.inner.decode(&[], samples, self.buffer.as_mut_slice()),
        };
        let Some(decoded) = decoded.ok().and_then(|length| self.buffer.get(..length)) else {
            return false;
        };
        out.extend(decoded.iter().map(|sample| (sample * 32_768.0).round() as i16));
        decoded.len() == samples
    }
}

/// Length of a packet in samples at our rate, from its first bytes (RFC 6716, section 3.1).
fn packet_samples(payload: &[u8]) -> Option<usize> {
    let toc = *payload.first()?;
    let config = usize::from(toc >> 3);
    // In steps of 2.5 ms: SILK, hybrid and CELT have their own sets of lengths.
    let steps = match config {
        0..12 => [4, 8, 16, 24][config % 4],
        12..16 => [4, 8][config % 2],
        _ => [1, 2, 4, 8][config % 4],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(*payload.get(1)? & 0x3f),
    };
    let samples = steps * frames * 40;
    (1..=MAX_SAMPLES).contains(&samples).then_some(samples)
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("opus::Encoder")
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("opus::Decoder")
    }
}
