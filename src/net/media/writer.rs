//! Recordings on disk. One thread writes the blocks of all workers, so that a slow disk never delays a packet.
//!
//! Headers describe what is there at any moment ([`media::wav::WavSink`]): a killed process loses less than the last
//! second. A full disk ends the recording that met it, and no call.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use ::media::order::{MediaEvent, RecordingId, VoiceEnd};
use ::media::recorder::BLOCK_BYTES;
use ::media::wav::WavSink;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use strowger_core::vocab::values;

use super::WorkerMessage;
use super::inbox::{Inbox, Letter};

/// Blocks that may wait for the disk: 26 MB, or four seconds of a thousand recordings.
const CAPACITY: usize = 4_096;
/// Length of a block in ms.
const BLOCK_MS: u64 = 200;

/// Something for the writer.
enum Job {
    Open {
        worker: u16,
        recording: RecordingId,
        path: String,
        channels: u8,
    },
    Write {
        worker: u16,
        recording: RecordingId,
        missing: u32,
        block: Vec<u8>,
    },
    Close {
        worker: u16,
        recording: RecordingId,
        missing: u32,
        rest: Vec<u8>,
        voice: Option<VoiceEnd>,
    },
    Remove {
        path: String,
    },
}

/// A worker's way to the writer. Never blocks: blocks that find no room are counted, and silence takes their place.
pub struct Scribe {
    worker: u16,
    jobs: Sender<Job>,
    /// Openings and closings that found no room; bounded by the recordings in progress.
    backlog: VecDeque<Job>,
    /// Blocks lost since the last one written.
    missing: BTreeMap<RecordingId, u32>,
}

impl Scribe {
    /// Begins a file.
    pub fn open(&mut self, recording: RecordingId, path: String, channels: u8) {
        self.missing.insert(recording, 0);
        self.send(Job::Open { worker: self.worker, recording, path, channels });
    }

    /// Appends a block, or counts it as lost.
    pub fn write(&mut self, recording: RecordingId, block: Vec<u8>) {
        let Some(missing) = self.missing.get_mut(&recording) else { return };
        let job = Job::Write { worker: self.worker, recording, missing: *missing, block };
        if self.backlog.is_empty() && self.jobs.try_send(job).is_ok() {
            *missing = 0;
        } else {
            *missing += 1;
        }
    }

    /// Closes a file.
    pub fn close(&mut self, recording: RecordingId, rest: Vec<u8>, voice: Option<VoiceEnd>) {
        let missing = self.missing.remove(&recording).unwrap_or(0);
        self.send(Job::Close { worker: self.worker, recording, missing, rest, voice });
    }

    /// Removes a file that is closed.
    pub fn remove(&mut self, path: String) {
        self.send(Job::Remove { path });
    }

    /// The writer gave a recording up.
    pub fn forget(&mut self, recording: RecordingId) {
        self.missing.remove(&recording);
    }

    /// Tries again what found no room.
    pub fn flush(&mut self) {
        while let Some(job) = self.backlog.pop_front() {
            if let Err(TrySendError::Full(job)) = self.jobs.try_send(job) {
                self.backlog.push_front(job);
                return;
            }
        }
    }

    /// Hands everything over, however long it takes: the worker ends.
    pub fn flush_all(&mut self) {
        for job in self.backlog.drain(..) {
            // Without a writer there is nothing to write to.
            let _ = self.jobs.send(job);
        }
    }

    /// Something waits for room.
    pub fn is_behind(&self) -> bool {
        !self.backlog.is_empty()
    }

    fn send(&mut self, job: Job) {
        self.backlog.push_back(job);
        self.flush();
    }
}

/// The writer thread.
#[derive(Debug)]
pub struct Writer {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a job")
    }
}

impl Writer {
    /// Starts the thread. Recordings go below `directory`.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(
        directory: PathBuf,
        inboxes: Vec<Arc<Inbox>>,
        events: impl Fn(WorkerMessage) + Send + 'static,
    ) -> io::Result<Self> {
        let (jobs, received) = bounded(CAPACITY);
        let own = directory.clone();
        let open = move |path: &str| create(&own, path);
        let remove = move |path: &str| remove(&directory, path);
        let desk = Desk { open, remove, inboxes, events, files: BTreeMap::new() };
        let thread = std::thread::Builder::new()
            .name("recordings".into())
            .spawn(move || desk.run(&received))?;
        Ok(Self { jobs, thread })
    }

    /// A worker's way here.
    pub fn scribe(&self, worker: u16) -> Scribe {
        Scribe {
            worker,
            jobs: self.jobs.clone(),
            backlog: VecDeque::new(),
            missing: BTreeMap::new(),
        }
    }

    /// Waits until everything is written; all workers have ended.
    pub fn finish(self) {
        drop(self.jobs);
        // Nothing to do about a thread that failed: its files are as their headers say.
        let _ = self.thread.join();
    }
}

/// One file.
struct Sheet<W> {
    sink: WavSink<W>,
    block_bytes: usize,
    lost_blocks: u64,
}

struct Desk<W, O, R, F> {
    open: O,
    remove: R,
    inboxes: Vec<Arc<Inbox>>,
    events: F,
    files: BTreeMap<(u16, RecordingId), Sheet<W>>,
}

impl<W, O, R, F> Desk<W, O, R, F>
where
    W: Write + Seek,
    O: Fn(&str) -> io::Result<W>,
    R: Fn(&str) -> io::Result<()>,
    F: Fn(WorkerMessage),
{
    fn run(mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            match job {
                Job::Open { worker, recording, path, channels } => {
                    self.open((worker, recording), &path, channels);
                }
                Job::Write { worker, recording, missing, block } => {
                    self.write(worker, recording, missing, &block);
                }
                Job::Close { worker, recording, missing, rest, voice } => {
                    if self.write(worker, recording, missing, &rest) {
                        self.close(worker, recording, voice);
                    }
                }
                Job::Remove { path } => {
                    if let Err(error) = (self.remove)(&path) {
                        tracing::warn!(path, "a recording's file could not be removed: {error}");
                    }
                }
            }
        }
        for (worker, recording) in self.files.keys().copied().collect::<Vec<_>>() {
            self.close(worker, recording, None);
        }
    }

    fn open(&mut self, id: (u16, RecordingId), path: &str, channels: u8) {
        let block_bytes = BLOCK_BYTES / 2 * usize::from(channels.clamp(1, 2));
        match (self.open)(path).and_then(|file| WavSink::new(file, channels)) {
            Ok(sink) => {
                self.files.insert(id, Sheet { sink, block_bytes, lost_blocks: 0 });
            }
            Err(error) => self.give_up(id, (0, 0), &error),
        }
    }

    /// Appends; false when the recording is not open (any more).
    fn write(&mut self, worker: u16, recording: RecordingId, missing: u32, block: &[u8]) -> bool {
        let Some(sheet) = self.files.get_mut(&(worker, recording)) else { return false };
        match sheet.append(missing, block) {
            Ok(()) => true,
            Err(error) => {
                let written = (sheet.sink.length_ms(), sheet.sink.bytes());
                self.files.remove(&(worker, recording));
                self.give_up((worker, recording), written, &error);
                false
            }
        }
    }

    fn close(&mut self, worker: u16, recording: RecordingId, voice: Option<VoiceEnd>) {
        let Some(sheet) = self.files.remove(&(worker, recording)) else { return };
        let (length_ms, bytes) = (sheet.sink.length_ms(), sheet.sink.bytes());
        let lost = (sheet.lost_blocks > 0).then(|| {
            format!("{} ms are missing: the disk was too slow", sheet.lost_blocks * BLOCK_MS)
        });
        let error = sheet.sink.finish().err().map(|error| error.to_string()).or(lost);
        let ended = MediaEvent::RecordingEnded { recording, length_ms, bytes, error, voice };
        self.ended(worker, ended);
    }

    /// Reports a recording that can go no further, and makes its worker stop.
    fn give_up(
        &self,
        (worker, recording): (u16, RecordingId),
        (length_ms, bytes): (u64, u64),
        error: &io::Error,
    ) {
        let (error, voice) = (Some(error.to_string()), None);
        let ended = MediaEvent::RecordingEnded { recording, length_ms, bytes, error, voice };
        self.ended(worker, ended);
        if let Some(inbox) = self.inboxes.get(usize::from(worker)) {
            // One per recording at most, so it always fits.
            inbox.answer(Letter::RecordingFailed(recording));
        }
    }

    fn ended(&self, worker: u16, event: MediaEvent) {
        (self.events)(WorkerMessage::Event { worker, event });
    }
}

impl<W: Write + Seek> Sheet<W> {
    fn append(&mut self, missing: u32, block: &[u8]) -> io::Result<()> {
        for _ in 0..missing {
            self.sink.write([0; BLOCK_BYTES].get(..self.block_bytes).unwrap_or_default())?;
            self.lost_blocks += 1;
        }
        self.sink.write(block)
    }
}

/// Where a recording lies, if that is below `directory`.
fn below(directory: &Path, path: &str) -> io::Result<PathBuf> {
    if !values::stays_below(path) {
        let why = format!("{path:?} does not stay in the recordings directory");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(directory.join(path))
}

/// Removes a file below `directory`; one that is gone already is as good.
fn remove(directory: &Path, path: &str) -> io::Result<()> {
    match std::fs::remove_file(below(directory, path)?) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a new file below `directory`.
fn create(directory: &Path, path: &str) -> io::Result<File> {
    let file = below(directory, path)?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).mode(0o640).open(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, SeekFrom};
    use std::sync::Mutex;

    /// A disk with room for so many bytes.
    struct Disk {
        content: Cursor<Vec<u8>>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let end = self.content.position() as usize + bytes.len();
            if end > self.room {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.content.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Disk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.content.seek(to)
        }
    }

    fn run(room: usize, jobs: Vec<Job>) -> (Vec<WorkerMessage>, Arc<Inbox>) {
        let inbox = Arc::new(Inbox::new().unwrap());
        let messages = Mutex::new(Vec::new());
        let desk = Desk {
            open: |_: &str| Ok(Disk { content: Cursor::new(Vec::new()), room }),
            remove: |_: &str| Ok(()),
            inboxes: vec![Arc::clone(&inbox)],
            events: |message| messages.lock().unwrap().push(message),
            files: BTreeMap::new(),
        };
        let (sender, receiver) = bounded(jobs.len());
        for job in jobs {
            sender.send(job).unwrap();
        }
        drop(sender);
        desk.run(&receiver);
        (messages.into_inner().unwrap(), inbox)
    }

    fn open() -> Job {
        Job::Open { worker: 0, recording: RecordingId(1), path: "a.wav".into(), channels: 2 }
    }

    fn write(missing: u32) -> Job {
        let block = vec![1; BLOCK_BYTES];
        Job::Write { worker: 0, recording: RecordingId(1), missing, block }
    }

    fn close() -> Job {
        let (missing, rest, voice) = (0, Vec::new(), None);
        Job::Close { worker: 0, recording: RecordingId(1), missing, rest, voice }
    }

    fn ended(messages: &[WorkerMessage]) -> (u64, u64, Option<String>) {
        match messages {
            [
                WorkerMessage::Event {
                    event: MediaEvent::RecordingEnded { length_ms, bytes, error, .. },
                    ..
                },
            ] => (*length_ms, *bytes, error.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_full_disk_ends_the_recording_once_and_tells_the_worker() {
        let jobs = vec![open(), write(0), write(0), write(0), close()];
        let (messages, inbox) = run(44 + 2 * BLOCK_BYTES + 100, jobs);
        let (length_ms, bytes, error) = ended(&messages);
        assert_eq!((length_ms, bytes), (400, 44 + 2 * BLOCK_BYTES as u64));
        assert!(error.is_some());
        let mut letters = VecDeque::new();
        inbox.letters().take(&mut letters);
        assert!(matches!(letters.pop_front(), Some(Letter::RecordingFailed(RecordingId(1)))));
    }

    #[test]
    fn lost_blocks_are_silence_and_are_reported() {
        let (messages, _) = run(usize::MAX, vec![open(), write(0), write(3), close()]);
        let (length_ms, _, error) = ended(&messages);
        assert_eq!(length_ms, 1_000);
        assert!(error.unwrap().contains("600 ms"));
    }

    #[test]
    fn what_is_open_at_the_end_is_closed() {
        let (messages, _) = run(usize::MAX, vec![open(), write(0)]);
        assert_eq!(ended(&messages), (200, 44 + BLOCK_BYTES as u64, None));
    }

    #[test]
    fn a_writer_that_hangs_costs_blocks_but_no_opening_and_no_closing() {
        let (jobs, received) = bounded(2);
        let mut scribe =
            Scribe { worker: 0, jobs, backlog: VecDeque::new(), missing: BTreeMap::new() };
        let id = RecordingId(1);
        scribe.open(id, "a.wav".into(), 2);
        for _ in 0..5 {
            scribe.write(id, vec![0; BLOCK_BYTES]);
        }
        scribe.close(id, Vec::new(), None);
        assert!(scribe.is_behind());
        assert!(matches!(received.try_recv(), Ok(Job::Open { .. })));
        assert!(matches!(received.try_recv(), Ok(Job::Write { missing: 0, .. })));
        scribe.flush();
        assert!(!scribe.is_behind());
        assert!(matches!(received.try_recv(), Ok(Job::Close { missing: 4, .. })));
    }

    #[test]
    fn names_stay_below_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        for bad in ["", "../a.wav", "/tmp/a.wav", "a/../../b.wav", "."] {
            let error = create(directory.path(), bad).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{bad}");
        }
        create(directory.path(), "2026/11/a.wav").unwrap();
        let again = create(directory.path(), "2026/11/a.wav").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        remove(directory.path(), "2026/11/a.wav").unwrap();
        assert!(!directory.path().join("2026/11/a.wav").exists());
        remove(directory.path(), "2026/11/a.wav").unwrap();
        remove(directory.path(), "../a.wav").unwrap_err();
    }
}
