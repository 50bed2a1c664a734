//! Queues: list, show, define, remove; and why their agents are or are not being offered.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use strowger_core::vocab::acd::{DefinitionOrder, QueueKey};
use strowger_core::vocab::{Command, Done, Query, Reply, Role};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{ExplanationItem, QueueItem, QueueSettings};
use super::{LivePage, LiveParams, NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Params, QueuePath, call_id};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, define, remove))
        .routes(routes!(explain))
}

/// Queues, by number.
#[utoipa::path(get, path = "/api/v1/queues", operation_id = "listQueues", tag = "queues", params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<QueueItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<QueueItem>>, Problem> {
    key.sees_tenant()?;
    let (offset, limit) = params.read()?;
    match app.gateway.query(key.0, Query::Queues { offset, limit }).await {
        Reply::Queues(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// One queue, with its parameters under `settings`.
#[utoipa::path(get, path = "/api/v1/queues/{number}", operation_id = "showQueue", tag = "queues",
    params(("number" = String, Path, description = "The queue's number")),
    responses(
        (status = 200, description = "As it stands", body = QueueItem),
        (status = 404, description = "No such queue", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    key: Key,
    QueuePath(number): QueuePath,
    _: Params<NoParams>,
) -> Result<Json<QueueItem>, Problem> {
    key.sees_tenant()?;
    match app.gateway.query(key.0, Query::Queue(number)).await {
        Reply::Queue(view) => Ok(Json((*view).into())),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Defines a queue, or replaces all parameters of one. Those of the configuration file cannot be changed. Waiting
/// callers stay. Done twice it changes nothing more.
#[utoipa::path(put, path = "/api/v1/queues/{number}", operation_id = "defineQueue", tag = "queues",
    params(("number" = String, Path, description = "The queue's number")), request_body = QueueSettings,
    responses(
        (status = 204, description = "In force, and on disk"),
        (status = 404, description = "What cannot be a queue's number", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it, or the number is taken", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "A parameter makes no sense", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn define(
    State(app): State<App>,
    key: Key,
    QueuePath(number): QueuePath,
    _: Params<NoParams>,
    Body(settings): Body<QueueSettings>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin])?;
    let own = QueueKey { tenant: key.0.tenant.clone(), number };
    let queue = settings.define(own.clone())?;
    order(&app, key, DefinitionOrder::PutQueue(Box::new(queue))).await.inspect(|_| {
        tracing::info!(tenant = %own.tenant, queue = %own.number, "a queue was defined over HTTP");
    })
}

/// Removes a queue. Its callers overflow; its agents no longer serve it.
#[utoipa::path(delete, path = "/api/v1/queues/{number}", operation_id = "removeQueue", tag = "queues",
    params(("number" = String, Path, description = "The queue's number")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, description = "No such queue", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove(
    State(app): State<App>,
    key: Key,
    QueuePath(number): QueuePath,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin])?;
    let own = QueueKey { tenant: key.0.tenant.clone(), number };
    order(&app, key, DefinitionOrder::DeleteQueue(own.clone())).await.inspect(|_| {
        tracing::info!(tenant = %own.tenant, queue = %own.number, "a queue was removed over HTTP");
    })
}

/// Gives a definition to the switch; it answers when that is on disk.
pub(super) async fn order(
    app: &App,
    key: Key,
    order: DefinitionOrder,
) -> Result<StatusCode, Problem> {
    let (tenant, name) = (key.0.tenant.clone(), key.0.name.clone());
    match app.gateway.command(key.0, Command::Define(order)).await? {
        Done::Defined | Done::Ordered => {
            tracing::info!(%tenant, key = %name, "a definition was changed over HTTP");
            Ok(StatusCode::NO_CONTENT)
        }
        _ => Err(unexpected()),
    }
}

/// For whom.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExplainParams {
    /// Only for this caller: 32 hexadecimal digits.
    call: Option<String>,
    /// Callers wanted, 1 to 20; 5 unless said.
    limit: Option<usize>,
}

/// Why each agent of the queue is or is not being offered, for each of its first callers; without callers, for one who
/// would join now.
#[utoipa::path(get, path = "/api/v1/queues/{number}/explain", operation_id = "explainQueue", tag = "queues",
    params(("number" = String, Path, description = "The queue's number"), ExplainParams),
    responses(
        (status = 200, description = "The reasons", body = ExplanationItem),
        (status = 404, description = "No such queue, or the call does not wait in it", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn explain(
    State(app): State<App>,
    key: Key,
    QueuePath(queue): QueuePath,
    Params(params): Params<ExplainParams>,
) -> Result<Json<ExplanationItem>, Problem> {
    key.sees_tenant()?;
    let limit = params.limit.unwrap_or(5);
    if !(1..=20).contains(&limit) {
        return Err(Problem::bad_request("limit: 1 to 20 callers"));
    }
    let wrong = || Problem::bad_request("call: 32 hexadecimal digits");
    let call = params.call.map(|text| call_id(&text).ok_or_else(wrong)).transpose()?;
    match app.gateway.query(key.0, Query::Explain { queue, call, limit }).await {
        Reply::Explanation(explanation) => Ok(Json((*explanation).into())),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}
