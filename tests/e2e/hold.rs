//! Hold and resume, by real phones, with music to the other party.

use super::pairs::assert_hears;
use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::linphone::Linphone;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch, sounds_with_tone};
use super::support::wait::wait_until;
use std::sync::Arc;

const MUSIC: f64 = 1_400.0;
const HOLDER: f64 = 600.0;
const HELD: f64 = 1_000.0;

fn switch() -> Switch {
    let place = Arc::new(Place::take());
    let sounds = sounds_with_tone(&place, "music/hold.wav", MUSIC, 5);
    let setup = Setup::default().extension("1001", "").extension("1002", "").sounds(&sounds);
    Switch::start_in(place, setup)
}

/// Music while held, and only music; the conversation again after.
fn hold_and_resume<P: Phone>(
    switch: &Switch,
    mut holder: P,
    hold: impl Fn(&mut P),
    resume: impl Fn(&mut P),
    holder_calls: bool,
) {
    let (own, other) = if holder_calls { ("1001", "1002") } else { ("1002", "1001") };
    let account = Account::of(switch, other, Transport::Udp);
    let mut held = SippPhone::register(switch.place(), &account, HELD);
    if holder_calls {
        holder.dial(other);
        held.answer();
    } else {
        held.dial(own);
        holder.answer();
    }
    holder.wait_connected();
    held.wait_connected();
    assert_hears(&held, HOLDER, "the other party");

    hold(&mut holder);
    wait_until("the music", SOON, || held.heard().seconds_of(0, MUSIC) > 0.5);
    held.rtp().forget();
    wait_until("more music", SOON, || held.heard().seconds_of(0, MUSIC) > 1.0);
    let through = held.heard().peak_level(0, HOLDER);
    assert!(through < -30.0, "the holder is heard at {through} dB while it holds");

    resume(&mut holder);
    wait_until("the holder again", SOON, || held.heard().seconds_of(0, HOLDER) > 0.5);
    held.rtp().forget();
    wait_until("the holder alone", SOON, || held.heard().seconds_of(0, HOLDER) > 0.5);
    assert!(held.heard().peak_level(0, MUSIC) < -30.0, "the music goes on after resume");
    holder.hang_up();
    held.wait_ended();
}

#[test]
fn baresip_holds_a_call_it_made() {
    let switch = switch();
    let account = Account::of(&switch, "1001", Transport::Udp);
    let phone = Baresip::register(switch.place(), &account, HOLDER);
    hold_and_resume(&switch, phone, Baresip::hold, Baresip::resume, true);
}

#[test]
fn baresip_holds_a_call_it_took() {
    let switch = switch();
    let account = Account::of(&switch, "1002", Transport::Tcp);
    let phone = Baresip::register(switch.place(), &account, HOLDER);
    hold_and_resume(&switch, phone, Baresip::hold, Baresip::resume, false);
}

#[test]
fn linphone_holds_a_call_it_made() {
    let switch = switch();
    let account = Account::of(&switch, "1001", Transport::Tcp);
    let phone = Linphone::register(switch.place(), &account, HOLDER);
    hold_and_resume(&switch, phone, Linphone::hold, Linphone::resume, true);
}

#[test]
fn linphone_holds_a_call_it_took() {
    let switch = switch();
    let account = Account::of(&switch, "1002", Transport::Udp);
    let phone = Linphone::register(switch.place(), &account, HOLDER);
    hold_and_resume(&switch, phone, Linphone::hold, Linphone::resume, false);
}
