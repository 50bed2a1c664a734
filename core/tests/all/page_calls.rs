//! Paging: who speaks, whose phones play it, who is left alone, and how it ends.

use strowger_core::vocab::acd::DefinitionOrder;
use strowger_core::vocab::config::{Config, Destination};
use strowger_core::vocab::page::{Page, Spoken};
use strowger_core::vocab::record::EndCause;
use strowger_core::vocab::{
    Command, CommandError, Done, ExtensionSettings, PageKey, Principal, Query, Reply, Role,
};

use crate::blf_phone::header;
use crate::common::*;
use crate::exchange::*;
use crate::pickup_calls::{ALICE, BOB, CAROL, CARRIER, number_of, office};
use crate::supervise_calls::ALICE_IP;
use crate::transfer_blind::{customer, ended, notified, refer};

const NOBODY: [&str; 0] = [];

/// 800 speaks to Alice, Bob and Carol; Alice may.
fn paging(change: impl FnOnce(&mut Page, &mut Config)) -> Exchange {
    office(|config| {
        let key = PageKey { tenant: "demo".into(), name: "all".into() };
        let mut page = Page::named(key, "800");
        page.members = ["4567", "4568", "4569"].map(str::to_owned).to_vec();
        config.extensions[0].classes.push("intercom".into());
        change(&mut page, config);
        config.pages.push(page);
    })
}

/// The phone is asked to answer by itself, and does.
#[track_caller]
fn plays(host: &mut Exchange, at: &'static str) -> Dialog {
    let invite = host.expect(at, "INVITE ");
    assert!(header(&invite, "Call-Info").contains("answer-after=0"), "{invite}");
    assert!(header(&invite, "Alert-Info").contains("alert-autoanswer"), "{invite}");
    let dialog = host.respond(at, &invite, 200, &sdp(at));
    host.expect(at, "ACK ");
    dialog
}

/// Alice speaks; Bob's and Carol's phones play it.
fn page(host: &mut Exchange) -> (Dialog, Dialog, Dialog) {
    let mut alice = host.call_from("4567", ALICE, "800");
    host.expect(ALICE, "SIP/2.0 100");
    host.confirm(&mut alice);
    let bob = plays(host, BOB);
    (alice, bob, plays(host, CAROL))
}

#[track_caller]
fn refused(host: &mut Exchange, number: &str, at: &'static str, status: u16) {
    let dialog = host.call_from(number, at, "800");
    host.expect(at, "SIP/2.0 100");
    host.expect(at, &format!("SIP/2.0 {status}"));
    host.respond_ack(&dialog);
    for at in [ALICE, BOB, CAROL] {
        assert_eq!(host.take(at, "INVITE "), None, "nobody is disturbed");
    }
}

#[test]
fn all_hear_the_speaker_and_nobody_hears_them() {
    let mut host = paging(|_, _| ());
    let (mut alice, _, _) = page(&mut host);
    assert_eq!(host.take(ALICE, "INVITE "), None, "not the speaker's own phone");
    assert_eq!(
        (host.hears(BOB), host.hears(CAROL)),
        (vec![ALICE_IP.into()], vec![ALICE_IP.into()])
    );
    assert_eq!(host.hears(ALICE), NOBODY);
    assert_eq!(host.mixer.announced.len(), 1, "one tone when it begins");
    host.run(10);
    host.hang_up(&mut alice);
    ended(&mut host, BOB);
    ended(&mut host, CAROL);
    host.drains();
    assert!(host.mixer.is_empty());
    let records = host.closed();
    assert_eq!(records.len(), 3);
    let first = &records[0];
    for record in &records {
        assert_eq!(record.interaction, first.interaction, "one story");
        assert_eq!(number_of(&record.callee), "page:all");
        assert!(record.answered_at.is_some());
        assert_eq!(record.end.as_ref().map(|end| end.cause), Some(EndCause::Normal));
    }
}

#[test]
fn a_phone_that_talks_or_does_not_wish_to_be_disturbed_is_left_alone() {
    let mut host = paging(|_, _| ());
    let mut outside = host.call_from("4568", BOB, "057188880000");
    host.expect(CARRIER, "INVITE ");
    let settings = ExtensionSettings { do_not_disturb: true, ..Default::default() };
    let set = Command::Settings { extension: "4569".into(), settings: Box::new(settings) };
    assert_eq!(host.command(set.clone()), Reply::Command(Ok(Done::Ordered)));
    refused(&mut host, "4567", ALICE, 480);
    let quiet = ExtensionSettings::default();
    host.command(Command::Settings { extension: "4569".into(), settings: Box::new(quiet) });
    let mut alice = host.call_from("4567", ALICE, "800");
    host.expect(ALICE, "SIP/2.0 100");
    host.confirm(&mut alice);
    plays(&mut host, CAROL);
    assert_eq!(host.take(BOB, "INVITE "), None);
    host.cancel(&outside);
    outside.cseq += 1;
    host.hang_up(&mut alice);
    ended(&mut host, CAROL);
}

#[test]
fn only_a_phone_with_the_class_speaks() {
    let mut host = paging(|_, config| {
        let to = Destination::Number(key("demo", "800"));
        config.numbers[0].to = to;
    });
    refused(&mut host, "4568", BOB, 403);
    host.call_in(CARRIER, "057188881111", "057126200670");
    host.expect(CARRIER, "SIP/2.0 100");
    host.expect(CARRIER, "SIP/2.0 404");
    for at in [ALICE, BOB, CAROL] {
        assert_eq!(host.take(at, "INVITE "), None);
    }
    let mut host = paging(|page, config| {
        page.class = "boss".into();
        config.extensions[1].classes.push("boss".into());
    });
    refused(&mut host, "4567", ALICE, 403);
    let mut bob = host.call_from("4568", BOB, "800");
    host.expect(BOB, "SIP/2.0 100");
    host.confirm(&mut bob);
    plays(&mut host, ALICE);
}

#[test]
fn a_customer_who_is_transferred_to_a_page_does_not_speak() {
    let mut host = paging(|_, _| ());
    let (mut customer, mut alice) = customer(&mut host);
    refer(&mut host, &mut alice, "sip:800@pbx.example");
    notified(&mut host, ALICE, "100");
    notified(&mut host, ALICE, "403");
    for at in [BOB, CAROL] {
        assert_eq!(host.take(at, "INVITE "), None);
    }
    host.hang_up(&mut customer);
    ended(&mut host, ALICE);
    host.drains();
}

#[test]
fn it_is_over_with_its_time_and_with_its_last_phone() {
    let mut host = paging(|page, _| page.max_secs = 20);
    page(&mut host);
    host.run(19);
    assert_eq!(host.take(ALICE, "BYE "), None);
    host.run(1);
    for at in [ALICE, BOB, CAROL] {
        ended(&mut host, at);
    }
    host.drains();
    let (_, mut bob, mut carol) = page(&mut host);
    host.hang_up(&mut bob);
    assert_eq!(host.take(ALICE, "BYE "), None);
    host.hang_up(&mut carol);
    ended(&mut host, ALICE);
    host.drains();
}

#[test]
fn a_phone_that_only_rings_is_left_alone_and_one_that_answers_late_hears_the_rest() {
    let mut host = paging(|_, _| ());
    let mut alice = host.call_from("4567", ALICE, "800");
    host.expect(ALICE, "SIP/2.0 100");
    host.confirm(&mut alice);
    let (bobs, carols) = (host.expect(BOB, "INVITE "), host.expect(CAROL, "INVITE "));
    host.respond(BOB, &bobs, 180, "");
    host.respond(CAROL, &carols, 180, "");
    host.run(8);
    host.respond(CAROL, &carols, 200, &sdp(CAROL));
    host.expect(CAROL, "ACK ");
    assert_eq!(host.hears(CAROL), [ALICE_IP]);
    host.run(2);
    let cancel = host.expect(BOB, "CANCEL ");
    host.respond(BOB, &cancel, 200, "");
    host.respond(BOB, &bobs, 487, "");
    host.hang_up(&mut alice);
    ended(&mut host, CAROL);
    host.drains();
}

#[test]
fn a_speaker_who_hangs_up_at_once_leaves_no_phone_open() {
    for answers in [true, false] {
        let mut host = paging(|page, _| page.members = vec!["4568".into()]);
        let mut alice = host.call_from("4567", ALICE, "800");
        host.expect(ALICE, "SIP/2.0 100");
        host.confirm(&mut alice);
        let invite = host.expect(BOB, "INVITE ");
        host.respond(BOB, &invite, 180, "");
        host.hang_up(&mut alice);
        let cancel = host.expect(BOB, "CANCEL ");
        host.respond(BOB, &cancel, 200, "");
        if answers {
            host.answer_crosses(BOB, &invite);
        } else {
            host.respond(BOB, &invite, 487, "");
        }
        host.drains();
    }
}

#[test]
fn one_speaks_at_a_time_and_its_hold_plays_no_music() {
    let mut host = paging(|page, config| {
        page.members = vec!["4568".into()];
        config.extensions[2].classes.push("intercom".into());
    });
    let mut alice = host.call_from("4567", ALICE, "800");
    host.expect(ALICE, "SIP/2.0 100");
    host.confirm(&mut alice);
    plays(&mut host, BOB);
    refused(&mut host, "4569", CAROL, 480);
    host.request(&mut alice, "INVITE", "", &(sdp(ALICE) + "a=sendonly\r\n"));
    host.expect(ALICE, "SIP/2.0 200");
    assert_eq!(host.hears(BOB), NOBODY);
    host.request(&mut alice, "INVITE", "", &sdp(ALICE));
    host.expect(ALICE, "SIP/2.0 200");
    assert_eq!(host.hears(BOB), [ALICE_IP]);
    let mut host = paging(|page, config| {
        page.members = vec!["4567".into(), "4568".into()];
        config.extensions[2].classes.push("intercom".into());
    });
    let mut alice = host.call_from("4567", ALICE, "800");
    host.expect(ALICE, "SIP/2.0 100");
    host.confirm(&mut alice);
    let invite = host.expect(BOB, "INVITE ");
    host.respond(BOB, &invite, 486, "");
    ended(&mut host, ALICE);
    host.drains();
}

#[test]
fn the_number_of_a_page_is_no_queues() {
    let mut host = paging(|_, _| ());
    let define = Command::Define(DefinitionOrder::PutQueue(Box::new(queue("demo", "800"))));
    let reply = host.command(define);
    let Reply::Command(Err(CommandError::Conflict(text))) = reply else { panic!("{reply:?}") };
    assert!(text.contains("800 is a page"), "{text}");
}

#[test]
fn a_page_is_begun_over_http_for_the_phone_that_speaks() {
    let mut host = paging(|_, _| ());
    let user = Principal { extension: Some("4567".into()), ..Exchange::principal(Role::User) };
    let speak = Command::Originate {
        from: "4567".into(),
        to: "800".into(),
        auto_answer: false,
        terms: Default::default(),
    };
    assert_eq!(spoken(&mut host), None);
    let begun = host.command_by(user.clone(), speak.clone());
    let Reply::Command(Ok(Done::Originated { call, .. })) = begun else { panic!("{begun:?}") };
    let invite = host.expect(ALICE, "INVITE ");
    let mut alice = host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    plays(&mut host, BOB);
    plays(&mut host, CAROL);
    assert_eq!(host.hears(BOB), [ALICE_IP]);
    let speaker = Some("4567".to_owned());
    assert_eq!(spoken(&mut host), Some(Spoken { call, speaker, playing: 2, ringing: 0 }));
    let busy = host.command_by(user, speak);
    assert!(matches!(busy, Reply::Command(Err(CommandError::Conflict(_)))), "{busy:?}");
    host.hang_up(&mut alice);
    ended(&mut host, BOB);
    ended(&mut host, CAROL);
    assert_eq!(spoken(&mut host), None);
    host.drains();
}

/// Who speaks to 800, the same in the list and alone; other tenants are told of neither.
fn spoken(host: &mut Exchange) -> Option<Spoken> {
    let Reply::Page(view) = host.query(Query::Page("all".into())) else { panic!("a page") };
    let list = host.query(Query::Pages { offset: 0, limit: 200 });
    let Reply::Pages(list) = list else { panic!("{list:?}") };
    assert_eq!((list.total, &list.items[..]), (1, &[(*view).clone()][..]));
    let stranger = Principal { tenant: "other".into(), ..Exchange::principal(Role::Admin) };
    let reply = host.query_by(stranger.clone(), Query::Page("all".into()));
    assert!(matches!(reply, Reply::Refused(CommandError::NotFound(_))), "{reply:?}");
    let reply = host.query_by(stranger, Query::Pages { offset: 0, limit: 200 });
    assert!(matches!(&reply, Reply::Pages(list) if list.items.is_empty()), "{reply:?}");
    view.spoken
}

#[test]
fn no_phone_rings_for_a_page_that_it_may_not_begin() {
    let mut host = paging(|_, _| ());
    let speak = Command::Originate {
        from: "4568".into(),
        to: "800".into(),
        auto_answer: false,
        terms: Default::default(),
    };
    let refused = host.command(speak);
    let Reply::Command(Err(CommandError::Invalid(why))) = refused else { panic!("{refused:?}") };
    assert!(why.contains("intercom"), "{why}");
    assert_eq!(host.take(BOB, "INVITE "), None);
    host.drains();
}
