//! A small office for the transcripts and the phones: two agents, a supervisor, a caller inside and one outside, and a second
//! company that none of this concerns.

use std::sync::Arc;

use super::golden::Scene;
use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::rtp::RtpPeer;
use super::support::sipp::{Scenario, Sipp, SippPhone};
use super::support::switch::{Setup, Switch};
use super::support::wait::wait_until;

/// What each phone sends, in Hz.
pub const CALLER: f64 = 600.0;
pub const FIRST: f64 = 1_000.0;
pub const SECOND: f64 = 1_400.0;
pub const OUTSIDE: f64 = 1_800.0;
pub const TONES: [f64; 3] = [CALLER, FIRST, SECOND];

/// The caller outside, and the number that it calls.
pub const CUSTOMER: &str = "0571990001";
pub const HOTLINE: &str = "057126200670";

/// Keys of the company, and of the other one.
pub const SUPERVISOR: &str = "sup-71d5a0c2b4e8";
pub const READER: &str = "read-5b3c9d1f7a60";
pub const OTHER: &str = "other-admin-90ab12cd34";

/// The key of an extension's owner.
pub fn user_key(number: &str) -> String {
    format!("user-{number}-55aa66bb77")
}

fn key(name: &str, token: &str, role: &str, more: &str) -> String {
    format!(
        "[[tenant.api_key]]\nname = \"{name}\"\ntoken = \"{token}\"\nrole = \"{role}\"\n{more}\n"
    )
}

fn agent(id: &str, name: &str, extension: &str, more: &str) -> String {
    format!(
        "[[agent]]\ntenant = \"demo\"\nid = \"{id}\"\nname = \"{name}\"\nextension = \"{extension}\"\n\
         pin = \"2{id}580\"\nstatus = \"available\"\nqueues = [{{ queue = \"9001\" }}]\n{more}\n"
    )
}

/// 1001 calls, 1002 and 1003 are agents 101 and 102 of queue 9001 and share a pickup group, 1004 is in none.
pub fn setup() -> Setup {
    let mut keys =
        key("supervisor", SUPERVISOR, "supervisor", "") + &key("reader", READER, "read-only", "");
    for number in ["1001", "1002", "1003", "1004"] {
        keys += &key(number, &user_key(number), "user", &format!("extension = \"{number}\""));
    }
    keys += "[[tenant]]\nid = \"other\"\nprefix = \"77\"\nringcx_account_id = \"99999\"\n";
    keys += &key("boss", OTHER, "admin", "");
    let sales = "pickup_groups = [\"sales\"]\nrecord = \"on_demand\"\n";
    Setup::default()
        .tenant("ringcx_account_id = \"12440011\"\ntimezone = \"Europe/Berlin\"\n")
        .with(&keys)
        .extension("1001", "")
        .extension("1002", sales)
        .extension("1003", sales)
        .extension("1004", "")
        .extension("1005", "")
        .with(
            "[[disposition]]\ntenant = \"demo\"\nname = \"sold\"\n\
             [[disposition]]\ntenant = \"demo\"\nname = \"not sold\"\n\
             [[extension]]\ntenant = \"other\"\nnumber = \"1002\"\npassword = \"elsewhere\"\n\
             [[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\nname = \"Support\"\n\
             agent_report_wait_time = false\nwrap_up_time = 600\nstrategy = \"top-down\"\ncall_timeout = 60\n",
        )
        .with(&agent("101", "Paco Vu", "1002", ""))
        .with(&agent("102", "Ann Ray", "1003", ""))
        .with(
            &agent("103", "Joe", "1004", "group_pickup = false").replace("available", "logged_out"),
        )
        .with(
            &agent("104", "Zoe", "1005", "")
                .replace("available", "logged_out")
                .replace("{ queue = \"9001\" }", ""),
        )
}

/// The office with its switch and phones.
pub struct Desk {
    pub caller: SippPhone,
    pub first: SippPhone,
    pub second: SippPhone,
    pub outside: Option<Outside>,
    pub switch: Switch,
}

/// A carrier through which the customer calls.
pub struct Outside {
    pub rtp: RtpPeer,
    pub carrier: Sipp,
    port: u16,
    calling: Option<Sipp>,
}

impl Outside {
    /// The customer calls a number; returns when the call has gone out.
    pub fn call(&mut self, switch: &Switch, number: &str) {
        let calls = Scenario::new("carrier_calls", switch.sip())
            .key("user", CUSTOMER)
            .key("domain", "carrier.example")
            .key("target", number)
            .key("rtp", &self.rtp.port().to_string())
            .port(self.port);
        self.calling = Some(calls.start(switch.place()));
    }

    /// Waits until it is answered.
    pub fn wait_connected(&mut self) {
        let calling = self.calling.as_mut().expect("the customer has called");
        let remote = calling.wait_remote_rtp();
        self.rtp.send_to(remote);
    }
}

/// What the phones of the agents do when they are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agents {
    /// Both answer at once.
    Answer,
    /// The first rings on and on, the second answers.
    FirstRings,
    /// Both ring on and on.
    Ring,
}

impl Desk {
    pub fn open(agents: Agents) -> Self {
        Self::open_with(setup(), agents)
    }

    pub fn open_with(setup: Setup, agents: Agents) -> Self {
        Self::start(Arc::new(Place::take()), setup, agents, None)
    }

    /// With a carrier, whose number leads to `to`.
    pub fn with_outside(agents: Agents, to: &str) -> Self {
        let place = Arc::new(Place::take());
        let (port, calls) = (place.port(), place.port());
        let rtp = RtpPeer::open(place.ports(2), OUTSIDE);
        let carrier = Scenario::carrier("carrier", port, rtp.port()).start(&place);
        let trunk = format!(
            "[[trunk]]\ntenant = \"demo\"\nname = \"out\"\nhost = \"127.0.0.1:{port}\"\ntransport = \"udp\"\n\
             qualify_secs = 1\n\
             [[trunk]]\ntenant = \"demo\"\nname = \"in\"\nhost = \"127.0.0.1:{calls}\"\ntransport = \"udp\"\n\
             qualify_secs = 0\n\
             [[number]]\ntenant = \"demo\"\ntrunk = \"in\"\nnumber = \"{HOTLINE}\"\nto = \"{to}\"\n\
             [[route]]\ntenant = \"demo\"\nmatch = \"^0\\\\d{{7,12}}$\"\nto = \"trunk:out\"\n"
        );
        let outside = Outside { rtp, carrier, port: calls, calling: None };
        let desk = Self::start(place, setup().with(&trunk), agents, Some(outside));
        desk.switch.wait_trunk("out", true);
        desk
    }

    fn start(place: Arc<Place>, setup: Setup, agents: Agents, outside: Option<Outside>) -> Self {
        let switch = Switch::start_in(place, setup);
        let phone = |number: &str, tone, scenario: &str| {
            let account = Account::of(&switch, &format!("{PREFIX}{number}"), Transport::Udp);
            let account = Account { password: Account::password_of(number), ..account };
            SippPhone::register_with(switch.place(), &account, tone, scenario, &[])
        };
        let (first, second) = match agents {
            Agents::Answer => ("uas", "uas"),
            Agents::FirstRings => ("uas_ring", "uas"),
            Agents::Ring => ("uas_ring", "uas_ring"),
        };
        let (first, second) = (phone("1002", FIRST, first), phone("1003", SECOND, second));
        let caller = phone("1001", CALLER, "uas");
        for number in ["1001", "1002", "1003"] {
            switch.wait_registered(number);
        }
        Self { caller, first, second, outside, switch }
    }

    /// 1001 talks with 1002.
    pub fn talk(&mut self) {
        self.caller.dial("1002");
        self.first.answer();
        self.caller.wait_connected();
        self.first.wait_connected();
    }

    /// 1001 calls this number, and somebody's phone rings.
    pub fn ring(&mut self, number: &str) {
        self.caller.dial(number);
        self.wait_stage("ringing");
    }

    /// Waits until a call is in this stage.
    pub fn wait_stage(&self, stage: &str) {
        wait_until(&format!("a call is {stage}"), SOON, || {
            self.switch.calls().iter().any(|call| call["stage"] == stage)
        });
    }

    /// A scene with this office in it.
    pub fn scene(self) -> Scene {
        Scene::new(&self.switch)
            .set("admin", super::support::switch::TOKEN)
            .set("supervisor", SUPERVISOR)
            .set("reader", READER)
            .set("other", OTHER)
            .set("user1001", &user_key("1001"))
            .set("user1002", &user_key("1002"))
            .set("user1003", &user_key("1003"))
            .set("user1004", &user_key("1004"))
            .keep(self)
    }
}

/// What stands before an extension's number in its SIP user.
const PREFIX: &str = super::support::switch::PREFIX;
