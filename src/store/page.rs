//! Questions about finished records, and their answers.

use std::fmt;
use std::str::FromStr;

use strowger_core::vocab::record::{CallRecord, EndCause, RecordingRecord};
use strowger_core::vocab::{CallId, InteractionId, TenantId};

/// The most rows in one page.
pub const MAX_ROWS: usize = 200;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// Closed call records.
    Calls,
    /// Closed recordings.
    Recordings,
}

/// Finished records, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// Of what.
    pub kind: RowKind,
    /// Whose; `None` (only for the whole installation's own use) asks for everybody's.
    pub tenant: Option<TenantId>,
    /// Only calls that this extension made or took, or their recordings.
    pub extension: Option<String>,
    /// Only this call, or its recordings.
    pub call: Option<CallId>,
    /// Only what belongs to this interaction.
    pub interaction: Option<InteractionId>,
    /// Only calls that ended so. Not for recordings.
    pub cause: Option<EndCause>,
    /// Only calls of which this was said. Not for recordings.
    pub disposition: Option<String>,
    /// Begun at or after, milliseconds since the Unix epoch.
    pub from: Option<u64>,
    /// Begun before, milliseconds since the Unix epoch.
    pub until: Option<u64>,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// Rows wanted, at most [`MAX_ROWS`].
    pub limit: usize,
}

impl PageQuery {
    /// The newest of a tenant's.
    pub fn newest(kind: RowKind, tenant: impl Into<TenantId>) -> Self {
        Self {
            kind,
            tenant: Some(tenant.into()),
            extension: None,
            call: None,
            interaction: None,
            cause: None,
            disposition: None,
            from: None,
            until: None,
            after: None,
            limit: MAX_ROWS,
        }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// Asked for by [`RowKind::Calls`].
    Call(Box<CallRecord>),
    /// Asked for by [`RowKind::Recordings`].
    Recording(Box<RecordingRecord>),
}

impl Row {
    /// The call record, if it is one.
    pub fn into_call(self) -> Option<CallRecord> {
        match self {
            Self::Call(record) => Some(*record),
            Self::Recording(_) => None,
        }
    }

    /// The recording, if it is one.
    pub fn into_recording(self) -> Option<RecordingRecord> {
        match self {
            Self::Call(_) => None,
            Self::Recording(record) => Some(*record),
        }
    }
}

/// Some rows, and where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct RowPage {
    /// Newest first.
    pub rows: Vec<Row>,
    /// Give it back as `after` for the next page; `None` at the end.
    pub next: Option<Cursor>,
}

/// A place between two rows. Opaque to clients: `STARTED_AT-NAME` in text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// When the row before it began.
    pub(super) started_at: i64,
    /// Tells rows of the same moment apart.
    pub(super) name: String,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.started_at, self.name)
    }
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadCursor;

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (started_at, name) = text.split_once('-').ok_or(BadCursor)?;
        if name.is_empty() || name.len() > 512 {
            return Err(BadCursor);
        }
        let started_at = started_at.parse().map_err(|_| BadCursor)?;
        Ok(Self { started_at, name: name.to_owned() })
    }
}
