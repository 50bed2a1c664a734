//! The RingCX interface to active calls, under `/api/v1/admin/accounts/{accountId}/activeCalls`: a tenant is an *account*, a
//! call has a *uii*.
//!
//! A request passes [`asked`] (key, account, parameters of query and body), and is answered as plain JSON; what goes wrong
//! is a [`refusal::Refusal`].

mod actions;
mod asked;
mod disposition;
mod list;
mod manual;
mod refusal;
mod uii;

use axum::Router;
use axum::routing::{get, post};

use crate::api::app::App;

/// Everything that is served under the interface's own paths.
pub(super) fn routes() -> Router<App> {
    let calls = Router::new()
        .route("/list", get(list::list))
        .route("/createManualAgentCall", post(manual::create))
        .route("/{uii}/addSessionToCall", post(actions::add_session))
        .route("/{uii}/dispositionCall", post(disposition::set))
        .route("/{uii}/hangupCall", post(actions::hang_up_call))
        .route("/{uii}/hangupSession", post(actions::hang_up_session))
        .route("/{uii}/toggleCallRecording", post(actions::toggle_recording))
        .fallback(refusal::nowhere)
        .method_not_allowed_fallback(refusal::wrong_method);
    Router::new().nest("/api/v1/admin/accounts/{account}/activeCalls", calls)
}
