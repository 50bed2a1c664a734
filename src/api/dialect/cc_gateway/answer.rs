//! The envelope `{"message", "retcode", "result"}`, and what each code says.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use strowger_core::vocab::CommandError;

/// The header in which a sign-in says what later requests carry.
const SET_GUID: HeaderName = HeaderName::from_static("set-guid");

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A parameter or the address is wrong.
    Parameter,
    /// The sign-in has expired: the Guid is none of now.
    Expired,
    /// A parameter of the sign-in is empty or wrong.
    SignIn,
    /// Signed in already.
    Twice,
    /// No such agent, or another password.
    Password,
    /// Not signed in.
    NotSignedIn,
    /// The operation failed.
    Failed,
    /// Signed out.
    SignedOut,
}

impl Fault {
    fn code(self) -> &'static str {
        match self {
            Self::Parameter => "000-002",
            Self::Expired => "000-003",
            Self::SignIn => "100-001",
            Self::Twice => "100-002",
            Self::Password => "100-004",
            Self::NotSignedIn => "100-006",
            Self::Failed => "100-007",
            Self::SignedOut => "100-008",
        }
    }
}

/// A refused request. The status is 200 but for wrong addresses and methods, bodies that are too long, and those who guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    fault: Fault,
    message: String,
    status: StatusCode,
    retry_after: Option<u32>,
}

impl Refusal {
    pub(super) fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), status: StatusCode::OK, retry_after: None }
    }

    /// With another status than 200.
    pub(super) fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// With Retry-After.
    pub(super) fn after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

/// What the switch refuses is an operation that failed.
impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        let message = match error {
            CommandError::NotFound(why)
            | CommandError::Forbidden(why)
            | CommandError::Conflict(why)
            | CommandError::Invalid(why) => why,
            CommandError::Busy { what, .. } => what,
        };
        Self::new(Fault::Failed, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "message": self.message, "retcode": self.fault.code(), "result": {} });
        let mut response = enveloped(self.status, &body);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn enveloped(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    let kind = HeaderValue::from_static("application/json; charset=UTF-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// It was done.
pub(super) fn done(result: Value) -> Response {
    enveloped(StatusCode::OK, &json!({ "message": "success", "retcode": "0", "result": result }))
}

/// Somebody is signed in from now on.
pub(super) fn signed_in(agent: &str, guid: &str) -> Response {
    let mut response = done(json!({ "workno": agent }));
    if let Ok(guid) = HeaderValue::from_str(guid) {
        response.headers_mut().insert(SET_GUID, guid);
    }
    response
}

/// What an agent hears of, if anything.
pub(super) fn event(event: Option<Value>) -> Response {
    enveloped(StatusCode::OK, &json!({ "message": "", "retcode": "0", "event": event }))
}

/// The value of the header `Guid`, also where it is written as a cookie.
pub(super) fn guid(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("guid")?.to_str().ok()?.trim();
    let guid = text.strip_prefix("JSESSIONID=").unwrap_or(text);
    (!guid.is_empty()).then_some(guid)
}

/// An agent's number: 101 to 999999.
pub(super) fn number(name: &str, text: &str) -> Result<String, Refusal> {
    let sound = (3..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = text.parse::<u32>().ok().filter(|_| sound && !text.starts_with('0'));
    match value.is_some_and(|value| (101..=999_999).contains(&value)) {
        true => Ok(text.to_owned()),
        false => {
            let message = format!("{name}: the number of an agent is 101 to 999999");
            Err(Refusal::new(Fault::Parameter, message))
        }
    }
}

pub(super) async fn nowhere() -> Refusal {
    Refusal::new(Fault::Parameter, "nothing is at this address").with(StatusCode::NOT_FOUND)
}

pub(super) async fn wrong_method(method: Method) -> Refusal {
    let message = format!("{method} is not taken here; the Allow header says what is");
    Refusal::new(Fault::Parameter, message).with(StatusCode::METHOD_NOT_ALLOWED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_have_numbers_of_a_range() {
        for right in ["101", "999999", "4567"] {
            assert_eq!(number("agentid", right), Ok(right.to_owned()));
        }
        for wrong in
            ["", "100", "1000000", "0101", "+101", "1e3", "abc", "101 ", "\u{662}\u{662}\u{662}"]
        {
            assert!(number("agentid", wrong).is_err(), "{wrong}");
        }
    }
}
