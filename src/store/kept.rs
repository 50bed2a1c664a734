//! Recordings whose files are kept, oldest first: what retention looks at.

use rusqlite::{Connection, params};
use strowger_core::vocab::record::RecordingRecord;

use super::StoreError;
use super::sqlite::{body, signed};

/// Closed, and with a file. Both questions find them by one index.
const KEPT: &str = "NOT open AND json_extract(body, '$.removed_at') IS NULL";

/// Bytes of all files that are kept.
pub(super) fn bytes(connection: &Connection) -> Result<u64, StoreError> {
    let sql = format!("SELECT total(json_extract(body, '$.bytes')) FROM recordings WHERE {KEPT}");
    let total: f64 = connection.query_row(&sql, [], |row| row.get(0))?;
    // Whole bytes, exact up to 9 petabytes.
    Ok(total as u64)
}

/// The oldest behind a moment and path; at most `limit`.
pub(super) fn oldest(
    connection: &Connection,
    after: (u64, &str),
    limit: usize,
) -> Result<Vec<RecordingRecord>, StoreError> {
    let sql = format!(
        "SELECT body FROM recordings WHERE {KEPT} AND (started_at, path) > (?1, ?2)
         ORDER BY started_at, path LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![signed(after.0), after.1, signed(limit as u64)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(body(row, 0)?);
    }
    Ok(found)
}
