//! Documents and numbers of the HTTP surface: changes go through the store's one writer, questions to a reader.

use serde_json::Value;
use tokio::sync::oneshot;

use super::gateway::Gateway;
use super::reading::Sort;
use crate::api::gateway::Later;
use crate::api::keep::{Keep, KeepError, Keeping};
use crate::store::{Change, ChangeError, Changes, Reader, StoreError};

/// Documents read at once at most.
const MOST: usize = 10_000;

impl Keeping for Gateway {
    fn keep_together(&self, tenant: &str, changes: Vec<Keep>) -> Later<'_, Result<(), KeepError>> {
        // What is under way for a tenant that has gone meanwhile leaves nothing for one of the same name.
        if !self.shared.tenants.has(tenant) {
            return Box::pin(std::future::ready(Err(KeepError::NoTenant)));
        }
        Box::pin(kept_together(self, tenant.to_owned(), changes))
    }

    fn kept(
        &self,
        tenant: &str,
        space: &str,
        key: &str,
    ) -> Later<'_, Result<Option<Value>, KeepError>> {
        let (tenant, space, key) = (tenant.to_owned(), space.to_owned(), key.to_owned());
        Box::pin(async move {
            let text =
                self.read(Sort::Lookup, move |reader| reader.document(&tenant, &space, &key)).await;
            text.map_err(failed)?.as_deref().map(document).transpose()
        })
    }

    fn kept_of(
        &self,
        tenant: &str,
        places: Vec<(String, String)>,
    ) -> Later<'_, Result<Vec<Option<Value>>, KeepError>> {
        let tenant = tenant.to_owned();
        Box::pin(async move {
            let read = move |reader: &Reader| -> Result<Vec<Option<String>>, StoreError> {
                let places = places.iter();
                places.map(|(space, key)| reader.document(&tenant, space, key)).collect()
            };
            let texts = self.read(Sort::Lookup, read).await.map_err(failed)?.into_iter();
            texts.map(|text| text.as_deref().map(document).transpose()).collect()
        })
    }

    fn kept_all(
        &self,
        tenant: &str,
        space: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Later<'_, Result<Vec<(String, Value)>, KeepError>> {
        let (tenant, space) = (tenant.to_owned(), space.to_owned());
        let (after, limit) = (after.map(str::to_owned), limit.min(MOST));
        Box::pin(async move {
            let whose = tenant.clone();
            let ask =
                move |reader: &Reader| reader.documents(&tenant, &space, after.as_deref(), limit);
            let rows = self.read(Sort::Search(&whose), ask).await;
            let rows = rows.map_err(failed)?.into_iter();
            rows.map(|(key, text)| Ok((key, document(&text)?))).collect()
        })
    }

    fn numbers(
        &self,
        tenant: &str,
        space: &str,
        names: Vec<String>,
    ) -> Later<'_, Result<Vec<u64>, KeepError>> {
        let (tenant, space) = (tenant.to_owned(), space.to_owned());
        Box::pin(async move {
            if !self.shared.tenants.has(&tenant) {
                return Err(KeepError::NoTenant);
            }
            let known = numbers(self, &tenant, &space, &names).await?;
            let new: Vec<Change> = names
                .iter()
                .zip(&known)
                .filter(|(_, number)| number.is_none())
                .map(|(name, _)| Change::Number { space: space.clone(), name: name.clone() })
                .collect();
            let known = if new.is_empty() {
                known
            } else {
                written(self, tenant.clone(), new).await?;
                numbers(self, &tenant, &space, &names).await?
            };
            let all: Option<Vec<u64>> = known.into_iter().collect();
            all.ok_or_else(|| KeepError::Failed("a name got no number".into()))
        })
    }

    fn name_of(
        &self,
        tenant: &str,
        space: &str,
        number: u64,
    ) -> Later<'_, Result<Option<String>, KeepError>> {
        let (tenant, space) = (tenant.to_owned(), space.to_owned());
        Box::pin(async move {
            let ask = move |reader: &Reader| reader.name_of(&tenant, &space, number);
            self.read(Sort::Lookup, ask).await.map_err(failed)
        })
    }

    fn seal(&self, place: &str, secret: &str) -> Result<String, KeepError> {
        self.shared.sealer.seal_text(place, secret).map_err(failed)
    }

    fn unseal(&self, place: &str, sealed: &str) -> Option<String> {
        self.shared.sealer.open_text(place, sealed)
    }
}

/// Keeps documents, also of a tenant that is only about to be.
pub(super) async fn kept_together(
    gateway: &Gateway,
    tenant: String,
    changes: Vec<Keep>,
) -> Result<(), KeepError> {
    written(gateway, tenant, changes.into_iter().map(change).collect()).await
}

/// Answers when the changes are on disk.
async fn written(gateway: &Gateway, tenant: String, list: Vec<Change>) -> Result<(), KeepError> {
    let (tell, told) = oneshot::channel();
    // Whoever has gone away meanwhile is not told.
    let done = Box::new(move |outcome| drop(tell.send(outcome)));
    let taken = gateway.shared.keeper.change(Changes { tenant, list, done });
    taken.map_err(|_| KeepError::Busy)?;
    let outcome = told.await.map_err(|_| KeepError::Failed("the store has ended".into()))?;
    outcome.map_err(|error| match error {
        ChangeError::TooLarge => KeepError::TooLarge,
        ChangeError::Full(space) => KeepError::Full(space),
        ChangeError::Failed(why) => KeepError::Failed(why),
    })
}

async fn numbers(
    gateway: &Gateway,
    tenant: &str,
    space: &str,
    names: &[String],
) -> Result<Vec<Option<u64>>, KeepError> {
    let (tenant, space, names) = (tenant.to_owned(), space.to_owned(), names.to_vec());
    let ask = move |reader: &Reader| reader.numbers(&tenant, &space, &names);
    gateway.read(Sort::Lookup, ask).await.map_err(failed)
}

fn change(Keep { space, key, document }: Keep) -> Change {
    match document {
        Some(document) => Change::Put { space, key, body: document.to_string() },
        None => Change::Delete { space, key },
    }
}

fn document(text: &str) -> Result<Value, KeepError> {
    serde_json::from_str(text).map_err(|error| failed(error.into()))
}

fn failed(error: StoreError) -> KeepError {
    match error {
        StoreError::TooLong => KeepError::Busy,
        other => KeepError::Failed(other.to_string()),
    }
}
