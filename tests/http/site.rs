//! The surface, running.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use strowger::api::{App, Limits, serve};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::client::{Answer, Connection};
use crate::fake::Fake;

/// Tokens that [`Fake`] knows: `ROLE-TENANT`.
pub const ADMIN: &str = "admin-t";

/// Nothing in here takes so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so, and panics where it does not become so.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A running surface with its own gateway and folder.
pub struct Site {
    pub fake: Arc<Fake>,
    pub address: SocketAddr,
    pub place: TempDir,
    /// Runs it; ends with it.
    _runtime: Runtime,
}

impl Site {
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        log();
        let place = tempfile::tempdir().unwrap();
        let fake = Arc::new(Fake::new(place.path()));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let handle = runtime.handle().clone();
        let (app, router) = App::open(Arc::<Fake>::clone(&fake), limits);
        for task in app.background() {
            runtime.spawn(task);
        }
        runtime.spawn(serve(listener, app, router, move |task| drop(handle.spawn(task))));
        Self { fake, address, place, _runtime: runtime }
    }

    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut connection = self.connect();
        connection.request(method, path, headers, body);
        connection.answer(method)
    }

    pub fn get_as(&self, token: &str, path: &str) -> Answer {
        self.send("GET", path, &[("Authorization", &format!("Bearer {token}"))], "")
    }

    pub fn get(&self, path: &str) -> Answer {
        self.get_as(ADMIN, path)
    }

    /// GET with further headers.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let key = format!("Bearer {ADMIN}");
        let mut all = vec![("Authorization", key.as_str())];
        all.extend(headers);
        self.send("GET", path, &all, "")
    }

    pub fn post_as(&self, token: &str, path: &str, body: &str) -> Answer {
        let key = format!("Bearer {token}");
        let headers = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
        self.send("POST", path, &headers, body)
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.post_as(ADMIN, path, body)
    }

    /// Anything with a body of JSON, or without one where it is empty.
    pub fn order(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let key = format!("Bearer {token}");
        let headers = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
        self.send(method, path, &headers, body)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[("Authorization", &format!("Bearer {ADMIN}"))], "")
    }
}

static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();

/// Everything that this process has logged, down to the last detail.
pub fn log() -> String {
    let log = LOG.get_or_init(|| {
        let log = Arc::<Mutex<Vec<u8>>>::default();
        let sink = Arc::clone(&log);
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || Sink(Arc::clone(&sink)))
            .init();
        log
    });
    let bytes = log.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
