//! A request: whose it is, and what it says.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde_json::{Map, Value};
use strowger_core::vocab::{Principal, Role};

use super::refusal::Refusal;
use crate::api::app::App;
use crate::api::auth::Key;

/// The longest text in a body, in bytes.
const LONGEST: usize = 512;

/// Somebody with a key of an extension.
pub(super) struct User {
    pub(super) principal: Principal,
    /// The extension's bare number.
    pub(super) number: String,
}

impl FromRequestParts<App> for User {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let Key(principal) = Key::from_request_parts(parts, app).await?;
        let own = matches!(principal.role, Role::User | Role::Agent);
        match principal.extension.clone().filter(|_| own) {
            Some(number) => Ok(Self { principal, number }),
            None => Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "this needs the key of a user, which names an extension",
            )),
        }
    }
}

/// The body of a request: a JSON object, or nothing.
pub(super) struct Said(Map<String, Value>);

impl FromRequest<App> for Said {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let kind = request.headers().get(CONTENT_TYPE).cloned();
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| match rejection
            .status()
        {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long")
            }
            _ => Refusal::wrong("the body could not be read"),
        })?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Map::new()));
        }
        let json = kind.as_ref().and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or("").trim();
            kind.eq_ignore_ascii_case("application/json")
        });
        if !json {
            let message = "send the body with `Content-Type: application/json`";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(Refusal::wrong("the body: write a JSON object")),
            Err(error) => Err(Refusal::wrong(format!("the body is no JSON: {error}"))),
        }
    }
}

impl Said {
    /// A text, if it is there.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => {
                Err(Refusal::wrong(format!("{name} is empty; leave it out")))
            }
            Some(Value::String(text)) if text.len() <= LONGEST => Ok(Some(text.trim())),
            Some(Value::String(_)) => {
                Err(Refusal::wrong(format!("{name} may have {LONGEST} bytes")))
            }
            Some(_) => Err(Refusal::wrong(format!("{name}: write a text"))),
        }
    }

    /// A text that must be there.
    pub(super) fn wanted(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::wrong(format!("{name} is missing")))
    }
}
