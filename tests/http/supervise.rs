//! Supervision: what is ordered, and what is answered.

use strowger_core::vocab::supervise::{Mode, Released, SuperviseOrder, Supervisor};
use strowger_core::vocab::{CallId, Command, CommandError, Done, InteractionId};

use crate::site::{ADMIN, Site};

const CALL: &str = "/api/v1/calls/00000000000000000000000000000009";

fn accepting(done: Done) -> Site {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(done)));
    site
}

fn ordered(site: &Site) -> SuperviseOrder {
    match site.fake.ordered().pop() {
        Some((_, Command::Supervise { call: CallId(9), order })) => order,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_supervisor_is_rung_and_its_call_named() {
    let (call, interaction) = (CallId(7), InteractionId(8));
    let site = accepting(Done::Originated { call, interaction });
    let body = r#"{"extension": "4568", "mode": "whisper", "agent": "4567"}"#;
    let answer = site.post(&format!("{CALL}/supervise"), body);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["call"], format!("{:032x}", 7));
    let inside = || Supervisor::Extension("4568".to_owned());
    let (agent, mode) = (Some("4567".to_owned()), Mode::Whisper);
    assert_eq!(ordered(&site), SuperviseOrder::Join { who: inside(), mode, agent });
    let body = r#"{"number": "+15554150123", "mode": "monitor"}"#;
    assert_eq!(site.post(&format!("{CALL}/supervise"), body).status, 201);
    let (who, mode) = (Supervisor::Number("+15554150123".into()), Mode::Monitor);
    assert_eq!(ordered(&site), SuperviseOrder::Join { who, mode, agent: None });
    for wrong in [
        r#"{"mode": "monitor"}"#,
        r#"{"extension": "4568", "number": "+15554150123", "mode": "monitor"}"#,
        r#"{"number": "sip:+1555@elsewhere", "mode": "monitor"}"#,
    ] {
        let detail = site.post(&format!("{CALL}/supervise"), wrong).problem(422);
        assert!(detail.contains("number"), "{detail}");
    }
    for wrong in [
        r#"{"extension": "4568"}"#,
        r#"{"extension": "4568", "mode": "spy"}"#,
        r#"{"extension": "4568", "mode": "monitor", "loud": true}"#,
    ] {
        let detail = site.post(&format!("{CALL}/supervise"), wrong).problem(400);
        assert!(detail.contains("monitor"), "{detail}");
    }
    let body = r#"{"extension": "Bob", "mode": "monitor"}"#;
    site.post(&format!("{CALL}/supervise"), body).problem(422);
}

#[test]
fn modes_leaves_and_releases_are_ordered() {
    let site = accepting(Done::Ordered);
    let path = format!("{CALL}/supervise");
    assert_eq!(site.order(ADMIN, "PATCH", &path, r#"{"mode": "barge"}"#).status, 204);
    let change = SuperviseOrder::Change { who: None, mode: Mode::Barge };
    assert_eq!(ordered(&site), change);
    assert_eq!(site.delete(&format!("{path}?extension=4568")).status, 204);
    let who = Some(Supervisor::Extension("4568".to_owned()));
    assert_eq!(ordered(&site), SuperviseOrder::Leave { who });
    assert_eq!(site.delete(&format!("{path}?number=%2B15554150123")).status, 204);
    let who = Some(Supervisor::Number("+15554150123".to_owned()));
    assert_eq!(ordered(&site), SuperviseOrder::Leave { who });
    assert_eq!(site.post(&format!("{CALL}/release"), r#"{"what": "agent"}"#).status, 204);
    assert_eq!(ordered(&site), SuperviseOrder::Release(Released::Agent));
    assert_eq!(site.post(&format!("{CALL}/release"), r#"{"what": "call"}"#).status, 204);
    assert_eq!(ordered(&site), SuperviseOrder::Release(Released::Call));
    assert_eq!(site.order(ADMIN, "POST", &format!("{CALL}/takeover"), "").status, 204);
    assert_eq!(ordered(&site), SuperviseOrder::TakeOver { who: None });
    let error = CommandError::Forbidden("no".into());
    site.fake.set(|tables| tables.outcome = Some(Err(error)));
    site.delete(&path).problem(403);
}
