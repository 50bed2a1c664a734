//! Webhooks as the HTTP surface sees them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use std::sync::PoisonError;
use std::time::Duration;

use hyper::Method;
use tokio::sync::oneshot;

use super::super::clock::wall_ms;
use super::super::gateway::Gateway;
use super::super::reading::Sort;
use super::{KEY_BYTES, Note, SPACE, key, written};
use crate::api::gateway::Later;
use crate::api::outgoing::{
    Answer, Ask, BODY_BYTES, DeliveriesQuery, Delivery, HOOKS, Hook, HookError, OutboxFigures,
    Outgoing, Post, PostError,
};
use crate::net::outbound;
use crate::store::{Change, ChangeError, Changes, OutboxChange, OutboxQuery, OutboxRow, Reader};

/// Rows that are sent again at a time.
const AGAIN: usize = 1_000;

impl Outgoing for Gateway {
    fn hooks(&self, tenant: &str) -> Vec<Arc<Hook>> {
        self.shared.webhooks.of_tenant(tenant)
    }

    fn hook(&self, tenant: &str, id: &str) -> Option<Arc<Hook>> {
        self.shared.webhooks.get(tenant, id)
    }

    fn put_hook(&self, hook: Hook) -> Later<'_, Result<(), HookError>> {
        Box::pin(async move {
            let webhooks = &self.shared.webhooks;
            if !self.shared.tenants.has(&hook.tenant) {
                return Err(HookError::Failed("there is no such tenant".into()));
            }
            let others = webhooks.of_tenant(&hook.tenant);
            if others.len() >= HOOKS && !others.iter().any(|other| other.id == hook.id) {
                return Err(HookError::Full);
            }
            let change = written(&hook, &self.shared.sealer);
            let change = change.map_err(|error| HookError::Failed(error.to_string()))?;
            changed(self, vec![change]).await?;
            let hook = Arc::new(hook);
            if !webhooks.insert(Arc::clone(&hook)) {
                // Others came first, and it must not be there after a restart.
                changed(self, vec![gone(&hook.tenant, &hook.id)]).await?;
                return Err(HookError::Full);
            }
            noted(self, Note::Changed(hook)).await
        })
    }

    fn remove_hook(&self, tenant: &str, id: &str) -> Later<'_, Result<(), HookError>> {
        let (tenant, hook) = (tenant.to_owned(), id.to_owned());
        Box::pin(async move {
            // Where the disk refuses, all is as before.
            changed(self, vec![gone(&tenant, &hook)]).await?;
            self.shared.webhooks.remove(&tenant, &hook);
            noted(self, Note::Removed((tenant.clone(), hook.clone()))).await?;
            let rows = OutboxChange::Drop { tenant, hook };
            if let Err(error) = changed(self, vec![Change::Outbox(rows)]).await {
                // Nobody is told them: the next start finds rows without a webhook, and drops them.
                tracing::warn!(
                    "what a removed webhook was to be told is kept until the next start: {error:?}"
                );
            }
            Ok(())
        })
    }

    fn post(&self, post: Post) -> Result<(), PostError> {
        let Post { tenant, to, order_key, headers, body } = post;
        if body.len() > BODY_BYTES || order_key.len() > KEY_BYTES {
            return Err(PostError::TooLarge);
        }
        if !self.shared.tenants.has(&tenant) {
            return Err(PostError::NoHook);
        }
        let webhooks = &self.shared.webhooks;
        let (hook, new) = webhooks.find(&tenant, to)?;
        let row = Box::new(OutboxRow {
            id: 0,
            tenant,
            hook: hook.id.clone(),
            order_key,
            since: wall_ms(),
            attempts: 0,
            parked_at: None,
            error: String::new(),
            headers: serde_json::to_string(&headers).unwrap_or_default(),
            body: body.to_vec(),
        });
        webhooks.notes.try_send(Note::Post { hook, new, row }).map_err(|_| {
            webhooks.counts.dropped.fetch_add(1, Ordering::Relaxed);
            PostError::Busy
        })
    }

    fn deliveries(&self, query: DeliveriesQuery) -> Later<'_, Result<Vec<Delivery>, HookError>> {
        let DeliveriesQuery { tenant, hook, parked, after, limit } = query;
        let query = OutboxQuery { tenant, hook, parked, id: None, after, limit };
        Box::pin(async move { Ok(rows(self, query).await?.into_iter().map(delivery).collect()) })
    }

    fn resend(
        &self,
        tenant: &str,
        hook: &str,
        delivery: Option<u64>,
    ) -> Later<'_, Result<usize, HookError>> {
        let (tenant, hook) = (tenant.to_owned(), hook.to_owned());
        let query = OutboxQuery {
            tenant: tenant.clone(),
            hook: hook.clone(),
            parked: Some(true),
            id: delivery,
            after: 0,
            limit: AGAIN,
        };
        Box::pin(async move {
            let since = wall_ms();
            let parked = rows(self, query).await?;
            let again = |row: OutboxRow| OutboxRow { since, attempts: 0, parked_at: None, ..row };
            let parked: Vec<OutboxRow> = parked.into_iter().map(again).collect();
            let change =
                |row: &OutboxRow| Change::Outbox(OutboxChange::Again { id: row.id, since });
            changed(self, parked.iter().map(change).collect()).await?;
            let count = parked.len();
            noted(self, Note::Again((tenant, hook), parked)).await?;
            Ok(count)
        })
    }

    fn ask(&self, ask: Ask) -> Later<'_, Result<Answer, String>> {
        let (outbound, limit) = settings(self);
        Box::pin(async move {
            let Ask { method, url, headers, body, most } = ask;
            let method: Method = method.parse().map_err(|_| format!("{method} is no method"))?;
            let outgoing = outbound::Outgoing { method, url, headers, body, limit, most };
            let answer = outbound.send(outgoing).await.map_err(|error| error.to_string())?;
            let body =
                answer.body.ok_or_else(|| format!("the answer is longer than {most} bytes"))?;
            Ok(Answer { status: answer.status, content_type: answer.content_type, body })
        })
    }

    fn check_url(&self, url: &str) -> Later<'_, Result<(), String>> {
        let ((outbound, limit), url) = (settings(self), url.to_owned());
        Box::pin(async move {
            match tokio::time::timeout(limit, outbound.check(&url)).await {
                Ok(judged) => judged,
                Err(_) => Err("its host's name is not resolved in time".into()),
            }
        })
    }

    fn outbox_figures(&self) -> OutboxFigures {
        let counts = &self.shared.webhooks.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        OutboxFigures {
            delivered: read(&counts.delivered),
            failed: read(&counts.failed),
            parked: read(&counts.parked),
            dropped: read(&counts.dropped),
            kept: read(&counts.kept),
        }
    }
}

/// The client as it may be used now, and how long an answer may take.
fn settings(gateway: &Gateway) -> (outbound::Outbound, Duration) {
    let running = &gateway.shared.reload.running;
    let settings = running.lock().unwrap_or_else(PoisonError::into_inner).webhooks;
    let outbound = gateway.shared.webhooks.outbound.clone();
    outbound.allow_private(settings.allow_private);
    (outbound, Duration::from_secs(settings.timeout_secs.into()))
}

async fn rows(gateway: &Gateway, query: OutboxQuery) -> Result<Vec<OutboxRow>, HookError> {
    let tenant = query.tenant.clone();
    let ask = move |reader: &Reader| reader.outbox(&query);
    let rows = gateway.read(Sort::Search(&tenant), ask).await;
    rows.map_err(|error| HookError::Failed(error.to_string()))
}

/// Tells the engine, which reads faster than anybody writes.
async fn noted(gateway: &Gateway, note: Note) -> Result<(), HookError> {
    let sent = gateway.shared.webhooks.notes.send(note).await;
    sent.map_err(|_| HookError::Failed("the deliveries have ended".into()))
}

/// Answers when the changes are on disk.
async fn changed(gateway: &Gateway, list: Vec<Change>) -> Result<(), HookError> {
    let failed = |why: &str| HookError::Failed(why.to_owned());
    let (tell, told) = oneshot::channel();
    let done = Box::new(move |outcome| drop(tell.send(outcome)));
    let changes = Changes { tenant: String::new(), list, done };
    let taken = gateway.shared.keeper.change(changes);
    taken.map_err(|_| failed("the store has too much to do"))?;
    match told.await.map_err(|_| failed("the store has ended"))? {
        Ok(()) => Ok(()),
        Err(ChangeError::Full(_)) => Err(HookError::Full),
        Err(error) => Err(HookError::Failed(format!("{error:?}"))),
    }
}

/// A webhook is on disk no longer.
fn gone(tenant: &str, hook: &str) -> Change {
    Change::Delete { space: SPACE.into(), key: key(tenant, hook) }
}

fn delivery(row: OutboxRow) -> Delivery {
    Delivery {
        id: row.id,
        order_key: row.order_key,
        since: row.since,
        attempts: row.attempts,
        parked_at: row.parked_at,
        error: row.error,
        body: row.body,
    }
}
