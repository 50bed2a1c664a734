//! What went wrong, as clients of this interface read it.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use strowger_core::vocab::CommandError;

use crate::api::app::wall_ms;
use crate::api::gateway::RowsError;
use crate::api::problem::Problem;

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    details: String,
    retry_after: Option<u32>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, details: impl Into<String>) -> Self {
        Self { status, details: details.into(), retry_after: None }
    }

    /// 400: a parameter is missing or wrong.
    pub(super) fn wrong(details: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, details)
    }

    /// 404.
    pub(super) fn unknown(details: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, details)
    }

    /// Whether it is a 404.
    pub(super) fn is_unknown(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// The word for a status.
    fn code(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "access.unauthorized",
            StatusCode::FORBIDDEN => "access.denied",
            StatusCode::NOT_FOUND => "not.found",
            StatusCode::METHOD_NOT_ALLOWED => "method.not.allowed",
            StatusCode::PAYLOAD_TOO_LARGE => "request.too.large",
            StatusCode::TOO_MANY_REQUESTS => "rate.limit.exceeded",
            StatusCode::SERVICE_UNAVAILABLE => "service.unavailable",
            status if status.is_client_error() => "bad.request",
            _ => "internal.error",
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let (status, details, retry_after) = problem.said();
        Self { status, details, retry_after }
    }
}

/// What the switch refuses has the status that the native interface gives it, but for what makes no sense: that is 400 here.
impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Invalid(why) => Self::wrong(why),
            other => Problem::from(other).into(),
        }
    }
}

impl From<RowsError> for Refusal {
    fn from(error: RowsError) -> Self {
        Problem::from(error).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let general = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({
            "errorCode": self.code(),
            "generalMessage": general,
            "details": self.details,
            "timestamp": wall_ms(),
        });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

pub(super) async fn nowhere() -> Refusal {
    Refusal::unknown("nothing is at this address")
}

pub(super) async fn wrong_method(method: Method) -> Refusal {
    let text = format!("{method} is not taken here; the Allow header says what is");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, text)
}
