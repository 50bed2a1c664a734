//! Paging by ear: all phones of a page hear the speaker, and the speaker hears none of them.

use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::Setup;
use super::support::wait::wait_until;

const SPEAKER: f64 = 600.0;
const PHONES: [f64; 2] = [1_000.0, 1_400.0];

#[test]
fn the_phones_of_a_page_play_the_speaker_and_nothing_comes_back() {
    let switch = Setup::default()
        .extension("1001", "classes = [\"intercom\"]\n")
        .extension("1002", "")
        .extension("1003", "")
        .with(
            "[[page]]\nname = \"all\"\nnumber = \"800\"\nmembers = [\"1001\", \"1002\", \"1003\"]\n",
        )
        .start();
    let phone = |number: &str, tone| {
        let account = Account::of(&switch, number, Transport::Udp);
        SippPhone::register(switch.place(), &account, tone)
    };
    let mut speaker = phone("1001", SPEAKER);
    let mut phones = [phone("1002", PHONES[0]), phone("1003", PHONES[1])];
    speaker.dial("800");
    speaker.wait_connected();
    for phone in &mut phones {
        phone.wait_connected();
        assert!(phone.waiting().messages().contains("answer-after=0"), "it is to answer by itself");
    }
    for phone in &phones {
        wait_until("it plays the speaker", SOON, || phone.heard().seconds_of(0, SPEAKER) > 1.0);
        assert!(PHONES.iter().all(|tone| phone.heard().seconds_of(0, *tone) == 0.0));
    }
    assert!(PHONES.iter().all(|tone| speaker.heard().seconds_of(0, *tone) == 0.0));
    assert_eq!(switch.calls().len(), 3);
    let own = switch.calls().into_iter().find(|call| call["caller"]["number"] == "1001");
    let call = own.expect("the speaker's call")["call"].as_str().map(str::to_owned).unwrap();
    assert_eq!(switch.http().delete(&format!("/api/v1/calls/{call}")).status, 202);
    for phone in &mut phones {
        phone.wait_ended();
    }
    speaker.wait_ended();
}
