//! Voices: files that the application uploads, and what callers hear by default.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::asked::Asked;
use super::envelope::{Fault, Outcome, Refusal, found, gone, written};
use super::fields::Fields;
use super::ivr;
use super::shelf::{APPLICATION, Shelf};
use crate::api::app::App;
use crate::api::sounds::{LARGEST, SoundError};

/// The nine, in the document's order.
pub(super) const VOICES: [&str; 9] = [
    "Welcome",
    "ClosingTime",
    "NoAnswer",
    "VoiceMail",
    "Waiting",
    "Consult",
    "Hold",
    "QueueTimeout",
    "Evaluate",
];
/// Uploaded files, by name.
const FILES: Shelf = Shelf("cti/voices");
/// Prompts that were spoken, by the sum of their text.
const SPOKEN: Shelf = Shelf("cti/spoken");
/// Where the default voices are kept.
const DEFAULTS: &str = "voices";
/// Bytes of an upload: a file, and what its coding adds.
const UPLOAD: usize = LARGEST / 3 * 4 + 64 * 1024;
/// Bytes of a text that is spoken.
const TEXT: usize = 2_000;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/ivrs/vfiles", post(upload).delete(remove).get(list))
        .layer(DefaultBodyLimit::max(UPLOAD))
        .route("/ivrs/defvoices", get(show).post(set).put(set))
}

/// An uploaded file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct FileDoc {
    description: String,
    prompt: String,
}

/// What callers hear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Voice {
    kind: String,
    content: String,
    /// Where the switch finds it.
    pub(super) prompt: String,
}

#[cfg(test)]
impl Voice {
    pub(super) fn playing(prompt: &str) -> Self {
        Self { kind: "wav".to_owned(), content: prompt.to_owned(), prompt: prompt.to_owned() }
    }
}

/// What was set, by name.
pub(super) type Defaults = BTreeMap<String, Voice>;

/// A file as it came.
struct Upload {
    fields: Fields,
    wav: Bytes,
}

fn unfit(error: SoundError) -> Refusal {
    match error {
        SoundError::Unfit(why) | SoundError::Full(why) => Refusal::params(why),
        SoundError::Failed(why) => Refusal::internal(&why),
    }
}

/// A form with the field `file`, or JSON with `Content` in base64.
async fn upload(State(app): State<App>, request: Request) -> Outcome {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let form = kind.is_some_and(|kind| kind.starts_with("multipart/form-data"));
    let (asked, upload) = if form {
        let (parts, body) = request.into_parts();
        // The signature is looked at before the file is.
        let bare = Request::from_parts(parts.clone(), axum::body::Body::empty());
        let asked = Asked::from_request(bare, &app).await?;
        let request = Request::from_parts(parts, body);
        let upload = read_form(Multipart::from_request(request, &app).await, &asked).await?;
        (asked, upload)
    } else {
        let asked = Asked::from_request(request, &app).await?;
        let fields = asked.body()?.clone().over(&asked.signed.query);
        let content = fields.value("Content").and_then(Value::as_str).unwrap_or_default();
        let wav = STANDARD.decode(content.trim()).ok().filter(|wav| !wav.is_empty());
        let wav = wav.ok_or_else(|| Refusal::params("Content: write the WAV file in base64"))?;
        (asked, Upload { fields, wav: wav.into() })
    };
    keep(&asked, upload).await
}

async fn read_form<E: std::fmt::Display>(
    form: Result<Multipart, E>,
    asked: &Asked,
) -> Result<Upload, Refusal> {
    let broken = |why: &dyn std::fmt::Display| Refusal::params(format!("the form: {why}"));
    let mut form = form.map_err(|error| broken(&error))?;
    let (mut members, mut wav) = (Map::new(), None);
    while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(str::to_owned);
        let bytes = field.bytes().await.map_err(|error| broken(&error))?;
        if name == "file" {
            wav = Some(bytes);
            if let Some(file_name) = file_name {
                members.entry("FileName").or_insert(Value::from(file_name));
            }
        } else {
            let text = String::from_utf8(bytes.to_vec()).map_err(|error| broken(&error))?;
            members.insert(name, Value::from(text));
        }
    }
    let wav = wav.ok_or_else(|| Refusal::params("file: send the WAV file in this field"))?;
    Ok(Upload { fields: Fields::of_object(members).over(&asked.signed.query), wav })
}

async fn keep(asked: &Asked, upload: Upload) -> Outcome {
    let name = file_name(&upload.fields)?;
    let kind = upload.fields.text("FileType")?.unwrap_or_default().to_ascii_lowercase();
    if !["", "wav", "audio/wav"].contains(&kind.as_str()) {
        return Err(Refusal::params("FileType: write wav"));
    }
    let description = upload.fields.text("FileDesc")?.unwrap_or_default();
    if asked.kept::<FileDoc>(FILES, &name).await?.is_some() {
        return Err(Refusal::new(Fault::Duplicate, format!("{name} for FileName")));
    }
    let kept = asked.app.gateway.keep_sound(asked.tenant(), upload.wav).await.map_err(unfit)?;
    asked.keep(FILES, &name, &FileDoc { description, prompt: kept.prompt }).await?;
    written(Value::Null)
}

fn file_name(fields: &Fields) -> Result<String, Refusal> {
    let name = fields.given("FileName")?;
    let name = name.ok_or_else(|| Refusal::new(Fault::FileName, ""))?;
    if name.len() > 128 || name.contains(['/', '\\']) {
        return Err(Refusal::params("FileName: at most 128 bytes without / and \\"));
    }
    Ok(name)
}

async fn remove(asked: Asked) -> Outcome {
    let name = file_name(&asked.parameters(&["FileName"])?)?;
    let doc: Option<FileDoc> = asked.kept(FILES, &name).await?;
    let doc = doc.ok_or_else(|| Refusal::new(Fault::NoData, format!("no file {name}")))?;
    let used = defaults(&asked).await?;
    if let Some((voice, _)) = used.iter().find(|(_, voice)| voice.prompt == doc.prompt) {
        return Err(Refusal::new(Fault::Bound, format!("{voice} plays {name}")));
    }
    asked.forget(FILES, &name).await?;
    asked.app.gateway.remove_sound(asked.tenant(), &doc.prompt).await.map_err(unfit)?;
    gone()
}

async fn list(asked: Asked) -> Outcome {
    let files: Vec<(String, FileDoc)> = asked.all_kept(FILES).await?;
    let row = |(name, doc): &(String, FileDoc)| json!({"FileName": name, "FileType": "wav", "FileDesc": doc.description});
    found(json!({"IvrVFiles": files.iter().map(row).collect::<Vec<_>>()}))
}

/// What was set.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn defaults(asked: &Asked) -> Result<Defaults, Refusal> {
    Ok(asked.kept(APPLICATION, DEFAULTS).await?.unwrap_or_default())
}

async fn set(asked: Asked) -> Outcome {
    let wanted = asked.body()?.wanted_objects("DefVoices")?;
    let before = defaults(&asked).await?;
    let mut all = before.clone();
    for fields in &wanted {
        if !fields.has_any(&VOICES) {
            let detail = format!("DefVoices: each names one of {}", VOICES.join(", "));
            return Err(Refusal::params(detail));
        }
        for name in VOICES {
            let Some(value) = fields.value(name) else { continue };
            match value {
                Value::String(text) if text == "default" => {
                    all.remove(name);
                }
                Value::Object(object) => {
                    let fields = Fields::of_object(object.clone());
                    all.insert(name.to_owned(), voice(&asked, name, &fields).await?);
                }
                _ => {
                    let right = "write {\"Type\", \"Content\"} or \"default\"";
                    return Err(Refusal::params(format!("{name}: {right}")));
                }
            }
        }
    }
    ivr::apply(&asked, &before, &all).await?;
    asked.keep(APPLICATION, DEFAULTS, &all).await?;
    forget_spoken(&asked, &all).await?;
    written(Value::Null)
}

async fn voice(asked: &Asked, name: &str, fields: &Fields) -> Result<Voice, Refusal> {
    let (kind, content) = (fields.wanted("Type")?, fields.wanted("Content")?);
    let prompt = match kind.to_ascii_lowercase().as_str() {
        "wav" => {
            let doc: Option<FileDoc> = asked.kept(FILES, &content).await?;
            let missing = || Refusal::new(Fault::NotFound, format!("no file {content}"));
            doc.ok_or_else(missing)?.prompt
        }
        "tts" => spoken(asked, &content).await?,
        _ => return Err(Refusal::params(format!("{name}: Type: write tts or wav"))),
    };
    Ok(Voice { kind: kind.to_ascii_lowercase(), content, prompt })
}

/// A text as a prompt; what was spoken once is kept.
async fn spoken(asked: &Asked, text: &str) -> Result<String, Refusal> {
    if text.len() > TEXT {
        return Err(Refusal::params(format!("Content: at most {TEXT} bytes of text")));
    }
    let sum = hex::encode(Sha256::digest(text.as_bytes()));
    if let Some(prompt) = asked.kept(SPOKEN, &sum).await? {
        return Ok(prompt);
    }
    let gateway = &asked.app.gateway;
    let wav = gateway.speak(text).await.map_err(unfit)?;
    let kept = gateway.keep_sound(asked.tenant(), wav).await.map_err(unfit)?;
    asked.keep(SPOKEN, &sum, &kept.prompt).await?;
    Ok(kept.prompt)
}

/// Removes what was spoken and no default voice says any more: nobody else knows its name.
async fn forget_spoken(asked: &Asked, used: &Defaults) -> Result<(), Refusal> {
    for (sum, prompt) in asked.all_kept::<String>(SPOKEN).await? {
        if used.values().any(|voice| voice.prompt == prompt) {
            continue;
        }
        asked.forget(SPOKEN, &sum).await?;
        asked.app.gateway.remove_sound(asked.tenant(), &prompt).await.map_err(unfit)?;
    }
    Ok(())
}

async fn show(asked: Asked) -> Outcome {
    let all = defaults(&asked).await?;
    let row = |name: &&str| {
        let voice = all.get(*name);
        let voice = voice.map(|voice| json!({"Type": voice.kind, "Content": voice.content}));
        json!({*name: voice.unwrap_or_else(|| Value::from("default"))})
    };
    found(json!({"Voices": VOICES.iter().map(row).collect::<Vec<_>>()}))
}
