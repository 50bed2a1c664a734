//! What all handlers share, and the one router.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use strowger_core::vocab::Principal;

use super::attempts::Attempts;
use super::changes::Changes;
use super::dispositions::{self, Pending};
use super::gateway::{Gateway, Task};
use super::idempotency::{self, Idempotency};
use super::pace::Paces;
use super::problem::Problem;
use super::{conditional, dialect, health, metrics, native, openapi, provision, web, webhooks};

/// Bounds of the HTTP surface.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request's body; more is answered with 413.
    pub body: usize,
    /// Connections at a time; more are closed at once.
    pub connections: usize,
    /// Addresses of proxies that say who came to them.
    pub proxies: Vec<IpAddr>,
    /// How long a request's head may take, also the pause between two requests of a connection.
    pub head: Duration,
    /// How long a request may take until its answer begins; then it is answered with 503.
    pub answer: Duration,
    /// A connection whose client reads nothing for so long, while there is something to read, is closed.
    pub stall: Duration,
    /// Requests a second of one key on average; more are answered with 429. 0 is no limit.
    pub requests_per_second: u32,
    /// Event streams of one tenant at a time; more are answered with 429.
    pub event_streams: usize,
    /// The longest silence of an event stream.
    pub heartbeat: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 64 * 1024,
            connections: 1_024,
            proxies: Vec::new(),
            head: Duration::from_secs(15),
            answer: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            requests_per_second: 0,
            event_streams: 64,
            heartbeat: Duration::from_secs(15),
        }
    }
}

/// Counts of the HTTP surface itself.
#[derive(Debug, Default)]
pub(super) struct HttpFigures {
    /// Answers by the first digit of their status, from 1.
    pub(super) answers: [AtomicU64; 5],
    /// Connections open now.
    pub(super) connections: AtomicU64,
    /// Connections closed because there were too many.
    pub(super) connections_refused: AtomicU64,
    /// Wrong tokens.
    pub(super) auth_failures: AtomicU64,
    /// Requests refused because too many wrong tokens came from their address.
    pub(super) auth_limited: AtomicU64,
    /// Events sent to all streams together.
    pub(super) events_sent: AtomicU64,
    /// Streams that were told to start over.
    pub(super) event_resets: AtomicU64,
    /// Requests refused because their key had too many.
    pub(super) limited: AtomicU64,
    /// Times that webhooks fell behind the events.
    pub(super) webhook_resets: AtomicU64,
}

/// What [`App`] points to.
pub struct Parts {
    pub(super) gateway: Arc<dyn Gateway>,
    pub(super) limits: Limits,
    /// Wrong keys.
    pub(super) attempts: Attempts,
    /// Wrong secrets of desk phones.
    pub(super) phone_attempts: Attempts,
    paces: Paces,
    /// Who changes which definition.
    pub(super) changes: Changes,
    /// Requests that are not done twice.
    pub(super) idempotency: Idempotency,
    pub(super) figures: HttpFigures,
    /// The latest events in JSON.
    pub(super) latest: native::rendered::Latest,
    /// What the dialects remember while the process runs.
    pub(super) dialects: dialect::Memory,
    /// Callbacks that are to come.
    pub(super) callbacks: Pending,
    /// Event streams by tenant.
    pub(super) seats: Mutex<BTreeMap<String, usize>>,
    /// The description in JSON: the tree that it is made of is large, and few ask for it.
    pub(super) openapi: Bytes,
    started: Instant,
    /// Seconds since the Unix epoch.
    pub(super) started_at: u64,
}

/// What all handlers share; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// The surface of a process, and the router with everything that it serves.
    pub fn open(gateway: Arc<dyn Gateway>, limits: Limits) -> (Self, Router) {
        let (routes, mut openapi) = documented().split_for_parts();
        conditional::describe(&mut openapi);
        let app = Self(Arc::new(Parts {
            gateway,
            paces: Paces::new(limits.requests_per_second),
            changes: Changes::default(),
            idempotency: Idempotency::default(),
            limits,
            attempts: Attempts::default(),
            phone_attempts: Attempts::default(),
            figures: HttpFigures::default(),
            latest: native::rendered::Latest::default(),
            dialects: dialect::Memory::default(),
            callbacks: Pending::default(),
            seats: Mutex::default(),
            openapi: serde_json::to_vec(&openapi).map(Bytes::from).unwrap_or_default(),
            started: Instant::now(),
            started_at: wall_ms() / 1_000,
        }));
        let once = from_fn_with_state(app.clone(), idempotency::once);
        let routes = conditional::around(routes, &app).layer(once);
        let router = bounded(routes.merge(web::routes()).merge(dialect::routes()), &app);
        (app, router)
    }

    /// What has to run beside the requests from the start. Whoever follows events begins to do so here, so that
    /// nothing that happens once this has returned is missed.
    pub fn background(&self) -> Vec<Task> {
        let mut tasks = dialect::background(self);
        tasks.push(webhooks::task(self));
        tasks.push(Box::pin(dispositions::call_back(self.clone())));
        tasks
    }

    /// Milliseconds since the start; never goes back.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Counts a request of a key against its pace; otherwise says after how many seconds it may ask again.
    pub(super) fn pace(&self, key: &Principal) -> Result<(), u32> {
        self.paces.take(key, self.now_ms()).inspect_err(|_| {
            self.figures.limited.fetch_add(1, Ordering::Relaxed);
        })
    }

    /// Forgets a tenant that is gone: what is remembered of it while the process runs.
    pub(super) async fn forget_tenant(&self, tenant: &str) {
        self.idempotency.forget_tenant(tenant);
        self.callbacks.forget_tenant(tenant);
        self.dialects.forget_tenant(tenant).await;
    }

    /// Event streams open now, of all tenants.
    pub(super) fn streams(&self) -> usize {
        self.seats().values().sum()
    }

    pub(super) fn seats(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since the Unix epoch.
pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Every route, each with its description.
fn documented() -> utoipa_axum::router::OpenApiRouter<App> {
    openapi::base()
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(openapi::routes())
        .merge(native::routes())
        .merge(provision::routes())
}

/// The whole description.
#[cfg(test)]
pub(super) fn described() -> utoipa::openapi::OpenApi {
    let mut openapi = documented().split_for_parts().1;
    conditional::describe(&mut openapi);
    openapi
}

/// The bounds that hold for everything that is served.
fn bounded(routes: Router<App>, app: &App) -> Router {
    routes
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(app.limits.body))
        .layer(from_fn_with_state(app.clone(), around))
        .with_state(app.clone())
}

async fn nowhere(uri: Uri) -> Problem {
    Problem::not_found(format!("nothing is at {}; /api/v1/openapi.json lists what is", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail =
        format!("{} does not take {method}; the Allow header says what it does", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Limits the time of every request and counts its answer.
async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let limit = app.limits.answer;
    let asks_only = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let answer = async move {
        tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
            let detail = format!("no answer within {} s", limit.as_secs());
            Problem::retry(StatusCode::SERVICE_UNAVAILABLE, 1, detail).into_response()
        })
    };
    let response = if asks_only { answer.await } else { to_its_end(&app, answer).await };
    let class = usize::from(response.status().as_u16() / 100).wrapping_sub(1);
    if let Some(count) = app.figures.answers.get(class) {
        count.fetch_add(1, Ordering::Relaxed);
    }
    response
}

/// What changes something is not left half done when its client goes away: what is on disk comes into force, and the log
/// of orders says so.
async fn to_its_end(
    app: &App,
    answer: impl Future<Output = Response> + Send + 'static,
) -> Response {
    let (done, waiting) = tokio::sync::oneshot::channel();
    app.gateway.run(Box::pin(async move {
        // Whoever asked may have gone away.
        let _ = done.send(answer.await);
    }));
    waiting.await.unwrap_or_else(|_| {
        Problem::internal(&"a request has ended without an answer").into_response()
    })
}
