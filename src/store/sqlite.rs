//! The store in SQLite.
//!
//! Durability: write-ahead log with `synchronous = FULL`, so a committed group survives `kill -9` and a power
//! failure alike. Each group costs one fsync; groups are gathered by the writer, so that is a few a second.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Row as SqlRow, params};
use serde::de::DeserializeOwned;
use strowger_core::vocab::dial::{DialNumberRecord, DialTaskKey};
use strowger_core::vocab::record::{CallRecord, Party, RecordingRecord, RegistrationRecord};
use strowger_core::vocab::{ExtensionKey, Record, Restored};

use super::acd::{self, IntervalPage, IntervalQuery};
use super::audit;
use super::dial::{self, DialNumberPage, DialNumberQuery};
use super::documents::{self, ChangeError, Changes};
use super::kept;
use super::outbox::{self, OutboxCount, OutboxQuery, OutboxRow};
use super::{PageQuery, Restart, RowPage, Sealer, Store, StoreError, migrations};
use super::{entries, provision, rows, settings, tenants, voicemail, watch};

/// The writing connection. At most one exists for a file, in all processes.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    sealer: Sealer,
    /// The last day on which old figures were forgotten.
    pruned: u64,
    /// Held as long as the store is open.
    _lock: File,
}

impl Sqlite {
    /// Opens or makes the database and its folder; `sealer` closes and opens the secrets in it.
    ///
    /// # Errors
    /// The file cannot be made or read, is used by another process, or comes from a later version.
    pub fn open(path: &Path, sealer: Sealer) -> Result<Self, StoreError> {
        let failed = |error| StoreError::File(path.to_path_buf(), error);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = lock(path)?;
        let mut connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA cache_size = -256;
             PRAGMA busy_timeout = 2000;
             PRAGMA temp_store = MEMORY;
             PRAGMA wal_autocheckpoint = 4000;",
        )?;
        connection.set_prepared_statement_cache_capacity(16);
        migrations::migrate(&mut connection)?;
        Ok(Self { connection, sealer, pruned: 0, _lock: lock })
    }
}

/// Takes the file beside the database that keeps a second process out.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = File::options().create(true).truncate(false).write(true).open(&name);
    let file = file.map_err(|error| StoreError::File(name, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_path_buf())),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(StoreError::File(path.to_path_buf(), error))
        }
    }
}

impl Store for Sqlite {
    fn load(&mut self) -> Result<Restart, StoreError> {
        let boot: i64 = self.connection.query_row(
            "INSERT INTO counters (name, value) VALUES ('boots', 1)
             ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            [],
            |row| row.get(0),
        )?;
        let mut restored = Restored {
            registrations: bodies(
                &self.connection,
                "SELECT body FROM registrations ORDER BY tenant, number, contact",
            )?,
            open_calls: bodies(
                &self.connection,
                "SELECT body FROM calls WHERE ended_at IS NULL ORDER BY call",
            )?,
            open_recordings: bodies(
                &self.connection,
                "SELECT body FROM recordings WHERE open ORDER BY path",
            )?,
            intents: bodies(
                &self.connection,
                "SELECT body FROM agent_intents ORDER BY tenant, agent",
            )?,
            figures: acd::recent_figures(&self.connection)?,
            definitions: acd::definitions(&self.connection, &self.sealer)?,
            ..Restored::default()
        };
        voicemail::load(&self.connection, &mut restored)?;
        settings::load(&self.connection, &mut restored)?;
        watch::load(&self.connection, &mut restored)?;
        provision::load(&self.connection, &mut restored)?;
        entries::load(&self.connection, &self.sealer, &mut restored)?;
        dial::load(&self.connection, &self.sealer, &mut restored)?;
        Ok(Restart { boot: unsigned(boot), restored })
    }

    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        for record in records {
            write(&transaction, &self.sealer, record)?;
        }
        let pruned = acd::prune(&transaction, records, self.pruned)?;
        transaction.commit()?;
        self.pruned = pruned;
        Ok(())
    }

    fn change(&mut self, groups: &[Changes]) -> Result<Vec<Result<(), ChangeError>>, StoreError> {
        documents::change(&mut self.connection, groups)
    }

    fn page(&self, query: &PageQuery) -> Result<RowPage, StoreError> {
        rows::page(&self.connection, query)
    }
}

/// Steps of the database's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// A read-only connection beside the writing one.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    /// When the question that is being asked is given up.
    deadline: Arc<Mutex<Option<Instant>>>,
}

impl Reader {
    /// Opens a database that a [`Sqlite`] has made.
    ///
    /// # Errors
    /// The database's.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.execute_batch("PRAGMA cache_size = -512; PRAGMA busy_timeout = 2000;")?;
        let deadline = Arc::<Mutex<Option<Instant>>>::default();
        let judge = Arc::clone(&deadline);
        let over = move || {
            let deadline = judge.lock().unwrap_or_else(PoisonError::into_inner);
            deadline.is_some_and(|deadline| Instant::now() >= deadline)
        };
        connection.progress_handler(STEPS, Some(over))?;
        Ok(Self { connection, deadline })
    }

    /// What is asked from now on is given up after so long with [`StoreError::TooLong`]. Without this a question may take
    /// as long as it takes.
    pub fn limit(&self, limit: Duration) {
        let mut deadline = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        *deadline = Instant::now().checked_add(limit);
    }

    /// Finished records, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn page(&self, query: &PageQuery) -> Result<RowPage, StoreError> {
        rows::page(&self.connection, query)
    }

    /// The text of a kept document.
    ///
    /// # Errors
    /// The database's.
    pub fn document(
        &self,
        tenant: &str,
        space: &str,
        key: &str,
    ) -> Result<Option<String>, StoreError> {
        documents::document(&self.connection, tenant, space, key)
    }

    /// Lines of a tenant's log of orders with their numbers, newest first, those before `before`.
    ///
    /// # Errors
    /// The database's.
    pub fn audit(
        &self,
        tenant: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        audit::page(&self.connection, tenant, before, limit)
    }

    /// Keys and texts of a space's documents in order of keys, behind `after`.
    ///
    /// # Errors
    /// The database's.
    pub fn documents(
        &self,
        tenant: &str,
        space: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        documents::documents(&self.connection, tenant, space, after, limit)
    }

    /// The numbers that names have, in the order of the names.
    ///
    /// # Errors
    /// The database's.
    pub fn numbers(
        &self,
        tenant: &str,
        space: &str,
        names: &[String],
    ) -> Result<Vec<Option<u64>>, StoreError> {
        documents::numbers(&self.connection, tenant, space, names)
    }

    /// The name that has a number.
    ///
    /// # Errors
    /// The database's.
    pub fn name_of(
        &self,
        tenant: &str,
        space: &str,
        number: u64,
    ) -> Result<Option<String>, StoreError> {
        documents::name_of(&self.connection, tenant, space, number)
    }

    /// What is to be told to other systems, in order.
    ///
    /// # Errors
    /// The database's.
    pub fn outbox(&self, query: &OutboxQuery) -> Result<Vec<OutboxRow>, StoreError> {
        outbox::rows(&self.connection, query)
    }

    /// How much of it each webhook has: tenant, webhook, count.
    ///
    /// # Errors
    /// The database's.
    pub fn outbox_counts(&self) -> Result<Vec<(String, String, OutboxCount)>, StoreError> {
        outbox::counts(&self.connection)
    }

    /// Bytes of all recordings whose files are kept.
    ///
    /// # Errors
    /// The database's.
    pub fn kept_bytes(&self) -> Result<u64, StoreError> {
        kept::bytes(&self.connection)
    }

    /// Closed recordings whose files are kept, oldest first, behind a moment and path.
    ///
    /// # Errors
    /// The database's.
    pub fn oldest_recordings(
        &self,
        after: (u64, &str),
        limit: usize,
    ) -> Result<Vec<RecordingRecord>, StoreError> {
        kept::oldest(&self.connection, after, limit)
    }

    /// Numbers of a dial task, in the order in which they came.
    ///
    /// # Errors
    /// The database's.
    pub fn dial_numbers(&self, query: &DialNumberQuery) -> Result<DialNumberPage, StoreError> {
        dial::page(&self.connection, query)
    }

    /// One number of a dial task by its id.
    ///
    /// # Errors
    /// The database's.
    pub fn dial_number(
        &self,
        task: &DialTaskKey,
        id: &str,
    ) -> Result<Option<DialNumberRecord>, StoreError> {
        dial::number(&self.connection, task, id)
    }

    /// Quarters of an hour of one queue or agent, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub fn intervals(&self, query: &IntervalQuery) -> Result<IntervalPage, StoreError> {
        acd::intervals(&self.connection, query)
    }
}

pub(super) fn bodies<T: DeserializeOwned>(
    connection: &Connection,
    sql: &str,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(body(row, 0)?);
    }
    Ok(found)
}

pub(super) fn body<T: DeserializeOwned>(row: &SqlRow<'_>, column: usize) -> Result<T, StoreError> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(serde_json::from_str(text)?)
}

/// SQLite has no unsigned numbers; times and counters stay far below the limit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn write(connection: &Connection, sealer: &Sealer, record: &Record) -> Result<(), StoreError> {
    match record {
        Record::Registered(registration) => write_registration(connection, registration),
        Record::Unregistered { extension, contact } => {
            delete_registration(connection, extension, contact)
        }
        Record::Phone(phone) => provision::write(connection, phone),
        Record::PhoneGone(mac) => provision::delete(connection, mac),
        Record::Subscribed(subscription) => watch::write(connection, subscription),
        Record::Unsubscribed { call_id, tag } => watch::delete(connection, call_id, tag),
        Record::CallOpened(call) | Record::CallClosed(call) => write_call(connection, call),
        Record::RecordingOpened(recording) => write_recording(connection, recording, true),
        Record::RecordingClosed(recording) => write_recording(connection, recording, false),
        Record::AgentIntent(intent) => acd::write_intent(connection, intent),
        Record::Counted(figures) => acd::write_figures(connection, figures),
        Record::Defined(definition) => acd::write_definition(connection, sealer, definition),
        Record::Undefined(subject) => acd::delete_definition(connection, subject),
        Record::Message(_)
        | Record::MessageDeleted(_)
        | Record::Greeting(_)
        | Record::MailQueued(_)
        | Record::MailTried { .. }
        | Record::MailDone(_)
        | Record::MenuDefined(_)
        | Record::MenuUndefined(_) => voicemail::write(connection, record),
        Record::Settings(record) => settings::write(connection, record),
        Record::TenantSettings(record) => settings::write_tenant(connection, record),
        Record::TenantGone(tenant) => tenants::forget(connection, tenant),
        Record::Entry(entry) => entries::write(connection, sealer, entry),
        Record::EntryGone(key) => entries::delete(connection, key),
        Record::DialTask(_)
        | Record::DialTaskGone(_)
        | Record::DialNumber(_)
        | Record::DoNotCall { .. } => dial::write(connection, sealer, record),
    }
}

fn write_registration(
    connection: &Connection,
    registration: &RegistrationRecord,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO registrations (tenant, number, contact, body) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let ExtensionKey { tenant, number } = &registration.extension;
    let body = serde_json::to_string(registration)?;
    statement.execute(params![tenant, number, registration.contact, body])?;
    Ok(())
}

fn delete_registration(
    connection: &Connection,
    extension: &ExtensionKey,
    contact: &str,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM registrations WHERE tenant = ?1 AND number = ?2 AND contact = ?3",
    )?;
    statement.execute(params![extension.tenant, extension.number, contact])?;
    Ok(())
}

/// An open record never replaces a closed one, whatever order they come in.
fn write_call(connection: &Connection, call: &CallRecord) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO calls (call, tenant, started_at, ended_at, caller, callee, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (call) DO UPDATE SET
             ended_at = excluded.ended_at, caller = excluded.caller, callee = excluded.callee,
             body = excluded.body
         WHERE calls.ended_at IS NULL OR excluded.ended_at IS NOT NULL",
    )?;
    statement.execute(params![
        call.call.to_string(),
        call.tenant,
        signed(call.started_at),
        call.ended_at.map(signed),
        extension_of(&call.caller),
        extension_of(&call.callee),
        serde_json::to_string(call)?,
    ])?;
    Ok(())
}

fn extension_of(party: &Party) -> Option<&str> {
    match party {
        Party::Extension { extension, .. } => Some(&extension.number),
        _ => None,
    }
}

fn write_recording(
    connection: &Connection,
    recording: &RecordingRecord,
    open: bool,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO recordings (path, call, tenant, started_at, open, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (path) DO UPDATE SET open = excluded.open, body = excluded.body
         WHERE recordings.open OR NOT excluded.open",
    )?;
    statement.execute(params![
        recording.path,
        recording.call.to_string(),
        recording.tenant,
        signed(recording.started_at),
        open,
        serde_json::to_string(recording)?,
    ])?;
    Ok(())
}
