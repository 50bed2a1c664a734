//! What was counted: live spans, and quarters of an hour as JSON or CSV.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use strowger_core::vocab::acd::{AgentKey, FigureRecord, FigureSubject, QueueKey};
use strowger_core::vocab::command::{Counted, Span};
use strowger_core::vocab::{Principal, Query, Reply};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{AgentSums, Columns, IntervalItem, QueueSums, Spans, csv};
use super::{NoParams, Refusals, unexpected};
use crate::api::app::{App, wall_ms};
use crate::api::auth::Key;
use crate::api::extract::{AgentPath, Params, QueuePath};
use crate::api::gateway::{Intervals, IntervalsQuery, MAX_ROWS};
use crate::api::problem::Problem;

/// Rows of CSV at most: a month of quarters.
const MAX_CSV: usize = 3_000;
/// What is shown unless `from` says otherwise.
const DAY_MS: u64 = 86_400_000;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(queue_figures))
        .routes(routes!(queue_intervals))
        .routes(routes!(agent_figures))
        .routes(routes!(agent_intervals))
}

async fn counted(app: &App, principal: Principal, of: FigureSubject) -> Result<Counted, Problem> {
    match app.gateway.query(principal, Query::Counted(of)).await {
        Reply::Counted(counted) => Ok(*counted),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// What was counted in a queue since midnight and over the last minutes.
#[utoipa::path(get, path = "/api/v1/queues/{number}/figures", operation_id = "queueFigures", tag = "queues",
    params(("number" = String, Path, description = "The queue's number")),
    responses(
        (status = 200, description = "Sums by span", body = Spans<QueueSums>),
        (status = 404, description = "No such queue", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn queue_figures(
    State(app): State<App>,
    key: Key,
    QueuePath(number): QueuePath,
    _: Params<NoParams>,
) -> Result<Json<Spans<QueueSums>>, Problem> {
    key.sees_tenant()?;
    let of = FigureSubject::Queue(QueueKey { tenant: key.0.tenant.clone(), number });
    let counted = counted(&app, key.0, of).await?;
    Ok(Json(Spans::of(counted, |span: Span| span.queue)))
}

/// What was counted for an agent since midnight and over the last minutes. An agent's key sees its own.
#[utoipa::path(get, path = "/api/v1/agents/{id}/figures", operation_id = "agentFigures", tag = "agents",
    params(("id" = String, Path, description = "The agent's id")),
    responses(
        (status = 200, description = "Sums by span", body = Spans<AgentSums>),
        (status = 404, description = "No such agent", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn agent_figures(
    State(app): State<App>,
    key: Key,
    AgentPath(id): AgentPath,
    _: Params<NoParams>,
) -> Result<Json<Spans<AgentSums>>, Problem> {
    key.sees_agent(&id)?;
    let of = FigureSubject::Agent(AgentKey { tenant: key.0.tenant.clone(), id });
    let counted = counted(&app, key.0, of).await?;
    Ok(Json(Spans::of(counted, |span: Span| span.agent)))
}

/// Which quarters of an hour, and in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct IntervalParams {
    /// Begun at or after, ms since the Unix epoch; a day before `until` unless said.
    from: Option<u64>,
    /// Begun before, ms since the Unix epoch; now unless said.
    until: Option<u64>,
    /// `next` of the page before.
    after: Option<String>,
    /// Rows wanted, 1 to 200 as JSON, 1 to 3000 as CSV, which is also the default.
    limit: Option<usize>,
    /// `json` or `csv`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

impl IntervalParams {
    fn query(&self, subject: FigureSubject) -> Result<IntervalsQuery, Problem> {
        let most = if self.format == Format::Csv { MAX_CSV } else { MAX_ROWS };
        let limit = self.limit.unwrap_or(most);
        if !(1..=most).contains(&limit) {
            return Err(Problem::bad_request(format!("limit: 1 to {most} rows a page")));
        }
        let until = self.until.unwrap_or_else(wall_ms);
        let from = self.from.unwrap_or_else(|| until.saturating_sub(DAY_MS));
        let wrong =
            || Problem::bad_request("after: give what the page before said as `next`, unchanged");
        let after = self.after.as_ref().map(|text| text.parse::<u64>().map_err(|_| wrong()));
        let from = after.transpose()?.map_or(from, |after| after.max(from));
        Ok(IntervalsQuery { subject, from, until, limit })
    }

    /// The same question, from where a page ended.
    fn next_link(&self, path: &str, query: &IntervalsQuery, next: u64) -> String {
        let IntervalsQuery { until, limit, .. } = query;
        format!("<{path}?format=csv&from={next}&until={until}&limit={limit}>; rel=\"next\"")
    }
}

/// Some quarters of an hour, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct IntervalPage<T> {
    /// The rows; quarters in which nothing was counted are left out.
    items: Vec<IntervalItem<T>>,
    /// Give it as `after` for the next page; null at the end.
    next: Option<String>,
    /// When this was true.
    as_of: u64,
}

async fn intervals<T: Serialize + Columns, U: Into<T>>(
    app: &App,
    path: &str,
    subject: FigureSubject,
    params: &IntervalParams,
    take: fn(FigureRecord) -> Option<U>,
) -> Result<Response, Problem> {
    let query = params.query(subject)?;
    let Intervals { rows, next } = app.gateway.intervals(query.clone()).await?;
    let items: Vec<IntervalItem<T>> =
        rows.into_iter().filter_map(|row| IntervalItem::of(row, take)).collect();
    if params.format == Format::Json {
        let next = next.map(|next| next.to_string());
        return Ok(Json(IntervalPage { items, next, as_of: wall_ms() }).into_response());
    }
    let kind = [(CONTENT_TYPE, "text/csv; charset=utf-8; header=present")];
    let body = csv(&items);
    Ok(match next {
        None => (kind, body).into_response(),
        Some(next) => (kind, [(LINK, params.next_link(path, &query, next))], body).into_response(),
    })
}

/// Quarters of an hour of a queue, kept for 400 days and longer than the queue itself. As CSV the next page is in the
/// Link header.
#[utoipa::path(get, path = "/api/v1/queues/{number}/intervals", operation_id = "queueIntervals", tag = "queues",
    params(("number" = String, Path, description = "The queue's number"), IntervalParams),
    responses(
        (status = 200, description = "Oldest first", content(
            (IntervalPage<QueueSums> = "application/json"),
            (String = "text/csv"),
        )),
        (status = 404, description = "What cannot be a queue's number", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn queue_intervals(
    State(app): State<App>,
    key: Key,
    QueuePath(number): QueuePath,
    Params(params): Params<IntervalParams>,
) -> Result<Response, Problem> {
    key.sees_tenant()?;
    let path = format!("/api/v1/queues/{number}/intervals");
    let of = FigureSubject::Queue(QueueKey { tenant: key.0.tenant, number });
    intervals::<QueueSums, _>(&app, &path, of, &params, |row| row.queue).await
}

/// Quarters of an hour of an agent, kept for 400 days. An agent's key sees its own.
#[utoipa::path(get, path = "/api/v1/agents/{id}/intervals", operation_id = "agentIntervals", tag = "agents",
    params(("id" = String, Path, description = "The agent's id"), IntervalParams),
    responses(
        (status = 200, description = "Oldest first", content(
            (IntervalPage<AgentSums> = "application/json"),
            (String = "text/csv"),
        )),
        (status = 404, description = "What cannot be an agent's id", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn agent_intervals(
    State(app): State<App>,
    key: Key,
    AgentPath(id): AgentPath,
    Params(params): Params<IntervalParams>,
) -> Result<Response, Problem> {
    key.sees_agent(&id)?;
    let path = format!("/api/v1/agents/{id}/intervals");
    let of = FigureSubject::Agent(AgentKey { tenant: key.0.tenant, id });
    intervals::<AgentSums, _>(&app, &path, of, &params, |row| row.agent).await
}
