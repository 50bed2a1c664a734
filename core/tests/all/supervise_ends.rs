//! Supervision: whoever ends first, and in whichever order, harms nobody else.

use strowger_core::vocab::supervise::{Mode, Released, SuperviseOrder};
use strowger_core::vocab::{CommandError, Done, Reply};

use crate::exchange::*;
use crate::queue_call::{ALICE, BOB, CAROL, CARRIER, customer};
use crate::supervise_calls::*;

fn answer_bye(host: &mut Exchange, at: &'static str) {
    let bye = host.expect(at, "BYE ");
    host.respond(at, &bye, 200, "");
}

#[track_caller]
fn all_over(host: &mut Exchange) {
    host.drains();
    assert!(host.mixer.is_empty(), "{:?}", host.mixer);
}

#[test]
fn the_call_ends_first() {
    let mut host = open(office());
    let (mut caller, _) = conversation(&mut host);
    dials(&mut host, "4568", BOB, "*334567");
    host.hang_up(&mut caller);
    answer_bye(&mut host, ALICE);
    answer_bye(&mut host, BOB);
    all_over(&mut host);
}

#[test]
fn the_supervisor_hangs_up_first() {
    let mut host = open(office());
    let (_, mut alice) = conversation(&mut host);
    let mut bob = dials(&mut host, "4568", BOB, "*334567");
    host.hang_up(&mut bob);
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP]);
    assert_eq!(host.take(ALICE, "BYE "), None);
    host.hang_up(&mut alice);
    answer_bye(&mut host, CARRIER);
    all_over(&mut host);
}

#[test]
fn the_call_ends_while_the_supervisor_rings() {
    let mut host = open(office());
    let (mut caller, _) = conversation(&mut host);
    let call = talking(&mut host);
    let join = SuperviseOrder::Join { who: inside("4568"), mode: Mode::Monitor, agent: None };
    supervise(&mut host, call, join);
    let invite = host.expect(BOB, "INVITE ");
    host.respond(BOB, &invite, 180, "");
    host.hang_up(&mut caller);
    answer_bye(&mut host, ALICE);
    let cancel = host.expect(BOB, "CANCEL ");
    host.respond(BOB, &cancel, 200, "");
    host.respond(BOB, &invite, 487, "");
    all_over(&mut host);
}

#[test]
fn the_supervisor_answers_when_the_call_is_over() {
    let mut host = open(office());
    let (mut caller, _) = conversation(&mut host);
    let call = talking(&mut host);
    let join = SuperviseOrder::Join { who: inside("4568"), mode: Mode::Monitor, agent: None };
    supervise(&mut host, call, join);
    let invite = host.expect(BOB, "INVITE ");
    host.hang_up(&mut caller);
    answer_bye(&mut host, ALICE);
    // Our CANCEL waits for a provisional response; the answer comes first.
    host.respond(BOB, &invite, 200, &sdp(BOB));
    answer_bye(&mut host, BOB);
    all_over(&mut host);
}

#[test]
fn a_supervisor_who_does_not_answer_leaves_nothing() {
    let mut host = open(office());
    let (mut caller, _) = conversation(&mut host);
    let call = talking(&mut host);
    let join = SuperviseOrder::Join { who: inside("4568"), mode: Mode::Monitor, agent: None };
    supervise(&mut host, call, join.clone());
    let invite = host.expect(BOB, "INVITE ");
    host.respond(BOB, &invite, 486, "");
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP]);
    assert!(matches!(supervise(&mut host, call, join), Reply::Command(Ok(_))), "and may again");
    host.hang_up(&mut caller);
    answer_bye(&mut host, ALICE);
    host.run(1);
    let invite = host.expect(BOB, "INVITE ");
    host.respond(BOB, &invite, 487, "");
    all_over(&mut host);
}

#[test]
fn the_agent_of_a_queue_hangs_up_and_the_caller_goes_on() {
    let mut config = office();
    config.acd.queues[0].service.agent_hangup_action =
        Some(strowger_core::vocab::acd::HangupAction::QualityRate);
    let mut host = open(config);
    let mut caller = customer(&mut host);
    let mut alice = host.pick_up(ALICE);
    dials(&mut host, "4569", CAROL, "*314567");
    assert_eq!(host.hears(CAROL), [CUSTOMER_IP, ALICE_IP]);
    host.hang_up(&mut alice);
    answer_bye(&mut host, CAROL);
    assert!(host.mixer.mixes().is_empty());
    assert_eq!(host.take(CARRIER, "BYE "), None, "the caller is asked to rate");
    host.hang_up(&mut caller);
    all_over(&mut host);
}

#[test]
fn an_agent_is_released_and_the_caller_of_a_queue_goes_on() {
    let mut config = office();
    config.acd.queues[0].service.agent_hangup_action =
        Some(strowger_core::vocab::acd::HangupAction::QualityRate);
    let mut host = open(config);
    let mut caller = customer(&mut host);
    host.pick_up(ALICE);
    let call = talking(&mut host);
    let release = SuperviseOrder::Release(Released::Agent);
    assert_eq!(supervise(&mut host, call, release), Reply::Command(Ok(Done::Ordered)));
    answer_bye(&mut host, ALICE);
    assert_eq!(host.take(CARRIER, "BYE "), None);
    host.hang_up(&mut caller);
    all_over(&mut host);
}

#[test]
fn a_call_is_released() {
    let mut host = open(office());
    conversation(&mut host);
    let mut bob = dials(&mut host, "4568", BOB, "*334567");
    let call = talking(&mut host);
    let release = SuperviseOrder::Release(Released::Call);
    assert_eq!(supervise(&mut host, call, release), Reply::Command(Ok(Done::Ordered)));
    for at in [ALICE, CARRIER, BOB] {
        answer_bye(&mut host, at);
    }
    host.request(&mut bob, "BYE", "", "");
    let again = supervise(&mut host, call, SuperviseOrder::Release(Released::Call));
    assert!(matches!(again, Reply::Command(Err(CommandError::NotFound(_)))), "{again:?}");
    all_over(&mut host);
}

#[test]
fn both_ends_of_the_supervision_at_one_moment() {
    let mut host = open(office());
    let (mut caller, _) = conversation(&mut host);
    let mut bob = dials(&mut host, "4568", BOB, "*314567");
    host.hang_up(&mut caller);
    // Its BYE and ours cross.
    host.request(&mut bob, "BYE", "", "");
    answer_bye(&mut host, BOB);
    answer_bye(&mut host, ALICE);
    all_over(&mut host);
}

#[test]
fn a_silent_supervisor_is_let_go_and_the_call_is_not() {
    let mut host = open(office());
    conversation(&mut host);
    dials(&mut host, "4568", BOB, "*314567");
    let bobs = |own: &&media::order::StreamId| {
        let remote = host.configured.get(*own).and_then(|config| config.remote_rtp);
        remote.is_some_and(|remote| remote.ip().to_string() == BOB_IP)
    };
    let stream = *host.configured.keys().find(bobs).expect("Bob's stream");
    let event = media::order::MediaEvent::Silent { stream };
    let worker = strowger_core::vocab::WorkerId(0);
    host.input(strowger_core::vocab::Input::MediaEvent { worker, event });
    answer_bye(&mut host, BOB);
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP]);
}

fn take_over(host: &mut Exchange, call: strowger_core::vocab::CallId) -> Reply {
    supervise(host, call, SuperviseOrder::TakeOver { who: None })
}

#[test]
fn a_supervisor_takes_the_agents_place() {
    let mut host = open(office());
    let (mut caller, _) = conversation(&mut host);
    let call = talking(&mut host);
    assert!(matches!(take_over(&mut host, call), Reply::Command(Err(CommandError::Conflict(_)))));
    let mut bob = dials(&mut host, "4568", BOB, "*314567");
    assert_eq!(take_over(&mut host, call), Reply::Command(Ok(Done::Ordered)));
    answer_bye(&mut host, ALICE);
    assert_eq!(host.hears(CARRIER), [BOB_IP]);
    assert_eq!(host.hears(BOB), [CUSTOMER_IP]);
    assert!(host.mixer.mixes().is_empty());
    assert_eq!(host.take(CARRIER, "BYE "), None);
    host.hang_up(&mut bob);
    answer_bye(&mut host, CARRIER);
    let _ = &mut caller;
    all_over(&mut host);
    let records = host.closed();
    let mut stories: Vec<_> = records.iter().map(|record| record.interaction).collect();
    stories.dedup();
    assert_eq!((records.len(), stories.len()), (2, 1));
}

#[test]
fn a_supervisor_takes_the_place_of_an_agent_who_called() {
    let mut host = open(office());
    let mut alice = host.call_from("4567", ALICE, "4569");
    host.pick_up(CAROL);
    host.expect(ALICE, "SIP/2.0 100");
    host.confirm(&mut alice);
    dials(&mut host, "4568", BOB, "*324567");
    let call = talking(&mut host);
    assert_eq!(take_over(&mut host, call), Reply::Command(Ok(Done::Ordered)));
    answer_bye(&mut host, ALICE);
    assert_eq!(host.hears(CAROL), [BOB_IP]);
    assert_eq!(host.hears(BOB), [CAROL_IP]);
}
