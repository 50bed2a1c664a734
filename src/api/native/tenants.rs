//! Tenants, for operators: list, show, make, change, and a first key for each.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_core::vocab::{Principal, Role};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::entries::origin;
use super::keys::{self, Token};
use super::{LivePage, LiveParams, NoParams, Refusals, Unread};
use crate::api::app::{App, wall_ms};
use crate::api::audit::AuditLine;
use crate::api::extract::{Body, Example, Params};
use crate::api::operator::Operator;
use crate::api::problem::Problem;
use crate::api::tenancy::{TenancyError, TenantDefinition, TenantView};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, define, remove))
        .routes(routes!(make_key))
}

/// A tenant, with every default filled in.
#[derive(Debug, Serialize, ToSchema)]
struct TenantItem {
    /// Names it.
    #[schema(example = "acme")]
    id: String,
    /// `file` or `http`: who defined it.
    origin: &'static str,
    /// When it was made over HTTP; null for those of the file.
    made_at: Option<u64>,
    /// Why it has no effect: what the configuration file has taken of it; mostly null.
    waits: Option<String>,
    /// What defines it.
    #[serde(flatten)]
    definition: TenantDefinition,
}

impl From<TenantView> for TenantItem {
    fn from(view: TenantView) -> Self {
        let TenantView { id, definition, made_at, waits } = view;
        Self { id, origin: origin(made_at.is_none()), made_at, waits, definition }
    }
}

/// A key for whoever administers a tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAdmin {
    /// Its name: 1 to 64 of a-z, A-Z, 0-9, - _ .
    name: String,
}

impl Example for NewAdmin {
    const EXAMPLE: &'static str = r#"{"name": "first"}"#;
}

impl From<TenancyError> for Problem {
    fn from(error: TenancyError) -> Self {
        match error {
            TenancyError::Unknown => Self::not_found("there is no such tenant"),
            TenancyError::Wrong(why) => Self::unprocessable(why),
            TenancyError::Conflict(why) => Self::new(StatusCode::CONFLICT, why),
            TenancyError::Keep(error) => error.into(),
            TenancyError::Refused(error) => error.into(),
        }
    }
}

/// Tenants by id, those of the file and those made over HTTP. For operators, as all of these.
#[utoipa::path(get, path = "/api/v1/tenants", operation_id = "listTenants", tag = "tenants",
    security(("operator" = [])), params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<TenantItem>), Refusals))]
async fn list(
    State(app): State<App>,
    _: Operator,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<TenantItem>>, Problem> {
    let (offset, limit) = params.read()?;
    let all = app.gateway.all_tenants();
    let total = all.len();
    let items = all.into_iter().skip(offset).take(limit).map(Into::into).collect();
    Ok(Json(LivePage { items, total, as_of: wall_ms() }))
}

/// One tenant.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}", operation_id = "showTenant", tag = "tenants",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "As it is defined", body = TenantItem),
        (status = 404, description = "No such tenant", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<TenantItem>, Problem> {
    one(&app, &id).map(Json)
}

fn one(app: &App, id: &str) -> Result<TenantItem, Problem> {
    let found = app.gateway.all_tenants().into_iter().find(|own| own.id == id);
    found.map(Into::into).ok_or_else(|| Problem::not_found(format!("no tenant {id}")))
}

/// Makes a tenant, or replaces all of one that was made so; those of the configuration file cannot be changed. It is in force
/// at once, and calls go on: its phones may register as soon as it has extensions. With another `prefix` or `domain` its
/// phones have other names.
#[utoipa::path(put, path = "/api/v1/tenants/{tenant}", operation_id = "defineTenant", tag = "tenants",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "Its id: 1 to 64 of a-z, A-Z, 0-9, - _ .")),
    request_body = TenantDefinition,
    responses(
        (status = 200, description = "Replaced, in force and on disk", body = TenantItem),
        (status = 201, description = "New, in force and on disk", body = TenantItem),
        (status = 409, description = "The configuration file defines it, another has the same prefix, domain or other id, or there are 1,000",
            body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The definition makes no sense", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn define(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    _: Params<NoParams>,
    Body(definition): Body<TenantDefinition>,
) -> Result<(StatusCode, Json<TenantItem>), Problem> {
    let new = app.gateway.put_tenant(&id, definition, Vec::new()).await?;
    note(&app, &operator.within(&id), &id, "tenant.put");
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(one(&app, &id)?)))
}

/// Removes a tenant that was made over HTTP and has no calls, with everything that it has: extensions, queues, agents, trunks,
/// webhooks, keys, records, recordings, messages, sounds. Nothing of it is to be had any more, and a new tenant of the same
/// id begins without anything.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}", operation_id = "removeTenant", tag = "tenants",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, description = "No such tenant", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it, or it has calls", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    // Nobody makes a key meanwhile that would open the next one's.
    let _writing = app.gateway.keyring().writing.lock().await;
    app.gateway.remove_tenant(&id).await?;
    app.forget_tenant(&id).await;
    // Its own log of orders is gone.
    note(&app, &operator.within(""), &id, "tenant.remove");
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a key with role admin for a tenant, of the file or not: its first one, or one more where all are lost. The answer
/// shows its token, and no other does.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/keys", operation_id = "makeTenantKey", tag = "tenants",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "The tenant's id")),
    request_body = NewAdmin,
    responses(
        (status = 201, description = "Opens from now on", body = Token),
        (status = 404, description = "No such tenant", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The name is taken, or there are 200", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The name is none", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn make_key(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    _: Params<NoParams>,
    Body(wanted): Body<NewAdmin>,
) -> Result<(StatusCode, Json<Token>), Problem> {
    keys::enter(&app, &operator.within(&id), wanted.name, Role::Admin, (None, None)).await
}

/// A line in the process's log, and one in the log of orders of the operator's tenant.
fn note(app: &App, operator: &Principal, id: &str, what: &str) {
    tracing::info!(tenant = %id, what, "over HTTP");
    app.gateway.note(AuditLine::done(wall_ms(), operator, what, id));
}
