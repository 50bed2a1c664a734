//! Agents: how they look, how they are defined, and what they are told.

use serde_json::json;
use strowger_core::vocab::acd::{
    AgentConfig, AgentOrder, AgentPlace, DefinitionOrder, Intent, Tier,
};
use strowger_core::vocab::{CallId, Command, CommandError, Done, Query};

use crate::desk::{PIN, agent, agent_key, queue_key};
use crate::site::{ADMIN, Site, log};

const AGENT: &str = "/api/v1/agents/101";

fn accepting(done: Done) -> Site {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(done)));
    site
}

fn defined(site: &Site) -> AgentConfig {
    match site.fake.ordered().pop() {
        Some((_, Command::Define(DefinitionOrder::PutAgent(agent)))) => *agent,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_agent_shows_all_but_its_pin() {
    let site = Site::new();
    let item = site.get(AGENT);
    assert!(!item.text().contains(PIN) && !item.text().contains("\"pin\""), "{item:?}");
    let expected = json!({
        "id": "101", "from_file": false, "intent": {"status": "on_break", "reason": "lunch"}, "intent_since": 7,
        "activity": "talking", "queue": "9001", "call": "00000000000000000000000000000009", "activity_since": 8,
        "place": "extension:4567", "reachable": true, "missed": 1, "has_pin": true,
        "settings": {
            "name": "Alice", "extension": "4567", "number": null, "second_extension": null,
            "second_number": "+4917012345", "status": {"status": "available"},
            "queues": [{"queue": "9001", "level": 1, "position": 2}], "skills": {"german": 80},
            "agent_sound": null, "confirm_key": "1", "max_no_answer": 3, "group_pickup": true, "wrap_up_after_outbound": false,
            "call_timeout": null, "no_answer_delay_time": null, "busy_delay_time": null,
            "reject_delay_time": null, "wrap_up_time": null,
        },
    });
    assert_eq!(item.json(), expected);
    assert_eq!(site.get("/api/v1/agents").json()["items"], json!([expected]));
    assert_eq!(site.get("/api/v1/agents?queue=9001&offset=1&limit=3").status, 200);
    let asked = site.fake.asked().pop().unwrap().1;
    assert_eq!(asked, Query::Agents { queue: Some("9001".into()), offset: 1, limit: 3 });
    site.get("/api/v1/agents/102").problem(404);
    let detail = site.get("/api/v1/agents/a%20b").problem(404);
    assert!(detail.contains("1 to 64"), "{detail}");
    let detail = site.get("/api/v1/agents?queue=x").problem(400);
    assert!(detail.contains("such as 9001"), "{detail}");
}

#[test]
fn the_settings_that_are_shown_define_the_same_agent_and_keep_its_pin() {
    let site = accepting(Done::Defined);
    let settings = site.get(AGENT).json()["settings"].clone();
    for _ in 0..2 {
        assert_eq!(site.order(ADMIN, "PUT", AGENT, &settings.to_string()).status, 204);
        assert_eq!(defined(&site), agent("t"));
    }
    for (pin, kept) in
        [(json!(""), None), (json!("24680"), Some("24680")), (json!(null), Some(PIN))]
    {
        let mut settings = settings.clone();
        settings["pin"] = pin;
        assert_eq!(site.order(ADMIN, "PUT", AGENT, &settings.to_string()).status, 204);
        let pin = defined(&site).pin;
        assert_eq!(pin.as_ref().map(|pin| pin.expose()), kept);
    }
    let log = log();
    assert!(log.contains("an agent was defined over HTTP"));
    assert!(!log.contains(PIN) && !log.contains("24680"));
}

#[test]
fn a_new_agent_has_the_documented_defaults() {
    let site = accepting(Done::Defined);
    let body = r#"{"number": "+4917012345", "queues": [{"queue": "9001"}]}"#;
    assert_eq!(site.order(ADMIN, "PUT", "/api/v1/agents/200", body).status, 204);
    let agent = defined(&site);
    assert_eq!((agent.key.id.as_str(), agent.name.as_str()), ("200", "200"));
    assert_eq!(agent.places, [AgentPlace::Number("+4917012345".into())]);
    assert_eq!((agent.pin, agent.status), (None, Intent::LoggedOut));
    assert_eq!((agent.confirm_key, agent.max_no_answer), ('1', 3));
    assert_eq!(agent.tiers, [Tier { queue: queue_key("t"), level: 1, position: 1 }]);
}

#[test]
fn wrong_definitions_are_told_all_at_once() {
    let site = accepting(Done::Defined);
    let wrong = json!({
        "extension": "x", "number": "1", "second_number": "abc", "pin": "12", "confirm_key": "ab",
        "status": {"status": "asleep"}, "queues": [{"queue": "9001"}, {"queue": "9001", "level": 1001}],
        "skills": {"german": 0}, "max_no_answer": 1001, "call_timeout": 601, "agent_sound": "/etc/passwd",
    });
    let detail = site.order(ADMIN, "PUT", AGENT, &wrong.to_string()).problem(422);
    for says in [
        "extension: stands beside number",
        "extension: \"x\" is no number of an extension",
        "second_number: write digits",
        "pin: write 4 to 16 digits",
        "confirm_key: \"ab\" is no key",
        "status: \"asleep\" is unknown",
        "queues: 9001 stands there twice",
        "level: 1001; write 0 to 1000",
        "skills: 0; write 1 to 100",
        "max_no_answer: 1001; write 0 to 1000",
        "call_timeout: 601; write 0 to 600",
        "agent_sound: a path below the sounds directory",
    ] {
        assert!(detail.contains(says), "{says}\n{detail}");
    }
    let detail = site.order(ADMIN, "PUT", AGENT, "{}").problem(422);
    assert!(detail.contains("write an extension, or the number"), "{detail}");
    let detail = site.order(ADMIN, "PUT", AGENT, r#"{"extention": "1"}"#).problem(400);
    assert!(detail.contains("unknown field `extention`"), "{detail}");
    assert!(site.fake.ordered().is_empty());
}

#[test]
fn tiers_are_put_moved_and_removed() {
    let site = accepting(Done::Defined);
    let path = "/api/v1/agents/101/tiers/9001";
    for (body, level, position) in [("{}", 1, 1), (r#"{"level": 2, "position": 3}"#, 2, 3)] {
        assert_eq!(site.order(ADMIN, "PUT", path, body).status, 204);
        let tier = Tier { queue: queue_key("t"), level, position };
        let expected = Command::Define(DefinitionOrder::PutTier(agent_key("t"), tier));
        assert_eq!(site.fake.ordered().pop().unwrap().1, expected);
    }
    assert_eq!(site.delete(path).status, 204);
    let expected = Command::Define(DefinitionOrder::DeleteTier(agent_key("t"), queue_key("t")));
    assert_eq!(site.fake.ordered().pop().unwrap().1, expected);
    let detail = site.order(ADMIN, "PUT", path, r#"{"level": 1001}"#).problem(422);
    assert!(detail.contains("write 0 to 1000"), "{detail}");
    assert_eq!(site.delete(AGENT).status, 204);
    let expected = Command::Define(DefinitionOrder::DeleteAgent(agent_key("t")));
    assert_eq!(site.fake.ordered().pop().unwrap().1, expected);
    let conflict = CommandError::Conflict("agent 101 is defined in the configuration file".into());
    site.fake.set(|tables| tables.outcome = Some(Err(conflict)));
    for (method, path, body) in [
        ("PUT", path, "{}"),
        ("DELETE", path, ""),
        ("DELETE", AGENT, ""),
        ("PUT", AGENT, r#"{"number": "1"}"#),
    ] {
        site.order(ADMIN, method, path, body).problem(409);
    }
}

#[test]
fn orders_reach_the_agent() {
    let site = accepting(Done::Ordered);
    let on_break = |reason: &str, sub_state: &str| {
        AgentOrder::Intent(Intent::OnBreak { reason: reason.into(), sub_state: sub_state.into() })
    };
    let call = "00000000000000000000000000000009";
    let sold = format!(r#"{{"call": "{call}", "code": "sold"}}"#);
    let orders = [
        ("PUT", "intent", r#"{"status": "available"}"#, AgentOrder::Intent(Intent::Available)),
        ("PUT", "intent", r#"{"status": "logged_out"}"#, AgentOrder::Intent(Intent::LoggedOut)),
        ("PUT", "intent", r#"{"status": "on_break"}"#, on_break("break", "")),
        (
            "PUT",
            "intent",
            r#"{"status": "on_break", "reason": "lunch", "sub_state": "canteen"}"#,
            on_break("lunch", "canteen"),
        ),
        ("DELETE", "wrap-up", "", AgentOrder::EndWrapUp),
        ("PATCH", "wrap-up", r#"{"secs": 3600}"#, AgentOrder::ExtendWrapUp(3_600)),
        (
            "PUT",
            "disposition",
            &sold,
            AgentOrder::Disposition { call: CallId(9), code: "sold".into() },
        ),
        ("PUT", "place", r#"{"place": 2}"#, AgentOrder::ActivePlace(1)),
        ("PUT", "desk", r#"{"extension": "4570"}"#, AgentOrder::Desk(Some("4570".into()))),
        ("PUT", "desk", r#"{"extension": null}"#, AgentOrder::Desk(None)),
    ];
    for (method, what, body, order) in orders {
        for token in ["supervisor-t", "agent101-t"] {
            let answer = site.order(token, method, &format!("{AGENT}/{what}"), body);
            assert_eq!(answer.status, 204, "{method} {what} {body}: {answer:?}");
            let (principal, command) = site.fake.ordered().pop().unwrap();
            assert_eq!(principal.tenant, "t");
            assert_eq!(command, Command::Agent { agent: "101".into(), order: order.clone() });
        }
    }
    assert!(log().contains("an agent's intent was set over HTTP"));
}

#[test]
fn wrong_orders_reach_nobody() {
    let site = accepting(Done::Ordered);
    let long = format!(r#"{{"status": "on_break", "reason": "{}"}}"#, "x".repeat(65));
    let wrong = [
        ("PUT", "intent", r#"{"status": "busy"}"#, 422, "\"available\", \"on_break\""),
        ("PUT", "intent", r#"{"status": "available", "reason": "x"}"#, 422, "leave it out"),
        ("PUT", "intent", &long, 422, "1 to 64 bytes"),
        ("PUT", "intent", "{}", 400, "missing field `status`"),
        ("PATCH", "wrap-up", r#"{"secs": 0}"#, 422, "1 to 3600"),
        ("PATCH", "wrap-up", r#"{"secs": 3601}"#, 422, "1 to 3600"),
        ("PATCH", "wrap-up", r#"{"seconds": 1}"#, 400, r#"{"secs": 60}"#),
        ("PUT", "disposition", r#"{"call": "9", "code": ""}"#, 422, "32 hexadecimal digits"),
        ("PUT", "place", r#"{"place": 0}"#, 422, "1 or 2"),
        ("PUT", "place", r#"{"place": 3}"#, 422, "1 or 2"),
        ("PUT", "place", r#"{"place": 256}"#, 400, "256"),
        ("PUT", "desk", r#"{"extension": "desk"}"#, 422, "digits"),
    ];
    for (method, what, body, status, says) in wrong {
        let detail = site.order(ADMIN, method, &format!("{AGENT}/{what}"), body).problem(status);
        assert!(detail.contains(says), "{method} {what} {body}: {detail}");
    }
    assert!(site.fake.ordered().is_empty());
}

#[test]
fn who_may_do_what_with_agents() {
    let site = Site::new();
    let tier = "/api/v1/agents/101/tiers/9001";
    let operations = [
        ("GET", "/api/v1/agents", "", "admin supervisor reader"),
        ("GET", AGENT, "", "admin supervisor reader agent101"),
        ("GET", "/api/v1/agents/101/figures", "", "admin supervisor reader agent101"),
        ("GET", "/api/v1/agents/101/intervals", "", "admin supervisor reader agent101"),
        ("PUT", AGENT, r#"{"number": "1"}"#, "admin"),
        ("DELETE", AGENT, "", "admin"),
        ("PUT", tier, "{}", "admin"),
        ("DELETE", tier, "", "admin"),
        (
            "PUT",
            "/api/v1/agents/101/intent",
            r#"{"status": "available"}"#,
            "admin supervisor agent101",
        ),
        ("DELETE", "/api/v1/agents/101/wrap-up", "", "admin supervisor agent101"),
        ("PATCH", "/api/v1/agents/101/wrap-up", r#"{"secs": 1}"#, "admin supervisor agent101"),
        ("PUT", "/api/v1/agents/101/place", r#"{"place": 1}"#, "admin supervisor agent101"),
        ("PUT", "/api/v1/agents/101/desk", r#"{"extension": null}"#, "admin supervisor agent101"),
    ];
    for (method, path, body, allowed) in operations {
        site.fake.set(|tables| tables.outcome = Some(Ok(Done::Ordered)));
        for role in ["admin", "supervisor", "reader", "user", "agent", "agent101"] {
            let answer = site.order(&format!("{role}-t"), method, path, body);
            let may = allowed.split(' ').any(|allowed| allowed == role);
            assert_eq!(answer.status != 403, may, "{role} {method} {path}: {answer:?}");
            assert!(!may || answer.status < 300, "{role} {method} {path}: {answer:?}");
        }
    }
    let detail = site.get_as("agent101-t", "/api/v1/agents/102").problem(403);
    assert!(detail.contains("agent 101 only"), "{detail}");
    site.order("agent101-t", "PUT", "/api/v1/agents/102/intent", r#"{"status": "available"}"#)
        .problem(403);
}
