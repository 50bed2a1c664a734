//! What is kept of definitions made over HTTP, beside queues, agents, menus and phones.

use rusqlite::{Connection, params};
use strowger_core::vocab::define::{Entry, EntryKey};
use strowger_core::vocab::{Restored, Secret};

use super::sqlite::body;
use super::{Sealer, StoreError};

pub(super) fn write(
    connection: &Connection,
    sealer: &Sealer,
    entry: &Entry,
) -> Result<(), StoreError> {
    let mut open = entry.clone();
    let taken = open.secrets().into_iter().map(std::mem::take);
    let secrets: Vec<String> = taken.map(|secret| secret.expose().to_owned()).collect();
    let key = entry.key();
    let sealed = sealer.seal(&place(&key), &serde_json::to_string(&secrets)?)?;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO definitions (tenant, kind, id, body, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let body = serde_json::to_string(&open)?;
    statement.execute(params![key.tenant(), key.kind().as_str(), key.id(), body, sealed])?;
    Ok(())
}

pub(super) fn delete(connection: &Connection, key: &EntryKey) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached("DELETE FROM definitions WHERE tenant = ?1 AND kind = ?2 AND id = ?3")?;
    statement.execute(params![key.tenant(), key.kind().as_str(), key.id()])?;
    Ok(())
}

/// What the secrets of an entry are sealed for; NUL stands in no name.
fn place(key: &EntryKey) -> String {
    format!("{}\0{}\0{}", key.kind().as_str(), key.tenant(), key.id())
}

/// Adds what the last run left to `restored`.
pub(super) fn load(
    connection: &Connection,
    sealer: &Sealer,
    restored: &mut Restored,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare(
        "SELECT body, sealed FROM definitions WHERE kind NOT IN ('queue', 'agent') ORDER BY tenant, kind, id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut entry: Entry = body(row, 0)?;
        let sealed: Vec<u8> = row.get(1)?;
        let key = entry.key();
        let secrets = sealer.open(&place(&key), &sealed);
        let secrets: Option<Vec<String>> =
            secrets.and_then(|text| serde_json::from_str(&text).ok());
        if secrets.is_none() {
            tracing::error!(tenant = %key.tenant(), entry = %key, "its secrets were sealed with another key file; set them again");
        }
        let mut secrets = secrets.unwrap_or_default().into_iter();
        for secret in entry.secrets() {
            *secret = match secrets.next() {
                Some(text) => Secret::new(text),
                None => unknown()?,
            };
        }
        restored.entries.push(entry);
    }
    Ok(())
}

/// A secret that nobody knows, in place of one that cannot be read: an empty one would open to everybody.
fn unknown() -> Result<Secret, StoreError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| StoreError::Sealing)?;
    Ok(Secret::new(hex::encode(random)))
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::Record;
    use strowger_core::vocab::config::{Destination, Extension, Number, Route, RouteFrom, Trunk};
    use strowger_core::vocab::define::{ExtensionEntry, RouteEntry};
    use strowger_core::vocab::mailbox::Mailbox;
    use strowger_core::vocab::{ExtensionKey, MailboxKey, TrunkKey};

    use super::super::{Sqlite, Store};
    use super::*;

    fn extension(number: &str) -> Entry {
        let (tenant, own) = ("t".to_owned(), number.to_owned());
        let key = MailboxKey { tenant: tenant.clone(), number: own.clone() };
        let pin = Some(Secret::new("97531"));
        Entry::Extension(Box::new(ExtensionEntry {
            extension: Extension {
                name: "Alice".into(),
                pickup_groups: vec!["sales".into()],
                pickup_any: true,
                max_calls: 2,
                ring_secs: Some(20),
                ..Extension::new(
                    ExtensionKey { tenant, number: own },
                    Secret::new("hidden-password"),
                )
            },
            mailbox: Some(Mailbox { key, pin, mailto: String::new(), attach: true }),
            watch_mailboxes: vec!["9001".into()],
        }))
    }

    /// A trunk, its number and a route by it, as they are read back.
    fn lines() -> [Entry; 3] {
        let key = TrunkKey { tenant: "t".into(), name: "carrier".into() };
        let number = Number {
            trunk: key.clone(),
            number: "+8657126200670".into(),
            to: Destination::Trunk(key.clone()),
        };
        let route = Route {
            tenant: "t".into(),
            name: "national".into(),
            pattern: "^0".into(),
            class: Some("national".into()),
            from: RouteFrom::Trunk(key.clone()),
            strip: 1,
            prepend: "00".into(),
            to: vec![Destination::Trunk(key.clone()), Destination::Echo],
        };
        let trunk = Trunk {
            key,
            host: "sip.carrier.example:5060".into(),
            transport: Some(sip::Transport::Tcp),
            register: true,
            username: Some("acct".into()),
            password: Some(Secret::new("trunk-password")),
            domain: None,
            addresses: vec!["192.0.2.10".parse().unwrap()],
            max_calls: 3,
            qualify_secs: 30,
            expires: 600,
            codecs: Some(vec!["PCMA".into()]),
            e164: true,
            trusted: false,
            original_caller: false,
            transfers: true,
        };
        let route = RouteEntry { route, position: 7 };
        [
            Entry::Number(Box::new(number)),
            Entry::Route(Box::new(route)),
            Entry::Trunk(Box::new(trunk)),
        ]
    }

    #[test]
    fn trunks_numbers_and_routes_survive_and_the_password_is_sealed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let mut store = Sqlite::open(&path, Sealer::new([7; 32])).unwrap();
        store.load().unwrap();
        let records = lines().map(|entry| Record::Entry(Box::new(entry)));
        store.commit(&records).unwrap();
        drop(store);
        for file in std::fs::read_dir(directory.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(14).any(|window| window == b"trunk-password"));
        }
        let mut store = Sqlite::open(&path, Sealer::new([7; 32])).unwrap();
        assert_eq!(store.load().unwrap().restored.entries, lines());
        store.commit(&lines().map(|entry| Record::EntryGone(entry.key()))).unwrap();
        drop(store);
        let mut store = Sqlite::open(&path, Sealer::new([7; 32])).unwrap();
        assert_eq!(store.load().unwrap().restored.entries, []);
    }

    #[test]
    fn definitions_survive_with_their_secrets_and_nobody_reads_them_in_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let open = |key| Sqlite::open(&path, Sealer::new(key)).unwrap();
        let mut store = open([7; 32]);
        store.load().unwrap();
        let write = |entry| Record::Entry(Box::new(entry));
        let gone = Record::EntryGone(extension("102").key());
        let records = [write(extension("102")), write(extension("101")), gone];
        store.commit(&records).unwrap();
        drop(store);
        let files = std::fs::read_dir(directory.path()).unwrap();
        let bytes = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        for bytes in bytes {
            for secret in [&b"hidden-password"[..], b"97531"] {
                assert!(!bytes.windows(secret.len()).any(|window| window == secret));
            }
        }
        assert_eq!(open([7; 32]).load().unwrap().restored.entries, [extension("101")]);
        // With another key file nobody registers, least of all without a password.
        let mut entries = open([8; 32]).load().unwrap().restored.entries;
        for secret in entries[0].secrets() {
            assert!(secret.expose().len() == 32 && secret.expose() != "hidden-password");
        }
    }
}
