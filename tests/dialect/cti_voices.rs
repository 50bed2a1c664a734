//! CTI cloud: what callers hear, and where keys lead them.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;

use super::cti::*;
use super::golden::wire::Client;
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::raw::{RawUa, offer};
use super::support::rtp::RtpPeer;
use super::support::switch::Switch;
use super::support::tone::{sine, write_wav};
use super::support::wait::wait_until;

const GREETING: f64 = 700.0;
/// A number that leads nowhere by itself.
const OPEN: &str = "057126200672";

/// A form as browsers send it.
fn form(fields: &[(&str, &str)], wav: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(part.as_bytes());
    }
    body.extend(
        b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"up.wav\"\r\n\
        Content-Type: audio/wav\r\n\r\n",
    );
    body.extend(wav);
    body.extend(b"\r\n--x--\r\n");
    body
}

fn upload(switch: &Switch, name: &str, wav: &[u8]) {
    let client = Client::new(switch.http().address());
    let path = format!("/ccapi/v2/ivrs/vfiles?{}", auth(APP));
    let kind = [("Content-Type", "multipart/form-data; boundary=x")];
    let answer = client.raw("POST", &path, &kind, &form(&[("FileName", name)], wav));
    assert_eq!(answer.status, 201, "{}", answer.shown());
    let unsigned = client.raw("POST", "/ccapi/v2/ivrs/vfiles", &kind, &form(&[], wav));
    assert_eq!(unsigned.status, 401, "{}", unsigned.shown());
}

#[test]
fn a_caller_hears_the_greeting_and_reaches_the_queue_behind_a_key() {
    let place = Arc::new(Place::take());
    let port = place.port();
    let number =
        format!("[[number]]\ntenant = \"demo\"\ntrunk = \"carrier\"\nnumber = \"{OPEN}\"\n");
    let switch = Switch::start_in(place, setup(port).with(&number));
    let file = switch.place().dir().join("up.wav");
    write_wav(&file, &sine(GREETING, 3));
    upload(&switch, "hello.wav", &std::fs::read(&file).unwrap());
    let done = |path: &str, body: serde_json::Value| {
        let answer = post(&switch, "POST", &format!("{path}?{}", auth(APP)), &body);
        assert_eq!(answer["ErrCode"], "000000", "{answer}");
    };
    let welcome = json!({"Welcome": {"Type": "wav", "Content": "hello.wav"}});
    done("ivrs/defvoices", json!({"DefVoices": [welcome]}));
    done(
        "ivrs/fastrouters",
        json!({"FastRouter": [{"Dtmf": "1", "Desc": "Support", "QueueId": "9001"}]}),
    );
    let account = Account::of(&switch, "8001", Transport::Udp);
    let mut agent = Baresip::register(switch.place(), &account, AGENT_TONE);
    switch.wait_registered("8001");
    done("agent/login", json!({"agent_Id": "101"}));

    let customer = RtpPeer::open(switch.place().ports(2), CUSTOMER_TONE);
    let mut account = Account::of(&switch, "anybody", Transport::Udp);
    CUSTOMER.clone_into(&mut account.user);
    "carrier.example".clone_into(&mut account.domain);
    let mut carrier = RawUa::bound(&account, port);
    let uri = format!("sip:{OPEN}@pbx.example");
    let invite = carrier.request("INVITE", &uri, "customer", 1, "", &offer(customer.port()));
    carrier.send(&invite);
    let answer = carrier.final_response(1);
    assert_eq!(answer.status(), 200, "{}", answer.0);
    carrier.acknowledge(&uri, "customer", 1, &answer);
    customer.send_to(SocketAddr::from(([127, 0, 0, 1], answer.audio_port().expect("audio"))));
    wait_until("the greeting", SOON, || customer.heard().seconds_of(0, GREETING) > 0.5);
    customer.send_digit('1');
    agent.answer();
    agent.wait_connected();
    wait_until("the agent", SOON, || customer.heard().seconds_of(0, AGENT_TONE) > 0.5);
    switch.hang_up_all();
    switch.wait_idle();
}
