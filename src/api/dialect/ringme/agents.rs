//! Local and remote agents of a client.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde_json::Value;
use strowger_core::vocab::acd::{
    AgentConfig, AgentKey, AgentOrder, AgentPlace, AgentView, DefinitionOrder, Intent,
};
use strowger_core::vocab::{Command, Query, Reply};

use super::agent_item::{self, Kept, Kind, SPACE};
use super::client::Client;
use super::events;
use super::fields::{Fields, Path, query, read_flag};
use super::ids;
use super::queues::changeable;
use super::refusal::{Fault, Refusal};
use super::tell;
use crate::api::app::App;
use crate::api::dialect::common;
use crate::api::gateway::MAX_ROWS;
use crate::api::keep::Keep;

type Answer = Result<Json<Value>, Refusal>;

impl Client {
    /// The agent of this kind in a path.
    pub(super) async fn agent(
        &self,
        app: &App,
        kind: Kind,
        text: &str,
    ) -> Result<AgentView, Refusal> {
        let id = self.named(app, ids::AGENTS, "agent", text).await?;
        match self.ask(app, Query::Agent(id)).await {
            Ok(Reply::Agent(view)) if Kind::of(&view.config) == kind => Ok(*view),
            Ok(Reply::Agent(_)) => Err(Refusal::not_found("agent")),
            Ok(_) => Err(Refusal::unexpected()),
            Err(refusal) if refusal.is(Fault::NotFound) => Err(Refusal::not_found("agent")),
            Err(refusal) => Err(refusal),
        }
    }

    /// All agents of a kind, or those of one queue.
    pub(super) async fn agents(
        &self,
        app: &App,
        kind: Kind,
        queue: Option<&str>,
    ) -> Result<Vec<AgentView>, Refusal> {
        let agents = match queue {
            Some(queue) => common::agents_of(app, &self.principal, queue).await?,
            None => common::agents(app, &self.principal).await?,
        };
        Ok(agents.into_iter().filter(|view| Kind::of(&view.config) == kind).collect())
    }

    async fn kept_of(&self, app: &App, id: &str) -> Result<Kept, Refusal> {
        Ok(read(app.gateway.kept(self.tenant(), SPACE, id).await?))
    }
}

pub(super) async fn list(
    State(app): State<App>,
    client: Client,
    Path((id, kind)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    client.is(&id)?;
    client.sees()?;
    let kind = Kind::read(&kind)?;
    let wanted = wanted(&app, &client, &uri).await?;
    let at = |view: &AgentView| match view.config.places.first() {
        Some(AgentPlace::Extension(number)) => number.clone(),
        _ => String::new(),
    };
    let mut views = client.agents(&app, kind, None).await?;
    views.retain(|view| {
        kind == Kind::Remote || wanted.as_ref().is_none_or(|all| all.contains(&at(view)))
    });
    let places = views.iter().map(|view| (SPACE.to_owned(), view.config.key.id.clone()));
    let kept = app.gateway.kept_of(client.tenant(), places.collect()).await?;
    let kept: Vec<Kept> = kept.into_iter().map(read).collect();
    Ok(Json(Value::Array(agent_item::show_all(&app, &client, &views, &kept).await?)))
}

fn read(kept: Option<Value>) -> Kept {
    kept.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default()
}

/// The extensions of the filter `extension_id`: repeated, with brackets, or with commas. An unknown id is nobody's.
async fn wanted(
    app: &App,
    client: &Client,
    uri: &Uri,
) -> Result<Option<BTreeSet<String>>, Refusal> {
    let given: Vec<String> = query(uri)?
        .into_iter()
        .filter(|(key, _)| key == "extension_id" || key == "extension_id[]")
        .flat_map(|(_, value)| value.split(',').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    if given.is_empty() {
        return Ok(None);
    }
    let mut numbers = BTreeSet::new();
    for text in given.iter().take(MAX_ROWS) {
        let id = text.trim().parse().ok().filter(|_| ids::is_digits(text.trim()));
        let id = id.ok_or_else(|| Refusal::wrong("extension_id", "write whole numbers"))?;
        numbers.extend(client.name_of(app, ids::EXTENSIONS, id).await?);
    }
    Ok(Some(numbers))
}

pub(super) async fn show(
    State(app): State<App>,
    client: Client,
    Path((id, kind, agent)): Path<(String, String, String)>,
) -> Answer {
    client.is(&id)?;
    client.sees()?;
    let view = client.agent(&app, Kind::read(&kind)?, &agent).await?;
    let kept = client.kept_of(&app, &view.config.key.id).await?;
    agent_item::show(&app, &client, view, &kept).await.map(Json)
}

pub(super) async fn create(
    State(app): State<App>,
    client: Client,
    Path((id, kind)): Path<(String, String)>,
    fields: Fields,
) -> Answer {
    client.is(&id)?;
    client.defines()?;
    let place = place(&app, &client, Kind::read(&kind)?, &fields).await?;
    let intent = agent_item::ordered(&fields)?.unwrap_or_default();
    let name = free_id(&app, &client, &place).await?;
    let key = AgentKey { tenant: client.tenant().to_owned(), id: name.clone() };
    let mut agent = AgentConfig {
        name,
        places: vec![place],
        status: intent.clone(),
        // Misses in a row do nothing here: the document has no break.
        max_no_answer: 0,
        ..AgentConfig::new(key)
    };
    let mut kept = Kept::default();
    agent_item::change(&app, &client, &fields, &mut agent, &mut kept).await?;
    put(&app, &client, agent, &kept, Some(intent)).await
}

/// Where an agent is rung.
async fn place(
    app: &App,
    client: &Client,
    kind: Kind,
    fields: &Fields,
) -> Result<AgentPlace, Refusal> {
    if kind == Kind::Remote {
        return outside(&fields.needed("number", 33)?);
    }
    let missing = || Refusal::wrong("extension_id", "it is missing");
    let id = fields.id("extension_id")?.value().ok_or_else(missing)?;
    let number = client.name_of(app, ids::EXTENSIONS, id.into()).await?;
    let words = format!("there is no extension {id}");
    number.map(AgentPlace::Extension).ok_or_else(|| Refusal::wrong("extension_id", words))
}

fn outside(number: &str) -> Result<AgentPlace, Refusal> {
    match ids::is_digits(number.strip_prefix('+').unwrap_or(number)) {
        true => Ok(AgentPlace::Number(number.to_owned())),
        false => Err(Refusal::wrong("number", "write digits, such as 89215650644")),
    }
}

/// An id for people: the number where the agent is rung, with a count behind it where that is taken.
async fn free_id(app: &App, client: &Client, place: &AgentPlace) -> Result<String, Refusal> {
    let (AgentPlace::Extension(number) | AgentPlace::Number(number)) = place;
    let number = number.trim_start_matches('+');
    for count in 1..=100 {
        let id = if count == 1 { number.to_owned() } else { format!("{number}-{count}") };
        match client.ask(app, Query::Agent(id.clone())).await {
            Ok(_) => {}
            Err(refusal) if refusal.is(Fault::NotFound) => return Ok(id),
            Err(refusal) => return Err(refusal),
        }
    }
    Err(Refusal::new(Fault::Conflict, "a hundred agents have this number already"))
}

/// Defines the agent, then gives it its status, and answers with it as it stands.
async fn put(
    app: &App,
    client: &Client,
    agent: AgentConfig,
    kept: &Kept,
    intent: Option<Intent>,
) -> Answer {
    let id = agent.key.id.clone();
    client.define(app, DefinitionOrder::PutAgent(Box::new(agent))).await?;
    let document = (*kept != Kept::default()).then(|| serde_json::to_value(kept));
    let document = document.transpose().map_err(|error| Refusal::internal(&error))?;
    app.gateway.keep(client.tenant(), SPACE, &id, document).await?;
    if let Some(intent) = intent {
        let order = AgentOrder::Intent(intent);
        client.order(app, Command::Agent { agent: id.clone(), order }).await?;
    }
    client.note("an agent was defined", &id);
    match client.ask(app, Query::Agent(id)).await? {
        Reply::Agent(view) => agent_item::show(app, client, *view, kept).await.map(Json),
        _ => Err(Refusal::unexpected()),
    }
}

pub(super) async fn change(
    State(app): State<App>,
    client: Client,
    Path((id, kind, agent)): Path<(String, String, String)>,
    fields: Fields,
) -> Answer {
    client.is(&id)?;
    client.defines()?;
    let view = client.agent(&app, Kind::read(&kind)?, &agent).await?;
    let intent = agent_item::ordered(&fields)?;
    let (mut agent, mut kept) =
        (view.config.clone(), client.kept_of(&app, &view.config.key.id).await?);
    let before = kept.clone();
    agent_item::change(&app, &client, &fields, &mut agent, &mut kept).await?;
    if let Some(number) =
        fields.text("number", 33)?.value().filter(|_| Kind::of(&agent) == Kind::Remote)
    {
        agent.places = vec![outside(&number)?];
    }
    if agent == view.config && kept == before {
        // A status is everybody's to change, the file's agents included.
        return settle(&app, &client, &agent, &kept, intent).await;
    }
    changeable(view.from_file, "agent")?;
    put(&app, &client, agent, &kept, intent).await
}

async fn settle(
    app: &App,
    client: &Client,
    agent: &AgentConfig,
    kept: &Kept,
    intent: Option<Intent>,
) -> Answer {
    let id = agent.key.id.clone();
    if let Some(intent) = intent {
        let order = AgentOrder::Intent(intent);
        client.order(app, Command::Agent { agent: id.clone(), order }).await?;
        client.note("an agent's status was ordered", &id);
    }
    match client.ask(app, Query::Agent(id)).await? {
        Reply::Agent(view) => agent_item::show(app, client, *view, kept).await.map(Json),
        _ => Err(Refusal::unexpected()),
    }
}

/// Its places in queues go with it, unless that is not wanted.
pub(super) async fn remove(
    State(app): State<App>,
    client: Client,
    Path((id, kind, agent)): Path<(String, String, String)>,
    uri: Uri,
    fields: Fields,
) -> Result<StatusCode, Refusal> {
    const KEY: &str = "remove_from_queues";
    client.is(&id)?;
    client.defines()?;
    let view = client.agent(&app, Kind::read(&kind)?, &agent).await?;
    changeable(view.from_file, "agent")?;
    let asked = query(&uri)?.into_iter().find(|(key, _)| key == KEY);
    let even_from_queues = match asked {
        Some((_, text)) => read_flag(KEY, &text)?,
        None => fields.flag(KEY)?.over(true, true),
    };
    if !even_from_queues && !view.config.tiers.is_empty() {
        let words = "the agent is in a queue; take it out, or let remove_from_queues be true";
        return Err(Refusal::new(Fault::Conflict, words));
    }
    let key = view.config.key;
    client.define(&app, DefinitionOrder::DeleteAgent(key.clone())).await?;
    let mut changes = vec![Keep::remove(SPACE, &*key.id), Keep::remove(tell::SPACE, &*key.id)];
    for (id, wish) in events::wishes(&app, client.tenant()).await? {
        if wish.agent == key.id {
            changes.push(Keep::remove(events::SPACE, events::key(id)));
        }
    }
    app.gateway.keep_together(client.tenant(), changes).await?;
    tell::forget(&app, client.tenant()).await?;
    client.note("an agent was removed", &key.id);
    Ok(StatusCode::NO_CONTENT)
}
