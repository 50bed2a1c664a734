//! Tasks beside each other, and tasks at their bounds.

use std::cell::RefCell;

use crate::vocab::dial::{
    DialAction, DialEnd, DialMode, DialNumber, DialOutcome, DialState, DialTask, DialTaskKey,
    MAX_NUMBERS,
};
use crate::vocab::{Now, QueueKey};

use super::{Act, AttemptId, Conditions, Dialer, Floor, Outside, SECOND};

/// Open, with so many idle agents at every queue; it remembers which tasks asked.
#[derive(Default)]
struct Hall {
    idle: u32,
    asked: RefCell<Vec<String>>,
}

impl Outside for Hall {
    fn conditions(&self, task: &DialTask) -> Conditions {
        self.asked.borrow_mut().push(task.key.id.clone());
        let floor = Floor { idle: self.idle, working: self.idle, ..Floor::default() };
        let floor = task.queue.as_ref().map(|_| floor);
        Conditions { floor, open: true, takes_calls: true }
    }

    fn canonical(&self, _: &str, number: &str) -> String {
        number.to_owned()
    }
}

fn at(secs: u64) -> Now {
    Now { mono: secs * SECOND, wall: secs * 1_000 }
}

fn key(id: &str) -> DialTaskKey {
    DialTaskKey { tenant: "t".into(), id: id.into() }
}

fn queue(number: &str) -> QueueKey {
    QueueKey { tenant: "t".into(), number: number.into() }
}

fn task(id: &str, mode: DialMode, at: &str) -> DialTask {
    DialTask {
        key: key(id),
        mode,
        ratio: 100,
        queue: Some(queue(at)),
        menu: None,
        robot: None,
        caller_number: "0571".into(),
        classes: Vec::new(),
        max_calls: 5,
        ring_secs: 30,
        hours: None,
        feed: None,
    }
}

fn numbers(range: std::ops::Range<usize>) -> Vec<DialNumber> {
    range.map(|n| DialNumber { id: n.to_string(), number: format!("10{n}") }).collect()
}

/// A running task with the first so many numbers.
fn running(dialer: &mut Dialer, task: DialTask, given: usize) {
    let key = task.key.clone();
    dialer.put(task).unwrap();
    let add = DialAction::Add { numbers: numbers(0..given), exhausted: false };
    dialer.order(at(1), &key, add).unwrap();
    dialer.order(at(1), &key, DialAction::Start).unwrap();
}

/// Attempts that are to be written down.
fn claims(dialer: &mut Dialer) -> Vec<AttemptId> {
    let acts = std::iter::from_fn(|| dialer.poll());
    let claims = acts.filter_map(|act| match act {
        Act::Claim { attempt, .. } => Some(attempt),
        _ => None,
    });
    claims.collect()
}

fn audited(dialer: &Dialer) {
    let mut wrong = Vec::new();
    dialer.audit(&mut wrong);
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_task_that_has_had_as_many_numbers_as_it_may_ends_with_the_last_of_them() {
    let (mut dialer, hall) = (Dialer::default(), Hall { idle: 1, ..Hall::default() });
    running(&mut dialer, task("a", DialMode::Progressive, "9001"), 1);
    let known = dialer.tasks.get_mut(&key("a")).unwrap();
    (1..MAX_NUMBERS).for_each(|n| known.remember_name(n as u64 + 1, &n.to_string()));
    dialer.tick(at(1), &hall);
    let claimed = claims(&mut dialer);
    // The feed goes on: old ones, and new ones for which there will never be room.
    for exhausted in [false, true] {
        let add = DialAction::Add { numbers: numbers(0..3), exhausted };
        assert_eq!(dialer.order(at(2), &key("a"), add).unwrap().repeated, 3);
        let numbers = numbers(MAX_NUMBERS..MAX_NUMBERS + 3);
        let add = DialAction::Add { numbers, exhausted };
        assert_eq!(dialer.order(at(2), &key("a"), add).unwrap().refused, 3);
    }
    dialer.tick(at(2), &hall);
    assert_eq!(dialer.view(&key("a")).unwrap().record.state, DialState::Running, "it rings");
    dialer.written(at(2), claimed[0], true);
    dialer.ended(at(3), claimed[0], DialOutcome::Busy);
    let state = dialer.view(&key("a")).unwrap().record.state;
    assert_eq!(state, DialState::Ended(DialEnd::Exhausted));
    audited(&dialer);
}

#[test]
fn a_broadcast_that_names_a_queue_leaves_its_agents_to_the_others() {
    let (mut dialer, hall) = (Dialer::default(), Hall { idle: 1, ..Hall::default() });
    running(&mut dialer, task("news", DialMode::Broadcast, "9001"), 5);
    dialer.tick(at(1), &hall);
    assert_eq!(claims(&mut dialer).len(), 5);
    running(&mut dialer, task("sales", DialMode::Progressive, "9001"), 5);
    dialer.tick(at(1), &hall);
    assert_eq!(claims(&mut dialer).len(), 1, "one for the idle agent");
    audited(&dialer);
}

#[test]
fn numbers_that_must_not_be_called_are_skipped_a_few_at_a_time() {
    let (mut dialer, hall) = (Dialer::default(), Hall { idle: 1, ..Hall::default() });
    let barred = numbers(0..900).into_iter().map(|number| number.number).collect();
    dialer.block(&"t".to_owned(), barred, true).unwrap();
    running(&mut dialer, task("a", DialMode::Progressive, "9001"), 901);
    while dialer.poll().is_some() {}
    let mut rounds = 0;
    let claimed = loop {
        rounds += 1;
        let due = dialer.next_deadline().unwrap_or(SECOND);
        dialer.tick(Now { mono: due, wall: due / 1_000_000 }, &hall);
        assert!(dialer.acts.len() <= 401, "{} things in one step", dialer.acts.len());
        let claimed = claims(&mut dialer);
        if !claimed.is_empty() {
            break claimed;
        }
    };
    assert_eq!((claimed.len(), rounds), (1, 5), "200 at a time");
    let figures = dialer.view(&key("a")).unwrap().figures;
    assert_eq!(figures.outcomes[&DialOutcome::DoNotCall], 900);
    audited(&dialer);
}

#[test]
fn a_stopped_task_that_is_started_with_its_last_numbers_ends_after_them() {
    let (mut dialer, hall) = (Dialer::default(), Hall { idle: 1, ..Hall::default() });
    running(&mut dialer, task("a", DialMode::Progressive, "9001"), 0);
    dialer.order(at(1), &key("a"), DialAction::Stop).unwrap();
    let add = DialAction::Add { numbers: numbers(0..1), exhausted: true };
    dialer.order(at(2), &key("a"), add).unwrap();
    dialer.order(at(2), &key("a"), DialAction::Start).unwrap();
    dialer.tick(at(2), &hall);
    let claimed = claims(&mut dialer);
    dialer.written(at(2), claimed[0], true);
    dialer.ended(at(3), claimed[0], DialOutcome::Busy);
    let state = |dialer: &Dialer| dialer.view(&key("a")).unwrap().record.state;
    assert_eq!(state(&dialer), DialState::Ended(DialEnd::Exhausted));
    dialer.order(at(4), &key("a"), DialAction::Start).unwrap();
    dialer.tick(at(4), &hall);
    assert_eq!(state(&dialer), DialState::Running, "more may come");
    audited(&dialer);
}

#[test]
fn a_change_in_a_queue_concerns_its_own_tasks_only() {
    let (mut dialer, hall) = (Dialer::default(), Hall::default());
    running(&mut dialer, task("a", DialMode::Progressive, "9001"), 1);
    running(&mut dialer, task("b", DialMode::Ratio, "9002"), 1);
    running(&mut dialer, task("c", DialMode::Predictive, "9001"), 1);
    running(&mut dialer, task("d", DialMode::Progressive, "9001"), 1);
    dialer.order(at(1), &key("d"), DialAction::Pause).unwrap();
    while dialer.tick(at(1), &hall) {}
    hall.asked.borrow_mut().clear();
    dialer.touch_queue(&queue("9001"));
    assert!(dialer.tick(at(1), &hall));
    assert_eq!(hall.asked.borrow_mut().split_off(0), ["a", "c"]);
    // Its queue is another one now.
    dialer.put(task("c", DialMode::Predictive, "9002")).unwrap();
    while dialer.tick(at(1), &hall) {}
    hall.asked.borrow_mut().clear();
    dialer.touch_queue(&queue("9001"));
    dialer.tick(at(1), &hall);
    assert_eq!(hall.asked.borrow_mut().split_off(0), ["a"]);
    audited(&dialer);
}

#[test]
fn tasks_that_share_a_queue_take_turns() {
    let (mut dialer, hall) = (Dialer::default(), Hall { idle: 1, ..Hall::default() });
    for id in ["a", "b", "c"] {
        running(&mut dialer, task(id, DialMode::Progressive, "9001"), 10);
    }
    let mut order = String::new();
    for round in 0..9 {
        dialer.touch_queue(&queue("9001"));
        dialer.tick(at(1 + round), &hall);
        let claimed = claims(&mut dialer);
        assert_eq!(claimed.len(), 1, "one agent");
        order.push_str(&dialer.attempts[&claimed[0]].task.id);
        dialer.written(at(1 + round), claimed[0], true);
        dialer.ended(at(1 + round), claimed[0], DialOutcome::Busy);
    }
    assert_eq!(order, "abcabcabc");
    audited(&dialer);
}
