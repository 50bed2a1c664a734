//! Why an agent is not offered a caller: ten agents in ten conditions, each with the true reason.

use serde_json::{Value, json};

use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch};
use super::support::wait::{wait_for, wait_until};

/// What is to become of each agent, by its number.
const CONDITIONS: [&str; 10] = [
    "logged_out",
    "on_break",
    "not_reachable",
    "lacks_skill",
    "level_closed",
    "talking",
    "on_other_call",
    "wrapping_up",
    "cooling_down",
    "ringing",
];

/// Agent `n` sits at 20`n`, serves 9001 and a queue 91`n` of its own, whose caller is 10`n`.
fn setup() -> Setup {
    let mut setup = Setup::default().extension("1000", "").with(
        "[[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\ntier_rule_wait_second = 600\n\
         skills = [{ name = \"german\", level = 50 }]\n",
    );
    for n in 1..=10 {
        let (level, german) = (if n == 5 { 2 } else { 1 }, if n == 4 { 10 } else { 80 });
        setup = setup.extension(&format!("20{n:02}"), "").extension(&format!("10{n:02}"), "");
        setup = setup.with(&format!(
            "[[queue]]\ntenant = \"demo\"\nnumber = \"91{n:02}\"\nwrap_up_time = 600\n\
             agent_report_wait_time = false\n\
             [[agent]]\ntenant = \"demo\"\nid = \"{n}\"\nextension = \"20{n:02}\"\n\
             call_timeout = {}\nno_answer_delay_time = 600\nskills = {{ german = {german} }}\n\
             queues = [{{ queue = \"9001\", level = {level} }}, {{ queue = \"91{n:02}\" }}]\n",
            if n == 9 { 1 } else { 600 },
        ));
    }
    setup
}

fn phone(switch: &Switch, number: &str, scenario: &str) -> SippPhone {
    let account = Account::of(switch, number, Transport::Udp);
    SippPhone::register_with(switch.place(), &account, 600.0, scenario, &[])
}

fn available(switch: &Switch, n: usize) {
    let intent = json!({"status": "available"});
    let answer = switch.http().put(&format!("/api/v1/agents/{n}/intent"), &intent);
    assert_eq!(answer.status, 204, "{}", answer.text());
}

/// The caller of an agent's own queue calls; the agent's phone answers by itself.
fn converse(switch: &Switch, n: usize, agent: &mut SippPhone) -> SippPhone {
    let mut caller = phone(switch, &format!("10{n:02}"), "uas");
    caller.dial(&format!("91{n:02}"));
    caller.wait_connected();
    agent.answer();
    agent.wait_connected();
    wait_until("they talk", SOON, || activity(switch, n) == "talking");
    caller
}

fn activity(switch: &Switch, n: usize) -> Value {
    switch.http().get(&format!("/api/v1/agents/{n}")).json()["activity"].clone()
}

#[test]
fn ten_agents_in_ten_conditions_each_have_their_true_reason() {
    let switch = setup().start();
    let http = switch.http();
    let scenario = |n| if [6, 7, 8].contains(&n) { "uas" } else { "uas_ring" };
    let mut phones: Vec<SippPhone> =
        (4..=10).map(|n| phone(&switch, &format!("20{n:02}"), scenario(n))).collect();
    (3..=9).for_each(|n| available(&switch, n));
    let lunch = json!({"status": "on_break", "reason": "lunch"});
    assert_eq!(http.put("/api/v1/agents/2/intent", &lunch).status, 204);

    let _talks = converse(&switch, 6, &mut phones[2]);
    phones[3].dial("*43");
    phones[3].wait_connected();
    let _talked = converse(&switch, 8, &mut phones[4]);
    let members = http.rows("/api/v1/queues/9108/members");
    let call = members[0]["call"].as_str().expect("a caller").to_owned();
    assert_eq!(http.delete(&format!("/api/v1/calls/{call}")).status, 202);
    let mut missed = phone(&switch, "1009", "uas");
    missed.dial("9109");
    missed.wait_connected();

    wait_until("an agent wraps up", SOON, || activity(&switch, 8) == "wrapping_up");
    wait_until("an agent has missed a call", SOON, || activity(&switch, 9) == "cooling_down");
    wait_until("an agent is in another call", SOON, || activity(&switch, 7) == "on_other_call");
    available(&switch, 10);
    let mut caller = phone(&switch, "1000", "uas");
    caller.dial("9001");
    caller.wait_connected();
    phones[6].waiting().wait_log("invite");

    let reasons = wait_for("the caller is explained", SOON, || {
        let explained = http.get("/api/v1/queues/9001/explain").json();
        let caller = explained["callers"].as_array()?.first()?.clone();
        caller["agents"].as_array().cloned()
    });
    let said = |n: usize| {
        let id = n.to_string();
        let of = |row: &&Value| row["agent"] == id.as_str();
        reasons.iter().find(of).unwrap_or_else(|| panic!("no word on agent {n}: {reasons:?}"))
    };
    for (n, condition) in (1..).zip(CONDITIONS) {
        assert_eq!(said(n)["condition"], condition, "agent {n}: {}", said(n));
    }
    assert_eq!(reasons.len(), CONDITIONS.len());
    assert_eq!((&said(2)["reason"], &said(4)["has"]), (&json!("lunch"), &json!(10)));
    assert_eq!((&said(6)["queue"], &said(5)["level"]), (&json!("9106"), &json!(2)));
}
