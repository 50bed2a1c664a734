//! Phones that share no codec hear each other.

use super::pairs::assert_hears;
use super::support::baresip::Baresip;
use super::support::phone::{Account, Kind, Phone, Transport, register};
use super::support::switch::Setup;

const CALLER_TONE: f64 = 600.0;
const CALLEE_TONE: f64 = 1_000.0;

#[test]
fn a_phone_that_has_g722_only_and_one_that_has_g711_only_hear_each_other() {
    let switch = Setup::default().extension("1001", "").extension("1002", "").start();
    let place = switch.place();
    let of = |number| Account::of(&switch, number, Transport::Udp);
    let mut callee = register(place, Kind::Baresip, &of("1002"), CALLEE_TONE);
    let codecs = ";audio_codecs=G722/16000/1";
    let mut caller = Baresip::start(place, &of("1001"), CALLER_TONE, codecs);
    switch.wait_registered("1001");
    switch.wait_registered("1002");

    caller.dial("1002");
    callee.answer();
    caller.wait_connected();
    callee.wait_connected();
    assert_hears(&*callee, CALLER_TONE, "the callee");
    assert_hears(&caller, CALLEE_TONE, "the caller");
    caller.hang_up();
    caller.wait_ended();
    callee.wait_ended();
    switch.wait_idle();
    switch.wait_records(1);
}
