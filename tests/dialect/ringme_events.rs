//! RingMe: logins and logouts of agents, told by HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::ringme::{Site, setup};
use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::receiver::{Manner, Receiver};
use super::support::sipp::SippPhone;
use super::support::switch::{DOMAIN, Switch};
use super::support::wait::wait_for;

const AT_ONCE: Manner = Manner::Says(200, Duration::ZERO);

/// What came, counted from 0: the method and the address, and the body.
fn told(receiver: &Receiver, at: usize) -> (String, String) {
    let received = wait_for("it is told", SOON, || receiver.received().get(at).cloned());
    let body = String::from_utf8(received.body).unwrap();
    (format!("{} {}", received.method, received.path), body)
}

fn site() -> Site {
    let place = Arc::new(Place::take());
    let carrier = place.port();
    let setup = setup(carrier).with("[webhooks]\nallow_private = true\n");
    Site::of(Switch::start_in(place, setup))
}

fn wish(site: &Site, kind: &str, agent: u64, what: &str, method: &str, url: &str) {
    let body = json!({"event_type": what, "method": method, "url": url});
    site.ask("POST", &format!("/client/@me/agent/{kind}/{agent}/event/"), &body);
}

fn want(site: &Site, kind: &str, agent: u64, status: &str) {
    let path = format!("/client/@me/agent/{kind}/{agent}");
    site.ask("PUT", &path, &json!({"status": status}));
}

#[test]
fn logins_and_logouts_are_told_by_get_and_post_and_only_changes_are() {
    let receiver = Receiver::start(AT_ONCE);
    let address = receiver.address();
    let site = site();
    let (local, remote) =
        (site.local("117", "logged_out"), site.remote("89215650644", "available"));
    let url = format!("http://{address}/show.php?company=5");
    wish(&site, "local", local, "agent-login", "GET", &url);
    wish(&site, "local", local, "agent-logout", "POST", &format!("http://{address}/out"));
    wish(&site, "remote", remote, "agent-logout", "POST", &format!("http://{address}/gone"));
    want(&site, "local", local, "available");
    let data = format!(
        "agent_id={local}&agent_status=available&agent_type=local&extension_name=000*117%40{DOMAIN}&event_source=api"
    );
    let expected = (format!("GET /show.php?company=5&{data}"), String::new());
    assert_eq!(told(&receiver, 0), expected);
    // Once more changes nothing; a break is a logout, and the logout after it is none.
    want(&site, "local", local, "available");
    let lunch = json!({"status": "on_break", "reason": "lunch"});
    assert_eq!(site.switch.http().put("/api/v1/agents/117/intent", &lunch).status, 204);
    let data = data.replace("available", "logged_out");
    assert_eq!(told(&receiver, 1), ("POST /out".to_owned(), data));
    want(&site, "local", local, "logged_out");
    want(&site, "remote", remote, "logged_out");
    let data = format!(
        "agent_id={remote}&agent_status=logged_out&agent_type=remote&agent_number=89215650644&event_source=api"
    );
    let expected = ("POST /gone".to_owned(), data);
    assert_eq!(told(&receiver, 2), expected, "and nothing between");
}

#[test]
fn an_agent_that_logs_in_by_its_phone_is_told_with_that_source() {
    let receiver = Receiver::start(AT_ONCE);
    let address = receiver.address();
    let site = site();
    let local = site.local("117", "logged_out");
    wish(&site, "local", local, "agent-login", "POST", &format!("http://{address}/in"));
    let account = Account::of(&site.switch, "117", Transport::Udp);
    let mut phone = SippPhone::register(site.switch.place(), &account, 600.0);
    phone.dial("*45");
    let (address, data) = told(&receiver, 0);
    assert_eq!(address, "POST /in");
    assert!(data.ends_with("&event_source=phone"), "{data}");
    site.switch.hang_up_all();
    phone.wait_ended();
}

#[test]
fn what_a_receiver_missed_is_told_after_a_kill() {
    let mut site = site();
    let address = SocketAddr::from(([127, 0, 0, 1], site.switch.place().port()));
    let local = site.local("117", "logged_out");
    wish(&site, "local", local, "agent-login", "GET", &format!("http://{address}/in"));
    want(&site, "local", local, "available");
    // What is answered after a write finds what was ordered before it on disk too.
    site.ask("PUT", &format!("/client/@me/agent/local/{local}"), &json!({"name": "Ann"}));
    site.switch.kill();
    let receiver = Receiver::at(address, AT_ONCE);
    site.switch.restart();
    let (first, _) = told(&receiver, 0);
    assert!(
        first.starts_with(&format!("GET /in?agent_id={local}&agent_status=available&")),
        "{first}"
    );
}
