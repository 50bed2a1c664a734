//! The HTTP surface.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::node::gateway::{Gateway, Phase};

/// Serves HTTP until the process ends.
pub async fn serve(listener: TcpListener, gateway: Gateway) {
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(gateway);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!("HTTP has ended: {error}");
    }
}

/// Whether new calls are taken.
async fn ready(State(gateway): State<Gateway>) -> (StatusCode, &'static str) {
    match gateway.phase() {
        Phase::Ready => (StatusCode::OK, "ready\n"),
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}
