//! Registrations: what a REGISTER does, what time does, how a contact is reached.

use sip::{Flow, HeaderName, Message, Transport};
use strowger_core::registrar::{Answer, BindingId, Due, Presence, Registrar};
use strowger_core::vocab::config::Sip;
use strowger_core::vocab::input::Listener;
use strowger_core::vocab::record::RegistrationRecord;
use strowger_core::vocab::{ExtensionKey, Now, Record};

use crate::common::*;

const PHONE: &str = "198.51.100.7:5060";

fn listener() -> Listener {
    Listener { transport: Transport::Udp, address: address("192.0.2.1:5060") }
}

/// Without OPTIONS and keep-alives, so that only what a test is about happens.
fn quiet() -> Sip {
    Sip { qualify_secs: 0, keepalive_secs: 0, max_contacts: 3, ..Sip::default() }
}

fn registrar(sip: &Sip) -> Registrar {
    Registrar::new(sip, &[listener()])
}

fn register(call_id: &str, cseq: u32, lines: &[&str]) -> Message {
    let (call_id, cseq) = (format!("Call-ID: {call_id}"), format!("CSeq: {cseq} REGISTER"));
    let mut all = vec![
        "REGISTER sip:pbx.example SIP/2.0",
        "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1",
        "From: <sip:4567@pbx.example>;tag=1",
        "To: <sip:4567@pbx.example>",
        &call_id,
        &cseq,
    ];
    all.extend(lines);
    message(&all)
}

fn me() -> ExtensionKey {
    key("demo", "4567")
}

/// Registers one contact over a UDP flow and expects success.
fn plain(registrar: &mut Registrar, seconds: u64, cseq: u32, contact: &str) -> Answer {
    let line = format!("Contact: {contact}");
    let answer = registrar.register(at(seconds), udp(PHONE), &me(), &register("a", cseq, &[&line]));
    assert_eq!(answer.reply.status, 200, "{contact}: {:?}", answer.reply.reason);
    answer
}

fn header(answer: &Answer, name: HeaderName) -> Vec<&str> {
    let named = answer.reply.headers.iter().filter(|(own, _)| own == name.as_str());
    named.map(|(_, value)| value.as_str()).collect()
}

fn contacts(answer: &Answer) -> Vec<&str> {
    header(answer, HeaderName::Contact)
}

fn reached(registrar: &Registrar) -> Vec<String> {
    registrar.contacts(&me()).into_iter().map(|target| target.uri).collect()
}

fn sound(registrar: &Registrar) {
    let mut errors = Vec::new();
    registrar.audit(&mut errors);
    assert_eq!(errors, Vec::<String>::new());
}

fn refusal(answer: &Answer) -> (u16, &str) {
    assert!(answer.records.is_empty() && answer.presence.is_none(), "{answer:?}");
    (answer.reply.status, answer.reply.reason.as_deref().unwrap_or(""))
}

#[test]
fn a_phone_registers_and_is_reached_over_its_flow() {
    let mut registrar = registrar(&quiet());
    let answer = registrar.register(
        at(0),
        udp("203.0.113.9:40000"),
        &me(),
        &register(
            "a",
            1,
            &["Contact: <sip:4567@192.168.1.5:5060>;q=0.7", "User-Agent: Desk/1", "Expires: 300"],
        ),
    );
    assert_eq!(answer.reply.status, 200);
    assert_eq!(contacts(&answer), ["<sip:4567@192.168.1.5:5060>;expires=300;q=0.700"]);
    assert_eq!(header(&answer, HeaderName::Date), ["Sat, 21 Nov 2026 00:00:00 GMT"]);
    assert_eq!(answer.presence, Some(Presence::Online(me())));
    let [Record::Registered(record)] = &answer.records[..] else { panic!("{answer:?}") };
    assert_eq!((record.q, record.cseq, record.expires_at), (700, 1, EPOCH_MS + 300_000));
    assert_eq!((record.call_id.as_str(), record.user_agent.as_str()), ("a", "Desk/1"));
    let [target] = &registrar.contacts(&me())[..] else { panic!() };
    assert_eq!(target.uri, "sip:4567@192.168.1.5:5060");
    assert_eq!(target.flow, udp("203.0.113.9:40000"), "the real source, not the Contact");
    assert!(registrar.knows(udp("203.0.113.9:40000")) && !registrar.knows(udp(PHONE)));
    sound(&registrar);
}

#[test]
fn expiry_is_asked_for_bounded_and_kept() {
    let mut registrar = registrar(&quiet());
    let asked = |contact: &str, expires: Option<&str>| {
        let mut fresh = Registrar::new(&quiet(), &[listener()]);
        let mut lines = vec![contact];
        lines.extend(expires);
        fresh.register(at(0), udp(PHONE), &me(), &register("a", 1, &lines))
    };
    let granted = |answer: &Answer| contacts(answer)[0].rsplit_once('=').unwrap().1.to_owned();
    let contact = "Contact: <sip:a@198.51.100.7>";
    assert_eq!(granted(&asked(contact, None)), "600", "the default");
    assert_eq!(granted(&asked(contact, Some("Expires: 120"))), "120");
    assert_eq!(granted(&asked("Contact: <sip:a@h>;expires=90", Some("Expires: 120"))), "90");
    assert_eq!(granted(&asked(contact, Some("Expires: 99999999"))), "3600", "the longest");
    assert_eq!(granted(&asked("Contact: <sip:a@h>;expires=junk", None)), "600", "as none");
    let brief = asked("Contact: <sip:a@h>;expires=59", None);
    assert_eq!(refusal(&brief), (423, "Interval Too Brief"));
    assert_eq!(header(&brief, HeaderName::MinExpires), ["60"]);

    plain(&mut registrar, 0, 1, "<sip:a@198.51.100.7>;expires=100");
    plain(&mut registrar, 50, 2, "<sip:b@198.51.100.7>;expires=100");
    let list = registrar.register(at(51), udp(PHONE), &me(), &register("b", 1, &[]));
    assert_eq!(
        contacts(&list),
        ["<sip:a@198.51.100.7>;expires=49", "<sip:b@198.51.100.7>;expires=99"]
    );
    assert_eq!(registrar.next_deadline(), Some(100 * SECOND));
    assert_eq!(registrar.pop_due(moment(100 * SECOND - 1)), None);
    let gone = registrar.pop_due(at(100)).unwrap();
    let Due::Expired { record: Record::Unregistered { contact, .. }, presence: None } = gone else {
        panic!("{gone:?}")
    };
    assert_eq!(contact, "sip:a@198.51.100.7");
    let last = registrar.pop_due(at(150)).unwrap();
    assert!(matches!(last, Due::Expired { presence: Some(Presence::Offline(_)), .. }), "{last:?}");
    assert_eq!((registrar.len(), registrar.next_deadline()), (0, None));
    sound(&registrar);
}

#[test]
fn star_removes_everything_and_only_with_expires_0() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:a@h>, <sip:b@h>");
    for wrong in [
        &["Contact: *"][..],
        &["Contact: *", "Expires: 60"],
        &["Contact: *, <sip:a@h>", "Expires: 0"],
        &["Contact: *", "Contact: <sip:a@h>", "Expires: 0"],
    ] {
        let answer = registrar.register(at(1), udp(PHONE), &me(), &register("a", 2, wrong));
        assert_eq!(refusal(&answer), (400, "Bad Use of Contact *"), "{wrong:?}");
    }
    let stale = register("a", 1, &["Contact: *", "Expires: 0"]);
    let answer = registrar.register(at(1), udp(PHONE), &me(), &stale);
    assert_eq!(refusal(&answer), (500, "CSeq Out of Order"));
    let answer = registrar.register(
        at(2),
        udp(PHONE),
        &me(),
        &register("a", 3, &["Contact: *", "Expires: 0"]),
    );
    assert_eq!(answer.reply.status, 200);
    assert!(contacts(&answer).is_empty());
    assert_eq!(answer.records.len(), 2);
    assert_eq!(answer.presence, Some(Presence::Offline(me())));
    assert!(registrar.is_empty() && !registrar.knows(udp(PHONE)));
    sound(&registrar);
}

#[test]
fn one_contact_is_removed_by_expires_0() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:a@h>, <sip:b@h>");
    let answer = plain(&mut registrar, 1, 2, "<sip:a@H>;expires=0");
    assert_eq!(contacts(&answer), ["<sip:b@h>;expires=599"]);
    assert_eq!(answer.presence, None);
    let again = plain(&mut registrar, 2, 3, "<sip:a@h>;expires=0");
    assert!(again.records.is_empty(), "nothing there to remove");
}

#[test]
fn an_older_request_changes_nothing() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 5, "<sip:a@h>");
    for cseq in [1, 4, 5] {
        let late = register("a", cseq, &["Contact: <sip:a@h>;expires=0"]);
        let answer = registrar.register(at(1), udp(PHONE), &me(), &late);
        assert_eq!(refusal(&answer), (500, "CSeq Out of Order"));
    }
    // One contact out of order spoils the others too (RFC 3261 section 10.3 step 7).
    let mixed = register("a", 5, &["Contact: <sip:new@h>, <sip:a@h>"]);
    let answer = registrar.register(at(1), udp(PHONE), &me(), &mixed);
    assert_eq!(refusal(&answer), (500, "CSeq Out of Order"));
    assert_eq!(reached(&registrar), ["sip:a@h"]);
    // Another Call-ID is another phone or a restarted one.
    let other = register("b", 1, &["Contact: <sip:a@h>;expires=70"]);
    let answer = registrar.register(at(2), udp(PHONE), &me(), &other);
    assert_eq!(contacts(&answer), ["<sip:a@h>;expires=70"]);
    sound(&registrar);
}

#[test]
fn equal_uris_are_one_binding_and_others_are_not() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:a%62c@Host.Example:5060;transport=TCP>");
    let answer = plain(&mut registrar, 1, 2, "<sip:abc@host.example:5060;Transport=tcp>");
    assert_eq!(contacts(&answer).len(), 1);
    let [Record::Unregistered { contact, .. }, Record::Registered(now)] = &answer.records[..]
    else {
        panic!("{answer:?}")
    };
    assert_eq!(contact, "sip:a%62c@Host.Example:5060;transport=TCP", "the store knows the text");
    assert_eq!(now.contact, "sip:abc@host.example:5060;Transport=tcp");
    let answer = plain(&mut registrar, 2, 3, "<sip:abc@host.example;transport=tcp>");
    assert_eq!(contacts(&answer).len(), 2, "a port differs from none");
}

#[test]
fn contacts_ring_by_q_then_by_freshness() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:low@h>;q=0.1");
    plain(&mut registrar, 1, 2, "<sip:old@h>");
    plain(&mut registrar, 2, 3, "<sip:new@h>;q=1.0");
    assert_eq!(reached(&registrar), ["sip:new@h", "sip:old@h", "sip:low@h"]);
    plain(&mut registrar, 3, 4, "<sip:old@h>");
    assert_eq!(reached(&registrar), ["sip:old@h", "sip:new@h", "sip:low@h"]);
}

#[test]
fn a_full_extension_lets_the_least_likely_contact_go() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:a@h>");
    plain(&mut registrar, 1, 2, "<sip:b@h>");
    let line = ["Contact: <sip:c@h;transport=tcp>"];
    let flow = tcp("198.51.100.7:40000", 1);
    registrar.register(at(2), flow, &me(), &register("c", 1, &line));
    let answer = plain(&mut registrar, 3, 3, "<sip:d@h>");
    let evicted = |answer: &Answer| match &answer.records[0] {
        Record::Unregistered { contact, .. } => contact.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(evicted(&answer), "sip:a@h", "the oldest");
    registrar.flow_closed(at(4), flow);
    let answer = plain(&mut registrar, 5, 4, "<sip:e@h>");
    assert_eq!(evicted(&answer), "sip:c@h;transport=tcp", "the one whose connection is gone");
    assert_eq!(reached(&registrar).len(), 3);
    let many = register("z", 1, &["Contact: <sip:1@h>, <sip:2@h>, <sip:3@h>, <sip:4@h>"]);
    let answer = registrar.register(at(6), udp(PHONE), &me(), &many);
    assert_eq!(refusal(&answer), (403, "Too Many Contacts"));
    let flood: Vec<String> = (0..100).map(|n| format!("Contact: <sip:{n}@h>;expires=0")).collect();
    let flood: Vec<&str> = flood.iter().map(String::as_str).collect();
    let answer = registrar.register(at(6), udp(PHONE), &me(), &register("z", 1, &flood));
    assert_eq!(refusal(&answer), (403, "Too Many Contacts"));
    sound(&registrar);
}

#[test]
fn a_device_that_moved_replaces_itself() {
    let mut registrar = registrar(&quiet());
    let instance = "+sip.instance=\"<urn:uuid:1>\"";
    plain(&mut registrar, 0, 1, &format!("<sip:a@10.0.0.1>;{instance};reg-id=1"));
    let moved = register("new", 1, &[&format!("Contact: <sip:a@10.0.0.2>;{instance};reg-id=1")]);
    let answer = registrar.register(at(1), udp("198.51.100.8:5060"), &me(), &moved);
    assert_eq!(contacts(&answer), ["<sip:a@10.0.0.2>;expires=600"]);
    assert!(!registrar.knows(udp(PHONE)) && registrar.knows(udp("198.51.100.8:5060")));
    let second = register("new2", 1, &[&format!("Contact: <sip:a@10.0.0.3>;{instance};reg-id=2")]);
    let answer = registrar.register(at(2), udp(PHONE), &me(), &second);
    assert_eq!(contacts(&answer).len(), 2, "another flow of the same device");
    sound(&registrar);
}

#[test]
fn garbage_is_refused_whole() {
    let mut registrar = registrar(&quiet());
    let long = format!("Contact: <sip:{}@h>", "a".repeat(600));
    let path = format!("Path: {}", ["<sip:p@h;lr>"; 5].join(", "));
    for (wrong, why) in [
        (&["Contact: <sip:a@h"][..], "Bad Contact"),
        (&["Contact: <mailto:a@h>"], "Contact Is Not SIP"),
        (&["Contact: <sip:a@h>, <sip:b@h:port>"], "Bad Contact"),
        (&[long.as_str()], "Contact Too Long"),
        (&["Contact: <sip:a@h>", "Path: <tel:1>"], "Bad Path"),
        (&["Contact: <sip:a@h>", path.as_str()], "Path Too Long"),
    ] {
        let answer = registrar.register(at(0), udp(PHONE), &me(), &register("a", 1, wrong));
        assert_eq!(refusal(&answer), (400, why), "{wrong:?}");
    }
    let long_id = "i".repeat(600);
    let answer = registrar.register(at(0), udp(PHONE), &me(), &register(&long_id, 1, &[]));
    assert_eq!(refusal(&answer), (400, "Call-ID Too Long"));
    let agent = format!("User-Agent: {}", "ü".repeat(100));
    let lines = ["Contact: <sip:a@h>", agent.as_str()];
    let answer = registrar.register(at(0), udp(PHONE), &me(), &register("a", 1, &lines));
    let [Record::Registered(record)] = &answer.records[..] else { panic!("{answer:?}") };
    assert_eq!(record.user_agent, "ü".repeat(64), "128 bytes, whole characters");
}

#[test]
fn a_path_is_kept_and_repeated() {
    let mut registrar = registrar(&quiet());
    let lines = [
        "Contact: <sip:a@h>",
        "Path: <sip:edge.example;lr>, <sip:core.example;lr>",
        "Supported: path",
    ];
    let answer = registrar.register(at(0), udp(PHONE), &me(), &register("a", 1, &lines));
    let path = ["<sip:edge.example;lr>", "<sip:core.example;lr>"];
    assert_eq!(header(&answer, HeaderName::Path), path);
    assert_eq!(registrar.contacts(&me())[0].path, path);
    plain(&mut registrar, 1, 2, "<sip:a@h>");
    assert!(registrar.contacts(&me())[0].path.is_empty(), "a refresh without it drops it");
}

#[test]
fn a_connection_that_ended_takes_its_contacts_along() {
    let mut registrar = registrar(&quiet());
    let flow = tcp("198.51.100.7:40000", 3);
    let contact = ["Contact: <sip:a@10.0.0.5:5060;transport=tcp>"];
    registrar.register(at(0), flow, &me(), &register("a", 1, &contact));
    let other = Flow { generation: 4, ..flow };
    assert!(registrar.flow_closed(at(1), other).is_empty(), "another connection");
    assert!(registrar.is_online(&me()));
    assert_eq!(registrar.flow_closed(at(1), flow), [Presence::Offline(me())]);
    assert!(registrar.flow_closed(at(1), flow).is_empty(), "once");
    assert!(reached(&registrar).is_empty() && !registrar.knows(flow));
    assert_eq!(registrar.len(), 1, "still registered");
    let (rows, _) = registrar.page(at(1), "demo", None, 0, 10);
    assert_eq!(rows[0].reachable, Some(false));
    let back = registrar.register(at(2), other, &me(), &register("a", 2, &contact));
    assert_eq!(back.presence, Some(Presence::Online(me())));
    assert_eq!(registrar.contacts(&me())[0].flow, other);
    sound(&registrar);
}

#[test]
fn a_phone_that_also_listens_for_datagrams_is_called_there() {
    let mut registrar = registrar(&quiet());
    let flow = tcp("198.51.100.7:40000", 1);
    let cases = [
        ("sip:a@198.51.100.7:5070", Some("198.51.100.7:5070")),
        ("sip:a@198.51.100.7", Some("198.51.100.7:5060")),
        ("sip:a@198.51.100.7:5070;transport=tcp", None),
        ("sip:a@198.51.100.7:5070;transport=sctp", None),
        ("sips:a@198.51.100.7:5070", None),
        ("sip:a@10.0.0.1:5070", None),
        ("sip:a@phone.example:5070", None),
        ("sip:a@[2001:db8::1]:5070", None),
    ];
    for (call, (contact, expected)) in cases.into_iter().enumerate() {
        let line = format!("Contact: <{contact}>");
        let call = call.to_string();
        registrar.register(at(0), flow, &me(), &register(&call, 1, &[&line]));
        registrar.flow_closed(at(1), flow);
        let targets = registrar.contacts(&me());
        let remote = targets.first().map(|target| target.flow);
        assert_eq!(remote, expected.map(udp), "{contact}");
        registrar.register(at(2), flow, &me(), &register("x", 1, &["Contact: *", "Expires: 0"]));
    }
}

#[test]
fn nat_and_connections_get_keep_alives() {
    let sip = Sip { keepalive_secs: 25, ..quiet() };
    let mut registrar = registrar(&sip);
    let mut put = |number: &str, flow: Flow, contact: &str| {
        let line = format!("Contact: <{contact}>");
        registrar.register(at(0), flow, &key("demo", number), &register("a", 1, &[&line]));
    };
    put("1", udp("198.51.100.1:5060"), "sip:a@198.51.100.1:5060");
    put("2", udp("198.51.100.2:40000"), "sip:a@192.168.1.2:5060");
    put("3", tcp("198.51.100.3:40000", 7), "sip:a@198.51.100.3:40000;transport=tcp");
    put("4", udp("198.51.100.4:40000"), "sip:a@198.51.100.4:5060");
    // Two accounts of one phone share its flow, which needs one keep-alive.
    put("5", udp("198.51.100.2:40000"), "sip:b@192.168.1.2:5060");
    for round in 1..4 {
        let mut flows = Vec::new();
        while let Some(due) = registrar.pop_due(at(25 * round)) {
            let Due::KeepAlive { flow } = due else { panic!("{due:?}") };
            flows.push(flow.remote.to_string());
        }
        assert_eq!(flows, ["198.51.100.2:40000", "198.51.100.3:40000", "198.51.100.4:40000"]);
    }
    registrar.flow_closed(at(76), tcp("198.51.100.3:40000", 7));
    let mut left = 0;
    while let Some(due) = registrar.pop_due(at(100)) {
        assert!(matches!(due, Due::KeepAlive { .. }));
        left += 1;
    }
    assert_eq!(left, 2, "none on the closed connection");
    // A phone that registers again and again does not put the keep-alive off.
    for second in 101..130 {
        let line = ["Contact: <sip:a@192.168.1.2:5060>"];
        let again = register("a", second, &line);
        registrar.register(at(second.into()), udp("198.51.100.2:40000"), &key("demo", "2"), &again);
    }
    assert!(matches!(registrar.pop_due(at(130)), Some(Due::KeepAlive { .. })));
    sound(&registrar);
}

/// The next OPTIONS with its moment, in nanoseconds.
fn next_qualify(registrar: &mut Registrar) -> (u64, BindingId) {
    loop {
        let deadline = registrar.next_deadline().expect("an OPTIONS is due");
        match registrar.pop_due(moment(deadline)) {
            Some(Due::Qualify { binding, uri, flow, .. }) => {
                assert_eq!((uri.as_str(), flow), ("sip:a@198.51.100.7", udp(PHONE)));
                return (deadline, binding);
            }
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }
}

#[test]
fn options_show_who_is_reachable() {
    let sip = Sip { qualify_secs: 60, ..quiet() };
    let mut registrar = registrar(&sip);
    plain(&mut registrar, 0, 1, "<sip:a@198.51.100.7>;expires=3600");
    let seen = |registrar: &Registrar| {
        let (rows, total) = registrar.page(at(0), "demo", Some("4567"), 0, 10);
        assert_eq!(total, 1);
        (rows[0].reachable, rows[0].round_trip_us)
    };
    assert_eq!(seen(&registrar), (None, None));
    let (first, binding) = next_qualify(&mut registrar);
    assert!((30 * SECOND..=60 * SECOND).contains(&first), "{first}");
    registrar.qualified(moment(first + 12 * SECOND / 1000), binding, true);
    assert_eq!(seen(&registrar), (Some(true), Some(12_000)));
    registrar.qualified(moment(first + SECOND), binding, false);
    assert_eq!(seen(&registrar), (Some(true), Some(12_000)), "nobody waits for that any more");
    let (second, _) = next_qualify(&mut registrar);
    assert_eq!(second, first + 60 * SECOND);
    registrar.qualified(moment(second + 32 * SECOND), binding, false);
    assert_eq!(seen(&registrar), (Some(true), Some(12_000)), "one may get lost");
    let (third, _) = next_qualify(&mut registrar);
    assert_eq!(third, second + 37 * SECOND);
    // The result never comes: the deadline counts.
    assert_eq!(registrar.pop_due(moment(third + 40 * SECOND - 1)), None);
    assert_eq!(registrar.pop_due(moment(third + 40 * SECOND)), None);
    assert_eq!(seen(&registrar), (Some(false), None));
    assert_eq!(reached(&registrar), ["sip:a@198.51.100.7"], "there is no other");
    let mine = register("b", 1, &["Contact: <sip:b@198.51.100.7>;expires=3600"]);
    registrar.register(moment(third + 41 * SECOND), udp(PHONE), &me(), &mine);
    assert_eq!(reached(&registrar), ["sip:b@198.51.100.7"], "one that may answer is better");
    let refreshed = register("a", 2, &["Contact: <sip:a@198.51.100.7>;expires=3600"]);
    registrar.register(moment(third + 42 * SECOND), udp(PHONE), &me(), &refreshed);
    assert_eq!(reached(&registrar).len(), 2, "it has spoken");
    sound(&registrar);
}

#[test]
fn a_phone_that_never_answers_options_rings_all_the_same() {
    let mut registrar = registrar(&Sip { qualify_secs: 60, ..quiet() });
    plain(&mut registrar, 0, 1, "<sip:a@198.51.100.7>;expires=3600");
    let mut last = 0;
    for round in 1..10 {
        let (when, binding) = next_qualify(&mut registrar);
        assert!(last == 0 || when >= last + 60 * SECOND, "not more often than the others");
        last = when;
        registrar.qualified(moment(when + 32 * SECOND), binding, false);
        let other = register("b", 2 * round, &["Contact: <sip:b@198.51.100.7>"]);
        registrar.register(moment(when), udp(PHONE), &me(), &other);
        assert_eq!(reached(&registrar).len(), 2);
        registrar.register(
            moment(when),
            udp(PHONE),
            &me(),
            &register("b", 2 * round + 1, &["Contact: <sip:b@198.51.100.7>;expires=0"]),
        );
    }
}

#[test]
fn a_host_that_says_nobody_listens_is_believed_until_it_speaks() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:a@198.51.100.7>");
    assert!(registrar.flow_closed(at(1), udp(PHONE)).is_empty(), "still registered");
    let (rows, _) = registrar.page(at(1), "demo", None, 0, 10);
    assert_eq!(rows[0].reachable, Some(false));
    plain(&mut registrar, 2, 2, "<sip:a@198.51.100.7>");
    let (rows, _) = registrar.page(at(2), "demo", None, 0, 10);
    assert_eq!(rows[0].reachable, None);
}

/// Everything that a registrar asks to remember, as the store would hold it.
fn stored(answers: &[&Answer]) -> Vec<RegistrationRecord> {
    let records = answers.iter().flat_map(|answer| &answer.records);
    records
        .filter_map(|record| match record {
            Record::Registered(record) => Some(record.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_restart_loses_no_registration() {
    let mut before = registrar(&quiet());
    let udp_answer = plain(&mut before, 0, 1, "<sip:a@198.51.100.7>;expires=300;q=0.5");
    let flow = tcp("198.51.100.9:40000", 5);
    let line = ["Contact: <sip:b@198.51.100.9:40000;transport=tcp>", "Path: <sip:edge;lr>"];
    let tcp_answer = before.register(at(0), flow, &me(), &register("b", 9, &line));
    let short = plain(&mut before, 0, 2, "<sip:c@198.51.100.7>;expires=60");

    let mut after = registrar(&quiet());
    // Another process: its monotonic clock begins anew, 100 s later by the wall clock.
    let boot = Now { mono: 7, wall: EPOCH_MS + 100_000 };
    let mut records = stored(&[&udp_answer, &tcp_answer, &short]);
    records.push(records[0].clone());
    let forget = after.restore(boot, records);
    let [Record::Unregistered { contact, .. }] = &forget[..] else { panic!("{forget:?}") };
    assert_eq!(contact, "sip:c@198.51.100.7", "expired meanwhile");
    assert_eq!(after.len(), 2);
    let [target] = &after.contacts(&me())[..] else { panic!() };
    assert_eq!((target.uri.as_str(), target.flow), ("sip:a@198.51.100.7", udp(PHONE)));
    let (rows, total) = after.page(boot, "demo", None, 0, 10);
    assert_eq!((rows.len(), total), (2, 2));
    assert_eq!(rows[0].record.expires_at, EPOCH_MS + 300_000);
    assert_eq!((rows[0].record.q, rows[1].record.path.len()), (500, 1));
    assert_eq!(after.next_deadline(), Some(7 + 200 * SECOND));
    // The order of requests is known still.
    let late = register("b", 9, &["Contact: <sip:b@198.51.100.9:40000;transport=tcp>"]);
    let answer = after.register(boot, flow, &me(), &late);
    assert_eq!(refusal(&answer).0, 500);
    sound(&after);
}

#[test]
fn a_restart_on_other_addresses_keeps_what_can_be_reached() {
    let mut before = registrar(&quiet());
    let records = stored(&[&plain(&mut before, 0, 1, "<sip:a@198.51.100.7>")]);
    let moved = |local: &str| {
        let listener = Listener { transport: Transport::Udp, address: address(local) };
        let mut after = Registrar::new(&quiet(), &[listener]);
        after.restore(at(1), records.clone());
        assert_eq!(after.len(), 1);
        after.contacts(&me()).first().map(|target| target.flow.local.to_string())
    };
    assert_eq!(moved("192.0.2.1:5080").as_deref(), Some("192.0.2.1:5080"));
    assert_eq!(moved("[2001:db8::1]:5060"), None);
}

#[test]
fn a_reload_drops_extensions_that_are_gone_and_starts_cycles() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:a@10.0.0.1>;expires=3600");
    let other = key("demo", "4568");
    let line = register("b", 1, &["Contact: <sip:b@10.0.0.2>;expires=3600"]);
    registrar.register(at(0), udp(PHONE), &other, &line);
    let sip = Sip { keepalive_secs: 25, qualify_secs: 60, ..quiet() };
    let gone = registrar.retain(at(10), &sip, |key| *key != other);
    let [Record::Unregistered { extension, .. }] = &gone[..] else { panic!("{gone:?}") };
    assert_eq!(*extension, other);
    assert_eq!(registrar.len(), 1);
    assert_eq!(registrar.next_deadline(), Some(35 * SECOND), "the keep-alive begins");
    sound(&registrar);
}

#[test]
fn pages_show_one_company_in_order() {
    let mut registrar = registrar(&quiet());
    for number in ["30", "10", "20"] {
        for tenant in ["demo", "demo2", "other"] {
            let line = register("a", 1, &["Contact: <sip:a@h>, <sip:b@h>"]);
            registrar.register(at(0), udp(PHONE), &key(tenant, number), &line);
        }
    }
    let page = |own, offset, limit| {
        let (rows, total) = registrar.page(at(0), "demo", own, offset, limit);
        let shown: Vec<String> = rows
            .iter()
            .map(|row| format!("{} {}", row.record.extension, row.record.contact))
            .collect();
        (shown.join(", "), total)
    };
    assert_eq!(page(None, 1, 3), ("demo/10 sip:b@h, demo/20 sip:a@h, demo/20 sip:b@h".into(), 6));
    assert_eq!(page(Some("20"), 0, 1), ("demo/20 sip:a@h".into(), 2));
    assert_eq!(page(Some("99"), 0, 10), (String::new(), 0));
    assert_eq!(registrar.page(at(0), "nobody", None, 0, 10), (Vec::new(), 0));
    assert_eq!(registrar.extensions_on(udp(PHONE)).count(), 18);
}

#[test]
fn the_same_requests_give_the_same_digest() {
    let digest = |contacts: &[&str]| {
        use std::hash::Hasher;
        let mut registrar = registrar(&Sip::default());
        for (at, contact) in contacts.iter().enumerate() {
            plain(&mut registrar, at as u64, at as u32 + 1, contact);
        }
        let mut hasher = std::hash::DefaultHasher::new();
        registrar.digest(&mut hasher);
        hasher.finish()
    };
    assert_eq!(digest(&["<sip:a@h>", "<sip:b@h>"]), digest(&["<sip:a@h>", "<sip:b@h>"]));
    assert_ne!(digest(&["<sip:a@h>", "<sip:b@h>"]), digest(&["<sip:a@h>", "<sip:c@h>"]));
}
