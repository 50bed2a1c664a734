//! Access tokens of `POST /oauth/token` (RFC 6749 section 4.4).
//!
//! `client_id` is the tenant's `ringme_client_id` (its id where it has none), `client_secret` the token of one of its
//! keys. A token is worth what that key is worth at the time: with the key it goes. It is kept as a digest, beside
//! the key's token sealed with the store's key, and ends after an hour.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use strowger_core::vocab::Principal;

use super::client::{client_id, guesses};
use super::fields::Fields;
use super::refusal::{Fault, Refusal};
use crate::api::app::{App, wall_ms};
use crate::api::auth::Guard;
use crate::api::gateway::TenantNames;
use crate::api::keep::Keep;

/// Seconds that a token lasts.
const LASTS: u64 = 3_600;
/// Tokens of one tenant that are good at a time; the oldest goes when there is one more.
const MOST: usize = 1_000;
const SPACE: &str = "ringme/tokens";
/// What the sealed key is sealed for.
const PLACE: &str = "ringme/token";

/// A new token for a client that names itself.
pub(super) async fn issue(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let guard = Guard::look(&app, &parts.extensions).map_err(guesses)?;
    let basic = basic(&parts);
    let fields = Fields::from_request(Request::from_parts(parts, body), &app).await?;
    let grant = fields.needed("grant_type", 64)?;
    if grant != "client_credentials" {
        return Err(Refusal::new(Fault::Grant, "grant_type: write client_credentials"));
    }
    let (id, secret) = match basic {
        Some(pair) => pair,
        None => (fields.needed("client_id", 256)?, fields.needed("client_secret", 1_024)?),
    };
    let holder = app.gateway.holder(&secret);
    let tenants = app.gateway.tenants();
    let names = tenants.iter().find(|names| client_id(names) == id);
    let known = holder.zip(names).filter(|(holder, names)| holder.tenant == names.tenant);
    let Some((_, names)) = known else {
        guard.failed(&app, "an unknown client or a wrong secret");
        return Err(Refusal::new(Fault::Client, "the client or its secret is unknown"));
    };
    let token = keep(&app, names, &secret).await?;
    let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": LASTS});
    Ok(([(CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// `client_id` and `client_secret` of an Authorization header (RFC 6749 section 2.3.1).
fn basic(parts: &Parts) -> Option<(String, String)> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let text = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()))?;
    let text = String::from_utf8(text.ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// Makes a token and forgets those that are over. Its first letters tell whose it is, so that tenants have their tokens
/// to themselves.
async fn keep(app: &App, names: &TenantNames, secret: &str) -> Result<String, Refusal> {
    let tenant = &names.tenant;
    let number = app.gateway.number("", super::ids::CLIENTS, tenant).await?;
    let mut random = [0; 24];
    getrandom::fill(&mut random).map_err(|error| Refusal::internal(&error))?;
    let token = format!("{number}x{}", hex::encode(random));
    let now = wall_ms() / 1_000;
    let mut changes: Vec<Keep> = Vec::new();
    let known = app.gateway.kept_all(tenant, SPACE, None, MOST + 1).await?;
    let ends = |document: &Value| document["ends"].as_u64().unwrap_or(0);
    let (over, mut good): (Vec<_>, Vec<_>) =
        known.into_iter().partition(|(_, document)| ends(document) <= now);
    changes.extend(over.into_iter().map(|(key, _)| Keep::remove(SPACE, key)));
    good.sort_by_key(|(_, document)| ends(document));
    let surplus = (good.len() + 1).saturating_sub(MOST);
    changes.extend(good.into_iter().take(surplus).map(|(key, _)| Keep::remove(SPACE, key)));
    let document = json!({"ends": now + LASTS, "key": app.gateway.seal(PLACE, secret)?});
    changes.push(Keep::put(SPACE, digest(&token), document));
    app.gateway.keep_together(tenant, changes).await?;
    Ok(token)
}

/// Whoever holds a token, if it is good. What is looked for is its digest, which tells nothing about any token.
pub(super) async fn holder(app: &App, token: &str) -> Result<Option<Principal>, Refusal> {
    let number = token.split_once('x').and_then(|(number, _)| number.parse().ok());
    let Some(number) = number.filter(|_| token.len() <= 128) else { return Ok(None) };
    let Some(tenant) = app.gateway.name_of("", super::ids::CLIENTS, number).await? else {
        return Ok(None);
    };
    let Some(document) = app.gateway.kept(&tenant, SPACE, &digest(token)).await? else {
        return Ok(None);
    };
    let good = document["ends"].as_u64().is_some_and(|ends| ends > wall_ms() / 1_000);
    let secret = document["key"].as_str().and_then(|sealed| app.gateway.unseal(PLACE, sealed));
    let holder = secret.filter(|_| good).and_then(|secret| app.gateway.holder(&secret));
    Ok(holder.filter(|holder| holder.tenant == tenant))
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}
