//! The interfaces of other systems, so that clients written for those work against this switch by changing their base
//! address and keys.
//!
//! Each is a folder of its own over the one [`Gateway`](super::gateway::Gateway): types, mapping, routes and events. A
//! handler decodes, gives one order or question, and encodes. No dialect's word leaves its folder, and none imports
//! another.

mod cc_gateway;
mod common;
mod cti;
mod ringcx;
mod ringme;
mod webex;

use axum::Router;

use super::app::App;
use super::gateway::Task;
use super::webhooks::Renderer;

/// Everything that the dialects serve, each under its original paths.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .merge(cti::routes())
        .merge(ringme::routes())
        .merge(ringcx::routes())
        .merge(webex::routes())
        .merge(cc_gateway::routes())
}

/// What the dialects need beside their requests: each task runs from the start to the end of the process. What follows
/// events calls [`follow`](super::gateway::Gateway::follow) before it returns the task, so that it misses none. Later
/// tasks, one for a connection say, are given to [`run`](super::gateway::Gateway::run).
pub(super) fn background(app: &App) -> Vec<Task> {
    vec![
        Box::pin(cti::follow(app.clone(), app.gateway.follow(None))),
        Box::pin(cti::feed_tasks(app.clone(), app.gateway.follow(None))),
        Box::pin(cti::keep_log(app.clone())),
        Box::pin(cti::look_after_lost(app.clone())),
        Box::pin(ringme::follow(app.clone(), app.gateway.follow(None))),
        Box::pin(cc_gateway::follow(app.clone(), app.gateway.follow(None))),
    ]
}

/// What the dialects remember while the process runs.
#[derive(Debug, Default)]
pub(super) struct Memory {
    cti: cti::Hub,
    webex: webex::Picked,
    cc_gateway: cc_gateway::Sessions,
}

impl Memory {
    /// Forgets a tenant that is gone; whoever is connected for it is not any more.
    pub(super) async fn forget_tenant(&self, tenant: &str) {
        self.cti.forget_tenant(tenant).await;
        self.webex.forget_tenant(tenant);
        self.cc_gateway.forget_tenant(tenant);
    }
}

/// What the dialects' webhooks are told; each renderer is asked for the webhooks whose owner it names.
pub(super) fn renderers(_app: &App) -> Vec<Box<dyn Renderer>> {
    Vec::new()
}
