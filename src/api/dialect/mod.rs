//! The interfaces of other systems, so that clients written for those work against this switch by changing their base
//! address and keys.
//!
//! Each is a folder of its own over the one [`Gateway`](super::gateway::Gateway): types, mapping, routes and events. A
//! handler decodes, gives one order or question, and encodes. No dialect's word leaves its folder, and none imports
//! another.

mod cti;

use axum::Router;

use super::app::App;

/// Everything that the dialects serve, each under its original paths.
pub(super) fn routes() -> Router<App> {
    Router::new().merge(cti::routes())
}
