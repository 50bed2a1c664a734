//! An agent has a caller put through who rings at another one. What must hold is looked at one by one.

use axum::extract::{Query as Params, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::json;
use strowger_core::vocab::acd::{Activity, AgentView, Intent};
use strowger_core::vocab::command::{CallStage, CallView};
use strowger_core::vocab::park::TakeOrder;
use strowger_core::vocab::record::Party;
use strowger_core::vocab::{Command, CommandError};

use super::answer::{self, Fault, Refusal};
use crate::api::app::App;
use crate::api::dialect::common::{self, Named, named};

/// `PUT voicecall/{agentid}/snatchpickup?destWorkNo=N`: the call that rings at agent N.
pub(super) async fn snatch(
    State(app): State<App>,
    agent: Named,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Refusal> {
    let id = answer::number("agentid", &named(agent))?;
    let other = answer::number("destWorkNo", &parameter(&uri, "destWorkNo")?)?;
    let sessions = &app.dialects.cc_gateway;
    let agent = sessions.find(&id, answer::guid(&headers), app.now_ms())?;
    let failed = |why: String| Refusal::new(Fault::Failed, why);
    let observer = agent.observer();
    let theirs = match common::agent(&app, &observer, &other).await {
        Ok(view) => view,
        Err(CommandError::NotFound(_)) => {
            return Err(failed(format!("nothing rings at agent {other}")));
        }
        Err(error) => return Err(error.into()),
    };
    let calls = common::calls(&app, &observer).await?;
    let call = ringing_at(&calls, &theirs)
        .ok_or_else(|| failed(format!("nothing rings at agent {other}")))?;
    if call.record.queued.is_empty() && matches!(call.record.caller, Party::Extension { .. }) {
        return Err(failed("an internal call is not picked up".into()));
    }
    let ours = common::agent(&app, &observer, &id).await?;
    let shared = ours
        .config
        .tiers
        .iter()
        .any(|own| theirs.config.tiers.iter().any(|tier| tier.queue == own.queue));
    if !ours.config.group_pickup {
        return Err(failed(format!("agent {id} may not pick up")));
    }
    if ours.intent != Intent::Available || !matches!(ours.activity, Activity::Idle) {
        return Err(failed(format!("agent {id} is not idle")));
    }
    // Of one queue: the agent may. Otherwise the switch looks for a pickup group that both phones have.
    let principal = if shared { observer } else { agent.principal() };
    let order =
        TakeOrder::PickUp { call: call.record.call, extension: Some(agent.extension.clone()) };
    app.gateway.command(principal, Command::Take(order)).await?;
    tracing::info!(tenant = %agent.tenant, agent = %id, from = %other, "an agent picks a call up");
    Ok(answer::done(json!({})))
}

fn parameter(uri: &Uri, name: &str) -> Result<String, Refusal> {
    let wrong = |why: String| Refusal::new(Fault::Parameter, why);
    let pairs = Params::<Vec<(String, String)>>::try_from_uri(uri);
    let Params(pairs) = pairs.map_err(|error| wrong(error.to_string()))?;
    let found = pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| value);
    found.ok_or_else(|| wrong(format!("{name} is missing")))
}

/// The call that rings at an agent: one that it is offered, or one for its phone.
fn ringing_at<'a>(calls: &'a [CallView], agent: &AgentView) -> Option<&'a CallView> {
    if let Activity::Offered { call, .. } = &agent.activity {
        return calls.iter().find(|own| own.record.call == *call);
    }
    let at = agent.place.strip_prefix("extension:")?;
    let rings = |call: &&CallView| {
        let callee = matches!(&call.record.callee, Party::Extension { extension, .. } if extension.number == at);
        callee && call.stage == CallStage::Ringing
    };
    calls.iter().find(rings)
}
