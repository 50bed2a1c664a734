//! Dial tasks with real messages: who is rung as whom, where answers go, and what is written of each number.

use strowger_core::vocab::command::CommandError;
use strowger_core::vocab::config::{Destination, Dialer};
use strowger_core::vocab::dial::{
    DialAction, DialChange, DialEnd, DialMode, DialNumber, DialNumberRecord, DialOrder,
    DialOutcome, DialResult, DialState, DialTask, DialTaskKey, DialTaskRecord, DialTaskView,
    NumberStage,
};
use strowger_core::vocab::menu::{Hours, Menu, OpenSpan, Zone};
use strowger_core::vocab::record::Party;
use strowger_core::vocab::{
    Command, Done, EventKind, MenuKey, Query, QueueKey, Record, Reply, Restored, Role,
};

use crate::common::*;
use crate::exchange::*;
use crate::queue_call::{ALICE, BOB, CARRIER, hotline, open};

pub const FIRST: &str = "057188881111";
const SECOND: &str = "057188882222";
const THIRD: &str = "057188883333";

pub fn task(mode: DialMode) -> DialTask {
    DialTask {
        key: DialTaskKey { tenant: "demo".into(), id: "spring".into() },
        mode,
        ratio: 200,
        queue: Some(QueueKey { tenant: "demo".into(), number: "9001".into() }),
        menu: None,
        robot: None,
        caller_number: "057126200671".into(),
        classes: vec!["national".into()],
        max_calls: 10,
        ring_secs: 25,
        hours: None,
        feed: None,
    }
}

pub fn put(host: &mut Exchange, task: DialTask) -> Reply {
    host.command(Command::Dial(DialOrder::Put(Box::new(task))))
}

pub fn tell(host: &mut Exchange, action: DialAction) -> Reply {
    let order = DialOrder::Task { task: "spring".into(), action };
    host.command(Command::Dial(order))
}

pub fn number(number: &str) -> DialNumber {
    DialNumber { id: format!("id-{number}"), number: number.into() }
}

/// A task runs with these numbers and no more.
#[track_caller]
pub fn started(host: &mut Exchange, task: DialTask, numbers: &[&str]) {
    assert_eq!(put(host, task), Reply::Command(Ok(Done::Defined)));
    let added = numbers.len();
    let numbers = numbers.iter().map(|text| number(text)).collect();
    let reply = tell(host, DialAction::Add { numbers, exhausted: true });
    let done = Done::NumbersAdded { added, repeated: 0, refused: 0 };
    assert_eq!(reply, Reply::Command(Ok(done)));
    assert_eq!(tell(host, DialAction::Start), Reply::Command(Ok(Done::Ordered)));
}

pub fn shown(host: &mut Exchange) -> DialTaskView {
    match host.query(Query::DialTask("spring".into())) {
        Reply::DialTask(view) => *view,
        other => panic!("{other:?}"),
    }
}

/// What was written last of a number.
pub fn stage(host: &Exchange, text: &str) -> NumberStage {
    let of = |record: &Record| match record {
        Record::DialNumber(row) if row.number.number == text => Some(row.stage.clone()),
        _ => None,
    };
    host.records.iter().rev().find_map(of).expect("it was written")
}

#[track_caller]
pub fn result(host: &Exchange, text: &str) -> DialResult {
    match stage(host, text) {
        NumberStage::Done(result) => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_number_for_each_idle_agent_and_who_answers_gets_one() {
    let mut host = open(hotline(|_| ()));
    started(&mut host, task(DialMode::Progressive), &[FIRST, SECOND, THIRD]);
    let first = host.expect(CARRIER, &format!("INVITE sip:{FIRST}@"));
    let second = host.expect(CARRIER, &format!("INVITE sip:{SECOND}@"));
    assert!(host.take(CARRIER, "INVITE ").is_none(), "two agents are idle");
    assert!(first.contains("From: <sip:057126200671@"), "as the task's number: {first}");
    assert!(matches!(stage(&host, FIRST), NumberStage::Dialling { .. }), "written before");
    host.respond(CARRIER, &first, 180, "");
    host.respond(CARRIER, &second, 180, "");
    let mut customer = host.respond(CARRIER, &first, 200, &sdp(CARRIER));
    host.expect(CARRIER, "ACK ");
    let invite = host.expect(ALICE, "INVITE ");
    assert!(invite.contains(FIRST), "the agent sees whom it was: {invite}");
    assert!(invite.to_ascii_lowercase().contains("answer-after=0"), "at once: {invite}");
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    assert_eq!(host.bridges.len(), 1);
    assert!(host.take(CARRIER, "INVITE ").is_none(), "the other agent has its number");
    host.run(20);
    host.respond(CARRIER, &second, 486, "");
    let third = host.expect(CARRIER, &format!("INVITE sip:{THIRD}@"));
    host.respond(CARRIER, &third, 180, "");
    host.hang_up(&mut customer);
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    let served = result(&host, FIRST);
    assert_eq!((served.outcome, served.agent.as_deref()), (DialOutcome::Answered, Some("101")));
    assert!(served.call.is_some() && served.answered_at.is_some());
    assert_eq!(result(&host, SECOND).outcome, DialOutcome::Busy);
    // Rings out.
    host.run(26);
    let cancel = host.expect(CARRIER, "CANCEL ");
    host.respond(CARRIER, &cancel, 200, "");
    host.respond(CARRIER, &third, 487, "");
    assert_eq!(result(&host, THIRD).outcome, DialOutcome::NoAnswer);
    let view = shown(&mut host);
    assert_eq!(view.record.state, DialState::Ended(DialEnd::Exhausted));
    assert_eq!(view.figures.answered(), 1);
    let record = host.closed().into_iter().find(|record| record.answered_at.is_some()).unwrap();
    assert_eq!(record.dialled_for.unwrap().number, format!("id-{FIRST}"));
    assert!(matches!(&record.caller, Party::Trunk { number, .. } if number == FIRST));
    assert_eq!(record.queued[0].outcome.as_deref(), Some("answered"));
    let ended = host.events.iter().any(|event| {
        matches!(event, EventKind::Dial { what, .. }
            if **what == DialChange::State(DialState::Ended(DialEnd::Exhausted)))
    });
    assert!(ended, "its end is told");
    host.drains();
}

#[test]
fn who_has_no_agent_within_two_seconds_counts_as_abandoned() {
    let mut host = open(hotline(|_| ()));
    let ratio = DialTask { ratio: 300, ..task(DialMode::Ratio) };
    started(&mut host, ratio, &[FIRST]);
    let invite = host.expect(CARRIER, "INVITE ");
    let mut customer = host.respond(CARRIER, &invite, 200, &sdp(CARRIER));
    host.expect(CARRIER, "ACK ");
    let rung = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &rung, 180, "");
    host.run(3);
    assert_eq!(shown(&mut host).abandoned_lately, 1);
    let mut alice = host.respond(ALICE, &rung, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    host.run(5);
    host.hang_up(&mut alice);
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
    assert_eq!(result(&host, FIRST).outcome, DialOutcome::Late, "an agent came after all");
    let _ = &mut customer;
    host.drains();
}

#[test]
fn a_ratio_task_dials_more_than_agents_but_never_more_than_its_limit() {
    let mut host = open(hotline(|_| ()));
    let numbers: Vec<String> = (0..30).map(|n| format!("0571888899{n:02}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    started(&mut host, DialTask { max_calls: 3, ..task(DialMode::Ratio) }, &numbers);
    let rung = (0..).map_while(|_| host.take(CARRIER, "INVITE ")).count();
    assert_eq!(rung, 3, "two agents at 2.0 would be four; the limit is three");
    assert_eq!(tell(&mut host, DialAction::ForceStop), Reply::Command(Ok(Done::Ordered)));
    host.run(40);
    assert_eq!(shown(&mut host).record.state, DialState::Ended(DialEnd::ForceStopped));
    assert!(matches!(stage(&host, numbers[9]), NumberStage::Waiting), "never dialled");
    assert_eq!(result(&host, numbers[0]).outcome, DialOutcome::Cancelled);
    host.drains();
}

#[test]
fn stop_lets_a_conversation_finish() {
    let mut host = open(hotline(|_| ()));
    started(&mut host, task(DialMode::Progressive), &[FIRST, SECOND, THIRD]);
    let invite = host.expect(CARRIER, "INVITE ");
    let other = host.expect(CARRIER, "INVITE ");
    let mut customer = host.respond(CARRIER, &invite, 200, &sdp(CARRIER));
    host.expect(CARRIER, "ACK ");
    host.pick_up(ALICE);
    tell(&mut host, DialAction::Stop);
    host.respond(CARRIER, &other, 486, "");
    host.run(100);
    assert!(host.take(CARRIER, "BYE ").is_none(), "they talk on");
    assert_eq!(shown(&mut host).record.state, DialState::Stopping);
    host.hang_up(&mut customer);
    assert_eq!(shown(&mut host).record.state, DialState::Ended(DialEnd::Stopped));
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    host.drains();
}

#[test]
fn nobody_is_called_who_must_not_be_and_nothing_that_the_task_may_not() {
    let mut config = hotline(|_| ());
    config.tenants[0].emergency = vec!["110".into()];
    config.tenants[0].country_code = Some("86".into());
    let mut host = open(config);
    let order = DialOrder::Block { numbers: vec!["+86 571 8888 1111".into()], blocked: true };
    assert_eq!(host.command(Command::Dial(order)), Reply::Command(Ok(Done::Defined)));
    started(&mut host, task(DialMode::Progressive), &[FIRST, "0049301234567", "110", "4568"]);
    host.run(2);
    assert!(host.take(CARRIER, "INVITE ").is_none() && host.take(BOB, "INVITE ").is_none());
    assert_eq!(result(&host, FIRST).outcome, DialOutcome::DoNotCall, "however it is written");
    for barred in ["0049301234567", "110", "4568"] {
        assert_eq!(result(&host, barred).outcome, DialOutcome::NotAllowed, "{barred}");
    }
    assert_eq!(shown(&mut host).record.state, DialState::Ended(DialEnd::Exhausted));
    let page = host.query(Query::DoNotCall { offset: 0, limit: 9 });
    assert!(matches!(page, Reply::DoNotCall(page) if page.items == ["8657188881111"]));
    host.drains();
}

#[test]
fn a_task_without_classes_of_its_own_has_the_tenant_s() {
    let mut config = hotline(|_| ());
    let usual =
        Dialer { tenant: "demo".into(), classes: vec!["national".into()], ..Dialer::default() };
    config.dialers.push(usual);
    let mut host = open(config);
    let plain = DialTask { classes: Vec::new(), ..task(DialMode::Progressive) };
    started(&mut host, plain, &[FIRST, "0049301234567"]);
    let invite = host.expect(CARRIER, "INVITE ");
    assert!(invite.contains(FIRST));
    assert_eq!(result(&host, "0049301234567").outcome, DialOutcome::NotAllowed);
    host.respond(CARRIER, &invite, 603, "");
    assert_eq!(result(&host, FIRST).outcome, DialOutcome::Rejected);
    host.drains();
}

/// Nobody is called outside the hours of the task, nor of the tenant. The tests begin on Thursday, 1970-01-01, 00:00.
#[test]
fn a_task_dials_within_its_hours_only() {
    let hours = |name: &str, from: u16| Hours {
        tenant: "demo".into(),
        name: name.into(),
        open: vec![OpenSpan { days: 0x7f, from, to: 1_440 }],
        holidays: Vec::new(),
        timezone: "Z".into(),
    };
    let mut config = hotline(|_| ());
    config.hours = vec![hours("early", 2), hours("late", 4)];
    config.zones.insert("Z".into(), Zone { offsets: vec![(0, 0)] });
    let usual = Dialer { tenant: "demo".into(), hours: Some("late".into()), ..Dialer::default() };
    config.dialers.push(usual);
    let mut host = open(config);
    let early = DialTask { hours: Some("early".into()), ..task(DialMode::Progressive) };
    started(&mut host, early, &[FIRST]);
    let begins = host.now;
    while host.take(CARRIER, "INVITE ").is_none() {
        let at = host.now / 60_000_000_000;
        assert!(at < 5, "it never dials");
        host.run(5);
    }
    assert!(begins < 60_000_000_000 && moment(host.now).wall % 86_400_000 >= 4 * 60_000);
}

#[test]
fn a_broadcast_plays_its_menu_and_needs_no_agent() {
    let mut config = hotline(|_| ());
    let key = MenuKey { tenant: "demo".into(), name: "news".into() };
    let mut menu = Menu::named(key.clone());
    menu.greeting = Some("en/news".into());
    menu.keys
        .insert('1', Destination::Queue(QueueKey { tenant: "demo".into(), number: "9001".into() }));
    config.menus.push(menu);
    let mut host = Exchange::new(config);
    let broadcast = DialTask { queue: None, menu: Some(key), ..task(DialMode::Broadcast) };
    started(&mut host, broadcast, &[FIRST, SECOND]);
    let invite = host.expect(CARRIER, "INVITE ");
    host.expect(CARRIER, "INVITE ");
    host.respond(CARRIER, &invite, 200, &sdp(CARRIER));
    host.expect(CARRIER, "ACK ");
    assert_eq!(host.heard(), ["en/news"]);
    assert_eq!(shown(&mut host).answered, 1);
    tell(&mut host, DialAction::ForceStop);
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
    host.run(40);
    assert_eq!(result(&host, FIRST).outcome, DialOutcome::Answered);
    host.drains();
}

#[test]
fn a_carrier_that_is_full_costs_no_number() {
    let mut config = hotline(|_| ());
    for trunk in &mut config.trunks {
        trunk.max_calls = 1;
    }
    let mut host = open(config);
    started(&mut host, task(DialMode::Ratio), &[FIRST, SECOND, THIRD]);
    let first = host.expect(CARRIER, "INVITE ");
    let spare = "192.0.2.11:5060";
    let second = host.expect(spare, "INVITE ");
    host.respond(CARRIER, &first, 180, "");
    host.respond(spare, &second, 180, "");
    host.run(5);
    assert_eq!(stage(&host, THIRD), NumberStage::Waiting);
    host.respond(CARRIER, &first, 486, "");
    host.run(3);
    let third = host.expect(CARRIER, "INVITE ");
    assert!(third.contains(THIRD));
    host.respond(CARRIER, &third, 486, "");
    host.respond(spare, &second, 486, "");
    assert_eq!(shown(&mut host).record.state, DialState::Ended(DialEnd::Exhausted));
    host.drains();
}

#[test]
fn after_a_restart_what_was_being_dialled_is_reported_and_the_rest_goes_on() {
    let config = hotline(|_| ());
    let row = |seq, text: &str, stage| DialNumberRecord {
        task: task(DialMode::Progressive).key,
        number: number(text),
        seq,
        stage,
    };
    let record = DialTaskRecord {
        task: task(DialMode::Progressive),
        state: DialState::Running,
        exhausted: true,
    };
    let restored = Restored {
        dial_tasks: vec![record],
        dial_numbers: vec![
            row(1, FIRST, NumberStage::Dialling { at: 1 }),
            row(2, SECOND, NumberStage::Waiting),
        ],
        ..Restored::default()
    };
    let mut host = Exchange::restored(config, restored);
    assert_eq!(result(&host, FIRST).outcome, DialOutcome::Interrupted);
    host.register("4567", ALICE);
    let invite = host.expect(CARRIER, "INVITE ");
    assert!(invite.contains(SECOND) && host.take(CARRIER, "INVITE ").is_none());
    let again = tell(&mut host, DialAction::Add { numbers: vec![number(FIRST)], exhausted: true });
    let done = Done::NumbersAdded { added: 0, repeated: 1, refused: 0 };
    assert_eq!(again, Reply::Command(Ok(done)), "it is never dialled again");
    host.respond(CARRIER, &invite, 486, "");
    host.drains();
}

#[test]
fn what_a_task_names_must_exist_and_keys_have_their_rights() {
    let mut host = open(hotline(|_| ()));
    let wrong: [fn(&mut DialTask); 7] = [
        |task| task.ratio = 99,
        |task| task.max_calls = 0,
        |task| task.ring_secs = 1,
        |task| task.caller_number = "057199999999".into(),
        |task| task.queue = Some(QueueKey { tenant: "demo".into(), number: "9999".into() }),
        |task| task.queue = None,
        |task| task.hours = Some("never".into()),
    ];
    for change in wrong {
        let mut task = task(DialMode::Ratio);
        change(&mut task);
        let reply = put(&mut host, task.clone());
        assert!(matches!(reply, Reply::Command(Err(CommandError::Invalid(_)))), "{task:?}");
    }
    assert_eq!(put(&mut host, task(DialMode::Ratio)), Reply::Command(Ok(Done::Defined)));
    for role in [Role::ReadOnly, Role::User, Role::Agent] {
        let start = DialOrder::Task { task: "spring".into(), action: DialAction::Start };
        let reply = host.command_by(Exchange::principal(role), Command::Dial(start));
        assert!(matches!(reply, Reply::Command(Err(CommandError::Forbidden(_)))), "{role:?}");
    }
    let mut stranger = Exchange::principal(Role::Admin);
    stranger.tenant = "other".into();
    let start = DialOrder::Task { task: "spring".into(), action: DialAction::Start };
    let reply = host.command_by(stranger, Command::Dial(start));
    assert!(matches!(reply, Reply::Command(Err(CommandError::NotFound(_)))));
    let pause = tell(&mut host, DialAction::Pause);
    assert!(matches!(pause, Reply::Command(Err(CommandError::Conflict(_)))));
    tell(&mut host, DialAction::Start);
    let delete = DialOrder::Delete("spring".into());
    let reply = host.command(Command::Dial(delete.clone()));
    assert!(matches!(reply, Reply::Command(Err(CommandError::Conflict(_)))), "it runs");
    tell(&mut host, DialAction::Stop);
    assert_eq!(host.command(Command::Dial(delete)), Reply::Command(Ok(Done::Defined)));
    host.drains();
}
