//! CTI cloud: what an application sets for all of its agents, seen by their phones and clients.

use std::collections::BTreeSet;

use serde_json::json;

use super::cti::*;
use super::cti_socket::Client;
use super::support::SOON;
use super::support::http::Http;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::Switch;
use super::support::wait::wait_until;

fn set(switch: &Switch, body: &serde_json::Value) {
    let answer = post(switch, "PUT", &format!("apps?{}", auth(APP)), body);
    assert_eq!(answer["ErrCode"], "000000", "{answer}");
}

#[test]
fn an_agent_sees_a_covered_number_where_the_application_hides_customers() {
    let switch = switch();
    let account = Account::of(&switch, "8001", Transport::Udp);
    let mut phone = SippPhone::register(switch.place(), &account, AGENT_TONE);
    switch.wait_registered("8001");
    let mut client = Client::login(&switch, "101");
    let mut seen = 0;
    let covered = "057*****4321";
    let dial = json!({"Method": "dialout", "DestNumber": CUSTOMER, "SpNumber": RELAY});
    for (hides, shown) in [(false, CUSTOMER), (true, covered)] {
        set(&switch, &json!({"IsHideUserNum": hides}));
        let answer = post(&switch, "GET", &format!("apps?{}", auth(APP)), &json!({}));
        assert_eq!(answer["Result"]["IsHideUserNum"], json!(hides), "{answer}");
        client.done(&dial);
        let ringing = client.wait("agentRinging", &mut seen);
        assert_eq!(ringing["DestNumber"], shown, "{ringing}");
        let state = client.done(&json!({"Method": "getState"}));
        assert_eq!(state["DestNumber"], shown, "{state}");
        let from = format!("From: <sip:{shown}@");
        wait_until("the phone shows it", SOON, || phone.waiting().messages().contains(&from));
        switch.hang_up_all();
        switch.wait_idle();
    }
    let messages = phone.waiting().messages();
    let (_, last) = messages.rsplit_once("INVITE sip:").expect("an INVITE");
    assert!(!last.contains(CUSTOMER), "{last}");
}

#[test]
fn the_application_s_wrap_up_follows_a_queue_s_call() {
    let office = Office::open();
    let switch = &office.switch;
    let account = Account::of(switch, "8002", Transport::Udp);
    let mut caller = SippPhone::register(switch.place(), &account, 700.0);
    let state = || {
        let answer = post(switch, "GET", &format!("agents/101?{}", auth(APP)), &json!({}));
        answer["Result"]["State"].as_u64().expect("a state")
    };
    let mut phone = office.phone;
    post(switch, "POST", &format!("agent/login?{}", auth(APP)), &json!({"agent_Id": "101"}));
    // 1 is after-call work, 0 none.
    for (secs, after) in [(0, 0), (600, 1)] {
        set(switch, &json!({"WrapUpTime": secs}));
        let answer = post(switch, "GET", &format!("apps?{}", auth(APP)), &json!({}));
        assert_eq!(answer["Result"]["WrapUpTime"], json!(secs), "{answer}");
        caller.dial("9001");
        phone.answer();
        phone.wait_connected();
        wait_until("in a call", SOON, || state() == 3);
        switch.hang_up_all();
        phone.wait_ended();
        wait_until("the call is over", SOON, || state() == after);
    }
}

#[test]
fn two_seats_of_one_request_do_not_share_an_extension() {
    let switch = switch();
    let path = || format!("agents?{}", auth(APP));
    let seat = |id: &str, more: serde_json::Value| {
        let mut seat = json!({"AgentId": id, "WorkId": id});
        for (name, value) in more.as_object().unwrap() {
            seat[name] = value.clone();
        }
        seat
    };
    let bound = json!({"Extension": "2457"});
    let made = json!({"Extension": "2466", "IsCreateExtension": true});
    for (more, code) in [(&bound, "100016"), (&made, "100015")] {
        let agents = [seat("201", more.clone()), seat("202", more.clone())];
        let answer = post(&switch, "POST", &path(), &json!({"Agents": agents}));
        assert_eq!(answer["ErrCode"], code, "{answer}");
        // Nothing of it was made.
        let answer = post(&switch, "GET", &format!("agents/201?{}", auth(APP)), &json!({}));
        assert_eq!(answer["ErrCode"], "100018", "{answer}");
    }
    // Nor where only the last of them is wrong.
    for (number, code) in [("0123", "000001"), ("9001", "100015")] {
        let wrong = json!({"Extension": number, "IsCreateExtension": true});
        let agents = [seat("201", json!({"IsCreateExtension": true})), seat("202", wrong)];
        let answer = post(&switch, "POST", &path(), &json!({"Agents": agents}));
        assert_eq!(answer["ErrCode"], code, "{answer}");
        assert!(
            !switch.http().rows("/api/v1/extensions").iter().any(|row| row["number"] == "1000")
        );
    }
    let agents = [seat("201", bound), seat("202", made)];
    let answer = post(&switch, "POST", &path(), &json!({"Agents": agents}));
    assert_eq!(answer["ErrCode"], "000000", "{answer}");
}

#[test]
fn a_hundred_seats_are_made_and_staff_a_queue_in_one_request_each() {
    let switch = switch();
    let ids: Vec<String> = (300..400).map(|id| id.to_string()).collect();
    let seat = |id: &String| json!({"AgentId": id, "WorkId": id, "IsCreateExtension": true});
    let seats: Vec<_> = ids.iter().map(seat).collect();
    let answer = post(&switch, "POST", &format!("agents?{}", auth(APP)), &json!({"Agents": seats}));
    let made = answer["Result"]["Extensions"].as_array().expect("extensions").clone();
    let numbers: BTreeSet<_> = made.iter().map(|own| own["Extension"].to_string()).collect();
    assert_eq!((answer["ErrCode"].as_str(), numbers.len()), (Some("000000"), 100), "{answer}");
    let body = json!({"QueueId": "9001", "AgentIds": ids});
    let answer = post(&switch, "PUT", &format!("queues/agents?{}", auth(APP)), &body);
    assert_eq!(answer["ErrCode"], "000000", "{answer}");
    let answer = post(&switch, "GET", &format!("queues/9001?{}", auth(APP)), &json!({}));
    assert_eq!(answer["Result"]["Agents"].as_array().map(Vec::len), Some(101), "{answer}");
}

#[test]
fn what_the_file_says_of_an_agent_is_not_changed_and_a_refusal_says_so() {
    let switch = switch();
    let ask = |method: &str, path: &str, body: serde_json::Value| {
        post(&switch, method, &format!("{path}?{}", auth(APP)), &body)["ErrCode"].clone()
    };
    assert_eq!(ask("POST", "queues", json!({"QueueId": "9002", "QueueName": "x"})), "000000");
    let before = || post(&switch, "GET", &format!("agents/101?{}", auth(APP)), &json!({}));
    let shown = before();
    for body in [json!({"Name": "x"}), json!({"WrapUpTime": 7})] {
        assert_eq!(ask("PUT", "agents/101", body.clone()), "100002", "{body}");
    }
    for (more, code) in [
        (json!({"QueueIDs": ["9001", "9002"]}), "100002"),
        (json!({"Number": "018512520714"}), "100002"),
    ] {
        let mut body = json!({"agent_Id": "101"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(ask("POST", "agent/login", body.clone()), code, "{body}");
    }
    assert_eq!(before(), shown);
    // What is so already is nothing that would be changed.
    let same = json!({"agent_Id": "101", "QueueIDs": ["9001"], "Number": "90310468568001"});
    assert_eq!(ask("POST", "agent/login", same), "000000");
    assert_eq!(
        ask("PUT", "agents/101", json!({"Name": "Li", "Email": "li@example.com"})),
        "000000"
    );
}

#[test]
fn subscriptions_for_which_there_is_no_room_are_named() {
    let switch = switch();
    let one = |n: u32| json!({"callback": "http://127.0.0.1:9/hook", "name": format!("s{n}"), "events": ["end"]});
    let body = json!({"subscriptions": (1..=102).map(one).collect::<Vec<_>>()});
    let answer = post(&switch, "POST", &format!("subscriptions?{}", auth(APP)), &body);
    let result = &answer["Result"];
    assert_eq!(result["sub_succ"].as_array().map(Vec::len), Some(100), "{answer}");
    assert_eq!(result["sub_fail"], json!(["s101", "s102"]));
}

#[test]
fn all_who_ask_for_the_first_secret_get_the_same() {
    let switch = switch();
    let secret = || {
        let answer = post(&switch, "GET", &format!("apps?{}", auth(APP)), &json!({}));
        answer["Result"]["Secret"].as_str().expect("a secret").to_owned()
    };
    let secrets: Vec<String> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(secret)).collect();
        asking.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    assert_eq!(secrets[0].len(), 32);
    assert!(secrets.iter().all(|own| *own == secrets[0]), "{secrets:?}");
}

/// A client with a key of an application's administrator, which its operator makes.
fn administrator(switch: &Switch, app: &str, name: &str) -> Http {
    let operator = switch.http().with_operator(SID, TOKEN);
    let made = operator.post(&format!("/api/v1/tenants/{app}/keys"), &json!({ "name": name }));
    assert_eq!(made.status, 201, "{}", made.text());
    switch.http().with_token(made.json()["token"].as_str().expect("a token"))
}

/// The first calls the second, and both hear each other; then an administrator ends it.
fn calls(switch: &Switch, accounts: &[Account; 2], number: &str, admin: &Http) {
    let mut callee = SippPhone::register(switch.place(), &accounts[1], 1_000.0);
    let mut caller = SippPhone::register(switch.place(), &accounts[0], 600.0);
    caller.dial(number);
    caller.wait_connected();
    callee.wait_connected();
    wait_until("both hear each other", SOON, || {
        callee.heard().seconds_of(0, 600.0) > 0.5 && caller.heard().seconds_of(0, 1_000.0) > 0.5
    });
    let live = admin.rows("/api/v1/calls");
    assert_eq!(live.len(), 1);
    let id = live[0]["call"].as_str().expect("a call").to_owned();
    assert_eq!(admin.delete(&format!("/api/v1/calls/{id}")).status, 202);
    caller.wait_ended();
    callee.wait_ended();
}

#[test]
fn an_application_created_now_has_phones_that_call_at_once() {
    let mut switch = switch();
    let wanted = json!({"Name": "new", "Type": 1, "CallbackUrl": "", "WrapUpTime": 9});
    let made = post(&switch, "POST", &format!("apps?{}", bare_auth()), &wanted);
    assert_eq!(made["ErrCode"], "000000", "{made}");
    let text = |name: &str| made["Result"][name].as_str().expect("a text").to_owned();
    let (app, prefix) = (text("AppId"), text("ExtensionPrefix"));
    assert!(prefix.len() == 10 && prefix.starts_with('9'), "{prefix}");
    let accounts = ["8001", "8002"].map(|number| {
        let wanted = json!({"Extension": number});
        let made = post(&switch, "POST", &format!("extensions?{}", auth(&app)), &wanted);
        assert_eq!(made["ErrCode"], "000000", "{made}");
        assert_eq!(made["Result"]["Number"], format!("{prefix}{number}"));
        Account {
            user: format!("{prefix}{number}"),
            password: made["Result"]["Password"].as_str().expect("a password").to_owned(),
            ..Account::of(&switch, number, Transport::Udp)
        }
    });
    // The first application has these numbers too, and another 8002.
    calls(&switch, &accounts, "8002", &administrator(&switch, &app, "first"));
    assert!(switch.calls().is_empty() && switch.http().rows("/api/v1/records").is_empty());

    switch.kill();
    switch.restart();
    let shown = post(&switch, "GET", &format!("apps?{}", auth(&app)), &json!({}));
    for name in ["AppId", "ExtensionPrefix", "Secret", "Name"] {
        assert_eq!(shown["Result"][name], made["Result"][name], "{shown}");
    }
    assert_eq!(shown["Result"]["WrapUpTime"], 9);
    calls(&switch, &accounts, "8002", &administrator(&switch, &app, "second"));
}
