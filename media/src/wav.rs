//! WAV files: prompts in, recordings out.

use std::fmt;
use std::io::{self, Cursor, Seek, SeekFrom, Write};

use hound::{SampleFormat, WavReader};

/// Longest prompt, in seconds.
pub const MAX_PROMPT_SECS: u32 = 600;
/// Rate of recordings in Hz.
pub const RECORDING_RATE: u32 = 8000;
/// Bytes of one stereo frame of a recording.
pub const RECORDING_FRAME: usize = 4;

/// A prompt or a piece of music in memory: mono, 16 bits, 8 or 16 kHz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    rate: u32,
    samples: Vec<i16>,
}

/// Why a file is not a prompt. Each says what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WavError {
    /// Not a WAV file, or a damaged one.
    NotWav(String),
    /// Of another shape: what it is.
    Shape {
        /// Sample rate in Hz.
        rate: u32,
        /// Channels.
        channels: u16,
        /// Bits a sample.
        bits: u16,
        /// Whether samples are floating-point numbers.
        float: bool,
    },
    /// Longer than [`MAX_PROMPT_SECS`]; holds its seconds.
    TooLong(u32),
    /// No samples.
    Empty,
}

impl fmt::Display for WavError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWav(what) => {
                write!(f, "not a readable WAV file ({what}); wanted: mono, 16 bits, 8 or 16 kHz")
            }
            Self::Shape { rate, channels, bits, float } => {
                let float = if *float { " floating point" } else { "" };
                write!(
                    f,
                    "{rate} Hz, {channels} channel(s), {bits} bits{float}; wanted: 8000 or "
                )?;
                f.write_str("16000 Hz, 1 channel, 16 bits (sox IN.wav -r 8000 -c 1 -b 16 OUT.wav)")
            }
            Self::TooLong(secs) => write!(f, "{secs} s long, at most {MAX_PROMPT_SECS} s"),
            Self::Empty => f.write_str("holds no samples"),
        }
    }
}

impl std::error::Error for WavError {}

impl Prompt {
    /// Reads the bytes of a WAV file.
    pub fn read(file: &[u8]) -> Result<Self, WavError> {
        let not_wav = |error: hound::Error| WavError::NotWav(error.to_string());
        let reader = WavReader::new(Cursor::new(file)).map_err(not_wav)?;
        let spec = reader.spec();
        let float = spec.sample_format == SampleFormat::Float;
        let rate = spec.sample_rate;
        if !matches!(rate, 8000 | 16_000)
            || spec.channels != 1
            || spec.bits_per_sample != 16
            || float
        {
            let (channels, bits) = (spec.channels, spec.bits_per_sample);
            return Err(WavError::Shape { rate, channels, bits, float });
        }
        if reader.duration() > MAX_PROMPT_SECS * rate {
            return Err(WavError::TooLong(reader.duration() / rate));
        }
        let samples: Result<Vec<i16>, _> = reader.into_samples().collect();
        Self::from_samples(rate, samples.map_err(not_wav)?)
    }

    /// Of samples that are already there, at 8000 or 16000 Hz.
    pub fn from_samples(rate: u32, samples: Vec<i16>) -> Result<Self, WavError> {
        if !matches!(rate, 8000 | 16_000) {
            return Err(WavError::Shape { rate, channels: 1, bits: 16, float: false });
        }
        if samples.is_empty() {
            return Err(WavError::Empty);
        }
        let secs = samples.len() / rate as usize;
        if secs > MAX_PROMPT_SECS as usize {
            return Err(WavError::TooLong(u32::try_from(secs).unwrap_or(u32::MAX)));
        }
        Ok(Self { rate, samples })
    }

    /// Samples a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The samples.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Length in milliseconds.
    pub fn length_ms(&self) -> u64 {
        self.samples.len() as u64 * 1000 / u64::from(self.rate)
    }
}

/// Bytes of the header that [`WavSink`] writes.
const HEADER: u32 = 44;
/// Data after which the sizes in the header are brought up to date: 0.6 s, so that with the
/// block still being filled less than a second is lost.
const UPDATE_BYTES: u32 = RECORDING_RATE * RECORDING_FRAME as u32 * 6 / 10;

/// Writes a recording whose header describes what is there, whenever the process dies:
/// data goes out first, then the sizes.
#[derive(Debug)]
pub struct WavSink<W> {
    file: W,
    /// Bytes of a frame.
    frame: u32,
    /// Data bytes written, and how many of them the header knows.
    written: u32,
    described: u32,
}

impl<W: Write + Seek> WavSink<W> {
    /// Writes the header of an empty recording of 1 or 2 channels at the start of the file.
    pub fn new(mut file: W, channels: u8) -> io::Result<Self> {
        let channels = channels.clamp(1, 2);
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header(channels))?;
        Ok(Self { file, frame: 2 * u32::from(channels), written: 0, described: 0 })
    }

    /// Appends interleaved frames (left, right, or one sample; 16 bits little-endian), as
    /// [`crate::recorder::Recorder`] yields them.
    ///
    /// After an error the file is as long as its header says or longer; no more can be written.
    /// A recording that has reached the format's 4 GiB is [`io::ErrorKind::FileTooLarge`].
    pub fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        let length = u32::try_from(frames.len()).unwrap_or(u32::MAX);
        let room = u32::MAX - HEADER - self.written;
        if length > room {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.file.write_all(frames)?;
        self.written += length;
        if self.written - self.described >= UPDATE_BYTES { self.describe() } else { Ok(()) }
    }

    /// Brings the sizes in the header up to date.
    pub fn describe(&mut self) -> io::Result<()> {
        if self.described == self.written {
            return Ok(());
        }
        let whole = self.written - self.written % self.frame;
        // The inner size first: readers that trust only one of them trust it.
        self.patch(HEADER - 4, whole)?;
        self.patch(4, whole + HEADER - 8)?;
        self.file.seek(SeekFrom::Start(u64::from(HEADER + self.written)))?;
        self.described = self.written;
        Ok(())
    }

    fn patch(&mut self, place: u32, size: u32) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(u64::from(place)))?;
        self.file.write_all(&size.to_le_bytes())
    }

    /// Completes the header and gives the file back.
    pub fn finish(mut self) -> io::Result<W> {
        self.describe()?;
        self.file.flush()?;
        Ok(self.file)
    }

    /// Size of the file in bytes.
    pub fn bytes(&self) -> u64 {
        u64::from(HEADER) + u64::from(self.written)
    }

    /// Length of the recording in milliseconds.
    pub fn length_ms(&self) -> u64 {
        u64::from(self.written) * 1000 / u64::from(RECORDING_RATE * self.frame)
    }
}

fn header(channels: u8) -> [u8; HEADER as usize] {
    let frame = 2 * u32::from(channels);
    let fields: [&[u8]; 13] = [
        b"RIFF",
        &(HEADER - 8).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16u32.to_le_bytes(),
        // PCM
        &1u16.to_le_bytes(),
        &u16::from(channels).to_le_bytes(),
        &RECORDING_RATE.to_le_bytes(),
        &(RECORDING_RATE * frame).to_le_bytes(),
        &(frame as u16).to_le_bytes(),
        &16u16.to_le_bytes(),
        b"data",
        &0u32.to_le_bytes(),
    ];
    let mut out = [0; HEADER as usize];
    for (place, byte) in out.iter_mut().zip(fields.into_iter().flatten()) {
        *place = *byte;
    }
    out
}
