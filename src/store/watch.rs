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
