//! The running process: threads, sockets and tasks, and how they begin and end.
//!
//! `turn` is the switch's own thread, `mailbox` the way to it, `effects` the way from it, `gateway` what the HTTP
//! surface works with. Media workers, the store's writer and connections have threads and tasks of their own.

mod audit;
pub mod clock;
pub mod effects;
pub mod events;
pub mod gateway;
mod keeping;
pub mod keys;
pub mod mailbox;
mod memory;
mod pace;
mod reading;
mod recordings;
pub mod reload;
mod requests;
mod retention;
pub mod robots;
mod sounds;
mod speech;
mod start;
mod surface;
mod tenancy;
mod tenants;
pub mod turn;
mod webhooks;
mod zones;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use strowger_core::vocab::Input;
use strowger_core::vocab::input::Listener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::net::media::MediaPool;
use crate::store::StoreError;
use gateway::{Gateway, Phase};
use mailbox::Mailbox;

pub use gateway::ShellFigures;
pub use start::start;

/// How long tasks may take to end.
const LAST_TASKS: Duration = Duration::from_secs(2);
/// How long the BYEs of a hurried end may take.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Why the process cannot start.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be bound.
    Listen(String, std::io::Error),
    /// The media ports cannot be bound.
    Media(std::io::Error),
    /// The store cannot be used.
    Store(StoreError),
    /// The key file cannot be used.
    KeyFile(std::path::PathBuf, std::io::Error),
    /// The system refuses threads, descriptors or randomness.
    System(String),
    /// The DNS configuration cannot be used.
    Dns(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Media(error) => write!(f, "cannot bind media ports: {error}"),
            Self::Store(error) => error.fmt(f),
            Self::KeyFile(path, error) => write!(f, "key file {}: {error}", path.display()),
            Self::System(what) => write!(f, "the system refuses: {what}"),
            Self::Dns(what) => write!(f, "DNS: {what}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A running switch.
pub struct Node {
    runtime: Runtime,
    turn: JoinHandle<()>,
    mailbox: Arc<Mailbox>,
    media: Arc<MediaPool>,
    gateway: Gateway,
    log: tokio::task::JoinHandle<()>,
    listeners: Vec<Listener>,
    http: Option<SocketAddr>,
    calls: u64,
    drained: Arc<Notify>,
    signals: Option<Signals>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}

impl Node {
    /// The SIP addresses that are really listened on.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// The HTTP address that is really listened on.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Calls that open files, media ports and the configuration allow at a time.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// What HTTP handlers work with.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Where the process's tasks run.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The line that says that the switch serves.
    pub fn ready_line(&self) -> String {
        let sip: Vec<String> = self
            .listeners
            .iter()
            .map(|listener| format!("{}:{}", listener.transport, listener.address))
            .collect();
        let http = self.http.map_or(String::new(), |http| format!(" http={http}"));
        format!("ready sip={}{http} calls={}", sip.join(","), self.calls)
    }

    /// Serves until SIGTERM or SIGINT, then drains. A second one ends at once.
    pub fn wait(mut self) {
        if let Some(signals) = self.signals.take() {
            self.runtime.block_on(serve(&self, signals));
        }
        self.end();
    }

    /// Takes no new calls; returns when none is left or the grace is over.
    pub async fn drain(&self, grace: Duration) {
        self.gateway.enter(Phase::Draining);
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.mailbox.post_always(Input::Drain { grace_ms });
        self.drained.notified().await;
    }

    /// Ends everything: what is queued is handled, sent and written first.
    pub fn end(self) {
        self.mailbox.letters().stop();
        if self.turn.join().is_err() {
            tracing::error!("the switch's thread has failed");
        }
        self.gateway.shared.ring.close();
        // The last lines of the log. It can only fail by being late or by a panic that was reported.
        let _ = self.runtime.block_on(async { tokio::time::timeout(LAST_TASKS, self.log).await });
        if let Some(media) = Arc::into_inner(self.media) {
            media.shutdown();
        }
        self.runtime.shutdown_timeout(LAST_TASKS);
    }
}

/// The signals that are listened to, from before the switch says that it is ready.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Within a runtime.
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// SIGTERM, or SIGINT as a terminal sends it.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn serve(node: &Node, mut signals: Signals) {
    loop {
        let Signals { terminate, interrupt, hangup } = &mut signals;
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => {
                if let Err(error) = node.gateway.reload().await {
                    tracing::error!("the configuration was not loaded again:\n{error}");
                }
            }
        }
    }
    let grace = node.gateway.drain_time();
    tracing::info!(grace_secs = grace.as_secs(), "draining; a second signal ends at once");
    tokio::select! {
        () = node.drain(grace) => return,
        () = signals.end() => {}
    }
    // Calls are ended with a BYE, but nobody is waited for.
    let hurried = tokio::time::timeout(LAST_WORDS, node.drain(Duration::ZERO));
    if hurried.await.is_err() {
        tracing::warn!("ended before every call had been confirmed to be over");
    }
}
