//! Finished recordings.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::records::limited_to;
use super::view::RecordingItem;
use super::{Refusals, StoredPage};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Params, call_id, interaction_wanted, rows_wanted};
use crate::api::gateway::RowsQuery;
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which recordings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RecordingParams {
    /// Begun at or after, ms since the Unix epoch.
    from: Option<u64>,
    /// Begun before, ms since the Unix epoch.
    until: Option<u64>,
    /// Only of calls that this extension made or took.
    extension: Option<String>,
    /// Only of this call.
    call: Option<String>,
    /// Only of calls of this interaction.
    interaction: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// Rows wanted, 1 to 200; 50 unless said.
    limit: Option<usize>,
}

/// Finished recordings, newest first. Keys of users and agents see their own extension's.
#[utoipa::path(get, path = "/api/v1/recordings", operation_id = "listRecordings", tag = "records", params(RecordingParams),
    responses((status = 200, description = "Some of them", body = StoredPage<RecordingItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    Params(params): Params<RecordingParams>,
) -> Result<Json<StoredPage<RecordingItem>>, Problem> {
    let wrong = || Problem::bad_request("call: a call id has 32 hexadecimal digits");
    let call = params.call.map(|text| call_id(&text).ok_or_else(wrong)).transpose()?;
    let query = RowsQuery {
        extension: limited_to(&key, params.extension)?,
        tenant: key.0.tenant,
        call,
        interaction: interaction_wanted(params.interaction)?,
        cause: None,
        disposition: None,
        from: params.from,
        until: params.until,
        after: params.after,
        limit: rows_wanted(params.limit)?,
    };
    Ok(StoredPage::of(app.gateway.recordings(query).await?))
}
