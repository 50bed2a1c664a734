//! How much a client may have, and has.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::client::Client;
use super::fields::Path;
use super::refusal::Refusal;
use super::{events, sounds};
use crate::api::app::App;
use crate::api::sounds::MOST;

pub(super) async fn show(
    State(app): State<App>,
    client: Client,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    client.is(&id)?;
    client.sees()?;
    Ok(Json(json!({
        "agent_event_limit": events::MOST,
        "agent_event_count": events::count(&app, &client).await?,
        "sound_limit": MOST,
        "sound_count": sounds::count(&app, &client).await?,
    })))
}
