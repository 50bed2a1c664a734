//! The native API under `/api/v1`: one file per resource.

mod agent_orders;
mod agents;
pub(super) mod audio;
mod audit;
mod begun;
mod calls;
mod check;
mod conferences;
mod dial_numbers;
mod dial_tasks;
mod dispositions;
mod entries;
mod events;
mod extensions;
mod feed;
mod figures;
mod keys;
mod members;
mod menus;
mod numbers;
mod pages;
mod phones;
mod pickup;
mod queues;
mod range;
mod recording_orders;
mod recordings;
mod records;
mod registrations;
mod reload;
pub(super) mod rendered;
mod routes;
mod settings;
mod supervise;
mod talk;
mod tenant_settings;
mod tenants;
mod trunks;
mod view;
mod visible;
mod voicemail;
mod webhooks;

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_core::vocab::Done;
use strowger_core::vocab::command::Page;
use utoipa::{IntoParams, IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::app::{App, wall_ms};
use super::extract::rows_wanted;
use super::gateway::Rows;
use super::problem::Problem;

pub(super) use webhooks::webhook_renderer;

pub(super) fn routes() -> OpenApiRouter<App> {
    // One after the other: each is large, and whoever builds them has a small stack.
    let all: &[fn() -> OpenApiRouter<App>] = &[
        registrations::routes,
        calls::routes,
        supervise::routes,
        conferences::routes,
        dispositions::routes,
        talk::routes,
        pickup::routes,
        records::routes,
        recordings::routes,
        recording_orders::routes,
        audio::routes,
        numbers::routes,
        routes::routes,
        trunks::routes,
        queues::routes,
        members::routes,
        agents::routes,
        agent_orders::routes,
        figures::routes,
        reload::routes,
        voicemail::routes,
        menus::routes,
        pages::routes,
        phones::routes,
        dial_tasks::routes,
        dial_numbers::routes,
        settings::routes,
        tenant_settings::routes,
        extensions::routes,
        keys::routes,
        tenants::routes,
        audit::routes,
        events::routes,
        webhooks::routes,
    ];
    all.iter().fold(OpenApiRouter::new(), |whole, part| whole.merge(part()))
}

/// What every operation may answer, for the description.
#[derive(IntoResponses)]
#[allow(dead_code)]
enum Refusals {
    /// Something in the request is wrong; `detail` says what would be right.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// No good key.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The key may not.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// The key asks too often, or too many wrong keys came from this address; Retry-After says when to try again.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Problem),
    /// The server cannot now; Retry-After says when to try again.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// What every operation with a body may answer besides, for the description.
#[derive(IntoResponses)]
#[allow(dead_code)]
enum Unread {
    /// The body is too long.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLong(Problem),
    /// The body is not application/json.
    #[response(status = 415, content_type = "application/problem+json")]
    NoJson(Problem),
}

/// Which rows of a live list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LiveParams {
    /// Rows to skip.
    #[serde(default)]
    offset: usize,
    /// Rows wanted, 1 to 200; 50 unless said.
    limit: Option<usize>,
}

impl LiveParams {
    fn read(&self) -> Result<(usize, usize), Problem> {
        Ok((self.offset, rows_wanted(self.limit)?))
    }
}

/// Nothing may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParams {}

/// Some rows of what is now.
#[derive(Debug, Serialize, ToSchema)]
struct LivePage<T> {
    /// The rows.
    items: Vec<T>,
    /// How many there are in all.
    total: usize,
    /// When this was true.
    as_of: u64,
}

impl<T> LivePage<T> {
    fn of<U: Into<T>>(page: Page<U>) -> Json<Self> {
        let items = page.items.into_iter().map(Into::into).collect();
        Json(Self { items, total: page.total, as_of: page.as_of })
    }
}

/// Some rows of what is finished, newest first.
#[derive(Debug, Serialize, ToSchema)]
struct StoredPage<T> {
    /// The rows.
    items: Vec<T>,
    /// Give it as `after` for the next page; null at the end.
    next: Option<String>,
    /// When this was true.
    as_of: u64,
}

impl<T> StoredPage<T> {
    fn of<U: Into<T>>(rows: Rows<U>) -> Json<Self> {
        let items = rows.rows.into_iter().map(Into::into).collect();
        Json(Self { items, next: rows.next, as_of: wall_ms() })
    }
}

/// 204: the order is carried out and there is nothing to say about it.
fn ordered(done: Done) -> Result<StatusCode, Problem> {
    match done {
        Done::Ordered => Ok(StatusCode::NO_CONTENT),
        _ => Err(unexpected()),
    }
}

/// The switch answered another question than was asked.
fn unexpected() -> Problem {
    Problem::internal(&"the switch answered another question")
}
