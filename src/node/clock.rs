//! The time, read outside the switch and handed in.

use std::time::Instant;

use strowger_core::vocab::Now;

pub(super) use crate::api::wall_ms;

/// Counts from the start of the process.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts counting.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// This moment.
    pub fn now(&self) -> Now {
        let mono = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Now { mono, wall: wall_ms() }
    }

    /// Monotonic nanoseconds only.
    pub fn mono(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
