//! Current calls. The document names the resource and says what it does; the members are ours.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use strowger_core::vocab::acd::{QueueKey, QueueOrder};
use strowger_core::vocab::command::{CallStage, CallView};
use strowger_core::vocab::record::Party;
use strowger_core::vocab::transfer::{TalkAct, TalkOrder};
use strowger_core::vocab::{CallId, Command, Query, Reply};

use super::client::Client;
use super::fields::{Fields, Path};
use super::ids::{bare, shown};
use super::refusal::{Fault, Refusal};
use crate::api::app::{App, wall_ms};
use crate::api::dialect::common;
use crate::api::extract::call_id;

type Answer = Result<Json<Value>, Refusal>;

/// The extension's name, or the number outside.
fn party(party: &Party) -> Option<String> {
    match party {
        Party::Extension { extension, .. } => Some(shown(&extension.number)),
        Party::Trunk { number, .. } => Some(number.clone()),
        Party::Service { .. } | Party::Nobody => None,
    }
}

/// The queue in which the caller is.
fn queue_of(view: &CallView) -> Option<&QueueKey> {
    let visit = view.record.queued.last()?;
    let waits = view.stage == CallStage::Attended && visit.outcome.is_none();
    waits.then_some(&visit.queue)
}

fn item(client: &Client, view: &CallView) -> Value {
    let (record, queue) = (&view.record, queue_of(view));
    let state = match view.stage {
        CallStage::Connecting => "connecting",
        CallStage::Ringing => "ringing",
        CallStage::Talking if view.held => "held",
        CallStage::Talking => "talking",
        CallStage::Attended if queue.is_some() => "queued",
        CallStage::Attended | CallStage::Announcement => "service",
        CallStage::Ending => "ending",
    };
    json!({
        "call_api_id": record.call.to_string(),
        "state": state,
        "caller": party(&record.caller),
        "callee": party(&record.callee),
        "dialed_number": record.dialled,
        "queue": queue.map(|queue| shown(&queue.number)),
        "start_date": client.moment(record.started_at),
        "answer_date": record.answered_at.map(|at| client.moment(at)),
        "duration": wall_ms().saturating_sub(record.started_at) / 1_000,
    })
}

pub(super) async fn list(State(app): State<App>, client: Client, Path(id): Path<String>) -> Answer {
    client.is(&id)?;
    client.sees()?;
    let calls = common::calls(&app, &client.principal).await?;
    let items = calls.iter().map(|view| item(&client, view)).collect();
    Ok(Json(Value::Array(items)))
}

/// The call in a path.
async fn named(app: &App, client: &Client, text: &str) -> Result<CallView, Refusal> {
    let call = call_id(text).ok_or_else(|| Refusal::not_found("call"))?;
    match client.ask(app, Query::Call { call }).await {
        Ok(Reply::Call(view)) => Ok(*view),
        Ok(_) => Err(Refusal::unexpected()),
        Err(refusal) if refusal.is(Fault::NotFound) => Err(Refusal::not_found("call")),
        Err(refusal) => Err(refusal),
    }
}

pub(super) async fn show(
    State(app): State<App>,
    client: Client,
    Path((id, call)): Path<(String, String)>,
) -> Answer {
    client.is(&id)?;
    client.sees()?;
    let view = named(&app, &client, &call).await?;
    Ok(Json(item(&client, &view)))
}

pub(super) async fn end(
    State(app): State<App>,
    client: Client,
    Path((id, call)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    client.is(&id)?;
    client.acts()?;
    let call = named(&app, &client, &call).await?.record.call;
    client.order(&app, Command::HangUp { call }).await?;
    client.note("a call is ended", &call.to_string());
    Ok(StatusCode::NO_CONTENT)
}

/// Who waits in a queue goes elsewhere; in a conversation the caller does, where an extension was called, else who was
/// called.
pub(super) async fn transfer(
    State(app): State<App>,
    client: Client,
    Path((id, call)): Path<(String, String)>,
    fields: Fields,
) -> Result<StatusCode, Refusal> {
    client.is(&id)?;
    client.acts()?;
    let view = named(&app, &client, &call).await?;
    let given = ["number", "destination", "to"].map(|key| fields.text(key, 128));
    let to = given.into_iter().collect::<Result<Vec<_>, _>>()?;
    let to = to.into_iter().find_map(super::fields::Given::value);
    let to = to.ok_or_else(|| Refusal::wrong("number", "it is missing"))?;
    let to = bare(&to).to_owned();
    let command = order(&view, to)?;
    client.order(&app, command).await?;
    client.note("a call is transferred", &view.record.call.to_string());
    Ok(StatusCode::NO_CONTENT)
}

fn order(view: &CallView, to: String) -> Result<Command, Refusal> {
    let call: CallId = view.record.call;
    if let Some(queue) = queue_of(view) {
        let queue = queue.number.clone();
        return Ok(Command::Queue { queue, order: QueueOrder::Send(call, to) });
    }
    if view.stage != CallStage::Talking {
        return Err(Refusal::new(Fault::Conflict, "the call is neither queued nor a conversation"));
    }
    let acting =
        [&view.record.callee, &view.record.caller].into_iter().find_map(|party| match party {
            Party::Extension { extension, .. } => Some(extension.number.clone()),
            _ => None,
        });
    let order = TalkOrder { extension: acting, act: TalkAct::Transfer { to } };
    Ok(Command::Talk { call, order })
}
