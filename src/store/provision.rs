//! What is kept of desk phones: definitions made over HTTP, and digests of secrets.

use rusqlite::{Connection, params};
use strowger_core::vocab::Restored;
use strowger_core::vocab::provision::PhoneRecord;

use super::StoreError;
use super::sqlite::bodies;

pub(super) fn write(connection: &Connection, record: &PhoneRecord) -> Result<(), StoreError> {
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO phones (mac, body) VALUES (?1, ?2)")?;
    statement.execute(params![record.mac, serde_json::to_string(record)?])?;
    Ok(())
}

pub(super) fn delete(connection: &Connection, mac: &str) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM phones WHERE mac = ?1")?.execute([mac])?;
    Ok(())
}

/// Adds what the last run left to `restored`.
pub(super) fn load(connection: &Connection, restored: &mut Restored) -> Result<(), StoreError> {
    restored.phones = bodies(connection, "SELECT body FROM phones ORDER BY mac")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::Record;

    use super::super::{Sealer, Sqlite, Store};
    use super::*;

    #[test]
    fn digests_survive_a_restart_and_phones_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let open = || Sqlite::open(&path, Sealer::new([7; 32])).unwrap();
        let record = |mac: &str, own: Option<[u8; 32]>| PhoneRecord {
            mac: mac.into(),
            tenant: "t".into(),
            phone: None,
            ticket: None,
            own,
        };
        let mut store = open();
        store.load().unwrap();
        let write = |record| Record::Phone(Box::new(record));
        let gone = Record::PhoneGone("b".into());
        let records = [
            write(record("a", None)),
            write(record("b", None)),
            write(record("a", Some([9; 32]))),
            gone,
        ];
        store.commit(&records).unwrap();
        drop(store);
        assert_eq!(open().load().unwrap().restored.phones, [record("a", Some([9; 32]))]);
    }
}
