//! The end of a run: no new calls, the present ones go on for a time, and nobody who waits is cut off without a word.

use crate::call::SECOND;
use crate::vocab::record::EndCause;
use crate::vocab::{CallId, Effect, Now};

use super::Running;

/// So long before the end whoever waits in a queue still is told that nobody can answer; nanoseconds.
const FAREWELL: u64 = 15 * SECOND;

/// No new calls; the rest ends by then. Times are monotonic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drain {
    pub(super) deadline: u64,
    /// When callers who wait are let go.
    farewell: Option<u64>,
    pub(super) reported: bool,
}

impl Drain {
    /// When something is due.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let next = self.farewell.unwrap_or(self.deadline).min(self.deadline);
        (!self.reported).then_some(next)
    }
}

impl Running {
    /// No new calls; existing ones end by themselves or at the deadline. Callers whose queue has another place for them go
    /// there: an agent who answered now would be cut off. The others may still be answered.
    pub(super) fn begin_drain(&mut self, now: Now, grace_ms: u64) {
        let deadline = now.mono.saturating_add(grace_ms.saturating_mul(1_000_000));
        let reported = self.drain.is_some_and(|drain| drain.reported);
        let farewell = Some(deadline.saturating_sub(FAREWELL).max(now.mono));
        self.drain = Some(Drain { deadline, farewell, reported });
        // Carriers bring no new calls to an account that has left.
        self.books.trunks.withdraw(now);
        for call in self.waiting_callers(true) {
            self.queues.acd.time_is_up(now, call);
        }
        self.tick_trunks(now);
        self.tick_drain(now);
    }

    pub(super) fn tick_drain(&mut self, now: Now) {
        let Some(drain) = &mut self.drain else { return };
        let is_over = !drain.reported && drain.deadline <= now.mono;
        if drain.farewell.take_if(|at| *at <= now.mono).is_some() && !is_over {
            for call in self.waiting_callers(false) {
                self.queues.acd.time_is_up(now, call);
            }
        }
        if !is_over {
            return;
        }
        let live: Vec<CallId> =
            self.calls.iter().filter(|call| call.is_live()).map(|call| call.id).collect();
        for call in live {
            self.step(now, call, |call, ctx| call.hang_up(ctx, EndCause::Shutdown));
        }
        // The calls have ended; what is awaited now are their reports, which have limits of their own.
        if let Some(drain) = &mut self.drain {
            drain.deadline = u64::MAX;
        }
    }

    /// Tells the shell, once, when no call is left and every BYE is answered.
    pub(super) fn report_drained(&mut self) {
        let quiet = self.calls.is_empty() && self.desk.sip.counts().legs == 0;
        if let Some(drain) = self.drain.as_mut().filter(|drain| quiet && !drain.reported) {
            drain.reported = true;
            self.desk.out.push(Effect::Drained);
        }
    }
}
