//! Signing in and out, and where an agent is rung.

use std::collections::BTreeSet;

use axum::Router;
use axum::routing::post;
use serde_json::Value;
use strowger_core::vocab::acd::{AgentOrder, AgentPlace, Intent};

use super::asked::{Asked, AskedByAny};
use super::envelope::{Fault, Refusal, flat};
use super::fields::Fields;
use super::hub::mode_changed;
use super::queues::must_exist;
use super::seat::{CallMode, Seat};
use crate::api::app::App;

pub(super) fn routes() -> Router<App> {
    type ByAny = Result<AskedByAny, Refusal>;
    Router::new()
        .route("/agent/login", post(|by: ByAny| flat(by, sign_in)))
        .route("/agent/logout", post(|by: ByAny| flat(by, sign_out)))
        .route("/agent/set_call_mode", post(|by: ByAny| flat(by, set_call_mode)))
}

/// What is answered where there is nothing to say.
type Done = Result<String, Refusal>;

async fn sign_in(asked: Asked) -> Done {
    let body = asked.body()?;
    let id = asked.agent(&body.wanted("AgentId")?)?;
    let intent = intent_of(body)?.unwrap_or(Intent::Available);
    let mut seat = Seat::find(&asked, &id).await?;
    let before = seat.doc.clone();
    if let Some(work) = body.given("WorkerID")? {
        seat.doc.work_id = work;
    }
    if let Some(queues) = body.list("QueueIDs")?.filter(|queues| !queues.is_empty()) {
        for queue in &queues {
            must_exist(&asked, queue).await?;
        }
        if !same(&queues, &seat.doc.queues) {
            seat.doc.queues = queues;
        }
    }
    let number = body.given("Number")?;
    if let Some(number) = &number {
        sit_at(&asked, &mut seat, number)?;
    }
    may_sign_in(&seat)?;
    if number.is_some() && seat.is_of_file() {
        choose_place(&asked, &seat).await?;
    }
    if seat.doc != before {
        seat.save(&asked).await?;
    }
    if seat.doc.mode != before.mode {
        mode_changed(&asked, &id, seat.doc.mode, Value::from(""));
    }
    asked.order_agent(&id, AgentOrder::Intent(intent)).await?;
    Ok(String::new())
}

/// The same in any order.
fn same(one: &[String], other: &[String]) -> bool {
    let all = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
    all(one) == all(other)
}

/// A seat that is disabled or has no extension signs in nowhere.
pub(super) fn may_sign_in(seat: &Seat) -> Result<(), Refusal> {
    if seat.doc.disabled {
        return Err(Refusal::new(Fault::Forbidden, format!("agent {} is disabled", seat.id)));
    }
    if seat.agent.is_none() && seat.doc.extensions.is_empty() {
        let detail = format!("agent {} has no extension; bind one before signing in", seat.id);
        return Err(Refusal::params(detail));
    }
    Ok(())
}

/// The number is one of the seat's extensions, with the prefix or without; any other is a mobile.
fn sit_at(asked: &Asked, seat: &mut Seat, number: &str) -> Result<(), Refusal> {
    let bare = number.strip_prefix(&asked.names.prefix).unwrap_or(number);
    let at = seat.doc.extensions.iter().position(|own| own == bare || own == number);
    match at {
        Some(at) => {
            seat.doc.extensions.swap(0, at);
            seat.doc.mode = CallMode::Voip;
            Ok(())
        }
        None if number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'+') => {
            number.clone_into(&mut seat.doc.mobile);
            seat.doc.mode = CallMode::Cellphone;
            Ok(())
        }
        None => Err(Refusal::params("Number: one of the seat's extensions, or an outside number")),
    }
}

/// `State` by name, or by the numbers that details show.
pub(super) fn intent_of(fields: &Fields) -> Result<Option<Intent>, Refusal> {
    let Some(state) = fields.given("State")? else {
        return Ok(None);
    };
    let on_break =
        |reason: &str, sub: String| Intent::OnBreak { reason: reason.into(), sub_state: sub };
    match state.to_ascii_lowercase().as_str() {
        "idle" | "0" | "1" => Ok(Some(Intent::Available)),
        "busy" | "2" | "4" => Ok(Some(on_break("busy", String::new()))),
        "onbreak" => {
            let sub = fields.number("SubState", u64::from(u32::MAX))?.unwrap_or(0);
            Ok(Some(on_break("break", sub.to_string())))
        }
        _ => Err(Refusal::params("State: write idle, busy or onBreak")),
    }
}

async fn sign_out(asked: Asked) -> Done {
    let id = asked.agent(&asked.body()?.wanted("AgentId")?)?;
    if Seat::find(&asked, &id).await?.agent.is_some() {
        asked.order_agent(&id, AgentOrder::Intent(Intent::LoggedOut)).await?;
    }
    Ok(String::new())
}

async fn set_call_mode(asked: Asked) -> Done {
    let body = asked.body()?;
    let id = asked.agent(&body.wanted("AgentId")?)?;
    change_mode(&asked, &id, body, Value::from("")).await?;
    Ok(String::new())
}

/// Rings the agent at its extension or its mobile from now on, as `Contact` and `Number` say.
///
/// # Errors
/// No such agent or mode, or nothing to ring in it.
pub(super) async fn change_mode(
    asked: &Asked,
    id: &str,
    fields: &Fields,
    user_data: Value,
) -> Result<CallMode, Refusal> {
    let mode = match fields.wanted("Contact")?.to_ascii_lowercase().as_str() {
        "voip" => CallMode::Voip,
        "cellphone" => CallMode::Cellphone,
        _ => return Err(Refusal::params("Contact: write voip or cellphone")),
    };
    let mut seat = Seat::find(asked, id).await?;
    match (mode, fields.given("Number")?) {
        (CallMode::Cellphone, Some(number)) => seat.doc.mobile = number,
        (CallMode::Voip, Some(number)) => sit_at(asked, &mut seat, &number)?,
        _ => {}
    }
    seat.doc.mode = mode;
    if seat.is_of_file() {
        choose_place(asked, &seat).await?;
    } else if mode == CallMode::Cellphone && seat.doc.mobile.is_empty() {
        return Err(Refusal::params(format!("agent {id} has no mobile number; give Number")));
    }
    seat.save(asked).await?;
    mode_changed(asked, id, mode, user_data);
    Ok(mode)
}

/// Of an agent that the configuration file defines the places are given.
async fn choose_place(asked: &Asked, seat: &Seat) -> Result<(), Refusal> {
    let places = seat.agent.as_ref().map(|view| view.config.places.as_slice()).unwrap_or_default();
    let fits = |place: &AgentPlace| match (seat.doc.mode, place) {
        // The one that it is to use stands first.
        (CallMode::Voip, AgentPlace::Extension(number)) => {
            seat.doc.extensions.first() == Some(number)
        }
        (CallMode::Cellphone, AgentPlace::Number(number)) => {
            seat.doc.mobile.is_empty() || seat.doc.mobile == *number
        }
        _ => false,
    };
    let Some(at) = places.iter().position(fits).and_then(|at| u8::try_from(at).ok()) else {
        let detail =
            format!("agent {} is defined by the configuration file without such a place", seat.id);
        return Err(Refusal::new(Fault::Forbidden, detail));
    };
    asked.order_agent(&seat.id, AgentOrder::ActivePlace(at)).await
}
