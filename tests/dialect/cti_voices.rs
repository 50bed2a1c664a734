//! CTI cloud: what callers hear, and where keys lead them.

use std::sync::Arc;

use serde_json::json;

use super::cti::*;
use super::golden::wire::Client;
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
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

/// Sets default voices, each a tone of this frequency.
fn set_voices(switch: &Switch, tones: &[(&str, f64)]) {
    let mut voices = Vec::new();
    for (name, frequency) in tones {
        let file = format!("{name}.wav");
        let path = switch.place().dir().join(&file);
        write_wav(&path, &sine(*frequency, 3));
        upload(switch, &file, &std::fs::read(&path).unwrap());
        voices.push(json!({*name: {"Type": "wav", "Content": file}}));
    }
    done(switch, "ivrs/defvoices", json!({"DefVoices": voices}));
}

fn done(switch: &Switch, path: &str, body: serde_json::Value) {
    let answer = post(switch, "POST", &format!("{path}?{}", auth(APP)), &body);
    assert_eq!(answer["ErrCode"], "000000", "{answer}");
}

#[test]
fn callers_hear_the_voices_of_closing_time_of_no_answer_and_of_the_mailbox() {
    let place = Arc::new(Place::take());
    let port = place.port();
    let number = |number: &str, to: &str| {
        format!("[[number]]\ntenant = \"demo\"\ntrunk = \"carrier\"\nnumber = \"{number}\"\n{to}\n")
    };
    let setup = setup(port)
        .extension("8003", "voicemail = true\n")
        .with(&number(OPEN, ""))
        .with(&number("057126200673", "to = \"extension:8002\""))
        .with(&number("057126200674", "to = \"voicemail:8003\""))
        .with("[[hours]]\ntenant = \"demo\"\nname = \"never\"\nopen = []\n");
    let switch = Switch::start_in(place, setup);
    let menu = json!({"hours": "never", "keys": {}});
    let answer = switch.http().put("/api/v1/menus/welcome", &menu);
    assert!(answer.status < 300, "{}", answer.text());
    let (closed, nobody, mailbox) = (500.0, 700.0, 900.0);
    set_voices(&switch, &[("ClosingTime", closed), ("NoAnswer", nobody), ("VoiceMail", mailbox)]);
    let mut customer = Customer::of(&switch, port);
    customer.calls(OPEN);
    customer.hears("the closing time", closed);
    switch.wait_idle();
    // Nobody has the phone of 8002.
    customer.calls("057126200673");
    customer.hears("nobody answers", nobody);
    let refused = customer.carrier.final_response(1);
    assert!(refused.status() >= 400, "{}", refused.0);
    customer.calls("057126200674");
    customer.hears("the mailbox", mailbox);
    switch.hang_up_all();
    switch.wait_idle();
    // The router leaves the hours alone, and nothing is heard any more that is the default again.
    done(&switch, "ivrs/fastrouters", json!({"FastRouter": []}));
    assert_eq!(switch.http().get("/api/v1/menus/welcome").json()["hours"], "never");
    done(&switch, "ivrs/defvoices", json!({"DefVoices": [{"NoAnswer": "default"}]}));
    let settings = switch.http().get("/api/v1/settings").json();
    assert_eq!(settings["no_answer"], json!(null), "{settings}");
    assert!(settings["mailbox_greeting"].is_string(), "{settings}");
}

#[test]
fn who_is_held_and_whose_agent_consults_hears_the_voice_for_it() {
    let mut office = Office::open();
    let (held, consulted) = (600.0, 800.0);
    set_voices(&office.switch, &[("Hold", held), ("Consult", consulted)]);
    done(&office.switch, "agent/login", json!({"agent_Id": "101"}));
    let order =
        json!({"caller": RELAY, "called": CUSTOMER, "called_display": RELAY, "agent_id": "101"});
    let answer = office.post("POST", &format!("originatev2?{}", auth(APP)), &order);
    let call = answer["results"].as_str().expect("a call").to_owned();
    office.agent_takes_it();
    let body = json!({"call_id": call, "agent_id": "101", "on_succ": "x", "on_failed": "x"});
    office.post("POST", &format!("agent/hold?{}", bare_auth()), &body);
    wait_until("held", SOON, || office.customer.heard().seconds_of(0, held) > 0.5);
    office.post("DELETE", &format!("agent/hold?{}", bare_auth()), &body);
    office.customer.forget();
    wait_until("the agent", SOON, || office.customer.heard().seconds_of(0, AGENT_TONE) > 0.5);
    // Consultation has no operation here; the native one makes it.
    let path = format!("/api/v1/calls/{}/consult", call.replace('-', ""));
    let answer = office.switch.http().post(&path, &json!({"to": CUSTOMER, "extension": "8001"}));
    assert!(answer.status < 300, "{}", answer.text());
    wait_until("consulted", SOON, || office.customer.heard().seconds_of(0, consulted) > 0.5);
    office.switch.hang_up_all();
    office.switch.wait_idle();
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
    let welcome = json!({"Welcome": {"Type": "wav", "Content": "hello.wav"}});
    done(&switch, "ivrs/defvoices", json!({"DefVoices": [welcome]}));
    done(
        &switch,
        "ivrs/fastrouters",
        json!({"FastRouter": [{"Dtmf": "1", "Desc": "Support", "QueueId": "9001"}]}),
    );
    let account = Account::of(&switch, "8001", Transport::Udp);
    let mut agent = Baresip::register(switch.place(), &account, AGENT_TONE);
    switch.wait_registered("8001");
    done(&switch, "agent/login", json!({"agent_Id": "101"}));

    let mut customer = Customer::of(&switch, port);
    customer.calls(OPEN);
    customer.hears("the greeting", GREETING);
    customer.rtp.send_digit('1');
    agent.answer();
    agent.wait_connected();
    customer.hears("the agent", AGENT_TONE);
    switch.hang_up_all();
    switch.wait_idle();
}

#[test]
fn what_was_spoken_is_removed_when_nothing_says_it_any_more() {
    let switch = switch();
    let prompt = || {
        let settings = switch.http().get("/api/v1/settings").json();
        settings["hold_music"].as_str().map(str::to_owned)
    };
    let files = || wavs_below(switch.place().dir());
    let before = files();
    let say = |text: &str| {
        let voice = json!({"Hold": {"Type": "tts", "Content": text}});
        done(&switch, "ivrs/defvoices", json!({"DefVoices": [voice]}));
        prompt().expect("a prompt")
    };
    let first = say("One moment.");
    assert_eq!(files(), before + 1);
    assert_eq!(say("One moment."), first, "it is spoken once");
    assert_ne!(say("Please wait."), first);
    assert_eq!(files(), before + 1, "the first is gone");
    done(&switch, "ivrs/defvoices", json!({"DefVoices": [{"Hold": "default"}]}));
    assert_eq!((files(), prompt()), (before, None));
}

fn wavs_below(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let count = |entry: std::fs::DirEntry| match entry.path() {
        path if path.is_dir() => wavs_below(&path),
        path => usize::from(path.extension().is_some_and(|kind| kind == "wav")),
    };
    entries.map(count).sum()
}
