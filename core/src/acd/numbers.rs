//! Units, and the numbers by which the distributor knows its own.

use std::cmp::Reverse;

use crate::vocab::CallId;

pub(super) type AgentNo = u32;
pub(super) type QueueNo = u32;
/// A skill class within a queue.
pub(super) type ClassNo = usize;

/// A second in nanoseconds.
pub(super) const SECOND: u64 = 1_000_000_000;
/// A millisecond in nanoseconds.
pub(super) const MS: u64 = 1_000_000;

/// Seconds as nanoseconds.
pub(super) fn secs(seconds: u32) -> u64 {
    u64::from(seconds) * SECOND
}

/// A caller's place in a line: highest priority first, then longest waiting. Callers are filed under the priority with
/// which they came: among those of one such priority whoever came first is first at any time, so that nothing has to be
/// moved when priorities grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CallerKey {
    pub priority: Reverse<u32>,
    pub joined: u64,
    /// The call that joined, where the caller was called back by another one.
    pub seat: CallId,
    pub call: CallId,
}

impl CallerKey {
    /// With the priority of now: one more whenever `aging` nanoseconds have been waited.
    pub fn aged(self, now: u64, aging: u64) -> Self {
        let grown = now.saturating_sub(self.joined).checked_div(aging).unwrap_or(0);
        let grown = u32::try_from(grown).unwrap_or(u32::MAX);
        Self { priority: Reverse(self.priority.0.saturating_add(grown)), ..self }
    }

    /// Behind everybody who came with the same priority.
    pub fn beyond(self) -> Self {
        let last = CallId(u128::MAX);
        Self { joined: u64::MAX, seat: last, call: last, ..self }
    }
}

/// A free agent's place among others: by what the strategy looks at, then the idle clock, then the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FreeKey {
    pub first: u64,
    pub idle_since: u64,
    pub rank: u32,
    pub agent: AgentNo,
}
