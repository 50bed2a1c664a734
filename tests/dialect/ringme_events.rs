//! RingMe: logins and logouts of agents, told by HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use serde_json::json;

use super::ringme::{Site, setup};
use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::sipp::SippPhone;
use super::support::switch::{DOMAIN, Switch};
use super::support::wait::wait_for;

/// What a request says: the method and the address, and the body.
type Told = (String, String);

/// A receiver that answers each request with 200.
fn receiver() -> (SocketAddr, Receiver<Told>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (tell, told)) = (listener.local_addr().unwrap(), channel());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut first = String::new();
            if reader.read_line(&mut first).unwrap_or(0) == 0 {
                continue;
            }
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                let (name, value) = line.split_once(':').unwrap();
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            reader.get_mut().write_all(answer).unwrap();
            let first = first.rsplit_once(' ').unwrap().0.to_owned();
            if tell.send((first, String::from_utf8(body).unwrap())).is_err() {
                return;
            }
        }
    });
    (address, told)
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
    let (address, told) = receiver();
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
    assert_eq!(told.recv_timeout(SOON).unwrap(), expected);
    // Once more changes nothing; a break is a logout, and the logout after it is none.
    want(&site, "local", local, "available");
    let lunch = json!({"status": "on_break", "reason": "lunch"});
    assert_eq!(site.switch.http().put("/api/v1/agents/117/intent", &lunch).status, 204);
    let data = data.replace("available", "logged_out");
    assert_eq!(told.recv_timeout(SOON).unwrap(), ("POST /out".to_owned(), data));
    want(&site, "local", local, "logged_out");
    want(&site, "remote", remote, "logged_out");
    let data = format!(
        "agent_id={remote}&agent_status=logged_out&agent_type=remote&agent_number=89215650644&event_source=api"
    );
    let expected = ("POST /gone".to_owned(), data);
    assert_eq!(told.recv_timeout(SOON).unwrap(), expected, "and nothing between");
}

#[test]
fn an_agent_that_logs_in_by_its_phone_is_told_with_that_source() {
    let (address, told) = receiver();
    let site = site();
    let local = site.local("117", "logged_out");
    wish(&site, "local", local, "agent-login", "POST", &format!("http://{address}/in"));
    let account = Account::of(&site.switch, "117", Transport::Udp);
    let mut phone = SippPhone::register(site.switch.place(), &account, 600.0);
    phone.dial("*45");
    let (address, data) = told.recv_timeout(SOON).unwrap();
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
    let listener = TcpListener::bind(address).expect("the port is still free");
    site.switch.restart();
    listener.set_nonblocking(true).unwrap();
    let mut stream = wait_for("what was missed", SOON, || listener.accept().ok()).0;
    stream.set_nonblocking(false).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    assert!(
        first.starts_with(&format!("GET /in?agent_id={local}&agent_status=available&")),
        "{first}"
    );
}
