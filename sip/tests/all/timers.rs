//! Every timer against RFC 3261 table 4, and the machines' use of each in virtual time.

use strowger_sip::transaction::timers::{
    Base, Delay, Growth, MS, Reliable, SECOND, TABLE, Timer, Timers,
};
use strowger_sip::transaction::{
    Action, Class, InviteClient, InviteServer, NonInviteClient, NonInviteServer, TimerQueue,
};

const UDP: Timers =
    Timers { base: Base { t1: 500 * MS, t2: 4 * SECOND, t4: 5 * SECOND }, reliable: false };
const TCP: Timers = Timers { reliable: true, ..UDP };

/// RFC 3261 table 4 with the RFC's defaults, in milliseconds: timer, value over UDP, value over
/// TCP (`None`: not used). L and M are RFC 6026's.
const TABLE_4: [(Timer, u64, Option<u64>); 12] = [
    (Timer::A, 500, None),
    (Timer::B, 32_000, Some(32_000)),
    (Timer::D, 32_000, Some(0)),
    (Timer::E, 500, None),
    (Timer::F, 32_000, Some(32_000)),
    (Timer::G, 500, None),
    (Timer::H, 32_000, Some(32_000)),
    (Timer::I, 5_000, Some(0)),
    (Timer::J, 32_000, Some(0)),
    (Timer::K, 5_000, Some(0)),
    (Timer::L, 32_000, Some(32_000)),
    (Timer::M, 32_000, Some(32_000)),
];

#[test]
fn every_timer_has_the_value_of_table_4() {
    assert_eq!(Base::default(), UDP.base);
    for (timer, udp, tcp) in TABLE_4 {
        assert_eq!(UDP.first(timer), Some(udp * MS), "{timer:?} over UDP");
        assert_eq!(TCP.first(timer), tcp.map(|ms| ms * MS), "{timer:?} over TCP");
        assert_eq!(timer.rule().timer, timer, "the table is in the order of the variants");
    }
    assert_eq!(TABLE.len(), TABLE_4.len());
}

#[test]
fn timers_follow_t1_and_t4_when_these_are_changed() {
    let slow = Timers { base: Base { t1: SECOND, t2: 4 * SECOND, t4: 6 * SECOND }, ..UDP };
    for rule in &TABLE {
        let wanted = match rule.delay {
            Delay::T1 => SECOND,
            Delay::T1Times64 | Delay::AtLeast32s => 64 * SECOND,
            Delay::T4 => 6 * SECOND,
        };
        assert_eq!(slow.first(rule.timer), Some(wanted), "{:?}", rule.timer);
    }
    // 17.1.1.2: timer D is at least 32 s over UDP, however short T1 is.
    let fast = Timers { base: Base { t1: MS, ..UDP.base }, ..UDP };
    assert_eq!(fast.first(Timer::D), Some(32 * SECOND));
    assert_eq!(fast.first(Timer::B), Some(64 * MS));
}

#[test]
fn intervals_grow_as_the_rfc_says() {
    let intervals = |timer| {
        let mut interval = UDP.first(timer).unwrap();
        let mut list = vec![interval / MS];
        for _ in 0..6 {
            interval = UDP.next(timer, interval).unwrap();
            list.push(interval / MS);
        }
        list
    };
    // 17.1.1.2: timer A doubles without bound.
    assert_eq!(intervals(Timer::A), [500, 1000, 2000, 4000, 8000, 16_000, 32_000]);
    // 17.1.2.2 and 17.2.1: timers E and G double to T2.
    for timer in [Timer::E, Timer::G] {
        assert_eq!(intervals(timer), [500, 1000, 2000, 4000, 4000, 4000, 4000]);
    }
    for rule in TABLE.iter().filter(|rule| rule.growth == Growth::Once) {
        assert_eq!(UDP.next(rule.timer, SECOND), None);
    }
    let never: Vec<_> =
        TABLE.iter().filter(|rule| rule.reliable == Reliable::Never).map(|r| r.timer).collect();
    assert_eq!(never, [Timer::A, Timer::E, Timer::G]);
}

/// What a machine does when left alone: times in milliseconds and actions.
fn alone(
    mut deadline: impl FnMut() -> Option<u64>,
    mut timeout: impl FnMut(u64) -> Vec<Action>,
) -> Vec<(u64, Vec<Action>)> {
    let mut log = Vec::new();
    while let Some(due) = deadline() {
        log.push((due / MS, timeout(due)));
    }
    log
}

macro_rules! left_alone {
    ($machine:ident) => {{
        let cell = std::cell::RefCell::new($machine);
        alone(|| cell.borrow().deadline(), |now| cell.borrow_mut().timeout(now).to_vec())
    }};
}

fn sends(times: &[u64]) -> Vec<(u64, Vec<Action>)> {
    times.iter().map(|at| (*at, vec![Action::Send])).collect()
}

fn then(mut log: Vec<(u64, Vec<Action>)>, at: u64, list: &[Action]) -> Vec<(u64, Vec<Action>)> {
    log.push((at, list.to_vec()));
    log
}

const GIVE_UP: [Action; 2] = [Action::Timeout, Action::Terminate];

#[test]
fn an_invite_without_an_answer_is_sent_seven_times_and_given_up() {
    let (machine, first) = InviteClient::start(UDP, 0);
    assert_eq!(first.as_slice(), [Action::Send]);
    // 17.1.1.2 names these times for T1 = 500 ms.
    let again = sends(&[500, 1500, 3500, 7500, 15_500, 31_500]);
    // After that a 2xx is still heard for as long again.
    let given_up = |log| then(then(log, 32_000, &[Action::Timeout]), 64_000, &[Action::Terminate]);
    assert_eq!(left_alone!(machine), given_up(again));
    let (machine, _) = InviteClient::start(TCP, 0);
    assert_eq!(left_alone!(machine), given_up(vec![]));
}

#[test]
fn a_request_without_an_answer_is_sent_eleven_times_and_given_up() {
    let (machine, _) = NonInviteClient::start(UDP, 0);
    // 17.1.2.2: 500 ms, 1 s, 2 s, 4 s, 4 s ...
    let again = sends(&[500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert_eq!(left_alone!(machine), then(again, 32_000, &GIVE_UP));
    let (machine, _) = NonInviteClient::start(TCP, 0);
    assert_eq!(left_alone!(machine), then(vec![], 32_000, &GIVE_UP));
}

#[test]
fn a_request_that_proceeds_is_sent_every_t2() {
    let (mut machine, _) = NonInviteClient::start(UDP, 0);
    machine.response(100 * MS, Class::Provisional);
    // The timer E that runs fires at 500 ms; from then on every T2.
    let again = sends(&[500, 4500, 8500, 12_500, 16_500, 20_500, 24_500, 28_500]);
    assert_eq!(left_alone!(machine), then(again, 32_000, &GIVE_UP));
}

#[test]
fn a_refusal_without_an_ack_is_repeated_and_given_up() {
    let (mut machine, _) = InviteServer::start(UDP);
    machine.respond(0, Class::Failure);
    let again = sends(&[500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert_eq!(left_alone!(machine), then(again, 32_000, &GIVE_UP));
    let (mut machine, _) = InviteServer::start(TCP);
    machine.respond(0, Class::Failure);
    assert_eq!(left_alone!(machine), then(vec![], 32_000, &GIVE_UP));
}

#[test]
fn finished_transactions_linger_as_long_as_the_table_says() {
    let end = [Action::Terminate];
    // D: a refused INVITE.
    let (mut machine, _) = InviteClient::start(UDP, 0);
    machine.response(0, Class::Failure);
    assert_eq!(left_alone!(machine), then(vec![], 32_000, &end));
    // M: an accepted INVITE (RFC 6026), over TCP as well.
    for timers in [UDP, TCP] {
        let (mut machine, _) = InviteClient::start(timers, 0);
        machine.response(0, Class::Success);
        assert_eq!(left_alone!(machine), then(vec![], 32_000, &end));
        // L
        let (mut machine, _) = InviteServer::start(timers);
        machine.respond(0, Class::Success);
        assert_eq!(left_alone!(machine), then(vec![], 32_000, &end));
    }
    // I
    let (mut machine, _) = InviteServer::start(UDP);
    machine.respond(0, Class::Failure);
    assert!(machine.ack(0).is_empty());
    assert_eq!(left_alone!(machine), then(vec![], 5_000, &end));
    // J
    let (mut machine, _) = NonInviteServer::start(UDP, 0);
    machine.respond(0, Class::Success);
    assert_eq!(left_alone!(machine), then(vec![], 32_000, &end));
    // K
    let (mut machine, _) = NonInviteClient::start(UDP, 0);
    machine.response(0, Class::Failure);
    assert_eq!(left_alone!(machine), then(vec![], 5_000, &end));
}

#[test]
fn over_tcp_nothing_lingers_that_would_absorb_repetitions() {
    let (mut machine, _) = InviteClient::start(TCP, 0);
    let done = machine.response(0, Class::Failure);
    assert_eq!(done.as_slice(), [Action::Ack, Action::Deliver, Action::Terminate]);
    let (mut machine, _) = InviteServer::start(TCP);
    machine.respond(0, Class::Failure);
    assert_eq!(machine.ack(0).as_slice(), [Action::Terminate]);
    let (mut machine, _) = NonInviteServer::start(TCP, 0);
    assert_eq!(machine.respond(0, Class::Success).as_slice(), [Action::Send, Action::Terminate]);
    let (mut machine, _) = NonInviteClient::start(TCP, 0);
    assert_eq!(
        machine.response(0, Class::Success).as_slice(),
        [Action::Deliver, Action::Terminate]
    );
}

#[test]
fn a_late_caller_sends_once_and_not_a_burst() {
    let (mut machine, _) = InviteClient::start(UDP, 0);
    assert_eq!(machine.timeout(10 * SECOND).as_slice(), [Action::Send]);
    assert!(machine.timeout(10 * SECOND).is_empty());
    assert_eq!(machine.deadline(), Some(11 * SECOND));
}

#[test]
fn the_queue_orders_by_deadline_and_then_by_insertion() {
    let mut queue = TimerQueue::default();
    for (due, name) in [(5, "c"), (3, "a"), (5, "d"), (3, "b"), (u64::MAX, "never")] {
        queue.push(due, name);
    }
    assert_eq!((queue.len(), queue.next_deadline()), (4, Some(3)));
    assert_eq!(queue.pop_due(2), None);
    let order: Vec<_> = std::iter::from_fn(|| queue.pop_due(5)).collect();
    assert_eq!(order, [(3, "a"), (3, "b"), (5, "c"), (5, "d")]);
    assert!(queue.is_empty());
}
