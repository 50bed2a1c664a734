//! Extensions: create, remove; and whether one exists.

use axum::Router;
use axum::routing::post;
use serde_json::json;
use strowger_core::vocab::config::{Extension, RecordPolicy};
use strowger_core::vocab::define::{Entry, EntryKey, EntryOrder, ExtensionEntry};
use strowger_core::vocab::{Command, CommandError, ExtensionKey, Query, Reply, Secret};

use super::asked::{Asked, unexpected};
use super::envelope::{Fault, Outcome, Refusal, gone, written};
use super::fields::Fields;
use super::seat::Seat;
use crate::api::app::App;

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
pub(super) fn right(text: &str) -> Result<(), Refusal> {
    let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && !text.starts_with('0') {
        return Ok(());
    }
    Err(Refusal::params("Extension: write four digits, the first of them not zero"))
}

fn key(asked: &Asked, number: &str) -> ExtensionKey {
    ExtensionKey { tenant: asked.tenant().to_owned(), number: number.to_owned() }
}

/// Whether the application has this extension.
///
/// # Errors
/// The switch cannot be asked.
pub(super) async fn exists(asked: &Asked, number: &str) -> Result<bool, Refusal> {
    let entry = Query::Entry(EntryKey::Extension(key(asked, number)));
    match asked.app.gateway.query(asked.principal(), entry).await {
        Reply::Entry(_) => Ok(true),
        Reply::Refused(CommandError::NotFound(_)) => Ok(false),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Makes extensions with passwords of our own.
///
/// # Errors
/// A number is taken by something else than an extension.
pub(super) async fn make(asked: &Asked, numbers: Vec<String>) -> Result<Vec<Made>, Refusal> {
    let made =
        numbers.into_iter().map(|number| password().map(|password| Made { number, password }));
    let made: Vec<Made> = made.collect::<Result<_, _>>()?;
    let orders = made.iter().map(|own| fresh(asked, own)).collect();
    for outcome in asked.order_all(orders).await {
        outcome.map_err(|refusal| refusal.or(Fault::State, Fault::NumberExists))?;
    }
    Ok(made)
}

/// The order that makes an extension.
fn fresh(asked: &Asked, made: &Made) -> Command {
    let password = Secret::new(made.password.clone());
    let extension = Extension {
        record: RecordPolicy::OnDemand,
        classes: CLASSES.map(str::to_owned).to_vec(),
        ..Extension::new(key(asked, &made.number), password)
    };
    let entry = ExtensionEntry { extension, mailbox: None, watch_mailboxes: Vec::new() };
    let entry = Entry::Extension(Box::new(entry));
    Command::Entry(Box::new(EntryOrder::Put { entry, spare: Secret::default() }))
}

/// 16 hexadecimal digits.
fn password() -> Result<String, Refusal> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Refusal::internal(&error))?;
    Ok(hex::encode(bytes))
}

/// Removes an extension.
///
/// # Errors
/// There is none, or the configuration file defines it.
pub(super) async fn delete(asked: &Asked, number: &str) -> Result<(), Refusal> {
    let order = EntryOrder::Delete(EntryKey::Extension(key(asked, number)));
    let gone = asked.order(Command::Entry(Box::new(order))).await;
    gone.map(drop).map_err(|refusal| {
        refusal.or(Fault::NotFound, Fault::NoData).or(Fault::State, Fault::Forbidden)
    })
}

fn named(fields: &Fields) -> Result<String, Refusal> {
    let number = fields.wanted("Extension")?;
    right(&number)?;
    Ok(number)
}

async fn create(asked: Asked) -> Outcome {
    let number = named(asked.body()?)?;
    // Queues share the extensions' numbers.
    if exists(&asked, &number).await? || asked.queue(&number).await?.is_some() {
        return Err(Refusal::new(Fault::NumberExists, number));
    }
    let made = make(&asked, vec![number]).await?.pop().ok_or_else(unexpected)?;
    written(json!({
        "Extension": made.number,
        "Password": made.password,
        "Number": format!("{}{}", asked.names.prefix, made.number),
    }))
}

async fn remove(asked: Asked) -> Outcome {
    let number = named(&asked.parameters(&["Extension"])?)?;
    let seats = Seat::all(&asked).await?;
    if let Some(seat) = seats.iter().find(|seat| seat.doc.extensions.contains(&number)) {
        let detail = format!("extension {number} is bound to agent {}", seat.id);
        return Err(Refusal::new(Fault::VoipBound, detail));
    }
    delete(&asked, &number).await?;
    gone()
}
