//! The keys of a configuration.

use std::path::Path;

use strowger_core::vocab::Principal;

use crate::api::keyring::{FileKey, MadeKey, SPACE};
use crate::config::Loaded;
use crate::store::{Reader, StoreError};

/// More are never made.
const MOST: usize = 10_000;

/// `[[tenant.api_key]]` of all tenants.
pub fn of_file(loaded: &Loaded) -> Vec<FileKey> {
    let one = |key: &crate::config::ApiKey| FileKey {
        principal: Principal {
            tenant: key.tenant.clone(),
            role: key.role,
            name: key.name.clone(),
            extension: key.extension.clone(),
            agent: key.agent.clone(),
        },
        token: key.token.clone(),
    };
    loaded.shell.api_keys.iter().map(one).collect()
}

/// Keys that were made over HTTP.
///
/// # Errors
/// The store's.
pub fn of_store(path: &Path) -> Result<Vec<MadeKey>, StoreError> {
    let documents = Reader::open(path)?.documents("", SPACE, None, MOST)?;
    documents.iter().map(|(_, text)| Ok(serde_json::from_str(text)?)).collect()
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::Role;

    use super::*;
    use crate::api::keyring::Keyring;

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
        let keyring = Keyring::new(of_file(&loaded), [7; 32]);
        assert_eq!(keyring.holder("secret-1", 0).map(|p| p.role), Some(Role::Admin));
        let agent = keyring.holder("secret-2", 0).unwrap();
        assert_eq!((agent.role, agent.extension.as_deref()), (Role::Agent, Some("101")));
        for token in ["", "secret-", "secret-3", "SECRET-1", "secret-1 "] {
            assert!(keyring.holder(token, 0).is_none(), "{token}");
        }
        assert!(!format!("{keyring:?}").contains("secret-"));
    }
}
