//! CTI cloud: what is told of things that do not come about, with real calls.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::cti::*;
use super::cti_events::{names, subscribe};
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::raw::{RawUa, Text};
use super::support::receiver::{Manner, Receiver};
use super::support::switch::Switch;
use super::support::wait::wait_until;

fn logs_in(switch: &Switch, agent: &str) {
    let path = format!("agent/login?{}", auth(APP));
    let answer = post(switch, "POST", &path, &json!({"agent_Id": agent}));
    assert_eq!(answer["ErrCode"], "000000", "{answer}");
}

/// A phone that is always busy.
struct Busy {
    ua: RawUa,
}

impl Busy {
    fn register(switch: &Switch, number: &str) -> Self {
        let account = Account::of(switch, number, Transport::Udp);
        let mut ua = RawUa::open(switch.place(), &account);
        let (_, response) = ua.register();
        assert_eq!(response.status(), 200, "{}", response.0);
        Self { ua }
    }

    fn refuses(&mut self) {
        let invite = self.ua.receive_until("an INVITE", |text| text.method() == "INVITE");
        self.ua.send(&busy(&invite));
        self.ua.receive_until("the ACK", |text| text.method() == "ACK");
    }
}

/// 486 for a request, by the rules of RFC 3261 section 8.2.6.
fn busy(request: &Text) -> String {
    let via: Vec<&str> = request.0.lines().filter(|line| line.starts_with("Via:")).collect();
    let header = |name: &str| request.header(name).expect("a header").to_owned();
    format!(
        "SIP/2.0 486 Busy Here\r\n{}\r\nFrom: {}\r\nTo: {};tag=busy\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Content-Length: 0\r\n\r\n",
        via.join("\r\n"),
        header("From"),
        header("To"),
        header("Call-ID"),
        header("CSeq"),
    )
}

#[test]
fn what_an_agent_and_its_colleagues_try_in_vain_is_told() {
    let mut office = Office::open();
    let told = Receiver::start(Manner::Says(200, Duration::ZERO));
    let wanted = ["transfer_agent_fail", "three_way_fail", "eavesdrop_fail", "substitute_fail"];
    subscribe(&office.switch, &told.url(), &wanted);
    let mut colleague = Busy::register(&office.switch, "8002");
    office.switch.wait_registered("8002");
    office.post("POST", &format!("agent/login?{}", auth(APP)), &json!({"agent_Id": "101"}));
    let order =
        json!({"caller": RELAY, "called": CUSTOMER, "called_display": RELAY, "agent_id": "101"});
    let answer = office.post("POST", &format!("originatev2?{}", auth(APP)), &order);
    let call = answer["results"].as_str().expect("a call").to_owned();
    office.agent_takes_it();

    let mut body = json!({"call_id": call, "agent_id": "101", "on_succ": "x", "on_failed": "x"});
    body["agent_type"] = json!("anonymous");
    body["agent_phone"] = json!("8002");
    let answer = office.post("POST", &format!("transfer/agent?{}", bare_auth()), &body);
    assert_eq!(answer["code"], "000000", "{answer}");
    colleague.refuses();
    wait_until("the transfer", SOON, || names(&told) == wanted[..1]);
    let event = told.received()[0].json();
    assert_eq!((&event["CallId"], &event["AgentId"]), (&json!(call), &json!("101")), "{event}");
    office.customer.forget();
    wait_until("the agent is back", SOON, || {
        office.customer.heard().seconds_of(0, AGENT_TONE) > 0.5
    });

    let path = |what: &str| format!("/api/v1/calls/{}/{what}", call.replace('-', ""));
    let join = json!({"extension": "8002", "mode": "monitor"});
    let answer = office.switch.http().post(&path("supervise"), &join);
    assert_eq!(answer.status, 201, "{}", answer.text());
    colleague.refuses();
    wait_until("the supervision", SOON, || names(&told).len() == 2);

    let add = json!({"to": "8002", "from": "8001"});
    let answer = office.switch.http().post(&path("conference"), &add);
    assert_eq!(answer.status, 201, "{}", answer.text());
    colleague.refuses();
    wait_until("the conference", SOON, || names(&told).len() == 3);

    // Nothing rings that could be picked up.
    let rtp = office.switch.place().ports(2);
    colleague.ua.invite("*8", rtp);
    wait_until("the pickup", SOON, || names(&told).len() == 4);
    let mut all = names(&told);
    all.sort();
    let mut wanted = wanted.map(str::to_owned);
    wanted.sort();
    assert_eq!(all, wanted);
    office.switch.hang_up_all();
    office.switch.wait_idle();
}

#[test]
fn a_caller_who_chooses_nothing_and_one_who_says_nothing_are_told() {
    let open = "057126200672";
    let (switch, port) = {
        let place = std::sync::Arc::new(super::support::place::Place::take());
        let port = place.port();
        let number = |number: &str, to: &str| {
            format!(
                "[[number]]\ntenant = \"demo\"\ntrunk = \"carrier\"\nnumber = \"{number}\"\n{to}\n"
            )
        };
        let setup = setup(port)
            .extension("8003", "voicemail = true\n")
            .with(&number(open, ""))
            .with(&number("057126200674", "to = \"voicemail:8003\""));
        (Switch::start_in(place, setup), port)
    };
    let told = Receiver::start(Manner::Says(200, Duration::ZERO));
    subscribe(&switch, &told.url(), &["dtmf_gather_fail", "voice_mail_fail"]);
    let router = json!({"FastRouter": [{"Dtmf": "1", "Desc": "Support", "QueueId": "9001"}]});
    let answer = post(&switch, "POST", &format!("ivrs/fastrouters?{}", auth(APP)), &router);
    assert_eq!(answer["ErrCode"], "000000", "{answer}");
    let mut customer = Customer::of(&switch, port);
    customer.calls(open);
    wait_until("the menu", SOON, || !switch.calls().is_empty());
    // A key that leads nowhere; too early it is none, and that is told as well.
    customer.rtp.send_digit('7');
    wait_until("the wrong key", SOON, || !names(&told).is_empty());
    assert_eq!(names(&told)[0], "dtmf_gather_fail");
    customer.hangs_up();
    switch.wait_idle();
    let before = names(&told).len();
    customer.calls("057126200674");
    customer.hangs_up();
    wait_until("no message", SOON, || names(&told).len() > before);
    assert_eq!(names(&told)[before], "voice_mail_fail");
    switch.wait_idle();
}

#[test]
fn music_that_is_gone_from_the_disk_is_told_counted_and_written_down() {
    let mut office = Office::open();
    let told = Receiver::start(Manner::Says(200, Duration::ZERO));
    subscribe(&office.switch, &told.url(), &["play_fail", "hold_call"]);
    logs_in(&office.switch, "101");
    let order =
        json!({"caller": RELAY, "called": CUSTOMER, "called_display": RELAY, "agent_id": "101"});
    let answer = office.post("POST", &format!("originatev2?{}", auth(APP)), &order);
    let call = answer["results"].as_str().expect("a call").to_owned();
    office.agent_takes_it();
    let music = office.switch.place().dir().join("sounds/music/hold.wav");
    std::fs::remove_file(music).expect("the music was there");
    let body = json!({"call_id": call, "agent_id": "101", "on_succ": "x", "on_failed": "x"});
    let answer = office.post("POST", &format!("agent/hold?{}", bare_auth()), &body);
    assert_eq!(answer["code"], "000000", "{answer}");
    wait_until("both are told", SOON, || names(&told) == ["hold_call", "play_fail"]);
    let event = told.received()[1].json();
    assert_eq!((&event["CallId"], &event["AgentId"]), (&json!(call), &json!("101")), "{event}");
    let metrics = office.switch.http().get("/metrics").text();
    assert!(metrics.contains("\nstrowger_prompts_failed_total 1\n"), "{metrics}");
    wait_until("the log", SOON, || {
        let log = office.switch.process().log();
        log.lines().any(|line| {
            line.contains("a prompt could not be played") && line.contains("music/hold")
        })
    });
    // The conversation goes on.
    office.post("DELETE", &format!("agent/hold?{}", bare_auth()), &body);
    office.customer.forget();
    wait_until("the agent", SOON, || office.customer.heard().seconds_of(0, AGENT_TONE) > 0.5);
    office.switch.hang_up_all();
    office.switch.wait_idle();
}

#[test]
fn an_agent_who_has_nobody_to_go_back_to_after_a_consultation_is_told_so() {
    let place = Arc::new(Place::take());
    let port = place.port();
    let switch = Switch::start_in(place, setup(port));
    let told = Receiver::start(Manner::Says(200, Duration::ZERO));
    let wanted = ["consult_succ", "end_consult_succ", "end_consult_fail"];
    subscribe(&switch, &told.url(), &wanted);
    let phone = |number: &str| {
        let account = Account::of(&switch, number, Transport::Udp);
        let phone = Baresip::register(switch.place(), &account, AGENT_TONE);
        switch.wait_registered(number);
        phone
    };
    let (mut agent, mut colleague) = (phone("8001"), phone("8002"));
    logs_in(&switch, "101");
    let mut customer = Customer::of(&switch, port);
    for (stays, end) in [(true, "end_consult_succ"), (false, "end_consult_fail")] {
        let before = names(&told).len();
        customer.calls(RELAY);
        agent.answer();
        agent.wait_connected();
        wait_until("both talk", SOON, || {
            switch.calls().iter().any(|call| call["stage"] == "talking")
        });
        let held = switch.calls()[0]["call"].as_str().expect("an id").to_owned();
        let path = |call: &str, what: &str| format!("/api/v1/calls/{call}/consult{what}");
        let to = json!({"to": "8002", "extension": "8001"});
        let answer = switch.http().post(&path(&held, ""), &to);
        assert_eq!(answer.status, 202, "{}", answer.text());
        colleague.answer();
        colleague.wait_connected();
        wait_until("consulted", SOON, || names(&told).len() == before + 1);
        let other = |call: &serde_json::Value| call["call"] != json!(held);
        let own = switch.calls().into_iter().find(other).expect("the consultation");
        if !stays {
            customer.hangs_up();
            wait_until("the customer is gone", SOON, || switch.calls().len() == 1);
        }
        let answer = switch.http().post(&path(own["call"].as_str().unwrap(), "/end"), &json!({}));
        assert_eq!(answer.status, 202, "{}", answer.text());
        wait_until("the end", SOON, || names(&told).len() == before + 2);
        assert_eq!(names(&told)[before..], ["consult_succ", end]);
        assert_eq!(told.received()[before + 1].json()["AgentId"], "101");
        if stays {
            customer.hangs_up();
        }
        switch.wait_idle();
    }
}
