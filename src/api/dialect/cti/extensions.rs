//! Extensions: create, remove; and whether one exists.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::json;
use strowger_core::vocab::config::{DigestAlgorithm, Extension, RecordPolicy};
use strowger_core::vocab::define::{Entry, EntryKey, EntryOrder, ExtensionEntry};
use strowger_core::vocab::{Command, CommandError, ExtensionKey, Query, Reply, Secret};

use super::asked::{Asked, unexpected};
use super::envelope::{Fault, Outcome, Refusal, gone, written};
use super::fields::Fields;
use super::seat::Seat;
use crate::api::app::App;
use crate::api::dialect::common;

/// Routes that a new extension may use; calls abroad are the administrator's to allow.
const CLASSES: [&str; 3] = ["internal", "local", "national"];

pub(super) fn routes() -> Router<App> {
    Router::new().route("/extensions", post(create).delete(remove))
}

/// An extension that was just made.
pub(super) struct Made {
    pub(super) number: String,
    pub(super) password: String,
}

/// A digit other than zero, and three more.
fn extension_number(text: &str) -> Result<(), Refusal> {
    let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && !text.starts_with('0') {
        return Ok(());
    }
    Err(Refusal::params("Extension: write four digits, the first of them not zero"))
}

fn key(asked: &Asked, number: &str) -> ExtensionKey {
    ExtensionKey { tenant: asked.tenant.tenant.clone(), number: number.to_owned() }
}

/// Whether the application has this extension.
///
/// # Errors
/// The switch cannot be asked.
pub(super) async fn exists(asked: &Asked, app: &App, number: &str) -> Result<bool, Refusal> {
    let entry = Query::Entry(EntryKey::Extension(key(asked, number)));
    match app.gateway.query(asked.principal(), entry).await {
        Reply::Entry(_) => Ok(true),
        Reply::Refused(CommandError::NotFound(_)) => Ok(false),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Makes an extension with a password of our own; without a number the first that is free.
///
/// # Errors
/// The number is taken, or none is free.
pub(super) async fn make(
    asked: &Asked,
    app: &App,
    number: Option<String>,
) -> Result<Made, Refusal> {
    let number = match number {
        Some(number) => {
            extension_number(&number)?;
            if is_taken(asked, app, &number).await? {
                return Err(Refusal::new(Fault::NumberExists, number));
            }
            number
        }
        None => free_number(asked, app).await?,
    };
    let password = password()?;
    let extension = Extension {
        key: key(asked, &number),
        password: Secret::new(password.clone()),
        name: number.clone(),
        pickup_groups: Vec::new(),
        pickup_any: false,
        record: RecordPolicy::OnDemand,
        classes: CLASSES.map(str::to_owned).to_vec(),
        max_calls: 0,
        algorithm: DigestAlgorithm::default(),
        caller_number: None,
        codecs: None,
        ring_secs: None,
        supervises: Vec::new(),
    };
    let entry = ExtensionEntry { extension, mailbox: None, watch_mailboxes: Vec::new() };
    let entry = Entry::Extension(Box::new(entry));
    let order = EntryOrder::Put { entry, spare: Secret::default() };
    let made = asked.order(app, Command::Entry(Box::new(order))).await;
    made.map_err(|refusal| refusal.or(Fault::State, Fault::NumberExists))?;
    Ok(Made { number, password })
}

/// Queues share the extensions' numbers.
async fn is_taken(asked: &Asked, app: &App, number: &str) -> Result<bool, Refusal> {
    if exists(asked, app, number).await? {
        return Ok(true);
    }
    match app.gateway.query(asked.principal(), Query::Queue(number.to_owned())).await {
        Reply::Queue(_) => Ok(true),
        Reply::Refused(CommandError::NotFound(_)) => Ok(false),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Queues begin with 9, so extensions that nobody chose do not.
async fn free_number(asked: &Asked, app: &App) -> Result<String, Refusal> {
    let entries = common::extensions(app, &asked.principal()).await?;
    let taken: BTreeSet<String> =
        entries.iter().map(|view| view.entry.key().id().to_owned()).collect();
    let mut numbers = (1_000..9_000).map(|number: u32| number.to_string());
    let free = numbers.find(|number| !taken.contains(number));
    free.ok_or_else(|| Refusal::new(Fault::NumberExists, "every number is taken"))
}

/// 16 hexadecimal digits.
fn password() -> Result<String, Refusal> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Refusal::internal(&error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Removes an extension.
///
/// # Errors
/// There is none, or the configuration file defines it.
pub(super) async fn delete(asked: &Asked, app: &App, number: &str) -> Result<(), Refusal> {
    let order = EntryOrder::Delete(EntryKey::Extension(key(asked, number)));
    let gone = asked.order(app, Command::Entry(Box::new(order))).await;
    gone.map(drop).map_err(|refusal| {
        refusal.or(Fault::NotFound, Fault::NoData).or(Fault::State, Fault::Forbidden)
    })
}

fn named(fields: &Fields) -> Result<String, Refusal> {
    let number = fields.wanted("Extension")?;
    extension_number(&number)?;
    Ok(number)
}

async fn create(State(app): State<App>, asked: Asked) -> Outcome {
    let number = named(asked.body()?)?;
    let made = make(&asked, &app, Some(number)).await?;
    written(json!({
        "Extension": made.number,
        "Password": made.password,
        "Number": format!("{}{}", asked.tenant.prefix, made.number),
    }))
}

async fn remove(State(app): State<App>, asked: Asked) -> Outcome {
    if !asked.signed.query.has_any(&["Extension"]) {
        asked.body()?;
    }
    let number = named(&asked.signed.either())?;
    let seats = Seat::all(&asked, &app).await?;
    if let Some(seat) = seats.iter().find(|seat| seat.doc.extensions.contains(&number)) {
        let detail = format!("extension {number} is bound to agent {}", seat.id);
        return Err(Refusal::new(Fault::VoipBound, detail));
    }
    delete(&asked, &app, &number).await?;
    gone()
}
