//! The CC-Gateway interface to an agent's pickup, under `/agentgateway/resource`: an agent signs in with its PIN and a phone, hears
//! of its calls by long polls, and has callers put through that ring at others.
//!
//! [`sessions`] keeps who is signed in, [`story`] makes of the switch's events what an agent is told, [`answer`] has the envelope and
//! its codes.

mod answer;
mod events;
mod online;
mod pickup;
mod sessions;
mod story;

pub(super) use events::follow;
pub(super) use sessions::Sessions;

use axum::Router;
use axum::routing::{delete, get, put};

use crate::api::app::App;

/// Everything that is served under the interface's own paths.
pub(super) fn routes() -> Router<App> {
    let resource = Router::new()
        .route("/onlineagent/{agent}", put(online::sign_in))
        .route("/onlineagent/{agent}/forcelogin", put(online::force))
        .route("/onlineagent/{agent}/logout", delete(online::sign_out))
        .route("/agentevent/{agent}", get(events::next))
        .route("/voicecall/{agent}/snatchpickup", put(pickup::snatch))
        .fallback(answer::nowhere)
        .method_not_allowed_fallback(answer::wrong_method);
    Router::new().nest("/agentgateway/resource", resource)
}
