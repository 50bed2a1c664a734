//! What the HTTP surface needs of the rest of the process, and all that it knows of it.
//!
//! The node implements [`Gateway`]; tests of the HTTP semantics put something simple in its place.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use super::audit::AuditLine;
use super::keep::Keeping;
use super::keyring::Keyring;
use super::outgoing::Outgoing;
use super::sounds::Sounds;
use super::tenancy::Tenancy;
use strowger_core::vocab::acd::{FigureRecord, FigureSubject};
use strowger_core::vocab::dial::{DialNumberRecord, DialTaskKey};
use strowger_core::vocab::record::{CallRecord, EndCause, RecordingRecord};
use strowger_core::vocab::{
    CallId, Command, CommandError, Done, Event, InteractionId, Principal, Query, Reply, Secret,
    TenantId,
};

/// Something that is being worked out.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Work beside the requests. Only the node runs tasks; they end with the process.
pub type Task = Later<'static, ()>;

/// The most rows in one page.
pub const MAX_ROWS: usize = 200;

/// The switch, the store and the process, as HTTP handlers see them.
pub trait Gateway: Keeping + Outgoing + Sounds + Tenancy + Send + Sync + 'static {
    /// Orders something of the switch.
    fn command(
        &self,
        principal: Principal,
        command: Command,
    ) -> Later<'_, Result<Done, CommandError>>;

    /// Asks the switch; where it cannot be asked the reply is [`Reply::Refused`].
    fn query(&self, principal: Principal, query: Query) -> Later<'_, Reply>;

    /// Closed call records, newest first.
    fn call_records(&self, query: RowsQuery) -> Later<'_, Result<Rows<CallRecord>, RowsError>>;

    /// Closed recordings, newest first.
    fn recordings(&self, query: RowsQuery) -> Later<'_, Result<Rows<RecordingRecord>, RowsError>>;

    /// Quarters of an hour of a queue or agent, oldest first.
    fn intervals(&self, query: IntervalsQuery) -> Later<'_, Result<Intervals, RowsError>>;

    /// Numbers of a dial task with what came of them, in the order in which they came; `None` without such a task.
    fn dial_numbers(&self, query: DialNumbersQuery) -> Later<'_, Result<DialNumbers, RowsError>>;

    /// The directory that recordings' paths are relative to.
    fn recordings_directory(&self) -> &Path;

    /// Follows events after `from`, or from now on.
    fn follow(&self, from: Option<EventId>) -> Box<dyn Follow>;

    /// Runs something beside everything else.
    fn run(&self, task: Task);

    /// Whoever holds a bearer token. Takes the same time for wrong ones, however nearly right they are.
    fn holder(&self, token: &str) -> Option<Principal>;

    /// Adds a line to the log of orders. Orders of the switch are added by themselves.
    fn note(&self, line: AuditLine);

    /// Lines of a tenant's log of orders with their numbers, newest first, those before `before`.
    fn audit(
        &self,
        tenant: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Later<'_, Result<Vec<(u64, AuditLine)>, RowsError>>;

    /// All keys, of the file and made over HTTP.
    fn keyring(&self) -> &Keyring;

    /// Every tenant with its names, as they are now.
    fn tenants(&self) -> Arc<[TenantNames]>;

    /// Where a number belongs, as a tenant with this country code writes it; `None` where nobody knows.
    fn region(&self, number: &str, country: Option<&str>) -> Option<Region>;

    /// Who may create tenants, as they are now.
    fn operators(&self) -> Arc<[OperatorAccount]>;

    /// Loads the configuration file again, all or nothing.
    fn reload(&self) -> Later<'_, Result<(), ReloadRefused>>;

    /// Whether new calls are taken.
    fn readiness(&self) -> Readiness;

    /// Counts of everything but the switch itself.
    fn shell_figures(&self) -> ShellFigures;
}

/// A tenant, and what clients of other systems call it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantNames {
    /// Its own name.
    pub tenant: TenantId,
    /// Digits before an extension's number in its SIP user; may be empty.
    pub prefix: String,
    /// Its SIP domain.
    pub domain: String,
    /// IANA time zone, e.g. `Asia/Shanghai`.
    pub timezone: String,
    /// Digits of its country code.
    pub country_code: Option<String>,
    /// `cti_app_id` of the configuration.
    pub cti_app_id: Option<String>,
    /// `ringme_client_id` of the configuration.
    pub ringme_client_id: Option<String>,
    /// `ringcx_account_id` of the configuration.
    pub ringcx_account_id: Option<String>,
    /// What its conversations may be about.
    pub dispositions: Vec<String>,
}

/// A province and a city; either may be empty.
pub type Region = (Arc<str>, Arc<str>);

/// An account that may create tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorAccount {
    /// Its id.
    pub sid: String,
    /// The secret that its requests are signed with; compare in constant time.
    pub auth_token: Secret,
}

/// Which finished rows are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowsQuery {
    /// Whose.
    pub tenant: TenantId,
    /// Only of calls that this extension made or took.
    pub extension: Option<String>,
    /// Only of this call.
    pub call: Option<CallId>,
    /// Only of calls that belong to this interaction.
    pub interaction: Option<InteractionId>,
    /// Only calls that ended so. Not for recordings.
    pub cause: Option<EndCause>,
    /// Only calls of which this was said. Not for recordings.
    pub disposition: Option<String>,
    /// Begun at or after, milliseconds since the Unix epoch.
    pub from: Option<u64>,
    /// Begun before, milliseconds since the Unix epoch.
    pub until: Option<u64>,
    /// Where the page before ended, as [`Rows::next`] said.
    pub after: Option<String>,
    /// Rows wanted, at most [`MAX_ROWS`].
    pub limit: usize,
}

/// Which quarters of an hour are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntervalsQuery {
    /// Of whom.
    pub subject: FigureSubject,
    /// Begun at or after, milliseconds since the Unix epoch.
    pub from: u64,
    /// Begun before, milliseconds since the Unix epoch.
    pub until: u64,
    /// Rows wanted.
    pub limit: usize,
}

/// A page of quarters of an hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Intervals {
    /// Oldest first.
    pub rows: Vec<FigureRecord>,
    /// Gives the next page as [`IntervalsQuery::from`]; `None` at the end.
    pub next: Option<u64>,
}

/// Which numbers of a dial task are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialNumbersQuery {
    /// Of which task.
    pub task: DialTaskKey,
    /// Only the one with this id.
    pub id: Option<String>,
    /// Only with this outcome, or `waiting` or `dialling`.
    pub stage: Option<String>,
    /// Behind this place in the order.
    pub after: u64,
    /// Rows wanted, at most [`MAX_ROWS`].
    pub limit: usize,
}

/// Some numbers of a dial task.
#[derive(Debug, Clone, PartialEq)]
pub struct DialNumbers {
    /// In the order in which they came.
    pub rows: Vec<DialNumberRecord>,
    /// Gives the next page as [`DialNumbersQuery::after`]; `None` at the end.
    pub next: Option<u64>,
}

/// A page of finished rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows<T> {
    /// Newest first.
    pub rows: Vec<T>,
    /// Gives the next page as [`RowsQuery::after`]; `None` at the end.
    pub next: Option<String>,
}

/// Why there are no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowsError {
    /// `after` is nothing that a page before has said.
    BadCursor,
    /// There is too much to look through.
    TooLong,
    /// The store cannot be read; the reason is for the log.
    Failed(String),
}

/// Why the configuration was not loaded. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadRefused {
    /// The file is wrong.
    Wrong {
        /// Its name.
        file: String,
        /// Line (from 1; 0 means the whole file) and what is wrong with it.
        problems: Vec<(usize, String)>,
    },
    /// It changes what only a restart can change: the names of the keys.
    Fixed(Vec<&'static str>),
    /// The process cannot do it.
    Failed(String),
}

/// Whether the process serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// The switch takes calls and the store writes.
    Ready,
    /// Not yet.
    Starting,
    /// Existing calls end, new ones are refused.
    Draining,
    /// Records are not being written.
    StoreStalled,
}

/// A place in the stream of events; `boot.seq` in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId {
    /// Which start of the process.
    pub boot: u64,
    /// Which event of it.
    pub seq: u64,
}

impl EventId {
    /// The place of an event.
    pub fn of(event: &Event) -> Self {
        Self { boot: event.boot, seq: event.seq }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.boot, self.seq)
    }
}

/// The text is no event id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadEventId;

impl FromStr for EventId {
    type Err = BadEventId;

    fn from_str(text: &str) -> Result<Self, BadEventId> {
        let (boot, seq) = text.split_once('.').ok_or(BadEventId)?;
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten().ok_or(BadEventId)
        };
        Ok(Self { boot: number(boot)?, seq: number(seq)? })
    }
}

/// What a follower of events gets.
#[derive(Debug, Clone)]
pub enum Followed {
    /// The next event.
    Event(Arc<Event>),
    /// Events between the last one and this place are forgotten.
    Reset(Option<EventId>),
}

/// Events in order.
pub trait Follow: Send {
    /// The next one; `None` once the process ends. May be dropped while it waits, and nothing is lost.
    fn next(&mut self) -> Later<'_, Option<Followed>>;
}

/// Counts of the process around the switch; all but the gauges count since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShellFigures {
    /// The switch's mailbox.
    pub mailbox: MailboxFigures,
    /// The switch's thread.
    pub turn: TurnFigures,
    /// SIP over streams.
    pub streams: StreamFigures,
    /// The store's thread.
    pub store: StoreFigures,
    /// The ring of recent events.
    pub ring: RingFigures,
    /// Each media worker, in order.
    pub workers: Vec<WorkerFigures>,
    /// Media orders that a worker had no room for.
    pub media_orders_refused: u64,
    /// Connections to robots.
    pub robots: RobotFigures,
}

/// Connections to robots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RobotFigures {
    /// Open, or being opened.
    pub present: u64,
    /// Never opened, or broken.
    pub lost: u64,
    /// Frames of 20 ms that a robot did not take in time.
    pub missed: u64,
    /// Bytes of audio that came faster than they could be spoken.
    pub refused: u64,
}

/// The switch's mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailboxFigures {
    /// Inputs that wait now.
    pub waiting: u64,
    /// Inputs refused because it was full.
    pub refused: u64,
}

/// The switch's thread and its UDP sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TurnFigures {
    /// Turns taken.
    pub turns: u64,
    /// The longest turn since the last scrape, in microseconds.
    pub longest_us: u64,
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that the system refused to send.
    pub unsent: u64,
}

/// SIP over streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamFigures {
    /// Connections opened.
    pub opened: u64,
    /// Connections refused by a limit.
    pub refused: u64,
    /// Connections closed because the peer did not read.
    pub overflowed: u64,
    /// Messages for connections that were gone.
    pub unsendable: u64,
}

/// The store's thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// Transactions.
    pub commits: u64,
    /// Records written.
    pub records: u64,
    /// Groups of records lost.
    pub lost: u64,
    /// The slowest commit, in microseconds.
    pub slowest_us: u64,
}

/// The ring of recent events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RingFigures {
    /// Events that it holds now.
    pub kept: u64,
    /// Events that it can hold.
    pub capacity: u64,
}

/// One media worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerFigures {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that the system refused to send.
    pub unsent: u64,
    /// Streams open now.
    pub streams: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_is_two_numbers_and_a_dot() {
        assert_eq!("3.17".parse(), Ok(EventId { boot: 3, seq: 17 }));
        assert_eq!(EventId { boot: 3, seq: 17 }.to_string(), "3.17");
        for wrong in ["", ".", "3", "3.", ".3", "+1.2", "1.-2", "1.2.3", "99999999999999999999.1"] {
            assert_eq!(wrong.parse::<EventId>(), Err(BadEventId), "{wrong:?}");
        }
    }
}
