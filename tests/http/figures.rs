//! Figures: live spans, and quarters of an hour as JSON and CSV.

use serde_json::json;
use strowger_core::vocab::acd::{FigureRecord, FigureSubject};

use crate::desk::{agent_figures, agent_key, queue_figures, queue_key};
use crate::fake::AS_OF;
use crate::site::Site;

const QUARTER: u64 = 900_000;

fn with_intervals() -> Site {
    let site = Site::new();
    let queue = |n: u64| FigureRecord {
        subject: FigureSubject::Queue(queue_key("t")),
        from: n * QUARTER,
        queue: Some(queue_figures()),
        agent: None,
    };
    let agent = FigureRecord {
        subject: FigureSubject::Agent(agent_key("t")),
        from: QUARTER,
        queue: None,
        agent: Some(agent_figures()),
    };
    site.fake.set(|tables| {
        tables.figures = (1..=5).map(queue).collect();
        tables.figures.push(agent);
    });
    site
}

#[test]
fn spans_have_sums_and_rates() {
    let site = Site::new();
    let found = site.get("/api/v1/queues/9001/figures").json();
    assert_eq!(found["as_of"], AS_OF);
    let spans = found["spans"].as_array().unwrap();
    assert_eq!((&spans[0]["secs"], &spans[1]["secs"]), (&json!(null), &json!(300)));
    for (key, expected) in [
        ("entered", json!(12)),
        ("answered", json!(8)),
        ("service_level", json!(66.6)),
        ("mean_wait_ms", json!(10_000)),
        ("mean_wait_abandoned_ms", json!(0)),
        ("mean_handling_ms", json!(60_000)),
        ("longest_wait_ms", json!(61_500)),
    ] {
        assert_eq!(spans[0][key], expected, "{key}");
    }
    let overflowed =
        json!({"timeout": 2, "no_agent": 0, "full": 0, "exit_key": 0, "queue_removed": 0});
    assert_eq!(spans[0]["overflowed"], overflowed);
    let agent = site.get("/api/v1/agents/101/figures").json()["spans"][0].clone();
    assert_eq!((&agent["answered"], &agent["occupancy"]), (&json!(4), &json!(50.0)));
    site.get("/api/v1/queues/9002/figures").problem(404);
    site.get("/api/v1/agents/7/figures").problem(404);
}

#[test]
fn intervals_are_paged_and_filtered() {
    let site = with_intervals();
    let path = format!("/api/v1/queues/9001/intervals?from={}&until={}", QUARTER, 5 * QUARTER);
    let mut begins = Vec::new();
    let mut after = String::new();
    loop {
        let page = site.get(&format!("{path}&limit=3{after}")).json();
        for item in page["items"].as_array().unwrap() {
            let from = item["from"].as_u64().unwrap();
            assert_eq!(item["until"], from + QUARTER);
            assert_eq!(item["answered"], 8);
            begins.push(from / QUARTER);
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(begins, [1, 2, 3, 4]);
    let page = site.get("/api/v1/agents/101/intervals?from=0&until=900001").json();
    assert_eq!(page["items"][0]["occupancy"], 50.0);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}

#[test]
fn without_bounds_the_last_day_is_shown() {
    let site = with_intervals();
    assert_eq!(site.get("/api/v1/queues/9001/intervals").json()["items"], json!([]));
    let asked = site.fake.tables.lock().unwrap().intervals.pop().unwrap();
    assert_eq!(asked.until - asked.from, 86_400_000);
    assert_eq!(asked.limit, 200);
}

#[test]
fn csv_is_for_spreadsheets_and_links_to_its_next_page() {
    let site = with_intervals();
    let path = "/api/v1/queues/9001/intervals";
    let answer = site.get(&format!("{path}?format=csv&from=0&until=4500000&limit=2"));
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let link = format!("<{path}?format=csv&from=2700000&until=4500000&limit=2>; rel=\"next\"");
    assert_eq!(answer.header("link"), Some(link.as_str()));
    let text = answer.text();
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert!(lines[0].starts_with("begins,from,until,entered,offered,answered,"), "{}", lines[0]);
    assert_eq!(
        lines[1],
        "1970-01-01T00:15:00Z,900000,1800000,12,15,8,6,2,1,2,0,0,0,0,0,0,0,66.6,10000,0,61500,400000,80000,60000"
    );
    assert_eq!(lines.len(), 3);
    let next = link.split(['<', '>']).nth(1).unwrap();
    let answer = site.get(next);
    assert_eq!(answer.header("link"), None);
    assert_eq!(answer.text().lines().count(), 3, "two rows are left below 4500000");
    let agent = site.get("/api/v1/agents/101/intervals?format=csv&from=0&until=1000000").text();
    assert_eq!(
        agent.lines().nth(1),
        Some("1970-01-01T00:15:00Z,900000,1800000,5,4,1,0,0,0,400000,50000,1000000,100000,50")
    );
}

#[test]
fn wrong_questions_are_told_what_would_be_right() {
    let site = with_intervals();
    for (query, says) in [
        ("limit=201", "1 to 200"),
        ("format=csv&limit=3001", "1 to 3000"),
        ("limit=0", "1 to 200"),
        ("format=xml", "`json` or `csv`"),
        ("after=x", "`next`"),
        ("from=yesterday", "invalid digit"),
        ("offset=1", "`from`, `until`, `after`, `limit`, `format`"),
    ] {
        for path in ["/api/v1/queues/9001/intervals", "/api/v1/agents/101/intervals"] {
            let detail = site.get(&format!("{path}?{query}")).problem(400);
            assert!(detail.contains(says), "{query}: {detail}");
        }
    }
}
