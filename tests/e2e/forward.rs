//! Forwards that real phones set by code, and ring groups of real phones.

use serde_json::json;

use super::pairs::assert_hears;
use super::support::baresip::Baresip;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch};

fn udp(switch: &Switch, number: &str) -> Account {
    Account::of(switch, number, Transport::Udp)
}

fn three() -> Setup {
    Setup::default().extension("1001", "").extension("1002", "").extension("1003", "")
}

#[test]
fn a_code_from_a_phone_sends_its_calls_on_over_a_restart() {
    let mut switch = three().start();
    let mut bob = Baresip::register(switch.place(), &udp(&switch, "1002"), 1_000.0);
    bob.dial("*721003");
    bob.wait_connected();
    // The voice says what holds now, and hangs up.
    bob.wait_ended();
    let path = "/api/v1/extensions/1002/settings";
    assert_eq!(switch.http().get(path).json()["forward_all"], json!("1003"));
    switch.wait_idle();
    switch.wait_records(1);
    switch.restart();
    assert_eq!(switch.http().get(path).json()["forward_all"], json!("1003"));

    let mut carol = Baresip::register(switch.place(), &udp(&switch, "1003"), 1_400.0);
    let mut alice = SippPhone::register(switch.place(), &udp(&switch, "1001"), 600.0);
    alice.dial("1002");
    carol.answer();
    alice.wait_connected();
    carol.wait_connected();
    assert_hears(&carol, 600.0, "the phone at the end");
    assert_hears(&alice, 1_400.0, "the caller");
    carol.hang_up();
    alice.wait_ended();
    switch.wait_idle();
}

#[test]
fn a_group_rings_its_phones_and_those_that_lose_are_told_so() {
    let group = "[[group]]\ntenant = \"demo\"\nname = \"sales\"\nnumber = \"600\"\nmembers = [\"1002\", \"1003\"]\n";
    let switch = three().extension("1004", "").with(group).start();
    let place = switch.place();
    let mut bob = Baresip::register(place, &udp(&switch, "1002"), 1_000.0);
    let mut loser = SippPhone::register_with(place, &udp(&switch, "1003"), 0.0, "uas_ring", &[]);
    let mut carol = Baresip::register(place, &udp(&switch, "1003"), 1_400.0);
    let mut alice = SippPhone::register(place, &udp(&switch, "1001"), 600.0);
    alice.dial("600");
    carol.wait_event("CALL_INCOMING");
    loser.waiting().wait_log("invite");
    bob.answer();
    bob.wait_connected();
    alice.wait_connected();
    assert_hears(&bob, 600.0, "the member who answered");
    assert_hears(&alice, 1_000.0, "the caller");
    carol.wait_event("CALL_CLOSED");
    loser.waiting().wait_log("cancel ");
    let reason = loser.waiting().log();
    assert!(reason.to_lowercase().contains("completed elsewhere"), "{reason}");
    bob.hang_up();
    alice.wait_ended();
    switch.wait_idle();
    assert_eq!(switch.wait_records(1).len(), 1, "one call, one record");
}
