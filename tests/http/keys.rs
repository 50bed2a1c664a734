//! Who gets in, and what each role may.

use strowger::api::Limits;
use strowger::api::gateway::ReloadRefused;

use crate::fake::{record, recording};
use crate::site::{Site, log};

const LIVE: &str = "00000000000000000000000000000009";

#[test]
fn without_a_key_only_the_health_endpoints_answer() {
    let site = Site::new();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(site.send("GET", path, &[], "").status, 200, "{path}");
    }
    for path in ["/metrics", "/api/v1/calls", "/api/v1/events", "/api/v1/openapi.json"] {
        let answer = site.send("GET", path, &[], "");
        answer.problem(401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{path}");
    }
    for wrong in ["Basic YWRtaW4tdDo=", "Bearer", "Bearer  ", "admin-t", "Bearer\tadmin-t"] {
        site.send("GET", "/api/v1/calls", &[("Authorization", wrong)], "").problem(401);
    }
    let twice = [("Authorization", "Bearer admin-t"), ("Authorization", "Bearer admin-t")];
    site.send("GET", "/api/v1/calls", &twice, "").problem(401);
    assert_eq!(
        site.send("GET", "/api/v1/calls", &[("Authorization", "bearer admin-t")], "").status,
        200
    );
    let asked = site.fake.asked();
    let own = asked.iter().filter(|(principal, _)| principal.name == "key");
    assert_eq!(own.map(|(principal, _)| principal.tenant.as_str()).collect::<Vec<_>>(), ["t"]);
}

#[test]
fn guessing_is_slowed_down_and_right_keys_are_not_looked_at_meanwhile() {
    let site = Site::new();
    for _ in 0..10 {
        site.get_as("nonsense", "/api/v1/calls").problem(401);
    }
    for token in ["nonsense", "admin-t"] {
        let answer = site.get_as(token, "/api/v1/calls");
        answer.problem(429);
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=6).contains(&seconds), "{seconds}");
    }
    assert_eq!(site.send("GET", "/healthz", &[], "").status, 200);
}

#[test]
fn whoever_guesses_learns_nothing_from_what_stands_before_handlers() {
    let site = Site::new();
    let agent = "/api/v1/agents/101";
    let ask = |token: &str| {
        let key = format!("Bearer {token}");
        let with = |name: &'static str, value: &'static str| {
            [("Authorization", &*key), ("Content-Type", "application/json"), (name, value)]
        };
        [
            site.send("POST", "/api/v1/keys", &with("Idempotency-Key", "a"), "[]"),
            site.send("PUT", agent, &with("If-Match", "wrong"), "{}"),
            site.send("PUT", agent, &with("If-Match", "\"x\""), "{}"),
            site.send("GET", agent, &with("If-None-Match", "wrong"), ""),
            site.send("DELETE", agent, &with("If-None-Match", "*"), ""),
        ]
        .map(|answer| answer.status)
    };
    assert_eq!(ask("admin-t"), [400, 400, 412, 400, 412]);
    assert_eq!(ask("nonsense"), [401; 5]);
    assert_eq!(ask("nonsense"), [401; 5]);
    assert_eq!(ask("nonsense"), [429; 5]);
    assert_eq!(ask("admin-t"), [429; 5], "the address is silenced, whatever it sends");
}

#[test]
fn behind_a_proxy_whoever_guesses_keeps_nobody_else_waiting() {
    let limits = Limits { proxies: vec![[127, 0, 0, 1].into()], ..Limits::default() };
    let site = Site::with(limits);
    let ask = |token: &str, from: &str| {
        let key = format!("Bearer {token}");
        let headers = [("Authorization", &*key), ("X-Forwarded-For", from)];
        site.send("GET", "/api/v1/calls", &headers, "").status
    };
    for _ in 0..10 {
        assert_eq!(ask("nonsense", "192.0.2.1"), 401);
    }
    assert_eq!(ask("admin-t", "192.0.2.1"), 429);
    assert_eq!(ask("admin-t", "192.0.2.9, 192.0.2.1"), 429, "who says that it is another");
    assert_eq!(ask("admin-t", "192.0.2.2"), 200);
}

#[test]
fn requests_without_a_key_are_no_guesses() {
    let site = Site::new();
    for _ in 0..30 {
        site.send("GET", "/api/v1/calls", &[], "").problem(401);
    }
    assert_eq!(site.get("/api/v1/calls").status, 200);
}

#[test]
fn only_an_admin_reloads() {
    let site = Site::new();
    for role in ["supervisor-t", "agent-t", "user-t", "reader-t"] {
        site.post_as(role, "/api/v1/reload", "").problem(403);
    }
    assert_eq!(site.fake.tables.lock().unwrap().reloads, 0);
    assert_eq!(site.post("/api/v1/reload", "").status, 204);
    assert_eq!(site.fake.tables.lock().unwrap().reloads, 1);
    let fixed = ReloadRefused::Fixed(vec!["sip.listen"]);
    site.fake.set(|tables| tables.reload = Some(fixed));
    site.post("/api/v1/reload", "").problem(409);
    let lines = site.fake.lines.lock().unwrap();
    let told: Vec<_> = lines.iter().map(|line| (&*line.what, &*line.outcome)).collect();
    assert_eq!(
        told,
        [("reload", "done"), ("reload", "conflict: only a restart changes sip.listen")]
    );
}

#[test]
fn users_see_their_own_extension_and_nothing_of_the_tenant() {
    let site = Site::new();
    let mut others = record(2, "t", "103");
    others.callee = crate::fake::extension("t", "104");
    site.fake.set(|tables| {
        tables.records = vec![record(1, "t", "101"), others];
        tables.recordings = vec![recording(1, "t", "a.wav"), recording(2, "t", "b.wav")];
    });
    let rows = |path: &str| {
        let items = site.get_as("user-t", path).json()["items"].clone();
        items.as_array().unwrap().len()
    };
    assert_eq!((rows("/api/v1/records"), rows("/api/v1/recordings")), (1, 1));
    assert_eq!(rows("/api/v1/records?extension=101"), 1);
    site.get_as("user-t", "/api/v1/records?extension=103").problem(403);
    site.get_as("user-t", &format!("/api/v1/records/{:032x}", 2)).problem(404);
    site.get_as("user-t", &format!("/api/v1/recordings/{:032x}/audio", 2)).problem(404);
    for path in ["/api/v1/trunks", "/metrics"] {
        site.get_as("user-t", path).problem(403);
    }
    let detail = site.get_as("agent-t", "/api/v1/records").problem(403);
    assert!(detail.contains("names no extension"), "{detail}");
}

#[test]
fn the_switch_hears_who_asks() {
    let site = Site::new();
    assert_eq!(site.get_as("user-t", &format!("/api/v1/calls/{LIVE}")).status, 200);
    let (principal, _) = site.fake.asked().pop().unwrap();
    assert_eq!(principal.extension.as_deref(), Some("101"));
}

#[test]
fn no_key_is_ever_logged() {
    let site = Site::new();
    site.get_as("reader-sesame", "/api/v1/calls");
    site.get_as("wrongsesame", "/api/v1/calls").problem(401);
    let log = log();
    assert!(log.contains("unknown key"), "the attempt itself is logged");
    assert!(!log.contains("sesame"));
}
