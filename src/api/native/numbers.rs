//! Numbers that the tenant has from its carriers: list, show, define, remove.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use strowger_core::vocab::define::{EntryKey, EntryKind};
use strowger_core::vocab::{NumberKey, Role};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{NumberBody, NumberItem};
use super::{LivePage, LiveParams, NoParams, Refusals, Unread, entries};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Params};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, define, remove))
}

/// Numbers of the tenant: the file's in its order, then those made over HTTP.
#[utoipa::path(get, path = "/api/v1/numbers", operation_id = "listNumbers", tag = "trunks",
    params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<NumberItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<NumberItem>>, Problem> {
    entries::page(&app, key, EntryKind::Number, &params).await
}

/// One number.
#[utoipa::path(get, path = "/api/v1/numbers/{number}", operation_id = "showNumber", tag = "trunks",
    params(("number" = String, Path, description = "Digits, or + and digits, as the carrier delivers it")),
    responses(
        (status = 200, description = "As it is defined", body = NumberItem),
        (status = 404, description = "No such number", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    key: Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<NumberItem>, Problem> {
    key.sees_tenant()?;
    let own = own(&key, name);
    entries::one(&app, &key, EntryKey::Number(own)).await.map(Json)
}

/// Defines a number, or replaces all of one; those of the configuration file cannot be changed. The next call goes where it says.
#[utoipa::path(put, path = "/api/v1/numbers/{number}", operation_id = "defineNumber", tag = "trunks",
    params(("number" = String, Path, description = "Digits, or + and digits, as the carrier delivers it")),
    request_body = NumberBody,
    responses(
        (status = 200, description = "Replaced, in force and on disk", body = NumberItem),
        (status = 201, description = "New, in force and on disk", body = NumberItem),
        (status = 409, description = "The configuration file defines it, the tenant has it written differently, or another tenant has it", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The definition makes no sense", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn define(
    State(app): State<App>,
    key: Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
    Body(body): Body<NumberBody>,
) -> Result<(StatusCode, Json<NumberItem>), Problem> {
    key.one_of(&[Role::Admin])?;
    let entry = body.define(own(&key, name))?;
    entries::define(&app, &key, entry).await
}

/// Removes a number that was defined over HTTP. Calls in progress stay; it can be shown to nobody any more.
#[utoipa::path(delete, path = "/api/v1/numbers/{number}", operation_id = "removeNumber", tag = "trunks",
    params(("number" = String, Path, description = "Digits, or + and digits, as the carrier delivers it")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, description = "No such number", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove(
    State(app): State<App>,
    key: Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    let own = own(&key, name);
    entries::remove(&app, key, EntryKey::Number(own)).await
}

fn own(key: &Key, number: String) -> NumberKey {
    NumberKey { tenant: key.0.tenant.clone(), number }
}
