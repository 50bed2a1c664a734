//! What the CC-Gateway interface does to calls of real phones.

use serde_json::{Value, json};

use super::cc_gateway::offered;
use super::desk::{OUTSIDE, SECOND};
use super::golden::wire::Client;
use super::support::SOON;
use super::support::phone::Phone;
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
