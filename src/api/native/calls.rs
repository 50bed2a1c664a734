//! Live calls: list, show, begin, end.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use strowger_core::vocab::{CallTerms, Command, Done, Query, Reply};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::begun::{Begun, begun};
use super::check::dialled;
use super::view::CallItem;
use super::{LivePage, LiveParams, NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, CallPath, Example, Params};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, originate)).routes(routes!(show, hang_up))
}

/// Live calls, oldest first. Keys of users and agents see their own extension's.
#[utoipa::path(get, path = "/api/v1/calls", operation_id = "listCalls", tag = "calls", params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<CallItem>), Refusals))]
async fn list(
    State(app): State<App>,
    Key(principal): Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<CallItem>>, Problem> {
    let (offset, limit) = params.read()?;
    match app.gateway.query(principal, Query::Calls { offset, limit }).await {
        Reply::Calls(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// One live call. A finished one is under `/api/v1/records`.
#[utoipa::path(get, path = "/api/v1/calls/{call}", operation_id = "showCall", tag = "calls",
    params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 200, description = "It lives", body = CallItem),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
) -> Result<Json<CallItem>, Problem> {
    match app.gateway.query(principal, Query::Call { call }).await {
        Reply::Call(view) => Ok(Json((*view).into())),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Who is to talk with whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CallOrder)]
struct Order {
    /// The number of the extension that rings first.
    #[schema(example = "4567")]
    from: String,
    /// What is called when it has answered: whatever that extension could dial.
    #[schema(example = "4568")]
    to: String,
    /// Asks the phone of `from` to answer by itself.
    #[serde(default)]
    auto_answer: bool,
    /// Shown to `to` as the caller: one of the tenant's numbers. Its usual one if not said.
    #[serde(default)]
    #[schema(example = "057126200670")]
    shown: Option<String>,
    /// `to` rings for so many seconds at most, 1 to 600.
    #[serde(default)]
    #[schema(example = 30)]
    ring_secs: Option<u32>,
}

impl Example for Order {
    const EXAMPLE: &'static str = r#"{"from": "4567", "to": "4568", "auto_answer": false}"#;
}

impl Order {
    fn check(&self) -> Result<(), Problem> {
        let shown = self.shown.iter().map(|number| ("shown", number));
        for (name, number) in [("from", &self.from), ("to", &self.to)].into_iter().chain(shown) {
            dialled(name, number)?;
        }
        if self.ring_secs.is_some_and(|secs| !(1..=600).contains(&secs)) {
            let detail = "ring_secs: 1 to 600 seconds";
            return Err(Problem::unprocessable(detail));
        }
        Ok(())
    }
}

/// Rings `from`, and when it answers calls `to` for it, under its rights.
#[utoipa::path(post, path = "/api/v1/calls", operation_id = "originate", tag = "calls", request_body = Order,
    responses(
        (status = 201, description = "It rings; Location names the call", body = Begun),
        (status = 404, description = "No such extension", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The extension has no registered phone", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`from` could not dial `to`, or `shown` is none of the tenant's numbers", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn originate(
    State(app): State<App>,
    Key(principal): Key,
    _: Params<NoParams>,
    Body(order): Body<Order>,
) -> Result<Response, Problem> {
    order.check()?;
    let (tenant, key) = (principal.tenant.clone(), principal.name.clone());
    let Order { from, to, auto_answer, shown, ring_secs } = order;
    let terms = CallTerms { shown, ring_secs, ..CallTerms::default() };
    let command = Command::Originate { from, to, auto_answer, terms };
    match app.gateway.command(principal, command).await? {
        Done::Originated { call, interaction } => {
            tracing::info!(%tenant, %key, %call, "a call was begun over HTTP");
            Ok(begun(call, interaction))
        }
        _ => Err(unexpected()),
    }
}

/// Ends a call. The record follows under `/api/v1/records` when its ends have been told.
#[utoipa::path(delete, path = "/api/v1/calls/{call}", operation_id = "hangUp", tag = "calls",
    params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 202, description = "It is being ended"),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn hang_up(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    let (tenant, key) = (principal.tenant.clone(), principal.name.clone());
    match app.gateway.command(principal, Command::HangUp { call }).await? {
        Done::HungUp => {
            tracing::info!(%tenant, %key, %call, "a call is ended over HTTP");
            Ok(StatusCode::ACCEPTED)
        }
        _ => Err(unexpected()),
    }
}
