//! CTI cloud: what orders do to calls, heard by real phones.

use serde_json::{Value, json};

use super::cti::*;
use super::support::SOON;
use super::support::phone::Phone;
use super::support::wait::wait_until;

fn done(answer: &Value) {
    let code = answer.get("ErrCode").or_else(|| answer.get("code"));
    assert_eq!(code, Some(&json!("000000")), "{answer}");
}

/// Agent 101 is signed in and talks with the customer; the call's id.
fn talking(office: &mut Office) -> String {
    done(&office.post("POST", &format!("agent/login?{}", auth(APP)), &json!({"agent_Id": "101"})));
    let order = json!({"caller": RELAY, "called": CUSTOMER, "called_display": SECOND_RELAY, "agent_id": "101"});
    let answer = office.post("POST", &format!("originatev2?{}", auth(APP)), &order);
    done(&answer);
    office.agent_takes_it();
    answer["results"].as_str().expect("a call's id").to_owned()
}

fn order(call: &str) -> Value {
    json!({"call_id": call, "agent_id": "101", "on_succ": "demo", "on_failed": "demo"})
}

#[test]
fn the_agent_rings_first_and_the_customer_sees_the_relay_number() {
    let mut office = Office::open();
    talking(&mut office);
    office.carrier.wait_log(&format!("invite sip:{CUSTOMER}@"));
    assert!(office.carrier.log().contains(&format!("<sip:{SECOND_RELAY}@")), "the relay number");
    wait_until("the agent hears the customer", SOON, || {
        office.phone.heard().seconds_of(0, CUSTOMER_TONE) > 0.5
    });
    wait_until("the customer hears the agent", SOON, || {
        office.customer.heard().seconds_of(0, AGENT_TONE) > 0.5
    });
    office.phone.hang_up();
    office.carrier.wait_log("ended");
    office.switch.wait_idle();
}

#[test]
fn a_held_customer_hears_music_and_then_the_agent_again() {
    let mut office = Office::open();
    let call = talking(&mut office);
    done(&office.post("POST", &format!("agent/hold?{}", bare_auth()), &order(&call)));
    wait_until("the music", SOON, || office.customer.heard().seconds_of(0, MUSIC) > 1.0);
    done(&office.post("DELETE", &format!("agent/hold?{}", bare_auth()), &order(&call)));
    office.customer.forget();
    wait_until("the agent again", SOON, || office.customer.heard().seconds_of(0, AGENT_TONE) > 0.5);
    office.switch.hang_up_all();
    office.switch.wait_idle();
}

#[test]
fn a_transferred_customer_talks_with_whom_it_was_sent_to() {
    let mut office = Office::open();
    let account = super::support::phone::Account::of(
        &office.switch,
        "8002",
        super::support::phone::Transport::Udp,
    );
    let mut other =
        super::support::sipp::SippPhone::register(office.switch.place(), &account, 1_900.0);
    office.switch.wait_registered("8002");
    let call = talking(&mut office);
    let mut body = order(&call);
    body["agent_type"] = json!("anonymous");
    body["agent_phone"] = json!("8002");
    done(&office.post("POST", &format!("transfer/agent?{}", bare_auth()), &body));
    other.answer();
    other.wait_connected();
    office.phone.wait_ended();
    wait_until("the customer hears the other", SOON, || {
        office.customer.heard().seconds_of(0, 1_900.0) > 0.5
    });
    office.switch.hang_up_all();
    office.switch.wait_idle();
}
