//! The CTI cloud interface: its scenes, and what a transcript cannot say.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sha1::{Digest, Sha1};

use serde_json::{Value, json};

use super::golden::transcript::Request;
use super::golden::wire::Client;
use super::golden::{Scene, Variables};
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::raw::{RawUa, Text, bare_uri, offer};
use super::support::rtp::RtpPeer;
use super::support::sipp::{Scenario, Sipp};
use super::support::switch::{Setup, Switch, sounds_with_tone};
use super::support::wait::wait_until;

pub const APP: &str = "a54a8b77-f12d-4ac9-842d-5b2bef5c4d11";
pub const OTHER: &str = "6f142ddb-47ed-442e-83e7-6d2574d77aa2";
/// One that nobody has made yet.
pub const FRESH: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
pub const SID: &str = "100200300";
pub const TOKEN: &str = "cti-operator-token";
/// Relay numbers of the application.
pub const RELAY: &str = "057126200670";
pub const SECOND_RELAY: &str = "057126200671";
/// A customer.
pub const CUSTOMER: &str = "057187654321";

/// Two applications of one operator. The first has four extensions, a carrier at `port`, an agent and a queue of the file.
pub fn setup(port: u16) -> Setup {
    let mut setup = Setup::default().tenant(&format!("cti_app_id = \"{APP}\""));
    for number in ["2457", "2458", "8001", "8002"] {
        let more = "classes = [\"internal\", \"national\"]\nrecord = \"on_demand\"\n";
        setup = setup.extension(number, more);
    }
    setup
        .with("[webhooks]\nallow_private = true\n")
        .with(&format!("[[operator]]\nsid = \"{SID}\"\nauth_token = \"{TOKEN}\"\n"))
        .with(&format!(
            "[[tenant]]\nid = \"other\"\nprefix = \"9031046857\"\ncti_app_id = \"{OTHER}\"\n"
        ))
        .with(&format!(
            "[[trunk]]\ntenant = \"demo\"\nname = \"carrier\"\nhost = \"127.0.0.1:{port}\"\n\
             transport = \"udp\"\nqualify_secs = 1\n"
        ))
        .with(&format!(
            "[[number]]\ntenant = \"demo\"\ntrunk = \"carrier\"\nnumber = \"{RELAY}\"\nto = \"queue:9001\"\n\
             [[number]]\ntenant = \"demo\"\ntrunk = \"carrier\"\nnumber = \"{SECOND_RELAY}\"\nto = \"echo\"\n"
        ))
        .with(
            "[[route]]\ntenant = \"demo\"\nmatch = \"^0\\\\d{7,12}$\"\nclass = \"national\"\nto = \"trunk:carrier\"\n",
        )
        .with(
            "[[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\nname = \"Support\"\nexit_with_no_av_agents = false\n\
             agent_report_wait_time = false\nrecord_enabled = false\n",
        )
        .with(
            "[[agent]]\ntenant = \"demo\"\nid = \"101\"\nextension = \"8001\"\nname = \"Li\"\n\
             queues = [{ queue = \"9001\" }]\n",
        )
}

pub fn switch() -> Switch {
    let place = Arc::new(Place::take());
    let port = place.port();
    let dialer = "[[dialer]]\ntenant = \"demo\"\nrobot_url = \"wss://robot.example/calls\"\n";
    Switch::start_in(place, setup(port).with(dialer))
}

/// What a customer hears while held.
pub const MUSIC: f64 = 440.0;
pub const AGENT_TONE: f64 = 1_000.0;
pub const CUSTOMER_TONE: f64 = 1_400.0;

/// A switch, a carrier that answers every call, and the phone of agent 101.
pub struct Office {
    pub phone: Baresip,
    pub carrier: Sipp,
    pub customer: RtpPeer,
    pub switch: Switch,
}

impl Office {
    pub fn open() -> Self {
        let place = Arc::new(Place::take());
        let port = place.port();
        let sounds = sounds_with_tone(&place, "music/hold.wav", MUSIC, 20);
        let customer = RtpPeer::open(place.ports(2), CUSTOMER_TONE);
        let carrier = Scenario::carrier("carrier", port, customer.port()).start(&place);
        let switch = Switch::start_in(place, setup(port).sounds(&sounds));
        switch.wait_trunk("carrier", true);
        let account = Account::of(&switch, "8001", Transport::Udp);
        let phone = Baresip::register(switch.place(), &account, AGENT_TONE);
        switch.wait_registered("8001");
        Self { phone, carrier, customer, switch }
    }

    /// The agent takes the call that rings, and the customer is connected.
    pub fn agent_takes_it(&mut self) {
        self.phone.answer();
        self.phone.wait_connected();
        let remote = self.carrier.wait_remote_rtp();
        self.customer.send_to(remote);
        wait_until("both talk", SOON, || {
            self.switch.calls().iter().any(|call| call["stage"] == "talking")
        });
    }

    /// Calls this interface as the operator.
    pub fn post(&self, method: &str, path: &str, body: &Value) -> Value {
        post(&self.switch, method, path, body)
    }
}

/// A customer at the carrier of port `port`.
pub struct Customer {
    pub carrier: RawUa,
    pub rtp: RtpPeer,
    calls: u32,
    /// The answer to the call that it is in.
    answer: Option<Text>,
}

impl Customer {
    pub fn of(switch: &Switch, port: u16) -> Self {
        let mut account = Account::of(switch, "anybody", Transport::Udp);
        CUSTOMER.clone_into(&mut account.user);
        "carrier.example".clone_into(&mut account.domain);
        let rtp = RtpPeer::open(switch.place().ports(2), CUSTOMER_TONE);
        Self { carrier: RawUa::bound(&account, port), rtp, calls: 0, answer: None }
    }

    /// Calls a number, and sends its voice to where the first description says.
    pub fn calls(&mut self, number: &str) {
        self.calls += 1;
        let (uri, call) = (format!("sip:{number}@pbx.example"), format!("customer{}", self.calls));
        let invite = self.carrier.request("INVITE", &uri, &call, 1, "", &offer(self.rtp.port()));
        self.carrier.send(&invite);
        let answer = self.carrier.receive_until("a description", |text| {
            text.header("Call-ID").is_some_and(|id| id.starts_with(&format!("{call}@")))
                && text.audio_port().is_some()
        });
        if answer.status() == 200 {
            self.carrier.acknowledge(&uri, &call, 1, &answer);
        }
        self.rtp.send_to(SocketAddr::from(([127, 0, 0, 1], answer.audio_port().expect("audio"))));
        self.answer = Some(answer);
    }

    /// Ends the call that was answered.
    pub fn hangs_up(&mut self) {
        let answer = self.answer.take().expect("an answered call");
        let contact = bare_uri(answer.header("Contact").expect("a contact")).to_owned();
        let call = format!("customer{}", self.calls);
        let bye = self.carrier.in_dialog("BYE", &contact, &call, 2, &answer);
        self.carrier.send(&bye);
        assert_eq!(self.carrier.final_response(2).status(), 200);
    }

    pub fn hears(&self, what: &str, frequency: f64) {
        wait_until(what, SOON, || self.rtp.heard().seconds_of(0, frequency) > 0.5);
    }
}

/// A request with its body; the answer's.
pub fn post(switch: &Switch, method: &str, path: &str, body: &Value) -> Value {
    let request = Request {
        method: method.to_owned(),
        path: format!("/ccapi/v2/{path}"),
        headers: Vec::new(),
        body: body.to_string(),
    };
    Client::new(switch.http().address()).send(&request).json()
}

pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
    u64::try_from(since.as_millis()).expect("this century")
}

/// The documented signature.
pub fn sign(name: &str, token: &str, stamp: &str) -> String {
    let bytes = Sha1::digest(format!("{name}{token}{stamp}").as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The parameters of an address for an application, signed by the operator now.
pub fn auth(app: &str) -> String {
    let stamp = now_ms().to_string();
    format!("Timestamp={stamp}&AppId={app}&Sid={SID}&Sign={}", sign(SID, TOKEN, &stamp))
}

/// ... without an application, as call control has it, in seconds.
pub fn bare_auth() -> String {
    let stamp = (now_ms() / 1_000).to_string();
    format!("Timestamp={stamp}&Sid={SID}&Sign={}", sign(SID, TOKEN, &stamp).to_uppercase())
}

/// ... by an agent's front end.
pub fn agent_auth(agent: &str) -> String {
    let stamp = now_ms().to_string();
    format!("Timestamp={stamp}&AppId={APP}&AgentId={agent}&Sign={}", sign(agent, TOKEN, &stamp))
}

pub fn scene(needs: &str) -> Scene {
    match needs {
        "nothing" => {
            let switch = Rc::new(switch());
            let own = Rc::clone(&switch);
            let written = move |_: &mut Variables| {
                wait_until("the log is written", SOON, || {
                    let path = format!("agents/statelogs?{}", auth(APP));
                    let answer = post(&own, "GET", &path, &json!({}));
                    answer["Result"]["AgentStateLogs"]
                        .as_array()
                        .is_some_and(|rows| !rows.is_empty())
                });
            };
            described(Scene::new(&switch)).action("the log is written", written).keep(switch)
        }
        "phones" => with_phones(),
        other => panic!("no scene {other}"),
    }
}

/// Agent 101 has its phone and is signed in, and the carrier answers.
fn with_phones() -> Scene {
    let office = Office::open();
    let answer =
        office.post("POST", &format!("agent/login?{}", auth(APP)), &json!({"agent_Id": "101"}));
    assert_eq!(answer["ErrCode"], "000000", "{answer}");
    let scene = described(Scene::new(&office.switch));
    let office = Rc::new(RefCell::new(office));
    let (one, other) = (Rc::clone(&office), Rc::clone(&office));
    let (third, fourth) = (Rc::clone(&office), Rc::clone(&office));
    scene
        .action("the agent answers", move |_| one.borrow_mut().agent_takes_it())
        .action("it is recorded", move |_| record(&third.borrow().switch))
        .action("the recording is there", move |_| {
            wait_until("a recording", SOON, || {
                !fourth.borrow().switch.http().rows("/api/v1/recordings").is_empty()
            });
        })
        .action("the calls end", move |_| {
            let office = other.borrow_mut();
            office.switch.hang_up_all();
            office.switch.wait_idle();
            office.switch.wait_records(1);
        })
        .keep(office)
}

/// Has the one live call recorded for a moment.
fn record(switch: &Switch) {
    let call = super::support::switch::text_of(&switch.calls()[0], &["call", "id"]);
    let path = format!("/api/v1/calls/{call}/recording");
    let answer = switch.http().post(&path, &json!({"action": "start"}));
    assert_eq!(answer.status, 204, "{}", answer.text());
}

fn described(scene: Scene) -> Scene {
    scene
        .computed("auth", |_| auth(APP))
        .computed("other", |_| auth(OTHER))
        .computed("auth_app_id", |_| auth(APP).replace("AppId", "app_id"))
        .computed("bare", |_| bare_auth())
        .computed("fresh", |_| auth(FRESH))
        .computed("agent", |_| agent_auth("101"))
        .set("app", APP)
        .set("other_app", OTHER)
}
