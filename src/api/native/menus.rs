//! Menus: list, show, define, remove.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::menu::{Menu, MenuOrder, MenuView};
use strowger_core::vocab::{Command, Done, MenuKey, Query, Reply, values};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{LivePage, LiveParams, NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Example, Params};
use crate::api::problem::Problem;

/// Bytes that a menu's name and a prompt's name may have.
const LONGEST_NAME: usize = 64;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, define, remove))
}

/// A menu.
#[derive(Debug, Serialize, ToSchema)]
struct MenuItem {
    /// Its name; `ivr:NAME` leads to it.
    name: String,
    /// `file`, or `http` where it can be changed here.
    origin: &'static str,
    /// Within its hours now.
    open: bool,
    #[serde(flatten)]
    definition: Definition,
}

/// What a menu is. Prompts are names below the sounds directory, destinations as in the configuration.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MenuDefinition)]
struct Definition {
    /// Played first and after each failed try.
    #[serde(default)]
    greeting: Option<String>,
    /// Where keys lead: `0-9`, `*`, `#`.
    #[serde(default)]
    #[schema(example = json!({"1": "queue:9001", "0": "4567"}))]
    keys: BTreeMap<String, String>,
    /// Extensions may be dialled.
    #[serde(default)]
    direct_dial: bool,
    /// How long a key is awaited, in seconds, 1 to 60.
    #[serde(default = "usual_timeout")]
    timeout_secs: u32,
    /// How long the next digit of an extension is awaited, in seconds, 1 to 10.
    #[serde(default = "usual_digit")]
    digit_secs: u32,
    /// How often the greeting is played, 1 to 10.
    #[serde(default = "usual_tries")]
    tries: u8,
    /// Played after a wrong key; null is the usual one.
    #[serde(default)]
    invalid: Option<String>,
    /// Where callers go who press nothing; null says goodbye.
    #[serde(default)]
    timeout_to: Option<String>,
    /// Where callers go who press wrong keys only; null is where those go who press nothing.
    #[serde(default)]
    invalid_to: Option<String>,
    /// The name of `[[hours]]` of the configuration; null is always open.
    #[serde(default)]
    hours: Option<String>,
    /// Played outside the hours.
    #[serde(default)]
    closed_greeting: Option<String>,
    /// Where callers go outside the hours; null says goodbye.
    #[serde(default)]
    closed_to: Option<String>,
}

fn usual_timeout() -> u32 {
    5
}

fn usual_digit() -> u32 {
    3
}

fn usual_tries() -> u8 {
    3
}

impl Example for Definition {
    const EXAMPLE: &'static str = r#"{"greeting": "en/welcome", "keys": {"1": "queue:9001", "0": "4567"}, "timeout_to": "queue:9001"}"#;
}

impl From<MenuView> for MenuItem {
    fn from(view: MenuView) -> Self {
        let origin = if view.from_file { "file" } else { "http" };
        let name = view.menu.key.name.clone();
        Self { name, origin, open: view.open, definition: view.menu.into() }
    }
}

impl From<Menu> for Definition {
    fn from(menu: Menu) -> Self {
        let text = |to: Option<Destination>| to.map(|to| to.to_string());
        let keys = menu.keys.iter().map(|(key, to)| (key.to_string(), to.to_string()));
        Self {
            greeting: menu.greeting,
            keys: keys.collect(),
            direct_dial: menu.direct_dial,
            timeout_secs: menu.timeout_secs,
            digit_secs: menu.digit_secs,
            tries: menu.tries,
            invalid: menu.invalid,
            timeout_to: text(menu.timeout_to),
            invalid_to: text(menu.invalid_to),
            hours: menu.hours,
            closed_greeting: menu.closed_greeting,
            closed_to: text(menu.closed_to),
        }
    }
}

impl Definition {
    /// Checks what the switch does not.
    fn read(self, key: MenuKey) -> Result<Menu, Problem> {
        let tenant = key.tenant.clone();
        let to = |field: &str, text: Option<String>| -> Result<Option<Destination>, Problem> {
            let Some(text) = text else { return Ok(None) };
            let right = "write e.g. \"queue:9001\", \"extension:4567\", \"ivr:main\" or a number";
            let read = Destination::parse(&text, &tenant);
            read.map(Some).ok_or_else(|| {
                Problem::unprocessable(format!("{field}: \"{text}\" is no destination; {right}"))
            })
        };
        let mut keys = BTreeMap::new();
        for (key, text) in self.keys {
            let mut characters = key.chars();
            let single = characters.next().filter(|_| characters.next().is_none());
            let single = single.filter(|key| key.is_ascii_digit() || matches!(key, '*' | '#'));
            let field = format!("keys.{key}");
            let Some(single) = single else {
                return Err(Problem::unprocessable(format!(
                    "{field}: a key is one of 0-9, * and #"
                )));
            };
            keys.extend(to(&field, Some(text))?.map(|to| (single, to)));
        }
        for (field, number, range) in [
            ("timeout_secs", self.timeout_secs, 1..=60),
            ("digit_secs", self.digit_secs, 1..=10),
            ("tries", u32::from(self.tries), 1..=10),
        ] {
            if !range.contains(&number) {
                let text = format!("{field}: write {} to {}", range.start(), range.end());
                return Err(Problem::unprocessable(text));
            }
        }
        Ok(Menu {
            key,
            greeting: prompt("greeting", self.greeting, &tenant)?,
            keys,
            direct_dial: self.direct_dial,
            timeout_secs: self.timeout_secs,
            digit_secs: self.digit_secs,
            tries: self.tries,
            invalid: prompt("invalid", self.invalid, &tenant)?,
            timeout_to: to("timeout_to", self.timeout_to)?,
            invalid_to: to("invalid_to", self.invalid_to)?,
            hours: self.hours,
            closed_greeting: prompt("closed_greeting", self.closed_greeting, &tenant)?,
            closed_to: to("closed_to", self.closed_to)?,
        })
    }
}

/// A name below the sounds directory or of the tenant's own, and nothing that leads out of there.
fn prompt(field: &str, name: Option<String>, tenant: &str) -> Result<Option<String>, Problem> {
    match name.as_deref().map(|name| values::own_prompt(name, tenant)) {
        Some(Err(why)) => Err(Problem::unprocessable(format!("{field}: {why}"))),
        _ => Ok(name),
    }
}

/// Menus by name.
#[utoipa::path(get, path = "/api/v1/menus", operation_id = "listMenus", tag = "menus", params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<MenuItem>), Refusals))]
async fn list(
    State(app): State<App>,
    Key(principal): Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<MenuItem>>, Problem> {
    let (offset, limit) = params.read()?;
    match app.gateway.query(principal, Query::Menus { offset, limit }).await {
        Reply::Menus(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// One menu.
#[utoipa::path(get, path = "/api/v1/menus/{menu}", operation_id = "showMenu", tag = "menus",
    params(("menu" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The menu", body = MenuItem),
        (status = 404, description = "No such menu", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    Key(principal): Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<MenuItem>, Problem> {
    match app.gateway.query(principal, Query::Menu(name)).await {
        Reply::Menu(view) => Ok(Json((*view).into())),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Makes a menu, or replaces all of one. Answered when it is on disk; callers who are in it stay in the old one.
#[utoipa::path(put, path = "/api/v1/menus/{menu}", operation_id = "defineMenu", tag = "menus", request_body = Definition,
    params(("menu" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "It is in force"),
        (status = 409, description = "The configuration file defines it", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "It names something that does not exist", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn define(
    State(app): State<App>,
    Key(principal): Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
    Body(definition): Body<Definition>,
) -> Result<StatusCode, Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        return Err(Problem::unprocessable(format!(
            "a menu's name has 1 to {LONGEST_NAME} of a-z, A-Z, 0-9, - _ ."
        )));
    }
    let key = MenuKey { tenant: principal.tenant.clone(), name };
    let menu = definition.read(key)?;
    match app.gateway.command(principal, Command::Menu(MenuOrder::Put(Box::new(menu)))).await? {
        Done::Defined => Ok(StatusCode::NO_CONTENT),
        _ => Err(unexpected()),
    }
}

/// Removes a menu that was made over HTTP.
#[utoipa::path(delete, path = "/api/v1/menus/{menu}", operation_id = "removeMenu", tag = "menus",
    params(("menu" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such menu", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove(
    State(app): State<App>,
    Key(principal): Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    match app.gateway.command(principal, Command::Menu(MenuOrder::Delete(name))).await? {
        Done::Defined => Ok(StatusCode::NO_CONTENT),
        _ => Err(unexpected()),
    }
}
