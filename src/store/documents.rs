//! Small documents that the HTTP surface keeps, and numbers that it gives to names once and for good.
//!
//! Both belong to a tenant and a space of names within it. They are read when they are asked for, by the reading
//! connection: what is kept may be more than anybody wants to hold in memory.

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;
use super::outbox::{self, OutboxChange};
use super::sqlite::{signed, unsigned};

/// Bytes of one document's text.
pub const DOCUMENT_BYTES: usize = 64 * 1024;
/// Documents of one tenant in one space.
pub const DOCUMENTS: usize = 10_000;
/// Numbered names of one tenant in one space.
pub const NUMBERS: usize = 1_000_000;
/// Bytes of a space's name, and of a key or name in it.
const NAME_BYTES: (usize, usize) = (64, 256);

/// One thing to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Keep a document in place of what was there.
    Put {
        /// Which names it is among.
        space: String,
        /// Its name there.
        key: String,
        /// JSON.
        body: String,
    },
    /// Keep it no longer.
    Delete {
        /// Which names it is among.
        space: String,
        /// Its name there.
        key: String,
    },
    /// Add a line to the log of orders.
    Audit {
        /// Milliseconds since the Unix epoch.
        at: u64,
        /// JSON.
        body: String,
    },
    /// Give a name the next number, unless it has one.
    Number {
        /// Which names it is among.
        space: String,
        /// What is numbered.
        name: String,
    },
    /// Of what is to be told to other systems.
    Outbox(OutboxChange),
}

/// Why nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeError {
    /// A document or a name is longer than it may be.
    TooLarge,
    /// The space holds as much as it may.
    Full(String),
    /// The database could not write.
    Failed(String),
}

/// Changes of one tenant that belong together.
pub struct Changes {
    /// Whose; empty for the installation's own.
    pub tenant: String,
    /// All or none are made.
    pub list: Vec<Change>,
    /// Called once they are on disk, or are not going to be.
    pub done: Box<dyn FnOnce(Result<(), ChangeError>) + Send>,
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tenant, list, .. } = self;
        f.debug_struct("Changes").field("tenant", tenant).field("list", list).finish()
    }
}

/// Makes each group whole or not at all, and says which. What is refused does not disturb the others.
pub(super) fn change(
    connection: &mut Connection,
    groups: &[Changes],
) -> Result<Vec<Result<(), ChangeError>>, StoreError> {
    let mut transaction = connection.transaction()?;
    let mut outcomes = Vec::with_capacity(groups.len());
    for group in groups {
        let part = transaction.savepoint()?;
        let made = group.list.iter().try_for_each(|change| one(&part, &group.tenant, change));
        // A part that is dropped takes its changes back.
        outcomes.push(match made {
            Ok(()) => {
                part.commit()?;
                Ok(())
            }
            Err(Refused::Bound(error)) => Err(error),
            Err(Refused::Store(error)) => return Err(error),
        });
    }
    transaction.commit()?;
    Ok(outcomes)
}

enum Refused {
    Bound(ChangeError),
    Store(StoreError),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

fn one(connection: &Connection, tenant: &str, change: &Change) -> Result<(), Refused> {
    let bounded = |space: &str, key: &str, body: usize| {
        let large = space.len() > NAME_BYTES.0 || key.len() > NAME_BYTES.1 || body > DOCUMENT_BYTES;
        if large { Err(Refused::Bound(ChangeError::TooLarge)) } else { Ok(()) }
    };
    match change {
        Change::Put { space, key, body } => {
            bounded(space, key, body.len())?;
            put(connection, tenant, space, key, body)
        }
        Change::Delete { space, key } => {
            bounded(space, key, 0)?;
            let sql = "DELETE FROM documents WHERE tenant = ?1 AND space = ?2 AND key = ?3";
            connection.prepare_cached(sql)?.execute([tenant, space, key])?;
            Ok(())
        }
        Change::Number { space, name } => {
            bounded(space, name, 0)?;
            give_number(connection, tenant, space, name)
        }
        Change::Outbox(change) => Ok(outbox::change(connection, change)?),
        Change::Audit { at, body } => Ok(super::audit::add(connection, tenant, *at, body)?),
    }
}

fn put(
    connection: &Connection,
    tenant: &str,
    space: &str,
    key: &str,
    body: &str,
) -> Result<(), Refused> {
    let replace = "UPDATE documents SET body = ?4 WHERE tenant = ?1 AND space = ?2 AND key = ?3";
    if connection.prepare_cached(replace)?.execute([tenant, space, key, body])? > 0 {
        return Ok(());
    }
    let count = "SELECT count(*) FROM documents WHERE tenant = ?1 AND space = ?2";
    let kept: i64 =
        connection.prepare_cached(count)?.query_row([tenant, space], |row| row.get(0))?;
    if unsigned(kept) >= DOCUMENTS as u64 {
        return Err(Refused::Bound(ChangeError::Full(space.to_owned())));
    }
    let insert = "INSERT INTO documents (tenant, space, key, body) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(insert)?.execute([tenant, space, key, body])?;
    Ok(())
}

fn give_number(
    connection: &Connection,
    tenant: &str,
    space: &str,
    name: &str,
) -> Result<(), Refused> {
    let known = "SELECT 1 FROM numbers WHERE tenant = ?1 AND space = ?2 AND name = ?3";
    if connection.prepare_cached(known)?.exists([tenant, space, name])? {
        return Ok(());
    }
    let last = "SELECT coalesce(max(number), 0) FROM numbers WHERE tenant = ?1 AND space = ?2";
    let last: i64 =
        connection.prepare_cached(last)?.query_row([tenant, space], |row| row.get(0))?;
    if unsigned(last) >= NUMBERS as u64 {
        return Err(Refused::Bound(ChangeError::Full(space.to_owned())));
    }
    let insert = "INSERT INTO numbers (tenant, space, name, number) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(insert)?.execute(params![tenant, space, name, last + 1])?;
    Ok(())
}

/// A document's text.
pub(super) fn document(
    connection: &Connection,
    tenant: &str,
    space: &str,
    key: &str,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT body FROM documents WHERE tenant = ?1 AND space = ?2 AND key = ?3";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row([tenant, space, key], |row| row.get(0)).optional()?)
}

/// Keys and texts of a space in order of keys, those behind `after`; at most `limit`.
pub(super) fn documents(
    connection: &Connection,
    tenant: &str,
    space: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT key, body FROM documents WHERE tenant = ?1 AND space = ?2 AND (?3 IS NULL OR key > ?3)
               ORDER BY key LIMIT ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![tenant, space, after, signed(limit as u64)];
    let rows = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The numbers that names have, in the order of the names.
pub(super) fn numbers(
    connection: &Connection,
    tenant: &str,
    space: &str,
    names: &[String],
) -> Result<Vec<Option<u64>>, StoreError> {
    let sql = "SELECT number FROM numbers WHERE tenant = ?1 AND space = ?2 AND name = ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let number = |name: &String| -> Result<Option<u64>, StoreError> {
        let found = statement.query_row([tenant, space, name], |row| row.get(0)).optional()?;
        Ok(found.map(unsigned))
    };
    names.iter().map(number).collect()
}

/// The name that has a number.
pub(super) fn name_of(
    connection: &Connection,
    tenant: &str,
    space: &str,
    number: u64,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT name FROM numbers WHERE tenant = ?1 AND space = ?2 AND number = ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![tenant, space, signed(number)];
    Ok(statement.query_row(values, |row| row.get(0)).optional()?)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::{Reader, Sealer, Sqlite, Store, Writer};
    use super::*;

    fn text(text: &str) -> String {
        text.to_owned()
    }

    fn put(space: &str, key: &str, body: &str) -> Change {
        Change::Put { space: text(space), key: text(key), body: text(body) }
    }

    fn number(space: &str, name: &str) -> Change {
        Change::Number { space: text(space), name: text(name) }
    }

    fn group(tenant: &str, list: Vec<Change>) -> Changes {
        Changes { tenant: text(tenant), list, done: Box::new(|_| {}) }
    }

    fn open(path: &std::path::Path) -> Sqlite {
        Sqlite::open(path, Sealer::new([7; 32])).unwrap()
    }

    #[test]
    fn documents_and_numbers_are_there_after_a_restart_and_each_tenants_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let mut store = open(&path);
        let delete = Change::Delete { space: text("s"), key: text("b") };
        let groups = [
            group("t", vec![put("s", "b", "1"), put("s", "a", "2"), put("s", "c", "3")]),
            group("u", vec![put("s", "a", "4"), number("n", "zoe"), number("n", "ann")]),
            group("t", vec![number("n", "ann"), number("n", "ann"), number("m", "ann")]),
            group("t", vec![put("s", "a", "5"), delete, number("n", "bob")]),
        ];
        assert_eq!(store.change(&groups).unwrap(), vec![Ok(()); 4]);
        drop(store);
        drop(open(&path));
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.document("t", "s", "a").unwrap().as_deref(), Some("5"));
        assert_eq!(reader.document("t", "s", "b").unwrap(), None);
        assert_eq!(reader.document("u", "s", "a").unwrap().as_deref(), Some("4"));
        assert_eq!(reader.document("u", "x", "a").unwrap(), None);
        let all = reader.documents("t", "s", None, 9).unwrap();
        assert_eq!(all, [(text("a"), text("5")), (text("c"), text("3"))]);
        assert_eq!(reader.documents("t", "s", None, 1).unwrap(), all[..1]);
        assert_eq!(reader.documents("t", "s", Some("a"), 9).unwrap(), all[1..]);
        let names = [text("bob"), text("nobody"), text("ann")];
        assert_eq!(reader.numbers("t", "n", &names).unwrap(), [Some(2), None, Some(1)]);
        assert_eq!(reader.numbers("u", "n", &names).unwrap(), [None, None, Some(2)]);
        assert_eq!(reader.name_of("u", "n", 1).unwrap().as_deref(), Some("zoe"));
        assert_eq!(reader.name_of("t", "n", 3).unwrap(), None);
    }

    #[test]
    fn what_is_too_much_is_refused_whole_and_disturbs_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let mut store = open(&path);
        let many: Vec<Change> = (0..DOCUMENTS).map(|n| put("s", &format!("{n:05}"), "1")).collect();
        let large = "x".repeat(DOCUMENT_BYTES + 1);
        let groups = [
            group("t", many),
            group("t", vec![put("s", "00007", "2"), put("s", "one more", "1")]),
            group("t", vec![put("other", "a", "1"), put("other", "b", &large)]),
            group("t", vec![put("other", &"k".repeat(257), "1")]),
            group("t", vec![number(&"s".repeat(65), "1")]),
            group("t", vec![put("other", "c", &large[1..]), put("s", "00008", "3")]),
        ];
        let outcomes = store.change(&groups).unwrap();
        let (full, large) = (Err(ChangeError::Full(text("s"))), Err(ChangeError::TooLarge));
        assert_eq!(outcomes, [Ok(()), full, large.clone(), large.clone(), large, Ok(())]);
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.document("t", "s", "00007").unwrap().as_deref(), Some("1"));
        assert_eq!(reader.document("t", "s", "00008").unwrap().as_deref(), Some("3"));
        let others = reader.documents("t", "other", None, 9).unwrap();
        assert_eq!(others.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn whoever_is_answered_finds_what_it_kept_in_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let writer = Writer::start(open(&path), |_| {}).unwrap();
        let keeper = writer.keeper();
        let reader = Reader::open(&path).unwrap();
        let (tell, told) = mpsc::channel();
        for n in 0..20 {
            let tell = tell.clone();
            let change = put("s", &n.to_string(), "1");
            let done = Box::new(move |outcome| tell.send((n, outcome)).unwrap());
            keeper.change(Changes { tenant: text("t"), list: vec![change], done }).unwrap();
        }
        for _ in 0..20 {
            let (n, outcome): (u32, _) = told.recv().unwrap();
            assert_eq!(outcome, Ok(()));
            assert_eq!(reader.document("t", "s", &n.to_string()).unwrap().as_deref(), Some("1"));
        }
        let done = Box::new(move |outcome| tell.send((99, outcome)).unwrap());
        let list = vec![put("s", "last", "1")];
        keeper.change(Changes { tenant: text("t"), list, done }).unwrap();
        drop(writer);
        assert_eq!(told.recv().unwrap(), (99, Ok(())), "what waits is written before the end");
        assert!(keeper.change(group("t", vec![put("s", "late", "1")])).is_err());
    }
}
