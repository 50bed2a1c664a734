//! What went wrong, as clients of this interface read it: a message, and an id under which the log has it too.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use strowger_core::vocab::CommandError;

use crate::api::dialect::common;
use crate::api::problem::Problem;

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    retry_after: Option<u32>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None }
    }

    /// 400.
    pub(super) fn wrong(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404.
    pub(super) fn unknown(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// With Retry-After.
    pub(super) fn later(status: StatusCode, seconds: u32, message: impl Into<String>) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(status, message) }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let (status, message, retry_after) = problem.said();
        Self { status, message, retry_after }
    }
}

/// As the native interface has it, but for what makes no sense: that is 400 here.
impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Invalid(why) => Self::wrong(why),
            other => Problem::from(other).into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let tracking = format!("ROUTER_{}", common::fresh_uuid());
        tracing::info!(%tracking, status = self.status.as_u16(), "refused: {}", self.message);
        let body = json!({
            "message": self.message,
            "errors": [{ "description": self.message }],
            "trackingId": tracking,
        });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(tracking) = HeaderValue::from_str(&tracking) {
            headers.insert("trackingid", tracking);
        }
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
