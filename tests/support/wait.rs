//! Waiting for an event, never for a duration.

use std::thread;
use std::time::{Duration, Instant};

/// How often a probe looks.
const LOOK: Duration = Duration::from_millis(20);

/// Probes until it yields a value, and panics naming `what` when `limit` has passed without one.
pub fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < end, "{what}: not seen within {limit:?}");
        thread::sleep(LOOK);
    }
}

/// [`wait_for`] with a condition.
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    wait_for(what, limit, || condition().then_some(()));
}
