//! A queue as its callers and agents meet it: music, the right agent, the recording, the rating, an outside agent, a restart.

use std::sync::Arc;

use serde_json::{Value, json};

use super::pairs::assert_hears;
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::linphone::Linphone;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::rtp::RtpPeer;
use super::support::sipp::{Scenario, SippPhone};
use super::support::switch::{Setup, Switch, sounds_with_tone, text_of};
use super::support::tone::Audio;
use super::support::wait::{wait_for, wait_until};

const MUSIC: f64 = 440.0;
const FIRST: f64 = 600.0;
const SECOND: f64 = 1_000.0;
const AGENT: f64 = 1_400.0;

/// Two callers (1001, 1002) and two agents' phones (2001, 2002), with a queue and its further keys.
fn setup(queue: &str, agents: &str) -> Setup {
    let mut setup = Setup::default();
    for number in ["1001", "1002", "2001", "2002"] {
        setup = setup.extension(number, "");
    }
    setup
        .with(&format!(
            "[[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\nname = \"Support\"\n\
             exit_with_no_av_agents = false\nagent_report_wait_time = false\n{queue}"
        ))
        .with(agents)
}

fn agent(id: &str, place: &str, more: &str) -> String {
    format!(
        "[[agent]]\ntenant = \"demo\"\nid = \"{id}\"\n{place}\nqueues = [{{ queue = \"9001\" }}]\n{more}\n"
    )
}

fn two_agents() -> String {
    agent("101", "extension = \"2001\"", "") + &agent("102", "extension = \"2002\"", "")
}

fn udp(switch: &Switch, number: &str) -> Account {
    Account::of(switch, number, Transport::Udp)
}

fn caller(switch: &Switch, number: &str, tone: f64) -> SippPhone {
    SippPhone::register(switch.place(), &udp(switch, number), tone)
}

/// Logs an agent in or out, or sends it on a break.
fn want(switch: &Switch, agent: &str, intent: &Value) {
    let answer = switch.http().put(&format!("/api/v1/agents/{agent}/intent"), intent);
    assert_eq!(answer.status, 204, "{}", answer.text());
}

fn available(switch: &Switch, agent: &str) {
    want(switch, agent, &json!({"status": "available"}));
}

fn members(switch: &Switch) -> Vec<Value> {
    switch.http().rows("/api/v1/queues/9001/members")
}

fn wait_waiting(switch: &Switch, count: usize) {
    wait_until(&format!("{count} callers wait"), SOON, || {
        members(switch).iter().filter(|row| row["state"] != "answered").count() == count
    });
}

/// The newest visit to the queue on the newest record with one.
fn visit(switch: &Switch) -> Value {
    wait_for("a finished call of the queue", SOON, || {
        let rows = switch.http().rows("/api/v1/records");
        rows.iter().find_map(|row| row["queued"].as_array()?.last().cloned())
    })
}

#[test]
fn callers_hear_music_and_are_answered_in_order_by_the_right_agents() {
    let place = Arc::new(Place::take());
    let sounds = sounds_with_tone(&place, "music/wait.wav", MUSIC, 20);
    let setup = setup("sound = \"music/wait\"\n", &two_agents()).sounds(&sounds);
    let switch = Switch::start_in(place, setup);
    let mut first = caller(&switch, "1001", FIRST);
    let mut second = caller(&switch, "1002", SECOND);
    first.dial("9001");
    first.wait_connected();
    wait_waiting(&switch, 1);
    second.dial("9001");
    second.wait_connected();
    wait_waiting(&switch, 2);
    for phone in [&first, &second] {
        assert_hears(phone, MUSIC, "a waiting caller");
    }

    let mut alice = Baresip::register(switch.place(), &udp(&switch, "2001"), AGENT);
    available(&switch, "101");
    alice.answer();
    alice.wait_connected();
    assert_hears(&alice, FIRST, "the first agent");
    assert_hears(&first, AGENT, "the first caller");

    let mut bob = Linphone::register(switch.place(), &udp(&switch, "2002"), AGENT);
    available(&switch, "102");
    bob.answer();
    bob.wait_connected();
    assert_hears(&bob, SECOND, "the second agent");
    let rows = members(&switch);
    assert!(rows.iter().all(|row| row["state"] == "answered"), "{rows:?}");

    alice.hang_up();
    first.wait_ended();
    let visit = visit(&switch);
    assert_eq!((&visit["queue"], &visit["agent"]), (&json!("9001"), &json!("101")), "{visit}");
    assert_eq!(visit["outcome"], "answered");
    bob.hang_up();
    second.wait_ended();
    assert_recorded(&switch);
}

/// The conversation of the first caller, with each party on a channel of its own.
fn assert_recorded(switch: &Switch) {
    let tones = [FIRST, SECOND];
    let rows = wait_for("two recordings", SOON, || {
        let rows = switch.http().rows("/api/v1/recordings");
        let done = rows.iter().filter(|row| !row["length_ms"].is_null()).count();
        (done == 2).then_some(rows)
    });
    for (row, tone) in rows.iter().rev().zip(tones) {
        let path = format!("/api/v1/recordings/{}/audio", text_of(row, &["call"]));
        let audio = Audio::read(&switch.http().get(&path).body[..]).expect("a WAV");
        assert!(audio.seconds_of(0, tone) > 0.5, "the caller's {tone} Hz is not on the left");
        assert!(audio.seconds_of(1, AGENT) > 0.5, "the agent is not on the right");
    }
}

#[test]
fn a_caller_rates_the_conversation_after_the_agent_has_hung_up() {
    let queue = "agent_hangup_action = \"quality_rate\"\nquality_rate_sound = \"en/rate-call\"\n\
        quality_rate_max = 5\nquality_rate_finish_sound = \"en/thank-you\"\nrecord_enabled = false\n";
    let switch =
        setup(queue, &agent("101", "extension = \"2001\"", "status = \"available\"")).start();
    let mut alice = Baresip::register(switch.place(), &udp(&switch, "2001"), AGENT);
    switch.wait_registered("2001");
    let mut first = caller(&switch, "1001", FIRST);
    first.dial("9001");
    first.wait_connected();
    alice.answer();
    alice.wait_connected();
    assert_hears(&alice, FIRST, "the agent");
    alice.hang_up();
    wait_until("the call is the switch's again", SOON, || {
        switch.calls().iter().any(|call| call["stage"] != "talking")
    });
    first.rtp().send_digit('9');
    first.rtp().send_digit('4');
    first.wait_ended();
    let visit = visit(&switch);
    assert_eq!((&visit["agent"], &visit["rating"]), (&json!("101"), &json!(4)), "{visit}");
}

#[test]
fn an_agent_outside_is_connected_when_it_has_pressed_its_key() {
    let place = Arc::new(Place::take());
    let (port, rtp) = (place.port(), RtpPeer::open(place.ports(2), AGENT));
    let mut carrier = Scenario::carrier("carrier", port, rtp.port()).start(&place);
    let trunk = format!(
        "[[trunk]]\ntenant = \"demo\"\nname = \"out\"\nhost = \"127.0.0.1:{port}\"\ntransport = \"udp\"\n\
         qualify_secs = 1\n[[route]]\ntenant = \"demo\"\nmatch = \"^0[1-9]\\\\d{{6,11}}$\"\n\
         class = \"national\"\nto = \"trunk:out\"\n"
    );
    let remote = agent("201", "number = \"057187654321\"", "status = \"available\"");
    let switch = Switch::start_in(place, setup("record_enabled = false\n", &remote).with(&trunk));
    switch.wait_trunk("out", true);
    let mut first = caller(&switch, "1001", FIRST);
    first.dial("9001");
    first.wait_connected();
    rtp.send_to(carrier.wait_remote_rtp());
    wait_until("the agent's phone has answered", SOON, || rtp.packets() > 20);
    let state = |state: &str| members(&switch).iter().any(|row| row["state"] == state);
    assert!(state("trying") && !state("answered"), "{:?}", members(&switch));
    rtp.send_digit('1');
    wait_until("the caller is answered", SOON, || state("answered"));
    assert_hears(&first, AGENT, "the caller");
    switch.hang_up_all();
    first.wait_ended();
    carrier.wait_log("ended");
}

#[test]
fn intents_and_figures_survive_a_kill() {
    let mut switch = setup("record_enabled = false\n", &two_agents()).start();
    let mut alice = Baresip::register(switch.place(), &udp(&switch, "2001"), AGENT);
    let mut first = caller(&switch, "1001", FIRST);
    let lunch = json!({"status": "on_break", "reason": "lunch"});
    available(&switch, "101");
    want(&switch, "102", &lunch);
    first.dial("9001");
    first.wait_connected();
    alice.answer();
    alice.wait_connected();
    assert_hears(&alice, FIRST, "the agent");
    alice.hang_up();
    first.wait_ended();
    let answered = |switch: &Switch| {
        let figures = switch.http().get("/api/v1/queues/9001/figures").json();
        figures["spans"][0]["answered"].clone()
    };
    assert_eq!(answered(&switch), 1);
    wait_until("the quarter is on disk", SOON, || {
        let rows = switch.http().rows("/api/v1/queues/9001/intervals");
        rows.iter().any(|row| row["answered"] == 1)
    });
    switch.restart();
    assert_eq!(answered(&switch), 1, "of today, over the restart");
    let agent = |id: &str| switch.http().get(&format!("/api/v1/agents/{id}")).json();
    assert_eq!(agent("101")["intent"], json!({"status": "available"}));
    assert_eq!(agent("102")["intent"], lunch);
    for id in ["101", "102"] {
        assert_eq!(agent(id)["activity"], "idle", "nobody comes back in a call");
    }
}
