//! What is common to definitions that the switch keeps as entries: extensions, numbers, routes and trunks.

use axum::Json;
use axum::http::StatusCode;
use strowger_core::vocab::command::Page;
use strowger_core::vocab::define::{Entry, EntryKey, EntryKind, EntryOrder, EntryView};
use strowger_core::vocab::{Command, Done, Query, Reply, Role, Secret};

use super::{LivePage, LiveParams, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::problem::Problem;

/// How one kind of entries looks.
pub(super) trait Shown: Sized {
    /// `None` for another kind.
    fn of(view: EntryView) -> Option<Self>;
}

/// Who defined it.
pub(super) fn origin(from_file: bool) -> &'static str {
    if from_file { "file" } else { "http" }
}

/// Some entries of a kind.
pub(super) async fn page<T: Shown>(
    app: &App,
    key: Key,
    kind: EntryKind,
    params: &LiveParams,
) -> Result<Json<LivePage<T>>, Problem> {
    key.sees_tenant()?;
    let (offset, limit) = params.read()?;
    match app.gateway.query(key.0, Query::Entries { kind, offset, limit }).await {
        Reply::Entries(Page { items, total, as_of }) => {
            let items: Vec<T> = items.into_iter().filter_map(T::of).collect();
            Ok(LivePage::of(Page { items, total, as_of }))
        }
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// One entry.
pub(super) async fn one<T: Shown>(app: &App, key: &Key, entry: EntryKey) -> Result<T, Problem> {
    match app.gateway.query(key.0.clone(), Query::Entry(entry)).await {
        Reply::Entry(view) => T::of(*view).ok_or_else(unexpected),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Defines an entry. The status, and whether the spare secret was taken.
pub(super) async fn put(
    app: &App,
    key: &Key,
    entry: Entry,
    spare: Secret,
) -> Result<(StatusCode, bool), Problem> {
    let name = entry.key();
    let order = EntryOrder::Put { entry, spare };
    let done = app.gateway.command(key.0.clone(), Command::Entry(Box::new(order))).await?;
    let Done::Entered { created, spare } = done else { return Err(unexpected()) };
    tracing::info!(tenant = %key.0.tenant, entry = %name, key = %key.0.name, "defined over HTTP");
    Ok((if created { StatusCode::CREATED } else { StatusCode::OK }, spare))
}

/// Defines an entry that has no secret to be made, and shows it.
pub(super) async fn define<T: Shown>(
    app: &App,
    key: &Key,
    entry: Entry,
) -> Result<(StatusCode, Json<T>), Problem> {
    let name = entry.key();
    let (status, _) = put(app, key, entry, Secret::default()).await?;
    Ok((status, Json(one(app, key, name).await?)))
}

/// Removes an entry.
pub(super) async fn remove(app: &App, key: Key, entry: EntryKey) -> Result<StatusCode, Problem> {
    key.one_of(&[Role::Admin])?;
    let (tenant, name) = (key.0.tenant.clone(), key.0.name.clone());
    let order = EntryOrder::Delete(entry.clone());
    app.gateway.command(key.0, Command::Entry(Box::new(order))).await?;
    tracing::info!(%tenant, %entry, key = %name, "removed over HTTP");
    Ok(StatusCode::NO_CONTENT)
}
