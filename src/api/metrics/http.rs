//! What the HTTP surface counts about itself.

use std::sync::atomic::{AtomicU64, Ordering};

use super::family::Family;
use super::{count, gauge};
use crate::api::app::App;
use crate::api::gateway::Readiness;

pub(super) fn families(app: &App) -> Vec<Family> {
    let read = |value: &AtomicU64| value.load(Ordering::Relaxed);
    let http = &app.figures;
    let answers = (1..).zip(&http.answers).map(|(class, n)| (format!("{class}xx"), read(n)));
    let ready = app.gateway.readiness() == Readiness::Ready;
    vec![
        gauge("strowger_ready", "1 while new calls are taken", u64::from(ready)),
        Family::gauge("strowger_version", "1; the label tells what runs")
            .by("version", [(env!("CARGO_PKG_VERSION").to_owned(), 1)]),
        Family::counter("strowger_http_answers", "HTTP answers by status class")
            .by("class", answers),
        gauge("strowger_http_connections", "HTTP connections", read(&http.connections)),
        count(
            "strowger_http_connections_refused",
            "HTTP connections closed because there were too many",
            read(&http.connections_refused),
        ),
        count("strowger_http_auth_failures", "Wrong keys", read(&http.auth_failures)),
        count(
            "strowger_http_auth_limited",
            "Requests refused after too many wrong keys",
            read(&http.auth_limited),
        ),
        gauge("strowger_event_streams", "Event streams open", app.streams() as u64),
        count("strowger_events_sent", "Events sent to all streams", read(&http.events_sent)),
        count(
            "strowger_event_resets",
            "Event streams told to start over",
            read(&http.event_resets),
        ),
        count(
            "strowger_http_limited",
            "Requests refused because their key had too many",
            read(&http.limited),
        ),
    ]
}

/// What other systems were told.
pub(super) fn outbox(app: &App) -> Vec<Family> {
    let figures = app.gateway.outbox_figures();
    let resets = app.figures.webhook_resets.load(Ordering::Relaxed);
    vec![
        count("strowger_webhook_delivered", "Deliveries that receivers took", figures.delivered),
        count("strowger_webhook_failed", "Attempts to deliver that failed", figures.failed),
        count("strowger_webhook_parked", "Deliveries given up", figures.parked),
        count("strowger_webhook_dropped", "Deliveries without room", figures.dropped),
        gauge("strowger_webhook_kept", "Deliveries that wait or are parked", figures.kept),
        count("strowger_webhook_resets", "Times that webhooks fell behind the events", resets),
    ]
}
