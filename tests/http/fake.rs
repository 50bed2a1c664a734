//! A gateway that answers from tables.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use strowger::api::audit::AuditLine;
use strowger::api::gateway::{
    DialNumbers, DialNumbersQuery, EventId, Follow, Followed, Gateway, Intervals, IntervalsQuery,
    Later, OperatorAccount, Readiness, Region, ReloadRefused, Rows, RowsError, RowsQuery,
    ShellFigures, Task, TenantNames, WorkerFigures,
};
use strowger::api::keyring::{FileKey, Keyring};
use strowger::node::events::{self, Ring};
use strowger_core::vocab::acd::FigureRecord;
use strowger_core::vocab::command::{CallStage, CallView, Figures, Page, TrunkView};
use strowger_core::vocab::record::{
    CallEnd, CallRecord, EndCause, EndedBy, Party, RecordingRecord,
};
use strowger_core::vocab::{
    CallId, Command, CommandError, Done, ExtensionKey, InteractionId, Principal, Query, Reply,
    Role, Secret, TrunkKey,
};

use crate::desk;

/// What the store and the switch would hold, and what was asked of them.
#[derive(Default)]
pub struct Tables {
    pub readiness: Option<Readiness>,
    pub records: Vec<CallRecord>,
    pub recordings: Vec<RecordingRecord>,
    pub outcome: Option<Result<Done, CommandError>>,
    pub reload: Option<ReloadRefused>,
    pub commands: Vec<(Principal, Command)>,
    pub queries: Vec<(Principal, Query)>,
    pub reloads: usize,
    pub figures: Vec<FigureRecord>,
    pub intervals: Vec<IntervalsQuery>,
    /// The tenant `t` is the only one.
    pub alone: bool,
    /// Agents that stand before the desk's own.
    pub crowd: usize,
    /// Queries are never answered.
    pub silent: bool,
}

pub struct Fake {
    pub tables: Mutex<Tables>,
    pub ring: Arc<Ring>,
    pub outbox: crate::webhooks::Outbox,
    pub kept: crate::kept::Kept,
    pub keyring: Keyring,
    pub tenancy: crate::tenants::Made,
    pub lines: Mutex<Vec<AuditLine>>,
    /// When tokens are looked at.
    pub clock: Mutex<u64>,
    directory: PathBuf,
}

/// The as_of of every live page.
pub const AS_OF: u64 = 1_700_000_000_123;

impl Fake {
    pub fn new(directory: &Path) -> Self {
        let directory = directory.to_path_buf();
        let boss = Principal {
            tenant: "t".into(),
            role: Role::Admin,
            name: "boss".into(),
            extension: None,
            agent: None,
        };
        let file = FileKey { principal: boss, token: Secret::new("token of the file") };
        let keyring = Keyring::new(vec![file], [7; 32]);
        let (lines, clock) = Default::default();
        Self {
            keyring,
            lines,
            clock,
            tables: Mutex::default(),
            ring: Arc::default(),
            outbox: Default::default(),
            kept: Default::default(),
            tenancy: Default::default(),
            directory,
        }
    }

    pub fn set(&self, change: impl FnOnce(&mut Tables)) {
        change(&mut self.tables.lock().unwrap());
    }

    pub fn asked(&self) -> Vec<(Principal, Query)> {
        self.tables.lock().unwrap().queries.clone()
    }

    pub fn ordered(&self) -> Vec<(Principal, Command)> {
        self.tables.lock().unwrap().commands.clone()
    }
}

pub fn extension(tenant: &str, number: &str) -> Party {
    let extension = ExtensionKey { tenant: tenant.into(), number: number.into() };
    Party::Extension { extension, name: format!("Phone {number}") }
}

pub fn record(call: u128, tenant: &str, caller: &str) -> CallRecord {
    CallRecord {
        call: CallId(call),
        interaction: InteractionId(call),
        tenant: tenant.into(),
        caller: extension(tenant, caller),
        callee: extension(tenant, "102"),
        dialled: "102".into(),
        started_at: 1_000 * u64::try_from(call).unwrap(),
        ringing_at: None,
        answered_at: None,
        ended_at: Some(2_000),
        end: Some(CallEnd {
            cause: EndCause::NoAnswer,
            by: EndedBy::Switch,
            sip_status: 480,
            q850: 19,
        }),
        quality: Vec::new(),
        recording: None,
        picked_up_by: None,
        dialled_for: None,
        shown: None,
        queued: Vec::new(),
    }
}

pub fn recording(call: u128, tenant: &str, path: &str) -> RecordingRecord {
    RecordingRecord {
        call: CallId(call),
        interaction: InteractionId(call),
        tenant: tenant.into(),
        path: path.into(),
        started_at: 5,
        length_ms: Some(10),
        bytes: Some(100),
        error: None,
        begun_by: Default::default(),
        gaps: Vec::new(),
        removed_at: None,
    }
}

fn figures() -> Figures {
    let one = |name: &str| vec![(name.to_owned(), 1)];
    let trunk = |tenant: &str| (TrunkKey { tenant: tenant.into(), name: "carrier".into() }, 1);
    Figures {
        calls: 7,
        calls_started: 42,
        calls_ended: one("normal"),
        sip_received: one("INVITE"),
        subscriptions: one("dialog"),
        sip_dropped: one("silenced"),
        trunks: vec![trunk("t"), trunk("u")],
        queues: vec![desk::gauge("t", 3), desk::gauge("u", 77)],
        dial_calls: vec![("t".into(), 4), ("u".into(), 66)],
        dial_numbers: vec![("t".into(), "busy".into(), 5), ("u".into(), "busy".into(), 55)],
        agents: vec![("t".into(), "talking".into(), 2), ("u".into(), "idle".into(), 88)],
        ..Figures::default()
    }
}

impl Gateway for Fake {
    fn command(
        &self,
        principal: Principal,
        command: Command,
    ) -> Later<'_, Result<Done, CommandError>> {
        let mut tables = self.tables.lock().unwrap();
        tables.commands.push((principal, command));
        let outcome = tables.outcome.clone().expect("an outcome is set");
        Box::pin(std::future::ready(outcome))
    }

    fn query(&self, principal: Principal, query: Query) -> Later<'_, Reply> {
        let mut tables = self.tables.lock().unwrap();
        tables.queries.push((principal.clone(), query.clone()));
        if tables.silent {
            return Box::pin(std::future::pending());
        }
        let crowd = tables.crowd;
        let live = || {
            let (record, stage) = (record(9, &principal.tenant, "101"), CallStage::Talking);
            CallView { record, stage, held: true, supervisors: Vec::new() }
        };
        let reply = match query {
            Query::Registrations { .. } => {
                Reply::Registrations(Page { items: Vec::new(), total: 3, as_of: AS_OF })
            }
            Query::Calls { .. } => {
                Reply::Calls(Page { items: vec![live()], total: 1, as_of: AS_OF })
            }
            Query::Call { call: CallId(9) } => Reply::Call(Box::new(live())),
            Query::Call { call } => {
                Reply::Refused(CommandError::NotFound(format!("no live call {call}")))
            }
            Query::Trunks => {
                let trunk = TrunkKey { tenant: principal.tenant, name: "carrier".into() };
                let reason = Some("no answer to OPTIONS".into());
                let view = TrunkView { trunk, up: false, registered: None, reason, calls: 2 };
                Reply::Trunks(Page { items: vec![view], total: 1, as_of: AS_OF })
            }
            Query::Figures => Reply::Figures(Box::new(figures())),
            Query::Agents { offset, limit, .. } if crowd > 0 => {
                let one = |number: usize| {
                    let mut agent = desk::agent_view(&principal.tenant);
                    if number < crowd {
                        agent.config.key.id = number.to_string();
                        agent.place = format!("extension:9{number}");
                    }
                    agent
                };
                let items = (offset..=crowd).take(limit).map(one).collect();
                Reply::Agents(Page { items, total: crowd + 1, as_of: AS_OF })
            }
            other => desk::answer(&principal, other),
        };
        Box::pin(std::future::ready(reply))
    }

    fn call_records(&self, query: RowsQuery) -> Later<'_, Result<Rows<CallRecord>, RowsError>> {
        let involves = |party: &Party, number: &String| matches!(party, Party::Extension { extension, .. } if extension.number == *number);
        let rows = self.tables.lock().unwrap().records.clone();
        let documents = self.kept.documents.lock().unwrap();
        let said = |call: CallId, name: &str| {
            let own = documents.iter().filter(|((tenant, _), _)| *tenant == query.tenant);
            let mut words = own.filter_map(|(_, keys)| keys.get(&call.to_string()));
            words.any(|word| word["disposition"] == name)
        };
        let rows = rows.into_iter().filter(|row| {
            row.tenant == query.tenant
                && query.call.is_none_or(|call| row.call == call)
                && query.interaction.is_none_or(|own| row.interaction == own)
                && query.from.is_none_or(|from| row.started_at >= from)
                && query.until.is_none_or(|until| row.started_at < until)
                && query.disposition.as_ref().is_none_or(|name| said(row.call, name))
                && query.cause.is_none_or(|cause| row.end.as_ref().unwrap().cause == cause)
                && query.extension.as_ref().is_none_or(|number| {
                    involves(&row.caller, number) || involves(&row.callee, number)
                })
        });
        Box::pin(std::future::ready(page(rows.collect(), &query)))
    }

    fn recordings(&self, query: RowsQuery) -> Later<'_, Result<Rows<RecordingRecord>, RowsError>> {
        let tables = self.tables.lock().unwrap();
        let rows = tables.recordings.iter().filter(|row| {
            row.tenant == query.tenant
                && query.call.is_none_or(|call| row.call == call)
                && query.interaction.is_none_or(|own| row.interaction == own)
                && query.extension.as_ref().is_none_or(|number| {
                    let caller = |record: &&CallRecord| record.call == row.call;
                    tables.records.iter().find(caller).is_some_and(|record| {
                        matches!(&record.caller, Party::Extension { extension, .. } if extension.number == *number)
                    })
                })
        });
        Box::pin(std::future::ready(page(rows.cloned().collect(), &query)))
    }

    fn intervals(&self, query: IntervalsQuery) -> Later<'_, Result<Intervals, RowsError>> {
        let mut tables = self.tables.lock().unwrap();
        let wanted = |row: &&FigureRecord| {
            row.subject == query.subject && row.from >= query.from && row.from < query.until
        };
        let mut rows: Vec<FigureRecord> = tables.figures.iter().filter(wanted).cloned().collect();
        let next = rows.get(query.limit).map(|row| row.from);
        rows.truncate(query.limit);
        tables.intervals.push(query);
        Box::pin(std::future::ready(Ok(Intervals { rows, next })))
    }

    fn dial_numbers(&self, query: DialNumbersQuery) -> Later<'_, Result<DialNumbers, RowsError>> {
        Box::pin(std::future::ready(Ok(desk::dial_numbers(&query))))
    }

    fn recordings_directory(&self) -> &Path {
        &self.directory
    }

    fn follow(&self, from: Option<EventId>) -> Box<dyn Follow> {
        let from = from.map(|id| events::EventId { boot: id.boot, seq: id.seq });
        Box::new(Follower(self.ring.follow(from)))
    }

    fn run(&self, task: Task) {
        tokio::spawn(task);
    }

    fn note(&self, line: AuditLine) {
        self.lines.lock().unwrap().push(line);
    }

    fn audit(
        &self,
        tenant: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Later<'_, Result<Vec<(u64, AuditLine)>, RowsError>> {
        let lines = self.lines.lock().unwrap();
        let own = (1..)
            .zip(lines.iter())
            .filter(|(id, line)| line.tenant == tenant && before.is_none_or(|before| *id < before));
        let mut own: Vec<(u64, AuditLine)> = own.map(|(id, line)| (id, line.clone())).collect();
        own.reverse();
        own.truncate(limit);
        Box::pin(std::future::ready(Ok(own)))
    }

    fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    fn holder(&self, token: &str) -> Option<Principal> {
        if let Some(made) = self.keyring.holder(token, *self.clock.lock().unwrap()) {
            return Some(made);
        }
        let (role, tenant) = token.split_once('-')?;
        let (role, extension) = match role {
            "admin" => (Role::Admin, None),
            "supervisor" => (Role::Supervisor, None),
            "reader" => (Role::ReadOnly, None),
            "user" => (Role::User, Some("101".to_owned())),
            "agent" => (Role::Agent, None),
            "agent101" => (Role::Agent, None),
            _ => return None,
        };
        let agent = token.strip_prefix("agent101-").map(|_| "101".to_owned());
        Some(Principal { tenant: tenant.into(), role, name: "key".into(), extension, agent })
    }

    fn tenants(&self) -> Arc<[TenantNames]> {
        let dispositions = vec!["sold".to_owned()];
        let named = |tenant: &str| TenantNames {
            tenant: tenant.into(),
            dispositions: dispositions.clone(),
            ..TenantNames::default()
        };
        let of_file: &[&str] = if self.tables.lock().unwrap().alone { &["t"] } else { &["t", "u"] };
        let made = self.tenancy.made.lock().unwrap();
        of_file.iter().copied().chain(made.keys().map(String::as_str)).map(named).collect()
    }

    fn region(&self, _: &str, _: Option<&str>) -> Option<Region> {
        None
    }

    fn operators(&self) -> Arc<[OperatorAccount]> {
        let account = |sid: &str, token: &str| OperatorAccount {
            sid: sid.into(),
            auth_token: Secret::new(token),
        };
        [account("op", "deep:water"), account("other", "shallow")].into()
    }

    fn reload(&self) -> Later<'_, Result<(), ReloadRefused>> {
        let mut tables = self.tables.lock().unwrap();
        tables.reloads += 1;
        Box::pin(std::future::ready(tables.reload.clone().map_or(Ok(()), Err)))
    }

    fn readiness(&self) -> Readiness {
        self.tables.lock().unwrap().readiness.unwrap_or(Readiness::Ready)
    }

    fn shell_figures(&self) -> ShellFigures {
        ShellFigures { workers: vec![WorkerFigures::default()], ..ShellFigures::default() }
    }
}

/// A cursor is the number of rows before it.
fn page<T>(mut rows: Vec<T>, query: &RowsQuery) -> Result<Rows<T>, RowsError> {
    let skip = match &query.after {
        None => 0,
        Some(text) => text.parse().map_err(|_| RowsError::BadCursor)?,
    };
    let end = skip + query.limit;
    let next = (rows.len() > end).then(|| end.to_string());
    rows.truncate(end);
    Ok(Rows { rows: rows.split_off(skip.min(rows.len())), next })
}

struct Follower(events::Follower);

impl Follow for Follower {
    fn next(&mut self) -> Later<'_, Option<Followed>> {
        Box::pin(async {
            let followed = self.0.next().await?;
            Some(match followed {
                events::Followed::Event(event) => Followed::Event(event),
                events::Followed::Reset => {
                    Followed::Reset(self.0.at().map(|id| EventId { boot: id.boot, seq: id.seq }))
                }
            })
        })
    }
}
