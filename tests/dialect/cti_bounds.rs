//! CTI cloud: whatever is sent, the answer is a documented code in the envelope, and never a server's error.

use std::sync::Arc;

use serde_json::{Value, json};

use super::cti::*;
use super::golden::wire::{Answer, Client};
use super::support::place::Place;
use super::support::switch::Switch;

/// Every operation with a body that is right in form.
const OPERATIONS: [(&str, &str, &str); 57] = [
    ("POST", "apps", r#"{"Name": "x", "Type": 1, "CallbackUrl": "", "IsHideUserNum": true}"#),
    ("GET", "apps", "{}"),
    ("PUT", "apps", r#"{"Name": "x", "Type": 1, "CallbackUrl": "", "IsHideUserNum": true}"#),
    ("GET", "spnumbers", "{}"),
    ("PUT", "spnumbers/default", r#"{"DefSpNumber": "1"}"#),
    ("DELETE", "spnumbers/default", "{}"),
    ("PUT", "spnumbers/agent/default/101", r#"{"DefSpNumber": "1"}"#),
    ("DELETE", "spnumbers/agent/default/101", "{}"),
    ("POST", "agents", r#"{"Agents": [{"AgentId": "7", "WorkId": "7"}]}"#),
    ("PUT", "agents/101", r#"{"AgentId": "101", "Enable": true, "WrapUpTime": 1}"#),
    ("GET", "agents/101", "{}"),
    ("GET", "agents", r#"{"PageSize": 1, "PageNum": 1}"#),
    ("DELETE", "agents/404", r#"{"IsDelExtensions": true}"#),
    ("POST", "agent/login", r#"{"agent_Id": "101", "QueueIDs": [], "Number": "", "State": ""}"#),
    ("POST", "agent/logout", r#"{"agent_Id": "101"}"#),
    ("POST", "agent/set_call_mode", r#"{"AgentId": "101", "Contact": "voip"}"#),
    ("POST", "agents/extensions", r#"{"AgentId": "101", "Extensions": ["2457"]}"#),
    ("DELETE", "agents/extensions", r#"{"AgentId": "101", "Extensions": ["2457"]}"#),
    ("POST", "agents/queues", r#"{"AgentId": "101", "Queues": ["9001"]}"#),
    ("DELETE", "agents/queues", r#"{"AgentId": "101", "Queues": ["9001"]}"#),
    ("POST", "queues", r#"{"QueueId": "9001", "QueueName": "x", "Timeout": 1, "MaxLength": 1}"#),
    ("PUT", "queues", r#"{"QueueId": "9404", "QueueName": "x", "Strategy": "random"}"#),
    ("DELETE", "queues", r#"{"QueueId": "9404"}"#),
    ("GET", "queues", "{}"),
    ("GET", "queues/9001", "{}"),
    ("POST", "queues/agents", r#"{"QueueId": "9001", "AgentIds": ["101"]}"#),
    ("PUT", "queues/agents", r#"{"QueueId": "9001", "AgentIds": ["101"]}"#),
    ("POST", "extensions", r#"{"Extension": "8001"}"#),
    ("DELETE", "extensions", r#"{"Extension": "8001"}"#),
    (
        "POST",
        "originatev2",
        r#"{"caller": "1", "called": "2", "called_display": "1", "agent_id": "101"}"#,
    ),
    (
        "POST",
        "agent/hold",
        r#"{"call_id": "1a8462d7-00fc-4cc2-4567-038ced6ba580", "agent_id": "101"}"#,
    ),
    (
        "DELETE",
        "agent/hold",
        r#"{"call_id": "1a8462d7-00fc-4cc2-4567-038ced6ba580", "agent_id": "101"}"#,
    ),
    (
        "POST",
        "transfer/agent",
        r#"{"call_id": "x", "agent_id": "101", "agent_type": "anonymous", "agent_phone": "1"}"#,
    ),
    (
        "GET",
        "calls/logs",
        r#"{"PageSize": 20, "PageNum": 1, "StartTime": 1, "EndTime": 4102444800000}"#,
    ),
    ("GET", "calls/recfiles", r#"{"CallId": "x"}"#),
    (
        "GET",
        "agents/statelogs",
        r#"{"AgentId": "101", "PageSize": 20, "PageNum": 1, "StartTime": 1, "EndTime": 4102444800000}"#,
    ),
    (
        "POST",
        "subscriptions",
        r#"{"subscriptions": [{"callback": "http://h.example", "name": "n", "events": ["end"]}]}"#,
    ),
    ("GET", "subscriptions", "{}"),
    ("GET", "subscriptions/1", "{}"),
    ("PUT", "subscriptions/1", r#"{"callback": "x", "name": "n", "events": ["end"], "state": 0}"#),
    ("DELETE", "subscriptions/1", "{}"),
    ("POST", "webhooks/events", r#"{"Events": [{"category": "call", "all_type": ["end"]}]}"#),
    ("PUT", "webhooks/events", r#"{"Events": [{"category": "call", "all_type": ["end"]}]}"#),
    ("DELETE", "webhooks/events", "{}"),
    ("GET", "ivrs/vfiles", "{}"),
    (
        "POST",
        "ivrs/vfiles",
        r#"{"FileName": "x", "FileType": "wav", "FileDesc": "", "Content": "AAAA"}"#,
    ),
    ("DELETE", "ivrs/vfiles", r#"{"FileName": "x"}"#),
    ("GET", "ivrs/defvoices", "{}"),
    ("POST", "ivrs/defvoices", r#"{"DefVoices": [{"Welcome": "default"}]}"#),
    ("GET", "ivrs/fastrouters", "{}"),
    (
        "PUT",
        "ivrs/fastrouters",
        r#"{"FastRouter": [{"Dtmf": "1", "Desc": "x", "QueueId": "9001"}]}"#,
    ),
    (
        "POST",
        "ads/task/start",
        r#"{"AdTaskId": "x", "AdTaskType": "2", "AdTaskRatio": 1.5, "AdQueueId": "9001", "AdIvrId": "x",
        "AdRobotToken": "x", "AdCallerNum": "057126200670", "AdDispNum": "1", "AdConCallLimit": 1}"#,
    ),
    ("POST", "ads/task/update_ratio", r#"{"AdTaskId": "x", "AdTaskRatio": 1.5}"#),
    ("POST", "ads/task/stop", r#"{"AdTaskId": "x"}"#),
    ("POST", "ads/task/force_stop", r#"{"AdTaskId": "x"}"#),
    ("GET", "nowhere", "{}"),
    ("PATCH", "agents", "{}"),
];

const CODES: [&str; 10] = [
    "000000", "000001", "000003", "000004", "100002", "100004", "100015", "100016", "100017",
    "100018",
];

/// A documented code in one of the envelopes.
fn code(what: &str, answer: &Answer) -> String {
    let shown = answer.shown();
    assert!(answer.status < 500, "{what}: {shown}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/json;charset=utf-8"),
        "{what}: {shown}"
    );
    let body = answer.json();
    let code = body.get("ErrCode").or_else(|| body.get("code")).and_then(Value::as_str);
    let code = code.unwrap_or_else(|| panic!("{what}: {shown}"));
    let words = body.get("ErrDesc").or_else(|| body.get("message"));
    assert!(
        words.is_some_and(|words| words.as_str().is_some_and(|text| !text.is_empty())),
        "{what}: {shown}"
    );
    assert!(CODES.contains(&code), "{what}: {shown}");
    assert_eq!(code == "000000", answer.status < 300, "{what}: {shown}");
    code.to_owned()
}

#[test]
fn bodies_that_make_no_sense_get_documented_codes() {
    let switch = switch();
    let client = Client::new(switch.http().address());
    let huge = format!("{{\"x\": \"{}\"}}", "y".repeat(70_000));
    let deep = format!("{{\"AgentId\": {}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let broken: [(&str, &[u8], &[&str]); 8] = [
        ("cut short", b"{\"AgentId\": ", &["100004"]),
        ("no JSON", b"AgentId=101", &["100004"]),
        ("no UTF-8", b"{\"AgentId\": \"\xff\xfe\"}", &["100004"]),
        ("a list", b"[1, 2]", &["000001"]),
        ("a number", b"7", &["000001"]),
        ("two objects", b"{} {}", &["100004"]),
        ("huge", huge.as_bytes(), &["000001"]),
        ("deep", deep.as_bytes(), &["100004"]),
    ];
    for (method, path, right) in OPERATIONS {
        let address = format!("/ccapi/v2/{path}?{}", auth(APP));
        for (what, body, wanted) in broken {
            let what = format!("{method} {path}, {what}");
            let code = code(&what, &client.raw(method, &address, &[], body));
            // Voices may be long.
            if path == "ivrs/vfiles" && body.len() > 60_000 {
                continue;
            }
            let routed = path != "nowhere" && method != "PATCH";
            assert!(!routed || wanted.contains(&code.as_str()), "{what}: {code}");
        }
        // Each value in turn as everything that it is not.
        let right: Value = serde_json::from_str(right).unwrap();
        for name in right.as_object().unwrap().keys() {
            for value in wrong_values() {
                let mut body = right.clone();
                body[name] = value.clone();
                let what = format!("{method} {path}, {name}: {value}");
                let address = format!("/ccapi/v2/{path}?{}", auth(APP));
                code(&what, &client.raw(method, &address, &[], body.to_string().as_bytes()));
            }
        }
        code(&format!("{method} {path}, no body"), &client.raw(method, &address, &[], b""));
    }
}

fn wrong_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}\r\nX: y"),
        json!("\u{1F600}"),
        json!("9".repeat(5_000)),
        json!([]),
        json!([[]]),
        json!([{}]),
        json!({}),
        json!([null]),
    ]
}

#[test]
fn wrong_signatures_and_times_are_refused_everywhere() {
    let switch = switch();
    let client = Client::new(switch.http().address());
    let old = (now_ms() - 601_000).to_string();
    let now = now_ms().to_string();
    let wrong = [
        ("nothing", String::new(), "100002", 401),
        (
            "another token",
            format!("Timestamp={now}&AppId={APP}&Sid={SID}&Sign={}", sign(SID, "x", &now)),
            "100002",
            401,
        ),
        (
            "another account",
            format!("Timestamp={now}&AppId={APP}&Sid=1&Sign={}", sign("1", TOKEN, &now)),
            "100002",
            401,
        ),
        (
            "too old",
            format!("Timestamp={old}&AppId={APP}&Sid={SID}&Sign={}", sign(SID, TOKEN, &old)),
            "100002",
            401,
        ),
        ("no UTF-8", "Timestamp=%ff&AppId=%ff&Sid=%ff&Sign=%ff".to_owned(), "100002", 401),
        ("no application", bare_auth(), "100017", 400),
        ("another application", auth("00000000-0000-0000-0000-000000000000"), "100002", 404),
    ];
    for (at, (method, path, body)) in (1..).zip(OPERATIONS) {
        if path == "nowhere" || method == "PATCH" {
            continue;
        }
        // Each from an address of its own, since wrong signatures are counted.
        let client = client.from([127, 0, 1, at]);
        // Call control names no application, nor does who makes one.
        let bare =
            path == "agent/hold" || path == "transfer/agent" || (method, path) == ("POST", "apps");
        for (what, query, wanted, status) in &wrong {
            if bare && *status != 401 {
                continue;
            }
            let what = format!("{method} {path}, {what}");
            let address = format!("/ccapi/v2/{path}?{query}");
            let answer = client.raw(method, &address, &[], body.as_bytes());
            assert_eq!(code(&what, &answer), *wanted, "{what}");
            assert_eq!(answer.status, *status, "{what}");
        }
    }
}

#[test]
fn an_application_sees_nothing_of_another() {
    let switch = switch();
    let client = Client::new(switch.http().address());
    let own: [(&str, &str, &str, &str); 13] = [
        ("GET", "agents/101", "", "100018"),
        ("PUT", "agents/101", r#"{"Name": "x"}"#, "100018"),
        ("DELETE", "agents/101", "", "000004"),
        ("POST", "agent/login", r#"{"agent_Id": "101"}"#, "100018"),
        ("POST", "agent/logout", r#"{"agent_Id": "101"}"#, "100018"),
        ("POST", "agent/set_call_mode", r#"{"AgentId": "101", "Contact": "voip"}"#, "100018"),
        ("POST", "agents/extensions", r#"{"AgentId": "101", "Extensions": ["2457"]}"#, "100018"),
        ("POST", "agents/queues", r#"{"AgentId": "101", "Queues": ["9001"]}"#, "100018"),
        ("GET", "queues/9001", "", "100018"),
        ("PUT", "queues", r#"{"QueueId": "9001", "QueueName": "x"}"#, "100018"),
        ("DELETE", "queues", r#"{"QueueId": "9001"}"#, "000004"),
        ("DELETE", "extensions", r#"{"Extension": "2457"}"#, "000004"),
        (
            "POST",
            "originatev2",
            r#"{"called": "1", "called_display": "1", "agent_id": "101"}"#,
            "100018",
        ),
    ];
    for (method, path, body, wanted) in own {
        let address = format!("/ccapi/v2/{path}?{}", auth(OTHER));
        let answer = client.raw(method, &address, &[], body.as_bytes());
        assert_eq!(code(path, &answer), wanted, "{method} {path}");
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    let mine = post(&switch, "GET", &format!("agents/101?{}", auth(APP)), &json!({}));
    assert_eq!(mine["Result"]["Name"], "Li", "untouched: {mine}");
}

/// An operation, signed with another token than the operator's.
fn guess() -> String {
    let now = now_ms().to_string();
    format!("/ccapi/v2/queues?Timestamp={now}&AppId={APP}&Sid={SID}&Sign={}", sign(SID, "x", &now))
}

fn assert_later(answer: &Answer, wanted: &str) {
    assert_eq!(code("too many", answer), wanted);
    assert_eq!(answer.status, 429, "{}", answer.shown());
    let seconds = answer.header("retry-after").and_then(|text| text.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "{}", answer.shown());
}

#[test]
fn whoever_guesses_signatures_has_to_wait_and_nobody_else() {
    let switch = switch();
    let client = Client::new(switch.http().address());
    let guesser = client.from([127, 0, 0, 7]);
    let right = || format!("/ccapi/v2/queues?{}", auth(APP));
    // Who signs nothing guesses nothing.
    for _ in 0..12 {
        assert_eq!(guesser.raw("GET", "/ccapi/v2/queues", &[], b"").status, 401);
    }
    for _ in 0..10 {
        assert_eq!(guesser.raw("GET", &guess(), &[], b"").status, 401);
    }
    assert_later(&guesser.raw("GET", &guess(), &[], b""), "100002");
    assert_later(&guesser.raw("GET", &right(), &[], b""), "100002");
    let socket = format!("/ccapi/v2/ws/agent?{}", agent_auth("101"));
    assert_later(&guesser.raw("GET", &socket, &[], b""), "100002");
    assert_eq!(client.raw("GET", &right(), &[], b"").status, 200);
}

#[test]
fn whoever_asks_too_often_has_to_wait_and_no_other_application() {
    let place = Arc::new(Place::take());
    let port = place.port();
    let setup = setup(port).http("requests_per_second = 1\n");
    let switch = Switch::start_in(place, setup);
    let client = Client::new(switch.http().address());
    let ask = |app: &str| client.raw("GET", &format!("/ccapi/v2/apps?{}", auth(app)), &[], b"");
    // Two at once, and one more for each second that this takes.
    let answers: Vec<Answer> = (0..20).map(|_| ask(APP)).collect();
    assert_eq!(answers[0].status, 200, "{}", answers[0].shown());
    let refused = answers.iter().find(|answer| answer.status != 200);
    assert_later(refused.expect("one of twenty at once"), "000003");
    assert_eq!(ask(OTHER).status, 200);
}
