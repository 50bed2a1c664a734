//! Keys made over HTTP, their rotation, and the log of what keys have ordered.

use serde_json::{Value, json};
use strowger::api::keep::KeepError;
use strowger_core::vocab::Done;

use crate::site::{Site, log, wait_until};

fn make(site: &Site, body: &str) -> Value {
    let answer = site.post("/api/v1/keys", body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn opens(site: &Site, token: &str) -> bool {
    site.get_as(token, "/api/v1/calls").status == 200
}

#[test]
fn a_made_key_opens_is_listed_without_its_token_and_goes() {
    let site = Site::new();
    let made = make(&site, r#"{"name": "wallboard", "role": "read-only"}"#);
    let token = made["token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 64);
    assert!(opens(&site, &token));
    assert_eq!(site.fake.asked().last().unwrap().0.name, "wallboard");
    assert_eq!(site.get_as(&token, "/api/v1/keys").status, 403, "with its own role");
    let page = site.get("/api/v1/keys").json();
    assert_eq!(page["total"], 2);
    let names = json!([
        page["items"][0]["name"],
        page["items"][0]["origin"],
        page["items"][1]["name"],
        page["items"][1]["role"]
    ]);
    assert_eq!(names, json!(["boss", "file", "wallboard", "read-only"]));
    assert!(!page.to_string().contains(&token) && !log().contains(&token));
    let documents = site.fake.kept.documents.lock().unwrap();
    let kept = documents[&(String::new(), "keys".to_owned())]["t/wallboard"].clone();
    drop(documents);
    assert!(!kept.to_string().contains(&token), "only a digest is kept");
    assert_eq!(site.delete("/api/v1/keys/wallboard").status, 204);
    assert!(!opens(&site, &token));
    site.delete("/api/v1/keys/wallboard").problem(404);
    site.delete("/api/v1/keys/boss").problem(409);
}

#[test]
fn a_rotated_token_opens_beside_the_new_one_until_its_time_is_over() {
    let site = Site::new();
    let made = make(&site, r#"{"name": "crm", "role": "supervisor"}"#);
    let first = made["token"].as_str().unwrap().to_owned();
    let rotate = |body: &str| {
        let answer = site.post("/api/v1/keys/crm/rotate", body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let rotated = rotate(r#"{"overlap_secs": 60}"#);
    let second = rotated["token"].as_str().unwrap().to_owned();
    let until = rotated["before_until"].as_u64().unwrap();
    assert_ne!(first, second);
    assert!(opens(&site, &first) && opens(&site, &second));
    *site.fake.clock.lock().unwrap() = until - 1;
    assert!(opens(&site, &first));
    *site.fake.clock.lock().unwrap() = until;
    assert!(!opens(&site, &first) && opens(&site, &second));
    // A second rotation ends the token before the last, whatever was left of its time.
    *site.fake.clock.lock().unwrap() = 0;
    let third = rotate("{}")["token"].as_str().unwrap().to_owned();
    assert!(!opens(&site, &first) && opens(&site, &second) && opens(&site, &third));
    let fourth = rotate(r#"{"overlap_secs": 0}"#);
    assert_eq!(fourth["before_until"], Value::Null);
    assert!(!opens(&site, &third));
    site.post("/api/v1/keys/crm/rotate", r#"{"overlap_secs": 2592001}"#).problem(422);
    site.post("/api/v1/keys/boss/rotate", "{}").problem(409);
    site.post("/api/v1/keys/none/rotate", "{}").problem(404);
}

#[test]
fn keys_stand_for_somebody_who_is_there_and_belong_to_their_tenant() {
    let site = Site::new();
    for (body, status) in [
        (r#"{"name": "a b", "role": "admin"}"#, 422),
        (r#"{"name": "a", "role": "king"}"#, 400),
        (r#"{"name": "a", "role": "user"}"#, 422),
        (r#"{"name": "a", "role": "user", "extension": "1"}"#, 422),
        (r#"{"name": "a", "role": "user", "extension": "4567", "agent": "101"}"#, 422),
        (r#"{"name": "a", "role": "agent", "agent": "999"}"#, 422),
        (r#"{"name": "a", "role": "admin", "extension": "4567"}"#, 422),
        (r#"{"name": "boss", "role": "admin"}"#, 409),
    ] {
        let detail = site.post("/api/v1/keys", body).problem(status);
        assert!(!detail.is_empty(), "{body}");
    }
    let user = make(&site, r#"{"name": "alice", "role": "user", "extension": "4567"}"#);
    assert_eq!(user["extension"], "4567");
    let agent = make(&site, r#"{"name": "agent", "role": "agent", "agent": "101"}"#);
    assert_eq!(agent["agent"], "101");
    site.post("/api/v1/keys", r#"{"name": "alice", "role": "admin"}"#).problem(409);
    for role in ["supervisor-t", "reader-t", "user-t", "agent-t", user["token"].as_str().unwrap()] {
        for (method, path) in
            [("GET", "/api/v1/keys"), ("DELETE", "/api/v1/keys/alice"), ("GET", "/api/v1/audit")]
        {
            assert_eq!(site.order(role, method, path, "").status, 403, "{role} {path}");
        }
    }
    assert_eq!(site.get_as("admin-u", "/api/v1/keys").json()["total"], 0);
    assert_eq!(site.order("admin-u", "DELETE", "/api/v1/keys/alice", "").status, 404);
    assert_eq!(site.order("admin-u", "POST", "/api/v1/keys/alice/rotate", "{}").status, 404);
    for n in 0..198 {
        make(&site, &format!(r#"{{"name": "k{n}", "role": "read-only"}}"#));
    }
    site.post("/api/v1/keys", r#"{"name": "more", "role": "admin"}"#).problem(409);
}

#[test]
fn the_log_says_who_ordered_what_in_pages_and_to_the_tenants_admins_only() {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Defined)));
    for n in 0..5 {
        make(&site, &format!(r#"{{"name": "k{n}", "role": "read-only"}}"#));
    }
    assert_eq!(site.delete("/api/v1/keys/k3").status, 204);
    let first = site.get("/api/v1/audit?limit=2").json();
    let line = &first["items"][0];
    let shown = json!([line["what"], line["target"], line["key"], line["role"], line["outcome"]]);
    assert_eq!(shown, json!(["key.remove", "k3", "key", "admin", "done"]));
    let next = first["next"].as_str().unwrap();
    let second = site.get(&format!("/api/v1/audit?limit=200&after={next}")).json();
    let names: Vec<&str> = second["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["target"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["k3", "k2", "k1", "k0"]);
    assert_eq!(second["next"], Value::Null);
    assert_eq!(site.get_as("admin-u", "/api/v1/audit").json()["items"], json!([]));
    site.get("/api/v1/audit?after=x").problem(400);
    site.post("/api/v1/keys", r#"{"name": "k1", "role": "admin"}"#).problem(409);
    let newest = site.get("/api/v1/audit?limit=1").json();
    assert_eq!(newest["items"][0], *line, "what was not made is not said to be made");
}

#[test]
fn a_removal_is_carried_out_and_logged_though_its_client_goes_away() {
    let site = Site::new();
    let made = make(&site, r#"{"name": "wallboard", "role": "read-only"}"#);
    let token = made["token"].as_str().unwrap();
    let gate = site.fake.kept.gate.blocking_write();
    let mut client = site.connect();
    client.request("DELETE", "/api/v1/keys/wallboard", &[("Authorization", "Bearer admin-t")], "");
    let kept = || {
        let documents = site.fake.kept.documents.lock().unwrap();
        documents[&(String::new(), "keys".to_owned())].contains_key("t/wallboard")
    };
    wait_until("the store is asked", || !kept());
    assert!(!opens(&site, token), "nobody comes in while the store writes");
    drop(client);
    wait_until("the connection is gone", || {
        site.get("/metrics").text().lines().any(|line| line == "strowger_http_connections 1")
    });
    drop(gate);
    wait_until("it is in the log", || {
        let lines = site.fake.lines.lock().unwrap();
        lines.iter().any(|line| line.what == "key.remove" && line.target == "wallboard")
    });
    assert!(!opens(&site, token));
}

#[test]
fn a_key_that_the_store_could_not_remove_is_there_as_before() {
    let site = Site::new();
    let made = make(&site, r#"{"name": "wallboard", "role": "read-only"}"#);
    *site.fake.kept.refuses.lock().unwrap() = Some(KeepError::Busy);
    site.delete("/api/v1/keys/wallboard").problem(503);
    assert!(opens(&site, made["token"].as_str().unwrap()));
    *site.fake.kept.refuses.lock().unwrap() = None;
    assert_eq!(site.delete("/api/v1/keys/wallboard").status, 204);
}
