//! A request: whose key, which account, and what it says, in the query or in the body.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use serde_json::Value;
use strowger_core::vocab::Principal;

use super::refusal::Refusal;
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::gateway::TenantNames;

/// The longest value of a parameter, in bytes.
const LONGEST: usize = 4_096;

/// A request with a good key for its account.
pub(super) struct Asked {
    /// Who asks.
    pub(super) principal: Principal,
    /// The account's tenant.
    pub(super) tenant: TenantNames,
    /// The account as it is named.
    pub(super) account: String,
    /// The call that the path names; empty where it names none.
    pub(super) uii: String,
    values: BTreeMap<String, String>,
}

impl FromRequest<App> for Asked {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let Key(principal) = Key::from_request_parts(&mut parts, app).await?;
        let path = Path::<BTreeMap<String, String>>::from_request_parts(&mut parts, app).await;
        let Path(mut path) = path.map_err(|error| Refusal::wrong(error.to_string()))?;
        let account = path.remove("account").unwrap_or_default();
        let tenants = app.gateway.tenants();
        let own = tenants.iter().find(|names| names.tenant == principal.tenant);
        let tenant = own.filter(|names| id_of(names) == account).cloned();
        let tenant = tenant.ok_or_else(|| Refusal::unknown(format!("no account {account}")))?;
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Query(pairs) = query.map_err(|error| Refusal::wrong(error.to_string()))?;
        let mut values: BTreeMap<String, String> = pairs.into_iter().collect();
        let request = Request::from_parts(parts, body);
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| {
            let status = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
                _ => StatusCode::BAD_REQUEST,
            };
            Refusal::new(status, "the body is too long or could not be read")
        })?;
        values.extend(read(&bytes)?);
        if let Some(name) =
            values.iter().find(|(_, value)| value.len() > LONGEST).map(|(name, _)| name)
        {
            return Err(Refusal::wrong(format!("{name} may have {LONGEST} bytes")));
        }
        let uii = path.remove("uii").unwrap_or_default();
        Ok(Self { principal, tenant, account, uii, values })
    }
}

/// The id by which clients name a tenant.
fn id_of(names: &TenantNames) -> &str {
    names.ringcx_account_id.as_deref().unwrap_or(&names.tenant)
}

impl Asked {
    /// A parameter; `None` where it is absent or empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A parameter that must be there.
    pub(super) fn wanted(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::wrong(format!("{name} is missing")))
    }

    /// A telephone number that must be there. Addresses are often written with a bare `+`, which in a query is a space.
    pub(super) fn phone(&self, name: &str) -> Result<String, Refusal> {
        let number = self.wanted(name)?;
        let bare = self.values.get(name).is_some_and(|value| value.starts_with(' '));
        let plus = if bare && number.starts_with(|c: char| c.is_ascii_digit()) { "+" } else { "" };
        Ok(format!("{plus}{number}"))
    }

    /// A whole number, if it is there.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, Refusal> {
        let read = |text: &str| {
            text.parse().map_err(|_| Refusal::wrong(format!("{name}: write a whole number")))
        };
        self.text(name).map(read).transpose()
    }

    /// `true` or `false`, if it is there.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        let read = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(Refusal::wrong(format!("{name}: write true or false"))),
        };
        self.text(name).map(read).transpose()
    }

    /// The one extension whose calls the key may see.
    pub(super) fn own_extension(&self) -> Result<Option<String>, Refusal> {
        let own = Key(self.principal.clone()).own_extension().map(|own| own.map(str::to_owned));
        Ok(own?)
    }
}

/// The members of a body: a JSON object, also one whose keys stand without quotes, or a form.
fn read(bytes: &[u8]) -> Result<BTreeMap<String, String>, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::wrong("the body is no UTF-8"))?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(BTreeMap::new());
    }
    if !text.starts_with(['{', '[', '"']) && text.contains('=') {
        let uri = format!("/?{text}").parse();
        let form = uri.ok().and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
        let Query(pairs) = form.ok_or_else(|| Refusal::wrong("the body is no form"))?;
        return Ok(pairs.into_iter().collect());
    }
    let value = serde_json::from_str(text)
        .or_else(|error| serde_json::from_str(&quoted(text)).map_err(|_| error));
    let object = match value {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Err(Refusal::wrong("the body: write a JSON object")),
        Err(error) => return Err(Refusal::wrong(format!("the body is no JSON: {error}"))),
    };
    let mut values = BTreeMap::new();
    for (name, value) in object {
        let value = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return Err(Refusal::wrong(format!(
                    "{name}: write a text, a number, true or false"
                )));
            }
        };
        values.insert(name, value);
    }
    Ok(values)
}

/// Puts quotes around keys that have none. Text within quotes stays as it is.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    let (mut inside, mut before) = (false, ' ');
    while let Some(char) = chars.next() {
        let begins_key = matches!(before, '{' | ',') && (char.is_ascii_alphabetic() || char == '_');
        if !inside && begins_key {
            let mut key = String::from(char);
            while let Some(next) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                key.push(next);
            }
            out.push('"');
            out.push_str(&key);
            out.push('"');
            before = '"';
            continue;
        }
        out.push(char);
        if inside && char == '\\' {
            out.extend(chars.next());
            continue;
        }
        if char == '"' {
            inside = !inside;
        }
        if !char.is_whitespace() {
            before = char;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(body: &str) -> Result<Vec<(String, String)>, Refusal> {
        read(body.as_bytes()).map(|values| values.into_iter().collect())
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn bodies_are_read_in_every_form() {
        for body in [
            "{\"phone\": \"650\"}",
            "{ \n phone: \"650\"\n}",
            "{phone:\"650\"}",
            "phone=650",
            "{\"phone\": 650}",
        ] {
            assert_eq!(members(body), Ok(vec![pair("phone", "650")]), "{body}");
        }
        let two = members("{notes: \"a, b: {c: \\\"d\\\"}\", callback: true}").unwrap();
        assert_eq!(two, [pair("callback", "true"), pair("notes", "a, b: {c: \"d\"}")]);
        assert_eq!(members(""), Ok(Vec::new()));
        assert_eq!(members("{\"a\": null}"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_body_is_refused() {
        for body in
            ["[]", "1", "{", "{phone}", "{\"a\": []}", "{\"a\": {}}", "nonsense", "\"text\""]
        {
            assert!(members(body).is_err(), "{body}");
        }
        assert!(read(&[0xff, 0xfe]).is_err());
    }
}
