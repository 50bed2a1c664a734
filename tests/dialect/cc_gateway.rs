//! The CC-Gateway interface: its transcripts, and what a request may be that nobody meant.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::desk::{Agents, Desk, HOTLINE};
use super::golden::wire::Client;
use super::golden::{Dialect, Scene};
use super::support::SOON;
use super::support::http::Http;
use super::support::switch::TOKEN;
use super::support::wait::wait_until;

pub const DIALECT: Dialect = Dialect {
    folder: "cc_gateway",
    title: "CC-Gateway pickup",
    paths: "/agentgateway/resource",
    scene,
};

fn scene(name: &str) -> Scene {
    match name {
        "nothing" => acts(Desk::open(Agents::Ring)),
        "ringing" => acts(offered()),
        "internal" => {
            let mut desk = Desk::open(Agents::FirstRings);
            desk.ring("1002");
            acts(desk)
        }
        other => panic!("no scene {other}"),
    }
}

/// The customer has called the hotline, and rings at agent 101; agent 102 is idle.
pub fn offered() -> Desk {
    let mut desk = Desk::with_outside(Agents::FirstRings, "queue:9001");
    let mut outside = desk.outside.take().expect("a carrier");
    outside.call(&desk.switch, HOTLINE);
    outside.wait_connected();
    desk.outside = Some(outside);
    wait_until("agent 101 is offered the customer", SOON, || {
        desk.switch.http().get("/api/v1/agents/101").json()["activity"] == "offered"
    });
    desk.first.waiting().wait_log("invite");
    desk
}

fn acts(desk: Desk) -> Scene {
    let http = Arc::new(Http::new(desk.switch.http().address(), TOKEN));
    let activity = |agent: &'static str, wanted: &'static str, http: &Arc<Http>| {
        let http = Arc::clone(http);
        move || http.get(&format!("/api/v1/agents/{agent}")).json()["activity"] == wanted
    };
    let talks = activity("102", "talking", &http);
    let (on_break, hangs, out) = (Arc::clone(&http), Arc::clone(&http), Arc::clone(&http));
    // The recording begins with the conversation.
    let recorded = Mutex::new(Arc::clone(&http));
    desk.scene()
        .action("talks", move |_| {
            wait_until("agent 102 talks", SOON, &talks);
            wait_until("it is recorded", SOON, || {
                let http = recorded.lock().unwrap();
                http.rows("/api/v1/calls").iter().any(|call| call["recorded"] == true)
            });
        })
        .action("hangup", move |_| {
            for call in hangs.rows("/api/v1/calls") {
                let id = call["call"].as_str().unwrap_or_default();
                hangs.delete(&format!("/api/v1/calls/{id}"));
            }
        })
        .action("break", move |_| {
            let intent = json!({"status": "on_break", "reason": "lunch"});
            assert_eq!(on_break.put("/api/v1/agents/102/intent", &intent).status, 204);
        })
        .action("out", move |_| {
            let intent = out.get("/api/v1/agents/101").json()["intent"].clone();
            assert_eq!(intent, json!({"status": "logged_out"}));
        })
}

#[test]
fn cc_gateway_transcripts() {
    DIALECT.play();
}

#[test]
fn whatever_is_sent_gets_a_documented_answer() {
    let desk = Desk::open(Agents::Ring);
    let client = Client::new(desk.switch.http().address());
    let huge = vec![b'x'; 100_000];
    let deep = "[".repeat(50_000);
    let bodies: [&[u8]; 10] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{\"password\": [], \"phonenum\": {}}",
        b"{\"password\": null}",
        b"{\"password\": \"\\u0000\", \"phonenum\": 7}",
        &[0xff, 0xfe, 0x00, 0x80],
        &huge,
        deep.as_bytes(),
    ];
    let paths = [
        "onlineagent/101",
        "onlineagent/%ff",
        "onlineagent/101/forcelogin",
        "onlineagent/101/logout",
        "agentevent/101",
        "agentevent/%00",
        "voicecall/101/snatchpickup?destWorkNo=102",
        "voicecall/101/snatchpickup?destWorkNo=%ff",
        "voicecall/101/snatchpickup?destWorkNo=99999999999999999999999",
        "elsewhere",
    ];
    let codes =
        ["000-002", "000-003", "100-001", "100-002", "100-004", "100-006", "100-007", "100-008"];
    for path in paths {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            for guid in ["", "wrong", "\u{e4}"] {
                for body in bodies {
                    let headers = [("Guid", guid), ("Content-Type", "application/json")];
                    let path = format!("/agentgateway/resource/{path}");
                    let answer = client.raw(method, &path, &headers, body);
                    let shown = format!("{method} {path}: {}", answer.shown());
                    assert!([200, 404, 405, 413].contains(&answer.status), "{shown}");
                    let code = answer.json()["retcode"].as_str().unwrap_or("").to_owned();
                    assert!(codes.contains(&code.as_str()), "{shown}");
                }
            }
        }
    }
}

#[test]
fn those_who_guess_passwords_are_slowed_down() {
    let desk = Desk::open(Agents::Ring);
    let client = Client::new(desk.switch.http().address());
    let body = json!({"password": "0000", "phonenum": "1002"}).to_string();
    let sign_in =
        || client.raw("PUT", "/agentgateway/resource/onlineagent/101", &[], body.as_bytes());
    for _ in 0..10 {
        let answer = sign_in();
        assert_eq!((answer.status, answer.json()["retcode"].clone()), (200, json!("100-004")));
    }
    let answer = sign_in();
    assert_eq!(answer.status, 429, "{}", answer.shown());
    assert!(answer.header("retry-after").is_some());
}
