//! Webhooks: who is told what happens, and what could not be told.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, http::header::LOCATION};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strowger_core::vocab::{Event, Role};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::feed::known_kinds;
use super::{LivePage, NoParams, Refusals, StoredPage, Unread};
use crate::api::app::{App, wall_ms};
use crate::api::audit::AuditLine;
use crate::api::auth::Key;
use crate::api::extract::{Body, DeliveryPath, Example, HookPath, Params, rows_wanted};
use crate::api::outgoing::{
    DeliveriesQuery, Delivery, Hook, HookError, PREVIOUS, PREVIOUS_UNTIL, previous_place,
};
use crate::api::problem::Problem;
use crate::api::webhooks::{Renderer, Told};

/// Whose webhooks these are; those of others are shown and sent again, but changed where they were made.
const OWNER: &str = "native";
/// What a secret begins with; base64 follows (Standard Webhooks).
const SECRET: &str = "whsec_";
/// Bytes of a secret.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// How long a secret that was replaced goes on signing.
const OVERLAP_MS: u64 = 86_400_000;
/// The longest description.
const DESCRIPTION: usize = 256;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, replace, remove))
        .routes(routes!(deliveries))
        .routes(routes!(resend_all))
        .routes(routes!(resend))
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookItem {
    /// Its name.
    id: String,
    /// Who made it: `native`, or the interface of another system. Only native ones are changed here.
    owner: String,
    /// Where it is.
    url: String,
    /// The events that it is told; empty for all.
    events: Vec<String>,
    /// Nothing new is told while it is false.
    enabled: bool,
    /// For people.
    description: String,
    /// Milliseconds since the Unix epoch.
    created_at: u64,
    /// What signs the deliveries; shown when it is made and not again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<&Hook> for WebhookItem {
    fn from(hook: &Hook) -> Self {
        Self {
            id: hook.id.clone(),
            owner: hook.owner.clone(),
            url: hook.url.clone(),
            events: hook.events.clone(),
            enabled: hook.enabled,
            description: hook.description.clone(),
            created_at: hook.created_at,
            secret: None,
        }
    }
}

/// What a webhook is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookOrder {
    /// Where it is: http or https, at a public address unless `webhooks.allow_private` is set.
    url: String,
    /// The events that it is told, by name; left out or empty for all.
    #[serde(default)]
    events: Vec<String>,
    /// `whsec_` and base64 of 24 to 64 bytes. Left out, one is made for a new webhook, and an old one keeps its own.
    secret: Option<String>,
    /// Nothing new is told while it is false.
    #[serde(default = "yes")]
    enabled: bool,
    /// For people; at most 256 characters.
    #[serde(default)]
    description: String,
}

fn yes() -> bool {
    true
}

impl Example for WebhookOrder {
    const EXAMPLE: &'static str =
        r#"{"url": "https://example.com/events", "events": ["call_ended"], "description": "CRM"}"#;
}

impl WebhookOrder {
    async fn check(&self, app: &App) -> Result<(), Problem> {
        let wrong = |why: String| Err(Problem::unprocessable(why));
        if let Err(why) = known_kinds(&self.events) {
            return wrong(format!("events: {why}"));
        }
        if self.description.chars().count() > DESCRIPTION {
            return wrong(format!("description: at most {DESCRIPTION} characters"));
        }
        let sound = |secret: &String| {
            let bytes = secret.strip_prefix(SECRET).and_then(|text| STANDARD.decode(text).ok());
            bytes.is_some_and(|bytes| SECRET_BYTES.contains(&bytes.len()))
        };
        if !self.secret.as_ref().is_none_or(sound) {
            return wrong(
                "secret: write whsec_ and base64 of 24 to 64 bytes, or leave it out".into(),
            );
        }
        match app.gateway.check_url(&self.url).await {
            Ok(()) => Ok(()),
            Err(why) => wrong(format!("url: {why}")),
        }
    }

    fn hook(self, id: String, tenant: String, secret: Option<String>, created_at: u64) -> Hook {
        // In order and each once, however often it was written.
        let events: BTreeSet<String> = self.events.into_iter().collect();
        Hook {
            id,
            tenant,
            owner: OWNER.into(),
            url: self.url,
            events: events.into_iter().collect(),
            secret: self.secret.or(secret),
            enabled: self.enabled,
            description: self.description,
            created_at,
            more: Value::Null,
        }
    }
}

/// Webhooks of the tenant, by id.
#[utoipa::path(get, path = "/api/v1/webhooks", operation_id = "listWebhooks", tag = "webhooks",
    responses((status = 200, description = "All of them", body = LivePage<WebhookItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    _: Params<NoParams>,
) -> Result<Json<LivePage<WebhookItem>>, Problem> {
    key.one_of(&[Role::Admin])?;
    let hooks = app.gateway.hooks(&key.0.tenant);
    let items: Vec<WebhookItem> = hooks.iter().map(|hook| WebhookItem::from(&**hook)).collect();
    Ok(Json(LivePage { total: items.len(), items, as_of: wall_ms() }))
}

/// Makes a webhook. Deliveries are POSTs of an event's JSON, signed as the Standard Webhooks specification says.
#[utoipa::path(post, path = "/api/v1/webhooks", operation_id = "createWebhook", tag = "webhooks",
    request_body = WebhookOrder,
    responses(
        (status = 201, description = "It is on disk; the secret is shown this once", body = WebhookItem),
        (status = 409, description = "The tenant has as many as it may", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Sound in form but not in sense", body = Problem,
            content_type = "application/problem+json"),
        Refusals, Unread,
    ))]
async fn create(
    State(app): State<App>,
    key: Key,
    _: Params<NoParams>,
    Body(order): Body<WebhookOrder>,
) -> Result<(StatusCode, [(axum::http::HeaderName, String); 1], Json<WebhookItem>), Problem> {
    key.one_of(&[Role::Admin])?;
    order.check(&app).await?;
    let id = hex::encode(random::<8>()?);
    let secret = format!("{SECRET}{}", STANDARD.encode(random::<32>()?));
    let hook = order.hook(format!("wh_{id}"), key.0.tenant.clone(), Some(secret), wall_ms());
    let item = WebhookItem { secret: hook.secret.clone(), ..WebhookItem::from(&hook) };
    app.gateway.put_hook(hook).await?;
    noted(&app, &key, "webhook.create", &item.id);
    let location = [(LOCATION, format!("/api/v1/webhooks/{}", item.id))];
    Ok((StatusCode::CREATED, location, Json(item)))
}

fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Problem::internal(&error))?;
    Ok(bytes)
}

/// One webhook.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}", operation_id = "getWebhook", tag = "webhooks",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "It", body = WebhookItem),
        (status = 404, description = "No such webhook", body = Problem, content_type = "application/problem+json"),
        Refusals,
    ))]
async fn one(
    State(app): State<App>,
    key: Key,
    HookPath(id): HookPath,
    _: Params<NoParams>,
) -> Result<Json<WebhookItem>, Problem> {
    Ok(Json(WebhookItem::from(&find(&app, &key, &id)?)))
}

/// Replaces what a webhook is. What waits for it goes to its new place. Its secret stays unless another is sent; the
/// old one goes on signing beside it for a day.
#[utoipa::path(put, path = "/api/v1/webhooks/{id}", operation_id = "replaceWebhook", tag = "webhooks",
    params(("id" = String, Path, description = "Its name")), request_body = WebhookOrder,
    responses(
        (status = 204, description = "It is on disk"),
        (status = 404, description = "No such webhook", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It belongs to the interface of another system", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Sound in form but not in sense", body = Problem,
            content_type = "application/problem+json"),
        Refusals, Unread,
    ))]
async fn replace(
    State(app): State<App>,
    key: Key,
    HookPath(id): HookPath,
    _: Params<NoParams>,
    Body(order): Body<WebhookOrder>,
) -> Result<StatusCode, Problem> {
    let old = own(find(&app, &key, &id)?)?;
    order.check(&app).await?;
    let more = remembered(&app, &old, order.secret.as_deref())?;
    let hook = Hook { more, ..order.hook(id, old.tenant, old.secret, old.created_at) };
    let id = hook.id.clone();
    app.gateway.put_hook(hook).await?;
    noted(&app, &key, "webhook.replace", &id);
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a webhook with all that it has not been told.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", operation_id = "removeWebhook", tag = "webhooks",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such webhook", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It belongs to the interface of another system", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove(
    State(app): State<App>,
    key: Key,
    HookPath(id): HookPath,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    let hook = own(find(&app, &key, &id)?)?;
    app.gateway.remove_hook(&hook.tenant, &hook.id).await?;
    noted(&app, &key, "webhook.remove", &hook.id);
    Ok(StatusCode::NO_CONTENT)
}

/// A line of the audit log.
fn noted(app: &App, key: &Key, what: &str, hook: &str) {
    app.gateway.note(AuditLine::done(wall_ms(), &key.0, what, hook));
}

/// The old secret goes on signing for a while beside a new one, so that the receiver can change in its own time.
fn remembered(app: &App, old: &Hook, new: Option<&str>) -> Result<Value, Problem> {
    let replaced = old.secret.as_deref().filter(|old| new.is_some_and(|new| new != *old));
    let Some(secret) = replaced else { return Ok(old.more.clone()) };
    let sealed = app.gateway.seal(&previous_place(&old.tenant, &old.id), secret)?;
    Ok(json!({PREVIOUS: sealed, PREVIOUS_UNTIL: wall_ms() + OVERLAP_MS}))
}

fn find(app: &App, key: &Key, id: &str) -> Result<Hook, Problem> {
    key.one_of(&[Role::Admin])?;
    let hook = app.gateway.hook(&key.0.tenant, id);
    hook.map(|hook| (*hook).clone()).ok_or_else(|| Problem::not_found("there is no such webhook"))
}

fn own(hook: Hook) -> Result<Hook, Problem> {
    if hook.owner == OWNER {
        return Ok(hook);
    }
    let text = format!("the webhook was made through {}; change it there", hook.owner);
    Err(Problem::new(StatusCode::CONFLICT, text))
}

/// Which deliveries are shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeliveryParams {
    /// `waiting` or `parked`; both unless said.
    state: Option<String>,
    /// Where the page before ended, as it said in `next`.
    after: Option<String>,
    /// Rows wanted, 1 to 200; 50 unless said.
    limit: Option<usize>,
}

/// Something that a webhook has not been told yet.
#[derive(Debug, Serialize, ToSchema)]
struct DeliveryItem {
    /// Its name, which the receiver gets as `webhook-id`.
    id: String,
    /// `waiting`: it is tried again. `parked`: it was given up.
    state: &'static str,
    /// What has the same one is told in order; the call, mostly.
    order_key: String,
    /// When it came in, or was sent again; ms since the Unix epoch.
    since: u64,
    /// Attempts that failed since then.
    attempts: u32,
    /// When it was given up.
    parked_at: Option<u64>,
    /// How the last attempt failed.
    error: Option<String>,
    /// The body, where it is text.
    body: Option<String>,
}

impl From<Delivery> for DeliveryItem {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: format!("{:016x}", delivery.id),
            state: if delivery.parked_at.is_some() { "parked" } else { "waiting" },
            order_key: delivery.order_key,
            since: delivery.since,
            attempts: delivery.attempts,
            parked_at: delivery.parked_at,
            error: Some(delivery.error).filter(|error| !error.is_empty()),
            body: String::from_utf8(delivery.body).ok(),
        }
    }
}

/// What a webhook has not been told yet, oldest first.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries", operation_id = "listDeliveries", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's name"), DeliveryParams),
    responses(
        (status = 200, description = "Some of them", body = StoredPage<DeliveryItem>),
        (status = 404, description = "No such webhook", body = Problem, content_type = "application/problem+json"),
        Refusals,
    ))]
async fn deliveries(
    State(app): State<App>,
    key: Key,
    HookPath(id): HookPath,
    Params(params): Params<DeliveryParams>,
) -> Result<Json<StoredPage<DeliveryItem>>, Problem> {
    let hook = find(&app, &key, &id)?;
    let parked = match params.state.as_deref() {
        None => None,
        Some("parked") => Some(true),
        Some("waiting") => Some(false),
        Some(_) => return Err(Problem::bad_request("state: `waiting` or `parked`")),
    };
    let cursor = "after: give what the page before said as `next`, unchanged";
    let after = params.after.as_deref().map(number).unwrap_or(Some(0));
    let after = after.ok_or_else(|| Problem::bad_request(cursor))?;
    let limit = rows_wanted(params.limit)?;
    let query =
        DeliveriesQuery { tenant: hook.tenant, hook: hook.id, parked, after, limit: limit + 1 };
    let mut rows = app.gateway.deliveries(query).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| format!("{:016x}", last.id));
    let items = rows.into_iter().map(DeliveryItem::from).collect();
    Ok(Json(StoredPage { items, next, as_of: wall_ms() }))
}

/// A delivery's number; `None` where it is no name of one.
fn number(text: &str) -> Option<u64> {
    let sound = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(text, 16).ok().filter(|_| sound)
}

/// How much is tried again.
#[derive(Debug, Serialize, ToSchema)]
struct Resent {
    /// Deliveries.
    resent: usize,
}

/// Begins anew with what was given up, the oldest thousand of it.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/deliveries/resend", operation_id = "resendDeliveries",
    tag = "webhooks", params(("id" = String, Path, description = "The webhook's name")),
    responses(
        (status = 200, description = "They are tried again", body = Resent),
        (status = 404, description = "No such webhook", body = Problem, content_type = "application/problem+json"),
        Refusals,
    ))]
async fn resend_all(
    State(app): State<App>,
    key: Key,
    HookPath(id): HookPath,
    _: Params<NoParams>,
) -> Result<Json<Resent>, Problem> {
    let hook = find(&app, &key, &id)?;
    let resent = app.gateway.resend(&hook.tenant, &hook.id, None).await?;
    noted(&app, &key, "webhook.resend", &hook.id);
    Ok(Json(Resent { resent }))
}

/// Begins anew with one delivery that was given up.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/deliveries/{delivery}/resend", operation_id = "resendDelivery",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The webhook's name"),
        ("delivery" = String, Path, description = "The delivery's name"),
    ),
    responses(
        (status = 200, description = "It is tried again", body = Resent),
        (status = 404, description = "No such webhook or parked delivery", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn resend(
    State(app): State<App>,
    key: Key,
    DeliveryPath { hook: id, delivery }: DeliveryPath,
    _: Params<NoParams>,
) -> Result<Json<Resent>, Problem> {
    let hook = find(&app, &key, &id)?;
    let none = || Problem::not_found("the webhook has no such parked delivery");
    let delivery = number(&delivery).ok_or_else(none)?;
    match app.gateway.resend(&hook.tenant, &hook.id, Some(delivery)).await? {
        0 => Err(none()),
        resent => {
            noted(&app, &key, "webhook.resend", &hook.id);
            Ok(Json(Resent { resent }))
        }
    }
}

impl From<HookError> for Problem {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Full => {
                Self::new(StatusCode::CONFLICT, "there are as many webhooks as there may be")
            }
            HookError::Failed(why) => Self::internal(&why),
        }
    }
}

/// What native webhooks are told: the JSON of the event stream.
struct Native(App);

/// The renderer of native webhooks.
pub(in crate::api) fn webhook_renderer(app: &App) -> Box<dyn Renderer> {
    Box::new(Native(app.clone()))
}

impl Renderer for Native {
    fn owner(&self) -> &'static str {
        OWNER
    }

    fn render(&mut self, event: &Event, hook: &Hook) -> Option<Told> {
        let rendered = self.0.latest.rendered(event);
        if !hook.events.is_empty() && !hook.events.contains(&rendered.kind) {
            return None;
        }
        let about = ["call", "agent", "queue", "extension", "mailbox", "conference", "trunk"];
        let key = about.iter().find_map(|name| rendered.field(name)).unwrap_or(&rendered.kind);
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = rendered.text.clone().into();
        Some(Told { order_key: key.to_owned(), headers, body })
    }
}
