//! Calls: begun for an agent, held, resumed, transferred.

use axum::Router;
use axum::routing::post;
use strowger_core::vocab::transfer::{TalkAct, TalkOrder};
use strowger_core::vocab::{CallId, CallTerms, Command, Done, Role};

use super::asked::{Asked, AskedByAny, Signed, application, if_there, unexpected};
use super::envelope::{Fault, Refusal, bare, flat};
use super::fields::Fields;
use super::hub::{Hub, Note};
use super::presence::may_sign_in;
use super::relays;
use super::seat::{CallMode, Seat};
use crate::api::app::App;
use crate::api::auth::standing_in;
use crate::api::dialect::common;
use crate::api::extract;
use crate::api::gateway::TenantNames;

pub(super) fn routes() -> Router<App> {
    type By = Result<Signed, Refusal>;
    let hold = post(|by: By| bare(by, |signed| talk(signed, TalkAct::Hold)))
        .delete(|by: By| bare(by, |signed| talk(signed, TalkAct::Resume)));
    Router::new()
        .route("/originatev2", post(|by: Result<AskedByAny, Refusal>| flat(by, begin)))
        .route("/agent/hold", hold)
        .route("/transfer/agent", post(|by: By| bare(by, transfer)))
}

/// A call's id as this interface writes it.
pub(super) fn uuid(call: CallId) -> String {
    common::uuid(call.0)
}

/// ... and as clients write it, with dashes or without.
pub(super) fn call_id(text: &str) -> Option<CallId> {
    extract::call_id(&text.replace('-', ""))
}

async fn begin(asked: Asked) -> Result<String, Refusal> {
    let body = asked.body()?;
    let agent = asked.agent(&body.wanted("agent_id")?)?;
    let called = body.wanted("called")?;
    let requested = match body.given("called_display")? {
        Some(number) => Some(number),
        None => body.given("caller")?,
    };
    let notes = notes(body)?;
    dial(&asked, Dial { agent, called, requested, notes }).await.map(uuid)
}

/// What is to be attached to events of the call: `user_data` with `evt` and `data`.
fn notes(body: &Fields) -> Result<Vec<Note>, Refusal> {
    let list = body.objects("user_data")?.unwrap_or_default();
    if list.len() > 50 {
        return Err(Refusal::params("user_data: at most 50"));
    }
    let note = |fields: &Fields| {
        let data = fields.value("data").cloned().unwrap_or_default();
        Ok(Note { event: Some(fields.wanted("evt")?), data })
    };
    list.iter().map(note).collect()
}

/// A call to be begun for an agent.
pub(super) struct Dial {
    pub(super) agent: String,
    pub(super) called: String,
    /// The relay number that was asked for.
    pub(super) requested: Option<String>,
    pub(super) notes: Vec<Note>,
}

/// Rings the agent, then calls the number through a relay number.
///
/// # Errors
/// The agent is not signed in or cannot be rung, or the numbers are not ones that it may call or show.
pub(super) async fn dial(asked: &Asked, dial: Dial) -> Result<CallId, Refusal> {
    let seat = Seat::find(asked, &dial.agent).await?;
    may_sign_in(&seat)?;
    if !seat.signed_in() {
        let detail = format!("agent {} is not signed in", seat.id);
        return Err(Refusal::new(Fault::State, detail));
    }
    let Some(from) = seat.extension().map(str::to_owned) else {
        return Err(Refusal::new(Fault::State, format!("agent {} has no extension", seat.id)));
    };
    let shown = relays::choose(asked, dial.requested, &seat).await?;
    let mobile = seat.agent.as_ref().and_then(|view| view.place.strip_prefix("number:"));
    let at = match (mobile, seat.doc.mode) {
        (Some(number), _) => Some(number.to_owned()),
        (None, CallMode::Cellphone) if !seat.doc.mobile.is_empty() => Some(seat.doc.mobile.clone()),
        _ => None,
    };
    let terms = CallTerms { shown: shown.clone(), at, ring_secs: None };
    let order = Command::Originate { from, to: dial.called, auto_answer: false, terms };
    // Nothing of the call is told before its notes are known.
    let mut told = Hub::of(&asked.app).hold_events().await;
    match asked.order(order).await? {
        Done::Originated { call, .. } => {
            told.note(asked.tenant(), call, dial.notes, shown);
            Ok(call)
        }
        _ => Err(unexpected()),
    }
}

/// Hold, resume and transfer name no application: the account and the call do.
async fn talk(signed: Signed, act: TalkAct) -> Result<(), Refusal> {
    let body = signed.body()?;
    let agent = body.wanted("agent_id")?;
    let nothing = || Refusal::new(Fault::NotFound, "no such call");
    let call = call_id(&body.wanted("call_id")?).ok_or_else(nothing)?;
    let names = tenant_of(&signed, call).await?.ok_or_else(nothing)?;
    let asked = signed.of(names);
    let seat = Seat::find(&asked, &asked.agent(&agent)?).await?;
    let order = TalkOrder { extension: seat.extension().map(str::to_owned), act };
    asked.order(Command::Talk { call, order }).await.map(drop)
}

/// Whose call it is.
async fn tenant_of(signed: &Signed, call: CallId) -> Result<Option<TenantNames>, Refusal> {
    let app = &signed.app;
    let mut candidates = match signed.query.has_any(&["AppId"]) {
        true => vec![application(app, &signed.query)?],
        false => app.gateway.tenants().to_vec(),
    };
    // Who was told of it is asked first.
    let told = Hub::of(app).hold_events().await.tenant_of(call);
    candidates.sort_by_key(|names| told.as_ref() != Some(&names.tenant));
    for names in candidates {
        let who = standing_in(&names.tenant, Role::Admin, "call control");
        if if_there(common::call(app, &who, call).await)?.is_some() {
            return Ok(Some(names));
        }
    }
    Ok(None)
}

async fn transfer(signed: Signed) -> Result<(), Refusal> {
    let body = signed.body()?;
    if body.wanted("agent_type")? != "anonymous" {
        return Err(Refusal::params("agent_type: write anonymous"));
    }
    let to = body.wanted("agent_phone")?;
    talk(signed, TalkAct::Transfer { to }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_ids_are_uuids_both_ways() {
        let call = CallId(0x97688e577a3640f7694a393d4d1a10d3);
        assert_eq!(uuid(call), "97688e57-7a36-40f7-694a-393d4d1a10d3");
        assert_eq!(call_id(&uuid(call)), Some(call));
        assert_eq!(call_id("97688E577a3640f7694a393d4d1a10d3"), Some(call));
        for wrong in ["", "97688e57", "97688e57-7a36-40f7-694a-393d4d1a10dg"] {
            assert_eq!(call_id(wrong), None);
        }
    }
}
