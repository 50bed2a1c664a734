//! A conference by ear: three phones with a tone each hear exactly the other two, and the recording has them all.

use serde_json::{Value, json};

use super::support::SOON;
use super::support::hearing::assert_hear;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, text_of};
use super::support::tone::Audio;
use super::support::wait::{wait_for, wait_until};

const TONES: [f64; 3] = [600.0, 1_000.0, 1_400.0];
const ROOM: &str = "/api/v1/conferences/board";

/// A member hears the others again, after it was told something.
fn back_in_the_room(member: &SippPhone, others: &[f64]) {
    member.rtp().forget();
    wait_until("what it was told is over", SOON, || {
        let heard = member.heard();
        others.iter().all(|tone| heard.seconds_of(0, *tone) > 0.5)
    });
}

#[test]
fn three_hear_the_other_two_and_who_is_muted_is_not_heard() {
    let switch = Setup::default()
        .extension("1001", "")
        .extension("1002", "")
        .extension("1003", "")
        .with("[[conference]]\nname = \"board\"\nnumber = \"8000\"\nannounce = false\nrecord = true\n")
        .start();
    let mut phones: Vec<SippPhone> = ["1001", "1002", "1003"]
        .iter()
        .zip(TONES)
        .map(|(number, tone)| {
            let account = Account::of(&switch, number, Transport::Udp);
            SippPhone::register(switch.place(), &account, tone)
        })
        .collect();
    for (count, phone) in phones.iter_mut().enumerate() {
        phone.dial("8000");
        phone.wait_connected();
        wait_until("one member more", SOON, || {
            let room = switch.http().get(ROOM).json();
            room["members"].as_array().is_some_and(|members| members.len() == count + 1)
        });
    }
    let [a, b, c] = TONES;
    let hear = |first: &[f64], second: &[f64], third: &[f64]| {
        let all = [
            ("the first", &phones[0], first),
            ("the second", &phones[1], second),
            ("the third", &phones[2], third),
        ];
        assert_hear(&all, &TONES);
    };
    hear(&[b, c], &[a, c], &[a, b]);
    let muted = |yes: bool| {
        wait_until("it is shown", SOON, || {
            switch.http().get(ROOM).json()["members"][1]["muted"] == Value::Bool(yes)
        });
    };
    let call = text_of(&switch.http().get(ROOM).json()["members"][1], &["call"]);
    let path = format!("{ROOM}/members/{call}");
    assert_eq!(switch.http().patch(&path, &json!({"muted": true})).status, 204);
    muted(true);
    back_in_the_room(&phones[1], &[a, c]);
    hear(&[c], &[a, c], &[a]);
    phones[1].rtp().send_digit('*');
    phones[1].rtp().send_digit('6');
    muted(false);
    back_in_the_room(&phones[1], &[a, c]);
    hear(&[b, c], &[a, c], &[a, b]);

    assert_eq!(switch.http().delete(ROOM).status, 204);
    for phone in &mut phones {
        phone.wait_ended();
    }
    switch.wait_idle();
    let row = wait_for("a finished recording", SOON, || {
        let rows = switch.http().rows("/api/v1/recordings");
        rows.into_iter().find(|row| !row["length_ms"].is_null())
    });
    let audio = switch.http().get(&text_of(&row, &["audio"]));
    assert_eq!(audio.status, 200);
    let audio = Audio::read(&audio.body[..]).expect("a recording is a WAV");
    assert_eq!(audio.channels.len(), 1, "a room's recording is mono");
    for tone in TONES {
        assert!(audio.seconds_of(0, tone) > 1.0, "{tone} Hz is not in the recording");
    }
}
