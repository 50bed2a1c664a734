//! Conditional requests on definitions (RFC 9110 section 13): `ETag`, `If-Match`, `If-None-Match`.
//!
//! One middleware for all native routes that are in [`KINDS`]. A GET is given its tag on its way out. A write whose key may
//! write has its definition alone ([`super::changes`]), asks the GET of the same path what there is, and goes on only if
//! its conditions hold: of two writers with the same tag one finds it changed. The table also completes the description.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::header::{CONTENT_LENGTH, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use strowger_core::vocab::Role;
use tower_service::Service;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};

use super::app::App;
use super::auth::Key;
use super::changes::Name;
use super::entity_tag::{Conditions, For, Tag};
use super::extract::whole;
use super::operator;
use super::problem::{PROBLEM_JSON, Problem};

/// Bytes of a representation.
const LONGEST: usize = 4 * 1024 * 1024;

/// Something that is defined over HTTP, at one path.
struct Kind {
    /// As the router and the description spell it.
    path: &'static str,
    /// Members of its representation that are no part of the definition.
    live: &'static [&'static str],
    /// PUT makes it where there is none.
    made_by_put: bool,
    /// Whose keys may write it at all; whose own it must be, the handler knows.
    writers: &'static [Role],
}

const ADMIN: &[Role] = &[Role::Admin];
const ALL_BUT_READ_ONLY: &[Role] = &[Role::Admin, Role::Supervisor, Role::Agent, Role::User];

impl Kind {
    fn is_at(&self, path: &str) -> bool {
        let mut parts = path.split('/');
        let same = |wanted: &str| {
            let part = parts.next();
            if wanted.starts_with('{') { part.is_some() } else { part == Some(wanted) }
        };
        self.path.split('/').all(same) && parts.next().is_none()
    }

    const fn by(self, writers: &'static [Role]) -> Self {
        Self { writers, ..self }
    }
}

const fn made(path: &'static str, live: &'static [&'static str]) -> Kind {
    Kind { path, live, made_by_put: true, writers: ADMIN }
}

const fn changed(path: &'static str, live: &'static [&'static str]) -> Kind {
    Kind { path, live, made_by_put: false, writers: ADMIN }
}

const KINDS: [Kind; 16] = [
    changed("/api/v1/settings", &[]),
    made("/api/v1/extensions/{extension}", &["contacts"]),
    changed("/api/v1/extensions/{extension}/settings", &[]).by(ALL_BUT_READ_ONLY),
    made(
        "/api/v1/queues/{number}",
        &[
            "waiting",
            "trying",
            "answered",
            "longest_wait_ms",
            "agents_logged_in",
            "agents_ready",
            "estimated_wait_secs",
        ],
    ),
    made(
        "/api/v1/agents/{id}",
        &[
            "intent",
            "intent_since",
            "activity",
            "offer",
            "queue",
            "call",
            "until",
            "activity_since",
            "place",
            "reachable",
            "missed",
        ],
    ),
    made("/api/v1/agents/{id}/tiers/{queue}", &[]),
    made("/api/v1/menus/{menu}", &["open"]),
    made("/api/v1/numbers/{number}", &[]),
    made("/api/v1/routes/{route}", &[]),
    made("/api/v1/trunks/{trunk}", &["up", "registered", "reason", "calls"]),
    made("/api/v1/phones/{mac}", &["ticket", "bound"]),
    made(
        "/api/v1/dial-tasks/{task}",
        &[
            "state",
            "ended",
            "rests",
            "exhausted",
            "waiting",
            "ringing",
            "answered",
            "outcomes",
            "repeated",
            "answer_permille",
            "abandoned_lately",
            "answers_lately",
        ],
    ),
    changed("/api/v1/webhooks/{id}", &[]),
    changed("/api/v1/keys/{key}", &["before_until"]),
    made("/api/v1/calls/{call}/disposition", &[]).by(ALL_BUT_READ_ONLY),
    made("/api/v1/tenants/{tenant}", &["waits"]),
];

/// What the middleware works with.
#[derive(Clone)]
pub(super) struct Surface {
    app: App,
    /// The same routes without it, for what it asks itself.
    routes: Router,
}

/// The routes with the middleware around them.
pub(super) fn around(routes: Router<App>, app: &App) -> Router<App> {
    let surface = Surface { app: app.clone(), routes: routes.clone().with_state(app.clone()) };
    routes.layer(from_fn_with_state(surface, conditional))
}

/// Sends a request through if its conditions hold.
async fn conditional(State(surface): State<Surface>, request: Request, next: Next) -> Response {
    let app = &surface.app;
    let kind = KINDS.iter().find(|kind| kind.is_at(request.uri().path()));
    let Some(kind) = kind else { return next.run(request).await };
    let writes = match *request.method() {
        Method::GET | Method::HEAD => false,
        Method::PUT | Method::PATCH | Method::DELETE => true,
        _ => return next.run(request).await,
    };
    let (mut parts, body) = request.into_parts();
    let key = match operator::ahead(&mut parts, app).await {
        Ok(holder) => Key(holder),
        Err(refusal) => return refusal,
    };
    let name = name_of(&key, &mut parts).await;
    let answer = if writes {
        written(&surface, kind, (key, name), (parts, body), next).await
    } else {
        shown(app, kind, &name, parts, next).await
    };
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// What the path names, in the tenant of the key; tenants themselves are the installation's.
async fn name_of(Key(holder): &Key, parts: &mut Parts) -> Name {
    let path = parts.uri.path();
    let collection = path.strip_prefix("/api/v1/").and_then(|rest| rest.split('/').next());
    let collection = collection.unwrap_or_default().to_owned();
    // What a tenant has one of has no id, and a path that cannot be read names nothing: the handler says so.
    let params = RawPathParams::from_request_parts(parts, &()).await.ok();
    let id = params.iter().flatten().next().map_or("", |(_, id)| id);
    Name::new(&holder.tenant, &collection, id)
}

/// The answer to a GET with its tag, or that the client has it already.
async fn shown(
    app: &App,
    kind: &Kind,
    name: &Name,
    mut parts: Parts,
    next: Next,
) -> Result<Response, Problem> {
    let conditions = Conditions::read(&parts.headers)?;
    let head = parts.method == Method::HEAD;
    parts.method = Method::GET;
    let response = next.run(Request::from_parts(parts, Body::empty())).await;
    let (mut parts, bytes, tag) = tagged(app, kind, name, response).await?;
    if let Some(tag) = &tag {
        if !conditions.matched(tag, For::Reading) {
            return Err(failed("If-Match: there is something else by now"));
        }
        parts.headers.insert(ETAG, value(tag)?);
        if conditions.excluded(tag, For::Reading) {
            return Ok((StatusCode::NOT_MODIFIED, [(ETAG, value(tag)?)]).into_response());
        }
    }
    if head {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        return Ok(Response::from_parts(parts, Body::empty()));
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// The answer to a write, which is not carried out where its conditions do not hold.
async fn written(
    surface: &Surface,
    kind: &Kind,
    (key, name): (Key, Name),
    (parts, body): (Parts, Body),
    next: Next,
) -> Result<Response, Problem> {
    let app = &surface.app;
    key.one_of(kind.writers)?;
    let conditions = Conditions::read(&parts.headers)?;
    // Whoever sends slowly keeps nobody waiting.
    let body = Body::from(whole(body, app).await?);
    let change = app.changes.hold(name.clone()).await;
    if !conditions.is_empty() {
        let present = surface.look(&parts, key).await;
        let (head, bytes, tag) = tagged(app, kind, &name, present).await?;
        let refusal = match &tag {
            Some(tag) if !conditions.matched(tag, For::Writing) => {
                Some(failed("If-Match: it was changed by now; GET it again and decide anew"))
            }
            Some(tag) if conditions.excluded(tag, For::Writing) => {
                Some(failed("If-None-Match: there is one already"))
            }
            Some(_) => None,
            None if head.status == StatusCode::NOT_FOUND => {
                let made = kind.made_by_put && parts.method == Method::PUT;
                match (conditions.wants_some(), made) {
                    (false, _) => None,
                    (true, true) => Some(failed("If-Match: there is none")),
                    (true, false) => {
                        change.nothing();
                        return Ok(Response::from_parts(head, Body::from(bytes)));
                    }
                }
            }
            // The key may not, or the switch cannot now.
            None => {
                change.nothing();
                return Ok(Response::from_parts(head, Body::from(bytes)));
            }
        };
        if let Some(refusal) = refusal {
            change.nothing();
            return Err(refusal);
        }
    }
    let response = next.run(Request::from_parts(parts, body)).await;
    if response.status().is_success() {
        drop(change);
    } else {
        change.nothing();
    }
    Ok(response)
}

impl Surface {
    /// The answer to a GET of the path that a write is for, in the name of the same key.
    async fn look(&self, parts: &Parts, key: Key) -> Response {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = parts.uri.clone();
        operator::pass_on(&mut request, key);
        let answer = self.routes.clone().call(request).await;
        answer.unwrap_or_else(|never| match never {})
    }
}

/// An answer in parts, with its tag if it shows a definition.
async fn tagged(
    app: &App,
    kind: &Kind,
    name: &Name,
    response: Response,
) -> Result<(axum::http::response::Parts, Bytes, Option<Tag>), Problem> {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, LONGEST).await.map_err(|error| Problem::internal(&error))?;
    let shows = parts.status == StatusCode::OK;
    let tag = shows.then(|| Tag::of(&bytes, kind.live, app.changes.count(name))).flatten();
    Ok((parts, bytes, tag))
}

fn value(tag: &Tag) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(&tag.to_string()).map_err(|error| Problem::internal(&error))
}

fn failed(detail: &str) -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, detail)
}

/// Adds the headers and the answers of conditional requests to the description.
pub(super) fn describe(openapi: &mut OpenApi) {
    for kind in &KINDS {
        let Some(item) = openapi.paths.paths.get_mut(kind.path) else { continue };
        if let Some(get) = &mut item.get {
            parameter(
                get,
                IF_NONE_MATCH.as_str(),
                "The tag of a copy that you have: 304 if it is still good",
            );
            let not_modified = ResponseBuilder::new().description("Your copy is still good");
            answer(get, "304", not_modified.build());
            if let Some(RefOr::T(shown)) = get.responses.responses.get_mut("200") {
                let text = "Strong; behind a dot, where there is one, it tells live state apart, which no write compares";
                let text = HeaderBuilder::new().description(Some(text));
                let schema = ObjectBuilder::new().schema_type(Type::String);
                shown.headers.insert("ETag".into(), text.schema(Some(schema)).build().into());
            }
        }
        for write in [&mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten() {
            parameter(
                write,
                IF_MATCH.as_str(),
                "The ETag of what is to be changed, or *; otherwise 412 and nothing is done",
            );
        }
        if let Some(put) = item.put.as_mut().filter(|_| kind.made_by_put) {
            parameter(put, IF_NONE_MATCH.as_str(), "*: only if there is none yet");
        }
        let all = [&mut item.get, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in all.into_iter().flatten() {
            let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
            let refusal = ResponseBuilder::new()
                .description(
                    "What the conditions of the request name is not there; nothing was done",
                )
                .content(PROBLEM_JSON, problem.build());
            answer(operation, "412", refusal.build());
        }
    }
}

fn answer(operation: &mut Operation, status: &str, response: utoipa::openapi::Response) {
    operation.responses.responses.insert(status.to_owned(), response.into());
}

fn parameter(operation: &mut Operation, name: &str, description: &str) {
    let name: Vec<String> = name
        .split('-')
        .map(|word| {
            word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect()
        })
        .collect();
    let header = ParameterBuilder::new()
        .name(name.join("-"))
        .parameter_in(ParameterIn::Header)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
    operation.parameters.get_or_insert_default().push(header.build().into());
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The names of the members of a schema, with those of the ones it is made of.
    fn members(document: &Value, schema: &Value, found: &mut Vec<String>) {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap();
            members(document, &document["components"]["schemas"][name], found);
        }
        for part in ["allOf", "oneOf", "anyOf"].iter().filter_map(|part| schema[part].as_array()) {
            part.iter().for_each(|part| members(document, part, found));
        }
        found
            .extend(schema["properties"].as_object().into_iter().flatten().map(|(k, _)| k.clone()));
    }

    #[test]
    fn whose_keys_may_write_is_what_the_document_says() {
        let text = include_str!("../../docs/http.md");
        let mut found = 0;
        for kind in &KINDS {
            let who = match kind.writers {
                _ if operator::is_asked_for(kind.path) => "operator",
                [Role::Admin] => "admin",
                _ => "all but read-only",
            };
            for method in ["PUT", "PATCH", "DELETE"] {
                let operation = format!("| `{method} {}` | ", kind.path);
                let Some(row) = text.lines().find_map(|line| line.strip_prefix(&operation)) else {
                    continue;
                };
                assert!(row.starts_with(&format!("{who} |")), "{operation}{row}");
                found += 1;
            }
        }
        assert!(found > KINDS.len(), "{found}");
    }

    #[test]
    fn whatever_can_be_read_and_put_has_a_tag_and_what_is_live_is_really_shown() {
        let document = serde_json::to_value(super::super::app::described()).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            let known = KINDS.iter().any(|kind| kind.path == path);
            let needed = item.get("get").is_some() && item.get("put").is_some();
            assert!(known || !needed, "{path} is wanted in KINDS");
        }
        for kind in &KINDS {
            let get = &document["paths"][kind.path]["get"];
            let schema = &get["responses"]["200"]["content"]["application/json"]["schema"];
            let mut found = Vec::new();
            members(&document, schema, &mut found);
            assert!(!found.is_empty(), "{}: {get}", kind.path);
            for live in kind.live {
                assert!(
                    found.iter().any(|name| name == live),
                    "{}: {live} of {found:?}",
                    kind.path
                );
            }
            assert!(get["responses"]["200"]["headers"]["ETag"].is_object(), "{}", kind.path);
        }
    }
}
