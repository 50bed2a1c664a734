//! What a client cannot take from the others.

use std::time::Duration;

use strowger::api::Limits;

use crate::fake::recording;
use crate::site::{Site, wait_until};

#[test]
fn a_head_has_a_size_and_a_time() {
    let site = Site::with(Limits { head: Duration::from_millis(50), ..Limits::default() });
    for headers in [vec![("X-Long", "x".repeat(20_000))], vec![("X-Many", "x".to_owned()); 100]] {
        let mut connection = site.connect();
        let mut text = "GET /healthz HTTP/1.1\r\nHost: test\r\n".to_owned();
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        connection.write((text + "\r\n").as_bytes());
        assert_eq!(connection.head().0, 431);
    }
    let mut slow = site.connect();
    slow.write(b"GET /healthz HTTP/1.1\r\n");
    while slow.line().is_some() {}
    let mut idle = site.connect();
    idle.request("GET", "/healthz", &[], "");
    assert_eq!(idle.answer("GET").status, 200);
    assert_eq!(idle.line(), None, "an idle connection is closed");
}

#[test]
fn connections_are_counted() {
    let site = Site::with(Limits { connections: 2, ..Limits::default() });
    let mut held = [site.connect(), site.connect()];
    for connection in &mut held {
        connection.request("GET", "/healthz", &[], "");
        assert_eq!(connection.answer("GET").status, 200);
    }
    assert_eq!(site.connect().line(), None);
    held[0].request("GET", "/metrics", &[("Authorization", "Bearer admin-t")], "");
    let metrics = held[0].answer("GET").text();
    assert!(metrics.contains("strowger_http_connections 2\n"), "{metrics}");
    assert!(metrics.contains("strowger_http_connections_refused_total 1\n"), "{metrics}");
}

#[test]
fn one_address_never_takes_all_connections_but_a_proxy_may() {
    let opened = |limits| {
        let site = Site::with(Limits { connections: 8, ..limits });
        let mut held: Vec<_> = (0..8).map(|_| site.connect()).collect();
        let answers = held.iter_mut().map(|connection| {
            // Whoever is refused may be gone before it can ask.
            connection.try_write(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
            connection.line().is_some()
        });
        answers.filter(|answered| *answered).count()
    };
    assert_eq!(opened(Limits::default()), 6);
    let proxies = vec![[127, 0, 0, 1].into()];
    assert_eq!(opened(Limits { proxies, ..Limits::default() }), 8);
}

#[test]
fn a_request_has_a_time() {
    let site = Site::with(Limits { answer: Duration::from_millis(50), ..Limits::default() });
    site.fake.set(|tables| tables.silent = true);
    let answer = site.get("/api/v1/calls");
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    let mut stalled = site.connect();
    let head = "POST /api/v1/calls HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer admin-t\r\n\
        Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    stalled.write(head.as_bytes());
    assert_eq!(stalled.head().0, 503, "a body that does not come");
}

#[test]
fn a_client_that_does_not_read_is_cut() {
    let site = Site::with(Limits { stall: Duration::from_millis(50), ..Limits::default() });
    let file = std::fs::File::create(site.place.path().join("long.wav")).unwrap();
    file.set_len(256 << 20).unwrap();
    site.fake.set(|tables| tables.recordings = vec![recording(1, "t", "long.wav")]);
    let mut deaf = site.connect();
    let path = format!("/api/v1/recordings/{:032x}/audio", 1);
    deaf.request("GET", &path, &[("Authorization", "Bearer admin-t")], "");
    assert_eq!(deaf.head().0, 200);
    wait_until("the connection is cut", || {
        !site.get("/metrics").text().contains("strowger_http_connections 2\n")
    });
}
