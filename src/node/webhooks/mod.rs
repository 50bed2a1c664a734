//! Webhooks: who is told what happens, and the outbox from which they are told.
//!
//! [`Webhooks`] is what everybody works with: it knows the webhooks and hands on what is to be told. `engine` is the one
//! task that tells it, with a `lane` for each webhook; the rows are in `store`'s outbox.

mod engine;
mod lane;
mod sign;
mod surface;

#[cfg(test)]
mod lane_tests;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::api::outgoing::{HOOKS, Hook, PostError, To};
use crate::config::Shell;
use crate::net::outbound::Outbound;
use crate::store::{Change, OutboxCount, OutboxRow, Reader, Sealer, StoreError};

pub(super) use engine::run;

/// Notes to the engine that wait at most; more are refused.
const NOTES: usize = 16_384;
/// The space of documents that holds the webhooks of all tenants.
const SPACE: &str = "webhooks";
/// The longest order key.
const KEY_BYTES: usize = 128;

/// A webhook's name: tenant and id.
type Name = (String, String);

/// What the engine is told.
enum Note {
    /// Something is to be told. `new` where the webhook has to be written down with it.
    Post { hook: Arc<Hook>, new: bool, row: Box<OutboxRow> },
    /// A webhook was made or changed.
    Changed(Arc<Hook>),
    /// ... or is gone.
    Removed(Name),
    /// Rows that were parked begin anew.
    Again(Name, Vec<OutboxRow>),
    /// A row is on disk.
    Stored(Name, u64),
}

/// Counts since the start.
#[derive(Debug, Default)]
struct Counts {
    delivered: AtomicU64,
    failed: AtomicU64,
    parked: AtomicU64,
    dropped: AtomicU64,
    /// Rows in the outbox now.
    kept: AtomicU64,
}

/// What everybody works with.
pub(super) struct Webhooks {
    hooks: RwLock<BTreeMap<Name, Arc<Hook>>>,
    notes: mpsc::Sender<Note>,
    /// Taken once, by the engine.
    engine: Mutex<Option<Start>>,
    outbound: Outbound,
    counts: Arc<Counts>,
}

/// What the engine begins with.
struct Start {
    notes: mpsc::Receiver<Note>,
    counts: Vec<(String, String, OutboxCount)>,
    boot: u64,
}

impl Webhooks {
    /// Reads what the last run left.
    ///
    /// # Errors
    /// In words.
    pub(super) fn open(
        shell: &Shell,
        sealer: &Sealer,
        boot: u64,
        outbound: Outbound,
    ) -> Result<Self, String> {
        let words = |error: StoreError| error.to_string();
        let reader = Reader::open(&shell.store.path).map_err(words)?;
        let documents = reader.documents("", SPACE, None, usize::MAX >> 1).map_err(words)?;
        let hooks = documents.iter().filter_map(|(key, text)| match unwritten(text, sealer) {
            Ok(hook) => Some(((hook.tenant.clone(), hook.id.clone()), Arc::new(hook))),
            Err(error) => {
                tracing::error!(key, "a webhook cannot be read and is not told anything: {error}");
                None
            }
        });
        let hooks = hooks.collect();
        let counts = reader.outbox_counts().map_err(words)?;
        let (notes, received) = mpsc::channel(NOTES);
        let start = Start { notes: received, counts, boot };
        Ok(Self {
            hooks: RwLock::new(hooks),
            notes,
            engine: Mutex::new(Some(start)),
            outbound,
            counts: Arc::default(),
        })
    }

    /// Whether requests, and connections to robots, may go to private addresses from now on.
    pub(super) fn allow_private(&self, allowed: bool) {
        self.outbound.allow_private(allowed);
    }

    fn of_tenant(&self, tenant: &str) -> Vec<Arc<Hook>> {
        let hooks = self.hooks.read().unwrap_or_else(PoisonError::into_inner);
        let from = (tenant.to_owned(), String::new());
        let own = hooks.range(from..).take_while(|((whose, _), _)| whose == tenant);
        own.map(|(_, hook)| Arc::clone(hook)).collect()
    }

    fn get(&self, tenant: &str, id: &str) -> Option<Arc<Hook>> {
        let hooks = self.hooks.read().unwrap_or_else(PoisonError::into_inner);
        hooks.get(&(tenant.to_owned(), id.to_owned())).cloned()
    }

    /// The webhook that is meant, and whether it is new: that of a URL is made when it is first used.
    fn find(&self, tenant: &str, to: To) -> Result<(Arc<Hook>, bool), PostError> {
        let (owner, url) = match to {
            To::Hook(id) => {
                return self.get(tenant, &id).map(|hook| (hook, false)).ok_or(PostError::NoHook);
            }
            To::Url { owner, url } => (owner, url),
        };
        let digest = Sha256::digest(format!("{owner}\n{url}"));
        let id = format!("url-{}", hex::encode(&digest[..10]));
        if let Some(hook) = self.get(tenant, &id) {
            return Ok((hook, false));
        }
        let hook = Arc::new(Hook {
            id,
            tenant: tenant.to_owned(),
            owner: owner.to_owned(),
            url,
            events: Vec::new(),
            secret: None,
            enabled: true,
            description: String::new(),
            created_at: super::clock::wall_ms(),
            more: Value::Null,
        });
        self.insert(Arc::clone(&hook)).then_some((hook, true)).ok_or(PostError::NoHook)
    }

    /// Puts a webhook in place of what was there; `false` when there are too many.
    fn insert(&self, hook: Arc<Hook>) -> bool {
        let others = self.of_tenant(&hook.tenant);
        if others.len() >= HOOKS && !others.iter().any(|other| other.id == hook.id) {
            return false;
        }
        let mut hooks = self.hooks.write().unwrap_or_else(PoisonError::into_inner);
        hooks.insert((hook.tenant.clone(), hook.id.clone()), hook);
        true
    }

    fn remove(&self, tenant: &str, id: &str) {
        let mut hooks = self.hooks.write().unwrap_or_else(PoisonError::into_inner);
        hooks.remove(&(tenant.to_owned(), id.to_owned()));
    }

    /// Forgets those of a tenant that is gone; what waited for them is told to nobody.
    pub(super) async fn forget_tenant(&self, tenant: &str) {
        for hook in self.of_tenant(tenant) {
            self.remove(tenant, &hook.id);
            let gone = Note::Removed((tenant.to_owned(), hook.id.clone()));
            // Without an engine nothing is told anyway.
            let _ = self.notes.send(gone).await;
        }
    }

    fn all(&self) -> Vec<Arc<Hook>> {
        let hooks = self.hooks.read().unwrap_or_else(PoisonError::into_inner);
        hooks.values().cloned().collect()
    }
}

/// A webhook as it is on disk.
#[derive(Serialize, Deserialize)]
struct Written {
    id: String,
    tenant: String,
    owner: String,
    url: String,
    events: Vec<String>,
    sealed: Option<String>,
    enabled: bool,
    description: String,
    created_at: u64,
    more: Value,
}

/// Where a webhook's secret opens.
fn place(tenant: &str, id: &str) -> String {
    format!("webhook/{tenant}/{id}")
}

/// The change that writes a webhook down.
fn written(hook: &Hook, sealer: &Sealer) -> Result<Change, StoreError> {
    let place = place(&hook.tenant, &hook.id);
    let seal = |secret: &String| sealer.seal_text(&place, secret);
    let body = Written {
        id: hook.id.clone(),
        tenant: hook.tenant.clone(),
        owner: hook.owner.clone(),
        url: hook.url.clone(),
        events: hook.events.clone(),
        sealed: hook.secret.as_ref().map(seal).transpose()?,
        enabled: hook.enabled,
        description: hook.description.clone(),
        created_at: hook.created_at,
        more: hook.more.clone(),
    };
    let key = key(&hook.tenant, &hook.id);
    Ok(Change::Put { space: SPACE.into(), key, body: serde_json::to_string(&body)? })
}

fn key(tenant: &str, id: &str) -> String {
    format!("{tenant}/{id}")
}

fn unwritten(text: &str, sealer: &Sealer) -> Result<Hook, String> {
    let hook: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let place = place(&hook.tenant, &hook.id);
    let open = |sealed: &String| {
        let opened = sealer.open_text(&place, sealed);
        opened.ok_or_else(|| "its secret does not open with the store's key".to_owned())
    };
    Ok(Hook {
        secret: hook.sealed.as_ref().map(open).transpose()?,
        id: hook.id,
        tenant: hook.tenant,
        owner: hook.owner,
        url: hook.url,
        events: hook.events,
        enabled: hook.enabled,
        description: hook.description,
        created_at: hook.created_at,
        more: hook.more,
    })
}
