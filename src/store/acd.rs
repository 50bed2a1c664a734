//! What is kept of the call distributor: intents, figures, and what was defined over HTTP.

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use strowger_core::vocab::acd::{
    AgentConfig, FigureRecord, FigureSubject, IntentRecord, QueueConfig,
};
use strowger_core::vocab::record::Definition;
use strowger_core::vocab::{Record, Secret};

use super::sqlite::{bodies, body, signed, unsigned};
use super::{Sealer, StoreError};

/// A quarter of an hour of figures is kept so long.
const KEPT_MS: u64 = 400 * DAY_MS;
const DAY_MS: u64 = 86_400_000;
/// The most rows that one question gets.
const MAX_INTERVALS: usize = 3_000;

/// Which quarters of an hour are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntervalQuery {
    /// Of whom.
    pub subject: FigureSubject,
    /// Begun at or after, milliseconds since the Unix epoch.
    pub from: u64,
    /// Begun before, milliseconds since the Unix epoch.
    pub until: u64,
    /// Rows wanted, at most 3,000.
    pub limit: usize,
}

/// Some quarters of an hour.
#[derive(Debug, Clone, PartialEq)]
pub struct IntervalPage {
    /// Oldest first.
    pub rows: Vec<FigureRecord>,
    /// Ask from here on for more; `None` at the end.
    pub next: Option<u64>,
}

/// The columns that name a subject.
fn names(subject: &FigureSubject) -> (&str, &'static str, &str) {
    match subject {
        FigureSubject::Queue(key) => (&key.tenant, "queue", &key.number),
        FigureSubject::Agent(key) => (&key.tenant, "agent", &key.id),
    }
}

pub(super) fn write_intent(
    connection: &Connection,
    intent: &IntentRecord,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO agent_intents (tenant, agent, body) VALUES (?1, ?2, ?3)",
    )?;
    let body = serde_json::to_string(intent)?;
    statement.execute(params![intent.agent.tenant, intent.agent.id, body])?;
    Ok(())
}

pub(super) fn write_figures(
    connection: &Connection,
    figures: &FigureRecord,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO figures (tenant, kind, id, began_at, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let (tenant, kind, id) = names(&figures.subject);
    let body = serde_json::to_string(figures)?;
    statement.execute(params![tenant, kind, id, signed(figures.from), body])?;
    Ok(())
}

/// Forgets what is too old, once a day of the figures' own time. Gives the day back on which that was done last.
pub(super) fn prune(
    connection: &Connection,
    records: &[Record],
    pruned: u64,
) -> Result<u64, StoreError> {
    let newest = records.iter().filter_map(|record| match record {
        Record::Counted(figures) => Some(figures.from),
        _ => None,
    });
    let Some(newest) = newest.max().filter(|from| from / DAY_MS > pruned) else {
        return Ok(pruned);
    };
    let oldest = signed(newest.saturating_sub(KEPT_MS));
    connection.execute("DELETE FROM figures WHERE began_at < ?1", [oldest])?;
    Ok(newest / DAY_MS)
}

/// The last 48 hours.
pub(super) fn recent_figures(connection: &Connection) -> Result<Vec<FigureRecord>, StoreError> {
    bodies(
        connection,
        "SELECT body FROM figures WHERE began_at >= (unixepoch('now') - 172800) * 1000
         ORDER BY began_at, tenant, kind, id",
    )
}

pub(super) fn write_definition(
    connection: &Connection,
    sealer: &Sealer,
    definition: &Definition,
) -> Result<(), StoreError> {
    let (tenant, kind, id, body, secret) = match definition {
        Definition::Queue(queue) => {
            (&queue.key.tenant, "queue", &queue.key.number, serde_json::to_string(queue)?, None)
        }
        Definition::Agent(agent) => {
            let mut open = AgentConfig::clone(agent);
            let secret = open.pin.take();
            (&agent.key.tenant, "agent", &agent.key.id, serde_json::to_string(&open)?, secret)
        }
    };
    let sealed = secret.map(|secret| sealer.seal(&place(tenant, id), secret.expose()));
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO definitions (tenant, kind, id, body, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    statement.execute(params![tenant, kind, id, body, sealed.transpose()?])?;
    Ok(())
}

/// What a PIN is sealed for; NUL stands in neither name.
fn place(tenant: &str, agent: &str) -> String {
    format!("agent pin\0{tenant}\0{agent}")
}

pub(super) fn delete_definition(
    connection: &Connection,
    subject: &FigureSubject,
) -> Result<(), StoreError> {
    let (tenant, kind, id) = names(subject);
    connection.execute(
        "DELETE FROM definitions WHERE tenant = ?1 AND kind = ?2 AND id = ?3",
        params![tenant, kind, id],
    )?;
    Ok(())
}

/// Queues first, so that the agents' tiers find them.
pub(super) fn definitions(
    connection: &Connection,
    sealer: &Sealer,
) -> Result<Vec<Definition>, StoreError> {
    let queues: Vec<QueueConfig> = bodies(
        connection,
        "SELECT body FROM definitions WHERE kind = 'queue' ORDER BY tenant, id",
    )?;
    let mut found: Vec<Definition> =
        queues.into_iter().map(|queue| Definition::Queue(Box::new(queue))).collect();
    let mut statement = connection
        .prepare("SELECT body, sealed FROM definitions WHERE kind = 'agent' ORDER BY tenant, id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut agent: AgentConfig = body(row, 0)?;
        let sealed: Option<Vec<u8>> = row.get(1)?;
        if let Some(sealed) = sealed {
            let pin = sealer.open(&place(&agent.key.tenant, &agent.key.id), &sealed);
            if pin.is_none() {
                tracing::error!(agent = %agent.key, "the PIN was sealed with another key file; set it again");
            }
            agent.pin = pin.map(Secret::new);
        }
        found.push(Definition::Agent(Box::new(agent)));
    }
    Ok(found)
}

pub(super) fn intervals(
    connection: &Connection,
    query: &IntervalQuery,
) -> Result<IntervalPage, StoreError> {
    let limit = query.limit.clamp(1, MAX_INTERVALS);
    let (tenant, kind, id) = names(&query.subject);
    let mut statement = connection.prepare_cached(
        "SELECT body, began_at FROM figures
         WHERE tenant = ? AND kind = ? AND id = ? AND began_at >= ? AND began_at < ?
         ORDER BY began_at LIMIT ?",
    )?;
    let text = |text: &str| Value::Text(text.to_owned());
    let number = |number: u64| Value::Integer(signed(number));
    let values = [
        text(tenant),
        text(kind),
        text(id),
        number(query.from),
        number(query.until),
        number(limit as u64 + 1),
    ];
    let mut rows = statement.query(params_from_iter(values))?;
    let mut page = IntervalPage { rows: Vec::new(), next: None };
    while let Some(row) = rows.next()? {
        if page.rows.len() == limit {
            page.next = Some(unsigned(row.get(1)?));
            break;
        }
        page.rows.push(body(row, 0)?);
    }
    Ok(page)
}
