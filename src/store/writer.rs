//! The thread that writes.
//!
//! The first group that arrives opens a window of [`WINDOW`]; everything that has come by its end is committed
//! in one transaction. The thread sleeps through the window, so a busy switch does not wake it for each group.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use strowger_core::vocab::{CommitId, Record};

use super::{ChangeError, Changes, Store, StoreError};

/// How long groups are gathered. Registrations must be on disk within 200 ms.
const WINDOW: Duration = Duration::from_millis(120);
/// Groups that wait at most; what comes when it is full is refused at once.
const QUEUE: usize = 65_536;
/// Records in one transaction at most.
const BATCH: usize = 4_096;
/// How long a write that fails for a passing reason is tried again before it is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// Records that belong together.
#[derive(Debug)]
pub struct Group {
    /// Comes back when they are on disk.
    pub commit: CommitId,
    /// All or none are written.
    pub records: Vec<Record>,
}

/// What the thread is told to write.
#[derive(Debug)]
enum Letter {
    Records(Group),
    /// Rare, and larger than what is common.
    Changes(Box<Changes>),
}

/// What the writer has done since the start.
#[derive(Debug, Default)]
pub struct WriterFigures {
    /// Transactions.
    pub commits: AtomicU64,
    /// Records written.
    pub records: AtomicU64,
    /// Groups that were lost.
    pub lost: AtomicU64,
    /// Longest time that a commit took, in microseconds.
    pub slowest_us: AtomicU64,
    /// The last attempt to write has failed.
    pub failing: AtomicBool,
}

/// The handle to the writing thread. When it is dropped, what waits is written first.
#[derive(Debug)]
pub struct Writer {
    queue: Option<Arc<Sender<Letter>>>,
    thread: Option<JoinHandle<()>>,
    figures: Arc<WriterFigures>,
}

/// The way to the writer for those who do not own it; it does not keep the thread alive.
#[derive(Debug, Clone)]
pub struct Keeper {
    queue: Weak<Sender<Letter>>,
}

impl Keeper {
    /// Hands changes over without waiting; gives them back where the queue is full or the writer has ended.
    ///
    /// # Errors
    /// The changes, when they cannot be taken.
    pub fn change(&self, changes: Changes) -> Result<(), Box<Changes>> {
        let changes = Box::new(changes);
        let Some(queue) = self.queue.upgrade() else { return Err(changes) };
        match post(&queue, Letter::Changes(changes)) {
            Err(Letter::Changes(changes)) => Err(changes),
            _ => Ok(()),
        }
    }
}

/// Posts a letter, or gives it back. The queue makes room as it is needed, since room for all that may wait takes
/// megabytes; of those who post at the same instant each may be one too many.
fn post(queue: &Sender<Letter>, letter: Letter) -> Result<(), Letter> {
    if queue.len() >= QUEUE {
        return Err(letter);
    }
    queue.send(letter).map_err(|unsent| unsent.0)
}

impl Writer {
    /// Starts the thread. `done` is called on it after each transaction, with its groups and whether they are on disk.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(
        store: impl Store + Send + 'static,
        done: impl FnMut(&[(CommitId, bool)]) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, letters) = crossbeam_channel::unbounded();
        let figures = Arc::new(WriterFigures::default());
        let mut work = Work { store, done, figures: Arc::clone(&figures) };
        let thread = std::thread::Builder::new()
            .name("store".into())
            .stack_size(512 * 1024)
            .spawn(move || work.run(&letters))?;
        Ok(Self { queue: Some(Arc::new(queue)), thread: Some(thread), figures })
    }

    /// Hands a group over without waiting; gives it back where the queue is full.
    ///
    /// # Errors
    /// The group, when there is no room for it.
    pub fn write(&self, group: Group) -> Result<(), Group> {
        let Some(queue) = &self.queue else { return Err(group) };
        match post(queue, Letter::Records(group)) {
            Err(Letter::Records(group)) => {
                self.figures.lost.fetch_add(1, Ordering::Relaxed);
                Err(group)
            }
            _ => Ok(()),
        }
    }

    /// A way for others to have documents changed.
    pub fn keeper(&self) -> Keeper {
        Keeper { queue: self.queue.as_ref().map(Arc::downgrade).unwrap_or_default() }
    }

    /// What it has done.
    pub fn figures(&self) -> Arc<WriterFigures> {
        Arc::clone(&self.figures)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the store's thread has failed");
        }
    }
}

struct Work<S, F> {
    store: S,
    done: F,
    figures: Arc<WriterFigures>,
}

impl<S: Store, F: FnMut(&[(CommitId, bool)])> Work<S, F> {
    fn run(&mut self, letters: &Receiver<Letter>) {
        while let Ok(first) = letters.recv() {
            std::thread::sleep(WINDOW);
            let (mut groups, mut changes, mut size) = (Vec::new(), Vec::new(), 0);
            let mut next = Some(first);
            while let Some(letter) = next {
                match letter {
                    Letter::Records(group) => {
                        size += group.records.len();
                        groups.push(group);
                    }
                    Letter::Changes(group) => {
                        size += group.list.len();
                        changes.push(*group);
                    }
                }
                next = if size < BATCH { letters.try_recv().ok() } else { None };
            }
            if !groups.is_empty() {
                self.write(groups);
            }
            if !changes.is_empty() {
                self.change(changes);
            }
        }
    }

    /// One transaction for all; the store itself refuses single groups.
    fn change(&mut self, groups: Vec<Changes>) {
        let outcomes = self.patiently(|store| store.change(&groups));
        let outcomes = outcomes.unwrap_or_else(|error| {
            tracing::error!("documents could not be written: {error}");
            vec![Err(ChangeError::Failed(error.to_string())); groups.len()]
        });
        for (group, outcome) in groups.into_iter().zip(outcomes) {
            if outcome.is_ok() {
                self.wrote(group.list.len());
            }
            (group.done)(outcome);
        }
    }

    /// One transaction for all groups; if that fails, one for each, so that a bad group harms no other.
    fn write(&mut self, batch: Vec<Group>) {
        let began = Instant::now();
        let mut outcomes: Vec<(CommitId, bool)> =
            batch.iter().map(|group| (group.commit, true)).collect();
        let counts: Vec<usize> = batch.iter().map(|group| group.records.len()).collect();
        let mut records = Vec::with_capacity(counts.iter().sum());
        records.extend(batch.into_iter().flat_map(|group| group.records));
        match self.patiently(|store| store.commit(&records)) {
            Ok(()) => self.wrote(records.len()),
            Err(error) if outcomes.len() == 1 => self.lost(&mut outcomes[0], &error),
            Err(_) => self.one_by_one(&mut outcomes, &counts, &records),
        }
        (self.done)(&outcomes);
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.figures.slowest_us.fetch_max(took, Ordering::Relaxed);
    }

    fn one_by_one(
        &mut self,
        outcomes: &mut [(CommitId, bool)],
        counts: &[usize],
        records: &[Record],
    ) {
        let mut rest = records;
        for (outcome, count) in outcomes.iter_mut().zip(counts) {
            let (own, others) = rest.split_at((*count).min(rest.len()));
            rest = others;
            match self.attempt(|store| store.commit(own)) {
                Ok(()) => self.wrote(own.len()),
                Err(error) => self.lost(outcome, &error),
            }
        }
    }

    fn lost(&mut self, (commit, kept): &mut (CommitId, bool), error: &StoreError) {
        tracing::error!(commit = commit.0, "records could not be written and are lost: {error}");
        self.figures.lost.fetch_add(1, Ordering::Relaxed);
        *kept = false;
    }

    fn wrote(&self, records: usize) {
        self.figures.records.fetch_add(records as u64, Ordering::Relaxed);
    }

    fn patiently<T>(
        &mut self,
        mut work: impl FnMut(&mut S) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        loop {
            match self.attempt(&mut work) {
                Err(error) if error.is_passing() && began.elapsed() < PATIENCE => {
                    tracing::warn!("records cannot be written now, trying again: {error}");
                    std::thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
    }

    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut S) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = work(&mut self.store);
        self.figures.failing.store(result.is_err(), Ordering::Relaxed);
        if result.is_ok() {
            self.figures.commits.fetch_add(1, Ordering::Relaxed);
        }
        result
    }
}
