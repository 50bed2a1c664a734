//! Operators, who define tenants: HTTP Basic (RFC 7617) with `sid` and `auth_token` of an `[[operator]]`.

use axum::extract::{FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strowger_core::vocab::{Principal, Role};
use subtle::ConstantTimeEq;

use super::app::App;
use super::auth::{Guard, Key, standing_in, token};
use super::problem::Problem;

/// Where only operators are heard, with everything below.
const PATH: &str = "/api/v1/tenants";

/// An operator. A handler that takes it is closed to everybody else, holders of tenants' keys included.
#[derive(Debug, Clone)]
pub(super) struct Operator(Principal);

impl Operator {
    /// The operator as an administrator of a tenant, whose log of orders then names it.
    pub(super) fn within(&self, tenant: &str) -> Principal {
        standing_in(tenant, Role::Admin, &self.0.name)
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        // Somebody before has looked, and counted.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        if given(&parts.headers).is_none() {
            if token(&parts.headers).is_err() {
                let detail = "send `Authorization: Basic` with sid and auth_token of an operator";
                return Err(unauthorized(detail));
            }
            let key = Key::from_request_parts(parts, app).await;
            key.map_err(IntoResponse::into_response)?;
            let detail = "tenants are defined by operators: send `Authorization: Basic` with sid and auth_token of one";
            return Err(Problem::forbidden(detail).into_response());
        }
        let later = |seconds, detail: &str| {
            Problem::retry(StatusCode::TOO_MANY_REQUESTS, seconds, detail).into_response()
        };
        let guard = Guard::look(app, &parts.extensions)
            .map_err(|seconds| later(seconds, "too many wrong keys came from your address"))?;
        let Some(principal) = known(app, &parts.headers) else {
            guard.failed(app, "an unknown operator");
            return Err(unauthorized("there is no operator of this sid and auth_token"));
        };
        let detail = "you ask too often; http.requests_per_second says how often";
        app.pace(&principal).map_err(|seconds| later(seconds, detail))?;
        Ok(Self(principal))
    }
}

/// Whether operators, and not keys, are asked for at a path.
pub(super) fn is_asked_for(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// For what stands before a handler: whoever asks, whom the handler then finds instead of looking and counting again.
///
/// # Errors
/// What is to be answered instead.
pub(super) async fn ahead(parts: &mut Parts, app: &App) -> Result<Principal, Response> {
    if !is_asked_for(parts.uri.path()) {
        let key = Key::ahead(parts, app).await;
        return key.map(|Key(holder)| holder).map_err(IntoResponse::into_response);
    }
    let operator = Operator::from_request_parts(parts, app).await?;
    parts.extensions.insert(operator.clone());
    Ok(operator.0)
}

/// Has a question that the surface asks itself answered for whoever asked first, as [`ahead`] has found out.
pub(super) fn pass_on(request: &mut Request, Key(holder): Key) {
    if is_asked_for(request.uri().path()) {
        request.extensions_mut().insert(Operator(holder));
    } else {
        request.extensions_mut().insert(Key(holder));
    }
}

fn unauthorized(detail: &str) -> Response {
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
    let challenge = HeaderValue::from_static("Basic realm=\"operators\", charset=\"UTF-8\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// `sid:auth_token` of a request that has exactly one Authorization header, of the scheme Basic.
fn given(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = STANDARD.decode(rest.trim_matches(' ')).unwrap_or_default();
    Some(String::from_utf8(bytes).unwrap_or_default())
}

/// The operator of a request. All are compared, and each comparison takes the same time.
fn known(app: &App, headers: &HeaderMap) -> Option<Principal> {
    let text = given(headers)?;
    let (sid, secret) = text.split_once(':')?;
    let mut right = false;
    for own in app.gateway.operators().iter() {
        let same = own.auth_token.expose().as_bytes().ct_eq(secret.as_bytes());
        right |= (own.sid == sid) & bool::from(same);
    }
    right.then(|| standing_in("", Role::Admin, &format!("operator {sid}")))
}
