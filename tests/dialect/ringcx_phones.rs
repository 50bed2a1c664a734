//! What the RingCX interface does to calls of real phones.

use super::desk::{Agents, CALLER, Desk, FIRST, HOTLINE, OUTSIDE, SECOND, SUPERVISOR, TONES};
use super::golden::wire::{Answer, Client};
use super::support::SOON;
use super::support::hearing::assert_hear;
use super::support::phone::Phone;
use super::support::switch::text_of;
use super::support::tone::Audio;
use super::support::wait::{wait_for, wait_until};
use serde_json::Value;

const CALLS: &str = "/api/v1/admin/accounts/12440011/activeCalls";

fn send(desk: &Desk, method: &str, path: &str) -> Answer {
    let client = Client::new(desk.switch.http().address());
    client.json(method, &format!("{CALLS}/{path}"), SUPERVISOR, &Value::Null)
}

/// The only call's digits.
fn uii(desk: &Desk) -> String {
    let list = send(desk, "GET", "list?product=ACCOUNT&productId=12440011").json();
    text_of(&list[0], &["uii"])
}

fn done(desk: &Desk, path: &str) {
    let answer = send(desk, "POST", path);
    assert_eq!((answer.status, answer.json()), (200, Value::Bool(true)), "{}", answer.shown());
}

fn wait_supervisors(desk: &Desk, count: usize) {
    wait_until(&format!("{count} supervisors take part"), SOON, || {
        let joined = |call: &Value| {
            let all = call["supervisors"].as_array().cloned().unwrap_or_default();
            all.iter().filter(|own| own["joined"] == true).count()
        };
        desk.switch.calls().iter().map(joined).sum::<usize>() == count
    });
}

#[test]
fn a_supervisor_is_heard_by_those_whom_the_session_is_for() {
    let mut desk = Desk::open(Agents::Answer);
    desk.talk();
    let uii = uii(&desk);
    for (before, (session, to_caller, to_agent)) in [
        ("COACHING", &[FIRST][..], &[CALLER, SECOND][..]),
        ("MONITOR", &[FIRST], &[CALLER]),
        ("BARGEIN", &[FIRST, SECOND], &[CALLER, SECOND]),
    ]
    .into_iter()
    .enumerate()
    {
        done(&desk, &format!("{uii}/addSessionToCall?destination=1003&sessionType={session}"));
        wait_until("the supervisor's phone is connected once more", SOON, || {
            desk.second.waiting().log().matches("connected rtp").count() > before
        });
        desk.second.wait_connected();
        wait_supervisors(&desk, 1);
        let all = [
            ("the caller", &desk.caller, to_caller),
            ("the agent", &desk.first, to_agent),
            ("the supervisor", &desk.second, &[CALLER, FIRST][..]),
        ];
        assert_hear(&all, &TONES);
        done(&desk, &format!("{uii}/hangupSession?phone=1003"));
        wait_supervisors(&desk, 0);
        let parties =
            [("the caller", &desk.caller, &[FIRST][..]), ("the agent", &desk.first, &[CALLER])];
        assert_hear(&parties, &TONES);
    }
    desk.switch.hang_up_all();
    desk.caller.wait_ended();
}

#[test]
fn a_supervisor_outside_hears_what_is_said_until_its_session_is_ended() {
    let mut desk = Desk::with_outside(Agents::Answer, "extension:1001");
    desk.talk();
    let uii = uii(&desk);
    let number = "0571888800";
    done(&desk, &format!("{uii}/addSessionToCall?destination={number}&sessionType=MONITOR"));
    let outside = desk.outside.as_mut().unwrap();
    let remote = outside.carrier.wait_remote_rtp();
    outside.rtp.send_to(remote);
    let invites = outside.carrier.messages();
    assert!(invites.contains(&format!("INVITE sip:{number}@")), "{invites}");
    wait_supervisors(&desk, 1);
    let outside = desk.outside.as_ref().unwrap();
    outside.rtp.forget();
    wait_until("the supervisor hears both", SOON, || {
        let heard = outside.rtp.heard();
        [CALLER, FIRST].iter().all(|tone| heard.seconds_of(0, *tone) > 0.5)
    });
    // ... and is heard by nobody.
    let tones = [CALLER, FIRST, OUTSIDE];
    let parties =
        [("the caller", &desk.caller, &[FIRST][..]), ("the agent", &desk.first, &[CALLER])];
    assert_hear(&parties, &tones);
    done(&desk, &format!("{uii}/addSessionToCall?destination=1003&sessionType=MONITOR"));
    desk.second.wait_connected();
    wait_supervisors(&desk, 2);
    done(&desk, &format!("{uii}/hangupSession?phone={number}"));
    wait_supervisors(&desk, 1);
    let all = [
        ("the caller", &desk.caller, &[FIRST][..]),
        ("the agent", &desk.first, &[CALLER][..]),
        ("the other supervisor", &desk.second, &[CALLER, FIRST][..]),
    ];
    assert_hear(&all, &tones);
    let again = send(&desk, "POST", &format!("{uii}/hangupSession?phone={number}"));
    assert_eq!((again.status, again.json()), (200, Value::Bool(false)));
    done(&desk, &format!("{uii}/hangupCall"));
    desk.switch.wait_idle();
}

#[test]
fn a_call_is_ended() {
    let mut desk = Desk::open(Agents::Answer);
    desk.talk();
    done(&desk, &format!("{}/hangupCall", uii(&desk)));
    desk.caller.wait_ended();
    desk.first.wait_ended();
    desk.switch.wait_idle();
}

#[test]
fn a_recording_that_is_toggled_leaves_silence() {
    let mut desk = Desk::open(Agents::Answer);
    desk.talk();
    let uii = uii(&desk);
    let talk = |desk: &Desk| {
        desk.first.rtp().forget();
        wait_until("a second and a half of talk", SOON, || {
            desk.first.heard().seconds_of(0, CALLER) > 1.5
        });
    };
    for record in ["true", "false", "true"] {
        done(&desk, &format!("{uii}/toggleCallRecording?record={record}"));
        talk(&desk);
    }
    desk.switch.hang_up_all();
    desk.caller.wait_ended();
    let row = wait_for("a finished recording", SOON, || {
        let rows = desk.switch.http().rows("/api/v1/recordings");
        rows.into_iter().find(|row| !row["length_ms"].is_null())
    });
    let gaps = row["gaps"].as_array().cloned().unwrap_or_default();
    assert_eq!(gaps.len(), 1, "{row}");
    let ms = |name: &str| gaps[0][name].as_u64().unwrap();
    let path = format!("/api/v1/recordings/{}/audio", text_of(&row, &["call"]));
    let audio = Audio::read(&desk.switch.http().get(&path).body[..]).expect("a recording is a WAV");
    let (from, until) = (ms("from_ms"), ms("until_ms"));
    for (channel, tone) in [(0, CALLER), (1, FIRST)] {
        // What is on its way when the order comes may fall on either side.
        let silent = audio.part(from + 150, until - 150);
        assert!(silent.seconds() > 1.0 && silent.seconds_of(channel, tone) == 0.0, "{row}");
        assert!(audio.part(0, from).seconds_of(channel, tone) > 1.0, "before the pause");
        assert!(audio.part(until, u64::from(u32::MAX)).seconds_of(channel, tone) > 1.0, "after it");
    }
}

#[test]
fn an_agents_call_shows_an_own_number_and_both_talk() {
    let mut desk = Desk::with_outside(Agents::Answer, "extension:1001");
    let to = "0571888800";
    done(
        &desk,
        &format!(
            "createManualAgentCall?username=101&destination={to}&ringDuration=30&callerId={HOTLINE}"
        ),
    );
    desk.first.wait_connected();
    let outside = desk.outside.as_mut().unwrap();
    let remote = outside.carrier.wait_remote_rtp();
    outside.rtp.send_to(remote);
    let invites = outside.carrier.messages();
    let from = invites.lines().find(|line| line.starts_with("From:") && line.contains(HOTLINE));
    assert!(from.is_some(), "the carrier sees no {HOTLINE} in From");
    wait_until("the carrier hears the agent", SOON, || {
        outside.rtp.heard().seconds_of(0, FIRST) > 0.5
    });
    wait_until("the agent hears the carrier", SOON, || {
        desk.first.heard().seconds_of(0, OUTSIDE) > 0.5
    });
    desk.switch.hang_up_all();
    desk.switch.wait_idle();
}

#[test]
fn an_agents_call_that_nobody_answers_is_given_up_in_time() {
    let mut desk = Desk::open(Agents::FirstRings);
    done(&desk, "createManualAgentCall?username=102&destination=1002&ringDuration=2");
    desk.second.wait_connected();
    // The phone's own time is a minute.
    desk.first.waiting().wait_log("cancel");
}

#[test]
fn a_disposition_ends_the_wrap_up_and_its_callback_rings_when_due() {
    let mut desk = Desk::open(Agents::Answer);
    desk.caller.dial("9001");
    desk.caller.wait_connected();
    desk.first.wait_connected();
    let activity = |wanted: &'static str, desk: &Desk| {
        wait_until(&format!("agent 101 is {wanted}"), SOON, || {
            desk.switch.http().get("/api/v1/agents/101").json()["activity"] == wanted
        });
    };
    activity("talking", &desk);
    let uii = uii(&desk);
    let call = text_of(&desk.switch.calls()[0], &["call"]);
    done(&desk, &format!("{uii}/hangupCall"));
    desk.caller.wait_ended();
    activity("wrapping_up", &desk);
    // A moment that has passed already: it is due at once.
    let before = desk.first.waiting().received("INVITE");
    done(
        &desk,
        &format!(
            "{uii}/dispositionCall?disposition=sold&notes=n&callback=true&callBackDTS=20200101000000"
        ),
    );
    wait_until("the agent's phone rings for the callback", SOON, || {
        desk.first.waiting().received("INVITE") > before
    });
    wait_until("the customer is called back", SOON, || {
        desk.caller.waiting().log().contains("invite")
    });
    let kept = desk.switch.http().get(&format!("/api/v1/calls/{call}/disposition")).json();
    assert_eq!((&kept["disposition"], &kept["notes"]), (&"sold".into(), &"n".into()), "{kept}");
    assert_eq!(kept["agent"], "101");
    let records = |said: &str| {
        let path = format!("/api/v1/records?disposition={said}");
        desk.switch.http().get(&path).json()["items"].as_array().unwrap().clone()
    };
    let found = records("sold");
    assert_eq!((found.len(), &found[0]["call"]), (1, &call.as_str().into()), "{found:?}");
    assert_eq!((&found[0]["disposition"], records("lost").len()), (&"sold".into(), 0));
    desk.switch.hang_up_all();
    desk.switch.wait_idle();
}
