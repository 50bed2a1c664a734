//! The page at `/`.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::site::Site;

/// What stands between two marks.
fn between<'a>(text: &'a str, open: &str, close: &str) -> &'a str {
    let (_, rest) = text.split_once(open).unwrap_or_else(|| panic!("no {open}"));
    rest.split_once(close).unwrap_or_else(|| panic!("no {close}")).0
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |value: u32| char::from(DIGITS[(value & 63) as usize]);
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let value = three.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..4 {
            text.push(if place <= three.len() { digit(value >> (18 - 6 * place)) } else { '=' });
        }
    }
    text
}

#[test]
fn the_page_needs_no_key_and_lets_run_only_what_stands_in_it() {
    let site = Site::new();
    let answer = site.send("GET", "/", &[], "");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let policy = answer.header("content-security-policy").unwrap();
    let page = answer.text();
    for (part, open, close) in
        [("script-src", "<script>", "</script>"), ("style-src", "<style>", "</style>")]
    {
        let hash = base64(&Sha256::digest(between(&page, open, close)));
        let rule = format!("{part} 'sha256-{hash}';");
        assert!(policy.contains(&rule), "{rule} in {policy}");
    }
    for rule in
        ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "form-action 'none'"]
    {
        assert!(policy.contains(rule), "{rule} in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for foreign in
        ["http://", "https://", "//cdn", "src=", "style=", "onclick", "innerHTML", "eval("]
    {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.len() < 32 * 1024, "{}", page.len());
    assert_eq!(site.send("HEAD", "/", &[], "").status, 200);
    site.send("POST", "/", &[], "").problem(405);
}

#[test]
fn what_the_page_asks_for_is_there_with_what_it_shows() {
    let site = Site::new();
    let page = site.send("GET", "/", &[], "").text();
    let script = between(&page, "<script>", "</script>");
    let paths: BTreeSet<&str> =
        script.split('"').filter(|text| text.starts_with("/api/")).collect();
    assert_eq!(paths.len(), 5, "{paths:?}");
    for path in paths.into_iter().filter(|path| !path.contains("events")) {
        let answer = site.get(path).json();
        assert!(answer["total"].is_u64() && answer["as_of"].is_u64(), "{path}: {answer}");
        let item = &answer["items"][0];
        let shown: &[&str] = match path.split('?').next().unwrap().rsplit('/').next().unwrap() {
            "queues" => {
                &["number", "waiting", "longest_wait_ms", "answered", "agents_ready", "settings"]
            }
            "agents" => {
                &["id", "intent", "activity", "activity_since", "place", "reachable", "settings"]
            }
            "calls" => {
                &["caller", "callee", "dialled", "stage", "held", "started_at", "answered_at"]
            }
            "trunks" => &["name", "up", "calls", "reason"],
            other => panic!("{other}"),
        };
        for field in shown {
            assert!(item.get(field).is_some(), "{path}: no {field} in {item}");
            assert!(script.contains(&format!("one.{field}")), "{field} is shown");
        }
    }
}
