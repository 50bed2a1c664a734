//! What requests carry, read strictly: each mistake is answered with what would be right.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use strowger_core::vocab::CallId;

use super::app::App;
use super::gateway::MAX_ROWS;
use super::problem::Problem;

/// Query parameters. Their type denies unknown fields, and serde then names the known ones.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let text = innermost(&rejection);
                Err(Problem::bad_request(format!("the query parameters: {text}")))
            }
        }
    }
}

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

/// What a right body looks like, for those who sent a wrong one.
pub(super) trait Example {
    /// JSON.
    const EXAMPLE: &'static str;
}

impl<T: DeserializeOwned + Example> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        match Json::from_request(request, app).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(refused(&rejection, app.limits.body, T::EXAMPLE)),
        }
    }
}

fn refused(rejection: &JsonRejection, limit: usize, example: &str) -> Problem {
    let status = rejection.status();
    match rejection {
        JsonRejection::JsonSyntaxError(error) => {
            let text = innermost(error);
            Problem::bad_request(format!("the body is no JSON: {text}. Right would be {example}"))
        }
        JsonRejection::JsonDataError(error) => {
            let text = innermost(error);
            Problem::bad_request(format!("the body: {text}. Right would be {example}"))
        }
        JsonRejection::MissingJsonContentType(_) => {
            Problem::new(status, "send the body with `Content-Type: application/json`")
        }
        _ if status == StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(status, format!("a body may have {limit} bytes"))
        }
        _ => Problem::bad_request("the body could not be read"),
    }
}

/// The cause that says most.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// A call id in the path. What cannot be one names no call: 404.
pub(super) struct CallPath(pub(super) CallId);

impl FromRequestParts<App> for CallPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|error| Problem::bad_request(error.to_string()))?;
        call_id(&text)
            .map(Self)
            .ok_or_else(|| Problem::not_found("a call id has 32 hexadecimal digits"))
    }
}

/// Reads 32 hexadecimal digits.
pub(super) fn call_id(text: &str) -> Option<CallId> {
    let whole = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| text.parse().ok()).flatten()
}

/// How many rows a page gets.
pub(super) fn rows_wanted(limit: Option<usize>) -> Result<usize, Problem> {
    match limit {
        None => Ok(50),
        Some(limit) if (1..=MAX_ROWS).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::bad_request(format!("limit: 1 to {MAX_ROWS} rows a page"))),
    }
}
