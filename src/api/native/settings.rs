//! What the owner of an extension sets: do not disturb, forwards, follow me.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_core::vocab::settings::{ExtensionSettings, FollowStep};
use strowger_core::vocab::{Command, Query, Reply};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{NoParams, Refusals, Unread, ordered, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Example, Params};
use crate::api::problem::Problem;

/// Characters that a number to dial may have.
const LONGEST_NUMBER: usize = 64;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show, set))
}

/// What is set for an extension. Numbers are whatever the extension could dial.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api::native) struct SettingsItem {
    /// The phones do not ring; callers go where those of a busy extension go.
    #[serde(default)]
    do_not_disturb: bool,
    /// Where all calls go.
    #[serde(default)]
    forward_all: Option<String>,
    /// Where calls go while the extension is busy, is not to be disturbed, or refuses.
    #[serde(default)]
    forward_busy: Option<String>,
    /// Where calls go that nobody takes.
    #[serde(default)]
    forward_no_answer: Option<String>,
    /// Where calls go while no phone is registered; null is where those go that nobody takes.
    #[serde(default)]
    forward_unregistered: Option<String>,
    /// How long the phones ring before that, in seconds, 1 to 600; null is the extension's usual time.
    #[serde(default)]
    no_answer_secs: Option<u16>,
    /// What rings beside or after the phones, at most 10 numbers.
    #[serde(default)]
    follow_me: Vec<FollowItem>,
}

/// A number that is tried for an extension.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FollowItem {
    /// Whatever the extension could dial.
    #[schema(example = "057188880000")]
    number: String,
    /// Seconds after the phones began to ring, 0 to 600.
    #[serde(default)]
    delay_secs: u16,
    /// Rings for so long, in seconds, 1 to 600.
    #[serde(default = "usual_ring")]
    ring_secs: u16,
    /// The key that whoever answers there must press; null needs none.
    #[serde(default)]
    confirm: Option<char>,
}

fn usual_ring() -> u16 {
    30
}

impl Example for SettingsItem {
    const EXAMPLE: &'static str = r#"{"do_not_disturb": false, "forward_busy": "4568", "forward_no_answer": "4568", "no_answer_secs": 20, "follow_me": [{"number": "057188880000", "delay_secs": 10, "ring_secs": 30, "confirm": "1"}]}"#;
}

impl From<ExtensionSettings> for SettingsItem {
    fn from(set: ExtensionSettings) -> Self {
        let follow = |step: FollowStep| FollowItem {
            number: step.number,
            delay_secs: step.delay_secs,
            ring_secs: step.ring_secs,
            confirm: step.confirm,
        };
        Self {
            do_not_disturb: set.do_not_disturb,
            forward_all: set.forward_all,
            forward_busy: set.forward_busy,
            forward_no_answer: set.forward_no_answer,
            forward_unregistered: set.forward_unregistered,
            no_answer_secs: set.no_answer_secs,
            follow_me: set.follow_me.into_iter().map(follow).collect(),
        }
    }
}

impl SettingsItem {
    /// Checks the form; what the numbers mean is the switch's business.
    fn read(self) -> Result<ExtensionSettings, Problem> {
        let follow = |step: FollowItem| FollowStep {
            number: step.number,
            delay_secs: step.delay_secs,
            ring_secs: step.ring_secs,
            confirm: step.confirm,
        };
        let settings = ExtensionSettings {
            do_not_disturb: self.do_not_disturb,
            forward_all: self.forward_all,
            forward_busy: self.forward_busy,
            forward_no_answer: self.forward_no_answer,
            forward_unregistered: self.forward_unregistered,
            no_answer_secs: self.no_answer_secs,
            follow_me: self.follow_me.into_iter().map(follow).collect(),
        };
        let wrong = |(field, number): (&str, &str)| {
            let sound = !number.chars().any(char::is_control);
            let fits = (1..=LONGEST_NUMBER).contains(&number.len()) && sound;
            (!fits).then(|| format!("{field}: 1 to {LONGEST_NUMBER} characters of a number"))
        };
        let wrong = settings.numbers().find_map(wrong);
        match wrong.or_else(|| settings.problem()) {
            Some(detail) => Err(Problem::unprocessable(detail)),
            None => Ok(settings),
        }
    }
}

/// What is set for an extension. Keys of users and agents see their own extension's.
#[utoipa::path(get, path = "/api/v1/extensions/{extension}/settings", operation_id = "showSettings", tag = "extensions",
    params(("extension" = String, Path, description = "Its number")),
    responses(
        (status = 200, description = "What holds now", body = SettingsItem),
        (status = 404, description = "No such extension", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    Key(principal): Key,
    Path(extension): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<SettingsItem>, Problem> {
    match app.gateway.query(principal, Query::Settings(extension)).await {
        Reply::Settings(record) => Ok(Json(record.settings.into())),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Sets everything for an extension; what is left out is not set. It is remembered over restarts, and counts instead of
/// what the configuration file says. Keys of users and agents set their own extension's.
#[utoipa::path(put, path = "/api/v1/extensions/{extension}/settings", operation_id = "setSettings", tag = "extensions",
    request_body = SettingsItem,
    params(("extension" = String, Path, description = "Its number")),
    responses(
        (status = 204, description = "It is in force"),
        (status = 404, description = "No such extension", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "A number that the extension could not dial, or a time out of range", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn set(
    State(app): State<App>,
    Key(principal): Key,
    Path(extension): Path<String>,
    _: Params<NoParams>,
    Body(settings): Body<SettingsItem>,
) -> Result<StatusCode, Problem> {
    let settings = Box::new(settings.read()?);
    ordered(app.gateway.command(principal, Command::Settings { extension, settings }).await?)
}
