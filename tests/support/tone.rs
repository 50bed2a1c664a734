//! Tones: made for the phones to send, and found again in what arrived.

use std::f64::consts::TAU;
use std::path::Path;

/// The sampling rate of telephone audio.
pub const RATE: u32 = 8_000;

/// A block of 100 ms: frequencies that are multiples of 10 Hz fall into one Goertzel bin exactly.
const BLOCK: usize = 800;

/// `seconds` of a sine at half amplitude, as samples at [`RATE`].
pub fn sine(frequency: f64, seconds: u32) -> Vec<i16> {
    (0..RATE * seconds)
        .map(|n| {
            let phase = TAU * frequency * f64::from(n) / f64::from(RATE);
            (phase.sin() * 16_000.0) as i16
        })
        .collect()
}

/// Writes mono samples as a WAV.
pub fn write_wav(path: &Path, samples: &[i16]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("a WAV can be made");
    for &sample in samples {
        writer.write_sample(sample).expect("a WAV can be written");
    }
    writer.finalize().expect("a WAV can be closed");
}

/// What was heard: one list of samples per channel.
#[derive(Debug, Clone)]
pub struct Audio {
    pub rate: u32,
    pub channels: Vec<Vec<f64>>,
}

impl Audio {
    /// Mono audio from samples at [`RATE`].
    pub fn mono(samples: &[i16]) -> Self {
        Self { rate: RATE, channels: vec![samples.iter().map(|&s| f64::from(s)).collect()] }
    }

    /// Reads a whole WAV of 16 bits; `None` when it cannot be opened or its header is wrong.
    pub fn read(wav: impl std::io::Read) -> Option<Self> {
        let mut reader = hound::WavReader::new(wav).ok()?;
        let spec = reader.spec();
        let mut channels = vec![Vec::new(); usize::from(spec.channels)];
        for (n, sample) in reader.samples::<i16>().enumerate() {
            // A file that is still being written may end within a block.
            let Ok(sample) = sample else { break };
            channels[n % usize::from(spec.channels)].push(f64::from(sample));
        }
        Some(Self { rate: spec.sample_rate, channels })
    }

    /// Reads a mono WAV that its writer has not closed yet, whose header therefore tells no length.
    pub fn growing(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();
        let rate = bytes.get(24..28).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let rate = if rate == 0 { RATE } else { rate };
        let start = bytes.windows(4).position(|window| window == b"data").unwrap_or(36) + 8;
        let samples = bytes.get(start..).unwrap_or(&[]).chunks_exact(2);
        let samples = samples.map(|b| f64::from(i16::from_le_bytes([b[0], b[1]]))).collect();
        Self { rate, channels: vec![samples] }
    }

    /// What lies between these moments, in ms.
    pub fn part(&self, from_ms: u64, until_ms: u64) -> Self {
        let place = |ms: u64| usize::try_from(ms * u64::from(self.rate) / 1_000).unwrap();
        let cut = |channel: &Vec<f64>| {
            let until = place(until_ms).min(channel.len());
            channel[place(from_ms).min(until)..until].to_vec()
        };
        Self { rate: self.rate, channels: self.channels.iter().map(cut).collect() }
    }

    /// The length in seconds.
    pub fn seconds(&self) -> f64 {
        self.channels.first().map_or(0.0, |c| c.len() as f64 / f64::from(self.rate))
    }

    /// The level of `frequency` on a channel in dB of full scale: the loudest of its 100 ms blocks.
    pub fn peak_level(&self, channel: usize, frequency: f64) -> f64 {
        self.levels(channel, frequency).into_iter().fold(SILENCE, f64::max)
    }

    /// The mean level of `frequency` over all blocks of a channel, in dB of full scale.
    pub fn mean_level(&self, channel: usize, frequency: f64) -> f64 {
        let levels = self.levels(channel, frequency);
        let power: f64 = levels.iter().map(|level| 10f64.powf(level / 10.0)).sum();
        decibels(power / levels.len().max(1) as f64)
    }

    /// How many seconds of a channel are the tone of `frequency` at -25 dB or more.
    pub fn seconds_of(&self, channel: usize, frequency: f64) -> f64 {
        let loud = self.levels(channel, frequency).into_iter().filter(|&l| l > -25.0).count();
        loud as f64 * self.block() as f64 / f64::from(self.rate)
    }

    /// The level of everything on a channel in dB of full scale: the loudest of its blocks.
    pub fn loudness(&self, channel: usize) -> f64 {
        let blocks = self.channels[channel].chunks_exact(self.block());
        blocks
            .map(|b| decibels(b.iter().map(|s| s * s).sum::<f64>() / b.len() as f64 / FULL))
            .fold(SILENCE, f64::max)
    }

    fn levels(&self, channel: usize, frequency: f64) -> Vec<f64> {
        let rate = f64::from(self.rate);
        self.channels[channel]
            .chunks_exact(self.block())
            .map(|block| goertzel(block, frequency, rate))
            .collect()
    }

    fn block(&self) -> usize {
        BLOCK * self.rate as usize / RATE as usize
    }
}

const SILENCE: f64 = -120.0;
/// The mean square of a sine that fills 16 bits.
const FULL: f64 = 32_768.0 * 32_768.0 / 2.0;

/// Goertzel's algorithm: the level of one frequency in a block, in dB of a full-scale sine.
fn goertzel(block: &[f64], frequency: f64, rate: f64) -> f64 {
    let coefficient = 2.0 * (TAU * frequency / rate).cos();
    let (mut s1, mut s2) = (0.0, 0.0);
    for sample in block {
        let s0 = sample + coefficient * s1 - s2;
        s2 = s1;
        s1 = s0;
    }
    let power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
    let n = block.len() as f64;
    // |X(f)|² = (A n / 2)², and a sine's mean square is A² / 2.
    decibels(power * 2.0 / (n * n) / FULL)
}

fn decibels(power: f64) -> f64 {
    (10.0 * power.max(1e-12).log10()).max(SILENCE)
}

#[test]
fn a_tone_is_told_from_its_neighbours() {
    let audio = Audio::mono(&sine(1_000.0, 1));
    let level = audio.mean_level(0, 1_000.0);
    assert!((-7.0..-5.5).contains(&level), "half amplitude is -6 dB, measured {level}");
    for other in [600.0, 700.0, 1_400.0] {
        assert!(audio.peak_level(0, other) < level - 60.0, "{other} Hz in a tone of 1000 Hz");
    }
}

#[test]
fn silence_has_no_tone() {
    let audio = Audio::mono(&[0; 8_000]);
    assert!(audio.peak_level(0, 1_000.0) <= SILENCE);
    assert!(audio.seconds_of(0, 1_000.0) < f64::EPSILON);
}
