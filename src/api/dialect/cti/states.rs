//! The log of agents' states: each change is written down as it is told, and asked for by agent and time.
//!
//! A day of an agent is one document, or several where much happened. What is older than the horizon is removed when a
//! new day begins.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::asked::Asked;
use super::envelope::{Outcome, Refusal, found};
use super::logs::{HORIZON_MS, Wanted};
use super::seat::Seat;
use super::shelf::refused;
use super::story::Happening;
use crate::api::app::{App, wall_ms};
use crate::api::keep::Keep;

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// Changes of one document: well below what a document may hold.
const MOST_CHANGES: usize = 300;
/// Changes that wait for the store at most.
const MOST_WAITING: usize = 50_000;
/// Days that are kept: the horizon, and the one that it begins in.
const DAYS: u64 = HORIZON_MS / DAY_MS + 1;
/// Days before those that are looked at for what a process that did not run has left.
const LOOKED_BACK: u64 = 31;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/agents/statelogs", get(list))
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Change {
    at: u64,
    now: String,
    sub: String,
    before: String,
}

impl Change {
    fn sub_id(&self) -> u64 {
        self.sub.parse().unwrap_or(0)
    }
}

/// What is being written of today.
#[derive(Debug, Default)]
struct Writing {
    /// By tenant and agent: the number of the document, and what stands in it.
    open: BTreeMap<(String, String), (u64, Vec<Change>)>,
    day: u64,
}

fn space(day: u64) -> String {
    format!("cti/states/{day}")
}

/// What the keys of an agent's documents begin with.
fn own(agent: &str) -> String {
    format!("{agent}/")
}

fn key(agent: &str, part: u64) -> String {
    format!("{}{part:08}", own(agent))
}

impl Writing {
    /// Notes a change; tells what is to be kept.
    fn note(&mut self, tenant: &str, happening: &Happening, at: u64) -> Option<Keep> {
        let agent = happening.agent.as_ref()?;
        let (now, sub, before) = happening.state.clone()?;
        if at / DAY_MS != self.day {
            self.open.clear();
            self.day = at / DAY_MS;
        }
        // The day goes on in a document of its own after a restart, however quick it was.
        let first = at % DAY_MS;
        let entry = self.open.entry((tenant.to_owned(), agent.clone()));
        let (part, changes) = entry.or_insert_with(|| (first, Vec::new()));
        if changes.len() >= MOST_CHANGES {
            *part = first.max(*part + 1);
            changes.clear();
        }
        changes.push(Change { at, now, sub, before });
        let document = serde_json::to_value(&*changes).ok()?;
        Some(Keep::put(&space(self.day), key(agent, *part), document))
    }
}

/// Changes that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Log {
    waiting: Mutex<VecDeque<(String, Happening, u64)>>,
    news: Notify,
}

impl Log {
    /// Has a change written down, where it is one.
    pub(super) fn note(&self, tenant: &str, happening: &Happening, at: u64) {
        if happening.name != "acd_agent_state" {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST_WAITING {
            tracing::error!("the store does not keep up: a change of an agent's state is lost");
            return;
        }
        waiting.push_back((tenant.to_owned(), happening.clone(), at));
        drop(waiting);
        self.news.notify_one();
    }

    fn take(&self) -> VecDeque<(String, Happening, u64)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting)
    }
}

/// Writes what comes, one after the other, so that no earlier day's end overwrites a later one.
pub(super) async fn write(app: &App, log: &Log) {
    let mut writing = Writing::default();
    let mut forgotten = 0;
    loop {
        log.news.notified().await;
        // Of several changes of one document only the last has to be written.
        let mut by_tenant: BTreeMap<String, BTreeMap<(String, String), Keep>> = BTreeMap::new();
        for (tenant, happening, at) in log.take() {
            if let Some(keep) = writing.note(&tenant, &happening, at) {
                let of_tenant = by_tenant.entry(tenant).or_default();
                of_tenant.insert((keep.space.clone(), keep.key.clone()), keep);
            }
        }
        for (tenant, keeps) in by_tenant {
            let keeps = keeps.into_values().collect();
            if let Err(error) = app.gateway.keep_together(&tenant, keeps).await {
                tracing::warn!(%tenant, "changes of agents' states are not written: {error}");
            }
        }
        if writing.day != forgotten {
            forgotten = writing.day;
            forget_all(app, forgotten).await;
        }
    }
}

/// Removes what is too old, of everybody: also of who has had no change, and of days on which the process did not run.
async fn forget_all(app: &App, today: u64) {
    for names in app.gateway.tenants().iter() {
        for age in DAYS + 1..=DAYS + LOOKED_BACK {
            forget(app, &names.tenant, today.saturating_sub(age)).await;
        }
    }
}

/// Removes a day.
async fn forget(app: &App, tenant: &str, day: u64) {
    let old = space(day);
    while let Ok(rows) = app.gateway.kept_all(tenant, &old, None, 200).await {
        let gone: Vec<Keep> = rows.into_iter().map(|(key, _)| Keep::remove(&old, key)).collect();
        if gone.is_empty() || app.gateway.keep_together(tenant, gone).await.is_err() {
            return;
        }
    }
}

/// The changes of a day: one agent's, or everybody's.
async fn changes(
    asked: &Asked,
    day: u64,
    agent: Option<&str>,
) -> Result<Vec<(String, Change)>, Refusal> {
    let space = space(day);
    let mut all = Vec::new();
    let mut after = agent.map(own);
    loop {
        let rows = asked.app.gateway.kept_all(asked.tenant(), &space, after.as_deref(), 200);
        let rows = rows.await.map_err(refused)?;
        let full = rows.len() == 200;
        after = rows.last().map(|(key, _)| key.clone());
        for (key, document) in rows {
            let id = key.split('/').next().unwrap_or_default().to_owned();
            if agent.is_some_and(|agent| agent != id) {
                return Ok(all);
            }
            let read: Vec<Change> = serde_json::from_value(document).unwrap_or_default();
            all.extend(read.into_iter().map(|change| (id.clone(), change)));
        }
        if !full {
            return Ok(all);
        }
    }
}

async fn list(asked: Asked) -> Outcome {
    let wanted = Wanted::of(&asked, "AgentId")?;
    let agent = wanted.text("AgentId")?.map(|agent| asked.agent(&agent)).transpose()?;
    let seats = Seat::all(&asked).await?;
    let seats: BTreeMap<&str, &Seat> = seats.iter().map(|seat| (&*seat.id, seat)).collect();
    let mut all = Vec::new();
    // No day after today has anything, whatever end was asked for.
    for day in wanted.from / DAY_MS..=wanted.until.min(wall_ms()) / DAY_MS {
        all.extend(changes(&asked, day, agent.as_deref()).await?);
    }
    let stays = stays(all);
    let within = |stay: &&Stay| (wanted.from..wanted.until).contains(&stay.change.at);
    let page = stays.iter().rev().filter(within).skip(wanted.skip).take(wanted.size);
    let page: Vec<Value> = page.map(|stay| row(&seats, stay)).collect();
    found(json!({"AgentStateLogs": page}))
}

/// A state of an agent from one change to the next.
struct Stay {
    agent: String,
    change: Change,
    /// When it ended; 0 while it holds.
    end: u64,
    /// The sub-state of the one before.
    old_sub: u64,
}

/// In order of time.
fn stays(mut all: Vec<(String, Change)>) -> Vec<Stay> {
    all.sort_by_key(|(_, change)| change.at);
    let mut stays: Vec<Stay> = Vec::with_capacity(all.len());
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for (agent, change) in all {
        let mut old_sub = 0;
        let before = last.insert(agent.clone(), stays.len());
        if let Some(before) = before.and_then(|at| stays.get_mut(at)) {
            before.end = change.at;
            if before.change.now == change.before {
                old_sub = before.change.sub_id();
            }
        }
        stays.push(Stay { agent, change, end: 0, old_sub });
    }
    stays
}

fn row(seats: &BTreeMap<&str, &Seat>, stay: &Stay) -> Value {
    let Stay { agent, change, end, old_sub } = stay;
    let seat = seats.get(agent.as_str());
    let until = if *end == 0 { wall_ms() } else { *end };
    json!({
        "AgentId": agent,
        "AgentName": seat.map(|seat| seat.doc.name.as_str()).unwrap_or_default(),
        "WorkId": seat.map(|seat| seat.doc.work_id.as_str()).unwrap_or_default(),
        "CurState": change.now,
        "CurStateSubId": change.sub_id(),
        "StartTime": change.at,
        "EndTime": end,
        "Duration": until.saturating_sub(change.at) / 1_000,
        "OldState": change.before,
        "OldStateSubId": old_sub,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happening(now: &str) -> Happening {
        Happening {
            name: "acd_agent_state",
            agent: Some("101".into()),
            state: Some((now.into(), "3".into(), "idle".into())),
            ..Happening::default()
        }
    }

    #[test]
    fn a_long_day_is_written_in_several_documents_and_a_new_one_begins_anew() {
        let mut writing = Writing::default();
        let at = 20_000 * DAY_MS + 25_000;
        let mut keys = std::collections::BTreeSet::new();
        for n in 0..=MOST_CHANGES as u64 {
            let keep = writing.note("demo", &happening("onBreak"), at + n).unwrap();
            assert_eq!(keep.space, "cti/states/20000");
            keys.insert(keep.key);
        }
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["101/00025000", "101/00025300"]);
        let keep = writing.note("demo", &happening("idle"), at + DAY_MS).unwrap();
        assert_eq!((keep.space.as_str(), keep.key.as_str()), ("cti/states/20001", "101/00025000"));
        assert_eq!(keep.document.unwrap().as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn a_process_that_is_started_at_once_again_overwrites_nothing() {
        let at = 20_000 * DAY_MS + 25_000;
        let first = Writing::default().note("demo", &happening("onBreak"), at).unwrap();
        let second = Writing::default().note("demo", &happening("idle"), at + 700).unwrap();
        assert_eq!(first.space, second.space);
        assert_ne!(first.key, second.key);
    }

    #[test]
    fn a_state_ends_where_the_agent_s_next_begins_and_knows_the_sub_state_before() {
        let change = |agent: &str, at: u64, now: &str, sub: &str, before: &str| {
            let change = Change { at, now: now.into(), sub: sub.into(), before: before.into() };
            (agent.to_owned(), change)
        };
        let all = vec![
            change("102", 3, "idle", "", "offline"),
            change("101", 1, "onBreak", "7", "idle"),
            change("101", 4, "idle", "", "onBreak"),
            // What came between was lost.
            change("101", 9, "offline", "", "onBreak"),
        ];
        let stays = stays(all);
        let shown: Vec<_> = stays
            .iter()
            .map(|stay| (&*stay.agent, stay.change.at, stay.end, stay.old_sub))
            .collect();
        assert_eq!(shown, [("101", 1, 4, 0), ("102", 3, 0, 0), ("101", 4, 9, 7), ("101", 9, 0, 0)]);
    }
}
