//! The audio of a recording, whole or in part.

use std::io::{self, SeekFrom};
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, LAST_MODIFIED,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use strowger_core::vocab::record::RecordingRecord;
use strowger_core::vocab::values;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Refusals;
use super::range::{Part, Version, wanted};
use super::records::of_call;
use super::view::part_of;
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{CallPath, Params};
use crate::api::gateway::RowsQuery;
use crate::api::problem::Problem;

/// Bytes that are read from the file at a time.
const CHUNK: u64 = 64 * 1024;
/// Recordings of one call that are looked through for one of them.
const MOST_PARTS: usize = 200;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(download))
}

/// Which of a call's recordings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AudioParams {
    /// Counted from 1; the latest where it is left out.
    part: Option<u32>,
}

/// A finished recording of a call, the latest unless another is named: stereo WAV, the caller on the left. Understands Range, If-Range,
/// If-None-Match and If-Modified-Since.
#[utoipa::path(get, path = "/api/v1/recordings/{call}/audio", operation_id = "downloadRecording", tag = "records",
    params(("call" = String, Path, description = "32 hexadecimal digits"), AudioParams),
    responses(
        (status = 200, description = "All of it", body = Vec<u8>, content_type = "audio/wav"),
        (status = 206, description = "The range asked for", body = Vec<u8>, content_type = "audio/wav"),
        (status = 304, description = "It is what the client has"),
        (status = 404, description = "No such recording, or its file is gone", body = Problem,
            content_type = "application/problem+json"),
        (status = 410, description = "It was removed for its age or for want of room", body = Problem,
            content_type = "application/problem+json"),
        (status = 416, description = "The range lies behind its end; Content-Range says its size", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn download(
    State(app): State<App>,
    key: Key,
    CallPath(call): CallPath,
    Params(AudioParams { part }): Params<AudioParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found(format!("no such finished recording of call {call}"));
    let limit = if part.is_some() { MOST_PARTS } else { 1 };
    let query = RowsQuery { limit, ..of_call(key, call)? };
    let rows = app.gateway.recordings(query).await?.rows;
    let wanted = |row: &RecordingRecord| part.is_none() || part_of(&row.path) == part;
    let row = rows.into_iter().find(wanted).ok_or_else(missing)?;
    if row.removed_at.is_some() {
        let text = format!("the recording of {call} was removed for its age or for want of room");
        return Err(Problem::new(StatusCode::GONE, text));
    }
    let file = match open(app.gateway.recordings_directory(), &row.path).await {
        Ok(file) => file,
        Err(error) => {
            tracing::warn!(%call, "the file of a recording: {error}");
            return Err(Problem::not_found(format!("the file of the recording of {call} is gone")));
        }
    };
    send(&headers, file, &call.to_string()).await
}

/// What the request's conditions and range want of a file; `name` is what it is saved as.
pub(in crate::api) async fn send(
    headers: &HeaderMap,
    file: File,
    name: &str,
) -> Result<Response, Problem> {
    let metadata = file.metadata().await.map_err(|error| Problem::internal(&error))?;
    let changed = metadata.modified().map_err(|error| Problem::internal(&error))?;
    let version = Version::of(metadata.len(), changed);
    let part = wanted(headers, &version, metadata.len());
    let mut response = answer(part, file, metadata.len()).await?;
    describe(response.headers_mut(), &version, name)?;
    Ok(response)
}

/// Opens a file below the directory and nowhere else, whatever the row or a link says.
pub(in crate::api) async fn open(directory: &Path, path: &str) -> io::Result<File> {
    if !values::stays_below(path) {
        return Err(io::Error::other("its path leaves the recordings directory"));
    }
    let directory = tokio::fs::canonicalize(directory).await?;
    let whole = tokio::fs::canonicalize(directory.join(path)).await?;
    if !whole.starts_with(&directory) {
        return Err(io::Error::other("its path leaves the recordings directory"));
    }
    let file = File::open(whole).await?;
    if !file.metadata().await?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    Ok(file)
}

async fn answer(part: Part, mut file: File, size: u64) -> Result<Response, Problem> {
    match part {
        Part::Unchanged => Ok(StatusCode::NOT_MODIFIED.into_response()),
        Part::Nothing => {
            let problem =
                Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, format!("it has {size} bytes"));
            Ok(([(CONTENT_RANGE, format!("bytes */{size}"))], problem).into_response())
        }
        Part::Whole => Ok(sound(StatusCode::OK, file, size)),
        Part::Bytes(first, last) => {
            let moved = file.seek(SeekFrom::Start(first)).await;
            moved.map_err(|error| Problem::internal(&error))?;
            let sound = sound(StatusCode::PARTIAL_CONTENT, file, last - first + 1);
            Ok(([(CONTENT_RANGE, format!("bytes {first}-{last}/{size}"))], sound).into_response())
        }
    }
}

/// So many bytes of a file from where it stands.
fn sound(status: StatusCode, file: File, bytes: u64) -> Response {
    let chunks = stream::try_unfold((file, bytes), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; usize::try_from(left.min(CHUNK)).unwrap_or_default()];
        let read = file.read(&mut chunk).await?;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        chunk.truncate(read);
        let left = left.saturating_sub(read as u64);
        Ok(Some((Bytes::from(chunk), (file, left))))
    });
    let headers = [(CONTENT_TYPE, "audio/wav".to_owned()), (CONTENT_LENGTH, bytes.to_string())];
    (status, headers, Body::from_stream(chunks)).into_response()
}

/// The headers that all answers carry.
fn describe(headers: &mut HeaderMap, version: &Version, name: &str) -> Result<(), Problem> {
    let value =
        |text: String| HeaderValue::try_from(text).map_err(|error| Problem::internal(&error));
    headers.insert(ETAG, value(version.tag.clone())?);
    headers.insert(LAST_MODIFIED, value(version.last_modified())?);
    headers.insert(CONTENT_DISPOSITION, value(format!("attachment; filename=\"{name}.wav\""))?);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(())
}
