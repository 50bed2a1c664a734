//! Who wants to be told of what: subscriptions with addresses of their own, and the application's one list of events.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use futures_util::future::join_all;
use serde_json::{Map, Value, json};

use super::apps::is_url;
use super::asked::Asked;
use super::envelope::{Fault, Outcome, Refusal, found, gone, written};
use super::fields::{Fields, missing};
use super::hooks::{self, OWNER};
use super::hub::Hub;
use super::names::{EVENTS, find};
use super::shelf::{APPLICATION, refused};
use crate::api::app::App;
use crate::api::dialect::common;
use crate::api::outgoing::Hook;

/// Subscriptions of an application.
const MOST: usize = 100;
/// Where the application's own list is kept.
const EVENTS_KEY: &str = "events";
/// The space of subscriptions' numbers.
const NUMBERS: &str = "cti/subscription-ids";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/subscriptions", post(create).get(list))
        .route("/subscriptions/{id}", get(show).put(change).delete(remove))
        .route("/webhooks/events", post(append).put(replace).delete(clear))
}

/// A subscription as it is asked for.
struct Subscription {
    callback: String,
    name: String,
    events: Vec<String>,
    enable: bool,
}

impl Subscription {
    async fn read(app: &App, fields: &Fields) -> Result<Self, Refusal> {
        let callback = fields.wanted("callback")?;
        if !is_url(&callback) {
            return Err(Refusal::params("callback: write http:// or https:// and a host"));
        }
        let right = app.gateway.check_url(&callback).await;
        right.map_err(|why| Refusal::params(format!("callback: {why}")))?;
        let events = fields.wanted_list("events")?;
        if let Some(unknown) = events.iter().find(|name| find(name).is_none()) {
            return Err(Refusal::params(format!("events: there is no event {unknown}")));
        }
        let off = fields.flag("state")? == Some(false) || fields.flag("enable")? == Some(false);
        let name = fields.short("name", 128)?.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| missing("name"))?;
        Ok(Self { callback, name, events, enable: !off })
    }
}

/// The webhook of a subscription.
fn hook_id(id: u64) -> String {
    format!("cti-{id}")
}

/// The subscriptions of the application, by id.
fn all(asked: &Asked) -> Vec<(u64, Arc<Hook>)> {
    let own = asked.app.gateway.hooks(asked.tenant()).into_iter().filter_map(|hook| {
        let id = hook.id.strip_prefix("cti-")?.parse().ok()?;
        (hook.owner == OWNER).then_some((id, hook))
    });
    let mut own: Vec<_> = own.collect();
    own.sort_by_key(|(id, _)| *id);
    own
}

fn shown(hook: &Hook) -> Value {
    json!({
        "callback": hook.url,
        "name": hook.description,
        "events": hook.events,
        "enable": hook.enabled,
    })
}

/// Has an address told of events.
async fn keep_subscription(
    asked: &Asked,
    id: u64,
    subscription: Subscription,
) -> Result<(), Refusal> {
    let gateway = &asked.app.gateway;
    let whose = (asked.tenant(), asked.app_id.as_str());
    let hook = hooks::hook(&asked.app, whose, hook_id(id), subscription.callback).await?;
    let hook = Hook {
        events: subscription.events,
        enabled: subscription.enable,
        description: subscription.name,
        ..hook
    };
    gateway.put_hook(hook).await.map_err(hooks::refused)
}

async fn create(asked: Asked) -> Outcome {
    let wanted = asked.body()?.wanted_objects("subscriptions")?;
    let room = MOST.saturating_sub(all(&asked).len());
    let (mut good, mut failed) = (Vec::new(), Vec::new());
    for fields in &wanted {
        let name = fields.text("name").ok().flatten().unwrap_or_default();
        // Where there is no room for more, their addresses are not looked up either.
        match good.len() < room {
            true => match Subscription::read(&asked.app, fields).await {
                Ok(subscription) => good.push(subscription),
                Err(_) => failed.push(name),
            },
            false => failed.push(name),
        }
    }
    // Ids are never given again: each has a name of its own among the numbers.
    let names = good.iter().map(|_| common::fresh_uuid()).collect();
    let ids = asked.app.gateway.numbers(asked.tenant(), NUMBERS, names).await.map_err(refused)?;
    let named = |(id, one): (&u64, &Subscription)| json!({"id": id, "name": one.name});
    let succeeded: Vec<Value> = ids.iter().zip(&good).map(named).collect();
    let keeps = ids.into_iter().zip(good);
    let keeps = keeps.map(|(id, one)| keep_subscription(&asked, id, one));
    join_all(keeps).await.into_iter().collect::<Result<(), _>>()?;
    written(json!({"sub_succ": succeeded, "sub_fail": failed}))
}

async fn list(asked: Asked) -> Outcome {
    found(all(&asked).iter().map(|(_, hook)| shown(hook)).collect::<Vec<_>>())
}

fn find_own(asked: &Asked, id: &str) -> Result<(u64, Arc<Hook>), Refusal> {
    let own = all(asked).into_iter().find(|(number, _)| number.to_string() == id);
    own.ok_or_else(|| Refusal::new(Fault::NotFound, format!("no subscription {id}")))
}

async fn show(Path(id): Path<String>, asked: Asked) -> Outcome {
    found(shown(&find_own(&asked, &id)?.1))
}

async fn change(Path(id): Path<String>, asked: Asked) -> Outcome {
    let (id, _) = find_own(&asked, &id)?;
    let subscription = Subscription::read(&asked.app, asked.body()?).await?;
    let mut result = Map::new();
    result.insert(subscription.name.clone(), Value::from(id));
    keep_subscription(&asked, id, subscription).await?;
    written(result)
}

async fn remove(Path(id): Path<String>, asked: Asked) -> Outcome {
    let own = find_own(&asked, &id);
    let (id, _) = own.map_err(|refusal| refusal.or(Fault::NotFound, Fault::NoData))?;
    let gone = asked.app.gateway.remove_hook(asked.tenant(), &hook_id(id)).await;
    gone.map_err(hooks::refused)?;
    found("")
}

/// The events that go to the application's own address.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn own_events(app: &App, tenant: &str) -> Result<BTreeSet<String>, Refusal> {
    Ok(APPLICATION.get(app, tenant, EVENTS_KEY).await?.unwrap_or_default())
}

/// Names by category; all of a category where none is listed.
fn listed(asked: &Asked) -> Result<BTreeSet<String>, Refusal> {
    let infos = asked.body()?.wanted_objects("Events")?;
    let mut names = BTreeSet::new();
    for info in &infos {
        let category = info.wanted("category")?;
        let of_category = || EVENTS.iter().filter(|event| event.category == category);
        if of_category().next().is_none() {
            let known = "agent_state, ext_state, agent_call_mode or call";
            return Err(Refusal::params(format!("category: write {known}")));
        }
        match info.list("all_type")?.filter(|list| !list.is_empty()) {
            None => names.extend(of_category().map(|event| event.name.to_owned())),
            Some(list) => {
                for name in list {
                    if !of_category().any(|event| event.name == name) {
                        let detail = format!("all_type: {category} has no event {name}");
                        return Err(Refusal::params(detail));
                    }
                    names.insert(name);
                }
            }
        }
    }
    Ok(names)
}

/// The list as it is to be: what is there already and these, or these alone.
async fn keep(asked: &Asked, mut names: BTreeSet<String>, more: bool) -> Result<(), Refusal> {
    let app = &asked.app;
    let alone = Hub::of(app).hold_writing().await;
    if more {
        names.extend(own_events(app, asked.tenant()).await?);
    }
    asked.keep(APPLICATION, EVENTS_KEY, &names).await?;
    drop(alone);
    hooks::follow_application(app, asked.tenant(), &asked.app_id).await
}

async fn append(asked: Asked) -> Outcome {
    keep(&asked, listed(&asked)?, true).await?;
    written(Value::Null)
}

async fn replace(asked: Asked) -> Outcome {
    keep(&asked, listed(&asked)?, false).await?;
    written(Value::Null)
}

async fn clear(asked: Asked) -> Outcome {
    keep(&asked, BTreeSet::new(), false).await?;
    gone()
}
