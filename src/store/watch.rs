//! What is kept of phones' subscriptions.

use rusqlite::{Connection, params};
use strowger_core::vocab::Restored;
use strowger_core::vocab::watch::SubscriptionRecord;

use super::StoreError;
use super::sqlite::bodies;

/// Subscriptions that are taken back at a start, the latest to end first: more than a switch serves.
const MAX_ROWS: usize = 200_000;

pub(super) fn load(connection: &Connection, restored: &mut Restored) -> Result<(), StoreError> {
    let sql = format!("SELECT body FROM subscriptions ORDER BY expires_at DESC LIMIT {MAX_ROWS}");
    restored.subscriptions = bodies(connection, &sql)?;
    Ok(())
}

pub(super) fn write(
    connection: &Connection,
    subscription: &SubscriptionRecord,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO subscriptions (call_id, tag, expires_at, body) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let saved = &subscription.saved;
    let body = serde_json::to_string(subscription)?;
    let expires_at = super::sqlite::signed(subscription.expires_at);
    statement.execute(params![saved.call_id, saved.local_tag, expires_at, body])?;
    Ok(())
}

pub(super) fn delete(connection: &Connection, call_id: &str, tag: &str) -> Result<(), StoreError> {
    let mut statement =
        connection.prepare_cached("DELETE FROM subscriptions WHERE call_id = ?1 AND tag = ?2")?;
    statement.execute(params![call_id, tag])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::watch::{Resource, Subject};
    use strowger_core::vocab::{ExtensionKey, Record};

    use super::super::{Sealer, Sqlite, Store};
    use super::*;

    fn record(call_id: &str, cseq: u32) -> SubscriptionRecord {
        let extension = ExtensionKey { tenant: "t".into(), number: "1".into() };
        let address = "192.0.2.1:5060".parse().unwrap();
        let saved = sip::subscription::Saved {
            package: "dialog".into(),
            event: "dialog".into(),
            peer: "t/1".into(),
            call_id: call_id.into(),
            local: "<sip:2@pbx>;tag=x".into(),
            local_tag: "x".into(),
            remote: "<sip:1@pbx>;tag=y".into(),
            remote_tag: "y".into(),
            target: "sip:1@192.0.2.7".into(),
            routes: vec!["<sip:proxy;lr>".into()],
            local_cseq: cseq,
            remote_cseq: Some(2),
            contact: "<sip:192.0.2.1>".into(),
            flow: sip::Flow {
                transport: sip::Transport::Udp,
                local: address,
                remote: address,
                generation: 0,
            },
            symmetric: true,
            list: false,
            left: 60,
        };
        SubscriptionRecord {
            resource: Resource::One(Subject::Extension(extension.clone())),
            user: "2".into(),
            extension,
            saved,
            expires_at: 1_000 + u64::from(cseq),
        }
    }

    #[test]
    fn subscriptions_survive_a_restart_as_they_were_last() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let open = || Sqlite::open(&path, Sealer::new([7; 32])).unwrap();
        let mut store = open();
        store.load().unwrap();
        let write = |record| Record::Subscribed(Box::new(record));
        let over = Record::Unsubscribed { call_id: "b".into(), tag: "x".into() };
        let records = [write(record("a", 1)), write(record("b", 1)), write(record("a", 7)), over];
        store.commit(&records).unwrap();
        drop(store);
        assert_eq!(open().load().unwrap().restored.subscriptions, [record("a", 7)]);
    }
}
