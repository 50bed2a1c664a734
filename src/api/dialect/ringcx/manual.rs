//! A call that an agent's program begins: the agent's phone rings, then the other party is called.

use axum::Json;
use axum::extract::State;
use strowger_core::vocab::acd::{Activity, AgentView, Intent};
use strowger_core::vocab::{CallTerms, Command};

use super::actions::order;
use super::asked::Asked;
use super::refusal::Refusal;
use crate::api::app::App;
use crate::api::dialect::common;

/// The longest number, in characters.
const LONGEST: usize = 128;

/// Calls somebody for an agent who is available; `false` where it is not.
pub(super) async fn create(State(app): State<App>, asked: Asked) -> Result<Json<bool>, Refusal> {
    let agent = agent_named(&app, &asked, asked.wanted("username")?).await?;
    let to = asked.wanted("destination")?.to_owned();
    if to.len() > LONGEST || to.chars().any(char::is_control) {
        return Err(Refusal::wrong("destination: write a number"));
    }
    let ring_secs = asked.number("ringDuration")?;
    if ring_secs.is_some_and(|secs| !(1..=600).contains(&secs)) {
        return Err(Refusal::wrong("ringDuration: 1 to 600 seconds"));
    }
    let shown = asked.text("callerId").map(str::to_owned);
    let terms = CallTerms { shown, ring_secs, ..CallTerms::default() };
    let available = agent.intent == Intent::Available && matches!(agent.activity, Activity::Idle);
    let Some(from) = agent.place.strip_prefix("extension:").filter(|_| available) else {
        return Ok(Json(false));
    };
    let command = Command::Originate { from: from.to_owned(), to, auto_answer: false, terms };
    order(&app, &asked, command).await.map(Json)
}

/// The agent whose id this is, or what stands before the `@` of it, or whose name.
async fn agent_named(app: &App, asked: &Asked, username: &str) -> Result<AgentView, Refusal> {
    let local = username.split('@').next().unwrap_or(username);
    let agents = common::agents(app, &asked.principal).await?;
    let found =
        |fits: &dyn Fn(&AgentView) -> bool| agents.iter().find(|agent| fits(agent)).cloned();
    found(&|agent| agent.config.key.id == username)
        .or_else(|| found(&|agent| agent.config.key.id == local))
        .or_else(|| found(&|agent| agent.config.name.eq_ignore_ascii_case(username)))
        .ok_or_else(|| Refusal::unknown(format!("no agent {username}")))
}
