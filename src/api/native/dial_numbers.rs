//! Numbers of dial tasks with what came of them, and the numbers that are never dialled.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_core::vocab::dial::{
    DialAction, DialNumber, DialOrder, DialOutcome, DialTaskKey, MAX_BATCH,
};
use strowger_core::vocab::{Command, CommandError, Done, Principal, Query, Reply};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::DialNumberItem;
use super::{LivePage, LiveParams, NoParams, Refusals, Unread, unexpected};
use crate::api::app::{App, wall_ms};
use crate::api::auth::Key;
use crate::api::extract::{Body, Example, Params, rows_wanted};
use crate::api::gateway::DialNumbersQuery;
use crate::api::problem::Problem;

/// Bytes that a number's id and a number may have.
const LONGEST_ID: usize = 128;
const LONGEST_NUMBER: usize = 40;
/// What a number that is not done with can be asked for by, beside outcomes.
const OPEN: [&str; 2] = ["waiting", "dialling"];
const OUTCOMES: [DialOutcome; 12] = [
    DialOutcome::Answered,
    DialOutcome::Late,
    DialOutcome::Abandoned,
    DialOutcome::Busy,
    DialOutcome::NoAnswer,
    DialOutcome::Rejected,
    DialOutcome::Unreachable,
    DialOutcome::NotAllowed,
    DialOutcome::DoNotCall,
    DialOutcome::Interrupted,
    DialOutcome::Cancelled,
    DialOutcome::Failed,
];

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(numbers, add))
        .routes(routes!(blocked, block))
        .routes(routes!(allow))
}

/// Digits with an optional plus, and what people write between them.
fn is_number(text: &str) -> bool {
    let known = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')' | '.');
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (1..=32).contains(&digits) && text.len() <= LONGEST_NUMBER && text.chars().all(known)
}

fn numbers_wrong(number: &str) -> Problem {
    Problem::unprocessable(format!("\"{number}\" is no number; write e.g. \"057188881111\""))
}

/// A number to dial.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewNumber {
    /// Its name within the task; one that was given before is not dialled again. The number itself unless said.
    id: Option<String>,
    /// What to dial.
    number: String,
}

/// More numbers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Batch {
    /// At most 1,000.
    numbers: Vec<NewNumber>,
    /// There are no more after these: the task ends when all are done with.
    #[serde(default)]
    exhausted: bool,
}

impl Example for Batch {
    const EXAMPLE: &'static str =
        r#"{"numbers": [{"id": "17", "number": "057188881111"}], "exhausted": false}"#;
}

/// What became of them.
#[derive(Debug, Serialize, ToSchema)]
struct Taken {
    /// New ones, on disk.
    added: usize,
    /// Given before, and ignored.
    repeated: usize,
    /// No room for them now: give them again later.
    refused: usize,
}

/// Gives a task numbers. Answered when they are on disk.
#[utoipa::path(post, path = "/api/v1/dial-tasks/{task}/numbers", operation_id = "addDialNumbers", tag = "dial tasks",
    request_body = Batch, params(("task" = String, Path, description = "The task's id")),
    responses(
        (status = 200, description = "What became of them", body = Taken),
        (status = 404, description = "No such task", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Too many at a time", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Something is no number", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn add(
    State(app): State<App>,
    Key(principal): Key,
    Path(task): Path<String>,
    _: Params<NoParams>,
    Body(batch): Body<Batch>,
) -> Result<Json<Taken>, Problem> {
    if batch.numbers.len() > MAX_BATCH {
        return Err(Problem::unprocessable(format!("numbers: at most {MAX_BATCH} at a time")));
    }
    let mut numbers = Vec::new();
    for NewNumber { id, number } in batch.numbers {
        let id = id.unwrap_or_else(|| number.clone());
        if id.is_empty() || id.len() > LONGEST_ID || id.chars().any(char::is_control) {
            return Err(Problem::unprocessable(format!(
                "id: 1 to {LONGEST_ID} bytes, no control characters"
            )));
        }
        if !is_number(&number) {
            return Err(numbers_wrong(&number));
        }
        numbers.push(DialNumber { id, number });
    }
    let action = DialAction::Add { numbers, exhausted: batch.exhausted };
    let order = DialOrder::Task { task, action };
    match app.gateway.command(principal, Command::Dial(order)).await? {
        Done::NumbersAdded { added, repeated, refused } => {
            Ok(Json(Taken { added, repeated, refused }))
        }
        _ => Err(unexpected()),
    }
}

/// Which numbers.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NumberParams {
    /// Only with this outcome, or `waiting` or `dialling`.
    outcome: Option<String>,
    /// Only the one with this id.
    id: Option<String>,
    /// As `next` of the page before said.
    #[serde(default)]
    after: u64,
    /// Rows wanted, 1 to 200; 50 unless said.
    limit: Option<usize>,
}

/// Some numbers of a task.
#[derive(Debug, Serialize, ToSchema)]
struct NumbersPage {
    /// In the order in which they came.
    items: Vec<DialNumberItem>,
    /// Give it as `after` for the next page; null at the end.
    next: Option<u64>,
    /// When this was true.
    as_of: u64,
}

/// Numbers of a task with what came of them, in the order in which they came.
#[utoipa::path(get, path = "/api/v1/dial-tasks/{task}/numbers", operation_id = "listDialNumbers", tag = "dial tasks",
    params(("task" = String, Path, description = "The task's id"), NumberParams),
    responses(
        (status = 200, description = "The numbers", body = NumbersPage),
        (status = 404, description = "No such task", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn numbers(
    State(app): State<App>,
    Key(principal): Key,
    Path(task): Path<String>,
    Params(params): Params<NumberParams>,
) -> Result<Json<NumbersPage>, Problem> {
    let limit = rows_wanted(params.limit)?;
    if let Some(outcome) = &params.outcome
        && !OPEN.contains(&outcome.as_str())
        && !OUTCOMES.iter().any(|known| known.as_str() == outcome)
    {
        let known: Vec<&str> =
            OPEN.into_iter().chain(OUTCOMES.iter().map(|known| known.as_str())).collect();
        return Err(Problem::bad_request(format!("outcome: write one of {}", known.join(", "))));
    }
    let key = DialTaskKey { tenant: principal.tenant.clone(), id: task.clone() };
    // Whether there is such a task, and whether the key may see it.
    match app.gateway.query(principal, Query::DialTask(task)).await {
        Reply::DialTask(_) => {}
        Reply::Refused(error) => return Err(error.into()),
        _ => return Err(unexpected()),
    }
    let (id, stage) = (params.id, params.outcome);
    let query = DialNumbersQuery { task: key, id, stage, after: params.after, limit };
    let page = app.gateway.dial_numbers(query).await?;
    let items = page.rows.into_iter().map(Into::into).collect();
    Ok(Json(NumbersPage { items, next: page.next, as_of: wall_ms() }))
}

/// Numbers that are never dialled, in a form without prefixes, in order.
#[utoipa::path(get, path = "/api/v1/do-not-call", operation_id = "listDoNotCall", tag = "dial tasks",
    params(LiveParams),
    responses((status = 200, description = "The numbers", body = LivePage<String>), Refusals))]
async fn blocked(
    State(app): State<App>,
    Key(principal): Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<String>>, Problem> {
    let (offset, limit) = params.read()?;
    match app.gateway.query(principal, Query::DoNotCall { offset, limit }).await {
        Reply::DoNotCall(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Numbers that are never to be dialled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Blocked {
    /// At most 1,000.
    numbers: Vec<String>,
}

impl Example for Blocked {
    const EXAMPLE: &'static str = r#"{"numbers": ["057188881111"]}"#;
}

async fn set_blocked(
    app: &App,
    principal: Principal,
    numbers: Vec<String>,
    blocked: bool,
) -> Result<StatusCode, Problem> {
    if let Some(bad) = numbers.iter().find(|number| !is_number(number)) {
        return Err(numbers_wrong(bad));
    }
    let order = DialOrder::Block { numbers, blocked };
    let done: Result<Done, CommandError> =
        app.gateway.command(principal, Command::Dial(order)).await;
    match done? {
        Done::Defined => Ok(StatusCode::NO_CONTENT),
        _ => Err(unexpected()),
    }
}

/// Never dials these numbers again, in any task. Answered when it is on disk.
#[utoipa::path(post, path = "/api/v1/do-not-call", operation_id = "addDoNotCall", tag = "dial tasks",
    request_body = Blocked,
    responses(
        (status = 204, description = "In force"),
        (status = 409, description = "The list is full", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Something is no number", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn block(
    State(app): State<App>,
    Key(principal): Key,
    _: Params<NoParams>,
    Body(body): Body<Blocked>,
) -> Result<StatusCode, Problem> {
    if body.numbers.len() > MAX_BATCH {
        return Err(Problem::unprocessable(format!("numbers: at most {MAX_BATCH} at a time")));
    }
    set_blocked(&app, principal, body.numbers, true).await
}

/// Allows a number to be dialled again; does no harm where it was allowed.
#[utoipa::path(delete, path = "/api/v1/do-not-call/{number}", operation_id = "removeDoNotCall", tag = "dial tasks",
    params(("number" = String, Path, description = "The number")),
    responses(
        (status = 204, description = "In force"),
        (status = 422, description = "It is no number", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn allow(
    State(app): State<App>,
    Key(principal): Key,
    Path(number): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    set_blocked(&app, principal, vec![number], false).await
}
