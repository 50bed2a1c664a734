//! Our registrations with carriers.

use sip::Method;
use sip::Transport;
use sip::endpoint::RequestFailure;
use strowger_core::vocab::Secret;
use strowger_core::vocab::config::Trunk;

use crate::carrier::*;
use crate::common::*;

#[test]
fn a_registration_is_made_and_refreshed_in_good_time() {
    let mut bench = Bench::new(&[registering("192.0.2.10:5070")]);
    assert!(!bench.up("line") && bench.take_changes().is_empty());
    let first = bench.next();
    assert!(first.is(&Method::Register));
    assert_eq!(first.request.uri, "sip:192.0.2.10:5070");
    assert_eq!(first.request.from, "<sip:acct@192.0.2.10>");
    assert_eq!(first.request.from, first.request.to);
    assert_eq!(first.contact_user.as_deref(), Some("acct"));
    assert_eq!(first.header("Expires"), Some("600"));
    let credentials = first.request.credentials.clone().unwrap();
    assert_eq!((credentials.username.as_str(), credentials.password.expose()), ("acct", "pw"));
    let contacts = [
        "Contact: <sip:other@192.0.2.1>;expires=9999",
        "Contact: <sip:acct@192.0.2.1:5060>;expires=300",
        "Expires: 7",
    ];
    bench.answer(&first, "200 OK", &contacts);
    assert_eq!(bench.take_changes(), ["line up"]);
    let second = bench.next();
    assert!((180 * SECOND..=240 * SECOND).contains(&second.at), "{}", second.at);
    assert_eq!(second.request.call_id, first.request.call_id);
    assert!(second.request.cseq > first.request.cseq);
    bench.answer(&second, "200 OK", &["Expires: 100"]);
    let third = bench.next();
    let pause = third.at - second.at;
    assert!((60 * SECOND..=80 * SECOND).contains(&pause), "the header, without a Contact: {pause}");
    let view = &bench.trunks.views("demo")[0];
    assert_eq!((view.up, view.registered, view.reason.as_deref()), (true, Some(true), None));
}

#[test]
fn the_number_of_a_challenged_register_is_not_used_again() {
    let mut bench = Bench::new(&[registering("192.0.2.10")]);
    let first = bench.next();
    // The endpoint answered two challenges on the way.
    let mut answered = first.request.clone();
    answered.cseq = first.request.cseq.map(|cseq| cseq + 20);
    let message = response(&answered, "200 OK", &["Expires: 100"]);
    bench.outcome(&first, Ok(&message));
    assert!(bench.next().request.cseq > answered.cseq);
}

#[test]
fn a_registration_that_is_too_brief_is_asked_for_longer() {
    let mut bench = Bench::new(&[Trunk { expires: 60, ..registering("192.0.2.10") }]);
    let first = bench.next();
    bench.answer(&first, "423 Interval Too Brief", &["Min-Expires: 1800"]);
    let second = bench.next();
    assert_eq!((second.at, second.header("Expires")), (0, Some("1800")));
    bench.answer(&second, "423 Interval Too Brief", &["Min-Expires: 1800"]);
    assert_eq!(
        bench.take_changes(),
        ["line down: registration refused: 423 Interval Too Brief"],
        "no endless loop"
    );
}

#[test]
fn a_refused_registration_is_repeated_slowly() {
    let mut bench = Bench::new(&[registering("192.0.2.10")]);
    let mut last = 0;
    for round in 0..8 {
        let sent = bench.next();
        let pause = sent.at - last;
        let full = ((60 * SECOND) << round >> 1).min(900 * SECOND);
        assert!(round == 0 || (full / 2..=full).contains(&pause), "{round}: {pause}");
        last = sent.at;
        bench.answer(&sent, "403 Forbidden", &[]);
    }
    assert_eq!(bench.take_changes(), ["line down: registration refused: 403 Forbidden"]);
    let view = &bench.trunks.views("demo")[0];
    assert_eq!(view.registered, Some(false));
    assert_eq!(view.reason.as_deref(), Some("registration refused: 403 Forbidden"));
    let sent = bench.next();
    bench.answer(&sent, "200 OK", &[]);
    assert_eq!(bench.take_changes(), ["line up"]);
}

#[test]
fn a_silent_registrar_is_tried_at_its_other_address_then_later() {
    let mut bench = two_addresses(registering(""));
    let first = bench.next();
    let second = bench.next();
    assert_eq!(second.at - first.at, 8 * SECOND);
    assert_ne!(second.target, first.target);
    bench.outcome(&second, Err(RequestFailure::Transport));
    assert_eq!(bench.take_changes(), ["line down: not registered: no answer to REGISTER"]);
    let third = bench.next();
    let pause = third.at - second.at;
    assert!((2 * SECOND..=4 * SECOND).contains(&pause), "a pause after a round: {pause}");
    bench.answer(&first, "200 OK", &[]);
    assert!(!bench.up("line"), "that one was given up");
    bench.answer(&third, "200 OK", &[]);
    assert!(bench.up("line"));
}

#[test]
fn a_registration_lapses_when_its_carrier_stays_silent() {
    let mut bench = Bench::new(&[Trunk { qualify_secs: 60, ..registering("192.0.2.10") }]);
    let (probe, first) = (bench.next(), bench.next());
    bench.answer(&probe, "200 OK", &[]);
    bench.answer(&first, "200 OK", &["Expires: 120"]);
    assert_eq!(bench.take_changes(), ["line up"]);
    bench.run_to(120 * SECOND - 1);
    assert_eq!(bench.trunks.views("demo")[0].registered, Some(true));
    bench.run_to(300 * SECOND);
    assert_eq!(bench.trunks.views("demo")[0].registered, Some(false));
    assert!(!bench.up("line"));
    bench.sent.retain(|sent| sent.at + 10 * SECOND >= bench.now);
    let probe = bench.sent.iter().rposition(|sent| sent.is(&Method::Options)).unwrap();
    let probe = bench.sent.remove(probe);
    bench.sent.clear();
    bench.run(1);
    bench.take_changes();
    bench.answer(&probe, "200 OK", &[]);
    let heard = bench.now;
    let again = loop {
        let sent = bench.next();
        if sent.is(&Method::Register) {
            break sent;
        }
        bench.answer(&sent, "200 OK", &[]);
    };
    assert!(again.at <= heard + 40 * SECOND, "a REGISTER under way is waited for, no backoff");
    bench.answer(&again, "200 OK", &["Expires: 120"]);
    assert_eq!(bench.take_changes().last().map(String::as_str), Some("line up"));
}

#[test]
fn a_reload_disturbs_only_what_changed() {
    let line = registering("192.0.2.10");
    let mut bench = Bench::new(std::slice::from_ref(&line));
    let first = bench.next();
    bench.answer(&first, "200 OK", &["Expires: 600"]);
    let deadline = bench.trunks.next_deadline();
    let cosmetic = Trunk { max_calls: 5, trusted: true, ..line.clone() };
    bench.trunks.reconfigure(std::slice::from_ref(&cosmetic), moment(bench.now));
    bench.drain();
    assert!(bench.sent.is_empty() && bench.up("line"));
    assert_eq!(bench.trunks.next_deadline(), deadline);
    let changed = Trunk { password: Some(Secret::new("new")), ..cosmetic };
    bench.trunks.reconfigure(std::slice::from_ref(&changed), moment(bench.now));
    bench.drain();
    let again = bench.next();
    assert_ne!(again.request.call_id, first.request.call_id);
    assert_eq!(again.header("Expires"), Some("600"));
    assert!(bench.sent.is_empty(), "the account is the same: nothing is taken back");
    bench.answer(&again, "200 OK", &[]);
    bench.trunks.reconfigure(&[], moment(bench.now));
    bench.drain();
    let gone = bench.next();
    assert_eq!(
        (gone.header("Expires"), gone.request.call_id.as_deref()),
        (Some("0"), again.request.call_id.as_deref())
    );
    assert!(gone.request.cseq > again.request.cseq);
    bench.answer(&gone, "200 OK", &[]);
    assert_eq!((bench.trunks.next_deadline(), bench.trunks.all_up()), (None, Vec::new()));
}

#[test]
fn on_the_way_out_registrations_are_taken_back() {
    let unregistered = Trunk { key: trunk_key("demo", "plain"), ..trunk("demo", "", "192.0.2.11") };
    let mut bench = Bench::new(&[registering("192.0.2.10"), unregistered]);
    let first = bench.next();
    bench.answer(&first, "200 OK", &[]);
    bench.trunks.withdraw(moment(bench.now));
    bench.drain();
    let [sent] = &bench.sent[..] else { panic!("{:?}", bench.sent) };
    assert_eq!(sent.header("Expires"), Some("0"));
    bench.sent.clear();
    bench.run(10_000);
    assert!(bench.sent.is_empty(), "and not made again");
}

#[test]
fn on_the_way_out_no_new_account_is_registered_either() {
    let mut bench = Bench::new(&[]);
    bench.trunks.withdraw(moment(bench.now));
    bench.trunks.reconfigure(&[registering("192.0.2.10")], moment(bench.now));
    bench.trunks.put(&Trunk { key: trunk_key("demo", "own"), ..registering("192.0.2.11") }, at(0));
    bench.run(10_000);
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
}

#[test]
fn a_registration_whose_connection_ended_is_made_again() {
    let mut bench =
        Bench::new(&[Trunk { transport: Some(Transport::Tcp), ..registering("192.0.2.10") }]);
    let first = bench.next();
    assert_eq!(first.request.uri, "sip:192.0.2.10;transport=tcp");
    bench.answer(&first, "200 OK", &["Expires: 600"]);
    let closed = |bench: &mut Bench, flow| {
        bench.trunks.flow_closed(moment(bench.now), flow);
        bench.drain();
    };
    bench.run(10);
    closed(&mut bench, tcp("192.0.2.11:5060", 1));
    closed(&mut bench, udp("192.0.2.10:5060"));
    bench.run(10);
    assert!(bench.sent.is_empty(), "not its connection");
    closed(&mut bench, tcp("192.0.2.10:5060", 1));
    let again = bench.next();
    assert!((21 * SECOND..=23 * SECOND).contains(&again.at), "{}", again.at);
    assert!(bench.up("line"), "it holds meanwhile");
}
