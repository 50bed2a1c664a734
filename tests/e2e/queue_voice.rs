//! What a queue says to those who wait, and an agent who logs in with nothing but a phone.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::pairs::assert_hears;
use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::raw::RawUa;
use super::support::rtp::RtpPeer;
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch, sounds_with_tone};
use super::support::tone::{sine, write_wav};
use super::support::wait::wait_until;

const MUSIC: f64 = 440.0;
const CALLER: f64 = 600.0;
const FIRST_PROMPT: f64 = 800.0;
const SECOND_PROMPT: f64 = 1_100.0;
const AGENT: f64 = 1_400.0;

/// Callers 1001 and 1002, phones 2001 and 2002 with agent 101 at the first, and a queue. Two prompts are tones.
fn start(place: Place, queue: &str, prompts: [&str; 2]) -> Switch {
    let sounds = sounds_with_tone(&place, "music/wait.wav", MUSIC, 20);
    say_by_tone(&sounds, prompts[0], FIRST_PROMPT);
    say_by_tone(&sounds, prompts[1], SECOND_PROMPT);
    let mut setup = Setup::default().sounds(&sounds);
    for number in ["1001", "1002", "2001", "2002"] {
        setup = setup.extension(number, "");
    }
    let setup = setup
        .with(&format!(
            "[[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\nexit_with_no_av_agents = false\n\
             record_enabled = false\nagent_report_wait_time = false\nsound = \"music/wait\"\n{queue}"
        ))
        .with(
            "[[agent]]\ntenant = \"demo\"\nid = \"101\"\nextension = \"2001\"\npin = \"7391\"\n\
             queues = [{ queue = \"9001\" }]\n",
        );
    Switch::start_in(std::sync::Arc::new(place), setup)
}

fn say_by_tone(sounds: &Path, prompt: &str, frequency: f64) {
    let path: PathBuf = sounds.join("en").join(format!("{prompt}.wav"));
    assert!(path.exists(), "{prompt} is one of the prompts");
    write_wav(&path, &sine(frequency, 2));
}

fn phone(switch: &Switch, number: &str, tone: f64) -> SippPhone {
    SippPhone::register(switch.place(), &Account::of(switch, number, Transport::Udp), tone)
}

fn agent(switch: &Switch) -> Value {
    switch.http().get("/api/v1/agents/101").json()
}

fn wait_status(switch: &Switch, status: &str) {
    wait_until(&format!("agent 101 is {status}"), SOON, || {
        agent(switch)["intent"]["status"] == status
    });
}

fn available(switch: &Switch) {
    let answer = switch.http().put("/api/v1/agents/101/intent", &json!({"status": "available"}));
    assert_eq!(answer.status, 204, "{}", answer.text());
}

fn press(phone: &SippPhone, keys: &str) {
    for key in keys.chars() {
        phone.rtp().send_digit(key);
    }
}

#[test]
fn an_agent_logs_in_at_any_phone_with_id_and_pin_is_rung_there_and_logs_out_again() {
    let switch = start(Place::take(), "", ["enter-agent-id", "enter-pin"]);
    let mut desk = phone(&switch, "2002", AGENT);
    let mut caller = phone(&switch, "1001", CALLER);
    wait_status(&switch, "logged_out");

    desk.dial("*45");
    desk.wait_connected();
    assert_hears(&desk, FIRST_PROMPT, "who is to say the id");
    press(&desk, "101#");
    assert_hears(&desk, SECOND_PROMPT, "who is to say the PIN");
    press(&desk, "7391#");
    wait_status(&switch, "available");
    desk.wait_ended();

    desk.rtp().forget();
    caller.dial("9001");
    caller.wait_connected();
    desk.answer();
    desk.wait_connected();
    assert_hears(&desk, CALLER, "the agent at a desk that is not its own");
    assert_hears(&caller, AGENT, "the caller");
    switch.hang_up_all();
    caller.wait_ended();

    // The phone is the agent's now: the code alone turns it out.
    desk.dial("*45");
    desk.wait_connected();
    wait_status(&switch, "logged_out");
    desk.wait_ended();
}

#[test]
fn a_wrong_pin_logs_nobody_in() {
    let switch = start(Place::take(), "", ["enter-pin", "wrong-pin"]);
    let mut desk = phone(&switch, "2002", AGENT);
    desk.dial("*45");
    desk.wait_connected();
    press(&desk, "101#");
    assert_hears(&desk, FIRST_PROMPT, "who is to say the PIN");
    press(&desk, "7390#");
    assert_hears(&desk, SECOND_PROMPT, "who said a wrong PIN");
    assert_eq!(agent(&switch)["intent"]["status"], "logged_out");
    switch.hang_up_all();
    desk.wait_ended();
}

#[test]
fn who_waits_is_told_the_position_and_how_long_it_will_take() {
    let queue = "position_announce_frequency = 5\nannounce_wait = true\n";
    let prompts = ["you-are-caller-number", "estimated-wait"];
    let switch = start(Place::take(), queue, prompts);
    let mut desk = phone(&switch, "2001", AGENT);
    let mut first = phone(&switch, "1001", CALLER);
    let mut second = phone(&switch, "1002", CALLER + 100.0);
    available(&switch);
    first.dial("9001");
    first.wait_connected();
    desk.answer();
    desk.wait_connected();
    assert_hears(&desk, CALLER, "the agent");
    second.dial("9001");
    second.wait_connected();
    assert_hears(&second, MUSIC, "who waits");
    assert_hears(&second, FIRST_PROMPT, "who is told the position");
    // How long a conversation takes is known when one has ended.
    assert!(second.heard().seconds_of(0, SECOND_PROMPT) < 0.2, "a wait was estimated from nothing");
    let answer = switch.http().put("/api/v1/agents/101/intent", &json!({"status": "on_break"}));
    assert_eq!(answer.status, 204, "{}", answer.text());
    let call = first_talk(&switch);
    assert_eq!(switch.http().delete(&format!("/api/v1/calls/{call}")).status, 202);
    first.wait_ended();
    assert_hears(&second, SECOND_PROMPT, "who is told how long it takes");
    switch.hang_up_all();
    second.wait_ended();
}

/// The call of the caller who was answered.
fn first_talk(switch: &Switch) -> String {
    let rows = switch.http().rows("/api/v1/queues/9001/members");
    let answered = rows.iter().find(|row| row["state"] == "answered").expect("one who talks");
    answered["call"].as_str().expect("an id").to_owned()
}

#[test]
fn a_queue_that_answers_nobody_plays_its_music_before_the_answer() {
    let switch = start(Place::take(), "disable_answer = true\n", ["busy", "goodbye"]);
    let place = switch.place();
    let mut caller = RawUa::open(place, &Account::of(&switch, "1001", Transport::Udp));
    let rtp = RtpPeer::open(place.ports(2), CALLER);
    let call = caller.invite("9001", rtp.port());
    let early = caller.receive_until("early media", |text| text.status() == 183);
    assert!(early.audio_port().is_some(), "{}", early.0);
    wait_until("the music is heard", SOON, || rtp.heard().seconds_of(0, MUSIC) > 0.5);

    let mut desk = phone(&switch, "2001", AGENT);
    available(&switch);
    desk.answer();
    desk.wait_connected();
    let answer = caller.final_response(2);
    assert_eq!(answer.status(), 200, "{}", answer.0);
    caller.acknowledge("sip:9001@pbx.example", &call, 2, &answer);
    rtp.send_to(SocketAddr::from(([127, 0, 0, 1], answer.audio_port().expect("audio"))));
    assert_hears(&desk, CALLER, "the agent");
    wait_until("the agent is heard", SOON, || rtp.heard().seconds_of(0, AGENT) > 0.5);
    switch.hang_up_all();
    desk.wait_ended();
}
