//! Agents and their tiers: list, show, define, remove.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use strowger_core::vocab::acd::{AgentKey, DefinitionOrder, QueueKey};
use strowger_core::vocab::{CommandError, Query, Reply, Role};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::check::{Check, is_number};
use super::queues::order;
use super::view::{AgentItem, AgentSettings, TierItem};
use super::{LivePage, NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{AgentPath, Body, Example, Params, TierPath, rows_wanted};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, define, remove))
        .routes(routes!(show_tier, put_tier, remove_tier))
}

/// Which agents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AgentParams {
    /// Only those that serve this queue.
    queue: Option<String>,
    /// Rows to skip.
    #[serde(default)]
    offset: usize,
    /// Rows wanted, 1 to 200; 50 unless said.
    limit: Option<usize>,
}

/// Agents, by id.
#[utoipa::path(get, path = "/api/v1/agents", operation_id = "listAgents", tag = "agents", params(AgentParams),
    responses((status = 200, description = "Some of them", body = LivePage<AgentItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    Params(params): Params<AgentParams>,
) -> Result<Json<LivePage<AgentItem>>, Problem> {
    key.sees_tenant()?;
    let AgentParams { queue, offset, limit } = params;
    if queue.as_deref().is_some_and(|queue| !is_number(queue)) {
        return Err(Problem::bad_request("queue: the number of a queue, such as 9001"));
    }
    let limit = rows_wanted(limit)?;
    match app.gateway.query(key.0, Query::Agents { queue, offset, limit }).await {
        Reply::Agents(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// One agent, with its definition under `settings`. An agent's key sees its own.
#[utoipa::path(get, path = "/api/v1/agents/{id}", operation_id = "showAgent", tag = "agents",
    params(("id" = String, Path, description = "The agent's id")),
    responses(
        (status = 200, description = "As it stands", body = AgentItem),
        (status = 404, description = "No such agent", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    key: Key,
    AgentPath(id): AgentPath,
    _: Params<NoParams>,
) -> Result<Json<AgentItem>, Problem> {
    key.sees_agent(&id)?;
    match app.gateway.query(key.0, Query::Agent(id)).await {
        Reply::Agent(view) => Ok(Json((*view).into())),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Defines an agent, or replaces the definition of one. Those of the configuration file cannot be changed. What the
/// agent wants and does stays as it is.
#[utoipa::path(put, path = "/api/v1/agents/{id}", operation_id = "defineAgent", tag = "agents",
    params(("id" = String, Path, description = "The agent's id")), request_body = AgentSettings,
    responses(
        (status = 204, description = "In force, and on disk"),
        (status = 404, description = "What cannot be an agent's id", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "A value makes no sense, or an extension or queue does not exist",
            body = Problem, content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn define(
    State(app): State<App>,
    key: Key,
    AgentPath(id): AgentPath,
    _: Params<NoParams>,
    Body(settings): Body<AgentSettings>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin])?;
    let mut pin = None;
    if settings.keeps_pin() {
        match app.gateway.query(key.0.clone(), Query::Agent(id.clone())).await {
            Reply::Agent(view) => pin = view.config.pin,
            Reply::Refused(CommandError::NotFound(_)) => {}
            Reply::Refused(error) => return Err(error.into()),
            _ => return Err(unexpected()),
        }
    }
    let own = AgentKey { tenant: key.0.tenant.clone(), id };
    let agent = settings.define(own.clone(), pin)?;
    order(&app, key, DefinitionOrder::PutAgent(Box::new(agent))).await.inspect(|_| {
        tracing::info!(tenant = %own.tenant, agent = %own.id, "an agent was defined over HTTP");
    })
}

/// Removes an agent. An offer is withdrawn, a conversation goes on.
#[utoipa::path(delete, path = "/api/v1/agents/{id}", operation_id = "removeAgent", tag = "agents",
    params(("id" = String, Path, description = "The agent's id")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, description = "No such agent", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove(
    State(app): State<App>,
    key: Key,
    AgentPath(id): AgentPath,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin])?;
    let own = AgentKey { tenant: key.0.tenant.clone(), id };
    order(&app, key, DefinitionOrder::DeleteAgent(own.clone())).await.inspect(|_| {
        tracing::info!(tenant = %own.tenant, agent = %own.id, "an agent was removed over HTTP");
    })
}

/// Where an agent stands in a queue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TierPlace)]
struct Place {
    /// 0 to 1000, 1 unless said; lower levels first.
    level: Option<u32>,
    /// 0 to 10000, 1 unless said; the order within the level.
    position: Option<u32>,
}

impl Example for Place {
    const EXAMPLE: &'static str = r#"{"level": 1, "position": 1}"#;
}

/// Where an agent stands in a queue. An agent's key sees its own.
#[utoipa::path(get, path = "/api/v1/agents/{id}/tiers/{queue}", operation_id = "showTier", tag = "agents",
    params(
        ("id" = String, Path, description = "The agent's id"),
        ("queue" = String, Path, description = "The queue's number"),
    ),
    responses(
        (status = 200, description = "Its place", body = TierItem),
        (status = 404, description = "No such agent, or it does not serve the queue", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show_tier(
    State(app): State<App>,
    key: Key,
    TierPath { agent, queue }: TierPath,
    _: Params<NoParams>,
) -> Result<Json<TierItem>, Problem> {
    key.sees_agent(&agent)?;
    let view = match app.gateway.query(key.0, Query::Agent(agent)).await {
        Reply::Agent(view) => view,
        Reply::Refused(error) => return Err(error.into()),
        _ => return Err(unexpected()),
    };
    let tier = view.config.tiers.into_iter().find(|tier| tier.queue.number == queue);
    let tier =
        tier.ok_or_else(|| Problem::not_found(format!("the agent does not serve {queue}")))?;
    Ok(Json(TierItem::new(tier.queue.number, tier.level.into(), tier.position.into())))
}

/// Has the agent serve the queue, or moves it within.
#[utoipa::path(put, path = "/api/v1/agents/{id}/tiers/{queue}", operation_id = "putTier", tag = "agents",
    params(
        ("id" = String, Path, description = "The agent's id"),
        ("queue" = String, Path, description = "The queue's number"),
    ),
    request_body = Place,
    responses(
        (status = 204, description = "In force, and on disk"),
        (status = 404, description = "No such agent or queue", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines the agent", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "A level or position out of range", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn put_tier(
    State(app): State<App>,
    key: Key,
    TierPath { agent, queue }: TierPath,
    _: Params<NoParams>,
    Body(place): Body<Place>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin])?;
    let own = AgentKey { tenant: key.0.tenant.clone(), id: agent };
    let mut check = Check::default();
    let item = TierItem::new(queue, place.level.unwrap_or(1), place.position.unwrap_or(1));
    let tier = item.read(&mut check, &own.tenant);
    let tier = check.finish(tier)?;
    order(&app, key, DefinitionOrder::PutTier(own, tier)).await
}

/// Takes the agent out of the queue.
#[utoipa::path(delete, path = "/api/v1/agents/{id}/tiers/{queue}", operation_id = "removeTier", tag = "agents",
    params(
        ("id" = String, Path, description = "The agent's id"),
        ("queue" = String, Path, description = "The queue's number"),
    ),
    responses(
        (status = 204, description = "It no longer serves the queue"),
        (status = 404, description = "No such agent or queue", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines the agent", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove_tier(
    State(app): State<App>,
    key: Key,
    TierPath { agent, queue }: TierPath,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin])?;
    let tenant = key.0.tenant.clone();
    let own = AgentKey { tenant: tenant.clone(), id: agent };
    let queue = QueueKey { tenant, number: queue };
    order(&app, key, DefinitionOrder::DeleteTier(own, queue)).await
}
