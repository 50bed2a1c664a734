//! What the queues and agents of a tenant count.

use std::time::Duration;

use strowger_core::vocab::acd::{OverflowReason, QueueFigures};
use strowger_core::vocab::command::{Figures, QueueGauge};

use super::family::{Family, Labels, Value};

const REASONS: [OverflowReason; 5] = [
    OverflowReason::Timeout,
    OverflowReason::NoAgent,
    OverflowReason::Full,
    OverflowReason::ExitKey,
    OverflowReason::QueueRemoved,
];

/// Other tenants' queues are none of the key's business.
pub(super) fn families(figures: &Figures, tenant: &str) -> Vec<Family> {
    let own: Vec<&QueueGauge> =
        figures.queues.iter().filter(|queue| queue.tenant == tenant).collect();
    let mut all = gauges(&own);
    all.extend(counts(&own));
    all.push(overflowed(&own));
    all.extend(durations(&own));
    all.push(agents(figures, tenant));
    all.extend(dialling(figures, tenant));
    all
}

fn dialling(figures: &Figures, tenant: &str) -> [Family; 2] {
    let calls = Family::gauge("strowger_dial_calls", "Calls of dial tasks");
    let own = figures.dial_calls.iter().filter(|(own, _)| own == tenant);
    let calls = own.fold(calls, |family, (tenant, count)| {
        family.with(vec![("tenant", tenant.clone())], *count)
    });
    let help = "Numbers of dial tasks done with, by what came of them";
    let numbers = Family::counter("strowger_dial_numbers", help);
    let own = figures.dial_numbers.iter().filter(|(own, ..)| own == tenant);
    let numbers = own.fold(numbers, |family, (tenant, outcome, count)| {
        family.with(vec![("tenant", tenant.clone()), ("outcome", outcome.clone())], *count)
    });
    [calls, numbers]
}

fn labels(queue: &QueueGauge) -> Labels {
    vec![("tenant", queue.tenant.clone()), ("queue", queue.number.clone())]
}

fn each<V: Into<Value>>(
    family: Family,
    queues: &[&QueueGauge],
    value: fn(&QueueGauge) -> V,
) -> Family {
    queues.iter().fold(family, |family, queue| family.with(labels(queue), value(queue)))
}

fn gauges(queues: &[&QueueGauge]) -> Vec<Family> {
    let gauge =
        |name, help, value: fn(&QueueGauge) -> u64| each(Family::gauge(name, help), queues, value);
    vec![
        gauge("strowger_queue_waiting", "Callers that wait", |queue| queue.waiting),
        each(
            Family::gauge("strowger_queue_longest_wait_seconds", "The longest present wait"),
            queues,
            |queue| seconds(queue.longest_wait_ms),
        ),
        gauge("strowger_queue_talking", "Callers that talk with an agent", |queue| queue.talking),
        gauge("strowger_queue_agents_ready", "Agents that could be offered a caller", |queue| {
            queue.agents_ready
        }),
    ]
}

/// Name, meaning, and where it stands.
type Count = (&'static str, &'static str, fn(&QueueFigures) -> u64);

fn counts(queues: &[&QueueGauge]) -> Vec<Family> {
    let counts: [Count; 9] = [
        ("strowger_queue_entered", "Callers who came", |sums| sums.entered),
        ("strowger_queue_offers", "Offers made to agents", |sums| sums.offered),
        ("strowger_queue_answered", "Callers whom an agent answered", |sums| sums.answered),
        (
            "strowger_queue_answered_in_time",
            "Callers whom an agent answered within the service level",
            |sums| sums.answered_in_time,
        ),
        ("strowger_queue_abandoned", "Callers who hung up waiting", |sums| sums.abandoned),
        (
            "strowger_queue_abandoned_late",
            "Callers who hung up waiting after the service level",
            |sums| sums.abandoned_late,
        ),
        ("strowger_queue_removed", "Callers whom somebody took out", |sums| sums.removed),
        (
            "strowger_queue_picked_up",
            "Callers whom somebody picked up who is no agent of the queue",
            |sums| sums.picked_up,
        ),
        ("strowger_queue_callbacks", "Callbacks taken", |sums| sums.callbacks),
    ];
    let count = |(name, help, value): Count| {
        let family = Family::counter(name, help);
        queues
            .iter()
            .fold(family, |family, queue| family.with(labels(queue), value(&queue.since_start)))
    };
    counts.map(count).into()
}

fn overflowed(queues: &[&QueueGauge]) -> Family {
    let help = "Callers who left without an agent, by reason";
    let mut family = Family::counter("strowger_queue_overflowed", help);
    for queue in queues {
        for reason in REASONS {
            let mut labels = labels(queue);
            labels.push(("reason", reason.as_str().to_owned()));
            let count = queue.since_start.overflowed.get(&reason).copied().unwrap_or(0);
            family = family.with(labels, count);
        }
    }
    family
}

fn durations(queues: &[&QueueGauge]) -> Vec<Family> {
    let sum = |name, help, value| each(Family::counter(name, help), queues, value);
    vec![
        sum("strowger_queue_wait_seconds", "Waits of answered callers, summed", |queue| {
            seconds(queue.since_start.wait_answered_ms)
        }),
        sum("strowger_queue_talk_seconds", "Conversations, summed", |queue| {
            seconds(queue.since_start.talk_ms)
        }),
        sum("strowger_queue_wrap_up_seconds", "Wrap-up, summed", |queue| {
            seconds(queue.since_start.wrap_up_ms)
        }),
    ]
}

fn agents(figures: &Figures, tenant: &str) -> Family {
    let family = Family::gauge("strowger_agents", "Agents by what they want or what happens");
    let own = figures.agents.iter().filter(|(owner, ..)| owner == tenant);
    own.fold(family, |family, (owner, state, number)| {
        family.with(vec![("tenant", owner.clone()), ("state", state.clone())], *number)
    })
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}
