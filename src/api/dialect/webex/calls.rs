//! A user's calls, and what they are called.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use strowger_core::vocab::command::{CallStage, CallView};
use strowger_core::vocab::record::Party;
use strowger_core::vocab::{CallId, InteractionId, TenantId};

use super::asked::User;
use super::refusal::Refusal;
use crate::api::app::App;
use crate::api::dialect::common::{self, Named, named, number_and_name, rfc3339};
use crate::api::extract::call_id;
use crate::api::gateway::RowsQuery;

/// Pickups remembered; beyond them the oldest is forgotten.
const REMEMBERED: usize = 10_000;

/// One pickup: the call that was begun for it, which ends when the phone has answered, and what it belongs to, which stays.
#[derive(Debug, Clone)]
struct Pickup {
    tenant: TenantId,
    number: String,
    call: CallId,
    interaction: InteractionId,
}

/// The pickups that were begun here. A client knows the call by what the pickup was called, whatever it becomes.
#[derive(Debug, Default)]
pub(in crate::api::dialect) struct Picked(Mutex<VecDeque<Pickup>>);

impl Picked {
    fn all(&self) -> MutexGuard<'_, VecDeque<Pickup>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets those of a tenant that is gone.
    pub(in crate::api::dialect) fn forget_tenant(&self, tenant: &str) {
        self.all().retain(|own| own.tenant != tenant);
    }

    /// A pickup was begun.
    pub(super) fn begun(&self, user: &User, call: CallId, interaction: InteractionId) {
        let (tenant, number) = (user.principal.tenant.clone(), user.number.clone());
        let mut all = self.all();
        if all.len() >= REMEMBERED {
            all.pop_front();
        }
        all.push_back(Pickup { tenant, number, call, interaction });
    }

    fn find(&self, user: &User, fits: impl Fn(&Pickup) -> bool) -> Option<Pickup> {
        let all = self.all();
        let own = all.iter().rev().filter(|pickup| {
            pickup.tenant == user.principal.tenant && pickup.number == user.number
        });
        own.into_iter().find(|pickup| fits(pickup)).cloned()
    }

    /// Whether a call was begun for a pickup of this user.
    pub(super) fn is_pickup(&self, user: &User, call: CallId) -> bool {
        self.find(user, |pickup| pickup.call == call).is_some()
    }

    /// What the user's client calls a live call.
    fn name_of(&self, user: &User, call: &CallView) -> CallId {
        let same = |pickup: &Pickup| pickup.interaction == call.record.interaction;
        let picked = call.record.picked_up_by.is_some() || !call.record.queued.is_empty();
        let found = picked.then(|| self.find(user, same)).flatten();
        found.map_or(call.record.call, |pickup| pickup.call)
    }
}

/// Whether the call is one of the pickup itself, which somebody's phone rings for.
fn is_errand(call: &CallView) -> bool {
    matches!(&call.record.callee, Party::Service { name } if name == "pickup")
        || matches!(call.record.callee, Party::Nobody)
}

/// The live call that a client means.
///
/// # Errors
/// 404 for what is no call of this user, 410 for one that is over.
pub(super) async fn meant(app: &App, user: &User, text: &str) -> Result<CallView, Refusal> {
    let unknown = || Refusal::unknown(format!("no call {text}"));
    let id = call_id(text).ok_or_else(unknown)?;
    let live = common::calls(app, &user.principal).await?;
    let picked = &app.dialects.webex;
    if let Some(call) = live.into_iter().find(|call| picked.name_of(user, call) == id) {
        return Ok(call);
    }
    let rows = RowsQuery {
        tenant: user.principal.tenant.clone(),
        extension: Some(user.number.clone()),
        call: Some(id),
        limit: 1,
        ..RowsQuery::default()
    };
    let rows = app.gateway.call_records(rows).await.map_err(crate::api::problem::Problem::from)?;
    let was_ours = picked.find(user, |pickup| pickup.call == id).is_some();
    match rows.rows.is_empty() && !was_ours {
        true => Err(unknown()),
        false => Err(Refusal::new(StatusCode::GONE, format!("call {text} is over"))),
    }
}

/// Lists the user's calls.
pub(super) async fn list(State(app): State<App>, user: User) -> Result<Json<Value>, Refusal> {
    let live = common::calls(&app, &user.principal).await?;
    let items: Vec<Value> = live.iter().map(|call| shown(&app, &user, call)).collect();
    Ok(Json(json!({ "items": items })))
}

/// One of them.
pub(super) async fn details(
    State(app): State<App>,
    user: User,
    call: Named,
) -> Result<Json<Value>, Refusal> {
    let call = meant(&app, &user, &named(call)).await?;
    Ok(Json(shown(&app, &user, &call)))
}

fn shown(app: &App, user: &User, call: &CallView) -> Value {
    let record = &call.record;
    let own = |party: &Party| matches!(party, Party::Extension { extension, .. } if extension.number == user.number);
    let began = own(&record.caller);
    let (personality, remote) = match (began, is_errand(call)) {
        (true, true) => ("clickToDial", &record.callee),
        (true, false) => ("originator", &record.callee),
        (false, _) => ("terminator", &record.caller),
    };
    let (number, name) = number_and_name(remote);
    let external = matches!(remote, Party::Trunk { .. });
    json!({
        "id": app.dialects.webex.name_of(user, call).to_string(),
        "callSessionId": record.interaction.to_string(),
        "personality": personality,
        "state": state(call),
        "remoteParty": {
            "name": name,
            "number": number,
            "privacyEnabled": number == "anonymous",
            "callType": if external { "external" } else { "location" },
        },
        "created": rfc3339(record.started_at),
        "answered": record.answered_at.map(rfc3339),
    })
}

fn state(call: &CallView) -> &'static str {
    match call.stage {
        CallStage::Connecting => "connecting",
        CallStage::Ringing => "alerting",
        CallStage::Talking if call.held => "held",
        CallStage::Talking | CallStage::Attended | CallStage::Announcement => "connected",
        CallStage::Ending => "disconnected",
    }
}
