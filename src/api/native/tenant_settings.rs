//! What a tenant sets for all of its calls: music, words, covered numbers, wrap-up.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_core::vocab::settings::TenantSettings;
use strowger_core::vocab::{Command, Query, Reply};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{NoParams, Refusals, Unread, ordered, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Example, Params};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show, set))
}

/// What holds for all calls of a tenant. Prompts are paths below the sounds directory without `.wav`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api::native) struct TenantSettingsItem {
    /// What somebody hears who is held or parked; null is `media.hold_music`.
    #[serde(default)]
    hold_music: Option<String>,
    /// What somebody hears whose other party consults a third one; null is `hold_music`.
    #[serde(default)]
    consult_music: Option<String>,
    /// What a caller from outside hears at last whom an extension has not answered; null: the call just fails.
    #[serde(default)]
    no_answer: Option<String>,
    /// What mailboxes say that have no greeting of their own; null is the usual one.
    #[serde(default)]
    mailbox_greeting: Option<String>,
    /// The tenant's phones see numbers outside with most digits covered.
    #[serde(default)]
    hide_numbers: bool,
    /// How long agents finish a conversation where neither agent nor queue says so, in seconds, 0 to 86400; null is what the
    /// configuration file says.
    #[serde(default)]
    wrap_up_time: Option<u32>,
}

impl Example for TenantSettingsItem {
    const EXAMPLE: &'static str =
        r#"{"hold_music": "music/hold", "hide_numbers": true, "wrap_up_time": 10}"#;
}

impl From<TenantSettings> for TenantSettingsItem {
    fn from(set: TenantSettings) -> Self {
        Self {
            hold_music: set.hold_music,
            consult_music: set.consult_music,
            no_answer: set.no_answer,
            mailbox_greeting: set.mailbox_greeting,
            hide_numbers: set.hide_numbers,
            wrap_up_time: set.wrap_up_time,
        }
    }
}

impl TenantSettingsItem {
    fn read(self) -> Result<TenantSettings, Problem> {
        let settings = TenantSettings {
            hold_music: self.hold_music,
            consult_music: self.consult_music,
            no_answer: self.no_answer,
            mailbox_greeting: self.mailbox_greeting,
            hide_numbers: self.hide_numbers,
            wrap_up_time: self.wrap_up_time,
        };
        match settings.problem() {
            Some(detail) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)),
            None => Ok(settings),
        }
    }
}

/// What the tenant has set for all of its calls.
#[utoipa::path(get, path = "/api/v1/settings", operation_id = "showTenantSettings", tag = "tenant",
    responses((status = 200, description = "What holds now", body = TenantSettingsItem), Refusals))]
async fn show(
    State(app): State<App>,
    key: Key,
    _: Params<NoParams>,
) -> Result<Json<TenantSettingsItem>, Problem> {
    key.sees_tenant()?;
    match app.gateway.query(key.0, Query::TenantSettings).await {
        Reply::TenantSettings(settings) => Ok(Json((*settings).into())),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Sets everything for the tenant; what is left out is not set. It is remembered over restarts.
#[utoipa::path(put, path = "/api/v1/settings", operation_id = "setTenantSettings", tag = "tenant",
    request_body = TenantSettingsItem,
    responses(
        (status = 204, description = "It is in force"),
        (status = 422, description = "No prompt, or a time out of range", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn set(
    State(app): State<App>,
    key: Key,
    _: Params<NoParams>,
    Body(settings): Body<TenantSettingsItem>,
) -> Result<StatusCode, Problem> {
    let settings = Box::new(settings.read()?);
    ordered(app.gateway.command(key.0, Command::TenantSettings(settings)).await?)
}
