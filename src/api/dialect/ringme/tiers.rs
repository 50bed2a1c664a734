//! Agents in queues.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use strowger_core::vocab::acd::{AgentView, DefinitionOrder, QueueKey, Tier, ranges};

use super::agent_item::Kind;
use super::client::Client;
use super::fields::{Fields, Path};
use super::ids;
use super::queues::changeable;
use super::refusal::{Fault, Refusal};
use crate::api::app::App;

type Answer = Result<Json<Value>, Refusal>;

fn tier_of<'a>(view: &'a AgentView, queue: &QueueKey) -> Option<&'a Tier> {
    view.config.tiers.iter().find(|tier| tier.queue == *queue)
}

fn item(agent_id: u64, tier: &Tier) -> Value {
    json!({"agent_id": agent_id, "level": tier.level, "position": tier.position})
}

pub(super) async fn list(
    State(app): State<App>,
    client: Client,
    Path((extension, kind)): Path<(String, String)>,
) -> Answer {
    client.sees()?;
    let queue = client.queue(&app, &extension).await?.config.key;
    let views = client.agents(&app, Kind::read(&kind)?, Some(&queue.number)).await?;
    let names = views.iter().map(|view| view.config.key.id.clone()).collect();
    let ids = client.ids_of(&app, ids::AGENTS, names).await?;
    let items =
        views.iter().zip(ids).filter_map(|(view, id)| Some(item(id, tier_of(view, &queue)?)));
    Ok(Json(Value::Array(items.collect())))
}

/// The queue, and the agent that is in it.
async fn in_queue(
    app: &App,
    client: &Client,
    (extension, kind, agent): &(String, String, String),
) -> Result<(AgentView, Tier), Refusal> {
    let queue = client.queue(app, extension).await?.config.key;
    let view = client.agent(app, Kind::read(kind)?, agent).await?;
    let tier = tier_of(&view, &queue).cloned();
    let tier = tier.ok_or_else(|| Refusal::not_found("agent in this queue"))?;
    Ok((view, tier))
}

pub(super) async fn show(
    State(app): State<App>,
    client: Client,
    Path(path): Path<(String, String, String)>,
) -> Answer {
    client.sees()?;
    let (view, tier) = in_queue(&app, &client, &path).await?;
    let id = client.id_of(&app, ids::AGENTS, &view.config.key.id).await?;
    Ok(Json(item(id, &tier)))
}

/// The level and the position that are given; those that are left out stay.
fn placed(fields: &Fields, mut tier: Tier) -> Result<Tier, Refusal> {
    for (key, present, range) in [
        ("level", &mut tier.level, &ranges::LEVEL),
        ("position", &mut tier.position, &ranges::POSITION),
    ] {
        let number = fields.long(key, range)?.over((*present).into(), 0);
        *present = u16::try_from(number).unwrap_or(u16::MAX);
    }
    Ok(tier)
}

async fn put(app: &App, client: &Client, view: AgentView, tier: Tier) -> Answer {
    changeable(view.from_file, "agent")?;
    let key = view.config.key;
    let id = client.id_of(app, ids::AGENTS, &key.id).await?;
    client.define(app, DefinitionOrder::PutTier(key.clone(), tier.clone())).await?;
    client.note("an agent was put into a queue", &key.id);
    Ok(Json(item(id, &tier)))
}

pub(super) async fn add(
    State(app): State<App>,
    client: Client,
    Path((extension, kind)): Path<(String, String)>,
    fields: Fields,
) -> Answer {
    client.defines()?;
    let queue = client.queue(&app, &extension).await?.config.key;
    let missing = || Refusal::wrong("agent_id", "it is missing");
    let id = fields.id("agent_id")?.value().ok_or_else(missing)?;
    let view = client.agent(&app, Kind::read(&kind)?, &id.to_string()).await;
    let view = view.map_err(|refusal| match refusal.is(Fault::NotFound) {
        true => Refusal::wrong("agent_id", format!("there is no such agent {id}")),
        false => refusal,
    })?;
    if tier_of(&view, &queue).is_some() {
        return Err(Refusal::new(Fault::Conflict, "the agent is in this queue already"));
    }
    let tier = placed(&fields, Tier { queue, level: 0, position: 0 })?;
    put(&app, &client, view, tier).await
}

pub(super) async fn change(
    State(app): State<App>,
    client: Client,
    Path(path): Path<(String, String, String)>,
    fields: Fields,
) -> Answer {
    client.defines()?;
    let (view, tier) = in_queue(&app, &client, &path).await?;
    let tier = placed(&fields, tier)?;
    put(&app, &client, view, tier).await
}

pub(super) async fn remove(
    State(app): State<App>,
    client: Client,
    Path(path): Path<(String, String, String)>,
) -> Result<StatusCode, Refusal> {
    client.defines()?;
    let (view, tier) = in_queue(&app, &client, &path).await?;
    changeable(view.from_file, "agent")?;
    let key = view.config.key;
    client.define(&app, DefinitionOrder::DeleteTier(key.clone(), tier.queue)).await?;
    client.note("an agent was taken out of a queue", &key.id);
    Ok(StatusCode::NO_CONTENT)
}
