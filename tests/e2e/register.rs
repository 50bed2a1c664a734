//! Registration: who may, and who may not.

use super::support::baresip::Baresip;
use super::support::linphone::Linphone;
use super::support::phone::{Account, Kind, Phone, Transport, register};
use super::support::raw::RawUa;
use super::support::switch::{PREFIX, Setup, Switch};
use super::support::wait::wait_until;
use super::support::{SOON, sipp::Scenario};

fn switch() -> Switch {
    Setup::default().extension("1001", "").extension("1002", "").start()
}

#[test]
fn every_phone_registers_over_udp_and_tcp() {
    let switch = switch();
    for transport in [Transport::Udp, Transport::Tcp] {
        for kind in [Kind::Sipp, Kind::Baresip, Kind::Linphone] {
            let account = Account::of(&switch, "1001", transport);
            let _phone = register(switch.place(), kind, &account, 600.0);
            switch.wait_registered("1001");
        }
    }
    assert!(!switch.is_registered("1002"));
}

#[test]
fn a_phone_registers_by_prefix_and_number() {
    let switch = switch();
    let mut account = Account::of(&switch, "1001", Transport::Udp);
    account.user = format!("{PREFIX}1001");
    let _phone = register(switch.place(), Kind::Baresip, &account, 600.0);
    switch.wait_registered("1001");
}

fn failures(switch: &Switch) -> f64 {
    let metrics = switch.http().get("/metrics").text();
    let line = metrics.lines().find(|line| line.starts_with("strowger_auth_failures_total"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
}

/// A phone with a wrong password tries at least once, and is not registered.
fn assert_refused(start: impl Fn(&Switch, &Account) -> Box<dyn Phone>) {
    let switch = switch();
    let mut account = Account::of(&switch, "1001", Transport::Udp);
    account.password = "not the password".to_owned();
    let _phone = start(&switch, &account);
    wait_until("the failure is counted", SOON, || failures(&switch) >= 1.0);
    assert!(!switch.is_registered("1001"));
}

#[test]
fn baresip_with_a_wrong_password_is_not_registered() {
    assert_refused(|switch, account| Box::new(Baresip::start(switch.place(), account, 600.0, "")));
}

#[test]
fn linphone_with_a_wrong_password_is_not_registered() {
    assert_refused(|switch, account| Box::new(Linphone::start(switch.place(), account, 600.0)));
}

#[test]
fn sipp_with_a_wrong_password_is_refused() {
    let switch = switch();
    let mut account = Account::of(&switch, "1001", Transport::Tcp);
    account.password = "not the password".to_owned();
    let mut sipp = Scenario::of("register", &account).start(switch.place());
    let status = sipp.process().wait_exit(SOON);
    assert!(!status.success(), "SIPp registers with a wrong password");
    assert!(failures(&switch) >= 1.0);
    assert!(!switch.is_registered("1001"));
}

#[test]
fn an_unknown_user_is_answered_like_a_wrong_password() {
    let switch = switch();
    let mut wrong = Account::of(&switch, "1001", Transport::Udp);
    wrong.password = "not the password".to_owned();
    let (_, refused) = RawUa::open(switch.place(), &wrong).register();
    let unknown = Account::of(&switch, "1999", Transport::Udp);
    let (_, unknown) = RawUa::open(switch.place(), &unknown).register();
    assert!(matches!(refused.status(), 401 | 403), "{}", refused.0);
    assert_eq!(refused.status(), unknown.status(), "whether a user exists can be told");
}

#[test]
fn a_replayed_registration_is_refused() {
    let switch = switch();
    let account = Account::of(&switch, "1001", Transport::Udp);
    let mut phone = RawUa::open(switch.place(), &account);
    let (accepted, response) = phone.register();
    assert_eq!(response.status(), 200, "{}", response.0);

    // The same credentials in a new transaction, moved to the thief's own Contact.
    let mut thief = RawUa::open(switch.place(), &account);
    let (mine, theirs) = (thief.local().to_string(), phone.local().to_string());
    let stolen = accepted
        .replace(&theirs, &mine)
        .replace("branch=z9hG4bK", "branch=z9hG4bKstolen")
        .replace("CSeq: 2 REGISTER", "CSeq: 3 REGISTER");
    thief.send(&stolen);
    let response = thief.final_response(3);
    assert_eq!(response.status(), 401, "{}", response.0);
    let rows = switch.http().rows("/api/v1/registrations");
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].to_string().contains(&mine), "the thief is registered: {}", rows[0]);
}

#[test]
fn guessing_passwords_silences_the_address() {
    let switch = switch();
    let mut account = Account::of(&switch, "1001", Transport::Udp);
    account.password = "not the password".to_owned();
    let mut thief = RawUa::open(switch.place(), &account);
    for _ in 0..10 {
        let (_, response) = thief.register();
        assert!(matches!(response.status(), 401 | 403), "{}", response.0);
    }
    // Silence: neither the wrong nor the right password gets an answer any more; other sources of the fact are the metrics.
    let uri = "sip:pbx.example";
    let request = thief.request("REGISTER", uri, "after", 1, "Expires: 300\r\n", "");
    thief.send(&request);
    wait_until("the refusal is counted", SOON, || {
        let metrics = switch.http().get("/metrics").text();
        metrics.lines().any(|line| line.contains("silenced") && !line.ends_with(" 0"))
    });
    assert!(thief.receive(std::time::Duration::from_millis(500)).is_none());
}
