//! What several dialects ask of the switch.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use strowger_core::vocab::acd::{AgentView, QueueView};
use strowger_core::vocab::command::{CallView, Meant, Page};
use strowger_core::vocab::define::{EntryKind, EntryView};
use strowger_core::vocab::record::Party;
use strowger_core::vocab::settings::TenantSettings;
use strowger_core::vocab::{CommandError, Principal, Query, Reply};

use crate::api::app::{App, wall_ms};
use crate::api::gateway::MAX_ROWS;

/// The switch answered another question than was asked.
fn unexpected() -> CommandError {
    tracing::error!("the switch answered another question");
    CommandError::Busy { retry_after: 1, what: "the switch did not answer".into() }
}

/// A moment in UTC; the beginning of time where there is no such.
pub(super) fn utc(ms: u64) -> DateTime {
    let at = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    TimeZone::UTC.to_datetime(at.unwrap_or_default())
}

/// `2020-05-08T14:40:47.000Z` (RFC 3339).
pub(super) fn rfc3339(ms: u64) -> String {
    utc(ms).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A random UUID (RFC 9562 section 5.4).
pub(super) fn fresh_uuid() -> String {
    let mut bytes = [0; 16];
    // Without randomness the clock has to do: such ids tell messages apart, and guard nothing.
    if getrandom::fill(&mut bytes).is_err() {
        bytes[..8].copy_from_slice(&wall_ms().to_be_bytes());
    }
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    uuid(u128::from_be_bytes(bytes))
}

/// 128 bits as UUIDs are written (RFC 9562 section 4).
pub(super) fn uuid(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Every row of a live list, page after page.
async fn all<T>(
    app: &App,
    principal: &Principal,
    query: impl Fn(usize, usize) -> Query,
    read: impl Fn(Reply) -> Option<Page<T>>,
) -> Result<Vec<T>, CommandError> {
    let mut rows = Vec::new();
    loop {
        let page = match app.gateway.query(principal.clone(), query(rows.len(), MAX_ROWS)).await {
            Reply::Refused(error) => return Err(error),
            reply => read(reply).ok_or_else(unexpected)?,
        };
        let last = page.items.len() < MAX_ROWS;
        rows.extend(page.items);
        if last {
            return Ok(rows);
        }
    }
}

/// All live calls that somebody may see, oldest first.
pub(super) async fn calls(app: &App, principal: &Principal) -> Result<Vec<CallView>, CommandError> {
    let query = |offset, limit| Query::Calls { offset, limit };
    all(app, principal, query, |reply| match reply {
        Reply::Calls(page) => Some(page),
        _ => None,
    })
    .await
}

/// All agents of the tenant, by id.
pub(super) async fn agents(
    app: &App,
    principal: &Principal,
) -> Result<Vec<AgentView>, CommandError> {
    some_agents(app, principal, None).await
}

/// All agents who serve a queue, by id.
pub(super) async fn agents_of(
    app: &App,
    principal: &Principal,
    queue: &str,
) -> Result<Vec<AgentView>, CommandError> {
    some_agents(app, principal, Some(queue)).await
}

async fn some_agents(
    app: &App,
    principal: &Principal,
    queue: Option<&str>,
) -> Result<Vec<AgentView>, CommandError> {
    let queue = || queue.map(str::to_owned);
    let query = |offset, limit| Query::Agents { queue: queue(), offset, limit };
    all(app, principal, query, |reply| match reply {
        Reply::Agents(page) => Some(page),
        _ => None,
    })
    .await
}

/// All queues of the tenant, by number.
pub(super) async fn queues(
    app: &App,
    principal: &Principal,
) -> Result<Vec<QueueView>, CommandError> {
    let query = |offset, limit| Query::Queues { offset, limit };
    all(app, principal, query, |reply| match reply {
        Reply::Queues(page) => Some(page),
        _ => None,
    })
    .await
}

/// All extensions of the tenant, by number.
pub(super) async fn extensions(
    app: &App,
    principal: &Principal,
) -> Result<Vec<EntryView>, CommandError> {
    let query = |offset, limit| Query::Entries { kind: EntryKind::Extension, offset, limit };
    all(app, principal, query, |reply| match reply {
        Reply::Entries(page) => Some(page),
        _ => None,
    })
    .await
}

/// What the tenant has set for all of its calls.
pub(super) async fn settings(
    app: &App,
    principal: &Principal,
) -> Result<TenantSettings, CommandError> {
    match app.gateway.query(principal.clone(), Query::TenantSettings).await {
        Reply::TenantSettings(settings) => Ok(*settings),
        Reply::Refused(error) => Err(error),
        _ => Err(unexpected()),
    }
}

/// One live call.
pub(super) async fn call(
    app: &App,
    principal: &Principal,
    call: strowger_core::vocab::CallId,
) -> Result<CallView, CommandError> {
    match app.gateway.query(principal.clone(), Query::Call { call }).await {
        Reply::Call(view) => Ok(*view),
        Reply::Refused(error) => Err(error),
        _ => Err(unexpected()),
    }
}

/// One agent.
pub(super) async fn agent(
    app: &App,
    principal: &Principal,
    id: &str,
) -> Result<AgentView, CommandError> {
    match app.gateway.query(principal.clone(), Query::Agent(id.to_owned())).await {
        Reply::Agent(view) => Ok(*view),
        Reply::Refused(error) => Err(error),
        _ => Err(unexpected()),
    }
}

/// One queue.
pub(super) async fn queue(
    app: &App,
    principal: &Principal,
    number: &str,
) -> Result<QueueView, CommandError> {
    match app.gateway.query(principal.clone(), Query::Queue(number.to_owned())).await {
        Reply::Queue(view) => Ok(*view),
        Reply::Refused(error) => Err(error),
        _ => Err(unexpected()),
    }
}

/// The numbers that the tenant may show, in order.
pub(super) async fn own_numbers(
    app: &App,
    principal: &Principal,
) -> Result<Vec<String>, CommandError> {
    match app.gateway.query(principal.clone(), Query::OwnNumbers).await {
        Reply::OwnNumbers(numbers) => Ok(numbers),
        Reply::Refused(error) => Err(error),
        _ => Err(unexpected()),
    }
}

/// Whom a number or address means.
pub(super) async fn meant(
    app: &App,
    principal: &Principal,
    text: &str,
) -> Result<Meant, CommandError> {
    match app.gateway.query(principal.clone(), Query::Meant(text.to_owned())).await {
        Reply::Meant(meant) => Ok(meant),
        Reply::Refused(error) => Err(error),
        _ => Err(unexpected()),
    }
}

/// The number and the name of a party.
pub(super) fn number_and_name(party: &Party) -> (&str, &str) {
    match party {
        Party::Extension { extension, name } => (&extension.number, name),
        Party::Trunk { number, name, .. } => (number, name),
        Party::Service { name } => ("", name),
        Party::Nobody => ("", ""),
    }
}

/// What the path names, for a handler that has its own word for what cannot be read.
pub(super) type Named = Result<Path<String>, PathRejection>;

/// The name; empty where it is no text.
pub(super) fn named(path: Named) -> String {
    path.map_or_else(|_| String::new(), |Path(text)| text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_have_milliseconds() {
        assert_eq!(super::rfc3339(1_588_948_847_005), "2020-05-08T14:40:47.005Z");
        assert_eq!(super::rfc3339(1_588_948_847_000), "2020-05-08T14:40:47.000Z");
    }
}
