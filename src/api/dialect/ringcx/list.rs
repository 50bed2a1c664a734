//! The list of active calls.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use strowger_core::vocab::acd::QueueKey;
use strowger_core::vocab::command::{CallStage, CallView};
use strowger_core::vocab::record::Party;
use strowger_core::vocab::{CommandError, Query, Reply};

use super::asked::Asked;
use super::refusal::Refusal;
use super::uii;
use crate::api::app::App;
use crate::api::dialect::common::{self, number_and_name};

/// Rows in a page where `maxRows` says nothing.
const ROWS: u32 = 100;
/// ... and at most.
const MOST_ROWS: u32 = 1_000;

/// What calls are listed by.
enum Product {
    /// All of the account.
    Account,
    /// Those of a queue.
    Queue(String),
    /// Those of a dial task.
    Task(String),
    /// Those in a menu.
    Menu(String),
    /// Those that a trunk carries.
    Trunk(String),
    /// Those that came for a number of the account.
    Number(String),
    /// Those for which this was dialled.
    Dialled(String),
}

impl Product {
    async fn read(app: &App, asked: &Asked) -> Result<Self, Refusal> {
        let (product, id) = (asked.wanted("product")?, asked.wanted("productId")?);
        let owned = id.to_owned();
        match product {
            "ACCOUNT" if id == asked.account => Ok(Self::Account),
            "ACCOUNT" => Err(Refusal::unknown(format!("no account {id}"))),
            "ACD" => {
                exists(app, asked, Query::Queue(owned.clone())).await.map(|()| Self::Queue(owned))
            }
            "VISUAL_IVR" => {
                exists(app, asked, Query::Menu(owned.clone())).await.map(|()| Self::Menu(owned))
            }
            "OUTBOUND" => {
                exists(app, asked, Query::DialTask(owned.clone())).await.map(|()| Self::Task(owned))
            }
            "CLOUD_PROFILE" => trunk(app, asked, id).await.map(|()| Self::Trunk(owned)),
            "TRAC_NUMBER" => Ok(Self::Number(plain(id))),
            "DNIS" => Ok(Self::Dialled(plain(id))),
            other => Err(Refusal::wrong(format!(
                "product {other} is not supported: ACCOUNT, ACD, OUTBOUND, VISUAL_IVR, CLOUD_PROFILE, TRAC_NUMBER or DNIS"
            ))),
        }
    }

    fn has(&self, call: &CallView) -> bool {
        let record = &call.record;
        let carried = |party: &Party, name: &str| matches!(party, Party::Trunk { trunk, .. } if trunk.name == name);
        match self {
            Self::Account => true,
            Self::Queue(number) => {
                record.queued.last().is_some_and(|visit| visit.queue.number == *number)
            }
            Self::Task(id) => record.dialled_for.as_ref().is_some_and(|own| own.task == *id),
            Self::Menu(name) => {
                let inside = |party: &Party| matches!(party, Party::Service { name: service } if *service == format!("ivr:{name}"));
                inside(&record.callee)
            }
            Self::Trunk(name) => carried(&record.caller, name) || carried(&record.callee, name),
            Self::Number(number) => {
                matches!(record.caller, Party::Trunk { .. }) && plain(&record.dialled) == *number
            }
            Self::Dialled(number) => plain(&record.dialled) == *number,
        }
    }
}

/// Digits alone: numbers are compared without what people put between.
pub(super) fn plain(number: &str) -> String {
    number.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '*' | '#')).collect()
}

async fn exists(app: &App, asked: &Asked, query: Query) -> Result<(), Refusal> {
    match app.gateway.query(asked.principal.clone(), query).await {
        Reply::Refused(error) => Err(error.into()),
        _ => Ok(()),
    }
}

async fn trunk(app: &App, asked: &Asked, name: &str) -> Result<(), Refusal> {
    match app.gateway.query(asked.principal.clone(), Query::Trunks).await {
        Reply::Trunks(page) if page.items.iter().any(|view| view.trunk.name == name) => Ok(()),
        Reply::Trunks(_) => Err(Refusal::unknown(format!("no route {name}"))),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(CommandError::Busy { retry_after: 1, what: "no answer".into() }.into()),
    }
}

/// Lists active calls, oldest first.
pub(super) async fn list(
    State(app): State<App>,
    asked: Asked,
) -> Result<Json<Vec<Value>>, Refusal> {
    let product = Product::read(&app, &asked).await?;
    let page = asked.number("page")?.unwrap_or(1);
    let rows = asked.number("maxRows")?.unwrap_or(ROWS);
    if page == 0 || !(1..=MOST_ROWS).contains(&rows) {
        let text = format!("page counts from 1, and maxRows is 1 to {MOST_ROWS}");
        return Err(Refusal::wrong(text));
    }
    let calls = common::calls(&app, &asked.principal).await?;
    let skip = usize::try_from((u64::from(page) - 1) * u64::from(rows)).unwrap_or(usize::MAX);
    let shown: Vec<CallView> = calls
        .into_iter()
        .filter(|call| product.has(call))
        .skip(skip)
        .take(usize::try_from(rows).unwrap_or(0))
        .collect();
    let names = Names::gather(&app, &asked, &shown).await?;
    Ok(Json(shown.iter().map(|call| row(&asked.account, call, &names)).collect()))
}

/// What rows need besides the calls.
#[derive(Default)]
struct Names {
    /// Agents by id.
    agents: BTreeMap<String, String>,
    /// Agents by the extension at which they are.
    seats: BTreeMap<String, String>,
    /// Queues by number.
    queues: BTreeMap<QueueKey, String>,
}

impl Names {
    async fn gather(app: &App, asked: &Asked, calls: &[CallView]) -> Result<Self, Refusal> {
        let mut names = Self::default();
        if calls.is_empty() || asked.own_extension()?.is_some() {
            return Ok(names);
        }
        for agent in common::agents(app, &asked.principal).await? {
            let (id, name) = (agent.config.key.id.clone(), agent.config.name);
            if let Some(number) = agent.place.strip_prefix("extension:") {
                names.seats.insert(number.to_owned(), id.clone());
            }
            names.agents.insert(id, name);
        }
        for visit in calls.iter().filter_map(|call| call.record.queued.last()) {
            if names.queues.contains_key(&visit.queue) {
                continue;
            }
            let query = Query::Queue(visit.queue.number.clone());
            if let Reply::Queue(view) = app.gateway.query(asked.principal.clone(), query).await {
                names.queues.insert(visit.queue.clone(), view.config.name.clone());
            }
        }
        Ok(names)
    }

    /// The agent who takes part in a call.
    fn agent_of<'a>(&'a self, call: &'a CallView) -> Option<&'a str> {
        let visit = call.record.queued.last().and_then(|visit| visit.agent.as_ref());
        let seat = |party: &Party| match party {
            Party::Extension { extension, .. } => self.seats.get(&extension.number),
            _ => None,
        };
        let parties = [&call.record.callee, &call.record.caller];
        let id = visit.map(|agent| &agent.id).or_else(|| parties.into_iter().find_map(seat))?;
        Some(self.agents.get(id).map_or(id.as_str(), String::as_str))
    }
}

fn row(account: &str, call: &CallView, names: &Names) -> Value {
    let record = &call.record;
    let (ani, cnam) = number_and_name(&record.caller);
    let visit = record.queued.last();
    let agent = names.agent_of(call).map(|name| {
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        (first.to_owned(), last.to_owned())
    });
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (_, callee) = number_and_name(&record.callee);
    let destination = match visit {
        Some(visit) => names.queues.get(&visit.queue).cloned(),
        None => known(callee),
    };
    let waits = visit.is_some_and(|visit| visit.left_at.is_none());
    json!({
        "uii": uii::of(record.call),
        "accountId": account,
        "ani": known(ani),
        "dnis": known(&record.dialled),
        "enqueueTime": moment(visit.map_or(record.started_at, |visit| visit.joined_at)),
        "dequeueTime": visit.and_then(|visit| visit.left_at).map(moment),
        "callState": state(call, waits),
        "archive": false,
        "agentFirstName": agent.as_ref().map(|(first, _)| first),
        "agentLastName": agent.as_ref().map(|(_, last)| last),
        "destinationName": destination,
        "externalId": null,
        "cnam": known(cnam),
    })
}

fn state(call: &CallView, waits: bool) -> &'static str {
    match call.stage {
        CallStage::Talking if call.held => "HOLD",
        CallStage::Talking => "ACTIVE",
        CallStage::Connecting | CallStage::Ringing => "RINGING",
        CallStage::Attended if waits => "QUEUED",
        CallStage::Attended | CallStage::Announcement => "IVR",
        CallStage::Ending => "ENDING",
    }
}

/// `2020-05-08T14:40:47.000+0000`.
fn moment(ms: u64) -> String {
    common::utc(ms).strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_have_the_documented_form() {
        assert_eq!(moment(1_588_948_847_000), "2020-05-08T14:40:47.000+0000");
        assert_eq!(plain("+1 (650) 123-4567"), "16501234567");
    }
}
