//! Recordings: each party on its own channel, downloaded as a client does.

use super::pairs::assert_hears;
use super::support::phone::{Account, Kind, Phone, Transport, register};
use super::support::switch::{Setup, Switch, text_of};
use super::support::tone::Audio;
use super::support::wait::{wait_for, wait_until};
use super::support::{SOON, sipp::SippPhone};

const CALLER: f64 = 600.0;
const CALLEE: f64 = 1_000.0;
/// How much weaker a tone must be on the other party's channel, in dB.
const APART: f64 = 30.0;

fn switch() -> Switch {
    Setup::default().extension("1001", "").extension("1002", "record = \"always\"\n").start()
}

/// The path of the only finished recording's audio.
fn recording_path(switch: &Switch) -> String {
    let row = wait_for("a finished recording", SOON, || {
        let rows = switch.http().rows("/api/v1/recordings");
        rows.into_iter().find(|row| !row["length_ms"].is_null())
    });
    format!("/api/v1/recordings/{}/audio", text_of(&row, &["call", "id"]))
}

/// Asserts that left is the caller's tone and right the callee's.
fn assert_apart(audio: &Audio) {
    assert_eq!(audio.channels.len(), 2, "a recording is stereo");
    for (channel, own, other) in [(0, CALLER, CALLEE), (1, CALLEE, CALLER)] {
        let (strong, weak) = (audio.peak_level(channel, own), audio.peak_level(channel, other));
        assert!(audio.seconds_of(channel, own) > 1.0, "{own} Hz is not on channel {channel}");
        assert!(strong - weak >= APART, "channel {channel}: {own} Hz {strong}, {other} Hz {weak}");
    }
}

fn record(caller: Kind, callee: Kind) {
    let switch = switch();
    let account = |number| Account::of(&switch, number, Transport::Udp);
    let mut callee = register(switch.place(), callee, &account("1002"), CALLEE);
    let mut caller = register(switch.place(), caller, &account("1001"), CALLER);
    caller.dial("1002");
    callee.answer();
    caller.wait_connected();
    callee.wait_connected();
    wait_until("two seconds", SOON, || callee.heard().seconds_of(0, CALLER) > 2.0);
    assert_hears(&*caller, CALLEE, "the caller");
    switch.hang_up_all();
    caller.wait_ended();
    callee.wait_ended();

    let path = recording_path(&switch);
    let answer = switch.http().get(&path);
    assert_eq!(answer.status, 200, "{path}");
    let audio = Audio::read(&answer.body[..]).expect("a recording is a WAV");
    assert_apart(&audio);

    let part = switch.http().get_range(&path, "bytes=8-11");
    assert_eq!((part.status, &part.body[..]), (206, &b"WAVE"[..]));
    assert_eq!(switch.http().get_anonymous(&path).status, 401);
}

#[test]
fn a_call_between_sipp_phones_is_recorded_apart() {
    record(Kind::Sipp, Kind::Sipp);
}

#[test]
fn a_call_from_baresip_to_linphone_is_recorded_apart() {
    record(Kind::Baresip, Kind::Linphone);
}

#[test]
fn a_call_from_linphone_to_baresip_is_recorded_apart() {
    record(Kind::Linphone, Kind::Baresip);
}

#[test]
fn a_call_that_nobody_wants_recorded_is_not() {
    let switch = Setup::default().extension("1001", "").extension("1003", "").start();
    let account = |number| Account::of(&switch, number, Transport::Udp);
    let mut callee = SippPhone::register(switch.place(), &account("1003"), CALLEE);
    let mut caller = SippPhone::register(switch.place(), &account("1001"), CALLER);
    caller.dial("1003");
    caller.wait_connected();
    callee.wait_connected();
    assert_hears(&callee, CALLER, "the callee");
    switch.hang_up_all();
    switch.wait_records(1);
    assert!(switch.http().rows("/api/v1/recordings").is_empty());
}

#[test]
fn a_pause_leaves_out_what_is_said_and_the_code_ends_the_recording() {
    let switch = Setup::default()
        .extension("1001", "record = \"on_demand\"\n")
        .extension("1002", "")
        .start();
    let account = |number| Account::of(&switch, number, Transport::Udp);
    let mut callee = SippPhone::register(switch.place(), &account("1002"), CALLEE);
    let mut caller = SippPhone::register(switch.place(), &account("1001"), CALLER);
    caller.dial("1002");
    caller.wait_connected();
    callee.wait_connected();
    assert_hears(&callee, CALLER, "the callee");
    let call = text_of(&switch.calls()[0], &["call", "id"]);
    assert_eq!(switch.calls()[0]["recorded"], false);
    let press = |keys: &str| keys.chars().for_each(|key| caller.rtp().send_digit(key));
    let order = |action: &str| {
        let body = serde_json::json!({ "action": action });
        switch.http().post(&format!("/api/v1/calls/{call}/recording"), &body).status
    };
    let talk = || {
        callee.rtp().forget();
        wait_until("a second and a half of talk", SOON, || {
            callee.heard().seconds_of(0, CALLER) > 1.5
        });
    };
    press("*1");
    wait_until("the recording", SOON, || switch.calls()[0]["recorded"] == true);
    assert_eq!(order("start"), 409, "it runs already");
    talk();
    assert_eq!(order("pause"), 204);
    talk();
    assert_eq!(order("resume"), 204);
    talk();
    press("*1");
    let path = recording_path(&switch);
    let row = switch.http().rows("/api/v1/recordings").remove(0);
    assert_eq!(switch.calls().len(), 1, "the call goes on");
    switch.hang_up_all();
    caller.wait_ended();
    callee.wait_ended();

    assert_eq!(row["begun_by"], "party");
    let gaps = row["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1, "{row}");
    let at = |name: &str| gaps[0][name].as_u64().unwrap();
    let (from, until) = (at("from_ms"), at("until_ms"));
    let audio = Audio::read(&switch.http().get(&path).body[..]).expect("a recording is a WAV");
    // What is on its way when the order comes may fall on either side.
    let edge = 150;
    for (channel, tone) in [(0, CALLER), (1, CALLEE)] {
        let silent = audio.part(from + edge, until - edge);
        assert!(silent.seconds() > 1.0 && silent.seconds_of(channel, tone) == 0.0, "{row}");
        assert!(audio.part(0, from).seconds_of(channel, tone) > 1.0, "before the pause");
        let after = audio.part(until, u64::from(u32::MAX));
        assert!(after.seconds_of(channel, tone) > 1.0, "after the pause");
    }
    let named = text_of(&row, &["audio"]);
    assert_eq!(switch.http().get(&named).body, switch.http().get(&path).body);
    assert_eq!(switch.http().get(&format!("{path}?part=2")).status, 404);
}
