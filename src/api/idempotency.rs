//! `Idempotency-Key` on POST: the same request, sent again within a day, is answered as before and does nothing twice.
//!
//! What was answered is kept in memory, for each key of the surface apart: a restart forgets it. It may hold what is shown
//! only once, such as a token, and is therefore nowhere else.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::app::App;
use super::extract::whole;
use super::operator;
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
    Answered(StatusCode, HeaderMap, Bytes),
}

struct Slot {
    at: u64,
    digest: [u8; 32],
    state: Outcome,
}

impl Slot {
    /// May make room for another: what is under way would be done a second time.
    fn is_over(&self) -> bool {
        !matches!(self.state, Outcome::Running)
    }
}

/// Requests that are not done twice, by tenant.
#[derive(Default)]
pub(super) struct Idempotency(Mutex<BTreeMap<String, BTreeMap<Name, Slot>>>);

impl Idempotency {
    fn tenants(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<Name, Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is answered as before for a tenant that is gone.
    pub(super) fn forget_tenant(&self, tenant: &str) {
        self.tenants().remove(tenant);
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
        let old = |slot: &Slot| slot.at + KEPT_MS <= now && slot.is_over();
        if tenants.len() >= TENANTS && !tenants.contains_key(tenant) {
            let newest = |slots: &BTreeMap<Name, Slot>| slots.values().map(|slot| slot.at).max();
            let idle = tenants.iter().filter(|(_, slots)| slots.values().all(Slot::is_over));
            let stalest = idle.min_by_key(|(_, slots)| newest(slots)).map(|(id, _)| id.clone());
            let Some(stalest) = stalest else { return Some(Err(full())) };
            tenants.remove(&stalest);
        }
        let slots = tenants.entry(tenant.to_owned()).or_default();
        if let Some(slot) = slots.get(name).filter(|slot| !old(slot)) {
            return Some(answer_of(slot, digest));
        }
        slots.retain(|_, slot| !old(slot));
        if slots.len() >= OF_TENANT {
            let over = slots.iter().filter(|(_, slot)| slot.is_over());
            let oldest = over.min_by_key(|(_, slot)| slot.at).map(|(name, _)| name.clone());
            let Some(oldest) = oldest else { return Some(Err(full())) };
            slots.remove(&oldest);
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

fn full() -> Problem {
    let detail = "too many requests with an Idempotency-Key are under way";
    Problem::retry(StatusCode::SERVICE_UNAVAILABLE, 1, detail)
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
        Outcome::Answered(status, headers, body) => {
            let mut response = Response::new(Body::from(body.clone()));
            *response.status_mut() = *status;
            *response.headers_mut() = headers.clone();
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
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
    let (mut parts, body) = request.into_parts();
    // Before anything else is said, or whoever guesses would learn from what is.
    let holder = match operator::ahead(&mut parts, &app).await {
        Ok(holder) => holder,
        Err(refusal) => return refusal,
    };
    let bytes = match whole(body, &app).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal.into_response(),
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
            let mut headers = parts.headers.clone();
            headers.remove(CONTENT_LENGTH);
            let kept = Outcome::Answered(status, headers, bytes.clone());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: usize) -> Name {
        ("key".to_owned(), n.to_string())
    }

    fn status(answer: Option<Result<Response, Problem>>) -> Option<u16> {
        answer.map(|answer| answer.unwrap_or_else(IntoResponse::into_response).status().as_u16())
    }

    fn answered() -> Option<Outcome> {
        Some(Outcome::Answered(StatusCode::CREATED, HeaderMap::new(), Bytes::new()))
    }

    #[test]
    fn what_is_under_way_makes_no_room_however_many_there_are() {
        let kept = Idempotency::default();
        for n in 0..OF_TENANT {
            assert_eq!(status(kept.begin(n as u64, "t", &name(n), [0; 32])), None);
        }
        assert_eq!(status(kept.begin(1_000, "t", &name(OF_TENANT), [0; 32])), Some(503));
        assert_eq!(status(kept.begin(KEPT_MS * 2, "t", &name(0), [0; 32])), Some(409));
        // The one that is over makes room, though it is not the oldest.
        kept.end("t", &name(7), answered());
        assert_eq!(status(kept.begin(1_000, "t", &name(OF_TENANT), [0; 32])), None);
        assert_eq!(status(kept.begin(1_000, "t", &name(0), [0; 32])), Some(409));
    }

    #[test]
    fn a_tenant_with_something_under_way_makes_no_room() {
        let kept = Idempotency::default();
        for n in 0..TENANTS {
            assert_eq!(status(kept.begin(n as u64, &n.to_string(), &name(0), [0; 32])), None);
        }
        assert_eq!(status(kept.begin(1_000, "new", &name(0), [0; 32])), Some(503));
        kept.end("5", &name(0), answered());
        assert_eq!(status(kept.begin(1_000, "new", &name(0), [0; 32])), None);
        assert_eq!(status(kept.begin(1_000, "0", &name(0), [0; 32])), Some(409));
    }
}
