//! The file of a recording after a sudden death, at every point.

use std::io::{self, Cursor, Seek, SeekFrom, Write};

use hound::WavReader;
use strowger_media::recorder::BLOCK_BYTES;
use strowger_media::wav::WavSink;

/// A file that remembers every write, and may become full.
#[derive(Default)]
struct Journal {
    position: u64,
    writes: Vec<(u64, Vec<u8>)>,
    room: Option<usize>,
}

impl Write for Journal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(room) = &mut self.room {
            if *room < bytes.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            *room -= bytes.len();
        }
        self.writes.push((self.position, bytes.to_vec()));
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Journal {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(place) = to else { return Err(io::ErrorKind::Unsupported.into()) };
        self.position = place;
        Ok(place)
    }
}

fn apply(image: &mut Vec<u8>, place: u64, bytes: &[u8]) {
    let place = place as usize;
    if image.len() < place + bytes.len() {
        image.resize(place + bytes.len(), 0);
    }
    image[place..place + bytes.len()].copy_from_slice(bytes);
}

/// Frames that a reader finds, all of them read.
fn readable(image: &[u8]) -> usize {
    let reader = WavReader::new(Cursor::new(image)).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 8000, 16));
    let samples: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().unwrap();
    for (place, pair) in samples.chunks_exact(2).enumerate() {
        assert_eq!(pair, [place as i16, !(place as i16)]);
    }
    samples.len() / 2
}

fn frames(from: usize, count: usize) -> Vec<u8> {
    let frame = |place: usize| [(place as i16).to_le_bytes(), (!(place as i16)).to_le_bytes()];
    (from..from + count).flat_map(frame).flatten().collect()
}

#[test]
fn whenever_it_dies_the_header_fits_and_a_second_at_most_is_lost() {
    let mut sink = WavSink::new(Journal::default(), 2).unwrap();
    let mut position = 0;
    for count in [1600; 12].into_iter().chain([1, 799]) {
        sink.write(&frames(position, count)).unwrap();
        position += count;
    }
    assert_eq!(sink.length_ms(), 2500);
    assert_eq!(sink.bytes(), 44 + 20_000 * 4);
    let journal = sink.finish().unwrap();

    let mut image = Vec::new();
    for (number, (place, bytes)) in journal.writes.iter().enumerate() {
        // Every point within this write, except within the very first header.
        let cuts = if number == 0 { bytes.len()..=bytes.len() } else { 0..=bytes.len() };
        for cut in cuts.step_by(if bytes.len() > 100 { 397 } else { 1 }) {
            let mut partial = image.clone();
            // A write of four bytes into one page is never seen half done.
            let cut = if bytes.len() == 4 && cut < 4 { 0 } else { cut };
            apply(&mut partial, *place, &bytes[..cut]);
            let there = (partial.len() - 44) / 4;
            let found = readable(&partial);
            assert!(found <= there && there - found <= 8000, "{found} of {there}");
        }
        apply(&mut image, *place, bytes);
    }
    assert_eq!(readable(&image), 20_000);
    assert_eq!(image[4..8], (36 + 80_000u32).to_le_bytes());
}

#[test]
fn a_full_disk_is_an_error_and_leaves_a_file_that_opens() {
    let journal = Journal { room: Some(60_000), ..Journal::default() };
    let mut sink = WavSink::new(journal, 2).unwrap();
    let mut position = 0;
    let error = loop {
        match sink.write(&frames(position, 1600)) {
            Ok(()) => position += 1600,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(sink.bytes(), 44 + position as u64 * 4);
    let journal = sink.finish().unwrap();
    let mut image = Vec::new();
    for (place, bytes) in &journal.writes {
        apply(&mut image, *place, bytes);
    }
    assert_eq!(readable(&image), position);
}

#[test]
fn it_works_on_what_is_a_file() {
    let mut sink = WavSink::new(Cursor::new(Vec::new()), 2).unwrap();
    sink.write(&frames(0, BLOCK_BYTES / 4)).unwrap();
    let image = sink.finish().unwrap().into_inner();
    assert_eq!(image.len(), 44 + BLOCK_BYTES);
    assert_eq!(readable(&image), 1600);
}
