//! Parking by real phones: a caller is transferred to a place, hears music there, and is taken back from elsewhere.

use std::sync::Arc;

use super::pairs::assert_hears;
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::linphone::Linphone;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::sipp::SippPhone;
use super::support::switch::{DOMAIN, Setup, Switch, sounds_with_tone};
use super::support::wait::{wait_for, wait_until};

const CUSTOMER: f64 = 600.0;
const PARKER: f64 = 1_000.0;
const TAKER: f64 = 1_400.0;
const MUSIC: f64 = 1_800.0;

/// 1001 calls, 1002 parks, 1003 takes back.
fn switch() -> Switch {
    let place = Arc::new(Place::take());
    let sounds = sounds_with_tone(&place, "music/hold.wav", MUSIC, 5);
    let setup = ["1001", "1002", "1003"]
        .iter()
        .fold(Setup::default(), |setup, number| setup.extension(number, ""));
    Switch::start_in(place, setup.sounds(&sounds))
}

fn account(switch: &Switch, number: &str) -> Account {
    Account::of(switch, number, Transport::Udp)
}

/// The customer talks with the phone that parks it.
fn talk(switch: &Switch, parker: &mut impl Phone) -> SippPhone {
    let mut customer = SippPhone::register(switch.place(), &account(switch, "1001"), CUSTOMER);
    customer.dial("1002");
    parker.answer();
    customer.wait_connected();
    parker.wait_connected();
    assert_hears(&customer, PARKER, "the customer");
    customer
}

/// The place in which the customer hears music, and nobody else.
fn parked(switch: &Switch, customer: &SippPhone) -> String {
    let slot = wait_for("a parked call", SOON, || {
        let places = switch.http().rows("/api/v1/parking");
        places.first()?["slot"].as_u64().map(|slot| slot.to_string())
    });
    customer.rtp().forget();
    wait_until("the customer hears music", SOON, || customer.heard().seconds_of(0, MUSIC) > 1.0);
    slot
}

/// Customer and taker hear each other, the parker's phone is quiet; all of it is one interaction.
fn taken(switch: &Switch, mut customer: SippPhone, mut parker: impl Phone, mut taker: impl Phone) {
    taker.wait_connected();
    // The conversation that it parked, and the call that was to tell it the place.
    parker.wait_ended();
    parker.wait_ended();
    customer.rtp().forget();
    assert_hears(&customer, TAKER, "the customer");
    assert_hears(&taker, CUSTOMER, "who took the call back");
    wait_until("nobody is parked", SOON, || switch.http().rows("/api/v1/parking").is_empty());
    switch.hang_up_all();
    customer.wait_ended();
    taker.wait_ended();
    switch.wait_idle();
    let records = switch.wait_records(4);
    let story = &records[0]["interaction"];
    assert!(records.iter().all(|record| record["interaction"] == *story), "{records:#?}");
    assert!(records.iter().any(|record| record["cause"] == "picked_up"), "{records:#?}");
}

#[test]
fn linphone_parks_its_caller_and_baresip_takes_it_back() {
    let switch = switch();
    let mut parker = Linphone::register(switch.place(), &account(&switch, "1002"), PARKER);
    let mut taker = Baresip::register(switch.place(), &account(&switch, "1003"), TAKER);
    let customer = talk(&switch, &mut parker);
    parker.type_line(&format!("transfer sip:700@{DOMAIN}"));
    let slot = parked(&switch, &customer);
    taker.dial(&slot);
    taken(&switch, customer, parker, taker);
}

#[test]
fn baresip_parks_its_caller_and_linphone_takes_it_back() {
    let switch = switch();
    let mut parker = Baresip::register(switch.place(), &account(&switch, "1002"), PARKER);
    let mut taker = Linphone::register(switch.place(), &account(&switch, "1003"), TAKER);
    let customer = talk(&switch, &mut parker);
    parker.command("transfer", &format!("sip:700@{DOMAIN}"));
    let slot = parked(&switch, &customer);
    taker.dial(&slot);
    taken(&switch, customer, parker, taker);
}
