//! Lines to carriers: list, show, define, remove.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use strowger_core::vocab::define::{EntryKey, EntryKind};
use strowger_core::vocab::{Role, TrunkKey};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{TrunkBody, TrunkItem};
use super::{LivePage, LiveParams, NoParams, Refusals, Unread, entries};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Params};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, define, remove))
}

/// Trunks of the tenant by name, and whether they take calls.
#[utoipa::path(get, path = "/api/v1/trunks", operation_id = "listTrunks", tag = "trunks",
    params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<TrunkItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<TrunkItem>>, Problem> {
    entries::page(&app, key, EntryKind::Trunk, &params).await
}

/// One trunk, without its password.
#[utoipa::path(get, path = "/api/v1/trunks/{trunk}", operation_id = "showTrunk", tag = "trunks",
    params(("trunk" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "As it is defined", body = TrunkItem),
        (status = 404, description = "No such trunk", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    key: Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<TrunkItem>, Problem> {
    key.sees_tenant()?;
    let own = own(&key, name);
    entries::one(&app, &key, EntryKey::Trunk(own)).await.map(Json)
}

/// Defines a trunk, or replaces all of one; those of the configuration file cannot be changed. It registers and is asked
/// whether it lives at once. Without `password` an existing trunk keeps its own. Calls in progress stay. Where several tenants share
/// the switch this needs `own_trunks` in the `[[tenant]]`: a carrier is known by its address, which is everybody's.
#[utoipa::path(put, path = "/api/v1/trunks/{trunk}", operation_id = "defineTrunk", tag = "trunks",
    params(("trunk" = String, Path, description = "Its name")),
    request_body = TrunkBody,
    responses(
        (status = 200, description = "Replaced, in force and on disk", body = TrunkItem),
        (status = 201, description = "New, in force and on disk", body = TrunkItem),
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
    Body(body): Body<TrunkBody>,
) -> Result<(StatusCode, Json<TrunkItem>), Problem> {
    key.one_of(&[Role::Admin])?;
    let entry = body.define(own(&key, name))?;
    entries::define(&app, &key, entry).await
}

/// Removes a trunk that was defined over HTTP; its registration is taken back. Calls in progress stay.
#[utoipa::path(delete, path = "/api/v1/trunks/{trunk}", operation_id = "removeTrunk", tag = "trunks",
    params(("trunk" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, description = "No such trunk", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it, or a number or route names it", body = Problem,
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
    entries::remove(&app, key, EntryKey::Trunk(own)).await
}

fn own(key: &Key, name: String) -> TrunkKey {
    TrunkKey { tenant: key.0.tenant.clone(), name }
}
