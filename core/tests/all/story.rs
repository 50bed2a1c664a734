//! One customer's story: transferred twice, parked, picked up and brought into a conference. Every step has a call and a
//! record of its own, and all of them are one interaction.

use strowger_core::vocab::conference::{ConferenceOrder, Parties};
use strowger_core::vocab::config::RecordPolicy;
use strowger_core::vocab::park::TakeOrder;
use strowger_core::vocab::record::{CallRecord, EndCause, RecordingRecord};
use strowger_core::vocab::{CallId, Command, Done, EventKind, Query, Record, Reply};

use crate::conference_rooms::{order, view, with_room};
use crate::exchange::*;
use crate::pickup_calls::number_of;
use crate::supervise_calls::{ALICE_IP, BOB_IP, CUSTOMER_IP, conversation, dials, open, talking};
use crate::transfer_attended::refer_to;
use crate::transfer_blind::{ALICE, BOB, CAROL, CARRIER, ended, notified, refer};

const CUSTOMER: &str = "057188881111";

fn host() -> Exchange {
    let mut config = with_room(|room| (room.record, room.announce) = (true, false));
    for extension in config.extensions.iter_mut().filter(|own| own.key.tenant == "demo") {
        extension.record = RecordPolicy::Always;
        extension.pickup_groups = vec!["sales".into()];
    }
    open(config)
}

fn recordings(host: &Exchange) -> Vec<RecordingRecord> {
    let closed = |record: &Record| match record {
        Record::RecordingClosed(own) => Some(own.clone()),
        _ => None,
    };
    let mut all: Vec<RecordingRecord> = host.records.iter().filter_map(closed).collect();
    all.sort_by_key(|own| own.started_at);
    all
}

/// Alice has the customer, and sends it to Bob.
fn sent_to_bob(host: &mut Exchange) -> (Dialog, Dialog) {
    let (customer, mut alice) = conversation(host);
    host.run(10);
    refer(host, &mut alice, "sip:4568@pbx.example");
    notified(host, ALICE, "100");
    let bob = host.pick_up(BOB);
    notified(host, ALICE, "200");
    ended(host, ALICE);
    assert_eq!(host.hears(CARRIER), [BOB_IP]);
    assert_eq!(host.hears(BOB), [CUSTOMER_IP]);
    (customer, bob)
}

/// Bob asks Carol, and gives her the customer.
fn handed_to_carol(host: &mut Exchange, bob: &mut Dialog) -> Dialog {
    host.run(10);
    let mut asks = host.call_from("4568", BOB, "4569");
    let carol = host.pick_up(CAROL);
    host.confirm(&mut asks);
    host.run(5);
    host.sent.clear();
    refer(host, bob, &refer_to("4569", &asks));
    notified(host, BOB, "100");
    notified(host, BOB, "200");
    ended(host, BOB);
    ended(host, BOB);
    assert_eq!(host.hears(CAROL), [CUSTOMER_IP]);
    carol
}

fn park(host: &mut Exchange) -> u32 {
    host.run(10);
    let call = talking(host);
    let extension = Some("4569".to_owned());
    let slot = match host.command(Command::Take(TakeOrder::Park { call, extension })) {
        Reply::Command(Ok(Done::Parked { slot, .. })) => slot,
        other => panic!("{other:?}"),
    };
    ended(host, CAROL);
    assert_eq!(host.hears(CARRIER), ["music/hold"]);
    slot
}

/// The parker is rung when nobody came, and a colleague takes that call by the code.
fn picked_up_by_alice(host: &mut Exchange) -> Dialog {
    host.run(120);
    let back = host.expect(CAROL, "INVITE ");
    host.respond(CAROL, &back, 180, "");
    let mut alice = host.call_from("4567", ALICE, "**4569");
    host.stops_ringing(CAROL, &back);
    host.confirm(&mut alice);
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP]);
    alice
}

fn conferenced(host: &mut Exchange) {
    host.run(10);
    let call = talking(host);
    let both = ConferenceOrder::Move { room: "board".into(), call, who: Parties::Both };
    assert_eq!(order(host, both), Reply::Command(Ok(Done::Ordered)));
    dials(host, "4568", BOB, "8000");
    assert_eq!(view(host, "board").members.len(), 3);
    assert_eq!(host.hears(CARRIER), [ALICE_IP, BOB_IP]);
    host.run(10);
}

/// By the code alone: its leg went into another call before it was answered.
fn dialled_only(record: &CallRecord) -> bool {
    record.end.as_ref().is_some_and(|end| end.cause == EndCause::PickedUp)
}

#[test]
fn transferred_twice_parked_picked_up_and_conferenced_is_one_story() {
    let mut host = host();
    let (mut customer, mut bob) = sent_to_bob(&mut host);
    handed_to_carol(&mut host, &mut bob);
    let first = match host.query(Query::Calls { offset: 0, limit: 9 }) {
        Reply::Calls(page) => page.items[0].record.interaction,
        other => panic!("{other:?}"),
    };
    assert_eq!(park(&mut host), 701);
    let mut alice = picked_up_by_alice(&mut host);
    conferenced(&mut host);
    host.hang_up(&mut customer);
    host.hang_up(&mut alice);
    order(&mut host, ConferenceOrder::End { room: "board".into() });
    ended(&mut host, BOB);
    host.drains();

    let mut records = host.closed();
    records.sort_by_key(|own| (own.started_at, number_of(&own.caller).to_owned()));
    assert!(records.iter().all(|record| record.interaction == first), "{records:#?}");
    assert!(records.iter().filter(|own| !dialled_only(own)).all(|own| own.answered_at.is_some()));
    let cause = |record: &CallRecord| record.end.as_ref().unwrap().cause;
    let legs: Vec<(&str, &str, EndCause)> = records
        .iter()
        .map(|own| (number_of(&own.caller), number_of(&own.callee), cause(own)))
        .collect();
    assert_eq!(
        legs,
        [
            (CUSTOMER, "4567", EndCause::Transferred),
            (CUSTOMER, "4568", EndCause::Transferred),
            ("4568", "4569", EndCause::Transferred),
            (CUSTOMER, "4569", EndCause::Parked),
            (CUSTOMER, "4567", EndCause::Conferenced),
            ("4567", CUSTOMER, EndCause::PickedUp),
            (CUSTOMER, "conference:board", EndCause::Normal),
            ("4567", "conference:board", EndCause::Normal),
            ("4568", "conference:board", EndCause::Administrative),
        ]
    );

    // Whoever plays them one after the other hears all of it: the code alone has no audio, and the
    // room's is listed under whoever came into it first.
    let tapes = recordings(&host);
    assert!(tapes.iter().all(|tape| tape.interaction == first), "{tapes:#?}");
    let of: Vec<CallId> = tapes.iter().map(|tape| tape.call).collect();
    assert_eq!(of, [0, 1, 2, 3, 4, 7].map(|at: usize| records[at].call), "{tapes:#?}");
    let in_order = tapes.windows(2).all(|two| two[0].started_at < two[1].started_at);
    assert!(in_order, "one after the other: {tapes:#?}");
    let told = |event: &&EventKind| matches!(event, EventKind::CallTransferred { .. });
    assert_eq!(host.events.iter().filter(told).count(), 2);
}
