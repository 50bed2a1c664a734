//! Extensions: list, show, define, remove.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use strowger_core::vocab::define::{EntryKey, EntryKind};
use strowger_core::vocab::{ExtensionKey, Role, Secret};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{ExtensionBody, ExtensionItem};
use super::{LivePage, LiveParams, NoParams, Refusals, Unread, entries};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Params};
use crate::api::problem::Problem;
use crate::api::provision;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, define, remove))
}

/// Extensions, by number, without their passwords.
#[utoipa::path(get, path = "/api/v1/extensions", operation_id = "listExtensions", tag = "extensions",
    params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<ExtensionItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<ExtensionItem>>, Problem> {
    entries::page(&app, key, EntryKind::Extension, &params).await
}

/// One extension; keys of users and agents see their own.
#[utoipa::path(get, path = "/api/v1/extensions/{extension}", operation_id = "showExtension", tag = "extensions",
    params(("extension" = String, Path, description = "Its number")),
    responses(
        (status = 200, description = "As it is defined", body = ExtensionItem),
        (status = 404, description = "No such extension", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    key: Key,
    Path(number): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<ExtensionItem>, Problem> {
    item(&app, &key, number).await.map(Json)
}

async fn item(app: &App, key: &Key, number: String) -> Result<ExtensionItem, Problem> {
    let entry = EntryKey::Extension(ExtensionKey { tenant: key.0.tenant.clone(), number });
    entries::one(app, key, entry).await
}

/// Defines an extension, or replaces all of one; those of the configuration file cannot be changed. Its phones may
/// register at once. Without `password` an existing extension keeps its own, and a new one gets one that this answer
/// shows and no other. Without `voicemail_pin` the mailbox keeps its own. Calls in progress stay.
#[utoipa::path(put, path = "/api/v1/extensions/{extension}", operation_id = "defineExtension", tag = "extensions",
    params(("extension" = String, Path, description = "Its number: 1 to 16 digits")),
    request_body = ExtensionBody,
    responses(
        (status = 200, description = "Replaced, in force and on disk", body = ExtensionItem),
        (status = 201, description = "New, in force and on disk", body = ExtensionItem),
        (status = 409, description = "The configuration file defines it, or the number is taken", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The definition makes no sense", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn define(
    State(app): State<App>,
    key: Key,
    Path(number): Path<String>,
    _: Params<NoParams>,
    Body(body): Body<ExtensionBody>,
) -> Result<(StatusCode, Json<ExtensionItem>), Problem> {
    key.one_of(&[Role::Admin])?;
    let own = ExtensionKey { tenant: key.0.tenant.clone(), number };
    let entry = body.define(own.clone())?;
    let made = provision::fresh()?;
    let (status, spare) = entries::put(&app, &key, entry, Secret::new(made.as_str())).await?;
    let mut item = item(&app, &key, own.number).await?;
    item.password = spare.then_some(made);
    Ok((status, Json(item)))
}

/// Removes an extension that was defined over HTTP. Its phones are registered no more; calls in progress stay, and so do
/// the messages in its mailbox.
#[utoipa::path(delete, path = "/api/v1/extensions/{extension}", operation_id = "removeExtension", tag = "extensions",
    params(("extension" = String, Path, description = "Its number")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, description = "No such extension", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove(
    State(app): State<App>,
    key: Key,
    Path(number): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin])?;
    let own = ExtensionKey { tenant: key.0.tenant.clone(), number };
    entries::remove(&app, key, EntryKey::Extension(own)).await
}
