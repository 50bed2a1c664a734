//! Finished calls.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use strowger_core::vocab::CallId;
use strowger_core::vocab::record::{CallRecord, EndCause};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::RecordItem;
use super::{NoParams, Refusals, StoredPage};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::dispositions;
use crate::api::extract::{CallPath, Params, interaction_wanted, rows_wanted};
use crate::api::gateway::{Rows, RowsQuery};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// Which finished calls.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RecordParams {
    /// Begun at or after, ms since the Unix epoch.
    from: Option<u64>,
    /// Begun before, ms since the Unix epoch.
    until: Option<u64>,
    /// Only calls that this extension made or took.
    extension: Option<String>,
    /// Only calls that ended so, e.g. `normal` or `no_answer`.
    #[param(value_type = Option<String>)]
    cause: Option<EndCause>,
    /// Only calls of which this was said.
    disposition: Option<String>,
    /// Only calls of this interaction.
    interaction: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// Rows wanted, 1 to 200; 50 unless said.
    limit: Option<usize>,
}

/// The extension that rows are limited to: the one asked for, as far as the key may see it.
pub(super) fn limited_to(key: &Key, asked: Option<String>) -> Result<Option<String>, Problem> {
    match (key.own_extension()?, asked) {
        (None, asked) => Ok(asked),
        (Some(own), Some(asked)) if asked != own => {
            Err(Problem::forbidden(format!("the key sees only extension {own}")))
        }
        (Some(own), _) => Ok(Some(own.to_owned())),
    }
}

/// Finished calls, newest first. Keys of users and agents see their own extension's.
#[utoipa::path(get, path = "/api/v1/records", operation_id = "listRecords", tag = "records", params(RecordParams),
    responses((status = 200, description = "Some of them", body = StoredPage<RecordItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    Params(params): Params<RecordParams>,
) -> Result<Json<StoredPage<RecordItem>>, Problem> {
    let tenant = key.0.tenant.clone();
    let query = RowsQuery {
        extension: limited_to(&key, params.extension)?,
        tenant: key.0.tenant,
        call: None,
        interaction: interaction_wanted(params.interaction)?,
        cause: params.cause,
        disposition: params.disposition,
        from: params.from,
        until: params.until,
        after: params.after,
        limit: rows_wanted(params.limit)?,
    };
    said(&app, &tenant, app.gateway.call_records(query).await?).await
}

/// Records with what was said of them.
async fn said(
    app: &App,
    tenant: &str,
    rows: Rows<CallRecord>,
) -> Result<Json<StoredPage<RecordItem>>, Problem> {
    let calls = rows.rows.iter().map(|record| record.call);
    let said = dispositions::names_of(app, tenant, calls).await?;
    let Json(mut page) = StoredPage::<RecordItem>::of(rows);
    for (item, said) in page.items.iter_mut().zip(said) {
        item.disposition = said;
    }
    Ok(Json(page))
}

/// Everything of one call that the key may see; at most one row where it names a record.
pub(super) fn of_call(key: Key, call: CallId) -> Result<RowsQuery, Problem> {
    Ok(RowsQuery {
        extension: limited_to(&key, None)?,
        tenant: key.0.tenant,
        call: Some(call),
        interaction: None,
        cause: None,
        disposition: None,
        from: None,
        until: None,
        after: None,
        limit: 1,
    })
}

/// One finished call.
#[utoipa::path(get, path = "/api/v1/records/{call}", operation_id = "showRecord", tag = "records",
    params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 200, description = "Its record", body = RecordItem),
        (status = 404, description = "No such finished call", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    key: Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
) -> Result<Json<RecordItem>, Problem> {
    let tenant = key.0.tenant.clone();
    let rows = app.gateway.call_records(of_call(key, call)?).await?;
    let Json(page) = said(&app, &tenant, rows).await?;
    let record = page.items.into_iter().next();
    record.map(Json).ok_or_else(|| Problem::not_found(format!("no finished call {call}")))
}
