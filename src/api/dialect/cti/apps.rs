//! The application itself.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strowger_core::vocab::Command;
use strowger_core::vocab::settings::TenantSettings;

use super::asked::Asked;
use super::create::create;
use super::envelope::{Outcome, Refusal, found, written};
use super::fields::Fields;
use super::hooks;
use super::hub::Hub;
use super::shelf::{APPLICATION, refused};
use crate::api::app::App;
use crate::api::dialect::common;
use crate::api::keep::Keep;

/// Where it is kept.
const DETAILS: &str = "details";
/// Where its secret is kept, sealed.
const SECRET: &str = "secret";

pub(super) fn routes() -> Router<App> {
    Router::new().route("/apps", get(show).put(change).post(create))
}

/// What is kept of an application.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct AppDoc {
    pub(super) name: String,
    /// A telemarketing platform; else a call centre's.
    external: bool,
    pub(super) callback_url: String,
    pub(super) memo: String,
}

impl AppDoc {
    /// The application's.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) async fn of(app: &App, tenant: &str) -> Result<Self, Refusal> {
        Ok(APPLICATION.get(app, tenant, DETAILS).await?.unwrap_or_default())
    }

    async fn keep(&self, app: &App, tenant: &str) -> Result<(), Refusal> {
        APPLICATION.put(app, tenant, DETAILS, self).await
    }

    /// As the interface spells it.
    pub(super) fn kind(&self) -> &'static str {
        if self.external { "external" } else { "default" }
    }
}

/// What the secret is sealed for.
fn place(tenant: &str) -> String {
    format!("cti/secret/{tenant}")
}

/// The application's secret, which is made when it is first wanted.
///
/// # Errors
/// The store can neither read nor write it.
pub(super) async fn secret(app: &App, tenant: &str) -> Result<String, Refusal> {
    if let Some(secret) = known_secret(app, tenant).await? {
        return Ok(secret);
    }
    // Of several who want it first one makes it, and the others take that.
    let _alone = Hub::of(app).hold_writing().await;
    if let Some(secret) = known_secret(app, tenant).await? {
        return Ok(secret);
    }
    let secret = fresh_secret()?;
    let sealed = app.gateway.seal(&place(tenant), &secret).map_err(refused)?;
    APPLICATION.put(app, tenant, SECRET, &sealed).await?;
    Ok(secret)
}

/// A secret that nobody had before.
///
/// # Errors
/// The system has no randomness.
pub(super) fn fresh_secret() -> Result<String, Refusal> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Refusal::internal(&error))?;
    Ok(hex::encode(bytes))
}

/// What is kept of a new application.
///
/// # Errors
/// The secret cannot be sealed.
pub(super) fn documents(
    app: &App,
    tenant: &str,
    doc: &AppDoc,
    secret: &str,
) -> Result<Vec<Keep>, Refusal> {
    let written = serde_json::to_value(doc).map_err(|error| Refusal::internal(&error))?;
    let sealed = app.gateway.seal(&place(tenant), secret).map_err(refused)?;
    let put = |key: &str, document| Keep::put(APPLICATION.0, key, document);
    Ok(vec![put(DETAILS, written), put(SECRET, Value::from(sealed))])
}

/// Whether somebody may be called back there.
///
/// # Errors
/// Not there, and why.
pub(super) async fn check_callback(app: &App, doc: &AppDoc) -> Result<(), Refusal> {
    if doc.callback_url.is_empty() {
        return Ok(());
    }
    let right = app.gateway.check_url(&doc.callback_url).await;
    right.map_err(|why| Refusal::params(format!("CallbackUrl: {why}")))
}

async fn known_secret(app: &App, tenant: &str) -> Result<Option<String>, Refusal> {
    let sealed: Option<String> = APPLICATION.get(app, tenant, SECRET).await?;
    Ok(sealed.and_then(|sealed| app.gateway.unseal(&place(tenant), &sealed)))
}

async fn show(State(app): State<App>, asked: Asked) -> Outcome {
    let tenant = asked.tenant();
    let secret = secret(&app, tenant).await?;
    let doc = AppDoc::of(&app, tenant).await?;
    let settings = common::settings(&app, &asked.principal()).await?;
    found(json!({
        "AppId": asked.app_id,
        "ExtensionPrefix": asked.names.prefix,
        "Name": if doc.name.is_empty() { tenant } else { &doc.name },
        "Type": doc.kind(),
        "CallbackUrl": doc.callback_url,
        "IsHideUserNum": settings.hide_numbers,
        "Secret": secret,
        "Memo": doc.memo,
        "WrapUpTime": settings.wrap_up_time.unwrap_or(0),
    }))
}

async fn change(State(app): State<App>, asked: Asked) -> Outcome {
    let tenant = asked.tenant();
    let alone = Hub::of(&app).hold_writing().await;
    let mut doc = AppDoc::of(&app, tenant).await?;
    let before = common::settings(&app, &asked.principal()).await?;
    let mut settings = before.clone();
    read_into(&mut doc, &mut settings, asked.body()?)?;
    check_callback(&app, &doc).await?;
    if settings != before {
        asked.order(Command::TenantSettings(Box::new(settings))).await?;
    }
    doc.keep(&app, tenant).await?;
    drop(alone);
    hooks::follow_application(&app, tenant, &asked.app_id).await?;
    written(Value::Null)
}

/// Takes over what is given and leaves the rest.
pub(super) fn read_into(
    doc: &mut AppDoc,
    settings: &mut TenantSettings,
    fields: &Fields,
) -> Result<(), Refusal> {
    for (name, most, place) in [("Name", 128, &mut doc.name), ("Memo", 1_024, &mut doc.memo)] {
        if let Some(text) = fields.text(name)? {
            if text.len() > most {
                return Err(Refusal::params(format!("{name}: at most {most} bytes")));
            }
            *place = text;
        }
    }
    match fields.text("Type")?.as_deref() {
        None | Some("") => {}
        Some("default" | "1") => doc.external = false,
        Some("external" | "0") => doc.external = true,
        Some(_) => return Err(Refusal::params("Type: write default or external, 1 or 0")),
    }
    if let Some(url) = fields.text("CallbackUrl")? {
        if !url.is_empty() && !is_url(&url) {
            return Err(Refusal::params("CallbackUrl: write http:// or https:// and a host"));
        }
        doc.callback_url = url;
    }
    if let Some(hide) = fields.flag("IsHideUserNum")? {
        settings.hide_numbers = hide;
    }
    if let Some(secs) = fields.number("WrapUpTime", 3_600)? {
        settings.wrap_up_time = u32::try_from(secs).ok();
    }
    Ok(())
}

/// Whether somebody can be called back there.
pub(super) fn is_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<axum::http::Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    // A port that is none stays part of the authority.
    let port = authority.as_str().rsplit_once(']').map_or(authority.as_str(), |(_, rest)| rest);
    let port = !port.contains(':') || authority.port_u16().is_some();
    web && port && text.len() <= 1_024 && !authority.host().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_called_back() {
        for good in ["http://59.110.105.200:12345", "https://crm.example/cti?x=1"] {
            assert!(is_url(good), "{good}");
        }
        for bad in ["", "crm.example", "ftp://crm.example", "http://", "file:///etc"] {
            assert!(!is_url(bad), "{bad}");
        }
    }
}
