//! Extensions over HTTP while the switch runs: they register and call at once, and are refused once they are gone.

use strowger_core::vocab::define::{
    Entry, EntryKey, EntryKind, EntryOrder, EntryView, ExtensionEntry,
};
use strowger_core::vocab::mailbox::Mailbox;
use strowger_core::vocab::page::Page;
use strowger_core::vocab::{
    Command, CommandError, Config, Done, EventKind, Input, MailboxKey, PageKey, Principal, Query,
    Record, Reply, Restored, Role, Secret,
};

use crate::common::*;
use crate::exchange::Exchange;

const ALICE: &str = "198.51.100.7:5060";
const BOB: &str = "198.51.100.8:5060";

fn entry(number: &str, password: &str) -> ExtensionEntry {
    let mut extension = extension("demo", number, &["national"]);
    extension.password = Secret::new(password);
    ExtensionEntry { extension, mailbox: None, watch_mailboxes: Vec::new() }
}

fn put_by(
    own: &mut Exchange,
    principal: Principal,
    entry: ExtensionEntry,
) -> Result<Done, CommandError> {
    let entry = Entry::Extension(Box::new(entry));
    let order = EntryOrder::Put { entry, spare: Secret::new("spare") };
    match own.command_by(principal, Command::Entry(Box::new(order))) {
        Reply::Command(result) => result,
        other => panic!("{other:?}"),
    }
}

fn put(own: &mut Exchange, entry: ExtensionEntry) -> Result<Done, CommandError> {
    put_by(own, Exchange::principal(Role::Admin), entry)
}

fn delete(own: &mut Exchange, number: &str) -> Result<Done, CommandError> {
    let order = EntryOrder::Delete(EntryKey::Extension(key("demo", number)));
    match own.command(Command::Entry(Box::new(order))) {
        Reply::Command(result) => result,
        other => panic!("{other:?}"),
    }
}

fn view(own: &mut Exchange, number: &str) -> Option<EntryView> {
    match own.query(Query::Entry(EntryKey::Extension(key("demo", number)))) {
        Reply::Entry(view) => Some(*view),
        Reply::Refused(CommandError::NotFound(_)) => None,
        other => panic!("{other:?}"),
    }
}

/// What the store would give back.
fn kept(own: &Exchange) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for record in &own.records {
        match record {
            Record::Entry(entry) => {
                entries.retain(|other| other.key() != entry.key());
                entries.push((**entry).clone());
            }
            Record::EntryGone(key) => entries.retain(|other| other.key() != *key),
            _ => {}
        }
    }
    entries
}

fn conflict(result: Result<Done, CommandError>, names: &str) {
    match result {
        Err(CommandError::Conflict(text)) => assert!(text.contains(names), "{text}"),
        other => panic!("{other:?}"),
    }
}

fn invalid(result: Result<Done, CommandError>, names: &str) {
    match result {
        Err(CommandError::Invalid(text)) => assert!(text.contains(names), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_extension_registers_calls_and_is_called_at_once() {
    let mut own = Exchange::new(two_companies());
    own.register("4567", ALICE);
    assert!(!own.registers("4570", "new-one", BOB, 600), "not yet");
    let done = put(&mut own, entry("4570", "new-one"));
    assert_eq!(done, Ok(Done::Entered { created: true, spare: false }));
    assert!(!own.registers("4570", "secret", BOB, 600), "a wrong password");
    assert!(own.registers("4570", "new-one", BOB, 600));
    let mut call = own.call_from("4567", ALICE, "4570");
    let mut callee = own.pick_up(BOB);
    own.confirm(&mut call);
    // Gone while it talks: the call goes on, the phone is registered no more and not again.
    assert_eq!(delete(&mut own, "4570"), Ok(Done::Defined));
    assert_eq!(own.live().len(), 1);
    assert!(!own.registers("4570", "new-one", BOB, 600));
    let unregistered = |record: &Record| matches!(record, Record::Unregistered { extension, .. } if extension.number == "4570");
    assert!(own.records.iter().any(unregistered));
    own.hang_up(&mut callee);
    own.expect(ALICE, "BYE ");
    own.call_from("4567", ALICE, "4570");
    own.expect(ALICE, "SIP/2.0 404");
    assert_eq!(delete(&mut own, "4570"), Err(CommandError::NotFound("no extension 4570".into())));
    let changes: Vec<bool> = own
        .events
        .iter()
        .filter_map(|event| match event {
            EventKind::EntryChanged { exists, .. } => Some(*exists),
            _ => None,
        })
        .collect();
    assert_eq!(changes, [true, false]);
    own.drains();
}

#[test]
fn a_password_that_is_not_given_is_made_once_and_then_kept() {
    let mut own = Exchange::new(two_companies());
    let made = put(&mut own, entry("4570", ""));
    assert_eq!(made, Ok(Done::Entered { created: true, spare: true }));
    assert!(own.registers("4570", "spare", BOB, 600));
    let mut named = entry("4570", "");
    named.extension.name = "Bob".into();
    let mailbox = MailboxKey { tenant: "demo".into(), number: "4570".into() };
    let pin = Some(Secret::new("97531"));
    let mailbox = Mailbox { key: mailbox, pin, mailto: "bob@pbx.example".into(), attach: false };
    named.mailbox = Some(mailbox.clone());
    assert_eq!(put(&mut own, named.clone()), Ok(Done::Entered { created: false, spare: false }));
    named.mailbox = Some(Mailbox { pin: None, ..mailbox.clone() });
    put(&mut own, named.clone()).unwrap();
    let Some(Entry::Extension(last)) = kept(&own).pop() else { panic!("nothing is kept") };
    assert_eq!(last.extension.password.expose(), "spare");
    assert_eq!(last.mailbox, Some(mailbox.clone()), "the PIN stays where none is given");
    let shown = view(&mut own, "4570").unwrap().entry.into_extension().unwrap();
    assert_eq!((shown.extension.name.as_str(), shown.extension.password.expose()), ("Bob", ""));
    assert_eq!(shown.mailbox.unwrap().pin, Some(Secret::default()));
    let records = own.records.len();
    named.mailbox = Some(Mailbox { pin: Some(Secret::default()), ..mailbox });
    put(&mut own, named.clone()).unwrap();
    let shown = view(&mut own, "4570").unwrap().entry.into_extension().unwrap();
    assert_eq!(shown.mailbox.unwrap().pin, None, "an empty one takes it away");
    put(&mut own, named).unwrap();
    assert_eq!(own.records.len(), records + 1, "the same again writes nothing");
}

#[test]
fn what_the_file_defines_and_what_others_have_is_not_to_be_had() {
    let mut config = two_companies();
    config.tenants.push(tenant("third", "903104685699", None));
    let mut own = Exchange::new(config);
    conflict(put(&mut own, entry("4567", "x")), "configuration file");
    conflict(delete(&mut own, "4567"), "configuration file");
    conflict(put(&mut own, entry("9001", "x")), "a queue");
    let mut theirs = entry("50", "x");
    theirs.extension.key.tenant = "third".into();
    let third = Principal { tenant: "third".into(), ..Exchange::principal(Role::Admin) };
    put_by(&mut own, third.clone(), theirs.clone()).unwrap();
    conflict(put(&mut own, entry("9950", "x")), "another tenant's");
    // Another tenant's do not exist.
    let refused = put(&mut own, theirs);
    assert!(matches!(refused, Err(CommandError::NotFound(_))), "{refused:?}");
    for role in [Role::Supervisor, Role::Agent, Role::User, Role::ReadOnly] {
        let refused = put_by(&mut own, Exchange::principal(role), entry("4571", "x"));
        assert!(matches!(refused, Err(CommandError::Forbidden(_))), "{refused:?}");
    }
    assert_eq!(kept(&own).len(), 1);
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let mut own = Exchange::new(two_companies());
    let mut try_with = |change: &dyn Fn(&mut ExtensionEntry), names: &str| {
        let mut wrong = entry("4570", "x");
        change(&mut wrong);
        invalid(put(&mut own, wrong), names);
    };
    try_with(&|own| own.extension.key.number = "45a".into(), "number");
    try_with(&|own| own.extension.name = "a\r\nX: y".into(), "name");
    try_with(&|own| own.extension.password = Secret::new("x".repeat(129)), "password");
    try_with(&|own| own.extension.classes = vec!["a b".into()], "classes");
    try_with(&|own| own.extension.pickup_groups = vec!["a".into(); 65], "pickup_groups");
    try_with(&|own| own.extension.codecs = Some(vec!["MP3".into()]), "codecs");
    try_with(&|own| own.extension.codecs = Some(Vec::new()), "codecs");
    try_with(&|own| own.extension.ring_secs = Some(601), "ring_secs");
    try_with(&|own| own.extension.max_calls = 1_001, "max_calls");
    try_with(&|own| own.extension.caller_number = Some("057126200680".into()), "caller_number");
    try_with(&|own| own.watch_mailboxes = vec!["9999".into()], "watch_mailboxes");
    let mailbox = |pin: &str, mailto: &str| {
        let key = MailboxKey { tenant: "demo".into(), number: "4570".into() };
        Some(Mailbox { key, pin: Some(Secret::new(pin)), mailto: mailto.into(), attach: true })
    };
    try_with(&|own| own.mailbox = mailbox("12", ""), "voicemail_pin");
    try_with(&|own| own.mailbox = mailbox("", "nobody"), "voicemail_mailto");
    let mut right = entry("4570", "x");
    right.extension.caller_number = Some("057126200670".into());
    right.extension.codecs = Some(vec!["PCMA".into()]);
    right.watch_mailboxes = vec!["9001".into()];
    right.mailbox = mailbox("1234", "a@b.example, c@d.example");
    put(&mut own, right).unwrap();
}

#[test]
fn extensions_survive_a_restart_and_a_reload_and_the_file_wins() {
    let mut own = Exchange::new(two_companies());
    put(&mut own, entry("4570", "new-one")).unwrap();
    put(&mut own, entry("4571", "other-one")).unwrap();
    let restored = || Restored { entries: kept(&own), ..Restored::default() };
    let mut config = two_companies();
    config.extensions.push(extension("demo", "4571", &[]));
    let mut again = Exchange::restored(config, restored());
    let shadowed = |own: &Exchange| -> Vec<String> {
        let events = own.events.iter();
        let entries = events.filter_map(|event| match event {
            EventKind::EntryShadowed { entry } => Some(entry.to_string()),
            _ => None,
        });
        entries.collect()
    };
    assert_eq!(shadowed(&again), ["extension 4571"]);
    assert!(again.registers("4570", "new-one", BOB, 600));
    assert!(again.registers("4571", "secret", BOB, 600), "the file's password");
    assert!(!again.registers("4571", "other-one", BOB, 600));
    conflict(put(&mut again, entry("4571", "x")), "configuration file");
    assert!(view(&mut again, "4571").unwrap().from_file);
    assert!(!view(&mut again, "4570").unwrap().from_file);
    // The file lets go of one and takes a number for a queue.
    let mut config: Config = two_companies();
    config.acd.queues.push(queue("demo", "4570"));
    again.input(Input::Reload(Box::new(config)));
    assert_eq!(shadowed(&again), ["extension 4571", "extension 4570"]);
    assert!(again.registers("4571", "other-one", BOB, 600));
    assert!(!again.registers("4570", "new-one", BOB, 600));
    assert_eq!(view(&mut again, "4570"), None);
    // A tenant that is gone has no extensions.
    let mut config = two_companies();
    config.tenants.remove(0);
    config.extensions.retain(|own| own.key.tenant == "other");
    config.acd.queues.clear();
    config.trunks.retain(|own| own.key.tenant == "other");
    config.numbers.retain(|own| own.trunk.tenant == "other");
    config.routes.retain(|own| own.tenant == "other");
    again.input(Input::Reload(Box::new(config)));
    assert_eq!(shadowed(&again).len(), 4);
}

#[test]
fn extensions_of_file_and_store_are_listed_by_number_and_found_however_many_there_are() {
    let mut own = Exchange::new(two_companies());
    for number in (6_000..6_300).rev() {
        put(&mut own, entry(&number.to_string(), "x")).unwrap();
    }
    for number in (6_000..6_300).step_by(3) {
        delete(&mut own, &number.to_string()).unwrap();
    }
    let list = |own: &mut Exchange, offset| match own.query(Query::Entries {
        kind: EntryKind::Extension,
        offset,
        limit: 200,
    }) {
        Reply::Entries(page) => {
            let ids = page.items.iter().map(|view| view.entry.key().id().to_owned());
            (ids.collect::<Vec<_>>(), page.total)
        }
        other => panic!("{other:?}"),
    };
    let (first, total) = list(&mut own, 0);
    let (second, _) = list(&mut own, 200);
    let expected = ["4567", "4568", "4569"].map(str::to_owned).into_iter();
    let made = (6_000..6_300).filter(|number| number % 3 != 0).map(|number| number.to_string());
    let expected: Vec<String> = expected.chain(made).collect();
    assert_eq!((first.len(), total), (200, 203));
    assert_eq!([first, second].concat(), expected);
    for number in &expected {
        assert!(view(&mut own, number).is_some(), "{number}");
    }
    assert_eq!(view(&mut own, "6003"), None);
    let user = Principal { extension: Some("4567".into()), ..Exchange::principal(Role::User) };
    let mut seen = |number| {
        let query = Query::Entry(EntryKey::Extension(key("demo", number)));
        matches!(own.query_by(user.clone(), query), Reply::Entry(_))
    };
    assert!(seen("4567") && !seen("4568"), "a user's key sees its own");
}

#[test]
fn a_page_of_the_file_takes_its_number_from_an_extension() {
    let mut own = Exchange::new(two_companies());
    put(&mut own, entry("4570", "new-one")).unwrap();
    let mut config = two_companies();
    let page = PageKey { tenant: "demo".into(), name: "all".into() };
    config.pages.push(Page::named(page, "4570"));
    own.input(Input::Reload(Box::new(config)));
    assert_eq!(view(&mut own, "4570"), None);
    assert!(!own.registers("4570", "new-one", BOB, 600));
    own.input(Input::Reload(Box::new(two_companies())));
    assert!(own.registers("4570", "new-one", BOB, 600));
}

#[test]
fn what_waited_is_in_force_once_it_is_defined_again_without_what_it_waited_for() {
    let mut config = two_companies();
    config.tenants.push(tenant("third", "903104685699", Some("third.example")));
    let mut own = Exchange::new(config.clone());
    put(&mut own, entry("9950", "x")).unwrap();
    let mut theirs = entry("50", "x");
    theirs.extension.key.tenant = "third".into();
    let third = Principal { tenant: "third".into(), ..Exchange::principal(Role::Admin) };
    put_by(&mut own, third.clone(), theirs.clone()).unwrap();
    // Without a domain of its own the two have one SIP user, and the first one keeps it.
    config.tenants[2].domain = None;
    own.input(Input::Reload(Box::new(config)));
    let shown = |own: &mut Exchange| {
        let query = Query::Entry(EntryKey::Extension(key("third", "50")));
        matches!(own.query_by(third.clone(), query), Reply::Entry(view) if !view.from_file)
    };
    assert!(!shown(&mut own));
    delete(&mut own, "9950").unwrap();
    put_by(&mut own, third.clone(), theirs.clone()).unwrap();
    assert!(shown(&mut own));
    theirs.extension.name = "Other".into();
    put_by(&mut own, third.clone(), theirs).unwrap();
    assert!(shown(&mut own));
}

#[test]
fn phones_are_found_by_every_name_whatever_came_and_went_before() {
    let mut own = Exchange::new(two_companies());
    let mut there = std::collections::BTreeSet::new();
    // A walk over a hundred numbers that makes some and removes others, several times over.
    let mut at = 7_u32;
    for _ in 0..600 {
        at = at.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let number = (5_000 + (at >> 16) % 100).to_string();
        if there.remove(&number) {
            delete(&mut own, &number).unwrap();
        } else {
            put(&mut own, entry(&number, "x")).unwrap();
            there.insert(number);
        }
    }
    for number in (5_000..5_100).map(|number| number.to_string()) {
        let there = there.contains(&number);
        assert_eq!(view(&mut own, &number).is_some(), there, "{number}");
        assert_eq!(own.registers(&number, "x", BOB, 600), there, "{number}");
    }
    assert!(own.registers("4567", "secret", ALICE, 600), "the file's are where they were");
}
