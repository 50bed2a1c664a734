//! Dial tasks: what there is, new definitions, and what tasks are told.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_core::vocab::dial::{
    DialAction, DialMode, DialOrder, DialTask, DialTaskKey, RobotLink,
};
use strowger_core::vocab::values::socket_url;
use strowger_core::vocab::{Command, Done, MenuKey, Query, QueueKey, Reply, Secret};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::DialTaskItem;
use super::{LivePage, LiveParams, NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Example, Params};
use crate::api::problem::Problem;

/// Bytes that a task's id and a token may have.
const LONGEST_ID: usize = 64;
const LONGEST_TOKEN: usize = 512;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, define, remove))
        .routes(routes!(start))
        .routes(routes!(pause))
        .routes(routes!(stop))
        .routes(routes!(force_stop))
}

/// How a task decides when to dial, and what answered calls come to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// One call for each idle agent of the queue.
    Progressive,
    /// `ratio` calls for each idle agent.
    Ratio,
    /// Paced by answers and handling times, within 3 % of abandoned calls.
    Predictive,
    /// No agent: a menu.
    Broadcast,
    /// No agent: a program at a WebSocket.
    Robot,
}

impl From<DialMode> for Mode {
    fn from(mode: DialMode) -> Self {
        match mode {
            DialMode::Progressive => Self::Progressive,
            DialMode::Ratio => Self::Ratio,
            DialMode::Predictive => Self::Predictive,
            DialMode::Broadcast => Self::Broadcast,
            DialMode::Robot => Self::Robot,
        }
    }
}

impl From<Mode> for DialMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Progressive => Self::Progressive,
            Mode::Ratio => Self::Ratio,
            Mode::Predictive => Self::Predictive,
            Mode::Broadcast => Self::Broadcast,
            Mode::Robot => Self::Robot,
        }
    }
}

/// What a task is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DialTaskDefinition)]
struct Definition {
    /// How it dials.
    mode: Mode,
    /// Calls for each idle agent, 1.0 to 5.0: exactly for a ratio, at most for a prediction.
    #[serde(default = "usual_ratio")]
    ratio: f64,
    /// The number of the queue whose agents take answered calls.
    queue: Option<String>,
    /// The menu that a broadcast plays.
    menu: Option<String>,
    /// The WebSocket address of a robot, `ws://` or `wss://`; that of `[[dialer]]` unless said.
    robot_url: Option<String>,
    /// What the robot knows the switch by.
    robot_token: Option<String>,
    /// As which number of the tenant it calls.
    caller_number: String,
    /// Classes of routes that it may use, beside routes without a class; none: those of `[[dialer]]`.
    #[serde(default)]
    classes: Vec<String>,
    /// Calls at a time, 1 to 1,000.
    #[serde(default = "usual_calls")]
    max_calls: u32,
    /// How long a number rings, in seconds, 5 to 120.
    #[serde(default = "usual_ring")]
    ring_secs: u32,
    /// The name of `[[hours]]` within which it dials.
    hours: Option<String>,
}

fn usual_ratio() -> f64 {
    1.0
}

fn usual_calls() -> u32 {
    10
}

fn usual_ring() -> u32 {
    30
}

impl Example for Definition {
    const EXAMPLE: &'static str = r#"{"mode": "ratio", "ratio": 1.5, "queue": "9001", "caller_number": "057126200670", "max_calls": 20}"#;
}

/// A ratio in hundredths.
fn hundredths(ratio: f64) -> Result<u32, Problem> {
    let hundredths = (ratio * 100.0).round();
    if !(100.0..=500.0).contains(&hundredths) {
        return Err(Problem::unprocessable("ratio: write 1.0 to 5.0"));
    }
    // Within 100 and 500.
    Ok(hundredths as u32)
}

impl Definition {
    fn read(self, key: DialTaskKey) -> Result<DialTask, Problem> {
        let ratio = hundredths(self.ratio)?;
        let robot = match (self.robot_url, self.robot_token) {
            (None, None) => None,
            (url, token) => {
                let token = token.unwrap_or_default();
                url.as_deref()
                    .map_or(Ok(()), socket_url)
                    .map_err(|error| Problem::unprocessable(format!("robot_url: {error}")))?;
                if token.len() > LONGEST_TOKEN || !token.bytes().all(|b| b.is_ascii_graphic()) {
                    let text = format!("robot_token: at most {LONGEST_TOKEN} visible characters");
                    return Err(Problem::unprocessable(text));
                }
                Some(RobotLink { url, token: Secret::new(token) })
            }
        };
        let tenant = || key.tenant.clone();
        Ok(DialTask {
            mode: self.mode.into(),
            ratio,
            queue: self.queue.map(|number| QueueKey { tenant: tenant(), number }),
            menu: self.menu.map(|name| MenuKey { tenant: tenant(), name }),
            robot,
            caller_number: self.caller_number,
            classes: self.classes,
            max_calls: self.max_calls,
            ring_secs: self.ring_secs,
            hours: self.hours,
            feed: None,
            key,
        })
    }
}

/// Dial tasks by id.
#[utoipa::path(get, path = "/api/v1/dial-tasks", operation_id = "listDialTasks", tag = "dial tasks",
    params(LiveParams),
    responses((status = 200, description = "The tasks", body = LivePage<DialTaskItem>), Refusals))]
async fn list(
    State(app): State<App>,
    Key(principal): Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<DialTaskItem>>, Problem> {
    let (offset, limit) = params.read()?;
    match app.gateway.query(principal, Query::DialTasks { offset, limit }).await {
        Reply::DialTasks(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// One dial task.
#[utoipa::path(get, path = "/api/v1/dial-tasks/{task}", operation_id = "showDialTask", tag = "dial tasks",
    params(("task" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The task", body = DialTaskItem),
        (status = 404, description = "No such task", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    Key(principal): Key,
    Path(task): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<DialTaskItem>, Problem> {
    match app.gateway.query(principal, Query::DialTask(task)).await {
        Reply::DialTask(view) => Ok(Json((*view).into())),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Makes a dial task, or changes all of one. Answered when it is on disk. Calls in progress go on as they began.
#[utoipa::path(put, path = "/api/v1/dial-tasks/{task}", operation_id = "defineDialTask", tag = "dial tasks",
    request_body = Definition, params(("task" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It is in force"),
        (status = 409, description = "Its mode or queue would change under its calls, or there are too many tasks",
            body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It names something that does not exist", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn define(
    State(app): State<App>,
    Key(principal): Key,
    Path(id): Path<String>,
    _: Params<NoParams>,
    Body(definition): Body<Definition>,
) -> Result<StatusCode, Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(plain) {
        return Err(Problem::unprocessable(format!(
            "a task's id has 1 to {LONGEST_ID} of a-z, A-Z, 0-9, - _ ."
        )));
    }
    let task = definition.read(DialTaskKey { tenant: principal.tenant.clone(), id })?;
    let order = DialOrder::Put(Box::new(task));
    match app.gateway.command(principal, Command::Dial(order)).await? {
        Done::Defined => Ok(StatusCode::NO_CONTENT),
        _ => Err(unexpected()),
    }
}

/// Removes a dial task with its numbers.
#[utoipa::path(delete, path = "/api/v1/dial-tasks/{task}", operation_id = "removeDialTask", tag = "dial tasks",
    params(("task" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such task", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "It is under way", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove(
    State(app): State<App>,
    Key(principal): Key,
    Path(task): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    match app.gateway.command(principal, Command::Dial(DialOrder::Delete(task))).await? {
        Done::Defined => Ok(StatusCode::NO_CONTENT),
        _ => Err(unexpected()),
    }
}

/// Tells a task something: 204.
async fn direct(
    app: &App,
    Key(principal): Key,
    task: String,
    action: DialAction,
) -> Result<StatusCode, Problem> {
    let (tenant, name, id) = (principal.tenant.clone(), principal.name.clone(), task.clone());
    let what = format!("{action:?}");
    let order = DialOrder::Task { task, action };
    match app.gateway.command(principal, Command::Dial(order)).await? {
        Done::Ordered => {
            tracing::info!(%tenant, key = %name, task = %id, what, "a dial task was directed over HTTP");
            Ok(StatusCode::NO_CONTENT)
        }
        _ => Err(unexpected()),
    }
}

/// Has a task dial, or go on.
#[utoipa::path(post, path = "/api/v1/dial-tasks/{task}/start", operation_id = "startDialTask", tag = "dial tasks",
    params(("task" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It runs"),
        (status = 404, description = "No such task", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Something that it names is gone", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn start(
    State(app): State<App>,
    key: Key,
    Path(task): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    direct(&app, key, task, DialAction::Start).await
}

/// Has a task dial nothing more for now; its calls go on.
#[utoipa::path(post, path = "/api/v1/dial-tasks/{task}/pause", operation_id = "pauseDialTask", tag = "dial tasks",
    params(("task" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It pauses"),
        (status = 404, description = "No such task", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "It does not run", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn pause(
    State(app): State<App>,
    key: Key,
    Path(task): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    direct(&app, key, task, DialAction::Pause).await
}

/// Has a task dial nothing more and end with its last call.
#[utoipa::path(post, path = "/api/v1/dial-tasks/{task}/stop", operation_id = "stopDialTask", tag = "dial tasks",
    params(("task" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It ends, or has ended"),
        (status = 404, description = "No such task", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "It was never started", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn stop(
    State(app): State<App>,
    key: Key,
    Path(task): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    direct(&app, key, task, DialAction::Stop).await
}

/// Ends a task and its calls now.
#[utoipa::path(post, path = "/api/v1/dial-tasks/{task}/force-stop", operation_id = "forceStopDialTask", tag = "dial tasks",
    params(("task" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It ends, or has ended"),
        (status = 404, description = "No such task", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "It was never started", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn force_stop(
    State(app): State<App>,
    key: Key,
    Path(task): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    direct(&app, key, task, DialAction::ForceStop).await
}
