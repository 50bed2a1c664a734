//! The CTI cloud interface under `/ccapi/v2`: a tenant is an *application*, an agent a *seat*.
//!
//! A request passes [`asked`] (signature, application, parameters of query and body in any of the documented spellings)
//! and is answered in one of the envelopes of [`envelope`].

// Everything below is used by the operations that come next.
#[allow(dead_code)]
mod asked;
#[allow(dead_code)]
mod envelope;
#[allow(dead_code)]
mod fields;
#[allow(dead_code)]
mod sign;

use axum::Router;

use crate::api::app::App;

/// Everything that is served under the interface's own paths.
pub(super) fn routes() -> Router<App> {
    Router::new().nest("/ccapi/v2", operations())
}

fn operations() -> Router<App> {
    Router::new().fallback(envelope::nowhere).method_not_allowed_fallback(envelope::wrong_method)
}
