//! Routes of the dial plan: list, show, define, remove.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use strowger_core::vocab::define::{EntryKey, EntryKind};
use strowger_core::vocab::{Role, RouteKey};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{RouteBody, RouteItem};
use super::{LivePage, LiveParams, NoParams, Refusals, Unread, entries};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Params};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, define, remove))
}

/// Routes in the order in which they are tried: the file's, then those made over HTTP by position and name.
#[utoipa::path(get, path = "/api/v1/routes", operation_id = "listRoutes", tag = "trunks",
    params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<RouteItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<RouteItem>>, Problem> {
    entries::page(&app, key, EntryKind::Route, &params).await
}

/// One route. Those of the file without a name are called `file:1`, `file:2` and so on.
#[utoipa::path(get, path = "/api/v1/routes/{route}", operation_id = "showRoute", tag = "trunks",
    params(("route" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "As it is defined", body = RouteItem),
        (status = 404, description = "No such route", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    key: Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<RouteItem>, Problem> {
    key.sees_tenant()?;
    let own = own(&key, name);
    entries::one(&app, &key, EntryKey::Route(own)).await.map(Json)
}

/// Defines a route, or replaces all of one; those of the configuration file cannot be changed, and are tried before. It holds
/// from the next call on.
#[utoipa::path(put, path = "/api/v1/routes/{route}", operation_id = "defineRoute", tag = "trunks",
    params(("route" = String, Path, description = "Its name")),
    request_body = RouteBody,
    responses(
        (status = 200, description = "Replaced, in force and on disk", body = RouteItem),
        (status = 201, description = "New, in force and on disk", body = RouteItem),
        (status = 409, description = "The configuration file defines it", body = Problem,
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
    Body(body): Body<RouteBody>,
) -> Result<(StatusCode, Json<RouteItem>), Problem> {
    key.one_of(&[Role::Admin])?;
    let entry = body.define(own(&key, name))?;
    entries::define(&app, &key, entry).await
}

/// Removes a route that was defined over HTTP. Calls in progress stay.
#[utoipa::path(delete, path = "/api/v1/routes/{route}", operation_id = "removeRoute", tag = "trunks",
    params(("route" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, description = "No such route", body = Problem,
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
    entries::remove(&app, key, EntryKey::Route(own)).await
}

fn own(key: &Key, name: String) -> RouteKey {
    RouteKey { tenant: key.0.tenant.clone(), name }
}
