//! The callers of a queue.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use strowger_core::vocab::acd::QueueOrder;
use strowger_core::vocab::{Command, Done, Query, Reply, Role};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::check::dialled;
use super::view::MemberItem;
use super::{LivePage, LiveParams, NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Example, MemberPath, Params, QueuePath};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(remove, prioritise))
        .routes(routes!(send))
}

/// Callers of a queue in order; those that talk with an agent come last.
#[utoipa::path(get, path = "/api/v1/queues/{number}/members", operation_id = "listMembers", tag = "queues",
    params(("number" = String, Path, description = "The queue's number"), LiveParams),
    responses(
        (status = 200, description = "Some of them", body = LivePage<MemberItem>),
        (status = 404, description = "No such queue", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn list(
    State(app): State<App>,
    key: Key,
    QueuePath(queue): QueuePath,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<MemberItem>>, Problem> {
    key.sees_tenant()?;
    let (offset, limit) = params.read()?;
    match app.gateway.query(key.0, Query::Members { queue, offset, limit }).await {
        Reply::Members(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Takes a waiting caller out of the queue and ends the call.
#[utoipa::path(delete, path = "/api/v1/queues/{number}/members/{call}", operation_id = "removeMember",
    tag = "queues",
    params(
        ("number" = String, Path, description = "The queue's number"),
        ("call" = String, Path, description = "32 hexadecimal digits"),
    ),
    responses(
        (status = 202, description = "The call is being ended"),
        (status = 404, description = "The call does not wait in this queue", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove(
    State(app): State<App>,
    key: Key,
    MemberPath { queue, call }: MemberPath,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin, Role::Supervisor])?;
    let (tenant, name) = (key.0.tenant.clone(), key.0.name.clone());
    let command = Command::Queue { queue: queue.clone(), order: QueueOrder::Remove(call) };
    match app.gateway.command(key.0, command).await? {
        Done::Ordered => {
            tracing::info!(%tenant, key = %name, %queue, %call, "a caller was removed over HTTP");
            Ok(StatusCode::ACCEPTED)
        }
        _ => Err(unexpected()),
    }
}

/// Where a caller is to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MemberErrand)]
struct Errand {
    /// A number that can be dialled, or what queues lead to: `queue:`, `voicemail:`, `ivr:` and a name.
    #[schema(example = "4568")]
    to: String,
}

impl Example for Errand {
    const EXAMPLE: &'static str = r#"{"to": "4568"}"#;
}

/// Takes a waiting caller out of the queue and sends it elsewhere. Who talks with an agent is transferred by
/// `/api/v1/calls/{call}/transfer`.
#[utoipa::path(post, path = "/api/v1/queues/{number}/members/{call}/transfer", operation_id = "sendMember",
    tag = "queues",
    params(
        ("number" = String, Path, description = "The queue's number"),
        ("call" = String, Path, description = "32 hexadecimal digits"),
    ),
    request_body = Errand,
    responses(
        (status = 202, description = "It is on its way"),
        (status = 404, description = "The call is not in this queue", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "It talks with an agent", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`to` leads nowhere", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn send(
    State(app): State<App>,
    key: Key,
    MemberPath { queue, call }: MemberPath,
    _: Params<NoParams>,
    Body(Errand { to }): Body<Errand>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin, Role::Supervisor])?;
    let (tenant, name) = (key.0.tenant.clone(), key.0.name.clone());
    dialled("to", &to)?;
    let order = QueueOrder::Send(call, to);
    match app.gateway.command(key.0, Command::Queue { queue: queue.clone(), order }).await? {
        Done::Ordered => {
            tracing::info!(%tenant, key = %name, %queue, %call, "a caller was sent on over HTTP");
            Ok(StatusCode::ACCEPTED)
        }
        _ => Err(unexpected()),
    }
}

/// What is to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PriorityChange)]
struct Change {
    /// The caller's priority at the beginning; the time waited adds to it where the queue says so. At most 1000.
    priority: u32,
}

impl Example for Change {
    const EXAMPLE: &'static str = r#"{"priority": 10}"#;
}

/// Sets a waiting caller's priority.
#[utoipa::path(patch, path = "/api/v1/queues/{number}/members/{call}", operation_id = "prioritiseMember",
    tag = "queues",
    params(
        ("number" = String, Path, description = "The queue's number"),
        ("call" = String, Path, description = "32 hexadecimal digits"),
    ),
    request_body = Change,
    responses(
        (status = 204, description = "In force"),
        (status = 404, description = "The call does not wait in this queue", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The priority is too high", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn prioritise(
    State(app): State<App>,
    key: Key,
    MemberPath { queue, call }: MemberPath,
    _: Params<NoParams>,
    Body(change): Body<Change>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin, Role::Supervisor])?;
    if change.priority > 1_000 {
        return Err(Problem::unprocessable("priority: 0 to 1000"));
    }
    let (tenant, name) = (key.0.tenant.clone(), key.0.name.clone());
    let order = QueueOrder::Prioritise(call, change.priority);
    match app.gateway.command(key.0, Command::Queue { queue: queue.clone(), order }).await? {
        Done::Ordered => {
            let priority = change.priority;
            tracing::info!(%tenant, key = %name, %queue, %call, priority, "a caller's priority was set over HTTP");
            Ok(StatusCode::NO_CONTENT)
        }
        _ => Err(unexpected()),
    }
}
