//! The Webex call controls that pick up a call and what goes with them, under `/v1/telephony`: a user is an *extension*, its
//! registrations are *endpoints*, an interaction is a *call session*.
//!
//! Requests pass [`asked`] (key of a user, JSON), what goes wrong is a [`refusal::Refusal`], and [`calls`] keeps what a call
//! is called: one that was picked up keeps the id that the pickup was given.

mod asked;
mod calls;
mod controls;
mod endpoints;
mod pickup;
mod refusal;

pub(super) use calls::Picked;

use axum::Router;
use axum::routing::{get, post};

use crate::api::app::App;

/// Everything that is served under the interface's own paths.
pub(super) fn routes() -> Router<App> {
    let telephony = Router::new()
        .route("/calls", get(calls::list))
        .route("/calls/pickup", post(pickup::pick_up))
        .route("/calls/hold", post(controls::hold))
        .route("/calls/resume", post(controls::resume))
        .route("/calls/hangup", post(controls::hang_up))
        .route("/calls/{call}", get(calls::details))
        .route(
            "/config/people/{person}/preferredAnswerEndpoint",
            get(endpoints::show).put(endpoints::prefer),
        )
        .fallback(refusal::nowhere)
        .method_not_allowed_fallback(refusal::wrong_method);
    Router::new().nest("/v1/telephony", telephony)
}
