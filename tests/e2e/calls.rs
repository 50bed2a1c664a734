//! Calls that go other ways than ring, talk, hang up.

use super::pairs::assert_hears;
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::linphone::Linphone;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::raw::RawUa;
use super::support::rtp::RtpPeer;
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch, sounds_with_tone};
use super::support::wait::wait_until;
use std::net::SocketAddr;
use std::sync::Arc;

fn three() -> Setup {
    Setup::default().extension("1001", "").extension("1002", "").extension("1003", "")
}

fn udp(switch: &Switch, number: &str) -> Account {
    Account::of(switch, number, Transport::Udp)
}

fn sipp(switch: &Switch, number: &str, tone: f64) -> SippPhone {
    SippPhone::register(switch.place(), &udp(switch, number), tone)
}

#[test]
fn a_caller_who_gives_up_is_cancelled_at_every_phone() {
    let switch = three().start();
    let mut baresip = Baresip::register(switch.place(), &udp(&switch, "1002"), 1_000.0);
    let mut ringing =
        SippPhone::register_with(switch.place(), &udp(&switch, "1002"), 0.0, "uas_ring", &[]);
    let mut caller = sipp(&switch, "1001", 600.0);
    caller.dial_by("cancel", "1002");
    baresip.wait_event("CALL_INCOMING");
    caller.calling().wait_log("cancelled");
    caller.calling().wait_success();
    baresip.wait_event("CALL_CLOSED");
    ringing.waiting().wait_log("cancel ");
    ringing.waiting().wait_log("ended");
    switch.wait_idle();
    let records = switch.wait_records(1);
    assert!(records[0].to_string().contains("cancelled"), "{}", records[0]);
}

#[test]
fn every_phone_of_an_extension_rings_and_one_wins() {
    let switch = three().start();
    let place = switch.place();
    let mut winner = Baresip::register(place, &udp(&switch, "1002"), 1_000.0);
    let tcp = Account::of(&switch, "1002", Transport::Tcp);
    let mut linphone = Linphone::register(place, &tcp, 1_400.0);
    let mut sipp_phone =
        SippPhone::register_with(place, &udp(&switch, "1002"), 0.0, "uas_ring", &[]);
    let mut caller = sipp(&switch, "1001", 600.0);

    caller.dial("1002");
    linphone.wait_ringing();
    sipp_phone.waiting().wait_log("invite");
    winner.answer();
    winner.wait_connected();
    caller.wait_connected();
    assert_hears(&winner, 600.0, "the winner");
    assert_hears(&caller, 1_000.0, "the caller");

    linphone.wait_ended();
    sipp_phone.waiting().wait_log("cancel ");
    let reason = sipp_phone.waiting().log();
    assert!(reason.to_lowercase().contains("completed elsewhere"), "{reason}");
    winner.hang_up();
    caller.wait_ended();
    switch.wait_idle();
    assert_eq!(switch.wait_records(1).len(), 1, "one call, one record");
}

#[test]
fn an_unregistered_extension_has_a_status_and_a_record() {
    let switch = three().start();
    let mut caller = RawUa::open(switch.place(), &udp(&switch, "1001"));
    let rtp = RtpPeer::open(switch.place().ports(2), 600.0);
    caller.invite("1002", rtp.port());
    let refusal = caller.final_response(2);
    assert_eq!(refusal.status(), 480, "{}", refusal.0);
    let records = switch.wait_records(1);
    assert!(records[0].to_string().contains("not_registered"), "{}", records[0]);
}

#[test]
fn a_number_that_leads_nowhere_is_not_found() {
    let switch = three().start();
    let mut caller = RawUa::open(switch.place(), &udp(&switch, "1001"));
    caller.invite("77777", 9);
    assert_eq!(caller.final_response(2).status(), 404);
}

#[test]
fn an_unreachable_callee_is_announced() {
    let place = Arc::new(Place::take());
    let sounds = sounds_with_tone(&place, "en/unavailable.wav", 700.0, 2);
    let setup = three().sounds(&sounds).with("[calls]\nannounce_failures = true\n");
    let switch = Switch::start_in(place, setup);
    let mut caller = RawUa::open(switch.place(), &udp(&switch, "1001"));
    let rtp = RtpPeer::open(switch.place().ports(2), 600.0);
    caller.invite("1002", rtp.port());
    let early = caller.receive_until("early media", |text| text.audio_port().is_some());
    assert_eq!(early.status(), 183, "{}", early.0);
    let port = early.audio_port().unwrap();
    rtp.send_to(SocketAddr::from(([127, 0, 0, 1], port)));
    wait_until("the announcement", SOON, || rtp.heard().seconds_of(0, 700.0) > 1.0);
    assert_eq!(caller.final_response(2).status(), 480);
}

#[test]
fn the_echo_test_returns_what_it_hears() {
    let switch = three().start();
    let mut caller = sipp(&switch, "1001", 600.0);
    caller.dial("*43");
    caller.wait_connected();
    wait_until("the echo", SOON, || caller.heard().seconds_of(0, 600.0) > 1.0);
    switch.hang_up_all();
    caller.wait_ended();
}

#[test]
fn a_call_without_an_offer_is_offered_by_the_callee() {
    let switch = three().start();
    let account = udp(&switch, "1002");
    let mut callee = SippPhone::register_with(switch.place(), &account, 1_000.0, "uas_late", &[]);
    let mut caller = sipp(&switch, "1001", 600.0);
    caller.dial_by("late_offer", "1002");
    caller.wait_connected();
    callee.wait_connected();
    assert_hears(&callee, 600.0, "the callee");
    assert_hears(&caller, 1_000.0, "the caller");
    switch.hang_up_all();
    caller.wait_ended();
    callee.wait_ended();
}

#[test]
fn a_reliable_provisional_is_acknowledged_by_prack() {
    let switch = three().start();
    let place = switch.place();
    let mut callee =
        SippPhone::register_with(place, &udp(&switch, "1002"), 1_000.0, "uas_prack", &[]);
    let mut caller = sipp(&switch, "1001", 600.0);
    caller.dial_by("prack", "1002");
    caller.wait_connected();
    callee.wait_connected();
    assert_hears(&callee, 600.0, "the callee");
    assert_hears(&caller, 1_000.0, "the caller");
    switch.hang_up_all();
    caller.wait_ended();
    callee.wait_ended();
}

#[test]
fn a_redirected_call_rings_where_the_phone_says() {
    let switch = three().start();
    let place = switch.place();
    let keys = [("to", "1003")];
    let _away = SippPhone::register_with(place, &udp(&switch, "1002"), 0.0, "uas_302", &keys);
    let mut third = Baresip::register(place, &udp(&switch, "1003"), 1_000.0);
    let mut caller = sipp(&switch, "1001", 600.0);
    caller.dial("1002");
    third.answer();
    third.wait_connected();
    caller.wait_connected();
    assert_hears(&third, 600.0, "the third phone");
    third.hang_up();
    caller.wait_ended();
}

#[test]
fn a_call_outlives_its_callers_connection() {
    let switch = three().start();
    let place = switch.place();
    let account = Account::of(&switch, "1001", Transport::Tcp);
    let mut callee = Baresip::register(place, &udp(&switch, "1002"), 1_000.0);
    let mut caller = RawUa::open(place, &account);
    let rtp = RtpPeer::open(place.ports(2), 600.0);
    let call = caller.invite("1002", rtp.port());
    callee.answer();
    let answer = caller.final_response(2);
    assert_eq!(answer.status(), 200, "{}", answer.0);
    caller.acknowledge("sip:1002@pbx.example", &call, 2, &answer);
    callee.wait_connected();
    rtp.send_to(SocketAddr::from(([127, 0, 0, 1], answer.audio_port().unwrap())));
    assert_hears(&callee, 600.0, "the callee");

    let contact = super::support::raw::bare_uri(answer.header("Contact").unwrap()).to_owned();
    let mut bye = caller.in_dialog("BYE", &contact, &call, 3, &answer);
    let before = caller.local().to_string();
    caller.reset();
    let heard = rtp.packets();
    wait_until("the media goes on", SOON, || rtp.packets() > heard + 50);
    assert_eq!(switch.calls().len(), 1, "the call ended with its connection");

    let mut again = RawUa::open(place, &account);
    bye = bye.replace(&before, &again.local().to_string());
    again.send(&bye);
    assert_eq!(again.final_response(3).status(), 200);
    callee.wait_ended();
    switch.wait_idle();
}

#[test]
fn a_caller_who_vanishes_is_ended_by_silence() {
    let switch = three().media("timeout_secs = 3").start();
    let place = switch.place();
    let mut callee = sipp(&switch, "1002", 1_000.0);
    let mut caller = sipp(&switch, "1001", 600.0);
    caller.dial("1002");
    caller.wait_connected();
    callee.wait_connected();
    assert_hears(&callee, 600.0, "the callee");
    drop(caller);
    callee.wait_ended();
    switch.wait_idle();
    let records = switch.wait_records(1);
    assert!(records[0].to_string().contains("media_timeout"), "{}", records[0]);
    assert!(place.dir().exists());
}

#[test]
fn click_to_dial_joins_two_phones() {
    let switch = three().start();
    let place = switch.place();
    let mut first = Baresip::register(place, &udp(&switch, "1001"), 600.0);
    let mut second = sipp(&switch, "1002", 1_000.0);
    let order = serde_json::json!({ "from": "1001", "to": "1002" });
    let answer = switch.http().post("/api/v1/calls", &order);
    assert!(matches!(answer.status, 200..=202), "{}", answer.text());
    first.answer();
    first.wait_connected();
    second.wait_connected();
    assert_hears(&first, 1_000.0, "the first phone");
    assert_hears(&second, 600.0, "the second phone");
    first.hang_up();
    second.wait_ended();
}
