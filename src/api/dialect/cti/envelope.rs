//! Answers: the three envelopes, and the one table of error codes with their HTTP statuses.

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use strowger_core::vocab::CommandError;

use super::asked::{Asked, AskedByAny, Signed};
use crate::api::gateway::RowsError;

/// Everything that can be wrong, in the document's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A parameter is missing.
    Blank,
    /// A parameter is wrong.
    Params,
    /// The file's name is missing.
    FileName,
    /// The server's own failure.
    Internal,
    /// Too much at once.
    Busy,
    /// What is to be deleted does not exist.
    NoData,
    /// No such application, or not this account's.
    NoApp,
    /// The signature is missing or too old.
    Unsigned,
    /// The signature is wrong.
    Sign,
    /// Too many wrong signatures came from the address.
    Guesses,
    /// The signer asks too often.
    TooOften,
    /// The signer may not do this.
    Forbidden,
    /// The id exists already.
    Duplicate,
    /// The body is missing, or is no JSON.
    NoBody,
    /// The agent or queue is bound to something and is not deleted.
    Bound,
    /// The extension's number is taken.
    NumberExists,
    /// The extension is bound to an agent.
    VoipBound,
    /// The application is not named.
    NoAppId,
    /// What the request names does not exist.
    NotFound,
    /// The queue does not exist.
    NoQueue,
    /// It contradicts the present state.
    State,
    /// Nothing is served at this address.
    Nowhere,
    /// ... by this method.
    Method,
    /// The body is too long.
    TooLarge,
}

/// Each fault with its code, HTTP status and words. The document has no code for a wrong signature or method, an unknown
/// address, a body too long and too many requests; those take the nearest.
const TABLE: [(Fault, &str, u16, &str); 24] = [
    (Fault::Blank, "000001", 400, "AgentId AppId WorkId Blank"),
    (Fault::Params, "000001", 400, "ParamsInvalid"),
    (Fault::FileName, "000001", 400, "File name Blank"),
    (Fault::Internal, "000003", 500, "System internal error"),
    (Fault::Busy, "000003", 503, "System internal error"),
    (Fault::NoData, "000004", 404, "Data does not exist"),
    (Fault::NoApp, "100002", 404, "AppId AppNotFound or forbidden"),
    (Fault::Unsigned, "100002", 401, "Sign forbidden"),
    (Fault::Sign, "100002", 401, "Sign forbidden"),
    (Fault::Guesses, "100002", 429, "Sign forbidden"),
    (Fault::TooOften, "000003", 429, "System internal error"),
    (Fault::Forbidden, "100002", 403, "forbidden"),
    (Fault::Duplicate, "100004", 422, "Duplicate entry"),
    (Fault::NoBody, "100004", 400, "unexpected end of JSON input"),
    (Fault::Bound, "100004", 403, "Agent has queue or voip, can't delete"),
    (Fault::NumberExists, "100015", 422, "NumberIsExisted"),
    (Fault::VoipBound, "100016", 403, "VoipBindAgent"),
    (Fault::NoAppId, "100017", 400, "AppID Blank"),
    (Fault::NotFound, "100018", 404, "RecordNotFound"),
    (Fault::NoQueue, "100018", 404, "Queue Blank"),
    (Fault::State, "000001", 400, "Parameter error"),
    (Fault::Nowhere, "000001", 404, "Parameter error"),
    (Fault::Method, "000001", 405, "Parameter error"),
    (Fault::TooLarge, "000001", 413, "Parameter error"),
];

/// The code of success.
pub(super) const SUCCESS: &str = "000000";

/// What is wrong with a request, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    fault: Fault,
    detail: String,
    retry_after: Option<u32>,
}

impl Refusal {
    /// A fault with a sentence for people.
    pub(super) fn new(fault: Fault, detail: impl Into<String>) -> Self {
        Self { fault, detail: detail.into(), retry_after: None }
    }

    /// A wrong parameter.
    pub(super) fn params(detail: impl Into<String>) -> Self {
        Self::new(Fault::Params, detail)
    }

    /// A failure of ours; the reason goes to the log.
    pub(super) fn internal(why: &dyn std::fmt::Display) -> Self {
        tracing::error!("an HTTP request has failed: {why}");
        Self::new(Fault::Internal, "the server's log says more")
    }

    /// To be tried again after so many seconds.
    pub(super) fn later(fault: Fault, retry_after: u32, what: impl Into<String>) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(fault, what) }
    }

    /// Too much at once; to be tried again after so many seconds.
    pub(super) fn busy(retry_after: u32, what: impl Into<String>) -> Self {
        Self::later(Fault::Busy, retry_after, what)
    }

    /// Which fault it is.
    pub(super) fn fault(&self) -> Fault {
        self.fault
    }

    /// The same with another fault in its place, where a command's refusal means something of its own.
    pub(super) fn or(self, from: Fault, to: Fault) -> Self {
        if self.fault == from { Self { fault: to, ..self } } else { self }
    }

    fn row(&self) -> (&'static str, StatusCode, &'static str) {
        let row = TABLE.iter().find(|row| row.0 == self.fault);
        let (_, code, status, words) = row.unwrap_or(&TABLE[3]);
        (code, StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), words)
    }

    /// The six digits.
    pub(super) fn code(&self) -> &'static str {
        self.row().0
    }

    /// The document's words, and ours.
    pub(super) fn text(&self) -> String {
        let words = self.row().2;
        if self.detail.is_empty() { words.to_owned() } else { format!("{words}: {}", self.detail) }
    }

    /// The answer in an envelope.
    pub(super) fn answer<T: Serialize>(&self, body: &T) -> Response {
        let mut response = json(self.row().1, body);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::NotFound(why) => Self::new(Fault::NotFound, why),
            CommandError::Forbidden(why) => Self::new(Fault::Forbidden, why),
            CommandError::Conflict(why) => Self::new(Fault::State, why),
            CommandError::Invalid(why) => Self::new(Fault::Params, why),
            CommandError::Busy { retry_after, what } => Self::busy(retry_after, what),
        }
    }
}

impl From<RowsError> for Refusal {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::BadCursor => Self::params("the page before said otherwise"),
            RowsError::TooLong => Self::params("there is too much to look through; ask for less"),
            RowsError::Failed(why) => Self::internal(&why),
        }
    }
}

/// The envelope of nearly everything.
#[derive(Serialize)]
struct Standard<'a, T> {
    #[serde(rename = "ErrCode")]
    code: &'a str,
    #[serde(rename = "ErrDesc")]
    desc: &'a str,
    #[serde(rename = "Result")]
    result: T,
}

/// The envelope of what agents do: sign in and out, call mode, calls.
#[derive(Serialize)]
struct Flat<'a> {
    #[serde(rename = "ErrCode")]
    code: &'a str,
    #[serde(rename = "ErrDesc")]
    desc: &'a str,
    msg_id: &'a str,
    results: &'a str,
    data: Value,
}

/// The envelope of call control.
#[derive(Serialize)]
struct Bare<'a> {
    code: &'a str,
    message: &'a str,
    results: &'a str,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.answer(&Standard { code: self.code(), desc: &self.text(), result: Value::Null })
    }
}

/// A handler's outcome in the usual envelope.
pub(super) type Outcome = Result<Response, Refusal>;

/// 200, with what was asked for.
#[allow(clippy::unnecessary_wraps, reason = "the last line of handlers that may refuse")]
pub(super) fn found<T: Serialize>(result: T) -> Outcome {
    Ok(json(StatusCode::OK, &Standard { code: SUCCESS, desc: "OK", result }))
}

/// 201: made or changed.
#[allow(clippy::unnecessary_wraps, reason = "the last line of handlers that may refuse")]
pub(super) fn written<T: Serialize>(result: T) -> Outcome {
    Ok(json(StatusCode::CREATED, &Standard { code: SUCCESS, desc: "OK", result }))
}

/// 200 for what is gone: the documented answer has a body, which a 204 could not carry.
pub(super) fn gone() -> Outcome {
    found(Value::Null)
}

/// The answer to what an agent does, also where the request is refused before; it says what the request called itself.
pub(super) async fn flat<F: Future<Output = Result<String, Refusal>>>(
    by: Result<AskedByAny, Refusal>,
    act: impl FnOnce(Asked) -> F,
) -> Response {
    let (msg_id, outcome) = match by {
        Ok(AskedByAny(asked)) => (asked.signed.msg_id(), act(asked).await),
        Err(refusal) => (String::new(), Err(refusal)),
    };
    let body =
        |code, desc, results| Flat { code, desc, msg_id: &msg_id, results, data: Value::Null };
    match outcome {
        Ok(results) => json(StatusCode::OK, &body(SUCCESS, "OK", &results)),
        Err(refusal) => refusal.answer(&body(refusal.code(), &refusal.text(), "")),
    }
}

/// The answer to call control, likewise.
pub(super) async fn bare<F: Future<Output = Result<(), Refusal>>>(
    by: Result<Signed, Refusal>,
    act: impl FnOnce(Signed) -> F,
) -> Response {
    let outcome = match by {
        Ok(signed) => act(signed).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(()) => json(StatusCode::OK, &Bare { code: SUCCESS, message: "OK", results: "" }),
        Err(refusal) => {
            let message = refusal.text();
            refusal.answer(&Bare { code: refusal.code(), message: &message, results: "" })
        }
    }
}

/// JSON as this interface labels it.
pub(super) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let mut response = (status, bytes).into_response();
    let label = HeaderValue::from_static("application/json;charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, label);
    response
}

/// For addresses below the interface's that are none.
pub(super) async fn nowhere(uri: Uri) -> Refusal {
    Refusal::new(Fault::Nowhere, format!("nothing is at {}", uri.path()))
}

/// For methods that an address does not take; axum has named in `Allow` those that it does.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let detail =
        format!("{} does not take {method}; the Allow header says what it does", uri.path());
    let mut response = Refusal::new(Fault::Method, detail).into_response();
    response.headers_mut().remove(ALLOW);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_row_and_the_documented_code() {
        for (row, (fault, code, status, _)) in TABLE.iter().enumerate() {
            let twin = TABLE.iter().position(|other| other.0 == *fault);
            assert_eq!(twin, Some(row), "{fault:?} stands twice");
            let refusal = Refusal::new(*fault, "why");
            assert_eq!(refusal.code(), *code);
            assert_eq!(refusal.into_response().status().as_u16(), *status);
        }
        let codes = [
            "000001", "000003", "000004", "100002", "100004", "100015", "100016", "100017",
            "100018",
        ];
        for code in codes {
            assert!(TABLE.iter().any(|row| row.1 == code), "{code}");
        }
    }
}
