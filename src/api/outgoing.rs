//! What the HTTP surface tells and asks other systems: webhooks with a durable outbox, and single questions.

use std::fmt;
use std::sync::Arc;

use axum::body::Bytes;
use serde_json::Value;
use strowger_core::vocab::TenantId;

use super::gateway::Later;

/// Bytes of one delivery's body.
pub const BODY_BYTES: usize = 256 * 1024;
/// Webhooks of one tenant.
pub const HOOKS: usize = 200;

/// A header field of a [`Post`] that is not sent: the method, POST unless said. With GET the body, a form, is sent as the
/// query of the URL.
pub const METHOD: &str = ":method";

/// Where [`Hook::more`] has the secret that was replaced, sealed for [`previous_place`], and until when it signs.
pub const PREVIOUS: &str = "previous";
/// ... in milliseconds since the Unix epoch.
pub const PREVIOUS_UNTIL: &str = "previous_until";

/// Where the secret that was replaced opens.
pub fn previous_place(tenant: &str, hook: &str) -> String {
    format!("webhook-previous/{tenant}/{hook}")
}

/// A place that is told what happens.
#[derive(Clone, PartialEq)]
pub struct Hook {
    /// Its name, 1 to 64 of `a-z A-Z 0-9 - _`; unique within the tenant.
    pub id: String,
    /// Whose.
    pub tenant: TenantId,
    /// Who made it and renders what it is told: `native`, or a dialect's name.
    pub owner: String,
    /// Where it is.
    pub url: String,
    /// What it wants to hear of, in its owner's words.
    pub events: Vec<String>,
    /// What signs each delivery (Standard Webhooks); `None` where the owner signs in its own way, or not.
    pub secret: Option<String>,
    /// Nothing new is told while it is false, and what waits goes on waiting.
    pub enabled: bool,
    /// For people.
    pub description: String,
    /// Milliseconds since the Unix epoch.
    pub created_at: u64,
    /// What else its owner remembers with it.
    pub more: Value,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, tenant, owner, url, .. } = self;
        write!(f, "Hook {{ {tenant}/{id} of {owner}, {url} }}")
    }
}

/// Where something is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// To a webhook, wherever it is by then.
    Hook(String),
    /// To a URL. It gets a webhook of its owner's that is shown and sent again like others, and told nothing else.
    Url {
        /// A dialect's name.
        owner: &'static str,
        /// Where.
        url: String,
    },
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Whose.
    pub tenant: TenantId,
    /// To whom.
    pub to: To,
    /// What has the same one is told in order: the call, mostly. At most 128 bytes.
    pub order_key: String,
    /// Header fields, `Content-Type` among them.
    pub headers: Vec<(String, String)>,
    /// At most [`BODY_BYTES`].
    pub body: Bytes,
}

/// Why something is not going to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostError {
    /// There is no such webhook, or no more can be made.
    NoHook,
    /// The body or the order key is too long.
    TooLarge,
    /// Too much waits.
    Busy,
}

/// Why a webhook was not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookError {
    /// The tenant has as many as it may.
    Full,
    /// The store cannot write; the reason is for the log.
    Failed(String),
}

/// Which deliveries are wanted; in order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveriesQuery {
    /// Whose.
    pub tenant: TenantId,
    /// Of which webhook.
    pub hook: String,
    /// Only those that were given up, or only those that were not.
    pub parked: Option<bool>,
    /// Only those behind this one.
    pub after: u64,
    /// How many at most.
    pub limit: usize,
}

/// Something that its receiver does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Grows with time.
    pub id: u64,
    /// What has the same one is told in order.
    pub order_key: String,
    /// When it came in, or was sent again; milliseconds since the Unix epoch.
    pub since: u64,
    /// Attempts that failed since then.
    pub attempts: u32,
    /// When it was given up.
    pub parked_at: Option<u64>,
    /// How the last attempt failed.
    pub error: String,
    /// The body.
    pub body: Vec<u8>,
}

/// A question to another system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Where.
    pub url: String,
    /// Header fields, `Content-Type` among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Bytes of the answer's body that are read at most; a longer one is an error.
    pub most: usize,
}

/// Its answer, whatever status it has. Redirects are not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Content-Type`, or nothing.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

/// Counts of the outbox since the start, and what is in it now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxFigures {
    /// Deliveries that their receivers took.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Deliveries given up.
    pub parked: u64,
    /// Deliveries that there was no room for.
    pub dropped: u64,
    /// Deliveries that wait or are parked now.
    pub kept: u64,
}

/// The part of the gateway that speaks to other systems. Nothing private is reached unless `webhooks.allow_private` is
/// set, however it is written and wherever its name leads by then.
pub trait Outgoing: Send + Sync {
    /// The webhooks of a tenant, by id.
    fn hooks(&self, tenant: &str) -> Vec<Arc<Hook>>;

    /// One of them.
    fn hook(&self, tenant: &str, id: &str) -> Option<Arc<Hook>>;

    /// Makes a webhook, or replaces what it was; answered when it is on disk. The URL was checked before.
    fn put_hook(&self, hook: Hook) -> Later<'_, Result<(), HookError>>;

    /// Removes a webhook with all that it has not been told.
    fn remove_hook(&self, tenant: &str, id: &str) -> Later<'_, Result<(), HookError>>;

    /// Tells something: at least once, in order within the order key, tried again with growing pauses and parked in
    /// the end. It is on disk a fifth of a second later.
    ///
    /// # Errors
    /// It is not going to be told.
    fn post(&self, post: Post) -> Result<(), PostError>;

    /// What a webhook has not been told yet.
    fn deliveries(&self, query: DeliveriesQuery) -> Later<'_, Result<Vec<Delivery>, HookError>>;

    /// Begins anew with what was parked: one delivery, or the oldest thousand. Says how many.
    fn resend(
        &self,
        tenant: &str,
        hook: &str,
        delivery: Option<u64>,
    ) -> Later<'_, Result<usize, HookError>>;

    /// Asks something once, within `webhooks.timeout_secs`. The error is for people.
    fn ask(&self, ask: Ask) -> Later<'_, Result<Answer, String>>;

    /// Whether something could be told there now. The error says what is wrong.
    fn check_url(&self, url: &str) -> Later<'_, Result<(), String>>;

    /// What was told and what was not.
    fn outbox_figures(&self) -> OutboxFigures;
}
