//! Queues, their parameters, their callers, and why agents are not offered.

use serde_json::{Value, json};
use strowger_core::vocab::acd::{DefinitionOrder, QueueConfig, QueueOrder, Strategy};
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::{CallId, Command, CommandError, Done, Query};

use crate::desk::{queue, queue_key};
use crate::fake::AS_OF;
use crate::site::{ADMIN, Site, log};

const CALL: &str = "00000000000000000000000000000009";

fn accepting(done: Done) -> Site {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(done)));
    site
}

/// The queue that the last order defines.
fn defined(site: &Site) -> QueueConfig {
    match site.fake.ordered().pop() {
        Some((_, Command::Define(DefinitionOrder::PutQueue(queue)))) => *queue,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_queue_shows_where_it_stands_and_all_its_parameters() {
    let site = Site::new();
    let page = site.get("/api/v1/queues?offset=3&limit=2").json();
    assert_eq!((&page["total"], &page["as_of"]), (&json!(7), &json!(AS_OF)));
    let (principal, asked) = site.fake.asked().pop().unwrap();
    assert_eq!((principal.tenant.as_str(), asked), ("t", Query::Queues { offset: 3, limit: 2 }));
    let item = site.get("/api/v1/queues/9001").json();
    assert_eq!(page["items"][0], item);
    let mut state = item.as_object().unwrap().clone();
    let settings = state.remove("settings").unwrap();
    let expected = json!({
        "number": "9001", "from_file": true, "waiting": 3, "trying": 1, "answered": 2,
        "longest_wait_ms": 61_500, "agents_logged_in": 4, "agents_ready": 0, "estimated_wait_secs": 90,
    });
    assert_eq!(Value::Object(state), expected);
    assert_eq!(settings["strategy"], "longest-idle-agent");
    assert_eq!((&settings["wrap_up_time"], &settings["exit_key"]), (&json!(10), &Value::Null));
    site.get("/api/v1/queues/9002").problem(404);
    for wrong in ["90a1", "9".repeat(33).as_str(), "%2e%2e"] {
        let detail = site.get(&format!("/api/v1/queues/{wrong}")).problem(404);
        assert!(detail.contains("1 to 32 digits"), "{detail}");
    }
}

#[test]
fn the_settings_that_are_shown_define_the_same_queue_again() {
    let site = accepting(Done::Defined);
    let settings = site.get("/api/v1/queues/9001").json()["settings"].to_string();
    for _ in 0..2 {
        let answer = site.order(ADMIN, "PUT", "/api/v1/queues/9001", &settings);
        assert_eq!((answer.status, answer.text().as_str()), (204, ""));
        assert_eq!(defined(&site), queue("t"));
    }
    assert!(log().contains("a queue was defined over HTTP"));
}

#[test]
fn every_parameter_arrives_where_it_belongs() {
    let site = accepting(Done::Defined);
    let settings = r#"{
        "name": "S", "strategy": "skill", "weight": 3, "aging_secs": 60, "ring_all_max": 5, "progressive_delay": 7,
        "tier_rules_apply": false, "tier_rule_wait_second": 11, "tier_rule_wait_multiply_level": false,
        "skip_busy_agents": false, "try_same_agent_time": 2592000,
        "skills": [{"name": "german", "level": 60, "relax_secs": 30, "relax_by": 20}],
        "max_length": 512, "max_wait_time": 300, "timeout_transfer_dst": "queue:9002",
        "max_wait_time_with_no_agent": 30, "no_agent_timeout_transfer_dst": "voicemail:9001",
        "exit_with_no_av_agents": false, "full_transfer_dst": "+49301234", "exit_key": "*",
        "exit_transfer_dst": "extension:4567", "callback_key": "1", "callback_classes": ["x"], "disable_answer": true, "sound_type": "ring",
        "sound": "a/a", "start_sound": "a/b", "announce_sound": "a/c", "announce_frequency": 20,
        "position_announce_frequency": 30, "announce_wait": true, "agent_announce_sound": "a/d",
        "agent_report_wait_time": false, "record_enabled": false, "hide_in_caller_id_number": "1",
        "hide_in_caller_id_name": "h", "append_to_cid_name_on_transfer": " (s)", "agent_hangup_action": "transfer",
        "agent_hangup_transfer_dst": "sound:en/thank-you", "quality_rate_sound": "a/e", "quality_rate_max": 9,
        "quality_rate_finish_sound": "a/f", "disposition_required": true, "disposition_timeout_secs": 90,
        "service_level_secs": 30, "vm_enabled": true, "vm_greeting": "a/g", "vm_mailto": "s@example.com",
        "vm_attach_file": false, "call_timeout": 15, "no_answer_delay_time": 1, "busy_delay_time": 2,
        "reject_delay_time": 3, "wrap_up_time": 4
    }"#;
    let settings: Value = serde_json::from_str(settings).unwrap();
    let path = "/api/v1/queues/9001";
    assert_eq!(site.order(ADMIN, "PUT", path, &settings.to_string()).status, 204);
    let queue = defined(&site);
    assert_eq!(site.order(ADMIN, "PUT", path, "{}").status, 204);
    let plain = defined(&site);
    assert_eq!((plain.name.as_str(), plain.choice.strategy), ("9001", Strategy::LongestIdleAgent));
    let (json, other) =
        (serde_json::to_value(&queue).unwrap(), serde_json::to_value(&plain).unwrap());
    for (part, fields) in json.as_object().unwrap().iter().filter(|(part, _)| *part != "key") {
        for (field, value) in fields.as_object().into_iter().flatten() {
            assert_ne!(value, &other[part][field], "{part}.{field} was not taken over");
        }
    }
    assert_eq!(
        queue.limits.timeout_transfer_dst.map(|to| to.to_string()).as_deref(),
        Some("queue:9002")
    );
    assert!(matches!(queue.limits.full_transfer_dst, Some(Destination::Number(_))));
    // What is shown again is what was sent.
    let known = site.get(path).json()["settings"].as_object().unwrap().len();
    assert_eq!(known, settings.as_object().unwrap().len(), "a parameter is missing in this test");
}

#[test]
fn wrong_parameters_are_told_all_at_once() {
    let site = accepting(Done::Defined);
    let path = "/api/v1/queues/9001";
    let wrong = json!({
        "strategy": "fair", "ring_all_max": 51, "max_length": 0, "try_same_agent_time": 2_592_001,
        "timeout_transfer_dst": "somewhere", "full_transfer_dst": "queue:9001", "exit_key": "10",
        "sound": "../secret", "sound_type": "noise", "quality_rate_max": 0, "vm_mailto": "support",
        "agent_hangup_action": "quality_rate", "announce_frequency": 5, "wrap_up_time": 86_401,
        "skills": [{"name": "a b", "level": 101}], "name": "a\u{7}",
    });
    let detail = site.order(ADMIN, "PUT", path, &wrong.to_string()).problem(422);
    for says in [
        "strategy: \"fair\" is none; choose from ring-all, longest-idle-agent",
        "ring_all_max: 51; write 1 to 50",
        "max_length: 0; write 1 to 512",
        "try_same_agent_time: 2592001; write 0 to 2592000",
        "timeout_transfer_dst: \"somewhere\" is no destination; write a number that can be dialled",
        "full_transfer_dst: leads back into the same queue",
        "exit_key: \"10\" is no key",
        "sound: a path below the sounds directory",
        "sound_type: write \"music\" or \"ring\"",
        "quality_rate_max: 0; write 1 to 9",
        "vm_mailto: write an address",
        "quality_rate_sound: needed by agent_hangup_action",
        "announce_sound: needed by announce_frequency",
        "wrap_up_time: 86401; write 0 to 86400",
        "skills.name: write 1 to 64",
        "skills.level: 101; write 1 to 100",
        "name: write at most 128 bytes",
    ] {
        assert!(detail.contains(says), "{says}\n{detail}");
    }
    for (body, says) in [
        (r#"{"stratgy": "random"}"#, "unknown field `stratgy`, expected one of `name`, `strategy`"),
        (r#"{"weight": -1}"#, "invalid value"),
        (r#"{"weight": "heavy"}"#, "expected u32"),
        ("[]", "longest-idle-agent"),
        ("", "EOF"),
    ] {
        let detail = site.order(ADMIN, "PUT", path, body).problem(400);
        assert!(detail.contains(says), "{body}: {detail}");
    }
    assert!(site.fake.ordered().is_empty());
}

#[test]
fn what_the_file_defines_is_a_conflict() {
    let site = Site::new();
    let conflict = CommandError::Conflict("queue 9001 is defined in the configuration file".into());
    site.fake.set(|tables| tables.outcome = Some(Err(conflict)));
    for (method, body) in [("PUT", "{}"), ("DELETE", "")] {
        let detail = site.order(ADMIN, method, "/api/v1/queues/9001", body).problem(409);
        assert!(detail.contains("configuration file"), "{detail}");
    }
}

#[test]
fn a_queue_is_removed_and_its_callers_are_ordered_about() {
    let site = accepting(Done::Defined);
    assert_eq!(site.delete("/api/v1/queues/9001").status, 204);
    let (principal, command) = site.fake.ordered().pop().unwrap();
    assert_eq!(principal.name, "key");
    assert_eq!(command, Command::Define(DefinitionOrder::DeleteQueue(queue_key("t"))));

    let site = accepting(Done::Ordered);
    let member = format!("/api/v1/queues/9001/members/{CALL}");
    let ordered = |order| Command::Queue { queue: "9001".into(), order };
    assert_eq!(site.order("supervisor-t", "DELETE", &member, "").status, 202);
    assert_eq!(site.fake.ordered().pop().unwrap().1, ordered(QueueOrder::Remove(CallId(9))));
    assert_eq!(site.order("supervisor-t", "PATCH", &member, r#"{"priority": 7}"#).status, 204);
    let prioritise = ordered(QueueOrder::Prioritise(CallId(9), 7));
    assert_eq!(site.fake.ordered().pop().unwrap().1, prioritise);
    site.order(ADMIN, "PATCH", &member, r#"{"priority": 1001}"#).problem(422);
    let detail = site.order(ADMIN, "PATCH", &member, r#"{"position": 1}"#).problem(400);
    assert!(detail.contains(r#"{"priority": 10}"#), "{detail}");
    let detail = site.delete("/api/v1/queues/9001/members/9").problem(404);
    assert!(detail.contains("32 hexadecimal digits"), "{detail}");
    assert!(log().contains("a caller was removed over HTTP"));
}

#[test]
fn callers_are_listed_and_explained() {
    let site = Site::new();
    let members = site.get("/api/v1/queues/9001/members?limit=200").json();
    let expected = json!({
        "call": CALL, "state": "trying", "number": "0571", "position": 1, "priority": 2, "joined_at": 5,
        "agents": ["101"],
    });
    assert_eq!(members["items"][0], expected);
    site.get("/api/v1/queues/9002/members").problem(404);

    let explained = site.get(&format!("/api/v1/queues/9001/explain?call={CALL}&limit=20")).json();
    let asked = site.fake.asked().pop().unwrap().1;
    let wanted = Query::Explain { queue: "9001".into(), call: Some(CallId(9)), limit: 20 };
    assert_eq!(asked, wanted);
    let caller = &explained["callers"][0];
    assert_eq!((&caller["call"], &caller["waited_ms"]), (&json!(CALL), &json!(1_500)));
    let expected = json!([
        {"agent": "102", "level": 1, "position": 1, "condition": "talking", "why": "talks with another caller",
         "queue": "9001", "call": "00000000000000000000000000000001"},
        {"agent": "101", "level": 2, "position": 1, "condition": "level_closed",
         "why": "level 2 is not open for this caller yet", "opens_at": 99},
    ]);
    assert_eq!(caller["agents"], expected);
    for (path, says) in [
        ("/api/v1/queues/9001/explain?limit=21", "1 to 20"),
        ("/api/v1/queues/9001/explain?limit=0", "1 to 20"),
        ("/api/v1/queues/9001/explain?call=7", "32 hexadecimal digits"),
        ("/api/v1/queues/9001/explain?why", "`call` or `limit`"),
        ("/api/v1/queues?limit=201", "1 to 200"),
        ("/api/v1/queues/9001/members?x=1", "`offset` or `limit`"),
    ] {
        let detail = site.get(path).problem(400);
        assert!(detail.contains(says), "{path}: {detail}");
    }
}

#[test]
fn who_may_do_what_with_queues() {
    let site = accepting(Done::Defined);
    let member = format!("/api/v1/queues/9001/members/{CALL}");
    let operations = [
        ("GET", "/api/v1/queues", "", "admin supervisor reader"),
        ("GET", "/api/v1/queues/9001", "", "admin supervisor reader"),
        ("GET", "/api/v1/queues/9001/members", "", "admin supervisor reader"),
        ("GET", "/api/v1/queues/9001/explain", "", "admin supervisor reader"),
        ("GET", "/api/v1/queues/9001/figures", "", "admin supervisor reader"),
        ("GET", "/api/v1/queues/9001/intervals", "", "admin supervisor reader"),
        ("PUT", "/api/v1/queues/9001", "{}", "admin"),
        ("DELETE", "/api/v1/queues/9001", "", "admin"),
        ("DELETE", &member, "", "admin supervisor"),
        ("PATCH", &member, r#"{"priority": 1}"#, "admin supervisor"),
    ];
    for (method, path, body, allowed) in operations {
        let done = if path == member { Done::Ordered } else { Done::Defined };
        site.fake.set(|tables| tables.outcome = Some(Ok(done)));
        for role in ["admin", "supervisor", "reader", "user", "agent", "agent101"] {
            let answer = site.order(&format!("{role}-t"), method, path, body);
            let may = allowed.split(' ').any(|allowed| allowed == role);
            assert_eq!(answer.status != 403, may, "{role} {method} {path}: {answer:?}");
            assert!(!may || answer.status < 300, "{role} {method} {path}: {answer:?}");
        }
    }
}

#[test]
fn a_caller_is_sent_only_where_something_can_be_dialled() {
    let site = accepting(Done::Ordered);
    let path = format!("/api/v1/queues/9001/members/{CALL}/transfer");
    for to in [String::new(), "1\u{7}".into(), "1".repeat(129)] {
        let detail = site.post(&path, &json!({"to": to}).to_string()).problem(422);
        assert!(detail.starts_with("to: 1 to 128"), "{detail}");
    }
    assert!(site.fake.ordered().is_empty());
    assert_eq!(site.post(&path, r#"{"to": "queue:9002"}"#).status, 202);
}

#[test]
fn nobody_hears_what_others_have_recorded() {
    let site = accepting(Done::Defined);
    let name = "0123456789abcdef0123456789abcdef";
    let own = format!("recorded:sounds/t/{name}");
    let put = |field: &str, prompt: &str| {
        let mut body = json!({});
        body[field] = json!(prompt);
        site.order(ADMIN, "PUT", "/api/v1/queues/9001", &body.to_string())
    };
    assert_eq!(put("sound", &own).status, 204);
    assert_eq!(put("full_transfer_dst", &format!("sound:{own}")).status, 204);
    let menu = |greeting: &str| {
        let body = json!({"greeting": greeting, "keys": {"1": "4567"}}).to_string();
        site.order(ADMIN, "PUT", "/api/v1/menus/main", &body)
    };
    for others in [
        &*format!("recorded:sounds/u/{name}"),
        "recorded:u/2026-11-21/call",
        "recorded:/var/lib/x",
        "/var/lib/x",
    ] {
        assert!(put("sound", others).problem(422).starts_with("sound: "), "{others}");
        put("full_transfer_dst", &format!("sound:{others}")).problem(422);
        assert!(menu(others).problem(422).starts_with("greeting: "), "{others}");
        let announce = json!({"prompts": [others]}).to_string();
        site.post("/api/v1/conferences/board/announce", &announce).problem(422);
    }
}
