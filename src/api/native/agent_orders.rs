//! What agents are told: intent, wrap-up, disposition, place and desk.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use strowger_core::vocab::acd::{AgentOrder, ranges};
use strowger_core::vocab::{Command, Done};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::check::{Check, is_number};
use super::view::IntentItem;
use super::{NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{AgentPath, Body, Example, Params, call_id};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(intent))
        .routes(routes!(end_wrap_up, extend_wrap_up))
        .routes(routes!(disposition))
        .routes(routes!(place))
        .routes(routes!(desk))
}

/// Gives an order about an agent: 204. Supervisors may, and the agent itself.
async fn order(
    app: &App,
    key: Key,
    agent: String,
    order: AgentOrder,
) -> Result<StatusCode, Problem> {
    let (tenant, name) = (key.0.tenant.clone(), key.0.name.clone());
    let what = match &order {
        AgentOrder::Intent(_) => "an agent's intent was set over HTTP",
        AgentOrder::EndWrapUp => "an agent's wrap-up was ended over HTTP",
        AgentOrder::ExtendWrapUp(_) => "an agent's wrap-up was extended over HTTP",
        AgentOrder::Disposition { .. } => "a disposition was set over HTTP",
        AgentOrder::ActivePlace(_) => "an agent's place was chosen over HTTP",
        AgentOrder::Desk(_) => "an agent's desk was set over HTTP",
    };
    let command = Command::Agent { agent: agent.clone(), order };
    match app.gateway.command(key.0, command).await? {
        Done::Ordered => {
            tracing::info!(%tenant, key = %name, %agent, "{what}");
            Ok(StatusCode::NO_CONTENT)
        }
        _ => Err(unexpected()),
    }
}

/// Logs the agent in (`available`), out (`logged_out`) or sends it on a break. The same twice changes nothing and makes
/// no event.
#[utoipa::path(put, path = "/api/v1/agents/{id}/intent", operation_id = "setIntent", tag = "agents",
    params(("id" = String, Path, description = "The agent's id")), request_body = IntentItem,
    responses(
        (status = 204, description = "In force"),
        (status = 404, description = "No such agent", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "An unknown status, or a reason that is too long", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn intent(
    State(app): State<App>,
    key: Key,
    AgentPath(id): AgentPath,
    _: Params<NoParams>,
    Body(intent): Body<IntentItem>,
) -> Result<StatusCode, Problem> {
    key.orders_agent(&id)?;
    let mut check = Check::default();
    let intent = intent.read(&mut check);
    order(&app, key, id, AgentOrder::Intent(check.finish(intent)?)).await
}

/// Ends the agent's wrap-up now.
#[utoipa::path(delete, path = "/api/v1/agents/{id}/wrap-up", operation_id = "endWrapUp", tag = "agents",
    params(("id" = String, Path, description = "The agent's id")),
    responses(
        (status = 204, description = "It is over"),
        (status = 404, description = "No such agent", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The agent does not wrap up, or its queue awaits a disposition",
            body = Problem, content_type = "application/problem+json"),
        Refusals,
    ))]
async fn end_wrap_up(
    State(app): State<App>,
    key: Key,
    AgentPath(id): AgentPath,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    key.orders_agent(&id)?;
    order(&app, key, id, AgentOrder::EndWrapUp).await
}

/// How long wrap-up is to last.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Extension {
    /// It ends so many seconds from now, 1 to 3600.
    secs: u32,
}

impl Example for Extension {
    const EXAMPLE: &'static str = r#"{"secs": 60}"#;
}

/// Has the agent's wrap-up end so many seconds from now.
#[utoipa::path(patch, path = "/api/v1/agents/{id}/wrap-up", operation_id = "extendWrapUp", tag = "agents",
    params(("id" = String, Path, description = "The agent's id")), request_body = Extension,
    responses(
        (status = 204, description = "In force"),
        (status = 404, description = "No such agent", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The agent does not wrap up", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Too short or too long", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn extend_wrap_up(
    State(app): State<App>,
    key: Key,
    AgentPath(id): AgentPath,
    _: Params<NoParams>,
    Body(extension): Body<Extension>,
) -> Result<StatusCode, Problem> {
    key.orders_agent(&id)?;
    let mut check = Check::default();
    let secs = check.number("secs", extension.secs, &ranges::EXTENSION);
    order(&app, key, id, AgentOrder::ExtendWrapUp(check.finish(secs)?)).await
}

/// What a conversation was about.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Disposition {
    /// The conversation: 32 hexadecimal digits.
    call: String,
    /// A code of the tenant's own, 1 to 64 bytes.
    code: String,
}

impl Example for Disposition {
    const EXAMPLE: &'static str = r#"{"call": "00000000000000000000000000000009", "code": "sold"}"#;
}

/// Says what the agent's last conversation was about; ends a wrap-up that waits for it.
#[utoipa::path(put, path = "/api/v1/agents/{id}/disposition", operation_id = "setDisposition", tag = "agents",
    params(("id" = String, Path, description = "The agent's id")), request_body = Disposition,
    responses(
        (status = 204, description = "Noted"),
        (status = 404, description = "No such agent", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "That was not the agent's last conversation", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "No call id, or a code that is too long", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn disposition(
    State(app): State<App>,
    key: Key,
    AgentPath(id): AgentPath,
    _: Params<NoParams>,
    Body(wanted): Body<Disposition>,
) -> Result<StatusCode, Problem> {
    key.orders_agent(&id)?;
    let mut check = Check::default();
    check.reason("code", &wanted.code, 1);
    let call = call_id(&wanted.call);
    if call.is_none() {
        check.wrong("call", "32 hexadecimal digits");
    }
    let call = check.finish(call.unwrap_or_default())?;
    order(&app, key, id, AgentOrder::Disposition { call, code: wanted.code }).await
}

/// Which of its places.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RungPlace)]
struct Place {
    /// 1 or 2.
    place: u8,
}

impl Example for Place {
    const EXAMPLE: &'static str = r#"{"place": 2}"#;
}

/// Has the agent rung at its first or its second place from now on.
#[utoipa::path(put, path = "/api/v1/agents/{id}/place", operation_id = "choosePlace", tag = "agents",
    params(("id" = String, Path, description = "The agent's id")), request_body = Place,
    responses(
        (status = 204, description = "In force"),
        (status = 404, description = "No such agent", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The agent has no second place", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Neither 1 nor 2", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn place(
    State(app): State<App>,
    key: Key,
    AgentPath(id): AgentPath,
    _: Params<NoParams>,
    Body(wanted): Body<Place>,
) -> Result<StatusCode, Problem> {
    key.orders_agent(&id)?;
    let place = wanted.place.checked_sub(1).filter(|place| *place < 2);
    let wrong = || Problem::unprocessable("place: 1 or 2");
    order(&app, key, id, AgentOrder::ActivePlace(place.ok_or_else(wrong)?)).await
}

/// Where an agent sits.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Desk {
    /// The number of an extension; null for its own place again.
    extension: Option<String>,
}

impl Example for Desk {
    const EXAMPLE: &'static str = r#"{"extension": "4570"}"#;
}

/// Has the agent rung at this extension until it logs out (hot desk).
#[utoipa::path(put, path = "/api/v1/agents/{id}/desk", operation_id = "setDesk", tag = "agents",
    params(("id" = String, Path, description = "The agent's id")), request_body = Desk,
    responses(
        (status = 204, description = "In force"),
        (status = 404, description = "No such agent", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Another agent sits there", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "No such extension", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn desk(
    State(app): State<App>,
    key: Key,
    AgentPath(id): AgentPath,
    _: Params<NoParams>,
    Body(desk): Body<Desk>,
) -> Result<StatusCode, Problem> {
    key.orders_agent(&id)?;
    if desk.extension.as_deref().is_some_and(|number| !is_number(number)) {
        let detail = "extension: digits such as \"4570\", or null";
        return Err(Problem::unprocessable(detail));
    }
    order(&app, key, id, AgentOrder::Desk(desk.extension)).await
}
