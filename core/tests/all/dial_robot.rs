//! Dial tasks whose answered calls a robot talks in: who is fetched, what it may do, and how it ends.

use std::collections::BTreeMap;

use media::order::MixId;
use strowger_core::vocab::command::CommandError;
use strowger_core::vocab::config::Dialer;
use strowger_core::vocab::dial::{
    DialAction, DialMode, DialNumber, DialNumberRecord, DialOrder, DialOutcome, DialResult,
    DialTask, DialTaskKey, NumberStage, RobotLink,
};
use strowger_core::vocab::record::{CallRecord, EndCause, EndedBy, Party};
use strowger_core::vocab::robot::{RobotCall, RobotEnd, RobotOrder, RobotWord};
use strowger_core::vocab::{Command, Done, Input, Record, Reply, Secret};

use crate::exchange::*;
use crate::queue_call::{ALICE, CARRIER, hotline, open};

const FIRST: &str = "057188881111";
const SECOND: &str = "057188882222";
const SHOWN: &str = "057126200671";
const URL: &str = "wss://robot.example/calls";

fn task() -> DialTask {
    DialTask {
        key: DialTaskKey { tenant: "demo".into(), id: "spring".into() },
        mode: DialMode::Robot,
        ratio: 100,
        queue: None,
        menu: None,
        robot: Some(RobotLink { url: Some(URL.into()), token: Secret::new("open sesame") }),
        caller_number: SHOWN.into(),
        classes: vec!["national".into()],
        max_calls: 1,
        ring_secs: 25,
        hours: None,
        feed: None,
    }
}

fn put(host: &mut Exchange, task: DialTask) -> Reply {
    host.command(Command::Dial(DialOrder::Put(Box::new(task))))
}

fn tell(host: &mut Exchange, action: DialAction) -> Reply {
    host.command(Command::Dial(DialOrder::Task { task: "spring".into(), action }))
}

/// A switch whose task has dialled the first of two numbers.
fn dialling() -> Exchange {
    let mut host = open(hotline(|_| ()));
    started(&mut host, task());
    host
}

#[track_caller]
fn started(host: &mut Exchange, task: DialTask) {
    assert_eq!(put(host, task), Reply::Command(Ok(Done::Defined)));
    let number = |text: &str| DialNumber { id: format!("id-{text}"), number: text.into() };
    let numbers = vec![number(FIRST), number(SECOND)];
    tell(host, DialAction::Add { numbers, exhausted: true });
    assert_eq!(tell(host, DialAction::Start), Reply::Command(Ok(Done::Ordered)));
}

/// The customer answers, and the robot is asked for.
#[track_caller]
fn answered(host: &mut Exchange) -> (Dialog, Box<RobotCall>) {
    let invite = host.expect(CARRIER, &format!("INVITE sip:{FIRST}@"));
    let customer = host.respond(CARRIER, &invite, 200, &sdp(CARRIER));
    host.expect(CARRIER, "ACK ");
    match host.robots.pop() {
        Some(RobotOrder::Open(call)) => (customer, call),
        other => panic!("{other:?}"),
    }
}

fn say(host: &mut Exchange, line: MixId, word: RobotWord) {
    host.input(Input::Robot { line, word });
}

/// ... and is there.
#[track_caller]
fn talking(host: &mut Exchange) -> (Dialog, MixId) {
    let (customer, call) = answered(host);
    say(host, call.line, RobotWord::Opened);
    assert_eq!(host.mixer.mixes(), BTreeMap::from([(call.line, 1)]), "the customer is in the mix");
    (customer, call.line)
}

/// The switch hangs up on the customer.
#[track_caller]
fn customer_is_left(host: &mut Exchange) {
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
}

#[track_caller]
fn result(host: &Exchange, text: &str) -> DialResult {
    let of = |record: &Record| match record {
        Record::DialNumber(row) if row.number.number == text => Some((**row).clone()),
        _ => None,
    };
    match host.records.iter().rev().find_map(of) {
        Some(DialNumberRecord { stage: NumberStage::Done(result), .. }) => result,
        other => panic!("{other:?}"),
    }
}

fn record(host: &Exchange) -> CallRecord {
    host.closed().into_iter().next().expect("a call is over")
}

fn closed(line: MixId, end: RobotEnd) -> Option<RobotOrder> {
    Some(RobotOrder::Close { line, end })
}

#[test]
fn who_answers_gets_the_robot_which_hears_keys_notes_and_hangs_up() {
    let mut host = dialling();
    let (mut customer, call) = answered(&mut host);
    assert_eq!((call.url.as_str(), call.token.expose()), (URL, "open sesame"));
    assert_eq!((call.task.as_str(), call.number.number.as_str()), ("spring", FIRST));
    assert_eq!((call.number.id.as_str(), call.caller_number.as_str()), ("id-057188881111", SHOWN));
    let line = call.line;
    // Not there yet: nothing is told, and nothing it says counts.
    host.press(&mut customer, "1");
    say(&mut host, line, RobotWord::HangUp);
    assert!(host.robots.is_empty() && host.mixer.lines.is_empty());
    say(&mut host, line, RobotWord::Opened);
    say(&mut host, line, RobotWord::Opened);
    let [(mix, speaks, hears)] = host.mixer.lines[..] else { panic!("{:?}", host.mixer.lines) };
    assert!(mix == line && !speaks.intersects(hears), "it does not hear itself");
    host.press(&mut customer, "7#");
    let keys: Vec<RobotOrder> = host.robots.drain(..).collect();
    assert_eq!(keys, ['7', '#'].map(|key| RobotOrder::Key { line, key }));
    let noted = BTreeMap::from([("intent".to_owned(), "yes".to_owned())]);
    say(&mut host, line, RobotWord::Vars(noted.clone()));
    let long = BTreeMap::from([("a".to_owned(), "x".repeat(257))]);
    say(&mut host, line, RobotWord::Vars(long));
    assert!(matches!(host.robots.pop(), Some(RobotOrder::Refused { .. })), "too long");
    host.run(60);
    say(&mut host, line, RobotWord::HangUp);
    customer_is_left(&mut host);
    assert_eq!(host.robots.pop(), closed(line, RobotEnd::Ended));
    let record = record(&host);
    let end = record.end.clone().unwrap();
    assert_eq!((end.cause, end.by), (EndCause::Normal, EndedBy::Switch));
    assert!(record.answered_at.is_some());
    assert_eq!(record.callee, Party::Service { name: "robot:spring".into() });
    assert_eq!(record.dialled_for.unwrap().vars, noted);
    let result = result(&host, FIRST);
    assert_eq!((result.outcome, result.vars), (DialOutcome::Answered, noted));
    let next = host.expect(CARRIER, &format!("INVITE sip:{SECOND}@"));
    host.respond(CARRIER, &next, 486, "");
    host.drains();
}

#[test]
fn a_robot_that_cannot_be_reached_fails_the_number_and_the_task_goes_on() {
    let mut host = dialling();
    let (_, call) = answered(&mut host);
    say(&mut host, call.line, RobotWord::Lost);
    customer_is_left(&mut host);
    assert_eq!(host.robots, [], "there is nobody to tell");
    assert_eq!(record(&host).end.unwrap().cause, EndCause::RobotLost);
    assert_eq!(result(&host, FIRST).outcome, DialOutcome::Failed);
    host.run(3);
    assert!(host.take(CARRIER, "INVITE ").is_none(), "not at once: the next would hear nothing");
    host.run(3);
    let next = host.expect(CARRIER, &format!("INVITE sip:{SECOND}@"));
    host.respond(CARRIER, &next, 603, "");
    host.drains();
}

#[test]
fn a_connection_that_is_neither_open_nor_lost_is_lost_in_time() {
    let mut host = dialling();
    let (_, call) = answered(&mut host);
    host.run(31);
    customer_is_left(&mut host);
    assert_eq!(host.robots.pop(), closed(call.line, RobotEnd::Ended));
    say(&mut host, call.line, RobotWord::Opened);
    assert_eq!(record(&host).end.unwrap().cause, EndCause::RobotLost);
    tell(&mut host, DialAction::ForceStop);
    host.drains();
}

#[test]
fn a_robot_that_is_lost_in_the_conversation_ends_it() {
    let mut host = dialling();
    let (_, line) = talking(&mut host);
    host.run(5);
    say(&mut host, line, RobotWord::Lost);
    customer_is_left(&mut host);
    assert_eq!(record(&host).end.unwrap().cause, EndCause::RobotLost);
    assert_eq!(result(&host, FIRST).outcome, DialOutcome::Answered, "they have talked");
    tell(&mut host, DialAction::ForceStop);
    host.drains();
}

#[test]
fn a_customer_who_hangs_up_ends_the_robot_and_its_late_words_do_nothing() {
    let mut host = dialling();
    let (mut customer, line) = talking(&mut host);
    host.hang_up(&mut customer);
    assert_eq!(host.robots.pop(), closed(line, RobotEnd::Ended));
    let vars = BTreeMap::from([("late".to_owned(), "word".to_owned())]);
    for word in [RobotWord::Vars(vars), RobotWord::Transfer("4567".into()), RobotWord::Lost] {
        say(&mut host, line, word);
    }
    assert_eq!(host.robots, []);
    assert_eq!(record(&host).end.unwrap().by, EndedBy::Caller);
    tell(&mut host, DialAction::ForceStop);
    host.run(40);
    host.drains();
    assert!(host.mixer.is_empty());
}

#[test]
fn a_transfer_leads_to_a_phone_of_the_tenant() {
    let mut host = dialling();
    let (mut customer, line) = talking(&mut host);
    say(&mut host, line, RobotWord::Transfer("extension:4567".into()));
    assert_eq!(host.robots.pop(), closed(line, RobotEnd::Transferred));
    let invite = host.expect(ALICE, "INVITE ");
    assert!(invite.contains(FIRST), "she sees who it is: {invite}");
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    assert_eq!(host.bridges.len(), 1, "they talk");
    host.hang_up(&mut customer);
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    assert_eq!(result(&host, FIRST).outcome, DialOutcome::Answered);
    tell(&mut host, DialAction::ForceStop);
    host.run(40);
    host.drains();
}

#[test]
fn a_transfer_goes_outside_as_far_as_the_task_may_dial_and_nowhere_else() {
    let mut host = dialling();
    let (_, line) = talking(&mut host);
    for barred in [
        "0049301234567",
        "trunk:carrier",
        "sound:en/goodbye",
        "echo",
        "queue:9009",
        "ivr:nothing",
        "4711",
        "extension:7000",
        "",
        "queue:",
    ] {
        say(&mut host, line, RobotWord::Transfer(barred.into()));
        match host.robots.pop() {
            Some(RobotOrder::Refused { why, .. }) => assert!(why.contains("transfer"), "{why}"),
            other => panic!("{barred}: {other:?}"),
        }
    }
    assert_eq!(host.mixer.mixes().len(), 1, "the conversation goes on");
    say(&mut host, line, RobotWord::Transfer("057188883333".into()));
    assert_eq!(host.robots.pop(), closed(line, RobotEnd::Transferred));
    let invite = host.expect(CARRIER, "INVITE sip:057188883333@");
    assert!(invite.contains(SHOWN), "as the task's number: {invite}");
    host.respond(CARRIER, &invite, 486, "");
    host.run(40);
    tell(&mut host, DialAction::ForceStop);
    while let Some(bye) = host.take(CARRIER, "BYE ") {
        host.respond(CARRIER, &bye, 200, "");
    }
    host.drains();
}

#[test]
fn force_stop_ends_a_robot_s_call() {
    let mut host = dialling();
    let (_, line) = talking(&mut host);
    tell(&mut host, DialAction::ForceStop);
    customer_is_left(&mut host);
    assert_eq!(host.robots.pop(), closed(line, RobotEnd::Ended));
    assert_eq!(record(&host).end.unwrap().cause, EndCause::Administrative);
    host.drains();
}

#[test]
fn a_task_names_its_robot_or_has_its_tenant_s() {
    let link = |url: Option<&str>| RobotLink {
        url: url.map(str::to_owned),
        token: Secret::new("open sesame"),
    };
    let mut host = open(hotline(|_| ()));
    for robot in [None, Some(link(None))] {
        match put(&mut host, DialTask { robot, ..task() }) {
            Reply::Command(Err(CommandError::Invalid(why))) => {
                assert!(why.contains("robot_url"), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
    let mut config = hotline(|_| ());
    let robot_url = Some("ws://tenant.example/".to_owned());
    config.dialers.push(Dialer { tenant: "demo".into(), robot_url, ..Dialer::default() });
    let mut host = open(config);
    started(&mut host, DialTask { robot: Some(link(None)), ..task() });
    let (_, call) = answered(&mut host);
    assert_eq!((call.url.as_str(), call.token.expose()), ("ws://tenant.example/", "open sesame"));
    tell(&mut host, DialAction::ForceStop);
    customer_is_left(&mut host);
    host.drains();
}
