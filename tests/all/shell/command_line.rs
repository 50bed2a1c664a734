//! `strowger check`, `run` and `--version`, signals and exit codes.

use std::io::Read;
use std::net::UdpSocket;
use std::process::Command;

use rustix::process::Signal;

use super::fixture::{Phone, Place, get, request};

#[test]
fn check_prints_every_error_with_its_line_and_exits_with_2() {
    let place = Place::new("");
    place.write("[sip]\nlisten = [\"udp:nowhere\"]\ndomian = \"x\"\n");
    let output = place.output("check");
    let file = place.config().display().to_string();
    let expected = format!(
        "{file}:1: [sip] lacks domain: add the name that phones use, such as \"pbx.example\"\n\
         {file}:2: [sip] listen: \"nowhere\" is no IP address with a port; write transport:address:port such as \"udp:127.0.0.1:5060\"\n\
         {file}:3: [sip]: unknown key domian; did you mean domain?\n"
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(place.output("run").status.code(), Some(2));
}

#[test]
fn check_of_a_sound_file_says_so() {
    let output = Place::new("").output("check");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("sound: 1 tenants, 2 extensions"), "{text}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_version_is_the_package_s() {
    let output = Command::new(env!("CARGO_BIN_EXE_strowger")).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.trim(), format!("strowger {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn ready_names_addresses_that_answer() {
    let switch = Place::new("").start();
    assert!(switch.said("calls").parse::<u64>().unwrap() > 0);
    assert_eq!(get(switch.http(), "/readyz").0, 200);
    let phone = Phone::new(switch.udp(), "4567", "secret-1");
    let reply = phone.exchange(&request("OPTIONS", "UDP", phone.address(), "4567", 1, ""));
    assert!(reply.starts_with("SIP/2.0 200 "), "{reply}");
}

#[test]
fn an_address_in_use_is_named() {
    let place = Place::new("");
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _held = UdpSocket::bind(taken).unwrap();
    place.write(&place.usual("").replace("udp:127.0.0.1:0", &format!("udp:{taken}")));
    let output = place.output("run");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&format!("cannot listen on udp:{taken}")), "{text}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn sigterm_without_calls_ends_at_once_and_well() {
    let mut switch = Place::new("").start();
    switch.signal(Signal::TERM);
    assert_eq!(switch.wait(), Some(0));
}

#[test]
fn a_second_process_on_the_same_store_does_not_start() {
    let place = Place::new("");
    let _first = place.start();
    let output = place.output("run");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("another strowger uses this store"), "{text}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn sighup_loads_the_file_again_all_or_nothing() {
    let place = Place::new("");
    let mut switch = place.start();
    let mut carol = Phone::new(switch.udp(), "4569", "secret-3");
    let carols = "[[extension]]\nnumber = \"4569\"\npassword = \"secret-3\"\n";
    place.write(&place.usual(&format!("{carols}passwort = \"x\"\n")));
    switch.signal(Signal::HUP);
    assert!(switch.log_until("unknown key passwort").contains("did you mean password?"));
    let text = carol.register_text("");
    assert!(!carol.exchange(&text).starts_with("SIP/2.0 200 "), "she is not there yet");
    place.write(&place.usual(carols));
    switch.signal(Signal::HUP);
    switch.log_until("configuration loaded again");
    assert!(carol.register("").starts_with("SIP/2.0 200 "));
}

#[test]
fn what_belongs_to_sockets_needs_a_restart() {
    let place = Place::new("");
    let mut switch = place.start();
    place.write(&place.usual("").replace("127.0.0.1:0\", \"tcp", "127.0.0.1:9\", \"tcp"));
    switch.signal(Signal::HUP);
    let line = switch.log_until("restart");
    assert!(line.contains("sip.listen can only change with a restart"), "{line}");
}

#[test]
fn logs_can_be_json() {
    let place = Place::new("[log]\nformat = \"json\"\n");
    let mut switch = place.start();
    switch.signal(Signal::TERM);
    let line = switch.log_until("draining");
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json["level"], "INFO");
    assert_eq!(switch.wait(), Some(0));
}

#[test]
fn the_key_file_is_made_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new("");
    let key = place.path("keys/store.key");
    let setting = format!("store.key_file = \"{}\"\nstore.path", key.display());
    place.write(&place.usual("").replace("store.path", &setting));
    drop(place.start());
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let mut text = String::new();
    std::fs::File::open(&key).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text.trim().len(), 64);
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let output = place.output("run");
    assert!(String::from_utf8(output.stderr).unwrap().contains("others may read it"));
}
