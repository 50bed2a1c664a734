//! Lanes: order, pauses, parking, and what is in memory and what is not.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::lane::{Failure, Item, Lane, Verdict, WINDOW};
use crate::api::outgoing::Hook;

const HOUR: u64 = 3_600_000;

fn hook(enabled: bool) -> Arc<Hook> {
    Arc::new(Hook {
        id: "h".into(),
        tenant: "t".into(),
        owner: "native".into(),
        url: "http://h/".into(),
        events: Vec::new(),
        secret: None,
        enabled,
        description: String::new(),
        created_at: 0,
        more: serde_json::Value::Null,
    })
}

fn item(id: u64, key: &str) -> Item {
    let (headers, body) = (Vec::new(), Bytes::new());
    Item { id, order_key: key.into(), since: 0, attempts: 0, headers, body }
}

fn lane(kept: u64) -> Lane {
    Lane::new(hook(true), 1, (kept, 0))
}

/// Everything that can be begun now, by id.
fn begun(lane: &mut Lane, now: Instant) -> Vec<u64> {
    std::iter::from_fn(|| lane.next(now)).map(|item| item.id).collect()
}

fn after(now: Instant, seconds: u64) -> Instant {
    now + Duration::from_secs(seconds)
}

#[test]
fn what_is_sent_again_twice_is_told_once() {
    let (mut lane, now) = (lane(1), Instant::now());
    lane.filled(Vec::new(), true, now);
    for _ in 0..2 {
        lane.again(item(1, "a"), now);
    }
    assert_eq!(begun(&mut lane, now), [1]);
    lane.taken("a", 1, now);
    assert!(begun(&mut lane, now).is_empty() && lane.is_idle());
    assert_eq!(lane.kept, 0);
}

#[test]
fn order_is_kept_within_a_key_and_keys_do_not_wait_for_each_other() {
    let (mut lane, now) = (lane(0), Instant::now());
    for (id, key) in [(1, "a"), (2, "a"), (3, "b"), (4, "a"), (5, "c")] {
        lane.add(item(id, key), now);
    }
    assert_eq!(begun(&mut lane, now), [1, 3, 5]);
    assert!(begun(&mut lane, now).is_empty());
    lane.taken("a", 1, now);
    assert_eq!(begun(&mut lane, now), [2]);
    let verdicts = lane.failed(("a", 2), Failure::Refused, (now, 10), HOUR);
    assert_eq!(verdicts, [Verdict { id: 2, attempts: 1, parked: false }]);
    lane.taken("b", 3, now);
    assert!(begun(&mut lane, now).is_empty(), "4 waits behind 2");
    assert_eq!(lane.due(), Some(after(now, 1)));
    assert_eq!(begun(&mut lane, after(now, 1)), [2]);
    lane.taken("a", 2, now);
    assert_eq!(begun(&mut lane, now), [4]);
    lane.taken("a", 4, now);
    lane.taken("c", 5, now);
    assert!(lane.is_idle());
    assert_eq!(lane.kept, 0);
}

#[test]
fn pauses_grow_and_after_an_hour_it_is_given_up_and_the_next_one_goes_on() {
    let (mut lane, mut now, start) = (lane(0), Instant::now(), Instant::now());
    lane.add(item(1, "a"), now);
    lane.add(Item { since: HOUR, ..item(2, "a") }, now);
    let mut pauses = Vec::new();
    loop {
        now = lane.due().unwrap().max(now);
        assert_eq!(begun(&mut lane, now), [1]);
        let wall = u64::try_from((now - start).as_millis()).unwrap();
        let verdicts = lane.failed(("a", 1), Failure::Refused, (now, wall), HOUR);
        if verdicts[0].parked {
            assert!((HOUR..HOUR + 300_000).contains(&wall), "{wall}");
            break;
        }
        pauses.push((lane.due().unwrap() - now).as_secs());
    }
    assert_eq!(pauses[..9], [1, 2, 5, 10, 20, 30, 60, 120, 300]);
    assert!(pauses[9..].iter().all(|pause| *pause == 300) && pauses.len() > 15, "{pauses:?}");
    assert_eq!(begun(&mut lane, now), [2]);
    assert_eq!(lane.kept, 2, "a parked row is still there");
}

#[test]
fn where_nobody_is_there_one_at_a_time_finds_out_and_old_ones_are_parked_together() {
    let (mut lane, now) = (lane(0), Instant::now());
    for id in 1..=20 {
        lane.add(item(id, &id.to_string()), now);
    }
    assert_eq!(begun(&mut lane, now), [1, 2, 3, 4], "a few at a time");
    for id in 1..=4_u64 {
        lane.failed((&id.to_string(), id), Failure::Absent, (now, 10), HOUR);
    }
    let due = lane.due().unwrap();
    assert!(due > now);
    assert_eq!(begun(&mut lane, due), [5], "one at a time");
    let verdicts = lane.failed(("5", 5), Failure::Absent, (due, HOUR), HOUR);
    assert_eq!(verdicts.len(), 20, "all have waited for an hour");
    assert!(verdicts.iter().all(|verdict| verdict.parked));
    assert!(lane.is_idle());
    lane.add(Item { since: HOUR, ..item(21, "x") }, due);
    let due = lane.due().unwrap();
    assert_eq!(begun(&mut lane, due), [21]);
    lane.taken("x", 21, due);
    for id in 22..=30 {
        lane.add(item(id, &id.to_string()), due);
    }
    assert_eq!(begun(&mut lane, due).len(), 4, "somebody is there again");
}

#[test]
fn a_lane_that_is_switched_off_waits() {
    let (mut lane, now) = (lane(0), Instant::now());
    lane.change(hook(false));
    lane.add(item(1, "a"), now);
    assert_eq!((begun(&mut lane, now), lane.due()), (Vec::new(), None));
    lane.change(hook(true));
    assert_eq!(begun(&mut lane, now), [1]);
}

#[test]
fn what_does_not_fit_in_the_window_comes_back_from_disk_in_order_and_once() {
    let (mut lane, now) = (lane(0), Instant::now());
    // One key, so that one is under way at a time.
    let all = 3 * WINDOW as u64;
    for id in 1..=all {
        lane.add(item(id, "a"), now);
        if id % 7 == 0 {
            lane.stored(id);
        }
    }
    let mut told = Vec::new();
    let mut loads = 0;
    while told.len() < all as usize {
        if let Some(behind) = lane.load(now) {
            loads += 1;
            assert_eq!(lane.load(now), None, "one at a time");
            if loads == 2 {
                lane.not_filled(now);
                assert_eq!((lane.load(now), lane.load_due()), (None, Some(after(now, 1))));
                assert!(lane.load(after(now, 1)).is_some());
            }
            // What came last is not on disk yet.
            let on_disk = all - all % 7;
            let rows = (behind + 1..=on_disk).take(WINDOW).map(|id| item(id, "a"));
            let rows: Vec<Item> = rows.collect();
            let end = rows.len() < WINDOW;
            lane.stored(all);
            lane.filled(rows, end, now);
        }
        let Some(next) = lane.next(now) else { continue };
        told.push(next.id);
        lane.taken("a", next.id, now);
    }
    let expected: Vec<u64> = (1..=all).collect();
    assert_eq!(told, expected);
    assert!(lane.is_idle());
    assert_eq!(loads, 2);
}

#[test]
fn what_the_last_run_left_is_told_before_what_comes_new() {
    let (mut lane, now) = (lane(2), Instant::now());
    lane.add(item(9, "a"), now);
    assert!(begun(&mut lane, now).is_empty());
    assert_eq!(lane.load(now), Some(0));
    lane.filled(vec![item(1, "a"), item(2, "b")], true, now);
    assert_eq!(begun(&mut lane, now), [1, 2]);
    lane.taken("a", 1, now);
    assert_eq!(begun(&mut lane, now), [9]);
    // Sent again by hand.
    lane.again(item(3, "c"), now);
    assert_eq!(begun(&mut lane, now), [3]);
}

#[test]
fn what_is_parked_makes_room_and_is_not_looked_for_on_disk() {
    let (mut lane, now) = (Lane::new(hook(true), 1, (5, 5)), Instant::now());
    assert!(lane.is_idle(), "all of it is parked");
    lane.add(item(9, "a"), now);
    assert_eq!(begun(&mut lane, now), [9]);
    assert!(lane.failed(("a", 9), Failure::Refused, (now, HOUR), HOUR)[0].parked);
    assert_eq!((lane.kept, lane.forget(4), lane.kept), (6, 4, 2));
    lane.again(item(5, "a"), now);
    assert_eq!((lane.forget(4), lane.forget(4), lane.kept), (1, 0, 1));
}
