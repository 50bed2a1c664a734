//! Phones fetch their settings: `/provision/SECRET/FILE`, where the file's name says whose phone it is.
//!
//! The secret of an administrator opens once; what is sent then carries a URL with a secret of the phone's own, which it
//! uses from then on. Secrets are never logged, and wrong ones are counted by address like wrong keys, but apart from them.

mod file;
mod grandstream;
mod snom;
mod yealink;

use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use strowger_core::vocab::provision::{Fetch, PhoneSheet, SecretDigest, Vendor};
use strowger_core::vocab::{Command, CommandError, Done, Principal, Role};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::auth::Guard;
use super::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(provision))
}

/// A new secret: 128 random bits as text.
pub(super) fn fresh() -> Result<String, Problem> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Problem::internal(&error))?;
    Ok(hex::encode(bytes))
}

pub(super) fn digest(secret: &str) -> SecretDigest {
    Sha256::digest(secret.as_bytes()).into()
}

/// The URL below which a secret opens, by the name under which the client knows us.
pub(super) fn url(headers: &HeaderMap, secret: &str) -> String {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or("localhost");
    let sound = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    let host = if host.chars().all(sound) { host } else { "localhost" };
    let https = headers.get("x-forwarded-proto").is_some_and(|value| value == "https");
    format!("{}://{host}/provision/{secret}/", if https { "https" } else { "http" })
}

/// The settings of a phone, in the form that its maker reads. The path carries the secret.
#[utoipa::path(get, path = "/provision/{secret}/{file}", operation_id = "provisionPhone", tag = "phones",
    security(()),
    params(
        ("secret" = String, Path, description = "Opens once; later the one that the phone was given"),
        ("file" = String, Path, description = "As the phone asks: MAC.cfg, cfgMAC.xml, snomMODEL-MAC.htm"),
    ),
    responses(
        (status = 200, description = "The settings", content_type = "text/plain"),
        (status = 403, description = "The secret opens nothing, or no more", body = Problem,
            content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong secrets came from this address", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Problem,
            content_type = "application/problem+json"),
    ))]
async fn provision(
    State(app): State<App>,
    Path((secret, file)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let guard = Guard::of_phones(&app, request.extensions()).map_err(|seconds| {
        let detail = "too many wrong secrets came from your address";
        Problem::retry(StatusCode::TOO_MANY_REQUESTS, seconds, detail)
    })?;
    let wrong = || {
        guard.failed(&app, "a secret that opens no phone's settings");
        Problem::forbidden("the secret opens nothing, or no more; make a new one")
    };
    // Whoever only looks must not spend the secret.
    if request.method() == Method::HEAD {
        return Err(Problem::forbidden("ask with GET"));
    }
    let asked = match file::read(&file) {
        Some(file::Asked::Common(vendor)) => return Ok(answer(vendor, common(vendor))),
        Some(file::Asked::Phone(vendor, mac)) => (vendor, mac),
        None => return Err(wrong()),
    };
    let (vendor, mac) = asked;
    let own = fresh()?;
    let fetch = Fetch { mac, vendor, digest: digest(&secret), fresh: digest(&own) };
    let nobody = Principal {
        tenant: String::new(),
        role: Role::ReadOnly,
        name: "phone".into(),
        extension: None,
        agent: None,
    };
    match app.gateway.command(nobody, Command::Fetch(Box::new(fetch))).await {
        Ok(Done::Provisioned(sheet)) => {
            let secret = if sheet.renewed { &own } else { &secret };
            let text = written(&sheet, &url(request.headers(), secret));
            Ok(answer(vendor, text))
        }
        Err(CommandError::Forbidden(_)) => Err(wrong()),
        Err(error) => Err(error.into()),
        Ok(_) => Err(Problem::internal(&"the switch did something else")),
    }
}

fn written(sheet: &PhoneSheet, url: &str) -> String {
    match sheet.phone.vendor {
        Vendor::Yealink => yealink::settings(sheet, url),
        Vendor::Grandstream => grandstream::settings(sheet, url),
        Vendor::Snom => snom::settings(sheet, url),
    }
}

/// What all phones of a maker ask for first: nothing stands in it, and no secret is needed or spent.
fn common(vendor: Vendor) -> String {
    match vendor {
        Vendor::Yealink => "#!version:1.0.0.1\n".to_owned(),
        Vendor::Grandstream => grandstream::EMPTY.to_owned(),
        Vendor::Snom => snom::EMPTY.to_owned(),
    }
}

fn answer(vendor: Vendor, text: String) -> Response {
    let kind = match vendor {
        Vendor::Yealink => "text/plain; charset=utf-8",
        Vendor::Grandstream | Vendor::Snom => "application/xml; charset=utf-8",
    };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")], text).into_response()
}

/// Text as it may stand in an XML element or attribute.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            control if control.is_control() => out.push(' '),
            plain => out.push(plain),
        }
    }
    out
}

#[cfg(test)]
mod tests;
