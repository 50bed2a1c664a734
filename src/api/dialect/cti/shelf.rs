//! Small documents that this interface keeps of a tenant, read and written as what they are.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::envelope::{Fault, Refusal};
use crate::api::app::App;
use crate::api::keep::{Keep, KeepError};

/// Documents of one kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shelf(pub(super) &'static str);

/// Seats, by agent.
pub(super) const SEATS: Shelf = Shelf("cti/seats");
/// Queues, by number.
pub(super) const QUEUES: Shelf = Shelf("cti/queues");
/// What holds for the whole application, by subject.
pub(super) const APPLICATION: Shelf = Shelf("cti/application");

/// Documents read at a time.
const PAGE: usize = 200;

impl Shelf {
    /// One document.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) async fn get<T: DeserializeOwned>(
        self,
        app: &App,
        tenant: &str,
        key: &str,
    ) -> Result<Option<T>, Refusal> {
        let kept = app.gateway.kept(tenant, self.0, key).await.map_err(refused)?;
        kept.map(read).transpose()
    }

    /// All documents, by key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) async fn all<T: DeserializeOwned>(
        self,
        app: &App,
        tenant: &str,
    ) -> Result<Vec<(String, T)>, Refusal> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let rows = app.gateway.kept_all(tenant, self.0, after.as_deref(), PAGE).await;
            let rows = rows.map_err(refused)?;
            let full = rows.len() == PAGE;
            after = rows.last().map(|(key, _)| key.clone());
            for (key, document) in rows {
                all.push((key, read(document)?));
            }
            if !full {
                return Ok(all);
            }
        }
    }

    /// Writes a document; it is on disk when this is done.
    ///
    /// # Errors
    /// It could not be written.
    pub(super) async fn put<T: Serialize + Sync>(
        self,
        app: &App,
        tenant: &str,
        key: &str,
        document: &T,
    ) -> Result<(), Refusal> {
        let document = serde_json::to_value(document).map_err(|error| Refusal::internal(&error))?;
        app.gateway.keep(tenant, self.0, key, Some(document)).await.map_err(refused)
    }

    /// Writes documents, all or none.
    ///
    /// # Errors
    /// They could not be written.
    pub(super) async fn put_all<'a, T: Serialize + 'a>(
        self,
        app: &App,
        tenant: &str,
        documents: impl Iterator<Item = (&'a str, &'a T)>,
    ) -> Result<(), Refusal> {
        let put = |(key, document): (&str, &T)| {
            serde_json::to_value(document).map(|document| Keep::put(self.0, key, document))
        };
        let keeps = documents.map(put).collect::<Result<Vec<_>, _>>();
        let keeps = keeps.map_err(|error| Refusal::internal(&error))?;
        app.gateway.keep_together(tenant, keeps).await.map_err(refused)
    }

    /// Removes a document.
    ///
    /// # Errors
    /// It could not be removed.
    pub(super) async fn remove(self, app: &App, tenant: &str, key: &str) -> Result<(), Refusal> {
        app.gateway.keep(tenant, self.0, key, None).await.map_err(refused)
    }
}

fn read<T: DeserializeOwned>(document: serde_json::Value) -> Result<T, Refusal> {
    serde_json::from_value(document).map_err(|error| Refusal::internal(&error))
}

/// What the store refuses, in this interface's terms.
pub(super) fn refused(error: KeepError) -> Refusal {
    match error {
        KeepError::TooLarge | KeepError::Full(_) => Refusal::params(error.to_string()),
        KeepError::NoTenant => Refusal::new(Fault::NoApp, ""),
        KeepError::Busy => Refusal::busy(1, error.to_string()),
        KeepError::Failed(why) => Refusal::internal(&why),
    }
}
