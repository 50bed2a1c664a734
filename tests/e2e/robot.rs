//! Dial tasks whose calls a robot talks in: a WebSocket server that says back what it hears, and a real phone at the other
//! end of the carrier.

use std::sync::Arc;

use serde_json::{Value, json};

use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::robot::Robot;
use super::support::rtp::RtpPeer;
use super::support::sipp::{Scenario, Sipp, SippPhone};
use super::support::switch::{Setup, Switch};
use super::support::wait::wait_until;
use super::webhooks_tls::certified;

const SHOWN: &str = "057126200670";
const FIRST: &str = "057188880001";
const SECOND: &str = "057188880002";
const TOKEN: &str = "robot-token-7a31";
/// What the customer sends, and what the phone sends to which it is given.
const CUSTOMER: f64 = 1_400.0;
const AGENT: f64 = 1_000.0;
const TASK: &str = "/api/v1/dial-tasks/spring";

/// A switch with a carrier that answers every call, and a phone with the number 8002.
struct Scene {
    switch: Switch,
    carrier: Sipp,
    customer: RtpPeer,
    phone: SippPhone,
    place: Arc<Place>,
}

impl Scene {
    fn open() -> Self {
        Self::open_in(Arc::new(Place::take()), "allow_private = true")
    }

    /// With these keys of `[webhooks]`.
    fn open_in(place: Arc<Place>, webhooks: &str) -> Self {
        let port = place.port();
        let customer = RtpPeer::open(place.ports(2), CUSTOMER);
        let carrier = Scenario::carrier("carrier", port, customer.port()).start(&place);
        let setup = Setup::default()
            .extension("8002", "")
            .with(&format!("[webhooks]\n{webhooks}\n"))
            .with("[[dialer]]\ntenant = \"demo\"\nclasses = [\"national\"]\n")
            .with(&format!(
                "[[trunk]]\ntenant = \"demo\"\nname = \"carrier\"\nhost = \"127.0.0.1:{port}\"\n\
                 transport = \"udp\"\nqualify_secs = 1\n\
                 [[number]]\ntenant = \"demo\"\ntrunk = \"carrier\"\nnumber = \"{SHOWN}\"\nto = \"echo\"\n\
                 [[route]]\ntenant = \"demo\"\nmatch = \"^0\\\\d{{7,12}}$\"\nclass = \"national\"\nto = \"trunk:carrier\"\n"
            ));
        let switch = Switch::start_in(Arc::clone(&place), setup);
        switch.wait_trunk("carrier", true);
        let account = Account::of(&switch, "8002", Transport::Udp);
        let phone = SippPhone::register(&place, &account, AGENT);
        switch.wait_registered("8002");
        Self { switch, carrier, customer, phone, place }
    }

    /// A task has its robot at this port.
    fn start(&self, port: u16) {
        self.start_at(&format!("ws://127.0.0.1:{port}/calls?of=demo"));
    }

    /// ... at this address.
    fn start_at(&self, url: &str) {
        let task = json!({"mode": "robot", "caller_number": SHOWN, "max_calls": 1,
            "robot_url": url, "robot_token": TOKEN});
        let answer = self.switch.http().put(TASK, &task);
        assert_eq!(answer.status, 204, "{}", answer.text());
        let answer = self.switch.http().post(&format!("{TASK}/start"), &json!({}));
        assert_eq!(answer.status, 204, "{}", answer.text());
    }

    /// ... and dials a number, maybe the last.
    fn dial(&self, number: &str, last: bool) {
        let batch = json!({"numbers": [{"number": number}], "exhausted": last});
        let answer = self.switch.http().post(&format!("{TASK}/numbers"), &batch);
        assert_eq!(answer.json()["added"], 1, "{}", answer.text());
    }

    /// What is known of a number of the task.
    fn number(&self, number: &str) -> Value {
        let rows = self.switch.http().rows(&format!("{TASK}/numbers"));
        let row = rows.into_iter().find(|row| row["number"] == number);
        row.unwrap_or_else(|| panic!("{number} is unknown"))
    }

    /// The customer hears one tone and not the other.
    fn customer_hears(&self, tone: f64, not: f64) {
        self.customer.forget();
        wait_until(&format!("the customer hears {tone} Hz"), SOON, || {
            self.customer.heard().seconds_of(0, tone) > 0.5
        });
        self.customer.forget();
        wait_until("the customer hears for 2 s", SOON, || self.customer.heard().seconds() > 2.0);
        let heard = self.customer.heard();
        let (own, other) = (heard.mean_level(0, tone), heard.mean_level(0, not));
        assert!(own > -15.0 && other < own - 30.0, "{tone} Hz at {own} dB, {not} Hz at {other}");
        assert!(heard.seconds_of(0, tone) > 1.7, "without gaps: {}", heard.seconds_of(0, tone));
    }
}

#[test]
fn a_customer_hears_its_own_voice_from_the_robot_and_is_given_to_a_phone() {
    let mut scene = Scene::open();
    let robot = Robot::start(scene.place.port());
    scene.start(robot.address().port());
    scene.dial(FIRST, true);
    let start = robot.wait_told("start", 1);
    let audio = json!({"encoding": "pcm_s16le", "rate": 8_000, "channels": 1, "frame_ms": 20});
    let mut expected = json!({"type": "start", "tenant": "demo", "task": "spring", "id": FIRST,
        "number": FIRST, "caller_number": SHOWN, "token": TOKEN, "audio": audio});
    expected["call"] = start["call"].clone();
    assert_eq!(start, expected);
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(robot.doors(), [("/calls?of=demo".to_owned(), bearer)]);
    let call = start["call"].as_str().unwrap().to_owned();
    assert_eq!(scene.switch.calls()[0]["call"], call.as_str());

    let remote = scene.carrier.wait_remote_rtp();
    scene.customer.send_to(remote);
    scene.customer_hears(CUSTOMER, AGENT);
    assert!(robot.frames().iter().all(|bytes| *bytes == 320), "20 ms at 8 kHz each");

    scene.customer.send_digit('5');
    scene.customer.send_digit('#');
    robot.wait_told("dtmf", 2);
    let digits: Vec<Value> = robot.told("dtmf").iter().map(|told| told["digit"].clone()).collect();
    assert_eq!(digits, ["5", "#"]);
    robot.say(&json!({"type": "vars", "vars": {"intent": "yes", "score": 7}}));
    robot.say(&json!({"type": "sing"}));
    let error = robot.wait_told("error", 1);
    assert!(error["message"].as_str().unwrap().contains("hangup"), "{error}");
    robot.say(&json!({"type": "transfer", "to": "queue:9009"}));
    let error = robot.wait_told("error", 2);
    assert!(error["message"].as_str().unwrap().contains("transfer"), "{error}");
    let metrics = scene.switch.http().get("/metrics").text();
    assert!(metrics.lines().any(|line| line == "strowger_robots 1"), "{metrics}");

    robot.say(&json!({"type": "transfer", "to": "extension:8002"}));
    assert_eq!(robot.wait_told("hangup", 1)["reason"], "transferred");
    wait_until("the robot is left with a goodbye", SOON, || robot.closed() == 1);
    scene.phone.answer();
    scene.phone.wait_connected();
    scene.customer_hears(AGENT, CUSTOMER);
    scene.switch.hang_up_all();
    scene.switch.wait_idle();
    let record = scene.switch.wait_records(1).remove(0);
    let vars = json!({"intent": "yes", "score": "7"});
    assert_eq!(
        (&record["call"], &record["dialled_for"]["vars"]),
        (&json!(call), &vars),
        "{record}"
    );
    wait_until("the task is over", SOON, || {
        scene.switch.http().get(TASK).json()["state"] == "ended"
    });
    let row = scene.number(FIRST);
    assert_eq!((&row["outcome"], &row["vars"]), (&json!("answered"), &vars), "{row}");
    let task = scene.switch.http().get(TASK);
    assert!(!task.text().contains(TOKEN), "the token is never shown: {}", task.text());
}

#[test]
fn a_robot_that_is_not_there_fails_its_number_and_the_next_one_hangs_up() {
    let scene = Scene::open();
    let port = scene.place.port();
    scene.start(port);
    scene.dial(FIRST, false);
    let records = scene.switch.wait_records(1);
    assert_eq!(records[0]["cause"], "robot_lost", "{records:?}");
    assert_eq!(scene.number(FIRST)["outcome"], "failed");
    let robot = Robot::start(port);
    scene.dial(SECOND, true);
    assert_eq!(robot.wait_told("start", 1)["number"], SECOND);
    assert_eq!(scene.switch.calls().len(), 1);
    robot.say(&json!({"type": "hangup"}));
    assert_eq!(robot.wait_told("hangup", 1)["reason"], "ended");
    scene.switch.wait_idle();
    let records = scene.switch.wait_records(2);
    assert_eq!(
        (&records[0]["cause"], &records[0]["ended_by"]),
        (&json!("normal"), &json!("switch"))
    );
    wait_until("the task is over", SOON, || {
        scene.switch.http().get(TASK).json()["ended"] == "exhausted"
    });
    assert_eq!(scene.number(SECOND)["outcome"], "answered");
    let lost = "strowger_robots_lost_total 1";
    let metrics = scene.switch.http().get("/metrics").text();
    assert!(metrics.lines().any(|line| line == lost), "{metrics}");
    wait_until("no connection is left", SOON, || {
        let metrics = scene.switch.http().get("/metrics").text();
        metrics.lines().any(|line| line == "strowger_robots 0")
    });
}

#[test]
fn a_robot_behind_tls_is_reached_where_its_authority_is_trusted_and_no_other() {
    let place = Arc::new(Place::take());
    let ((authority, config), (_, other)) = (certified(), certified());
    let file = place.dir().join("ca.pem");
    std::fs::write(&file, authority).unwrap();
    let keys = format!("allow_private = true\nca_file = {file:?}");
    let mut scene = Scene::open_in(place, &keys);
    let robot = Robot::secured(scene.place.port(), config);
    scene.start_at(&format!("wss://{}/calls", robot.address()));
    scene.dial(FIRST, false);
    assert_eq!(robot.wait_told("start", 1)["number"], FIRST);
    let remote = scene.carrier.wait_remote_rtp();
    scene.customer.send_to(remote);
    scene.customer_hears(CUSTOMER, AGENT);
    robot.say(&json!({"type": "hangup"}));
    assert_eq!(robot.wait_told("hangup", 1)["reason"], "ended");
    let stranger = Robot::secured(scene.place.port(), other);
    scene.start_at(&format!("wss://{}/calls", stranger.address()));
    scene.dial(SECOND, true);
    let records = scene.switch.wait_records(2);
    assert_eq!(records[0]["cause"], "robot_lost", "{records:?}");
    assert_eq!(stranger.doors(), [], "nothing is said to whom nobody vouches for");
}

#[test]
fn no_robot_at_a_private_address_is_reached_unless_that_is_allowed() {
    let scene = Scene::open_in(Arc::new(Place::take()), "allow_private = false");
    let robot = Robot::start(scene.place.port());
    scene.start(robot.address().port());
    scene.dial(FIRST, true);
    let records = scene.switch.wait_records(1);
    assert_eq!(records[0]["cause"], "robot_lost", "{records:?}");
    assert_eq!(robot.doors(), []);
}
