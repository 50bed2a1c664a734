//! Calls: begun for an agent, held, resumed, transferred.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use strowger_core::vocab::transfer::{TalkAct, TalkOrder};
use strowger_core::vocab::{CallId, CallTerms, Command, CommandError, Done, Query, Reply};

use super::asked::{Asked, AskedByAny, Signed, application, principal, unexpected};
use super::envelope::{Fault, Refusal, bare, flat};
use super::fields::Fields;
use super::hub::{Hub, Note};
use super::presence::{may_sign_in, named};
use super::relays;
use super::seat::{CallMode, Seat};
use crate::api::app::App;
use crate::api::dialect::common;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/originatev2", post(originate))
        .route("/agent/hold", post(hold).delete(resume))
        .route("/transfer/agent", post(transfer))
}

/// A call's id as this interface writes it.
pub(super) fn uuid(call: CallId) -> String {
    common::uuid(call.0)
}

/// ... and as clients write it, with dashes or without.
pub(super) fn call_id(text: &str) -> Option<CallId> {
    let hex: String = text.chars().filter(|c| *c != '-').collect();
    let whole = hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| hex.parse().ok()).flatten()
}

async fn originate(State(app): State<App>, by: Result<AskedByAny, Refusal>) -> Response {
    let (msg_id, by) = named(by);
    let outcome = match by {
        Ok(asked) => begin(&app, &asked).await,
        Err(refusal) => Err(refusal),
    };
    flat(&msg_id, outcome.map(uuid))
}

async fn begin(app: &App, asked: &Asked) -> Result<CallId, Refusal> {
    let body = asked.body()?;
    let agent = asked.agent(&body.wanted("agent_id")?)?;
    let called = body.wanted("called")?;
    let requested = match body.text("called_display")?.filter(|number| !number.is_empty()) {
        Some(number) => Some(number),
        None => body.text("caller")?.filter(|number| !number.is_empty()),
    };
    dial(app, asked, Dial { agent, called, requested, notes: notes(body)? }).await
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
pub(super) async fn dial(app: &App, asked: &Asked, dial: Dial) -> Result<CallId, Refusal> {
    let seat = Seat::find(asked, app, &dial.agent).await?;
    may_sign_in(&seat)?;
    if !seat.signed_in() {
        let detail = format!("agent {} is not signed in", seat.id);
        return Err(Refusal::new(Fault::State, detail));
    }
    let Some(from) = seat.extension().map(str::to_owned) else {
        return Err(Refusal::new(Fault::State, format!("agent {} has no extension", seat.id)));
    };
    let shown = relays::choose(app, asked, dial.requested, &seat).await?;
    let mobile = seat.agent.as_ref().and_then(|view| view.place.strip_prefix("number:"));
    let at = match (mobile, seat.doc.mode) {
        (Some(number), _) => Some(number.to_owned()),
        (None, CallMode::Cellphone) if !seat.doc.mobile.is_empty() => Some(seat.doc.mobile.clone()),
        _ => None,
    };
    let terms = CallTerms { shown: shown.clone(), at, ring_secs: None };
    let order = Command::Originate { from, to: dial.called, auto_answer: false, terms };
    // Nothing of the call is told before its notes are known.
    let mut told = Hub::of(app).hold_events().await;
    match asked.order(app, order).await? {
        Done::Originated { call, .. } => {
            told.note(&asked.tenant.tenant, call, dial.notes, shown);
            Ok(call)
        }
        _ => Err(unexpected()),
    }
}

/// Hold, resume and transfer name no application: the account and the call do.
struct Control {
    asked: Asked,
    call: CallId,
    extension: Option<String>,
}

type BySigned = Result<Signed, Refusal>;

async fn control(app: &App, by: BySigned) -> Result<Control, Refusal> {
    let signed = by?;
    let body = signed.body()?;
    let agent = body.wanted("agent_id")?;
    let call = body.wanted("call_id")?;
    let nothing = || Refusal::new(Fault::NotFound, "no such call");
    let call = call_id(&call).ok_or_else(nothing)?;
    let named = signed.query.has_any(&["AppId"]);
    let mut candidates = match named {
        true => vec![application(app, &signed.query)?.0],
        false => app.gateway.tenants().to_vec(),
    };
    // Whose call it was when it was told of is asked first.
    let told = Hub::of(app).hold_events().await.tenant_of(call);
    candidates.sort_by_key(|names| told.as_ref() != Some(&names.tenant));
    let mut found = None;
    for tenant in candidates {
        let who = principal(&tenant.tenant, "call control".to_owned());
        match app.gateway.query(who, Query::Call { call }).await {
            Reply::Call(_) => {
                found = Some(tenant);
                break;
            }
            Reply::Refused(CommandError::NotFound(_)) => {}
            Reply::Refused(error) => return Err(error.into()),
            _ => return Err(unexpected()),
        }
    }
    let tenant = found.ok_or_else(nothing)?;
    let app_id = tenant.cti_app_id.clone().unwrap_or_else(|| tenant.tenant.clone());
    let asked = Asked { tenant, app_id, signed };
    let agent = asked.agent(&agent)?;
    let seat = Seat::find(&asked, app, &agent).await?;
    let extension = seat.extension().map(str::to_owned);
    Ok(Control { asked, call, extension })
}

impl Control {
    async fn act(&self, app: &App, act: TalkAct) -> Result<(), Refusal> {
        let order = TalkOrder { extension: self.extension.clone(), act };
        self.asked.order(app, Command::Talk { call: self.call, order }).await.map(drop)
    }
}

async fn hold(State(app): State<App>, by: BySigned) -> Response {
    bare(talk(&app, by, TalkAct::Hold).await)
}

async fn resume(State(app): State<App>, by: BySigned) -> Response {
    bare(talk(&app, by, TalkAct::Resume).await)
}

async fn talk(app: &App, by: BySigned, act: TalkAct) -> Result<(), Refusal> {
    control(app, by).await?.act(app, act).await
}

async fn transfer(State(app): State<App>, by: BySigned) -> Response {
    bare(send_on(&app, by).await)
}

async fn send_on(app: &App, by: BySigned) -> Result<(), Refusal> {
    let signed = by?;
    let body = signed.body()?;
    if body.wanted("agent_type")? != "anonymous" {
        return Err(Refusal::params("agent_type: write anonymous"));
    }
    let to = body.wanted("agent_phone")?;
    control(app, Ok(signed)).await?.act(app, TalkAct::Transfer { to }).await
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
