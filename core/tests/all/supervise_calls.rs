//! Supervision: who hears whom in each mode, and what changes it.

use strowger_core::vocab::config::Config;
use strowger_core::vocab::record::Party;
use strowger_core::vocab::supervise::{
    Mode, SuperviseOrder, Supervised, SupervisionChange, Supervisor,
};
use strowger_core::vocab::transfer::{TalkAct, TalkOrder};
use strowger_core::vocab::{CallId, Command, Done, EventKind, Query, Reply, Role};

use crate::exchange::*;
use crate::queue_call::{ALICE, BOB, CAROL, CARRIER, CUSTOMER, customer, hotline};

/// Leads to Alice.
pub const ALICES_NUMBER: &str = "057126200670";
pub const CUSTOMER_IP: &str = "192.0.2.10";
pub const ALICE_IP: &str = "198.51.100.7";
pub const BOB_IP: &str = "198.51.100.8";
pub const CAROL_IP: &str = "198.51.100.9";

/// Alice works in sales; Bob supervises everybody, Carol the queue 9001.
pub fn office() -> Config {
    let mut config = hotline(|_| ());
    config.acd.agents.truncate(1);
    config.extensions[0].pickup_groups = vec!["sales".into()];
    config.extensions[1].supervises = vec![Supervised::Everybody];
    config.extensions[2].supervises = vec![Supervised::Queue("9001".into())];
    config
}

pub fn open(config: Config) -> Exchange {
    let mut host = Exchange::new(config);
    for (number, at) in [("4567", ALICE), ("4568", BOB), ("4569", CAROL)] {
        host.register(number, at);
    }
    host
}

/// A customer talks with Alice; the dialogs of both.
#[track_caller]
pub fn conversation(host: &mut Exchange) -> (Dialog, Dialog) {
    let mut caller = host.call_in(CARRIER, CUSTOMER, ALICES_NUMBER);
    host.expect(CARRIER, "SIP/2.0 100");
    let alice = host.pick_up(ALICE);
    host.confirm(&mut caller);
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP]);
    (caller, alice)
}

/// Somebody dials a code and is let in.
#[track_caller]
pub fn dials(host: &mut Exchange, number: &str, at: &'static str, dialled: &str) -> Dialog {
    let mut dialog = host.call_from(number, at, dialled);
    host.expect(at, "SIP/2.0 100");
    host.confirm(&mut dialog);
    dialog
}

/// A supervisor at an extension.
pub fn inside(number: &str) -> Supervisor {
    Supervisor::Extension(number.to_owned())
}

/// The only conversation's call.
pub fn talking(host: &mut Exchange) -> CallId {
    let Reply::Calls(page) = host.query(Query::Calls { offset: 0, limit: 50 }) else {
        panic!("no calls");
    };
    let is_talk = |party: &Party| !matches!(party, Party::Service { .. } | Party::Nobody);
    let found = page.items.iter().find(|view| is_talk(&view.record.callee));
    found.expect("a conversation").record.call
}

pub fn supervise(host: &mut Exchange, call: CallId, order: SuperviseOrder) -> Reply {
    let principal = Exchange::principal(Role::Supervisor);
    host.command_by(principal, Command::Supervise { call, order })
}

/// What the customer, Alice and Bob hear.
#[track_caller]
fn all_hear(host: &Exchange, customer: &[&str], alice: &[&str], bob: &[&str]) {
    let heard = [host.hears(CARRIER), host.hears(ALICE), host.hears(BOB)];
    assert_eq!(heard, [customer, alice, bob]);
}

const BOTH: &[&str] = &[CUSTOMER_IP, ALICE_IP];

fn changes(host: &Exchange) -> Vec<(SupervisionChange, Mode)> {
    let of = |event: &EventKind| match event {
        EventKind::Supervision { change, mode, .. } => Some((*change, *mode)),
        _ => None,
    };
    host.events.iter().filter_map(of).collect()
}

#[test]
fn who_is_held_by_order_hears_nobody_though_a_supervisor_listens() {
    let mut host = open(office());
    conversation(&mut host);
    let call = talking(&mut host);
    let order = |host: &mut Exchange, act| {
        let order = TalkOrder { extension: Some("4567".into()), act };
        let reply = host.command(Command::Talk { call, order });
        assert_eq!(reply, Reply::Command(Ok(Done::Ordered)));
    };
    let mut bob = dials(&mut host, "4568", BOB, "*314567");
    order(&mut host, TalkAct::Hold);
    all_hear(&host, &["music/hold"], &[], BOTH);
    host.press(&mut bob, "2");
    all_hear(&host, &["music/hold"], &[BOB_IP], BOTH);
    order(&mut host, TalkAct::Resume);
    all_hear(&host, &[ALICE_IP], &[CUSTOMER_IP, BOB_IP], BOTH);
    order(&mut host, TalkAct::Hold);
    host.hang_up(&mut bob);
    all_hear(&host, &["music/hold"], &[], &[]);
    assert!(host.mixer.mixes().is_empty());
    // Held before somebody listens.
    dials(&mut host, "4568", BOB, "*314567");
    all_hear(&host, &["music/hold"], &[], BOTH);
    order(&mut host, TalkAct::Resume);
    all_hear(&host, &[ALICE_IP], &[CUSTOMER_IP], BOTH);
}

#[test]
fn each_mode_is_heard_by_those_whom_it_is_for_and_keys_change_it() {
    let mut host = open(office());
    let (mut caller, alice) = conversation(&mut host);
    let mut bob = dials(&mut host, "4568", BOB, "*314567");
    let monitored = |host: &Exchange| all_hear(host, &[ALICE_IP], &[CUSTOMER_IP], BOTH);
    monitored(&host);
    host.press(&mut bob, "2");
    all_hear(&host, &[ALICE_IP], &[CUSTOMER_IP, BOB_IP], BOTH);
    host.press(&mut bob, "3");
    all_hear(&host, &[ALICE_IP, BOB_IP], &[CUSTOMER_IP, BOB_IP], BOTH);
    host.press(&mut bob, "1");
    monitored(&host);
    host.press(&mut bob, "45*1");
    monitored(&host);
    assert_eq!(host.take(ALICE, "INFO "), None, "the parties learn of no key");
    assert_eq!(host.take(CARRIER, "INFO "), None);
    host.press(&mut bob, "#");
    let bye = host.expect(BOB, "BYE ");
    host.respond(BOB, &bye, 200, "");
    all_hear(&host, &[ALICE_IP], &[CUSTOMER_IP], &[]);
    assert!(host.mixer.mixes().is_empty(), "bridged again");
    let (started, changed, ended) =
        (SupervisionChange::Started, SupervisionChange::Changed, SupervisionChange::Ended);
    let (monitor, whisper, barge) = (Mode::Monitor, Mode::Whisper, Mode::Barge);
    assert_eq!(
        changes(&host),
        [
            (started, monitor),
            (changed, whisper),
            (changed, barge),
            (changed, monitor),
            (ended, monitor)
        ]
    );
    host.hang_up(&mut caller);
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    drop(alice);
    host.drains();
    let records = host.closed();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].interaction, records[1].interaction, "one story");
    assert!(host.mixer.is_empty());
}

#[test]
fn a_code_of_each_mode_begins_with_it() {
    for (code, mode) in [("*31", Mode::Monitor), ("*32", Mode::Whisper), ("*33", Mode::Barge)] {
        let mut host = open(office());
        conversation(&mut host);
        dials(&mut host, "4568", BOB, &format!("{code}4567"));
        assert_eq!(changes(&host), [(SupervisionChange::Started, mode)]);
        let customer_hears = host.hears(CARRIER).contains(&BOB_IP.to_owned());
        let alice_hears = host.hears(ALICE).contains(&BOB_IP.to_owned());
        assert_eq!(
            (customer_hears, alice_hears),
            (mode == Mode::Barge, mode != Mode::Monitor),
            "{mode:?}"
        );
    }
}

#[test]
fn a_whisper_is_for_the_agent_who_called_as_well() {
    let mut host = open(office());
    let mut alice = host.call_from("4567", ALICE, "4569");
    host.pick_up(CAROL);
    host.expect(ALICE, "SIP/2.0 100");
    host.confirm(&mut alice);
    dials(&mut host, "4568", BOB, "*324567");
    assert_eq!(host.hears(ALICE), [BOB_IP, CAROL_IP]);
    assert_eq!(host.hears(CAROL), [ALICE_IP]);
    assert_eq!(host.hears(BOB), [ALICE_IP, CAROL_IP]);
}

#[test]
fn an_order_rings_the_supervisor_and_changes_and_ends_what_it_does() {
    let mut host = open(office());
    conversation(&mut host);
    let call = talking(&mut host);
    let join = SuperviseOrder::Join { who: inside("4568"), mode: Mode::Whisper, agent: None };
    let Reply::Command(Ok(Done::Originated { call: own, interaction })) =
        supervise(&mut host, call, join)
    else {
        panic!("refused");
    };
    let invite = host.expect(BOB, "INVITE ");
    assert!(invite.contains("whisper 4567"), "{invite}");
    all_hear(&host, &[ALICE_IP], &[CUSTOMER_IP], &[]);
    assert!(host.mixer.mixes().is_empty(), "nothing changes before the supervisor answers");
    host.respond(BOB, &invite, 200, &sdp(BOB));
    host.expect(BOB, "ACK ");
    all_hear(&host, &[ALICE_IP], &[CUSTOMER_IP, BOB_IP], BOTH);
    let Reply::Call(view) = host.query(Query::Call { call }) else { panic!() };
    let [supervisor] = &view.supervisors[..] else { panic!("{:?}", view.supervisors) };
    assert_eq!((supervisor.call, supervisor.mode, supervisor.joined), (own, Mode::Whisper, true));
    assert_eq!(view.record.interaction, interaction);
    let change = SuperviseOrder::Change { who: None, mode: Mode::Barge };
    assert_eq!(supervise(&mut host, call, change), Reply::Command(Ok(Done::Ordered)));
    all_hear(&host, &[ALICE_IP, BOB_IP], &[CUSTOMER_IP, BOB_IP], BOTH);
    let leave = SuperviseOrder::Leave { who: Some(inside("4568")) };
    assert_eq!(supervise(&mut host, call, leave), Reply::Command(Ok(Done::Ordered)));
    host.expect(BOB, "BYE ");
    all_hear(&host, &[ALICE_IP], &[CUSTOMER_IP], &[]);
}

#[test]
fn two_supervisors_hear_each_other_only_where_the_parties_do() {
    let mut host = open(office());
    let mut caller = customer(&mut host);
    host.pick_up(ALICE);
    let mut bob = dials(&mut host, "4568", BOB, "*324567");
    let mut carol = dials(&mut host, "4569", CAROL, "*314567");
    assert_eq!(host.hears(CAROL), BOTH, "a whisper is the agent's alone");
    host.press(&mut bob, "3");
    assert_eq!(host.hears(CAROL), [CUSTOMER_IP, ALICE_IP, BOB_IP]);
    host.hang_up(&mut bob);
    assert_eq!(host.hears(CAROL), BOTH);
    assert_eq!(host.mixer.mixes().len(), 1, "still supervised");
    host.hang_up(&mut carol);
    assert!(host.mixer.mixes().is_empty());
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP]);
    host.hang_up(&mut caller);
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    host.drains();
    assert!(host.mixer.is_empty());
}

#[test]
fn a_hold_and_its_end_leave_the_conversation_mixed() {
    let mut host = open(office());
    let (mut caller, mut alice) = conversation(&mut host);
    let mut bob = dials(&mut host, "4568", BOB, "*314567");
    let held = sdp(ALICE) + "a=sendonly\r\n";
    host.request(&mut alice, "INVITE", "", &held);
    host.expect(ALICE, "SIP/2.0 200");
    assert_eq!(host.hears(CARRIER), ["music/hold"]);
    host.press(&mut bob, "2");
    assert_eq!(host.hears(ALICE), [CUSTOMER_IP, BOB_IP], "as far as its hold lets it");
    host.request(&mut alice, "INVITE", "", &sdp(ALICE));
    host.expect(ALICE, "SIP/2.0 200");
    all_hear(&host, &[ALICE_IP], &[CUSTOMER_IP, BOB_IP], BOTH);
    // The supervisor's own hold concerns nobody else.
    host.request(&mut bob, "INVITE", "", &(sdp(BOB) + "a=sendonly\r\n"));
    host.expect(BOB, "SIP/2.0 200");
    assert_eq!(host.hears(CARRIER), [ALICE_IP]);
    host.request(&mut bob, "INVITE", "", &sdp(BOB));
    host.expect(BOB, "SIP/2.0 200");
    all_hear(&host, &[ALICE_IP], &[CUSTOMER_IP, BOB_IP], BOTH);
    // A refresh by the customer, too.
    host.request(&mut caller, "INVITE", "", &sdp(CARRIER));
    host.expect(CARRIER, "SIP/2.0 200");
    all_hear(&host, &[ALICE_IP], &[CUSTOMER_IP, BOB_IP], BOTH);
    host.hang_up(&mut bob);
    all_hear(&host, &[ALICE_IP], &[CUSTOMER_IP], &[]);
}

#[test]
fn a_tone_tells_the_parties_where_it_is_wanted() {
    let mut config = office();
    config.calls.supervise_tone = Some("tones/beep".into());
    let mut host = open(config);
    conversation(&mut host);
    dials(&mut host, "4568", BOB, "*314567");
    let [(_, prompts, _)] = &host.mixer.announced[..] else { panic!("{:?}", host.mixer) };
    assert_eq!(prompts, &["tones/beep"]);
    let mut silent = open(office());
    conversation(&mut silent);
    dials(&mut silent, "4568", BOB, "*314567");
    assert!(silent.mixer.announced.is_empty());
}

#[test]
fn a_recording_runs_on() {
    let mut config = office();
    config.extensions[0].record = strowger_core::vocab::config::RecordPolicy::Always;
    let mut host = open(config);
    conversation(&mut host);
    assert_eq!(host.recordings, 1);
    let mut bob = dials(&mut host, "4568", BOB, "*334567");
    host.hang_up(&mut bob);
    let ended = |event: &EventKind| matches!(event, EventKind::RecordingEnded { .. });
    assert_eq!((host.recordings, host.events.iter().any(ended)), (1, false));
}
