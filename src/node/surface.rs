//! The node as the HTTP surface sees it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use strowger_core::vocab::record::{CallRecord, RecordingRecord};
use strowger_core::vocab::{Command, CommandError, Done, Principal, Query, Reply};

use super::events::{self, KEPT};
use super::gateway::{Gateway, Phase};
use super::reading::Sort;
use super::reload::ReloadError;
use crate::api::audit;
use crate::api::gateway::{
    self as api, EventId, Follow, Followed, Intervals, Later, MailboxFigures, OperatorAccount,
    Readiness, Region, ReloadRefused, RingFigures, RobotFigures, Rows, RowsError, RowsQuery,
    ShellFigures, StoreFigures, StreamFigures, Task, TenantNames, TurnFigures, WorkerFigures,
};
use crate::api::keyring::Keyring;
use crate::store::{
    DialNumberQuery, IntervalQuery, PageQuery, Reader, Row, RowKind, RowPage, StoreError,
};

impl api::Gateway for Gateway {
    fn command(
        &self,
        principal: Principal,
        command: Command,
    ) -> Later<'_, Result<Done, CommandError>> {
        // Phones that fetch their settings are nobody's keys.
        if principal.tenant.is_empty() && !matches!(command, Command::Entry(_)) {
            return Box::pin(self.command(principal, command));
        }
        let described = audit::described(&command);
        Box::pin(async move {
            let outcome = self.command(principal.clone(), command).await;
            let at = super::clock::wall_ms();
            self.add_audit(&audit::AuditLine::of(at, &principal, described, &outcome));
            outcome
        })
    }

    fn query(&self, principal: Principal, query: Query) -> Later<'_, Reply> {
        Box::pin(self.query(principal, query))
    }

    fn call_records(&self, query: RowsQuery) -> Later<'_, Result<Rows<CallRecord>, RowsError>> {
        Box::pin(async move {
            let page = rows(self, RowKind::Calls, query).await?;
            Ok(typed(page, Row::into_call))
        })
    }

    fn recordings(&self, query: RowsQuery) -> Later<'_, Result<Rows<RecordingRecord>, RowsError>> {
        Box::pin(async move {
            let page = rows(self, RowKind::Recordings, query).await?;
            Ok(typed(page, Row::into_recording))
        })
    }

    fn intervals(&self, query: api::IntervalsQuery) -> Later<'_, Result<Intervals, RowsError>> {
        let api::IntervalsQuery { subject, from, until, limit } = query;
        let query = IntervalQuery { subject, from, until, limit };
        Box::pin(async move {
            let page = self.intervals(query).await;
            let page = page.map_err(unread)?;
            Ok(Intervals { rows: page.rows, next: page.next })
        })
    }

    fn dial_numbers(
        &self,
        query: api::DialNumbersQuery,
    ) -> Later<'_, Result<api::DialNumbers, RowsError>> {
        Box::pin(async move {
            let tenant = query.task.tenant.clone();
            let ask = move |reader: &Reader| dial_numbers(reader, query);
            let found = self.read(Sort::Search(&tenant), ask).await;
            found.map_err(unread)
        })
    }

    fn recordings_directory(&self) -> &Path {
        self.recordings()
    }

    fn follow(&self, from: Option<EventId>) -> Box<dyn Follow> {
        let from = from.map(|id| events::EventId { boot: id.boot, seq: id.seq });
        Box::new(Follower(self.follow(from)))
    }

    fn run(&self, task: Task) {
        self.shared.runtime.spawn(task);
    }

    fn holder(&self, token: &str) -> Option<Principal> {
        self.holder(token)
    }

    fn tenants(&self) -> Arc<[TenantNames]> {
        self.shared.tenants.names()
    }

    fn region(&self, number: &str, country: Option<&str>) -> Option<Region> {
        let running = self.shared.reload.running.lock();
        let regions = running.unwrap_or_else(PoisonError::into_inner).regions.clone();
        regions.of(number, country)
    }

    fn operators(&self) -> Arc<[OperatorAccount]> {
        self.shared.tenants.operators()
    }

    fn note(&self, line: audit::AuditLine) {
        self.add_audit(&line);
    }

    fn audit(
        &self,
        tenant: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Later<'_, Result<Vec<(u64, audit::AuditLine)>, RowsError>> {
        Box::pin(self.read_audit(tenant.to_owned(), before, limit))
    }

    fn keyring(&self) -> &Keyring {
        &self.shared.keyring
    }

    fn reload(&self) -> Later<'_, Result<(), ReloadRefused>> {
        Box::pin(async move { self.reload().await.map_err(refused) })
    }

    fn readiness(&self) -> Readiness {
        match self.phase() {
            Phase::Starting => Readiness::Starting,
            Phase::Draining => Readiness::Draining,
            Phase::Ready if self.figures().writer.failing.load(Ordering::Relaxed) => {
                Readiness::StoreStalled
            }
            Phase::Ready => Readiness::Ready,
        }
    }

    fn shell_figures(&self) -> ShellFigures {
        figures(self)
    }
}

fn dial_numbers(
    reader: &Reader,
    query: api::DialNumbersQuery,
) -> Result<api::DialNumbers, StoreError> {
    let api::DialNumbersQuery { task, id, stage, after, limit } = query;
    if let Some(id) = id {
        let rows = reader.dial_number(&task, &id)?.into_iter().collect();
        return Ok(api::DialNumbers { rows, next: None });
    }
    let page = reader.dial_numbers(&DialNumberQuery { task, stage, after, limit })?;
    Ok(api::DialNumbers { rows: page.rows, next: page.next })
}

async fn rows(gateway: &Gateway, kind: RowKind, query: RowsQuery) -> Result<RowPage, RowsError> {
    let after = query.after.map(|text| text.parse()).transpose();
    let query = PageQuery {
        kind,
        tenant: Some(query.tenant),
        extension: query.extension,
        call: query.call,
        interaction: query.interaction,
        cause: query.cause,
        disposition: query.disposition,
        from: query.from,
        until: query.until,
        after: after.map_err(|_| RowsError::BadCursor)?,
        limit: query.limit,
    };
    gateway.page(query).await.map_err(unread)
}

pub(super) fn unread(error: StoreError) -> RowsError {
    match error {
        StoreError::TooLong => RowsError::TooLong,
        other => RowsError::Failed(other.to_string()),
    }
}

fn typed<T>(page: RowPage, take: fn(Row) -> Option<T>) -> Rows<T> {
    let next = page.next.map(|cursor| cursor.to_string());
    Rows { rows: page.rows.into_iter().filter_map(take).collect(), next }
}

fn refused(error: ReloadError) -> ReloadRefused {
    match error {
        ReloadError::Problems(problems) => {
            let list = problems.list.into_iter().map(|problem| (problem.line, problem.text));
            ReloadRefused::Wrong { file: problems.file, problems: list.collect() }
        }
        ReloadError::Fixed(keys) => ReloadRefused::Fixed(keys),
        ReloadError::Failed(why) => ReloadRefused::Failed(why),
    }
}

struct Follower(events::Follower);

impl Follow for Follower {
    fn next(&mut self) -> Later<'_, Option<Followed>> {
        Box::pin(async move {
            let followed = self.0.next().await?;
            Some(match followed {
                events::Followed::Event(event) => Followed::Event(event),
                events::Followed::Reset => {
                    let at = self.0.at();
                    Followed::Reset(at.map(|id| EventId { boot: id.boot, seq: id.seq }))
                }
            })
        })
    }
}

fn figures(gateway: &Gateway) -> ShellFigures {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let figures = gateway.figures();
    let (turn, writer, streams) = (&figures.turn, &figures.writer, figures.streams.figures());
    ShellFigures {
        mailbox: MailboxFigures {
            waiting: figures.mailbox.letters().waiting() as u64,
            refused: figures.mailbox.refused(),
        },
        turn: TurnFigures {
            turns: read(&turn.turns),
            longest_us: turn.longest_us.swap(0, Ordering::Relaxed),
            received: read(&turn.received),
            sent: read(&turn.sent),
            unsent: read(&turn.unsent),
        },
        streams: StreamFigures {
            opened: read(&streams.opened),
            refused: read(&streams.refused),
            overflowed: read(&streams.overflowed),
            unsendable: read(&figures.outlets.unsendable),
        },
        store: StoreFigures {
            commits: read(&writer.commits),
            records: read(&writer.records),
            lost: read(&writer.lost),
            slowest_us: read(&writer.slowest_us),
        },
        ring: RingFigures { kept: gateway.shared.ring.kept() as u64, capacity: KEPT as u64 },
        workers: gateway.media_counts().iter().map(worker).collect(),
        media_orders_refused: read(&figures.outlets.media_refused),
        robots: RobotFigures {
            present: read(&figures.robots.present),
            lost: read(&figures.robots.lost),
            missed: read(&figures.robots.missed),
            refused: read(&figures.robots.refused),
        },
    }
}

fn worker(counts: &crate::net::media::Counts) -> WorkerFigures {
    WorkerFigures {
        received: counts.received,
        sent: counts.sent,
        unsent: counts.unsent,
        streams: counts.streams,
    }
}
