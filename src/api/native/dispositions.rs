//! What calls were about.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_core::vocab::record::CallRecord;
use strowger_core::vocab::{CallId, Query, Reply, Role};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::dispositions::{self, Disposition, Said, Unkept};
use crate::api::extract::{Body, CallPath, Example, Params};
use crate::api::gateway::RowsQuery;
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show, set))
}

/// What is said of a call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Saying {
    /// One of the tenant's `[[disposition]]`s.
    #[schema(example = "sold")]
    disposition: String,
    /// At most 4,000 bytes.
    #[serde(default)]
    notes: String,
    /// When to call back, ms since the Unix epoch: the agent's phone rings, then the customer is called.
    #[serde(default)]
    callback_at: Option<u64>,
    /// Whom to call back; the customer unless said.
    #[serde(default)]
    phone: Option<String>,
}

impl Example for Saying {
    const EXAMPLE: &'static str = r#"{"disposition": "sold", "notes": "wants two"}"#;
}

/// What was said of a call.
#[derive(Debug, Serialize, ToSchema)]
struct DispositionItem {
    /// The call; 32 hexadecimal digits.
    call: String,
    /// Its name.
    disposition: String,
    /// What was noted.
    notes: String,
    /// When a callback was wanted; null where none was.
    callback_at: Option<u64>,
    /// The agent whose conversation it was, if it was one's.
    agent: Option<String>,
    /// When it was said.
    at: u64,
}

fn item(call: CallId, own: Disposition) -> DispositionItem {
    let Disposition { disposition, notes, callback_at, agent, at } = own;
    DispositionItem { call: call.to_string(), disposition, notes, callback_at, agent, at }
}

/// A call that the key may see, live or finished.
async fn record(app: &App, key: &Key, call: CallId) -> Result<CallRecord, Problem> {
    match app.gateway.query(key.0.clone(), Query::Call { call }).await {
        Reply::Call(view) => return Ok(view.record),
        Reply::Refused(strowger_core::vocab::CommandError::NotFound(_)) => {}
        Reply::Refused(error) => return Err(error.into()),
        _ => return Err(unexpected()),
    }
    let rows = RowsQuery {
        tenant: key.0.tenant.clone(),
        extension: key.own_extension()?.map(str::to_owned),
        call: Some(call),
        limit: 1,
        ..RowsQuery::default()
    };
    let found = dispositions::finished(app, rows, |_| true).await?;
    found.ok_or_else(|| Problem::not_found(format!("no call {call}")))
}

/// What was said of a call.
#[utoipa::path(get, path = "/api/v1/calls/{call}/disposition", operation_id = "showDisposition", tag = "calls",
    params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 200, description = "As it was said", body = DispositionItem),
        (status = 404, description = "No such call, or nothing was said of it", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    key: Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
) -> Result<Json<DispositionItem>, Problem> {
    record(&app, &key, call).await?;
    let kept = dispositions::of(&app, &key.0.tenant, call).await?;
    let kept =
        kept.ok_or_else(|| Problem::not_found(format!("nothing was said of call {call}")))?;
    Ok(Json(item(call, kept)))
}

/// Says what a call was about, while it lasts or afterwards, once. The wrap-up of its agent ends.
#[utoipa::path(put, path = "/api/v1/calls/{call}/disposition", operation_id = "disposeOfCall", tag = "calls",
    params(("call" = String, Path, description = "32 hexadecimal digits")), request_body = Saying,
    responses(
        (status = 204, description = "It is kept"),
        (status = 404, description = "No such call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The call has one", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The tenant has no such disposition, or nobody can be called back", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn set(
    State(app): State<App>,
    key: Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
    Body(saying): Body<Saying>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin, Role::Supervisor, Role::Agent, Role::User])?;
    let record = record(&app, &key, call).await?;
    let Saying { disposition: name, notes, callback_at, phone } = saying;
    let said = Said { name, notes, callback_at, phone };
    dispositions::keep(&app, &key.0, &record, said).await.map_err(|why| match why {
        Unkept::UnknownName(name) => {
            let detail = format!("disposition: the tenant has no [[disposition]] \"{name}\"");
            Problem::unprocessable(detail)
        }
        Unkept::Wrong(why) => Problem::unprocessable(why),
        Unkept::Already => {
            Problem::new(StatusCode::CONFLICT, format!("call {call} has a disposition already"))
        }
        Unkept::Store(error) => error.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}
