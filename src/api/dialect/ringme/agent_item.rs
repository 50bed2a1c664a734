//! An agent, in the document's words and in ours.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strowger_core::vocab::acd::{AgentConfig, AgentPlace, AgentView, Intent, Times, ranges};

use super::client::Client;
use super::fields::{Fields, Given};
use super::ids;
use super::queue_item::prompt;
use super::refusal::Refusal;
use crate::api::app::App;

/// What we keep of an agent beside its definition, by its id.
pub(super) const SPACE: &str = "ringme/agents";

/// The two kinds of agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A phone of ours.
    Local,
    /// An outside number.
    Remote,
}

impl Kind {
    /// As it stands in paths.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        match text {
            "local" => Ok(Self::Local),
            "remote" => Ok(Self::Remote),
            _ => Err(Refusal::not_found("kind of agents")),
        }
    }

    pub(super) fn of(agent: &AgentConfig) -> Self {
        match agent.places.first() {
            Some(AgentPlace::Number(_)) => Self::Remote,
            _ => Self::Local,
        }
    }
}

/// What the switch has no place for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// `extra_params`.
    pub(super) extra: Option<String>,
}

/// `on_break` is no status here: no call comes.
pub(super) fn status(intent: &Intent) -> &'static str {
    match intent {
        Intent::Available => "available",
        Intent::LoggedOut | Intent::OnBreak { .. } => "logged_out",
    }
}

/// The status that is ordered.
pub(super) fn ordered(fields: &Fields) -> Result<Option<Intent>, Refusal> {
    match fields.text("status", 32)? {
        Given::Absent | Given::Null => Ok(None),
        Given::Value(text) if text == "available" => Ok(Some(Intent::Available)),
        Given::Value(text) if text == "logged_out" => Ok(Some(Intent::LoggedOut)),
        Given::Value(_) => Err(Refusal::wrong("status", "write available or logged_out")),
    }
}

/// As the document shows it.
pub(super) async fn show(
    app: &App,
    client: &Client,
    view: AgentView,
    kept: &Kept,
) -> Result<Value, Refusal> {
    let all = show_all(app, client, &[view], std::slice::from_ref(kept)).await?;
    all.into_iter().next().ok_or_else(Refusal::unexpected)
}

/// Several, each with what is kept of it. Their numbers are asked for together.
pub(super) async fn show_all(
    app: &App,
    client: &Client,
    views: &[AgentView],
    kept: &[Kept],
) -> Result<Vec<Value>, Refusal> {
    let agents = || views.iter().map(|view| &view.config);
    let names = agents().map(|agent| agent.key.id.clone()).collect();
    let mut names = client.ids_of(app, ids::AGENTS, names).await?.into_iter();
    let places = agents().filter_map(|agent| match agent.places.first() {
        Some(AgentPlace::Extension(number)) => Some(number.clone()),
        _ => None,
    });
    let mut places = client.ids_of(app, ids::EXTENSIONS, places.collect()).await?.into_iter();
    let sounds = agents().filter_map(|agent| agent.agent_sound.clone()).collect();
    let mut sounds = client.ids_of(app, ids::SOUNDS, sounds).await?.into_iter();
    let item = |(view, kept): (&AgentView, &Kept)| {
        let place = match view.config.places.first() {
            Some(AgentPlace::Number(number)) => ("number", Value::from(number.as_str())),
            Some(AgentPlace::Extension(_)) => ("extension_id", places.next().into()),
            None => ("extension_id", Value::Null),
        };
        let sound = view.config.agent_sound.as_ref().and_then(|_| sounds.next());
        Some(item(view, kept, names.next()?, sound, place))
    };
    Ok(views.iter().zip(kept).filter_map(item).collect())
}

/// `name` is null where none was given: ours is the id then.
fn item(
    view: &AgentView,
    kept: &Kept,
    id: u64,
    sound: Option<u64>,
    (key, place): (&str, Value),
) -> Value {
    let agent = &view.config;
    let times = &agent.times;
    let mut item = json!({
        "id": id,
        "name": (agent.name != agent.key.id).then_some(&agent.name),
        "status": status(&view.intent),
        "busy_delay_time": times.busy_delay_time,
        "call_timeout": times.call_timeout,
        "no_answer_delay_time": times.no_answer_delay_time,
        "reject_delay_time": times.reject_delay_time,
        "wrap_up_time": times.wrap_up_time,
        "extra_params": kept.extra,
        "agent_sound_id": sound,
    });
    if let Some(members) = item.as_object_mut() {
        members.insert(key.to_owned(), place);
    }
    item
}

/// Changes what is given; what is left out stays, null is unset.
pub(super) async fn change(
    app: &App,
    client: &Client,
    fields: &Fields,
    agent: &mut AgentConfig,
    kept: &mut Kept,
) -> Result<(), Refusal> {
    let Times {
        call_timeout,
        no_answer_delay_time,
        busy_delay_time,
        reject_delay_time,
        wrap_up_time,
    } = &mut agent.times;
    for (key, present, range) in [
        ("call_timeout", call_timeout, &ranges::CALL_TIMEOUT),
        ("no_answer_delay_time", no_answer_delay_time, &ranges::DELAY),
        ("busy_delay_time", busy_delay_time, &ranges::DELAY),
        ("reject_delay_time", reject_delay_time, &ranges::DELAY),
        ("wrap_up_time", wrap_up_time, &ranges::DELAY),
    ] {
        *present = fields.long(key, range)?.over_option(*present);
    }
    let unnamed = agent.key.id.clone();
    let name = fields.text("name", ranges::NAME_BYTES)?;
    agent.name = name.over(std::mem::take(&mut agent.name), unnamed);
    kept.extra = fields.text("extra_params", 1_024)?.over_option(kept.extra.take());
    match fields.id("agent_sound_id")? {
        Given::Absent => {}
        Given::Null => agent.agent_sound = None,
        Given::Value(id) => {
            agent.agent_sound = Some(prompt(app, client, "agent_sound_id", id).await?);
        }
    }
    Ok(())
}
