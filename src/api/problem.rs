//! Errors as problem details (RFC 9457), and the one table from the switch's refusals to HTTP.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use strowger_core::vocab::CommandError;
use utoipa::ToSchema;

use super::gateway::{ReloadRefused, RowsError};
use super::keep::KeepError;

/// The media type of RFC 9457 section 3.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error as it goes to the client.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says all about the kind.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// What is wrong, and what would be right.
    detail: String,
    /// Each single error, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    /// Seconds after which to try again, as the Retry-After header says.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

/// One of several errors in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The line, from 1; absent where the whole file is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What is wrong, and what would be right.
    pub detail: String,
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// An error with a status and a sentence for people.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// 400.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 403.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 422.
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 500; the reason goes to the log, not to the client.
    pub fn internal(why: &dyn std::fmt::Display) -> Self {
        tracing::error!("an HTTP request has failed: {why}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the server's log says more")
    }

    /// 503 or 429 with Retry-After.
    pub fn retry(status: StatusCode, seconds: u32, detail: impl Into<String>) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(status, detail) }
    }

    /// What other interfaces say in envelopes of their own: status, detail, and the seconds of Retry-After.
    pub(super) fn said(self) -> (StatusCode, String, Option<u32>) {
        (self.status, self.detail, self.retry_after)
    }

    fn with_errors(self, errors: Vec<Fault>) -> Self {
        Self { errors, ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The table: what the switch says, and the status for it.
///
/// | refusal | status |
/// |---|---|
/// | `NotFound` | 404 |
/// | `Forbidden` | 403 |
/// | `Conflict` | 409 |
/// | `Invalid` | 422 |
/// | `Busy` | 503 with Retry-After |
impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::NotFound(why) => Self::not_found(why),
            CommandError::Forbidden(why) => Self::forbidden(why),
            CommandError::Conflict(why) => Self::new(StatusCode::CONFLICT, why),
            CommandError::Invalid(why) => Self::unprocessable(why),
            CommandError::Busy { retry_after, what } => {
                Self::retry(StatusCode::SERVICE_UNAVAILABLE, retry_after, what)
            }
        }
    }
}

impl From<RowsError> for Problem {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::BadCursor => {
                Self::bad_request("after: give what the page before said as `next`, unchanged")
            }
            RowsError::TooLong => {
                let detail = "there is too much to look through; narrow it with from and until";
                Self::retry(StatusCode::SERVICE_UNAVAILABLE, 5, detail)
            }
            RowsError::Failed(why) => Self::internal(&why),
        }
    }
}

impl From<KeepError> for Problem {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::TooLarge => Self::unprocessable(error.to_string()),
            KeepError::Full(_) => Self::new(StatusCode::CONFLICT, error.to_string()),
            KeepError::NoTenant => Self::not_found(error.to_string()),
            KeepError::Busy => Self::retry(StatusCode::SERVICE_UNAVAILABLE, 1, error.to_string()),
            KeepError::Failed(why) => Self::internal(&why),
        }
    }
}

impl From<ReloadRefused> for Problem {
    fn from(refused: ReloadRefused) -> Self {
        match refused {
            ReloadRefused::Wrong { file, problems } => {
                let detail = format!(
                    "{file} has {} error(s); nothing was changed. Put them right and reload again.",
                    problems.len()
                );
                let fault = |(line, detail)| Fault {
                    file: file.clone(),
                    line: (line > 0).then_some(line),
                    detail,
                };
                let errors = problems.into_iter().map(fault).collect();
                Self::unprocessable(detail).with_errors(errors)
            }
            ReloadRefused::Fixed(keys) => {
                let keys = keys.join(", ");
                let detail = format!("{keys} can only change with a restart; nothing was changed");
                Self::new(StatusCode::CONFLICT, detail)
            }
            ReloadRefused::Failed(why) => Self::internal(&why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_status() {
        let table = [
            (CommandError::NotFound("x".into()), 404),
            (CommandError::Forbidden("x".into()), 403),
            (CommandError::Conflict("x".into()), 409),
            (CommandError::Invalid("x".into()), 422),
            (CommandError::Busy { retry_after: 7, what: "x".into() }, 503),
        ];
        for (error, status) in table {
            let busy = matches!(error, CommandError::Busy { .. });
            let response = Problem::from(error).into_response();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_JSON);
            let retry = response.headers().get(RETRY_AFTER).map(|value| value.as_bytes());
            assert_eq!(retry, busy.then_some(&b"7"[..]));
        }
    }
}
