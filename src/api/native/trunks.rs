//! Lines to carriers.

use axum::Json;
use axum::extract::State;
use strowger_core::vocab::{Query, Reply};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::TrunkItem;
use super::{LivePage, NoParams, Refusals, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::Params;
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// All trunks of the tenant, and whether they take calls.
#[utoipa::path(get, path = "/api/v1/trunks", operation_id = "listTrunks", tag = "phones",
    responses((status = 200, description = "All of them", body = LivePage<TrunkItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    _: Params<NoParams>,
) -> Result<Json<LivePage<TrunkItem>>, Problem> {
    key.sees_tenant()?;
    match app.gateway.query(key.0, Query::Trunks).await {
        Reply::Trunks(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}
