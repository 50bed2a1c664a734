//! Every pair of phones, over UDP and TCP, both ways: registered, connected, heard, ended.

use super::support::SOON;
use super::support::phone::{Account, Kind, Phone, Transport, register};
use super::support::switch::Setup;
use super::support::wait::wait_until;

const CALLER_TONE: f64 = 600.0;
const CALLEE_TONE: f64 = 1_000.0;
/// Seconds of the other's tone that count as heard.
const ENOUGH: f64 = 0.5;

/// Waits until `listener` has heard `tone`, and asserts that its own tone did not come back.
pub fn assert_hears(listener: &dyn Phone, tone: f64, who: &str) {
    wait_until(&format!("{who} hears {tone} Hz"), SOON, || {
        listener.heard().seconds_of(0, tone) >= ENOUGH
    });
    let heard = listener.heard();
    let own = heard.peak_level(0, listener.tone());
    // The onset of one tone within a block shows some 35 dB down at every other.
    assert!(own < -30.0, "{who} hears itself at {own} dB");
}

fn pair(caller: Kind, callee: Kind, transport: Transport) {
    let switch = Setup::default().extension("1001", "").extension("1002", "").start();
    let place = switch.place();
    let of = |number| Account::of(&switch, number, transport);
    let mut callee = register(place, callee, &of("1002"), CALLEE_TONE);
    let mut caller_phone = register(place, caller, &of("1001"), CALLER_TONE);
    switch.wait_registered("1001");
    switch.wait_registered("1002");

    caller_phone.dial("1002");
    callee.answer();
    caller_phone.wait_connected();
    callee.wait_connected();
    assert_hears(&*callee, CALLER_TONE, "the callee");
    assert_hears(&*caller_phone, CALLEE_TONE, "the caller");

    if caller == Kind::Sipp {
        switch.hang_up_all();
    } else {
        caller_phone.hang_up();
    }
    caller_phone.wait_ended();
    callee.wait_ended();
    switch.wait_idle();
    switch.wait_records(1);
}

macro_rules! pairs {
    ($($name:ident: $caller:ident calls $callee:ident over $transport:ident;)*) => {
        $(#[test]
        fn $name() {
            pair(Kind::$caller, Kind::$callee, Transport::$transport);
        })*
    };
}

pairs! {
    sipp_calls_sipp_udp: Sipp calls Sipp over Udp;
    sipp_calls_sipp_tcp: Sipp calls Sipp over Tcp;
    sipp_calls_baresip_udp: Sipp calls Baresip over Udp;
    sipp_calls_baresip_tcp: Sipp calls Baresip over Tcp;
    sipp_calls_linphone_udp: Sipp calls Linphone over Udp;
    sipp_calls_linphone_tcp: Sipp calls Linphone over Tcp;
    baresip_calls_sipp_udp: Baresip calls Sipp over Udp;
    baresip_calls_sipp_tcp: Baresip calls Sipp over Tcp;
    baresip_calls_baresip_udp: Baresip calls Baresip over Udp;
    baresip_calls_baresip_tcp: Baresip calls Baresip over Tcp;
    baresip_calls_linphone_udp: Baresip calls Linphone over Udp;
    baresip_calls_linphone_tcp: Baresip calls Linphone over Tcp;
    linphone_calls_sipp_udp: Linphone calls Sipp over Udp;
    linphone_calls_sipp_tcp: Linphone calls Sipp over Tcp;
    linphone_calls_baresip_udp: Linphone calls Baresip over Udp;
    linphone_calls_baresip_tcp: Linphone calls Baresip over Tcp;
    linphone_calls_linphone_udp: Linphone calls Linphone over Udp;
    linphone_calls_linphone_tcp: Linphone calls Linphone over Tcp;
}
