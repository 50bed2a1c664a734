//! Pages: who speaks, and how one is begun and ended.

use serde_json::json;
use strowger_core::vocab::{CallId, Command, CommandError, Done, InteractionId};

use crate::fake::AS_OF;
use crate::site::{ADMIN, Site};

const CALL: &str = "00000000000000000000000000000009";

#[test]
fn pages_are_shown_with_who_speaks() {
    let site = Site::new();
    let list = site.get_as("user-t", "/api/v1/pages?limit=1").json();
    let all = json!({
        "name": "all", "number": "800", "members": ["4568", "4569"], "class": "intercom",
        "max_secs": 60,
        "spoken": {"call": CALL, "speaker": "4567", "playing": 1, "ringing": 1},
    });
    assert_eq!(list, json!({"items": [all], "total": 2, "as_of": AS_OF}));
    assert_eq!(site.get("/api/v1/pages/all").json(), all);
    assert_eq!(site.get("/api/v1/pages/hall").json()["spoken"], json!(null));
    site.get("/api/v1/pages/none").problem(404);
}

#[test]
fn a_page_is_begun_by_its_name_with_the_rights_of_the_key() {
    let site = Site::new();
    let (call, interaction) = (CallId(7), InteractionId(8));
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Originated { call, interaction })));
    let body = r#"{"page": "hall", "from": "4567", "auto_answer": true}"#;
    let answer = site.post_as("user-t", "/api/v1/pages", body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("location"), Some(format!("/api/v1/calls/{call}").as_str()));
    let (principal, command) = site.fake.ordered().pop().unwrap();
    assert_eq!(principal.extension.as_deref(), Some("101"), "the switch judges the key");
    let Command::Originate { from, to, auto_answer, .. } = command else { panic!("{command:?}") };
    assert_eq!((from.as_str(), to.as_str(), auto_answer), ("4567", "800", true));
    site.post("/api/v1/pages", r#"{"page": "none", "from": "4567"}"#).problem(404);
    site.post("/api/v1/pages", r#"{"page": "hall", "from": ""}"#).problem(422);
    let detail = site.post("/api/v1/pages", r#"{"page": "hall"}"#).problem(400);
    assert!(detail.contains("from"), "{detail}");
    assert_eq!(site.fake.ordered().len(), 1);
    let busy = CommandError::Conflict("somebody speaks to page hall".into());
    site.fake.set(|tables| tables.outcome = Some(Err(busy)));
    site.post("/api/v1/pages", body).problem(409);
}

#[test]
fn a_page_is_ended_with_the_call_that_speaks() {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::HungUp)));
    assert_eq!(site.delete("/api/v1/pages/all").status, 202);
    let (_, command) = site.fake.ordered().pop().unwrap();
    assert_eq!(command, Command::HangUp { call: CallId(9) });
    assert!(site.delete("/api/v1/pages/hall").problem(404).contains("nobody speaks"));
    site.delete("/api/v1/pages/none").problem(404);
    assert_eq!(site.fake.ordered().len(), 1);
    let mine = CommandError::NotFound("no live call".into());
    site.fake.set(|tables| tables.outcome = Some(Err(mine)));
    site.order("user-t", "DELETE", "/api/v1/pages/all", "").problem(404);
    assert_eq!(site.order(ADMIN, "PATCH", "/api/v1/pages/all", "{}").status, 405);
}
