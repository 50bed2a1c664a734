//! What docs/metrics.md says and what is scraped are the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::site::Site;

/// Name and kind of each metric in the document's tables.
fn documented() -> BTreeMap<String, String> {
    let text = include_str!("../../docs/metrics.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(name, rest)| {
        let kind = rest.split('|').next().unwrap().trim();
        (name.to_owned(), kind.to_owned())
    })
    .collect()
}

/// Name and kind of each metric in a scrape, with the names that its lines have.
fn scraped(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .map(|(name, kind)| match kind {
            "counter" => (format!("{name}_total"), kind.to_owned()),
            _ => (name.to_owned(), kind.to_owned()),
        })
        .collect()
}

#[test]
fn the_document_names_every_metric_and_no_other() {
    let site = Site::new();
    let answer = site.get("/metrics");
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"));
    let documented = documented();
    assert!(documented.len() > 40, "{}", documented.len());
    assert_eq!(documented, scraped(&text));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let names: BTreeSet<&str> = lines.map(|line| line.split(['{', ' ']).next().unwrap()).collect();
    let expected: BTreeSet<&str> = documented.keys().map(String::as_str).collect();
    assert_eq!(names, expected, "every metric has a line");
}

#[test]
fn figures_are_the_switchs_and_trunks_are_the_tenants_own() {
    let text = Site::new().get("/metrics").text();
    for line in [
        "strowger_calls 7",
        "strowger_calls_started_total 42",
        "strowger_calls_ended_total{cause=\"normal\"} 1",
        "strowger_sip_received_total{kind=\"INVITE\"} 1",
        "strowger_subscriptions{package=\"dialog\"} 1",
        "strowger_trunk_up{tenant=\"t\",trunk=\"carrier\"} 1",
        "strowger_queue_waiting{tenant=\"t\",queue=\"9001\"} 3",
        "strowger_queue_longest_wait_seconds{tenant=\"t\",queue=\"9001\"} 61.5",
        "strowger_queue_answered_total{tenant=\"t\",queue=\"9001\"} 8",
        "strowger_queue_overflowed_total{tenant=\"t\",queue=\"9001\",reason=\"timeout\"} 2",
        "strowger_queue_overflowed_total{tenant=\"t\",queue=\"9001\",reason=\"full\"} 0",
        "strowger_agents{tenant=\"t\",state=\"talking\"} 2",
        "strowger_dial_calls{tenant=\"t\"} 4",
        "strowger_dial_numbers_total{tenant=\"t\",outcome=\"busy\"} 5",
        "strowger_ready 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("tenant=\"u\""), "{text}");
}
