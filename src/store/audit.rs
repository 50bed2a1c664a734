//! Who has ordered what: lines that are added, read newest first, and forgotten by age and number.

use rusqlite::{Connection, params};

use super::StoreError;
use super::sqlite::{signed, unsigned};

/// Lines that one tenant keeps; of those who have ordered most the oldest go first.
pub const LINES: u64 = 50_000;
/// Lines above that before any go.
const SURPLUS: u64 = 2_500;
/// Lines are kept so long.
pub const KEPT_MS: u64 = 400 * 86_400_000;
/// The name of the key that gave an order.
const KEY: &str = "coalesce(iif(json_valid(body), json_extract(body, '$.key'), ''), '')";
/// How often old lines are looked for, in lines.
const EVERY: i64 = 256;

/// Adds a line of JSON.
pub(super) fn add(
    connection: &Connection,
    tenant: &str,
    at: u64,
    body: &str,
) -> Result<(), rusqlite::Error> {
    let insert = "INSERT INTO audit (tenant, at, body) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(insert)?.execute(params![tenant, signed(at), body])?;
    if connection.last_insert_rowid() % EVERY == 0 {
        prune(connection, tenant, at)?;
    }
    Ok(())
}

fn prune(connection: &Connection, tenant: &str, now: u64) -> Result<(), rusqlite::Error> {
    let old = signed(now.saturating_sub(KEPT_MS));
    connection.execute("DELETE FROM audit WHERE at < ?1", [old])?;
    let count = "SELECT count(*) FROM audit WHERE tenant = ?1";
    let kept: i64 = connection.query_row(count, [tenant], |row| row.get(0))?;
    let mut surplus = unsigned(kept).saturating_sub(LINES);
    if surplus < SURPLUS {
        return Ok(());
    }
    // Whoever floods the log with a key pushes out what that key has done, and nobody else's lines.
    let busiest = format!(
        "SELECT {KEY}, count(*) FROM audit WHERE tenant = ?1 GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    );
    let oldest = format!(
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE tenant = ?1 AND {KEY} = ?2 ORDER BY id LIMIT ?3)"
    );
    while surplus > 0 {
        let (key, own): (String, i64) =
            connection.query_row(&busiest, [tenant], |row| Ok((row.get(0)?, row.get(1)?)))?;
        // Half of what it has at most: then another may be the busiest.
        let going = surplus.min(unsigned(own).div_ceil(2));
        connection.execute(&oldest, params![tenant, key, signed(going)])?;
        surplus -= going;
    }
    Ok(())
}

/// Lines of a tenant with their numbers, newest first, those before `before`; at most `limit`.
pub(super) fn page(
    connection: &Connection,
    tenant: &str,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<(u64, String)>, StoreError> {
    let sql = "SELECT id, body FROM audit WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let before = before.map_or(i64::MAX, signed);
    let values = params![tenant, before, signed(limit as u64)];
    let rows = statement.query_map(values, |row| Ok((unsigned(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::super::{Sealer, Sqlite};
    use super::*;

    #[test]
    fn lines_are_read_newest_first_and_old_ones_and_surplus_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        drop(Sqlite::open(&path, Sealer::new([7; 32])).unwrap());
        let connection = Connection::open(&path).unwrap();
        let transaction = connection.unchecked_transaction().unwrap();
        let day = 86_400_000;
        add(&transaction, "t", day, "old").unwrap();
        add(&transaction, "u", 500 * day, "theirs").unwrap();
        add(&transaction, "t", 500 * day, r#"{"key": "quiet"}"#).unwrap();
        for line in 0..56_000 {
            add(&transaction, "t", 500 * day + line, &format!("line {line}")).unwrap();
        }
        transaction.commit().unwrap();
        let first = page(&connection, "t", None, 2).unwrap();
        assert_eq!([&*first[0].1, &first[1].1], ["line 55999", "line 55998"]);
        let next = page(&connection, "t", Some(first[1].0), 1).unwrap();
        assert_eq!(next[0].1, "line 55997");
        let all = page(&connection, "t", None, 100_000).unwrap();
        assert!((LINES..LINES + SURPLUS + 300).contains(&(all.len() as u64)), "{}", all.len());
        assert!(all.iter().all(|(_, body)| body != "old"));
        assert!(
            all.iter().any(|(_, body)| body.contains("quiet")),
            "a busy key pushes no other out"
        );
        assert_eq!(page(&connection, "u", None, 10).unwrap().len(), 1, "each tenant has its own");
    }
}
