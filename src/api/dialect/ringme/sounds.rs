//! Sound files: WAV (mono, 16 bits, 8 or 16 kHz), by multipart/form-data or as the body itself.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strowger_core::vocab::acd::{AgentConfig, QueueConfig};

use super::agent_item::Kind;
use super::client::Client;
use super::fields::{Path, query, whole_body};
use super::ids;
use super::queues::MOST_ROWS;
use super::refusal::{Fault, Refusal};
use crate::api::app::{App, wall_ms};
use crate::api::sounds::{LARGEST, PROMPTS};

/// What we keep of a file, by the name of its prompt.
const SPACE: &str = "ringme/sounds";
/// Bytes of a request that carries a file.
pub(super) const LARGEST_BODY: usize = LARGEST + 64 * 1024;
const NAME: usize = 128;

type Answer = Result<Json<Value>, Refusal>;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    name: String,
    bytes: u64,
    length_ms: u64,
    /// Milliseconds since the Unix epoch.
    created_at: u64,
}

fn item(client: &Client, id: u64, kept: &Kept) -> Value {
    json!({
        "id": id,
        "name": kept.name,
        "create_date": client.moment(kept.created_at),
        "size": kept.bytes,
        "duration": kept.length_ms.div_ceil(1_000),
    })
}

/// Whether a prompt was uploaded and is still there; those of the sounds directory are.
pub(super) async fn is_there(app: &App, client: &Client, prompt: &str) -> Result<bool, Refusal> {
    if !prompt.starts_with(PROMPTS) {
        return Ok(true);
    }
    Ok(app.gateway.kept(client.tenant(), SPACE, prompt).await?.is_some())
}

/// How many files the client has.
pub(super) async fn count(app: &App, client: &Client) -> Result<usize, Refusal> {
    Ok(app.gateway.kept_all(client.tenant(), SPACE, None, MOST_ROWS).await?.len())
}

pub(super) async fn list(State(app): State<App>, client: Client, Path(id): Path<String>) -> Answer {
    client.is(&id)?;
    client.sees()?;
    let all = app.gateway.kept_all(client.tenant(), SPACE, None, MOST_ROWS).await?;
    let names = all.iter().map(|(prompt, _)| prompt.clone()).collect();
    let ids = client.ids_of(&app, ids::SOUNDS, names).await?;
    let mut items: Vec<(u64, Value)> = Vec::with_capacity(all.len());
    for ((_, document), id) in all.into_iter().zip(ids) {
        items.push((id, item(&client, id, &read(document)?)));
    }
    items.sort_by_key(|(id, _)| *id);
    Ok(Json(Value::Array(items.into_iter().map(|(_, item)| item).collect())))
}

fn read(document: Value) -> Result<Kept, Refusal> {
    serde_json::from_value(document).map_err(|error| Refusal::internal(&error))
}

/// The file in a path: its prompt and what is kept of it.
async fn named(app: &App, client: &Client, text: &str) -> Result<(String, Kept), Refusal> {
    let prompt = client.named(app, ids::SOUNDS, "sound", text).await?;
    let document = app.gateway.kept(client.tenant(), SPACE, &prompt).await?;
    let document = document.ok_or_else(|| Refusal::not_found("sound"))?;
    Ok((prompt, read(document)?))
}

pub(super) async fn show(
    State(app): State<App>,
    client: Client,
    Path((id, sound)): Path<(String, String)>,
) -> Answer {
    client.is(&id)?;
    client.sees()?;
    let (prompt, kept) = named(&app, &client, &sound).await?;
    let id = client.id_of(&app, ids::SOUNDS, &prompt).await?;
    Ok(Json(item(&client, id, &kept)))
}

pub(super) async fn upload(
    State(app): State<App>,
    client: Client,
    Path(id): Path<String>,
    uri: Uri,
    request: Request,
) -> Answer {
    client.is(&id)?;
    client.defines()?;
    let named = query(&uri)?.into_iter().find(|(key, _)| key == "name").map(|(_, name)| name);
    let (wav, name) = received(&app, request).await?;
    let name = named.or(name).unwrap_or_default();
    if name.len() > NAME || name.contains(char::is_control) {
        let words = format!("write at most {NAME} bytes without control characters");
        return Err(Refusal::wrong("name", words));
    }
    let sound = app.gateway.keep_sound(client.tenant(), wav).await?;
    let id = client.id_of(&app, ids::SOUNDS, &sound.prompt).await?;
    let name = if name.is_empty() { format!("sound {id}") } else { name };
    let (bytes, length_ms) = (sound.bytes, sound.length_ms);
    let kept = Kept { name, bytes, length_ms, created_at: wall_ms() };
    let document = serde_json::to_value(&kept).map_err(|error| Refusal::internal(&error))?;
    app.gateway.keep(client.tenant(), SPACE, &sound.prompt, Some(document)).await?;
    client.note("a sound was uploaded", &sound.prompt);
    Ok(Json(item(&client, id, &kept)))
}

/// The file, and the name that a form gives it.
async fn received(app: &App, request: Request) -> Result<(Bytes, Option<String>), Refusal> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    if !kind.starts_with("multipart/form-data") {
        if !(kind.starts_with("audio/") || kind.starts_with("application/octet-stream")) {
            let words = "send the file by multipart/form-data, or as a body of audio/wav";
            return Err(Refusal::new(Fault::MediaType, words));
        }
        return Ok((whole_body(request, app).await?, None));
    }
    let form = Multipart::from_request(request, app).await;
    let mut form = form.map_err(|error| Refusal::wrong("body", error))?;
    let (mut file, mut name, mut file_name) = (None, None, None);
    loop {
        let part = form.next_field().await.map_err(unread)?;
        let Some(part) = part else { break };
        if part.name() == Some("name") {
            name = Some(part.text().await.map_err(unread)?);
        } else if file.is_none() && (part.file_name().is_some() || part.name() == Some("file")) {
            file_name = part.file_name().map(str::to_owned);
            file = Some(part.bytes().await.map_err(unread)?);
        }
    }
    let file = file.ok_or_else(|| Refusal::wrong("file", "the form has no file"))?;
    Ok((file, name.or(file_name)))
}

fn unread(error: axum::extract::multipart::MultipartError) -> Refusal {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(Fault::TooLarge, "the file is too long"),
        _ => Refusal::wrong("body", error),
    }
}

/// Not while it is used.
pub(super) async fn remove(
    State(app): State<App>,
    client: Client,
    Path((id, sound)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    client.is(&id)?;
    client.defines()?;
    let (prompt, _) = named(&app, &client, &sound).await?;
    let queues = client.queues(&app).await?;
    if let Some((queue, _)) = queues.iter().find(|(queue, _)| plays(queue, &prompt)) {
        let words = format!("queue {} plays it", ids::shown(&queue.key.number));
        return Err(Refusal::new(Fault::Conflict, words));
    }
    for kind in [Kind::Local, Kind::Remote] {
        let agents = client.agents(&app, kind, None).await?;
        let greets = |agent: &AgentConfig| agent.agent_sound.as_deref() == Some(&prompt);
        if agents.iter().any(|view| greets(&view.config)) {
            return Err(Refusal::new(Fault::Conflict, "an agent's callers hear it"));
        }
    }
    app.gateway.keep(client.tenant(), SPACE, &prompt, None).await?;
    app.gateway.remove_sound(client.tenant(), &prompt).await?;
    client.note("a sound was removed", &prompt);
    Ok(StatusCode::NO_CONTENT)
}

fn plays(queue: &QueueConfig, prompt: &str) -> bool {
    super::queue_item::sounds(queue)
        .iter()
        .any(|(_, own)| own.is_some_and(|own| own.as_str() == prompt))
}
