//! Keys made over HTTP and the log of orders, on the real switch, over a kill.

use super::support::SOON;
use super::support::http::Http;
use super::support::switch::Setup;
use super::support::wait::wait_until;
use serde_json::json;

#[test]
fn keys_made_over_http_and_what_they_ordered_survive_a_kill() {
    let mut switch = Setup::default().extension("1001", "").start();
    let made = switch.http().post("/api/v1/keys", &json!({ "name": "crm", "role": "admin" }));
    assert_eq!(made.status, 201, "{}", made.text());
    let first = made.json()["token"].as_str().unwrap().to_owned();
    let crm = switch.http().with_token(&first);
    let body = json!({ "name": "Eve", "password": "not to be told" });
    assert_eq!(crm.put("/api/v1/extensions/1005", &body).status, 201);
    assert_eq!(crm.put("/api/v1/extensions/1001", &body).status, 409);
    let rotated = crm.post("/api/v1/keys/crm/rotate", &json!({}));
    let second = rotated.json()["token"].as_str().unwrap().to_owned();
    let lines = |http: &Http| http.rows("/api/v1/audit");
    // Lines are written behind the answers.
    wait_until("all lines are in the log", SOON, || lines(switch.http()).len() == 4);
    switch.kill();
    switch.restart();
    for token in [&first, &second] {
        let http = switch.http().with_token(token);
        let lines = lines(&http);
        let shown: Vec<String> = lines
            .iter()
            .rev()
            .map(|line| {
                format!("{} {} {}", line["key"], line["what"], line["target"]).replace('"', "")
            })
            .collect();
        assert_eq!(shown[0].split(' ').skip(1).collect::<Vec<_>>(), ["key.make", "crm"]);
        assert_eq!(
            shown[1..],
            ["crm entry.put.extension 1005", "crm entry.put.extension 1001", "crm key.rotate crm"]
        );
        assert!(lines[1]["outcome"].as_str().unwrap().starts_with("conflict: "), "{}", lines[1]);
        assert!(!json!(lines).to_string().contains("not to be told"));
    }
    assert_eq!(switch.http().delete("/api/v1/keys/crm").status, 204);
    for token in [first, second] {
        assert_eq!(switch.http().with_token(&token).get("/api/v1/calls").status, 401);
    }
}
