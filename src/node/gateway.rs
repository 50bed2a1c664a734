//! The way from the HTTP surface to the switch and the store.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;

use strowger_core::vocab::acd::FigureSubject;
use strowger_core::vocab::{Command, CommandError, Done, Input, Principal, Query, Reply};

use super::effects::OutletFigures;
use super::events::{EventId, Follower, Ring};
use super::mailbox::{Full, Mailbox};
use super::reading::{Reading, Sort};
use super::reload::{Reload, ReloadError};
use super::requests::Requests;
use super::robots::RobotFigures;
use super::tenants::Tenants;
use super::turn::TurnFigures;
use crate::api::keyring::Keyring;
use crate::net::media::{Counts, MediaPool};
use crate::net::stream::Streams;
use crate::store::{
    IntervalPage, IntervalQuery, Keeper, PageQuery, Reader, RowPage, Sealer, StoreError,
    WriterFigures,
};

/// A switch that has not answered by then is not going to: it answers within a turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not serving yet.
    Starting,
    /// Serving.
    Ready,
    /// No new calls.
    Draining,
}

/// Counts of everything but the switch itself, for the metrics.
#[derive(Debug, Clone)]
pub struct ShellFigures {
    /// The switch's thread.
    pub turn: Arc<TurnFigures>,
    /// What could not be carried out.
    pub outlets: Arc<OutletFigures>,
    /// The store's thread.
    pub writer: Arc<WriterFigures>,
    /// Stream connections.
    pub streams: Arc<Streams>,
    /// The mailbox.
    pub mailbox: Arc<Mailbox>,
    /// Connections to robots.
    pub robots: Arc<RobotFigures>,
}

pub(super) struct Shared {
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) requests: Arc<Requests>,
    pub(super) ring: Arc<Ring>,
    pub(super) keyring: Keyring,
    pub(super) tenants: Tenants,
    pub(super) phase: AtomicU8,
    pub(super) store: PathBuf,
    pub(super) reading: Reading,
    pub(super) keeper: Keeper,
    pub(super) sealer: Sealer,
    pub(super) webhooks: super::webhooks::Webhooks,
    pub(super) recordings: PathBuf,
    /// Texts that may be spoken at a time.
    pub(super) speakers: Arc<Semaphore>,
    pub(super) reload: Reload,
    pub(super) figures: ShellFigures,
    pub(super) media: Mutex<Weak<MediaPool>>,
}

/// The handle that HTTP handlers work with; cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    pub(super) shared: Arc<Shared>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("phase", &self.phase()).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Orders something.
    ///
    /// # Errors
    /// The switch refuses, is busy, or does not answer.
    pub async fn command(
        &self,
        principal: Principal,
        command: Command,
    ) -> Result<Done, CommandError> {
        let reply = self.ask(|id| Input::Command { id, principal, command }).await;
        match reply {
            Reply::Command(outcome) => outcome,
            Reply::Refused(error) => Err(error),
            other => {
                tracing::error!("a command was answered with {other:?}");
                Err(CommandError::Conflict("the switch answered something else".into()))
            }
        }
    }

    /// Asks something. Where the switch cannot be asked the reply is [`Reply::Refused`].
    pub async fn query(&self, principal: Principal, query: Query) -> Reply {
        self.ask(|id| Input::Query { id, principal, query }).await
    }

    async fn ask(&self, input: impl FnOnce(strowger_core::vocab::RequestId) -> Input) -> Reply {
        let busy = |what: &str| {
            Reply::Refused(CommandError::Busy { retry_after: 1, what: what.to_owned() })
        };
        let Some(mut asked) = self.shared.requests.open() else {
            return busy("too many requests are under way");
        };
        if let Err(Full(_)) = self.shared.mailbox.post(input(asked.id)) {
            return busy("the switch's mailbox is full");
        }
        match tokio::time::timeout(PATIENCE, &mut asked.reply).await {
            Ok(Ok(reply)) => reply,
            _ => busy("the switch does not answer"),
        }
    }

    /// Follows events, after `from` or from now on.
    pub fn follow(&self, from: Option<EventId>) -> Follower {
        self.shared.ring.follow(from)
    }

    /// Finished records, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn page(&self, query: PageQuery) -> Result<RowPage, StoreError> {
        let tenant = query.tenant.clone().unwrap_or_default();
        let sort = if query.call.is_some() { Sort::Lookup } else { Sort::Search(&tenant) };
        self.read(sort, move |reader| reader.page(&query)).await
    }

    /// Quarters of an hour of a queue or agent, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn intervals(&self, query: IntervalQuery) -> Result<IntervalPage, StoreError> {
        let tenant = match &query.subject {
            FigureSubject::Queue(key) => key.tenant.clone(),
            FigureSubject::Agent(key) => key.tenant.clone(),
        };
        self.read(Sort::Search(&tenant), move |reader| reader.intervals(&query)).await
    }

    /// Asks the database beside the async threads.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        sort: Sort<'_>,
        ask: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.reading.ask(sort, ask).await
    }

    /// Loads the configuration file again, all or nothing.
    ///
    /// # Errors
    /// Everything that is wrong with the file, or what cannot change while running. Then nothing has changed.
    pub async fn reload(&self) -> Result<(), ReloadError> {
        super::reload::reload(&self.shared).await
    }

    /// Whoever holds a bearer token.
    pub fn holder(&self, token: &str) -> Option<Principal> {
        self.shared.keyring.holder(token, super::clock::wall_ms())
    }

    /// Where the process stands.
    pub fn phase(&self) -> Phase {
        match self.shared.phase.load(Ordering::Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.shared.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// How long calls may go on once the process is told to end.
    pub(super) fn drain_time(&self) -> Duration {
        let running = &self.shared.reload.running;
        let running = running.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_secs(running.drain_secs.into())
    }

    /// Where recordings lie; records name their files below it.
    pub fn recordings(&self) -> &Path {
        &self.shared.recordings
    }

    /// Counts of the shell.
    pub fn figures(&self) -> &ShellFigures {
        &self.shared.figures
    }

    /// Counts of the media workers; empty once the process ends.
    pub fn media_counts(&self) -> Vec<Counts> {
        let pool = self.shared.media.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        pool.map(|pool| pool.counts()).unwrap_or_default()
    }
}
