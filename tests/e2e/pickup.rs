//! Pickup by real phones: a call that rings at one is answered at the other, and the one that rang stops.

use super::pairs::assert_hears;
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::linphone::Linphone;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch};
use super::support::wait::wait_until;

const CALLER: f64 = 600.0;
const PICKER: f64 = 1_000.0;
const CALLED: f64 = 1_400.0;

fn switch() -> Switch {
    let group = "pickup_groups = [\"sales\"]\n";
    Setup::default().extension("1001", "").extension("1002", group).extension("1003", group).start()
}

fn account(switch: &Switch, number: &str) -> Account {
    Account::of(switch, number, Transport::Udp)
}

/// Caller and picker hear each other; the call's record says who was called and who answered.
fn picked_up(switch: &Switch, caller: &mut SippPhone, picker: &mut impl Phone) {
    caller.wait_connected();
    picker.wait_connected();
    assert_hears(caller, PICKER, "the caller");
    assert_hears(picker, CALLER, "the picker");
    assert_eq!(switch.calls().len(), 1, "one call is left");
    switch.hang_up_all();
    caller.wait_ended();
    picker.wait_ended();
    let records = switch.wait_records(2);
    let taken = records.iter().find(|record| !record["picked_up_by"].is_null());
    let taken = taken.expect("a record of a call that was picked up");
    assert_eq!(taken["callee"]["number"], "1002");
    assert_eq!(taken["picked_up_by"]["number"], "1003");
    assert_eq!(records[0]["interaction"], records[1]["interaction"]);
}

#[test]
fn baresip_takes_a_call_of_its_group_that_rings_at_linphone() {
    let switch = switch();
    let mut caller = SippPhone::register(switch.place(), &account(&switch, "1001"), CALLER);
    let mut called = Linphone::register(switch.place(), &account(&switch, "1002"), CALLED);
    let mut picker = Baresip::register(switch.place(), &account(&switch, "1003"), PICKER);
    caller.dial("1002");
    called.wait_ringing();
    wait_until("it rings", SOON, || switch.calls().iter().any(|call| call["stage"] == "ringing"));
    picker.dial("*8");
    called.wait_ended();
    picked_up(&switch, &mut caller, &mut picker);
}

#[test]
fn linphone_takes_a_call_that_rings_at_baresip_by_its_number() {
    let switch = switch();
    let mut caller = SippPhone::register(switch.place(), &account(&switch, "1001"), CALLER);
    let mut called = Baresip::register(switch.place(), &account(&switch, "1002"), CALLED);
    let mut picker = Linphone::register(switch.place(), &account(&switch, "1003"), PICKER);
    caller.dial("1002");
    called.wait_event("CALL_INCOMING");
    wait_until("it rings", SOON, || switch.calls().iter().any(|call| call["stage"] == "ringing"));
    picker.dial("**1002");
    called.wait_ended();
    picked_up(&switch, &mut caller, &mut picker);
}
