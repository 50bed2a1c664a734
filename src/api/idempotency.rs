//! `Idempotency-Key` on POST: the same request, sent again within a day, is answered as before and does nothing twice.
//!
//! What was answered is kept in memory, for each key of the surface apart: a restart forgets it. It may hold what is shown
//! only once, such as a token, and is therefore nowhere else.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::app::App;
use super::problem::Problem;

/// The header.
const HEADER: &str = "idempotency-key";
/// Says that an answer is the one of before.
const REPLAYED: &str = "idempotency-replayed";
/// An answer is kept so long.
const KEPT_MS: u64 = 86_400_000;
/// Answers that are kept, of one tenant; the oldest makes room.
const OF_TENANT: usize = 500;
/// Tenants that have any; the one whose newest is oldest makes room.
const TENANTS: usize = 100;
/// Bytes of an answer that is kept.
const ANSWER_BYTES: usize = 8 * 1024;
/// Bytes of an answer to a POST.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// The name of a key of the surface, and what its holder wrote.
type Name = (String, String);

/// What became of a request.
enum Outcome {
    /// It is being carried out.
    Running,
    /// Nobody waited for its end.
    Unknown,
    /// It was answered.
    Answered(StatusCode, Option<HeaderValue>, Bytes),
}

struct Slot {
    at: u64,
    digest: [u8; 32],
    state: Outcome,
}

/// Requests that are not done twice, by tenant.
#[derive(Default)]
pub(super) struct Idempotency(Mutex<BTreeMap<String, BTreeMap<Name, Slot>>>);

impl Idempotency {
    fn tenants(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<Name, Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer of before, or why there is none; `None` where the request is new, and now under way.
    fn begin(
        &self,
        now: u64,
        tenant: &str,
        name: &Name,
        digest: [u8; 32],
    ) -> Option<Result<Response, Problem>> {
        let mut tenants = self.tenants();
        let old = |slot: &Slot| slot.at + KEPT_MS <= now;
        if tenants.len() >= TENANTS && !tenants.contains_key(tenant) {
            let newest = |slots: &BTreeMap<Name, Slot>| slots.values().map(|slot| slot.at).max();
            let stalest = tenants.iter().min_by_key(|(_, slots)| newest(slots));
            if let Some(stalest) = stalest.map(|(tenant, _)| tenant.clone()) {
                tenants.remove(&stalest);
            }
        }
        let slots = tenants.entry(tenant.to_owned()).or_default();
        if let Some(slot) = slots.get(name).filter(|slot| !old(slot)) {
            return Some(answer_of(slot, digest));
        }
        slots.retain(|_, slot| !old(slot));
        if slots.len() >= OF_TENANT {
            let oldest = slots.iter().min_by_key(|(_, slot)| slot.at);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                slots.remove(&oldest);
            }
        }
        slots.insert(name.clone(), Slot { at: now, digest, state: Outcome::Running });
        None
    }

    fn end(&self, tenant: &str, name: &Name, state: Option<Outcome>) {
        let mut tenants = self.tenants();
        let Some(slots) = tenants.get_mut(tenant) else { return };
        match state {
            Some(state) => {
                if let Some(slot) = slots.get_mut(name) {
                    slot.state = state;
                }
            }
            None => {
                slots.remove(name);
            }
        }
    }
}

fn answer_of(slot: &Slot, digest: [u8; 32]) -> Result<Response, Problem> {
    if slot.digest != digest {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Idempotency-Key: was sent with another request before; draw a new one for each",
        ));
    }
    match &slot.state {
        Outcome::Running => Err(Problem::retry(
            StatusCode::CONFLICT,
            1,
            "Idempotency-Key: the request is still being carried out",
        )),
        Outcome::Unknown => Err(Problem::new(
            StatusCode::CONFLICT,
            "Idempotency-Key: how the request ended is not known; look, then draw a new key",
        )),
        Outcome::Answered(status, kind, body) => {
            let mut response = (*status, body.clone()).into_response();
            let headers = response.headers_mut();
            headers.remove(CONTENT_TYPE);
            headers.extend(kind.clone().map(|kind| (CONTENT_TYPE, kind)));
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
    }
}

/// Marks a request whose client went away.
struct Underway<'a> {
    app: &'a App,
    tenant: String,
    name: Name,
    over: bool,
}

impl Underway<'_> {
    fn end(mut self, state: Option<Outcome>) {
        self.over = true;
        self.app.idempotency.end(&self.tenant, &self.name, state);
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.app.idempotency.end(&self.tenant, &self.name, Some(Outcome::Unknown));
        }
    }
}

/// Sends a POST with the header through, or answers it as before.
pub(super) async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let wanted = request.method() == Method::POST && request.uri().path().starts_with("/api/v1/");
    let Some(key) = request.headers().get(HEADER).filter(|_| wanted) else {
        return next.run(request).await;
    };
    let key = key.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    let Some(key) = key.map(str::to_owned) else {
        return Problem::bad_request("Idempotency-Key: write 1 to 255 visible characters")
            .into_response();
    };
    // Whoever has no good key is told so by the handler.
    let token = bearer(request.headers()).unwrap_or_default();
    let Some(holder) = app.gateway.holder(token) else { return next.run(request).await };
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, app.limits.body).await else {
        let detail = format!("a body may have {} bytes", app.limits.body);
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response();
    };
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let digest = Sha256::new().chain_update(target).chain_update([0]).chain_update(&bytes);
    let name = (holder.name, key);
    let begun =
        app.idempotency.begin(app.now_ms(), &holder.tenant, &name, digest.finalize().into());
    if let Some(before) = begun {
        return before.into_response();
    }
    let underway = Underway { app: &app, tenant: holder.tenant, name, over: false };
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let (parts, body) = response.into_parts();
    let status = parts.status;
    // What may go better the next time is not kept.
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        underway.end(None);
        return Response::from_parts(parts, body);
    }
    match to_bytes(body, LONGEST_ANSWER).await {
        Ok(bytes) => {
            let kind = parts.headers.get(CONTENT_TYPE).cloned();
            let kept = Outcome::Answered(status, kind, bytes.clone());
            let small = bytes.len() <= ANSWER_BYTES;
            underway.end(Some(if small { kept } else { Outcome::Unknown }));
            Response::from_parts(parts, Body::from(bytes))
        }
        Err(error) => {
            drop(underway);
            Problem::internal(&error).into_response()
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_matches(' '))
}
