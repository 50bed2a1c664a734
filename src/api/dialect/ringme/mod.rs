//! RingMe's queues and agents: `/api/ver1.0/...` and `POST /oauth/token`.
//!
//! `client` says who asks, `fields` reads bodies as leniently as the document's examples want, `refusal` is the one form of
//! errors. Then a file for each resource. A trailing slash is optional everywhere; what is not set is null.

mod agent_item;
mod agents;
mod calls;
mod client;
mod events;
mod extensions;
mod fields;
mod ids;
mod limits;
mod queue_item;
mod queues;
mod refusal;
mod sounds;
mod tell;
mod tiers;
mod token;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, any, get, post};

use crate::api::app::App;

pub(super) use tell::follow;

const BASE: &str = "/api/ver1.0";

/// Everything under its paths; what is not served is answered in this interface's form too.
pub(super) fn routes() -> Router<App> {
    let mut routes = Router::new();
    let mut serve = |path: &str, methods: MethodRouter<App>| {
        let methods = methods.fallback(refusal::wrong_method);
        routes = std::mem::take(&mut routes)
            .route(&format!("{BASE}{path}"), methods.clone())
            .route(&format!("{BASE}{path}/"), methods);
    };
    let client = |path: &str| format!("/client/{{client_id}}{path}");
    let queue = |path: &str| format!("/extension/{{extension_id}}/queue{path}");
    serve(&client("/extension"), get(extensions::list).post(extensions::create));
    serve(
        &client("/extension/{extension_id}"),
        get(extensions::show).put(extensions::change).delete(extensions::remove),
    );
    serve(&client("/limits"), get(limits::show));
    let upload = DefaultBodyLimit::max(sounds::LARGEST_BODY);
    serve(&client("/sound"), get(sounds::list).post(sounds::upload).layer(upload));
    serve(&client("/sound/{sound_id}"), get(sounds::show).delete(sounds::remove));
    serve(&client("/current_calls"), get(calls::list));
    serve(&client("/current_calls/{call_api_id}"), get(calls::show).delete(calls::end));
    serve(&client("/current_calls/{call_api_id}/transfer"), post(calls::transfer));
    serve(&client("/agent/{kind}"), get(agents::list).post(agents::create));
    serve(
        &client("/agent/{kind}/{agent_id}"),
        get(agents::show).put(agents::change).delete(agents::remove),
    );
    serve(&client("/agent/{kind}/{agent_id}/event"), get(events::list).post(events::create));
    serve(
        &client("/agent/{kind}/{agent_id}/event/{event_id}"),
        get(events::show).put(events::change).delete(events::remove),
    );
    serve(&queue(""), get(queues::show).put(queues::change));
    serve(&queue("/status"), get(queues::status));
    serve(&queue("/status/members"), get(queues::members));
    serve(&queue("/agents/{kind}"), get(tiers::list).post(tiers::add));
    serve(
        &queue("/agents/{kind}/{agent_id}"),
        get(tiers::show).put(tiers::change).delete(tiers::remove),
    );
    let issue = post(token::issue).fallback(refusal::wrong_method);
    routes
        .route("/oauth/token", issue.clone())
        .route("/oauth/token/", issue)
        .route(&format!("{BASE}/"), any(refusal::nowhere))
        .route(&format!("{BASE}/{{*rest}}"), any(refusal::nowhere))
}
