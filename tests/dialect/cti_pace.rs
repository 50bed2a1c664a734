//! CTI cloud: dialling tasks while they run: faster, stopped, and ended at once. What the carrier is asked for shows it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::cti::*;
use super::cti_tasks::application;
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::phone::{Account, Transport};
use super::support::place::Place;
use super::support::receiver::{Manner, Receiver};
use super::support::sipp::Scenario;
use super::support::switch::{Switch, text_of};
use super::support::wait::wait_until;

#[test]
fn a_task_dials_as_fast_as_it_is_told_and_its_calls_end_with_it() {
    let place = Arc::new(Place::take());
    let port = place.port();
    let carrier = Scenario::carrier("carrier_rings", port, place.ports(2)).start(&place);
    let setup = setup(port).with("[[dialer]]\ntenant = \"demo\"\nclasses = [\"national\"]\n");
    let switch = Switch::start_in(place, setup);
    switch.wait_trunk("carrier", true);
    let account = Account::of(&switch, "8001", Transport::Udp);
    let _agent = Baresip::register(switch.place(), &account, AGENT_TONE);
    switch.wait_registered("8001");
    let ask = |path: &str, method: &str, body: &Value| {
        let answer = post(&switch, method, &format!("{path}?{}", auth(APP)), body);
        assert_eq!(answer["ErrCode"], "000000", "{method} {path}: {answer}");
    };
    let server = Receiver::start(Manner::Gives(application));
    let base = format!("http://{}/app", server.address());
    ask("apps", "PUT", &json!({"CallbackUrl": base}));
    ask("agent/login", "POST", &json!({"agent_Id": "101"}));
    let called = |count: usize| {
        wait_until(&format!("{count} are called"), SOON, || {
            carrier.log().matches("invite ").count() == count
        });
    };

    let task = json!({"AdTaskId": "spring", "AdTaskType": "2", "AdTaskRatio": 1, "AdQueueId": "9001",
        "AdCallerNum": RELAY, "AdDispNum": SECOND_RELAY, "AdConCallLimit": 20});
    ask("ads/task/start", "POST", &task);
    called(1);
    assert_eq!(switch.calls().len(), 1, "one for the one agent who is idle");
    ask("ads/task/update_ratio", "POST", &json!({"AdTaskId": "spring", "AdTaskRatio": 3}));
    called(3);

    ask("ads/task/stop", "POST", &json!({"AdTaskId": "spring"}));
    assert_eq!(switch.calls().len(), 3, "those that ring go on");
    let id = text_of(&switch.calls()[0], &["call", "id"]);
    switch.http().delete(&format!("/api/v1/calls/{id}"));
    wait_until("one call less", SOON, || switch.calls().len() == 2);

    ask("ads/task/force_stop", "POST", &json!({"AdTaskId": "spring"}));
    switch.wait_idle();
    wait_until("the carrier's calls are cancelled", SOON, || {
        carrier.log().matches("cancel").count() == 3
    });
    let shown = switch.http().get("/api/v1/dial-tasks/spring").json();
    assert_eq!(
        (&shown["ended"], &shown["waiting"]),
        (&json!("force_stopped"), &json!(3)),
        "{shown}"
    );
    assert_eq!(carrier.log().matches("invite ").count(), 3, "and nobody in their place");
}
