//! A customer's story by ear: transferred twice, parked, taken back and brought into a conference. What was recorded on the
//! way plays in order.

use serde_json::{Value, json};

use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch, text_of};
use super::support::tone::Audio;
use super::support::wait::{wait_for, wait_until};

const CUSTOMER: f64 = 600.0;
/// The tones of 1002 to 1006, who have the customer one after the other.
const STAFF: [f64; 5] = [800.0, 1_000.0, 1_200.0, 1_400.0, 1_600.0];

fn switch() -> Switch {
    let setup = (1002..=1006)
        .fold(Setup::default(), |setup, number| setup.extension(&number.to_string(), ""));
    setup
        .extension("1001", "record = \"always\"\n")
        .with("[[conference]]\nname = \"board\"\nnumber = \"8000\"\nannounce = false\nrecord = true\n")
        .start()
}

/// The id of the call in which this extension talks with somebody.
fn talk_with(switch: &Switch, caller: &str, callee: &str) -> String {
    wait_for(&format!("{caller} talks with {callee}"), SOON, || {
        let calls = switch.calls();
        let row = calls.iter().find(|row| {
            row["caller"]["number"] == caller
                && row["callee"]["number"] == callee
                && row["stage"] == "talking"
        });
        row.map(|row| text_of(row, &["call"]))
    })
}

#[track_caller]
fn order(switch: &Switch, path: &str, body: &Value, status: u16) -> Value {
    let answer = switch.http().post(path, body);
    assert_eq!(answer.status, status, "{path}: {}", answer.text());
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

/// Two seconds of conversation between the customer and whoever has this tone.
fn talk(customer: &SippPhone, other: &SippPhone) {
    for (who, heard, tone) in
        [("the customer", customer, other.tone()), ("its partner", other, CUSTOMER)]
    {
        heard.rtp().forget();
        wait_until(&format!("{who} hears {tone} Hz"), SOON, || {
            heard.heard().seconds_of(0, tone) > 1.5
        });
    }
}

#[test]
fn the_recordings_of_a_story_play_in_order() {
    let switch = switch();
    let phone = |number: &str, tone| {
        let account = Account::of(&switch, number, Transport::Udp);
        SippPhone::register(switch.place(), &account, tone)
    };
    let mut customer = phone("1001", CUSTOMER);
    let numbers = ["1002", "1003", "1004", "1005", "1006"];
    let mut staff: Vec<SippPhone> =
        numbers.iter().zip(STAFF).map(|(number, tone)| phone(number, tone)).collect();

    customer.dial("1002");
    customer.wait_connected();
    staff[0].wait_connected();
    talk(&customer, &staff[0]);

    let call = talk_with(&switch, "1001", "1002");
    let blind = json!({"to": "1003", "extension": "1002"});
    order(&switch, &format!("/api/v1/calls/{call}/transfer"), &blind, 202);
    staff[1].wait_connected();
    staff[0].wait_ended();
    talk(&customer, &staff[1]);

    let call = talk_with(&switch, "1001", "1003");
    let consult = json!({"to": "1004", "extension": "1003"});
    order(&switch, &format!("/api/v1/calls/{call}/consult"), &consult, 202);
    staff[2].wait_connected();
    talk_with(&switch, "1003", "1004");
    order(
        &switch,
        &format!("/api/v1/calls/{call}/consult/complete"),
        &json!({"extension": "1003"}),
        202,
    );
    staff[1].wait_ended();
    talk(&customer, &staff[2]);

    let call = talk_with(&switch, "1001", "1004");
    let parked =
        order(&switch, &format!("/api/v1/calls/{call}/park"), &json!({"extension": "1004"}), 201);
    staff[2].wait_ended();
    staff[3].dial(&parked["slot"].to_string());
    staff[3].wait_connected();
    talk(&customer, &staff[3]);

    let call = talk_with(&switch, "1001", "1005");
    let both = json!({"call": call, "who": "both"});
    order(&switch, "/api/v1/conferences/board/members", &both, 204);
    staff[4].dial("8000");
    staff[4].wait_connected();
    talk(&customer, &staff[4]);
    switch.hang_up_all();
    customer.wait_ended();
    switch.wait_idle();
    plays_in_order(&switch);
}

/// Whom the customer talks with in each recording, first to last; the room has both at once.
fn plays_in_order(switch: &Switch) {
    let records = switch.wait_records(9);
    let interaction = text_of(&records[0], &["interaction"]);
    let of_it = |what: &str| format!("/api/v1/{what}?interaction={interaction}");
    assert_eq!(switch.http().rows(&of_it("records")).len(), records.len(), "one interaction");
    let mut rows = wait_for("all recordings", SOON, || {
        let rows = switch.http().rows(&of_it("recordings"));
        (rows.len() == 5).then_some(rows)
    });
    rows.sort_by_key(|row| row["started_at"].as_u64());
    let all = rows.len();
    for (at, row) in rows.iter().enumerate() {
        let answer = switch.http().get(&text_of(row, &["audio"]));
        let audio = Audio::read(&answer.body[..]).expect("a recording is a WAV");
        let (first, second): (usize, &[f64]) = match at + 1 == all {
            true => (0, &STAFF[3..]),
            false => (1, &STAFF[at..=at]),
        };
        assert_eq!(audio.channels.len(), first + 1, "a room is mono, a call of two is stereo");
        assert!(audio.seconds_of(0, CUSTOMER) > 1.0, "part {at}: the customer is not heard");
        for tone in STAFF {
            let seconds = audio.seconds_of(first, tone);
            let wanted = second.contains(&tone);
            let right = if wanted { seconds > 1.0 } else { seconds < 0.05 };
            assert!(
                right,
                "part {at}: {tone} Hz for {seconds} s, and it should be there: {wanted}"
            );
        }
    }
}
