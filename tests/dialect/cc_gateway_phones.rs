//! What the CC-Gateway interface does to calls of real phones.

use serde_json::{Value, json};

use super::cc_gateway::offered;
use super::desk::{Agents, Desk, OUTSIDE, SECOND};
use super::golden::wire::Client;
use super::support::SOON;
use super::support::hearing::{part, reaches};
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::PREFIX;
use super::support::wait::wait_until;

const RESOURCE: &str = "/agentgateway/resource";

#[test]
fn the_pickers_phone_rings_and_has_the_customer() {
    let mut desk = offered();
    let client = Client::new(desk.switch.http().address());
    let who = json!({"password": "2102580", "phonenum": "1003"}).to_string();
    let path = format!("{RESOURCE}/onlineagent/102");
    let signed = client.raw("PUT", &path, &[], who.as_bytes());
    let guid = signed.header("set-guid").expect("a Guid").to_owned();
    let send = |method: &str, path: &str| {
        client.raw(method, &format!("{RESOURCE}/{path}"), &[("Guid", &guid)], b"")
    };
    let answer = send("PUT", "voicecall/102/snatchpickup?destWorkNo=101");
    assert_eq!(answer.json()["retcode"], "0", "{}", answer.shown());
    desk.second.wait_connected();
    desk.first.waiting().wait_log("cancel");
    let outside = desk.outside.as_ref().expect("a carrier");
    wait_until("the picker hears the customer", SOON, || {
        desk.second.heard().seconds_of(0, OUTSIDE) > 0.5
    });
    wait_until("the customer hears the picker", SOON, || {
        outside.rtp.heard().seconds_of(0, SECOND) > 0.5
    });
    let members = desk.switch.http().rows("/api/v1/queues/9001/members");
    assert_eq!(members[0]["agents"], json!(["102"]), "{members:?}");
    desk.switch.hang_up_all();
    desk.second.wait_ended();
    let mut told = Vec::new();
    wait_until("the phone is told to be free", SOON, || {
        let event = send("GET", "agentevent/102").json()["event"].clone();
        told.push(event["eventType"].as_str().unwrap_or("").to_owned());
        event != Value::Null && told.last().is_some_and(|last| last == "AgentOther_PhoneRelease")
    });
    assert_eq!(
        told,
        [
            "AgentOther_PhoneAlerting",
            "AgentOther_PhoneOffhook",
            "AgentEvent_Talking",
            "AgentEvent_Incoming_CallInfo",
            "AgentMediaEvent_Record",
            "AgentOther_PhoneRelease"
        ]
    );
}

/// The queue rings agent 101 before 102.
#[test]
fn an_agent_is_rung_at_the_phone_that_it_signed_in_with_until_it_signs_out() {
    let mut desk = Desk::open(Agents::Answer);
    let account = Account {
        password: Account::password_of("1004"),
        ..Account::of(&desk.switch, &format!("{PREFIX}1004"), Transport::Udp)
    };
    let mut other = SippPhone::register(desk.switch.place(), &account, 1_900.0);
    desk.switch.wait_registered("1004");
    let client = Client::new(desk.switch.http().address());
    let sign_in = |path: &str, phone: &str| {
        let who = json!({"password": "2101580", "phonenum": phone}).to_string();
        let path = format!("{RESOURCE}/onlineagent/101{path}");
        let signed = client.raw("PUT", &path, &[], who.as_bytes());
        assert_eq!(signed.json()["retcode"], "0", "{}", signed.shown());
        signed.header("set-guid").expect("a Guid").to_owned()
    };
    let rested = |desk: &Desk| {
        let agent_is = |activity: &str| {
            desk.switch.http().get("/api/v1/agents/101").json()["activity"] == activity
        };
        wait_until("agent 101 wraps up", SOON, || agent_is("wrapping_up"));
        let answer = desk.switch.http().delete("/api/v1/agents/101/wrap-up");
        assert_eq!(answer.status, 204, "{}", answer.text());
        wait_until("agent 101 is free again", SOON, || agent_is("idle"));
    };
    sign_in("", "1004");
    reaches(&mut desk.caller, "9001", &mut other);
    part(&desk.switch, &mut desk.caller);
    assert_eq!(desk.first.offered().0, 0, "its own phone stays silent");
    rested(&desk);

    let guid = sign_in("/forcelogin", "1002");
    reaches(&mut desk.caller, "9001", &mut desk.first);
    part(&desk.switch, &mut desk.caller);
    assert_eq!(other.offered().0, 1, "the phone before stays silent");
    rested(&desk);

    let path = format!("{RESOURCE}/onlineagent/101/logout");
    let out = client.raw("DELETE", &path, &[("Guid", &guid)], b"");
    assert_eq!(out.json()["retcode"], "0", "{}", out.shown());
    reaches(&mut desk.caller, "9001", &mut desk.second);
    part(&desk.switch, &mut desk.caller);
    assert_eq!((desk.first.offered().0, other.offered().0), (1, 1), "nobody is there");
}
