//! Errors. The document shows none; this is the form of OAuth 2.0 (RFC 6749 section 5.2, RFC 6750 section 3), which
//! clients of its tokens read already: `{"error": code, "error_description": words}`.

use axum::Json;
use axum::http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use strowger_core::vocab::CommandError;

use crate::api::keep::KeepError;
use crate::api::sounds::SoundError;

/// What is wrong: its status and its code stand in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A parameter or the body.
    Request,
    /// The grant of a token is another than `client_credentials`.
    Grant,
    /// The client of a token is unknown, or its secret is wrong.
    Client,
    /// The token is missing, wrong or too old.
    Token,
    /// The token may not do this.
    Scope,
    /// There is no such thing of this client.
    NotFound,
    /// Nor such a method.
    Method,
    /// It contradicts what is there.
    Conflict,
    /// The body is too long.
    TooLarge,
    /// The body is of a kind that is not read.
    MediaType,
    /// Too many wrong tokens.
    TooMany,
    /// The switch has too much to do.
    Busy,
    /// Our own.
    Server,
}

impl Fault {
    fn shown(self) -> (StatusCode, &'static str) {
        match self {
            Self::Request => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Grant => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::Client => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::Token => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::Scope => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
            Self::Server => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        }
    }
}

/// An error as it goes to the client.
#[derive(Debug)]
pub(super) struct Refusal {
    fault: Fault,
    words: String,
    retry_after: Option<u32>,
}

impl Refusal {
    pub(super) fn new(fault: Fault, words: impl Into<String>) -> Self {
        Self { fault, words: words.into(), retry_after: None }
    }

    /// A parameter is wrong.
    pub(super) fn wrong(key: &str, words: impl std::fmt::Display) -> Self {
        Self::new(Fault::Request, format!("{key}: {words}"))
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(Fault::NotFound, format!("no such {what}"))
    }

    pub(super) fn later(fault: Fault, seconds: u32, words: impl Into<String>) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(fault, words) }
    }

    /// The reason goes to the log.
    pub(super) fn internal(why: &dyn std::fmt::Display) -> Self {
        tracing::error!("an HTTP request has failed: {why}");
        Self::new(Fault::Server, "the server's log says more")
    }

    /// The switch answered something that was not asked.
    pub(super) fn unexpected() -> Self {
        Self::internal(&"the switch answered something else than was asked")
    }

    pub(super) fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = self.fault.shown();
        let body = json!({"error": code, "error_description": self.words});
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = match self.fault {
                Fault::Client => "Basic realm=\"oauth\"",
                _ => "Bearer error=\"invalid_token\"",
            };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::NotFound(why) => Self::new(Fault::NotFound, why),
            CommandError::Forbidden(why) => Self::new(Fault::Scope, why),
            CommandError::Conflict(why) => Self::new(Fault::Conflict, why),
            CommandError::Invalid(why) => Self::new(Fault::Request, why),
            CommandError::Busy { retry_after, what } => Self::later(Fault::Busy, retry_after, what),
        }
    }
}

impl From<KeepError> for Refusal {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::TooLarge => Self::new(Fault::Request, error.to_string()),
            KeepError::Full(_) | KeepError::NoTenant => {
                Self::new(Fault::Conflict, error.to_string())
            }
            KeepError::Busy => Self::later(Fault::Busy, 1, error.to_string()),
            KeepError::Failed(why) => Self::internal(&why),
        }
    }
}

impl From<SoundError> for Refusal {
    fn from(error: SoundError) -> Self {
        match error {
            SoundError::Unfit(why) => Self::new(Fault::Request, why),
            SoundError::Full(why) => Self::new(Fault::Conflict, why),
            SoundError::Failed(why) => Self::internal(&why),
        }
    }
}

/// Nothing is served there.
pub(super) async fn nowhere(uri: Uri) -> Refusal {
    Refusal::new(Fault::NotFound, format!("nothing is at {}", uri.path()))
}

/// Something is served there, but not by this method.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let words = format!("{} does not take {method}", uri.path());
    let mut response = Refusal::new(Fault::Method, words).into_response();
    // The router writes the methods that there are into an Allow header that is empty.
    response.headers_mut().remove(ALLOW);
    response
}
