//! Recordings that a killed process left open: their headers are put right and their lengths read from the files.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use strowger_core::vocab::record::RecordingRecord;

/// RIFF, `fmt ` and `data` chunks as recordings have them.
const HEADER: u64 = 44;

/// Fills in what the files say. A recording whose file is gone or no WAV gets an error instead.
pub(super) fn measure(directory: &Path, recordings: &mut [RecordingRecord]) {
    for recording in recordings {
        match repair(&directory.join(&recording.path)) {
            Ok((length_ms, bytes)) => {
                recording.length_ms = Some(length_ms);
                recording.bytes = Some(bytes);
                recording.error = Some("the process ended while it was recorded".into());
            }
            Err(error) => {
                recording.length_ms = Some(0);
                recording.bytes = Some(0);
                recording.error = Some(format!("the file cannot be used: {error}"));
            }
        }
    }
}

/// Makes the header tell what the file holds. Returns the length in ms and the size in bytes.
fn repair(path: &Path) -> io::Result<(u64, u64)> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let size = file.metadata()?.len();
    let mut header = [0; HEADER as usize];
    file.read_exact(&mut header)?;
    if !header.starts_with(b"RIFF")
        || !header[8..].starts_with(b"WAVEfmt ")
        || &header[36..40] != b"data"
    {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let number = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let bytes_a_second = u64::from(number(28)).max(1);
    let frame = u64::from(u16::from_le_bytes([header[32], header[33]])).max(1);
    // A frame that is written only in part is no audio.
    let data = (size - HEADER) / frame * frame;
    let data32 = u32::try_from(data).unwrap_or(u32::MAX - HEADER as u32);
    if number(40) != data32 {
        file.seek(SeekFrom::Start(4))?;
        file.write_all(&(data32 + HEADER as u32 - 8).to_le_bytes())?;
        file.seek(SeekFrom::Start(40))?;
        file.write_all(&data32.to_le_bytes())?;
    }
    file.set_len(HEADER + data)?;
    Ok((data.saturating_mul(1_000) / bytes_a_second, HEADER + data))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stereo 8 kHz file whose header says that it is empty, as after a kill.
    fn torn(bytes: usize) -> Vec<u8> {
        let mut wav = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0".to_vec();
        wav.extend(8_000u32.to_le_bytes());
        wav.extend(32_000u32.to_le_bytes());
        wav.extend(b"\x04\0\x10\0data\0\0\0\0");
        wav.resize(HEADER as usize + bytes, 7);
        wav
    }

    #[test]
    fn a_torn_file_is_put_right() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.wav");
        std::fs::write(&path, torn(32_003)).unwrap();
        assert_eq!(repair(&path).unwrap(), (1_000, 32_044));
        let fixed = std::fs::read(&path).unwrap();
        assert_eq!(fixed.len(), 32_044);
        assert_eq!(u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]), 32_036);
        assert_eq!(u32::from_le_bytes([fixed[40], fixed[41], fixed[42], fixed[43]]), 32_000);
    }

    #[test]
    fn what_is_no_recording_is_said_to_be_unusable() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("text.wav"), [b'x'; 100]).unwrap();
        let record = |path: &str| RecordingRecord {
            call: Default::default(),
            interaction: Default::default(),
            tenant: "t".into(),
            path: path.into(),
            started_at: 0,
            length_ms: None,
            bytes: None,
            error: None,
            begun_by: Default::default(),
            gaps: Vec::new(),
            removed_at: None,
        };
        let mut records = [record("text.wav"), record("gone.wav")];
        measure(place.path(), &mut records);
        for record in records {
            assert_eq!((record.length_ms, record.bytes), (Some(0), Some(0)));
            assert!(record.error.unwrap().starts_with("the file cannot be used"));
        }
    }
}
