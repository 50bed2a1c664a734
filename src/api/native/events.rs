//! What happens, as it happens: Server-Sent Events, or a WebSocket where the client asks for one.
//!
//! Each event carries its id `boot.seq`. A client that comes back names the last one that it saw and goes on behind
//! it, or hears `reset` where that place is forgotten: then it asks for the present state anew. A client that falls
//! so far behind that its next event is forgotten hears `reset` too, and the stream ends. So does one whose key is gone.

use std::convert::Infallible;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::header::UPGRADE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event as Sent, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Refusals;
use super::feed::{EventParams, Feed, Filter, Pass, Step};
use super::view::EventView;
use crate::api::app::App;
use crate::api::auth::{Key, token};
use crate::api::extract::Params;
use crate::api::gateway::EventId;
use crate::api::problem::Problem;
use crate::api::socket::{self, GOING_AWAY, POLICY, Socket};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The subprotocol, for clients that name one.
const PROTOCOL: &str = "strowger.events";
/// What a client hears where events are missing.
const RESET: &str = "{\"event\":\"reset\"}";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(follow))
}

/// Events of the tenant as Server-Sent Events, from now on or after the one named. Keys of users and agents see their
/// own extension's. The event `reset` means that some are missing: ask for the present state anew. A request to upgrade
/// to a WebSocket (RFC 6455) gets the same events, each as a message of text.
#[utoipa::path(get, path = "/api/v1/events", operation_id = "followEvents", tag = "events",
    params(EventParams, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event seen")),
    responses(
        (status = 200, description = "They follow, each with `id`, `event` and `data`", body = EventView,
            content_type = "text/event-stream"),
        (status = 101, description = "They follow over the WebSocket that was asked for"),
        Refusals,
    ))]
async fn follow(
    State(app): State<App>,
    Key(holder): Key,
    Params(params): Params<EventParams>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let header = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?"));
    let from = place(header.filter(|id| !id.is_empty()).or(params.from.as_deref()))?;
    let filter = Filter::read(&params)?;
    let pass = Pass::new(&app, holder, token(&headers)?);
    let wants_socket = headers.contains_key(UPGRADE);
    match upgrade {
        Ok(upgrade) => {
            let feed = Feed::open(&app, pass, filter, from)?;
            let upgrade = upgrade.protocols([PROTOCOL]);
            Ok(socket::open(upgrade, &app, move |socket| over_socket(feed, socket)))
        }
        Err(wrong) if wants_socket => Err(Problem::bad_request(format!("the WebSocket: {wrong}"))),
        Err(_) => Ok(as_text(Feed::open(&app, pass, filter, from)?)),
    }
}

fn place(text: Option<&str>) -> Result<Option<EventId>, Problem> {
    let wrong = "from or Last-Event-ID: give the id of an event as the stream said it, e.g. 3.17";
    text.map(|text| text.parse().map_err(|_| Problem::bad_request(wrong))).transpose()
}

/// As Server-Sent Events.
fn as_text(feed: Feed) -> Response {
    let events = stream::unfold(feed, |mut feed| async move {
        let sent = written(feed.next().await?)?;
        Some((Ok::<_, Infallible>(sent), feed))
    });
    let no_buffer =
        [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))];
    (no_buffer, Sse::new(events)).into_response()
}

/// `None` ends the stream.
fn written(step: Step) -> Option<Sent> {
    let id = |at: Option<EventId>| at.map(|at| at.to_string());
    Some(match step {
        Step::Event(event) => {
            Sent::default().id(event.id.to_string()).event(&event.kind).data(event.text.as_str())
        }
        Step::Reset(at) => {
            Sent::default().event("reset").id(id(at).unwrap_or_default()).data(RESET)
        }
        Step::Still(at) => {
            let sent = Sent::default().comment("heartbeat");
            match id(at) {
                Some(id) => sent.id(id),
                None => sent,
            }
        }
        Step::ShutOut => return None,
    })
}

/// Over a WebSocket: each event is a message of text. The client says nothing; what it says all the same is read and
/// forgotten.
async fn over_socket(mut feed: Feed, mut socket: Socket) {
    // The place that the client knows from us.
    let mut told = None;
    loop {
        let step = tokio::select! {
            said = socket.next() => match said {
                Some(_) => continue,
                None => return,
            },
            step = feed.next() => step,
        };
        let sent = match step {
            None => return socket.close(GOING_AWAY, "the server ends").await,
            Some(Step::ShutOut) => return socket.close(POLICY, "the key opens no more").await,
            Some(Step::Event(event)) => {
                told = Some(event.id);
                socket.text(event.text.clone()).await
            }
            Some(Step::Reset(at)) => {
                told = at;
                let id = at.map(|at| at.to_string());
                let sent = socket.text(json!({"event": "reset", "id": id}).to_string()).await;
                if feed.is_over() {
                    let reason = "read too slowly; ask for the present state and come again";
                    return socket.close(POLICY, reason).await;
                }
                sent
            }
            // Liveness is the business of pings: this is said only where the place has moved.
            Some(Step::Still(at)) if at != told => {
                told = at;
                let id = at.map(|at| at.to_string());
                socket.text(json!({"event": "still", "id": id}).to_string()).await
            }
            Some(Step::Still(_)) => true,
        };
        if !sent {
            return;
        }
    }
}
