//! Auto-dialling tasks: start, change the ratio, stop, stop at once.

use axum::Router;
use axum::routing::post;
use serde_json::Value;
use strowger_core::vocab::dial::{
    DialAction, DialMode, DialOrder, DialTask, DialTaskKey, RATIOS, RobotLink,
};
use strowger_core::vocab::{Command, MenuKey, QueueKey, Secret};

use super::asked::Asked;
use super::envelope::{Outcome, Refusal, written};
use super::fields::Fields;
use super::task_feed::FEED;
use super::{queues, relays};
use crate::api::app::App;

/// Calls of one task at a time.
const MOST_CALLS: u64 = 100;
/// Characters of a task's id.
const LONGEST_ID: usize = 64;
/// Characters of a robot's token.
const LONGEST_TOKEN: usize = 512;
/// How long a number rings, in seconds.
const RING_SECS: u32 = 30;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/ads/task/start", post(start))
        .route("/ads/task/update_ratio", post(update_ratio))
        .route("/ads/task/stop", post(stop))
        .route("/ads/task/force_stop", post(force_stop))
}

fn task_id(fields: &Fields) -> Result<String, Refusal> {
    let id = fields.wanted("AdTaskId")?;
    if id.len() > LONGEST_ID || id.chars().any(char::is_control) {
        return Err(Refusal::params(format!("AdTaskId: write at most {LONGEST_ID} characters")));
    }
    Ok(id)
}

/// In hundredths; `None` where none is given.
fn ratio(fields: &Fields) -> Result<Option<u32>, Refusal> {
    let given = match fields.value("AdTaskRatio") {
        None => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    let hundredths = given.map(|ratio: f64| (ratio * 100.0).round());
    let least = f64::from(*RATIOS.start());
    let most = f64::from(*RATIOS.end());
    match hundredths.filter(|ratio| (least..=most).contains(ratio)) {
        // Within 100 and 500.
        Some(ratio) => Ok(Some(ratio as u32)),
        None => Err(Refusal::params("AdTaskRatio: write 1.0 to 5.0")),
    }
}

fn mode(fields: &Fields) -> Result<DialMode, Refusal> {
    match fields.wanted("AdTaskType")?.as_str() {
        "1" => Ok(DialMode::Progressive),
        "2" => Ok(DialMode::Ratio),
        "3" => Ok(DialMode::Predictive),
        "4" => Ok(DialMode::Broadcast),
        "5" => Ok(DialMode::Robot),
        _ => Err(Refusal::params("AdTaskType: write 1, 2, 3, 4 or 5")),
    }
}

/// What the robot knows the switch by; empty where none is given.
fn robot_token(fields: &Fields) -> Result<Secret, Refusal> {
    let token = fields.text("AdRobotToken")?.unwrap_or_default();
    if token.len() > LONGEST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let text = format!("AdRobotToken: write at most {LONGEST_TOKEN} visible characters");
        return Err(Refusal::params(text));
    }
    Ok(Secret::new(token))
}

/// A number that the company has.
async fn own_number(asked: &Asked, name: &str) -> Result<String, Refusal> {
    let number = asked.body()?.wanted(name)?;
    relays::must_own(asked, name, number).await
}

async fn start(asked: Asked) -> Outcome {
    let body = asked.body()?;
    let tenant = || asked.tenant().to_owned();
    let (id, mode) = (task_id(body)?, mode(body)?);
    let ratio = ratio(body)?.unwrap_or(*RATIOS.start());
    let limit = body.number("AdConCallLimit", MOST_CALLS)?.filter(|limit| *limit > 0);
    let limit = limit.ok_or_else(|| Refusal::params("AdConCallLimit: write 1 to 100"))?;
    own_number(&asked, "AdCallerNum").await?;
    let shown = own_number(&asked, "AdDispNum").await?;
    let queue = match mode.wants_agents() {
        true => Some(body.wanted("AdQueueId")?),
        false => None,
    };
    if let Some(number) = &queue {
        queues::must_exist(&asked, number).await?;
    }
    let menu = match mode {
        DialMode::Broadcast => Some(body.wanted("AdIvrId")?),
        _ => None,
    };
    // Its address is the tenant's.
    let robot = match mode {
        DialMode::Robot => Some(RobotLink { url: None, token: robot_token(body)? }),
        _ => None,
    };
    let task = DialTask {
        key: DialTaskKey { tenant: tenant(), id: id.clone() },
        mode,
        ratio,
        queue: queue.map(|number| QueueKey { tenant: tenant(), number }),
        menu: menu.map(|name| MenuKey { tenant: tenant(), name }),
        robot,
        caller_number: shown,
        // Those of the tenant's `[[dialer]]`.
        classes: Vec::new(),
        max_calls: u32::try_from(limit).unwrap_or(1),
        ring_secs: RING_SECS,
        hours: None,
        feed: Some(FEED.to_owned()),
    };
    asked.order(Command::Dial(DialOrder::Put(Box::new(task)))).await?;
    direct(&asked, id, DialAction::Start).await
}

/// Tells a task something.
async fn direct(asked: &Asked, task: String, action: DialAction) -> Outcome {
    asked.order(Command::Dial(DialOrder::Task { task, action })).await?;
    written(Value::Null)
}

async fn update_ratio(asked: Asked) -> Outcome {
    let id = task_id(asked.body()?)?;
    let ratio = ratio(asked.body()?)?;
    let ratio = ratio.ok_or_else(|| Refusal::params("AdTaskRatio: write 1.0 to 5.0"))?;
    direct(&asked, id, DialAction::SetRatio(ratio)).await
}

async fn stop(asked: Asked) -> Outcome {
    let id = task_id(asked.body()?)?;
    direct(&asked, id, DialAction::Stop).await
}

async fn force_stop(asked: Asked) -> Outcome {
    let id = task_id(asked.body()?)?;
    direct(&asked, id, DialAction::ForceStop).await
}
