//! Keys arrive as they were pressed, by RFC 4733 events and by SIP INFO.

use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::linphone::Linphone;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch};
use super::support::wait::wait_until;

const KEYS: &str = "1590*#";

fn switch() -> Switch {
    Setup::default().extension("1001", "").extension("1002", "").start()
}

fn udp(switch: &Switch, number: &str) -> Account {
    Account::of(switch, number, Transport::Udp)
}

fn sipp(switch: &Switch, number: &str) -> SippPhone {
    SippPhone::register(switch.place(), &udp(switch, number), 600.0)
}

fn connect(caller: &mut dyn Phone, callee: &mut dyn Phone) {
    caller.dial("1002");
    callee.answer();
    caller.wait_connected();
    callee.wait_connected();
}

fn wait_keys(phone: &SippPhone, keys: &str) {
    wait_until(&format!("the keys {keys}"), SOON, || phone.rtp().digits().len() >= keys.len());
    assert_eq!(phone.rtp().digits(), keys);
}

#[test]
fn events_cross_between_baresip_and_a_party() {
    let switch = switch();
    let mut callee = sipp(&switch, "1002");
    let mut caller = Baresip::register(switch.place(), &udp(&switch, "1001"), 1_000.0);
    connect(&mut caller, &mut callee);
    for (count, key) in KEYS.char_indices() {
        caller.press(key);
        wait_keys(&callee, &KEYS[..=count]);
    }
    for key in KEYS.chars() {
        callee.rtp().send_digit(key);
        caller.wait_digit(key);
    }
    caller.hang_up();
    callee.wait_ended();
}

#[test]
fn events_cross_between_linphone_and_a_party() {
    let switch = switch();
    let mut callee = sipp(&switch, "1002");
    let mut caller = Linphone::register(switch.place(), &udp(&switch, "1001"), 1_000.0);
    connect(&mut caller, &mut callee);
    for (count, key) in KEYS.char_indices() {
        caller.press(key);
        wait_keys(&callee, &KEYS[..=count]);
    }
    for key in KEYS.chars() {
        callee.rtp().send_digit(key);
        caller.wait_digit(key);
    }
    caller.hang_up();
    callee.wait_ended();
}

#[test]
fn keys_by_info_become_events_for_a_phone_that_takes_events() {
    let switch = switch();
    let mut callee = sipp(&switch, "1002");
    let mut caller = sipp(&switch, "1001");
    caller.dial_by("info", "1002");
    callee.wait_connected();
    caller.wait_connected();
    wait_keys(&callee, "12#");
    switch.hang_up_all();
    caller.wait_ended();
}

#[test]
fn events_become_info_for_a_phone_that_takes_none() {
    let switch = switch();
    let account = udp(&switch, "1002");
    let mut callee =
        SippPhone::register_with(switch.place(), &account, 1_000.0, "uas_no_events", &[]);
    let mut caller = sipp(&switch, "1001");
    caller.dial("1002");
    caller.wait_connected();
    callee.wait_connected();
    for key in ['7', '0', '#'] {
        caller.rtp().send_digit(key);
    }
    wait_until("three keys by INFO", SOON, || callee.waiting().log().matches("key ").count() == 3);
    let log = callee.waiting().log();
    let keys: Vec<_> = log.lines().filter_map(|line| line.strip_prefix("key ")).collect();
    assert_eq!(keys, ["7", "0", "#"], "{log}");
    switch.hang_up_all();
    callee.wait_ended();
}
