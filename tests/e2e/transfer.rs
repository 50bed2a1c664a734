//! Transfer by the keys of real phones: blind and attended, and a call that comes back.

use super::pairs::assert_hears;
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::linphone::Linphone;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{DOMAIN, Setup, Switch};
use super::support::wait::{wait_for, wait_until};

const CUSTOMER: f64 = 600.0;
const TRANSFEROR: f64 = 1_000.0;
const TARGET: f64 = 1_400.0;

/// 1001 calls, 1002 transfers, 1003 takes; 1004 has no phone.
fn switch() -> Switch {
    let numbers = ["1001", "1002", "1003", "1004"];
    numbers.iter().fold(Setup::default(), |setup, number| setup.extension(number, "")).start()
}

fn account(switch: &Switch, number: &str) -> Account {
    Account::of(switch, number, Transport::Udp)
}

fn sipp(switch: &Switch, number: &str, tone: f64) -> SippPhone {
    SippPhone::register(switch.place(), &account(switch, number), tone)
}

/// The customer talks with the phone that will transfer it.
fn talk(customer: &mut SippPhone, transferor: &mut impl Phone) {
    customer.dial("1002");
    transferor.answer();
    customer.wait_connected();
    transferor.wait_connected();
    assert_hears(customer, TRANSFEROR, "the customer");
}

/// The customer and the target hear each other and nobody else; all of it is one interaction.
fn transferred(switch: &Switch, mut customer: SippPhone, mut target: SippPhone, calls: usize) {
    target.wait_connected();
    for (who, phone, tone) in
        [("the customer", &customer, TARGET), ("the target", &target, CUSTOMER)]
    {
        wait_until(&format!("{who} hears the other"), SOON, || {
            phone.heard().seconds_of(0, tone) > 0.5
        });
        phone.rtp().forget();
        wait_until(&format!("{who} hears on"), SOON, || phone.heard().seconds_of(0, tone) > 0.5);
        assert!(phone.heard().seconds_of(0, TRANSFEROR) < 0.1, "{who} hears who transferred");
    }
    switch.hang_up_all();
    customer.wait_ended();
    target.wait_ended();
    let records = switch.wait_records(calls);
    let story = &records[0]["interaction"];
    assert!(records.iter().all(|record| record["interaction"] == *story), "{records:#?}");
    let cause = |cause: &str| records.iter().filter(|record| record["cause"] == cause).count();
    assert_eq!(cause("transferred"), calls - 1, "{records:#?}");
}

fn number_uri(number: &str) -> String {
    format!("sip:{number}@{DOMAIN}")
}

#[test]
fn baresip_transfers_its_caller_blindly() {
    let switch = switch();
    let (mut customer, target) = (sipp(&switch, "1001", CUSTOMER), sipp(&switch, "1003", TARGET));
    let mut phone = Baresip::register(switch.place(), &account(&switch, "1002"), TRANSFEROR);
    talk(&mut customer, &mut phone);
    phone.command("transfer", &number_uri("1003"));
    phone.wait_ended();
    transferred(&switch, customer, target, 2);
}

#[test]
fn linphone_transfers_its_caller_blindly() {
    let switch = switch();
    let (mut customer, target) = (sipp(&switch, "1001", CUSTOMER), sipp(&switch, "1003", TARGET));
    let mut phone = Linphone::register(switch.place(), &account(&switch, "1002"), TRANSFEROR);
    talk(&mut customer, &mut phone);
    phone.type_line(&format!("transfer {}", number_uri("1003")));
    phone.wait_ended();
    transferred(&switch, customer, target, 2);
}

#[test]
fn linphone_asks_first_and_then_transfers() {
    let switch = switch();
    let (mut customer, mut target) =
        (sipp(&switch, "1001", CUSTOMER), sipp(&switch, "1003", TARGET));
    let mut phone = Linphone::register(switch.place(), &account(&switch, "1002"), TRANSFEROR);
    talk(&mut customer, &mut phone);
    phone.hold();
    wait_until("the customer is on hold", SOON, || switch.calls()[0]["held"] == true);
    phone.dial("1003");
    target.wait_connected();
    phone.wait_connected();
    assert_hears(&target, TRANSFEROR, "who is asked");
    target.rtp().forget();
    let [first, second] = call_ids(&mut phone);
    phone.type_line(&format!("transfer {first} --to-call {second}"));
    phone.wait_ended();
    phone.wait_ended();
    transferred(&switch, customer, target, 3);
}

/// The numbers under which linphonec has its two calls.
fn call_ids(phone: &mut Linphone) -> [u32; 2] {
    phone.type_line("calls");
    wait_for("two calls of linphonec", SOON, || {
        let log = phone.log();
        let table = log.rsplit("Call states").next()?;
        let ids: Vec<u32> = table
            .lines()
            .filter(|line| line.contains("sip:"))
            .filter_map(|line| line.split_whitespace().next()?.parse().ok())
            .collect();
        <[u32; 2]>::try_from(ids).ok()
    })
}

// baresip hangs up by itself when its transfer fails.
#[test]
fn a_call_that_nobody_takes_comes_back_to_linphone() {
    let switch = switch();
    let mut customer = sipp(&switch, "1001", CUSTOMER);
    let mut phone = Linphone::register(switch.place(), &account(&switch, "1002"), TRANSFEROR);
    talk(&mut customer, &mut phone);
    phone.type_line(&format!("transfer {}", number_uri("1004")));
    wait_until("nobody is there", SOON, || {
        let records = switch.http().rows("/api/v1/records");
        records.iter().any(|record| record["cause"] == "not_registered")
    });
    customer.rtp().forget();
    wait_until("the customer hears Linphone again", SOON, || {
        customer.heard().seconds_of(0, TRANSFEROR) > 0.5
    });
    assert_eq!(switch.calls().len(), 1);
    switch.hang_up_all();
    customer.wait_ended();
    phone.wait_ended();
}
