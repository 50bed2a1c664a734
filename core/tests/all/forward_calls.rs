//! Calls to extensions whose owners do not wish to be disturbed or have their calls sent on.

use strowger_core::vocab::config::Config;
use strowger_core::vocab::mailbox::Mailbox;
use strowger_core::vocab::record::EndCause;
use strowger_core::vocab::settings::{ExtensionSettings, SettingsRecord};
use strowger_core::vocab::{EventKind, MailboxKey};

use crate::common::*;
use crate::exchange::Exchange;

const ALICE: &str = "198.51.100.7:5060";
const BOB: &str = "198.51.100.8:5060";
const CAROL: &str = "198.51.100.9:5060";
const CARRIER: &str = "192.0.2.10:5060";
const SPARE: &str = "192.0.2.11:5060";
const OUTSIDE: &str = "057188880000";

fn set(number: &str, how: impl FnOnce(&mut ExtensionSettings)) -> SettingsRecord {
    let mut settings = ExtensionSettings::default();
    how(&mut settings);
    SettingsRecord { extension: key("demo", number), settings }
}

fn to(number: &str) -> Option<String> {
    Some(number.to_owned())
}

/// Alice (4567), Bob (4568) and Carol (4569) are registered; this is set.
fn with(settings: Vec<SettingsRecord>) -> Exchange {
    with_config(|config| config.settings = settings)
}

fn with_config(change: impl FnOnce(&mut Config)) -> Exchange {
    let mut config = two_companies();
    change(&mut config);
    let mut own = Exchange::new(config);
    for (number, at) in [("4567", ALICE), ("4568", BOB), ("4569", CAROL)] {
        own.register(number, at);
    }
    own
}

fn line<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let begins = |line: &&str| line.starts_with(&format!("{name}: "));
    text.lines().filter(begins).map(|line| &line[name.len() + 2..]).collect()
}

/// The call is refused with this status, and nobody else is tried.
#[track_caller]
fn refused(own: &mut Exchange, at: &str, status: u16) {
    own.expect(at, &format!("SIP/2.0 {status}"));
    let invites = own.sent.iter().filter(|(_, text)| text.starts_with("INVITE ")).count();
    assert_eq!(invites, 0, "{:#?}", own.sent);
}

#[test]
fn who_does_not_wish_to_be_disturbed_is_not_rung() {
    let mut own = with(vec![set("4568", |set| set.do_not_disturb = true)]);
    own.call_from("4567", ALICE, "4568");
    refused(&mut own, ALICE, 480);
    own.call_in(CARRIER, "01088886666", "057126200670");
    own.expect(ALICE, "INVITE ");
}

#[test]
fn all_calls_go_where_they_are_sent_and_the_phone_there_sees_who_calls_and_why() {
    let mut own = with(vec![set("4568", |set| set.forward_all = to("4569"))]);
    let mut alice = own.call_from("4567", ALICE, "4568");
    assert!(own.take(BOB, "INVITE ").is_none());
    let invite = own.expect(CAROL, "INVITE ");
    assert_eq!(line(&invite, "Diversion"), ["<sip:4568@pbx.example>;reason=unconditional"]);
    assert_eq!(
        line(&invite, "History-Info"),
        ["<sip:4568@pbx.example>;index=1", "<sip:4569@pbx.example;cause=302>;index=1.1;mp=1"]
    );
    assert!(line(&invite, "From")[0].contains("sip:4567@"), "{invite}");
    let body = crate::exchange::sdp(CAROL);
    let mut carol = own.respond(CAROL, &invite, 200, &body);
    own.confirm(&mut alice);
    own.hang_up(&mut carol);
    own.expect(ALICE, "BYE ");
}

#[test]
fn a_busy_phone_sends_its_calls_on() {
    let mut own = with(vec![set("4568", |set| set.forward_busy = to("4569"))]);
    own.call_from("4567", ALICE, "4568");
    let invite = own.expect(BOB, "INVITE ");
    own.respond(BOB, &invite, 486, "");
    let invite = own.expect(CAROL, "INVITE ");
    assert_eq!(line(&invite, "Diversion"), ["<sip:4568@pbx.example>;reason=user-busy"]);
    assert!(line(&invite, "History-Info")[0].contains("?Reason=SIP%3Bcause%3D486>"), "{invite}");
    // The target is busy too, and has nothing set: this is what the caller hears.
    own.respond(CAROL, &invite, 486, "");
    own.expect(ALICE, "SIP/2.0 486");
}

#[test]
fn an_extension_with_all_its_calls_is_busy_without_being_rung() {
    let mut own = with_config(|config| {
        config.settings = vec![set("4568", |set| set.forward_busy = to("4569"))];
        config.extensions[1].max_calls = 1;
    });
    own.call_from("4567", ALICE, "4568");
    let invite = own.expect(BOB, "INVITE ");
    own.respond(BOB, &invite, 180, "");
    own.call_in(SPARE, "01088886666", "057126200671");
    own.call_from("4567", ALICE, "4568");
    assert!(own.take(BOB, "INVITE ").is_none());
    own.expect(CAROL, "INVITE ");
}

#[test]
fn nobody_answers_within_the_seconds_that_are_set() {
    let mut own = with(vec![set("4568", |set| {
        set.forward_no_answer = to("4569");
        set.no_answer_secs = Some(8);
    })]);
    own.call_from("4567", ALICE, "4568");
    let invite = own.expect(BOB, "INVITE ");
    own.respond(BOB, &invite, 180, "");
    own.run(7);
    assert!(own.take(BOB, "CANCEL ").is_none());
    own.run(1);
    own.expect(BOB, "CANCEL ");
    let invite = own.expect(CAROL, "INVITE ");
    assert_eq!(line(&invite, "Diversion"), ["<sip:4568@pbx.example>;reason=no-answer"]);
}

#[test]
fn an_answer_that_crosses_the_end_of_the_ringing_reaches_nobody() {
    let mut own = with(vec![set("4568", |set| {
        set.forward_no_answer = to("4569");
        set.no_answer_secs = Some(5);
    })]);
    let mut alice = own.call_from("4567", ALICE, "4568");
    let late = own.expect(BOB, "INVITE ");
    own.respond(BOB, &late, 180, "");
    own.run(5);
    own.expect(CAROL, "INVITE ");
    let body = crate::exchange::sdp(BOB);
    own.respond(BOB, &late, 200, &body);
    own.expect(BOB, "ACK ");
    own.expect(BOB, "BYE ");
    own.sent.retain(|(_, text)| !text.starts_with("INVITE "));
    own.run(1);
    let invite = own.expect(CAROL, "INVITE ");
    let mut carol = own.respond(CAROL, &invite, 200, &crate::exchange::sdp(CAROL));
    own.confirm(&mut alice);
    own.hang_up(&mut carol);
}

#[test]
fn phones_that_are_not_registered_send_on_too() {
    let gone = |set: &mut ExtensionSettings| {
        set.forward_unregistered = to("4569");
        set.forward_no_answer = to(OUTSIDE);
    };
    let mut own = with(vec![set("4568", gone)]);
    own.register_for("4568", BOB, 0);
    own.call_from("4567", ALICE, "4568");
    let invite = own.expect(CAROL, "INVITE ");
    assert_eq!(line(&invite, "Diversion"), ["<sip:4568@pbx.example>;reason=unavailable"]);
}

#[test]
fn do_not_disturb_while_it_rings_takes_nothing_away_that_rings_already() {
    let mut own = with(Vec::new());
    let mut alice = own.call_from("4567", ALICE, "4568");
    let ringing = own.expect(BOB, "INVITE ");
    own.respond(BOB, &ringing, 180, "");
    let mut code = own.call_from("4568", BOB, "*70");
    own.confirm(&mut code);
    assert_eq!(own.heard(), ["en/forward/dnd-on"]);
    own.hear_out();
    own.expect(BOB, "BYE ");
    own.call_from("4569", CAROL, "4568");
    own.expect(CAROL, "SIP/2.0 480");
    own.respond(BOB, &ringing, 200, &crate::exchange::sdp(BOB));
    own.expect(BOB, "ACK ");
    own.expect(ALICE, "SIP/2.0 180");
    own.confirm(&mut alice);
}

#[test]
fn forwards_that_lead_in_a_circle_end() {
    // Bob to Carol and back.
    let circle = || {
        vec![
            set("4568", |set| set.forward_all = to("4569")),
            set("4569", |set| set.forward_all = to("4568")),
        ]
    };
    let mut own = with(circle());
    own.call_from("4567", ALICE, "4568");
    refused(&mut own, ALICE, 482);
    // A carrier's call.
    let mut settings = circle();
    settings.push(set("4567", |set| set.forward_all = to("4568")));
    let mut own = with(settings);
    own.call_in(CARRIER, "01088886666", "057126200670");
    refused(&mut own, CARRIER, 482);
    // Back to whoever calls.
    let mut own = with(vec![set("4568", |set| set.forward_all = to("4567"))]);
    own.call_from("4567", ALICE, "4568");
    refused(&mut own, ALICE, 482);
    // To itself.
    let mut own = with(vec![set("4568", |set| set.forward_all = to("4568"))]);
    own.call_from("4567", ALICE, "4568");
    refused(&mut own, ALICE, 482);
}

#[test]
fn a_chain_is_followed_as_often_as_is_allowed_carriers_before_us_included() {
    let chain = |most: u8| {
        with_config(|config| {
            config.calls.max_diversions = most;
            config.settings = vec![
                set("4567", |set| set.forward_all = to("4568")),
                set("4568", |set| set.forward_all = to("4569")),
            ];
        })
    };
    let mut own = chain(2);
    own.call_in(CARRIER, "01088886666", "057126200670");
    let invite = own.expect(CAROL, "INVITE ");
    assert_eq!(line(&invite, "Diversion").len(), 2);
    let mut own = chain(1);
    own.call_in(CARRIER, "01088886666", "057126200670");
    refused(&mut own, CARRIER, 482);
    let mut own = chain(4);
    let before = "Diversion: <sip:010@c.example>;reason=unconditional;counter=3\r\n";
    own.call_in_with(CARRIER, "01088886666", "057126200670", before);
    refused(&mut own, CARRIER, 482);
}

#[test]
fn what_a_carrier_says_of_the_way_is_kept_and_what_a_phone_says_is_not() {
    let mut own = with(vec![set("4567", |set| set.forward_all = to("4568"))]);
    let before = "Diversion: <sip:010@c.example>;reason=user-busy\r\n\
                  History-Info: <sip:010@c.example>;index=1\r\n";
    own.call_in_with(CARRIER, "01088886666", "057126200670", before);
    let invite = own.expect(BOB, "INVITE ");
    assert_eq!(
        line(&invite, "Diversion"),
        ["<sip:4567@pbx.example>;reason=unconditional", "<sip:010@c.example>;reason=user-busy"]
    );
    assert_eq!(
        line(&invite, "History-Info"),
        [
            "<sip:010@c.example>;index=1",
            "<sip:4567@pbx.example>;index=1.1",
            "<sip:4568@pbx.example;cause=302>;index=1.1.1;mp=1.1",
        ]
    );
    let mut own = with(Vec::new());
    own.call_in_with(CARRIER, "01088886666", "057126200670", before);
    let invite = own.expect(ALICE, "INVITE ");
    assert_eq!(line(&invite, "Diversion"), ["<sip:010@c.example>;reason=user-busy"]);
    let mut own = with(vec![set("4567", |set| set.forward_all = to("4568"))]);
    own.call_with("4569", CAROL, "4567", before);
    let invite = own.expect(BOB, "INVITE ");
    assert_eq!(line(&invite, "Diversion"), ["<sip:4567@pbx.example>;reason=unconditional"]);
    assert!(!invite.contains("010@c.example"), "{invite}");
}

#[test]
fn the_mailbox_takes_whom_no_forward_takes() {
    let mailbox = |config: &mut Config| {
        let key = MailboxKey { tenant: "demo".into(), number: "4568".into() };
        config.mailboxes = vec![Mailbox { key, pin: None, mailto: String::new(), attach: false }];
    };
    // Nothing but do not disturb.
    let mut own = with_config(|config| {
        mailbox(config);
        config.settings = vec![set("4568", |set| set.do_not_disturb = true)];
    });
    own.call_from("4567", ALICE, "4568");
    own.expect(ALICE, "SIP/2.0 200");
    assert_eq!(own.heard()[0], "en/unavailable");
    // A forward wins over it; where nobody is there either, it is the mailbox.
    let mut own = with_config(|config| {
        mailbox(config);
        config.settings = vec![set("4568", |set| {
            set.do_not_disturb = true;
            set.forward_busy = to("4569");
        })];
    });
    own.call_from("4567", ALICE, "4568");
    let invite = own.expect(CAROL, "INVITE ");
    own.respond(CAROL, &invite, 603, "");
    own.expect(ALICE, "SIP/2.0 200");
    assert_eq!(own.heard()[0], "en/unavailable");
}

#[test]
fn a_forward_carries_its_owners_rights_and_nobody_elses() {
    // Carol may not call outside: a forward there is not followed, whoever calls.
    let mut own = with(vec![set("4569", |set| set.forward_all = to(OUTSIDE))]);
    own.call_from("4568", BOB, "4569");
    refused(&mut own, BOB, 403);
    // Alice may, and a carrier's caller, who may not, comes there on her account.
    let mut own = with(vec![set("4567", |set| set.forward_all = to(OUTSIDE))]);
    own.call_in(CARRIER, "01088886666", "057126200670");
    let invite = own.expect(CARRIER, "INVITE ");
    assert!(invite.starts_with(&format!("INVITE sip:{OUTSIDE}@")), "{invite}");
    assert!(line(&invite, "From")[0].contains("057126200670"), "a number of ours: {invite}");
    assert!(line(&invite, "Diversion")[0].starts_with("<sip:057126200670@"), "{invite}");
    // Abroad she may not.
    let mut own = with(vec![set("4567", |set| set.forward_all = to("0044123456789"))]);
    own.call_in(CARRIER, "01088886666", "057126200670");
    refused(&mut own, CARRIER, 403);
    // Nor for help, nor to what is done for whoever dials it.
    for number in ["110", "*97", "*45", "*72057188880000"] {
        let mut own = with(vec![set("4567", |set| set.forward_all = to(number))]);
        own.call_in(CARRIER, "01088886666", "057126200670");
        refused(&mut own, CARRIER, 403);
    }
}

#[test]
fn a_carrier_that_takes_such_numbers_sees_the_original_caller() {
    let mut own = with_config(|config| {
        config.trunks[0].original_caller = true;
        config.settings = vec![set("4567", |set| set.forward_all = to(OUTSIDE))];
    });
    own.call_in(CARRIER, "01088886666", "057126200670");
    let invite = own.expect(CARRIER, "INVITE ");
    assert!(line(&invite, "From")[0].contains("01088886666"), "{invite}");
}

#[test]
fn a_phone_cannot_redirect_its_caller_into_a_feature_code() {
    let mut own = with(Vec::new());
    own.call_from("4567", ALICE, "4568");
    let invite = own.expect(BOB, "INVITE ");
    let response = own.respond(BOB, &invite, 180, "");
    assert_eq!(response.at, BOB);
    own.redirect(BOB, &invite, &format!("sip:*72{OUTSIDE}@pbx.example"));
    own.expect(ALICE, "SIP/2.0 403");
    let changed = |kind: &EventKind| matches!(kind, EventKind::SettingsChanged(_));
    assert!(!own.events.iter().any(changed));
}

#[test]
fn who_called_for_help_is_called_back_whatever_is_set() {
    let mut own = with(Vec::new());
    own.call_from("4567", ALICE, "110");
    let invite = own.expect(CARRIER, "INVITE ");
    own.respond(CARRIER, &invite, 486, "");
    let mut code = own.call_from("4567", ALICE, "*70");
    own.expect(ALICE, "SIP/2.0 100");
    own.sent.retain(|(_, text)| !text.starts_with("SIP/2.0 486"));
    own.confirm(&mut code);
    own.hear_out();
    own.call_in(CARRIER, "0110", "057126200670");
    own.expect(ALICE, "INVITE ");
    own.run(3_601);
    own.sent.clear();
    own.call_in(CARRIER, "0110", "057126200670");
    assert!(own.take(ALICE, "INVITE ").is_none());
}

#[test]
fn an_intercom_call_asks_the_phone_to_answer_and_wants_the_right() {
    let mut own = with(Vec::new());
    own.call_from("4567", ALICE, "*804568");
    refused(&mut own, ALICE, 403);
    let may = |config: &mut Config| config.extensions[0].classes.push("intercom".into());
    let mut own = with_config(may);
    own.call_from("4567", ALICE, "*804568");
    let invite = own.expect(BOB, "INVITE ");
    assert!(invite.contains("answer-after=0"), "{invite}");
    own.respond(BOB, &invite, 486, "");
    own.expect(ALICE, "SIP/2.0 486");
    // Neither disturbs nor is sent on.
    for quiet in [true, false] {
        let mut own = with_config(|config| {
            may(config);
            config.settings = vec![set("4568", |set| {
                set.do_not_disturb = quiet;
                set.forward_busy = to("4569");
            })];
        });
        own.call_from("4567", ALICE, "*804568");
        if let Some(invite) = own.take(BOB, "INVITE ") {
            assert!(!quiet);
            own.respond(BOB, &invite, 486, "");
        }
        refused(&mut own, ALICE, if quiet { 480 } else { 486 });
    }
}

#[test]
fn the_record_says_who_answered_in_the_end() {
    let mut own = with(vec![set("4568", |set| set.forward_all = to("4569"))]);
    let mut alice = own.call_from("4567", ALICE, "4568");
    let mut carol = own.pick_up(CAROL);
    own.confirm(&mut alice);
    own.hang_up(&mut carol);
    let record = own.closed().pop().unwrap();
    assert_eq!(record.dialled, "4568");
    assert_eq!(record.end.unwrap().cause, EndCause::Normal);
    assert!(format!("{:?}", record.callee).contains("4569"));
}
