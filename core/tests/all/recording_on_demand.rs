//! Recording on demand: by the code that a party presses, and by order; who may, and what races with it.

use media::order::StreamId;
use strowger_core::vocab::command::Done;
use strowger_core::vocab::config::RecordPolicy;
use strowger_core::vocab::record::RecordingRecord;
use strowger_core::vocab::recording::{BegunBy, Gap};
use strowger_core::vocab::{
    CallId, Command, CommandError, Config, EventKind, Principal, Query, Record, RecordingAction,
    RecordingOrder, Reply, Role,
};

use crate::common::*;
use crate::exchange::{Dialog, Exchange, sdp};

const ALICE: &str = "198.51.100.1:5060";
const BOB: &str = "198.51.100.2:5060";

use RecordingAction::{Pause, Resume, Start, Stop};

/// 4567 calls 4568, and both talk.
struct Talk {
    exchange: Exchange,
    alice: Dialog,
    bob: Dialog,
    call: CallId,
}

fn config(alice: RecordPolicy, bob: RecordPolicy) -> Config {
    let mut config = two_companies();
    for (number, record) in [("4567", alice), ("4568", bob)] {
        let own = config.extensions.iter_mut().find(|own| own.key == key("demo", number));
        own.unwrap().record = record;
    }
    config
}

impl Talk {
    fn new(alice: RecordPolicy, bob: RecordPolicy) -> Self {
        Self::with(config(alice, bob))
    }

    fn with(config: Config) -> Self {
        let mut exchange = Exchange::new(config);
        exchange.register("4567", ALICE);
        exchange.register("4568", BOB);
        let mut alice = exchange.call_from("4567", ALICE, "4568");
        let bob = exchange.pick_up(BOB);
        exchange.confirm(&mut alice);
        let Reply::Calls(page) = exchange.query(Query::Calls { offset: 0, limit: 9 }) else {
            panic!("no calls");
        };
        let call = page.items[0].record.call;
        Self { exchange, alice, bob, call }
    }

    fn order_by(&mut self, principal: Principal, action: RecordingAction) -> Reply {
        let order = RecordingOrder { call: self.call, action };
        self.exchange.command_by(principal, Command::Record(order))
    }

    /// What a supervisor's order comes to: nothing, or the reason.
    fn order(&mut self, action: RecordingAction) -> Result<(), CommandError> {
        outcome(self.order_by(Exchange::principal(Role::Supervisor), action))
    }

    fn order_as(&mut self, number: &str, action: RecordingAction) -> Result<(), CommandError> {
        outcome(self.order_by(user(number), action))
    }

    /// The recordings that were begun, as they were remembered last.
    fn recordings(&self) -> Vec<RecordingRecord> {
        let mut found: Vec<RecordingRecord> = Vec::new();
        for record in &self.exchange.records {
            let (Record::RecordingOpened(own) | Record::RecordingClosed(own)) = record else {
                continue;
            };
            match found.iter_mut().find(|other| other.path == own.path) {
                Some(other) => other.clone_from(own),
                None => found.push(own.clone()),
            }
        }
        found
    }

    fn told(&self, wanted: fn(&EventKind) -> bool) -> usize {
        self.exchange.events.iter().filter(|kind| wanted(kind)).count()
    }

    fn end(&mut self) {
        self.exchange.hang_up(&mut self.alice);
        let bye = self.exchange.expect(BOB, "BYE ");
        self.exchange.respond(BOB, &bye, 200, "");
        self.exchange.drains();
    }
}

fn outcome(reply: Reply) -> Result<(), CommandError> {
    match reply {
        Reply::Command(Ok(Done::Ordered)) => Ok(()),
        Reply::Command(Err(error)) => Err(error),
        other => panic!("{other:?}"),
    }
}

fn user(number: &str) -> Principal {
    let own = Exchange::principal(Role::User);
    Principal { extension: Some(number.to_owned()), ..own }
}

fn is_conflict(result: &Result<(), CommandError>) -> bool {
    matches!(result, Err(CommandError::Conflict(_)))
}

fn is_forbidden(result: &Result<(), CommandError>) -> bool {
    matches!(result, Err(CommandError::Forbidden(_)))
}

#[test]
fn a_party_begins_and_ends_a_recording_by_its_code() {
    let mut talk = Talk::new(RecordPolicy::OnDemand, RecordPolicy::Never);
    assert!(talk.recordings().is_empty());
    talk.exchange.press(&mut talk.alice, "*1");
    assert_eq!(talk.exchange.recordings, 1);
    talk.exchange.run(5);
    talk.exchange.press(&mut talk.alice, "*1");
    let first = &talk.recordings()[0];
    assert_eq!((first.begun_by, first.length_ms), (BegunBy::Party, Some(6_000)));
    talk.exchange.press(&mut talk.alice, "*1");
    let paths: Vec<String> = talk.recordings().into_iter().map(|own| own.path).collect();
    assert!(paths.len() == 2 && paths[1].ends_with("-2.wav"), "{paths:?}");
    talk.end();
    assert!(talk.recordings().iter().all(|own| own.length_ms.is_some()), "hanging up ends it");
    assert_eq!(talk.exchange.closed()[0].recording.as_ref(), Some(&paths[1]));
    assert_eq!(talk.told(|kind| matches!(kind, EventKind::RecordingStarted { .. })), 2);
    assert_eq!(talk.told(|kind| matches!(kind, EventKind::RecordingEnded { .. })), 2);
}

#[test]
fn the_other_end_hears_the_keys_of_the_code() {
    let mut talk = Talk::new(RecordPolicy::OnDemand, RecordPolicy::Never);
    talk.exchange.press(&mut talk.alice, "*1");
    let exchange = &talk.exchange;
    let is_bobs = |stream: &StreamId| {
        let remote = exchange.configured.get(stream).and_then(|config| config.remote_rtp);
        remote.is_some_and(|remote| remote.ip() == address(BOB).ip())
    };
    assert!(exchange.keys.iter().all(|(stream, _)| is_bobs(stream)), "{:?}", exchange.keys);
    let keys: String = exchange.keys.iter().map(|(_, digit)| *digit).collect();
    assert_eq!(keys, "*1");
}

#[test]
fn the_code_is_for_extensions_that_record_on_demand() {
    for policy in [RecordPolicy::Never, RecordPolicy::Always] {
        let mut talk = Talk::new(RecordPolicy::OnDemand, policy);
        let before = talk.exchange.recordings;
        talk.exchange.press(&mut talk.bob, "*1");
        assert_eq!(talk.exchange.recordings, before, "{policy:?} by the callee");
        assert_eq!(talk.recordings().iter().filter(|own| own.length_ms.is_some()).count(), 0);
        talk.exchange.press(&mut talk.alice, "*");
        talk.exchange.press(&mut talk.bob, "1");
        assert_eq!(talk.exchange.recordings, before, "two parties make no code together");
        talk.end();
    }
}

#[test]
fn what_policy_wants_on_record_no_party_ends() {
    let mut talk = Talk::new(RecordPolicy::OnDemand, RecordPolicy::Always);
    assert_eq!(talk.recordings()[0].begun_by, BegunBy::Policy);
    talk.exchange.press(&mut talk.alice, "*1");
    assert_eq!((talk.recordings().len(), talk.recordings()[0].length_ms), (1, None));
    for action in [Pause, Stop] {
        assert!(is_conflict(&talk.order_as("4567", action)), "{action:?}");
    }
    assert_eq!(talk.order(Pause), Ok(()), "a supervisor may");
    assert!(is_conflict(&talk.order_as("4567", Resume)));
    assert_eq!((talk.order(Resume), talk.order(Stop)), (Ok(()), Ok(())));
    talk.end();
}

#[test]
fn pauses_are_noted_where_they_are_in_the_file() {
    let mut talk = Talk::new(RecordPolicy::OnDemand, RecordPolicy::Never);
    assert_eq!(talk.order_as("4567", Start), Ok(()));
    talk.exchange.run(2);
    assert_eq!(talk.order_as("4567", Pause), Ok(()));
    let open = Gap { from_ms: 2_000, until_ms: None };
    assert_eq!(talk.recordings()[0].gaps, [open], "a killed process knows of it too");
    talk.exchange.run(3);
    assert_eq!(talk.order_as("4567", Resume), Ok(()));
    talk.exchange.run(1);
    assert_eq!(talk.order(Pause), Ok(()));
    assert_eq!(talk.exchange.pauses, [true, false, true]);
    talk.end();
    let gaps = &talk.recordings()[0].gaps;
    let whole = Gap { from_ms: 2_000, until_ms: Some(5_000) };
    assert_eq!(gaps[..], [whole, Gap { from_ms: 6_000, until_ms: None }]);
    assert_eq!(talk.told(|kind| matches!(kind, EventKind::RecordingPaused { .. })), 2);
    let resumed =
        |kind: &EventKind| matches!(kind, EventKind::RecordingResumed { at_ms: 5_000, .. });
    assert_eq!(talk.told(resumed), 1);
}

#[test]
fn what_contradicts_the_present_state_is_refused() {
    let mut talk = Talk::new(RecordPolicy::OnDemand, RecordPolicy::Never);
    for action in [Pause, Resume, Stop] {
        assert!(is_conflict(&talk.order(action)), "{action:?} of nothing");
    }
    assert_eq!(talk.order(Start), Ok(()));
    for action in [Start, Resume] {
        assert!(is_conflict(&talk.order(action)), "{action:?} of what runs");
    }
    assert_eq!(talk.order(Pause), Ok(()));
    for action in [Start, Pause] {
        assert!(is_conflict(&talk.order(action)), "{action:?} of what pauses");
    }
    assert_eq!(talk.order(Stop), Ok(()), "what pauses can be ended");
    assert_eq!(talk.exchange.recordings, 1);
    talk.end();
}

#[test]
fn a_recording_is_not_paused_without_end() {
    let mut talk = Talk::new(RecordPolicy::OnDemand, RecordPolicy::Never);
    assert_eq!(talk.order(Start), Ok(()));
    for _ in 0..100 {
        assert_eq!((talk.order(Pause), talk.order(Resume)), (Ok(()), Ok(())));
    }
    assert!(is_conflict(&talk.order(Pause)));
    talk.end();
}

#[test]
fn rights_decide_who_may_record() {
    let mut talk = Talk::new(RecordPolicy::OnDemand, RecordPolicy::Never);
    assert!(is_forbidden(&talk.order_as("4568", Start)), "its own policy says never");
    let found = talk.order_as("4569", Start);
    assert!(matches!(found, Err(CommandError::NotFound(_))), "not its call: {found:?}");
    let reader = talk.order_by(Exchange::principal(Role::ReadOnly), Start);
    assert!(is_forbidden(&outcome(reader)));
    let stranger = Principal { tenant: "other".into(), ..Exchange::principal(Role::Admin) };
    let found = outcome(talk.order_by(stranger, Start));
    assert!(matches!(found, Err(CommandError::NotFound(_))), "{found:?}");
    assert_eq!(talk.exchange.recordings, 0);
    talk.end();

    let mut talk = Talk::new(RecordPolicy::Never, RecordPolicy::Never);
    assert!(is_conflict(&talk.order(Start)), "nobody here is to be recorded");
    talk.end();
    assert_eq!(talk.exchange.recordings, 0);
}

#[test]
fn before_the_answer_nothing_can_be_recorded() {
    let mut exchange = Exchange::new(config(RecordPolicy::OnDemand, RecordPolicy::OnDemand));
    exchange.register("4567", ALICE);
    exchange.register("4568", BOB);
    exchange.call_from("4567", ALICE, "4568");
    let invite = exchange.expect(BOB, "INVITE ");
    let Reply::Calls(page) = exchange.query(Query::Calls { offset: 0, limit: 9 }) else {
        panic!("no calls");
    };
    let order = RecordingOrder { call: page.items[0].record.call, action: Start };
    let result = outcome(exchange.command(Command::Record(order)));
    assert!(is_conflict(&result), "{result:?}");
    exchange.respond(BOB, &invite, 486, "");
}

#[test]
fn an_order_that_crosses_the_end_of_the_call_changes_nothing() {
    for action in [Start, Pause, Resume, Stop] {
        let mut talk = Talk::new(RecordPolicy::OnDemand, RecordPolicy::Never);
        assert_eq!(talk.order(Start), Ok(()));
        talk.exchange.hang_up(&mut talk.alice);
        let result = talk.order(action);
        assert!(matches!(result, Err(CommandError::NotFound(_))), "{action:?}: {result:?}");
        talk.exchange.expect(BOB, "BYE ");
        assert_eq!(talk.exchange.recordings, 1);
        assert_eq!(talk.told(|kind| matches!(kind, EventKind::RecordingEnded { .. })), 1);
    }
}

#[test]
fn a_pause_and_a_hold_know_nothing_of_each_other() {
    let mut config = config(RecordPolicy::OnDemand, RecordPolicy::Never);
    config.media.recording_tone = "tones/beep".into();
    let mut talk = Talk::with(config);
    assert_eq!(talk.order(Start), Ok(()));
    assert_eq!(talk.exchange.heard(), ["tones/beep"; 2], "both parties are told");
    talk.exchange.hear_out();
    let held = sdp(ALICE) + "a=sendonly\r\n";
    talk.exchange.request(&mut talk.alice, "INVITE", "", &held);
    talk.exchange.confirm(&mut talk.alice);
    assert_eq!(talk.exchange.heard(), ["music/hold"]);
    assert_eq!((talk.order(Pause), talk.order(Resume)), (Ok(()), Ok(())));
    let heard = talk.exchange.heard();
    assert!(
        heard.contains(&"music/hold".into()) && heard.contains(&"tones/beep".into()),
        "{heard:?}"
    );
    talk.exchange.hear_out();
    talk.exchange.request(&mut talk.alice, "INVITE", "", &sdp(ALICE));
    talk.exchange.confirm(&mut talk.alice);
    assert_eq!(talk.exchange.heard(), Vec::<String>::new());
    assert_eq!(talk.order(Stop), Ok(()), "it has run all the time");
    talk.end();
}
