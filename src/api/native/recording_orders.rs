//! Recording on demand: a live call's recording is begun, paused, resumed and ended.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use strowger_core::vocab::{Command, Done, RecordingAction, RecordingOrder};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, CallPath, Example, Params};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(order))
}

/// What is to happen to the recording.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecordingOrder)]
struct Order {
    /// `start`, `pause`, `resume` or `stop`.
    #[schema(value_type = String, example = "pause")]
    action: RecordingAction,
}

impl Example for Order {
    const EXAMPLE: &'static str = r#"{"action": "start"}"#;
}

/// Begins, pauses, resumes or ends the recording of a conversation. Supervisors may for every call in which an extension
/// or a queue allows a recording; keys of users and agents for the calls of their own extension where its `record` is
/// `on_demand`, and what they act on must have been begun by a party. The file holds silence where it paused.
#[utoipa::path(post, path = "/api/v1/calls/{call}/recording", operation_id = "orderRecording", tag = "calls",
    params(("call" = String, Path, description = "32 hexadecimal digits")), request_body = Order,
    responses(
        (status = 204, description = "Done"),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "It contradicts what is: nobody talks, nobody in the call is to be recorded, it runs \
            already or does not, or it is for a supervisor to say", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn order(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
    Body(order): Body<Order>,
) -> Result<StatusCode, Problem> {
    let (tenant, key) = (principal.tenant.clone(), principal.name.clone());
    let action = order.action;
    let command = Command::Record(RecordingOrder { call, action });
    match app.gateway.command(principal, command).await? {
        Done::Ordered => {
            tracing::info!(%tenant, %key, %call, ?action, "a recording was ordered over HTTP");
            Ok(StatusCode::NO_CONTENT)
        }
        _ => Err(unexpected()),
    }
}
