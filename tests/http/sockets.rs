//! Events over WebSockets: what the stream carries, with a client that is not ours.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strowger::api::Limits;
use strowger::node::events::KEPT;
use strowger_core::vocab::{CallId, Event, EventKind, ExtensionKey, InteractionId};
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, HandshakeError, Message, WebSocket};

use crate::site::{Site, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);

fn online(seq: u64, tenant: &str, number: &str) -> Event {
    let extension = ExtensionKey { tenant: tenant.into(), number: number.into() };
    event(seq, tenant, EventKind::ExtensionOnline { extension })
}

fn event(seq: u64, tenant: &str, kind: EventKind) -> Event {
    Event { boot: 3, seq, at: 1_000 + seq, tenant: Some(tenant.into()), kind }
}

fn open(site: &Site, token: &str, query: &str) -> Result<WebSocket<TcpStream>, u16> {
    let url = format!("ws://{}/api/v1/events{query}", site.address);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
    let stream = TcpStream::connect(site.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

/// The next message of text.
fn next(socket: &mut WebSocket<TcpStream>) -> Value {
    // Pings would keep a wait for what never comes alive.
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "only pings came");
        match socket.read().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn id(socket: &mut WebSocket<TcpStream>) -> String {
    let event = next(socket);
    format!("{} {}", event["event"].as_str().unwrap(), event["id"].as_str().unwrap())
}

#[test]
fn a_socket_carries_what_the_stream_carries_and_resumes() {
    let site = Site::new();
    let mut socket = open(&site, "admin-t", "").unwrap();
    site.fake.ring.publish([online(1, "t", "101"), online(2, "u", "1")].into_iter());
    let expected = json!({"id": "3.1", "at": 1001, "event": "extension_online", "number": "101"});
    assert_eq!(next(&mut socket), expected);
    socket.send(Message::text("nobody listens to this")).unwrap();
    site.fake.ring.publish([online(3, "t", "102")].into_iter());
    assert_eq!(id(&mut socket), "extension_online 3.3");
    let mut again = open(&site, "admin-t", "?from=3.1").unwrap();
    assert_eq!(id(&mut again), "extension_online 3.3");
    let mut stale = open(&site, "admin-t", "?from=2.9").unwrap();
    assert_eq!(id(&mut stale), "reset 3.3");
    site.fake.ring.publish([online(4, "t", "103")].into_iter());
    assert_eq!(id(&mut stale), "extension_online 3.4");
    site.fake.ring.close();
    assert_eq!(id(&mut socket), "extension_online 3.4");
    match socket.read().unwrap() {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Away),
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_falls_out_of_the_ring_is_told_and_closed() {
    let site = Site::new();
    let mut socket = open(&site, "admin-t", "").unwrap();
    site.fake.ring.publish([online(1, "t", "101")].into_iter());
    assert_eq!(id(&mut socket), "extension_online 3.1");
    site.fake.ring.publish((2..=KEPT as u64 + 9).map(|seq| online(seq, "t", "101")));
    assert_eq!(id(&mut socket), format!("reset 3.{}", KEPT as u64 + 9));
    match socket.read().unwrap() {
        Message::Close(Some(frame)) => {
            assert_eq!(frame.code, CloseCode::Policy);
            assert!(frame.reason.contains("too slowly"), "{frame:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn filters_leave_only_what_is_asked_for() {
    let site = Site::new();
    let mut by_kind = open(&site, "admin-t", "?kinds=call_dtmf,reloaded").unwrap();
    let mut by_call = open(&site, "admin-t", &format!("?call={:032x}", 7)).unwrap();
    let started = |call: u128| {
        let (caller, dialled) = (crate::fake::extension("t", "101"), "102".to_owned());
        let (call, interaction) = (CallId(call), InteractionId(call));
        EventKind::CallStarted { call, interaction, caller, dialled }
    };
    let key = |call: u128| {
        let (call, interaction) = (CallId(call), InteractionId(call));
        EventKind::CallDtmf {
            call,
            interaction,
            by: crate::fake::extension("t", "101"),
            digit: '5',
        }
    };
    let ended = EventKind::CallEnded { record: Box::new(crate::fake::record(7, "t", "101")) };
    let kinds = [started(7), started(8), key(7), key(8), ended];
    site.fake.ring.publish((1..).zip(kinds).map(|(seq, kind)| event(seq, "t", kind)));
    assert_eq!([id(&mut by_kind), id(&mut by_kind)], ["call_dtmf 3.3", "call_dtmf 3.4"]);
    let seen = [id(&mut by_call), id(&mut by_call), id(&mut by_call)];
    assert_eq!(seen, ["call_started 3.1", "call_dtmf 3.3", "call_ended 3.5"]);
    let wrong = site.get("/api/v1/events?kinds=call_startet");
    assert!(wrong.problem(400).contains("call_started"), "{wrong:?}");
}

#[test]
fn a_silent_peer_is_pinged_and_then_gone_and_its_place_is_free() {
    let site = Site::with(Limits { heartbeat: Duration::from_secs(1), ..Limits::default() });
    let mut alive = open(&site, "admin-t", "").unwrap();
    // Never read from, so that no pong goes out.
    let silent = open(&site, "admin-t", "").unwrap();
    let metrics = || site.get("/metrics").text();
    assert!(metrics().contains("strowger_http_connections 3\n"), "a socket has a place");
    // Reading answers the pings.
    let reader = std::thread::spawn(move || {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            match alive.read() {
                Ok(Message::Ping(_)) => alive.flush().unwrap(),
                other => return other,
            }
        }
        panic!("only pings came");
    });
    wait_until("one stream is left", || metrics().contains("strowger_event_streams 1\n"));
    wait_until("its place is free", || metrics().contains("strowger_http_connections 2\n"));
    drop(silent);
    site.fake.ring.publish([online(1, "t", "101")].into_iter());
    let heard = reader.join().unwrap().unwrap();
    assert!(heard.into_text().unwrap().contains("3.1"), "the other one lives on");
}

#[test]
fn a_browser_offers_its_key_as_a_subprotocol() {
    let site = Site::new();
    let open = |offer: &str| {
        let url = format!("ws://{}/api/v1/events", site.address);
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", offer.parse().unwrap());
        let stream = TcpStream::connect(site.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match tungstenite::client(request, stream) {
            Ok(both) => Ok(both),
            Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(other) => panic!("{offer}: {other}"),
        }
    };
    let (mut socket, answer) = open("strowger.events, bearer.admin-t").unwrap();
    assert_eq!(
        answer.headers()["Sec-WebSocket-Protocol"],
        "strowger.events",
        "the key is not said back"
    );
    site.fake.ring.publish([online(1, "t", "101")].into_iter());
    assert_eq!(id(&mut socket), "extension_online 3.1");
    for wrong in ["strowger.events, bearer.nobody", "strowger.events, bearer.", "strowger.events"] {
        assert_eq!(open(wrong).err(), Some(401), "{wrong}");
    }
    // Only for WebSockets: elsewhere the header says nothing.
    let headers = [("Sec-WebSocket-Protocol", "bearer.admin-t")];
    site.send("GET", "/api/v1/calls", &headers, "").problem(401);
}

#[test]
fn a_stream_ends_with_the_key_that_opened_it() {
    let site = Site::new();
    let make = |name: &str| {
        let body = format!(r#"{{"name": "{name}", "role": "read-only"}}"#);
        let made = site.post("/api/v1/keys", &body).json();
        made["token"].as_str().unwrap().to_owned()
    };
    let (removed, rotated) = (make("removed"), make("rotated"));
    let mut sockets = [&removed, &rotated].map(|token| open(&site, token, "").unwrap());
    let mut stays = open(&site, &make("stays"), "").unwrap();
    site.fake.ring.publish([online(1, "t", "101")].into_iter());
    for socket in sockets.iter_mut().chain([&mut stays]) {
        assert_eq!(id(socket), "extension_online 3.1");
    }
    assert_eq!(site.delete("/api/v1/keys/removed").status, 204);
    let answer = site.post("/api/v1/keys/rotated/rotate", r#"{"overlap_secs": 0}"#);
    assert_eq!(answer.status, 200);
    site.fake.ring.publish([online(2, "t", "102")].into_iter());
    for socket in &mut sockets {
        match socket.read().unwrap() {
            Message::Close(Some(frame)) => {
                assert_eq!(frame.code, CloseCode::Policy);
                assert!(frame.reason.contains("key"), "{frame:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(id(&mut stays), "extension_online 3.2", "another key's goes on");
}

#[test]
fn a_silent_stream_ends_too_when_its_token_has_no_more_time() {
    let site = Site::with(Limits { heartbeat: Duration::from_millis(500), ..Limits::default() });
    let made = site.post("/api/v1/keys", r#"{"name": "k", "role": "read-only"}"#).json();
    let mut socket = open(&site, made["token"].as_str().unwrap(), "").unwrap();
    let rotated = site.post("/api/v1/keys/k/rotate", r#"{"overlap_secs": 60}"#).json();
    *site.fake.clock.lock().unwrap() = rotated["before_until"].as_u64().unwrap();
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "only pings came");
        match socket.read().unwrap() {
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(Some(frame)) => return assert_eq!(frame.code, CloseCode::Policy),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn wrong_beginnings_are_refused() {
    let site = Site::new();
    assert_eq!(open(&site, "nobody", "").err(), Some(401));
    assert_eq!(open(&site, "admin-t", "?from=x").err(), Some(400));
    let headers = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
    let halved = site.get_with("/api/v1/events", &headers);
    assert!(halved.problem(400).contains("WebSocket"), "{halved:?}");
    let site = Site::with(Limits { event_streams: 1, ..Limits::default() });
    let _first = open(&site, "admin-t", "").unwrap();
    assert_eq!(open(&site, "admin-t", "").err(), Some(429));
}
