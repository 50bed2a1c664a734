//! Picks up a call: the user's phone is rung, and on its answer it has the call, which rings on until then.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use strowger_core::vocab::command::{CallStage, Meant};
use strowger_core::vocab::park::TakeOrder;
use strowger_core::vocab::record::Party;
use strowger_core::vocab::{Command, CommandError, Done};

use super::asked::{Said, User};
use super::endpoints;
use super::refusal::Refusal;
use crate::api::app::App;
use crate::api::dialect::common;

/// Seconds after which a user whose phone rings for another pickup may try again.
const ONE_AT_A_TIME: u32 = 2;

/// `POST calls/pickup`.
pub(super) async fn pick_up(
    State(app): State<App>,
    user: User,
    said: Said,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let target = said.text("target")?;
    let contact = match said.text("endpointId")? {
        Some(id) => Some(endpoints::contact_of(&app, &user, id).await?),
        None => endpoints::preferred(&app, &user).await?,
    };
    let at = match target {
        Some(target) => match common::meant(&app, &user.principal, target).await {
            Ok(Meant::Extension(number) | Meant::Queue(number)) => Some(number),
            Err(CommandError::NotFound(_)) => {
                return Err(Refusal::unknown(format!("no user {target}")));
            }
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    one_at_a_time(&app, &user).await?;
    let order = TakeOrder::PickUpAt { at, extension: None, contact };
    match app.gateway.command(user.principal.clone(), Command::Take(order)).await {
        Ok(Done::Originated { call, interaction }) => {
            app.dialects.webex.begun(&user, call, interaction);
            let (tenant, number) = (&user.principal.tenant, &user.number);
            tracing::info!(%tenant, extension = %number, %call, "a call is being picked up");
            let body = json!({
                "callId": call.to_string(),
                "callSessionId": interaction.to_string(),
            });
            Ok((StatusCode::CREATED, Json(body)))
        }
        // What was chosen is gone.
        Err(CommandError::NotFound(why)) => Err(Refusal::new(StatusCode::GONE, why)),
        Err(error) => Err(error.into()),
        Ok(_) => Err(Refusal::later(StatusCode::SERVICE_UNAVAILABLE, 1, "no answer")),
    }
}

/// A phone that rings for one pickup is not rung for another.
async fn one_at_a_time(app: &App, user: &User) -> Result<(), Refusal> {
    let live = common::calls(app, &user.principal).await?;
    let rings = live.iter().any(|call| {
        let record = &call.record;
        let own = matches!(&record.caller, Party::Extension { extension, .. } if extension.number == user.number);
        let rings = matches!(call.stage, CallStage::Connecting | CallStage::Ringing);
        own && rings && app.dialects.webex.is_pickup(user, record.call)
    });
    match rings {
        true => Err(Refusal::later(
            StatusCode::LOCKED,
            ONE_AT_A_TIME,
            "your phone rings for another pickup",
        )),
        false => Ok(()),
    }
}
