//! CTI cloud: which phone rings, and what it shows, after what was ordered of seats, queues, extensions and numbers.

use serde_json::{Value, json};

use super::cti::*;
use super::cti_socket::Client;
use super::support::SOON;
use super::support::hearing::{is_taken, part, reaches};
use super::support::phone::{Account, Phone, Transport};
use super::support::raw::RawUa;
use super::support::sipp::SippPhone;
use super::support::switch::PREFIX;
use super::support::wait::wait_until;

const CALLER: f64 = 600.0;
const SEAT: f64 = 800.0;
const MOBILE: &str = "018512520714";

/// An order of the operator that must be carried out.
#[track_caller]
fn ask(office: &Office, method: &str, path: &str, body: &Value) -> Value {
    let answer = office.post(method, &format!("{path}?{}", auth(APP)), body);
    assert_eq!(answer["ErrCode"], "000000", "{method} {path}: {answer}");
    answer
}

fn phone(office: &Office, number: &str, tone: f64, scenario: &str) -> SippPhone {
    let account = Account::of(&office.switch, number, Transport::Udp);
    let phone = SippPhone::register_with(office.switch.place(), &account, tone, scenario, &[]);
    office.switch.wait_registered(number);
    phone
}

/// Seat 10031 is there, its extension is this one, and it is signed in.
fn seat(office: &Office, extension: &str) {
    let seat = json!({"AgentId": "10031", "WorkId": "31", "Name": "Qian", "Extension": extension});
    ask(office, "POST", "agents", &json!({"Agents": [seat]}));
    sign(office, "login");
}

fn sign(office: &Office, how: &str) {
    ask(office, "POST", &format!("agent/{how}"), &json!({"agent_Id": "10031"}));
}

/// The caller is in queue 9001, and nobody's phone rings for it.
fn waits(office: &Office, caller: &mut SippPhone) {
    caller.dial("9001");
    caller.wait_connected();
    wait_until("the caller waits", SOON, || {
        let rows = office.switch.http().rows("/api/v1/queues/9001/members");
        rows.first().is_some_and(|row| row["state"] == "waiting")
    });
}

#[test]
fn a_seat_is_rung_by_the_queues_that_it_serves_and_by_no_other() {
    let office = Office::open();
    let mut caller = phone(&office, "2457", CALLER, "uas");
    let mut desk = phone(&office, "8002", SEAT, "uas");
    seat(&office, "8002");
    ask(&office, "POST", "queues", &json!({"QueueId": "9009", "QueueName": "Sales"}));
    let serves = |method: &str, queue: &str| {
        let body = json!({"AgentId": "10031", "Queues": [queue]});
        ask(&office, method, "agents/queues", &body)
    };
    serves("POST", "9009");
    reaches(&mut caller, "9009", &mut desk);
    part(&office.switch, &mut caller);

    waits(&office, &mut caller);
    let (offered, taken) = desk.offered();
    ask(&office, "POST", "queues/agents", &json!({"QueueId": "9001", "AgentIds": ["10031"]}));
    is_taken(&mut caller, &mut desk, taken);
    assert_eq!(desk.offered().0, offered + 1, "once, and only when it serves the queue");
    part(&office.switch, &mut caller);

    serves("DELETE", "9001");
    waits(&office, &mut caller);
    let (offered, taken) = desk.offered();
    serves("POST", "9001");
    is_taken(&mut caller, &mut desk, taken);
    assert_eq!(desk.offered().0, offered + 1);
    part(&office.switch, &mut caller);
}

#[test]
fn a_seat_that_is_disabled_is_rung_no_more() {
    let office = Office::open();
    let mut caller = phone(&office, "2457", CALLER, "uas");
    let mut desk = phone(&office, "8002", SEAT, "uas");
    seat(&office, "8002");
    ask(&office, "POST", "agents/queues", &json!({"AgentId": "10031", "Queues": ["9001"]}));
    reaches(&mut caller, "9001", &mut desk);
    part(&office.switch, &mut caller);

    let enable = |on: bool| {
        ask(&office, "PUT", "agents/10031", &json!({"AgentId": "10031", "Enable": on}));
    };
    enable(false);
    waits(&office, &mut caller);
    let (offered, taken) = desk.offered();
    enable(true);
    sign(&office, "login");
    is_taken(&mut caller, &mut desk, taken);
    assert_eq!(desk.offered().0, offered + 1, "not while it was disabled");
    part(&office.switch, &mut caller);
}

#[test]
fn a_queue_that_is_removed_is_reached_no_more() {
    let office = Office::open();
    let mut caller = phone(&office, "2457", CALLER, "uas");
    let mut desk = phone(&office, "8002", SEAT, "uas");
    seat(&office, "8002");
    ask(&office, "POST", "queues", &json!({"QueueId": "9009", "QueueName": "Sales"}));
    let bound = json!({"AgentId": "10031", "Queues": ["9009"]});
    ask(&office, "POST", "agents/queues", &bound);
    reaches(&mut caller, "9009", &mut desk);
    part(&office.switch, &mut caller);
    ask(&office, "DELETE", "agents/queues", &bound);
    ask(&office, "DELETE", "queues", &json!({"QueueId": "9009"}));
    assert_unknown(&office, "9009");
    assert_eq!(desk.offered().0, 1);
}

/// Nobody has the number any more.
fn assert_unknown(office: &Office, number: &str) {
    let stranger = Account::of(&office.switch, "8002", Transport::Udp);
    let mut stranger = RawUa::open(office.switch.place(), &stranger);
    stranger.invite(number, office.switch.place().ports(2));
    assert_eq!(stranger.final_response(2).status(), 404);
}

#[test]
fn a_queue_rings_in_the_way_that_it_was_changed_to() {
    let office = Office::open();
    let mut caller = phone(&office, "2457", CALLER, "uas");
    let mut desk = phone(&office, "8002", SEAT, "uas_ring");
    let mut other = phone(&office, "2458", SEAT, "uas_ring");
    seat(&office, "8002");
    let second = json!({"AgentId": "10032", "WorkId": "32", "Extension": "2458"});
    ask(&office, "POST", "agents", &json!({"Agents": [second]}));
    ask(&office, "POST", "agent/login", &json!({"agent_Id": "10032"}));
    ask(&office, "POST", "queues", &json!({"QueueId": "9009", "QueueName": "Sales"}));
    let both = json!({"QueueId": "9009", "AgentIds": ["10031", "10032"]});
    ask(&office, "POST", "queues/agents", &both);
    ask(&office, "PUT", "queues", &json!({"QueueId": "9009", "Strategy": "ring_all"}));
    caller.dial("9009");
    caller.wait_connected();
    desk.answer();
    other.answer();
    let rows = office.switch.http().rows("/api/v1/queues/9009/members");
    assert_eq!(rows[0]["agents"], json!(["10031", "10032"]), "both ring: {rows:?}");
    part(&office.switch, &mut caller);
    desk.waiting().wait_log("cancel");
    other.waiting().wait_log("cancel");
}

#[test]
fn a_seat_is_rung_where_its_extension_is_while_it_is_signed_in() {
    let office = Office::open();
    let mut caller = phone(&office, "2457", CALLER, "uas");
    let mut first = phone(&office, "8002", SEAT, "uas");
    let mut second = phone(&office, "2458", 1_200.0, "uas");
    seat(&office, "8002");
    ask(&office, "POST", "agents/queues", &json!({"AgentId": "10031", "Queues": ["9001"]}));
    reaches(&mut caller, "9001", &mut first);
    part(&office.switch, &mut caller);

    sign(&office, "logout");
    waits(&office, &mut caller);
    let (offered, taken) = first.offered();
    sign(&office, "login");
    is_taken(&mut caller, &mut first, taken);
    assert_eq!(first.offered().0, offered + 1, "not before it signed in");
    part(&office.switch, &mut caller);

    let bind = |method: &str, extension: &str| {
        let body = json!({"AgentId": "10031", "Extensions": [extension]});
        ask(&office, method, "agents/extensions", &body)
    };
    bind("DELETE", "8002");
    bind("POST", "2458");
    sign(&office, "login");
    let before = first.offered();
    reaches(&mut caller, "9001", &mut second);
    assert_eq!(first.offered(), before, "the phone that it had stays silent");
    part(&office.switch, &mut caller);
}

#[test]
fn a_seat_is_rung_at_its_mobile_and_at_its_phone_again() {
    let mut office = Office::open();
    let mut caller = phone(&office, "2457", CALLER, "uas");
    let mut desk = phone(&office, "8002", SEAT, "uas");
    seat(&office, "8002");
    ask(&office, "POST", "agents/queues", &json!({"AgentId": "10031", "Queues": ["9001"]}));
    let mode = |office: &Office, mode: &str| {
        let body = json!({"AgentId": "10031", "Contact": mode, "Number": MOBILE});
        ask(office, "POST", "agent/set_call_mode", &body);
    };
    mode(&office, "cellphone");
    caller.dial("9001");
    caller.wait_connected();
    office.carrier.wait_log(&format!("invite sip:{MOBILE}@"));
    let remote = office.carrier.wait_remote_rtp();
    office.customer.send_to(remote);
    wait_until("who took the call at the mobile is asked", SOON, || office.customer.packets() > 20);
    office.customer.send_digit('1');
    wait_until("the mobile hears the caller", SOON, || {
        office.customer.heard().seconds_of(0, CALLER) > 0.3
    });
    wait_until("the caller hears the mobile", SOON, || {
        caller.heard().seconds_of(0, CUSTOMER_TONE) > 0.3
    });
    assert_eq!(desk.offered().0, 0, "the phone stays silent");
    // Its client hangs up what it has at the mobile.
    let mut client = Client::login(&office.switch, "10031");
    client.done(&json!({"Method": "hangup"}));
    caller.wait_ended();
    office.switch.wait_idle();
    let body = json!({"AgentId": "10031", "Contact": "voip"});
    ask(&office, "POST", "agent/set_call_mode", &body);
    reaches(&mut caller, "9001", &mut desk);
    part(&office.switch, &mut caller);
}

#[test]
fn relay_numbers_decide_what_the_customer_sees() {
    let mut office = Office::open();
    ask(&office, "POST", "agent/login", &json!({"agent_Id": "101"}));
    // Each call goes to another customer: so it is told from those before.
    let shown = |office: &mut Office, customer: &str| {
        let order = json!({"called": customer, "agent_id": "101"});
        ask(office, "POST", "originatev2", &order);
        office.agent_takes_it();
        let asked = format!("invite sip:{customer}@");
        office.carrier.wait_log(&asked);
        let log = office.carrier.log();
        let line = log.lines().find(|line| line.contains(&asked)).unwrap().to_owned();
        office.switch.hang_up_all();
        office.phone.wait_ended();
        office.switch.wait_idle();
        [RELAY, SECOND_RELAY].map(|number| line.contains(&format!("<sip:{number}@")))
    };
    let company = |number: &str| json!({"DefSpNumber": number});
    ask(&office, "PUT", "spnumbers/default", &company(SECOND_RELAY));
    assert_eq!(shown(&mut office, "057188880001"), [false, true], "the company's");
    ask(&office, "PUT", "spnumbers/agent/default/101", &company(RELAY));
    assert_eq!(shown(&mut office, "057188880002"), [true, false], "the agent's own");
    ask(&office, "DELETE", "spnumbers/agent/default/101", &json!({}));
    assert_eq!(shown(&mut office, "057188880003"), [false, true], "the company's again");
    ask(&office, "DELETE", "spnumbers/default", &json!({}));
    let any = shown(&mut office, "057188880004");
    assert_ne!(any[0], any[1], "one of the company's, whichever");
}

#[test]
fn an_extension_that_was_made_is_called_until_it_is_removed() {
    let office = Office::open();
    let mut caller = phone(&office, "2457", CALLER, "uas");
    let made = ask(&office, "POST", "extensions", &json!({"Extension": "4567"}));
    let password = made["Result"]["Password"].as_str().expect("a password").to_owned();
    let account = |user: &str| Account {
        password: password.clone(),
        ..Account::of(&office.switch, user, Transport::Udp)
    };
    let own = account(&format!("{PREFIX}4567"));
    let mut desk = SippPhone::register(office.switch.place(), &own, SEAT);
    office.switch.wait_registered("4567");
    reaches(&mut caller, "4567", &mut desk);
    part(&office.switch, &mut caller);
    ask(&office, "DELETE", "extensions", &json!({"Extension": "4567"}));
    assert!(!office.switch.is_registered("4567"));
    assert_unknown(&office, "4567");
    assert_eq!(desk.offered().0, 1);
}
