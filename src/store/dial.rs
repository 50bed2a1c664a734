//! Dial tasks, their numbers, and the numbers that are never dialled.

use rusqlite::{Connection, OptionalExtension, params};
use strowger_core::vocab::dial::{
    DialNumberRecord, DialOutcome, DialTaskKey, DialTaskRecord, NumberStage,
};
use strowger_core::vocab::{Record, Restored, Secret};

use super::sqlite::{bodies, body, signed, unsigned};
use super::{Sealer, StoreError};

/// Rows of a page at most.
const MAX_ROWS: usize = 200;

/// Which numbers of a task are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialNumberQuery {
    /// Of which task.
    pub task: DialTaskKey,
    /// Only with this outcome, or `waiting` or `dialling`.
    pub stage: Option<String>,
    /// Behind this place in the order.
    pub after: u64,
    /// Rows wanted.
    pub limit: usize,
}

/// Some numbers of a task, in the order in which they came.
#[derive(Debug, Clone, PartialEq)]
pub struct DialNumberPage {
    /// The numbers.
    pub rows: Vec<DialNumberRecord>,
    /// Give it back as `after` for the next page; `None` at the end.
    pub next: Option<u64>,
}

pub(super) fn write(
    connection: &Connection,
    sealer: &Sealer,
    record: &Record,
) -> Result<(), StoreError> {
    match record {
        Record::DialTask(record) => write_task(connection, sealer, record),
        Record::DialTaskGone(key) => delete_task(connection, key),
        Record::DialNumber(record) => write_number(connection, record),
        Record::DoNotCall { tenant, number, listed } => {
            let sql = match listed {
                true => "INSERT OR REPLACE INTO do_not_call (tenant, number) VALUES (?1, ?2)",
                false => "DELETE FROM do_not_call WHERE tenant = ?1 AND number = ?2",
            };
            connection.prepare_cached(sql)?.execute(params![tenant, number])?;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn write_task(
    connection: &Connection,
    sealer: &Sealer,
    record: &DialTaskRecord,
) -> Result<(), StoreError> {
    let key = &record.task.key;
    let mut open = record.clone();
    let secret = open.task.robot.as_mut().map(|robot| std::mem::take(&mut robot.token));
    let sealed = secret.map(|secret| sealer.seal(&place(key), secret.expose())).transpose()?;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO dial_tasks (tenant, id, body, sealed) VALUES (?1, ?2, ?3, ?4)",
    )?;
    statement.execute(params![key.tenant, key.id, serde_json::to_string(&open)?, sealed])?;
    Ok(())
}

/// What a token is sealed for; NUL stands in neither name.
fn place(key: &DialTaskKey) -> String {
    format!("robot token\0{}\0{}", key.tenant, key.id)
}

fn delete_task(connection: &Connection, key: &DialTaskKey) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM dial_tasks WHERE tenant = ?1 AND id = ?2",
        "DELETE FROM dial_numbers WHERE tenant = ?1 AND task = ?2",
    ] {
        connection.prepare_cached(sql)?.execute(params![key.tenant, key.id])?;
    }
    Ok(())
}

fn stage_of(stage: &NumberStage) -> &'static str {
    match stage {
        NumberStage::Waiting => "waiting",
        NumberStage::Dialling { .. } => "dialling",
        NumberStage::Done(result) => result.outcome.as_str(),
    }
}

fn write_number(connection: &Connection, record: &DialNumberRecord) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO dial_numbers (tenant, task, seq, id, stage, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let (key, stage) = (&record.task, stage_of(&record.stage));
    let body = serde_json::to_string(record)?;
    statement.execute(params![
        key.tenant,
        key.id,
        signed(record.seq),
        record.number.id,
        stage,
        body
    ])?;
    Ok(())
}

/// Adds what the last run left to `restored`.
pub(super) fn load(
    connection: &Connection,
    sealer: &Sealer,
    restored: &mut Restored,
) -> Result<(), StoreError> {
    let mut statement =
        connection.prepare("SELECT body, sealed FROM dial_tasks ORDER BY tenant, id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut record: DialTaskRecord = body(row, 0)?;
        let sealed: Option<Vec<u8>> = row.get(1)?;
        if let (Some(sealed), Some(robot)) = (sealed, record.task.robot.as_mut()) {
            let opened = sealer.open(&place(&record.task.key), &sealed);
            robot.token = Secret::new(opened.unwrap_or_default());
        }
        restored.dial_tasks.push(record);
    }
    restored.dial_numbers = bodies(
        connection,
        "SELECT body FROM dial_numbers WHERE stage IN ('waiting', 'dialling')
         ORDER BY tenant, task, seq",
    )?;
    let mut statement = connection.prepare(
        "SELECT tenant, task, id, seq, stage FROM dial_numbers
         WHERE stage NOT IN ('waiting', 'dialling') ORDER BY tenant, task, seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let key = DialTaskKey { tenant: row.get(0)?, id: row.get(1)? };
        let stage: String = row.get(4)?;
        // The names in the column are those of the vocabulary.
        let outcome: DialOutcome = serde_json::from_value(stage.into())?;
        restored.dial_done.push((key, row.get(2)?, unsigned(row.get(3)?), outcome));
    }
    let mut statement =
        connection.prepare("SELECT tenant, number FROM do_not_call ORDER BY tenant, number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        restored.do_not_call.push((row.get(0)?, row.get(1)?));
    }
    Ok(())
}

/// Numbers of a task in the order in which they came.
pub(super) fn page(
    connection: &Connection,
    query: &DialNumberQuery,
) -> Result<DialNumberPage, StoreError> {
    let limit = query.limit.clamp(1, MAX_ROWS);
    let mut statement = connection.prepare_cached(
        "SELECT body, seq FROM dial_numbers
         WHERE tenant = ?1 AND task = ?2 AND seq > ?3 AND (?4 IS NULL OR stage = ?4)
         ORDER BY seq LIMIT ?5",
    )?;
    // One row more than wanted tells whether there is a next page.
    let (key, more) = (&query.task, signed(limit as u64 + 1));
    let mut rows =
        statement.query(params![key.tenant, key.id, signed(query.after), query.stage, more])?;
    let mut found: Vec<DialNumberRecord> = Vec::new();
    let mut last = None;
    while let Some(row) = rows.next()? {
        if found.len() == limit {
            return Ok(DialNumberPage { rows: found, next: last });
        }
        found.push(body(row, 0)?);
        last = Some(unsigned(row.get(1)?));
    }
    Ok(DialNumberPage { rows: found, next: None })
}

/// One number of a task by its id.
pub(super) fn number(
    connection: &Connection,
    key: &DialTaskKey,
    id: &str,
) -> Result<Option<DialNumberRecord>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM dial_numbers WHERE tenant = ?1 AND task = ?2 AND id = ?3",
    )?;
    let text: Option<String> =
        statement.query_row(params![key.tenant, key.id, id], |row| row.get(0)).optional()?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::dial::{
        DialMode, DialNumber, DialResult, DialState, DialTask, RobotLink,
    };

    use super::super::{Reader, Sqlite, Store};
    use super::*;

    fn key() -> DialTaskKey {
        DialTaskKey { tenant: "t".into(), id: "spring".into() }
    }

    fn task() -> DialTaskRecord {
        let robot = RobotLink {
            url: Some("ws://robot.example/".into()),
            token: Secret::new("open sesame"),
        };
        let task = DialTask {
            key: key(),
            mode: DialMode::Robot,
            ratio: 100,
            queue: None,
            menu: None,
            robot: Some(robot),
            caller_number: "0571".into(),
            classes: vec!["national".into()],
            max_calls: 5,
            ring_secs: 30,
            hours: None,
            feed: None,
        };
        DialTaskRecord { task, state: DialState::Running, exhausted: false }
    }

    fn number(seq: u64, stage: NumberStage) -> DialNumberRecord {
        let number = DialNumber { id: format!("n{seq}"), number: "0571".into() };
        DialNumberRecord { task: key(), number, seq, stage }
    }

    fn done(outcome: DialOutcome) -> NumberStage {
        NumberStage::Done(DialResult {
            outcome,
            call: None,
            dialled_at: Some(3),
            answered_at: None,
            ended_at: 4,
            agent: None,
            vars: Default::default(),
        })
    }

    #[test]
    fn tasks_numbers_and_the_list_survive_a_restart_and_tokens_are_sealed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let open = || Sqlite::open(&path, Sealer::new([7; 32])).unwrap();
        let mut store = open();
        store.load().unwrap();
        let listed = |number: &str, listed| Record::DoNotCall {
            tenant: "t".into(),
            number: number.into(),
            listed,
        };
        let row = |seq, stage| Record::DialNumber(Box::new(number(seq, stage)));
        let records = [
            Record::DialTask(Box::new(task())),
            row(1, NumberStage::Waiting),
            row(2, NumberStage::Waiting),
            row(3, NumberStage::Dialling { at: 9 }),
            row(1, done(DialOutcome::DoNotCall)),
            listed("1", true),
            listed("2", true),
            listed("1", false),
        ];
        store.commit(&records).unwrap();
        drop(store);
        let bytes = std::fs::read(&path).unwrap_or_default();
        let log = std::fs::read(directory.path().join("s.db-wal")).unwrap_or_default();
        for file in [bytes, log] {
            assert!(!file.windows(11).any(|window| window == b"open sesame"));
        }
        let mut store = open();
        let restored = store.load().unwrap().restored;
        assert_eq!(restored.dial_tasks, [task()]);
        let stages: Vec<NumberStage> =
            restored.dial_numbers.iter().map(|row| row.stage.clone()).collect();
        assert_eq!(stages, [NumberStage::Waiting, NumberStage::Dialling { at: 9 }]);
        assert_eq!(restored.dial_done, [(key(), "n1".into(), 1, DialOutcome::DoNotCall)]);
        assert_eq!(restored.do_not_call, [("t".to_owned(), "2".to_owned())]);
        let reader = Reader::open(&path).unwrap();
        let query = |stage: Option<&str>, after, limit| {
            let query =
                DialNumberQuery { task: key(), stage: stage.map(str::to_owned), after, limit };
            reader.dial_numbers(&query).unwrap()
        };
        let first = query(None, 0, 2);
        assert_eq!((first.rows.len(), first.next), (2, Some(2)));
        assert_eq!(query(None, 2, 2).rows.len(), 1);
        assert_eq!(
            query(Some("do_not_call"), 0, 9).rows,
            [number(1, done(DialOutcome::DoNotCall))]
        );
        assert_eq!(
            reader.dial_number(&key(), "n2").unwrap(),
            Some(number(2, NumberStage::Waiting))
        );
        assert_eq!(reader.dial_number(&key(), "n9").unwrap(), None);
        store.commit(&[Record::DialTaskGone(key())]).unwrap();
        let restored = store.load().unwrap().restored;
        assert!(restored.dial_tasks.is_empty() && restored.dial_numbers.is_empty());
        assert!(restored.dial_done.is_empty());
    }
}
