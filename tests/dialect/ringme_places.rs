//! RingMe: whom a queue rings after its agents and their places were changed, and internal numbers that come and go.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::ringme::{Site, setup};
use super::support::SOON;
use super::support::hearing::{is_taken, part, reaches};
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::raw::RawUa;
use super::support::rtp::RtpPeer;
use super::support::sipp::{Scenario, Sipp, SippPhone};
use super::support::switch::Switch;
use super::support::wait::wait_until;

const CALLER: f64 = 600.0;
const FIRST: f64 = 800.0;
const SECOND: f64 = 1_000.0;
const MOBILE_TONE: f64 = 1_400.0;
const MOBILE: &str = "89215650644";

/// A queue that rings one agent after the other, by level and position, and keeps who waits.
fn queue(site: &Site) -> u64 {
    let queue = site.queue("370");
    let ways = json!({"exit_with_no_av_agents": false, "record_enabled": false,
        "agent_report_wait_time": false, "strategy": "top-down"});
    site.ask("PUT", &format!("/extension/{queue}/queue/"), &ways);
    queue
}

fn place(site: &Site, queue: u64, kind: &str, agent: u64, level: u64) {
    let path = format!("/extension/{queue}/queue/agents/{kind}/{agent}");
    site.ask("PUT", &path, &json!({"level": level}));
}

fn without(site: &Site, queue: u64, kind: &str, agent: u64) {
    let path = format!("/extension/{queue}/queue/agents/{kind}/{agent}");
    site.ask("DELETE", &path, &Value::Null);
}

fn status(site: &Site, kind: &str, agent: u64, status: &str) {
    let path = format!("/client/@me/agent/{kind}/{agent}");
    site.ask("PUT", &path, &json!({"status": status}));
}

#[test]
fn a_local_agent_is_rung_in_its_place_and_no_longer_when_it_has_none() {
    let site = Site::start();
    let queue = queue(&site);
    let (mut first, mut second) = (site.caller("117", FIRST), site.caller("333", SECOND));
    let mut caller = site.caller("094", CALLER);
    site.switch.wait_registered("333");
    let (one, two) = (site.local("117", "available"), site.local("333", "available"));
    site.seat(queue, "local", one, 1);
    site.seat(queue, "local", two, 2);
    reaches(&mut caller, "370", &mut first);
    part(&site.switch, &mut caller);

    place(&site, queue, "local", one, 3);
    reaches(&mut caller, "370", &mut second);
    part(&site.switch, &mut caller);

    without(&site, queue, "local", two);
    reaches(&mut caller, "370", &mut first);
    part(&site.switch, &mut caller);

    // An agent that is deleted leaves its queue; who comes into it afterwards is rung.
    site.ask("DELETE", &format!("/client/@me/agent/local/{one}"), &Value::Null);
    caller.dial("370");
    caller.wait_connected();
    site.wait_member(queue, "waiting");
    let (before, (_, taken)) = (first.offered(), second.offered());
    site.seat(queue, "local", two, 1);
    is_taken(&mut caller, &mut second, taken);
    assert_eq!(first.offered(), before, "whoever was deleted is not rung");
    part(&site.switch, &mut caller);
}

/// The call is with the agent outside, which takes it by its key.
fn is_outside(site: &Site, caller: &mut SippPhone, carrier: &mut Sipp, rtp: &RtpPeer) {
    let calls = carrier.log().matches("connected rtp").count();
    caller.dial("370");
    caller.wait_connected();
    wait_until("the carrier has a call more", SOON, || {
        carrier.log().matches("connected rtp").count() > calls
    });
    rtp.send_to(carrier.wait_remote_rtp());
    rtp.forget();
    wait_until("the agent outside is asked", SOON, || rtp.heard().seconds() > 0.4);
    caller.rtp().forget();
    rtp.send_digit('1');
    wait_until("the caller hears it", SOON, || caller.heard().seconds_of(0, MOBILE_TONE) > 0.3);
    part(&site.switch, caller);
}

#[test]
fn a_remote_agent_is_rung_in_its_place_while_it_has_one_and_is_available() {
    let own = Arc::new(Place::take());
    let (port, rtp) = (own.port(), RtpPeer::open(own.ports(2), MOBILE_TONE));
    let mut carrier = Scenario::carrier("carrier", port, rtp.port()).start(&own);
    let site = Site::of(Switch::start_in(own, setup(port)));
    site.switch.wait_trunk("out", true);
    let queue = queue(&site);
    let mut desk = site.caller("117", FIRST);
    let mut caller = site.caller("094", CALLER);
    site.switch.wait_registered("117");
    let (local, remote) = (site.local("117", "available"), site.remote(MOBILE, "available"));
    site.seat(queue, "local", local, 2);
    site.seat(queue, "remote", remote, 3);
    reaches(&mut caller, "370", &mut desk);
    part(&site.switch, &mut caller);

    place(&site, queue, "remote", remote, 1);
    let before = desk.offered();
    is_outside(&site, &mut caller, &mut carrier, &rtp);
    assert_eq!(desk.offered(), before, "the phone stays silent");

    status(&site, "remote", remote, "logged_out");
    reaches(&mut caller, "370", &mut desk);
    part(&site.switch, &mut caller);
    status(&site, "remote", remote, "available");
    is_outside(&site, &mut caller, &mut carrier, &rtp);

    without(&site, queue, "remote", remote);
    reaches(&mut caller, "370", &mut desk);
    part(&site.switch, &mut caller);
    site.seat(queue, "remote", remote, 1);
    site.ask("DELETE", &format!("/client/@me/agent/remote/{remote}"), &Value::Null);
    reaches(&mut caller, "370", &mut desk);
    part(&site.switch, &mut caller);
    assert_eq!(carrier.log().matches("invite ").count(), 2, "{}", carrier.log());
}

#[test]
fn an_internal_number_that_was_made_is_called_until_it_is_removed() {
    let site = Site::start();
    let order = json!({"name": "000*371", "type": "phone", "password": "s3cret-371"});
    let made = site.ask("POST", "/client/@me/extension/", &order);
    let account = Account {
        password: "s3cret-371".to_owned(),
        ..Account::of(&site.switch, "371", Transport::Udp)
    };
    let mut desk = SippPhone::register(site.switch.place(), &account, FIRST);
    let mut caller = site.caller("094", CALLER);
    site.switch.wait_registered("371");
    reaches(&mut caller, "371", &mut desk);
    part(&site.switch, &mut caller);
    // A new password is asked for from now on, and a change of something else leaves it.
    let path = format!("/client/@me/extension/{}", made["id"]);
    site.ask("PUT", &path, &json!({"password": "other-371"}));
    site.ask("PUT", &path, &json!({"label": "desk"}));
    let registers = |password: &str| {
        let account = Account { password: password.to_owned(), ..account.clone() };
        RawUa::open(site.switch.place(), &account).register().1.status()
    };
    assert_eq!(registers("other-371"), 200);
    assert_ne!(registers("s3cret-371"), 200);
    site.ask("DELETE", &format!("/client/@me/extension/{}", made["id"]), &Value::Null);
    assert!(!site.switch.is_registered("371"));
    let stranger = Account::of(&site.switch, "117", Transport::Udp);
    let mut stranger = RawUa::open(site.switch.place(), &stranger);
    stranger.invite("371", site.switch.place().ports(2));
    assert_eq!(stranger.final_response(2).status(), 404, "nobody has the number any more");
    assert_eq!(desk.offered().0, 1);
}

#[test]
fn many_agents_are_listed_at_once_also_for_the_first_time() {
    let own = Arc::new(Place::take());
    let mut setup = setup(own.port());
    for number in 2_000..2_150 {
        let agent =
            format!("[[agent]]\ntenant = \"demo\"\nid = \"{number}\"\nextension = \"{number}\"\n");
        setup = setup.extension(&number.to_string(), "").with(&agent);
    }
    let site = Site::of(Switch::start_in(own, setup));
    let all = site.ask("GET", "/client/@me/agent/local/", &Value::Null);
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 151);
    let ids = |key: &str| all.iter().map(|row| row[key].as_u64().unwrap()).collect::<BTreeSet<_>>();
    assert_eq!((ids("id").len(), ids("extension_id").len()), (151, 151));
    let own = site.phone("2007");
    let path = format!("/client/@me/agent/local/?extension_id={own}");
    let one = site.ask("GET", &path, &Value::Null);
    let same = all.iter().filter(|row| row["extension_id"] == own).cloned();
    assert_eq!(one, Value::from_iter(same));
}
