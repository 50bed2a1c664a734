//! What outlives the process: registrations, call records, recordings, and the count of starts.
//!
//! [`Writer`] owns the one writing connection on a thread of its own and commits groups of records together;
//! [`Reader`] pages through finished records beside it. SQL stands only in `sqlite`, `acd`, `audit`, `dial`, `documents`,
//! `entries`, `kept`, `outbox`, `provision`, `rows`, `settings`, `tenants`, `voicemail`, `watch` and `migrations`.

mod acd;
mod audit;
mod dial;
mod documents;
mod entries;
mod kept;
mod migrations;
mod outbox;
mod page;
mod provision;
mod rows;
mod seal;
mod settings;
mod sqlite;
mod tenants;
mod voicemail;
mod watch;
mod writer;

#[cfg(test)]
mod acd_tests;
#[cfg(test)]
mod tests;

use strowger_core::vocab::{Record, Restored};

pub use acd::{IntervalPage, IntervalQuery};
pub use dial::{DialNumberPage, DialNumberQuery};
pub use documents::{Change, ChangeError, Changes};
pub use outbox::{OutboxChange, OutboxCount, OutboxQuery, OutboxRow};
pub use page::{Cursor, PageQuery, Row, RowKind, RowPage};
pub use seal::Sealer;
pub use sqlite::{Reader, Sqlite};
pub use writer::{Group, Keeper, Writer, WriterFigures};

/// A place that keeps records.
pub trait Store {
    /// Counts a start and reads what the last run left.
    ///
    /// # Errors
    /// The database's, in words.
    fn load(&mut self) -> Result<Restart, StoreError>;

    /// Writes all records, or none.
    ///
    /// # Errors
    /// The database's; then nothing was written.
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError>;

    /// Changes documents and numbers. Each group is made whole or refused whole; the outcomes are in their order.
    ///
    /// # Errors
    /// The database's; then nothing was written.
    fn change(&mut self, groups: &[Changes]) -> Result<Vec<Result<(), ChangeError>>, StoreError>;

    /// Finished records, newest first.
    ///
    /// # Errors
    /// The database's.
    fn page(&self, query: &PageQuery) -> Result<RowPage, StoreError>;
}

/// What a start finds.
#[derive(Debug, Clone)]
pub struct Restart {
    /// Counts the starts of this installation, from 1.
    pub boot: u64,
    /// What the last run left.
    pub restored: Restored,
}

/// Why the store could not do something.
#[derive(Debug)]
pub enum StoreError {
    /// The database complains.
    Database(rusqlite::Error),
    /// A record cannot be turned into text, or back.
    Encoding(serde_json::Error),
    /// The file cannot be used.
    File(std::path::PathBuf, std::io::Error),
    /// Another process uses the file.
    InUse(std::path::PathBuf),
    /// The file was written by a later version.
    TooNew(u32),
    /// A secret could not be sealed: the system has no randomness.
    Sealing,
    /// The question took longer than it may.
    TooLong,
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Database(error) => write!(f, "the database: {error}"),
            Self::Encoding(error) => write!(f, "a record in the database: {error}"),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::InUse(path) => {
                write!(f, "{}: another strowger uses this store; end it first", path.display())
            }
            Self::TooLong => f.write_str("the question took too long"),
            Self::Sealing => f.write_str("a secret could not be sealed"),
            Self::TooNew(version) => {
                write!(f, "the store has schema {version}, written by a later version of strowger")
            }
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => Self::TooLong,
            _ => Self::Database(error),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Encoding(error)
    }
}

impl StoreError {
    /// Whether the same write may succeed later: the disk is full or busy.
    pub fn is_passing(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull, SystemIoFailure};
        let Self::Database(error) = self else { return false };
        let code = error.sqlite_error_code();
        code.is_some_and(|c| {
            matches!(c, DatabaseBusy | DatabaseLocked | DiskFull | SystemIoFailure)
        })
    }
}
