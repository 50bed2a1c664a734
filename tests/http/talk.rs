//! Orders about conversations: what is ordered, and what is answered.

use strowger_core::vocab::transfer::{TalkAct, TalkOrder};
use strowger_core::vocab::{CallId, Command, CommandError, Done};

use crate::site::Site;

const CALL: &str = "/api/v1/calls/00000000000000000000000000000009";

fn ordered(site: &Site) -> TalkOrder {
    match site.fake.ordered().pop() {
        Some((_, Command::Talk { call: CallId(9), order })) => order,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_order_reaches_the_switch() {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Ordered)));
    let extension = Some("4567".to_owned());
    let to = || "queue:9001".to_owned();
    let errand = r#"{"to": "queue:9001", "extension": "4567"}"#;
    let acting = r#"{"extension": "4567"}"#;
    for (path, body, act) in [
        ("transfer", errand, TalkAct::Transfer { to: to() }),
        ("consult", errand, TalkAct::Consult { to: to() }),
        ("hold", acting, TalkAct::Hold),
        ("resume", acting, TalkAct::Resume),
    ] {
        assert_eq!(site.post(&format!("{CALL}/{path}"), body).status, 202, "{path}");
        assert_eq!(ordered(&site), TalkOrder { extension: extension.clone(), act }, "{path}");
    }
    for (path, act) in
        [("consult/complete", TalkAct::CompleteConsult), ("consult/end", TalkAct::EndConsult)]
    {
        assert_eq!(site.post(&format!("{CALL}/{path}"), "").status, 202, "{path}");
        assert_eq!(ordered(&site), TalkOrder { extension: None, act }, "{path}");
    }
}

#[test]
fn nonsense_is_refused_and_says_what_would_be_right() {
    let site = Site::new();
    let long = format!(r#"{{"to": "{}"}}"#, "1".repeat(129));
    for (body, status) in [(r#"{"to": ""}"#, 422), (long.as_str(), 422), (r#"{"whom": "1"}"#, 400)]
    {
        let detail = site.post(&format!("{CALL}/transfer"), body).problem(status);
        assert!(!detail.is_empty());
    }
    let why = "the call is no conversation now".to_owned();
    site.fake.set(|tables| tables.outcome = Some(Err(CommandError::Conflict(why.clone()))));
    let detail = site.post(&format!("{CALL}/hold"), "{}").problem(409);
    assert!(detail.contains("no conversation"), "{detail}");
}
