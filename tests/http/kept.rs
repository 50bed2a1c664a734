//! Documents and numbers in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::Value;
use strowger::api::gateway::Later;
use strowger::api::keep::{Keep, KeepError, Keeping};
use strowger::api::sounds::{KeptSound, SoundError, Sounds};
use tokio::sync::RwLock;

use crate::fake::Fake;

type Space = (String, String);

/// By tenant and space.
#[derive(Default)]
pub struct Kept {
    pub documents: Mutex<BTreeMap<Space, BTreeMap<String, Value>>>,
    /// The names in order of their numbers.
    pub names: Mutex<BTreeMap<Space, Vec<String>>>,
    /// Changes are answered so, and nothing is kept.
    pub refuses: Mutex<Option<KeepError>>,
    /// While somebody holds it, changes are kept and not answered.
    pub gate: RwLock<()>,
}

fn now<T: Send + 'static>(value: T) -> Later<'static, Result<T, KeepError>> {
    Box::pin(std::future::ready(Ok(value)))
}

fn space(tenant: &str, space: &str) -> Space {
    (tenant.to_owned(), space.to_owned())
}

impl Keeping for Fake {
    fn keep_together(&self, tenant: &str, changes: Vec<Keep>) -> Later<'_, Result<(), KeepError>> {
        if let Some(error) = self.kept.refuses.lock().unwrap().clone() {
            return Box::pin(std::future::ready(Err(error)));
        }
        let mut documents = self.kept.documents.lock().unwrap();
        for change in changes {
            let keys = documents.entry(space(tenant, &change.space)).or_default();
            match change.document {
                Some(document) => keys.insert(change.key, document),
                None => keys.remove(&change.key),
            };
        }
        Box::pin(async {
            drop(self.kept.gate.read().await);
            Ok(())
        })
    }

    fn kept(
        &self,
        tenant: &str,
        within: &str,
        key: &str,
    ) -> Later<'_, Result<Option<Value>, KeepError>> {
        let documents = self.kept.documents.lock().unwrap();
        now(documents.get(&space(tenant, within)).and_then(|keys| keys.get(key)).cloned())
    }

    fn kept_of(
        &self,
        tenant: &str,
        places: Vec<(String, String)>,
    ) -> Later<'_, Result<Vec<Option<Value>>, KeepError>> {
        let documents = self.kept.documents.lock().unwrap();
        let find = |(within, key): (String, String)| {
            documents.get(&space(tenant, &within)).and_then(|keys| keys.get(&key)).cloned()
        };
        now(places.into_iter().map(find).collect())
    }

    fn kept_all(
        &self,
        tenant: &str,
        within: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Later<'_, Result<Vec<(String, Value)>, KeepError>> {
        let documents = self.kept.documents.lock().unwrap();
        let keys = documents.get(&space(tenant, within)).cloned().unwrap_or_default();
        let behind = |(key, _): &(String, Value)| after.is_none_or(|after| key.as_str() > after);
        now(keys.into_iter().filter(behind).take(limit).collect())
    }

    fn numbers(
        &self,
        tenant: &str,
        within: &str,
        names: Vec<String>,
    ) -> Later<'_, Result<Vec<u64>, KeepError>> {
        let mut all = self.kept.names.lock().unwrap();
        let known = all.entry(space(tenant, within)).or_default();
        let number = |name: String| {
            let at = known.iter().position(|known| *known == name).unwrap_or_else(|| {
                known.push(name);
                known.len() - 1
            });
            at as u64 + 1
        };
        now(names.into_iter().map(number).collect())
    }

    fn name_of(
        &self,
        tenant: &str,
        within: &str,
        number: u64,
    ) -> Later<'_, Result<Option<String>, KeepError>> {
        let all = self.kept.names.lock().unwrap();
        let at = usize::try_from(number).unwrap().checked_sub(1);
        now(at.and_then(|at| all.get(&space(tenant, within))?.get(at).cloned()))
    }

    fn seal(&self, place: &str, secret: &str) -> Result<String, KeepError> {
        Ok(format!("{place}\n{secret}"))
    }

    fn unseal(&self, place: &str, sealed: &str) -> Option<String> {
        let (for_place, secret) = sealed.split_once('\n')?;
        (for_place == place).then(|| secret.to_owned())
    }
}

/// Any sound is as good as another, and nothing is written.
impl Sounds for Fake {
    fn keep_sound(
        &self,
        tenant: &str,
        wav: bytes::Bytes,
    ) -> Later<'_, Result<KeptSound, SoundError>> {
        let prompt = format!("kept/{tenant}");
        let kept = KeptSound { prompt, bytes: wav.len() as u64, length_ms: 1_000 };
        Box::pin(std::future::ready(Ok(kept)))
    }

    fn speak(&self, text: &str) -> Later<'_, Result<bytes::Bytes, SoundError>> {
        let spoken = bytes::Bytes::copy_from_slice(text.as_bytes());
        Box::pin(std::future::ready(Ok(spoken)))
    }

    fn remove_sound(&self, _: &str, _: &str) -> Later<'_, Result<(), SoundError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
