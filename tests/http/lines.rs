//! Numbers, routes and trunks over HTTP: shown, defined, removed.

use serde_json::{Value, json};
use strowger_core::vocab::config::{Destination, Number, RouteFrom};
use strowger_core::vocab::define::{Entry, EntryKey, EntryKind, EntryOrder};
use strowger_core::vocab::{
    Command, CommandError, Done, NumberKey, Query, RouteKey, Secret, TrunkKey,
};

use crate::site::Site;

const NUMBER: &str = "/api/v1/numbers/+8657126200670";
const ROUTE: &str = "/api/v1/routes/national";
const TRUNK: &str = "/api/v1/trunks/carrier";

fn key() -> TrunkKey {
    TrunkKey { tenant: "t".into(), name: "carrier".into() }
}

fn entered(site: &Site, created: bool) {
    let done = Done::Entered { created, spare: false };
    site.fake.set(|tables| tables.outcome = Some(Ok(done)));
}

fn ordered(site: &Site) -> EntryOrder {
    match site.fake.ordered().pop() {
        Some((_, Command::Entry(order))) => *order,
        other => panic!("{other:?}"),
    }
}

fn put(site: &Site) -> Entry {
    match ordered(site) {
        EntryOrder::Put { entry, .. } => entry,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lines_are_shown_with_everything_but_their_secrets() {
    let site = Site::new();
    let number = json!({
        "number": "+8657126200670", "origin": "http", "trunk": "carrier", "to": "queue:9001",
    });
    let route = json!({
        "name": "national", "origin": "http", "match": "^0", "position": 7, "class": "national",
        "from": "carrier", "strip": 1, "prepend": "+86", "to": ["trunk:carrier", "echo"],
    });
    let trunk = json!({
        "name": "carrier", "origin": "http", "up": false, "registered": false,
        "reason": "no answer to OPTIONS", "calls": 2, "has_password": true,
        "host": "sip.carrier.example", "transport": null, "register": true, "username": "acct",
        "domain": null, "addresses": ["192.0.2.10"], "max_calls": 3, "qualify_secs": 30,
        "expires": 600, "codecs": null, "e164": true, "trusted": false, "original_caller": false,
        "transfers": false,
    });
    let kinds = [EntryKind::Number, EntryKind::Route, EntryKind::Trunk];
    let table: [(&str, &str, Value); 3] = [
        ("/api/v1/numbers", NUMBER, number),
        ("/api/v1/routes", ROUTE, route),
        ("/api/v1/trunks", TRUNK, trunk),
    ];
    for ((list, one, expected), kind) in table.into_iter().zip(kinds) {
        let page = site.get(&format!("{list}?offset=2&limit=7")).json();
        assert_eq!((&page["items"][0], &page["total"]), (&expected, &json!(1)), "{list}");
        let (_, query) = site.fake.asked().pop().unwrap();
        assert_eq!(query, Query::Entries { kind, offset: 2, limit: 7 });
        assert_eq!(site.get(one).json(), expected, "{one}");
        site.get(&format!("{list}/nothing")).problem(404);
        for role in ["user-t", "agent-t"] {
            assert_eq!(site.get_as(role, list).status, 403, "{role} {list}");
            assert_eq!(site.get_as(role, one).status, 403, "{role} {one}");
        }
        assert_eq!(site.get_as("reader-t", one).status, 200, "{one}");
    }
}

#[test]
fn a_number_is_what_its_body_says() {
    let site = Site::new();
    entered(&site, true);
    let answer = site.order("admin-t", "PUT", NUMBER, r#"{"trunk": "carrier", "to": "echo"}"#);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json(), site.get(NUMBER).json());
    let number = Number { trunk: key(), number: "+8657126200670".into(), to: Destination::Echo };
    assert_eq!(put(&site), Entry::Number(Box::new(number.clone())));
    entered(&site, false);
    assert_eq!(site.order("admin-t", "PUT", NUMBER, r#"{"trunk": "carrier"}"#).status, 200);
    let welcome = Number { to: Destination::welcome("t"), ..number };
    assert_eq!(put(&site), Entry::Number(Box::new(welcome)));
}

#[test]
fn a_route_is_what_its_body_says() {
    let site = Site::new();
    entered(&site, true);
    let body = r#"{"match": "^0\\d{7}$", "to": "trunk:carrier"}"#;
    assert_eq!(site.order("admin-t", "PUT", ROUTE, body).status, 201);
    let Entry::Route(entry) = put(&site) else { panic!() };
    assert_eq!((entry.position, entry.route.name.as_str()), (100, "national"));
    assert_eq!((entry.route.pattern.as_str(), entry.route.class), ("^0\\d{7}$", None));
    assert_eq!(entry.route.to, [Destination::Trunk(key())]);
    assert_eq!(entry.route.from, RouteFrom::Extension);
    let body = r#"{"match": "^1", "position": 3, "class": "a", "from": "carrier", "strip": 1,
        "prepend": "+86", "to": ["echo", "sound:en/thank-you"]}"#;
    assert_eq!(site.order("admin-t", "PUT", ROUTE, body).status, 201);
    let Entry::Route(entry) = put(&site) else { panic!() };
    assert_eq!((entry.position, entry.route.strip), (3, 1));
    assert_eq!((entry.route.prepend.as_str(), entry.route.from), ("+86", RouteFrom::Trunk(key())));
    assert_eq!(entry.route.to.len(), 2);
}

#[test]
fn a_trunk_is_what_its_body_says_and_its_password_is_nobodys() {
    let site = Site::new();
    entered(&site, true);
    let body = r#"{"host": "192.0.2.10:5062", "transport": "tcp", "register": true, "username": "u",
        "password": "very-secret", "addresses": ["192.0.2.11"], "codecs": ["PCMA"], "e164": true}"#;
    let answer = site.order("admin-t", "PUT", TRUNK, body);
    assert_eq!(answer.status, 201);
    assert!(!answer.text().contains("very-secret"));
    let Entry::Trunk(trunk) = put(&site) else { panic!() };
    assert_eq!(trunk.password, Some(Secret::new("very-secret")));
    assert_eq!((trunk.qualify_secs, trunk.expires, trunk.max_calls), (30, 600, 0));
    assert_eq!((trunk.key.clone(), trunk.host.as_str()), (key(), "192.0.2.10:5062"));
    assert!(trunk.register && trunk.e164 && !trunk.trusted && trunk.addresses.len() == 1);
    assert!(!crate::site::log().contains("very-secret"), "no secret is logged");
    assert!(!format!("{trunk:?}").contains("very-secret"));
}

#[test]
fn mistakes_are_explained_before_the_switch_is_asked() {
    let site = Site::new();
    for (path, body, status, named) in [
        (NUMBER, r#"{"to": "echo"}"#, 400, "trunk"),
        (NUMBER, r#"{"trunk": "carrier", "colour": "red"}"#, 400, "colour"),
        (NUMBER, r#"{"trunk": "carrier", "to": "4567"}"#, 422, "extension:NUMBER"),
        (NUMBER, r#"{"trunk": "carrier", "to": "sound:../x"}"#, 422, "no destination"),
        (ROUTE, r#"{"to": "echo"}"#, 400, "match"),
        (ROUTE, r#"{"match": "^0", "to": ["echo", "nowhere:1"]}"#, 422, "nowhere:1"),
        (ROUTE, r#"{"match": "^0", "to": 5}"#, 400, "to"),
        (TRUNK, r#"{"username": "u"}"#, 400, "host"),
        (TRUNK, r#"{"host": "h", "transport": "tls"}"#, 422, "udp"),
        (TRUNK, r#"{"host": "h", "addresses": ["somewhere"]}"#, 422, "no IP address"),
    ] {
        let detail = site.order("admin-t", "PUT", path, body).problem(status);
        assert!(detail.contains(named), "{path} {body}: {detail}");
    }
    assert!(site.fake.ordered().is_empty());
    let bodies = [
        (NUMBER, r#"{"trunk": "carrier"}"#),
        (ROUTE, r#"{"match": "^0", "to": "echo"}"#),
        (TRUNK, r#"{"host": "h"}"#),
    ];
    for role in ["supervisor-t", "reader-t", "user-t", "agent-t"] {
        for (path, body) in bodies {
            assert_eq!(site.order(role, "PUT", path, body).status, 403, "{role} {path}");
            assert_eq!(site.order(role, "DELETE", path, "").status, 403, "{role} {path}");
        }
    }
}

#[test]
fn lines_are_removed() {
    let site = Site::new();
    let tenant = || "t".to_owned();
    for (path, key) in [
        (NUMBER, EntryKey::Number(NumberKey { tenant: tenant(), number: "+8657126200670".into() })),
        (ROUTE, EntryKey::Route(RouteKey { tenant: tenant(), name: "national".into() })),
        (TRUNK, EntryKey::Trunk(key())),
    ] {
        site.fake.set(|tables| tables.outcome = Some(Ok(Done::Defined)));
        assert_eq!(site.delete(path).status, 204, "{path}");
        assert_eq!(ordered(&site), EntryOrder::Delete(key));
        let used = CommandError::Conflict("route national uses the trunk".into());
        site.fake.set(|tables| tables.outcome = Some(Err(used)));
        assert_eq!(site.delete(path).problem(409), "route national uses the trunk");
    }
}
