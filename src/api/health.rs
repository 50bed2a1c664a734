//! For supervisors of processes: does it live, does it serve. No key is asked for.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::gateway::Readiness;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready))
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", operation_id = "alive", tag = "health", security(()),
    responses((status = 200, description = "It does", body = String, content_type = "text/plain")))]
async fn alive() -> &'static str {
    "ok\n"
}

/// New calls are taken and records are written.
#[utoipa::path(get, path = "/readyz", operation_id = "ready", tag = "health", security(()),
    responses(
        (status = 200, description = "They are", body = String, content_type = "text/plain"),
        (status = 503, description = "`starting`, `draining` or `store stalled`", body = String,
            content_type = "text/plain"),
    ))]
async fn ready(State(app): State<App>) -> Response {
    let text = match app.gateway.readiness() {
        Readiness::Ready => return "ready\n".into_response(),
        Readiness::Starting => "starting\n",
        Readiness::Draining => "draining\n",
        Readiness::StoreStalled => "store stalled\n",
    };
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], text).into_response()
}
