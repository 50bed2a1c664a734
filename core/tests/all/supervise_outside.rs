//! Supervisors at numbers outside: how they are called, by whose leave, and that each is ended alone.

use strowger_core::vocab::config::{Config, Destination};
use strowger_core::vocab::event::Attempt;
use strowger_core::vocab::record::EndCause;
use strowger_core::vocab::supervise::{Mode, SuperviseOrder, Supervisor};
use strowger_core::vocab::{
    CallId, Command, CommandError, Done, EventKind, Principal, Query, Reply, Role,
};

use crate::common::{route, trunk, trunk_key};
use crate::exchange::*;
use crate::queue_call::{ALICE, BOB, CARRIER, CUSTOMER};
use crate::supervise_calls::*;

/// The carrier through which supervisors are called.
const MOBILE: &str = "192.0.2.20:5060";
const MOBILE_IP: &str = "192.0.2.20";
const NUMBER: &str = "0700555123";
/// ... as it is written abroad.
const ABROAD: &str = "+86 700-555-123";
const BOTH: [&str; 2] = [CUSTOMER_IP, ALICE_IP];

fn config() -> Config {
    let mut config = office();
    config.tenants[0].country_code = Some("86".into());
    config.tenants[0].emergency = vec!["110".into()];
    config.extensions[0].caller_number = Some(ALICES_NUMBER.into());
    config.trunks.push(trunk("demo", "mobile", MOBILE));
    let mobile = || vec![Destination::Trunk(trunk_key("demo", "mobile"))];
    config.routes.insert(0, route("demo", r"^0700\d+$", Some("national"), mobile()));
    config.routes.insert(1, route("demo", r"^1\d\d$", None, mobile()));
    config
}

fn at(number: &str) -> Supervisor {
    Supervisor::Number(number.into())
}

fn join(number: &str) -> SuperviseOrder {
    SuperviseOrder::Join { who: at(number), mode: Mode::Monitor, agent: None }
}

#[track_caller]
fn rung(reply: &Reply) -> CallId {
    match reply {
        Reply::Command(Ok(Done::Originated { call, .. })) => *call,
        other => panic!("{other:?}"),
    }
}

fn supervisors(host: &mut Exchange, call: CallId) -> Vec<(Supervisor, bool)> {
    let Reply::Call(view) = host.query(Query::Call { call }) else { panic!("no call") };
    view.supervisors.into_iter().map(|own| (own.who, own.joined)).collect()
}

#[test]
fn a_number_outside_hears_both_is_heard_by_the_mode_and_is_ended_alone() {
    let mut host = open(config());
    let (mut caller, _alice) = conversation(&mut host);
    let call = talking(&mut host);
    dials(&mut host, "4568", BOB, "*314567");
    rung(&supervise(&mut host, call, join(NUMBER)));
    let invite = host.expect(MOBILE, "INVITE ");
    assert!(invite.starts_with(&format!("INVITE sip:{NUMBER}@{MOBILE_IP}")), "{invite}");
    let from = invite.lines().find(|line| line.starts_with("From:")).unwrap();
    assert!(from.contains(&format!("<sip:{ALICES_NUMBER}@")), "as the agent's own: {from}");
    // What comes early is heard by nobody, and nobody is heard.
    let mixed = host.mixer.mixes();
    host.respond(MOBILE, &invite, 183, &sdp(MOBILE));
    assert_eq!((host.hears(MOBILE), host.mixer.mixes()), (Vec::<String>::new(), mixed));
    assert_eq!(supervisors(&mut host, call)[1], (at(NUMBER), false));
    let mut mobile = host.respond(MOBILE, &invite, 200, &sdp(MOBILE));
    host.expect(MOBILE, "ACK ");
    assert_eq!([host.hears(MOBILE), host.hears(BOB)], [BOTH, BOTH]);
    assert_eq!([host.hears(CARRIER), host.hears(ALICE)], [[ALICE_IP], [CUSTOMER_IP]]);
    host.press(&mut mobile, "2");
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP, MOBILE_IP]);
    // However the number is written, it is the same supervisor.
    let twice = supervise(&mut host, call, join(ABROAD));
    assert!(matches!(twice, Reply::Command(Err(CommandError::Conflict(_)))), "{twice:?}");
    let change = SuperviseOrder::Change { who: Some(at(ABROAD)), mode: Mode::Barge };
    assert_eq!(supervise(&mut host, call, change), Reply::Command(Ok(Done::Ordered)));
    assert_eq!(host.hears(CARRIER), [MOBILE_IP, ALICE_IP]);
    let leave = SuperviseOrder::Leave { who: Some(at(ABROAD)) };
    assert_eq!(supervise(&mut host, call, leave), Reply::Command(Ok(Done::Ordered)));
    let bye = host.expect(MOBILE, "BYE ");
    host.respond(MOBILE, &bye, 200, "");
    assert_eq!(supervisors(&mut host, call), [(inside("4568"), true)]);
    assert_eq!(host.hears(BOB), BOTH, "the other one stays");
    host.hang_up(&mut caller);
    for phone in [ALICE, BOB] {
        let bye = host.expect(phone, "BYE ");
        host.respond(phone, &bye, 200, "");
    }
    host.drains();
    assert_eq!(host.closed().len(), 3, "one record each");
    assert!(host.mixer.is_empty());
}

#[test]
fn nobody_is_called_where_the_key_may_not_call() {
    let mut host = open(config());
    conversation(&mut host);
    let call = talking(&mut host);
    let by = |role, own: Option<&str>| Principal {
        extension: own.map(str::to_owned),
        ..Exchange::principal(role)
    };
    for (role, own, number, kind) in [
        // Carol's extension has no class, and there is none at 4999.
        (Role::Supervisor, Some("4569"), NUMBER, "Forbidden"),
        (Role::Supervisor, Some("4999"), NUMBER, "Forbidden"),
        (Role::Admin, None, "110", "Forbidden"),
        (Role::Admin, None, "999999", "Invalid"),
        (Role::Admin, None, "no number", "Invalid"),
        // A route leads there, and not outside.
        (Role::Admin, None, "9", "Invalid"),
        (Role::Admin, None, "4568", "Invalid"),
        (Role::Admin, None, CUSTOMER, "Conflict"),
        (Role::User, Some("4567"), NUMBER, "Forbidden"),
        (Role::ReadOnly, None, NUMBER, "Forbidden"),
    ] {
        let order = Command::Supervise { call, order: join(number) };
        let Reply::Command(Err(error)) = host.command_by(by(role, own), order) else {
            panic!("{number} is called for {role:?} {own:?}");
        };
        assert!(format!("{error:?}").starts_with(kind), "{number}: {error:?}");
    }
    assert_eq!(host.take(MOBILE, "INVITE "), None);
    assert_eq!(host.take(CARRIER, "INVITE "), None);
    let order = Command::Supervise { call, order: join(NUMBER) };
    rung(&host.command_by(by(Role::Supervisor, Some("4567")), order));
    host.expect(MOBILE, "INVITE ");
}

#[test]
fn a_carrier_has_as_many_supervisors_as_channels() {
    let mut config = config();
    config.trunks.last_mut().unwrap().max_calls = 1;
    let mut host = open(config);
    conversation(&mut host);
    let call = talking(&mut host);
    rung(&supervise(&mut host, call, join(NUMBER)));
    host.expect(MOBILE, "INVITE ");
    let reply = supervise(&mut host, call, join("0700555124"));
    assert!(matches!(reply, Reply::Command(Err(CommandError::Conflict(_)))), "{reply:?}");
    assert_eq!(host.take(MOBILE, "INVITE "), None);
}

#[test]
fn a_number_that_does_not_answer_rings_as_long_as_a_phone() {
    let mut config = config();
    config.calls.ring_secs = 5;
    let mut host = open(config);
    let (mut caller, _alice) = conversation(&mut host);
    let call = talking(&mut host);
    let own = rung(&supervise(&mut host, call, join(NUMBER)));
    let invite = host.expect(MOBILE, "INVITE ");
    host.respond(MOBILE, &invite, 180, "");
    host.run(4);
    assert_eq!(host.take(MOBILE, "CANCEL "), None, "not yet");
    host.run(2);
    let cancel = host.expect(MOBILE, "CANCEL ");
    host.respond(MOBILE, &cancel, 200, "");
    host.respond(MOBILE, &invite, 487, "");
    let failed = |event: &EventKind| match event {
        EventKind::AttemptFailed { call, attempt, .. } => Some((*call, *attempt)),
        _ => None,
    };
    let failed: Vec<_> = host.events.iter().filter_map(failed).collect();
    assert_eq!(failed, [(call, Attempt::Supervision)]);
    assert_eq!([host.hears(CARRIER), host.hears(ALICE)], [[ALICE_IP], [CUSTOMER_IP]]);
    host.hang_up(&mut caller);
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    host.drains();
    let closed = host.closed();
    let record = closed.iter().find(|record| record.call == own).expect("its record");
    assert_eq!(record.end.as_ref().map(|end| end.cause), Some(EndCause::NoAnswer));
}
