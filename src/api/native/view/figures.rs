//! What was counted for queues and agents.

use std::fmt::Write;

use serde::Serialize;
use strowger_core::vocab::acd::{AgentFigures, FigureRecord, OverflowReason, QueueFigures};
use strowger_core::vocab::command::{Counted, Span};
use utoipa::ToSchema;

/// The reasons for which callers overflow, in the order of the columns.
const REASONS: [OverflowReason; 5] = [
    OverflowReason::Timeout,
    OverflowReason::NoAgent,
    OverflowReason::Full,
    OverflowReason::ExitKey,
    OverflowReason::QueueRemoved,
];

/// Length of an interval.
const QUARTER_MS: u64 = 900_000;

/// Callers who left a queue without an agent, by reason.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct Overflowed {
    timeout: u64,
    no_agent: u64,
    full: u64,
    exit_key: u64,
    queue_removed: u64,
}

/// Sums for a queue. Durations are ms.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct QueueSums {
    /// Callers who came.
    entered: u64,
    /// Offers made.
    offered: u64,
    /// Callers whom an agent answered.
    answered: u64,
    /// ... within the service level.
    answered_in_time: u64,
    /// Callers who hung up waiting.
    abandoned: u64,
    /// ... after the service level's time.
    abandoned_late: u64,
    /// Callers who left otherwise.
    overflowed: Overflowed,
    /// Callers whom somebody took out.
    removed: u64,
    /// Callers whom somebody picked up who is no agent of the queue.
    picked_up: u64,
    /// Callbacks taken.
    callbacks: u64,
    /// Percent: answered in time, of those answered and those who hung up late; null without any.
    service_level: Option<f64>,
    /// Mean wait of those answered; null without any.
    mean_wait_ms: Option<u64>,
    /// Mean wait of those who hung up; null without any.
    mean_wait_abandoned_ms: Option<u64>,
    /// The longest wait of anybody.
    longest_wait_ms: u64,
    /// Conversations, summed.
    talk_ms: u64,
    /// Wrap-up, summed.
    wrap_up_ms: u64,
    /// Mean of conversation and wrap-up; null without any.
    mean_handling_ms: Option<u64>,
}

impl From<QueueFigures> for QueueSums {
    fn from(sums: QueueFigures) -> Self {
        let by = |reason| sums.overflowed.get(&reason).copied().unwrap_or(0);
        let [timeout, no_agent, full, exit_key, queue_removed] = REASONS.map(by);
        Self {
            entered: sums.entered,
            offered: sums.offered,
            answered: sums.answered,
            answered_in_time: sums.answered_in_time,
            abandoned: sums.abandoned,
            abandoned_late: sums.abandoned_late,
            overflowed: Overflowed { timeout, no_agent, full, exit_key, queue_removed },
            removed: sums.removed,
            picked_up: sums.picked_up,
            callbacks: sums.callbacks,
            service_level: percent(sums.answered_in_time, sums.answered + sums.abandoned_late),
            mean_wait_ms: sums.wait_answered_ms.checked_div(sums.answered),
            mean_wait_abandoned_ms: sums.wait_abandoned_ms.checked_div(sums.abandoned),
            longest_wait_ms: sums.wait_longest_ms,
            talk_ms: sums.talk_ms,
            wrap_up_ms: sums.wrap_up_ms,
            mean_handling_ms: (sums.talk_ms + sums.wrap_up_ms).checked_div(sums.answered),
        }
    }
}

/// With one digit behind the point.
fn percent(part: u64, whole: u64) -> Option<f64> {
    let tenths = (part.saturating_mul(1_000)).checked_div(whole)?;
    u32::try_from(tenths).ok().map(|tenths| f64::from(tenths) / 10.0)
}

/// Sums for an agent. Durations are ms.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct AgentSums {
    /// Offers made.
    offered: u64,
    /// Offers answered.
    answered: u64,
    /// Offers that rang out.
    missed: u64,
    /// Offers refused.
    rejected: u64,
    /// Offers that found a busy or unreachable phone.
    failed: u64,
    /// Time offered.
    ringing_ms: u64,
    /// Conversations, summed.
    talk_ms: u64,
    /// Wrap-up, summed.
    wrap_up_ms: u64,
    /// Time logged in.
    logged_in_ms: u64,
    /// Time on break.
    break_ms: u64,
    /// Percent: conversation and wrap-up, of the time logged in and not on break; null without any.
    occupancy: Option<f64>,
}

impl From<AgentFigures> for AgentSums {
    fn from(sums: AgentFigures) -> Self {
        let working = sums.logged_in_ms.saturating_sub(sums.break_ms);
        Self {
            offered: sums.offered,
            answered: sums.answered,
            missed: sums.missed,
            rejected: sums.rejected,
            failed: sums.failed,
            ringing_ms: sums.ringing_ms,
            talk_ms: sums.talk_ms,
            wrap_up_ms: sums.wrap_up_ms,
            logged_in_ms: sums.logged_in_ms,
            break_ms: sums.break_ms,
            occupancy: percent((sums.talk_ms + sums.wrap_up_ms).min(working), working),
        }
    }
}

/// Sums over a span of time that ends now.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct SpanItem<T> {
    /// How far it reaches back in seconds; null to the tenant's midnight.
    secs: Option<u32>,
    /// What was counted.
    #[serde(flatten)]
    sums: T,
}

/// Sums over several spans of time up to now.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct Spans<T> {
    /// Since midnight, and over the last minutes.
    spans: Vec<SpanItem<T>>,
    /// When this was true.
    as_of: u64,
}

impl<T> Spans<T> {
    /// Those spans that have what `take` looks for.
    pub(in crate::api::native) fn of<U: Into<T>>(
        counted: Counted,
        take: fn(Span) -> Option<U>,
    ) -> Self {
        let span = |span: Span| {
            let secs = span.secs;
            take(span).map(|sums| SpanItem { secs, sums: sums.into() })
        };
        Self { spans: counted.spans.into_iter().filter_map(span).collect(), as_of: counted.as_of }
    }
}

/// A quarter of an hour.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct IntervalItem<T> {
    /// Its beginning, ms since the Unix epoch; a multiple of 900,000.
    from: u64,
    /// Its end.
    until: u64,
    /// What was counted.
    #[serde(flatten)]
    sums: T,
}

impl<T> IntervalItem<T> {
    /// Of a record that has what `take` looks for.
    pub(in crate::api::native) fn of<U: Into<T>>(
        record: FigureRecord,
        take: fn(FigureRecord) -> Option<U>,
    ) -> Option<Self> {
        let from = record.from;
        take(record).map(|sums| Self { from, until: from + QUARTER_MS, sums: sums.into() })
    }
}

/// Something with columns.
pub(in crate::api::native) trait Columns {
    /// Their names.
    const HEAD: &'static str;

    /// Their values; what is null is empty.
    fn row(&self) -> Vec<String>;
}

fn or_empty<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

impl Columns for QueueSums {
    const HEAD: &'static str = "entered,offered,answered,answered_in_time,abandoned,abandoned_late,\
        overflowed_timeout,overflowed_no_agent,overflowed_full,overflowed_exit_key,overflowed_queue_removed,\
        removed,picked_up,callbacks,service_level,mean_wait_ms,mean_wait_abandoned_ms,longest_wait_ms,talk_ms,wrap_up_ms,\
        mean_handling_ms";

    fn row(&self) -> Vec<String> {
        let over = &self.overflowed;
        let first = [
            self.entered,
            self.offered,
            self.answered,
            self.answered_in_time,
            self.abandoned,
            self.abandoned_late,
            over.timeout,
            over.no_agent,
            over.full,
            over.exit_key,
            over.queue_removed,
            self.removed,
            self.picked_up,
            self.callbacks,
        ];
        let rest = [
            or_empty(self.service_level),
            or_empty(self.mean_wait_ms),
            or_empty(self.mean_wait_abandoned_ms),
            self.longest_wait_ms.to_string(),
            self.talk_ms.to_string(),
            self.wrap_up_ms.to_string(),
            or_empty(self.mean_handling_ms),
        ];
        first.iter().map(u64::to_string).chain(rest).collect()
    }
}

impl Columns for AgentSums {
    const HEAD: &'static str = "offered,answered,missed,rejected,failed,ringing_ms,talk_ms,wrap_up_ms,\
        logged_in_ms,break_ms,occupancy";

    fn row(&self) -> Vec<String> {
        let sums = [
            self.offered,
            self.answered,
            self.missed,
            self.rejected,
            self.failed,
            self.ringing_ms,
            self.talk_ms,
            self.wrap_up_ms,
            self.logged_in_ms,
            self.break_ms,
        ];
        sums.iter().map(u64::to_string).chain([or_empty(self.occupancy)]).collect()
    }
}

/// Comma-separated values (RFC 4180): `begins` as a date in UTC, `from` and `until` in ms, then the sums.
pub(in crate::api::native) fn csv<T: Columns>(items: &[IntervalItem<T>]) -> String {
    let mut text = format!("begins,from,until,{}\r\n", T::HEAD);
    for item in items {
        let begins = i64::try_from(item.from).ok();
        let begins = begins.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let row = item.sums.row().join(",");
        // Writing to a String cannot fail.
        let _ = write!(text, "{},{},{},{row}\r\n", or_empty(begins), item.from, item.until);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_percent_and_nothing_of_nothing() {
        assert_eq!(percent(1, 3), Some(33.3));
        assert_eq!(percent(0, 5), Some(0.0));
        assert_eq!(percent(5, 5), Some(100.0));
        assert_eq!(percent(0, 0), None);
    }

    #[test]
    fn a_row_has_as_many_columns_as_the_head() {
        let queue = QueueSums::from(QueueFigures::default());
        assert_eq!(queue.row().len(), QueueSums::HEAD.split(',').count());
        let agent = AgentSums::from(AgentFigures::default());
        assert_eq!(agent.row().len(), AgentSums::HEAD.split(',').count());
    }

    #[test]
    fn occupancy_leaves_breaks_out() {
        let sums = AgentFigures {
            talk_ms: 300,
            wrap_up_ms: 100,
            logged_in_ms: 1_000,
            break_ms: 200,
            ..AgentFigures::default()
        };
        assert_eq!(AgentSums::from(sums).occupancy, Some(50.0));
    }
}
