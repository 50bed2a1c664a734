//! A queue: its parameters, how it stands, and its callers.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use strowger_core::vocab::acd::{
    AgentKey, AgentPlace, AgentView, DefinitionOrder, MemberState, MemberView, QueueView,
};
use strowger_core::vocab::{Command, Query, Reply};

use super::client::Client;
use super::fields::{Fields, Path};
use super::ids::shown;
use super::queue_item;
use super::refusal::{Fault, Refusal};
use crate::api::app::{App, wall_ms};
use crate::api::dialect::common;
use crate::api::gateway::MAX_ROWS;

/// Rows that are gathered at most; more have no place in one answer.
pub(super) const MOST_ROWS: usize = 10_000;

type Answer = Result<Json<Value>, Refusal>;

impl Client {
    /// The queue in a path.
    pub(super) async fn queue(&self, app: &App, extension: &str) -> Result<QueueView, Refusal> {
        let number = self.extension(app, extension).await?;
        match self.ask(app, Query::Queue(number)).await {
            Ok(Reply::Queue(view)) => Ok(*view),
            Ok(_) => Err(Refusal::unexpected()),
            Err(refusal) if refusal.is(Fault::NotFound) => Err(Refusal::not_found("queue")),
            Err(refusal) => Err(refusal),
        }
    }

    /// Orders a definition.
    pub(super) async fn define(&self, app: &App, order: DefinitionOrder) -> Result<(), Refusal> {
        self.order(app, Command::Define(order)).await.map(|_| ())
    }
}

/// What the configuration file defines cannot be changed.
pub(super) fn changeable(from_file: bool, what: &str) -> Result<(), Refusal> {
    if !from_file {
        return Ok(());
    }
    let words = format!("the {what} is defined in the configuration file and changed there only");
    Err(Refusal::new(Fault::Conflict, words))
}

pub(super) async fn show(
    State(app): State<App>,
    client: Client,
    Path(extension): Path<String>,
) -> Answer {
    client.sees()?;
    let queue = client.queue(&app, &extension).await?;
    queue_item::show(&app, &client, &queue.config).await.map(Json)
}

pub(super) async fn change(
    State(app): State<App>,
    client: Client,
    Path(extension): Path<String>,
    fields: Fields,
) -> Answer {
    client.defines()?;
    let view = client.queue(&app, &extension).await?;
    changeable(view.from_file, "queue")?;
    let mut queue = view.config;
    queue_item::change(&app, &client, &fields, &mut queue).await?;
    client.define(&app, DefinitionOrder::PutQueue(Box::new(queue.clone()))).await?;
    client.note("a queue was defined", &queue.key.number);
    queue_item::show(&app, &client, &queue).await.map(Json)
}

/// Callers who wait while nobody rings, those for whom an agent rings, and those who talk with one.
pub(super) async fn status(
    State(app): State<App>,
    client: Client,
    Path(extension): Path<String>,
) -> Answer {
    client.sees()?;
    let queue = client.queue(&app, &extension).await?;
    Ok(Json(json!({
        "answered_members": queue.answered,
        "trying_members": queue.trying,
        "waiting_members": queue.waiting.saturating_sub(queue.trying),
    })))
}

pub(super) async fn members(
    State(app): State<App>,
    client: Client,
    Path(extension): Path<String>,
) -> Answer {
    client.sees()?;
    let queue = client.queue(&app, &extension).await?.config.key.number;
    let mut members: Vec<MemberView> = Vec::new();
    while members.len() < MOST_ROWS {
        let offset = members.len();
        let query = Query::Members { queue: queue.clone(), offset, limit: MAX_ROWS };
        let Reply::Members(page) = client.ask(&app, query).await? else {
            return Err(Refusal::unexpected());
        };
        let end = page.items.is_empty() || offset + page.items.len() >= page.total;
        members.extend(page.items);
        if end {
            break;
        }
    }
    let served = members.iter().any(|member| !member.agents.is_empty());
    let agents = match served {
        true => common::agents(&app, &client.principal).await?,
        false => Vec::new(),
    };
    let places: BTreeMap<AgentKey, String> = agents.into_iter().filter_map(place).collect();
    let items = members.iter().map(|member| item(&client, member, &places));
    Ok(Json(Value::Array(items.collect())))
}

fn item(client: &Client, member: &MemberView, places: &BTreeMap<AgentKey, String>) -> Value {
    let state = match member.state {
        MemberState::Waiting => "waiting",
        MemberState::Trying => "trying",
        MemberState::Answered => "answered",
        MemberState::Callback => "callback",
    };
    json!({
        "call_api_id": member.call.to_string(),
        "joined_datetime": client.moment(member.joined_at),
        "number": (!member.number.is_empty()).then_some(&member.number),
        "serving_agent": member.agents.first().and_then(|agent| places.get(agent)),
        "state": state,
        "wait_time": wall_ms().saturating_sub(member.joined_at) / 1_000,
    })
}

/// Where an agent is: the extension's name, or the number outside.
fn place(view: AgentView) -> Option<(AgentKey, String)> {
    let place = view.config.places.first().map(|place| match place {
        AgentPlace::Extension(number) => shown(number),
        AgentPlace::Number(number) => number.clone(),
    });
    Some((view.config.key, place?))
}

impl Client {
    /// A moment in the tenant's time zone: `2020-03-16 12:11:13`.
    pub(super) fn moment(&self, at_ms: u64) -> String {
        let zone = jiff::tz::TimeZone::get(&self.names.timezone);
        let zone = zone.unwrap_or(jiff::tz::TimeZone::UTC);
        let at =
            i64::try_from(at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        at.map(|at| at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
    }
}
