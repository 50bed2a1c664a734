//! Numbers, routes and trunks over HTTP while the switch runs: they carry calls at once and until they are gone.

use proptest::prelude::*;
use strowger_core::vocab::config::{Destination, Number, Route, RouteFrom, Trunk};
use strowger_core::vocab::define::{Entry, EntryKey, EntryKind, EntryOrder, EntryView, RouteEntry};
use strowger_core::vocab::{
    Command, CommandError, Config, Done, EventKind, Input, NumberKey, Principal, Query, Record,
    Reply, Restored, Role, RouteKey, Secret,
};

use crate::common::*;
use crate::exchange::Exchange;

const ALICE: &str = "198.51.100.7:5060";
const LINE: &str = "192.0.2.50:5060";
const CARRIER: &str = "192.0.2.10:5060";
const OWN: &str = "057126209999";

/// The companies of the file; `demo` may have trunks of its own.
fn companies() -> Config {
    let mut config = two_companies();
    config.tenants[0].own_trunks = true;
    config
}

fn done(reply: Reply) -> Result<Done, CommandError> {
    match reply {
        Reply::Command(result) => result,
        other => panic!("{other:?}"),
    }
}

fn put_by(own: &mut Exchange, who: Principal, entry: Entry) -> Result<Done, CommandError> {
    let order = EntryOrder::Put { entry, spare: Secret::default() };
    done(own.command_by(who, Command::Entry(Box::new(order))))
}

fn put(own: &mut Exchange, entry: Entry) -> Result<Done, CommandError> {
    put_by(own, Exchange::principal(Role::Admin), entry)
}

fn delete(own: &mut Exchange, key: EntryKey) -> Result<Done, CommandError> {
    done(own.command(Command::Entry(Box::new(EntryOrder::Delete(key)))))
}

fn line() -> Trunk {
    trunk("demo", "line", LINE)
}

fn a_trunk(trunk: Trunk) -> Entry {
    Entry::Trunk(Box::new(trunk))
}

fn a_number(trunk: &str, digits: &str, to: Destination) -> Entry {
    Entry::Number(Box::new(number(trunk_key("demo", trunk), digits, to)))
}

fn to_alice() -> Destination {
    Destination::Extension(key("demo", "4567"))
}

fn out_by(name: &str, pattern: &str, trunk: &str, position: u32) -> Entry {
    let to = vec![Destination::Trunk(trunk_key("demo", trunk))];
    let route = Route { name: name.into(), ..route("demo", pattern, None, to) };
    Entry::Route(Box::new(RouteEntry { route, position }))
}

fn number_key(digits: &str) -> EntryKey {
    EntryKey::Number(NumberKey { tenant: "demo".into(), number: digits.into() })
}

fn route_key(name: &str) -> EntryKey {
    EntryKey::Route(RouteKey { tenant: "demo".into(), name: name.into() })
}

fn line_key() -> EntryKey {
    EntryKey::Trunk(trunk_key("demo", "line"))
}

fn view(own: &mut Exchange, key: EntryKey) -> Option<EntryView> {
    match own.query(Query::Entry(key)) {
        Reply::Entry(view) => Some(*view),
        Reply::Refused(CommandError::NotFound(_)) => None,
        other => panic!("{other:?}"),
    }
}

fn list(own: &mut Exchange, kind: EntryKind) -> Vec<EntryView> {
    match own.query(Query::Entries { kind, offset: 0, limit: 200 }) {
        Reply::Entries(page) => page.items,
        other => panic!("{other:?}"),
    }
}

fn ids(own: &mut Exchange, kind: EntryKind) -> Vec<String> {
    list(own, kind).into_iter().map(|view| view.entry.key().id().to_owned()).collect()
}

/// What the store would give back, by name.
fn kept(own: &Exchange) -> Vec<Entry> {
    let mut entries = std::collections::BTreeMap::new();
    for record in &own.records {
        match record {
            Record::Entry(entry) => drop(entries.insert(entry.key(), (**entry).clone())),
            Record::EntryGone(key) => drop(entries.remove(key)),
            _ => {}
        }
    }
    entries.into_values().collect()
}

#[track_caller]
fn refused(result: Result<Done, CommandError>, names: &str) -> CommandError {
    let error = result.expect_err("it is refused");
    let text = match &error {
        CommandError::Conflict(text)
        | CommandError::Invalid(text)
        | CommandError::NotFound(text)
        | CommandError::Forbidden(text) => text,
        CommandError::Busy { what, .. } => what,
    };
    assert!(text.contains(names), "{text}");
    error
}

#[track_caller]
fn conflict(result: Result<Done, CommandError>, names: &str) {
    let error = refused(result, names);
    assert!(matches!(error, CommandError::Conflict(_)), "{error:?}");
}

#[track_caller]
fn invalid(result: Result<Done, CommandError>, names: &str) {
    let error = refused(result, names);
    assert!(matches!(error, CommandError::Invalid(_)), "{error:?}");
}

/// A trunk, its number and a route by it.
fn furnish(own: &mut Exchange) {
    let created = Ok(Done::Entered { created: true, spare: false });
    assert_eq!(put(own, a_trunk(line())), created);
    assert_eq!(put(own, a_number("line", OWN, to_alice())), created);
    assert_eq!(put(own, out_by("service", "^77\\d{3}$", "line", 100)), created);
}

#[test]
fn a_trunk_with_a_number_and_a_route_carries_calls_at_once_and_lets_them_end_when_it_goes() {
    let mut own = Exchange::new(companies());
    own.register("4567", ALICE);
    own.call_from("4567", ALICE, "77123");
    own.expect(ALICE, "SIP/2.0 404");
    furnish(&mut own);
    let mut call = own.call_from("4567", ALICE, "77123");
    let mut carrier = own.pick_up(LINE);
    own.confirm(&mut call);
    assert!(carrier.local.contains("77123"), "{}", carrier.local);
    assert!(carrier.remote.contains(OWN), "the trunk's own number is shown: {}", carrier.remote);
    let shown = view(&mut own, line_key()).unwrap();
    assert_eq!(shown.line.map(|line| (line.up, line.calls)), Some((true, 1)));
    // All of it goes while they talk.
    conflict(delete(&mut own, line_key()), &format!("number {OWN}"));
    assert_eq!(delete(&mut own, number_key(OWN)), Ok(Done::Defined));
    conflict(delete(&mut own, line_key()), "route service");
    assert_eq!(delete(&mut own, route_key("service")), Ok(Done::Defined));
    assert_eq!(delete(&mut own, line_key()), Ok(Done::Defined));
    assert_eq!(own.live().len(), 1);
    own.hang_up(&mut carrier);
    own.expect(ALICE, "BYE ");
    own.call_from("4567", ALICE, "77123");
    own.expect(ALICE, "SIP/2.0 404");
    assert_eq!(view(&mut own, line_key()), None);
    // Who was a carrier is a stranger now.
    own.call_in(LINE, "05718888", OWN);
    own.expect(LINE, "SIP/2.0 407");
    own.drains();
}

#[test]
fn a_call_comes_in_by_a_new_number_until_it_leads_elsewhere() {
    let mut own = Exchange::new(companies());
    own.register("4567", ALICE);
    furnish(&mut own);
    // The carrier writes the number in its own way.
    let mut caller = own.call_in(LINE, "057188881111", "+8657126209999");
    let mut alice = own.pick_up(ALICE);
    own.confirm(&mut caller);
    assert_eq!(
        put(&mut own, a_number("line", OWN, Destination::Echo)),
        Ok(Done::Entered { created: false, spare: false })
    );
    own.hang_up(&mut alice);
    own.expect(LINE, "BYE ");
    let mut caller = own.call_in(LINE, "057188881111", OWN);
    own.confirm(&mut caller);
    own.hang_up(&mut caller);
    // Another trunk does not deliver it.
    own.call_in(CARRIER, "057188881111", OWN);
    own.expect(CARRIER, "SIP/2.0 404");
    own.drains();
}

#[test]
fn a_ringing_call_whose_trunk_goes_is_not_stuck() {
    let mut own = Exchange::new(companies());
    own.register("4567", ALICE);
    furnish(&mut own);
    let mut out = own.call_from("4567", ALICE, "77123");
    let invite = own.expect(LINE, "INVITE ");
    own.respond(LINE, &invite, 180, "");
    for key in [number_key(OWN), route_key("service"), line_key()] {
        delete(&mut own, key).unwrap();
    }
    let mut carrier = own.respond(LINE, &invite, 200, &crate::exchange::sdp(LINE));
    own.expect(LINE, "ACK ");
    own.confirm(&mut out);
    own.hang_up(&mut carrier);
    own.expect(ALICE, "BYE ");
    own.drains();
}

#[test]
fn a_new_trunk_registers_and_a_removed_one_takes_that_back() {
    let mut own = Exchange::new(companies());
    let mut account = line();
    account.register = true;
    account.username = Some("acct".into());
    invalid(put(&mut own, a_trunk(account.clone())), "password");
    account.password = Some(Secret::new("pw"));
    put(&mut own, a_trunk(account.clone())).unwrap();
    let register = own.expect(LINE, "REGISTER ");
    own.respond(LINE, &register, 200, "");
    let shown = view(&mut own, line_key()).unwrap();
    assert_eq!(shown.line.and_then(|line| line.registered), Some(true));
    let Entry::Trunk(shown) = shown.entry else { panic!() };
    assert_eq!(shown.password, Some(Secret::default()), "there is one, and it is not shown");
    // A password that is not given stays, and what does not concern the way disturbs nothing.
    account.password = None;
    account.max_calls = 3;
    put(&mut own, a_trunk(account.clone())).unwrap();
    assert_eq!(own.take(LINE, "REGISTER "), None);
    let Some(Entry::Trunk(last)) = kept(&own).pop() else { panic!("nothing is kept") };
    assert_eq!(last.password.map(|own| own.expose().to_owned()).as_deref(), Some("pw"));
    delete(&mut own, line_key()).unwrap();
    let gone = own.expect(LINE, "REGISTER ");
    assert!(gone.contains("\r\nExpires: 0\r\n"), "{gone}");
    own.respond(LINE, &gone, 200, "");
    own.drains();
}

#[test]
fn what_the_file_defines_stays_and_is_tried_first() {
    let mut own = Exchange::new(companies());
    own.register("4567", ALICE);
    conflict(put(&mut own, a_trunk(trunk("demo", "carrier", LINE))), "configuration file");
    conflict(put(&mut own, a_number("carrier", "057126200670", to_alice())), "configuration file");
    conflict(put(&mut own, a_number("carrier", "+8657126200670", to_alice())), "057126200670");
    conflict(put(&mut own, out_by("^9$", "^9$", "carrier", 0)), "configuration file");
    conflict(delete(&mut own, route_key("^9$")), "configuration file");
    furnish(&mut own);
    // The file's route wants a class for this, which a wider one does not get around.
    put(&mut own, out_by("all", ".", "line", 0)).unwrap();
    own.call_from("4567", ALICE, "0044123456789");
    own.expect(ALICE, "SIP/2.0 403");
    assert_eq!(own.take(LINE, "INVITE "), None);
    // Among those over HTTP the position decides, then the name.
    put(&mut own, out_by("a-spare", "^77\\d{3}$", "spare", 100)).unwrap();
    let over_http = |own: &mut Exchange| -> Vec<String> {
        let all = list(own, EntryKind::Route);
        let own = all.iter().filter(|view| !view.from_file);
        own.map(|view| view.entry.key().id().to_owned()).collect()
    };
    assert_eq!(over_http(&mut own), ["all", "a-spare", "service"]);
    put(&mut own, out_by("all", ".", "line", 200)).unwrap();
    assert_eq!(over_http(&mut own), ["a-spare", "service", "all"]);
    own.call_from("4567", ALICE, "77123");
    own.expect("192.0.2.11:5060", "INVITE ");
}

#[test]
fn nobody_takes_what_is_anothers() {
    let mut own = Exchange::new(two_companies());
    for role in [Role::Supervisor, Role::Agent, Role::User, Role::ReadOnly] {
        let error = put_by(&mut own, Exchange::principal(role), out_by("a", "^1$", "carrier", 1));
        assert!(matches!(error, Err(CommandError::Forbidden(_))), "{error:?}");
    }
    let error = put(&mut own, a_trunk(line())).unwrap_err();
    assert!(matches!(&error, CommandError::Forbidden(text) if text.contains("own_trunks")));
    // However it is written, and whatever country it is said to be of.
    for digits in ["057126200680", "+8657126200680", "26200680", "04957126200680"] {
        conflict(put(&mut own, a_number("carrier", digits, to_alice())), "another tenant's");
    }
    put(&mut own, a_number("carrier", "057126209680", to_alice())).unwrap();
    let stranger = Principal { tenant: "other".into(), ..Exchange::principal(Role::Admin) };
    let theirs = Entry::Number(Box::new(Number {
        trunk: trunk_key("other", "carrier"),
        number: "+8657126209680".into(),
        to: Destination::Echo,
    }));
    conflict(put_by(&mut own, stranger.clone(), theirs), "another tenant's");
    for key in
        [number_key("057126209680"), route_key("^9$"), EntryKey::Trunk(trunk_key("demo", "spare"))]
    {
        let reply = own.query_by(stranger.clone(), Query::Entry(key.clone()));
        assert!(matches!(reply, Reply::Refused(CommandError::NotFound(_))), "{reply:?}");
        let order = Command::Entry(Box::new(EntryOrder::Delete(key)));
        let error = done(own.command_by(stranger.clone(), order));
        assert!(matches!(error, Err(CommandError::NotFound(_))), "{error:?}");
    }
    let reach = Destination::Extension(key("other", "7000"));
    invalid(put(&mut own, a_number("carrier", "057126209681", reach)), "leads nowhere");
    let reach = Entry::Number(Box::new(number(trunk_key("other", "carrier"), "1", to_alice())));
    let error = put(&mut own, reach);
    assert!(matches!(error, Err(CommandError::NotFound(_))), "{error:?}");
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let mut own = Exchange::new(companies());
    invalid(put(&mut own, a_number("nobody", OWN, to_alice())), "no trunk \"nobody\"");
    invalid(put(&mut own, a_number("carrier", "05712a", to_alice())), "outside number");
    let queue = Destination::parse("queue:9999", "demo").unwrap();
    invalid(put(&mut own, a_number("carrier", OWN, queue)), "queue:9999");
    let menu = Destination::parse("ivr:nothing", "demo").unwrap();
    invalid(put(&mut own, a_number("carrier", OWN, menu)), "ivr:nothing");
    put(&mut own, a_number("carrier", OWN, Destination::welcome("demo"))).unwrap();
    let mut try_route = |change: &dyn Fn(&mut Route), names: &str| {
        let Entry::Route(mut wrong) = out_by("a", "^77$", "carrier", 1) else { panic!() };
        change(&mut wrong.route);
        invalid(put(&mut own, Entry::Route(wrong)), names);
    };
    try_route(&|own| own.name = "a b".into(), "name");
    try_route(&|own| own.name = "file:1".into(), "name");
    try_route(&|own| own.pattern = "^(0".into(), "match");
    try_route(&|own| own.pattern = "(\\d{500}){500}".into(), "match");
    try_route(&|own| own.pattern = String::new(), "match");
    try_route(&|own| own.class = Some("a b".into()), "class");
    try_route(&|own| own.strip = 33, "strip");
    try_route(&|own| own.prepend = "x".into(), "prepend");
    try_route(&|own| own.to.clear(), "to");
    try_route(&|own| own.to = vec![Destination::Echo; 65], "to");
    try_route(&|own| own.to = vec![Destination::Trunk(trunk_key("demo", "x"))], "trunk:x");
    try_route(&|own| own.from = RouteFrom::Trunk(trunk_key("demo", "x")), "from");
    let mut try_trunk = |change: &dyn Fn(&mut Trunk), names: &str| {
        let mut wrong = line();
        change(&mut wrong);
        invalid(put(&mut own, a_trunk(wrong)), names);
    };
    try_trunk(&|own| own.key.name = "a/b".into(), "name");
    try_trunk(&|own| own.host = "a b".into(), "host");
    try_trunk(&|own| own.host = "a:99999".into(), "host");
    try_trunk(&|own| own.username = Some("a\r\nb".into()), "username");
    try_trunk(&|own| own.register = true, "username");
    try_trunk(&|own| own.domain = Some("a b".into()), "domain");
    try_trunk(&|own| own.expires = 59, "expires");
    try_trunk(&|own| own.qualify_secs = 3_601, "qualify_secs");
    try_trunk(&|own| own.max_calls = 10_001, "max_calls");
    try_trunk(&|own| own.codecs = Some(vec!["MP3".into()]), "codecs");
    try_trunk(&|own| own.addresses = vec!["192.0.2.1".parse().unwrap(); 65], "addresses");
    assert_eq!(kept(&own).len(), 1, "the number");
}

#[test]
fn lines_survive_a_restart_and_a_reload_and_the_file_wins() {
    let mut own = Exchange::new(companies());
    furnish(&mut own);
    put(&mut own, a_number("spare", "057126209998", Destination::Echo)).unwrap();
    let restored = Restored { entries: kept(&own), ..Restored::default() };
    let mut config = companies();
    config.numbers.push(number(trunk_key("demo", "spare"), OWN, Destination::Echo));
    let mut again = Exchange::restored(config, restored);
    let shadowed = |own: &Exchange| -> Vec<String> {
        let events = own.events.iter();
        let entries = events.filter_map(|event| match event {
            EventKind::EntryShadowed { entry } => Some(entry.to_string()),
            _ => None,
        });
        entries.collect()
    };
    assert_eq!(shadowed(&again), [format!("number {OWN}")]);
    again.register("4567", ALICE);
    again.call_from("4567", ALICE, "77123");
    again.expect(LINE, "INVITE ");
    again.call_in(LINE, "057188881111", OWN);
    again.expect(LINE, "SIP/2.0 404");
    // The file lets go of the number and loses a trunk: what was on that waits, until somebody makes one of its name.
    let mut config = companies();
    config.trunks.retain(|own| own.key.name != "spare");
    config.numbers.retain(|own| own.trunk.name != "spare");
    config.routes.retain(|own| !own.to.contains(&Destination::Trunk(trunk_key("demo", "spare"))));
    config.routes.retain(|own| own.from == RouteFrom::Extension);
    again.input(Input::Reload(Box::new(config)));
    assert_eq!(shadowed(&again), [format!("number {OWN}"), "number 057126209998".into()]);
    again.call_in(LINE, "057188881111", OWN);
    again.expect(ALICE, "INVITE ");
    assert_eq!(view(&mut again, number_key("057126209998")), None);
    put(&mut again, a_trunk(trunk("demo", "spare", "192.0.2.11:5060"))).unwrap();
    assert!(view(&mut again, number_key("057126209998")).is_some());
    let mut caller = again.call_in("192.0.2.11:5060", "057188881111", "057126209998");
    again.confirm(&mut caller);
}

#[test]
fn what_waited_for_the_file_can_be_defined_again() {
    let mut own = Exchange::new(companies());
    put(&mut own, a_number("spare", OWN, Destination::Echo)).unwrap();
    let mut config = companies();
    config.trunks.retain(|own| own.key.name != "spare");
    config.numbers.retain(|own| own.trunk.name != "spare");
    config.routes.retain(|own| own.from == RouteFrom::Extension);
    own.input(Input::Reload(Box::new(config)));
    assert_eq!(view(&mut own, number_key(OWN)), None);
    put(&mut own, a_number("carrier", OWN, Destination::Echo)).unwrap();
    assert!(view(&mut own, number_key(OWN)).is_some_and(|view| !view.from_file));
    put(&mut own, a_number("carrier", OWN, to_alice())).unwrap();
    assert_eq!(delete(&mut own, number_key(OWN)), Ok(Done::Defined));
}

/// One order of the property below.
#[derive(Debug, Clone)]
enum Step {
    Number(u8, bool),
    NoNumber(u8),
    Route(u8, u32, bool),
    NoRoute(u8),
    Trunk(u8),
    NoTrunk(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6u8, any::<bool>()).prop_map(|(at, echo)| Step::Number(at, echo)),
        (0..6u8).prop_map(Step::NoNumber),
        (0..6u8, 0..3u32, any::<bool>()).prop_map(|(at, place, wide)| Step::Route(at, place, wide)),
        (0..6u8).prop_map(Step::NoRoute),
        (0..3u8).prop_map(Step::Trunk),
        (0..3u8).prop_map(Step::NoTrunk),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is made, changed and removed in whatever order: a restart finds the same, in the same order.
    #[test]
    fn a_restart_finds_what_there_was(steps in prop::collection::vec(step(), 1..40)) {
        let mut own = Exchange::new(companies());
        for step in steps {
            let trunk = |at: u8| ["carrier".to_owned(), format!("t{at}")][usize::from(at % 2)].clone();
            let result = match step {
                Step::Number(at, echo) => {
                    let to = if echo { Destination::Echo } else { to_alice() };
                    put(&mut own, a_number(&trunk(at), &format!("05712620900{at}"), to))
                }
                Step::NoNumber(at) => delete(&mut own, number_key(&format!("05712620900{at}"))),
                Step::Route(at, place, wide) => {
                    let pattern = if wide { "^7" } else { "^77\\d$" };
                    put(&mut own, out_by(&format!("r{at}"), pattern, &trunk(at), place))
                }
                Step::NoRoute(at) => delete(&mut own, route_key(&format!("r{at}"))),
                Step::Trunk(at) => put(&mut own, a_trunk(trunk_of(at))),
                Step::NoTrunk(at) => {
                    delete(&mut own, EntryKey::Trunk(trunk_key("demo", &format!("t{at}"))))
                }
            };
            let sound = !matches!(result, Err(CommandError::Forbidden(_)));
            prop_assert!(sound, "{result:?}");
        }
        let restored = Restored { entries: kept(&own), ..Restored::default() };
        let mut again = Exchange::restored(companies(), restored);
        for kind in [EntryKind::Number, EntryKind::Route, EntryKind::Trunk] {
            prop_assert_eq!(ids(&mut own, kind), ids(&mut again, kind));
            prop_assert_eq!(list(&mut own, kind), list(&mut again, kind));
        }
        prop_assert_eq!(own.switch.audit(), Vec::<String>::new());
    }
}

fn trunk_of(at: u8) -> Trunk {
    trunk("demo", &format!("t{at}"), &format!("192.0.2.{}:5060", 60 + at))
}
