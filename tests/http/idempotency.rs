//! A POST that is sent again with its Idempotency-Key is answered as before and does nothing twice.

use strowger_core::vocab::{CommandError, Done};

use crate::client::Answer;
use crate::site::Site;

const BODY: &str = r#"{"name": "crm", "role": "supervisor"}"#;

fn post(site: &Site, token: &str, key: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("Authorization", &*bearer),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", key),
    ];
    site.send("POST", path, &headers, body)
}

fn made(site: &Site) -> u64 {
    site.get("/api/v1/keys").json()["total"].as_u64().unwrap()
}

#[test]
fn the_same_request_again_gets_the_same_answer_and_does_nothing() {
    let site = Site::new();
    let before = made(&site);
    let first = post(&site, "admin-t", "a1", "/api/v1/keys", BODY);
    let again = post(&site, "admin-t", "a1", "/api/v1/keys", BODY);
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.text(), again.text(), "with the token that is shown once");
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.header("content-type"), again.header("content-type"));
    assert_eq!(made(&site), before + 1);
    // Another request under the same key is a mistake, and another key another request.
    let other = BODY.replace("crm", "other");
    let detail = post(&site, "admin-t", "a1", "/api/v1/keys", &other).problem(422);
    assert!(detail.contains("Idempotency-Key"), "{detail}");
    assert_eq!(made(&site), before + 1);
    post(&site, "admin-t", "a2", "/api/v1/keys", BODY).problem(409);
    let refused = post(&site, "admin-t", "a2", "/api/v1/keys", BODY);
    assert_eq!(refused.header("idempotency-replayed"), Some("true"));
    refused.problem(409);
    assert_eq!(
        post(&site, "admin-u", "a1", "/api/v1/keys", BODY).status,
        201,
        "each tenant has its own"
    );
    assert_eq!(post(&site, "wrong", "a1", "/api/v1/keys", BODY).status, 401);
}

#[test]
fn what_may_go_better_is_tried_again() {
    let site = Site::new();
    let order = r#"{"from": "101", "to": "102"}"#;
    let busy = CommandError::Busy { retry_after: 1, what: "the switch".into() };
    site.fake.set(|tables| tables.outcome = Some(Err(busy)));
    post(&site, "admin-t", "b1", "/api/v1/calls", order).problem(503);
    let (call, interaction) = Default::default();
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Originated { call, interaction })));
    assert_eq!(post(&site, "admin-t", "b1", "/api/v1/calls", order).status, 201);
    assert_eq!(post(&site, "admin-t", "b1", "/api/v1/calls", order).status, 201);
    assert_eq!(site.fake.ordered().len(), 2, "the switch was asked once more, and no third time");
}

#[test]
fn keys_are_bounded_in_length_and_number() {
    let site = Site::new();
    for wrong in ["", &"x".repeat(256)] {
        post(&site, "admin-t", wrong, "/api/v1/keys", BODY).problem(400);
    }
    let refused = CommandError::Conflict("no".into());
    site.fake.set(|tables| tables.outcome = Some(Err(refused)));
    let order = r#"{"from": "101", "to": "102"}"#;
    for n in 0..=500 {
        post(&site, "admin-t", &format!("c{n}"), "/api/v1/calls", order).problem(409);
    }
    let asked = site.fake.ordered().len();
    post(&site, "admin-t", "c500", "/api/v1/calls", order).problem(409);
    assert_eq!(site.fake.ordered().len(), asked, "the newest is known");
    post(&site, "admin-t", "c0", "/api/v1/calls", order).problem(409);
    assert_eq!(site.fake.ordered().len(), asked + 1, "the oldest made room");
}

#[test]
fn an_answer_of_before_has_all_its_headers() {
    let site = Site::new();
    let order = r#"{"url": "https://example.com/"}"#;
    let first = post(&site, "admin-t", "d1", "/api/v1/webhooks", order);
    let again = post(&site, "admin-t", "d1", "/api/v1/webhooks", order);
    assert_eq!((first.status, again.status), (201, 201));
    assert!(first.header("location").is_some());
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[test]
fn an_answer_of_before_counts_against_the_pace_of_its_key() {
    let limits = strowger::api::Limits { requests_per_second: 1, ..Default::default() };
    let site = Site::with(limits);
    assert_eq!(post(&site, "admin-t", "e1", "/api/v1/keys", BODY).status, 201);
    // At one a second not even a slow machine lets a hundred through.
    let again = (0..100).map(|_| post(&site, "admin-t", "e1", "/api/v1/keys", BODY));
    let refused = again.filter(|answer| answer.status == 429).count();
    assert!(refused > 0);
}
