//! What conversations were about: kept once for each call, with notes and, where one is wanted, a callback that is begun when
//! it is due.
//!
//! Dispositions are kept by the day on which their call began, in sixteen parts, callbacks by themselves until they are done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strowger_core::vocab::acd::{Activity, AgentOrder, Intent};
use strowger_core::vocab::record::{CallRecord, Party};
use strowger_core::vocab::{
    CallId, CallTerms, Command, CommandError, Principal, Query, Reply, Role, TenantId,
};
use tokio::sync::Notify;

use super::app::{App, wall_ms};
use super::audit::AuditLine;
use super::auth::standing_in;
use super::changes::{Changes, Name};
use super::extract::dialled;
use super::gateway::{RowsError, RowsQuery};
use super::keep::{Keep, KeepError};

/// Bytes of notes.
pub(super) const MAX_NOTES: usize = 4_000;
/// Where callbacks are kept.
const CALLBACKS: &str = "callbacks";
/// A callback whose agent cannot take it is tried again after so long.
const AGAIN: Duration = Duration::from_secs(30);
/// ... for so long, in milliseconds; then it is given up.
const PATIENCE: u64 = 24 * 60 * 60 * 1_000;
/// Between two looks for a record that is being written.
const WRITTEN: Duration = Duration::from_millis(100);
/// How often it is looked whether tenants have come, in milliseconds.
const LOOK: u64 = 60_000;
/// Documents read at a time.
const PAGE: usize = 200;

/// What somebody says of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    /// One of the tenant's names.
    pub(super) name: String,
    /// Anything.
    pub(super) notes: String,
    /// When to call back, milliseconds since the Unix epoch.
    pub(super) callback_at: Option<u64>,
    /// The number to call then; the customer's where it is not said.
    pub(super) phone: Option<String>,
}

/// As it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Disposition {
    /// The name.
    pub(super) disposition: String,
    /// What was noted.
    pub(super) notes: String,
    /// When a callback was wanted.
    pub(super) callback_at: Option<u64>,
    /// The agent whose conversation it was.
    pub(super) agent: Option<String>,
    /// When it was said.
    pub(super) at: u64,
}

/// A callback that is to be begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Callback {
    call: CallId,
    due: u64,
    /// Who is called.
    number: String,
    /// Whose phone rings first, where the conversation was an agent's.
    agent: Option<String>,
    /// Otherwise this phone.
    extension: Option<String>,
}

/// Why nothing was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unkept {
    /// The tenant has no such name.
    UnknownName(String),
    /// Something is wrong with it.
    Wrong(String),
    /// The call has one.
    Already,
    /// The store cannot.
    Store(KeepError),
}

/// Callbacks that are to come, by when.
#[derive(Default)]
pub(super) struct Pending {
    all: Mutex<BTreeMap<(u64, TenantId, CallId), Callback>>,
    /// Something has come.
    bell: Notify,
    /// One disposition of a call is kept at a time, so that it gets one.
    turns: Changes,
}

impl Pending {
    fn add(&self, tenant: &str, callback: Callback) {
        let key = (callback.due, tenant.to_owned(), callback.call);
        self.all.lock().unwrap_or_else(PoisonError::into_inner).insert(key, callback);
        self.bell.notify_one();
    }

    /// One that is kept; what is known of it already counts.
    fn restore(&self, tenant: &str, callback: Callback) {
        let known = {
            let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            all.keys().any(|(_, own, call)| own == tenant && *call == callback.call)
        };
        if !known {
            self.add(tenant, callback);
        }
    }

    /// Nobody is called back for a tenant that is gone.
    pub(super) fn forget_tenant(&self, tenant: &str) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, own, _), _| own != tenant);
    }

    fn first(&self) -> Option<(u64, TenantId, Callback)> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let first = all.first_key_value();
        first.map(|((at, tenant, _), callback)| (*at, tenant.clone(), callback.clone()))
    }

    /// The first one is done, or is tried again then.
    fn took(&self, at: u64, tenant: &str, callback: &Callback, again: Option<u64>) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(at, tenant.to_owned(), callback.call));
        if let Some(again) = again {
            all.insert((again, tenant.to_owned(), callback.call), callback.clone());
        }
    }
}

/// The space of the day on which a call began; its id tells. A space holds so many documents, and a day may have more: the
/// last digit of the id says in which of sixteen it is.
fn space(call: CallId) -> String {
    format!("{} {:x}", undivided(call), call.0 & 0xf)
}

/// Where all of a day's were before there were sixteen parts.
fn undivided(call: CallId) -> String {
    let ms = u64::try_from(call.0 >> 80).unwrap_or(0);
    format!("dispositions {}", ms / 86_400_000)
}

fn places(call: CallId) -> [(String, String); 2] {
    [space(call), undivided(call)].map(|space| (space, call.to_string()))
}

/// A finished call among these rows. One that has just ended may not be on disk yet: it is waited for.
pub(super) async fn finished(
    app: &App,
    rows: RowsQuery,
    fits: impl Fn(&CallRecord) -> bool,
) -> Result<Option<CallRecord>, RowsError> {
    for last in [false, false, false, false, false, true] {
        let found = app.gateway.call_records(rows.clone()).await?;
        let found = found.rows.into_iter().find(|record| fits(record));
        if found.is_some() || last {
            return Ok(found);
        }
        tokio::time::sleep(WRITTEN).await;
    }
    Ok(None)
}

/// What was said of a call.
pub(super) async fn of(
    app: &App,
    tenant: &str,
    call: CallId,
) -> Result<Option<Disposition>, KeepError> {
    let kept = app.gateway.kept_of(tenant, places(call).into()).await?.into_iter().flatten().next();
    let read = |document| {
        serde_json::from_value(document).map_err(|error| KeepError::Failed(error.to_string()))
    };
    kept.map(read).transpose()
}

/// The names of what was said of calls, in their order.
pub(super) async fn names_of(
    app: &App,
    tenant: &str,
    calls: impl Iterator<Item = CallId>,
) -> Result<Vec<Option<String>>, KeepError> {
    let places: Vec<_> = calls.flat_map(places).collect();
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let kept = app.gateway.kept_of(tenant, places).await?;
    let name = |documents: &[Option<serde_json::Value>]| {
        let name = documents.iter().flatten().next()?.get("disposition")?;
        name.as_str().map(str::to_owned)
    };
    // Two places for each call.
    Ok(kept.chunks(2).map(name).collect())
}

/// Keeps what is said of a call, and has its agent's wrap-up end. The caller has made sure that the key sees the call.
///
/// # Errors
/// See [`Unkept`]. Nothing has changed then.
pub(super) async fn keep(
    app: &App,
    principal: &Principal,
    record: &CallRecord,
    said: Said,
) -> Result<(), Unkept> {
    let tenant = &principal.tenant;
    let tenants = app.gateway.tenants();
    let names = tenants.iter().find(|names| names.tenant == *tenant);
    if !names.is_some_and(|names| names.dispositions.contains(&said.name)) {
        return Err(Unkept::UnknownName(said.name));
    }
    if said.notes.len() > MAX_NOTES {
        return Err(Unkept::Wrong(format!("notes may have {MAX_NOTES} bytes")));
    }
    if let Some(phone) = &said.phone {
        dialled("phone", phone).map_err(Unkept::Wrong)?;
    }
    let agent = agent_of(app, principal, record).await;
    let disposition = Disposition {
        disposition: said.name.clone(),
        notes: said.notes,
        callback_at: said.callback_at,
        agent: agent.clone(),
        at: wall_ms(),
    };
    let ordered = agent.filter(|id| may_order(principal, id));
    let callback = match said.callback_at {
        Some(due) => Some(callback(principal, record, ordered.clone(), due, said.phone)?),
        None => None,
    };
    let call = record.call.to_string();
    let _turn = app.callbacks.turns.hold(Name::new(tenant, "calls", &call)).await;
    if of(app, tenant, record.call).await.map_err(Unkept::Store)?.is_some() {
        return Err(Unkept::Already);
    }
    let json = |value: Result<serde_json::Value, serde_json::Error>| {
        value.map_err(|error| Unkept::Store(KeepError::Failed(error.to_string())))
    };
    let document = json(serde_json::to_value(&disposition))?;
    let mut changes = vec![Keep::put(&space(record.call), call.clone(), document)];
    if let Some(callback) = &callback {
        let document = json(serde_json::to_value(callback))?;
        changes.push(Keep::put(CALLBACKS, call.clone(), document));
    }
    app.gateway.keep_together(tenant, changes).await.map_err(Unkept::Store)?;
    tracing::info!(%tenant, key = %principal.name, call, "a disposition is kept");
    app.gateway.note(AuditLine::done(wall_ms(), principal, "call.disposition", &call));
    follow_up(app, tenant.clone(), record.call, said.name, (ordered, callback)).await;
    Ok(())
}

/// Ends the agent's wrap-up, and then has the callback begun when it is due: an agent who wraps up takes none. Nobody who
/// goes away or waits too long keeps it from being done.
async fn follow_up(
    app: &App,
    tenant: TenantId,
    call: CallId,
    code: String,
    (agent, callback): (Option<String>, Option<Callback>),
) {
    let (done, waiting) = tokio::sync::oneshot::channel();
    let own = app.clone();
    app.gateway.run(Box::pin(async move {
        if let Some(agent) = agent {
            release(&own, &tenant, &agent, call, code).await;
        }
        if let Some(callback) = callback {
            own.callbacks.add(&tenant, callback);
        }
        // Whoever asked may have gone away.
        let _ = done.send(());
    }));
    let _ = waiting.await;
}

/// Keys of users and agents act for themselves only, whoever else was in the call.
fn acts_for_itself(principal: &Principal) -> bool {
    matches!(principal.role, Role::User | Role::Agent)
}

/// Whether the key may end this agent's wrap-up and have its phone ring.
fn may_order(principal: &Principal, agent: &str) -> bool {
    !acts_for_itself(principal) || principal.agent.as_deref() == Some(agent)
}

/// The agent whose conversation a call was.
async fn agent_of(app: &App, principal: &Principal, record: &CallRecord) -> Option<String> {
    let visit = record.queued.last().and_then(|visit| visit.agent.as_ref());
    if let Some(agent) = visit {
        return Some(agent.id.clone());
    }
    let own = [&record.callee, &record.caller].into_iter().filter_map(number_of_ours);
    let places: Vec<String> = own.map(|number| format!("extension:{number}")).collect();
    let mut offset = 0;
    loop {
        let query = Query::Agents { queue: None, offset, limit: PAGE };
        let Reply::Agents(page) = app.gateway.query(acting(&principal.tenant), query).await else {
            return None;
        };
        offset += page.items.len();
        let last = page.items.is_empty() || offset >= page.total;
        let found = page.items.into_iter().find(|agent| places.contains(&agent.place));
        if found.is_some() || last {
            return found.map(|agent| agent.config.key.id);
        }
    }
}

fn number_of_ours(party: &Party) -> Option<&str> {
    match party {
        Party::Extension { extension, .. } => Some(&extension.number),
        _ => None,
    }
}

/// Who is called back, by whom: a call is begun under the rights of the phone that rings first.
fn callback(
    principal: &Principal,
    record: &CallRecord,
    agent: Option<String>,
    due: u64,
    phone: Option<String>,
) -> Result<Callback, Unkept> {
    let queued = !record.queued.is_empty();
    let outside = |party: &Party| match party {
        Party::Trunk { number, .. } if number != "anonymous" => Some(number.clone()),
        _ => None,
    };
    let ours = [&record.callee, &record.caller].into_iter().find_map(number_of_ours);
    let extension = match acts_for_itself(principal) {
        true => principal.extension.clone(),
        false => ours.map(str::to_owned),
    };
    if agent.is_none() && extension.is_none() {
        return Err(Unkept::Wrong("there is no phone of ours to call back from".into()));
    }
    let caller = number_of_ours(&record.caller).map(str::to_owned);
    let customer = match queued {
        true => outside(&record.caller).or(caller),
        false => outside(&record.caller).or_else(|| outside(&record.callee)).or(caller),
    };
    let number = phone.or(customer).ok_or_else(|| {
        Unkept::Wrong(
            "the customer's number is not known, so that nobody can be called back".into(),
        )
    })?;
    // A moment that has passed is now.
    let due = due.max(wall_ms());
    Ok(Callback { call: record.call, due, number, agent, extension })
}

/// With the rights of a supervisor: whoever said it may not be there any more.
fn acting(tenant: &str) -> Principal {
    standing_in(tenant, Role::Supervisor, "callback")
}

/// Ends the wrap-up of this conversation, if that is what the agent does.
async fn release(app: &App, tenant: &str, agent: &str, call: CallId, code: String) {
    let order = |order| {
        let command = Command::Agent { agent: agent.to_owned(), order };
        app.gateway.command(acting(tenant), command)
    };
    if order(AgentOrder::Disposition { call, code }).await.is_ok() {
        // An agent who still talks has no wrap-up to end.
        let _ = order(AgentOrder::EndWrapUp).await;
    }
}

/// Begins callbacks when they are due, until the process ends.
pub(super) async fn call_back(app: App) {
    let mut loaded = BTreeSet::new();
    loop {
        load_fresh(&app, &mut loaded).await;
        let first = app.callbacks.first();
        let wait = first.as_ref().map_or(LOOK, |(at, ..)| at.saturating_sub(wall_ms()));
        if wait > 0 {
            // The clock may be set, and tenants come.
            let nap = Duration::from_millis(wait.min(LOOK));
            let _ = tokio::time::timeout(nap, app.callbacks.bell.notified()).await;
            continue;
        }
        let Some((at, tenant, callback)) = first else { continue };
        let late = wall_ms().saturating_sub(callback.due) > PATIENCE;
        let again = match begin(&app, &tenant, &callback).await {
            Ok(()) => None,
            Err(Unbegun::Never(why)) => {
                tracing::warn!(%tenant, call = %callback.call, "a callback is given up: {why}");
                None
            }
            Err(Unbegun::NotNow(why)) if late => {
                tracing::warn!(%tenant, call = %callback.call, "a callback is given up: {why}");
                None
            }
            Err(Unbegun::NotNow(why)) => {
                tracing::debug!(%tenant, call = %callback.call, "a callback waits: {why}");
                let pause = u64::try_from(AGAIN.as_millis()).unwrap_or(30_000);
                Some(wall_ms().saturating_add(pause))
            }
        };
        app.callbacks.took(at, &tenant, &callback, again);
        if again.is_none() {
            let done = app.gateway.keep(&tenant, CALLBACKS, &callback.call.to_string(), None).await;
            if let Err(error) = done {
                tracing::error!(%tenant, "a callback that is done stays kept: {error}");
            }
        }
    }
}

/// Reads what is kept of tenants that are new; one that cannot be read is tried again.
async fn load_fresh(app: &App, loaded: &mut BTreeSet<TenantId>) {
    for names in app.gateway.tenants().iter() {
        if loaded.contains(&names.tenant) {
            continue;
        }
        match load(app, &names.tenant).await {
            Ok(()) => {
                loaded.insert(names.tenant.clone());
            }
            Err(error) => {
                tracing::error!(tenant = %names.tenant, "callbacks cannot be read: {error}");
            }
        }
    }
}

async fn load(app: &App, tenant: &str) -> Result<(), KeepError> {
    let mut after: Option<String> = None;
    loop {
        let rows = app.gateway.kept_all(tenant, CALLBACKS, after.as_deref(), PAGE).await?;
        let last = rows.len() < PAGE;
        after = rows.last().map(|(key, _)| key.clone());
        for (key, document) in rows {
            match serde_json::from_value::<Callback>(document) {
                Ok(callback) => app.callbacks.restore(tenant, callback),
                Err(error) => tracing::error!(%tenant, %key, "a callback is not readable: {error}"),
            }
        }
        if last {
            return Ok(());
        }
    }
}

/// Why a callback is not begun.
enum Unbegun {
    /// It may be later.
    NotNow(String),
    /// It will be no better later.
    Never(String),
}

/// Rings the agent's phone, and then the customer.
async fn begin(app: &App, tenant: &str, callback: &Callback) -> Result<(), Unbegun> {
    let from = match &callback.agent {
        Some(id) => {
            let query = Query::Agent(id.clone());
            let Reply::Agent(view) = app.gateway.query(acting(tenant), query).await else {
                return Err(Unbegun::NotNow(format!("no agent {id}")));
            };
            let free = matches!(view.activity, Activity::Idle | Activity::CoolingDown { .. });
            if view.intent != Intent::Available || !free {
                return Err(Unbegun::NotNow(format!("agent {id} is not free")));
            }
            view.place.strip_prefix("extension:").map(str::to_owned)
        }
        None => callback.extension.clone(),
    };
    let none = || Unbegun::NotNow("there is no phone of ours to call from".into());
    let from = from.ok_or_else(none)?;
    let (to, terms) = (callback.number.clone(), CallTerms::default());
    let command = Command::Originate { from, to, auto_answer: false, terms };
    match app.gateway.command(acting(tenant), command).await {
        Ok(_) => {
            tracing::info!(%tenant, call = %callback.call, "a callback is begun");
            Ok(())
        }
        Err(CommandError::Forbidden(why) | CommandError::Invalid(why)) => Err(Unbegun::Never(why)),
        Err(CommandError::NotFound(why) | CommandError::Conflict(why)) => Err(Unbegun::NotNow(why)),
        Err(CommandError::Busy { what, .. }) => Err(Unbegun::NotNow(what)),
    }
}
