//! Questions to the database, beside the async threads.
//!
//! What is looked up by its key never waits for a search, and of searches each tenant has one at a time: whoever has much to
//! look through delays nobody else for long. Whoever waits for a turn takes no thread meanwhile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, Semaphore};

use crate::store::{Reader, StoreError};

/// Questions of one sort that are asked at a time, each over a connection of its own.
const AT_A_TIME: usize = 2;
/// A question may take so long.
const LIMIT: Duration = Duration::from_secs(5);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort<'a> {
    /// Something by its key.
    Lookup,
    /// What may have to be looked for among much, for this tenant.
    Search(&'a str),
}

/// Everybody's questions.
pub(super) struct Reading {
    lookups: Connections,
    searches: Connections,
    /// Whoever searches, by tenant.
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// Connections for questions of one sort; each is made when it is first needed.
struct Connections {
    store: PathBuf,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Reader>>>,
}

impl Reading {
    /// Questions to the database in a file.
    pub(super) fn new(store: PathBuf) -> Self {
        let connections = |store| Connections {
            store,
            places: Arc::new(Semaphore::new(AT_A_TIME)),
            idle: Arc::default(),
        };
        Self {
            lookups: connections(store.clone()),
            searches: connections(store),
            turns: Mutex::default(),
        }
    }

    /// Asks something when it is its turn. What has begun goes on where nobody waits for it any more, and keeps its place.
    ///
    /// # Errors
    /// The database's, or that it took too long.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        sort: Sort<'_>,
        ask: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match sort {
            Sort::Lookup => self.lookups.ask(ask, ()).await,
            Sort::Search(tenant) => {
                let turn = self.turn(tenant).await;
                self.searches.ask(ask, turn).await
            }
        }
    }

    /// Waits until the tenant searches for nothing else.
    async fn turn(&self, tenant: &str) -> OwnedMutexGuard<()> {
        let own = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(tenant.to_owned()).or_default())
        };
        own.lock_owned().await
    }
}

impl Connections {
    /// `held` is let go when the answer is there.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
        held: impl Send + 'static,
    ) -> Result<T, StoreError> {
        let failed = |error| StoreError::File(self.store.clone(), error);
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|error| failed(std::io::Error::other(error)))?;
        let (store, idle) = (self.store.clone(), Arc::clone(&self.idle));
        let work = move || {
            let spare = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let reader = spare.map_or_else(|| Reader::open(&store), Ok)?;
            reader.limit(LIMIT);
            let answer = ask(&reader);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            drop((place, held));
            answer
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| Err(failed(std::io::Error::other(error))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::oneshot;

    use super::*;
    use crate::store::{Sealer, Sqlite, Store};

    fn reading() -> (tempfile::TempDir, Arc<Reading>) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("s.db");
        Sqlite::open(&path, Sealer::new([7; 32])).unwrap().load().unwrap();
        (place, Arc::new(Reading::new(path)))
    }

    /// A search that has begun, and what ends it.
    async fn begun(
        reading: &Arc<Reading>,
        tenant: &'static str,
    ) -> (tokio::task::JoinHandle<()>, mpsc::Sender<()>) {
        let (end, ends) = mpsc::channel();
        let (begin, begins) = oneshot::channel();
        let reading = Arc::clone(reading);
        let search = tokio::spawn(async move {
            let ask = move |_: &Reader| {
                begin.send(()).unwrap();
                // Whoever has gone ends it too.
                let _ = ends.recv();
                Ok(())
            };
            reading.ask(Sort::Search(tenant), ask).await.unwrap();
        });
        begins.await.unwrap();
        (search, end)
    }

    async fn look_up(reading: &Reading) -> Option<String> {
        let ask = |reader: &Reader| reader.document("t", "s", "k");
        reading.ask(Sort::Lookup, ask).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_looked_up_waits_for_no_search_and_one_tenant_not_for_another() {
        let (_place, reading) = reading();
        let (first, end) = begun(&reading, "a").await;
        // The same tenant's second search waits its turn, and takes no thread or place meanwhile.
        let own = Arc::clone(&reading);
        let second = tokio::spawn(async move {
            own.ask(Sort::Search("a"), |_| Ok(())).await.unwrap();
        });
        assert_eq!(look_up(&reading).await, None);
        let (other, end_other) = begun(&reading, "b").await;
        assert_eq!(look_up(&reading).await, None);
        assert!(!second.is_finished());
        drop(end);
        first.await.unwrap();
        second.await.unwrap();
        drop(end_other);
        other.await.unwrap();
    }

    #[tokio::test]
    async fn a_search_that_nobody_waits_for_keeps_its_place_until_it_has_ended() {
        let (_place, reading) = reading();
        let (first, end) = begun(&reading, "a").await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        assert_eq!(reading.searches.places.available_permits(), AT_A_TIME - 1);
        let own = Arc::clone(&reading);
        let second = tokio::spawn(async move { own.ask(Sort::Search("a"), |_| Ok(7)).await });
        drop(end);
        assert_eq!(second.await.unwrap().unwrap(), 7);
        assert_eq!(reading.searches.places.available_permits(), AT_A_TIME);
        assert_eq!(reading.searches.idle.lock().unwrap().len(), 1, "connections are kept");
    }
}
