//! Who is registered.

use axum::Json;
use axum::extract::State;
use strowger_core::vocab::{Query, Reply};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::RegistrationItem;
use super::{LivePage, LiveParams, Refusals, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::Params;
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Registered contacts, in order of number and contact. Keys of users and agents see their own extension's.
#[utoipa::path(get, path = "/api/v1/registrations", operation_id = "listRegistrations", tag = "phones", params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<RegistrationItem>), Refusals))]
async fn list(
    State(app): State<App>,
    Key(principal): Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<RegistrationItem>>, Problem> {
    let (offset, limit) = params.read()?;
    match app.gateway.query(principal, Query::Registrations { offset, limit }).await {
        Reply::Registrations(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}
