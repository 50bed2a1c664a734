//! Webhooks over HTTP, with an outbox in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use strowger::api::gateway::Later;
use strowger::api::outgoing::{
    Answer, Ask, DeliveriesQuery, Delivery, HOOKS, Hook, HookError, OutboxFigures, Outgoing, Post,
    PostError, To,
};
use strowger_core::vocab::{Event, EventKind, ExtensionKey};

use crate::fake::Fake;
use crate::site::{Site, wait_until};

/// What there is, and what was posted.
#[derive(Default)]
pub struct Outbox {
    pub hooks: Mutex<BTreeMap<(String, String), Arc<Hook>>>,
    pub posts: Mutex<Vec<Post>>,
    pub waiting: Mutex<Vec<Delivery>>,
    pub asked: Mutex<Vec<Ask>>,
    /// Nothing can be written.
    pub broken: AtomicBool,
}

fn now<T: Send + 'static, E: Send + 'static>(value: Result<T, E>) -> Later<'static, Result<T, E>> {
    Box::pin(std::future::ready(value))
}

fn name(tenant: &str, id: &str) -> (String, String) {
    (tenant.to_owned(), id.to_owned())
}

impl Outgoing for Fake {
    fn hooks(&self, tenant: &str) -> Vec<Arc<Hook>> {
        let hooks = self.outbox.hooks.lock().unwrap();
        hooks.values().filter(|hook| hook.tenant == tenant).cloned().collect()
    }

    fn hook(&self, tenant: &str, id: &str) -> Option<Arc<Hook>> {
        self.outbox.hooks.lock().unwrap().get(&name(tenant, id)).cloned()
    }

    fn put_hook(&self, hook: Hook) -> Later<'_, Result<(), HookError>> {
        Box::pin(async move {
            // As with a disk, others have their turns before it is done.
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
            }
            if self.outbox.broken.load(Ordering::Relaxed) {
                return Err(HookError::Failed("the disk is full".into()));
            }
            let mut hooks = self.outbox.hooks.lock().unwrap();
            let name = name(&hook.tenant, &hook.id);
            if hooks.len() >= HOOKS && !hooks.contains_key(&name) {
                return Err(HookError::Full);
            }
            hooks.insert(name, Arc::new(hook));
            Ok(())
        })
    }

    fn remove_hook(&self, tenant: &str, id: &str) -> Later<'_, Result<(), HookError>> {
        self.outbox.hooks.lock().unwrap().remove(&name(tenant, id));
        now(Ok(()))
    }

    fn post(&self, post: Post) -> Result<(), PostError> {
        self.outbox.posts.lock().unwrap().push(post);
        Ok(())
    }

    fn deliveries(&self, query: DeliveriesQuery) -> Later<'_, Result<Vec<Delivery>, HookError>> {
        let rows = self.outbox.waiting.lock().unwrap();
        let rows = rows.iter().filter(|row| {
            row.id > query.after
                && query.parked.is_none_or(|parked| row.parked_at.is_some() == parked)
        });
        now(Ok(rows.take(query.limit).cloned().collect()))
    }

    fn resend(
        &self,
        _tenant: &str,
        _hook: &str,
        delivery: Option<u64>,
    ) -> Later<'_, Result<usize, HookError>> {
        let mut rows = self.outbox.waiting.lock().unwrap();
        let wanted = rows.iter_mut().filter(|row| {
            row.parked_at.is_some() && delivery.is_none_or(|delivery| row.id == delivery)
        });
        now(Ok(wanted.map(|row| row.parked_at = None).count()))
    }

    fn ask(&self, ask: Ask) -> Later<'_, Result<Answer, String>> {
        self.outbox.asked.lock().unwrap().push(ask);
        now(Err("nobody is asked here".into()))
    }

    fn check_url(&self, url: &str) -> Later<'_, Result<(), String>> {
        let private = url.contains("127.0.0.1");
        now(if private { Err("127.0.0.1 is no public address".into()) } else { Ok(()) })
    }

    fn outbox_figures(&self) -> OutboxFigures {
        OutboxFigures::default()
    }
}

const URL: &str = "https://example.com/events";

fn create(site: &Site, order: &Value) -> Value {
    let answer = site.post("/api/v1/webhooks", &order.to_string());
    assert_eq!(answer.status, 201, "{answer:?}");
    let made = answer.json();
    let location = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), Some(location.as_str()));
    made
}

#[test]
fn a_webhook_is_made_changed_and_removed_and_its_secret_is_shown_once() {
    let site = Site::new();
    let made = create(&site, &json!({"url": URL, "events": ["call_ended"], "description": "CRM"}));
    let path = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() > 40, "{secret}");
    let shown = site.get(&path).json();
    let expected = json!({
        "id": made["id"], "owner": "native", "url": URL, "events": ["call_ended"], "enabled": true,
        "description": "CRM", "created_at": made["created_at"],
    });
    assert_eq!(shown, expected);
    let list = site.get("/api/v1/webhooks").json();
    assert_eq!((&list["items"][0], &list["total"]), (&expected, &json!(1)));
    let put = |body: Value| site.order("admin-t", "PUT", &path, &body.to_string()).status;
    assert_eq!(put(json!({"url": "https://example.com/b", "enabled": false})), 204);
    let hook = site.fake.outbox.hooks.lock().unwrap().values().next().unwrap().clone();
    assert_eq!(hook.secret.as_deref(), Some(secret), "it stays unless another is sent");
    assert_eq!((hook.url.as_str(), hook.enabled), ("https://example.com/b", false));
    let other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    assert_eq!(put(json!({"url": URL, "secret": other})), 204);
    let hook = site.fake.outbox.hooks.lock().unwrap().values().next().unwrap().clone();
    assert_eq!(hook.secret.as_deref(), Some(other));
    assert!(hook.more["previous_until"].is_u64(), "the old one goes on signing for a while");
    let sealed = hook.more["previous"].as_str().unwrap();
    assert!(sealed.starts_with("webhook-previous/t/"), "sealed, for one place: {sealed}");
    assert_eq!(put(json!({"url": URL, "events": ["call_held", "call_ended", "call_held"]})), 204);
    let hook = site.fake.outbox.hooks.lock().unwrap().values().next().unwrap().clone();
    assert_eq!(hook.events, ["call_ended", "call_held"]);
    assert!(!crate::site::log().contains(secret), "secrets are not logged");
    assert_eq!(site.delete(&path).status, 204);
    assert_eq!(site.get(&path).status, 404);
}

#[test]
fn the_log_of_orders_tells_of_no_change_that_was_not_made() {
    let site = Site::new();
    let made = create(&site, &json!({"url": URL}));
    let path = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
    let logged = || {
        let lines = site.fake.lines.lock().unwrap();
        lines.iter().filter(|line| line.what == "webhook.replace").count()
    };
    site.fake.outbox.broken.store(true, Ordering::Relaxed);
    let body = json!({"url": URL, "enabled": false}).to_string();
    site.order("admin-t", "PUT", &path, &body).problem(500);
    assert_eq!(logged(), 0);
    site.fake.outbox.broken.store(false, Ordering::Relaxed);
    assert_eq!(site.order("admin-t", "PUT", &path, &body).status, 204);
    assert_eq!(logged(), 1);
}

#[test]
fn what_is_wrong_is_said_with_what_would_be_right() {
    let site = Site::new();
    let order = |body: Value| site.post("/api/v1/webhooks", &body.to_string());
    for (body, status, why) in [
        (json!({}), 400, "url"),
        (json!({"url": URL, "event": []}), 400, "event"),
        (json!({"url": 7}), 400, "string"),
        (json!({"url": "http://127.0.0.1/"}), 422, "no public address"),
        (json!({"url": URL, "events": ["call_endet"]}), 422, "call_ended"),
        (json!({"url": URL, "secret": "swordfish"}), 422, "whsec_"),
        (json!({"url": URL, "secret": "whsec_c2hvcnQ="}), 422, "24 to 64"),
        (json!({"url": URL, "description": "x".repeat(257)}), 422, "256"),
    ] {
        let answer = order(body.clone());
        let detail = answer.problem(status);
        assert!(detail.contains(why), "{body}: {detail}");
    }
    assert!(site.fake.outbox.hooks.lock().unwrap().is_empty());
    site.get("/api/v1/webhooks?page=1").problem(400);
    site.get("/api/v1/webhooks/%FF").problem(400);
    site.get("/api/v1/webhooks/%FF/deliveries").problem(400);
    for role in ["supervisor-t", "reader-t", "user-t", "agent-t"] {
        site.post_as(role, "/api/v1/webhooks", &json!({"url": URL}).to_string()).problem(403);
        site.get_as(role, "/api/v1/webhooks").problem(403);
    }
}

#[test]
fn other_tenants_and_other_owners_are_kept_apart() {
    let site = Site::new();
    let made = create(&site, &json!({"url": URL}));
    let path = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
    for (method, path) in [
        ("GET", path.clone()),
        ("PUT", path.clone()),
        ("DELETE", path.clone()),
        ("GET", format!("{path}/deliveries")),
        ("POST", format!("{path}/deliveries/resend")),
        ("POST", format!("{path}/deliveries/{:016x}/resend", 1)),
    ] {
        let body = if method == "PUT" { json!({"url": URL}).to_string() } else { String::new() };
        site.order("admin-u", method, &path, &body).problem(404);
    }
    assert_eq!(site.get_as("admin-u", "/api/v1/webhooks").json()["total"], 0);
    let key = ("t".to_owned(), made["id"].as_str().unwrap().to_owned());
    let mut hook = (*site.fake.outbox.hooks.lock().unwrap()[&key]).clone();
    hook.owner = "cti".into();
    site.fake.outbox.hooks.lock().unwrap().insert(key, Arc::new(hook));
    assert_eq!(site.get(&path).json()["owner"], "cti");
    site.order("admin-t", "PUT", &path, &json!({"url": URL}).to_string()).problem(409);
    site.delete(&path).problem(409);
}

#[test]
fn an_event_is_told_to_those_who_want_it_in_the_words_of_the_stream() {
    let site = Site::new();
    let all = create(&site, &json!({"url": URL}));
    create(&site, &json!({"url": URL, "events": ["call_ended"]}));
    create(&site, &json!({"url": URL, "enabled": false}));
    let order = json!({"url": URL}).to_string();
    assert_eq!(site.post_as("admin-u", "/api/v1/webhooks", &order).status, 201);
    let extension = ExtensionKey { tenant: "t".into(), number: "101".into() };
    let event = |seq, tenant: Option<&str>, kind| Event {
        boot: 3,
        seq,
        at: 1_001,
        tenant: tenant.map(str::to_owned),
        kind,
    };
    let ended = EventKind::CallEnded { record: Box::new(crate::fake::record(7, "t", "101")) };
    let events = [
        event(1, Some("t"), EventKind::ExtensionOnline { extension }),
        event(2, None, EventKind::Reloaded),
        event(3, Some("t"), ended),
    ];
    site.fake.ring.publish(events.into_iter());
    let posts = || site.fake.outbox.posts.lock().unwrap().clone();
    wait_until("three are posted", || posts().len() >= 3);
    let posts = posts();
    let first = &posts[0];
    assert_eq!(first.to, To::Hook(all["id"].as_str().unwrap().to_owned()));
    let body: Value = serde_json::from_slice(&first.body).unwrap();
    let expected = json!({"id": "3.1", "at": 1001, "event": "extension_online", "number": "101"});
    assert_eq!(body, expected);
    assert_eq!(first.headers, [("content-type".to_owned(), "application/json".to_owned())]);
    for ended in &posts[1..] {
        assert_eq!(ended.order_key, format!("{:032x}", 7), "a call's events are told in order");
        let body: Value = serde_json::from_slice(&ended.body).unwrap();
        assert_eq!(body["event"], "call_ended");
    }
    assert!(posts.iter().all(|post| post.tenant == "t"));
}

#[test]
fn what_was_not_told_is_shown_page_by_page_and_sent_again() {
    let site = Site::new();
    let made = create(&site, &json!({"url": URL}));
    let path = format!("/api/v1/webhooks/{}/deliveries", made["id"].as_str().unwrap());
    let row = |id: u64| Delivery {
        id: (4 << 32) + id,
        order_key: "call".into(),
        since: 5,
        attempts: 9,
        parked_at: (id > 1).then_some(6),
        error: "the answer was 500".into(),
        body: b"{}".to_vec(),
    };
    *site.fake.outbox.waiting.lock().unwrap() = (1..=5).map(row).collect();
    let page = site.get(&format!("{path}?state=parked&limit=3")).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    let expected = json!({
        "id": "0000000400000002", "state": "parked", "order_key": "call", "since": 5, "attempts": 9,
        "parked_at": 6, "error": "the answer was 500", "body": "{}",
    });
    assert_eq!(page["items"][0], expected);
    let next = page["next"].as_str().unwrap();
    let rest = site.get(&format!("{path}?state=parked&limit=3&after={next}")).json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    let waiting = site.get(&format!("{path}?state=waiting")).json();
    assert_eq!(waiting["items"][0]["state"], "waiting");
    for wrong in ["state=lost", "after=7", "limit=0", "page=1"] {
        site.get(&format!("{path}?{wrong}")).problem(400);
    }
    assert_eq!(site.post(&format!("{path}/0000000400000003/resend"), "").json()["resent"], 1);
    for gone in ["0000000400000003", "0000000400000001", "x"] {
        site.post(&format!("{path}/{gone}/resend"), "").problem(404);
    }
    assert_eq!(site.post(&format!("{path}/resend"), "").json()["resent"], 3);
    assert_eq!(site.post(&format!("{path}/resend"), "").json()["resent"], 0);
}

#[test]
fn other_systems_agent_events_go_where_webhooks_may_go_only() {
    let site = Site::new();
    let agents = site.get("/api/ver1.0/client/@me/agent/local/").json();
    let agent = agents[0]["id"].as_u64().unwrap_or_else(|| panic!("{agents}"));
    let events = format!("/api/ver1.0/client/@me/agent/local/{agent}/event/");
    let event = |url: &str| json!({"url": url, "method": "GET", "event_type": "agent-login"});
    let inside = event("http://127.0.0.1/latest/meta-data").to_string();
    let refused = site.post(&events, &inside);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("no public address"), "{}", refused.text());
    let made = site.post(&events, &event(URL).to_string());
    assert_eq!(made.status, 200, "{}", made.text());
    let one = format!("{events}{}", made.json()["id"]);
    assert_eq!(site.order("admin-t", "PUT", &one, &inside).status, 400);
    assert_eq!(site.get(&one).json()["url"], URL);
}
