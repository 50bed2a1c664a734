//! Desk phones that fetch their settings.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use strowger_core::vocab::provision::{
    KeyKind, PhoneConfig, PhoneKey, PhoneOrder, PhoneView, Vendor,
};
use strowger_core::vocab::{Command, Done, Query, Reply, Role};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{LivePage, LiveParams, NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Example, Params};
use crate::api::problem::Problem;
use crate::api::provision;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, define, remove))
        .routes(routes!(issue))
}

/// A desk phone.
#[derive(Debug, Serialize, ToSchema)]
struct PhoneItem {
    /// Its MAC address: 12 hexadecimal digits.
    #[schema(example = "805ec0123456")]
    mac: String,
    /// `file` or `http`: who defined it.
    origin: &'static str,
    /// A URL was made that has not been used.
    ticket: bool,
    /// It has fetched its settings with such a URL.
    bound: bool,
    /// Its definition.
    #[serde(flatten)]
    definition: Definition,
}

/// What a phone is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PhoneDefinition)]
struct Definition {
    /// `yealink`, `grandstream` or `snom`.
    #[schema(example = "yealink")]
    vendor: String,
    /// Its accounts: 1 to 4 numbers of extensions.
    extensions: Vec<String>,
    /// Its keys, in order, at most 48.
    #[serde(default)]
    keys: Vec<KeyItem>,
}

/// A key of a phone.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PhoneKeyItem)]
struct KeyItem {
    /// `line`, `blf` or `speed_dial`.
    #[schema(example = "blf")]
    kind: String,
    /// A number, a code, or an agent as `agent-ID`; nothing for a line.
    #[serde(default)]
    value: String,
    /// What stands beside it.
    #[serde(default)]
    label: String,
}

impl Example for Definition {
    const EXAMPLE: &'static str = r#"{"vendor": "yealink", "extensions": ["4567"], "keys": [{"kind": "blf", "value": "4568", "label": "Bob"}]}"#;
}

/// Where a phone finds its settings.
#[derive(Debug, Serialize, ToSchema)]
struct Ticket {
    /// For the phone's provisioning server; opens once. It is shown nowhere again.
    url: String,
}

impl From<PhoneView> for PhoneItem {
    fn from(view: PhoneView) -> Self {
        let PhoneView { phone, from_file, ticket, bound } = view;
        let key = |key: PhoneKey| KeyItem {
            kind: match key.kind {
                KeyKind::Line => "line",
                KeyKind::Blf => "blf",
                KeyKind::SpeedDial => "speed_dial",
            }
            .to_owned(),
            value: key.value,
            label: key.label,
        };
        let definition = Definition {
            vendor: phone.vendor.as_str().to_owned(),
            extensions: phone.extensions,
            keys: phone.keys.into_iter().map(key).collect(),
        };
        let origin = if from_file { "file" } else { "http" };
        Self { mac: phone.mac, origin, ticket, bound, definition }
    }
}

impl Definition {
    fn read(self, mac: String) -> Result<PhoneConfig, Problem> {
        let wrong = |detail: String| Problem::unprocessable(detail);
        let vendor = Vendor::named(&self.vendor)
            .ok_or_else(|| wrong("vendor: yealink, grandstream or snom".into()))?;
        let key = |key: KeyItem| {
            let kind = KeyKind::named(&key.kind)
                .ok_or_else(|| wrong("keys: kind is line, blf or speed_dial".into()))?;
            Ok(PhoneKey { kind, value: key.value, label: key.label })
        };
        let keys = self.keys.into_iter().map(key).collect::<Result<_, Problem>>()?;
        // The switch knows whose it is.
        let tenant = String::new();
        let phone = PhoneConfig { tenant, mac, vendor, extensions: self.extensions, keys };
        match phone.problem() {
            Some(problem) => Err(wrong(problem)),
            None => Ok(phone),
        }
    }
}

fn mac(text: &str) -> Result<String, Problem> {
    PhoneConfig::mac(text).ok_or_else(|| {
        Problem::bad_request("the MAC address has 12 hexadecimal digits, such as 805ec0123456")
    })
}

/// Desk phones, by MAC address.
#[utoipa::path(get, path = "/api/v1/phones", operation_id = "listPhones", tag = "phones",
    params(LiveParams),
    responses((status = 200, description = "The phones", body = LivePage<PhoneItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<PhoneItem>>, Problem> {
    key.sees_tenant()?;
    let (offset, limit) = params.read()?;
    match app.gateway.query(key.0, Query::Phones { offset, limit }).await {
        Reply::Phones(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// One desk phone.
#[utoipa::path(get, path = "/api/v1/phones/{mac}", operation_id = "showPhone", tag = "phones",
    params(("mac" = String, Path, description = "Its MAC address")),
    responses(
        (status = 200, description = "As it is defined", body = PhoneItem),
        (status = 404, description = "No such phone", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    key: Key,
    Path(text): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<PhoneItem>, Problem> {
    key.sees_tenant()?;
    match app.gateway.query(key.0, Query::Phone(mac(&text)?)).await {
        Reply::Phone(view) => Ok(Json((*view).into())),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Defines a phone or replaces its definition. Its secrets stay as they are.
#[utoipa::path(put, path = "/api/v1/phones/{mac}", operation_id = "definePhone", tag = "phones",
    request_body = Definition,
    params(("mac" = String, Path, description = "Its MAC address")),
    responses(
        (status = 204, description = "It is defined"),
        (status = 404, description = "It is no phone of this tenant's", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The definition makes no sense", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn define(
    State(app): State<App>,
    key: Key,
    Path(text): Path<String>,
    _: Params<NoParams>,
    Body(definition): Body<Definition>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin])?;
    let phone = definition.read(mac(&text)?)?;
    order(&app, key, PhoneOrder::Define(phone)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a phone that was defined over HTTP; its URLs open nothing any more.
#[utoipa::path(delete, path = "/api/v1/phones/{mac}", operation_id = "removePhone", tag = "phones",
    params(("mac" = String, Path, description = "Its MAC address")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such phone", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove(
    State(app): State<App>,
    key: Key,
    Path(text): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin])?;
    order(&app, key, PhoneOrder::Remove(mac(&text)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a URL from which the phone fetches its settings once. All earlier URLs of it open nothing any more.
#[utoipa::path(post, path = "/api/v1/phones/{mac}/ticket", operation_id = "issueTicket", tag = "phones",
    params(("mac" = String, Path, description = "Its MAC address")),
    responses(
        (status = 201, description = "The URL", body = Ticket),
        (status = 404, description = "No such phone", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn issue(
    State(app): State<App>,
    key: Key,
    Path(text): Path<String>,
    headers: HeaderMap,
    _: Params<NoParams>,
) -> Result<(StatusCode, Json<Ticket>), Problem> {
    key.one_of(&[Role::Admin])?;
    let secret = provision::fresh()?;
    let digest = provision::digest(&secret);
    order(&app, key, PhoneOrder::Ticket { mac: mac(&text)?, digest }).await?;
    Ok((StatusCode::CREATED, Json(Ticket { url: provision::url(&headers, &secret) })))
}

async fn order(app: &App, key: Key, order: PhoneOrder) -> Result<(), Problem> {
    match app.gateway.command(key.0, Command::Phone(order)).await? {
        Done::Defined => Ok(()),
        _ => Err(unexpected()),
    }
}
