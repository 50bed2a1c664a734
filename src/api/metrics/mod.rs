//! `/metrics`: everything that is counted, in the OpenMetrics text form that Prometheus reads.
//!
//! docs/metrics.md lists every name; a test compares the two.

mod family;
mod http;
mod process;
mod queues;
mod shell;
mod switch;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use strowger_core::vocab::{Query, Reply};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::family::Family;
use super::app::App;
use super::auth::Key;
use super::problem::Problem;

/// OpenMetrics 1.0.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(scrape))
}

/// Counters and gauges; docs/metrics.md explains them. Trunks, queues and agents are those of the key's tenant, the
/// rest is the whole process.
#[utoipa::path(get, path = "/metrics", operation_id = "scrape", tag = "process",
    responses(
        (status = 200, description = "OpenMetrics text", body = String,
            content_type = "application/openmetrics-text"),
        (status = 401, description = "No good key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Keys of users and agents may not", body = Problem,
            content_type = "application/problem+json"),
        (status = 429, description = "The key asks too often", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The switch does not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
async fn scrape(State(app): State<App>, key: Key) -> Result<Response, Problem> {
    key.sees_tenant()?;
    let tenant = key.0.tenant.clone();
    let figures = match app.gateway.query(key.0, Query::Figures).await {
        Reply::Figures(figures) => *figures,
        Reply::Refused(error) => return Err(error.into()),
        _ => return Err(Problem::internal(&"figures were answered with something else")),
    };
    let queues = queues::families(&figures, &tenant);
    let mut families = switch::families(figures, &tenant);
    families.extend(queues);
    families.extend(shell::families(&app.gateway.shell_figures()));
    families.extend(http::families(&app));
    families.extend(http::outbox(&app));
    families.extend(process::families(app.started_at));
    let text = family::encode(families).map_err(|error| Problem::internal(&error))?;
    Ok(([(CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

/// Microseconds as seconds.
fn seconds(us: u64) -> f64 {
    std::time::Duration::from_micros(us).as_secs_f64()
}

/// Short for what is counted and has no labels.
fn count(name: &'static str, help: &'static str, value: u64) -> Family {
    Family::counter(name, help).with(Vec::new(), value)
}

/// Short for a state of now that has no labels.
fn gauge(name: &'static str, help: &'static str, value: u64) -> Family {
    Family::gauge(name, help).with(Vec::new(), value)
}
