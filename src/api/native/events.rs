//! What happens, as it happens: Server-Sent Events.
//!
//! Each event carries its id `boot.seq`. A client that comes back names the last one that it saw and goes on behind
//! it, or hears `reset` where that place is forgotten: then it asks for the present state anew. A client that falls
//! so far behind that its next event is forgotten hears `reset` too, and the stream ends.

use std::convert::Infallible;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event as Sent, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Refusals;
use super::view::EventView;
use super::visible::Eyes;
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::Params;
use crate::api::gateway::{EventId, Follow, Followed};
use crate::api::problem::Problem;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Seconds after which a client that found no seat may try again.
const SEAT_SECS: u32 = 10;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(follow))
}

/// Where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventParams {
    /// The id of the last event seen. The Last-Event-ID header counts more.
    from: Option<String>,
}

/// Events of the tenant as Server-Sent Events, from now on or after the one named. Keys of users and agents see their
/// own extension's. The event `reset` means that some are missing: ask for the present state anew.
#[utoipa::path(get, path = "/api/v1/events", operation_id = "followEvents", tag = "events",
    params(EventParams, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event seen")),
    responses(
        (status = 200, description = "They follow, each with `id`, `event` and `data`", body = EventView,
            content_type = "text/event-stream"),
        Refusals,
    ))]
async fn follow(
    State(app): State<App>,
    Key(principal): Key,
    Params(params): Params<EventParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let header = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?"));
    let from = place(header.filter(|id| !id.is_empty()).or(params.from.as_deref()))?;
    let seat = Seat::take(&app, &principal.tenant)?;
    let feed = Feed {
        follower: app.gateway.follow(from),
        eyes: Eyes::new(principal),
        due: Instant::now() + app.limits.heartbeat,
        last: from,
        fresh: true,
        over: false,
        seat,
    };
    let events = stream::unfold(feed, |mut feed| async move {
        let sent = feed.next().await?;
        Some((Ok::<_, Infallible>(sent), feed))
    });
    let no_buffer =
        [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))];
    Ok((no_buffer, Sse::new(events)).into_response())
}

fn place(text: Option<&str>) -> Result<Option<EventId>, Problem> {
    let wrong = "from or Last-Event-ID: give the id of an event as the stream said it, e.g. 3.17";
    text.map(|text| text.parse().map_err(|_| Problem::bad_request(wrong))).transpose()
}

/// One of the streams that a tenant may have; given back when it is dropped.
struct Seat {
    app: App,
    tenant: String,
}

impl Seat {
    fn take(app: &App, tenant: &str) -> Result<Self, Problem> {
        let most = app.limits.event_streams;
        let mut seats = app.seats();
        let taken = seats.entry(tenant.to_owned()).or_default();
        if *taken >= most {
            let detail = format!("the tenant has {most} event streams, as many as it may");
            return Err(Problem::retry(StatusCode::TOO_MANY_REQUESTS, SEAT_SECS, detail));
        }
        *taken += 1;
        Ok(Self { app: app.clone(), tenant: tenant.to_owned() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.app.seats();
        if let Some(taken) = seats.get_mut(&self.tenant) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                seats.remove(&self.tenant);
            }
        }
    }
}

/// One stream.
struct Feed {
    follower: Box<dyn Follow>,
    eyes: Eyes,
    /// When something has to be said, so that both ends know that the other lives.
    due: Instant,
    /// The last event that came, seen or not.
    last: Option<EventId>,
    /// Nothing has come yet.
    fresh: bool,
    over: bool,
    seat: Seat,
}

impl Feed {
    /// The next thing to send; `None` when the stream is over.
    async fn next(&mut self) -> Option<Sent> {
        if self.over {
            return None;
        }
        let sent = loop {
            match timeout_at(self.due, self.follower.next()).await {
                Err(_) => break self.heartbeat(),
                Ok(None) => return None,
                Ok(Some(Followed::Reset(at))) => break self.reset(at),
                Ok(Some(Followed::Event(event))) => {
                    self.fresh = false;
                    self.last = Some(EventId::of(&event));
                    if self.eyes.see(&event) {
                        self.seat.app.figures.events_sent.fetch_add(1, Ordering::Relaxed);
                        break written(&EventView::from(&*event));
                    }
                }
            }
        };
        self.due = Instant::now() + self.seat.app.limits.heartbeat;
        Some(sent)
    }

    /// Carries the place reached, so that a client to whom little happens need not start over when it comes back.
    fn heartbeat(&self) -> Sent {
        let sent = Sent::default().comment("heartbeat");
        match self.last {
            Some(last) => sent.id(last.to_string()),
            None => sent,
        }
    }

    /// Who begins outside the ring goes on from now; who falls out of it later is too slow, and the stream ends.
    fn reset(&mut self, at: Option<EventId>) -> Sent {
        self.seat.app.figures.event_resets.fetch_add(1, Ordering::Relaxed);
        self.over = !self.fresh;
        self.fresh = false;
        self.last = at;
        let id = at.map(|at| at.to_string()).unwrap_or_default();
        Sent::default().event("reset").id(id).data("{\"event\":\"reset\"}")
    }
}

fn written(view: &EventView) -> Sent {
    let value = serde_json::to_value(view).unwrap_or_default();
    let field = |name: &str| value.get(name).and_then(|text| text.as_str()).unwrap_or_default();
    Sent::default().id(field("id")).event(field("event")).data(value.to_string())
}
