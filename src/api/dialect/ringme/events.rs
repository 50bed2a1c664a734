//! Where clients want to hear of agents' logins and logouts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::agent_item::{Kind, status};
use super::client::Client;
use super::fields::{Fields, Given, Path};
use super::ids;
use super::refusal::{Fault, Refusal};
use super::tell;
use crate::api::app::App;
use crate::api::keep::Keep;
use crate::api::outgoing::HOOKS;

/// Events of one client.
pub(super) const MOST: usize = HOOKS;
/// Events, by their ids with leading zeros.
pub(super) const SPACE: &str = "ringme/events";
const LONGEST_URL: usize = 1_024;

type Answer = Result<Json<Value>, Refusal>;

/// What happens to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum What {
    AgentLogin,
    AgentLogout,
}

/// How it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Method {
    Get,
    Post,
}

/// One wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wish {
    /// Our id of the agent.
    pub(super) agent: String,
    pub(super) event_type: What,
    pub(super) method: Method,
    pub(super) url: String,
}

fn item(id: u64, wish: &Wish) -> Value {
    json!({"id": id, "event_type": wish.event_type, "method": wish.method, "url": wish.url})
}

pub(super) fn key(id: u64) -> String {
    format!("{id:010}")
}

/// All wishes of a tenant with their ids.
pub(super) async fn wishes(app: &App, tenant: &str) -> Result<Vec<(u64, Wish)>, Refusal> {
    let all = app.gateway.kept_all(tenant, SPACE, None, MOST).await?;
    let read = |(key, document): (String, Value)| {
        Some((key.parse().ok()?, serde_json::from_value(document).ok()?))
    };
    Ok(all.into_iter().filter_map(read).collect())
}

pub(super) async fn count(app: &App, client: &Client) -> Result<usize, Refusal> {
    Ok(wishes(app, client.tenant()).await?.len())
}

fn read_what(text: &str) -> Result<What, Refusal> {
    match text {
        "agent-login" => Ok(What::AgentLogin),
        "agent-logout" => Ok(What::AgentLogout),
        _ => Err(Refusal::wrong("event_type", "write agent-login or agent-logout")),
    }
}

fn read_method(text: &str) -> Result<Method, Refusal> {
    match text {
        "GET" => Ok(Method::Get),
        "POST" => Ok(Method::Post),
        _ => Err(Refusal::wrong("method", "write GET or POST")),
    }
}

async fn read_url(app: &App, text: String) -> Result<String, Refusal> {
    let words = "write an address such as https://myhost.example/calls";
    let uri: Uri = text.parse().map_err(|_| Refusal::wrong("url", words))?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    if !web || uri.host().is_none_or(str::is_empty) {
        return Err(Refusal::wrong("url", words));
    }
    let reached = app.gateway.check_url(&text).await;
    reached.map(|()| text).map_err(|why| Refusal::wrong("url", why))
}

pub(super) async fn list(
    State(app): State<App>,
    client: Client,
    Path((id, kind, agent)): Path<(String, String, String)>,
) -> Answer {
    client.is(&id)?;
    client.sees()?;
    let agent = client.agent(&app, Kind::read(&kind)?, &agent).await?.config.key.id;
    let wishes = wishes(&app, client.tenant()).await?;
    let own = wishes.iter().filter(|(_, wish)| wish.agent == agent);
    Ok(Json(own.map(|(id, wish)| item(*id, wish)).collect()))
}

/// The wish in a path.
async fn named(
    app: &App,
    client: &Client,
    (id, kind, agent, event): &(String, String, String, String),
) -> Result<(u64, Wish), Refusal> {
    client.is(id)?;
    let agent = client.agent(app, Kind::read(kind)?, agent).await?.config.key.id;
    let missing = || Refusal::not_found("event");
    let id: u64 = event.parse().ok().filter(|_| ids::is_digits(event)).ok_or_else(missing)?;
    let document = app.gateway.kept(client.tenant(), SPACE, &key(id)).await?;
    let wish: Wish =
        document.and_then(|document| serde_json::from_value(document).ok()).ok_or_else(missing)?;
    if wish.agent == agent { Ok((id, wish)) } else { Err(missing()) }
}

pub(super) async fn show(
    State(app): State<App>,
    client: Client,
    Path(path): Path<(String, String, String, String)>,
) -> Answer {
    client.sees()?;
    let (id, wish) = named(&app, &client, &path).await?;
    Ok(Json(item(id, &wish)))
}

pub(super) async fn create(
    State(app): State<App>,
    client: Client,
    Path((id, kind, agent)): Path<(String, String, String)>,
    fields: Fields,
) -> Answer {
    client.is(&id)?;
    client.defines()?;
    let view = client.agent(&app, Kind::read(&kind)?, &agent).await?;
    let wish = Wish {
        agent: view.config.key.id,
        event_type: read_what(&fields.needed("event_type", 32)?)?,
        method: read_method(&fields.needed("method", 8)?)?,
        url: read_url(&app, fields.needed("url", LONGEST_URL)?).await?,
    };
    if count(&app, &client).await? >= MOST {
        return Err(Refusal::new(Fault::Conflict, format!("a client has at most {MOST} events")));
    }
    let mut random = [0; 12];
    getrandom::fill(&mut random).map_err(|error| Refusal::internal(&error))?;
    let name = hex::encode(random);
    let id = client.id_of(&app, ids::EVENTS, &name).await?;
    // What happens from now on is told.
    let told = Keep::put(tell::SPACE, &*wish.agent, status(&view.intent).into());
    app.gateway.keep_together(client.tenant(), vec![told]).await?;
    put(&app, &client, id, &wish).await
}

async fn put(app: &App, client: &Client, id: u64, wish: &Wish) -> Answer {
    let document = serde_json::to_value(wish).map_err(|error| Refusal::internal(&error))?;
    app.gateway.keep(client.tenant(), SPACE, &key(id), Some(document)).await?;
    client.note("an event of an agent was defined", &wish.agent);
    Ok(Json(item(id, wish)))
}

pub(super) async fn change(
    State(app): State<App>,
    client: Client,
    Path(path): Path<(String, String, String, String)>,
    fields: Fields,
) -> Answer {
    client.defines()?;
    let (id, mut wish) = named(&app, &client, &path).await?;
    if let Given::Value(text) = fields.text("event_type", 32)? {
        wish.event_type = read_what(&text)?;
    }
    if let Given::Value(text) = fields.text("method", 8)? {
        wish.method = read_method(&text)?;
    }
    if let Given::Value(text) = fields.text("url", LONGEST_URL)? {
        wish.url = read_url(&app, text).await?;
    }
    let item = put(&app, &client, id, &wish).await?;
    tell::forget(&app, client.tenant()).await?;
    Ok(item)
}

pub(super) async fn remove(
    State(app): State<App>,
    client: Client,
    Path(path): Path<(String, String, String, String)>,
) -> Result<StatusCode, Refusal> {
    client.defines()?;
    let (id, wish) = named(&app, &client, &path).await?;
    app.gateway.keep(client.tenant(), SPACE, &key(id), None).await?;
    tell::forget(&app, client.tenant()).await?;
    client.note("an event of an agent was removed", &wish.agent);
    Ok(StatusCode::NO_CONTENT)
}
