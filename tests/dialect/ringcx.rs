//! The RingCX interface to active calls: its transcripts, and what a request may be that nobody meant.

use serde_json::Value;

use super::desk::{Agents, Desk, SUPERVISOR};
use super::golden::{Dialect, Scene};
use super::support::SOON;
use super::support::http::Http;
use super::support::phone::Phone;
use super::support::switch::TOKEN;
use super::support::wait::wait_until;

pub const DIALECT: Dialect = Dialect {
    folder: "ringcx",
    title: "RingCX active calls",
    paths: "/api/v1/admin/accounts/{accountId}/activeCalls",
    scene,
};

const CALLS: &str = "/api/v1/admin/accounts/12440011/activeCalls";

fn scene(name: &str) -> Scene {
    match name {
        "nothing" => Desk::open(Agents::Ring).scene(),
        "carrier" => {
            let desk = Desk::with_outside(Agents::Answer, "extension:1001");
            let http = Http::new(desk.switch.http().address(), TOKEN);
            desk.scene().action("busy", move |_| {
                wait_until("the agent is in a call", SOON, || {
                    http.get("/api/v1/agents/101").json()["activity"] == "on_other_call"
                });
            })
        }
        "talking" => {
            let mut desk = Desk::open(Agents::Answer);
            desk.talk();
            ended(desk)
        }
        "queued" => {
            let mut desk = Desk::open(Agents::Answer);
            desk.caller.dial("9001");
            desk.caller.wait_connected();
            desk.first.wait_connected();
            wait_until("the caller talks", SOON, || {
                let calls = desk.switch.calls();
                calls
                    .iter()
                    .any(|call| call["stage"] == "talking" && !call["queued"][0]["agent"].is_null())
            });
            ended(desk)
        }
        other => panic!("no scene {other}"),
    }
}

/// With waits for what an action brought about.
fn ended(desk: Desk) -> Scene {
    let address = desk.switch.http().address();
    let calls = move || Http::new(address, TOKEN).rows("/api/v1/calls");
    let supervisors = move || {
        let joined = |call: &Value| {
            let all = call["supervisors"].as_array().cloned().unwrap_or_default();
            all.iter().filter(|own| own["joined"] == true).count()
        };
        calls().iter().map(joined).sum::<usize>()
    };
    desk.scene()
        .action("idle", move |_| wait_until("no call is left", SOON, || calls().is_empty()))
        .action("supervised", move |_| {
            wait_until("somebody supervises", SOON, || supervisors() == 1)
        })
        .action("alone", move |_| {
            wait_until("nobody supervises", SOON, || supervisors() == 0 && calls().len() == 1);
        })
}

#[test]
fn ringcx_transcripts() {
    DIALECT.play();
}

#[test]
fn whatever_is_sent_gets_a_documented_answer() {
    let desk = Desk::open(Agents::Ring);
    let client = super::golden::wire::Client::new(desk.switch.http().address());
    let key = format!("Bearer {SUPERVISOR}");
    let uii = "202611211702535960123456789012";
    let huge = vec![b'x'; 100_000];
    let deep = "[".repeat(50_000);
    let bodies: [&[u8]; 12] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b"\"text\"",
        b"{\"record\": []}",
        b"{\"destination\": {\"a\": 1}, \"sessionType\": 7}",
        b"{\"username\": null, \"ringDuration\": \"soon\", \"phone\": true}",
        &[0xff, 0xfe, 0x00, 0x80],
        &huge,
        deep.as_bytes(),
    ];
    let paths = [
        "list".to_owned(),
        "list?product=%ff&productId=%00".into(),
        "createManualAgentCall".into(),
        format!("{uii}/addSessionToCall"),
        format!("{uii}/hangupCall"),
        format!("{uii}/hangupSession"),
        format!("{uii}/toggleCallRecording"),
        format!("{uii}/dispositionCall"),
        "%ff%fe/hangupCall".into(),
        "x/toggleCallRecording?record=%ff".into(),
    ];
    for path in &paths {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            for body in bodies {
                let headers =
                    [("Authorization", key.as_str()), ("Content-Type", "application/json")];
                let answer = client.raw(method, &format!("{CALLS}/{path}"), &headers, body);
                let shown = format!("{method} {path}: {}", answer.shown());
                assert!([200, 400, 404, 405, 413].contains(&answer.status), "{shown}");
                if answer.status != 200 {
                    assert!(answer.json()["errorCode"].is_string(), "{shown}");
                }
            }
        }
    }
    for wrong in ["", "Bearer", "Basic eDp5", "Bearer x y"] {
        let answer = client.raw(
            "POST",
            &format!("{CALLS}/{uii}/hangupCall"),
            &[("Authorization", wrong)],
            b"",
        );
        assert_eq!(answer.status, 401, "{}", answer.shown());
    }
}
