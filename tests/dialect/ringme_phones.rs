//! RingMe: what its operations do to real phones.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ringme::{Site, setup};
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::rtp::RtpPeer;
use super::support::sipp::Scenario;
use super::support::switch::Switch;
use super::support::wait::wait_until;

const MUSIC: f64 = 440.0;
const CALLER: f64 = 600.0;
const AGENT: f64 = 1_400.0;

#[track_caller]
fn assert_hears(listener: &dyn Phone, tone: f64, who: &str) {
    wait_until(&format!("{who} hears {tone} Hz"), SOON, || {
        listener.heard().seconds_of(0, tone) > 0.3
    });
}

fn baresip(site: &Site, number: &str) -> Baresip {
    let account = Account::of(&site.switch, number, Transport::Udp);
    let phone = Baresip::register(site.switch.place(), &account, AGENT);
    site.switch.wait_registered(number);
    phone
}

fn open_to_all(site: &Site, queue: u64) {
    let open = json!({"exit_with_no_av_agents": false, "record_enabled": false,
        "agent_report_wait_time": false});
    site.ask("PUT", &format!("/extension/{queue}/queue/"), &open);
}

#[test]
fn login_and_logout_change_whom_the_queue_rings() {
    let site = Site::start();
    let queue = site.queue("370");
    open_to_all(&site, queue);
    let (first, second) = (site.local("117", "logged_out"), site.local("333", "available"));
    site.seat(queue, "local", first, 1);
    site.seat(queue, "local", second, 2);
    let status = |agent: u64, status: &str| {
        site.ask("PUT", &format!("/client/@me/agent/local/{agent}"), &json!({"status": status}));
    };
    status(second, "logged_out");
    let mut alice = baresip(&site, "117");
    let mut caller = site.caller("094", CALLER);
    caller.dial("370");
    caller.wait_connected();
    let waiting = site.wait_member(queue, "waiting");
    assert_eq!((&waiting["number"], &waiting["serving_agent"]), (&json!("094"), &Value::Null));
    let counts =
        |site: &Site| site.ask("GET", &format!("/extension/{queue}/queue/status/"), &Value::Null);
    let expected = json!({"answered_members": 0, "trying_members": 0, "waiting_members": 1});
    assert_eq!(counts(&site), expected);

    status(first, "available");
    let trying = site.wait_member(queue, "trying");
    assert_eq!(trying["serving_agent"], "000*117");
    alice.answer();
    alice.wait_connected();
    assert_hears(&alice, CALLER, "the agent");
    assert_hears(&caller, AGENT, "the caller");
    site.wait_member(queue, "answered");
    let expected = json!({"answered_members": 1, "trying_members": 0, "waiting_members": 0});
    assert_eq!(counts(&site), expected);
    alice.hang_up();
    caller.wait_ended();

    status(first, "logged_out");
    caller.dial("370");
    caller.wait_connected();
    let alone = site.wait_member(queue, "waiting");
    assert_eq!(alone["serving_agent"], Value::Null, "the agent who logged out is not rung");
    site.switch.hang_up_all();
    caller.wait_ended();
}

#[test]
fn a_remote_agent_is_rung_through_the_trunk() {
    let place = Arc::new(Place::take());
    let (port, rtp) = (place.port(), RtpPeer::open(place.ports(2), AGENT));
    let mut carrier = Scenario::carrier("carrier", port, rtp.port()).start(&place);
    let site = Site::of(Switch::start_in(place, setup(port)));
    site.switch.wait_trunk("out", true);
    let queue = site.queue("370");
    open_to_all(&site, queue);
    let remote = site.remote("89215650644", "available");
    site.seat(queue, "remote", remote, 1);
    let mut caller = site.caller("094", CALLER);
    caller.dial("370");
    caller.wait_connected();
    rtp.send_to(carrier.wait_remote_rtp());
    wait_until("the agent's phone has answered", SOON, || rtp.packets() > 20);
    assert_eq!(site.wait_member(queue, "trying")["serving_agent"], "89215650644");
    rtp.send_digit('1');
    site.wait_member(queue, "answered");
    assert_hears(&caller, AGENT, "the caller");
    assert!(carrier.messages().contains("INVITE sip:89215650644@"), "the number was dialled");
    site.switch.hang_up_all();
    caller.wait_ended();
    carrier.wait_log("ended");
}

#[test]
fn a_caller_hears_the_uploaded_music_and_is_sent_on_by_its_call_api_id() {
    let site = Site::start();
    let queue = site.queue("370");
    open_to_all(&site, queue);
    let music = site.sound("music", MUSIC);
    site.ask("PUT", &format!("/extension/{queue}/queue/"), &json!({"sound": music}));
    let mut alice = baresip(&site, "117");
    let mut caller = site.caller("094", CALLER);
    caller.dial("370");
    caller.wait_connected();
    assert_hears(&caller, MUSIC, "the caller");
    let call = site.wait_member(queue, "waiting")["call_api_id"].as_str().unwrap().to_owned();
    let path = format!("/client/@me/current_calls/{call}");
    site.ask("POST", &format!("{path}/transfer/"), &json!({"number": "000*117"}));
    alice.answer();
    alice.wait_connected();
    assert_hears(&alice, CALLER, "who was called");
    assert_hears(&caller, AGENT, "the caller");
    assert_eq!(site.members(queue), Vec::<Value>::new());
    // The conversation is transferred too: the caller goes on to somebody else.
    let mut bob = baresip(&site, "333");
    let talking = site.ask("GET", &path, &Value::Null);
    assert_eq!((&talking["state"], &talking["callee"]), (&json!("talking"), &json!("000*117")));
    site.ask("POST", &format!("{path}/transfer/"), &json!({"number": "333"}));
    bob.answer();
    bob.wait_connected();
    assert_hears(&bob, CALLER, "who is next");
    alice.wait_ended();
    site.switch.hang_up_all();
    caller.wait_ended();
}

#[test]
fn a_current_call_is_deleted_by_its_call_api_id() {
    let site = Site::start();
    let queue = site.queue("370");
    open_to_all(&site, queue);
    let mut caller = site.caller("094", CALLER);
    caller.dial("370");
    caller.wait_connected();
    let call = site.wait_member(queue, "waiting")["call_api_id"].as_str().unwrap().to_owned();
    site.ask("DELETE", &format!("/client/@me/current_calls/{call}"), &Value::Null);
    caller.wait_ended();
    assert_eq!(site.members(queue), Vec::<Value>::new());
}
