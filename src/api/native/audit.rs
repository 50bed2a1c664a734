//! The log of what was ordered.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use strowger_core::vocab::Role;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Refusals, StoredPage};
use crate::api::app::App;
use crate::api::audit::AuditLine;
use crate::api::auth::{Key, role_name};
use crate::api::extract::{Params, rows_wanted};
use crate::api::gateway::{Rows, RowsError};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditParams {
    /// `next` of the page before.
    after: Option<String>,
    /// Rows wanted, 1 to 200; 50 unless said.
    limit: Option<usize>,
}

/// Who ordered what.
#[derive(Debug, Serialize, ToSchema)]
struct AuditItem {
    /// When.
    at: u64,
    /// The name of the key.
    key: String,
    /// Its role.
    role: &'static str,
    /// What was ordered.
    #[schema(example = "entry.put.extension")]
    what: String,
    /// What it was about: a number, an id or a name; may be empty.
    target: String,
    /// `done`, or why not.
    outcome: String,
}

impl From<AuditLine> for AuditItem {
    fn from(line: AuditLine) -> Self {
        let AuditLine { at, key, role, what, target, outcome, .. } = line;
        Self { at, key, role: role_name(role), what, target, outcome }
    }
}

/// What keys of the tenant have ordered, newest first: the last 50,000 orders of 400 days.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "listAudit", tag = "process", params(AuditParams),
    responses((status = 200, description = "Some of them", body = StoredPage<AuditItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    Params(params): Params<AuditParams>,
) -> Result<Json<StoredPage<AuditItem>>, Problem> {
    key.one_of(&[Role::Admin])?;
    let limit = rows_wanted(params.limit)?;
    let before = params.after.map(|text| text.parse::<u64>()).transpose();
    let before = before.map_err(|_| RowsError::BadCursor)?;
    // One more than is shown says whether there is a next page.
    let mut lines = app.gateway.audit(&key.0.tenant, before, limit + 1).await?;
    let more = lines.len() > limit;
    lines.truncate(limit);
    let next = lines.last().filter(|_| more).map(|(id, _)| id.to_string());
    Ok(StoredPage::of(Rows { rows: lines.into_iter().map(|(_, line)| line).collect(), next }))
}
