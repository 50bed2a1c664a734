//! The keys to the HTTP surface. Tokens are kept only as keyed digests, under a key that each start draws anew.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use strowger_core::vocab::{Principal, Secret};
use subtle::ConstantTimeEq;

use crate::config::Loaded;

/// A token's digest.
type Digested = [u8; 32];

/// Everybody's keys.
pub struct Keys {
    secret: [u8; 32],
    /// By the first bytes of the digest, so that finding one tells nothing about a token.
    known: BTreeMap<[u8; 8], Vec<(Digested, Principal)>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("count", &self.known.len()).finish_non_exhaustive()
    }
}

impl Keys {
    /// Takes the keys of a configuration.
    pub fn new(loaded: &Loaded, secret: [u8; 32]) -> Self {
        let mut keys = Self { secret, known: BTreeMap::new() };
        for key in &loaded.shell.api_keys {
            let principal = Principal {
                tenant: key.tenant.clone(),
                role: key.role,
                name: key.name.clone(),
                extension: key.extension.clone(),
                agent: key.agent.clone(),
            };
            keys.add(&key.token, principal);
        }
        keys
    }

    fn add(&mut self, token: &Secret, principal: Principal) {
        let digest = self.digest(token.expose().as_bytes());
        self.known.entry(prefix(&digest)).or_default().push((digest, principal));
    }

    fn digest(&self, token: &[u8]) -> Digested {
        Sha256::new().chain_update(self.secret).chain_update(token).finalize().into()
    }

    /// Whoever holds the token, if anybody does. Tokens are compared in constant time.
    pub fn holder(&self, token: &str) -> Option<&Principal> {
        let digest = self.digest(token.as_bytes());
        let candidates = self.known.get(&prefix(&digest))?;
        candidates
            .iter()
            .find(|(known, _)| bool::from(known.ct_eq(&digest)))
            .map(|(_, principal)| principal)
    }
}

fn prefix(digest: &Digested) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    first
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::Role;

    use super::*;

    #[test]
    fn a_token_opens_what_its_key_says_and_nothing_else_does() {
        let text = "sip.domain = \"x\"
[[tenant]]
id = \"t\"
api_key = [
  { name = \"boss\", token = \"secret-1\", role = \"admin\" },
  { name = \"ann\", token = \"secret-2\", role = \"agent\", agent = \"7\" },
]
[[extension]]
number = \"101\"
password = \"p\"
[[agent]]
id = \"7\"
extension = \"101\"
";
        let loaded = crate::config::parse(text, "f").unwrap();
        let keys = Keys::new(&loaded, [7; 32]);
        assert_eq!(keys.holder("secret-1").map(|p| p.role), Some(Role::Admin));
        let agent = keys.holder("secret-2").unwrap();
        assert_eq!((agent.role, agent.extension.as_deref()), (Role::Agent, Some("101")));
        for token in ["", "secret-", "secret-3", "SECRET-1", "secret-1 "] {
            assert!(keys.holder(token).is_none(), "{token}");
        }
        assert!(!format!("{keys:?}").contains("secret-"));
    }
}
