//! Removes the audio of recordings that are too old or too much, oldest first. The records stay and say when it went.
//!
//! This runs beside everything else: files and the database are read on threads for work that waits, and the switch only
//! hears what is gone, so that it is written down in order with everything else. A file goes before its record says so:
//! whatever interrupts that, the next look finds the record and a file that is gone already.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use strowger_core::vocab::record::RecordingRecord;
use strowger_core::vocab::{Input, values};

use super::clock::wall_ms;
use super::gateway::Shared;
use crate::config::Retention;
use crate::store::{Reader, StoreError};

/// How long after a start the first look is taken: by then what the last run left open has been closed.
const FIRST: Duration = Duration::from_secs(10);
/// Between two looks.
const EVERY: Duration = Duration::from_secs(600);
/// Recordings that are looked at, and told of, at a time.
const BATCH: usize = 200;
const DAY_MS: u64 = 86_400_000;
const GB: u64 = 1_000_000_000;

/// Looks again and again; ends with the process.
pub(super) async fn follow(shared: Arc<Shared>) {
    tokio::time::sleep(FIRST).await;
    loop {
        let own = Arc::clone(&shared);
        // A look that panicked is the last one of nobody: the next comes all the same.
        let _ = tokio::task::spawn_blocking(move || look(&own)).await;
        tokio::time::sleep(EVERY).await;
    }
}

fn look(shared: &Shared) {
    let limits = {
        let running = shared.reload.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retention
    };
    if limits == Retention::default() {
        return;
    }
    let tell = |gone| shared.mailbox.post_always(Input::RecordingsRemoved(gone));
    let removed = Reader::open(&shared.store)
        .and_then(|reader| sweep(&reader, &shared.recordings, limits, wall_ms(), tell));
    match removed {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "audio of old recordings was removed"),
        Err(error) => tracing::warn!("old recordings could not be looked for: {error}"),
    }
}

/// Removes what the limits do not allow at `now`, and tells of it in batches. Returns how many.
fn sweep(
    reader: &Reader,
    directory: &Path,
    limits: Retention,
    now: u64,
    mut tell: impl FnMut(Vec<RecordingRecord>),
) -> Result<usize, StoreError> {
    let mut left = if limits.max_gb > 0 { reader.kept_bytes()? } else { 0 };
    let mut after = (0, String::new());
    let mut count = 0;
    loop {
        let oldest = reader.oldest_recordings((after.0, &after.1), BATCH)?;
        let Some(last) = oldest.last() else { return Ok(count) };
        after = (last.started_at, last.path.clone());
        let (seen, mut gone) = (oldest.len(), Vec::new());
        for record in oldest {
            if !is_too_much(&record, limits, now, left) {
                // Everything behind it is younger, and there is room for it.
                count += gone.len();
                if !gone.is_empty() {
                    tell(gone);
                }
                return Ok(count);
            }
            match remove(directory, &record.path) {
                Ok(()) => {
                    left = left.saturating_sub(record.bytes.unwrap_or(0));
                    gone.push(RecordingRecord { removed_at: Some(now), ..record });
                }
                Err(error) => {
                    tracing::warn!(path = record.path, "a recording stays: {error}");
                }
            }
        }
        count += gone.len();
        if !gone.is_empty() {
            tell(gone);
        }
        if seen < BATCH {
            return Ok(count);
        }
    }
}

fn is_too_much(record: &RecordingRecord, limits: Retention, now: u64, left: u64) -> bool {
    let age = now.saturating_sub(record.started_at);
    let too_old = limits.max_age_days > 0 && age > u64::from(limits.max_age_days) * DAY_MS;
    let too_much = limits.max_gb > 0 && left > u64::from(limits.max_gb) * GB;
    too_old || too_much
}

/// Removes a file below the directory; one that is gone is as good.
fn remove(directory: &Path, path: &str) -> io::Result<()> {
    if !values::stays_below(path) {
        return Err(io::Error::other("its path leaves the recordings directory"));
    }
    match std::fs::remove_file(directory.join(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::store::{Sealer, Sqlite, Store};
    use strowger_core::vocab::{CallId, Record};

    const NOW: u64 = 1_000 * DAY_MS;

    /// A store and a directory of recordings.
    struct Place {
        folder: tempfile::TempDir,
        store: Sqlite,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let sealer = Sealer::new([7; 32]);
            let store = Sqlite::open(&folder.path().join("s.db"), sealer).unwrap();
            Self { folder, store }
        }

        fn file(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// A closed recording that began so many days ago, with a file.
        fn add(&mut self, name: &str, days: u64, bytes: u64) {
            std::fs::write(self.file(name), "RIFF").unwrap();
            let record = record(name, days, Some(bytes));
            self.store.commit(&[Record::RecordingClosed(record)]).unwrap();
        }

        /// What is removed and written down, by path.
        fn sweep(&mut self, limits: Retention) -> Vec<String> {
            let reader = Reader::open(&self.file("s.db")).unwrap();
            let mut gone = Vec::new();
            let count =
                sweep(&reader, self.folder.path(), limits, NOW, |more| gone.extend(more)).unwrap();
            assert_eq!(count, gone.len());
            assert!(gone.iter().all(|record| record.removed_at == Some(NOW)));
            let paths = gone.iter().map(|record| record.path.clone()).collect();
            let records: Vec<_> = gone.into_iter().map(Record::RecordingClosed).collect();
            self.store.commit(&records).unwrap();
            paths
        }
    }

    fn record(name: &str, days: u64, bytes: Option<u64>) -> RecordingRecord {
        RecordingRecord {
            call: CallId::default(),
            interaction: Default::default(),
            tenant: "t".into(),
            path: name.into(),
            started_at: NOW - days * DAY_MS,
            length_ms: bytes,
            bytes,
            error: None,
            begun_by: Default::default(),
            gaps: Vec::new(),
            removed_at: None,
        }
    }

    fn by_age(days: u32) -> Retention {
        Retention { max_age_days: days, max_gb: 0 }
    }

    #[test]
    fn what_is_too_old_goes_and_its_record_stays() {
        let mut place = Place::new();
        for (name, days) in [("new.wav", 1), ("edge.wav", 30), ("old.wav", 31), ("older.wav", 90)] {
            place.add(name, days, 1_000);
        }
        assert_eq!(place.sweep(by_age(30)), ["older.wav", "old.wav"]);
        assert!(!place.file("old.wav").exists() && place.file("edge.wav").exists());
        assert_eq!(place.sweep(by_age(30)), Vec::<String>::new(), "each goes once");
        assert_eq!(place.sweep(Retention::default()), Vec::<String>::new());
    }

    #[test]
    fn what_is_too_much_goes_oldest_first_until_the_rest_fits() {
        let mut place = Place::new();
        for (name, days) in [("a.wav", 4), ("b.wav", 3), ("c.wav", 2), ("d.wav", 1)] {
            place.add(name, days, GB);
        }
        let limits = Retention { max_age_days: 0, max_gb: 2 };
        assert_eq!(place.sweep(limits), ["a.wav", "b.wav"]);
        assert_eq!(place.sweep(limits), Vec::<String>::new());
        let both = Retention { max_age_days: 1, max_gb: 2 };
        assert_eq!(place.sweep(both), ["c.wav"], "whichever limit is reached first");
    }

    #[test]
    fn what_is_being_written_never_goes() {
        let mut place = Place::new();
        std::fs::write(place.file("open.wav"), "RIFF").unwrap();
        let open = record("open.wav", 900, None);
        place.store.commit(&[Record::RecordingOpened(open)]).unwrap();
        assert_eq!(place.sweep(by_age(1)), Vec::<String>::new());
        assert!(place.file("open.wav").exists());
    }

    #[test]
    fn a_file_that_is_gone_is_written_down_and_one_outside_is_left_alone() {
        let mut place = Place::new();
        place.add("gone.wav", 50, 10);
        std::fs::remove_file(place.file("gone.wav")).unwrap();
        let outside = record("../s.db", 60, Some(10));
        place.store.commit(&[Record::RecordingClosed(outside)]).unwrap();
        assert_eq!(place.sweep(by_age(30)), ["gone.wav"]);
        assert!(place.file("s.db").exists());
    }

    #[test]
    fn thousands_go_batch_by_batch() {
        let mut place = Place::new();
        let count = 2 * BATCH + 7;
        let all: Vec<_> = (0..count)
            .map(|n| Record::RecordingClosed(record(&format!("{n:04}.wav"), 50, Some(1))))
            .collect();
        place.store.commit(&all).unwrap();
        place.add("new.wav", 2, 1);
        assert_eq!(place.sweep(by_age(30)).len(), count);
    }
}
