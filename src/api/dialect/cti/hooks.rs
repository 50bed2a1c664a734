//! Events to the addresses that the application has named, through the outbox.

use axum::body::Bytes;
use serde_json::{Value, json};

use super::apps::{AppDoc, secret};
use super::asked::app_id;
use super::calls::uuid;
use super::envelope::Refusal;
use super::story::Happening;
use super::subscriptions::own_events;
use crate::api::app::{App, wall_ms};
use crate::api::dialect::common::fresh_uuid;
use crate::api::outgoing::{Hook, HookError, Post, PostError, To};

/// Whose webhooks these are.
pub(super) const OWNER: &str = "cti";
/// The webhook of the application's own address.
const OWN: &str = "cti-app";

/// A webhook of an application: each delivery is signed in its address.
///
/// # Errors
/// The store has no secret for it.
pub(super) async fn hook(
    app: &App,
    (tenant, app_id): (&str, &str),
    id: String,
    url: String,
) -> Result<Hook, Refusal> {
    Ok(Hook {
        id,
        tenant: tenant.to_owned(),
        owner: OWNER.to_owned(),
        url,
        events: Vec::new(),
        secret: Some(secret(app, tenant).await?),
        enabled: true,
        description: String::new(),
        created_at: wall_ms(),
        more: json!({"signed_query": {
            "id": "AppId", "value": app_id, "time": "Timestamp", "sign": "Sign",
        }}),
    })
}

/// What the outbox refuses, in this interface's terms.
pub(super) fn refused(error: HookError) -> Refusal {
    match error {
        HookError::Full => Refusal::params("there are as many subscriptions as there may be"),
        HookError::Failed(why) => Refusal::internal(&why),
    }
}

/// The application's own address is told what its list says from now on.
///
/// # Errors
/// The store cannot be read or written.
pub(super) async fn follow_application(
    app: &App,
    tenant: &str,
    app_id: &str,
) -> Result<(), Refusal> {
    let url = AppDoc::of(app, tenant).await?.callback_url;
    let events = own_events(app, tenant).await?;
    if url.is_empty() || events.is_empty() {
        return app.gateway.remove_hook(tenant, OWN).await.map_err(refused);
    }
    let hook = hook(app, (tenant, app_id), OWN.to_owned(), url).await?;
    let hook = Hook { events: events.into_iter().collect(), ..hook };
    app.gateway.put_hook(hook).await.map_err(refused)
}

/// Tells something to everybody who has subscribed to it.
pub(super) fn post(app: &App, tenant: &str, happening: &Happening, at: u64) {
    let hooks = app.gateway.hooks(tenant);
    let wants = |hook: &&std::sync::Arc<Hook>| {
        hook.owner == OWNER && hook.enabled && hook.events.iter().any(|name| name == happening.name)
    };
    let mut wanting = hooks.iter().filter(wants).peekable();
    if wanting.peek().is_none() {
        return;
    }
    let body = Bytes::from(body(&app_id_of(app, tenant), happening, at).to_string());
    let order_key = match (&happening.call, &happening.agent) {
        (Some(call), _) => call.to_string(),
        (None, Some(agent)) => agent.clone(),
        (None, None) => String::new(),
    };
    for hook in wanting {
        match app.gateway.post(json_post(tenant, &hook.id, order_key.clone(), body.clone())) {
            // It was removed meanwhile.
            Ok(()) | Err(PostError::NoHook) => {}
            Err(error) => tracing::error!(hook = hook.id, "an event is not told: {error:?}"),
        }
    }
}

/// Something to tell to a webhook.
pub(super) fn json_post(tenant: &str, hook: &str, order_key: String, body: Bytes) -> Post {
    let (tenant, to) = (tenant.to_owned(), To::Hook(hook.to_owned()));
    Post { tenant, to, order_key, headers: json_headers(), body }
}

/// JSON as this interface labels it.
pub(super) fn json_headers() -> Vec<(String, String)> {
    vec![("content-type".to_owned(), "application/json;charset=utf-8".to_owned())]
}

/// The id by which the application of a tenant is known.
pub(super) fn app_id_of(app: &App, tenant: &str) -> String {
    let tenants = app.gateway.tenants();
    let own = tenants.iter().find(|names| names.tenant == tenant);
    own.map_or(tenant, app_id).to_owned()
}

/// The one body of all events.
fn body(app_id: &str, happening: &Happening, at: u64) -> Value {
    let numbers = &happening.numbers;
    let mut body = json!({
        "Event": happening.name,
        "EventId": fresh_uuid(),
        "Timestamp": at,
        "AppId": app_id,
        "CallId": happening.call.map(uuid).unwrap_or_default(),
        "AgentId": happening.agent.clone().unwrap_or_default(),
        "AgentNumber": happening.extension.as_ref().unwrap_or(&numbers.agent),
        "DestNumber": numbers.dest,
        "SpNumber": numbers.relay,
        "CallDirection": numbers.direction,
        "UserData": happening.user_data,
    });
    let mut add = |name: &str, value: Value| {
        if let Some(body) = body.as_object_mut() {
            body.insert(name.to_owned(), value);
        }
    };
    if !happening.reason.is_empty() {
        add("Reason", Value::from(happening.reason.clone()));
    }
    if let Some((now, sub, before)) = &happening.state {
        add("CurState", Value::from(now.clone()));
        add("OldState", Value::from(before.clone()));
        if now == "onBreak" {
            add("CurStateSubId", Value::from(sub.parse().unwrap_or(0_u64)));
        }
    }
    body
}
