//! What conversations were about, and with whose rights a callback is begun.

use serde_json::json;
use strowger::api::keep::KeepError;
use strowger_core::vocab::acd::AgentOrder;
use strowger_core::vocab::record::QueueVisit;
use strowger_core::vocab::{CallId, Command, CommandError, Done, InteractionId};

use crate::desk;
use crate::fake::{extension, record};
use crate::site::{ADMIN, Site, wait_until};

const LIVE: &str = "/api/v1/calls/00000000000000000000000000000009/disposition";
const FINISHED: &str = "/api/v1/calls/00000000000000000000000000000005/disposition";

/// Between extension 101 and the phone of agent 101, which is extension 4567.
fn site() -> Site {
    let site = Site::new();
    let mut finished = record(5, "t", "101");
    finished.callee = extension("t", "4567");
    finished.queued = vec![QueueVisit {
        queue: desk::queue_key("t"),
        joined_at: 1,
        left_at: Some(2),
        outcome: Some("answered".into()),
        agent: Some(desk::agent_key("t")),
        rating: None,
    }];
    let (call, interaction) = (CallId(7), InteractionId(7));
    site.fake.set(|tables| {
        tables.records = vec![finished];
        tables.outcome = Some(Ok(Done::Originated { call, interaction }));
    });
    site
}

fn dialled(site: &Site) -> Vec<(String, String)> {
    let begun = |command| match command {
        Command::Originate { from, to, .. } => Some((from, to)),
        _ => None,
    };
    site.fake.ordered().into_iter().filter_map(|(_, command)| begun(command)).collect()
}

fn agents_ordered(site: &Site) -> Vec<AgentOrder> {
    let order = |command| match command {
        Command::Agent { order, .. } => Some(order),
        _ => None,
    };
    site.fake.ordered().into_iter().filter_map(|(_, command)| order(command)).collect()
}

fn callbacks(site: &Site) -> Vec<serde_json::Value> {
    let documents = site.fake.kept.documents.lock().unwrap();
    let kept = documents.get(&("t".to_owned(), "callbacks".to_owned()));
    kept.map(|kept| kept.values().cloned().collect()).unwrap_or_default()
}

#[test]
fn a_users_callback_rings_its_own_phone_whoever_else_was_in_the_call() {
    let site = site();
    let body = json!({"disposition": "sold", "callback_at": 1, "phone": "0900123"}).to_string();
    assert_eq!(site.order("user-t", "PUT", LIVE, &body).status, 204);
    wait_until("the callback is begun", || !dialled(&site).is_empty());
    assert_eq!(dialled(&site), [("101".to_owned(), "0900123".to_owned())]);
    // The conversation was agent 101's, which this user is not.
    assert_eq!(site.order("user-t", "PUT", FINISHED, &body).status, 204);
    wait_until("the callback is begun", || dialled(&site).len() == 2);
    assert_eq!(dialled(&site)[1].0, "101", "and not the agent's phone");
    assert_eq!(agents_ordered(&site), [], "nor does the agent's wrap-up end");
    assert_eq!(site.get(FINISHED).json()["agent"], "101", "whose conversation it was is shown");
}

#[test]
fn an_agents_key_acts_for_its_own_agent_only() {
    let site = site();
    let key = |name: &str, body: &str| {
        let made = site.post("/api/v1/keys", body);
        assert_eq!(made.status, 201, "{name}: {}", made.text());
        made.json()["token"].as_str().unwrap().to_owned()
    };
    let own = key("own", r#"{"name": "own", "role": "agent", "agent": "101"}"#);
    let body = json!({"disposition": "sold", "callback_at": 1}).to_string();
    assert_eq!(site.order(&own, "PUT", FINISHED, &body).status, 204);
    let code = "sold".to_owned();
    let released = [AgentOrder::Disposition { call: CallId(5), code }, AgentOrder::EndWrapUp];
    assert_eq!(agents_ordered(&site), released);
    assert_eq!(callbacks(&site)[0]["agent"], "101");
    // Without a phone and without a conversation of its agent there is nothing that it may have ring.
    let body = json!({"disposition": "sold", "callback_at": 1, "phone": "0900123"}).to_string();
    let detail = site.order("agent101-t", "PUT", LIVE, &body).problem(422);
    assert!(detail.contains("no phone of ours"), "{detail}");
    assert_eq!(dialled(&site), []);
}

#[test]
fn a_supervisors_callback_rings_whoever_was_in_the_call() {
    let site = site();
    let body = json!({"disposition": "sold", "callback_at": 1, "phone": "0571"}).to_string();
    assert_eq!(site.order("supervisor-t", "PUT", LIVE, &body).status, 204);
    wait_until("the callback is begun", || !dialled(&site).is_empty());
    assert_eq!(dialled(&site), [("102".to_owned(), "0571".to_owned())]);
    let lines = site.fake.lines.lock().unwrap();
    let line = lines.iter().find(|line| line.what == "call.disposition").expect("a line");
    assert_eq!((line.target.as_str(), line.outcome.as_str()), (&LIVE[14..46], "done"));
}

#[test]
fn what_was_said_before_a_day_had_sixteen_parts_is_still_said() {
    let site = site();
    let call = FINISHED.split('/').nth(4).unwrap().to_owned();
    let word =
        json!({"disposition": "sold", "notes": "", "callback_at": null, "agent": null, "at": 1});
    let kept = [(call, word)].into();
    let day = ("t".to_owned(), "dispositions 0".to_owned());
    site.fake.kept.documents.lock().unwrap().insert(day, kept);
    assert_eq!(site.get(FINISHED).json()["disposition"], "sold");
    let body = json!({"disposition": "sold"}).to_string();
    site.order(ADMIN, "PUT", FINISHED, &body).problem(409);
    assert_eq!(site.get("/api/v1/records").json()["items"][0]["disposition"], "sold");
}

#[test]
fn an_agent_is_found_however_many_there_are() {
    let site = site();
    let mut own = record(6, "t", "101");
    own.callee = extension("t", "4567");
    site.fake.set(|tables| {
        tables.records.push(own);
        tables.crowd = 450;
    });
    let path = FINISHED.replace("5/", "6/");
    let body = json!({"disposition": "sold"}).to_string();
    assert_eq!(site.order(ADMIN, "PUT", &path, &body).status, 204);
    assert_eq!(site.get(&path).json()["agent"], "101");
}

#[test]
fn what_is_said_of_one_call_does_not_wait_for_another() {
    let site = site();
    site.fake.set(|tables| tables.records.push(record(6, "t", "101")));
    let body = json!({"disposition": "sold"}).to_string();
    let headers = [("Authorization", "Bearer admin-t"), ("Content-Type", "application/json")];
    let gate = site.fake.kept.gate.blocking_write();
    let mut both = [FINISHED.to_owned(), FINISHED.replace("5/", "6/")].map(|path| {
        let mut connection = site.connect();
        connection.request("PUT", &path, &headers, &body);
        connection
    });
    let written = || {
        let documents = site.fake.kept.documents.lock().unwrap();
        let said = documents.iter().filter(|((_, space), _)| space.starts_with("dispositions"));
        said.map(|(_, keys)| keys.len()).sum::<usize>()
    };
    wait_until("both are given to the store", || written() == 2);
    drop(gate);
    for connection in &mut both {
        assert_eq!(connection.answer("PUT").status, 204);
    }
}

#[test]
fn a_number_that_nobody_can_dial_is_refused_and_nothing_is_kept() {
    let site = site();
    for phone in [String::new(), "1\u{7}2".into(), "1".repeat(129)] {
        let body = json!({"disposition": "sold", "callback_at": 1, "phone": phone}).to_string();
        let detail = site.order(ADMIN, "PUT", LIVE, &body).problem(422);
        assert!(detail.starts_with("phone: 1 to 128"), "{detail}");
    }
    site.get(LIVE).problem(404);
    assert_eq!(callbacks(&site), [] as [serde_json::Value; 0]);
    let body = json!({"disposition": "lost"}).to_string();
    assert!(site.order(ADMIN, "PUT", LIVE, &body).problem(422).contains("lost"));
}

#[test]
fn a_callback_that_the_switch_will_never_begin_is_given_up_at_once() {
    for refusal in [CommandError::Forbidden("no".into()), CommandError::Invalid("no".into())] {
        let site = site();
        site.fake.set(|tables| tables.outcome = Some(Err(refusal)));
        let body = json!({"disposition": "sold", "callback_at": 1, "phone": "0571"}).to_string();
        assert_eq!(site.order(ADMIN, "PUT", LIVE, &body).status, 204);
        wait_until("it is asked for", || !dialled(&site).is_empty());
        wait_until("it is given up", || callbacks(&site).is_empty());
    }
}

#[test]
fn what_the_store_refuses_is_said_as_everywhere() {
    let site = site();
    let body = json!({"disposition": "sold"}).to_string();
    for (error, status) in [
        (KeepError::Full("dispositions".into()), 409),
        (KeepError::Busy, 503),
        (KeepError::Failed("/secret/path".into()), 500),
    ] {
        *site.fake.kept.refuses.lock().unwrap() = Some(error);
        let detail = site.order(ADMIN, "PUT", LIVE, &body).problem(status);
        assert!(!detail.contains("secret"), "{detail}");
    }
    *site.fake.kept.refuses.lock().unwrap() = None;
    assert_eq!(site.order(ADMIN, "PUT", LIVE, &body).status, 204);
    site.order(ADMIN, "PUT", LIVE, &body).problem(409);
}

#[test]
fn a_record_shows_what_was_said_of_it_and_is_found_by_it() {
    let site = site();
    site.fake.set(|tables| tables.records.push(record(6, "t", "101")));
    let body = json!({"disposition": "sold"}).to_string();
    assert_eq!(site.order(ADMIN, "PUT", FINISHED, &body).status, 204);
    let all = site.get("/api/v1/records").json();
    let said: Vec<_> =
        all["items"].as_array().unwrap().iter().map(|row| &row["disposition"]).collect();
    assert_eq!(said, [&json!("sold"), &json!(null)]);
    let found = site.get("/api/v1/records?disposition=sold").json();
    assert_eq!(found["items"], json!([all["items"][0]]));
    assert_eq!(site.get("/api/v1/records?disposition=lost").json()["items"], json!([]));
    let one = FINISHED.replace("/calls/", "/records/").replace("/disposition", "");
    assert_eq!(site.get(&one).json(), all["items"][0]);
}
