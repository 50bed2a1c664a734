//! Tenants, for operators. The fake makes them by the rules of the configuration, beside `t` and `u` of its file.

use std::collections::BTreeMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strowger::api::gateway::Later;
use strowger::api::keep::Keep;
use strowger::api::tenancy::{Tenancy, TenancyError, TenantDefinition, TenantView};
use strowger::config::made_tenant;
use strowger_core::vocab::{Event, EventKind};

use crate::client::Answer;
use crate::fake::Fake;
use crate::site::{ADMIN, Site, log};

#[derive(Default)]
pub struct Made {
    pub made: Mutex<BTreeMap<String, TenantDefinition>>,
}

impl Tenancy for Fake {
    fn all_tenants(&self) -> Vec<TenantView> {
        let view = |id: &str, definition: &TenantDefinition, made_at| TenantView {
            id: id.to_owned(),
            definition: definition.clone(),
            made_at,
            waits: None,
        };
        let mut all =
            vec![view("t", &Default::default(), None), view("u", &Default::default(), None)];
        all.extend(
            self.tenancy.made.lock().unwrap().iter().map(|(id, own)| view(id, own, Some(5))),
        );
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    fn put_tenant(
        &self,
        id: &str,
        definition: TenantDefinition,
        _: Vec<Keep>,
    ) -> Later<'_, Result<bool, TenancyError>> {
        let written = serde_json::to_value(&definition).unwrap();
        let named = Value::from(id);
        let members = written.as_object().unwrap().iter().map(|(key, value)| (&**key, value));
        let done = match made_tenant(members.chain([("id", &named)])) {
            Err(why) => Err(TenancyError::Wrong(why)),
            Ok(_) if ["t", "u"].contains(&id) => Err(TenancyError::Conflict("the file".into())),
            Ok(_) => {
                let before = self.tenancy.made.lock().unwrap().insert(id.to_owned(), definition);
                Ok(before.is_none())
            }
        };
        Box::pin(std::future::ready(done))
    }

    fn remove_tenant(&self, id: &str) -> Later<'_, Result<(), TenancyError>> {
        let removed = self.tenancy.made.lock().unwrap().remove(id);
        let done = match removed {
            Some(_) => {
                drop(self.keyring.take(id));
                Ok(())
            }
            None if ["t", "u"].contains(&id) => Err(TenancyError::Conflict("the file".into())),
            None => Err(TenancyError::Unknown),
        };
        Box::pin(std::future::ready(done))
    }
}

fn basic(account: &str) -> String {
    format!("Basic {}", STANDARD.encode(account))
}

fn send_as(site: &Site, key: &str, method: &str, path: &str, body: &str) -> Answer {
    let headers = [("Authorization", key), ("Content-Type", "application/json")];
    site.send(method, path, &headers, body)
}

fn send(site: &Site, method: &str, path: &str, body: &str) -> Answer {
    send_as(site, &basic("op:deep:water"), method, path, body)
}

const ACME: &str = "/api/v1/tenants/acme";

#[test]
fn an_operator_makes_a_tenant_changes_it_and_gives_it_its_first_key() {
    let site = Site::new();
    send(&site, "GET", ACME, "").problem(404);
    send(&site, "POST", "/api/v1/tenants/acme/keys", r#"{"name": "first"}"#).problem(404);
    let made = send(&site, "PUT", ACME, r#"{"prefix": "9031"}"#);
    assert_eq!(made.status, 201, "{}", made.text());
    let shown = made.json();
    assert_eq!((&shown["id"], &shown["origin"]), (&json!("acme"), &json!("http")));
    assert_eq!((&shown["prefix"], &shown["made_at"]), (&json!("9031"), &json!(5)));
    assert_eq!(send(&site, "PUT", ACME, r#"{"prefix": "9032"}"#).status, 200);
    assert_eq!(send(&site, "GET", ACME, "").json()["prefix"], "9032");
    let page = send(&site, "GET", "/api/v1/tenants?offset=1&limit=1", "").json();
    assert_eq!((&page["total"], &page["items"][0]["id"]), (&json!(3), &json!("t")));
    assert_eq!(page["items"][0]["origin"], "file");
    // Its first key is an administrator's, and no other tenant's.
    let keys = "/api/v1/tenants/acme/keys";
    let made = send(&site, "POST", keys, r#"{"name": "first"}"#);
    assert_eq!(made.status, 201, "{}", made.text());
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let mine = site.get_as(&token, "/api/v1/keys").json();
    assert_eq!(
        (&mine["items"][0]["name"], &mine["items"][0]["role"]),
        (&json!("first"), &json!("admin"))
    );
    assert_eq!(mine["total"], 1);
    send(&site, "POST", keys, r#"{"name": "first"}"#).problem(409);
    send(&site, "POST", keys, r#"{"name": "a b"}"#).problem(422);
    // The tenant's own log says who did it.
    let lines = site.get_as(&token, "/api/v1/audit").json();
    let said: Vec<(&str, &str)> = lines["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["key"].as_str().unwrap(), line["what"].as_str().unwrap()))
        .collect();
    let by = |what| ("operator op", what);
    assert_eq!(said, [by("key.make"), by("tenant.put"), by("tenant.put")]);
    assert!(!log().contains("deep:water") && !log().contains(&token));
}

#[test]
fn nobody_but_an_operator_sees_or_makes_tenants() {
    let site = Site::new();
    let body = r#"{"prefix": "9031"}"#;
    for (method, path) in [
        ("GET", "/api/v1/tenants"),
        ("GET", "/api/v1/tenants/t"),
        ("GET", "/api/v1/tenants/none"),
        ("PUT", "/api/v1/tenants/acme"),
        ("PUT", "/api/v1/tenants/t"),
        ("POST", "/api/v1/tenants/t/keys"),
        ("POST", "/api/v1/tenants/none/keys"),
        ("DELETE", "/api/v1/tenants/t"),
    ] {
        let site = Site::new();
        let bearer = format!("Bearer {ADMIN}");
        send_as(&site, &bearer, method, path, body).problem(403);
        for wrong in ["op:deep:wate", "op:", "other:deep:water", "op", ":", "OP:deep:water"] {
            let answer = send_as(&site, &basic(wrong), method, path, body);
            assert!(answer.header("www-authenticate").unwrap().starts_with("Basic "), "{wrong}");
            answer.problem(401);
        }
        send_as(&site, "Basic ?", method, path, body).problem(401);
        site.send(method, path, &[], body).problem(401);
        assert!(site.fake.tenancy.made.lock().unwrap().is_empty());
    }
    // An operator's name opens nothing else.
    for path in ["/api/v1/calls", "/api/v1/keys", "/api/v1/openapi.json"] {
        send(&site, "GET", path, "").problem(401);
    }
}

#[test]
fn whoever_guesses_an_operator_s_secret_is_slowed_down() {
    let site = Site::new();
    for _ in 0..10 {
        send_as(&site, &basic("op:guess"), "GET", "/api/v1/tenants", "").problem(401);
    }
    let late = send(&site, "GET", "/api/v1/tenants", "");
    assert!(late.header("retry-after").is_some());
    late.problem(429);
    site.get("/api/v1/calls").problem(429);
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would_be_right() {
    let site = Site::new();
    for (path, body, status, says) in [
        (ACME, r#"{"prefix": "x"}"#, 422, "prefix: "),
        (ACME, r#"{"prefix": 9031}"#, 400, "string"),
        (ACME, r#"{"timezone": "Mars"}"#, 422, "no time zone"),
        (ACME, r#"{"id": "acme"}"#, 400, "unknown field `id`"),
        (ACME, "[]", 400, "an object"),
        ("/api/v1/tenants/a%20b", "{}", 422, "id: "),
        ("/api/v1/tenants/..%2f", "{}", 422, "id: "),
        ("/api/v1/tenants/t", "{}", 409, "file"),
    ] {
        let text = send(&site, "PUT", path, body).problem(status);
        assert!(text.contains(says), "{path} {body}: {text}");
    }
    assert!(site.fake.tenancy.made.lock().unwrap().is_empty());
}

#[test]
fn a_tenant_goes_with_its_keys_and_one_of_its_name_has_none() {
    let site = Site::new();
    let make = || {
        assert_eq!(send(&site, "PUT", ACME, r#"{"prefix": "9031"}"#).status, 201);
        let made = send(&site, "POST", "/api/v1/tenants/acme/keys", r#"{"name": "first"}"#);
        made.json()["token"].as_str().unwrap().to_owned()
    };
    send(&site, "DELETE", ACME, "").problem(404);
    send(&site, "DELETE", "/api/v1/tenants/t", "").problem(409);
    let token = make();
    let mut stream = site.connect();
    let key = format!("Bearer {token}");
    stream.request("GET", "/api/v1/events", &[("Authorization", &key)], "");
    assert_eq!(stream.head().0, 200);
    assert_eq!(send(&site, "DELETE", ACME, "").status, 204);
    assert_eq!(site.get_as(&token, "/api/v1/calls").status, 401);
    send(&site, "DELETE", ACME, "").problem(404);
    let second = make();
    assert_eq!(site.get_as(&token, "/api/v1/calls").status, 401);
    assert_eq!(site.get_as(&second, "/api/v1/keys").json()["total"], 1);
    // Who followed the first one is not told of the second.
    site.fake.ring.publish(
        [Event { boot: 1, seq: 1, at: 0, tenant: Some("acme".into()), kind: EventKind::Reloaded }]
            .into_iter(),
    );
    let mut told = String::new();
    while let Some(chunk) = stream.chunk() {
        told.push_str(&chunk);
    }
    assert!(!told.contains("reloaded"), "{told}");
}

#[test]
fn two_operators_do_not_undo_each_other_s_changes_and_what_is_sent_twice_is_done_once() {
    let site = Site::new();
    let key = basic("op:deep:water");
    let put = |condition: (&str, &str), body: &str| {
        let headers =
            [("Authorization", key.as_str()), ("Content-Type", "application/json"), condition];
        site.send("PUT", ACME, &headers, body)
    };
    assert_eq!(put(("If-None-Match", "*"), r#"{"prefix": "1"}"#).status, 201);
    put(("If-None-Match", "*"), r#"{"prefix": "2"}"#).problem(412);
    let shown = send(&site, "GET", ACME, "");
    let tag = shown.header("etag").unwrap().to_owned();
    assert_eq!(put(("If-Match", &tag), r#"{"prefix": "3"}"#).status, 200);
    put(("If-Match", &tag), r#"{"prefix": "4"}"#).problem(412);
    assert_eq!(send(&site, "GET", ACME, "").json()["prefix"], "3");
    let make = || {
        let headers = [
            ("Authorization", key.as_str()),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", "one"),
        ];
        site.send("POST", "/api/v1/tenants/acme/keys", &headers, r#"{"name": "first"}"#)
    };
    let (first, again) = (make(), make());
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json(), again.json());
}
