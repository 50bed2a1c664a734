//! What is done with one active call. The answer is `true` where it was done, `false` where the call does not allow it now.

use axum::Json;
use axum::extract::State;
use strowger_core::vocab::command::Meant;
use strowger_core::vocab::recording::{RecordingAction, RecordingOrder};
use strowger_core::vocab::supervise::{Mode, SuperviseOrder};
use strowger_core::vocab::{Command, CommandError};

use super::asked::Asked;
use super::list::plain;
use super::refusal::Refusal;
use super::uii;
use crate::api::app::App;
use crate::api::dialect::common;

type Acted = Result<Json<bool>, Refusal>;

/// Gives an order: `false` where it contradicts the present state.
pub(super) async fn order(app: &App, asked: &Asked, command: Command) -> Result<bool, Refusal> {
    match app.gateway.command(asked.principal.clone(), command).await {
        Ok(_) => {
            let (tenant, key) = (&asked.principal.tenant, &asked.principal.name);
            tracing::info!(%tenant, %key, "an active call was acted on over HTTP");
            Ok(true)
        }
        Err(CommandError::Conflict(why)) => {
            tracing::debug!("an active call was not acted on: {why}");
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// The extension that a supervisor's number means.
async fn extension_at(app: &App, asked: &Asked, number: &str) -> Result<String, Refusal> {
    match common::meant(app, &asked.principal, number).await {
        Ok(Meant::Extension(extension)) => Ok(extension),
        Ok(Meant::Queue(_)) | Err(CommandError::NotFound(_)) => Err(Refusal::wrong(format!(
            "{number} is no extension, and no number of the account that leads to one"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Rings a supervisor and takes it into the call.
pub(super) async fn add_session(State(app): State<App>, asked: Asked) -> Acted {
    let call = uii::live(&app, &asked, &asked.uii).await?.record.call;
    let mode = match asked.wanted("sessionType")? {
        "MONITOR" => Mode::Monitor,
        "BARGEIN" => Mode::Barge,
        "COACHING" => Mode::Whisper,
        other => {
            let text = format!("sessionType {other}: write MONITOR, BARGEIN or COACHING");
            return Err(Refusal::wrong(text));
        }
    };
    let extension = extension_at(&app, &asked, asked.wanted("destination")?).await?;
    let join = SuperviseOrder::Join { extension, mode, agent: None };
    order(&app, &asked, Command::Supervise { call, order: join }).await.map(Json)
}

/// A supervisor leaves; the call goes on.
pub(super) async fn hang_up_session(State(app): State<App>, asked: Asked) -> Acted {
    let view = uii::live(&app, &asked, &asked.uii).await?;
    let phone = asked.wanted("phone")?;
    let meant = match common::meant(&app, &asked.principal, phone).await {
        Ok(Meant::Extension(extension)) => extension,
        Ok(Meant::Queue(_)) | Err(CommandError::NotFound(_)) => plain(phone),
        Err(error) => return Err(error.into()),
    };
    if view.supervisors.iter().all(|own| own.extension.number != meant) {
        return Ok(Json(false));
    }
    let leave = SuperviseOrder::Leave { extension: Some(meant) };
    order(&app, &asked, Command::Supervise { call: view.record.call, order: leave }).await.map(Json)
}

/// Ends a call.
pub(super) async fn hang_up_call(State(app): State<App>, asked: Asked) -> Acted {
    let call = uii::live(&app, &asked, &asked.uii).await?.record.call;
    order(&app, &asked, Command::HangUp { call }).await.map(Json)
}

/// Starts or resumes a recording, or pauses it.
pub(super) async fn toggle_recording(State(app): State<App>, asked: Asked) -> Acted {
    let view = uii::live(&app, &asked, &asked.uii).await?;
    let record = asked.flag("record")?.ok_or_else(|| Refusal::wrong("record is missing"))?;
    let actions = match record {
        true => &[RecordingAction::Start, RecordingAction::Resume][..],
        false => &[RecordingAction::Pause],
    };
    for action in actions {
        let order_it = RecordingOrder { call: view.record.call, action: *action };
        if order(&app, &asked, Command::Record(order_it)).await? {
            return Ok(Json(true));
        }
    }
    // What runs is running already, or paused already.
    Ok(Json(view.record.recording.is_some()))
}
