//! What docs/metrics.md promises is there after a call.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::support::SOON;
use super::support::phone::{Account, Kind, Transport, register};
use super::support::raw::RawUa;
use super::support::switch::{Setup, Switch};
use super::support::wait::wait_until;

const OWN: &str = "057126200670";
const CARRIER: &str = "[[trunk]]\ntenant = \"demo\"\nname = \"carrier\"\nhost = \"127.0.0.2:9\"\n\
     [[number]]\ntenant = \"demo\"\ntrunk = \"carrier\"\nnumber = \"057126200670\"\nto = \"extension:1001\"\n";

const QUEUE: &str = "[[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\n\
     [[agent]]\ntenant = \"demo\"\nid = \"101\"\nextension = \"1001\"\nqueues = [{ queue = \"9001\" }]\n";

/// Name and kind of each metric in the document's tables.
fn documented() -> BTreeMap<String, String> {
    let text = include_str!("../../docs/metrics.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(name, rest)| (name.to_owned(), rest.split('|').next().unwrap().trim().to_owned()))
        .collect()
}

/// Name and kind of each metric in a scrape, with the names that its lines have.
fn scraped(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .map(|(name, kind)| {
            let suffix = if kind == "counter" { "_total" } else { "" };
            (format!("{name}{suffix}"), kind.to_owned())
        })
        .collect()
}

fn metrics(switch: &Switch) -> String {
    let answer = switch.http().get("/metrics");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// A number that must be there.
fn value(text: &str, metric: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {metric} in {text}")).parse().unwrap()
}

/// A wrong password until the address is silenced, and one message more.
fn be_silenced(switch: &Switch) {
    let mut account = Account::of(switch, "1001", Transport::Udp);
    account.password = "not the password".to_owned();
    let mut thief = RawUa::open(switch.place(), &account);
    for _ in 0..10 {
        thief.register();
    }
    let uri = "sip:pbx.example";
    let request = thief.request("REGISTER", uri, "after", 1, "Expires: 300\r\n", "");
    thief.send(&request);
}

/// A dial task for one number, which nobody may dial.
fn dial_nobody(switch: &Switch) {
    let http = switch.http();
    let blocked = "057188881111";
    let task = "/api/v1/dial-tasks/spring";
    for (answer, what) in [
        (http.put("/api/v1/menus/offer", &json!({"keys": {"1": "extension:1001"}})), "the menu"),
        (http.post("/api/v1/do-not-call", &json!({"numbers": [blocked]})), "the list"),
        (
            http.put(task, &json!({"mode": "broadcast", "menu": "offer", "caller_number": OWN})),
            "the task",
        ),
        (
            http.post(&format!("{task}/numbers"), &json!({"numbers": [{"number": blocked}]})),
            "the number",
        ),
        (http.post(&format!("{task}/start"), &json!({})), "the start"),
    ] {
        assert!(answer.status < 300, "{what}: {}", answer.text());
    }
    wait_until("the number is passed over", SOON, || {
        metrics(switch).contains("strowger_dial_numbers_total{")
    });
}

#[test]
fn every_documented_metric_is_there_after_a_call() {
    let setup = Setup::default().extension("1001", "").extension("1002", "record = \"always\"\n");
    let switch = setup.with(CARRIER).with(QUEUE).start();
    let account = |number| Account::of(&switch, number, Transport::Udp);
    let mut callee = register(switch.place(), Kind::Sipp, &account("1002"), 1_000.0);
    let mut caller = register(switch.place(), Kind::Sipp, &account("1001"), 600.0);
    caller.dial("1002");
    callee.answer();
    caller.wait_connected();
    callee.wait_connected();
    wait_until("they talk", SOON, || caller.heard().seconds_of(0, 1_000.0) > 0.5);
    let during = metrics(&switch);
    assert_eq!(value(&during, "strowger_calls"), 1.0);
    assert_eq!(value(&during, "strowger_recordings"), 1.0);
    assert_eq!(value(&during, "strowger_registrations"), 2.0);
    switch.hang_up_all();
    caller.wait_ended();
    callee.wait_ended();
    switch.wait_records(1);
    dial_nobody(&switch);
    be_silenced(&switch);
    wait_until("a message is dropped", SOON, || {
        metrics(&switch).contains("strowger_sip_dropped_total{reason=\"silenced\"}")
    });

    let after = metrics(&switch);
    let documented = documented();
    assert_eq!(scraped(&after), documented);
    let lines = after.lines().filter(|line| !line.starts_with('#'));
    let names: BTreeSet<&str> = lines.map(|line| line.split(['{', ' ']).next().unwrap()).collect();
    assert_eq!(names, documented.keys().map(String::as_str).collect(), "every metric has a line");
    let ended = "strowger_calls_ended_total{cause=\"administrative\"}";
    assert_eq!((value(&after, ended), value(&after, "strowger_calls")), (1.0, 0.0));
    for counted in [
        "strowger_calls_started_total",
        "strowger_calls_answered_total",
        "strowger_store_records_total",
        "strowger_events_total",
        "strowger_auth_failures_total",
        "process_cpu_seconds_total",
    ] {
        assert!(value(&after, counted) > 0.0, "{counted}\n{after}");
    }
    let relayed: f64 = after
        .lines()
        .filter_map(|line| line.strip_prefix("strowger_media_sent_total{")?.rsplit(' ').next())
        .map(|count| count.parse::<f64>().unwrap())
        .sum();
    assert!(relayed > 10.0, "{after}");
}
