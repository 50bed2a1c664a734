//! Nothing of another tenant can be seen, changed or told from what does not exist: every operation of the description,
//! asked with a good key of a stranger, on the real switch.

use std::collections::BTreeMap;

use super::support::http::Http;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch};
use serde_json::{Value, json};

/// Stands in the names of everything that the victim has.
const MARK: &str = "theirs";
const MAC: &str = "805ec0aaaaaa";
const STRANGER: &str = "\
[webhooks]
allow_private = true
[[tenant]]
id = \"stranger\"
prefix = \"77\"
[[tenant.api_key]]
name = \"admin\"
token = \"stranger-token\"
role = \"admin\"
[[extension]]
tenant = \"stranger\"
number = \"2001\"
password = \"x\"
[[trunk]]
tenant = \"demo\"
name = \"theirs\"
host = \"127.0.0.1:9\"
[[number]]
tenant = \"demo\"
trunk = \"theirs\"
number = \"057126200670\"
to = \"extension:1001\"
[[page]]
tenant = \"demo\"
name = \"theirs\"
number = \"8805\"
members = [\"1001\"]
";

/// What the victim has: the values of path parameters.
fn furnish(switch: &Switch) -> BTreeMap<&'static str, String> {
    let http = switch.http();
    let done = |answer: super::support::http::Answer| {
        assert!(answer.status < 300, "{} {}", answer.status, answer.text());
        answer.json()
    };
    done(http.put("/api/v1/extensions/1005", &json!({ "name": MARK, "voicemail": true })));
    done(http.put("/api/v1/queues/9005", &json!({ "name": MARK })));
    let tier = json!([{ "queue": "9005", "level": 1, "position": 1 }]);
    let agent = json!({ "name": MARK, "extension": "1005", "queues": tier });
    done(http.put("/api/v1/agents/1005", &agent));
    done(http.put("/api/v1/menus/theirs", &json!({ "keys": { "1": "queue:9005" } })));
    let phone = json!({ "vendor": "snom", "extensions": ["1005"] });
    done(http.put(&format!("/api/v1/phones/{MAC}"), &phone));
    done(http.post("/api/v1/keys", &json!({ "name": MARK, "role": "admin" })));
    done(http.post("/api/v1/conferences", &json!({ "name": MARK })));
    let hook = json!({ "url": "http://127.0.0.1:9/theirs", "events": ["call_ended"] });
    let hook = done(http.post("/api/v1/webhooks", &hook));
    done(http.put("/api/v1/dial-tasks/theirs", &task()));
    done(http.post("/api/v1/do-not-call", &json!({ "numbers": ["9005"] })));
    let call = switch.calls()[0]["call"].as_str().unwrap().to_owned();
    let id = hook["id"].as_str().map_or_else(|| hook["id"].to_string(), str::to_owned);
    let parameters = [
        ("call", call),
        ("conference", MARK.to_owned()),
        ("slot", "701".to_owned()),
        ("mailbox", "1005".to_owned()),
        ("message", "0".repeat(31) + "1"),
        ("key", MARK.to_owned()),
        ("extension", "1005".to_owned()),
        ("mac", MAC.to_owned()),
        ("menu", MARK.to_owned()),
        ("page", MARK.to_owned()),
        ("number", "9005".to_owned()),
        ("queue", "9005".to_owned()),
        ("id", "1005".to_owned()),
        ("task", MARK.to_owned()),
        ("webhook", id),
        ("delivery", "1".to_owned()),
    ];
    parameters.into_iter().collect()
}

/// A dial task of what the victim has.
fn task() -> Value {
    json!({ "mode": "broadcast", "menu": MARK, "caller_number": "057126200670" })
}

/// The path with the victim's own names in it.
fn filled(path: &str, parameters: &BTreeMap<&'static str, String>) -> String {
    let parts = path.split('/').map(|part| {
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            return part.to_owned();
        };
        // What a webhook is called is called like what an agent is called.
        let name =
            if path.starts_with("/api/v1/webhooks") && name == "id" { "webhook" } else { name };
        let value = parameters.get(name);
        value.unwrap_or_else(|| panic!("{path}: a value for {{{name}}} is needed here")).clone()
    });
    parts.collect::<Vec<_>>().join("/")
}

/// A body that is sound for the operation, of names that the stranger has.
fn body(operation: &str) -> Option<Value> {
    let (_, path) = operation.split_once(" /api/v1/").unwrap();
    let last = path.rsplit('/').next().unwrap();
    Some(match (operation.split(' ').next().unwrap(), path) {
        ("POST", "calls") => json!({ "from": "1005", "to": "1005" }),
        ("POST", "pages") => json!({ "page": MARK, "from": "2001" }),
        ("POST", "calls/{call}/supervise") => json!({ "extension": "2001", "mode": "monitor" }),
        ("PATCH", "calls/{call}/supervise") => json!({ "mode": "whisper" }),
        ("POST", "calls/{call}/release") => json!({ "what": "agent" }),
        ("POST", "calls/{call}/conference") => json!({ "to": "2001", "from": "2001" }),
        ("POST", "conferences/{conference}/members") => json!({ "to": "2001", "from": "2001" }),
        ("POST", "conferences/{conference}/announce") => json!({ "prompts": ["en/thank-you"] }),
        ("PATCH", "conferences/{conference}") => json!({ "locked": true }),
        ("PATCH", "conferences/{conference}/members/{call}") => json!({ "muted": true }),
        ("POST", "keys/{key}/rotate") => json!({}),
        ("PUT", "extensions/{extension}/settings") => json!({ "do_not_disturb": true }),
        ("PATCH", "mailboxes/{mailbox}/messages/{message}") => json!({ "heard": true }),
        ("PUT", "phones/{mac}") => json!({ "vendor": "snom", "extensions": ["2001"] }),
        ("PUT", "menus/{menu}") => json!({ "keys": { "1": "2001" } }),
        ("PUT", "queues/{number}" | "extensions/{extension}") => json!({ "name": "mine" }),
        ("PUT", "calls/{call}/disposition") => json!({ "disposition": "mine" }),
        ("PUT", "dial-tasks/{task}") => task(),
        ("POST", "dial-tasks/{task}/numbers") => {
            json!({ "numbers": [{ "id": "1", "number": "057188881111" }], "exhausted": false })
        }
        ("PUT", "agents/{id}") => json!({ "name": "mine", "extension": "2001" }),
        ("POST", "queues/{number}/members/{call}/transfer") => json!({ "to": "2001" }),
        ("PATCH", "queues/{number}/members/{call}") => json!({ "priority": 10 }),
        ("PUT", "agents/{id}/tiers/{queue}") => json!({ "level": 1, "position": 1 }),
        ("PUT", "agents/{id}/intent") => json!({ "status": "available" }),
        ("PATCH", "agents/{id}/wrap-up") => json!({ "secs": 60 }),
        ("PUT", "agents/{id}/disposition") => json!({ "call": "0".repeat(32), "code": "x" }),
        ("PUT", "agents/{id}/place") => json!({ "place": 1 }),
        ("PUT", "agents/{id}/desk") => json!({ "extension": "2001" }),
        ("PUT", "webhooks/{id}") => {
            json!({ "url": "http://127.0.0.1:9/mine", "events": ["call_ended"] })
        }
        _ => match last {
            "transfer" | "consult" => json!({ "to": "2001", "extension": "2001" }),
            "hold" | "resume" | "pickup" | "park" | "retrieve" | "complete" | "end" => {
                json!({ "extension": "2001" })
            }
            "recording" => json!({ "action": "start" }),
            _ => return None,
        },
    })
}

/// Definitions of the stranger's own under a name that the victim uses too.
const OWN: [&str; 5] = [
    "DELETE /api/v1/do-not-call/{number}",
    "PUT /api/v1/extensions/{extension}",
    "PUT /api/v1/queues/{number}",
    "PUT /api/v1/agents/{id}",
    "PUT /api/v1/menus/{menu}",
];
/// Make something new of the stranger's own, or concern the whole process, or never end: tested elsewhere.
const OTHERS: [&str; 7] = [
    "POST /api/v1/do-not-call",
    "POST /api/v1/conferences",
    "POST /api/v1/keys",
    "POST /api/v1/webhooks",
    "POST /api/v1/reload",
    "GET /api/v1/events",
    "GET /api/v1/openapi.json",
];

fn send(http: &Http, method: &str, path: &str, body: &Value) -> (u16, String) {
    let answer = match method {
        "GET" => http.get(path),
        "POST" => http.post(path, body),
        "PUT" => http.put(path, body),
        "PATCH" => http.patch(path, body),
        "DELETE" if body.is_null() => http.delete(path),
        other => panic!("{other} {path}"),
    };
    (answer.status, answer.text())
}

/// Operations as the description has them, and whether they want a body.
fn operations(switch: &Switch) -> Vec<(String, bool)> {
    let document = switch.http().get("/api/v1/openapi.json").json();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if path.starts_with("/api/v1/") {
                let wants_body = operation.get("requestBody").is_some();
                all.push((format!("{} {path}", method.to_uppercase()), wants_body));
            }
        }
    }
    all
}

#[test]
fn a_strangers_key_finds_nothing_of_another_tenant_on_any_route() {
    let setup = Setup::default().extension("1001", "").extension("1002", "").with(STRANGER);
    let switch = setup.start();
    let account = |number| Account::of(&switch, number, Transport::Udp);
    let mut caller = SippPhone::register(switch.place(), &account("1001"), 600.0);
    let mut callee = SippPhone::register(switch.place(), &account("1002"), 1_000.0);
    switch.wait_registered("1002");
    caller.dial("1002");
    caller.wait_connected();
    callee.wait_connected();
    let parameters = furnish(&switch);
    let call = &parameters["call"];
    let (own, rest): (Vec<_>, Vec<_>) =
        operations(&switch).into_iter().partition(|(name, _)| OWN.contains(&&**name));
    assert!(own.len() == OWN.len() && rest.len() > 80, "{own:?}");
    let mut wrong = Vec::new();
    // What the stranger defines last would be found under the same names afterwards.
    for (operation, wants_body) in rest.into_iter().chain(own) {
        if OTHERS.contains(&&*operation) {
            continue;
        }
        let (method, path) = operation.split_once(' ').unwrap();
        let sent = body(&operation).filter(|_| wants_body);
        assert!(!wants_body || sent.is_some(), "{operation}: a body is needed here");
        let real = filled(path, &parameters);
        // A connection each: one whose body was refused unread is closed by the server.
        let stranger = Http::new(switch.http().address(), "stranger-token");
        let (status, text) = send(&stranger, method, &real, &sent.unwrap_or_default());
        let listed = !path.contains('{') && method == "GET";
        let right = if listed {
            status == 200 && !text.contains(MARK) && !text.contains(call) && !text.contains(MAC)
        } else if path.ends_with("/intervals") {
            // What is gone has a past, and what never was has none: both are asked for alike.
            status == 200 && text.contains("\"items\":[]")
        } else if operation == "PUT /api/v1/dial-tasks/{task}" {
            // It names a number and a menu that the stranger does not have.
            matches!(status, 404 | 422)
        } else if OWN.contains(&&*operation) {
            status < 300
        } else {
            status == 404
        };
        if !right {
            wrong.push(format!("{operation}: {status} {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // All that was there is there, as it was.
    for path in
        ["extensions/1005", "queues/9005", "agents/1005", "menus/theirs", "conferences/theirs"]
    {
        let answer = switch.http().get(&format!("/api/v1/{path}"));
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text().contains("mine"), "{path}: {}", answer.text());
    }
    assert_eq!(switch.http().get(&format!("/api/v1/calls/{call}")).status, 200);
    assert!(switch.http().get("/api/v1/phones").text().contains(MAC));
    for (list, mark) in
        [("keys", MARK), ("webhooks", MARK), ("dial-tasks", MARK), ("do-not-call", "9005")]
    {
        assert!(switch.http().get(&format!("/api/v1/{list}")).text().contains(mark), "{list}");
    }
    switch.hang_up_all();
}
