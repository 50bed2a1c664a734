//! What an agent's client may ask over its connection.

use serde_json::{Map, Value, json};
use strowger_core::vocab::acd::{Activity, AgentOrder, Intent};
use strowger_core::vocab::{Command, Principal, Role};

use super::calls::{Dial, dial};
use super::envelope::{Fault, Refusal};
use super::fields::{Fields, missing};
use super::hub::{Hub, Note};
use super::presence::{change_mode, intent_of, may_sign_in};
use super::seat::Seat;
use super::socket::Session;
use crate::api::dialect::common;

/// What a request means for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Events come here from now on.
    In,
    /// ... and no longer.
    Out,
    /// Nothing.
    None,
}

type Answer = Result<Map<String, Value>, Refusal>;

/// Carries out one request.
///
/// # Errors
/// See [`Refusal`]; the connection goes on.
pub(super) async fn act(
    session: &Session,
    method: &str,
    fields: &Fields,
) -> Result<(Map<String, Value>, Step), Refusal> {
    let none = |body| (body, Step::None);
    match method {
        "login" => {
            sign_in(session, fields).await?;
            Ok((Map::new(), Step::In))
        }
        "logout" => {
            intend(session, Intent::LoggedOut).await?;
            Ok((Map::new(), Step::Out))
        }
        "setState" => set_state(session, fields).await.map(none),
        "hangup" => hang_up(session).await.map(none),
        "setCallMode" => set_mode(session, fields).await.map(none),
        "dialout" => dial_out(session, fields).await.map(none),
        "getState" => get_state(session).await.map(none),
        _ => {
            let known = "login, logout, setState, hangup, setCallMode, dialout or getState";
            Err(Refusal::params(format!("Method: write {known}")))
        }
    }
}

async fn sign_in(session: &Session, fields: &Fields) -> Result<(), Refusal> {
    let seat = Seat::find(&session.asked, &session.key.1).await?;
    may_sign_in(&seat)?;
    intend(session, intent_of(fields)?.unwrap_or(Intent::Available)).await
}

async fn intend(session: &Session, intent: Intent) -> Result<(), Refusal> {
    session.asked.order_agent(&session.key.1, AgentOrder::Intent(intent)).await
}

async fn set_state(session: &Session, fields: &Fields) -> Answer {
    let state = intent_of(fields)?;
    let intent = state.ok_or_else(|| missing("State"))?;
    // An agent who says idle after a call has finished what the call left to do.
    if intent == Intent::Available {
        let _ = session.asked.order_agent(&session.key.1, AgentOrder::EndWrapUp).await;
    }
    intend(session, intent).await?;
    Ok(Map::new())
}

/// Ends the call that the agent is in.
async fn hang_up(session: &Session) -> Answer {
    let asked = &session.asked;
    let seat = Seat::find(asked, &session.key.1).await?;
    let nothing = || Refusal::new(Fault::State, format!("agent {} is in no call", seat.id));
    let own = seat.extension().ok_or_else(nothing)?.to_owned();
    // Asked as the owner of the extension, so that only its own calls are seen.
    let owner = Principal { role: Role::User, extension: Some(own), ..asked.principal() };
    let live = common::calls(&asked.app, &owner).await?;
    // The newest is what the agent has at its ear: the others are held.
    if let Some(call) = live.last().map(|view| view.record.call) {
        asked.app.gateway.command(owner, Command::HangUp { call }).await?;
        return Ok(Map::new());
    }
    // Whoever talks at its mobile has no extension in the call.
    match seat.agent.as_ref().map(|view| &view.activity) {
        Some(Activity::Talking { call, .. }) => {
            asked.order(Command::HangUp { call: *call }).await?;
            Ok(Map::new())
        }
        _ => Err(nothing()),
    }
}

async fn set_mode(session: &Session, fields: &Fields) -> Answer {
    let data = fields.value("UserData").cloned().unwrap_or_else(|| Value::from(""));
    let mode = change_mode(&session.asked, &session.key.1, fields, data.clone()).await?;
    Ok(object(json!({"Contact": mode.as_str(), "UserData": data})))
}

async fn dial_out(session: &Session, fields: &Fields) -> Answer {
    let data = fields.value("UserData").cloned().unwrap_or_else(|| Value::from(""));
    let order = Dial {
        agent: session.key.1.clone(),
        called: fields.wanted("DestNumber")?,
        requested: fields.given("SpNumber")?,
        notes: vec![Note { event: None, data: data.clone() }],
    };
    let call = dial(&session.asked, order).await?;
    let call = super::calls::uuid(call);
    Ok(object(json!({"DestNumberLoc": "", "UserData": data, "CallId": call})))
}

async fn get_state(session: &Session) -> Answer {
    let (tenant, agent) = &session.key;
    let seat = Seat::find(&session.asked, agent).await?;
    let view = seat.agent.as_ref();
    let since = view.map_or(0, |view| view.intent_since.max(view.activity_since));
    let mobile = view.is_some_and(|view| view.place.starts_with("number:"));
    let reachable = view.is_some_and(|view| view.reachable);
    let (state, call) = Hub::of(&session.asked.app).hold_events().await.agent(tenant, agent);
    let mut answer = object(json!({
        "CurState": state,
        "StartTime": since,
        "CurMode": if mobile { "cellphone" } else { "voip" },
        "CurExtState": if reachable { "online" } else { "offline" },
    }));
    if let Some((numbers, data)) = call {
        answer.extend(object(json!({
            "DestNumber": numbers.dest,
            "DestNumberLoc": "",
            "SpNumber": numbers.relay,
            "CallDirection": numbers.direction,
            "UserData": data,
        })));
    }
    Ok(answer)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
