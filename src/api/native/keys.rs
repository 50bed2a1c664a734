//! Keys of the tenant: list, make, rotate, remove.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use strowger_core::vocab::acd::AgentPlace;
use strowger_core::vocab::define::EntryKey;
use strowger_core::vocab::{ExtensionKey, Principal, Query, Reply, Role, values};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{LivePage, LiveParams, NoParams, Refusals, Unread};
use crate::api::app::{App, wall_ms};
use crate::api::audit::AuditLine;
use crate::api::auth::{Key, role_name};
use crate::api::changes::Name;
use crate::api::extract::{Body, Example, Params};
use crate::api::keyring::{MAX_KEYS, MadeKey, SPACE, digest_of};
use crate::api::problem::Problem;
use crate::api::provision::fresh;

/// How long a token opens that was replaced, unless said.
const OVERLAP_SECS: u64 = 86_400;
const LONGEST_OVERLAP_SECS: u64 = 30 * 86_400;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(rotate))
        .routes(routes!(show, remove))
}

/// A key, without its token.
#[derive(Debug, Serialize, ToSchema)]
struct KeyItem {
    /// Its name.
    #[schema(example = "console")]
    name: String,
    /// `file` or `http`: who made it.
    origin: &'static str,
    /// `admin`, `supervisor`, `agent`, `user` or `read-only`.
    role: &'static str,
    /// The extension that it stands for.
    extension: Option<String>,
    /// The agent that it stands for.
    agent: Option<String>,
    /// When it was made; null for keys of the file.
    made_at: Option<u64>,
    /// Until when the token before opens too; null where there is none.
    before_until: Option<u64>,
}

/// A key that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// Its name: 1 to 64 of a-z, A-Z, 0-9, - _ .
    name: String,
    /// `admin`, `supervisor`, `agent`, `user` or `read-only`.
    #[schema(value_type = String, example = "supervisor")]
    role: Role,
    /// For role `user`: the extension that it stands for.
    extension: Option<String>,
    /// For role `agent`: the agent that it stands for. The key sees the calls of the agent's phone as it is now.
    agent: Option<String>,
}

impl Example for NewKey {
    const EXAMPLE: &'static str = r#"{"name": "wallboard", "role": "read-only"}"#;
}

/// How a key is rotated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// How long the present token opens beside the new one, 0 to 2,592,000 seconds; a day unless said.
    overlap_secs: Option<u64>,
}

impl Example for Rotation {
    const EXAMPLE: &'static str = r#"{"overlap_secs": 3600}"#;
}

/// A key with its new token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Token {
    /// For `Authorization: Bearer`. It is shown nowhere again.
    token: String,
    /// The key.
    #[serde(flatten)]
    key: KeyItem,
}

impl From<Principal> for KeyItem {
    fn from(key: Principal) -> Self {
        Self {
            name: key.name,
            origin: "file",
            role: role_name(key.role),
            extension: key.extension,
            agent: key.agent,
            made_at: None,
            before_until: None,
        }
    }
}

impl From<MadeKey> for KeyItem {
    fn from(key: MadeKey) -> Self {
        let until = key.before.as_ref().map(|(_, until)| *until);
        Self {
            name: key.name,
            origin: "http",
            role: role_name(key.role),
            extension: key.extension,
            agent: key.agent,
            made_at: Some(key.made_at),
            before_until: until.filter(|until| *until > wall_ms()),
        }
    }
}

/// Keys, by name, without their tokens.
#[utoipa::path(get, path = "/api/v1/keys", operation_id = "listKeys", tag = "keys", params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<KeyItem>), Refusals))]
async fn list(
    State(app): State<App>,
    key: Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<KeyItem>>, Problem> {
    key.one_of(&[Role::Admin])?;
    let (offset, limit) = params.read()?;
    let (tenant, keyring) = (&key.0.tenant, app.gateway.keyring());
    let file = keyring.of_file(tenant).into_iter().map(KeyItem::from);
    let mut all: Vec<KeyItem> =
        file.chain(keyring.made(tenant).into_iter().map(KeyItem::from)).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let total = all.len();
    let items = all.into_iter().skip(offset).take(limit).collect();
    Ok(Json(LivePage { items, total, as_of: wall_ms() }))
}

/// One key, without its token.
#[utoipa::path(get, path = "/api/v1/keys/{key}", operation_id = "showKey", tag = "keys",
    params(("key" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The key", body = KeyItem),
        (status = 404, description = "No such key", body = Problem, content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    key: Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<KeyItem>, Problem> {
    key.one_of(&[Role::Admin])?;
    let (tenant, keyring) = (&key.0.tenant, app.gateway.keyring());
    let file = keyring.of_file(tenant).into_iter().map(KeyItem::from);
    let mut all = file.chain(keyring.made(tenant).into_iter().map(KeyItem::from));
    let found = all.find(|own| own.name == name);
    found.map(Json).ok_or_else(|| Problem::not_found(format!("no key {name}")))
}

/// Makes a key. The answer shows its token, and no other does: only a digest of it is kept.
#[utoipa::path(post, path = "/api/v1/keys", operation_id = "makeKey", tag = "keys", request_body = NewKey,
    responses(
        (status = 201, description = "Opens from now on", body = Token),
        (status = 409, description = "The name is taken, or there are 200", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "It stands for nobody", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn make(
    State(app): State<App>,
    key: Key,
    _: Params<NoParams>,
    Body(wanted): Body<NewKey>,
) -> Result<(StatusCode, Json<Token>), Problem> {
    key.one_of(&[Role::Admin])?;
    let whose = stands_for(&app, &key, &wanted).await?;
    enter(&app, &key.0, wanted.name, wanted.role, whose).await
}

/// Makes a key of a tenant's, in the name of whoever may; it stands for an extension, an agent or nobody.
pub(super) async fn enter(
    app: &App,
    by: &Principal,
    name: String,
    role: Role,
    (extension, agent): (Option<String>, Option<String>),
) -> Result<(StatusCode, Json<Token>), Problem> {
    let tenant = by.tenant.clone();
    values::name(&name).map_err(|why| Problem::unprocessable(format!("name: {why}")))?;
    let _writing = app.gateway.keyring().writing.lock().await;
    if !app.gateway.tenants().iter().any(|own| own.tenant == tenant) {
        return Err(Problem::not_found(format!("no tenant {tenant}")));
    }
    let made = app.gateway.keyring().made(&tenant);
    let file = app.gateway.keyring().of_file(&tenant);
    let conflict = |text: &str| Err(Problem::new(StatusCode::CONFLICT, text));
    if made.iter().any(|own| own.name == name) || file.iter().any(|own| own.name == name) {
        return conflict("a key has this name; remove it first, or rotate its token");
    }
    if made.len() >= MAX_KEYS {
        return conflict("a tenant makes 200 keys at most; remove one first");
    }
    let token = token()?;
    let fresh = MadeKey {
        tenant,
        name,
        role,
        extension,
        agent,
        made_at: wall_ms(),
        digest: digest_of(&token),
        before: None,
    };
    keep(app, &fresh).await?;
    note(app, by, "key.make", &fresh.name);
    Ok((StatusCode::CREATED, Json(Token { token, key: fresh.into() })))
}

/// Gives a key a new token. The present one opens for a while beside it, so that nobody stands outside meanwhile; one that
/// was replaced earlier opens no more.
#[utoipa::path(post, path = "/api/v1/keys/{key}/rotate", operation_id = "rotateKey", tag = "keys",
    params(("key" = String, Path, description = "Its name")), request_body = Rotation,
    responses(
        (status = 200, description = "The new token opens from now on", body = Token),
        (status = 404, description = "No such key", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The overlap is too long", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn rotate(
    State(app): State<App>,
    key: Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
    Body(rotation): Body<Rotation>,
) -> Result<Json<Token>, Problem> {
    key.one_of(&[Role::Admin])?;
    let overlap = rotation.overlap_secs.unwrap_or(OVERLAP_SECS);
    if overlap > LONGEST_OVERLAP_SECS {
        return Err(Problem::unprocessable(format!(
            "overlap_secs: write 0 to {LONGEST_OVERLAP_SECS}"
        )));
    }
    // Whoever compares its tag meanwhile finds it changed.
    let change = app.changes.hold(Name::new(&key.0.tenant, "keys", &name)).await;
    let rotated = renewed(&app, &key, &name, overlap).await;
    match rotated {
        Ok(_) => drop(change),
        Err(_) => change.nothing(),
    }
    rotated.map(Json)
}

async fn renewed(app: &App, key: &Key, name: &str, overlap: u64) -> Result<Token, Problem> {
    let _writing = app.gateway.keyring().writing.lock().await;
    let mut own = found(app, &key.0.tenant, name)?;
    let token = token()?;
    let before = std::mem::replace(&mut own.digest, digest_of(&token));
    own.before = (overlap > 0).then(|| (before, wall_ms() + overlap * 1_000));
    keep(app, &own).await?;
    note(app, &key.0, "key.rotate", &own.name);
    Ok(Token { token, key: own.into() })
}

/// Removes a key. Its tokens open nothing any more.
#[utoipa::path(delete, path = "/api/v1/keys/{key}", operation_id = "removeKey", tag = "keys",
    params(("key" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, description = "No such key", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove(
    State(app): State<App>,
    key: Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin])?;
    let _writing = app.gateway.keyring().writing.lock().await;
    let own = found(&app, &key.0.tenant, &name)?;
    let document = MadeKey::document_key(&own.tenant, &own.name);
    // First here, so that no token works whose key is gone from the disk.
    app.gateway.keyring().remove(&own.tenant, &own.name);
    if let Err(error) = app.gateway.keep("", SPACE, &document, None).await {
        app.gateway.keyring().load([own]);
        return Err(error.into());
    }
    note(&app, &key.0, "key.remove", &own.name);
    Ok(StatusCode::NO_CONTENT)
}

fn note(app: &App, by: &Principal, what: &str, name: &str) {
    app.gateway.note(AuditLine::done(wall_ms(), by, what, name));
}

fn found(app: &App, tenant: &str, name: &str) -> Result<MadeKey, Problem> {
    let keyring = app.gateway.keyring();
    if let Some(own) = keyring.made(tenant).into_iter().find(|own| own.name == name) {
        return Ok(own);
    }
    if keyring.of_file(tenant).iter().any(|own| own.name == name) {
        let text = "the configuration file defines this key; change it there";
        return Err(Problem::new(StatusCode::CONFLICT, text));
    }
    Err(Problem::not_found(format!("no key {name}")))
}

/// Puts a key on disk, and then in force.
async fn keep(app: &App, key: &MadeKey) -> Result<(), Problem> {
    let document = serde_json::to_value(key).map_err(|error| Problem::internal(&error))?;
    let name = MadeKey::document_key(&key.tenant, &key.name);
    app.gateway.keep("", SPACE, &name, Some(document)).await?;
    app.gateway.keyring().load([key.clone()]);
    Ok(())
}

/// The extension and the agent that a key stands for.
async fn stands_for(
    app: &App,
    key: &Key,
    wanted: &NewKey,
) -> Result<(Option<String>, Option<String>), Problem> {
    let missing =
        |what: &str| Err(Problem::unprocessable(format!("{what}: names none of the tenant's")));
    match (wanted.role, &wanted.extension, &wanted.agent) {
        (Role::User, Some(number), None) => {
            let number = number.clone();
            let own = ExtensionKey { tenant: key.0.tenant.clone(), number: number.clone() };
            let query = Query::Entry(EntryKey::Extension(own));
            match app.gateway.query(key.0.clone(), query).await {
                Reply::Entry(_) => Ok((Some(number), None)),
                _ => missing("extension"),
            }
        }
        (Role::Agent, None, Some(agent)) => {
            match app.gateway.query(key.0.clone(), Query::Agent(agent.clone())).await {
                Reply::Agent(view) => {
                    let phone = view.config.places.into_iter().find_map(|place| match place {
                        AgentPlace::Extension(number) => Some(number),
                        AgentPlace::Number(_) => None,
                    });
                    Ok((phone, Some(agent.clone())))
                }
                _ => missing("agent"),
            }
        }
        (Role::User, ..) => {
            Err(Problem::unprocessable("a user's key names an extension and no agent"))
        }
        (Role::Agent, ..) => {
            Err(Problem::unprocessable("an agent's key names an agent and no extension"))
        }
        (_, None, None) => Ok((None, None)),
        _ => Err(Problem::unprocessable("only keys of users and agents stand for somebody")),
    }
}

/// 256 random bits as text.
fn token() -> Result<String, Problem> {
    Ok(format!("{}{}", fresh()?, fresh()?))
}
