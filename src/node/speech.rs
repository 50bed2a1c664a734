//! Text to speech: a command of the configuration reads a text and writes a WAV file, which is brought to the rate of
//! prompts.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::api::sounds::SoundError;

/// Commands that run at a time; more wait. Each has a thread, of which the database's questions need some as well.
pub(super) const AT_A_TIME: usize = 4;
/// How long the command may take.
const LIMIT: Duration = Duration::from_secs(20);
/// Pause between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(10);
/// Bytes of speech that are read at most.
const MOST: u64 = 64 << 20;
/// Samples a second of what it becomes.
const RATE: u32 = 8_000;

/// Speaks a text. Waits for the command.
///
/// # Errors
/// There is no command, it fails or takes too long, or what it writes is no speech.
pub(super) fn speak(command: &[String], text: &str) -> Result<Bytes, SoundError> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(SoundError::Unfit(
            "no command for speech is configured (speech.command)".into(),
        ));
    };
    let failed = |why: String| SoundError::Failed(format!("{program}: {why}"));
    let mut spoken = tempfile().map_err(|error| failed(error.to_string()))?;
    let stdout = spoken.try_clone().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that reads nothing says so by its status.
        let _ = stdin.write_all(text.as_bytes());
    }
    let end = Instant::now() + LIMIT;
    let status = loop {
        match child.try_wait().map_err(|error| failed(error.to_string()))? {
            Some(status) => break status,
            None if Instant::now() >= end => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("no speech within {} s", LIMIT.as_secs())));
            }
            None => std::thread::sleep(LOOK),
        }
    };
    if !status.success() {
        return Err(failed(status.to_string()));
    }
    let mut wav = Vec::new();
    spoken
        .seek(SeekFrom::Start(0))
        .and_then(|_| spoken.take(MOST).read_to_end(&mut wav))
        .map_err(|error| failed(error.to_string()))?;
    let (rate, samples) = samples(&wav).ok_or_else(|| failed("it wrote no WAV file".into()))?;
    Ok(Bytes::from(file(&fitted(rate, &samples))))
}

/// A file without a name, which is gone with its handle.
fn tempfile() -> std::io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(File::from(memfd_create("speech", MemfdFlags::CLOEXEC)?))
}

/// Rate and samples of a WAV file of one channel and 16 bits. Commands that write to a pipe do not know the sizes that stand
/// in its head, so that the end of the file counts.
fn samples(wav: &[u8]) -> Option<(u32, Vec<i16>)> {
    let mut rest = wav.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let mut rate = None;
    loop {
        let name = rest.get(..4)?;
        let size = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?);
        let body = rest.get(8..)?;
        if name == b"data" {
            let length = usize::try_from(size).ok()?.min(body.len());
            let pairs = body.get(..length)?.chunks_exact(2);
            return Some((
                rate?,
                pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(),
            ));
        }
        if name == b"fmt " {
            let half = |at: usize| Some(u16::from_le_bytes(body.get(at..at + 2)?.try_into().ok()?));
            if (half(0)?, half(2)?, half(14)?) != (1, 1, 16) {
                return None;
            }
            rate = Some(u32::from_le_bytes(body.get(4..8)?.try_into().ok()?));
        }
        rest = body.get(usize::try_from(size).ok()?.next_multiple_of(2)..)?;
    }
}

/// Speech at the rate of prompts: each sample is the mean of what it stands for, so that what is too high for the
/// telephone does not come back as noise.
fn fitted(rate: u32, samples: &[i16]) -> Vec<i16> {
    if rate == RATE || rate == 0 {
        return samples.to_vec();
    }
    let step = f64::from(rate) / f64::from(RATE);
    let mut out = Vec::new();
    let mut from = 0.0_f64;
    loop {
        let (first, last) = (from.floor() as usize, (from + step).ceil() as usize);
        let Some(window) = samples.get(first..last.max(first + 1).min(samples.len())) else {
            break;
        };
        if window.is_empty() {
            break;
        }
        let sum: f64 = window.iter().map(|sample| f64::from(*sample)).sum();
        out.push((sum / window.len() as f64) as i16);
        from += step;
    }
    out
}

/// A WAV file of one channel, 16 bits and 8 kHz.
fn file(samples: &[i16]) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX);
    let mut file = Vec::with_capacity(samples.len() * 2 + 44);
    file.extend(b"RIFF");
    file.extend((bytes + 36).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(RATE.to_le_bytes());
    file.extend((RATE * 2).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(bytes.to_le_bytes());
    for sample in samples {
        file.extend(sample.to_le_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use ::media::wav::Prompt;

    use super::*;

    fn command(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn speech_becomes_a_prompt() {
        let wav = speak(&command(&["espeak-ng", "--stdin", "--stdout"]), "Welcome to Strowger.");
        let wav = wav.expect("espeak-ng is installed (scripts/install-test-tools.sh)");
        let prompt = Prompt::read(&wav).expect("a prompt can be read");
        assert_eq!(prompt.rate(), 8_000);
        assert!((500..10_000).contains(&prompt.length_ms()), "{} ms", prompt.length_ms());
        let loud = prompt.samples().iter().filter(|sample| sample.unsigned_abs() > 1_000).count();
        assert!(loud > 1_000, "somebody speaks");
    }

    #[test]
    fn a_command_that_fails_is_told() {
        for words in [&["false"][..], &["true"], &["/nowhere/speech"], &[]] {
            assert!(speak(&command(words), "x").is_err(), "{words:?}");
        }
    }

    #[test]
    fn a_lower_rate_keeps_the_length() {
        let second: Vec<i16> = (0..22_050).map(|n| (n % 100) as i16).collect();
        let length = fitted(22_050, &second).len();
        assert!((7_990..=8_010).contains(&length), "{length}");
        assert_eq!(fitted(8_000, &second[..10]), &second[..10]);
        assert!(fitted(22_050, &[]).is_empty());
    }
}
