//! Bodies and query parameters: every form that a table or an example of the document shows is taken.

use std::ops::RangeInclusive;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::refusal::{Fault, Refusal};
use crate::api::app::App;

/// Bytes of a text.
const LONGEST: usize = 1_024;

/// What stands in the path, percent-decoded.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, app).await;
        path.map(|path| Self(path.0)).map_err(|error| Refusal::wrong("path", error.body_text()))
    }
}

/// A parameter, if it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given<T> {
    /// It was left out.
    Absent,
    /// It is to be unset.
    Null,
    Value(T),
}

impl<T> Given<T> {
    /// What holds from now on: left out it stays, null is the default.
    pub(super) fn over(self, present: T, default: T) -> T {
        match self {
            Self::Absent => present,
            Self::Null => default,
            Self::Value(value) => value,
        }
    }

    /// The same of what may be unset.
    pub(super) fn over_option(self, present: Option<T>) -> Option<T> {
        match self {
            Self::Absent => present,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }

    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

/// The members of a body: JSON, or a form.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Map<String, Value>);

impl FromRequest<App> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let form = is_form(request.headers());
        let bytes = whole_body(request, app).await?;
        if form {
            let pairs: Vec<(String, String)> =
                serde_urlencoded_pairs(&bytes).ok_or_else(|| Refusal::wrong("body", "no form"))?;
            let text = |(key, value)| (key, Value::String(value));
            return Ok(Self(pairs.into_iter().map(text).collect()));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(Refusal::wrong("body", "write a JSON object")),
            Err(error) => Err(Refusal::wrong("body", format!("no JSON: {error}"))),
        }
    }
}

/// The bytes of a body.
pub(super) async fn whole_body(request: Request, app: &App) -> Result<Bytes, Refusal> {
    Bytes::from_request(request, app).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(Fault::TooLarge, "the body is too long"),
        _ => Refusal::wrong("body", "it could not be read"),
    })
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

/// A form has the syntax of a query.
fn serde_urlencoded_pairs(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let uri: Uri = format!("/?{text}").parse().ok()?;
    Query::try_from_uri(&uri).ok().map(|Query(pairs)| pairs)
}

/// The parameters of an address.
pub(super) fn query(uri: &Uri) -> Result<Vec<(String, String)>, Refusal> {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
    pairs.map(|Query(pairs)| pairs).map_err(|error| Refusal::wrong("query", error))
}

/// `true`, `false`, `1` or `0`.
pub(super) fn read_flag(key: &str, text: &str) -> Result<bool, Refusal> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Refusal::wrong(key, "write true or false")),
    }
}

impl Fields {
    fn given(&self, key: &str) -> Given<&Value> {
        match self.0.get(key) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => Given::Value(value),
        }
    }

    /// A whole number; as text too, where `"null"` (which the document's examples show) and an empty one unset it.
    pub(super) fn long(
        &self,
        key: &str,
        range: &RangeInclusive<u32>,
    ) -> Result<Given<u32>, Refusal> {
        let number = match self.given(key) {
            Given::Absent => return Ok(Given::Absent),
            Given::Null => return Ok(Given::Null),
            Given::Value(Value::Number(number)) => number.as_u64(),
            Given::Value(Value::String(text)) if text.is_empty() || text == "null" => {
                return Ok(Given::Null);
            }
            Given::Value(Value::String(text)) => text.parse().ok(),
            Given::Value(_) => None,
        };
        let number = number.and_then(|number| u32::try_from(number).ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => Ok(Given::Value(number)),
            None => {
                let (from, to) = (range.start(), range.end());
                Err(Refusal::wrong(key, format!("write a whole number from {from} to {to}")))
            }
        }
    }

    /// A number that names something; 0 and null name nothing.
    pub(super) fn id(&self, key: &str) -> Result<Given<u32>, Refusal> {
        Ok(match self.long(key, &(0..=u32::MAX))? {
            Given::Value(0) => Given::Null,
            given => given,
        })
    }

    pub(super) fn flag(&self, key: &str) -> Result<Given<bool>, Refusal> {
        match self.given(key) {
            Given::Absent => Ok(Given::Absent),
            Given::Null => Ok(Given::Null),
            Given::Value(Value::Bool(flag)) => Ok(Given::Value(*flag)),
            Given::Value(Value::String(text)) if text.is_empty() => Ok(Given::Null),
            Given::Value(Value::String(text)) => read_flag(key, text).map(Given::Value),
            Given::Value(Value::Number(number)) => {
                read_flag(key, &number.to_string()).map(Given::Value)
            }
            Given::Value(_) => Err(Refusal::wrong(key, "write true or false")),
        }
    }

    /// A text of at most `most` bytes; a number is one too, and an empty one is unset.
    pub(super) fn text(&self, key: &str, most: usize) -> Result<Given<String>, Refusal> {
        let text = match self.given(key) {
            Given::Absent => return Ok(Given::Absent),
            Given::Null => return Ok(Given::Null),
            Given::Value(Value::String(text)) if text.is_empty() => return Ok(Given::Null),
            Given::Value(Value::String(text)) => text.clone(),
            Given::Value(Value::Number(number)) => number.to_string(),
            Given::Value(_) => return Err(Refusal::wrong(key, "write a text")),
        };
        let most = most.min(LONGEST);
        if text.len() > most || text.contains(char::is_control) {
            let words = format!("write at most {most} bytes without control characters");
            return Err(Refusal::wrong(key, words));
        }
        Ok(Given::Value(text))
    }

    /// A text that must be there.
    pub(super) fn needed(&self, key: &str, most: usize) -> Result<String, Refusal> {
        self.text(key, most)?.value().ok_or_else(|| Refusal::wrong(key, "it is missing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        match serde_json::from_str(json).unwrap() {
            Value::Object(members) => Fields(members),
            _ => panic!("{json}"),
        }
    }

    #[test]
    fn numbers_come_in_every_form_that_the_document_shows() {
        let fields = fields(
            r#"{"a": 5, "b": "5", "c": "null", "d": null, "e": "", "f": -1, "g": 1.5, "h": [], "i": 11, "j": 4294967296}"#,
        );
        let range = 0..=10;
        for key in ["a", "b"] {
            assert_eq!(fields.long(key, &range).unwrap(), Given::Value(5), "{key}");
        }
        for key in ["c", "d", "e"] {
            assert_eq!(fields.long(key, &range).unwrap(), Given::Null, "{key}");
        }
        for key in ["f", "g", "h", "i", "j"] {
            assert!(fields.long(key, &range).unwrap_err().is(Fault::Request), "{key}");
        }
        assert_eq!(fields.long("z", &range).unwrap(), Given::Absent);
    }

    #[test]
    fn texts_and_flags_are_read_leniently_and_bounded() {
        let fields = fields(
            r#"{"a": 333, "b": "x", "c": "", "d": true, "e": "False", "f": 1, "g": {}, "h": "a\u0000b"}"#,
        );
        assert_eq!(fields.text("a", 9).unwrap(), Given::Value("333".into()));
        assert_eq!(fields.text("c", 9).unwrap(), Given::Null);
        assert!(fields.text("g", 9).is_err() && fields.text("h", 9).is_err());
        assert!(fields.text("a", 2).is_err());
        assert!(fields.needed("z", 9).is_err());
        assert_eq!(fields.flag("d").unwrap(), Given::Value(true));
        assert_eq!(fields.flag("e").unwrap(), Given::Value(false));
        assert_eq!(fields.flag("f").unwrap(), Given::Value(true));
        assert!(fields.flag("b").is_err() && fields.flag("g").is_err());
        assert_eq!(Given::Absent.over(1, 2), 1);
        assert_eq!(Given::Null.over(1, 2), 2);
        assert_eq!(Given::Value(3).over(1, 2), 3);
    }
}
