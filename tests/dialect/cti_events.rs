//! CTI cloud: what subscribers are told, and that nobody else can say it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::cti::*;
use super::support::SOON;
use super::support::phone::Phone;
use super::support::receiver::{Manner, Received, Receiver};
use super::support::switch::Switch;
use super::support::wait::wait_until;

fn receiver() -> Receiver {
    Receiver::start(Manner::Says(200, Duration::ZERO))
}

pub fn names(receiver: &Receiver) -> Vec<String> {
    let events = receiver.received();
    events.iter().map(|event| event.json()["Event"].as_str().unwrap().to_owned()).collect()
}

pub fn subscribe(switch: &Switch, url: &str, events: &[&str]) -> Value {
    let one = json!({"callback": url, "name": "sub1", "events": events});
    let path = format!("subscriptions?{}", auth(APP));
    let answer = post(switch, "POST", &path, &json!({"subscriptions": [one]}));
    assert_eq!(answer["Result"]["sub_fail"], json!([]), "{answer}");
    answer["Result"]["sub_succ"][0]["id"].clone()
}

/// The parameters of the address are the application's signature.
fn assert_signed(office: &Office, received: &Received) {
    let answer = office.post("GET", &format!("apps?{}", auth(APP)), &json!({}));
    let secret = answer["Result"]["Secret"].as_str().expect("a secret").to_owned();
    let query = received.path.split_once('?').expect("parameters").1;
    let fields: BTreeMap<&str, &str> =
        query.split('&').filter_map(|field| field.split_once('=')).collect();
    assert_eq!(fields["AppId"], APP);
    assert_eq!(fields["Sign"], sign(APP, &secret, fields["Timestamp"]));
    let now = now_ms() / 1_000;
    let stamp: u64 = fields["Timestamp"].parse().expect("seconds");
    assert!(now.abs_diff(stamp) < 600, "{stamp} at {now}");
}

#[test]
fn a_call_is_told_in_order_with_what_was_attached_to_it() {
    let mut office = Office::open();
    let (all, some, off) = (receiver(), receiver(), receiver());
    let wanted = [
        "begin",
        "agent_ringing",
        "agent_answer",
        "start_dialout",
        "user_ringing",
        "user_answer",
        "hold_call",
        "agent_hangup",
        "user_hangup",
        "hangup_cause",
        "end",
    ];
    subscribe(&office.switch, &all.url(), &wanted);
    subscribe(&office.switch, &some.url(), &["user_answer"]);
    let id = subscribe(&office.switch, &off.url(), &["begin", "end"]);
    let disabled = json!({"callback": off.url(), "name": "sub1", "events": ["begin"], "state": 0});
    let answer = office.post("PUT", &format!("subscriptions/{id}?{}", auth(APP)), &disabled);
    assert_eq!(answer["Result"], json!({"sub1": id}), "{answer}");

    office.post("POST", &format!("agent/login?{}", auth(APP)), &json!({"agent_Id": "101"}));
    let order = json!({"caller": RELAY, "called": CUSTOMER, "called_display": RELAY, "agent_id": "101",
        "user_data": [{"evt": "user_answer", "data": "1111111"}, {"evt": "agent_answer", "data": "22222"}]});
    let answer = office.post("POST", &format!("originatev2?{}", auth(APP)), &order);
    let call = answer["results"].as_str().expect("a call").to_owned();
    office.agent_takes_it();
    let hold = json!({"call_id": call, "agent_id": "101", "on_succ": "x", "on_failed": "x"});
    office.post("POST", &format!("agent/hold?{}", bare_auth()), &hold);
    office.phone.hang_up();
    wait_until("everything is told", SOON, || names(&all).len() >= wanted.len());
    assert_eq!(names(&all), wanted);
    for received in all.received() {
        let event = received.json();
        let data = match event["Event"].as_str().unwrap() {
            "user_answer" => "1111111",
            "agent_answer" => "22222",
            _ => "",
        };
        let shown = [
            "AppId",
            "CallId",
            "AgentId",
            "AgentNumber",
            "DestNumber",
            "SpNumber",
            "CallDirection",
            "UserData",
        ]
        .map(|name| event[name].as_str().unwrap_or_default().to_owned());
        assert_eq!(
            shown,
            [APP, &call, "101", "8001", CUSTOMER, RELAY, "outbound", data],
            "{event}"
        );
        assert!(event["EventId"].is_string() && event["Timestamp"].is_u64(), "{event}");
    }
    wait_until("the other is told", SOON, || names(&some) == ["user_answer"]);
    assert!(names(&off).is_empty(), "it was switched off");
    assert_signed(&office, &all.received()[0]);
}

#[test]
fn the_application_s_own_address_hears_what_its_list_says() {
    let office = Office::open();
    let own = receiver();
    let app = json!({"Name": "test02", "CallbackUrl": own.url()});
    let answer = office.post("PUT", &format!("apps?{}", auth(APP)), &app);
    assert_eq!(answer["ErrCode"], "000000", "{answer}");
    let path = |_: ()| format!("webhooks/events?{}", auth(APP));
    let list = json!({"Events": [{"category": "agent_state", "all_type": ["acd_agent_state"]}]});
    office.post("POST", &path(()), &list);
    let login = |who: &str| {
        office.post("POST", &format!("agent/{who}?{}", auth(APP)), &json!({"agent_Id": "101"}));
    };
    login("login");
    wait_until("the state is told", SOON, || names(&own) == ["acd_agent_state"]);
    let event = own.received()[0].json();
    assert_eq!((&event["CurState"], &event["OldState"]), (&json!("idle"), &json!("offline")));
    assert_signed(&office, &own.received()[0]);
    // Another list in its place, and both.
    let modes = json!({"Events": [{"category": "agent_call_mode", "all_type": ["agent_call_mode_change"]}]});
    office.post("PUT", &path(()), &modes);
    login("logout");
    let mode = json!({"AgentId": "101", "Contact": "voip"});
    office.post("POST", &format!("agent/set_call_mode?{}", auth(APP)), &mode);
    wait_until("the mode is told", SOON, || names(&own).len() == 2);
    assert_eq!(names(&own)[1], "agent_call_mode_change");
    office.post("POST", &path(()), &list);
    login("login");
    wait_until("both are told", SOON, || names(&own).len() == 3);
    office.post("DELETE", &path(()), &json!({}));
    login("logout");
    office.switch.wait_idle();
    // What is told of a log that is kept meanwhile.
    let logs = || {
        let answer = office.post(
            "GET",
            &format!("agents/statelogs?{}", auth(APP)),
            &json!({"AgentId": "101"}),
        );
        answer["Result"]["AgentStateLogs"].as_array().cloned().unwrap_or_default()
    };
    wait_until("four changes are written down", SOON, || logs().len() == 4);
    let logs = logs();
    let states: Vec<&str> = logs.iter().map(|row| row["CurState"].as_str().unwrap()).collect();
    assert_eq!(states, ["offline", "idle", "offline", "idle"], "the newest first");
    assert_eq!(logs[1]["EndTime"], logs[0]["StartTime"]);
    // What comes next is what the next list says: nothing was told in between.
    office.post("POST", &path(()), &modes);
    office.post("POST", &format!("agent/set_call_mode?{}", auth(APP)), &mode);
    wait_until("the mode is told", SOON, || names(&own).len() > 3);
    assert_eq!(names(&own)[3..], ["agent_call_mode_change"]);
}

#[test]
fn what_was_written_of_states_outlives_the_process() {
    let mut office = Office::open();
    office.post("POST", &format!("agent/login?{}", auth(APP)), &json!({"agent_Id": "101"}));
    let logs = |office: &Office| {
        let path = format!("agents/statelogs?{}", auth(APP));
        let answer = office.post("GET", &path, &json!({}));
        answer["Result"]["AgentStateLogs"].as_array().map_or(0, Vec::len)
    };
    wait_until("it is written down", SOON, || logs(&office) == 1);
    office.switch.kill();
    office.switch.restart();
    assert_eq!(logs(&office), 1);
    let empty = office.post("GET", &format!("agents/statelogs?{}", auth(OTHER)), &json!({}));
    assert_eq!(empty["Result"]["AgentStateLogs"], json!([]));
}
