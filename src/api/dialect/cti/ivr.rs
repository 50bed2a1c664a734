//! The fast router: what a caller hears who calls a number that leads nowhere else, and where the keys lead.
//!
//! It is the tenant's menu `welcome`. The default voices are its greeting, and what queues play.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strowger_core::vocab::acd::{DefinitionOrder, HangupAction, QueueConfig};
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::menu::{Menu, MenuOrder};
use strowger_core::vocab::{Command, MenuKey, Query, QueueKey, Reply};

use super::asked::{Asked, unexpected};
use super::envelope::{Fault, Outcome, Refusal, SUCCESS, json as answer, written};
use super::queues::must_exist;
use super::shelf::APPLICATION;
use super::voices::{Defaults, defaults};
use crate::api::app::App;

/// Where it is kept.
const ROUTER: &str = "fast-router";
/// The menu that numbers without a destination lead to.
const MENU: &str = "welcome";

pub(super) fn routes() -> Router<App> {
    Router::new().route("/ivrs/fastrouters", get(show).post(set).put(set))
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Way {
    #[serde(rename = "Dtmf")]
    key: String,
    #[serde(rename = "Desc")]
    description: String,
    #[serde(rename = "QueueId")]
    queue: String,
}

async fn ways(app: &App, tenant: &str) -> Result<Vec<Way>, Refusal> {
    Ok(APPLICATION.get(app, tenant, ROUTER).await?.unwrap_or_default())
}

async fn set(State(app): State<App>, asked: Asked) -> Outcome {
    let wanted = asked.body()?.objects("FastRouter")?;
    let wanted = wanted.ok_or_else(|| Refusal::new(Fault::Blank, "FastRouter is missing"))?;
    let mut ways = Vec::new();
    let mut keys = BTreeSet::new();
    for fields in &wanted {
        let key = fields.wanted("Dtmf")?;
        if key.len() != 1 || !key.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::params("Dtmf: write one of 0 to 9"));
        }
        if !keys.insert(key.clone()) {
            return Err(Refusal::new(Fault::Duplicate, format!("{key} for Dtmf")));
        }
        let description = fields.text("Desc")?.unwrap_or_default();
        if description.len() > 128 {
            return Err(Refusal::params("Desc: at most 128 bytes"));
        }
        let queue = fields.wanted("QueueId")?;
        must_exist(&asked, &app, &queue).await?;
        ways.push(Way { key, description, queue });
    }
    APPLICATION.put(&app, &asked.tenant.tenant, ROUTER, &ways).await?;
    apply(&app, &asked).await?;
    written(Value::Null)
}

/// The one answer whose rows do not stand below `Result`.
async fn show(State(app): State<App>, asked: Asked) -> Outcome {
    let ways = ways(&app, &asked.tenant.tenant).await?;
    let body = json!({"ErrCode": SUCCESS, "ErrDesc": "OK", "FastRouter": ways});
    Ok(answer(StatusCode::OK, &body))
}

/// Brings the menu and the queues in line with what is set.
///
/// # Errors
/// The configuration file has a menu of this name, or the store cannot be written.
pub(super) async fn apply(app: &App, asked: &Asked) -> Result<(), Refusal> {
    let tenant = &asked.tenant.tenant;
    let voices = defaults(app, tenant).await?;
    let key = MenuKey { tenant: tenant.clone(), name: MENU.to_owned() };
    let prompt = |name: &str| voices.get(name).map(|voice| voice.prompt.clone());
    let keys = ways(app, tenant).await?.into_iter().filter_map(|way| {
        let queue = QueueKey { tenant: tenant.clone(), number: way.queue };
        Some((way.key.chars().next()?, Destination::Queue(queue)))
    });
    let menu = Menu {
        greeting: prompt("Welcome"),
        closed_greeting: prompt("ClosingTime"),
        keys: keys.collect(),
        ..Menu::named(key)
    };
    let order = Command::Menu(MenuOrder::Put(Box::new(menu)));
    asked.order(app, order).await.map_err(|no| no.or(Fault::State, Fault::Forbidden))?;
    let mut offset = 0;
    loop {
        let question = Query::Queues { offset, limit: 200 };
        let Reply::Queues(page) = asked.ask(app, question).await? else { return Err(unexpected()) };
        offset += page.items.len();
        let end = page.items.is_empty() || offset >= page.total;
        for view in page.items.into_iter().filter(|view| !view.from_file) {
            let mut config = view.config.clone();
            furnish(&mut config, &voices);
            if config != view.config {
                let order = Command::Define(DefinitionOrder::PutQueue(Box::new(config)));
                asked.order(app, order).await?;
            }
        }
        if end {
            return Ok(());
        }
    }
}

/// What callers of a queue hear.
pub(super) fn furnish(config: &mut QueueConfig, voices: &Defaults) {
    let prompt = |name: &str| voices.get(name).map(|voice| voice.prompt.clone());
    config.voice.sound = prompt("Waiting");
    config.limits.timeout_transfer_dst = prompt("QueueTimeout").map(Destination::Sound);
    config.service.quality_rate_sound = prompt("Evaluate");
    let asks = config.service.quality_rate_sound.is_some();
    config.service.agent_hangup_action = asks.then_some(HangupAction::QualityRate);
}
