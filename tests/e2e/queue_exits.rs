//! Ways out of a queue without an agent: a key, the time, fullness, and being called back.

use serde_json::{Value, json};

use super::pairs::assert_hears;
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch};
use super::support::wait::{wait_for, wait_until};

const CALLER: f64 = 600.0;
const OTHER: f64 = 1_000.0;

/// A caller 1001, another 1002, a phone 3001 to go to, and a queue with one agent at 2001 who is logged out.
fn start(queue: &str) -> Switch {
    let mut setup = Setup::default();
    for number in ["1001", "1002", "2001", "3001"] {
        setup = setup.extension(number, "");
    }
    setup
        .with(&format!(
            "[[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\nexit_with_no_av_agents = false\n\
             record_enabled = false\nagent_report_wait_time = false\n{queue}"
        ))
        .with(
            "[[agent]]\ntenant = \"demo\"\nid = \"101\"\nextension = \"2001\"\n\
             queues = [{ queue = \"9001\" }]\n",
        )
        .start()
}

fn phone(switch: &Switch, number: &str, tone: f64) -> SippPhone {
    SippPhone::register(switch.place(), &Account::of(switch, number, Transport::Udp), tone)
}

fn members(switch: &Switch) -> Vec<Value> {
    switch.http().rows("/api/v1/queues/9001/members")
}

fn overflowed(switch: &Switch, reason: &str) -> Value {
    let figures = switch.http().get("/api/v1/queues/9001/figures").json();
    figures["spans"][0]["overflowed"][reason].clone()
}

fn outcome(switch: &Switch) -> Value {
    wait_for("a finished call of the queue", SOON, || {
        let rows = switch.http().rows("/api/v1/records");
        rows.iter().find_map(|row| Some(row["queued"].as_array()?.first()?["outcome"].clone()))
    })
}

/// Calls the queue, goes out by `leave`, and talks with 3001.
fn leaves(queue: &str, reason: &str, leave: impl FnOnce(&Switch, &SippPhone)) {
    let switch = start(queue);
    let mut other = phone(&switch, "3001", OTHER);
    let mut caller = phone(&switch, "1001", CALLER);
    caller.dial("9001");
    caller.wait_connected();
    leave(&switch, &caller);
    other.answer();
    other.wait_connected();
    assert_hears(&other, CALLER, "the destination");
    assert_hears(&caller, OTHER, "the caller");
    assert_eq!(overflowed(&switch, reason), 1);
    assert!(members(&switch).is_empty());
    switch.hang_up_all();
    caller.wait_ended();
    assert_eq!(outcome(&switch), reason);
}

#[test]
fn a_key_leads_out_of_the_queue() {
    let queue = "exit_key = \"0\"\nexit_transfer_dst = \"extension:3001\"\n";
    leaves(queue, "exit_key", |switch, caller| {
        wait_until("the caller waits", SOON, || members(switch).len() == 1);
        caller.rtp().send_digit('5');
        caller.rtp().send_digit('0');
    });
}

#[test]
fn the_longest_wait_leads_out_of_the_queue() {
    let queue = "max_wait_time = 1\ntimeout_transfer_dst = \"3001\"\n";
    leaves(queue, "timeout", |_, _| {});
}

#[test]
fn nobody_at_work_leads_out_of_the_queue() {
    let queue =
        "max_wait_time_with_no_agent = 1\nno_agent_timeout_transfer_dst = \"extension:3001\"\n";
    leaves(queue, "no_agent", |_, _| {});
}

#[test]
fn a_caller_too_many_goes_elsewhere_at_once() {
    let switch = start("max_length = 1\nfull_transfer_dst = \"extension:3001\"\n");
    let mut other = phone(&switch, "3001", OTHER);
    let mut first = phone(&switch, "1001", CALLER);
    let mut second = phone(&switch, "1002", CALLER);
    first.dial("9001");
    first.wait_connected();
    wait_until("the first waits", SOON, || members(&switch).len() == 1);
    second.dial("9001");
    other.answer();
    second.wait_connected();
    other.wait_connected();
    assert_hears(&other, CALLER, "the destination");
    assert_eq!(overflowed(&switch, "full"), 1);
    assert_eq!(members(&switch).len(), 1, "the first still waits");
    switch.hang_up_all();
    first.wait_ended();
    second.wait_ended();
}

#[test]
fn a_caller_is_called_back_in_its_turn() {
    let switch = start("callback_key = \"1\"\n");
    let mut caller = phone(&switch, "1001", CALLER);
    caller.dial("9001");
    caller.wait_connected();
    wait_until("the caller waits", SOON, || members(&switch).len() == 1);
    caller.rtp().send_digit('1');
    caller.wait_ended();
    wait_until("its place stays", SOON, || {
        members(&switch).iter().any(|row| row["state"] == "callback")
    });
    let account = Account::of(&switch, "2001", Transport::Udp);
    let mut agent = Baresip::register(switch.place(), &account, OTHER);
    let answer = switch.http().put("/api/v1/agents/101/intent", &json!({"status": "available"}));
    assert_eq!(answer.status, 204, "{}", answer.text());
    caller.answer();
    caller.wait_connected();
    agent.answer();
    agent.wait_connected();
    assert_hears(&agent, CALLER, "the agent");
    assert_hears(&caller, OTHER, "the caller");
    agent.hang_up();
    caller.wait_ended();
}
