//! Extensions: create, remove; and whether one exists.

use strowger_core::vocab::{CommandError, Query, Reply};

use super::asked::{Asked, unexpected};
use super::envelope::{Fault, Refusal};
use crate::api::app::App;

/// Whether the application has this extension.
///
/// # Errors
/// The switch cannot be asked.
pub(super) async fn exists(asked: &Asked, app: &App, number: &str) -> Result<bool, Refusal> {
    match app.gateway.query(asked.principal(), Query::Settings(number.to_owned())).await {
        Reply::Settings(_) => Ok(true),
        Reply::Refused(CommandError::NotFound(_)) => Ok(false),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Refuses an extension that does not exist.
///
/// # Errors
/// It does not exist.
pub(super) async fn must_exist(asked: &Asked, app: &App, number: &str) -> Result<(), Refusal> {
    match exists(asked, app, number).await? {
        true => Ok(()),
        false => Err(Refusal::new(Fault::NotFound, format!("no extension {number}"))),
    }
}
