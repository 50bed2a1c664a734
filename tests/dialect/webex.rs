//! The Webex call controls: their transcripts, and what a request may be that nobody meant.

use super::desk::{Agents, Desk, user_key};
use super::golden::wire::Client;
use super::golden::{Dialect, Scene};
use super::support::SOON;
use super::support::http::Http;
use super::support::switch::TOKEN;
use super::support::wait::wait_until;

pub const DIALECT: Dialect =
    Dialect { folder: "webex", title: "Webex pickup", paths: "/v1/telephony", scene };

fn scene(name: &str) -> Scene {
    match name {
        "nothing" => Desk::open(Agents::Ring).scene(),
        "ringing" => waits(ringing(Agents::FirstRings)),
        "ringing_both" => waits(ringing(Agents::Ring)),
        other => panic!("no scene {other}"),
    }
}

/// 1001 has called 1002, whose phone rings.
pub fn ringing(agents: Agents) -> Desk {
    let mut desk = Desk::open(agents);
    desk.ring("1002");
    desk
}

fn waits(desk: Desk) -> Scene {
    let address = desk.switch.http().address();
    let calls = move || Http::new(address, TOKEN).rows("/api/v1/calls");
    let talks = move |held: bool| {
        let calls = calls();
        calls.len() == 1 && calls[0]["stage"] == "talking" && calls[0]["held"] == held
    };
    desk.scene()
        .action("picked", move |_| wait_until("the picker talks", SOON, || talks(false)))
        .action("held", move |_| wait_until("the call is held", SOON, || talks(true)))
        .action("resumed", move |_| wait_until("the call is resumed", SOON, || talks(false)))
        .action("idle", move |_| wait_until("no call is left", SOON, || calls().is_empty()))
}

#[test]
fn webex_transcripts() {
    DIALECT.play();
}

#[test]
fn whatever_is_sent_gets_a_documented_answer() {
    let desk = Desk::open(Agents::Ring);
    let client = Client::new(desk.switch.http().address());
    let key = format!("Bearer {}", user_key("1003"));
    let huge = vec![b'x'; 100_000];
    let deep = "[".repeat(50_000);
    let long = format!("{{\"target\": \"{}\"}}", "9".repeat(10_000));
    let bodies: [&[u8]; 12] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{\"target\": []}",
        b"{\"target\": \"\\u0000\"}",
        b"{\"target\": \"sip:@@@\", \"endpointId\": 7}",
        b"{\"callId\": \"00000000000000000000000000000000\"}",
        &[0xff, 0xfe, 0x00, 0x80],
        &huge,
        deep.as_bytes(),
        long.as_bytes(),
    ];
    let paths = [
        "calls",
        "calls/pickup",
        "calls/hold",
        "calls/resume",
        "calls/hangup",
        "calls/%ff",
        "config/people/me/preferredAnswerEndpoint",
        "config/people/%ff/preferredAnswerEndpoint",
        "elsewhere",
    ];
    for path in paths {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            for body in bodies {
                let headers =
                    [("Authorization", key.as_str()), ("Content-Type", "application/json")];
                let answer = client.raw(method, &format!("/v1/telephony/{path}"), &headers, body);
                let shown = format!("{method} {path}: {}", answer.shown());
                assert!([200, 204, 400, 404, 405, 409, 413].contains(&answer.status), "{shown}");
                if answer.status >= 400 {
                    let id = answer.json()["trackingId"].as_str().unwrap_or("").to_owned();
                    assert!(id.starts_with("ROUTER_"), "{shown}");
                    assert!(!answer.json()["errors"][0]["description"].is_null(), "{shown}");
                }
            }
        }
    }
}
