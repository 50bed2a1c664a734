//! What requests carry, read strictly: each mistake is answered with what would be right.

use std::marker::PhantomData;

use axum::Json;
use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use strowger_core::vocab::{CallId, InteractionId, values};

use super::app::App;
use super::gateway::MAX_ROWS;
use super::problem::Problem;

/// Query parameters. Their type denies unknown fields, and serde then names the known ones.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let text = innermost(&rejection);
                Err(Problem::bad_request(format!("the query parameters: {text}")))
            }
        }
    }
}

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

/// What a right body looks like, for those who sent a wrong one.
pub(super) trait Example {
    /// JSON.
    const EXAMPLE: &'static str;
}

impl<T: DeserializeOwned + Example> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        match Json::from_request(request, app).await {
            Ok(Json(Object(body))) => Ok(Self(body)),
            Err(rejection) => Err(refused(&rejection, app.limits.body, T::EXAMPLE)),
        }
    }
}

/// All of a body that is read before its handler.
pub(super) async fn whole(body: axum::body::Body, app: &App) -> Result<Bytes, Problem> {
    let limit = app.limits.body;
    to_bytes(body, limit).await.map_err(|_| too_large(limit))
}

fn too_large(limit: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have {limit} bytes"))
}

/// A JSON object. Serde by itself takes a list of values in order for one, and an empty list for an empty one.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

fn refused(rejection: &JsonRejection, limit: usize, example: &str) -> Problem {
    let status = rejection.status();
    match rejection {
        JsonRejection::JsonSyntaxError(error) => {
            let text = innermost(error);
            Problem::bad_request(format!("the body is no JSON: {text}. Right would be {example}"))
        }
        JsonRejection::JsonDataError(error) => {
            let text = innermost(error);
            Problem::bad_request(format!("the body: {text}. Right would be {example}"))
        }
        JsonRejection::MissingJsonContentType(_) => {
            Problem::new(status, "send the body with `Content-Type: application/json`")
        }
        _ if status == StatusCode::PAYLOAD_TOO_LARGE => too_large(limit),
        _ => Problem::bad_request("the body could not be read"),
    }
}

/// The cause that says most.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// A call id in the path. What cannot be one names no call: 404.
pub(super) struct CallPath(pub(super) CallId);

impl FromRequestParts<App> for CallPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|error| Problem::bad_request(error.to_string()))?;
        call_id(&text)
            .map(Self)
            .ok_or_else(|| Problem::not_found("a call id has 32 hexadecimal digits"))
    }
}

/// A parking place; what cannot be a number names none.
pub(super) struct SlotPath(pub(super) u32);

impl FromRequestParts<App> for SlotPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let text: String = path(parts, app).await?;
        let slot = text.parse().ok().filter(|slot: &u32| slot.to_string() == text);
        slot.map(Self).ok_or_else(|| Problem::not_found("a parking place is a number"))
    }
}

/// What stands in the path, percent-decoded.
async fn path<T>(parts: &mut Parts, app: &App) -> Result<T, Problem>
where
    T: DeserializeOwned + Send,
{
    let path = Path::<T>::from_request_parts(parts, app).await;
    path.map(|Path(path)| path).map_err(|error| Problem::bad_request(error.to_string()))
}

/// A queue's number; what cannot be one names no queue.
fn queue_number(text: String) -> Result<String, Problem> {
    let sound = values::digits(&text).is_ok();
    let wrong = || Problem::not_found("the number of a queue has 1 to 32 digits");
    sound.then_some(text).ok_or_else(wrong)
}

/// An agent's id; what cannot be one names no agent.
fn agent_id(text: String) -> Result<String, Problem> {
    let sound = values::name(&text).is_ok();
    let wrong = || Problem::not_found("an agent's id has 1 to 64 of a-z, A-Z, 0-9, - _ .");
    sound.then_some(text).ok_or_else(wrong)
}

/// A queue in the path.
pub(super) struct QueuePath(pub(super) String);

impl FromRequestParts<App> for QueuePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        queue_number(path(parts, app).await?).map(Self)
    }
}

/// An agent in the path.
pub(super) struct AgentPath(pub(super) String);

impl FromRequestParts<App> for AgentPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        agent_id(path(parts, app).await?).map(Self)
    }
}

/// A caller of a queue in the path.
pub(super) struct MemberPath {
    pub(super) queue: String,
    pub(super) call: CallId,
}

impl FromRequestParts<App> for MemberPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let (queue, call): (String, String) = path(parts, app).await?;
        let wrong = || Problem::not_found("a call id has 32 hexadecimal digits");
        Ok(Self { queue: queue_number(queue)?, call: call_id(&call).ok_or_else(wrong)? })
    }
}

/// An agent and one of its queues in the path.
pub(super) struct TierPath {
    pub(super) agent: String,
    pub(super) queue: String,
}

impl FromRequestParts<App> for TierPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let (agent, queue): (String, String) = path(parts, app).await?;
        Ok(Self { agent: agent_id(agent)?, queue: queue_number(queue)? })
    }
}

/// A webhook in the path.
pub(super) struct HookPath(pub(super) String);

impl FromRequestParts<App> for HookPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        path(parts, app).await.map(Self)
    }
}

/// A webhook and one of its deliveries in the path.
pub(super) struct DeliveryPath {
    pub(super) hook: String,
    pub(super) delivery: String,
}

impl FromRequestParts<App> for DeliveryPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let (hook, delivery) = path(parts, app).await?;
        Ok(Self { hook, delivery })
    }
}

/// Bytes that something to dial may have.
const LONGEST_NUMBER: usize = 128;

/// Something to dial; what it means is the switch's business.
pub(super) fn dialled(key: &str, text: &str) -> Result<(), String> {
    if (1..=LONGEST_NUMBER).contains(&text.len()) && !text.contains(char::is_control) {
        return Ok(());
    }
    Err(format!("{key}: 1 to {LONGEST_NUMBER} characters of a number"))
}

/// Reads 32 hexadecimal digits.
pub(super) fn call_id(text: &str) -> Option<CallId> {
    let whole = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| text.parse().ok()).flatten()
}

/// The interaction that rows are to belong to.
pub(super) fn interaction_wanted(text: Option<String>) -> Result<Option<InteractionId>, Problem> {
    let wrong = || Problem::bad_request("interaction: an interaction id has 32 hexadecimal digits");
    let id = |text: String| call_id(&text).map(|CallId(id)| InteractionId(id)).ok_or_else(wrong);
    text.map(id).transpose()
}

/// How many rows a page gets.
pub(super) fn rows_wanted(limit: Option<usize>) -> Result<usize, Problem> {
    match limit {
        None => Ok(50),
        Some(limit) if (1..=MAX_ROWS).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::bad_request(format!("limit: 1 to {MAX_ROWS} rows a page"))),
    }
}
