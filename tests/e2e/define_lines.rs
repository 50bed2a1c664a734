//! A carrier that is made over HTTP: a trunk, a number and a route, with calls both ways, over kill -9, until they go.

use super::pairs::assert_hears;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::rtp::RtpPeer;
use super::support::sipp::{Scenario, SippPhone};
use super::support::switch::{Setup, Switch};
use super::trunk::Carrier;
use serde_json::{Value, json};
use std::sync::Arc;

const NUMBER: &str = "057126200670";
const OUTSIDE: &str = "057187654321";
const SECRET: &str = "carrier-secret";

fn put(switch: &Switch, path: &str, body: &Value) {
    let answer = switch.http().put(&format!("/api/v1/{path}"), body);
    assert_eq!(answer.status, 201, "{path}: {}", answer.text());
    assert!(!answer.text().contains(SECRET), "{}", answer.text());
}

/// Alice calls out.
fn calls_out(switch: &Switch, carrier: &mut Carrier) {
    let alice = Account::of(switch, "1001", Transport::Udp);
    let mut phone = SippPhone::register(switch.place(), &alice, 600.0);
    phone.dial(OUTSIDE);
    carrier.sipp.wait_log(&format!("invite sip:{OUTSIDE}@"));
    carrier.connect();
    phone.wait_connected();
    assert_hears(&phone, 1_000.0, "the caller");
    switch.hang_up_all();
    phone.wait_ended();
    switch.wait_idle();
}

/// The carrier calls Bob's number.
fn calls_in(switch: &Switch, from: u16) {
    let bob = Account::of(switch, "1002", Transport::Udp);
    let mut phone = SippPhone::register(switch.place(), &bob, 1_000.0);
    switch.wait_registered("1002");
    let rtp = RtpPeer::open(switch.place().ports(2), 600.0);
    let mut caller = Scenario::new("carrier_calls", switch.sip())
        .port(from)
        .key("user", OUTSIDE)
        .key("domain", "carrier.example")
        .key("target", NUMBER)
        .key("rtp", &rtp.port().to_string())
        .start(switch.place());
    rtp.send_to(caller.wait_remote_rtp());
    phone.wait_connected();
    assert_hears(&phone, 600.0, "the extension");
    switch.hang_up_all();
    phone.wait_ended();
    caller.wait_success();
    switch.wait_idle();
}

#[test]
fn a_carrier_made_over_http_carries_calls_both_ways_survives_and_goes() {
    let place = Arc::new(Place::take());
    let mut carrier = Carrier::start(&place, "carrier");
    let incoming = place.port();
    let setup = Setup::default().extension("1001", "").extension("1002", "");
    let mut switch = Switch::start_in(place, setup);
    let out = json!({
        "host": format!("127.0.0.1:{}", carrier.port), "transport": "udp", "qualify_secs": 1,
        "username": "strowger", "password": SECRET,
    });
    put(&switch, "trunks/out", &out);
    let host = format!("127.0.0.1:{incoming}");
    put(&switch, "trunks/in", &json!({ "host": host, "transport": "udp", "qualify_secs": 0 }));
    let to = json!({ "trunk": "in", "to": "extension:1002" });
    put(&switch, &format!("numbers/{NUMBER}"), &to);
    put(&switch, "routes/national", &json!({ "match": "^0\\d{7,12}$", "to": "trunk:out" }));
    switch.wait_trunk("out", true);
    calls_out(&switch, &mut carrier);
    calls_in(&switch, incoming);
    switch.wait_records(2);

    switch.kill();
    let store = std::fs::read_dir(switch.place().dir()).unwrap();
    for file in store.map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
        let held = std::fs::read(&file).unwrap();
        let clear = held.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!clear, "{} holds the password in clear", file.display());
    }
    // A carrier that has seen its calls end; another takes its place.
    let port = carrier.port;
    carrier.sipp.process().kill();
    drop(carrier);
    switch.restart();
    let mut carrier = Carrier::at(switch.place(), "carrier", port);
    switch.wait_trunk("out", true);
    calls_out(&switch, &mut carrier);
    calls_in(&switch, incoming);

    let used = switch.http().delete("/api/v1/trunks/out");
    assert_eq!(used.status, 409, "{}", used.text());
    for path in ["routes/national", "trunks/out", &format!("numbers/{NUMBER}"), "trunks/in"] {
        assert_eq!(switch.http().delete(&format!("/api/v1/{path}")).status, 204, "{path}");
    }
    assert!(switch.http().rows("/api/v1/trunks").is_empty());
    let invites = carrier.sipp.received("INVITE");
    let alice = Account::of(&switch, "1001", Transport::Udp);
    let mut phone = SippPhone::register(switch.place(), &alice, 600.0);
    phone.dial(OUTSIDE);
    let refused = switch.wait_records(5);
    assert_eq!(refused[0]["cause"], "not_found", "{}", refused[0]);
    assert_eq!(carrier.sipp.received("INVITE"), invites);
}
