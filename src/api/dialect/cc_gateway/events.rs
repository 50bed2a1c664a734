//! From the switch's events to those of the agents who are signed in, and the long poll by which they fetch them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;
use strowger_core::vocab::record::{CallRecord, EndCause, EndedBy, Party};
use strowger_core::vocab::{CallId, Event, EventKind, ExtensionKey, Query, Reply};

use super::answer::{self, Refusal};
use super::sessions::observer;
use crate::api::app::App;
use crate::api::dialect::common::{self, Named, named};
use crate::api::gateway::{Follow, Followed};

/// A poll waits for an event this long.
const POLL: Duration = Duration::from_secs(10);
/// Recordings remembered that run now; beyond them the oldest call's is forgotten.
const RECORDINGS: usize = 10_000;

/// `GET agentevent/{agentid}`: the next event, at once or when it comes; none after ten seconds.
pub(super) async fn next(
    State(app): State<App>,
    agent: Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let id = answer::number("agentid", &named(agent))?;
    let guid = answer::guid(&headers).map(str::to_owned);
    let sessions = &app.dialects.cc_gateway;
    let agent = sessions.find(&id, guid.as_deref(), app.now_ms())?;
    let guid = guid.unwrap_or_default();
    let end = tokio::time::Instant::now() + POLL;
    loop {
        let bell = match sessions.take(&agent, &guid, app.now_ms())? {
            Ok(event) => return Ok(answer::event(Some(event))),
            Err(bell) => bell,
        };
        let rung = bell.notified();
        tokio::pin!(rung);
        rung.as_mut().enable();
        // What came before the bell was listened to.
        if let Ok(event) = sessions.take(&agent, &guid, app.now_ms())? {
            return Ok(answer::event(Some(event)));
        }
        if tokio::time::timeout_at(end, rung).await.is_err() {
            return Ok(answer::event(None));
        }
    }
}

/// Tells the agents who are signed in what happens at their phones, until the process ends.
pub(in crate::api::dialect) async fn follow(app: App, mut follower: Box<dyn Follow>) {
    let mut recordings = BTreeMap::new();
    while let Some(followed) = follower.next().await {
        app.dialects.cc_gateway.sweep(app.now_ms());
        match followed {
            Followed::Event(event) => hear(&app, &event, &mut recordings).await,
            Followed::Reset(_) => {
                tracing::warn!(
                    "events for agents' gateways were lost: there were too many at once"
                );
                recordings.clear();
            }
        }
    }
}

async fn hear(app: &App, event: &Event, recordings: &mut BTreeMap<CallId, String>) {
    let Some(tenant) = &event.tenant else { return };
    match &event.kind {
        EventKind::RecordingStarted { call, path, .. } => {
            while recordings.len() >= RECORDINGS {
                recordings.pop_first();
            }
            recordings.insert(*call, path.clone());
        }
        EventKind::RecordingEnded { call, .. } => {
            recordings.remove(call);
        }
        _ => {}
    }
    if !concerns_agents(&event.kind) {
        return;
    }
    let sessions = &app.dialects.cc_gateway;
    for (id, extension) in sessions.of_tenant(tenant) {
        match &event.kind {
            EventKind::CallerRinging { call, caller, .. } if is(caller, &extension) => {
                sessions.tell(tenant, &id, |story| story.alerting(&id, *call));
            }
            EventKind::CallRinging { call, callee, .. } if is(callee, &extension) => {
                sessions.tell(tenant, &id, |story| story.alerting(&id, *call));
            }
            EventKind::AgentOffered { agent, call, .. } if agent.id == id => {
                sessions.tell(tenant, &id, |story| story.alerting(&id, *call));
            }
            EventKind::OfferEnded { agent, call, end, .. }
                if agent.id == id && *end != strowger_core::vocab::acd::OfferEnd::Answered =>
            {
                sessions.tell(tenant, &id, |story| match story.talks_in(*call) {
                    true => Vec::new(),
                    false => story.over(&id, *call, false),
                });
            }
            EventKind::CallPickedUp { call, by, .. } if is(by, &extension) => {
                talks(app, tenant, &id, *call, recordings).await;
            }
            EventKind::CallAnswered { call, callee, .. } if is(callee, &extension) => {
                talks(app, tenant, &id, *call, recordings).await;
            }
            EventKind::CallerLeft { call, agent: Some(agent), .. } if agent.id == id => {
                talks(app, tenant, &id, *call, recordings).await;
            }
            EventKind::RecordingStarted { call, path, .. } => {
                sessions.tell(tenant, &id, |story| story.recorded(&id, *call, path));
            }
            EventKind::CallEnded { record } => {
                let picked = record.end.as_ref().is_some_and(|end| end.cause == EndCause::PickedUp);
                sessions.tell(tenant, &id, |story| {
                    // The phone was rung to pick a call up, and talks in that one now.
                    if picked && !story.talks_in(record.call) {
                        story.led_on(record.call);
                        return Vec::new();
                    }
                    story.over(&id, record.call, ended_by(record, &extension))
                });
            }
            _ => {}
        }
    }
}

/// Most that happens is nothing that an agent is told of; who is signed in is not gone through for that.
fn concerns_agents(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::CallerRinging { .. }
            | EventKind::CallRinging { .. }
            | EventKind::AgentOffered { .. }
            | EventKind::OfferEnded { .. }
            | EventKind::CallPickedUp { .. }
            | EventKind::CallAnswered { .. }
            | EventKind::CallerLeft { .. }
            | EventKind::RecordingStarted { .. }
            | EventKind::CallEnded { .. }
    )
}

fn is(party: &Party, own: &ExtensionKey) -> bool {
    matches!(party, Party::Extension { extension, .. } if extension == own)
}

/// Whether the agent's phone hung up.
fn ended_by(record: &CallRecord, own: &ExtensionKey) -> bool {
    let by = record.end.as_ref().map(|end| end.by);
    match is(&record.caller, own) {
        true => by == Some(EndedBy::Caller),
        false => by == Some(EndedBy::Callee),
    }
}

async fn talks(
    app: &App,
    tenant: &str,
    id: &str,
    call: CallId,
    recordings: &BTreeMap<CallId, String>,
) {
    let observer = observer(tenant);
    let Ok(view) = common::call(app, &observer, call).await else { return };
    let skill = match view.record.queued.last() {
        Some(visit) => {
            let query = Query::Queue(visit.queue.number.clone());
            match app.gateway.query(observer, query).await {
                Reply::Queue(queue) => Some(queue.config.name.clone()),
                _ => None,
            }
        }
        None => None,
    };
    let recording = recordings.get(&call).map(String::as_str);
    let told = |story: &mut super::story::Story| -> Vec<Value> {
        story.talking(id, &view.record, skill.as_deref(), recording)
    };
    app.dialects.cc_gateway.tell(tenant, id, told);
}
