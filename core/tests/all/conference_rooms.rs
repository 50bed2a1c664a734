//! Conferences: who hears whom, PINs, limits, and how rooms begin and end.

use strowger_core::vocab::conference::{
    Conference, ConferenceChange, ConferenceOrder, ConferenceView,
};
use strowger_core::vocab::config::{Config, Destination};
use strowger_core::vocab::{
    CallId, Command, ConferenceKey, Done, EventKind, Query, Record, Reply, Secret,
};

use crate::common::*;
use crate::exchange::*;
use crate::queue_call::{ALICE, BOB, CAROL, CARRIER};
use crate::supervise_calls::{ALICE_IP, BOB_IP, CAROL_IP, CUSTOMER_IP, dials, office, open};

/// Leads to the room.
const ROOMS_NUMBER: &str = "057126200679";

pub fn key_of(name: &str) -> ConferenceKey {
    ConferenceKey { tenant: "demo".into(), name: name.into() }
}

/// The room `board` under 8000.
pub fn with_room(change: impl FnOnce(&mut Conference)) -> Config {
    let mut config = office();
    let mut room = Conference::named(key_of("board"));
    room.number = Some("8000".into());
    change(&mut room);
    config.conferences.push(room);
    let to = Destination::Conference(key_of("board"));
    config.numbers.push(number(trunk_key("demo", "carrier"), ROOMS_NUMBER, to));
    config
}

pub fn view(host: &mut Exchange, name: &str) -> ConferenceView {
    match host.query(Query::Conference(name.into())) {
        Reply::Conference(view) => *view,
        other => panic!("{other:?}"),
    }
}

pub fn order(host: &mut Exchange, order: ConferenceOrder) -> Reply {
    host.command(Command::Conference(order))
}

pub fn member(host: &mut Exchange, at: usize) -> CallId {
    view(host, "board").members[at].call
}

pub fn answer_bye(host: &mut Exchange, at: &'static str) {
    let bye = host.expect(at, "BYE ");
    host.respond(at, &bye, 200, "");
}

#[track_caller]
fn all_over(host: &mut Exchange) {
    host.drains();
    assert!(host.mixer.is_empty(), "{:?}", host.mixer);
}

fn changes(host: &Exchange) -> Vec<ConferenceChange> {
    let of = |event: &EventKind| match event {
        EventKind::Conference { what, .. } => Some(what.clone()),
        _ => None,
    };
    host.events.iter().filter_map(of).collect()
}

#[test]
fn three_hear_the_other_two_and_the_last_one_hears_music() {
    let mut host = open(with_room(|_| ()));
    let mut alice = dials(&mut host, "4567", ALICE, "8000");
    assert_eq!(host.hears(ALICE), ["music/hold"]);
    let mut bob = dials(&mut host, "4568", BOB, "8000");
    assert_eq!((host.hears(ALICE), host.hears(BOB)), (vec![BOB_IP.into()], vec![ALICE_IP.into()]));
    let mut outside = host.call_in(CARRIER, "057188881111", ROOMS_NUMBER);
    host.expect(CARRIER, "SIP/2.0 100");
    host.confirm(&mut outside);
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP, BOB_IP]);
    assert_eq!(host.hears(BOB), [CUSTOMER_IP, ALICE_IP]);
    assert_eq!(host.hears(CARRIER), [ALICE_IP, BOB_IP]);
    assert_eq!(host.mixer.announced.len(), 2, "a tone for the second and the third");
    host.hang_up(&mut alice);
    assert_eq!(host.hears(BOB), [CUSTOMER_IP]);
    host.hang_up(&mut outside);
    assert_eq!(host.hears(BOB), ["music/hold"]);
    host.hang_up(&mut bob);
    assert!(matches!(changes(&host).last(), Some(ConferenceChange::Ended)));
    all_over(&mut host);
    let records = host.closed();
    assert!(records.windows(2).all(|pair| pair[0].interaction == pair[1].interaction));
    assert_eq!(records.len(), 3);
}

#[test]
fn a_member_mutes_itself_and_is_muted_and_a_hold_is_silent() {
    let mut host = open(with_room(|_| ()));
    let mut alice = dials(&mut host, "4567", ALICE, "8000");
    dials(&mut host, "4568", BOB, "8000");
    host.press(&mut alice, "*6");
    assert_eq!(host.hears(BOB), Vec::<String>::new());
    assert_eq!(host.heard(), ["en/conference/muted"]);
    host.hear_out();
    assert_eq!(host.hears(ALICE), [BOB_IP], "who is muted hears on");
    host.press(&mut alice, "*6");
    host.hear_out();
    assert_eq!(host.hears(BOB), [ALICE_IP]);
    let call = member(&mut host, 0);
    let mute = ConferenceOrder::Mute { room: "board".into(), call, muted: true };
    assert_eq!(order(&mut host, mute), Reply::Command(Ok(Done::Ordered)));
    host.hear_out();
    assert_eq!(host.hears(BOB), Vec::<String>::new());
    assert!(view(&mut host, "board").members[0].muted);
    let mute = ConferenceOrder::Mute { room: "board".into(), call, muted: false };
    order(&mut host, mute);
    host.hear_out();
    host.request(&mut alice, "INVITE", "", &(sdp(ALICE) + "a=sendonly\r\n"));
    host.expect(ALICE, "SIP/2.0 200");
    assert_eq!(host.hears(BOB), Vec::<String>::new(), "its music does not fill the room");
    assert!(view(&mut host, "board").members[0].held);
    host.request(&mut alice, "INVITE", "", &sdp(ALICE));
    host.expect(ALICE, "SIP/2.0 200");
    assert_eq!((host.hears(BOB), host.hears(ALICE)), (vec![ALICE_IP.into()], vec![BOB_IP.into()]));
}

#[test]
fn a_pin_lets_in_after_at_most_three_tries() {
    let mut host = open(with_room(|room| {
        (room.pin, room.admin_pin) = (Some(Secret::new("12")), Some(Secret::new("34")));
        room.start_muted = true;
    }));
    let mut alice = dials(&mut host, "4567", ALICE, "8000");
    assert_eq!(host.heard(), ["en/enter-pin"]);
    host.press(&mut alice, "99#");
    assert_eq!(host.heard(), ["en/wrong-pin", "en/enter-pin"]);
    host.press(&mut alice, "12#");
    assert_eq!(host.hears(ALICE), ["music/hold"]);
    let mut bob = dials(&mut host, "4568", BOB, "8000");
    host.press(&mut bob, "34#");
    assert_eq!((host.hears(ALICE), host.hears(BOB)), (vec![BOB_IP.into()], Vec::new()));
    let members = view(&mut host, "board").members;
    assert_eq!([members[0].admin, members[1].admin], [false, true]);
    assert_eq!([members[0].muted, members[1].muted], [true, false]);
    let mut carol = dials(&mut host, "4569", CAROL, "8000");
    host.press(&mut carol, "1#2#3#");
    host.hear_out();
    answer_bye(&mut host, CAROL);
    let mut carol = dials(&mut host, "4569", CAROL, "8000");
    host.press(&mut carol, "1");
    host.hang_up(&mut carol);
    assert_eq!(view(&mut host, "board").members.len(), 2);
}

#[test]
fn a_full_room_and_a_locked_one_say_so() {
    let mut host = open(with_room(|room| room.max_members = 2));
    dials(&mut host, "4567", ALICE, "8000");
    let mut bob = dials(&mut host, "4568", BOB, "8000");
    dials(&mut host, "4569", CAROL, "8000");
    assert_eq!(host.heard(), ["en/conference/full", "en/goodbye"]);
    host.hear_out();
    answer_bye(&mut host, CAROL);
    host.hang_up(&mut bob);
    let change = |locked| ConferenceOrder::Change {
        room: "board".into(),
        locked: Some(locked),
        recording: None,
        muted: None,
    };
    assert_eq!(order(&mut host, change(true)), Reply::Command(Ok(Done::Ordered)));
    dials(&mut host, "4569", CAROL, "8000");
    assert!(host.heard().contains(&"en/conference/locked".to_owned()), "{:?}", host.heard());
    host.run(90);
    answer_bye(&mut host, CAROL);
    order(&mut host, change(false));
    dials(&mut host, "4569", CAROL, "8000");
    assert_eq!(host.hears(ALICE), [CAROL_IP]);
}

#[test]
fn a_room_is_recorded_from_two_members_to_the_second_last() {
    let mut host = open(with_room(|room| room.record = true));
    dials(&mut host, "4567", ALICE, "8000");
    assert_eq!(host.recordings, 0);
    let mut bob = dials(&mut host, "4568", BOB, "8000");
    assert_eq!(host.recordings, 1);
    assert!(view(&mut host, "board").recording.is_some());
    host.hang_up(&mut bob);
    let closed = |record: &&Record| matches!(record, Record::RecordingClosed(_));
    assert_eq!(host.records.iter().filter(closed).count(), 1);
    assert!(view(&mut host, "board").recording.is_none());
    let record = |recording| ConferenceOrder::Change {
        room: "board".into(),
        locked: None,
        recording: Some(recording),
        muted: None,
    };
    let alone = order(&mut host, record(true));
    assert!(matches!(alone, Reply::Command(Err(_))), "{alone:?}");
    dials(&mut host, "4568", BOB, "8000");
    assert_eq!(host.recordings, 2);
    order(&mut host, record(false));
    assert_eq!(host.records.iter().filter(closed).count(), 2);
}

#[test]
fn a_phone_that_is_gone_without_a_word_leaves() {
    let mut host = open(with_room(|_| ()));
    dials(&mut host, "4567", ALICE, "8000");
    dials(&mut host, "4568", BOB, "8000");
    let bobs = |own: &&media::order::StreamId| {
        let remote = host.configured.get(*own).and_then(|config| config.remote_rtp);
        remote.is_some_and(|remote| remote.ip().to_string() == BOB_IP)
    };
    let stream = *host.configured.keys().find(bobs).expect("Bob's stream");
    let event = media::order::MediaEvent::Silent { stream };
    let worker = strowger_core::vocab::WorkerId(0);
    host.input(strowger_core::vocab::Input::MediaEvent { worker, event });
    answer_bye(&mut host, BOB);
    assert_eq!(host.hears(ALICE), ["music/hold"]);
}
