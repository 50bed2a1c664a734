//! What is done with one active call. The answer is `true` where it was done, `false` where the call does not allow it now.

use axum::Json;
use axum::extract::State;
use strowger_core::vocab::command::Meant;
use strowger_core::vocab::recording::{RecordingAction, RecordingOrder};
use strowger_core::vocab::supervise::{Mode, SuperviseOrder, Supervisor};
use strowger_core::vocab::{Command, CommandError};

use super::asked::Asked;
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

/// Whom a supervisor's number means: an extension, or somebody outside.
async fn supervisor(app: &App, asked: &Asked, name: &str) -> Result<Supervisor, Refusal> {
    let number = asked.phone(name)?;
    match common::meant(app, &asked.principal, &number).await {
        Ok(Meant::Extension(extension)) => Ok(Supervisor::Extension(extension)),
        Ok(Meant::Queue(_)) => Err(Refusal::wrong(format!("{number} is a queue"))),
        Err(CommandError::NotFound(_)) => Ok(Supervisor::Number(number)),
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
    let who = supervisor(&app, &asked, "destination").await?;
    let join = SuperviseOrder::Join { who, mode, agent: None };
    order(&app, &asked, Command::Supervise { call, order: join }).await.map(Json)
}

/// A supervisor leaves; the call goes on.
pub(super) async fn hang_up_session(State(app): State<App>, asked: Asked) -> Acted {
    let call = uii::live(&app, &asked, &asked.uii).await?.record.call;
    let who = Some(supervisor(&app, &asked, "phone").await?);
    // Whoever does not supervise it is a conflict.
    order(&app, &asked, Command::Supervise { call, order: SuperviseOrder::Leave { who } })
        .await
        .map(Json)
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
