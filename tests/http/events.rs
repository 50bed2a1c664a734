//! The event stream: resuming, forgetting, tenants, silence and seats.

use std::time::Duration;

use strowger::api::Limits;
use strowger::node::events::KEPT;
use strowger_core::vocab::{Event, EventKind, ExtensionKey};

use crate::client::Connection;
use crate::site::{Site, wait_until};

fn online(seq: u64, tenant: &str, number: &str) -> Event {
    let extension = ExtensionKey { tenant: tenant.into(), number: number.into() };
    let kind = EventKind::ExtensionOnline { extension };
    Event { boot: 3, seq, at: 1_000 + seq, tenant: Some(tenant.into()), kind }
}

struct Stream {
    connection: Connection,
    text: String,
}

impl Stream {
    fn open(site: &Site, token: &str, query: &str, last: Option<&str>) -> Self {
        let mut connection = site.connect();
        let key = format!("Bearer {token}");
        let mut headers = vec![("Authorization", key.as_str())];
        headers.extend(last.map(|id| ("Last-Event-ID", id)));
        connection.request("GET", &format!("/api/v1/events{query}"), &headers, "");
        let (status, headers) = connection.head();
        assert_eq!(status, 200);
        assert_eq!(headers["content-type"], "text/event-stream");
        Self { connection, text: String::new() }
    }

    /// The fields of the next block, in order of their names; `None` at the end.
    fn block(&mut self) -> Option<Vec<String>> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let mut fields: Vec<String> = block.lines().map(str::to_owned).collect();
                fields.sort_unstable();
                self.text = rest.to_owned();
                return Some(fields);
            }
            let chunk = self.connection.chunk()?;
            self.text.push_str(&chunk);
        }
    }

    /// The id of the next event, after its name.
    fn event(&mut self) -> String {
        let fields = self.block().expect("an event");
        let field = |name: &str| {
            let found = fields.iter().find_map(|field| field.strip_prefix(name));
            found.unwrap_or_default().trim().to_owned()
        };
        format!("{} {}", field("event:"), field("id:"))
    }
}

#[test]
fn an_event_carries_its_place_name_and_data() {
    let site = Site::new();
    let mut stream = Stream::open(&site, "admin-t", "", None);
    site.fake.ring.publish([online(1, "t", "101")].into_iter());
    let fields = stream.block().unwrap();
    assert_eq!(fields[1..], ["event: extension_online", "id: 3.1"]);
    let data: serde_json::Value =
        serde_json::from_str(fields[0].strip_prefix("data: ").unwrap()).unwrap();
    let expected =
        serde_json::json!({"id": "3.1", "at": 1001, "event": "extension_online", "number": "101"});
    assert_eq!(data, expected);
}

#[test]
fn a_client_goes_on_behind_what_it_saw() {
    let site = Site::new();
    site.fake.ring.publish((1..=5).map(|seq| online(seq, "t", "101")));
    let by_header = Stream::open(&site, "admin-t", "", Some("3.3"));
    let by_query = Stream::open(&site, "admin-t", "?from=3.3", None);
    let both = Stream::open(&site, "admin-t", "?from=3.1", Some("3.3"));
    for mut stream in [by_header, by_query, both] {
        assert_eq!(stream.event(), "extension_online 3.4");
        assert_eq!(stream.event(), "extension_online 3.5");
    }
}

#[test]
fn what_is_forgotten_is_a_reset_and_then_it_goes_on() {
    let site = Site::new();
    site.fake.ring.publish((1..=KEPT as u64 + 10).map(|seq| online(seq, "t", "101")));
    let newest = KEPT as u64 + 10;
    for from in ["3.2", "2.7", "3.999999"] {
        let mut stream = Stream::open(&site, "admin-t", &format!("?from={from}"), None);
        assert_eq!(stream.event(), format!("reset 3.{newest}"), "{from}");
    }
    let mut stream = Stream::open(&site, "admin-t", "?from=3.1", None);
    assert_eq!(stream.event(), format!("reset 3.{newest}"));
    site.fake.ring.publish([online(newest + 1, "t", "101")].into_iter());
    assert_eq!(stream.event(), format!("extension_online 3.{}", newest + 1));
}

#[test]
fn a_client_that_falls_out_of_the_ring_is_reset_and_dropped() {
    let site = Site::new();
    let mut stream = Stream::open(&site, "admin-t", "", None);
    site.fake.ring.publish([online(1, "t", "101")].into_iter());
    assert_eq!(stream.event(), "extension_online 3.1");
    // One publication of more than the ring holds: no reader is fast enough for it.
    site.fake.ring.publish((2..=KEPT as u64 + 9).map(|seq| online(seq, "t", "101")));
    assert_eq!(stream.event(), format!("reset 3.{}", KEPT as u64 + 9));
    assert_eq!(stream.block(), None, "the stream ends");
}

#[test]
fn tenants_and_users_hear_only_what_is_theirs() {
    let site = Site::new();
    let mut tenant = Stream::open(&site, "supervisor-t", "", None);
    let mut user = Stream::open(&site, "user-t", "", None);
    let mut other = Stream::open(&site, "admin-u", "", None);
    let reloaded = Event { boot: 3, seq: 4, at: 0, tenant: None, kind: EventKind::Reloaded };
    let events = [online(1, "u", "101"), online(2, "t", "102"), online(3, "t", "101"), reloaded];
    site.fake.ring.publish(events.into_iter());
    assert_eq!(tenant.event(), "extension_online 3.2");
    assert_eq!(tenant.event(), "extension_online 3.3");
    assert_eq!(user.event(), "extension_online 3.3");
    assert_eq!(other.event(), "extension_online 3.1");
    assert_eq!(other.event(), "reloaded 3.4");
    site.fake.ring.close();
    assert_eq!((tenant.block(), user.block(), other.block()), (None, None, None));
}

#[test]
fn silence_is_broken_by_a_heartbeat_that_carries_the_place() {
    let site = Site::with(Limits { heartbeat: Duration::from_millis(20), ..Limits::default() });
    let mut stream = Stream::open(&site, "admin-t", "", None);
    assert_eq!(stream.block().unwrap(), [": heartbeat"]);
    site.fake.ring.publish([online(1, "u", "101")].into_iter());
    wait_until("a heartbeat carries the place", || match stream.block().unwrap().as_slice() {
        [comment] => {
            assert_eq!(comment, ": heartbeat");
            false
        }
        fields => {
            assert_eq!(fields, [": heartbeat", "id: 3.1"]);
            true
        }
    });
}

#[test]
fn a_tenant_has_so_many_seats_and_gets_them_back() {
    let limits = Limits { event_streams: 2, ..Limits::default() };
    let site = Site::with(limits);
    let first = Stream::open(&site, "admin-t", "", None);
    let _second = Stream::open(&site, "reader-t", "", None);
    let refused = site.get("/api/v1/events");
    assert!(refused.problem(429).contains("2 event streams"));
    assert_eq!(refused.header("retry-after"), Some("10"));
    let _other = Stream::open(&site, "admin-u", "", None);
    drop(first);
    wait_until("the seat is free", || {
        !site.get("/metrics").text().contains("strowger_event_streams 3")
    });
    Stream::open(&site, "admin-t", "", None);
}
