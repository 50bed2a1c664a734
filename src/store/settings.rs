//! What owners of extensions have set, and, under no number, what tenants have.

use rusqlite::{Connection, params};
use strowger_core::vocab::Restored;
use strowger_core::vocab::settings::{SettingsRecord, TenantSettingsRecord};

use super::StoreError;
use super::sqlite::bodies;

pub(super) fn write(connection: &Connection, record: &SettingsRecord) -> Result<(), StoreError> {
    let key = &record.extension;
    put(connection, &key.tenant, &key.number, &serde_json::to_string(record)?)
}

pub(super) fn write_tenant(
    connection: &Connection,
    record: &TenantSettingsRecord,
) -> Result<(), StoreError> {
    put(connection, &record.tenant, "", &serde_json::to_string(record)?)
}

fn put(connection: &Connection, tenant: &str, number: &str, body: &str) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO settings (tenant, number, body) VALUES (?1, ?2, ?3)",
    )?;
    statement.execute(params![tenant, number, body])?;
    Ok(())
}

/// Adds what the last run left to `restored`.
pub(super) fn load(connection: &Connection, restored: &mut Restored) -> Result<(), StoreError> {
    restored.settings =
        bodies(connection, "SELECT body FROM settings WHERE number <> '' ORDER BY tenant, number")?;
    restored.tenant_settings =
        bodies(connection, "SELECT body FROM settings WHERE number = '' ORDER BY tenant")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::settings::{ExtensionSettings, FollowStep, TenantSettings};
    use strowger_core::vocab::{ExtensionKey, Record};

    use super::super::{Sealer, Sqlite, Store};
    use super::*;

    #[test]
    fn settings_survive_a_restart_and_the_last_ones_count() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let open = || Sqlite::open(&path, Sealer::new([7; 32])).unwrap();
        let record = |number: &str, busy: Option<&str>| SettingsRecord {
            extension: ExtensionKey { tenant: "t".into(), number: number.into() },
            settings: ExtensionSettings {
                do_not_disturb: true,
                forward_busy: busy.map(str::to_owned),
                follow_me: vec![FollowStep {
                    number: "0571".into(),
                    delay_secs: 5,
                    ring_secs: 20,
                    confirm: Some('1'),
                }],
                ..ExtensionSettings::default()
            },
        };
        let house = |secs| TenantSettingsRecord {
            tenant: "t".into(),
            settings: TenantSettings {
                hold_music: Some("own/1".into()),
                wrap_up_time: Some(secs),
                ..TenantSettings::default()
            },
        };
        let write_house = |secs| Record::TenantSettings(Box::new(house(secs)));
        let write = |record| Record::Settings(Box::new(record));
        let mut store = open();
        store.load().unwrap();
        store
            .commit(&[
                write(record("2", None)),
                write(record("1", Some("9"))),
                write(record("2", Some("8"))),
                write_house(5),
                write_house(6),
            ])
            .unwrap();
        drop(store);
        let restored = open().load().unwrap().restored;
        assert_eq!(restored.settings, [record("1", Some("9")), record("2", Some("8"))]);
        assert_eq!(restored.tenant_settings, [house(6)]);
    }
}
