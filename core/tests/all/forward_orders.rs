//! Forwards and do not disturb, set by code and over HTTP, refused where they must be, and remembered.

use strowger_core::vocab::settings::{ExtensionSettings, FollowStep, SettingsRecord};
use strowger_core::vocab::{
    Command, CommandError, Done, Principal, Query, Record, Reply, Restored, Role,
};

use crate::common::*;
use crate::exchange::Exchange;

const ALICE: &str = "198.51.100.7:5060";
const CAROL: &str = "198.51.100.9:5060";
const CARRIER: &str = "192.0.2.10:5060";

fn exchange() -> Exchange {
    let mut own = Exchange::new(two_companies());
    own.register("4567", ALICE);
    own.register("4569", CAROL);
    own
}

/// Dials a code and hears it out: what was said.
fn dial(own: &mut Exchange, number: &str, at: &'static str, code: &str) -> Vec<String> {
    let mut call = own.call_from(number, at, code);
    own.confirm(&mut call);
    let said = own.heard();
    own.hear_out();
    own.expect(at, "BYE ");
    said
}

fn last(own: &Exchange) -> Option<SettingsRecord> {
    own.records.iter().rev().find_map(|record| match record {
        Record::Settings(record) => Some((**record).clone()),
        _ => None,
    })
}

fn settings(own: &mut Exchange, number: &str) -> ExtensionSettings {
    match own.query(Query::Settings(number.into())) {
        Reply::Settings(record) => record.settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn codes_set_and_say_what_they_set() {
    let mut own = exchange();
    assert_eq!(dial(&mut own, "4567", ALICE, "*70"), ["en/forward/dnd-on"]);
    assert!(settings(&mut own, "4567").do_not_disturb);
    assert_eq!(dial(&mut own, "4567", ALICE, "%2370"), ["en/forward/dnd-off"]);
    assert!(!settings(&mut own, "4567").do_not_disturb);
    let said = dial(&mut own, "4567", ALICE, "*724568");
    assert_eq!(said[0], "en/forward/all-on");
    assert_eq!(said[1..], ["en/digits/4", "en/digits/5", "en/digits/6", "en/digits/8"]);
    dial(&mut own, "4567", ALICE, "*909001");
    dial(&mut own, "4567", ALICE, "*924568*20");
    dial(&mut own, "4567", ALICE, "*94057188880000");
    let expected = ExtensionSettings {
        forward_all: Some("4568".into()),
        forward_busy: Some("9001".into()),
        forward_no_answer: Some("4568".into()),
        forward_unregistered: Some("057188880000".into()),
        no_answer_secs: Some(20),
        ..ExtensionSettings::default()
    };
    assert_eq!(settings(&mut own, "4567"), expected);
    for (code, word) in [("73", "all"), ("91", "busy"), ("93", "no-answer"), ("95", "unregistered")]
    {
        let said = dial(&mut own, "4567", ALICE, &format!("*{code}"));
        assert_eq!(said, [format!("en/forward/{word}-off")]);
    }
    let left = ExtensionSettings { no_answer_secs: Some(20), ..ExtensionSettings::default() };
    assert_eq!(settings(&mut own, "4567"), left);
}

#[test]
fn a_number_that_its_owner_could_not_dial_is_refused_by_voice() {
    let mut own = exchange();
    // Carol may not call outside.
    let not = ["en/forward/not-possible"];
    assert_eq!(dial(&mut own, "4569", CAROL, "*72057188880000"), not);
    // Nowhere, nothing, herself, help, a code, and seconds that are none.
    for number in ["8888", "", "4569", "110", "*97", "4568*0", "4568*9999"] {
        assert_eq!(dial(&mut own, "4569", CAROL, &format!("*72{number}")), not, "{number}");
    }
    assert_eq!(dial(&mut own, "4569", CAROL, "*904568*20"), not, "busy has no seconds");
    assert_eq!(last(&own), None);
}

#[test]
fn carriers_set_nothing() {
    let mut own = exchange();
    for code in ["*70", "*724568", "*804567"] {
        own.call_in(CARRIER, "01088886666", code);
        own.expect(CARRIER, "SIP/2.0 404");
    }
    assert_eq!(last(&own), None);
}

#[test]
fn what_was_set_is_remembered_and_counts_before_the_file() {
    let mut own = exchange();
    dial(&mut own, "4567", ALICE, "*70");
    let kept = last(&own).unwrap();
    let mut config = two_companies();
    let initial = ExtensionSettings { forward_all: Some("4568".into()), ..Default::default() };
    let of =
        |number: &str| SettingsRecord { extension: key("demo", number), settings: initial.clone() };
    config.settings = vec![of("4567"), of("4569")];
    let gone = SettingsRecord { extension: key("demo", "1"), settings: initial.clone() };
    let restored = Restored { settings: vec![kept.clone(), gone], ..Restored::default() };
    let mut own = Exchange::restored(config, restored);
    assert_eq!(settings(&mut own, "4567"), kept.settings);
    assert_eq!(settings(&mut own, "4569"), initial);
    // Taking back what the file says is remembered as well.
    own.register("4569", CAROL);
    dial(&mut own, "4569", CAROL, "*73");
    assert_eq!(last(&own).unwrap().settings, ExtensionSettings::default());
}

fn put(own: &mut Exchange, by: Principal, number: &str, set: ExtensionSettings) -> Reply {
    let settings = Box::new(set);
    own.command_by(by, Command::Settings { extension: number.into(), settings })
}

fn quiet() -> ExtensionSettings {
    ExtensionSettings { do_not_disturb: true, ..ExtensionSettings::default() }
}

#[test]
fn keys_set_what_is_their_business() {
    let mut own = exchange();
    let user = Principal { extension: Some("4567".into()), ..Exchange::principal(Role::User) };
    let ok = Reply::Command(Ok(Done::Ordered));
    assert_eq!(put(&mut own, user.clone(), "4567", quiet()), ok);
    assert!(settings(&mut own, "4567").do_not_disturb);
    let not_found = |reply| matches!(reply, Reply::Command(Err(CommandError::NotFound(_))));
    assert!(not_found(put(&mut own, user, "4568", quiet())));
    assert!(not_found(put(&mut own, Exchange::principal(Role::Admin), "7000", quiet())));
    let reader = Exchange::principal(Role::ReadOnly);
    let reply = put(&mut own, reader, "4567", ExtensionSettings::default());
    assert!(matches!(reply, Reply::Command(Err(CommandError::Forbidden(_)))));
    assert_eq!(put(&mut own, Exchange::principal(Role::Supervisor), "4568", quiet()), ok);
}

#[test]
fn numbers_over_http_are_those_that_the_owner_could_dial() {
    let mut own = exchange();
    let invalid = |reply| matches!(reply, Reply::Command(Err(CommandError::Invalid(_))));
    let admin = || Exchange::principal(Role::Admin);
    let outside = ExtensionSettings {
        forward_busy: Some("057188880000".into()),
        ..ExtensionSettings::default()
    };
    assert!(invalid(put(&mut own, admin(), "4569", outside.clone())));
    assert_eq!(put(&mut own, admin(), "4567", outside), Reply::Command(Ok(Done::Ordered)));
    let step = |number: &str, ring_secs| FollowStep {
        number: number.into(),
        delay_secs: 0,
        ring_secs,
        confirm: None,
    };
    for step in [step("8888", 20), step("4568", 0), step("4568", 601)] {
        let set = ExtensionSettings { follow_me: vec![step], ..ExtensionSettings::default() };
        assert!(invalid(put(&mut own, admin(), "4567", set)));
    }
    let many = vec![step("4568", 20); 11];
    let set = ExtensionSettings { follow_me: many, ..ExtensionSettings::default() };
    assert!(invalid(put(&mut own, admin(), "4567", set)));
}
