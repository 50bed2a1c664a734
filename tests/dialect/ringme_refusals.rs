//! RingMe: whatever is sent, the answer is one that the interface knows, and nobody sees another's things.

use serde_json::{Value, json};

use super::golden::wire::Answer;
use super::ringme::{OTHER, Site};
use super::support::switch::TOKEN;

/// Every path with its methods, `ID` being the id of something of the tenant asked for.
fn operations(ids: &Ids) -> Vec<(&'static str, String)> {
    let Ids { phone, queue, local, remote, sound, event, call } = ids;
    let mut all = Vec::new();
    let mut add = |methods: &[&'static str], path: String| {
        all.extend(methods.iter().map(|method| (*method, path.clone())));
    };
    add(&["GET", "POST"], "/client/12/extension/".into());
    add(&["GET", "PUT", "DELETE"], format!("/client/12/extension/{phone}"));
    add(&["GET"], "/client/12/limits/".into());
    add(&["GET", "POST"], "/client/12/sound/".into());
    add(&["GET", "DELETE"], format!("/client/12/sound/{sound}"));
    add(&["GET"], "/client/12/current_calls/".into());
    add(&["GET", "DELETE"], format!("/client/12/current_calls/{call}"));
    add(&["POST"], format!("/client/12/current_calls/{call}/transfer/"));
    for (kind, agent) in [("local", local), ("remote", remote)] {
        add(&["GET", "POST"], format!("/client/12/agent/{kind}/"));
        add(&["GET", "PUT", "DELETE"], format!("/client/12/agent/{kind}/{agent}"));
        add(&["GET", "POST"], format!("/client/12/agent/{kind}/{agent}/event/"));
        add(&["GET", "PUT", "DELETE"], format!("/client/12/agent/{kind}/{agent}/event/{event}"));
        add(&["GET", "POST"], format!("/extension/{queue}/queue/agents/{kind}/"));
        add(&["GET", "PUT", "DELETE"], format!("/extension/{queue}/queue/agents/{kind}/{agent}"));
    }
    add(&["GET", "PUT"], format!("/extension/{queue}/queue/"));
    add(&["GET"], format!("/extension/{queue}/queue/status/"));
    add(&["GET"], format!("/extension/{queue}/queue/status/members/"));
    all
}

struct Ids {
    phone: u64,
    queue: u64,
    local: u64,
    remote: u64,
    sound: u64,
    event: u64,
    call: String,
}

fn ids(site: &Site) -> Ids {
    let (queue, local) = (site.queue("370"), site.local("117", "available"));
    let remote = site.remote("89215650644", "available");
    site.seat(queue, "local", local, 1);
    site.seat(queue, "remote", remote, 1);
    let wish = json!({"url": "http://127.0.0.1:9/x", "method": "GET", "event_type": "agent-login"});
    let event = site.ask("POST", &format!("/client/@me/agent/local/{local}/event/"), &wish);
    Ids {
        phone: site.phone("117"),
        queue,
        local,
        remote,
        sound: site.sound("music", 440.0),
        event: event["id"].as_u64().unwrap(),
        call: "0123456789abcdef0123456789abcdef".into(),
    }
}

/// An error in the interface's own form.
#[track_caller]
fn assert_refused(answer: &Answer, statuses: &[u16], what: &str) {
    assert!(statuses.contains(&answer.status), "{what}: {}", answer.shown());
    let json = answer.json();
    let known = json["error"].is_string() && json["error_description"].is_string();
    assert!(known && json.as_object().unwrap().len() == 2, "{what}: {}", answer.shown());
}

#[test]
fn nothing_that_is_sent_breaks_anything() {
    let site = Site::start();
    let ids = ids(&site);
    let key = format!("Bearer {TOKEN}");
    let huge = vec![b'7'; 21 << 20];
    let deep = "[".repeat(60_000);
    let bodies: &[(&str, &[u8])] = &[
        ("malformed", b"{\"name\": "),
        ("an array", b"[1, 2]"),
        ("a number", b"5"),
        ("not UTF-8", b"{\"name\": \"\xff\xfe\"}"),
        ("nothing but noise", b"\x00\x01\x02"),
        ("deep", deep.as_bytes()),
        ("huge", &huge),
    ];
    for (method, path) in operations(&ids) {
        if matches!(method, "GET" | "DELETE") {
            continue;
        }
        let path = format!("/api/ver1.0{path}");
        for (what, body) in bodies {
            for kind in ["application/json", "multipart/form-data; boundary=x", "audio/wav"] {
                if kind != "application/json" && (*what == "huge" || !path.contains("sound")) {
                    continue;
                }
                let headers = [("Authorization", key.as_str()), ("Content-Type", kind)];
                let answer = site.client.raw(method, &path, &headers, body);
                let what = format!("{method} {path}, {what} as {kind}");
                assert_refused(&answer, &[400, 404, 413, 415], &what);
            }
        }
    }
}

/// Members that some operation reads.
const MEMBERS: [&str; 24] = [
    "name",
    "type",
    "status",
    "label",
    "extra_params",
    "extension_id",
    "number",
    "call_timeout",
    "wrap_up_time",
    "agent_id",
    "level",
    "position",
    "url",
    "method",
    "event_type",
    "strategy",
    "sound",
    "sound_type",
    "max_wait_time",
    "record_enabled",
    "timeout_transfer_dst",
    "exit_key",
    "vm_mailto",
    "agent_hangup_action",
];

#[test]
fn wrong_types_and_values_are_told_so() {
    let site = Site::start();
    let ids = ids(&site);
    let odd = [
        json!({}),
        json!([]),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e30),
        json!(""),
        json!("\u{0}"),
        json!("ü".repeat(600)),
        json!("*"),
        json!("../.."),
        json!(4_294_967_295u64),
    ];
    for (method, path) in operations(&ids) {
        if matches!(method, "GET" | "DELETE") || path.contains("/sound/") {
            continue;
        }
        for value in &odd {
            let body: Value =
                MEMBERS.iter().map(|member| ((*member).to_owned(), value.clone())).collect();
            let answer = site.client.json(method, &format!("/api/ver1.0{path}"), TOKEN, &body);
            // What is right by chance is carried out: an empty text unsets.
            if answer.status != 200 {
                assert_refused(&answer, &[400, 404, 409], &format!("{method} {path} {value}"));
            }
        }
    }
    for text in ["x", "-1", "0", "99999999999999999999", "%00", "..", "1%2F2", "%ff"] {
        for path in [
            format!("/client/12/extension/{text}"),
            format!("/extension/{text}/queue/status/"),
            format!("/client/12/agent/local/{text}"),
            format!("/client/12/agent/{text}/1"),
            format!("/client/12/sound/{text}"),
            format!("/client/12/current_calls/{text}"),
        ] {
            let answer =
                site.client.json("GET", &format!("/api/ver1.0{path}"), TOKEN, &Value::Null);
            assert_refused(&answer, &[400, 404], &path);
        }
    }
}

#[test]
fn who_has_no_right_token_gets_nothing() {
    let site = Site::start();
    let ids = ids(&site);
    let path = "/api/ver1.0/client/@me/limits/";
    // Ten wrong ones in a row silence an address, so there are fewer here.
    for header in ["Bearer wrong", "Bearer 1xabc", "Bearer 99999999999999999999x1", "Bearer 1x"] {
        let answer = site.client.raw("GET", path, &[("Authorization", header)], b"");
        assert_refused(&answer, &[401], header);
        assert!(answer.header("www-authenticate").is_some(), "{}", answer.shown());
    }
    for header in ["", "Bearer", "Bearer ", "Basic eDp5", "Digest x"] {
        let answer = site.client.raw("GET", path, &[("Authorization", header)], b"");
        assert_refused(&answer, &[401], header);
    }
    for (method, path) in operations(&ids) {
        let path = format!("/api/ver1.0{path}");
        assert_refused(&site.client.raw(method, &path, &[], b""), &[401], &path);
        if method != "GET" && !path.contains("/sound/") {
            let answer = site.client.json(method, &path, "e2e-reader-5", &json!({}));
            assert_refused(&answer, &[403], &format!("{method} {path} by a reader"));
        }
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let wrong = b"grant_type=client_credentials&client_id=12&client_secret=wrong";
    let answer = site.client.raw("POST", "/oauth/token", &form, wrong);
    assert_refused(&answer, &[401], "a wrong secret");
    assert_eq!(answer.json()["error"], "invalid_client");
}

#[test]
fn another_clients_things_are_not_there() {
    let site = Site::start();
    let ids = ids(&site);
    for (method, path) in operations(&ids) {
        let path = format!("/api/ver1.0{path}");
        // Both by the other's id, and as if it were one's own.
        for path in [path.clone(), path.replace("/client/12/", "/client/@me/")] {
            let names = path.ends_with('/') && !path.contains("/event/") && path.contains("@me");
            if names && !path.contains("current_calls/0") {
                continue;
            }
            let body = if method == "GET" { Value::Null } else { json!({"number": "1"}) };
            let answer = site.client.json(method, &path, OTHER, &body);
            assert_refused(&answer, &[404], &format!("{method} {path}"));
        }
    }
    let own = site.client.json("GET", "/api/ver1.0/client/@me/agent/local/", OTHER, &Value::Null);
    assert_eq!((own.status, own.json()), (200, json!([])));
    let mine = site.client.json("GET", "/api/ver1.0/client/@me/sound/", OTHER, &Value::Null);
    assert_eq!((mine.status, mine.json()), (200, json!([])));
}

#[test]
fn a_token_ends_with_the_key_behind_it_and_is_stored_as_a_digest() {
    let mut site = Site::start();
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = format!("grant_type=client_credentials&client_id=12&client_secret={TOKEN}");
    let answer = site.client.raw("POST", "/oauth/token", &form, body.as_bytes());
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let limits = |site: &Site| {
        let path = "/api/ver1.0/client/@me/limits/";
        site.client.json("GET", path, &token, &Value::Null).status
    };
    assert_eq!(limits(&site), 200);
    site.switch.restart();
    let site = Site::of(site.switch);
    assert_eq!(limits(&site), 200, "it outlives a restart");
    let files = std::fs::read_dir(site.switch.place().dir()).unwrap().flatten();
    for file in files.filter(|file| file.file_name().to_string_lossy().starts_with("strowger.db")) {
        let bytes = std::fs::read(file.path()).unwrap();
        for secret in [token.as_bytes(), TOKEN.as_bytes()] {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{:?} has a secret in clear", file.path());
        }
    }
}
