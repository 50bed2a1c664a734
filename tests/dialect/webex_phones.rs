//! What the Webex interface does to calls of real phones.

use serde_json::{Value, json};

use super::desk::{Agents, CALLER, Desk, FIRST, SECOND, user_key};
use super::golden::wire::{Answer, Client};
use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{PREFIX, text_of};
use super::support::wait::wait_until;
use super::webex::ringing;

fn send(desk: &Desk, who: &str, method: &str, path: &str, body: &Value) -> Answer {
    let client = Client::new(desk.switch.http().address());
    client.json(method, &format!("/v1/telephony/{path}"), &user_key(who), body)
}

fn hears(phone: &SippPhone, tone: f64) {
    wait_until(&format!("{tone} Hz is heard"), SOON, || phone.heard().seconds_of(0, tone) > 0.5);
}

#[test]
fn the_pickers_phone_rings_and_has_the_call_on_its_answer() {
    let mut desk = ringing(Agents::FirstRings);
    let answer = send(&desk, "1003", "POST", "calls/pickup", &json!({"target": "1002"}));
    assert_eq!(answer.status, 201, "{}", answer.shown());
    desk.second.wait_connected();
    desk.caller.wait_connected();
    hears(&desk.second, CALLER);
    hears(&desk.caller, SECOND);
    desk.first.waiting().wait_log("cancel");
    let calls = desk.switch.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0]["picked_up_by"]["number"], "1003");
    assert_eq!(calls[0]["interaction"], answer.json()["callSessionId"]);
    desk.switch.hang_up_all();
    desk.caller.wait_ended();
}

#[test]
fn a_call_that_was_picked_up_is_held_resumed_and_ended() {
    let mut desk = ringing(Agents::FirstRings);
    let picked = send(&desk, "1003", "POST", "calls/pickup", &Value::Null).json();
    let body = json!({"callId": picked["callId"]});
    desk.second.wait_connected();
    desk.caller.wait_connected();
    hears(&desk.caller, SECOND);
    let order = |desk: &Desk, what: &str| {
        let answer = send(desk, "1003", "POST", &format!("calls/{what}"), &body);
        assert_eq!(answer.status, 204, "{}", answer.shown());
    };
    order(&desk, "hold");
    wait_until("music, and no picker", SOON, || {
        desk.caller.rtp().forget();
        wait_until("a second", SOON, || desk.caller.heard().seconds() > 1.0);
        let heard = desk.caller.heard();
        heard.seconds_of(0, SECOND) == 0.0 && heard.loudness(0) > -60.0
    });
    order(&desk, "resume");
    desk.caller.rtp().forget();
    hears(&desk.caller, SECOND);
    order(&desk, "hangup");
    desk.caller.wait_ended();
    desk.second.wait_ended();
    desk.switch.wait_idle();
}

#[test]
fn only_the_endpoint_that_was_named_rings() {
    let mut desk = ringing(Agents::FirstRings);
    let account = Account::of(&desk.switch, &format!("{PREFIX}1003"), Transport::Udp);
    let account = Account { password: Account::password_of("1003"), ..account };
    let before = endpoints(&desk);
    let mut other = SippPhone::register(desk.switch.place(), &account, FIRST);
    wait_until("both phones are listed", SOON, || endpoints(&desk).len() == 2);
    let new = endpoints(&desk).into_iter().find(|id| !before.contains(id)).unwrap();
    let answer = send(&desk, "1003", "POST", "calls/pickup", &json!({"endpointId": new}));
    assert_eq!(answer.status, 201, "{}", answer.shown());
    other.wait_connected();
    desk.caller.wait_connected();
    hears(&desk.caller, FIRST);
    assert_eq!(desk.second.waiting().received("INVITE"), 0, "the other phone stays silent");
    desk.switch.hang_up_all();
    desk.caller.wait_ended();
}

fn endpoints(desk: &Desk) -> Vec<String> {
    let path = "config/people/me/preferredAnswerEndpoint";
    let answer = send(desk, "1003", "GET", path, &Value::Null).json();
    let rows = answer["endpoints"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| text_of(row, &["id"])).collect()
}
