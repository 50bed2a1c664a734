//! Mailboxes and their messages.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use strowger_core::vocab::mailbox::{MailboxOrder, MailboxView, MessageRecord};
use strowger_core::vocab::{Command, MessageId, Principal, Query, Reply};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::audio;
use super::{LivePage, LiveParams, NoParams, Refusals, Unread, ordered, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Example, Params, call_id};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(mailboxes))
        .routes(routes!(messages))
        .routes(routes!(show, mark, remove))
        .routes(routes!(download))
}

/// A mailbox.
#[derive(Debug, Serialize, ToSchema)]
struct MailboxItem {
    /// The number of its extension or queue.
    number: String,
    /// Messages nobody has listened to.
    new: u32,
    /// Messages that were listened to and kept.
    old: u32,
    /// Of the new ones, urgent.
    urgent_new: u32,
    /// Of the old ones, urgent.
    urgent_old: u32,
    /// It holds as many as it may.
    full: bool,
    /// Its owner has recorded a greeting.
    own_greeting: bool,
}

impl From<MailboxView> for MailboxItem {
    fn from(view: MailboxView) -> Self {
        let MailboxView { mailbox, counts, full, own_greeting } = view;
        Self {
            number: mailbox.number,
            new: counts.new,
            old: counts.old,
            urgent_new: counts.urgent_new,
            urgent_old: counts.urgent_old,
            full,
            own_greeting,
        }
    }
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
struct MessageItem {
    /// Its id.
    id: String,
    /// The number of its mailbox.
    mailbox: String,
    /// The caller's number; empty when it was not shown.
    number: String,
    /// The caller's name; may be empty.
    name: String,
    /// When it was left, ms since the Unix epoch.
    at: u64,
    /// Length in ms.
    length_ms: u64,
    /// Size of the WAV in bytes.
    bytes: u64,
    /// Somebody has listened to it.
    heard: bool,
    /// The caller says that it is urgent.
    urgent: bool,
    /// The call that left it.
    call: String,
    /// What that call belongs to.
    interaction: String,
}

impl From<MessageRecord> for MessageItem {
    fn from(message: MessageRecord) -> Self {
        Self {
            id: message.id.to_string(),
            mailbox: message.mailbox.number,
            number: message.number,
            name: message.name,
            at: message.at,
            length_ms: message.length_ms,
            bytes: message.bytes,
            heard: message.heard,
            urgent: message.urgent,
            call: message.call.to_string(),
            interaction: message.interaction.to_string(),
        }
    }
}

/// Mailboxes by number. Keys of users and agents see their own extension's.
#[utoipa::path(get, path = "/api/v1/mailboxes", operation_id = "listMailboxes", tag = "voicemail", params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<MailboxItem>), Refusals))]
async fn mailboxes(
    State(app): State<App>,
    Key(principal): Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<MailboxItem>>, Problem> {
    let (offset, limit) = params.read()?;
    match app.gateway.query(principal, Query::Mailboxes { offset, limit }).await {
        Reply::Mailboxes(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Messages of a mailbox, newest first.
#[utoipa::path(get, path = "/api/v1/mailboxes/{mailbox}/messages", operation_id = "listMessages", tag = "voicemail",
    params(("mailbox" = String, Path, description = "Number of an extension or a queue"), LiveParams),
    responses(
        (status = 200, description = "Some of them", body = LivePage<MessageItem>),
        (status = 404, description = "No such mailbox", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn messages(
    State(app): State<App>,
    Key(principal): Key,
    Path(mailbox): Path<String>,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<MessageItem>>, Problem> {
    let (offset, limit) = params.read()?;
    match app.gateway.query(principal, Query::Messages { mailbox, offset, limit }).await {
        Reply::Messages(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// What cannot be an id names no message.
fn message_id(text: &str) -> Result<MessageId, Problem> {
    let wrong = || Problem::not_found("a message id has 32 hexadecimal digits");
    call_id(text).map(|id| MessageId(id.0)).ok_or_else(wrong)
}

async fn find(
    app: &App,
    principal: Principal,
    (mailbox, id): (String, String),
) -> Result<MessageRecord, Problem> {
    let id = message_id(&id)?;
    match app.gateway.query(principal, Query::Message { mailbox, id }).await {
        Reply::Message(message) => Ok(*message),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// One message.
#[utoipa::path(get, path = "/api/v1/mailboxes/{mailbox}/messages/{message}", operation_id = "showMessage",
    tag = "voicemail",
    params(("mailbox" = String, Path, description = "Number of an extension or a queue"),
        ("message" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 200, description = "The message", body = MessageItem),
        (status = 404, description = "No such message", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    Key(principal): Key,
    Path(names): Path<(String, String)>,
    _: Params<NoParams>,
) -> Result<Json<MessageItem>, Problem> {
    Ok(Json(find(&app, principal, names).await?.into()))
}

/// What changes about a message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Mark {
    /// It counts as listened to, or not.
    heard: bool,
}

impl Example for Mark {
    const EXAMPLE: &'static str = r#"{"heard": true}"#;
}

/// Marks a message as listened to, or not. Answered when that is on disk.
#[utoipa::path(patch, path = "/api/v1/mailboxes/{mailbox}/messages/{message}", operation_id = "markMessage",
    tag = "voicemail", request_body = Mark,
    params(("mailbox" = String, Path, description = "Number of an extension or a queue"),
        ("message" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 204, description = "So it is"),
        (status = 404, description = "No such message", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn mark(
    State(app): State<App>,
    Key(principal): Key,
    Path((mailbox, id)): Path<(String, String)>,
    _: Params<NoParams>,
    Body(mark): Body<Mark>,
) -> Result<StatusCode, Problem> {
    let order = MailboxOrder::Heard(message_id(&id)?, mark.heard);
    carry_out(&app, principal, mailbox, order).await
}

/// Deletes a message and its file. Answered when that is on disk.
#[utoipa::path(delete, path = "/api/v1/mailboxes/{mailbox}/messages/{message}", operation_id = "deleteMessage",
    tag = "voicemail",
    params(("mailbox" = String, Path, description = "Number of an extension or a queue"),
        ("message" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such message", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn remove(
    State(app): State<App>,
    Key(principal): Key,
    Path((mailbox, id)): Path<(String, String)>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    let order = MailboxOrder::Delete(message_id(&id)?);
    carry_out(&app, principal, mailbox, order).await
}

async fn carry_out(
    app: &App,
    principal: Principal,
    mailbox: String,
    order: MailboxOrder,
) -> Result<StatusCode, Problem> {
    ordered(app.gateway.command(principal, Command::Mailbox { mailbox, order }).await?)
}

/// The audio of a message: mono WAV. Understands Range, If-Range, If-None-Match and If-Modified-Since. Downloading it
/// does not mark it as listened to.
#[utoipa::path(get, path = "/api/v1/mailboxes/{mailbox}/messages/{message}/audio", operation_id = "downloadMessage",
    tag = "voicemail",
    params(("mailbox" = String, Path, description = "Number of an extension or a queue"),
        ("message" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 200, description = "All of it", body = Vec<u8>, content_type = "audio/wav"),
        (status = 206, description = "The range asked for", body = Vec<u8>, content_type = "audio/wav"),
        (status = 304, description = "It is what the client has"),
        (status = 404, description = "No such message, or its file is gone", body = Problem,
            content_type = "application/problem+json"),
        (status = 416, description = "The range lies behind its end; Content-Range says its size", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn download(
    State(app): State<App>,
    Key(principal): Key,
    Path(names): Path<(String, String)>,
    _: Params<NoParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let message = find(&app, principal, names).await?;
    match audio::open(app.gateway.recordings_directory(), &message.path).await {
        Ok(file) => audio::send(&headers, file, &message.id.to_string()).await,
        Err(error) => {
            tracing::warn!(message = %message.id, "the file of a message: {error}");
            Err(Problem::not_found(format!("the file of message {} is gone", message.id)))
        }
    }
}
