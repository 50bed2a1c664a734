//! Dial tasks: what is ordered, and what is answered.

use serde_json::json;
use strowger_core::vocab::dial::{DialAction, DialMode, DialOrder};
use strowger_core::vocab::{Command, CommandError, Done};

use crate::desk::PIN;
use crate::site::{ADMIN, Site};

const TASK: &str = "/api/v1/dial-tasks/spring";

fn ordered(site: &Site) -> DialOrder {
    match site.fake.ordered().pop() {
        Some((_, Command::Dial(order))) => order,
        other => panic!("{other:?}"),
    }
}

fn accepting(done: Done) -> Site {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(done)));
    site
}

#[test]
fn a_task_is_shown_without_its_token() {
    let site = Site::new();
    let answer = site.get(TASK);
    let task = answer.json();
    assert_eq!(task["mode"], "ratio");
    assert_eq!(task["ratio"], 1.5);
    assert_eq!((&task["state"], &task["ended"]), (&json!("ended"), &json!("exhausted")));
    assert_eq!(task["outcomes"], json!({"busy": 3}));
    assert!(!answer.json().to_string().contains(PIN));
    assert_eq!(site.get("/api/v1/dial-tasks").json()["items"][0]["id"], "spring");
    site.get("/api/v1/dial-tasks/summer").problem(404);
}

#[test]
fn a_task_is_defined_and_mistakes_are_named() {
    let site = accepting(Done::Defined);
    let body = r#"{"mode": "ratio", "ratio": 2.25, "queue": "9001", "caller_number": "0571"}"#;
    assert_eq!(site.order(ADMIN, "PUT", TASK, body).status, 204);
    let DialOrder::Put(task) = ordered(&site) else { panic!("no definition") };
    assert_eq!((task.mode, task.ratio, task.max_calls), (DialMode::Ratio, 225, 10));
    assert_eq!(task.queue.unwrap().to_string(), "t/9001");
    for (wrong, status, word) in [
        (r#"{"mode": "loud", "caller_number": "1"}"#, 400, "progressive"),
        (r#"{"mode": "ratio"}"#, 400, "caller_number"),
        (r#"{"mode": "ratio", "caller_number": "1", "ratio": 5.1}"#, 422, "5.0"),
        (r#"{"mode": "ratio", "caller_number": "1", "ratio": -1}"#, 422, "5.0"),
        (r#"{"mode": "robot", "caller_number": "1", "robot_url": "http://x/"}"#, 422, "wss://"),
        (r#"{"mode": "robot", "caller_number": "1", "robot_token": "a b"}"#, 422, "robot_token"),
    ] {
        let detail = site.order(ADMIN, "PUT", TASK, wrong).problem(status);
        assert!(detail.contains(word), "{wrong}: {detail}");
    }
    // The address may be that of [[dialer]]; whether there is one the switch knows.
    let robot = r#"{"mode": "robot", "caller_number": "0571", "robot_token": "x"}"#;
    assert_eq!(site.order(ADMIN, "PUT", TASK, robot).status, 204);
    let DialOrder::Put(task) = ordered(&site) else { panic!("no definition") };
    let robot = task.robot.unwrap();
    assert_eq!((robot.url, robot.token.expose()), (None, "x"));
    let body = r#"{"mode": "ratio", "queue": "9001", "caller_number": "0571"}"#;
    site.order(ADMIN, "PUT", "/api/v1/dial-tasks/a%20b", body).problem(422);
    assert_eq!(site.delete(TASK).status, 204);
    assert_eq!(ordered(&site), DialOrder::Delete("spring".into()));
}

#[test]
fn tasks_are_directed() {
    let site = accepting(Done::Ordered);
    for (path, action) in [
        ("start", DialAction::Start),
        ("pause", DialAction::Pause),
        ("stop", DialAction::Stop),
        ("force-stop", DialAction::ForceStop),
    ] {
        assert_eq!(site.post(&format!("{TASK}/{path}"), "").status, 204, "{path}");
        assert_eq!(ordered(&site), DialOrder::Task { task: "spring".into(), action });
    }
    let error = CommandError::Conflict("it was never started".into());
    site.fake.set(|tables| tables.outcome = Some(Err(error)));
    assert!(site.post(&format!("{TASK}/stop"), "").problem(409).contains("never started"));
}

#[test]
fn numbers_are_given_and_asked_for() {
    let site = accepting(Done::NumbersAdded { added: 2, repeated: 0, refused: 0 });
    let body = r#"{"numbers": [{"id": "a", "number": "0571 8888-1111"}, {"number": "0571"}]}"#;
    let answer = site.post(&format!("{TASK}/numbers"), body);
    assert_eq!(answer.json(), json!({"added": 2, "repeated": 0, "refused": 0}));
    let DialOrder::Task { action: DialAction::Add { numbers, exhausted }, .. } = ordered(&site)
    else {
        panic!("no numbers")
    };
    let ids: Vec<&str> = numbers.iter().map(|number| number.id.as_str()).collect();
    assert_eq!((ids, exhausted), (vec!["a", "0571"], false));
    let body = r#"{"numbers": [{"number": "call me"}]}"#;
    assert!(site.post(&format!("{TASK}/numbers"), body).problem(422).contains("call me"));
    let page = site.get(&format!("{TASK}/numbers?limit=1")).json();
    assert_eq!(page["items"][0]["outcome"], "answered");
    assert_eq!((&page["items"][0]["agent"], &page["next"]), (&json!("101"), &json!(1)));
    let page = site.get(&format!("{TASK}/numbers?after=1&outcome=waiting")).json();
    assert_eq!(page["items"][0]["id"], "n2");
    let detail = site.get(&format!("{TASK}/numbers?outcome=lost")).problem(400);
    assert!(detail.contains("interrupted"), "{detail}");
    site.get("/api/v1/dial-tasks/summer/numbers").problem(404);
}

#[test]
fn numbers_are_never_dialled_or_again() {
    let site = accepting(Done::Defined);
    let body = r#"{"numbers": ["+86 571 8888 1111"]}"#;
    assert_eq!(site.post("/api/v1/do-not-call", body).status, 204);
    let numbers = vec!["+86 571 8888 1111".to_owned()];
    assert_eq!(ordered(&site), DialOrder::Block { numbers, blocked: true });
    assert_eq!(site.delete("/api/v1/do-not-call/0571").status, 204);
    let numbers = vec!["0571".to_owned()];
    assert_eq!(ordered(&site), DialOrder::Block { numbers, blocked: false });
    assert_eq!(site.get("/api/v1/do-not-call").json()["items"], json!(["8657188"]));
    site.post("/api/v1/do-not-call", r#"{"numbers": ["x"]}"#).problem(422);
}
