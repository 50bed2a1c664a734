//! The task that tells webhooks what happens.
//!
//! It owns the lanes. Attempts, and questions to the database, are tasks of their own; each tells the engine how it ended.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::super::clock::wall_ms;
use super::super::gateway::{Gateway, Shared};
use super::super::reading::Sort;
use super::lane::{Failure, Item, Lane, WINDOW};
use super::{Name, Note, Start, sign, written};
use crate::api::outgoing::{Hook, METHOD, PREVIOUS, PREVIOUS_UNTIL, previous_place};
use crate::net::outbound::{Outbound, OutboundError, Outgoing};
use crate::store::{
    Change, Changes, OutboxChange, OutboxCount, OutboxQuery, OutboxRow, Reader, Sealer, StoreError,
};

/// Attempts under way at a time, all webhooks together.
const AT_A_TIME: usize = 1_024;
/// Rows in the outbox for one webhook. When it is full the oldest parked ones are forgotten; where none is parked, what
/// comes is not told.
const ROWS: u64 = 100_000;
/// Parked rows that make room for others at a time.
const FORGOTTEN: u64 = 1_000;
/// Bytes of an answer that are read, only so that its connection can be used again.
const ANSWER: usize = 64 * 1024;
/// Notes that are read at a time.
const NOTES: usize = 256;
/// When nothing is due.
const LONG: Duration = Duration::from_secs(3_600);
/// The longest reason that is written down.
const REASON: usize = 300;

/// Runs until the process ends; does nothing where it runs already.
pub(in crate::node) async fn run(shared: Arc<Shared>) {
    let start = shared.webhooks.engine.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Start { notes, counts, boot }) = start else { return };
    let mut engine = Engine {
        gateway: Gateway { shared },
        lanes: BTreeMap::new(),
        tasks: JoinSet::new(),
        next: boot << 32,
        generation: 0,
    };
    engine.begin(&counts);
    engine.run(notes).await;
}

/// What a task of the engine's ends with.
enum Done {
    Attempt {
        name: Name,
        generation: u64,
        key: String,
        id: u64,
        outcome: Result<(), (Failure, String)>,
    },
    Filled {
        name: Name,
        generation: u64,
        rows: Result<Vec<OutboxRow>, StoreError>,
    },
}

struct Engine {
    gateway: Gateway,
    lanes: BTreeMap<Name, Lane>,
    tasks: JoinSet<Done>,
    /// The last id given to a row.
    next: u64,
    generation: u64,
}

impl Engine {
    fn begin(&mut self, counts: &[(String, String, OutboxCount)]) {
        for hook in self.gateway.shared.webhooks.all() {
            self.lane(&hook);
        }
        for (tenant, id, count) in counts {
            let kept = count.waiting + count.parked;
            let Some(hook) = self.gateway.shared.webhooks.get(tenant, id) else {
                // Its webhook went while it was being written down.
                let (tenant, hook) = (tenant.clone(), id.clone());
                self.write(vec![Change::Outbox(OutboxChange::Drop { tenant, hook })]);
                continue;
            };
            let name = (tenant.clone(), id.clone());
            self.generation += 1;
            self.lanes.insert(name, Lane::new(hook, self.generation, (kept, count.parked)));
            self.gateway.shared.webhooks.counts.kept.fetch_add(kept, Ordering::Relaxed);
        }
    }

    async fn run(mut self, mut notes: mpsc::Receiver<Note>) {
        loop {
            let wake = self.advance();
            tokio::select! {
                note = notes.recv() => {
                    let Some(note) = note else { return };
                    self.note(note);
                    for _ in 0..NOTES {
                        let Ok(note) = notes.try_recv() else { break };
                        self.note(note);
                    }
                }
                Some(done) = self.tasks.join_next() => match done {
                    Ok(done) => self.done(done),
                    Err(error) => tracing::error!("a delivery has panicked: {error}"),
                },
                () = sleep_until(wake) => {}
            }
        }
    }

    /// The lane of a webhook, which is made where there is none.
    fn lane(&mut self, hook: &Arc<Hook>) -> &mut Lane {
        let name = (hook.tenant.clone(), hook.id.clone());
        self.lanes.entry(name).or_insert_with(|| {
            self.generation += 1;
            Lane::new(Arc::clone(hook), self.generation, (0, 0))
        })
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Post { hook, new, row } => self.post(&hook, new, *row),
            Note::Changed(hook) => self.lane(&hook).change(hook),
            Note::Removed(name) => {
                let kept = self.lanes.remove(&name).map_or(0, |lane| lane.kept);
                self.gateway.shared.webhooks.counts.kept.fetch_sub(kept, Ordering::Relaxed);
            }
            Note::Again(name, rows) => {
                let now = Instant::now();
                if let Some(lane) = self.lanes.get_mut(&name) {
                    rows.into_iter().for_each(|row| lane.again(item(row), now));
                }
            }
            Note::Stored(name, id) => {
                if let Some(lane) = self.lanes.get_mut(&name) {
                    lane.stored(id);
                }
            }
        }
    }

    /// Writes a row down and has it told.
    fn post(&mut self, hook: &Arc<Hook>, new: bool, mut row: OutboxRow) {
        self.next += 1;
        row.id = self.next;
        let (name, id) = ((row.tenant.clone(), row.hook.clone()), row.id);
        if self.gateway.shared.webhooks.get(&row.tenant, &row.hook).is_none() {
            // It was removed meanwhile.
            return;
        }
        if !self.has_room(hook) {
            self.dropped(&name, "its outbox is full");
            return;
        }
        let mut list = Vec::new();
        if new {
            match written(hook, &self.gateway.shared.sealer) {
                Ok(change) => list.push(change),
                Err(error) => tracing::error!("a webhook cannot be written down: {error}"),
            }
        }
        list.push(Change::Outbox(OutboxChange::Add(row.clone())));
        let notes = self.gateway.shared.webhooks.notes.clone();
        let stored = name.clone();
        let done = move |outcome: Result<(), _>| {
            if let Err(error) = outcome {
                tracing::error!(
                    "a delivery is not written down and does not survive a restart: {error:?}"
                );
            }
            // Where there is no room for the note, a later one says the same.
            let _ = notes.try_send(Note::Stored(stored, id));
        };
        let tenant = String::new();
        let changes = Changes { tenant, list, done: Box::new(done) };
        if self.gateway.shared.keeper.change(changes).is_err() {
            self.dropped(&name, "the store has too much to do");
            return;
        }
        self.gateway.shared.webhooks.counts.kept.fetch_add(1, Ordering::Relaxed);
        self.lane(hook).add(item(row), Instant::now());
    }

    /// Whether a row more may be kept for a webhook; what was parked long ago makes room.
    fn has_room(&mut self, hook: &Arc<Hook>) -> bool {
        let lane = self.lane(hook);
        if lane.kept < ROWS {
            return true;
        }
        let count = lane.forget(FORGOTTEN);
        if count > 0 {
            let (tenant, hook) = (hook.tenant.clone(), hook.id.clone());
            tracing::error!(tenant, hook, count, "the oldest parked deliveries are forgotten");
            let counts = &self.gateway.shared.webhooks.counts;
            counts.dropped.fetch_add(count, Ordering::Relaxed);
            counts.kept.fetch_sub(count, Ordering::Relaxed);
            self.write(vec![Change::Outbox(OutboxChange::Forget { tenant, hook, count })]);
        }
        count > 0
    }

    fn dropped(&self, (tenant, hook): &Name, why: &str) {
        self.gateway.shared.webhooks.counts.dropped.fetch_add(1, Ordering::Relaxed);
        tracing::error!(tenant, hook, "something is not told: {why}");
    }

    /// Begins what is due, and says when to come back.
    fn advance(&mut self) -> Instant {
        let now = Instant::now();
        let (outbound, limit) = self.settings();
        let mut wake = now + LONG;
        for (name, lane) in self.lanes.iter_mut().filter(|(_, lane)| !lane.is_idle()) {
            if let Some(after) = lane.load(now) {
                let (name, generation) = (name.clone(), lane.generation);
                self.tasks.spawn(fill(self.gateway.clone(), name, generation, after));
            }
            while self.tasks.len() < AT_A_TIME
                && let Some(item) = lane.next(now)
            {
                let (name, generation) = (name.clone(), lane.generation);
                let (hook, sealer) = (Arc::clone(&lane.hook), &self.gateway.shared.sealer);
                let attempt =
                    attempt(outbound.clone(), hook, previous(sealer, &lane.hook), item, limit);
                self.tasks.spawn(async move {
                    let (key, id, outcome) = attempt.await;
                    Done::Attempt { name, generation, key, id, outcome }
                });
            }
            // Where all places are taken, the end of a task is what to wait for.
            let due = lane.due().filter(|due| *due > now);
            wake = [due, lane.load_due()].into_iter().flatten().fold(wake, Instant::min);
        }
        wake
    }

    fn settings(&self) -> (Outbound, Duration) {
        let shared = &self.gateway.shared;
        let running = shared.reload.running.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = running.webhooks;
        let outbound = shared.webhooks.outbound.clone();
        outbound.allow_private(settings.allow_private);
        (outbound, Duration::from_secs(settings.timeout_secs.into()))
    }

    fn give_up_ms(&self) -> u64 {
        let running = &self.gateway.shared.reload.running;
        let running = running.lock().unwrap_or_else(PoisonError::into_inner);
        u64::from(running.webhooks.give_up_secs) * 1_000
    }

    fn done(&mut self, done: Done) {
        let now = Instant::now();
        let give_up = self.give_up_ms();
        let live = |lanes: &mut BTreeMap<Name, Lane>, name: &Name, generation: u64| {
            lanes.get(name).is_some_and(|lane| lane.generation == generation)
        };
        match done {
            Done::Filled { name, generation, rows } => {
                if !live(&mut self.lanes, &name, generation) {
                    return;
                }
                let Some(lane) = self.lanes.get_mut(&name) else { return };
                match rows {
                    Ok(rows) => {
                        let all = rows.len() < WINDOW;
                        lane.filled(rows.into_iter().map(item).collect(), all, now);
                    }
                    Err(error) => {
                        tracing::warn!("the outbox cannot be read now: {error}");
                        lane.not_filled(now);
                    }
                }
            }
            Done::Attempt { name, generation, key, id, outcome } => {
                if !live(&mut self.lanes, &name, generation) {
                    return;
                }
                match outcome {
                    Ok(()) => self.taken(&name, &key, id, now),
                    Err((failure, why)) => {
                        self.failed(&name, (&key, id), failure, &why, (now, give_up));
                    }
                }
            }
        }
    }

    fn taken(&mut self, name: &Name, key: &str, id: u64, now: Instant) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        lane.taken(key, id, now);
        let counts = &self.gateway.shared.webhooks.counts;
        counts.delivered.fetch_add(1, Ordering::Relaxed);
        counts.kept.fetch_sub(1, Ordering::Relaxed);
        self.write(vec![Change::Outbox(OutboxChange::Done(id))]);
    }

    fn failed(
        &mut self,
        name: &Name,
        what: (&str, u64),
        failure: Failure,
        why: &str,
        (now, give_up): (Instant, u64),
    ) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        let wall = wall_ms();
        let verdicts = lane.failed(what, failure, (now, wall), give_up);
        let counts = &self.gateway.shared.webhooks.counts;
        counts.failed.fetch_add(1, Ordering::Relaxed);
        let error: String = why.chars().take(REASON).collect();
        let (tenant, hook) = name;
        tracing::debug!(tenant, hook, error, "a webhook was not told, tried again later");
        let parked = verdicts.iter().filter(|verdict| verdict.parked).count();
        if parked > 0 {
            counts.parked.fetch_add(parked as u64, Ordering::Relaxed);
            tracing::warn!(tenant, hook, parked, error, "deliveries are given up and parked");
        }
        let tried = verdicts.into_iter().map(|verdict| {
            Change::Outbox(OutboxChange::Tried {
                id: verdict.id,
                attempts: verdict.attempts,
                error: error.clone(),
                parked_at: verdict.parked.then_some(wall),
            })
        });
        let tried = tried.collect();
        self.write(tried);
    }

    /// What is not written down is done again after a restart, which does no harm.
    fn write(&self, list: Vec<Change>) {
        let done = Box::new(|outcome: Result<(), _>| {
            if let Err(error) = outcome {
                tracing::error!("the outbox could not be written: {error:?}");
            }
        });
        if self.gateway.shared.keeper.change(Changes { tenant: String::new(), list, done }).is_err()
        {
            tracing::warn!("the outbox could not be written: the store has too much to do");
        }
    }
}

async fn fill(gateway: Gateway, name: Name, generation: u64, after: u64) -> Done {
    let (tenant, hook) = name.clone();
    let query = OutboxQuery { tenant, hook, parked: Some(false), id: None, after, limit: WINDOW };
    let ask = move |reader: &Reader| reader.outbox(&query);
    let rows = gateway.read(Sort::Search(&name.0), ask).await;
    Done::Filled { name, generation, rows }
}

fn item(row: OutboxRow) -> Item {
    Item {
        id: row.id,
        order_key: row.order_key,
        since: row.since,
        attempts: row.attempts,
        headers: serde_json::from_str(&row.headers).unwrap_or_default(),
        body: Bytes::from(row.body),
    }
}

/// The secret that was replaced, while it goes on signing.
fn previous(sealer: &Sealer, hook: &Hook) -> Option<String> {
    let until = hook.more.get(PREVIOUS_UNTIL)?.as_u64()?;
    let sealed = hook.more.get(PREVIOUS)?.as_str().filter(|_| until > wall_ms())?;
    sealer.open_text(&previous_place(&hook.tenant, &hook.id), sealed)
}

/// Makes one attempt.
async fn attempt(
    outbound: Outbound,
    hook: Arc<Hook>,
    previous: Option<String>,
    item: Item,
    limit: Duration,
) -> (String, u64, Result<(), (Failure, String)>) {
    let Item { id, order_key, mut headers, body, .. } = item;
    let (name, seconds) = (delivery_id(id), wall_ms() / 1_000);
    let sign = |secret: &String| sign::signature(secret, &name, seconds, &body);
    let signatures: Vec<String> =
        [&hook.secret, &previous].into_iter().flatten().filter_map(sign).collect();
    let signature = (!signatures.is_empty()).then(|| signatures.join(" "));
    let own = [
        ("user-agent", concat!("strowger/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("webhook-id", name),
        ("webhook-timestamp", seconds.to_string()),
    ];
    headers.extend(own.map(|(name, value)| (name.to_owned(), value)));
    headers.extend(signature.map(|value| ("webhook-signature".to_owned(), value)));
    let url = sign::address(&hook, seconds);
    let (method, url, body) = addressed(&url, &mut headers, body);
    let outgoing = Outgoing { method, url, headers, body, limit, most: ANSWER };
    let outcome = match outbound.send(outgoing).await {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
        Ok(answer) => Err((Failure::Refused, format!("the answer was {}", answer.status))),
        Err(error @ (OutboundError::Unreachable(_) | OutboundError::Refused(_))) => {
            Err((Failure::Absent, error.to_string()))
        }
        Err(error @ OutboundError::Broken(_)) => Err((Failure::Refused, error.to_string())),
    };
    (order_key, id, outcome)
}

/// By which method and where to; a form that is sent by GET is a part of the address.
fn addressed(
    url: &str,
    headers: &mut Vec<(String, String)>,
    body: Bytes,
) -> (Method, String, Bytes) {
    let gets = headers.iter().any(|(name, method)| name == METHOD && method == "GET");
    headers.retain(|(name, _)| name != METHOD);
    if !gets {
        return (Method::POST, url.to_owned(), body);
    }
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
    let between = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{between}{}", String::from_utf8_lossy(&body));
    (Method::GET, url, Bytes::new())
}

/// The name of a delivery: the same in every attempt.
pub(super) fn delivery_id(id: u64) -> String {
    format!("{id:016x}")
}
