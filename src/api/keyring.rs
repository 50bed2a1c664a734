//! The keys to the HTTP surface: those of the configuration file, and those made over HTTP.
//!
//! Of a token only digests are kept. Those in the store are SHA-256 of a token that the switch itself has drawn (256 random
//! bits); in memory all are digested again with a key that each start draws anew, so that how long a lookup takes tells
//! nothing about a token.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strowger_core::vocab::{Principal, Role, Secret, TenantId};
use subtle::ConstantTimeEq;

/// The space of the installation's documents that holds keys.
pub const SPACE: &str = "keys";
/// Keys that one tenant may make over HTTP.
pub const MAX_KEYS: usize = 200;

type Digested = [u8; 32];

/// A key of the configuration file.
#[derive(Debug, Clone)]
pub struct FileKey {
    /// Who holds it.
    pub principal: Principal,
    /// Its token.
    pub token: Secret,
}

/// A key made over HTTP, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeKey {
    /// Whose.
    pub tenant: TenantId,
    /// Its name within the tenant.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The extension that it stands for.
    pub extension: Option<String>,
    /// The agent that it stands for.
    pub agent: Option<String>,
    /// Made, milliseconds since the Unix epoch.
    pub made_at: u64,
    /// SHA-256 of its token, in hexadecimal digits.
    pub digest: String,
    /// SHA-256 of the token before, and until when that one opens too, milliseconds since the Unix epoch.
    pub before: Option<(String, u64)>,
}

impl MadeKey {
    /// The key of its document.
    pub fn document_key(tenant: &str, name: &str) -> String {
        format!("{tenant}/{name}")
    }

    fn principal(&self) -> Principal {
        Principal {
            tenant: self.tenant.clone(),
            role: self.role,
            name: self.name.clone(),
            extension: self.extension.clone(),
            agent: self.agent.clone(),
        }
    }
}

/// SHA-256 of a token, in hexadecimal digits.
pub fn digest_of(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// What a token opens.
struct Known {
    digest: Digested,
    /// Milliseconds since the Unix epoch.
    until: Option<u64>,
    principal: Principal,
}

#[derive(Default)]
struct Rings {
    file: Vec<FileKey>,
    made: BTreeMap<(TenantId, String), MadeKey>,
    /// By the first bytes of the digest.
    known: BTreeMap<[u8; 8], Vec<Known>>,
}

/// Everybody's keys.
pub struct Keyring {
    secret: Digested,
    rings: RwLock<Rings>,
    /// Grows with each change.
    generation: AtomicU64,
    /// Held by whoever changes a key, until the change is on disk and in force.
    pub(super) writing: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

impl Keyring {
    /// With the keys of a configuration; `secret` is drawn at each start.
    pub fn new(file: Vec<FileKey>, secret: [u8; 32]) -> Self {
        let (rings, generation, writing) = Default::default();
        let keyring = Self { secret, rings, generation, writing };
        keyring.replace_file(file);
        keyring
    }

    fn change(&self, how: impl FnOnce(&mut Rings)) {
        let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        how(&mut rings);
        self.index(&mut rings);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Differs from what it was before each change: what opened then may open no more.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Takes the keys of another configuration.
    pub fn replace_file(&self, file: Vec<FileKey>) {
        self.change(|rings| rings.file = file);
    }

    /// Adds what the store holds.
    pub fn load(&self, made: impl IntoIterator<Item = MadeKey>) {
        let made = made.into_iter().map(|key| ((key.tenant.clone(), key.name.clone()), key));
        self.change(|rings| rings.made.extend(made));
    }

    /// Removes a key that was made over HTTP.
    pub fn remove(&self, tenant: &str, name: &str) {
        self.change(|rings| {
            rings.made.remove(&(tenant.to_owned(), name.to_owned()));
        });
    }

    /// Takes all keys of a tenant away that were made over HTTP.
    pub fn take(&self, tenant: &str) -> Vec<MadeKey> {
        let mut taken = Vec::new();
        self.change(|rings| {
            let own = rings.made.extract_if(.., |(whose, _), _| whose == tenant);
            taken = own.map(|(_, key)| key).collect();
        });
        taken
    }

    /// Keys of a tenant that the file defines.
    pub fn of_file(&self, tenant: &str) -> Vec<Principal> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        let own = rings.file.iter().filter(|key| key.principal.tenant == tenant);
        own.map(|key| key.principal.clone()).collect()
    }

    /// Keys of a tenant that were made over HTTP, by name.
    pub fn made(&self, tenant: &str) -> Vec<MadeKey> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        rings.made.values().filter(|key| key.tenant == tenant).cloned().collect()
    }

    /// Whoever holds the token now. Tokens are compared in constant time.
    pub fn holder(&self, token: &str, now_ms: u64) -> Option<Principal> {
        let digest = self.digest(&Sha256::digest(token.as_bytes()).into());
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        let candidates = rings.known.get(&prefix(&digest))?;
        let found = candidates.iter().find(|known| bool::from(known.digest.ct_eq(&digest)))?;
        found.until.is_none_or(|until| now_ms < until).then(|| found.principal.clone())
    }

    fn index(&self, rings: &mut Rings) {
        let mut known: BTreeMap<[u8; 8], Vec<Known>> = BTreeMap::new();
        let mut add = |token: Digested, until, principal| {
            let digest = self.digest(&token);
            known.entry(prefix(&digest)).or_default().push(Known { digest, until, principal });
        };
        for key in &rings.file {
            let token = Sha256::digest(key.token.expose().as_bytes()).into();
            add(token, None, key.principal.clone());
        }
        for key in rings.made.values() {
            let now = read(&key.digest).map(|digest| (digest, None));
            let before = key.before.as_ref();
            let before = before.and_then(|(text, until)| Some((read(text)?, Some(*until))));
            for (digest, until) in now.into_iter().chain(before) {
                add(digest, until, key.principal());
            }
        }
        rings.known = known;
    }

    fn digest(&self, token: &Digested) -> Digested {
        Sha256::new().chain_update(self.secret).chain_update(token).finalize().into()
    }
}

fn prefix(digest: &Digested) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    first
}

/// 64 hexadecimal digits.
fn read(text: &str) -> Option<Digested> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).ok().map(|()| digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str, token: &str, before: Option<(&str, u64)>) -> MadeKey {
        MadeKey {
            tenant: "t".into(),
            name: name.into(),
            role: Role::Supervisor,
            extension: None,
            agent: None,
            made_at: 1,
            digest: digest_of(token),
            before: before.map(|(token, until)| (digest_of(token), until)),
        }
    }

    #[test]
    fn a_token_opens_until_it_is_replaced_and_its_time_is_over() {
        let keyring = Keyring::new(Vec::new(), [7; 32]);
        let names = |token, at| keyring.holder(token, at).map(|own: Principal| own.name);
        assert_eq!(names("new", 0), None);
        keyring.load([made("a", "new", Some(("old", 500)))]);
        assert_eq!(names("new", u64::MAX).as_deref(), Some("a"));
        assert_eq!(names("old", 499).as_deref(), Some("a"));
        assert_eq!(names("old", 500), None);
        assert_eq!(names("", 0), None);
        // A reload takes nothing away that was made over HTTP.
        keyring.replace_file(Vec::new());
        assert_eq!(names("new", 0).as_deref(), Some("a"));
        keyring.remove("u", "a");
        assert_eq!(names("new", 0).as_deref(), Some("a"), "another tenant's name is another key");
        let taken = keyring.take("t");
        assert_eq!((names("new", 0), taken.len()), (None, 1));
        keyring.load(taken);
        assert_eq!(names("new", 0).as_deref(), Some("a"));
        assert!(keyring.take("u").is_empty());
        keyring.remove("t", "a");
        assert_eq!(names("new", 0), None);
        let shown = format!("{keyring:?} {:?}", made("a", "token-text", None));
        assert!(!shown.contains("token-text"));
    }
}
