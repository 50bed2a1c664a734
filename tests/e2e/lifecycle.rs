//! Start, reload, drain, and what `check` says.

use super::pairs::assert_hears;
use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::process::Process;
use super::support::raw::RawUa;
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch, address_after};
use super::support::wait::wait_until;
use std::fs;
use std::process::Command;

fn two() -> Setup {
    Setup::default().extension("1001", "").extension("1002", "")
}

fn talking(switch: &Switch) -> (SippPhone, SippPhone) {
    let account = |number| Account::of(switch, number, Transport::Udp);
    let mut callee = SippPhone::register(switch.place(), &account("1002"), 1_000.0);
    let mut caller = SippPhone::register(switch.place(), &account("1001"), 600.0);
    caller.dial("1002");
    caller.wait_connected();
    callee.wait_connected();
    assert_hears(&callee, 600.0, "the callee");
    (caller, callee)
}

fn run(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strowger"));
    command.args(arguments).current_dir(place.dir());
    let output = command.output().expect("the binary runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_version_is_told() {
    let place = Place::take();
    let (code, text) = run(&place, &["--version"]);
    assert_eq!(code, Some(0));
    assert!(text.contains(env!("CARGO_PKG_VERSION")), "{text}");
}

#[test]
fn the_demo_and_the_reference_are_right() {
    let place = Place::take();
    for file in ["demo.toml", "reference.toml"] {
        let path = format!("{}/config/{file}", env!("CARGO_MANIFEST_DIR"));
        let (code, text) = run(&place, &["check", "--config", &path]);
        assert_eq!(code, Some(0), "{file}: {text}");
    }
}

#[test]
fn check_prints_every_error_with_its_line() {
    let place = Place::take();
    let config = "[sip]\nlisten = [\"carrier-pigeon:127.0.0.1:5060\"]\ndomain = \"pbx.example\"\n\
                  color = \"red\"\n\n[media]\nports = \"9-3\"\n\n[[tenant]]\nid = \"demo\"\n\n\
                  [[extension]]\ntenant = \"nobody\"\nnumber = \"1001\"\npassword = \"x\"\n";
    fs::write(place.dir().join("wrong.toml"), config).unwrap();
    let (code, text) = run(&place, &["check", "--config", "wrong.toml"]);
    assert_eq!(code, Some(2), "{text}");
    for (line, word) in [(2, "carrier-pigeon"), (4, "color"), (7, "ports"), (13, "nobody")] {
        let place = format!("wrong.toml:{line}:");
        let found = text.lines().any(|said| said.contains(&place) && said.contains(word));
        assert!(found, "no {place} with {word} in:\n{text}");
    }
    let (code, text) = run(&place, &["run", "--config", "wrong.toml"]);
    assert_eq!(code, Some(2), "a wrong configuration runs: {text}");
}

#[test]
fn port_zero_is_named_when_ready() {
    let place = Place::take();
    let text = "[sip]\nlisten = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\ndomain = \"pbx.example\"\n\
                [media]\naddress = \"127.0.0.1\"\nports = \"PORTS\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
                [[tenant]]\nid = \"demo\"\nprefix = \"903\"\n";
    let first = place.ports(512);
    let text = text.replace("PORTS", &format!("{first}-{}", first + 511));
    fs::write(place.dir().join("strowger.toml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_strowger"));
    command.args(["run", "--config", "strowger.toml"]).current_dir(place.dir());
    let mut process = Process::spawn("strowger", "this workspace", &mut command);
    wait_until("ready", SOON, || process.log().lines().any(|line| line.starts_with("ready")));
    let log = process.log();
    let ready = log.lines().find(|line| line.starts_with("ready")).unwrap();
    for scheme in ["udp", "tcp", "http"] {
        let address = address_after(ready, scheme).unwrap_or_else(|| panic!("{scheme}: {ready}"));
        assert_ne!(address.port(), 0, "{ready}");
    }
    process.signal("TERM");
    assert!(process.wait_exit(SOON).success());
}

#[test]
fn a_reload_leaves_calls_alone() {
    let mut switch = two().start();
    let (mut caller, mut callee) = talking(&switch);

    let more = switch.setup().extension("1003", "");
    switch.rewrite(more);
    let answer = switch.http().post("/api/v1/reload", &serde_json::json!({}));
    assert!(matches!(answer.status, 200..=204), "{}", answer.text());
    let account = Account::of(&switch, "1003", Transport::Udp);
    let (_, response) = RawUa::open(switch.place(), &account).register();
    assert_eq!(response.status(), 200, "the new extension: {}", response.0);

    callee.rtp().forget();
    assert_hears(&callee, 600.0, "the callee after the reload");
    assert_eq!(switch.calls().len(), 1);

    // By signal, and with a mistake: all stays as it was.
    let wrong = switch.setup().with("[[extension]]\nnumber = 5\n");
    switch.rewrite(wrong);
    switch.process().signal("HUP");
    switch.process().wait_log("strowger.toml:", SOON);
    callee.rtp().forget();
    assert_hears(&callee, 600.0, "the callee after the refused reload");
    let (_, response) = RawUa::open(switch.place(), &account).register();
    assert_eq!(response.status(), 200, "the extension of the last good file: {}", response.0);
    switch.hang_up_all();
    caller.wait_ended();
    callee.wait_ended();
}

#[test]
fn a_drain_lets_the_call_finish_and_takes_no_other() {
    let mut switch = two().with("[shutdown]\ndrain_secs = 120\n").start();
    let (mut caller, mut callee) = talking(&switch);
    switch.process().signal("TERM");
    wait_until("draining", SOON, || switch.http().get_anonymous("/readyz").status == 503);

    let account = Account::of(&switch, "1001", Transport::Udp);
    let mut late = RawUa::open(switch.place(), &account);
    let uri = "sip:1002@pbx.example";
    let text = late.request("INVITE", uri, "late", 1, "", &super::support::raw::offer(9));
    late.send(&text);
    let mut refusal = late.final_response(1);
    late.acknowledge(uri, "late", 1, &refusal);
    if refusal.status() == 407 {
        let credentials = late.credentials(&refusal, "INVITE", uri, 1);
        let offer = super::support::raw::offer(9);
        let text = late.request("INVITE", uri, "late", 2, &credentials, &offer);
        late.send(&text);
        refusal = late.final_response(2);
    }
    assert_eq!(refusal.status(), 503, "{}", refusal.0);

    callee.rtp().forget();
    assert_hears(&callee, 600.0, "the callee during the drain");
    switch.hang_up_all();
    caller.wait_ended();
    callee.wait_ended();
    assert!(switch.process().wait_exit(SOON).success());
}

#[test]
fn a_drain_ends_calls_when_its_time_is_up() {
    let mut switch = two().with("[shutdown]\ndrain_secs = 1\n").start();
    let (mut caller, mut callee) = talking(&switch);
    switch.process().signal("TERM");
    caller.wait_ended();
    callee.wait_ended();
    assert!(switch.process().wait_exit(SOON).success());
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut switch = two().with("[shutdown]\ndrain_secs = 600\n").start();
    let (_caller, _callee) = talking(&switch);
    switch.process().signal("TERM");
    wait_until("draining", SOON, || switch.http().get_anonymous("/readyz").status == 503);
    switch.process().signal("TERM");
    switch.process().wait_exit(SOON);
}
