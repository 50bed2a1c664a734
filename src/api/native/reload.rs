//! The configuration file, again.

use axum::extract::State;
use axum::http::StatusCode;
use strowger_core::vocab::{CommandError, Done, Role};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{NoParams, Refusals};
use crate::api::app::{App, wall_ms};
use crate::api::audit::AuditLine;
use crate::api::auth::Key;
use crate::api::extract::Params;
use crate::api::gateway::ReloadRefused;
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(reload))
}

/// Loads the configuration file again, all or nothing, without touching calls in progress. Needs an admin's key.
#[utoipa::path(post, path = "/api/v1/reload", operation_id = "reload", tag = "process",
    responses(
        (status = 204, description = "The new configuration is in force"),
        (status = 409, description = "It changes what only a restart can change; nothing was changed",
            body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The file is wrong; nothing was changed. `errors` lists every line where there is one tenant, \
            otherwise the switch's log does",
            body = Problem, content_type = "application/problem+json"),
        Refusals,
    ))]
async fn reload(
    State(app): State<App>,
    key: Key,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin])?;
    let (tenant, name) = (&key.0.tenant, &key.0.name);
    let outcome = app.gateway.reload().await;
    app.gateway.note(line(&key, &outcome));
    match outcome {
        Ok(()) => {
            tracing::info!(%tenant, key = %name, "the configuration was loaded again over HTTP");
            Ok(StatusCode::NO_CONTENT)
        }
        Err(refused) => {
            tracing::warn!(%tenant, key = %name, "the configuration was not loaded again");
            Err(told(&app, refused))
        }
    }
}

/// What whoever asked hears. The file has everybody's names: where several tenants share the switch its errors are for the log.
fn told(app: &App, refused: ReloadRefused) -> Problem {
    match refused {
        ReloadRefused::Wrong { file, problems } if app.gateway.tenants().len() > 1 => {
            for (line, text) in &problems {
                tracing::error!(file, line, "the configuration: {text}");
            }
            let count = problems.len();
            Problem::unprocessable(format!(
                "the file has {count} error(s), which the switch's log lists; nothing was changed"
            ))
        }
        other => other.into(),
    }
}

/// A line of the log of orders. What is wrong with the file is told to whoever asked, and not here.
fn line(key: &Key, outcome: &Result<(), ReloadRefused>) -> AuditLine {
    let outcome = match outcome {
        Ok(()) => Ok(Done::Ordered),
        Err(ReloadRefused::Wrong { problems, .. }) => {
            Err(CommandError::Invalid(format!("{} error(s) in the file", problems.len())))
        }
        Err(ReloadRefused::Fixed(keys)) => {
            Err(CommandError::Conflict(format!("only a restart changes {}", keys.join(", "))))
        }
        Err(ReloadRefused::Failed(_)) => Err(CommandError::Conflict("the log says why".into())),
    };
    AuditLine::of(wall_ms(), &key.0, ("reload".into(), String::new()), &outcome)
}
