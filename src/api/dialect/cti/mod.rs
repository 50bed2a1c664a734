//! The CTI cloud interface under `/ccapi/v2`: a tenant is an *application*, an agent a *seat*.
//!
//! A request passes [`asked`] (signature, application, parameters of query and body in any of the documented spellings)
//! and is answered in one of the envelopes of [`envelope`]. What the switch tells is told by [`hub`] in this interface's
//! words ([`story`], [`names`]) to agents' connections ([`lines`], [`socket`]).

mod apps;
mod asked;
mod bindings;
mod calls;
mod create;
mod envelope;
mod extensions;
mod fields;
mod hooks;
mod hub;
mod ivr;
mod lines;
mod logs;
mod names;
mod presence;
mod queues;
mod relays;
mod requests;
mod seat;
mod seats;
mod shelf;
mod sign;
mod socket;
mod states;
mod story;
mod subscriptions;
mod task_feed;
mod tasks;
mod voices;

use axum::Router;

pub(in crate::api) use hub::{Hub, follow, keep_log, look_after_lost};
pub(in crate::api) use task_feed::feed_tasks;

use crate::api::app::App;

/// Everything that is served under the interface's own paths.
pub(super) fn routes() -> Router<App> {
    Router::new().nest("/ccapi/v2", operations())
}

fn operations() -> Router<App> {
    Router::new()
        .merge(seats::routes())
        .merge(bindings::routes())
        .merge(queues::routes())
        .merge(extensions::routes())
        .merge(relays::routes())
        .merge(logs::routes())
        .merge(states::routes())
        .merge(voices::routes())
        .merge(ivr::routes())
        .merge(apps::routes())
        .merge(subscriptions::routes())
        .merge(presence::routes())
        .merge(tasks::routes())
        .merge(calls::routes())
        .merge(socket::routes())
        .fallback(envelope::nowhere)
        .method_not_allowed_fallback(envelope::wrong_method)
}
