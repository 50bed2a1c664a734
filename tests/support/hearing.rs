//! Who hears whom: every phone sends a tone of its own, and what each of them receives is measured.

use super::SOON;
use super::phone::Phone;
use super::sipp::SippPhone;
use super::switch::Switch;
use super::wait::wait_until;

/// How much weaker a tone is that is not there than one that is, in dB.
const APART: f64 = 30.0;
/// A tone that is there is at least so loud, in dB of full scale; sent are -6.
const LOUD: f64 = -15.0;

/// A phone with the tones that it is to hear.
pub type Expected<'a> = (&'a str, &'a SippPhone, &'a [f64]);

/// Listens to all phones at once and compares what each hears with what it is to hear.
pub fn assert_hear(all: &[Expected<'_>], tones: &[f64]) {
    // What was on its way when the last thing changed is not counted.
    listen(all, 0.4);
    listen(all, 1.2);
    for (who, phone, expected) in all {
        let heard = phone.rtp().heard();
        let level = |tone: f64| heard.mean_level(0, tone);
        for tone in tones {
            let (present, level) = (expected.contains(tone), level(*tone));
            match present {
                true => assert!(level > LOUD, "{who} hears {tone} Hz at {level} dB only"),
                false => assert!(level < LOUD - APART, "{who} hears {tone} Hz at {level} dB"),
            }
        }
    }
}

/// Hears this much afresh, where anything is to be heard.
fn listen(all: &[Expected<'_>], seconds: f64) {
    for (_, phone, _) in all {
        phone.rtp().forget();
    }
    for (who, phone, _) in all {
        wait_until(&format!("{who} hears for {seconds} s"), SOON, || {
            phone.rtp().heard().seconds() > seconds
        });
    }
}

/// Calls the number, whose call this phone takes by itself: each hears the other.
#[track_caller]
pub fn reaches(caller: &mut SippPhone, number: &str, phone: &mut SippPhone) {
    let taken = phone.offered().1;
    caller.dial(number);
    caller.wait_connected();
    is_taken(caller, phone, taken);
}

/// The phone takes one call more than it had, and it is this caller's.
#[track_caller]
pub fn is_taken(caller: &mut SippPhone, phone: &mut SippPhone, taken: usize) {
    wait_until("the phone that is meant takes the call", SOON, || phone.offered().1 > taken);
    phone.wait_connected();
    for (listener, tone) in [(&*caller, phone.tone()), (&*phone, caller.tone())] {
        listener.rtp().forget();
        wait_until(&format!("{tone} Hz is heard"), SOON, || {
            listener.heard().seconds_of(0, tone) > 0.3
        });
    }
}

/// Ends all calls, this caller's among them.
pub fn part(switch: &Switch, caller: &mut SippPhone) {
    switch.hang_up_all();
    caller.wait_ended();
    switch.wait_idle();
}
