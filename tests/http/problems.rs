//! Each wrong request is told what would be right.

use strowger::api::gateway::ReloadRefused;
use strowger_core::vocab::{
    CallId, Command, CommandError, Done, InteractionId, RecordingAction, RecordingOrder,
};

use crate::site::{Site, log};

const ORDER: &str = r#"{"from":"101","to":"102"}"#;

#[test]
fn malformed_bodies_are_answered_with_an_example() {
    let site = Site::new();
    let wrong = [
        ("", "EOF"),
        ("{", "EOF"),
        ("nonsense", "expected"),
        (r#"{"from":"101"}"#, "missing field `to`"),
        (r#"{"from":101,"to":"102"}"#, "expected a string"),
        (r#"{"from":"101","to":"102","auto":true}"#, "unknown field `auto`"),
        (r#"{"from":"101","to":"102","auto_answer":"yes"}"#, "expected a boolean"),
    ];
    for (body, says) in wrong {
        let detail = site.post("/api/v1/calls", body).problem(400);
        assert!(detail.contains(says), "{body}: {detail}");
        assert!(detail.contains(r#"{"from": "4567", "to": "4568""#), "{body}: {detail}");
    }
    for body in [r#"{"from":"","to":"1"}"#, r#"{"from":"1","to":"2\r\n"}"#] {
        site.post("/api/v1/calls", body).problem(422);
    }
    assert!(site.fake.ordered().is_empty());
}

#[test]
fn other_media_types_and_long_bodies_are_refused() {
    let site = Site::new();
    let key = ("Authorization", "Bearer admin-t");
    for kind in [&[key][..], &[key, ("Content-Type", "text/plain")]] {
        let detail = site.send("POST", "/api/v1/calls", kind, ORDER).problem(415);
        assert!(detail.contains("application/json"), "{detail}");
    }
    let long = format!(r#"{{"from":"101","to":"{}"}}"#, "1".repeat(65 * 1024));
    let detail = site.post("/api/v1/calls", &long).problem(413);
    assert!(detail.contains("65536"), "{detail}");
}

#[test]
fn unknown_parameters_are_answered_with_the_known_ones() {
    let site = Site::new();
    let table = [
        ("/api/v1/calls?page=2", "`offset` or `limit`"),
        ("/api/v1/registrations?x", "`offset` or `limit`"),
        (
            "/api/v1/records?form=1",
            "`from`, `until`, `extension`, `cause`, `disposition`, `interaction`, `after`, `limit`",
        ),
        ("/api/v1/recordings?cause=normal", "`call`"),
        ("/api/v1/records?cause=tired", "`no_answer`"),
        ("/api/v1/records?from=yesterday", "invalid digit"),
        ("/api/v1/calls?limit=0", "1 to 200"),
        ("/api/v1/calls?limit=201", "1 to 200"),
        ("/api/v1/records?limit=201", "1 to 200"),
        ("/api/v1/records?after=x", "`next`"),
        ("/api/v1/recordings?call=12", "32 hexadecimal digits"),
        ("/api/v1/trunks?colour=red", "unknown field `colour`"),
        ("/api/v1/events?since=1.1", "`from`"),
        ("/api/v1/events?from=later", "3.17"),
    ];
    for (path, says) in table {
        let detail = site.get(path).problem(400);
        assert!(detail.contains(says), "{path}: {detail}");
    }
}

#[test]
fn nothing_elsewhere_and_no_other_methods() {
    let site = Site::new();
    for path in
        ["/status", "/api", "/api/v1", "/api/v1/calls/", "/api/v2/calls", "/api/v1/calls/a/b"]
    {
        let detail = site.get(path).problem(404);
        assert!(detail.contains("/api/v1/openapi.json"), "{path}: {detail}");
    }
    for path in ["/api/v1/calls/9", "/api/v1/calls/+0000000000000000000000000000009"] {
        let detail = site.get(path).problem(404);
        assert!(detail.contains("32 hexadecimal digits"), "{path}: {detail}");
    }
    let answer = site.delete("/api/v1/calls");
    answer.problem(405);
    let mut allowed: Vec<&str> = answer.header("allow").unwrap().split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[test]
fn the_switchs_refusals_have_their_status() {
    let site = Site::new();
    let table = [
        (CommandError::NotFound("no extension 7".into()), 404),
        (CommandError::Forbidden("the key may only read".into()), 403),
        (CommandError::Conflict("no registered phone".into()), 409),
        (CommandError::Invalid("102: leads nowhere".into()), 422),
        (CommandError::Busy { retry_after: 5, what: "no more calls".into() }, 503),
    ];
    for (error, status) in table {
        site.fake.set(|tables| tables.outcome = Some(Err(error.clone())));
        let answer = site.post("/api/v1/calls", ORDER);
        let detail = answer.problem(status);
        assert!(format!("{error:?}").contains(&detail), "{detail}");
        assert_eq!(answer.header("retry-after"), (status == 503).then_some("5"));
    }
}

#[test]
fn an_order_is_carried_out_and_named() {
    let site = Site::new();
    let call = strowger_core::vocab::CallId(0xabc);
    let done = Done::Originated { call, interaction: InteractionId(0xdef) };
    site.fake.set(|tables| tables.outcome = Some(Ok(done)));
    let answer = site.post("/api/v1/calls", r#"{"from":"101","to":"102","auto_answer":true}"#);
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = format!("{:032x}", 0xabc);
    assert_eq!(answer.header("location"), Some(format!("/api/v1/calls/{id}").as_str()));
    assert_eq!(answer.json()["call"], id);
    assert_eq!(answer.json()["interaction"], format!("{:032x}", 0xdef));
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::HungUp)));
    assert_eq!(site.delete(&format!("/api/v1/calls/{id}")).status, 202);
    let ordered: Vec<Command> = site.fake.ordered().into_iter().map(|(_, order)| order).collect();
    let begun = Command::Originate {
        from: "101".into(),
        to: "102".into(),
        auto_answer: true,
        terms: Default::default(),
    };
    assert_eq!(ordered, [begun, Command::HangUp { call }]);
}

#[test]
fn a_recording_is_ordered_and_refused() {
    let site = Site::new();
    let path = format!("/api/v1/calls/{:032x}/recording", 9);
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Ordered)));
    let actions = [
        ("start", RecordingAction::Start),
        ("pause", RecordingAction::Pause),
        ("resume", RecordingAction::Resume),
        ("stop", RecordingAction::Stop),
    ];
    for (name, action) in actions {
        assert_eq!(site.post(&path, &format!("{{\"action\":\"{name}\"}}")).status, 204, "{name}");
        let order = RecordingOrder { call: CallId(9), action };
        assert_eq!(site.fake.ordered().pop().unwrap().1, Command::Record(order));
    }
    assert!(site.post(&path, r#"{"action":"rewind"}"#).problem(400).contains("rewind"));
    let why = CommandError::Conflict("the call is not being recorded".into());
    site.fake.set(|tables| tables.outcome = Some(Err(why)));
    assert!(site.post(&path, r#"{"action":"stop"}"#).problem(409).contains("not being recorded"));
}

#[test]
fn a_wrong_file_is_answered_line_by_line() {
    let site = Site::new();
    let problems = vec![(3, "unknown key `a`".to_owned()), (0, "no tenant".to_owned())];
    let wrong = ReloadRefused::Wrong { file: "x.toml".into(), problems };
    site.fake.set(|tables| {
        tables.reload = Some(wrong.clone());
        tables.alone = true;
    });
    let answer = site.post("/api/v1/reload", "{}");
    assert!(answer.problem(422).contains("2 error(s); nothing was changed"));
    let expected = serde_json::json!([
        {"file": "x.toml", "line": 3, "detail": "unknown key `a`"},
        {"file": "x.toml", "detail": "no tenant"},
    ]);
    assert_eq!(answer.json()["errors"], expected);
    // What the file says of others is none of a tenant's business.
    site.fake.set(|tables| {
        tables.reload = Some(wrong);
        tables.alone = false;
    });
    let answer = site.post("/api/v1/reload", "{}");
    assert!(answer.problem(422).contains("2 error(s)"));
    assert!(!answer.text().contains("unknown key `a`") && !answer.text().contains("x.toml"));
    assert!(log().contains("unknown key `a`"));
    site.fake.set(|tables| tables.reload = Some(ReloadRefused::Fixed(vec!["sip.listen"])));
    assert!(site.post("/api/v1/reload", "").problem(409).contains("sip.listen"));
    site.fake.set(|tables| tables.reload = Some(ReloadRefused::Failed("/secret/path".into())));
    assert!(!site.post("/api/v1/reload", "").problem(500).contains("secret"));
}
