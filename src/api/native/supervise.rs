//! Supervision of live calls: joins, modes, leaves, forced release.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use strowger_core::vocab::supervise::{Mode, Released, SuperviseOrder, Supervisor};
use strowger_core::vocab::{CallId, Command, Done, Principal};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::begun::{Begun, begun};
use super::check::{is_number, is_outside_number};
use super::{NoParams, Refusals, Unread, ordered, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, CallPath, Example, Params};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(join, change, leave))
        .routes(routes!(take_over))
        .routes(routes!(release))
}

/// How a supervisor takes part.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ModeItem {
    /// Hears both parties and is heard by nobody.
    Monitor,
    /// Hears both parties and is heard by the agent only.
    Whisper,
    /// Hears and is heard by both.
    Barge,
}

impl From<ModeItem> for Mode {
    fn from(mode: ModeItem) -> Self {
        match mode {
            ModeItem::Monitor => Self::Monitor,
            ModeItem::Whisper => Self::Whisper,
            ModeItem::Barge => Self::Barge,
        }
    }
}

/// Who is to supervise, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Join {
    /// The supervisor's extension: its phone rings.
    #[serde(default)]
    #[schema(example = "4568")]
    extension: Option<String>,
    /// In place of it a number outside, which is called by a route of the tenant.
    #[serde(default)]
    #[schema(example = "+15554150123")]
    number: Option<String>,
    /// How it begins.
    mode: ModeItem,
    /// The extension that a whisper is for; without it the callee where it is an extension, else the caller.
    #[serde(default)]
    agent: Option<String>,
}

impl Example for Join {
    const EXAMPLE: &'static str = r#"{"extension": "4568", "mode": "monitor"}"#;
}

/// How a supervisor goes on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SupervisionChange)]
struct Change {
    /// Which supervisor, by its extension; may be left out where there is only one.
    #[serde(default)]
    extension: Option<String>,
    /// ... or by its number outside.
    #[serde(default)]
    number: Option<String>,
    /// From now on.
    mode: ModeItem,
}

impl Example for Change {
    const EXAMPLE: &'static str = r#"{"mode": "whisper"}"#;
}

/// Which supervisor.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Its extension; may be left out where there is only one.
    extension: Option<String>,
    /// ... or its number outside.
    number: Option<String>,
}

/// What is ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Release {
    /// `agent`: the agent's leg, so that a caller of a queue goes on as if it had hung up; `call`: both.
    what: ReleasedItem,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ReleasedItem {
    /// The agent's leg.
    Agent,
    /// Both parties.
    Call,
}

impl Example for Release {
    const EXAMPLE: &'static str = r#"{"what": "agent"}"#;
}

fn number(key: &str, text: Option<&str>) -> Result<(), Problem> {
    if text.is_none_or(is_number) {
        return Ok(());
    }
    let detail = format!("{key}: the number of an extension, such as \"4568\"");
    Err(Problem::unprocessable(detail))
}

/// The supervisor that is named; `None` where none is.
fn named(
    extension: Option<String>,
    outside: Option<String>,
) -> Result<Option<Supervisor>, Problem> {
    number("extension", extension.as_deref())?;
    if !outside.as_deref().is_none_or(is_outside_number) {
        return Err(Problem::unprocessable("number: a number outside, such as \"+15554150123\""));
    }
    match (extension, outside) {
        (Some(_), Some(_)) => {
            Err(Problem::unprocessable("name a supervisor by `extension` or by `number`"))
        }
        (inside, outside) => {
            Ok(inside.map(Supervisor::Extension).or(outside.map(Supervisor::Number)))
        }
    }
}

async fn order(
    app: &App,
    principal: Principal,
    call: CallId,
    order: SuperviseOrder,
    what: &'static str,
) -> Result<Done, Problem> {
    let (tenant, key) = (principal.tenant.clone(), principal.name.clone());
    let done = app.gateway.command(principal, Command::Supervise { call, order }).await?;
    tracing::info!(%tenant, %key, %call, "{what}");
    Ok(done)
}

/// Rings the supervisor's phone and takes it into the call. Neither party hears of it but by the mode.
#[utoipa::path(post, path = "/api/v1/calls/{call}/supervise", operation_id = "supervise", tag = "calls",
    request_body = Join, params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 201, description = "It rings; Location names the supervisor's own call", body = Begun),
        (status = 404, description = "No such live call, or no such extension", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Nobody talks there, the supervisor is a party or supervises already, four others do, \
            its phone is not registered, or no carrier takes a call to its number", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`agent` is no party of the call, or `number` leads nowhere", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn join(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
    Body(Join { extension, number: outside, mode, agent }): Body<Join>,
) -> Result<Response, Problem> {
    let Some(who) = named(extension, outside)? else {
        return Err(Problem::unprocessable("name the supervisor by `extension` or by `number`"));
    };
    number("agent", agent.as_deref())?;
    let join = SuperviseOrder::Join { who, mode: mode.into(), agent };
    match order(&app, principal, call, join, "a supervisor is rung over HTTP").await? {
        Done::Originated { call, interaction } => Ok(begun(call, interaction)),
        _ => Err(unexpected()),
    }
}

/// Changes how a supervisor takes part.
#[utoipa::path(patch, path = "/api/v1/calls/{call}/supervise", operation_id = "changeSupervision", tag = "calls",
    request_body = Change, params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 204, description = "In force"),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Nobody supervises it, or several do and none is named", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`extension` or `number` is none, or both are there", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn change(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
    Body(Change { extension, number, mode }): Body<Change>,
) -> Result<StatusCode, Problem> {
    let who = named(extension, number)?;
    let change = SuperviseOrder::Change { who, mode: mode.into() };
    ordered(order(&app, principal, call, change, "a supervisor's mode is set over HTTP").await?)
}

/// Ends a supervisor's part; the call goes on.
#[utoipa::path(delete, path = "/api/v1/calls/{call}/supervise", operation_id = "endSupervision", tag = "calls",
    params(("call" = String, Path, description = "32 hexadecimal digits"), Which),
    responses(
        (status = 204, description = "It has left"),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Nobody supervises it, or several do and none is named", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`extension` or `number` is none, or both are there", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn leave(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    Params(Which { extension, number }): Params<Which>,
) -> Result<StatusCode, Problem> {
    let leave = SuperviseOrder::Leave { who: named(extension, number)? };
    ordered(order(&app, principal, call, leave, "a supervisor is sent off over HTTP").await?)
}

/// A supervisor takes the agent's place: its own call becomes the conversation, and the agent's leg ends.
#[utoipa::path(post, path = "/api/v1/calls/{call}/takeover", operation_id = "takeOver", tag = "calls",
    params(("call" = String, Path, description = "32 hexadecimal digits"), Which),
    responses(
        (status = 204, description = "They talk"),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Nobody supervises it yet, several do and none is named, or media is being changed",
            body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`extension` or `number` is none, or both are there", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn take_over(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    Params(Which { extension, number }): Params<Which>,
) -> Result<StatusCode, Problem> {
    let take = SuperviseOrder::TakeOver { who: named(extension, number)? };
    ordered(order(&app, principal, call, take, "a supervisor takes over over HTTP").await?)
}

/// Ends the agent's leg or the whole call.
#[utoipa::path(post, path = "/api/v1/calls/{call}/release", operation_id = "forceRelease", tag = "calls",
    request_body = Release, params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 204, description = "It is being ended"),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Nobody talks there", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn release(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
    Body(Release { what }): Body<Release>,
) -> Result<StatusCode, Problem> {
    let released = match what {
        ReleasedItem::Agent => Released::Agent,
        ReleasedItem::Call => Released::Call,
    };
    let release = SuperviseOrder::Release(released);
    ordered(order(&app, principal, call, release, "a call is released over HTTP").await?)
}
