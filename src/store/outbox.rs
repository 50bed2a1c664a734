//! What has to be told to other systems and has not been yet: it leaves the outbox when its receiver has taken it.

use rusqlite::{Connection, params};

use super::StoreError;
use super::sqlite::{signed, unsigned};

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Grows with time, over restarts too.
    pub id: u64,
    /// Whose.
    pub tenant: String,
    /// Which webhook gets it.
    pub hook: String,
    /// Rows with the same one are told in their order.
    pub order_key: String,
    /// When it came in, or was sent again by hand; ms since the Unix epoch.
    pub since: u64,
    /// Attempts that failed since then.
    pub attempts: u32,
    /// When it was given up.
    pub parked_at: Option<u64>,
    /// How the last attempt failed.
    pub error: String,
    /// Header fields, `Content-Type` among them, as JSON.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
}

/// A change of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboxChange {
    /// Something more.
    Add(OutboxRow),
    /// Its receiver has it.
    Done(u64),
    /// An attempt has failed, the last one where `parked_at` is set.
    Tried {
        /// Which.
        id: u64,
        /// Failed so far.
        attempts: u32,
        /// How.
        error: String,
        /// When it was given up.
        parked_at: Option<u64>,
    },
    /// A parked one begins anew.
    Again {
        /// Which.
        id: u64,
        /// When.
        since: u64,
    },
    /// The oldest parked rows of a webhook make room.
    Forget {
        /// Whose.
        tenant: String,
        /// Of which webhook.
        hook: String,
        /// How many.
        count: u64,
    },
    /// A webhook is gone, and what it had to be told.
    Drop {
        /// Whose.
        tenant: String,
        /// Which.
        hook: String,
    },
}

/// Which rows are wanted; in order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxQuery {
    /// Whose.
    pub tenant: String,
    /// Of which webhook.
    pub hook: String,
    /// Only those that were given up, or only those that were not.
    pub parked: Option<bool>,
    /// Only this one.
    pub id: Option<u64>,
    /// Only those behind this one.
    pub after: u64,
    /// How many at most.
    pub limit: usize,
}

/// How much a webhook has in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxCount {
    /// Rows that wait for their receiver.
    pub waiting: u64,
    /// Rows that were given up.
    pub parked: u64,
}

pub(super) fn change(connection: &Connection, change: &OutboxChange) -> rusqlite::Result<()> {
    match change {
        OutboxChange::Add(row) => add(connection, row),
        OutboxChange::Done(id) => {
            run(connection, "DELETE FROM outbox WHERE id = ?1", [signed(*id)])
        }
        OutboxChange::Tried { id, attempts, error, parked_at } => run(
            connection,
            "UPDATE outbox SET attempts = ?2, error = ?3, parked_at = ?4 WHERE id = ?1",
            params![signed(*id), attempts, error, parked_at.map(signed)],
        ),
        OutboxChange::Again { id, since } => run(
            connection,
            "UPDATE outbox SET attempts = 0, parked_at = NULL, since = ?2 WHERE id = ?1",
            [signed(*id), signed(*since)],
        ),
        OutboxChange::Forget { tenant, hook, count } => run(
            connection,
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
             WHERE tenant = ?1 AND hook = ?2 AND parked_at IS NOT NULL ORDER BY id LIMIT ?3)",
            params![tenant, hook, signed(*count)],
        ),
        OutboxChange::Drop { tenant, hook } => {
            run(connection, "DELETE FROM outbox WHERE tenant = ?1 AND hook = ?2", [tenant, hook])
        }
    }
}

fn run(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn add(connection: &Connection, row: &OutboxRow) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO outbox
        (id, tenant, hook, order_key, since, attempts, parked_at, error, headers, body)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let values = params![
        signed(row.id),
        row.tenant,
        row.hook,
        row.order_key,
        signed(row.since),
        row.attempts,
        row.parked_at.map(signed),
        row.error,
        row.headers,
        row.body,
    ];
    run(connection, sql, values)
}

/// Rows in order of their ids.
pub(super) fn rows(
    connection: &Connection,
    query: &OutboxQuery,
) -> Result<Vec<OutboxRow>, StoreError> {
    let state = match query.parked {
        None => "",
        Some(true) => "AND parked_at IS NOT NULL",
        Some(false) => "AND parked_at IS NULL",
    };
    let sql = format!(
        "SELECT id, tenant, hook, order_key, since, attempts, parked_at, error, headers, body FROM outbox
         WHERE tenant = ?1 AND hook = ?2 AND id > ?3 AND (?4 IS NULL OR id = ?4) {state} ORDER BY id LIMIT ?5"
    );
    let limit = signed(query.limit as u64);
    let values =
        params![query.tenant, query.hook, signed(query.after), query.id.map(signed), limit];
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values, |row| {
        Ok(OutboxRow {
            id: unsigned(row.get(0)?),
            tenant: row.get(1)?,
            hook: row.get(2)?,
            order_key: row.get(3)?,
            since: unsigned(row.get(4)?),
            attempts: row.get(5)?,
            parked_at: row.get::<_, Option<i64>>(6)?.map(unsigned),
            error: row.get(7)?,
            headers: row.get(8)?,
            body: row.get(9)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How much each webhook has: tenant, webhook, count.
pub(super) fn counts(
    connection: &Connection,
) -> Result<Vec<(String, String, OutboxCount)>, StoreError> {
    let sql = "SELECT tenant, hook, sum(parked_at IS NULL), sum(parked_at IS NOT NULL)
               FROM outbox GROUP BY tenant, hook";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let (waiting, parked) = (unsigned(row.get(2)?), unsigned(row.get(3)?));
        Ok((row.get(0)?, row.get(1)?, OutboxCount { waiting, parked }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::super::{Change, Changes, Reader, Sealer, Sqlite, Store};
    use super::*;

    fn row(id: u64, hook: &str) -> OutboxRow {
        OutboxRow {
            id,
            tenant: "t".into(),
            hook: hook.into(),
            order_key: "call".into(),
            since: 5,
            attempts: 0,
            parked_at: None,
            error: String::new(),
            headers: "[]".into(),
            body: vec![0, 255],
        }
    }

    #[test]
    fn rows_are_kept_in_order_parked_begun_anew_and_gone_when_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let mut store = Sqlite::open(&path, Sealer::new([7; 32])).unwrap();
        let mut make = |changes: Vec<OutboxChange>| {
            let list = changes.into_iter().map(Change::Outbox).collect();
            let changes = Changes { tenant: String::new(), list, done: Box::new(|_| ()) };
            assert_eq!(store.change(&[changes]).unwrap(), [Ok(())]);
        };
        make([3, 1, 2].map(|id| OutboxChange::Add(row(id, "a"))).into());
        make(vec![OutboxChange::Add(row(4, "b"))]);
        let reader = Reader::open(&path).unwrap();
        let ids = |parked: Option<bool>, id: Option<u64>, after: u64, limit: usize| -> Vec<u64> {
            let (tenant, hook) = ("t".to_owned(), "a".to_owned());
            let query = OutboxQuery { tenant, hook, parked, id, after, limit };
            reader.outbox(&query).unwrap().into_iter().map(|row| row.id).collect()
        };
        assert_eq!(ids(None, None, 0, 9), [1, 2, 3]);
        assert_eq!(ids(Some(false), None, 1, 1), [2]);
        let tried = |id, attempts, parked_at| OutboxChange::Tried {
            id,
            attempts,
            error: "no".into(),
            parked_at,
        };
        make(vec![tried(1, 1, None), tried(2, 9, Some(77)), OutboxChange::Done(3)]);
        assert_eq!((ids(Some(false), None, 0, 9), ids(Some(true), None, 0, 9)), (vec![1], vec![2]));
        assert_eq!(
            (ids(Some(true), Some(2), 0, 9), ids(Some(true), Some(1), 0, 9)),
            (vec![2], vec![])
        );
        let count = |waiting, parked| OutboxCount { waiting, parked };
        let expected = |a, b| vec![("t".into(), "a".into(), a), ("t".into(), "b".into(), b)];
        assert_eq!(reader.outbox_counts().unwrap(), expected(count(1, 1), count(1, 0)));
        make([11, 12, 13].map(|id| OutboxChange::Add(row(id, "c"))).into());
        make([11, 12, 13].map(|id| tried(id, 9, Some(77))).into());
        let (tenant, hook) = ("t".to_owned(), "c".to_owned());
        make(vec![OutboxChange::Forget { tenant: tenant.clone(), hook: hook.clone(), count: 2 }]);
        let query = OutboxQuery { tenant, hook, parked: None, id: None, after: 0, limit: 9 };
        let left: Vec<u64> = reader.outbox(&query).unwrap().iter().map(|row| row.id).collect();
        assert_eq!(left, [13], "the oldest went");
        make(vec![OutboxChange::Drop { tenant: "t".into(), hook: "c".into() }]);
        make(vec![OutboxChange::Again { id: 2, since: 99 }]);
        let (tenant, hook) = ("t".to_owned(), "a".to_owned());
        let query = OutboxQuery { tenant, hook, parked: None, id: Some(2), after: 0, limit: 1 };
        let again = OutboxRow { since: 99, error: "no".into(), ..row(2, "a") };
        assert_eq!(reader.outbox(&query).unwrap(), [again]);
        make(vec![OutboxChange::Drop { tenant: "t".into(), hook: "a".into() }]);
        assert_eq!(reader.outbox_counts().unwrap(), [("t".into(), "b".into(), count(1, 0))]);
    }
}
