//! Queues: create, change, remove, show, list.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strowger_core::vocab::acd::{DefinitionOrder, Limits, QueueConfig, QueueView, Strategy};
use strowger_core::vocab::{Command, QueueKey};

use super::asked::Asked;
use super::envelope::{Fault, Outcome, Refusal, found, gone, written};
use super::extensions;
use super::fields::Fields;
use super::ivr::furnish;
use super::seat::Seat;
use super::shelf::{QUEUES, refused};
use super::voices::{Defaults, defaults};
use crate::api::app::{App, wall_ms};
use crate::api::dialect::common;

/// Queues that an application may have.
const MOST_QUEUES: usize = 100;
/// How long callers wait in a new queue, in seconds.
const TIMEOUT: u32 = 60;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/queues", post(create).put(change).delete(remove).get(list))
        .route("/queues/{queue}", get(show))
}

/// What is kept of a queue beside its definition: moments in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
struct QueueDoc {
    created_at: u64,
    updated_at: u64,
}

/// 9 and three digits.
fn queue_id(fields: &Fields) -> Result<String, Refusal> {
    let id = fields.wanted("QueueId")?;
    let bytes = id.as_bytes();
    if bytes.len() == 4 && bytes[0] == b'9' && bytes.iter().all(u8::is_ascii_digit) {
        return Ok(id);
    }
    Err(Refusal::params("QueueId: write 9 and three digits"))
}

/// Refuses the number of a queue that does not exist.
///
/// # Errors
/// It does not exist.
pub(super) async fn must_exist(asked: &Asked, id: &str) -> Result<QueueView, Refusal> {
    asked.queue(id).await?.ok_or_else(|| Refusal::new(Fault::NoQueue, format!("no queue {id}")))
}

async fn create(asked: Asked) -> Outcome {
    let body = asked.body()?;
    let number = queue_id(body)?;
    body.wanted("QueueName")?;
    if asked.queue(&number).await?.is_some() {
        return Err(Refusal::new(Fault::Duplicate, format!("{number} for QueueId")));
    }
    if extensions::exists(&asked, &number).await? {
        return Err(Refusal::new(Fault::NumberExists, format!("{number} is an extension")));
    }
    if asked.queues().await?.len() >= MOST_QUEUES {
        let detail = format!("an application has at most {MOST_QUEUES} queues");
        return Err(Refusal::new(Fault::Forbidden, detail));
    }
    let key = QueueKey { tenant: asked.tenant().to_owned(), number };
    let mut config = fresh(key);
    let voices = defaults(&asked).await?;
    furnish(&mut config, &Defaults::new(), &voices);
    read_into(&mut config, body)?;
    let now = wall_ms();
    let doc = QueueDoc { created_at: now, updated_at: now };
    save(&asked, config, doc).await?;
    written(Value::Null)
}

/// A queue in which callers wait for agents that may yet sign in, as long as the queue says.
pub(super) fn fresh(key: QueueKey) -> QueueConfig {
    let limits =
        Limits { max_wait_time: TIMEOUT, exit_with_no_av_agents: false, ..Limits::default() };
    QueueConfig { limits, ..QueueConfig::new(key) }
}

/// Takes over what is given and leaves the rest.
fn read_into(config: &mut QueueConfig, fields: &Fields) -> Result<(), Refusal> {
    if let Some(name) = fields.short("QueueName", 128)? {
        config.name = name;
    }
    if let Some(name) = fields.given("Strategy")? {
        config.choice.strategy = strategy(&name).ok_or_else(|| {
            let known: Vec<String> = Strategy::ALL.into_iter().map(strategy_name).collect();
            Refusal::params(format!("Strategy: write one of {}", known.join(", ")))
        })?;
    }
    if let Some(secs) = fields.number("Timeout", 86_400)? {
        config.limits.max_wait_time = u32::try_from(secs).unwrap_or(TIMEOUT);
    }
    if let Some(length) = fields.number("MaxLength", 512)? {
        config.limits.max_length = u16::try_from(length.max(1)).unwrap_or(512);
    }
    Ok(())
}

/// `longest_idle` is the document's; the others are ours, with underscores.
fn strategy_name(strategy: Strategy) -> String {
    match strategy {
        Strategy::LongestIdleAgent => "longest_idle".to_owned(),
        other => other.as_str().replace('-', "_"),
    }
}

fn strategy(name: &str) -> Option<Strategy> {
    let plain = name.to_ascii_lowercase().replace('-', "_");
    let same =
        |own: &Strategy| strategy_name(*own) == plain || own.as_str().replace('-', "_") == plain;
    Strategy::ALL.into_iter().find(same)
}

async fn save(asked: &Asked, config: QueueConfig, doc: QueueDoc) -> Result<(), Refusal> {
    let number = config.key.number.clone();
    let order = Command::Define(DefinitionOrder::PutQueue(Box::new(config)));
    asked.order(order).await.map_err(|no| no.or(Fault::State, Fault::Forbidden))?;
    asked.keep(QUEUES, &number, &doc).await
}

async fn change(asked: Asked) -> Outcome {
    let body = asked.body()?;
    let number = queue_id(body)?;
    let mut config = must_exist(&asked, &number).await?.config;
    read_into(&mut config, body)?;
    let doc: Option<QueueDoc> = asked.kept(QUEUES, &number).await?;
    let doc = QueueDoc { updated_at: wall_ms(), ..doc.unwrap_or_default() };
    save(&asked, config, doc).await?;
    written(Value::Null)
}

async fn remove(asked: Asked) -> Outcome {
    let number = queue_id(&asked.parameters(&["QueueId"])?)?;
    if asked.queue(&number).await?.is_none() {
        return Err(Refusal::new(Fault::NoData, format!("no queue {number}")));
    }
    let seats = Seat::all(&asked).await?;
    if seats.iter().any(|seat| seat.doc.queues.contains(&number)) {
        return Err(Refusal::new(Fault::Bound, format!("agents are bound to queue {number}")));
    }
    let key = QueueKey { tenant: asked.tenant().to_owned(), number: number.clone() };
    let order = Command::Define(DefinitionOrder::DeleteQueue(key));
    asked.order(order).await.map_err(|no| no.or(Fault::State, Fault::Forbidden))?;
    asked.forget(QUEUES, &number).await?;
    gone()
}

async fn list(asked: Asked) -> Outcome {
    let docs: BTreeMap<String, QueueDoc> = asked.all_kept(QUEUES).await?.into_iter().collect();
    let queues = asked.queues().await?;
    let names = queues.iter().map(|view| view.config.key.number.clone()).collect();
    let ids = asked.app.gateway.numbers(asked.tenant(), "cti/queue-ids", names).await;
    let ids = ids.map_err(refused)?;
    let row = |(view, id): (&QueueView, u64)| {
        let config = &view.config;
        let doc = docs.get(&config.key.number).copied().unwrap_or_default();
        json!({
            "ID": id,
            "CreatedAt": date(doc.created_at),
            "UpdatedAt": date(doc.updated_at),
            "AppID": asked.app_id,
            "QueueID": config.key.number,
            "Timeout": config.limits.max_wait_time,
            "Strategy": strategy_name(config.choice.strategy),
            "AgentID": 0,
            "Name": config.name,
            "MaxLength": config.limits.max_length,
            "WaitMusic": config.voice.sound.as_deref().unwrap_or_default(),
        })
    };
    found(queues.iter().zip(ids).map(row).collect::<Vec<_>>())
}

/// RFC 3339; queues of the configuration file have no dates.
fn date(ms: u64) -> String {
    if ms == 0 { String::new() } else { common::rfc3339(ms) }
}

async fn show(Path(number): Path<String>, asked: Asked) -> Outcome {
    let view = must_exist(&asked, &number).await?;
    let seats = Seat::all(&asked).await?;
    let serving = seats.iter().filter(|seat| seat.doc.queues.contains(&number));
    let agents: Vec<&str> = serving.map(|seat| seat.id.as_str()).collect();
    found(json!({
        "QueueId": number,
        "QueueName": view.config.name,
        "Strategy": strategy_name(view.config.choice.strategy),
        "Timeout": view.config.limits.max_wait_time,
        "MaxLength": view.config.limits.max_length,
        "Agents": agents,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_is_read_as_it_is_shown() {
        for own in Strategy::ALL {
            assert_eq!(strategy(&strategy_name(own)), Some(own));
            assert_eq!(strategy(own.as_str()), Some(own));
        }
        assert_eq!(strategy("longest_idle"), Some(Strategy::LongestIdleAgent));
        assert_eq!(strategy("nothing"), None);
    }
}
