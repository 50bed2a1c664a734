//! The fast router: what a caller hears who calls a number that leads nowhere else, and where the keys lead.
//!
//! It is the tenant's menu `welcome`. The default voices are its greetings, what queues play, and what holds for all calls
//! of the tenant. `ClosingTime` is heard outside the hours that the menu has been given.

use std::collections::BTreeSet;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strowger_core::vocab::acd::{DefinitionOrder, HangupAction, QueueConfig};
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::menu::{Menu, MenuOrder};
use strowger_core::vocab::{Command, CommandError, MenuKey, Query, QueueKey, Reply};

use super::asked::{Asked, unexpected};
use super::envelope::{Fault, Outcome, Refusal, SUCCESS, json as answer, written};
use super::queues::must_exist;
use super::shelf::APPLICATION;
use super::voices::{Defaults, defaults};
use crate::api::app::App;
use crate::api::dialect::common;

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

async fn ways(asked: &Asked) -> Result<Vec<Way>, Refusal> {
    Ok(asked.kept(APPLICATION, ROUTER).await?.unwrap_or_default())
}

async fn set(asked: Asked) -> Outcome {
    let wanted = asked.body()?.wanted_objects("FastRouter")?;
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
        let description = fields.short("Desc", 128)?.unwrap_or_default();
        let queue = fields.wanted("QueueId")?;
        must_exist(&asked, &queue).await?;
        ways.push(Way { key, description, queue });
    }
    asked.keep(APPLICATION, ROUTER, &ways).await?;
    apply_menu(&asked, &defaults(&asked).await?).await?;
    written(Value::Null)
}

/// The one answer whose rows do not stand below `Result`.
async fn show(asked: Asked) -> Outcome {
    let ways = ways(&asked).await?;
    let body = json!({"ErrCode": SUCCESS, "ErrDesc": "OK", "FastRouter": ways});
    Ok(answer(StatusCode::OK, &body))
}

/// Brings the menu in line with what is set. What somebody else has set of it, such as its hours, stays.
///
/// # Errors
/// The configuration file has a menu of this name, or the store cannot be written.
async fn apply_menu(asked: &Asked, voices: &Defaults) -> Result<(), Refusal> {
    let tenant = || asked.tenant().to_owned();
    let menu = Query::Menu(MENU.to_owned());
    let known = match asked.app.gateway.query(asked.principal(), menu).await {
        Reply::Menu(view) => view.menu,
        Reply::Refused(CommandError::NotFound(_)) => {
            Menu::named(MenuKey { tenant: tenant(), name: MENU.to_owned() })
        }
        Reply::Refused(error) => return Err(error.into()),
        _ => return Err(unexpected()),
    };
    let keys = ways(asked).await?.into_iter().filter_map(|way| {
        let queue = QueueKey { tenant: tenant(), number: way.queue };
        Some((way.key.chars().next()?, Destination::Queue(queue)))
    });
    let menu = Menu {
        greeting: prompt(voices, "Welcome"),
        closed_greeting: prompt(voices, "ClosingTime"),
        keys: keys.collect(),
        ..known
    };
    let order = Command::Menu(MenuOrder::Put(Box::new(menu)));
    asked.order(order).await.map(drop).map_err(|no| no.or(Fault::State, Fault::Forbidden))
}

/// Has callers hear the new default voices instead of those before.
///
/// # Errors
/// The configuration file has a menu of this name, or the store cannot be written.
pub(super) async fn apply(asked: &Asked, before: &Defaults, now: &Defaults) -> Result<(), Refusal> {
    apply_menu(asked, now).await?;
    let known = common::settings(&asked.app, &asked.principal()).await?;
    let mut settings = known.clone();
    for (place, name) in [
        (&mut settings.hold_music, "Hold"),
        (&mut settings.consult_music, "Consult"),
        (&mut settings.no_answer, "NoAnswer"),
        (&mut settings.mailbox_greeting, "VoiceMail"),
    ] {
        replace(place, prompt(before, name), prompt(now, name));
    }
    if settings != known {
        asked.order(Command::TenantSettings(Box::new(settings))).await?;
    }
    let queues = asked.queues().await?.into_iter().filter(|view| !view.from_file);
    let changed = queues.filter_map(|view| {
        let mut config = view.config.clone();
        furnish(&mut config, before, now);
        let order = DefinitionOrder::PutQueue(Box::new(config.clone()));
        (config != view.config).then_some(Command::Define(order))
    });
    let outcomes = asked.order_all(changed.collect()).await;
    outcomes.into_iter().try_for_each(|outcome| outcome.map(drop))
}

fn prompt(voices: &Defaults, name: &str) -> Option<String> {
    voices.get(name).map(|voice| voice.prompt.clone())
}

/// A default takes the place of the one before; what somebody else has set there stays.
fn replace<T: PartialEq>(place: &mut Option<T>, before: Option<T>, now: Option<T>) {
    if *place == before {
        *place = now;
    }
}

/// What callers of a queue hear.
pub(super) fn furnish(config: &mut QueueConfig, before: &Defaults, now: &Defaults) {
    let both = |name: &str| (prompt(before, name), prompt(now, name));
    let (old, new) = both("Waiting");
    replace(&mut config.voice.sound, old, new);
    let (old, new) = both("QueueTimeout");
    let (old, new) = (old.map(Destination::Sound), new.map(Destination::Sound));
    replace(&mut config.limits.timeout_transfer_dst, old, new);
    let (old, new) = both("Evaluate");
    let asks = |voice: &Option<String>| voice.as_ref().map(|_| HangupAction::QualityRate);
    replace(&mut config.service.agent_hangup_action, asks(&old), asks(&new));
    replace(&mut config.service.quality_rate_sound, old, new);
}

#[cfg(test)]
mod tests {
    use super::super::queues::fresh;
    use super::super::voices::Voice;
    use super::*;

    fn voices(named: &[(&str, &str)]) -> Defaults {
        let voice = |(name, prompt): &(&str, &str)| ((*name).to_owned(), Voice::playing(prompt));
        named.iter().map(voice).collect()
    }

    #[test]
    fn defaults_replace_each_other_and_nothing_that_somebody_else_has_set() {
        let key = QueueKey { tenant: "demo".into(), number: "9001".into() };
        let mut config = fresh(key);
        let first = voices(&[("Waiting", "a"), ("QueueTimeout", "b"), ("Evaluate", "c")]);
        furnish(&mut config, &Defaults::new(), &first);
        assert_eq!(config.voice.sound.as_deref(), Some("a"));
        assert_eq!(config.limits.timeout_transfer_dst, Some(Destination::Sound("b".into())));
        assert_eq!(config.service.agent_hangup_action, Some(HangupAction::QualityRate));
        // Somebody else sets the music and where callers go.
        config.voice.sound = Some("other".into());
        config.limits.timeout_transfer_dst = Some(Destination::Echo);
        furnish(&mut config, &first, &voices(&[("Waiting", "d"), ("Evaluate", "e")]));
        assert_eq!(config.voice.sound.as_deref(), Some("other"));
        assert_eq!(config.limits.timeout_transfer_dst, Some(Destination::Echo));
        assert_eq!(config.service.quality_rate_sound.as_deref(), Some("e"));
        furnish(&mut config, &voices(&[("Evaluate", "e")]), &Defaults::new());
        assert_eq!(
            (config.service.quality_rate_sound, config.service.agent_hangup_action),
            (None, None)
        );
    }
}
