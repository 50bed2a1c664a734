//! Auto-dialling: a campaign with real phones at both ends, its numbers from a real HTTP server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::cti::{APP, RELAY, SECOND_RELAY, auth, post, setup, sign};
use super::cti_events::subscribe;
use super::support::SOON;
use super::support::phone::{Account, Transport};
use super::support::place::Place;
use super::support::receiver::{Manner, Received, Receiver};
use super::support::robot::Robot;
use super::support::rtp::RtpPeer;
use super::support::sipp::{Scenario, SippPhone};
use super::support::switch::{Switch, text_of};
use super::support::wait::{wait_for, wait_until};

/// One of them is not to be called.
const NUMBERS: [&str; 6] = [
    "057188880001",
    "057188880002",
    "057188880003",
    "057188880004",
    "057188880005",
    "057188880006",
];

/// The application: numbers for a task, all at once, and a word for its end.
pub fn application(path: &str, body: &Value) -> Value {
    if path.contains("/cc_ad_task/numbers") {
        assert!(body["count"].as_u64().is_some_and(|count| count > 0), "{body}");
        let row = |number: &&str| json!({"id": format!("id-{number}"), "number": number});
        let rows: Vec<Value> = NUMBERS.iter().map(row).collect();
        return json!({"code": "000000", "message": "OK", "exhausted": true, "results": rows});
    }
    json!({"code": "000000", "message": "OK"})
}

fn parameters(request: &Received) -> BTreeMap<String, String> {
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn asked(server: &Receiver, operation: &str) -> Vec<Received> {
    let mut all = server.received();
    all.retain(|request| request.path.contains(&format!("/{operation}?")));
    all
}

/// What the document calls the server-side signature of the application.
fn is_signed(request: &Received, secret: &str) {
    let given = parameters(request);
    assert_eq!(given["AppId"], APP);
    assert_eq!(given["Sign"], sign(APP, secret, &given["Timestamp"]), "{given:?}");
}

/// Of each call: the customer answers, then an agent is rung and has it.
fn assert_told(told: &Receiver, calls: &BTreeSet<String>) {
    let events = || -> Vec<Value> { told.received().iter().map(Received::json).collect() };
    wait_until("the calls are told", SOON, || {
        events().iter().filter(|event| event["Event"] == "agent_answer").count() == 5
    });
    for id in calls {
        let mut own = events();
        own.retain(|event| event["CallId"].as_str().unwrap().replace('-', "") == *id);
        let names: Vec<&str> = own.iter().map(|event| event["Event"].as_str().unwrap()).collect();
        assert_eq!(names, ["user_answer", "agent_ringing", "agent_answer"]);
        assert!(own.iter().all(|event| event["CallDirection"] == "outbound"), "{own:?}");
        assert!(own[1..].iter().all(|event| event["AgentId"] != ""), "{own:?}");
    }
}

fn is_available(switch: &Switch, agent: &str) {
    let path = format!("/api/v1/agents/{agent}/intent");
    let answer = switch.http().put(&path, &json!({"status": "available"}));
    assert_eq!(answer.status, 204, "{}", answer.text());
}

#[test]
fn a_ratio_campaign_fetches_its_numbers_keeps_its_limit_and_reports_its_end() {
    let place = Arc::new(Place::take());
    let port = place.port();
    let customer = RtpPeer::open(place.ports(2), 1_400.0);
    let carrier = Scenario::carrier("carrier", port, customer.port()).start(&place);
    let setup = setup(port).with("[[dialer]]\ntenant = \"demo\"\nclasses = [\"national\"]\n").with(
        "[[agent]]\ntenant = \"demo\"\nid = \"102\"\nextension = \"8002\"\n\
             queues = [{ queue = \"9001\" }]\n",
    );
    let switch = Switch::start_in(Arc::clone(&place), setup);
    switch.wait_trunk("carrier", true);
    let phones: Vec<SippPhone> = ["8001", "8002"]
        .into_iter()
        .map(|number| {
            let account = Account::of(&switch, number, Transport::Udp);
            let phone = SippPhone::register(&place, &account, 1_000.0);
            switch.wait_registered(number);
            phone
        })
        .collect();
    let server = Receiver::start(Manner::Gives(application));
    let base = format!("http://{}/app", server.address());
    let answer =
        post(&switch, "PUT", &format!("apps?{}", auth(APP)), &json!({"CallbackUrl": base}));
    assert_eq!(answer["ErrCode"], "000000", "{answer}");
    let details = post(&switch, "GET", &format!("apps?{}", auth(APP)), &json!({}));
    let secret = details["Result"]["Secret"].as_str().unwrap_or_default().to_owned();
    assert!(!secret.is_empty(), "{details}");
    let barred = switch.http().post("/api/v1/do-not-call", &json!({"numbers": [NUMBERS[5]]}));
    assert_eq!(barred.status, 204, "{}", barred.text());
    let told = Receiver::start(Manner::Says(200, Duration::ZERO));
    subscribe(&switch, &told.url(), &["user_answer", "agent_ringing", "agent_answer"]);
    ["101", "102"].iter().for_each(|agent| is_available(&switch, agent));

    let task = json!({"AdTaskId": "spring", "AdTaskType": "2", "AdTaskRatio": 1.5,
        "AdQueueId": "9001", "AdCallerNum": RELAY, "AdDispNum": SECOND_RELAY, "AdConCallLimit": 2});
    let answer = post(&switch, "POST", &format!("ads/task/start?{}", auth(APP)), &task);
    assert_eq!(answer["ErrCode"], "000000", "{answer}");

    // Conversations come two at a time and never more; each is ended when both talk.
    let mut talked = BTreeSet::new();
    let shown = || switch.http().get("/api/v1/dial-tasks/spring").json();
    wait_until("the campaign runs out", SOON * 4, || {
        let calls = switch.calls();
        assert!(calls.len() <= 2, "{calls:?}");
        for call in calls.iter().filter(|call| call["stage"] == "talking") {
            let id = text_of(call, &["call", "id"]);
            switch.http().delete(&format!("/api/v1/calls/{id}"));
            talked.insert(id);
        }
        shown()["state"] == "ended"
    });
    let task = shown();
    assert_eq!(task["ended"], "exhausted", "{task}");
    assert_eq!(task["outcomes"], json!({"answered": 5, "do_not_call": 1}), "{task}");
    assert_eq!(talked.len(), 5, "each of them talked");
    let numbers = switch.http().get("/api/v1/dial-tasks/spring/numbers").json();
    let rows = numbers["items"].as_array().unwrap();
    for row in rows.iter().filter(|row| row["outcome"] == "answered") {
        assert!(row["agent"] == "101" || row["agent"] == "102", "{row}");
    }
    assert_told(&told, &talked);
    let log = carrier.log();
    for number in &NUMBERS[..5] {
        let invites = log.lines().filter(|line| line.contains("invite") && line.contains(number));
        let invites: Vec<&str> = invites.collect();
        assert_eq!(invites.len(), 1, "{number} is called once: {log}");
        assert!(invites[0].contains(SECOND_RELAY), "as the display number: {}", invites[0]);
    }
    assert!(!log.contains(NUMBERS[5]), "nobody calls who must not be called");

    let requests = asked(&server, "cc_ad_task/numbers");
    assert!(!requests.is_empty());
    let body = requests[0].json();
    assert_eq!((&body["app_id"], &body["ad_task_id"]), (&json!(APP), &json!("spring")));
    is_signed(&requests[0], &secret);
    let ends = wait_for("the end is told", SOON, || asked(&server, "cc_ad_task/stop").pop());
    assert_eq!(ends.json(), json!({"app_id": APP, "ad_task_id": "spring"}));
    is_signed(&ends, &secret);
    switch.wait_idle();
    let records = switch.wait_records(5);
    let dialled = records.iter().filter(|row| row["dialled_for"]["task"] == "spring").count();
    assert_eq!(dialled, 5, "{records:?}");
    drop(phones);
}

/// The process dies while numbers are in the air: those are reported and not dialled again, the others are.
#[test]
fn a_number_that_was_being_dialled_at_a_crash_is_not_dialled_again() {
    let place = Arc::new(Place::take());
    let port = place.port();
    let customer = RtpPeer::open(place.ports(2), 1_400.0);
    let carrier = Scenario::carrier("carrier", port, customer.port()).start(&place);
    let setup = setup(port)
        .with("[[dialer]]\ntenant = \"demo\"\nclasses = [\"national\"]\n")
        .with("[[menu]]\ntenant = \"demo\"\nname = \"news\"\ngreeting = \"music/hold\"\n");
    let mut switch = Switch::start_in(Arc::clone(&place), setup);
    switch.wait_trunk("carrier", true);
    let path = "/api/v1/dial-tasks/news";
    let task = json!({"mode": "broadcast", "menu": "news", "caller_number": RELAY, "max_calls": 2});
    assert_eq!(switch.http().put(path, &task).status, 204);
    let rows: Vec<Value> = NUMBERS.iter().map(|number| json!({"number": number})).collect();
    let batch = json!({"numbers": rows, "exhausted": true});
    let answer = switch.http().post(&format!("{path}/numbers"), &batch);
    assert_eq!(answer.json()["added"], 6, "{}", answer.text());
    assert_eq!(switch.http().post(&format!("{path}/start"), &json!({})).status, 204);
    wait_until("two are called", SOON, || carrier.log().matches("invite").count() == 2);
    switch.kill();
    switch.restart();
    switch.wait_trunk("carrier", true);
    wait_until("the campaign runs out", SOON * 4, || {
        switch.hang_up_all();
        switch.http().get(path).json()["state"] == "ended"
    });
    let task = switch.http().get(path).json();
    assert_eq!(task["outcomes"]["interrupted"], 2, "{task}");
    let log = carrier.log();
    for number in NUMBERS {
        let called = log.lines().filter(|line| line.contains("invite") && line.contains(number));
        assert_eq!(called.count(), 1, "{number}: {log}");
    }
}

/// The address is the tenant's, the token the task's; what the robot notes is in the call's log.
#[test]
fn a_robot_talks_in_the_calls_of_its_task() {
    let place = Arc::new(Place::take());
    let port = place.port();
    let customer = RtpPeer::open(place.ports(2), 1_400.0);
    let mut carrier = Scenario::carrier("carrier", port, customer.port()).start(&place);
    let robot = Robot::start(place.port());
    let dialer = format!(
        "[[dialer]]\ntenant = \"demo\"\nclasses = [\"national\"]\nrobot_url = \"ws://{}/cti\"\n",
        robot.address()
    );
    let switch = Switch::start_in(Arc::clone(&place), setup(port).with(&dialer));
    switch.wait_trunk("carrier", true);
    let server = Receiver::start(Manner::Gives(application));
    let base = format!("http://{}/app", server.address());
    post(&switch, "PUT", &format!("apps?{}", auth(APP)), &json!({"CallbackUrl": base}));
    let task = json!({"AdTaskId": "robots", "AdTaskType": "5", "AdTaskRatio": 1,
        "AdRobotToken": "robot-token-17", "AdCallerNum": RELAY, "AdDispNum": SECOND_RELAY,
        "AdConCallLimit": 1});
    let answer = post(&switch, "POST", &format!("ads/task/start?{}", auth(APP)), &task);
    assert_eq!(answer["ErrCode"], "000000", "{answer}");
    let start = robot.wait_told("start", 1);
    assert_eq!((&start["token"], &start["number"]), (&json!("robot-token-17"), &json!(NUMBERS[0])));
    assert_eq!(start["caller_number"], SECOND_RELAY, "{start}");
    customer.send_to(carrier.wait_remote_rtp());
    wait_until("the customer hears itself", SOON, || customer.heard().seconds_of(0, 1_400.0) > 1.0);
    robot.say(&json!({"type": "vars", "vars": {"intent": "yes"}}));
    robot.say(&json!({"type": "hangup"}));
    let next = robot.wait_told("start", 2);
    assert_eq!(next["number"], NUMBERS[1], "the task goes on");
    let stop = format!("ads/task/force_stop?{}", auth(APP));
    post(&switch, "POST", &stop, &json!({"AdTaskId": "robots"}));
    switch.wait_idle();
    let wanted = json!({"PageSize": 50, "PageNum": 1});
    let log = wait_for("the calls are in the log", SOON, || {
        let answer = post(&switch, "GET", &format!("calls/logs?{}", auth(APP)), &wanted);
        let rows = answer["Result"]["CallLogs"].as_array()?.clone();
        (rows.len() >= 2).then_some(rows)
    });
    let second = json!({"PageSize": 1, "PageNum": 2});
    let answer = post(&switch, "GET", &format!("calls/logs?{}", auth(APP)), &second);
    assert_eq!(answer["Result"]["CallLogs"], json!([log[1]]), "one page after the other");
    let row = log.iter().find(|row| row["AdCallId"] == format!("id-{}", NUMBERS[0])).unwrap();
    assert_eq!(
        (&row["RobotVars"], &row["AdTaskId"]),
        (&json!({"intent": "yes"}), &json!("robots"))
    );
    assert_eq!(
        (&row["CallType"], &row["SpNumber"], &row["DestNumber"]),
        (&json!("Outgoing"), &json!(SECOND_RELAY), &json!(NUMBERS[0])),
        "{row}"
    );
}
