//! What the lists and single things look like.

use serde_json::json;
use strowger::api::gateway::Readiness;
use strowger_core::vocab::Query;
use strowger_core::vocab::record::EndCause;

use crate::fake::{AS_OF, record, recording};
use crate::site::Site;

#[test]
fn readiness_says_what_is_missing() {
    let site = Site::new();
    let table = [
        (Readiness::Ready, 200, "ready\n"),
        (Readiness::Starting, 503, "starting\n"),
        (Readiness::Draining, 503, "draining\n"),
        (Readiness::StoreStalled, 503, "store stalled\n"),
    ];
    for (readiness, status, text) in table {
        site.fake.set(|tables| tables.readiness = Some(readiness));
        let answer = site.send("GET", "/readyz", &[], "");
        assert_eq!((answer.status, answer.text().as_str()), (status, text));
        assert_eq!(site.send("GET", "/healthz", &[], "").status, 200, "it lives all the same");
    }
}

#[test]
fn live_lists_say_how_many_and_when() {
    let site = Site::new();
    let answer = site.get("/api/v1/registrations?offset=2&limit=7").json();
    assert_eq!(answer, json!({"items": [], "total": 3, "as_of": AS_OF}));
    let (_, query) = site.fake.asked().pop().unwrap();
    assert_eq!(query, Query::Registrations { offset: 2, limit: 7 });
}

#[test]
fn a_live_call_is_its_record_and_its_stage() {
    let site = Site::new();
    let call = &site.get("/api/v1/calls").json()["items"][0];
    assert_eq!(call["call"], format!("{:032x}", 9));
    assert_eq!(call["caller"], json!({"kind": "extension", "number": "101", "name": "Phone 101"}));
    assert_eq!((&call["stage"], &call["held"]), (&json!("talking"), &json!(true)));
    assert_eq!(*call, site.get(&format!("/api/v1/calls/{:032x}", 9)).json());
    site.get(&format!("/api/v1/calls/{:032x}", 8)).problem(404);
}

#[test]
fn records_are_paged_by_cursor_and_filtered() {
    let site = Site::new();
    let mut records: Vec<_> = (1..=5).rev().map(|call| record(call, "t", "101")).collect();
    records[0].end.as_mut().unwrap().cause = EndCause::Normal;
    records.push(record(6, "other", "101"));
    site.fake.set(|tables| tables.records = records);
    let (mut path, mut seen) = ("/api/v1/records?limit=2".to_owned(), Vec::new());
    loop {
        let page = site.get(&path).json();
        assert!(page["as_of"].as_u64().unwrap() > AS_OF);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|item| item["started_at"].as_u64().unwrap() / 1_000));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/records?limit=2&after={next}");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let count = |path: &str| site.get(path).json()["items"].as_array().unwrap().len();
    assert_eq!(count("/api/v1/records?cause=no_answer"), 4);
    assert_eq!(count(&format!("/api/v1/records?interaction={:032x}", 3)), 1);
    site.get("/api/v1/records?interaction=3").problem(400);
    site.get("/api/v1/recordings?interaction=three").problem(400);
    assert_eq!(count("/api/v1/records?from=2000&until=4000"), 2);
    assert_eq!(count("/api/v1/records?extension=103"), 0);
    assert_eq!(count("/api/v1/records?extension=102&cause=normal"), 1);
}

#[test]
fn one_record_is_found_by_its_call_within_the_tenant() {
    let site = Site::new();
    site.fake.set(|tables| tables.records = vec![record(3, "t", "101"), record(4, "u", "101")]);
    let found = site.get(&format!("/api/v1/records/{:032x}", 3)).json();
    assert_eq!((&found["cause"], &found["ended_by"]), (&json!("no_answer"), &json!("switch")));
    assert_eq!((&found["sip_status"], &found["q850"]), (&json!(480), &json!(19)));
    assert_eq!((&found["recorded"], &found["quality"]), (&json!(false), &json!([])));
    site.get(&format!("/api/v1/records/{:032x}", 4)).problem(404);
}

#[test]
fn recordings_say_where_their_audio_is_and_no_path() {
    let site = Site::new();
    site.fake.set(|tables| tables.recordings = vec![recording(3, "t", "secret/place.wav")]);
    let answer = site.get("/api/v1/recordings");
    assert!(!answer.text().contains("place"));
    let audio = format!("/api/v1/recordings/{:032x}/audio", 3);
    assert_eq!(answer.json()["items"][0]["audio"], audio);
    let path = format!("/api/v1/recordings?call={:032x}", 4);
    assert_eq!(site.get(&path).json()["items"], json!([]));
}
