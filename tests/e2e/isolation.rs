//! Nothing of another tenant can be seen, changed or told from what does not exist: every operation of the description,
//! asked with a good key of a stranger, on the real switch.

use super::support::http::Http;
use super::support::switch::{Switch, TOKEN};
use super::things::{MAC, MARK, Things, setup, task};
use serde_json::{Value, json};

const STRANGER: &str = "\
[[tenant]]
id = \"stranger\"
prefix = \"77\"
own_trunks = true
[[tenant.api_key]]
name = \"admin\"
token = \"stranger-token\"
role = \"admin\"
[[extension]]
tenant = \"stranger\"
number = \"2001\"
password = \"x\"
[[trunk]]
tenant = \"stranger\"
name = \"own\"
host = \"127.0.0.1:10\"
";

/// A body that is sound for the operation, of names that the stranger has.
fn body(operation: &str) -> Option<Value> {
    let (_, path) = operation.split_once(" /api/v1/").unwrap();
    let last = path.rsplit('/').next().unwrap();
    Some(match (operation.split(' ').next().unwrap(), path) {
        ("POST", "calls") => json!({ "from": "1005", "to": "1005" }),
        ("PUT", "settings") => json!({ "wrap_up_time": 7 }),
        ("POST", "pages") => json!({ "page": MARK, "from": "2001" }),
        ("POST", "calls/{call}/supervise") => json!({ "extension": "2001", "mode": "monitor" }),
        ("PATCH", "calls/{call}/supervise") => json!({ "mode": "whisper" }),
        ("POST", "calls/{call}/release") => json!({ "what": "agent" }),
        ("POST", "calls/{call}/conference") => json!({ "to": "2001", "from": "2001" }),
        ("POST", "conferences/{conference}/members") => json!({ "to": "2001", "from": "2001" }),
        ("POST", "conferences/{conference}/announce") => json!({ "prompts": ["en/thank-you"] }),
        ("PATCH", "conferences/{conference}") => json!({ "locked": false }),
        ("PATCH", "conferences/{conference}/members/{call}") => json!({ "muted": true }),
        ("POST", "keys/{key}/rotate") => json!({}),
        ("PUT", "extensions/{extension}/settings") => json!({ "do_not_disturb": true }),
        ("PATCH", "mailboxes/{mailbox}/messages/{message}") => json!({ "heard": true }),
        ("PUT", "phones/{mac}") => json!({ "vendor": "snom", "extensions": ["2001"] }),
        ("PUT", "menus/{menu}") => json!({ "keys": { "1": "2001" } }),
        ("PUT", "queues/{number}") => json!({ "name": "mine", "exit_with_no_av_agents": false }),
        ("PUT", "extensions/{extension}") => json!({ "name": "mine" }),
        ("PUT", "numbers/{number}") => json!({ "trunk": "own", "to": "sound:mine" }),
        ("PUT", "routes/{route}") => json!({ "match": "^1", "to": "sound:mine" }),
        ("PUT", "trunks/{trunk}") => json!({ "host": "mine.invalid", "qualify_secs": 0 }),
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
const OWN: [&str; 9] = [
    "PUT /api/v1/settings",
    "DELETE /api/v1/do-not-call/{number}",
    "PUT /api/v1/extensions/{extension}",
    "PUT /api/v1/queues/{number}",
    "PUT /api/v1/agents/{id}",
    "PUT /api/v1/menus/{menu}",
    "PUT /api/v1/numbers/{number}",
    "PUT /api/v1/routes/{route}",
    "PUT /api/v1/trunks/{trunk}",
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

/// Whether an answer to the stranger is right: nothing of what is there, and no difference from what is not.
fn is_blind(things: &Things, operation: &str, status: u16, text: &str) -> bool {
    let (method, path) = operation.split_once(' ').unwrap();
    if method == "GET" && !path.contains('{') {
        let call = &things.parameters["calls"];
        status == 200 && [MARK, call, MAC].iter().all(|mark| !text.contains(mark))
    } else if path.ends_with("/intervals") {
        // What is gone has a past, and what never was has none: both are asked for alike.
        status == 200 && text.contains("\"items\":[]")
    } else if operation == "PUT /api/v1/dial-tasks/{task}" {
        // It names a number and a menu that the stranger does not have.
        matches!(status, 404 | 422)
    } else if OWN.contains(&operation) {
        status < 300
    } else {
        status == 404
    }
}

/// Whether the owner finds what the stranger did not: what is listed has something in it, what is read is there, what is ordered
/// is done or said to contradict the present state.
fn is_found(operation: &str, status: u16, text: &str) -> bool {
    let (method, path) = operation.split_once(' ').unwrap();
    match method {
        "GET" if path.contains('{') => status == 200,
        "GET" => status == 200 && !text.contains("\"items\":[]"),
        _ => status < 300 || matches!(status, 409 | 422),
    }
}

/// All that was there is there, as it was.
fn assert_untouched(things: &Things) {
    let http = things.switch.http();
    for path in [
        "extensions/1005",
        "queues/9005",
        "agents/1005",
        "menus/theirs",
        "conferences/theirs",
        "numbers/9005",
        "routes/theirs",
        "trunks/theirs",
    ] {
        let answer = http.get(&format!("/api/v1/{path}"));
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text().contains("mine"), "{path}: {}", answer.text());
    }
    let own = http.get("/api/v1/settings").json();
    assert!(own["wrap_up_time"].is_null(), "{own}");
    for (list, mark) in [
        ("keys", MARK),
        ("webhooks", MARK),
        ("dial-tasks", MARK),
        ("do-not-call", "9005"),
        ("phones", MAC),
    ] {
        assert!(http.get(&format!("/api/v1/{list}")).text().contains(mark), "{list}");
    }
}

/// What is an operator's is no tenant's, not even its own: no key learns which tenants there are.
fn assert_operators_only(things: &Things, operations: &[(String, bool)]) {
    assert!(operations.len() >= 5, "{operations:?}");
    for (operation, wants_body) in operations {
        let (method, path) = operation.split_once(' ').unwrap();
        for tenant in ["demo", "stranger", "nowhere"] {
            let body = if *wants_body { json!({ "name": "mine" }) } else { Value::Null };
            let stranger = Http::new(things.switch.http().address(), "stranger-token");
            let (status, text) = send(&stranger, method, &path.replace("{tenant}", tenant), &body);
            assert_eq!(status, 403, "{operation} {tenant}: {text}");
            assert!(!text.contains(tenant), "{text}");
        }
    }
}

#[test]
fn a_strangers_key_finds_nothing_of_what_the_owner_finds_on_any_route() {
    let mut things = Things::furnish(setup().with(STRANGER));
    let all = operations(&things.switch);
    let (tenants, all): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(name, _)| name.contains(" /api/v1/tenants"));
    assert_operators_only(&things, &tenants);
    let (own, rest): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(name, _)| OWN.contains(&&**name));
    assert!(own.len() == OWN.len() && rest.len() > 80, "{own:?}");
    // What the stranger defines last would be found under the same names afterwards.
    let mut all: Vec<_> = rest.into_iter().chain(own).collect();
    all.retain(|(operation, _)| !OTHERS.contains(&&**operation));
    let mut wrong = Vec::new();
    for (operation, wants_body) in &all {
        let sent = body(operation).filter(|_| *wants_body);
        assert!(!wants_body || sent.is_some(), "{operation}: a body is needed here");
        // A connection each: one whose body was refused unread is closed by the server.
        let stranger = Http::new(things.switch.http().address(), "stranger-token");
        let (method, path) = operation.split_once(' ').unwrap();
        let (status, text) = send(&stranger, method, &things.path(path), &sent.unwrap_or_default());
        if !is_blind(&things, operation, status, &text) {
            wrong.push(format!("{operation}: {status} {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_untouched(&things);

    // Definitions come before what is added to them, one delivery before all; what is removed is removed last, and what
    // others need after those.
    all.sort_by_key(|(operation, _)| {
        let removes = operation.starts_with("DELETE");
        let late = match &**operation {
            // A definition of an agent takes it out of its queues.
            "PUT /api/v1/agents/{id}/tiers/{queue}" => 1,
            own if OWN.contains(&own) || own.contains("{delivery}") => 0,
            _ => 2,
        };
        (removes, late, removes.then_some(usize::MAX - operation.len()))
    });
    for (operation, wants_body) in &all {
        let (method, path) = operation.split_once(' ').unwrap();
        let speaks = *operation == "DELETE /api/v1/pages/{page}";
        if speaks || path.contains("{call}") && method != "GET" {
            things.place(path.split('/').nth(3).unwrap());
        }
        let sent = body(operation).filter(|_| *wants_body).unwrap_or_default();
        let sent: Value = serde_json::from_str(&sent.to_string().replace("2001", "1002")).unwrap();
        let owner = Http::new(things.switch.http().address(), TOKEN);
        let (status, text) = send(&owner, method, &things.path(path), &sent);
        if !is_found(operation, status, &text) {
            wrong.push(format!("{operation}: {status} {text}"));
        }
    }
    assert!(wrong.is_empty(), "the owner does not find:\n{}", wrong.join("\n"));
    things.switch.hang_up_all();
}
