//! Media workers: threads that own the RTP and RTCP sockets and run a [`media::session::Engine`] each.

mod inbox;
mod io;
mod limits;
mod line;
mod prompts;
mod stock;
mod worker;
mod writer;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use ::media::order::{MediaEvent, MixId, Order, Port};
use ::media::session::{Engine, Settings};

pub use inbox::{CAPACITY, Full};
pub use limits::{calls_allowed, raise_open_files};
pub use line::{LineEnd, LineMouth};
pub use stock::{REST, REST_MOST};

use inbox::Inbox;
use io::{Epoll, PacketIo};
use prompts::{Librarian, Loader};
use stock::{Range, Stock};
use worker::{Load, Worker};
use writer::{Scribe, Writer};

/// How the workers are set up.
#[derive(Debug, Clone)]
pub struct MediaSettings {
    /// Local addresses to bind, IPv4 or IPv6; each worker keeps a stock of each.
    pub addresses: Vec<IpAddr>,
    /// Port numbers that pairs are taken from.
    pub ports: RangeInclusive<u16>,
    /// Worker threads.
    pub workers: u16,
    /// Spare pairs that each worker keeps bound per address.
    pub spare: usize,
    /// Where prompts lie.
    pub sounds: PathBuf,
    /// Where recordings go.
    pub recordings: PathBuf,
    /// Canonical name in RTCP, e.g. `strowger@192.0.2.1`.
    pub cname: String,
    /// For SSRCs and first sequence numbers; secret and new at each start.
    pub seed: [u8; 32],
    /// How long a busy worker sleeps between turns at most; it adds that much delay at most, and saves a wake-up per
    /// packet.
    pub nap: Duration,
}

impl MediaSettings {
    /// Settings for one address with the defaults: a worker per core but the one that the switch runs on, 64 spare
    /// pairs. On two cores one worker relays 200 calls for 5.6 us a packet, and two take 8.0: they share no packet,
    /// but each wakes up for half as many.
    pub fn new(address: IpAddr, ports: RangeInclusive<u16>, seed: [u8; 32]) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            addresses: vec![address],
            ports,
            workers: cores.saturating_sub(1).clamp(1, 64) as u16,
            spare: 64,
            sounds: "sounds".into(),
            recordings: "var/recordings".into(),
            cname: format!("strowger@{address}"),
            seed,
            nap: Duration::from_millis(2),
        }
    }
}

/// What a worker tells the switch.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerMessage {
    /// The stock grew by these pairs.
    Ports {
        /// Whose stock.
        worker: u16,
        /// New or rested pairs, oldest first.
        ports: Vec<Port>,
    },
    /// Something happened on a stream.
    Event {
        /// Who reports.
        worker: u16,
        /// What.
        event: MediaEvent,
    },
}

/// Counts that a worker publishes now and then.
#[derive(Debug, Default)]
pub struct WorkerCounts {
    received: AtomicU64,
    sent: AtomicU64,
    unsent: AtomicU64,
    streams: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
}

/// A reading of [`WorkerCounts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that the system refused to send.
    pub unsent: u64,
    /// Streams open.
    pub streams: u64,
    /// Datagrams of strangers, as far as the kernel did not drop them before.
    pub refused: u64,
    /// Datagrams dropped for another reason: held, malformed, unknown codec, no bridge.
    pub dropped: u64,
}

impl WorkerCounts {
    fn publish(&self, io: &impl PacketIo, engine: &Engine) {
        let counts = io.counts();
        self.received.store(counts.received, Ordering::Relaxed);
        self.sent.store(counts.sent, Ordering::Relaxed);
        self.unsent.store(counts.unsent, Ordering::Relaxed);
        self.streams.store(engine.open_streams() as u64, Ordering::Relaxed);
        self.refused.store(engine.drops().refused, Ordering::Relaxed);
        self.dropped.store(engine.drops().other, Ordering::Relaxed);
    }

    fn read(&self) -> Counts {
        Counts {
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            unsent: self.unsent.load(Ordering::Relaxed),
            streams: self.streams.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

/// All media workers of the process.
#[derive(Debug)]
pub struct MediaPool {
    handles: Vec<Handle>,
    loader: Loader,
    writer: Writer,
    calls: u64,
}

#[derive(Debug)]
struct Handle {
    inbox: Arc<Inbox>,
    counts: Arc<WorkerCounts>,
    thread: JoinHandle<()>,
}

impl MediaPool {
    /// Binds the first pairs and starts the threads. `events` is called on the workers' threads and must not block.
    ///
    /// # Errors
    /// When an address cannot be bound, or the system refuses a thread or a descriptor.
    pub fn start<F>(settings: MediaSettings, events: F) -> std::io::Result<Self>
    where
        F: Fn(WorkerMessage) + Send + Clone + 'static,
    {
        let files = raise_open_files();
        let calls = calls_allowed(files, &settings.ports);
        let inboxes = (0..settings.workers.max(1)).map(|_| Ok(Arc::new(Inbox::new()?)));
        let inboxes: Vec<_> = inboxes.collect::<std::io::Result<_>>()?;
        let loader =
            Loader::start(settings.sounds.clone(), settings.recordings.clone(), inboxes.clone())?;
        let writer = Writer::start(settings.recordings.clone(), inboxes.clone(), events.clone())?;
        let mut handles = Vec::new();
        for (index, inbox) in (0..).zip(inboxes) {
            let links = Links {
                inbox,
                counts: Arc::default(),
                librarian: loader.librarian(index),
                scribe: writer.scribe(index),
            };
            match start_worker(&settings, index, links, events.clone()) {
                Ok(handle) => handles.push(handle),
                Err(error) => {
                    Self { handles, loader, writer, calls }.shutdown();
                    return Err(error);
                }
            }
        }
        Ok(Self { handles, loader, writer, calls })
    }

    /// Hands an order to a worker.
    ///
    /// # Errors
    /// When the worker's queue is full or there is no such worker; `Close` always fits.
    pub fn order(&self, worker: u16, order: Order) -> Result<(), Full> {
        self.handles.get(usize::from(worker)).ok_or(Full)?.inbox.order(order)
    }

    /// The end of a mix's line for a program outside; `None` if there is no such worker. The switch connects the other end.
    pub fn line(&self, worker: u16, mix: MixId) -> Option<LineEnd> {
        let inbox = &self.handles.get(usize::from(worker))?.inbox;
        Some(LineEnd::open(mix, Arc::clone(inbox)))
    }

    /// Workers; orders name them by their number from 0.
    pub fn workers(&self) -> u16 {
        self.handles.len() as u16
    }

    /// Calls of two audio streams that open files and ports allow.
    pub fn calls_allowed(&self) -> u64 {
        self.calls
    }

    /// Counts of all workers, a quarter of a second old at most while streams are open.
    pub fn counts(&self) -> Vec<Counts> {
        self.handles.iter().map(|handle| handle.counts.read()).collect()
    }

    /// Ends all workers after the orders that wait, and waits until all recordings are on disk.
    pub fn shutdown(self) {
        for handle in &self.handles {
            handle.inbox.letters().stop();
        }
        for handle in self.handles {
            // A worker that panicked has aborted the process.
            let _ = handle.thread.join();
        }
        self.loader.finish();
        self.writer.finish();
    }
}

/// What ties a worker to the others.
struct Links {
    inbox: Arc<Inbox>,
    counts: Arc<WorkerCounts>,
    librarian: Librarian,
    scribe: Scribe,
}

fn start_worker<F>(
    settings: &MediaSettings,
    index: u16,
    links: Links,
    events: F,
) -> std::io::Result<Handle>
where
    F: Fn(WorkerMessage) + Send + 'static,
{
    let (inbox, counts) = (Arc::clone(&links.inbox), Arc::clone(&links.counts));
    let (started, outcome) = sync_channel(1);
    let settings = settings.clone();
    let thread = std::thread::Builder::new().name(format!("media-{index}")).spawn(move || {
        let loud = AbortOnPanic;
        let mut worker = match make_worker(&settings, index, links, events) {
            Ok(worker) => worker,
            Err(error) => return drop(started.send(Err(error))),
        };
        // The pool waits for this message.
        let _ = started.send(Ok(()));
        if let Err(error) = worker.run() {
            // Without its packet loop a worker is worse than none.
            panic!("media worker {index}: {error}");
        }
        drop(loud);
    })?;
    outcome.recv().map_err(|_| std::io::ErrorKind::BrokenPipe)??;
    Ok(Handle { inbox, counts, thread })
}

fn make_worker<F: Fn(WorkerMessage)>(
    settings: &MediaSettings,
    index: u16,
    links: Links,
    events: F,
) -> std::io::Result<Worker<Epoll, F>> {
    let workers = settings.workers.max(1);
    let share = |address: &IpAddr| Range::share(*address, &settings.ports, index, workers);
    let mut seed = settings.seed;
    for (byte, own) in seed.iter_mut().rev().zip(index.to_be_bytes()) {
        *byte ^= own;
    }
    let mut worker = Worker {
        index,
        io: Epoll::new(links.inbox.letters())?,
        engine: Engine::new(Settings { seed, cname: settings.cname.clone() }),
        stock: Stock::new(settings.addresses.iter().map(share).collect(), settings.spare),
        inbox: links.inbox,
        counts: links.counts,
        librarian: links.librarian,
        scribe: links.scribe,
        events,
        nap: settings.nap,
        letters: VecDeque::new(),
        hearers: BTreeMap::new(),
        load: Load::default(),
    };
    let first = worker.stock.refill(worker::now(), &mut worker.io)?;
    worker.offer(first);
    Ok(worker)
}

/// A worker that panics takes the process with it: half a switch strands calls.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
