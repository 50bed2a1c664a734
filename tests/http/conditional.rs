//! Conditional requests: tags of definitions, copies that are still good, and writers that do not undo each other's work.

use serde_json::{Value, json};
use strowger_core::vocab::{CommandError, Done};

use crate::client::{Answer, Connection};
use crate::site::{Site, wait_until};

const QUEUE: &str = "/api/v1/queues/9001";
const NEW: &str = "/api/v1/queues/9002";

fn send(site: &Site, method: &str, path: &str, condition: (&str, &str), body: &str) -> Answer {
    let headers =
        [("Authorization", "Bearer admin-t"), ("Content-Type", "application/json"), condition];
    site.send(method, path, &headers, body)
}

fn tag(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header("etag").unwrap_or_else(|| panic!("no tag: {answer:?}")).to_owned()
}

fn webhook(site: &Site) -> String {
    let made = site.post("/api/v1/webhooks", r#"{"url": "https://example.com/"}"#).json();
    format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap())
}

#[test]
fn a_copy_that_is_still_good_is_not_sent_again() {
    let site = Site::new();
    for path in [
        QUEUE,
        "/api/v1/agents/101",
        "/api/v1/settings",
        "/api/v1/agents/101/tiers/9001",
        "/api/v1/extensions/4570",
        "/api/v1/extensions/4567/settings",
        "/api/v1/dial-tasks/spring",
        "/api/v1/keys/boss",
        &webhook(&site),
    ] {
        let first = site.get(path);
        let tag = tag(&first);
        assert!(tag.starts_with('"') && tag.ends_with('"'), "strong: {tag}");
        assert_eq!(site.get(path).header("etag"), Some(&*tag), "{path}");
        let again = site.get_with(path, &[("If-None-Match", &tag)]);
        assert_eq!((again.status, again.header("etag")), (304, Some(&*tag)), "{path}");
        let other = format!("\"x\", W/{tag}");
        assert_eq!(site.get_with(path, &[("If-None-Match", &other)]).status, 304, "{path}");
        let fresh = site.get_with(path, &[("If-None-Match", "\"x\"")]);
        assert_eq!((fresh.status, &fresh.body), (200, &first.body), "{path}");
        site.get_with(path, &[("If-Match", "\"x\"")]).problem(412);
        assert_eq!(site.get_with(path, &[("If-Match", &tag)]).status, 200, "{path}");
    }
    assert_eq!(site.get("/api/v1/queues").header("etag"), None, "what only lists has none");
    assert_eq!(site.get("/api/v1/queues/9009").header("etag"), None);
}

#[test]
fn head_says_what_get_would() {
    let site = Site::new();
    let whole = site.get(QUEUE);
    let key = ("Authorization", "Bearer admin-t");
    let mut connection = site.connect();
    connection.request("HEAD", QUEUE, &[key], "");
    let head = connection.answer("HEAD");
    assert_eq!((head.status, head.header("etag")), (200, whole.header("etag")));
    assert_eq!(head.header("content-length"), whole.header("content-length"));
    connection.request("HEAD", QUEUE, &[key, ("If-None-Match", whole.header("etag").unwrap())], "");
    assert_eq!(connection.answer("HEAD").status, 304);
    connection.request("GET", QUEUE, &[key], "");
    assert_eq!(connection.answer("GET").body, whole.body, "nothing stood between");
}

#[test]
fn a_write_whose_tag_is_old_does_nothing() {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Defined)));
    let body = r#"{"name": "Support"}"#;
    for (method, body) in [("PUT", body), ("DELETE", "")] {
        for old in ["\"x\"", "\"x\", \"y\"", "W/\"x\""] {
            let detail = send(&site, method, QUEUE, ("If-Match", old), body).problem(412);
            assert!(detail.contains("If-Match"), "{detail}");
        }
        let weak = format!("W/{}", tag(&site.get(QUEUE)));
        send(&site, method, QUEUE, ("If-Match", &weak), body).problem(412);
    }
    assert!(site.fake.ordered().is_empty(), "the switch was not asked");
    let good = tag(&site.get(QUEUE));
    assert_eq!(send(&site, "PUT", QUEUE, ("If-Match", &good), body).status, 204);
    assert_eq!(site.fake.ordered().len(), 1);
    send(&site, "PUT", QUEUE, ("If-Match", &good), body).problem(412);
    assert_ne!(tag(&site.get(QUEUE)), good, "a change counts though it looks the same");
    assert_eq!(send(&site, "DELETE", QUEUE, ("If-Match", "*"), "").status, 204);
    assert_eq!(site.fake.ordered().len(), 2);
}

#[test]
fn callers_are_not_in_the_way_of_writers() {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Defined)));
    let good = tag(&site.get(QUEUE));
    let (definition, live) = good.trim_matches('"').split_once('.').unwrap();
    assert!(!definition.is_empty() && !live.is_empty());
    let busier = format!("\"{definition}.0000\"");
    assert_eq!(site.get_with(QUEUE, &[("If-None-Match", &busier)]).status, 200);
    assert_eq!(send(&site, "PUT", QUEUE, ("If-Match", &busier), "{}").status, 204);
}

#[test]
fn a_key_that_was_rotated_is_another_one() {
    let site = Site::new();
    assert_eq!(site.post("/api/v1/keys", r#"{"name": "crm", "role": "admin"}"#).status, 201);
    let key = "/api/v1/keys/crm";
    let good = tag(&site.get(key));
    site.post("/api/v1/keys/crm/rotate", r#"{"overlap_secs": 9999999}"#).problem(422);
    assert_eq!(tag(&site.get(key)), good);
    assert_eq!(site.post("/api/v1/keys/crm/rotate", "{}").status, 200);
    assert_ne!(tag(&site.get(key)), good);
    send(&site, "DELETE", key, ("If-Match", &good), "").problem(412);
}

#[test]
fn a_refused_write_changes_no_tag() {
    let site = Site::new();
    let good = tag(&site.get(QUEUE));
    site.fake.set(|tables| tables.outcome = Some(Err(CommandError::Conflict("no".into()))));
    send(&site, "PUT", QUEUE, ("If-Match", &good), "{}").problem(409);
    send(&site, "PUT", QUEUE, ("If-Match", &good), "[]").problem(400);
    assert_eq!(tag(&site.get(QUEUE)), good);
}

#[test]
fn only_what_is_not_there_is_made_and_only_what_is_there_is_changed() {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Defined)));
    let detail = send(&site, "PUT", QUEUE, ("If-None-Match", "*"), "{}").problem(412);
    assert!(detail.contains("already"), "{detail}");
    assert!(site.fake.ordered().is_empty());
    assert_eq!(send(&site, "PUT", NEW, ("If-None-Match", "*"), "{}").status, 204);
    for condition in ["*", "\"x\""] {
        send(&site, "PUT", NEW, ("If-Match", condition), "{}").problem(412);
        send(&site, "DELETE", NEW, ("If-Match", condition), "").problem(404);
        let hook = "/api/v1/webhooks/wh_0";
        let order = r#"{"url": "https://example.com/"}"#;
        send(&site, "PUT", hook, ("If-Match", condition), order).problem(404);
    }
    assert_eq!(site.fake.ordered().len(), 1);
}

#[test]
fn conditions_are_read_strictly_and_open_nothing() {
    let site = Site::new();
    for wrong in ["x", "\"x", "*, \"x\"", ""] {
        let detail = send(&site, "PUT", QUEUE, ("If-Match", wrong), "{}").problem(400);
        assert!(detail.contains("if-match"), "{detail}");
        site.get_with(QUEUE, &[("If-None-Match", wrong)]).problem(400);
    }
    let good = tag(&site.get(QUEUE));
    for (token, status) in [("reader-t", 403), ("user-t", 403), ("nobody", 401)] {
        let key = format!("Bearer {token}");
        let headers = [("Authorization", &*key), ("If-Match", &good)];
        assert_eq!(site.send("DELETE", QUEUE, &headers, "").status, status, "{token}");
    }
    assert!(site.fake.ordered().is_empty());
}

#[test]
fn whoever_may_not_write_hears_that_first_and_holds_nobody_up() {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Defined)));
    for token in ["reader-t", "user-t", "supervisor-t"] {
        let key = format!("Bearer {token}");
        for condition in [("If-Match", "\"x\""), ("If-None-Match", "*")] {
            for method in ["PUT", "DELETE"] {
                let headers = [("Authorization", &*key), condition];
                assert_eq!(site.send(method, QUEUE, &headers, "").status, 403, "{token} {method}");
            }
        }
    }
    // Bodies that never end: of one who may not write, and of one who may.
    let held: Vec<Connection> = ["reader-t", "admin-t"]
        .map(|token| {
            let mut slow = site.connect();
            let head = format!(
                "PUT {QUEUE} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
            );
            slow.write(head.as_bytes());
            slow
        })
        .into();
    wait_until("both are under way", || {
        site.get("/metrics").text().lines().any(|line| line == "strowger_http_connections 3")
    });
    assert_eq!(send(&site, "PUT", QUEUE, ("If-Match", "*"), "{}").status, 204);
    drop(held);
}

#[test]
fn a_condition_that_does_not_hold_counts_against_the_pace_of_its_key() {
    let limits = strowger::api::Limits { requests_per_second: 1, ..Default::default() };
    let site = Site::with(limits);
    let ask = |_| send(&site, "PUT", QUEUE, ("If-Match", "\"x\""), "{}").status;
    // At one a second not even a slow machine lets a hundred through.
    let statuses: Vec<u16> = (0..100).map(ask).collect();
    assert!(statuses.contains(&412) && statuses.contains(&429), "{statuses:?}");
}

#[test]
fn a_conditional_request_is_one_request_of_its_key() {
    let limits = strowger::api::Limits { requests_per_second: 1, ..Default::default() };
    let site = Site::with(limits);
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Defined)));
    // The burst of two seconds: what the surface asks itself takes nothing of it.
    for _ in 0..2 {
        assert_eq!(send(&site, "PUT", QUEUE, ("If-Match", "*"), "{}").status, 204);
    }
}

#[test]
fn of_writers_with_the_same_tag_one_wins() {
    let site = Site::new();
    let path = webhook(&site);
    let good = tag(&site.get(&path));
    let mut writers: Vec<(Connection, String)> =
        (0..8).map(|n| (site.connect(), format!("writer {n}"))).collect();
    for (connection, name) in &mut writers {
        let body = json!({ "url": "https://example.com/", "description": name }).to_string();
        let headers = [
            ("Authorization", "Bearer admin-t"),
            ("Content-Type", "application/json"),
            ("If-Match", &*good),
        ];
        connection.request("PUT", &path, &headers, &body);
    }
    let mut won = Vec::new();
    for (connection, name) in &mut writers {
        let answer = connection.answer("PUT");
        if answer.status == 204 {
            won.push(name.clone());
        } else {
            answer.problem(412);
        }
    }
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(site.get(&path).json()["description"], Value::from(won.remove(0)));
}

#[test]
fn the_description_knows_the_conditions_and_their_answers() {
    let site = Site::new();
    let document = site.get("/api/v1/openapi.json").json();
    let item = &document["paths"]["/api/v1/queues/{number}"];
    let named = |method: &str, header: &str| {
        let parameters = item[method]["parameters"].as_array().unwrap();
        parameters.iter().any(|own| own["name"] == header && own["in"] == "header")
    };
    assert!(named("get", "If-None-Match") && named("put", "If-None-Match"));
    assert!(named("put", "If-Match") && named("delete", "If-Match"));
    assert!(item["get"]["responses"]["304"].is_object());
    for method in ["get", "put", "delete"] {
        let problem = &item[method]["responses"]["412"]["content"]["application/problem+json"];
        assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem", "{method}");
    }
}
