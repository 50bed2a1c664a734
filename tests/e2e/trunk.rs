//! A carrier that answers, challenges, refuses and falls silent; and what it may not do.

use super::pairs::assert_hears;
use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::raw::{RawUa, offer, proves};
use super::support::rtp::RtpPeer;
use super::support::sipp::{Scenario, Sipp, SippPhone};
use super::support::switch::{Setup, Switch};
use super::support::wait::wait_until;
use std::sync::Arc;
use std::time::Duration;

const NUMBER: &str = "057126200670";
const OUTSIDE: &str = "057187654321";

/// A trunk at a port of ours, and what the file says about it.
fn trunk(name: &str, port: u16, more: &str) -> String {
    format!(
        "[[trunk]]\ntenant = \"demo\"\nname = \"{name}\"\nhost = \"127.0.0.1:{port}\"\n\
         transport = \"udp\"\nqualify_secs = 1\n{more}\n"
    )
}

fn outward(trunks: &[&str]) -> String {
    let to: Vec<_> = trunks.iter().map(|name| format!("\"trunk:{name}\"")).collect();
    format!(
        "[[route]]\ntenant = \"demo\"\nmatch = \"^0\\\\d{{7,12}}$\"\nclass = \"national\"\nto = [{}]\n",
        to.join(", ")
    )
}

fn numbers(trunk: &str) -> String {
    format!(
        "[[number]]\ntenant = \"demo\"\ntrunk = \"{trunk}\"\nnumber = \"{NUMBER}\"\nto = \"extension:1002\"\n"
    )
}

fn phones() -> Setup {
    let national = "classes = [\"internal\", \"national\"]\n";
    Setup::default()
        .with("[calls]\ntrunk_try_secs = 2\n")
        .extension("1001", national)
        .extension("1002", "")
}

fn caller(switch: &Switch) -> SippPhone {
    SippPhone::register(switch.place(), &Account::of(switch, "1001", Transport::Udp), 600.0)
}

/// A carrier, its media, and the trunk's port.
pub(super) struct Carrier {
    pub(super) sipp: Sipp,
    rtp: RtpPeer,
    pub(super) port: u16,
}

impl Carrier {
    pub(super) fn start(place: &Place, scenario: &str) -> Self {
        Self::at(place, scenario, place.port())
    }

    pub(super) fn at(place: &Place, scenario: &str, port: u16) -> Self {
        let rtp = RtpPeer::open(place.ports(2), 1_000.0);
        let sipp = Scenario::carrier(scenario, port, rtp.port()).start(place);
        Self { sipp, rtp, port }
    }

    pub(super) fn connect(&mut self) {
        let remote = self.sipp.wait_remote_rtp();
        self.rtp.send_to(remote);
    }
}

#[test]
fn a_call_goes_out_and_is_heard_both_ways() {
    let place = Arc::new(Place::take());
    let mut carrier = Carrier::start(&place, "carrier");
    let setup = phones().with(&trunk("one", carrier.port, "")).with(&outward(&["one"]));
    let switch = Switch::start_in(place, setup);
    switch.wait_trunk("one", true);
    let mut phone = caller(&switch);
    phone.dial(OUTSIDE);
    carrier.sipp.wait_log(&format!("invite sip:{OUTSIDE}@"));
    carrier.connect();
    phone.wait_connected();
    assert_hears(&phone, 1_000.0, "the caller");
    wait_until("the outside hears", SOON, || carrier.rtp.heard().seconds_of(0, 600.0) > 0.5);
    switch.hang_up_all();
    phone.wait_ended();
    carrier.sipp.wait_log("ended");
}

#[test]
fn a_challenge_by_the_carrier_is_answered() {
    let place = Arc::new(Place::take());
    let mut carrier = Carrier::start(&place, "carrier_challenge");
    let account =
        "username = \"strowger\"\npassword = \"carrier-secret\"\ndomain = \"carrier.example\"\n";
    let setup = phones().with(&trunk("one", carrier.port, account)).with(&outward(&["one"]));
    let switch = Switch::start_in(place, setup);
    switch.wait_trunk("one", true);
    let mut phone = caller(&switch);
    phone.dial(OUTSIDE);
    carrier.connect();
    phone.wait_connected();
    let log = carrier.sipp.log();
    let proof = log.lines().find_map(|line| line.strip_prefix("proof ")).expect("credentials");
    assert!(proves(proof, "INVITE", "carrier-secret"), "{proof}");
    assert!(!carrier.sipp.messages().contains("carrier-secret"), "the password left in clear");
    switch.hang_up_all();
    phone.wait_ended();
}

#[test]
fn a_call_fails_over_from_a_carrier_that_refuses() {
    let place = Arc::new(Place::take());
    let mut first = Carrier::start(&place, "carrier_503");
    let mut second = Carrier::start(&place, "carrier");
    let setup = phones()
        .with(&trunk("one", first.port, ""))
        .with(&trunk("two", second.port, ""))
        .with(&outward(&["one", "two"]));
    let switch = Switch::start_in(place, setup);
    switch.wait_trunk("one", true);
    switch.wait_trunk("two", true);
    let mut phone = caller(&switch);
    phone.dial(OUTSIDE);
    first.sipp.wait_log("invite");
    second.connect();
    phone.wait_connected();
    assert_hears(&phone, 1_000.0, "the caller");
    switch.hang_up_all();
    phone.wait_ended();
}

#[test]
fn a_silent_carrier_is_passed_over_and_its_return_noticed() {
    let place = Arc::new(Place::take());
    let mut silent = Carrier::start(&place, "carrier");
    let mut second = Carrier::start(&place, "carrier");
    let setup = phones()
        .with(&trunk("one", silent.port, ""))
        .with(&trunk("two", second.port, ""))
        .with(&outward(&["one", "two"]));
    let switch = Switch::start_in(place, setup);
    switch.wait_trunk("one", true);
    switch.wait_trunk("two", true);

    // Silent but there: it takes every packet and answers none.
    let port = silent.port;
    silent.sipp.process().kill();
    drop(silent);
    let mut deaf = Carrier::at(switch.place(), "carrier_silent", port);
    let mut phone = caller(&switch);
    phone.dial(OUTSIDE);
    second.connect();
    phone.wait_connected();
    assert_hears(&phone, 1_000.0, "the caller");
    switch.hang_up_all();
    phone.wait_ended();
    wait_until("one is down", LONG, || !is_up(&switch, "one"));

    deaf.sipp.process().kill();
    drop(deaf);
    let mut back = Carrier::at(switch.place(), "carrier", port);
    wait_until("one is up again", LONG, || is_up(&switch, "one"));
    let mut phone = caller(&switch);
    phone.dial(OUTSIDE);
    back.sipp.wait_log("invite");
    phone.wait_connected();
    switch.hang_up_all();
    phone.wait_ended();
}

/// A transaction of RFC 3261 takes 32 s to find a silent peer dead.
const LONG: Duration = Duration::from_secs(60);

fn is_up(switch: &Switch, name: &str) -> bool {
    let trunks = switch.http().rows("/api/v1/trunks");
    trunks.iter().any(|row| row.to_string().contains(&format!("\"{name}\"")) && row["up"] == true)
}

#[test]
fn a_call_from_the_carrier_rings_its_number() {
    let place = Arc::new(Place::take());
    let port = place.port();
    let setup = phones()
        .with(&trunk("one", port, "qualify_secs = 0").replace("qualify_secs = 1\n", ""))
        .with(&numbers("one"));
    let switch = Switch::start_in(place, setup);
    let account = Account::of(&switch, "1002", Transport::Udp);
    let mut phone = SippPhone::register(switch.place(), &account, 1_000.0);
    let rtp = RtpPeer::open(switch.place().ports(2), 600.0);
    let mut carrier = Scenario::new("carrier_calls", switch.sip())
        .port(port)
        .key("user", OUTSIDE)
        .key("domain", "carrier.example")
        .key("target", NUMBER)
        .key("rtp", &rtp.port().to_string())
        .start(switch.place());
    rtp.send_to(carrier.wait_remote_rtp());
    phone.wait_connected();
    assert_hears(&phone, 600.0, "the extension");
    assert!(phone.waiting().log().contains(OUTSIDE), "{}", phone.waiting().log());
    switch.hang_up_all();
    phone.wait_ended();
    carrier.wait_success();
}

/// A switch with a good way out, and a counter of what left by it.
fn guarded() -> (Switch, Carrier, u16) {
    let place = Arc::new(Place::take());
    let way_out = Carrier::start(&place, "carrier");
    let bringer = place.port();
    let quiet = trunk("bringer", bringer, "qualify_secs = 0").replace("qualify_secs = 1\n", "");
    let setup = phones()
        .with(&trunk("out", way_out.port, ""))
        .with(&quiet)
        .with(&numbers("bringer"))
        .with(&outward(&["out"]));
    let switch = Switch::start_in(place, setup);
    switch.wait_trunk("out", true);
    (switch, way_out, bringer)
}

/// An honest call after the attack: were anything of the attack on its way out, it would have come first.
fn assert_only_honest_calls_leave(switch: &Switch, way_out: &mut Carrier) {
    assert_eq!(way_out.sipp.received("INVITE"), 0, "a stolen call left: {}", way_out.sipp.log());
    let mut phone = caller(switch);
    phone.dial("057100000001");
    way_out.sipp.wait_log("sip:057100000001@");
    assert_eq!(way_out.sipp.log().matches("invite").count(), 1, "{}", way_out.sipp.log());
    phone.wait_connected();
    switch.hang_up_all();
}

#[test]
fn a_trunk_cannot_call_out_through_us() {
    let (switch, mut way_out, bringer) = guarded();
    let targets =
        [OUTSIDE, "0057187654321", "+8657187654321", "1001;phone-context=x", "*6757187654321"];
    for (number, target) in targets.into_iter().enumerate() {
        let mut account = Account::of(&switch, "anybody", Transport::Udp);
        account.domain = "carrier.example".to_owned();
        let mut thief = RawUa::bound(&account, bringer);
        let uri = format!("sip:{target}@pbx.example");
        let call = format!("theft{number}");
        let text = thief.request("INVITE", &uri, &call, 1, "", &offer(9));
        thief.send(&text);
        let refusal = thief.final_response(1);
        assert!(refusal.status() >= 400, "{target}: {}", refusal.0);
        thief.acknowledge(&uri, &call, 1, &refusal);
    }
    assert_only_honest_calls_leave(&switch, &mut way_out);
}

#[test]
fn a_stranger_cannot_call_at_all() {
    let (switch, mut way_out, _) = guarded();
    for user in ["1001", "stranger", NUMBER] {
        for transport in [Transport::Udp, Transport::Tcp] {
            for target in [OUTSIDE, "1002", NUMBER] {
                let account = Account::of(&switch, user, transport);
                let mut stranger = RawUa::open(switch.place(), &account);
                let uri = format!("sip:{target}@pbx.example");
                let call = format!("stranger{target}");
                let text = stranger.request("INVITE", &uri, &call, 1, "", &offer(9));
                stranger.send(&text);
                let refusal = stranger.final_response(1);
                assert!((400..500).contains(&refusal.status()), "{}", refusal.0);
                stranger.acknowledge(&uri, &call, 1, &refusal);
            }
        }
    }
    assert_only_honest_calls_leave(&switch, &mut way_out);
}

#[test]
fn an_extension_without_the_class_cannot_call_out() {
    let (switch, mut way_out, _) = guarded();
    let mut phone = RawUa::open(switch.place(), &Account::of(&switch, "1002", Transport::Udp));
    phone.invite(OUTSIDE, 9);
    let refusal = phone.final_response(2);
    assert!(matches!(refusal.status(), 403 | 404), "{}", refusal.0);
    assert_only_honest_calls_leave(&switch, &mut way_out);
}
